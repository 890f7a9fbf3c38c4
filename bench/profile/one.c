// SPDX-License-Identifier: GPL-2.0-only
/*
 * one.c - holdfast-one: do exactly one VFIO operation between two marks, under the conditions
 * of the benchmark.
 *
 * Runs in a guest whose QEMU has the plugin of counter.c; scripts/profile boots it. What comes
 * before the operation is what bench/measure.c does before a measured repetition: the memory of
 * the case is mapped and unmapped twice, never-faulted memory is fresh each time and allocated
 * after a rest. Each repetition is one stretch between the marks, so the plugin writes one file
 * for each.
 *
 * Inside the marks the clock is read before and after the operation, as the benchmark reads it.
 * The number is printed at the end, one line a repetition: it must be the plugin's sum but for
 * the few instructions of the readings, and scripts/profile compares.
 *
 * The marks are found by address, so the program is linked at a fixed address that no other
 * program of the guest has (Makefile).
 *
 * Exit status: 0; 1 the operation failed; 2 wrong usage; 3 it cannot be done here.
 */
#include "clock.h"
#include "lane.h"
#include "marks.h"

#include <argp.h>
#include <errno.h>
#include <holdfast/backend.h>
#include <holdfast/iommu.h>
#include <holdfast/memory.h>
#include <holdfast/pci.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOT_HERE = 3 };

/* Where the benchmark maps, too. */
#define IOVA_BASE (4ULL << 30)

/* Unmeasured rounds before the first repetition, as many as the benchmark has. */
#define WARM_UP 2

#define MAX_REPS 64

const char *argp_program_version = "holdfast-one 1";

struct options {
	enum bench_backend backend;
	const char *kind;
	uint64_t size;
	enum bench_state state;
	enum bench_op op;
	unsigned int reps;
	bool check;
};

enum { OPT_CHECK = 256 };

static const struct argp_option option_table[] = {
	{ "backend", 'b', "NAME", 0, "stock or holdfast (default)", 0 },
	{ "kind", 'k', "KIND", 0, "memory, as the benchmark names it (default thp)", 0 },
	{ "size", 's', "SIZE", 0, "bytes, with K, M or G (default 2M)", 0 },
	{ "state", 't', "STATE", 0, "prefaulted (default) or never-faulted", 0 },
	{ "op", 'o', "OP", 0, "map (default) or unmap", 0 },
	{ "reps", 'r', "N", 0, "repetitions (default 3)", 0 },
	{ "check", OPT_CHECK, NULL, 0, "only say whether the options make sense", 0 },
	{ 0 }
};

/* Bytes of "64M"; 0 when it is no multiple of 4K. */
static uint64_t parse_size(const char *text)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (suffix) {
		n <<= 10 * (suffix - suffixes + 1);
		end++;
	}
	return *end || n % BENCH_PAGE || n >> 40 ? 0 : n;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	char *end;

	switch (key) {
	case 'b':
		for (o->backend = 0; o->backend < BENCH_BACKENDS; o->backend++)
			if (!strcmp(arg, bench_backend_name(o->backend)))
				return 0;
		argp_error(state, "--backend is stock or holdfast, not '%s'", arg);
		return 0;
	case 'k':
		if (!hf_mem_kind_find(arg))
			argp_error(state, "no memory kind '%s': see docs/benchmarking.md", arg);
		o->kind = arg;
		return 0;
	case 's':
		o->size = parse_size(arg);
		if (!o->size)
			argp_error(state, "--size takes a multiple of 4K such as 64M, not '%s'", arg);
		return 0;
	case 't':
		if (!strcmp(arg, "prefaulted"))
			o->state = BENCH_PREFAULTED;
		else if (!strcmp(arg, "never-faulted"))
			o->state = BENCH_NEVER_FAULTED;
		else
			argp_error(state, "--state is prefaulted or never-faulted, not '%s'", arg);
		return 0;
	case 'o':
		if (!strcmp(arg, "map"))
			o->op = BENCH_MAP;
		else if (!strcmp(arg, "unmap"))
			o->op = BENCH_UNMAP;
		else
			argp_error(state, "--op is map or unmap, not '%s'", arg);
		return 0;
	case 'r':
		o->reps = (unsigned int)strtoul(arg, &end, 10);
		if (*end || !o->reps || o->reps > MAX_REPS)
			argp_error(state, "--reps takes 1 to %d, not '%s'", MAX_REPS, arg);
		return 0;
	case OPT_CHECK:
		o->check = true;
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
	.doc = "Map or unmap memory once between two marks that a QEMU plugin waits for. "
	       "scripts/profile runs this in a guest.",
};

static int complain(const char *what, int err)
{
	fprintf(stderr, "holdfast-one: %s: %s\n", what, strerror(-err));
	return err;
}

