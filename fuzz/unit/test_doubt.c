// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_doubt.c - a place is shown when it is reached each time, and not for long when it is not.
 */
#include "unit.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../module/cover_abi.h"
#include "doubt.h"

static uint8_t first[HF_COVER_PLACES] __attribute__((aligned(8)));
static uint8_t again[HF_COVER_PLACES] __attribute__((aligned(8)));

static void clear(void)
{
	memset(first, 0, sizeof(first));
	memset(again, 0, sizeof(again));
}

static void without_all_is_believed(void **state)
{
	(void)state;
	clear();
	first[7] = 1;
	assert_false(fz_doubt_new(first));
	assert_int_equal(first[7], 1);
}

static void what_comes_again_is_believed(void **state)
{
	(void)state;
	assert_int_equal(fz_doubt_open(), 0);
	clear();
	assert_false(fz_doubt_new(first));
	first[0] = first[7] = first[HF_COVER_PLACES - 1] = 1;
	memcpy(again, first, sizeof(first));
	assert_true(fz_doubt_new(first));
	fz_doubt_begin();
	fz_doubt_compare(first, again);
	fz_doubt_believe(first);
	assert_false(fz_doubt_new(first));
	assert_int_equal(first[0] + first[7] + first[HF_COVER_PLACES - 1], 3);
}

/* @lost: it is in the first map only; or only in the second. */
static void comes_and_goes(unsigned int at, bool lost)
{
	for (unsigned int k = 0; k < FZ_DOUBT_STRIKES; k++) {
		clear();
		(lost ? first : again)[at] = 1;
		first[at + 8] = again[at + 8] = 1;
		assert_int_equal(fz_doubt_new(first), lost || !k);
		fz_doubt_begin();
		fz_doubt_compare(first, again);
		assert_int_equal(first[at], 0);
		assert_int_equal(first[at + 8], 1);
		fz_doubt_believe(first);
	}
	/* Now for good. */
	clear();
	first[at] = again[at] = 1;
	assert_false(fz_doubt_new(first));
	assert_int_equal(first[at], 0);
}

static void what_comes_and_goes_is_not(void **state)
{
	(void)state;
	assert_int_equal(fz_doubt_open(), 0);
	comes_and_goes(40, true);
	comes_and_goes(80, false);
}

static void see_twice(unsigned int at)
{
	clear();
	first[at] = again[at] = 1;
	assert_true(fz_doubt_new(first));
	fz_doubt_begin();
	fz_doubt_compare(first, again);
	fz_doubt_believe(first);
}

static void what_was_believed_may_be_refused(void **state)
{
	(void)state;
	assert_int_equal(fz_doubt_open(), 0);
	see_twice(40);
	for (unsigned int k = 0; k < FZ_DOUBT_STRIKES; k++) {
		clear();
		first[40] = 1;
		assert_false(fz_doubt_new(first));
		fz_doubt_begin();
		fz_doubt_compare(first, again);
		assert_int_equal(first[40], 0);
	}
	clear();
	first[40] = 1;
	assert_false(fz_doubt_new(first));
	assert_int_equal(first[40], 0);
}

static void one_input_strikes_a_place_once(void **state)
{
	(void)state;
	assert_int_equal(fz_doubt_open(), 0);
	see_twice(40);
	/* Not the first time, and each time after it. */
	clear();
	first[100] = again[100] = again[40] = 1;
	assert_true(fz_doubt_new(first));
	fz_doubt_begin();
	for (unsigned int k = 0; k < FZ_DOUBT_AGAIN; k++)
		fz_doubt_compare(first, again);
	fz_doubt_believe(first);
	/* The same input once more; and another one. */
	clear();
	first[40] = first[100] = first[200] = 1;
	fz_doubt_mask(first);
	assert_int_equal(first[40] + first[200], 0);
	assert_int_equal(first[100], 1);
	clear();
	first[40] = 1;
	assert_false(fz_doubt_new(first));
	assert_int_equal(first[40], 1);
}

static void children_share_it(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(fz_doubt_open(), 0);
	clear();
	first[9] = 1;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		fz_doubt_believe(first);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(fz_doubt_new(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_all_is_believed),
		cmocka_unit_test(what_comes_again_is_believed),
		cmocka_unit_test(what_comes_and_goes_is_not),
		cmocka_unit_test(what_was_believed_may_be_refused),
		cmocka_unit_test(one_input_strikes_a_place_once),
		cmocka_unit_test(children_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
