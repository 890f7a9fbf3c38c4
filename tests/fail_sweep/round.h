/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * round.h - one round of a sequence: the first error ends it, and what it has done is undone.
 *
 * Invariant: a round leaves everything as it was, whatever failed in it.
 */
#ifndef TESTS_ROUND_H
#define TESTS_ROUND_H

#include <holdfast/container.h>
#include <holdfast/memory.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failpoint.h"

#define IOVA T_FAIL_IOVA
#define SPAN T_FAIL_SPAN
/** Mappings that are there all the time */
#define LIVE (T_FAIL_IOVA + 2 * T_FAIL_SPAN)

/**
 * struct fs_round - how far a round came
 * @c: the container
 * @ret: the first error, or 0
 * @mapped: bytes, by what the answers say
 * @unsure: an unmap failed: before it was done, or after
 */
struct fs_round {
	const struct hf_container *c;
	int ret;
	uint64_t mapped;
	bool unsure;
};

/** fs_ok() - note an answer; true when it is none of an error */
bool fs_ok(struct fs_round *r, int ret);

/** fs_nothing_done() - fs_ok(), and expect that a step that failed has done nothing */
bool fs_nothing_done(struct fs_round *r, int ret, const struct hf_proc_snapshot *before);

/**
 * FS_NOW_OR_NEVER() - a step of which a failure must be seen at once
 *
 * When the container is closed nothing of it would be left in any case.
 */
#define FS_NOW_OR_NEVER(r, call)                                                           \
	({                                                                                 \
		struct hf_proc_snapshot before_;                                           \
											   \
		if (!t_fail_repeating())                                                   \
			hf_must(hf_proc_snapshot(&before_));                               \
		t_fail_repeating() ? fs_ok(r, call) : fs_nothing_done(r, call, &before_);  \
	})

/** fs_map() - map; true when it went well */
bool fs_map(struct fs_round *r, uint64_t iova, const void *addr, size_t len, uint32_t flags);

/** fs_unmap() - unmap; the answer must say that @want bytes are gone; true when it went well */
bool fs_unmap(struct fs_round *r, uint64_t iova, uint64_t len, uint32_t flags, uint64_t want);

/** fs_dirty_stop() - stop tracking dirty pages, for certain: it fails once at most; true: it did */
bool fs_dirty_stop(struct fs_round *r);

/** fs_finish() - unmap what is left: what failed must not be there, the rest must. Return: @ret */
int fs_finish(struct fs_round *r);

/** fs_memory - of the running sequence */
extern struct hf_mem fs_memory;

/** fs_begin_anon() - have 320 small pages; fs_end_map() gives them back */
bool fs_begin_anon(struct t *t);

/** fs_end_map() - give fs_memory back */
void fs_end_map(struct t *t);

#endif
