// SPDX-License-Identifier: GPL-2.0-only
/*
 * reuse.c - take what the allocators hand out next.
 *
 * The page allocator and the huge page pools give back first what was freed last, so a few
 * megabytes are enough: some of the make that was freed, some small pages, some huge ones (a
 * freed huge page can be handed out in parts, and small ones can become a huge one).
 */
#include "reuse.h"

#include <holdfast/ktap.h>
#include <string.h>

#include "harness.h"
#include "pages.h"

#define SMALL_PAGES 256

static void take(struct t_squatter *s, struct hf_mem *m, const char *kind, size_t pages)
{
	if (hf_mem_alloc(kind, pages * T_PAGE, HF_MEM_TOUCHED, m)) {
		*m = (struct hf_mem){ .fd = -1 };
		return;
	}
	for (size_t i = 0; i < pages; i++)
		t_page_fill((char *)m->addr + i * T_PAGE, i, s->seed);
}

void t_squatter_take(struct t_squatter *s, const char *kind, size_t pages)
{
	*s = (struct t_squatter){ .seed = t_seed() };
	take(s, &s->area[0], kind, pages);
	take(s, &s->area[1], "anon4k", SMALL_PAGES);
	take(s, &s->area[2], "thp", T_2M / T_PAGE);
}

bool t_squatter_check(const struct t_squatter *s, const char *what)
{
	for (size_t a = 0; a < T_SQUATTER_AREAS; a++) {
		const struct hf_mem *m = &s->area[a];

		for (size_t i = 0; m->addr && i < m->len / T_PAGE; i++)
			if (!hf_expect(t_page_holds((char *)m->addr + i * T_PAGE, i, s->seed),
				       "%s: page %zu of fresh %s memory was written to", what, i,
				       m->kind->name))
				return false;
	}
	return true;
}

void t_squatter_leave(struct t_squatter *s)
{
	for (size_t a = 0; a < T_SQUATTER_AREAS; a++)
		hf_mem_free(&s->area[a]);
}
