// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for mappings, and holding them.
 *
 * A mapping that is NEW, HELD or DYING belongs to the one thread that made it so;
 * whoever meets it in a range of interest waits, killably, for @settled, on which
 * everybody is woken who lets one go.  c->busy counts them, so that while nobody is
 * at work anywhere nobody looks.
 *
 * HELD is for who works on a mapping without the lock, because he may fault or
 * sleep for long, and for whom it must not go, or change: drivers' pins, dirty
 * bitmaps, new addresses, comparing, refreshing, a walk over a long log.  Only
 * groups come and go under it, and who lets a mapping go that lost its last
 * domain meanwhile unpins it.
 *
 * The gate is for the one thing that needs everything at rest, the first group
 * with an IOMMU that joins others: it keeps new work from beginning meanwhile.
 *
 * Locking: states change with c->lock held, but for the last step to LIVE of a
 * mapping that is being made.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "container.h"
#include "fail.h"
#include "hold.h"
#include "mapping.h"
#include "trace.h"

/* @pass: is the caller let through the gate? */
static bool hf_settled(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last, bool pass)
{
	struct hf_mapping *m;

	if (!atomic_read_acquire(&c->busy))
		return true;
	if (c->gate && !pass)
		return false;
	for (m = hf_container_find(c, first); m && m->iova <= last;
	     m = hf_container_next(m))
		if (!hf_mapping_at_rest(m))
			return false;
	return true;
}

/**
 * hf_hold_wait() - wait until a range is at rest
 * @c: the container, its lock held, let go meanwhile
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @state: TASK_KILLABLE or TASK_UNINTERRUPTIBLE
 * @pass: let the caller through the gate
 *
 * Return: 0 with the lock held; -EINTR when killed, without.
 */
int hf_hold_wait(struct hf_container *c, dma_addr_t first, dma_addr_t last,
		 int state, bool pass)
{
	DEFINE_WAIT(wait);
	ktime_t began = 0;
	int ret = 0;

	while (!hf_settled(c, first, last, pass)) {
		if (trace_hf_range_wait_enabled() && !began)
			began = ktime_get();
		prepare_to_wait(&c->settled, &wait, state);
		if (!hf_settled(c, first, last, pass)) {
			mutex_unlock(&c->lock);
			if (!signal_pending_state(state, current))
				schedule();
			finish_wait(&c->settled, &wait);
			if ((state == TASK_KILLABLE &&
			     hf_fail(HF_FAIL_WAIT_RANGE)) ||
			    signal_pending_state(state, current)) {
				ret = -EINTR;
				break;
			}
			mutex_lock(&c->lock);
		}
		finish_wait(&c->settled, &wait);
	}
	if (began)
		trace_hf_range_wait(c->id, first, last,
				    ktime_to_ns(ktime_sub(ktime_get(), began)),
				    ret);
	return ret;
}

/**
 * hf_container_lock_range_always() - the same for who cannot give up
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 */
void hf_container_lock_range_always(struct hf_container *c, dma_addr_t first,
				    dma_addr_t last)
{
	hf_lock_range(c, first, last, TASK_UNINTERRUPTIBLE, true);
}

/**
 * hf_container_lock_all() - take the lock with every mapping at rest
 * @c: the container
 *
 * Whoever wants to begin something new waits behind a gate meanwhile, and until
 * hf_container_open_gate(), so that this does not take for ever.  Drivers may
 * still unpin.
 *
 * Return: 0, or -EINTR when killed, with neither lock nor gate.
 */
int hf_container_lock_all(struct hf_container *c)
{
	int ret;

	mutex_lock(&c->lock);
	WARN_ON_ONCE(c->gate);
	c->gate = true;
	atomic_inc(&c->busy);
	mutex_unlock(&c->lock);

	ret = hf_fail_err(HF_FAIL_LOCK_ALL) ?:
	      hf_lock_range(c, 0, ~(dma_addr_t)0, TASK_KILLABLE, true);
	if (ret) {
		mutex_lock(&c->lock);
		hf_container_open_gate(c);
		mutex_unlock(&c->lock);
	}
	return ret;
}

/**
 * hf_container_open_gate() - let everybody go on
 * @c: the container, its lock held
 */
void hf_container_open_gate(struct hf_container *c)
{
	lockdep_assert_held(&c->lock);
	c->gate = false;
	hf_settle(c, 1);
}

static void hf_hold(struct hf_container *c, struct hf_mapping *m,
		    struct list_head *held)
{
	lockdep_assert_held(&c->lock);
	m->state = HF_MAPPING_HELD;
	list_add_tail(&m->link, held);
	atomic_inc(&c->busy);
}

