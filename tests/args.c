// SPDX-License-Identifier: GPL-2.0-only
/*
 * args - wrong, odd and hostile requests are answered as stock answers them on this kernel.
 *
 * Two kinds of cases. In the tables every row has an answer that is right on every kernel, so
 * the run on stock proves the row. In the products every combination of a few telling values
 * of each field is tried, some thousand requests; what stock answered is kept and compared
 * with what holdfast answers. A request that failed must have left nothing: no pin, no charge,
 * no mapping.
 *
 * A known difference, left out here and listed in docs/: ranges that end with the very last
 * byte of the address space, in which older kernels' stock finds no mapping.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <vfio_holdfast.h>
#include <unistd.h>

#include "differ.h"
#include "harness.h"

#define IOVA 0x400000000ULL
#define BUSY 0x500000000ULL
#define FAR 0x20000000000ULL /* a terabyte from here is free of reserved regions */
#define WIDTH 48 /* bits of an IOVA, on IOMMUs that do not have all 64 */
#define PAGES 32UL
#define ARGSZ sizeof(struct vfio_iommu_type1_dma_map)
#define UARGSZ sizeof(struct vfio_iommu_type1_dma_unmap)
#define VADDR VFIO_DMA_MAP_FLAG_VADDR

/* Addresses to map from; all made by make_places(). */
enum place {
	GOOD,       /* PAGES pages, read-write */
	ODD,        /* one byte into GOOD */
	LAST_GOOD,  /* the last page of GOOD: a hole follows */
	HOLE,       /* nothing mapped */
	NONE,       /* PROT_NONE */
	READ_ONLY,  /* private, PROT_READ */
	BEYOND_EOF, /* a file mapping past the end of its file */
	NOWHERE,    /* address 0 */
	KERNEL,     /* a kernel address */
	TOP,        /* the last page of the address space */
	PLACES
};

static const char *const place_names[PLACES] = {
	"good", "odd", "last good page", "hole", "PROT_NONE", "read-only", "beyond the file's end",
	"0", "kernel", "top"
};

static uint64_t places[PLACES];

static char *area(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	hf_require(p != MAP_FAILED, "mmap");
	return p;
}

