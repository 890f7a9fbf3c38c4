// SPDX-License-Identifier: GPL-2.0-only
/*
 * vaddr - live update: mapped memory gets another address, or another process (VFIO_UPDATE_VADDR).
 *
 * UNMAP_DMA with the VADDR flag makes the addresses of mappings stale, MAP_DMA with the flag
 * gives new ones. The device must not notice: it is made to read and write every byte before,
 * meanwhile and after, and what it sees must be the pages that the new address shows. The
 * charge moves to the process that gave the new address, to the byte, whatever happens to
 * the one that paid before: it lives on, has exited, or has become another program (exec).
 *
 * A request that is refused must change nothing. Whether an address is stale is asked with a
 * request that is refused either way (is_stale(), is_valid()); whether the container counts
 * right is seen by a second group, which may join only while no address is stale.
 */
#include <errno.h>
#include <holdfast/pagemap.h>
#include <holdfast/pattern.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "differ.h"
#include "emulated.h"
#include "harness.h"
#include "side.h"

#define IOVA 0xb00000000ULL
#define VADDR_MAP VFIO_DMA_MAP_FLAG_VADDR
#define VADDR_UNMAP VFIO_DMA_UNMAP_FLAG_VADDR
#define ALL VFIO_DMA_UNMAP_FLAG_ALL

/* Where memory is mapped a second time: no mmap() of its own choice goes there. */
#define ELSEWHERE ((char *)0x300000000000)

static int invalidate(const struct hf_container *c, uint64_t iova, uint64_t len, uint64_t *bytes)
{
	return hf_try_unmap(c, iova, len, VADDR_UNMAP, bytes);
}

static int update(const struct hf_container *c, uint64_t iova, const void *vaddr, uint64_t len)
{
	return hf_try_map(c, iova, vaddr, len, VADDR_MAP);
}

static void must_invalidate(const struct hf_container *c, uint64_t iova, uint64_t len)
{
	uint64_t bytes;

	hf_expect_eq(invalidate(c, iova, len, &bytes), 0, "invalidate");
	hf_expect_eq(bytes, len, "bytes invalidated");
}

static void is_stale(const struct hf_container *c, uint64_t iova, uint64_t len, const char *what)
{
	hf_expect_eq(invalidate(c, iova, len, NULL), -EINVAL, "%s: invalidate a stale address",
		     what);
}

static void is_valid(const struct hf_container *c, uint64_t iova, uint64_t len, const char *what)
{
	hf_expect_eq(update(c, iova, ELSEWHERE, len), -EINVAL, "%s: update a valid address", what);
}

/* May a second group join? Only while no address is stale. */
static void can_join(const struct hf_container *c, int want, const char *what)
{
	struct hf_group g;
	char bdf[HF_BDF_LEN];
	int ret;

	hf_must(hf_pci_vfio_device(1, bdf));
	hf_must(hf_group_open(&g, bdf));
	ret = hf_group_attach(&g, c);
	hf_expect_eq(ret, want, "%s: a second group joins", what);
	if (!ret)
		hf_must(hf_group_detach(&g));
	hf_group_close(&g);
}

static void expect_vmlck(pid_t pid, uint64_t want, const char *what)
{
	hf_expect_eq(t_vmlck(pid), want, "%s: VmLck", what);
}

/* Memory that can be mapped twice, and survives an exec. */
struct vm {
	int fd;
	char *addr;
	size_t len;
};

static void *vm_map(const struct vm *vm, char *at)
{
	void *p = mmap(at, vm->len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0), vm->fd, 0);

	hf_require(p != MAP_FAILED, "map the memory: %s", strerror(errno));
	return p;
}

static bool vm_make(struct vm *vm, const char *kind, size_t len)
{
	const bool huge = !strcmp(kind, "hugetlb2m");

	vm->len = len;
	vm->fd = memfd_create("vm", huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
	hf_require(vm->fd >= 0 && !ftruncate(vm->fd, (off_t)len), "memfd");
	vm->addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, vm->fd, 0);
	if (huge && vm->addr == MAP_FAILED) {
		hf_ktap_skip("no huge pages");
		close(vm->fd);
		return false;
	}
	hf_require(vm->addr != MAP_FAILED, "mmap");
	hf_mem_touch(vm->addr, len);
	return true;
}

static void vm_free(struct vm *vm)
{
	munmap(vm->addr, vm->len);
	close(vm->fd);
}

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
	must_invalidate(t->c, IOVA, m.len);
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.pins_held, before.pins_held, "pins, stale");
	hf_expect_eq(now.vmlck, before.vmlck, "VmLck, stale");
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "stale");
	is_stale(t->c, IOVA, m.len, "once");
	is_stale(t->c, IOVA, m.len, "twice");
	hf_expect_eq(update(t->c, IOVA, m.addr, m.len), 0, "update");
	is_valid(t->c, IOVA, m.len, "updated");
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.pins_held, before.pins_held, "pins, updated");
	hf_expect_eq(now.vmlck, before.vmlck, "VmLck, updated");
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "updated");
	must_invalidate(t->c, IOVA, m.len);
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
			is_stale(t->c, spans[i].iova, spans[i].len, text);
		else
			is_valid(t->c, spans[i].iova, spans[i].len, text);
	}
}

