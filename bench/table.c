// SPDX-License-Identifier: GPL-2.0-only
/*
 * table.c - rows from results, and three ways to write them.
 *
 * A row is computed once (struct row) and then only printed, so all forms show the same.
 */
#include "table.h"
#include "format.h"

#include <holdfast/markup.h>
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
	char floor[BENCH_TEXT];
	char over_floor[BENCH_TEXT];
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
	value_text(row.floor, bench_result_floor(r, op) / (double)bench_case_pages(&r->what));
	snprintf(row.over_floor, sizeof(row.over_floor), "-");
	if (bench_result_over_floor(r, op, BENCH_HOLDFAST) >= 0)
		bench_format_ratio(row.over_floor, bench_result_over_floor(r, op, BENCH_HOLDFAST));
	row.unsteady = !bench_series_agrees(&r->ops[op][BENCH_STOCK], noise) ||
		       !bench_series_agrees(&r->ops[op][BENCH_HOLDFAST], noise);
	row.tone = bench_result_loss(r, op, run->mode) ? BAD : row.gain >= 1.0 ? GOOD : NEITHER;
	return row;
}

static void rule(FILE *out)
{
	for (int i = 0; i < 113; i++)
		fputs("─", out);
	fputc('\n', out);
}

static void text_row(FILE *out, const struct row *row, const char *kind, bool colour)
{
	static const char *const tints[] = { [NEITHER] = "", [GOOD] = GREEN, [BAD] = RED };
	const char *tint = colour ? tints[row->tone] : "";

	fprintf(out, "%-17s %9s  %-13s  %-9s  %12s  %12s  %s%8s%s  %10s  %8s%s\n", kind,
		row->size, bench_state_name(row->result->what.state), bench_op_name(row->op),
		row->stock, row->holdfast, tint, row->gain_text, *tint ? PLAIN : "", row->floor,
		row->over_floor, row->unsteady ? " *" : "");
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

static bool has_memory(const struct bench_result *r)
{
	return r->memory[BENCH_STOCK].known || r->memory[BENCH_HOLDFAST].known;
}

static bool any_memory(const struct bench_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (has_memory(&run->results[i]))
			return true;
	return false;
}

/* "slab / all" bytes of one mapping. */
static void memory_text(char buf[2 * BENCH_TEXT], const struct bench_result *r,
			enum bench_backend backend)
{
	const struct bench_memory *m = &r->memory[backend];

	if (m->known)
		snprintf(buf, 2 * BENCH_TEXT, "%.0f / %.0f", (double)m->slab / r->what.maps,
			 (double)m->all / r->what.maps);
	else
		snprintf(buf, 2 * BENCH_TEXT, "-");
}

static void text_memory(FILE *out, const struct bench_run *run)
{
	if (!any_memory(run))
		return;
	fprintf(out, "\nKernel memory of one mapping, bytes: slab / everything\n");
	rule(out);
	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *r = &run->results[i];
		char stock[2 * BENCH_TEXT], holdfast[2 * BENCH_TEXT];

		if (!has_memory(r))
			continue;
		memory_text(stock, r, BENCH_STOCK);
		memory_text(holdfast, r, BENCH_HOLDFAST);
		fprintf(out, "%-36s stock %18s   holdfast %18s\n", r->what.name, stock, holdfast);
	}
	rule(out);
}

static bool any_calls(const struct bench_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		for (int op = 0; op < BENCH_OPS; op++)
			for (int b = 0; b < BENCH_BACKENDS; b++)
				if (run->results[i].calls[op][b].known)
					return true;
	return false;
}

/* Maps, unmaps and flushes of an operation. */
static void calls_text(char buf[3 * BENCH_TEXT], const struct bench_calls *c)
{
	if (c->known)
		snprintf(buf, 3 * BENCH_TEXT, "%llu / %llu / %llu",
			 (unsigned long long)c->count[BENCH_CALL_MAP],
			 (unsigned long long)c->count[BENCH_CALL_UNMAP],
			 (unsigned long long)c->count[BENCH_CALL_FLUSH]);
	else
		snprintf(buf, 3 * BENCH_TEXT, "-");
}

static void text_calls(FILE *out, const struct bench_run *run)
{
	if (!any_calls(run)) {
		if (*run->calls_reason)
			fprintf(out, "\n%s\n", run->calls_reason);
		return;
	}
	fprintf(out, "\nCalls of one whole operation: iommu_map* / iommu_unmap* / flush (%s)\n",
		*run->flush_symbol ? run->flush_symbol : run->calls_reason);
	rule(out);
	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *r = &run->results[i];

		for (int op = 0; op < BENCH_OPS; op++) {
			char stock[3 * BENCH_TEXT], holdfast[3 * BENCH_TEXT];

			if (!r->calls[op][BENCH_STOCK].known && !r->calls[op][BENCH_HOLDFAST].known)
				continue;
			calls_text(stock, &r->calls[op][BENCH_STOCK]);
			calls_text(holdfast, &r->calls[op][BENCH_HOLDFAST]);
			fprintf(out, "%-36s %-9s  stock %22s   holdfast %22s\n", r->what.name,
				bench_op_name(op), stock, holdfast);
		}
	}
	rule(out);
}