static void make_places(void)
{
	char *p;
	int fd;

	if (places[GOOD])
		return;
	/*
	 * PAGES good ones, a hole of PAGES, PAGES without permission, PAGES read-only; far from
	 * where the kernel puts new areas, so that the hole stays one.
	 */
	p = mmap((void *)0x200000000000, 4 * PAGES * T_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	hf_require(p != MAP_FAILED, "mmap");
	hf_mem_touch(p, 4 * PAGES * T_PAGE);
	hf_require(!munmap(p + PAGES * T_PAGE, PAGES * T_PAGE) &&
		   !mprotect(p + 2 * PAGES * T_PAGE, PAGES * T_PAGE, PROT_NONE) &&
		   !mprotect(p + 3 * PAGES * T_PAGE, PAGES * T_PAGE, PROT_READ), "make places");
	places[GOOD] = (uintptr_t)p;
	places[ODD] = places[GOOD] + 1;
	places[LAST_GOOD] = places[GOOD] + (PAGES - 1) * T_PAGE;
	places[HOLE] = places[GOOD] + PAGES * T_PAGE;
	places[NONE] = places[GOOD] + 2 * PAGES * T_PAGE;
	places[READ_ONLY] = places[GOOD] + 3 * PAGES * T_PAGE;
	fd = memfd_create("places", MFD_CLOEXEC);
	hf_require(fd >= 0 && !ftruncate(fd, T_PAGE), "a short file");
	p = mmap(NULL, PAGES * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	hf_require(p != MAP_FAILED, "mmap");
	close(fd);
	places[BEYOND_EOF] = (uintptr_t)p + T_PAGE;
	places[KERNEL] = 0xffff888000000000ULL;
	places[TOP] = ~0ULL & ~(T_PAGE - 1);
}

/* A failed request leaves nothing; a successful one is undone. */
static int raw_map(struct t *t, uint32_t argsz, uint32_t flags, uint64_t vaddr, uint64_t iova,
		   uint64_t size)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = argsz, .flags = flags, .vaddr = vaddr, .iova = iova, .size = size,
	};
	struct vfio_iommu_type1_dma_map copy = map;
	int ret = hf_raw_map(t->c, &map);

	hf_expect(!memcmp(&map, &copy, sizeof(map)), "the request itself was changed");
	if (!ret && flags & VADDR)
		hf_must(hf_try_unmap(t->c, iova, size, VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
	else if (!ret)
		hf_unmap(t->c, iova, size);
	return ret;
}

struct row {
	const char *name;
	uint32_t argsz;
	uint32_t flags;
	enum place from;
	uint64_t iova;
	uint64_t size;
	int want;
};

/* Answers that differ between kernels: the wrap has an errno of its own in newer ones. */
#define WRAP 1000

static const struct row rows[] = {
	{ "one page", ARGSZ, HF_RW, GOOD, IOVA, T_PAGE, 0 },
	{ "argsz larger than the struct", ARGSZ + 100, HF_RW, GOOD, IOVA, T_PAGE, 0 },
	{ "argsz of 4G - 1", ~0U, HF_RW, GOOD, IOVA, T_PAGE, 0 },
	{ "argsz one too small", ARGSZ - 1, HF_RW, GOOD, IOVA, T_PAGE, -EINVAL },
	{ "argsz 0", 0, HF_RW, GOOD, IOVA, T_PAGE, -EINVAL },
	{ "no permission", ARGSZ, 0, GOOD, IOVA, T_PAGE, -EINVAL },
	{ "unknown flag 3", ARGSZ, HF_RW | 1 << 3, GOOD, IOVA, T_PAGE, -EINVAL },
	{ "VADDR flag with permissions", ARGSZ, HF_RW | VADDR, GOOD, IOVA, T_PAGE, -EINVAL },
	{ "new address of nothing", ARGSZ, VADDR, GOOD, IOVA, T_PAGE, -ENOENT },
	{ "new address of a mapping that has one", ARGSZ, VADDR, GOOD, BUSY, PAGES * T_PAGE,
	  -EINVAL },
	{ "unknown flag 31", ARGSZ, HF_RW | 1U << 31, GOOD, IOVA, T_PAGE, -EINVAL },
	{ "all flags", ARGSZ, ~0U, GOOD, IOVA, T_PAGE, -EINVAL },
	{ "size 0", ARGSZ, HF_RW, GOOD, IOVA, 0, -EINVAL },
	{ "size 1", ARGSZ, HF_RW, GOOD, IOVA, 1, -EINVAL },
	{ "size of a page and a byte", ARGSZ, HF_RW, GOOD, IOVA, T_PAGE + 1, -EINVAL },
	{ "misaligned IOVA", ARGSZ, HF_RW, GOOD, IOVA + 8, T_PAGE, -EINVAL },
	{ "misaligned vaddr", ARGSZ, HF_RW, ODD, IOVA, T_PAGE, -EINVAL },
	{ "IOVA wraps", ARGSZ, HF_RW, GOOD, ~0ULL & ~(T_PAGE - 1), 2 * T_PAGE, -WRAP },
	{ "vaddr wraps", ARGSZ, HF_RW, TOP, IOVA, 2 * T_PAGE, -WRAP },
	{ "IOVA above the IOMMU's width", ARGSZ, HF_RW, GOOD, 1ULL << WIDTH, T_PAGE, -EINVAL },
	{ "the last IOVA page", ARGSZ, HF_RW, GOOD, ~0ULL & ~(T_PAGE - 1), T_PAGE, -EINVAL },
	{ "end above the IOMMU's width", ARGSZ, HF_RW, GOOD, (1ULL << WIDTH) - T_PAGE, 2 * T_PAGE,
	  -EINVAL },
	{ "interrupt window", ARGSZ, HF_RW, GOOD, 0xfee00000, T_PAGE, -EINVAL },
	{ "last page of the interrupt window", ARGSZ, HF_RW, GOOD, 0xfeeff000, T_PAGE, -EINVAL },
	{ "into the interrupt window", ARGSZ, HF_RW, GOOD, 0xfedff000, 2 * T_PAGE, -EINVAL },
	{ "out of the interrupt window", ARGSZ, HF_RW, GOOD, 0xfeeff000, 2 * T_PAGE, -EINVAL },
	{ "up to the interrupt window", ARGSZ, HF_RW, GOOD, 0xfedfe000, 2 * T_PAGE, 0 },
	{ "right after the interrupt window", ARGSZ, HF_RW, GOOD, 0xfef00000, 2 * T_PAGE, 0 },
	{ "the same range as a mapping", ARGSZ, HF_RW, GOOD, BUSY, PAGES * T_PAGE, -EEXIST },
	{ "its first page", ARGSZ, HF_RW, GOOD, BUSY, T_PAGE, -EEXIST },
	{ "its last page", ARGSZ, HF_RW, GOOD, BUSY + (PAGES - 1) * T_PAGE, T_PAGE, -EEXIST },
	{ "over its start", ARGSZ, HF_RW, GOOD, BUSY - T_PAGE, 2 * T_PAGE, -EEXIST },
	{ "over its end", ARGSZ, HF_RW, GOOD, BUSY + (PAGES - 1) * T_PAGE, 2 * T_PAGE, -EEXIST },
	{ "around it", ARGSZ, HF_RW, GOOD, BUSY - T_PAGE, (PAGES + 2) * T_PAGE, -EEXIST },
	{ "up to it", ARGSZ, HF_RW, GOOD, BUSY - T_PAGE, T_PAGE, 0 },
	{ "right after it", ARGSZ, HF_RW, GOOD, BUSY + PAGES * T_PAGE, T_PAGE, 0 },
	{ "overlap with nothing to map", ARGSZ, HF_RW, HOLE, BUSY, T_PAGE, -EEXIST },
	{ "nothing at vaddr", ARGSZ, HF_RW, HOLE, IOVA, T_PAGE, -EFAULT },
	{ "nothing at vaddr, read-only", ARGSZ, HF_READ, HOLE, IOVA, T_PAGE, -EFAULT },
	{ "PROT_NONE", ARGSZ, HF_RW, NONE, IOVA, T_PAGE, -EFAULT },
	{ "PROT_NONE, read-only", ARGSZ, HF_READ, NONE, IOVA, T_PAGE, -EFAULT },
	{ "write to read-only memory", ARGSZ, HF_RW, READ_ONLY, IOVA, T_PAGE, -EFAULT },
	{ "write-only to read-only memory", ARGSZ, HF_WRITE, READ_ONLY, IOVA, T_PAGE, -EFAULT },
	{ "read of read-only memory", ARGSZ, HF_READ, READ_ONLY, IOVA, T_PAGE, 0 },
	{ "beyond the end of a file", ARGSZ, HF_RW, BEYOND_EOF, IOVA, T_PAGE, -EFAULT },
	{ "address 0", ARGSZ, HF_RW, NOWHERE, IOVA, T_PAGE, -EFAULT },
	{ "kernel address", ARGSZ, HF_RW, KERNEL, IOVA, T_PAGE, -EFAULT },
	{ "kernel address, read-only", ARGSZ, HF_READ, KERNEL, IOVA, T_PAGE, -EFAULT },
	{ "last page good, the next a hole", ARGSZ, HF_RW, LAST_GOOD, IOVA, 2 * T_PAGE, -EFAULT },
	{ "1T of which little is there", ARGSZ, HF_RW, GOOD, FAR, 1ULL << 40, -EFAULT },
};

/* Rows about the IOMMU's width say nothing where it has every bit. */
static bool about_width(const struct row *r)
{
	return r->iova + r->size > 1ULL << WIDTH || (r->size && r->iova + r->size == 0);
}

static void map_table(struct t *t)
{
	struct hf_proc_snapshot before;
	struct hf_iommu_info info;
	bool wide;

	make_places();
	hf_must(hf_container_info(t->c, &info));
	wide = !info.nr_ranges || info.ranges[info.nr_ranges - 1].last >> WIDTH;
	hf_map(t->c, BUSY, (void *)places[GOOD], PAGES * T_PAGE, HF_RW);
	hf_must(hf_proc_snapshot(&before));
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		int ret;

		if (wide && r->want != -WRAP && about_width(r))
			continue;
		ret = raw_map(t, r->argsz, r->flags, places[r->from], r->iova, r->size);
		if (r->want == -WRAP)
			hf_expect(ret == -EINVAL || ret == -EOVERFLOW, "%s: got %d", r->name, ret);
		else
			hf_expect_eq(ret, r->want, "%s", r->name);
		t_leftover(&before, r->name);
	}
	hf_unmap(t->c, BUSY, PAGES * T_PAGE);
}

/* Products */

static const uint64_t iovas[] = {
	0, 1, 0x800, T_PAGE, BUSY, BUSY + T_PAGE, BUSY - T_PAGE, 0xfedff000, 0xfee00000, IOVA, FAR,
	1ULL << 47, (1ULL << 48) - T_PAGE, 1ULL << 48, 1ULL << 63, ~0ULL & ~(T_PAGE - 1), ~0ULL
};

static const uint64_t lens[] = {
	0, 1, 0xfff, T_PAGE, 2 * T_PAGE, T_2M, 1ULL << 40, (1ULL << 40) + 1, 1ULL << 48,
	1ULL << 63, ~0ULL & ~(T_PAGE - 1), ~0ULL
};

/* Does this kernel's stock know ranges that end at 2^64? It names a wrap EOVERFLOW then. */
static bool knows_the_end;

static bool known_difference(uint64_t iova, uint64_t size)
{
	return !knows_the_end && size && iova + size == 0;
}

static void probe_wrap(struct t *t)
{
	if (t->on == T_ON_STOCK)
		knows_the_end = raw_map(t, ARGSZ, HF_RW, places[GOOD], ~0ULL & ~(T_PAGE - 1),
					2 * T_PAGE) == -EOVERFLOW;
}

/* With @arg the mapping at BUSY has no valid address: it can be given one (vaddr.c). */
static void map_product(struct t *t)
{
	static const uint32_t flags[] = {
		0, HF_READ, HF_WRITE, HF_RW, HF_RW | 8, VADDR, VADDR | HF_READ, VADDR | 8
	};
	static const uint32_t argszs[] = { ARGSZ - 8, ARGSZ };
	const bool stale = t->arg;
	size_t n = 0, done = 0;

	make_places();
	probe_wrap(t);
	hf_map(t->c, BUSY, (void *)places[GOOD], 2 * T_PAGE, HF_RW);
	if (stale)
		hf_must(hf_try_unmap(t->c, BUSY, 2 * T_PAGE, VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
	for (size_t a = 0; a < T_ARRAY_SIZE(argszs); a++)
	for (size_t f = 0; f < T_ARRAY_SIZE(flags); f++)
	for (size_t v = 0; v < PLACES; v++)
	for (size_t i = 0; i < T_ARRAY_SIZE(iovas); i++)
	for (size_t l = 0; l < T_ARRAY_SIZE(lens); l++) {
		int ret;

		if (known_difference(iovas[i], lens[l]))
			continue;
		ret = raw_map(t, argszs[a], flags[f], places[v], iovas[i], lens[l]);
		done += !ret;
		if (!t_same(t, n++, ret, 0,
			    "map argsz %u flags 0x%x vaddr %s iova 0x%lx size 0x%lx", argszs[a],
			    flags[f], place_names[v], iovas[i], lens[l]))
			goto out;
	}
out:
	hf_ktap_diag("%zu map requests, %zu of them good", n, done);
	hf_unmap(t->c, BUSY, 2 * T_PAGE);
}

static void fill_for_unmap(struct t *t, bool stale)
{
	hf_map(t->c, BUSY, (void *)places[GOOD], 4 * T_PAGE, HF_RW);
	hf_map(t->c, BUSY + 4 * T_PAGE, (void *)places[GOOD], 2 * T_PAGE, HF_READ);
	hf_map(t->c, BUSY + 8 * T_PAGE, (void *)places[GOOD], T_PAGE, HF_RW);
	hf_map(t->c, 0, (void *)places[GOOD], T_PAGE, HF_RW);
	hf_map(t->c, (1ULL << 47) - T_PAGE, (void *)places[GOOD], 2 * T_PAGE, HF_RW);
	if (stale)
		hf_must(hf_try_unmap(t->c, BUSY + 4 * T_PAGE, 2 * T_PAGE,
				     VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
}

/* With @arg one of the mappings has no valid address. */
static void unmap_product(struct t *t)
{
	static const uint32_t flags[] = {
		0, VFIO_DMA_UNMAP_FLAG_ALL, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP | VFIO_DMA_UNMAP_FLAG_ALL,
		VFIO_DMA_UNMAP_FLAG_VADDR,
		VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL,
		VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		VFIO_DMA_UNMAP_FLAG_VADDR | 1 << 3, 1 << 3, 1U << 31
	};
	static const uint32_t argszs[] = {
		0, UARGSZ - 1, UARGSZ, UARGSZ + 8, UARGSZ + sizeof(struct vfio_bitmap), ~0U
	};
	static const uint64_t at[] = {
		0, 1, T_PAGE, BUSY - T_PAGE, BUSY, BUSY + T_PAGE, BUSY + 3 * T_PAGE,
		BUSY + 4 * T_PAGE, BUSY + 5 * T_PAGE, BUSY + 6 * T_PAGE, BUSY + 8 * T_PAGE,
		(1ULL << 47) - T_PAGE, 1ULL << 47, 1ULL << 48, ~0ULL & ~(T_PAGE - 1), ~0ULL
	};
	static const uint64_t size[] = {
		0, 1, T_PAGE, 2 * T_PAGE, 3 * T_PAGE, 4 * T_PAGE, 5 * T_PAGE, 6 * T_PAGE,
		9 * T_PAGE, 10 * T_PAGE, 1ULL << 40, 1ULL << 48, 1ULL << 63,
		~0ULL & ~(T_PAGE - 1), ~0ULL
	};
	static __u64 bits;
	const bool stale = t->arg;
	size_t n = 0, done = 0;

	make_places();
	probe_wrap(t);
	fill_for_unmap(t, stale);
	for (size_t a = 0; a < T_ARRAY_SIZE(argszs); a++)
	for (size_t f = 0; f < T_ARRAY_SIZE(flags); f++)
	for (size_t i = 0; i < T_ARRAY_SIZE(at); i++)
	for (size_t l = 0; l < T_ARRAY_SIZE(size); l++) {
		struct {
			struct vfio_iommu_type1_dma_unmap u;
			struct vfio_bitmap bitmap;
		} q = {
			.u = { .argsz = argszs[a], .flags = flags[f], .iova = at[i],
			       .size = size[l] },
			/* Page size 0 is left out: some stock kernels trip over it. */
			.bitmap = { .pgsize = T_PAGE, .size = sizeof(bits), .data = &bits },
		};
		int ret;

		if (known_difference(at[i], size[l]))
			continue;
		ret = hf_raw_unmap(t->c, &q.u);
		if (!t_same(t, n++, ret, q.u.size,
			    "unmap argsz %u flags 0x%x iova 0x%lx size 0x%lx", argszs[a], flags[f],
			    at[i], size[l]))
			goto out;
		if (!ret && q.u.size) {
			done++;
			hf_unmap_all(t->c);
			fill_for_unmap(t, stale);
		}
	}
out:
	hf_ktap_diag("%zu unmap requests, %zu of them met a mapping", n, done);
	hf_unmap_all(t->c);
}

/* Pointers to the request that are no good, or good only in part. */
static void bad_pointers(struct t *t)
{
	static const unsigned long requests[] = {
		VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA, VFIO_IOMMU_GET_INFO,
		VFIO_IOMMU_DIRTY_PAGES
	};
	static const size_t wholes[] = {
		ARGSZ, UARGSZ, offsetof(struct vfio_iommu_type1_info, iova_pgsizes) + 8, 8
	};
	char *two;
	size_t n = 0;

	make_places();
	two = area(2 * T_PAGE);
	hf_require(!mprotect(two + T_PAGE, T_PAGE, PROT_NONE), "mprotect");
	for (size_t r = 0; r < T_ARRAY_SIZE(requests); r++) {
		for (size_t v = HOLE; v < PLACES; v++) {
			int ret;

			if (v == READ_ONLY)
				continue;
			ret = hf_container_ioctl(t->c, requests[r], (void *)places[v]);
			hf_expect_eq(ret, -EFAULT, "request %zu at %s", r, place_names[v]);
		}
		/* Every cut of the struct by the end of the page. */
		for (size_t have = 0; have < 64; have++) {
			char *p = two + T_PAGE - have;
			uint32_t argsz = 64;
			int ret;

			memset(two, 0, T_PAGE);
			memcpy(p, &argsz, have < 4 ? have : 4);
			ret = hf_container_ioctl(t->c, requests[r], p);
			if (have < wholes[r])
				hf_expect_eq(ret, -EFAULT, "request %zu with %zu bytes", r, have);
			if (!t_same(t, n++, ret, 0, "request %zu with %zu bytes", r, have))
				goto out;
		}
	}
out:
	/* A result that cannot be written back. */
	for (size_t r = 1; r < 3; r++) {
		struct vfio_iommu_type1_dma_unmap *u = (void *)area(T_PAGE);
		int ret;

		*u = (struct vfio_iommu_type1_dma_unmap){ .argsz = UARGSZ, .iova = IOVA,
							  .size = T_PAGE };
		hf_map(t->c, IOVA, (void *)places[GOOD], T_PAGE, HF_RW);
		hf_require(!mprotect(u, T_PAGE, PROT_READ), "mprotect");
		ret = hf_container_ioctl(t->c, requests[r], u);
		hf_expect_eq(ret, -EFAULT, "request %zu in read-only memory", r);
		hf_unmap_all(t->c);
		munmap(u, T_PAGE);
	}
	munmap(two, 2 * T_PAGE);
}

static bool is_own(unsigned long request)
{
	return request == HOLDFAST_AUDIT || request == HOLDFAST_INCOHERENT ||
	       request == HOLDFAST_REFRESH;
}

/* Every ioctl number near VFIO's, most of which type1 does not know. */
static void unknown_ioctls(struct t *t)
{
	size_t n = 0;

	make_places();
	for (unsigned int nr = 0; nr < 256; nr++) {
		for (int dir = 0; dir < 2; dir++) {
			unsigned long request = dir ? _IOWR(VFIO_TYPE, nr, uint64_t) :
						      _IO(VFIO_TYPE, nr);
			int ret = hf_container_ioctl(t->c, request, NULL);

			if (t->on == T_ON_HOLDFAST && is_own(request)) {
				hf_expect_eq(ret, -EFAULT, "holdfast's own, ioctl %u", nr);
				ret = -ENOTTY;
			}
			if (!t_same(t, n++, ret, 0, "ioctl %u form %d", nr, dir))
				return;
		}
	}
}

/* What the memory is at fault for, wherever in the range it is, leaves nothing behind. */
enum hole { H_UNMAPPED, H_NONE, H_READ_ONLY, HOLES };

static void hole_in_the_middle(struct t *t)
{
	static const size_t at[] = { 0,	 1,   15,  16,  17,  31,  255,	256,  257,
				     511, 512, 513, 767, 1023, 1024, 1025, 1535, 1536, 1599 };
	const size_t pages = 1600;
	struct hf_proc_snapshot before;

	for (int h = 0; h < HOLES; h++) {
		for (size_t i = 0; i < T_ARRAY_SIZE(at); i++) {
			struct hf_mem m;
			char *page, what[64];

			snprintf(what, sizeof(what), "hole %d at page %zu of %zu", h, at[i], pages);
			if (!t_alloc(&m, t->arg, pages * T_PAGE, 0, HF_MEM_TOUCHED))
				return;
			page = (char *)m.addr + at[i] * T_PAGE;
			hf_require(h == H_UNMAPPED ? !munmap(page, T_PAGE) :
						     !mprotect(page, T_PAGE,
							       h == H_NONE ? PROT_NONE : PROT_READ),
				   "%s", what);
			hf_must(hf_proc_snapshot(&before));
			hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, m.len, HF_RW), -EFAULT, "%s",
				     what);
			t_leftover(&before, what);
			/* The range is free again. */
			if (at[i]) {
				hf_map(t->c, IOVA, m.addr, at[i] * T_PAGE, HF_RW);
				hf_unmap(t->c, IOVA, at[i] * T_PAGE);
			}
			hf_mem_free(&m);
			if (hf_ktap_failed())
				return;
		}
	}
}

/* Without a group, or without a type, there is nobody to answer. */
static void no_backend(struct t *t)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = ARGSZ, .flags = HF_RW, .iova = IOVA,
						.size = T_PAGE };
	struct hf_container c;
	struct hf_group g;
	char bdf[HF_BDF_LEN];

	(void)t;
	make_places();
	map.vaddr = places[GOOD];
	hf_must(hf_pci_vfio_device(0, bdf));
	hf_must(hf_container_open(&c));
	hf_expect_eq(hf_raw_map(&c, &map), -EINVAL, "map without a group");
	hf_expect_eq(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU), -EINVAL,
		     "type without a group");
	hf_must(hf_group_open(&g, bdf));
	hf_must(hf_group_attach(&g, &c));
	hf_expect_eq(hf_raw_map(&c, &map), -EINVAL, "map without a type");
	hf_expect_eq(hf_container_set_type(&c, 77), -ENODEV, "a type nobody knows");
	hf_expect_eq(hf_raw_map(&c, &map), -EINVAL, "map after a type nobody knows");
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	hf_expect_eq(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU), -EINVAL, "type set twice");
	hf_expect_eq(hf_container_set_type(&c, VFIO_TYPE1_IOMMU), -EINVAL, "another type");
	hf_expect_eq(hf_raw_map(&c, &map), 0, "map with a type");
	hf_must(hf_group_detach(&g));
	hf_expect_eq(hf_raw_map(&c, &map), -EINVAL, "map after the last group left");
	hf_group_close(&g);
	hf_container_close(&c);
}