static void update_spans(struct t *t, const struct hf_mem *m, unsigned int which)
{
	for (unsigned int i = 0; i < T_ARRAY_SIZE(spans); i++)
		if (which & 1u << i)
			hf_expect_eq(update(t->c, spans[i].iova, m->addr, spans[i].len), 0,
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

	hf_expect_eq(invalidate(t->c, IOVA, T_1G, &bytes), 0, "range with nothing in it");
	hf_expect_eq(bytes, 0, "bytes of nothing");
	hf_expect_eq(hf_try_unmap(t->c, 0, 0, VADDR_UNMAP | ALL, &bytes), 0, "all of nothing");
	hf_expect_eq(bytes, 0, "bytes of all of nothing");

	map_spans(t, &m);
	for (size_t i = 0; i < T_ARRAY_SIZE(reaches); i++) {
		const struct reach *r = &reaches[i];
		const unsigned int stale = v1 ? r->stale1 : r->stale;

		hf_expect_eq(invalidate(t->c, IOVA + r->from * T_PAGE, r->pages * T_PAGE, &bytes),
			     v1 ? 0 : r->want, "%s", r->name);
		hf_expect_eq(bytes, span_bytes(stale), "%s: bytes", r->name);
		spans_are(t, stale, r->name);
		can_join(t->c, stale ? -EBUSY : 0, r->name);
		update_spans(t, &m, stale);
		spans_are(t, 0, r->name);
	}

	/* One that is stale already spoils it for all, wherever it is. */
	for (unsigned int i = 0; i < T_ARRAY_SIZE(spans); i++) {
		must_invalidate(t->c, spans[i].iova, spans[i].len);
		hf_expect_eq(invalidate(t->c, IOVA, 9 * T_PAGE, &bytes), -EINVAL, "with %u stale",
			     i);
		spans_are(t, 1u << i, "a range with a stale one");
		hf_expect_eq(hf_try_unmap(t->c, 0, 0, VADDR_UNMAP | ALL, &bytes), -EINVAL,
			     "all, with %u stale", i);
		spans_are(t, 1u << i, "all with a stale one");
		update_spans(t, &m, 1u << i);
		can_join(t->c, 0, "updated again");
	}

	hf_expect_eq(hf_try_unmap(t->c, 0, 0, VADDR_UNMAP | ALL, &bytes), 0, "all");
	hf_expect_eq(bytes, bytes_of_all, "bytes of all");
	spans_are(t, 7, "all");
	hf_expect_eq(hf_unmap_all(t->c), bytes_of_all, "unmap of all, stale");
	can_join(t->c, 0, "all unmapped");
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
		       .flags = VADDR_UNMAP | VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		       .iova = IOVA, .size = 4 * T_PAGE },
		.bitmap = { .pgsize = T_PAGE, .size = sizeof(bits), .data = bits },
	};
	struct hf_mem m;

	map_spans(t, &m);
	hf_expect_eq(hf_raw_unmap(t->c, &q.u), -EINVAL, "with a dirty bitmap");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, 4 * T_PAGE, VADDR_UNMAP | ALL, NULL), -EINVAL,
		     "all, with a range");
	hf_expect_eq(hf_try_unmap(t->c, 0, T_PAGE, VADDR_UNMAP | ALL, NULL), -EINVAL,
		     "all, with a size");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, 4 * T_PAGE, VADDR_UNMAP | 1 << 3, NULL), -EINVAL,
		     "with an unknown flag");
	hf_expect_eq(invalidate(t->c, IOVA, 0, NULL), -EINVAL, "size 0");
	hf_expect_eq(invalidate(t->c, IOVA + 8, T_PAGE, NULL), -EINVAL, "misaligned IOVA");
	hf_expect_eq(invalidate(t->c, IOVA, 4 * T_PAGE + 1, NULL), -EINVAL, "misaligned size");
	q.u.argsz = sizeof(q.u) - 1;
	q.u.flags = VADDR_UNMAP;
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
		{ "one page less", VADDR_MAP, IOVA, 3 * T_PAGE, 0, -EINVAL },
		{ "one page more", VADDR_MAP, IOVA, 5 * T_PAGE, 0, -EINVAL },
		{ "the first two", VADDR_MAP, IOVA, 6 * T_PAGE, 0, -EINVAL },
		{ "its second page", VADDR_MAP, IOVA + T_PAGE, T_PAGE, 0, -EINVAL },
		{ "from its second page", VADDR_MAP, IOVA + T_PAGE, 4 * T_PAGE, 0, -EINVAL },
		{ "from below", VADDR_MAP, IOVA - T_PAGE, 5 * T_PAGE, 0, -EINVAL },
		{ "one that is not stale", VADDR_MAP, IOVA + 4 * T_PAGE, 2 * T_PAGE, 0, -EINVAL },
		{ "the hole", VADDR_MAP, IOVA + 6 * T_PAGE, T_PAGE, 0, -ENOENT },
		{ "below all", VADDR_MAP, IOVA - T_PAGE, T_PAGE, 0, -ENOENT },
		{ "behind all", VADDR_MAP, IOVA + T_1G, 4 * T_PAGE, 0, -ENOENT },
		{ "misaligned address", VADDR_MAP, IOVA, 4 * T_PAGE, 8, -EINVAL },
		{ "misaligned address, nothing there", VADDR_MAP, IOVA + T_1G, T_PAGE, 8, -EINVAL },
		{ "misaligned size", VADDR_MAP, IOVA, 4 * T_PAGE + 1, 0, -EINVAL },
		{ "misaligned IOVA", VADDR_MAP, IOVA + 8, 4 * T_PAGE, 0, -EINVAL },
		{ "size 0", VADDR_MAP, IOVA, 0, 0, -EINVAL },
		{ "with read permission", VADDR_MAP | HF_READ, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "with write permission", VADDR_MAP | HF_WRITE, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "with both", VADDR_MAP | HF_RW, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "with an unknown flag", VADDR_MAP | 1 << 3, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "without a flag", 0, IOVA, 4 * T_PAGE, 0, -EINVAL },
		{ "mapped as usual", HF_RW, IOVA, 4 * T_PAGE, 0, -EEXIST },
	};
	struct hf_proc_snapshot before;
	struct hf_mem m;

	map_spans(t, &m);
	must_invalidate(t->c, spans[0].iova, spans[0].len);
	must_invalidate(t->c, spans[2].iova, spans[2].len);
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
	must_invalidate(t->c, IOVA, 6 * T_PAGE);
	hf_map(t->c, IOVA + T_1G, other.addr, other.len, HF_RW);
	t_dma_check(&t->port, IOVA + T_1G, other.addr, other.len, HF_RW, "mapped meanwhile");
	hf_map(t->c, IOVA + 6 * T_PAGE, other.addr, 2 * T_PAGE, HF_RW);
	hf_expect_eq(hf_try_map(t->c, IOVA + T_PAGE, other.addr, T_PAGE, HF_RW), -EEXIST,
		     "over a stale one");
	is_valid(t->c, IOVA + T_1G, other.len, "mapped meanwhile");
	is_valid(t->c, IOVA + 6 * T_PAGE, 2 * T_PAGE, "mapped between");
	hf_unmap(t->c, IOVA + T_1G, other.len);
	spans_are(t, 3, "after a map and an unmap");

	/* Unmap takes stale ones as others, and the container forgets that they were. */
	can_join(t->c, -EBUSY, "two stale");
	hf_unmap(t->c, spans[1].iova, spans[1].len);
	can_join(t->c, -EBUSY, "one stale");
	hf_unmap(t->c, spans[0].iova, spans[0].len);
	can_join(t->c, 0, "none stale");
	hf_map(t->c, spans[0].iova, m.addr, spans[0].len, HF_RW);
	is_valid(t->c, spans[0].iova, spans[0].len, "mapped where a stale one was");
	must_invalidate(t->c, IOVA + 6 * T_PAGE, 3 * T_PAGE);
	hf_expect_eq(hf_try_unmap(t->c, IOVA, 9 * T_PAGE, 0, NULL), 0, "stale and others");
	can_join(t->c, 0, "all unmapped");
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
	hf_expect_eq(hf_try_unmap(t->c, 0, 0, VADDR_UNMAP | ALL, &bytes), 0, "all");
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
	can_join(&c, 0, "none stale");
	must_invalidate(&c, IOVA, m.len);
	can_join(&c, -EBUSY, "one stale");
	must_invalidate(&c, IOVA + T_1G, m.len);
	can_join(&c, -EBUSY, "two stale");
	hf_expect_eq(update(&c, IOVA, m.addr, m.len), 0, "update");
	can_join(&c, -EBUSY, "one stale again");
	hf_expect_eq(update(&c, IOVA + T_1G, m.addr, m.len), 0, "update");
	can_join(&c, 0, "none stale again");
	must_invalidate(&c, IOVA, m.len);
	hf_must(hf_group_detach(&one.group));
	t_leftover(&before, "the last group left with a stale mapping");

	/* The container begins anew. */
	hf_must(hf_group_attach(&one.group, &c));
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	hf_map(&c, IOVA, m.addr, m.len, HF_RW);
	can_join(&c, 0, "anew");
	must_invalidate(&c, IOVA, m.len);
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
	hf_expect_eq(invalidate(t->c, IOVA, m.len, NULL), -EBUSY, "invalidate");
	hf_expect_eq(invalidate(t->c, IOVA + 8, 1, NULL), -EBUSY, "misaligned");
	hf_expect_eq(hf_try_unmap(t->c, 0, 0, VADDR_UNMAP | ALL, NULL), -EBUSY, "all");
	is_valid(t->c, IOVA, m.len, "with an emulated device");
	hf_must(hf_group_detach(&e.group));
	hf_expect_eq(hf_container_check_extension(t->c, VFIO_UPDATE_VADDR), 1, "extension, left");
	must_invalidate(t->c, IOVA, m.len);
	hf_expect_eq(hf_group_attach(&e.group, t->c), -EBUSY, "joins while stale");
	hf_expect_eq(update(t->c, IOVA, m.addr, m.len), 0, "update");
	hf_must(hf_group_attach(&e.group, t->c));
	t_emulated_close(&e);
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

