// SPDX-License-Identifier: GPL-2.0-only
/*
 * steady.c - learn what is left to chance.
 *
 * First points are learned, from all inputs and then once more, as not all that is chance shows at
 * once; then places, with those points muted: most of what differs in the map is the way to a muted
 * point or from there.
 *
 * An input that differs in many points took another way for a reason: memory was short, or it
 * was interrupted. Nothing is learned from it, as that would mute what matters.
 */
#include "steady.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cover.h"
#include "../module/cover_abi.h"

/* Points in which runs of one input may differ by chance. */
#define CHANCE 400

/* Places that are dropped: not 0. */
static uint8_t drop[HF_COVER_PLACES] __attribute__((aligned(8)));
static struct fz_steady known;

struct fz_steady fz_steady_known(void)
{
	return known;
}

/*
 * Points: how often each was passed in @times runs
 */

static void mute(uint8_t *bits, size_t at)
{
	known.muted += !(bits[at] & HF_COVER_MUTE);
	bits[at] |= HF_COVER_MUTE;
}

/* Return: the input was too different each time. */
static bool learn_points(const struct fz_play *p, unsigned int i, unsigned int times,
			 uint8_t *passed)
{
	unsigned int differ = 0;
	size_t n;
	uint8_t *bits = fz_cover_bits(&n);

	memset(passed, 0, n);
	for (unsigned int k = 0; k < times; k++) {
		fz_cover_forget();
		fz_cover_begin();
		p->run(p->data, i);
		for (size_t at = 0; at < n; at++)
			passed[at] += bits[at] & HF_COVER_PASSED;
	}
	for (size_t at = 0; at < n; at++)
		differ += passed[at] % times && !(bits[at] & HF_COVER_MUTE);
	for (size_t at = 0; differ <= CHANCE && at < n; at++)
		if (passed[at] % times)
			mute(bits, at);
	return differ > CHANCE;
}

/*
 * Places: the first run's against each other one's
 */

static void spoil(size_t at)
{
	known.dropped += !drop[at];
	drop[at] = 1;
}

static void learn_places(const struct fz_play *p, unsigned int i, unsigned int times,
			 uint8_t *first, uint8_t *now)
{
	for (unsigned int k = 0; k < times; k++) {
		uint8_t *map = k ? now : first;

		memset(map, 0, HF_COVER_PLACES);
		fz_cover_begin();
		p->run(p->data, i);
		fz_cover_collect(map, HF_COVER_PLACES);
		for (size_t at = 0; k && at < HF_COVER_PLACES; at++)
			if (first[at] != now[at])
				spoil(at);
	}
}

int fz_steady_learn(const struct fz_play *p, unsigned int times)
{
	uint8_t *passed, *maps;
	int ret = -ENOMEM;
	bool *odd;
	size_t n;

	if (!fz_cover_bits(&n))
		return -ENODEV;
	passed = malloc(n);
	maps = malloc(2 * HF_COVER_PLACES);
	odd = calloc(p->n ? p->n : 1, sizeof(*odd));
	if (!passed || !maps || !odd)
		goto free;
	known.inputs = known.skipped = 0;
	for (unsigned int i = 0; i < p->n && !(i && p->enough && p->enough(p->data)); i++) {
		learn_points(p, i, times, passed);
		known.inputs++;
	}
	for (unsigned int i = 0; i < known.inputs; i++)
		odd[i] = learn_points(p, i, times, passed);
	for (unsigned int i = 0; i < known.inputs; i++) {
		if (odd[i])
			known.skipped++;
		else
			learn_places(p, i, times, maps, maps + HF_COVER_PLACES);
	}
	ret = 0;
free:
	free(odd);
	free(maps);
	free(passed);
	return ret;
}

void fz_steady_smooth(uint8_t *map, size_t size)
{
	if (!known.dropped)
		return;
	for (size_t at = 0; at < HF_COVER_PLACES; at += sizeof(uint64_t)) {
		if (!*(const volatile uint64_t *)(drop + at))
			continue;
		for (size_t i = at; i < at + sizeof(uint64_t); i++)
			if (drop[i])
				map[i & (size - 1)] = 0;
	}
}

/*
 * The file
 */

int fz_steady_save(const char *path)
{
	FILE *f = fopen(path, "we");
	size_t n;
	const uint8_t *bits = fz_cover_bits(&n);
	int ret = 0;

	if (!f)
		return -errno;
	fprintf(f, "module %s\n", fz_cover_build());
	for (size_t at = 0; at < n; at++) {
		uint64_t offset;
		const char *in = bits[at] & HF_COVER_MUTE ? fz_cover_place(at, &offset) : NULL;

		if (in)
			fprintf(f, "mute %s %llx\n", in, (unsigned long long)offset);
	}
	for (size_t at = 0; at < HF_COVER_PLACES; at++)
		if (drop[at])
			fprintf(f, "drop %zx\n", at);
	if (ferror(f))
		ret = -EIO;
	if (fclose(f) && !ret)
		ret = -errno;
	return ret;
}

static int load_line(const char *line, uint8_t *bits)
{
	unsigned long long offset;
	char section[32];
	unsigned int at;
	size_t point;

	if (sscanf(line, "mute %31s %llx", section, &offset) == 2) {
		point = fz_cover_find(section, offset);
		if (point == SIZE_MAX)
			return -EINVAL;
		mute(bits, point);
		return 0;
	}
	if (sscanf(line, "drop %x", &at) == 1 && at < HF_COVER_PLACES) {
		spoil(at);
		return 0;
	}
	return -EINVAL;
}

int fz_steady_load(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[80];
	int ret = 0;
	size_t n;
	uint8_t *bits = fz_cover_bits(&n);

	if (!f)
		return -errno;
	if (!bits)
		ret = -ENODEV;
	else if (!fgets(line, sizeof(line), f) || strncmp(line, "module ", 7))
		ret = -EINVAL;
	else if (strcspn(line + 7, "\n") != strlen(fz_cover_build()) ||
		 strncmp(line + 7, fz_cover_build(), strlen(fz_cover_build())))
		ret = -ESTALE;
	while (!ret && fgets(line, sizeof(line), f))
		ret = load_line(line, bits);
	fclose(f);
	return ret;
}
