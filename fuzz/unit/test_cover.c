// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_cover.c - places that were passed in the module end up in AFL++'s map, each where it belongs.
 */
#include "unit.h"

#include <string.h>

#include "cover.h"

#define PLACES 65536

static uint8_t places[PLACES] __attribute__((aligned(8))), map[PLACES];

static int clean(void **state)
{
	(void)state;
	memset(places, 0, sizeof(places));
	memset(map, 0, sizeof(map));
	return 0;
}

static void each_in_its_place(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PLACES; i += 7)
		places[i] = 1;
	assert_int_equal(fz_cover_fold(places, map, PLACES), (PLACES + 6) / 7);
	assert_memory_equal(places, map, PLACES);
}

static void a_small_map_shares(void **state)
{
	(void)state;
	places[5] = 1;
	places[4096 + 5] = 1;
	places[PLACES - 4096 + 6] = 1;
	places[PLACES - 1] = 1;
	assert_int_equal(fz_cover_fold(places, map, 4096), 4);
	assert_int_equal(map[5], 1);
	assert_int_equal(map[6], 1);
	assert_int_equal(map[4095], 1);
	/* Nothing behind it. */
	for (unsigned int i = 4096; i < PLACES; i++)
		assert_int_equal(map[i], 0);
}

static void added_to_what_is_there(void **state)
{
	(void)state;
	places[9] = 1;
	places[11] = 1;
	map[9] = 1;
	map[10] = 1;
	assert_int_equal(fz_cover_fold(places, map, PLACES), 2);
	assert_int_equal(map[9], 1);
	assert_int_equal(map[10], 1);
	assert_int_equal(map[11], 1);
}

/* Where the module has no coverage everything else is harmless. */
static void without_a_device(void **state)
{
	size_t n = 1;

	(void)state;
	assert_true(fz_cover_open() < 0);
	fz_cover_begin();
	fz_cover_enter();
	fz_cover_leave();
	fz_cover_forget();
	assert_int_equal(fz_cover_collect(map, PLACES), 0);
	assert_int_equal(fz_cover_points(), 0);
	assert_null(fz_cover_bits(&n));
	assert_int_equal(n, 0);
	assert_int_equal(fz_cover_save("/nonexistent/x"), 0);
	fz_cover_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_in_its_place, clean),
		cmocka_unit_test_setup(a_small_map_shares, clean),
		cmocka_unit_test_setup(added_to_what_is_there, clean),
		cmocka_unit_test_setup(without_a_device, clean),
	};

	return cmocka_run_group_tests_name("fuzz cover", tests, NULL, NULL);
}
