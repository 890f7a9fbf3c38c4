// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices without an IOMMU (mediated devices): what their drivers call.
 *
 * Such a device's group brings no domain.  A container that has only such
 * groups pins nothing when memory is mapped; drivers ask for single pages, or
 * have bytes copied.  Before a mapping is taken down that a driver has pages
 * of, all drivers are told (hf_emulated_notify()) and unpin them; that may be
 * done from within the callback, or later by another thread, so the container
 * asks again, with pauses, until it is done.  A driver that never does holds up
 * the unmap until its thread is killed, or the container is closed.
 *
 * Every call holds the mappings it works on: nobody else unmaps them, moves
 * them to another process or reads their dirty bitmap meanwhile, and c->lock
 * is not held while pages are faulted in.  So calls for one mapping wait for
 * each other, and for a bitmap of it that is being copied to user space.
 *
 * Locking: devices_lock guards the list of devices and is held over the
 * callbacks, in which drivers take locks of their own, and call
 * hf_emulated_unpin(); so it comes before c->lock and is never taken with a
 * mapping held.
 */
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "compat.h"
#include "container.h"
#include "emulated.h"
#include "external.h"
#include "fail.h"
#include "hold.h"
#include "mapping.h"
#include "trace.h"

/**
 * hf_emulated_register() - a device of one of the container's groups is opened
 * @c: the container
 * @device: the device; one that wants no callback is ignored
 *
 * Context: may sleep.
 */
void hf_emulated_register(struct hf_container *c, struct vfio_device *device)
{
	if (!device->ops->dma_unmap)
		return;
	mutex_lock(&c->devices_lock);
	list_add(&device->iommu_entry, &c->devices);
	mutex_unlock(&c->devices_lock);
}

/**
 * hf_emulated_unregister() - and closed
 * @c: the container
 * @device: the device, registered before; no callback runs on return
 *
 * Context: may sleep.
 */
void hf_emulated_unregister(struct hf_container *c, struct vfio_device *device)
{
	if (!device->ops->dma_unmap)
		return;
	mutex_lock(&c->devices_lock);
	list_del(&device->iommu_entry);
	mutex_unlock(&c->devices_lock);
}

/**
 * hf_emulated_notify() - tell all drivers that a mapping is about to go
 * @c: the container
 * @iova: its first IOVA, bytes
 * @size: bytes
 *
 * Context: may sleep; no lock of holdfast's may be held, and no mapping.
 */
void hf_emulated_notify(struct hf_container *c, dma_addr_t iova, size_t size)
{
	struct vfio_device *device;

	trace_hf_emulated_notify(c->id, iova, size);
	mutex_lock(&c->devices_lock);
	list_for_each_entry(device, &c->devices, iommu_entry)
		device->ops->dma_unmap(device, iova, size);
	mutex_unlock(&c->devices_lock);
}

/*
 * The mapping of the list that holds @iova, from @m on, or NULL; the list is
 * in IOVA order.
 */
static struct hf_mapping *hf_held(struct list_head *list, struct hf_mapping *m,
				  dma_addr_t iova)
{
	if (!m)
		m = list_first_entry_or_null(list, struct hf_mapping, link);
	while (m && iova > hf_mapping_last(m))
		m = list_is_last(&m->link, list) ? NULL :
						   list_next_entry(m, link);
	return m && iova >= m->iova ? m : NULL;
}

/* Pages of the list's mappings that drivers have pinned. */
static unsigned long hf_pinned(struct list_head *list)
{
	struct hf_mapping *m;
	unsigned long pages = 0;

	list_for_each_entry(m, list, link)
		pages += hf_external_pins(m);
	return pages;
}

static unsigned long hf_index(const struct hf_mapping *m, dma_addr_t iova)
{
	return (iova - m->iova) >> PAGE_SHIFT;
}

static dma_addr_t hf_nth(dma_addr_t iova, int i)
{
	return iova + ((dma_addr_t)i << PAGE_SHIFT);
}

/* Last byte of @nr pages, or false where they wrap. */
static bool hf_last_of(dma_addr_t iova, int nr, dma_addr_t *last)
{
	return !check_add_overflow(iova, ((dma_addr_t)nr << PAGE_SHIFT) - 1,
				   last);
}

static int hf_pin_held(struct hf_container *c, struct list_head *list,
		       dma_addr_t iova, int nr, int prot, struct page **pages)
{
	struct hf_mapping *m = NULL;
	int i, ret;

	for (i = 0; i < nr; i++) {
		m = hf_held(list, m, hf_nth(iova, i));
		if (!m)
			ret = -EINVAL;
		else if ((m->prot & prot) != prot)
			ret = -EPERM;
		else
			ret = hf_external_pin(c, m,
					      hf_index(m, hf_nth(iova, i)),
					      &pages[i]);
		if (ret)
			goto undo;
		cond_resched();
	}
	return 0;

undo:
	pages[i] = NULL;
	m = NULL;
	for (nr = 0; nr < i; nr++) {
		m = hf_held(list, m, hf_nth(iova, nr));
		hf_external_unpin(c, m, hf_index(m, hf_nth(iova, nr)));
		pages[nr] = NULL;
	}
	return ret;
}

/**
 * hf_emulated_pin() - vfio_pin_pages()
 * @c: the container
 * @iova: first IOVA, bytes
 * @nr: pages
 * @prot: IOMMU_READ, IOMMU_WRITE: what the driver will do
 * @pages: out: one for each page
 *
 * Context: may sleep and fault.
 * Return: @nr; -EACCES in a v1 container; -HF_EWRAP for a range that wraps;
 * -EBUSY while memory moves to another process; -EINVAL without a device that
 * listens to unmaps, for an IOVA that is not mapped, or @nr below 1; -EPERM for
 * more than a mapping permits; -EINTR when killed; or as hf_external_pin(). On
 * error nothing is pinned and @pages has none.
 */
