/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * measure.h - run one case on every backend there is.
 */
#ifndef HOLDFAST_BENCH_MEASURE_H
#define HOLDFAST_BENCH_MEASURE_H

#include "clock.h"
#include "floor.h"
#include "result.h"

#include <holdfast/pci.h>
#include <stdbool.h>

/**
 * struct bench_setup - what stays the same for all cases of a run
 * @clock: calibrated clock
 * @backends: backends to measure, in order
 * @nr_backends: how many
 * @bdfs: a device for each backend
 * @floor: what measures floors, NULL for a run without them
 * @reps: repetitions of every case, 0 for bench_case_reps()
 * @full: as in struct bench_selection
 */
struct bench_setup {
	struct bench_clock clock;
	enum bench_backend backends[BENCH_BACKENDS];
	unsigned int nr_backends;
	char bdfs[BENCH_BACKENDS][HF_BDF_LEN];
	struct bench_floor *floor;
	unsigned int reps;
	bool full;
};

/**
 * bench_measure() - run a case
 * @setup: the run
 * @result: .what says which case; everything else is filled in
 *
 * Afterwards nothing is mapped or pinned: a pin, a byte of locked memory or a huge page that a
 * backend did not give back makes the case a failed one. Stops early, as "skipped", when
 * bench_stop() was called.
 */
void bench_measure(const struct bench_setup *setup, struct bench_result *result);

/**
 * bench_count_calls() - carry a measured case out once more, to count calls (counts.h)
 * @setup: the run
 * @result: .calls are filled in; left unknown when something fails, which is no failure of the
 *	case: what was measured stands
 */
void bench_count_calls(const struct bench_setup *setup, struct bench_result *result);

/**
 * bench_rest() - idle until the kernel has put itself in order after what came before
 *
 * 20 s of guest time in count mode, where that takes a moment of real time; 20 ms otherwise.
 */
void bench_rest(enum bench_mode mode);

/** bench_stop() - end the case that is running at its next repetition; for signal handlers */
void bench_stop(void);

/** bench_stopped() - was bench_stop() called? */
bool bench_stopped(void);

#endif
