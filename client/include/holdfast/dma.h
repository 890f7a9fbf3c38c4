/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma.h - make a real device copy memory, IOVA to IOVA.
 *
 * An engine drives one device through its registers from user space; the device does the
 * loads and stores, through the IOMMU. Engines: "e1000" (Intel 82540EM, PHY loopback).
 *
 * A copy is synchronous and writes exactly the bytes asked for. It reports what the device
 * reports, and devices report success also when the IOMMU blocked them: compare bytes to know
 * what happened. A destination that the IOMMU blocks is left alone, its unblocked pages are
 * written; a source it blocks arrives as unspecified bytes, not as the source's contents. The
 * engine works on after either.
 *
 * The engine's rings and one page for a self test are mapped in the container, at an IOVA of
 * the caller's choice: HF_DMA_FOOTPRINT bytes, one mapping, charged like any other, and gone
 * after an UNMAP_ALL (hf_dma_remap() then). The memory is MAP_SHARED: fork does not part the
 * device from it, and a child may use the engine while its parent does not (a child that ends
 * must not close it). One user at a time: nothing here is locked.
 *
 * What an IOMMU blocks is its driver's business: Linux 6.1 and 6.12 make every mapping on an
 * Intel IOMMU readable, also one mapped HF_WRITE only; 7.2 does not.
 */
#ifndef HOLDFAST_DMA_H
#define HOLDFAST_DMA_H

#include <holdfast/container.h>
#include <holdfast/device.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes an engine maps for itself */
#define HF_DMA_FOOTPRINT 16384UL

/** Where an engine maps them if the caller gives HF_DMA_IOVA_DEFAULT: below 2^39 */
#define HF_DMA_IOVA_DEFAULT 0x7000000000ULL

/** Shortest copy any engine must do, bytes */
#define HF_DMA_MIN_LEN 64UL

struct hf_dma;

/**
 * struct hf_dma_xfer - one transfer as the device does it
 * @dst: destination IOVA
 * @src: source IOVA
 * @len: bytes, between min_chunk and max_chunk of the engine
 */
struct hf_dma_xfer {
	uint64_t dst;
	uint64_t src;
	uint32_t len;
};

/**
 * struct hf_dma_ops - an engine's driver
 * @name: its name
 * @vendor: PCI vendor id it drives
 * @device: PCI device id it drives
 * @max_chunk: most bytes of one transfer; at least 2 * @min_chunk
 * @min_chunk: fewest bytes of one transfer, at most HF_DMA_MIN_LEN
 * @batch: most transfers handed to @submit at once
 * @start: bring the device up; memory is mapped; 0 or -errno
 * @submit: carry out transfers in order, wait for the last; 0 or -errno
 * @stop: make the device forget the memory: no DMA after it returns
 *
 * Everything a driver keeps is in the memory and the private pointer of struct hf_dma
 * (client/dma.c shows both).
 */
struct hf_dma_ops {
	const char *name;
	uint16_t vendor;
	uint16_t device;
	uint32_t max_chunk;
	uint32_t min_chunk;
	unsigned int batch;
	int (*start)(struct hf_dma *e);
	int (*submit)(struct hf_dma *e, const struct hf_dma_xfer *x, unsigned int count);
	void (*stop)(struct hf_dma *e);
};

/**
 * hf_dma_open() - start an engine on a device
 * @out: the engine
 * @name: its name, or NULL for the one that fits the device's PCI id
 * @c: container the device's group is attached to
 * @d: open device; the engine sets its bus master bit; must outlive the engine
 * @iova: page-aligned home of the engine's memory, usually HF_DMA_IOVA_DEFAULT
 *
 * Waits until the device is ready and a self test inside the engine's own memory was right;
 * the e1000 needs about a second of device time for that.
 *
 * Return: 0; -ENODEV no engine of that name or for that device; -EIO the self test copied
 * wrong bytes; -ETIMEDOUT the device did not start; -errno from the mappings (-EEXIST: the
 * IOVA is in use).
 */
int hf_dma_open(struct hf_dma **out, const char *name, const struct hf_container *c,
		const struct hf_device *d, uint64_t iova);

/** hf_dma_close() - stop the device, unmap and free the memory; NULL is harmless */
void hf_dma_close(struct hf_dma *e);

/**
 * hf_dma_copy() - have the device copy bytes
 * @e: engine
 * @dst: destination IOVA, any alignment
 * @src: source IOVA, any alignment
 * @len: bytes, at least HF_DMA_MIN_LEN
 *
 * Split inside as the device needs. The two ranges must not overlap.
 *
 * Return: 0 the device said it is done; -EINVAL @len too short, a range that wraps, or a
 * destination the device cannot name (e1000: IOVA 0 means "no buffer" to it);
 * -ETIMEDOUT or -EIO the device did not, or said it did something else: hf_dma_restart()
 * before the next copy.
 */
int hf_dma_copy(struct hf_dma *e, uint64_t dst, uint64_t src, size_t len);

/**
 * hf_dma_restart() - stop and start the device anew, memory stays mapped
 *
 * Return: as hf_dma_open(). Takes as long, too.
 */
int hf_dma_restart(struct hf_dma *e);

/**
 * hf_dma_remap() - map the engine's memory again at the same IOVA, after an UNMAP_ALL
 *
 * Return: 0 or -errno of the map.
 */
int hf_dma_remap(struct hf_dma *e);

/** hf_dma_name() - name of the engine's driver */
const char *hf_dma_name(const struct hf_dma *e);

/** hf_dma_iova() - IOVA of the engine's own memory */
uint64_t hf_dma_iova(const struct hf_dma *e);

#endif
