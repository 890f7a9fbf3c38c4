// SPDX-License-Identifier: GPL-2.0-only
/*
 * device.c - VFIO PCI devices: regions through the file and through mmap.
 *
 * struct hf_device keeps no region table: regions are asked for when used, which costs an
 * ioctl and keeps the struct copyable.
 */
#include <errno.h>
#include <holdfast/device.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int hf_device_open(struct hf_device *d, const struct hf_group *g, const char *bdf)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int ret;

	memset(d, 0, sizeof(*d));
	d->fd = -1;
	if (strlen(bdf) >= sizeof(d->bdf))
		return -EINVAL;
	snprintf(d->bdf, sizeof(d->bdf), "%s", bdf);

	d->fd = ioctl(g->fd, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (d->fd < 0)
		return -errno;
	if (ioctl(d->fd, VFIO_DEVICE_GET_INFO, &info) < 0) {
		ret = -errno;
		hf_device_close(d);
		return ret;
	}
	d->flags = info.flags;
	d->num_regions = info.num_regions;
	return 0;
}

void hf_device_close(struct hf_device *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

int hf_device_region(const struct hf_device *d, uint32_t index, struct hf_region *r)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	*r = (struct hf_region){ .index = index };
	if (ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, &info) < 0)
		return -errno;
	r->flags = info.flags;
	r->size = info.size;
	r->offset = info.offset;
	return 0;
}

/* File offset of a part of a region, or -errno when it does not lie inside. */
static int64_t locate(const struct hf_device *d, uint32_t index, uint64_t offset, size_t len)
{
	struct hf_region r;
	int ret = hf_device_region(d, index, &r);

	if (ret)
		return ret;
	if (offset > r.size || len > r.size - offset)
		return -EINVAL;
	return (int64_t)(r.offset + offset);
}

int hf_device_read(const struct hf_device *d, uint32_t index, uint64_t offset, void *buf,
		   size_t len)
{
	const int64_t at = locate(d, index, offset, len);
	ssize_t n;

	if (at < 0)
		return (int)at;
	n = pread(d->fd, buf, len, at);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int hf_device_write(const struct hf_device *d, uint32_t index, uint64_t offset, const void *buf,
		    size_t len)
{
	const int64_t at = locate(d, index, offset, len);
	ssize_t n;

	if (at < 0)
		return (int)at;
	n = pwrite(d->fd, buf, len, at);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int hf_device_bus_master(const struct hf_device *d, bool on)
{
	uint16_t command;
	int ret;

	ret = hf_device_read(d, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command,
			     sizeof(command));
	if (ret)
		return ret;
	if (on)
		command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	else
		command &= (uint16_t)~PCI_COMMAND_MASTER;
	return hf_device_write(d, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command,
			       sizeof(command));
}

int hf_device_reset(const struct hf_device *d)
{
	if (!(d->flags & VFIO_DEVICE_FLAGS_RESET))
		return -ENOTTY;
	return ioctl(d->fd, VFIO_DEVICE_RESET) < 0 ? -errno : 0;
}

int hf_bar_map(const struct hf_device *d, uint32_t index, struct hf_bar *bar)
{
	struct hf_region r;
	void *p;
	int ret;

	bar->addr = NULL;
	bar->len = 0;
	ret = hf_device_region(d, index, &r);
	if (ret)
		return ret;
	if (!r.size)
		return -ENODEV;
	if (!(r.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return -EOPNOTSUPP;

	p = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, (off_t)r.offset);
	if (p == MAP_FAILED)
		return -errno;
	bar->addr = p;
	bar->len = r.size;
	return 0;
}

void hf_bar_unmap(struct hf_bar *bar)
{
	if (bar->addr)
		munmap((void *)bar->addr, bar->len);
	bar->addr = NULL;
	bar->len = 0;
}
