// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that drivers of emulated devices use.
 *
 * A device without an IOMMU (a mediated device) reaches memory only through
 * its driver, which asks for single pages (vfio_pin_pages()) or has bytes
 * copied (vfio_dma_rw()).  Such a page has one pin of its own, however often it
 * is asked for, beside the one the mapping holds while it is backed, so that it
 * stays when the last IOMMU group leaves.
 *
 * Invariants:
 *  - A mapping that is backed is charged for all its pages that are not
 *    PFN-mapped; one that is not backed, for those that drivers pinned.
 *  - While a container with an emulated device tracks dirty pages, each of its
 *    mappings has a bitmap.
 *
 * Locking: all of it belongs to the one thread that holds the mapping, takes it
 * down or makes it; @all_dirty alone is set by others.
 */
#include <linux/bitmap.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "container.h"
#include "dirty.h"
#include "external.h"
#include "fail.h"
#include "pfnmap.h"
#include "pin.h"

/* An entry of @pages: an xarray value has 63 bits. */
#define HF_EXTERNAL_PFN		GENMASK_ULL(39, 0)
#define HF_EXTERNAL_TIMES	GENMASK_ULL(61, 40)

static struct hf_external *hf_external_get(struct hf_mapping *m)
{
	struct hf_external *e = m->external;

	if (e)
		return e;
	e = hf_fail(HF_FAIL_EXTERNAL_ALLOC) ? NULL :
	    kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return NULL;
	xa_init_flags(&e->pages, XA_FLAGS_ACCOUNT);
	/* hf_dirty_all() may look at a mapping that is somebody's. */
	smp_store_release(&m->external, e);
	return e;
}

static int hf_external_add(struct hf_container *c, struct hf_mapping *m,
			   unsigned long index, struct page **page)
{
	const unsigned long vaddr = m->vaddr + (index << PAGE_SHIFT);
	const bool write = m->prot & IOMMU_WRITE;
	struct mm_struct *mm = m->charge.mm;
	struct hf_external *e = m->external;
	unsigned long pfn;
	int ret;

	ret = hf_pin_page(mm, vaddr, write, page);
	if (ret == -EFAULT && hf_pfnmap_count(mm, vaddr, 1) > 0)
		return -EINVAL;
	if (ret)
		return ret;
	pfn = page_to_pfn(*page);
	ret = hf_fail(HF_FAIL_EXTERNAL_PFN) ||
	      pfn > FIELD_MAX(HF_EXTERNAL_PFN) ? -EFAULT : 0;
	if (!ret && !hf_mapping_backed(m))
		ret = hf_charge_more(&m->charge, 1);
	if (ret)
		goto unpin;
	ret = hf_fail_err(HF_FAIL_EXTERNAL_STORE) ?:
	      xa_err(xa_store(&e->pages, index,
			      xa_mk_value(pfn |
					  FIELD_PREP(HF_EXTERNAL_TIMES, 1ULL)),
			      GFP_KERNEL_ACCOUNT));
	if (ret) {
		if (!hf_mapping_backed(m))
			hf_charge_less(&m->charge, 1);
		goto unpin;
	}
	e->nr++;
	atomic_long_inc(&c->pins);
	hf_external_wrote(m, index, 1);
	return 0;

unpin:
	unpin_user_page(*page);
	return ret;
}

/**
 * hf_external_pin() - pin a page of a mapping for a driver, once more
 * @c: its container
 * @m: the mapping, held by the caller
 * @index: page of the mapping
 * @page: out: the page
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: 0; -ENODEV if the process that mapped it is gone; -ENOMEM over that
 * process's RLIMIT_MEMLOCK or without memory; -EINVAL for memory without a
 * struct page; -EFAULT or what else GUP says; -EOVERFLOW when it was asked for
 * too often; -EINTR when killed.
 */
int hf_external_pin(struct hf_container *c, struct hf_mapping *m,
		    unsigned long index, struct page **page)
{
	struct mm_struct *mm = m->charge.mm;
	struct hf_external *e = hf_external_get(m);
	u64 value;
	void *entry;
	int ret;

	if (!e)
		return -ENOMEM;
	entry = xa_load(&e->pages, index);
	if (entry) {
		value = xa_to_value(entry);
		if (hf_fail(HF_FAIL_EXTERNAL_TIMES) ||
		    FIELD_GET(HF_EXTERNAL_TIMES, value) ==
		    FIELD_MAX(HF_EXTERNAL_TIMES))
			return -EOVERFLOW;
		value += FIELD_PREP(HF_EXTERNAL_TIMES, 1ULL);
		/* There is an entry: it needs no memory. */
		xa_store(&e->pages, index, xa_mk_value(value), GFP_KERNEL);
		*page = pfn_to_page(FIELD_GET(HF_EXTERNAL_PFN, value));
		return 0;
	}
	if (hf_fail(HF_FAIL_EXTERNAL_GONE) || !mmget_not_zero(mm))
		return -ENODEV;
	ret = hf_external_add(c, m, index, page);
	mmput(mm);
	return ret;
}

