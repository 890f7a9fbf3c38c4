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
 * killably, for @settled.  A long section of c->lock is only a group that
 * joins a container with mappings: those are replayed into its new domain.
 *
 * Lifetime.  The VFIO core passes ioctls of the container file on without a
 * lock against the last group being detached, which releases the driver's
 * data: a pointer handed to the core could be freed under an ioctl.  So the
 * core holds only a number, which is never used again.  Every call looks it up
 * and takes a reference, and
 * a call that outlives the release finds the container closed, undoes what it
 * did and drops the last reference.  Devices are detached before release()
 * returns, whatever such a call still pins.
 */
#include <linux/hashtable.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include "compat.h"
#include "container.h"
#include "dirty.h"
#include "domain.h"
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

static bool hf_is_live(const struct hf_mapping *m)
{
	/* Pairs with the release in hf_publish(). */
	return smp_load_acquire(&m->state) == HF_MAPPING_LIVE;
}

/* @nr mappings are no longer somebody's: they are live, or erased. */
static __always_inline void hf_settle(struct hf_container *c, int nr)
{
	atomic_sub_return(nr, &c->busy);
	/*
	 * That was a full barrier.  Pairs with the one in prepare_to_wait():
	 * the waiter sees the count, or is seen here.
	 */
	if (waitqueue_active(&c->settled))
		wake_up_all(&c->settled);
}

