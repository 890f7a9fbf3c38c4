// SPDX-License-Identifier: GPL-2.0-only
/*
 * map_backings - every kind of memory, mapped read-write and read-only, is what the device
 * sees, in every byte and in both directions.
 *
 * Two things are varied for each kind: where a mapping begins and ends inside the natural
 * pages (whole, from the middle, a part at both ends), and whether its pages were there when
 * it was made. The larger sizes cross the pin batches of a backend (512 pages) several times
 * at odd places, and "frag4k" has no two neighbours physically adjacent, so that one page
 * that is swapped, doubled or left out anywhere shows.
 */
#include <errno.h>
#include <holdfast/pattern.h>
#include <stdio.h>
#include <sys/mman.h>

#include "harness.h"

#define LOW_IOVA 0x100000ULL
#define MID_IOVA 0x123000000ULL
#define HIGH_IOVA 0x7fff00000000ULL

/* Sizes and offsets in 4K pages. */
struct shape {
	size_t pages;
	size_t offset;
	uint64_t iova;
};

static const struct shape shapes[] = {
	{ 1, 0, LOW_IOVA },    { 2, 1, LOW_IOVA },     { 15, 3, MID_IOVA },   { 16, 0, HIGH_IOVA },
	{ 17, 0, LOW_IOVA },   { 511, 1, MID_IOVA },   { 512, 0, LOW_IOVA },
	{ 513, 511, HIGH_IOVA },
	{ 1024, 256, MID_IOVA }, { 1537, 300, LOW_IOVA },
};

/* What every shape fits in. */
#define MAX_PAGES 2048UL

static void check_shape(struct t *t, char *mem, const char *kind, const struct shape *s,
			uint32_t prot)
{
	const size_t len = s->pages * T_PAGE;
	char *addr = mem + s->offset * T_PAGE;
	char what[96];

	snprintf(what, sizeof(what), "%s, %zu pages from page %zu, IOVA 0x%llx", kind, s->pages,
		 s->offset, (unsigned long long)s->iova);
	hf_map(t->c, s->iova, addr, len, prot);
	t_dma_check(&t->port, s->iova, addr, len, prot, what);
	hf_unmap(t->c, s->iova, len);
}

