// SPDX-License-Identifier: GPL-2.0-only
/*
 * table.c - rows from results, and three ways to write them.
 *
 * A row is computed once (struct row) and then only printed, so all forms show the same.
 */
#include "table.h"
#include "format.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIM "\033[2m"
#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

/* A row as text; a value that is not there is "-". */
struct row {
	const struct bench_result *result;
	enum bench_op op;
	char size[BENCH_TEXT];
	char stock[BENCH_TEXT];
	char holdfast[BENCH_TEXT];
	char gain_text[BENCH_TEXT];
	double gain;
	enum { NEITHER, GOOD, BAD } tone;
	bool unsteady;
};

static bool has_row(const struct bench_result *r, enum bench_op op)
{
	return r->status == BENCH_MEASURED &&
	       (r->ops[op][BENCH_STOCK].count || r->ops[op][BENCH_HOLDFAST].count);
}

static void value_text(char buf[BENCH_TEXT], double value)
{
	if (value < 0)
		snprintf(buf, BENCH_TEXT, "-");
	else
		bench_format_value(buf, value);
}

static void size_text(char buf[BENCH_TEXT], const struct bench_case *c)
{
	char size[BENCH_TEXT];

	bench_format_size(size, c->size);
	if (!c->size)
		snprintf(buf, BENCH_TEXT, "-");
	else if (c->maps > 1)
		snprintf(buf, BENCH_TEXT, "%u x %.10s", c->maps, size);
	else
		snprintf(buf, BENCH_TEXT, "%s", size);
}

static struct row make_row(const struct bench_run *run, const struct bench_result *r,
			   enum bench_op op)
{
	struct row row = { .result = r, .op = op, .gain = bench_result_gain(r, op) };
	const double noise = bench_noise_percent(run->mode);

	size_text(row.size, &r->what);
	value_text(row.stock, bench_result_per_page(r, op, BENCH_STOCK));
	value_text(row.holdfast, bench_result_per_page(r, op, BENCH_HOLDFAST));
	snprintf(row.gain_text, sizeof(row.gain_text), "-");
	if (row.gain >= 0)
		bench_format_ratio(row.gain_text, row.gain);
	row.unsteady = !bench_series_agrees(&r->ops[op][BENCH_STOCK], noise) ||
		       !bench_series_agrees(&r->ops[op][BENCH_HOLDFAST], noise);
	row.tone = bench_result_loss(r, op, run->mode) ? BAD : row.gain >= 1.0 ? GOOD : NEITHER;
	return row;
}

static void rule(FILE *out)
{
	for (int i = 0; i < 91; i++)
		fputs("─", out);
	fputc('\n', out);
}

static void text_row(FILE *out, const struct row *row, const char *kind, bool colour)
{
	static const char *const tints[] = { [NEITHER] = "", [GOOD] = GREEN, [BAD] = RED };
	const char *tint = colour ? tints[row->tone] : "";

	fprintf(out, "%-17s %9s  %-13s  %-9s  %12s  %12s  %s%8s%s%s\n", kind, row->size,
		bench_state_name(row->result->what.state), bench_op_name(row->op), row->stock,
		row->holdfast, tint, row->gain_text, *tint ? PLAIN : "",
		row->unsteady ? " *" : "");
}

static void text_touch(FILE *out, const struct bench_result *r, bool colour)
{
	char value[BENCH_TEXT];

	bench_format_value(value, (double)bench_series_median(&r->touch) /
					  (double)bench_case_pages(&r->what));
	fprintf(out, "%s%-17s %9s  %-13s  %-9s  %12s%s\n", colour ? DIM : "", "", "", "",
		"(touch)", value, colour ? PLAIN : "");
}

static size_t count_status(const struct bench_run *run, enum bench_status status)
{
	size_t n = 0;

	for (size_t i = 0; i < run->count; i++)
		n += run->results[i].status == status;
	return n;
}

static void text_reasons(FILE *out, const struct bench_run *run, enum bench_status status,
			 const char *heading)
{
	if (!count_status(run, status))
		return;
	fprintf(out, "%s:\n", heading);
	for (size_t i = 0; i < run->count; i++)
		if (run->results[i].status == status)
			fprintf(out, "  %s: %s\n", run->results[i].what.name,
				run->results[i].reason);
}

/* Where holdfast costs more than stock, nobody should have to search. */
static void text_losses(FILE *out, const struct bench_run *run)
{
	unsigned int losses = 0, rows = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *r = &run->results[i];

		for (int op = 0; op < BENCH_OPS; op++) {
			char text[BENCH_TEXT];

			if (!has_row(r, op) || bench_result_gain(r, op) < 0)
				continue;
			rows++;
			if (!bench_result_loss(r, op, run->mode))
				continue;
			bench_format_ratio(text, bench_result_gain(r, op));
			fprintf(out, "%s %s %s (%s)", losses++ ? "," : "Dearer than stock:",
				r->what.name, bench_op_name(op), text);
		}
	}
	if (losses)
		fputc('\n', out);
	else if (rows)
		fprintf(out, "holdfast is at or below stock in all %u rows (within %s %%).\n", rows,
			run->mode == BENCH_COUNT ? "0.2" : "5");
}

static bool any_touch(const struct bench_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->results[i].touch.count)
			return true;
	return false;
}

bool bench_table_colour(FILE *out)
{
	const char *term = getenv("TERM");

	return isatty(fileno(out)) && term && strcmp(term, "dumb") && !getenv("NO_COLOR");
}

