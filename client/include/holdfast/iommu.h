/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommu.h - DMA mappings of a container.
 *
 * Three forms of each call: hf_try_map() returns 0 or -errno; hf_map() asserts (fail.h) with
 * the caller's file and line; hf_raw_map() passes a struct of the caller's making to the
 * kernel as it is, for hostile arguments. IOVAs and lengths are bytes.
 */
#ifndef HOLDFAST_IOMMU_H
#define HOLDFAST_IOMMU_H

#include <holdfast/container.h>
#include <stddef.h>
#include <stdint.h>

/** Permissions of a mapping, seen from the device */
#define HF_READ VFIO_DMA_MAP_FLAG_READ   /* the device may read */
#define HF_WRITE VFIO_DMA_MAP_FLAG_WRITE /* the device may write */
#define HF_RW (HF_READ | HF_WRITE)

/**
 * hf_try_map() - VFIO_IOMMU_MAP_DMA
 * @c: container with a type
 * @iova: IOVA of the first byte
 * @vaddr: address in this process of the first byte
 * @len: bytes
 * @flags: HF_READ, HF_WRITE or HF_RW (passed on unchecked)
 *
 * Return: 0 or -errno: -EINVAL misaligned, wrapping, empty or without permission; -EEXIST
 * overlaps a mapping; -ENOMEM over RLIMIT_MEMLOCK; -ENOSPC over dma_entry_limit; -EFAULT
 * memory that cannot be pinned; as the running kernel's type1 answers.
 */
int hf_try_map(const struct hf_container *c, uint64_t iova, const void *vaddr, uint64_t len,
	       uint32_t flags);

/**
 * hf_try_unmap() - VFIO_IOMMU_UNMAP_DMA
 * @c: container with a type
 * @iova: first IOVA
 * @len: bytes
 * @flags: 0, or VFIO_DMA_UNMAP_FLAG_ALL (@iova and @len must be 0 then), …
 * @unmapped: bytes the kernel says it unmapped, 0 on error; may be NULL
 *
 * An unmap that covers no mapping succeeds with 0 bytes. Return: 0 or -errno.
 */
int hf_try_unmap(const struct hf_container *c, uint64_t iova, uint64_t len, uint32_t flags,
		 uint64_t *unmapped);

/**
 * hf_raw_map() - pass a request as it is, argsz and flags included
 * Return: 0 or -errno.
 */
int hf_raw_map(const struct hf_container *c, struct vfio_iommu_type1_dma_map *map);

/**
 * hf_raw_unmap() - pass a request as it is; @unmap->size is what the kernel left there
 * Return: 0 or -errno.
 */
int hf_raw_unmap(const struct hf_container *c, struct vfio_iommu_type1_dma_unmap *unmap);

/* Behind the asserting macros. */
void hf_map_at(const char *file, int line, const struct hf_container *c, uint64_t iova,
	       const void *vaddr, uint64_t len, uint32_t flags);
void hf_unmap_at(const char *file, int line, const struct hf_container *c, uint64_t iova,
		 uint64_t len);
uint64_t hf_unmap_all_at(const char *file, int line, const struct hf_container *c);

/** hf_map() - hf_try_map() that must succeed */
#define hf_map(c, iova, vaddr, len, flags)                                                 \
	hf_map_at(__FILE__, __LINE__, (c), (iova), (vaddr), (len), (flags))

/** hf_unmap() - hf_try_unmap() that must succeed and unmap exactly @len bytes */
#define hf_unmap(c, iova, len) hf_unmap_at(__FILE__, __LINE__, (c), (iova), (len))

/**
 * hf_unmap_all() - unmap everything (VFIO_DMA_UNMAP_FLAG_ALL); must succeed
 *
 * A DMA engine's own memory goes too: see hf_dma_remap() in dma.h.
 * Return: bytes unmapped.
 */
#define hf_unmap_all(c) hf_unmap_all_at(__FILE__, __LINE__, (c))

#endif