/* Another process: the memory is its own from now on. */
struct taker {
	struct t *t;
	struct vm vm;
	struct t_gate *gate;
};

static void take_and_stay(void *arg)
{
	struct taker *k = arg;

	vm_map(&k->vm, ELSEWHERE);
	hf_expect_eq(update(k->t->c, IOVA, ELSEWHERE, k->vm.len), 0, "update");
	t_gate_open(k->gate, 1);
	t_gate_wait(k->gate, 2);
}

/* What drivers do with a mapping of which others know the address. */
static void ask_emulated(struct t *t, const struct vm *vm, bool owner_gone)
{
	uint64_t pfns[2] = { 0 }, have;
	struct t_emulated e;
	char buf[2 * T_PAGE];
	int ret;

	t_emulated_group(&e, 0);
	hf_must(hf_group_attach(&e.group, t->c));
	hf_must(t_emulated_open(&e));
	hf_pattern_fill(vm->addr, vm->len, 0, t_seed());
	/* A thread without memory of its own can use anybody's. */
	ret = t_dma_rw(&e, IOVA + T_PAGE, buf, sizeof(buf), HF_TESTDEV_RW_KTHREAD);
	if (owner_gone) {
		/* Nobody's memory is there to be used. */
		t_same(t, 0, ret, 0, "copy, its owner gone");
		hf_expect(ret < 0, "copy, its owner gone: %d", ret);
		ret = t_pin(&e, IOVA + T_PAGE, 2, HF_TESTDEV_READ, pfns);
		t_same(t, 1, ret, 0, "pin, its owner gone");
		hf_expect(ret < 0, "pin, its owner gone: %d", ret);
	} else {
		if (hf_expect_eq(ret, 0, "copy"))
			hf_expect(!memcmp(buf, vm->addr + T_PAGE, sizeof(buf)),
				  "bytes of the copy");
		ret = t_pin(&e, IOVA + T_PAGE, 2, HF_TESTDEV_READ | HF_TESTDEV_WRITE, pfns);
		hf_expect_eq(ret, 2, "pin");
		for (int i = 0; i < ret; i++) {
			hf_must(hf_mem_pfn(vm->addr + (1 + i) * T_PAGE, &have));
			hf_expect_eq(pfns[i], have, "PFN %d", i);
		}
		hf_expect_eq(t_unpin(&e, IOVA + T_PAGE, 2), 0, "unpin");
	}
	t_emulated_close(&e);
}

/* Drivers that come later use the new address, and the mm it is in. */
static void emulated_later(struct t *t)
{
	struct taker k = { .t = t, .gate = t_gate_new() };
	char *first;
	pid_t pid;

	if (!vm_make(&k.vm, "shmem4k", 8 * T_PAGE))
		return;
	hf_map(t->c, IOVA, k.vm.addr, k.vm.len, HF_RW);
	must_invalidate(t->c, IOVA, k.vm.len);
	first = k.vm.addr;
	k.vm.addr = vm_map(&k.vm, ELSEWHERE + T_1G);
	hf_require(mmap(first, k.vm.len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == first, "other memory");
	hf_expect_eq(update(t->c, IOVA, k.vm.addr, k.vm.len), 0, "update");
	ask_emulated(t, &k.vm, false);

	must_invalidate(t->c, IOVA, k.vm.len);
	pid = t_child_start(take_and_stay, &k);
	t_gate_wait(k.gate, 1);
	ask_emulated(t, &k.vm, false);
	t_gate_open(k.gate, 2);
	t_child_end(pid, "who took the memory");
	ask_emulated(t, &k.vm, true);
	hf_unmap(t->c, IOVA, k.vm.len);
	munmap(first, k.vm.len);
	vm_free(&k.vm);
}

/* Another address */

static void another_address(struct t *t)
{
	const char *kind = t->arg;
	const size_t half = 2 * T_2M;
	struct vm vm;
	char *new;

	if (!vm_make(&vm, kind, 2 * half))
		return;
	hf_map(t->c, IOVA, vm.addr, half, HF_RW);
	hf_map(t->c, IOVA + half, vm.addr + half, half, HF_READ);
	t_dma_check(&t->port, IOVA, vm.addr, half, HF_RW, "before");
	must_invalidate(t->c, IOVA, vm.len);
	new = vm_map(&vm, ELSEWHERE);
	t_dma_check(&t->port, IOVA, new, half, HF_RW, "seen from the new address, stale");
	hf_require(!munmap(vm.addr, vm.len), "munmap");
	t_dma_check(&t->port, IOVA, new, half, HF_RW, "the old address is gone");
	hf_expect_eq(update(t->c, IOVA, new, half), 0, "update");
	hf_expect_eq(update(t->c, IOVA + half, new + half, half), 0, "update of the read-only one");
	t_dma_check(&t->port, IOVA, new, half, HF_RW, "updated");
	t_dma_check(&t->port, IOVA + half, new + half, half, HF_READ, "updated, read-only");
	t_faults_begin("still read-only");
	t_dma_write_blocked(&t->port, IOVA + half, new + half, half, "updated, read-only");
	t_faults_end();
	hf_expect_eq(hf_try_unmap(t->c, IOVA, vm.len, 0, NULL), 0, "unmap");
	vm.addr = new;
	vm_free(&vm);
}

/* The address is taken on trust: nothing need be there, and nothing is pinned anew. */
static void address_of_nothing(struct t *t)
{
	struct hf_proc_snapshot before, now;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 8 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_must(hf_proc_snapshot(&before));
	must_invalidate(t->c, IOVA, m.len);
	hf_expect_eq(update(t->c, IOVA, ELSEWHERE, m.len), 0, "update to a hole");
	must_invalidate(t->c, IOVA, m.len);
	hf_expect_eq(update(t->c, IOVA, NULL, m.len), 0, "update to address 0");
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.pins_held, before.pins_held, "pins");
	hf_expect_eq(now.vmlck, before.vmlck, "VmLck");
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "updated to nothing");
	/* A device that joins now finds the pages that are pinned. */
	can_join(t->c, 0, "updated to nothing");
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

