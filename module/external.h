/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a mapping has for devices without an IOMMU: the pages their drivers
 * pinned, and which pages were written to.  See external.c for the essay.
 */
#ifndef HOLDFAST_EXTERNAL_H
#define HOLDFAST_EXTERNAL_H

#include <linux/types.h>
#include <linux/xarray.h>

#include "mapping.h"

struct page;

/**
 * struct hf_external - pages of a mapping that drivers use
 * @pages: by page of the mapping: PFN and how many times it was asked for
 * @nr: pages in there, one pin each
 * @dirty: a bit for each page of the mapping that may have been written since
 *	it was last reported; NULL while nobody tracks that
 * @all_dirty: every page may have been; others set it, with the container's lock
 * @report_all: so it was when the report that is under way began
 */
struct hf_external {
	struct xarray pages;
	unsigned long nr;
	unsigned long *dirty;
	bool all_dirty;
	bool report_all;
};

/**
 * hf_external_pins() - pages of a mapping that drivers have pinned
 * @m: the mapping, at rest or the caller's
 */
static inline unsigned long hf_external_pins(const struct hf_mapping *m)
{
	return m->external ? m->external->nr : 0;
}

int hf_external_pin(struct hf_container *c, struct hf_mapping *m,
		    unsigned long index, struct page **page);
void hf_external_unpin(struct hf_container *c, struct hf_mapping *m,
		       unsigned long index);
int hf_external_track(struct hf_mapping *m);
void hf_external_untrack(struct hf_mapping *m);
void hf_external_wrote(struct hf_mapping *m, unsigned long index,
		       unsigned long pages);
void hf_external_reported(struct hf_mapping *m);
void hf_external_free(struct hf_mapping *m);

#endif
