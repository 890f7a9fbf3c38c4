/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * generate.h - random sequences, the same for the same seed everywhere.
 */
#ifndef CONFORMANCE_GENERATE_H
#define CONFORMANCE_GENERATE_H

#include "model.h"

/**
 * struct cf_random - a sequence's source of numbers (splitmix64)
 * @state: it
 * @left: operations still to come
 * @length: operations in all
 */
struct cf_random {
	uint64_t state;
	unsigned int left;
	unsigned int length;
};

/**
 * cf_generate_begin() - begin the random sequence of a number
 * @g: to set up
 * @s: its name and setup are filled in
 * @seed: of the run
 * @n: number of the sequence in the run
 * @round: sequences after which the setups come round again
 */
void cf_generate_begin(struct cf_random *g, struct cf_sequence *s, uint64_t seed, unsigned long n,
		       unsigned long round);

/** cf_generate() - the next operation; a cf_next_fn, @data is a struct cf_random */
bool cf_generate(struct cf_model *m, struct cf_sequence *s, void *data);

#endif
