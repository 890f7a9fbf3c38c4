/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOVA windows: where in the IOVA space a container may map.
 * See window.c for the essay.
 */
#ifndef HOLDFAST_WINDOW_H
#define HOLDFAST_WINDOW_H

#include <linux/types.h>

struct hf_domain;
struct list_head;

/**
 * struct hf_window - a range of IOVAs, bounds included
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 */
struct hf_window {
	dma_addr_t first;
	dma_addr_t last;
};

/**
 * struct hf_windows - all of them, sorted, disjoint
 * @nr: how many
 * @window: the windows
 */
struct hf_windows {
	unsigned int nr;
	struct hf_window window[];
};

struct hf_windows *hf_windows_compute(struct list_head *domains,
				      struct hf_domain *extra);
bool hf_windows_contain(const struct hf_windows *windows, dma_addr_t first,
			dma_addr_t last);
bool hf_domain_sw_msi(struct hf_domain *domain, phys_addr_t *base);

#endif
