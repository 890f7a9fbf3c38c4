// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_run.c - a recorded run of the benchmark, and everything that is drawn from it.
 *
 * An input is its JSON, a part "==run", and edits of that, "==edits". What is taken can be written
 * in every form, no form has more in it than the run, and written as JSON it reads the same.
 */
#include "json_again.h"

#include "bench/html.h"
#include "bench/plot.h"
#include "bench/result.h"
#include "bench/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the run says about where it ran is passed on as it is. */
static bool run_is_strict(const struct bench_run *run)
{
	return !run->host && !run->guest;
}

/* A table cell or a link, but nothing that the run brought with it. */
static void check_html(const struct fz_text *t)
{
	FZ_MUST(strstr(t->at, "</html>") && !strstr(t->at, "<x"));
}

/* A line of a program: strings end, and nothing is for the shell but between single quotes. */
static void check_command(const char *at, const char *end)
{
	char inside = '\0';

	for (; at < end; at++) {
		FZ_MUST(*at != '`' || inside == '\'');
		FZ_MUST(*at != '\\' || inside != '"');
		if (inside == *at)
			inside = '\0';
		else if (!inside && (*at == '"' || *at == '\''))
			inside = *at;
	}
	FZ_MUST(!inside);
}

/* A line of data: a label, three numbers, the ratio. */
static void check_bar(const char *at, const char *end)
{
	unsigned int quotes = 0;

	FZ_MUST(*at == '"');
	for (; at < end; at++) {
		quotes += *at == '"';
		FZ_MUST(*at != '`' && *at != '\\');
	}
	FZ_MUST(quotes == 4);
}

static void check_gnuplot(const struct fz_text *t)
{
	bool data = false;

	for (const char *line = t->at, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		FZ_MUST(end);
		for (const char *at = line; at < end; at++)
			FZ_MUST((unsigned char)*at >= ' ');
		if (*line == '$')
			data = true;
		else if (!strncmp(line, "END\n", 4))
			data = false;
		else if (data)
			check_bar(line, end);
		else
			check_command(line, end);
	}
	FZ_MUST(!data);
}

static bool same(const struct bench_result *a, const struct bench_result *b)
{
	return !strcmp(a->what.name, b->what.name) && !strcmp(a->what.kind, b->what.kind) &&
	       a->what.size == b->what.size && a->what.maps == b->what.maps &&
	       a->what.state == b->what.state && a->status == b->status &&
	       !strcmp(a->reason, b->reason) && a->runs == b->runs;
}

static void check_again(const struct bench_run *run)
{
	json_object *written = bench_run_to_json(run), *twice;
	struct bench_run again;
	const char *text;

	fz_json_again(written, run_is_strict(run));
	/* What was written has numbers in the words of the run; what is read has them anew. */
	text = json_object_to_json_string(written);
	twice = fz_json(text, strlen(text));
	FZ_MUST(!bench_run_from_json(twice, &again));
	json_object_put(twice);
	FZ_MUST(again.count == run->count && again.nr_races == run->nr_races);
	for (size_t i = 0; i < run->count; i++)
		FZ_MUST(same(&run->results[i], &again.results[i]));
	twice = bench_run_to_json(&again);
	FZ_MUST(!strcmp(json_object_to_json_string(twice), text));
	json_object_put(twice);
	json_object_put(written);
	bench_run_free(&again);
}

static void check_forms(const struct bench_run *run)
{
	static const char *const none[] = { NULL };
	struct fz_text t;
	int ret;

	bench_table_text(fz_text_begin(&t), run, false);
	fz_text_done(&t);
	FZ_MUST(t.len && t.at[t.len - 1] == '\n');
	fz_text_free(&t);
	bench_table_text(fz_text_begin(&t), run, true);
	fz_text_done(&t);
	fz_text_free(&t);
	bench_table_markdown(fz_text_begin(&t), run, 1, NULL);
	fz_text_done(&t);
	fz_text_free(&t);
	bench_html(fz_text_begin(&t), run, none, 1);
	fz_text_done(&t);
	check_html(&t);
	fz_text_free(&t);
	ret = bench_plot_gnuplot(fz_text_begin(&t), run, "run.svg");
	fz_text_done(&t);
	FZ_MUST(!ret || ret == -ENODATA);
	if (!ret)
		check_gnuplot(&t);
	fz_text_free(&t);
}

void fz_target(const uint8_t *in, size_t len)
{
	struct fz_bytes rest = { in, len }, part;
	json_object *o = NULL;
	struct bench_run run;
	char name[16];
	int ret;

	while (fz_next_part(&rest, name, sizeof(name), &part)) {
		if (!o && !strcmp(name, "run"))
			o = fz_json_of(part);
		else if (!strcmp(name, "edits"))
			fz_json_edit(o, part);
	}
	ret = bench_run_from_json(o, &run);
	json_object_put(o);
	FZ_MUST(!ret || ret == -EPROTO || ret == -ENOMEM);
	if (ret)
		return;
	check_again(&run);
	check_forms(&run);
	bench_run_free(&run);
}
