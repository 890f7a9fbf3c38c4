// SPDX-License-Identifier: GPL-2.0-only
/*
 * bar_fork - fork() with the BAR of a device mapped by the CPU and for another device's DMA: what
 * parent, child and device see of it, also when the BAR is disabled and enabled again.
 *
 * The scenario is of Axel Rasmussen's and Alex Williamson's, "Re: [PATCH 6.9 0/3] Backport VFIO
 * refactor to fix fork ordering bug", 17 July 2024: a change of the order in which fork() copies
 * an area let a child keep page-table entries of a BAR that were meant to be zapped, so that it
 * reached a BAR that was disabled.
 *
 * The CPU's side of a BAR is vfio-pci's, so who reaches it is a verdict on the kernel, whichever
 * backend serves. The backend's are what the device sees and what is charged: a BAR is mapped
 * without a pin and without a charge, whoever maps or unmaps it, and the IOMMU goes on
 * translating to where it is until the DMA mapping is taken away.
 */
#include <holdfast/pattern.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bar.h"
#include "child.h"
#include "harness.h"
#include "servant.h"
#include "verdict.h"

#define IOVA 0x200000000ULL

/* What is looked at of the BAR: some of each of its 2M pieces would do, but a page fault counts. */
#define LEN (2 * T_2M)

/* Orders to a child. */
enum {
	TOUCH,
	WRITE,
	SEES,
	REACHES,
	NEWBORN_REACHES,
	CHARGED,
	MUNMAP,
	MOVE,
	DISABLE,
	ENABLE,
	DMA_MAP,
	DMA_UNMAP,
};

struct family {
	struct t *t;
	struct t_peer p;
	char *bar;
	struct t_servant child;
	/* What went wrong first, of the backend's and of the kernel's doing. */
	struct fault {
		const char *word;
		const char *why;
	} backend, kernel;
};

/* Note what is wrong, go on: what comes after must leave nothing behind. */
static void note(struct fault *f, bool held, const char *word, const char *why)
{
	if (!held && !f->word)
		*f = (struct fault){ word, why };
}

static void must(struct family *f, bool held, const char *word, const char *why)
{
	note(&f->backend, held, word, why);
}

static bool sees(const struct family *f, uint64_t seed)
{
	return hf_pattern_check(f->bar, LEN, 0, seed, NULL);
}

/* Does a child that is born now? */
static bool newborn_reaches(const struct family *f)
{
	int status = -1;
	pid_t pid = fork();

	hf_require(pid >= 0, "fork");
	if (!pid)
		_exit(t_cpu_reaches(f->bar));
	waitpid(pid, &status, 0);
	return status != 0;
}

