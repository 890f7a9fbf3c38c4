// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the auditor knows of a mapping.
 *
 * A pin keeps a page, not its place in a process's address space: munmap(),
 * MADV_DONTNEED, mremap(), a hole punched into a file leave the device with the
 * old page while the CPU has another one.  Few IOMMUs can take a fault, so that
 * cannot be prevented; but it can be seen.  While a container is audited each
 * mapping has an interval notifier on the memory it maps.
 *
 * What an invalidation means cannot be told from the event: fork and MADV_FREE
 * look like MADV_DONTNEED, and all is well after them.  So the callback only marks
 * blocks as *suspect*, and a worker (auditor.c) compares them afterwards (compare.c), page by
 * page.  What it finds parted is kept in a bitmap, shown in a tracepoint, counted,
 * and announced by an eventfd.  An invalidation that overlaps a comparison makes
 * the block suspect again (the sequence count of the notifier says so), so what is
 * kept was true when nobody was at work there.
 *
 * Three things no invalidation announces: that a page which is in the page cache
 * only, with no entry in the page table, is cut out of its file; that pages
 * which had parted are one again, because a file was mapped back; and what an
 * area of device memory maps next.  Blocks with such pages of the first kind are
 * *watched*: they become suspect by themselves, seldom if nothing happens.  Who asks
 * (hf_audit_verify()) has suspect, watched and parted blocks compared at once.
 *
 * Memory: a bit for each page of the mapping and two for each block, charged to
 * who maps, or to who turns the auditor on.  A process that is gone sees nothing,
 * so nothing of its mappings is parted; the comparison of a mapping whose memory
 * is moving (vaddr.c) waits until it has arrived; one that is not pinned for an
 * IOMMU has nothing to part from.
 *
 * Locking: a->parted belongs to who holds the mapping; the rest of what changes
 * in a struct hf_audit, and the lists, are under auditor->lock, a spinlock taken
 * inside of invalidations, under which nothing may allocate or sleep.  Comparing
 * takes the mmap lock for reading, with the mapping held and no other lock.
 */
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/eventfd.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "audit.h"
#include "auditor.h"
#include "bug.h"
#include "compare.h"
#include "compat.h"
#include "container.h"
#include "fail.h"
#include "mapping.h"
#include "trace.h"

/* Times a block is compared for somebody who waits, if it does not rest. */
#define HF_AUDIT_TRIES		100

/* Set @nr bits from @first on.  Return: how many were not set. */
static unsigned long hf_set_bits(unsigned long *map, unsigned long first,
				 unsigned long nr)
{
	unsigned long set;

	if (nr == 1)
		return !__test_and_set_bit(first, map);
	set = bitmap_weight(map, first + nr) - bitmap_weight(map, first);
	bitmap_set(map, first, nr);
	return nr - set;
}

/**
 * hf_audit_mark() - mark blocks as suspect
 * @a: of the mapping; the auditor's lock is held
 * @first: first block
 * @last: last block
 */
void hf_audit_mark(struct hf_audit *a, unsigned long first, unsigned long last)
{
	struct hf_auditor *au = &a->c->auditor;
	unsigned long nr;

	lockdep_assert_held(&au->lock);
	nr = hf_set_bits(a->suspect, first, last - first + 1);
	a->suspects += nr;
	au->suspects += nr;
	if (a->suspects && list_empty(&a->pending))
		list_add_tail(&a->pending, &au->pending);
}

static void hf_unmark(struct hf_audit *a, unsigned long block)
{
	struct hf_auditor *au = &a->c->auditor;

	lockdep_assert_held(&au->lock);
	if (!__test_and_clear_bit(block, a->suspect))
		return;
	au->suspects--;
	if (!--a->suspects)
		list_del_init(&a->pending);
}

static void hf_set_watch(struct hf_audit *a, unsigned long block, bool watch)
{
	struct hf_auditor *au = &a->c->auditor;

	lockdep_assert_held(&au->lock);
	if (test_bit(block, a->watch) == watch)
		return;
	if (watch) {
		__set_bit(block, a->watch);
		if (!a->watches++)
			list_add_tail(&a->watching, &au->watched);
	} else {
		__clear_bit(block, a->watch);
		if (!--a->watches)
			list_del_init(&a->watching);
	}
}

/*
 * Memory of a mapping changes in the process's page table, or may.  Called
 * inside of what changes it: with any lock of mm's held, page reclaim included.
 */
