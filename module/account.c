// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locked-memory accounting.
 *
 * A mapping is charged for all its pages in one step before the first page is
 * pinned, against RLIMIT_MEMLOCK of the task that asks (unless it has
 * CAP_IPC_LOCK), so a map that is over the limit fails at once and has pinned
 * nothing, and threads that map at the same time cannot pass the limit
 * together.  What turns out to be no memory of the kernel's (pfnmap.c) is given
 * back at once.  Memory that only the driver of an emulated device pins is
 * charged page by page, when it does, to the mm of the process that mapped it
 * and against that process's limit.  The mm that paid is remembered and gets the
 * refund, whoever unmaps: a forked child, another process that was handed the
 * container, or the last close after an exec.  An mm without users left (its
 * process has exited, or has called exec and runs in a new one) has no count
 * that anybody could read; its charge just ends.
 *
 * Invariant: the sum of all charges that name an mm is part of its locked_vm
 * at every point where that mm has users, so a refund never makes it negative.
 *
 * Locking: mm->locked_vm is under the mm's mmap lock, held for writing.  No
 * lock of holdfast's may be held here, since page faults hold that lock too.
 * A refund cannot be interrupted: it is part of unmap, which never fails.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "account.h"
#include "compat.h"
#include "trace.h"

/**
 * hf_charge_take() - charge the current process's mm
 * @charge: out: the charge, to be given back by hf_charge_refund()
 * @pages: pages; may be 0
 *
 * Context: may sleep; takes the mmap lock for writing.
 * Return: 0; -ENOMEM over RLIMIT_MEMLOCK; -EINTR when killed; -ENODEV in a
 * task without an mm.  On error nothing is charged.
 */
int hf_charge_take(struct hf_charge *charge, unsigned long pages)
{
	struct mm_struct *mm = current->mm;
	int ret;

	charge->mm = NULL;
	charge->pages = 0;
	if (!mm)
		return -ENODEV;

	ret = mmap_write_lock_killable(mm);
	if (ret)
		return ret;
	charge->unlimited = capable(CAP_IPC_LOCK);
	/* Nothing is no more, also where the limit is passed already. */
	if (likely(pages))
		ret = __account_locked_vm(mm, pages, true, current,
					  charge->unlimited);
	mmap_write_unlock(mm);
	trace_hf_charge_take(mm, pages, ret);
	if (ret)
		return ret;

	mmgrab(mm);
	charge->mm = mm;
	charge->pages = pages;
	return 0;
}

/**
 * hf_charge_open() - name the current process's mm as payer of what may come
 * @charge: out: the charge, of no page yet
 *
 * Context: any.
 * Return: 0; -ENODEV in a task without an mm.
 */
int hf_charge_open(struct hf_charge *charge)
{
	charge->mm = current->mm;
	charge->pages = 0;
	if (!charge->mm)
		return -ENODEV;
	charge->unlimited = capable(CAP_IPC_LOCK);
	mmgrab(charge->mm);
	return 0;
}

/**
 * hf_charge_more() - charge whoever pays already, whoever asks
 * @charge: the charge; its mm has users
 * @pages: how many more
 *
 * The limit is that of the process the mm belongs to.
 *
 * Context: may sleep; takes the payer's mmap lock for writing.
 * Return: 0; -ENOMEM over RLIMIT_MEMLOCK; -EINTR when killed.
 */
int hf_charge_more(struct hf_charge *charge, unsigned long pages)
{
	int ret;

	if (!pages)
		return 0;
	ret = mmap_write_lock_killable(charge->mm);
	if (ret)
		return ret;
	rcu_read_lock();
	ret = __account_locked_vm(charge->mm, pages, true,
				  hf_mm_owner(charge->mm), charge->unlimited);
	rcu_read_unlock();
	mmap_write_unlock(charge->mm);
	trace_hf_charge_take(charge->mm, pages, ret);
	if (!ret)
		charge->pages += pages;
	return ret;
}

/**
 * hf_charge_less() - give back a part
 * @charge: the charge
 * @pages: how many of its pages
 *
 * Context: may sleep; takes the payer's mmap lock for writing.
 */
void hf_charge_less(struct hf_charge *charge, unsigned long pages)
{
	if (pages)
		hf_charge_set(charge, charge->pages - pages);
}

/**
 * hf_charge_set() - charge for exactly so much from now on
 * @charge: the charge; may be of an mm without users
 * @pages: pages; more than now is not refused: they are pinned already
 *
 * Context: may sleep; takes the payer's mmap lock for writing.
 */
void hf_charge_set(struct hf_charge *charge, unsigned long pages)
{
	const unsigned long was = charge->pages;
	struct mm_struct *mm = charge->mm;

	if (pages == was)
		return;
	charge->pages = pages;
	if (!mmget_not_zero(mm))
		return;
	mmap_write_lock(mm);
	if (pages > was)
		__account_locked_vm(mm, pages - was, true, current, true);
	else
		__account_locked_vm(mm, was - pages, false, current, true);
	mmap_write_unlock(mm);
	if (pages > was)
		trace_hf_charge_take(mm, pages - was, 0);
	else
		trace_hf_charge_refund(mm, was - pages, 0);
	mmput(mm);
}

/**
 * hf_charge_hand_over() - make the current process the payer
 * @charge: the charge; as it was on error
 *
 * Context: may sleep; takes the mmap locks of both for writing, one by one.
 * Return: as hf_charge_take(); 0 with nothing done if it pays already.
 */
int hf_charge_hand_over(struct hf_charge *charge)
{
	struct hf_charge new;
	int ret;

	if (charge->mm && charge->mm == current->mm)
		return 0;
	ret = hf_charge_take(&new, charge->pages);
	if (ret)
		return ret;
	hf_charge_refund(charge);
	*charge = new;
	return 0;
}

/**
 * hf_charge_refund() - give a charge back to whoever paid it
 * @charge: the charge; empty afterwards; may be empty
 *
 * Context: may sleep; takes the payer's mmap lock for writing.
 */
void hf_charge_refund(struct hf_charge *charge)
{
	struct mm_struct *mm = charge->mm;
	bool own = mm == current->mm;

	if (!mm)
		return;

	/* The mm we run in has a user: us. */
	if (charge->pages && (own || mmget_not_zero(mm))) {
		mmap_write_lock(mm);
		__account_locked_vm(mm, charge->pages, false, current, true);
		mmap_write_unlock(mm);
		trace_hf_charge_refund(mm, charge->pages, 0);
		if (!own)
			mmput(mm);
	}
	mmdrop(mm);
	charge->mm = NULL;
	charge->pages = 0;
}

/**
 * hf_charge_move() - gather a charge into another, to refund both at once
 * @to: a charge; refunded first if somebody else paid it
 * @from: the charge to move; empty afterwards
 *
 * Context: as hf_charge_refund().
 */
void hf_charge_move(struct hf_charge *to, struct hf_charge *from)
{
	if (to->mm && to->mm == from->mm) {
		to->pages += from->pages;
		mmdrop(from->mm);
	} else {
		hf_charge_refund(to);
		*to = *from;
	}
	from->mm = NULL;
	from->pages = 0;
}
