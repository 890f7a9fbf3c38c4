// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_map.c - mapping and unmapping, alone, two at once, and by somebody who is killed.
 *
 * Answers are those of docs/abi.md. A container of stock's (fz_options.stock) is held to the same: where
 * it answers otherwise, that is what fuzzing it is to find.
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

uint32_t fz_dma_flags(unsigned int prot)
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

static bool undecided(const struct fz_session *s, unsigned int who, unsigned int page,
		      unsigned int count, unsigned int prot)
{
	for (unsigned int i = 0; i < count && page + i < FZ_PAGES; i++)
		if (fz_pinnable_open(s->m, who, page + i, prot))
			return true;
	return false;
}

/* A map or an unmap, taken apart: what is asked, and afterwards, whether the answer is right. */
struct request {
	uint8_t code;
	unsigned int who, c, iova, page, count, prot;
	bool open;
};

static void fill_slot(const struct fz_session *s, struct fz_slot *slot, unsigned int c,
		      unsigned long request, const void *arg, size_t size)
{
	memcpy(slot->data, arg, size);
	slot->what = FZ_DO_CALL;
	slot->nr = SYS_ioctl;
	slot->arg[0] = (uint64_t)s->container[c].fd;
	slot->arg[1] = request;
	slot->arg[2] = (uintptr_t)slot->data;
}

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

static void fill_map(const struct fz_session *s, const struct request *r, struct fz_slot *slot)
{
	const struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = fz_dma_flags(r->prot), .vaddr = fz_addr(r->page),
		.iova = fz_iova(r->iova), .size = r->count * FZ_PAGE_BYTES,
	};

	fill_slot(s, slot, r->c, VFIO_IOMMU_MAP_DMA, &map, sizeof(map));
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
	else if (!p->ipc_lock && fz_charged(s, r->c, r->who) + r->count > p->limit)
		want = -ENOMEM;
	else if (!all_pinnable(s, r->who, r->page, r->count, r->prot))
		want = -EFAULT;
	/* Where memory is missing, too, stock says which it meets first (docs/abi.md). */
	if (s->o.stock && want == -ENOMEM && ret == -EFAULT &&
	    !all_pinnable(s, r->who, r->page, r->count, r->prot))
		want = ret;
	if (r->open && (want == 0 || want == -EFAULT) && (ret == 0 || ret == -EFAULT))
		want = ret;
	/* Private huge pages come from a pool that may be empty. */
	if (want == 0 && ret == -EFAULT && r->page + r->count > FZ_SMALL_PAGES &&
	    s->before.huge_free_2m < 64)
		want = ret;
	if (!fz_expect(s, ret, want, "map"))
		return ret;
	if (ret == 0)
		fz_mapping_add(s->m, r->c, r->who, r->iova, r->page, r->count, r->prot);
	/* It may have been on its way when it failed, and a part of private memory been copied. */
	if (ret < 0)
		fz_settle_private(s, r->who, r->page, r->count);
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

