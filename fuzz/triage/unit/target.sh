#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# triage_target - what scripts/fuzz and scripts/guest-fuzz do about a target that learns, that leaves
# processes, and that cannot go on.  afl-fuzz is the real one; guests and target act (unit/stand_in.c).
#
# Exit status: 0, 1, or 4 (skipped: no AFL++ here).
#
# shellcheck disable=SC2016,SC2034 # check() evaluates its conditions

set -euo pipefail
user=$(cd "$(dirname "$0")/.." && pwd -P)
top=@top@
# shellcheck source=fuzz/triage/unit/check.sh
source "$top/fuzz/triage/unit/check.sh"
# shellcheck source=fuzz/triage/unit/afl.sh
source "$top/fuzz/triage/unit/afl.sh"

# Whoever is told to end does so while he learns, too.
: >"$work/module"
HOLDFAST_FUZZ_BUILD=$work/module STAND_IN_SLOW=1 STAND_IN_CALM=1 DURATION=0 \
	"$top/scripts/fuzz" --fresh --out "$run" --findings "$work/learned" >/dev/null 2>"$work/err" &
pid=$!
until_is '[[ -e $run/share/log/learning-g1 ]]'
kill -TERM $pid
check "learning ends when all is to end" 'until_is "! kill -0 $pid 2>/dev/null" 12'
wait $pid || true
check "and leaves nothing half" '[[ ! -e $run/share/log/learning-g1 && -z $(compgen -G "$run/share/log/steady-g1-????????????") ]]'
HOLDFAST_FUZZ_BUILD=$work/module STAND_IN_CALM=1 DURATION=8 \
	"$top/scripts/fuzz" --fresh --out "$run" --findings "$work/learned" >/dev/null 2>"$work/err" || true
check "otherwise it comes to an end" '[[ ! -e $run/share/log/learning-g1 && -n $(compgen -G "$run/share/log/steady-g1-????????????") ]]'
check "and AFL++ is called as ever" 'grep -qE "^command_line .* -s [1-9][0-9]* " "$run/share/sync/g1/fuzzer_stats"'
# What is left of a target, and what of that cannot be killed.
export STAND_IN_CALM=1 STAND_IN_LEAVES=1
rc=0
DURATION=8 "$top/scripts/fuzz" --fresh --out "$run" --findings "$work/left" >/dev/null 2>"$work/err" || rc=$?
check "what the target leaves is ended" '[[ $rc -eq 0 && -z $(grep -lsF "$run" /proc/[0-9]*/environ || true) ]]'
rc=0
HOLDFAST_FUZZ_DYING=0 DURATION=8 REPLAYS=0 "$top/scripts/fuzz" --fresh --out "$run" --findings "$work/left" \
	>/dev/null 2>"$work/err" || rc=$?
check "what cannot be killed hangs" '[[ $rc -eq 1 && -s $work/left/hang/input ]]'
unset STAND_IN_CALM STAND_IN_LEAVES
# What has hung keeps the devices: nothing can be played behind it, but in another guest.
export STAND_IN_CALM=1 REPLAYS=0 WEARS=1
worn=$work/worn
mkdir -p "$worn/share/seeds"
printf 'mmap\npressure\nmmap\nshare\n' >"$work/other"
"$triage" input "$work/other" "$work/wears"
cp "$work/wears" "$worn/share/seeds/aa-wears"
rc=0
DURATION=14 "$top/scripts/fuzz" --out "$worn" --findings "$worn/findings" >/dev/null 2>"$work/err" || rc=$?
check "a target that cannot go on gets another guest" \
	'[[ $rc -eq 1 ]] && grep -q "guest 1 cannot go on (no session: .*busy) and is booted again" "$work/err"'
check "and leaves what it was playing" 'cmp -s "$work/wears" "$worn"/share/found/g1/*-1/broken.input'
check "the other goes on" '[[ $(wc -l <"$worn/guest-1/boots") -ge 2 && -n $(compgen -G "$worn/share/sync/g1/queue/id:*") ]]'
check "without what has worn it out" '[[ ! -e $worn/share/seeds/aa-wears && -d $worn/findings/hang-share ]]'
rm "$worn/guest-1/boots"
rc=0
STAND_IN_WEARS_ALWAYS=1 DURATION=60 "$top/scripts/fuzz" --out "$worn" --findings "$worn/findings" >/dev/null 2>"$work/err" || rc=$?
check "not for ever" '[[ $rc -eq 1 && $(wc -l <"$worn/guest-1/boots") -eq 6 ]] && grep -q "is given up" "$work/err"'
rm "$worn/guest-1/boots"
: >"$worn/guest-1/worn"
rc=0
WEARS=forever DURATION=60 "$top/scripts/fuzz" --out "$worn" --findings "$worn/findings" >/dev/null 2>"$work/err" || rc=$?
check "nor if it never could" \
	'[[ $rc -eq 3 && $(wc -l <"$worn/guest-1/boots") -eq 1 ]] && grep -q "cannot go on: no session" "$work/err"'
echo "1..$number"
exit $failed