static void ratio_text(char buf[BENCH_TEXT], double ratio)
{
	if (ratio < 0)
		snprintf(buf, BENCH_TEXT, "-");
	else
		snprintf(buf, BENCH_TEXT, "%.3f", ratio);
}

static const char *verdict(const struct bench_race *r)
{
	const double ratio = bench_race_ratio(r, BENCH_HOLDFAST);

	return ratio < 0 ? "-" : ratio <= r->target ? "met" : "MISSED";
}

static void text_races(FILE *out, const struct bench_run *run)
{
	if (!run->nr_races)
		return;
	fprintf(out, "\nConcurrency: time divided by time, medians of one boot\n");
	rule(out);
	fprintf(out, "%-36s %8s %9s %7s  %-7s %s\n", "race", "stock", "holdfast", "target", "",
		"what");
	for (size_t i = 0; i < run->nr_races; i++) {
		const struct bench_race *r = &run->races[i];
		char stock[BENCH_TEXT], holdfast[BENCH_TEXT];

		ratio_text(stock, bench_race_ratio(r, BENCH_STOCK));
		ratio_text(holdfast, bench_race_ratio(r, BENCH_HOLDFAST));
		fprintf(out, "%-36s %8s %9s %7.2f  %-7s %s\n", r->name, stock, holdfast, r->target,
			verdict(r), r->status == BENCH_MEASURED ? r->what : r->reason);
	}
	rule(out);
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

	/* A run of races only. */
	if (!run->count) {
		fprintf(out, "Linux %s, %s IOMMU\n", bench_run_text(run, "kernel"),
			bench_run_text(run, "iommu"));
		text_races(out, run);
		return;
	}
	fprintf(out, "%sLinux %s, %s IOMMU: %s per 4K page%s\n", colour ? BOLD : "",
		bench_run_text(run, "kernel"), bench_run_text(run, "iommu"),
		bench_mode_unit(run->mode), colour ? PLAIN : "");
	rule(out);
	fprintf(out, "%-17s %9s  %-13s  %-9s  %12s  %12s  %8s  %10s  %8s\n", "backing", "size",
		"state", "op", "stock", "holdfast", "ratio", "floor", "x floor");
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
	if (bench_run_has_floors(run))
		fprintf(out, "floor: ioctl, GUP and IOMMU calls alone; x floor: holdfast / floor.\n");
	if (unsteady)
		fprintf(out, "*: repetitions were more than %.0f %% apart; the median is shown.\n",
			bench_noise_percent(run->mode));
	text_losses(out, run);
	if (!bench_run_has(run, BENCH_HOLDFAST))
		fprintf(out, "Stock only: vfio_iommu_holdfast was not loaded or not asked for.\n");
	text_reasons(out, run, BENCH_SKIPPED, "Skipped");
	text_reasons(out, run, BENCH_FAILED, "FAILED");
	text_calls(out, run);
	text_memory(out, run);
	text_races(out, run);
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
	const bool floors = bench_run_has_floors(run);
	struct row row;

	if (!r || !has_row(r, op)) {
		fprintf(out, " - | - | - |%s", floors ? " - | - |" : "");
		return;
	}
	row = make_row(run, r, op);
	fprintf(out, " %s | %s | %s |", row.stock, row.holdfast, row.gain_text);
	if (floors)
		fprintf(out, " %s | %s |", row.floor, row.over_floor);
}

static void markdown_profile(FILE *out, const struct bench_run *run)
{
	const char *profile = bench_run_text(run, "profile");

	fputs(*profile ? profile : bench_run_text(run, "kernel"), out);
}

static const struct bench_race *find_race(const struct bench_run *run, const char *name)
{
	for (size_t i = 0; i < run->nr_races; i++)
		if (!strcmp(run->races[i].name, name))
			return &run->races[i];
	return NULL;
}

static void markdown_races(FILE *out, const struct bench_run *runs, size_t count, const char *only)
{
	fputs("\n| race | target |", out);
	for (size_t n = 0; n < count; n++) {
		fputc(' ', out);
		markdown_profile(out, &runs[n]);
		fputs(" stock | holdfast |", out);
	}
	fputs("\n|---|--:|", out);
	for (size_t n = 0; n < count; n++)
		fputs("--:|--:|", out);
	fputc('\n', out);
	for (size_t i = 0; i < runs[0].nr_races; i++) {
		const struct bench_race *first = &runs[0].races[i];

		if (!bench_list_has(only, first->name))
			continue;
		fprintf(out, "| %s: %s | %.2f |", first->name, first->what, first->target);
		for (size_t n = 0; n < count; n++) {
			const struct bench_race *r = find_race(&runs[n], first->name);
			char stock[BENCH_TEXT], holdfast[BENCH_TEXT];

			ratio_text(stock, r ? bench_race_ratio(r, BENCH_STOCK) : -1.0);
			ratio_text(holdfast, r ? bench_race_ratio(r, BENCH_HOLDFAST) : -1.0);
			fprintf(out, " %s | %s |", stock, holdfast);
		}
		fputc('\n', out);
	}
}

