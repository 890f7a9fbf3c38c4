// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding what is incoherent, for somebody who asks.
 *
 * Mapping by mapping, each held while it is compared, so that nobody unmaps it
 * meanwhile; others are not touched.  What is audited needs little: only blocks of
 * which the auditor is not certain are compared again.  Other mappings are compared
 * whole, which takes as long as it takes, and can be killed.
 *
 * The same for an operator is the file "incoherent" in debugfs (debugfs.c), of an
 * audited container: a line for each range.  It is read as the others are: some
 * ranges at a time, with nothing held while text is copied to user space.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>

#include "audit.h"
#include "bug.h"
#include "compare.h"
#include "container.h"
#include "hold.h"
#include "incoherent.h"
#include "mapping.h"
#include "vfio_holdfast.h"

/* Add each run of set bits, for pages from @page of @m on; false when full. */
static bool hf_add_ranges(struct hf_ranges *ranges, const struct hf_mapping *m,
			  unsigned long page, const unsigned long *bits,
			  unsigned long nr, unsigned long *done)
{
	struct holdfast_range *last;
	unsigned long start, end;
	u64 iova;

	for_each_set_bitrange(start, end, bits, nr) {
		iova = m->iova + ((u64)(page + start) << PAGE_SHIFT);
		last = ranges->nr ? &ranges->range[ranges->nr - 1] : NULL;
		if (last && iova > m->iova && last->iova + last->size == iova) {
			last->size += (u64)(end - start) << PAGE_SHIFT;
			continue;
		}
		if (ranges->nr == ranges->max) {
			*done = page + start;
			return false;
		}
		last = &ranges->range[ranges->nr++];
		last->iova = iova;
		last->size = (u64)(end - start) << PAGE_SHIFT;
	}
	*done = page + nr;
	return true;
}

/* The parted pages of [page, page + nr), none of another block than @page's. */
static int hf_incoherent_block(struct hf_mapping *m, struct hf_compare *cmp,
			       struct mm_struct *mm, unsigned long page,
			       unsigned int nr, unsigned long *bits,
			       bool *partial)
{
	const unsigned long *known;
	unsigned int i;
	bool watch;
	int ret;

	if (!m->audit)
		return hf_compare(cmp, mm, page, nr, bits, &watch);

	ret = hf_audit_verify(m, cmp, page, page + nr);
	if (ret == -EAGAIN)
		*partial = true;
	else if (ret)
		return ret;
	known = hf_audit_parted(m);
	bitmap_zero(bits, nr);
	for (i = 0; i < nr; i++)
		if (test_bit(page + i, known))
			__set_bit(i, bits);
	return 0;
}

/* Gather what is incoherent of pages [page, end) of a held mapping. */
static int hf_incoherent_mapping(struct hf_mapping *m, struct hf_compare *cmp,
				 unsigned long page, unsigned long end,
				 struct hf_ranges *ranges, unsigned long *done,
				 bool *partial)
{
	struct mm_struct *mm = m->charge.mm;
	DECLARE_BITMAP(bits, HF_COMPARE_MAX);
	unsigned int nr;
	int ret = 0;

	*done = end;
	if (!hf_mapping_backed(m))
		return 0;
	if (m->stale || !mmget_not_zero(mm)) {
		*partial = true;
		return 0;
	}
	hf_compare_begin(cmp, m);
	while (page < end) {
		nr = min(end - page, HF_AUDIT_BLOCK - page % HF_AUDIT_BLOCK);
		ret = hf_incoherent_block(m, cmp, mm, page, nr, bits, partial);
		if (ret || !hf_add_ranges(ranges, m, page, bits, nr, done))
			break;
		page += nr;
		cond_resched();
	}
	mmput(mm);
	return ret;
}

/**
 * hf_incoherent_find() - gather the incoherent ranges of a range
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @ranges: where to, empty, with room for one at least
 * @next: out: where it ended for want of room; 0 when it did not
 * @partial: out: some memory could not be compared
 *
 * Context: may sleep; takes the mmap lock for reading.
 * Return: 0; -ENOMEM; -EINTR when killed.
 */