/* Dirty tracking */

static int dirty_switch(const struct hf_container *c, uint32_t what)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d), .flags = what };

	return hf_container_ioctl(c, VFIO_IOMMU_DIRTY_PAGES, &d);
}

static int dirty_get(const struct hf_container *c, uint64_t iova, uint64_t len, __u64 *bits)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap d;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} q = {
		.d = { .argsz = sizeof(q), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
		.get = { .iova = iova, .size = len,
			 .bitmap = { .pgsize = T_PAGE, .size = 8, .data = bits } },
	};

	return hf_container_ioctl(c, VFIO_IOMMU_DIRTY_PAGES, &q);
}

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
	must_invalidate(t->c, IOVA, len);
	hf_expect_eq(dirty_get(t->c, IOVA, len, &bits), -EINVAL, "get, tracking off");
	hf_expect_eq(dirty_switch(t->c, start), 0, "start while stale");
	hf_expect_eq(dirty_get(t->c, IOVA, len, &bits), 0, "get while stale");
	hf_expect_eq(bits, (1u << 20) - 1, "bitmap, stale");
	is_stale(t->c, IOVA, len, "bitmap read");
	hf_expect_eq(update(t->c, IOVA, m.addr, len), 0, "update while tracking");
	bits = 0;
	hf_expect_eq(dirty_get(t->c, IOVA, len, &bits), 0, "get after the update");
	hf_expect_eq(bits, (1u << 20) - 1, "bitmap, updated");
	must_invalidate(t->c, IOVA, len);
	hf_expect_eq(dirty_switch(t->c, stop), 0, "stop while stale");
	is_stale(t->c, IOVA, len, "tracking stopped");
	hf_expect_eq(dirty_switch(t->c, start), 0, "start again");
	bits = 0;
	hf_expect_eq(hf_raw_unmap(t->c, &q.u), 0, "unmap with a bitmap, stale");
	hf_expect_eq(q.u.size, len, "bytes unmapped");
	hf_expect_eq(bits, (1u << 20) - 1, "bitmap, unmapped");
	hf_expect_eq(dirty_switch(t->c, stop), 0, "stop");
	can_join(t->c, 0, "unmapped");
	hf_mem_free(&m);
}

/* A VM has few mappings, a hostile user has as many as there may be. */
static void many(struct t *t)
{
	const unsigned int count = 3000;
	const uint64_t stride = 2 * T_PAGE;
	const uint64_t locked = t_vmlck(0);
	struct vm vm;
	uint64_t bytes;
	char *new;

	if (!vm_make(&vm, "shmem4k", count * T_PAGE))
		return;
	for (unsigned int i = 0; i < count; i++)
		hf_map(t->c, IOVA + i * stride, vm.addr + i * T_PAGE, T_PAGE, HF_RW);
	new = vm_map(&vm, ELSEWHERE);
	hf_expect_eq(invalidate(t->c, IOVA + 1000 * stride, 1000 * stride, &bytes), 0, "a third");
	hf_expect_eq(bytes, 1000 * T_PAGE, "bytes of a third");
	hf_expect_eq(invalidate(t->c, IOVA, count * stride, &bytes), -EINVAL, "with a third stale");
	for (unsigned int i = 0; i < 1000; i++)
		if (!hf_expect_eq(update(t->c, IOVA + (1000 + i) * stride,
					 new + (1000 + i) * T_PAGE, T_PAGE), 0, "update %u", i))
			break;
	can_join(t->c, 0, "updated");
	hf_expect_eq(invalidate(t->c, IOVA, count * stride, &bytes), 0, "all of them");
	hf_expect_eq(bytes, vm.len, "bytes of all of them");
	hf_require(!munmap(vm.addr, vm.len), "munmap");
	/* Backwards, for once. */
	for (unsigned int i = count; i--;)
		if (!hf_expect_eq(update(t->c, IOVA + i * stride, new + i * T_PAGE, T_PAGE), 0,
				  "update %u", i))
			break;
	expect_vmlck(0, locked + vm.len, "updated");
	for (unsigned int i = 0; i < count; i += 61)
		if (!t_dma_check(&t->port, IOVA + i * stride, new + i * T_PAGE, T_PAGE, HF_RW,
				 "one of many"))
			break;
	can_join(t->c, 0, "all updated");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, count * stride, 0, &bytes), 0, "unmap");
	hf_expect_eq(bytes, vm.len, "bytes unmapped");
	vm.addr = new;
	vm_free(&vm);
}

/* The process pays already: neither the limit nor the charge is looked at. */
static void same_payer_child(void *arg)
{
	const struct t *t = arg;
	const struct rlimit none = { 0, 0 };
	struct hf_mem m;

	t_unprivileged(50 * T_PAGE);
	hf_must(hf_mem_alloc("anon4k", 50 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	expect_vmlck(0, m.len, "mapped");
	hf_require(!setrlimit(RLIMIT_MEMLOCK, &none), "setrlimit");
	must_invalidate(t->c, IOVA, m.len);
	expect_vmlck(0, m.len, "stale");
	hf_expect_eq(update(t->c, IOVA, m.addr, m.len), 0, "update at the limit");
	expect_vmlck(0, m.len, "updated");
	hf_unmap(t->c, IOVA, m.len);
	expect_vmlck(0, 0, "unmapped");
}

static void same_payer(struct t *t)
{
	t_child(same_payer_child, t, "update at the limit");
}

/* Another process */

struct parcel {
	int container;
	int vm;
};

static void send_parcel(int sock, const struct parcel *p)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(*p))];
	} control = { 0 };
	struct iovec iov = { .iov_base = "p", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(*p));
	memcpy(CMSG_DATA(h), p, sizeof(*p));
	hf_require(sendmsg(sock, &msg, 0) == 1, "send the container");
}

static void receive_parcel(int sock, struct parcel *p)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(*p))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	hf_require(recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg), "receive the container");
	memcpy(p, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(*p));
}

