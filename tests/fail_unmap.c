// SPDX-License-Identifier: GPL-2.0-only
/*
 * fail_unmap - an IOMMU driver that does not unmap costs memory, and nothing else.
 *
 * The device still reaches the pages then, and nobody can help that. So they are never
 * unpinned: whoever is given memory afterwards is not given these. The user is answered as if
 * all was well, his charge goes back, and whatever else is mapped works as before. The pins
 * really stay, until the next boot; the harness is told how many.
 */
#include <errno.h>
#include <string.h>

#include "child.h"
#include "failpoint.h"
#include "module.h"
#include "reuse.h"
#include "side.h"

/* What is stuck is never mapped again: each case has IOVAs of its own. */
#define IOVA(n) (T_FAIL_IOVA + (n) * T_1G)

static void announce(void)
{
	t_log("holdfast-expect: stuck-unmap the IOMMU driver is made to fail");
}

static void announced(void)
{
	t_fail_order("off");
	t_log("holdfast-expect: none");
}

/* A mapping elsewhere, from beginning to end. */
static void others_work(struct t *t, uint64_t iova)
{
	const int64_t before = t_pinned();
	struct hf_mem m;

	if (!t_alloc(&m, "frag4k", 100 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, iova, m.addr, m.len, HF_RW);
	t_dma_check(&t->port, iova, m.addr, m.len, HF_RW, "another mapping");
	hf_unmap(t->c, iova, m.len);
	hf_expect_eq(t_pinned(), before, "pins of another mapping");
	t_faults_begin("another mapping, unmapped");
	t_dma_write_blocked(&t->port, iova, m.addr, 2 * T_PAGE, "another mapping, unmapped");
	t_faults_end();
	hf_mem_free(&m);
}

/* The memory of a stuck mapping is given back by the process. Who has it now? */
static void still_there(struct t *t, uint64_t iova, struct hf_mem *m)
{
	const uint64_t seed = t_seed();
	const size_t len = m->len;
	struct t_squatter s;

	hf_mem_free(m);
	t_squatter_take(&s, "anon4k", 4 * len / T_PAGE);
	/* No DMA fault, as nothing was unmapped. */
	t_dma_writes(&t->port, iova, len, 0, seed, "what is stuck");
	t_squatter_check(&s, "DMA to what is stuck");
	t_dma_reads(&t->port, iova, len, 0, seed, "what is stuck");
	t_squatter_leave(&s);
}

struct stuck {
	const char *kind;
	size_t pages;
	long pins;
	unsigned int where;
};

static void unmap_stuck(struct t *t)
{
	const struct stuck *s = t->arg;
	const uint64_t iova = IOVA(s->where), vmlck = t_vmlck(0);
	const int64_t before = t_pinned();
	uint64_t unmapped = 0;
	struct hf_mem m;

	if (!t_alloc(&m, s->kind, s->pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, iova, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pinned(), before + s->pins, "pins while it is mapped");
	announce();
	t_fail_order("UNMAP 1");
	hf_expect_eq(hf_try_unmap(t->c, iova, m.len, 0, &unmapped), 0, "unmap");
	announced();
	hf_expect_eq(unmapped, m.len, "bytes that are said to be unmapped");
	hf_expect_eq(t_pinned(), before + s->pins, "pins afterwards");
	hf_expect_eq(t_vmlck(0), vmlck, "VmLck afterwards");
	hf_expect(!t_command("dmesg -s 16777216 | grep -q 'holdfast: the IOMMU driver unmapped'"),
		  "holdfast warns");
	t_pinned_for_ever(s->pins);
	still_there(t, iova, &m);
	others_work(t, iova + T_1G / 2);
}

/* A map that fails when it has mapped already, and cannot be taken back. */
static void map_stuck(struct t *t)
{
	const struct stuck *s = t->arg;
	const uint64_t iova = IOVA(s->where), vmlck = t_vmlck(0);
	const int64_t before = t_pinned();
	uint64_t unmapped = 1;
	struct hf_mem m;

	if (!t_alloc(&m, s->kind, s->pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	announce();
	t_fail_order("MAP_LEFT 1");
	t_fail_order("UNMAP 1");
	hf_expect_eq(hf_try_map(t->c, iova, m.addr, m.len, HF_RW), -ENOTRECOVERABLE, "map");
	announced();
	hf_expect_eq(t_pinned(), before + s->pins, "pins afterwards");
	hf_expect_eq(t_vmlck(0), vmlck, "VmLck afterwards");
	hf_expect_eq(hf_try_unmap(t->c, iova, m.len, 0, &unmapped), 0, "unmap of nothing");
	hf_expect_eq(unmapped, 0, "bytes of nothing");
	t_pinned_for_ever(s->pins);
	still_there(t, iova, &m);
	others_work(t, iova + T_1G / 2);
}

/* One of two domains keeps it: that is enough. */
static void one_of_two(struct t *t)
{
	const struct stuck *s = t->arg;
	const uint64_t iova = IOVA(s->where);
	const int64_t before = t_pinned();
	struct t_side second;
	struct hf_mem m;

	if (!t_alloc(&m, s->kind, s->pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "Y"));
	t_side_attach(&second, 1, t->c);
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
	hf_map(t->c, iova, m.addr, m.len, HF_RW);
	announce();
	t_fail_order("UNMAP 2");
	hf_unmap(t->c, iova, m.len);
	announced();
	hf_expect_eq(t_pinned(), before + s->pins, "pins afterwards");
	t_pinned_for_ever(s->pins);
	t_faults_begin("the first domain has let go of it");
	t_dma_write_blocked(&t->port, iova, m.addr, m.len, "the first domain");
	t_faults_end();
	others_work(t, iova + T_1G / 2);
	t_side_close(&second);
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "unmap: one page", unmap_stuck, T_HOLDFAST | T_DMA,
	  &(const struct stuck){ "anon4k", 1, 1, 0 } },
	{ "unmap: scattered pages", unmap_stuck, T_HOLDFAST | T_DMA,
	  &(const struct stuck){ "frag4k", 40, 40, 1 } },
	{ "unmap: a huge page", unmap_stuck, T_HOLDFAST | T_DMA,
	  &(const struct stuck){ "thp", 512, 1, 2 } },
	{ "a failed map", map_stuck, T_HOLDFAST | T_DMA,
	  &(const struct stuck){ "anon4k", 1, 1, 3 } },
	{ "one of two domains", one_of_two, T_HOLDFAST | T_DMA,
	  &(const struct stuck){ "frag4k", 20, 20, 4 } },
};

int main(void)
{
	return T_FAIL_RUN(cases);
}
