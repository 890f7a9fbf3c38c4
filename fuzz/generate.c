// SPDX-License-Identifier: GPL-2.0-only
/*
 * generate.c - drawing operations.
 *
 * Two random numbers rarely mean the same page. So a range is taken from an operation before, or from
 * the pages that a mapping there was made of, and then moved a little, often by nothing.
 */
#include "generate.h"

#include <string.h>

#include "idiom.h"

/* Index of an operation's first argument of a type; -1: it has none. */
static int arg_of(const struct fz_op *op, enum fz_arg_type type)
{
	const struct fz_op_desc *d = fz_op_desc(op->code % FZ_CODES);

	for (int i = 0; i < (int)FZ_ARGS; i++)
		if (d->arg[i].type == type)
			return i;
	return -1;
}

/* A value that an argument of the type has in an earlier operation, preferably a map. */
static bool earlier(struct fz_random *r, const struct fz_sequence *s, unsigned int at,
		    enum fz_arg_type type, const struct fz_op **from, unsigned int *value)
{
	for (unsigned int tries = 0; at && tries < 8; tries++) {
		const struct fz_op *op = &s->op[fz_random_below(r, at)];
		const int i = arg_of(op, type);

		if (i < 0 || (tries < 5 && op->code != FZ_MAP))
			continue;
		*from = op;
		*value = fz_op_arg(op, (unsigned int)i);
		return true;
	}
	return false;
}

/* A little off, mostly not at all. */
static unsigned int near(struct fz_random *r, unsigned int value, const struct fz_op *from)
{
	const int n = arg_of(from, FZ_ARG_COUNT);
	const unsigned int count = n < 0 ? 1 : fz_op_arg(from, (unsigned int)n);

	switch (fz_random_below(r, 12)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value + count;
	case 3:
		return value + count - 1;
	case 4:
		return value + fz_random_below(r, count);
	default:
		return value;
	}
}

static unsigned int some_value(struct fz_random *r, const struct fz_sequence *s, unsigned int at,
			       const struct fz_arg_desc *a, const struct fz_op **from)
{
	unsigned int value;

	switch (a->type) {
	case FZ_ARG_WHO:
		return fz_random_below(r, 4) ? 0 : fz_random_below(r, FZ_PROCS);
	case FZ_ARG_CHILD:
		return 1 + fz_random_below(r, 2);
	case FZ_ARG_PAGE:
	case FZ_ARG_OFFSET:
	case FZ_ARG_IOVA:
		if (fz_random_below(r, 5) && earlier(r, s, at, a->type, from, &value))
			return near(r, value, *from);
		return fz_random_place(r, a->limit);
	case FZ_ARG_COUNT:
		/* As many as where the place was taken from. */
		if (*from && fz_random_below(r, 3) && arg_of(*from, FZ_ARG_COUNT) >= 0)
			return fz_op_arg(*from, (unsigned int)arg_of(*from, FZ_ARG_COUNT));
		return fz_random_count(r, a->limit);
	case FZ_ARG_BITS:
		return fz_random_below(r, 3) ? FZ_PROT_READ | FZ_PROT_WRITE : fz_random_below(r, a->limit);
	case FZ_ARG_CONTAINER:
		return !fz_random_below(r, 4);
	default:
		return fz_random_below(r, a->limit);
	}
}

void fz_generate_op(struct fz_random *r, const struct fz_sequence *s, unsigned int at, struct fz_op *op)
{
	unsigned int sum = 0, draw, code = 0;
	const struct fz_op *from = NULL;
	const struct fz_op_desc *d;

	for (unsigned int i = 0; i < FZ_CODES; i++)
		sum += fz_op_desc(i)->weight;
	draw = fz_random_below(r, sum);
	while (draw >= fz_op_desc(code)->weight)
		draw -= fz_op_desc(code++)->weight;
	d = fz_op_desc(code);
	memset(op, 0, sizeof(*op));
	op->code = (uint8_t)code;
	for (unsigned int i = 0; i < FZ_ARGS; i++) {
		if (d->arg[i].type)
			op->arg[i] = (uint16_t)some_value(r, s, at, &d->arg[i], &from);
		op->arg[i] = (uint16_t)fz_op_arg(op, i);
	}
}

void fz_generate(struct fz_random *r, struct fz_sequence *s)
{
	const unsigned int n = 4 + fz_random_below(r, FZ_OPS_MAX / 2);
	struct fz_live live;

	memset(s, 0, sizeof(*s));
	s->setup = (uint8_t)fz_random_below(r, FZ_SETUP_ALL + 1);
	while (s->n < n) {
		if (fz_random_one_in(r, 6)) {
			fz_live_before(s, s->n, &live);
			fz_idiom(r, &live, s);
			continue;
		}
		fz_generate_op(r, s, s->n, &s->op[s->n]);
		s->n++;
	}
}
