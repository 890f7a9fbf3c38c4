/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * generate.h - random sequences that make sense.
 */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include "op.h"
#include "random.h"

/**
 * fz_generate() - a random sequence
 * @r: what to draw from; the same gives the same
 * @s: out
 *
 * Operations are drawn by their weights. What they work on is drawn from what earlier ones of the
 * sequence worked on, more often than not: pages that were mapped, windows they were mapped at, borders of
 * huge pages, one page off.
 */
void fz_generate(struct fz_random *r, struct fz_sequence *s);

/**
 * fz_generate_op() - one random operation for a place in a sequence
 * @r: what to draw from
 * @s: the sequence; what stands before @at is looked at
 * @at: where it will stand
 * @op: out
 */
void fz_generate_op(struct fz_random *r, const struct fz_sequence *s, unsigned int at,
		    struct fz_op *op);

#endif
