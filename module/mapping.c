// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a mapping.
 *
 *	reserve -> charge -> pin -> map -> publish -> unmap -> flush -> unpin
 *	                                                            -> refund
 *
 * container.c reserves the IOVA range and publishes; what lies between is
 * here.  hf_mapping_populate() charges the whole mapping, then goes batch by
 * batch: pin (no lock held, may fault), record every run in the extent log and
 * map every finished physical run into all domains (domains_sem held for
 * reading, no faults).  A run is finished when the next page does not continue
 * it, at a multiple of HF_IOVA_BLOCK, or at the end, so batches leave no trace
 * in the IOMMU page table.  On any error everything is taken back.
 *
 * Where pinning stops with -EFAULT there may be PFN-mapped memory: then
 * hf_build_pfnmap() maps all of it that follows, as extents without a pin, and
 * gives its part of the charge back.  Only where the charge for everything is
 * over the limit is such memory looked for beforehand (hf_unpaid()), and charged
 * without it; of other memory no more is pinned than was paid for.
 *
 * Invariant: with domains_sem held for writing, each domain translates exactly
 * pages [gone, mapped) of each mapping's log.  That is what lets a domain join
 * or leave at any time, half-built and half-gone mappings included.
 *
 * hf_mapping_depopulate() goes chunk by chunk: unmap, flush once, unpin what
 * the log says, so the device loses a page before its pin is dropped and the
 * IOMMU page table is never read.  It needs no memory and cannot fail.
 */
#include <linux/iommu.h>
#include <linux/jump_label.h>
#include <linux/lockdep.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "audit.h"
#include "bug.h"
#include "container.h"
#include "domain.h"
#include "external.h"
#include "fail.h"
#include "mapping.h"
#include "params.h"
#include "pfnmap.h"
#include "pin.h"
#include "trace.h"

/*
 * Work that is unmapped and flushed before it is unpinned: what 64 MiB of small
 * pages make, or a GiB of huge ones.  The extent that reaches it is part of it.
 */
#define HF_CHUNK_WORK	(16384UL + 1024)

static unsigned long hf_work(unsigned long pins, unsigned long pages)
{
	return pins + pages / 16;
}

static struct kmem_cache *hf_mapping_cache;

/**
 * hf_mapping_alloc() - allocate a mapping
 *
 * Return: memory for hf_mapping_setup(), charged to the caller's memory
 * cgroup; or NULL.
 */
struct hf_mapping *hf_mapping_alloc(void)
{
	return hf_fail(HF_FAIL_MAPPING_ALLOC) ? NULL :
	       kmem_cache_alloc(hf_mapping_cache, GFP_KERNEL_ACCOUNT);
}

/**
 * hf_mapping_free() - free a mapping that holds nothing any more
 * @m: the mapping
 */
void hf_mapping_free(struct hf_mapping *m)
{
	WARN_ON_ONCE(m->external || m->audit);
	kmem_cache_free(hf_mapping_cache, m);
}

/* Runs that fit the stack, and those that fit a page. */
#define HF_RUNS_SMALL	16
#define HF_RUNS_MAX	(PAGE_SIZE / sizeof(struct scatterlist))

/* Pages from which on a run is a large one. */
#define HF_RUN_LARGE	64

/*
 * A mapping under construction.  Pages of the log, in order: @m->mapped are in
 * every domain; @queued are in @nr finished runs that wait in @sg; the rest is
 * the open run, which begins with PFN @open and may still grow.
 */
struct hf_build {
	struct hf_container *c;
	struct hf_mapping *m;
	struct hf_pin pin;
	struct hf_log_writer w;
	bool single;			/* map every page by itself */
	bool limited;			/* @single, or @unpaid is not 0 */
	unsigned long unpaid;		/* PFN-mapped pages ahead, not charged */
	unsigned long open;
	unsigned long queued;
	unsigned int nr;
	unsigned int room;
	struct scatterlist *sg;
	struct scatterlist small[HF_RUNS_SMALL];
};

