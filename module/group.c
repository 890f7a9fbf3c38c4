// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups that join and leave a container.
 *
 * A group that joins shares the domain of an earlier one where the IOMMU
 * driver agrees (and domain_per_group is off), else it brings a new domain,
 * and every mapping is replayed into that before anybody else can see it.  A
 * domain whose last group leaves goes; the container's last group takes all
 * mappings with it.  The VFIO core serialises joining, leaving and release
 * with its own lock of the container.
 *
 * A group of an emulated device has no domain.  While a container has only such
 * groups its mappings are not pinned; the first group with an IOMMU has them
 * all pinned and mapped, and when the last one of those leaves they are unpinned.
 * That may fault and takes as long as it takes, so mappings are held for it and
 * c->lock is not.  A domain is in the list before the mappings are backed, so
 * what is mapped meanwhile is mapped into it at once.
 *
 * Locking: else c->lock is held throughout, the replay of all mappings included;
 * domains_sem is taken for writing to add or remove a domain, and whenever a
 * group joins or leaves one.  See container.c.
 */
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "container.h"
#include "dirty.h"
#include "domain.h"
#include "fail.h"
#include "hold.h"
#include "mapping.h"
#include "params.h"
#include "window.h"

/*
 * IOMMU drivers change what mapping and flushing read (the IOMMUs a domain is
 * on, even the top of its page table) when a group joins or leaves, so nobody
 * may map or unmap at that moment.
 */
static void hf_group_leave(struct hf_container *c, struct hf_domain *domain,
			   struct hf_group *group)
{
	down_write(&c->domains_sem);
	iommu_detach_group(domain->iommu, group->group);
	list_del(&group->link);
	up_write(&c->domains_sem);
	kfree(group);
}

/* A group and its domain, which is NULL for an emulated device's. */
static struct hf_group *hf_find_group(struct hf_container *c,
				      struct iommu_group *iommu_group,
				      struct hf_domain **domain)
{
	struct hf_domain *d;
	struct hf_group *group;

	lockdep_assert_held(&c->lock);
	list_for_each_entry(d, &c->domains, link)
		list_for_each_entry(group, &d->groups, link)
			if (group->group == iommu_group) {
				*domain = d;
				return group;
			}
	*domain = NULL;
	list_for_each_entry(group, &c->emulated, link)
		if (group->group == iommu_group)
			return group;
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
	for (m = hf_container_first(c); m; m = hf_container_next(m)) {
		ret = hf_fail_err(HF_FAIL_GROUP_REPLAY) ?: hf_mapping_replay(m, domain);
		if (ret)
			goto undo;
		cond_resched();
	}
	list_add_tail(&domain->link, &c->domains);
	up_write(&c->domains_sem);
	return 0;

undo:
	bad = m;
	for (m = hf_container_first(c); m != bad; m = hf_container_next(m))
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
	for (m = hf_container_first(c); m; m = hf_container_next(m))
		hf_mapping_unreplay(m, domain);
	up_write(&c->domains_sem);
	hf_domain_destroy(domain);
}

static void hf_set_windows(struct hf_container *c, struct hf_windows *windows)
{
	lockdep_assert_held(&c->lock);
	kfree(c->windows);
	c->windows = windows;
	WRITE_ONCE(c->pgsizes, hf_domains_pgsizes(&c->domains));
}

