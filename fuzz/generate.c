// SPDX-License-Identifier: GPL-2.0-only
/*
 * generate.c - drawing operations.
 *
 * Two random numbers rarely mean the same page. So a range is taken from an operation before, or from
 * the pages that a mapping there was made of, and then moved a little, often by nothing.
 */
#include "generate.h"

#include <string.h>

/* One step of splitmix64. */
uint32_t fz_random(uint64_t *state, uint32_t limit)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ (z >> 31)) % limit);
}

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
static bool earlier(uint64_t *state, const struct fz_sequence *s, unsigned int at,
		    enum fz_arg_type type, const struct fz_op **from, unsigned int *value)
{
	for (unsigned int tries = 0; at && tries < 8; tries++) {
		const struct fz_op *op = &s->op[fz_random(state, at)];
		const int i = arg_of(op, type);

		if (i < 0 || (tries < 5 && op->code != FZ_MAP))
			continue;
		*from = op;
		*value = fz_op_arg(op, (unsigned int)i);
		return true;
	}
	return false;
}

static unsigned int some_count(uint64_t *state, unsigned int limit)
{
	static const uint16_t often[] = { 1, 1, 1, 2, 3, 4, 8, 16, 31, 64, 511, 512, 513, 1024 };

	if (fz_random(state, 8))
		return often[fz_random(state, sizeof(often) / sizeof(*often))] % limit;
	return fz_random(state, limit);
}

static unsigned int some_place(uint64_t *state, unsigned int limit)
{
	switch (fz_random(state, 4)) {
	case 0:
		/* At and around the border of a huge page. */
		return (fz_random(state, limit / FZ_HUGE + 1) * FZ_HUGE + fz_random(state, 3) - 1) %
		       limit;
	case 1:
		return fz_random(state, 64);
	default:
		return fz_random(state, limit);
	}
}

/* A little off, mostly not at all. */
static unsigned int near(uint64_t *state, unsigned int value, const struct fz_op *from)
{
	const int n = arg_of(from, FZ_ARG_COUNT);
	const unsigned int count = n < 0 ? 1 : fz_op_arg(from, (unsigned int)n);

	switch (fz_random(state, 12)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value + count;
	case 3:
		return value + count - 1;
	case 4:
		return value + fz_random(state, count);
	default:
		return value;
	}
}

static unsigned int some_value(uint64_t *state, const struct fz_sequence *s, unsigned int at,
			       const struct fz_arg_desc *a, const struct fz_op **from)
{
	unsigned int value;

	switch (a->type) {
	case FZ_ARG_WHO:
		return fz_random(state, 4) ? 0 : fz_random(state, FZ_PROCS);
	case FZ_ARG_CHILD:
		return 1 + fz_random(state, 2);
	case FZ_ARG_PAGE:
	case FZ_ARG_OFFSET:
	case FZ_ARG_IOVA:
		if (fz_random(state, 5) && earlier(state, s, at, a->type, from, &value))
			return near(state, value, *from);
		return some_place(state, a->limit);
	case FZ_ARG_COUNT:
		/* As many as where the place was taken from. */
		if (*from && fz_random(state, 3) && arg_of(*from, FZ_ARG_COUNT) >= 0)
			return fz_op_arg(*from, (unsigned int)arg_of(*from, FZ_ARG_COUNT));
		return some_count(state, a->limit);
	case FZ_ARG_BITS:
		return fz_random(state, 3) ? FZ_PROT_READ | FZ_PROT_WRITE : fz_random(state, a->limit);
	case FZ_ARG_CONTAINER:
		return !fz_random(state, 4);
	default:
		return fz_random(state, a->limit);
	}
}

void fz_generate_op(uint64_t *state, const struct fz_sequence *s, unsigned int at, struct fz_op *op)
{
	unsigned int sum = 0, draw, code = 0;
	const struct fz_op *from = NULL;
	const struct fz_op_desc *d;

	for (unsigned int i = 0; i < FZ_CODES; i++)
		sum += fz_op_desc(i)->weight;
	draw = fz_random(state, sum);
	while (draw >= fz_op_desc(code)->weight)
		draw -= fz_op_desc(code++)->weight;
	d = fz_op_desc(code);
	memset(op, 0, sizeof(*op));
	op->code = (uint8_t)code;
	for (unsigned int i = 0; i < FZ_ARGS; i++) {
		if (d->arg[i].type)
			op->arg[i] = (uint16_t)some_value(state, s, at, &d->arg[i], &from);
		op->arg[i] = (uint16_t)fz_op_arg(op, i);
	}
}

