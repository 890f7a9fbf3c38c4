// SPDX-License-Identifier: GPL-2.0-only
/*
 * change.c - insert, delete, swap, repeat, splice, and change an argument.
 *
 * Numbers at random seldom meet: with a window of some thousand pages two ranges hardly ever
 * begin at the same one. So arguments are drawn from what the rest of the list makes
 * interesting, most of the time.
 */
#include "change.h"

#include <string.h>

#include "generate.h"
#include "idiom.h"

/* -1, 0 or 1. */
static int near(struct fz_random *r)
{
	return (int)fz_random_below(r, 3) - 1;
}

static unsigned int within(long value, unsigned int limit)
{
	return value < 0 ? 0 : value < (long)limit ? (unsigned int)value : limit - 1;
}

/* The argument of a type; @otherwise if the operation has none. */
static unsigned int arg_of(const struct fz_op *op, enum fz_arg_type type, unsigned int otherwise)
{
	const struct fz_op_desc *d = fz_op_desc(op->code);

	for (unsigned int i = 0; i < FZ_ARGS; i++)
		if (d->arg[i].type == type)
			return fz_op_arg(op, i);
	return otherwise;
}

/*
 * Interesting values
 */

/* A first page, of IOVAs or of the arena, in relation to a range that begins at @begin. */
static long beside(struct fz_random *r, unsigned int begin, unsigned int count, unsigned int own)
{
	switch (fz_random_below(r, 6)) {
	case 0:
		return begin;
	case 1: /* behind it, or its last page */
		return (long)begin + count - fz_random_below(r, 2);
	case 2: /* ends before it, or in its first page */
		return (long)begin - own + fz_random_below(r, 2);
	case 3: /* ends with it */
		return (long)begin + count - own;
	case 4: /* in the middle */
		return (long)begin + fz_random_below(r, count);
	default:
		return (long)begin + near(r);
	}
}

static unsigned int first_page(struct fz_random *r, const struct fz_live *live,
			       const struct fz_op *op, const struct fz_arg_desc *a)
{
	const unsigned int own = arg_of(op, FZ_ARG_COUNT, 1);

	if (live->n && !fz_random_one_in(r, 4)) {
		const struct fz_range *l = &live->range[fz_random_below(r, live->n)];

		return within(beside(r, a->type == FZ_ARG_IOVA ? l->iova : l->page, l->count, own),
			      a->limit);
	}
	switch (fz_random_below(r, 4)) {
	case 0: /* around a huge page's border */
		return within((long)fz_random_below(r, a->limit / FZ_HUGE + 1) * FZ_HUGE + near(r), a->limit);
	case 1: /* ends at one */
		return within((long)fz_random_below(r, a->limit / FZ_HUGE + 1) * FZ_HUGE - own, a->limit);
	case 2: /* to the end, or past it by one */
		return within((long)a->limit - own + fz_random_below(r, 2), a->limit);
	default: /* few different ones meet more often */
		return fz_random_below(r, a->limit < 64 ? a->limit : 64);
	}
}

static unsigned int count(struct fz_random *r, const struct fz_live *live, const struct fz_op *op,
			  const struct fz_arg_desc *a)
{
	const unsigned int page = arg_of(op, FZ_ARG_PAGE, arg_of(op, FZ_ARG_IOVA, 0));
	long value;

	switch (fz_random_below(r, 5)) {
	case 0:
		value = 1 + fz_random_below(r, 4);
		break;
	case 1: /* huge pages */
		value = (long)(1 + fz_random_below(r, 4)) * FZ_HUGE + near(r);
		break;
	case 2: /* to the next border of a huge page */
		value = FZ_HUGE - page % FZ_HUGE + near(r);
		break;
	case 3: /* as long as something that is there */
		value = live->n ? (long)live->range[fz_random_below(r, live->n)].count + near(r) : 16;
		break;
	default:
		value = 1 + fz_random_below(r, a->limit);
	}
	return value < 1 ? 1 : value > (long)a->limit ? a->limit : (unsigned int)value;
}

