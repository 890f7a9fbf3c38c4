/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rig.h - one container with one group, one device and, if wanted, one DMA engine: what most
 * programs begin with.
 *
 *	struct hf_rig rig;
 *
 *	hf_must(hf_rig_open(&rig, NULL, 0));
 *	hf_must(hf_rig_dma(&rig));
 *	hf_map(&rig.container, iova, mem.addr, mem.len, HF_RW);
 *	hf_must(hf_dma_copy(rig.dma, iova, iova + len, len));
 *	hf_rig_close(&rig);
 */
#ifndef HOLDFAST_RIG_H
#define HOLDFAST_RIG_H

#include <holdfast/container.h>
#include <holdfast/device.h>
#include <holdfast/dma.h>
#include <holdfast/group.h>

/**
 * struct hf_rig - the set
 * @container: typed container
 * @group: attached group
 * @device: open device
 * @dma: engine, NULL until hf_rig_dma()
 */
struct hf_rig {
	struct hf_container container;
	struct hf_group group;
	struct hf_device device;
	struct hf_dma *dma;
};

/**
 * hf_rig_open() - container, group, type, device
 * @r: to fill in
 * @bdf: PCI address; NULL for the first device bound to vfio-pci (hf_pci_vfio_device())
 * @type: IOMMU type, 0 for type1v2
 *
 * Return: 0, or a negative errno of the step that failed; nothing is left open then.
 */
int hf_rig_open(struct hf_rig *r, const char *bdf, int type);

/** hf_rig_dma() - start the device's DMA engine at HF_DMA_IOVA_DEFAULT, see hf_dma_open() */
int hf_rig_dma(struct hf_rig *r);

/** hf_rig_close() - engine, device, group, container; harmless when closed already */
void hf_rig_close(struct hf_rig *r);

#endif
