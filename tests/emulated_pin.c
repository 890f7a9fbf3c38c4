// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_pin - the driver of a device without an IOMMU pins pages by IOVA: it gets the right
 * ones, may do with them what the mapping allows, and somebody pays for each exactly once.
 *
 * The kernel writes to a page through what it was given and the CPU reads it through the
 * user's mapping, and the other way round. A request that fails anywhere leaves nothing.
 */
#include <errno.h>
#include <holdfast/pagemap.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "differ.h"
#include "emulated.h"
#include "module.h"

#define IOVA 0x200000000ULL
#define BATCH 512 /* most pages of one call */
#define R HF_TESTDEV_READ
#define W HF_TESTDEV_WRITE

static void open_one(struct t *t, struct t_emulated_rig *r)
{
	t_emulated_rig(r, t, 1, VFIO_TYPE1v2_IOMMU);
}

/* Which page it is: its number by pagemap, and what is written on one side is on the other. */
static bool same_page(const struct t_emulated *e, uint64_t iova, char *p, uint64_t pfn)
{
	uint64_t have = 0, mark = t_seed(), seen = 0;

	hf_must(hf_mem_pfn(p, &have));
	if (!hf_expect_eq(pfn, have, "PFN at 0x%lx", iova))
		return false;
	memcpy(p + T_PAGE - 8, &mark, 8);
	hf_must(t_page_read(e, iova, T_PAGE - 8, &seen, 8));
	if (!hf_expect_eq(seen, mark, "the kernel reads what the CPU wrote, 0x%lx", iova))
		return false;
	mark = t_seed();
	hf_must(t_page_write(e, iova, 16, &mark, 8));
	memcpy(&seen, p + 16, 8);
	return hf_expect_eq(seen, mark, "the CPU reads what the kernel wrote, 0x%lx", iova);
}

static void right_pages(struct t *t)
{
	const unsigned int pages = BATCH + 100;
	uint64_t pfns[BATCH + 100];
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, t->arg, pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, BATCH, R | W, pfns), BATCH, "pin");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + BATCH * T_PAGE, 100, R | W, pfns + BATCH), 100,
		     "pin the rest");
	hf_expect_eq(t_pins_held(), pages, "pins");
	for (unsigned int i = 0; i < pages; i++)
		if (!same_page(&r.dev[0], IOVA + i * T_PAGE, (char *)m.addr + i * T_PAGE, pfns[i]))
			break;
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, BATCH), 0, "unpin");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA + BATCH * T_PAGE, 100), 0, "unpin the rest");
	hf_expect_eq(t_pins_held(), 0, "pins");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Memory nobody touched is there once it is pinned, and stays the process' own. */
static void untouched(struct t *t)
{
	const unsigned int pages = 64;
	uint64_t pfns[64];
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, t->arg, pages * T_PAGE, 0, 0))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(hf_mem_present(m.addr, m.len), 0, "pages there after the map");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, pages, R, pfns), (int)pages, "pin for reading");
	for (unsigned int i = 0; i < pages; i++) {
		uint64_t have = 0, seen = 1;

		hf_must(hf_mem_pfn((char *)m.addr + i * T_PAGE, &have));
		if (!hf_expect_eq(pfns[i], have, "PFN of page %u", i))
			break;
		memset((char *)m.addr + i * T_PAGE, i + 1, 8);
		hf_must(t_page_read(&r.dev[0], IOVA + i * T_PAGE, 0, &seen, 8));
		if (!hf_expect(!memcmp(&seen, (char *)m.addr + i * T_PAGE, 8),
			       "page %u: the kernel reads what the CPU wrote later", i))
			break;
	}
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/*
 * Pinned through a read-only mapping before anybody wrote: must be the page that the CPU's
 * next write goes to. Stock before 6.2 hands out the zero page instead.
 */
static void read_only_coherent(struct t *t)
{
	struct t_emulated_rig r;
	uint64_t seen = 0;
	struct hf_mem m;

	if (t->on == T_ON_STOCK && t_kernel_before(6, 2)) {
		hf_ktap_skip("stock is stale here");
		return;
	}
	if (!t_alloc(&m, "anon4k", 2 * T_PAGE, 0, 0))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_READ);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 2, R, NULL), 2, "pin");
	memset(m.addr, 0x5a, m.len);
	hf_must(t_page_read(&r.dev[0], IOVA + T_PAGE, 100, &seen, 8));
	hf_expect_eq(seen, 0x5a5a5a5a5a5a5a5a, "the kernel reads what the CPU wrote later");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* What the mapping forbids nobody gets. */
