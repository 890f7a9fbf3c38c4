// SPDX-License-Identifier: GPL-2.0-only
/*
 * scene.c - several memories of one kind, each mapped for the device in its own way.
 *
 * Sizes are such that every border of what an event is about lies inside a mapping, and every
 * mapping but the first begins and ends inside a leaf.
 */
#include "scene.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "swap.h"

#define IOVA 0x440000000ULL

size_t t_range_from(const struct t_scene *s)
{
	return s->event->range == T_PART       ? s->leaf->from :
	       s->event->range == T_BEHIND_CUT ? s->leaf->cut :
						 0;
}

size_t t_range_to(const struct t_scene *s, const struct t_view *v)
{
	return s->event->range == T_PART ? s->leaf->to : v->m.pages;
}

char *t_range_addr(const struct t_scene *s, const struct t_view *v)
{
	return v->m.addr + t_range_from(s) * T_PAGE;
}

size_t t_range_len(const struct t_scene *s, const struct t_view *v)
{
	return (t_range_to(s, v) - t_range_from(s)) * T_PAGE;
}

void t_scene_check(struct t_scene *s, const char *what)
{
	static const char *const names[T_VIEWS] = { "whole", "part", "read-only part" };
	char text[96];

	for (unsigned int i = 0; i < s->n && !hf_ktap_failed(); i++) {
		snprintf(text, sizeof(text), "%s, %s", names[i], what);
		t_pages_check(&s->view[i].p, text);
	}
}

/* What the CPU finds where its page was replaced. */
static uint64_t fresh_contents(const struct t_scene *s)
{
	return s->leaf->bit == T_LEAF_FILE && s->event->flags & T_E_CLEAN ? HF_MEM_FILE_SEED :
									    T_ZEROES;
}

void t_scene_outcome(struct t_scene *s)
{
	const unsigned int bit = s->leaf->bit;

	for t_each_view(s, v) {
		const size_t from = t_range_from(s), to = t_range_to(s, v);

		if (s->event->fresh & bit)
			t_pages_part(&v->p, from, to, fresh_contents(s));
		else if (s->event->gone & bit)
			t_pages_gone(&v->p, from, to);
		else if (s->event->zeroed & bit)
			t_pages_changed(&v->p, from, to, T_ZEROES);
	}
}

void t_scene_map(struct t_scene *s)
{
	for (unsigned int i = 0; i < s->n; i++) {
		struct t_view *v = &s->view[i];

		t_pages_map(&v->p, v->first, v->end, IOVA + i * T_1G + v->first * T_PAGE,
			    v->prot);
	}
}

void t_scene_unmap(struct t_scene *s)
{
	for t_each_view(s, v)
		t_pages_unmap(&v->p);
}

/* Memory for the next view of a scene; false (and the case is skipped) without any. */
static bool add_view(struct t_scene *s, size_t pages)
{
	const size_t borders[] = { s->leaf->from, s->leaf->to, s->leaf->cut };
	struct t_view *v = &s->view[s->n];

	if (!t_leaf_alloc(&v->m, s->leaf, pages))
		return false;
	v->end = pages;
	v->prot = s->n < 2 && !(s->event->flags & T_E_READS) ? HF_RW : HF_READ;
	/* The first is mapped whole, the others from inside a leaf to inside another. */
	if (s->n) {
		v->first = pages > 128 ? 37 : 3;
		v->end -= pages > 128 ? 101 : 5;
	}
	t_pages_init(&v->p, &s->t->port, v->m.addr, pages);
	t_pages_look(&v->p, v->first);
	t_pages_look(&v->p, v->end - 1);
	for (size_t i = 0; i < T_ARRAY_SIZE(borders); i++)
		t_pages_look(&v->p, borders[i]);
	t_pages_fill(&v->p);
	s->n++;
	return true;
}

bool t_scene_open(struct t_scene *s, unsigned int n)
{
	const int no_swap = s->event->flags & T_E_SWAP ? t_swap_on() : 0;
	size_t pages = s->leaf->pages;

	if (no_swap) {
		hf_ktap_skip("no swap space: %s", strerror(-no_swap));
		return false;
	}
	if (s->event->flags & T_E_HUGE && pages < T_2M / T_PAGE)
		pages = T_2M / T_PAGE;
	/* There is one page of 1G. */
	if (s->leaf->bit == T_LEAF_HUGE1G)
		n = 1;
	while (s->n < n)
		if (!add_view(s, pages))
			return false;
	return true;
}

void t_scene_close(struct t_scene *s)
{
	for t_each_view(s, v) {
		if (v->elsewhere)
			munmap(v->elsewhere, v->elsewhere_len);
		t_pages_free(&v->p);
		t_leaf_free(&v->m);
	}
	s->n = 0;
}
