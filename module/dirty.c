// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty page tracking (VFIO_IOMMU_DIRTY_PAGES).
 *
 * A device behind an IOMMU can write to every page of every mapping at any
 * time, and holdfast has no means to see when it does.  So while such a device
 * is in the container, every page of every mapping is dirty whenever somebody
 * asks: just what stock type1 reports.  Nothing is stored for that.
 *
 * The drivers of devices without an IOMMU write only to what they have pinned,
 * and through vfio_dma_rw(), which holdfast sees.  A container with such a
 * device has a bitmap for each mapping while tracking is on (external.c).  It counts
 * for mappings that no device reaches by itself: pinned pages are always dirty,
 * others since they were last reported if somebody wrote to them.  When a group
 * leaves whose device could have written anywhere, everything counts as written
 * to once more.
 *
 * In the user's bitmap bit 0 is the first page of the range asked for.  Words
 * that no mapping touches stay as the user left them; of a word that a mapping
 * begins inside of, the bits are added to what is there; the rest are
 * overwritten.
 *
 * Locking: c->dirty and c->bitmaps change under c->lock and dirty_lock, which
 * is outside of it.  The user's memory is written, and bitmaps are allocated, with
 * no other lock, but with the mappings held: it may fault, for as long as the
 * user likes, and drivers that want to pin or unpin there wait for it.
 */
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "bug.h"
#include "container.h"
#include "dirty.h"
#include "external.h"
#include "fail.h"
#include "hold.h"
#include "mapping.h"
#include "trace.h"

/* Whole words of ones copied out at once. */
#define HF_DIRTY_WORDS	32

/**
 * hf_dirty_can_track() - is a mapping small enough for a bitmap?
 * @c: the container, its lock held
 * @m: the mapping
 *
 * Return: true if its pages can be numbered in one (HF_DIRTY_PAGES_MAX).
 */
bool hf_dirty_can_track(const struct hf_container *c,
			const struct hf_mapping *m)
{
	return !hf_fail(HF_FAIL_DIRTY_LARGE) &&
	       m->size / hf_container_page(c) <= HF_DIRTY_PAGES_MAX;
}

static int hf_dirty_track(struct hf_container *c, struct hf_mapping *m)
{
	return hf_external_track(m);
}

static int hf_dirty_untrack(struct hf_container *c, struct hf_mapping *m)
{
	hf_external_untrack(m);
	return 0;
}

/**
 * hf_dirty_give_bitmaps() - give every mapping a bitmap, if they need one now
 * @c: the container, its dirty_lock held
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM, or -EINVAL for a mapping too large for one, with none
 * given; -EINTR when killed while waiting for a map or unmap.
 */
int hf_dirty_give_bitmaps(struct hf_container *c)
{
	bool give;
	int ret;

	lockdep_assert_held(&c->dirty_lock);
	mutex_lock(&c->lock);
	give = c->dirty && !list_empty(&c->emulated) && !c->bitmaps;
	/* What is mapped from now on gets one at once. */
	if (give)
		c->bitmaps = true;
	mutex_unlock(&c->lock);
	if (!give)
		return 0;

	ret = hf_container_each(c, hf_dirty_track);
	if (ret) {
		mutex_lock(&c->lock);
		c->bitmaps = false;
		mutex_unlock(&c->lock);
		hf_container_each(c, hf_dirty_untrack);
	}
	return ret;
}

/**
 * hf_dirty_start() - turn tracking on
 * @c: the container
 *
 * Context: may sleep.
 * Return: 0, also when it was on; -EINVAL when a mapping is too large for a
 * bitmap (8 TiB of 4 KiB pages); -ENOMEM; -EINTR when killed while waiting for
 * a map.
 */
