// SPDX-License-Identifier: GPL-2.0-only
/*
 * perform.c - operations, one function each.
 *
 * Requests are written to the memory an operation names (cf_op.arg), which may be no memory at
 * all; then the ioctl is made with that address. The memory around the request is filled with
 * a byte that no kernel writes there, and comes back whole: what the kernel wrote, and what it
 * should not have written, is compared by the driver.
 */
#include "perform.h"

#include <errno.h>
#include <holdfast/fail.h>
#include <holdfast/group.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILL 0xa5

void cf_locked(struct cf_worker *w, uint64_t *vmlck, uint64_t *vmpin)
{
	char text[4096];
	ssize_t n = pread(w->status, text, sizeof(text) - 1, 0);
	const char *at;

	hf_require(n > 0, "/proc/self/status");
	text[n] = '\0';
	at = strstr(text, "VmLck:");
	hf_require(at, "VmLck");
	*vmlck = strtoull(at + 6, NULL, 10) * 1024;
	at = strstr(at, "VmPin:");
	hf_require(at, "VmPin");
	*vmpin = strtoull(at + 6, NULL, 10) * 1024;
}

static int64_t result(int ret)
{
	return ret < 0 ? -errno : ret;
}

/* Requests */

static void put_request(const struct cf_op *op, const void *request, size_t len)
{
	const uint64_t addr = cf_addr(&op->arg);
	size_t part = CF_PAGE - addr % CF_PAGE;

	/* Where only the beginning has memory, the beginning is written. */
	if (part < len)
		cf_copy((void *)(addr + part), (const char *)request + part, len - part);
	cf_copy((void *)addr, request, part < len ? part : len);
}

static int64_t ask(struct cf_worker *w, const struct cf_op *op, unsigned long request,
		   const void *arg, size_t len)
{
	put_request(op, arg, len);
	return result(ioctl(w->rig.container.fd, request, cf_addr(&op->arg)));
}

static int64_t do_map(struct cf_worker *w, const struct cf_op *op)
{
	const struct vfio_iommu_type1_dma_map map = {
		.argsz = op->argsz, .flags = op->flags, .vaddr = cf_addr(&op->at),
		.iova = op->iova, .size = op->size,
	};

	cf_place_used(cf_addr(&op->at));
	return ask(w, op, VFIO_IOMMU_MAP_DMA, &map, sizeof(map));
}

static int64_t do_unmap(struct cf_worker *w, const struct cf_op *op, struct cf_result *r)
{
	const struct {
		struct vfio_iommu_type1_dma_unmap u;
		struct vfio_bitmap b;
	} q = {
		.u = { .argsz = op->argsz, .flags = op->flags, .iova = op->iova,
		       .size = op->size },
		.b = { .pgsize = op->pgsize, .size = op->bytes, .data = (void *)cf_addr(&op->at) },
	};
	const bool bitmap = op->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	int64_t ret = ask(w, op, VFIO_IOMMU_UNMAP_DMA, &q, bitmap ? sizeof(q) : sizeof(q.u));

	r->port = cf_port_restore(w);
	return ret;
}

static int64_t do_info(struct cf_worker *w, const struct cf_op *op)
{
	/* Not zeroes: what the kernel leaves alone must stay, what it sets must be set. */
	struct vfio_iommu_type1_info info;

	memset(&info, 0x77, sizeof(info));
	info.argsz = op->argsz;
	return ask(w, op, VFIO_IOMMU_GET_INFO, &info, sizeof(info));
}

static int64_t do_dirty(struct cf_worker *w, const struct cf_op *op)
{
	/* The request's tail is a flexible array in the header, so the halves are joined here. */
	struct {
		__u32 argsz;
		__u32 flags;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} q = {
		.argsz = op->argsz, .flags = op->flags,
		.get = { .iova = op->iova, .size = op->size,
			 .bitmap = { .pgsize = op->pgsize, .size = op->bytes,
				     .data = (void *)cf_addr(&op->at) } },
	};

	return ask(w, op, VFIO_IOMMU_DIRTY_PAGES, &q, sizeof(q));
}

static int64_t do_ioctl(struct cf_worker *w, const struct cf_op *op)
{
	const uint32_t request[16] = { op->argsz, op->flags };

	return ask(w, op, (unsigned long)op->iova, request, sizeof(request));
}

/* The container */

static int64_t do_second(struct cf_worker *w, struct cf_result *r)
{
	struct vfio_iommu_type1_info *info = (void *)r->bits;
	struct hf_group g;
	int64_t ret;

	if (!w->second_bdf[0])
		return -ENODEV;
	hf_must(hf_group_open(&g, w->second_bdf));
	ret = hf_group_attach(&g, &w->rig.container);
	if (!ret) {
		/* Windows and extensions with both groups, then with the first alone again. */
		info->argsz = 256;
		ioctl(w->rig.container.fd, VFIO_IOMMU_GET_INFO, info);
		cf_locked(w, &r->idle_vmlck, &r->vmpin);
		r->bits[256] = (uint8_t)ioctl(w->rig.container.fd, VFIO_CHECK_EXTENSION,
					      VFIO_DMA_CC_IOMMU);
		ret = hf_group_detach(&g);
	}
	hf_group_close(&g);
	info = (void *)(r->bits + 512);
	info->argsz = 256;
	ioctl(w->rig.container.fd, VFIO_IOMMU_GET_INFO, info);
	return ret;
}