/**
 * hf_external_unpin() - a driver needs a page once less
 * @c: the mapping's container
 * @m: the mapping, held by the caller
 * @index: page of the mapping; nothing happens if it is not pinned
 *
 * Context: may sleep; no lock of holdfast's may be held.
 */
void hf_external_unpin(struct hf_container *c, struct hf_mapping *m,
		       unsigned long index)
{
	struct hf_external *e = m->external;
	void *entry = e ? xa_load(&e->pages, index) : NULL;
	struct page *page;
	u64 value;

	if (!entry)
		return;
	value = xa_to_value(entry) - FIELD_PREP(HF_EXTERNAL_TIMES, 1ULL);
	if (FIELD_GET(HF_EXTERNAL_TIMES, value)) {
		xa_store(&e->pages, index, xa_mk_value(value), GFP_KERNEL);
		return;
	}
	xa_erase(&e->pages, index);
	e->nr--;
	atomic_long_dec(&c->pins);
	page = pfn_to_page(FIELD_GET(HF_EXTERNAL_PFN, value));
	unpin_user_pages_dirty_lock(&page, 1, m->prot & IOMMU_WRITE);
	if (!hf_mapping_backed(m))
		hf_charge_less(&m->charge, 1);
}

/* Drivers may write at any time to what they have pinned. */
static void hf_external_mark_pinned(struct hf_external *e)
{
	unsigned long index;
	void *entry;

	xa_for_each(&e->pages, index, entry) {
		__set_bit(index, e->dirty);
		cond_resched();
	}
}

/**
 * hf_external_track() - give a mapping a bitmap of dirty pages
 * @m: the mapping, held or being made by the caller; it may have one
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for one that is too large for a bitmap; -ENOMEM.
 */
int hf_external_track(struct hf_mapping *m)
{
	unsigned long pages = m->size >> PAGE_SHIFT;
	struct hf_external *e;

	if (pages > HF_DIRTY_PAGES_MAX)
		return -EINVAL;
	e = hf_external_get(m);
	if (!e)
		return -ENOMEM;
	if (e->dirty) {
		hf_external_reported(m);
		return 0;
	}
	e->dirty = hf_fail(HF_FAIL_EXTERNAL_BITMAP) ? NULL :
		   kvcalloc(BITS_TO_LONGS(pages), sizeof(long),
			    GFP_KERNEL_ACCOUNT);
	if (!e->dirty)
		return -ENOMEM;
	hf_external_mark_pinned(e);
	return 0;
}

/**
 * hf_external_untrack() - take it away
 * @m: the mapping, held by the caller; it may have none
 */
void hf_external_untrack(struct hf_mapping *m)
{
	struct hf_external *e = m->external;

	if (!e)
		return;
	kvfree(e->dirty);
	e->dirty = NULL;
	WRITE_ONCE(e->all_dirty, false);
}

/**
 * hf_external_wrote() - say that pages may have been written to
 * @m: the mapping, held by the caller
 * @index: first page of the mapping
 * @pages: how many
 */
void hf_external_wrote(struct hf_mapping *m, unsigned long index,
		       unsigned long pages)
{
	if (m->external && m->external->dirty)
		bitmap_set(m->external->dirty, index, pages);
}

/**
 * hf_external_reported() - forget what was written to, but for what is pinned
 * @m: the mapping, held by the caller
 */
void hf_external_reported(struct hf_mapping *m)
{
	struct hf_external *e = m->external;

	if (!e || !e->dirty)
		return;
	bitmap_zero(e->dirty, m->size >> PAGE_SHIFT);
	hf_external_mark_pinned(e);
}

/**
 * hf_external_free() - nobody needs a mapping any more
 * @m: the mapping, owned by the caller
 *
 * A driver that has not unpinned what it had pinned, though its device is
 * closed or it was told to, is broken.  Its pages stay pinned: memory that
 * leaks is better than a driver that writes to somebody else's.
 */
void hf_external_free(struct hf_mapping *m)
{
	struct hf_external *e = m->external;

	if (!e)
		return;
	WARN_ONCE(e->nr, "holdfast: a driver has left %lu pages pinned at IOVA %pad\n",
		  e->nr, &m->iova);
	xa_destroy(&e->pages);
	kvfree(e->dirty);
	kfree(e);
	m->external = NULL;
}
