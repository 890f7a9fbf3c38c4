// SPDX-License-Identifier: GPL-2.0-only
/*
 * events.c - everything that can happen to memory of any kind while it is mapped.
 *
 * An event that is refused because of a pin could be refused for another reason, and the case
 * would show nothing. Where that can be told, the event has a control: without a pin it must
 * happen.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "scene.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1 */
#endif

static void set_access(struct t_scene *s, enum t_access access)
{
	for t_each_view(s, v)
		v->p.access = access;
}

/* madvise() */

static void advise(struct t_scene *s, int advice, const char *name)
{
	for t_each_view(s, v)
		hf_require(!madvise(t_range_addr(s, v), t_range_len(s, v), advice), "%s: %s", name,
			   strerror(errno));
}

static void dontneed(struct t_scene *s)
{
	advise(s, MADV_DONTNEED, "MADV_DONTNEED");
}

static void free_lazily(struct t_scene *s)
{
	advise(s, MADV_FREE, "MADV_FREE");
}

static void page_out(struct t_scene *s)
{
	advise(s, MADV_PAGEOUT, "MADV_PAGEOUT");
}

static void free_and_page_out(struct t_scene *s)
{
	free_lazily(s);
	page_out(s);
}

static void paged_out(struct t_scene *s)
{
	page_out(s);
	for t_each_view(s, v)
		hf_expect(hf_mem_present(v->m.addr, v->m.pages * T_PAGE) < (long)v->m.pages,
			  "without a pin pages are paged out");
}

/* A refusal: the pins are in the way. Where the pages are huge already there is none. */
static void collapse(struct t_scene *s)
{
	const bool huge = s->leaf->bit & (T_LEAF_THP | T_LEAF_SHMEMTHP);

	for t_each_view(s, v) {
		int ret;

		madvise(t_range_addr(s, v), t_range_len(s, v), MADV_HUGEPAGE);
		ret = madvise(t_range_addr(s, v), t_range_len(s, v), MADV_COLLAPSE);
		hf_expect(huge ? !ret : ret, "MADV_COLLAPSE answers %d (%s)", ret,
			  ret ? strerror(errno) : "done");
	}
}

static void collapsed(struct t_scene *s)
{
	advise(s, MADV_COLLAPSE, "MADV_COLLAPSE without a pin");
}

/* Addresses */

static void protect_and_back(struct t_scene *s, int prot, enum t_access access, const char *what)
{
	for t_each_view(s, v)
		hf_require(!mprotect(t_range_addr(s, v), t_range_len(s, v), prot), "mprotect");
	set_access(s, access);
	t_scene_check(s, what);
	for t_each_view(s, v)
		hf_require(!mprotect(t_range_addr(s, v), t_range_len(s, v), PROT_READ | PROT_WRITE),
			   "mprotect back");
	set_access(s, T_CPU_WRITES);
}

static void protect_ro(struct t_scene *s)
{
	protect_and_back(s, PROT_READ, T_CPU_READS, "while PROT_READ");
}

static void protect_none(struct t_scene *s)
{
	protect_and_back(s, PROT_NONE, T_CPU_NONE, "while PROT_NONE");
}

/* To an address that fits the leaf in the same way; a part of it to one that does not. */
static void move(struct t_scene *s)
{
	const bool fits = s->event->range == T_WHOLE || s->leaf->bit & T_LEAF_HUGETLB;
	const size_t align = s->leaf->bit == T_LEAF_HUGE1G ? T_1G : T_2M;

	for t_each_view(s, v) {
		const size_t len = t_range_len(s, v);
		char *from = t_range_addr(s, v), *to;

		to = t_leaf_reserve(len + align, &v->elsewhere, &v->elsewhere_len);
		to = (char *)(((uintptr_t)to + align - 1) & ~(align - 1));
		to += fits ? 0 : 5 * T_PAGE;
		hf_require(mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
			   "mremap: %s", strerror(errno));
		hf_require(mmap(from, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				0) == from, "the addresses it left");
		t_pages_move(&v->p, t_range_from(s), t_range_to(s, v), to);
	}
}

static void unmap_memory(struct t_scene *s)
{
	for t_each_view(s, v)
		t_leaf_hole(t_range_addr(s, v), t_range_len(s, v) / T_PAGE);
}

