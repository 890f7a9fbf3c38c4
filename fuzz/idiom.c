// SPDX-License-Identifier: GPL-2.0-only
/*
 * idiom.c - idioms, for the generator and the mutator.
 *
 * Each is about one range of pages that is mapped for the device, either by the idiom or before it, and
 * something that happens to that in nine steps at most. What the generator and mutator put
 * between, before and behind may change everything, and is meant to.
 *
 * A new one is a function and a line in the table; one that is to come more often has two.
 */
#include "idiom.h"

/**
 * struct scene - what an idiom is about
 * @r: what to draw from
 * @s: where it is put
 * @iova: first page of the window
 * @page: first page of the arena
 * @count: pages
 * @prot: of the mapping
 * @other: in the other container
 * @there: it is mapped already
 * @child: a process beside the first
 */
struct scene {
	struct fz_random *r;
	struct fz_sequence *s;
	unsigned int iova, page, count, prot, other, child;
	bool there;
};

static unsigned int below(const struct scene *c, unsigned int n)
{
	return fz_random_below(c->r, n);
}

static bool one_in(const struct scene *c, unsigned int n)
{
	return fz_random_one_in(c->r, n);
}

static void add(const struct scene *c, enum fz_code code, unsigned int v, unsigned int w,
		unsigned int x, unsigned int y, unsigned int z)
{
	struct fz_op *op = &c->s->op[c->s->n];

	if (c->s->n == FZ_OPS_MAX)
		return;
	c->s->n++;
	*op = (struct fz_op){ (uint8_t)code, { (uint16_t)v, (uint16_t)w, (uint16_t)x, (uint16_t)y,
					       (uint16_t)z } };
	for (unsigned int i = 0; i < FZ_ARGS; i++)
		op->arg[i] = (uint16_t)fz_op_arg(op, i);
}

static void map(const struct scene *c, unsigned int who, unsigned int iova, unsigned int page,
		unsigned int count)
{
	add(c, FZ_MAP, who, iova, page, count, c->prot | (c->other ? FZ_HOW_OTHER : 0));
}

/* The range, mapped if it is not; first there are bytes in it, mostly. */
static void mapped(const struct scene *c, unsigned int who)
{
	if (!one_in(c, 3))
		add(c, FZ_WRITE, 0, c->page, 1 + below(c, 16), 0, 0);
	if (!c->there || who)
		map(c, who, c->iova, c->page, c->count);
}

static void unmap(const struct scene *c, unsigned int who)
{
	add(c, FZ_UNMAP, who, c->other, c->iova, c->count, 0);
}

static unsigned int elsewhere(const struct scene *c)
{
	return fz_random_place(c->r, FZ_PAGES);
}

/* How a page leaves the page table. */
static void give_back(const struct scene *c, unsigned int page, unsigned int count)
{
	switch (below(c, 6)) {
	case 0:
		add(c, FZ_MUNMAP, 0, page, count, 0, 0);
		break;
	case 1:
		add(c, FZ_MREMAP, 0, page, count, elsewhere(c), count);
		break;
	case 2:
		add(c, FZ_MADVISE, 0, page, count, FZ_REMOVE, 0);
		break;
	case 3:
		add(c, FZ_MMAP, 0, page, count, below(c, FZ_KINDS), FZ_PROT_READ | FZ_PROT_WRITE);
		break;
	default:
		add(c, FZ_MADVISE, 0, page, count, FZ_DONTNEED, 0);
	}
}

static void live_update(struct scene *c)
{
	const bool exec = one_in(c, 2);

	mapped(c, 0);
	add(c, FZ_VADDR_GONE, 0, c->other, c->iova, c->count, 0);
	if (exec)
		add(c, FZ_EXEC, 0, 0, 0, 0, 0);
	else
		add(c, FZ_FORK, c->child, 0, 0, 0, 0);
	add(c, FZ_VADDR_NEW, exec ? 0 : c->child, c->other, c->iova, c->page, c->count);
}

/* The last group leaves while memory is moving. */
static void left_while_moving(struct scene *c)
{
	c->other = 1;
	c->there = false;
	mapped(c, 0);
	add(c, FZ_VADDR_GONE, 0, 1, c->iova, c->count, 0);
	if (one_in(c, 2))
		add(c, FZ_ATTACH, 1, 0, 0, 0, 0);
	add(c, FZ_DETACH, 1, 0, 0, 0, 0);
}

