// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pin engine.
 *
 * A walk (struct hf_pin) pins user memory front to back and hands it over as
 * physically contiguous extents.  hf_pin_fill() is the only place that takes
 * pins; it may fault pages in and sleep for as long as that takes, so nothing
 * but the mm's own locks is held across it.  What it pinned waits in a buffer
 * until hf_pin_consume() says the extent log has it; hf_pin_end() gives back
 * what was pinned and never consumed.  So at every point a pin is in the
 * buffer or in the log, never in both or neither.
 *
 * Paths:
 *  - leaf: one page is pinned, and leaf.c proves how many pages behind it the
 *    same pin holds: a whole huge page, the part of it that the walk covers,
 *    or a large folio mapped page by page.
 *  - row: the same for huge pages that follow each other, two with each GUP
 *    call.  The page that is pinned is then the last one or the first one; a
 *    pin counts for the folio, so it is dropped by way of the first.
 *  - batch: GUP-fast on the caller's own mm, up to a page full of struct page
 *    pointers a call.  It walks the page table without locks and falls back to
 *    faulting by itself.
 *  - faulting: memory that does not seem to be there goes through the mmap lock
 *    at once.  GUP-fast would too, but lets every fault drop that lock, which
 *    costs shared memory a lookup of its VMA for each page.
 *  - unsharing: a read-only pin on a kernel whose GUP does not break
 *    copy-on-write for it (compat: HF_GUP_UNSHARES) would hold the zero page,
 *    or a page the next CPU write replaces, and the device would read stale
 *    data from then on.  There a private mapping that may be written is pinned
 *    for writing (FOLL_FORCE), which gives it the page it will keep, exactly
 *    as the later kernels' FAULT_FLAG_UNSHARE does.  hugetlb that may not be
 *    written now is asked for that very fault, page by page.  All this depends
 *    on the VMA, so this path goes VMA by VMA under the mmap lock.
 *
 * PFN-mapped memory cannot be pinned: the walk stops there with -EFAULT, and
 * mapping.c asks pfnmap.c and lets the walk go on behind it.
 *
 * Helpers (faultin.c) may make memory present ahead of the walk; they pin
 * nothing.
 *
 * Every pin is FOLL_LONGTERM: pages move out of CMA and ZONE_MOVABLE first.
 * Only exported API takes or drops pins.
 */
#include <linux/hugetlb.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "bug.h"
#include "compat.h"
#include "fail.h"
#include "faultin.h"
#include "leaf.h"
#include "pin.h"

#define HF_PIN_BATCH	(PAGE_SIZE / sizeof(struct page *))

/* How often a fault may drop the mmap lock before it has unshared a page. */
#define HF_UNSHARE_TRIES	8

/* Pages one pin must reach to be worth a GUP call of its own. */
#define HF_REACH_MIN	8

/**
 * hf_pin_begin() - start a walk over a process's memory
 * @pin: the walk
 * @mm: the process's; it has users until the walk is finished.  Of another
 *	process than the current one memory is pinned in batches only
 * @vaddr: first address, bytes, page aligned
 * @pages: length, pages
 * @write: will the device write there?
 *
 * Context: any.
 */
void hf_pin_begin(struct hf_pin *pin, struct mm_struct *mm,
		  unsigned long vaddr, unsigned long pages, bool write)
{
	pin->mm = mm;
	pin->own = mm == current->mm;
	pin->vaddr = vaddr;
	pin->left = pages;
	pin->gup_flags = FOLL_LONGTERM | (write ? FOLL_WRITE : 0);
	if (hf_bug(HF_BUG_STALE_NOT_LONGTERM) && !write)
		pin->gup_flags = 0;
	pin->nr = 0;
	pin->pos = 0;
	pin->faultin = NULL;
	pin->asked = false;
	pin->leaves = false;
	pin->faults_small = false;

	pin->pages = pin->small;
	pin->capacity = HF_PIN_SMALL;
}

