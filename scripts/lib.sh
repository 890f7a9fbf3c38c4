# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib.sh - what every script here shares: messages, the cache, locks, becoming
# root, and reading the profile table.  Sourced, never run.
#
# Invariants:
#  - HOLDFAST_TOP is the clone, HOLDFAST_CACHE the cache; both absolute.
#  - Everything a human reads goes to stderr, so a script's stdout stays data.
#  - A function that fails says one line with the remedy and ends the script.
#  - No mount is ever made outside a private mount namespace (see chroot), so
#    nothing can be left mounted, not even by kill -9.

set -euo pipefail

HOLDFAST_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
HOLDFAST_SCRIPTS=$HOLDFAST_TOP/scripts
HOLDFAST_BUILD=${HOLDFAST_BUILD:-$HOLDFAST_TOP/build}
HOLDFAST_CACHE=${HOLDFAST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/holdfast}
export HOLDFAST_TOP HOLDFAST_SCRIPTS HOLDFAST_BUILD HOLDFAST_CACHE
# sbin holds debootstrap, depmod, modprobe; a plain user's PATH often lacks it.
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# say TEXT... - progress, one line.
say() {
	printf 'holdfast: %s\n' "$*" >&2
}

# die TEXT... - one line that says what is wrong and what to do; exit 1.
die() {
	printf 'holdfast: error: %s\n' "$*" >&2
	exit 1
}

