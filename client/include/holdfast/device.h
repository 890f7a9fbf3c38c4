/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device.h - a VFIO PCI device: regions, configuration space, BAR mappings, reset.
 *
 * A device can be opened only while its group is attached to a container with a type.
 * Unless said otherwise functions return 0 or a negative errno.
 */
#ifndef HOLDFAST_DEVICE_H
#define HOLDFAST_DEVICE_H

#include <holdfast/group.h>
#include <holdfast/pci.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct hf_device - an open device
 * @fd: file descriptor, -1 when closed
 * @bdf: PCI address
 * @flags: VFIO_DEVICE_FLAGS_*
 * @num_regions: region indexes are below this
 */
struct hf_device {
	int fd;
	char bdf[HF_BDF_LEN];
	uint32_t flags;
	uint32_t num_regions;
};

/**
 * struct hf_region - a region of a device
 * @index: VFIO_PCI_BAR0_REGION_INDEX, …
 * @flags: VFIO_REGION_INFO_FLAG_*
 * @size: bytes, 0 for a region the device does not have
 * @offset: where it starts in the device's file
 */
struct hf_region {
	uint32_t index;
	uint32_t flags;
	uint64_t size;
	uint64_t offset;
};

/**
 * struct hf_bar - a BAR mapped into this process
 * @addr: first byte
 * @len: bytes
 */
struct hf_bar {
	volatile void *addr;
	size_t len;
};

/**
 * hf_device_open() - open a device of an attached group
 * @d: to fill in
 * @g: its group
 * @bdf: its PCI address
 */
int hf_device_open(struct hf_device *d, const struct hf_group *g, const char *bdf);

/** hf_device_close() - close it; harmless when closed already (fd -1). BAR mappings stay. */
void hf_device_close(struct hf_device *d);

/** hf_device_region() - describe region @index in @r */
int hf_device_region(const struct hf_device *d, uint32_t index, struct hf_region *r);

/**
 * hf_device_read() - read from a region through the file
 * @d: device
 * @index: region, e.g. VFIO_PCI_CONFIG_REGION_INDEX
 * @offset: bytes into it
 * @buf: where to
 * @len: bytes; 1, 2, 4 or 8, aligned, are one access
 *
 * Return: 0; -EINVAL outside the region; -EIO for a short read; -errno.
 */
int hf_device_read(const struct hf_device *d, uint32_t index, uint64_t offset, void *buf,
		   size_t len);

/** hf_device_write() - the opposite of hf_device_read() */
int hf_device_write(const struct hf_device *d, uint32_t index, uint64_t offset,
		    const void *buf, size_t len);

/** hf_device_bus_master() - allow (and enable memory decoding) or forbid the device's DMA */
int hf_device_bus_master(const struct hf_device *d, bool on);

/**
 * hf_device_reset() - VFIO_DEVICE_RESET
 *
 * Return: 0; -ENOTTY when the device has no reset of its own; -errno.
 */
int hf_device_reset(const struct hf_device *d);

/**
 * hf_bar_map() - map a whole BAR, read-write, shared
 * @d: device
 * @index: VFIO_PCI_BAR0_REGION_INDEX … VFIO_PCI_BAR5_REGION_INDEX
 * @bar: to fill in
 *
 * Return: 0; -ENODEV when the BAR is not there; -EOPNOTSUPP when it cannot be mapped; -errno.
 */
int hf_bar_map(const struct hf_device *d, uint32_t index, struct hf_bar *bar);

/** hf_bar_unmap() - undo hf_bar_map(); harmless when done already */
void hf_bar_unmap(struct hf_bar *bar);

/** hf_bar_read32() - read a 32-bit register at @offset bytes (device byte order: little) */
static inline uint32_t hf_bar_read32(const struct hf_bar *bar, size_t offset)
{
	return *(volatile uint32_t *)((volatile char *)bar->addr + offset);
}

/**
 * hf_bar_write32() - write a 32-bit register at @offset bytes
 *
 * Everything the caller stored before, descriptors in memory too, is visible to the device
 * before the register changes.
 */
static inline void hf_bar_write32(const struct hf_bar *bar, size_t offset, uint32_t value)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile uint32_t *)((volatile char *)bar->addr + offset) = value;
}

#endif
