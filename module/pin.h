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

#include "extent.h"

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
 * @faults_small: memory that was absent last came as small pages, so that
 *	there is no use in faulting one in first to see whether it is huge
 * @reach: pages the only pin in @pages holds; 1 where each page has its own
 * @small: the buffer of a small walk
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
	unsigned long reach;
	bool faults_small;
	struct page *small[HF_PIN_SMALL];
};

void hf_pin_begin(struct hf_pin *pin, unsigned long vaddr, unsigned long pages,
		  bool write);
int hf_pin_fill(struct hf_pin *pin, unsigned long max);
void hf_pin_end(struct hf_pin *pin);

void hf_unpin(const struct hf_extent *ext, bool dirty);

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
static inline bool hf_pin_peek(const struct hf_pin *pin, struct hf_extent *ext)
{
	struct page **page = pin->pages + pin->pos;

	if (pin->pos == pin->nr)
		return false;

	ext->pfn = page_to_pfn(*page);
	ext->path = HF_PATH_PAGES;
	ext->order = 0;
	if (likely(pin->reach == 1)) {
		ext->pages = hf_run_length(page, pin->pages + pin->nr);
		return true;
	}
	ext->pages = pin->reach;
	if (is_power_of_2(pin->reach))
		ext->order = ilog2(pin->reach);
	else
		ext->path = HF_PATH_PART;
	return true;
}

/**
 * hf_pin_consume() - say that the log has the run that hf_pin_peek() showed
 * @pin: the walk
 * @ext: the run
 */
static inline void hf_pin_consume(struct hf_pin *pin,
				  const struct hf_extent *ext)
{
	pin->pos += likely(pin->reach == 1) ? ext->pages : 1;
}

#endif
