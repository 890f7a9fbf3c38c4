// SPDX-License-Identifier: GPL-2.0-only
/*
 * info.c - read VFIO_IOMMU_GET_INFO and walk its capability chain.
 *
 * Capabilities are at offsets from the start of the answer, linked by "next" offsets, 0 ends.
 * Nothing obliges them to be aligned or ascending, so every piece is copied out after a bounds
 * check, and the walk is bounded by how many headers fit: a chain longer than that has a loop.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <stdlib.h>
#include <string.h>

/* Much more than any answer has been; what is longer is none. */
#define ANSWER_MAX (1U << 20)

struct answer {
	const char *bytes;
	size_t len;
};

static int copy_out(const struct answer *a, size_t offset, void *dst, size_t len)
{
	if (offset > a->len || len > a->len - offset)
		return -EPROTO;
	memcpy(dst, a->bytes + offset, len);
	return 0;
}

static int parse_ranges(const struct answer *a, size_t offset, struct hf_iommu_info *info)
{
	struct vfio_iommu_type1_info_cap_iova_range cap;
	struct vfio_iova_range range;

	if (copy_out(a, offset, &cap, sizeof(cap)))
		return -EPROTO;
	offset += sizeof(cap);
	if (cap.nr_iovas > (a->len - offset) / sizeof(range))
		return -EPROTO;
	if (cap.nr_iovas > HF_INFO_MAX_RANGES)
		return -E2BIG;

	for (uint32_t i = 0; i < cap.nr_iovas; i++) {
		memcpy(&range, a->bytes + offset + i * sizeof(range), sizeof(range));
		if (range.end < range.start)
			return -EPROTO;
		info->ranges[i].start = range.start;
		info->ranges[i].last = range.end;
	}
	info->nr_ranges = cap.nr_iovas;
	info->has_ranges = true;
	return 0;
}

static int parse_migration(const struct answer *a, size_t offset, struct hf_iommu_info *info)
{
	struct vfio_iommu_type1_info_cap_migration cap;

	if (copy_out(a, offset, &cap, sizeof(cap)))
		return -EPROTO;
	info->migration_flags = cap.flags;
	info->migration_pgsizes = cap.pgsize_bitmap;
	info->migration_max_bitmap = cap.max_dirty_bitmap_size;
	info->has_migration = true;
	return 0;
}

static int parse_dma_avail(const struct answer *a, size_t offset, struct hf_iommu_info *info)
{
	struct vfio_iommu_type1_info_dma_avail cap;

	if (copy_out(a, offset, &cap, sizeof(cap)))
		return -EPROTO;
	info->dma_avail = cap.avail;
	info->has_dma_avail = true;
	return 0;
}

static int parse_cap(const struct answer *a, size_t offset, const struct vfio_info_cap_header *h,
		     struct hf_iommu_info *info)
{
	if (h->version == 1) {
		switch (h->id) {
		case VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE:
			return parse_ranges(a, offset, info);
		case VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION:
			return parse_migration(a, offset, info);
		case VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL:
			return parse_dma_avail(a, offset, info);
		}
	}
	info->nr_unknown++;
	return 0;
}

int hf_info_parse(const void *buf, size_t len, struct hf_iommu_info *info)
{
	/* Kernels from before the capability chain end their answer after iova_pgsizes. */
	const size_t min = offsetof(struct vfio_iommu_type1_info, cap_offset);
	const size_t fixed = min + sizeof(((struct vfio_iommu_type1_info *)NULL)->cap_offset);
	const struct answer a = { .bytes = buf, .len = len };
	struct vfio_iommu_type1_info head = { 0 };
	struct vfio_info_cap_header cap;
	size_t budget = len / sizeof(cap);
	int ret;

	memset(info, 0, sizeof(*info));
	if (len < min)
		return -EPROTO;
	memcpy(&head, buf, len < sizeof(head) ? len : sizeof(head));

	info->flags = head.flags;
	if (head.flags & VFIO_IOMMU_INFO_PGSIZES)
		info->pgsizes = head.iova_pgsizes;
	if (!(head.flags & VFIO_IOMMU_INFO_CAPS))
		return 0;

	for (size_t offset = head.cap_offset; offset; offset = cap.next) {
		if (!budget--)
			return -EPROTO;
		/* A capability inside the fixed part is a lie. */
		if (offset < fixed || copy_out(&a, offset, &cap, sizeof(cap)))
			return -EPROTO;
		ret = parse_cap(&a, offset, &cap, info);
		if (ret)
			return ret;
	}
	return 0;
}

int hf_container_info(const struct hf_container *c, struct hf_iommu_info *info)
{
	struct vfio_iommu_type1_info *answer = NULL, *bigger;
	size_t size = sizeof(*answer);
	int ret;

	/* The kernel answers with the size it needs; that may grow between two calls. */
	for (;;) {
		bigger = realloc(answer, size);
		if (!bigger) {
			ret = -ENOMEM;
			break;
		}
		answer = bigger;
		memset(answer, 0, size);
		answer->argsz = (uint32_t)size;
		ret = hf_container_ioctl(c, VFIO_IOMMU_GET_INFO, answer);
		if (ret < 0)
			break;
		if (answer->argsz <= size) {
			ret = hf_info_parse(answer, size, info);
			break;
		}
		size = answer->argsz;
		if (size > ANSWER_MAX) {
			ret = -E2BIG;
			break;
		}
	}
	free(answer);
	return ret;
}

bool hf_info_has_range(const struct hf_iommu_info *info, uint64_t iova, uint64_t len)
{
	const uint64_t last = iova + (len - 1);

	if (!len || last < iova)
		return false;
	if (!info->has_ranges)
		return true;
	for (unsigned int i = 0; i < info->nr_ranges; i++)
		if (iova >= info->ranges[i].start && last <= info->ranges[i].last)
			return true;
	return false;
}
