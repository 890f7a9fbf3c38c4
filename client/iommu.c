// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommu.c - map and unmap DMA, in the forms that report, assert and pass through.
 */
#include <holdfast/fail.h>
#include <holdfast/iommu.h>

int hf_raw_map(const struct hf_container *c, struct vfio_iommu_type1_dma_map *map)
{
	int ret = hf_container_ioctl(c, VFIO_IOMMU_MAP_DMA, map);

	return ret < 0 ? ret : 0;
}

int hf_raw_unmap(const struct hf_container *c, struct vfio_iommu_type1_dma_unmap *unmap)
{
	int ret = hf_container_ioctl(c, VFIO_IOMMU_UNMAP_DMA, unmap);

	return ret < 0 ? ret : 0;
}

int hf_try_map(const struct hf_container *c, uint64_t iova, const void *vaddr, uint64_t len,
	       uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)vaddr,
		.iova = iova,
		.size = len,
	};

	return hf_raw_map(c, &map);
}

int hf_try_unmap(const struct hf_container *c, uint64_t iova, uint64_t len, uint32_t flags,
		 uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = len,
	};
	int ret = hf_raw_unmap(c, &unmap);

	if (unmapped)
		*unmapped = ret ? 0 : unmap.size;
	return ret;
}

void hf_map_at(const char *file, int line, const struct hf_container *c, uint64_t iova,
	       const void *vaddr, uint64_t len, uint32_t flags)
{
	int ret = hf_try_map(c, iova, vaddr, len, flags);

	if (ret)
		hf_fail_at(file, line, ret, "map iova 0x%llx vaddr %p len 0x%llx flags 0x%x",
			   (unsigned long long)iova, vaddr, (unsigned long long)len, flags);
}

void hf_unmap_at(const char *file, int line, const struct hf_container *c, uint64_t iova,
		 uint64_t len)
{
	uint64_t unmapped;
	int ret = hf_try_unmap(c, iova, len, 0, &unmapped);

	if (ret)
		hf_fail_at(file, line, ret, "unmap iova 0x%llx len 0x%llx",
			   (unsigned long long)iova, (unsigned long long)len);
	if (unmapped != len)
		hf_fail_at(file, line, 0, "unmap iova 0x%llx len 0x%llx: kernel unmapped 0x%llx",
			   (unsigned long long)iova, (unsigned long long)len,
			   (unsigned long long)unmapped);
}

uint64_t hf_unmap_all_at(const char *file, int line, const struct hf_container *c)
{
	uint64_t unmapped;
	int ret = hf_try_unmap(c, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped);

	if (ret)
		hf_fail_at(file, line, ret, "unmap all");
	return unmapped;
}
