// SPDX-License-Identifier: GPL-2.0-only
/*
 * request.c - what user space may ask of a device (testdev.h).
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "td.h"

static bool unaligned;
module_param(unaligned, bool, 0644);
MODULE_PARM_DESC(unaligned,
		 "Pass unaligned IOVAs on; stock corrupts memory when one begins before a mapping (N)");

static long td_ioctl_pin(struct td *td, const struct hf_testdev_pin *arg)
{
	u64 __user *user = u64_to_user_ptr(arg->pfns);
	struct page **pages;
	u64 *pfns;
	long ret;
	int i;

	if (!READ_ONCE(unaligned) && arg->iova & ~PAGE_MASK)
		return -EINVAL;
	pages = kcalloc(VFIO_PIN_PAGES_MAX_ENTRIES, sizeof(*pages), GFP_KERNEL);
	pfns = kcalloc(VFIO_PIN_PAGES_MAX_ENTRIES, sizeof(*pfns), GFP_KERNEL);
	ret = -ENOMEM;
	if (!pages || !pfns)
		goto out;

	td_be_calm();
	ret = td_pin_pages(td, arg->iova, arg->npage, arg->prot, pages);
	if (ret <= 0 || !user)
		goto out;
	for (i = 0; i < ret; i++)
		pfns[i] = page_to_pfn(pages[i]);
	if (copy_to_user(user, pfns, ret * sizeof(*pfns))) {
		/* Unless dma_unmap was faster. */
		td_unpin_pages(td, arg->iova, ret);
		ret = -EFAULT;
	}
out:
	kfree(pages);
	kfree(pfns);
	return ret;
}

/* Stock drops nobody's pins here; it only warns where there is no mapping. */
static long td_unpin_strange(struct td *td, u64 iova, int npage)
{
	int i;

	spin_lock(&td->lock);
	for (i = 0; i < npage; i++) {
		if (td_pin_at(td, iova + i * PAGE_SIZE)) {
			spin_unlock(&td->lock);
			return -ENOENT;
		}
	}
	spin_unlock(&td->lock);
	vfio_unpin_pages(&td->vdev, iova, npage);
	return 0;
}

static long td_ioctl_unpin(struct td *td, const struct hf_testdev_unpin *arg)
{
	if (arg->npage <= 0 || arg->npage > VFIO_PIN_PAGES_MAX_ENTRIES ||
	    arg->flags & ~HF_TESTDEV_STRANGE)
		return -EINVAL;
	/* Kernels that look whether the range wraps have a WARN for it. */
	if (arg->iova + arg->npage * PAGE_SIZE - 1 < arg->iova)
		return -EINVAL;
	if (arg->flags)
		return td_unpin_strange(td, arg->iova, arg->npage);
	return td_unpin_pages(td, arg->iova, arg->npage);
}

struct td_copy {
	struct work_struct work;
	struct vfio_device *vdev;
	const struct hf_testdev_rw *arg;
	void *data;
	int ret;
};

static void td_copy(struct work_struct *work)
{
	struct td_copy *c = container_of(work, struct td_copy, work);

	c->ret = vfio_dma_rw(c->vdev, c->arg->iova, c->data, c->arg->count,
			     c->arg->flags & HF_TESTDEV_RW_WRITE);
}

static long td_ioctl_rw(struct td *td, const struct hf_testdev_rw *arg)
{
	void __user *user = u64_to_user_ptr(arg->buf);
	struct td_copy c = { .vdev = &td->vdev, .arg = arg };
	long ret;

	if (arg->flags & ~(HF_TESTDEV_RW_WRITE | HF_TESTDEV_RW_KTHREAD) ||
	    arg->reserved)
		return -EINVAL;
	if (arg->count > HF_TESTDEV_RW_MAX)
		return -E2BIG;
	c.data = kvzalloc(arg->count ?: 1, GFP_KERNEL_ACCOUNT);
	if (!c.data)
		return -ENOMEM;
	ret = -EFAULT;
	if (copy_from_user(c.data, user, arg->count))
		goto out;
	INIT_WORK_ONSTACK(&c.work, td_copy);
	if (arg->flags & HF_TESTDEV_RW_KTHREAD) {
		schedule_work(&c.work);
		flush_work(&c.work);
	} else {
		td_copy(&c.work);
	}
	destroy_work_on_stack(&c.work);
	ret = c.ret;
	if (!(arg->flags & HF_TESTDEV_RW_WRITE) &&
	    copy_to_user(user, c.data, arg->count))
		ret = -EFAULT;
out:
	kvfree(c.data);
	return ret;
}

