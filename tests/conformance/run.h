/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * run.h - run a sequence on both sides and say whether they agreed.
 */
#ifndef CONFORMANCE_RUN_H
#define CONFORMANCE_RUN_H

#include "pair.h"

/** What came of a sequence */
enum cf_verdict { CF_SAME, CF_DIFFERENT, CF_BROKEN /* a side died or could not start */ };

/**
 * struct cf_run - the driver's state
 * @pair: the sides
 * @quiet: count nothing and print nothing: the sequence is run to see whether it still fails
 * @verbose: print every operation
 * @alike: both sides are stock
 * @failed_at: CF_DIFFERENT: index of the operation; the number of operations when the sides
 *	agreed until they were emptied
 */
struct cf_run {
	struct cf_pair pair;
	bool quiet;
	bool verbose;
	bool alike;
	unsigned int failed_at;
};

/**
 * typedef cf_next_fn - gives the next operation of a sequence
 * @m: what is mapped now
 * @s: the sequence; the operation goes to s->op[s->nr]
 * @data: the caller's
 *
 * Return: false at the end.
 */
typedef bool cf_next_fn(struct cf_model *m, struct cf_sequence *s, void *data);

/**
 * cf_run_sequence() - run a sequence
 * @run: state; sides are started when there are none that fit
 * @s: the sequence
 * @next: generates it while it runs (s->nr is 0 then); NULL: it is there already
 * @data: for @next
 *
 * Return: the verdict. A difference is described on stdout.
 */
enum cf_verdict cf_run_sequence(struct cf_run *run, struct cf_sequence *s, cf_next_fn *next,
				void *data);

/** cf_same_setup() - can sequences of these setups run on the same sides? */
bool cf_same_setup(const struct cf_setup *a, const struct cf_setup *b);

/**
 * cf_minimise() - make a sequence that fails as short as it goes
 * @run: state
 * @s: the sequence; made shorter
 */
void cf_minimise(struct cf_run *run, struct cf_sequence *s);

#endif
