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
 * pinned folio for the child at once.  That the device will only read makes no
 * difference.  Pages mapped read-only would need a look at each one's exclusive
 * marker and at the VMA; they are pinned page by page.
 *
 * Huge pages that follow each other are looked at together, in one walk.
 *
 * The walk takes no lock (walk.h).  An architecture without GUP-fast gets one
 * page for one pin.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "bug.h"
#include "leaf.h"
#include "walk.h"

#if HF_CAN_WALK

/* Pages from @vaddr to the end of the huge page of 2^order pages there. */
static unsigned long hf_to_border(unsigned long vaddr, unsigned int order)
{
	unsigned long pages = 1UL << order;

	return pages - ((vaddr >> PAGE_SHIFT) & (pages - 1));
}

/* How many writable huge pages of PMD size seem to be at @pmdp, up to @max? */
static unsigned int hf_guess_pmds(pmd_t *pmdp, unsigned int max)
{
	unsigned int n;

	for (n = 0; n < max; n++) {
		pmd_t pmd = READ_ONCE(pmdp[n]);

		if (!pmd_present(pmd) || !pmd_leaf(pmd) || !pmd_write(pmd))
			break;
	}
	return n;
}

/**
 * hf_leaf_guess() - a cheap look at what pinning will find
 * @mm: the current process's mm
 * @vaddr: bytes
 * @pages: how far to look, pages
 * @nr: in: most leaves wanted, at least 1; out: with HF_LEAF_LARGE the number
 *	of leaves there from @vaddr on, 1 unless they are huge pages of PMD size
 *
 * Nothing is held, so the answer may be out of date at once: good for choosing
 * a path, never for trusting a pin.
 *
 * Context: any; turns interrupts off for the length of a page-table walk.
 * Return: enum hf_leaf_hint.
 */
enum hf_leaf_hint hf_leaf_guess(struct mm_struct *mm, unsigned long vaddr,
				unsigned long pages, unsigned int *nr)
{
	enum hf_leaf_hint hint = HF_LEAF_ABSENT;
	unsigned long flags, pmds;
	unsigned int found = 0;
	struct hf_entry e __uninitialized;
	pte_t pte;

	local_irq_save(flags);
	hf_walk(mm, vaddr, &e);
	if (e.level == HF_AT_PTE) {
		pte = READ_ONCE(*e.ptep);
		if (pte_present(pte))
			hint = pfn_valid(pte_pfn(pte)) &&
			       PageCompound(pfn_to_page(pte_pfn(pte))) ?
			       HF_LEAF_LARGE : HF_LEAF_SMALL;
	} else if (e.level == HF_AT_PMD) {
		/* Those that begin in the range, in this page table. */
		pmds = (pages + pte_index(vaddr) + PTRS_PER_PTE - 1) /
		       PTRS_PER_PTE;
		found = hf_guess_pmds(e.pmdp, min3(pmds, (unsigned long)*nr,
						   PTRS_PER_PMD -
						   pmd_index(vaddr)));
		hint = found ? HF_LEAF_LARGE : HF_LEAF_SMALL;
	} else if (e.level == HF_AT_PUD) {
		hint = pud_write(e.pud) ? HF_LEAF_LARGE : HF_LEAF_SMALL;
	}
	local_irq_restore(flags);
	*nr = max(found, 1U);
	return hint;
}

/**
 * hf_leaf_pages() - pages that one entry of the page table maps
 * @mm: any process's mm, its mmap lock held
 * @vaddr: bytes, page aligned; mapped by an entry that is locked, of an area in
 *	the tree: that, not the interrupts, is what keeps the page table
 *
 * Context: any; turns interrupts off for the length of a page-table walk.
 * Return: pages from @vaddr to the end of what its entry maps.
 */
unsigned long hf_leaf_pages(struct mm_struct *mm, unsigned long vaddr)
{
	struct hf_entry e __uninitialized;
	unsigned long flags;

	local_irq_save(flags);
	hf_walk(mm, vaddr, &e);
	local_irq_restore(flags);
	if (e.level == HF_AT_PUD)
		return hf_to_border(vaddr, PUD_SHIFT - PAGE_SHIFT);
	if (e.level == HF_AT_PMD)
		return hf_to_border(vaddr, PMD_SHIFT - PAGE_SHIFT);
	return 1;
}

/* Does the folio that @page's pin holds cover 2^order pages from PFN @base? */
static bool hf_folio_covers(struct page *page, unsigned long base,
			    unsigned int order)
{
	struct folio *folio = page_folio(page);
	unsigned long start = folio_pfn(folio);

	return base >= start &&
	       base + (1UL << order) <= start + folio_nr_pages(folio);
}

