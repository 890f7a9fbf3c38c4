// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_dirty - a device without an IOMMU changes memory only where it has pinned it, or by
 * copies, so here dirty page tracking knows which pages those were.
 *
 * Dirty is what is pinned now, what was pinned at any time since the last bitmap, and what a
 * copy wrote to since then. As soon as a device with an IOMMU is in the container all that is
 * mapped for it is dirty, and once more after it has left.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "differ.h"
#include "dirty.h"
#include "emulated.h"
#include "side.h"

#define IOVA 0x200000000ULL
#define PAGES 512 /* what a bitmap here is about, from IOVA on */
#define R HF_TESTDEV_READ
#define W HF_TESTDEV_WRITE
#define START VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define STOP VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP

/* Pages of which an answer is expected; the list ends with a @count of 0. */
struct span {
	unsigned int page;
	unsigned int count;
};

static bool is_in(const struct span *s, unsigned int page)
{
	for (; s->count; s++)
		if (page >= s->page && page < s->page + s->count)
			return true;
	return false;
}

static bool bits_are(const unsigned char *bits, const struct span *mapped,
		     const struct span *want, const char *what)
{
	for (unsigned int p = 0; p < PAGES; p++)
		if (is_in(mapped, p) &&
		    !hf_expect_eq(bits[p / 8] >> p % 8 & 1, is_in(want, p), "%s: page %u", what, p))
			return false;
	return true;
}

/*
 * Mappings that begin with a word of the bitmap. Stock shifts the bits of one that does not
 * where it keeps them, and finds them again in wrong places the next time.
 */
static const struct span maps[] = { { 0, 64 },	 { 64, 3 },  { 128, 1 }, { 192, 100 },
				    { 320, 65 }, { 448, 64 }, { 0, 0 } };

/* And such that begin and end everywhere, for bitmaps that are asked for once. */
static const struct span odd_maps[] = { { 0, 1 },	{ 2, 3 },     { 8, 56 },
					{ 64, 64 },	{ 130, 1 },   { 131, 125 },
					{ 256, 65 },	{ 321, 100 }, { 0, 0 } };

static void map_all(const struct hf_container *c, const struct span *s, const struct hf_mem *m)
{
	for (; s->count; s++)
		hf_map(c, IOVA + s->page * T_PAGE, (char *)m->addr + s->page * T_PAGE,
		       s->count * T_PAGE, HF_RW);
}

static bool dirty_is(const struct hf_container *c, const struct span *want, const char *what)
{
	unsigned char bits[PAGES / 8];

	memset(bits, 0, sizeof(bits));
	return hf_expect_eq(t_dirty_get(c, IOVA, PAGES * T_PAGE, T_PAGE, sizeof(bits), bits), 0,
			    "%s", what) &&
	       bits_are(bits, maps, want, what);
}

#define DIRTY(c, what, ...) dirty_is(c, (const struct span[]){ __VA_ARGS__, { 0, 0 } }, what)
#define CLEAN(c, what) dirty_is(c, (const struct span[]){ { 0, 0 } }, what)

static void open_and_map(struct t *t, struct t_emulated_rig *r, unsigned int n,
			 const struct span *spans, struct hf_mem *m)
{
	hf_must(hf_mem_alloc("anon4k", PAGES * T_PAGE, HF_MEM_TOUCHED, m));
	t_emulated_rig(r, t, n, VFIO_TYPE1v2_IOMMU);
	map_all(&r->c, spans, m);
}

static void done(struct t_emulated_rig *r, struct hf_mem *m)
{
	t_emulated_rig_close(r);
	hf_mem_free(m);
}

static void pin(const struct t_emulated *e, unsigned int page, int n)
{
	hf_expect_eq(t_pin(e, IOVA + page * T_PAGE, n, R, NULL), n, "pin %d at page %u", n, page);
}

static void unpin(const struct t_emulated *e, unsigned int page, int n)
{
	hf_expect_eq(t_unpin(e, IOVA + page * T_PAGE, n), 0, "unpin %d at page %u", n, page);
}

