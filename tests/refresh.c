// SPDX-License-Identifier: GPL-2.0-only
/*
 * refresh - the device is shown what the CPU sees.
 *
 * The process takes pages away from under a mapping; the device goes on with the old ones.
 * After a refresh both see the same bytes again, in what was asked for and in nothing else,
 * what was pinned before is unpinned, and locked memory is what it was. A refresh that
 * cannot be done changes nothing.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <string.h>
#include <sys/mman.h>

#include "harness.h"

#define IOVA 0x6200000000ULL

/* What is incoherent, as one range; fails the case if it is not that. */
static void expect_range(struct t *t, uint64_t iova, uint64_t size, const char *what)
{
	struct holdfast_range r[4] = { { 0 } };
	long nr = hf_try_incoherent(t->c, 0, UINT64_MAX, r, 4, NULL);

	if (!size) {
		hf_expect(nr == 0, "%s: nothing is incoherent (%ld ranges, 0x%llx+0x%llx)", what,
			  nr, r[0].iova, r[0].size);
		return;
	}
	hf_expect(nr == 1 && r[0].iova == iova && r[0].size == size,
		  "%s: 0x%llx+0x%llx is incoherent (%ld ranges, 0x%llx+0x%llx)", what,
		  (unsigned long long)iova, (unsigned long long)size, nr, r[0].iova, r[0].size);
}

static void dropped(struct t *t)
{
	const size_t len = 64 * T_PAGE;
	uint64_t refreshed, failed;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", len, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	expect_range(t, 0, 0, "after the map");
	hf_require(!madvise((char *)m.addr + 8 * T_PAGE, 4 * T_PAGE, MADV_DONTNEED), "drop");
	expect_range(t, IOVA + 8 * T_PAGE, 4 * T_PAGE, "dropped");
	memset((char *)m.addr + 8 * T_PAGE, 1, 4 * T_PAGE);
	expect_range(t, IOVA + 8 * T_PAGE, 4 * T_PAGE, "touched again");
	hf_expect_eq(hf_try_refresh(t->c, IOVA, len, &refreshed, &failed), 0, "refresh");
	hf_expect_eq(refreshed, 4 * T_PAGE, "what was refreshed");
	expect_range(t, 0, 0, "refreshed");
	t_dma_check(&t->port, IOVA, m.addr, len, HF_RW, "refreshed");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

static void audited(struct t *t)
{
	hf_expect_eq(hf_try_audit(t->c, true, -1), 0, "auditor on");
	dropped(t);
	hf_expect_eq(hf_try_audit(t->c, false, -1), 0, "auditor off");
}

static const struct t_case cases[] = {
	{ "small pages that were dropped are shown again", dropped, T_DMA | T_HOLDFAST, NULL },
	{ "the same with the auditor on", audited, T_DMA | T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
