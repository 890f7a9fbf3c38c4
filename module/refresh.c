// SPDX-License-Identifier: GPL-2.0-only
/*
 * Refreshing a mapping: pages that device and CPU do not share are replaced,
 * for the device, by those the CPU has.
 *
 *	compare -> charge -> pin -> (unmap, flush, map) of each run -> unpin
 *	                                                         -> refund
 *
 * The mapping is held throughout.  What is replaced is whole *units*, all that
 * one pin holds, of which a page is incoherent.  First everything that can fail for
 * a reason of the user's is done beside the mapping, which stays as it is: the
 * new pages are charged and pinned, and a new log is written, in which the units that
 * stay are copied.  Then, with domains_sem held for reading all the time, each
 * physical run with a replaced unit in it is taken out of every domain and what
 * the new log says is put there.  No IOMMU driver can be asked to replace an entry
 * in one step, and entries may be as large as a run; so a run is the least that
 * can be changed over, and its pages are out of reach for a moment.  At last the
 * new log is the mapping's and the old units' pins are dropped.
 *
 * So a device reaches a page of the old log or of the new one or nothing, and each
 * only while it is pinned.
 *
 * An IOMMU driver that takes nothing new although memory can be had (there are
 * drivers that do not wait for memory, so it is offered a few times) leaves
 * the mapping torn.  Then it is taken away from all domains and unpinned; it
 * stays as a range that is not backed, for its user to unmap.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "audit.h"
#include "bug.h"
#include "compare.h"
#include "container.h"
#include "domain.h"
#include "extent.h"
#include "external.h"
#include "fail.h"
#include "hold.h"
#include "mapping.h"
#include "params.h"
#include "pfnmap.h"
#include "pin.h"
#include "refresh.h"

/* No unit has more pages: none crosses a block. */
#define HF_UNIT_MAX		(HF_IOVA_BLOCK >> PAGE_SHIFT)

/* Times a run is offered to an IOMMU driver that is out of memory. */
#define HF_REFRESH_TRIES	10

/**
 * struct hf_refresh - one mapping that is being refreshed
 * @c: its container
 * @m: the mapping, held
 * @mm: the memory of its process, which asks
 * @restless: some memory changed each time it was compared
 * @cmp: to compare with
 * @first: first page that was asked for
 * @end: page behind the last one
 * @parted: a bit for each page of the mapping: it is incoherent, if asked for
 * @own: @parted, where it was allocated for this; or NULL
 * @new: pages that are replaced
 * @from: first page that is to be pinned next
 * @to: page behind the last one; @from if there is none
 * @full: the new log
 * @fresh: what of it was pinned for this
 * @gone: what of the old log is not in it
 * @w_full: writer of @full
 * @w_fresh: writer of @fresh
 * @w_gone: writer of @gone
 * @charged: pages of @full that are charged
 * @it: position in @full, for mapping
 * @ext: extent before @it
 * @at: its first page
 */
struct hf_refresh {
	struct hf_container *c;
	struct hf_mapping *m;
	struct mm_struct *mm;
	bool restless;
	struct hf_compare *cmp;
	unsigned long first;
	unsigned long end;
	const unsigned long *parted;
	unsigned long *own;
	unsigned long new;
	unsigned long from;
	unsigned long to;
	struct hf_log full;
	struct hf_log fresh;
	struct hf_log gone;
	struct hf_log_writer w_full;
	struct hf_log_writer w_fresh;
	struct hf_log_writer w_gone;
	unsigned long charged;
	struct hf_log_iter it;
	struct hf_extent ext;
	unsigned long at;
};

/* Is one of @pages pages from @page on to be replaced? */
static bool hf_hit(const struct hf_refresh *r, unsigned long page,
		   unsigned long pages)
{
	unsigned long end = min(page + pages, r->end);

	page = max(page, r->first);
	return page < end && find_next_bit(r->parted, end, page) < end;
}

/* Pages of an extent that are replaced together. */
static unsigned long hf_unit(const struct hf_extent *ext)
{
	switch (ext->path) {
	case HF_PATH_PAGES:
		return 1UL << ext->order;
	case HF_PATH_PART:
		return ext->pages;
	default:
		return 1;
	}
}

