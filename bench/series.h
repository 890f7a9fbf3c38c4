/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * series.h - repeated measurements of one thing, and the numbers drawn from them.
 *
 * Pure: no clock, no files. Values are in the run's unit, for the whole operation.
 */
#ifndef HOLDFAST_BENCH_SERIES_H
#define HOLDFAST_BENCH_SERIES_H

#include <stdbool.h>
#include <stdint.h>

/** Most repetitions that are kept */
#define BENCH_SERIES_MAX 64

/**
 * struct bench_series - repetitions in the order they were taken
 * @count: valid entries in @values
 * @values: the repetitions
 */
struct bench_series {
	unsigned int count;
	uint64_t values[BENCH_SERIES_MAX];
};

/**
 * bench_series_add() - append a value
 *
 * Return: 0; -ENOSPC when BENCH_SERIES_MAX are there.
 */
int bench_series_add(struct bench_series *s, uint64_t value);

/** bench_series_min() - smallest value, 0 of an empty series */
uint64_t bench_series_min(const struct bench_series *s);

/** bench_series_max() - largest value, 0 of an empty series */
uint64_t bench_series_max(const struct bench_series *s);

/**
 * bench_series_median() - middle value, 0 of an empty series
 *
 * Of an even number of values the lower of the two in the middle: disturbances only ever add.
 */
uint64_t bench_series_median(const struct bench_series *s);

/**
 * bench_series_spread() - how far repetitions are apart, percent of the smallest
 *
 * The largest eighth (rounded down) is left out: one timer interrupt in many short repetitions
 * is no disagreement.
 */
double bench_series_spread(const struct bench_series *s);

/** bench_series_agrees() - spread of at most @percent (true of a single value) */
bool bench_series_agrees(const struct bench_series *s, double percent);

#endif
