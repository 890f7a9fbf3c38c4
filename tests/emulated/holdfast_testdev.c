// SPDX-License-Identifier: GPL-2.0-only
/*
 * holdfast_testdev - VFIO devices without an IOMMU, for tests.
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
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "testdev.h"

#define TD_MAX_DEVICES	8
/* How long a call of dma_unmap waits for what is in flight. */
#define TD_PATIENCE	(HZ / 10)
/* Unmaps under way at once that are told apart. */
#define TD_ROWS		16
/* How long each waits for the work item. */
#define TD_WORK_WAIT_MS	20

static unsigned int devices = 2;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "Number of devices, 1 to 8 (2)");

static unsigned int calm_ms = 5;
module_param(calm_ms, uint, 0644);
MODULE_PARM_DESC(calm_ms,
		 "No pin starts for so many milliseconds after a device was told of an unmap; without, stock may find it pinned again and again until it gives up with a BUG (5)");

static bool unaligned;
module_param(unaligned, bool, 0644);
MODULE_PARM_DESC(unaligned,
		 "Pass unaligned IOVAs on; stock corrupts memory when one begins before a mapping (N)");

static bool indirect;
module_param(indirect, bool, 0644);
MODULE_PARM_DESC(indirect,
		 "Do what an unmap asks for in a kernel thread, out of lockdep's sight: stock's lock order is wrong there (N)");

/* Pins held by all devices, and the clock of what happens to them. */
static atomic_long_t td_pins_held = ATOMIC_LONG_INIT(0);
static atomic64_t td_seq = ATOMIC64_INIT(0);
/* When (jiffies) a device was last told of an unmap; 0: never. */
static unsigned long td_told;

static int td_get_pins_held(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%ld\n", atomic_long_read(&td_pins_held));
}

static const struct kernel_param_ops td_pins_held_ops = {
	.get = td_get_pins_held,
};

module_param_cb(pins_held, &td_pins_held_ops, NULL, 0444);
MODULE_PARM_DESC(pins_held, "Pins that the devices hold now");

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

/*
 * struct td_pin - an IOVA that is pinned
 * @node: in td->pins, by @iova
 * @list: when it is in no tree
 * @iova: of the page
 * @page: what vfio_pin_pages() gave
 * @count: how often it is pinned
 * @write: and was so for writing at least once
 */
struct td_pin {
	struct rb_node node;
	struct list_head list;
	u64 iova;
	struct page *page;
	unsigned int count;
	bool write;
};

/*
 * struct td_call - a call in flight that pins or unpins
 * @list: in td->calls, in order of @seq
 * @seq: when it began
 */
struct td_call {
	struct list_head list;
	u64 seq;
};

/*
 * struct td_row - a mapping that the device was told of
 * @iova: its start
 * @length: of it
 * @times: how often in a row, so far
 * @left: pins the device left there the last time; 0: the row has ended
 */
struct td_row {
	u64 iova;
	u64 length;
	unsigned int times;
	unsigned int left;
};

/*
 * struct td - a device
 * @vdev: for VFIO; must be the first
 * @lock: see the top
 * @open: pins are taken
 * @pins: struct td_pin
 * @distinct: entries in @pins
 * @held: sum of their counts
 * @calls: struct td_call
 * @landed: woken when one of @calls ends
 * @policy: what dma_unmap does
 * @rows: of unmaps that may be under way at once
 * @next_row: the one of @rows to be given up next
 * @work: HF_TESTDEV_WORK
 * @work_iova: range that @work unpins
 * @work_length: likewise
 * @total: events since the log was read
 * @events: the first of them
 */
struct td {
	struct vfio_device vdev;
	spinlock_t lock;
	bool open;
	struct rb_root pins;
	unsigned int distinct;
	unsigned int held;
	struct list_head calls;
	wait_queue_head_t landed;
	struct hf_testdev_policy policy;
	struct td_row rows[TD_ROWS];
	unsigned int next_row;
	struct delayed_work work;
	u64 work_iova;
	u64 work_length;
	unsigned int total;
	struct hf_testdev_event events[HF_TESTDEV_EVENTS];
};

static struct td *td_of(struct vfio_device *vdev)
{
	return container_of(vdev, struct td, vdev);
}

/* The tree of pins; all with td->lock held. */

/* The pin at @iova, or the first after it. */
static struct td_pin *td_pin_from(struct td *td, u64 iova)
{
	struct rb_node *node = td->pins.rb_node;
	struct td_pin *best = NULL;

