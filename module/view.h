/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process sees at an address.  See view.c for the essay.
 */
#ifndef HOLDFAST_VIEW_H
#define HOLDFAST_VIEW_H

#include <linux/bits.h>
#include <linux/types.h>

struct vm_area_struct;

/*
 * A page as the CPU sees it is its PFN, maybe with HF_SEEN_LATER: it is not in
 * the page table, but the page cache has it for the next access.  Or else:
 */
#define HF_SEEN_LATER	BIT_ULL(63)
#define HF_SEEN_NOTHING	(~0ULL)		/* the next access gets a new page, or none */
#define HF_SEEN_DEVICE	(~0ULL - 1)	/* absent from an area of PFN-mapped memory */
#define HF_SEEN_UNKNOWN	(~0ULL - 2)	/* only who made the area knows, or it is in motion */

/* Most pages looked at with one call. */
#define HF_VIEW_MAX	512

unsigned long hf_view(struct vm_area_struct *vma, unsigned long addr,
		      unsigned long max, u64 *seen);

#endif
