// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - holdfast-bench: measure VFIO map and unmap, stock against holdfast.
 *
 * Runs where the memory is: in a guest (scripts/bench does that) or on any machine with an
 * IOMMU and one device for each backend bound to vfio-pci. Results are kept in memory and
 * written once at the end; between cases one line of progress is printed and drained, because
 * a serial console that still sends would be part of the next measurement.
 *
 * Exit status: 0 everything asked for was measured or skipped for a reason; 1 a case failed or
 * a backend leaked; 2 wrong usage; 3 nothing can be measured here; 130 interrupted (what was
 * measured until then is still written).
 */
#include "cases.h"
#include "counts.h"
#include "environment.h"
#include "format.h"
#include "measure.h"
#include "race.h"
#include "table.h"

#include <argp.h>
#include <errno.h>
#include <holdfast/backend.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { EXIT_CASE_FAILED = 1, EXIT_USAGE = 2, EXIT_NOTHING = 3, EXIT_INTERRUPTED = 130 };

const char *argp_program_version = "holdfast-bench 1";

struct options {
	enum bench_mode mode;
	struct bench_selection sel;
	const char *backends;
	const char *json;
	unsigned int reps;
	bool list;
	bool no_floors;
	bool counts;
};

enum { OPT_QUICK = 256, OPT_FULL, OPT_LIST, OPT_NO_FLOORS, OPT_COUNTS };

