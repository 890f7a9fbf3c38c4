/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * choose.h - the few of many inputs that reach all there is to reach.
 */
#ifndef FUZZ_CHOOSE_H
#define FUZZ_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Places of a map, a bit each */
#define FZ_CHOICE_PLACES 65536U
#define FZ_CHOICE_WORDS (FZ_CHOICE_PLACES / 64)

/**
 * struct fz_choice - an input to choose from
 * @reached: places it reaches
 * @cost: what it costs to have it, more than 0; bytes, as a rule
 * @chosen: out
 */
struct fz_choice {
	uint64_t reached[FZ_CHOICE_WORDS];
	size_t cost;
	bool chosen;
};

/** fz_choice_add() - put the places of a map that are not 0 into @reached */
void fz_choice_add(struct fz_choice *c, const uint8_t *map);

/** fz_choice_keep() - take all those out of @reached that are 0 in a map */
void fz_choice_keep(struct fz_choice *c, const uint8_t *map);

/**
 * fz_choose() - choose inputs that together reach what all of them reach
 * @c: the inputs
 * @n: how many
 *
 * One after the other the one that reaches most for its cost of what is not reached yet; in the end
 * those go that have become superfluous. Not always the fewest, but never one too many. Of two that are worth
 * the same, the first.
 *
 * Return: how many were chosen.
 */
size_t fz_choose(struct fz_choice *c, size_t n);

#endif
