// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_sign.c - what is the same finding, and what is another one?
 */
#include "unit.h"

#include "sign.h"

#include <string.h>

static void sign(char *out, const char *oracle, const char *operation, const char *text)
{
	const char *const parts[] = { oracle, operation, text };

	fz_sign_text(out, parts, 3);
}

static void texts(void **state)
{
	char a[FZ_SIGN], b[FZ_SIGN];

	(void)state;
	sign(a, "device", "map", "page 12 of IOVA 0x7f001000 holds tag 00ff13ab, not page17's");
	sign(b, "device", "map", "page 3 of IOVA 0x10 holds tag deadbeef00, not page2's");
	assert_string_equal(a, b);
	assert_non_null(strstr(a, "device-map-page-n-of-iova-n"));
	sign(b, "device", "unmap", "page 12 of IOVA 0x7f001000 holds tag 00ff13ab, not page17's");
	assert_string_not_equal(a, b);
	sign(b, "cpu", "map", "page 12 of IOVA 0x7f001000 holds tag 00ff13ab, not page17's");
	assert_string_not_equal(a, b);
	/* Words that happen to be hexadecimal digits are words. */
	sign(a, "cpu", "add", "bad face");
	sign(b, "cpu", "dad", "bad face");
	assert_string_not_equal(a, b);
}

/* What no longer fits the text still counts. */
static void long_texts(void **state)
{
	char long_a[1000], long_b[1000], a[FZ_SIGN], b[FZ_SIGN];

	(void)state;
	memset(long_a, 'x', sizeof(long_a));
	for (size_t i = 7; i < sizeof(long_a); i += 8)
		long_a[i] = ' ';
	long_a[sizeof(long_a) - 1] = '\0';
	strcpy(long_b, long_a);
	memcpy(long_b + 900, "y", 1);
	sign(a, "cpu", "read", long_a);
	sign(b, "cpu", "read", long_b);
	assert_true(strlen(a) < FZ_SIGN);
	assert_string_not_equal(a, b);
	sign(a, "", "", "");
	assert_true(strlen(a) > 0);
}

static void names(void **state)
{
	char a[FZ_SIGN], b[FZ_SIGN];

	(void)state;
	fz_sign_name(a, "device-map-stale");
	assert_string_equal(a, "device-map-stale");
	/* Nothing may leave the store's folder. */
	fz_sign_name(a, "../../etc/passwd");
	assert_null(strchr(a, '/'));
	assert_int_not_equal(a[0], '.');
	fz_sign_name(a, "device/../../../etc");
	assert_null(strchr(a, '/'));
	fz_sign_name(a, "log: WARNING at file.c:12");
	fz_sign_name(b, "log: WARNING at file.c:99");
	assert_string_equal(a, b);
	fz_sign_name(a, "");
	assert_true(strlen(a) > 0);
}

static bool sign_log(const char *log, const char *title, struct fz_report *r)
{
	FILE *f = fmemopen((void *)log, strlen(log), "r");
	bool found;

	assert_non_null(f);
	found = fz_sign_log(f, title, r);
	fclose(f);
	return found;
}

#define KASAN(time, address, pid, offset)                                                          \
	"[    1.000000] Linux version 6.1\r\n"                                                     \
	"[" time "] ==================================================================\r\n"        \
	"[" time "] BUG: KASAN: slab-use-after-free in hf_mapping_put+" offset "/0x1a0 [m]\r\n"     \
	"[" time "] Read of size 8 at addr " address " by task player/" pid "\r\n"                 \
	"[" time "] CPU: 1 PID: " pid " Comm: player Tainted: G           O\r\n"                   \
	"[" time "] Call Trace:\r\n"                                                               \
	"[" time "]  <TASK>\r\n"                                                                   \
	"[" time "]  dump_stack_lvl+0x34/0x48\r\n"                                                 \
	"[" time "]  print_report+0x170/0x4a0\r\n"                                                 \
	"[" time "]  kasan_report+0xc7/0x100\r\n"                                                  \
	"[" time "]  ? hf_mapping_put+" offset "/0x1a0 [m]\r\n"                                    \
	"[" time "]  hf_mapping_put+" offset "/0x1a0 [m]\r\n"                                      \
	"[" time "]  hf_unmap.isra.0+0x123/0x456 [m]\r\n"                                          \
	"[" time "]  hf_ioctl+0x11/0x22 [m]\r\n"                                                   \
	"[" time "]  __x64_sys_ioctl+0x11/0x22\r\n"                                                \
	"[" time "]  </TASK>\r\n"