/**
 * hf_container_hold() - keep everybody else off the mappings of a range
 * @c: the container, its lock taken by hf_container_lock_range() for the range
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @held: the mappings are added here, in IOVA order
 *
 * They stay as they are, and mapped, when the lock is let go, until
 * hf_container_unhold().  Only groups come and go meanwhile.
 *
 * Return: was there one?
 */
bool hf_container_hold(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last, struct list_head *held)
{
	struct hf_mapping *m;

	lockdep_assert_held(&c->lock);
	for (m = hf_container_find(c, first); m && m->iova <= last;
	     m = hf_container_next(m))
		hf_hold(c, m, held);
	return !list_empty(held);
}

/**
 * hf_container_unhold() - let go of held mappings
 * @c: the container
 * @held: the mappings; empty afterwards
 *
 * A mapping that lost its last domain meanwhile, and stays for devices without
 * an IOMMU, is unpinned here, by whoever held it.
 *
 * Context: may sleep; no lock of holdfast's may be held.
 */
void hf_container_unhold(struct hf_container *c, struct list_head *held)
{
	struct hf_mapping *m, *next;
	int nr;

	do {
		nr = 0;
		mutex_lock(&c->lock);
		list_for_each_entry_safe(m, next, held, link) {
			if (hf_mapping_backed(m) && list_empty(&c->domains))
				continue;
			list_del(&m->link);
			/* Pairs with the acquire in hf_mapping_at_rest(). */
			smp_store_release(&m->state, HF_MAPPING_LIVE);
			nr++;
		}
		mutex_unlock(&c->lock);
		hf_settle(c, nr);
		list_for_each_entry(m, held, link) {
			hf_mapping_unback(c, m);
			cond_resched();
		}
	} while (!list_empty(held));
}

/**
 * hf_container_hold_next() - hold the lowest mapping that reaches into a range
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @held: empty; the mapping is added, for hf_container_unhold()
 *
 * To go over mappings one by one.  What is mapped below the one that is found
 * before it is held is left out.
 *
 * Context: may sleep; no lock of holdfast's may be held.
 * Return: the mapping; NULL if there is none; ERR_PTR(-EINTR) when killed while
 * waiting for somebody who is at work on it.
 */
struct hf_mapping *hf_container_hold_next(struct hf_container *c,
					  dma_addr_t first, dma_addr_t last,
					  struct list_head *held)
{
	struct hf_mapping *m;
	int ret;

	mutex_lock(&c->lock);
	while ((m = hf_container_find(c, first)) && m->iova <= last) {
		dma_addr_t from = m->iova;
		dma_addr_t to = hf_mapping_last(m);

		mutex_unlock(&c->lock);
		ret = hf_container_lock_range(c, from, to);
		if (ret)
			return ERR_PTR(ret);
		/* It may have gone, and others come, of which one will do. */
		if (hf_container_hold(c, from, from, held))
			break;
	}
	mutex_unlock(&c->lock);
	return list_first_entry_or_null(held, struct hf_mapping, link);
}

/**
 * hf_container_each() - do something to every mapping there is
 * @c: the container
 * @what: what; the mapping is held for it, and nothing else
 *
 * One after the other.  What is mapped meanwhile may be left out, or not.
 *
 * Context: may sleep; no lock of holdfast's may be held.
 * Return: 0; -EINTR when killed while waiting for somebody who is at work on a
 * mapping; or the first thing else that @what returned, which ends it.
 */
int hf_container_each(struct hf_container *c,
		      int (*what)(struct hf_container *c, struct hf_mapping *m))
{
	const dma_addr_t end = ~(dma_addr_t)0;
	struct hf_mapping *m;
	dma_addr_t next = 0;
	int ret;

	do {
		LIST_HEAD(held);

		m = hf_container_hold_next(c, next, end, &held);
		if (IS_ERR_OR_NULL(m))
			return PTR_ERR_OR_ZERO(m);
		next = hf_mapping_last(m) + 1;
		ret = what(c, m);
		hf_container_unhold(c, &held);
		cond_resched();
	} while (!ret && next);
	return ret;
}

/**
 * hf_container_unback() - unpin what is left to devices without an IOMMU
 * @c: the container
 *
 * Nothing happens while there is a domain.  What is not at rest is left to
 * whoever works on it.
 *
 * Context: may sleep; no lock of holdfast's may be held.
 */
void hf_container_unback(struct hf_container *c)
{
	struct hf_mapping *m;
	LIST_HEAD(held);

	mutex_lock(&c->lock);
	if (list_empty(&c->domains) && !c->closed)
		for (m = hf_container_first(c); m; m = hf_container_next(m))
			if (hf_mapping_at_rest(m) && hf_mapping_backed(m))
				hf_hold(c, m, &held);
	mutex_unlock(&c->lock);
	hf_container_unhold(c, &held);
}
