/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h - a run as a table, for a terminal, for Markdown, for HTML.
 *
 * One row for each operation of each case: backing, size, state, operation, what stock and
 * holdfast cost per 4K page, and how many times stock costs what holdfast costs. Rows of one
 * backing stand together.
 */
#ifndef HOLDFAST_BENCH_TABLE_H
#define HOLDFAST_BENCH_TABLE_H

#include "result.h"

#include <stdbool.h>
#include <stdio.h>

/**
 * bench_table_text() - for a terminal or a file
 * @out: where to
 * @run: the run
 * @colour: use ANSI colours
 *
 * Below the table: what was skipped and why, what failed, and whether repetitions agreed.
 */
void bench_table_text(FILE *out, const struct bench_run *run, bool colour);

/** bench_table_colour() - is a stream a terminal whose user wants colours (TERM, NO_COLOR)? */
bool bench_table_colour(FILE *out);

/**
 * bench_table_markdown() - one Markdown table of one or more runs side by side
 * @out: where to
 * @runs: runs; rows come from the first, the others are looked up by case name
 * @count: how many
 * @only: case name patterns (bench_list_has()), NULL for all
 */
void bench_table_markdown(FILE *out, const struct bench_run *runs, size_t count,
			  const char *only);

/** bench_table_html() - a <table> with the whole operation's cost in it, too */
void bench_table_html(FILE *out, const struct bench_run *run);

#endif
