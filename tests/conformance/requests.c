// SPDX-License-Identifier: GPL-2.0-only
/*
 * requests.c - random requests to the container.
 *
 * Three of four are sane, so that there are mappings to do something with; the rest has one or
 * two fields that are odd. Numbers are chosen near what exists: ends of mappings, of windows,
 * of places.
 */
#include <linux/vfio.h>

#include "dice.h"

#define RW 3u

/* What is there */

const struct cf_mapping *cf_some_mapping(struct cf_random *g, const struct cf_model *m)
{
	return m->nr ? &m->map[cf_below(g, m->nr)] : NULL;
}

uint32_t cf_some_place(struct cf_random *g)
{
	unsigned int sum = 0, at;

	for (unsigned int i = 0; i < CF_PLACES; i++)
		sum += cf_places[i].weight;
	at = (unsigned int)cf_below(g, sum);
	for (unsigned int i = 0; i < CF_PLACES; i++) {
		if (at < cf_places[i].weight)
			return i;
		at -= cf_places[i].weight;
	}
	return CF_ANON;
}

struct cf_at cf_at_addr(uint64_t addr)
{
	for (uint32_t i = 1; i < CF_PLACES; i++)
		if (addr >= cf_places[i].addr && addr - cf_places[i].addr < 1ULL << 30)
			return (struct cf_at){ i, addr - cf_places[i].addr };
	return (struct cf_at){ CF_ABS, addr };
}

static const uint64_t addresses[] = {
	0, CF_PAGE, 0x7fffffffe000, 0x7ffffffff000, 0x800000000000, 0xffff800000000000,
	0xffff888000000000, 0xffffffff81000000, ~0ULL & ~(CF_PAGE - 1), 0x400000
};

uint64_t cf_some_pages(struct cf_random *g, uint64_t most)
{
	uint64_t n;

	switch (cf_below(g, 8)) {
	case 0:
	case 1:
		n = 1;
		break;
	case 2:
		n = 2;
		break;
	case 3:
		n = most;
		break;
	case 4:
		n = cf_below(g, most) + 1;
		break;
	case 5:
		n = 512;
		break;
	default:
		n = cf_below(g, 16) + 1;
	}
	return n > most ? most : n ? n : 1;
}

static const uint64_t bases[] = {
	0, 0x1000, 0x100000, 0x100000, 0x1000000, 0xfedf0000, 0xfee00000, 0xfef00000, 0xfffff000,
	0x100000000, 0x100000000, 0x400000000, 0x40000000 - 0x1000, 0x7ffffff000, 0x20000000000,
	CF_PORT_ENGINE - 0x4000, CF_PORT_BOUNCE + CF_PORT_BOUNCE_LEN, (1ULL << 47) - 0x8000,
	(1ULL << 48) - 0x8000
};

static uint64_t free_iova(struct cf_random *g, struct cf_model *m, uint64_t size)
{
	const struct cf_mapping *map;
	uint64_t iova = 0x100000;

	for (int tries = 0; tries < 6; tries++) {
		map = cf_some_mapping(g, m);
		if (map && cf_chance(g, 40))
			iova = cf_chance(g, 70) ? map->iova + map->size : map->iova - size;
		else
			iova = CF_ONE_OF(g, bases) + cf_below(g, 8) * CF_PAGE;
		if (cf_chance(g, 15))
			iova = (iova + CF_2M - 1) & ~(CF_2M - 1);
		if (!cf_model_overlap(m, iova, size))
			return iova;
	}
	return iova + cf_below(g, 1 << 16) * CF_PAGE;
}

static uint64_t odd_number(struct cf_random *g, uint64_t usual)
{
	const uint64_t odd[] = {
		0, 1, 0xfff, CF_PAGE, CF_PAGE + 1, usual + 1, usual - 1, usual + CF_PAGE,
		usual - CF_PAGE, usual + 8, CF_2M, 1ULL << 40, 1ULL << 47, 1ULL << 48, 1ULL << 63,
		~0ULL & ~(CF_PAGE - 1), ~0ULL, 0xfee00000, cf_mix(g), cf_mix(g) & ~(CF_PAGE - 1)
	};

	return CF_ONE_OF(g, odd);
}

static uint32_t odd_argsz(struct cf_random *g, uint32_t usual)
{
	const uint32_t odd[] = { 0, 1, 4, 8, usual - 1, usual - 8, usual + 1, usual + 8, 200, ~0u };

	return CF_ONE_OF(g, odd);
}

static uint32_t odd_flags(struct cf_random *g, uint32_t usual)
{
	const uint32_t odd[] = { 0, 1, 2, 4, 8, usual ^ 4, usual | 8, usual | 1u << 31,
				 usual | 1u << (cf_below(g, 32)), ~0u };

	return CF_ONE_OF(g, odd);
}

static struct cf_at odd_at(struct cf_random *g, const struct cf_at *usual)
{
	struct cf_at at = *usual;