static void pinned(struct t *t)
{
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct hf_mem m;

	open_and_map(t, &r, 2, maps, &m);
	hf_expect_eq(t_dirty(&r.c, START), 0, "start");
	CLEAN(&r.c, "nothing pinned");
	pin(e, 2, 2);
	pin(e, 192, 100);
	DIRTY(&r.c, "pinned", { 2, 2 }, { 192, 100 });
	DIRTY(&r.c, "pinned still", { 2, 2 }, { 192, 100 });
	/* Unpinned is dirty one last time. */
	unpin(e, 192, 80);
	DIRTY(&r.c, "some unpinned", { 2, 2 }, { 192, 100 });
	DIRTY(&r.c, "the others", { 2, 2 }, { 272, 20 });
	/* Pinned and unpinned between two bitmaps. */
	pin(&r.dev[1], 60, 7);
	unpin(&r.dev[1], 60, 7);
	DIRTY(&r.c, "in between", { 2, 2 }, { 60, 7 }, { 272, 20 });
	DIRTY(&r.c, "and after", { 2, 2 }, { 272, 20 });
	/* Twice, and once. */
	pin(&r.dev[1], 2, 1);
	unpin(e, 2, 1);
	DIRTY(&r.c, "held by the other", { 2, 2 }, { 272, 20 });
	t_emulated_close_device(&r.dev[1]);
	t_emulated_close_device(&r.dev[0]);
	DIRTY(&r.c, "devices closed", { 2, 2 }, { 272, 20 });
	CLEAN(&r.c, "devices closed for longer");
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	done(&r, &m);
}

static void on_and_off(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	unsigned char bits[PAGES / 8];
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct hf_mem m;

	open_and_map(t, &r, 1, maps, &m);
	pin(e, 8, 3);
	hf_expect_eq(t_dirty_get(&r.c, IOVA, T_PAGE, T_PAGE, 8, bits), -EINVAL, "bitmap while off");
	hf_expect_eq(t_dirty(&r.c, START), 0, "start");
	hf_expect_eq(t_vmlck(0), locked + 3 * T_PAGE, "tracking is not charged");
	DIRTY(&r.c, "pinned before it began", { 8, 3 });
	pin(e, 64, 1);
	unpin(e, 64, 1);
	hf_expect_eq(t_dirty(&r.c, START), 0, "start once more");
	DIRTY(&r.c, "as if nothing had been", { 8, 3 }, { 64, 1 });
	pin(e, 64, 1);
	unpin(e, 64, 1);
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	pin(e, 66, 1);
	unpin(e, 66, 1);
	hf_expect_eq(t_dirty(&r.c, START), 0, "start again");
	DIRTY(&r.c, "off in between", { 8, 3 });
	unpin(e, 8, 3);
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	hf_expect_eq(t_dirty(&r.c, START), 0, "start again");
	CLEAN(&r.c, "unpinned before it began");
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	done(&r, &m);
}

