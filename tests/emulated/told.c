// SPDX-License-Identifier: GPL-2.0-only
/*
 * told.c - what a device does when it is told of an unmap, by its policy.
 *
 * Whatever the policy, stock must not find a mapping pinned too often in a row; see main.c.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>

#include "td.h"

/* How long a call of dma_unmap waits for what is in flight. */
#define TD_PATIENCE	(HZ / 10)
/* How long each waits for the work item. */
#define TD_WORK_WAIT_MS	20

static bool indirect;
module_param(indirect, bool, 0644);
MODULE_PARM_DESC(indirect,
		 "Do what an unmap asks for in a kernel thread, out of lockdep's sight: stock's lock order is wrong there (N)");

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

void td_told_init(struct td *td)
{
	INIT_DELAYED_WORK(&td->work, td_work);
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
	event.seq = td_tick();
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

void td_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
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
