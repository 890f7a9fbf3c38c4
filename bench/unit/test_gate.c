// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_gate.c - budgets and targets held against runs made up here.
 */
#include "gate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const file_text =
	"{\"schema\":\"holdfast-budgets\",\"version\":1,\"slack_percent\":1,"
	"\"run_allowance\":{\"map\":1638.4},\"cases\":[\"thp/64M/prefaulted\",\"hugetlb1g/1G/prefaulted\"],"
	"\"subset\":[\"thp/64M/prefaulted\"],"
	"\"targets\":["
	"{\"profile\":\"6.1\",\"case\":\"thp/64M/prefaulted\",\"op\":\"map\",\"per_page\":3},"
	"{\"profile\":\"7.2\",\"case\":\"thp/64M/prefaulted\",\"op\":\"map\",\"per_page\":1},"
	"{\"case\":\"thp/64M/prefaulted\",\"op\":\"unmap\",\"whole\":16000},"
	"{\"case\":\"thp/64M/prefaulted\",\"op\":\"map\",\"times_stock\":0.1}],"
	"\"profiles\":{}}";

static json_object *budgets(void)
{
	json_object *o = json_tokener_parse(file_text);

	assert_non_null(o);
	return o;
}

#define PAGES 16384UL

/* One case: stock maps at 100 a page, holdfast unmaps at 1. */
static void sample(struct bench_run *run, uint64_t map, uint64_t runs)
{
	struct bench_result *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	*run = (struct bench_run){ .mode = BENCH_COUNT, .results = r, .count = 1 };
	run->guest = json_object_new_object();
	json_object_object_add(run->guest, "kernel", json_object_new_string("6.1.0-test"));
	r->what = (struct bench_case){ .name = "thp/64M/prefaulted", .kind = "thp",
				       .size = 64 << 20, .maps = 1 };
	r->runs = runs;
	bench_series_add(&r->ops[BENCH_MAP][BENCH_STOCK], 100 * PAGES);
	bench_series_add(&r->ops[BENCH_MAP][BENCH_HOLDFAST], map);
	bench_series_add(&r->ops[BENCH_UNMAP][BENCH_HOLDFAST], PAGES);
	/* The dearer repetition does not count. */
	bench_series_add(&r->ops[BENCH_MAP][BENCH_HOLDFAST], 2 * map);
}

/* Check a run against what another recorded; what was said is to be freed. */
static char *check(const struct bench_run *recorded, const struct bench_run *run, bool subset,
		   struct gate_counts *counts)
{
	json_object *o = budgets();
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	if (recorded)
		assert_true(gate_record(o, "6.1", recorded) >= 0);
	*counts = (struct gate_counts){ 0 };
	assert_int_equal(gate_check(f, o, "6.1", subset, run, counts), 0);
	fclose(f);
	json_object_put(o);
	return text;
}

static void expect(uint64_t map, uint64_t runs, unsigned int failed, unsigned int better,
		   const char *says)
{
	struct bench_run recorded, run;
	struct gate_counts counts;
	char *text;

	sample(&recorded, 2 * PAGES, 10);
	sample(&run, map, runs);
	text = check(&recorded, &run, true, &counts);
	assert_int_equal(counts.failed, failed);
	assert_int_equal(counts.passed, 2 - failed);
	assert_int_equal(counts.better, better);
	if (says && !strstr(text, says))
		fail_msg("\"%s\" is not in: %s", says, text);
	if (!says)
		assert_null(strstr(text, "--record"));
	free(text);
	bench_run_free(&recorded);
	bench_run_free(&run);
}

static void test_slack(void **state)
{
	(void)state;
	expect(2 * PAGES, 10, 0, 0, NULL);
	expect(PAGES * 201 / 100, 10, 0, 0, NULL);
	expect(PAGES * 204 / 100, 10, 1, 0,
	       "FAILED 6.1 thp/64M/prefaulted map: budget 2 instructions per page, measured 2.0");
	expect(PAGES * 204 / 100, 10, 1, 0, "2.0 % over");
	expect(PAGES * 204 / 100, 10, 1, 0, "scripts/bench-gate --profile 6.1 --record");
	expect(PAGES * 150 / 100, 10, 0, 1, "25.0 % under");
}

/* Memory in more pieces raises what is allowed, by 0.1 a piece; in fewer it lowers it by half. */
static void test_more_runs(void **state)
{
	(void)state;
	expect(PAGES * 220 / 100, 12, 0, 0, NULL);
	expect(PAGES * 230 / 100, 12, 1, 0, "(2 recorded; memory in 12 runs, was 10)");
	expect(PAGES * 175 / 100, 5, 0, 0, NULL);
	expect(PAGES * 200 / 100, 5, 1, 0, "(2 recorded; memory in 5 runs, was 10)");
	/* Cheaper only because the memory is better is no gain. */
	expect(PAGES * 160 / 100, 5, 0, 0, NULL);
	expect(PAGES * 140 / 100, 5, 0, 1, "30.0 % under");
}

