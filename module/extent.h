/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The extent log: what a mapping has pinned, by which path, in IOVA order.
 * See extent.c for the essay.
 */
#ifndef HOLDFAST_EXTENT_H
#define HOLDFAST_EXTENT_H

#include <linux/types.h>

/**
 * enum hf_path - how the pages of an extent were obtained, hence given back
 * @HF_PATH_PAGES: one pin for every 2^order pages
 * @HF_PATH_PART: one pin holds the whole extent, which is part of a folio
 * @HF_PATH_PFNMAP: PFN-mapped memory: no pin, no charge
 */
enum hf_path {
	HF_PATH_PAGES,
	HF_PATH_PART,
	HF_PATH_PFNMAP,
};

/**
 * struct hf_extent - one physically contiguous run of pages
 * @pfn: first PFN
 * @pages: length, pages
 * @path: how it was obtained
 * @order: log2 of the pages one pin holds (HF_PATH_PAGES)
 */
struct hf_extent {
	unsigned long pfn;
	unsigned long pages;
	enum hf_path path;
	unsigned int order;
};

/**
 * hf_extent_pins() - pins an extent holds
 * @ext: the extent
 *
 * Return: pins; 0 for memory that has no struct page.
 */
static inline unsigned long hf_extent_pins(const struct hf_extent *ext)
{
	switch (ext->path) {
	case HF_PATH_PAGES:
		return ext->pages >> ext->order;
	case HF_PATH_PART:
		return 1;
	default:
		return 0;
	}
}

/* Extents kept in the mapping itself: most small mappings need no more. */
#define HF_LOG_INLINE	4

struct hf_log_chunk;

/**
 * struct hf_log - the extents of one mapping, in IOVA order
 * @pages: pages in all extents
 * @pins: pins in all extents
 * @nr: extents
 * @tail: the last extent's slot, NULL while empty
 * @free: the slot after it, if @room
 * @room: free slots from @free on
 * @first: first chunk, NULL while all extents fit @inl
 * @last: the chunk appended to
 * @inl: the first extents
 */
struct hf_log {
	unsigned long pages;
	unsigned long pins;
	unsigned long nr;
	u64 *tail;
	u64 *free;
	unsigned int room;
	struct hf_log_chunk *first;
	struct hf_log_chunk *last;
	u64 inl[HF_LOG_INLINE];
};

/**
 * struct hf_log_iter - a position in a log
 * @slot: next extent's slot
 * @left_here: slots left in this chunk, @slot included
 * @left: extents left in the log
 * @next: chunk that follows
 */
struct hf_log_iter {
	const u64 *slot;
	unsigned int left_here;
	unsigned long left;
	const struct hf_log_chunk *next;
};

void hf_log_init(struct hf_log *log);
int hf_log_append(struct hf_log *log, const struct hf_extent *ext, bool merge);
void hf_log_free(struct hf_log *log);

void hf_log_begin(struct hf_log_iter *it, const struct hf_log *log);
bool hf_log_next(struct hf_log_iter *it, struct hf_extent *ext);

#endif