static int hf_build_map_run(struct hf_build *b, unsigned long pages)
{
	struct hf_mapping *m = b->m;
	int ret;

	ret = hf_domains_map(&b->c->domains, hf_iova_of(m, m->mapped), b->open,
			     pages, m->prot);
	if (ret)
		m->stuck = ret == -ENOTRECOVERABLE;
	else
		m->mapped += pages;
	return ret;
}

/* Map what is queued. */
static int hf_build_flush(struct hf_build *b)
{
	struct hf_mapping *m = b->m;
	int ret;

	if (!b->nr)
		return 0;
	ret = hf_domains_map_sg(&b->c->domains, hf_iova_of(m, m->mapped),
				b->sg, b->nr, b->queued << PAGE_SHIFT, m->prot);
	if (ret) {
		m->stuck = ret == -ENOTRECOVERABLE;
		return ret;
	}
	m->mapped += b->queued;
	b->queued = 0;
	b->nr = 0;
	return 0;
}

/*
 * The queue is full, or there is none yet.  Large runs gain little from waiting
 * for each other; for small ones get a longer queue, if there is memory.
 */
static int hf_build_make_room(struct hf_build *b)
{
	bool small = b->queued < b->nr * HF_RUN_LARGE;
	int ret = hf_build_flush(b);

	if (ret)
		return ret;
	if (!b->sg) {
		b->sg = b->small;
		b->room = HF_RUNS_SMALL;
	} else if (small && b->sg == b->small) {
		struct scatterlist *sg = hf_fail(HF_FAIL_MAPPING_SG) ? NULL :
			(struct scatterlist *)
			__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

		if (sg) {
			b->sg = sg;
			b->room = HF_RUNS_MAX;
		}
	}
	return 0;
}

/*
 * The open run is finished.  It is queued for the next flush, or mapped at
 * once if nothing is queued and nothing will be (@last), or if its border
 * must not be lost: with @single, or at a block boundary (@block), since runs
 * that continue each other in the queue are mapped as one.
 */
static __always_inline int hf_build_close_run(struct hf_build *b, bool last,
					      bool block)
{
	unsigned long pages = b->m->log.pages - b->m->mapped - b->queued;
	struct scatterlist *sg;
	int ret;

	if (!pages)
		return 0;
	if (b->single || (last && !b->nr))
		return hf_build_map_run(b, pages);

	if (b->nr == b->room) {
		ret = hf_build_make_room(b);
		if (ret)
			return ret;
	}
	sg = &b->sg[b->nr++];
	*sg = (struct scatterlist){};
	sg_set_page(sg, pfn_to_page(b->open), pages << PAGE_SHIFT, 0);
	b->queued += pages;
	return last || block ? hf_build_flush(b) : 0;
}

/*
 * Take over pages, or huge pages (@order), that are runs by themselves, as many
 * as the queue and the log have room for, the last one left open.  This is
 * hf_build_absorb() for memory in which hardly two are neighbours, where its
 * steps for each run count.
 */
static __always_inline void hf_build_absorb_scattered(struct hf_build *b,
						      const unsigned int order)
{
	unsigned long open = b->m->log.pages - b->m->mapped - b->queued;
	struct scatterlist *sg = b->sg + b->nr;
	unsigned int at = b->pin.pos;
	unsigned int end;

	if (b->single || !open || at == b->pin.nr)
		return;
	/* Whether the last small page goes on is for the next batch to say. */
	end = at + min3(b->room - b->nr, b->w.room,
			b->pin.nr - at - (order ? 0 : 1));
	for (; at < end; at++, sg++) {
		struct page *page = b->pin.pages[at];
		unsigned long pfn = page_to_pfn(page);

		if (order ? b->pin.reach[at] != 1U << order :
			    b->pin.pages[at + 1] == page + 1)
			break;
		if (pfn == b->w.next_pfn || unlikely(pfn > HF_SLOT_PFN))
			break;
		*sg = (struct scatterlist){};
		sg_set_page(sg, pfn_to_page(b->open), open << PAGE_SHIFT, 0);
		b->queued += open;
		b->open = pfn;
		open = 1UL << order;
		hf_log_append_pin(&b->w, pfn, order);
	}
	b->nr += at - b->pin.pos;
	b->pin.pos = at;
}

