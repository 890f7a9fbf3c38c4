// SPDX-License-Identifier: GPL-2.0-only
/*
 * The type1 user interface: ioctls in, calls to the container out.
 *
 * Nothing else in the module reads or writes user structs.  The caller is an
 * unprivileged process that was handed a group: argsz, flags, sizes and
 * addresses are whatever it likes.  Each handler copies its struct once,
 * checks it as stock type1 of the running kernel does, in the same order, and
 * works on the copy.
 *
 * The contract is include/uapi/linux/vfio.h; what stock answers where that
 * says nothing is vfio_iommu_type1 of Linux 6.1, 6.12 and 7.2.  What holdfast
 * adds is uapi/vfio_holdfast.h.
 */
#include <linux/eventfd.h>
#include <linux/iommu.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "auditor.h"
#include "bug.h"
#include "compat.h"
#include "container.h"
#include "dirty.h"
#include "fail.h"
#include "incoherent.h"
#include "refresh.h"
#include "uapi.h"
#include "vaddr.h"
#include "vfio_holdfast.h"
#include "window.h"

/**
 * hf_uapi_extension() - VFIO_CHECK_EXTENSION
 * @c: the container, or NULL when the VFIO core polls its drivers
 * @extension: VFIO_*
 *
 * Return: 1 if supported, else 0.
 */
long hf_uapi_extension(struct hf_container *c, unsigned long extension)
{
	if (hf_is_nesting_type(extension))
		return 1;
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
	case HOLDFAST_AUDIT_EXT:
		return 1;
	case VFIO_UPDATE_VADDR:
		return c && list_empty_careful(&c->emulated);
	case VFIO_DMA_CC_IOMMU:
		return c && hf_container_coherent(c);
	default:
		return 0;
	}
}