/*
 * The first stretch of units of @ext, whose first page is @page, that are all
 * replaced or all kept.  Return: its pages.
 */
static unsigned long hf_stretch(const struct hf_refresh *r,
				const struct hf_extent *ext,
				unsigned long page, bool *hit)
{
	unsigned long unit = hf_unit(ext), pages = unit;

	if (!hf_hit(r, page, ext->pages)) {
		*hit = false;
		return ext->pages;
	}
	*hit = hf_hit(r, page, unit);
	while (pages < ext->pages && hf_hit(r, page + pages, unit) == *hit)
		pages += unit;
	return pages;
}

/* Find out which pages are incoherent, in r->parted. */
static int hf_refresh_compare(struct hf_refresh *r)
{
	unsigned long pages = r->m->size >> PAGE_SHIFT, page;
	unsigned int nr;
	bool watch;
	int ret = 0;

	if (r->m->audit) {
		ret = hf_audit_verify(r->m, r->cmp, r->first, r->end);
		r->parted = hf_audit_parted(r->m);
		/* What does not rest is replaced as far as is known. */
		r->restless |= ret == -EAGAIN;
		return ret == -EAGAIN ? 0 : ret;
	}
	hf_compare_begin(r->cmp, r->m);
	r->own = hf_fail(HF_FAIL_REFRESH_BITMAP) ? NULL :
		 kvcalloc(BITS_TO_LONGS(pages), sizeof(long),
			  GFP_KERNEL_ACCOUNT);
	if (!r->own)
		return -ENOMEM;
	r->parted = r->own;
	page = round_down(r->first, HF_COMPARE_MAX);
	for (; !ret && page < r->end; page += nr) {
		nr = min(pages - page, (unsigned long)HF_COMPARE_MAX);
		ret = hf_compare(r->cmp, r->mm, page, nr,
				 r->own + BIT_WORD(page), &watch);
		cond_resched();
	}
	return ret;
}

