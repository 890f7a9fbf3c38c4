// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork_pins - a huge page of which a part is pinned, a fork, and who writes first: device and
 * parent go on sharing every page, and the child has the copy.
 *
 * The scenarios are Andrea Arcangeli's, "Re: [BUG] vfio device assignment regression with THP
 * ref counting redesign", 2 May 2016, and those it quotes of Kirill Shutemov's: a pin does not
 * promise that a page stays mapped where it was. When copy-on-write takes a shared huge page
 * apart, the one that writes first gets the copy, and if that is the one that pinned, the device
 * is left behind.
 *
 * A scenario is a row of steps (below), played for pins of the whole huge page, of one page in
 * the middle of it, and of its last page; and, for the device to read only, of all of it and of
 * two pages in its middle. After every step the device, the parent and the child look
 * at their pages: the ends, the middle, the borders of what is pinned. Where the parent itself
 * takes a page away (MADV_DONTNEED, munmap), the device keeps the old one, and nobody else has
 * it.
 *
 * leaf_events asks the same of every kind of memory, and of KSM; here it is one kind, but many
 * orders.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "leaf.h"
#include "pages.h"
#include "servant.h"
#include "swap.h"
#include "verdict.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1 */
#endif

#define IOVA 0x440000000ULL
#define PAGES (T_2M / T_PAGE)
#define HALF (PAGES / 2)

/* Instead of a seed: nothing is mapped there in the process. */
#define GONE (~0ULL)

/*
 * Steps. Capital letters are the child's doing where both can do it.
 *
 *	M  map the part for the device		U  unmap it
 *	F  fork					x  the child exits
 *	p  the parent writes			c  the child writes
 *	d  the device writes			g  the child has a child that writes and exits
 *	s  split the huge entry			S
 *	n  MADV_DONTNEED of two pages		N  of all
 *	h  munmap() of the upper half		H  of the lower half
 *	m  mremap() to where no huge entry fits
 *	o  MADV_PAGEOUT				O
 *	l  MADV_COLLAPSE			L
 *	k  compaction				D  MADV_DONTFORK
 */
struct scenario {
	const char *name;
	const char *steps;
	/* Pages that may be pinned: those the parent has when it comes to that. */
	size_t limit;
	struct t_stock stock;
};

struct world {
	struct t *t;
	struct hf_mem m;
	char *mem;
	char *area;
	size_t area_len;
	/* What this process sees in each page; what the device's pages hold. */
	uint64_t seen[PAGES], held[PAGES];
	/* The device's page is the parent's. */
	bool linked[PAGES];
	bool look[PAGES];
	size_t first, end;
	uint32_t prot;
	bool mapped, dontfork;
	struct t_servant child;
	/* What went wrong. */
	const char *word;
	char why[120];
};

static void wrong(struct world *w, const char *word, const char *what, size_t page)
{
	w->word = word;
	snprintf(w->why, sizeof(w->why), "%s page %zu", what, page);
}

/*
 * What both processes can do
 */
static void write_all(struct world *w, uint64_t seed)
{
	for (size_t i = 0; i < PAGES; i++) {
		if (!w->look[i] || w->seen[i] == GONE)
			continue;
		t_page_fill(w->mem + i * T_PAGE, i, seed);
		w->seen[i] = seed;
		if (w->linked[i])
			w->held[i] = seed;
	}
}

static void split_entry(struct world *w)
{
	char *p = w->mem + 77 * T_PAGE;

	if (w->seen[77] == GONE)
		p = w->mem + (HALF + 77) * T_PAGE;
	hf_require(!mprotect(p, T_PAGE, PROT_NONE) && !mprotect(p, T_PAGE, PROT_READ | PROT_WRITE),
		   "mprotect");
}

/* The process loses pages, and gets others (T_ZEROES) or none. */
static void take_away(struct world *w, size_t from, size_t to, uint64_t instead)
{
	char *at = w->mem + from * T_PAGE;

	if (instead == GONE)
		t_leaf_hole(at, to - from);
	else
		hf_require(!madvise(at, (to - from) * T_PAGE, MADV_DONTNEED), "MADV_DONTNEED");
	for (size_t i = from; i < to; i++) {
		w->seen[i] = instead;
		w->linked[i] = false;
	}
}

