// SPDX-License-Identifier: GPL-2.0-only
/*
 * plot.c - choose what is worth a bar, and write the gnuplot script.
 */
#include "plot.h"
#include "format.h"

#include <errno.h>
#include <string.h>

/*
 * A string of gnuplot's. Between single quotes nothing is substituted; a double quote would have
 * the shell run what stands between backquotes.
 */
static void put_string(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', out);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	fputc('\'', out);
}

/* Largest of the cases that differ in size only? Small maps are a bar of their own. */
static bool worth_a_bar(const struct bench_run *run, const struct bench_result *r)
{
	if (r->status != BENCH_MEASURED || !r->ops[BENCH_MAP][BENCH_STOCK].count)
		return false;
	if (!strcmp(r->what.kind, "anon4k") && r->what.size == BENCH_PAGE)
		return r->what.state == BENCH_PREFAULTED;
	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *o = &run->results[i];

		if (o->status == BENCH_MEASURED && !strcmp(o->what.kind, r->what.kind) &&
		    o->what.state == r->what.state && o->what.size > r->what.size)
			return false;
	}
	return true;
}

static void label(FILE *out, const struct bench_case *c)
{
	char size[BENCH_TEXT], count[BENCH_TEXT] = "";

	/* Data blocks know double quotes only; kinds have none (result_json.c). */
	bench_format_size(size, c->size);
	if (c->maps > 1)
		snprintf(count, sizeof(count), "%ux", c->maps);
	fprintf(out, "\"%s %s%s%s\"", c->kind, count, size,
		c->state == BENCH_NEVER_FAULTED ? " unfaulted" : "");
}

/* What the axis and the width of the picture follow from. */
struct extent {
	double low;
	double high;
	unsigned int rows;
};

static void row(FILE *out, const struct bench_result *r, enum bench_op op, struct extent *e)
{
	char ratio[BENCH_TEXT] = "";
	double tallest = 0;

	label(out, &r->what);
	for (int b = 0; b < BENCH_BACKENDS; b++) {
		const double v = bench_result_per_page(r, op, b);

		if (v <= 0) {
			fputs(" NaN", out);
			continue;
		}
		fprintf(out, " %g", v);
		e->low = v < e->low ? v : e->low;
		e->high = v > e->high ? v : e->high;
		tallest = v > tallest ? v : tallest;
	}
	if (bench_result_gain(r, op) >= 0)
		bench_format_ratio(ratio, bench_result_gain(r, op));
	fprintf(out, " %g \"%s\"\n", tallest, ratio);
	e->rows++;
}

/* One data block: prefaulted memory first, then what has to be faulted in. */
static void block(FILE *out, const struct bench_run *run, enum bench_op op, struct extent *e)
{
	e->rows = 0;
	fprintf(out, "$%s << END\n", bench_op_name(op));
	for (int state = BENCH_PREFAULTED; state <= BENCH_NEVER_FAULTED; state++)
		for (size_t i = 0; i < run->count; i++)
			if (run->results[i].what.state == (enum bench_state)state &&
			    worth_a_bar(run, &run->results[i]))
				row(out, &run->results[i], op, e);
	fputs("END\n", out);
}

/* The labels of the bars stand below the lower panel only. */
static void panel(FILE *out, enum bench_op op, const char *labels)
{
	fprintf(out,
		"set title \"%s\" offset 0,-0.7\n"
		"plot $%s using 2%s title \"stock\" linecolor rgb \"#a0a8b4\", \\\n"
		"     '' using 3 title \"holdfast\" linecolor rgb \"#1f6fb2\", \\\n"
		"     '' using 0:4:5 with labels offset 0,0.7 font \",10\" notitle\n",
		bench_op_name(op), bench_op_name(op), labels);
}

int bench_plot_gnuplot(FILE *out, const struct bench_run *run, const char *svg)
{
	struct extent e = { .low = 1e300 };
	char title[512];

	block(out, run, BENCH_MAP, &e);
	block(out, run, BENCH_UNMAP, &e);
	if (!e.rows || e.high <= 0)
		return -ENODATA;

	fprintf(out,
		"set terminal svg size %u,760 dynamic enhanced font \"sans,12\" background \"white\"\n"
		"set output ", 300 + e.rows * 55);
	put_string(out, svg);
	snprintf(title, sizeof(title), "Linux %s, %s IOMMU: %s per 4K page",
		 bench_run_text(run, "kernel"), bench_run_text(run, "iommu"),
		 bench_mode_unit(run->mode));
	fputs("\nset multiplot title ", out);
	put_string(out, title);
	fprintf(out,
		" noenhanced\n"
		"set style data histograms\n"
		"set style histogram clustered gap 1\n"
		"set style fill solid noborder\n"
		"set boxwidth 0.9\n"
		"set logscale y\n"
		"set format y \"%%g\"\n"
		"set yrange [%g:%g]\n"
		"set grid ytics linecolor rgb \"#dddddd\"\n"
		"set border 3\n"
		"set tics nomirror\n"
		"set xrange [-1:%u]\n"
		"set lmargin at screen 0.05\n"
		"set rmargin at screen 0.93\n",
		e.low / 3, e.high * 6, e.rows);
	fputs("set tmargin at screen 0.89\nset bmargin at screen 0.57\n"
	      "set key at screen 0.93,0.99 right top horizontal\n"
	      "set format x \"\"\nset xtics scale 0\n",
	      out);
	panel(out, BENCH_MAP, "");
	fputs("set tmargin at screen 0.51\nset bmargin at screen 0.19\nunset key\n"
	      "set xtics rotate by -30 noenhanced font \",10\"\n",
	      out);
	panel(out, BENCH_UNMAP, ":xtic(1)");
	fputs("unset multiplot\n", out);
	return 0;
}
