/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sequences.h - what is swept.
 */
#ifndef TESTS_SEQUENCES_H
#define TESTS_SEQUENCES_H

#include "round.h"

/**
 * struct fs_made - memory of a kind
 * @kind: its name
 * @pages: how many, of 4K
 * @mem: HF_MEM_*; 0: new in each round, so that the map is the first to touch it
 * @flags: how it is mapped
 */
struct fs_made {
	const char *kind;
	size_t pages;
	unsigned int mem;
	uint32_t flags;
};

/* All that follows is for struct t_sequence. */

/** fs_begin_map() - have memory as the sequence's argument says; fs_end_map() gives it back */
bool fs_begin_map(struct t *t);

/** fs_map_memory() - map it, a page beside it, and unmap it */
int fs_map_memory(struct t *t);

/** fs_unmap_forms() - unmap one of several mappings, several, and none */
int fs_unmap_forms(struct t *t);

/** fs_info() - ask for the container's info */
int fs_info(struct t *t);

/** fs_track() - track dirty pages, read them, unmap with a bitmap */
int fs_track(struct t *t);

/** fs_vaddr() - give a mapping a new address */
int fs_vaddr(struct t *t);

/** fs_hand_over() - memory is handed to a child, which pays for it from then on, and exits */
int fs_hand_over(struct t *t);

/** fs_fork_map() - a child maps and exits; the parent, which shares its pages, unmaps */
int fs_fork_map(struct t *t);

/** fs_wait_for_range() - unmap a range that somebody is at work on */
int fs_wait_for_range(struct t *t);

/** fs_begin_threads() - have helpers fault memory in */
bool fs_begin_threads(struct t *t);

/** fs_end_threads() - have none */
void fs_end_threads(struct t *t);

/** fs_part_and_refresh() - device and CPU part; argument, a bool: with the auditor on */
int fs_part_and_refresh(struct t *t);

/** fs_begin_live() - have mappings that stay: what a new domain must get, and nobody may lose */
bool fs_begin_live(struct t *t);

/** fs_end_live() - expect them to be as they were, and unmap them */
void fs_end_live(struct t *t);

/** fs_join() - a group joins and leaves; argument, a bool: with a domain of its own */
int fs_join(struct t *t);

/** fs_begin_two_domains() - fs_begin_map(), with a second group in a domain of its own */
bool fs_begin_two_domains(struct t *t);

/** fs_end_two_domains() - without it again */
void fs_end_two_domains(struct t *t);

/** fs_begin_bar() - have a device with memory in a BAR */
bool fs_begin_bar(struct t *t);

/** fs_end_bar() - give it back */
void fs_end_bar(struct t *t);

/** fs_map_bar() - map that memory, with ordinary memory before and behind it */
int fs_map_bar(struct t *t);

/** fs_open_close() - a container from the first ioctl to the last close */
int fs_open_close(struct t *t);

/** fs_begin_by_user() - fs_begin_anon(); a user pays */
bool fs_begin_by_user(struct t *t);

/** fs_end_by_user() - a process pays */
void fs_end_by_user(struct t *t);

/** fs_emulated() - a device without an IOMMU pins, copies, lets go */
int fs_emulated(struct t *t);

/** fs_back() - one behind an IOMMU comes to its mappings, and leaves */
int fs_back(struct t *t);

/** fs_second_emulated() - it comes to one behind an IOMMU: bitmaps for what is mapped already */
int fs_second_emulated(struct t *t);

#endif
