/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * generate.h - random sequences that make sense.
 */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include "op.h"

/** fz_random() - a number below @limit, which is not 0, from a state that goes on */
uint32_t fz_random(uint64_t *state, uint32_t limit);

/**
 * fz_generate() - a random sequence
 * @state: of the random numbers; the same gives the same
 * @s: out
 *
 * Operations are drawn by their weights. What they work on is drawn from what earlier ones of the
 * sequence worked on, more often than not: pages that were mapped, windows they were mapped at, borders of
 * huge pages, one page off.
 */
void fz_generate(uint64_t *state, struct fz_sequence *s);

/**
 * fz_generate_op() - one random operation for a place in a sequence
 * @state: of the random numbers
 * @s: the sequence; what stands before @at is looked at
 * @at: where it will stand
 * @op: out
 */
void fz_generate_op(uint64_t *state, const struct fz_sequence *s, unsigned int at,
		    struct fz_op *op);

#endif
