// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is counted while others are at work, too.
 */
#include "unit.h"

#include <errno.h>

#include "rest.h"

static unsigned int reads;
static int broken;

/* Somebody else's page is pinned for the first three readings. */
static int read_late(struct hf_proc_snapshot *s)
{
	*s = (struct hf_proc_snapshot){ .pins_held = reads++ < 3 ? 8 : 7, .huge_free_2m = 512 };
	return broken;
}

/* It comes and goes. */
static int read_busy(struct hf_proc_snapshot *s)
{
	*s = (struct hf_proc_snapshot){ .pins_held = reads++ % 5 ? 9 : 7 };
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	reads = 0;
	broken = 0;
	return 0;
}

static void a_pin_of_somebody_else_is_not_counted(void **state)
{
	struct hf_proc_snapshot s;

	(void)state;
	assert_int_equal(fz_rest(read_late, &s), 0);
	assert_int_equal(s.pins_held, 7);
	assert_int_equal(s.huge_free_2m, 512);
}

static void pins_that_come_and_go_are_not_counted(void **state)
{
	struct hf_proc_snapshot s;

	(void)state;
	assert_int_equal(fz_rest(read_busy, &s), 0);
	assert_int_equal(s.pins_held, 7);
}

static void what_cannot_be_read_is_said(void **state)
{
	struct hf_proc_snapshot s;

	(void)state;
	broken = -EACCES;
	assert_int_equal(fz_rest(read_late, &s), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_pin_of_somebody_else_is_not_counted, set_up),
		cmocka_unit_test_setup(pins_that_come_and_go_are_not_counted, set_up),
		cmocka_unit_test_setup(what_cannot_be_read_is_said, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