/*
 * Get room for a large batch, behind what is in the buffer.  Huge pages need
 * none, so it is allocated when the first batch comes; without memory the walk
 * goes on with the small buffer.
 */
static void hf_pin_grow(struct hf_pin *pin)
{
	struct page **pages = hf_fail(HF_FAIL_PIN_BUFFER) ? NULL :
		(struct page **)
		__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (!pages)
		return;
	memcpy(pages, pin->small, pin->nr * sizeof(*pages));
	pin->pages = pages;
	pin->capacity = HF_PIN_BATCH;
}

/*
 * hugetlb knows no FOLL_FORCE: memory that may not be written now, but after an
 * mprotect(), cannot be pinned for writing.  It unshares when a fault asks for
 * that, of a page that is there, so fault twice.  Return: 1, and the page at
 * @addr stays the mm's own while the mmap lock is held; 0 if that lock was
 * dropped, so that the VMA may be gone; or -errno.
 */
static int hf_unshare_huge(struct mm_struct *mm, unsigned long addr)
{
	bool unlocked = false;
	int ret;

	ret = fixup_user_fault(mm, addr, FAULT_FLAG_REMOTE, &unlocked);
	if (!ret && !unlocked)
		ret = fixup_user_fault(mm, addr, FAULT_FLAG_REMOTE |
				       FAULT_FLAG_UNSHARE, &unlocked);
	return ret ? ret : !unlocked;
}

/*
 * Make a read-only pin hold the page the CPU will see after its next write.
 * Write permission is not needed for that, read permission is (a PROT_NONE
 * range stays refused).
 *
 * Context: the mmap lock is held, and held again afterwards.
 * Return: how many of the @nr pages from @addr on to pin at once, with @flags
 * added to; 0 to ask again; or -errno.
 */
static long hf_unshare(struct mm_struct *mm, unsigned long addr,
		       unsigned int nr, unsigned int *flags)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);
	unsigned long end;
	int ret;

	if (!vma)
		return -EFAULT;
	end = vma->vm_end;
	/* Private and may be written: the helper has another name since 7.3. */
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE &&
	    vma->vm_flags & VM_READ &&
	    (vma->vm_flags & VM_WRITE || !hf_bug(HF_BUG_ZERO_PAGE_LEAK))) {
		if (!is_vm_hugetlb_page(vma)) {
			*flags |= FOLL_WRITE | FOLL_FORCE;
		} else if (vma->vm_flags & VM_WRITE) {
			*flags |= FOLL_WRITE;
		} else {
			end = ALIGN(addr + 1, huge_page_size(hstate_vma(vma)));
			ret = hf_unshare_huge(mm, addr);
			if (ret <= 0)
				return ret;
		}
	}
	return min_t(unsigned long, nr, (end - addr) >> PAGE_SHIFT);
}

/* Pin up to @nr pages through the mmap lock. */
static long hf_pin_slow(struct hf_pin *pin, unsigned int nr,
			struct page **pages)
{
	unsigned long addr = untagged_addr(pin->vaddr);
	unsigned int flags = pin->gup_flags;
	unsigned int tries = 0;
	long ret;

	ret = hf_fail_err(HF_FAIL_PIN_SLOW_KILLED) ?: mmap_read_lock_killable(pin->mm);
	if (ret)
		return ret;
	if (!HF_GUP_UNSHARES && !(flags & FOLL_WRITE)) {
		do {
			ret = hf_fail(HF_FAIL_PIN_SLOW_VMA) ? -EFAULT :
			      hf_unshare(pin->mm, addr, nr, &flags);
		} while (!ret && tries++ < HF_UNSHARE_TRIES);
		if (ret <= 0)
			goto unlock;
		nr = ret;
	}
	ret = hf_fail_err(HF_FAIL_PIN_SLOW) ?:
	      hf_pin_user_pages_remote(pin->mm, pin->vaddr, nr, flags, pages);
unlock:
	mmap_read_unlock(pin->mm);
	return ret;
}