unsigned int fz_interesting(struct fz_random *r, const struct fz_live *live, const struct fz_op *op,
			    unsigned int i)
{
	const struct fz_arg_desc *a = &fz_op_desc(op->code)->arg[i];

	switch (a->type) {
	case FZ_ARG_NONE:
		return 0;
	case FZ_ARG_WHO: /* mostly the player: others may not be there */
		return fz_random_one_in(r, 3) ? fz_random_below(r, a->limit) : 0;
	case FZ_ARG_CHILD:
		return 1 + fz_random_below(r, a->limit - 1);
	case FZ_ARG_PAGE:
	case FZ_ARG_IOVA:
		return first_page(r, live, op, a);
	case FZ_ARG_COUNT:
		return count(r, live, op, a);
	case FZ_ARG_OFFSET:
		return within((long)fz_random_below(r, a->limit / FZ_HUGE + 1) * FZ_HUGE + near(r), a->limit);
	case FZ_ARG_BITS: /* all of them, most of the time, or one away */
		return fz_random_one_in(r, 2) ? (a->limit - 1) & 3 :
				      (fz_op_arg(op, i) ^ 1U << fz_random_below(r, 3)) % a->limit;
	case FZ_ARG_NUMBER:
		return fz_random_one_in(r, 3) ? (fz_random_one_in(r, 2) ? a->limit - 1 : 0) : fz_random_below(r, a->limit);
	default:
		return fz_random_below(r, a->limit);
	}
}

/* A count first: what is drawn afterwards fits to it. */
static void draw_args(struct fz_random *r, const struct fz_live *live, struct fz_op *op)
{
	const struct fz_op_desc *d = fz_op_desc(op->code);

	for (unsigned int pass = 0; pass < 2; pass++)
		for (unsigned int i = 0; i < FZ_ARGS && d->arg[i].type; i++)
			if ((d->arg[i].type == FZ_ARG_COUNT) == !pass)
				op->arg[i] = (uint16_t)fz_interesting(r, live, op, i);
}

void fz_draw_op(struct fz_random *r, const struct fz_live *live, struct fz_op *op)
{
	unsigned int sum = 0, at;

	for (unsigned int code = 0; fz_op_desc(code); code++)
		sum += fz_op_desc(code)->weight;
	at = fz_random_below(r, sum);
	*op = (struct fz_op){ 0 };
	while (at >= fz_op_desc(op->code)->weight)
		at -= fz_op_desc(op->code++)->weight;
	draw_args(r, live, op);
}

/*
 * Lists
 */

void fz_insert(struct fz_sequence *s, unsigned int at, const struct fz_op *op, unsigned int n)
{
	unsigned int tail;

	at = at < s->n ? at : s->n;
	n = n < FZ_OPS_MAX - at ? n : FZ_OPS_MAX - at;
	tail = s->n - at;
	tail = tail < FZ_OPS_MAX - at - n ? tail : FZ_OPS_MAX - at - n;
	memmove(&s->op[at + n], &s->op[at], tail * sizeof(*op));
	memcpy(&s->op[at], op, n * sizeof(*op));
	s->n = at + n + tail;
}

void fz_delete(struct fz_sequence *s, unsigned int at, unsigned int n)
{
	at = at < s->n ? at : s->n;
	n = n < s->n - at ? n : s->n - at;
	memmove(&s->op[at], &s->op[at + n], (s->n - at - n) * sizeof(s->op[0]));
	s->n -= n;
}

static void insert_drawn(struct fz_random *r, struct fz_sequence *s)
{
	const unsigned int at = fz_random_below(r, s->n + 1);
	struct fz_live live;
	struct fz_op op;

	if (fz_random_one_in(r, 2)) {
		fz_generate_op(r, s, at, &op);
	} else {
		fz_live_before(s, at, &live);
		fz_draw_op(r, &live, &op);
	}
	fz_insert(s, at, &op, 1);
}