static void copies(struct t *t)
{
	static unsigned char bytes[70 * T_PAGE];
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct hf_mem m;

	open_and_map(t, &r, 1, maps, &m);
	hf_expect_eq(t_dma_rw(e, IOVA, bytes, 8, HF_TESTDEV_RW_WRITE), 0, "write while off");
	hf_expect_eq(t_dirty(&r.c, START), 0, "start");
	CLEAN(&r.c, "before");
	hf_expect_eq(t_dma_rw(e, IOVA + 2 * T_PAGE, bytes, 3 * T_PAGE, 0), 0, "read");
	CLEAN(&r.c, "after a read");
	hf_expect_eq(t_dma_rw(e, IOVA + 3 * T_PAGE - 1, bytes, 1, HF_TESTDEV_RW_WRITE), 0, "a byte");
	DIRTY(&r.c, "a byte", { 2, 1 });
	CLEAN(&r.c, "once");
	hf_expect_eq(t_dma_rw(e, IOVA + 3 * T_PAGE - 1, bytes, 2,
			      HF_TESTDEV_RW_WRITE | HF_TESTDEV_RW_KTHREAD), 0, "two bytes");
	DIRTY(&r.c, "two bytes", { 2, 2 });
	hf_expect_eq(t_dma_rw(e, IOVA + 10 * T_PAGE + 100, bytes, 56 * T_PAGE, HF_TESTDEV_RW_WRITE),
		     0, "over a border");
	DIRTY(&r.c, "over a border", { 10, 57 });
	/* It fails in the hole after page 66; what came before it is written. */
	hf_expect_eq(t_dma_rw(e, IOVA + 66 * T_PAGE, bytes, 2 * T_PAGE, HF_TESTDEV_RW_WRITE), -EINVAL,
		     "into a hole");
	DIRTY(&r.c, "into a hole", { 66, 1 });
	/* It fails within a mapping; docs/abi.md: stock forgets that a part was written. */
	hf_require(!munmap((char *)m.addr + 31 * T_PAGE, T_PAGE), "munmap");
	hf_expect_eq(t_dma_rw(e, IOVA + 30 * T_PAGE, bytes, 2 * T_PAGE, HF_TESTDEV_RW_WRITE),
		     -EFAULT, "memory is gone");
	if (t->on == T_ON_HOLDFAST)
		DIRTY(&r.c, "up to what is gone", { 30, 1 });
	else
		CLEAN(&r.c, "up to what is gone");
	/* Beside a pin, and on it. */
	pin(e, 200, 2);
	hf_expect_eq(t_dma_rw(e, IOVA + 201 * T_PAGE, bytes, 2 * T_PAGE, HF_TESTDEV_RW_WRITE), 0,
		     "beside a pin");
	DIRTY(&r.c, "beside a pin", { 200, 3 });
	DIRTY(&r.c, "the pin", { 200, 2 });
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	done(&r, &m);
}

/* Mappings that come and go meanwhile. */
static void maps_meanwhile(struct t *t)
{
	unsigned char bits[PAGES / 8];
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	uint64_t unmapped;
	struct hf_mem m;

	open_and_map(t, &r, 1, maps, &m);
	hf_unmap(&r.c, IOVA + 192 * T_PAGE, 100 * T_PAGE);
	hf_expect_eq(t_dirty(&r.c, START), 0, "start");
	hf_map(&r.c, IOVA + 192 * T_PAGE, m.addr, 100 * T_PAGE, HF_RW);
	CLEAN(&r.c, "a new mapping");
	pin(e, 200, 5);
	pin(e, 10, 5);
	DIRTY(&r.c, "pinned in it", { 10, 5 }, { 200, 5 });

	/* The unmap that says so lets go of the pins before, and still says so. */
	memset(bits, 0, sizeof(bits));
	hf_expect_eq(t_dirty_unmap(&r.c, IOVA + 192 * T_PAGE, 100 * T_PAGE, PAGES / 8, bits,
				   &unmapped), 0, "unmap with bitmap");
	hf_expect_eq(unmapped, 100 * T_PAGE, "unmapped");
	for (unsigned int p = 0; p < 100; p++)
		hf_expect_eq(bits[p / 8] >> p % 8 & 1, p >= 8 && p < 13, "unmapped: page %u", p);
	hf_expect_eq(t_pins_held(), 5, "pins left");

	/* What is mapped there then knows nothing of it. */
	hf_map(&r.c, IOVA + 192 * T_PAGE, m.addr, 100 * T_PAGE, HF_RW);
	DIRTY(&r.c, "the next mapping", { 10, 5 });
	hf_expect_eq(t_dma_rw(e, IOVA + 250 * T_PAGE, bits, 8, HF_TESTDEV_RW_WRITE), 0, "write");
	memset(bits, 0, sizeof(bits));
	hf_expect_eq(t_dirty_unmap(&r.c, IOVA, PAGES * T_PAGE, PAGES / 8, bits, &unmapped), 0,
		     "unmap of all with bitmap");
	bits_are(bits, maps, (const struct span[]){ { 10, 5 }, { 250, 1 }, { 0, 0 } },
		 "unmap of all with bitmap");
	hf_expect_eq(unmapped, 297 * T_PAGE, "unmapped");
	hf_expect_eq(t_pins_held(), 0, "pins left");
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	hf_expect_eq(t_dirty_unmap(&r.c, IOVA, PAGES * T_PAGE, PAGES / 8, bits, &unmapped), -EINVAL,
		     "unmap with bitmap while off");
	done(&r, &m);
}

