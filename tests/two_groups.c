// SPDX-License-Identifier: GPL-2.0-only
/*
 * two_groups - several groups in one container see the same mappings, whenever they came.
 *
 * A group that joins late must find everything that was mapped before (replay), a group that
 * leaves takes nothing from those that stay, and an unmap is for all. With holdfast's
 * parameter domain_per_group every group has an IOMMU domain of its own, so that replay and
 * mapping into several domains happen for real also where all devices could share one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"
#include "side.h"

#define IOVA 0x900000000ULL
/* Where a mapping goes while a group is away; clear of where it was. */
#define AWAY (T_1G / 2)
#define PORT(n) (HF_DMA_IOVA_DEFAULT + (n) * T_PORT_SPAN)

struct many {
	struct hf_container c;
	struct t_side side[3];
	unsigned int sides;
};

/* A container whose groups share a domain, or have one each. */
static void begin(struct t *t, struct many *w)
{
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group",
					   *(const bool *)t->arg ? "Y" : "N"));
	memset(w, 0, sizeof(*w));
	hf_must(hf_container_open(&w->c));
}

static void join(struct many *w)
{
	t_side_attach(&w->side[w->sides], w->sides, &w->c);
	if (!w->sides)
		hf_must(hf_container_set_type(&w->c, VFIO_TYPE1v2_IOMMU));
	w->sides++;
}

static void start(struct many *w, unsigned int first, unsigned int n)
{
	t_sides_start(&w->side[first], n, &w->c, PORT(first));
}

static void end(struct t *t, struct many *w)
{
	for (unsigned int i = 0; i < w->sides; i++)
		t_side_close(&w->side[i]);
	hf_container_close(&w->c);
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
}

static bool sees(struct many *w, unsigned int n, const struct hf_mem *m, uint64_t iova,
		 uint32_t flags)
{
	char what[64];

	snprintf(what, sizeof(what), "device %u, %s at 0x%llx", n, m->kind->name,
		 (unsigned long long)iova);
	return t_dma_check(&w->side[n].port, iova, m->addr, m->len, flags, what);
}

/* Both ends and the middle: every page is dma_blocked's business. */
static void blocked(struct many *w, unsigned int n, const struct hf_mem *m, uint64_t iova)
{
	const size_t probe = m->len < 3 * T_PAGE ? m->len : 3 * T_PAGE;
	const size_t at[] = { 0, m->len / 2 & ~(T_PAGE - 1), m->len - probe };
	char what[64];

	snprintf(what, sizeof(what), "device %u, %s, unmapped", n, m->kind->name);
	for (size_t i = 0; i < T_ARRAY_SIZE(at) && m->len - at[i] >= probe; i++) {
		t_dma_write_blocked(&w->side[n].port, iova + at[i], (char *)m->addr + at[i], probe,
				    what);
		t_dma_read_blocked(&w->side[n].port, iova + at[i], (char *)m->addr + at[i], probe,
				   what);
	}
}

static const struct part {
	const char *kind;
	size_t pages;
	uint64_t iova;
	uint32_t flags;
} parts[] = {
	{ "frag4k", 1700, IOVA, HF_RW },
	{ "thp", 2 * 512 + 13, IOVA + T_1G + 3 * T_PAGE, HF_RW },
	{ "hugetlb2m", 512, IOVA + 2 * T_1G, HF_RW },
	{ "anon4k", 1, IOVA - 2 * T_PAGE, HF_RW },
	{ "anon4k", 300, 0x10000, HF_READ },
	{ "shmem4k", 77, 0x7ffe00000000, HF_RW },
};

static bool map_parts(struct many *w, struct hf_mem *m)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++) {
		if (!t_alloc(&m[i], parts[i].kind, parts[i].pages * T_PAGE, 0, HF_MEM_TOUCHED))
			return false;
		hf_map(&w->c, parts[i].iova, m[i].addr, m[i].len, parts[i].flags);
	}
	return true;
}

static void sees_parts(struct many *w, unsigned int n, struct hf_mem *m)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++)
		sees(w, n, &m[i], parts[i].iova, parts[i].flags);
}

static void free_parts(struct hf_mem *m)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++)
		hf_mem_free(&m[i]);
}

/* A mapping that fails half-way fails for all devices. */
static void failed_map(struct many *w)
{
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 1300 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_expect_eq(hf_try_map(&w->c, IOVA, m.addr, m.len + 8 * T_PAGE, HF_RW), -EFAULT,
		     "map past the end of the memory");
	t_faults_begin("a mapping that was never finished");
	blocked(w, 0, &m, IOVA);
	blocked(w, 1, &m, IOVA);
	t_faults_end();
	hf_map(&w->c, IOVA, m.addr, m.len, HF_RW);
	sees(w, 0, &m, IOVA, HF_RW);
	sees(w, 1, &m, IOVA, HF_RW);
	hf_unmap(&w->c, IOVA, m.len);
	hf_mem_free(&m);
}

/* Both are there first; then map; then unmap. */
static void map_for_both(struct t *t)
{
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct many w;

	begin(t, &w);
	join(&w);
	join(&w);
	start(&w, 0, 2);
	failed_map(&w);
	if (!map_parts(&w, m))
		return end(t, &w);
	sees_parts(&w, 0, m);
	sees_parts(&w, 1, m);
	t_faults_begin("unmapped for both devices");
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++) {
		hf_unmap(&w.c, parts[i].iova, m[i].len);
		blocked(&w, 0, &m[i], parts[i].iova);
		blocked(&w, 1, &m[i], parts[i].iova);
	}
	t_faults_end();
	end(t, &w);
	free_parts(m);
}

