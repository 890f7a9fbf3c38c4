/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between the VFIO core and a VFIO IOMMU driver.
 *
 * The core exports vfio_register_iommu_driver() but keeps the table it takes
 * in drivers/vfio/vfio.h, which no header package ships.  This is the layout
 * holdfast fills in: one pointer per member, in this order.  check-ops.sh
 * compares it, whenever the module is built, with what the target kernel's
 * vfio.ko says of itself (BTF, or the symbol's CRC).
 *
 * Linux 6.1 and 6.2 have one member more at the end; a zero there means "not wanted".
 */
#ifndef HOLDFAST_VFIO_OPS_H
#define HOLDFAST_VFIO_OPS_H

#include <linux/types.h>
#include <linux/version.h>

struct iommu_domain;
struct iommu_group;
struct module;
struct page;
struct vfio_device;

/** enum vfio_group_type - what stands behind a group, as the core counts it */
enum vfio_group_type {
	VFIO_IOMMU,		/* physical device behind an IOMMU */
	VFIO_EMULATED_IOMMU,	/* mediated device: no IOMMU, software DMA */
	VFIO_NO_IOMMU,		/* unsafe no-IOMMU mode */
};

/**
 * struct vfio_iommu_driver_ops - a VFIO IOMMU driver, as the core calls it
 * @name: shown to nobody; kept for the layout
 * @owner: held while a container uses the driver
 * @open: VFIO_SET_IOMMU with a type; returns the driver's iommu_data or ERR_PTR
 * @release: the container's last group is gone
 * @ioctl: everything the core does not answer itself; iommu_data is NULL for
 *	VFIO_CHECK_EXTENSION on a container without a driver
 * @attach_group: a group joins; under the container's group lock
 * @detach_group: a group leaves; under the container's group lock
 * @pin_pages: emulated devices; NULL: the core answers ENOTTY
 * @unpin_pages: emulated devices
 * @register_device: a device of an attached group was opened
 * @unregister_device: and closed
 * @dma_rw: emulated devices; NULL: the core answers ENOTTY
 * @group_iommu_domain: the domain a group is attached to
 * @notify: 6.1 and 6.2: the container's file is being closed
 */
struct vfio_iommu_driver_ops {
	char *name;
	struct module *owner;
	void *(*open)(unsigned long arg);
	void (*release)(void *iommu_data);
	long (*ioctl)(void *iommu_data, unsigned int cmd, unsigned long arg);
	int (*attach_group)(void *iommu_data, struct iommu_group *group,
			    enum vfio_group_type type);
	void (*detach_group)(void *iommu_data, struct iommu_group *group);
	int (*pin_pages)(void *iommu_data, struct iommu_group *group,
			 dma_addr_t iova, int npage, int prot,
			 struct page **pages);
	void (*unpin_pages)(void *iommu_data, dma_addr_t iova, int npage);
	void (*register_device)(void *iommu_data, struct vfio_device *vdev);
	void (*unregister_device)(void *iommu_data, struct vfio_device *vdev);
	int (*dma_rw)(void *iommu_data, dma_addr_t iova, void *data,
		      size_t count, bool write);
	struct iommu_domain *(*group_iommu_domain)(void *iommu_data,
						   struct iommu_group *group);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	void (*notify)(void *iommu_data, int event);
#endif
};

int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops);
void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops);

#endif