static bool hf_fits(struct hf_container *c, const struct hf_windows *windows)
{
	struct hf_mapping *m;

	for (m = hf_container_first(c); m; m = hf_container_next(m))
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

	/* Mappings may have to be pinned. */
	if (c->nr_stale)
		return -EBUSY;
	if (c->closed || hf_find_group(c, iommu_group, &home))
		return -EINVAL;

	group = hf_fail(HF_FAIL_GROUP_ALLOC) ? NULL :
		kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return -ENOMEM;
	group->group = iommu_group;
	own = hf_domain_create(group, c->nested);
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
	if (hf_fail(HF_FAIL_GROUP_FITS) || !hf_fits(c, windows))
		goto free_windows;

	ret = -EPERM;
	if (hf_fail(HF_FAIL_GROUP_MSI) ||
	    (!READ_ONCE(hf_allow_unsafe_interrupts) &&
	     !hf_group_isolated_msi(iommu_group))) {
		pr_warn_ratelimited("holdfast: group %d: the platform cannot isolate its interrupts; load with allow_unsafe_interrupts=1 if you trust its user\n",
				    iommu_group_id(iommu_group));
		goto free_windows;
	}

	ret = 0;
	home = own;
	if (!READ_ONCE(hf_domain_per_group)) {
		down_write(&c->domains_sem);
		home = hf_domain_join(&c->domains, own, group, &ret);
		up_write(&c->domains_sem);
	}
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
 * Return: 0; -EBUSY while memory moves to another process; -EINVAL for a group
 * that is attached already, or whose aperture or reserved regions are in the way
 * of a mapping; -EPERM when its interrupts are not isolated; -ENOMEM, what the
 * IOMMU driver answered, or, where mappings have to be pinned, as
 * hf_mapping_back().  On error everything is as before, but that pages of which
 * there is a dirty bitmap are dirty once more.
 */
int hf_container_attach(struct hf_container *c, struct iommu_group *group)
{
	bool attached, back, windows;
	LIST_HEAD(unbacked);
	LIST_HEAD(one);
	int ret;

	mutex_lock(&c->lock);
	back = !list_empty(&c->emulated) && list_empty(&c->domains);
	if (back) {
		/* Whoever maps now may have seen that there is no domain. */
		mutex_unlock(&c->lock);
		ret = hf_container_lock_all(c);
		if (ret)
			return ret;
	}
	windows = c->windows;
	ret = hf_attach_locked(c, group);
	attached = !ret;
	if (back) {
		if (attached)
			hf_container_hold(c, 0, ~(dma_addr_t)0, &unbacked);
		hf_container_open_gate(c);
	}
	mutex_unlock(&c->lock);

	while (!ret && !list_empty(&unbacked)) {
		list_move(unbacked.next, &one);
		ret = hf_mapping_back(c, list_first_entry(&one,
							  struct hf_mapping,
							  link));
		hf_container_unhold(c, &one);
		cond_resched();
	}
	/* Without the domain, what is backed is backed no more. */
	if (ret && attached) {
		hf_container_detach(c, group);
		if (!windows) {
			mutex_lock(&c->lock);
			hf_set_windows(c, NULL);
			mutex_unlock(&c->lock);
		}
	}
	hf_container_unhold(c, &unbacked);
	return ret;
}

/**
 * hf_container_attach_emulated() - let a group's drivers pin pages
 * @c: the container
 * @group: group of an emulated device
 *
 * Context: may sleep; the VFIO core serialises attach and detach.
 * Return: 0; -EBUSY while memory moves to another process; -EINVAL for a group
 * that is attached already; -ENOMEM; -EINTR when killed.
 */
int hf_container_attach_emulated(struct hf_container *c,
				 struct iommu_group *group)
{
	struct hf_domain *domain;
	struct hf_group *new;
	int ret;

	new = hf_fail(HF_FAIL_EMULATED_ALLOC) ? NULL :
	      kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->group = group;

	ret = hf_fail_err(HF_FAIL_EMULATED_LOCK) ?: mutex_lock_killable(&c->dirty_lock);
	if (ret) {
		kfree(new);
		return ret;
	}
	mutex_lock(&c->lock);
	if (c->nr_stale)
		ret = -EBUSY;
	else if (c->closed || hf_find_group(c, group, &domain))
		ret = -EINVAL;
	else
		list_add(&new->link, &c->emulated);
	mutex_unlock(&c->lock);
	if (ret) {
		kfree(new);
		goto unlock;
	}
	ret = hf_dirty_give_bitmaps(c);
	if (ret)
		hf_container_detach(c, group);
unlock:
	mutex_unlock(&c->dirty_lock);
	return ret;
}

/* The last group of @domain has left. */
static void hf_domain_left(struct hf_container *c, struct hf_domain *domain)
{
	const bool last = list_is_singular(&c->domains);

	if (last && list_empty(&c->emulated)) {
		c->closed = true;
		mutex_unlock(&c->lock);
		hf_container_unmap_all(c);
		mutex_lock(&c->lock);
	}
	hf_remove_domain(c, domain);
	/*
	 * Pairs with the barrier in hf_container_map(): whoever is about to
	 * publish a mapping sees that there is no domain, or has published it
	 * when hf_container_unback() looks.
	 */
	smp_mb();
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
	bool closed;

	mutex_lock(&c->lock);
	group = hf_find_group(c, iommu_group, &domain);
	if (!group) {
		mutex_unlock(&c->lock);
		return;
	}

	if (domain) {
		hf_group_leave(c, domain, group);
		/* Its devices could write anywhere. */
		hf_dirty_all(c);
		if (list_empty(&domain->groups))
			hf_domain_left(c, domain);
		/* Without memory the old, smaller windows stay. */
		windows = hf_windows_compute(&c->domains, NULL);
		if (!IS_ERR(windows))
			hf_set_windows(c, windows);
		else
			WRITE_ONCE(c->pgsizes, hf_domains_pgsizes(&c->domains));
	} else {
		list_del(&group->link);
		kfree(group);
		c->closed = list_empty(&c->emulated) && list_empty(&c->domains);
	}
	closed = c->closed;
	mutex_unlock(&c->lock);

	if (closed)
		hf_container_unmap_all(c);
	else if (domain)
		hf_container_unback(c);
}

/**
 * hf_container_detach_all() - take all groups and domains out
 * @c: the container; nothing can be mapped in it any more
 *
 * Mappings stay, pinned and out of reach of any device.
 *
 * Context: may sleep.
 */
void hf_container_detach_all(struct hf_container *c)
{
	struct hf_domain *domain, *next;
	struct hf_group *group, *next_group;

	mutex_lock(&c->lock);
	c->closed = true;
	list_for_each_entry_safe(group, next_group, &c->emulated, link) {
		list_del(&group->link);
		kfree(group);
	}
	list_for_each_entry_safe(domain, next, &c->domains, link) {
		while (!list_empty(&domain->groups))
			hf_group_leave(c, domain,
				       list_first_entry(&domain->groups,
							struct hf_group, link));
		hf_remove_domain(c, domain);
	}
	mutex_unlock(&c->lock);
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
	if (hf_find_group(c, iommu_group, &domain) && domain)
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
