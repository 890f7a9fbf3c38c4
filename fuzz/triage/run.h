/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * run.h - what a run of the fuzzer has left in its folder, summed over its guests:
 *
 *	run.json		how it was run (scripts/fuzz)
 *	timeline		a line every few seconds: seconds, executions, executions a second, edges,
 *				corpus, checks (scripts/fuzz; AFL's plot_data begins anew in each guest)
 *	share/sync/NAME/	what afl-fuzz of one guest writes: plot_data, fuzzer_stats, queue/ ...
 *	share/counts/NAME	what its target counted (counts.h)
 *
 * All of it may be read while the run goes on.
 */
#ifndef FUZZ_TRIAGE_RUN_H
#define FUZZ_TRIAGE_RUN_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>

#include "../verdict.h"

#define FZ_RUN_GUESTS 64

/**
 * struct fz_run - a run
 * @count: guests that have said anything
 * @name: their names
 * @execs: inputs played
 * @rate: inputs played a second, lately, by those guests that are heard of
 * @edges: edges of the module, as many as the guest that has the most; others have much the same
 * @corpus: inputs kept, likewise
 * @stability: of the least stable one, percent; 0: not known yet
 * @counts: operations, oracles
 * @checks: how often any oracle was asked
 */
struct fz_run {
	size_t count;
	char name[FZ_RUN_GUESTS][64];
	double execs;
	double rate;
	double edges;
	double corpus;
	double stability;
	struct fz_stats counts;
	uint64_t checks;
};

/** fz_run_read() - read a run's folder; what is not there yet counts 0 */
void fz_run_read(const char *folder, struct fz_run *r);

/**
 * fz_run_plot() - a script for gnuplot that draws something over time
 * @out: where to
 * @folder: the run's
 * @what: "edges" or "rate"
 * @svg: file that gnuplot is to write
 *
 * Return: 0; -ENODATA: there is nothing to draw; -EINVAL: @what is something else.
 */
int fz_run_plot(FILE *out, const char *folder, const char *what, const char *svg);

/**
 * fz_run_html() - the report page; it needs nothing beside it
 * @out: where to
 * @folder: the run's, with edges.svg and rate.svg, which need not be there
 * @r: the run
 * @store: folder of its findings
 * @findings: what fz_store_load() gave
 */
void fz_run_html(FILE *out, const char *folder, const struct fz_run *r, const char *store,
		 json_object *findings);

/**
 * fz_run_json() - the run in short
 * @folder: the run's
 * @r: the run
 * @findings: what fz_store_load() gave
 *
 * Return: a new object with what run.json says, "seconds" of fuzzing in all, "executions", "edges",
 * "corpus", "stability", "checks" by oracle, "operations" by name, "findings", and a "timeline" of some
 * hundred points.
 */
json_object *fz_run_json(const char *folder, const struct fz_run *r, json_object *findings);

#endif