/* @m belongs to everybody from here on: the caller may not touch it again. */
static void hf_publish(struct hf_container *c, struct hf_mapping *m)
{
	/* Pairs with the acquire in hf_is_live(): the log is complete. */
	smp_store_release(&m->state, HF_MAPPING_LIVE);
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

static bool hf_settled(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last)
{
	struct hf_mapping *m;

	if (!atomic_read_acquire(&c->busy))
		return true;
	for (m = hf_container_find(c, first); m && m->iova <= last;
	     m = hf_container_next(m))
		if (!hf_is_live(m))
			return false;
	return true;
}

/**
 * hf_container_lock_range() - take the lock with a range at rest
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 *
 * Waits until nobody is at work on a mapping that overlaps the range: all such
 * mappings are live when this returns, and stay so while the lock is held.
 *
 * Return: 0, or -EINTR when killed, with the lock not taken.
 */
int hf_container_lock_range(struct hf_container *c, dma_addr_t first,
			    dma_addr_t last)
{
	DEFINE_WAIT(wait);

	mutex_lock(&c->lock);
	while (!hf_settled(c, first, last)) {
		prepare_to_wait(&c->settled, &wait, TASK_KILLABLE);
		if (!hf_settled(c, first, last)) {
			mutex_unlock(&c->lock);
			if (!fatal_signal_pending(current))
				schedule();
			finish_wait(&c->settled, &wait);
			if (fatal_signal_pending(current))
				return -EINTR;
			mutex_lock(&c->lock);
		}
		finish_wait(&c->settled, &wait);
	}
	return 0;
}

/* Keep @m for the next map, and free what was kept before. */
static void hf_retire(struct hf_container *c, struct hf_mapping *m)
{
	hf_mapping_check(m);
	m = xchg(&c->spare, m);
	if (m)
		hf_mapping_free(m);
}

/* Erase mappings that hold nothing any more from the tree and free them. */
static void hf_erase(struct hf_container *c, struct list_head *list)
{
	struct hf_mapping *m, *next;
	int nr = 0;

	mutex_lock(&c->lock);
	list_for_each_entry(m, list, link) {
		rb_erase(&m->node, &c->mappings);
		nr++;
	}
	c->avail += nr;
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
	hf_erase(c, list);
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
		if (hf_is_live(m))
			hf_claim(c, m, &list);
	mutex_unlock(&c->lock);
	hf_take_down(c, &list);
}

/**
 * hf_container_create() - make an empty container
 * @v2: VFIO_TYPE1v2_IOMMU rather than VFIO_TYPE1_IOMMU
 *
 * Return: the container, with the reference that hf_container_release() drops;
 * or ERR_PTR(-ENOMEM).
 */
struct hf_container *hf_container_create(bool v2)
{
	struct hf_container *c;

	c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);
	refcount_set(&c->refs, 1);
	c->v2 = v2;
	mutex_init(&c->lock);
	c->mappings = RB_ROOT;
	c->avail = READ_ONCE(hf_dma_entry_limit);
	c->pgsizes = PAGE_MASK;
	init_waitqueue_head(&c->settled);
	init_rwsem(&c->domains_sem);
	INIT_LIST_HEAD(&c->domains);
	atomic_set(&c->busy, 0);
	atomic_long_set(&c->pins, 0);

	c->id = atomic_long_inc_return(&hf_last_id);
	atomic_inc(&hf_nr_containers);
	spin_lock(&hf_containers_lock);
	hash_add_rcu(hf_containers, &c->hash, c->id);
	spin_unlock(&hf_containers_lock);
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
	/* A map may have become live after release() had looked for such. */
	hf_container_unmap_all(c);
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
	if (m && m->iova <= last)
		return -EEXIST;
	if (c->dirty && !hf_dirty_can_track(c, new))
		return -EINVAL;
	if (!c->avail)
		return -ENOSPC;
	if (!hf_windows_contain(c->windows, new->iova, last))
		return -EINVAL;
	c->avail--;
	atomic_inc(&c->busy);
	hf_insert(c, new);
	return 0;
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
 * charged.  The order of the checks is stock type1's (6.1 - 7.2).
 */
int hf_container_map(struct hf_container *c, dma_addr_t iova,
		     unsigned long vaddr, size_t size, int prot)
{
	struct hf_mapping *m;
	LIST_HEAD(list);
	int ret;

	m = xchg(&c->spare, NULL);
	if (!m)
		m = hf_mapping_alloc();
	if (!m)
		return -ENOMEM;
	hf_mapping_setup(m, iova, vaddr, size, prot);

	ret = hf_container_lock_range(c, iova, hf_mapping_last(m));
	if (!ret) {
		ret = hf_reserve(c, m);
		mutex_unlock(&c->lock);
	}
	if (ret) {
		hf_retire(c, m);
		return ret;
	}

	ret = hf_mapping_populate(c, m);
	trace_hf_map(c->id, m, ret);
	if (ret) {
		list_add(&m->link, &list);
		hf_erase(c, &list);
		return ret;
	}
	hf_publish(c, m);
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
	m = hf_container_find(c, last);
	return m && m->iova <= last && hf_mapping_last(m) > last;
}

/*
 * Mark what an unmap of [first, last] takes down and gather it.  v2 refuses to
 * cut a mapping in two.  v1 unmaps nothing from a range that begins inside a
 * mapping, and the whole of a mapping the range ends in.
 */
static int hf_doom(struct hf_container *c, dma_addr_t first, dma_addr_t last,
		   bool all, const struct vfio_bitmap *dirty,
		   struct list_head *list)
{
	struct hf_mapping *m;

	if (dirty && (!c->dirty || dirty->pgsize != hf_container_page(c)))
		return -EINVAL;
	if (c->v2 && !all && hf_container_bisects(c, first, last))
		return -EINVAL;
	for (m = hf_container_find(c, first);
	     m && m->iova >= first && m->iova <= last;
	     m = hf_container_next(m))
		hf_claim(c, m, list);
	return 0;
}

/* Report gathered mappings as dirty; those that cannot be come back to life. */
static int hf_report(struct hf_container *c, dma_addr_t first,
		     const struct vfio_bitmap *dirty, struct list_head *list)
{
	struct hf_mapping *m, *next;
	int ret = 0;

	list_for_each_entry_safe(m, next, list, link) {
		if (!ret)
			ret = hf_dirty_report(dirty, first, m->iova, m->size);
		if (ret) {
			list_del(&m->link);
			hf_publish(c, m);
		}
	}
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
	    !hf_is_live(m)) {
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
	mutex_unlock(&c->lock);
	hf_settle(c, 1);
	hf_retire(c, m);
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
	struct hf_mapping *m;
	LIST_HEAD(list);
	u64 size = 0;
	int ret;

	ret = hf_container_lock_range(c, first, last);
	if (ret)
		return ret;
	ret = hf_doom(c, first, last, all, dirty, &list);
	mutex_unlock(&c->lock);
	if (ret)
		return ret;

	if (dirty)
		ret = hf_report(c, first, dirty, &list);
	list_for_each_entry(m, &list, link)
		size += m->size;
	if (!list_empty(&list))
		hf_take_down(c, &list);
	*unmapped = size;
	return ret;
}
