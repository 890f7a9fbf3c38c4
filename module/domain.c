// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU domains.
 *
 * Every domain of a container translates every mapping of the container, so a
 * run is mapped into all of them or none, and an unmapped range is gone from
 * all page tables and IOTLBs when hf_domains_unmap() returns true: only then
 * may its pages be unpinned.
 *
 * An IOMMU driver that fails to unmap leaves pages within a device's reach.
 * Such pages are never unpinned: memory that leaks is better than DMA into
 * memory that is somebody else's by then.
 *
 * A run handed in never crosses a HF_IOVA_BLOCK boundary (mapping.c cuts it
 * there), so no page-table entry does either, and unmapping may stop at such a
 * boundary, or at the end of a run, without splitting an entry.
 *
 * Locking: the list of domains and the groups in them change with the
 * container's lock held and domains_sem held for writing; mapping and
 * unmapping runs hold domains_sem for reading.  The IOMMU drivers do their own
 * locking of page tables; holdfast never lets two threads work on one IOVA.
 */
#include <linux/iommu.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "bug.h"
#include "compat.h"
#include "domain.h"
#include "fail.h"
#include "trace.h"

static int hf_domain_alloc_for(struct device *dev, void *data)
{
	*(struct iommu_domain **)data = hf_fail(HF_FAIL_DOMAIN_IOMMU) ?
					ERR_PTR(-EIO) : hf_domain_alloc(dev);
	return 1;	/* any device speaks for its group: look no further */
}

/**
 * hf_domain_create() - make a domain fit for a group and attach the group
 * @group: the group; on success the domain's only one
 * @nested: prepare it for nesting
 *
 * Where the IOMMU can force DMA to be cache coherent it is told to: a device
 * must not read memory behind the back of the CPU's caches.
 *
 * Context: may sleep.
 * Return: the domain, in no list yet; or ERR_PTR: -ENOMEM, -EINVAL where the
 * IOMMU cannot nest, or what the IOMMU driver answered.
 */
struct hf_domain *hf_domain_create(struct hf_group *group, bool nested)
{
	const struct iommu_domain_ops *ops;
	struct hf_domain *domain;
	int ret;

	domain = hf_fail(HF_FAIL_DOMAIN_ALLOC) ? NULL :
		 kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&domain->groups);

	/* A group that lost its last device gives no domain. */
	domain->iommu = ERR_PTR(-EIO);
	iommu_group_for_each_dev(group->group, &domain->iommu,
				 hf_domain_alloc_for);
	if (IS_ERR(domain->iommu)) {
		ret = PTR_ERR(domain->iommu);
		goto free;
	}

	ret = nested ? hf_domain_nest(domain->iommu) : 0;
	if (!ret)
		ret = hf_fail_err(HF_FAIL_DOMAIN_ATTACH) ?:
		      iommu_attach_group(domain->iommu, group->group);
	if (ret)
		goto free_iommu;

	ops = domain->iommu->ops;
	if (ops->enforce_cache_coherency && !hf_fail(HF_FAIL_DOMAIN_COHERENT))
		domain->coherent = ops->enforce_cache_coherency(domain->iommu);
	list_add(&group->link, &domain->groups);
	return domain;

free_iommu:
	iommu_domain_free(domain->iommu);
free:
	kfree(domain);
	return ERR_PTR(ret);
}

/**
 * hf_domain_destroy() - detach what is attached and free a domain
 * @domain: the domain, in no list any more; its groups are freed with it
 *
 * Translations left in the page table go with it; no device can reach them
 * any more.
 */
void hf_domain_destroy(struct hf_domain *domain)
{
	struct hf_group *group, *next;

	list_for_each_entry_safe(group, next, &domain->groups, link) {
		iommu_detach_group(domain->iommu, group->group);
		kfree(group);
	}
	iommu_domain_free(domain->iommu);
	kfree(domain);
}

/**
 * hf_domain_join() - attach a group to a domain the container already has
 * @domains: the container's domains
 * @own: the group's own new domain, its only group being @group
 * @group: the group
 * @err: out: 0, or -errno when the group could not go back to @own either
 *
 * Two domains can serve the same groups if one IOMMU driver made both and both
 * treat coherency alike; whether a group really fits is the driver's answer.
 *
 * Context: may sleep; domains_sem held for writing.
 * Return: the domain that @group is attached to now; @own if none took it.
 * With @err set @group is attached nowhere and in no list.
 */
