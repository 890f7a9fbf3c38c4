// SPDX-License-Identifier: GPL-2.0-only
/*
 * read_only_coherent - what the device may only read stays what the CPU sees, also when the
 * memory had no page of its own yet when it was mapped.
 *
 * Memory that was never written is a shared zero page, or a page of the file's, and gets a
 * page of its own at the first write. A mapping must not hold on to the former: the device
 * would read old bytes for ever. Kernels before 6.2 leave that to whoever pins; stock there
 * is stale, which is reported but is not this test's failure.
 */
#include <holdfast/pattern.h>
#include <string.h>
#include <sys/mman.h>

#include "harness.h"

#define IOVA 0x6000000000ULL

struct start {
	const char *kind;
	unsigned int flags;
	size_t pages;
	size_t offset;
};

/* Expect it of holdfast; of stock, say how it is. */
static void judge(struct t *t, bool fresh, const char *what)
{
	if (t->on == T_ON_HOLDFAST)
		hf_expect(fresh, "%s: the device reads old bytes", what);
	else if (!fresh)
		hf_ktap_diag("%s: stale on this kernel's stock", what);
}

/* Does the device read this pattern? No expectation. */
static bool reads(struct t *t, size_t len, uint64_t seed)
{
	char *bounce = t->port.bounce.addr;

	for (size_t at = 0; at < len; at += T_BOUNCE_SIZE) {
		const size_t n = len - at < T_BOUNCE_SIZE ? len - at : T_BOUNCE_SIZE;

		memset(bounce, 0xa5, n);
		hf_must(hf_dma_copy(t->port.dma, t->port.iova, IOVA + at, n));
		if (!hf_pattern_check(bounce, n, at, seed, NULL))
			return false;
	}
	return true;
}

static void written_later(struct t *t)
{
	const struct start *s = t->arg;
	const size_t len = s->pages * T_PAGE;
	uint64_t seed = t_seed();
	struct hf_mem m;

	if (!t_alloc(&m, s->kind, len, s->offset * T_PAGE, s->flags))
		return;
	hf_map(t->c, IOVA, m.addr, len, HF_READ);
	/* The mapping itself changes nothing the CPU sees. */
	if (m.kind->props & HF_KIND_FILE && !(m.kind->props & HF_KIND_HUGE))
		hf_expect(!strncmp(m.kind->name, "shmem", 5) ||
				  hf_pattern_check(m.addr, len,
						   (uintptr_t)m.addr - (uintptr_t)m.file_addr,
						   HF_MEM_FILE_SEED, NULL),
			  "the file's bytes are still there");
	else
		hf_expect(hf_pattern_is_byte(m.addr, len, 0, NULL), "still zeroes");
	hf_pattern_fill(m.addr, len, 0, seed);
	judge(t, reads(t, len, seed), "written after the map");
	seed = t_seed();
	hf_pattern_fill(m.addr, len, 0, seed);
	judge(t, reads(t, len, seed), "written once more");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

/* The CPU may not write yet when the map is made. */
static void writable_later(struct t *t)
{
	const struct start *s = t->arg;
	const size_t len = s->pages * T_PAGE;
	const uint64_t seed = t_seed();
	struct hf_mem m;

	if (!t_alloc(&m, s->kind, len, s->offset * T_PAGE, s->flags))
		return;
	hf_require(!mprotect(m.addr, len, PROT_READ), "mprotect");
	hf_map(t->c, IOVA, m.addr, len, HF_READ);
	hf_require(!mprotect(m.addr, len, PROT_READ | PROT_WRITE), "mprotect");
	hf_pattern_fill(m.addr, len, 0, seed);
	judge(t, reads(t, len, seed), "made writable and written after the map");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

/* No mapping takes a reference to the zero page that it does not give back, nor keeps one. */
static void no_zero_page(struct t *t)
{
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 16 * T_PAGE, 0, HF_MEM_READ_TOUCHED))
		return;
	hf_expect_eq(hf_mem_is_zero_page(m.addr), 1, "zero page before the map");
	for (int i = 0; i < 50; i++) {
		hf_map(t->c, IOVA, m.addr, m.len, HF_READ);
		for (size_t p = 0; p < 16 && t->on == T_ON_HOLDFAST; p++)
			hf_expect_eq(hf_mem_is_zero_page((char *)m.addr + p * T_PAGE), 0,
				     "page %zu is its own while mapped", p);
		hf_unmap(t->c, IOVA, m.len);
	}
	hf_mem_free(&m);
}

#define S(k, f, n, o) &(const struct start){ k, f, n, o }

static const struct t_case cases[] = {
	{ "anon4k, untouched", written_later, T_DMA, S("anon4k", 0, 700, 0) },
	{ "anon4k, read before", written_later, T_DMA, S("anon4k", HF_MEM_READ_TOUCHED, 700, 0) },
	{ "anon4k, one page", written_later, T_DMA, S("anon4k", 0, 1, 0) },
	{ "thp, untouched", written_later, T_DMA, S("thp", 0, 1300, 0) },
	{ "thp, read before (huge zero page)", written_later, T_DMA,
	 S("thp", HF_MEM_READ_TOUCHED, 1024, 0) },
	{ "thp, part of it, untouched", written_later, T_DMA, S("thp", 0, 300, 100) },
	{ "private file, untouched", written_later, T_DMA, S("file", 0, 600, 0) },
	{ "private file, read before", written_later, T_DMA,
	  S("file", HF_MEM_READ_TOUCHED, 600, 0) },
	{ "shared file, untouched", written_later, T_DMA, S("file-shared", 0, 600, 0) },
	{ "shmem4k, untouched", written_later, T_DMA, S("shmem4k", 0, 600, 0) },
	{ "hugetlb2m, untouched", written_later, T_DMA, S("hugetlb2m", 0, 1024, 0) },
	{ "hugetlb2m, read before", written_later, T_DMA,
	 S("hugetlb2m", HF_MEM_READ_TOUCHED, 1024, 0) },
	{ "anon4k, writable later", writable_later, T_DMA,
	  S("anon4k", HF_MEM_READ_TOUCHED, 40, 0) },
	{ "private file, writable later", writable_later, T_DMA, S("file", 0, 40, 0) },
	{ "shared file, writable later", writable_later, T_DMA, S("file-shared", 0, 40, 0) },
	{ "the zero page", no_zero_page, T_RIG, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
