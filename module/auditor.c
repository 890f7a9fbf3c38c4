// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence auditor of a container: turned on and off, and its worker.
 *
 * What is suspect is found by invalidations (audit.c); the worker compares it, a
 * mapping at a time, held meanwhile, and lets go of it now and then for who wants
 * to unmap it.  It is a kernel thread's time, and nobody's: who changes memory all
 * the time keeps it busy, so it rests after a run that took long, and what is only
 * watched gets a small part of that.
 *
 * Whoever turns the auditor on has every mapping that is there audited; what is
 * being mapped meanwhile sees that it is on, or is waited for.
 *
 * Locking: auditor->on and ->stopped change with c->lock held; lists and counts are
 * under auditor->lock.  The worker has no reference: the last one that is dropped
 * stops it first (hf_auditor_stop()), and takes the last notifier away before it is
 * gone for good (hf_auditor_end()).
 */
#include <linux/bitops.h>
#include <linux/eventfd.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "audit.h"
#include "auditor.h"
#include "compare.h"
#include "container.h"
#include "fail.h"
#include "hold.h"
#include "mapping.h"

/* A burst of invalidations is verified together. */
#define HF_AUDIT_SOON		msecs_to_jiffies(10)
#define HF_AUDIT_PAUSE_MIN	msecs_to_jiffies(50)
#define HF_AUDIT_PAUSE_MAX	(8UL * HZ)

/* After a run that took long it rests so many times as long, up to a second. */
#define HF_AUDIT_SHARE		4

/* The worker lets go of a mapping after so many blocks. */
#define HF_AUDIT_BLOCKS		64

/* It sleeps at least so many times as long as it works for what is watched. */
#define HF_AUDIT_REST		20

static struct workqueue_struct *hf_auditors_wq;

/**
 * hf_auditor_soon() - have what is pending verified
 * @au: the auditor, its lock held
 *
 * Context: any that invalidations may come from.
 */
void hf_auditor_soon(struct hf_auditor *au)
{
	lockdep_assert_held(&au->lock);
	au->pause = HF_AUDIT_PAUSE_MIN;
	if (au->soon)
		return;
	au->soon = true;
	/* Who changes memory all the time does not get all of a CPU for it. */
	mod_delayed_work(hf_auditors_wq, &au->work,
			 clamp(HF_AUDIT_SHARE * au->took, HF_AUDIT_SOON,
			       (unsigned long)HZ));
}

/*
 * Compare suspect blocks of a held mapping, a good number of them.  What does not
 * rest is for the next run.
 */
static void hf_audit_some(struct hf_audit *a, struct hf_compare *cmp)
{
	struct hf_auditor *au = &a->c->auditor;
	struct mm_struct *mm = a->notifier.mm;
	unsigned int n;

	if (!mmget_not_zero(mm)) {
		hf_audit_orphan(a);
		return;
	}
	hf_audit_stand(a, cmp);
	for (n = 0; n < HF_AUDIT_BLOCKS; n++) {
		a->next = find_next_bit(a->suspect, a->blocks, a->next);
		if (a->next >= a->blocks)
			break;
		hf_audit_block(a, cmp, a->next++);
		cond_resched();
	}
	hf_audit_stood(a, cmp);
	if (a->next >= a->blocks) {
		a->next = 0;
		spin_lock(&au->lock);
		if (a->suspects)
			list_move_tail(&a->pending, &au->pending);
		spin_unlock(&au->lock);
	}
	/* If that was its last user, its end is not for us to wait for. */
	mmput_async(mm);
}

/*
 * Hold the next mapping that is to be looked at in this run.  @busy: one could
 * not be held.
 */
static struct hf_audit *hf_audit_take(struct hf_container *c,
				      struct list_head *held, bool *busy)
{
	struct hf_auditor *au = &c->auditor;
	struct hf_audit *a, *found = NULL;

