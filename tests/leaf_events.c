// SPDX-License-Identifier: GPL-2.0-only
/*
 * leaf_events - every kind of leaf, and everything that can happen to memory while it is
 * mapped: the device still reaches the page it should.
 *
 * The table of events says for each leaf kind what becomes of the pages an event is about:
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
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "leaf.h"
#include "pages.h"
#include "reuse.h"
#include "swap.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1 */
#endif

#define IOVA 0x440000000ULL
#define VIEWS 3

/* One memory of the case, and its mapping. */
struct view {
	struct t_leaf_mem m;
	struct t_pages p;
	size_t first; /* pages to map */
	size_t end;
	char *elsewhere; /* where some of it was moved to */
	size_t elsewhere_len;
};

struct event;

struct scene {
	struct t *t;
	const struct t_leaf *leaf;
	const struct event *event;
	struct view view[VIEWS];
	unsigned int n;
	/* A child that shares or copies the memory. */
	struct t_gate *gate;
	uint64_t child_seed;
	pid_t child;
};

/* Which pages of a memory an event is about. */
enum range { WHOLE, PART, BEHIND_CUT };

/* What a case needs besides. */
#define E_SWAP (1u << 0)   /* somewhere to page out to */
#define E_HUGE (1u << 1)   /* room for a 2M page also where leaves are small */
#define E_SHARED (1u << 2) /* a child holds the pages when they are mapped */

struct event {
	const char *name;
	/* Before the memory is mapped; its contents are written. */
	void (*prepare)(struct scene *s);
	/* While it is mapped. */
	void (*happens)(struct scene *s);
	/* After the unmap: now it must happen. */
	void (*control)(struct scene *s);
	enum range range;
	/* Leaf kinds by what becomes of the pages; a kind in none of the sets has no case. */
	unsigned int same, fresh, gone, zeroed;
	unsigned int flags;
};

#define each_view(s, v) (struct view *v = (s)->view; v < (s)->view + (s)->n; v++)

static size_t range_from(const struct scene *s)
{
	return s->event->range == PART	     ? s->leaf->from :
	       s->event->range == BEHIND_CUT ? s->leaf->cut :
					       0;
}

static size_t range_to(const struct scene *s, const struct view *v)
{
	return s->event->range == PART ? s->leaf->to : v->m.pages;
}

static char *range_addr(const struct scene *s, const struct view *v)
{
	return v->m.addr + range_from(s) * T_PAGE;
}

static size_t range_len(const struct scene *s, const struct view *v)
{
	return (range_to(s, v) - range_from(s)) * T_PAGE;
}

static void check_all(struct scene *s, const char *what)
{
	static const char *const names[VIEWS] = { "whole", "part", "read-only part" };
	char text[96];

	for (unsigned int i = 0; i < s->n && !hf_ktap_failed(); i++) {
		snprintf(text, sizeof(text), "%s, %s", names[i], what);
		t_pages_check(&s->view[i].p, text);
	}
}

static void set_access(struct scene *s, enum t_access access)
{
	for each_view(s, v)
		v->p.access = access;
}

/* madvise() */

static void advise(struct scene *s, int advice, const char *name)
{
	for each_view(s, v)
		hf_require(!madvise(range_addr(s, v), range_len(s, v), advice), "%s: %s", name,
			   strerror(errno));
}

static void dontneed(struct scene *s)
{
	advise(s, MADV_DONTNEED, "MADV_DONTNEED");
}

static void free_lazily(struct scene *s)
{
	advise(s, MADV_FREE, "MADV_FREE");
}

static void page_out(struct scene *s)
{
	advise(s, MADV_PAGEOUT, "MADV_PAGEOUT");
}

static void free_and_page_out(struct scene *s)
{
	free_lazily(s);
	page_out(s);
}

static void paged_out(struct scene *s)
{
	page_out(s);
	for each_view(s, v)
		hf_expect(hf_mem_present(v->m.addr, v->m.pages * T_PAGE) < (long)v->m.pages,
			  "without a pin pages are paged out");
}

