// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_map - a container that has no IOMMU, only emulated devices: a map is a note of what
 * is where. It pins nothing, charges nothing, and looks at neither memory nor windows; all
 * else that a container answers is as with an IOMMU.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <holdfast/pagemap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "differ.h"
#include "emulated.h"
#include "module.h"

#define IOVA 0x200000000ULL
#define INFO_MAX 200

static int type_of(const struct t *t)
{
	return t->arg ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU;
}

static void open_one(struct t *t, struct t_emulated_rig *r)
{
	t_emulated_rig(r, t, 1, type_of(t));
}

static void info(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_iommu_info i;

	open_one(t, &r);
	hf_must(hf_container_info(&r.c, &i));
	hf_expect_eq(i.flags, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, "flags");
	hf_expect_eq(i.pgsizes, ~(T_PAGE - 1), "page sizes: all");
	hf_expect(!i.has_ranges, "no IOVA ranges: everything can be mapped");
	hf_expect(i.has_migration, "migration");
	hf_expect_eq(i.migration_pgsizes, T_PAGE, "migration: page sizes");
	hf_expect_eq(i.migration_max_bitmap, 1UL << 28, "migration: largest bitmap");
	hf_expect(i.has_dma_avail, "dma_avail");
	hf_expect_eq(i.dma_avail, 65535, "dma_avail of an empty container");
	hf_expect_eq(i.nr_unknown, 0, "other capabilities");
	for (uint32_t argsz = 0; argsz < INFO_MAX; argsz++) {
		unsigned char answer[2 * INFO_MAX];

		memset(answer, 0xa5, sizeof(answer));
		memcpy(answer, &argsz, sizeof(argsz));
		t_same(t, argsz, hf_container_ioctl(&r.c, VFIO_IOMMU_GET_INFO, answer),
		       t_hash(answer, sizeof(answer)), "argsz %u", argsz);
	}
	t_emulated_rig_close(&r);
}

/* Asked with the type only, the device closed and open. */
static void extensions(struct t *t)
{
	struct t_emulated_rig r;
	size_t n = 0;

	open_one(t, &r);
	for (int open = 1; open >= 0; open--) {
		for (unsigned long e = 0; e < 64; e++) {
			int ret = hf_container_check_extension(&r.c, e);

			/* A nesting container is left to stock: docs/. */
			if (e != VFIO_TYPE1_NESTING_IOMMU)
				t_same(t, n, ret, 0, "extension %lu", e);
			n++;
		}
		hf_expect_eq(hf_container_check_extension(&r.c, VFIO_DMA_CC_IOMMU), 1,
			     "coherent: nobody is not");
		hf_expect_eq(hf_container_check_extension(&r.c, VFIO_UPDATE_VADDR), 0,
			     "no new addresses under a driver that pins");
		t_emulated_close_device(&r.dev[0]);
	}
	t_emulated_rig_close(&r);
}

/* Addresses do not move while a driver may need them. */
static void new_addresses(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(hf_try_unmap(&r.c, IOVA, m.len, VFIO_DMA_UNMAP_FLAG_VADDR, NULL), -EBUSY,
		     "addresses are to become invalid");
	hf_expect_eq(hf_try_unmap(&r.c, 0, 0,
				  VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL, NULL),
		     -EBUSY, "all addresses are to become invalid");
	hf_expect_eq(hf_try_map(&r.c, IOVA, m.addr, m.len, VFIO_DMA_MAP_FLAG_VADDR), -EINVAL,
		     "a new address where the old one is valid");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Nothing happens to memory or accounts, with or without the device open. */
static void notes_only(struct t *t)
{
	const size_t len = 512UL << 20;
	struct hf_proc_snapshot before, now;
	struct t_emulated_rig r;
	char *p;

	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	hf_require(p != MAP_FAILED, "address space");
	open_one(t, &r);
	hf_must(hf_proc_snapshot(&before));
	hf_map(&r.c, IOVA, p, len, HF_RW);
	hf_map(&r.c, IOVA + len, p, len, HF_READ);
	hf_map(&r.c, IOVA + 2 * len, NULL, T_PAGE, HF_RW);
	t_emulated_close_device(&r.dev[0]);
	hf_map(&r.c, 0, p + T_PAGE, T_PAGE, HF_WRITE);
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.pins_held, before.pins_held, "pins");
	hf_expect_eq(now.vmlck, before.vmlck, "VmLck");
	hf_expect_eq(hf_mem_present(p, len), 0, "pages that are there");
	hf_expect_eq(hf_unmap_all(&r.c), 2 * len + 2 * T_PAGE, "unmapped");
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.vmlck, before.vmlck, "VmLck after the unmap");
	t_emulated_rig_close(&r);
	munmap(p, len);
}

