/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty page tracking.  See dirty.c for the essay.
 */
#ifndef HOLDFAST_DIRTY_H
#define HOLDFAST_DIRTY_H

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/types.h>

struct hf_container;
struct hf_mapping;
struct vfio_bitmap;

/* Bytes of a bitmap with one bit a page, as user space must provide it. */
#define HF_DIRTY_BYTES(pages)	(ALIGN(pages, BITS_PER_TYPE(u64)) / BITS_PER_BYTE)

/* The longest range that can be asked for at once, and its bitmap. */
#define HF_DIRTY_PAGES_MAX	((u64)INT_MAX)
#define HF_DIRTY_BYTES_MAX	HF_DIRTY_BYTES(HF_DIRTY_PAGES_MAX)

int hf_dirty_start(struct hf_container *c);
int hf_dirty_stop(struct hf_container *c);
int hf_dirty_get(struct hf_container *c, dma_addr_t first, dma_addr_t last,
		 const struct vfio_bitmap *bitmap);

bool hf_dirty_can_track(const struct hf_container *c,
			const struct hf_mapping *m);
int hf_dirty_give_bitmaps(struct hf_container *c);
void hf_dirty_all(struct hf_container *c);
void hf_dirty_take(struct hf_container *c, struct hf_mapping *m);
void hf_dirty_give_back(struct hf_mapping *m);
int hf_dirty_report(const struct hf_mapping *m,
		    const struct vfio_bitmap *bitmap, dma_addr_t base);

#endif
