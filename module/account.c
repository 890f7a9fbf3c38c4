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
 * That is what mm->locked_vm, which stock uses, can do.  An exec forgets it, and
 * each child of a fork has a limit of its own.  In a container made with
 * accounting=user the user pays instead: user->locked_vm, which io_uring, zero-copy
 * sockets and iommufd share, against the same limit.  It knows nothing of mms,
 * so it stays charged until the memory is unpinned, whatever becomes of the
 * process.  The user is the real one of the task that maps, held until the
 * refund: a later setuid() moves nothing.  As the others who use this count do,
 * the pages also appear in mm->pinned_vm (VmPin) of the process whose memory
 * they are, since a user's count shows nowhere.
 *
 * Whose memory it is (@mm) and who pays (@user, else @mm) are two things: what is
 * pinned later is looked up in @mm also where a user pays for it.
 *
 * Invariants:
 *  - The sum of all charges that name an mm is part of its locked_vm at every
 *    point where that mm has users, so a refund never makes it negative.
 *  - The sum of all charges that name a user is part of its locked_vm always,
 *    and that of all such charges of one mm part of its pinned_vm.
 *
 * Locking: mm->locked_vm is under the mm's mmap lock, held for writing.  No
 * lock of holdfast's may be held here, since page faults hold that lock too.
 * A refund cannot be interrupted: it is part of unmap, which never fails.  A
 * user's count is atomic: what would pass the limit is never added, not even for
 * a moment, so maps that race cannot fail each other.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include "account.h"
#include "bug.h"
#include "compat.h"
#include "fail.h"
#include "trace.h"

/* Charge the user of @charge for more pages of its mm, or -ENOMEM. */
static int hf_user_charge(struct hf_charge *charge, unsigned long pages,
			  unsigned long limit)
{
	atomic_long_t *locked = hf_user_locked_vm(charge->user);
	long was = atomic_long_read(locked);
	long most = charge->unlimited ? LONG_MAX : limit >> PAGE_SHIFT;
	long now;

	do {
		now = was + pages;
		if (hf_fail(HF_FAIL_CHARGE_USER_LIMIT) || now > most ||
		    now < was) {
			trace_hf_charge_take(charge->mm, pages, -ENOMEM);
			return -ENOMEM;
		}
	} while (!atomic_long_try_cmpxchg(locked, &was, now));
	atomic64_add(pages, &charge->mm->pinned_vm);
	charge->pages += pages;
	trace_hf_charge_take(charge->mm, pages, 0);
	return 0;
}

/* Charge the user of @charge for exactly so much, without a limit. */
static void hf_user_set(struct hf_charge *charge, unsigned long pages)
{
	const long more = pages - charge->pages;

	/* Refund: first what is shown, so that never more is shown than paid. */
	if (more < 0)
		atomic64_add(more, &charge->mm->pinned_vm);
	atomic_long_add(more, hf_user_locked_vm(charge->user));
	if (more > 0) {
		atomic64_add(more, &charge->mm->pinned_vm);
		trace_hf_charge_take(charge->mm, more, 0);
	} else if (more) {
		trace_hf_charge_refund(charge->mm, -more, 0);
	}
	charge->pages = pages;
}

static noinline int hf_user_take(struct hf_charge *charge, unsigned long pages)
{
	int ret;

	ret = hf_charge_open(charge, true);
	if (ret || !pages)
		return ret;
	if (hf_bug(HF_BUG_USER_HALF))
		pages -= pages / 2;
	ret = hf_user_charge(charge, pages, rlimit(RLIMIT_MEMLOCK));
	if (ret)
		hf_charge_refund(charge);
	return ret;
}

static noinline void hf_user_refund(struct hf_charge *charge)
{
	hf_user_set(charge, 0);
	free_uid(charge->user);
	mmdrop(charge->mm);
	charge->user = NULL;
	charge->mm = NULL;
}

/* The same user pays for the same pages, in another mm: no limit is met. */
static void hf_user_move(struct hf_charge *charge)
{
	const unsigned long pages = charge->pages;

	atomic64_sub(pages, &charge->mm->pinned_vm);
	mmdrop(charge->mm);
	charge->mm = current->mm;
	mmgrab(charge->mm);
	atomic64_add(pages, &charge->mm->pinned_vm);
	charge->unlimited = capable(CAP_IPC_LOCK);
}

/**
 * hf_charge_take() - charge the current process's mm, or its user
 * @charge: in: empty; out: the charge, to be given back by hf_charge_refund()
 * @pages: pages; may be 0
 * @by_user: the user pays
 *
 * Context: may sleep; takes the mmap lock for writing, but for @by_user.
 * Return: 0; -ENOMEM over RLIMIT_MEMLOCK; -EINTR when killed; -ENODEV in a
 * task without an mm.  On error nothing is charged.
 */
