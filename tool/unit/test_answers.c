// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_answers.c - what the commands answer about a state, as text and as JSON, with which
 * exit code; and what they say when they cannot.
 */
#include "command.h"
#include "state.h"

#include <errno.h>
#include <json-c/json.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run a command on a state; its text is in @w, to be freed. */
static enum ht_code answer(const char *root, ht_command run, struct ht_options o,
			   struct written *w, struct ht_problem *problem)
{
	struct ht_source s;
	enum ht_code code;

	o.root = root;
	if (!o.rows)
		o.rows = 24;
	written_open(w);
	code = ht_source_open(&s, root);
	if (!code)
		code = run(&s, &o, w->f);
	ht_source_close(&s);
	if (problem)
		*problem = s.problem;
	written_text(w);
	return code;
}

static const struct ht_options plain = { 0 };
static const struct ht_options json = { .json = true };
static const struct ht_options three = { .has_id = true, .id = 3 };
static const struct ht_options json_three = { .json = true, .has_id = true, .id = 3 };

/* The number at a path of names and indices: "containers.0.bytes". */
static json_object *at(json_object *o, const char *path)
{
	char *copy = strdup(path), *save, *word;

	assert_non_null(copy);
	for (word = strtok_r(copy, ".", &save); word && o; word = strtok_r(NULL, ".", &save))
		o = json_object_is_type(o, json_type_array) ?
			json_object_array_get_idx(o, (size_t)atoi(word)) :
			json_object_object_get(o, word);
	if (!o)
		fail_msg("no %s", path);
	free(copy);
	return o;
}

struct number {
	const char *path;
	uint64_t value;
};

static void expect_numbers(json_object *o, const struct number *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		json_object *value = at(o, rows[i].path);

		assert_true(json_object_is_type(value, json_type_int));
		if (json_object_get_uint64(value) != rows[i].value)
			fail_msg("%s is %s, not %llu", rows[i].path,
				 json_object_to_json_string(value),
				 (unsigned long long)rows[i].value);
	}
}

static void expect_text(json_object *o, const char *path, const char *text)
{
	assert_string_equal(json_object_get_string(at(o, path)), text);
}

/* Every number of a container as JSON; with a second container that adds to the totals. */
static json_object *ask(const char *root, ht_command run, struct ht_options o, enum ht_code want)
{
	struct written w;
	json_object *got;

	assert_int_equal(answer(root, run, o, &w, NULL), want);
	got = json_tokener_parse(w.text);
	if (!got)
		fail_msg("no JSON: %s", w.text);
	written_free(&w);
	expect_numbers(got, &(struct number){ "version", 1 }, 1);
	return got;
}

#define EXPECT_NUMBERS(o, rows) expect_numbers((o), (rows), sizeof(rows) / sizeof(*(rows)))

