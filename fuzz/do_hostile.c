// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_hostile.c - requests that must be refused.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <holdfast/iommu.h>
#include <string.h>
#include <sys/auxv.h>

#include "game.h"

/* Requests no sane program makes. */
enum {
	MAP_SHORT,
	MAP_FLAGS,
	MAP_NOTHING,
	MAP_NO_PROT,
	MAP_ODD_IOVA,
	MAP_ODD_VADDR,
	MAP_ODD_SIZE,
	MAP_WRAPS,
	MAP_VADDR_WRAPS,
	MAP_BEYOND,
	MAP_INTO_INTERRUPTS,
	MAP_OVER_THE_END,
	MAP_KERNEL,
	MAP_VADDR_AND_PROT,
	UNMAP_SHORT,
	UNMAP_FLAGS,
	UNMAP_NOTHING,
	UNMAP_ODD,
	UNMAP_ODD_SIZE,
	UNMAP_WRAPS,
	UNMAP_ALL_AND_RANGE,
	UNMAP_BITMAP_AND_ALL,
	DIRTY_SHORT,
	DIRTY_TWO,
	DIRTY_NONE,
	INFO_SHORT,
	NO_SUCH,
	ASK_FLAGS,
	ASK_WRONG_WAY,
	REFRESH_ODD,
	REFRESH_WRAPS,
	AUDIT_BOTH,
	MAP_VDSO,
	HOSTILES
};

static int64_t hostile_map(struct fz_session *s, const struct fz_op *op, unsigned int what)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = HF_RW, .vaddr = fz_addr(fz_op_arg(op, 4)),
		.iova = fz_iova(fz_op_arg(op, 3)), .size = FZ_PAGE_BYTES,
	};
	const int wraps = fz_new_enough(s, 618) ? -EOVERFLOW : -EINVAL;
	int64_t want = -EINVAL, ret;

	switch (what) {
	case MAP_SHORT:
		map.argsz = offsetof(struct vfio_iommu_type1_dma_map, size) + 4;
		break;
	case MAP_FLAGS:
		map.flags |= 1U << 17;
		break;
	case MAP_NOTHING:
		map.size = 0;
		break;
	case MAP_NO_PROT:
		map.flags = 0;
		break;
	case MAP_ODD_IOVA:
		map.iova += 0x80;
		break;
	case MAP_ODD_VADDR:
		map.vaddr += 0x800;
		break;
	case MAP_ODD_SIZE:
		map.size += 1;
		break;
	case MAP_WRAPS:
		map.iova = -FZ_PAGE_BYTES;
		map.size = 2 * FZ_PAGE_BYTES;
		want = wraps;
		break;
	case MAP_VADDR_WRAPS:
		map.vaddr = -FZ_PAGE_BYTES;
		map.size = 2 * FZ_PAGE_BYTES;
		want = wraps;
		break;
	case MAP_BEYOND:
		map.iova = 1ULL << 57;
		break;
	case MAP_INTO_INTERRUPTS:
		/* Where messages of interrupts go, on every x86. */
		map.iova = 0xfee00000ULL - FZ_PAGE_BYTES;
		map.size = 2 * FZ_PAGE_BYTES;
		break;
	case MAP_OVER_THE_END:
		map.iova = (1ULL << 48) - FZ_PAGE_BYTES;
		map.size = 2 * FZ_PAGE_BYTES;
		break;
	case MAP_KERNEL:
		map.vaddr = 0xffff888000000000ULL;
		map.iova = fz_iova(FZ_IOVAS + 16);
		want = -EFAULT;
		break;
	case MAP_VADDR_AND_PROT:
		map.flags |= VFIO_DMA_MAP_FLAG_VADDR;
		break;
	}
	if (!s->m->container[c].typed)
		want = -EINVAL;
	else if (want == -EFAULT && !s->m->proc[who].ipc_lock &&
		 fz_charged(s, c, who) + 1 > s->m->proc[who].limit)
		want = -ENOMEM;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_MAP_DMA, &map, sizeof(map));
	/* "Address beyond user space" is told before the charge. */
	if (what == MAP_KERNEL && (ret == -EFAULT || ret == -ENOMEM))
		want = ret;
	fz_expect(s, ret, want, "a hostile map");
	return ret;
}

static int64_t hostile_unmap(struct fz_session *s, const struct fz_op *op, unsigned int what)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1);
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = fz_iova(fz_op_arg(op, 3)), .size = FZ_PAGE_BYTES,
	};
	int64_t want = -EINVAL, ret;

	switch (what) {
	case UNMAP_SHORT:
		unmap.argsz = offsetof(struct vfio_iommu_type1_dma_unmap, size);
		break;
	case UNMAP_FLAGS:
		unmap.flags = 1U << 9;
		break;
	case UNMAP_NOTHING:
		unmap.size = 0;
		break;
	case UNMAP_ODD:
		unmap.iova += 0x123;
		break;
	case UNMAP_ODD_SIZE:
		unmap.size += 0x10;
		break;
	case UNMAP_WRAPS:
		unmap.iova = -FZ_PAGE_BYTES;
		unmap.size = 2 * FZ_PAGE_BYTES;
		if (s->m->container[c].typed && fz_new_enough(s, 618))
			want = -EOVERFLOW;
		break;
	case UNMAP_ALL_AND_RANGE:
		unmap.flags = VFIO_DMA_UNMAP_FLAG_ALL;
		break;
	case UNMAP_BITMAP_AND_ALL:
		unmap.flags = VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
		unmap.iova = unmap.size = 0;
		break;
	}
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
	fz_expect(s, ret, want, "a hostile unmap");
	return ret;
}

