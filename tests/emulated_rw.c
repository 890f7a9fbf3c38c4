// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_rw - the driver of a device without an IOMMU copies from and to IOVAs, without pins:
 * the bytes arrive, over the borders of pages and mappings, and nowhere else; it is the memory
 * of the process that mapped, and only that process, or a thread of the kernel, may ask.
 */
#include <errno.h>
#include <holdfast/pattern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "differ.h"
#include "emulated.h"

#define IOVA 0x200000000ULL
#define PAGES 16
#define LEN (PAGES * T_PAGE)
#define WRITE HF_TESTDEV_RW_WRITE
#define KTHREAD HF_TESTDEV_RW_KTHREAD

static unsigned char buf[LEN + 2 * T_PAGE];

static int type_of(const struct t *t)
{
	return t->arg ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU;
}

/* Every combination of telling offsets and lengths, from the caller and from the kernel. */
static void round_trip(struct t *t)
{
	static const size_t offsets[] = { 0, 1, 100, T_PAGE - 1, T_PAGE, 2 * T_PAGE + 3 };
	static const size_t lens[] = { 1, 7, T_PAGE - 1, T_PAGE, T_PAGE + 2, 3 * T_PAGE, 10000,
				       12 * T_PAGE };
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, t->arg ? t->arg : "anon4k", LEN, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_map(&r.c, IOVA, m.addr, LEN, HF_RW);
	for (size_t o = 0; o < T_ARRAY_SIZE(offsets); o++)
	for (size_t l = 0; l < T_ARRAY_SIZE(lens); l++)
	for (uint32_t from = 0; from <= KTHREAD; from += KTHREAD) {
		const size_t at = offsets[o], len = lens[l];
		const uint64_t seed = t_seed();

		hf_pattern_fill(m.addr, LEN, 0, seed);
		memset(buf, 0x11, sizeof(buf));
		if (!hf_expect_eq(t_dma_rw(&r.dev[0], IOVA + at, buf + 8, len, from), 0,
				  "read %zu at %zu", len, at) ||
		    !hf_expect(!memcmp(buf + 8, (char *)m.addr + at, len), "bytes read") ||
		    !hf_expect(buf[7] == 0x11 && buf[8 + len] == 0x11, "no more than these"))
			goto out;
		memset(buf, 0x22, sizeof(buf));
		if (!hf_expect_eq(t_dma_rw(&r.dev[0], IOVA + at, buf, len, from | WRITE), 0,
				  "write %zu at %zu", len, at) ||
		    !hf_expect(!memcmp((char *)m.addr + at, buf, len), "bytes written"))
			goto out;
		/* Around it nothing changed. */
		hf_pattern_fill(buf, LEN, 0, seed);
		if (!hf_expect(!memcmp(m.addr, buf, at) &&
				       !memcmp((char *)m.addr + at + len, buf + at + len,
					       LEN - at - len),
			       "bytes around it"))
			goto out;
	}
	hf_expect_eq(t_vmlck(0), locked, "VmLck");
	hf_expect_eq(t_pins_held(), 0, "pins");
out:
	hf_unmap(&r.c, IOVA, LEN);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Neighbouring IOVAs of memory that is not: one copy over all of it. */
static void over_mappings(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", LEN, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, type_of(t));
	hf_mem_fill(&m, t_seed());
	/* Backwards, so that no two mappings are neighbours in memory as well. */
	for (unsigned int i = 0; i < PAGES; i++)
		hf_map(&r.c, IOVA + i * T_PAGE, (char *)m.addr + (PAGES - 1 - i) * T_PAGE, T_PAGE,
		       HF_RW);
	hf_expect_eq(t_dma_rw(&r.dev[0], IOVA + 10, buf, LEN - 20, 0), 0, "read of all");
	for (unsigned int i = 0; i < PAGES; i++) {
		const size_t skip = i ? 0 : 10, len = T_PAGE - skip - (i == PAGES - 1 ? 10 : 0);

		hf_expect(!memcmp(buf + i * T_PAGE - (i ? 10 : 0),
				  (char *)m.addr + (PAGES - 1 - i) * T_PAGE + skip, len),
			  "page %u", i);
	}
	for (size_t i = 0; i < LEN; i++)
		buf[i] = (unsigned char)(i / 3);
	hf_expect_eq(t_dma_rw(&r.dev[0], IOVA, buf, LEN, WRITE | KTHREAD), 0, "write of all");
	for (unsigned int i = 0; i < PAGES; i++)
		hf_expect(!memcmp(buf + i * T_PAGE, (char *)m.addr + (PAGES - 1 - i) * T_PAGE, T_PAGE),
			  "page %u written", i);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Pages 0-3 as asked, 4 a hole, 5-7 as asked, 8-9 may not be written, 10-11 not read. */
static void map_all_kinds(struct t_emulated_rig *r, struct hf_mem *m)
{
	static const struct {
		uint64_t page;
		uint64_t pages;
		uint32_t flags;
	} maps[] = { { 0, 4, HF_RW }, { 5, 3, HF_RW }, { 8, 2, HF_READ }, { 10, 2, HF_WRITE } };

	for (size_t i = 0; i < T_ARRAY_SIZE(maps); i++)
		hf_map(&r->c, IOVA + maps[i].page * T_PAGE,
		       (char *)m->addr + maps[i].page * T_PAGE, maps[i].pages * T_PAGE,
		       maps[i].flags);
	/* No memory at all, and memory that stops in the middle. */
	hf_map(&r->c, IOVA + 12 * T_PAGE, NULL, T_PAGE, HF_RW);
}

/* What is refused, with what, and how much was copied until then: compared with stock. */
static void refused(struct t *t)
{
	static const struct {
		size_t at;
		size_t len;
		int read;
		int write;
	} rows[] = {
		{ 0, 0, -EINVAL, -EINVAL },
		{ 4 * T_PAGE, 1, -EINVAL, -EINVAL },
		{ 5 * T_PAGE - 1, 1, -EINVAL, -EINVAL },
		{ 5 * T_PAGE - 1, 2, -EINVAL, -EINVAL },
		{ 4 * T_PAGE - 1, 2, -EINVAL, -EINVAL },
		{ 100, 4 * T_PAGE, -EINVAL, -EINVAL },
		{ 4 * T_PAGE - 1, 1, 0, 0 },
		{ 8 * T_PAGE, 1, 0, -EPERM },
		{ 8 * T_PAGE - 5, 10, 0, -EPERM },
		{ 10 * T_PAGE, 8, -EPERM, -EPERM },
		{ 10 * T_PAGE - 8, 16, -EPERM, -EPERM },
		{ 9 * T_PAGE, 3 * T_PAGE, -EPERM, -EPERM },
		{ 12 * T_PAGE, 8, -EFAULT, -EFAULT },
		{ 12 * T_PAGE - 8, 16, -EPERM, -EPERM },
		{ 13 * T_PAGE, 8, -EINVAL, -EINVAL },
		{ 1ULL << 40, 8, -EINVAL, -EINVAL },
		{ 0ULL - IOVA - 4, 4, -EINVAL, -EINVAL },
		{ 0ULL - IOVA - 4, 8, -EINVAL, -EINVAL },
		{ 0, HF_TESTDEV_RW_MAX + 1, -E2BIG, -E2BIG },
	};
	static unsigned char large[HF_TESTDEV_RW_MAX + 1];
	struct t_emulated_rig r;
	struct hf_mem m;
	size_t n = 0;

	if (!t_alloc(&m, "anon4k", LEN, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, type_of(t));
	map_all_kinds(&r, &m);
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++)
	for (uint32_t from = 0; from <= KTHREAD; from += KTHREAD) {
		const uint64_t iova = IOVA + rows[i].at;
		int ret;

		hf_mem_fill(&m, 1000 + i);
		memset(large, 0x33, sizeof(large));
		ret = t_dma_rw(&r.dev[0], iova, large, rows[i].len, from);
		hf_expect_eq(ret, rows[i].read, "read %zu at 0x%zx", rows[i].len, rows[i].at);
		t_same(t, n++, ret, t_hash(large, 8 * T_PAGE), "read, row %zu", i);
		memset(large, 0x44, sizeof(large));
		ret = t_dma_rw(&r.dev[0], iova, large, rows[i].len, from | WRITE);
		hf_expect_eq(ret, rows[i].write, "write %zu at 0x%zx", rows[i].len, rows[i].at);
		t_same(t, n++, ret, t_hash(m.addr, LEN), "write, row %zu", i);
	}
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Only the CPU's page tables say what is there: memory comes with the copy, or is refused. */
static void memory(struct t *t)
{
	struct t_emulated_rig r;
	char *p, bytes[32] = "written by a device";

	p = mmap(NULL, 8 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(p != MAP_FAILED, "memory");
	t_emulated_rig(&r, t, 1, type_of(t));
	hf_map(&r.c, IOVA, p, 8 * T_PAGE, HF_RW);
	for (uint32_t from = 0; from <= KTHREAD; from += KTHREAD) {
		char *q = p + (from ? 2 : 0) * T_PAGE;
		const uint64_t iova = IOVA + (uint64_t)(q - p);

		hf_expect_eq(t_dma_rw(&r.dev[0], iova + 5, bytes, 32, WRITE | from), 0,
			     "write to what nobody touched");
		hf_expect(!memcmp(q + 5, bytes, 32), "bytes");
		hf_expect_eq(t_dma_rw(&r.dev[0], iova + T_PAGE, buf, 32, from), 0,
			     "read of what nobody touched");
		hf_expect(!buf[0] && !buf[31], "zeroes");
		hf_require(!mprotect(q, T_PAGE, PROT_READ), "mprotect");
		hf_expect_eq(t_dma_rw(&r.dev[0], iova, bytes, 32, WRITE | from), -EFAULT,
			     "write to what the process may not write");
		hf_expect_eq(t_dma_rw(&r.dev[0], iova + 5, buf, 32, from), 0, "but it may read");
		hf_expect(!memcmp(q + 5, buf, 32), "bytes read");
		hf_require(!mprotect(q, T_PAGE, PROT_NONE), "mprotect");
		hf_expect_eq(t_dma_rw(&r.dev[0], iova, buf, 32, from), -EFAULT,
			     "read of what the process may not read");
		hf_require(!munmap(q, T_PAGE), "munmap");
		hf_expect_eq(t_dma_rw(&r.dev[0], iova, buf, 32, from), -EFAULT, "read of nothing");
		hf_expect_eq(t_dma_rw(&r.dev[0], iova + T_PAGE - 8, buf, 16, from), -EFAULT,
			     "read that begins with nothing");
	}
	t_emulated_rig_close(&r);
	munmap(p, 8 * T_PAGE);
}

struct shared {
	struct t_emulated_rig r;
	char *p;
	struct t_gate *gate;
};

/* The child has the same addresses with other memory behind them. */
static void child_asks(void *arg)
{
	struct shared *s = arg;
	char bytes[16] = "to the parent", seen[16] = "";

	memset(s->p, 'c', T_PAGE);
	hf_expect_eq(t_dma_rw(&s->r.dev[0], IOVA, seen, 16, 0), -EFAULT, "read by another");
	hf_expect_eq(t_dma_rw(&s->r.dev[0], IOVA, bytes, 16, WRITE), -EFAULT, "write by another");
	hf_expect_eq(s->p[0], 'c', "the child's memory");
	hf_expect_eq(t_dma_rw(&s->r.dev[0], IOVA, seen, 16, KTHREAD), 0, "read by the kernel");
	hf_expect(seen[0] == 'p', "the parent's memory is read");
	hf_expect_eq(t_dma_rw(&s->r.dev[0], IOVA + 32, bytes, 16, WRITE | KTHREAD), 0,
		     "write by the kernel");
	hf_expect_eq(s->p[32], 'c', "the child's memory, still");
}

static void child_maps(void *arg)
{
	struct shared *s = arg;

	hf_map(&s->r.c, IOVA, s->p, T_PAGE, HF_RW);
}

static void other_process(struct t *t)
{
	struct shared s;
	char seen[16];

	s.p = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(s.p != MAP_FAILED, "memory");
	memset(s.p, 'p', T_PAGE);
	t_emulated_rig(&s.r, t, 1, type_of(t));
	hf_map(&s.r.c, IOVA, s.p, T_PAGE, HF_RW);
	t_child(child_asks, &s, "another process asks");
	hf_expect(!memcmp(s.p + 32, "to the parent", 13), "what the kernel wrote for the child");
	hf_unmap(&s.r.c, IOVA, T_PAGE);

	t_child(child_maps, &s, "another process maps and ends");
	hf_expect_eq(t_dma_rw(&s.r.dev[0], IOVA, seen, 16, 0), -EPERM, "memory of nobody");
	hf_expect_eq(t_dma_rw(&s.r.dev[0], IOVA, seen, 16, KTHREAD), -EPERM,
		     "memory of nobody, by the kernel");
	t_emulated_rig_close(&s.r);
	munmap(s.p, T_PAGE);
}

static void map_exec(void *arg)
{
	struct shared *s = arg;
	char fd[16];

	hf_map(&s->r.c, IOVA, s->p, T_PAGE, HF_RW);
	snprintf(fd, sizeof(fd), "%d", dup(s->r.dev[0].fd));
	execl("/proc/self/exe", "emulated_rw", "after-exec", fd, NULL);
	hf_expect(false, "exec: %s", strerror(errno));
}

/* No result lines here: the parent reads the exit status. */
static int after_exec(const char *fd)
{
	const struct t_emulated e = { .fd = atoi(fd) };
	char seen[16];
	int ret;

	ret = t_dma_rw(&e, IOVA, seen, 16, 0);
	if (ret != -EPERM)
		return ret == -EFAULT ? 2 : 3;
	return t_dma_rw(&e, IOVA, seen, 16, KTHREAD) == -EPERM ? 0 : 4;
}

static void over_exec(struct t *t)
{
	struct shared s;

	s.p = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(s.p != MAP_FAILED, "memory");
	t_emulated_rig(&s.r, t, 1, type_of(t));
	t_child(map_exec, &s, "map, exec, copy (2: EFAULT, 3: another answer, 4: the kernel's)");
	t_emulated_rig_close(&s.r);
	munmap(s.p, T_PAGE);
}

/* Pinned or not makes no difference. */
static void pinned(struct t *t)
{
	struct t_emulated_rig r;
	uint64_t mark = t_seed(), seen = 0;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 2, VFIO_TYPE1v2_IOMMU);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 2, HF_TESTDEV_READ | HF_TESTDEV_WRITE, NULL), 2, "pin");
	hf_expect_eq(t_dma_rw(&r.dev[1], IOVA + 64, &mark, 8, WRITE), 0, "write");
	hf_must(t_page_read(&r.dev[0], IOVA, 64, &seen, 8));
	hf_expect_eq(seen, mark, "in the pinned page");
	mark = t_seed();
	hf_must(t_page_write(&r.dev[0], IOVA + T_PAGE, 8, &mark, 8));
	hf_expect_eq(t_dma_rw(&r.dev[1], IOVA + T_PAGE + 8, &seen, 8, KTHREAD), 0, "read");
	hf_expect_eq(seen, mark, "what was written to the pinned page");
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "there and back: anon4k", round_trip, 0, "anon4k" },
	{ "there and back: thp", round_trip, 0, "thp" },
	{ "there and back: hugetlb2m", round_trip, 0, "hugetlb2m" },
	{ "there and back: shmem4k", round_trip, 0, "shmem4k" },
	{ "there and back: file", round_trip, 0, "file" },
	{ "over mappings", over_mappings, 0, NULL },
	{ "over mappings, v1", over_mappings, 0, "v1" },
	{ "what is refused", refused, 0, NULL },
	{ "what is refused, v1", refused, 0, "v1" },
	{ "memory that is not there", memory, 0, NULL },
	{ "other processes", other_process, 0, NULL },
	{ "exec", over_exec, 0, NULL },
	{ "beside a pin", pinned, 0, NULL },
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "after-exec"))
		return after_exec(argv[2]);
	return T_EMULATED_RUN(cases);
}
