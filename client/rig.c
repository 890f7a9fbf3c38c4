// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig.c - put container, group, device and engine together, in the order the kernel wants.
 *
 * Invariant: at any point hf_rig_close() can undo what is there, so every member is in its
 * closed state before the first step.
 */
#include <holdfast/pci.h>
#include <holdfast/rig.h>

int hf_rig_open(struct hf_rig *r, const char *bdf, int type)
{
	char first[HF_BDF_LEN];
	int ret;

	*r = (struct hf_rig){ .container.fd = -1, .group.fd = -1, .device.fd = -1 };
	if (!bdf) {
		ret = hf_pci_vfio_device(0, first);
		if (ret)
			return ret;
		bdf = first;
	}

	ret = hf_container_open(&r->container);
	if (!ret)
		ret = hf_group_open(&r->group, bdf);
	if (!ret)
		ret = hf_group_attach(&r->group, &r->container);
	if (!ret)
		ret = hf_container_set_type(&r->container, type);
	if (!ret)
		ret = hf_device_open(&r->device, &r->group, bdf);
	if (ret)
		hf_rig_close(r);
	return ret;
}

int hf_rig_dma(struct hf_rig *r)
{
	return hf_dma_open(&r->dma, NULL, &r->container, &r->device, HF_DMA_IOVA_DEFAULT);
}

void hf_rig_close(struct hf_rig *r)
{
	hf_dma_close(r->dma);
	r->dma = NULL;
	hf_device_close(&r->device);
	hf_group_close(&r->group);
	hf_container_close(&r->container);
}