	mutex_lock(&c->lock);
	spin_lock(&au->lock);
	while (!found && !au->stopped && !list_empty(&au->todo)) {
		a = list_first_entry(&au->todo, struct hf_audit, pending);
		if (!c->gate && !a->m->stale && hf_mapping_at_rest(a->m)) {
			found = a;
		} else {
			*busy |= !a->m->stale;
			list_move_tail(&a->pending, &au->pending);
		}
	}
	spin_unlock(&au->lock);
	if (found)
		hf_container_hold(c, found->m->iova, found->m->iova, held);
	mutex_unlock(&c->lock);
	return found;
}

/* Jiffies until what is watched is to be compared again; 0 if it is time. */
static unsigned long hf_auditor_rest(const struct hf_auditor *au)
{
	unsigned long rest = max(au->pause, HF_AUDIT_REST * au->watch_took);
	unsigned long rested = jiffies - au->watched_at;

	return rested < rest ? rest - rested : 0;
}

/* What is watched becomes suspect, if it is time.  Return: it was. */
static bool hf_auditor_watch(struct hf_auditor *au)
{
	struct hf_audit *a;
	unsigned long block;

	lockdep_assert_held(&au->lock);
	if (list_empty(&au->watched) || hf_auditor_rest(au))
		return false;
	list_for_each_entry(a, &au->watched, watching)
		for_each_set_bit(block, a->watch, a->blocks)
			hf_audit_mark(a, block, block);
	return true;
}

static void hf_audit_work(struct work_struct *work)
{
	struct hf_auditor *au = container_of(to_delayed_work(work),
					     struct hf_auditor, work);
	struct hf_container *c = container_of(au, struct hf_container, auditor);
	struct hf_compare *cmp = hf_compare_alloc();
	unsigned long began = jiffies;
	struct hf_audit *a;
	bool busy = false, watch;
	LIST_HEAD(held);

	spin_lock(&au->lock);
	au->soon = false;
	watch = hf_auditor_watch(au);
	list_splice_tail_init(&au->pending, &au->todo);
	spin_unlock(&au->lock);

	while (cmp && (a = hf_audit_take(c, &held, &busy))) {
		hf_audit_some(a, cmp);
		hf_container_unhold(c, &held);
		cond_resched();
	}
	hf_compare_free(cmp);

	spin_lock(&au->lock);
	list_splice_tail_init(&au->todo, &au->pending);
	au->took = jiffies - began;
	if (watch) {
		au->watched_at = jiffies;
		au->watch_took = au->took;
	}
	/* If there was news meanwhile it is queued. */
	if (!au->soon && !list_empty(&au->pending))
		queue_delayed_work(hf_auditors_wq, &au->work,
				   busy ? HF_AUDIT_PAUSE_MIN : au->pause);
	else if (!au->soon && !list_empty(&au->watched))
		queue_delayed_work(hf_auditors_wq, &au->work,
				   hf_auditor_rest(au) + 1);
	au->pause = min(2 * au->pause, HF_AUDIT_PAUSE_MAX);
	spin_unlock(&au->lock);
}

/* For hf_container_each(): audit a mapping that was made before. */
static int hf_audit_join(struct hf_container *c, struct hf_mapping *m)
{
	struct mm_struct *mm = m->charge.mm;
	int ret;

	/* What is not pinned has nothing to part from. */
	if (m->stale || m->audit || !hf_mapping_backed(m) ||
	    !mmget_not_zero(mm))
		return 0;
	ret = hf_audit_begin(c, m, mm);
	hf_audit_suspect(m, 0, m->size >> PAGE_SHIFT);
	mmput(mm);
	return ret;
}

static int hf_audit_leave(struct hf_container *c, struct hf_mapping *m)
{
	hf_audit_end(m);
	return 0;
}

static void hf_auditor_set(struct hf_container *c, bool on)
{
	mutex_lock(&c->lock);
	WRITE_ONCE(c->auditor.on, on);
	mutex_unlock(&c->lock);
}

