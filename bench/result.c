// SPDX-License-Identifier: GPL-2.0-only
/*
 * result.c - the model of a run: names and derived numbers.
 */
#include "result.h"

#include <stdlib.h>

static const char *const backend_names[BENCH_BACKENDS] = { "stock", "holdfast" };
static const char *const state_names[BENCH_STATES] = { "prefaulted", "never-faulted", "-" };
static const char *const op_names[BENCH_OPS] = { "map", "unmap", "unmap-all", "null" };

const char *bench_backend_name(enum bench_backend backend)
{
	return backend_names[backend];
}

const char *bench_state_name(enum bench_state state)
{
	return state_names[state];
}

const char *bench_op_name(enum bench_op op)
{
	return op_names[op];
}

uint64_t bench_case_pages(const struct bench_case *c)
{
	const uint64_t pages = c->size / BENCH_PAGE * c->maps;

	return pages ? pages : 1;
}

double bench_result_per_page(const struct bench_result *r, enum bench_op op,
			     enum bench_backend backend)
{
	const struct bench_series *s = &r->ops[op][backend];

	if (!s->count)
		return -1.0;
	return (double)bench_series_median(s) / (double)bench_case_pages(&r->what);
}

double bench_result_gain(const struct bench_result *r, enum bench_op op)
{
	const struct bench_series *stock = &r->ops[op][BENCH_STOCK];
	const struct bench_series *ours = &r->ops[op][BENCH_HOLDFAST];

	if (!stock->count || !ours->count || !bench_series_median(ours))
		return -1.0;
	return (double)bench_series_median(stock) / (double)bench_series_median(ours);
}

double bench_noise_percent(enum bench_mode mode)
{
	return mode == BENCH_COUNT ? 2.0 : 20.0;
}

bool bench_result_loss(const struct bench_result *r, enum bench_op op, enum bench_mode mode)
{
	const double gain = bench_result_gain(r, op);

	return op != BENCH_NULL && gain >= 0 && gain < (mode == BENCH_COUNT ? 0.998 : 0.95);
}

bool bench_run_has(const struct bench_run *run, enum bench_backend backend)
{
	for (size_t i = 0; i < run->count; i++)
		for (int op = 0; op < BENCH_OPS; op++)
			if (run->results[i].ops[op][backend].count)
				return true;
	return false;
}

const char *bench_run_text(const struct bench_run *run, const char *key)
{
	json_object *value;

	if (json_object_object_get_ex(run->host, key, &value) ||
	    json_object_object_get_ex(run->guest, key, &value))
		return json_object_get_string(value);
	return "";
}

void bench_run_free(struct bench_run *run)
{
	free(run->results);
	json_object_put(run->guest);
	json_object_put(run->host);
	*run = (struct bench_run){ 0 };
}
