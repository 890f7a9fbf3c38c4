#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# triage_driver - scripts/fuzz with the real afl-fuzz, but with a stand-in for guests
# (processes of this machine) and for the target (unit/stand_in.c), which has findings
# planted: are they found, told apart, counted, minimised; is a guest that dies booted
# again, does it go on with its corpus, is the input that killed it known?
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

# Twenty times the first operation: every byte that changes makes another one.
mkdir -p "$run/share/seeds"
{ printf 'HF\001\0'; head -c 240 /dev/zero; } >"$run/share/seeds/twenty"
# And one that kills every guest at once, unless it is taken away.
printf 'mmap\npressure\nmmap\nkilled\n' >"$work/killer"
"$triage" input "$work/killer" "$run/share/seeds/aa-killer"
rc=0
DURATION=20 JOBS=1 SEED=7 "$top/scripts/fuzz" --out "$run" --findings "$store" \
	>"$work/out" 2>"$work/err" || rc=$?
sed 's/^/# /' "$work/err" "$work/out"
tail -n +1 "$store"/*/{finding.json,minimised.txt} 2>/dev/null | sed 's/^/# /'
check "findings are exit status 1" '[[ $rc -eq 1 ]]'
answer=$(ls -d "$store"/answer-exec-* 2>/dev/null || true)
check "one finding whatever the number in its text" '[[ $(wc -w <<<"$answer") -eq 1 ]]'
check "a signature of the oracle's own" '[[ -d $store/charge-munlock ]]'
death=$(ls -d "$store"/log-bug-kasan-* 2>/dev/null || true)
check "the guest's death is one finding" '[[ $(wc -w <<<"$death") -eq 1 ]]'
check "it was booted again" '[[ $(wc -l <"$run/guest-1/boots") -ge 2 ]]'
check "what killed it is known" 'grep -q "^pressure" "$death/input.txt" && grep -q "^killed" "$death/input.txt"'
check "and what came before" '[[ -n $(ls "$death/history") ]]'
check "and its kernel log" 'grep -q hf_caller "$death/kernel.log"'
check "it is not played again at every boot" '[[ ! -e $run/share/seeds/aa-killer ]]'
check "the fuzzer went on where it was" 'grep -q "Resuming\|resum\|AUTORESUME" "$run/share/log/g1"'
check "a finding was seen more than once" '[[ $("$triage" field "$store/charge-munlock" count) -gt 1 ]]'
check "confirmed" '[[ $("$triage" field "$store/charge-munlock" state) == confirmed ]]'
check "minimised to what it needs" '[[ $(grep -vc "^setup\|^#" "$store/charge-munlock/minimised.txt") -eq 2 ]]'
check "one operation is enough for the other" '[[ $(grep -vc "^setup\|^#" "$answer/minimised.txt") -eq 1 ]]'
# What is found where the finding has been taken away is another one.
for more in "" "mmap\n" "mmap\nmmap\n"; do
	printf 'bar-map\n%bexec\n' "$more" >"$work/other"
	"$triage" input "$work/other" "$work/other.in"
	"$STAND_IN/minimise" "$work/other.in" "$work/other.out" >/dev/null
	"$triage" text "$work/other.out" | grep -v "^ *setup\|^#" >"$work/other.left"
	check "minimised to exec, not to bar-map" '[[ $(wc -l <"$work/other.left") -eq 1 ]] && grep -q " exec " "$work/other.left"'
done
# What hangs takes long each time; that it shows is known after the first.
said=$("$STAND_IN/minimise" --seconds 0 "$work/other.in" "$work/other.out")
"$triage" text "$work/other.out" | grep -v "^ *setup\|^#" >"$work/other.left"
check "no minimising without the time" '[[ $said == *"\"replays\":1,\"same\":1,"* && $(wc -l <"$work/other.left") -eq 4 ]]'
check "a death is confirmed by a death" '[[ $("$triage" field "$death" state) == confirmed ]]'
if [[ -d $store/device-bar-map ]]; then
	check "what every second session shows is flaky" '[[ $("$triage" field "$store/device-bar-map" state) == flaky ]]'
fi
check "the counts are there" '"$triage" values "$run" | grep -qE "^checks [1-9]"'
check "verdicts are filed once" '[[ -z $(find "$run/share/found" -name "verdict-*.txt") ]]'
check "status lines" 'grep -qE "execs [0-9.kM]+ .*edges [-1-9].*corpus [1-9].*findings [1-9].*stability" "$work/err"'
"$top/scripts/fuzz-report" --run "$run" --findings "$store" >/dev/null 2>&1 || true
check "the report has what was found" 'grep -q "charge-munlock" "$run/report.html" && grep -q "</html>" "$run/report.html"'
"$triage" json "$run" "$store" >"$work/short.json" || true
check "the run in short says the same" 'grep -q "\"executions\": [1-9]" "$work/short.json" &&
	grep -q "\"seconds\": [1-9]" "$work/short.json" && grep -q "\"signature\": \"charge-munlock" "$work/short.json" &&
	sed -n "/\"timeline\"/,\$p" "$work/short.json" | grep -q "\"edges\""'
check "and a picture" '! command -v gnuplot >/dev/null || grep -q "<svg" "$run/report.html"'

# Ctrl-C, and going on from there.
# corpus - inputs that there are; who is stopped early has not taken over all of them yet.
corpus() {
	find "$run"/share/sync/g1/{queue,_resume} -maxdepth 1 -type f -name 'id:*' -exec md5sum {} + 2>/dev/null |
		cut -c 1-32 | sort -u | wc -l || true
}
before=$(corpus)
DURATION=0 REPLAYS=0 "$top/scripts/fuzz" --out "$run" --findings "$store" >"$work/out" 2>"$work/err" &
pid=$!
sleep 6
kill -TERM $pid
rc=0
wait $pid || rc=$?
check "it can be stopped" '[[ $rc -le 1 ]] && grep -q interrupted "$work/err"'
check "nothing is left running" '[[ -z $(grep -lsF "$run" /proc/[0-9]*/environ || true) ]]'
check "the corpus is kept" '[[ $(corpus) -ge $before ]]'
# What is found while the target learns what is steady is found.
mkdir -p "$work/learn/out"
for text in 'mmap' 'mmap\nexec' 'madvise\nmmap\nmunmap'; do
	printf '%b\n' "$text" >"$work/other"
	"$triage" input "$work/other" "$work/learn/${#text}"