int hf_charge_take(struct hf_charge *charge, unsigned long pages, bool by_user)
{
	struct mm_struct *mm = current->mm;
	int ret;

	if (unlikely(by_user))
		return hf_user_take(charge, pages);
	if (hf_fail(HF_FAIL_CHARGE_NO_MM) || !mm)
		return -ENODEV;

	ret = hf_fail_err(HF_FAIL_CHARGE_KILLED) ?: mmap_write_lock_killable(mm);
	if (ret)
		return ret;
	charge->unlimited = capable(CAP_IPC_LOCK);
	/* Nothing is no more, also where the limit is passed already. */
	if (likely(pages))
		ret = hf_fail_err(HF_FAIL_CHARGE_LIMIT) ?:
		      __account_locked_vm(mm, pages, true, current,
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
 * hf_charge_open() - name the payer of what may come, for the current mm's memory
 * @charge: out: the charge, of no page yet
 * @by_user: the current user pays, not the mm
 *
 * Context: any.
 * Return: 0; -ENODEV in a task without an mm.
 */
int hf_charge_open(struct hf_charge *charge, bool by_user)
{
	charge->mm = hf_fail(HF_FAIL_CHARGE_NO_MM) ? NULL : current->mm;
	charge->user = NULL;
	charge->pages = 0;
	if (!charge->mm)
		return -ENODEV;
	charge->unlimited = capable(CAP_IPC_LOCK);
	mmgrab(charge->mm);
	if (by_user)
		charge->user = get_uid(current_user());
	return 0;
}

/**
 * hf_charge_more() - charge whoever pays already, whoever asks
 * @charge: the charge; its mm has users
 * @pages: how many more
 *
 * The limit is that of the process the mm belongs to.
 *
 * Context: may sleep; takes the mmap lock for writing, but where a user pays.
 * Return: 0; -ENOMEM over RLIMIT_MEMLOCK; -EINTR when killed.
 */
int hf_charge_more(struct hf_charge *charge, unsigned long pages)
{
	int ret;

	if (!pages)
		return 0;
	if (charge->user) {
		rcu_read_lock();
		ret = hf_user_charge(charge, pages,
				     task_rlimit(hf_mm_owner(charge->mm),
						 RLIMIT_MEMLOCK));
		rcu_read_unlock();
		return ret;
	}
	ret = hf_fail_err(HF_FAIL_CHARGE_MORE_KILLED) ?:
	      mmap_write_lock_killable(charge->mm);
	if (ret)
		return ret;
	rcu_read_lock();
	ret = hf_fail_err(HF_FAIL_CHARGE_MORE_LIMIT) ?:
	      __account_locked_vm(charge->mm, pages, true,
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
 * Context: as hf_charge_set().
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
 * Context: may sleep; takes the mmap lock for writing, but where a user pays.
 */
void hf_charge_set(struct hf_charge *charge, unsigned long pages)
{
	const unsigned long was = charge->pages;
	struct mm_struct *mm = charge->mm;

	if (pages == was)
		return;
	if (charge->user) {
		hf_user_set(charge, pages);
		return;
	}
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
 * hf_charge_hand_over() - the memory is the current process's from now on
 * @charge: the charge; as it was on error
 *
 * It pays, or its user does, as the other one did.
 *
 * Context: may sleep; takes the mmap locks of both for writing, one by one.
 * Return: as hf_charge_take(); 0 with nothing done if it is its memory already.
 */
int hf_charge_hand_over(struct hf_charge *charge)
{
	struct hf_charge new = {};
	int ret;

	if (charge->mm && charge->mm == current->mm)
		return 0;
	/* After an exec: held twice for a moment, it might not fit the limit. */
	if (charge->user == current_user() && current->mm) {
		hf_user_move(charge);
		return 0;
	}
	ret = hf_charge_take(&new, charge->pages, charge->user);
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
 * Context: may sleep; takes the mmap lock for writing, but where a user paid.
 */
void hf_charge_refund(struct hf_charge *charge)
{
	struct mm_struct *mm = charge->mm;
	bool own = mm == current->mm;

	if (!mm)
		return;
	if (unlikely(charge->user)) {
		hf_user_refund(charge);
		return;
	}
	if (hf_bug(HF_BUG_REFUND_CURRENT) && current->mm) {
		mmdrop(mm);
		mm = current->mm;
		mmgrab(mm);
		own = true;
	}

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
	if (to->mm && (to->mm == from->mm || hf_bug(HF_BUG_REFUND_GATHERED)) &&
	    to->user == from->user) {
		to->pages += from->pages;
		mmdrop(from->mm);
		if (from->user)
			free_uid(from->user);
	} else {
		hf_charge_refund(to);
		*to = *from;
	}
	from->mm = NULL;
	from->user = NULL;
	from->pages = 0;
}