static int hf_cap_migration(struct hf_container *c, struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_cap_migration cap = {
		.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
		.header.version = 1,
		.pgsize_bitmap = hf_container_page(c),
		.max_dirty_bitmap_size = HF_DIRTY_BYTES_MAX,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static int hf_cap_dma_avail(struct hf_container *c, struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_dma_avail cap = {
		.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
		.header.version = 1,
		.avail = c->avail,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static int hf_cap_iova_ranges(struct hf_container *c,
			      struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct vfio_info_cap_header *header;
	unsigned int i;

	if (!c->windows)
		return 0;
	header = vfio_info_cap_add(caps,
				   struct_size(cap, iova_ranges,
					       c->windows->nr),
				   VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1);
	if (IS_ERR(header))
		return PTR_ERR(header);

	cap = container_of(header, struct vfio_iommu_type1_info_cap_iova_range,
			   header);
	cap->nr_iovas = c->windows->nr;
	for (i = 0; i < c->windows->nr; i++) {
		cap->iova_ranges[i].start = c->windows->window[i].first;
		cap->iova_ranges[i].end = c->windows->window[i].last;
	}
	return 0;
}

/* A failure as vfio_info_cap_add() has it, which frees what there is. */
static int hf_cap_fails(struct vfio_info_cap *caps)
{
	if (!hf_fail(HF_FAIL_INFO_CAP))
		return 0;
	kfree(caps->buf);
	caps->buf = NULL;
	caps->size = 0;
	return -ENOMEM;
}

static long hf_uapi_get_info(struct hf_container *c, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_info, iova_pgsizes);
	struct vfio_iommu_type1_info info = {};
	struct vfio_info_cap caps = {};
	size_t copy;
	int ret;

	if (hf_fail(HF_FAIL_INFO_IN) || copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	copy = hf_info_copy_size(info.argsz);

	mutex_lock(&c->lock);
	info.flags = VFIO_IOMMU_INFO_PGSIZES;
	info.iova_pgsizes = c->pgsizes;
	ret = hf_cap_fails(&caps) ?: hf_cap_migration(c, &caps);
	if (!ret)
		ret = hf_cap_fails(&caps) ?: hf_cap_dma_avail(c, &caps);
	if (!ret)
		ret = hf_cap_fails(&caps) ?: hf_cap_iova_ranges(c, &caps);
	mutex_unlock(&c->lock);
	if (ret)	/* vfio_info_cap_add() freed what there was */
		return ret;

	info.flags |= VFIO_IOMMU_INFO_CAPS;
	if (info.argsz < sizeof(info) + caps.size) {
		info.argsz = sizeof(info) + caps.size;
	} else {
		vfio_info_cap_shift(&caps, sizeof(info));
		if (hf_fail(HF_FAIL_INFO_CAPS_OUT) ||
		    copy_to_user(arg + sizeof(info), caps.buf, caps.size))
			ret = -EFAULT;
		info.cap_offset = sizeof(info);
	}
	kfree(caps.buf);
	if (ret)
		return ret;
	return hf_fail(HF_FAIL_INFO_OUT) ||
	       copy_to_user(arg, &info, copy) ? -EFAULT : 0;
}

static long hf_uapi_map(struct hf_container *c, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dma_map, size);
	struct vfio_iommu_type1_dma_map map __uninitialized;
	unsigned long vaddr, last_vaddr;
	dma_addr_t iova, last;
	size_t size;
	int prot = 0;

	if (hf_fail(HF_FAIL_MAP_IN) || copy_from_user(&map, arg, minsz))
		return -EFAULT;
	if (map.argsz < minsz ||
	    map.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE |
			  VFIO_DMA_MAP_FLAG_VADDR))
		return -EINVAL;

	iova = map.iova;
	vaddr = map.vaddr;
	size = map.size;
	if (iova != map.iova || vaddr != map.vaddr || size != map.size)
		return -HF_EWRAP;
	if (!size)
		return -EINVAL;
	if (check_add_overflow(iova, (dma_addr_t)(size - 1), &last) ||
	    check_add_overflow(vaddr, (unsigned long)(size - 1), &last_vaddr))
		return -HF_EWRAP;

	/* From the device's side. */
	if (map.flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (map.flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;
	if (!prot == !(map.flags & VFIO_DMA_MAP_FLAG_VADDR))
		return -EINVAL;

	if (unlikely(!prot))
		return hf_vaddr_update(c, iova, vaddr, size);
	return hf_container_map(c, iova, vaddr, size, prot);
}

/*
 * Is a user's bitmap fit for @size bytes of IOVA space?  Its page size is
 * compared with the container's later, under the lock.
 */
static int hf_uapi_check_bitmap(const struct vfio_bitmap *bitmap, u64 size)
{
	u64 pages;

	if (!access_ok((void __user *)bitmap->data, bitmap->size))
		return -EINVAL;
	if (!bitmap->pgsize)
		return -EINVAL;
	pages = size >> __ffs64(bitmap->pgsize);
	if (!pages || !bitmap->size || bitmap->size > HF_DIRTY_BYTES_MAX ||
	    pages > HF_DIRTY_PAGES_MAX + 1 ||
	    bitmap->size < HF_DIRTY_BYTES(pages))
		return -EINVAL;
	return 0;
}

/*
 * What the flags of an unmap ask for beyond unmapping.  @bitmap: the user's, if
 * it is asked for.
 */
static noinline int hf_uapi_unmap_flags(struct hf_container *c,
					void __user *arg,
					const struct vfio_iommu_type1_dma_unmap *unmap,
					struct vfio_bitmap *bitmap)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap, size);

	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) {
		if (unmap->flags & (VFIO_DMA_UNMAP_FLAG_ALL |
				    VFIO_DMA_UNMAP_FLAG_VADDR) ||
		    unmap->argsz < minsz + sizeof(*bitmap))
			return -EINVAL;
		if (hf_fail(HF_FAIL_UNMAP_BITMAP_IN) ||
		    copy_from_user(bitmap, arg + minsz, sizeof(*bitmap)))
			return -EFAULT;
		return hf_uapi_check_bitmap(bitmap, unmap->size);
	}
	/* Drivers of emulated devices need the addresses. */
	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_VADDR &&
	    !list_empty_careful(&c->emulated))
		return -EBUSY;
	return 0;
}

