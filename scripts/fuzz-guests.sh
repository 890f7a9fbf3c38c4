# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154 # what scripts/fuzz has set, or looks at
#
# fuzz-guests.sh - the guests of a run of scripts/fuzz: they are booted, watched and ended, and what
# they find, or die of, is filed.  Sourced by it, never run.
#
# What is set there: run, share and findings, its folders; profile, P_SLOW, guest, add, seed, jobs, stock,
# bug and first, what is fuzzed how; began, left() and about().
#
# A guest belongs to tend(), which runs in the background and says by guest-N/event what became of it;
# deaths() takes that back when it is filed, and until then the guest is not booted again.  Only
# deaths(), collect() and who waits for the end file anything, one at a time, in the foreground.

tenders=()
# stop_guests - end the guests that are left, and those who look after them.
stop_guests() {
	local pid
	for pid in ${tenders[@]+"${tenders[@]}"}; do
		kill "$pid" 2>/dev/null || true
	done
	wait
	tenders=()
}

# file COMMAND... - have holdfast-triage file what was found; note it, and say what is new.  What
# cannot be filed stays where it is.  Sets trouble, its exit status.
trouble=0 complained=
file() {
	local lines state signature count oracle from now why=''
	trouble=0
	about
	lines=$("$triage" "$@" "${members[@]}" 2>&1) || trouble=$?
	now=$(date +%s)
	while read -r state signature count oracle from; do
		case $state in
		'') continue ;;
		new | known) ;;
		*) why="$state $signature $count $oracle $from"; continue ;;
		esac
		printf '%s %s %s %s %s %s\n' "$state" "$signature" "$count" "$oracle" "$now" "$from" >>"$run/sightings"
		[[ $state == new ]] || continue
		[[ ! -t 2 ]] || printf '\r\033[K' >&2
		say "found: $signature: $("$triage" field "$findings/$signature" text || true)"
	done <<<"$lines"
	# "add" may find that there is nothing to be filed.
	[[ $trouble -gt 1 || ($trouble -eq 1 && $1 == sweep) ]] || return 0
	[[ -z $complained ]] || return 0
	complained=1
	[[ ! -t 2 ]] || printf '\r\033[K' >&2
	say "error: something was found that cannot be filed in $findings ($why): make room there, or make it writable; it is kept in $run, and tried again"
}

# collect AGE - file every verdict that is there, and of AFL++'s crashes and hangs without
# one those that are so many seconds old.
unfiled=
collect() {
	file sweep "$run" "$findings" "$1"
	unfiled=
	[[ $trouble -eq 0 ]] || unfiled=1
}

# forget INPUT - an input that kills guests must not be played at every boot.
forget() {
	local file
	for file in "$share"/sync/*/{queue,_resume}/id:* "$share"/seeds/*; do
		if [[ -f $file ]] && cmp -s "$1" "$file"; then
			rm -f "$file"
		fi
	done
}

# bury N KIND - the guest of job N died (KIND death) or hung: keep its kernel log and
# what it was playing.  Sets trouble, as file() does.
bury() {
	local n=$1 dir=$run/guest-$1 last=$run/guest-$1/last
	local log=$dir/console.log title='' input='' signature
	trouble=0
	rm -rf "$last"
	# What was announced and not ended is not what happened.
	[[ ! -s $dir/surprises.log ]] ||
		title=$(grep -v 'BUG: never closed: ' "$dir/surprises.log" | tr -d '\r' |
			sed -n -e '1s/^\(\[[^]]*\] *\)*//p') || true
	[[ $2 != log || -n $title ]] || return 0
	# Not everything goes to the console, and not every guest lives to bring home the rest.
	if [[ -n $title ]] && ! grep -qF -- "$title" "$log" 2>/dev/null && grep -qsF -- "$title" "$dir/dmesg.log"; then
		log=$dir/dmesg.log
	fi
	"$triage" last "$dir/recorder" "$last" 64 >/dev/null 2>&1 || true
	[[ ! -s $last/input ]] || input=$last/input
	[[ -s $log ]] || log=
	file add "$findings" "kind=$2" ${input:+"input=$input"} ${log:+"log=$log"} "title=$title"
	[[ $trouble -eq 0 ]] || return 0
	[[ -z $input ]] || forget "$input"
	signature=$(tail -n 1 "$run/sightings" | cut -d' ' -f2)
	if [[ -n $signature && -d $last/history && ! -e $findings/$signature/history ]]; then
		cp -r "$last/history" "$findings/$signature/history"
	fi
}

# nap SECONDS - sleep; who is told to end does not sleep on.
nap() {
	sleep "$1" &
	wait "$!" || kill "$!" 2>/dev/null || true
}

