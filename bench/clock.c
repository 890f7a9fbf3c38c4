// SPDX-License-Identifier: GPL-2.0-only
/*
 * clock.c - calibration.
 *
 * The proof that a tick is an instruction uses two loops of two instructions a turn, one twice
 * as long as the other. The difference of their shortest times is free of every constant (the
 * readings, loop entry) and, being the shortest of several, of timer interrupts. An exact
 * instruction counter gives the exact number; a clock that runs with real time does not come
 * near it by accident twice.
 */
#include "clock.h"

#include <errno.h>

#define CALIBRATION_TURNS 250000UL
#define CALIBRATION_TRIES 9

const char *bench_mode_name(enum bench_mode mode)
{
	return mode == BENCH_COUNT ? "count" : "time";
}

const char *bench_mode_unit(enum bench_mode mode)
{
	return mode == BENCH_COUNT ? "instructions" : "ns";
}

/* Shortest of several distances between two readings with nothing in between. */
static uint64_t own_cost(struct bench_clock *c)
{
	uint64_t best = UINT64_MAX;

	c->overhead = 0;
	for (int i = 0; i < 64; i++) {
		const uint64_t start = bench_clock_now(c);
		const uint64_t d = bench_clock_since(c, start);

		if (d < best)
			best = d;
	}
	return best;
}

#if defined(__x86_64__)
/* Shortest time of exactly 2 * turns instructions, plus a constant. */
static uint64_t loop_cost(const struct bench_clock *c, uint64_t turns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < CALIBRATION_TRIES; i++) {
		const uint64_t start = bench_clock_now(c);
		uint64_t n = turns, d;

		__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(n) : : "cc");
		d = bench_clock_since(c, start);
		if (d < best)
			best = d;
	}
	return best;
}

static int prove_instructions(struct bench_clock *c)
{
	const uint64_t instructions = 2 * CALIBRATION_TURNS;
	uint64_t longer, shorter;

	longer = loop_cost(c, 2 * CALIBRATION_TURNS);
	shorter = loop_cost(c, CALIBRATION_TURNS);
	c->per_million = longer > shorter ? (longer - shorter) * 1000000 / instructions : 0;
	return longer - shorter == instructions ? 0 : -EPROTO;
}
#else
static int prove_instructions(struct bench_clock *c)
{
	(void)c;
	return -EOPNOTSUPP;
}
#endif

int bench_clock_init(struct bench_clock *c, enum bench_mode mode)
{
	*c = (struct bench_clock){ .mode = mode };
	c->overhead = own_cost(c);
	return mode == BENCH_COUNT ? prove_instructions(c) : 0;
}
