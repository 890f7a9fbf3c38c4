// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_report.c - a run written as JSON and read back, and the forms it is shown in.
 */
#include "html.h"
#include "plot.h"
#include "table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A directory of its own for each test. */
struct scratch {
	char dir[64];
	char json[96];
};

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	strcpy(s->dir, "/tmp/holdfast-unit-XXXXXX");
	if (!mkdtemp(s->dir)) {
		free(s);
		return -1;
	}
	snprintf(s->json, sizeof(s->json), "%s/run.json", s->dir);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;

	unlink(s->json);
	rmdir(s->dir);
	free(s);
	return 0;
}

/* A faster case, a slower one, one skipped, one failed. */
static void sample(struct bench_run *run)
{
	struct bench_result *r = calloc(4, sizeof(*r));

	assert_non_null(r);
	*run = (struct bench_run){ .mode = BENCH_COUNT, .overhead = 3, .results = r, .count = 4 };
	run->guest = json_object_new_object();
	json_object_object_add(run->guest, "kernel", json_object_new_string("6.1.0-test"));
	json_object_object_add(run->guest, "iommu", json_object_new_string("intel"));

	r[0].what = (struct bench_case){ .name = "thp/64M/never-faulted", .kind = "thp",
					 .size = 64 << 20, .maps = 1,
					 .state = BENCH_NEVER_FAULTED };
	r[0].runs = 5;
	bench_series_add(&r[0].ops[BENCH_MAP][BENCH_STOCK], 16384 * 600);
	bench_series_add(&r[0].ops[BENCH_MAP][BENCH_HOLDFAST], 16384 * 20);
	bench_series_add(&r[0].ops[BENCH_UNMAP][BENCH_STOCK], 16384 * 300);
	bench_series_add(&r[0].ops[BENCH_UNMAP][BENCH_HOLDFAST], 8192);
	bench_series_add(&r[0].touch, 16384 * 1000);

	r[1].what = (struct bench_case){ .name = "anon4k/4K/prefaulted", .kind = "anon4k",
					 .size = 4096, .maps = 1 };
	bench_series_add(&r[1].ops[BENCH_MAP][BENCH_STOCK], 4000);
	bench_series_add(&r[1].ops[BENCH_MAP][BENCH_STOCK], 5000);
	bench_series_add(&r[1].ops[BENCH_MAP][BENCH_HOLDFAST], 8000);

	r[2].what = (struct bench_case){ .name = "hugetlb1g/1G/prefaulted", .kind = "hugetlb1g",
					 .size = 1 << 30, .maps = 1 };
	r[2].status = BENCH_SKIPPED;
	strcpy(r[2].reason, "cannot allocate: <none> & \"so\"");

	r[3].what = (struct bench_case){ .name = "file/2M/prefaulted", .kind = "file",
					 .size = 2 << 20, .maps = 1 };
	r[3].status = BENCH_FAILED;
	strcpy(r[3].reason, "holdfast: map: Bad address");
}

/* What a function prints, as a string to free(). */
static char *printed(void (*print)(FILE *, const struct bench_run *), const struct bench_run *run)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	print(f, run);
	fclose(f);
	return text;
}

static void as_text(FILE *f, const struct bench_run *run)
{
	bench_table_text(f, run, false);
}

static void as_colour(FILE *f, const struct bench_run *run)
{
	bench_table_text(f, run, true);
}

static void as_markdown(FILE *f, const struct bench_run *run)
{
	bench_table_markdown(f, run, 1, NULL);
}

static void as_plot(FILE *f, const struct bench_run *run)
{
	assert_int_equal(bench_plot_gnuplot(f, run, "out.svg"), 0);
}

/* Neither a skipped nor a failed case can be drawn. */
static void as_empty_plot(FILE *f, const struct bench_run *run)
{
	const struct bench_run empty = { .results = run->results + 2, .count = 2 };

	assert_int_equal(bench_plot_gnuplot(f, &empty, "out.svg"), -ENODATA);
}

static void as_html(FILE *f, const struct bench_run *run)
{
	const char *svg = NULL;

	bench_html(f, run, &svg, 1);
}

