// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_markup.c - text stays text wherever it is put, and a picture begins at its root.
 */
#include "unit.h"

#include <errno.h>
#include <holdfast/markup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect_text(const char *text, const char *want)
{
	char got[512] = "";
	FILE *f = fmemopen(got, sizeof(got), "w");

	assert_non_null(f);
	hf_markup_text(f, text);
	fclose(f);
	assert_string_equal(got, want);
}

static void text(void **state)
{
	(void)state;
	expect_text("", "");
	expect_text("thp/2M, 100 % of it; it's /proc", "thp/2M, 100 % of it; it's /proc");
	expect_text("<b>&\"", "&lt;b&gt;&amp;&quot;");
	expect_text("&amp;", "&amp;amp;");
	expect_text("</td><script>", "&lt;/td&gt;&lt;script&gt;");
	expect_text("\" onload=\"x", "&quot; onload=&quot;x");
	expect_text("]]>", "]]&gt;");
	expect_text("caf\xc3\xa9 \xe2\x94\x80", "caf\xc3\xa9 \xe2\x94\x80");
}

static void control_characters(void **state)
{
	(void)state;
	for (char c = 1; c < ' '; c++) {
		const char in[] = { 'a', c, 'b', '\0' };

		expect_text(in, c == '\n' || c == '\t' ? in : "ab");
	}
	expect_text("\033[31m<", "[31m&lt;");
	expect_text("<\x01script>", "&lt;script&gt;");
	/* DEL and the bytes above it are not of those. */
	expect_text("\x7f\x80\xff", "\x7f\x80\xff");
}

/* What becomes of a file with @in in it; @want NULL: nothing, and -ENODATA. */
static void expect_svg(const char *in, const char *want)
{
	char path[] = "/tmp/holdfast-unit-XXXXXX", *got = NULL;
	const int fd = mkstemp(path);
	size_t size;
	FILE *f;
	int ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, in, strlen(in)), strlen(in));
	close(fd);
	f = open_memstream(&got, &size);
	assert_non_null(f);
	ret = hf_markup_svg(f, path);
	fclose(f);
	unlink(path);
	assert_int_equal(ret, want ? 0 : -ENODATA);
	assert_string_equal(got, want ? want : "");
	free(got);
}

static void svg(void **state)
{
	(void)state;
	expect_svg("<svg/>\n", "<svg/>\n");
	expect_svg("<?xml version=\"1.0\"?>\n<svg width=\"1\">\n<g/>\n</svg>\n",
		   "<svg width=\"1\">\n<g/>\n</svg>\n");
	expect_svg("<?xml version=\"1.0\"?>\n"
		   "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\"\n \"svg11.dtd\">\n"
		   "<!-- a picture -->\n<svg>\n</svg>",
		   "<svg>\n</svg>");
	/* On one line with its head. */
	expect_svg("<?xml version=\"1.0\"?><!DOCTYPE svg><svg>\n</svg>\n", "<svg>\n</svg>\n");
	/* Once begun it is copied as it is: it is the caller's own. */
	expect_svg("<svg>\n<script>x()</script>\n<svg>&amp;</svg></svg>\n<!-- end -->\n",
		   "<svg>\n<script>x()</script>\n<svg>&amp;</svg></svg>\n<!-- end -->\n");
	expect_svg("", NULL);
	expect_svg("<?xml version=\"1.0\"?>\n<html><script>x()</script></html>\n", NULL);
}

/* Renderers put all of a picture on one line. */
static void long_lines(void **state)
{
	char *in = malloc(100001), *want;

	(void)state;
	assert_non_null(in);
	for (size_t head = 8180; head < 8200; head++) {
		memset(in, ' ', 100000);
		memcpy(in + head, "<svg>", 5);
		memcpy(in + 90000, "</svg>", 6);
		in[100000] = '\0';
		want = strdup(in + head);
		assert_non_null(want);
		expect_svg(in, want);
		free(want);
	}
	free(in);
}

static void no_file(void **state)
{
	char got[16] = "";
	FILE *f = fmemopen(got, sizeof(got), "w");

	(void)state;
	assert_non_null(f);
	assert_int_equal(hf_markup_svg(f, NULL), -ENOENT);
	assert_int_equal(hf_markup_svg(f, "/tmp/holdfast-unit/there/is/none"), -ENOENT);
	assert_int_equal(hf_markup_svg(f, "/tmp"), -EISDIR);
	fclose(f);
	assert_string_equal(got, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),	      cmocka_unit_test(control_characters),
		cmocka_unit_test(svg),	      cmocka_unit_test(long_lines),
		cmocka_unit_test(no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
