/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Showing a device the memory that the CPU sees.  See refresh.c for the essay.
 */
#ifndef HOLDFAST_REFRESH_H
#define HOLDFAST_REFRESH_H

#include <linux/types.h>

struct hf_container;

int hf_refresh(struct hf_container *c, dma_addr_t first, dma_addr_t last,
	       u64 *refreshed, u64 *failed, bool *partial);

#endif