static void test_derived(void **state)
{
	struct bench_run run;

	(void)state;
	sample(&run);
	assert_true(bench_result_per_page(&run.results[0], BENCH_MAP, BENCH_STOCK) == 600.0);
	assert_true(bench_result_per_page(&run.results[0], BENCH_UNMAP, BENCH_HOLDFAST) == 0.5);
	assert_true(bench_result_per_page(&run.results[0], BENCH_NULL, BENCH_STOCK) < 0);
	assert_true(bench_result_gain(&run.results[0], BENCH_MAP) == 30.0);
	assert_true(bench_result_gain(&run.results[1], BENCH_MAP) == 0.5);
	assert_true(bench_result_gain(&run.results[1], BENCH_UNMAP) < 0);
	assert_false(bench_result_loss(&run.results[0], BENCH_MAP, BENCH_COUNT));
	assert_true(bench_result_loss(&run.results[1], BENCH_MAP, BENCH_COUNT));
	assert_false(bench_result_loss(&run.results[1], BENCH_UNMAP, BENCH_COUNT));
	assert_true(bench_run_has(&run, BENCH_HOLDFAST));
	bench_run_free(&run);
}

/* What the floor of each operation is made of. */
static void test_floor(void **state)
{
	const struct scratch *s = *state;
	struct bench_run run, back;
	struct bench_result *r;
	char *text;

	sample(&run);
	r = &run.results[0];
	assert_false(bench_run_has_floors(&run));
	assert_true(bench_result_floor(r, BENCH_MAP) < 0);
	r->what.maps = 2;
	for (int part = 0; part < BENCH_PARTS; part++)
		bench_series_add(&r->parts[part], 1u << (4 * part));
	assert_true(bench_result_floor(r, BENCH_UNMAP) == 0x101002);
	assert_true(bench_result_floor(r, BENCH_UNMAP_ALL) == 0x110001);
	assert_true(bench_result_floor(r, BENCH_NULL) < 0);
	assert_true(bench_result_floor(r, BENCH_MAP) == 0x112 + 16384 * 1000);
	r->what.state = BENCH_PREFAULTED;
	assert_true(bench_result_floor(r, BENCH_MAP) == 0x112);
	assert_true(bench_result_over_floor(r, BENCH_MAP, BENCH_HOLDFAST) == 16384 * 20.0 / 0x112);
	assert_true(bench_result_over_floor(&run.results[1], BENCH_MAP, BENCH_HOLDFAST) < 0);
	assert_true(bench_run_has_floors(&run));

	strcpy(run.results[1].floor_reason, "no such memory");
	assert_int_equal(bench_run_write(&run, s->json), 0);
	assert_int_equal(bench_run_read(&back, s->json), 0);
	assert_memory_equal(back.results[0].parts, r->parts, sizeof(r->parts));
	assert_string_equal(back.results[1].floor_reason, "no such memory");
	bench_run_free(&back);

	text = printed(as_text, &run);
	assert_non_null(strstr(text, "x floor: holdfast / floor"));
	free(text);
	text = printed(as_markdown, &run);
	assert_non_null(strstr(text, "ratio | floor | x floor |\n|---|--:|---|---|--:|--:|--:|--:|--:|\n"));
	free(text);
	r->parts[BENCH_PART_PIN].count = 0;
	assert_true(bench_result_floor(r, BENCH_MAP) < 0);
	bench_run_free(&run);
}