static void reports(void **state)
{
	struct fz_report a, b;

	(void)state;
	assert_true(sign_log(KASAN("    2.345678", "ffff888101234567", "123", "0x45"), NULL, &a));
	assert_true(sign_log(KASAN("   99.000001", "ffff888107654321", "4567", "0x99"), NULL, &b));
	assert_string_equal(a.signature, b.signature);
	assert_int_equal(a.line, 3);
	assert_int_equal(a.count, 3);
	assert_string_equal(a.functions[0], "hf_mapping_put");
	assert_string_equal(a.functions[1], "hf_unmap");
	assert_string_equal(a.functions[2], "hf_ioctl");
	assert_int_equal(strncmp(a.title, "BUG: KASAN: slab-use-after-free", 31), 0);
}

static void warnings(void **state)
{
	struct fz_report a, b;

	(void)state;
	assert_true(sign_log("[    5.1][  T99] WARNING: CPU: 0 PID: 12 at /x/mapping.c:77 hf_a+0x1/0x2 [m]\n"
			     "[    5.1][  T99] Call Trace:\n[    5.1][  T99]  hf_a+0x1/0x2 [m]\n",
			     NULL, &a));
	assert_true(sign_log("[   15.1][   T9] WARNING: CPU: 1 PID: 9 at /x/mapping.c:79 hf_a+0x3/0x4 [m]\n"
			     "[   15.1][   T9] Call Trace:\n[   15.1][   T9]  hf_a+0x3/0x4 [m]\n",
			     NULL, &b));
	assert_string_equal(a.signature, b.signature);
	assert_true(sign_log("[   15.1][   T9] WARNING: CPU: 1 PID: 9 at /x/mapping.c:79 hf_b+0x3/0x4 [m]\n",
			     NULL, &b));
	assert_string_not_equal(a.signature, b.signature);
	assert_true(sign_log("BUG: Bad page state in process play  pfn:18a240\n", NULL, &a));
	assert_true(sign_log("BUG: Bad page state in process play  pfn:182184\n", NULL, &b));
	assert_string_equal(a.signature, b.signature);
	assert_true(sign_log("INFO: task player:123 blocked for more than 300 seconds.\n", NULL, &a));
	assert_true(sign_log("INFO: task other:77 blocked for more than 300 seconds.\n", NULL, &b));
	assert_string_equal(a.signature, b.signature);
}

/* The first report counts, not the panic it leads to; unless the caller knows better. */
static void first(void **state)
{
	static const char log[] = "[1.0] all is well\n[2.0] BUG: Bad page state in process x  pfn:123\n"
				  "[3.0] Kernel panic - not syncing: Fatal exception\n";
	struct fz_report r;

	(void)state;
	assert_true(sign_log(log, NULL, &r));
	assert_non_null(strstr(r.title, "Bad page state"));
	assert_true(sign_log(log, "Kernel panic", &r));
	assert_int_equal(r.line, 3);
	assert_false(sign_log(log, "no such line", &r));
	assert_false(sign_log("[1.0] all is well\n", NULL, &r));
	assert_false(sign_log("\n", NULL, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),   cmocka_unit_test(long_texts), cmocka_unit_test(names),
		cmocka_unit_test(reports), cmocka_unit_test(warnings),	 cmocka_unit_test(first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