static void another_unmaps(struct scene *c)
{
	const bool by_child = one_in(c, 2);

	add(c, FZ_FORK, c->child, 0, 0, 0, 0);
	mapped(c, by_child ? 0 : c->child);
	add(c, FZ_WRITE, one_in(c, 3) ? 0 : c->child, c->page, 1, 0, 0);
	unmap(c, by_child ? c->child : 0);
	add(c, FZ_EXIT, c->child, 0, 0, 0, 0);
}

/* Neighbours that two processes have paid for go at once. */
static void two_payers(struct scene *c)
{
	add(c, FZ_FORK, c->child, 0, 0, 0, 0);
	mapped(c, 0);
	map(c, c->child, c->iova + c->count, elsewhere(c), 1 + below(c, 16));
	add(c, FZ_UNMAP, one_in(c, 2) ? 0 : c->child, c->other, c->iova, c->count + 16, 0);
}

/* Neighbours share words of the bitmap. */
static void migration(struct scene *c)
{
	const unsigned int sooner = below(c, c->iova < 70 ? c->iova : 70);

	mapped(c, 0);
	map(c, 0, c->iova + c->count, c->page, 1 + below(c, 16));
	add(c, FZ_DIRTY, 0, c->other, FZ_DIRTY_START, 0, 1);
	add(c, FZ_DIRTY, 0, c->other, FZ_DIRTY_GET, c->iova - sooner,
	    c->count + sooner + 16 + below(c, 70));
}

static void memory_goes(struct scene *c)
{
	mapped(c, 0);
	if (one_in(c, 2))
		give_back(c, c->page, c->count);
	else
		give_back(c, c->page + below(c, c->count), 1 + below(c, 4));
	if (one_in(c, 3))
		add(c, FZ_WRITE, 0, c->page, 1 + below(c, 16), 0, 0);
	add(c, FZ_ASK, c->other, c->iova, c->count, 0, 0);
	if (one_in(c, 2))
		add(c, FZ_REFRESH, 0, c->other, c->iova, c->count, 0);
}

/* Nothing parts from the device here: who listens is told nothing. */
static void looks_like_it_goes(struct scene *c)
{
	if (!c->other)
		c->s->setup |= FZ_SETUP_AUDIT;
	mapped(c, 0);
	switch (below(c, 4)) {
	case 0:
		add(c, FZ_FORK, c->child, 0, 0, 0, 0);
		add(c, FZ_WRITE, 0, c->page, 1 + below(c, 16), 0, 0);
		break;
	case 1:
		add(c, FZ_MPROTECT, 0, c->page, c->count, FZ_PROT_READ, 0);
		add(c, FZ_MPROTECT, 0, c->page, c->count, FZ_PROT_READ | FZ_PROT_WRITE, 0);
		break;
	case 2:
		add(c, FZ_MMAP, 0, c->page + c->count, 1 + below(c, 16), FZ_KIND_ANON, FZ_PROT_READ);
		break;
	default:
		/* Shared memory is still in the file. */
		add(c, FZ_MADVISE, 0, c->page, c->count, FZ_DONTNEED, 0);
	}
	add(c, FZ_ASK, c->other, c->iova, c->count, 0, 0);
}

static void another_device(struct scene *c)
{
	if (one_in(c, 2))
		c->s->setup |= FZ_SETUP_DOMAINS;
	mapped(c, 0);
	add(c, FZ_ATTACH, c->other, 0, 0, 0, 0);
	if (one_in(c, 6))
		add(c, FZ_OTHER_DEVICE, c->other, 0, 0, 0, 0);
	unmap(c, 0);
	if (one_in(c, 2))
		map(c, 0, c->iova, elsewhere(c), c->count);
	add(c, FZ_DETACH, c->other, 0, 0, 0, 0);
}

static void reuse(struct scene *c)
{
	mapped(c, 0);
	add(c, FZ_DEVICE_WRITE, c->iova, 1 + below(c, 16), 0, 0, 0);
	unmap(c, 0);
	add(c, FZ_BLOCKED, c->iova, 0, 0, 0, 0);
	map(c, 0, c->iova, elsewhere(c), c->count);
}

/* A part of something huge, and its neighbour. */
static void part_of_huge(struct scene *c)
{
	add(c, FZ_MADVISE, 0, c->page, FZ_HUGE, FZ_COLLAPSE, 0);
	mapped(c, 0);
	map(c, 0, c->iova + c->count, c->page + c->count, fz_random_count(c->r, FZ_FILE_PAGES));
	add(c, FZ_MPROTECT, 0, c->page + below(c, c->count), 1, FZ_PROT_READ, 0);
}

