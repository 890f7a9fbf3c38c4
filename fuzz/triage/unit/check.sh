# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# check.sh - what the tests of scripts share.  Sourced, never run.

failed=0 number=0
# check WHAT CONDITION - a result line.
check() {
	number=$((number + 1))
	if eval "$2"; then
		echo "ok $number $1"
	else
		echo "not ok $number $1 # $2"
		failed=1
	fi
}

# until_is CONDITION [SECONDS] - wait for it, a minute at most.
until_is() {
	local end=$((SECONDS + ${2:-60}))
	while ! eval "$1"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# guest_at FILE - make it what acts as a guest: the script on stdin, behind what takes the options
# of scripts/guest.
guest_at() {
	{
		cat <<-'OPTIONS'
			#!/usr/bin/env bash
			set -uo pipefail
			while [[ $1 != -- ]]; do
				case $1 in
				--out) out=$2; shift ;;
				--share) share=$2; shift ;;
				--recorder) recorder=$2; shift ;;
				--env) export "${2?}"; shift ;;
				--timeout) timeout=$2; shift ;;
				--profile | --append | --add) shift ;;
				esac
				shift
			done
			shift
		OPTIONS
		cat
	} >"$1"
	chmod +x "$1"
}
