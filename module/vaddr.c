// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving mapped memory to another address or process (VFIO_UPDATE_VADDR).
 *
 * For a virtual machine monitor that replaces itself while its devices keep
 * running: UNMAP_DMA with the VADDR flag says that the addresses of mappings
 * are not valid any more, without touching what is pinned; after the exec, or
 * in the process that was handed the container, MAP_DMA with the flag gives
 * the new address of each.  DMA goes on throughout: the pages are what they
 * were, and that the new address shows the same pages is the user's promise.
 *
 * The process that gives the new address becomes the payer: it is charged
 * before the old one is refunded.  It is also the mapping's owner then, which
 * debugfs shows.
 *
 * While any mapping is stale nothing may need its address: groups cannot join
 * and drivers cannot pin (EBUSY), and an emulated device in the container
 * refuses the whole thing.
 *
 * Locking: m->stale, c->nr_stale and m->owner are under c->lock; the payer changes
 * while the mapping is held.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "audit.h"
#include "bug.h"
#include "container.h"
#include "hold.h"
#include "mapping.h"
#include "trace.h"
#include "vaddr.h"

static void hf_set_stale(struct hf_container *c, struct hf_mapping *m,
			 bool stale)
{
	m->stale = stale;
	if (stale)
		c->nr_stale++;
	else
		c->nr_stale--;
}

/**
 * hf_vaddr_invalidate() - the addresses of mappings are going away
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @all: VFIO_DMA_UNMAP_FLAG_ALL: the range is everything
 * @bytes: out: bytes of those mappings
 *
 * Context: may sleep.
 * Return: 0; -EBUSY with an emulated device in the container; -EINVAL for a v2
 * range that cuts a mapping, or if the address of one is invalid already, with
 * nothing changed; -EINTR when killed while waiting for another thread.
 */
int hf_vaddr_invalidate(struct hf_container *c, dma_addr_t first,
			dma_addr_t last, bool all, u64 *bytes)
{
	struct hf_mapping *start, *m;
	u64 size = 0;
	int ret;

	ret = hf_container_lock_range(c, first, last);
	if (ret)
		return ret;
	ret = -EBUSY;
	if (!list_empty(&c->emulated))
		goto unlock;
	ret = -EINVAL;
	if (c->v2 && !all && hf_container_bisects(c, first, last))
		goto unlock;

	/* As an unmap does, v1 takes nothing of a mapping's middle. */
	start = hf_container_find(c, first);
	if (start && start->iova < first)
		start = NULL;
	for (m = start; m && m->iova <= last; m = hf_container_next(m))
		if (m->stale)
			goto unlock;
	for (m = start; m && m->iova <= last; m = hf_container_next(m)) {
		hf_set_stale(c, m, true);
		size += m->size;
	}
	*bytes = size;
	ret = 0;
unlock:
	mutex_unlock(&c->lock);
	trace_hf_vaddr_invalidate(c->id, first, last, ret);
	return ret;
}

/* A held mapping's memory is in the current process now, at @vaddr. */
static int hf_vaddr_arrive(struct hf_container *c, struct hf_mapping *m,
			   unsigned long vaddr)
{
	struct hf_audit *old = m->audit, *new = NULL;
	int ret;

	if (READ_ONCE(c->auditor.on) && hf_mapping_backed(m)) {
		new = hf_audit_create(c, m, current->mm, vaddr);
		if (IS_ERR(new))
			return PTR_ERR(new);
	}
	ret = hf_bug(HF_BUG_VADDR_PAYER) ? 0 : hf_charge_hand_over(&m->charge);
	if (ret) {
		old = new;
	} else {
		mutex_lock(&c->lock);
		m->vaddr = vaddr;
		hf_owner_set(&m->owner);
		m->audit = new;
		hf_set_stale(c, m, false);
		mutex_unlock(&c->lock);
		/* That it shows the same pages is for the auditor to see. */
		hf_audit_suspect(m, 0, m->size >> PAGE_SHIFT);
	}
	if (old)
		hf_audit_destroy(old);
	return ret;
}

/**
 * hf_vaddr_update() - the new address of a mapping
 * @c: the container
 * @iova: its first IOVA, bytes
 * @vaddr: address in the current process's mm, bytes
 * @size: its length, bytes; neither range wraps
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for misalignment, a mapping whose address is valid, or
 * another range than a mapping's; -ENOENT where none is; -ENOMEM over the
 * current process's RLIMIT_MEMLOCK; -EINTR when killed.
 */
int hf_vaddr_update(struct hf_container *c, dma_addr_t iova,
		    unsigned long vaddr, size_t size)
{
	dma_addr_t last = iova + size - 1;
	struct hf_mapping *m;
	LIST_HEAD(held);
	int ret;

	ret = hf_container_lock_range(c, iova, last);
	if (ret)
		return ret;
	m = hf_container_find(c, iova);
	if ((iova | vaddr | size) & (hf_container_page(c) - 1))
		ret = -EINVAL;
	else if (!m || m->iova > last)
		ret = hf_bug(HF_BUG_VADDR_ERRNO) ? -EINVAL : -ENOENT;
	else if (!m->stale || m->iova != iova || m->size != size)
		ret = -EINVAL;
	else
		hf_container_hold(c, iova, last, &held);
	mutex_unlock(&c->lock);
	if (ret)
		goto out;

	ret = hf_vaddr_arrive(c, m, untagged_addr(vaddr));
	hf_container_unhold(c, &held);
out:
	trace_hf_vaddr_update(c->id, iova, vaddr, size, ret);
	return ret;
}
