// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers: mappings, domains, and the calls that change them.
 *
 * Locks, outermost first:
 *
 *	c->lock          short sections: the tree of mappings, reservations,
 *	                 windows, the list of domains and their groups
 *	c->domains_sem   page tables: reading to map and unmap runs, writing to
 *	                 add or remove a domain
 *
 * Neither is held across a page fault or while somebody else's memory is
 * charged, so a long map delays nobody: MAP reserves its range in the tree
 * (state NEW), lets go, pins and maps, and publishes by setting the state to
 * LIVE.  UNMAP marks all its mappings DYING in one section, lets go, takes
 * them down and erases them.  A mapping that is NEW or DYING belongs to the
 * one thread that made it so; whoever meets it in a range of interest waits,
 * killably (hold.c).  A long section of c->lock is only a group that joins a
 * container with mappings: those are replayed into its new domain.
 *
 * Lifetime.  The VFIO core passes ioctls of the container file on without a
 * lock against the last group being detached, which releases the driver's
 * data: a pointer handed to the core could be freed under an ioctl.  So the
 * core holds only a number, which is never used again.  Every call looks it up
 * and takes a reference, and a call that outlives the release finds the
 * container closed, undoes what it did and drops the last reference.  Devices
 * are detached before release() returns, whatever such a call still pins.
 */
#include <linux/hashtable.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include "audit.h"
#include "bug.h"
#include "compat.h"
#include "container.h"
#include "debugfs.h"
#include "dirty.h"
#include "domain.h"
#include "emulated.h"
#include "external.h"
#include "fail.h"
#include "hold.h"
#include "mapping.h"
#include "params.h"
#include "trace.h"
#include "window.h"

/*
 * By number; changed under hf_containers_lock, read under RCU.  Numbers are
 * never used twice, so an old one finds nothing.
 */
DEFINE_HASHTABLE(hf_containers, HF_CONTAINERS_BITS);
static DEFINE_SPINLOCK(hf_containers_lock);
static atomic_long_t hf_last_id = ATOMIC_LONG_INIT(0);
static atomic_t hf_nr_containers = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(hf_no_containers);

/**
 * hf_container_find() - the mapping that holds an IOVA, else the next above it
 * @c: the container, its lock held
 * @iova: bytes
 *
 * Return: the mapping, or NULL.
 */
struct hf_mapping *hf_container_find(struct hf_container *c, dma_addr_t iova)
{
	struct rb_node *node = c->mappings.rb_node;
	struct hf_mapping *found = NULL;

