// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_profile.c - symbols, counts, and what comes of joining them.
 */
#include "profile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static FILE *text(const char *content)
{
	FILE *f = fmemopen((void *)(uintptr_t)content, strlen(content), "r");

	assert_non_null(f);
	return f;
}

static int symbols_of(const char *content, struct profile_symbols *symbols)
{
	FILE *f = text(content);
	const int ret = profile_read_symbols(f, symbols);

	fclose(f);
	return ret;
}

static int counts_of(const char *content, struct profile_counts *counts)
{
	FILE *f = text(content);
	const int ret = profile_read_counts(f, counts);

	fclose(f);
	return ret;
}

/* Data and zeroes are passed over, the rest is in order whatever the order of the file. */
static void test_symbols_ascend(void **state)
{
	struct profile_symbols s;

	(void)state;
	assert_int_equal(symbols_of("0000000000000000 A fixed_percpu_data\n"
				    "ffffffffc0a01000 t vfio_pin\t[vfio_iommu_type1]\n"
				    "ffffffff81000100 T later\n"
				    "ffffffff81000000 T earlier\n"
				    "ffffffff82000000 D variable\n", &s), 0);
	assert_int_equal(s.count, 3);
	assert_string_equal(s.list[0].name, "earlier");
	assert_string_equal(s.list[0].module, "");
	assert_string_equal(s.list[1].name, "later");
	assert_string_equal(s.list[2].name, "vfio_pin");
	assert_string_equal(s.list[2].module, "vfio_iommu_type1");
	assert_true(s.list[2].address == 0xffffffffc0a01000);
	profile_free_symbols(&s);
}

static void assert_kept(const char *content, const char *name)
{
	struct profile_symbols s;

	assert_int_equal(symbols_of(content, &s), 0);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.list[0].name, name);
	profile_free_symbols(&s);
}

static void test_one_name_for_an_address(void **state)
{
	(void)state;
	assert_kept("ffffffff81000000 t local\nffffffff81000000 T __global\n", "__global");
	assert_kept("ffffffff81000000 W weak\nffffffff81000000 t _local\n", "_local");
	assert_kept("ffffffff81000000 T __do_it\nffffffff81000000 T do_it\n", "do_it");
	assert_kept("ffffffff81000000 T beta\nffffffff81000000 T alpha\n", "alpha");
}

static void test_what_is_no_kallsyms(void **state)
{
	struct profile_symbols s;

	(void)state;
	assert_int_equal(symbols_of("holdfast-count 1\n", &s), -EINVAL);
	assert_int_equal(symbols_of("ffffffff82000000 D variable\n", &s), -ENODATA);
	/* What somebody without privilege reads. */
	assert_int_equal(symbols_of("0000000000000000 T a\n0000000000000000 T b\n", &s), -ENODATA);
}

static void test_counts(void **state)
{
	struct profile_counts c;

	(void)state;
	assert_int_equal(counts_of("holdfast-count 1\n12\n"
				   "0000000000000010 5\nffffffff81000000 7\n", &c), 0);
	assert_true(c.total == 12);
	assert_int_equal(c.count, 2);
	assert_true(c.address[1] == 0xffffffff81000000);
	assert_true(c.executed[1] == 7);
	profile_free_counts(&c);
}

static void test_what_is_no_counts(void **state)
{
	struct profile_counts c;

	(void)state;
	assert_int_equal(counts_of("ffffffff81000000 T name\n", &c), -EINVAL);
	assert_int_equal(counts_of("holdfast-count 2\n5\n0000000000000010 5\n", &c), -EINVAL);
	/* Cut off: the sum is not there. */
	assert_int_equal(counts_of("holdfast-count 1\n12\n0000000000000010 5\n", &c), -EINVAL);
	/* Not ascending. */
	assert_int_equal(counts_of("holdfast-count 1\n2\n20 1\n10 1\n", &c), -EINVAL);
	assert_int_equal(counts_of("holdfast-count 1\n5\n10 5\nnonsense\n", &c), -EINVAL);
}

static const struct profile_row *row(const struct profile *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (!strcmp(p->rows[i].name, name))
			return &p->rows[i];
	fail_msg("no row '%s'", name);
	return NULL;
}

/* Nothing was executed: nothing to sort. */
static void test_no_counts(void **state)
{
	struct profile_symbols s = { 0 };
	struct profile_counts c;
	struct profile p;

	(void)state;
	assert_int_equal(counts_of("holdfast-count 1\n0\n", &c), 0);
	assert_int_equal(profile_make(&c, &s, &p), 0);
	assert_int_equal(p.count, 0);
	profile_free(&p);
	profile_free_counts(&c);
}

static void test_join(void **state)
{
	struct profile_symbols s;
	struct profile_counts c;
	struct profile p;
	uint64_t sum = 0;

	(void)state;
	assert_int_equal(symbols_of("ffffffff81000100 T first\n"
				    "ffffffff81000200 t never\n"
				    "ffffffff81000300 t second\n"
				    "ffffffffc0a01000 t third\t[module]\n", &s), 0);
	assert_int_equal(counts_of("holdfast-count 1\n160\n"
				   "0000000068002190 4\n" /* user space, in two places */
				   "00007ffff7fc0000 6\n"
				   "ffffffff81000000 1\n" /* before the first symbol */
				   "ffffffff81000100 2\n" /* first, entered twice */
				   "ffffffff81000104 30\n"
				   "ffffffff810001ff 10\n" /* its last byte */
				   "ffffffff81000300 3\n"
				   "ffffffff81000301 97\n"
				   "ffffffffc0a01008 7\n", /* third, not by its entry */
				   &c), 0);
	assert_int_equal(profile_make(&c, &s, &p), 0);

	assert_int_equal(p.count, 5);
	assert_string_equal(p.rows[0].name, "second");
	assert_true(p.rows[0].instructions == 100 && p.rows[0].calls == 3);
	assert_string_equal(p.rows[1].name, "first");
	assert_true(p.rows[1].instructions == 42 && p.rows[1].calls == 2);
	assert_true(row(&p, PROFILE_USER)->instructions == 10);
	assert_true(row(&p, PROFILE_USER)->calls == 0);
	assert_true(row(&p, PROFILE_UNKNOWN)->instructions == 1);
	assert_true(row(&p, "third")->instructions == 7 && row(&p, "third")->calls == 0);
	assert_string_equal(row(&p, "third")->module, "module");
	for (size_t i = 0; i < p.count; i++)
		sum += p.rows[i].instructions;
	assert_true(sum == c.total);

	profile_free(&p);
	profile_free_counts(&c);
	profile_free_symbols(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols_ascend),
		cmocka_unit_test(test_one_name_for_an_address),
		cmocka_unit_test(test_what_is_no_kallsyms),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_what_is_no_counts),
		cmocka_unit_test(test_no_counts),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