/* A huge page that is not one any more: some of its pages are others. */
static void torn_huge(struct scene *c)
{
	const unsigned int first = below(c, 2) * FZ_HUGE, hole = first + 1 + below(c, FZ_HUGE - 20);
	const unsigned int page = hole - 1 - below(c, hole - first < 8 ? hole - first : 8);

	c->s->setup |= FZ_SETUP_THP;
	add(c, FZ_WRITE, 0, first, 1, 0, 0);
	add(c, FZ_MADVISE, 0, hole, 1 + below(c, 3), FZ_DONTNEED, 0);
	add(c, FZ_WRITE, 0, hole - 1, 8, 0, 0);
	map(c, 0, c->iova, page, one_in(c, 2) ? 16 : c->count);
	add(c, FZ_DEVICE_WRITE, c->iova, 16, 0, 0, 0);
}

/* Folios that are large, but no huge page: some are given back, and used again. */
static void large_folios(struct scene *c)
{
	const unsigned int page = FZ_SMALL_PAGES - FZ_HUGE + below(c, 28) * 16, gone = 16 * below(c, 3);

	c->s->setup |= FZ_SETUP_THP;
	add(c, FZ_MMAP, 0, page, 64, FZ_KIND_ANON, FZ_PROT_READ | FZ_PROT_WRITE);
	add(c, FZ_MADVISE, 0, page, 64, FZ_HUGEPAGE, 0);
	for (unsigned int i = 0; i < 48; i += 16)
		add(c, FZ_WRITE, 0, page + i, 1 + below(c, 16), 0, 0);
	map(c, 0, c->iova, page, 48);
	add(c, FZ_MADVISE, 0, page + gone, 16, FZ_DONTNEED, 0);
	add(c, FZ_WRITE, 0, page + gone, 16, 0, 0);
	add(c, FZ_DEVICE_READ, c->iova + gone, 16, 0, 0, 0);
}

/* A whole huge page, or two, and what is behind; leaves need both ends at a border. */
static void whole_huge(struct scene *c)
{
	c->page = one_in(c, 2) ? FZ_SMALL_PAGES : below(c, 2) * FZ_HUGE;
	c->iova = c->iova / FZ_HUGE * FZ_HUGE;
	c->count = (1 + below(c, 2)) * FZ_HUGE + below(c, 3) - 1;
	c->there = false;
	if (c->page < FZ_SMALL_PAGES)
		c->s->setup |= FZ_SETUP_THP;
	mapped(c, 0);
	if (one_in(c, 2))
		give_back(c, c->page + FZ_HUGE, 1);
	add(c, FZ_DEVICE_WRITE, c->iova + FZ_HUGE - 8, 16, 0, 0, 0);
	if (one_in(c, 2))
		unmap(c, 0);
}

/* Two mappings of one part show whether they lead to the same pages. */
static void device_memory(struct scene *c)
{
	const unsigned int place = below(c, 3) + (one_in(c, 2) ? 8 : 0), count = 1 + below(c, 64);

	add(c, FZ_BAR_MMAP, place, 64, 0, 0, 0);
	add(c, FZ_BAR_MMAP, place + 1, count, 0, 0, 0);
	add(c, FZ_BAR_MAP, 0, c->iova, place, one_in(c, 2) ? 64 + count : 1 + below(c, 96), c->prot);
	add(c, FZ_DEVICE_WRITE, c->iova + 56, 16, 0, 0, 0);
	add(c, FZ_BAR_MAP, 0, c->iova + 128, place + 1, count, c->prot);
	add(c, FZ_DEVICE_WRITE, c->iova + 128, 8, 0, 0, 0);
	if (one_in(c, 3))
		add(c, FZ_UNMAP, 0, 0, c->iova, 64 + count, 0);
}

static void file_cut(struct scene *c)
{
	mapped(c, 0);
	if (one_in(c, 3))
		add(c, FZ_TRUNCATE, below(c, 2), c->page % FZ_FILE_PAGES, 0, 0, 0);
	else
		add(c, FZ_PUNCH, below(c, 2), c->page % FZ_FILE_PAGES, c->count, 0, 0);
	add(c, FZ_REFRESH, 0, c->other, c->iova, c->count, 0);
}