static void test_show_json(void **state)
{
	static const struct number rows[] = {
		{ "containers.0.id", 3 }, { "containers.0.pid", 712 },
		{ "containers.0.age_ms", 10000 }, { "containers.0.groups", 2 },
		{ "containers.0.emulated", 5 }, { "containers.0.domains", 6 },
		{ "containers.0.mappings", 4 }, { "containers.0.available", 65531 },
		{ "containers.0.bytes", 1612713984 },
		{ "containers.0.charged_bytes", 393729ULL * 4096 },
		{ "containers.0.pins", 300 }, { "containers.0.runs", 258 },
		{ "containers.0.bytes_4k", 2101248 }, { "containers.0.bytes_2m", 536870912 },
		{ "containers.0.bytes_1g", 1073741824 }, { "containers.0.maps", 20 },
		{ "containers.0.unmaps", 16 }, { "containers.0.map_failures", 7 },
		{ "containers.0.failures.EFAULT", 4 }, { "containers.0.failures.ENOMEM", 3 },
		{ "containers.0.incoherent_bytes", 8192 }, { "containers.0.audit_events", 11 },
		{ "containers.0.audit_suspect_blocks", 12 },
		{ "containers.0.audit_verified_blocks", 13 },
		{ "containers.0.slowest_map.us", 1532 },
		{ "containers.0.slowest_map.size", 0x20000000 },
		{ "containers.0.mapping_list.2.size", 0x40000000 },
		{ "containers.0.mapping_list.2.pid", 800 },
		{ "containers.0.mapping_list.2.age_ms", 9002 },
		{ "containers.0.mapping_list.2.charged_bytes", 1ULL << 30 },
		{ "containers.0.mapping_list.1.pins", 256 },
		{ "containers.0.mapping_list.1.runs", 255 },
		{ "containers.0.mapping_list.1.bytes_2m", 536870912 },
		{ "containers.0.mapping_list.0.bytes_4k", 4096 },
		{ "containers.0.mapping_list.2.bytes_1g", 1073741824 },
		{ "containers.0.mapping_list.2.incoherent_bytes", 8192 },
		{ "containers.0.incoherent.0.size", 0x2000 },
	};
	char *root = state_make();
	json_object *o;

	(void)state;
	state_put_container(root);
	o = ask(root, ht_command_show, json_three, HT_OK);
	EXPECT_NUMBERS(o, rows);
	expect_text(o, "schema", "holdfast-show");
	expect_text(o, "containers.0.type", "nesting");
	expect_text(o, "containers.0.command", "testpmd");
	expect_text(o, "containers.0.page_sizes", "0x40201000");
	expect_text(o, "containers.0.slowest_map.iova", "0x100000");
	expect_text(o, "containers.0.tracking_dirty", "true");
	expect_text(o, "containers.0.audit", "true");
	expect_text(o, "containers.0.mapping_list.2.iova", "0x40000000");
	expect_text(o, "containers.0.mapping_list.2.vaddr", "0x7f1000000000");
	expect_text(o, "containers.0.mapping_list.2.prot", "-w");
	expect_text(o, "containers.0.mapping_list.1.state", "held");
	expect_text(o, "containers.0.mapping_list.3.path", "pfnmap");
	expect_text(o, "containers.0.mapping_list.2.command", "my <&> helper");
	expect_text(o, "containers.0.incoherent.0.vaddr", "0x7f1000001000");
	json_object_put(o);
	state_free(root);
}

/* The same container again under another number, slower and with a failure of its own. */
static void put_second(const char *root)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s", INFO_TEXT "failures_EINTR: 1\n");
	memcpy(strstr(text, "id: 3"), "id: 9", 5);
	memcpy(strstr(text, "us: 1532"), "us: 9999", 8);
	state_put(root, 9, "info", text);
	state_put(root, 9, "mappings", HEADER_TEXT);
	state_put(root, 9, "incoherent", "");
}

static void test_stat(void **state)
{
	static const struct number rows[] = {
		{ "containers", 2 }, { "audited_containers", 2 }, { "groups", 4 },
		{ "emulated", 10 }, { "domains", 12 }, { "mappings", 8 },
		{ "bytes", 2 * 1612713984ULL }, { "charged_bytes", 2 * 393729ULL * 4096 },
		{ "pins", 600 }, { "runs", 516 }, { "bytes_4k", 2 * 2101248 },
		{ "bytes_2m", 2 * 536870912ULL }, { "bytes_1g", 2 * 1073741824ULL },
		{ "maps", 40 }, { "unmaps", 32 }, { "map_failures", 14 },
		{ "failures.EFAULT", 8 }, { "failures.ENOMEM", 6 }, { "failures.EINTR", 1 },
		{ "incoherent_bytes", 16384 }, { "slowest_map.us", 9999 },
		{ "slowest_map.container", 9 },
	};
	char *root = state_make();
	struct written w;
	json_object *o;

	(void)state;
	state_put_container(root);
	put_second(root);
	/* What is no number of the module's is no container. */
	state_put(root, 3, "../note", "");
	state_put(root, 3, "../003", "");
	o = ask(root, ht_command_stat, json, HT_OK);
	EXPECT_NUMBERS(o, rows);
	expect_text(o, "schema", "holdfast-stat");
	json_object_put(o);
	assert_int_equal(answer(root, ht_command_stat, plain, &w, NULL), HT_OK);
	assert_has(w.text, "\nbytes: 3225427968 (3 GiB)\n");
	assert_has(w.text, "\npins: 600\n");
	assert_has(w.text, "\nfailures_EINTR: 1\n");
	assert_has(w.text, "\nslowest_map_container: 9\n");
	written_free(&w);
	state_free(root);
}