/*
 * Take over what the walk has pinned: log it, and map or queue each run that
 * ends.  What is queued, and the open run, may stay so while domains_sem is
 * let go: they are in no domain, and the log says so.
 */
static int hf_build_absorb(struct hf_build *b)
{
	struct hf_extent ext;
	bool block;
	int ret;

	lockdep_assert_held_read(&b->c->domains_sem);
	/* Without a domain the pages would be pinned for no device. */
	if (hf_fail(HF_FAIL_MAPPING_ALONE) || list_empty(&b->c->domains))
		return -ENOLINK;

	/* hf_pin_fill() was asked for no more than up to the next block. */
	block = hf_at_block(b->m, b->m->log.pages);
	for (; hf_pin_peek(&b->pin, &ext); block = false) {
		if (block || b->single || ext.pfn != b->w.next_pfn) {
			ret = hf_build_close_run(b, false, block);
			if (ret)
				return ret;
			b->open = ext.pfn;
		}
		ret = hf_log_append(&b->w, &ext, !block);
		if (ret)
			return ret;
		hf_pin_consume(&b->pin, &ext);
		if (b->pin.leaves)
			hf_build_absorb_scattered(b, PMD_SHIFT - PAGE_SHIFT);
		else if (ext.pages == 1)
			hf_build_absorb_scattered(b, 0);
	}
	return b->pin.left ? 0 : hf_build_close_run(b, true, false);
}

/* Pin the next pages, of which not everything may be pinned at once. */
static noinline int hf_build_fill_limited(struct hf_build *b)
{
	unsigned long max = b->single ? 1 :
			    hf_pages_to_block(b->m, b->m->log.pages);
	unsigned long paid = b->pin.left - b->unpaid;

	/* Only what need not be pinned is left. */
	if (!paid)
		return -EFAULT;
	return hf_pin_fill(&b->pin, min(max, paid));
}

/* Map the open run of PFN-mapped memory.  It is never in the queue. */
static int hf_build_close_pfnmap(struct hf_build *b)
{
	struct hf_mapping *m = b->m;
	unsigned long pages;
	int ret;

	while (m->mapped < m->log.pages) {
		pages = b->single ? 1 : m->log.pages - m->mapped;
		ret = hf_build_map_run(b, pages);
		if (ret)
			return ret;
		b->open += pages;
		cond_resched();
	}
	return 0;
}

/*
 * Take over a run of PFN-mapped memory, the first of a stretch or not, and
 * leave it open: hf_build_absorb() for what has no struct page, hence cannot
 * wait in the queue.
 */
static int hf_build_absorb_pfnmap(struct hf_build *b,
				  const struct hf_extent *ext, bool first)
{
	bool block = hf_at_block(b->m, b->m->log.pages);
	int ret;

	lockdep_assert_held_read(&b->c->domains_sem);
	if (hf_fail(HF_FAIL_MAPPING_ALONE) || list_empty(&b->c->domains))
		return -ENOLINK;

	if (first || block || ext->pfn != b->w.next_pfn) {
		ret = first ? hf_build_close_run(b, true, block) :
			      hf_build_close_pfnmap(b);
		if (ret)
			return ret;
		b->open = ext->pfn;
	}
	return hf_log_append(&b->w, ext, !block);
}

/*
 * The walk stands where nothing can be pinned.  Map the PFN-mapped memory that
 * is there, up to its end.
 */
