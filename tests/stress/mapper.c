// SPDX-License-Identifier: GPL-2.0-only
/*
 * mapper.c - workers that map in container A: ranges of their own, and a window they contend for.
 *
 * What one has mapped in its own ranges it knows, so every answer there must be right to the byte.
 * In the window only the sum is known.
 */
#include <errno.h>
#include <sys/mman.h>

#include "dirty.h"
#include "stress.h"

static const uint32_t prots[] = { HF_READ, HF_WRITE, HF_RW, HF_RW };

/* Mappers: ranges of their own */

static struct slot *some_slot(struct t_worker *w, struct mapper *m, bool mapped)
{
	const size_t first = t_random(w, SLOTS);

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &m->slot[(first + i) % SLOTS];

		if (!slot->addr == !mapped)
			return slot;
	}
	return NULL;
}

static uint64_t slot_iova(const struct t_worker *w, const struct mapper *m, const struct slot *slot)
{
	return MAPPER_IOVA + (w->number * SLOTS + (uint64_t)(slot - m->slot)) * SLOT_SPAN;
}

static int map_slot(struct t_worker *w)
{
	struct mapper *m = w->data;
	const struct hf_mem *mem = &m->mem[t_random(w, MAPPER_KINDS)];
	const size_t pages = mem->len / T_PAGE, first = t_random(w, pages);
	const size_t n = 1 + t_random(w, pages - first);
	const uint64_t skip = t_random(w, 1000) * T_PAGE;
	const uint32_t prot = prots[t_random(w, T_ARRAY_SIZE(prots))];
	struct slot *slot = some_slot(w, m, false);
	int ret;

	if (!slot)
		return 0;
	*slot = (struct slot){ .iova = slot_iova(w, m, slot) + skip, .len = n * T_PAGE,
			       .prot = prot };
	ret = hf_try_map(&st.a, slot->iova, (char *)mem->addr + first * T_PAGE, slot->len, prot);
	if (!ret)
		slot->addr = (char *)mem->addr + first * T_PAGE;
	return ret;
}

static int unmapped_is(struct t_worker *w, struct slot *slot, uint64_t unmapped)
{
	const size_t len = slot->len;

	slot->addr = NULL;
	return unmapped == len ? 0 :
				 t_wrong(w, "0x%llx bytes unmapped of 0x%zx",
					 (unsigned long long)unmapped, len);
}

static int unmap_slot(struct t_worker *w)
{
	struct mapper *m = w->data;
	struct slot *slot = some_slot(w, m, true);
	const bool wide = t_random(w, 2);
	uint64_t unmapped;
	int ret;

	if (!slot)
		return 0;
	if (wide)
		ret = hf_try_unmap(&st.a, slot_iova(w, m, slot), SLOT_SPAN, 0, &unmapped);
	else
		ret = hf_try_unmap(&st.a, slot->iova, slot->len, 0, &unmapped);
	return ret ? ret : unmapped_is(w, slot, unmapped);
}

/* A bit for each page of a slot's mapping. */
struct bits {
	uint64_t word[1024];
};

static bool all_dirty(const struct bits *bits, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (!(bits->word[i / 64] >> i % 64 & 1))
			return false;
	return true;
}

static int unmap_with_bitmap(struct t_worker *w)
{
	struct mapper *m = w->data;
	struct slot *slot = some_slot(w, m, true);
	struct bits bits = { 0 };
	uint64_t unmapped;
	int ret;

	if (!slot)
		return 0;
	ret = t_dirty_unmap(&st.a, slot->iova, slot->len, sizeof(bits.word), bits.word, &unmapped);
	if (ret)
		return ret;
	if (!all_dirty(&bits, slot->len / T_PAGE))
		return t_wrong(w, "a mapped page is not dirty");
	return unmapped_is(w, slot, unmapped);
}