/* One that is listed and gone when it is read is left out, unless it was asked for. */
static void test_gone(void **state)
{
	struct ht_options o = { .has_id = true, .id = 8 };
	char *root = state_make(), path[64];
	struct written w;
	json_object *got;

	(void)state;
	state_put_container(root);
	snprintf(path, sizeof(path), "%s/containers/8", root);
	assert_int_equal(symlink("nowhere", path), 0);
	got = ask(root, ht_command_stat, json, HT_OK);
	EXPECT_NUMBERS(got, ((struct number[]){ { "containers", 1 } }));
	json_object_put(got);
	assert_int_equal(answer(root, ht_command_show, o, &w, NULL), HT_GONE);
	written_free(&w);
	state_free(root);
}

static void test_sums(void **state)
{
	(void)state;
	assert_true(ht_add(2, 3) == 5);
	assert_true(ht_add(UINT64_MAX, 1) == UINT64_MAX);
	assert_true(ht_add(UINT64_MAX - 1, 1) == UINT64_MAX);
}

static void test_top(void **state)
{
	struct ht_options o = plain;
	char *root = state_make();
	struct written w;
	json_object *got;

	(void)state;
	state_put_container(root);
	put_second(root);
	o.once = true;
	o.order.column = ht_table_find("slowest");
	assert_int_equal(answer(root, ht_command_top, o, &w, NULL), HT_OK);
	assert_has(w.text, "2 containers, 8 mappings: 3 GiB mapped, 600 pins, 3 GiB charged\n");
	assert_has(w.text, "   3     712 testpmd              4    1.5 GiB      300    1.5 GiB   1  "
			   "33  67   2.00     1.60      7      8 KiB  1.53 ms    10s\n");
	/* Slowest first, unless turned round. */
	assert_true(strstr(w.text, "\n   9 ") < strstr(w.text, "\n   3 "));
	written_free(&w);
	o.order.reverse = true;
	assert_int_equal(answer(root, ht_command_top, o, &w, NULL), HT_OK);
	assert_true(strstr(w.text, "\n   9 ") > strstr(w.text, "\n   3 "));
	written_free(&w);
	got = ask(root, ht_command_top, json, HT_OK);
	expect_text(got, "schema", "holdfast-top");
	expect_text(got, "containers.0.maps_per_second", "2.0");
	assert_false(json_object_object_get_ex(at(got, "containers.0"), "mapping_list", NULL));
	json_object_put(got);
	state_free(root);
}

/* Where a column's value is, and whether the smallest comes first. */
static const struct {
	const char *key;
	size_t offset;
	bool ascending;
} sorted[] = {
	{ "id", offsetof(struct ht_container, info.id), true },
	{ "pid", offsetof(struct ht_container, info.pid), true },
	{ "mappings", offsetof(struct ht_container, info.mappings), false },
	{ "bytes", offsetof(struct ht_container, info.bytes), false },
	{ "pins", offsetof(struct ht_container, info.pins), false },
	{ "charged", offsetof(struct ht_container, info.charged_pages), false },
	{ "4k", offsetof(struct ht_container, info.share.bytes[HT_4K]), false },
	{ "2m", offsetof(struct ht_container, info.share.bytes[HT_2M]), false },
	{ "1g", offsetof(struct ht_container, info.share.bytes[HT_1G]), false },
	{ "failures", offsetof(struct ht_container, info.map_failures), false },
	{ "incoherent", offsetof(struct ht_container, info.incoherent_bytes), false },
	{ "slowest", offsetof(struct ht_container, info.slowest_map_us), false },
	{ "age", offsetof(struct ht_container, info.age_ms), false },
};

/* @c[1] has the larger value in that column. */
static void expect_order(struct ht_container c[2], int column, bool ascending)
{
	struct ht_snapshot s = { .containers = c, .nr = 2 };
	const uint64_t first = ascending ? c[0].info.id : c[1].info.id;
	const uint64_t last = ascending ? c[1].info.id : c[0].info.id;

	ht_table_sort(&s, (struct ht_order){ column, false });
	if (c[0].info.id != first)
		fail_msg("%s: not sorted", ht_table_key(column));
	ht_table_sort(&s, (struct ht_order){ column, true });
	if (c[0].info.id != last)
		fail_msg("%s: not reversed", ht_table_key(column));
}

