/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * td.h - a device of holdfast_testdev, its pins, and who does what with it.
 */
#ifndef HOLDFAST_TD_H
#define HOLDFAST_TD_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "testdev.h"

/* Unmaps under way at once that are told apart. */
#define TD_ROWS		16

/**
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

/**
 * struct td_call - a call in flight that pins or unpins
 * @list: in td->calls, in order of @seq
 * @seq: when it began
 */
struct td_call {
	struct list_head list;
	u64 seq;
};

/**
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

/**
 * struct td - a device
 * @vdev: for VFIO; must be the first
 * @lock: see main.c
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

/** td_of() - the device that VFIO knows as @vdev */
static inline struct td *td_of(struct vfio_device *vdev)
{
	return container_of(vdev, struct td, vdev);
}

/* pin.c */

/** td_tick() - the next moment of the clock that all devices share */
u64 td_tick(void);

/** td_pin_at() - the pin at @iova, or NULL; with td->lock held */
struct td_pin *td_pin_at(struct td *td, u64 iova);

/** td_held_in() - pins held in [iova, iova + length); with td->lock held */
unsigned int td_held_in(struct td *td, u64 iova, u64 length);

/** td_landed() - have all calls ended that began until @seq? */
bool td_landed(struct td *td, u64 seq);

/** td_be_calm() - wait until no device was told of an unmap for calm_ms */
void td_be_calm(void);

/** td_keep_calm() - a device is told of an unmap */
void td_keep_calm(void);

/**
 * td_pin_pages() - pin, and keep what was pinned
 * @td: device
 * @iova: of the first page
 * @npage: as user space says: VFIO refuses too many before it looks at @pages
 * @prot: IOMMU_READ, IOMMU_WRITE
 * @pages: room for VFIO_PIN_PAGES_MAX_ENTRIES
 *
 * Return: pages that are pinned, or a negative errno.
 */
int td_pin_pages(struct td *td, u64 iova, int npage, int prot,
		 struct page **pages);

/** td_unpin_pages() - drop one pin each of @npage pages that are all held, else -ENOENT */
int td_unpin_pages(struct td *td, u64 iova, int npage);

/** td_unpin_range() - drop every pin in a range.  Return: how many that were. */
unsigned int td_unpin_range(struct td *td, u64 iova, u64 length);

/* told.c */

/** td_told_init() - have the work item ready by which pins are dropped later */
void td_told_init(struct td *td);

/** td_dma_unmap() - VFIO tells of an unmap */
void td_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length);

/* request.c */

/** td_ioctl() - user space asks */
long td_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg);

#endif
