// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVA windows.
 *
 * A container may map where every domain's aperture reaches and no attached
 * device has a reserved region (an MSI window, firmware's direct mappings).
 * The windows are computed afresh from the domains and groups present whenever
 * one comes or goes, and replaced as a whole, so a failure leaves the old ones
 * and nothing depends on the order in which groups came.
 *
 * Locking: computed and replaced with the container's lock held.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/slab.h>

#include "bug.h"
#include "domain.h"
#include "fail.h"
#include "window.h"

static void hf_resv_free(struct list_head *regions)
{
	struct iommu_resv_region *region, *next;

	list_for_each_entry_safe(region, next, regions, list)
		kfree(region);
}

static int hf_resv_add(struct hf_domain *domain, struct list_head *regions)
{
	struct hf_group *group;
	int ret;

	list_for_each_entry(group, &domain->groups, link) {
		ret = hf_fail_err(HF_FAIL_WINDOWS_RESV) ?:
		      iommu_get_group_resv_regions(group->group, regions);
		if (ret)
			return ret;
	}
	return 0;
}

static void hf_aperture_cut(struct hf_domain *domain, struct hf_window *all)
{
	struct iommu_domain_geometry *geo = &domain->iommu->geometry;

	all->first = max_t(dma_addr_t, all->first, geo->aperture_start);
	all->last = min_t(dma_addr_t, all->last, geo->aperture_end);
}

/* Take [first, last] out of the windows; there is room for one more. */
static void hf_windows_exclude(struct hf_windows *windows, dma_addr_t first,
			       dma_addr_t last)
{
	unsigned int i = 0;

	while (i < windows->nr) {
		struct hf_window *w = &windows->window[i];
		bool head = w->first < first;
		bool tail = w->last > last;

		if (first > w->last || last < w->first) {
			i++;
		} else if (head && tail) {
			memmove(w + 1, w, (windows->nr - i) * sizeof(*w));
			windows->nr++;
			w[0].last = first - 1;
			w[1].first = last + 1;
			return;
		} else if (head) {
			w->last = first - 1;
			i++;
		} else if (tail) {
			w->first = last + 1;
			i++;
		} else {
			windows->nr--;
			memmove(w, w + 1, (windows->nr - i) * sizeof(*w));
		}
	}
}

/**
 * hf_windows_compute() - where domains and their groups leave room to map
 * @domains: the container's domains
 * @extra: one more that is not in the list, or NULL
 *
 * Context: may sleep.
 * Return: the windows, to be kfree()d, one of everything if there is no domain;
 * -EINVAL if no IOVA is left; -ENOMEM, or what the IOMMU driver answered.
 */
struct hf_windows *hf_windows_compute(struct list_head *domains,
				      struct hf_domain *extra)
{
	struct hf_window all = { .first = 0, .last = ~(dma_addr_t)0 };
	struct iommu_resv_region *region;
	struct hf_windows *windows;
	struct hf_domain *domain;
	LIST_HEAD(regions);
	size_t nr = 1;
	int ret;

	if (extra) {
		hf_aperture_cut(extra, &all);
		ret = hf_resv_add(extra, &regions);
		if (ret)
			goto err;
	}
	list_for_each_entry(domain, domains, link) {
		hf_aperture_cut(domain, &all);
		ret = hf_resv_add(domain, &regions);
		if (ret)
			goto err;
	}
	ret = -EINVAL;
	if (hf_fail(HF_FAIL_WINDOWS_EMPTY) || all.first > all.last)
		goto err;

	list_for_each_entry(region, &regions, list)
		nr++;
	windows = hf_fail(HF_FAIL_WINDOWS_ALLOC) ? NULL :
		  kmalloc(struct_size(windows, window, nr), GFP_KERNEL_ACCOUNT);
	if (!windows) {
		ret = -ENOMEM;
		goto err;
	}
	windows->nr = 1;
	windows->window[0] = all;
	list_for_each_entry(region, &regions, list)
		if (region->type != IOMMU_RESV_DIRECT_RELAXABLE &&
		    region->length)
			hf_windows_exclude(windows, region->start,
					   region->start + region->length - 1);
	hf_resv_free(&regions);

	if (hf_fail(HF_FAIL_WINDOWS_EMPTY) || !windows->nr) {
		kfree(windows);
		return ERR_PTR(-EINVAL);
	}
	return windows;

err:
	hf_resv_free(&regions);
	return ERR_PTR(ret);
}

/**
 * hf_windows_contain() - does a range lie in one window?
 * @windows: the windows; NULL (no domain) contains nothing
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 */
bool hf_windows_contain(const struct hf_windows *windows, dma_addr_t first,
			dma_addr_t last)
{
	unsigned int i;

	for (i = 0; windows && i < windows->nr; i++)
		if (first >= windows->window[i].first &&
		    (hf_bug(HF_BUG_WINDOW_END) ? first : last) <=
		    windows->window[i].last)
			return true;
	return false;
}

/**
 * hf_domain_sw_msi() - do MSIs of a domain's groups need a window of ours?
 * @domain: the domain
 * @base: out: first IOVA of the window, bytes
 *
 * A hardware MSI region takes precedence over the software-managed window
 * where an IOMMU driver reports both.
 */
bool hf_domain_sw_msi(struct hf_domain *domain, phys_addr_t *base)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	bool found = false;

	if (!hf_resv_add(domain, &regions)) {
		list_for_each_entry(region, &regions, list) {
			if (region->type == IOMMU_RESV_MSI) {
				found = false;
				break;
			}
			if (region->type == IOMMU_RESV_SW_MSI) {
				*base = region->start;
				found = true;
			}
		}
	}
	hf_resv_free(&regions);
	return found;
}