/* Every column sorts by its own value and by nothing else. */
static void test_sort(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sorted) / sizeof(*sorted); i++) {
		for (int larger = 0; larger < 2; larger++) {
			struct ht_container c[2] = { { .info.id = 5 }, { .info.id = 5 } };

			c[larger].info.id = 6;
			*(uint64_t *)((char *)&c[larger] + sorted[i].offset) = 7;
			/* The one with the lesser value stands first for expect_order(). */
			if (!larger) {
				const struct ht_container swap = c[0];

				c[0] = c[1];
				c[1] = swap;
			}
			expect_order(c, ht_table_find(sorted[i].key), sorted[i].ascending);
		}
	}
	for (int i = 0; i < 3; i++) {
		struct ht_container c[2] = { { .info.id = 1 }, { .info.id = 2 } };

		c[1].maps_per_second = i == 0 ? 0.5 : 0;
		c[1].unmaps_per_second = i == 1 ? 0.5 : 0;
		strcpy(c[1].comm, i == 2 ? "b" : "");
		expect_order(c, ht_table_find(i == 0 ? "maps" : i == 1 ? "unmaps" : "command"), i == 2);
	}
	/* All the columns there are. */
	assert_int_equal(ht_table_columns(), sizeof(sorted) / sizeof(*sorted) + 3);
	assert_int_equal(ht_table_find("x"), -1);
}

static void test_rates(void **state)
{
	struct ht_container old = { .info = { .id = 4, .maps = 100, .unmaps = 50 } };
	struct ht_container new[2] = {
		{ .info = { .id = 4, .maps = 300, .unmaps = 40, .age_ms = 1000 } },
		{ .info = { .id = 5, .maps = 30, .age_ms = 3000 } },
	};
	struct ht_snapshot before = { &old, 1, 10000 }, now = { new, 2, 12000 };

	(void)state;
	ht_rates(&now, &before);
	assert_true(new[0].maps_per_second == 100);
	assert_true(new[0].unmaps_per_second == 0);
	assert_true(new[1].maps_per_second == 10);
	ht_rates(&now, NULL);
	assert_true(new[0].maps_per_second == 300);
}

static void test_show(void **state)
{
	char *root = state_make();
	struct written w;

	(void)state;
	assert_int_equal(answer(root, ht_command_show, plain, &w, NULL), HT_OK);
	assert_string_equal(w.text, "no containers\n");
	written_free(&w);
	state_put_container(root);
	assert_int_equal(answer(root, ht_command_show, three, &w, NULL), HT_OK);
	assert_has(w.text, "container 3, type nesting, made 10s ago by testpmd (pid 712)\n");
	assert_has(w.text, "    EFAULT              4  memory that is not mapped");
	assert_has(w.text, "slowest map  1.53 ms, for 512 MiB at 0x100000\n");
	assert_has(w.text, "|- testpmd (pid 712): 3 mappings, 514 MiB, 257 pins\n"
			   "|  |- 0x1000           0x7f0000001000        4 KiB  r-   pages  live");
	assert_has(w.text, "\n|  `- 0x800000000000 ");
	assert_has(w.text, "\n`- my <&> helper (pid 800): 1 mapping, 1 GiB, 1 pin\n"
			   "   `- 0x40000000 ");
	assert_has(w.text, "9s  INCOHERENT: 8 KiB\n");
	written_free(&w);
	state_free(root);
}