/* A refusal: the pins are in the way. Where the pages are huge already there is none. */
static void collapse(struct scene *s)
{
	const bool huge = s->leaf->bit & (T_LEAF_THP | T_LEAF_SHMEMTHP);

	for each_view(s, v) {
		int ret;

		madvise(range_addr(s, v), range_len(s, v), MADV_HUGEPAGE);
		ret = madvise(range_addr(s, v), range_len(s, v), MADV_COLLAPSE);
		hf_expect(huge ? !ret : ret, "MADV_COLLAPSE answers %d (%s)", ret,
			  ret ? strerror(errno) : "done");
	}
}

static void collapsed(struct scene *s)
{
	advise(s, MADV_COLLAPSE, "MADV_COLLAPSE without a pin");
}

/* Addresses */

static void protect_and_back(struct scene *s, int prot, enum t_access access, const char *what)
{
	for each_view(s, v)
		hf_require(!mprotect(range_addr(s, v), range_len(s, v), prot), "mprotect");
	set_access(s, access);
	check_all(s, what);
	for each_view(s, v)
		hf_require(!mprotect(range_addr(s, v), range_len(s, v), PROT_READ | PROT_WRITE),
			   "mprotect back");
	set_access(s, T_CPU_WRITES);
}

static void protect_ro(struct scene *s)
{
	protect_and_back(s, PROT_READ, T_CPU_READS, "while PROT_READ");
}

static void protect_none(struct scene *s)
{
	protect_and_back(s, PROT_NONE, T_CPU_NONE, "while PROT_NONE");
}

/* To an address that fits the leaf in the same way; a part of it to one that does not. */
static void move(struct scene *s)
{
	const bool fits = s->event->range == WHOLE || s->leaf->bit & T_LEAF_HUGETLB;
	const size_t align = s->leaf->bit == T_LEAF_HUGE1G ? T_1G : T_2M;

	for each_view(s, v) {
		const size_t len = range_len(s, v);
		char *from = range_addr(s, v), *to;

		to = t_leaf_reserve(len + align, &v->elsewhere, &v->elsewhere_len);
		to = (char *)(((uintptr_t)to + align - 1) & ~(align - 1));
		to += fits ? 0 : 5 * T_PAGE;
		hf_require(mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
			   "mremap: %s", strerror(errno));
		hf_require(mmap(from, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				0) == from, "the addresses it left");
		t_pages_move(&v->p, range_from(s), range_to(s, v), to);
	}
}

static void unmap_memory(struct scene *s)
{
	for each_view(s, v)
		t_leaf_hole(range_addr(s, v), range_len(s, v) / T_PAGE);
}

