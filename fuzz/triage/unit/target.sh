#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# triage_target - what scripts/fuzz and scripts/guest-fuzz do about a target that learns, that leaves
# processes, and that cannot go on.  afl-fuzz is the real one; guests and target act (unit/stand_in.c).
#
# Exit status: 0, 1, or 4 (skipped: no AFL++ here).
#
# shellcheck disable=SC2016,SC2034,SC2317 # check() evaluates its conditions

set -euo pipefail
user=$(cd "$(dirname "$0")/.." && pwd -P)
top=@top@
# shellcheck source=fuzz/triage/unit/check.sh
source "$top/fuzz/triage/unit/check.sh"
# shellcheck source=fuzz/triage/unit/afl.sh
source "$top/fuzz/triage/unit/afl.sh"

export STAND_IN_CALM=1

# begin TEST - where it works: folders $work and $run.
begin() {
	work=$all/$1
	run=$work/run
	mkdir -p "$work"
}

# fuzz - a run, as the environment says; sets rc, leaves $work/err.
fuzz() {
	rc=0
	"$top/scripts/fuzz" --out "$run" --findings "$work/findings" "$@" >/dev/null 2>"$work/err" || rc=$?
}

# Whoever is told to end does so while he learns, too.
test_learning() {
	: >"$work/module"
	export HOLDFAST_FUZZ_BUILD=$work/module
	STAND_IN_SLOW=200000 DURATION=0 "$top/scripts/fuzz" --out "$run" --findings "$work/findings" >/dev/null 2>&1 &
	pid=$!
	until_is '[[ -e $run/share/log/learning-g1 ]]'
	kill -TERM "$pid"
	check "learning ends when all is to end" 'until_is "! kill -0 $pid 2>/dev/null" 12'
	wait "$pid" || true
	check "and leaves nothing half" '[[ ! -e $run/share/log/learning-g1 && -z $(compgen -G "$run/share/log/steady-g1-????????????") ]]'
	DURATION=20 fuzz --fresh
	check "otherwise it comes to an end" '[[ ! -e $run/share/log/learning-g1 && -n $(compgen -G "$run/share/log/steady-g1-????????????") ]]'
	check "and AFL++ is called as ever" 'grep -qE "^command_line .* -s [1-9][0-9]* " "$run/share/sync/g1/fuzzer_stats"'
}

# What is left of a target, and what of that cannot be killed.
test_leaves() {
	export STAND_IN_LEAVES=1
	DURATION=12 fuzz --fresh
	check "what the target leaves is ended" '[[ $rc -eq 0 && -z $(grep -lsF "$run" /proc/[0-9]*/environ || true) ]]'
	HOLDFAST_FUZZ_DYING=0 DURATION=12 REPLAYS=0 fuzz --fresh
	check "what cannot be killed hangs" '[[ $rc -eq 1 && -s $work/findings/hang/input ]]'
}

# What has hung keeps the devices: nothing can be played behind it, but in another guest.
test_worn() {
	mkdir -p "$run/share/seeds"
	printf 'mmap\npressure\nmmap\nshare\n' >"$work/text"
	"$triage" input "$work/text" "$work/wears"
	cp "$work/wears" "$run/share/seeds/aa-wears"
	WEARS=1 REPLAYS=0 DURATION=25 fuzz
	check "a target that cannot go on gets another guest" \
		'[[ $rc -eq 1 ]] && grep -q "guest 1 cannot go on (no session: .*busy) and is booted again" "$work/err"'
	check "and leaves what it was playing" 'cmp -s "$work/wears" "$run"/share/found/g1/*-1/broken.input'
	check "the other goes on" '[[ $(wc -l <"$run/guest-1/boots") -ge 2 && -n $(compgen -G "$run/share/sync/g1/queue/id:*") ]]'
	check "without what has worn it out" '[[ ! -e $run/share/seeds/aa-wears && -d $work/findings/hang-share ]]'
}

test_worn_always() {
	WEARS=1 REPLAYS=0 STAND_IN_WEARS_ALWAYS=1 DURATION=60 fuzz
	check "not for ever" '[[ $rc -eq 1 && $(wc -l <"$run/guest-1/boots") -eq 6 ]] && grep -q "is given up" "$work/err"'
}

test_worn_from_the_first() {
	mkdir -p "$run/guest-1"
	: >"$run/guest-1/worn"
	WEARS=forever REPLAYS=0 DURATION=60 fuzz
	check "nor if it never could" \
		'[[ $rc -eq 3 && $(wc -l <"$run/guest-1/boots") -eq 1 ]] && grep -q "cannot go on: no session" "$work/err"'
}

# What others have found is taken in first: with one seed, and inputs that take their time, an afl-fuzz
# of its own mind would look for it after a minute.
test_shared() {
	mkdir -p "$work"/{other/g1/queue,build/user/host,build/user/fuzz/corpus}
	ln -s "$triage" "$work/build/user/host/"
	printf 'mmap\nmmap\n' >"$work/text"
	"$triage" input "$work/text" "$work/other/g1/queue/id:000000,time:0,execs:0,orig:one"
	HOLDFAST_BUILD=$work/build STAND_IN_SLOW=200000 JOBS=2 FOREIGN=$work/other DURATION=0 \
		"$top/scripts/fuzz" --out "$run" --findings "$work/findings" >/dev/null 2>&1 &
	pid=$!
	check "inputs of another machine are taken in" 'until_is "[[ -s $run/share/sync/g1/.synced/foreign-g1 ]]" 25'
	check "and those of the other guest" \
		'until_is "compgen -G \"$run/share/sync/g[12]/.synced/g[12]\" >/dev/null" 25'
	kill -TERM "$pid"
	wait "$pid" || true
}

all_at_once "$all"
exit $failed
