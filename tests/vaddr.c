// SPDX-License-Identifier: GPL-2.0-only
/*
 * vaddr - live update: mapped memory gets another address (VFIO_UPDATE_VADDR).
 *
 * The device must not notice that an address is stale or new (harness/vaddr.h): it is made to read
 * and write every byte before, meanwhile and after, and what it sees must be the pages that the
 * new address shows. A request that is refused must change nothing.
 *
 * vaddr_process has what goes to another process, vaddr_race what happens at the same time.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "child.h"
#include "dirty.h"
#include "emulated.h"
#include "harness.h"
#include "side.h"
#include "vaddr.h"

#define IOVA 0xb00000000ULL
#define ALL VFIO_DMA_UNMAP_FLAG_ALL

/* Requests */

static void extension(struct t *t)
{
	struct hf_container c;

	hf_expect_eq(hf_container_check_extension(t->c, VFIO_UPDATE_VADDR), 1, "with a type");
	hf_must(hf_container_open(&c));
	hf_expect_eq(hf_container_check_extension(&c, VFIO_UPDATE_VADDR), 0, "without a type");
	hf_container_close(&c);
}

static void one_mapping(struct t *t)
{
	const char *kind = t->arg;
	struct hf_proc_snapshot before, now;
	struct hf_mem m;

	if (!t_alloc(&m, kind, T_2M + 13 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_must(hf_proc_snapshot(&before));
	t_expect_invalidated(t->c, IOVA, m.len);
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.pins_held, before.pins_held, "pins, stale");
	hf_expect_eq(now.vmlck, before.vmlck, "VmLck, stale");
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "stale");
	t_expect_stale(t->c, IOVA, m.len, "once");
	t_expect_stale(t->c, IOVA, m.len, "twice");
	hf_expect_eq(t_update(t->c, IOVA, m.addr, m.len), 0, "update");
	t_expect_valid(t->c, IOVA, m.len, "updated");
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.pins_held, before.pins_held, "pins, updated");
	hf_expect_eq(now.vmlck, before.vmlck, "VmLck, updated");
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "updated");
	t_expect_invalidated(t->c, IOVA, m.len);
	hf_unmap(t->c, IOVA, m.len);
	t_faults_begin("unmapped while stale");
	t_dma_write_blocked(&t->port, IOVA, m.addr, m.len, "unmapped");
	t_faults_end();
	hf_mem_free(&m);
}

/* Three mappings with a hole: [0, 4) [4, 6) _ [8, 9) pages from IOVA. */
static const struct span {
	uint64_t iova;
	uint64_t len;
} spans[] = {
	{ IOVA, 4 * T_PAGE }, { IOVA + 4 * T_PAGE, 2 * T_PAGE }, { IOVA + 8 * T_PAGE, T_PAGE },
};

static void map_spans(struct t *t, struct hf_mem *m)
{
	hf_must(hf_mem_alloc("anon4k", 16 * T_PAGE, HF_MEM_TOUCHED, m));
	for (size_t i = 0; i < T_ARRAY_SIZE(spans); i++)
		hf_map(t->c, spans[i].iova, m->addr, spans[i].len, i ? HF_READ : HF_RW);
}

/* Bit i of @stale: is spans[i]? */
static void spans_are(struct t *t, unsigned int stale, const char *what)
{
	char text[96];

	for (unsigned int i = 0; i < T_ARRAY_SIZE(spans); i++) {
		snprintf(text, sizeof(text), "%s: mapping %u", what, i);
		if (stale & 1u << i)
			t_expect_stale(t->c, spans[i].iova, spans[i].len, text);
		else
			t_expect_valid(t->c, spans[i].iova, spans[i].len, text);
	}
}

static void update_spans(struct t *t, const struct hf_mem *m, unsigned int which)
{
	for (unsigned int i = 0; i < T_ARRAY_SIZE(spans); i++)
		if (which & 1u << i)
			hf_expect_eq(t_update(t->c, spans[i].iova, m->addr, spans[i].len), 0,
				     "update of mapping %u", i);
}

