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

# clean_up FOLDER - remove it; whatever is left, nobody else's processes have it in their environment.
clean_up() {
	unset HOLDFAST_FUZZ_GUEST
	grep -lsF "=$1/" /proc/[0-9]*/environ | sed 's|/proc/||; s|/.*||' | xargs -r kill -KILL || true
	rm -rf "$1"
}

# all_at_once FOLDER - call the functions named test_*, each after begin() with its name.  All of it
# is mostly waiting, so they run at the same time; what they say is in FOLDER meanwhile.  At the end
# of the script, which then says how many results there were.
all_at_once() {
	local tests test line
	mapfile -t tests < <(compgen -A function test_)
	for test in "${tests[@]}"; do
		(begin "$test" && "$test") >"$1/$test.tap" 2>"$1/$test.err" ||
			echo "not ok 0 $test # its status is $?" >>"$1/$test.tap" &
	done
	wait
	for test in "${tests[@]}"; do
		sed 's/^/# /' "$1/$test.err"
		while read -r line; do
			number=$((number + 1))
			[[ $line != not* ]] || failed=1
			sed -E "s/^((not )?ok) [0-9]+/\\1 $number/" <<<"$line"
		done <"$1/$test.tap"
	done
	echo "1..$number"
}