struct limited {
	struct t_emulated_rig r;
};

static void limit_child(void *arg)
{
	const struct limited *l = arg;
	struct hf_mem m;

	t_unprivileged(0);
	hf_must(hf_mem_alloc("anon4k", 300 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_expect_eq(hf_try_map(&l->r.c, IOVA, m.addr, m.len, HF_RW), 0, "map");
	hf_expect_eq(t_vmlck(0), 0, "VmLck");
	hf_unmap(&l->r.c, IOVA, m.len);
	hf_mem_free(&m);
}

static void no_limit(struct t *t)
{
	struct limited l;

	open_one(t, &l.r);
	t_child(limit_child, &l, "limit of 0");
	t_emulated_rig_close(&l.r);
}

static unsigned int avail(const struct hf_container *c)
{
	struct hf_iommu_info i;

	hf_must(hf_container_info(c, &i));
	return i.dma_avail;
}

static void entry_limit(struct t *t)
{
	const char *module = t->on == T_ON_STOCK ? T_MODULE_STOCK : T_MODULE_HOLDFAST;
	struct t_emulated_rig r;
	struct hf_mem m;
	char was[32];

	if (!t_alloc(&m, "anon4k", T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(t_module_param(module, "dma_entry_limit", was, sizeof(was)));
	hf_must(t_module_param_set(module, "dma_entry_limit", "10"));
	open_one(t, &r);
	hf_must(t_module_param_set(module, "dma_entry_limit", was));
	for (unsigned int i = 0; i < 10; i++) {
		hf_expect_eq(avail(&r.c), 10 - i, "after %u maps", i);
		hf_expect_eq(hf_try_map(&r.c, i * T_PAGE, m.addr, T_PAGE, HF_RW), 0, "map %u", i);
	}
	hf_expect_eq(hf_try_map(&r.c, IOVA, m.addr, T_PAGE, HF_RW), -ENOSPC, "one more");
	hf_unmap(&r.c, 0, 2 * T_PAGE);
	hf_expect_eq(avail(&r.c), 2, "after an unmap of two");
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* Ranges of every size anywhere, memory of no kind: compared with stock. */
static void anywhere(struct t *t)
{
	static const uint64_t iovas[] = {
		0, 1, 0x800, T_PAGE, T_2M, 0xfee00000, 0xfee01000, 1ULL << 39, 1ULL << 47,
		(1ULL << 48) - T_PAGE, 1ULL << 48, 1ULL << 52, 1ULL << 62, 1ULL << 63,
		(1ULL << 63) - T_PAGE, 0ULL - T_2M, 0ULL - 2 * T_PAGE, 0ULL - T_PAGE, ~0ULL,
	};
	static const uint64_t sizes[] = {
		0, 1, T_PAGE - 1, T_PAGE, T_PAGE + 1, 2 * T_PAGE, T_2M, 1ULL << 40, 1ULL << 43,
		(1ULL << 43) + T_PAGE, 1ULL << 47, 1ULL << 52, 1ULL << 62, 1ULL << 63,
		(1ULL << 63) + T_PAGE, 0ULL - 2 * T_PAGE, 0ULL - T_PAGE, ~0ULL,
	};
	static const uint64_t vaddrs[] = {
		0, T_PAGE, 1, 0x7ffffffff000, 1ULL << 47, 1ULL << 63, 0xffff888000000000,
		0ULL - T_PAGE,
	};
	static const uint32_t flags[] = { HF_RW, HF_READ, 0, 8 };
	struct t_emulated_rig r;
	size_t n = 0;

	open_one(t, &r);
	for (size_t i = 0; i < T_ARRAY_SIZE(iovas); i++)
	for (size_t s = 0; s < T_ARRAY_SIZE(sizes); s++)
	for (size_t v = 0; v < T_ARRAY_SIZE(vaddrs); v++)
	for (size_t f = 0; f < (v ? 1 : T_ARRAY_SIZE(flags)); f++) {
		const uint64_t iova = iovas[i], size = sizes[s];
		uint64_t unmapped = 0;
		int ret = hf_try_map(&r.c, iova, (void *)vaddrs[v], size, flags[f]);

		if (!t_same(t, n++, ret, 0, "map 0x%lx at 0x%lx, 0x%lx bytes, flags 0x%x",
			    vaddrs[v], iova, size, flags[f]))
			goto out;
		if (ret)
			continue;
		/* A mapping up to the very end is lost by stock before 6.18: docs/. */
		if (!(iova + size)) {
			ret = hf_try_unmap(&r.c, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped);
			if (!ret && unmapped == size)
				continue;
			if (!hf_expect(t->on == T_ON_STOCK && t_kernel_before(6, 18),
				       "unmap of 0x%lx bytes at the very end: %d, 0x%lx", size, ret,
				       unmapped))
				goto out;
			t_emulated_rig_close(&r);
			open_one(t, &r);
			continue;
		}
		hf_expect_eq(hf_try_map(&r.c, iova + size - T_PAGE, NULL, T_PAGE, HF_RW), -EEXIST,
			     "its last page again");
		hf_expect_eq(avail(&r.c), 65534, "one mapping");
		ret = hf_try_unmap(&r.c, iova, size, 0, &unmapped);
		if (!hf_expect(!ret && unmapped == size, "unmap of 0x%lx bytes at 0x%lx: %d, 0x%lx",
			       size, iova, ret, unmapped))
			goto out;
	}
out:
	hf_ktap_diag("%zu maps", n);
	t_emulated_rig_close(&r);
}

/* Maps and unmaps of parts, over gaps and over each other: compared with stock. */
static void sequence(struct t *t)
{
	static const unsigned int pages[] = { 1, 1, 2, 3, 8, 16, 32, 40 };
	struct t_emulated_rig r;
	uint64_t state = 0x6a09e667f3bcc908ULL;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 40 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	for (size_t n = 0; n < 8000; n++) {
		uint64_t iova, size, unmapped = 0;
		int ret;

		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		iova = IOVA + (state >> 33) % 64 * T_PAGE;
		size = pages[(state >> 40) % T_ARRAY_SIZE(pages)] * T_PAGE;
		if (state >> 63) {
			ret = hf_try_map(&r.c, iova, m.addr, size, HF_RW);
		} else if (n % 50) {
			ret = hf_try_unmap(&r.c, iova, size, 0, &unmapped);
		} else {
			ret = hf_try_unmap(&r.c, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped);
		}
		if (!t_same(t, n, ret, unmapped, "step %zu: %s of 0x%lx at 0x%lx", n,
			    state >> 63 ? "map" : "unmap", size, iova))
			break;
	}
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* A device can be opened when there is a type, and its group cannot leave while it is open. */
static void life(struct t *t)
{
	struct t_served served;
	struct t_emulated e;
	struct hf_container c;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_served_before(&served);
	hf_must(hf_container_open(&c));
	t_emulated_group(&e, 1);
	hf_expect_eq(t_emulated_open(&e), -EINVAL, "open without a container");
	hf_expect_eq(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU), -EINVAL, "type without group");
	hf_must(hf_group_attach(&e.group, &c));
	hf_expect_eq(t_emulated_open(&e), -EINVAL, "open without a type");
	hf_expect_eq(hf_try_map(&c, IOVA, m.addr, m.len, HF_RW), -EINVAL, "map without a type");
	for (int round = 0; round < 3; round++) {
		hf_must(hf_container_set_type(&c, round == 1 ? VFIO_TYPE1_IOMMU :
							       VFIO_TYPE1v2_IOMMU));
		t_served_by(&served, t);
		hf_expect_eq(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU), -EINVAL, "type twice");
		hf_expect_eq(hf_group_attach(&e.group, &c), -EINVAL, "attach twice");
		hf_map(&c, IOVA, m.addr, m.len, HF_RW);
		hf_must(t_emulated_open(&e));
		hf_expect_eq(hf_group_detach(&e.group), -EBUSY, "detach with the device open");
		if (round != 1)
			hf_expect_eq(t_pin(&e, IOVA, 4, HF_TESTDEV_READ, NULL), 4, "pin");
		hf_expect_eq(hf_try_map(&c, IOVA, m.addr, T_PAGE, HF_RW), -EEXIST, "mapped");
		t_emulated_close_device(&e);
		hf_must(hf_group_detach(&e.group));
		hf_expect_eq(hf_try_map(&c, IOVA, m.addr, m.len, HF_RW), -EINVAL,
			     "map with no group any more");
		hf_must(hf_group_attach(&e.group, &c));
	}
	/* Pinned, and everything closed in an order that users come up with. */
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	hf_map(&c, IOVA, m.addr, m.len, HF_RW);
	hf_must(t_emulated_open(&e));
	hf_expect_eq(t_pin(&e, IOVA, 4, HF_TESTDEV_WRITE, NULL), 4, "pin");
	hf_container_close(&c);
	hf_group_close(&e.group);
	hf_expect_eq(t_pin(&e, IOVA, 4, HF_TESTDEV_WRITE, NULL), 4, "pin, container closed");
	hf_expect_eq(t_pins_held(), 8, "pins");
	t_emulated_close_device(&e);
	hf_mem_free(&m);
}

/* With many mappings and some pinned all can go at once. */
static void many(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	const unsigned int count = 3000;
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(t, &r);
	for (unsigned int i = 0; i < count; i++)
		hf_map(&r.c, IOVA + i * 8 * T_PAGE, m.addr, (i % 8 + 1) * T_PAGE, HF_RW);
	for (unsigned int i = 0; i < count; i += 40)
		hf_expect_eq(t_pin(&r.dev[0], IOVA + i * 8 * T_PAGE, 1, HF_TESTDEV_READ, NULL), 1,
			     "pin %u", i);
	hf_expect_eq(t_vmlck(0), locked + count / 40 * T_PAGE, "VmLck");
	hf_expect_eq(avail(&r.c), 65535 - count, "dma_avail");
	if (t->index & 1)
		hf_expect_eq(hf_unmap_all(&r.c), count / 8 * 36 * T_PAGE, "unmapped");
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "what the container says", info, 0, NULL },
	{ "what the container says, v1", info, 0, "v1" },
	{ "extensions", extensions, 0, NULL },
	{ "extensions, v1", extensions, 0, "v1" },
	{ "new addresses", new_addresses, 0, NULL },
	{ "a map is a note", notes_only, 0, NULL },
	{ "a map is a note, v1", notes_only, 0, "v1" },
	{ "no limit for what costs nothing", no_limit, 0, NULL },
	{ "dma_entry_limit", entry_limit, 0, NULL },
	{ "ranges anywhere", anywhere, 0, NULL },
	{ "ranges anywhere, v1", anywhere, 0, "v1" },
	{ "maps and unmaps", sequence, 0, NULL },
	{ "maps and unmaps, v1", sequence, 0, "v1" },
	{ "open and close", life, 0, NULL },
	{ "many mappings, closed", many, 0, NULL },
	{ "many mappings, unmapped", many, 0, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
