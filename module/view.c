// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process sees at an address: which page its next access would reach.
 *
 * Nothing is faulted in: somebody who wants to know whether device and CPU
 * still share a page must not allocate what the process has just given back,
 * nor wait for the handler of a userfaultfd.  So where the page table maps
 * nothing the page cache is asked, which is what a fault would map.  Private
 * memory that is not in the page table is another page when it comes back.
 *
 * Entries are read with the lock of their page table.  While that is held
 * nobody is half-way between taking an entry away and putting it back, changed,
 * as many do (a change of protection, MADV_FREE, NUMA hinting).  A page that
 * somebody tries to migrate is still where its migration entry says.
 *
 * The page table is found as for a pin's proof (walk.h), with interrupts off;
 * since that may be for the length of a table only, and a page table's lock
 * must not be waited for then, it is tried.
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/huge_mm.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/spinlock.h>

#include "bug.h"
#include "entry.h"
#include "view.h"
#include "walk.h"

/* Entries that map nothing, before the page cache is asked. */
#define HF_ABSENT	HF_SEEN_NOTHING

#if HF_CAN_WALK

static u64 hf_read_pte(pte_t pte)
{
	unsigned long pfn;

	if (pte_present(pte))
		return pte_pfn(pte);
	if (!pte_none(pte) && hf_pte_moving(pte, &pfn))
		return pfn;
	return HF_ABSENT;
}

static u64 hf_read_pmd(pmd_t pmd)
{
	unsigned long pfn;

	if (pmd_present(pmd))
		return pmd_pfn(pmd);
	if (!pmd_none(pmd) && hf_pmd_moving(pmd, &pfn))
		return pfn;
	return HF_ABSENT;
}

/* Fill in @nr pages of the huge page at PFN @base that spans 2^order pages. */
static unsigned long hf_fill(u64 *seen, unsigned long addr, unsigned long max,
			     u64 base, unsigned int order)
{
	unsigned long skip = (addr >> PAGE_SHIFT) & ((1UL << order) - 1);
	unsigned long nr = min(max, (1UL << order) - skip);
	unsigned long i;

	for (i = 0; i < nr; i++)
		seen[i] = base == HF_ABSENT ? base : base + skip + i;
	return nr;
}

/* The entries of one page table, or the huge one; 0 to try again. */
static unsigned long hf_read_locked(struct mm_struct *mm, struct hf_entry *e,
				    unsigned long addr, unsigned long max,
				    u64 *seen)
{
	const bool ptes = e->level == HF_AT_PTE;
	unsigned long nr = 0, i;
	spinlock_t *lock;

	/* Of the table that was walked: the entry may name another by now. */
	lock = ptes ? pte_lockptr(mm, &e->pmd) : pmd_lockptr(mm, e->pmdp);
	if (!spin_trylock(lock))
		return 0;
	if (pmd_val(READ_ONCE(*e->pmdp)) != pmd_val(e->pmd))
		goto unlock;
	if (ptes) {
		nr = min(max, PTRS_PER_PTE - pte_index(addr));
		for (i = 0; i < nr; i++)
			seen[i] = hf_read_pte(READ_ONCE(e->ptep[i]));
	} else {
		nr = hf_fill(seen, addr, max, hf_read_pmd(e->pmd),
			     PMD_SHIFT - PAGE_SHIFT);
	}
unlock:
	spin_unlock(lock);
	return nr;
}

static unsigned long hf_read(struct mm_struct *mm, unsigned long addr,
			     unsigned long max, u64 *seen)
{
	const unsigned int order = PUD_SHIFT - PAGE_SHIFT;
	struct hf_entry e __uninitialized;
	unsigned long flags, nr;

	local_irq_save(flags);
	hf_walk(mm, addr, &e);
	if (e.level == HF_AT_PUD)
		nr = hf_fill(seen, addr, max, pud_pfn(e.pud), order);
	else if (e.pmdp)
		nr = hf_read_locked(mm, &e, addr, max, seen);
	else
		nr = hf_fill(seen, addr, max, HF_ABSENT, order);
	local_irq_restore(flags);
	/* A huge page in motion: nothing else is neither there nor not. */
	if (e.level == HF_AT_NONE && !e.pmdp && !pud_none(e.pud))
		for (addr = 0; addr < nr; addr++)
			seen[addr] = HF_SEEN_UNKNOWN;
	return nr;
}

#else

static unsigned long hf_read(struct mm_struct *mm, unsigned long addr,
			     unsigned long max, u64 *seen)
{
	unsigned long i;

	for (i = 0; i < max; i++)
		seen[i] = HF_SEEN_UNKNOWN;
	return max;
}

#endif

/* Do page faults map what the page cache has?  Drivers' files have none. */
static bool hf_has_page_cache(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISREG(inode->i_mode) && inode->i_sb->s_magic != DMA_BUF_MAGIC;
}

/* What comes to an address of @vma at which nothing is mapped. */
static u64 hf_behind(struct vm_area_struct *vma, unsigned long addr)
{
	unsigned long pfn;

	if (vma->vm_flags & VM_PFNMAP)
		return HF_SEEN_DEVICE;
	/* Private memory gets a page of its own with the next write. */
	if (!vma->vm_file ||
	    (vma->vm_flags & (VM_MAYSHARE | VM_MAYWRITE)) == VM_MAYWRITE)
		return HF_SEEN_NOTHING;
	if (vma->vm_flags & VM_MIXEDMAP || vma_is_dax(vma) ||
	    !hf_has_page_cache(vma->vm_file))
		return HF_SEEN_UNKNOWN;
	if (!hf_bug(HF_BUG_AUDIT_NO_CACHE) && hf_cached_pfn(vma, addr, &pfn))
		return pfn | HF_SEEN_LATER;
	return HF_SEEN_NOTHING;
}

/**
 * hf_view() - which pages the CPU would reach
 * @vma: an area of any process's memory
 * @addr: first address, bytes, page aligned, in @vma
 * @max: most pages wanted, none behind @vma's end, at most HF_VIEW_MAX
 * @seen: out: HF_SEEN_* or PFNs
 *
 * That is true at the moment of the look.  Whether it stays so is for who has
 * a notifier to say.
 *
 * Context: the mmap lock is held for reading, and @vma is in the tree; turns
 * interrupts off for the length of a page table.
 * Return: pages filled in; 0 when the page table was busy: try again.
 */
unsigned long hf_view(struct vm_area_struct *vma, unsigned long addr,
		      unsigned long max, u64 *seen)
{
	unsigned long nr, i;

	nr = hf_read(vma->vm_mm, addr, max, seen);
	for (i = 0; i < nr; i++)
		if (seen[i] == HF_ABSENT)
			seen[i] = hf_behind(vma, addr + (i << PAGE_SHIFT));
	return nr;
}