/* What happens in a row, to what is there or beside it. */
static void insert_idiom(struct fz_random *r, struct fz_sequence *s)
{
	const unsigned int at = fz_random_below(r, s->n + 1);
	struct fz_sequence part = { .setup = s->setup };
	struct fz_live live;

	fz_live_before(s, at, &live);
	fz_idiom(r, &live, &part);
	fz_insert(s, at, part.op, part.n);
	s->setup = part.setup;
}

static unsigned int args(const struct fz_op *op)
{
	const struct fz_op_desc *d = fz_op_desc(op->code);
	unsigned int n = 0;

	while (n < FZ_ARGS && d->arg[n].type)
		n++;
	return n;
}

static void change_arg(struct fz_random *r, struct fz_sequence *s)
{
	const unsigned int at = fz_random_below(r, s->n);
	struct fz_op *op = &s->op[at];
	const unsigned int i = fz_random_below(r, args(op));
	struct fz_live live;

	fz_live_before(s, at, &live);
	op->arg[i] = (uint16_t)(fz_random_one_in(r, 6) ? fz_random_below(r, 65536) :
					       fz_interesting(r, &live, op, i));
	op->arg[i] = (uint16_t)fz_op_arg(op, i);
}

/* Huge leaves need the arena's page and the IOVA the same way off a border. */
static void line_up(struct fz_random *r, struct fz_sequence *s)
{
	const unsigned int from = fz_random_below(r, s->n);

	for (unsigned int k = 0; k < s->n; k++) {
		struct fz_op *op = &s->op[(from + k) % s->n];

		if (op->code != FZ_MAP)
			continue;
		op->arg[1] = (uint16_t)((op->arg[1] / FZ_HUGE * FZ_HUGE + op->arg[2] % FZ_HUGE) % FZ_IOVAS);
		return;
	}
}

const char *fz_change(struct fz_random *r, struct fz_sequence *s)
{
	const unsigned int a = fz_random_below(r, s->n), b = fz_random_below(r, s->n);
	struct fz_op op;

	if (!s->n) {
		insert_drawn(r, s);
		return "insert";
	}
	switch (fz_random_below(r, 20)) {
	case 0:
	case 1:
	case 2:
		insert_drawn(r, s);
		return "insert";
	case 3:
	case 4:
		fz_delete(s, a, 1 + (fz_random_one_in(r, 4) ? fz_random_below(r, s->n - a) : 0));
		return "delete";
	case 5:
		op = s->op[a];
		s->op[a] = s->op[b];
		s->op[b] = op;
		return "swap";
	case 6: /* again, elsewhere */
		op = s->op[a];
		fz_insert(s, b, &op, 1);
		return "repeat";
	case 7: { /* a stretch of it again, right behind */
		struct fz_sequence copy = *s;

		fz_insert(s, s->n, &copy.op[a], copy.n - a);
		return "repeat-all";
	}
	case 8:
		s->setup ^= (uint8_t)(1U << fz_random_below(r, 6)) & FZ_SETUP_ALL;
		return "setup";
	case 9:
		line_up(r, s);
		return "line-up";
	case 10: { /* the same place, another operation */
		struct fz_live live;

		fz_live_before(s, a, &live);
		fz_draw_op(r, &live, &s->op[a]);
		return "replace";
	}
	case 11:
	case 12:
	case 13:
	case 14:
		insert_idiom(r, s);
		return "idiom";
	default:
		change_arg(r, s);
		return "argument";
	}
}

void fz_splice(struct fz_random *r, struct fz_sequence *s, const struct fz_sequence *other)
{
	const unsigned int at = fz_random_below(r, s->n + 1), from = fz_random_below(r, other->n);

	if (!other->n)
		return;
	if (fz_random_one_in(r, 2)) {
		s->n = at;
		fz_insert(s, at, &other->op[from], other->n - from);
		return;
	}
	fz_insert(s, at, &other->op[from], 1 + fz_random_below(r, other->n - from));
}
