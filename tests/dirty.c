// SPDX-License-Identifier: GPL-2.0-only
/*
 * dirty - dirty page tracking answers what stock answers, bit for bit.
 *
 * Behind this IOMMU nobody knows which pages a device wrote, so all mapped ones are dirty.
 * What is left to get right is which requests are refused and which bits of the user's bitmap
 * are touched; both are compared with stock over products of telling values.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "differ.h"
#include "harness.h"

#define IOVA 0x200000000ULL
#define BITMAP 4096UL
#define BEFORE 0x33

static struct hf_mem mem;
static unsigned char *bits;

static void have_memory(void)
{
	if (mem.addr)
		return;
	hf_must(hf_mem_alloc("anon4k", 1024 * T_PAGE, HF_MEM_TOUCHED, &mem));
	bits = mmap(NULL, BITMAP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(bits != MAP_FAILED, "a bitmap");
}

/* Mappings that begin and end at, before and after words of a bitmap. */
static const struct {
	uint64_t page;
	uint64_t pages;
} maps[] = { { 0, 1 },	   { 2, 3 },	{ 8, 56 },     { 64, 64 },   { 130, 1 },
	     { 131, 125 }, { 256, 65 }, { 321, 200 }, { 600, 1 }, { 703, 65 } };

static void map_all(struct t *t)
{
	have_memory();
	for (size_t i = 0; i < T_ARRAY_SIZE(maps); i++)
		hf_map(t->c, IOVA + maps[i].page * T_PAGE, mem.addr, maps[i].pages * T_PAGE,
		       i & 1 ? HF_READ : HF_RW);
}

static int dirty(struct t *t, uint32_t flags)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d), .flags = flags };
	int ret = hf_container_ioctl(t->c, VFIO_IOMMU_DIRTY_PAGES, &d);

	return ret;
}

static int get(struct t *t, uint32_t argsz, uint64_t iova, uint64_t size, uint64_t pgsize,
	       uint64_t bytes, void *data)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap d;
		struct vfio_iommu_type1_dirty_bitmap_get g;
	} q = {
		.d = { .argsz = argsz, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
		.g = { .iova = iova, .size = size,
		       .bitmap = { .pgsize = pgsize, .size = bytes, .data = data } },
	};
	int ret;

	memset(bits, BEFORE, BITMAP);
	ret = hf_container_ioctl(t->c, VFIO_IOMMU_DIRTY_PAGES, &q);
	return ret;
}

#define ARGSZ (sizeof(struct vfio_iommu_type1_dirty_bitmap) + \
	       sizeof(struct vfio_iommu_type1_dirty_bitmap_get))

static void flags(struct t *t)
{
	map_all(t);
	for (uint32_t f = 0; f < 64; f++) {
		struct {
			struct vfio_iommu_type1_dirty_bitmap d;
			char rest[64];
		} q = { .d = { .argsz = sizeof(q.d), .flags = f } };

		t_same(t, f, hf_container_ioctl(t->c, VFIO_IOMMU_DIRTY_PAGES, &q), 0, "flags 0x%x",
		       f);
	}
	hf_unmap_all(t->c);
	dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static void start_stop(struct t *t)
{
	map_all(t);
	hf_expect_eq(get(t, ARGSZ, IOVA, T_PAGE, T_PAGE, 8, bits), -EINVAL, "bitmap while off");
	hf_expect_eq(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP), 0, "stop while off");
	for (int i = 0; i < 2; i++)
		hf_expect_eq(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START), 0, "start %d", i);
	hf_expect_eq(get(t, ARGSZ, IOVA, T_PAGE, T_PAGE, 8, bits), 0, "bitmap while on");
	hf_expect_eq(bits[0] & 1, 1, "a mapped page is dirty");
	hf_expect_eq(get(t, ARGSZ, IOVA, T_PAGE, T_PAGE, 8, bits), 0, "again");
	hf_expect_eq(bits[0] & 1, 1, "and stays so");
	for (int i = 0; i < 2; i++)
		hf_expect_eq(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP), 0, "stop %d", i);
	hf_expect_eq(get(t, ARGSZ, IOVA, T_PAGE, T_PAGE, 8, bits), -EINVAL,
		     "bitmap while off again");
	hf_unmap_all(t->c);
}

