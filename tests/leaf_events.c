// SPDX-License-Identifier: GPL-2.0-only
/*
 * leaf_events - every kind of leaf, and everything that can happen to memory while it is
 * mapped: the device still reaches the page it should.
 *
 * The events, and what becomes of the pages they are about, are in harness/events.c and scene.h.
 *
 * Each case has several mappings of its kind at once: a whole one, one that begins and ends
 * inside a leaf, and one that the device may only read. Both backends must do the same. One
 * difference is left out: mapped read-only after a fork, stock's pages are stale before Linux
 * 6.2 (read_only_coherent is about that).
 *
 * An event that is refused because of a pin could be refused for another reason, and the case
 * would show nothing. Where that can be told, the case does it again after the unmap, and then
 * it must happen.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "harness.h"
#include "reuse.h"
#include "scene.h"
#include "swap.h"

#define MAX_CASES 512

/* Does stock pin a page for reading only that the next write of the CPU replaces? */
static bool read_only_is_stale(const struct t_scene *s)
{
	struct utsname u;
	int major, minor;

	uname(&u);
	hf_require(sscanf(u.release, "%d.%d", &major, &minor) == 2, "kernel %s", u.release);
	return s->t->on == T_ON_STOCK && (major < 6 || (major == 6 && minor < 2)) &&
	       s->event->flags & T_E_SHARED && s->leaf->bit & T_LEAF_PRIVATE;
}

static bool anything_to_map(const struct t_scene *s)
{
	return !(s->event->gone & s->leaf->bit && s->event->range == T_WHOLE);
}

static void play(struct t_scene *s)
{
	const struct t_event *e = s->event;
	struct t_squatter squatter;

	if (e->prepare)
		e->prepare(s);
	t_scene_map(s);
	if (e->happens)
		e->happens(s);
	t_scene_outcome(s);
	t_squatter_take(&squatter, s->leaf->memory, s->leaf->pages);
	t_scene_check(s, "afterwards");
	t_squatter_check(&squatter, "afterwards");
	t_squatter_leave(&squatter);
	t_scene_unmap(s);
	if (e->control)
		e->control(s);
	if (!anything_to_map(s))
		return;
	t_scene_map(s);
	t_scene_check(s, "mapped again");
	t_scene_unmap(s);
}

struct row {
	const struct t_leaf *leaf;
	const struct t_event *event;
};

static void run(struct t *t)
{
	const struct row *row = t->arg;
	struct t_scene s = { .t = t, .leaf = row->leaf, .event = row->event };

	if (t_scene_open(&s, read_only_is_stale(&s) ? T_VIEWS - 1 : T_VIEWS))
		play(&s);
	t_scene_close(&s);
}

/* An argument: only the cases that have it in their name. */
int main(int argc, char **argv)
{
	static struct row rows[MAX_CASES];
	static struct t_case cases[MAX_CASES];
	static char names[MAX_CASES][80];
	size_t n = 0;

	t_swap_on();
	for (const struct t_leaf *leaf = t_leaves(); leaf->name; leaf++) {
		for (const struct t_event *e = t_events(); e->name; e++) {
			if (!t_event_has(e, leaf))
				continue;
			hf_require(n < MAX_CASES, "room for more cases");
			rows[n] = (struct row){ leaf, e };
			snprintf(names[n], sizeof(names[n]), "%s: %s", leaf->name, e->name);
			cases[n] = (struct t_case){ names[n], run, T_DMA, &rows[n] };
			n += argc < 2 || strstr(names[n], argv[1]);
		}
	}
	return t_run(cases, n);
}