static void permissions(struct t *t)
{
	static const struct {
		uint32_t map;
		uint32_t pin;
		int want;
	} rows[] = {
		{ HF_READ, R, 1 },	     { HF_READ, W, -EPERM },	    { HF_READ, R | W, -EPERM },
		{ HF_READ, 0, 1 },	     { HF_WRITE, R, -EPERM },	    { HF_WRITE, W, 1 },
		{ HF_WRITE, R | W, -EPERM }, { HF_RW, R, 1 },		    { HF_RW, W, 1 },
		{ HF_RW, R | W, 1 },	     { HF_RW, 0, 1 },		    { HF_RW, 4, -EPERM },
		{ HF_RW, R | W | 8, -EPERM }, { HF_RW, 1U << 31, -EPERM },
	};
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	struct hf_mem m;
	uint64_t x = 0;

	if (!t_alloc(&m, "anon4k", T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		hf_map(&r.c, IOVA, m.addr, m.len, rows[i].map);
		hf_expect_eq(t_pin(&r.dev[0], IOVA, 1, rows[i].pin, NULL), rows[i].want,
			     "map 0x%x, pin 0x%x", rows[i].map, rows[i].pin);
		t_expect_vmlck(0, locked + (rows[i].want == 1) * T_PAGE, "after the pin");
		if (rows[i].want == 1)
			hf_expect_eq(t_page_write(&r.dev[0], IOVA, 0, &x, 8),
				     rows[i].pin & W ? 0 : -EPERM, "the device's own check");
		hf_unmap(&r.c, IOVA, m.len);
		t_expect_vmlck(0, locked, "after the unmap");
	}
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* A request that makes no sense pins nothing, wherever in it the nonsense is. */
static void refused(struct t *t)
{
	/* 8 pages, a hole of 4, 8 more that may only be read, 4 of no memory. */
	static const struct {
		uint64_t page;
		int npage;
		uint32_t prot;
		int want;
	} rows[] = {
		{ 0, 0, R, -EINVAL },	    { 0, 513, R, -E2BIG },    { 0, INT_MAX, R, -E2BIG },
		{ 8, 1, R, -EINVAL },	    { 7, 2, R, -EINVAL },     { 0, 9, R, -EINVAL },
		{ 11, 2, R, -EINVAL },	    { 4, 16, R, -EINVAL },    { 12, 8, R | W, -EPERM },
		{ 12, 8, R, 8 },	    { 0, 8, R | W, 8 },	      { 0, 512, R, -EINVAL },
		{ 20, 1, R, -EFAULT },	    { 16, 8, R, -EFAULT },    { 12, 9, R, -EFAULT },
		{ 1ULL << 50, 1, R, -EINVAL }, { 1000, 512, R, -EINVAL },
		{ (0ULL - IOVA) / T_PAGE - 1, 1, R, -EINVAL },
	};
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 16 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, 8 * T_PAGE, HF_RW);
	hf_map(&r.c, IOVA + 12 * T_PAGE, (char *)m.addr + 8 * T_PAGE, 8 * T_PAGE, HF_READ);
	hf_map(&r.c, IOVA + 20 * T_PAGE, NULL, 4 * T_PAGE, HF_READ);
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		const uint64_t iova = IOVA + rows[i].page * T_PAGE;
		const int n = rows[i].want > 0 ? rows[i].want : 0;

		hf_expect_eq(t_pin(&r.dev[0], iova, rows[i].npage, rows[i].prot, NULL),
			     rows[i].want, "%d pages at page %lu, 0x%x", rows[i].npage,
			     rows[i].page, rows[i].prot);
		t_expect_vmlck(0, locked + n * T_PAGE, "after the pin");
		hf_expect_eq(t_pinned(), held + n, "pins of the system after the pin");
		hf_expect_eq(t_pins_held(), n, "pins of the device after the pin");
		if (n)
			hf_expect_eq(t_unpin(&r.dev[0], iova, n), 0, "unpin");
		t_expect_vmlck(0, locked, "after the unpin");
	}
	/* A range that wraps ends where nothing is mapped. */
	hf_map(&r.c, 0ULL - 4 * T_PAGE, m.addr, 2 * T_PAGE, HF_RW);
	hf_expect(t_pin(&r.dev[0], 0ULL - 4 * T_PAGE, 5, R, NULL) < 0, "a pin that wraps");
	hf_expect_eq(t_pinned(), held, "pins of the system after a pin that wraps");
	t_same(t, 0, t_pin(&r.dev[0], 0ULL - 4 * T_PAGE, 5, R, NULL), 0, "a pin that wraps");
	t_same(t, 1, t_pin(&r.dev[0], IOVA, -1, R, NULL), 0, "-1 pages");
	t_same(t, 2, t_pin(&r.dev[0], IOVA, INT_MIN, R, NULL), 0, "INT_MIN pages");
	t_same(t, 3, t_pin(&r.dev[0], IOVA + T_1G, -1, R, NULL), 0, "-1 pages, not mapped");
	hf_expect_eq(t_pinned(), held, "pins of the system in the end");
	hf_unmap_all(&r.c);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Type1 as it was first has no such devices' business. */
static void old_type(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 2 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, VFIO_TYPE1_IOMMU);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 2, R, NULL), -EACCES, "pin");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + T_1G, 1, R, NULL), -EACCES, "pin of nothing");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Pinned often, by both devices: charged once, and held until the last lets go. */
static void counted(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	struct t_emulated_rig r;
	uint64_t first, other;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 2, VFIO_TYPE1v2_IOMMU);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA + T_PAGE, 1, R, &first), 1, "once");
	for (int i = 0; i < 5; i++)
		hf_expect_eq(t_pin(&r.dev[i & 1], IOVA, 4, R | W, NULL), 4, "again, %d", i);
	hf_expect_eq(t_pin(&r.dev[1], IOVA + T_PAGE, 1, R, &other), 1, "by the other");
	hf_expect_eq(other, first, "the same page");
	t_expect_vmlck(0, locked + 4 * T_PAGE, "four pages, often");
	hf_expect_eq(t_pinned(), held + 4, "pins of the system");
	hf_expect_eq(t_pins_held(), 22, "pins of the devices");

	/* The other one goes: what is left is the first one's. */
	hf_expect_eq(t_unpin(&r.dev[1], IOVA, 4), 0, "unpin");
	t_emulated_close_device(&r.dev[1]);
	hf_expect_eq(t_pins_held(), 13, "pins of one device");
	t_expect_vmlck(0, locked + 4 * T_PAGE, "without the other device");
	hf_expect(same_page(&r.dev[0], IOVA + T_PAGE, (char *)m.addr + T_PAGE, first), "held");
	for (int i = 0; i < 3; i++)
		hf_expect_eq(t_unpin(&r.dev[0], IOVA, 4), 0, "unpin, %d", i);
	t_expect_vmlck(0, locked + T_PAGE, "one page left");
	hf_expect_eq(t_pinned(), held + 1, "pins of the system, one page left");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, 1), -ENOENT, "the device knows what it holds");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA + T_PAGE, 1), 0, "unpin of the last");
	t_expect_vmlck(0, locked, "none left");
	hf_expect_eq(t_pinned(), held, "pins of the system, none left");

	/* And again from the start. */
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 8, R | W, NULL), 8, "all");
	t_expect_vmlck(0, locked + 8 * T_PAGE, "all");
	t_emulated_close_device(&r.dev[0]);
	t_expect_vmlck(0, locked, "device closed");
	hf_expect_eq(t_pinned(), held, "pins of the system, device closed");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* An unpin of what is mapped and not pinned changes nothing. */
