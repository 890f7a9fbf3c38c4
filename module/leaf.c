// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far one pin reaches.
 *
 * A FOLL_PIN reference counts for the whole folio: no page of it is freed,
 * migrated, swapped, merged or shared by fork while it is held.  So if the
 * page table maps more pages of the folio behind the one that was pinned, the
 * same pin holds those too, and a huge page needs one pin instead of 512.
 *
 * That must be proven, not assumed: hf_leaf_reach() looks at the page table
 * again after the pin was taken.  What it sees mapped then, at the right
 * address, of the right folio and writable, cannot be taken away any more
 * without the user saying so (munmap, MADV_DONTNEED, ...), which breaks a pin
 * of every single page just the same.  Writable is what makes this hold for
 * anonymous memory: an anonymous page that is mapped writable belongs to this
 * mm alone, and a pinned one stays so, because fork copies the pages of a
 * pinned folio for the child at once.  Read-only mappings would need a look at
 * each page's exclusive marker and at the VMA; they are pinned page by page.
 *
 * The walk takes no lock.  Interrupts are off, which keeps page tables from
 * being freed under it, by the same contract GUP-fast relies on: the TLB
 * flush that comes before needs an answer from this CPU, or the tables are
 * freed by RCU.  An architecture without GUP-fast gets one page for one pin.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "leaf.h"

#if defined(CONFIG_HAVE_GUP_FAST) || defined(CONFIG_HAVE_FAST_GUP)

/*
 * A leaf of 2^order pages maps PFN @base; the page wanted is @pfn, at the same
 * offset as @vaddr.  Pages from there to the end of the leaf, if the folio
 * covers all of it (not every huge mapping has a folio that large).
 */
static unsigned long hf_reach_huge(struct folio *folio, unsigned long vaddr,
				   unsigned long pfn, unsigned long base,
				   unsigned int order)
{
	unsigned long pages = 1UL << order;
	unsigned long offset = (vaddr >> PAGE_SHIFT) & (pages - 1);
	unsigned long start = folio_pfn(folio);

	if (base + offset != pfn || base < start ||
	    base + pages > start + folio_nr_pages(folio))
		return 1;
	return pages - offset;
}

/* Pages of the folio mapped one by one from @vaddr on, in this table. */
static unsigned long hf_reach_ptes(struct folio *folio, unsigned long vaddr,
				   unsigned long pfn, pte_t *ptep,
				   unsigned long max)
{
	unsigned long table = PTRS_PER_PTE - pte_index(vaddr);
	unsigned long end = folio_pfn(folio) + folio_nr_pages(folio);
	unsigned long n;

	max = min3(max, table, end - pfn);
	for (n = 0; n < max; n++) {
		pte_t pte = READ_ONCE(ptep[n]);

		if (!pte_access_permitted(pte, true) ||
		    pte_pfn(pte) != pfn + n)
			break;
	}
	return max(n, 1UL);
}

static unsigned long hf_reach_walk(struct mm_struct *mm, struct folio *folio,
				   unsigned long vaddr, unsigned long pfn,
				   unsigned long max)
{
	pgd_t *pgdp = pgd_offset(mm, vaddr);
	pgd_t pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;

	if (pgd_none(pgd) || unlikely(pgd_bad(pgd)))
		return 1;
	p4dp = p4d_offset_lockless(pgdp, pgd, vaddr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || unlikely(p4d_bad(p4d)))
		return 1;
	pudp = pud_offset_lockless(p4dp, p4d, vaddr);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud))
		return 1;
	if (pud_leaf(pud))
		return pud_access_permitted(pud, true) ?
			hf_reach_huge(folio, vaddr, pfn, pud_pfn(pud),
				      PUD_SHIFT - PAGE_SHIFT) : 1;
	pmdp = pmd_offset_lockless(pudp, pud, vaddr);
	pmd = READ_ONCE(*pmdp);
	if (!pmd_present(pmd))
		return 1;
	if (pmd_leaf(pmd))
		return pmd_access_permitted(pmd, true) ?
			hf_reach_huge(folio, vaddr, pfn, pmd_pfn(pmd),
				      PMD_SHIFT - PAGE_SHIFT) : 1;
	if (unlikely(pmd_bad(pmd)))
		return 1;
	return hf_reach_ptes(folio, vaddr, pfn, pte_offset_kernel(&pmd, vaddr),
			     max);
}

/**
 * hf_leaf_reach() - pages that the pin of one page holds in place
 * @mm: the current process's mm
 * @vaddr: where @page was pinned, bytes, page aligned
 * @page: pinned with FOLL_WRITE | FOLL_LONGTERM
 * @max: pages wanted
 *
 * Context: any; turns interrupts off for the length of a page-table walk.
 * Return: n >= 1, at most @max: addresses @vaddr to @vaddr + n pages map @page
 * and the n - 1 pages behind it, all of its folio and all writable.
 */
unsigned long hf_leaf_reach(struct mm_struct *mm, unsigned long vaddr,
			    struct page *page, unsigned long max)
{
	struct folio *folio = page_folio(page);
	unsigned long flags, reach;

	if (!folio_test_large(folio))
		return 1;
	local_irq_save(flags);
	reach = hf_reach_walk(mm, folio, vaddr, page_to_pfn(page), max);
	local_irq_restore(flags);
	return min(reach, max);
}

#else

unsigned long hf_leaf_reach(struct mm_struct *mm, unsigned long vaddr,
			    struct page *page, unsigned long max)
{
	return 1;
}

#endif
