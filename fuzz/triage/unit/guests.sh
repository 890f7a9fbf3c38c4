#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# triage_guests - scripts/fuzz and its relatives with guests that only act: a shell script that
# does nothing, or what ACT says.  No AFL++ is needed for that.
#
# Exit status: 0, or 1.

# shellcheck disable=SC2016,SC2034,SC2317 # check() evaluates its conditions

set -euo pipefail
user=$(cd "$(dirname "$0")/.." && pwd -P)
top=@top@
# shellcheck source=fuzz/triage/unit/check.sh
source "$top/fuzz/triage/unit/check.sh"
all=$(mktemp -d /tmp/holdfast-guests.XXXXXX)
trap 'clean_up "$all"' EXIT

# What acts as a guest.  It is found by ACTOR, which it and its children have in their environment.
guest_at "$all/guest" <<'GUEST'
export ACTOR=$out
echo boot >>"$out/boots"
trap 'exit 143' TERM
what=$2 name=triage
if [[ $what == run ]]; then
	name=$3
	mkdir -p "$share/sync/$name"
	printf '# relative_time, total_execs, edges_found, corpus_count\n1, 100, 3, 2\n' >"$share/sync/$name/plot_data"
	: >"$share/log/$name"
fi
# verdict SIGNATURE [ORACLE] - what the target leaves.
verdict() {
	local folder=$share/found/$name/$HOLDFAST_FUZZ_BOOT
	mkdir -p "$folder"
	printf 'HF\001\0' >"$folder/verdict-1.input"
	printf 'step: 0\noperation: map\noracle: %s\nsignature: %s\ntext: %s\n' "${2:-answer}" "$1" "$1" >"$folder/verdict-1.new"
	mv "$folder/verdict-1.new" "$folder/verdict-1.txt"
}
# record - what the target has in the recorder while it plays its first input (record.c).
record() {
	head -c 4M /dev/zero >"$recorder"
	printf 'HHFFZER1\001' | dd of="$recorder" conv=notrunc status=none
	printf '\001\0\0\0\0\0\0\0\004\0\0\0HF\001\0' | dd of="$recorder" bs=1 seek=1040 conv=notrunc status=none
}
act=ACT_$name
act=${!act:-${ACT:-}}
end=${5:-0}
act() { eval "$act"; }
act
while [[ ! -e $share/stop ]] && (($(date +%s) < end)); do
	sleep 0.1
done
GUEST

unset PROFILE DEBUG MINUTES JOBS SEED STOCK BUG WITH FRESH FIRST FOREIGN REPLAYS OUT FINDINGS
export HOLDFAST_FUZZ_GUEST=$all/guest HOLDFAST_FUZZ_TICK=0.5 JOBS=1
triage=$user/host/holdfast-triage

# begin TEST - where it works: folders $work, $run and $store.
begin() {
	work=$all/$1
	run=$work/run
	store=$run/findings
	export HOLDFAST_BUILD=$work/build
	mkdir -p "$work/build"
	ln -s "$user" "$work/build/user"
}

# left_running - is anything there yet that a guest has started?
left_running() {
	[[ -n $(grep -lsF "ACTOR=$work/" /proc/[0-9]*/environ || true) ]]
}

# ctrl_c WHEN COMMAND - run it at a terminal, and press Ctrl-C there as soon as it is time; sets rc,
# leaves $work/typescript.  What runs in the background would ignore it, and a shell between the
# terminal and the command would end of it: script(1) starts $SHELL, and not every one makes way.
ctrl_c() {
	command -v script >/dev/null || {
		echo "ok 0 # SKIP no script(1), and so no terminal"
		exit 0
	}
	rc=0
	{
		until_is "$1"
		printf '\003'
		sleep 1
	} | env --default-signal=INT SHELL=/bin/sh script -qefc "exec $2" "$work/typescript" >/dev/null || rc=$?
}

# What QEMU is: it ends at a Ctrl-C whether or not it was to be ignored.
machine='env --default-signal=INT sh -c ": >\"$out/runs\"; exec sleep 600" &
	machine=$!
	trap "kill $machine; exit 143" TERM
	while [[ ! -e $share/stop ]]; do
		kill -0 $machine || exit 125
		sleep 0.1
	done
	kill $machine
	exit 0'

# A guest that takes no notice of anything but of its time being up.
deaf='trap "echo \"[   99.000000] NMI received\" >\"$out/console.log\"; exit 124" USR1
	record
	while :; do
		sleep 0.1
	done'

