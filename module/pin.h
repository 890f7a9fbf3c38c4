/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pin engine: turns user addresses into pinned, physically contiguous
 * runs.  See pin.c for the essay.
 */
#ifndef HOLDFAST_PIN_H
#define HOLDFAST_PIN_H

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
bool hf_pin_peek(const struct hf_pin *pin, struct hf_extent *ext);
void hf_pin_consume(struct hf_pin *pin, const struct hf_extent *ext);
void hf_pin_end(struct hf_pin *pin);

void hf_unpin(const struct hf_extent *ext, bool dirty);

#endif
