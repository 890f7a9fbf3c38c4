/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What holdfast offers beyond VFIO type1: to see, and to mend, memory that a
 * device and its process do not share any more.
 *
 * A pin keeps a page, not its place in the process: after munmap(),
 * MADV_DONTNEED, mremap() or a hole punched into a file a device goes on with
 * the old page while the CPU has another one, or none.  Such a range of IOVAs
 * is called incoherent.
 *
 * These are ioctls of the container's file (/dev/vfio/vfio), once it has an
 * IOMMU type.  Ask VFIO_CHECK_EXTENSION for HOLDFAST_AUDIT_EXT first: stock
 * type1 answers 0 to that, and ENOTTY to the ioctls.
 *
 * As in VFIO: argsz is the size of what the caller passes, from the first member
 * on, and what is reserved must be 0.
 */
#ifndef VFIO_HOLDFAST_H
#define VFIO_HOLDFAST_H

#include <linux/const.h>
#include <linux/types.h>
#include <linux/vfio.h>

/* For VFIO_CHECK_EXTENSION: 1 where the ioctls below exist. */
#define HOLDFAST_AUDIT_EXT	0x48460001

/**
 * HOLDFAST_AUDIT - turn the auditor of a container on or off
 *
 * While it is on, every mapping is watched; what has become incoherent is found
 * within some ten milliseconds (later where so much changes that comparing takes
 * more than a fifth of a CPU), and each such find adds 1 to the eventfd, if there is
 * one.  Memory that the CPU has not touched since it was dropped from its page
 * table, but that is still its file's, is looked at again now and then, at least every
 * eight seconds while that does not take more than a twentieth of a CPU.
 *
 * What drivers of devices without an IOMMU have pinned is not watched.
 *
 * HOLDFAST_AUDIT_ON when it is on already only changes the eventfd, HOLDFAST_AUDIT_OFF
 * lets it go.  What was mapped
 * before is audited, too.  The bookkeeping (a bit for each page) is charged to the
 * memory cgroup of who maps, or turns it on; maps fail with ENOMEM over its limit.
 *
 * Return: 0; EINVAL for other flags than one of the two, or an argsz too small;
 * EBADF, EINVAL for a file that is no eventfd; ENOMEM; EINTR when killed; EPERM
 * for HOLDFAST_AUDIT_OFF when the operator has turned it on (the module's
 * parameter "audit").
 */
struct holdfast_audit {
	__u32 argsz;
	__u32 flags;
#define HOLDFAST_AUDIT_ON	_BITUL(0)
#define HOLDFAST_AUDIT_OFF	_BITUL(1)
	__s32 eventfd;		/* -1: none */
	__u32 reserved;
};

#define HOLDFAST_AUDIT		_IO(VFIO_TYPE, VFIO_BASE + 112)

/**
 * struct holdfast_range - IOVAs
 * @iova: first IOVA, bytes
 * @size: bytes
 */
struct holdfast_range {
	__u64 iova;
	__u64 size;
};

/**
 * HOLDFAST_INCOHERENT - which ranges are incoherent now
 *
 * The answer is true for the moment it is given, with the auditor on or off.  Where it
 * is on only what is suspect has to be compared; else every page of the range.
 *
 * In: first and last IOVA, bytes, bounds included; room for nr ranges, behind the
 * struct and part of argsz.  Out: nr ranges, ascending, of single mappings, cut
 * to the pages that were asked for.  With HOLDFAST_INCOHERENT_MORE in flags there was no
 * room for all of them: first is where to go on.  With
 * HOLDFAST_INCOHERENT_PARTIAL some memory could not be compared: its process is
 * gone, its address is not valid (VFIO_DMA_UNMAP_FLAG_VADDR), or it changed
 * again and again meanwhile.
 *
 * Return: 0; EINVAL for flags, reserved bits, last below first, no room for a
 * range or more than argsz says; EFAULT; ENOMEM; EINTR when killed.
 */
struct holdfast_incoherent {
	__u32 argsz;
	__u32 flags;		/* in: 0 */
#define HOLDFAST_INCOHERENT_MORE	_BITUL(0)
#define HOLDFAST_INCOHERENT_PARTIAL	_BITUL(1)
	__u64 first;
	__u64 last;
	__u32 nr;
	__u32 reserved;
	__u64 spare[3];		/* 0 */
	struct holdfast_range ranges[];
};

#define HOLDFAST_INCOHERENT	_IO(VFIO_TYPE, VFIO_BASE + 113)

/**
 * HOLDFAST_REFRESH - have the device see what the CPU sees, in a range
 *
 * Each page of the range that is incoherent is replaced, for the device, by what
 * the process that mapped it has there now, faulted in if need be; all that one
 * pin holds (a huge page, a large folio) is replaced together.  All new pages are
 * pinned before the first old one goes: on an error nothing has changed, but
 * that mappings below the one at which it failed are done already.
 *
 * A device reaches the old page or the new one, never anything else; the IOMMU
 * API knows no replacement in one step, so while the physically contiguous run that
 * a page is part of is changed over, DMA to that run is refused (microseconds).
 * Let the device rest there if it cannot bear that.
 *
 * The new pages are charged before they are pinned, so for that time both are.
 *
 * In: iova and size, bytes, whole pages; at least one mapping lies in there.  Out, also
 * on errors: refreshed, bytes replaced; failed, the IOVA of the page that could
 * not be pinned, when the error is EFAULT; HOLDFAST_REFRESH_PARTIAL in flags if some
 * memory changed each time it was looked at and may be incoherent yet.
 *
 * Return: 0; EINVAL for flags, misalignment, size 0 or a range that wraps;
 * ENOENT without a mapping in it; EPERM for a mapping of another process; EFAULT for
 * memory that cannot be pinned as the mapping wants it (not mapped any more, not
 * writable); ENOMEM over RLIMIT_MEMLOCK or without memory; EBUSY while the
 * address of a mapping is not valid; EINTR when killed; EIO when the IOMMU driver
 * failed to take the new pages: no device reaches the mapping any more, and it can
 * only be unmapped.
 */
struct holdfast_refresh {
	__u32 argsz;
	__u32 flags;		/* in: 0 */
#define HOLDFAST_REFRESH_PARTIAL	_BITUL(0)
	__u64 iova;
	__u64 size;
	__u64 refreshed;
	__u64 failed;
};

#define HOLDFAST_REFRESH	_IO(VFIO_TYPE, VFIO_BASE + 114)

#endif
