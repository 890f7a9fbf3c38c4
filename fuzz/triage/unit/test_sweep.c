// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_sweep.c - what guests have left is filed, once; what cannot be filed is not lost.
 */
#include "unit.h"

#include "store.h"
#include "sweep.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERDICT "share/found/g1/17-2/verdict-5.txt"
#define INPUT "share/found/g1/17-2/verdict-5.input"
#define LOG "share/found/g1/17-2/verdict-5.log"
#define CRASH "share/sync/g1/crashes/id:000000,sig:06"

static char top[] = "/tmp/hf-sweep-XXXXXX";
static unsigned int said;
static char signature[FZ_SIGN], origin[64];

static void hear(const char *s, unsigned int count, const char *oracle, const char *from)
{
	(void)count;
	(void)oracle;
	snprintf(signature, sizeof(signature), "%s", s);
	snprintf(origin, sizeof(origin), "%s", from);
	said++;
}

static const char *in_top(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static bool there(const char *name)
{
	return !access(in_top(name), F_OK);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(in_top(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int sweep(void)
{
	char store[PATH_MAX];

	said = 0;
	snprintf(store, sizeof(store), "%s", in_top("findings"));
	return fz_sweep(top, store, 0, NULL, hear);
}

static int set_up(void **state)
{
	static const char *const folders[] = {
		"share", "share/found", "share/found/g1", "share/found/g1/17-2", "share/sync",
		"share/sync/g1", "share/sync/g1/crashes",
	};

	(void)state;
	if (!mkdtemp(top))
		return -1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdir(in_top(folders[i]), 0777))
			return -1;
	return 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* A file where the folder of findings should be is in root's way, too. */
static void nothing_is_lost(void **state)
{
	(void)state;
	put(VERDICT, "step: 1\noperation: map\noracle: answer\nsignature: answer-map\ntext: no\n");
	put(INPUT, "HF\1");
	put(CRASH, "HF\1another");
	put("findings", "");
	for (int i = 0; i < 2; i++) {
		assert_true(sweep() < 0);
		assert_int_equal(said, 0);
		assert_true(there(VERDICT));
		assert_true(there(INPUT));
	}
	assert_int_equal(unlink(in_top("findings")), 0);
	assert_int_equal(sweep(), 0);
	assert_int_equal(said, 2);
	assert_string_equal(signature, "crash");
	assert_string_equal(origin, "g1");
	assert_true(there("findings/answer-map/input"));
	assert_true(there("findings/answer-map/input.txt"));
	assert_true(there("findings/crash/input"));
	assert_false(there(VERDICT));
	assert_false(there(INPUT));
}

/* AFL++'s files stay, and those that have a verdict are in both places. */
static void filed_once(void **state)
{
	(void)state;
	assert_int_equal(sweep(), 0);
	assert_int_equal(said, 0);
	put(VERDICT, "oracle: answer\nsignature: answer-map\ntext: no\n");
	put(INPUT, "HF\1third");
	put("share/sync/g1/crashes/id:000001,sig:06", "HF\1third");
	assert_int_equal(sweep(), 0);
	assert_int_equal(said, 1);
	assert_string_equal(signature, "answer-map");
	assert_string_equal(origin, "g1/17-2");
}

#define REPORT(line, function)                                                               \
	"[   12.000001] runc invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0\n"      \
	"[   12.000002] Call Trace:\n"                                                        \
	"[   12.000003]  announced+0x1/0x2\n"                                                 \
	"[   12.000004] " line "\n"                                                           \
	"[   12.000005] Call Trace:\n"                                                        \
	"[   12.000006]  " function "+0x51/0x91\n"

static void complain(const char *line, const char *report)
{
	char verdict[256];

	snprintf(verdict, sizeof(verdict), "oracle: log\noperation: end\nsignature: end-surprise\ntext: %s\n",
		 line);
	put(LOG, report);
	put(INPUT, line);
	put(VERDICT, verdict);
	assert_int_equal(sweep(), 0);
	assert_int_equal(said, 1);
	assert_false(there(LOG));
}

#define ONE "WARNING: CPU: 1 PID: 7784 at drivers/iommu/one.c:1884 one_map+0x51/0x91"
#define AGAIN "WARNING: CPU: 0 PID: 12 at drivers/iommu/one.c:1884 one_map+0x51/0x91"
#define TWO "WARNING: CPU: 0 PID: 12 at drivers/iommu/two.c:7 two_map+0x51/0x91"

/* What the kernel complains about is known by its whole report, not by who has read it. */
static void complaints_differ(void **state)
{
	char first[sizeof(signature)], log[sizeof(signature) + 32];

	(void)state;
	complain(ONE, REPORT(ONE, "one_caller"));
	snprintf(first, sizeof(first), "%s", signature);
	assert_non_null(strstr(first, "one_map"));
	snprintf(log, sizeof(log), "findings/%s/kernel.log", first);
	assert_true(there(log));
	complain(AGAIN, REPORT(AGAIN, "one_caller"));
	assert_string_equal(signature, first);
	complain(ONE, REPORT(ONE, "another_caller"));
	assert_string_not_equal(signature, first);
	complain(TWO, REPORT(TWO, "one_caller"));
	assert_string_not_equal(signature, first);
	/* One who has not read it. */
	complain(ONE, "");
	assert_string_equal(signature, "end-surprise");
}

/* Nor what says nothing. */
static void nonsense_stays(void **state)
{
	(void)state;
	put(VERDICT, "nothing\n");
	assert_true(sweep() < 0);
	assert_true(there(VERDICT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(filed_once),
		cmocka_unit_test(complaints_differ),
		cmocka_unit_test(nonsense_stays),
	};

	return cmocka_run_group_tests_name("fuzz sweep", tests, set_up, tear_down);
}
