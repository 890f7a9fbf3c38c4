// SPDX-License-Identifier: GPL-2.0-only
/*
 * minimise.c - delta debugging on operation lists.
 */
#include "minimise.h"

#include <string.h>

struct search {
	struct fz_sequence *best;
	bool (*still)(const struct fz_sequence *candidate, void *data);
	void *data;
	unsigned int budget;
	unsigned int asked;
};

/* Is the candidate as good? Then it is the best one from now on. */
static bool try(struct search *q, const struct fz_sequence *candidate)
{
	if (q->asked == q->budget)
		return false;
	q->asked++;
	if (!q->still(candidate, q->data))
		return false;
	*q->best = *candidate;
	return true;
}

static void without(struct fz_sequence *s, unsigned int at, unsigned int count)
{
	memmove(&s->op[at], &s->op[at + count], (s->n - at - count) * sizeof(s->op[0]));
	s->n -= count;
}

/* From the end: what follows the finding goes in the first step. */
static bool remove_operations(struct search *q)
{
	bool any = false;

	for (unsigned int chunk = (q->best->n + 1) / 2; chunk; chunk = chunk > 1 ? (chunk + 1) / 2 : 0) {
		unsigned int end = q->best->n;

		while (end && q->asked < q->budget) {
			const unsigned int count = end < chunk ? end : chunk;
			struct fz_sequence s = *q->best;

			without(&s, end - count, count);
			any |= try(q, &s);
			end -= count;
		}
	}
	return any;
}

static bool clear_setup(struct search *q)
{
	bool any = false;

	for (unsigned int bit = 1; bit <= FZ_SETUP_ALL; bit <<= 1) {
		struct fz_sequence s = *q->best;

		if (!(s.setup & bit))
			continue;
		s.setup &= ~bit;
		any |= try(q, &s);
	}
	return any;
}

static bool simplify_argument(struct search *q, unsigned int op, unsigned int arg)
{
	const struct fz_op_desc *desc = fz_op_desc(q->best->op[op].code);
	const unsigned int least = desc->arg[arg].type == FZ_ARG_COUNT;
	const unsigned int now = fz_op_arg(&q->best->op[op], arg);
	const unsigned int values[] = { least, now & ~(FZ_HUGE - 1), now / 2, now ? now - 1 : 0 };

	if (desc->arg[arg].type == FZ_ARG_NONE)
		return false;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct fz_sequence s = *q->best;

		if (values[i] >= now || values[i] < least)
			continue;
		s.op[op].arg[arg] = values[i];
		if (try(q, &s))
			return true;
	}
	return false;
}

static bool simplify_arguments(struct search *q)
{
	bool any = false;

	for (unsigned int op = 0; op < q->best->n; op++)
		for (unsigned int arg = 0; arg < FZ_ARGS; arg++)
			while (q->asked < q->budget && simplify_argument(q, op, arg))
				any = true;
	return any;
}

unsigned int fz_minimise(struct fz_sequence *s,
			 bool (*still)(const struct fz_sequence *candidate, void *data), void *data,
			 unsigned int budget)
{
	struct search q = { .best = s, .still = still, .data = data, .budget = budget };

	/* A simpler argument may make another operation superfluous, and the reverse. */
	do {
		while (remove_operations(&q))
			;
		clear_setup(&q);
	} while (simplify_arguments(&q) && q.asked < budget);
	return q.asked;
}
