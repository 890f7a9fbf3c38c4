// SPDX-License-Identifier: GPL-2.0-only
/*
 * gate_main.c - bench-gate: hold recorded runs against bench/budgets.json.
 *
 *	bench-gate cases [--subset] BUDGETS.json
 *	bench-gate check [--subset] BUDGETS.json PROFILE=RUN.json...
 *	bench-gate record BUDGETS.json PROFILE=RUN.json...
 *
 * "cases" prints the names of the gated cases as holdfast-bench --only takes them. "check" prints
 * what is over, what is better, the targets, and as its last line "N passed, N failed, N skipped".
 *
 * Exit status: 0; 1 a budget does not hold, or a file cannot be read or written; 2 wrong usage.
 */
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static int usage(void)
{
	fprintf(stderr,
		"usage: bench-gate cases [--subset] BUDGETS.json\n"
		"       bench-gate check [--subset] BUDGETS.json PROFILE=RUN.json...\n"
		"       bench-gate record BUDGETS.json PROFILE=RUN.json...\n");
	return EXIT_USAGE;
}

static int complain(const char *path, int err, const char *what)
{
	fprintf(stderr, "bench-gate: %s: %s\n", path, err == -EPROTO ? what : strerror(-err));
	return EXIT_FAILURE;
}

static int do_cases(json_object *budgets, bool subset)
{
	char *list = gate_cases(budgets, subset);

	if (!list)
		return EXIT_FAILURE;
	puts(list);
	free(list);
	return EXIT_SUCCESS;
}

/* One PROFILE=RUN; @counts is NULL to record. Exit status. */
static int one_run(json_object *budgets, const char *pair, bool subset, struct gate_counts *counts)
{
	const char *equals = strchr(pair, '=');
	struct bench_run run;
	char profile[64];
	int ret;

	if (!equals || equals == pair || equals - pair >= (int)sizeof(profile))
		return usage();
	memcpy(profile, pair, (size_t)(equals - pair));
	profile[equals - pair] = '\0';

	ret = bench_run_read(&run, equals + 1);
	if (ret)
		return complain(equals + 1, ret, "not a holdfast-bench run of this version");
	ret = counts ? gate_check(stdout, budgets, profile, subset, &run, counts)
		     : gate_record(budgets, profile, &run);
	bench_run_free(&run);
	if (ret < 0) {
		fprintf(stderr, "bench-gate: %s: budgets are instruction counts: measure with "
				"--mode=count\n", equals + 1);
		return EXIT_FAILURE;
	}
	if (!counts)
		printf("%s: %d budgets recorded\n", profile, ret);
	return EXIT_SUCCESS;
}

static int do_runs(const char *path, json_object *budgets, char **pairs, bool subset, bool check)
{
	struct gate_counts counts = { 0 };
	int status = EXIT_SUCCESS, ret;

	for (; *pairs && !status; pairs++)
		status = one_run(budgets, *pairs, subset, check ? &counts : NULL);
	if (status)
		return status;
	if (!check) {
		ret = gate_write(path, budgets);
		return ret ? complain(path, ret, "") : EXIT_SUCCESS;
	}
	printf("targets: %u met, %u missed\n", counts.met, counts.missed);
	printf("%u passed, %u failed, %u skipped\n", counts.passed, counts.failed, counts.skipped);
	return counts.failed || !counts.passed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	const bool subset = argc > 2 && !strcmp(argv[2], "--subset");
	const bool cases = !strcmp(verb, "cases"), check = !strcmp(verb, "check");
	char **rest = argv + 2 + subset;
	const int count = argc - 2 - subset;
	json_object *budgets;
	int ret;

	if (!strcmp(verb, "--help") || !strcmp(verb, "-h")) {
		usage();
		return EXIT_SUCCESS;
	}
	if ((!cases && !check && (strcmp(verb, "record") || subset)) || count < 1 ||
	    (cases ? count != 1 : count < 2))
		return usage();
	ret = gate_read(rest[0], &budgets);
	if (ret)
		return complain(rest[0], ret, "no budgets of this version");
	ret = cases ? do_cases(budgets, subset)
		    : do_runs(rest[0], budgets, rest + 1, subset, check);
	json_object_put(budgets);
	return ret;
}
