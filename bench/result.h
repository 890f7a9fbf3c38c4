/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * result.h - one run: the cases, what was measured, where it was measured; and its JSON form.
 *
 * The same structures serve the program that measures and the one that reports, so a run that
 * was written and read back renders alike. Values are in the run's unit for a whole operation;
 * what is per 4K page is computed when shown. The JSON is described in docs/benchmarking.md;
 * a change that a reader would notice raises BENCH_SCHEMA_VERSION.
 */
#ifndef HOLDFAST_BENCH_RESULT_H
#define HOLDFAST_BENCH_RESULT_H

#include "clock.h"
#include "series.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_SCHEMA "holdfast-bench"
#define BENCH_SCHEMA_VERSION 1

/** Bytes in a page, the "per page" of every table */
#define BENCH_PAGE 4096UL

/** enum bench_backend - who serves the container */
enum bench_backend { BENCH_STOCK, BENCH_HOLDFAST, BENCH_BACKENDS };

/** enum bench_state - the memory before the map */
enum bench_state {
	BENCH_PREFAULTED,    /* every page faulted in; both backends map the same pages */
	BENCH_NEVER_FAULTED, /* fresh memory for each repetition */
	BENCH_NO_MEMORY,     /* the case maps nothing */
	BENCH_STATES
};

/** enum bench_op - the operation */
enum bench_op {
	BENCH_MAP,       /* VFIO_IOMMU_MAP_DMA */
	BENCH_UNMAP,     /* VFIO_IOMMU_UNMAP_DMA of exactly what was mapped */
	BENCH_UNMAP_ALL, /* one VFIO_IOMMU_UNMAP_DMA with VFIO_DMA_UNMAP_FLAG_ALL */
	BENCH_NULL,      /* an ioctl that VFIO answers without any backend */
	BENCH_OPS
};

/** enum bench_part - what an operation cannot do without, measured by itself (floor.h) */
enum bench_part {
	BENCH_PART_NULL,        /* one ioctl that VFIO answers without any backend */
	BENCH_PART_PIN,         /* pin_user_pages_fast() */
	BENCH_PART_MAP,         /* iommu_map(), iommu_map_sg() */
	BENCH_PART_UNMAP,       /* iommu_unmap_fast() and a flush, for each mapping */
	BENCH_PART_UNMAP_WHOLE, /* the same with one flush for all mappings */
	BENCH_PART_UNPIN,       /* unpin_user_page*() */
	BENCH_PARTS
};

/** enum bench_call - calls that are counted (counts.h) */
enum bench_call {
	BENCH_CALL_MAP,   /* iommu_map(), iommu_map_sg() */
	BENCH_CALL_UNMAP, /* iommu_unmap(), iommu_unmap_fast() */
	BENCH_CALL_FLUSH, /* of the IOTLB */
	BENCH_CALLS
};

/**
 * struct bench_calls - calls of one operation, all mappings of the case
 * @known: they were counted
 * @count: by enum bench_call
 */
struct bench_calls {
	bool known;
	uint64_t count[BENCH_CALLS];
};

/** enum bench_status - what became of a case */
enum bench_status { BENCH_MEASURED, BENCH_SKIPPED, BENCH_FAILED, BENCH_STATUSES };

/**
 * struct bench_case - what to measure
 * @name: unique, "thp/64M/prefaulted"
 * @kind: backing (holdfast/memory.h), "-" when nothing is mapped
 * @size: bytes of one mapping, 0 when nothing is mapped
 * @maps: mappings, each with an ioctl of its own
 * @state: the memory before
 * @quick: belongs to the default set
 * @scale: about size as such: aliased memory (alias.h), measured once, memory per mapping too
 * @holdfast_only: not measured on stock, which would take hours
 */
struct bench_case {
	char name[64];
	char kind[24];
	uint64_t size;
	unsigned int maps;
	enum bench_state state;
	bool quick;
	bool scale;
	bool holdfast_only;
};

/**
 * struct bench_memory - kernel memory that mappings take while they are there, bytes in all
 * @known: it was measured
 * @slab: slab memory
 * @all: every page that is not free any more, slab included, and of IOMMU page tables those that
 *	no earlier mapping left behind
 */
struct bench_memory {
	bool known;
	int64_t slab;
	int64_t all;
};

/**
 * struct bench_result - a case and what came out
 * @what: the case
 * @status: measured, skipped or failed
 * @reason: why it was skipped or how it failed, else empty
 * @runs: physically contiguous runs of the memory, 0 when unknown; of fresh memory the fewest that
 *	any repetition got
 * @ops: repetitions, by operation and backend; empty where there is nothing
 * @touch: cost of faulting the same memory in from user space, never-faulted cases only
 * @parts: what the floor is made of; empty where it was not measured
 * @floor_reason: why it was not, else empty
 * @memory: what the mappings take, by backend, scale cases only
 * @calls: calls into the IOMMU, by operation and backend
 */
struct bench_result {
	struct bench_case what;
	enum bench_status status;
	char reason[200];
	uint64_t runs;
	struct bench_series ops[BENCH_OPS][BENCH_BACKENDS];
	struct bench_series touch;
	struct bench_series parts[BENCH_PARTS];
	char floor_reason[120];
	struct bench_memory memory[BENCH_BACKENDS];
	struct bench_calls calls[BENCH_OPS][BENCH_BACKENDS];
};