/* Any other request: its struct in @words. */
static int64_t hostile_other(struct fz_session *s, const struct fz_op *op, unsigned int what)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1);
	union {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_info info;
		struct holdfast_incoherent ask;
		struct holdfast_refresh refresh;
		struct holdfast_audit audit;
		char room[256];
	} u;
	const bool typed = s->m->container[c].typed;
	unsigned long request = 0;
	int64_t want = -EINVAL, ret;

	memset(&u, 0, sizeof(u));
	switch (what) {
	case DIRTY_SHORT:
	case DIRTY_TWO:
	case DIRTY_NONE:
		request = VFIO_IOMMU_DIRTY_PAGES;
		u.dirty.argsz = what == DIRTY_SHORT ? 4 : sizeof(u.dirty);
		u.dirty.flags = what == DIRTY_TWO ? VFIO_IOMMU_DIRTY_PAGES_FLAG_START |
							    VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP :
						    0;
		want = typed && s->m->container[c].v1 ? -EACCES : -EINVAL;
		break;
	case INFO_SHORT:
		request = VFIO_IOMMU_GET_INFO;
		u.info.argsz = 8;
		break;
	case ASK_FLAGS:
	case ASK_WRONG_WAY:
		request = HOLDFAST_INCOHERENT;
		u.ask.argsz = sizeof(u.ask) + sizeof(struct holdfast_range);
		u.ask.nr = 1;
		u.ask.flags = what == ASK_FLAGS ? 1U << 5 : 0;
		u.ask.first = what == ASK_FLAGS ? 0 : 0x2000;
		u.ask.last = what == ASK_FLAGS ? UINT64_MAX : 0xfff;
		break;
	case REFRESH_ODD:
	case REFRESH_WRAPS:
		request = HOLDFAST_REFRESH;
		u.refresh.argsz = sizeof(u.refresh);
		u.refresh.iova = what == REFRESH_ODD ? fz_iova(0) + 1 : -FZ_PAGE_BYTES;
		u.refresh.size = what == REFRESH_ODD ? FZ_PAGE_BYTES : 2 * FZ_PAGE_BYTES;
		break;
	case AUDIT_BOTH:
		request = HOLDFAST_AUDIT;
		u.audit.argsz = sizeof(u.audit);
		u.audit.flags = HOLDFAST_AUDIT_ON | HOLDFAST_AUDIT_OFF;
		u.audit.eventfd = -1;
		break;
	default:
		request = _IO(VFIO_TYPE, VFIO_BASE + 99);
		want = -ENOTTY;
	}
	if (s->o.stock && what >= ASK_FLAGS)
		want = -ENOTTY;
	if (!typed)
		want = -EINVAL;
	ret = fz_ioctl(s, who, c, request, &u, sizeof(u));
	/* Which of the two a range that wraps gets is the uapi header's; both are refusals. */
	if (what == REFRESH_WRAPS && ret == -EOVERFLOW)
		want = ret;
	fz_expect(s, ret, want, "a hostile request");
	return ret;
}

/*
 * Read-only, a page of the kernel's own that every process has. It may be refused; if it is not, it
 * comes back whole, which the balance of pins says (docs/pins.md).
 */
static int64_t map_vdso(struct fz_session *s, unsigned int who, unsigned int c)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = getauxval(AT_SYSINFO_EHDR), .iova = fz_iova(FZ_IOVAS + 32),
		.size = FZ_PAGE_BYTES,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = map.iova, .size = FZ_PAGE_BYTES,
	};
	const int64_t ret = fz_ioctl(s, who, c, VFIO_IOMMU_MAP_DMA, &map, sizeof(map));

	if (ret != -EFAULT && ret != -ENOMEM)
		fz_expect(s, ret, s->m->container[c].typed ? 0 : -EINVAL, "map of the vDSO");
	if (!ret)
		fz_expect(s, fz_ioctl(s, who, c, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap)), 0,
			  "unmap of the vDSO");
	return ret;
}

int64_t fz_play_hostile(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int what = fz_op_arg(op, 2) % HOSTILES;

	if (!fz_alive(s, fz_op_arg(op, 0)))
		return FZ_SKIPPED;
	if (what == MAP_VDSO)
		return map_vdso(s, fz_op_arg(op, 0), fz_op_arg(op, 1));
	if (what < UNMAP_SHORT)
		return hostile_map(s, op, what);
	if (what < DIRTY_SHORT)
		return hostile_unmap(s, op, what);
	return hostile_other(s, op, what);
}