static void test_incoherent(void **state)
{
	char *root = state_make(), *text;
	struct written w;
	json_object *o;

	(void)state;
	assert_int_equal(answer(root, ht_command_incoherent, plain, &w, NULL), HT_OK);
	assert_string_equal(w.text, "no incoherent ranges are known\n");
	written_free(&w);
	state_put_container(root);
	assert_int_equal(answer(root, ht_command_incoherent, plain, &w, NULL), HT_INCOHERENT);
	assert_has(w.text, "        3 0x40001000              8 KiB 0x7f1000001000         800 my <&> "
			   "helper\n");
	written_free(&w);
	o = ask(root, ht_command_incoherent, json_three, HT_INCOHERENT);
	expect_text(o, "containers.0.incoherent.0.iova", "0x40001000");
	json_object_put(o);
	state_put(root, 3, "incoherent", "");
	assert_int_equal(answer(root, ht_command_incoherent, three, &w, NULL), HT_OK);
	written_free(&w);
	o = ask(root, ht_command_incoherent, json, HT_OK);
	json_object_put(o);
	/* A module without an auditor has no such file; one that audits has. */
	state_put(root, 3, "incoherent", NULL);
	assert_int_equal(answer(root, ht_command_incoherent, three, &w, NULL), HT_FAILED);
	written_free(&w);
	text = strdup(INFO_TEXT);
	assert_non_null(text);
	memcpy(strstr(text, "audit: on\n"), "audi_: on\n", 10);
	state_put(root, 3, "info", text);
	free(text);
	assert_int_equal(answer(root, ht_command_incoherent, three, &w, NULL), HT_OK);
	assert_has(w.text, "container 3: nothing is known, its audit is off\n");
	written_free(&w);
	state_free(root);
}

static void test_map(void **state)
{
	struct ht_options o = three;
	char *root = state_make(), path[64], image[32] = { 0 };
	struct written w;
	json_object *got;
	FILE *f;

	(void)state;
	state_put_container(root);
	snprintf(path, sizeof(path), "%s/map.svg", root);
	o.svg = path;
	assert_int_equal(answer(root, ht_command_map, o, &w, NULL), HT_OK);
	assert_has(w.text, "a cell is 2 MiB, a row 128 MiB\n");
	assert_has(w.text, "        0x40000000 |!GGGG");
	written_free(&w);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fread(image, 1, 4, f), 4);
	fclose(f);
	assert_string_equal(image, "<svg");
	o.svg = "/nonexistent/map.svg";
	assert_int_equal(answer(root, ht_command_map, o, &w, NULL), HT_FAILED);
	written_free(&w);
	o.svg = "/dev/full";
	assert_int_equal(answer(root, ht_command_map, o, &w, NULL), HT_FAILED);
	written_free(&w);
	/* So small that nothing fails before the end. */
	put_second(root);
	o.id = 9;
	assert_int_equal(answer(root, ht_command_map, o, &w, NULL), HT_FAILED);
	written_free(&w);
	o = json_three;
	o.rows = 2;
	got = ask(root, ht_command_map, o, HT_OK);
	expect_text(got, "schema", "holdfast-map");
	expect_text(got, "legend.M", "2M pages");
	EXPECT_NUMBERS(got, ((struct number[]){ { "cells_in_row", 64 }, { "cell_size", 1ULL << 25 },
					       { "fragmentation.iommu_entries", 770 } }));
	assert_int_equal(json_object_array_length(at(got, "rows")), 2);
	json_object_put(got);
	state_free(root);
}

/* Each with its code, and one line that says what to do. */
static void test_problems(void **state)
{
	static const struct {
		struct ht_signs signs;
		enum ht_code code;
		const char *says;
	} rows[] = {
		{ { ENOENT, false, true }, HT_NO_MODULE, "modprobe vfio_iommu_holdfast" },
		{ { EACCES, false, false }, HT_NO_MODULE, "modprobe" },
		{ { EACCES, true, true }, HT_DENIED, "sudo" },
		{ { ENOENT, true, false }, HT_NO_DEBUGFS, "mount -t debugfs" },
		{ { ENOENT, true, true }, HT_NO_DEBUGFS, "older" },
	};
	char *root = state_make();
	struct ht_problem p = { 0 };
	struct written w;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(ht_source_diagnose(&p, &rows[i].signs), rows[i].code);
		assert_int_equal(p.code, rows[i].code);
		assert_has(p.text, rows[i].says);
		assert_null(strchr(p.text, '\n'));
	}
	assert_int_equal(answer(root, ht_command_show, three, &w, &p), HT_GONE);
	assert_has(p.text, "container 3 is gone");
	written_free(&w);
	state_put(root, 3, "info", INFO_TEXT);
	assert_int_equal(answer(root, ht_command_show, three, &w, &p), HT_FAILED);
	written_free(&w);
	state_put_container(root);
	state_put(root, 3, "mappings", HEADER_TEXT "0x1000 nonsense\n");
	assert_int_equal(answer(root, ht_command_show, three, &w, &p), HT_MALFORMED);
	assert_has(p.text, "/containers/3/mappings, line 2: vaddr is \"nonsense\"");
	assert_string_equal(w.text, "");
	written_free(&w);
	/* A container under a wrong number. */
	state_put_container(root);
	assert_int_equal(answer(root, ht_command_top, plain, &w, &p), HT_OK);
	written_free(&w);
	state_put(root, 4, "info", INFO_TEXT);
	assert_int_equal(answer(root, ht_command_top, plain, &w, &p), HT_MALFORMED);
	assert_has(p.text, "containers/4/info is that of container 3");
	written_free(&w);
	state_put(root, 0, "version", "2\n");
	assert_int_equal(answer(root, ht_command_stat, plain, &w, &p), HT_VERSION);
	assert_has(p.text, "format version 2, this tool reads 1");
	written_free(&w);
	state_put(root, 0, "version", "");
	assert_int_equal(answer(root, ht_command_stat, plain, &w, &p), HT_MALFORMED);
	written_free(&w);
	state_put(root, 0, "version", NULL);
	assert_int_equal(answer(root, ht_command_stat, plain, &w, &p), HT_NO_MODULE);
	written_free(&w);
	state_free(root);
	assert_int_equal(answer("/nonexistent", ht_command_stat, plain, &w, &p), HT_NO_MODULE);
	written_free(&w);
}