/* Page by page: what is gone must not keep it from the rest. The kernel may refuse. */
static void advise(const struct world *w, int advice)
{
	for (size_t from = 0, to; from < PAGES; from = to) {
		for (to = from + 1; to < PAGES && (w->seen[to] == GONE) == (w->seen[from] == GONE);
		     to++)
			;
		if (w->seen[from] != GONE)
			madvise(w->mem + from * T_PAGE, (to - from) * T_PAGE, advice);
	}
}

/* Does this process see what it must? The number of a page that is wrong, or PAGES. */
static size_t first_wrong(const struct world *w)
{
	for (size_t i = 0; i < PAGES; i++)
		if (w->look[i] && w->seen[i] != GONE &&
		    !t_page_holds(w->mem + i * T_PAGE, i, w->seen[i]))
			return i;
	return PAGES;
}

/*
 * The child
 */
static void grandchild(void *arg)
{
	write_all(arg, t_seed());
}

static bool child_step(void *arg, int step, uint64_t seed)
{
	struct world *w = arg;

	switch (step) {
	case 'F':
		/* The device is the parent's alone. */
		memset(w->linked, 0, sizeof(w->linked));
		for (size_t i = 0; w->dontfork && i < PAGES; i++)
			w->seen[i] = GONE;
		break;
	case 'c':
		write_all(w, seed);
		break;
	case 'g':
		t_child(grandchild, w, "the grandchild");
		break;
	case 'S':
		split_entry(w);
		break;
	case 'N':
		take_away(w, 0, PAGES, T_ZEROES);
		break;
	case 'H':
		take_away(w, 0, HALF, GONE);
		break;
	case 'O':
		advise(w, MADV_PAGEOUT);
		break;
	case 'L':
		advise(w, MADV_COLLAPSE);
		break;
	default:
		break;
	}
	return first_wrong(w) == PAGES;
}

/*
 * The parent and the device
 */
static uint64_t iova_of(const struct world *w, size_t page)
{
	return IOVA + (page - w->first) * T_PAGE;
}

static void map_part(struct world *w)
{
	hf_map(w->t->c, IOVA, w->mem + w->first * T_PAGE, (w->end - w->first) * T_PAGE, w->prot);
	w->mapped = true;
	for (size_t i = w->first; i < w->end; i++) {
		w->held[i] = w->seen[i];
		w->linked[i] = true;
	}
}

static void unmap_part(struct world *w)
{
	if (!w->mapped)
		return;
	hf_unmap(w->t->c, IOVA, (w->end - w->first) * T_PAGE);
	w->mapped = false;
	memset(w->linked, 0, sizeof(w->linked));
}

static void device_writes(struct world *w)
{
	struct t_port *port = &w->t->port;
	const uint64_t seed = t_seed();

	if (!(w->prot & HF_WRITE) || !w->mapped)
		return;
	for (size_t i = w->first; i < w->end; i++) {
		if (!w->look[i])
			continue;
		t_page_fill(port->bounce.addr, i, seed);
		hf_must(hf_dma_copy(port->dma, iova_of(w, i), port->iova, T_PAGE));
		w->held[i] = seed;
		if (w->linked[i])
			w->seen[i] = seed;
	}
}