static void check_shapes(struct t *t, const char *kind, uint32_t prot)
{
	struct hf_mem m;

	if (!t_alloc(&m, kind, MAX_PAGES * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	for (size_t i = 0; i < T_ARRAY_SIZE(shapes) && !hf_ktap_failed(); i++)
		check_shape(t, m.addr, kind, &shapes[i], prot);
	hf_mem_free(&m);
}

static void read_write(struct t *t)
{
	check_shapes(t, t->arg, HF_RW);
}

/*
 * The CPU may write what the device may only read. Touched before: on kernels whose GUP does
 * not unshare, stock would hold the zero page (read_only_coherent is about that).
 */
static void read_only(struct t *t)
{
	check_shapes(t, t->arg, HF_READ);
}

static void write_only(struct t *t)
{
	check_shapes(t, t->arg, HF_WRITE);
}

/* The map itself has to fault every page in. */
static void never_faulted(struct t *t)
{
	static const struct shape s[] = {
		{ 1, 0, LOW_IOVA }, { 700, 3, HIGH_IOVA }, { 1600, 5, MID_IOVA }
	};

	if (hf_mem_kind_find(t->arg)->props & HF_KIND_TOUCHED_ONLY) {
		hf_ktap_skip("has no never-faulted form");
		return;
	}
	for (size_t i = 0; i < T_ARRAY_SIZE(s) && !hf_ktap_failed(); i++) {
		struct hf_mem m;

		if (!t_alloc(&m, t->arg, MAX_PAGES * T_PAGE, 0, 0))
			return;
		check_shape(t, m.addr, t->arg, &s[i], HF_RW);
		hf_mem_free(&m);
	}
}

/* 64M: more batches and more runs than any first buffer of a backend holds. */
static void big(struct t *t)
{
	const struct shape s = { 16384, 0, HIGH_IOVA };
	struct hf_mem m;

	if (!t_alloc(&m, t->arg, s.pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	check_shape(t, m.addr, t->arg, &s, HF_RW);
	hf_mem_free(&m);
}

/* IOVA 0 is an address like any other. */
static void iova_zero(struct t *t)
{
	const struct shape s = { 33, 0, 0 };
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", s.pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	check_shape(t, m.addr, "anon4k", &s, HF_RW);
	hf_mem_free(&m);
}

/* One mapping over memory of several makes: the walk changes its step inside a mapping. */
static void mixed(struct t *t)
{
	static const struct {
		const char *kind;
		size_t len;
	} parts[] = {
		{ "anon4k", 3 * T_PAGE }, { "hugetlb2m", T_2M }, { "frag4k", 600 * T_PAGE },
		{ "thp", 2 * T_2M },      { "shmem4k", 5 * T_PAGE },
	};
	const size_t span = 64UL << 20;
	char *area =
		mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *start, *at;

	hf_require(area != MAP_FAILED, "64M of addresses");
	/* The first part ends where a huge page can begin. */
	start = (char *)(((uintptr_t)area + 2 * T_2M) & ~(T_2M - 1)) - parts[0].len;
	at = start;
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++) {
		struct hf_mem m;

		if (!t_alloc(&m, parts[i].kind, parts[i].len, 0, HF_MEM_TOUCHED))
			goto out;
		/* hugetlb can only be moved to an aligned place; 4K kinds follow on any page. */
		if (m.kind->props & HF_KIND_HUGE)
			at = (char *)(((uintptr_t)at + m.kind->page_size - 1) &
				      ~(m.kind->page_size - 1));
		hf_require(mremap(m.addr, m.len, m.len, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at,
			   "move %s", parts[i].kind);
		at += m.len;
		hf_mem_free(&m);
	}
	/* What alignment left between the parts becomes plain pages. */
	for (char *p = start; p < at; p += T_PAGE) {
		unsigned char there;

		if (mincore(p, T_PAGE, &there) == 0 && there & 1)
			continue;
		hf_require(mmap(p, T_PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0) == p,
			   "fill the gap");
	}
	hf_map(t->c, MID_IOVA + 5 * T_PAGE, start, (size_t)(at - start), HF_RW);
	t_dma_check(&t->port, MID_IOVA + 5 * T_PAGE, start, (size_t)(at - start), HF_RW, "mixed");
	hf_unmap(t->c, MID_IOVA + 5 * T_PAGE, (size_t)(at - start));
out:
	munmap(area, span);
}

/* The same memory at two IOVAs: both see one page, and one unmap leaves the other alone. */
static void twice(struct t *t)
{
	const size_t len = 600 * T_PAGE;
	struct hf_mem m;

	if (!t_alloc(&m, t->arg, len, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, LOW_IOVA, m.addr, len, HF_RW);
	hf_map(t->c, HIGH_IOVA, m.addr, len, HF_READ);
	t_dma_check(&t->port, LOW_IOVA, m.addr, len, HF_RW, "first");
	t_dma_check(&t->port, HIGH_IOVA, m.addr, len, HF_READ, "second");
	hf_unmap(t->c, LOW_IOVA, len);
	t_dma_check(&t->port, HIGH_IOVA, m.addr, len, HF_READ, "second, alone");
	hf_unmap(t->c, HIGH_IOVA, len);
	hf_mem_free(&m);
}

/* Memory that the CPU has only for reading can be mapped for the device to read. */
static void readonly_memory(struct t *t)
{
	const size_t len = 40 * T_PAGE;
	const uint64_t seed = t_seed();
	struct hf_mem m;

	if (!t_alloc(&m, t->arg, len, 0, HF_MEM_TOUCHED))
		return;
	hf_pattern_fill(m.addr, len, LOW_IOVA, seed);
	hf_require(!mprotect(m.addr, m.len, PROT_READ), "mprotect");
	hf_expect_eq(hf_try_map(t->c, LOW_IOVA, m.addr, len, HF_RW), -EFAULT,
		     "read-write map of read-only memory");
	hf_map(t->c, LOW_IOVA, m.addr, len, HF_READ);
	t_dma_reads(&t->port, LOW_IOVA, len, LOW_IOVA, seed, "read-only memory");
	hf_unmap(t->c, LOW_IOVA, len);
	hf_mem_free(&m);
}

#define KIND(k)                                                                            \
	{ k ": read-write", read_write, T_DMA, k }, { k ": read-only", read_only, T_DMA, k },  \
	{ k ": write-only", write_only, T_DMA, k },                                        \
	{ k ": never faulted before the map", never_faulted, T_DMA, k }

static const struct t_case cases[] = {
	KIND("anon4k"),
	KIND("frag4k"),
	KIND("thp"),
	KIND("hugetlb2m"),
	KIND("hugetlb2m-shared"),
	KIND("hugetlb1g"),
	KIND("shmem4k"),
	KIND("shmemthp"),
	KIND("file"),
	KIND("file-shared"),
	{ "frag4k: 64M, every page", big, T_DMA, "frag4k" },
	{ "thp: 64M, every page", big, T_DMA, "thp" },
	{ "IOVA 0", iova_zero, T_DMA, NULL },
	{ "several kinds in one mapping", mixed, T_DMA, NULL },
	{ "the same 4K pages at two IOVAs", twice, T_DMA, "anon4k" },
	{ "the same huge pages at two IOVAs", twice, T_DMA, "thp" },
	{ "memory the CPU may only read: anon4k", readonly_memory, T_DMA, "anon4k" },
	{ "memory the CPU may only read: file-shared", readonly_memory, T_DMA, "file-shared" },
};

int main(void)
{
	return T_RUN(cases);
}