/* What bench_rest() is for the benchmark in count mode. */
static void rest(void)
{
	const struct timespec t = { .tv_sec = 20 };

	nanosleep(&t, NULL);
}

/* Map and unmap once; @cost is NULL for a round between whose operations no mark stands. */
static int round_trip(const struct options *o, const struct bench_clock *clock,
		      struct bench_lane *lane, const struct hf_mem *m, uint64_t *cost)
{
	uint64_t start = 0, unmapped;
	int ret;

	if (cost && o->op == BENCH_MAP) {
		profile_start();
		start = bench_clock_now(clock);
		ret = hf_try_map(&lane->container, IOVA_BASE, m->addr, m->len, HF_RW);
		*cost = bench_clock_since(clock, start);
		profile_stop();
	} else {
		ret = hf_try_map(&lane->container, IOVA_BASE, m->addr, m->len, HF_RW);
	}
	if (ret)
		return complain("map", ret);

	if (cost && o->op == BENCH_UNMAP) {
		profile_start();
		start = bench_clock_now(clock);
		ret = hf_try_unmap(&lane->container, IOVA_BASE, m->len, 0, &unmapped);
		*cost = bench_clock_since(clock, start);
		profile_stop();
	} else {
		ret = hf_try_unmap(&lane->container, IOVA_BASE, m->len, 0, &unmapped);
	}
	if (!ret && unmapped != m->len)
		ret = -EPROTO;
	return ret ? complain("unmap", ret) : 0;
}

static int allocate(const struct options *o, unsigned int flags, struct hf_mem *m)
{
	const int ret = hf_mem_alloc(o->kind, o->size, flags, m);

	return ret ? complain("cannot allocate the memory", ret) : 0;
}

/*
 * Never-faulted memory for one round. Where the allocator takes the pages from, and so what
 * they cost, depends on what was freed before: this is the order of things in the benchmark.
 */
static int allocate_fresh(const struct options *o, struct hf_mem *m)
{
	int ret;

	rest();
	ret = allocate(o, 0, m);
	if (ret)
		return ret;
	hf_mem_touch(m->addr, m->len);
	hf_mem_free(m);
	rest();
	return allocate(o, 0, m);
}

/* All rounds; the first ones warm up. */
static int run(const struct options *o, const struct bench_clock *clock, struct bench_lane *lane,
	       uint64_t *costs)
{
	const bool fresh = o->state == BENCH_NEVER_FAULTED;
	struct hf_mem m = { .fd = -1 };
	int ret = 0;

	if (!fresh)
		ret = allocate(o, HF_MEM_TOUCHED, &m);
	for (unsigned int i = 0; !ret && i < WARM_UP + o->reps; i++) {
		if (i == WARM_UP - 1)
			profile_ready();
		if (fresh)
			ret = allocate_fresh(o, &m);
		if (!ret)
			ret = round_trip(o, clock, lane, &m,
					 i < WARM_UP ? NULL : &costs[i - WARM_UP]);
		if (fresh)
			hf_mem_free(&m);
	}
	hf_mem_free(&m);
	return ret;
}

int main(int argc, char **argv)
{
	struct options o = {
		.backend = BENCH_HOLDFAST,
		.kind = "thp",
		.size = 2 << 20,
		.state = BENCH_PREFAULTED,
		.op = BENCH_MAP,
		.reps = 3,
	};
	uint64_t costs[MAX_REPS] = { 0 };
	struct bench_clock clock;
	struct bench_lane lane;
	char bdf[HF_BDF_LEN];
	int ret;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.check)
		return EXIT_SUCCESS;
	if (bench_clock_init(&clock, BENCH_COUNT)) {
		fprintf(stderr, "holdfast-one: the TSC does not count instructions here: run the "
				"guest with -icount shift=0 (scripts/profile does)\n");
		return EXIT_NOT_HERE;
	}
	ret = hf_pci_vfio_device(0, bdf);
	if (ret) {
		fprintf(stderr, "holdfast-one: no device is bound to vfio-pci\n");
		return EXIT_NOT_HERE;
	}
	ret = bench_lane_open(&lane, o.backend, bdf);
	if (ret) {
		complain(bench_backend_name(o.backend), ret);
		return EXIT_NOT_HERE;
	}
	rest();
	ret = run(&o, &clock, &lane, costs);
	bench_lane_close(&lane);
	if (ret)
		return hf_mem_unavailable(ret) ? EXIT_NOT_HERE : EXIT_FAILED;
	for (unsigned int i = 0; i < o.reps; i++)
		printf("clock %u %" PRIu64 "\n", i + 1, costs[i]);
	return EXIT_SUCCESS;
}
