// SPDX-License-Identifier: GPL-2.0-only
/*
 * doubt.c - what is believed of each place, in a byte for each.
 *
 * One process at a time plays, and writes; it may be killed between any two stores.
 */
#include "doubt.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "../module/cover_abi.h"

/* A byte: how often the place came and went, and whether it is believed. */
#define STRIKES 0x7f
#define BELIEVED 0x80

static uint8_t *place;
/* Of the input that was compared last: places that were not the same each time. */
static uint8_t differs[HF_COVER_PLACES];

int fz_doubt_open(void)
{
	void *at = mmap(NULL, HF_COVER_PLACES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	place = at;
	return 0;
}

static bool refused(size_t at)
{
	return (place[at] & STRIKES) >= FZ_DOUBT_STRIKES;
}

static bool empty(const uint8_t *map)
{
	return !*(const uint64_t *)(const void *)map;
}

/* Most of a map is empty: is here a word of it that is? Then go to its last place. */
static bool passed_over(const uint8_t *map, size_t *at)
{
	if (*at % 8 || !empty(map + *at))
		return false;
	*at += 7;
	return true;
}

bool fz_doubt_new(uint8_t *map)
{
	bool found = false;

	if (!place)
		return false;
	for (size_t at = 0; at < HF_COVER_PLACES; at++) {
		if (passed_over(map, &at) || !map[at])
			continue;
		if (refused(at))
			map[at] = 0;
		else if (!(place[at] & BELIEVED))
			found = true;
	}
	return found;
}

void fz_doubt_begin(void)
{
	memset(differs, 0, sizeof(differs));
}

void fz_doubt_mask(uint8_t *map)
{
	for (size_t at = 0; place && at < HF_COVER_PLACES; at++)
		if (!passed_over(map, &at) && map[at] && (differs[at] || !(place[at] & BELIEVED)))
			map[at] = 0;
}

void fz_doubt_compare(uint8_t *first, const uint8_t *again)
{
	for (size_t at = 0; place && at < HF_COVER_PLACES; at++) {
		if (at % 8 == 0 && empty(first + at) && empty(again + at)) {
			at += 7;
			continue;
		}
		if (!first[at] == !again[at])
			continue;
		first[at] = 0;
		if (!differs[at] && !refused(at))
			place[at]++;
		differs[at] = 1;
	}
}

void fz_doubt_believe(const uint8_t *map)
{
	for (size_t at = 0; place && at < HF_COVER_PLACES; at++)
		if (!passed_over(map, &at) && map[at])
			place[at] |= BELIEVED;
}
