// SPDX-License-Identifier: GPL-2.0-only
/*
 * group.c - open VFIO groups and attach them to containers.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/group.h>
#include <holdfast/pci.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int hf_group_open(struct hf_group *g, const char *bdf)
{
	char path[32];
	int ret;

	g->fd = -1;
	g->number = hf_pci_group(bdf);
	if (g->number < 0)
		return g->number;

	snprintf(path, sizeof(path), "/dev/vfio/%d", g->number);
	g->fd = open(path, O_RDWR | O_CLOEXEC);
	if (g->fd < 0)
		return -errno;

	ret = hf_group_viable(g);
	if (ret <= 0) {
		hf_group_close(g);
		return ret < 0 ? ret : -ENODEV;
	}
	return 0;
}

void hf_group_close(struct hf_group *g)
{
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
}

int hf_group_viable(const struct hf_group *g)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	if (ioctl(g->fd, VFIO_GROUP_GET_STATUS, &status) < 0)
		return -errno;
	return !!(status.flags & VFIO_GROUP_FLAGS_VIABLE);
}

int hf_group_attach(const struct hf_group *g, const struct hf_container *c)
{
	int fd = c->fd;

	return ioctl(g->fd, VFIO_GROUP_SET_CONTAINER, &fd) < 0 ? -errno : 0;
}

int hf_group_detach(const struct hf_group *g)
{
	return ioctl(g->fd, VFIO_GROUP_UNSET_CONTAINER) < 0 ? -errno : 0;
}