	switch (cf_below(g, 5)) {
	case 0:
		at.off += cf_below(g, 2) ? 1 : 8;
		break;
	case 1:
		at = (struct cf_at){ CF_ABS, CF_ONE_OF(g, addresses) };
		break;
	case 2:
		at.off = cf_places[at.place].len - CF_PAGE;
		break;
	case 3:
		/* Not below a stack: kernels since 6.5 report that with a backtrace. */
		at.off = at.place == CF_STACK ? cf_places[CF_STACK].len : 0 - CF_PAGE;
		break;
	default:
		at = (struct cf_at){ CF_HOLE, 0 };
	}
	return at;
}

/* Where a request is, when not where it should be. */
static void odd_arg(struct cf_random *g, struct cf_op *op)
{
	static const struct cf_at odd[] = {
		{ CF_HOLE, 0 }, { CF_ABS, 0 }, { CF_ABS, 0xffff888000000000 }, { CF_NONE, 0 },
		{ CF_READONLY, 0x40 }, { CF_ARG, 4 }, { CF_ARG, 1 }, { CF_ARG, CF_PAGE - 8 },
		{ CF_ARG, CF_PAGE - 16 }, { CF_ARG, CF_PAGE - 24 }, { CF_ARG, CF_PAGE - 32 },
	};

	op->arg = CF_ONE_OF(g, odd);
}

/* Requests */

static void map(struct cf_random *g, struct cf_model *m, struct cf_op *op)
{
	const struct cf_place_kind *k;
	uint64_t pages;

	op->at.place = cf_some_place(g);
	k = &cf_places[op->at.place];
	if (op->at.place == CF_ABS)
		op->at.off = CF_ONE_OF(g, addresses);
	pages = k->len / CF_PAGE;
	if (pages > 1 && cf_chance(g, 60))
		op->at.off = cf_below(g, pages) * CF_PAGE;
	if (pages > 512 && cf_chance(g, 40))
		op->at.off &= ~(CF_2M - 1);
	pages -= pages > op->at.off / CF_PAGE ? op->at.off / CF_PAGE : 0;
	op->size = cf_some_pages(g, pages) * CF_PAGE;
	op->flags = cf_chance(g, 68) ? RW : cf_chance(g, 75) ? 1 : 2;
	op->iova = free_iova(g, m, op->size);
	if (!cf_chance(g, 24))
		return;
	for (uint64_t n = 1 + cf_below(g, 4) / 3; n; n--) {
		const struct cf_mapping *near = cf_some_mapping(g, m);

		switch (cf_below(g, 7)) {
		case 0:
			op->argsz = odd_argsz(g, op->argsz);
			break;
		case 1:
			op->flags = odd_flags(g, op->flags);
			break;
		case 2:
			op->size = odd_number(g, op->size);
			break;
		case 3:
			op->iova = odd_number(g, op->iova);
			break;
		case 4:
			op->at = odd_at(g, &op->at);
			break;
		case 5:
			if (near)
				op->iova = near->iova + cf_below(g, near->size / CF_PAGE) * CF_PAGE;
			break;
		default:
			odd_arg(g, op);
		}
	}
}

/* A request that gives a vaddr back: for a mapping that has none, mostly. */
static void revive(struct cf_random *g, struct cf_model *m, struct cf_op *op)
{
	for (unsigned int i = 0; i < m->nr; i++) {
		if (!m->map[i].invalid || (i + 1 < m->nr && cf_chance(g, 50)))
			continue;
		op->iova = m->map[i].iova;
		op->size = m->map[i].size;
		op->at = cf_at_addr(m->map[i].vaddr);
		break;
	}
	op->flags = VFIO_DMA_MAP_FLAG_VADDR | (cf_chance(g, 10) ? 1 : 0);
	if (cf_chance(g, 20))
		op->size += CF_PAGE;
}

static void bitmap(struct cf_random *g, struct cf_op *op)
{
	op->bytes = (op->size / CF_PAGE + 63) / 64 * 8;
	op->at = (struct cf_at){ CF_BITS, cf_chance(g, 70) ? 0 : cf_below(g, 64) * 8 };
	if (cf_chance(g, 80))
		return;
	switch (cf_below(g, 4)) {
	case 0:
		op->bytes = odd_number(g, op->bytes);
		break;
	case 1:
		/* Not 0: what stock does then is undefined; the written sequences have it. */
		op->pgsize = (uint64_t[]){ CF_2M, 8192, 2048, 1, 3, 1ULL << 63 }[cf_below(g, 6)];
		break;
	case 2:
		op->at = odd_at(g, &op->at);
		break;
	default:
		op->at.off = cf_places[CF_BITS].len - 8;
	}
}