int hf_dirty_start(struct hf_container *c)
{
	struct hf_mapping *m;
	bool was;
	int ret;

	ret = hf_fail_err(HF_FAIL_DIRTY_LOCK) ?: mutex_lock_killable(&c->dirty_lock);
	if (ret)
		return ret;
	mutex_lock(&c->lock);
	was = c->dirty;
	for (m = hf_container_first(c); m && !was; m = hf_container_next(m))
		if (!hf_dirty_can_track(c, m))
			ret = -EINVAL;
	if (!ret)
		c->dirty = true;
	mutex_unlock(&c->lock);

	if (!ret && !was) {
		ret = hf_dirty_give_bitmaps(c);
		if (ret) {
			mutex_lock(&c->lock);
			c->dirty = false;
			mutex_unlock(&c->lock);
		}
	}
	mutex_unlock(&c->dirty_lock);
	trace_hf_dirty_start(c->id, ret);
	return ret;
}

/**
 * hf_dirty_stop() - turn tracking off
 * @c: the container
 *
 * A bitmap that cannot be had now goes with its mapping.
 *
 * Context: may sleep.
 * Return: 0; -EINTR when killed, with tracking on.
 */
int hf_dirty_stop(struct hf_container *c)
{
	bool bitmaps;
	int ret;

	ret = hf_fail_err(HF_FAIL_DIRTY_LOCK) ?: mutex_lock_killable(&c->dirty_lock);
	if (ret)
		return ret;
	mutex_lock(&c->lock);
	c->dirty = false;
	bitmaps = c->bitmaps;
	c->bitmaps = false;
	mutex_unlock(&c->lock);
	if (bitmaps)
		hf_container_each(c, hf_dirty_untrack);
	mutex_unlock(&c->dirty_lock);
	trace_hf_dirty_stop(c->id, 0);
	return 0;
}

/**
 * hf_dirty_all() - everything may have been written to
 * @c: the container, its lock held
 */
void hf_dirty_all(struct hf_container *c)
{
	struct hf_external *e;
	struct hf_mapping *m;

	lockdep_assert_held(&c->lock);
	if (!c->bitmaps)
		return;
	for (m = hf_container_first(c); m; m = hf_container_next(m)) {
		/* Pairs with the release in hf_external_get(). */
		e = smp_load_acquire(&m->external);
		if (e)
			WRITE_ONCE(e->all_dirty, true);
	}
}

/**
 * hf_dirty_take() - begin to report a mapping: is all of it dirty?
 * @c: the container, its lock held
 * @m: the mapping, held or claimed in the same section of the lock
 *
 * Decided here, since the group that could have written anywhere may leave
 * while the report is copied to user space.
 */
void hf_dirty_take(struct hf_container *c, struct hf_mapping *m)
{
	struct hf_external *e = m->external;

	lockdep_assert_held(&c->lock);
	if (!e)
		return;
	e->report_all = !c->bitmaps || !e->dirty || e->all_dirty ||
			hf_mapping_backed(m);
	WRITE_ONCE(e->all_dirty, false);
}

/**
 * hf_dirty_give_back() - it could not be reported
 * @m: the mapping, still the caller's
 */
void hf_dirty_give_back(struct hf_mapping *m)
{
	if (m->external && m->external->report_all)
		WRITE_ONCE(m->external->all_dirty, true);
}

static int hf_put_ones(u64 __user *word, u64 words)
{
	u64 ones[HF_DIRTY_WORDS];

	memset(ones, 0xff, sizeof(ones));
	while (words) {
		u64 nr = min_t(u64, words, HF_DIRTY_WORDS);

		if (hf_fail(HF_FAIL_DIRTY_ONES) ||
		    copy_to_user(word, ones, nr * sizeof(*ones)))
			return -EFAULT;
		word += nr;
		words -= nr;
		cond_resched();
	}
	return 0;
}

/*
 * The words of the user's bitmap that @nr bits of @bits take when they begin at
 * bit @shift, @old in front.
 */