static noinline int hf_build_pfnmap(struct hf_build *b)
{
	struct hf_extent ext = { .path = HF_PATH_PFNMAP };
	unsigned long pages = 0, unpaid;
	struct hf_mapping *m = b->m;
	int ret = 0;
	long n;

	while (b->pin.left) {
		n = hf_pfnmap_follow(b->pin.mm, b->pin.vaddr,
				     min(b->pin.left,
					 hf_pages_to_block(m, m->log.pages)),
				     m->prot & IOMMU_WRITE, &ext.pfn);
		if (n <= 0) {
			ret = n;
			break;
		}
		ext.pages = n;
		down_read(&b->c->domains_sem);
		ret = hf_build_absorb_pfnmap(b, &ext, !pages);
		up_read(&b->c->domains_sem);
		if (ret)
			return ret;
		hf_pin_skip(&b->pin, n);
		pages += n;
		if (hf_fail(HF_FAIL_PFNMAP_KILLED) ||
		    fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	if (ret)
		return ret;
	if (!pages) {
		/* Was PFN-mapped when it was not paid for, and is no more? */
		if (!b->unpaid || b->unpaid != b->pin.left)
			return -EFAULT;
		ret = hf_charge_more(&m->charge, b->unpaid);
		if (!ret)
			b->unpaid = 0;
		b->limited = b->single;
		return ret;
	}

	down_read(&b->c->domains_sem);
	ret = hf_fail(HF_FAIL_MAPPING_ALONE) || list_empty(&b->c->domains) ?
	      -ENOLINK : hf_build_close_pfnmap(b);
	up_read(&b->c->domains_sem);
	if (ret)
		return ret;
	/* Memory that continues it physically is not of the same run. */
	b->w.next_pfn = HF_NO_PFN;

	unpaid = min(b->unpaid, pages);
	b->unpaid -= unpaid;
	b->limited = b->single || b->unpaid;
	if (!hf_bug(HF_BUG_BAR_CHARGED))
		hf_charge_less(&m->charge, pages - unpaid);
	return 0;
}

/*
 * Pin a mapping's memory in @mm and map it; @unpaid pages of it are PFN-mapped
 * and not charged.  On error neither is done, and pins are dropped before
 * helpers are waited for.
 */
static __always_inline int hf_pin_and_map(struct hf_container *c,
					  struct hf_mapping *m,
					  struct mm_struct *mm,
					  unsigned long unpaid)
{
	unsigned long pages = m->size >> PAGE_SHIFT;
	struct hf_build b __uninitialized;	/* large */
	int ret;

	b.c = c;
	b.m = m;
	if (WARN_ON_ONCE(m->log.nr))
		return -EINVAL;
	/* Before anything is pinned that could part unseen. */
	if (unlikely(READ_ONCE(c->auditor.on))) {
		ret = hf_audit_begin(c, m, mm);
		if (ret)
			return ret;
	}
	hf_log_write(&b.w, &m->log);
	b.single = READ_ONCE(hf_disable_hugepages);
	b.unpaid = unpaid;
	b.limited = b.single || unpaid;
	b.queued = 0;
	b.nr = 0;
	b.room = 0;
	b.sg = NULL;
	hf_pin_begin(&b.pin, mm, m->vaddr, pages, m->prot & IOMMU_WRITE);
	do {
		ret = unlikely(b.limited) ? hf_build_fill_limited(&b) :
		      hf_pin_fill(&b.pin, hf_pages_to_block(m, m->log.pages));
		if (unlikely(ret)) {
			trace_hf_pages_pin(c, &b.pin, ret);
			if (ret != -EFAULT)
				break;
			ret = hf_build_pfnmap(&b);
			continue;
		}
		trace_hf_pages_pin(c, &b.pin, 0);
		down_read(&c->domains_sem);
		ret = hf_build_absorb(&b);
		up_read(&c->domains_sem);
		cond_resched();
	} while (!ret && b.pin.left);
	hf_pin_end(&b.pin);
	if (b.sg && b.sg != b.small)
		free_page((unsigned long)b.sg);

	atomic_long_add(m->log.pins, &c->pins);
	if (ret) {
		if (b.pin.pos < b.pin.nr)
			trace_hf_pages_unpin(c->id, hf_iova_of(m, m->log.pages),
					     hf_pin_pages_held(&b.pin));
		if (hf_bug(HF_BUG_FAILED_MAP_STAYS))
			m->mapped = 0;
		if (!hf_bug(HF_BUG_KILLED_MAP_PINS) || ret != -EINTR)
			hf_mapping_depopulate(c, m);
	}
	hf_pin_finish(&b.pin);
	return ret;
}

/*
 * A charge for a mapping was over the limit.  How much of the mapping is
 * PFN-mapped in @mm, and need not be charged?  -ENOMEM if nothing is.
 */
static noinline long hf_unpaid(const struct hf_mapping *m, struct mm_struct *mm)
{
	long unpaid = hf_pfnmap_count(mm, m->vaddr, m->size >> PAGE_SHIFT);

	return unpaid ? unpaid : -ENOMEM;
}

/**
 * hf_mapping_populate() - charge, pin and map a mapping
 * @c: its container
 * @m: the mapping, in state HF_MAPPING_NEW, its range reserved in @c
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: 0; -ENOMEM over RLIMIT_MEMLOCK or without memory; -EFAULT for an
 * address that can neither be pinned as asked nor is PFN-mapped; -EINTR when
 * killed; -ENOLINK when the container lost its last domain; or what the IOMMU
 * driver answered.  On error @m holds nothing; of -ENOTRECOVERABLE see
 * hf_domain_map().
 */
int hf_mapping_populate(struct hf_container *c, struct hf_mapping *m)
{
	unsigned long pages = m->size >> PAGE_SHIFT;
	struct mm_struct *mm = current->mm;
	long unpaid = 0;
	int ret;

	/* Beyond user space there is nothing to pin; do not charge for it. */
	if (hf_fail(HF_FAIL_MAPPING_ACCESS) ||
	    !access_ok((void __user *)m->vaddr, m->size))
		return -EFAULT;
	ret = hf_charge_take(&m->charge,
			     pages - hf_bug(HF_BUG_UNCHARGED_PAGE), c->by_user);
	if (unlikely(ret == -ENOMEM)) {
		unpaid = hf_unpaid(m, mm);
		if (unpaid < 0)
			return unpaid;
		ret = hf_charge_take(&m->charge, pages - unpaid, c->by_user);
	}
	if (ret)
		return ret;
	if (hf_bug(HF_BUG_RLIMIT_RACE))
		hf_charge_set(&m->charge, 0);
	ret = hf_pin_and_map(c, m, mm, unpaid);
	if (hf_bug(HF_BUG_RLIMIT_RACE))
		hf_charge_set(&m->charge, m->charge.pages + pages - unpaid);
	if (ret && !(hf_bug(HF_BUG_KILLED_MAP_CHARGE) && ret == -EINTR))
		hf_charge_refund(&m->charge);
	return ret;
}

/* hf_mapping_back(), with the mapping's @mm. */
static int hf_back(struct hf_container *c, struct hf_mapping *m,
		   struct mm_struct *mm)
{
	unsigned long more = (m->size >> PAGE_SHIFT) - m->charge.pages;
	long unpaid = 0;
	int ret;

	if (hf_fail(HF_FAIL_BACK_ACCESS) ||
	    !access_ok((void __user *)m->vaddr, m->size))
		return -EFAULT;
	/* What an IOMMU driver did not take back went with its domain. */
	m->stuck = false;
	ret = hf_charge_more(&m->charge, more);
	if (ret == -ENOMEM) {
		unpaid = hf_unpaid(m, mm);
		if (unpaid < 0)
			return unpaid;
		unpaid = min_t(unsigned long, unpaid, more);
		ret = hf_charge_more(&m->charge, more - unpaid);
	}
	if (ret)
		return ret;
	ret = hf_pin_and_map(c, m, mm, unpaid);
	if (ret)
		hf_charge_set(&m->charge, hf_external_pins(m));
	return ret;
}

/**
 * hf_mapping_back() - pin and map a mapping made while there was no domain
 * @c: its container, which has a domain now
 * @m: the mapping, held by the caller
 *
 * Its memory is that of the process that mapped it, whoever asks.  Pages that
 * a driver pinned are paid for.
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: as hf_mapping_populate(); -ENODEV if that process is gone.
 */
int hf_mapping_back(struct hf_container *c, struct hf_mapping *m)
{
	struct mm_struct *mm = m->charge.mm;
	int ret;

	/* It was published after the last domain left, and was replayed. */
	if (hf_mapping_backed(m))
		return 0;
	if (hf_fail(HF_FAIL_BACK_GONE) || !mmget_not_zero(mm))
		return -ENODEV;
	ret = hf_back(c, m, mm);
	mmput(mm);
	return ret;
}

/*
 * A walk over the log in chunks that may be unmapped as a whole: they end
 * where a physical run ends or at a multiple of HF_IOVA_BLOCK, so no IOMMU
 * page-table entry spans the end.
 */
struct hf_chunks {
	const struct hf_mapping *m;
	unsigned long end;	/* end of the chunk, pages from the start */
	struct hf_log_iter it;
	u64 ahead;		/* first extent of the next chunk */
	bool more;		/* is there one? */
};

static void hf_chunks_begin(struct hf_chunks *ch, const struct hf_mapping *m)
{
	ch->m = m;
	ch->end = 0;
}

/* Go over extent @ahead.  Return: the PFN behind it. */
static __always_inline unsigned long hf_chunks_step(struct hf_chunks *ch,
						    unsigned long *work)
{
	struct hf_extent ext;

	if (hf_slot_is_pin(ch->ahead)) {
		ext.pfn = FIELD_GET(HF_SLOT_PFN, ch->ahead);
		ext.pages = hf_slot_pin_pages(ch->ahead);
		*work += hf_work(1, ext.pages);
	} else {
		hf_slot_unpack(ch->ahead, &ext);
		*work += hf_work(hf_extent_pins(&ext), ext.pages);
	}
	ch->end += ext.pages;
	ch->more = hf_log_next_slot(&ch->it, &ch->ahead);
	return ext.pfn + ext.pages;
}

static bool hf_chunks_next(struct hf_chunks *ch)
{
	const struct hf_log *log = &ch->m->log;
	unsigned long next_pfn, work = 0;

	if (ch->end == log->pages)
		return false;
	if (hf_work(log->pins, log->pages) <= HF_CHUNK_WORK) {
		ch->end = log->pages;
		return true;
	}
	if (!ch->end) {
		hf_log_begin(&ch->it, log);
		ch->more = hf_log_next_slot(&ch->it, &ch->ahead);
	}
	do
		next_pfn = hf_chunks_step(ch, &work);
	while (ch->more && work < HF_CHUNK_WORK);
	while (ch->more && FIELD_GET(HF_SLOT_PFN, ch->ahead) == next_pfn &&
	       !hf_at_block(ch->m, ch->end))
		next_pfn = hf_chunks_step(ch, &work);
	return true;
}

/*
 * Somebody traces the steps of an unmap.  One switch for all, and what has one
 * extent goes the way of the others meanwhile, which has the tracepoints.
 */
static DEFINE_STATIC_KEY_FALSE(hf_unmap_steps);

/**
 * hf_trace_steps_reg() - a tracepoint of a step of an unmap is turned on
 *
 * Return: 0.
 */
int hf_trace_steps_reg(void)
{
	static_branch_inc(&hf_unmap_steps);
	return 0;
}

/**
 * hf_trace_steps_unreg() - and off
 */
void hf_trace_steps_unreg(void)
{
	static_branch_dec(&hf_unmap_steps);
}

/*
 * Unmap and flush a chunk that ends at page @end of the log.  With the last
 * one nothing of the log is for others to read any more.
 */
static __always_inline bool
hf_mapping_unmap_chunk(struct hf_container *c, struct hf_mapping *m,
		       unsigned long end)
{
	unsigned long to = min(end, m->mapped);
	bool gone = !m->stuck;

	down_read(&c->domains_sem);
	if (to > m->gone) {
		gone &= hf_domains_unmap(&c->domains, hf_iova_of(m, m->gone),
					 (to - m->gone) << PAGE_SHIFT);
		m->gone = to;
	}
	if (end == m->log.pages) {
		m->mapped = 0;
		m->gone = 0;
	}
	up_read(&c->domains_sem);
	return gone;
}

/* Chunk by chunk, for logs of more than one extent. */
static noinline void hf_depopulate_chunks(struct hf_container *c,
					  struct hf_mapping *m)
{
	unsigned long unpinned = 0;
	struct hf_log_iter behind;
	struct hf_chunks ch;
	struct hf_extent ext;
	struct hf_unpin u __uninitialized;	/* large */
	unsigned long from;
	bool gone;
	u64 slot;

	hf_unpin_begin(&u, m->prot & IOMMU_WRITE);
	hf_log_begin(&behind, &m->log);
	hf_chunks_begin(&ch, m);
	while (hf_chunks_next(&ch)) {
		gone = hf_bug(HF_BUG_UNPIN_FIRST) ||
		       hf_mapping_unmap_chunk(c, m, ch.end);
		from = unpinned;
		trace_hf_range_unmap(c->id, hf_iova_of(m, from),
				     ch.end - from, gone ? 0 : -EIO);
		while (unpinned < ch.end && hf_log_next_slot(&behind, &slot)) {
			if (likely(hf_slot_is_pin(slot) && gone)) {
				hf_unpin_page(&u, pfn_to_page(slot &
							      HF_SLOT_PFN));
				unpinned += hf_slot_pin_pages(slot);
				continue;
			}
			hf_slot_unpack(slot, &ext);
			unpinned += ext.pages;
			if (likely(gone))
				hf_unpin_extent(&u, &ext);
		}
		hf_unpin_flush(&u);
		if (hf_bug(HF_BUG_UNPIN_FIRST))
			hf_mapping_unmap_chunk(c, m, ch.end);
		if (likely(gone))
			trace_hf_pages_unpin(c->id, hf_iova_of(m, from),
					     unpinned - from);
	}
}

/**
 * hf_mapping_depopulate() - unmap and unpin all that a mapping holds
 * @c: its container
 * @m: the mapping, the caller's (state HF_MAPPING_NEW, _HELD or _DYING)
 *
 * The charge stays, for the caller to refund: it may gather several.
 *
 * Context: may sleep; no lock of holdfast's may be held.  Unpinning waits for
 * page locks, which is why domains_sem is let go for it.
 */
void hf_mapping_depopulate(struct hf_container *c, struct hf_mapping *m)
{
	struct hf_log *log = &m->log;

	/* One extent never crosses a block, so it is a chunk. */
	if (log->nr == 1 && log->pins <= HF_CHUNK_WORK &&
	    !static_branch_unlikely(&hf_unmap_steps)) {
		if (hf_bug(HF_BUG_UNPIN_FIRST))
			hf_unpin_slot(log->inl[0], m->prot & IOMMU_WRITE);
		if (likely(hf_mapping_unmap_chunk(c, m, log->pages)) &&
		    !hf_bug(HF_BUG_UNPIN_FIRST))
			hf_unpin_slot(log->inl[0], m->prot & IOMMU_WRITE);
	} else if (log->nr) {
		hf_depopulate_chunks(c, m);
	}
	atomic_long_sub(log->pins, &c->pins);
	hf_log_free(log);
}

/**
 * hf_mapping_unback() - unpin a mapping that stays for devices without an IOMMU
 * @c: its container, which has no domain any more
 * @m: the mapping, held by the caller
 *
 * What is charged from then on is what drivers pinned.
 *
 * Context: may sleep; no lock of holdfast's may be held.
 */
void hf_mapping_unback(struct hf_container *c, struct hf_mapping *m)
{
	hf_mapping_depopulate(c, m);
	hf_charge_set(&m->charge, hf_external_pins(m));
	hf_audit_end(m);
}

/* Unmap pages [gone, end) of the log from one domain. */
static void hf_mapping_unmap_from(const struct hf_mapping *m,
				  struct hf_domain *domain, unsigned long end)
{
	unsigned long at = m->gone;
	struct hf_chunks ch;

	hf_chunks_begin(&ch, m);
	while (at < end && hf_chunks_next(&ch)) {
		unsigned long to = min(ch.end, end);

		cond_resched();
		if (to <= at)
			continue;
		hf_domain_unmap(domain, hf_iova_of(m, at),
				(to - at) << PAGE_SHIFT);
		at = to;
	}
}

/* Map pages [at, end) of the log, one run that ends before @pfn, or nothing. */
static int hf_replay_run(const struct hf_mapping *m, struct hf_domain *domain,
			 unsigned long *at, unsigned long end,
			 unsigned long pfn)
{
	bool single = READ_ONCE(hf_disable_hugepages);
	int ret;

	while (*at < end) {
		unsigned long pages = single ? 1 : end - *at;

		ret = hf_domain_map(domain, hf_iova_of(m, *at),
				    pfn - (end - *at), pages, m->prot);
		if (ret)
			return ret;
		*at += pages;
		cond_resched();
	}
	return 0;
}

/**
 * hf_mapping_replay() - map into one more domain what the others have
 * @m: the mapping, in whatever state
 * @domain: a domain that is not in the container's list yet
 *
 * Context: may sleep; domains_sem held for writing.
 * Return: 0, or -errno with nothing of @m mapped in @domain.
 */
int hf_mapping_replay(const struct hf_mapping *m, struct hf_domain *domain)
{
	unsigned long at = 0, start = m->gone, pfn = 0;
	struct hf_log_iter it;
	struct hf_extent ext;
	int ret;

	/* [start, at) is a run that ends before pfn and is not mapped yet. */
	hf_log_begin(&it, &m->log);
	while (at < m->mapped && hf_log_next(&it, &ext)) {
		unsigned long pages = min(ext.pages, m->mapped - at);

		if (at > start && (ext.pfn != pfn || hf_at_block(m, at))) {
			ret = hf_replay_run(m, domain, &start, at, pfn);
			if (ret)
				goto undo;
		}
		at += pages;
		pfn = ext.pfn + pages;
		cond_resched();
	}
	if (hf_bug(HF_BUG_REPLAY_LAST_RUN) && start > m->gone)
		return 0;
	ret = hf_replay_run(m, domain, &start, at, pfn);
	if (ret)
		goto undo;
	return 0;

undo:
	hf_mapping_unmap_from(m, domain, start);
	return ret;
}

/**
 * hf_mapping_unreplay() - unmap a mapping from a domain that leaves
 * @m: the mapping, in whatever state
 * @domain: the domain
 *
 * Context: may sleep; domains_sem held for writing.
 */
void hf_mapping_unreplay(const struct hf_mapping *m, struct hf_domain *domain)
{
	hf_mapping_unmap_from(m, domain, m->mapped);
}

/**
 * hf_mapping_init() - set up what all mappings share
 *
 * Return: 0 or -ENOMEM.
 */
int hf_mapping_init(void)
{
	hf_mapping_cache = hf_fail(HF_FAIL_MODULE_CACHE) ? NULL :
			   KMEM_CACHE(hf_mapping, SLAB_ACCOUNT);
	return hf_mapping_cache ? 0 : -ENOMEM;
}

/**
 * hf_mapping_exit() - and free it
 */
void hf_mapping_exit(void)
{
	kmem_cache_destroy(hf_mapping_cache);
}
