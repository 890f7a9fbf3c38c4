// SPDX-License-Identifier: GPL-2.0-only
/*
 * result.c - the model of a run: names and derived numbers.
 */
#include "result.h"

#include <stdlib.h>

static const char *const backend_names[BENCH_BACKENDS] = { "stock", "holdfast" };
static const char *const state_names[BENCH_STATES] = { "prefaulted", "never-faulted", "-" };
static const char *const op_names[BENCH_OPS] = { "map", "unmap", "unmap-all", "null" };
static const char *const part_names[BENCH_PARTS] = {
	"null", "pin", "iommu_map", "iommu_unmap", "iommu_unmap_whole", "unpin",
};

static const char *const call_names[BENCH_CALLS] = { "iommu_map", "iommu_unmap", "flush" };

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

const char *bench_part_name(enum bench_part part)
{
	return part_names[part];
}

const char *bench_call_name(enum bench_call call)
{
	return call_names[call];
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

double bench_result_floor(const struct bench_result *r, enum bench_op op)
{
	static const unsigned int needs[BENCH_OPS] = {
		[BENCH_MAP] = 1u << BENCH_PART_NULL | 1u << BENCH_PART_PIN | 1u << BENCH_PART_MAP,
		[BENCH_UNMAP] = 1u << BENCH_PART_NULL | 1u << BENCH_PART_UNMAP |
				1u << BENCH_PART_UNPIN,
		[BENCH_UNMAP_ALL] = 1u << BENCH_PART_NULL | 1u << BENCH_PART_UNMAP_WHOLE |
				    1u << BENCH_PART_UNPIN,
	};
	double sum = 0.0;

	if (!needs[op])
		return -1.0;
	for (int part = 0; part < BENCH_PARTS; part++) {
		double cost;

		if (!(needs[op] >> part & 1))
			continue;
		if (!r->parts[part].count)
			return -1.0;
		cost = (double)bench_series_median(&r->parts[part]);
		if (part == BENCH_PART_NULL && op != BENCH_UNMAP_ALL)
			cost *= r->what.maps;
		sum += cost;
	}
	if (op == BENCH_MAP && r->what.state == BENCH_NEVER_FAULTED) {
		if (!r->touch.count)
			return -1.0;
		sum += (double)bench_series_median(&r->touch);
	}
	return sum;
}

double bench_result_over_floor(const struct bench_result *r, enum bench_op op,
			       enum bench_backend backend)
{
	const struct bench_series *s = &r->ops[op][backend];
	const double floor = bench_result_floor(r, op);

	if (!s->count || floor <= 0)
		return -1.0;
	return (double)bench_series_median(s) / floor;
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

/* Millionths; the limit of what can be told where it is more. */
static uint64_t ppm_of(uint64_t part, uint64_t whole)
{
	const double ppm = 1e6 * (double)part / (double)whole;

	return ppm < 0x1p64 ? (uint64_t)ppm : UINT64_MAX;
}

double bench_race_ratio(const struct bench_race *r, enum bench_backend backend)
{
	const struct bench_series *part = &r->part[backend], *whole = &r->whole[backend];
	struct bench_series ppm = { 0 };

	if (!part->count || part->count != whole->count)
		return -1.0;
	for (unsigned int i = 0; i < part->count; i++) {
		if (!whole->values[i])
			return -1.0;
		bench_series_add(&ppm, ppm_of(part->values[i], whole->values[i]));
	}
	return (double)bench_series_median(&ppm) / 1e6;
}

bool bench_run_has_floors(const struct bench_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		for (int op = 0; op < BENCH_OPS; op++)
			if (bench_result_floor(&run->results[i], op) >= 0)
				return true;
	return false;
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

	if (!json_object_object_get_ex(run->host, key, &value) &&
	    !json_object_object_get_ex(run->guest, key, &value))
		return "";
	/* JSON's null is no object to json-c. */
	return value ? json_object_get_string(value) : "";
}

void bench_run_free(struct bench_run *run)
{
	free(run->results);
	free(run->races);
	json_object_put(run->guest);
	json_object_put(run->host);
	*run = (struct bench_run){ 0 };
}