static struct fz_op *add(struct fz_sequence *s, enum fz_code code)
{
	static struct fz_op nowhere;
	struct fz_op *op = s->n < FZ_OPS_MAX ? &s->op[s->n++] : &nowhere;

	memset(op, 0, sizeof(*op));
	op->code = (uint8_t)code;
	return op;
}

static void add_args(struct fz_sequence *s, enum fz_code code, unsigned int a, unsigned int b,
		     unsigned int c, unsigned int d, unsigned int e)
{
	struct fz_op *op = add(s, code);

	op->arg[0] = (uint16_t)a;
	op->arg[1] = (uint16_t)b;
	op->arg[2] = (uint16_t)c;
	op->arg[3] = (uint16_t)d;
	op->arg[4] = (uint16_t)e;
}

/*
 * What programs do in a row, with one range: hardly ever drawn one by one. What stands between may change
 * everything.
 */
static void add_idiom(uint64_t *state, struct fz_sequence *s)
{
	const unsigned int other = !fz_random(state, 3), who = fz_random(state, 3);
	const bool huge = !fz_random(state, 12);
	const unsigned int page = huge ? FZ_SMALL_PAGES : some_place(state, FZ_PAGES);
	const unsigned int iova = some_place(state, FZ_IOVAS);
	const unsigned int count = huge ? 2 * FZ_HUGE : some_count(state, 1024) ?: 1;
	const unsigned int prot = fz_random(state, 3) ? FZ_PROT_READ | FZ_PROT_WRITE : FZ_PROT_READ;
	const unsigned int child = 1 + fz_random(state, 2), kind = fz_random(state, 15);
	const unsigned int sooner = iova ? fz_random(state, iova < 70 ? iova : 70) : 0;

	if (fz_random(state, 3))
		add_args(s, FZ_WRITE, 0, page, 1 + fz_random(state, 16), 0, 0);
	if (kind == 13) {
		/* A huge page that is not one any more: some of its pages are others. */
		add_args(s, FZ_WRITE, 0, page / FZ_HUGE * FZ_HUGE, 1, 0, 0);
		add_args(s, FZ_MADVISE, 0, page + fz_random(state, count), 1 + fz_random(state, 3),
			 FZ_DONTNEED, 0);
		add_args(s, FZ_WRITE, 0, page, 16, 0, 0);
	}
	if (kind == 2 || kind == 3)
		add_args(s, FZ_FORK, child, 0, 0, 0, 0);
	add_args(s, FZ_MAP, kind == 3 ? child : 0, iova, page, count,
		 prot | (other ? FZ_HOW_OTHER : 0));
	switch (kind) {
	case 0: /* live update */
	case 1:
		add_args(s, FZ_VADDR_GONE, 0, other, iova, count, 0);
		if (kind)
			add_args(s, FZ_EXEC, 0, 0, 0, 0, 0);
		else
			add_args(s, FZ_FORK, child, 0, 0, 0, 0);
		add_args(s, FZ_VADDR_NEW, kind ? 0 : child, other, iova, page, count);
		break;
	case 2: /* somebody else unmaps */
	case 3:
		add_args(s, FZ_WRITE, who ? child : 0, page, 1, 0, 0);
		add_args(s, FZ_UNMAP, kind == 2 ? child : 0, other, iova, count, 0);
		add_args(s, FZ_EXIT, child, 0, 0, 0, 0);
		break;
	case 4: /* migration; neighbours share words of the bitmap */
		add_args(s, FZ_MAP, 0, iova + count, page, 1 + fz_random(state, 16),
			 prot | (other ? FZ_HOW_OTHER : 0));
		add_args(s, FZ_DIRTY, 0, other, FZ_DIRTY_START, 0, 1);
		add_args(s, FZ_DIRTY, 0, other, FZ_DIRTY_GET, iova - sooner,
			 count + sooner + 16 + fz_random(state, 70));
		break;
	case 5: /* memory given back under the device */
		add_args(s, FZ_MADVISE, 0, page, count, FZ_DONTNEED, 0);
		add_args(s, FZ_ASK, other, iova, count, 0, 0);
		add_args(s, FZ_REFRESH, 0, other, iova, count, 0);
		break;
	case 6: /* a second device */
		add_args(s, FZ_ATTACH, other, 0, 0, 0, 0);
		add_args(s, FZ_UNMAP, 0, other, iova, count, 0);
		add_args(s, FZ_DETACH, other, 0, 0, 0, 0);
		break;
	case 7: /* reuse of an address the device has used */
		add_args(s, FZ_DEVICE_WRITE, iova, 1 + fz_random(state, 16), 0, 0, 0);
		add_args(s, FZ_UNMAP, 0, 0, iova, count, 0);
		add_args(s, FZ_BLOCKED, iova, 0, 0, 0, 0);
		add_args(s, FZ_MAP, 0, iova, some_place(state, FZ_PAGES), count, prot);
		break;
	case 8: /* a part of something huge, and its neighbour */
		add_args(s, FZ_MADVISE, 0, page, FZ_HUGE, FZ_COLLAPSE, 0);
		add_args(s, FZ_MAP, 0, iova + count, page + count, some_count(state, 1024), prot);
		add_args(s, FZ_MPROTECT, 0, page + fz_random(state, count), 1, FZ_PROT_READ, 0);
		break;
	case 9: /* the device's memory */
		add_args(s, FZ_BAR_MMAP, who, 64, 0, 0, 0);
		add_args(s, FZ_BAR_MMAP, who + 1, 1 + fz_random(state, 64), 0, 0, 0);
		add_args(s, FZ_BAR_MAP, 0, iova + count, who, 1 + fz_random(state, 96), prot);
		add_args(s, FZ_DEVICE_WRITE, iova + count + 56, 16, 0, 0, 0);
		break;
	case 10: /* a file cut while it is mapped */
		add_args(s, FZ_PUNCH, fz_random(state, 2), page % FZ_FILE_PAGES, count, 0, 0);
		add_args(s, FZ_REFRESH, 0, other, iova, count, 0);
		break;
	case 11: /* two that meet */
	case 12:
		add_args(s, FZ_TOGETHER, fz_random(state, 2) ? fz_random(state, 512) : 0, 0, 0, 0, 0);
		add_args(s, FZ_MAP, 0, iova + count, some_place(state, FZ_PAGES),
			 some_count(state, 1024) ?: 1, prot | (other ? FZ_HOW_OTHER : 0));
		if (kind == 11)
			add_args(s, FZ_UNMAP, who ? 0 : child, other, iova, 2 * count, 0);
		else
			add_args(s, FZ_MAP, who ? 0 : child, iova + count + fz_random(state, 1024),
				 some_place(state, FZ_PAGES), count, prot | (other ? FZ_HOW_OTHER : 0));
		break;
	case 13:
		add_args(s, FZ_DEVICE_WRITE, iova, 16, 0, 0, 0);
		break;
	default: /* moved away */
		add_args(s, FZ_MREMAP, 0, page, count, some_place(state, FZ_PAGES), count);
		add_args(s, FZ_REFRESH, 0, other, iova, count, 0);
	}
}

void fz_generate(uint64_t *state, struct fz_sequence *s)
{
	const unsigned int n = 4 + fz_random(state, FZ_OPS_MAX / 2);

	memset(s, 0, sizeof(*s));
	s->setup = (uint8_t)fz_random(state, FZ_SETUP_ALL + 1);
	while (s->n < n) {
		if (!fz_random(state, 6)) {
			add_idiom(state, s);
			continue;
		}
		fz_generate_op(state, s, s->n, &s->op[s->n]);
		s->n++;
	}
	/* Within the limits of each argument. */
	for (unsigned int k = 0; k < s->n; k++)
		for (unsigned int i = 0; i < FZ_ARGS; i++)
			s->op[k].arg[i] = (uint16_t)fz_op_arg(&s->op[k], i);
}
