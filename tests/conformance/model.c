// SPDX-License-Identifier: GPL-2.0-only
/*
 * model.c - following what is mapped.
 *
 * Invariant: map[] is sorted by IOVA and has no overlaps, as the kernel's tree.
 */
#include "model.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

unsigned int cf_kernel(void)
{
	static unsigned int version;
	unsigned int major = 0, minor = 0;
	struct utsname u;

	if (!version && !uname(&u) && sscanf(u.release, "%u.%u", &major, &minor) == 2)
		version = major * 100 + minor;
	return version;
}

static void insert(struct cf_model *m, const struct cf_mapping *new)
{
	unsigned int i = 0;

	if (m->nr == CF_MAPPINGS)
		return;
	while (i < m->nr && m->map[i].iova < new->iova)
		i++;
	memmove(&m->map[i + 1], &m->map[i], (m->nr - i) * sizeof(*m->map));
	m->map[i] = *new;
	m->nr++;
}

static void erase(struct cf_model *m, unsigned int i)
{
	if (!m->map[i].port)
		m->gone[m->nr_gone++ % CF_GONE] = m->map[i];
	m->nr--;
	memmove(&m->map[i], &m->map[i + 1], (m->nr - i) * sizeof(*m->map));
}

/* The side's own mappings, which it restores after whatever unmapped them. */
static void own_mappings(struct cf_model *m)
{
	static const struct cf_mapping own[] = {
		{ .iova = CF_PORT_ENGINE, .size = 4 * CF_PAGE, .flags = 3, .port = true },
		{ .iova = CF_PORT_BOUNCE, .size = CF_PORT_BOUNCE_LEN, .flags = 3, .port = true },
	};

	for (size_t i = 0; m->setup.dma && i < sizeof(own) / sizeof(*own); i++)
		if (!cf_model_overlap(m, own[i].iova, own[i].size))
			insert(m, &own[i]);
}

void cf_model_begin(struct cf_model *m, const struct cf_setup *setup)
{
	memset(m, 0, sizeof(*m));
	m->setup = *setup;
	m->attached = true;
	m->typed = true;
	m->type = setup->v1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU;
	own_mappings(m);
}

static void unmapped(struct cf_model *m, const struct cf_op *op)
{
	const bool all = op->flags & VFIO_DMA_UNMAP_FLAG_ALL;
	const uint64_t last = all ? ~0ULL : op->iova + (op->size - 1);
	unsigned int i = 0;

	/* Stock of some kernels finds no mapping in a range up to the last address. */
	if (!all && op->iova + op->size == 0 && cf_kernel() < 702)
		return;
	/* Version 1: nothing from a range that begins inside of a mapping. */
	if (m->type == VFIO_TYPE1_IOMMU && !all) {
		const struct cf_mapping *first = cf_model_at(m, op->iova);

		if (first && first->iova < op->iova)
			return;
	}
	while (i < m->nr) {
		if (m->map[i].iova < op->iova || m->map[i].iova > last)
			i++;
		else if (op->flags & VFIO_DMA_UNMAP_FLAG_VADDR)
			m->map[i++].invalid = true;
		else
			erase(m, i);
	}
	own_mappings(m);
}

static void mapped(struct cf_model *m, const struct cf_op *op)
{
	struct cf_mapping new = {
		.iova = op->iova, .size = op->size, .vaddr = cf_addr(&op->at), .flags = op->flags,
	};
	struct cf_mapping *old = cf_model_at(m, op->iova);

	if (!(op->flags & VFIO_DMA_MAP_FLAG_VADDR)) {
		insert(m, &new);
	} else if (old) {
		old->vaddr = new.vaddr;
		old->invalid = false;
		old->disturbed = true;
	}
}

static void disturb(struct cf_model *m, uint64_t addr, uint64_t len)
{
	/* Generously: huge pages are taken apart whole. */
	const uint64_t first = addr & ~(CF_2M - 1), last = (addr + len - 1) | (CF_2M - 1);

	for (unsigned int i = 0; i < m->nr; i++)
		if (m->map[i].vaddr <= last && m->map[i].vaddr + m->map[i].size > first)
			m->map[i].disturbed = true;
}

static void asked_dirty(struct cf_model *m, const struct cf_op *op)
{
	for (unsigned int i = 0; i < m->nr; i++) {
		struct cf_mapping *map = &m->map[i];

		if (op->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_START && !m->dirty)
			map->shifted = false;
		else if (op->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP &&
			 map->iova >= op->iova && map->iova - op->iova < op->size &&
			 (map->iova - op->iova) / CF_PAGE % 64)
			map->shifted = true;
	}
	if (op->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_START)
		m->dirty = true;
	else if (op->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)
		m->dirty = false;
}

static void left(struct cf_model *m)
{
	while (m->nr)
		erase(m, m->nr - 1);
	m->attached = false;
	m->typed = false;
	m->dirty = false;
}

