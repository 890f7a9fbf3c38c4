/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * info.h - VFIO_IOMMU_GET_INFO and its capability chain, parsed.
 *
 * The parser takes any bytes: it checks every offset and count against the buffer and the
 * chain for loops, so it is also safe on a hostile answer.
 */
#ifndef HOLDFAST_INFO_H
#define HOLDFAST_INFO_H

#include <holdfast/container.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most IOVA ranges that are kept */
#define HF_INFO_MAX_RANGES 64

/**
 * struct hf_iova_range - usable IOVAs
 * @start: first usable IOVA, bytes
 * @last: last usable IOVA (inclusive), bytes
 */
struct hf_iova_range {
	uint64_t start;
	uint64_t last;
};

/**
 * struct hf_iommu_info - what the backend says about itself
 * @flags: VFIO_IOMMU_INFO_*
 * @pgsizes: bitmap of IOMMU page sizes, 0 unless VFIO_IOMMU_INFO_PGSIZES
 * @has_ranges: the IOVA range capability was there
 * @nr_ranges: valid entries in @ranges
 * @ranges: usable IOVA ranges, in the order given
 * @has_migration: the migration capability was there
 * @migration_flags: its flags
 * @migration_pgsizes: bitmap of page sizes for dirty tracking
 * @migration_max_bitmap: largest dirty bitmap, bytes
 * @has_dma_avail: the dma_avail capability was there
 * @dma_avail: mappings that may still be made
 * @nr_unknown: capabilities of other ids or versions that were skipped
 */
struct hf_iommu_info {
	uint32_t flags;
	uint64_t pgsizes;
	bool has_ranges;
	unsigned int nr_ranges;
	struct hf_iova_range ranges[HF_INFO_MAX_RANGES];
	bool has_migration;
	uint32_t migration_flags;
	uint64_t migration_pgsizes;
	uint64_t migration_max_bitmap;
	bool has_dma_avail;
	uint32_t dma_avail;
	unsigned int nr_unknown;
};

/**
 * hf_container_info() - ask for the info, whatever its size
 * @c: container with a type set
 * @info: to fill in
 *
 * Return: 0; a negative errno of the ioctl; -ENOMEM; -EPROTO (broken chain) or -E2BIG (more
 * than HF_INFO_MAX_RANGES ranges, or of bytes than any answer has) as from hf_info_parse().
 */
int hf_container_info(const struct hf_container *c, struct hf_iommu_info *info);

/**
 * hf_info_parse() - parse a VFIO_IOMMU_GET_INFO answer
 * @buf: the answer, starting with struct vfio_iommu_type1_info; any alignment
 * @len: bytes in @buf
 * @info: to fill in; undefined on error
 *
 * Return: 0; -EPROTO when the answer contradicts itself (truncated header or capability,
 * offsets outside, a loop); -E2BIG for more ranges than fit.
 */
int hf_info_parse(const void *buf, size_t len, struct hf_iommu_info *info);

/**
 * hf_info_has_range() - is a whole IOVA interval usable?
 * @info: parsed info
 * @iova: first IOVA, bytes
 * @len: bytes, > 0
 *
 * Return: true when one range holds [@iova, @iova + @len), or when no range capability was
 * given at all (everything is allowed then).
 */
bool hf_info_has_range(const struct hf_iommu_info *info, uint64_t iova, uint64_t len);

#endif
