// SPDX-License-Identifier: GPL-2.0-only
/*
 * info - CHECK_EXTENSION and GET_INFO say what stock says, in every form they can be asked.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <holdfast/pattern.h>
#include <holdfast/pci.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emulated.h"
#include "harness.h"

#define IOVA 0x100000000ULL
#define INFO_MAX 320
#define GUARD 0xa5

static void extensions(struct t *t)
{
	static int answers[T_BACKENDS][64];

	for (unsigned long e = 0; e < 64; e++) {
		int ret = hf_container_check_extension(t->c, e);

		answers[t->on][e] = ret;
		if (t->on == T_ON_HOLDFAST)
			hf_expect_eq(ret, answers[T_ON_STOCK][e], "extension %lu", e);
	}
	hf_expect_eq(answers[t->on][VFIO_TYPE1_IOMMU], 1, "type1");
	hf_expect_eq(answers[t->on][VFIO_TYPE1v2_IOMMU], 1, "type1v2");
	hf_expect_eq(answers[t->on][VFIO_UNMAP_ALL], 1, "unmap all");
	hf_expect_eq(hf_container_check_extension(t->c, ~0UL), 0, "an extension of all bits");
}

static void extensions_untyped(struct t *t)
{
	static int answers[T_BACKENDS][64];
	struct hf_container c;

	hf_must(hf_container_open(&c));
	for (unsigned long e = 0; e < 64; e++) {
		answers[t->on][e] = hf_container_check_extension(&c, e);
		if (t->on == T_ON_HOLDFAST)
			hf_expect_eq(answers[t->on][e], answers[T_ON_STOCK][e], "extension %lu", e);
	}
	hf_expect_eq(hf_container_check_extension(&c, VFIO_TYPE1_IOMMU), 1, "type1");
	hf_expect_eq(hf_container_check_extension(&c, VFIO_TYPE1v2_IOMMU), 1, "type1v2");
	hf_expect_eq(hf_container_check_extension(&c, VFIO_UNMAP_ALL), 1, "unmap all");
	hf_expect_eq(hf_container_check_extension(&c, VFIO_SPAPR_TCE_IOMMU), 0,
		     "another machine's");
	hf_container_close(&c);
}

/* Where the kernel has the type and the IOMMU can nest it is a v2 container as any other. */
static void nesting(struct t *t)
{
	static int answers[T_BACKENDS][2];
	struct t_port port = { 0 };
	struct t_served served;
	struct hf_rig r;
	struct hf_mem m;

	t_served_before(&served);
	answers[t->on][0] = hf_rig_open(&r, NULL, VFIO_TYPE1_NESTING_IOMMU);
	hf_ktap_diag("a container of type nesting: %d", answers[t->on][0]);
	if (t->on == T_ON_HOLDFAST)
		hf_expect_eq(answers[t->on][0], answers[T_ON_STOCK][0], "container");
	if (answers[t->on][0])
		return;
	t_served_by(&served, t);
	answers[t->on][1] = hf_container_check_extension(&r.container, VFIO_TYPE1_NESTING_IOMMU);
	hf_expect_eq(answers[t->on][1], answers[T_ON_STOCK][1], "extension");
	hf_must(hf_mem_alloc("anon4k", 70 * T_PAGE, HF_MEM_TOUCHED, &m));
	t_port_open(&port, &r.container, &r.device, HF_DMA_IOVA_DEFAULT);
	hf_map(&r.container, IOVA, m.addr, m.len, HF_RW);
	t_dma_check(&port, IOVA, m.addr, m.len, HF_RW, "nesting");
	hf_expect_eq(hf_try_unmap(&r.container, IOVA, T_PAGE, 0, NULL), -EINVAL, "cut, as in v2");
	t_dma_check(&port, IOVA, m.addr, m.len, HF_RW, "nesting, still");
	hf_unmap(&r.container, IOVA, m.len);
	t_faults_begin("unmapped in a nesting container");
	t_dma_write_blocked(&port, IOVA, m.addr, m.len, "nesting, unmapped");
	t_faults_end();
	t_port_close(&port);
	hf_rig_close(&r);
	hf_mem_free(&m);
}

/*
 * With an emulated device alone no IOMMU is asked whether it can nest: the type is there on
 * every kernel that knows it, until a device comes whose IOMMU cannot.
 */