/* Two requests that meet; the first is long enough to be met, mostly. */
static void two_at_once(struct scene *c)
{
	const unsigned int by = one_in(c, 2) ? 0 : c->child;

	if (by)
		add(c, FZ_FORK, by, 0, 0, 0, 0);
	mapped(c, 0);
	add(c, FZ_TOGETHER, one_in(c, 2) ? below(c, 512) : 0, 0, 0, 0, 0);
	map(c, 0, c->iova + c->count, elsewhere(c),
	    one_in(c, 2) ? FZ_FILE_PAGES : fz_random_count(c->r, FZ_FILE_PAGES));
	switch (below(c, 3)) {
	case 0:
		add(c, FZ_UNMAP, by, c->other, c->iova, 2 * c->count, 0);
		break;
	case 1: /* waits for the first */
		add(c, FZ_UNMAP, by, c->other, c->iova, FZ_IOVAS - c->iova, 0);
		break;
	default:
		map(c, by, c->iova + c->count + below(c, FZ_FILE_PAGES), elsewhere(c), c->count);
	}
}

/* To be read only, and not written to by now: what the CPU writes later the device must see. */
static void never_written(struct scene *c)
{
	const bool forbidden = one_in(c, 2);

	add(c, FZ_MADVISE, 0, c->page, c->count, FZ_DONTNEED, 0);
	if (forbidden)
		add(c, FZ_MPROTECT, 0, c->page, c->count, FZ_PROT_READ, 0);
	add(c, FZ_READ, 0, c->page, 1 + below(c, 16), 0, 0);
	add(c, FZ_MAP, 0, c->iova, c->page, c->count, FZ_PROT_READ | (c->other ? FZ_HOW_OTHER : 0));
	if (forbidden)
		add(c, FZ_MPROTECT, 0, c->page, c->count, FZ_PROT_READ | FZ_PROT_WRITE, 0);
	add(c, FZ_WRITE, 0, c->page, 1 + below(c, 16), 0, 0);
	add(c, FZ_DEVICE_READ, c->iova, 1 + below(c, 16), 0, 0, 0);
}

/* A part of it cannot be mapped: all that was is gone, and what it took is there again. */
static void with_a_hole(struct scene *c)
{
	const unsigned int hole = c->page + below(c, c->count + 1);

	add(c, FZ_WRITE, 0, c->page, 1 + below(c, 16), 0, 0);
	if (one_in(c, 2))
		add(c, FZ_MUNMAP, 0, hole, 1, 0, 0);
	else
		add(c, FZ_MPROTECT, 0, hole, 1, c->prot & FZ_PROT_WRITE ? FZ_PROT_READ : 0, 0);
	map(c, 0, c->iova, c->page, c->count + 1);
	add(c, FZ_BLOCKED, c->iova, 0, 0, 0, 0);
	if (one_in(c, 2))
		map(c, 0, c->iova, elsewhere(c), c->count);
}

/* A map that cannot go on somewhere in its middle. */
static void fails(struct scene *c)
{
	add(c, FZ_WRITE, 0, c->page, 1 + below(c, 16), 0, 0);
	add(c, FZ_FAIL, below(c, 256), below(c, 4), 0, 0, 0);
	map(c, 0, c->iova, c->page, c->count);
	add(c, FZ_BLOCKED, c->iova, 0, 0, 0, 0);
	unmap(c, 0);
}

/* About as much as is allowed, in two parts; what fails gives its part back. */
static void at_the_limit(struct scene *c)
{
	c->s->setup |= FZ_SETUP_LIMITED;
	mapped(c, 0);
	add(c, FZ_RLIMIT, 0, 2 * c->count - 1 + below(c, 3), 0, 0, 0);
	map(c, 0, c->iova + c->count, elsewhere(c), c->count);
	unmap(c, 0);
	map(c, 0, c->iova, c->page, 1);
}

/* Large, so that the end comes while it is at work. */
static void killed(struct scene *c)
{
	if (c->other)
		c->s->setup |= FZ_SETUP_USER;
	add(c, FZ_WRITE, 0, c->page, 1 + below(c, 16), 0, 0);
	add(c, FZ_KILLED, c->iova, one_in(c, 2) ? c->page : 0, FZ_FILE_PAGES, below(c, 600),
	    (c->other ? FZ_KILLED_OTHER : 0) | (one_in(c, 2) ? FZ_KILLED_SHARED : 0));
	map(c, 0, c->iova, c->page, c->count);
}