static const struct reach {
	const char *name;
	uint64_t from;
	uint64_t pages;
	int want;            /* v2 */
	unsigned int stale;  /* spans that are stale afterwards, v2 */
	unsigned int stale1; /* v1, which refuses no cut */
} reaches[] = {
	{ "the first two", 0, 6, 0, 3, 3 },
	{ "the first two and the hole", 0, 8, 0, 3, 3 },
	{ "all three and beyond", 0, 12, 0, 7, 7 },
	{ "from below", -4, 13, 0, 7, 7 },
	{ "from the hole", 6, 3, 0, 4, 4 },
	{ "the hole", 6, 2, 0, 0, 0 },
	{ "behind all", 9, 100, 0, 0, 0 },
	{ "the start of the first", 0, 2, -EINVAL, 0, 1 },
	{ "the end of the first", 2, 2, -EINVAL, 0, 0 },
	{ "the middle of the first", 1, 2, -EINVAL, 0, 0 },
	{ "the first and the start of the second", 0, 5, -EINVAL, 0, 3 },
	{ "the end of the first and the second", 3, 3, -EINVAL, 0, 0 },
	{ "from the middle of the first to the end", 2, 10, -EINVAL, 0, 0 },
};

static uint64_t span_bytes(unsigned int which)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < T_ARRAY_SIZE(spans); i++)
		if (which & 1u << i)
			sum += spans[i].len;
	return sum;
}

static void ranges(struct t *t)
{
	const bool v1 = t->c->type == VFIO_TYPE1_IOMMU;
	const uint64_t bytes_of_all = span_bytes(7);
	struct hf_mem m;
	uint64_t bytes;

	hf_expect_eq(t_invalidate(t->c, IOVA, T_1G, &bytes), 0, "range with nothing in it");
	hf_expect_eq(bytes, 0, "bytes of nothing");
	hf_expect_eq(hf_try_unmap(t->c, 0, 0, T_VADDR_UNMAP | ALL, &bytes), 0, "all of nothing");
	hf_expect_eq(bytes, 0, "bytes of all of nothing");

	map_spans(t, &m);
	for (size_t i = 0; i < T_ARRAY_SIZE(reaches); i++) {
		const struct reach *r = &reaches[i];
		const unsigned int stale = v1 ? r->stale1 : r->stale;

		hf_expect_eq(t_invalidate(t->c, IOVA + r->from * T_PAGE, r->pages * T_PAGE, &bytes),
			     v1 ? 0 : r->want, "%s", r->name);
		hf_expect_eq(bytes, span_bytes(stale), "%s: bytes", r->name);
		spans_are(t, stale, r->name);
		t_expect_join(t->c, stale ? -EBUSY : 0, r->name);
		update_spans(t, &m, stale);
		spans_are(t, 0, r->name);
	}

	/* One that is stale already spoils it for all, wherever it is. */
	for (unsigned int i = 0; i < T_ARRAY_SIZE(spans); i++) {
		t_expect_invalidated(t->c, spans[i].iova, spans[i].len);
		hf_expect_eq(t_invalidate(t->c, IOVA, 9 * T_PAGE, &bytes), -EINVAL, "with %u stale",
			     i);
		spans_are(t, 1u << i, "a range with a stale one");
		hf_expect_eq(hf_try_unmap(t->c, 0, 0, T_VADDR_UNMAP | ALL, &bytes), -EINVAL,
			     "all, with %u stale", i);
		spans_are(t, 1u << i, "all with a stale one");
		update_spans(t, &m, 1u << i);
		t_expect_join(t->c, 0, "updated again");
	}

	hf_expect_eq(hf_try_unmap(t->c, 0, 0, T_VADDR_UNMAP | ALL, &bytes), 0, "all");
	hf_expect_eq(bytes, bytes_of_all, "bytes of all");
	spans_are(t, 7, "all");
	hf_expect_eq(hf_unmap_all(t->c), bytes_of_all, "unmap of all, stale");
	t_expect_join(t->c, 0, "all unmapped");
	hf_mem_free(&m);
}

