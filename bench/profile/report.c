// SPDX-License-Identifier: GPL-2.0-only
/*
 * report.c - profile-report: the table and the JSON of a profile.
 *
 * Of several repetitions it shows the one of median cost, the lower one of two in the middle, as
 * the benchmark does: a timer interrupt makes a repetition dearer, and then it is not shown.
 *
 * The JSON is described in docs/benchmarking.md; a change that a reader would notice raises
 * SCHEMA_VERSION.
 *
 * Exit status: 0; 1 a file cannot be read or written; 2 wrong usage.
 */
#include "profile.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "holdfast-profile"
#define SCHEMA_VERSION 1
#define MAX_REPS 64
#define MAX_ABOUT 32

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

const char *argp_program_version = "profile-report 1";

struct options {
	unsigned long lines;
	const char *json;
	const char *title;
	const char *about[MAX_ABOUT];
	unsigned int nr_about;
	const char *symbols;
	const char *counts[MAX_REPS];
	unsigned int reps;
};

static const struct argp_option option_table[] = {
	{ "lines", 'n', "N", 0, "rows of the table, 0 for all (default 30)", 0 },
	{ "json", 'j', "FILE", 0, "write everything there as JSON, too", 0 },
	{ "title", 't', "TEXT", 0, "first words of the line above the table", 0 },
	{ "about", 'a', "NAME=VALUE", 0, "a member of \"about\" in the JSON (may be repeated)", 0 },
	{ 0 }
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	char *end;

	switch (key) {
	case 'n':
		o->lines = strtoul(arg, &end, 10);
		if (!*arg || *end)
			argp_error(state, "--lines takes a number, not '%s'", arg);
		return 0;
	case 'j':
		o->json = arg;
		return 0;
	case 't':
		o->title = arg;
		return 0;
	case 'a':
		if (!strchr(arg, '=') || o->nr_about == MAX_ABOUT)
			argp_error(state, "--about takes up to %d times NAME=VALUE, not '%s'",
				   MAX_ABOUT, arg);
		o->about[o->nr_about++] = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (!o->symbols)
			o->symbols = arg;
		else if (o->reps < MAX_REPS)
			o->counts[o->reps++] = arg;
		else
			argp_error(state, "more than %d files of counts", MAX_REPS);
		return 0;
	case ARGP_KEY_END:
		if (!o->reps)
			argp_error(state, "needs a copy of /proc/kallsyms and a file of counts");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "KALLSYMS COUNTS...",
	.doc = "Say which kernel function executed how many instructions. COUNTS are files of the "
	       "QEMU plugin holdfast-count.so, one for each repetition.",
};

static int complain(const char *file, int err, const char *remedy)
{
	fprintf(stderr, "profile-report: %s: %s%s\n", file, strerror(-err), remedy);
	return err;
}

static int read_symbols(const char *file, struct profile_symbols *symbols)
{
	FILE *in = fopen(file, "re");
	int ret = in ? profile_read_symbols(in, symbols) : -errno;

	if (in)
		fclose(in);
	if (ret)
		return complain(file, ret, ret == -EINVAL || ret == -ENODATA ?
				": not a /proc/kallsyms that root read" : "");
	return 0;
}

static int read_counts(const char *file, struct profile_counts *counts)
{
	FILE *in = fopen(file, "re");
	int ret = in ? profile_read_counts(in, counts) : -errno;

	if (in)
		fclose(in);
	if (ret)
		return complain(file, ret, ret == -EINVAL ?
				": not a whole file of holdfast-count.so" : "");
	return 0;
}

/* Number of the repetition with the median total. */
static unsigned int median(const struct profile_counts *counts, unsigned int reps)
{
	for (unsigned int i = 0; i < reps; i++) {
		unsigned int below = 0;

		/* Equals are in the order of their numbers, so every rank is taken once. */
		for (unsigned int j = 0; j < reps; j++)
			below += counts[j].total < counts[i].total ||
				 (j < i && counts[j].total == counts[i].total);
		if (below == (reps - 1) / 2)
			return i;
	}
	return 0;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_row(const struct profile_row *row, uint64_t total)
{
	printf("%14" PRIu64 " %6.2f%% ", row->instructions, percent(row->instructions, total));
	if (row->calls)
		printf("%10" PRIu64 "  ", row->calls);
	else
		printf("%10s  ", "-");
	printf(*row->module ? "%s [%s]\n" : "%s\n", row->name, row->module);
}

static void print_table(const struct options *o, const struct profile *profile,
			const struct profile_counts *counts, unsigned int shown)
{
	const uint64_t total = counts[shown].total;
	struct profile_row rest = { .name = "(the rest)", .module = "" };
	size_t i;

	printf("%s%s%" PRIu64 " instructions in %zu functions", o->title ? o->title : "",
	       o->title ? ": " : "", total, profile->count);
	if (o->reps > 1) {
		printf(" (repetition %u of", shown + 1);
		for (i = 0; i < o->reps; i++)
			printf(" %" PRIu64, counts[i].total);
		printf(")");
	}
	printf("\n\n%14s %7s %10s  %s\n", "instructions", "share", "calls", "function");
	for (i = 0; i < profile->count && (!o->lines || i < o->lines); i++)
		print_row(&profile->rows[i], total);
	for (; i < profile->count; i++)
		rest.instructions += profile->rows[i].instructions;
	if (rest.instructions)
		print_row(&rest, total);
}

static json_object *about_object(const struct options *o)
{
	json_object *about = json_object_new_object();

	for (unsigned int i = 0; i < o->nr_about; i++) {
		const char *value = strchr(o->about[i], '=') + 1;
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)(value - 1 - o->about[i]), o->about[i]);
		json_object_object_add(about, name, json_object_new_string(value));
	}
	return about;
}

