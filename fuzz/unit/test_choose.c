// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_choose.c - what is chosen reaches everything, with nothing too much, and the cheap before the
 * dear.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "choose.h"

static uint8_t map[FZ_CHOICE_PLACES];

/* Places @from to before @to. */
static void reaches(struct fz_choice *c, unsigned int from, unsigned int to, size_t cost)
{
	memset(map, 0, sizeof(map));
	memset(map + from, 1, to - from);
	fz_choice_add(c, map);
	c->cost = cost;
}

static void all_is_reached(void **state)
{
	struct fz_choice *c = calloc(200, sizeof(*c));
	uint64_t all[FZ_CHOICE_WORDS] = { 0 }, got[FZ_CHOICE_WORDS] = { 0 };

	(void)state;
	assert_non_null(c);
	srand(7);
	for (unsigned int i = 0; i < 200; i++) {
		for (unsigned int k = 0; k < 5; k++) {
			const unsigned int from = (unsigned int)rand() % (FZ_CHOICE_PLACES - 300);

			reaches(&c[i], from, from + 1 + (unsigned int)rand() % 300, 1 + i % 7);
		}
	}
	assert_in_range(fz_choose(c, 200), 1, 200);
	for (unsigned int i = 0; i < 200; i++) {
		for (unsigned int w = 0; w < FZ_CHOICE_WORDS; w++) {
			all[w] |= c[i].reached[w];
			got[w] |= c[i].chosen ? c[i].reached[w] : 0;
		}
	}
	assert_memory_equal(all, got, sizeof(all));
	free(c);
}

static void the_superfluous_goes(void **state)
{
	static struct fz_choice c[5];

	(void)state;
	/* The first is worth most at first; the two after it make it superfluous. */
	reaches(&c[0], 10, 90, 10);
	reaches(&c[1], 0, 50, 10);
	reaches(&c[2], 50, 100, 10);
	/* Nothing, and nothing new. */
	reaches(&c[3], 0, 0, 1);
	reaches(&c[4], 20, 30, 10);
	assert_int_equal(fz_choose(c, 5), 2);
	assert_true(!c[0].chosen && c[1].chosen && c[2].chosen && !c[3].chosen && !c[4].chosen);
}

static void the_cheap_first(void **state)
{
	static struct fz_choice c[3];

	(void)state;
	reaches(&c[0], 0, 100, 100);
	reaches(&c[1], 0, 100, 20);
	reaches(&c[2], 0, 100, 20);
	assert_int_equal(fz_choose(c, 3), 1);
	assert_true(c[1].chosen);
}

static void only_what_is_always_there(void **state)
{
	static struct fz_choice c[1];

	(void)state;
	reaches(&c[0], 0, 100, 1);
	memset(map, 0, sizeof(map));
	memset(map + 50, 1, 100);
	fz_choice_keep(&c[0], map);
	for (unsigned int at = 0; at < 200; at++)
		assert_int_equal(c[0].reached[at / 64] >> at % 64 & 1, at >= 50 && at < 100);
}

static void nothing_to_choose_from(void **state)
{
	(void)state;
	assert_int_equal(fz_choose(NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_reached),
		cmocka_unit_test(the_superfluous_goes),
		cmocka_unit_test(the_cheap_first),
		cmocka_unit_test(only_what_is_always_there),
		cmocka_unit_test(nothing_to_choose_from),
	};

	return cmocka_run_group_tests_name("fuzz choose", tests, NULL, NULL);
}