void bench_table_text(FILE *out, const struct bench_run *run, bool colour)
{
	const char *previous = "";
	bool unsteady = false;

	fprintf(out, "%sLinux %s, %s IOMMU: %s per 4K page%s\n", colour ? BOLD : "",
		bench_run_text(run, "kernel"), bench_run_text(run, "iommu"),
		bench_mode_unit(run->mode), colour ? PLAIN : "");
	rule(out);
	fprintf(out, "%-17s %9s  %-13s  %-9s  %12s  %12s  %8s\n", "backing", "size", "state", "op",
		"stock", "holdfast", "ratio");
	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *r = &run->results[i];
		const bool fresh = strcmp(previous, r->what.kind) != 0;
		bool first = true;

		for (int op = 0; op < BENCH_OPS; op++) {
			struct row row;

			if (!has_row(r, op))
				continue;
			row = make_row(run, r, op);
			if (first && fresh)
				rule(out);
			text_row(out, &row, first && fresh ? r->what.kind : "", colour);
			unsteady |= row.unsteady;
			first = false;
			if (op == BENCH_MAP && r->touch.count)
				text_touch(out, r, colour);
		}
		if (!first)
			previous = r->what.kind;
	}
	rule(out);
	fprintf(out, "ratio: stock / holdfast, above 1 holdfast is cheaper.");
	if (any_touch(run))
		fprintf(out, " (touch): a plain loop faulting the same memory in.");
	fputc('\n', out);
	if (unsteady)
		fprintf(out, "*: repetitions were more than %.0f %% apart; the median is shown.\n",
			bench_noise_percent(run->mode));
	text_losses(out, run);
	if (!bench_run_has(run, BENCH_HOLDFAST))
		fprintf(out, "Stock only: vfio_iommu_holdfast was not loaded or not asked for.\n");
	text_reasons(out, run, BENCH_SKIPPED, "Skipped");
	text_reasons(out, run, BENCH_FAILED, "FAILED");
}

static const struct bench_result *find(const struct bench_run *run, const char *name)
{
	for (size_t i = 0; i < run->count; i++)
		if (!strcmp(run->results[i].what.name, name))
			return &run->results[i];
	return NULL;
}

static void markdown_cells(FILE *out, const struct bench_run *run, const struct bench_result *r,
			   enum bench_op op)
{
	struct row row;

	if (!r || !has_row(r, op)) {
		fputs(" - | - | - |", out);
		return;
	}
	row = make_row(run, r, op);
	fprintf(out, " %s | %s | %s |", row.stock, row.holdfast, row.gain_text);
}

void bench_table_markdown(FILE *out, const struct bench_run *runs, size_t count,
			  const char *only)
{
	fputs("| backing | size | state | op |", out);
	for (size_t n = 0; n < count; n++) {
		const char *profile = bench_run_text(&runs[n], "profile");

		if (!*profile)
			profile = bench_run_text(&runs[n], "kernel");
		fprintf(out, " %s stock | holdfast | ratio |", profile);
	}
	fputs("\n|---|--:|---|---|", out);
	for (size_t n = 0; n < count; n++)
		fputs("--:|--:|--:|", out);
	fputc('\n', out);

	for (size_t i = 0; count && i < runs[0].count; i++) {
		const struct bench_result *r = &runs[0].results[i];

		for (int op = 0; op < BENCH_OPS; op++) {
			char size[BENCH_TEXT];

			if (!has_row(r, op) || !bench_list_has(only, r->what.name))
				continue;
			size_text(size, &r->what);
			fprintf(out, "| %s | %s | %s | %s |", r->what.kind, size,
				bench_state_name(r->what.state), bench_op_name(op));
			for (size_t n = 0; n < count; n++)
				markdown_cells(out, &runs[n], find(&runs[n], r->what.name), op);
			fputc('\n', out);
		}
	}
}

void bench_html_escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void html_total(FILE *out, const struct bench_series *s)
{
	char text[BENCH_TEXT] = "-";

	if (s->count)
		bench_format_value(text, (double)bench_series_median(s));
	fprintf(out, "<td class=n>%s</td>", text);
}

void bench_table_html(FILE *out, const struct bench_run *run)
{
	fprintf(out,
		"<table>\n<tr><th>backing<th>size<th>state<th>op<th>stock<br>per page"
		"<th>holdfast<br>per page<th>ratio<th>stock<br>whole<th>holdfast<br>whole"
		"<th>physical<br>runs</tr>\n");
	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *r = &run->results[i];

		for (int op = 0; op < BENCH_OPS; op++) {
			struct row row;

			if (!has_row(r, op))
				continue;
			row = make_row(run, r, op);
			fprintf(out, "<tr><td>%s<td class=n>%s<td>%s<td>%s<td class=n>%s<td class=n>%s",
				r->what.kind, row.size, bench_state_name(r->what.state),
				bench_op_name(op), row.stock, row.holdfast);
			fprintf(out, "<td class=\"n %s\">%s%s</td>",
				row.tone == GOOD ? "good" : row.tone == BAD ? "bad" : "",
				row.gain_text, row.unsteady ? "*" : "");
			html_total(out, &r->ops[op][BENCH_STOCK]);
			html_total(out, &r->ops[op][BENCH_HOLDFAST]);
			if (r->runs)
				fprintf(out, "<td class=n>%llu</td>", (unsigned long long)r->runs);
			else
				fputs("<td></td>", out);
			fputs("</tr>\n", out);
		}
	}
	fputs("</table>\n", out);
}
