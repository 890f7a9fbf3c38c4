// SPDX-License-Identifier: GPL-2.0-only
/*
 * huge_parts - huge pages that are not what they seem: split, holed, shared with a child,
 * moved; and memory that its owner takes away under a mapping.
 *
 * A backend that pins a huge page as one must notice each of these: the page table, not the
 * page, says what memory a process sees. Where the user takes the memory away, the device
 * keeps the old pages, which belong to nobody else until the unmap.
 */
#include <errno.h>
#include <holdfast/pattern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"

#define IOVA 0x340000000ULL
#define HUGE 3UL
#define LEN (HUGE * T_2M)

/* Pages that are telling in a huge page: its ends, the middle, and neighbours. */
static const size_t odd_pages[] = { 0, 1, 255, 256, 300, 510, 511 };

static char *page_at(const struct hf_mem *m, size_t huge, size_t page)
{
	return (char *)m->addr + huge * T_2M + page * T_PAGE;
}

static void check(struct t *t, const struct hf_mem *m, const char *what)
{
	hf_map(t->c, IOVA, m->addr, m->len, HF_RW);
	t_dma_check(&t->port, IOVA, m->addr, m->len, HF_RW, what);
	hf_unmap(t->c, IOVA, m->len);
	hf_map(t->c, IOVA, m->addr, m->len, HF_READ);
	t_dma_check(&t->port, IOVA, m->addr, m->len, HF_READ, what);
	hf_unmap(t->c, IOVA, m->len);
}

/* Single pages are dropped and come back as other pages. */
static void dropped(struct t *t)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(odd_pages); i++) {
		struct hf_mem m;
		char what[48];

		if (!t_alloc(&m, t->arg, LEN, 0, HF_MEM_TOUCHED))
			return;
		for (size_t h = 0; h < HUGE; h++)
			hf_require(!madvise(page_at(&m, h, odd_pages[i]), T_PAGE, MADV_DONTNEED),
				   "madvise");
		snprintf(what, sizeof(what), "page %zu of each dropped", odd_pages[i]);
		check(t, &m, what);
		hf_mem_free(&m);
	}
}

/* Parts are mapped differently for a moment, which splits the entry but not the page. */
static void split(struct t *t)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(odd_pages); i++) {
		struct hf_mem m;
		char what[48];
		char *p;

		if (!t_alloc(&m, t->arg, LEN, 0, HF_MEM_TOUCHED))
			return;
		p = page_at(&m, 1, odd_pages[i]);
		hf_require(!mprotect(p, T_PAGE, PROT_NONE) &&
			   !mprotect(p, T_PAGE, PROT_READ | PROT_WRITE), "mprotect");
		snprintf(what, sizeof(what), "split at page %zu", odd_pages[i]);
		check(t, &m, what);
		hf_mem_free(&m);
	}
}

/* A page of another area stands where one of the huge page's was. */
static void patched(struct t *t)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(odd_pages); i++) {
		struct hf_mem m;
		char what[48];
		char *p;

		if (!t_alloc(&m, t->arg, LEN, 0, HF_MEM_TOUCHED))
			return;
		p = page_at(&m, 1, odd_pages[i]);
		hf_require(mmap(p, T_PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p, "mmap");
		snprintf(what, sizeof(what), "page %zu of the second replaced", odd_pages[i]);
		check(t, &m, what);
		hf_mem_free(&m);
	}
}

