// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_budgets.c - the budgets, held against a run.
 *
 * An input is the parts "==budgets" and "==run", each JSON, and behind each edits of it,
 * "==edits". What is taken is checked and recorded; what was recorded is a file of budgets again,
 * by which no case fails for want of a budget.
 */
#include "json_again.h"

#include "bench/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned int judged(const struct gate_counts *c)
{
	return c->passed + c->failed + c->skipped;
}

static void check(json_object *budgets, const struct bench_run *run, bool subset, bool recorded)
{
	struct gate_counts counts = { 0 };
	struct fz_text t;
	int ret;

	ret = gate_check(fz_text_begin(&t), budgets, "6.1", subset, run, &counts);
	fz_text_done(&t);
	FZ_MUST(!recorded || !strstr(t.at, "has no budget"));
	fz_text_free(&t);
	FZ_MUST(run->mode == BENCH_COUNT ? !ret : ret == -EINVAL);
	FZ_MUST(!ret || !judged(&counts));
	FZ_MUST(counts.better <= counts.passed);
}

static void check_cases(json_object *budgets, bool subset)
{
	char *list = gate_cases(budgets, subset);

	FZ_MUST(list);
	free(list);
}

static void judge(json_object *budgets, const struct bench_run *run)
{
	int ret;

	check_cases(budgets, false);
	check_cases(budgets, true);
	check(budgets, run, false, false);
	check(budgets, run, true, false);
	ret = gate_record(budgets, "6.1", run);
	FZ_MUST(run->mode == BENCH_COUNT ? ret >= 0 : ret == -EINVAL);
	fz_json_again(budgets, false);
	FZ_MUST(gate_valid(budgets));
	check(budgets, run, false, run->mode == BENCH_COUNT);
}

void fz_target(const uint8_t *in, size_t len)
{
	struct fz_bytes rest = { in, len }, part;
	json_object *budgets = NULL, *o = NULL;
	struct bench_run run;
	char name[16];

	while (fz_next_part(&rest, name, sizeof(name), &part)) {
		if (!budgets && !strcmp(name, "budgets"))
			budgets = fz_json_of(part);
		else if (!o && !strcmp(name, "run"))
			o = fz_json_of(part);
		else if (!strcmp(name, "edits"))
			fz_json_edit(o ? o : budgets, part);
	}
	if (gate_valid(budgets) && !bench_run_from_json(o, &run)) {
		judge(budgets, &run);
		bench_run_free(&run);
	}
	json_object_put(o);
	json_object_put(budgets);
}