void cf_model_apply(struct cf_model *m, const struct cf_op *op, const struct cf_result *stock)
{
	switch (op->kind) {
	case CF_DIRTY:
		/* One that failed half-way has left marks, too. */
		if (!stock->ret || op->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP)
			asked_dirty(m, op);
		return;
	case CF_MUNMAP:
	case CF_MMAP:
	case CF_MADVISE:
	case CF_MREMAP:
	case CF_FORK:
	case CF_MPROTECT:
		disturb(m, cf_addr(&op->at), op->size);
		if (op->kind == CF_MREMAP)
			disturb(m, cf_places[CF_MOVED].addr + op->iova, op->size);
		return;
	default:
		break;
	}
	/* It may have failed when it wrote the bitmap or the answer, with something unmapped. */
	if (op->kind == CF_UNMAP && stock->ret == -EFAULT)
		m->unsure = true;
	if (stock->ret)
		return;
	switch (op->kind) {
	case CF_MAP:
		mapped(m, op);
		break;
	case CF_UNMAP:
		unmapped(m, op);
		break;
	case CF_SETIOMMU:
		m->typed = true;
		m->type = op->flags;
		break;
	case CF_LEAVE:
		left(m);
		break;
	case CF_JOIN:
		m->attached = true;
		break;
	case CF_LIMIT:
		m->limited = !op->flags;
		break;
	default:
		break;
	}
}

int64_t cf_model_more(const struct cf_model *m)
{
	int64_t sum = 0;

	for (unsigned int i = 0; i < m->nr; i++)
		sum += m->map[i].more;
	return sum;
}

struct cf_mapping *cf_model_overlap(struct cf_model *m, uint64_t iova, uint64_t size)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (m->map[i].iova <= iova + (size - 1) &&
		    iova <= m->map[i].iova + (m->map[i].size - 1))
			return &m->map[i];
	return NULL;
}

struct cf_mapping *cf_model_at(struct cf_model *m, uint64_t iova)
{
	return cf_model_overlap(m, iova, 1);
}

unsigned int cf_model_invalid(const struct cf_model *m)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->nr; i++)
		n += m->map[i].invalid;
	return n;
}

/* Probes */

static const struct cf_place_kind *place_of(uint64_t addr)
{
	for (unsigned int i = 0; i < CF_PLACES; i++)
		if (addr >= cf_places[i].addr && addr - cf_places[i].addr < cf_places[i].len)
			return &cf_places[i];
	return NULL;
}

static uint32_t how(const struct cf_mapping *map, uint64_t vaddr)
{
	const struct cf_place_kind *k = place_of(vaddr);

	/* What is not a place of ours for tags (the port, a BAR) is left alone. */
	if (map->port || !k || !(k->props & CF_BACKED))
		return 0;
	return (map->flags & VFIO_DMA_MAP_FLAG_READ ? CF_PROBE_READ : 0) |
	       (map->flags & VFIO_DMA_MAP_FLAG_WRITE && k->props & CF_WRITES ? CF_PROBE_WRITE : 0);
}

static uint32_t add(struct cf_probe *p, uint32_t n, const struct cf_mapping *map, uint64_t page)
{
	const uint64_t at = page * CF_PAGE;

	if (n == CF_PROBES)
		return n;
	p[n].iova = map->iova + at;
	p[n].vaddr = map->vaddr + at;
	p[n].how = how(map, p[n].vaddr);
	return p[n].how ? n + 1 : n;
}

static uint32_t blocked(struct cf_model *m, struct cf_probe *p)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < m->nr && n < 4; i++) {
		const struct cf_mapping *map = &m->map[i];

		if (map->flags != VFIO_DMA_MAP_FLAG_READ || !how(map, map->vaddr))
			continue;
		p[n++] = (struct cf_probe){ map->iova, map->vaddr, CF_PROBE_WRITE };
	}
	for (unsigned int i = 0; i < CF_GONE && i < m->nr_gone && n < 10; i++) {
		const struct cf_mapping *map = &m->gone[i];

		if (!how(map, map->vaddr) || cf_model_at(m, map->iova))
			continue;
		p[n++] = (struct cf_probe){ map->iova, map->vaddr,
					    CF_PROBE_READ | CF_PROBE_WRITE };
	}
	for (unsigned int i = 0; i < m->nr && n < 14; i++) {
		const struct cf_mapping *map = &m->map[i];

		if (map->port || !how(map, map->vaddr) || cf_model_at(m, map->iova + map->size))
			continue;
		p[n++] = (struct cf_probe){ map->iova + map->size, map->vaddr, CF_PROBE_READ };
	}
	return n;
}

uint32_t cf_model_probes(struct cf_model *m, const struct cf_op *op, struct cf_probe *p)
{
	uint64_t random = cf_tag(op->serial * CF_PAGE, op->iova);
	uint32_t n = 0;

	if (!m->setup.dma)
		return 0;
	if (op->kind == CF_BLOCKED)
		return blocked(m, p);
	for (unsigned int i = 0; i < m->nr; i++) {
		const uint64_t pages = m->map[i].size / CF_PAGE;

		n = add(p, n, &m->map[i], 0);
		if (pages > 1)
			n = add(p, n, &m->map[i], pages - 1);
		for (int more = 0; pages > 2 && more < 2; more++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			n = add(p, n, &m->map[i], 1 + (random >> 33) % (pages - 2));
		}
	}
	return n;
}