	lockdep_assert_held(&c->lock);
	while (node) {
		struct hf_mapping *m = rb_entry(node, struct hf_mapping, node);

		if (iova <= hf_mapping_last(m)) {
			found = m;
			if (iova >= m->iova)
				break;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * hf_container_first() - the lowest mapping
 * @c: the container, its lock held
 *
 * Return: the mapping, or NULL.
 */
struct hf_mapping *hf_container_first(struct hf_container *c)
{
	struct rb_node *node;

	lockdep_assert_held(&c->lock);
	node = rb_first(&c->mappings);
	return node ? rb_entry(node, struct hf_mapping, node) : NULL;
}

/**
 * hf_container_next() - the next mapping in IOVA order
 * @m: a mapping of a container whose lock is held
 *
 * Return: the mapping, or NULL.
 */
struct hf_mapping *hf_container_next(struct hf_mapping *m)
{
	struct rb_node *node = rb_next(&m->node);

	return node ? rb_entry(node, struct hf_mapping, node) : NULL;
}

static void hf_insert(struct hf_container *c, struct hf_mapping *new)
{
	struct rb_node **link = &c->mappings.rb_node;
	struct rb_node *parent = NULL;

	while (*link) {
		struct hf_mapping *m = rb_entry(*link, struct hf_mapping, node);

		parent = *link;
		link = new->iova < m->iova ? &parent->rb_left :
					     &parent->rb_right;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, &c->mappings);
}

/* @m belongs to everybody from here on: the caller may not touch it again. */
static void hf_publish(struct hf_container *c, struct hf_mapping *m)
{
	/* Pairs with the acquire in hf_mapping_at_rest(). */
	smp_store_release(&m->state, HF_MAPPING_LIVE);
	if (hf_bug(HF_BUG_LOST_WAKEUP))
		atomic_dec(&c->busy);
	else
		hf_settle(c, 1);
}

/* Make a live mapping the caller's, to take it down; c->lock held. */
static void hf_claim(struct hf_container *c, struct hf_mapping *m,
		     struct list_head *list)
{
	lockdep_assert_held(&c->lock);
	m->state = HF_MAPPING_DYING;
	list_add_tail(&m->link, list);
	atomic_inc(&c->busy);
}

/* Keep @m for the next map, and free what was kept before. */
static void hf_keep(struct hf_container *c, struct hf_mapping *m)
{
	hf_mapping_check(m);
	m = xchg(&c->spare, m);
	if (m)
		hf_mapping_free(m);
}

/* The same for one that drivers may have used, or that was audited. */
static void hf_retire(struct hf_container *c, struct hf_mapping *m)
{
	if (unlikely(m->external))
		hf_external_free(m);
	if (unlikely(m->audit))
		hf_audit_end(m);
	hf_keep(c, m);
}

/*
 * Erase mappings that hold nothing any more from the tree and free them: they
 * were unmapped, or @error is why they could not be made.
 */
static void hf_erase(struct hf_container *c, struct list_head *list, int error)
{
	struct hf_mapping *m, *next;
	int nr = 0;

	mutex_lock(&c->lock);
	list_for_each_entry(m, list, link) {
		rb_erase(&m->node, &c->mappings);
		c->nr_stale -= m->stale;
		nr++;
	}
	if (!hf_bug(HF_BUG_AVAIL_LOST) || !error)
		c->avail += nr;
	if (error)
		hf_stats_failed(&c->stats, error);
	else
		c->stats.unmaps += nr;
	mutex_unlock(&c->lock);
	hf_settle(c, nr);
	list_for_each_entry_safe(m, next, list, link) {
		hf_retire(c, m);
		cond_resched();
	}
}

/* Take down mappings that the caller marked DYING; refund neighbours at once. */
static void hf_take_down(struct hf_container *c, struct list_head *list)
{
	struct hf_charge refund = {};
	struct hf_mapping *m;

	list_for_each_entry(m, list, link) {
		trace_hf_unmap(c->id, m, 0);
		hf_mapping_depopulate(c, m);
		hf_charge_move(&refund, &m->charge);
	}
	hf_charge_refund(&refund);
	hf_erase(c, list, 0);
}

/**
 * hf_container_unmap_all() - take down every live mapping
 * @c: the container
 *
 * What is being mapped or unmapped by another thread is left to that thread.
 *
 * Context: may sleep; no lock of holdfast's may be held.
 */
void hf_container_unmap_all(struct hf_container *c)
{
	struct hf_mapping *m;
	LIST_HEAD(list);

	mutex_lock(&c->lock);
	for (m = hf_container_first(c); m; m = hf_container_next(m))
		if (hf_mapping_at_rest(m) &&
		    !(hf_bug(HF_BUG_RELEASE_STALE) && m->stale))
			hf_claim(c, m, &list);
	mutex_unlock(&c->lock);
	hf_take_down(c, &list);
}

/**
 * hf_container_create() - make an empty container
 * @v2: VFIO_TYPE1v2_IOMMU rather than VFIO_TYPE1_IOMMU
 * @nested: VFIO_TYPE1_NESTING_IOMMU; implies @v2
 *
 * Return: the container, with the reference that hf_container_release() drops;
 * or ERR_PTR(-ENOMEM).
 */
struct hf_container *hf_container_create(bool v2, bool nested)
{
	struct hf_container *c;

	c = hf_fail(HF_FAIL_CONTAINER_ALLOC) ? NULL :
	    kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);
	refcount_set(&c->refs, 1);
	c->v2 = v2;
	c->nested = nested;
	c->by_user = READ_ONCE(hf_account_user);
	mutex_init(&c->lock);
	mutex_init(&c->dirty_lock);
	mutex_init(&c->devices_lock);
	c->mappings = RB_ROOT;
	c->avail = READ_ONCE(hf_dma_entry_limit);
	hf_stats_init(&c->stats, c->avail);
	c->pgsizes = PAGE_MASK;
	init_waitqueue_head(&c->settled);
	init_rwsem(&c->domains_sem);
	INIT_LIST_HEAD(&c->domains);
	INIT_LIST_HEAD(&c->emulated);
	INIT_LIST_HEAD(&c->devices);
	atomic_set(&c->busy, 0);
	atomic_long_set(&c->pins, 0);
	hf_auditor_init(c, READ_ONCE(hf_audit));

	c->id = atomic_long_inc_return(&hf_last_id);
	atomic_inc(&hf_nr_containers);
	spin_lock(&hf_containers_lock);
	hash_add_rcu(hf_containers, &c->hash, c->id);
	spin_unlock(&hf_containers_lock);
	hf_debugfs_add(c);
	trace_hf_container_create(c);
	return c;
}

/**
 * hf_container_free() - end a container that nobody refers to any more
 * @c: the container
 *
 * Context: may sleep.
 */
void hf_container_free(struct hf_container *c)
{
	/* Whoever else held a mapping had a reference. */
	hf_auditor_stop(c);
	/* A map may have become live after release() had looked for such. */
	hf_container_unmap_all(c);
	hf_auditor_end(c);
	WARN_ON_ONCE(!RB_EMPTY_ROOT(&c->mappings));
	WARN_ON_ONCE(atomic_long_read(&c->pins));
	if (c->spare)
		hf_mapping_free(c->spare);
	kfree(c->windows);
	kfree_rcu(c, rcu);
	if (atomic_dec_and_test(&hf_nr_containers))
		wake_up_all(&hf_no_containers);
}

/**
 * hf_container_release() - end a container for the VFIO core
 * @c: the container; freed when the last call in flight is through
 *
 * Context: may sleep.
 */
void hf_container_release(struct hf_container *c)
{
	spin_lock(&hf_containers_lock);
	hash_del_rcu(&c->hash);
	spin_unlock(&hf_containers_lock);
	hf_debugfs_remove(c);
	trace_hf_container_release(c);
	hf_container_detach_all(c);
	hf_container_unmap_all(c);
	hf_container_put(c);
}

/**
 * hf_container_drain() - wait until no call uses any container any more
 *
 * Context: module exit: VFIO makes no new containers.  May sleep.
 */
void hf_container_drain(void)
{
	/* The core may have looked us up just before; let it come in. */
	synchronize_rcu_tasks();
	wait_event(hf_no_containers, !atomic_read(&hf_nr_containers));
	/* And whoever dropped the last reference must be out of our code. */
	synchronize_rcu_tasks();
}

/* Check a map request against the container and put it into the tree. */
static int hf_reserve(struct hf_container *c, struct hf_mapping *new)
{
	dma_addr_t last = hf_mapping_last(new);
	struct hf_mapping *m;

	if (c->closed)
		return -EINVAL;
	if ((new->iova | new->vaddr | new->size) & (hf_container_page(c) - 1))
		return -EINVAL;
	m = hf_container_find(c, new->iova);
	if (m && m->iova <= (hf_bug(HF_BUG_OVERLAP_TAIL) ? new->iova : last))
		return -EEXIST;
	if (!c->avail)
		return -ENOSPC;
	if (c->windows && !hf_windows_contain(c->windows, new->iova, last))
		return -EINVAL;
	c->avail--;
	atomic_inc(&c->busy);
	hf_insert(c, new);
	return 0;
}

/* Does a container need no domain? */
static bool hf_without_domain(struct hf_container *c)
{
	bool without;

	mutex_lock(&c->lock);
	without = !c->closed && !list_empty(&c->emulated);
	mutex_unlock(&c->lock);
	return without;
}

/* How hf_container_map() has to make a mapping, decided under the lock. */
struct hf_how {
	bool back;	/* there is a domain */
	bool bitmap;	/* it needs one */
	bool too_large;	/* for one, and dirty pages are tracked */
};

/* What comes after memory is mapped, where that is not all. */
static noinline int hf_finish(struct hf_container *c, struct hf_mapping *m,
			      struct hf_how how)
{
	int ret = how.too_large ? -EINVAL : 0;

	if (!ret && how.bitmap)
		ret = hf_external_track(m);
	/* A group may have left since, which could reach it already. */
	if (!ret && how.bitmap && how.back)
		WRITE_ONCE(m->external->all_dirty, true);
	if (ret) {
		hf_mapping_depopulate(c, m);
		hf_charge_refund(&m->charge);
	}
	return ret;
}

/* Make what the caller reserved: pin and map it, or only say whose it is. */
static __always_inline int hf_make(struct hf_container *c,
				   struct hf_mapping *m, struct hf_how how)
{
	int ret = -ENOLINK;

	if (likely(how.back))
		ret = hf_mapping_populate(c, m);
	if (unlikely(ret == -ENOLINK)) {
		/* No domain, or no more: is there anybody to map it for? */
		ret = -EINVAL;
		if (!how.back || hf_without_domain(c))
			ret = hf_charge_open(&m->charge, c->by_user);
	}
	if (unlikely(!ret && (how.bitmap || how.too_large)))
		ret = hf_finish(c, m, how);
	return ret;
}

/* A map that had reserved its range failed, and holds nothing else any more. */
static noinline void hf_failed(struct hf_container *c, struct hf_mapping *m,
			       int error)
{
	LIST_HEAD(list);

	list_add(&m->link, &list);
	hf_erase(c, &list, error);
}

/**
 * hf_container_map() - map user memory for the container's devices
 * @c: the container
 * @iova: first IOVA, bytes
 * @vaddr: first address in the caller's mm, bytes
 * @size: bytes, not 0; neither range wraps
 * @prot: IOMMU_READ, IOMMU_WRITE or both
 *
 * Context: may sleep and fault.
 * Return: 0; -EINVAL for misalignment or an IOVA outside the windows; -EEXIST
 * over another mapping; -ENOSPC beyond dma_entry_limit; and what
 * hf_mapping_populate() answers.  On error nothing is mapped, pinned or
 * charged.  The order of the checks is stock type1's (6.1 - 7.3).
 */
int hf_container_map(struct hf_container *c, dma_addr_t iova,
		     unsigned long vaddr, size_t size, int prot)
{
	struct hf_how how __uninitialized;
	const u64 began = hf_stats_clock();
	struct hf_mapping *m;
	u64 spent;
	int ret;

	m = xchg(&c->spare, NULL);
	if (!m)
		m = hf_mapping_alloc();
	if (!m)
		return -ENOMEM;
	/* Others than the caller will use it, who may not know its tags. */
	hf_mapping_setup(m, iova, untagged_addr(vaddr), size, prot);

	ret = hf_container_lock_range(c, iova, hf_mapping_last(m));
	if (!ret) {
		ret = hf_fail_err(HF_FAIL_RESERVE) ?: hf_reserve(c, m);
		how.back = !list_empty(&c->domains);
		how.bitmap = c->bitmaps;
		how.too_large = c->dirty && !hf_dirty_can_track(c, m);
		mutex_unlock(&c->lock);
	}
	trace_hf_range_reserve(c, m, ret);
	if (ret) {
		hf_retire(c, m);
		return ret;
	}

	ret = hf_make(c, m, how);
	trace_hf_map(c->id, m, ret);
	if (ret) {
		hf_failed(c, m, ret);
		return ret;
	}
	spent = hf_stats_clock() - began;
	if (unlikely(spent > READ_ONCE(c->stats.slowest_cycles)))
		hf_stats_slow(c, m, spent);
	hf_publish(c, m);
	/* That was a full barrier; pairs with the one in hf_domain_left(). */
	if (unlikely(how.back && list_empty_careful(&c->domains)))
		hf_container_unback(c);
	return 0;
}

/**
 * hf_container_bisects() - would unmapping a range cut a mapping in two?
 * @c: the container, its lock held
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 *
 * Return: true if a mapping holds one end of the range and reaches beyond it.
 */
bool hf_container_bisects(struct hf_container *c, dma_addr_t first,
			  dma_addr_t last)
{
	struct hf_mapping *m = hf_container_find(c, first);

	if (m && m->iova < first)
		return true;
	if (hf_bug(HF_BUG_UNMAP_CUTS))
		return false;
	m = hf_container_find(c, last);
	return m && m->iova <= last && hf_mapping_last(m) > last;
}

/* A mapping of which a driver has pages. */
struct hf_pinned {
	dma_addr_t iova;
	size_t size;
};

/* Find one in [first, last]. */
static bool hf_find_pinned(struct hf_container *c, dma_addr_t first,
			   dma_addr_t last, struct hf_pinned *pinned)
{
	struct hf_mapping *m;

	for (m = hf_container_find(c, first); m && m->iova <= last;
	     m = hf_container_next(m))
		if (hf_external_pins(m)) {
			pinned->iova = m->iova;
			pinned->size = m->size;
			return true;
		}
	return false;
}

/*
 * Mark what an unmap of [first, last] takes down and gather it.  v2 refuses to
 * cut a mapping in two.  v1 unmaps nothing from a range that begins inside a
 * mapping, and the whole of a mapping the range ends in.  Return: 0; -EAGAIN,
 * with nothing marked, and @pinned a mapping that drivers must unpin, looked for
 * from the last such on first; -EINVAL.
 */
static int hf_doom(struct hf_container *c, dma_addr_t first, dma_addr_t last,
		   bool all, const struct vfio_bitmap *dirty,
		   struct list_head *list, struct hf_pinned *pinned)
{
	struct hf_mapping *start, *m;

	if (dirty && (!c->dirty || dirty->pgsize != hf_container_page(c)))
		return -EINVAL;
	if (c->v2 && !all && hf_container_bisects(c, first, last))
		return -EINVAL;
	start = hf_container_find(c, first);
	if (start && start->iova < first)
		return 0;
	if ((!list_empty(&c->emulated) || !list_empty_careful(&c->devices)) &&
	    (hf_find_pinned(c, max(first, pinned->iova), last, pinned) ||
	     (pinned->iova > first &&
	      hf_find_pinned(c, first, pinned->iova - 1, pinned))))
		return -EAGAIN;
	for (m = start; m && m->iova <= last; m = hf_container_next(m)) {
		hf_claim(c, m, list);
		if (dirty)
			hf_dirty_take(c, m);
	}
	return 0;
}

/* Times an unmap asks without getting further until it complains, and waits. */
#define HF_NOTIFY_MAX	10

/*
 * Have drivers unpin @now.  @last: the furthest mapping they were told of so
 * far, @tries times.  Return: 0 to look again; -EINTR when killed.
 */
static int hf_reclaim(struct hf_container *c, const struct hf_pinned *now,
		      struct hf_pinned *last, unsigned int *tries)
{
	if (now->iova > last->iova) {
		*last = *now;
		*tries = 0;
	}
	/* They may leave it to another thread, or pin again. */
	if (++*tries > HF_NOTIFY_MAX) {
		pr_warn_ratelimited("holdfast: a driver does not unpin its pages at IOVA %pad: the unmap waits\n",
				    &now->iova);
		schedule_timeout_killable(HZ / 10);
	} else if (*tries > 1) {
		schedule_timeout_killable(1);
	}
	if (hf_fail(HF_FAIL_RECLAIM) || fatal_signal_pending(current))
		return -EINTR;
	hf_emulated_notify(c, now->iova, now->size);
	return 0;
}

/* Report gathered mappings as dirty; those that cannot be come back to life. */
static int hf_report(struct hf_container *c, dma_addr_t first,
		     const struct vfio_bitmap *dirty, struct list_head *list)
{
	struct hf_mapping *m, *next;
	LIST_HEAD(back);
	int ret = 0;

	list_for_each_entry_safe(m, next, list, link) {
		if (!ret)
			ret = hf_dirty_report(m, dirty, first);
		if (ret) {
			hf_dirty_give_back(m);
			m->state = HF_MAPPING_HELD;
			list_move_tail(&m->link, &back);
		}
	}
	if (ret)
		hf_container_unhold(c, &back);
	return ret;
}

/**
 * hf_container_unmap_exact() - unmap one mapping, just as it was mapped
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 *
 * What most unmaps are, without the lists of the others.
 *
 * Context: may sleep.
 * Return: true as hf_container_unmap(); false, with nothing done, if the range
 * is not one mapping at rest.
 */
bool hf_container_unmap_exact(struct hf_container *c, dma_addr_t first,
			      dma_addr_t last)
{
	struct hf_mapping *m;

	mutex_lock(&c->lock);
	m = hf_container_find(c, first);
	if (!m || m->iova != first || hf_mapping_last(m) != last ||
	    !hf_mapping_at_rest(m) || hf_mapping_special(m)) {
		mutex_unlock(&c->lock);
		return false;
	}
	m->state = HF_MAPPING_DYING;
	atomic_inc(&c->busy);
	mutex_unlock(&c->lock);

	trace_hf_unmap(c->id, m, 0);
	hf_mapping_depopulate(c, m);
	hf_charge_refund(&m->charge);

	mutex_lock(&c->lock);
	rb_erase(&m->node, &c->mappings);
	c->avail++;
	c->stats.unmaps++;
	mutex_unlock(&c->lock);
	hf_settle(c, 1);
	hf_keep(c, m);
	return true;
}

/**
 * hf_container_unmap_range() - the general case of hf_container_unmap()
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @all: as there
 * @dirty: as there
 * @unmapped: as there
 *
 * Context: may sleep.
 * Return: as there.
 */
int hf_container_unmap_range(struct hf_container *c, dma_addr_t first,
			     dma_addr_t last, bool all,
			     const struct vfio_bitmap *dirty, u64 *unmapped)
{
	struct hf_pinned pinned = {}, before = {};
	unsigned int tries = 0;
	struct hf_mapping *m;
	LIST_HEAD(list);
	u64 size = 0;
	int ret;

	do {
		ret = hf_container_lock_range(c, first, last);
		if (ret)
			return ret;
		ret = hf_doom(c, first, last, all, dirty, &list, &pinned);
		mutex_unlock(&c->lock);
		if (ret && ret != -EAGAIN)
			return ret;
		if (ret && hf_reclaim(c, &pinned, &before, &tries))
			return -EINTR;
	} while (ret);

	if (dirty) {
		ret = hf_report(c, first, dirty, &list);
		trace_hf_dirty_report(c->id, first, last, ret);
	}
	list_for_each_entry(m, &list, link)
		size += m->size;
	if (!list_empty(&list))
		hf_take_down(c, &list);
	if (hf_bug(HF_BUG_UNMAP_SIZE) && size)
		size = last - first + 1;
	*unmapped = size;
	return ret;
}
