/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IOMMU side of a container: its domains and the groups in them.
 * See domain.c for the essay.
 */
#ifndef HOLDFAST_DOMAIN_H
#define HOLDFAST_DOMAIN_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/types.h>

struct iommu_domain;
struct iommu_group;
struct scatterlist;

/* No translation ever crosses a multiple of this many bytes of IOVA space. */
#define HF_IOVA_BLOCK	BIT(30)

/**
 * struct hf_group - a group of the container
 * @link: in its domain's groups, or in the container's @emulated
 * @group: the IOMMU group; the VFIO core holds the reference
 */
struct hf_group {
	struct list_head link;
	struct iommu_group *group;
};

/**
 * struct hf_domain - an IOMMU domain that holds all mappings of the container
 * @link: in the container's domains
 * @groups: the groups attached to it
 * @iommu: the IOMMU domain
 * @coherent: does it enforce snooping for all DMA?
 */
struct hf_domain {
	struct list_head link;
	struct list_head groups;
	struct iommu_domain *iommu;
	bool coherent;
};

struct hf_domain *hf_domain_create(struct hf_group *group, bool nested);
void hf_domain_destroy(struct hf_domain *domain);
struct hf_domain *hf_domain_join(struct list_head *domains,
				 struct hf_domain *own, struct hf_group *group,
				 int *err);

int hf_domain_map(struct hf_domain *domain, dma_addr_t iova, unsigned long pfn,
		  unsigned long pages, int prot);
bool hf_domain_unmap(struct hf_domain *domain, dma_addr_t iova, size_t size);

int hf_domains_map(struct list_head *domains, dma_addr_t iova,
		   unsigned long pfn, unsigned long pages, int prot);
int hf_domains_map_sg(struct list_head *domains, dma_addr_t iova,
		      struct scatterlist *sg, unsigned int nents, size_t size,
		      int prot);
bool hf_domains_unmap(struct list_head *domains, dma_addr_t iova, size_t size);
u64 hf_domains_pgsizes(struct list_head *domains);

#endif
