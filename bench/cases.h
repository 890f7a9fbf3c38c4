/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cases.h - the matrix: which cases there are and which of them were asked for.
 */
#ifndef HOLDFAST_BENCH_CASES_H
#define HOLDFAST_BENCH_CASES_H

#include "result.h"

/**
 * struct bench_selection - what to take from the matrix; lists are comma separated, may hold
 * shell patterns, and NULL takes everything
 * @only: case names
 * @kinds: backings
 * @sizes: sizes of one mapping, as bench_format_size() writes them
 * @states: "prefaulted", "never-faulted"
 * @full: the whole matrix instead of the default set
 */
struct bench_selection {
	const char *only;
	const char *kinds;
	const char *sizes;
	const char *states;
	bool full;
};

/**
 * bench_cases() - build the list, in the order in which it is to run
 * @sel: what to take
 * @count: number of cases
 *
 * Naming cases, kinds, sizes or states looks through the whole matrix: @full only matters when
 * nothing is named.
 *
 * Return: array to free(), NULL without memory.
 */
struct bench_case *bench_cases(const struct bench_selection *sel, size_t *count);

/**
 * bench_case_reps() - how often to measure a case
 * @c: the case
 * @mode: counts need few repetitions, times many
 * @full: a full run takes more
 */
unsigned int bench_case_reps(const struct bench_case *c, enum bench_mode mode, bool full);

#endif