static long hf_uapi_unmap(struct hf_container *c, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap, size);
	struct vfio_iommu_type1_dma_unmap __user *user = arg;
	struct vfio_iommu_type1_dma_unmap unmap __uninitialized;
	struct vfio_bitmap bitmap __uninitialized;
	struct vfio_bitmap *dirty = NULL;
	dma_addr_t first, last;
	size_t size;
	bool all;
	u64 unmapped = 0;
	int ret;

	if (hf_fail(HF_FAIL_UNMAP_IN) || copy_from_user(&unmap, arg, minsz))
		return -EFAULT;
	if (unmap.argsz < minsz ||
	    unmap.flags & ~(VFIO_DMA_UNMAP_FLAG_ALL |
			    VFIO_DMA_UNMAP_FLAG_VADDR |
			    VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP))
		return -EINVAL;

	if (unlikely(unmap.flags)) {
		ret = hf_uapi_unmap_flags(c, arg, &unmap, &bitmap);
		if (ret)
			return ret;
		if (unmap.flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
			dirty = &bitmap;
	}
	all = unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL;
	first = unmap.iova;
	size = unmap.size;
	if (first != unmap.iova || size != unmap.size)
		return -HF_EWRAP;
	if (first & (hf_container_page(c) - 1))
		return -EINVAL;
	if (all) {
		if (first || size)
			return -EINVAL;
		last = ~(dma_addr_t)0;
	} else {
		if (!size || (size & (hf_container_page(c) - 1) &&
			      !hf_bug(HF_BUG_UNMAP_UNALIGNED)))
			return -EINVAL;
		if (check_add_overflow(first, (dma_addr_t)(size - 1), &last))
			return -HF_EWRAP;
	}

	if (unlikely(unmap.flags & VFIO_DMA_UNMAP_FLAG_VADDR))
		ret = hf_vaddr_invalidate(c, first, last, all, &unmapped);
	else
		ret = hf_container_unmap(c, first, last, all, dirty, &unmapped);
	if (ret)
		return ret;
	return hf_fail_err(HF_FAIL_UNMAP_OUT) ?: put_user(unmapped, &user->size);
}

static long hf_uapi_dirty_get(struct hf_container *c, void __user *arg,
			      u32 argsz)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dirty_bitmap, flags);
	struct vfio_iommu_type1_dirty_bitmap_get range;
	dma_addr_t last;
	int ret;

	if (argsz - minsz < sizeof(range))
		return -EINVAL;
	if (hf_fail(HF_FAIL_DIRTY_RANGE_IN) ||
	    copy_from_user(&range, arg + minsz, sizeof(range)))
		return -EFAULT;
	if (!range.size)
		return -EINVAL;
	if (check_add_overflow((dma_addr_t)range.iova,
			       (dma_addr_t)(range.size - 1), &last))
		return -HF_EWRAP;
	ret = hf_uapi_check_bitmap(&range.bitmap, range.size);
	if (ret)
		return ret;
	return hf_dirty_get(c, range.iova, last, &range.bitmap);
}

static long hf_uapi_dirty(struct hf_container *c, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dirty_bitmap, flags);
	struct vfio_iommu_type1_dirty_bitmap dirty;

	if (!c->v2)
		return -EACCES;
	if (hf_fail(HF_FAIL_DIRTY_IN) || copy_from_user(&dirty, arg, minsz))
		return -EFAULT;
	if (dirty.argsz < minsz)
		return -EINVAL;

	switch (dirty.flags) {	/* one request at a time */
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		return hf_dirty_start(c);
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		return hf_dirty_stop(c);
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		return hf_uapi_dirty_get(c, arg, dirty.argsz);
	default:
		return -EINVAL;
	}
}

static long hf_uapi_audit(struct hf_container *c, void __user *arg)
{
	struct eventfd_ctx *eventfd = NULL;
	struct holdfast_audit audit;
	int ret;

	if (hf_fail(HF_FAIL_AUDIT_IN) ||
	    copy_from_user(&audit, arg, sizeof(audit)))
		return -EFAULT;
	if (audit.argsz < sizeof(audit) || audit.reserved)
		return -EINVAL;

	switch (audit.flags) {
	case HOLDFAST_AUDIT_OFF:
		return hf_auditor_turn_off(c);
	case HOLDFAST_AUDIT_ON:
		break;
	default:
		return -EINVAL;
	}
	if (audit.eventfd != -1) {
		eventfd = eventfd_ctx_fdget(audit.eventfd);
		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
	}
	ret = hf_auditor_turn_on(c, eventfd);
	if (ret && eventfd)
		eventfd_ctx_put(eventfd);
	return ret;
}

/* Ranges handed out with one call; who has room for more asks again. */
#define HF_RANGES_MAX	256

