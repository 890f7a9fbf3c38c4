/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting for the mappings of a range, and keeping others off them.
 * See hold.c for the essay.
 */
#ifndef HOLDFAST_HOLD_H
#define HOLDFAST_HOLD_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "container.h"
#include "fail.h"

int hf_hold_wait(struct hf_container *c, dma_addr_t first, dma_addr_t last,
		 int state, bool pass);

/**
 * hf_settle() - mappings are nobody's any more: they are live, or erased
 * @c: the container
 * @nr: how many
 */
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

/**
 * hf_lock_range() - take the container's lock with a range at rest
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @state: TASK_KILLABLE or TASK_UNINTERRUPTIBLE
 * @pass: let the caller through the gate
 *
 * Return: 0, or -EINTR when killed, with the lock not taken.
 */
static __always_inline int hf_lock_range(struct hf_container *c,
					 dma_addr_t first, dma_addr_t last,
					 int state, bool pass)
{
	mutex_lock(&c->lock);
	if (likely(!atomic_read_acquire(&c->busy)))
		return 0;
	return hf_hold_wait(c, first, last, state, pass);
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
static inline int hf_container_lock_range(struct hf_container *c,
					  dma_addr_t first, dma_addr_t last)
{
	return hf_fail_err(HF_FAIL_LOCK_RANGE) ?:
	       hf_lock_range(c, first, last, TASK_KILLABLE, false);
}

void hf_container_lock_range_always(struct hf_container *c, dma_addr_t first,
				    dma_addr_t last);
int hf_container_lock_all(struct hf_container *c);
void hf_container_open_gate(struct hf_container *c);
bool hf_container_hold(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last, struct list_head *held);
void hf_container_unhold(struct hf_container *c, struct list_head *held);
struct hf_mapping *hf_container_hold_next(struct hf_container *c,
					  dma_addr_t first, dma_addr_t last,
					  struct list_head *held);
int hf_container_each(struct hf_container *c,
		      int (*what)(struct hf_container *c,
				  struct hf_mapping *m));
void hf_container_unback(struct hf_container *c);

#endif
