/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel-version differences of the floor module, all of them.
 */
#ifndef HOLDFAST_FLOOR_COMPAT_H
#define HOLDFAST_FLOOR_COMPAT_H

#include <linux/iommu.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define floor_iommu_map(domain, iova, paddr, size, prot) \
	iommu_map(domain, iova, paddr, size, prot, GFP_KERNEL)
#define floor_iommu_map_sg(domain, iova, sg, nents, prot) \
	iommu_map_sg(domain, iova, sg, nents, prot, GFP_KERNEL)
#else
#define floor_iommu_map(domain, iova, paddr, size, prot) \
	iommu_map(domain, iova, paddr, size, prot)
#define floor_iommu_map_sg(domain, iova, sg, nents, prot) \
	iommu_map_sg(domain, iova, sg, nents, prot)
#endif

/* A paging domain fit for a device, or an ERR_PTR. */
static inline struct iommu_domain *floor_domain_alloc(struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	return iommu_paging_domain_alloc(dev);
#else
	struct iommu_domain *domain = iommu_domain_alloc(dev->bus);

	return domain ? domain : ERR_PTR(-EIO);
#endif
}

#endif