static bool child_does(void *arg, int what, uint64_t with)
{
	struct family *f = arg;
	char *to;

	switch (what) {
	case TOUCH:
		hf_mem_touch_read(f->bar, LEN);
		return true;
	case WRITE:
		hf_pattern_fill(f->bar, LEN, 0, with);
		return true;
	case SEES:
		return sees(f, with);
	case REACHES:
		return t_cpu_reaches(f->bar) || t_cpu_reaches(f->bar + LEN - T_PAGE);
	case CHARGED:
		return t_vmlck(0) != 0;
	case MUNMAP:
		return !munmap(f->bar, f->p.region.size);
	case MOVE:
		to = mmap(NULL, f->p.region.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		to = mremap(f->bar, f->p.region.size, f->p.region.size,
			    MREMAP_MAYMOVE | MREMAP_FIXED, to);
		if (to == MAP_FAILED)
			return false;
		f->bar = to;
		return true;
	case DISABLE:
	case ENABLE:
		t_peer_memory(&f->p, what == ENABLE);
		return true;
	case DMA_MAP:
		return !hf_try_map(f->t->c, with, f->bar, LEN, HF_RW);
	case DMA_UNMAP:
		return !hf_try_unmap(f->t->c, with, LEN, 0, NULL);
	default:
		return newborn_reaches(f);
	}
}

/*
 * Kernels before 6.10 that have the bug also warn of the holes that fork leaves in the child's
 * area.
 */
static void warnings_begin(void)
{
	if (t_kernel_before(6, 10))
		t_log("holdfast-expect: untrack-pfn a fork with a BAR mapped");
}

static void warnings_end(void)
{
	if (t_kernel_before(6, 10))
		t_log("holdfast-expect: none");
}

/* The next of a case's families inherits what went wrong with those before it. */
static bool family_open(struct family *f, struct t *t)
{
	*f = (struct family){ .t = t, .backend = f->backend, .kernel = f->kernel };
	if (!t_peer_open(&f->p, t->c))
		return false;
	f->bar = t_bar_whole(&f->p);
	warnings_begin();
	return true;
}

static void family_close(struct family *f)
{
	t_servant_end(&f->child);
	t_peer_close(&f->p);
	warnings_end();
}

static void fork_one(struct family *f)
{
	t_servant_start(&f->child, child_does, f);
}

static bool ask(struct family *f, int what, uint64_t with)
{
	return t_servant_do(&f->child, what, with);
}

/* The device reads, then writes, and everybody sees it; the parent's view too if it has one. */
static void dma_works(struct family *f, uint64_t iova, bool parent, bool child)
{
	struct t_port *port = &f->t->port;
	uint64_t seed = t_seed();

	for (size_t at = 0; at < LEN; at += T_BOUNCE_SIZE) {
		hf_pattern_fill(port->bounce.addr, T_BOUNCE_SIZE, at, seed);
		hf_must(hf_dma_copy(port->dma, iova + at, port->iova, T_BOUNCE_SIZE));
	}
	must(f, !parent || sees(f, seed), T_STALE, "the parent does not see what the device wrote");
	must(f, !child || ask(f, SEES, seed), T_STALE,
	     "the child does not see what the device wrote");

	seed = t_seed();
	if (child)
		ask(f, WRITE, seed);
	else if (parent)
		hf_pattern_fill(f->bar, LEN, 0, seed);
	else
		return;
	for (size_t at = 0; at < LEN; at += T_BOUNCE_SIZE) {
		memset(port->bounce.addr, 0xa5, T_BOUNCE_SIZE);
		hf_must(hf_dma_copy(port->dma, port->iova, iova + at, T_BOUNCE_SIZE));
		must(f, hf_pattern_check(port->bounce.addr, T_BOUNCE_SIZE, at, seed, NULL), T_STALE,
		     "the device does not read what was written to the BAR");
	}
	must(f, !parent || sees(f, seed), T_STALE, "the parent does not see what the child wrote");
}

/* A BAR costs nobody anything. */
static void nothing_charged(struct family *f, const struct hf_proc_snapshot *before)
{
	struct hf_proc_snapshot now;

	hf_must(hf_proc_snapshot(&now));
	must(f, now.vmlck == before->vmlck, "charged",
	     "the parent is charged otherwise than before");
	must(f, now.pins_held == before->pins_held, "pinned", "a BAR has pins");
	must(f, !f->child.pid || !ask(f, CHARGED, 0), "charged", "the child is charged");
}

static const struct t_stock right = T_STOCK_RIGHT;

/* The mail's bug: what fork copied after the area was opened is never zapped. */
static const struct t_stock fork_order = { { "kept", T_RIGHT, T_RIGHT } };

static void say(struct t *t, const struct family *f, const char *scenario, const char *good)
{
	const struct fault *b = &f->backend;

	t_verdict(t, scenario, &right, b->word ? b->word : T_RIGHT, "%s", b->word ? b->why : good);
}

static void say_kernel(const struct family *f, const char *scenario, const struct t_stock *known)
{
	const struct fault *k = &f->kernel;

	t_verdict_kernel(scenario, known, k->word ? k->word : T_RIGHT, "%s",
			 k->word ? k->why : "nobody reaches it, then all do");
}

/* One BAR, three views; whoever had touched it before the fork. */
static void views(struct t *t)
{
	struct hf_proc_snapshot before;
	struct family f = { 0 };

	for (int touched = 0; touched < 2; touched++) {
		if (!family_open(&f, t))
			return;
		if (touched)
			hf_mem_touch_read(f.bar, f.p.region.size);
		hf_must(hf_proc_snapshot(&before));
		hf_map(t->c, IOVA, f.bar, LEN, HF_RW);
		fork_one(&f);
		dma_works(&f, IOVA, true, true);
		nothing_charged(&f, &before);
		t_servant_end(&f.child);
		dma_works(&f, IOVA, true, false);
		hf_unmap(t->c, IOVA, LEN);
		nothing_charged(&f, &before);
		family_close(&f);
	}
	say(t, &f, "fork with a BAR mapped and in use for DMA",
	    "parent, child and device see one BAR");
}

/* When the BAR is disabled nobody reaches it; then, when it is back, everybody does. */
static void out_of_reach(struct family *f, bool parent, bool child)
{
	note(&f->kernel, !parent || !t_cpu_reaches(f->bar), "kept",
	     "the parent reaches a disabled BAR");
	note(&f->kernel, !child || !ask(f, REACHES, 0), "kept", "the child reaches a disabled BAR");
}

static void within_reach(struct family *f, bool parent, bool child)
{
	note(&f->kernel, !parent || t_cpu_reaches(f->bar), "lost",
	     "the parent does not reach an enabled BAR");
	note(&f->kernel, !child || ask(f, REACHES, 0), "lost",
	     "the child does not reach an enabled BAR");
}

/*
 * Who touches the BAR before it is disabled: the entries are copied by fork, or the child's
 * own, or there are none.
 */
#define PARENT_TOUCHES 1
#define CHILD_TOUCHES 2

static void disabled(struct t *t)
{
	struct hf_proc_snapshot before;
	struct family f = { 0 };

	for (int who = 0; who < 4; who++) {
		const uint64_t seed = t_seed();

		if (!family_open(&f, t))
			return;
		if (who & PARENT_TOUCHES)
			hf_mem_touch_read(f.bar, f.p.region.size);
		hf_must(hf_proc_snapshot(&before));
		hf_map(t->c, IOVA, f.bar, LEN, HF_RW);
		fork_one(&f);
		if (who & CHILD_TOUCHES)
			ask(&f, TOUCH, 0);
		t_dma_writes(&t->port, IOVA, LEN, 0, seed, "before");
		t_peer_memory(&f.p, false);
		out_of_reach(&f, true, true);
		note(&f.kernel, !ask(&f, NEWBORN_REACHES, 0), "kept",
		     "a grandchild reaches a disabled BAR");
		/* What the device writes now goes nowhere: into no memory, and not into the BAR. */
		t_dma_writes(&t->port, IOVA, LEN, 0, t_seed(), "while disabled");
		t_peer_memory(&f.p, true);
		within_reach(&f, true, true);
		must(&f, sees(&f, seed) && ask(&f, SEES, seed), "changed",
		     "a device wrote to a disabled BAR");
		dma_works(&f, IOVA, true, true);
		nothing_charged(&f, &before);
		hf_unmap(t->c, IOVA, LEN);
		family_close(&f);
	}
	say(t, &f, "fork, DMA to the BAR while it is disabled, and after",
	    "goes nowhere; the mapping works again");
	say_kernel(&f, "fork, then the BAR is disabled and enabled: who reaches it", &fork_order);
}

static void forked_while_disabled(struct t *t)
{
	struct family f = { 0 };

	for (int touched = 0; touched < 2; touched++) {
		if (!family_open(&f, t))
			return;
		if (touched)
			hf_mem_touch_read(f.bar, f.p.region.size);
		hf_map(t->c, IOVA, f.bar, LEN, HF_RW);
		t_peer_memory(&f.p, false);
		fork_one(&f);
		out_of_reach(&f, true, true);
		t_peer_memory(&f.p, true);
		within_reach(&f, true, true);
		dma_works(&f, IOVA, true, true);
		/* Its entries are its own now; they go too. */
		ask(&f, DISABLE, 0);
		out_of_reach(&f, true, true);
		ask(&f, ENABLE, 0);
		within_reach(&f, true, true);
		dma_works(&f, IOVA, true, true);
		hf_unmap(t->c, IOVA, LEN);
		family_close(&f);
	}
	say(t, &f, "the BAR is disabled, then fork, DMA after it is enabled",
	    "the mapping works again");
	say_kernel(&f, "the BAR is disabled, then fork; then by the child: who reaches it", &right);
}

/* One of the two gives its mmap up, or moves it. */
static void one_leaves(struct t *t)
{
	struct family f = { 0 };

	for (int who = 0; who < 3; who++) {
		const bool parent = who != 1, child = who != 0;

		if (!family_open(&f, t))
			return;
		hf_mem_touch_read(f.bar, f.p.region.size);
		hf_map(t->c, IOVA, f.bar, LEN, HF_RW);
		fork_one(&f);
		ask(&f, TOUCH, 0);
		if (!child)
			must(&f, ask(&f, MUNMAP, 0), "refused", "munmap() by the child");
		else if (!parent)
			munmap(f.bar, f.p.region.size);
		else
			must(&f, ask(&f, MOVE, 0), "refused", "mremap() by the child");
		dma_works(&f, IOVA, parent, child);
		t_peer_memory(&f.p, false);
		out_of_reach(&f, parent, child);
		t_peer_memory(&f.p, true);
		within_reach(&f, parent, child);
		dma_works(&f, IOVA, parent, child);
		hf_unmap(t->c, IOVA, LEN);
		family_close(&f);
	}
	say(t, &f, "fork, then munmap() or mremap() of the BAR by one of the two",
	    "the other's and the device's views stay");
	say_kernel(&f,
		   "fork, munmap() or mremap() by one of the two, then disabled: who reaches it",
		   &fork_order);
}

/* The child maps and unmaps for the device, its own and its parent's. */
static void child_maps(struct t *t)
{
	struct hf_proc_snapshot before;
	struct family f = { 0 };

	if (!family_open(&f, t))
		return;
	hf_must(hf_proc_snapshot(&before));
	hf_map(t->c, IOVA, f.bar, LEN, HF_RW);
	fork_one(&f);
	must(&f, ask(&f, DMA_MAP, IOVA + T_1G), "refused", "the child maps its copy for DMA");
	dma_works(&f, IOVA + T_1G, true, true);
	nothing_charged(&f, &before);
	must(&f, ask(&f, DMA_UNMAP, IOVA), "refused", "the child unmaps what the parent mapped");
	nothing_charged(&f, &before);
	t_faults_begin("a BAR that the child unmapped for the parent");
	t_dma_write_blocked(&t->port, IOVA, f.bar, LEN, "unmapped by the child");
	t_faults_end();
	warnings_begin();
	/* What the child mapped outlives it. */
	t_servant_end(&f.child);
	dma_works(&f, IOVA + T_1G, true, false);
	hf_unmap(t->c, IOVA + T_1G, LEN);
	nothing_charged(&f, &before);
	family_close(&f);
	say(t, &f, "a child maps and unmaps the BAR for DMA",
	    "no charge, no pin, no mapping is left");
}

static const struct t_case cases[] = {
	{ "three views", views, T_DMA, NULL },
	{ "disabled and enabled", disabled, T_DMA, NULL },
	{ "forked while disabled", forked_while_disabled, T_DMA, NULL },
	{ "one of the two leaves", one_leaves, T_DMA, NULL },
	{ "the child maps", child_maps, T_DMA, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