	while (node) {
		struct td_pin *pin = rb_entry(node, struct td_pin, node);

		if (pin->iova < iova) {
			node = node->rb_right;
		} else {
			best = pin;
			node = node->rb_left;
		}
	}
	return best;
}

static struct td_pin *td_pin_at(struct td *td, u64 iova)
{
	struct td_pin *pin = td_pin_from(td, iova);

	return pin && pin->iova == iova ? pin : NULL;
}

static struct td_pin *td_pin_next(struct td_pin *pin)
{
	return rb_entry_safe(rb_next(&pin->node), struct td_pin, node);
}

static void td_pin_insert(struct td *td, struct td_pin *pin)
{
	struct rb_node **link = &td->pins.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (pin->iova < rb_entry(parent, struct td_pin, node)->iova)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&pin->node, parent, link);
	rb_insert_color(&pin->node, &td->pins);
	td->distinct++;
}

static void td_pin_erase(struct td *td, struct td_pin *pin)
{
	rb_erase(&pin->node, &td->pins);
	td->distinct--;
}

static void td_count(struct td *td, int pins)
{
	td->held += pins;
	atomic_long_add(pins, &td_pins_held);
}

/* Is @pin in [iova, iova + length)?  It is not before @iova. */
static bool td_pin_within(const struct td_pin *pin, u64 iova, u64 length)
{
	return pin->iova - iova < length;
}

static unsigned int td_held_in(struct td *td, u64 iova, u64 length)
{
	struct td_pin *pin = td_pin_from(td, iova);
	unsigned int held = 0;

	for (; pin && td_pin_within(pin, iova, length); pin = td_pin_next(pin))
		held += pin->count;
	return held;
}

static void td_free_list(struct list_head *list)
{
	struct td_pin *pin, *next;

	list_for_each_entry_safe(pin, next, list, list)
		kfree(pin);
	INIT_LIST_HEAD(list);
}

/* Calls in flight. */

/* With td->lock held. */
static void td_call_begin(struct td *td, struct td_call *call)
{
	call->seq = atomic64_inc_return(&td_seq);
	list_add_tail(&call->list, &td->calls);
}

static void td_call_end(struct td *td, struct td_call *call)
{
	spin_lock(&td->lock);
	list_del(&call->list);
	spin_unlock(&td->lock);
	wake_up_all(&td->landed);
}

static bool td_landed(struct td *td, u64 seq)
{
	struct td_call *first;
	bool landed;

	spin_lock(&td->lock);
	first = list_first_entry_or_null(&td->calls, struct td_call, list);
	landed = !first || first->seq > seq;
	spin_unlock(&td->lock);
	return landed;
}

/* See the top: whoever unmaps must get the chance to find nothing pinned. */
static void td_be_calm(void)
{
	unsigned int ms = min(READ_ONCE(calm_ms), 1000U);
	unsigned long told = READ_ONCE(td_told);

	while (ms && told && !fatal_signal_pending(current) &&
	       time_before(jiffies, told + msecs_to_jiffies(ms) + 1)) {
		usleep_range(1000, 2000);
		told = READ_ONCE(td_told);
	}
}

static void td_keep_calm(void)
{
	unsigned long now = jiffies;

	WRITE_ONCE(td_told, now ? now : 1);
}

/* Pinning */

static int td_prepare(struct list_head *spare, int npage)
{
	int i;

	for (i = 0; i < npage; i++) {
		struct td_pin *pin = kmalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);

		if (!pin)
			return -ENOMEM;
		list_add(&pin->list, spare);
	}
	return 0;
}

/* Keep @npage pins in the tree; -ESTALE, and none kept, for a wrong page. */
static int td_keep(struct td *td, u64 iova, int npage, bool write,
		   struct page **pages, struct list_head *spare)
{
	int i;

	spin_lock(&td->lock);
	for (i = 0; i < npage; i++) {
		struct td_pin *pin = td_pin_at(td, iova + i * PAGE_SIZE);

		if (pin && pin->page != pages[i]) {
			spin_unlock(&td->lock);
			return -ESTALE;
		}
	}
	for (i = 0; i < npage; i++) {
		struct td_pin *pin = td_pin_at(td, iova + i * PAGE_SIZE);

		if (!pin) {
			pin = list_first_entry(spare, struct td_pin, list);
			list_del(&pin->list);
			pin->iova = iova + i * PAGE_SIZE;
			pin->page = pages[i];
			pin->count = 0;
			pin->write = false;
			td_pin_insert(td, pin);
		}
		pin->count++;
		pin->write |= write;
	}
	td_count(td, npage);
	spin_unlock(&td->lock);
	return 0;
}