static void strange_unpin(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_unpin_strange(&r.dev[0], IOVA, 8), 0, "unpin, nothing pinned");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + 4 * T_PAGE, 2, R | W, NULL), 2, "pin");
	hf_expect_eq(t_unpin_strange(&r.dev[0], IOVA, 4), 0, "unpin beside it");
	hf_expect_eq(t_unpin_strange(&r.dev[0], IOVA + 6 * T_PAGE, 2), 0, "on the other side");
	t_expect_vmlck(0, locked + 2 * T_PAGE, "two pages");
	hf_expect_eq(t_pinned(), held + 2, "pins of the system");
	hf_unmap(&r.c, IOVA, m.len);
	t_expect_vmlck(0, locked, "unmapped");
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* The same memory under two IOVAs is two pages to pay. One call over several mappings. */
static void several_mappings(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	uint64_t pfns[24];
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	for (uint64_t i = 0; i < 3; i++)
		hf_map(&r.c, IOVA + i * m.len, m.addr, m.len, i == 2 ? HF_READ : HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 24, R, pfns), 24, "pin over three mappings");
	for (int i = 8; i < 24; i++)
		hf_expect_eq(pfns[i], pfns[i % 8], "page %d", i);
	t_expect_vmlck(0, locked + 24 * T_PAGE, "pinned three times");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + 4 * T_PAGE, 13, R | W, NULL), -EPERM,
		     "for writing, over all");
	t_expect_vmlck(0, locked + 24 * T_PAGE, "after what was refused");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA + 4 * T_PAGE, 16), 0, "unpin over all");
	t_expect_vmlck(0, locked + 8 * T_PAGE, "the ends are left");
	/* What is refused at its end gives back what it pinned, and not what was pinned. */
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 25, R, NULL), -EINVAL, "one page too many");
	t_expect_vmlck(0, locked + 8 * T_PAGE, "the ends are left still");
	hf_expect_eq(t_pins_held(), 8, "pins of the device");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, 4), 0, "unpin of one end");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA + 20 * T_PAGE, 4), 0, "and the other");
	t_expect_vmlck(0, locked, "in the end");
	hf_unmap_all(&r.c);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Nothing is looked at before it is pinned: memory may come, go and change until then. */
