/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving mapped memory to another address or process (VFIO_UPDATE_VADDR).
 * See vaddr.c for the essay.
 */
#ifndef HOLDFAST_VADDR_H
#define HOLDFAST_VADDR_H

#include <linux/types.h>

struct hf_container;

int hf_vaddr_invalidate(struct hf_container *c, dma_addr_t first,
			dma_addr_t last, bool all, u64 *bytes);
int hf_vaddr_update(struct hf_container *c, dma_addr_t iova,
		    unsigned long vaddr, size_t size);

#endif
