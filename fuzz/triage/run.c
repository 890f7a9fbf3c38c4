// SPDX-License-Identifier: GPL-2.0-only
/*
 * run.c - read what afl-fuzz and its target have written.
 *
 * AFL++'s files change from version to version: columns are found by the names in the first
 * line of plot_data, values of fuzzer_stats by their keys.
 */
#include "run.h"
#include "counts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* AFL writes plot_data every five seconds. */
#define SILENT 30
#define COLUMNS 32

static FILE *open_in(const char *folder, const char *middle, const char *name, const char *file)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s/%s%s%s", folder, middle, name,
			     *file ? "/" : "", file) >= sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/* Column of plot_data's first line; -1: none of that name. */
static int column_of(const char *header, const char *name)
{
	char copy[1024], *rest = copy, *word;
	int at = 0;

	snprintf(copy, sizeof(copy), "%s", header);
	while ((word = strsep(&rest, ","))) {
		word += strspn(word, "# ");
		word[strcspn(word, " \n")] = '\0';
		if (!strcmp(word, name))
			return at;
		at++;
	}
	return -1;
}

static int numbers(const char *line, double *out)
{
	int n = 0;

	while (n < COLUMNS) {
		char *end;

		out[n] = strtod(line, &end);
		if (end == line)
			break;
		n++;
		line = end + strspn(end, "% ,");
	}
	return n;
}

static double value_in(const double *values, int n, int column)
{
	return column >= 0 && column < n ? values[column] : 0;
}

static void read_plot(const char *folder, const char *name, struct fz_run *r)
{
	char header[1024] = "", line[1024];
	double values[COLUMNS];
	struct stat st;
	FILE *f = open_in(folder, "share/sync", name, "plot_data");
	int n = 0;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (*line == '#')
			snprintf(header, sizeof(header), "%s", line);
		else if (strchr(line, '\n'))
			n = numbers(line, values);
	}
	if (n) {
		const double edges = value_in(values, n, column_of(header, "edges_found"));
		const double corpus = value_in(values, n, column_of(header, "corpus_count"));

		r->execs += value_in(values, n, column_of(header, "total_execs"));
		if (!fstat(fileno(f), &st) && time(NULL) - st.st_mtime < SILENT)
			r->rate += value_in(values, n, column_of(header, "execs_per_sec"));
		r->edges = edges > r->edges ? edges : r->edges;
		r->corpus = corpus > r->corpus ? corpus : r->corpus;
	}
	fclose(f);
}

/* plot_data and fuzzer_stats are a minute late; the queue is not. */
static void read_queue(const char *folder, const char *name, struct fz_run *r)
{
	char path[PATH_MAX];
	struct dirent *entry;
	unsigned int count = 0;
	DIR *dir = NULL;

	if ((size_t)snprintf(path, sizeof(path), "%s/share/sync/%s/queue", folder, name) <
	    sizeof(path))
		dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		count += !strncmp(entry->d_name, "id:", 3);
	closedir(dir);
	r->corpus = count > r->corpus ? count : r->corpus;
}

static void read_stability(const char *folder, const char *name, struct fz_run *r)
{
	FILE *f = open_in(folder, "share/sync", name, "fuzzer_stats");
	char line[1024];
	double value;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "stability : %lf", &value) == 1 && value > 0 &&
		    (!r->stability || value < r->stability))
			r->stability = value;
	fclose(f);
}

static void read_counts(const char *folder, const char *name, struct fz_run *r)
{
	char path[PATH_MAX];
	struct fz_stats *s = calloc(1, sizeof(*s));

	if (s && (size_t)snprintf(path, sizeof(path), "%s/share/counts/%s", folder, name) <
		 sizeof(path) && !fz_counts_read(path, s)) {
		fz_counts_add(&r->counts, s);
		for (int o = 0; o < FZ_ORACLES; o++)
			r->checks += s->checks[o];
	}
	free(s);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

void fz_run_read(const char *folder, struct fz_run *r)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = NULL;

	memset(r, 0, sizeof(*r));
	if ((size_t)snprintf(path, sizeof(path), "%s/share/sync", folder) < sizeof(path))
		dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir)) && r->count < FZ_RUN_GUESTS) {
		/* Beside the guests' there are folders of other machines, which have a queue only. */
		FILE *f = *entry->d_name != '.' ?
				  open_in(folder, "share/sync", entry->d_name, "plot_data") : NULL;

		if (f) {
			fclose(f);
			snprintf(r->name[r->count], sizeof(r->name[0]), "%.63s", entry->d_name);
			r->count++;
		}
	}
	closedir(dir);
	qsort(r->name, r->count, sizeof(r->name[0]), by_name);
	for (size_t i = 0; i < r->count; i++) {
		read_plot(folder, r->name[i], r);
		read_queue(folder, r->name[i], r);
		read_stability(folder, r->name[i], r);
		read_counts(folder, r->name[i], r);
	}
	/* AFL++ begins to write plot_data after a minute, in each guest. */
	if (r->execs < (double)r->counts.runs)
		r->execs = (double)r->counts.runs;
}

/* Columns of the timeline that are worth a picture. */
static const struct {
	const char *name;
	unsigned int column;
	bool grows;
	const char *title;
} pictures[] = {
	{ "edges", 3, true, "Coverage: edges of the module that were reached" },
	{ "rate", 2, false, "Executions a second" },
};

int fz_run_plot(FILE *out, const char *folder, const char *what, const char *svg)
{
	FILE *f = open_in(folder, "", "timeline", "");
	double values[COLUMNS], most = 0;
	unsigned int lines = 0, i = 0;
	char line[1024];

	while (i < 2 && strcmp(pictures[i].name, what))
		i++;
	if (i == 2 || !f) {
		if (f)
			fclose(f);
		return i == 2 ? -EINVAL : -ENODATA;
	}
	fputs("$timeline << END\n", out);
	while (fgets(line, sizeof(line), f)) {
		double v;

		if (numbers(line, values) <= (int)pictures[i].column)
			continue;
		v = values[pictures[i].column];
		/* What a guest has reached is reached, also when it has to begin again. */
		most = v > most ? v : most;
		fprintf(out, "%g %g\n", values[0] / 60, pictures[i].grows ? most : v);
		lines++;
	}
	fclose(f);
	fputs("END\n", out);
	if (!lines)
		return -ENODATA;
	fprintf(out,
		"set terminal svg size 900,330 dynamic enhanced font \"sans,12\" background \"white\"\n"
		"set output \"%s\"\n"
		"set title \"%s\" noenhanced\n"
		"set xlabel \"minutes\"\n"
		"set yrange [0:*]\n"
		"set grid ytics linecolor rgb \"#dddddd\"\n"
		"set border 3\n"
		"set tics nomirror\n"
		"unset key\n"
		"plot $timeline using 1:2 with lines linewidth 2 linecolor rgb \"#1f6fb2\"\n",
		svg, pictures[i].title);
	return 0;
}