static void memory_comes_and_goes(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	uint64_t pfn;
	char *p;

	p = mmap(NULL, 4 * T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(p != MAP_FAILED, "memory");
	open_one(t, &r);
	hf_map(&r.c, IOVA, p, 4 * T_PAGE, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 4, R, NULL), -EFAULT, "nobody may touch it");
	hf_require(!mprotect(p, 2 * T_PAGE, PROT_READ | PROT_WRITE), "mprotect");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 3, R, NULL), -EFAULT, "two pages of three");
	t_expect_vmlck(0, locked, "after what was refused");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 2, R | W, NULL), 2, "two pages of two");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, 2), 0, "unpin");
	hf_require(!mprotect(p, 2 * T_PAGE, PROT_READ), "mprotect");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 1, R, NULL), -EFAULT,
		     "mapped for writing, memory for reading");
	hf_require(!munmap(p, 4 * T_PAGE), "munmap");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 1, R, NULL), -EFAULT, "nothing there");
	hf_require(mmap(p, 4 * T_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p, "memory again");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + T_PAGE, 1, R | W, &pfn), 1, "new memory");
	hf_expect(same_page(&r.dev[0], IOVA + T_PAGE, p + T_PAGE, pfn), "new memory");

	/* Pinned memory is unmapped by the process: the page stays, and whose it was pays. */
	hf_require(!munmap(p, 4 * T_PAGE), "munmap");
	t_expect_vmlck(0, locked + T_PAGE, "memory gone, page pinned");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + T_PAGE, 1, R | W, NULL), 1, "pinned is pinned");
	hf_unmap(&r.c, IOVA, 4 * T_PAGE);
	t_expect_vmlck(0, locked, "unmapped");
	t_emulated_rig_close(&r);
}

/* After fork the parent's page stays the one that is pinned. */
static void child_writes(void *arg)
{
	memset(arg, 0xcc, T_PAGE);
}

