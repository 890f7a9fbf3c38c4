// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_mixed - emulated devices and one behind an IOMMU in the same container, whoever comes
 * or leaves first.
 *
 * A device behind an IOMMU needs everything pinned and charged; a pin beside it costs nothing
 * more. When it comes later, all there is becomes so, or it is refused and nothing has
 * changed. When it leaves and emulated ones stay, only what they have pinned stays pinned and
 * charged, and the mappings are notes again.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "differ.h"
#include "emulated.h"
#include "side.h"

#define IOVA 0x200000000ULL
#define MSI 0xfee00000ULL /* where no device may map behind this IOMMU */
#define PORT 0x400000000ULL
#define R HF_TESTDEV_READ
#define RW (HF_TESTDEV_READ | HF_TESTDEV_WRITE)

/* Does the IOMMU map pages of every size at every address, as virtio's does? */
static bool every_size(void)
{
	struct hf_iommu_info info;
	struct hf_rig r;

	hf_must(hf_rig_open(&r, NULL, 0));
	hf_must(hf_container_info(&r.container, &info));
	hf_rig_close(&r);
	return info.pgsizes >> 63;
}

/* The page the device was given is where DMA goes to, and what the CPU has. */
static void one_page(struct t_side *side, const struct t_emulated *e, uint64_t iova, char *p,
		     const char *what)
{
	const uint64_t seed = t_seed();
	char here[T_PAGE], there[T_PAGE];

	if (!t_dma_writes(&side->port, iova, T_PAGE, 0, seed, what))
		return;
	memcpy(here, p, T_PAGE);
	hf_must(t_page_read(e, iova, 0, there, T_PAGE));
	hf_expect(!memcmp(here, there, T_PAGE), "%s: what DMA wrote is in the pinned page", what);
	memset(there, 0x6b, T_PAGE);
	hf_must(t_page_write(e, iova, 0, there, T_PAGE));
	hf_expect(!memcmp(p, there, T_PAGE), "%s: what the kernel wrote is in memory", what);
	t_dma_check(&side->port, iova, p, T_PAGE, HF_RW, what);
}

