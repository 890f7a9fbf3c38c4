// SPDX-License-Identifier: GPL-2.0-only
/*
 * html.c - the report of a run as one page.
 *
 * Everything a target or a kernel has written goes through hf_markup_text(): an input may have
 * made it say anything.
 */
#include "run.h"
#include "counts.h"
#include "store.h"

#include <holdfast/markup.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Of a kernel log in the page; the whole of it is in the finding's folder. */
#define LOG_BYTES 20000

static const char head[] =
	"<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n"
	"<meta name=viewport content=\"width=device-width\">\n<title>holdfast fuzz</title>\n"
	"<style>\n"
	"body{font:15px/1.45 sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#222}\n"
	"table{border-collapse:collapse;font-size:14px}\n"
	"th,td{padding:.15em .7em;border-bottom:1px solid #e4e4e4;text-align:left;vertical-align:top}\n"
	"th{border-bottom:2px solid #999}\n"
	".n{text-align:right;font-variant-numeric:tabular-nums}\n"
	".good{color:#126b2f}.bad{color:#b00020;font-weight:bold}\n"
	"svg{max-width:100%;height:auto}\n"
	"pre{background:#f6f6f6;padding:.6em;overflow-x:auto;font-size:13px}\n"
	"dl{display:grid;grid-template-columns:max-content auto;gap:.1em 1em;font-size:14px}\n"
	"dd{margin:0;overflow-wrap:anywhere}\n"
	"</style>\n<h1>holdfast fuzz</h1>\n";

/* False: too long for a path. */
static bool path_in(char path[PATH_MAX], const char *folder, const char *name, const char *file)
{
	return (size_t)snprintf(path, PATH_MAX, "%s/%s%s%s", folder, name, *name ? "/" : "",
				file) < PATH_MAX;
}

static void inline_svg(FILE *out, const char *folder, const char *file)
{
	char path[PATH_MAX];

	if (path_in(path, folder, "", file) && !hf_markup_svg(out, path))
		fputc('\n', out);
}

static void inline_text(FILE *out, const char *store, const char *name, const char *file,
			const char *what)
{
	char path[PATH_MAX], line[1024];
	size_t left = LOG_BYTES;
	FILE *f;

	f = path_in(path, store, name, file) ? fopen(path, "re") : NULL;
	if (!f)
		return;
	fprintf(out, "<p>%s\n<pre>", what);
	while (fgets(line, sizeof(line), f) && left > strlen(line)) {
		hf_markup_text(out, line);
		left -= strlen(line);
	}
	fclose(f);
	fputs("</pre>\n", out);
}

static void item(FILE *out, const char *what, const char *format, double value)
{
	fprintf(out, "<dt>%s<dd>", what);
	fprintf(out, format, value);
	fputc('\n', out);
}

static void summary(FILE *out, const char *folder, const struct fz_run *r, size_t findings)
{
	char path[PATH_MAX];
	json_object *about = NULL;

	fputs("<dl>\n", out);
	if ((size_t)snprintf(path, sizeof(path), "%s/run.json", folder) < sizeof(path))
		about = json_object_from_file(path);
	if (json_object_is_type(about, json_type_object)) {
		json_object_object_foreach(about, key, value) {
			fputs("<dt>", out);
			hf_markup_text(out, key);
			fputs("<dd>", out);
			hf_markup_text(out, value ? json_object_get_string(value) : "");
			fputc('\n', out);
		}
	}
	json_object_put(about);
	item(out, "executions", "%.0f", r->execs);
	item(out, "coverage edges", "%.0f", r->edges);
	item(out, "corpus", "%.0f", r->corpus);
	item(out, "stability", "%.2f %%", r->stability);
	item(out, "oracle checks", "%.0f", (double)r->checks);
	item(out, "findings", "%.0f", (double)findings);
	fputs("</dl>\n", out);
}