# fuzz - a run, as the environment says; sets rc, leaves $work/out and $work/err.
fuzz() {
	rc=0
	"$top/scripts/fuzz" --out "$run" --findings "$store" >"$work/out" 2>"$work/err" || rc=$?
}

# fuzz_on - the same in the background; sets pid.
fuzz_on() {
	"$top/scripts/fuzz" --out "$run" --findings "$store" >"$work/out" 2>"$work/err" &
	pid=$!
}

# ended [SECONDS] - wait for its end, no longer than that; sets rc.
ended() {
	until_is '! kill -0 $pid 2>/dev/null' "${1:-20}" || kill -KILL "$pid"
	rc=0
	wait "$pid" 2>/dev/null || rc=$?
}

# gawk goes through END also when there is no file, and mawk does not.
test_first_run() {
	local real
	real=$(command -v awk)
	mkdir "$work/bin"
	cat >"$work/bin/awk" <<-'AWK'
		#!/usr/bin/env bash
		rc=0
		if [[ $# -eq 2 && $1 == END* && ! -e $2 ]]; then
			set -- "$1" /dev/null
			rc=2
		fi
		"$REAL_AWK" "$@" || rc=$?
		exit "$rc"
	AWK
	chmod +x "$work/bin/awk"
	REAL_AWK=$real PATH=$work/bin:$PATH DURATION=12 fuzz
	check "a first run, whichever awk there is" '[[ $rc -eq 0 ]] && ! grep -q "syntax error" "$work/err"'
	check "it has a timeline" '[[ $(wc -l <"$run/timeline") -ge 2 ]]'
}

# A file in the way of a finding's folder is in root's way, too.
test_unfiled_verdict() {
	mkdir -p "$store"
	touch "$store/answer-one"
	ACT='verdict answer-one' REPLAYS=0 DURATION=12 fuzz
	check "what is not filed is status 3" '[[ $rc -eq 3 ]] && grep -q "error: what was found is not all filed" "$work/err"'
	check "it is kept" '[[ -n $(find "$run/share/found" -name "verdict-1.txt") ]]'
	check "it is said once why" '[[ $(grep -c "cannot be filed in $store (.*Not a directory.*make room" "$work/err") -eq 1 ]]'
	rm "$store/answer-one"
	REPLAYS=0 DURATION=12 fuzz
	check "it is filed by the next run" \
		'[[ $rc -eq 1 && -s $store/answer-one/input && -z $(find "$run/share/found" -name "verdict-1.txt") ]]'
}

# The guest is booted when its death is filed.
test_unfiled_death() {
	mkdir -p "$store"
	touch "$store/death"
	ACT='[[ $(wc -l <"$out/boots") -gt 1 ]] || exit 125' REPLAYS=0 DURATION=12 fuzz
	check "a death that is not filed is not forgotten" '[[ $rc -eq 3 && $(wc -l <"$run/guest-1/boots") -eq 1 ]]'
	rm "$store/death"
	REPLAYS=0 DURATION=12 fuzz
	check "it is filed before the next boot" '[[ $rc -eq 1 && $("$triage" field "$store/death" count) -eq 1 ]]'
}

test_fresh() {
	local verdicts=$run/share/found/g1/1-1
	mkdir -p "$verdicts"
	printf 'oracle: answer\nsignature: answer-two\ntext: no\n' >"$verdicts/verdict-2.txt"
	FRESH=1 DURATION=12 fuzz
	check "with the seeds alone begins who has filed the rest" '[[ $rc -eq 0 && -d $store/answer-two && ! -e $verdicts ]]'
}

# As a full disk makes commands fail.
test_full_disk() {
	mkdir -p "$run/timeline"
	DURATION=12 fuzz
	check "a command that fails is no finding" '[[ $rc -eq 3 ]]'
}

test_replays() {
	local other
	printf 'HF\001\0' >"$work/input"
	for other in profile=7.2 "profile=6.1 bug=LOG_LEAK" "profile=6.1 stock=yes" profile=6.1 "profile=6.1 "; do
		printf 'oracle: answer\nsignature: %s\n' "${other//[ =]/-}" >"$work/verdict"
		mkdir -p "$run"
		# shellcheck disable=SC2086 # two words are two members
		"$triage" add "$store" kind=verdict verdict="$work/verdict" input="$work/input" $other >/dev/null
	done
	ACT_g1='verdict answer-here' ACT_triage='ls "$share/triage/todo" >"$out/todo"; echo "$timeout" >"$out/timeout"' \
		FIRST=1 DURATION=10 fuzz
	check "only findings of the same kernel are replayed" \
		'[[ $rc -eq 1 && $(xargs <"$run/guest-triage/todo") == "answer-here profile-6.1 profile-6.1-" ]]'
	check "each may take ten minutes" '[[ $(<"$run/guest-triage/timeout") -ge 2400 ]]'
}

# What stock does wrong is played with stock: once for people, once for the verdict.
test_repro() {
	local of
	mkdir -p "$store" "$work/programs"
	printf '#!/bin/sh\necho "$*" >>%s\n' "$work/played" >"$work/programs/play"
	chmod +x "$work/programs/play"
	printf 'HF\001\0' >"$work/input"
	for of in stock=yes profile=6.1; do
		printf 'oracle: answer\nsignature: %s\n' "${of%=*}" >"$work/verdict"
		"$triage" add "$store" kind=verdict verdict="$work/verdict" input="$work/input" profile=6.1 "$of" >/dev/null
		: >"$work/played"
		ACT='HOLDFAST_SHARE=$share HOLDFAST_FUZZ_PROGRAMS=$share/../../programs "$share/guest-fuzz" repro 1 input; exit' \
			"$top/scripts/fuzz-repro" --out "$work/repro" "$store/${of%=*}" >/dev/null 2>"$work/err" || true
		check "a finding is played with what it is of, $of" \
			'[[ $(wc -l <"$work/played") -eq 2 && $(grep -c -e "--stock" "$work/played") -eq $([[ $of == stock* ]] && echo 2 || echo 0) ]]'
	done
}

# One guest's kernel log is not explained by what another's target has found in its own.
test_logs() {
	ACT_g1='verdict log-of-one log' REPLAYS=0 JOBS=2 DURATION=12 \
		ACT_g2='[[ $(wc -l <"$out/boots") -eq 1 ]] || return
			until [[ -d $share/../findings/log-of-one ]]; do sleep 0.1; done
			echo "[    1.000000] WARNING: CPU: 0 PID: 1 at two.c:1 hf_two+0x1/0x2" | tee "$out/surprises.log" >"$out/dmesg.log"
			exit 99' fuzz
	check "what one guest has seen explains nothing in another" \
		'[[ $rc -eq 1 && -d $store/log-of-one && -n $(compgen -G "$store/log-warning-*") ]]'
}

test_log() {
	ACT='[[ $(wc -l <"$out/boots") -eq 1 ]] || return
		verdict log-of-one log
		echo "[    1.000000] WARNING: CPU: 0 PID: 1 at two.c:1 hf_two+0x1/0x2" | tee "$out/surprises.log" >"$out/console.log"
		exit 99' REPLAYS=0 DURATION=0 fuzz_on
	until_is '[[ -s $run/guest-1/boots && $(wc -l <"$run/guest-1/boots") -ge 2 ]]' 60 && kill -TERM "$pid"
	ended
	check "what a target has seen explains its guest" '[[ $rc -eq 1 && $(ls "$store") == log-of-one ]]'
}

# Who is not heard of again when time is up hangs.
test_hang() {
	ACT=$deaf REPLAYS=0 DURATION=12 HOLDFAST_FUZZ_HANG=16 fuzz
	check "a guest that does not end hangs" '[[ $rc -eq 1 && $("$triage" field "$store/hang" kind) == hang ]]'
	check "its input and its kernel log are kept" '[[ -s $store/hang/input ]] && grep -q "NMI received" "$store/hang/kernel.log"'
}

test_no_hang_before() {
	ACT="rm -f \"\$share/log/\$name\"; $deaf" DURATION=12 HOLDFAST_FUZZ_HANG=16 fuzz
	check "one that has not begun does not hang" '[[ $rc -eq 0 && -z $(ls "$store") ]] && ! left_running'
}

test_no_hang_behind() {
	ACT="verdict answer-one; $deaf" FIRST=1 REPLAYS=0 DURATION=1200 HOLDFAST_FUZZ_HANG=16 fuzz
	check "nor one behind a first finding" '[[ $rc -eq 1 && $(ls "$store") == answer-one ]] && ! left_running'
}

test_no_hang_in_a_hurry() {
	ACT=$deaf DURATION=12 HOLDFAST_FUZZ_HANG=80 fuzz_on
	until_is '[[ -e $run/share/stop ]]' && kill -TERM "$pid"
	ended
	check "nor one that somebody is in a hurry to end" '[[ $rc -eq 0 && -z $(ls "$store") ]] && ! left_running'
}

# Where this machine is the guest there is no NMI, but an end.
test_native() {
	mkdir -p "$work/share"
	printf '#!/bin/sh\nACTOR=%s sleep 600 &\n: >%s\nwait\n' "$work/" "$work/runs" >"$work/share/guest-fuzz"
	chmod +x "$work/share/guest-fuzz"
	HOLDFAST_FUZZ_NATIVE=1 "$top/scripts/fuzz-host" --profile 6.1 --out "$work/guest" \
		--share "$work/share" -- /share/guest-fuzz run 2>/dev/null &
	pid=$!
	until_is '[[ -e $work/runs ]]' && kill -USR1 "$pid"
	ended
	check "what hangs on this machine does not outlive its time" '[[ $rc -eq 124 ]] && ! left_running'
}

test_ctrl_c() {
	ACT=$machine DURATION=0 ctrl_c '[[ -e $run/guest-1/runs ]]' "$top/scripts/fuzz --out $run --findings $store"
	check "Ctrl-C is no death" '[[ $rc -eq 0 && -z $(ls "$store") ]] && grep -q interrupted "$work/typescript"'
	check "it leaves nothing running" '! left_running'
}

test_ctrl_c_while_filing() {
	mkdir -p "$work/slow/host"
	cat >"$work/slow/host/holdfast-triage" <<-TRIAGE
		#!/usr/bin/env bash
		[[ \$1 != values ]] || { : >"$work/filing"; sleep 1; }
		exec "$triage" "\$@"
	TRIAGE
	chmod +x "$work/slow/host/holdfast-triage"
	rm "$work/build/user"
	ln -s "$work/slow" "$work/build/user"
	ACT=$machine DURATION=0 ctrl_c '[[ -e $run/guest-1/runs ]] && rm -f "$work/filing" && until_is "[[ -e $work/filing ]]"' \
		"$top/scripts/fuzz --out $run --findings $store"
	check "Ctrl-C does not end what is being filed" '[[ $rc -eq 0 ]] && grep -q "nothing was found" "$work/typescript"'
}

test_ctrl_c_host() {
	ACT=$machine PROFILES=6.1 ctrl_c '[[ -e $work/build/fuzz/6.1/guest-1/runs ]]' "$top/scripts/fuzz-host"
	check "Ctrl-C ends who fuzzes for ever" '[[ $rc -eq 0 && -z $(ls "$work/build/fuzz/findings") ]] && ! left_running'
}

# The trials of seeded bugs, without what they need of the kernel.
test_ctrl_c_bugs() {
	local script trials=$work/build/6.1/fuzz-bugs
	mkdir -p "$work/top/scripts" "$work/top/fuzz"
	ln -s "$top"/scripts/* "$work/top/scripts/"
	ln -s "$top/fuzz/bugs.conf" "$work/top/fuzz/"
	for script in prepare fuzz-image; do
		ln -sf "$(type -P true)" "$work/top/scripts/$script"
	done
	ACT=$machine DURATION=0 ctrl_c '[[ $(compgen -G "$trials/*/guest-1/runs" | wc -l) -eq 2 ]]' \
		"$work/top/scripts/fuzz-bugs --jobs 2 --profile 6.1 LOG_LEAK DIRTY_WORD"
	check "Ctrl-C ends the trials of bugs" '[[ $rc -eq 130 && ! -s $trials/trials.tsv ]] && ! left_running'
	check "they have found nothing" '[[ -z $(compgen -G "$trials/*/findings/*") ]]'
}

test_told_while_replaying() {
	ACT_g1='verdict answer-one' ACT_triage=$machine FIRST=1 fuzz_on
	until_is '[[ -e $run/guest-triage/runs ]]' && kill -TERM "$pid"
	ended 15
	check "whoever is told to end while findings are replayed ends" '[[ $rc -eq 1 ]] && ! left_running'
	check "what was found stays new" '[[ $("$triage" field "$store/answer-one" state) == new ]]'
}

# Who passes a Ctrl-C on is killed, or the one who does the work.
test_killed() {
	ACT=$machine DURATION=0 fuzz_on
	until_is '[[ -e $run/guest-1/runs ]]' && kill -KILL "$pid"
	ended
	check "no guest outlives who has started it" 'until_is "! left_running"'
}

test_worker_killed() {
	ACT=$machine DURATION=0 fuzz_on
	until_is '[[ -e $run/guest-1/runs ]]' && kill -KILL "$(cut -d' ' -f1 "/proc/$pid/task/$pid/children")"
	ended
	check "nor who looks after it" '[[ $rc -eq 3 ]] && until_is "! left_running"'
}

all_at_once "$all"
exit $failed
