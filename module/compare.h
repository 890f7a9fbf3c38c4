/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages of a mapping device and CPU do not share.
 * See compare.c for the essay.
 */
#ifndef HOLDFAST_COMPARE_H
#define HOLDFAST_COMPARE_H

#include <linux/types.h>

#include "extent.h"
#include "view.h"

struct hf_mapping;
struct mm_struct;

/* Pages compared with one call. */
#define HF_COMPARE_MAX	HF_VIEW_MAX

/**
 * struct hf_place - where in a mapping's log a walk stands
 * @it: behind @ext
 * @ext: the extent it stands at
 * @at: its first page in the mapping
 */
struct hf_place {
	struct hf_log_iter it;
	struct hf_extent ext;
	unsigned long at;
};

/**
 * struct hf_compare - a walk along a mapping's log
 * @m: the mapping
 * @place: where it stands
 * @seen: what the CPU sees
 */
struct hf_compare {
	const struct hf_mapping *m;
	struct hf_place place;
	u64 seen[HF_COMPARE_MAX];
};

struct hf_compare *hf_compare_alloc(void);
void hf_compare_free(struct hf_compare *cmp);
void hf_compare_begin(struct hf_compare *cmp, const struct hf_mapping *m);
int hf_compare(struct hf_compare *cmp, struct mm_struct *mm,
	       unsigned long first, unsigned int nr, unsigned long *parted,
	       bool *watch);

#endif
