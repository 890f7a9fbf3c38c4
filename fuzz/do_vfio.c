// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_vfio.c - requests to containers, with the answers of docs/abi.md.
 *
 * A container of stock's (fz_options.stock) is held to the same: where it answers otherwise, that is
 * what fuzzing it is to find.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <holdfast/iommu.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "game.h"

static uint32_t flags_of(unsigned int prot)
{
	return (prot & FZ_PROT_READ ? VFIO_DMA_MAP_FLAG_READ : 0) |
	       (prot & FZ_PROT_WRITE ? VFIO_DMA_MAP_FLAG_WRITE : 0);
}

/* Of a range of the arena, from the first page on that cannot be pinned: what is known no more. */
static bool all_pinnable(const struct fz_session *s, unsigned int who, unsigned int page,
			 unsigned int count, unsigned int prot)
{
	for (unsigned int i = 0; i < count; i++)
		if (page + i >= FZ_PAGES || !fz_pinnable(s->m, who, page + i, prot))
			return false;
	return true;
}

/* Read-only of what may be written to only: the CPU cannot forbid it, the fast paths do not. */
static bool undecided(const struct fz_session *s, unsigned int who, unsigned int page,
		      unsigned int count, unsigned int prot)
{
	for (unsigned int i = 0; prot == FZ_PROT_READ && i < count && page + i < FZ_PAGES; i++)
		if (s->m->proc[who].pte[page + i].prot == FZ_PROT_WRITE)
			return true;
	return false;
}

/* A map that failed may have faulted in, and copied, a part of private memory. */
static void partly_faulted(struct fz_session *s, unsigned int who, unsigned int page,
			   unsigned int count)
{
	const struct fz_op look = { .code = FZ_MADVISE,
				    .arg = { (uint16_t)who, (uint16_t)page, (uint16_t)count,
					     FZ_POPULATE_WRITE } };

	for (unsigned int i = 0; i < count && page + i < FZ_PAGES; i++) {
		if (s->m->proc[who].pte[page + i].vma == FZ_VMA_PRIVATE) {
			fz_play_madvise(s, &look);
			return;
		}
	}
}

/* A map or an unmap, taken apart: what is asked, and afterwards, whether the answer is right. */
struct request {
	uint8_t code;
	unsigned int who, c, iova, page, count, prot;
	bool open;
};

/* False if it makes no sense. */
static bool read_map(struct fz_session *s, const struct fz_op *op, struct request *r)
{
	const unsigned int how = fz_op_arg(op, 4);

	*r = (struct request){
		.code = FZ_MAP, .who = fz_op_arg(op, 0), .c = !!(how & FZ_HOW_OTHER),
		.iova = fz_op_arg(op, 1), .page = fz_op_arg(op, 2), .count = fz_op_arg(op, 3),
		.prot = how & (FZ_PROT_READ | FZ_PROT_WRITE),
	};
	if (r->iova + r->count > FZ_IOVAS)
		r->count = FZ_IOVAS - r->iova;
	if (!fz_alive(s, r->who) || !fz_mapping_room(s->m) ||
	    !fz_model_room(s->m, r->count + FZ_PAGES))
		return false;
	r->open = undecided(s, r->who, r->page, r->count, r->prot);
	return true;
}

static void fill_map(struct fz_session *s, const struct request *r, struct fz_slot *slot)
{
	const struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags_of(r->prot), .vaddr = fz_addr(r->page),
		.iova = fz_iova(r->iova), .size = r->count * FZ_PAGE_BYTES,
	};

	memcpy(slot->data, &map, sizeof(map));
	slot->what = FZ_DO_CALL;
	slot->nr = SYS_ioctl;
	slot->arg[0] = (uint64_t)s->container[r->c].fd;
	slot->arg[1] = VFIO_IOMMU_MAP_DMA;
	slot->arg[2] = (uintptr_t)slot->data;
}

