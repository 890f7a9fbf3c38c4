// SPDX-License-Identifier: GPL-2.0-only
/*
 * live.c - follow maps and unmaps, nothing else. The containers are taken for one.
 */
#include "live.h"

#include <string.h>

static unsigned int arg(const struct fz_op *op, const char *name)
{
	const struct fz_op_desc *d = fz_op_desc(op->code);

	for (unsigned int i = 0; i < FZ_ARGS && d->arg[i].type; i++)
		if (!strcmp(d->arg[i].name, name))
			return fz_op_arg(op, i);
	return 0;
}

static void add(struct fz_live *live, const struct fz_range *r)
{
	for (unsigned int i = 0; i < live->n; i++) {
		const struct fz_range *l = &live->range[i];

		if (r->iova < l->iova + l->count && l->iova < r->iova + r->count)
			return;
	}
	live->range[live->n++] = *r;
}

/* What lies in there as a whole; of a mapping in part nothing goes. */
static void drop(struct fz_live *live, unsigned int iova, unsigned int count)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < live->n; i++) {
		const struct fz_range *l = &live->range[i];

		if (l->iova < iova || l->iova + l->count > iova + count)
			live->range[kept++] = *l;
	}
	live->n = kept;
}

void fz_live_before(const struct fz_sequence *s, unsigned int k, struct fz_live *live)
{
	live->n = 0;
	for (unsigned int i = 0; i < k && i < s->n; i++) {
		const struct fz_op *op = &s->op[i];
		struct fz_range r;

		switch (op->code) {
		case FZ_MAP:
		case FZ_BAR_MAP:
			r = (struct fz_range){ arg(op, "iova"), arg(op, "page"), arg(op, "count") };
			add(live, &r);
			break;
		case FZ_UNMAP:
			drop(live, arg(op, "iova"), arg(op, "count"));
			break;
		case FZ_UNMAP_ALL:
			live->n = 0;
			break;
		default:
			break;
		}
	}
}
