/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dirty.h - requests of dirty page tracking, as an answer and nothing else.
 *
 * All return what the container answered: 0, or a negative errno.
 */
#ifndef TESTS_DIRTY_H
#define TESTS_DIRTY_H

#include <holdfast/container.h>
#include <stdint.h>

/** t_dirty() - switch it; @flags: VFIO_IOMMU_DIRTY_PAGES_FLAG_START, _STOP */
int t_dirty(const struct hf_container *c, uint32_t flags);

/**
 * t_dirty_get() - read a bitmap
 * @c: the container
 * @iova: where it begins
 * @size: bytes of IOVA it is about
 * @pgsize: bytes of IOVA for a bit
 * @bytes: how long the bitmap is said to be
 * @data: where it goes to; may be no memory
 */
int t_dirty_get(const struct hf_container *c, uint64_t iova, uint64_t size, uint64_t pgsize,
		uint64_t bytes, void *data);

/**
 * t_dirty_unmap() - unmap, and read the bitmap of what is gone, a bit for 4K
 * @c: the container
 * @iova: where it begins
 * @size: bytes
 * @bytes: how long the bitmap is said to be
 * @data: where it goes to; may be no memory
 * @unmapped: out: bytes that the answer says are gone; may be NULL
 */
int t_dirty_unmap(const struct hf_container *c, uint64_t iova, uint64_t size, uint64_t bytes,
		  void *data, uint64_t *unmapped);

#endif
