// SPDX-License-Identifier: GPL-2.0-only
/*
 * result_json.c - a run as JSON, written and read.
 *
 * Samples are what is stored; medians and per-page values are written beside them for people
 * and other programs, and ignored when read, so the two can never disagree here.
 */
#include "format.h"
#include "result.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[BENCH_STATUSES] = { "measured", "skipped", "failed" };

static void put(json_object *o, const char *key, json_object *value)
{
	json_object_object_add(o, key, value);
}

static void put_text(json_object *o, const char *key, const char *text)
{
	put(o, key, json_object_new_string(text));
}

static void put_number(json_object *o, const char *key, uint64_t number)
{
	put(o, key, json_object_new_uint64(number));
}

/* A derived value, in as many digits as mean something. */
static void put_derived(json_object *o, const char *key, double value)
{
	char text[BENCH_TEXT];

	snprintf(text, sizeof(text), "%.6g", value);
	put(o, key, json_object_new_double_s(value, text));
}

static json_object *series_to_json(const struct bench_series *s, uint64_t pages, double noise)
{
	json_object *o = json_object_new_object(), *samples = json_object_new_array();

	for (unsigned int i = 0; i < s->count; i++)
		json_object_array_add(samples, json_object_new_uint64(s->values[i]));
	put_number(o, "median", bench_series_median(s));
	put_number(o, "min", bench_series_min(s));
	put_derived(o, "per_page", (double)bench_series_median(s) / (double)pages);
	put_derived(o, "spread_percent", bench_series_spread(s));
	put(o, "agree", json_object_new_boolean(bench_series_agrees(s, noise)));
	put(o, "samples", samples);
	return o;
}

static json_object *calls_to_json(const struct bench_calls *c)
{
	json_object *o = json_object_new_object();

	for (int call = 0; call < BENCH_CALLS; call++)
		put_number(o, bench_call_name(call), c->count[call]);
	return o;
}

static json_object *ops_to_json(const struct bench_result *r, double noise)
{
	const uint64_t pages = bench_case_pages(&r->what);
	json_object *ops = json_object_new_object();

	for (int op = 0; op < BENCH_OPS; op++) {
		json_object *o = NULL, *series;

		for (int b = 0; b < BENCH_BACKENDS; b++) {
			if (!r->ops[op][b].count)
				continue;
			if (!o)
				o = json_object_new_object();
			series = series_to_json(&r->ops[op][b], pages, noise);
			if (r->calls[op][b].known)
				put(series, "calls", calls_to_json(&r->calls[op][b]));
			put(o, bench_backend_name(b), series);
		}
		if (!o)
			continue;
		if (bench_result_gain(r, op) > 0)
			put_derived(o, "stock_over_holdfast", bench_result_gain(r, op));
		if (bench_result_floor(r, op) >= 0)
			put_derived(o, "floor", bench_result_floor(r, op));
		if (bench_result_over_floor(r, op, BENCH_HOLDFAST) >= 0)
			put_derived(o, "holdfast_over_floor",
				    bench_result_over_floor(r, op, BENCH_HOLDFAST));
		put(ops, bench_op_name(op), o);
	}
	return ops;
}

static json_object *floor_to_json(const struct bench_result *r, double noise)
{
	json_object *o = json_object_new_object(), *parts = json_object_new_object();

	if (*r->floor_reason)
		put_text(o, "reason", r->floor_reason);
	for (int part = 0; part < BENCH_PARTS; part++)
		if (r->parts[part].count)
			put(parts, bench_part_name(part),
			    series_to_json(&r->parts[part], bench_case_pages(&r->what), noise));
	put(o, "parts", parts);
	return o;
}

/* Bytes of one mapping, for all backends that were asked. */
static json_object *memory_to_json(const struct bench_result *r)
{
	json_object *o = NULL;

	for (int b = 0; b < BENCH_BACKENDS; b++) {
		const struct bench_memory *m = &r->memory[b];
		json_object *of_backend;

		if (!m->known)
			continue;
		if (!o)
			o = json_object_new_object();
		of_backend = json_object_new_object();
		put(of_backend, "slab", json_object_new_int64(m->slab));
		put(of_backend, "all", json_object_new_int64(m->all));
		put_derived(of_backend, "slab_per_mapping", (double)m->slab / r->what.maps);
		put_derived(of_backend, "all_per_mapping", (double)m->all / r->what.maps);
		put(o, bench_backend_name(b), of_backend);
	}
	return o;
}

