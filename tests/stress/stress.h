/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stress.h - what the workers of stress share, and who they are.
 *
 * Each kind of worker is a table of operations, in a file of its own; stress.c sets the scene, lets
 * them begin and looks at what they leave.
 */
#ifndef TESTS_STRESS_H
#define TESTS_STRESS_H

#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "crowd.h"
#include "harness.h"
#include "pages.h"
#include "side.h"

/* IOVAs in container A: a terabyte for each purpose. */
#define PURPOSE (1ULL << 40)
#define MAPPER_IOVA (1 * PURPOSE)
#define WINDOW_IOVA (2 * PURPOSE)
#define CHILD_IOVA (3 * PURPOSE)
#define CHECKED_IOVA (4 * PURPOSE)
/* In B. */
#define B_IOVA PURPOSE

#define MAPPERS 4
#define SLOTS 6
#define SLOT_SPAN T_1G
#define WINDOW_PAGES 256
#define ARENA_LEN (2 * T_2M)
#define CHECKED 3

/**
 * struct slot - a range that one mapper has for itself
 * @addr: memory that is mapped there; NULL: none
 * @iova: where the mapping begins
 * @len: its bytes
 * @prot: HF_READ, HF_WRITE
 */
struct slot {
	char *addr;
	uint64_t iova;
	size_t len;
	uint32_t prot;
};

#define MAPPER_KINDS 4

/**
 * struct mapper - a worker that maps
 * @mem: what it maps
 * @slot: where
 */
struct mapper {
	struct hf_mem mem[MAPPER_KINDS];
	struct slot slot[SLOTS];
};

/**
 * struct stress - what the workers share
 * @t: the case
 * @a: container A
 * @side: its groups; the second comes and goes
 * @b_bdf: device of container B
 * @checked: mappings that the main thread looks at all the time
 * @checked_mem: their memory
 * @mapper: of each mapper
 * @arena: memory that changes while it is mapped
 * @window: bytes mapped in the window, as the answers say
 * @crowd: the workers
 */
struct stress {
	struct t *t;
	struct hf_container a;
	struct t_side side[2];
	char b_bdf[HF_BDF_LEN];
	struct t_pages checked[CHECKED];
	struct hf_mem checked_mem[CHECKED];
	struct mapper mapper[MAPPERS];
	struct hf_mem arena;
	_Atomic int64_t window;
	struct t_crowd crowd;
};

/** st - the one that there is */
extern struct stress st;

/** st_add_mappers() - they map, unmap and track dirty pages in A */
void st_add_mappers(struct t_crowd *c);

/** st_add_arena() - changes the memory that is mapped in the window */
void st_add_arena(struct t_crowd *c);

/** st_add_processes() - children that use A, and processes that have B */
void st_add_processes(struct t_crowd *c);

/** st_rest() - leave the others time to do something, at most @most_us microseconds */
static inline void st_rest(struct t_worker *w, uint64_t most_us)
{
	usleep((useconds_t)t_random(w, most_us));
}

#endif