/* What is beside the table: races, calls, memory. */
static void test_sections(void **state)
{
	static void (*const forms[])(FILE *, const struct bench_run *) = { as_text, as_html };
	const struct scratch *s = *state;
	struct bench_run run, back;
	struct bench_race *race;
	char *text;

	sample(&run);
	race = calloc(2, sizeof(*race));
	assert_non_null(race);
	strcpy(race[0].name, "concurrency/two-maps");
	strcpy(race[0].what, "both / one");
	race[0].target = 0.6;
	for (int i = 1; i <= 3; i++) {
		bench_series_add(&race[0].part[BENCH_HOLDFAST], 50 + i);
		bench_series_add(&race[0].whole[BENCH_HOLDFAST], 100);
		bench_series_add(&race[0].part[BENCH_STOCK], 100);
		bench_series_add(&race[0].whole[BENCH_STOCK], 100);
	}
	strcpy(race[1].name, "concurrency/other");
	race[1].status = BENCH_SKIPPED;
	strcpy(race[1].reason, "no such parameter");
	run.races = race;
	run.nr_races = 2;
	run.results[0].memory[BENCH_HOLDFAST] =
		(struct bench_memory){ .known = true, .slab = 224, .all = 300 };
	run.results[0].calls[BENCH_UNMAP][BENCH_HOLDFAST] =
		(struct bench_calls){ .known = true, .count = { 0, 7, 3 } };
	strcpy(run.flush_symbol, "flush_it");

	assert_true(bench_race_ratio(&race[0], BENCH_HOLDFAST) == 0.52);
	assert_true(bench_race_ratio(&race[1], BENCH_HOLDFAST) < 0);
	assert_int_equal(bench_run_write(&run, s->json), 0);
	assert_int_equal(bench_run_read(&back, s->json), 0);
	assert_memory_equal(back.results[0].calls, run.results[0].calls,
			    sizeof(run.results[0].calls));
	assert_memory_equal(back.results[0].memory, run.results[0].memory,
			    sizeof(run.results[0].memory));
	assert_int_equal(back.nr_races, 2);
	assert_true(bench_race_ratio(&back.races[0], BENCH_STOCK) == 1.0);

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		text = printed(forms[i], &back);
		assert_non_null(strstr(text, "0.520"));
		assert_non_null(strstr(text, "met"));
		assert_non_null(strstr(text, "no such parameter"));
		assert_non_null(strstr(text, "224 / 300"));
		assert_non_null(strstr(text, "0 / 7 / 3"));
		assert_non_null(strstr(text, "flush_it"));
		free(text);
	}
	text = printed(as_markdown, &back);
	assert_non_null(strstr(text, "| concurrency/two-maps: both / one | 0.60 | 1.000 | 0.520 |"));
	free(text);
	bench_run_free(&run);
	bench_run_free(&back);
}

/* A difference within the noise is none. */
static void test_loss_threshold(void **state)
{
	struct bench_result r = { .what = { .maps = 1 } };

	(void)state;
	bench_series_add(&r.ops[BENCH_MAP][BENCH_STOCK], 1000);
	bench_series_add(&r.ops[BENCH_MAP][BENCH_HOLDFAST], 1003);
	assert_true(bench_result_loss(&r, BENCH_MAP, BENCH_COUNT));
	assert_false(bench_result_loss(&r, BENCH_MAP, BENCH_TIME));
	r.ops[BENCH_MAP][BENCH_HOLDFAST].values[0] = 1001;
	assert_false(bench_result_loss(&r, BENCH_MAP, BENCH_COUNT));
	r.ops[BENCH_MAP][BENCH_HOLDFAST].values[0] = 1100;
	assert_true(bench_result_loss(&r, BENCH_MAP, BENCH_TIME));
	memcpy(r.ops[BENCH_NULL], r.ops[BENCH_MAP], sizeof(r.ops[BENCH_NULL]));
	assert_false(bench_result_loss(&r, BENCH_NULL, BENCH_COUNT));
}

static void test_round_trip(void **state)
{
	const struct scratch *s = *state;
	struct bench_run run, back;
	char *before, *after;

	sample(&run);
	run.host = json_object_new_object();
	json_object_object_add(run.host, "profile", json_object_new_string("6.1"));
	assert_int_equal(bench_run_write(&run, s->json), 0);
	assert_int_equal(bench_run_read(&back, s->json), 0);

	assert_int_equal(back.count, run.count);
	assert_int_equal(back.mode, run.mode);
	assert_int_equal(back.overhead, run.overhead);
	assert_string_equal(bench_run_text(&back, "profile"), "6.1");
	assert_string_equal(bench_run_text(&back, "kernel"), "6.1.0-test");
	assert_string_equal(bench_run_text(&back, "no such key"), "");
	assert_int_equal(back.results[0].runs, 5);
	assert_memory_equal(&back.results[1].ops, &run.results[1].ops, sizeof(run.results[1].ops));
	assert_int_equal(back.results[2].status, BENCH_SKIPPED);
	assert_string_equal(back.results[3].reason, run.results[3].reason);

	before = printed(as_text, &run);
	after = printed(as_text, &back);
	assert_string_equal(before, after);
	free(before);
	free(after);
	bench_run_free(&run);
	bench_run_free(&back);
}

