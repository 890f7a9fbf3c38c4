// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_migrate.c - what live update and live migration ask for: other addresses, dirty pages.
 */
#include <errno.h>
#include <string.h>

#include "game.h"

int64_t fz_play_vaddr_gone(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1), iova = fz_op_arg(op, 2);
	const unsigned int count = fz_op_arg(op, 3);
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .flags = VFIO_DMA_UNMAP_FLAG_VADDR, .iova = fz_iova(iova),
		.size = count * FZ_PAGE_BYTES,
	};
	int64_t want = fz_will_unmap(s, c, iova, count), ret;
	struct fz_mapping *map = want > 0 ? fz_mapping_next(s->m, c, iova) : NULL;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	for (; map && map->iova < iova + count; map = fz_mapping_next(s->m, c, map->iova + map->pages))
		if (map->stale)
			want = -EINVAL;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
	if (!fz_unmapped(s, ret, unmap.size, want, "taking addresses away"))
		return ret;
	map = fz_mapping_next(s->m, c, iova);
	for (; map && map->iova < iova + count; map = fz_mapping_next(s->m, c, map->iova + map->pages))
		map->stale = true;
	return ret;
}

int64_t fz_play_vaddr_new(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1), iova = fz_op_arg(op, 2);
	const unsigned int page = fz_op_arg(op, 3), count = fz_op_arg(op, 4);
	struct vfio_iommu_type1_dma_map request = {
		.argsz = sizeof(request), .flags = VFIO_DMA_MAP_FLAG_VADDR, .iova = fz_iova(iova),
		.vaddr = fz_addr(page), .size = count * FZ_PAGE_BYTES,
	};
	struct fz_mapping *map = fz_mapping_next(s->m, c, iova);
	const struct fz_proc *p = &s->m->proc[who];
	int64_t want = 0, ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	/* Device memory is given the address it had: what the device reaches does not depend on it. */
	if (map && map->bar)
		request.vaddr = FZ_BAR + map->page * FZ_PAGE_BYTES;
	/* No mapping in the range at all, or another range, or a valid address. */
	if (!s->m->container[c].typed)
		want = -EINVAL;
	else if (!map || map->iova >= iova + count)
		want = -ENOENT;
	else if (map->iova != iova || map->pages != count || !map->stale)
		want = -EINVAL;
	else if (map->mm != p->mm && !map->bar && !p->ipc_lock && !s->m->container[c].user &&
		 fz_proc_locked(s->m, who) + count > p->limit)
		want = -ENOMEM;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_MAP_DMA, &request, sizeof(request));
	if (!fz_expect(s, ret, want, "a new address") || ret)
		return ret;
	map->stale = false;
	map->mm = p->mm;
	if (!map->bar)
		map->page = page;
	return ret;
}

/* Is a page of the window in a mapping? */
static bool is_mapped(struct fz_session *s, unsigned int c, unsigned int page)
{
	const struct fz_mapping *map = fz_mapping_next(s->m, c, page);

	return map && map->iova <= page;
}

static bool cuts(struct fz_session *s, unsigned int c, unsigned int iova, unsigned int count)
{
	const struct fz_mapping *first = fz_mapping_next(s->m, c, iova);
	const struct fz_mapping *last = fz_mapping_next(s->m, c, iova + count - 1);

	return (first && first->iova < iova) ||
	       (last && last->iova < iova + count && last->iova + last->pages > iova + count);
}

static void check_bitmap(struct fz_session *s, unsigned int c, unsigned int iova,
			 unsigned int count, const uint64_t *bits)
{
	s->stats.checks[FZ_ORACLE_ANSWER]++;
	for (unsigned int i = 0; i < count; i++) {
		const bool got = bits[i / 64] >> (i % 64) & 1, want = is_mapped(s, c, iova + i);

		if (got != want) {
			fz_object(s, FZ_ORACLE_ANSWER, "dirty-bit",
				  "page %u of the window is %s, and told as %s", iova + i,
				  want ? "mapped" : "not mapped", got ? "dirty" : "clean");
			return;
		}
	}
}

/* Room for a bitmap of any range. */
#define BITMAP_WORDS (FZ_PAGES / 64 + 2)

static uint64_t bitmap_bytes(unsigned int count)
{
	return (count + 63) / 64 * 8;
}

static int64_t dirty_unmap(struct fz_session *s, unsigned int who, unsigned int c,
			   unsigned int iova, unsigned int count)
{
	struct {
		struct vfio_iommu_type1_dma_unmap head;
		struct vfio_bitmap bitmap;
		uint64_t bits[BITMAP_WORDS];
	} u = { 0 };
	const int64_t unmapped = fz_will_unmap(s, c, iova, count);
	int64_t ret;

	u.head = (struct vfio_iommu_type1_dma_unmap){
		.argsz = sizeof(u.head) + sizeof(u.bitmap),
		.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, .iova = fz_iova(iova),
		.size = count * FZ_PAGE_BYTES,
	};
	u.bitmap = (struct vfio_bitmap){
		.pgsize = FZ_PAGE_BYTES, .size = bitmap_bytes(count),
		.data = (void *)(fz_slot(s, who)->data + offsetof(__typeof__(u), bits)),
	};
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_UNMAP_DMA, &u, sizeof(u));
	if (!fz_expect(s, ret, unmapped < 0 || s->m->container[c].dirty ? (unmapped < 0 ? unmapped : 0) :
									  -EINVAL,
		       "unmap with a bitmap") ||
	    ret)
		return ret;
	fz_expect(s, (int64_t)u.head.size, unmapped, "bytes unmapped:");
	if (!unmapped)
		return ret;
	if (!s->m->container[c].v1)
		check_bitmap(s, c, iova, count, u.bits);
	fz_apply_unmap(s, c, iova, count);
	return ret;
}

int64_t fz_play_dirty(struct fz_session *s, const struct fz_op *op)
{
	static const uint32_t flag[FZ_DIRTIES] = {
		[FZ_DIRTY_START] = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
		[FZ_DIRTY_STOP] = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
		[FZ_DIRTY_GET] = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
	};
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1), what = fz_op_arg(op, 2);
	const unsigned int iova = fz_op_arg(op, 3), count = fz_op_arg(op, 4);
	struct fz_container *k = &s->m->container[c];
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
		uint64_t bits[BITMAP_WORDS];
	} u = { 0 };
	int64_t want = 0, ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	if (what == FZ_DIRTY_UNMAP)
		return dirty_unmap(s, who, c, iova, count);
	u.head = (struct vfio_iommu_type1_dirty_bitmap){
		.argsz = sizeof(u.head) + (what == FZ_DIRTY_GET ? sizeof(u.get) : 0),
		.flags = flag[what],
	};
	u.get = (struct vfio_iommu_type1_dirty_bitmap_get){
		.iova = fz_iova(iova), .size = count * FZ_PAGE_BYTES,
		.bitmap = { .pgsize = FZ_PAGE_BYTES, .size = bitmap_bytes(count),
			    .data = (void *)(fz_slot(s, who)->data + offsetof(__typeof__(u), bits)) },
	};
	if (!k->typed)
		want = -EINVAL;
	else if (k->v1)
		want = -EACCES;
	else if (what == FZ_DIRTY_GET && (!k->dirty || cuts(s, c, iova, count)))
		want = -EINVAL;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_DIRTY_PAGES, &u, sizeof(u));
	if (!fz_expect(s, ret, want, "dirty pages") || ret)
		return ret;
	if (what == FZ_DIRTY_GET)
		check_bitmap(s, c, iova, count, u.bits);
	else
		k->dirty = what == FZ_DIRTY_START;
	return ret;
}