static void map_over(struct t_scene *s)
{
	for t_each_view(s, v) {
		char *at = t_range_addr(s, v);

		hf_require(mmap(at, t_range_len(s, v), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at, "mmap");
	}
}

/* The file behind it */

static void punch(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(!fallocate(v->m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      (off_t)(t_range_from(s) * T_PAGE), (off_t)t_range_len(s, v)),
			   "punch a hole: %s", strerror(errno));
}

static void cut_off(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(!ftruncate(v->m.fd, (off_t)(t_range_from(s) * T_PAGE)) &&
			   !ftruncate(v->m.fd, (off_t)(v->m.pages * T_PAGE)), "ftruncate: %s",
			   strerror(errno));
}

/* fork() */

static void child_life(void *arg)
{
	struct t_scene *s = arg;
	const bool shared = s->leaf->bit & T_LEAF_SHARED;

	t_gate_open(s->gate, 1);
	t_gate_wait(s->gate, 2);
	for t_each_view(s, v) {
		if (!shared)
			t_pages_hold(&v->p, "the child's copy");
		t_pages_write(&v->p, s->child_seed);
	}
	t_gate_open(s->gate, 3);
	t_gate_wait(s->gate, 4);
	for t_each_view(s, v)
		if (!shared)
			t_pages_hold_seed(&v->p, s->child_seed, "what the child wrote to its copy");
}

static void child_born(struct t_scene *s)
{
	s->gate = t_gate_new();
	s->child_seed = t_seed();
	s->child = t_child_start(child_life, s);
	t_gate_wait(s->gate, 1);
}

/* It writes: to its own pages, or where everybody sees it. */
static void child_writes(struct t_scene *s)
{
	t_gate_open(s->gate, 2);
	t_gate_wait(s->gate, 3);
	for t_each_view(s, v)
		if (s->leaf->bit & T_LEAF_SHARED)
			t_pages_changed(&v->p, 0, v->p.n, s->child_seed);
	t_scene_check(s, "after the child wrote");
}

static void child_ends(struct t_scene *s)
{
	t_gate_open(s->gate, 4);
	t_child_end(s->child, "the child");
	munmap(s->gate, T_PAGE);
}

static void child_first(struct t_scene *s)
{
	child_writes(s);
	child_ends(s);
}

static void parent_first(struct t_scene *s)
{
	t_scene_check(s, "before the child wrote");
	child_first(s);
}

static void fork_child_first(struct t_scene *s)
{
	child_born(s);
	child_first(s);
}

static void fork_parent_first(struct t_scene *s)
{
	child_born(s);
	parent_first(s);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void fork_and_gone(struct t_scene *s)
{
	(void)s;
	t_child(nothing, NULL, "a child that does nothing");
}

/*
 * The copy that fork owes the child needs a page that the pool has not. The child goes without,
 * or is not born; the parent keeps its page either way.
 */
static void fork_for_nothing(struct t_scene *s)
{
	pid_t pid;

	s->gate = t_gate_new();
	pid = fork();
	if (!pid) {
		t_gate_wait(s->gate, 1);
		_exit(hf_ktap_child_exit());
	}
	hf_ktap_diag("fork answers %s", pid < 0 ? strerror(errno) : "a child");
	t_scene_check(s, "while the child lives");
	t_gate_open(s->gate, 1);
	if (pid > 0)
		t_child_end(pid, "the child");
	munmap(s->gate, T_PAGE);
}

/* What the kernel does on its own */

static void compact(struct t_scene *s)
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
static void merge(struct t_scene *s)
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
	if (!t_alloc(&twins, "anon4k", T_VIEWS * TWINS * len, 0, HF_MEM_TOUCHED))
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
	t_scene_check(s, "merged or not");
	ksm_write("run", "2");
	ksm_write("run", "0");
	hf_mem_free(&twins);
}

/* Ask for the other node, return how many pages went. */
static long go_to_other_node(struct t_view *v)
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

static void migrate(struct t_scene *s)
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

static void migrated(struct t_scene *s)
{
	if (!access("/sys/devices/system/node/node1", F_OK))
		hf_expect(go_to_other_node(&s->view[0]) > 0, "pages move without a pin");
}

static void split_pages(struct t_scene *s, bool may)
{
	static const char path[] = "/sys/kernel/debug/split_huge_pages";
	char text[80];

	for t_each_view(s, v) {
		snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", (int)getpid(), (long)v->m.addr,
			 (long)(v->m.addr + v->m.pages * T_PAGE));
		hf_must(hf_proc_write_file(path, text));
		/* In its middle every view is mapped. Shared memory faults in anew. */
		hf_mem_touch_read(v->m.addr, v->m.pages * T_PAGE);
		hf_expect_eq(t_leaf_in_folio(v->m.addr + v->m.pages / 2 * T_PAGE), !may,
			     "the folio in the middle is whole");
	}
}

static void split(struct t_scene *s)
{
	split_pages(s, false);
}