static void test_foreign_files(void **state)
{
	static const char *const texts[] = {
		"",
		"not json",
		"[]",
		"{}",
		"{\"schema\":\"holdfast-bench\",\"version\":1}",
		"{\"schema\":\"other\",\"version\":1,\"mode\":\"count\",\"clock_overhead\":0,\"cases\":[]}",
		"{\"schema\":\"holdfast-bench\",\"version\":2,\"mode\":\"count\",\"clock_overhead\":0,"
		"\"cases\":[]}",
		"{\"schema\":\"holdfast-bench\",\"version\":1,\"mode\":\"count\",\"clock_overhead\":0,"
		"\"cases\":[{}]}",
		"{\"schema\":\"holdfast-bench\",\"version\":1,\"mode\":\"count\",\"clock_overhead\":0,"
		"\"cases\":{\"a\":1}}",
	};
	const struct scratch *s = *state;
	struct bench_run run;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		FILE *f = fopen(s->json, "w");

		assert_non_null(f);
		fputs(texts[i], f);
		fclose(f);
		assert_int_equal(bench_run_read(&run, s->json), -EPROTO);
	}
	unlink(s->json);
	assert_int_equal(bench_run_read(&run, s->json), -ENOENT);
}

#define RUN_BEGIN "{\"schema\":\"holdfast-bench\",\"version\":1,\"mode\":\"count\",\"clock_overhead\":0,"
#define SERIES "{\"samples\":[18446744073709551615]}"
#define CASE(name, kind, maps, more)                                                       \
	"\"cases\":[{\"name\":\"" name "\",\"kind\":\"" kind "\",\"size\":4096,\"maps\":" maps \
	",\"state\":\"prefaulted\",\"status\":\"measured\"," more "\"ops\":{\"map\":{\"stock\":"    \
	SERIES ",\"holdfast\":" SERIES "}}}]"

static int read_text(const char *text, struct bench_run *run)
{
	json_object *o = json_tokener_parse(text);
	const int ret = bench_run_from_json(o, run);

	assert_non_null(o);
	json_object_put(o);
	return ret;
}

/* What would be a part of a program, of a page, or no JSON any more, when it is written. */
static void test_hostile_values(void **state)
{
	static const char *const texts[] = {
		RUN_BEGIN CASE("x", "", "1", "") "}",
		RUN_BEGIN CASE("x", "a\\nEND\\nsystem(1)", "1", "") "}",
		RUN_BEGIN CASE("x", "a`b`", "1", "") "}",
		RUN_BEGIN CASE("<b>", "thp", "1", "") "}",
		RUN_BEGIN CASE("x", "thp", "0",
			       "\"memory\":{\"stock\":{\"slab\":1,\"all\":2}},") "}",
		RUN_BEGIN CASE("x", "thp", "1",
			       "\"memory\":{\"stock\":{\"slab\":null,\"all\":2}},") "}",
		RUN_BEGIN "\"cases\":[],\"concurrency\":[{\"name\":\"x\",\"what\":\"\",\"target\":NaN,"
		"\"status\":\"measured\",\"backends\":{}}]}",
	};
	struct bench_run run;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (read_text(texts[i], &run) != -EPROTO)
			fail_msg("taken: %s", texts[i]);
}

/* Numbers of 64 bits, members that are null, and text that others would carry out. */
static void test_odd_values(void **state)
{
	struct bench_run run;
	char *text;

	(void)state;
	assert_int_equal(read_text(RUN_BEGIN CASE("x", "thp", "1", "") ",\"host\":{\"kernel\":null,"
				   "\"<x\":null},\"guest\":\"<x\",\"concurrency\":[{\"name\":\"x\","
				   "\"what\":\"\",\"target\":1,\"status\":\"measured\",\"backends\":"
				   "{\"stock\":{\"part\":" SERIES ",\"whole\":{\"samples\":[1]}}}}]}", &run), 0);
	assert_string_equal(bench_run_text(&run, "kernel"), "");
	assert_true(bench_race_ratio(&run.races[0], BENCH_STOCK) > 1e13);
	text = printed(as_text, &run);
	assert_non_null(strstr(text, "1.84e+19"));
	free(text);
	text = printed(as_html, &run);
	assert_null(strstr(text, "<x"));
	free(text);
	bench_run_free(&run);

	assert_int_equal(read_text(RUN_BEGIN CASE("x", "thp", "1", "") ",\"guest\":{\"kernel\":"
				   "\"`a`\\n'\\\"<x\",\"iommu\":\"\"}}", &run), 0);
	text = printed(as_plot, &run);
	assert_non_null(strstr(text, "set multiplot title 'Linux `a` ''\"<x,  IOMMU"));
	free(text);
	text = printed(as_html, &run);
	assert_null(strstr(text, "<x"));
	free(text);
	bench_run_free(&run);
}