static int64_t judge_map(struct fz_session *s, const struct request *r, int64_t ret)
{
	const struct fz_container *k = &s->m->container[r->c];
	const struct fz_proc *p = &s->m->proc[r->who];
	int64_t want = 0;

	if (!k->typed || !r->prot)
		want = -EINVAL;
	else if (fz_mapping_overlaps(s->m, r->c, r->iova, r->count))
		want = -EEXIST;
	else if (!p->ipc_lock && !k->user && fz_proc_locked(s->m, r->who) + r->count > p->limit)
		want = -ENOMEM;
	else if (!all_pinnable(s, r->who, r->page, r->count, r->prot))
		want = -EFAULT;
	if (r->open && (want == 0 || want == -EFAULT) && (ret == 0 || ret == -EFAULT))
		want = ret;
	/* The limit of a user is that of all its processes, which is not followed here. */
	if (k->user && (want == 0 || want == -EFAULT) && ret == -ENOMEM && !p->ipc_lock)
		want = ret;
	/* Private huge pages come from a pool that may be empty. */
	if (want == 0 && ret == -EFAULT && r->page + r->count > FZ_SMALL_PAGES &&
	    s->before.huge_free_2m < 64)
		want = ret;
	if (!fz_expect(s, ret, want, "map"))
		return ret;
	if (ret == 0)
		fz_mapping_add(s->m, r->c, r->who, r->iova, r->page, r->count, r->prot);
	if (ret == -EFAULT)
		partly_faulted(s, r->who, r->page, r->count);
	return ret;
}

int64_t fz_play_map(struct fz_session *s, const struct fz_op *op)
{
	struct request r;

	if (!read_map(s, op, &r))
		return FZ_SKIPPED;
	fill_map(s, &r, fz_slot(s, r.who));
	return judge_map(s, &r, fz_request(s, r.who));
}

/* What an unmap of a range takes: bytes, or an errno. */
static int64_t will_unmap(struct fz_session *s, unsigned int c, unsigned int iova,
			  unsigned int count)
{
	struct fz_mapping *map = fz_mapping_next(s->m, c, iova);
	int64_t pages = 0;

	if (!s->m->container[c].typed)
		return -EINVAL;
	/* Version 1: nothing from a range that begins inside; all of what it ends in. */
	if (map && map->iova < iova)
		return s->m->container[c].v1 ? 0 : -EINVAL;
	for (; map && map->iova < iova + count; map = fz_mapping_next(s->m, c, iova)) {
		if (map->iova + map->pages > iova + count && !s->m->container[c].v1)
			return -EINVAL;
		pages += map->pages;
		count -= map->iova + map->pages - iova < count ? map->iova + map->pages - iova : count;
		iova = map->iova + map->pages;
	}
	return pages * (int64_t)FZ_PAGE_BYTES;
}

static void apply_unmap(struct fz_session *s, unsigned int c, unsigned int iova, unsigned int count)
{
	struct fz_mapping *map;

	while ((map = fz_mapping_next(s->m, c, iova)) && map->iova < iova + count)
		fz_mapping_remove(s->m, map);
}

static bool read_unmap(struct fz_session *s, const struct fz_op *op, struct request *r)
{
	*r = (struct request){
		.code = FZ_UNMAP, .who = fz_op_arg(op, 0), .c = fz_op_arg(op, 1),
		.iova = fz_op_arg(op, 2), .count = fz_op_arg(op, 3),
	};
	return fz_alive(s, r->who);
}

static void fill_unmap(struct fz_session *s, const struct request *r, struct fz_slot *slot)
{
	const struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = fz_iova(r->iova), .size = r->count * FZ_PAGE_BYTES,
	};

	memcpy(slot->data, &unmap, sizeof(unmap));
	slot->what = FZ_DO_CALL;
	slot->nr = SYS_ioctl;
	slot->arg[0] = (uint64_t)s->container[r->c].fd;
	slot->arg[1] = VFIO_IOMMU_UNMAP_DMA;
	slot->arg[2] = (uintptr_t)slot->data;
}

static int64_t judge_unmap(struct fz_session *s, const struct request *r,
			   const struct fz_slot *slot, int64_t ret)
{
	const int64_t want = will_unmap(s, r->c, r->iova, r->count);
	struct vfio_iommu_type1_dma_unmap unmap;

	memcpy(&unmap, slot->data, sizeof(unmap));
	if (!fz_expect(s, ret, want < 0 ? want : 0, "unmap") || ret)
		return ret;
	if (fz_expect(s, (int64_t)unmap.size, want, "bytes unmapped:") && want)
		apply_unmap(s, r->c, r->iova, r->count);
	return ret;
}

