// SPDX-License-Identifier: GPL-2.0-only
/*
 * arena.c - a worker that changes the memory under the window's mappings.
 *
 * It is the only one that takes memory of the arena away, and never leaves a hole, which could
 * become somebody else's.
 */
#include <errno.h>
#include <sys/mman.h>

#include "stress.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1 */
#endif

static char *arena_part(struct t_worker *w, size_t *len)
{
	const size_t pages = ARENA_LEN / T_PAGE, at = t_random(w, pages - 1);

	*len = (1 + t_random(w, t_random(w, 4) ? 16 : pages - at)) * T_PAGE;
	if (*len > (pages - at) * T_PAGE)
		*len = (pages - at) * T_PAGE;
	return (char *)st.arena.addr + at * T_PAGE;
}

static int arena_advise(struct t_worker *w)
{
	static const int advice[] = { MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_PAGEOUT,
				      MADV_COLLAPSE, MADV_HUGEPAGE, MADV_NOHUGEPAGE };
	size_t len;
	char *p = arena_part(w, &len);

	/* Holes and pins make some of it fail, which is no matter. */
	madvise(p, len, advice[t_random(w, T_ARRAY_SIZE(advice))]);
	return 0;
}

static int arena_protect(struct t_worker *w)
{
	static const int prot[] = { PROT_NONE, PROT_READ };
	size_t len;
	char *p = arena_part(w, &len);

	mprotect(p, len, prot[t_random(w, T_ARRAY_SIZE(prot))]);
	st_rest(w, 200);
	mprotect(st.arena.addr, ARENA_LEN, PROT_READ | PROT_WRITE);
	return 0;
}

static int map_over(char *p, size_t len, int prot)
{
	return mmap(p, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p ? 0 : -errno;
}

/* Gone for a moment, and other memory then; never a hole, which could become somebody else's. */
static int arena_replace(struct t_worker *w)
{
	size_t len;
	char *p = arena_part(w, &len);

	if (t_random(w, 2)) {
		map_over(p, len, PROT_NONE);
		st_rest(w, 200);
	}
	return map_over(p, len, PROT_READ | PROT_WRITE);
}

/*
 * Pages go away and come back. What lies in several areas may refuse to, and then leaves a hole
 * where it was to go: at an address that the kernel gives to nobody by itself.
 */
#define AWAY ((char *)0x100000000000UL)

static int arena_move(struct t_worker *w)
{
	const int how = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	size_t len;
	char *p = arena_part(w, &len);

	if (mremap(p, len, len, how, AWAY) == AWAY) {
		st_rest(w, 200);
		mremap(AWAY, len, len, how, p);
	}
	munmap(AWAY, len);
	return 0;
}

static int arena_renew(struct t_worker *w)
{
	(void)w;
	/* Only this worker takes memory away, so all of it can be made whole and touched. */
	if (map_over(st.arena.addr, ARENA_LEN, PROT_READ | PROT_WRITE))
		return -errno;
	hf_mem_touch(st.arena.addr, ARENA_LEN);
	return 0;
}

static const struct t_op arena_ops[] = {
	{ "madvise", 10, arena_advise, { 0 } }, { "mprotect and back", 5, arena_protect, { 0 } },
	{ "mmap over it", 5, arena_replace, { 0 } }, { "mremap and back", 5, arena_move, { 0 } },
	{ "new pages", 1, arena_renew, { 0 } },
};

void st_add_arena(struct t_crowd *c)
{
	t_crowd_add(c, "arena", arena_ops, T_ARRAY_SIZE(arena_ops), NULL);
}