struct hf_domain *hf_domain_join(struct list_head *domains,
				 struct hf_domain *own, struct hf_group *group,
				 int *err)
{
	struct hf_domain *domain;

	*err = 0;
	list_for_each_entry(domain, domains, link) {
		if (domain->iommu->ops != own->iommu->ops ||
		    domain->coherent != own->coherent)
			continue;

		iommu_detach_group(own->iommu, group->group);
		if (!hf_fail(HF_FAIL_JOIN_ATTACH) &&
		    !iommu_attach_group(domain->iommu, group->group)) {
			list_move(&group->link, &domain->groups);
			return domain;
		}
		*err = hf_fail_err(HF_FAIL_JOIN_BACK) ?:
		       iommu_attach_group(own->iommu, group->group);
		if (*err) {
			list_del(&group->link);
			break;
		}
	}
	return own;
}

/*
 * A map that failed may have left entries behind: drivers exist that report
 * nothing mapped when memory runs out half-way.  They are one stretch.  Ranges
 * without entries must not be unmapped: some drivers then clear a neighbour.
 */
static bool hf_domain_scrub(struct hf_domain *domain, dma_addr_t iova,
			    unsigned long pages)
{
	dma_addr_t end = iova + (pages << PAGE_SHIFT);
	dma_addr_t stop;

	while (iova < end && !iommu_iova_to_phys(domain->iommu, iova)) {
		iova += PAGE_SIZE;
		cond_resched();
	}
	for (stop = iova; stop < end; stop += PAGE_SIZE) {
		if (!iommu_iova_to_phys(domain->iommu, stop))
			break;
		cond_resched();
	}
	return stop == iova || hf_domain_unmap(domain, iova, stop - iova);
}

/**
 * hf_domain_map() - map a physical run into one domain
 * @domain: the domain
 * @iova: first IOVA, bytes
 * @pfn: first PFN
 * @pages: length, pages
 * @prot: IOMMU_READ, IOMMU_WRITE
 *
 * Context: may sleep.
 * Return: 0; -errno with nothing mapped; or -ENOTRECOVERABLE when what was
 * mapped before an error cannot be unmapped: the pages must stay pinned.
 */
int hf_domain_map(struct hf_domain *domain, dma_addr_t iova, unsigned long pfn,
		  unsigned long pages, int prot)
{
	int ret;

	ret = hf_fail_err(HF_FAIL_MAP) ?:
	      hf_iommu_map(domain->iommu, iova, PFN_PHYS(pfn),
			   pages << PAGE_SHIFT, prot | IOMMU_CACHE);
	ret = ret ?: hf_fail_err(HF_FAIL_MAP_LEFT);
	if (unlikely(ret) && !hf_domain_scrub(domain, iova, pages))
		return -ENOTRECOVERABLE;
	return ret;
}

/* Map @nents runs of @size bytes in all; the rest as hf_domain_map(). */
static int hf_domain_map_sg(struct hf_domain *domain, dma_addr_t iova,
			    struct scatterlist *sg, unsigned int nents,
			    size_t size, int prot)
{
	ssize_t mapped;

	mapped = hf_fail_err(HF_FAIL_MAP_SG) ?:
		 hf_iommu_map_sg(domain->iommu, iova, sg,
				 nents - hf_fail(HF_FAIL_MAP_SG_SHORT),
				 prot | IOMMU_CACHE);
	if (likely(mapped == size))
		return 0;
	if (!hf_domain_scrub(domain, iova, size >> PAGE_SHIFT))
		return -ENOTRECOVERABLE;
	return mapped < 0 ? mapped : -ENOMEM;
}

/*
 * Bytes from @iova on that one call of the IOMMU driver unmaps, with entries
 * of one size.  Where the core gathers several into one flush, page tables
 * freed by the second call can be gone before their range is flushed.
 */
static size_t hf_uniform(dma_addr_t iova, size_t size)
{
	static const size_t large[] = { SZ_1G, SZ_2M };
	unsigned int i;

	if (size < SZ_2M)
		return size;
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		size_t head = ALIGN(iova, large[i]) - iova;

		if (head + large[i] > size)
			continue;
		if (!head)
			return round_down(size, large[i]);
		size = head;
	}
	return size;
}

/* See hf_domain_unmap(). */
static __always_inline bool hf_unmap(struct hf_domain *domain, dma_addr_t iova,
				     size_t size)
{
	struct iommu_iotlb_gather gather __uninitialized;
	size_t want, unmapped;

	do {
		want = HF_GATHERS_TABLES ? size : hf_uniform(iova, size);
		iommu_iotlb_gather_init(&gather);
		unmapped = hf_fail(HF_FAIL_UNMAP) ? 0 :
			   iommu_unmap_fast(domain->iommu, iova, want, &gather);
		if (!hf_bug(HF_BUG_NO_FLUSH))
			iommu_iotlb_sync(domain->iommu, &gather);
		if (unlikely(!unmapped || unmapped > size)) {
			WARN_ONCE(1, "holdfast: the IOMMU driver unmapped %#zx bytes of %#zx at IOVA %pad\n",
				  unmapped, want, &iova);
			return false;
		}
		iova += unmapped;
		size -= unmapped;
	} while (size);
	return true;
}

