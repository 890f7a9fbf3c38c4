// SPDX-License-Identifier: GPL-2.0-only
/*
 * pin.c - the pins of a device: a tree by IOVA, and the calls that add to it or take away.
 *
 * A call into VFIO is on the list of those in flight from before it begins until the tree is as it
 * left things, so that whoever is told of an unmap can wait for it.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "td.h"

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

static unsigned int calm_ms = 5;
module_param(calm_ms, uint, 0644);
MODULE_PARM_DESC(calm_ms,
		 "No pin starts for so many milliseconds after a device was told of an unmap; without, stock may find it pinned again and again until it gives up with a BUG (5)");

u64 td_tick(void)
{
	return atomic64_inc_return(&td_seq);
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

struct td_pin *td_pin_at(struct td *td, u64 iova)
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

unsigned int td_held_in(struct td *td, u64 iova, u64 length)
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
	call->seq = td_tick();
	list_add_tail(&call->list, &td->calls);
}

static void td_call_end(struct td *td, struct td_call *call)
{
	spin_lock(&td->lock);
	list_del(&call->list);
	spin_unlock(&td->lock);
	wake_up_all(&td->landed);
}

bool td_landed(struct td *td, u64 seq)
{
	struct td_call *first;
	bool landed;

	spin_lock(&td->lock);
	first = list_first_entry_or_null(&td->calls, struct td_call, list);
	landed = !first || first->seq > seq;
	spin_unlock(&td->lock);
	return landed;
}

/* See main.c: whoever unmaps must get the chance to find nothing pinned. */
void td_be_calm(void)
{
	unsigned int ms = min(READ_ONCE(calm_ms), 1000U);
	unsigned long told = READ_ONCE(td_told);

	while (ms && told && !fatal_signal_pending(current) &&
	       time_before(jiffies, told + msecs_to_jiffies(ms) + 1)) {
		usleep_range(1000, 2000);
		told = READ_ONCE(td_told);
	}
}

void td_keep_calm(void)
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

int td_pin_pages(struct td *td, u64 iova, int npage, int prot,
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

int td_unpin_pages(struct td *td, u64 iova, int npage)
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

unsigned int td_unpin_range(struct td *td, u64 iova, u64 length)
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