int64_t fz_play_unmap(struct fz_session *s, const struct fz_op *op)
{
	struct request r;

	if (!read_unmap(s, op, &r))
		return FZ_SKIPPED;
	fill_unmap(s, &r, fz_slot(s, r.who));
	return judge_unmap(s, &r, fz_slot(s, r.who), fz_request(s, r.who));
}

/*
 * Two requests at once.  The answers must be those of one order or of the other; the model goes on with
 * the order that fits.
 */

static bool read_request(struct fz_session *s, const struct fz_op *op, struct request *r)
{
	return op->code == FZ_MAP ? read_map(s, op, r) : op->code == FZ_UNMAP && read_unmap(s, op, r);
}

static struct fz_slot *send(struct fz_session *s, const struct request *r, unsigned int slot)
{
	struct fz_slot *to = fz_slot(s, slot);

	if (r->code == FZ_MAP)
		fill_map(s, r, to);
	else
		fill_unmap(s, r, to);
	fz_worker_ask(to);
	return to;
}

static void judge(struct fz_session *s, const struct request *r, const struct fz_slot *slot)
{
	if (r->code == FZ_MAP)
		judge_map(s, r, slot->ret);
	else
		judge_unmap(s, r, slot, slot->ret);
}

/* One that fails may have kept the other from the last pages of their common limit, for a moment. */
static bool out_of_room(struct fz_session *s, const struct request r[2], struct fz_slot *const slot[2])
{
	const struct fz_proc *p = &s->m->proc[r[0].who];

	return r[0].who == r[1].who && r[0].code == FZ_MAP && r[1].code == FZ_MAP && !p->ipc_lock &&
	       (slot[0]->ret == -ENOMEM || slot[1]->ret == -ENOMEM) && slot[0]->ret && slot[1]->ret &&
	       fz_proc_locked(s->m, r[0].who) + r[0].count + r[1].count > p->limit;
}

int64_t fz_play_two(struct fz_session *s, const struct fz_op *op, unsigned int lead)
{
	const struct timespec delay = { .tv_nsec = 1000L * lead };
	struct fz_slot *slot[2];
	struct request r[2];

	if (!read_request(s, &op[0], &r[0]) || !read_request(s, &op[1], &r[1]) ||
	    (r[0].who == r[1].who && (r[0].who || !fz_have_thread(s))))
		return FZ_SKIPPED;
	slot[0] = send(s, &r[0], r[0].who);
	if (lead)
		nanosleep(&delay, NULL);
	slot[1] = send(s, &r[1], r[0].who == r[1].who ? FZ_THREAD : r[1].who);
	for (unsigned int i = 0; i < 2; i++) {
		if (fz_worker_wait(slot[i], s->o.timeout_ms)) {
			s->hung = true;
			fz_object(s, FZ_ORACLE_HANG, "two", "one of two requests at once does not come back");
			return -ETIMEDOUT;
		}
	}
	if (out_of_room(s, r, slot))
		return 0;
	fz_try_begin(s);
	judge(s, &r[0], slot[0]);
	judge(s, &r[1], slot[1]);
	if (fz_try_end(s))
		return 0;
	judge(s, &r[1], slot[1]);
	judge(s, &r[0], slot[0]);
	return 0;
}

int64_t fz_play_unmap_all(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1);
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};
	uint64_t bytes = c ? 0 : FZ_PORT_BYTES;
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	for (unsigned int i = 0; i < FZ_MAPPINGS; i++)
		if (s->m->mapping[i].used && s->m->mapping[i].container == c)
			bytes += (uint64_t)s->m->mapping[i].pages * FZ_PAGE_BYTES;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
	if (!fz_expect(s, ret, s->m->container[c].typed ? 0 : -EINVAL, "unmap of all") || ret)
		return ret;
	fz_expect(s, (int64_t)unmap.size, (int64_t)bytes, "bytes unmapped:");
	apply_unmap(s, c, 0, FZ_IOVAS);
	if (!c)
		fz_expect(s, fz_port_restore(s), 0, "mapping the engine's memory again");
	return ret;
}

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
		 fz_proc_locked(s->m, who) + 1 > s->m->proc[who].limit)
		want = -ENOMEM;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_MAP_DMA, &map, sizeof(map));
	if (s->m->container[c].user && ret == -ENOMEM && what == MAP_KERNEL)
		want = ret;
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

