// SPDX-License-Identifier: GPL-2.0-only
/*
 * conformance - the same operations on stock and on holdfast, side by side in one boot, and
 * everything that can be seen compared.
 *
 * Two processes with the same address space, one with a container on stock, one on holdfast,
 * are given the same sequences: written ones (conformance/sequences/) and random ones. Every
 * answer, every byte of the requests' memory, locked memory, and what devices reach is
 * compared after every operation. What differs and is not a deliberate difference
 * (conformance/allow.c, docs/abi.md) fails, and is printed as a short sequence that --replay
 * takes. docs/conformance.md has the whole story.
 *
 * Unlike the other tests this one does not run its cases on one backend after the other: each
 * case is about both.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast/backend.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/differences.h"
#include "conformance/generate.h"
#include "conformance/run.h"
#include "conformance/tally.h"
#include "conformance/written.h"
#include "harness.h"
#include "module.h"

/* Setups come round again after this many sequences: a change costs a second and more. */
#define ROUND 400UL

/* Sequences that one text may have. */
#define CF_WRITTEN_MAX 400

/* Sequences that may fail before a case gives up. */
#define MOST_FAILURES 5

static struct {
	unsigned long ops;
	uint64_t seed;
	const char *replay;
	const char *json;
	bool minimise;
	bool list;
	bool verbose;
	bool alike;
} options = { .ops = 2000, .seed = 1, .minimise = true };

enum { KEY_MINIMISE = 256, KEY_WHOLE, KEY_LIST, KEY_ALIKE };

static const struct argp_option help[] = {
	{ "ops", 'n', "N", 0, "random operations (default 2000; 0: written sequences only)", 0 },
	{ "seed", 's', "S", 0, "seed of the random operations (default 1)", 0 },
	{ "replay", 'r', "FILE", 0, "run the sequences of a file, nothing else; - is stdin", 0 },
	{ "minimise", KEY_MINIMISE, NULL, 0, "shorten a sequence that fails (default)", 0 },
	{ "whole", KEY_WHOLE, NULL, 0, "print a sequence that fails as it is", 0 },
	{ "json", 'j', "FILE", 0, "write the counts to a file", 0 },
	{ "list-rules", KEY_LIST, NULL, 0, "list the deliberate differences and exit", 0 },
	{ "alike", KEY_ALIKE, NULL, 0,
	  "stock on both sides and no rules: what fails then is this test's fault", 0 },
	{ "verbose", 'v', NULL, 0, "print every operation", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char *end = NULL;

	switch (key) {
	case 'n':
		options.ops = strtoul(arg, &end, 0);
		break;
	case 's':
		options.seed = strtoull(arg, &end, 0);
		break;
	case 'r':
		options.replay = arg;
		break;
	case 'j':
		options.json = arg;
		break;
	case 'v':
		options.verbose = true;
		break;
	case KEY_MINIMISE:
		options.minimise = true;
		break;
	case KEY_WHOLE:
		options.minimise = false;
		break;
	case KEY_LIST:
		options.list = true;
		break;
	case KEY_ALIKE:
		options.alike = true;
		break;
	case ARGP_KEY_ARG:
		argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (end && (end == arg || *end))
		argp_error(state, "not a number: %s", arg);
	return 0;
}

static struct cf_run run;

static void list_rules(void)
{
	struct cf_rule_count rule;
	const char *row, *why;

	for (unsigned int i = 0; cf_rule(i, &rule); i++)
		printf("rule\t%s\t%s\t%s\n", rule.name, rule.kernels, rule.row);
	for (unsigned int i = 0; (row = cf_features_off(i)); i++)
		printf("off\t%s\n", row);
	for (unsigned int i = 0; (row = cf_beyond(i, &why)); i++)
		printf("beyond\t%s\t%s\n", why, row);
}

/* Minimised or not, in the form that --replay reads. */
static void print_sequence(struct cf_sequence *s)
{
	char line[300];

	if (options.minimise)
		cf_minimise(&run, s);
	hf_ktap_diag("to see it again (--replay):");
	hf_ktap_diag("%s", cf_setup_print(s, line, sizeof(line)));
	for (unsigned int i = 0; i < s->nr; i++)
		hf_ktap_diag("%s", cf_op_print(&s->op[i], line, sizeof(line)));
	/* What the short one shows may be clearer than what the long one did. */
	if (options.minimise && cf_run_sequence(&run, s, NULL, NULL) == CF_SAME)
		hf_ktap_diag("(alone it does not fail: --whole shows all that led to it)");
}

static void judge(enum cf_verdict verdict, struct cf_sequence *s)
{
	if (verdict == CF_SAME)
		return;
	cf_totals.differences++;
	hf_expect(false, "%s: %s", s->name,
		  verdict == CF_DIFFERENT ? "the sides differ" : "a side broke down");
	/* Sides that cannot even be started are not the sequence's fault. */
	if (verdict == CF_DIFFERENT || run.pair.pid[0])
		print_sequence(s);
}

static void one_written(struct cf_sequence *s)
{
	hf_ktap_begin("%s", s->name);
	cf_totals.written_sequences++;
	cf_totals.written_ops += s->nr;
	judge(cf_run_sequence(&run, s, NULL, NULL), s);
	hf_ktap_end();
}

/*
 * The sequences of a text. Those of one setup run one after the other, setups in the order they
 * first appear in: starting the sides takes longer than most sequences.
 */
static void written(const char *text)
{
	static struct cf_sequence list[CF_WRITTEN_MAX];
	static bool done[CF_WRITTEN_MAX];
	unsigned int nr = 0;
	char error[120] = "too many sequences";
	int ret = 0;

	while (nr < CF_WRITTEN_MAX && (ret = cf_sequence_read(&text, &list[nr], error)) > 0)
		nr++;
	for (unsigned int i = 0; i < nr; i++) {
		for (unsigned int j = i; j < nr && !done[i]; j++) {
			if (done[j] || !cf_same_setup(&list[i].setup, &list[j].setup))
				continue;
			one_written(&list[j]);
			done[j] = j > i;
		}
		done[i] = true;
	}
	if (ret) {
		hf_ktap_begin("sequences can be read");
		hf_expect(false, "not understood: %s", error);
		hf_ktap_end();
	}
}

static void replay(const char *file)
{
	static char text[1 << 20];
	size_t n;
	FILE *f = strcmp(file, "-") ? fopen(file, "re") : stdin;

	if (!f)
		hf_fail(errno, "%s", file);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	if (f != stdin)
		fclose(f);
	written(text);
}

static void random_operations(void)
{
	static struct cf_sequence s;
	const unsigned long guess = options.ops / 38 + 1;
	unsigned int failures = 0;
	struct cf_random g;

	if (!options.ops)
		return;
	hf_ktap_begin("%lu random operations, seed %llu", options.ops,
		      (unsigned long long)options.seed);
	for (unsigned long n = 0; cf_totals.random_ops < options.ops; n++) {
		enum cf_verdict verdict;

		cf_generate_begin(&g, &s, options.seed, n, guess < ROUND ? guess : ROUND);
		verdict = cf_run_sequence(&run, &s, cf_generate, &g);
		cf_totals.random_sequences++;
		cf_totals.random_ops += s.nr;
		judge(verdict, &s);
		if (verdict != CF_SAME && ++failures == MOST_FAILURES) {
			hf_ktap_diag("enough");
			break;
		}
	}
	hf_ktap_end();
}

/* What sequences change of the modules' parameters, and what it was before. */
static struct {
	const char *module;
	const char *name;
	char value[32];
} parameters[] = {
	{ T_MODULE_STOCK, "disable_hugepages", "" },
	{ T_MODULE_STOCK, "dma_entry_limit", "" },
	{ T_MODULE_HOLDFAST, "disable_hugepages", "" },
	{ T_MODULE_HOLDFAST, "dma_entry_limit", "" },
	{ T_MODULE_HOLDFAST, "domain_per_group", "" },
	{ T_MODULE_HOLDFAST, "enabled", "" },
};

static void keep(void)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(parameters); i++)
		t_module_param(parameters[i].module, parameters[i].name, parameters[i].value,
			       sizeof(parameters[i].value));
}