# at_work - does anybody look after a guest?
at_work() {
	local pid
	for pid in ${tenders[@]+"${tenders[@]}"}; do
		! kill -0 "$pid" 2>/dev/null || return 0
	done
	return 1
}

# guests_run - does any guest run?  What became of the others is known, or cannot be filed.
guests_run() {
	local n
	for ((n = 1; n <= ${#tenders[@]}; n++)); do
		[[ -e $run/guest-$n/event ]] || ! kill -0 "${tenders[n - 1]}" 2>/dev/null || return 0
	done
	return 1
}

# tend N - boot the guest of job N, again and again, until the time is over.  A guest that
# never gets to fuzz is not booted for ever.  Each has a session of its own: QEMU ends at a Ctrl-C
# of the terminal, also where who started it takes no notice.
tend() {
	local n=$1 dir=$run/guest-$1 boot=0 rc pid='' role=S futile=0 before seconds event played progress
	[[ $n -ne 1 ]] || role=M
	trap 'kill "${!:-}" 2>/dev/null || true; wait "${!:-}" 2>/dev/null || true; exit 143' TERM
	mkdir -p "$dir"
	while [[ ! -e $share/stop ]]; do
		seconds=$(left)
		((seconds >= 5)) || break
		boot=$((boot + 1))
		rm -f "$dir"/{recorder,hung,output.log,console.log,event}
		printf '%s\n' "$began-$boot" >"$dir/booted"
		before=$(stat -c %s "$share/sync/g$n/plot_data" 2>/dev/null || echo 0)
		rc=0
		setsid "$guest" --profile "$profile" --out "$dir" --quiet --share "$share" \
			--recorder "$dir/recorder" ${add[@]+"${add[@]}"} \
			--timeout $((seconds / P_SLOW + 300)) ${bug:+--append "vfio_iommu_holdfast.bug=$bug"} \
			--env "HOLDFAST_FUZZ_BOOT=$began-$boot" ${stock:+--env HOLDFAST_FUZZ_STOCK=1} \
			${bug:+--env "HOLDFAST_FUZZ_BUG=$bug"} ${first:+--env HOLDFAST_FUZZ_FIRST=1} -- \
			/share/guest-fuzz run "g$n" "$role" $(($(date +%s) + seconds)) $((seed + n * 1000 + boot)) \
			>"$dir/guest.log" 2>&1 {held}>&- &
		pid=$!
		printf '%s\n' "$pid" >"$dir/pid"
		wait "$pid" || rc=$?
		rm -f "$dir/pid"
		[[ ! -s $dir/console.log ]] || cp "$dir/console.log" "$dir/console-$boot.log"
		find "$dir" -name 'console-*.log' -printf '%T@ %p\n' | sort -rn | tail -n +21 |
			cut -d' ' -f2- | xargs -r rm -f
		case $rc in
		0) continue ;;
		99) event=log ;;
		124) event=hang ;;
		125) event=death ;;
		130 | 143) event= ;;
		*) event=broken ;;
		esac
		[[ ! -e $dir/hung ]] || event=hang
		[[ -n $event ]] || return 0
		# What this guest could do once another one can: a process that hangs keeps the devices.
		progress=
		if [[ $event == broken && -e $share/found/g$n/$began-$boot/broken ]] &&
			played=$("$triage" last "$dir/recorder" "$dir/last" 0 2>/dev/null); then
			event=worn
			# afl-fuzz has got to its end, and then writes its plot_data however short that was.
			((${played%% *} < 1000)) || progress=1
		elif [[ $(stat -c %s "$share/sync/g$n/plot_data" 2>/dev/null || echo 0) -ne $before ]]; then
			progress=1
		fi
		if [[ -n $progress ]]; then
			futile=0
		elif ((++futile > 5)); then
			event=futile
		fi
		# The main loop files it, and only then the recorder may be made anew.
		printf '%s\n' "$event" >"$dir/event.new"
		mv "$dir/event.new" "$dir/event"
		[[ $event != broken && $event != futile ]] || return 0
		while [[ -e $dir/event ]] && kill -0 $$ 2>/dev/null; do
			sleep 0.3
		done
	done
}