/* Random pins and copies; answers for parts, every bit compared with stock and with a model. */
static void product(struct t *t)
{
	static const unsigned int ends[] = { 0, 1, 2, 5, 8, 63, 64, 128, 130, 131, 256, 300, 321,
					     421, 500, 512 };
	static unsigned char bits[PAGES / 8];
	uint64_t state = 0xbb67ae8584caa73bULL;
	struct t_emulated_rig r;
	struct hf_mem m;
	size_t n = 0;

	open_and_map(t, &r, 1, odd_maps, &m);
	for (int before = 0; before <= 0x33; before += 0x33)
	for (size_t a = 0; a < T_ARRAY_SIZE(ends); a++)
	for (size_t b = a; b < T_ARRAY_SIZE(ends); b++) {
		const uint64_t iova = IOVA + ends[a] * T_PAGE;
		const uint64_t size = (ends[b] - ends[a]) * T_PAGE;
		struct span want[12] = { { 0, 0 } };
		unsigned int wants = 0;
		int ret;

		hf_expect_eq(t_dirty(&r.c, START), 0, "start");
		for (int i = 0; i < 10; i++) {
			unsigned int page;
			int answer;

			state = state * 6364136223846793005ULL + 1442695040888963407ULL;
			page = (state >> 40) % 421;
			if (!is_in(odd_maps, page))
				continue;
			if (i & 1) {
				answer = t_dma_rw(&r.dev[0], IOVA + page * T_PAGE, bits, 8,
						  HF_TESTDEV_RW_WRITE);
			} else {
				answer = t_pin(&r.dev[0], IOVA + page * T_PAGE, 1, R, NULL) - 1;
				if (!answer && i & 2)
					unpin(&r.dev[0], page, 1);
			}
			hf_expect_eq(answer, 0, "page %u", page);
			want[wants++] = (struct span){ page, 1 };
		}
		memset(bits, before, sizeof(bits));
		ret = t_dirty_get(&r.c, iova, size, T_PAGE, sizeof(bits), bits);
		if (!t_same(t, n++, ret, t_hash(bits, sizeof(bits)), "pages %u to %u", ends[a],
			    ends[b]))
			goto out;
		/* What was in the bitmap before may stay in words where a mapping begins. */
		for (unsigned int p = ends[a]; !ret && !before && p < ends[b]; p++)
			if (is_in(odd_maps, p) &&
			    !hf_expect_eq(bits[(p - ends[a]) / 8] >> (p - ends[a]) % 8 & 1,
					  is_in(want, p), "pages %u to %u: page %u", ends[a],
					  ends[b], p))
				goto out;
		hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
		t_emulated_close_device(&r.dev[0]);
		hf_must(t_emulated_open(&r.dev[0]));
	}
out:
	hf_ktap_diag("%zu requests", n);
	done(&r, &m);
}