/**
 * struct bench_race - two times of one boot, and the ratio that is wanted (race.h)
 * @name: unique, "concurrency/two-maps/frag4k/128M"
 * @what: what is divided by what, for people
 * @target: the ratio should be at most this
 * @status: measured, skipped or failed
 * @reason: why it was skipped or how it failed, else empty
 * @part: the time that should be small, by backend
 * @whole: the time it is compared with, of the same repetition
 */
struct bench_race {
	char name[64];
	char what[96];
	double target;
	enum bench_status status;
	char reason[200];
	struct bench_series part[BENCH_BACKENDS];
	struct bench_series whole[BENCH_BACKENDS];
};

/**
 * struct bench_run - a run
 * @mode: what the clock counted
 * @overhead: what one reading costs, already taken off
 * @results: one for each case, in the order they ran
 * @count: entries in @results
 * @races: one for each race, time mode only
 * @nr_races: entries in @races
 * @flush_symbol: function whose calls are the flushes, empty when they were not counted
 * @calls_reason: why calls were not counted, or not all; else empty
 * @guest: JSON object: where it ran (environment.h); owned
 * @host: JSON object: what the host added (bench-report --annotate); owned, NULL before
 */
struct bench_run {
	enum bench_mode mode;
	uint64_t overhead;
	struct bench_result *results;
	size_t count;
	struct bench_race *races;
	size_t nr_races;
	char flush_symbol[64];
	char calls_reason[160];
	json_object *guest;
	json_object *host;
};

const char *bench_backend_name(enum bench_backend backend); /* "stock", "holdfast" */
const char *bench_state_name(enum bench_state state); /* "prefaulted", "never-faulted", "-" */
const char *bench_op_name(enum bench_op op);          /* "map", "unmap", "unmap-all", "null" */

const char *bench_part_name(enum bench_part part);    /* "null", "pin", "iommu_map", … */

const char *bench_call_name(enum bench_call call);    /* "iommu_map", "iommu_unmap", "flush" */

/** bench_case_pages() - 4K pages that the whole case maps, 1 when it maps nothing */
uint64_t bench_case_pages(const struct bench_case *c);

/**
 * bench_result_per_page() - median of an operation, per 4K page
 *
 * Return: units per page; negative when it was not measured.
 */
double bench_result_per_page(const struct bench_result *r, enum bench_op op,
			     enum bench_backend backend);

/**
 * bench_result_gain() - stock's median divided by holdfast's: above 1 holdfast is cheaper
 *
 * Return: the ratio; negative when one of them was not measured.
 */
double bench_result_gain(const struct bench_result *r, enum bench_op op);

/**
 * bench_result_floor() - what an operation cannot cost less than, whole operation
 *
 * map: the ioctls, the touch loop where memory has to be faulted in, pinning, mapping. unmap:
 * the ioctls, unmapping, unpinning. GUP faults memory in without the exceptions that the touch
 * loop takes, so a never-faulted map may go below its floor.
 *
 * Return: units; negative when it was not measured or the operation has none.
 */
double bench_result_floor(const struct bench_result *r, enum bench_op op);

/**
 * bench_result_over_floor() - a backend's median divided by the floor
 *
 * Return: the ratio; negative when one of them was not measured.
 */
double bench_result_over_floor(const struct bench_result *r, enum bench_op op,
			       enum bench_backend backend);

/**
 * bench_noise_percent() - by how much repetitions may differ and still agree
 *
 * An instruction count is exact but for timer interrupts; time on a shared machine is not.
 */
double bench_noise_percent(enum bench_mode mode);

/**
 * bench_result_loss() - does an operation cost more with holdfast than with stock?
 *
 * In count mode a difference of more than 0.2 % counts (seed, boot arguments and idle time alone
 * were seen to move counts by 0.11 %), in time mode one of more than 5 %. False when one of the
 * two was not measured, and of BENCH_NULL, which no backend serves.
 */
bool bench_result_loss(const struct bench_result *r, enum bench_op op, enum bench_mode mode);

/**
 * bench_race_ratio() - median of the ratios of the repetitions
 *
 * Return: the ratio; negative when a backend was not measured.
 */
double bench_race_ratio(const struct bench_race *r, enum bench_backend backend);

/** bench_run_has_floors() - was the floor of any case measured? */
bool bench_run_has_floors(const struct bench_run *run);

/** bench_run_has() - was anything measured on a backend? */
bool bench_run_has(const struct bench_run *run, enum bench_backend backend);

/** bench_run_text() - string member of @host or else of @guest, "" when absent */
const char *bench_run_text(const struct bench_run *run, const char *key);

/** bench_run_free() - free everything a run owns */
void bench_run_free(struct bench_run *run);

/** bench_run_to_json() - a run as JSON, to be put */
json_object *bench_run_to_json(const struct bench_run *run);

/**
 * bench_run_from_json() - a run from JSON
 * @o: any value, NULL too; stays the caller's
 * @run: to fill in; bench_run_free() it
 *
 * Return: 0; -EPROTO for another schema or version or what is no run.
 */
int bench_run_from_json(json_object *o, struct bench_run *run);

/**
 * bench_run_write() - write a run as JSON
 * @run: the run
 * @path: file, replaced by a rename
 *
 * Return: 0 or a negative errno.
 */
int bench_run_write(const struct bench_run *run, const char *path);

/**
 * bench_run_read() - read a run that bench_run_write() wrote
 * @run: to fill in; bench_run_free() it
 * @path: file
 *
 * Return: 0; -EPROTO for another schema or version or a file that is no such JSON; -errno.
 */
int bench_run_read(struct bench_run *run, const char *path);

#endif
