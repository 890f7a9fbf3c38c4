// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma_blocked - what is not mapped, or not any more, or not that way, the device cannot reach.
 *
 * The IOMMU of the guest caches translations and is told only what changes from present to
 * absent (caching-mode=off). So every unmap is tried with the translation in that cache: a
 * DMA just before fills it, a DMA just after must be blocked, or must land in what took the
 * mapping's place. An unmap that changes the page table and forgets the flush fails here.
 */
#include <errno.h>
#include <holdfast/pattern.h>
#include <sys/mman.h>

#include "harness.h"

#define IOVA 0x240000000ULL

/* Transfers that reach every page; a warm translation for each of them. */
static bool warm(struct t *t, uint64_t iova, struct hf_mem *m)
{
	return t_dma_check(&t->port, iova, m->addr, m->len, HF_RW, "before the unmap");
}

static void blocked(struct t *t, uint64_t iova, void *addr, size_t len, const char *what)
{
	t_dma_write_blocked(&t->port, iova, addr, len, what);
	t_dma_read_blocked(&t->port, iova, addr, len, what);
}

static void never_mapped(struct t *t)
{
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_faults_begin("IOVAs that were never mapped");
	blocked(t, IOVA, NULL, 4 * T_PAGE, "nothing mapped near");
	hf_map(t->c, IOVA + 4 * T_PAGE, m.addr, m.len, HF_RW);
	t_dma_write_blocked(&t->port, IOVA + 3 * T_PAGE, m.addr, T_PAGE, "page before a mapping");
	t_dma_write_blocked(&t->port, IOVA + 8 * T_PAGE, m.addr, T_PAGE, "page after a mapping");
	/* The map made them present: an absent entry that was cached would still block. */
	t_dma_check(&t->port, IOVA + 4 * T_PAGE, m.addr, m.len, HF_RW, "the mapping itself");
	t_faults_end();
	hf_unmap(t->c, IOVA + 4 * T_PAGE, m.len);
	hf_mem_free(&m);
}

