// SPDX-License-Identifier: GPL-2.0-only
/*
 * large - mappings beyond what a backend handles in one go: every boundary inside is right,
 * when the mapping is made and when it is taken down.
 *
 * Pages are checked by samples that lie close enough to hit every 2M block and both sides of
 * its ends; what is in between is map_backings' business.
 */
#include <holdfast/pattern.h>
#include <stdio.h>

#include "harness.h"

#define IOVA 0x1000000000ULL

struct large {
	const char *kind;
	size_t pages;
	size_t offset; /* in the memory, pages */
	uint64_t iova;
	uint32_t flags;
};

/* In each 2M of the buffer: its first page, its last, and one that moves. */
static bool samples(struct t *t, const struct large *l, const struct hf_mem *m, bool mapped)
{
	for (size_t block = 0; block < l->pages; block += 512) {
		const size_t at[] = { block, block + 511, block + block / 512 * 37 % 511 };

		for (size_t i = 0; i < T_ARRAY_SIZE(at); i++) {
			const size_t page = at[i] < l->pages ? at[i] : l->pages - 1;
			char *p = (char *)m->addr + page * T_PAGE;
			const uint64_t iova = l->iova + page * T_PAGE;
			char what[64];
			bool ok;

			snprintf(what, sizeof(what), "%s, page %zu", l->kind, page);
			ok = mapped ? t_dma_check(&t->port, iova, p, T_PAGE, HF_RW, what) :
				      t_dma_write_blocked(&t->port, iova, p, T_PAGE, what);
			if (!ok)
				return false;
		}
	}
	return true;
}

static void map_large(struct t *t)
{
	const struct large *l = t->arg;
	const size_t len = l->pages * T_PAGE;
	struct hf_proc_snapshot before;
	struct hf_mem m;

	if (!t_alloc(&m, l->kind, len, l->offset * T_PAGE, l->flags))
		return;
	hf_must(hf_proc_snapshot(&before));
	hf_map(t->c, l->iova, m.addr, len, HF_RW);
	hf_mem_touch(m.addr, len);
	samples(t, l, &m, true);
	t_faults_begin("unmapped a moment ago");
	hf_unmap(t->c, l->iova, len);
	samples(t, l, &m, false);
	t_faults_end();
	t_leftover(&before, "unmapped");
	hf_mem_free(&m);
}

#define M(mib) ((mib) * 256UL)
#define L(...) &(const struct large){ __VA_ARGS__ }

static const struct t_case cases[] = {
	{ "frag4k, 150M", map_large, T_DMA, L("frag4k", M(150) + 3, 0, IOVA, HF_MEM_TOUCHED) },
	{ "frag4k, 70M at an odd IOVA", map_large, T_DMA,
	  L("frag4k", M(70), 0, IOVA + 5 * T_PAGE, HF_MEM_TOUCHED) },
	{ "thp, 200M", map_large, T_DMA, L("thp", M(200), 0, IOVA, HF_MEM_TOUCHED) },
	{ "thp, 140M, neither end aligned", map_large, T_DMA,
	  L("thp", M(140) - 7, 3, IOVA + 3 * T_PAGE, HF_MEM_TOUCHED) },
	{ "thp, 140M, IOVA and vaddr apart by a page", map_large, T_DMA,
	  L("thp", M(140), 0, IOVA + T_PAGE, HF_MEM_TOUCHED) },
	{ "thp, 140M, never faulted", map_large, T_DMA, L("thp", M(140), 0, IOVA, 0) },
	{ "hugetlb2m, 300M", map_large, T_DMA, L("hugetlb2m", M(300), 0, IOVA, HF_MEM_TOUCHED) },
	{ "hugetlb1g, whole", map_large, T_DMA, L("hugetlb1g", M(1024), 0, IOVA, HF_MEM_TOUCHED) },
	{ "hugetlb1g, IOVA 2M off", map_large, T_DMA,
	  L("hugetlb1g", M(1024), 0, IOVA + T_2M, HF_MEM_TOUCHED) },
	{ "hugetlb1g, 500M from the middle", map_large, T_DMA,
	  L("hugetlb1g", M(500) + 1, 7777, IOVA + T_1G - 9 * T_PAGE, HF_MEM_TOUCHED) },
	{ "anon4k, 70M, never faulted", map_large, T_DMA, L("anon4k", M(70), 0, IOVA, 0) },
	{ "across a 512G boundary", map_large, T_DMA,
	  L("thp", M(64), 0, 0x8000000000ULL - 32 * (1UL << 20), HF_MEM_TOUCHED) },
};

int main(void)
{
	return T_RUN(cases);
}
