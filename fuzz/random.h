/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * random.h - numbers at random, and those of them that matter to memory.
 *
 * One state, one row of numbers: the same seed makes the same sequences and the same changes.
 */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct fz_random {
	uint64_t state;
};

/** fz_random_seed() - any seed, also 0; seeds in a row have nothing in common */
void fz_random_seed(struct fz_random *r, uint64_t seed);

/** fz_random_below() - a number below @n; 0 for @n 0 */
unsigned int fz_random_below(struct fz_random *r, unsigned int n);

/** fz_random_one_in() - true once in @n times */
bool fz_random_one_in(struct fz_random *r, unsigned int n);

/** fz_random_place() - a page below @limit: at the border of a huge page, one of few, or any */
unsigned int fz_random_place(struct fz_random *r, unsigned int limit);

/** fz_random_count() - pages, below @limit and at least one: few, about a huge page, or any number */
unsigned int fz_random_count(struct fz_random *r, unsigned int limit);

#endif
