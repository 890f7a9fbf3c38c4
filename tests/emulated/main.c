// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - holdfast_testdev: VFIO devices without an IOMMU, for tests.
 *
 * Drivers of mediated devices never let hardware address memory by IOVA.  They
 * ask VFIO, in the kernel: for the pages behind IOVAs, pinned; for a copy from
 * or to IOVAs; and to be told before an IOVA they may have pinned goes away.
 * This module is such a driver and nothing else: what it asks and when is
 * decided by a program in user space (testdev.h), which so reaches every
 * function an IOMMU backend has for these devices.
 *
 * It is a test module for guests: whoever has a device open decides, so only
 * root should be able to open one (as with every VFIO group); never installed.
 *
 * Invariants:
 *  - Every pin a device holds is in its tree or belongs to a call in flight;
 *    closing the device drops all of them.  The parameter pins_held counts
 *    them, over all devices.
 *  - Nothing is unpinned that was not pinned (but where a test asks for it),
 *    and nothing that is not pinned for writing is written to.
 *  - A mapping never stays pinned for so many calls of dma_unmap that stock
 *    type1 gives up with a BUG.  Three things see to that: a call waits for
 *    pins and unpins that were in flight before it, for a while; it unpins
 *    for good at the TIMES_MAX-th time in a row; and for calm_ms after it no
 *    pin starts, so that whoever unmaps is first.
 *
 * Locking: td->lock (spinlock) guards the tree, the calls in flight, the policy
 * and the log of one device.  No lock of this module is held across a call into
 * VFIO: stock calls dma_unmap with a lock held that another thread's pin may be
 * waiting for.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "compat.h"
#include "td.h"

#define TD_MAX_DEVICES	8

static unsigned int devices = 2;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "Number of devices, 1 to 8 (2)");

/* References of the page of zeroes that all untouched memory shares. */
static int td_get_zero_page_refs(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%d\n", page_count(ZERO_PAGE(0)));
}

static const struct kernel_param_ops td_zero_page_refs_ops = {
	.get = td_get_zero_page_refs,
};

module_param_cb(zero_page_refs, &td_zero_page_refs_ops, NULL, 0444);
MODULE_PARM_DESC(zero_page_refs, "References of the zero page");

/* The sum last asked for; parameters are written and read under their lock. */
static long td_refs;

/*
 * "ADDRESS PAGES", of the writer's memory: add up the references of its pages,
 * but for the one taken to look; a page of a folio has the folio's.
 */
static int td_set_refs(const char *text, const struct kernel_param *kp)
{
	unsigned long address, pages;
	struct page *page;
	long sum = 0;
	int ret;

	if (sscanf(text, "%lx %lu", &address, &pages) != 2)
		return -EINVAL;
	for (; pages; pages--, address += PAGE_SIZE) {
		ret = get_user_pages_fast(address, 1, 0, &page);
		if (ret != 1)
			return ret < 0 ? ret : -EFAULT;
		sum += page_count(page) - 1;
		put_page(page);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	td_refs = sum;
	return 0;
}

static int td_get_refs(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%ld\n", td_refs);
}

static const struct kernel_param_ops td_refs_ops = {
	.set = td_set_refs,
	.get = td_get_refs,
};

module_param_cb(refs, &td_refs_ops, NULL, 0600);
MODULE_PARM_DESC(refs,
		 "Write the address (hexadecimal) and number of pages of own memory, read the sum of their references");

static int td_open(struct vfio_device *vdev)
{
	struct td *td = td_of(vdev);

	spin_lock(&td->lock);
	td->policy = (struct hf_testdev_policy){ .times = 1 };
	memset(td->rows, 0, sizeof(td->rows));
	td->total = 0;
	td->open = true;
	spin_unlock(&td->lock);
	return 0;
}

/* Some kernels call dma_unmap until this has returned, and a little longer. */
static void td_close(struct vfio_device *vdev)
{
	struct td *td = td_of(vdev);

	spin_lock(&td->lock);
	td->open = false;
	spin_unlock(&td->lock);
	cancel_delayed_work_sync(&td->work);
	/* What a call of dma_unmap has begun must end while VFIO has us open. */
	wait_event(td->landed, td_landed(td, U64_MAX));
	td_unpin_range(td, 0, U64_MAX);
}

static const struct vfio_device_ops td_ops = {
	.name = HF_TESTDEV_NAME,
	.open_device = td_open,
	.close_device = td_close,
	.ioctl = td_ioctl,
	.dma_unmap = td_dma_unmap,
	TD_COMPAT_VFIO_OPS
};

static void td_unregister(void *data)
{
	struct td *td = data;

	vfio_unregister_group_dev(&td->vdev);
	cancel_delayed_work_sync(&td->work);
	vfio_put_device(&td->vdev);
}

static int td_probe(struct platform_device *pdev)
{
	struct td *td = vfio_alloc_device(td, vdev, &pdev->dev, &td_ops);
	int ret;

	if (IS_ERR(td))
		return PTR_ERR(td);
	spin_lock_init(&td->lock);
	td->pins = RB_ROOT;
	INIT_LIST_HEAD(&td->calls);
	init_waitqueue_head(&td->landed);
	td_told_init(td);
	td->policy.times = 1;
	ret = vfio_register_emulated_iommu_dev(&td->vdev);
	if (ret) {
		vfio_put_device(&td->vdev);
		return ret;
	}
	ret = devm_add_action_or_reset(&pdev->dev, td_unregister, td);
	if (!ret)
		platform_set_drvdata(pdev, td);
	return ret;
}

static struct platform_driver td_driver = {
	.probe = td_probe,
	/*
	 * Nobody does DMA, and the device's group comes and goes between what
	 * the bus would do for a driver that does.
	 */
	.driver_managed_dma = true,
	.driver = {
		.name = HF_TESTDEV_NAME,
		.suppress_bind_attrs = true,
	},
};

static struct platform_device *td_devices[TD_MAX_DEVICES];

static void td_unregister_devices(void)
{
	int i;

	for (i = 0; i < TD_MAX_DEVICES; i++)
		platform_device_unregister(td_devices[i]);
}

static int __init td_init(void)
{
	unsigned int i;
	int ret;

	if (!devices || devices > TD_MAX_DEVICES)
		return -EINVAL;
	ret = platform_driver_register(&td_driver);
	if (ret)
		return ret;
	for (i = 0; i < devices; i++) {
		struct platform_device *pdev =
			platform_device_register_simple(HF_TESTDEV_NAME, i,
							NULL, 0);

		ret = PTR_ERR_OR_ZERO(pdev);
		if (ret)
			goto undo;
		td_devices[i] = pdev;
		/* A device that its driver refused is no device. */
		ret = platform_get_drvdata(pdev) ? 0 : -ENODEV;
		if (ret)
			goto undo;
	}
	return 0;

undo:
	td_unregister_devices();
	platform_driver_unregister(&td_driver);
	return ret;
}

static void __exit td_exit(void)
{
	td_unregister_devices();
	platform_driver_unregister(&td_driver);
}

module_init(td_init);
module_exit(td_exit);

MODULE_DESCRIPTION("VFIO devices without an IOMMU, for tests");
MODULE_LICENSE("GPL");