static void iommu_first(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct t_served served;
	struct hf_container c;
	struct t_emulated e;
	struct t_told told;
	struct t_side side;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 64 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_served_before(&served);
	hf_must(hf_container_open(&c));
	t_side_attach(&side, 0, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	t_served_by(&served, t);
	t_side_start(&side, &c, PORT);
	hf_map(&c, IOVA, m.addr, m.len, HF_RW);
	t_expect_vmlck(0, locked + m.len + T_PORT_BYTES, "mapped for the IOMMU");
	t_emulated_group(&e, 0);
	hf_must(hf_group_attach(&e.group, &c));
	hf_must(t_emulated_open(&e));
	t_expect_vmlck(0, locked + m.len + T_PORT_BYTES, "the emulated one has come");
	hf_expect_eq(t_pin(&e, IOVA + 8 * T_PAGE, 32, RW, NULL), 32, "pin");
	t_expect_vmlck(0, locked + m.len + T_PORT_BYTES, "pinned beside");
	one_page(&side, &e, IOVA + 10 * T_PAGE, (char *)m.addr + 10 * T_PAGE, "beside");
	hf_expect_eq(t_unpin(&e, IOVA + 8 * T_PAGE, 8), 0, "unpin");
	t_expect_vmlck(0, locked + m.len + T_PORT_BYTES, "unpinned beside");
	t_dma_check(&side.port, IOVA, m.addr, m.len, HF_RW, "unpinned beside");

	/* A map that fails, a map that does not, and an unmap. */
	hf_expect_eq(hf_try_map(&c, MSI, m.addr, T_PAGE, HF_RW), -EINVAL, "map at the MSI window");
	hf_expect_eq(hf_try_map(&c, IOVA + T_1G, NULL, T_PAGE, HF_RW), -EFAULT, "map of nothing");
	hf_map(&c, IOVA + T_1G, m.addr, m.len, HF_RW);
	t_expect_vmlck(0, locked + 2 * m.len + T_PORT_BYTES, "mapped twice");
	hf_expect_eq(t_pin(&e, IOVA + T_1G, 4, R, NULL), 4, "pin in the second");
	hf_unmap(&c, IOVA, m.len);
	t_told(&e, &told);
	hf_expect_eq(told.total, 1, "told");
	hf_expect_eq(told.event[0].held, 24, "pins in what is unmapped");
	t_expect_vmlck(0, locked + m.len + T_PORT_BYTES, "unmapped");
	t_faults_begin("unmapped beside an emulated device");
	t_dma_write_blocked(&side.port, IOVA, m.addr, 4 * T_PAGE, "unmapped");
	t_faults_end();

	/* The emulated one leaves with pins. */
	t_emulated_close(&e);
	t_expect_vmlck(0, locked + m.len + T_PORT_BYTES, "the emulated one has left");
	t_dma_check(&side.port, IOVA + T_1G, m.addr, m.len, HF_RW, "the emulated one has left");
	t_side_close(&side);
	hf_container_close(&c);
	t_expect_vmlck(0, locked, "closed");
	hf_mem_free(&m);
}

/* The IOMMU comes to what is there, sees all of it, and leaves again. */
static void iommu_later(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	const bool every = every_size();
	struct hf_iommu_info before, during, after;
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct t_side side;
	struct hf_mem m;

	if (!t_alloc(&m, t->arg, 1024 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 2, VFIO_TYPE1v2_IOMMU);
	hf_must(hf_container_info(&r.c, &before));
	hf_map(&r.c, IOVA, m.addr, 600 * T_PAGE, HF_RW);
	hf_map(&r.c, IOVA + T_1G, (char *)m.addr + 600 * T_PAGE, 424 * T_PAGE, HF_RW);
	hf_expect_eq(t_pin(e, IOVA + 100 * T_PAGE, 200, RW, NULL), 200, "pin");
	hf_expect_eq(t_pin(&r.dev[1], IOVA + T_1G, 10, RW, NULL), 10, "pin");
	hf_expect_eq(t_pin(&r.dev[1], IOVA + 100 * T_PAGE, 1, RW, NULL), 1, "pin");
	t_expect_vmlck(0, locked + 210 * T_PAGE, "pinned alone");
	for (int round = 0; round < 2; round++) {
		t_side_attach(&side, 0, &r.c);
		t_expect_vmlck(0, locked + m.len, "the IOMMU has come");
		hf_must(hf_container_info(&r.c, &during));
		hf_expect(during.has_ranges && during.nr_ranges > 1, "IOVA ranges");
		hf_expect(every || !(during.pgsizes >> 63), "page sizes are the IOMMU's");
		hf_expect_eq(hf_try_map(&r.c, MSI, m.addr, T_PAGE, HF_RW), -EINVAL,
			     "map at the MSI window");
		t_side_start(&side, &r.c, PORT);
		t_dma_check(&side.port, IOVA, m.addr, 600 * T_PAGE, HF_RW, "mapped before");
		t_dma_check(&side.port, IOVA + T_1G, (char *)m.addr + 600 * T_PAGE, 424 * T_PAGE,
			    HF_RW, "mapped before, the other");
		one_page(&side, e, IOVA + 299 * T_PAGE, (char *)m.addr + 299 * T_PAGE, "pinned before");
		hf_expect_eq(t_pin(e, IOVA + 590 * T_PAGE, 10, RW, NULL), 10, "pin beside");
		t_expect_vmlck(0, locked + m.len + T_PORT_BYTES, "pinned beside");
		t_side_stop(&side);
		t_expect_vmlck(0, locked + m.len, "the port has gone");

		hf_must(hf_group_detach(&side.group));
		hf_group_close(&side.group);
		t_expect_vmlck(0, locked + (round ? 210 : 220) * T_PAGE, "the IOMMU has left");
		hf_expect_eq(t_pinned(), held + (round ? 210 : 220), "pins of the system");
		hf_must(hf_container_info(&r.c, &after));
		hf_expect_eq(after.pgsizes, before.pgsizes, "page sizes as before");
		t_same(t, 3 * (size_t)round, (int)after.has_ranges, after.nr_ranges, "ranges");
		t_same(t, 3 * (size_t)round + 1, 0, after.ranges[0].start, "first IOVA");
		t_same(t, 3 * (size_t)round + 2, 0, after.ranges[0].last, "last IOVA");
		hf_expect_eq(hf_try_map(&r.c, IOVA, m.addr, T_PAGE, HF_RW), -EEXIST, "mapped still");
		hf_expect_eq(hf_try_map(&r.c, MSI, m.addr, T_PAGE, HF_RW), 0,
			     "map at the MSI window, the IOMMU has left");
		hf_unmap(&r.c, MSI, T_PAGE);
		t_expect_vmlck(0, locked + (round ? 210 : 220) * T_PAGE, "maps are notes again");
		hf_expect_eq(t_unpin(e, IOVA + 590 * T_PAGE, 10), 0, "unpin of what was beside");
		t_expect_vmlck(0, locked + (round ? 200 : 210) * T_PAGE, "unpinned");
		if (!round) {
			/* A new pin is charged again, and is there the next time it comes. */
			hf_expect_eq(t_unpin(e, IOVA + 200 * T_PAGE, 100), 0, "unpin");
			hf_expect_eq(t_pin(e, IOVA + 250 * T_PAGE, 90, RW, NULL), 90, "pin");
			t_expect_vmlck(0, locked + 200 * T_PAGE, "unpinned and pinned");
		}
	}
	hf_unmap(&r.c, IOVA, 600 * T_PAGE);
	t_expect_vmlck(0, locked + 10 * T_PAGE, "one unmapped");
	hf_expect_eq(t_pinned(), held + 10, "pins of the system");
	t_emulated_rig_close(&r);
	t_expect_vmlck(0, locked, "closed");
	hf_mem_free(&m);
}

/* All leave with everything in place, in each order. */
static void leave(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 64 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	for (int order = 0; order < 4; order++) {
		struct t_emulated_rig r;
		struct t_side side;

		t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
		t_side_attach(&side, 0, &r.c);
		hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
		hf_expect_eq(t_pin(&r.dev[0], IOVA, 16, RW, NULL), 16, "pin");
		switch (order) {
		case 0:
			hf_group_close(&side.group);
			t_expect_vmlck(0, locked + 16 * T_PAGE, "the emulated one stays");
			hf_expect_eq(t_pinned(), held + 16, "pins of the system");
			break;
		case 1:
			t_emulated_close(&r.dev[0]);
			t_expect_vmlck(0, locked + m.len, "the IOMMU stays");
			hf_expect_eq(hf_try_map(&r.c, IOVA, m.addr, T_PAGE, HF_RW), -EEXIST,
				     "mapped still");
			break;
		case 2:
			/* The device closed, its group still there. */
			t_emulated_close_device(&r.dev[0]);
			hf_group_close(&side.group);
			t_expect_vmlck(0, locked, "nobody has anything pinned");
			hf_expect_eq(t_pinned(), held, "pins of the system");
			hf_must(t_emulated_open(&r.dev[0]));
			hf_expect_eq(t_pin(&r.dev[0], IOVA, 64, RW, NULL), 64, "pin");
			t_expect_vmlck(0, locked + m.len, "pinned again");
			break;
		default:
			hf_container_close(&r.c);
			hf_must(hf_group_detach(&side.group));
		}
		t_emulated_rig_close(&r);
		hf_group_close(&side.group);
		t_expect_vmlck(0, locked, "all have left");
		hf_expect_eq(t_pinned(), held, "pins of the system, all have left");
	}
	hf_mem_free(&m);
}

/*
 * What is mapped is not for an IOMMU: it is refused, and everything is as it was. The errno for
 * an address that the IOMMU does not have depends on who finds it out.
 */
static void refused(struct t *t)
{
	static const struct {
		const char *what;
		uint64_t iova;
		bool there;
		int want;
	} rows[] = {
		{ "over the MSI window", MSI - T_PAGE, true, -EINVAL },
		{ "beyond the IOMMU's addresses", 1ULL << 60, true, 0 },
		{ "of no memory", IOVA + T_1G, false, -EFAULT },
		{ "of no memory, the first", T_PAGE, false, -EFAULT },
	};
	const bool every = every_size();
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 64 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		struct hf_iommu_info info;
		struct t_emulated_rig r;
		struct hf_group group;
		char bdf[HF_BDF_LEN];
		int ret;

		/* There is none where an IOMMU has every address. */
		if (!rows[i].want && every)
			continue;
		t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
		hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
		hf_expect_eq(t_pin(&r.dev[0], IOVA + 8 * T_PAGE, 8, RW, NULL), 8, "pin");
		hf_map(&r.c, rows[i].iova, rows[i].there ? m.addr : NULL, 2 * T_PAGE, HF_RW);
		hf_must(hf_pci_vfio_device(0, bdf));
		hf_must(hf_group_open(&group, bdf));
		ret = hf_group_attach(&group, &r.c);
		hf_expect(ret < 0 && (!rows[i].want || ret == rows[i].want),
			  "a mapping %s: %d", rows[i].what, ret);
		/* docs/abi.md: holdfast finds it out before it asks the IOMMU driver. */
		if (!rows[i].want && t->on == T_ON_HOLDFAST)
			hf_expect_eq(ret, -EINVAL, "a mapping %s", rows[i].what);
		else
			t_same(t, i, ret, 0, "a mapping %s", rows[i].what);
		t_expect_vmlck(0, locked + 8 * T_PAGE, rows[i].what);
		hf_expect_eq(t_pinned(), held + 8, "pins of the system");
		hf_must(hf_container_info(&r.c, &info));
		hf_expect(!info.has_ranges && info.pgsizes >> 63, "what the container says");
		hf_expect_eq(hf_try_map(&r.c, IOVA, m.addr, T_PAGE, HF_RW), -EEXIST, "mapped still");
		hf_expect_eq(t_pin(&r.dev[0], IOVA, 8, RW, NULL), 8, "pin");
		t_expect_vmlck(0, locked + 16 * T_PAGE, "pinned alone");
		hf_expect_eq(t_unpin(&r.dev[0], IOVA, 8), 0, "unpin");
		hf_unmap(&r.c, rows[i].iova, 2 * T_PAGE);
		/* Without that mapping it may come. */
		hf_expect_eq(hf_group_attach(&group, &r.c), 0, "without it");
		t_expect_vmlck(0, locked + m.len, "without it");
		hf_must(hf_group_detach(&group));
		t_expect_vmlck(0, locked + 8 * T_PAGE, "gone again");
		hf_expect_eq(t_pinned(), held + 8, "pins of the system, gone again");
		/* One that has been there changes nothing about that. */
		hf_map(&r.c, rows[i].iova, rows[i].there ? m.addr : NULL, 2 * T_PAGE, HF_RW);
		ret = hf_group_attach(&group, &r.c);
		hf_expect(ret < 0 && (!rows[i].want || ret == rows[i].want),
			  "a mapping %s, the second time: %d", rows[i].what, ret);
		t_expect_vmlck(0, locked + 8 * T_PAGE, rows[i].what);
		hf_group_close(&group);
		t_emulated_rig_close(&r);
	}
	hf_mem_free(&m);
}

/* Over RLIMIT_MEMLOCK it may not come; who has the process' limit pays for all there is. */
struct limited {
	struct t_emulated_rig r;
};

static void limit_child(void *arg)
{
	struct limited *l = arg;
	struct hf_group group;
	char bdf[HF_BDF_LEN];
	struct hf_mem m;

	hf_must(hf_pci_vfio_device(0, bdf));
	hf_must(hf_group_open(&group, bdf));
	t_unprivileged(100 * T_PAGE);
	hf_must(hf_mem_alloc("anon4k", 101 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(&l->r.c, IOVA, m.addr, 101 * T_PAGE, HF_RW);
	t_expect_vmlck(0, 0, "mapped");
	hf_expect_eq(hf_group_attach(&group, &l->r.c), -ENOMEM, "101 of 100");
	t_expect_vmlck(0, 0, "refused");
	hf_expect_eq(t_pin(&l->r.dev[0], IOVA + 50 * T_PAGE, 20, RW, NULL), 20, "pin");
	hf_expect_eq(hf_group_attach(&group, &l->r.c), -ENOMEM, "101 of 100, 20 pinned");
	t_expect_vmlck(0, 20 * T_PAGE, "refused, 20 pinned");
	hf_unmap(&l->r.c, IOVA, 101 * T_PAGE);
	t_expect_vmlck(0, 0, "unmapped");

	hf_map(&l->r.c, IOVA, m.addr, 60 * T_PAGE, HF_RW);
	hf_map(&l->r.c, IOVA + T_1G, (char *)m.addr + 60 * T_PAGE, 40 * T_PAGE, HF_RW);
	hf_expect_eq(t_pin(&l->r.dev[0], IOVA, 20, RW, NULL), 20, "pin");
	hf_expect_eq(hf_group_attach(&group, &l->r.c), 0, "100 of 100, 20 pinned");
	t_expect_vmlck(0, 100 * T_PAGE, "it has come");
	hf_expect_eq(t_pin(&l->r.dev[0], IOVA + T_1G, 40, RW, NULL), 40, "pin beside, at the limit");
	t_expect_vmlck(0, 100 * T_PAGE, "pinned beside");
	hf_expect_eq(hf_try_map(&l->r.c, IOVA + 2 * T_1G, m.addr, T_PAGE, HF_RW), -ENOMEM,
		     "101 of 100");
	hf_must(hf_group_detach(&group));
	t_expect_vmlck(0, 60 * T_PAGE, "it has left");
	hf_expect_eq(hf_try_map(&l->r.c, IOVA + 2 * T_1G, m.addr, 101 * T_PAGE, HF_RW), 0,
		     "a note of 101 pages");
	hf_expect_eq(t_pin(&l->r.dev[0], IOVA + 2 * T_1G, 41, RW, NULL), -ENOMEM, "101 of 100");
	t_expect_vmlck(0, 60 * T_PAGE, "refused");
	hf_expect_eq(t_pin(&l->r.dev[0], IOVA + 2 * T_1G, 40, RW, NULL), 40, "100 of 100");
	hf_unmap_all(&l->r.c);
	t_expect_vmlck(0, 0, "in the end");
	hf_group_close(&group);
}

static void limit(struct t *t)
{
	struct limited l;

	t_emulated_rig(&l.r, t, 1, VFIO_TYPE1v2_IOMMU);
	t_child(limit_child, &l, "limit of 100 pages");
	t_emulated_rig_close(&l.r);
}

/* It comes and leaves by the hand of the process that mapped; another one unmaps. */
struct pair {
	struct t_emulated_rig r;
	struct hf_group group;
	struct t_gate *gate;
};

static void child_maps(void *arg)
{
	struct pair *p = arg;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 64 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(&p->r.c, IOVA, m.addr, m.len, HF_RW);
	hf_must(hf_group_attach(&p->group, &p->r.c));
	t_expect_vmlck(0, m.len, "child, it has come");
	hf_expect_eq(t_pin(&p->r.dev[0], IOVA, 16, RW, NULL), 16, "pin");
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
	t_expect_vmlck(0, 16 * T_PAGE, "child, it has left by the parent's hand");
	t_gate_open(p->gate, 3);
	t_gate_wait(p->gate, 4);
	t_expect_vmlck(0, 0, "child, unmapped by the parent");
}

static void who_pays(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct pair p = { .gate = t_gate_new() };
	char bdf[HF_BDF_LEN];
	pid_t pid;

	t_emulated_rig(&p.r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_must(hf_pci_vfio_device(0, bdf));
	hf_must(hf_group_open(&p.group, bdf));
	pid = t_child_start(child_maps, &p);
	t_gate_wait(p.gate, 1);
	t_expect_vmlck(0, locked, "parent, it has come");
	hf_must(hf_group_detach(&p.group));
	t_expect_vmlck(0, locked, "parent, it has left");
	t_gate_open(p.gate, 2);
	t_gate_wait(p.gate, 3);
	hf_unmap(&p.r.c, IOVA, 64 * T_PAGE);
	t_expect_vmlck(0, locked, "parent, unmapped");
	t_gate_open(p.gate, 4);
	t_child_end(pid, "child that maps");
	hf_group_close(&p.group);
	t_emulated_rig_close(&p.r);
}

static void map_pin_exit(void *arg)
{
	struct pair *p = arg;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 64 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(&p->r.c, IOVA, m.addr, m.len, HF_RW);
	hf_must(hf_group_attach(&p->group, &p->r.c));
	hf_expect_eq(t_pin(&p->r.dev[0], IOVA, 16, RW, NULL), 16, "pin");
}

/* Who mapped is gone: what is pinned stays so for as long as somebody needs it. */
static void payer_gone(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	struct pair p = { 0 };
	char bdf[HF_BDF_LEN];

	t_emulated_rig(&p.r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_must(hf_pci_vfio_device(0, bdf));
	hf_must(hf_group_open(&p.group, bdf));
	t_child(map_pin_exit, &p, "child that maps and ends");
	hf_expect(t_pinned() >= held + 64, "pins of the system");
	hf_must(hf_group_detach(&p.group));
	hf_expect_eq(t_pinned(), held + 16, "pins of the system, it has left");
	t_expect_vmlck(0, locked, "who did not map");
	hf_unmap(&p.r.c, IOVA, 64 * T_PAGE);
	hf_expect_eq(t_pinned(), held, "pins of the system, unmapped");
	hf_group_close(&p.group);
	t_emulated_rig_close(&p.r);
}

/* Memory replaced under an IOMMU: a pin gets what the process has now; compared with stock. */
static void replaced(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	struct t_side side;
	uint64_t pfn = 0, have = 0;
	char *p;

	p = mmap(NULL, 8 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(p != MAP_FAILED, "memory");
	memset(p, 1, 8 * T_PAGE);
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	t_side_attach(&side, 0, &r.c);
	hf_map(&r.c, IOVA, p, 8 * T_PAGE, HF_RW);
	hf_require(!madvise(p, 4 * T_PAGE, MADV_DONTNEED), "madvise");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 1, RW, &pfn), 1, "pin");
	hf_must(hf_mem_pfn(p, &have));
	hf_expect_eq(pfn, have, "PFN");
	t_same(t, 0, 0, (t_vmlck(0) - locked) / T_PAGE, "pages charged, pinned beside");
	hf_group_close(&side.group);
	t_same(t, 1, 0, (t_vmlck(0) - locked) / T_PAGE, "pages charged, it has left");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, 1), 0, "unpin");
	t_expect_vmlck(0, locked, "unpinned");
	t_emulated_rig_close(&r);
	munmap(p, 8 * T_PAGE);
}

static const struct t_case cases[] = {
	{ "an IOMMU first", iommu_first, 0, NULL },
	{ "an IOMMU later: anon4k", iommu_later, 0, "anon4k" },
	{ "an IOMMU later: thp", iommu_later, 0, "thp" },
	{ "an IOMMU later: hugetlb2m", iommu_later, 0, "hugetlb2m" },
	{ "all leave", leave, 0, NULL },
	{ "an IOMMU that may not come", refused, 0, NULL },
	{ "limit of 100 pages", limit, 0, NULL },
	{ "who mapped pays", who_pays, 0, NULL },
	{ "who mapped is gone", payer_gone, 0, NULL },
	{ "memory is replaced", replaced, 0, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