/* What a process does with a container it was sent. */
struct heir {
	struct t *t;
	struct vm vm;
	struct t_gate *gate;
	int sock[2];
	uint64_t limit;  /* RLIMIT_MEMLOCK, and no privilege; ~0: root */
	bool unmaps;     /* unmaps in the end; else its mappings outlive it */
	uint64_t seed;
};

static void inherit(void *arg)
{
	struct heir *h = arg;
	const size_t half = h->vm.len / 2;
	const struct rlimit most = { h->limit, h->limit };
	struct rlimit less = { 0, h->limit };
	struct hf_container c = { 0 };
	struct parcel p;

	/* Nothing but what comes through the socket. */
	close(h->t->c->fd);
	close(h->vm.fd);
	munmap(h->vm.addr, h->vm.len);
	receive_parcel(h->sock[1], &p);
	c.fd = p.container;
	h->vm.fd = p.vm;
	if (h->limit != ~0ULL)
		t_unprivileged(h->limit);
	h->vm.addr = vm_map(&h->vm, ELSEWHERE);
	expect_vmlck(0, 0, "heir, at first");

	if (h->limit != ~0ULL) {
		less.rlim_cur = half - T_PAGE;
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &less), "setrlimit");
		hf_expect_eq(update(&c, IOVA, h->vm.addr, half), -ENOMEM, "a page over the limit");
		is_stale(&c, IOVA, half, "over the limit");
		expect_vmlck(0, 0, "heir, over the limit");
		t_gate_open(h->gate, 1);
		t_gate_wait(h->gate, 2);
		less.rlim_cur = half;
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &less), "setrlimit");
	} else {
		t_gate_open(h->gate, 1);
		t_gate_wait(h->gate, 2);
	}
	hf_expect_eq(update(&c, IOVA, h->vm.addr, half), 0, "update of one half");
	expect_vmlck(0, half, "heir, one half");
	if (h->limit != ~0ULL) {
		hf_expect_eq(update(&c, IOVA + half, h->vm.addr + half, half), -ENOMEM,
			     "the other half is over the limit");
		is_stale(&c, IOVA + half, half, "other half, over the limit");
		is_valid(&c, IOVA, half, "one half");
		expect_vmlck(0, half, "heir, one half still");
	}
	t_gate_open(h->gate, 3);
	t_gate_wait(h->gate, 4);
	if (h->limit != ~0ULL)
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &most), "setrlimit");
	hf_expect_eq(update(&c, IOVA + half, h->vm.addr + half, half), 0, "update of the other");
	expect_vmlck(0, h->vm.len, "heir, both halves");
	hf_pattern_fill(h->vm.addr, h->vm.len, 0, h->seed);
	t_gate_open(h->gate, 5);
	t_gate_wait(h->gate, 6);
	hf_expect(hf_pattern_check(h->vm.addr, h->vm.len, 0, h->seed + 1, NULL),
		  "the heir sees what the device wrote");
	if (h->unmaps) {
		hf_unmap(&c, IOVA, half);
		expect_vmlck(0, half, "heir, one half unmapped");
		hf_unmap(&c, IOVA + half, half);
		expect_vmlck(0, 0, "heir, all unmapped");
	}
	t_gate_open(h->gate, 7);
	t_gate_wait(h->gate, 8);
	/* Whoever unmapped. */
	expect_vmlck(0, 0, "heir, in the end");
}

struct legacy {
	const char *kind;
	enum { HEIR_UNMAPS, OWNER_UNMAPS } end;
	bool limited;
};

static void to_another_process(struct t *t)
{
	const struct legacy *l = t->arg;
	const uint64_t locked = t_vmlck(0);
	struct heir h = { .t = t, .gate = t_gate_new(), .unmaps = l->end == HEIR_UNMAPS };
	struct parcel p;
	size_t half;
	pid_t pid;

	if (!vm_make(&h.vm, l->kind, 2 * T_2M))
		return;
	half = h.vm.len / 2;
	h.limit = l->limited ? h.vm.len : ~0ULL;
	h.seed = t_seed();
	t_seed();
	hf_require(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, h.sock), "socketpair");
	hf_map(t->c, IOVA, h.vm.addr, half, HF_RW);
	hf_map(t->c, IOVA + half, h.vm.addr + half, half, HF_RW);
	expect_vmlck(0, locked + h.vm.len, "owner, mapped");
	must_invalidate(t->c, IOVA, h.vm.len);
	pid = t_child_start(inherit, &h);
	p = (struct parcel){ .container = t->c->fd, .vm = h.vm.fd };
	send_parcel(h.sock[0], &p);

	t_gate_wait(h.gate, 1);
	expect_vmlck(0, locked + h.vm.len, "owner, nothing updated");
	can_join(t->c, -EBUSY, "nothing updated");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "nothing updated");
	t_gate_open(h.gate, 2);
	t_gate_wait(h.gate, 3);
	expect_vmlck(0, locked + half, "owner, one half updated");
	expect_vmlck(pid, half, "heir, one half updated");
	can_join(t->c, -EBUSY, "one half updated");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "one half updated");
	t_gate_open(h.gate, 4);
	t_gate_wait(h.gate, 5);
	expect_vmlck(0, locked, "owner, all updated");
	expect_vmlck(pid, h.vm.len, "heir, all updated");
	can_join(t->c, 0, "all updated");
	t_dma_reads(&t->port, IOVA, h.vm.len, 0, h.seed, "what the heir wrote");
	t_dma_writes(&t->port, IOVA, h.vm.len, 0, h.seed + 1, "for the heir");
	t_gate_open(h.gate, 6);
	t_gate_wait(h.gate, 7);
	if (l->end == OWNER_UNMAPS)
		hf_expect_eq(hf_try_unmap(t->c, IOVA, h.vm.len, 0, NULL), 0, "owner unmaps");
	expect_vmlck(0, locked, "owner, unmapped");
	expect_vmlck(pid, 0, "heir, unmapped");
	t_gate_open(h.gate, 8);
	t_child_end(pid, "heir");
	close(h.sock[0]);
	close(h.sock[1]);
	vm_free(&h.vm);
}

/* The owner maps, invalidates and exits; who comes after him updates and pays. */
static void map_invalidate_exit(void *arg)
{
	struct heir *h = arg;

	hf_map(h->t->c, IOVA, h->vm.addr, h->vm.len, HF_RW);
	must_invalidate(h->t->c, IOVA, h->vm.len);
	expect_vmlck(0, h->vm.len, "owner");
}

static void owner_exits_first(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct hf_proc_snapshot before, now;
	struct heir h = { .t = t };

	if (!vm_make(&h.vm, "shmem4k", T_2M + 5 * T_PAGE))
		return;
	hf_must(hf_proc_snapshot(&before));
	t_child(map_invalidate_exit, &h, "owner");
	hf_must(hf_proc_snapshot(&now));
	hf_expect(now.pins_held > before.pins_held, "the pins outlive the owner");
	expect_vmlck(0, locked, "nobody pays");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "owner gone, stale");
	hf_expect_eq(update(t->c, IOVA, h.vm.addr, h.vm.len), 0, "update");
	expect_vmlck(0, locked + h.vm.len, "updated");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "owner gone, updated");
	hf_unmap(t->c, IOVA, h.vm.len);
	expect_vmlck(0, locked, "unmapped");
	vm_free(&h.vm);
}

