// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_op.c - sequences as text: what is written is what is run, or is refused.
 */
#include "op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int read_one(const char *text, struct cf_sequence *s)
{
	char error[120];

	return cf_sequence_read(&text, s, error);
}

static void test_values(void **state)
{
	static struct cf_sequence s;

	(void)state;
	assert_int_equal(read_one("# x\nsequence \"a b\" v1 dma domains entries=0x10 # y\n"
				  "map iova=0xffffffffffffffff size=010 at=thp+4096 flags=7\n"
				  "unmap argsz=0xffffffff arg=abs\n", &s), 1);
	assert_string_equal(s.name, "a b");
	assert_true(s.setup.v1 && s.setup.dma && s.setup.domains && s.setup.entries == 16);
	assert_int_equal(s.nr, 2);
	assert_true(s.op[0].kind == CF_MAP && s.op[0].iova == UINT64_MAX && s.op[0].size == 8);
	assert_true(s.op[0].at.place == CF_THP && s.op[0].at.off == 4096 && s.op[0].flags == 7);
	assert_true(s.op[1].argsz == UINT32_MAX && s.op[1].arg.place == CF_ABS &&
		    s.op[1].serial == 2);
}

/* A number that is cut, or turned round, is another operation than the one that was written. */
static void test_refused(void **state)
{
	static const char *const values[] = {
		"iova=", "iova=-1", "iova=+1", "iova=x", "iova=1x", "iova=0x",
		"iova=0x10000000000000000", "argsz=0x100000000", "flags=-1", "at=anon+",
		"at=anon+-1", "at=anon+0x10000000000000000", "at=nowhere", "at", "=1", "size=1=2",
	};
	static const char *const setups[] = {
		"sequence", "sequence \"a", "sequences \"a\"", "sequence\"a\"", "sequence v1 \"a\"",
		"sequence \"a\" v2", "sequence \"a\" entries=", "sequence \"a\" entries=1x",
		"sequence \"a\" entries=-1", "sequence \"a\" entries=0x100000000",
		"sequence \"0123456789012345678901234567890123456789012345678901234567890123\"",
	};
	static struct cf_sequence s;
	char text[160];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		snprintf(text, sizeof(text), "sequence \"a\"\nmap %s\n", values[i]);
		if (read_one(text, &s) != -1)
			fail_msg("taken: %s", values[i]);
	}
	for (size_t i = 0; i < sizeof(setups) / sizeof(*setups); i++)
		if (read_one(setups[i], &s) != -1)
			fail_msg("taken: %s", setups[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