/* A range about something that is mapped. */
static void range(struct cf_random *g, struct cf_model *m, struct cf_op *op)
{
	const struct cf_mapping *a = cf_some_mapping(g, m), *b = cf_some_mapping(g, m);

	op->iova = CF_ONE_OF(g, bases);
	op->size = cf_some_pages(g, 64) * CF_PAGE;
	if (!a)
		return;
	op->iova = a->iova;
	op->size = a->size;
	switch (cf_below(g, 16)) {
	case 0: /* from one to another */
	case 1:
		if (b->iova > a->iova)
			op->size = b->iova + b->size - a->iova;
		break;
	case 2: /* a part */
		op->size = cf_some_pages(g, a->size / CF_PAGE) * CF_PAGE;
		break;
	case 3:
		op->iova += cf_below(g, a->size / CF_PAGE) * CF_PAGE;
		op->size = a->iova + a->size - op->iova;
		break;
	case 4: /* more */
		op->size += cf_some_pages(g, 8) * CF_PAGE;
		break;
	case 5:
		op->iova -= CF_PAGE;
		op->size += CF_PAGE;
		break;
	case 6: /* from a word of a bitmap on */
		op->iova &= ~(64 * CF_PAGE - 1);
		op->size = a->iova + a->size - op->iova;
		break;
	case 7: /* beside */
		op->iova += op->size;
		break;
	case 8:
		op->iova = odd_number(g, op->iova);
		break;
	case 9:
		op->size = cf_chance(g, 70) ? odd_number(g, op->size) : 0 - op->iova;
		break;
	default:
		break;
	}
}

static void unmap(struct cf_random *g, struct cf_model *m, struct cf_op *op)
{
	if (cf_chance(g, 4)) {
		op->flags = VFIO_DMA_UNMAP_FLAG_ALL;
		op->iova = cf_chance(g, 80) ? 0 : CF_PAGE;
		op->size = cf_chance(g, 80) ? 0 : CF_PAGE;
		return;
	}
	range(g, m, op);
	if (cf_chance(g, m->dirty ? 35 : 3)) {
		op->flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
		op->argsz += sizeof(struct vfio_bitmap);
		bitmap(g, op);
	} else if (cf_chance(g, 6)) {
		op->flags = VFIO_DMA_UNMAP_FLAG_VADDR | (cf_chance(g, 10) ? 2 : 0);
	}
	if (cf_chance(g, 5))
		op->argsz = odd_argsz(g, op->argsz);
	if (cf_chance(g, 4))
		op->flags = odd_flags(g, op->flags);
	if (cf_chance(g, 3))
		odd_arg(g, op);
}

static void dirty(struct cf_random *g, struct cf_model *m, struct cf_op *op)
{
	if (cf_chance(g, m->dirty ? 12 : 60)) {
		op->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
	} else if (cf_chance(g, 14)) {
		op->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
	} else {
		op->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
		range(g, m, op);
		bitmap(g, op);
	}
	if (cf_chance(g, 5))
		op->argsz = odd_argsz(g, op->argsz);
	if (cf_chance(g, 5))
		op->flags = odd_flags(g, op->flags);
	if (cf_chance(g, 4))
		odd_arg(g, op);
}

static void info(struct cf_random *g, struct cf_op *op)
{
	op->argsz = cf_chance(g, 50) ? 256 : (uint32_t)cf_below(g, 300);
	if (cf_chance(g, 15))
		odd_arg(g, op);
}

static void extension(struct cf_random *g, struct cf_op *op)
{
	op->iova = cf_chance(g, 85) ? cf_below(g, 31) : odd_number(g, 1);
}

static void unknown(struct cf_random *g, struct cf_op *op)
{
	const uint64_t type1 = ';' << 8;

	/* 117 and 118 would be dirty and unmap again; the core's own are left out. */
	op->iova = type1 + 119 + cf_below(g, 20);
	if (cf_chance(g, 30))
		op->iova = (cf_mix(g) & 0xffff0000) | type1 | (119 + cf_below(g, 137));
	op->argsz = (uint32_t)cf_below(g, 64);
}

void cf_generate_request(struct cf_random *g, struct cf_model *m, struct cf_op *op)
{
	switch (op->kind) {
	case CF_MAP:
		if (cf_model_invalid(m) && cf_chance(g, 40))
			revive(g, m, op);
		else
			map(g, m, op);
		break;
	case CF_UNMAP:
		unmap(g, m, op);
		break;
	case CF_INFO:
		info(g, op);
		break;
	case CF_EXTENSION:
		extension(g, op);
		break;
	case CF_DIRTY:
		dirty(g, m, op);
		break;
	case CF_IOCTL:
		unknown(g, op);
		break;
	case CF_SETIOMMU:
		op->flags = cf_chance(g, m->typed ? 10 : 70) ?
				    (m->setup.v1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU) :
				    (uint32_t)cf_below(g, 12);
		break;
	case CF_HUGEPAGES:
		op->flags = cf_chance(g, 60);
		break;
	default:
		break;
	}
}