/* Two processes, one address space, until one of them goes. */
static void one_space(struct scene *c)
{
	mapped(c, 0);
	add(c, FZ_SHARE, c->child, one_in(c, 3), 0, 0, 0);
	map(c, c->child, c->iova + c->count, c->page, c->count);
	unmap(c, c->child);
	if (one_in(c, 2))
		add(c, FZ_EXEC, one_in(c, 3) ? c->child : 0, 0, 0, 0, 0);
	else
		add(c, FZ_EXIT, c->child, 0, 0, 0, 0);
	add(c, FZ_UNMAP, 0, c->other, c->iova + c->count, c->count, 0);
}

/* Swapped out, but for what the device has; and back. */
static void swapped(struct scene *c)
{
	const unsigned int sooner = below(c, c->page), twice = 2 * c->count;

	mapped(c, 0);
	add(c, FZ_WRITE, 0, c->page + c->count, 16, 0, 0);
	add(c, FZ_SWAP, 0, c->page - sooner, twice, 0, 0);
	map(c, 0, c->iova + c->count, c->page + below(c, twice), c->count);
	if (!c->other)
		add(c, FZ_DEVICE_WRITE, c->iova + below(c, twice), 16, 0, 0, 0);
	add(c, FZ_SWAP, 0, c->page, twice, 0, 0);
}

/* Too little memory for all of it. */
static void starved(struct scene *c)
{
	mapped(c, 0);
	add(c, FZ_STARVED, c->iova + c->count, elsewhere(c), c->count, below(c, c->count),
	    below(c, 2));
}

/* Memory that comes while it is mapped; and once more, under a device that has it. */
static void paged_in(struct scene *c)
{
	const unsigned int page = elsewhere(c), few = 1 + below(c, 64);

	add(c, FZ_PAGED, c->iova + c->count, page, few, below(c, 200), c->prot);
	add(c, FZ_DEVICE_READ, c->iova + c->count, 16, 0, 0, 0);
	add(c, FZ_WRITE, 0, page, 16, 0, 0);
	if (!c->there)
		add(c, FZ_PAGED, c->iova + c->count + few, page + below(c, few), few, 0, c->prot);
	add(c, FZ_ASK, 0, c->iova + c->count, 2 * few, 0, 0);
}

static void moved_away(struct scene *c)
{
	mapped(c, 0);
	add(c, FZ_MREMAP, 0, c->page, c->count, elsewhere(c), c->count);
	add(c, FZ_REFRESH, 0, c->other, c->iova, c->count, 0);
}

static void place(struct scene *c, const struct fz_live *live)
{
	const struct fz_range *l = &live->range[fz_random_below(c->r, live->n)];
	const bool huge = one_in(c, 12);

	c->other = one_in(c, 3);
	c->prot = one_in(c, 3) ? FZ_PROT_READ : FZ_PROT_READ | FZ_PROT_WRITE;
	c->child = 1 + below(c, 2);
	c->page = huge ? FZ_SMALL_PAGES : fz_random_place(c->r, FZ_PAGES);
	c->iova = fz_random_place(c->r, FZ_IOVAS);
	c->count = huge ? 2 * FZ_HUGE : fz_random_count(c->r, FZ_FILE_PAGES);
	c->there = false;
	if (!live->n)
		return;
	switch (below(c, 4)) {
	case 0: /* that very mapping */
		c->iova = l->iova;
		c->page = l->page;
		c->count = l->count;
		c->there = true;
		break;
	case 1: /* its neighbour */
		c->iova = (l->iova + l->count) % FZ_IOVAS;
		break;
	case 2: /* its memory, once more */
		c->page = l->page;
		break;
	}
}

static void (*const idiom[])(struct scene *c) = {
	live_update,	another_unmaps, migration,	memory_goes,  another_device, reuse,
	part_of_huge,	device_memory,	file_cut,	two_at_once,  torn_huge,      moved_away,
	never_written,	with_a_hole,	fails,		at_the_limit, killed,	      left_while_moving,
	two_payers,	whole_huge,	live_update,	memory_goes,  another_unmaps, looks_like_it_goes,
	two_at_once,	large_folios,	one_space,	swapped,      starved,	      paged_in,
};

void fz_idiom(struct fz_random *r, const struct fz_live *live, struct fz_sequence *s)
{
	struct scene c = { .r = r, .s = s };

	place(&c, live);
	idiom[fz_random_below(r, sizeof(idiom) / sizeof(*idiom))](&c);
}