/* Pin up to @nr pages of the current process without its mmap lock. */
static __always_inline long hf_pin_fast(struct hf_pin *pin, unsigned int nr,
					struct page **pages)
{
	if (hf_fail(HF_FAIL_PIN_FAST))
		return -ENOMEM;
	if (hf_fail(HF_FAIL_PIN_FAST_FAULT))
		return -EFAULT;
	return pin_user_pages_fast(pin->vaddr, nr, pin->gup_flags, pages);
}

/*
 * Pin the next @nr pages into the buffer; at least one, or -errno.  @absent:
 * they are not expected in the page table, so do not try without locks first.
 */
static int hf_pin_pages(struct hf_pin *pin, unsigned int nr, bool absent)
{
	bool fast = pin->own &&
		    (HF_GUP_UNSHARES || (pin->gup_flags & FOLL_WRITE) ||
		     hf_bug(HF_BUG_STALE_READ_ONLY));
	struct page **pages = pin->pages + pin->nr;
	long ret = -EFAULT;

	if (hf_fail(HF_FAIL_PIN_FAULT))
		return -EFAULT;
	if (hf_fail(HF_FAIL_PIN_SHORT))
		nr = DIV_ROUND_UP(nr, 2);
	/*
	 * What one way refuses the other may do.  The mmap lock's way does not
	 * look at the caller's protection keys, which mean nothing to a device;
	 * GUP-fast's own slow path can wait for a userfaultfd handler.
	 */
	if (fast && !absent)
		ret = hf_pin_fast(pin, nr, pages);
	if (ret == -EFAULT) {
		pin->slow = true;
		ret = hf_pin_slow(pin, nr, pages);
	}
	if (ret == -EFAULT && fast && absent)
		ret = hf_pin_fast(pin, nr, pages);
	if (ret <= 0)
		return ret ? ret : -EFAULT;

	pin->nr += ret;
	pin->vaddr += (unsigned long)ret << PAGE_SHIFT;
	pin->left -= ret;
	return 0;
}

/* Nothing seems to be mapped at the next address: look again. */
static enum hf_leaf_hint hf_pin_absent(struct hf_pin *pin, unsigned long max,
				       unsigned int *leaves)
{
	*leaves = 1;
	if (!(pin->gup_flags & FOLL_WRITE))
		return HF_LEAF_ABSENT;
	if (!pin->asked) {
		pin->asked = true;
		pin->faultin = hf_faultin_begin(pin->vaddr, pin->left);
	}
	if (pin->faultin && hf_faultin_wait(pin->faultin, pin->vaddr)) {
		*leaves = HF_PIN_SMALL;
		return hf_leaf_guess(pin->mm, pin->vaddr, max, leaves);
	}
	return HF_LEAF_ABSENT;
}

/* Take what was pinned of @nr leaves over into the walk. */
static void hf_pin_took(struct hf_pin *pin, unsigned int nr)
{
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		pages += pin->reach[i];
	pin->nr = nr;
	pin->leaves = true;
	pin->vaddr += pages << PAGE_SHIFT;
	pin->left -= pages;
}

/*
 * Pin up to @nr huge pages of PMD size in a row, of @max pages in all, if they
 * are what they seem.  One GUP call pins two: the last page of one and the
 * first of the next.  Return: how many; 0 if this is not the way.
 */