static long hf_uapi_incoherent(struct hf_container *c, void __user *arg)
{
	struct holdfast_incoherent __user *user = arg;
	struct holdfast_incoherent what;
	struct hf_ranges ranges = {};
	dma_addr_t next;
	bool partial;
	int ret;

	if (hf_fail(HF_FAIL_INCOHERENT_IN) ||
	    copy_from_user(&what, arg, sizeof(what)))
		return -EFAULT;
	if (what.argsz < sizeof(what) || what.flags || what.reserved ||
	    memchr_inv(what.spare, 0, sizeof(what.spare)) ||
	    what.last < what.first || !what.nr ||
	    what.nr > (what.argsz - sizeof(what)) / sizeof(what.ranges[0]))
		return -EINVAL;

	ranges.max = min_t(u32, what.nr, HF_RANGES_MAX);
	ranges.range = hf_fail(HF_FAIL_INCOHERENT_ALLOC) ? NULL :
		       kcalloc(ranges.max, sizeof(*ranges.range),
			       GFP_KERNEL_ACCOUNT);
	if (!ranges.range)
		return -ENOMEM;
	ret = hf_incoherent_find(c, what.first, what.last, &ranges, &next,
				 &partial);
	if (ret)
		goto free;
	what.nr = ranges.nr;
	if (partial)
		what.flags |= HOLDFAST_INCOHERENT_PARTIAL;
	if (next) {
		what.flags |= HOLDFAST_INCOHERENT_MORE;
		what.first = next;
	}
	if (hf_fail(HF_FAIL_INCOHERENT_OUT) ||
	    copy_to_user(user->ranges, ranges.range,
			 ranges.nr * sizeof(*ranges.range)) ||
	    copy_to_user(user, &what, sizeof(what)))
		ret = -EFAULT;
free:
	kfree(ranges.range);
	return ret;
}

static long hf_uapi_refresh(struct hf_container *c, void __user *arg)
{
	struct holdfast_refresh refresh;
	dma_addr_t last;
	bool partial;
	int ret;

	if (hf_fail(HF_FAIL_REFRESH_IN) ||
	    copy_from_user(&refresh, arg, sizeof(refresh)))
		return -EFAULT;
	if (refresh.argsz < sizeof(refresh) || refresh.flags || !refresh.size ||
	    (refresh.iova | refresh.size) & ~PAGE_MASK ||
	    check_add_overflow((dma_addr_t)refresh.iova,
			       (dma_addr_t)(refresh.size - 1), &last))
		return -EINVAL;

	ret = hf_refresh(c, refresh.iova, last, &refresh.refreshed,
			 &refresh.failed, &partial);
	if (partial)
		refresh.flags |= HOLDFAST_REFRESH_PARTIAL;
	if (hf_fail(HF_FAIL_REFRESH_OUT) ||
	    copy_to_user(arg, &refresh, sizeof(refresh)))
		return -EFAULT;
	return ret;
}

/* What stock does not know, off the path of what it does. */
static noinline long hf_uapi_own(struct hf_container *c, unsigned int cmd,
				 void __user *arg)
{
	switch (cmd) {
	case HOLDFAST_AUDIT:
		return hf_uapi_audit(c, arg);
	case HOLDFAST_INCOHERENT:
		return hf_uapi_incoherent(c, arg);
	case HOLDFAST_REFRESH:
		return hf_uapi_refresh(c, arg);
	default:
		return -ENOTTY;
	}
}

/**
 * hf_uapi_ioctl() - an ioctl of a container's file
 * @c: the container
 * @cmd: VFIO_*
 * @arg: its argument
 *
 * Return: as the ioctl says; -ENOTTY for one that type1 does not know.
 */
long hf_uapi_ioctl(struct hf_container *c, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VFIO_CHECK_EXTENSION:
		return hf_uapi_extension(c, arg);
	case VFIO_IOMMU_GET_INFO:
		return hf_uapi_get_info(c, (void __user *)arg);
	case VFIO_IOMMU_MAP_DMA:
		return hf_uapi_map(c, (void __user *)arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return hf_uapi_unmap(c, (void __user *)arg);
	case VFIO_IOMMU_DIRTY_PAGES:
		return hf_uapi_dirty(c, (void __user *)arg);
	default:
		return hf_uapi_own(c, cmd, (void __user *)arg);
	}
}