static void bad_invalidate(struct t *t)
{
	__u64 bits[8] = { 0 };
	struct {
		struct vfio_iommu_type1_dma_unmap u;
		struct vfio_bitmap bitmap;
	} q = {
		.u = { .argsz = sizeof(q),
		       .flags = T_VADDR_UNMAP | VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		       .iova = IOVA, .size = 4 * T_PAGE },
		.bitmap = { .pgsize = T_PAGE, .size = sizeof(bits), .data = bits },
	};
	struct hf_mem m;

	map_spans(t, &m);
	hf_expect_eq(hf_raw_unmap(t->c, &q.u), -EINVAL, "with a dirty bitmap");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, 4 * T_PAGE, T_VADDR_UNMAP | ALL, NULL), -EINVAL,
		     "all, with a range");
	hf_expect_eq(hf_try_unmap(t->c, 0, T_PAGE, T_VADDR_UNMAP | ALL, NULL), -EINVAL,
		     "all, with a size");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, 4 * T_PAGE, T_VADDR_UNMAP | 1 << 3, NULL), -EINVAL,
		     "with an unknown flag");
	hf_expect_eq(t_invalidate(t->c, IOVA, 0, NULL), -EINVAL, "size 0");
	hf_expect_eq(t_invalidate(t->c, IOVA + 8, T_PAGE, NULL), -EINVAL, "misaligned IOVA");
	hf_expect_eq(t_invalidate(t->c, IOVA, 4 * T_PAGE + 1, NULL), -EINVAL, "misaligned size");
	q.u.argsz = sizeof(q.u) - 1;
	q.u.flags = T_VADDR_UNMAP;
	hf_expect_eq(hf_raw_unmap(t->c, &q.u), -EINVAL, "argsz too small");
	spans_are(t, 0, "after all that");
	hf_unmap_all(t->c);
	hf_mem_free(&m);
}

static void bad_update(struct t *t)
{
	const struct row {
		const char *name;
		uint32_t flags;
		uint64_t iova, len;
		uint64_t off;
		int want;
	} rows[] = {
		{ "one page less", T_VADDR_MAP, IOVA, 3 * T_PAGE, 0, -EINVAL },
		{ "one page more", T_VADDR_MAP, IOVA, 5 * T_PAGE, 0, -EINVAL },
		{ "the first two", T_VADDR_MAP, IOVA, 6 * T_PAGE, 0, -EINVAL },
		{ "its second page", T_VADDR_MAP, IOVA + T_PAGE, T_PAGE, 0, -EINVAL },
		{ "from its second page", T_VADDR_MAP, IOVA + T_PAGE, 4 * T_PAGE, 0, -EINVAL },
		{ "from below", T_VADDR_MAP, IOVA - T_PAGE, 5 * T_PAGE, 0, -EINVAL },
		{ "one that is not stale", T_VADDR_MAP, IOVA + 4 * T_PAGE, 2 * T_PAGE, 0, -EINVAL },
		{ "the hole", T_VADDR_MAP, IOVA + 6 * T_PAGE, T_PAGE, 0, -ENOENT },
		{ "below all", T_VADDR_MAP, IOVA - T_PAGE, T_PAGE, 0, -ENOENT },
		{ "behind all", T_VADDR_MAP, IOVA + T_1G, 4 * T_PAGE, 0, -ENOENT },
		{ "misaligned address", T_VADDR_MAP, IOVA, 4 * T_PAGE, 8, -EINVAL },
		{ "misaligned address, nothing there", T_VADDR_MAP, IOVA + T_1G, T_PAGE, 8, -EINVAL },
		{ "misaligned size", T_VADDR_MAP, IOVA, 4 * T_PAGE + 1, 0, -EINVAL },
		{ "misaligned IOVA", T_VADDR_MAP, IOVA + 8, 4 * T_PAGE, 0, -EINVAL },
		{ "size 0", T_VADDR_MAP, IOVA, 0, 0, -EINVAL },
		{ "with read permission", T_VADDR_MAP | HF_READ, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "with write permission", T_VADDR_MAP | HF_WRITE, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "with both", T_VADDR_MAP | HF_RW, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "with an unknown flag", T_VADDR_MAP | 1 << 3, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "without a flag", 0, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "mapped as usual", HF_RW, IOVA, 4 * T_PAGE, 0, -EEXIST },
	};
	struct hf_proc_snapshot before;
	struct hf_mem m;

	map_spans(t, &m);
	t_expect_invalidated(t->c, spans[0].iova, spans[0].len);
	t_expect_invalidated(t->c, spans[2].iova, spans[2].len);
	hf_must(hf_proc_snapshot(&before));
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];

		hf_expect_eq(hf_try_map(t->c, r->iova, (char *)m.addr + r->off, r->len, r->flags),
			     r->want, "%s", r->name);
		spans_are(t, 5, r->name);
	}
	t_leftover(&before, "requests that were refused");
	update_spans(t, &m, 5);
	spans_are(t, 0, "updated");
	hf_expect_eq(hf_unmap_all(t->c), span_bytes(7), "unmap of all");
	hf_mem_free(&m);
}

