/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * group.h - a VFIO group: the smallest set of devices the IOMMU can keep apart.
 *
 * The kernel lets a group be open once. Close the devices of a group before detaching it.
 * Functions return 0 or a negative errno.
 */
#ifndef HOLDFAST_GROUP_H
#define HOLDFAST_GROUP_H

#include <holdfast/container.h>

/**
 * struct hf_group - an open group
 * @fd: file descriptor, -1 when closed
 * @number: N of /dev/vfio/N
 */
struct hf_group {
	int fd;
	int number;
};

/**
 * hf_group_open() - open the group of a PCI function
 * @g: to fill in
 * @bdf: PCI address of any device in it
 *
 * Return: 0; -ENOENT (no such function, no IOMMU, or not bound to a vfio driver), -EBUSY
 * (open already), -EACCES; -ENODEV when the group is open but not viable (some of its
 * devices still have a host driver).
 */
int hf_group_open(struct hf_group *g, const char *bdf);

/** hf_group_close() - close it; harmless when closed already (fd -1) */
void hf_group_close(struct hf_group *g);

/**
 * hf_group_viable() - is every device of the group free for user space?
 *
 * Return: 1, 0, or a negative errno.
 */
int hf_group_viable(const struct hf_group *g);

/**
 * hf_group_attach() - VFIO_GROUP_SET_CONTAINER
 *
 * When the container has a type already, its mappings are replayed for the group's devices.
 * Return: 0; -EINVAL when attached already; what the backend answered, otherwise.
 */
int hf_group_attach(const struct hf_group *g, const struct hf_container *c);

/**
 * hf_group_detach() - VFIO_GROUP_UNSET_CONTAINER
 *
 * Detaching the last group unsets the container's type (hf_container.type is left as it was)
 * and drops its mappings. Return: 0; -EINVAL when not attached; -EBUSY while a device of the
 * group is open.
 */
int hf_group_detach(const struct hf_group *g);

#endif