/* The process */

static int64_t do_mremap(const struct cf_op *op)
{
	const uint64_t to = cf_places[CF_MOVED].addr + op->iova;

	cf_place_used(to);
	return mremap((void *)cf_addr(&op->at), op->size, op->size, MREMAP_MAYMOVE | MREMAP_FIXED,
		      (void *)to) == MAP_FAILED ? -errno : 0;
}

/* Pages of [at, at + size) that could be written (or read): their number. */
static int64_t touch(const struct cf_op *op, uint64_t generation, bool write)
{
	const uint64_t first = cf_addr(&op->at) & ~(CF_PAGE - 1);
	uint64_t word;
	int64_t n = 0;

	for (uint64_t at = first; at < first + op->size; at += CF_PAGE)
		n += write ? cf_poke(at, cf_tag(at, generation)) : cf_peek(at, &word);
	return n;
}

static int64_t do_fork(const struct cf_op *op)
{
	int status = -1;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(touch(op, ~0ULL - op->serial, true) & 63);
	waitpid(pid, &status, 0);
	return status;
}

static int64_t in_process(struct cf_worker *w, const struct cf_op *op)
{
	void *addr = (void *)cf_addr(&op->at);

	if (op->kind == CF_LIMIT)
		return cf_limit(w, op->size, op->flags);
	cf_place_used((uint64_t)addr);
	switch (op->kind) {
	case CF_MUNMAP:
		return result(munmap(addr, op->size));
	case CF_MMAP:
		return cf_place_remap(op->at.place, (uint64_t)addr, op->size);
	case CF_MPROTECT:
		return result(mprotect(addr, op->size, (int)op->flags));
	case CF_MADVISE:
		return result(madvise(addr, op->size, (int)op->flags));
	case CF_MREMAP:
		return do_mremap(op);
	case CF_WRITE:
		return touch(op, op->serial, true);
	case CF_READ:
		return touch(op, 0, false);
	case CF_FORK:
		return do_fork(op);
	default:
		return -EOPNOTSUPP;
	}
}

static int64_t perform(struct cf_worker *w, const struct cf_request *q, struct cf_result *r)
{
	const struct cf_op *op = &q->op;
	const int fd = w->rig.container.fd;

	switch (op->kind) {
	case CF_MAP:
		return do_map(w, op);
	case CF_UNMAP:
		return do_unmap(w, op, r);
	case CF_INFO:
		return do_info(w, op);
	case CF_EXTENSION:
		return result(ioctl(fd, VFIO_CHECK_EXTENSION, op->iova));
	case CF_DIRTY:
		return do_dirty(w, op);
	case CF_IOCTL:
		return do_ioctl(w, op);
	case CF_SETIOMMU:
		return result(ioctl(fd, VFIO_SET_IOMMU, (unsigned long)op->flags));
	case CF_SECOND:
		return do_second(w, r);
	case CF_LEAVE:
		return hf_group_detach(&w->rig.group);
	case CF_JOIN:
		return hf_group_attach(&w->rig.group, &w->rig.container);
	case CF_HUGEPAGES: /* the driver has done it */
		return 0;
	case CF_SWEEP:
	case CF_BLOCKED:
		for (uint32_t i = 0; i < q->nr; i++)
			cf_probe(w, &q->probe[i],
				 cf_tag(q->probe[i].iova, 0x10000 + op->serial),
				 op->kind == CF_BLOCKED ? cf_tag(q->probe[i].vaddr,
								 0x20000 + op->serial) : 0,
				 &r->seen[i]);
		r->nr = q->nr;
		return 0;
	default:
		return in_process(w, op);
	}
}

static bool has_bitmap(const struct cf_op *op)
{
	return op->kind == CF_DIRTY ||
	       (op->kind == CF_UNMAP && op->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP);
}

/* What is not in the window that is sent as it is. */
static uint64_t hash(const uint64_t *word, size_t from)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < cf_places[CF_BITS].len / 8; i++)
		if (i < from / 8 || i >= (from + CF_BITMAP) / 8)
			h = (h ^ word[i]) * 0x100000001b3ULL;
	return h;
}

void cf_perform(struct cf_worker *w, const struct cf_request *q, struct cf_result *r)
{
	const struct cf_place_kind *bits = &cf_places[CF_BITS];
	void *arg = (void *)cf_places[CF_ARG].addr;
	const bool request = q->op.kind <= CF_IOCTL;
	const bool bitmap = has_bitmap(&q->op);

	if (request)
		memset(arg, FILL, CF_OUT);
	if (bitmap)
		memset((void *)bits->addr, FILL, bits->len);
	r->ret = perform(w, q, r);
	if (request)
		memcpy(r->out, arg, CF_OUT);
	if (bitmap) {
		const uint64_t from = cf_window(&q->op);

		memcpy(r->bits, (void *)(bits->addr + from), CF_BITMAP);
		r->rest = hash((uint64_t *)bits->addr, from);
	}
}
