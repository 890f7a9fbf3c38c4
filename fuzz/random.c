// SPDX-License-Identifier: GPL-2.0-only
/*
 * random.c - splitmix64, and what is drawn with it.
 */
#include "random.h"

#include "op.h"

void fz_random_seed(struct fz_random *r, uint64_t seed)
{
	r->state = seed * 0x9e3779b97f4a7c15ULL;
	/* Else seeds in a row would have the same numbers, one further each. */
	r->state = (uint64_t)fz_random_below(r, UINT32_MAX) << 32 | fz_random_below(r, UINT32_MAX);
}

unsigned int fz_random_below(struct fz_random *r, unsigned int n)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return n ? (unsigned int)((z ^ (z >> 31)) % n) : 0;
}

bool fz_random_one_in(struct fz_random *r, unsigned int n)
{
	return !fz_random_below(r, n);
}

unsigned int fz_random_place(struct fz_random *r, unsigned int limit)
{
	switch (fz_random_below(r, 4)) {
	case 0:
		return (fz_random_below(r, limit / FZ_HUGE + 1) * FZ_HUGE + limit +
			fz_random_below(r, 3) - 1) % limit;
	case 1:
		return fz_random_below(r, limit < 64 ? limit : 64);
	default:
		return fz_random_below(r, limit);
	}
}

unsigned int fz_random_count(struct fz_random *r, unsigned int limit)
{
	static const uint16_t often[] = { 1, 1, 1, 2, 3, 4, 8, 16, 31, 64, 511, 512, 513, 1024 };
	unsigned int n;

	if (fz_random_below(r, 8))
		n = often[fz_random_below(r, sizeof(often) / sizeof(*often))] % limit;
	else
		n = fz_random_below(r, limit);
	return n ? n : 1;
}