static json_object *row_object(const struct profile_row *row)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "function", json_object_new_string(row->name));
	json_object_object_add(o, "module", json_object_new_string(row->module));
	json_object_object_add(o, "instructions", json_object_new_uint64(row->instructions));
	json_object_object_add(o, "calls", json_object_new_uint64(row->calls));
	return o;
}

static int write_json(const struct options *o, const struct profile *profile,
		      const struct profile_counts *counts, unsigned int shown)
{
	json_object *root = json_object_new_object(), *list;
	int ret;

	json_object_object_add(root, "schema", json_object_new_string(SCHEMA));
	json_object_object_add(root, "version", json_object_new_int(SCHEMA_VERSION));
	json_object_object_add(root, "about", about_object(o));
	json_object_object_add(root, "instructions", json_object_new_uint64(counts[shown].total));
	list = json_object_new_array();
	for (unsigned int i = 0; i < o->reps; i++)
		json_object_array_add(list, json_object_new_uint64(counts[i].total));
	json_object_object_add(root, "repetitions", list);
	json_object_object_add(root, "shown", json_object_new_int((int)shown + 1));
	list = json_object_new_array();
	for (size_t i = 0; i < profile->count; i++)
		json_object_array_add(list, row_object(&profile->rows[i]));
	json_object_object_add(root, "functions", list);
	ret = json_object_to_file_ext(o->json, root, JSON_C_TO_STRING_PRETTY);
	json_object_put(root);
	if (ret)
		fprintf(stderr, "profile-report: cannot write %s: %s\n", o->json,
			json_util_get_last_err());
	return ret;
}

static int report(const struct options *o, const struct profile_symbols *symbols,
		  const struct profile_counts *counts)
{
	const unsigned int shown = median(counts, o->reps);
	struct profile profile;
	int ret = profile_make(&counts[shown], symbols, &profile);

	if (ret)
		return complain(o->counts[shown], ret, "");
	print_table(o, &profile, counts, shown);
	if (o->json)
		ret = write_json(o, &profile, counts, shown);
	profile_free(&profile);
	return ret;
}

int main(int argc, char **argv)
{
	struct options o = { .lines = 30 };
	struct profile_counts counts[MAX_REPS] = { 0 };
	struct profile_symbols symbols = { 0 };
	int ret;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	ret = read_symbols(o.symbols, &symbols);
	for (unsigned int i = 0; !ret && i < o.reps; i++)
		ret = read_counts(o.counts[i], &counts[i]);
	if (!ret)
		ret = report(&o, &symbols, counts);
	for (unsigned int i = 0; i < o.reps; i++)
		profile_free_counts(&counts[i]);
	profile_free_symbols(&symbols);
	return ret ? EXIT_FAILED : EXIT_SUCCESS;
}