/*
 * Pin, and keep what was pinned.  @pages has room for VFIO_PIN_PAGES_MAX_ENTRIES;
 * VFIO refuses more before it looks at it.
 */
static int td_pin_pages(struct td *td, u64 iova, int npage, int prot,
			struct page **pages)
{
	int most = clamp_t(int, npage, 0, VFIO_PIN_PAGES_MAX_ENTRIES);
	struct td_call call;
	LIST_HEAD(spare);
	int ret, kept;

	ret = td_prepare(&spare, most);
	if (ret)
		goto out;
	spin_lock(&td->lock);
	if (!td->open)
		ret = -ENODEV;
	else if (td->distinct + most > HF_TESTDEV_MAX_PINS)
		ret = -ENOBUFS;
	else
		td_call_begin(td, &call);
	spin_unlock(&td->lock);
	if (ret)
		goto out;

	ret = vfio_pin_pages(&td->vdev, iova, npage, prot, pages);
	if (ret > 0) {
		kept = td_keep(td, iova, ret, prot & IOMMU_WRITE, pages, &spare);
		if (kept) {
			vfio_unpin_pages(&td->vdev, iova, ret);
			ret = kept;
		}
	}
	td_call_end(td, &call);
out:
	td_free_list(&spare);
	return ret;
}

/* Drop one pin each of @npage pages that are all held, else -ENOENT. */
static int td_unpin_pages(struct td *td, u64 iova, int npage)
{
	struct td_call call;
	LIST_HEAD(gone);
	int i;

	spin_lock(&td->lock);
	for (i = 0; i < npage; i++) {
		if (!td_pin_at(td, iova + i * PAGE_SIZE)) {
			spin_unlock(&td->lock);
			return -ENOENT;
		}
	}
	for (i = 0; i < npage; i++) {
		struct td_pin *pin = td_pin_at(td, iova + i * PAGE_SIZE);

		if (!--pin->count) {
			td_pin_erase(td, pin);
			list_add(&pin->list, &gone);
		}
	}
	td_count(td, -npage);
	td_call_begin(td, &call);
	spin_unlock(&td->lock);

	vfio_unpin_pages(&td->vdev, iova, npage);
	td_call_end(td, &call);
	td_free_list(&gone);
	return 0;
}

/* Drop a pin of each of the next pages in the list that follow each other. */
static struct td_pin *td_drop_run(struct td *td, struct td_pin *pin,
				  struct list_head *list)
{
	u64 iova = pin->iova;
	int npage = 0;

	while (!list_entry_is_head(pin, list, list) &&
	       npage < VFIO_PIN_PAGES_MAX_ENTRIES &&
	       pin->iova == iova + npage * PAGE_SIZE) {
		struct td_pin *next = list_next_entry(pin, list);

		if (!--pin->count) {
			list_del(&pin->list);
			kfree(pin);
		}
		pin = next;
		npage++;
	}
	vfio_unpin_pages(&td->vdev, iova, npage);
	return pin;
}

/* Drop every pin in a range.  Return: how many that were. */
static unsigned int td_unpin_range(struct td *td, u64 iova, u64 length)
{
	struct td_call call;
	struct td_pin *pin;
	unsigned int held;
	LIST_HEAD(gone);

	spin_lock(&td->lock);
	held = td_held_in(td, iova, length);
	if (!held) {
		spin_unlock(&td->lock);
		return 0;
	}
	pin = td_pin_from(td, iova);
	while (pin && td_pin_within(pin, iova, length)) {
		struct td_pin *next = td_pin_next(pin);

		td_pin_erase(td, pin);
		list_add_tail(&pin->list, &gone);
		pin = next;
	}
	td_count(td, -(int)held);
	td_call_begin(td, &call);
	spin_unlock(&td->lock);

	while (!list_empty(&gone)) {
		pin = list_first_entry(&gone, struct td_pin, list);
		while (!list_entry_is_head(pin, &gone, list))
			pin = td_drop_run(td, pin, &gone);
		cond_resched();
	}
	td_call_end(td, &call);
	return held;
}

/* Being told of an unmap */

/* The row of a mapping; one that has ended is begun anew.  With td->lock held. */
static struct td_row *td_row_of(struct td *td, u64 iova, u64 length)
{
	struct td_row *row = NULL;
	int i;

