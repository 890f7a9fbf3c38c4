/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far one pin reaches.  See leaf.c for the essay.
 */
#ifndef HOLDFAST_LEAF_H
#define HOLDFAST_LEAF_H

struct mm_struct;
struct page;

unsigned long hf_leaf_reach(struct mm_struct *mm, unsigned long vaddr,
			    struct page *page, unsigned long max);

#endif