static bool hf_audit_invalidate(struct mmu_interval_notifier *notifier,
				const struct mmu_notifier_range *range,
				unsigned long seq)
{
	struct hf_audit *a = container_of(notifier, struct hf_audit, notifier);
	struct hf_auditor *au = &a->c->auditor;
	unsigned long start = notifier->interval_tree.start;
	unsigned long first, last;

	spin_lock(&au->lock);
	mmu_interval_set_seq(notifier, seq);
	if (hf_bug(HF_BUG_AUDIT_FORK_REPORTED) && au->eventfd)
		hf_eventfd_signal(au->eventfd);
	switch (range->event) {
	case MMU_NOTIFY_PROTECTION_VMA:	/* the same pages, other bits */
	case MMU_NOTIFY_SOFT_DIRTY:
	case MMU_NOTIFY_RELEASE:	/* nobody is left to see anything */
		break;
	case MMU_NOTIFY_UNMAP:
		if (hf_bug(HF_BUG_AUDIT_MISSES))
			break;
		fallthrough;
	default:
		first = (max(range->start, start) - start) >> PAGE_SHIFT;
		last = (min(range->end - 1, notifier->interval_tree.last) -
			start) >> PAGE_SHIFT;
		hf_audit_mark(a, first / HF_AUDIT_BLOCK, last / HF_AUDIT_BLOCK);
		au->events++;
		hf_auditor_soon(au);
	}
	spin_unlock(&au->lock);
	return true;
}

static const struct mmu_interval_notifier_ops hf_audit_ops = {
	.invalidate = hf_audit_invalidate,
};

static void hf_audit_free(struct hf_audit *a)
{
	kvfree(a->parted);
	kvfree(a);
}

/**
 * hf_audit_create() - listen to what happens to a mapping's memory
 * @c: the container
 * @m: the mapping, held or being made by the caller
 * @mm: the process's memory; it has users
 * @vaddr: the mapping's address there, bytes
 *
 * Context: may sleep; takes the mmap lock for writing.
 * Return: for @m->audit; or ERR_PTR: -ENOMEM; -EINTR when killed; -ERESTARTNOINTR,
 * to be passed on to the system call, which begins again after a signal.
 */
struct hf_audit *hf_audit_create(struct hf_container *c, struct hf_mapping *m,
				 struct mm_struct *mm, unsigned long vaddr)
{
	unsigned long pages = m->size >> PAGE_SHIFT;
	unsigned long blocks = DIV_ROUND_UP(pages, HF_AUDIT_BLOCK);
	size_t bits = 2 * BITS_TO_LONGS(blocks);
	struct hf_audit *a;
	int ret;

	a = hf_fail(HF_FAIL_AUDIT_ALLOC) ? NULL :
	    kvzalloc(struct_size(a, bits, bits),
		     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!a)
		return ERR_PTR(-ENOMEM);
	/* By itself: what kmalloc() gives is a power of two. */
	a->parted = hf_fail(HF_FAIL_AUDIT_BITMAP) ? NULL :
		    kvcalloc(BITS_TO_LONGS(pages), sizeof(long),
			     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!a->parted) {
		kvfree(a);
		return ERR_PTR(-ENOMEM);
	}
	a->c = c;
	a->m = m;
	INIT_LIST_HEAD(&a->pending);
	INIT_LIST_HEAD(&a->watching);
	a->pages = pages;
	a->blocks = blocks;
	a->suspect = a->bits;
	a->watch = a->suspect + BITS_TO_LONGS(blocks);
	ret = hf_fail_err(HF_FAIL_AUDIT_NOTIFIER) ?:
	      mmu_interval_notifier_insert(&a->notifier, mm, vaddr, m->size,
					   &hf_audit_ops);
	if (ret) {
		hf_audit_free(a);
		/* The first one in a process gives way to any signal. */
		if (ret == -EINTR && !fatal_signal_pending(current))
			ret = -ERESTARTNOINTR;
		return ERR_PTR(ret);
	}
	return a;
}

/**
 * hf_audit_destroy() - stop listening
 * @a: what hf_audit_create() made
 *
 * Context: may sleep, until invalidations under way are through.
 */
void hf_audit_destroy(struct hf_audit *a)
{
	struct hf_auditor *au = &a->c->auditor;

	mmu_interval_notifier_remove(&a->notifier);
	spin_lock(&au->lock);
	list_del(&a->pending);
	list_del(&a->watching);
	au->suspects -= a->suspects;
	au->parted -= a->nr_parted;
	spin_unlock(&au->lock);
	hf_audit_free(a);
}

/**
 * hf_audit_begin() - audit a mapping from here on
 * @c: the container
 * @m: the mapping, held or being made by the caller; nothing happens if it is
 *	audited already
 * @mm: the process's memory; it has users
 *
 * Pages that are pinned from now on are not missed; for those that are already
 * hf_audit_suspect() is needed.
 *
 * Context: may sleep, until invalidations under way are through; takes the mmap
 * lock for writing.
 * Return: 0, or as hf_audit_create().
 */