static void operations(FILE *out, const struct fz_stats *s)
{
	fputs("<h2>Operations</h2>\n<table>\n<tr><th>operation<th class=n>played<th class=n>succeeded"
	      "<th class=n>skipped<th>other answers\n", out);
	for (unsigned int code = 0; code < FZ_CODES; code++) {
		uint64_t played = 0, rest = 0;
		const char *space = "";

		for (unsigned int a = 0; a < FZ_ANSWERS; a++)
			played += s->answers[code][a];
		fprintf(out, "<tr><td>%s<td class=\"n%s\">%llu<td class=n>%llu<td class=n>%llu<td>",
			fz_op_desc(code)->name, played ? "" : " bad", (unsigned long long)played,
			(unsigned long long)s->answers[code][0], (unsigned long long)s->skipped[code]);
		for (unsigned int a = 1; a < FZ_ANSWERS; a++) {
			if (!s->answers[code][a])
				continue;
			if (!strcmp(fz_counts_answer(a), "other")) {
				rest += s->answers[code][a];
				continue;
			}
			fprintf(out, "%s%s %llu", space, fz_counts_answer(a),
				(unsigned long long)s->answers[code][a]);
			space = ", ";
		}
		if (rest)
			fprintf(out, "%sother %llu", space, (unsigned long long)rest);
		fputc('\n', out);
	}
	fputs("</table>\n", out);
}

static void oracles(FILE *out, const struct fz_stats *s)
{
	fputs("<h2>Oracles</h2>\n<table>\n<tr><th>oracle<th class=n>checks\n", out);
	for (int o = 0; o < FZ_ORACLES; o++)
		fprintf(out, "<tr><td>%s<td class=\"n%s\">%llu\n", fz_oracle_name(o),
			s->checks[o] ? "" : " bad", (unsigned long long)s->checks[o]);
	fputs("</table>\n", out);
}

static void finding_row(FILE *out, json_object *f)
{
	const char *state = fz_text(f, "state");

	fputs("<tr><td><a href=\"#", out);
	hf_markup_text(out, fz_text(f, "signature"));
	fputs("\">", out);
	hf_markup_text(out, fz_text(f, "signature"));
	fprintf(out, "</a><td>");
	hf_markup_text(out, fz_text(f, "kind"));
	fputs("<td>", out);
	hf_markup_text(out, fz_text(f, "oracle"));
	fprintf(out, "<td class=n>%.0f<td>", fz_number(f, "count"));
	hf_markup_text(out, state);
	if (fz_number(f, "replays"))
		fprintf(out, " (%.0f of %.0f)", fz_number(f, "same"), fz_number(f, "replays"));
	fprintf(out, "<td class=n>%.0f<td>", fz_number(f, "seconds"));
	hf_markup_text(out, fz_text(f, "profile"));
	fputs("<td>", out);
	hf_markup_text(out, fz_text(f, "text"));
	fputc('\n', out);
}

static void finding_details(FILE *out, const char *store, json_object *f)
{
	const char *name = fz_text(f, "signature");

	fputs("<h3 id=\"", out);
	hf_markup_text(out, name);
	fputs("\">", out);
	hf_markup_text(out, name);
	fputs("</h3>\n<p>", out);
	hf_markup_text(out, fz_text(f, "text"));
	fputs("\n<p><code>make repro F=", out);
	hf_markup_text(out, name);
	fputs("</code>\n", out);
	inline_text(out, store, name, "minimised.txt", "Minimised:");
	inline_text(out, store, name, "input.txt", "As it was found:");
	inline_text(out, store, name, "kernel.log", "The kernel said:");
}

void fz_run_html(FILE *out, const char *folder, const struct fz_run *r, const char *store,
		 json_object *findings)
{
	const size_t count = json_object_array_length(findings);

	fputs(head, out);
	summary(out, folder, r, count);
	fputs("<h2>Over time</h2>\n", out);
	inline_svg(out, folder, "edges.svg");
	inline_svg(out, folder, "rate.svg");
	fputs("<h2>Findings</h2>\n", out);
	if (!count) {
		fputs("<p class=good>None.\n", out);
	} else {
		fputs("<table>\n<tr><th>signature<th>kind<th>oracle<th class=n>seen<th>replayed"
		      "<th class=n>first after s<th>profile<th>what\n", out);
		for (size_t i = 0; i < count; i++)
			finding_row(out, json_object_array_get_idx(findings, i));
		fputs("</table>\n", out);
	}
	operations(out, &r->counts);
	oracles(out, &r->counts);
	inline_text(out, folder, "", "points.txt",
		    "Points of the module: passed, there are, in which function");
	for (size_t i = 0; i < count; i++)
		finding_details(out, store, json_object_array_get_idx(findings, i));
	fputs("</html>\n", out);
}
