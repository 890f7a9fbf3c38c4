// SPDX-License-Identifier: GPL-2.0-only
/*
 * command.c - what each command reads and how it answers.
 */
#include "command.h"
#include "json.h"
#include "picture.h"
#include "top.h"
#include "tree.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one container that was named, or all. */
static enum ht_code read_state(struct ht_source *s, const struct ht_options *o, unsigned int what,
			       struct ht_snapshot *snap)
{
	return o->has_id ? ht_source_one(s, o->id, what, snap) : ht_source_all(s, what, snap);
}

/* Print an object and give it up. */
static enum ht_code put_json(struct ht_source *s, json_object *o, FILE *out)
{
	const char *text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_NOSLASHESCAPE) :
			       NULL;

	if (text)
		fprintf(out, "%s\n", text);
	json_object_put(o);
	return text ? HT_OK : ht_problem_memory(&s->problem);
}

enum ht_code ht_command_top(struct ht_source *s, const struct ht_options *o, FILE *out)
{
	struct ht_snapshot snap;
	enum ht_code code;

	if (!o->once && !o->json && out == stdout && isatty(STDOUT_FILENO) &&
	    isatty(STDIN_FILENO)) {
		const int signal = ht_top(s, o->order, o->interval_ms, &code);

		/* Ctrl-C is one way to quit. */
		if (signal && signal != SIGINT)
			raise(signal);
		return code;
	}
	code = ht_source_all(s, 0, &snap);
	if (!code) {
		ht_rates(&snap, NULL);
		ht_table_sort(&snap, o->order);
		if (o->json)
			code = put_json(s, ht_json_containers("top", &snap), out);
		else
			ht_table_print(out, &snap);
	}
	ht_snapshot_free(&snap);
	return code;
}

enum ht_code ht_command_show(struct ht_source *s, const struct ht_options *o, FILE *out)
{
	struct ht_snapshot snap;
	enum ht_code code = read_state(s, o, HT_READ_MAPPINGS | HT_READ_INCOHERENT, &snap);

	if (!code && o->json)
		code = put_json(s, ht_json_containers("show", &snap), out);
	else if (!code && !snap.nr)
		fprintf(out, "no containers\n");
	for (size_t i = 0; !code && !o->json && i < snap.nr; i++) {
		if (i)
			fputc('\n', out);
		if (ht_show(out, &snap.containers[i]))
			code = ht_problem_memory(&s->problem);
	}
	ht_snapshot_free(&snap);
	return code;
}

static enum ht_code write_svg(struct ht_source *s, const char *path, const struct ht_picture *p,
			      const struct ht_container *c)
{
	FILE *f = fopen(path, "we");
	bool whole;

	if (!f)
		return ht_problem(&s->problem, HT_FAILED, "%s: %s", path, strerror(errno));
	ht_svg(f, p, c);
	whole = !ferror(f);
	if (fclose(f) || !whole)
		return ht_problem(&s->problem, HT_FAILED, "%s: %s", path, strerror(errno));
	return HT_OK;
}

enum ht_code ht_command_map(struct ht_source *s, const struct ht_options *o, FILE *out)
{
	const bool colour = out == stdout && isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	struct ht_picture picture = { 0 };
	struct ht_snapshot snap;
	enum ht_code code;

	code = ht_source_one(s, o->id, HT_READ_MAPPINGS | HT_READ_INCOHERENT, &snap);
	if (!code && ht_picture(&picture, snap.containers, o->rows))
		code = ht_problem_memory(&s->problem);
	if (!code && o->svg)
		code = write_svg(s, o->svg, &picture, snap.containers);
	if (!code && o->json)
		code = put_json(s, ht_json_map(&picture, snap.containers), out);
	else if (!code)
		ht_picture_print(out, &picture, snap.containers, colour);
	ht_picture_free(&picture);
	ht_snapshot_free(&snap);
	return code;
}

enum ht_code ht_command_incoherent(struct ht_source *s, const struct ht_options *o, FILE *out)
{
	struct ht_snapshot snap;
	enum ht_code code = read_state(s, o, HT_READ_MAPPINGS | HT_READ_INCOHERENT, &snap);
	size_t found = 0;

	for (size_t i = 0; !code && i < snap.nr; i++)
		found += snap.containers[i].nr_incoherent;
	if (!code && o->json)
		code = put_json(s, ht_json_containers("incoherent", &snap), out);
	else if (!code)
		ht_incoherent(out, &snap);
	ht_snapshot_free(&snap);
	return code ? code : found ? HT_INCOHERENT : HT_OK;
}

enum ht_code ht_command_stat(struct ht_source *s, const struct ht_options *o, FILE *out)
{
	struct ht_totals totals = { 0 };
	struct ht_snapshot snap;
	enum ht_code code = ht_source_all(s, 0, &snap);

	if (!code && ht_totals(&totals, &snap))
		code = ht_problem_memory(&s->problem);
	if (!code && o->json)
		code = put_json(s, ht_json_stat(&totals), out);
	else if (!code)
		ht_stat(out, &totals);
	ht_totals_free(&totals);
	ht_snapshot_free(&snap);
	return code;
}