/* As many runs at other places: 5 % here; one run, or every page its own, has none. */
static void test_other_places(void **state)
{
	static const struct {
		uint64_t runs;
		unsigned int failed;
	} rows[] = { { 10, 0 }, { 1, 1 }, { PAGES, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_object *o = budgets(), *allowance = json_object_new_object();
		struct gate_counts counts = { 0 };
		struct bench_run recorded, run;
		char *text = NULL;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		assert_non_null(f);
		sample(&recorded, 2 * PAGES, rows[i].runs);
		sample(&run, PAGES * 209 / 100, rows[i].runs);
		json_object_object_add(allowance, "map", json_object_new_double(163.84));
		json_object_object_add(o, "place_allowance", allowance);
		assert_true(gate_record(o, "6.1", &recorded) >= 0);
		assert_int_equal(gate_check(f, o, "6.1", true, &run, &counts), 0);
		fclose(f);
		assert_int_equal(counts.failed, rows[i].failed);
		free(text);
		json_object_put(o);
		bench_run_free(&recorded);
		bench_run_free(&run);
	}
}

/* Faults that cost stock more may cost holdfast as much more. */
static void test_dearer_faults(void **state)
{
	struct bench_run recorded, run;
	struct gate_counts counts;
	char *text;

	(void)state;
	sample(&recorded, 2 * PAGES, 10);
	sample(&run, 3 * PAGES, 20);
	recorded.results[0].what.state = BENCH_NEVER_FAULTED;
	run.results[0].what.state = BENCH_NEVER_FAULTED;
	run.results[0].ops[BENCH_MAP][BENCH_STOCK].values[0] = 150 * PAGES;
	free(check(&recorded, &run, true, &counts));
	assert_int_equal(counts.failed, 0);
	/* The unmap has no budget there. */
	assert_int_equal(counts.passed, 1);
	run.results[0].ops[BENCH_MAP][BENCH_STOCK].values[0] = 140 * PAGES;
	text = check(&recorded, &run, true, &counts);
	assert_int_equal(counts.failed, 1);
	assert_non_null(strstr(text, "(2 recorded; stock costs 140, was 100)"));
	free(text);
	bench_run_free(&recorded);
	bench_run_free(&run);
}

static void test_missing(void **state)
{
	struct bench_run recorded, run;
	struct gate_counts counts;
	char *text;

	(void)state;
	sample(&recorded, 2 * PAGES, 10);
	sample(&run, 2 * PAGES, 10);

	text = check(NULL, &run, true, &counts);
	assert_int_equal(counts.failed, 2);
	assert_non_null(strstr(text, "map: has no budget"));
	free(text);

	text = check(&recorded, &run, false, &counts);
	assert_int_equal(counts.failed, 1);
	assert_non_null(strstr(text, "FAILED 6.1 hugetlb1g/1G/prefaulted: not in the run"));
	free(text);

	run.results[0].ops[BENCH_MAP][BENCH_HOLDFAST].count = 0;
	text = check(&recorded, &run, true, &counts);
	assert_int_equal(counts.failed, 1);
	assert_non_null(strstr(text, "was not measured"));
	free(text);

	run.results[0].status = BENCH_SKIPPED;
	strcpy(run.results[0].reason, "no memory");
	text = check(&recorded, &run, true, &counts);
	assert_int_equal(counts.failed, 0);
	assert_int_equal(counts.skipped, 1);
	free(text);

	run.results[0].status = BENCH_FAILED;
	text = check(&recorded, &run, true, &counts);
	assert_int_equal(counts.failed, 1);
	free(text);
	bench_run_free(&recorded);
	bench_run_free(&run);
}

static void test_other_kernel(void **state)
{
	struct bench_run recorded, run;
	struct gate_counts counts;
	char *text;

	(void)state;
	sample(&recorded, 2 * PAGES, 10);
	sample(&run, 2 * PAGES, 10);
	json_object_object_add(run.guest, "kernel", json_object_new_string("6.1.0-new"));
	text = check(&recorded, &run, true, &counts);
	assert_non_null(strstr(text, "recorded on Linux 6.1.0-test, this is 6.1.0-new"));
	free(text);

	/* What the kernel's own calls cost more there holdfast may cost more. */
	for (int part = 0; part < BENCH_PARTS; part++) {
		bench_series_add(&recorded.results[0].parts[part], PAGES / 4);
		bench_series_add(&run.results[0].parts[part], PAGES / 2);
	}
	run.results[0].ops[BENCH_MAP][BENCH_HOLDFAST].values[0] = PAGES * 270 / 100;
	text = check(&recorded, &run, true, &counts);
	assert_int_equal(counts.failed, 0);
	free(text);
	run.results[0].ops[BENCH_MAP][BENCH_HOLDFAST].values[0] = PAGES * 280 / 100;
	text = check(&recorded, &run, true, &counts);
	assert_int_equal(counts.failed, 1);
	assert_non_null(strstr(text, "(2 recorded; the floor is 1.5, was 0.75)"));
	free(text);
	json_object_object_add(run.guest, "kernel", json_object_new_string("6.1.0-test"));
	free(check(&recorded, &run, true, &counts));
	assert_int_equal(counts.failed, 1);
	bench_run_free(&recorded);
	bench_run_free(&run);
}

static void test_targets(void **state)
{
	struct bench_run run;
	struct gate_counts counts;
	char *text;

	(void)state;
	sample(&run, 2 * PAGES, 10);
	text = check(&run, &run, true, &counts);
	/* 2 <= 3, 16384 > 16000, 2 <= 0.1 * 100; the one of 7.2 is not this profile's. */
	assert_int_equal(counts.met, 2);
	assert_int_equal(counts.missed, 1);
	assert_non_null(strstr(text, "target MISSED 6.1 thp/64M/prefaulted unmap"));
	free(text);
	bench_run_free(&run);
}

static void test_record_keeps_and_survives(void **state)
{
	char path[] = "/tmp/holdfast-unit-XXXXXX";
	const int fd = mkstemp(path);
	json_object *o = budgets(), *back;
	struct bench_run run;
	char *list;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	sample(&run, 2 * PAGES, 10);
	assert_int_equal(gate_record(o, "6.1", &run), 2);
	run.results[0].status = BENCH_SKIPPED;
	assert_int_equal(gate_record(o, "6.1", &run), 0);
	assert_int_equal(gate_record(o, "7.2", &run), 0);
	run.mode = BENCH_TIME;
	assert_int_equal(gate_record(o, "6.1", &run), -EINVAL);

	assert_int_equal(gate_write(path, o), 0);
	assert_int_equal(gate_read(path, &back), 0);
	assert_string_equal(json_object_to_json_string(o), json_object_to_json_string(back));
	assert_non_null(strstr(json_object_to_json_string(back), "\"per_page\": 2"));

	list = gate_cases(back, false);
	assert_string_equal(list, "thp/64M/prefaulted,hugetlb1g/1G/prefaulted");
	free(list);
	json_object_put(o);
	json_object_put(back);
	bench_run_free(&run);
	unlink(path);
	assert_int_equal(gate_read(path, &back), -ENOENT);
}

static void test_hostile_budgets(void **state)
{
	static const char *const lists[] = { "[null]", "[1]", "[\"a\",{}]", "null", "{}" };
	struct bench_run run;
	struct gate_counts counts = { 0 };
	json_object *o;
	char *text = NULL;
	size_t size;
	FILE *f;

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		o = budgets();
		assert_true(gate_valid(o));
		json_object_object_add(o, "subset", json_tokener_parse(lists[i]));
		assert_false(gate_valid(o));
		json_object_put(o);
	}
	assert_false(gate_valid(NULL));

	/* A budget that is no number is none: nothing would be over it. */
	sample(&run, 2 * PAGES, 10);
	o = budgets();
	assert_int_equal(gate_record(o, "6.1", &run), 2);
	json_object_object_add(o, "slack_percent", json_tokener_parse("NaN"));
	json_object_object_add(run.guest, "kernel", NULL);
	f = open_memstream(&text, &size);
	assert_non_null(f);
	assert_int_equal(gate_check(f, o, "6.1", true, &run, &counts), 0);
	fclose(f);
	assert_int_equal(counts.passed, 2);
	run.results[0].ops[BENCH_MAP][BENCH_HOLDFAST].values[0] *= 2;
	counts = (struct gate_counts){ 0 };
	f = fopen("/dev/null", "w");
	assert_non_null(f);
	assert_int_equal(gate_check(f, o, "6.1", true, &run, &counts), 0);
	fclose(f);
	assert_int_equal(counts.failed, 1);
	free(text);
	json_object_put(o);
	bench_run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_more_runs),
		cmocka_unit_test(test_other_places),
		cmocka_unit_test(test_dearer_faults),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_other_kernel),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_hostile_budgets),
		cmocka_unit_test(test_record_keeps_and_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
