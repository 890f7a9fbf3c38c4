#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# scan_log - what scripts/scan-log finds in a kernel log, and what was announced: faults,
# full memory cgroups, and logs whose beginning was overwritten.
#
# Exit status: 0; 1 when a check failed.

set -u
scan=@top@/scripts/scan-log
work=$(mktemp -d /tmp/holdfast-scan-log.XXXXXX)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

# finds N WHAT - the log on stdin has N surprises.
finds() {
	cat >"$work/log"
	number=$((number + 1))
	# shellcheck disable=SC2086 # an option or nothing
	found=$("$scan" $whole "$work/log" | wc -l)
	if [ "$found" -eq "$1" ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2 # $found surprises, not $1"
		failed=1
	fi
}

boot='[    0.000000] Linux version 6.1.0'
full='[    9.200000] play invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0
[    9.200001] Call Trace:
[    9.200002]  dump_header+0x43/0x1b3
[    9.200003] Out of memory and no killable processes...'

whole=
echo "1..11"
finds 0 "nothing, where there is nothing" <<LOG
$boot
[    1.000000] e1000: a driver
LOG
finds 1 "a warning" <<LOG
$boot
[    1.000000] WARNING: CPU: 0 PID: 1 at mm/gup.c:1
LOG
finds 1 "a fault that was not announced" <<LOG
$boot
[    1.000000] DMAR: [DMA Read] Request device [00:07.0] fault addr 0x1000
LOG
finds 0 "one that was" <<LOG
$boot
[    1.000000] holdfast-expect: iommu-fault a test
[    1.000001] DMAR: [DMA Read] Request device [00:07.0] fault addr 0x1000
[    1.000002] holdfast-expect: none
LOG
finds 1 "a window that nobody closed" <<LOG
$boot
[    1.000000] holdfast-expect: iommu-fault a test
LOG
finds 3 "a full memory cgroup that was not announced" <<LOG
$boot
$full
LOG
finds 0 "two that were" <<LOG
$boot
[    9.100000] holdfast-expect: memcg-oom a test
$full
$full
[    9.300000] holdfast-expect: none
LOG
finds 1 "a warning beside them" <<LOG
$boot
[    9.100000] holdfast-expect: memcg-oom a test
$full
[    9.250000] WARNING: CPU: 0 PID: 1 at mm/gup.c:1
$full
[    9.300000] holdfast-expect: none
LOG
finds 3 "a part of a log, before the first announcement in it" <<LOG
$full
[    9.300000] holdfast-expect: iommu-fault a test
[    9.400000] holdfast-expect: none
LOG
whole=--whole
finds 0 "nothing before the first announcement of a log that begins in the middle" <<LOG
$full
[    9.300000] holdfast-expect: iommu-fault a test
[    9.400000] holdfast-expect: none
LOG
finds 3 "all of one that begins there, where nothing is announced" <<LOG
$full
LOG
exit $failed