int64_t fz_play_hostile(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int what = fz_op_arg(op, 2) % HOSTILES;

	if (!fz_alive(s, fz_op_arg(op, 0)))
		return FZ_SKIPPED;
	if (what < UNMAP_SHORT)
		return hostile_map(s, op, what);
	if (what < DIRTY_SHORT)
		return hostile_unmap(s, op, what);
	return hostile_other(s, op, what);
}

int64_t fz_play_vaddr_gone(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1), iova = fz_op_arg(op, 2);
	const unsigned int count = fz_op_arg(op, 3);
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .flags = VFIO_DMA_UNMAP_FLAG_VADDR, .iova = fz_iova(iova),
		.size = count * FZ_PAGE_BYTES,
	};
	int64_t want = will_unmap(s, c, iova, count), ret;
	struct fz_mapping *map = want > 0 ? fz_mapping_next(s->m, c, iova) : NULL;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	for (; map && map->iova < iova + count; map = fz_mapping_next(s->m, c, map->iova + map->pages))
		if (map->stale)
			want = -EINVAL;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
	if (!fz_expect(s, ret, want < 0 ? want : 0, "taking addresses away") || ret)
		return ret;
	fz_expect(s, (int64_t)unmap.size, want, "bytes:");
	map = want ? fz_mapping_next(s->m, c, iova) : NULL;
	for (; map && map->iova < iova + count; map = fz_mapping_next(s->m, c, map->iova + map->pages))
		map->stale = true;
	return ret;
}

int64_t fz_play_vaddr_new(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1), iova = fz_op_arg(op, 2);
	const unsigned int page = fz_op_arg(op, 3), count = fz_op_arg(op, 4);
	struct vfio_iommu_type1_dma_map request = {
		.argsz = sizeof(request), .flags = VFIO_DMA_MAP_FLAG_VADDR, .iova = fz_iova(iova),
		.vaddr = fz_addr(page), .size = count * FZ_PAGE_BYTES,
	};
	struct fz_mapping *map = fz_mapping_next(s->m, c, iova);
	const struct fz_proc *p = &s->m->proc[who];
	int64_t want = 0, ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	/* No mapping in the range at all, or another range, or a valid address. */
	if (!s->m->container[c].typed)
		want = -EINVAL;
	else if (!map || map->iova >= iova + count)
		want = -ENOENT;
	else if (map->iova != iova || map->pages != count || !map->stale)
		want = -EINVAL;
	else if (map->mm != p->mm && !map->bar && !p->ipc_lock && !s->m->container[c].user &&
		 fz_proc_locked(s->m, who) + count > p->limit)
		want = -ENOMEM;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_MAP_DMA, &request, sizeof(request));
	if (!fz_expect(s, ret, want, "a new address") || ret)
		return ret;
	map->stale = false;
	map->mm = p->mm;
	map->page = page;
	return ret;
}

/* Is a page of the window in a mapping? */
static bool is_mapped(struct fz_session *s, unsigned int c, unsigned int page)
{
	const struct fz_mapping *map = fz_mapping_next(s->m, c, page);

	return map && map->iova <= page;
}

static bool cuts(struct fz_session *s, unsigned int c, unsigned int iova, unsigned int count)
{
	const struct fz_mapping *first = fz_mapping_next(s->m, c, iova);
	const struct fz_mapping *last = fz_mapping_next(s->m, c, iova + count - 1);

	return (first && first->iova < iova) ||
	       (last && last->iova < iova + count && last->iova + last->pages > iova + count);
}

static void check_bitmap(struct fz_session *s, unsigned int c, unsigned int iova,
			 unsigned int count, const uint64_t *bits)
{
	s->stats.checks[FZ_ORACLE_ANSWER]++;
	for (unsigned int i = 0; i < count; i++) {
		const bool got = bits[i / 64] >> (i % 64) & 1, want = is_mapped(s, c, iova + i);

		if (got != want) {
			fz_object(s, FZ_ORACLE_ANSWER, "dirty-bit",
				  "page %u of the window is %s, and told as %s", iova + i,
				  want ? "mapped" : "not mapped", got ? "dirty" : "clean");
			return;
		}
	}
}

/* Room for a bitmap of any range. */
#define BITMAP_WORDS (FZ_PAGES / 64 + 2)