/* Exit code of the whole program. */
static int program(char *const words[])
{
	int argc = 0, status;
	pid_t pid;

	while (words[argc])
		argc++;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		/* What it prints is not looked at here. */
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(99);
		_exit(ht_main(argc, (char **)words));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define PROGRAM(...) program((char *const[]){ (char *)"holdfast", __VA_ARGS__, NULL })

static void test_program(void **state)
{
	char *root = state_make();

	(void)state;
	state_put_container(root);
	assert_int_equal(PROGRAM("--help"), HT_OK);
	assert_int_equal(PROGRAM("map", "--help"), HT_OK);
	assert_int_equal(PROGRAM("--version"), HT_OK);
	assert_int_equal(PROGRAM("stat", "--root", root), HT_OK);
	assert_int_equal(PROGRAM("--root", root, "stat", "--json"), HT_OK);
	assert_int_equal(PROGRAM("--json", "--root", root, "show", "3"), HT_OK);
	assert_int_equal(PROGRAM("show", "--root", root), HT_OK);
	assert_int_equal(PROGRAM("top", "--root", root, "--sort=age", "-r", "-i", "0.5"), HT_OK);
	assert_int_equal(PROGRAM("map", "--root", root, "3", "--rows", "5"), HT_OK);
	assert_int_equal(PROGRAM("incoherent", "--root", root), HT_INCOHERENT);
	assert_int_equal(PROGRAM("show", "4", "--root", root), HT_GONE);
	assert_int_equal(PROGRAM("stat", "--root", "/nonexistent"), HT_NO_MODULE);

	assert_int_equal(program((char *const[]){ (char *)"holdfast", NULL }), HT_USAGE);
	assert_int_equal(PROGRAM("nonsense"), HT_USAGE);
	assert_int_equal(PROGRAM("--nonsense", "stat"), HT_USAGE);
	assert_int_equal(PROGRAM("map", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("map", "x", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("map", "-1", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("map", "3", "3", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("map", "3", "--rows", "1", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("map", "3", "--rows", "1001", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("stat", "3", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("top", "3", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("top", "--sort", "x", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("top", "-i", "nan", "--root", root), HT_USAGE);
	assert_int_equal(PROGRAM("top", "-i", "0.05", "--root", root), HT_USAGE);
	state_put(root, 0, "version", "7\n");
	assert_int_equal(PROGRAM("stat", "--root", root), HT_VERSION);
	state_free(root);
}

/* A full disk under the output is no success. */
static void test_output_fails(void **state)
{
	char *root = state_make();
	int status;
	pid_t pid;

	(void)state;
	state_put_container(root);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char *words[] = { (char *)"holdfast", (char *)"stat", (char *)"--root", root, NULL };

		if (!freopen("/dev/full", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(99);
		_exit(ht_main(4, words));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HT_FAILED);
	state_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_show_json),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_incoherent),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_output_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
