/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * doubt.h - believe in a new place only when it is reached again.
 *
 * What is learned before a campaign (steady.h) comes from its seeds and from random sequences. What
 * the campaign finds later goes other ways, with other luck in them. So an input that reaches a
 * place nobody has reached is played some times more, and AFL++ is shown those places that were
 * reached each time; they are believed from then on. A place that comes and goes is not shown, and
 * after a few inputs never again: also one that was believed. AFL++ plays what it keeps a few times
 * itself, at once: it must not see then either what came and went.
 *
 * Few inputs reach anything new, so this costs next to nothing.
 */
#ifndef FUZZ_DOUBT_H
#define FUZZ_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

/** How often an input is played once more, and must reach the same. */
#define FZ_DOUBT_AGAIN 3U

/** So many times a place may come and go. */
#define FZ_DOUBT_STRIKES 3U

/**
 * fz_doubt_open() - begin, with no place believed
 *
 * What is believed is shared with the children of the caller.
 *
 * Return: 0 or -errno. Until it was called every place is believed.
 */
int fz_doubt_open(void);

/**
 * fz_doubt_new() - does a map have a place that is not believed yet?
 * @map: 65536 places, aligned to eight bytes
 *
 * Places that came and went too often are taken out of it.
 */
bool fz_doubt_new(uint8_t *map);

/** fz_doubt_begin() - the next comparisons are of one input, another than those before */
void fz_doubt_begin(void);

/**
 * fz_doubt_compare() - hold an input's first map against another of the same input
 * @first: the first; places that are in one of the two only are taken out of it
 * @again: the other
 */
void fz_doubt_compare(uint8_t *first, const uint8_t *again);

/** fz_doubt_mask() - take out of a map of the same input what came and went in it, or is not believed */
void fz_doubt_mask(uint8_t *map);

/** fz_doubt_believe() - what is in a map now is believed */
void fz_doubt_believe(const uint8_t *map);

#endif