static unsigned int hf_pin_huge_row(struct hf_pin *pin, unsigned int nr,
				    unsigned long max)
{
	unsigned long border = ALIGN(pin->vaddr + 1, PMD_SIZE);
	struct page **page = pin->pages;
	unsigned int n, proven;
	int want, ret;

	for (n = 0; n < nr; n += want) {
		want = min(nr - n, 2U);
		ret = hf_fail(HF_FAIL_ROW_FAULT) ? -EFAULT :
		      pin_user_pages_fast(want == 2 ? border - PAGE_SIZE :
					  n ? border - PMD_SIZE : pin->vaddr,
					  want - hf_fail(HF_FAIL_ROW_SHORT),
					  pin->gup_flags, page + n);
		if (unlikely(ret != want)) {
			n += max(ret, 0);
			break;
		}
		border += 2 * PMD_SIZE;
	}
	if (!n)
		return 0;
	proven = hf_leaf_prove(pin->mm, pin->vaddr, max, page,
			       n - hf_fail(HF_FAIL_ROW_PROOF), pin->reach);
	if (unlikely(proven < n))
		unpin_user_pages(page + proven, n - proven);
	return proven;
}

/*
 * Pin up to @nr leaves, of @max pages in all.  There may turn out to be none,
 * and @pin->leaves stays false: then there is one page in the buffer, pinned
 * for itself.
 */
static int hf_pin_leaves(struct hf_pin *pin, unsigned int nr,
			 unsigned long max, bool absent)
{
	unsigned long vaddr = pin->vaddr;
	unsigned long reach;
	int ret;

	if (nr > 1)
		nr = hf_pin_huge_row(pin, nr, max);
	else
		nr = 0;
	if (nr) {
		hf_pin_took(pin, nr);
		return 0;
	}

	ret = hf_pin_pages(pin, 1, absent);
	if (ret)
		return ret;
	reach = hf_fail(HF_FAIL_LEAF_PROOF) ? 1 :
		hf_leaf_reach(pin->mm, vaddr, pin->pages[0], max);
	if (reach < HF_REACH_MIN)
		return 0;
	pin->vaddr = vaddr;
	pin->left++;
	pin->reach[0] = reach;
	hf_pin_took(pin, 1);
	return 0;
}

/**
 * hf_pin_fill() - pin the next pages of the walk
 * @pin: the walk, with everything pinned so far consumed and pages left
 * @max: most pages wanted; a run handed over later never goes beyond
 *
 * Pins some leaves where there are such, else a batch up to the next place
 * where a huge page could begin.
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: 0 with at least one page to hand over; -EINTR when killed; -EFAULT,
 * -ENOMEM or what else GUP says.
 */
int hf_pin_fill(struct hf_pin *pin, unsigned long max)
{
	enum hf_leaf_hint hint = HF_LEAF_SMALL;
	unsigned int leaves = HF_PIN_SMALL;
	unsigned long nr;
	bool absent;
	int ret;

	pin->nr = 0;
	pin->pos = 0;
	pin->leaves = false;
	pin->slow = false;
	if (hf_fail(HF_FAIL_PIN_KILLED) || fatal_signal_pending(current))
		return -EINTR;

	max = min(max, pin->left);
	nr = min(max, PTRS_PER_PTE - pte_index(pin->vaddr));
	if ((nr >= HF_REACH_MIN || max > nr) && pin->own)
		hint = hf_leaf_guess(pin->mm, pin->vaddr, max, &leaves);
	if (hint == HF_LEAF_ABSENT)
		hint = hf_pin_absent(pin, max, &leaves);
	absent = hint == HF_LEAF_ABSENT;

	if (hint == HF_LEAF_LARGE || (absent && !pin->faults_small)) {
		ret = hf_pin_leaves(pin, leaves, max, absent);
		if (ret || pin->leaves)
			return ret;
		nr -= pin->nr;
		if (!nr)
			return 0;
	}
	if (nr > pin->capacity - pin->nr && pin->capacity == HF_PIN_SMALL)
		hf_pin_grow(pin);
	ret = hf_pin_pages(pin, min_t(unsigned long, nr,
				      pin->capacity - pin->nr), absent);
	if (absent && pin->nr)
		pin->faults_small = !PageCompound(pin->pages[0]);
	/* What failed here fails again in the next call, with nothing else. */
	return pin->nr ? 0 : ret;
}

/**
 * hf_pin_end() - end a walk, unpinning what was never consumed
 * @pin: the walk, for hf_pin_finish()
 */