static void hf_auditor_tell(struct hf_container *c, struct eventfd_ctx *eventfd)
{
	struct hf_auditor *au = &c->auditor;
	struct eventfd_ctx *old;

	spin_lock(&au->lock);
	old = au->eventfd;
	au->eventfd = eventfd;
	spin_unlock(&au->lock);
	if (old)
		eventfd_ctx_put(old);
}

/**
 * hf_auditor_turn_on() - audit all mappings of a container
 * @c: the container
 * @eventfd: to be signalled from now on, instead of another; or NULL; the
 *	auditor's on success
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM; -EINTR when killed.  On error all is as before.
 */
int hf_auditor_turn_on(struct hf_container *c, struct eventfd_ctx *eventfd)
{
	struct hf_auditor *au = &c->auditor;
	int ret;

	ret = hf_fail_err(HF_FAIL_AUDITOR_LOCK) ?:
	      mutex_lock_killable(&au->switching);
	if (ret)
		return ret;
	if (!au->on) {
		hf_auditor_set(c, true);
		ret = hf_container_each(c, hf_audit_join);
		if (ret) {
			hf_auditor_set(c, false);
			hf_container_each(c, hf_audit_leave);
		}
	}
	if (!ret)
		hf_auditor_tell(c, eventfd);
	mutex_unlock(&au->switching);
	return ret;
}

/**
 * hf_auditor_turn_off() - audit a container no more
 * @c: the container
 *
 * Context: may sleep.
 * Return: 0; -EPERM when the module's parameter had turned it on; -EINTR when
 * killed: some mappings may still be audited.
 */
int hf_auditor_turn_off(struct hf_container *c)
{
	struct hf_auditor *au = &c->auditor;
	int ret;

	if (au->operator)
		return -EPERM;
	ret = hf_fail_err(HF_FAIL_AUDITOR_LOCK) ?:
	      mutex_lock_killable(&au->switching);
	if (ret)
		return ret;
	hf_auditor_set(c, false);
	ret = hf_container_each(c, hf_audit_leave);
	hf_auditor_tell(c, NULL);
	mutex_unlock(&au->switching);
	return ret;
}

/**
 * hf_auditor_init() - the auditor of a new container
 * @c: the container
 * @on: does the operator want it audited?
 */
void hf_auditor_init(struct hf_container *c, bool on)
{
	struct hf_auditor *au = &c->auditor;

	au->on = on;
	au->operator = on;
	mutex_init(&au->switching);
	INIT_DELAYED_WORK(&au->work, hf_audit_work);
	spin_lock_init(&au->lock);
	INIT_LIST_HEAD(&au->pending);
	INIT_LIST_HEAD(&au->todo);
	INIT_LIST_HEAD(&au->watched);
	au->pause = HF_AUDIT_PAUSE_MIN;
	au->watched_at = jiffies;
}

/**
 * hf_auditor_stop() - the worker lets go of a container
 * @c: the container, which nobody can find any more
 *
 * Context: may sleep.  No mapping is held by the worker on return, nor later.
 */
void hf_auditor_stop(struct hf_container *c)
{
	mutex_lock(&c->lock);
	c->auditor.stopped = true;
	mutex_unlock(&c->lock);
	cancel_delayed_work_sync(&c->auditor.work);
}

/**
 * hf_auditor_end() - and is gone
 * @c: the container, without mappings
 *
 * Context: may sleep.
 */
void hf_auditor_end(struct hf_container *c)
{
	/* Invalidations may have queued it again, until the last notifier went. */
	cancel_delayed_work_sync(&c->auditor.work);
	WARN_ON_ONCE(c->auditor.suspects || c->auditor.parted);
	hf_auditor_tell(c, NULL);
}

/**
 * hf_auditors_init() - set up what all auditors share
 *
 * Return: 0 or -ENOMEM.
 */
int hf_auditors_init(void)
{
	hf_auditors_wq = alloc_workqueue("holdfast_audit", WQ_UNBOUND, 0);
	return hf_auditors_wq ? 0 : -ENOMEM;
}

/**
 * hf_auditors_exit() - and free it
 */
void hf_auditors_exit(void)
{
	destroy_workqueue(hf_auditors_wq);
}
