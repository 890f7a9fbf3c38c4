/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * testdev.h - what tests ask a device of the test module holdfast_testdev.
 *
 * The module has a few VFIO devices without an IOMMU behind them, such as
 * mediated devices are: /sys/bus/platform/devices/holdfast-testdev.N, each with
 * an iommu_group link, opened by that name (VFIO_GROUP_GET_DEVICE_FD).  The
 * ioctls below, on the device's file, do what a driver of such a device does in
 * the kernel: pin the user's pages by IOVA and look into them, copy from and to
 * IOVAs, and be told of unmaps.
 *
 * Kernel and user space are built from one tree, so the structures are exact:
 * nothing in them is optional, and what is reserved must be 0.
 *
 * IOVAs, lengths and offsets are bytes.  Every ioctl can also answer EFAULT
 * (unreadable arguments) and ENOMEM.
 */
#ifndef HOLDFAST_TESTDEV_H
#define HOLDFAST_TESTDEV_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Name of the platform devices, without the number, and of the module. */
#define HF_TESTDEV_NAME		"holdfast-testdev"
#define HF_TESTDEV_MODULE	"holdfast_testdev"

/* Permissions a pin asks for: the numbers of IOMMU_READ and IOMMU_WRITE. */
#define HF_TESTDEV_READ		1
#define HF_TESTDEV_WRITE	2

/**
 * struct hf_testdev_pin - pin pages, as vfio_pin_pages() does
 * @iova: of the first page; a multiple of the page size unless the module's
 *	parameter "unaligned" is set
 * @npage: how many; passed on as it is
 * @prot: HF_TESTDEV_READ, HF_TESTDEV_WRITE; passed on as it is
 * @pfns: address of @npage __u64 that get the PFNs; 0: not wanted
 *
 * Answer: what vfio_pin_pages() returned.  EINVAL also for an unaligned @iova;
 * ENOBUFS: the device has HF_TESTDEV_MAX_PINS; ESTALE: an IOVA that is pinned
 * was pinned again and gave another page (a bug behind vfio_pin_pages()).
 */
struct hf_testdev_pin {
	__u64 iova;
	__s32 npage;
	__u32 prot;
	__u64 pfns;
};

/* Most IOVAs one device keeps pinned. */
#define HF_TESTDEV_MAX_PINS	65536

/* Unpin what this device has not pinned: nothing must happen. */
#define HF_TESTDEV_STRANGE	1

/**
 * struct hf_testdev_unpin - drop one pin of each of some pages
 * @iova: of the first page, as it was pinned
 * @npage: how many, 1 to 512
 * @flags: 0 or HF_TESTDEV_STRANGE
 *
 * Answer: 0; EINVAL; ENOENT: this device does not hold all of them (it holds
 * one of them, with HF_TESTDEV_STRANGE), and nothing was unpinned.
 */
struct hf_testdev_unpin {
	__u64 iova;
	__s32 npage;
	__u32 flags;
};

/* Write to the IOVAs (else read); from a kernel thread. */
#define HF_TESTDEV_RW_WRITE	1
#define HF_TESTDEV_RW_KTHREAD	2

/* Most bytes of one copy. */
#define HF_TESTDEV_RW_MAX	1048576

/**
 * struct hf_testdev_rw - copy from or to IOVAs, as vfio_dma_rw() does
 * @iova: first
 * @buf: address of the caller's bytes
 * @count: bytes, at most HF_TESTDEV_RW_MAX; passed on as it is
 * @flags: HF_TESTDEV_RW_*
 * @reserved: 0
 *
 * Answer: what vfio_dma_rw() returned; E2BIG.  After a read that failed @buf
 * has what was read until then.
 */