/* How many pages will be replaced? */
static int hf_refresh_count(struct hf_refresh *r)
{
	unsigned long page = 0, pages;
	struct hf_log_iter it;
	struct hf_extent ext;
	bool hit;

	r->new = 0;
	hf_log_begin(&it, &r->m->log);
	while (hf_log_next(&it, &ext)) {
		while (ext.pages) {
			pages = hf_stretch(r, &ext, page, &hit);
			r->new += hit ? pages : 0;
			page += pages;
			ext.pages -= pages;
		}
		if (hf_fail(HF_FAIL_REFRESH_COUNT) ||
		    fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int hf_refresh_append(struct hf_refresh *r, const struct hf_extent *ext)
{
	bool block = hf_at_block(r->m, r->full.pages);
	int ret;

	ret = hf_log_append(&r->w_full, ext, !block);
	if (!ret && ext->path != HF_PATH_PFNMAP)
		r->charged += ext->pages;
	return ret;
}

/* Take over what a walk has pinned. */
static int hf_refresh_absorb(struct hf_refresh *r, struct hf_pin *pin)
{
	struct hf_extent ext;
	int ret;

	while (hf_pin_peek(pin, &ext)) {
		ret = hf_refresh_append(r, &ext);
		if (!ret)
			ret = hf_log_append(&r->w_fresh, &ext, true);
		if (ret)
			return ret;
		hf_pin_consume(pin, &ext);
	}
	return 0;
}

/* Where nothing can be pinned there may be device memory. */
static int hf_refresh_pfnmap(struct hf_refresh *r, struct hf_pin *pin)
{
	struct hf_extent ext = { .path = HF_PATH_PFNMAP };
	long n;
	int ret;

	n = hf_pfnmap_follow(r->mm, pin->vaddr,
			     min(pin->left, hf_pages_to_block(r->m,
							      r->full.pages)),
			     r->m->prot & IOMMU_WRITE, &ext.pfn);
	if (n <= 0)
		return n ? n : -EFAULT;
	ext.pages = n;
	ret = hf_refresh_append(r, &ext);
	if (!ret)
		hf_pin_skip(pin, n);
	return ret;
}

/* Give back the pins of a log, and the log. */
static void hf_refresh_unpin(struct hf_log *log, bool dirty)
{
	struct hf_unpin u __uninitialized;	/* large */
	struct hf_log_iter it;
	struct hf_extent ext;

	hf_unpin_begin(&u, dirty);
	hf_log_begin(&it, log);
	while (hf_log_next(&it, &ext))
		hf_unpin_extent(&u, &ext);
	hf_unpin_flush(&u);
	hf_log_free(log);
}

/* Pin pages [from, to) where they are now. */
static int hf_refresh_pin(struct hf_refresh *r)
{
	struct hf_mapping *m = r->m;
	struct hf_pin pin __uninitialized;	/* large */
	unsigned long max;
	int ret = 0;

	if (r->from == r->to)
		return 0;
	hf_pin_begin(&pin, r->mm, m->vaddr + (r->from << PAGE_SHIFT),
		     r->to - r->from, m->prot & IOMMU_WRITE);
	while (!ret && pin.left) {
		max = READ_ONCE(hf_disable_hugepages) ? 1 :
		      hf_pages_to_block(m, r->full.pages);
		ret = hf_pin_fill(&pin, max);
		if (ret == -EFAULT)
			ret = hf_refresh_pfnmap(r, &pin);
		else if (!ret)
			ret = hf_refresh_absorb(r, &pin);
		cond_resched();
	}
	hf_pin_end(&pin);
	/* Helpers may wait for memory that is pinned here. */
	if (ret)
		hf_refresh_unpin(&r->fresh, false);
	hf_pin_finish(&pin);
	r->from = r->to;
	return ret;
}

/* Write the new log, and pin what is new in it. */
static int hf_refresh_build(struct hf_refresh *r)
{
	unsigned long page = 0, left;
	struct hf_log_iter it;
	struct hf_extent ext;
	bool hit;
	int ret;

	hf_log_begin(&it, &r->m->log);
	while (hf_log_next(&it, &ext)) {
		for (left = ext.pages; left; left -= ext.pages) {
			ext.pages = left;
			ext.pages = hf_stretch(r, &ext, page, &hit);
			if (hit) {
				ret = hf_log_append(&r->w_gone, &ext, true);
				if (r->from == r->to)
					r->from = page;
				r->to = page + ext.pages;
			} else {
				ret = hf_refresh_pin(r);
				if (!ret)
					ret = hf_refresh_append(r, &ext);
				r->from = page + ext.pages;
				r->to = r->from;
			}
			if (ret)
				return ret;
			page += ext.pages;
			ext.pfn += ext.pages;
		}
		if (hf_fail(HF_FAIL_REFRESH_BUILD) ||
		    fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return hf_refresh_pin(r);
}

/* Map pages [from, to) of the new log into every domain. */
static int hf_refresh_map(struct hf_refresh *r, unsigned long from,
			  unsigned long to)
{
	struct list_head *domains = &r->c->domains;
	unsigned long page = from, pages, skip;
	int ret;

	while (page < to) {
		while (page >= r->at + r->ext.pages) {
			r->at += r->ext.pages;
			hf_log_next(&r->it, &r->ext);
		}
		skip = page - r->at;
		pages = min(r->ext.pages - skip, to - page);
		if (READ_ONCE(hf_disable_hugepages))
			pages = 1;
		ret = hf_domains_map(domains, hf_iova_of(r->m, page),
				     r->ext.pfn + skip, pages, r->m->prot);
		if (ret)
			goto undo;
		page += pages;
	}
	return 0;

undo:
	if (page > from &&
	    !hf_domains_unmap(domains, hf_iova_of(r->m, from),
			      (page - from) << PAGE_SHIFT))
		ret = -ENOTRECOVERABLE;
	/* For the next try. */
	hf_log_begin(&r->it, &r->full);
	r->at = 0;
	r->ext.pages = 0;
	return ret;
}

/* Change run [from, to) of the old log over. */
static int hf_refresh_run(struct hf_refresh *r, unsigned long from,
			  unsigned long to)
{
	unsigned int tries = 0;
	int ret;

	if (!hf_domains_unmap(&r->c->domains, hf_iova_of(r->m, from),
			      (to - from) << PAGE_SHIFT))
		return -ENOTRECOVERABLE;
	do {
		ret = hf_refresh_map(r, from, to);
		if (ret == -ENOMEM)
			msleep(1 << tries);
	} while (ret == -ENOMEM && ++tries < HF_REFRESH_TRIES);
	return ret;
}

/* Take pages [from, to) of the mapping out of every domain. */
static bool hf_refresh_unmap(struct hf_refresh *r, unsigned long from,
			     unsigned long to)
{
	unsigned long pages;
	bool gone = true;

	for (; from < to; from += pages) {
		pages = min(to - from, hf_pages_to_block(r->m, from));
		gone &= hf_domains_unmap(&r->c->domains,
					 hf_iova_of(r->m, from),
					 pages << PAGE_SHIFT);
		cond_resched();
	}
	return gone;
}

/*
 * Change over every run that has a replaced unit in it.  On error no device
 * reaches anything of the mapping, unless it is stuck.
 */
static int hf_refresh_swap(struct hf_refresh *r)
{
	unsigned long from = 0, page = 0, next_pfn = 0;
	struct hf_mapping *m = r->m;
	struct hf_log_iter it;
	struct hf_extent ext;
	bool more;
	int ret;

	hf_log_begin(&it, &m->log);
	do {
		more = hf_log_next(&it, &ext);
		if (hf_bug(HF_BUG_REFRESH_LAST_RUN) && !more)
			break;
		if (page > from &&
		    (!more || ext.pfn != next_pfn || hf_at_block(m, page))) {
			ret = hf_hit(r, from, page - from) ?
			      hf_refresh_run(r, from, page) : 0;
			if (ret)
				goto lost;
			from = page;
			cond_resched();
		}
		if (more) {
			page += ext.pages;
			next_pfn = ext.pfn + ext.pages;
		}
	} while (more);
	return 0;

lost:
	m->stuck = ret == -ENOTRECOVERABLE;
	if (!hf_refresh_unmap(r, 0, from) ||
	    !hf_refresh_unmap(r, page, m->log.pages))
		m->stuck = true;
	m->mapped = 0;
	m->gone = 0;
	return -EIO;
}

/* The mapping has the new log. */
static void hf_refresh_commit(struct hf_refresh *r)
{
	struct hf_mapping *m = r->m;

	atomic_long_add((long)(r->fresh.pins - r->gone.pins), &r->c->pins);
	if (hf_bug(HF_BUG_REFRESH_LEAK))
		hf_log_free(&r->gone);
	else
		hf_refresh_unpin(&r->gone, m->prot & IOMMU_WRITE);
	hf_log_free(&r->fresh);
	if (!hf_bug(HF_BUG_REFRESH_CHARGE))
		hf_charge_set(&m->charge, r->charged);
}

/* The mapping is not backed any more. */
static void hf_refresh_give_up(struct hf_refresh *r)
{
	struct hf_mapping *m = r->m;

	atomic_long_sub(m->log.pins, &r->c->pins);
	if (m->stuck) {
		hf_log_free(&m->log);
		hf_log_free(&r->fresh);
	} else {
		hf_refresh_unpin(&m->log, m->prot & IOMMU_WRITE);
		hf_refresh_unpin(&r->fresh, m->prot & IOMMU_WRITE);
	}
	hf_log_free(&r->full);
	hf_log_free(&r->gone);
	hf_charge_set(&m->charge, hf_external_pins(m));
	hf_audit_end(m);
	pr_warn_ratelimited("holdfast: the IOMMU driver did not take memory to refresh IOVA %pad with; no device reaches that mapping any more\n",
			    &m->iova);
}

/* Replace what was found to be incoherent. */
static int hf_refresh_replace(struct hf_refresh *r, u64 *failed)
{
	struct hf_mapping *m = r->m;
	struct hf_log old;
	int ret;

	ret = hf_charge_more(&m->charge, r->new);
	if (ret)
		return ret;
	hf_log_init(&r->full);
	hf_log_init(&r->fresh);
	hf_log_init(&r->gone);
	hf_log_write(&r->w_full, &r->full);
	hf_log_write(&r->w_fresh, &r->fresh);
	hf_log_write(&r->w_gone, &r->gone);
	r->charged = 0;
	r->from = 0;
	r->to = 0;
	ret = hf_refresh_build(r);
	/* The new log stands for the very pages of the old one. */
	if (WARN_ON_ONCE(!ret && r->full.pages != m->log.pages))
		ret = -EIO;
	if (ret) {
		*failed = hf_iova_of(m, r->full.pages);
		hf_refresh_unpin(&r->fresh, false);
		hf_log_free(&r->full);
		hf_log_free(&r->gone);
		hf_charge_less(&m->charge, r->new);
		return ret;
	}

	hf_log_begin(&r->it, &r->full);
	r->ext.pages = 0;
	r->at = 0;
	down_read(&r->c->domains_sem);
	ret = hf_refresh_swap(r);
	if (!ret) {
		old = m->log;
		m->log = r->full;
	}
	up_read(&r->c->domains_sem);
	if (ret) {
		hf_refresh_give_up(r);
	} else {
		hf_refresh_commit(r);
		hf_log_free(&old);
	}
	return ret;
}

/* Refresh pages [first, end) of a held mapping. */
static int hf_refresh_mapping(struct hf_refresh *r, u64 *refreshed, u64 *failed)
{
	struct hf_mapping *m = r->m;
	int ret;

	/* Somebody else's memory is not the caller's to give to a device. */
	r->mm = current->mm;
	if (m->charge.mm != r->mm)
		return -EPERM;
	if (m->stale)
		return -EBUSY;
	/* Nothing to refresh without a domain; torn, with one. */
	if (!hf_mapping_backed(m))
		return list_empty_careful(&r->c->domains) ? 0 : -EIO;
	r->own = NULL;
	ret = hf_refresh_compare(r);
	if (!ret)
		ret = hf_refresh_count(r);
	if (!ret && r->new) {
		ret = hf_refresh_replace(r, failed);
		if (!ret)
			*refreshed += (u64)r->new << PAGE_SHIFT;
		/* What a unit holds beside what was asked for, too. */
		hf_audit_suspect(m, r->first - min(r->first, HF_UNIT_MAX),
				 min(r->end + HF_UNIT_MAX,
				     m->size >> PAGE_SHIFT));
		if (m->audit)
			hf_audit_verify(m, r->cmp, r->first, r->end);
	}
	kvfree(r->own);
	return ret;
}

/**
 * hf_refresh() - replace incoherent pages of a range
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes; whole pages
 * @refreshed: out, also on errors: bytes replaced
 * @failed: out, on -EFAULT: IOVA of the page that cannot be pinned, bytes
 * @partial: out: some memory changed each time it was compared, and may be
 *	incoherent yet
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: 0; -ENOENT if nothing is mapped in the range; -EPERM for a mapping of
 * another process; -EFAULT for memory that is not there or not to be pinned; -ENOMEM;
 * -EBUSY for a mapping whose address is not valid; -EINTR when killed; -EIO when
 * the IOMMU driver failed.  In all cases but the last the mapping in which
 * it happened is as before.
 */
int hf_refresh(struct hf_container *c, dma_addr_t first, dma_addr_t last,
	       u64 *refreshed, u64 *failed, bool *partial)
{
	struct hf_refresh *r;
	int ret = -ENOENT;
	dma_addr_t to;

	*refreshed = 0;
	*failed = 0;
	*partial = false;
	r = hf_fail(HF_FAIL_REFRESH_ALLOC) ? NULL :
	    kmalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	r->c = c;
	r->restless = false;
	r->cmp = hf_compare_alloc();
	if (!r->cmp) {
		kfree(r);
		return -ENOMEM;
	}
	do {
		LIST_HEAD(held);

		r->m = hf_container_hold_next(c, first, last, &held);
		if (!r->m)
			break;
		if (IS_ERR(r->m)) {
			ret = PTR_ERR(r->m);
			break;
		}
		to = hf_mapping_last(r->m);
		r->first = first > r->m->iova ?
			   (first - r->m->iova) >> PAGE_SHIFT : 0;
		r->end = ((min(to, last) - r->m->iova) >> PAGE_SHIFT) + 1;
		ret = hf_refresh_mapping(r, refreshed, failed);
		hf_container_unhold(c, &held);
		first = to + 1;
	} while (!ret && to < last);
	*partial = r->restless;
	hf_compare_free(r->cmp);
	kfree(r);
	return ret;
}
