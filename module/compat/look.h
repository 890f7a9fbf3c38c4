/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One look at what the page table maps PFN-mapped memory to.
 *
 * Kernels differ in what they export for this: follow_pte() gives the entry
 * itself, in a page table that is locked (before 6.12); follow_pfnmap_start()
 * what the entry says, at any level (since then), and since 6.15 also how much
 * it maps.  Between the two, leaf.c says how much, while the entry is locked.
 */
#ifndef HOLDFAST_COMPAT_LOOK_H
#define HOLDFAST_COMPAT_LOOK_H

#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/version.h>

#include "bug.h"
#include "leaf.h"

/**
 * hf_pfnmap_look() - follow the page table at one address
 * @vma: a VM_PFNMAP area
 * @addr: bytes, in @vma
 * @max: most pages wanted, so many that none is behind @vma's end
 * @write: must it be writable?
 * @pfn: out: the PFN at @addr
 *
 * The answer may be out of date as soon as the mmap lock is let go.
 *
 * Context: the mmap lock is held for reading; takes and drops the page table's.
 * Return: n >= 1, at most @max: the addresses from @addr on map @pfn and the
 * n - 1 PFNs behind it; -EINVAL where nothing is mapped; -EFAULT where that is
 * not writable.
 */
static inline long hf_pfnmap_look(struct vm_area_struct *vma,
				  unsigned long addr, unsigned long max,
				  bool write, unsigned long *pfn)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	unsigned long pages;
	bool writable;
	int ret;

	ret = follow_pfnmap_start(&args);
	if (ret)
		return ret;
	*pfn = args.pfn;
	writable = args.writable;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	pages = ((addr | ~args.addr_mask) - addr + 1) >> PAGE_SHIFT;
#else
	pages = hf_leaf_pages(vma->vm_mm, addr);
#endif
	if (hf_bug(HF_BUG_BAR_HUGE_OFFSET) && pages > 1)
		*pfn -= pte_index(addr);
	follow_pfnmap_end(&args);
	if (write && !writable)
		return -EFAULT;
	return min(pages, max);
#else
	spinlock_t *lock;
	pte_t *ptep, pte;
	unsigned long n;
	int ret;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	ret = follow_pte(vma, addr, &ptep, &lock);
#else
	ret = follow_pte(vma->vm_mm, addr, &ptep, &lock);
#endif
	if (ret)
		return ret;
	__acquire(lock);	/* tells sparse what follow_pte() does not */

	/* The lock is for the whole table: read on while it goes on. */
	max = min(max, PTRS_PER_PTE - pte_index(addr));
	*pfn = pte_pfn(*ptep);
	for (n = 0; n < max; n++) {
		pte = READ_ONCE(ptep[n]);
		if (!pte_present(pte) || pte_pfn(pte) != *pfn + n ||
		    (write && !pte_write(pte)))
			break;
	}
	pte_unmap_unlock(ptep, lock);
	return n ? n : -EFAULT;
#endif
}

#endif