/* Pages of the folio mapped one by one from @vaddr on, in this table. */
static unsigned long hf_reach_ptes(struct page *page, unsigned long vaddr,
				   pte_t *ptep, unsigned long max)
{
	unsigned long table = PTRS_PER_PTE - pte_index(vaddr);
	struct folio *folio = page_folio(page);
	unsigned long end = folio_pfn(folio) + folio_nr_pages(folio);
	unsigned long pfn = page_to_pfn(page);
	unsigned long n;

	max = min3(max, table, hf_bug(HF_BUG_LEAF_TWO_FOLIOS) ? max : end - pfn);
	for (n = 0; n < max; n++) {
		pte_t pte = READ_ONCE(ptep[n]);

		if (!pte_access_permitted(pte, true) ||
		    (pte_pfn(pte) != pfn + n && !hf_bug(HF_BUG_LEAF_NO_PFN)))
			break;
	}
	return max(n, 1UL);
}

/**
 * hf_leaf_reach() - pages that the pin of one page holds in place
 * @mm: the current process's mm
 * @vaddr: where @page was pinned, bytes, page aligned
 * @page: pinned with FOLL_LONGTERM
 * @max: pages wanted
 *
 * Context: any; turns interrupts off for the length of a page-table walk.
 * Return: n >= 1, at most @max: addresses @vaddr to @vaddr + n pages map @page
 * and the n - 1 pages behind it, all of its folio and all writable.
 */
unsigned long hf_leaf_reach(struct mm_struct *mm, unsigned long vaddr,
			    struct page *page, unsigned long max)
{
	unsigned long flags, base, reach = 1;
	unsigned int order;
	struct hf_entry e __uninitialized;
	pmd_t pmd;

	if (!PageCompound(page))
		return 1;

	local_irq_save(flags);
	hf_walk(mm, vaddr, &e);
	switch (e.level) {
	case HF_AT_PUD:
		if (!pud_access_permitted(e.pud, true))
			break;
		base = pud_pfn(e.pud);
		order = PUD_SHIFT - PAGE_SHIFT;
		goto huge;
	case HF_AT_PMD:
		pmd = READ_ONCE(*e.pmdp);
		if (!pmd_leaf(pmd) || !pmd_access_permitted(pmd, true))
			break;
		base = pmd_pfn(pmd);
		order = PMD_SHIFT - PAGE_SHIFT;
huge:
		reach = hf_to_border(vaddr, order);
		/* Not every huge mapping has a folio that large. */
		if (base + (1UL << order) - reach != page_to_pfn(page) ||
		    !hf_folio_covers(page, base, order))
			reach = 1;
		break;
	case HF_AT_PTE:
		reach = hf_reach_ptes(page, vaddr, e.ptep, max);
		break;
	default:
		break;
	}
	local_irq_restore(flags);
	if (hf_bug(HF_BUG_LEAF_BORDER) && reach > 1)
		reach++;
	return min(reach, max);
}

/**
 * hf_leaf_prove() - the same for several huge pages of PMD size in a row
 * @mm: the current process's mm
 * @vaddr: first address, bytes, page aligned; all are in one page table
 * @max: pages wanted, so many that each huge page has a part
 * @page: in: one page of each, the first or the last of the part that is
 *	wanted, pinned with FOLL_LONGTERM; out: the first
 * @nr: huge pages
 * @reach: out: pages wanted of each
 *
 * Context: any; turns interrupts off for the length of a page-table walk.
 * Return: n <= @nr, huge pages that are proven, from the first on.  @page and
 * @reach of the others are as they were.
 */
unsigned int hf_leaf_prove(struct mm_struct *mm, unsigned long vaddr,
			   unsigned long max, struct page **page,
			   unsigned int nr, unsigned int *reach)
{
	const unsigned int order = PMD_SHIFT - PAGE_SHIFT;
	unsigned long flags, base, pfn, pages;
	struct hf_entry e __uninitialized;
	unsigned int i = 0;
	pmd_t pmd;

	local_irq_save(flags);
	hf_walk(mm, vaddr, &e);
	if (e.level != HF_AT_PMD)
		nr = 0;
	for (; i < nr; i++) {
		pmd = READ_ONCE(e.pmdp[i]);
		if (!pmd_access_permitted(pmd, true) || !pmd_leaf(pmd))
			break;
		base = pmd_pfn(pmd);
		pages = hf_to_border(vaddr, order);
		pfn = base + (1UL << order) - pages;
		pages = min(pages, max);
		if ((page_to_pfn(page[i]) != pfn &&
		     page_to_pfn(page[i]) != pfn + pages - 1) ||
		    !hf_folio_covers(page[i], base, order))
			break;
		page[i] = pfn_to_page(pfn);
		reach[i] = pages;
		vaddr += pages << PAGE_SHIFT;
		max -= pages;
	}
	local_irq_restore(flags);
	return i;
}

#else

enum hf_leaf_hint hf_leaf_guess(struct mm_struct *mm, unsigned long vaddr,
				unsigned long pages, unsigned int *nr)
{
	return HF_LEAF_SMALL;
}

unsigned long hf_leaf_pages(struct mm_struct *mm, unsigned long vaddr)
{
	return 1;
}

unsigned long hf_leaf_reach(struct mm_struct *mm, unsigned long vaddr,
			    struct page *page, unsigned long max)
{
	return 1;
}

unsigned int hf_leaf_prove(struct mm_struct *mm, unsigned long vaddr,
			   unsigned long max, struct page **page,
			   unsigned int nr, unsigned int *reach)
{
	return 0;
}

#endif
