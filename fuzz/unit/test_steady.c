// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_steady.c - what comes by chance is found and left out, what does not stays, and an input
 * that differs in too much teaches nothing. The module is played by this file.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cover.h"
#include "../../module/cover_abi.h"
#include "steady.h"

#define POINTS 4096

/* The module: points that are passed, and an edge for each that is not mute. */
static uint8_t bits[POINTS], places[HF_COVER_PLACES];
static unsigned int runs;

uint8_t *fz_cover_bits(size_t *n)
{
	*n = POINTS;
	return bits;
}

void fz_cover_forget(void)
{
	for (size_t at = 0; at < POINTS; at++)
		bits[at] &= HF_COVER_MUTE;
}

void fz_cover_begin(void)
{
	memset(places, 0, sizeof(places));
}

unsigned int fz_cover_collect(uint8_t *map, size_t size)
{
	memcpy(map, places, size);
	return 1;
}

const char *fz_cover_place(size_t at, uint64_t *offset)
{
	*offset = at;
	return ".text";
}

static const char *build = "ab12";

const char *fz_cover_build(void)
{
	return build;
}

size_t fz_cover_find(const char *section, uint64_t offset)
{
	return !strcmp(section, ".text") && offset < POINTS ? offset : SIZE_MAX;
}

static void pass(unsigned int point)
{
	bits[point] |= HF_COVER_PASSED;
	if (!(bits[point] & HF_COVER_MUTE))
		places[point * 8 + 3] = 1;
}

enum { STEADY_AT = 10, CHANCE_AT = 20, TURNS_AT = 30, MANY_AT = 1000 };

static void play(void *data, unsigned int i)
{
	(void)data;
	runs++;
	pass(STEADY_AT + i);
	if (runs % 3 == 0)
		pass(CHANCE_AT);
	/* Passed each time, but not always after the same point. */
	pass(TURNS_AT);
	places[runs % 2 ? TURNS_AT : TURNS_AT + 1] = 1;
	/* The second input takes another way altogether now and then. */
	for (unsigned int at = MANY_AT; i == 1 && runs % 4 == 0 && at < MANY_AT + 500; at++)
		pass(at);
}

static const struct fz_play inputs = { .run = play, .n = 3 };

static void chance_is_found(void **state)
{
	struct fz_steady known;

	(void)state;
	assert_int_equal(fz_steady_learn(&inputs, 8), 0);
	known = fz_steady_known();
	assert_int_equal(known.inputs, 3);
	assert_int_equal(known.muted, 1);
	assert_true(bits[CHANCE_AT] & HF_COVER_MUTE);
	assert_int_equal(known.skipped, 1);
	assert_int_equal(known.dropped, 2);
}

static void chance_is_left_out(void **state)
{
	static uint8_t map[HF_COVER_PLACES];

	(void)state;
	runs = 0;
	for (unsigned int k = 0; k < 12; k++) {
		fz_cover_begin();
		play(NULL, 0);
		fz_cover_collect(map, sizeof(map));
		fz_steady_smooth(map, sizeof(map));
		assert_int_equal(map[STEADY_AT * 8 + 3], 1);
		assert_int_equal(map[CHANCE_AT * 8 + 3], 0);
		assert_int_equal(map[TURNS_AT * 8 + 3], 1);
		assert_int_equal(map[TURNS_AT], 0);
		assert_int_equal(map[TURNS_AT + 1], 0);
	}
}

static bool enough(void *data)
{
	(void)data;
	return runs >= 8;
}

/* Where time is short: fewer inputs, but those as often as ever. */
static void time_is_kept(void **state)
{
	static const struct fz_play hurried = { .run = play, .enough = enough, .n = 3 };

	(void)state;
	runs = 0;
	assert_int_equal(fz_steady_learn(&hurried, 8), 0);
	assert_int_equal(fz_steady_known().inputs, 1);
	assert_int_equal(runs, 3 * 8);
}

static void survives_a_file(void **state)
{
	char path[] = "/tmp/hf-steady-XXXXXX", line[80];
	int fd = mkstemp(path);
	unsigned int lines = 0;
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(fz_steady_save(path), 0);
	memset(bits, 0, sizeof(bits));
	assert_int_equal(fz_steady_load(path), 0);
	assert_true(bits[CHANCE_AT] & HF_COVER_MUTE);
	assert_false(bits[STEADY_AT] & HF_COVER_MUTE);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		lines++;
	fclose(f);
	assert_int_equal(lines, 4);
	build = "ab1";
	assert_int_equal(fz_steady_load(path), -ESTALE);
	build = "ab12";
	/* Of another module, or none of ours. */
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("module ab12\nmute .text 99999\n", f);
	fclose(f);
	assert_int_equal(fz_steady_load(path), -EINVAL);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("mute .text 1\n", f);
	fclose(f);
	assert_int_equal(fz_steady_load(path), -EINVAL);
	unlink(path);
	assert_int_equal(fz_steady_load(path), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chance_is_found),
		cmocka_unit_test(chance_is_left_out),
		cmocka_unit_test(time_is_kept),
		cmocka_unit_test(survives_a_file),
	};

	return cmocka_run_group_tests_name("fuzz steady", tests, NULL, NULL);
}