/* Memory of a device is no pages, and is mapped all the same; see bar_maps. */
static void device_memory(struct t *t)
{
	struct hf_bar bar;

	hf_must(hf_bar_map(&t->rig.device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	hf_expect_eq(hf_try_map(t->c, IOVA, (void *)bar.addr, bar.len, HF_RW), 0,
		     "a BAR that was never touched");
	hf_expect_eq(hf_try_map(t->c, IOVA, (void *)bar.addr, T_PAGE, HF_RW), -EEXIST, "again");
	hf_unmap(t->c, IOVA, bar.len);
	(void)hf_bar_read32(&bar, 0);
	hf_expect_eq(hf_try_map(t->c, IOVA, (void *)bar.addr, T_PAGE, HF_READ), 0,
		     "a page of a BAR, read-only");
	hf_unmap(t->c, IOVA, T_PAGE);
	munmap((char *)bar.addr + bar.len - T_PAGE, T_PAGE);
	hf_expect_eq(hf_try_map(t->c, IOVA, (void *)bar.addr, bar.len, HF_RW), -EFAULT,
		     "a BAR with a hole");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, bar.len, 0, NULL), 0, "nothing is there");
	hf_bar_unmap(&bar);
}

static const struct t_case cases[] = {
	{ "map: rows with one right answer", map_table, T_RIG, NULL },
	{ "map: rows with one right answer, v1", map_table, T_RIG | T_V1, NULL },
	{ "map: product", map_product, T_RIG, NULL },
	{ "map: product, a stale address", map_product, T_RIG, "stale" },
	{ "unmap: product, v2", unmap_product, T_RIG, NULL },
	{ "unmap: product, v2, a stale address", unmap_product, T_RIG, "stale" },
	{ "unmap: product, v1", unmap_product, T_RIG | T_V1, NULL },
	{ "unmap: product, v1, a stale address", unmap_product, T_RIG | T_V1, "stale" },
	{ "bad pointers", bad_pointers, T_RIG, NULL },
	{ "unknown ioctls", unknown_ioctls, T_RIG, NULL },
	{ "a page that cannot be pinned, anywhere: 4K", hole_in_the_middle, T_RIG, "anon4k" },
	{ "a page that cannot be pinned, anywhere: THP", hole_in_the_middle, T_RIG, "thp" },
	{ "no group, no type", no_backend, 0, NULL },
	{ "memory of a device", device_memory, T_RIG, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
