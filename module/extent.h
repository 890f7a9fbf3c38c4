/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The extent log: what a mapping has pinned, by which path, in IOVA order.
 * See extent.c for the essay.
 */
#ifndef HOLDFAST_EXTENT_H
#define HOLDFAST_EXTENT_H

#include <linux/bitfield.h>
#include <linux/mm.h>
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
static __always_inline unsigned long
hf_extent_pins(const struct hf_extent *ext)
{
	if (likely(ext->path == HF_PATH_PAGES))
		return ext->pages >> ext->order;
	return ext->path == HF_PATH_PART;
}

/* One extent in the log, a u64: extent.c says what the fields mean. */
#define HF_SLOT_PFN	GENMASK_ULL(39, 0)
#define HF_SLOT_PINS	GENMASK_ULL(55, 40)
#define HF_SLOT_ORDER	GENMASK_ULL(60, 56)
#define HF_SLOT_PAGES	GENMASK_ULL(60, 40)
#define HF_SLOT_PATH	GENMASK_ULL(63, 61)

/**
 * hf_slot_is_pin() - is an extent one pin that holds 2^order pages?
 * @slot: the extent
 *
 * A small page, or a whole huge page: the most frequent extents by far, whose
 * slot is PFN and order.
 */
static __always_inline bool hf_slot_is_pin(u64 slot)
{
	return !(slot & ~(HF_SLOT_PFN | HF_SLOT_ORDER));
}

/**
 * hf_slot_pin_pages() - pages such an extent has
 * @slot: the extent
 */
static __always_inline unsigned long hf_slot_pin_pages(u64 slot)
{
	return 1UL << FIELD_GET(HF_SLOT_ORDER, slot);
}

/* One page: a link and as many extents as fit behind it. */
#define HF_CHUNK_SLOTS	((PAGE_SIZE - sizeof(void *)) / sizeof(u64))

struct hf_log_chunk {
	struct hf_log_chunk *next;
	u64 slot[HF_CHUNK_SLOTS];
};

/* No page has this PFN. */
#define HF_NO_PFN	(~0UL)

/* Extents kept in the mapping itself: most small mappings need no more. */
#define HF_LOG_INLINE	4

/**
 * struct hf_log - the extents of one mapping, in IOVA order
 * @pages: pages in all extents
 * @pins: pins in all extents
 * @nr: extents
 * @first: first chunk, NULL while all extents fit @inl
 * @inl: the first extents
 */
struct hf_log {
	unsigned long pages;
	unsigned long pins;
	unsigned long nr;
	struct hf_log_chunk *first;
	u64 inl[HF_LOG_INLINE];
};

/**
 * struct hf_log_writer - where a log is appended to, while it is
 * @log: the log
 * @tail: the last extent's slot, NULL while empty
 * @next_pfn: the PFN behind the last extent, HF_NO_PFN while empty
 * @free: the slot after it, if @room
 * @room: free slots from @free on
 * @last: the chunk appended to
 */
