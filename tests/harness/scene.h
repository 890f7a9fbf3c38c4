/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scene.h - memory of one leaf kind (leaf.h), mapped for the device in several ways, and what can
 * happen to it: the rows of leaf_events and audit_matrix.
 *
 * An event says for each leaf kind what becomes of the pages it is about:
 *
 *	same	device and CPU go on sharing the page. Most events are refused a pinned page, or
 *		are about entries and not about pages: fork (the child gets the copy), mprotect,
 *		PAGEOUT, COLLAPSE, compaction, KSM, splitting; and what happens to the entries of
 *		shared memory never matters to its pages.
 *	fresh	the owner has taken the page away, or put another in its place. The device keeps
 *		the old one, which stays intact and belongs to nobody else until the unmap; the
 *		CPU has a page of its own. Mapped again they are one.
 *	gone	the same, and the CPU has no page.
 *	zeroed	same, but the page was wiped: a hole in a file ends inside a huge page.
 */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness.h"
#include "leaf.h"
#include "pages.h"

/** Most mappings at once: whole, part, part that the device may only read */
#define T_VIEWS 3

/**
 * struct t_view - one memory of a scene, and its mapping
 * @m: the memory
 * @p: its pages
 * @first: first page to map
 * @end: behind the last one
 * @prot: HF_READ, HF_WRITE: how
 * @elsewhere: where some of it was moved to, or NULL
 * @elsewhere_len: its bytes
 */
struct t_view {
	struct t_leaf_mem m;
	struct t_pages p;
	size_t first;
	size_t end;
	uint32_t prot;
	char *elsewhere;
	size_t elsewhere_len;
};

struct t_event;
struct t_gate;

/**
 * struct t_scene - what an event happens to
 * @t: the case
 * @leaf: the kind of all views
 * @event: what happens
 * @view: @n of them
 * @n: how many
 * @gate: to talk to @child
 * @child_seed: what it writes
 * @child: a process that shares or copies the memory
 */
struct t_scene {
	struct t *t;
	const struct t_leaf *leaf;
	const struct t_event *event;
	struct t_view view[T_VIEWS];
	unsigned int n;
	struct t_gate *gate;
	uint64_t child_seed;
	pid_t child;
};

/** enum t_range - which pages of a memory an event is about */
enum t_range { T_WHOLE, T_PART, T_BEHIND_CUT };

/* What a case needs besides. */
#define T_E_SWAP (1u << 0)   /* somewhere to page out to */
#define T_E_HUGE (1u << 1)   /* room for a 2M page also where leaves are small */
#define T_E_SHARED (1u << 2) /* a child holds the pages when they are mapped */
#define T_E_CLEAN (1u << 3)  /* what was written to a private page of a file is lost */
#define T_E_WRITES (1u << 4) /* needs memory that the CPU may write to */
#define T_E_READS (1u << 5)  /* every mapping is for reading only */
#define T_E_HOLE (1u << 6)   /* no area is left at the addresses, which t_leaf_free() wants */
#define T_E_COMES_BACK (1u << 7) /* pages part and are one again */

/**
 * struct t_event - something that happens to memory
 * @name: for people
 * @prepare: before the memory is mapped; its contents are written; may be NULL
 * @happens: while it is mapped; may be NULL
 * @control: after the unmap: now it must happen; may be NULL
 * @range: which pages
 * @same: leaf kinds by what becomes of those pages; a kind in none of the four has no case
 * @fresh: as @same
 * @gone: as @same
 * @zeroed: as @same
 * @flags: T_E_*
 */
struct t_event {
	const char *name;
	void (*prepare)(struct t_scene *s);
	void (*happens)(struct t_scene *s);
	void (*control)(struct t_scene *s);
	enum t_range range;
	unsigned int same, fresh, gone, zeroed;
	unsigned int flags;
};

/** t_events() - what can happen to any leaf; ends with an event whose name is NULL */
const struct t_event *t_events(void);

/** t_more_events() - what else can, and is of interest to an observer only */
const struct t_event *t_more_events(void);

/** t_event_has() - is there a case for this kind of leaf? */
static inline bool t_event_has(const struct t_event *e, const struct t_leaf *leaf)
{
	return (e->same | e->fresh | e->gone | e->zeroed) & leaf->bit;
}

/** t_each_view() - "for t_each_view(s, v)" */
#define t_each_view(s, v) (struct t_view *v = (s)->view; v < (s)->view + (s)->n; v++)

/** t_range_from() - first page of a memory that the event is about */
size_t t_range_from(const struct t_scene *s);

/** t_range_to() - behind the last one */
size_t t_range_to(const struct t_scene *s, const struct t_view *v);

/** t_range_addr() - where that is */
char *t_range_addr(const struct t_scene *s, const struct t_view *v);

/** t_range_len() - its bytes */
size_t t_range_len(const struct t_scene *s, const struct t_view *v);

/**
 * t_scene_open() - make the memory for an event
 * @s: with @t, @leaf and @event; @view empty
 * @n: views wanted
 *
 * Return: false (and the case is skipped) when this kernel cannot make it. t_scene_close() in
 * either case.
 */
bool t_scene_open(struct t_scene *s, unsigned int n);

/** t_scene_close() - free it */
void t_scene_close(struct t_scene *s);

/** t_scene_map() - map every view for the device */
void t_scene_map(struct t_scene *s);

/** t_scene_unmap() - unmap them */
void t_scene_unmap(struct t_scene *s);

/** t_scene_outcome() - tell the views' models what the event says has become of their pages */
void t_scene_outcome(struct t_scene *s);

/** t_scene_check() - t_pages_check() of every view */
void t_scene_check(struct t_scene *s, const char *what);

#endif