static void splits(struct t_scene *s)
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
static const struct t_event events[] = {
	{ "fork, the child writes first", NULL, fork_child_first, NULL, T_WHOLE,
	  .same = ALL & ~GIANT, .flags = T_E_WRITES },
	{ "fork, the parent writes first", NULL, fork_parent_first, NULL, T_WHOLE,
	  .same = ALL & ~GIANT, .flags = T_E_WRITES },
	{ "fork, the child is gone at once", NULL, fork_and_gone, NULL, T_WHOLE,
	  .same = ALL & ~GIANT },
	{ "fork without a page for the child", NULL, fork_for_nothing, NULL, T_WHOLE, .same = GIANT },
	{ "mapped after fork, the child writes first", child_born, child_first, NULL, T_WHOLE,
	  .same = ALL & ~GIANT, .flags = T_E_SHARED | T_E_WRITES },
	{ "mapped after fork, the parent writes first", child_born, parent_first, NULL, T_WHOLE,
	  .same = ALL & ~GIANT, .flags = T_E_SHARED | T_E_WRITES },
	{ "mapped after a child came and went", fork_and_gone, NULL, NULL, T_WHOLE,
	  .same = ALL & ~GIANT, .flags = T_E_SHARED | T_E_WRITES },
	{ "MADV_DONTNEED of all", NULL, dontneed, NULL, T_WHOLE, .same = SHARED,
	  .fresh = PRIVATE & ~GIANT, .gone = GIANT, .flags = T_E_CLEAN },
	{ "MADV_DONTNEED of a part", NULL, dontneed, NULL, T_PART, .same = SHARED,
	  .fresh = PRIVATE & ~GIANT, .flags = T_E_CLEAN },
	{ "MADV_FREE of all", NULL, free_lazily, NULL, T_WHOLE, .same = ANON },
	{ "MADV_FREE of a part", NULL, free_lazily, NULL, T_PART, .same = ANON },
	{ "MADV_FREE, then MADV_PAGEOUT", NULL, free_and_page_out, NULL, T_WHOLE, .same = ANON },
	{ "MADV_PAGEOUT of all", NULL, page_out, paged_out, T_WHOLE, .same = SWAPPABLE,
	  .flags = T_E_SWAP },
	{ "MADV_PAGEOUT of a part", NULL, page_out, NULL, T_PART, .same = SWAPPABLE,
	  .flags = T_E_SWAP },
	{ "mapped after MADV_PAGEOUT", paged_out, NULL, NULL, T_WHOLE, .same = SWAPPABLE,
	  .flags = T_E_SWAP },
	{ "MADV_COLLAPSE", NULL, collapse, collapsed, T_WHOLE, .same = ANON | T_LEAF_SHMEMTHP,
	  .flags = T_E_HUGE },
	{ "compaction", NULL, compact, NULL, T_WHOLE, .same = ALL & ~GIANT },
	{ "mprotect of all, and back", NULL, protect_ro, NULL, T_WHOLE, .same = ALL & ~GIANT,
	  .flags = T_E_WRITES },
	{ "mprotect of a part, and back", NULL, protect_ro, NULL, T_PART, .same = ALL & ~GIANT,
	  .flags = T_E_WRITES },
	{ "mprotect to PROT_NONE, and back", NULL, protect_none, NULL, T_PART, .same = ALL,
	  .flags = T_E_WRITES },
	{ "mremap of all", NULL, move, NULL, T_WHOLE, .same = ALL },
	{ "mremap of a part", NULL, move, NULL, T_PART, .same = ALL & ~GIANT },
	{ "munmap of all", NULL, unmap_memory, NULL, T_WHOLE, .gone = ALL },
	{ "munmap of a part", NULL, unmap_memory, NULL, T_PART, .gone = ALL & ~GIANT },
	{ "mmap over all", NULL, map_over, NULL, T_WHOLE, .fresh = ALL & ~GIANT },
	{ "mmap over a part", NULL, map_over, NULL, T_PART, .fresh = ALL & ~GIANT },
	{ "hole in the file: all", NULL, punch, NULL, T_WHOLE, .same = FILE_PRIVATE,
	  .fresh = SHARED },
	{ "hole in the file: a part", NULL, punch, NULL, T_PART, .same = FILE_PRIVATE,
	  .fresh = SHARED & ~SHMEM_HUGE, .zeroed = SHMEM_HUGE },
	{ "file cut off and extended", NULL, cut_off, NULL, T_BEHIND_CUT,
	  .fresh = SHARED | FILE_PRIVATE },
	{ "KSM", NULL, merge, NULL, T_WHOLE, .same = ANON },
	{ "move_pages to another node", NULL, migrate, migrated, T_WHOLE, .same = ALL & ~GIANT },
	{ "split of the huge pages", NULL, split, splits, T_WHOLE,
	  .same = T_LEAF_THP | T_LEAF_THP_PTES | SHMEM_HUGE },
	{ 0 },
};

const struct t_event *t_events(void)
{
	return events;
}
