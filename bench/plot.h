/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plot.h - a run as a picture, drawn by gnuplot.
 */
#ifndef HOLDFAST_BENCH_PLOT_H
#define HOLDFAST_BENCH_PLOT_H

#include "result.h"

#include <stdio.h>

/**
 * bench_plot_gnuplot() - write a gnuplot script with its data in it
 * @out: where to
 * @run: the run
 * @svg: file that gnuplot is to write
 *
 * Two panels, map and unmap, cost per 4K page on a logarithmic axis, stock beside holdfast, the
 * ratio above. One pair of bars for each backing and state, of its largest size, and the two
 * cases of small maps.
 *
 * Return: 0; -ENODATA when the run has nothing to draw.
 */
int bench_plot_gnuplot(FILE *out, const struct bench_run *run, const char *svg);

#endif