/* Only the smallest page size is for sale; what does not fit into a bitmap is refused. */
static void refused(struct t *t)
{
	const uint64_t most = 1ULL << 43; /* 2^31 pages */
	unsigned char bits[PAGES / 8] = { 0 };
	struct t_emulated_rig r;
	struct hf_mem m;

	open_and_map(t, &r, 1, maps, &m);
	hf_expect_eq(t_dirty(&r.c, START), 0, "start");
	hf_expect_eq(t_dirty_get(&r.c, IOVA, PAGES * T_PAGE, 2 * T_PAGE, sizeof(bits), bits),
		     -EINVAL, "page size 8K");
	hf_expect_eq(t_dirty_get(&r.c, IOVA, PAGES * T_PAGE, T_2M, sizeof(bits), bits), -EINVAL,
		     "page size 2M");
	hf_expect_eq(t_dirty_get(&r.c, IOVA, PAGES * T_PAGE, 512, sizeof(bits), bits), -EINVAL,
		     "page size 512");
	hf_expect_eq(t_dirty_get(&r.c, IOVA, PAGES * T_PAGE, T_PAGE, sizeof(bits) - 1, bits),
		     -EINVAL, "bitmap too small");
	hf_expect_eq(t_dirty_get(&r.c, IOVA + 3 * T_PAGE, PAGES * T_PAGE, T_PAGE, sizeof(bits),
				 bits), -EINVAL, "from inside a mapping");
	hf_expect_eq(t_dirty_get(&r.c, IOVA, 3 * T_PAGE, T_PAGE, sizeof(bits), bits), -EINVAL,
		     "to inside a mapping");
	hf_expect_eq(t_dirty_get(&r.c, IOVA, PAGES * T_PAGE, T_PAGE, sizeof(bits), NULL), -EFAULT,
		     "no bitmap");
	pin(&r.dev[0], 8, 2);
	hf_expect_eq(t_dirty_get(&r.c, IOVA, PAGES * T_PAGE, T_PAGE, sizeof(bits), (void *)T_PAGE),
		     -EFAULT, "bitmap nowhere");
	DIRTY(&r.c, "what could not be told is not lost", { 8, 2 });
	/* A mapping that no bitmap can describe. */
	hf_expect_eq(hf_try_map(&r.c, 1ULL << 50, NULL, most, HF_RW), -EINVAL, "8T while on");
	hf_expect_eq(hf_try_unmap(&r.c, 1ULL << 50, most, 0, NULL), 0, "it is not there");
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	hf_expect_eq(hf_try_map(&r.c, 1ULL << 50, NULL, most, HF_RW), 0, "8T while off");
	hf_expect_eq(t_dirty(&r.c, START), -EINVAL, "start with 8T");
	hf_expect_eq(t_dirty_get(&r.c, IOVA, PAGES * T_PAGE, T_PAGE, sizeof(bits), bits), -EINVAL,
		     "it did not start");
	hf_unmap(&r.c, 1ULL << 50, most);
	hf_expect_eq(t_dirty(&r.c, START), 0, "start without");
	DIRTY(&r.c, "without", { 8, 2 });
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	done(&r, &m);
}

/* A bit in a large mapping: every word of the bitmap is right. */
static void large(struct t *t)
{
	const uint64_t size = 64ULL << 30, page = 12345678;
	const size_t bytes = size / T_PAGE / 8;
	struct t_emulated_rig r;
	unsigned char *bits;
	size_t ones = 0;
	char *p;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	bits = malloc(bytes);
	hf_require(p != MAP_FAILED && bits, "address space");
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_map(&r.c, IOVA, p, size, HF_RW);
	hf_expect_eq(t_dirty(&r.c, START), 0, "start");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + page * T_PAGE, 1, W, NULL), 1, "pin");
	hf_expect_eq(t_dma_rw(&r.dev[0], IOVA + size - 1, bits, 1, HF_TESTDEV_RW_WRITE), 0, "write");
	memset(bits, 0xff, bytes);
	hf_expect_eq(t_dirty_get(&r.c, IOVA, size, T_PAGE, bytes, bits), 0, "bitmap");
	for (size_t i = 0; i < bytes; i++)
		ones += (size_t)__builtin_popcount(bits[i]);
	hf_expect_eq(ones, 2, "pages that are dirty");
	hf_expect_eq(bits[page / 8], 1 << page % 8, "the page pinned");
	hf_expect_eq(bits[bytes - 1], 0x80, "the page written");
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	t_emulated_rig_close(&r);
	munmap(p, size);
	free(bits);
}