static void get_product(struct t *t)
{
	static const uint64_t pages[] = { 0, 1, 2, 5, 8, 63, 64, 128, 130, 131, 256, 321, 521, 600,
					  700, 703, 768, 1000 };
	static const struct {
		uint64_t pgsize;
		uint64_t bytes;
	} maps_of[] = { { T_PAGE, BITMAP }, { T_PAGE, 8 },  { T_PAGE, 128 }, { T_PAGE, 0 },
			{ T_PAGE, 7 },	    { T_2M, BITMAP }, { 8192, BITMAP },
			{ T_PAGE, 1 << 28 }, { T_PAGE, (1ULL << 28) + 8 } };
	size_t n = 0;

	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	for (size_t m = 0; m < T_ARRAY_SIZE(maps_of); m++)
	for (size_t a = 0; a < T_ARRAY_SIZE(pages); a++)
	for (size_t b = a; b < T_ARRAY_SIZE(pages); b++) {
		const uint64_t iova = IOVA + pages[a] * T_PAGE;
		const uint64_t size = (pages[b] - pages[a]) * T_PAGE;
		int ret;

		map_all(t);
		ret = get(t, ARGSZ, iova, size, maps_of[m].pgsize, maps_of[m].bytes, bits);
		hf_unmap_all(t->c);
		if (!t_same(t, n++, ret, t_hash(bits, BITMAP),
			    "bitmap of pages %lu to %lu, page size 0x%lx, %lu bytes", pages[a],
			    pages[b], maps_of[m].pgsize, maps_of[m].bytes))
			goto out;
	}
out:
	hf_ktap_diag("%zu requests", n);
	dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

/*
 * Asked again and again from different bases. Stock shifts its own bitmap on the way out and
 * then reports pages that were never mapped, so here is only said what must be.
 */
static void ask_again(struct t *t)
{
	static const uint64_t from[] = { 0, 1, 0, 5, 0, 63, 0 };
	const uint64_t page = 64, pages = 70, all = 200;

	have_memory();
	hf_map(t->c, IOVA + page * T_PAGE, mem.addr, pages * T_PAGE, HF_RW);
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	for (size_t i = 0; i < T_ARRAY_SIZE(from); i++) {
		hf_expect_eq(get(t, ARGSZ, IOVA + from[i] * T_PAGE, all * T_PAGE, T_PAGE, 32, bits),
			     0, "bitmap from page %lu", from[i]);
		for (uint64_t p = page; p < page + pages; p++) {
			const uint64_t bit = p - from[i];

			if (!hf_expect(bits[bit / 8] >> bit % 8 & 1, "page %lu is dirty", p))
				break;
		}
	}
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
	hf_unmap_all(t->c);
}

/* Some stock kernels shift by an undefined amount here, so they are not asked. */
static void no_page_size(struct t *t)
{
	map_all(t);
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	hf_expect_eq(get(t, ARGSZ, IOVA, T_PAGE, 0, BITMAP, bits), -EINVAL, "page size 0");
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
	hf_unmap_all(t->c);
}

static void odd_requests(struct t *t)
{
	static const struct {
		uint32_t argsz;
		uint64_t iova;
		uint64_t size;
	} rows[] = {
		{ ARGSZ - 1, IOVA, T_PAGE }, { 8, IOVA, T_PAGE },  { 7, IOVA, T_PAGE },
		{ 0, IOVA, T_PAGE },	     { ~0U, IOVA, T_PAGE }, { ARGSZ, IOVA + 1, T_PAGE },
		{ ARGSZ, IOVA, T_PAGE + 1 }, { ARGSZ, IOVA, 1 },   { ARGSZ, IOVA, ~0ULL },
		{ ARGSZ, ~0ULL - 4095, 2 * T_PAGE }, { ARGSZ, IOVA, 1ULL << 43 },
		{ ARGSZ, 0, 1ULL << 30 }, { ARGSZ, 1ULL << 50, T_PAGE },
	};
	size_t n = 0;

	map_all(t);
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		int ret = get(t, rows[i].argsz, rows[i].iova, rows[i].size, T_PAGE, BITMAP, bits);

		t_same(t, n++, ret, t_hash(bits, BITMAP), "row %zu", i);
	}
	/* Bitmaps that cannot be written. */
	t_same(t, n++, get(t, ARGSZ, IOVA, T_PAGE, T_PAGE, 8, NULL), 0, "no bitmap");
	t_same(t, n++, get(t, ARGSZ, IOVA, T_PAGE, T_PAGE, 8, (void *)0xffff888000000000), 0,
	       "bitmap in the kernel");
	hf_require(!mprotect(bits, BITMAP, PROT_READ), "mprotect");
	{
		struct {
			struct vfio_iommu_type1_dirty_bitmap d;
			struct vfio_iommu_type1_dirty_bitmap_get g;
		} q = {
			.d = { .argsz = ARGSZ, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
			.g = { .iova = IOVA, .size = T_PAGE,
			       .bitmap = { .pgsize = T_PAGE, .size = 8, .data = (void *)bits } },
		};

		t_same(t, n++, hf_container_ioctl(t->c, VFIO_IOMMU_DIRTY_PAGES, &q), 0,
		       "read-only bitmap");
	}
	hf_require(!mprotect(bits, BITMAP, PROT_READ | PROT_WRITE), "mprotect");
	dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
	hf_unmap_all(t->c);
}

/* An unmap that reports what was dirty. */
static void at_unmap(struct t *t)
{
	static const struct {
		uint64_t from;
		uint64_t to;
		uint64_t pgsize;
		uint64_t bytes;
		bool on;
	} rows[] = {
		{ 0, 1, T_PAGE, 8, true },	   { 0, 64, T_PAGE, 8, true },
		{ 0, 1024, T_PAGE, 128, true },	   { 2, 700, T_PAGE, BITMAP, true },
		{ 64, 128, T_PAGE, 8, true },	   { 131, 521, T_PAGE, 56, true },
		{ 131, 521, T_PAGE, 48, true },	   { 0, 3, T_PAGE, 8, true },
		{ 0, 1024, T_2M, 128, true },	   { 0, 64, T_PAGE, 8, false },
		{ 1, 2, T_PAGE, 8, true },	   { 600, 768, T_PAGE, 24, true },
		{ 0, 1024, T_PAGE, 0, true },
	};
	size_t n = 0;

	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		struct {
			struct vfio_iommu_type1_dma_unmap u;
			struct vfio_bitmap b;
		} q = {
			.u = { .argsz = sizeof(q), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			       .iova = IOVA + rows[i].from * T_PAGE,
			       .size = (rows[i].to - rows[i].from) * T_PAGE },
			.b = { .pgsize = rows[i].pgsize, .size = rows[i].bytes },
		};
		int ret;

		map_all(t);
		q.b.data = (void *)bits;
		memset(bits, BEFORE, BITMAP);
		dirty(t, rows[i].on ? VFIO_IOMMU_DIRTY_PAGES_FLAG_START :
				      VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
		ret = hf_raw_unmap(t->c, &q.u);
		t_same(t, n++, ret, q.u.size, "unmap row %zu: answer and size", i);
		t_same(t, n++, 0, t_hash(bits, BITMAP), "unmap row %zu: bitmap", i);
		/* What is left is the same, too. */
		t_same(t, n++, 0, hf_unmap_all(t->c), "unmap row %zu: bytes left", i);
	}
	dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static void old_type(struct t *t)
{
	have_memory();
	hf_expect_eq(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START), -EACCES, "start");
	hf_expect_eq(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP), -EACCES, "stop");
	hf_expect_eq(get(t, ARGSZ, IOVA, T_PAGE, T_PAGE, 8, bits), -EACCES, "bitmap");
}

/* Tracking changes nothing about maps and unmaps. */
static void maps_while_on(struct t *t)
{
	have_memory();
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	for (int i = 0; i < 20; i++) {
		map_all(t);
		hf_expect_eq(hf_try_map(t->c, IOVA, mem.addr, T_PAGE, HF_RW), -EEXIST, "overlap");
		hf_expect(hf_unmap_all(t->c) > 0, "unmapped");
	}
	map_all(t);
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	hf_unmap_all(t->c);
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
}

static const struct t_case cases[] = {
	{ "flags", flags, T_RIG, NULL },
	{ "start and stop", start_stop, T_RIG, NULL },
	{ "bitmaps, product", get_product, T_RIG, NULL },
	{ "bitmaps, asked again", ask_again, T_RIG, NULL },
	{ "page size 0", no_page_size, T_RIG | T_HOLDFAST, NULL },
	{ "odd requests", odd_requests, T_RIG, NULL },
	{ "bitmap of an unmap", at_unmap, T_RIG, NULL },
	{ "type1 has no tracking", old_type, T_RIG | T_V1, NULL },
	{ "maps while tracking is on", maps_while_on, T_RIG, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
