// SPDX-License-Identifier: GPL-2.0-only
/*
 * unmap_forms - every way to ask for an unmap, and what comes back in the size field.
 *
 * A v2 container refuses to cut a mapping in two; a v1 container unmaps whole mappings that
 * begin inside the request, also beyond its end, and says how much that was. The expected
 * answers are literals: they are the ABI, and the run on stock proves them.
 */
#include <errno.h>
#include <string.h>

#include "harness.h"

#define IOVA 0x300000000ULL
#define LEN (16 * T_PAGE)

static struct hf_mem mem;

static bool have_mem(void)
{
	return mem.addr || t_alloc(&mem, "anon4k", 8 * LEN, 0, HF_MEM_TOUCHED);
}

/* Mapping number i: LEN bytes at IOVA + i * LEN. */
static void map_one(struct t *t, unsigned int i)
{
	hf_map(t->c, IOVA + i * LEN, (char *)mem.addr + i * LEN, LEN, HF_RW);
}

static bool is_mapped(struct t *t, unsigned int i)
{
	int ret = hf_try_map(t->c, IOVA + i * LEN, mem.addr, T_PAGE, HF_READ);

	if (!ret)
		hf_unmap(t->c, IOVA + i * LEN, T_PAGE);
	return ret == -EEXIST;
}

static void expect_unmap(struct t *t, uint64_t iova, uint64_t len, uint32_t flags, int want,
			 uint64_t want_size, const char *what)
{
	struct vfio_iommu_type1_dma_unmap u = {
		.argsz = sizeof(u), .flags = flags, .iova = iova, .size = len,
	};
	int ret = hf_raw_unmap(t->c, &u);

	hf_expect_eq(ret, want, "%s: answer", what);
	hf_expect_eq(u.size, want_size, "%s: size field", what);
	hf_expect_eq(u.iova, iova, "%s: iova field", what);
	hf_expect_eq(u.flags, flags, "%s: flags field", what);
	hf_expect_eq(u.argsz, sizeof(u), "%s: argsz field", what);
}

static void drop_all(struct t *t)
{
	hf_unmap_all(t->c);
}

static void exact(struct t *t)
{
	if (!have_mem())
		return;
	map_one(t, 0);
	map_one(t, 1);
	map_one(t, 2);
	expect_unmap(t, IOVA + LEN, LEN, 0, 0, LEN, "the middle one");
	hf_expect(is_mapped(t, 0) && !is_mapped(t, 1) && is_mapped(t, 2), "only that one is gone");
	expect_unmap(t, IOVA + LEN, LEN, 0, 0, 0, "again");
	expect_unmap(t, IOVA, LEN, 0, 0, LEN, "the first");
	expect_unmap(t, IOVA + 2 * LEN, LEN, 0, 0, LEN, "the last");
}

static void spanning(struct t *t)
{
	if (!have_mem())
		return;
	for (unsigned int i = 0; i < 6; i++)
		if (i != 3)
			map_one(t, i);
	expect_unmap(t, IOVA + LEN, 4 * LEN, 0, 0, 3 * LEN, "three mappings and a hole");
	hf_expect(is_mapped(t, 0) && !is_mapped(t, 1) && !is_mapped(t, 2) && !is_mapped(t, 4) &&
		  is_mapped(t, 5), "the outer two stay");
	expect_unmap(t, 0, 1ULL << 46, 0, 0, 2 * LEN, "a range far larger than what is mapped");
	expect_unmap(t, 0, 1ULL << 46, 0, 0, 0, "the same, empty");
}

static void holes(struct t *t)
{
	if (!have_mem())
		return;
	expect_unmap(t, IOVA, LEN, 0, 0, 0, "nothing is mapped at all");
	map_one(t, 0);
	map_one(t, 2);
	expect_unmap(t, IOVA + LEN, LEN, 0, 0, 0, "a hole between two");
	expect_unmap(t, IOVA + 3 * LEN, T_PAGE, 0, 0, 0, "one page past the end");
	expect_unmap(t, IOVA - T_PAGE, T_PAGE, 0, 0, 0, "one page before the start");
	hf_expect(is_mapped(t, 0) && is_mapped(t, 2), "both are still there");
	drop_all(t);
}

static void bisect_v2(struct t *t)
{
	if (!have_mem())
		return;
	map_one(t, 1);
	map_one(t, 2);
	expect_unmap(t, IOVA + LEN, T_PAGE, 0, -EINVAL, T_PAGE, "only the first page");
	expect_unmap(t, IOVA + 2 * LEN - T_PAGE, T_PAGE, 0, -EINVAL, T_PAGE, "only the last page");
	expect_unmap(t, IOVA + LEN + T_PAGE, T_PAGE, 0, -EINVAL, T_PAGE, "a page in the middle");
	expect_unmap(t, IOVA + LEN, LEN - T_PAGE, 0, -EINVAL, LEN - T_PAGE,
		     "all but the last page");
	expect_unmap(t, IOVA + LEN + T_PAGE, LEN - T_PAGE, 0, -EINVAL, LEN - T_PAGE,
		     "all but the first page");
	expect_unmap(t, IOVA + LEN, LEN + T_PAGE, 0, -EINVAL, LEN + T_PAGE,
		     "one whole and a page of the next");
	expect_unmap(t, IOVA + LEN + T_PAGE, 2 * LEN, 0, -EINVAL, 2 * LEN,
		     "from inside the first past the end");
	expect_unmap(t, IOVA, LEN + T_PAGE, 0, -EINVAL, LEN + T_PAGE, "from a hole into the first");
	hf_expect(is_mapped(t, 1) && is_mapped(t, 2), "a refused unmap takes nothing");
	expect_unmap(t, IOVA, 4 * LEN, 0, 0, 2 * LEN, "both, with the holes around");
}