struct hf_log_writer {
	struct hf_log *log;
	u64 *tail;
	unsigned long next_pfn;
	u64 *free;
	unsigned int room;
	struct hf_log_chunk *last;
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

int hf_log_grow(struct hf_log_writer *w);
void hf_log_free_chunks(struct hf_log *log);

/**
 * hf_log_init() - make a log empty
 * @log: the log
 */
static __always_inline void hf_log_init(struct hf_log *log)
{
	log->pages = 0;
	log->pins = 0;
	log->nr = 0;
	log->first = NULL;
}

/**
 * hf_slot_unpack() - read an extent out of its slot
 * @slot: the slot
 * @ext: out: the extent
 */
static __always_inline void hf_slot_unpack(u64 slot, struct hf_extent *ext)
{
	ext->pfn = FIELD_GET(HF_SLOT_PFN, slot);
	ext->path = FIELD_GET(HF_SLOT_PATH, slot);
	if (ext->path == HF_PATH_PAGES) {
		ext->order = FIELD_GET(HF_SLOT_ORDER, slot);
		ext->pages = (FIELD_GET(HF_SLOT_PINS, slot) + 1) << ext->order;
	} else {
		ext->order = 0;
		ext->pages = FIELD_GET(HF_SLOT_PAGES, slot) + 1;
	}
}

/**
 * hf_slot_pack() - write an extent down
 * @ext: the extent, such that it fits
 *
 * Return: its slot.
 */
static __always_inline u64 hf_slot_pack(const struct hf_extent *ext)
{
	u64 slot = FIELD_PREP(HF_SLOT_PFN, ext->pfn) |
		   FIELD_PREP(HF_SLOT_PATH, ext->path);

	if (likely(ext->path == HF_PATH_PAGES))
		return slot | FIELD_PREP(HF_SLOT_ORDER, ext->order) |
		       FIELD_PREP(HF_SLOT_PINS,
				  (ext->pages >> ext->order) - 1);
	return slot | FIELD_PREP(HF_SLOT_PAGES, ext->pages - 1);
}

/*
 * Grow extent @last by @slot, which continues it physically.  A partial folio
 * has one pin for the whole extent and stays alone.  Return: false, with
 * nothing done, if they differ otherwise or the sum does not fit a slot.
 */
static __always_inline bool hf_slot_merge(u64 *last, u64 slot)
{
	u64 path = FIELD_GET(HF_SLOT_PATH, slot);
	u64 length = path == HF_PATH_PAGES ? HF_SLOT_PINS : HF_SLOT_PAGES;
	u64 more = (slot & length) + (1ULL << __builtin_ctzll(HF_SLOT_PAGES));

	if ((*last ^ slot) & ~(length | HF_SLOT_PFN) ||
	    path == HF_PATH_PART || (*last & length) + more > length)
		return false;
	*last += more;
	return true;
}

/**
 * hf_log_write() - start appending to a log
 * @w: the writer
 * @log: the log, empty
 */
static inline void hf_log_write(struct hf_log_writer *w, struct hf_log *log)
{
	w->log = log;
	w->tail = NULL;
	w->next_pfn = HF_NO_PFN;
	w->free = log->inl;
	w->room = HF_LOG_INLINE;
	w->last = NULL;
}

/**
 * hf_log_append() - record an extent
 * @w: the log's writer
 * @ext: the extent: pages a multiple of 2^order
 *	(HF_PATH_PAGES), at most 65536 pins (HF_PATH_PAGES) or 2^21 pages (the
 *	other paths) long
 * @merge: may it grow the last extent, if it continues that physically?
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM, or -EFAULT for a PFN that does not fit a slot, with
 * nothing of @ext recorded.
 */
static __always_inline int hf_log_append(struct hf_log_writer *w,
					 const struct hf_extent *ext,
					 bool merge)
{
	struct hf_log *log = w->log;
	u64 slot = hf_slot_pack(ext);
	int ret;

	if (!merge || ext->pfn != w->next_pfn ||
	    !hf_slot_merge(w->tail, slot)) {
		if (unlikely(ext->pfn > FIELD_MAX(HF_SLOT_PFN)))
			return -EFAULT;
		if (!w->room) {
			ret = hf_log_grow(w);
			if (ret)
				return ret;
		}
		w->tail = w->free++;
		w->room--;
		log->nr++;
		*w->tail = slot;
	}
	w->next_pfn = ext->pfn + ext->pages;
	log->pages += ext->pages;
	log->pins += hf_extent_pins(ext);
	return 0;
}

/**
 * hf_log_append_pin() - record an extent of one pin that holds 2^order pages
 * @w: the log's writer, with room
 * @pfn: first PFN, such that it fits; it does not continue the last extent
 * @order: log2 of the pages
 */
static __always_inline void hf_log_append_pin(struct hf_log_writer *w,
					      unsigned long pfn,
					      unsigned int order)
{
	*w->free = pfn | FIELD_PREP(HF_SLOT_ORDER, (u64)order);
	w->tail = w->free++;
	w->room--;
	w->next_pfn = pfn + (1UL << order);
	w->log->nr++;
	w->log->pages += 1UL << order;
	w->log->pins++;
}

/**
 * hf_log_free() - give back what the log has allocated
 * @log: the log; what it said is lost
 *
 * The pins must have been given back before.
 */
static inline void hf_log_free(struct hf_log *log)
{
	if (log->first)
		hf_log_free_chunks(log);
	log->pages = 0;
	log->pins = 0;
	log->nr = 0;
}

/**
 * hf_log_begin() - stand before the first extent
 * @it: the position
 * @log: the log
 */
static inline void hf_log_begin(struct hf_log_iter *it,
				const struct hf_log *log)
{
	it->slot = log->inl;
	it->left_here = HF_LOG_INLINE;
	it->left = log->nr;
	it->next = log->first;
}

/**
 * hf_log_next_slot() - read the next extent as it is stored
 * @it: the position
 * @slot: out: the extent
 *
 * Return: false, with @slot as it was, at the end of the log.
 */
static __always_inline bool hf_log_next_slot(struct hf_log_iter *it, u64 *slot)
{
	if (!it->left)
		return false;
	if (!it->left_here) {
		it->slot = it->next->slot;
		it->left_here = HF_CHUNK_SLOTS;
		it->next = it->next->next;
	}
	*slot = *it->slot++;
	it->left_here--;
	it->left--;
	return true;
}

/**
 * hf_log_next() - read the next extent
 * @it: the position
 * @ext: out: the extent
 *
 * Return: false, with @ext as it was, at the end of the log.
 */
static __always_inline bool hf_log_next(struct hf_log_iter *it,
					struct hf_extent *ext)
{
	u64 slot;

	if (!hf_log_next_slot(it, &slot))
		return false;
	hf_slot_unpack(slot, ext);
	return true;
}

#endif