/* The heir exits with the mappings: nobody gets his charge, this process must not be refunded. */
static void update_exit(void *arg)
{
	struct heir *h = arg;

	hf_expect_eq(update(h->t->c, IOVA, h->vm.addr, h->vm.len), 0, "update");
	expect_vmlck(0, h->vm.len, "heir");
}

static void heir_exits(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct heir h = { .t = t };

	if (!vm_make(&h.vm, "shmem4k", 100 * T_PAGE))
		return;
	hf_map(t->c, IOVA, h.vm.addr, h.vm.len, HF_RW);
	must_invalidate(t->c, IOVA, h.vm.len);
	expect_vmlck(0, locked + h.vm.len, "mapped");
	t_child(update_exit, &h, "heir");
	expect_vmlck(0, locked, "updated by a heir that is gone");
	/* And back. */
	must_invalidate(t->c, IOVA, h.vm.len);
	expect_vmlck(0, locked, "stale again");
	hf_expect_eq(update(t->c, IOVA, h.vm.addr, h.vm.len), 0, "update");
	expect_vmlck(0, locked + h.vm.len, "taken back");
	must_invalidate(t->c, IOVA, h.vm.len);
	t_child(update_exit, &h, "a second heir");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "heir gone");
	hf_unmap(t->c, IOVA, h.vm.len);
	expect_vmlck(0, locked, "unmapped");
	vm_free(&h.vm);
}

/* exec: the same process as another program, with what it kept open. */

struct exec {
	struct t *t;
	struct vm vm;
	int gate_fd;
	struct t_gate *gate;
	uint64_t seed;
	/* of the case */
	bool invalidate_late;	/* not before the exec, but after it */
	bool limited;
	bool unmaps;
};

static struct t_gate *gate_of(int fd)
{
	void *p = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	hf_require(p != MAP_FAILED, "a gate");
	return p;
}

static void map_and_exec(void *arg)
{
	struct exec *x = arg;
	const size_t half = x->vm.len / 2;
	char text[8][24];

	if (x->limited)
		t_unprivileged(x->vm.len);
	hf_map(x->t->c, IOVA, x->vm.addr, half, HF_RW);
	hf_map(x->t->c, IOVA + half, x->vm.addr + half, half, HF_RW);
	if (!x->invalidate_late)
		must_invalidate(x->t->c, IOVA, x->vm.len);
	expect_vmlck(0, x->vm.len, "before the exec");
	if (hf_ktap_child_exit())
		return;
	/* A copy of the container's descriptor is not closed by the exec. */
	snprintf(text[0], sizeof(text[0]), "%d", dup(x->t->c->fd));
	snprintf(text[1], sizeof(text[1]), "%d", x->vm.fd);
	snprintf(text[2], sizeof(text[2]), "%zu", x->vm.len);
	snprintf(text[3], sizeof(text[3]), "%d", x->gate_fd);
	snprintf(text[4], sizeof(text[4]), "%llu", (unsigned long long)x->seed);
	snprintf(text[5], sizeof(text[5]), "%d", x->invalidate_late);
	snprintf(text[6], sizeof(text[6]), "%d", x->limited);
	snprintf(text[7], sizeof(text[7]), "%d", x->unmaps);
	execl("/proc/self/exe", "vaddr", "after-exec", text[0], text[1], text[2], text[3], text[4],
	      text[5], text[6], text[7], NULL);
	hf_expect(false, "exec: %s", strerror(errno));
}

static int after_exec(char **arg)
{
	const struct hf_container c = { .fd = atoi(arg[0]) };
	struct vm vm = { .fd = atoi(arg[1]), .len = strtoul(arg[2], NULL, 10) };
	struct t_gate *gate = gate_of(atoi(arg[3]));
	const uint64_t seed = strtoull(arg[4], NULL, 10);
	const bool late = atoi(arg[5]), limited = atoi(arg[6]), unmaps = atoi(arg[7]);
	const size_t half = vm.len / 2;
	const struct rlimit most = { vm.len, vm.len };
	const struct rlimit less = { vm.len - T_PAGE, vm.len };

	/* The parent prints the results. */
	vm.addr = vm_map(&vm, ELSEWHERE);
	expect_vmlck(0, 0, "after the exec");
	if (late) {
		is_valid(&c, IOVA, half, "after the exec");
		must_invalidate(&c, IOVA, vm.len);
	}
	t_gate_open(gate, 1);
	t_gate_wait(gate, 2);
	expect_vmlck(0, 0, "after the exec, stale");
	if (limited)
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &less), "setrlimit");
	hf_expect_eq(update(&c, IOVA, vm.addr, half), 0, "after the exec, update");
	expect_vmlck(0, half, "after the exec, one half");
	if (limited) {
		hf_expect_eq(update(&c, IOVA + half, vm.addr + half, half), -ENOMEM,
			     "after the exec, over the limit");
		is_stale(&c, IOVA + half, half, "after the exec, over the limit");
		expect_vmlck(0, half, "after the exec, over the limit");
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &most), "setrlimit");
	}
	hf_expect_eq(update(&c, IOVA + half, vm.addr + half, half), 0, "after the exec, update");
	expect_vmlck(0, vm.len, "after the exec, both halves");
	hf_pattern_fill(vm.addr, vm.len, 0, seed);
	t_gate_open(gate, 3);
	t_gate_wait(gate, 4);
	hf_expect(hf_pattern_check(vm.addr, vm.len, 0, seed + 1, NULL),
		  "after the exec: what the device wrote");
	if (unmaps) {
		uint64_t bytes = 0;

		hf_expect_eq(hf_try_unmap(&c, IOVA, vm.len, 0, &bytes), 0, "after the exec, unmap");
		hf_expect_eq(bytes, vm.len, "after the exec, bytes unmapped");
		expect_vmlck(0, 0, "after the exec, unmapped");
	}
	/* It has printed no plan, so it is nobody's child: all its failures are its own. */
	return hf_ktap_failed();
}

