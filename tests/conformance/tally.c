// SPDX-License-Identifier: GPL-2.0-only
/*
 * tally.c - counting, and the report as text and as JSON.
 *
 * The report names no machine: kernel release, seed, counts.
 */
#include "tally.h"

#include <errno.h>
#include <holdfast/ktap.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

struct cf_totals cf_totals;

/* Answers: 0, 1 for any positive number, 2 + errno. */
#define ERRNOS 136
#define ANSWERS (ERRNOS + 2)

static unsigned long answers[CF_KINDS][ANSWERS];
static unsigned long skipped[CF_KINDS];

static unsigned int answer_of(int64_t ret)
{
	if (ret >= 0)
		return !!ret;
	return -ret < ERRNOS ? 2 + (unsigned int)-ret : 2;
}

static const char *answer_name(unsigned int i)
{
	if (i < 2)
		return i ? "positive" : "0";
	return i == 2 ? "other" : strerrorname_np((int)i - 2);
}

void cf_tally(const struct cf_case *c)
{
	answers[c->op->kind][answer_of(c->r[CF_STOCK].ret)]++;
	if (c->op->kind != CF_SWEEP && c->op->kind != CF_BLOCKED)
		return;
	for (uint32_t i = 0; i < c->q->nr; i++) {
		if (c->op->kind == CF_BLOCKED) {
			cf_totals.pages_blocked++;
			continue;
		}
		cf_totals.pages_read += !!(c->q->probe[i].how & CF_PROBE_READ);
		cf_totals.pages_written += !!(c->q->probe[i].how & CF_PROBE_WRITE);
	}
}

void cf_tally_skipped(const struct cf_op *op)
{
	skipped[op->kind]++;
}

static unsigned long count_of(unsigned int kind)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < ANSWERS; i++)
		n += answers[kind][i];
	return n;
}

static double rate(void)
{
	const double n = (double)(cf_totals.random_ops + cf_totals.written_ops);

	return cf_totals.seconds > 0 ? n / cf_totals.seconds : 0;
}

static const char *release(void)
{
	static struct utsname u;

	return uname(&u) ? "?" : u.release;
}

void cf_tally_print(void)
{
	struct cf_rule_count rule;
	const char *feature;

	hf_ktap_diag("Linux %s, seed %llu", release(), (unsigned long long)cf_totals.seed);
	hf_ktap_diag("%lu random operations in %lu sequences, %lu written ones in %lu",
		     cf_totals.random_ops, cf_totals.random_sequences, cf_totals.written_ops,
		     cf_totals.written_sequences);
	hf_ktap_diag("%.1f s (%.0f operations/s), sides started %lu times", cf_totals.seconds,
		     rate(), cf_totals.starts);
	hf_ktap_diag("each device read %lu pages, wrote %lu and tried %lu that are blocked",
		     cf_totals.pages_read, cf_totals.pages_written, cf_totals.pages_blocked);
	hf_ktap_diag("%-18s %8s  answers of both", "operation", "count");
	for (unsigned int k = 0; k < CF_KINDS; k++) {
		char line[400] = "";
		size_t n = 0;

		for (unsigned int i = 0; i < ANSWERS && n < sizeof(line); i++)
			if (answers[k][i])
				n += (size_t)snprintf(line + n, sizeof(line) - n, " %s:%lu",
						      answer_name(i), answers[k][i]);
		if (skipped[k] && n < sizeof(line))
			snprintf(line + n, sizeof(line) - n, " (not run: %lu)", skipped[k]);
		hf_ktap_diag("%-18s %8lu %s", cf_kind_name(k), count_of(k), line);
	}
	for (unsigned int i = 0; cf_rule(i, &rule); i++)
		hf_ktap_diag("rule %-22s fired %lu times%s", rule.name, rule.fired,
			     !rule.here ? " (not on this kernel)" : rule.fired ? "" : ": NEVER");
	for (unsigned int i = 0; (feature = cf_features_off(i)); i++)
		hf_ktap_diag("switched off: %s", feature);
	hf_ktap_diag("differences: %lu", cf_totals.differences);
}

static void json_answers(FILE *f, unsigned int kind)
{
	const char *comma = "";

	fprintf(f, "    \"%s\": { \"count\": %lu, \"not_run\": %lu, \"answers\": {",
		cf_kind_name(kind), count_of(kind), skipped[kind]);
	for (unsigned int i = 0; i < ANSWERS; i++) {
		if (!answers[kind][i])
			continue;
		fprintf(f, "%s \"%s\": %lu", comma, answer_name(i), answers[kind][i]);
		comma = ",";
	}
	fprintf(f, " } }%s\n", kind + 1 < CF_KINDS ? "," : "");
}

int cf_tally_json(const char *file)
{
	struct cf_rule_count rule;
	const char *feature, *comma = "";
	FILE *f = fopen(file, "we");

	if (!f)
		return -errno;
	fprintf(f, "{\n  \"kernel\": \"%s\",\n  \"seed\": %llu,\n  \"seconds\": %.1f,\n", release(),
		(unsigned long long)cf_totals.seed, cf_totals.seconds);
	fprintf(f, "  \"operations_per_second\": %.0f,\n  \"side_starts\": %lu,\n", rate(),
		cf_totals.starts);
	fprintf(f, "  \"random\": { \"operations\": %lu, \"sequences\": %lu },\n",
		cf_totals.random_ops, cf_totals.random_sequences);
	fprintf(f, "  \"written\": { \"operations\": %lu, \"sequences\": %lu },\n",
		cf_totals.written_ops, cf_totals.written_sequences);
	fprintf(f, "  \"device_pages\": { \"read\": %lu, \"written\": %lu, \"blocked\": %lu },\n",
		cf_totals.pages_read, cf_totals.pages_written, cf_totals.pages_blocked);
	fprintf(f, "  \"differences\": %lu,\n  \"operations\": {\n", cf_totals.differences);
	for (unsigned int k = 0; k < CF_KINDS; k++)
		json_answers(f, k);
	fprintf(f, "  },\n  \"rules\": [\n");
	for (unsigned int i = 0; cf_rule(i, &rule); i++, comma = ",\n")
		fprintf(f,
			"%s    { \"name\": \"%s\", \"row\": \"%s\",\n"
			"      \"kernels\": \"%s\", \"on_this_kernel\": %s, \"fired\": %lu }",
			comma, rule.name, rule.row, rule.kernels, rule.here ? "true" : "false",
			rule.fired);
	fprintf(f, "\n  ],\n  \"features_off\": [");
	comma = "";
	for (unsigned int i = 0; (feature = cf_features_off(i)); i++, comma = ",")
		fprintf(f, "%s \"%s\"", comma, feature);
	fprintf(f, " ]\n}\n");
	return fclose(f) ? -errno : 0;
}
