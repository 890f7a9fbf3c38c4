// SPDX-License-Identifier: GPL-2.0-only
/*
 * PFN-mapped memory.
 *
 * A process can map a device's memory: the BAR of another device it drives, so
 * that the two can do DMA with each other and not through RAM.  Such an area
 * (VM_PFNMAP) has page-table entries, but no struct pages that could be pinned,
 * and GUP refuses it.  So the PFNs are read from the page table itself, after a
 * fault if they are not there yet, and are mapped for the device without a pin
 * and without a charge.
 *
 * What that means:
 *  - Nothing holds the memory in place.  It is not RAM that could go to somebody
 *    else, but which PFNs an address has may change: when a BAR is disabled, or
 *    the area is unmapped, the IOMMU goes on translating to where the BAR was,
 *    as with vfio_iommu_type1, until the user unmaps it.
 *  - An area may just as well show ordinary RAM by PFN (remap_pfn_range() of a
 *    driver's buffer, /dev/mem).  Without a pin that RAM can be freed under the
 *    device, and nothing here could pin it, so it is refused: only PFNs without
 *    a struct page, or with a reserved one, are given out.
 *
 * Locking: the mmap lock is held for reading, for a bounded number of looks; it
 * may be dropped in a fault, after which the area is looked up again.  Nothing
 * of holdfast's is locked.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "bug.h"
#include "fail.h"
#include "look.h"
#include "pfnmap.h"

/* Looks at the page table, and faults, for one hold of the mmap lock. */
#define HF_LOOKS_MAX	512

/* Faults at one address that succeed and leave nothing there. */
#define HF_FAULTS_MAX	8

/*
 * How many of @pages PFNs from @pfn on, from the first on, are no memory that
 * the kernel gives to others?  Where one has no struct page, all of its
 * subsection have none.
 */
static unsigned long hf_pfnmap_reserved(unsigned long pfn, unsigned long pages)
{
	unsigned long end = pfn + pages;
	unsigned long at = pfn;

	while (at < end) {
		if (!pfn_valid(at)) {
#ifdef PAGES_PER_SUBSECTION
			at = ALIGN(at + 1, PAGES_PER_SUBSECTION);
#else
			at++;
#endif
			continue;
		}
		if (!PageReserved(pfn_to_page(at)))
			break;
		at++;
	}
	return min(at, end) - pfn;
}

/* Fault @addr in.  The mmap lock is held again in any case. */
static int hf_pfnmap_fault(struct mm_struct *mm, unsigned long addr, bool write,
			   bool *unlocked)
{
	unsigned int flags = FAULT_FLAG_REMOTE;

	if (write)
		flags |= FAULT_FLAG_WRITE;
	return hf_fail_err(HF_FAIL_PFNMAP_FAULT) ?:
	       fixup_user_fault(mm, addr, flags, unlocked);
}

/**
 * hf_pfnmap_follow() - find the PFNs of PFN-mapped memory
 * @mm: the process's; it has users
 * @vaddr: first address, bytes, page aligned, untagged
 * @max: most pages wanted
 * @write: will the device write there?
 * @pfn: out: the first PFN
 *
 * Nothing is pinned.
 *
 * Context: may sleep and fault; takes the mmap lock for reading.
 * Return: n >= 1, at most @max: pages from @vaddr on that are mapped to @pfn
 * and the n - 1 PFNs behind it, which need not be all; 0 if this is no
 * PFN-mapped memory; -EFAULT if it is ordinary RAM, is not writable and @write,
 * or cannot be faulted in; -EINVAL if a fault leaves nothing there; -ENOMEM;
 * -EINTR when killed.
 */
long hf_pfnmap_follow(struct mm_struct *mm, unsigned long vaddr,
		      unsigned long max, bool write, unsigned long *pfn)
{
	unsigned long start = vaddr;
	unsigned int looks, faults = 0;
	struct vm_area_struct *vma = NULL;
	unsigned long at, got = 0;
	bool unlocked;
	long ret;

	ret = hf_fail_err(HF_FAIL_PFNMAP_LOCK) ?: mmap_read_lock_killable(mm);
	if (ret)
		return ret;
	for (looks = 0; got < max && looks < HF_LOOKS_MAX; looks++) {
		unsigned long addr = start + (got << PAGE_SHIFT);

		ret = 0;
		if (!vma || addr >= vma->vm_end)
			vma = vma_lookup(mm, addr);
		if (!vma || !(vma->vm_flags & VM_PFNMAP))
			break;

		ret = hf_pfnmap_look(vma, addr,
				     min(max - got, (vma->vm_end - addr) >>
						    PAGE_SHIFT), write, &at);
		if (ret == -EINVAL && faults++ < HF_FAULTS_MAX) {
			unlocked = false;
			ret = hf_pfnmap_fault(mm, addr, write, &unlocked);
			if (ret)
				break;
			if (unlocked)
				vma = NULL;
			cond_resched();
			continue;
		}
		if (ret < 0 || (got && at != *pfn + got &&
				!hf_bug(HF_BUG_BAR_RUN)))
			break;
		faults = 0;

		if (!got)
			*pfn = at;
		ret = hf_fail(HF_FAIL_PFNMAP_RAM) ? 0 :
		      hf_pfnmap_reserved(at, ret);
		if (!ret) {
			ret = -EFAULT;
			break;
		}
		got += ret;
	}
	mmap_read_unlock(mm);

	/* What stopped it here stops the next call, with nothing else. */
	return got ? got : ret;
}

/**
 * hf_pfnmap_count() - how much of a range is PFN-mapped?
 * @mm: the process's; it has users
 * @vaddr: first address, bytes, page aligned, untagged
 * @pages: length, pages
 *
 * Says what the areas are, not whether hf_pfnmap_follow() will give them out.
 *
 * Context: may sleep; takes the mmap lock for reading.
 * Return: pages; 0 too if there is a hole in the range, which cannot be mapped
 * anyway; -EINTR when killed.
 */
long hf_pfnmap_count(struct mm_struct *mm, unsigned long vaddr,
		     unsigned long pages)
{
	unsigned long at = vaddr;
	unsigned long end = at + (pages << PAGE_SHIFT);
	struct vm_area_struct *vma;
	unsigned long to;
	long ret;

	ret = hf_fail_err(HF_FAIL_PFNMAP_COUNT) ?: mmap_read_lock_killable(mm);
	if (ret)
		return ret;
	for (; at < end; at = to) {
		vma = vma_lookup(mm, at);
		if (!vma) {
			ret = 0;
			break;
		}
		to = min(end, vma->vm_end);
		if (vma->vm_flags & VM_PFNMAP)
			ret += (to - at) >> PAGE_SHIFT;
		cond_resched();
	}
	mmap_read_unlock(mm);
	return ret;
}