static void map_over(struct scene *s)
{
	for each_view(s, v) {
		char *at = range_addr(s, v);

		hf_require(mmap(at, range_len(s, v), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at, "mmap");
	}
}

/* The file behind it */

static void punch(struct scene *s)
{
	for each_view(s, v)
		hf_require(!fallocate(v->m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      (off_t)(range_from(s) * T_PAGE), (off_t)range_len(s, v)),
			   "punch a hole: %s", strerror(errno));
}

static void cut_off(struct scene *s)
{
	for each_view(s, v)
		hf_require(!ftruncate(v->m.fd, (off_t)(range_from(s) * T_PAGE)) &&
			   !ftruncate(v->m.fd, (off_t)(v->m.pages * T_PAGE)), "ftruncate: %s",
			   strerror(errno));
}

/* fork() */

static void child_life(void *arg)
{
	struct scene *s = arg;
	const bool shared = s->leaf->bit & T_LEAF_SHARED;

	t_gate_open(s->gate, 1);
	t_gate_wait(s->gate, 2);
	for each_view(s, v) {
		if (!shared)
			t_pages_hold(&v->p, "the child's copy");
		t_pages_write(&v->p, s->child_seed);
	}
	t_gate_open(s->gate, 3);
	t_gate_wait(s->gate, 4);
	for each_view(s, v)
		if (!shared)
			t_pages_hold_seed(&v->p, s->child_seed, "what the child wrote to its copy");
}

static void child_born(struct scene *s)
{
	s->gate = t_gate_new();
	s->child_seed = t_seed();
	s->child = t_child_start(child_life, s);
	t_gate_wait(s->gate, 1);
}

/* It writes: to its own pages, or where everybody sees it. */
static void child_writes(struct scene *s)
{
	t_gate_open(s->gate, 2);
	t_gate_wait(s->gate, 3);
	for each_view(s, v)
		if (s->leaf->bit & T_LEAF_SHARED)
			t_pages_changed(&v->p, 0, v->p.n, s->child_seed);
	check_all(s, "after the child wrote");
}

static void child_ends(struct scene *s)
{
	t_gate_open(s->gate, 4);
	t_child_end(s->child, "the child");
	munmap(s->gate, T_PAGE);
}

static void child_first(struct scene *s)
{
	child_writes(s);
	child_ends(s);
}

static void parent_first(struct scene *s)
{
	check_all(s, "before the child wrote");
	child_first(s);
}

static void fork_child_first(struct scene *s)
{
	child_born(s);
	child_first(s);
}

static void fork_parent_first(struct scene *s)
{
	child_born(s);
	parent_first(s);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void fork_and_gone(struct scene *s)
{
	(void)s;
	t_child(nothing, NULL, "a child that does nothing");
}

/*
 * The copy that fork owes the child needs a page that the pool has not. The child goes without,
 * or is not born; the parent keeps its page either way.
 */
static void fork_for_nothing(struct scene *s)
{
	pid_t pid;

	s->gate = t_gate_new();
	pid = fork();
	if (!pid) {
		t_gate_wait(s->gate, 1);
		_exit(hf_ktap_child_exit());
	}
	hf_ktap_diag("fork answers %s", pid < 0 ? strerror(errno) : "a child");
	check_all(s, "while the child lives");
	t_gate_open(s->gate, 1);
	if (pid > 0)
		t_child_end(pid, "the child");
	munmap(s->gate, T_PAGE);
}

/* What the kernel does on its own */

static void compact(struct scene *s)
{
	(void)s;
	if (access("/proc/sys/vm/compact_memory", F_OK)) {
		hf_ktap_skip("this kernel does not compact");
		return;
	}
	hf_must(hf_proc_write_file("/proc/sys/vm/compact_memory", "1"));
}

#define KSM "/sys/kernel/mm/ksm/"
#define TWINS 2
#define TWIN_PAGES 16

static long ksm_read(const char *name)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), KSM "%s", name);
	hf_must(hf_proc_read_file(path, text, sizeof(text)));
	return strtol(text, NULL, 10);
}

static void ksm_write(const char *name, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), KSM "%s", name);
	hf_must(hf_proc_write_file(path, value));
}

/* Two pages beside each pinned one have its contents: those are merged, the pinned one is not. */
static void merge(struct scene *s)
{
	const size_t len = TWIN_PAGES * T_PAGE;
	struct hf_mem twins;
	const long wanted = s->n * TWIN_PAGES;
	uint64_t end;
	long scans;

	if (access(KSM "run", F_OK)) {
		hf_ktap_skip("this kernel does not merge");
		return;
	}
	if (!t_alloc(&twins, "anon4k", VIEWS * TWINS * len, 0, HF_MEM_TOUCHED))
		return;
	madvise(twins.addr, twins.len, MADV_MERGEABLE);
	for (unsigned int i = 0; i < s->n; i++) {
		char *from = s->view[i].m.addr + s->view[i].p.first * T_PAGE;

		for (unsigned int k = 0; k < TWINS; k++)
			memcpy((char *)twins.addr + (i * TWINS + k) * len, from, len);
		hf_require(!madvise(from, len, MADV_MERGEABLE), "MADV_MERGEABLE");
	}
	ksm_write("sleep_millisecs", "1");
	ksm_write("pages_to_scan", "1000");
	ksm_write("run", "1");
	end = t_now_ms() + 10000;
	while (ksm_read("pages_sharing") < wanted && t_now_ms() < end)
		t_sleep_ms(1);
	hf_expect(ksm_read("pages_sharing") >= wanted, "%ld pages merged: the twins should be",
		  ksm_read("pages_sharing"));
	/* With the merged ones in its books it looks at the pinned ones again. */
	scans = ksm_read("full_scans");
	while (ksm_read("full_scans") < scans + 2 && t_now_ms() < end)
		t_sleep_ms(1);
	check_all(s, "merged or not");
	ksm_write("run", "2");
	ksm_write("run", "0");
	hf_mem_free(&twins);
}