/* Other business while an address is stale. */
static void meanwhile(struct t *t)
{
	struct hf_mem m, other;

	hf_must(hf_mem_alloc("anon4k", 300 * T_PAGE, HF_MEM_TOUCHED, &other));
	map_spans(t, &m);
	t_expect_invalidated(t->c, IOVA, 6 * T_PAGE);
	hf_map(t->c, IOVA + T_1G, other.addr, other.len, HF_RW);
	t_dma_check(&t->port, IOVA + T_1G, other.addr, other.len, HF_RW, "mapped meanwhile");
	hf_map(t->c, IOVA + 6 * T_PAGE, other.addr, 2 * T_PAGE, HF_RW);
	hf_expect_eq(hf_try_map(t->c, IOVA + T_PAGE, other.addr, T_PAGE, HF_RW), -EEXIST,
		     "over a stale one");
	t_expect_valid(t->c, IOVA + T_1G, other.len, "mapped meanwhile");
	t_expect_valid(t->c, IOVA + 6 * T_PAGE, 2 * T_PAGE, "mapped between");
	hf_unmap(t->c, IOVA + T_1G, other.len);
	spans_are(t, 3, "after a map and an unmap");

	/* Unmap takes stale ones as others, and the container forgets that they were. */
	t_expect_join(t->c, -EBUSY, "two stale");
	hf_unmap(t->c, spans[1].iova, spans[1].len);
	t_expect_join(t->c, -EBUSY, "one stale");
	hf_unmap(t->c, spans[0].iova, spans[0].len);
	t_expect_join(t->c, 0, "none stale");
	hf_map(t->c, spans[0].iova, m.addr, spans[0].len, HF_RW);
	t_expect_valid(t->c, spans[0].iova, spans[0].len, "mapped where a stale one was");
	t_expect_invalidated(t->c, IOVA + 6 * T_PAGE, 3 * T_PAGE);
	hf_expect_eq(hf_try_unmap(t->c, IOVA, 9 * T_PAGE, 0, NULL), 0, "stale and others");
	t_expect_join(t->c, 0, "all unmapped");
	hf_mem_free(&m);
	hf_mem_free(&other);
}