/* The driver alone: a side leaves by _exit(). */
static void put_back(void)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(parameters); i++)
		if (parameters[i].value[0])
			t_module_param_set(parameters[i].module, parameters[i].name,
					   parameters[i].value);
}

static bool both_there(void)
{
	const char *stock_only = getenv("HOLDFAST_STOCK_ONLY");

	if (options.alike || hf_backend_available(HF_BACKEND_HOLDFAST))
		return true;
	if (stock_only && !strcmp(stock_only, "1"))
		hf_ktap_skip_all("module not loaded");
	hf_ktap_begin("both backends are there");
	hf_expect(false, "holdfast cannot serve a container");
	hf_ktap_end();
	return false;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { help, parse, NULL,
		"Compare stock vfio_iommu_type1 and holdfast, operation by operation.",
		NULL, NULL, NULL };
	const uint64_t began = t_now_ms();
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (options.list) {
		list_rules();
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	hf_ktap_plan(0);
	if (!both_there())
		return hf_ktap_exit();
	run.verbose = options.verbose;
	run.alike = options.alike;
	run.pair.fd[0] = run.pair.fd[1] = -1;
	cf_totals.seed = options.seed;
	keep();
	atexit(put_back);
	if (options.replay) {
		replay(options.replay);
	} else {
		written(cf_written);
		random_operations();
	}
	cf_pair_stop(&run.pair);
	cf_totals.seconds = (double)(t_now_ms() - began) / 1000;
	cf_tally_print();
	if (options.json) {
		ret = cf_tally_json(options.json);
		hf_require(!ret, "%s: %s", options.json, strerror(-ret));
	}
	return hf_ktap_exit();
}
