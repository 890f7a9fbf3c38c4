/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * clock.h - what a measurement is counted in.
 *
 * Count mode reads the TSC. In a guest whose virtual time is its instruction count (QEMU
 * -icount shift=0) the TSC advances by exactly one for each guest instruction, of any kind,
 * user or kernel. bench_clock_init() proves that with loops of known length before anything
 * may be called "instructions". Time mode reads CLOCK_MONOTONIC_RAW.
 *
 * Invariant: a value returned by bench_clock_since() never contains the cost of reading the
 * clock itself; that is measured once and taken off.
 */
#ifndef HOLDFAST_BENCH_CLOCK_H
#define HOLDFAST_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

/** enum bench_mode - what the clock counts */
enum bench_mode {
	BENCH_COUNT, /* guest instructions */
	BENCH_TIME,  /* nanoseconds of real time */
};

/**
 * struct bench_clock - a calibrated clock
 * @mode: what it counts
 * @overhead: units that two readings in a row are apart
 * @per_million: count mode: ticks that one million instructions took in the calibration
 */
struct bench_clock {
	enum bench_mode mode;
	uint64_t overhead;
	uint64_t per_million;
};

/** bench_mode_name() - "count" or "time" */
const char *bench_mode_name(enum bench_mode mode);

/** bench_mode_unit() - "instructions" or "ns" */
const char *bench_mode_unit(enum bench_mode mode);

/**
 * bench_clock_init() - calibrate
 * @c: to fill in
 * @mode: what it is to count
 *
 * Return: 0; -EPROTO in count mode when the TSC does not count instructions one by one
 * (@c->per_million says what it does instead); -EOPNOTSUPP where there is no TSC.
 */
int bench_clock_init(struct bench_clock *c, enum bench_mode mode);

/** bench_clock_now() - read the clock, after everything before has completed */
static inline uint64_t bench_clock_now(const struct bench_clock *c)
{
	struct timespec t;

#if defined(__x86_64__)
	if (c->mode == BENCH_COUNT) {
		uint32_t lo, hi;

		__asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi) : : "memory");
		return (uint64_t)hi << 32 | lo;
	}
#endif
	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/**
 * bench_clock_since() - units between an earlier reading and now
 * @c: clock
 * @start: earlier bench_clock_now()
 *
 * Return: the difference without the clock's own cost, never negative.
 */
static inline uint64_t bench_clock_since(const struct bench_clock *c, uint64_t start)
{
	const uint64_t d = bench_clock_now(c) - start;

	return d > c->overhead ? d - c->overhead : 0;
}

#endif
