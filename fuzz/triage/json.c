// SPDX-License-Identifier: GPL-2.0-only
/*
 * json.c - a run in short, for machines and for results/: how it was run, how far it got, what
 * was played and asked, what was found.
 */
#include "run.h"
#include "counts.h"
#include "store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Points of the timeline that are kept, roughly. */
#define POINTS 120

static json_object *number(uint64_t n)
{
	return json_object_new_int64((int64_t)n);
}

static FILE *open_timeline(const char *folder)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/timeline", folder) >= sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/* Every so manyth line, and the last. @seconds: out: the last one's. */
static json_object *timeline(const char *folder, double *seconds)
{
	json_object *all = json_object_new_array(), *last = NULL;
	FILE *f = open_timeline(folder);
	unsigned int lines = 0, n = 0;
	char line[256];

	*seconds = 0;
	while (f && fgets(line, sizeof(line), f))
		lines++;
	if (f)
		rewind(f);
	while (f && fgets(line, sizeof(line), f)) {
		double v[6];

		if (sscanf(line, "%lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4],
			   &v[5]) != 6)
			continue;
		*seconds = v[0];
		json_object_put(last);
		last = json_object_new_object();
		json_object_object_add(last, "seconds", number((uint64_t)v[0]));
		json_object_object_add(last, "executions", number((uint64_t)v[1]));
		json_object_object_add(last, "edges", number((uint64_t)v[3]));
		json_object_object_add(last, "corpus", number((uint64_t)v[4]));
		if (n++ % (lines / POINTS + 1) == 0) {
			json_object_array_add(all, last);
			last = NULL;
		}
	}
	if (last)
		json_object_array_add(all, last);
	if (f)
		fclose(f);
	return all;
}

static json_object *operation(const struct fz_stats *s, unsigned int code)
{
	json_object *o = json_object_new_object(), *answers = json_object_new_object();
	uint64_t played = 0, other = 0;

	for (unsigned int a = 0; a < FZ_ANSWERS; a++) {
		const uint64_t n = s->answers[code][a];

		played += n;
		if (!n)
			continue;
		if (!strcmp(fz_counts_answer(a), "other"))
			other += n;
		else
			json_object_object_add(answers, a ? fz_counts_answer(a) : "0", number(n));
	}
	if (other)
		json_object_object_add(answers, "other", number(other));
	json_object_object_add(o, "played", number(played));
	json_object_object_add(o, "skipped", number(s->skipped[code]));
	json_object_object_add(o, "answers", answers);
	return o;
}

/* Of each finding what tells it from others. */
static json_object *found(json_object *findings)
{
	static const char *const members[] = { "signature", "kind",  "oracle", "state",
					       "count",	    "seconds", "text" };
	json_object *all = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(findings); i++) {
		json_object *from = json_object_array_get_idx(findings, i), *to, *v;

		to = json_object_new_object();
		for (size_t k = 0; k < sizeof(members) / sizeof(*members); k++)
			if (json_object_object_get_ex(from, members[k], &v))
				json_object_object_add(to, members[k], json_object_get(v));
		json_object_array_add(all, to);
	}
	return all;
}

json_object *fz_run_json(const char *folder, const struct fz_run *r, json_object *findings)
{
	json_object *out = json_object_new_object(), *checks = json_object_new_object();
	json_object *operations = json_object_new_object(), *about = NULL, *points;
	char path[PATH_MAX];
	double seconds;

	if ((size_t)snprintf(path, sizeof(path), "%s/run.json", folder) < sizeof(path))
		about = json_object_from_file(path);
	if (json_object_is_type(about, json_type_object)) {
		json_object_object_foreach(about, key, value)
			/* What was asked for is not how long it took. */
			if (strcmp(key, "seconds"))
				json_object_object_add(out, key, json_object_get(value));
	}
	json_object_put(about);
	points = timeline(folder, &seconds);
	json_object_object_add(out, "seconds", number((uint64_t)seconds));
	json_object_object_add(out, "executions", number((uint64_t)r->execs));
	json_object_object_add(out, "edges", number((uint64_t)r->edges));
	json_object_object_add(out, "corpus", number((uint64_t)r->corpus));
	json_object_object_add(out, "stability", json_object_new_double_s(
		r->stability, (snprintf(path, sizeof(path), "%.2f", r->stability), path)));
	for (int o = 0; o < FZ_ORACLES; o++)
		json_object_object_add(checks, fz_oracle_name(o), number(r->counts.checks[o]));
	json_object_object_add(out, "checks", checks);
	for (unsigned int code = 0; code < FZ_CODES; code++)
		json_object_object_add(operations, fz_op_desc(code)->name,
				       operation(&r->counts, code));
	json_object_object_add(out, "operations", operations);
	json_object_object_add(out, "findings", found(findings));
	json_object_object_add(out, "timeline", points);
	return out;
}