static void test_text_table(void **state)
{
	struct bench_run run;
	char *text;

	(void)state;
	sample(&run);
	text = printed(as_text, &run);
	assert_non_null(strstr(text, "Linux 6.1.0-test, intel IOMMU: instructions per 4K page"));
	assert_non_null(strstr(text, "30.0x"));
	assert_non_null(strstr(text, "0.500"));
	assert_non_null(strstr(text, "(touch)"));
	assert_non_null(strstr(text, "0.50x           -         - *\n"));
	assert_non_null(strstr(text, "Dearer than stock: anon4k/4K/prefaulted map (0.50x)"));
	assert_non_null(strstr(text, "hugetlb1g/1G/prefaulted: cannot allocate"));
	assert_non_null(strstr(text, "FAILED:\n  file/2M/prefaulted: holdfast: map: Bad address"));
	assert_null(strchr(text, '\033'));
	free(text);

	text = printed(as_colour, &run);
	assert_non_null(strstr(text, "\033[32m"));
	assert_non_null(strstr(text, "\033[31m"));
	free(text);
	bench_run_free(&run);
}

static void test_stock_only(void **state)
{
	struct bench_run run;
	char *text;

	(void)state;
	sample(&run);
	for (size_t i = 0; i < run.count; i++)
		for (int op = 0; op < BENCH_OPS; op++)
			run.results[i].ops[op][BENCH_HOLDFAST].count = 0;
	assert_false(bench_run_has(&run, BENCH_HOLDFAST));
	text = printed(as_text, &run);
	assert_non_null(strstr(text, "Stock only"));
	assert_null(strstr(text, "at or below"));
	free(text);
	bench_run_free(&run);
}

static void test_markdown(void **state)
{
	struct bench_run run;
	char *text;

	(void)state;
	sample(&run);
	text = printed(as_markdown, &run);
	assert_non_null(strstr(text, "| backing | size | state | op | 6.1.0-test stock |"));
	assert_non_null(strstr(text, "| thp | 64M | never-faulted | map | 600 | 20.0 | 30.0x |\n"));
	assert_null(strstr(text, "hugetlb1g"));
	free(text);
	bench_run_free(&run);
}

static void test_plot(void **state)
{
	struct bench_run run;
	char *text;

	(void)state;
	sample(&run);
	text = printed(as_plot, &run);
	assert_non_null(strstr(text, "set output 'out.svg'"));
	assert_non_null(strstr(text, "\"thp 64M unfaulted\" 600 20 600 \"30.0x\""));
	assert_null(strstr(text, "hugetlb1g"));
	free(text);

	free(printed(as_empty_plot, &run));
	bench_run_free(&run);
}

static void test_html(void **state)
{
	struct bench_run run;
	char *text;

	(void)state;
	sample(&run);
	text = printed(as_html, &run);
	assert_non_null(strstr(text, "<!DOCTYPE html>"));
	assert_non_null(strstr(text, "cannot allocate: &lt;none&gt; &amp; &quot;so&quot;"));
	assert_non_null(strstr(text, "class=\"n bad\">0.50x*"));
	assert_null(strstr(text, "http://"));
	free(text);
	bench_run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derived),
		cmocka_unit_test_setup_teardown(test_floor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sections, setup, teardown),
		cmocka_unit_test(test_loss_threshold),
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_files, setup, teardown),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_odd_values),
		cmocka_unit_test(test_text_table),
		cmocka_unit_test(test_stock_only),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_plot),
		cmocka_unit_test(test_html),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
