/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pin engine: turns user addresses into pinned, physically contiguous
 * runs.  See pin.c for the essay.
 */
#ifndef HOLDFAST_PIN_H
#define HOLDFAST_PIN_H

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "bug.h"
#include "extent.h"

struct hf_faultin;
struct mm_struct;
struct page;

/* Pages a small map pins without allocating a buffer. */
#define HF_PIN_SMALL	16

/**
 * struct hf_pin - a walk over user memory that pins as it goes
 * @mm: whose memory
 * @vaddr: next address to pin, bytes
 * @left: pages not pinned yet
 * @gup_flags: FOLL_* for every pin
 * @pages: buffer of pages pinned and not yet handed over
 * @capacity: entries in @pages
 * @nr: entries filled
 * @pos: entries handed over
 * @faultin: helpers that fault memory in; or NULL
 * @own: is that the current process's memory?
 * @asked: was there an attempt to start helpers?
 * @faults_small: memory that was absent last came as small pages, so that
 *	there is no use in faulting one in first to see whether it is huge
 * @leaves: @pages has one page for each leaf; else every page by itself
 * @slow: @pages were last filled through the mmap lock
 * @reach: pages that each leaf's pin holds
 * @small: the buffer of a small walk, and of leaves
 */
struct hf_pin {
	struct mm_struct *mm;
	unsigned long vaddr;
	unsigned long left;
	unsigned int gup_flags;
	struct page **pages;
	unsigned int capacity;
	unsigned int nr;
	unsigned int pos;
	struct hf_faultin *faultin;
	bool own;
	bool asked;
	bool faults_small;
	bool leaves;
	bool slow;
	unsigned int reach[HF_PIN_SMALL];
	struct page *small[HF_PIN_SMALL];
};

void hf_pin_begin(struct hf_pin *pin, struct mm_struct *mm,
		  unsigned long vaddr, unsigned long pages, bool write);
int hf_pin_fill(struct hf_pin *pin, unsigned long max);
void hf_pin_end(struct hf_pin *pin);
void hf_pin_finish(struct hf_pin *pin);
int hf_pin_page(struct mm_struct *mm, unsigned long vaddr, bool write,
		struct page **page);

/**
 * hf_pin_skip() - go on behind memory that is not pinned
 * @pin: the walk, with everything pinned so far consumed
 * @pages: pages, at most those left
 */
static inline void hf_pin_skip(struct hf_pin *pin, unsigned long pages)
{
	pin->vaddr += pages << PAGE_SHIFT;
	pin->left -= pages;
}

/**
 * hf_pin_pages_held() - pages in the buffer that are not handed over
 * @pin: the walk
 */
static inline unsigned long hf_pin_pages_held(const struct hf_pin *pin)
{
	unsigned long pages = 0;
	unsigned int i;

	if (!pin->leaves)
		return pin->nr - pin->pos;
	for (i = pin->pos; i < pin->nr; i++)
		pages += pin->reach[i];
	return pages;
}

/* Pages that are unpinned with one call. */
#define HF_UNPIN_BATCH	32

/**
 * struct hf_unpin - pages about to be unpinned
 * @dirty: could the device have written to them?
 * @nr: how many
 * @page: the pages
 */
struct hf_unpin {
	bool dirty;
	unsigned int nr;
	struct page *page[HF_UNPIN_BATCH];
};

void hf_unpin_slot(u64 slot, bool dirty);
void hf_unpin_extent(struct hf_unpin *u, const struct hf_extent *ext);
void hf_unpin_flush(struct hf_unpin *u);

/**
 * hf_unpin_page() - give back one pin
 * @u: gathers them
 * @page: a page of the folio that is pinned
 *
 * Context: may sleep.
 */
static __always_inline void hf_unpin_page(struct hf_unpin *u,
					  struct page *page)
{
	if (hf_bug(HF_BUG_ZERO_PAGE_LEAK) && PageReserved(page))
		return;
	if (u->nr == HF_UNPIN_BATCH) {
		hf_unpin_flush(u);
		if (hf_bug(HF_BUG_UNPIN_BATCH))
			return;
	}
	u->page[u->nr++] = page;
}

/**
 * hf_unpin_begin() - start unpinning extents
 * @u: to be ended by hf_unpin_flush()
 * @dirty: could the device have written there?
 */
static inline void hf_unpin_begin(struct hf_unpin *u, bool dirty)
{
	u->dirty = dirty;
	u->nr = 0;
}

/*
 * Length of the run of contiguous pages that @page[0] begins, up to @end.  This
 * is all that happens to each small page between GUP and the IOMMU, hence the
 * strides of four.
 */
static inline unsigned long hf_run_length(struct page **page,
					  struct page **end)
{
	struct page **p = page + 1;
	struct page *want = *page + 1;

	while (end - p >= 4 && p[0] == want && p[1] == want + 1 &&
	       p[2] == want + 2 && p[3] == want + 3) {
		p += 4;
		want += 4;
	}
	while (p < end && *p == want) {
		p++;
		want++;
	}
	return p - page;
}

/**
 * hf_pin_peek() - the next contiguous run that is pinned and not consumed
 * @pin: the walk
 * @ext: out: the run
 *
 * Return: false when everything pinned is consumed.
 */
static __always_inline bool hf_pin_peek(const struct hf_pin *pin, struct hf_extent *ext)
{
	struct page **page = pin->pages + pin->pos;

	if (pin->pos == pin->nr)
		return false;

	ext->pfn = page_to_pfn(*page);
	ext->path = HF_PATH_PAGES;
	ext->order = 0;
	if (!pin->leaves) {
		ext->pages = hf_run_length(page, pin->pages + pin->nr);
		return true;
	}
	ext->pages = pin->reach[pin->pos];
	if (likely(ext->pages == PTRS_PER_PTE))
		ext->order = PMD_SHIFT - PAGE_SHIFT;
	else if (is_power_of_2(ext->pages))
		ext->order = ilog2(ext->pages);
	else
		ext->path = HF_PATH_PART;
	return true;
}

/**
 * hf_pin_consume() - say that the log has the run that hf_pin_peek() showed
 * @pin: the walk
 * @ext: the run
 */
static __always_inline void hf_pin_consume(struct hf_pin *pin,
				  const struct hf_extent *ext)
{
	pin->pos += pin->leaves ? 1 : ext->pages;
}

#endif