static void over_exec(struct t *t)
{
	const struct exec *how = t->arg;
	const uint64_t locked = t_vmlck(0);
	struct hf_proc_mem mem;
	struct exec x = *how;
	uint64_t bytes;
	pid_t pid;

	if (!vm_make(&x.vm, "shmem4k", 2 * T_2M + 6 * T_PAGE))
		return;
	x.t = t;
	x.seed = t_seed();
	t_seed();
	x.gate_fd = memfd_create("gate", 0);
	hf_require(x.gate_fd >= 0 && !ftruncate(x.gate_fd, T_PAGE), "memfd");
	x.gate = gate_of(x.gate_fd);
	pid = t_child_start(map_and_exec, &x);
	t_gate_wait(x.gate, 1);
	t_dma_check(&t->port, IOVA, x.vm.addr, x.vm.len, HF_RW, "after the exec, stale");
	can_join(t->c, -EBUSY, "after the exec");
	t_gate_open(x.gate, 2);
	t_gate_wait(x.gate, 3);
	hf_must(hf_proc_mem(pid, &mem));
	hf_expect_eq(mem.vmlck, x.vm.len, "after the exec, updated: VmLck");
	hf_expect_eq(mem.vmpin, 0, "after the exec, updated: VmPin");
	can_join(t->c, 0, "after the exec, updated");
	t_dma_reads(&t->port, IOVA, x.vm.len, 0, x.seed, "what the new program wrote");
	t_dma_writes(&t->port, IOVA, x.vm.len, 0, x.seed + 1, "for the new program");
	t_gate_open(x.gate, 4);
	t_child_end(pid, "process that exec'ed");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, x.vm.len, 0, &bytes), 0, "unmap");
	hf_expect_eq(bytes, x.unmaps ? 0 : x.vm.len, "bytes left by it");
	expect_vmlck(0, locked, "this process, all along");
	munmap(x.gate, T_PAGE);
	close(x.gate_fd);
	vm_free(&x.vm);
}

/* Races. Expectations are for the main thread; others note the first wrong answer. */

#define RUN_MS 800
#define THREADS 4
#define LEN (24 * T_PAGE)

struct race {
	const struct hf_container *c;
	char *mem;
	atomic_bool stop;
	atomic_int wrong;
	atomic_uint good;
};

struct racer {
	struct race *r;
	unsigned int number;
	pthread_t thread;
};

/* Is an answer one of those allowed? 0 always is; @a and @b may be too. */
static int allow(struct race *r, int ret, int a, int b)
{
	if (!ret)
		atomic_fetch_add(&r->good, 1);
	else if (ret != a && ret != b)
		atomic_store(&r->wrong, ret);
	return ret;
}

static void run_race(struct race *r, void *(*const fn[THREADS])(void *),
		     void (*meanwhile_fn)(void *), void *arg)
{
	const uint64_t end = t_now_ms() + RUN_MS;
	struct racer w[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct racer){ .r = r, .number = i };
		hf_require(!pthread_create(&w[i].thread, NULL, fn[i], &w[i]), "thread");
	}
	while (t_now_ms() < end && !hf_ktap_failed()) {
		if (meanwhile_fn)
			meanwhile_fn(arg);
		else
			t_sleep_ms(20);
	}
	atomic_store(&r->stop, true);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	hf_expect_eq(atomic_load(&r->wrong), 0, "an answer that is never right");
	hf_expect(atomic_load(&r->good) > 20, "%u requests went through", atomic_load(&r->good));
	hf_ktap_diag("%u requests went through", atomic_load(&r->good));
}

static uint64_t own_iova(const struct racer *w)
{
	return IOVA + w->number * T_1G;
}

/* A mapping of its own: every answer is known. */
static void *update_own(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;
	uint64_t bytes;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, invalidate(r->c, own_iova(w), LEN, &bytes), 0, 0);
		if (bytes != LEN)
			atomic_store(&r->wrong, -EIO);
		allow(r, update(r->c, own_iova(w), r->mem, LEN), 0, 0);
	}
	return NULL;
}

static void *map_own(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, hf_try_map(r->c, own_iova(w), r->mem, LEN, HF_RW), 0, 0);
		allow(r, hf_try_unmap(r->c, own_iova(w), LEN, 0, NULL), 0, 0);
	}
	return NULL;
}

static void *ask_dirty(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		__u64 bits = 0;

		allow(r, dirty_switch(r->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START), 0, 0);
		allow(r, dirty_get(r->c, IOVA, LEN, &bits), 0, 0);
		if (bits != (1u << LEN / T_PAGE) - 1)
			atomic_store(&r->wrong, -EIO);
		allow(r, dirty_switch(r->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP), 0, 0);
	}
	return NULL;
}

struct look {
	struct t *t;
	char *mem;
};

static void look(void *arg)
{
	struct look *l = arg;

	t_dma_check(&l->t->port, IOVA, l->mem, LEN, HF_RW, "while others are at work");
}

static void beside_maps(struct t *t)
{
	void *(*const fn[THREADS])(void *) = { update_own, update_own, map_own, ask_dirty };
	struct race r = { .c = t->c };
	struct look l = { .t = t };
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	r.mem = l.mem = m.addr;
	hf_map(t->c, IOVA, m.addr, LEN, HF_RW);
	hf_map(t->c, IOVA + T_1G, m.addr, LEN, HF_RW);
	run_race(&r, fn, look, &l);
	can_join(t->c, 0, "all updated");
	is_valid(t->c, IOVA, LEN, "in the end");
	is_valid(t->c, IOVA + T_1G, LEN, "in the end");
	hf_unmap(t->c, IOVA, LEN);
	hf_unmap(t->c, IOVA + T_1G, LEN);
	hf_mem_free(&m);
}

/* Two of these on the same mapping, which may go at any time. */
static void *update_any(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, hf_try_map(r->c, IOVA, r->mem, LEN, HF_RW), -EEXIST, 0);
		allow(r, invalidate(r->c, IOVA, LEN, NULL), -EINVAL, 0);
		allow(r, update(r->c, IOVA, r->mem, LEN), -EINVAL, -ENOENT);
	}
	return NULL;
}

static void *invalidate_all(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, hf_try_map(r->c, own_iova(w), r->mem, LEN, HF_READ), -EEXIST, 0);
		allow(r, hf_try_unmap(r->c, 0, 0, VADDR_UNMAP | ALL, NULL), -EINVAL, 0);
	}
	return NULL;
}

static void *unmap_everything(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, hf_try_unmap(r->c, 0, 0, ALL, NULL), 0, 0);
		t_sleep_ms(1);
	}
	return NULL;
}

static void beside_unmap_all(struct t *t)
{
	void *(*const fn[THREADS])(void *) = { update_any, update_any, invalidate_all,
					       unmap_everything };
	struct race r = { .c = t->c };
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	r.mem = m.addr;
	run_race(&r, fn, NULL, NULL);
	hf_unmap_all(t->c);
	can_join(t->c, 0, "all unmapped");
	hf_mem_free(&m);
}

/* Two processes take the same memory from each other, a third thread unmaps it. */
static void *take(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	for (unsigned int i = 0; !atomic_load(&r->stop) && !atomic_load(&r->wrong); i++) {
		const uint64_t iova = IOVA + i % 5 * T_1G;

		allow(r, invalidate(r->c, iova, LEN, NULL), -EINVAL, 0);
		allow(r, update(r->c, iova, r->mem, LEN), -EINVAL, -ENOENT);
	}
	return NULL;
}