static void larger_v1(struct t *t)
{
	if (!have_mem())
		return;
	map_one(t, 1);
	map_one(t, 2);
	map_one(t, 3);
	expect_unmap(t, IOVA + LEN, T_PAGE, 0, 0, LEN, "first page: the whole mapping goes");
	hf_expect(!is_mapped(t, 1) && is_mapped(t, 2), "only the one asked about");
	expect_unmap(t, IOVA + 2 * LEN + T_PAGE, T_PAGE, 0, 0, 0, "inside: nothing begins there");
	hf_expect(is_mapped(t, 2), "it is still there");
	expect_unmap(t, IOVA + LEN, LEN + T_PAGE, 0, 0, LEN, "from a hole into the next one");
	hf_expect(!is_mapped(t, 2) && is_mapped(t, 3), "the one it reached into is gone");
	map_one(t, 2);
	expect_unmap(t, IOVA + 2 * LEN, LEN + T_PAGE, 0, 0, 2 * LEN, "one whole, one begun");
	map_one(t, 2);
	map_one(t, 3);
	/* What begins before the request ends the search in v1: nothing after it is taken. */
	expect_unmap(t, IOVA + 2 * LEN + T_PAGE, 2 * LEN, 0, 0, 0, "from inside one into the next");
	hf_expect(is_mapped(t, 2) && is_mapped(t, 3), "both are still there");
	expect_unmap(t, IOVA, 8 * LEN, 0, 0, 2 * LEN, "both, with the holes around");
}

static void zero_size(struct t *t)
{
	if (!have_mem())
		return;
	map_one(t, 1);
	expect_unmap(t, IOVA + LEN, 0, 0, -EINVAL, 0, "size 0 at a mapping");
	expect_unmap(t, IOVA, 0, 0, -EINVAL, 0, "size 0 in a hole");
	expect_unmap(t, 0, 0, 0, -EINVAL, 0, "all fields 0 is not unmap-all");
	hf_expect(is_mapped(t, 1), "it is still there");
	drop_all(t);
}

static void all(struct t *t)
{
	if (!have_mem())
		return;
	expect_unmap(t, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0, "nothing is mapped");
	for (unsigned int i = 0; i < 7; i += 2)
		map_one(t, i);
	hf_map(t->c, 0, mem.addr, T_PAGE, HF_READ);
	hf_map(t->c, 0x7ffffffff000ULL, mem.addr, T_PAGE, HF_READ);
	expect_unmap(t, T_PAGE, 0, VFIO_DMA_UNMAP_FLAG_ALL, -EINVAL, 0, "with an IOVA");
	expect_unmap(t, 0, T_PAGE, VFIO_DMA_UNMAP_FLAG_ALL, -EINVAL, T_PAGE, "with a size");
	hf_expect(is_mapped(t, 0) && is_mapped(t, 6), "a refused one takes nothing");
	expect_unmap(t, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, 0, 4 * LEN + 2 * T_PAGE, "everything");
	for (unsigned int i = 0; i < 7; i++)
		hf_expect(!is_mapped(t, i), "mapping %u is gone", i);
}

/* Thousands of small mappings, in no order, unmapped one by one, by spans, and at once. */
static void many(struct t *t)
{
	const unsigned int n = 4096;
	uint64_t unmapped, sum = 0;

	if (!have_mem())
		return;
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < n; i++)
			hf_map(t->c, IOVA + (i * 1237ULL % n) * 2 * T_PAGE, mem.addr, T_PAGE,
			       HF_RW);
		if (round == 0) {
			expect_unmap(t, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, 0, n * T_PAGE,
				     "all at once");
			continue;
		}
		for (unsigned int i = 0; i < n / 2; i++)
			hf_unmap(t->c, IOVA + (i * 757ULL % (n / 2)) * 2 * T_PAGE, T_PAGE);
		for (unsigned int i = n / 2; i < n; i += 64) {
			hf_must(hf_try_unmap(t->c, IOVA + i * 2ULL * T_PAGE, 128 * T_PAGE, 0,
					     &unmapped));
			sum += unmapped;
		}
		hf_expect_eq(sum, n / 2 * T_PAGE, "bytes unmapped by spans");
		expect_unmap(t, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0, "nothing is left");
	}
}

static const struct t_case cases[] = {
	{ "v2: exact", exact, T_RIG, NULL },
	{ "v2: spanning several mappings", spanning, T_RIG, NULL },
	{ "v2: holes", holes, T_RIG, NULL },
	{ "v2: cutting a mapping in two is refused", bisect_v2, T_RIG, NULL },
	{ "v2: size 0", zero_size, T_RIG, NULL },
	{ "v2: everything", all, T_RIG, NULL },
	{ "v2: 4096 mappings", many, T_RIG, NULL },
	{ "v1: exact", exact, T_RIG | T_V1, NULL },
	{ "v1: spanning several mappings", spanning, T_RIG | T_V1, NULL },
	{ "v1: holes", holes, T_RIG | T_V1, NULL },
	{ "v1: more is unmapped than was asked for", larger_v1, T_RIG | T_V1, NULL },
	{ "v1: size 0", zero_size, T_RIG | T_V1, NULL },
	{ "v1: everything", all, T_RIG | T_V1, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