# deaths - file the guests that died since the last time.  What cannot be filed is tried again.
given_up=0
deaths() {
	local n dir left
	for dir in "$run"/guest-*; do
		[[ -s $dir/event ]] || continue
		n=${dir##*-}
		trouble=0
		case $(<"$dir/event") in
		broken)
			tail -n 15 "$dir/output.log" 2>/dev/null | tr -d '\r' | sed 's/^/  | /' >&2
			say "error: guest $n cannot fuzz: see $dir, $share/log/g$n"
			given_up=$((given_up + 1))
			;;
		worn)
			left=$share/found/g$n/$(<"$dir/booted")
			say "note: guest $n cannot go on ($(head -n 1 "$left/broken")) and is booted again: see $left"
			if [[ -s $dir/last/input ]]; then
				forget "$dir/last/input"
				cp "$dir/last/input" "$left/broken.input" || true
			fi
			;;
		futile)
			say "error: guest $n died or could not go on six times before it had well begun, and is given up: see $dir"
			given_up=$((given_up + 1))
			;;
		log)
			# Mostly the target was the first to see it, this guest's.
			collect 10
			trouble=0
			awk -v from="g$n/$(<"$dir/booted")" '$4 == "log" && $6 == from { seen = 1 } END { exit !seen }' \
				"$run/sightings" || bury "$n" log
			;;
		*)
			if died_half_patched "$dir/console.log"; then
				say "note: the emulated CPUs of guest $n met a half-patched instruction; it was booted again"
			elif [[ -n $interrupted && $(<"$dir/event") == death && ! -s $dir/surprises.log ]]; then
				say "note: guest $n was stopped by somebody else"
			elif [[ -n $first && -s $run/sightings && $(<"$dir/event") == hang ]]; then
				# Of what was found first: it cannot always be cleared away.
				say "note: guest $n hung when it was to end"
			else
				bury "$n" "$(<"$dir/event")"
			fi
			;;
		esac
		[[ $trouble -gt 1 ]] || rm -f "$dir/event"
	done
}

# Seconds without a word from a guest after which it hangs, and how long one that does not matter
# any more may take to end.
silence=$((${HOLDFAST_FUZZ_HANG:-240} * P_SLOW)) farewell=$((${HOLDFAST_FUZZ_HANG:-240} / 8))

# hangs N - the guest of job N does: its kernel is asked what it is doing, and it is ended.
hangs() {
	: >"$run/guest-$1/hung"
	kill -USR1 "$(<"$run/guest-$1/pid")" 2>/dev/null || true
}

# watch_hangs - end guests whose afl-fuzz, or who learns before that, has not written for long;
# tend() boots them again.
watch_hangs() {
	local n dir file word
	for ((n = 1; n <= jobs; n++)); do
		dir=$run/guest-$n
		file=$share/sync/g$n/plot_data
		[[ -e $dir/pid ]] || continue
		if [[ -e $dir/hung ]]; then
			# Its kernel has had the time to answer.
			(($(date +%s) - $(stat -c %Y "$dir/hung") < farewell + 20 * P_SLOW)) ||
				kill "$(<"$dir/pid")" 2>/dev/null || true
			continue
		fi
		# Since the latest of boot and last words.
		for word in "$dir/pid" "$share/log/learn-g$n"; do
			[[ $word -nt $file ]] && file=$word
		done
		# It may be gone meanwhile, with the guest.
		word=$(stat -c %Y "$file" 2>/dev/null) || continue
		(($(date +%s) - word <= silence)) || hangs "$n"
	done
}

# let_end - tell the guests to end, and wait until they have, which takes seconds.  One that takes
# longer than afl-fuzz would give an input hangs; one that has not begun to play has nothing to
# hang in.  Who is interrupted, or has the finding that was wanted, does not look for another.
let_end() {
	local n dir since=$SECONDS patience=$farewell look=1 said='' hung=''
	[[ -z $interrupted && (-z $first || ! -s $run/sightings) ]] || look=
	[[ -z $look ]] || patience=$((silence / 2))
	: >"$share/stop"
	while guests_run && ((SECONDS - since < patience)); do
		nap 0.5
		deaths
		if [[ -n $look && -n $interrupted ]]; then
			look='' patience=$farewell since=$SECONDS
			say "interrupted; the guests are being stopped, everything is kept"
		elif [[ -z $said ]] && ((SECONDS - since > farewell)); then
			said=1
			say "waiting for the guests to end; one that has not after $patience s hangs"
		fi
	done
	for ((n = 1; n <= jobs; n++)); do
		dir=$run/guest-$n
		[[ -n $look && -e $dir/pid ]] || continue
		[[ $share/log/g$n -nt $dir/pid || $share/log/learn-g$n -nt $dir/pid ]] || continue
		say "guest $n has not ended $patience s after it was told to: it hangs"
		hangs "$n"
		hung=1
	done
	since=$SECONDS
	while [[ -n $hung && -z $interrupted ]] && guests_run && ((SECONDS - since < farewell + 20 * P_SLOW)); do
		nap 0.5
		deaths
	done
	stop_guests
	deaths
}