static json_object *result_to_json(const struct bench_result *r, double noise)
{
	json_object *o = json_object_new_object(), *memory;

	put_text(o, "name", r->what.name);
	put_text(o, "kind", r->what.kind);
	put_number(o, "size", r->what.size);
	put_number(o, "maps", r->what.maps);
	put_text(o, "state", bench_state_name(r->what.state));
	put_text(o, "status", status_names[r->status]);
	if (*r->reason)
		put_text(o, "reason", r->reason);
	if (r->runs)
		put_number(o, "runs", r->runs);
	if (r->status == BENCH_MEASURED) {
		put(o, "ops", ops_to_json(r, noise));
		if (r->touch.count)
			put(o, "touch",
			    series_to_json(&r->touch, bench_case_pages(&r->what), noise));
		if (*r->floor_reason || r->parts[BENCH_PART_NULL].count)
			put(o, "floor", floor_to_json(r, noise));
		memory = memory_to_json(r);
		if (memory)
			put(o, "memory", memory);
	}
	return o;
}

static json_object *race_to_json(const struct bench_race *r, double noise)
{
	json_object *o = json_object_new_object(), *backends = json_object_new_object();

	put_text(o, "name", r->name);
	put_text(o, "what", r->what);
	put_derived(o, "target", r->target);
	put_text(o, "status", status_names[r->status]);
	if (*r->reason)
		put_text(o, "reason", r->reason);
	for (int b = 0; b < BENCH_BACKENDS; b++) {
		const double ratio = bench_race_ratio(r, b);
		json_object *of_backend;

		if (ratio < 0)
			continue;
		of_backend = json_object_new_object();
		put_derived(of_backend, "ratio", ratio);
		put(of_backend, "met", json_object_new_boolean(ratio <= r->target));
		put(of_backend, "part", series_to_json(&r->part[b], 1, noise));
		put(of_backend, "whole", series_to_json(&r->whole[b], 1, noise));
		put(backends, bench_backend_name(b), of_backend);
	}
	put(o, "backends", backends);
	return o;
}

json_object *bench_run_to_json(const struct bench_run *run)
{
	json_object *o = json_object_new_object(), *cases = json_object_new_array();

	put_text(o, "schema", BENCH_SCHEMA);
	put_number(o, "version", BENCH_SCHEMA_VERSION);
	put_text(o, "mode", bench_mode_name(run->mode));
	put_text(o, "unit", bench_mode_unit(run->mode));
	put_number(o, "clock_overhead", run->overhead);
	put(o, "host", json_object_get(run->host));
	put(o, "guest", json_object_get(run->guest));
	for (size_t i = 0; i < run->count; i++)
		json_object_array_add(cases, result_to_json(&run->results[i],
							    bench_noise_percent(run->mode)));
	put(o, "cases", cases);
	if (*run->flush_symbol)
		put_text(o, "flush_symbol", run->flush_symbol);
	if (*run->calls_reason)
		put_text(o, "calls_reason", run->calls_reason);
	if (run->nr_races) {
		json_object *races = json_object_new_array();

		for (size_t i = 0; i < run->nr_races; i++)
			json_object_array_add(races, race_to_json(&run->races[i],
							bench_noise_percent(run->mode)));
		put(o, "concurrency", races);
	}
	return o;
}

int bench_run_write(const struct bench_run *run, const char *path)
{
	json_object *o = bench_run_to_json(run);
	char temporary[4096];
	int ret = 0;

	errno = 0;
	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		ret = -ENAMETOOLONG;
	else if (json_object_to_file_ext(temporary, o,
					 JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE |
					 JSON_C_TO_STRING_SPACED))
		ret = errno ? -errno : -EIO;
	else if (rename(temporary, path))
		ret = -errno;
	json_object_put(o);
	return ret;
}

/* Readers return false for what does not fit; the file is refused as a whole then. */

static bool get_text(json_object *o, const char *key, char *buf, size_t size)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return false;
	return snprintf(buf, size, "%s", json_object_get_string(value)) < (int)size;
}

/*
 * A name of a case, a race or a kind of memory. It goes into tables, HTML and gnuplot's programs
 * as it is, so it has nothing in it that means something to any of them.
 */