int hf_audit_begin(struct hf_container *c, struct hf_mapping *m,
		   struct mm_struct *mm)
{
	struct hf_audit *a;

	if (m->audit)
		return 0;
	a = hf_audit_create(c, m, mm, m->vaddr);
	if (IS_ERR(a))
		return PTR_ERR(a);
	/* One that began before has told nobody: let it end. */
	mmu_interval_read_begin(&a->notifier);
	/* Pairs with the acquire in hf_audit_nr_parted(). */
	smp_store_release(&m->audit, a);
	return 0;
}

/**
 * hf_audit_end() - audit a mapping no more
 * @m: the mapping, the caller's; it may not have been audited
 *
 * Context: may sleep; takes the container's lock.
 */
void hf_audit_end(struct hf_mapping *m)
{
	struct hf_audit *a = m->audit;

	if (!a)
		return;
	/* Somebody may look at it who holds the lock, but not the mapping. */
	mutex_lock(&a->c->lock);
	m->audit = NULL;
	mutex_unlock(&a->c->lock);
	hf_audit_destroy(a);
}

/**
 * hf_audit_suspect() - have pages of a mapping compared; its log may be new
 * @m: the mapping, held by the caller; it may not be audited
 * @first: first page
 * @end: page behind the last one
 */
void hf_audit_suspect(struct hf_mapping *m, unsigned long first,
		      unsigned long end)
{
	struct hf_audit *a = m->audit;
	struct hf_auditor *au;

	if (!a || first >= end)
		return;
	au = &a->c->auditor;
	/* The log may be another. */
	a->placed = false;
	spin_lock(&au->lock);
	hf_audit_mark(a, first / HF_AUDIT_BLOCK, (end - 1) / HF_AUDIT_BLOCK);
	hf_auditor_soon(au);
	spin_unlock(&au->lock);
}

/* Show each range of set bits, pages from @first on of the mapping. */
static void hf_audit_show(const struct hf_audit *a, unsigned long first,
			  const unsigned long *bits, unsigned int nr,
			  bool coherent)
{
	unsigned int start, end;

	for_each_set_bitrange(start, end, bits, nr)
		trace_hf_audit(a->c->id, a->m, first + start, end - start,
			       coherent);
}

/* Remember which pages of a block have parted. */
static void hf_audit_record(struct hf_audit *a, unsigned long block,
			    const unsigned long *parted)
{
	unsigned long first = block * HF_AUDIT_BLOCK;
	unsigned int nr = min_t(unsigned long, HF_AUDIT_BLOCK,
				a->pages - first);
	unsigned long *known = a->parted + BIT_WORD(first);
	DECLARE_BITMAP(change, HF_AUDIT_BLOCK);
	struct hf_auditor *au = &a->c->auditor;
	unsigned long worse, better;

	if (bitmap_equal(known, parted, nr))
		return;
	bitmap_andnot(change, known, parted, nr);
	better = bitmap_weight(change, nr);
	hf_audit_show(a, first, change, nr, true);
	bitmap_andnot(change, parted, known, nr);
	worse = bitmap_weight(change, nr);
	hf_audit_show(a, first, change, nr, false);
	bitmap_copy(known, parted, nr);

	spin_lock(&au->lock);
	a->nr_parted += worse - better;
	au->parted += worse - better;
	if (worse && au->eventfd)
		hf_eventfd_signal(au->eventfd);
	spin_unlock(&au->lock);
}

/**
 * hf_audit_block() - compare a block
 * @a: of the mapping, held by the caller; its process is there
 * @cmp: to compare with, begun for the mapping
 * @block: the block
 *
 * Context: may sleep, until invalidations under way are through; takes the mmap
 * lock for reading.
 * Return: 0; -EAGAIN if something happened to it meanwhile; -EINTR when killed.
 * On error it is suspect.
 */
int hf_audit_block(struct hf_audit *a, struct hf_compare *cmp,
		   unsigned long block)
{
	unsigned long first = block * HF_AUDIT_BLOCK;
	unsigned int nr = min_t(unsigned long, HF_AUDIT_BLOCK,
				a->pages - first);
	DECLARE_BITMAP(parted, HF_AUDIT_BLOCK);
	struct hf_auditor *au = &a->c->auditor;
	unsigned long seq;
	bool watch;
	int ret;

	spin_lock(&au->lock);
	hf_unmark(a, block);
	spin_unlock(&au->lock);

	seq = mmu_interval_read_begin(&a->notifier);
	ret = hf_compare(cmp, a->notifier.mm, first, nr, parted, &watch);

	spin_lock(&au->lock);
	if (!ret && mmu_interval_read_retry(&a->notifier, seq))
		ret = -EAGAIN;
	if (ret) {
		hf_audit_mark(a, block, block);
	} else {
		hf_set_watch(a, block, watch);
		au->verified++;
	}
	spin_unlock(&au->lock);
	if (!ret)
		hf_audit_record(a, block, parted);
	return ret;
}

