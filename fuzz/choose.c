// SPDX-License-Identifier: GPL-2.0-only
/*
 * choose.c - a small corpus out of a large one.
 *
 * Invariant: what any input reaches, a chosen one reaches.
 */
#include "choose.h"

#include <string.h>

void fz_choice_add(struct fz_choice *c, const uint8_t *map)
{
	for (unsigned int at = 0; at < FZ_CHOICE_PLACES; at++)
		if (map[at])
			c->reached[at / 64] |= 1ULL << at % 64;
}

void fz_choice_keep(struct fz_choice *c, const uint8_t *map)
{
	for (unsigned int at = 0; at < FZ_CHOICE_PLACES; at++)
		if (!map[at])
			c->reached[at / 64] &= ~(1ULL << at % 64);
}

/* Places of an input that are not in @have. */
static unsigned int more(const struct fz_choice *c, const uint64_t *have)
{
	unsigned int n = 0;

	for (unsigned int w = 0; w < FZ_CHOICE_WORDS; w++)
		n += (unsigned int)__builtin_popcountll(c->reached[w] & ~have[w]);
	return n;
}

/* The one that brings most for its cost; @n: none brings anything. */
static size_t best(const struct fz_choice *c, size_t n, const uint64_t *have)
{
	size_t found = n;
	unsigned int gain = 0;

	for (size_t i = 0; i < n; i++) {
		const unsigned int g = c[i].chosen ? 0 : more(&c[i], have);

		if (g && (found == n || (uint64_t)g * c[found].cost > (uint64_t)gain * c[i].cost)) {
			found = i;
			gain = g;
		}
	}
	return found;
}

/* What others that were chosen do not reach makes an input worth keeping. */
static bool needed(const struct fz_choice *c, size_t n, size_t which)
{
	uint64_t have[FZ_CHOICE_WORDS] = { 0 };

	for (size_t i = 0; i < n; i++)
		for (unsigned int w = 0; i != which && c[i].chosen && w < FZ_CHOICE_WORDS; w++)
			have[w] |= c[i].reached[w];
	return more(&c[which], have);
}

size_t fz_choose(struct fz_choice *c, size_t n)
{
	uint64_t have[FZ_CHOICE_WORDS] = { 0 };
	size_t chosen = 0, at;

	for (size_t i = 0; i < n; i++)
		c[i].chosen = false;
	while ((at = best(c, n, have)) < n) {
		c[at].chosen = true;
		for (unsigned int w = 0; w < FZ_CHOICE_WORDS; w++)
			have[w] |= c[at].reached[w];
	}
	for (size_t i = 0; i < n; i++) {
		c[i].chosen = c[i].chosen && needed(c, n, i);
		chosen += c[i].chosen;
	}
	return chosen;
}