static void over_fork(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;
	uint64_t pfn;

	if (!t_alloc(&m, "anon4k", 2 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 1, R | W, &pfn), 1, "pin");
	t_child(child_writes, m.addr, "child writes to its copy");
	hf_expect(same_page(&r.dev[0], IOVA, m.addr, pfn), "the parent's");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Limits. Whoever mapped pays, with the privilege it had then. */

struct limited {
	struct t *t;
	struct t_emulated_rig r;
};

static void limit_child(void *arg)
{
	const struct limited *l = arg;
	const struct t_emulated *e = &l->r.dev[0];
	struct hf_mem m;

	t_unprivileged(10 * T_PAGE + 100);
	hf_must(hf_mem_alloc("anon4k", 600 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(&l->r.c, IOVA, m.addr, m.len, HF_RW);
	t_expect_vmlck(0, 0, "a map of more than the limit");
	hf_expect_eq(t_pin(e, IOVA, 11, R, NULL), -ENOMEM, "11 of 10");
	t_expect_vmlck(0, 0, "after 11 of 10");
	hf_expect_eq(t_pin(e, IOVA, 512, R, NULL), -ENOMEM, "512 of 10");
	t_expect_vmlck(0, 0, "after 512 of 10");
	hf_expect_eq(t_pin(e, IOVA, 10, R, NULL), 10, "10 of 10");
	t_expect_vmlck(0, 10 * T_PAGE, "10 of 10");
	hf_expect_eq(t_pin(e, IOVA, 10, R, NULL), 10, "the same again");
	hf_expect_eq(t_pin(e, IOVA + 10 * T_PAGE, 1, R, NULL), -ENOMEM, "one more");
	hf_expect_eq(t_pin(e, IOVA + 5 * T_PAGE, 6, R, NULL), -ENOMEM, "5 known and one more");
	t_expect_vmlck(0, 10 * T_PAGE, "10 of 10 still");
	hf_expect_eq(t_pins_held(), 20, "pins of the device");
	hf_expect_eq(t_unpin(e, IOVA, 3), 0, "3 less, once");
	hf_expect_eq(t_pin(e, IOVA + 10 * T_PAGE, 1, R, NULL), -ENOMEM, "they are pinned still");
	hf_expect_eq(t_unpin(e, IOVA, 3), 0, "3 less");
	t_expect_vmlck(0, 7 * T_PAGE, "7 of 10");
	hf_expect_eq(t_pin(e, IOVA + 100 * T_PAGE, 4, R, NULL), -ENOMEM, "7 and 4 of 10");
	t_expect_vmlck(0, 7 * T_PAGE, "7 of 10 still");
	hf_expect_eq(t_pin(e, IOVA + 100 * T_PAGE, 3, R, NULL), 3, "7 and 3 of 10");
	hf_require(mlock(m.addr, T_PAGE) && errno == ENOMEM, "mlock() counts the same");
	hf_unmap(&l->r.c, IOVA, m.len);
	t_expect_vmlck(0, 0, "unmapped");
	hf_mem_free(&m);
}

static void limit(struct t *t)
{
	struct limited l = { .t = t };

	open_one(t, &l.r);
	t_child(limit_child, &l, "limit of 10 pages");
	t_emulated_rig_close(&l.r);
}

/* Root's mapping is charged but not limited, whoever has the device pin. */
static void unprivileged_pins(void *arg)
{
	const struct limited *l = arg;

	t_unprivileged(T_PAGE);
	hf_expect_eq(t_pin(&l->r.dev[0], IOVA, 100, R | W, NULL), 100, "pin");
	t_expect_vmlck(0, 0, "who did not map");
}

static void another_pins(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct limited l = { .t = t };
	struct hf_mem m;
	uint64_t pfn;

	if (!t_alloc(&m, "anon4k", 100 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &l.r);
	hf_map(&l.r.c, IOVA, m.addr, m.len, HF_RW);
	t_child(unprivileged_pins, &l, "a child without privilege pins");
	t_expect_vmlck(0, locked + m.len, "who mapped");
	hf_expect_eq(t_pin(&l.r.dev[0], IOVA, 1, R, &pfn), 1, "pin of the first again");
	hf_expect(same_page(&l.r.dev[0], IOVA, m.addr, pfn), "the page of who mapped");
	hf_unmap(&l.r.c, IOVA, m.len);
	t_expect_vmlck(0, locked, "unmapped");
	t_emulated_rig_close(&l.r);
	hf_mem_free(&m);
}

struct pair {
	struct limited l;
	struct t_gate *gate;
};

static void map_and_wait(void *arg)
{
	struct pair *p = arg;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 8 * T_PAGE, HF_MEM_TOUCHED, &m));
	memset(m.addr, 0x77, m.len);
	hf_map(&p->l.r.c, IOVA, m.addr, m.len, HF_RW);
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
	t_expect_vmlck(0, 4 * T_PAGE, "who mapped, after another's pin");
}

/* The memory is that of the process that mapped, as long as it has it. */
static void mapper_gone(struct t *t)
{
	struct pair p = { .l.t = t, .gate = t_gate_new() };
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	uint64_t seen = 0;
	pid_t pid;

	open_one(t, &p.l.r);
	pid = t_child_start(map_and_wait, &p);
	t_gate_wait(p.gate, 1);
	hf_expect_eq(t_pin(&p.l.r.dev[0], IOVA, 4, R | W, NULL), 4, "pin of a child's memory");
	hf_must(t_page_read(&p.l.r.dev[0], IOVA, 8, &seen, 8));
	hf_expect_eq(seen, 0x7777777777777777, "the child's bytes");
	t_expect_vmlck(0, locked, "who did not map");
	t_gate_open(p.gate, 2);
	t_child_end(pid, "child that maps");

	hf_expect_eq(t_pin(&p.l.r.dev[0], IOVA + 4 * T_PAGE, 1, R, NULL), -ENODEV,
		     "pin when the child is gone");
	hf_expect_eq(t_pin(&p.l.r.dev[0], IOVA, 4, R, NULL), 4, "pinned is pinned");
	seen = 0;
	hf_must(t_page_read(&p.l.r.dev[0], IOVA + T_PAGE, 8, &seen, 8));
	hf_expect_eq(seen, 0x7777777777777777, "the child's bytes, and it is gone");
	hf_expect_eq(t_unpin(&p.l.r.dev[0], IOVA, 2), 0, "unpin");
	hf_expect_eq(t_pinned(), held + 4, "pins of the system");
	hf_unmap(&p.l.r.c, IOVA, 8 * T_PAGE);
	hf_expect_eq(t_pinned(), held, "pins of the system, unmapped");
	t_emulated_rig_close(&p.l.r);
}

static void map_pin_exec(void *arg)
{
	struct limited *l = arg;
	struct hf_mem m;
	char fd[16];

	hf_must(hf_mem_alloc("anon4k", 8 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(&l->r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pin(&l->r.dev[0], IOVA, 3, R | W, NULL), 3, "pin");
	snprintf(fd, sizeof(fd), "%d", dup(l->r.dev[0].fd));
	execl("/proc/self/exe", "emulated_pin", "after-exec", fd, NULL);
	hf_expect(false, "exec: %s", strerror(errno));
}

/* No result lines here: the parent reads the exit status. */
static int after_exec(const char *fd)
{
	const struct t_emulated e = { .fd = atoi(fd) };

	if (t_vmlck(0))
		return 2;
	if (t_pin(&e, IOVA + 4 * T_PAGE, 1, R, NULL) != -ENODEV)
		return 3;
	if (t_pin(&e, IOVA, 3, R, NULL) != 3)
		return 4;
	if (t_unpin(&e, IOVA, 3) || t_unpin(&e, IOVA, 3))
		return 5;
	return t_vmlck(0) ? 6 : 0;
}

static void over_exec(struct t *t)
{
	struct limited l = { .t = t };

	open_one(t, &l.r);
	t_child(map_pin_exec, &l,
		"map, pin, exec (2: charged, 3: pin of old memory, 4: known page, 5: unpin, 6: charged)");
	hf_unmap(&l.r.c, IOVA, 8 * T_PAGE);
	t_emulated_rig_close(&l.r);
}

/* A device's registers have no page to pin. */
static void registers(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_bar bar;

	hf_must(hf_bar_map(&t->rig.device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	open_one(t, &r);
	hf_map(&r.c, IOVA, (void *)bar.addr, 2 * T_PAGE, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 1, R | W, NULL), -EINVAL, "pin of a BAR");
	hf_expect_eq(t_pins_held(), 0, "pins");
	hf_unmap(&r.c, IOVA, 2 * T_PAGE);
	t_emulated_rig_close(&r);
	hf_bar_unmap(&bar);
}

/* As many as a driver may hold, in calls that do not end where others began. */
static void many(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	const unsigned int pages = 4096;
	struct t_emulated_rig r;
	unsigned int at;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	for (at = 0; at < pages; at += 300) {
		const int n = pages - at < 500 ? (int)(pages - at) : 500;

		if (!hf_expect_eq(t_pin(&r.dev[0], IOVA + at * T_PAGE, n, R | W, NULL), n,
				  "page %u", at))
			break;
	}
	t_expect_vmlck(0, locked + m.len, "all");
	for (at = 0; at < pages; at += 300) {
		const int n = pages - at < 500 ? (int)(pages - at) : 500;

		if (!hf_expect_eq(t_unpin(&r.dev[0], IOVA + at * T_PAGE, n), 0, "page %u", at))
			break;
	}
	t_expect_vmlck(0, locked, "none");
	hf_expect_eq(t_pins_held(), 0, "pins");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* An IOVA in the middle of a page: compared with stock, whatever that makes of it. */
static void odd_iova(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	uint64_t pfns[4] = { 0 };
	struct hf_mem m;
	uint64_t have;
	int ret;

	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA + 2 * T_PAGE + 8, 1, R, NULL), -EINVAL,
		     "the device refuses by itself");
	hf_must(t_module_param_set(HF_TESTDEV_MODULE, "unaligned", "Y"));
	ret = t_pin(&r.dev[0], IOVA + 2 * T_PAGE + 8, 2, R, pfns);
	hf_must(t_module_param_set(HF_TESTDEV_MODULE, "unaligned", "N"));
	t_same(t, 0, ret, (t_vmlck(0) - locked) / T_PAGE, "pin of two pages");
	for (int i = 0; ret == 2 && i < 2; i++) {
		hf_must(hf_mem_pfn((char *)m.addr + (2 + i) * T_PAGE, &have));
		hf_expect_eq(pfns[i], have, "PFN %d", i);
	}
	ret = t_pin(&r.dev[0], IOVA + 2 * T_PAGE, 1, R, NULL);
	/* docs/abi.md: to stock that is another page, and it is charged once more. */
	hf_expect_eq(ret, 1, "the same page from its start");
	hf_expect_eq((t_vmlck(0) - locked) / T_PAGE, t->on == T_ON_HOLDFAST ? 2 : 3,
		     "pages charged");
	hf_unmap(&r.c, IOVA, m.len);
	t_expect_vmlck(0, locked, "unmapped");
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "the right pages: anon4k", right_pages, 0, "anon4k" },
	{ "the right pages: thp", right_pages, 0, "thp" },
	{ "the right pages: hugetlb2m", right_pages, 0, "hugetlb2m" },
	{ "the right pages: hugetlb1g", right_pages, 0, "hugetlb1g" },
	{ "the right pages: shmem4k", right_pages, 0, "shmem4k" },
	{ "the right pages: file", right_pages, 0, "file" },
	{ "memory nobody touched: anon4k", untouched, 0, "anon4k" },
	{ "memory nobody touched: shmem4k", untouched, 0, "shmem4k" },
	{ "a read-only mapping is coherent", read_only_coherent, 0, NULL },
	{ "permissions", permissions, 0, NULL },
	{ "requests that are refused", refused, 0, NULL },
	{ "a container of the old type", old_type, 0, NULL },
	{ "pinned often", counted, 0, NULL },
	{ "unpinned without having been pinned", strange_unpin, 0, NULL },
	{ "several mappings", several_mappings, 0, NULL },
	{ "memory comes and goes", memory_comes_and_goes, 0, NULL },
	{ "fork", over_fork, 0, NULL },
	{ "limit of 10 pages", limit, 0, NULL },
	{ "who mapped pays", another_pins, 0, NULL },
	{ "who mapped is gone", mapper_gone, 0, NULL },
	{ "exec", over_exec, 0, NULL },
	{ "registers of a device", registers, T_RIG, NULL },
	{ "4096 pages", many, 0, NULL },
	{ "an IOVA inside of a page", odd_iova, 0, NULL },
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "after-exec"))
		return after_exec(argv[2]);
	return T_EMULATED_RUN(cases);
}
