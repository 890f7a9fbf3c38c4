/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far one pin reaches.  See leaf.c for the essay.
 */
#ifndef HOLDFAST_LEAF_H
#define HOLDFAST_LEAF_H

struct mm_struct;
struct page;

/**
 * enum hf_leaf_hint - what the page table seemed to map at an address
 * @HF_LEAF_ABSENT: nothing: pinning will fault
 * @HF_LEAF_SMALL: a page by itself
 * @HF_LEAF_LARGE: a writable huge page, or a page of a large folio
 */
enum hf_leaf_hint {
	HF_LEAF_ABSENT,
	HF_LEAF_SMALL,
	HF_LEAF_LARGE,
};

enum hf_leaf_hint hf_leaf_guess(struct mm_struct *mm, unsigned long vaddr,
				unsigned long pages, unsigned int *nr);
unsigned long hf_leaf_pages(struct mm_struct *mm, unsigned long vaddr);
unsigned long hf_leaf_reach(struct mm_struct *mm, unsigned long vaddr,
			    struct page *page, unsigned long max);
unsigned int hf_leaf_prove(struct mm_struct *mm, unsigned long vaddr,
			   unsigned long max, struct page **page,
			   unsigned int nr, unsigned int *reach);

#endif
