/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of a page table that map nothing, and the page cache behind them.
 *
 * Kernels differ in how they name what such an entry says (swap entries until
 * 6.18, leaf entries since), and in what a page cache of huge pages is indexed
 * by (huge pages before 6.7, small ones since).
 */
#ifndef HOLDFAST_COMPAT_ENTRY_H
#define HOLDFAST_COMPAT_ENTRY_H

#include <linux/err.h>
#include <linux/huge_mm.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/swapops.h>
#include <linux/version.h>

#define HF_LEAF_ENTRIES	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0))
#if HF_LEAF_ENTRIES
#include <linux/leafops.h>
#endif

/**
 * hf_pte_moving() - is a page on its way, and not gone yet?
 * @pte: an entry that is neither present nor none
 * @pfn: out: where it is still, if so
 *
 * A page that is pinned cannot be migrated, but somebody may try.  One that
 * another device has for itself comes back with the next access.
 *
 * Context: the page table is locked.
 */
static inline bool hf_pte_moving(pte_t pte, unsigned long *pfn)
{
#if HF_LEAF_ENTRIES
	softleaf_t entry = softleaf_from_pte(pte);

	if (!softleaf_is_migration(entry) &&
	    !softleaf_is_device_exclusive(entry))
		return false;
	*pfn = softleaf_to_pfn(entry);
#else
	swp_entry_t entry = pte_to_swp_entry(pte);

	if (!is_migration_entry(entry) && !is_device_exclusive_entry(entry))
		return false;
	*pfn = swp_offset_pfn(entry);
#endif
	return true;
}

/**
 * hf_pmd_moving() - is a huge page being migrated just now?
 * @pmd: an entry that is neither present nor none
 * @pfn: out: the first PFN of where it is still, if so
 *
 * Context: the page table is locked.
 */
static inline bool hf_pmd_moving(pmd_t pmd, unsigned long *pfn)
{
#if HF_LEAF_ENTRIES
	softleaf_t entry = softleaf_from_pmd(pmd);

	if (!softleaf_is_migration(entry))
		return false;
	*pfn = softleaf_to_pfn(entry);
	return true;
#elif defined(CONFIG_ARCH_ENABLE_THP_MIGRATION)
	if (!is_pmd_migration_entry(pmd))
		return false;
	*pfn = swp_offset_pfn(pmd_to_swp_entry(pmd));
	return true;
#else
	return false;
#endif
}

/**
 * hf_cached_pfn() - the page cache's page for an address
 * @vma: an area of a file
 * @addr: bytes, in @vma
 * @pfn: out: its PFN
 *
 * Nothing is read in, allocated or kept.
 *
 * Context: the mmap lock is held for reading.
 * Return: false if there is none.
 */
static inline bool hf_cached_pfn(struct vm_area_struct *vma,
				 unsigned long addr, unsigned long *pfn)
{
	pgoff_t index = linear_page_index(vma, addr);
	struct folio *folio;

	/* A huge page is in the cache as a whole. */
	if (is_vm_hugetlb_page(vma))
		index = linear_page_index(vma, addr &
					  huge_page_mask(hstate_vma(vma)));
	folio = filemap_get_folio(vma->vm_file->f_mapping, index);
	if (IS_ERR_OR_NULL(folio))
		return false;
	if (is_vm_hugetlb_page(vma))
		*pfn = folio_pfn(folio) +
		       ((addr >> PAGE_SHIFT) & (folio_nr_pages(folio) - 1));
	else
		*pfn = page_to_pfn(folio_file_page(folio, index));
	folio_put(folio);
	return true;
}

#endif