	for (i = 0; i < TD_ROWS; i++) {
		struct td_row *r = &td->rows[i];

		if (r->left && r->iova == iova && r->length == length)
			return r;
		if (!r->left && !row)
			row = r;
	}
	if (!row)
		row = &td->rows[td->next_row++ % TD_ROWS];
	*row = (struct td_row){ .iova = iova, .length = length };
	return row;
}

static void td_work(struct work_struct *work)
{
	struct td *td = container_of(to_delayed_work(work), struct td, work);
	u64 iova, length;

	spin_lock(&td->lock);
	iova = td->work_iova;
	length = td->work_length;
	spin_unlock(&td->lock);
	td_unpin_range(td, iova, length);
}

static unsigned int td_unpin_by_work(struct td *td, u64 iova, u64 length,
				     unsigned int held, unsigned int delay_ms)
{
	unsigned int left;

	spin_lock(&td->lock);
	td->work_iova = iova;
	td->work_length = length;
	spin_unlock(&td->lock);
	/* Does nothing when it is on its way already. */
	schedule_delayed_work(&td->work, msecs_to_jiffies(delay_ms));
	msleep(TD_WORK_WAIT_MS);

	spin_lock(&td->lock);
	left = td_held_in(td, iova, length);
	spin_unlock(&td->lock);
	return held > left ? held - left : 0;
}

static int td_repin(struct td *td, u64 iova)
{
	struct page *page;

	return td_pin_pages(td, iova, 1, IOMMU_READ, &page);
}

static void td_be_told(struct td *td, u64 iova, u64 length)
{
	struct hf_testdev_event event = { .iova = iova, .length = length };
	struct hf_testdev_policy policy;
	struct td_row *row;

	td_keep_calm();
	event.seq = atomic64_inc_return(&td_seq);
	wait_event_timeout(td->landed, td_landed(td, event.seq), TD_PATIENCE);

	spin_lock(&td->lock);
	row = td_row_of(td, iova, length);
	event.row = ++row->times;
	/* Taken, whatever becomes of it below. */
	row->left = 1;
	event.held = td_held_in(td, iova, length);
	policy = td->policy;
	spin_unlock(&td->lock);

	if (event.row >= HF_TESTDEV_TIMES_MAX)
		policy.mode = HF_TESTDEV_UNPIN;
	switch (policy.mode) {
	case HF_TESTDEV_NTH:
		if (event.row >= policy.times)
			event.unpinned = td_unpin_range(td, iova, length);
		break;
	case HF_TESTDEV_WORK:
		if (event.held)
			event.unpinned = td_unpin_by_work(td, iova, length,
							  event.held,
							  policy.delay_ms);
		break;
	case HF_TESTDEV_REPIN:
		event.unpinned = td_unpin_range(td, iova, length);
		if (event.row < policy.times)
			event.pinned = td_repin(td, policy.iova);
		break;
	default:
		event.unpinned = td_unpin_range(td, iova, length);
	}

	spin_lock(&td->lock);
	row = td_row_of(td, iova, length);
	row->times = event.row;
	row->left = td_held_in(td, iova, length);
	if (td->total < HF_TESTDEV_EVENTS)
		td->events[td->total] = event;
	td->total++;
	spin_unlock(&td->lock);
	td_keep_calm();
}

struct td_unmap {
	struct work_struct work;
	struct completion done;
	struct td *td;
	u64 iova;
	u64 length;
};

static void td_unmap_elsewhere(struct work_struct *work)
{
	struct td_unmap *u = container_of(work, struct td_unmap, work);

	td_be_told(u->td, u->iova, u->length);
	complete(&u->done);
}

static void td_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct td *td = td_of(vdev);
	struct td_unmap u = { .td = td, .iova = iova, .length = length };

	if (!READ_ONCE(indirect)) {
		td_be_told(td, iova, length);
		return;
	}
	/* Not flush_work(), which lockdep follows. */
	INIT_WORK_ONSTACK(&u.work, td_unmap_elsewhere);
	init_completion(&u.done);
	schedule_work(&u.work);
	wait_for_completion(&u.done);
	destroy_work_on_stack(&u.work);
}

/* The ioctls */

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
	arg->seq = atomic64_inc_return(&td_seq);
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

static long td_ioctl(struct vfio_device *vdev, unsigned int cmd,
		     unsigned long arg)
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

/* Life of a device */

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
	INIT_DELAYED_WORK(&td->work, td_work);
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