/**
 * hf_audit_orphan() - the process is gone: nothing is parted any more
 * @a: of the mapping, held by the caller
 */
void hf_audit_orphan(struct hf_audit *a)
{
	const size_t blocks = BITS_TO_LONGS(a->blocks) * sizeof(long);
	struct hf_auditor *au = &a->c->auditor;

	memset(a->parted, 0, BITS_TO_LONGS(a->pages) * sizeof(long));
	spin_lock(&au->lock);
	au->parted -= a->nr_parted;
	au->suspects -= a->suspects;
	a->nr_parted = 0;
	a->suspects = 0;
	a->watches = 0;
	memset(a->suspect, 0, blocks);
	memset(a->watch, 0, blocks);
	list_del_init(&a->pending);
	list_del_init(&a->watching);
	spin_unlock(&au->lock);
}

/**
 * hf_audit_stand() - stand where the last comparison of a mapping ended
 * @a: of the mapping, held by the caller
 * @cmp: to compare with
 */
void hf_audit_stand(struct hf_audit *a, struct hf_compare *cmp)
{
	hf_compare_begin(cmp, a->m);
	if (a->placed)
		cmp->place = a->place;
}

/**
 * hf_audit_stood() - and remember where this one does
 * @a: of the mapping, held by the caller
 * @cmp: the comparison
 */
void hf_audit_stood(struct hf_audit *a, const struct hf_compare *cmp)
{
	a->place = cmp->place;
	a->placed = true;
}

/* Is a block's place in @parted certain? */
static bool hf_audit_certain(const struct hf_audit *a, unsigned long block)
{
	unsigned long page = block * HF_AUDIT_BLOCK;
	unsigned long end = min(page + HF_AUDIT_BLOCK, a->pages);

	return !test_bit(block, a->suspect) && !test_bit(block, a->watch) &&
	       find_next_bit(a->parted, end, page) >= end;
}

/**
 * hf_audit_verify() - know for certain which pages have parted
 * @m: the mapping, held by the caller, audited
 * @cmp: to compare with
 * @first: first page
 * @end: page behind the last one
 *
 * Compares every block of the range of which that is not known; pages beside
 * the range may be compared, too.  The answer is hf_audit_parted().
 *
 * Context: may sleep; takes the mmap lock for reading.
 * Return: 0; -ESRCH when the process is gone; -EINTR when killed; -EAGAIN if at
 * some block something happened each time it was compared.
 */
int hf_audit_verify(struct hf_mapping *m, struct hf_compare *cmp,
		    unsigned long first, unsigned long end)
{
	struct hf_audit *a = m->audit;
	struct mm_struct *mm = a->notifier.mm;
	bool restless = false;
	unsigned long block;
	unsigned int tries;
	int ret = 0;

	if (!mmget_not_zero(mm)) {
		hf_audit_orphan(a);
		return -ESRCH;
	}
	hf_audit_stand(a, cmp);
	for (block = first / HF_AUDIT_BLOCK; block * HF_AUDIT_BLOCK < end;
	     block++) {
		if (hf_audit_certain(a, block))
			continue;
		tries = 0;
		do {
			ret = hf_audit_block(a, cmp, block);
			cond_resched();
		} while (ret == -EAGAIN && ++tries < HF_AUDIT_TRIES);
		if (ret && ret != -EAGAIN)
			break;
		restless |= ret;
		ret = 0;
	}
	hf_audit_stood(a, cmp);
	mmput(mm);
	return restless && !ret ? -EAGAIN : ret;
}

/**
 * hf_audit_parted() - pages that have parted, as far as is known
 * @m: the mapping, held by the caller
 *
 * Return: a bit for each page; or NULL for a mapping that is not audited.
 */
const unsigned long *hf_audit_parted(const struct hf_mapping *m)
{
	return m->audit ? m->audit->parted : NULL;
}

/**
 * hf_audit_nr_parted() - how many pages that are
 * @m: the mapping, held by the caller, or its container's lock is
 */
unsigned long hf_audit_nr_parted(const struct hf_mapping *m)
{
	/* Pairs with the release in hf_audit_begin(). */
	const struct hf_audit *a = smp_load_acquire(&m->audit);

	return a ? READ_ONCE(a->nr_parted) : 0;
}
