// SPDX-License-Identifier: GPL-2.0-only
/*
 * dirty.c - the requests of dirty page tracking with what belongs to each.
 */
#include "dirty.h"

#include <holdfast/iommu.h>

#include "harness.h"

int t_dirty(const struct hf_container *c, uint32_t flags)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d), .flags = flags };

	return hf_container_ioctl(c, VFIO_IOMMU_DIRTY_PAGES, &d);
}

int t_dirty_get(const struct hf_container *c, uint64_t iova, uint64_t size, uint64_t pgsize,
		uint64_t bytes, void *data)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap d;
		struct vfio_iommu_type1_dirty_bitmap_get g;
	} q = {
		.d = { .argsz = sizeof(q), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
		.g = { .iova = iova, .size = size,
		       .bitmap = { .pgsize = pgsize, .size = bytes, .data = data } },
	};

	return hf_container_ioctl(c, VFIO_IOMMU_DIRTY_PAGES, &q);
}

int t_dirty_unmap(const struct hf_container *c, uint64_t iova, uint64_t size, uint64_t bytes,
		  void *data, uint64_t *unmapped)
{
	struct {
		struct vfio_iommu_type1_dma_unmap u;
		struct vfio_bitmap b;
	} q = {
		.u = { .argsz = sizeof(q), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		       .iova = iova, .size = size },
		.b = { .pgsize = T_PAGE, .size = bytes, .data = data },
	};
	int ret = hf_raw_unmap(c, &q.u);

	if (unmapped)
		*unmapped = q.u.size;
	return ret;
}