static void move(struct world *w)
{
	char *to = t_leaf_reserve(T_2M + T_2M, &w->area, &w->area_len) + 5 * T_PAGE;

	hf_require(mremap(w->mem, T_2M, T_2M, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
		   "mremap: %s", strerror(errno));
	hf_require(mmap(w->mem, T_2M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
			   w->mem,
		   "the addresses it left");
	w->mem = to;
}

static void step(struct world *w, char what)
{
	switch (what) {
	case 'M':
		map_part(w);
		break;
	case 'U':
		unmap_part(w);
		break;
	case 'F':
		t_servant_start(&w->child, child_step, w);
		t_servant_do(&w->child, 'F', 0);
		break;
	case 'x':
		t_servant_end(&w->child);
		break;
	case 'p':
		write_all(w, t_seed());
		break;
	case 'd':
		device_writes(w);
		break;
	case 's':
		split_entry(w);
		break;
	case 'n':
		take_away(w, HALF + 44, HALF + 46, T_ZEROES);
		break;
	case 'h':
		take_away(w, HALF, PAGES, GONE);
		break;
	case 'm':
		move(w);
		break;
	case 'o':
		advise(w, MADV_PAGEOUT);
		break;
	case 'l':
		advise(w, MADV_COLLAPSE);
		break;
	case 'k':
		/* Kernels that do not compact lack the file. */
		hf_proc_write_file("/proc/sys/vm/compact_memory", "1");
		break;
	case 'D':
		hf_require(!madvise(w->mem, T_2M, MADV_DONTFORK), "MADV_DONTFORK");
		w->dontfork = true;
		break;
	default:
		t_servant_do(&w->child, what, t_seed());
		break;
	}
}

static bool device_sees(struct world *w)
{
	struct t_port *port = &w->t->port;

	for (size_t i = w->first; w->mapped && i < w->end; i++) {
		if (!w->look[i])
			continue;
		memset(port->bounce.addr, 0xa5, T_PAGE);
		hf_must(hf_dma_copy(port->dma, port->iova, iova_of(w, i), T_PAGE));
		if (t_page_holds(port->bounce.addr, i, w->held[i]))
			continue;
		if (w->linked[i])
			wrong(w, T_STALE, "the device reads old bytes in", i);
		else
			wrong(w, "reused", "somebody else wrote to what the device holds in", i);
		return false;
	}
	return true;
}

static bool all_see(struct world *w, bool by_device)
{
	size_t bad = first_wrong(w);

	if (bad < PAGES) {
		wrong(w, T_STALE,
		      by_device ? "the parent does not see what the device wrote in"
				: "the parent sees other bytes in",
		      bad);
		return false;
	}
	if (!device_sees(w))
		return false;
	if (!w->child.pid || t_servant_do(&w->child, '?', 0))
		return true;
	wrong(w, "shared", "the child's copy is not its own, from", w->first);
	return false;
}

static void look_at(struct world *w)
{
	const size_t pages[] = { 0,
				 1,
				 127,
				 128,
				 HALF - 1,
				 HALF,
				 HALF + 1,
				 HALF + 43,
				 HALF + 44,
				 HALF + 45,
				 HALF + 46,
				 PAGES - 2,
				 PAGES - 1,
				 w->first,
				 w->end - 1,
				 w->first ? w->first - 1 : 0,
				 w->end < PAGES ? w->end : 0 };

	for (size_t i = 0; i < T_ARRAY_SIZE(pages); i++)
		w->look[pages[i]] = true;
}

/* One scenario with one part. Return: everybody saw what he must, after each step. */
static bool play(struct world *w, const char *steps)
{
	const char *at = steps;

	if (!t_alloc(&w->m, "thp", T_2M, 0, HF_MEM_TOUCHED))
		return false;
	w->mem = w->m.addr;
	look_at(w);
	write_all(w, t_seed());
	for (; *at && !w->word; at++) {
		step(w, *at);
		if (!all_see(w, *at == 'd'))
			snprintf(w->why + strlen(w->why), sizeof(w->why) - strlen(w->why),
				 " after %.*s, pages %zu to %zu pinned%s", (int)(at - steps + 1),
				 steps, w->first, w->end - 1,
				 w->prot == HF_READ ? " read-only" : "");
	}
	unmap_part(w);
	t_servant_end(&w->child);
	if (w->area)
		munmap(w->area, w->area_len);
	hf_mem_free(&w->m);
	return !w->word;
}

static void scenario(struct t *t)
{
	const struct scenario *s = t->arg;
	const size_t l = s->limit;
	const struct {
		size_t first, end;
		uint32_t prot;
	} parts[] = {
		{ 0, l, HF_RW },   { l / 2 + 44, l / 2 + 45, HF_RW }, { l - 1, l, HF_RW },
		{ 0, l, HF_READ }, { l / 2 - 1, l / 2 + 1, HF_READ },
	};
	struct world w;

	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++) {
		w = (struct world){
			.t = t, .first = parts[i].first, .end = parts[i].end, .prot = parts[i].prot
		};
		if (!play(&w, s->steps))
			break;
	}
	if (!w.mem)
		return;
	t_verdict(t, s->name, &s->stock, w.word ? w.word : T_RIGHT, "%s",
		  w.word ? w.why : "the parent and the device share, the child has the copy");
}

#define R T_STOCK_RIGHT

static const struct scenario scenarios[] = {
	{ "pin, fork, the child writes, the parent writes", "MFcpdpx", PAGES, R },
	{ "pin, fork, the parent writes, the child writes", "MFpdcpx", PAGES, R },
	{ "pin, fork, the child exits, the parent writes", "MFxpdp", PAGES, R },
	{ "fork, pin, the child writes, the parent writes", "FMcpdpx", PAGES, R },
	{ "fork, pin, the parent writes, the child writes", "FMpdcpx", PAGES, R },
	{ "fork, pin, the child exits, the parent writes", "FMxpdp", PAGES, R },
	{ "fork, the child writes, pin, the parent writes", "FcMpdx", PAGES, R },
	{ "fork, the parent writes, pin, the child writes", "FpMdcpx", PAGES, R },
	{ "fork, the child exits, pin, the parent writes", "FxMpdp", PAGES, R },
	{ "pin, two forks, the second child writes", "MFxFcpdx", PAGES, R },
	{ "pin, fork, the child forks", "MFgpdcx", PAGES, R },
	{ "fork, the child forks, pin", "FgMpdcx", PAGES, R },
	{ "pin, split, fork, both write", "MsFcpdx", PAGES, R },
	{ "split, pin, fork, both write", "sMFpdcpx", PAGES, R },
	{ "split, fork, pin, both write", "sFMcpdx", PAGES, R },
	{ "pin, fork, the child splits and writes", "MFScpdx", PAGES, R },
	{ "fork, pin, the parent splits and writes", "FMspdcx", PAGES, R },
	{ "split, fork, each unmaps a half, pin, both write", "sFHhMpdcpx", HALF, R },
	{ "split, pin, fork, each unmaps a half, both write", "sMFHhpdcpx", PAGES, R },
	{ "split, pin, fork, each unmaps a half, the child writes", "sMFhHcpdx", PAGES, R },
	{ "fork, the child exits, pin, fork again, both write", "FxMFpdcpx", PAGES, R },
	{ "split, fork, the child exits, pin, fork again, both write", "sFxMFpdcpx", PAGES, R },
	{ "split, fork, the child exits, pin, fork again, the child writes", "sFxMFcpdx", PAGES,
	  R },
	{ "pin, fork, MADV_DONTNEED by the child", "MFNcpdx", PAGES, R },
	{ "pin, MADV_DONTNEED by the parent, mapped again", "MnpdFcpxUMpd", PAGES, R },
	{ "pin, fork, MADV_DONTNEED by the parent", "MFnpdcxUMpd", PAGES, R },
	{ "pin, mremap, fork", "MmpdFcpdx", PAGES, R },
	{ "pin, fork, mremap", "MFmcpdx", PAGES, R },
	{ "fork, mremap, pin", "FmMpdcpx", PAGES, R },
	{ "pin, munmap of a half, fork", "MhpdFcpdx", PAGES, R },
	{ "pin, fork, paged out by the parent", "MFopdcx", PAGES, R },
	{ "pin, fork, paged out by the child", "MFOcpdx", PAGES, R },
	{ "fork, paged out, pin", "FoMpdcpx", PAGES, R },
	{ "pin, split, collapse, fork", "MslpdFcpdx", PAGES, R },
	{ "pin, split, fork, collapse by both", "MsFlLcpdx", PAGES, R },
	{ "split, collapse, pin, fork", "slMFcpdx", PAGES, R },
	{ "pin, fork, compaction", "MFkcpdx", PAGES, R },
	{ "pin, MADV_DONTFORK, fork", "MDFpdcx", PAGES, R },
};

int main(void)
{
	struct t_case cases[T_ARRAY_SIZE(scenarios)];

	t_swap_on();
	for (size_t i = 0; i < T_ARRAY_SIZE(scenarios); i++)
		cases[i] = (struct t_case){ scenarios[i].name, scenario, T_DMA, &scenarios[i] };
	return T_RUN(cases);
}