static void nesting_emulated(struct t *t)
{
	static int joins[T_BACKENDS];
	struct t_emulated_rig r;
	struct hf_container c;
	struct hf_group g;
	char buf[T_PAGE], bdf[HF_BDF_LEN];
	struct hf_mem m;
	int offered;

	hf_must(hf_container_open(&c));
	offered = hf_container_check_extension(&c, VFIO_TYPE1_NESTING_IOMMU);
	hf_container_close(&c);
	hf_ktap_diag("the type is offered: %d", offered);
	if (!offered)
		return;
	t_emulated_rig(&r, t, 1, VFIO_TYPE1_NESTING_IOMMU);
	hf_must(hf_mem_alloc("anon4k", 8 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_mem_fill(&m, 1);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_dma_rw(&r.dev[0], IOVA + T_PAGE, buf, sizeof(buf), 0), 0, "copy");
	hf_expect(!memcmp(buf, (char *)m.addr + T_PAGE, sizeof(buf)), "bytes of the copy");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 8, HF_TESTDEV_READ, NULL), 8, "pin");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, 8), 0, "unpin");
	hf_expect_eq(hf_try_unmap(&r.c, IOVA, T_PAGE, 0, NULL), -EINVAL, "cut, as in v2");

	hf_must(hf_pci_vfio_device(0, bdf));
	hf_must(hf_group_open(&g, bdf));
	joins[t->on] = hf_group_attach(&g, &r.c);
	hf_ktap_diag("a device behind an IOMMU joins: %d", joins[t->on]);
	if (t->on == T_ON_HOLDFAST)
		hf_expect_eq(joins[t->on], joins[T_ON_STOCK], "a device behind an IOMMU joins");
	hf_group_close(&g);
	hf_expect_eq(t_dma_rw(&r.dev[0], IOVA, buf, sizeof(buf), 0), 0, "copy");
	hf_expect(!memcmp(buf, m.addr, sizeof(buf)), "bytes of the second copy");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* The answer for every argsz, byte by byte, and no byte more. */
static void every_argsz(struct t *t)
{
	static unsigned char all[T_BACKENDS][INFO_MAX][INFO_MAX];
	static int rets[T_BACKENDS][INFO_MAX];
	struct hf_mismatch bad;

	for (uint32_t argsz = 0; argsz < INFO_MAX; argsz++) {
		unsigned char buf[2 * INFO_MAX];
		unsigned char *answer = buf + INFO_MAX / 2;
		int ret;

		memset(buf, GUARD, sizeof(buf));
		memcpy(answer, &argsz, sizeof(argsz));
		ret = hf_container_ioctl(t->c, VFIO_IOMMU_GET_INFO, answer);
		hf_expect(hf_pattern_is_byte(buf, INFO_MAX / 2, GUARD, &bad),
			  "argsz %u: byte before the struct changed", argsz);
		if (!hf_expect(hf_pattern_is_byte(answer + (argsz < 4 ? 4 : argsz),
						  (size_t)(buf + sizeof(buf) - answer) -
							  (argsz < 4 ? 4 : argsz),
						  GUARD, &bad),
			       "argsz %u: byte +%zu beyond it changed", argsz, bad.offset))
			return;
		rets[t->on][argsz] = ret;
		memcpy(all[t->on][argsz], answer, INFO_MAX);
		if (t->on == T_ON_STOCK)
			continue;
		hf_expect_eq(ret, rets[T_ON_STOCK][argsz], "argsz %u: answer", argsz);
		for (size_t i = 0; i < INFO_MAX; i++)
			if (!hf_expect_eq(answer[i], all[T_ON_STOCK][argsz][i],
					  "argsz %u: byte %zu of the answer", argsz, i))
				return;
	}
	hf_ktap_diag("argsz of a whole answer: %u", *(uint32_t *)all[t->on][16]);
}

static void fields(struct t *t)
{
	static struct hf_iommu_info infos[T_BACKENDS];
	struct hf_iommu_info *i = &infos[t->on];
	const struct hf_iommu_info *s = &infos[T_ON_STOCK];
	uint64_t end = 0;

	hf_must(hf_container_info(t->c, i));
	hf_expect_eq(i->flags, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, "flags");
	hf_expect(i->pgsizes & T_PAGE, "4K pages, page sizes are 0x%llx",
		  (unsigned long long)i->pgsizes);
	hf_expect(i->has_ranges && i->nr_ranges, "IOVA ranges");
	hf_expect(i->has_dma_avail, "dma_avail");
	hf_expect(i->has_migration, "migration");
	hf_expect_eq(i->dma_avail, 65535, "dma_avail of an empty container");
	for (unsigned int r = 0; r < i->nr_ranges; r++) {
		hf_expect(i->ranges[r].start <= i->ranges[r].last, "range %u is not empty", r);
		hf_expect(!r || i->ranges[r].start > end, "range %u ascends", r);
		hf_expect(i->ranges[r].last < 0xfee00000 || i->ranges[r].start > 0xfeefffff,
			  "range %u leaves the interrupt window out", r);
		end = i->ranges[r].last;
	}
	if (t->on == T_ON_STOCK)
		return;
	hf_expect_eq(i->pgsizes, s->pgsizes, "page sizes");
	hf_expect_eq(i->nr_ranges, s->nr_ranges, "number of ranges");
	for (unsigned int r = 0; r < i->nr_ranges; r++) {
		hf_expect_eq(i->ranges[r].start, s->ranges[r].start, "start of range %u", r);
		hf_expect_eq(i->ranges[r].last, s->ranges[r].last, "end of range %u", r);
	}
	hf_expect_eq(i->has_migration, s->has_migration, "migration capability");
	hf_expect_eq(i->migration_flags, s->migration_flags, "migration flags");
	hf_expect_eq(i->migration_pgsizes, s->migration_pgsizes, "migration page sizes");
	hf_expect_eq(i->migration_max_bitmap, s->migration_max_bitmap, "largest bitmap");
	hf_expect_eq(i->nr_unknown, s->nr_unknown, "other capabilities");
}

