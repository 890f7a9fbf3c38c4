// SPDX-License-Identifier: GPL-2.0-only
/*
 * gate.c - compare a run with bench/budgets.json.
 */
#include "gate.h"
#include "format.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_object *member(json_object *o, const char *key)
{
	json_object *value = NULL;

	json_object_object_get_ex(o, key, &value);
	return value;
}

/* A number member, or @otherwise. Nothing is over a budget of NaN, so that is none. */
static double number(json_object *o, const char *key, double otherwise)
{
	json_object *value = member(o, key);
	const double x = value ? json_object_get_double(value) : otherwise;

	return isfinite(x) ? x : otherwise;
}

static const char *text(json_object *o, const char *key)
{
	json_object *value = member(o, key);

	return value ? json_object_get_string(value) : "";
}

static double slack(json_object *budgets)
{
	return 1.0 + number(budgets, "slack_percent", 1.0) / 100.0;
}

/* An array of names. */
static bool has_names(json_object *o, const char *key)
{
	json_object *names = member(o, key);

	if (!json_object_is_type(names, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(names); i++)
		if (!json_object_is_type(json_object_array_get_idx(names, i), json_type_string))
			return false;
	return true;
}

bool gate_valid(json_object *o)
{
	return json_object_is_type(o, json_type_object) &&
	       !strcmp(text(o, "schema"), GATE_SCHEMA) &&
	       json_object_get_int(member(o, "version")) == GATE_SCHEMA_VERSION &&
	       has_names(o, "cases") && has_names(o, "subset") &&
	       json_object_is_type(member(o, "targets"), json_type_array) &&
	       json_object_is_type(member(o, "profiles"), json_type_object);
}

int gate_read(const char *path, json_object **budgets)
{
	json_object *o;

	errno = 0;
	o = json_object_from_file(path);
	if (!o)
		return errno == ENOENT || errno == EACCES ? -errno : -EPROTO;
	if (!gate_valid(o)) {
		json_object_put(o);
		return -EPROTO;
	}
	*budgets = o;
	return 0;
}

int gate_write(const char *path, json_object *budgets)
{
	char temporary[4096];
	FILE *f;
	int ret = 0;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	f = fopen(temporary, "we");
	if (!f)
		return -errno;
	if (fprintf(f, "%s\n",
		    json_object_to_json_string_ext(budgets, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
		ret = -EIO;
	if (fclose(f) && !ret)
		ret = -errno;
	if (!ret && rename(temporary, path))
		ret = -errno;
	return ret;
}

static json_object *gated(json_object *budgets, bool subset)
{
	return member(budgets, subset ? "subset" : "cases");
}

char *gate_cases(json_object *budgets, bool subset)
{
	json_object *cases = gated(budgets, subset);
	char *list = NULL;
	size_t size;
	FILE *f = open_memstream(&list, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < json_object_array_length(cases); i++)
		fprintf(f, "%s%s", i ? "," : "",
			json_object_get_string(json_object_array_get_idx(cases, i)));
	fclose(f);
	return list;
}

/* As many digits as a slack of one per cent could ever need, and the same on every machine. */
static json_object *rounded(double value)
{
	char digits[BENCH_TEXT];

	snprintf(digits, sizeof(digits), "%.6g", value);
	return json_object_new_double_s(atof(digits), digits);
}

static const struct bench_result *find(const struct bench_run *run, const char *name)
{
	for (size_t i = 0; i < run->count; i++)
		if (!strcmp(run->results[i].what.name, name))
			return &run->results[i];
	return NULL;
}

static double floor_per_page(const struct bench_result *r, enum bench_op op)
{
	return bench_result_floor(r, op) / (double)bench_case_pages(&r->what);
}

/* Cheapest repetition, per page; negative when there is none. */
static double cheapest(const struct bench_result *r, enum bench_op op, enum bench_backend backend)
{
	const struct bench_series *s = &r->ops[op][backend];

	return s->count ? (double)bench_series_min(s) / (double)bench_case_pages(&r->what) : -1.0;
}

/*
 * No backend serves the null ioctl: it is the kernel's, and no budget of ours. Each repetition has
 * fresh memory where it is faulted in, in other runs each time, and its unmap is the same as that
 * of prefaulted memory.
 */
static bool has_budget(const struct bench_result *r, enum bench_op op)
{
	if (op == BENCH_NULL || (r->what.state == BENCH_NEVER_FAULTED && op != BENCH_MAP))
		return false;
	return r->status == BENCH_MEASURED && r->ops[op][BENCH_HOLDFAST].count;
}

static json_object *record_case(const struct bench_result *r, int *written)
{
	json_object *o = json_object_new_object();

	if (r->runs)
		json_object_object_add(o, "runs", json_object_new_uint64(r->runs));
	for (int op = 0; op < BENCH_OPS; op++) {
		json_object *budget;

		if (!has_budget(r, op))
			continue;
		budget = json_object_new_object();
		json_object_object_add(budget, "per_page",
				       rounded(cheapest(r, op, BENCH_HOLDFAST)));
		if (r->what.state == BENCH_NEVER_FAULTED && r->ops[op][BENCH_STOCK].count)
			json_object_object_add(budget, "stock",
					       rounded(cheapest(r, op, BENCH_STOCK)));
		else if (floor_per_page(r, op) > 0)
			json_object_object_add(budget, "floor", rounded(floor_per_page(r, op)));
		json_object_object_add(o, bench_op_name(op), budget);
		++*written;
	}
	return o;
}

int gate_record(json_object *budgets, const char *profile, const struct bench_run *run)
{
	json_object *profiles = member(budgets, "profiles"), *p, *cases, *old, *wanted;
	int written = 0;

	if (run->mode != BENCH_COUNT)
		return -EINVAL;
	old = member(member(profiles, profile), "cases");
	p = json_object_new_object();
	cases = json_object_new_object();
	json_object_object_add(p, "kernel",
			       json_object_new_string(bench_run_text(run, "kernel")));
	json_object_object_add(p, "cases", cases);

	/* In the order of the list, so that a new recording changes only what changed. */
	wanted = gated(budgets, false);
	for (size_t i = 0; i < json_object_array_length(wanted); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(wanted, i));
		const struct bench_result *r = find(run, name);
		json_object *kept = member(old, name);

		if (r && r->status == BENCH_MEASURED)
			json_object_object_add(cases, name, record_case(r, &written));
		else if (kept)
			json_object_object_add(cases, name, json_object_get(kept));
	}
	json_object_object_add(profiles, profile, p);
	return written;
}

static double percent_over(double value, double limit)
{
	return 100.0 * (value / limit - 1.0);
}

/*
 * By how much the memory of this run, or its kernel, is dearer than the recorded one (gate.h), per
 * page; why.
 */
static double dearer(json_object *budgets, json_object *of_case, json_object *budget,
		     const struct bench_result *r, enum bench_op op, bool other_kernel,
		     char how[96])
{
	const double per_page = number(budget, "per_page", 0), was = number(budget, "stock", 0);
	const double stock = cheapest(r, op, BENCH_STOCK), runs = number(of_case, "runs", 0);
	const double floor = floor_per_page(r, op), floor_was = number(budget, "floor", 0);

	*how = '\0';
	if (other_kernel && floor > 0 && floor_was > 0) {
		snprintf(how, 96, " (%.6g recorded; the floor is %.6g, was %.6g)", per_page, floor,
			 floor_was);
		return floor - floor_was;
	}
	if (was > 0 && stock > 0) {
		snprintf(how, 96, " (%.6g recorded; stock costs %.6g, was %.6g)", per_page, stock,
			 was);
		return per_page * (stock / was - 1.0);
	}
	if (was > 0 || runs <= 0 || !r->runs)
		return 0.0;
	snprintf(how, 96, " (%.6g recorded; memory in %llu runs, was %.0f)", per_page,
		 (unsigned long long)r->runs, runs);
	return ((double)r->runs - runs) *
	       number(member(budgets, "run_allowance"), bench_op_name(op), 0) /
	       (double)bench_case_pages(&r->what);
}

/*
 * What the runs of this boot may cost more than as many of the recording's because they lie
 * elsewhere (gate.h), per page. One run, or every page its own, lies nowhere else.
 */
static double elsewhere(json_object *budgets, json_object *of_case, const struct bench_result *r,
			enum bench_op op)
{
	const double pages = (double)bench_case_pages(&r->what);
	double runs = number(of_case, "runs", 0);

	if ((double)r->runs > runs)
		runs = (double)r->runs;
	if (runs <= 1.0 || runs >= pages)
		return 0.0;
	return runs * number(member(budgets, "place_allowance"), bench_op_name(op), 0) / pages;
}

static void check_op(FILE *out, json_object *budgets, json_object *of_case, const char *profile,
		     const struct bench_result *r, enum bench_op op, bool other_kernel,
		     struct gate_counts *counts)
{
	json_object *budget = member(of_case, bench_op_name(op));
	const double value = cheapest(r, op, BENCH_HOLDFAST);
	const double recorded = number(budget, "per_page", 0);
	char how[96];
	const double change = dearer(budgets, of_case, budget, r, op, other_kernel, how);
	const double limit = recorded + elsewhere(budgets, of_case, r, op) +
			     (change > 0 ? change : op == BENCH_MAP ? change / 2 : 0);

	if (value > limit * slack(budgets)) {
		fprintf(out,
			"FAILED %s %s %s: budget %.6g instructions per page%s, measured %.6g: "
			"%.1f %% over\n",
			profile, r->what.name, bench_op_name(op), limit,
			change != 0.0 ? how : "", value, percent_over(value, limit));
		counts->failed++;
		return;
	}
	counts->passed++;
	/* Cheaper only because the memory is better is no gain. */
	if (value * slack(budgets) < recorded + (change < 0 ? change : 0)) {
		fprintf(out, "better %s %s %s: budget %.6g, measured %.6g: %.1f %% under\n",
			profile, r->what.name, bench_op_name(op), recorded, value,
			-percent_over(value, recorded));
		counts->better++;
	}
}

static void check_case(FILE *out, json_object *budgets, json_object *of_case, const char *profile,
		       const char *name, const struct bench_run *run, bool other_kernel,
		       struct gate_counts *counts)
{
	const struct bench_result *r = find(run, name);

	if (!r || r->status == BENCH_FAILED) {
		fprintf(out, "FAILED %s %s: %s\n", profile, name, r ? r->reason : "not in the run");
		counts->failed++;
		return;
	}
	if (r->status == BENCH_SKIPPED) {
		fprintf(out, "skipped %s %s: %s\n", profile, name, r->reason);
		counts->skipped++;
		return;
	}
	for (int op = 0; op < BENCH_OPS; op++) {
		json_object *budget = member(of_case, bench_op_name(op));

		if (budget && has_budget(r, op))
			check_op(out, budgets, of_case, profile, r, op, other_kernel, counts);
		else if (budget || has_budget(r, op)) {
			fprintf(out, "FAILED %s %s %s: %s\n", profile, name, bench_op_name(op),
				budget ? "has a budget and was not measured" : "has no budget");
			counts->failed++;
		}
	}
}

/* The limit of a target in instructions per page, its name in @how; negative: not this run's. */
static double target_limit(json_object *target, const struct bench_result *r, enum bench_op op,
			   char how[64])
{
	const double pages = (double)bench_case_pages(&r->what);
	const double stock = bench_result_per_page(r, op, BENCH_STOCK);
	double x = number(target, "per_page", -1.0);

	if (x >= 0) {
		snprintf(how, 64, "%g", x);
		return x;
	}
	x = number(target, "whole", -1.0);
	if (x >= 0) {
		snprintf(how, 64, "%g for the whole ioctl", x);
		return x / pages;
	}
	x = number(target, "times_stock", -1.0);
	if (x >= 0 && stock > 0) {
		snprintf(how, 64, "%g x stock", x);
		return x * stock;
	}
	return -1.0;
}

static void check_target(FILE *out, json_object *target, const char *profile,
			 const struct bench_run *run, struct gate_counts *counts)
{
	const struct bench_result *r = find(run, text(target, "case"));
	const char *only = text(target, "profile");
	char how[64], floor[BENCH_TEXT] = "-";

	if (!r || (*only && strcmp(only, profile)))
		return;
	for (int op = 0; op < BENCH_OPS; op++) {
		double limit, value;

		if (strcmp(text(target, "op"), bench_op_name(op)) || !has_budget(r, op))
			continue;
		limit = target_limit(target, r, op, how);
		value = bench_result_per_page(r, op, BENCH_HOLDFAST);
		if (limit < 0)
			continue;
		if (floor_per_page(r, op) > 0)
			bench_format_value(floor, floor_per_page(r, op));
		fprintf(out, "target %s %s %s %s: at most %s (%.4g per page), measured %.4g, "
			     "floor %s, %llu runs\n",
			value <= limit ? "met   " : "MISSED", profile, r->what.name,
			bench_op_name(op), how, limit, value, floor,
			(unsigned long long)r->runs);
		if (value <= limit)
			counts->met++;
		else
			counts->missed++;
	}
}

int gate_check(FILE *out, json_object *budgets, const char *profile, bool subset,
	       const struct bench_run *run, struct gate_counts *counts)
{
	json_object *p = member(member(budgets, "profiles"), profile);
	json_object *list = gated(budgets, subset), *targets = member(budgets, "targets");
	const char *kernel = bench_run_text(run, "kernel");
	const struct gate_counts before = *counts;
	const bool other_kernel = p && strcmp(text(p, "kernel"), kernel);

	if (run->mode != BENCH_COUNT)
		return -EINVAL;
	if (other_kernel)
		fprintf(out,
			"note: %s: the budgets were recorded on Linux %s, this is %s: a difference "
			"may be the kernel's\n",
			profile, text(p, "kernel"), kernel);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));

		check_case(out, budgets, member(member(p, "cases"), name), profile, name, run,
			   other_kernel, counts);
	}
	for (size_t i = 0; i < json_object_array_length(targets); i++)
		check_target(out, json_object_array_get_idx(targets, i), profile, run, counts);

	if (counts->failed != before.failed)
		fprintf(out, "If that is meant to be, record the new budgets: "
			     "scripts/bench-gate --profile %s --record\n", profile);
	else if (counts->better != before.better)
		fprintf(out, "To keep what was gained, record it: "
			     "scripts/bench-gate --profile %s --record\n", profile);
	return 0;
}
