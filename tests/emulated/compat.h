/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel-version differences of the test device, all of them.
 */
#ifndef HOLDFAST_TESTDEV_COMPAT_H
#define HOLDFAST_TESTDEV_COMPAT_H

#include <linux/version.h>
#include <linux/vfio.h>

/*
 * Members of struct vfio_device_ops that this kernel asks for: the release of
 * the memory, or what connects a device to iommufd (unused, but registration
 * insists on it where iommufd is there).
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
static inline void td_compat_release(struct vfio_device *vdev)
{
	vfio_free_device(vdev);
}

#define TD_COMPAT_VFIO_OPS	.release = td_compat_release,
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define TD_COMPAT_VFIO_OPS					\
	.bind_iommufd = vfio_iommufd_emulated_bind,		\
	.unbind_iommufd = vfio_iommufd_emulated_unbind,		\
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
#else
#define TD_COMPAT_VFIO_OPS					\
	.bind_iommufd = vfio_iommufd_emulated_bind,		\
	.unbind_iommufd = vfio_iommufd_emulated_unbind,		\
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,	\
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
#endif

#endif
