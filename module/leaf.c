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

/* An entry of the page table that maps pages, at the level it was found. */
struct hf_entry {
	enum { HF_AT_NONE, HF_AT_PTE, HF_AT_PMD, HF_AT_PUD } level;
	pud_t pud;
	pmd_t pmd;
	pte_t *ptep;
};

/* Find what maps @vaddr; interrupts are off, and stay so while it is used. */
static void hf_walk(struct mm_struct *mm, unsigned long vaddr,
		    struct hf_entry *e)
{
	pgd_t *pgdp = pgd_offset(mm, vaddr);
	pgd_t pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp;
	pmd_t *pmdp;

	e->level = HF_AT_NONE;
	if (pgd_none(pgd) || unlikely(pgd_bad(pgd)))
		return;
	p4dp = p4d_offset_lockless(pgdp, pgd, vaddr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || unlikely(p4d_bad(p4d)))
		return;
	pudp = pud_offset_lockless(p4dp, p4d, vaddr);
	e->pud = READ_ONCE(*pudp);
	if (!pud_present(e->pud))
		return;
	if (pud_leaf(e->pud)) {
		e->level = HF_AT_PUD;
		return;
	}
	pmdp = pmd_offset_lockless(pudp, e->pud, vaddr);
	e->pmd = READ_ONCE(*pmdp);
	if (!pmd_present(e->pmd))
		return;
	if (pmd_leaf(e->pmd)) {
		e->level = HF_AT_PMD;
		return;
	}
	if (unlikely(pmd_bad(e->pmd)))
		return;
	e->ptep = pte_offset_kernel(&e->pmd, vaddr);
	e->level = HF_AT_PTE;
}

/**
 * hf_leaf_guess() - a cheap look at what pinning will find
 * @mm: the current process's mm
 * @vaddr: bytes
 *
 * Nothing is held, so the answer may be out of date at once: good for choosing
 * a path, never for trusting a pin.
 *
 * Context: any; turns interrupts off for the length of a page-table walk.
 * Return: enum hf_leaf_hint.
 */
enum hf_leaf_hint hf_leaf_guess(struct mm_struct *mm, unsigned long vaddr)
{
	enum hf_leaf_hint hint = HF_LEAF_ABSENT;
	struct hf_entry e;
	unsigned long flags;
	pte_t pte;

	local_irq_save(flags);
	hf_walk(mm, vaddr, &e);
	if (e.level == HF_AT_PTE) {
		pte = READ_ONCE(*e.ptep);
		if (pte_present(pte))
			hint = pfn_valid(pte_pfn(pte)) &&
			       PageCompound(pfn_to_page(pte_pfn(pte))) ?
			       HF_LEAF_LARGE : HF_LEAF_SMALL;
	} else if (e.level != HF_AT_NONE) {
		hint = HF_LEAF_LARGE;
	}
	local_irq_restore(flags);
	return hint;
}

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
	unsigned long pfn = page_to_pfn(page);
	unsigned long flags, reach = 1;
	struct hf_entry e;

	if (!folio_test_large(folio))
		return 1;

	local_irq_save(flags);
	hf_walk(mm, vaddr, &e);
	switch (e.level) {
	case HF_AT_PUD:
		if (pud_access_permitted(e.pud, true))
			reach = hf_reach_huge(folio, vaddr, pfn,
					      pud_pfn(e.pud),
					      PUD_SHIFT - PAGE_SHIFT);
		break;
	case HF_AT_PMD:
		if (pmd_access_permitted(e.pmd, true))
			reach = hf_reach_huge(folio, vaddr, pfn,
					      pmd_pfn(e.pmd),
					      PMD_SHIFT - PAGE_SHIFT);
		break;
	case HF_AT_PTE:
		reach = hf_reach_ptes(folio, vaddr, pfn, e.ptep, max);
		break;
	default:
		break;
	}
	local_irq_restore(flags);
	return min(reach, max);
}

#else

enum hf_leaf_hint hf_leaf_guess(struct mm_struct *mm, unsigned long vaddr)
{
	return HF_LEAF_SMALL;
}

unsigned long hf_leaf_reach(struct mm_struct *mm, unsigned long vaddr,
			    struct page *page, unsigned long max)
{
	return 1;
}

#endif