struct hf_testdev_rw {
	__u64 iova;
	__u64 buf;
	__u64 count;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct hf_testdev_page - look at a pinned page the way the kernel sees it
 * @iova: of the page, as it was pinned
 * @buf: address of the caller's bytes
 * @offset: in the page
 * @count: bytes; not beyond the end of the page
 * @write: 1: write to the page, which must have been pinned for that; 0: read
 * @reserved: 0
 *
 * Answer: 0; EINVAL; ENOENT: not pinned by this device; EPERM: not for writing.
 */
struct hf_testdev_page {
	__u64 iova;
	__u64 buf;
	__u32 offset;
	__u32 count;
	__u32 write;
	__u32 reserved;
};

/**
 * enum hf_testdev_mode - what the device does when it is told of an unmap
 * @HF_TESTDEV_UNPIN: unpin all it holds in the range
 * @HF_TESTDEV_NTH: only when it is told of the same mapping for the @times-th
 *	time in a row
 * @HF_TESTDEV_WORK: from a work item, @delay_ms after it was told first
 * @HF_TESTDEV_REPIN: unpin all, then pin the page at @iova for reading; when
 *	told for the @times-th time in a row: unpin only
 *
 * Stock type1 ends the kernel (BUG) when it has told of a mapping eleven times
 * and it is still pinned.  So whatever was asked for, the device unpins when it
 * is told for the HF_TESTDEV_TIMES_MAX-th time in a row, and with
 * HF_TESTDEV_WORK lets some time pass in each call.
 */
enum hf_testdev_mode {
	HF_TESTDEV_UNPIN,
	HF_TESTDEV_NTH,
	HF_TESTDEV_WORK,
	HF_TESTDEV_REPIN,
	HF_TESTDEV_MODES,
};

#define HF_TESTDEV_TIMES_MAX	8
#define HF_TESTDEV_DELAY_MAX	50

/**
 * struct hf_testdev_policy - choose that; HF_TESTDEV_UNPIN when a device opens
 * @mode: enum hf_testdev_mode
 * @times: 1 to HF_TESTDEV_TIMES_MAX
 * @delay_ms: milliseconds, at most HF_TESTDEV_DELAY_MAX
 * @reserved: 0
 * @iova: of the page for HF_TESTDEV_REPIN
 *
 * Answer: 0; EINVAL.
 */
struct hf_testdev_policy {
	__u32 mode;
	__u32 times;
	__u32 delay_ms;
	__u32 reserved;
	__u64 iova;
};

/**
 * struct hf_testdev_event - the device was told of an unmap
 * @seq: a number that grows with everything any device of the module is told,
 *	or is asked with HF_TESTDEV_LOG
 * @iova: start of the range
 * @length: of the range
 * @held: pins the device held there (a page pinned twice counts twice)
 * @unpinned: of those, dropped before it returned
 * @row: how many times in a row it has been told, and had pins left
 * @pinned: HF_TESTDEV_REPIN: what vfio_pin_pages() returned; 0 otherwise
 */
struct hf_testdev_event {
	__u64 seq;
	__u64 iova;
	__u64 length;
	__u32 held;
	__u32 unpinned;
	__u32 row;
	__s32 pinned;
};

/* Most events that are kept: later ones are counted only. */
#define HF_TESTDEV_EVENTS	128

/**
 * struct hf_testdev_log - read, and empty, the log of what the device was told
 * @events: address of HF_TESTDEV_EVENTS struct hf_testdev_event
 * @seq: out: the sequence number of now
 * @total: out: events since the log was read last, or the device was opened;
 *	at most HF_TESTDEV_EVENTS of them were written, the first ones
 * @held: out: pins the device holds
 *
 * Answer: 0.
 */
struct hf_testdev_log {
	__u64 events;
	__u64 seq;
	__u32 total;
	__u32 held;
};

/* A type letter and numbers that VFIO (';', 100 and up) does not use. */
#define HF_TESTDEV_PIN		_IOW('H', 0x60, struct hf_testdev_pin)
#define HF_TESTDEV_DROP		_IOW('H', 0x61, struct hf_testdev_unpin)
#define HF_TESTDEV_RW		_IOW('H', 0x62, struct hf_testdev_rw)
#define HF_TESTDEV_PAGE		_IOW('H', 0x63, struct hf_testdev_page)
#define HF_TESTDEV_POLICY	_IOW('H', 0x64, struct hf_testdev_policy)
#define HF_TESTDEV_LOG		_IOWR('H', 0x65, struct hf_testdev_log)

#endif