int64_t fz_will_unmap(struct fz_session *s, unsigned int c, unsigned int iova,
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

void fz_apply_unmap(struct fz_session *s, unsigned int c, unsigned int iova, unsigned int count)
{
	struct fz_mapping *map;

	while ((map = fz_mapping_next(s->m, c, iova)) && map->iova < iova + count)
		fz_mapping_remove(s->m, map);
}

bool fz_unmapped(struct fz_session *s, int64_t ret, uint64_t size, int64_t want, const char *what)
{
	const char *armed = s->armed.on && !s->armed.after && ret == -EFAULT ? s->armed.name : "";

	/* The request could not be read, or was carried out and could not be answered. */
	if (!strcmp(armed, "UNMAP_IN"))
		return false;
	if (!strcmp(armed, "UNMAP_OUT") && want >= 0)
		return want;
	if (!fz_expect(s, ret, want < 0 ? want : 0, what) || ret)
		return false;
	return fz_expect(s, (int64_t)size, want, "bytes unmapped:") && want;
}

static bool read_unmap(struct fz_session *s, const struct fz_op *op, struct request *r)
{
	*r = (struct request){
		.code = FZ_UNMAP, .who = fz_op_arg(op, 0), .c = fz_op_arg(op, 1),
		.iova = fz_op_arg(op, 2), .count = fz_op_arg(op, 3),
	};
	return fz_alive(s, r->who);
}

static void fill_unmap(const struct fz_session *s, const struct request *r, struct fz_slot *slot)
{
	const struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = fz_iova(r->iova), .size = r->count * FZ_PAGE_BYTES,
	};

	fill_slot(s, slot, r->c, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
}

static int64_t judge_unmap(struct fz_session *s, const struct request *r,
			   const struct fz_slot *slot, int64_t ret)
{
	const int64_t want = fz_will_unmap(s, r->c, r->iova, r->count);
	struct vfio_iommu_type1_dma_unmap unmap;

	memcpy(&unmap, slot->data, sizeof(unmap));
	if (fz_unmapped(s, ret, unmap.size, want, "unmap"))
		fz_apply_unmap(s, r->c, r->iova, r->count);
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
	to->quiet = true;
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

/* One that fails may have kept the other from the last pages of their common count, for a moment. */
static bool out_of_room(struct fz_session *s, const struct request r[2], struct fz_slot *const slot[2])
{
	const struct fz_proc *p = &s->m->proc[r[0].who], *q = &s->m->proc[r[1].who];
	const uint64_t limit = p->limit < q->limit ? p->limit : q->limit;
	const bool user = s->m->container[r[0].c].user;

	return user == s->m->container[r[1].c].user && (user || p->mm == q->mm) &&
	       r[0].code == FZ_MAP && r[1].code == FZ_MAP && !p->ipc_lock &&
	       (slot[0]->ret == -ENOMEM || slot[1]->ret == -ENOMEM) && slot[0]->ret && slot[1]->ret &&
	       fz_charged(s, r[0].c, r[0].who) + r[0].count + r[1].count > limit;
}

/* May it matter which of two requests was first? */
static bool in_order(const struct request r[2], struct fz_slot *const slot[2])
{
	return slot[0]->ret || slot[1]->ret ||
	       (r[0].c == r[1].c && r[0].iova < r[1].iova + r[1].count &&
		r[1].iova < r[0].iova + r[0].count);
}

bool fz_map_ready(struct fz_session *s, struct fz_op *op)
{
	struct request r;

	if (!read_map(s, op, &r))
		return false;
	op->arg[3] = (uint16_t)r.count;
	return true;
}

void fz_send_map(struct fz_session *s, const struct fz_op *op, unsigned int slot)
{
	struct request r;

	if (read_map(s, op, &r))
		send(s, &r, slot);
}

void fz_judge_map(struct fz_session *s, const struct fz_op *op, int64_t answer)
{
	struct request r;

	if (read_map(s, op, &r))
		judge_map(s, &r, answer);
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
	s->astray |= in_order(r, slot);
	if (out_of_room(s, r, slot)) {
		fz_settle_private(s, r[0].who, r[0].page, r[0].count);
		fz_settle_private(s, r[1].who, r[1].page, r[1].count);
		return 0;
	}
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
	fz_apply_unmap(s, c, 0, FZ_IOVAS);
	if (!c)
		fz_expect(s, fz_port_restore(s), 0, "mapping the engine's memory again");
	return ret;
}

int64_t fz_play_killed(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int iova = fz_op_arg(op, 0), page = fz_op_arg(op, 1);
	const struct timespec delay = { .tv_nsec = 1000L * fz_op_arg(op, 3) };
	const unsigned int child = FZ_PROCS - 1, c = fz_op_arg(op, 4) & FZ_KILLED_OTHER;
	unsigned int count = fz_op_arg(op, 2);
	struct fz_slot *slot = fz_slot(s, child);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = HF_RW, .vaddr = fz_addr(page),
		.iova = fz_iova(iova),
	};
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = fz_iova(iova) };
	const bool shared = fz_op_arg(op, 4) & FZ_KILLED_SHARED;
	const struct fz_op fork = { .code = FZ_FORK, .arg = { (uint16_t)child } };
	const struct fz_op kill = { .code = FZ_KILL, .arg = { (uint16_t)child } };
	int64_t ret;

	if (iova + count > FZ_IOVAS)
		count = FZ_IOVAS - iova;
	map.size = unmap.size = count * FZ_PAGE_BYTES;
	if (fz_alive(s, child) || !s->m->container[c].typed ||
	    fz_mapping_overlaps(s->m, c, iova, count))
		return FZ_SKIPPED;
	if (shared && !fz_model_room(s->m, FZ_PAGES))
		return FZ_SKIPPED;
	ret = shared ? fz_play_share(s, &fork) : fz_play_fork(s, &fork);
	if (ret)
		return ret;
	fill_slot(s, slot, c, VFIO_IOMMU_MAP_DMA, &map, sizeof(map));
	slot->quiet = true;
	fz_worker_ask(slot);
	nanosleep(&delay, NULL);
	ret = fz_play_kill(s, &kill);
	if (ret)
		return ret;
	/* All of it is there, or nothing. */
	s->chance = true;
	ret = fz_ioctl(s, 0, c, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
	s->chance = false;
	fz_expect(s, ret, 0, "unmap of what a killed process mapped");
	if (!ret && unmap.size)
		fz_expect(s, (int64_t)unmap.size, (int64_t)(count * FZ_PAGE_BYTES), "bytes unmapped:");
	/* What a fork's child had pinned nobody else saw; of shared memory a part may have been copied. */
	if (shared)
		fz_settle_private(s, 0, page, count);
	return ret;
}
