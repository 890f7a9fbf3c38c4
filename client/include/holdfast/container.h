/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * container.h - a VFIO container: an open /dev/vfio/vfio and its IOMMU type.
 *
 * Order of life: hf_container_open(), hf_group_attach() for at least one group (group.h),
 * hf_container_set_type(), mappings (iommu.h), hf_container_close(). The backend (stock or
 * holdfast, see backend.h) is decided by the kernel in hf_container_set_type(). Closing the
 * container with mappings still in place is legal: the kernel drops them when the groups are
 * closed or detached too.
 *
 * Unless said otherwise functions return 0 or a negative errno.
 */
#ifndef HOLDFAST_CONTAINER_H
#define HOLDFAST_CONTAINER_H

#include <linux/vfio.h>
#include <stdint.h>

/**
 * struct hf_container - an open container
 * @fd: file descriptor, -1 when closed
 * @type: VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU once set, 0 before
 */
struct hf_container {
	int fd;
	int type;
};

/**
 * hf_container_open() - open /dev/vfio/vfio (close-on-exec) and check the API version
 * @c: to fill in
 *
 * Return: 0; -ENOENT, -EACCES, … from open(); -EPROTO for another API version.
 */
int hf_container_open(struct hf_container *c);

/** hf_container_close() - close it; harmless when closed already (fd -1) */
void hf_container_close(struct hf_container *c);

/**
 * hf_container_check_extension() - VFIO_CHECK_EXTENSION
 * @c: container
 * @extension: VFIO_TYPE1v2_IOMMU, VFIO_UNMAP_ALL, …
 *
 * Before a type is set every loaded backend is asked, afterwards the one in use.
 * Return: the kernel's answer (0 no, > 0 yes) or a negative errno.
 */
int hf_container_check_extension(const struct hf_container *c, unsigned long extension);

/**
 * hf_container_set_type() - VFIO_SET_IOMMU: choose the IOMMU type, and with it the backend
 * @c: container with at least one group attached
 * @type: VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, or 0 for the default (type1v2)
 *
 * Return: 0 or a negative errno; -EPERM means that interrupts are not isolated by the IOMMU,
 * -ENODEV that no backend accepted, -EINVAL that no group is attached.
 */
int hf_container_set_type(struct hf_container *c, int type);

/**
 * hf_container_null() - the cheapest ioctl that a container answers (VFIO_GET_API_VERSION)
 *
 * The floor under every measurement: system call plus VFIO's dispatch, no backend involved.
 * Return: VFIO_API_VERSION or a negative errno.
 */
int hf_container_null(const struct hf_container *c);

/**
 * hf_container_ioctl() - any ioctl, raw: for hostile arguments
 * @c: container
 * @request: request number
 * @arg: argument, passed on unseen
 *
 * Return: the ioctl's non-negative result or a negative errno.
 */
int hf_container_ioctl(const struct hf_container *c, unsigned long request, void *arg);

#endif
