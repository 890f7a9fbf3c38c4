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
 * core holds only a number.  Every call looks it up and takes a reference, and
 * a call that outlives the release finds the container closed, undoes what it
 * did and drops the last reference.  Devices are detached before release()
 * returns, whatever such a call still pins.
 */
#include <linux/iommu.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "compat.h"
#include "container.h"
#include "domain.h"
#include "mapping.h"
#include "params.h"
#include "trace.h"
#include "window.h"

static DEFINE_XARRAY_ALLOC1(hf_containers);
static atomic_t hf_nr_containers = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(hf_no_containers);

/* The mapping that holds @iova or else the next one above it. */
static struct hf_mapping *hf_find_from(struct hf_container *c, dma_addr_t iova)
{
	struct rb_node *node = c->mappings.rb_node;
	struct hf_mapping *found = NULL;

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

static struct hf_mapping *hf_first(struct hf_container *c)
{
	struct rb_node *node = rb_first(&c->mappings);

	return node ? rb_entry(node, struct hf_mapping, node) : NULL;
}

static struct hf_mapping *hf_next(struct hf_mapping *m)
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

/* @m belongs to everybody from here on: the caller may not touch it again. */
static void hf_publish(struct hf_container *c, struct hf_mapping *m)
{
	smp_store_release(&m->state, HF_MAPPING_LIVE);
	if (wq_has_sleeper(&c->settled))
		wake_up_all(&c->settled);
}

static bool hf_settled(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last)
{
	struct hf_mapping *m;

	for (m = hf_find_from(c, first); m && m->iova <= last; m = hf_next(m))
		if (!hf_is_live(m))
			return false;
	return true;
}

/*
 * Take c->lock with nobody at work on a mapping that overlaps [first, last].
 * Return: 0, or -EINTR with the lock not taken.
 */
static int hf_lock_settled(struct hf_container *c, dma_addr_t first,
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

/* Erase mappings that hold nothing any more from the tree and free them. */
static void hf_erase(struct hf_container *c, struct list_head *list)
{
	struct hf_mapping *m, *next;

	mutex_lock(&c->lock);
	list_for_each_entry(m, list, link) {
		rb_erase(&m->node, &c->mappings);
		c->avail++;
	}
	mutex_unlock(&c->lock);
	if (wq_has_sleeper(&c->settled))
		wake_up_all(&c->settled);
	list_for_each_entry_safe(m, next, list, link)
		hf_mapping_free(m);
}

/* Take down mappings that the caller marked DYING; refund neighbours at once. */
static void hf_take_down(struct hf_container *c, struct list_head *list)
{
	struct hf_charge refund = {};
	struct hf_mapping *m;

	list_for_each_entry(m, list, link) {
		trace_hf_unmap(c->id, m);
		hf_mapping_depopulate(c, m);
		hf_charge_move(&refund, &m->charge);
	}
	hf_charge_refund(&refund);
	hf_erase(c, list);
}

/* Take down everything that is live.  What is NEW or DYING has an owner. */
static void hf_take_down_all(struct hf_container *c)
{
	struct hf_mapping *m;
	LIST_HEAD(list);

	mutex_lock(&c->lock);
	for (m = hf_first(c); m; m = hf_next(m)) {
		if (!hf_is_live(m))
			continue;
		m->state = HF_MAPPING_DYING;
		list_add_tail(&m->link, &list);
	}
	mutex_unlock(&c->lock);
	hf_take_down(c, &list);
}

/**
 * hf_container_create() - make an empty container
 * @v2: VFIO_TYPE1v2_IOMMU rather than VFIO_TYPE1_IOMMU
 *
 * Return: the container, with the reference that hf_container_release() drops;
 * or ERR_PTR(-ENOMEM), ERR_PTR(-EBUSY) when all numbers are taken.
 */
struct hf_container *hf_container_create(bool v2)
{
	struct hf_container *c;
	int ret;

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
	atomic_long_set(&c->pins, 0);

	ret = xa_alloc(&hf_containers, &c->id, c, xa_limit_31b,
		       GFP_KERNEL_ACCOUNT);
	if (ret) {
		kfree(c);
		return ERR_PTR(ret);
	}
	atomic_inc(&hf_nr_containers);
	return c;
}

/**
 * hf_container_get() - find a container and take a reference
 * @id: its number
 *
 * Return: the container, or NULL if it was released.
 */
struct hf_container *hf_container_get(u32 id)
{
	struct hf_container *c;

	rcu_read_lock();
	c = xa_load(&hf_containers, id);
	if (c && !refcount_inc_not_zero(&c->refs))
		c = NULL;
	rcu_read_unlock();
	return c;
}

/**
 * hf_container_put() - drop a reference
 * @c: the container
 *
 * Context: may sleep.
 */
void hf_container_put(struct hf_container *c)
{
	if (!refcount_dec_and_test(&c->refs))
		return;

	/* A map may have become live after release() had looked for such. */
	hf_take_down_all(c);
	WARN_ON_ONCE(!RB_EMPTY_ROOT(&c->mappings));
	WARN_ON_ONCE(atomic_long_read(&c->pins));
	kfree(c->windows);
	kfree_rcu(c, rcu);
	if (atomic_dec_and_test(&hf_nr_containers))
		wake_up_all(&hf_no_containers);
}

/**
 * hf_container_drain() - wait until no call uses any container any more
 *
 * Context: module exit: VFIO makes no new containers.  May sleep.
 */
void hf_container_drain(void)
{
	wait_event(hf_no_containers, !atomic_read(&hf_nr_containers));
	rcu_barrier();
	xa_destroy(&hf_containers);
}

static void hf_detach_group(struct hf_domain *domain, struct hf_group *group)
{
	iommu_detach_group(domain->iommu, group->group);
	list_del(&group->link);
	kfree(group);
}

static struct hf_group *hf_find_group(struct hf_container *c,
				      struct iommu_group *iommu_group,
				      struct hf_domain **domain)
{
	struct hf_domain *d;
	struct hf_group *group;

	list_for_each_entry(d, &c->domains, link)
		list_for_each_entry(group, &d->groups, link)
			if (group->group == iommu_group) {
				*domain = d;
				return group;
			}
	return NULL;
}

/* Show @domain every mapping and add it to the container's domains. */
static int hf_add_domain(struct hf_container *c, struct hf_domain *domain)
{
	struct hf_mapping *m, *bad;
	phys_addr_t msi_base;
	int ret;

	if (hf_domain_sw_msi(domain, &msi_base)) {
		ret = iommu_get_msi_cookie(domain->iommu, msi_base);
		if (ret && ret != -ENODEV)
			return ret;
	}

	down_write(&c->domains_sem);
	for (m = hf_first(c); m; m = hf_next(m)) {
		ret = hf_mapping_replay(m, domain);
		if (ret)
			goto undo;
	}
	list_add_tail(&domain->link, &c->domains);
	up_write(&c->domains_sem);
	return 0;

undo:
	bad = m;
	for (m = hf_first(c); m != bad; m = hf_next(m))
		hf_mapping_unreplay(m, domain);
	up_write(&c->domains_sem);
	return ret;
}

/* No group is attached to @domain any more. */
static void hf_remove_domain(struct hf_container *c, struct hf_domain *domain)
{
	struct hf_mapping *m;

	down_write(&c->domains_sem);
	list_del(&domain->link);
	for (m = hf_first(c); m; m = hf_next(m))
		hf_mapping_unreplay(m, domain);
	up_write(&c->domains_sem);
	hf_domain_destroy(domain);
}

static void hf_set_windows(struct hf_container *c, struct hf_windows *windows)
{
	kfree(c->windows);
	c->windows = windows;
	WRITE_ONCE(c->pgsizes, hf_domains_pgsizes(&c->domains));
}

static bool hf_fits(struct hf_container *c, const struct hf_windows *windows)
{
	struct hf_mapping *m;

	for (m = hf_first(c); m; m = hf_next(m))
		if (!hf_windows_contain(windows, m->iova, hf_mapping_last(m)))
			return false;
	return true;
}

static int hf_attach_locked(struct hf_container *c,
			    struct iommu_group *iommu_group)
{
	struct hf_domain *own, *home;
	struct hf_windows *windows;
	struct hf_group *group;
	int ret;

	if (c->closed || hf_find_group(c, iommu_group, &home))
		return -EINVAL;

	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return -ENOMEM;
	group->group = iommu_group;
	own = hf_domain_create(group);
	if (IS_ERR(own)) {
		kfree(group);
		return PTR_ERR(own);
	}

	windows = hf_windows_compute(&c->domains, own);
	if (IS_ERR(windows)) {
		ret = PTR_ERR(windows);
		goto destroy;
	}
	ret = -EINVAL;
	if (!hf_fits(c, windows))
		goto free_windows;

	ret = -EPERM;
	if (!READ_ONCE(hf_allow_unsafe_interrupts) &&
	    !hf_group_isolated_msi(iommu_group)) {
		pr_warn_ratelimited("holdfast: group %d: the platform cannot isolate its interrupts; load with allow_unsafe_interrupts=1 if you trust its user\n",
				    iommu_group_id(iommu_group));
		goto free_windows;
	}

	ret = 0;
	home = own;
	if (!READ_ONCE(hf_domain_per_group))
		home = hf_domain_join(&c->domains, own, group, &ret);
	if (ret) {
		kfree(group);
		goto free_windows;
	}
	if (home == own) {
		ret = hf_add_domain(c, own);
		if (ret)
			goto free_windows;
	} else {
		hf_domain_destroy(own);
	}
	hf_set_windows(c, windows);
	return 0;

free_windows:
	kfree(windows);
destroy:
	hf_domain_destroy(own);
	return ret;
}

/**
 * hf_container_attach() - let a group's devices reach the mappings
 * @c: the container
 * @group: a group that the VFIO core claimed for its user
 *
 * Context: may sleep; the VFIO core serialises attach and detach.
 * Return: 0; -EINVAL for a group that is attached already, or whose aperture
 * or reserved regions are in the way of a mapping; -EPERM when its interrupts
 * are not isolated; -ENOMEM, or what the IOMMU driver answered.  On error
 * everything is as before.
 */
int hf_container_attach(struct hf_container *c, struct iommu_group *group)
{
	int ret;

	mutex_lock(&c->lock);
	ret = hf_attach_locked(c, group);
	mutex_unlock(&c->lock);
	return ret;
}

/**
 * hf_container_detach() - take a group out
 * @c: the container
 * @iommu_group: the group; unknown ones are ignored
 *
 * The last group takes all mappings with it: a container without a group has
 * no privilege to keep memory pinned.
 *
 * Context: may sleep; the VFIO core serialises attach and detach.
 */
void hf_container_detach(struct hf_container *c,
			 struct iommu_group *iommu_group)
{
	struct hf_windows *windows;
	struct hf_domain *domain;
	struct hf_group *group;

	mutex_lock(&c->lock);
	group = hf_find_group(c, iommu_group, &domain);
	if (!group)
		goto unlock;

	hf_detach_group(domain, group);
	if (list_empty(&domain->groups)) {
		if (list_is_singular(&c->domains)) {
			c->closed = true;
			mutex_unlock(&c->lock);
			hf_take_down_all(c);
			mutex_lock(&c->lock);
		}
		hf_remove_domain(c, domain);
	}

	/* Without memory the old, smaller windows stay. */
	windows = hf_windows_compute(&c->domains, NULL);
	if (!IS_ERR(windows))
		hf_set_windows(c, windows);
	else
		WRITE_ONCE(c->pgsizes, hf_domains_pgsizes(&c->domains));
unlock:
	mutex_unlock(&c->lock);
}

/**
 * hf_container_release() - end a container for the VFIO core
 * @c: the container; freed when the last call in flight is through
 *
 * Context: may sleep.
 */
void hf_container_release(struct hf_container *c)
{
	struct hf_domain *domain, *next;
	struct hf_group *group, *next_group;

	xa_erase(&hf_containers, c->id);

	mutex_lock(&c->lock);
	c->closed = true;
	list_for_each_entry(domain, &c->domains, link)
		list_for_each_entry_safe(group, next_group, &domain->groups,
					 link)
			hf_detach_group(domain, group);
	mutex_unlock(&c->lock);

	hf_take_down_all(c);

	mutex_lock(&c->lock);
	list_for_each_entry_safe(domain, next, &c->domains, link)
		hf_remove_domain(c, domain);
	mutex_unlock(&c->lock);
	hf_container_put(c);
}

/**
 * hf_container_domain_of() - the IOMMU domain a group is attached to
 * @c: the container
 * @iommu_group: the group
 *
 * Return: the domain, or ERR_PTR(-ENODEV).
 */
struct iommu_domain *hf_container_domain_of(struct hf_container *c,
					    struct iommu_group *iommu_group)
{
	struct iommu_domain *iommu = ERR_PTR(-ENODEV);
	struct hf_domain *domain;

	mutex_lock(&c->lock);
	if (hf_find_group(c, iommu_group, &domain))
		iommu = domain->iommu;
	mutex_unlock(&c->lock);
	return iommu;
}

/**
 * hf_container_coherent() - do all domains enforce cache coherency?
 * @c: the container
 */
bool hf_container_coherent(struct hf_container *c)
{
	struct hf_domain *domain;
	bool coherent = true;

	mutex_lock(&c->lock);
	list_for_each_entry(domain, &c->domains, link)
		coherent &= domain->coherent;
	mutex_unlock(&c->lock);
	return coherent;
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
	m = hf_find_from(c, new->iova);
	if (m && m->iova <= last)
		return -EEXIST;
	if (!c->avail)
		return -ENOSPC;
	if (!hf_windows_contain(c->windows, new->iova, last))
		return -EINVAL;
	c->avail--;
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

	m = hf_mapping_alloc(iova, vaddr, size, prot);
	if (!m)
		return -ENOMEM;

	ret = hf_lock_settled(c, iova, hf_mapping_last(m));
	if (!ret) {
		ret = hf_reserve(c, m);
		mutex_unlock(&c->lock);
	}
	if (ret) {
		hf_mapping_free(m);
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

/*
 * May [first, last] be unmapped?  v2: not if it cuts a mapping in two.  v1: a
 * range that begins inside a mapping unmaps nothing from there on, one that
 * ends inside a mapping unmaps that mapping whole.
 */
static bool hf_bisects(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last)
{
	struct hf_mapping *m = hf_find_from(c, first);

	if (m && m->iova < first)
		return true;
	m = hf_find_from(c, last);
	return m && m->iova <= last && hf_mapping_last(m) > last;
}

/**
 * hf_container_unmap() - unmap a range
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @all: VFIO_DMA_UNMAP_FLAG_ALL: the range is everything
 * @unmapped: out: bytes of the mappings that are gone
 *
 * All mappings of the range go, or none.  When this returns no device reaches
 * their pages and nothing of them is pinned or charged.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for a v2 range that cuts a mapping; -EINTR when killed
 * while another thread was still at work on a mapping of the range.
 */
int hf_container_unmap(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last, bool all, u64 *unmapped)
{
	struct hf_mapping *m;
	LIST_HEAD(list);
	u64 size = 0;
	int ret;

	ret = hf_lock_settled(c, first, last);
	if (ret)
		return ret;

	if (c->v2 && !all && hf_bisects(c, first, last)) {
		mutex_unlock(&c->lock);
		return -EINVAL;
	}
	for (m = hf_find_from(c, first); m && m->iova <= last; m = hf_next(m)) {
		if (m->iova < first)
			break;
		m->state = HF_MAPPING_DYING;
		list_add_tail(&m->link, &list);
		size += m->size;
	}
	mutex_unlock(&c->lock);

	if (!list_empty(&list))
		hf_take_down(c, &list);
	*unmapped = size;
	return 0;
}
