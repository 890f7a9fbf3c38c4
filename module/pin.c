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
 *  - batch: GUP-fast on the caller's own mm, up to a page full of struct page
 *    pointers a call.  It walks the page table without locks and falls back to
 *    faulting by itself.
 *  - unsharing: a read-only pin on a kernel whose GUP does not break
 *    copy-on-write for it (compat: HF_GUP_UNSHARES) would hold the zero page,
 *    or a page the next CPU write replaces, and the device would read stale
 *    data from then on.  There a private mapping that may be written is pinned
 *    for writing (FOLL_FORCE), which gives it the page it will keep, exactly
 *    as the later kernels' FAULT_FLAG_UNSHARE does.  The flag depends on the
 *    VMA, so this path goes VMA by VMA under the mmap lock.
 *
 * Every pin is FOLL_LONGTERM: pages move out of CMA and ZONE_MOVABLE first.
 * Only exported API takes or drops pins.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "pin.h"

#define HF_PIN_BATCH	(PAGE_SIZE / sizeof(struct page *))

/**
 * hf_pin_begin() - start a walk over the current process's memory
 * @pin: the walk
 * @vaddr: first address, bytes, page aligned
 * @pages: length, pages
 * @write: will the device write there?
 *
 * Without memory for a large buffer the walk works with a small one.
 *
 * Context: may sleep.  current->mm must not be NULL.
 */
void hf_pin_begin(struct hf_pin *pin, unsigned long vaddr, unsigned long pages,
		  bool write)
{
	pin->mm = current->mm;
	pin->vaddr = vaddr;
	pin->left = pages;
	pin->gup_flags = FOLL_LONGTERM | (write ? FOLL_WRITE : 0);
	pin->nr = 0;
	pin->pos = 0;

	pin->pages = pin->small;
	pin->capacity = HF_PIN_SMALL;
	if (pages > HF_PIN_SMALL) {
		struct page **buf = (struct page **)
			__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

		if (buf) {
			pin->pages = buf;
			pin->capacity = HF_PIN_BATCH;
		}
	}
}

/*
 * Flags that make a read-only pin of @vma hold the page the CPU will see after
 * its next write.  Write permission is not needed for that, read permission is
 * (a PROT_NONE range stays refused).  hugetlb knows no FOLL_FORCE; a read-only
 * hugetlb VMA cannot be written before an mprotect().
 */
static unsigned int hf_unshare_flags(const struct vm_area_struct *vma)
{
	if (!is_cow_mapping(vma->vm_flags) || !(vma->vm_flags & VM_READ))
		return 0;
	if (is_vm_hugetlb_page((struct vm_area_struct *)vma))
		return vma->vm_flags & VM_WRITE ? FOLL_WRITE : 0;
	return FOLL_WRITE | FOLL_FORCE;
}

/* Pin up to @nr pages of one VMA, breaking copy-on-write. */
static long hf_pin_unshared(struct hf_pin *pin, unsigned int nr)
{
	struct vm_area_struct *vma;
	unsigned long in_vma;
	long ret;

	ret = mmap_read_lock_killable(pin->mm);
	if (ret)
		return ret;
	vma = vma_lookup(pin->mm, untagged_addr(pin->vaddr));
	if (vma) {
		in_vma = (vma->vm_end - untagged_addr(pin->vaddr)) >> PAGE_SHIFT;
		ret = hf_pin_user_pages_remote(pin->mm, pin->vaddr,
					       min_t(unsigned long, nr, in_vma),
					       pin->gup_flags |
					       hf_unshare_flags(vma),
					       pin->pages);
	} else {
		ret = -EFAULT;
	}
	mmap_read_unlock(pin->mm);
	return ret;
}

/**
 * hf_pin_fill() - pin the next pages of the walk
 * @pin: the walk, with everything pinned so far consumed and pages left
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: 0 with at least one page to hand over; -EINTR when killed; -EFAULT,
 * -ENOMEM or what else GUP says.
 */
int hf_pin_fill(struct hf_pin *pin)
{
	unsigned int nr = min_t(unsigned long, pin->left, pin->capacity);
	long ret;

	pin->nr = 0;
	pin->pos = 0;
	if (fatal_signal_pending(current))
		return -EINTR;

	if (HF_GUP_UNSHARES || (pin->gup_flags & FOLL_WRITE))
		ret = pin_user_pages_fast(pin->vaddr, nr, pin->gup_flags,
					  pin->pages);
	else
		ret = hf_pin_unshared(pin, nr);
	if (ret <= 0)
		return ret ? ret : -EFAULT;

	pin->nr = ret;
	pin->vaddr += (unsigned long)ret << PAGE_SHIFT;
	pin->left -= ret;
	return 0;
}

/**
 * hf_pin_peek() - the next contiguous run that is pinned and not consumed
 * @pin: the walk
 * @max: longest run wanted, pages; at least 1
 * @ext: out: the run
 *
 * Return: false when everything pinned is consumed.
 */
bool hf_pin_peek(const struct hf_pin *pin, unsigned long max,
		 struct hf_extent *ext)
{
	unsigned int left = pin->nr - pin->pos;
	struct page **page = pin->pages + pin->pos;
	struct page **end = page + min_t(unsigned long, left, max);
	unsigned long pfn;

	if (!left)
		return false;

	ext->pfn = page_to_pfn(*page);
	ext->path = HF_PATH_PAGES;
	ext->order = 0;
	for (pfn = ext->pfn + 1; ++page < end; pfn++)
		if (page_to_pfn(*page) != pfn)
			break;
	ext->pages = pfn - ext->pfn;
	return true;
}

/**
 * hf_pin_consume() - say that the log has the next pages
 * @pin: the walk
 * @pages: pages, at most what hf_pin_peek() showed
 */
void hf_pin_consume(struct hf_pin *pin, unsigned long pages)
{
	pin->pos += pages;
}

/**
 * hf_pin_end() - end a walk, unpinning what was never consumed
 * @pin: the walk
 */
void hf_pin_end(struct hf_pin *pin)
{
	unpin_user_pages(pin->pages + pin->pos, pin->nr - pin->pos);
	if (pin->pages != pin->small)
		free_page((unsigned long)pin->pages);
}

/**
 * hf_unpin() - give back the pins of an extent
 * @ext: the extent, in no domain and in no IOTLB any more
 * @dirty: could the device have written there?
 *
 * Context: may sleep.
 */
void hf_unpin(const struct hf_extent *ext, bool dirty)
{
	struct page *page = pfn_to_page(ext->pfn);
	unsigned long i;

	switch (ext->path) {
	case HF_PATH_PAGES:
		if (!ext->order) {
			unpin_user_page_range_dirty_lock(page, ext->pages,
							 dirty);
			break;
		}
		for (i = 0; i < ext->pages; i += 1UL << ext->order) {
			page = pfn_to_page(ext->pfn + i);
			unpin_user_page_range_dirty_lock(page, 1, dirty);
		}
		break;
	case HF_PATH_PART:
		unpin_user_page_range_dirty_lock(page, 1, dirty);
		break;
	case HF_PATH_PFNMAP:
		break;
	}
}