void hf_pin_end(struct hf_pin *pin)
{
	hf_faultin_stop(pin->faultin);
	unpin_user_pages(pin->pages + pin->pos, pin->nr - pin->pos);
	if (pin->pages != pin->small)
		free_page((unsigned long)pin->pages);
}

/**
 * hf_pin_finish() - wait until nobody works for a walk any more
 * @pin: the walk, ended, and all its pins unpinned if it failed
 *
 * Context: may sleep.
 */
void hf_pin_finish(struct hf_pin *pin)
{
	hf_faultin_end(pin->faultin);
}

/**
 * hf_pin_page() - pin one page of any process, for a driver
 * @mm: the process's; it has users
 * @vaddr: its address, bytes, page aligned
 * @write: may the driver write there?
 * @page: out: the page
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: 0; -EFAULT or what else GUP says; -EINTR when killed.
 */
int hf_pin_page(struct mm_struct *mm, unsigned long vaddr, bool write,
		struct page **page)
{
	struct hf_pin pin __uninitialized;	/* large */
	long ret;

	hf_pin_begin(&pin, mm, vaddr, 1, write);
	ret = hf_pin_slow(&pin, 1, page);
	if (ret < 0)
		return ret;
	return ret ? 0 : -EFAULT;
}

/**
 * hf_unpin_flush() - unpin what is gathered
 * @u: empty afterwards
 *
 * Context: may sleep.
 */
void hf_unpin_flush(struct hf_unpin *u)
{
	unpin_user_pages_dirty_lock(u->page, u->nr, u->dirty);
	u->nr = 0;
	cond_resched();
}

/**
 * hf_unpin_extent() - give back the pins of an extent
 * @u: gathers them
 * @ext: the extent, in no domain and in no IOTLB any more
 *
 * Context: may sleep.
 */
void hf_unpin_extent(struct hf_unpin *u, const struct hf_extent *ext)
{
	struct page *page = pfn_to_page(ext->pfn);
	unsigned long step = 1UL << ext->order;
	unsigned long left = ext->pages;

	switch (ext->path) {
	case HF_PATH_PAGES:
		if (!ext->order && left > 1) {
			unpin_user_page_range_dirty_lock(page, left, u->dirty);
			cond_resched();
			break;
		}
		for (; left; left -= step, page += step)
			hf_unpin_page(u, page);
		break;
	case HF_PATH_PART:
		hf_unpin_page(u, page);
		break;
	case HF_PATH_PFNMAP:
		break;
	}
}

/* Several leaves in a row. */
static noinline void hf_unpin_row(u64 slot, bool dirty)
{
	struct hf_unpin u __uninitialized;	/* large */
	struct hf_extent ext;

	hf_slot_unpack(slot, &ext);
	hf_unpin_begin(&u, dirty);
	hf_unpin_extent(&u, &ext);
	hf_unpin_flush(&u);
}

/**
 * hf_unpin_slot() - give back the pins of an extent that comes alone
 * @slot: the extent as the log has it, in no domain and in no IOTLB any more
 * @dirty: could the device have written there?
 *
 * Context: may sleep.
 */
void hf_unpin_slot(u64 slot, bool dirty)
{
	struct hf_extent ext;
	unsigned long pins;

	hf_slot_unpack(slot, &ext);
	pins = hf_extent_pins(&ext);
	if (hf_bug(HF_BUG_ZERO_PAGE_LEAK) && pins &&
	    PageReserved(pfn_to_page(ext.pfn)))
		return;
	/* One call unpins a run of small pages or one larger folio. */
	if (ext.order && pins > 1) {
		hf_unpin_row(slot, dirty);
		if (hf_bug(HF_BUG_DOUBLE_UNPIN))
			unpin_user_page(pfn_to_page(ext.pfn));
	} else if (pins) {
		unpin_user_page_range_dirty_lock(pfn_to_page(ext.pfn), pins,
						 dirty);
	}
}
