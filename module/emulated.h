/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices without an IOMMU in a container.  See emulated.c for the essay.
 */
#ifndef HOLDFAST_EMULATED_H
#define HOLDFAST_EMULATED_H

#include <linux/types.h>

struct hf_container;
struct page;
struct vfio_device;

void hf_emulated_register(struct hf_container *c, struct vfio_device *device);
void hf_emulated_unregister(struct hf_container *c, struct vfio_device *device);
void hf_emulated_notify(struct hf_container *c, dma_addr_t iova, size_t size);

int hf_emulated_pin(struct hf_container *c, dma_addr_t iova, int nr, int prot,
		    struct page **pages);
void hf_emulated_unpin(struct hf_container *c, dma_addr_t iova, int nr);
int hf_emulated_rw(struct hf_container *c, dma_addr_t iova, void *data,
		   size_t count, bool write);

#endif