int hf_emulated_pin(struct hf_container *c, dma_addr_t iova, int nr, int prot,
		    struct page **pages)
{
	unsigned long fresh = 0;
	dma_addr_t last;
	LIST_HEAD(held);
	int ret;

	if (!pages || nr <= 0)
		return -EINVAL;
	if (!c->v2)
		return -EACCES;
	if (!hf_last_of(iova, nr, &last))
		return -HF_EWRAP;

	ret = hf_container_lock_range(c, iova, last);
	if (ret)
		return ret;
	if (c->nr_stale)
		ret = -EBUSY;
	else if (list_empty_careful(&c->devices))
		ret = -EINVAL;
	else
		hf_container_hold(c, iova, last, &held);
	mutex_unlock(&c->lock);
	if (ret)
		goto out;

	if (trace_hf_emulated_pin_enabled())
		fresh = hf_pinned(&held);
	ret = hf_pin_held(c, &held, iova, nr, prot, pages);
	if (trace_hf_emulated_pin_enabled())
		fresh = hf_pinned(&held) - fresh;
	hf_container_unhold(c, &held);
out:
	trace_hf_emulated_pin(c->id, iova, nr, prot, fresh, ret);
	return ret ? ret : nr;
}

/**
 * hf_emulated_unpin() - vfio_unpin_pages()
 * @c: the container
 * @iova: first IOVA, bytes
 * @nr: pages; those that are not pinned are passed over
 *
 * Context: may sleep; a driver's callback included.
 */
void hf_emulated_unpin(struct hf_container *c, dma_addr_t iova, int nr)
{
	struct hf_mapping *m = NULL;
	unsigned long gone = 0;
	dma_addr_t last;
	LIST_HEAD(held);
	int i;

	if (WARN_ON_ONCE(!c->v2 || nr <= 0 || !hf_last_of(iova, nr, &last)))
		return;

	hf_container_lock_range_always(c, iova, last);
	hf_container_hold(c, iova, last, &held);
	mutex_unlock(&c->lock);
	if (trace_hf_emulated_unpin_enabled())
		gone = hf_pinned(&held);
	for (i = 0; i < nr; i++) {
		m = hf_held(&held, m, hf_nth(iova, i));
		if (WARN_ON_ONCE(!m))
			break;
		hf_external_unpin(c, m, hf_index(m, hf_nth(iova, i)));
		cond_resched();
	}
	if (trace_hf_emulated_unpin_enabled())
		trace_hf_emulated_unpin(c->id, iova, nr,
					gone - hf_pinned(&held));
	hf_container_unhold(c, &held);
}

/* Copy up to @count bytes within the held mapping @m; bytes copied or -errno. */
static ssize_t hf_copy(struct hf_mapping *m, dma_addr_t iova, void *data,
		       size_t count, bool write)
{
	struct mm_struct *mm = m->charge.mm;
	const bool kthread = !current->mm;
	size_t at = iova - m->iova;
	void __user *user = (void __user *)(m->vaddr + at);
	unsigned long left, done;

	if (!(m->prot & IOMMU_READ) || (write && !(m->prot & IOMMU_WRITE)))
		return -EPERM;
	if (hf_fail(HF_FAIL_RW_GONE) || !mmget_not_zero(mm))
		return -EPERM;
	/* A user's thread may only be one of the process that mapped it. */
	if (!kthread && current->mm != mm) {
		mmput(mm);
		return -EFAULT;
	}

	count = min(count, m->size - at);
	if (kthread)
		kthread_use_mm(mm);
	left = hf_fail(HF_FAIL_RW_COPY) ? count :
	       write ? copy_to_user(user, data, count) :
		       copy_from_user(data, user, count);
	if (kthread)
		kthread_unuse_mm(mm);
	mmput(mm);
	done = count - left;
	if (write && done)
		hf_external_wrote(m, at >> PAGE_SHIFT,
				  ((at + done - 1) >> PAGE_SHIFT) -
				  (at >> PAGE_SHIFT) + 1);
	return left ? -EFAULT : count;
}

/**
 * hf_emulated_rw() - vfio_dma_rw()
 * @c: the container
 * @iova: first IOVA, bytes
 * @data: the driver's buffer
 * @count: bytes
 * @write: to the user's memory rather than from it
 *
 * Context: may sleep and fault; of a kernel thread or of the process that
 * mapped the memory.
 * Return: 0; -EBUSY while memory moves to another process; -EINVAL for an IOVA
 * that is not mapped; -EPERM for what a mapping does not permit, or if the
 * process is gone; -EFAULT; -EINTR when killed.  On error a part may have been
 * copied.
 */
int hf_emulated_rw(struct hf_container *c, dma_addr_t iova, void *data,
		   size_t count, bool write)
{
	while (count) {
		LIST_HEAD(held);
		ssize_t done;
		int ret;

		ret = hf_container_lock_range(c, iova, iova);
		if (ret)
			return ret;
		if (c->nr_stale)
			ret = -EBUSY;
		else if (!hf_container_hold(c, iova, iova, &held))
			ret = -EINVAL;
		mutex_unlock(&c->lock);
		if (ret)
			return ret;

		done = hf_copy(list_first_entry(&held, struct hf_mapping, link),
			       iova, data, count, write);
		hf_container_unhold(c, &held);
		if (done < 0)
			return done;
		data += done;
		iova += done;
		count -= done;
	}
	return 0;
}