done
HOLDFAST_FUZZ_OUT=$work/learn/out HOLDFAST_FUZZ_STEADY=$work/learn/steady HOLDFAST_FUZZ_LEARN=10 \
	"$STAND_IN/afl-target" --learn "$work/learn"/[0-9]* >"$work/out" 2>"$work/err" || true
check "learning goes on behind a finding" '[[ -s $work/learn/steady ]] && grep -q "of 13 inputs" "$work/out"'
verdicts=$(for file in "$work"/learn/out/verdict-*.input; do
	! cmp -s "$file" "$work/learn/21" || echo "${file%input}txt"
done)
check "which has a verdict and its input" 'xargs grep -qx "signature: charge-munlock" <<<"$verdicts"'
check "one for each round" '[[ $(wc -w <<<"$verdicts") -le 3 ]]'
# What cannot be written down is a crash: AFL++ keeps the input then.
rc=0
HOLDFAST_FUZZ_OUT=$work/nowhere "$STAND_IN/afl-target" <"$work/learn/21" >/dev/null 2>"$work/err" || rc=$?
check "a finding without a verdict is a crash" '[[ $rc -eq 134 ]] && grep -q "no verdict" "$work/err"'
rc=0
"$top/scripts/fuzz" --minutes nonsense >/dev/null 2>&1 || rc=$?
check "wrong usage is 2" '[[ $rc -eq 2 ]]'
rc=0
STAND_IN=/nonexistent DURATION=20 "$top/scripts/fuzz" --out "$work/broken" --findings "$work/none" >/dev/null 2>"$work/err" || rc=$?
check "what cannot run is 3" '[[ $rc -eq 3 ]]'
rc=0
env -u I_KNOW "$top/scripts/fuzz-host" --mode host >/dev/null 2>"$work/err" || rc=$?
check "nobody's kernel is crashed unasked" '[[ $rc -eq 3 ]] && grep -q "root\|IOMMU\|I_KNOW" "$work/err"'
rc=0
"$top/scripts/fuzz-repro" "$work/nothing" >/dev/null 2>&1 || rc=$?
check "what is not there cannot be repeated" '[[ $rc -eq 2 ]]'
echo "1..$number"
exit $failed