static void read_only(struct t *t)
{
	const char *kind = t->arg;
	const size_t len = 520 * T_PAGE;
	struct hf_mem m;

	if (!t_alloc(&m, kind, len, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, len, HF_READ);
	t_dma_check(&t->port, IOVA, m.addr, len, HF_READ, "reading is allowed");
	t_faults_begin("writes to a read-only mapping");
	t_dma_write_blocked(&t->port, IOVA, m.addr, len, "write to a read-only mapping");
	t_faults_end();
	t_dma_check(&t->port, IOVA, m.addr, len, HF_READ, "reading is still allowed");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

/*
 * Whether an IOMMU can forbid reading where it allows writing is its driver's business (Intel's
 * sets "read" for every present entry): holdfast gets what stock gets.
 */
static void write_only(struct t *t)
{
	static bool arrived[T_BACKENDS];
	const uint64_t seed = t_seed();
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 20 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, m.len, HF_WRITE);
	hf_pattern_fill(m.addr, m.len, 0, seed);
	t_faults_begin("reads of a write-only mapping");
	hf_must(hf_dma_copy(t->port.dma, t->port.iova, IOVA, m.len));
	t_faults_end();
	arrived[t->on] = hf_pattern_check(t->port.bounce.addr, m.len, 0, seed, NULL);
	hf_ktap_diag("reading a write-only mapping is %s", arrived[t->on] ? "allowed" : "blocked");
	if (t->on == T_ON_HOLDFAST)
		hf_expect_eq(arrived[T_ON_HOLDFAST], arrived[T_ON_STOCK], "as on stock");
	t_dma_check(&t->port, IOVA, m.addr, m.len, HF_WRITE, "writing is allowed");
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

struct unmapped {
	const char *kind;
	size_t len;
};

static void just_unmapped(struct t *t)
{
	const struct unmapped *u = t->arg;
	struct hf_mem m;

	if (!t_alloc(&m, u->kind, u->len, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	if (warm(t, IOVA, &m)) {
		t_faults_begin("IOVAs unmapped a moment ago");
		hf_unmap(t->c, IOVA, m.len);
		blocked(t, IOVA, m.addr, m.len, "just unmapped");
		t_faults_end();
	} else {
		hf_unmap(t->c, IOVA, m.len);
	}
	hf_mem_free(&m);
}

/* One unmap over several mappings with a hole between them. */
static void spanning(struct t *t)
{
	const size_t len = 64 * T_PAGE;
	struct hf_mem m[3];
	uint64_t unmapped;

	for (int i = 0; i < 3; i++) {
		if (!t_alloc(&m[i], "anon4k", len, 0, HF_MEM_TOUCHED))
			return;
		hf_map(t->c, IOVA + (uint64_t)i * T_2M, m[i].addr, len, HF_RW);
		warm(t, IOVA + (uint64_t)i * T_2M, &m[i]);
	}
	t_faults_begin("several mappings unmapped at once");
	hf_must(hf_try_unmap(t->c, IOVA, 3 * T_2M, 0, &unmapped));
	hf_expect_eq(unmapped, 3 * len, "bytes unmapped");
	for (int i = 0; i < 3; i++)
		blocked(t, IOVA + (uint64_t)i * T_2M, m[i].addr, len, "one of several");
	t_faults_end();
	for (int i = 0; i < 3; i++)
		hf_mem_free(&m[i]);
}

/*
 * Everything goes, the engine's own memory too. It is mapped again to be able to ask; the
 * memory of the case is not.
 */
static void unmap_all(struct t *t)
{
	struct hf_mem m;

	if (!t_alloc(&m, "frag4k", 600 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	if (warm(t, IOVA, &m)) {
		t_faults_begin("IOVAs gone with an unmap of everything");
		hf_expect_eq(hf_unmap_all(t->c), m.len + T_PORT_BYTES, "bytes unmapped");
		t_port_remap(&t->port);
		blocked(t, IOVA, m.addr, m.len, "after an unmap of everything");
		t_faults_end();
	}
	hf_mem_free(&m);
}

/* The same IOVA, other memory: what the device does there goes to the new one only. */
static void reuse(struct t *t)
{
	const struct unmapped *u = t->arg;
	struct hf_mem a, b;
	struct hf_mismatch bad;
	uint64_t seed = t_seed();

	if (!t_alloc(&a, u->kind, u->len, 0, HF_MEM_TOUCHED) ||
	    !t_alloc(&b, u->kind, u->len, 0, HF_MEM_TOUCHED))
		return;
	for (int round = 0; round < 3 && !hf_ktap_failed(); round++) {
		hf_map(t->c, IOVA, a.addr, a.len, HF_RW);
		warm(t, IOVA, &a);
		hf_unmap(t->c, IOVA, a.len);
		hf_pattern_fill(a.addr, a.len, 0, seed);
		hf_map(t->c, IOVA, b.addr, b.len, HF_RW);
		t_dma_check(&t->port, IOVA, b.addr, b.len, HF_RW, "what is mapped now");
		hf_expect(hf_pattern_check(a.addr, a.len, 0, seed, &bad),
			  "what was mapped before changed at +0x%zx", bad.offset);
		hf_unmap(t->c, IOVA, b.len);
	}
	hf_mem_free(&a);
	hf_mem_free(&b);
}

/* A mapping that failed half-way must not have left a way to its first pages. */
static void failed_map(struct t *t)
{
	const size_t len = 1200 * T_PAGE;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", len, 0, HF_MEM_TOUCHED))
		return;
	hf_require(!mprotect((char *)m.addr + len - T_PAGE, T_PAGE, PROT_NONE), "mprotect");
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, len, HF_RW), -EFAULT,
		     "map whose last page cannot be pinned");
	hf_require(!mprotect((char *)m.addr + len - T_PAGE, T_PAGE, PROT_READ | PROT_WRITE),
		   "mprotect");
	t_faults_begin("a mapping that was never finished");
	blocked(t, IOVA, m.addr, len, "first part of a failed map");
	t_faults_end();
	/* Also the translations a late unmap would have to flush are gone. */
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	t_dma_check(&t->port, IOVA, m.addr, len, HF_RW, "the same map, with all its pages");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

#define U(k, l) &(const struct unmapped){ k, l }

static const struct t_case cases[] = {
	{ "never mapped", never_mapped, T_DMA, NULL },
	{ "writes to read-only 4K pages", read_only, T_DMA, "anon4k" },
	{ "writes to read-only THP", read_only, T_DMA, "thp" },
	{ "writes to read-only hugetlb", read_only, T_DMA, "hugetlb2m" },
	{ "reads of a write-only mapping", write_only, T_DMA, NULL },
	{ "just unmapped: one page", just_unmapped, T_DMA, U("anon4k", T_PAGE) },
	{ "just unmapped: 600 scattered pages", just_unmapped, T_DMA, U("frag4k", 600 * T_PAGE) },
	{ "just unmapped: 8M of THP", just_unmapped, T_DMA, U("thp", 4 * T_2M) },
	{ "just unmapped: 4M of hugetlb", just_unmapped, T_DMA, U("hugetlb2m", 2 * T_2M) },
	{ "just unmapped: part of a huge page", just_unmapped, T_DMA, U("thp", 100 * T_PAGE) },
	{ "just unmapped: several with one request", spanning, T_DMA, NULL },
	{ "just unmapped: everything", unmap_all, T_DMA, NULL },
	{ "one page reused for other memory", reuse, T_DMA, U("anon4k", T_PAGE) },
	{ "600 scattered pages reused", reuse, T_DMA, U("frag4k", 600 * T_PAGE) },
	{ "huge pages reused", reuse, T_DMA, U("thp", T_2M) },
	{ "a map that failed half-way", failed_map, T_DMA, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