static const struct argp_option option_table[] = {
	{ "mode", 'm', "count|time", 0,
	  "count guest instructions (TSC under QEMU -icount shift=0), or measure time", 0 },
	{ "only", 'o', "PATTERNS", 0, "cases by name, comma separated, shell patterns: 'thp/*'", 0 },
	{ "kinds", 'k', "KINDS", 0, "backings, comma separated", 0 },
	{ "sizes", 's', "SIZES", 0, "sizes of one mapping: 4K,2M,64M,512M,1G", 0 },
	{ "states", 't', "STATES", 0, "prefaulted, never-faulted", 0 },
	{ "quick", OPT_QUICK, NULL, 0, "the default set of cases (default)", 0 },
	{ "full", OPT_FULL, NULL, 0, "the whole matrix, with more repetitions", 0 },
	{ "list", OPT_LIST, NULL, 0, "print the names of the chosen cases and exit", 0 },
	{ "backends", 'b', "NAMES", 0, "stock,holdfast (default: those that are loaded)", 0 },
	{ "reps", 'r', "N", 0, "repetitions of every case (default: by size and mode)", 0 },
	{ "no-floors", OPT_NO_FLOORS, NULL, 0,
	  "do not measure what pinning and mapping cost by themselves", 0 },
	{ "counts", OPT_COUNTS, NULL, 0,
	  "afterwards carry every case out once more, counting IOMMU calls and flushes", 0 },
	{ "json", 'j', "FILE", 0, "write the results there instead of printing a table", 0 },
	{ 0 }
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	char *end;

	switch (key) {
	case 'm':
		if (!strcmp(arg, "count"))
			o->mode = BENCH_COUNT;
		else if (!strcmp(arg, "time"))
			o->mode = BENCH_TIME;
		else
			argp_error(state, "--mode is count or time, not '%s'", arg);
		return 0;
	case 'o':
		o->sel.only = arg;
		return 0;
	case 'k':
		o->sel.kinds = arg;
		return 0;
	case 's':
		o->sel.sizes = arg;
		return 0;
	case 't':
		o->sel.states = arg;
		return 0;
	case 'b':
		o->backends = arg;
		return 0;
	case 'j':
		o->json = arg;
		return 0;
	case 'r':
		o->reps = (unsigned int)strtoul(arg, &end, 10);
		if (*end || !o->reps || o->reps > BENCH_SERIES_MAX)
			argp_error(state, "--reps takes 1 to %d", BENCH_SERIES_MAX);
		return 0;
	case OPT_QUICK:
		o->sel.full = false;
		return 0;
	case OPT_FULL:
		o->sel.full = true;
		return 0;
	case OPT_NO_FLOORS:
		o->no_floors = true;
		return 0;
	case OPT_COUNTS:
		o->counts = true;
		return 0;
	case OPT_LIST:
		o->list = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.doc = "Measure what VFIO map and unmap of every kind of memory cost, with the stock "
	       "backend and with holdfast, in turn over the same pages.",
};

/* Let everything printed leave the console, and what that woke up go back to sleep. */
static void settle(enum bench_mode mode)
{
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	bench_rest(mode);
}

/* After everything was measured: the probes change what things cost. */
static void count_all(const struct bench_setup *s, struct bench_run *run)
{
	if (bench_counts_open(bench_run_text(run, "iommu"), run)) {
		printf("note: %s\n", run->calls_reason);
		return;
	}
	printf("counting IOMMU calls and flushes\n");
	for (size_t i = 0; i < run->count && !bench_stopped(); i++)
		bench_count_calls(s, &run->results[i]);
	bench_counts_close();
}

static void run_races(const struct bench_setup *s, struct bench_run *run)
{
	for (size_t i = 0; i < run->nr_races && !bench_stopped(); i++) {
		struct bench_race *r = &run->races[i];

		printf("[%zu/%zu] %s\n", i + 1, run->nr_races, r->name);
		settle(s->clock.mode);
		bench_race_run(s, r);
		if (r->status != BENCH_MEASURED)
			printf("        %s: %s\n", r->status == BENCH_FAILED ? "FAILED" : "skipped",
			       r->reason);
	}
}

/* Which backends are measured, with a device for each. */
static int choose_backends(struct bench_setup *s, const char *asked)
{
	for (int b = 0; b < BENCH_BACKENDS; b++) {
		const char *name = bench_backend_name(b);
		int ret;

		if (!bench_list_has(asked, name))
			continue;
		if (!hf_backend_available(name)) {
			printf("note: %s is not loaded, its columns stay empty\n", name);
			continue;
		}
		ret = hf_pci_vfio_device(s->nr_backends, s->bdfs[s->nr_backends]);
		if (ret) {
			fprintf(stderr,
				"holdfast-bench: no device for %s: bind %u device(s), each in an IOMMU "
				"group of its own, to vfio-pci, or choose with --backends\n",
				name, s->nr_backends + 1);
			return ret;
		}
		s->backends[s->nr_backends++] = b;
	}
	if (s->nr_backends)
		return 0;
	fprintf(stderr, "holdfast-bench: no backend to measure: modprobe vfio_iommu_type1\n");
	return -ENODEV;
}

/* Floors are measured where they can be: they need a test module and one device more. */
static void choose_floor(struct bench_setup *s, struct bench_floor *f)
{
	char bdf[HF_BDF_LEN];
	int ret = hf_pci_vfio_device(s->nr_backends, bdf);

	if (ret) {
		printf("note: no floors, they need device %u bound to vfio-pci\n",
		       s->nr_backends + 1);
		return;
	}
	ret = bench_floor_open(f, bdf);
	if (!ret) {
		s->floor = f;
		return;
	}
	printf("note: no floors: %s\n", ret == -ENOENT ? "there is no module holdfast_floor" :
							 strerror(-ret));
	bench_floor_close(f);
}

static int prepare(struct bench_setup *s, const struct options *o)
{
	const int ret = bench_clock_init(&s->clock, o->mode);

	if (ret == -EPROTO)
		fprintf(stderr,
			"holdfast-bench: the TSC does not count instructions here (1000000 of them took "
			"%llu ticks): run the guest with -icount shift=0, or use --mode=time\n",
			(unsigned long long)s->clock.per_million);
	else if (ret)
		fprintf(stderr, "holdfast-bench: no clock for this mode: %s\n", strerror(-ret));
	if (ret)
		return ret;
	s->reps = o->reps;
	s->full = o->sel.full;
	return choose_backends(s, o->backends);
}

static void on_signal(int signal)
{
	(void)signal;
	bench_stop();
}

static void measure_all(const struct bench_setup *s, struct bench_run *run)
{
	for (size_t i = 0; i < run->count && !bench_stopped(); i++) {
		struct bench_result *r = &run->results[i];

		printf("[%*zu/%zu] %s\n", run->count < 10 ? 1 : run->count < 100 ? 2 : 3, i + 1,
		       run->count, r->what.name);
		settle(s->clock.mode);
		bench_measure(s, r);
		if (r->status != BENCH_MEASURED)
			printf("        %s: %s\n", r->status == BENCH_FAILED ? "FAILED" : "skipped",
			       r->reason);
	}
}

static int exit_status(const struct bench_run *run)
{
	int status = EXIT_NOTHING;

	if (bench_stopped())
		return EXIT_INTERRUPTED;
	for (size_t i = 0; i < run->count; i++) {
		if (run->results[i].status == BENCH_FAILED)
			return EXIT_CASE_FAILED;
		if (run->results[i].status == BENCH_MEASURED)
			status = EXIT_SUCCESS;
	}
	for (size_t i = 0; i < run->nr_races; i++) {
		if (run->races[i].status == BENCH_FAILED)
			return EXIT_CASE_FAILED;
		if (run->races[i].status == BENCH_MEASURED)
			status = EXIT_SUCCESS;
	}
	return status;
}

static int report(const struct bench_run *run, const char *json)
{
	int ret;

	if (!json) {
		bench_table_text(stdout, run, bench_table_colour(stdout));
		return 0;
	}
	ret = bench_run_write(run, json);
	if (ret)
		fprintf(stderr, "holdfast-bench: cannot write %s: %s\n", json, strerror(-ret));
	return ret;
}

int main(int argc, char **argv)
{
	struct options o = { .mode = BENCH_COUNT };
	struct bench_setup setup = { 0 };
	struct bench_run run = { 0 };
	struct bench_floor floor = { .fd = -1 };
	struct bench_case *cases;
	int status;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	setvbuf(stdout, NULL, _IOLBF, 0);

	cases = bench_cases(&o.sel, &run.count);
	/* Races are about time; a choice by backing, size or state is no choice of a race. */
	if (o.mode == BENCH_TIME && !o.sel.kinds && !o.sel.sizes && !o.sel.states)
		run.races = bench_races(o.sel.only, &run.nr_races);
	if (!cases || !(run.count + run.nr_races)) {
		fprintf(stderr, "holdfast-bench: no case is chosen: see --list --full, and with "
				"--mode=time\n");
		free(cases);
		bench_run_free(&run);
		return EXIT_USAGE;
	}
	if (o.list) {
		for (size_t i = 0; i < run.count; i++)
			puts(cases[i].name);
		for (size_t i = 0; i < run.nr_races; i++)
			puts(run.races[i].name);
		free(cases);
		bench_run_free(&run);
		return EXIT_SUCCESS;
	}

	run.results = calloc(run.count + 1, sizeof(*run.results));
	if (!run.results || prepare(&setup, &o)) {
		free(cases);
		bench_run_free(&run);
		return EXIT_NOTHING;
	}
	for (size_t i = 0; i < run.count; i++) {
		run.results[i].what = cases[i];
		run.results[i].status = BENCH_SKIPPED;
		strcpy(run.results[i].reason, "interrupted");
	}
	free(cases);
	run.mode = o.mode;
	run.overhead = setup.clock.overhead;
	run.guest = bench_environment(argc, argv);

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (!o.no_floors)
		choose_floor(&setup, &floor);
	measure_all(&setup, &run);
	run_races(&setup, &run);
	if (o.counts)
		count_all(&setup, &run);
	bench_floor_close(&floor);
	status = exit_status(&run);
	if (report(&run, o.json) && !status)
		status = EXIT_CASE_FAILED;
	bench_run_free(&run);
	return status;
}