/* What the ranges say is so: their ends can be mapped, what is outside cannot. */
static void ranges(struct t *t)
{
	struct hf_iommu_info i;
	struct hf_mem m;

	hf_must(hf_container_info(t->c, &i));
	if (!t_alloc(&m, "anon4k", 2 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	for (unsigned int r = 0; r < i.nr_ranges; r++) {
		const uint64_t first = i.ranges[r].start;
		uint64_t last = i.ranges[r].last + 1 - T_PAGE;

		/* Older kernels' stock maps the last page of the address space and loses it. */
		if (i.ranges[r].last == ~0ULL)
			last -= T_PAGE;
		hf_expect_eq(hf_try_map(t->c, first, m.addr, T_PAGE, HF_RW), 0, "start of %u", r);
		hf_expect_eq(hf_try_map(t->c, last, m.addr, T_PAGE, HF_RW), 0, "end of %u", r);
		hf_unmap_all(t->c);
		if (first)
			hf_expect_eq(hf_try_map(t->c, first - T_PAGE, m.addr, 2 * T_PAGE, HF_RW),
				     -EINVAL, "over the start of %u", r);
		if (i.ranges[r].last == ~0ULL)
			continue;
		hf_expect_eq(hf_try_map(t->c, last, m.addr, 2 * T_PAGE, HF_RW), -EINVAL,
			     "over the end of %u", r);
		hf_expect_eq(hf_try_map(t->c, last + T_PAGE, m.addr, T_PAGE, HF_RW), -EINVAL,
			     "after the end of %u", r);
	}
	hf_mem_free(&m);
}

static unsigned int avail(struct t *t)
{
	struct hf_iommu_info i;

	hf_must(hf_container_info(t->c, &i));
	return i.dma_avail;
}

static void dma_avail(struct t *t)
{
	const unsigned int start = avail(t);
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	for (unsigned int n = 0; n < 100; n++) {
		hf_map(t->c, IOVA + n * 8ULL * T_PAGE, m.addr, (n % 4 + 1) * T_PAGE, HF_RW);
		hf_expect_eq(avail(t), start - n - 1, "after %u maps", n + 1);
	}
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, T_PAGE, HF_RW), -EEXIST, "overlap");
	hf_expect_eq(hf_try_map(t->c, 0xfee00000, m.addr, T_PAGE, HF_RW), -EINVAL, "reserved");
	hf_expect_eq(hf_try_map(t->c, 0, NULL, T_PAGE, HF_RW), -EFAULT, "nothing there");
	hf_expect_eq(avail(t), start - 100, "failed maps take none");
	hf_unmap(t->c, IOVA, T_PAGE);
	hf_expect_eq(avail(t), start - 99, "after an unmap");
	hf_must(hf_try_unmap(t->c, IOVA, 80 * T_PAGE, 0, NULL));
	hf_expect_eq(avail(t), start - 90, "after an unmap of nine");
	hf_unmap_all(t->c);
	hf_expect_eq(avail(t), start, "after an unmap of all");
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "extensions of a container with a type", extensions, T_RIG, NULL },
	{ "extensions of a container without a type", extensions_untyped, 0, NULL },
	{ "a nesting container", nesting, 0, NULL },
	{ "a nesting container with an emulated device", nesting_emulated, 0, NULL },
	{ "every argsz", every_argsz, T_RIG, NULL },
	{ "every argsz, v1", every_argsz, T_RIG | T_V1, NULL },
	{ "fields", fields, T_RIG, NULL },
	{ "what the IOVA ranges say is so", ranges, T_RIG, NULL },
	{ "dma_avail counts", dma_avail, T_RIG, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
