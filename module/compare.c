// SPDX-License-Identifier: GPL-2.0-only
/*
 * Comparing what a device reaches with what the CPU sees.
 *
 * The device reaches what the mapping's log says.  What the CPU sees is the
 * business of view.c.  A page is *parted* when the two are not one page: what
 * one side writes the other does not see.
 *
 * A page that the CPU does not have in its page table counts as shared if the
 * page cache would give it back.  But if the page is then cut out of its file
 * nobody is notified, because there is no entry left to invalidate: such
 * pages have to be watched.
 *
 * An absent page of an area that only its driver knows (device memory) counts
 * as shared where the mapping took it from such an area.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compare.h"
#include "fail.h"
#include "mapping.h"

/* Looks at a busy page table before it is let go for a while. */
#define HF_BUSY_TRIES	64

/**
 * hf_compare_alloc() - allocate what comparing needs
 *
 * Context: may sleep.
 * Return: for hf_compare_begin(); or NULL.
 */
struct hf_compare *hf_compare_alloc(void)
{
	return hf_fail(HF_FAIL_COMPARE_ALLOC) ? NULL :
	       kmalloc(sizeof(struct hf_compare), GFP_KERNEL);
}

/**
 * hf_compare_free() - and free it
 * @cmp: what was allocated; may be NULL
 */
void hf_compare_free(struct hf_compare *cmp)
{
	kfree(cmp);
}

/**
 * hf_compare_begin() - compare pages of a mapping from here on
 * @cmp: the walk, at the mapping's first page
 * @m: the mapping, held by the caller as long as it compares
 */
void hf_compare_begin(struct hf_compare *cmp, const struct hf_mapping *m)
{
	struct hf_place *place = &cmp->place;

	cmp->m = m;
	place->at = 0;
	place->ext.pages = 0;
	hf_log_begin(&place->it, &m->log);
}

/* Stand at the extent of @page.  Return: false if the log does not reach it. */
static bool hf_compare_seek(struct hf_compare *cmp, unsigned long page)
{
	struct hf_place *place = &cmp->place;
	unsigned int steps = 0;

	if (page < place->at)
		hf_compare_begin(cmp, cmp->m);
	while (page >= place->at + place->ext.pages) {
		place->at += place->ext.pages;
		place->ext.pages = 0;
		if (!hf_log_next(&place->it, &place->ext))
			return false;
		if (!(++steps % 4096))
			cond_resched();
	}
	return true;
}

/* Is what the CPU sees what the device reaches at @page of the mapping? */
static bool hf_agree(const struct hf_place *place, unsigned long page, u64 seen,
		     bool *watch)
{
	switch (seen) {
	case HF_SEEN_NOTHING:
		return false;
	case HF_SEEN_DEVICE:
		return place->ext.path == HF_PATH_PFNMAP;
	case HF_SEEN_UNKNOWN:
		*watch = true;
		return true;
	default:
		if ((seen & ~HF_SEEN_LATER) !=
		    place->ext.pfn + (page - place->at))
			return false;
		if (seen & HF_SEEN_LATER)
			*watch = true;
		return true;
	}
}

/* Compare @nr pages from @page on with @cmp->seen. */
static void hf_compare_seen(struct hf_compare *cmp, unsigned long page,
			    unsigned int nr, unsigned long *parted,
			    unsigned int bit, bool *watch)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!hf_compare_seek(cmp, page + i))
			return;
		if (!hf_agree(&cmp->place, page + i, cmp->seen[i], watch))
			__set_bit(bit + i, parted);
	}
}

/**
 * hf_compare() - compare some pages
 * @cmp: the walk; quickest when it goes forward
 * @mm: the process's memory; it has users
 * @first: first page of the mapping
 * @nr: pages, at most HF_COMPARE_MAX, none behind the mapping's end
 * @parted: out: a bit for each of the pages: device and CPU do not share it
 * @watch: out: pages that are shared may part without a word
 *
 * Pages that the log does not have, of a mapping that is not backed, are not
 * parted.
 *
 * Context: may sleep; takes the mmap lock for reading.
 * Return: 0; -EINTR when killed.
 */
int hf_compare(struct hf_compare *cmp, struct mm_struct *mm,
	       unsigned long first, unsigned int nr, unsigned long *parted,
	       bool *watch)
{
	unsigned long addr = cmp->m->vaddr + (first << PAGE_SHIFT);
	unsigned int done = 0, tries = 0;
	struct vm_area_struct *vma;
	unsigned long n;
	int ret;

	bitmap_zero(parted, nr);
	*watch = false;
	/* It may be a long way, which nobody shall wait for. */
	hf_compare_seek(cmp, first);
lock:
	if (hf_fail(HF_FAIL_COMPARE_KILLED) || fatal_signal_pending(current))
		return -EINTR;
	ret = mmap_read_lock_killable(mm);
	if (ret)
		return ret;
	while (done < nr) {
		vma = find_vma(mm, addr);
		if (!vma || vma->vm_start > addr) {
			n = nr - done;
			if (vma)
				n = min(n, (vma->vm_start - addr) >> PAGE_SHIFT);
			memset64(cmp->seen, HF_SEEN_NOTHING, n);
		} else {
			n = min_t(unsigned long, nr - done,
				  (vma->vm_end - addr) >> PAGE_SHIFT);
			n = hf_view(vma, addr, n, cmp->seen);
		}
		if (!n && ++tries % HF_BUSY_TRIES) {
			cpu_relax();
			continue;
		}
		if (!n) {
			/* Who has the page table may need this CPU. */
			mmap_read_unlock(mm);
			usleep_range(10, 50);
			goto lock;
		}
		hf_compare_seen(cmp, first + done, n, parted, done, watch);
		done += n;
		addr += n << PAGE_SHIFT;
	}
	mmap_read_unlock(mm);
	return 0;
}
