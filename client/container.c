// SPDX-License-Identifier: GPL-2.0-only
/*
 * container.c - ioctls of /dev/vfio/vfio that concern the container itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/container.h>
#include <sys/ioctl.h>
#include <unistd.h>

int hf_container_ioctl(const struct hf_container *c, unsigned long request, void *arg)
{
	int ret = ioctl(c->fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int hf_container_open(struct hf_container *c)
{
	int ret;

	c->type = 0;
	c->fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		return -errno;

	ret = hf_container_null(c);
	if (ret != VFIO_API_VERSION) {
		hf_container_close(c);
		return ret < 0 ? ret : -EPROTO;
	}
	return 0;
}

void hf_container_close(struct hf_container *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->type = 0;
}

int hf_container_null(const struct hf_container *c)
{
	return hf_container_ioctl(c, VFIO_GET_API_VERSION, NULL);
}

int hf_container_check_extension(const struct hf_container *c, unsigned long extension)
{
	int ret = ioctl(c->fd, VFIO_CHECK_EXTENSION, extension);

	return ret < 0 ? -errno : ret;
}

int hf_container_set_type(struct hf_container *c, int type)
{
	if (!type)
		type = VFIO_TYPE1v2_IOMMU;
	if (ioctl(c->fd, VFIO_SET_IOMMU, (unsigned long)type) < 0)
		return -errno;
	c->type = type;
	return 0;
}