/**
 * hf_domain_unmap() - unmap a range from one domain and flush its IOTLB
 * @domain: the domain
 * @iova: first IOVA, bytes
 * @size: bytes, not 0; the range holds whole runs, or parts cut at
 *	HF_IOVA_BLOCK
 *
 * Return: true if all of it is gone; false when the IOMMU driver failed and
 * devices may still reach pages of the range.
 */
bool hf_domain_unmap(struct hf_domain *domain, dma_addr_t iova, size_t size)
{
	return hf_unmap(domain, iova, size);
}

/**
 * hf_domains_map() - map a physical run into every domain
 * @domains: the container's domains, in struct hf_container
 * @iova: first IOVA, bytes
 * @pfn: first PFN
 * @pages: length, pages
 * @prot: IOMMU_READ, IOMMU_WRITE
 *
 * Context: may sleep; domains_sem held.
 * Return: 0, or -errno with nothing mapped anywhere, but for
 * -ENOTRECOVERABLE: see hf_domain_map().
 */
int hf_domains_map(struct list_head *domains, dma_addr_t iova,
		   unsigned long pfn, unsigned long pages, int prot)
{
	struct hf_domain *domain;
	int ret;

	list_for_each_entry(domain, domains, link) {
		ret = hf_domain_map(domain, iova, pfn, pages, prot);
		if (ret)
			goto undo;
	}
	trace_hf_runs_map(domains, iova, pages, 1, 0);
	return 0;

undo:
	list_for_each_entry_continue_reverse(domain, domains, link)
		if (!hf_domain_unmap(domain, iova, pages << PAGE_SHIFT))
			ret = -ENOTRECOVERABLE;
	trace_hf_runs_map(domains, iova, pages, 1, ret);
	return ret;
}

/**
 * hf_domains_map_sg() - map physical runs into every domain
 * @domains: the container's domains, in struct hf_container
 * @iova: first IOVA, bytes; the runs follow each other from there
 * @sg: the runs; such that continue each other become one
 * @nents: how many
 * @size: bytes in all
 * @prot: IOMMU_READ, IOMMU_WRITE
 *
 * For many small runs: the IOMMU driver flushes its caches once for all.
 *
 * Context: may sleep; domains_sem held.
 * Return: 0, or -errno with nothing mapped anywhere, but for
 * -ENOTRECOVERABLE: see hf_domain_map().
 */
int hf_domains_map_sg(struct list_head *domains, dma_addr_t iova,
		      struct scatterlist *sg, unsigned int nents, size_t size,
		      int prot)
{
	struct hf_domain *domain;
	int ret;

	list_for_each_entry(domain, domains, link) {
		ret = hf_domain_map_sg(domain, iova, sg, nents, size, prot);
		if (ret)
			goto undo;
	}
	trace_hf_runs_map(domains, iova, size >> PAGE_SHIFT, nents, 0);
	return 0;

undo:
	list_for_each_entry_continue_reverse(domain, domains, link)
		if (!hf_domain_unmap(domain, iova, size))
			ret = -ENOTRECOVERABLE;
	trace_hf_runs_map(domains, iova, size >> PAGE_SHIFT, nents, ret);
	return ret;
}

/**
 * hf_domains_unmap() - unmap a range from every domain, flushing each once
 * @domains: the container's domains
 * @iova: first IOVA, bytes
 * @size: bytes, not 0; see hf_domain_unmap()
 *
 * Context: domains_sem held.
 * Return: true if no device reaches the range's pages any more; see
 * hf_domain_unmap().
 */
bool hf_domains_unmap(struct list_head *domains, dma_addr_t iova, size_t size)
{
	struct hf_domain *domain;
	bool gone = true;

	list_for_each_entry(domain, domains, link) {
		gone &= hf_unmap(domain, iova, size);
		if (hf_bug(HF_BUG_SECOND_DOMAIN))
			break;
	}
	return gone;
}

/**
 * hf_domains_pgsizes() - page sizes that every domain can map
 * @domains: the container's domains
 *
 * Sizes below PAGE_SIZE are shown as PAGE_SIZE: pinning knows nothing smaller,
 * and the IOMMU maps such a page as several.
 *
 * Return: one bit for each size, bytes, as in VFIO_IOMMU_GET_INFO.
 */
u64 hf_domains_pgsizes(struct list_head *domains)
{
	struct hf_domain *domain;
	u64 sizes = ULONG_MAX;

	list_for_each_entry(domain, domains, link)
		sizes &= domain->iommu->pgsize_bitmap;
	if (sizes & ~PAGE_MASK)
		sizes = (sizes & PAGE_MASK) | PAGE_SIZE;
	return sizes;
}
