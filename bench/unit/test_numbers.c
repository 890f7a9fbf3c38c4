// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_numbers.c - sizes and numbers as text, and statistics of repetitions.
 */
#include "format.h"
#include "series.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct bench_series series(unsigned int count, const uint64_t *values)
{
	struct bench_series s = { 0 };

	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(bench_series_add(&s, values[i]), 0);
	return s;
}

static void test_empty_series(void **state)
{
	const struct bench_series s = { 0 };

	(void)state;
	assert_int_equal(bench_series_min(&s), 0);
	assert_int_equal(bench_series_max(&s), 0);
	assert_int_equal(bench_series_median(&s), 0);
	assert_true(bench_series_agrees(&s, 2.0));
}

static void test_ranks(void **state)
{
	const struct bench_series odd = series(5, (uint64_t[]){ 9, 1, 7, 3, 5 });
	const struct bench_series even = series(4, (uint64_t[]){ 40, 10, 30, 20 });
	const struct bench_series big = series(3, (uint64_t[]){ UINT64_MAX, 1ULL << 40, 2 });

	(void)state;
	assert_int_equal(bench_series_min(&odd), 1);
	assert_int_equal(bench_series_max(&odd), 9);
	assert_int_equal(bench_series_median(&odd), 5);
	/* Disturbances only add: the lower of the two in the middle. */
	assert_int_equal(bench_series_median(&even), 20);
	assert_true(bench_series_median(&big) == 1ULL << 40);
	assert_true(bench_series_max(&big) == UINT64_MAX);
}

static void test_order_is_kept(void **state)
{
	const struct bench_series s = series(3, (uint64_t[]){ 3, 1, 2 });

	(void)state;
	bench_series_median(&s);
	assert_int_equal(s.values[0], 3);
	assert_int_equal(s.values[1], 1);
	assert_int_equal(s.values[2], 2);
}

static void test_agreement(void **state)
{
	const struct bench_series close = series(2, (uint64_t[]){ 1000, 1020 });
	const struct bench_series apart = series(2, (uint64_t[]){ 1000, 1021 });
	const struct bench_series one_tick =
		series(8, (uint64_t[]){ 100, 100, 100, 900, 100, 100, 100, 100 });
	const struct bench_series two_ticks =
		series(8, (uint64_t[]){ 100, 900, 100, 900, 100, 100, 100, 100 });

	(void)state;
	assert_true(bench_series_agrees(&close, 2.0));
	assert_false(bench_series_agrees(&apart, 2.0));
	assert_true(bench_series_agrees(&one_tick, 2.0));
	assert_false(bench_series_agrees(&two_ticks, 2.0));
}

static void test_full_series(void **state)
{
	struct bench_series s = { 0 };

	(void)state;
	for (int i = 0; i < BENCH_SERIES_MAX; i++)
		assert_int_equal(bench_series_add(&s, 1), 0);
	assert_int_equal(bench_series_add(&s, 1), -ENOSPC);
	assert_int_equal(s.count, BENCH_SERIES_MAX);
}

static void test_format_size(void **state)
{
	char buf[BENCH_TEXT];

	(void)state;
	bench_format_size(buf, 4096);
	assert_string_equal(buf, "4K");
	bench_format_size(buf, 512ULL << 20);
	assert_string_equal(buf, "512M");
	bench_format_size(buf, 1ULL << 30);
	assert_string_equal(buf, "1G");
	bench_format_size(buf, 1536ULL << 20);
	assert_string_equal(buf, "1536M");
	bench_format_size(buf, 1000);
	assert_string_equal(buf, "1000");
}

static void test_format_value(void **state)
{
	static const struct {
		double value;
		const char *text;
	} table[] = {
		{ 0, "0.000" },	    { 0.0156, "0.016" }, { 0.9994, "0.999" }, { 0.9999, "1.00" },
		{ 2.454, "2.45" },  { 9.994, "9.99" },	 { 9.996, "10.0" },   { 27.94, "27.9" },
		{ 99.96, "100" },   { 627.4, "627" },	 { 999.6, "1 000" },  { 1625.2, "1 625" },
		{ 1234567, "1 234 567" },
	};
	char buf[BENCH_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		bench_format_value(buf, table[i].value);
		assert_string_equal(buf, table[i].text);
	}
}

static void test_format_ratio(void **state)
{
	char buf[BENCH_TEXT];

	(void)state;
	bench_format_ratio(buf, 0.857);
	assert_string_equal(buf, "0.86x");
	/* Just below one must not read as one. */
	bench_format_ratio(buf, 0.9972);
	assert_string_equal(buf, "0.997x");
	bench_format_ratio(buf, 1.0);
	assert_string_equal(buf, "1.00x");
	bench_format_ratio(buf, 38.21);
	assert_string_equal(buf, "38.2x");
	bench_format_ratio(buf, 18473.2);
	assert_string_equal(buf, "18 473x");
}

static void test_list(void **state)
{
	(void)state;
	assert_true(bench_list_has(NULL, "anything"));
	assert_true(bench_list_has("thp", "thp"));
	assert_false(bench_list_has("thp", "shmemthp"));
	assert_true(bench_list_has("anon4k,thp", "thp"));
	assert_true(bench_list_has("*thp", "shmemthp"));
	assert_true(bench_list_has("thp/*", "thp/2M/prefaulted"));
	assert_false(bench_list_has("", "thp"));
	assert_false(bench_list_has(",,", "thp"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_series),  cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_order_is_kept), cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_full_series),   cmocka_unit_test(test_format_size),
		cmocka_unit_test(test_format_value),  cmocka_unit_test(test_format_ratio),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
