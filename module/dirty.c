// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty page tracking (VFIO_IOMMU_DIRTY_PAGES).
 *
 * A device behind an IOMMU can write to every page of every mapping at any
 * time, and holdfast has no means to see when it does.  So while tracking is
 * on, every page of every mapping is dirty whenever somebody asks: just what
 * stock type1 reports for such devices.  Nothing is stored but that tracking
 * is on; the answer is written to the user's bitmap from the mappings' bounds.
 *
 * In the bitmap bit 0 is the first page of the range asked for.  Words that no
 * mapping touches stay as the user left them; of a word that a mapping begins
 * inside of, the bits are added to what is there; the rest are overwritten.
 *
 * Locking: c->dirty is under c->lock.  The user's memory is written with no
 * lock held: it may fault, for as long as the user likes.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "container.h"
#include "dirty.h"
#include "mapping.h"

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
	return m->size / hf_container_page(c) <= HF_DIRTY_PAGES_MAX;
}

/**
 * hf_dirty_start() - turn tracking on
 * @c: the container
 *
 * Return: 0, also when it was on; -EINVAL when a mapping is too large for a
 * bitmap (8 TiB of 4 KiB pages); -EINTR when killed while waiting for a map.
 */
int hf_dirty_start(struct hf_container *c)
{
	struct hf_mapping *m;
	int ret;

	ret = hf_container_lock_range(c, 0, ~(dma_addr_t)0);
	if (ret)
		return ret;
	for (m = hf_container_first(c); m && !ret; m = hf_container_next(m))
		if (!hf_dirty_can_track(c, m))
			ret = -EINVAL;
	if (!ret)
		c->dirty = true;
	mutex_unlock(&c->lock);
	return ret;
}

/**
 * hf_dirty_stop() - turn tracking off
 * @c: the container
 */
void hf_dirty_stop(struct hf_container *c)
{
	mutex_lock(&c->lock);
	c->dirty = false;
	mutex_unlock(&c->lock);
}

static int hf_put_ones(u64 __user *word, u64 words)
{
	u64 ones[HF_DIRTY_WORDS];

	memset(ones, 0xff, sizeof(ones));
	while (words) {
		u64 nr = min_t(u64, words, HF_DIRTY_WORDS);

		if (copy_to_user(word, ones, nr * sizeof(*ones)))
			return -EFAULT;
		word += nr;
		words -= nr;
		cond_resched();
	}
	return 0;
}

/**
 * hf_dirty_report() - set the bits of one mapping in the user's bitmap
 * @bitmap: the bitmap; its page size is the container's smallest, and it is
 *	large enough for the mapping
 * @base: the IOVA that bit 0 stands for, bytes
 * @iova: first IOVA of the mapping, bytes, not below @base
 * @size: its length, bytes
 *
 * Context: may sleep and fault; no lock of holdfast's may be held.
 * Return: 0 or -EFAULT.
 */
int hf_dirty_report(const struct vfio_bitmap *bitmap, dma_addr_t base,
		    dma_addr_t iova, size_t size)
{
	unsigned int shift = __ffs64(bitmap->pgsize);
	u64 bit = (iova - base) >> shift;
	u64 end = bit + (size >> shift);
	u64 __user *word = (u64 __user *)bitmap->data + bit / 64;
	u64 last = (end - 1) / 64 - bit / 64;
	u64 head = ~0ULL << (bit % 64);
	u64 tail = ~0ULL >> (63 - (end - 1) % 64);
	u64 old = 0;

	if (bit % 64 && copy_from_user(&old, word, sizeof(old)))
		return -EFAULT;
	old |= last ? head : head & tail;
	if (copy_to_user(word, &old, sizeof(old)))
		return -EFAULT;
	if (!last)
		return 0;
	if (hf_put_ones(word + 1, last - 1))
		return -EFAULT;
	return copy_to_user(word + last, &tail, sizeof(tail)) ? -EFAULT : 0;
}

struct hf_span {
	dma_addr_t iova;
	size_t size;
};

/* The bounds of all mappings in [first, last]; c->lock held. */
static struct hf_span *hf_spans(struct hf_container *c, dma_addr_t first,
				dma_addr_t last, size_t *nr)
{
	struct hf_mapping *m, *start = hf_container_find(c, first);
	struct hf_span *spans;
	size_t i = 0;

	for (m = start; m && m->iova <= last; m = hf_container_next(m))
		i++;
	*nr = i;
	spans = kvmalloc_array(i, sizeof(*spans), GFP_KERNEL_ACCOUNT);
	if (!spans)
		return NULL;
	for (i = 0, m = start; i < *nr; i++, m = hf_container_next(m)) {
		spans[i].iova = m->iova;
		spans[i].size = m->size;
	}
	return spans;
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
 * -EFAULT; -ENOMEM; -EINTR when killed while waiting for a map or unmap.
 */
int hf_dirty_get(struct hf_container *c, dma_addr_t first, dma_addr_t last,
		 const struct vfio_bitmap *bitmap)
{
	struct hf_span *spans;
	size_t nr, i;
	u64 page;
	int ret;

	ret = hf_container_lock_range(c, first, last);
	if (ret)
		return ret;
	page = hf_container_page(c);
	if (!c->dirty || bitmap->pgsize != page ||
	    (first | (last + 1)) & (page - 1) ||
	    hf_container_bisects(c, first, last)) {
		mutex_unlock(&c->lock);
		return -EINVAL;
	}
	spans = hf_spans(c, first, last, &nr);
	mutex_unlock(&c->lock);
	if (!spans)
		return -ENOMEM;

	for (i = 0; i < nr && !ret; i++)
		ret = hf_dirty_report(bitmap, first, spans[i].iova,
				      spans[i].size);
	kvfree(spans);
	return ret;
}
