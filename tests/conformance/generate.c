// SPDX-License-Identifier: GPL-2.0-only
/*
 * generate.c - what to do next: setups, kinds of operations, operations on the process.
 *
 * The only inputs are the sequence's random numbers and the model, so a seed gives the same
 * sequence as long as stock answers the same.
 */
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "dice.h"

/* Sequences of each setup in a round of a hundred. */
static const struct {
	unsigned int share;
	struct cf_setup setup;
} setups[] = {
	{ 50, { .dma = true } },
	{ 12, { .v1 = true, .dma = true } },
	{ 12, { .v1 = false } },
	{ 10, { .v1 = true } },
	{ 8, { .domains = true } },
	{ 4, { .entries = 3 } },
	{ 4, { .v1 = true, .entries = 5 } },
};

void cf_generate_begin(struct cf_random *g, struct cf_sequence *s, uint64_t seed, unsigned long n,
		       unsigned long round)
{
	unsigned long at = n % round * 100 / round;

	memset(s, 0, sizeof(*s));
	*g = (struct cf_random){ .state = seed * 0x2545f4914f6cdd1dULL + n };
	g->length = g->left = 20 + (unsigned int)cf_below(g, 41);
	for (unsigned int i = 0; i < sizeof(setups) / sizeof(*setups); i++) {
		s->setup = setups[i].setup;
		if (at < setups[i].share)
			break;
		at -= setups[i].share;
	}
	snprintf(s->name, sizeof(s->name), "seed %llu number %lu", (unsigned long long)seed, n);
}

/* The process */

static void in_memory(struct cf_random *g, const struct cf_model *m, struct cf_op *op)
{
	const struct cf_mapping *a = cf_some_mapping(g, m);
	const struct cf_place_kind *k;
	uint64_t pages, at;

	op->at.place = cf_some_place(g);
	if (a && !a->port && cf_chance(g, 75))
		op->at = cf_at_addr(a->vaddr);
	k = &cf_places[op->at.place];
	if (!(k->props & CF_BACKED)) {
		op->at.place = CF_ANON;
		k = &cf_places[CF_ANON];
	}
	if (k->props & CF_FIXED &&
	    (op->kind == CF_MUNMAP || op->kind == CF_MMAP || op->kind == CF_MREMAP))
		op->kind = CF_WRITE;
	pages = k->len / CF_PAGE;
	at = a && cf_chance(g, 50) ? (op->at.off / CF_PAGE) % pages : cf_below(g, pages);
	if (k->props & CF_HUGETLB && cf_chance(g, 80))
		at &= ~511ULL;
	op->at.off = at * CF_PAGE;
	op->size = cf_some_pages(g, pages - at) * CF_PAGE;
	if (k->props & CF_HUGETLB && cf_chance(g, 80))
		op->size = (op->size + CF_2M - 1) & ~(CF_2M - 1);
}

void cf_generate_process(struct cf_random *g, const struct cf_model *m, struct cf_op *op)
{
	static const uint32_t protections[] = { PROT_READ, PROT_NONE, PROT_READ | PROT_WRITE,
						PROT_READ | PROT_WRITE };
	static const uint32_t advice[] = { MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_REMOVE,
					   MADV_HUGEPAGE, MADV_NOHUGEPAGE };

	if (op->kind == CF_LIMIT) {
		op->flags = cf_chance(g, m->limited ? 60 : 10);
		op->size = cf_below(g, cf_chance(g, 85) ? 200 : 2000) * CF_PAGE;
		op->size += cf_chance(g, 15);
		return;
	}
	in_memory(g, m, op);
	if (op->kind == CF_MPROTECT)
		op->flags = CF_ONE_OF(g, protections);
	else if (op->kind == CF_MADVISE)
		op->flags = CF_ONE_OF(g, advice);
	else if (op->kind == CF_MREMAP)
		op->iova = cf_below(g, 2) * CF_2M;
}

/* Which operation */

static uint32_t some_kind(struct cf_random *g, const struct cf_model *m)
{
	static const struct {
		uint32_t kind;
		unsigned int weight;
	} weights[] = {
		{ CF_MAP, 340 }, { CF_UNMAP, 170 }, { CF_INFO, 20 }, { CF_EXTENSION, 15 },
		{ CF_DIRTY, 90 }, { CF_IOCTL, 10 }, { CF_SETIOMMU, 6 }, { CF_SECOND, 10 },
		{ CF_LEAVE, 5 }, { CF_JOIN, 4 }, { CF_HUGEPAGES, 8 }, { CF_SWEEP, 60 },
		{ CF_MUNMAP, 20 }, { CF_MMAP, 30 }, { CF_MPROTECT, 30 }, { CF_MADVISE, 35 },
		{ CF_MREMAP, 15 }, { CF_WRITE, 50 }, { CF_READ, 10 }, { CF_FORK, 8 },
		{ CF_LIMIT, 30 },
	};
	unsigned int sum = 0, at;

	if (!m->attached && cf_chance(g, 60))
		return CF_JOIN;
	if (m->attached && !m->typed && cf_chance(g, 60))
		return CF_SETIOMMU;
	for (unsigned int i = 0; i < sizeof(weights) / sizeof(*weights); i++)
		sum += weights[i].weight;
	at = (unsigned int)cf_below(g, sum);
	for (unsigned int i = 0; i < sizeof(weights) / sizeof(*weights); i++) {
		if (at < weights[i].weight)
			return weights[i].kind;
		at -= weights[i].weight;
	}
	return CF_MAP;
}

static uint32_t next_kind(struct cf_random *g, const struct cf_model *m)
{
	uint32_t kind;

	/* The last look, now and then also at what must not be seen. */
	if (m->setup.dma && !g->left)
		return CF_SWEEP;
	if (m->setup.dma && g->left == 1 && cf_chance(g, 6))
		return CF_BLOCKED;
	/* Version 1 has no dirty tracking: it need not be told so all the time. */
	do
		kind = some_kind(g, m);
	while ((kind == CF_SWEEP && !m->setup.dma) ||
	       (kind == CF_DIRTY && m->setup.v1 && cf_chance(g, 80)));
	return kind;
}

bool cf_generate(struct cf_model *m, struct cf_sequence *s, void *data)
{
	struct cf_op *op = &s->op[s->nr];
	struct cf_random *g = data;

	if (s->nr == g->length)
		return false;
	g->left--;
	cf_op_init(op, next_kind(g, m));
	op->serial = s->nr + 1;
	if (op->kind <= CF_SETIOMMU || op->kind == CF_HUGEPAGES)
		cf_generate_request(g, m, op);
	else if (op->kind > CF_BLOCKED)
		cf_generate_process(g, m, op);
	s->nr++;
	return true;
}
