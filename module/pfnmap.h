/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PFN-mapped memory: where device memory lies.  See pfnmap.c for the essay.
 */
#ifndef HOLDFAST_PFNMAP_H
#define HOLDFAST_PFNMAP_H

#include <linux/types.h>

struct mm_struct;

long hf_pfnmap_follow(struct mm_struct *mm, unsigned long vaddr,
		      unsigned long max, bool write, unsigned long *pfn);
long hf_pfnmap_count(struct mm_struct *mm, unsigned long vaddr,
		     unsigned long pages);

#endif