static void *replace(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	for (unsigned int i = 0; !atomic_load(&r->stop) && !atomic_load(&r->wrong); i++) {
		const uint64_t iova = IOVA + i % 5 * T_1G;

		allow(r, hf_try_map(r->c, iova, r->mem, LEN, HF_RW), -EEXIST, 0);
		if (i % 3 == 0)
			allow(r, hf_try_unmap(r->c, iova, LEN, 0, NULL), 0, 0);
	}
	return NULL;
}

struct rival {
	struct race r;
	struct t_gate *gate;
};

static void rival(void *arg)
{
	void *(*const fn[THREADS])(void *) = { take, take, take, replace };
	struct rival *v = arg;

	run_race(&v->r, fn, NULL, NULL);
	t_gate_open(v->gate, 1);
	t_gate_wait(v->gate, 2);
	expect_vmlck(0, 0, "rival, all unmapped");
	t_gate_open(v->gate, 3);
}

static void rivals(struct t *t)
{
	void *(*const fn[THREADS])(void *) = { take, take, replace, replace };
	const uint64_t locked = t_vmlck(0);
	struct rival v = { .r.c = t->c, .gate = t_gate_new() };
	uint64_t bytes;
	struct hf_mem m;
	pid_t pid;

	hf_must(hf_mem_alloc("shmem4k", LEN, HF_MEM_TOUCHED, &m));
	v.r.mem = m.addr;
	pid = t_child_start(rival, &v);
	run_race(&v.r, fn, NULL, NULL);
	t_gate_wait(v.gate, 1);
	hf_expect_eq((t_vmlck(0) - locked + t_vmlck(pid)) % LEN, 0, "whole mappings are paid for");
	bytes = t_vmlck(0) - locked + t_vmlck(pid);
	hf_expect_eq(hf_unmap_all(t->c), bytes, "what is paid for is what is mapped");
	expect_vmlck(0, locked, "all unmapped");
	can_join(t->c, 0, "all unmapped");
	t_gate_open(v.gate, 2);
	t_child_end(pid, "rival");
	hf_mem_free(&m);
}

/*
 * The last group leaves while a thread gives a new address: what it was at work on goes too.
 * (On stock that is a use after free.)
 */
static void *update_whatever(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, invalidate(r->c, IOVA, LEN, NULL), -EINVAL, 0);
		allow(r, update(r->c, IOVA, r->mem, LEN), -EINVAL, -ENOENT);
	}
	return NULL;
}

struct going {
	struct hf_container *c;
	struct t_side *one;
	char *mem;
	unsigned int rounds;
};

static void come_and_go(void *arg)
{
	struct going *g = arg;

	hf_must(hf_group_attach(&g->one->group, g->c));
	hf_must(hf_container_set_type(g->c, VFIO_TYPE1v2_IOMMU));
	hf_map(g->c, IOVA, g->mem, LEN, HF_RW);
	t_sleep_ms(g->rounds++ % 8);
	hf_must(hf_group_detach(&g->one->group));
}

static void beside_detach(struct t *t)
{
	void *(*const fn[THREADS])(void *) = { update_whatever, update_whatever, update_whatever,
					       update_whatever };
	struct hf_proc_snapshot before;
	struct hf_container c;
	struct t_side one;
	struct race r = { .c = &c };
	struct going g = { .c = &c, .one = &one };
	struct hf_mem m;

	(void)t;
	hf_must(hf_mem_alloc("shmem4k", LEN, HF_MEM_TOUCHED, &m));
	r.mem = g.mem = m.addr;
	hf_must(hf_proc_snapshot(&before));
	hf_must(hf_container_open(&c));
	t_side_attach(&one, 0, &c);
	hf_must(hf_group_detach(&one.group));
	run_race(&r, fn, come_and_go, &g);
	hf_ktap_diag("%u times", g.rounds);
	t_leftover(&before, "the group left for the last time");
	t_side_close(&one);
	hf_container_close(&c);
	hf_mem_free(&m);
}

#define LEGACY(k, e, l) &(const struct legacy){ .kind = k, .end = e, .limited = l }
#define EXEC(late, limit, un) \
	&(const struct exec){ .invalidate_late = late, .limited = limit, .unmaps = un }

static const struct t_case cases[] = {
	{ "the extension is offered", extension, T_RIG, NULL },
	{ "ranges, v2", ranges, T_RIG, NULL },
	{ "ranges, v1", ranges, T_RIG | T_V1, NULL },
	{ "invalidations that are refused", bad_invalidate, T_RIG, NULL },
	{ "invalidations that are refused, v1", bad_invalidate, T_RIG | T_V1, NULL },
	{ "updates that are refused", bad_update, T_RIG, NULL },
	{ "updates that are refused, v1", bad_update, T_RIG | T_V1, NULL },
	{ "an emulated device in the container", emulated, T_RIG, NULL },
	{ "an emulated device that comes later", emulated_later, T_RIG, NULL },
	{ "dirty tracking", dirty, T_RIG, NULL },
	{ "who pays already is not charged", same_payer, T_RIG, NULL },
	{ "updates beside an unmap of all", beside_unmap_all, T_RIG, NULL },
	{ "processes that take memory from each other", rivals, T_RIG, NULL },
	{ "groups that join, leave and close", joins_and_close, 0, NULL },
	{ "updates while the last group leaves", beside_detach, T_HOLDFAST, NULL },
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
	{ "to another process, which unmaps", to_another_process, T_DMA,
	  LEGACY("shmem4k", HEIR_UNMAPS, false) },
	{ "to another process, the old one unmaps", to_another_process, T_DMA,
	  LEGACY("shmem4k", OWNER_UNMAPS, false) },
	{ "to another process, at its limit", to_another_process, T_DMA,
	  LEGACY("shmem4k", HEIR_UNMAPS, true) },
	{ "to another process, at its limit: hugetlb2m", to_another_process, T_DMA,
	  LEGACY("hugetlb2m", OWNER_UNMAPS, true) },
	{ "the old process exits first", owner_exits_first, T_DMA, NULL },
	{ "the new process exits", heir_exits, T_DMA, NULL },
	{ "exec", over_exec, T_DMA, EXEC(false, false, true) },
	{ "exec, invalidated after it", over_exec, T_DMA, EXEC(true, false, true) },
	{ "exec, exit, then unmap", over_exec, T_DMA, EXEC(false, false, false) },
	{ "exec at the limit", over_exec, T_DMA, EXEC(true, true, true) },
	{ "updates beside maps and dirty tracking", beside_maps, T_DMA, NULL },
};

int main(int argc, char **argv)
{
	if (argc == 10 && !strcmp(argv[1], "after-exec"))
		return after_exec(argv + 2);
	return T_EMULATED_RUN(cases);
}