static uint64_t bitmap_bytes(unsigned int count)
{
	return (count + 63) / 64 * 8;
}

static int64_t dirty_unmap(struct fz_session *s, unsigned int who, unsigned int c,
			   unsigned int iova, unsigned int count)
{
	struct {
		struct vfio_iommu_type1_dma_unmap head;
		struct vfio_bitmap bitmap;
		uint64_t bits[BITMAP_WORDS];
	} u = { 0 };
	const int64_t unmapped = will_unmap(s, c, iova, count);
	int64_t ret;

	u.head = (struct vfio_iommu_type1_dma_unmap){
		.argsz = sizeof(u.head) + sizeof(u.bitmap),
		.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, .iova = fz_iova(iova),
		.size = count * FZ_PAGE_BYTES,
	};
	u.bitmap = (struct vfio_bitmap){
		.pgsize = FZ_PAGE_BYTES, .size = bitmap_bytes(count),
		.data = (void *)(fz_slot(s, who)->data + offsetof(__typeof__(u), bits)),
	};
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_UNMAP_DMA, &u, sizeof(u));
	if (!fz_expect(s, ret, unmapped < 0 || s->m->container[c].dirty ? (unmapped < 0 ? unmapped : 0) :
									  -EINVAL,
		       "unmap with a bitmap") ||
	    ret)
		return ret;
	fz_expect(s, (int64_t)u.head.size, unmapped, "bytes unmapped:");
	if (!unmapped)
		return ret;
	if (!s->m->container[c].v1)
		check_bitmap(s, c, iova, count, u.bits);
	apply_unmap(s, c, iova, count);
	return ret;
}

int64_t fz_play_dirty(struct fz_session *s, const struct fz_op *op)
{
	static const uint32_t flag[FZ_DIRTIES] = {
		[FZ_DIRTY_START] = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
		[FZ_DIRTY_STOP] = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
		[FZ_DIRTY_GET] = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
	};
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1), what = fz_op_arg(op, 2);
	const unsigned int iova = fz_op_arg(op, 3), count = fz_op_arg(op, 4);
	struct fz_container *k = &s->m->container[c];
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
		uint64_t bits[BITMAP_WORDS];
	} u = { 0 };
	int64_t want = 0, ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	if (what == FZ_DIRTY_UNMAP)
		return dirty_unmap(s, who, c, iova, count);
	u.head = (struct vfio_iommu_type1_dirty_bitmap){
		.argsz = sizeof(u.head) + (what == FZ_DIRTY_GET ? sizeof(u.get) : 0),
		.flags = flag[what],
	};
	u.get = (struct vfio_iommu_type1_dirty_bitmap_get){
		.iova = fz_iova(iova), .size = count * FZ_PAGE_BYTES,
		.bitmap = { .pgsize = FZ_PAGE_BYTES, .size = bitmap_bytes(count),
			    .data = (void *)(fz_slot(s, who)->data + offsetof(__typeof__(u), bits)) },
	};
	if (!k->typed)
		want = -EINVAL;
	else if (k->v1)
		want = -EACCES;
	else if (what == FZ_DIRTY_GET && (!k->dirty || cuts(s, c, iova, count)))
		want = -EINVAL;
	ret = fz_ioctl(s, who, c, VFIO_IOMMU_DIRTY_PAGES, &u, sizeof(u));
	if (!fz_expect(s, ret, want, "dirty pages") || ret)
		return ret;
	if (what == FZ_DIRTY_GET)
		check_bitmap(s, c, iova, count, u.bits);
	else
		k->dirty = what == FZ_DIRTY_START;
	return ret;
}

/* Group 2 moves between the containers; group 1 is the other container's own. */
int64_t fz_play_attach(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int c = fz_op_arg(op, 0);
	struct fz_container *k = &s->m->container[c];
	int64_t ret, want = 0;
	unsigned int n = 2;

	if (s->container[c].fd < 0 || (k->typed && s->at[2] >= 0) || (!k->typed && s->at[1] >= 0))
		return FZ_SKIPPED;
	if (!k->typed) {
		n = 1;
		ret = hf_group_attach(&s->group[1], &s->container[1]);
		if (!ret)
			ret = hf_container_set_type(&s->container[1],
						    k->v1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU);
		if (fz_expect(s, ret, 0, "attaching the first group")) {
			k->typed = true;
			s->at[1] = 1;
		}
		return ret;
	}
	for (unsigned int i = 0; i < FZ_MAPPINGS; i++)
		if (s->m->mapping[i].used && s->m->mapping[i].container == c && s->m->mapping[i].stale)
			want = -EBUSY;
	ret = hf_group_attach(&s->group[n], &s->container[c]);
	if (fz_expect(s, ret, want, "attaching a group") && !ret)
		s->at[n] = (int)c;
	return ret;
}