static long td_ioctl_page(struct td *td, const struct hf_testdev_page *arg)
{
	void __user *user = u64_to_user_ptr(arg->buf);
	struct td_pin *pin;
	void *bytes, *data;
	long ret;

	if (arg->reserved || arg->write > 1 || arg->offset > PAGE_SIZE ||
	    arg->count > PAGE_SIZE - arg->offset)
		return -EINVAL;
	bytes = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;
	ret = -EFAULT;
	if (arg->write && copy_from_user(bytes, user, arg->count))
		goto out;

	/* Under the lock nobody unpins it. */
	spin_lock(&td->lock);
	pin = td_pin_at(td, arg->iova);
	if (!pin) {
		ret = -ENOENT;
	} else if (arg->write && !pin->write) {
		ret = -EPERM;
	} else {
		data = kmap_local_page(pin->page);
		if (arg->write)
			memcpy(data + arg->offset, bytes, arg->count);
		else
			memcpy(bytes, data + arg->offset, arg->count);
		kunmap_local(data);
		ret = 0;
	}
	spin_unlock(&td->lock);

	if (!ret && !arg->write && copy_to_user(user, bytes, arg->count))
		ret = -EFAULT;
out:
	kfree(bytes);
	return ret;
}

static long td_ioctl_policy(struct td *td, const struct hf_testdev_policy *arg)
{
	if (arg->mode >= HF_TESTDEV_MODES || arg->reserved || !arg->times ||
	    arg->times > HF_TESTDEV_TIMES_MAX || arg->iova & ~PAGE_MASK ||
	    arg->delay_ms > HF_TESTDEV_DELAY_MAX)
		return -EINVAL;
	spin_lock(&td->lock);
	td->policy = *arg;
	spin_unlock(&td->lock);
	return 0;
}

static long td_ioctl_log(struct td *td, struct hf_testdev_log *arg)
{
	struct hf_testdev_event *events;
	size_t bytes;
	long ret = 0;

	events = kmalloc(sizeof(td->events), GFP_KERNEL);
	if (!events)
		return -ENOMEM;
	spin_lock(&td->lock);
	arg->seq = td_tick();
	arg->total = td->total;
	arg->held = td->held;
	bytes = min_t(size_t, td->total, HF_TESTDEV_EVENTS) * sizeof(*events);
	memcpy(events, td->events, bytes);
	td->total = 0;
	spin_unlock(&td->lock);
	if (copy_to_user(u64_to_user_ptr(arg->events), events, bytes))
		ret = -EFAULT;
	kfree(events);
	return ret;
}

long td_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct td *td = td_of(vdev);
	void __user *user = (void __user *)arg;
	union {
		struct hf_testdev_pin pin;
		struct hf_testdev_unpin unpin;
		struct hf_testdev_rw rw;
		struct hf_testdev_page page;
		struct hf_testdev_policy policy;
		struct hf_testdev_log log;
	} u;
	long ret;

	switch (cmd) {
	case HF_TESTDEV_PIN:
	case HF_TESTDEV_DROP:
	case HF_TESTDEV_RW:
	case HF_TESTDEV_PAGE:
	case HF_TESTDEV_POLICY:
	case HF_TESTDEV_LOG:
		break;
	default:
		return -ENOTTY;
	}
	if (copy_from_user(&u, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	switch (cmd) {
	case HF_TESTDEV_PIN:
		return td_ioctl_pin(td, &u.pin);
	case HF_TESTDEV_DROP:
		return td_ioctl_unpin(td, &u.unpin);
	case HF_TESTDEV_RW:
		return td_ioctl_rw(td, &u.rw);
	case HF_TESTDEV_PAGE:
		return td_ioctl_page(td, &u.page);
	case HF_TESTDEV_POLICY:
		return td_ioctl_policy(td, &u.policy);
	default:
		ret = td_ioctl_log(td, &u.log);
		if (!ret && copy_to_user(user, &u.log, sizeof(u.log)))
			ret = -EFAULT;
		return ret;
	}
}
