// SPDX-License-Identifier: GPL-2.0-only
/*
 * two_containers - containers are apart: a device reaches what its own container maps, only.
 *
 * The same IOVAs are used in both on purpose: whoever mixed them up would write into the
 * other's memory. On holdfast the second container is also served by stock, side by side.
 */
#include <errno.h>
#include <holdfast/pattern.h>
#include <string.h>

#include "harness.h"
#include "module.h"
#include "side.h"

#define IOVA 0x300000000ULL
#define LEN (300 * T_PAGE)

struct two {
	struct hf_container c[2];
	struct t_side side[2];
};

static void begin(struct t *t, struct two *w, const char *second)
{
	memset(w, 0, sizeof(*w));
	for (unsigned int i = 0; i < 2; i++) {
		hf_must(hf_backend_select(i && second ? second : t->backend));
		hf_must(hf_container_open(&w->c[i]));
		t_side_attach(&w->side[i], i, &w->c[i]);
		hf_must(hf_container_set_type(&w->c[i], VFIO_TYPE1v2_IOMMU));
		t_side_start(&w->side[i], &w->c[i], HF_DMA_IOVA_DEFAULT);
	}
	hf_must(hf_backend_select(t->backend));
}

static void end(struct two *w)
{
	for (unsigned int i = 0; i < 2; i++) {
		t_side_close(&w->side[i]);
		hf_container_close(&w->c[i]);
	}
}

static void exercise(struct t *t, const char *second)
{
	struct hf_mem m[2], only;
	struct hf_mismatch bad;
	struct two w;

	for (int i = 0; i < 2; i++)
		if (!t_alloc(&m[i], "anon4k", LEN, 0, HF_MEM_TOUCHED))
			return;
	if (!t_alloc(&only, "thp", T_2M, 0, HF_MEM_TOUCHED))
		return;
	begin(t, &w, second);
	for (int i = 0; i < 2; i++)
		hf_map(&w.c[i], IOVA, m[i].addr, LEN, HF_RW);

	/* Each to its own memory; the other's must not move. */
	for (int i = 0; i < 2; i++) {
		const uint64_t seed = t_seed();

		hf_pattern_fill(m[!i].addr, LEN, 0, seed);
		t_dma_check(&w.side[i].port, IOVA, m[i].addr, LEN, HF_RW, "own memory");
		hf_expect(hf_pattern_check(m[!i].addr, LEN, 0, seed, &bad),
			  "DMA of device %d changed the other's memory at +0x%zx", i, bad.offset);
	}

	/* Mapped in the first only. */
	hf_map(&w.c[0], IOVA + T_1G, only.addr, T_2M, HF_RW);
	t_dma_check(&w.side[0].port, IOVA + T_1G, only.addr, T_2M, HF_RW, "mapped here");
	t_faults_begin("a device of another container");
	t_dma_write_blocked(&w.side[1].port, IOVA + T_1G, only.addr, T_2M, "mapped in the other");
	t_dma_read_blocked(&w.side[1].port, IOVA + T_1G, only.addr, T_2M, "mapped in the other");
	t_faults_end();

	/* An unmap of everything here takes nothing there. */
	t_port_close(&w.side[0].port);
	hf_unmap_all(&w.c[0]);
	t_dma_check(&w.side[1].port, IOVA, m[1].addr, LEN, HF_RW, "after the other's unmap");

	/* The same memory in both, and one container gone. */
	hf_map(&w.c[0], IOVA, m[1].addr, LEN, HF_RW);
	t_side_close(&w.side[0]);
	hf_container_close(&w.c[0]);
	t_dma_check(&w.side[1].port, IOVA, m[1].addr, LEN, HF_RW, "after the other is gone");
	end(&w);
	for (int i = 0; i < 2; i++)
		hf_mem_free(&m[i]);
	hf_mem_free(&only);
}

static void apart(struct t *t)
{
	exercise(t, NULL);
}

static void beside_stock(struct t *t)
{
	exercise(t, HF_BACKEND_STOCK);
}

static void one_group_twice(struct t *t)
{
	struct t_side s;
	struct two w;

	begin(t, &w, NULL);
	hf_expect_eq(hf_group_attach(&w.side[0].group, &w.c[1]), -EINVAL,
		     "a group that has a container already");
	hf_expect_eq(hf_group_open(&s.group, w.side[0].bdf), -EBUSY,
		     "a group that is open already");
	end(&w);
}

static const struct t_case cases[] = {
	{ "apart", apart, 0, NULL },
	{ "apart, the second served by stock", beside_stock, T_HOLDFAST, NULL },
	{ "a group has one container", one_group_twice, 0, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