/* Ask for the other node, return how many pages went. */
static long go_to_other_node(struct view *v)
{
	void *page[64];
	int node[64], status[64];
	const size_t step = v->m.pages / 64;
	long gone = 0;

	for (size_t i = 0; i < 64; i++)
		page[i] = v->m.addr + i * step * T_PAGE;
	hf_require(!syscall(SYS_move_pages, 0, 64UL, page, NULL, status, 0), "move_pages: %s",
		   strerror(errno));
	for (size_t i = 0; i < 64; i++)
		node[i] = status[i] == 0;
	/* A positive answer is a number of pages that stayed. */
	hf_require(syscall(SYS_move_pages, 0, 64UL, page, node, status, MPOL_MF_MOVE) >= 0,
		   "move_pages: %s", strerror(errno));
	for (size_t i = 0; i < 64; i++)
		gone += status[i] == node[i];
	return gone;
}

static void migrate(struct scene *s)
{
	if (access("/sys/devices/system/node/node1", F_OK)) {
		hf_ktap_skip("one NUMA node (--append numa=fake=2 makes two)");
		return;
	}
	/* Of the first, all is mapped. Small pages before and behind the others may go. */
	hf_expect_eq(go_to_other_node(&s->view[0]), 0, "pinned pages moved to another node");
	for (unsigned int i = 1; i < s->n; i++)
		go_to_other_node(&s->view[i]);
}

static void migrated(struct scene *s)
{
	if (!access("/sys/devices/system/node/node1", F_OK))
		hf_expect(go_to_other_node(&s->view[0]) > 0, "pages move without a pin");
}

static void split_pages(struct scene *s, bool may)
{
	static const char path[] = "/sys/kernel/debug/split_huge_pages";
	char text[80];

	for each_view(s, v) {
		snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", (int)getpid(), (long)v->m.addr,
			 (long)(v->m.addr + v->m.pages * T_PAGE));
		hf_must(hf_proc_write_file(path, text));
		/* In its middle every view is mapped. Shared memory faults in anew. */
		hf_mem_touch_read(v->m.addr, v->m.pages * T_PAGE);
		hf_expect_eq(t_leaf_in_folio(v->m.addr + v->m.pages / 2 * T_PAGE), !may,
			     "the folio in the middle is whole");
	}
}

static void split(struct scene *s)
{
	split_pages(s, false);
}

static void splits(struct scene *s)
{
	split_pages(s, true);
}

#define ALL T_LEAF_ALL
#define SHARED T_LEAF_SHARED
#define PRIVATE T_LEAF_PRIVATE
#define ANON T_LEAF_ANON
#define FILE_PRIVATE T_LEAF_FILE
#define HUGETLB T_LEAF_HUGETLB
#define GIANT T_LEAF_HUGE1G
#define SHMEM_HUGE (T_LEAF_SHMEMTHP | T_LEAF_SHMEMTHP_PTES)
#define SWAPPABLE (ANON | FILE_PRIVATE | (SHARED & ~HUGETLB))

/*
 * The one 1G page: no second one can be had while the device holds it, so events that leave
 * the CPU without it are "gone" there. Each of its cases clears a gigabyte: there are few.
 */
