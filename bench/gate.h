/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate.h - budgets: what an operation of holdfast may cost, and does it?
 *
 * A budget is what a recorded run measured, per profile, case and operation: the cheapest
 * repetition, because disturbances only add. How many pieces memory happens to be made of, and
 * what the kernel's page faults cost, moves with every change of program, image or kernel, and
 * is nobody's regression. So a budget grows
 *
 *  - by a fixed allowance for each physically contiguous run that memory is made of beyond the
 *    runs of the recording ("run_allowance" in the file);
 *  - by a small allowance for each run there is ("place_allowance"), if there is more than one: as
 *    many runs that begin and end elsewhere fill other page tables, and cost a few instructions
 *    more or less;
 *  - for the map of memory that has to be faulted in, in the proportion in which stock, measured
 *    in the same boot, costs more than at the recording;
 *  - on another kernel than that of the recording, by what the floor costs more there, which
 *    contains what a run costs.
 *
 * Where one of them is less than at the recording the budget of a map shrinks by half as much, so
 * that good memory neither hides a regression nor makes one of an allowance that is a little too large.
 * What a run costs an unmap varies too much for that.
 *
 * Targets are limits that somebody set, not measured ones. They are reported, met or missed, and
 * decide nothing.
 *
 * The file (bench/budgets.json) is described in docs/benchmarking.md.
 */
#ifndef HOLDFAST_BENCH_GATE_H
#define HOLDFAST_BENCH_GATE_H

#include "result.h"

#include <stdbool.h>
#include <stdio.h>

#define GATE_SCHEMA "holdfast-budgets"
#define GATE_SCHEMA_VERSION 1

/**
 * struct gate_counts - what became of the budgets of a check
 * @passed: within the budget
 * @failed: over it, not measured because the case failed, or not in the run
 * @skipped: the machine cannot have the case
 * @better: cheaper than the budget by more than the slack; part of @passed
 * @met: targets that hold
 * @missed: targets that do not
 */
struct gate_counts {
	unsigned int passed;
	unsigned int failed;
	unsigned int skipped;
	unsigned int better;
	unsigned int met;
	unsigned int missed;
};

/** gate_valid() - is this value, or NULL, budgets that the functions below can work with? */
bool gate_valid(json_object *o);

/**
 * gate_read() - read a file of budgets
 * @path: file
 * @budgets: the whole of it; json_object_put() it
 *
 * Return: 0; -EPROTO for anything that is no such file; -errno.
 */
int gate_read(const char *path, json_object **budgets);

/** gate_write() - write it back, replaced by a rename; 0 or -errno */
int gate_write(const char *path, json_object *budgets);

/**
 * gate_cases() - names of the gated cases, comma separated
 * @budgets: the file
 * @subset: only the short selection
 *
 * Return: text to free(), NULL without memory.
 */
char *gate_cases(json_object *budgets, bool subset);

/**
 * gate_record() - take over what holdfast cost in a run as the budgets of a profile
 * @budgets: changed; cases that the run did not measure keep theirs
 * @profile: whose
 * @run: a run in count mode
 *
 * Return: budgets written, or -EINVAL for a run in time mode.
 */
int gate_record(json_object *budgets, const char *profile, const struct bench_run *run);

/**
 * gate_check() - hold a run against budgets and targets, and say what came of it
 * @out: where to
 * @budgets: the file
 * @profile: whose budgets
 * @subset: only the short selection was to be measured
 * @run: a run in count mode
 * @counts: added to
 *
 * Return: 0, or -EINVAL for a run in time mode; whether budgets hold is in @counts.
 */
int gate_check(FILE *out, json_object *budgets, const char *profile, bool subset,
	       const struct bench_run *run, struct gate_counts *counts);

#endif
