// SPDX-License-Identifier: GPL-2.0-only
/*
 * series.c - order statistics of a few repetitions.
 */
#include "series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bench_series_add(struct bench_series *s, uint64_t value)
{
	if (s->count == BENCH_SERIES_MAX)
		return -ENOSPC;
	s->values[s->count++] = value;
	return 0;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The value of a rank, 0 the smallest; 0 of an empty series. */
static uint64_t ranked(const struct bench_series *s, unsigned int rank)
{
	uint64_t sorted[BENCH_SERIES_MAX];

	if (!s->count)
		return 0;
	memcpy(sorted, s->values, s->count * sizeof(*sorted));
	qsort(sorted, s->count, sizeof(*sorted), ascending);
	return sorted[rank];
}

uint64_t bench_series_min(const struct bench_series *s)
{
	return ranked(s, 0);
}

uint64_t bench_series_max(const struct bench_series *s)
{
	return ranked(s, s->count - 1);
}

uint64_t bench_series_median(const struct bench_series *s)
{
	return ranked(s, (s->count - 1) / 2);
}

double bench_series_spread(const struct bench_series *s)
{
	const uint64_t min = bench_series_min(s);

	if (!min)
		return 0.0;
	return 100.0 * (double)(ranked(s, s->count - 1 - s->count / 8) - min) / (double)min;
}

bool bench_series_agrees(const struct bench_series *s, double percent)
{
	return bench_series_spread(s) <= percent;
}