static const struct event events[] = {
	{ "fork, the child writes first", NULL, fork_child_first, NULL, WHOLE,
	  .same = ALL & ~GIANT },
	{ "fork, the parent writes first", NULL, fork_parent_first, NULL, WHOLE,
	  .same = ALL & ~GIANT },
	{ "fork, the child is gone at once", NULL, fork_and_gone, NULL, WHOLE,
	  .same = ALL & ~GIANT },
	{ "fork without a page for the child", NULL, fork_for_nothing, NULL, WHOLE, .same = GIANT },
	{ "mapped after fork, the child writes first", child_born, child_first, NULL, WHOLE,
	  .same = ALL & ~GIANT, .flags = E_SHARED },
	{ "mapped after fork, the parent writes first", child_born, parent_first, NULL, WHOLE,
	  .same = ALL & ~GIANT, .flags = E_SHARED },
	{ "mapped after a child came and went", fork_and_gone, NULL, NULL, WHOLE,
	  .same = ALL & ~GIANT, .flags = E_SHARED },
	{ "MADV_DONTNEED of all", NULL, dontneed, NULL, WHOLE, .same = SHARED,
	  .fresh = PRIVATE & ~GIANT, .gone = GIANT },
	{ "MADV_DONTNEED of a part", NULL, dontneed, NULL, PART, .same = SHARED,
	  .fresh = PRIVATE & ~GIANT },
	{ "MADV_FREE of all", NULL, free_lazily, NULL, WHOLE, .same = ANON },
	{ "MADV_FREE of a part", NULL, free_lazily, NULL, PART, .same = ANON },
	{ "MADV_FREE, then MADV_PAGEOUT", NULL, free_and_page_out, NULL, WHOLE, .same = ANON },
	{ "MADV_PAGEOUT of all", NULL, page_out, paged_out, WHOLE, .same = SWAPPABLE,
	  .flags = E_SWAP },
	{ "MADV_PAGEOUT of a part", NULL, page_out, NULL, PART, .same = SWAPPABLE,
	  .flags = E_SWAP },
	{ "mapped after MADV_PAGEOUT", paged_out, NULL, NULL, WHOLE, .same = SWAPPABLE,
	  .flags = E_SWAP },
	{ "MADV_COLLAPSE", NULL, collapse, collapsed, WHOLE, .same = ANON | T_LEAF_SHMEMTHP,
	  .flags = E_HUGE },
	{ "compaction", NULL, compact, NULL, WHOLE, .same = ALL & ~GIANT },
	{ "mprotect of all, and back", NULL, protect_ro, NULL, WHOLE, .same = ALL & ~GIANT },
	{ "mprotect of a part, and back", NULL, protect_ro, NULL, PART, .same = ALL & ~GIANT },
	{ "mprotect to PROT_NONE, and back", NULL, protect_none, NULL, PART, .same = ALL },
	{ "mremap of all", NULL, move, NULL, WHOLE, .same = ALL },
	{ "mremap of a part", NULL, move, NULL, PART, .same = ALL & ~GIANT },
	{ "munmap of all", NULL, unmap_memory, NULL, WHOLE, .gone = ALL },
	{ "munmap of a part", NULL, unmap_memory, NULL, PART, .gone = ALL & ~GIANT },
	{ "mmap over all", NULL, map_over, NULL, WHOLE, .fresh = ALL & ~GIANT },
	{ "mmap over a part", NULL, map_over, NULL, PART, .fresh = ALL & ~GIANT },
	{ "hole in the file: all", NULL, punch, NULL, WHOLE, .same = FILE_PRIVATE,
	  .fresh = SHARED },
	{ "hole in the file: a part", NULL, punch, NULL, PART, .same = FILE_PRIVATE,
	  .fresh = SHARED & ~SHMEM_HUGE, .zeroed = SHMEM_HUGE },
	{ "file cut off and extended", NULL, cut_off, NULL, BEHIND_CUT,
	  .fresh = SHARED | FILE_PRIVATE },
	{ "KSM", NULL, merge, NULL, WHOLE, .same = ANON },
	{ "move_pages to another node", NULL, migrate, migrated, WHOLE, .same = ALL & ~GIANT },
	{ "split of the huge pages", NULL, split, splits, WHOLE,
	  .same = T_LEAF_THP | T_LEAF_THP_PTES | SHMEM_HUGE },
};

#define EVENTS T_ARRAY_SIZE(events)

/* What the CPU finds where its page was replaced. */
static uint64_t fresh_contents(const struct scene *s)
{
	return s->leaf->bit == T_LEAF_FILE && s->event->happens == dontneed ? HF_MEM_FILE_SEED :
									      T_ZEROES;
}

static void expect_outcome(struct scene *s)
{
	const unsigned int bit = s->leaf->bit;

	for each_view(s, v) {
		const size_t from = range_from(s), to = range_to(s, v);

		if (s->event->fresh & bit)
			t_pages_part(&v->p, from, to, fresh_contents(s));
		else if (s->event->gone & bit)
			t_pages_gone(&v->p, from, to);
		else if (s->event->zeroed & bit)
			t_pages_changed(&v->p, from, to, T_ZEROES);
	}
}