/* All is stale, the engine's own memory too, and the device goes on. */
static void all_stale(struct t *t)
{
	const uint64_t want = 40 * T_PAGE + T_PORT_BYTES;
	struct hf_mem m;
	uint64_t bytes;

	hf_must(hf_mem_alloc("anon4k", 40 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(hf_try_unmap(t->c, 0, 0, T_VADDR_UNMAP | ALL, &bytes), 0, "all");
	hf_expect_eq(bytes, want, "bytes of all");
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "all stale");
	hf_expect_eq(hf_unmap_all(t->c), want, "unmap of all");
	t_port_remap(&t->port);
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "mapped anew");
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

/* Closed while stale, and joined while stale, with groups of its own. */
static void joins_and_close(struct t *t)
{
	struct hf_proc_snapshot before;
	struct hf_container c;
	struct t_side one;
	struct hf_mem m;

	(void)t;
	hf_must(hf_mem_alloc("anon4k", 100 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_must(hf_proc_snapshot(&before));
	hf_must(hf_container_open(&c));
	t_side_attach(&one, 0, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	hf_map(&c, IOVA, m.addr, m.len, HF_RW);
	hf_map(&c, IOVA + T_1G, m.addr, m.len, HF_READ);
	t_expect_join(&c, 0, "none stale");
	t_expect_invalidated(&c, IOVA, m.len);
	t_expect_join(&c, -EBUSY, "one stale");
	t_expect_invalidated(&c, IOVA + T_1G, m.len);
	t_expect_join(&c, -EBUSY, "two stale");
	hf_expect_eq(t_update(&c, IOVA, m.addr, m.len), 0, "update");
	t_expect_join(&c, -EBUSY, "one stale again");
	hf_expect_eq(t_update(&c, IOVA + T_1G, m.addr, m.len), 0, "update");
	t_expect_join(&c, 0, "none stale again");
	t_expect_invalidated(&c, IOVA, m.len);
	hf_must(hf_group_detach(&one.group));
	t_leftover(&before, "the last group left with a stale mapping");

	/* The container begins anew. */
	hf_must(hf_group_attach(&one.group, &c));
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	hf_map(&c, IOVA, m.addr, m.len, HF_RW);
	t_expect_join(&c, 0, "anew");
	t_expect_invalidated(&c, IOVA, m.len);
	t_side_close(&one);
	hf_container_close(&c);
	t_leftover(&before, "closed with a stale mapping");
	hf_mem_free(&m);
}

/* A driver of an emulated device may need any address at any time. */
static void emulated(struct t *t)
{
	struct t_emulated e;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 8 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	t_emulated_group(&e, 0);
	hf_must(hf_group_attach(&e.group, t->c));
	hf_expect_eq(hf_container_check_extension(t->c, VFIO_UPDATE_VADDR), 0, "extension");
	hf_expect_eq(t_invalidate(t->c, IOVA, m.len, NULL), -EBUSY, "invalidate");
	hf_expect_eq(t_invalidate(t->c, IOVA + 8, 1, NULL), -EBUSY, "misaligned");
	hf_expect_eq(hf_try_unmap(t->c, 0, 0, T_VADDR_UNMAP | ALL, NULL), -EBUSY, "all");
	t_expect_valid(t->c, IOVA, m.len, "with an emulated device");
	hf_must(hf_group_detach(&e.group));
	hf_expect_eq(hf_container_check_extension(t->c, VFIO_UPDATE_VADDR), 1, "extension, left");
	t_expect_invalidated(t->c, IOVA, m.len);
	hf_expect_eq(hf_group_attach(&e.group, t->c), -EBUSY, "joins while stale");
	hf_expect_eq(t_update(t->c, IOVA, m.addr, m.len), 0, "update");
	hf_must(hf_group_attach(&e.group, t->c));
	t_emulated_close(&e);
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

/* Another address */

static void another_address(struct t *t)
{
	const char *kind = t->arg;
	const size_t half = 2 * T_2M;
	struct t_vm vm;
	char *new;

	if (!t_vm_make(&vm, kind, 2 * half))
		return;
	hf_map(t->c, IOVA, vm.addr, half, HF_RW);
	hf_map(t->c, IOVA + half, vm.addr + half, half, HF_READ);
	t_dma_check(&t->port, IOVA, vm.addr, half, HF_RW, "before");
	t_expect_invalidated(t->c, IOVA, vm.len);
	new = t_vm_map(&vm, T_ELSEWHERE);
	t_dma_check(&t->port, IOVA, new, half, HF_RW, "seen from the new address, stale");
	hf_require(!munmap(vm.addr, vm.len), "munmap");
	t_dma_check(&t->port, IOVA, new, half, HF_RW, "the old address is gone");
	hf_expect_eq(t_update(t->c, IOVA, new, half), 0, "update");
	hf_expect_eq(t_update(t->c, IOVA + half, new + half, half), 0, "update of the read-only one");
	t_dma_check(&t->port, IOVA, new, half, HF_RW, "updated");
	t_dma_check(&t->port, IOVA + half, new + half, half, HF_READ, "updated, read-only");
	t_faults_begin("still read-only");
	t_dma_write_blocked(&t->port, IOVA + half, new + half, half, "updated, read-only");
	t_faults_end();
	hf_expect_eq(hf_try_unmap(t->c, IOVA, vm.len, 0, NULL), 0, "unmap");
	vm.addr = new;
	t_vm_free(&vm);
}

/* The address is taken on trust: nothing need be there, and nothing is pinned anew. */
static void address_of_nothing(struct t *t)
{
	struct hf_proc_snapshot before, now;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 8 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_must(hf_proc_snapshot(&before));
	t_expect_invalidated(t->c, IOVA, m.len);
	hf_expect_eq(t_update(t->c, IOVA, T_ELSEWHERE, m.len), 0, "update to a hole");
	t_expect_invalidated(t->c, IOVA, m.len);
	hf_expect_eq(t_update(t->c, IOVA, NULL, m.len), 0, "update to address 0");
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.pins_held, before.pins_held, "pins");
	hf_expect_eq(now.vmlck, before.vmlck, "VmLck");
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "updated to nothing");
	/* A device that joins now finds the pages that are pinned. */
	t_expect_join(t->c, 0, "updated to nothing");
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

/* Dirty tracking */

static void dirty(struct t *t)
{
	const uint32_t start = VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
	const uint32_t stop = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
	const uint64_t len = 20 * T_PAGE;
	__u64 bits = 0;
	struct {
		struct vfio_iommu_type1_dma_unmap u;
		struct vfio_bitmap bitmap;
	} q = {
		.u = { .argsz = sizeof(q), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		       .iova = IOVA, .size = len },
		.bitmap = { .pgsize = T_PAGE, .size = sizeof(bits), .data = &bits },
	};
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", len, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	t_expect_invalidated(t->c, IOVA, len);
	hf_expect_eq(t_dirty_get(t->c, IOVA, len, T_PAGE, 8, &bits), -EINVAL, "get, tracking off");
	hf_expect_eq(t_dirty(t->c, start), 0, "start while stale");
	hf_expect_eq(t_dirty_get(t->c, IOVA, len, T_PAGE, 8, &bits), 0, "get while stale");
	hf_expect_eq(bits, (1u << 20) - 1, "bitmap, stale");
	t_expect_stale(t->c, IOVA, len, "bitmap read");
	hf_expect_eq(t_update(t->c, IOVA, m.addr, len), 0, "update while tracking");
	bits = 0;
	hf_expect_eq(t_dirty_get(t->c, IOVA, len, T_PAGE, 8, &bits), 0, "get after the update");
	hf_expect_eq(bits, (1u << 20) - 1, "bitmap, updated");
	t_expect_invalidated(t->c, IOVA, len);
	hf_expect_eq(t_dirty(t->c, stop), 0, "stop while stale");
	t_expect_stale(t->c, IOVA, len, "tracking stopped");
	hf_expect_eq(t_dirty(t->c, start), 0, "start again");
	bits = 0;
	hf_expect_eq(hf_raw_unmap(t->c, &q.u), 0, "unmap with a bitmap, stale");
	hf_expect_eq(q.u.size, len, "bytes unmapped");
	hf_expect_eq(bits, (1u << 20) - 1, "bitmap, unmapped");
	hf_expect_eq(t_dirty(t->c, stop), 0, "stop");
	t_expect_join(t->c, 0, "unmapped");
	hf_mem_free(&m);
}

/* A VM has few mappings, a hostile user has as many as there may be. */
static void many(struct t *t)
{
	const unsigned int count = 3000;
	const uint64_t stride = 2 * T_PAGE;
	const uint64_t locked = t_vmlck(0);
	struct t_vm vm;
	uint64_t bytes;
	char *new;

	if (!t_vm_make(&vm, "shmem4k", count * T_PAGE))
		return;
	for (unsigned int i = 0; i < count; i++)
		hf_map(t->c, IOVA + i * stride, vm.addr + i * T_PAGE, T_PAGE, HF_RW);
	new = t_vm_map(&vm, T_ELSEWHERE);
	hf_expect_eq(t_invalidate(t->c, IOVA + 1000 * stride, 1000 * stride, &bytes), 0, "a third");
	hf_expect_eq(bytes, 1000 * T_PAGE, "bytes of a third");
	hf_expect_eq(t_invalidate(t->c, IOVA, count * stride, &bytes), -EINVAL, "with a third stale");
	for (unsigned int i = 0; i < 1000; i++)
		if (!hf_expect_eq(t_update(t->c, IOVA + (1000 + i) * stride,
					 new + (1000 + i) * T_PAGE, T_PAGE), 0, "update %u", i))
			break;
	t_expect_join(t->c, 0, "updated");
	hf_expect_eq(t_invalidate(t->c, IOVA, count * stride, &bytes), 0, "all of them");
	hf_expect_eq(bytes, vm.len, "bytes of all of them");
	hf_require(!munmap(vm.addr, vm.len), "munmap");
	/* Backwards, for once. */
	for (unsigned int i = count; i--;)
		if (!hf_expect_eq(t_update(t->c, IOVA + i * stride, new + i * T_PAGE, T_PAGE), 0,
				  "update %u", i))
			break;
	t_expect_vmlck(0, locked + vm.len, "updated");
	for (unsigned int i = 0; i < count; i += 61)
		if (!t_dma_check(&t->port, IOVA + i * stride, new + i * T_PAGE, T_PAGE, HF_RW,
				 "one of many"))
			break;
	t_expect_join(t->c, 0, "all updated");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, count * stride, 0, &bytes), 0, "unmap");
	hf_expect_eq(bytes, vm.len, "bytes unmapped");
	vm.addr = new;
	t_vm_free(&vm);
}

static const struct t_case cases[] = {
	{ "the extension is offered", extension, T_RIG, NULL },
	{ "ranges, v2", ranges, T_RIG, NULL },
	{ "ranges, v1", ranges, T_RIG | T_V1, NULL },
	{ "invalidations that are refused", bad_invalidate, T_RIG, NULL },
	{ "invalidations that are refused, v1", bad_invalidate, T_RIG | T_V1, NULL },
	{ "updates that are refused", bad_update, T_RIG, NULL },
	{ "updates that are refused, v1", bad_update, T_RIG | T_V1, NULL },
	{ "an emulated device in the container", emulated, T_RIG, NULL },
	{ "dirty tracking", dirty, T_RIG, NULL },
	{ "groups that join, leave and close", joins_and_close, 0, NULL },
	{ "one mapping: anon4k", one_mapping, T_DMA, "anon4k" },
	{ "one mapping: frag4k", one_mapping, T_DMA, "frag4k" },
	{ "one mapping: thp", one_mapping, T_DMA, "thp" },
	{ "one mapping: hugetlb2m", one_mapping, T_DMA, "hugetlb2m" },
	{ "other requests meanwhile", meanwhile, T_DMA, NULL },
	{ "everything is stale", all_stale, T_DMA, NULL },
	{ "another address: shmem4k", another_address, T_DMA, "shmem4k" },
	{ "another address: hugetlb2m", another_address, T_DMA, "hugetlb2m" },
	{ "an address where nothing is", address_of_nothing, T_DMA, NULL },
	{ "3000 mappings", many, T_DMA, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