void bench_table_markdown(FILE *out, const struct bench_run *runs, size_t count,
			  const char *only)
{
	fputs("| backing | size | state | op |", out);
	for (size_t n = 0; n < count; n++) {
		fputc(' ', out);
		markdown_profile(out, &runs[n]);
		fprintf(out, " stock | holdfast | ratio |%s",
			bench_run_has_floors(&runs[n]) ? " floor | x floor |" : "");
	}
	fputs("\n|---|--:|---|---|", out);
	for (size_t n = 0; n < count; n++)
		fprintf(out, "--:|--:|--:|%s", bench_run_has_floors(&runs[n]) ? "--:|--:|" : "");
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
	if (count && runs[0].nr_races)
		markdown_races(out, runs, count, only);
}

static void html_total(FILE *out, const struct bench_series *s)
{
	char text[BENCH_TEXT] = "-";

	if (s->count)
		bench_format_value(text, (double)bench_series_median(s));
	fprintf(out, "<td class=n>%s</td>", text);
}

static void html_calls(FILE *out, const struct bench_run *run)
{
	if (!any_calls(run))
		return;
	fputs("<h3>Calls of one whole operation</h3>\n<p>iommu_map* / iommu_unmap* / flush (", out);
	hf_markup_text(out, *run->flush_symbol ? run->flush_symbol : run->calls_reason);
	fputs(")</p>\n<table>\n<tr><th>case<th>op<th>stock<th>holdfast</tr>\n", out);
	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *r = &run->results[i];

		for (int op = 0; op < BENCH_OPS; op++) {
			char stock[3 * BENCH_TEXT], holdfast[3 * BENCH_TEXT];

			if (!r->calls[op][BENCH_STOCK].known && !r->calls[op][BENCH_HOLDFAST].known)
				continue;
			calls_text(stock, &r->calls[op][BENCH_STOCK]);
			calls_text(holdfast, &r->calls[op][BENCH_HOLDFAST]);
			fprintf(out, "<tr><td>%s<td>%s<td class=n>%s<td class=n>%s</tr>\n",
				r->what.name, bench_op_name(op), stock, holdfast);
		}
	}
	fputs("</table>\n", out);
}

static void html_memory(FILE *out, const struct bench_run *run)
{
	if (!any_memory(run))
		return;
	fputs("<h3>Kernel memory of one mapping</h3>\n<p>Bytes: slab / everything.</p>\n"
	      "<table>\n<tr><th>case<th>stock<th>holdfast</tr>\n", out);
	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *r = &run->results[i];
		char stock[2 * BENCH_TEXT], holdfast[2 * BENCH_TEXT];

		if (!has_memory(r))
			continue;
		memory_text(stock, r, BENCH_STOCK);
		memory_text(holdfast, r, BENCH_HOLDFAST);
		fprintf(out, "<tr><td>%s<td class=n>%s<td class=n>%s</tr>\n", r->what.name, stock,
			holdfast);
	}
	fputs("</table>\n", out);
}

static void html_races(FILE *out, const struct bench_run *run)
{
	if (!run->nr_races)
		return;
	fputs("<h3>Concurrency</h3>\n<table>\n<tr><th>race<th>stock<th>holdfast<th>target<th>"
	      "<th>what</tr>\n", out);
	for (size_t i = 0; i < run->nr_races; i++) {
		const struct bench_race *r = &run->races[i];
		const double ratio = bench_race_ratio(r, BENCH_HOLDFAST);
		char stock[BENCH_TEXT], holdfast[BENCH_TEXT];

		ratio_text(stock, bench_race_ratio(r, BENCH_STOCK));
		ratio_text(holdfast, ratio);
		fprintf(out, "<tr><td>%s<td class=n>%s<td class=n>%s<td class=n>%.2f"
			     "<td class=\"%s\">%s<td>", r->name, stock, holdfast, r->target,
			ratio < 0 ? "" : ratio <= r->target ? "good" : "bad", verdict(r));
		hf_markup_text(out, r->status == BENCH_MEASURED ? r->what : r->reason);
		fputs("</tr>\n", out);
	}
	fputs("</table>\n", out);
}

void bench_table_html(FILE *out, const struct bench_run *run)
{
	fprintf(out,
		"<table>\n<tr><th>backing<th>size<th>state<th>op<th>stock<br>per page"
		"<th>holdfast<br>per page<th>ratio<th>floor<br>per page<th>x floor<th>stock<br>whole<th>holdfast<br>whole"
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
			fprintf(out, "<td class=n>%s<td class=n>%s</td>", row.floor,
				row.over_floor);
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
	html_calls(out, run);
	html_memory(out, run);
	html_races(out, run);
}
