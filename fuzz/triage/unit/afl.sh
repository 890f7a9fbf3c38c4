# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154 # what else sources it has set, or looks at
#
# afl.sh - scripts/fuzz with the real afl-fuzz, where processes of this machine act as guests: what
# the tests of that share.  Sourced behind check.sh, never run.
#
# Sets work, run and store, folders; triage, the program.  Exit status 4 where there is no AFL++.

if ! command -v afl-fuzz >/dev/null || [[ ! -x $user/triage/stand_in/afl-target ]]; then
	echo "1..0 # SKIP no AFL++ on this machine"
	exit 4
fi
work=$(mktemp -d /tmp/holdfast-driver.XXXXXX)
all=$work
trap 'clean_up "$all"' EXIT

# The guest: processes that have STAND_IN_DIE, killed when one of them says so.
guest_at "$work/guest" <<'GUEST'
rm -rf "$out/tmp"
mkdir -p "$out/tmp"
export HOLDFAST_FUZZ_TMP=$out/tmp HOLDFAST_SHARE=$share HOLDFAST_FUZZ_PROGRAMS=$STAND_IN HOLDFAST_SLOW=1 STAND_IN_DIE=$out/die
if [[ -n ${recorder:-} ]]; then
	truncate -s 4M "$recorder"
	export HOLDFAST_RECORDER=$recorder
fi
rm -f "$out"/{die,surprises.log}
if [[ -n ${WEARS:-} ]]; then
	export STAND_IN_WEAR=$out/worn
	[[ $WEARS == forever ]] || rm -f "$out/worn"
fi
echo boot >>"$out/boots"
command=$share/${1#/share/}
shift
setsid "$command" "$@" >"$out/output.log" 2>&1 </dev/null &
group=$!
# Whatever it has started since, in sessions of their own.
finish() {
	grep -lszFx "STAND_IN_DIE=$out/die" /proc/[0-9]*/environ | sed 's|/proc/||; s|/.*||' |
		xargs -r kill -KILL 2>/dev/null
}
trap 'finish; exit 143' TERM
trap 'finish; exit 124' USR1
while kill -0 $group 2>/dev/null; do
	if [[ -e $out/die ]]; then
		finish
		number=$(wc -l <"$out/boots")
		cat >"$out/console.log" <<LOG
[    1.000000] booted
[   2$number.000000] BUG: KASAN: slab-use-after-free in hf_planted+0x$number/0x100 [m]
[   2$number.000000] Call Trace:
[   2$number.000000]  hf_planted+0x$number/0x100 [m]
[   2$number.000000]  hf_caller+0x$number/0x100 [m]
[   2$number.000001] Kernel panic - not syncing: Fatal exception
LOG
		echo "[   2$number.000000] BUG: KASAN: slab-use-after-free in hf_planted+0x$number/0x100 [m]" >"$out/surprises.log"
		wait $group
		exit 125
	fi
	sleep 0.2
done
wait $group
GUEST

export HOLDFAST_FUZZ_GUEST=$work/guest HOLDFAST_BUILD=${user%/user} HOLDFAST_FUZZ_TICK=1
export STAND_IN=$user/triage/stand_in
unset PROFILE DEBUG MINUTES JOBS SEED STOCK BUG WITH FRESH FIRST FOREIGN REPLAYS OUT FINDINGS
run=$work/run
store=$run/findings
triage=$user/host/holdfast-triage
