/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * race.h - do maps of different threads wait for each other?
 *
 * Each race compares two times of one boot, taken in turn; what counts is their ratio.
 */
#ifndef HOLDFAST_BENCH_RACE_H
#define HOLDFAST_BENCH_RACE_H

#include "measure.h"

/**
 * bench_races() - build the list of races that were asked for
 * @only: patterns of names (bench_list_has()), NULL for all
 * @count: number of races
 *
 * Return: array to free(), NULL without memory.
 */
struct bench_race *bench_races(const char *only, size_t *count);

/**
 * bench_race_run() - run one
 * @setup: the run, in time mode
 * @race: .name says which; results are filled in
 *
 * Nothing is mapped or pinned afterwards. Skipped, with a reason, where there are not two CPUs,
 * not enough memory, or the module has no such parameter.
 */
void bench_race_run(const struct bench_setup *setup, struct bench_race *race);

#endif
