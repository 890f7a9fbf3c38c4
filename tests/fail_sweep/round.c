// SPDX-License-Identifier: GPL-2.0-only
/*
 * round.c - steps of a round, and what is mapped in it.
 */
#include "round.h"

#include "dirty.h"

struct hf_mem fs_memory;

bool fs_ok(struct fs_round *r, int ret)
{
	if (ret < 0 && !r->ret)
		r->ret = ret;
	return ret >= 0;
}

bool fs_nothing_done(struct fs_round *r, int ret, const struct hf_proc_snapshot *before)
{
	struct hf_proc_snapshot now = { 0 };
	bool same;

	if (ret < 0) {
		same = !hf_proc_settle(before, &now, (unsigned int)t_patience_ms(1000));
		hf_expect(same, "a step that failed: pins %+ld, VmLck %+ld",
			  (long)(now.pins_held - before->pins_held),
			  (long)(now.vmlck - before->vmlck));
	}
	return fs_ok(r, ret);
}

bool fs_map(struct fs_round *r, uint64_t iova, const void *addr, size_t len, uint32_t flags)
{
	if (!fs_ok(r, hf_try_map(r->c, iova, addr, len, flags)))
		return false;
	r->mapped += len;
	return true;
}

bool fs_unmap(struct fs_round *r, uint64_t iova, uint64_t len, uint32_t flags, uint64_t want)
{
	uint64_t got = 0;

	if (!fs_ok(r, hf_try_unmap(r->c, iova, len, flags, &got))) {
		r->unsure = true;
		return false;
	}
	hf_expect_eq(got, want, "bytes unmapped at 0x%llx", (unsigned long long)iova);
	r->mapped -= got;
	return true;
}

int fs_finish(struct fs_round *r)
{
	uint64_t got = 0;
	int ret;

	/* The failure may be due now. */
	for (int tries = 0; tries < 2; tries++) {
		ret = hf_try_unmap(r->c, IOVA, SPAN, 0, &got);
		if (fs_ok(r, ret))
			break;
		r->unsure = true;
	}
	hf_expect_eq(ret, 0, "unmap of all that is left");
	if (!r->unsure)
		hf_expect_eq(got, r->mapped, "bytes that were left");
	return r->ret;
}

bool fs_dirty_stop(struct fs_round *r)
{
	/* One failure at most: the second time it works. */
	return fs_ok(r, t_dirty(r->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)) ||
	       hf_expect_eq(t_dirty(r->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP), 0, "stop tracking");
}

bool fs_begin_anon(struct t *t)
{
	(void)t;
	return t_alloc(&fs_memory, "anon4k", 320 * T_PAGE, 0, HF_MEM_TOUCHED);
}

void fs_end_map(struct t *t)
{
	(void)t;
	hf_mem_free(&fs_memory);
}