static void old_type(struct t *t)
{
	unsigned char bits[8];
	struct t_emulated_rig r;

	t_emulated_rig(&r, t, 1, VFIO_TYPE1_IOMMU);
	hf_expect_eq(t_dirty(&r.c, START), -EACCES, "start");
	hf_expect_eq(t_dirty(&r.c, STOP), -EACCES, "stop");
	hf_expect_eq(t_dirty_get(&r.c, IOVA, T_PAGE, T_PAGE, 8, bits), -EACCES, "bitmap");
	t_emulated_rig_close(&r);
}

/* With a device behind an IOMMU: all that is mapped for it, and once more when it has gone. */
static void beside_iommu(struct t *t)
{
	const bool first = t->arg;
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct t_side side;
	struct hf_mem m;

	open_and_map(t, &r, 1, maps, &m);
	pin(e, 20, 3);
	if (first)
		t_side_attach(&side, 0, &r.c);
	hf_expect_eq(t_dirty(&r.c, START), 0, "start");
	if (!first) {
		DIRTY(&r.c, "alone", { 20, 3 });
		t_side_attach(&side, 0, &r.c);
	}
	for (int i = 0; i < 2; i++)
		DIRTY(&r.c, "beside it", { 0, PAGES });
	unpin(e, 20, 1);
	hf_unmap(&r.c, IOVA + 64 * T_PAGE, 3 * T_PAGE);
	hf_map(&r.c, IOVA + 64 * T_PAGE, m.addr, 3 * T_PAGE, HF_RW);
	DIRTY(&r.c, "a new mapping beside it", { 0, PAGES });
	hf_must(hf_group_detach(&side.group));
	/* A mapping that came after it is not its. */
	hf_unmap(&r.c, IOVA + 128 * T_PAGE, T_PAGE);
	hf_map(&r.c, IOVA + 128 * T_PAGE, m.addr, T_PAGE, HF_RW);
	DIRTY(&r.c, "it has gone", { 0, 128 }, { 129, PAGES });
	DIRTY(&r.c, "it has gone for longer", { 21, 2 });
	hf_must(hf_group_attach(&side.group, &r.c));
	DIRTY(&r.c, "it is back", { 0, PAGES });
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	hf_must(hf_group_detach(&side.group));
	hf_expect_eq(t_dirty(&r.c, START), 0, "start after it has gone");
	DIRTY(&r.c, "it went while off", { 21, 2 });
	/* Coming and going between two bitmaps. */
	hf_must(hf_group_attach(&side.group, &r.c));
	hf_must(hf_group_detach(&side.group));
	DIRTY(&r.c, "it was there in between", { 0, PAGES });
	DIRTY(&r.c, "and is not now", { 21, 2 });
	/* The emulated one leaves: nothing changes for who stays. */
	hf_must(hf_group_attach(&side.group, &r.c));
	t_emulated_close(&r.dev[0]);
	DIRTY(&r.c, "the other one alone", { 0, PAGES });
	hf_expect_eq(t_dirty(&r.c, STOP), 0, "stop");
	t_side_close(&side);
	done(&r, &m);
}

static const struct t_case cases[] = {
	{ "what is pinned", pinned, 0, NULL },
	{ "on and off", on_and_off, 0, NULL },
	{ "copies", copies, 0, NULL },
	{ "mappings come and go", maps_meanwhile, 0, NULL },
	{ "parts, product", product, 0, NULL },
	{ "what is refused", refused, 0, NULL },
	{ "a large mapping", large, 0, NULL },
	{ "type1 has no tracking", old_type, 0, NULL },
	{ "an IOMMU joins first", beside_iommu, 0, "first" },
	{ "an IOMMU joins later", beside_iommu, 0, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