/* Memory that nobody touched: the map faults it in, for as long as that takes. */
static int map_fresh(struct t_worker *w)
{
	const size_t len = (1 + t_random(w, 512)) * T_PAGE;
	const bool huge = t_random(w, 2);
	const uint64_t iova = MAPPER_IOVA + (MAPPERS * SLOTS + w->number) * SLOT_SPAN;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t unmapped = len;
	int ret;

	if (p == MAP_FAILED)
		return -errno;
	madvise(p, len, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	ret = hf_try_map(&st.a, iova, p, len, HF_RW);
	/* One way or the other. */
	if (t_random(w, 2)) {
		munmap(p, len);
		p = NULL;
	}
	if (!ret)
		ret = hf_try_unmap(&st.a, iova, len, 0, &unmapped);
	if (p)
		munmap(p, len);
	if (ret)
		return ret;
	return unmapped == len ? 0 : t_wrong(w, "fresh memory was not unmapped whole");
}

/* Mappers: the window */

static int map_in_window(struct t_worker *w)
{
	const size_t at = t_random(w, WINDOW_PAGES);
	const size_t most = WINDOW_PAGES - at < 64 ? WINDOW_PAGES - at : 64;
	const size_t len = (1 + t_random(w, most)) * T_PAGE;
	const size_t from = t_random(w, (ARENA_LEN - len) / T_PAGE) * T_PAGE;
	int ret = hf_try_map(&st.a, WINDOW_IOVA + at * T_PAGE, (char *)st.arena.addr + from, len,
			     prots[t_random(w, T_ARRAY_SIZE(prots))]);

	if (!ret)
		atomic_fetch_add(&st.window, (int64_t)len);
	return ret;
}

static int unmap_in_window(struct t_worker *w)
{
	const bool all = !t_random(w, 4);
	const size_t at = all ? 0 : t_random(w, WINDOW_PAGES);
	const size_t len = (all ? WINDOW_PAGES : 1 + t_random(w, WINDOW_PAGES - at)) * T_PAGE;
	uint64_t unmapped;
	int ret = hf_try_unmap(&st.a, WINDOW_IOVA + at * T_PAGE, len, 0, &unmapped);

	if (!ret && unmapped > len)
		return t_wrong(w, "more unmapped than asked for");
	atomic_fetch_sub(&st.window, (int64_t)unmapped);
	return ret;
}

/* Mappers: the container */

static int get_info(struct t_worker *w)
{
	struct {
		struct vfio_iommu_type1_info i;
		char rest[256];
	} q = { .i = { .argsz = sizeof(q) } };

	(void)w;
	return hf_container_ioctl(&st.a, VFIO_IOMMU_GET_INFO, &q);
}

static int dirty_switch(struct t_worker *w)
{
	return t_dirty(&st.a, t_random(w, 2) ? VFIO_IOMMU_DIRTY_PAGES_FLAG_START :
					       VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static int dirty_get(struct t_worker *w)
{
	struct mapper *m = w->data;
	struct slot *slot = some_slot(w, m, true);
	struct bits bits = { 0 };
	int ret;

	if (!slot)
		return 0;
	ret = t_dirty_get(&st.a, slot->iova, slot->len, T_PAGE, sizeof(bits.word), bits.word);
	if (ret)
		return ret;
	return all_dirty(&bits, slot->len / T_PAGE) ? 0 : t_wrong(w, "a mapped page is not dirty");
}

static const struct t_op mapper_ops[] = {
	{ "map", 30, map_slot, { 0 } },
	{ "unmap", 20, unmap_slot, { 0 } },
	/* Refused while dirty pages are not tracked. */
	{ "unmap with bitmap", 8, unmap_with_bitmap, { -EINVAL } },
	{ "map and unmap fresh memory", 10, map_fresh, { 0 } },
	/* Taken by another, or the memory is not there at the moment. */
	{ "map in the window", 25, map_in_window, { -EEXIST, -EFAULT } },
	/* Would cut a mapping. */
	{ "unmap in the window", 25, unmap_in_window, { -EINVAL } },
	{ "info", 5, get_info, { 0 } },
	{ "dirty start or stop", 4, dirty_switch, { 0 } },
	{ "dirty bitmap", 4, dirty_get, { -EINVAL } },
};

void st_add_mappers(struct t_crowd *c)
{
	for (size_t i = 0; i < MAPPERS; i++)
		t_crowd_add(c, "mapper", mapper_ops, T_ARRAY_SIZE(mapper_ops), &st.mapper[i]);
}