/* Does stock pin a page for reading only that the next write of the CPU replaces? */
static bool read_only_is_stale(const struct scene *s)
{
	struct utsname u;
	int major, minor;

	uname(&u);
	hf_require(sscanf(u.release, "%d.%d", &major, &minor) == 2, "kernel %s", u.release);
	return s->t->on == T_ON_STOCK && (major < 6 || (major == 6 && minor < 2)) &&
	       s->event->flags & E_SHARED && s->leaf->bit & PRIVATE;
}

static void map_views(struct scene *s)
{
	for (unsigned int i = 0; i < s->n; i++) {
		struct view *v = &s->view[i];

		t_pages_map(&v->p, v->first, v->end, IOVA + i * T_1G + v->first * T_PAGE,
			    i < 2 ? HF_RW : HF_READ);
	}
}

static void unmap_views(struct scene *s)
{
	for each_view(s, v)
		t_pages_unmap(&v->p);
}

static bool anything_to_map(const struct scene *s)
{
	return !(s->event->gone & s->leaf->bit && s->event->range == WHOLE);
}

static void play(struct scene *s)
{
	const struct event *e = s->event;
	struct t_squatter squatter;

	if (e->prepare)
		e->prepare(s);
	map_views(s);
	if (e->happens)
		e->happens(s);
	expect_outcome(s);
	t_squatter_take(&squatter, s->leaf->memory, s->leaf->pages);
	check_all(s, "afterwards");
	t_squatter_check(&squatter, "afterwards");
	t_squatter_leave(&squatter);
	unmap_views(s);
	if (e->control)
		e->control(s);
	if (!anything_to_map(s))
		return;
	map_views(s);
	check_all(s, "mapped again");
	unmap_views(s);
}

/* Memory for the next view of a scene; false (and the case is skipped) without any. */
static bool add_view(struct scene *s, size_t pages)
{
	const size_t borders[] = { s->leaf->from, s->leaf->to, s->leaf->cut };
	struct view *v = &s->view[s->n];

	if (!t_leaf_alloc(&v->m, s->leaf, pages))
		return false;
	v->end = pages;
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

static int no_swap;

struct row {
	const struct t_leaf *leaf;
	const struct event *event;
};

static void run(struct t *t)
{
	const struct row *row = t->arg;
	struct scene s = { .t = t, .leaf = row->leaf, .event = row->event };
	size_t pages = s.leaf->pages;
	unsigned int n = s.leaf->bit == GIANT ? 1 : VIEWS;

	if (s.event->flags & E_SWAP && no_swap) {
		hf_ktap_skip("no swap space: %s", strerror(-no_swap));
		return;
	}
	if (s.event->flags & E_HUGE && pages < T_2M / T_PAGE)
		pages = T_2M / T_PAGE;
	if (read_only_is_stale(&s))
		n--;
	while (s.n < n && add_view(&s, pages))
		;
	if (s.n == n)
		play(&s);
	for each_view(&s, v) {
		if (v->elsewhere)
			munmap(v->elsewhere, v->elsewhere_len);
		t_pages_free(&v->p);
		t_leaf_free(&v->m);
	}
}

/* An argument: only the cases that have it in their name. */
int main(int argc, char **argv)
{
	static struct row rows[EVENTS * 16];
	static struct t_case cases[EVENTS * 16];
	static char names[EVENTS * 16][80];
	size_t n = 0;

	no_swap = t_swap_on();
	for (const struct t_leaf *leaf = t_leaves(); leaf->name; leaf++) {
		for (const struct event *e = events; e < events + EVENTS; e++) {
			if (!((e->same | e->fresh | e->gone | e->zeroed) & leaf->bit))
				continue;
			rows[n] = (struct row){ leaf, e };
			snprintf(names[n], sizeof(names[n]), "%s: %s", leaf->name, e->name);
			cases[n] = (struct t_case){ names[n], run, T_DMA, &rows[n] };
			n += argc < 2 || strstr(names[n], argv[1]);
		}
	}
	return t_run(cases, n);
}
