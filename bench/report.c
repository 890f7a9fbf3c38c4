// SPDX-License-Identifier: GPL-2.0-only
/*
 * report.c - bench-report: turn recorded runs into tables, pictures and pages.
 *
 *	bench-report table RUN.json...               aligned tables
 *	bench-report markdown [-o PATTERNS] RUN...   one Markdown table, runs side by side
 *	bench-report gnuplot SVG RUN.json            gnuplot script that draws SVG
 *	bench-report html RUN.json...                one page; takes RUN.svg when it is there
 *	bench-report annotate RUN.json KEY=TEXT...   add what only the host knows (KEY:=JSON
 *	                                             for numbers and booleans)
 *
 * Exit status: 0; 1 a file cannot be read, written or is no run; 2 wrong usage.
 */
#include "html.h"
#include "plot.h"
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static int usage(void)
{
	fprintf(stderr,
		"usage: bench-report table RUN.json...\n"
		"       bench-report markdown [-o PATTERNS] RUN.json...\n"
		"       bench-report gnuplot SVG RUN.json\n"
		"       bench-report html RUN.json...\n"
		"       bench-report annotate RUN.json KEY=TEXT|KEY:=JSON...\n");
	return EXIT_USAGE;
}

static int complain(const char *path, int err)
{
	fprintf(stderr, "bench-report: %s: %s\n", path,
		err == -EPROTO ? "not a holdfast-bench run of this version" : strerror(-err));
	return EXIT_FAILURE;
}

/* Read all runs; NULL, and said why, when one cannot be read. */
static struct bench_run *read_all(char **paths, size_t count)
{
	struct bench_run *runs = calloc(count, sizeof(*runs));

	for (size_t i = 0; runs && i < count; i++) {
		const int ret = bench_run_read(&runs[i], paths[i]);

		if (!ret)
			continue;
		complain(paths[i], ret);
		while (i--)
			bench_run_free(&runs[i]);
		free(runs);
		return NULL;
	}
	return runs;
}

static void free_all(struct bench_run *runs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bench_run_free(&runs[i]);
	free(runs);
}

static int do_table(char **paths, size_t count)
{
	struct bench_run *runs = read_all(paths, count);

	if (!runs)
		return EXIT_FAILURE;
	for (size_t i = 0; i < count; i++) {
		if (i)
			putchar('\n');
		bench_table_text(stdout, &runs[i], bench_table_colour(stdout));
	}
	free_all(runs, count);
	return EXIT_SUCCESS;
}

static int do_markdown(char **args, size_t count)
{
	const char *only = NULL;
	struct bench_run *runs;

	if (count >= 2 && !strcmp(args[0], "-o")) {
		only = args[1];
		args += 2;
		count -= 2;
	}
	if (!count)
		return usage();
	runs = read_all(args, count);
	if (!runs)
		return EXIT_FAILURE;
	bench_table_markdown(stdout, runs, count, only);
	free_all(runs, count);
	return EXIT_SUCCESS;
}

static int do_gnuplot(const char *svg, char **path)
{
	struct bench_run *run = read_all(path, 1);
	int ret;

	if (!run)
		return EXIT_FAILURE;
	ret = bench_plot_gnuplot(stdout, run, svg);
	free_all(run, 1);
	return ret ? complain(*path, ret) : EXIT_SUCCESS;
}

/* "dir/6.1.json" → "dir/6.1.svg" */
static char *svg_beside(const char *path)
{
	const size_t len = strlen(path);
	char *svg;

	if (len < 5 || strcmp(path + len - 5, ".json"))
		return NULL;
	if (asprintf(&svg, "%.*s.svg", (int)(len - 5), path) < 0)
		return NULL;
	return svg;
}

static int do_html(char **paths, size_t count)
{
	struct bench_run *runs = read_all(paths, count);
	char **svgs = calloc(count, sizeof(*svgs));

	if (!runs || !svgs) {
		free(svgs);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < count; i++)
		svgs[i] = svg_beside(paths[i]);
	bench_html(stdout, runs, (const char *const *)svgs, count);
	for (size_t i = 0; i < count; i++)
		free(svgs[i]);
	free(svgs);
	free_all(runs, count);
	return EXIT_SUCCESS;
}

static int annotate_one(json_object *host, const char *pair)
{
	const char *equals = strchr(pair, '=');
	json_object *value;
	size_t len;
	char *key;

	if (!equals || equals == pair)
		return -EINVAL;
	len = (size_t)(equals - pair);
	if (pair[len - 1] == ':') {
		len--;
		value = json_tokener_parse(equals + 1);
		if (!value)
			return -EINVAL;
	} else {
		value = json_object_new_string(equals + 1);
	}
	key = strndup(pair, len);
	if (!key)
		return -ENOMEM;
	json_object_object_add(host, key, value);
	free(key);
	return 0;
}

static int do_annotate(char *path, char **pairs)
{
	struct bench_run run;
	int ret = bench_run_read(&run, path);

	if (ret)
		return complain(path, ret);
	if (!run.host)
		run.host = json_object_new_object();
	for (; *pairs && !ret; pairs++) {
		ret = annotate_one(run.host, *pairs);
		if (ret)
			complain(*pairs, ret);
	}
	if (!ret) {
		ret = bench_run_write(&run, path);
		if (ret)
			complain(path, ret);
	}
	bench_run_free(&run);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	char **rest = argv + 2;
	const int count = argc - 2;

	if (!strcmp(verb, "table") && count >= 1)
		return do_table(rest, (size_t)count);
	if (!strcmp(verb, "markdown") && count >= 1)
		return do_markdown(rest, (size_t)count);
	if (!strcmp(verb, "gnuplot") && count == 2)
		return do_gnuplot(rest[0], rest + 1);
	if (!strcmp(verb, "html") && count >= 1)
		return do_html(rest, (size_t)count);
	if (!strcmp(verb, "annotate") && count >= 2)
		return do_annotate(rest[0], rest + 1);
	return usage();
}
