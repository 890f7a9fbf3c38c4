/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * html.h - runs as one HTML page that needs nothing beside it.
 */
#ifndef HOLDFAST_BENCH_HTML_H
#define HOLDFAST_BENCH_HTML_H

#include "result.h"

#include <stdio.h>

/**
 * bench_html() - write the page
 * @out: where to
 * @runs: runs, each a section: picture, table, what was skipped or failed, where it ran
 * @svgs: an SVG file for each run, put into the page; NULL or unreadable: no picture
 * @count: how many
 */
void bench_html(FILE *out, const struct bench_run *runs, const char *const *svgs, size_t count);

#endif