/* The second and third join when everything is mapped. */
static void replay(struct t *t)
{
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct hf_proc_snapshot before, after;
	struct many w;

	begin(t, &w);
	join(&w);
	start(&w, 0, 1);
	if (!map_parts(&w, m))
		return end(t, &w);
	hf_must(hf_proc_snapshot(&before));
	join(&w);
	join(&w);
	hf_must(hf_proc_snapshot(&after));
	hf_expect_eq(after.pins_held, before.pins_held, "replay takes no pins");
	hf_expect_eq(after.vmlck, before.vmlck, "replay charges nothing");
	start(&w, 1, 2);
	for (unsigned int n = 0; n < 3; n++)
		sees_parts(&w, n, m);

	t_faults_begin("read-only, for a device that joined late");
	t_dma_write_blocked(&w.side[1].port, parts[4].iova, m[4].addr, m[4].len, "read-only part");
	t_faults_end();

	/* Warm in all three: the unmap has to flush all. */
	t_faults_begin("unmapped for three devices");
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++) {
		hf_unmap(&w.c, parts[i].iova, m[i].len);
		for (unsigned int n = 0; n < 3; n++)
			blocked(&w, n, &m[i], parts[i].iova);
	}
	t_faults_end();
	end(t, &w);
	free_parts(m);
}

/* Many mappings, thousands of extents, some unmapped before the second device joins. */
static void replay_many(struct t *t)
{
	const unsigned int count = 700;
	struct hf_mem m;
	struct many w;

	begin(t, &w);
	join(&w);
	if (!t_alloc(&m, "frag4k", count * 3 * T_PAGE, 0, HF_MEM_TOUCHED))
		return end(t, &w);
	for (unsigned int i = 0; i < count; i++)
		hf_map(&w.c, IOVA + i * 4ULL * T_PAGE, (char *)m.addr + i * 3 * T_PAGE, 3 * T_PAGE,
		       HF_RW);
	for (unsigned int i = 0; i < count; i += 5)
		hf_unmap(&w.c, IOVA + i * 4ULL * T_PAGE, 3 * T_PAGE);
	join(&w);
	start(&w, 1, 1);
	for (unsigned int i = 0; i < count; i++)
		if (i % 5 && !t_dma_check(&w.side[1].port, IOVA + i * 4ULL * T_PAGE,
					  (char *)m.addr + i * 3 * T_PAGE, 3 * T_PAGE, HF_RW,
					  "one of many, device 1"))
			break;
	t_faults_begin("unmapped before the device joined");
	for (unsigned int i = 0; i < count; i += 50)
		t_dma_write_blocked(&w.side[1].port, IOVA + i * 4ULL * T_PAGE,
				    (char *)m.addr + i * 3 * T_PAGE, 3 * T_PAGE, "gone before");
	t_faults_end();
	end(t, &w);
	hf_mem_free(&m);
}

/* One leaves, the other keeps everything; it comes back and finds what is there then. */
static void leave(struct t *t)
{
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct many w;

	begin(t, &w);
	join(&w);
	join(&w);
	start(&w, 0, 2);
	if (!map_parts(&w, m))
		return end(t, &w);
	for (unsigned int n = 0; n < 2; n++) {
		const unsigned int other = !n;

		sees_parts(&w, n, m);
		t_side_stop(&w.side[n]);
		hf_must(hf_group_detach(&w.side[n].group));
		sees_parts(&w, other, m);
		/* Changes while it is away. */
		hf_unmap(&w.c, parts[0].iova, m[0].len);
		hf_map(&w.c, parts[0].iova + AWAY, m[0].addr, m[0].len, HF_RW);
		hf_must(hf_group_attach(&w.side[n].group, &w.c));
		t_side_start(&w.side[n], &w.c, PORT(n));
		sees(&w, n, &m[0], parts[0].iova + AWAY, HF_RW);
		sees(&w, other, &m[0], parts[0].iova + AWAY, HF_RW);
		t_faults_begin("unmapped while a group was away");
		blocked(&w, n, &m[0], parts[0].iova);
		blocked(&w, other, &m[0], parts[0].iova);
		t_faults_end();
		hf_unmap(&w.c, parts[0].iova + AWAY, m[0].len);
		hf_map(&w.c, parts[0].iova, m[0].addr, m[0].len, HF_RW);
	}
	end(t, &w);
	free_parts(m);
}

/* The groups go one by one with everything mapped; the last takes it all along. */
static void leave_all(struct t *t)
{
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct hf_proc_snapshot before;
	struct many w;

	begin(t, &w);
	hf_must(hf_proc_snapshot(&before));
	join(&w);
	join(&w);
	join(&w);
	if (!map_parts(&w, m))
		return end(t, &w);
	hf_must(hf_group_detach(&w.side[0].group));
	hf_must(hf_group_detach(&w.side[2].group));
	start(&w, 1, 1);
	sees_parts(&w, 1, m);
	t_side_stop(&w.side[1]);
	hf_must(hf_group_detach(&w.side[1].group));
	free_parts(m);
	t_leftover(&before, "the last group left");
	end(t, &w);
}

static const bool shared = false, separate = true;

#define BOTH(name, fn)                                                                     \
	{ name ", one domain", fn, 0, &shared },                                           \
	{ name ", a domain each", fn, T_HOLDFAST, &separate }

static const struct t_case cases[] = {
	BOTH("both see what is mapped", map_for_both),
	BOTH("those that join later see it too", replay),
	BOTH("many small mappings are found by one that joins", replay_many),
	BOTH("one leaves and comes back", leave),
	BOTH("all leave, one after the other", leave_all),
};

int main(void)
{
	return T_RUN(cases);
}
