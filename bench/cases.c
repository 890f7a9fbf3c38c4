// SPDX-License-Identifier: GPL-2.0-only
/*
 * cases.c - every backing × size × state, and the few that are not of that form.
 *
 * The order is the client library's order of kinds, sizes ascending: "frag4k" and the files
 * come after "anon4k", so that plain memory is taken while free memory is least fragmented.
 *
 * Left out of the matrix because they say nothing new: a fragmented single page is a page, and
 * of a 1G page only a few parts are mapped. What cannot be had on a machine (an empty huge
 * page pool, too little memory) is in the list and skipped with its reason when its turn comes.
 */
#include "cases.h"
#include "alias.h"
#include "format.h"

#include <holdfast/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K(n) ((uint64_t)(n) << 10)
#define M(n) ((uint64_t)(n) << 20)
#define G(n) ((uint64_t)(n) << 30)

/* Maps of the case of many small ioctls. */
#define SEPARATE_MAPS 4096

static const uint64_t sizes[] = { K(4), M(2), M(64), M(512), G(1) };
#define SIZES (sizeof(sizes) / sizeof(*sizes))

/* The default set: kinds that are in it for each size and state. */
static const struct {
	uint64_t size;
	enum bench_state state;
	const char *kinds;
} quick[] = {
	{ K(4), BENCH_PREFAULTED, "anon4k,thp,hugetlb2m" },
	{ M(2), BENCH_PREFAULTED, "anon4k,frag4k,thp,hugetlb2m,shmem4k" },
	{ M(64), BENCH_PREFAULTED, "*" },
	{ M(512), BENCH_PREFAULTED, "anon4k,frag4k,thp,hugetlb2m" },
	{ G(1), BENCH_PREFAULTED, "hugetlb1g" },
	{ M(64), BENCH_NEVER_FAULTED, "*" },
};

/*
 * Size as such. What takes stock hours is measured on holdfast alone, and beside it the same of
 * a size that stock can do.
 */
static const struct {
	const char *name;
	const char *kind;
	uint64_t size;
	unsigned int maps;
	bool holdfast_only;
} scales[] = {
	{ "scale/16G", BENCH_ALIAS_1G, G(16), 1, false },
	{ "scale/1T", BENCH_ALIAS_1G, G(1024), 1, true },
	{ "scale/16x1G", BENCH_ALIAS_1G, G(1), 16, false },
	{ "scale/1024x1G", BENCH_ALIAS_1G, G(1), 1024, true },
	{ "scale/1024x2M", BENCH_ALIAS_2M, M(2), 1024, false },
	{ "scale/60000x2M", BENCH_ALIAS_2M, M(2), 60000, true },
	{ "scale/60000x4K", BENCH_ALIAS_2M, K(4), 60000, false },
};
#define SCALES (sizeof(scales) / sizeof(*scales))

static bool in_quick(const char *kind, uint64_t size, enum bench_state state)
{
	for (size_t i = 0; i < sizeof(quick) / sizeof(*quick); i++)
		if (quick[i].size == size && quick[i].state == state &&
		    bench_list_has(quick[i].kinds, kind))
			return true;
	return false;
}

/* Is this point of the matrix a case at all? */
static bool sensible(const struct hf_mem_kind *k, uint64_t size, enum bench_state state)
{
	if (state == BENCH_NEVER_FAULTED && k->props & HF_KIND_TOUCHED_ONLY)
		return false;
	if (!strcmp(k->name, "frag4k") && size < M(2))
		return false;
	if (k->page_size == G(1) && (size == K(4) || size == M(64)))
		return false;
	return true;
}

static bool selected(const struct bench_selection *sel, const struct bench_case *c)
{
	char size[BENCH_TEXT];

	if (!sel->full && !sel->only && !sel->kinds && !sel->sizes && !sel->states)
		return c->quick;
	bench_format_size(size, c->size);
	return bench_list_has(sel->only, c->name) && bench_list_has(sel->kinds, c->kind) &&
	       bench_list_has(sel->sizes, size) &&
	       bench_list_has(sel->states, bench_state_name(c->state));
}

static void describe(struct bench_case *c, const char *kind, uint64_t size, unsigned int maps,
		     enum bench_state state)
{
	char text[BENCH_TEXT], count[BENCH_TEXT] = "";

	*c = (struct bench_case){ .size = size, .maps = maps, .state = state };
	snprintf(c->kind, sizeof(c->kind), "%s", kind);
	bench_format_size(text, size);
	if (maps > 1)
		snprintf(count, sizeof(count), "%ux", maps);
	snprintf(c->name, sizeof(c->name), "%s/%s%s/%s", kind, count, text,
		 bench_state_name(state));
}

struct bench_case *bench_cases(const struct bench_selection *sel, size_t *count)
{
	const struct hf_mem_kind *kinds = hf_mem_kinds();
	struct bench_case *list, c;
	size_t nr_kinds = 0, n = 0;

	while (kinds[nr_kinds].name)
		nr_kinds++;
	list = calloc(nr_kinds * SIZES * 2 + 2 + SCALES, sizeof(*list));
	if (!list)
		return NULL;

	c = (struct bench_case){ .name = "null", .kind = "-", .maps = 1, .quick = true,
				 .state = BENCH_NO_MEMORY };
	if (selected(sel, &c))
		list[n++] = c;
	describe(&c, "anon4k", K(4), SEPARATE_MAPS, BENCH_PREFAULTED);
	c.quick = true;
	if (selected(sel, &c))
		list[n++] = c;

	for (size_t k = 0; k < nr_kinds; k++) {
		for (size_t i = 0; i < SIZES; i++) {
			for (int state = BENCH_PREFAULTED; state <= BENCH_NEVER_FAULTED; state++) {
				if (!sensible(&kinds[k], sizes[i], state))
					continue;
				describe(&c, kinds[k].name, sizes[i], 1, state);
				c.quick = in_quick(c.kind, c.size, c.state);
				if (selected(sel, &c))
					list[n++] = c;
			}
		}
	}
	for (size_t i = 0; i < SCALES; i++) {
		c = (struct bench_case){ .size = scales[i].size, .maps = scales[i].maps,
					 .state = BENCH_PREFAULTED, .scale = true,
					 .holdfast_only = scales[i].holdfast_only };
		snprintf(c.name, sizeof(c.name), "%s", scales[i].name);
		snprintf(c.kind, sizeof(c.kind), "%s", scales[i].kind);
		if (selected(sel, &c))
			list[n++] = c;
	}
	*count = n;
	return list;
}

unsigned int bench_case_reps(const struct bench_case *c, enum bench_mode mode, bool full)
{
	const uint64_t pages = bench_case_pages(c);
	const struct hf_mem_kind *kind = hf_mem_kind_find(c->kind);

	if (c->scale)
		return 1;
	if (pages <= 512)
		return mode == BENCH_COUNT ? 15 : 41;
	/* A tick of the timer in the only repetition is one per cent of a short operation. */
	if (pages <= 16384 || (mode == BENCH_COUNT && kind && kind->props & HF_KIND_HUGE &&
			       c->state == BENCH_PREFAULTED))
		return mode == BENCH_COUNT ? 3 : (full ? 11 : 7);
	return mode == BENCH_COUNT ? (full ? 2 : 1) : (full ? 7 : 3);
}
