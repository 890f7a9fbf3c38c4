/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A look at the entry of the page table that maps an address, without a lock.
 *
 * Interrupts are off, which keeps page tables from being freed under the walk,
 * by the same contract GUP-fast relies on: the TLB flush that comes before
 * needs an answer from this CPU, or the tables are freed by RCU.  That holds
 * for tables of the running process; for those of another one the mmap lock is
 * needed as well, and an area in the tree of areas at the address.  (Where tables
 * are not freed by RCU, on x86 before 6.13 without PARAVIRT, that does not cover a
 * table of huge pages that processes share and one of them leaves through the
 * file; distributions' kernels have PARAVIRT.)
 *
 * Header only: the walk is part of the path of every map.
 */
#ifndef HOLDFAST_WALK_H
#define HOLDFAST_WALK_H

#include <linux/mm.h>
#include <linux/pgtable.h>

#if defined(CONFIG_HAVE_GUP_FAST) || defined(CONFIG_HAVE_FAST_GUP)
#define HF_CAN_WALK	1
#else
#define HF_CAN_WALK	0
#endif

#if HF_CAN_WALK

/**
 * struct hf_entry - an entry that maps pages, at the level it was found
 * @level: how much it maps; HF_AT_NONE: nothing is mapped
 * @pud: at HF_AT_PUD, the entry; at HF_AT_NONE, what is there if @pmdp is NULL
 *	and the walk came that far, else nothing
 * @pmdp: at HF_AT_PMD, the entry; at HF_AT_PTE, the one above it; at HF_AT_NONE,
 *	the entry that maps nothing, or NULL
 * @pmd: what was read from @pmdp
 * @ptep: at HF_AT_PTE, the entry
 */
struct hf_entry {
	enum { HF_AT_NONE, HF_AT_PTE, HF_AT_PMD, HF_AT_PUD } level;
	pud_t pud;
	pmd_t *pmdp;
	pmd_t pmd;
	pte_t *ptep;
};

/**
 * hf_walk() - find what maps an address
 * @mm: whose page table
 * @vaddr: bytes
 * @e: out: the entry
 *
 * Context: interrupts are off, and stay so while @e is used.
 */
static __always_inline void hf_walk(struct mm_struct *mm, unsigned long vaddr,
				    struct hf_entry *e)
{
	pgd_t *pgdp = pgd_offset(mm, vaddr);
	pgd_t pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp;

	e->level = HF_AT_NONE;
	e->pud = (pud_t){};
	e->pmdp = NULL;
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
	e->pmdp = pmd_offset_lockless(pudp, e->pud, vaddr);
	e->pmd = READ_ONCE(*e->pmdp);
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

#endif
#endif