int64_t fz_play_detach(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int c = fz_op_arg(op, 0);
	int64_t ret;

	if (s->at[2] == (int)c) {
		ret = hf_group_detach(&s->group[2]);
		s->at[2] = -1;
		fz_expect(s, ret, 0, "detaching a group");
		return ret;
	}
	if (!c || s->at[1] < 0)
		return FZ_SKIPPED;
	/* The last one takes the type and every mapping with it. */
	ret = hf_group_detach(&s->group[1]);
	fz_expect(s, ret, 0, "detaching the last group");
	apply_unmap(s, 1, 0, FZ_IOVAS);
	s->at[1] = -1;
	s->m->container[1].typed = s->m->container[1].dirty = s->m->container[1].audited = false;
	return ret;
}

/* The kill switch: a new container is stock's, those that are there stay. */
int64_t fz_play_switch(struct fz_session *s, const struct fz_op *op)
{
	static const char path[] = "/sys/module/vfio_iommu_holdfast/parameters/enabled";
	const bool on = fz_op_arg(op, 0);
	struct hf_container c;
	int64_t ret;

	if (s->o.stock || s->at[2] >= 0)
		return FZ_SKIPPED;
	hf_proc_write_file(path, on ? "1" : "0");
	ret = hf_container_open(&c);
	if (!ret)
		ret = hf_group_attach(&s->group[2], &c);
	if (!ret) {
		ret = hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU);
		if (!ret)
			fz_expect(s, hf_container_check_extension(&c, HOLDFAST_AUDIT_EXT), on,
				  "the extension, when switched,");
		hf_group_detach(&s->group[2]);
	}
	fz_expect(s, ret, 0, "a container, when switched,");
	hf_container_close(&c);
	hf_proc_write_file(path, "1");
	return ret;
}

int64_t fz_play_killed(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int iova = fz_op_arg(op, 0), page = fz_op_arg(op, 1);
	const struct timespec delay = { .tv_nsec = 1000L * fz_op_arg(op, 3) };
	const unsigned int child = FZ_PROCS - 1;
	unsigned int count = fz_op_arg(op, 2);
	struct fz_slot *slot = fz_slot(s, child);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = HF_RW, .vaddr = fz_addr(page),
		.iova = fz_iova(iova),
	};
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = fz_iova(iova) };
	const struct fz_op fork = { .code = FZ_FORK, .arg = { (uint16_t)child } };
	const struct fz_op kill = { .code = FZ_KILL, .arg = { (uint16_t)child } };
	int64_t ret;

	if (iova + count > FZ_IOVAS)
		count = FZ_IOVAS - iova;
	map.size = unmap.size = count * FZ_PAGE_BYTES;
	if (fz_alive(s, child) || fz_mapping_overlaps(s->m, 0, iova, count))
		return FZ_SKIPPED;
	ret = fz_play_fork(s, &fork);
	if (ret)
		return ret;
	memcpy(slot->data, &map, sizeof(map));
	slot->what = FZ_DO_CALL;
	slot->nr = SYS_ioctl;
	slot->arg[0] = (uint64_t)s->container[0].fd;
	slot->arg[1] = VFIO_IOMMU_MAP_DMA;
	slot->arg[2] = (uintptr_t)slot->data;
	fz_worker_ask(slot);
	nanosleep(&delay, NULL);
	ret = fz_play_kill(s, &kill);
	if (ret)
		return ret;
	/* All of it is there, or nothing. */
	ret = fz_ioctl(s, 0, 0, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
	fz_expect(s, ret, 0, "unmap of what a killed process mapped");
	if (!ret && unmap.size)
		fz_expect(s, (int64_t)unmap.size, (int64_t)(count * FZ_PAGE_BYTES), "bytes unmapped:");
	/* What the child had pinned, a fork of it might have copied: nobody else saw it. */
	return ret;
}