static int hf_put_bits(u64 __user *word, const unsigned long *bits, u64 nr,
		       unsigned int shift, u64 old)
{
	const u64 from = DIV_ROUND_UP_ULL(nr, 64);
	const u64 to = DIV_ROUND_UP_ULL(nr + shift, 64);
	u64 out[HF_DIRTY_WORDS], i = 0;

	BUILD_BUG_ON(BITS_PER_LONG != 64);
	while (i < to) {
		unsigned int n;

		for (n = 0; n < HF_DIRTY_WORDS && i < to; n++, i++) {
			out[n] = i < from ? (u64)bits[i] << shift : 0;
			if (shift && i)
				out[n] |= (u64)bits[i - 1] >> (64 - shift);
			if (!i)
				out[n] |= old;
		}
		if (hf_fail(HF_FAIL_DIRTY_BITS) ||
		    copy_to_user(word, out, n * sizeof(*out)))
			return -EFAULT;
		word += n;
		cond_resched();
	}
	return 0;
}

/**
 * hf_dirty_report() - report the dirty pages of one mapping
 * @m: the mapping, after hf_dirty_take(), not below @base
 * @bitmap: the user's bitmap; its page size is the container's smallest, and it
 *	is large enough for the mapping
 * @base: the IOVA that bit 0 stands for, bytes
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: 0 or -EFAULT.
 */
int hf_dirty_report(const struct hf_mapping *m,
		    const struct vfio_bitmap *bitmap, dma_addr_t base)
{
	const struct hf_external *e = m->external;
	unsigned int shift = __ffs64(bitmap->pgsize);
	u64 bit = (m->iova - base) >> shift;
	u64 end = bit + (m->size >> shift);
	u64 __user *word = (u64 __user *)bitmap->data + bit / 64;
	u64 last = (end - 1) / 64 - bit / 64;
	u64 head = ~0ULL << (bit % 64);
	u64 tail = ~0ULL >> (63 - (end - 1) % 64);
	u64 old = 0;

	if (bit % 64 && !hf_bug(HF_BUG_DIRTY_WORD) &&
	    (hf_fail(HF_FAIL_DIRTY_WORD) ||
	     copy_from_user(&old, word, sizeof(old))))
		return -EFAULT;
	/* A bit in there is a page. */
	if (e && !e->report_all && bitmap->pgsize == PAGE_SIZE)
		return hf_put_bits(word, e->dirty, end - bit, bit % 64, old);
	old |= last ? head : head & tail;
	if (hf_fail(HF_FAIL_DIRTY_HEAD) ||
	    copy_to_user(word, &old, sizeof(old)))
		return -EFAULT;
	if (!last)
		return 0;
	if (hf_put_ones(word + 1, last - 1))
		return -EFAULT;
	return hf_fail(HF_FAIL_DIRTY_TAIL) ||
	       copy_to_user(word + last, &tail, sizeof(tail)) ? -EFAULT : 0;
}

/**
 * hf_dirty_get() - report the dirty pages of a range
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @bitmap: the user's bitmap, at least one bit for each of its pages
 *
 * Return: 0; -EINVAL when tracking is off, for a page size that is not the
 * container's smallest, a misaligned range, or one that cuts a mapping;
 * -EFAULT; -EINTR when killed while waiting for a map or unmap.
 */
int hf_dirty_get(struct hf_container *c, dma_addr_t first, dma_addr_t last,
		 const struct vfio_bitmap *bitmap)
{
	struct hf_mapping *m;
	LIST_HEAD(held);
	u64 page;
	int ret;

	ret = hf_container_lock_range(c, first, last);
	if (ret)
		return ret;
	page = hf_container_page(c);
	if (!c->dirty || bitmap->pgsize != page ||
	    (first | (last + 1)) & (page - 1) ||
	    hf_container_bisects(c, first, last))
		ret = -EINVAL;
	else
		hf_container_hold(c, first, last, &held);
	list_for_each_entry(m, &held, link)
		hf_dirty_take(c, m);
	mutex_unlock(&c->lock);
	if (ret)
		goto out;

	list_for_each_entry(m, &held, link) {
		if (!ret)
			ret = hf_dirty_report(m, bitmap, first);
		if (ret)
			hf_dirty_give_back(m);
		else
			hf_external_reported(m);
	}
	hf_container_unhold(c, &held);
out:
	trace_hf_dirty_report(c->id, first, last, ret);
	return ret;
}
