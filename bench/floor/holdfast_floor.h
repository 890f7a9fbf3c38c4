/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * holdfast_floor.h - what holdfast-bench asks the test module holdfast_floor.
 *
 * One open file of /dev/holdfast-floor has one IOMMU domain.  ATTACH gives it a
 * device, MEASURE pins and maps memory of the caller, takes it all down again
 * and says what each part cost.  Kernel and user space are built from one tree,
 * so the structures are exact: nothing in them is optional.
 */
#ifndef HOLDFAST_FLOOR_H
#define HOLDFAST_FLOOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HF_FLOOR_DEVICE		"/dev/holdfast-floor"

/**
 * struct hf_floor_attach - whose IOMMU the domain is for
 * @domain: PCI domain
 * @bus: PCI bus
 * @devfn: PCI device and function
 */
struct hf_floor_attach {
	__u32 domain;
	__u32 bus;
	__u32 devfn;
	__u32 reserved;		/* 0 */
};

/**
 * struct hf_floor_measure - a range, and what it cost
 * @vaddr: in: first address, a multiple of 4096
 * @size: in: bytes, a multiple of @piece and @unmap_piece
 * @iova: in: IOVA of the first byte; used alike for all of the range
 * @piece: in: pin and map pieces of this size, each by itself; bytes
 * @unmap_piece: in: unmap and flush pieces of this size, each by itself; bytes
 * @leaf: in: one pin for each naturally aligned block of this size; 4096 pins
 *	pages, in batches.  The memory must be made of blocks at least as large.
 * @clock: in: HF_FLOOR_TSC or HF_FLOOR_RAW
 * @reserved: in: 0
 * @pin: out: pin_user_pages_fast(), units of the clock, as are the next three
 * @map: out: iommu_map() and iommu_map_sg()
 * @unmap: out: iommu_unmap_fast() and iommu_iotlb_sync()
 * @unpin: out: unpin_user_page_range_dirty_lock(), unpin_user_pages_dirty_lock()
 * @pins: out: pins taken
 * @runs: out: physically contiguous runs, cut at multiples of 1 GiB of IOVA
 */
struct hf_floor_measure {
	__u64 vaddr;
	__u64 size;
	__u64 iova;
	__u64 piece;
	__u64 unmap_piece;
	__u64 leaf;
	__u32 clock;
	__u32 reserved;
	__u64 pin;
	__u64 map;
	__u64 unmap;
	__u64 unpin;
	__u64 pins;
	__u64 runs;
};

#define HF_FLOOR_TSC		0	/* TSC ticks */
#define HF_FLOOR_RAW		1	/* CLOCK_MONOTONIC_RAW, nanoseconds */

/*
 * HF_FLOOR_ATTACH: once for an open file.  EALREADY, EINVAL, ENODEV, EBUSY or
 * EPERM somebody drives the device or uses its IOMMU group, or what the IOMMU
 * driver says.
 */
#define HF_FLOOR_ATTACH		_IOW('H', 0x60, struct hf_floor_attach)

/*
 * HF_FLOOR_MEASURE: ENXIO before ATTACH, EINVAL, E2BIG more than 2^21 pins,
 * EFAULT memory that cannot be pinned or is not made of such blocks, ENOMEM,
 * EINTR the process is being killed, or what the IOMMU driver says.
 */
#define HF_FLOOR_MEASURE	_IOWR('H', 0x61, struct hf_floor_measure)

#endif