static bool get_name(json_object *o, const char *key, char *buf, size_t size)
{
	if (!get_text(o, key, buf, size) || !*buf)
		return false;
	for (; *buf; buf++)
		if (!isalnum((unsigned char)*buf) && !strchr("-_./+", *buf))
			return false;
	return true;
}

static bool get_number(json_object *o, const char *key, uint64_t *number)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, json_type_int))
		return false;
	*number = json_object_get_uint64(value);
	return true;
}

/* Position of a text among names. */
static bool get_choice(json_object *o, const char *key, const char *(*name)(unsigned int),
		       unsigned int count, unsigned int *choice)
{
	char text[64];

	if (!get_text(o, key, text, sizeof(text)))
		return false;
	for (*choice = 0; *choice < count; ++*choice)
		if (!strcmp(text, name(*choice)))
			return true;
	return false;
}

static const char *mode_name(unsigned int i)
{
	return bench_mode_name(i);
}

static const char *state_name(unsigned int i)
{
	return bench_state_name(i);
}

static const char *status_name(unsigned int i)
{
	return status_names[i];
}

static bool read_series(json_object *o, struct bench_series *s)
{
	json_object *samples;

	if (!json_object_object_get_ex(o, "samples", &samples) ||
	    !json_object_is_type(samples, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(samples); i++) {
		json_object *value = json_object_array_get_idx(samples, i);

		if (!json_object_is_type(value, json_type_int) ||
		    bench_series_add(s, json_object_get_uint64(value)))
			return false;
	}
	return true;
}

static bool read_calls(json_object *of_backend, struct bench_calls *c)
{
	json_object *calls;

	if (!json_object_object_get_ex(of_backend, "calls", &calls))
		return true;
	c->known = true;
	for (int call = 0; call < BENCH_CALLS; call++)
		if (!get_number(calls, bench_call_name(call), &c->count[call]))
			return false;
	return true;
}

static bool read_ops(json_object *o, struct bench_result *r)
{
	json_object *ops, *by_backend, *series;

	if (!json_object_object_get_ex(o, "ops", &ops))
		return r->status != BENCH_MEASURED;
	for (int op = 0; op < BENCH_OPS; op++) {
		if (!json_object_object_get_ex(ops, bench_op_name(op), &by_backend))
			continue;
		for (int b = 0; b < BENCH_BACKENDS; b++)
			if (json_object_object_get_ex(by_backend, bench_backend_name(b), &series) &&
			    (!read_series(series, &r->ops[op][b]) ||
			     !read_calls(series, &r->calls[op][b])))
				return false;
	}
	if (json_object_object_get_ex(o, "touch", &series))
		return read_series(series, &r->touch);
	return true;
}

/* The member is younger than the schema: runs without it are runs without floors. */
static bool read_floor(json_object *o, struct bench_result *r)
{
	json_object *floor, *parts, *series;

	if (!json_object_object_get_ex(o, "floor", &floor))
		return true;
	get_text(floor, "reason", r->floor_reason, sizeof(r->floor_reason));
	if (!json_object_object_get_ex(floor, "parts", &parts))
		return false;
	for (int part = 0; part < BENCH_PARTS; part++)
		if (json_object_object_get_ex(parts, bench_part_name(part), &series) &&
		    !read_series(series, &r->parts[part]))
			return false;
	return true;
}

static bool read_memory(json_object *o, struct bench_result *r)
{
	json_object *memory, *of_backend, *slab, *all;

	if (!json_object_object_get_ex(o, "memory", &memory))
		return true;
	for (int b = 0; b < BENCH_BACKENDS; b++) {
		if (!json_object_object_get_ex(memory, bench_backend_name(b), &of_backend))
			continue;
		if (!json_object_object_get_ex(of_backend, "slab", &slab) ||
		    !json_object_object_get_ex(of_backend, "all", &all) ||
		    !json_object_is_type(slab, json_type_int) ||
		    !json_object_is_type(all, json_type_int) || !r->what.maps)
			return false;
		r->memory[b] = (struct bench_memory){ .known = true,
						      .slab = json_object_get_int64(slab),
						      .all = json_object_get_int64(all) };
	}
	return true;
}

static bool read_result(json_object *o, struct bench_result *r)
{
	unsigned int state, status;
	uint64_t maps;

	if (!get_name(o, "name", r->what.name, sizeof(r->what.name)) ||
	    !get_name(o, "kind", r->what.kind, sizeof(r->what.kind)) ||
	    !get_number(o, "size", &r->what.size) || !get_number(o, "maps", &maps) ||
	    maps > UINT32_MAX || !get_choice(o, "state", state_name, BENCH_STATES, &state) ||
	    !get_choice(o, "status", status_name, BENCH_STATUSES, &status))
		return false;
	r->what.maps = (unsigned int)maps;
	r->what.state = state;
	r->status = status;
	get_text(o, "reason", r->reason, sizeof(r->reason));
	get_number(o, "runs", &r->runs);
	return read_ops(o, r) && read_floor(o, r) && read_memory(o, r);
}

static bool read_race(json_object *o, struct bench_race *r)
{
	json_object *backends, *of_backend, *value;
	unsigned int status;

	if (!get_name(o, "name", r->name, sizeof(r->name)) ||
	    !get_text(o, "what", r->what, sizeof(r->what)) ||
	    !json_object_object_get_ex(o, "target", &value) ||
	    !get_choice(o, "status", status_name, BENCH_STATUSES, &status) ||
	    !json_object_object_get_ex(o, "backends", &backends))
		return false;
	r->target = json_object_get_double(value);
	/* json-c reads NaN and Infinity; nobody reads them when they are written. */
	if (!isfinite(r->target))
		return false;
	r->status = status;
	get_text(o, "reason", r->reason, sizeof(r->reason));
	for (int b = 0; b < BENCH_BACKENDS; b++) {
		if (!json_object_object_get_ex(backends, bench_backend_name(b), &of_backend))
			continue;
		if (!json_object_object_get_ex(of_backend, "part", &value) ||
		    !read_series(value, &r->part[b]) ||
		    !json_object_object_get_ex(of_backend, "whole", &value) ||
		    !read_series(value, &r->whole[b]))
			return false;
	}
	return true;
}

/* Runs without races have no such member. */
static bool read_races(json_object *o, struct bench_run *run)
{
	json_object *races;

	if (!json_object_object_get_ex(o, "concurrency", &races))
		return true;
	if (!json_object_is_type(races, json_type_array))
		return false;
	run->races = calloc(json_object_array_length(races) + 1, sizeof(*run->races));
	if (!run->races)
		return false;
	run->nr_races = json_object_array_length(races);
	for (size_t i = 0; i < run->nr_races; i++)
		if (!read_race(json_object_array_get_idx(races, i), &run->races[i]))
			return false;
	return true;
}

static bool read_run(json_object *o, struct bench_run *run)
{
	json_object *cases, *value;
	unsigned int mode;
	char schema[64];
	uint64_t version;

	if (!get_text(o, "schema", schema, sizeof(schema)) || strcmp(schema, BENCH_SCHEMA) ||
	    !get_number(o, "version", &version) || version != BENCH_SCHEMA_VERSION ||
	    !get_choice(o, "mode", mode_name, 2, &mode) ||
	    !get_number(o, "clock_overhead", &run->overhead) ||
	    !json_object_object_get_ex(o, "cases", &cases) ||
	    !json_object_is_type(cases, json_type_array))
		return false;
	run->mode = mode;
	get_text(o, "flush_symbol", run->flush_symbol, sizeof(run->flush_symbol));
	get_text(o, "calls_reason", run->calls_reason, sizeof(run->calls_reason));
	if (json_object_object_get_ex(o, "guest", &value))
		run->guest = json_object_get(value);
	if (json_object_object_get_ex(o, "host", &value))
		run->host = json_object_get(value);

	run->results = calloc(json_object_array_length(cases) + 1, sizeof(*run->results));
	if (!run->results)
		return false;
	run->count = json_object_array_length(cases);
	for (size_t i = 0; i < run->count; i++)
		if (!read_result(json_object_array_get_idx(cases, i), &run->results[i]))
			return false;
	return read_races(o, run);
}

int bench_run_from_json(json_object *o, struct bench_run *run)
{
	*run = (struct bench_run){ 0 };
	if (read_run(o, run))
		return 0;
	bench_run_free(run);
	return -EPROTO;
}

int bench_run_read(struct bench_run *run, const char *path)
{
	json_object *o;
	int ret;

	*run = (struct bench_run){ 0 };
	errno = 0;
	o = json_object_from_file(path);
	if (!o)
		return errno == ENOENT || errno == EACCES ? -errno : -EPROTO;
	ret = bench_run_from_json(o, run);
	json_object_put(o);
	return ret;
}