/* Part of a huge page moves to an address where no huge entry can be. */
static void moved(struct t *t)
{
	char *area = mmap(NULL, 4 * T_2M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct hf_mem m, view;
	char *to;

	hf_require(area != MAP_FAILED, "mmap");
	if (!t_alloc(&m, t->arg, LEN, 0, HF_MEM_TOUCHED))
		return;
	to = area + 7 * T_PAGE;
	hf_require(mremap(page_at(&m, 0, 100), 700 * T_PAGE, 700 * T_PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, to) == to, "mremap");
	view = (struct hf_mem){ .addr = to, .len = 700 * T_PAGE };
	check(t, &view, "moved");
	munmap(area, 4 * T_2M);
	hf_mem_free(&m);
}

/* A child holds the same pages; what the parent maps must be the parent's own. */

struct family {
	struct hf_mem *m;
	uint64_t seed;
	struct t_gate *gate;
};

static void keep_watch(void *arg)
{
	struct family *f = arg;
	struct hf_mismatch bad;

	t_gate_open(f->gate, 1);
	t_gate_wait(f->gate, 2);
	hf_expect(hf_pattern_check(f->m->addr, f->m->len, 0, f->seed, &bad),
		  "the child's copy changed at +0x%zx", bad.offset);
	/* And what the child writes is its own business. */
	memset(f->m->addr, 0xcc, f->m->len);
	t_gate_open(f->gate, 3);
	t_gate_wait(f->gate, 4);
}

struct shared {
	const char *kind;
	uint32_t prot;
	bool map_first;
};

static void with_child(struct t *t)
{
	const struct shared *s = t->arg;
	struct hf_mem m;
	struct family f = { .m = &m, .seed = t_seed(), .gate = t_gate_new() };
	uint64_t seed = t_seed();
	pid_t pid;

	if (!t_alloc(&m, s->kind, s->map_first ? LEN : 2 * T_2M, 0, HF_MEM_TOUCHED))
		return;
	hf_pattern_fill(m.addr, m.len, 0, f.seed);
	if (s->map_first)
		hf_map(t->c, IOVA, m.addr, m.len, s->prot);
	pid = t_child_start(keep_watch, &f);
	t_gate_wait(f.gate, 1);
	if (!s->map_first)
		hf_map(t->c, IOVA, m.addr, m.len, s->prot);
	t_dma_reads(&t->port, IOVA, m.len, 0, f.seed, "before anybody wrote");
	t_dma_check(&t->port, IOVA, m.addr, m.len, s->prot, "while the child holds its copy");
	hf_pattern_fill(m.addr, m.len, 0, seed);
	t_gate_open(f.gate, 2);
	t_gate_wait(f.gate, 3);
	t_dma_reads(&t->port, IOVA, m.len, 0, seed, "after the child wrote to its copy");
	t_gate_open(f.gate, 4);
	t_child_end(pid, "the child");
	t_dma_check(&t->port, IOVA, m.addr, m.len, s->prot, "after the child is gone");
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

/* The user takes memory away under a mapping; what comes in its place is not the device's. */
static void taken_away(struct t *t)
{
	const uint64_t seed = t_seed();
	struct hf_mem m, other;
	struct hf_mismatch bad;

	if (!t_alloc(&m, t->arg, LEN, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_RW, "at first");
	hf_mem_free(&m);
	/* Would be given the freed pages, if they were free. */
	if (!t_alloc(&other, t->arg, 8 * LEN, 0, HF_MEM_TOUCHED))
		goto unmap;
	hf_pattern_fill(other.addr, other.len, 0, seed);
	t_dma_writes(&t->port, IOVA, LEN, 0, t_seed(), "into memory that is gone");
	hf_expect(hf_pattern_check(other.addr, other.len, 0, seed, &bad),
		  "memory of others changed at +0x%zx", bad.offset);
	hf_mem_free(&other);
unmap:
	hf_unmap(t->c, IOVA, LEN);
}

static void dropped_under(struct t *t)
{
	const size_t page = 300;
	const uint64_t seed = t_seed();
	struct hf_mismatch bad;
	struct hf_mem m;

	if (!t_alloc(&m, t->arg, LEN, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_require(!madvise(page_at(&m, 1, page), T_PAGE, MADV_DONTNEED), "madvise");
	hf_pattern_fill(m.addr, m.len, 0, seed);
	/* That page has parted; what is before and after it has not. */
	t_dma_reads(&t->port, IOVA, T_2M + page * T_PAGE, 0, seed, "before the dropped page");
	t_dma_reads(&t->port, IOVA + T_2M + (page + 1) * T_PAGE, LEN - T_2M - (page + 1) * T_PAGE,
		    T_2M + (page + 1) * T_PAGE, seed, "behind the dropped page");
	t_dma_writes(&t->port, IOVA + T_2M + page * T_PAGE, T_PAGE, 0, t_seed(),
		     "the dropped page");
	hf_expect(hf_pattern_check(m.addr, m.len, 0, seed, &bad),
		  "the page that came in its place changed, at +0x%zx", bad.offset);
	hf_unmap(t->c, IOVA, m.len);
	/* Mapped anew it is one again. */
	check(t, &m, "mapped again");
	hf_mem_free(&m);
}

/* Folios between 4K and 2M, where the kernel has them. */
static void medium(struct t *t)
{
	const char *path = t->arg;
	char old[128], *word, *end;
	const size_t len = 4 * T_2M;
	char *area, *p;
	struct hf_mem m;

	if (hf_proc_read_file(path, old, sizeof(old)) < 0) {
		hf_ktap_skip("this kernel has no such pages");
		return;
	}
	word = strchr(old, '[');
	end = word ? strchr(word, ']') : NULL;
	hf_require(word && end, "%s reads %s", path, old);
	*end = '\0';
	hf_must(hf_proc_write_file(path, "always"));
	area = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(area != MAP_FAILED, "mmap");
	/* Off the 2M boundaries, so that the 2M size does not take it all. */
	p = (char *)(((uintptr_t)area + T_2M) & ~(T_2M - 1)) + T_2M / 2;
	m = (struct hf_mem){ .addr = p, .len = T_2M };
	for (size_t at = 0; at < T_2M; at += 16 * T_PAGE)
		hf_mem_touch(p + at, 16 * T_PAGE);
	hf_ktap_diag("%ld runs in 512 pages", hf_mem_runs(p, T_2M));
	check(t, &m, "whole");
	/* One page in each of them replaced. */
	for (size_t at = 5; at < 512; at += 16)
		hf_require(!madvise(p + at * T_PAGE, T_PAGE, MADV_DONTNEED), "madvise");
	check(t, &m, "a page of each replaced");
	/* From inside one, and to inside another. */
	m = (struct hf_mem){ .addr = p + 3 * T_PAGE, .len = 200 * T_PAGE };
	check(t, &m, "parts at both ends");
	munmap(area, len);
	hf_must(hf_proc_write_file(path, word + 1));
}

/*
 * A page of a private hugetlb file that may be written later is the file's until then. To map it
 * for reading it takes a page of its own, of a pool that has none: refused, and nothing is lost.
 * Stock of kernels before 6.2 maps the file's page.
 */
static void pool_empty(struct t *t)
{
	const bool takes_none = t->on == T_ON_STOCK && t_kernel_before(6, 2);
	struct hf_proc_snapshot before;
	struct hf_mem m, rest;
	int ret;

	if (!t_alloc(&m, "hugetlb2m-shared", T_2M, 0, HF_MEM_TOUCHED))
		return;
	hf_require(mmap(m.addr, T_2M, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, m.fd, 0) ==
		   m.addr, "mmap");
	hf_mem_touch_read(m.addr, T_2M);
	hf_must(hf_proc_snapshot(&before));
	if (!t_alloc(&rest, "hugetlb2m", before.huge_free_2m * T_2M, 0, HF_MEM_TOUCHED))
		goto out;
	ret = hf_try_map(t->c, IOVA, m.addr, T_2M, HF_READ);
	hf_ktap_diag("with an empty pool: %s", ret ? strerror(-ret) : "mapped");
	hf_expect(takes_none ? !ret : ret == -EFAULT || ret == -ENOMEM,
		  "map with an empty pool answers %d", ret);
	if (!ret)
		hf_unmap(t->c, IOVA, T_2M);
	hf_mem_free(&rest);
	t_leftover(&before, "refused");
	hf_map(t->c, IOVA, m.addr, T_2M, HF_READ);
	hf_unmap(t->c, IOVA, T_2M);
out:
	hf_mem_free(&m);
}

#define MTHP(size) "/sys/kernel/mm/transparent_hugepage/hugepages-" size "/enabled"
#define W(k, p, first) &(const struct shared){ k, p, first }

static const struct t_case cases[] = {
	{ "pages dropped: thp", dropped, T_DMA, "thp" },
	{ "entries split: thp", split, T_DMA, "thp" },
	{ "entries split: shmemthp", split, T_DMA, "shmemthp" },
	{ "pages replaced: thp", patched, T_DMA, "thp" },
	{ "pages replaced: shmemthp", patched, T_DMA, "shmemthp" },
	{ "moved: thp", moved, T_DMA, "thp" },
	{ "moved: shmemthp", moved, T_DMA, "shmemthp" },
	{ "fork, then map: thp", with_child, T_DMA, W("thp", HF_RW, false) },
	{ "fork, then map: anon4k", with_child, T_DMA, W("anon4k", HF_RW, false) },
	{ "fork, then map: hugetlb2m", with_child, T_DMA, W("hugetlb2m", HF_RW, false) },
	{ "fork, then map: file", with_child, T_DMA, W("file", HF_RW, false) },
	{ "map, then fork: thp", with_child, T_DMA, W("thp", HF_RW, true) },
	{ "map, then fork: anon4k", with_child, T_DMA, W("anon4k", HF_RW, true) },
	{ "map, then fork: hugetlb2m", with_child, T_DMA, W("hugetlb2m", HF_RW, true) },
	/* Read-only over shared pages: stock of older kernels is stale there. */
	{ "fork, then map read-only: thp", with_child, T_DMA | T_HOLDFAST,
	  W("thp", HF_READ, false) },
	{ "fork, then map read-only: anon4k", with_child, T_DMA | T_HOLDFAST,
	 W("anon4k", HF_READ, false) },
	{ "fork, then map read-only: hugetlb2m", with_child, T_DMA | T_HOLDFAST,
	 W("hugetlb2m", HF_READ, false) },
	{ "memory freed under a mapping: anon4k", taken_away, T_DMA, "anon4k" },
	{ "memory freed under a mapping: thp", taken_away, T_DMA, "thp" },
	{ "memory freed under a mapping: hugetlb2m", taken_away, T_DMA, "hugetlb2m" },
	{ "memory freed under a mapping: shmem4k", taken_away, T_DMA, "shmem4k" },
	{ "a page dropped under a mapping: anon4k", dropped_under, T_DMA, "anon4k" },
	{ "a page dropped under a mapping: thp", dropped_under, T_DMA, "thp" },
	{ "no huge page left for a private copy", pool_empty, T_RIG, NULL },
	{ "64K folios", medium, T_DMA, MTHP("64kB") },
	{ "16K folios", medium, T_DMA, MTHP("16kB") },
};

int main(void)
{
	return T_RUN(cases);
}
