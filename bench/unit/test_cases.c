// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_cases.c - the matrix and what is taken from it.
 */
#include "cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bench_case *list(struct bench_selection sel, size_t *count)
{
	struct bench_case *cases = bench_cases(&sel, count);

	assert_non_null(cases);
	return cases;
}

static bool contains(const struct bench_case *cases, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(cases[i].name, name))
			return true;
	return false;
}

static void test_full_holds_quick(void **state)
{
	size_t nr_quick, nr_full;
	struct bench_case *quick = list((struct bench_selection){ 0 }, &nr_quick);
	struct bench_case *full = list((struct bench_selection){ .full = true }, &nr_full);

	(void)state;
	assert_true(nr_quick > 10);
	assert_true(nr_full > 2 * nr_quick);
	for (size_t i = 0; i < nr_quick; i++)
		assert_true(contains(full, nr_full, quick[i].name));
	free(quick);
	free(full);
}

static void test_names_are_unique(void **state)
{
	size_t n;
	struct bench_case *full = list((struct bench_selection){ .full = true }, &n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			assert_string_not_equal(full[i].name, full[j].name);
	free(full);
}

/* What the project promises to measure, whatever the set is called. */
static void test_quick_covers_every_backing_at_64m(void **state)
{
	static const char *const names[] = {
		"null",
		"anon4k/4096x4K/prefaulted",
		"anon4k/4K/prefaulted",
		"anon4k/64M/prefaulted",
		"frag4k/64M/prefaulted",
		"thp/64M/prefaulted",
		"hugetlb2m/64M/prefaulted",
		"hugetlb2m-shared/64M/prefaulted",
		"hugetlb1g/1G/prefaulted",
		"shmem4k/64M/prefaulted",
		"shmemthp/64M/prefaulted",
		"file/64M/prefaulted",
		"file-shared/64M/prefaulted",
		"thp/64M/never-faulted",
		"anon4k/64M/never-faulted",
	};
	size_t n;
	struct bench_case *quick = list((struct bench_selection){ 0 }, &n);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_true(contains(quick, n, names[i]));
	free(quick);
}

static void test_left_out(void **state)
{
	size_t n;
	struct bench_case *full = list((struct bench_selection){ .full = true }, &n);

	(void)state;
	assert_false(contains(full, n, "frag4k/4K/prefaulted"));
	assert_false(contains(full, n, "frag4k/64M/never-faulted"));
	assert_false(contains(full, n, "hugetlb1g/4K/prefaulted"));
	assert_true(contains(full, n, "hugetlb1g/2M/prefaulted"));
	free(full);
}

static void test_naming_looks_through_everything(void **state)
{
	size_t n;
	struct bench_case *c = list((struct bench_selection){ .only = "shmem4k/1G/*" }, &n);

	(void)state;
	assert_int_equal(n, 2);
	assert_string_equal(c[0].name, "shmem4k/1G/prefaulted");
	assert_string_equal(c[1].name, "shmem4k/1G/never-faulted");
	free(c);

	c = list((struct bench_selection){ .kinds = "thp,frag4k", .sizes = "2M,64M",
					   .states = "prefaulted" }, &n);
	assert_int_equal(n, 4);
	free(c);

	c = list((struct bench_selection){ .only = "no such case" }, &n);
	assert_int_equal(n, 0);
	free(c);
}

/* Beside each size that stock cannot do there is one that it can. */
static void test_scale(void **state)
{
	size_t n, both = 0, alone = 0;
	struct bench_case *c = list((struct bench_selection){ .only = "scale/*" }, &n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_true(c[i].scale);
		assert_false(c[i].quick);
		assert_int_equal(bench_case_reps(&c[i], BENCH_COUNT, true), 1);
		if (c[i].holdfast_only)
			alone++;
		else
			both++;
	}
	assert_true(alone > 0 && both >= alone);
	assert_true(contains(c, n, "scale/1T"));
	assert_true(contains(c, n, "scale/60000x2M"));
	free(c);
}

static void test_pages(void **state)
{
	const struct bench_case none = { .maps = 1 };
	const struct bench_case many = { .size = 4096, .maps = 4096 };
	const struct bench_case big = { .size = 1ULL << 30, .maps = 1 };

	(void)state;
	assert_int_equal(bench_case_pages(&none), 1);
	assert_int_equal(bench_case_pages(&many), 4096);
	assert_int_equal(bench_case_pages(&big), 262144);
}

static void test_reps_fit(void **state)
{
	size_t n;
	struct bench_case *full = list((struct bench_selection){ .full = true }, &n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (int mode = BENCH_COUNT; mode <= BENCH_TIME; mode++) {
			const unsigned int quick = bench_case_reps(&full[i], mode, false);
			const unsigned int more = bench_case_reps(&full[i], mode, true);

			assert_in_range(quick, 1, BENCH_SERIES_MAX);
			assert_in_range(more, quick, BENCH_SERIES_MAX);
		}
	}
	free(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_holds_quick),
		cmocka_unit_test(test_names_are_unique),
		cmocka_unit_test(test_quick_covers_every_backing_at_64m),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_naming_looks_through_everything),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_reps_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