int hf_incoherent_find(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last, struct hf_ranges *ranges,
		       dma_addr_t *next, bool *partial)
{
	struct hf_compare *cmp = hf_compare_alloc();
	unsigned long page, end, done;
	struct hf_mapping *m;
	dma_addr_t to;
	int ret = 0;

	*next = 0;
	*partial = false;
	if (!cmp)
		return -ENOMEM;
	while (!*next) {
		LIST_HEAD(held);

		m = hf_container_hold_next(c, first, last, &held);
		if (IS_ERR_OR_NULL(m)) {
			ret = PTR_ERR_OR_ZERO(m);
			break;
		}
		to = hf_mapping_last(m);
		page = first > m->iova ? (first - m->iova) >> PAGE_SHIFT : 0;
		end = ((min(to, last) - m->iova) >> PAGE_SHIFT) +
		      !hf_bug(HF_BUG_INCOHERENT_LAST);
		ret = hf_incoherent_mapping(m, cmp, page, end, ranges, &done,
					    partial);
		if (done < end)
			*next = m->iova + ((dma_addr_t)done << PAGE_SHIFT);
		hf_container_unhold(c, &held);
		if (ret || to >= last)
			break;
		first = to + 1;
	}
	hf_compare_free(cmp);
	return ret;
}

/* Ranges shown at a time. */
#define HF_SHOWN	32

/**
 * struct hf_shown - a reader of the file
 * @id: the container's number
 * @c: the container, during a read(); or NULL
 * @next: page to go on from; 0: begin, and after that: nothing is left
 * @range: room for ranges
 */
struct hf_shown {
	unsigned long id;
	struct hf_container *c;
	loff_t next;
	struct holdfast_range range[HF_SHOWN];
};

#define HF_SHOWN_END	((loff_t)1 << (64 - PAGE_SHIFT) | 1)

static void *hf_shown_start(struct seq_file *s, loff_t *index)
{
	struct hf_shown *shown = s->private;

	if (*index < 0 || *index >= HF_SHOWN_END)
		return NULL;
	shown->c = hf_container_get(shown->id);
	if (!shown->c)
		return ERR_PTR(-ENODEV);
	shown->next = *index;
	return shown;
}

static void *hf_shown_next(struct seq_file *s, void *v, loff_t *index)
{
	struct hf_shown *shown = s->private;

	*index = shown->next ? shown->next : HF_SHOWN_END;
	return shown->next ? shown : NULL;
}

static void hf_shown_stop(struct seq_file *s, void *v)
{
	struct hf_shown *shown = s->private;

	if (shown->c)
		hf_container_put(shown->c);
	shown->c = NULL;
}

static int hf_shown_show(struct seq_file *s, void *v)
{
	struct hf_shown *shown = s->private;
	struct hf_ranges ranges = { .max = HF_SHOWN, .range = shown->range };
	dma_addr_t first = (dma_addr_t)shown->next << PAGE_SHIFT;
	dma_addr_t next = 0;
	unsigned int i;
	bool partial;
	int ret = 0;

	if (READ_ONCE(shown->c->auditor.on))
		ret = hf_incoherent_find(shown->c, first, ~(dma_addr_t)0,
					 &ranges, &next, &partial);
	/* Only the first step may begin at 0, where nothing else goes on. */
	shown->next = next >> PAGE_SHIFT;
	if (ret)
		return ret;
	for (i = 0; i < ranges.nr; i++)
		seq_printf(s, "%#llx %#llx\n", ranges.range[i].iova,
			   ranges.range[i].size);
	return 0;
}

static const struct seq_operations hf_shown_ops = {
	.start	= hf_shown_start,
	.next	= hf_shown_next,
	.stop	= hf_shown_stop,
	.show	= hf_shown_show,
};

static int hf_shown_open(struct inode *inode, struct file *file)
{
	struct hf_shown *shown;

	shown = __seq_open_private(file, &hf_shown_ops, sizeof(*shown));
	if (!shown)
		return -ENOMEM;
	shown->id = (unsigned long)inode->i_private;
	return 0;
}

const struct file_operations hf_incoherent_fops = {
	.owner		= THIS_MODULE,
	.open		= hf_shown_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= seq_release_private,
};
