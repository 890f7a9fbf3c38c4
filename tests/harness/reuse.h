/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reuse.h - who is given the pages that somebody freed.
 *
 * A page that a device can still reach must not be anybody else's. A squatter asks the kernel
 * for memory right after pages might have been freed, of the same make and of others, fills it,
 * and later sees whether somebody else has written there.
 */
#ifndef TESTS_REUSE_H
#define TESTS_REUSE_H

#include <holdfast/memory.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define T_SQUATTER_AREAS 3

/**
 * struct t_squatter - memory that was just handed out
 * @area: of different makes; unused ones have no address
 * @seed: its contents
 */
struct t_squatter {
	struct hf_mem area[T_SQUATTER_AREAS];
	uint64_t seed;
};

/**
 * t_squatter_take() - take and fill memory
 * @s: to fill in
 * @kind: make of the pages that might be free now; what else is taken does not depend on it
 * @pages: how many of that make; as many as there are when there are less
 */
void t_squatter_take(struct t_squatter *s, const char *kind, size_t pages);

/** t_squatter_check() - is it untouched? Fails the case when not; @what says after what. */
bool t_squatter_check(const struct t_squatter *s, const char *what);

/** t_squatter_leave() - give the memory back */
void t_squatter_leave(struct t_squatter *s);

#endif
