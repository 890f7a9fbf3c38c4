// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry_limit - parameter dma_entry_limit bounds the mappings of a container.
 *
 * Each module has its own parameter; it counts for containers made after it was set.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "module.h"

#define IOVA 0x100000000ULL

static const char *module_of(const struct t *t)
{
	return t->on == T_ON_STOCK ? T_MODULE_STOCK : T_MODULE_HOLDFAST;
}

static unsigned int avail(const struct hf_container *c)
{
	struct hf_iommu_info i;

	hf_must(hf_container_info(c, &i));
	return i.dma_avail;
}

static void fill(const struct hf_container *c, const struct hf_mem *m, unsigned int limit)
{
	unsigned int n = 0;
	int ret;

	do {
		ret = hf_try_map(c, IOVA + n * T_PAGE, m->addr, T_PAGE, HF_RW);
		n += !ret;
	} while (!ret && n < limit + 10);
	hf_expect_eq(n, limit, "mappings that fit");
	hf_expect_eq(ret, -ENOSPC, "one more");
	hf_expect_eq(avail(c), 0, "dma_avail when full");
}

static void limit(struct t *t)
{
	const unsigned int n = *(const unsigned int *)t->arg;
	char saved[32], text[32];
	struct hf_rig rig;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 2 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(t_module_param(module_of(t), "dma_entry_limit", saved, sizeof(saved)));
	hf_expect_eq(atol(saved), 65535, "default");
	hf_expect_eq(t_module_param_mode(module_of(t), "dma_entry_limit"), 0644, "mode");
	snprintf(text, sizeof(text), "%u", n);
	hf_must(t_module_param_set(module_of(t), "dma_entry_limit", text));
	hf_must(hf_rig_open(&rig, NULL, 0));
	/* Read when the container is made: now it is too late to change it. */
	hf_must(t_module_param_set(module_of(t), "dma_entry_limit", saved));

	hf_expect_eq(avail(&rig.container), n, "dma_avail when empty");
	fill(&rig.container, &m, n);
	/* What is checked before the limit, and what after. */
	if (n)
		hf_expect_eq(hf_try_map(&rig.container, IOVA, m.addr, T_PAGE, HF_RW), -EEXIST,
			     "overlap when full");
	hf_expect_eq(hf_try_map(&rig.container, 0xfee00000, m.addr, T_PAGE, HF_RW), -ENOSPC,
		     "reserved range when full");
	hf_expect_eq(hf_try_map(&rig.container, IOVA, m.addr, 1, HF_RW), -EINVAL,
		     "misaligned when full");
	if (n) {
		hf_unmap(&rig.container, IOVA, T_PAGE);
		hf_expect_eq(avail(&rig.container), 1, "dma_avail after an unmap");
		/* A map that fails later gives its entry back. */
		hf_expect_eq(hf_try_map(&rig.container, IOVA, NULL, T_PAGE, HF_RW), -EFAULT,
			     "nothing there");
		hf_expect_eq(avail(&rig.container), 1, "dma_avail after a failed map");
		hf_map(&rig.container, IOVA, m.addr, T_PAGE, HF_RW);
		hf_expect_eq(hf_unmap_all(&rig.container), n * T_PAGE, "everything");
		hf_expect_eq(avail(&rig.container), n, "dma_avail when empty again");
		fill(&rig.container, &m, n);
	}
	hf_rig_close(&rig);
	hf_mem_free(&m);
}

#define LIMIT(n) &(const unsigned int){ n }

static const struct t_case cases[] = {
	{ "limit of 10", limit, 0, LIMIT(10) },
	{ "limit of 1", limit, 0, LIMIT(1) },
	{ "limit of 0", limit, 0, LIMIT(0) },
	{ "limit of 65535", limit, 0, LIMIT(65535) },
	{ "limit of 70000", limit, 0, LIMIT(70000) },
};

int main(void)
{
	return T_RUN(cases);
}