# as_root CMD ARGS... - run CMD as root: directly, or through sudo.
as_root() {
	if [[ $EUID -eq 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- env "HOLDFAST_CACHE=$HOLDFAST_CACHE" "HOLDFAST_BUILD=$HOLDFAST_BUILD" \
			"PATH=$PATH" "$@"
	else
		die "this step needs root (${1##*/}): run it as root, or install sudo"
	fi
}

# give_back PATH... - when root got here through sudo, hand files to the caller.
give_back() {
	if [[ $EUID -eq 0 && -n ${SUDO_UID:-} ]]; then
		chown -R --no-dereference "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$@"
	fi
}

# lock FILE [shared] - hold a lock until this script ends; says when it waits.
# Each call takes one more file descriptor, closed by the kernel at exit, so a
# killed run never leaves a lock behind.
lock() {
	local file=$1 how=-x fd
	[[ ${2:-} == shared ]] && how=-s
	mkdir -p "$(dirname "$file")"
	exec {fd}>>"$file" || die "cannot write $file: set HOLDFAST_CACHE to a folder you own"
	if ! flock -n $how "$fd"; then
		say "waiting for another run that holds ${file##*/} ..."
		flock $how "$fd"
	fi
}

# logged LOG WHAT CMD... - run CMD with its output in LOG; on failure show the
# end of the log, so that the reason is on the screen and not in a file.
logged() {
	local log=$1 what=$2 rc=0
	shift 2
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	if [[ $rc -eq 130 || $rc -eq 143 ]]; then
		say "interrupted: $what"
		exit "$rc"
	elif [[ $rc -ne 0 ]]; then
		tail -n 25 "$log" | sed 's/^/  | /' >&2
		die "$what failed (status $rc), see $log; if that was the network or the mirror, running it again goes on from here"
	fi
}

# chroot_whole ROOT - is that a finished chroot that nobody is changing?
chroot_whole() {
	[[ -e $1/.holdfast-complete && ! -e $1/.holdfast-dirty &&
		-x $1/usr/bin/make && -e $1/usr/bin/gcc && -x $1/usr/bin/pahole ]]
}

# kdir_release KDIR - the kernel release (uname -r) a build folder is for.  From
# the header that vermagic comes from: packaged headers answer otherwise to
# "make kernelrelease".
kdir_release() {
	local record=$1/include/generated/utsrelease.h
	[[ -s $record ]] ||
		die "no kernel headers at $1: install linux-headers-$(uname -r), or say KDIR=<folder with the headers>"
	sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$record"
}

# profile_names [packaged|built|all] - profiles in table order: those whose kernel
# is Debian's (the default), those whose kernel is built here, or every one.
profile_names() {
	awk -v want="${1:-packaged}" '!/^[[:space:]]*(#|$)/ &&
		(want == "all" || (want == "built") == ($6 ~ /[.]config$/)) { print $1 }' \
		"$HOLDFAST_SCRIPTS/profiles.conf"
}

# profile_load NAME - set P_NAME P_SERIES P_SUITE P_EXTRA P_IMAGE P_HEADERS P_SLOW
# P_BOOT from the table; P_EXTRA is empty for "-".  Where the kernel is built
# here, P_CONFIG is the file with its options, else empty.
profile_load() {
	local row
	row=$(awk -v n="$1" '!/^[[:space:]]*#/ && $1 == n { print; exit }' \
		"$HOLDFAST_SCRIPTS/profiles.conf")
	[[ -n $row ]] || die "no profile '$1': have $(profile_names all | paste -sd' '), see scripts/profiles.conf"
	read -r P_NAME P_SERIES P_SUITE P_EXTRA P_IMAGE P_HEADERS P_SLOW P_BOOT <<<"$row"
	[[ -n ${P_SLOW:-} ]] || die "profile '$1' in scripts/profiles.conf has fewer than seven columns"
	[[ $P_SLOW =~ ^[1-9][0-9]*$ ]] ||
		die "profile '$1' in scripts/profiles.conf: column slow is a whole number, not '$P_SLOW'"
	[[ $P_EXTRA == - ]] && P_EXTRA=
	P_CONFIG=
	if [[ $P_HEADERS == *.config ]]; then
		P_CONFIG=$HOLDFAST_SCRIPTS/$P_HEADERS
		[[ -r $P_CONFIG ]] || die "profile '$1' in scripts/profiles.conf: there is no $P_CONFIG"
	fi
	export P_NAME P_SERIES P_SUITE P_EXTRA P_IMAGE P_HEADERS P_SLOW P_BOOT P_CONFIG
}

# config_sum - sum of the options in P_CONFIG, whatever its comments and order;
# empty for a profile whose kernel is Debian's.
config_sum() {
	[[ -n $P_CONFIG ]] || return 0
	grep -E '^(# )?CONFIG_' "$P_CONFIG" | LC_ALL=C sort | sha256sum | cut -c 1-16
}

# The IOMMUs that guests can have; the first is the default.
HOLDFAST_IOMMUS="intel amd virtio"

# iommu_known NAME - is that one of them?
iommu_known() {
	[[ " $HOLDFAST_IOMMUS " == *" $1 "* ]]
}

# kernel_drives IOMMU - does the kernel of kernel_load have a driver for it?  Those
# of real hardware are part of every x86 kernel; virtio's is a module or missing.
kernel_drives() {
	[[ $1 != virtio ]] || grep -qs '/virtio-iommu[.]ko' \
		"$K_DIR/lib/modules/$K_RELEASE"/modules.{dep,builtin}
}

# kernel_load PROFILE - set K_* from the record scripts/kernel left:
# K_RELEASE (uname -r), K_VERSION (package), K_DIR (unpacked image package),
# K_CHROOT (root folder of the Debian that builds for it), K_HEADERS (folder
# with its headers, in that chroot or in the cache), K_CONFIG (sum of the options
# it was built with, empty for Debian's own).
kernel_load() {
	local record=$HOLDFAST_CACHE/kernels/$1/current
	[[ -r $record ]] || die "kernel $1 is not in the cache: run scripts/kernel $1"
	K_RELEASE='' K_VERSION='' K_SUITE='' K_CONFIG=''
	# shellcheck disable=SC1090 # written by scripts/kernel
	source "$record"
	K_DIR=$HOLDFAST_CACHE/kernels/$1/$K_RELEASE
	K_CHROOT=$HOLDFAST_CACHE/chroots/$K_SUITE
	K_HEADERS=$K_CHROOT/usr/src/linux-headers-$K_RELEASE
	[[ -z $K_CONFIG ]] || K_HEADERS=$K_DIR/headers
	export K_RELEASE K_VERSION K_DIR K_CHROOT K_HEADERS K_CONFIG
}

# with_libraries TREE PROGRAM DESTINATION - copy a program to DESTINATION in the
# guest's root TREE, and what ld.so needs for it to where that finds it.
with_libraries() {
	local library
	rm -f "$1$3"
	cp -L "$2" "$1$3"
	ldd "$2" | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }' | sort -u |
		while read -r library; do
			mkdir -p "$1${library%/*}"
			cp -L "$library" "$1$library"
		done
}

# died_half_patched LOG - did the kernel of this log die of an instruction that it had patched
# on another CPU?  It patches code by way of an int3, and QEMU's threads can see that
# after it is gone (once in some hundred boots, most often while it boots); nothing that is
# tested here is to blame.  The proof: it died of an int3, and where that was is none.
died_half_patched() {
	tr -d '\r' <"$1" 2>/dev/null | awk '
		/Oops: int3/ { died = 1 }
		died && / Code: / {
			for (i = 2; i <= NF; i++)
				if ($i ~ /^<..>$/) gone = $(i - 1) ~ /^[0-9a-f][0-9a-f]$/ && $(i - 1) != "cc"
			exit
		}
		END { exit !gone }'
}
