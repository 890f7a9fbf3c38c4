/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h - what the module says about its containers, as structs.
 *
 * Fields have the names and meanings of the module's debugfs text (docs/observability.md).
 * Sizes are bytes unless a name says pages; addresses are what the text says, unchecked but
 * for this: a range is not empty and does not go round the end of the address space.
 */
#ifndef HOLDFAST_TOOL_MODEL_H
#define HOLDFAST_TOOL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Format version this tool reads */
#define HT_FORMAT 1

/** Longest name kept of a process (the kernel's has 15 bytes) and of an errno, with the NUL */
#define HT_COMM 32
#define HT_ERRNO 24

/** Most errnos that maps of a container may have failed with; there are fewer */
#define HT_FAILURES 4096

enum ht_type { HT_V1, HT_V2, HT_NESTING, HT_TYPES };
enum ht_state { HT_NEW, HT_LIVE, HT_HELD, HT_DYING, HT_STATES };
enum ht_path { HT_NONE, HT_PAGES, HT_PFNMAP, HT_MIXED, HT_PATHS };

/** Index of struct ht_share: by the largest IOMMU page that memory there allows */
enum ht_page { HT_4K, HT_2M, HT_1G, HT_PAGE_SIZES };

/** struct ht_share - bytes for each page size */
struct ht_share {
	uint64_t bytes[HT_PAGE_SIZES];
};

/** struct ht_failure - maps that failed with one errno (EFAULT, or a number it has no name for) */
struct ht_failure {
	char name[HT_ERRNO];
	uint64_t count;
};

/** struct ht_info - a container; names as in its file "info" */
struct ht_info {
	uint64_t id;
	enum ht_type type;
	uint64_t pid;
	uint64_t age_ms;
	uint64_t groups;
	uint64_t emulated;
	uint64_t domains;
	uint64_t page_sizes;
	uint64_t mappings;
	uint64_t available;
	uint64_t bytes;
	uint64_t charged_pages;
	uint64_t pins;
	uint64_t runs;
	struct ht_share share;
	uint64_t maps;
	uint64_t unmaps;
	uint64_t map_failures;
	uint64_t slowest_map_us;
	uint64_t slowest_map_iova;
	uint64_t slowest_map_size;
	bool tracking_dirty;
	bool audit;
	uint64_t incoherent_bytes;
	uint64_t audit_events;
	uint64_t audit_suspect_blocks;
	uint64_t audit_verified_blocks;
	struct ht_failure *failures;
	size_t nr_failures;
};

/** struct ht_mapping - one line of "mappings"; @read, @write: what the device may do */
struct ht_mapping {
	uint64_t iova;
	uint64_t vaddr;
	uint64_t size;
	bool read;
	bool write;
	enum ht_state state;
	enum ht_path path;
	uint64_t pid;
	uint64_t age_ms;
	uint64_t charged_pages;
	uint64_t pins;
	uint64_t runs;
	struct ht_share share;
	uint64_t incoherent;
	char comm[HT_COMM];
};

/** struct ht_range - one line of "incoherent" */
struct ht_range {
	uint64_t iova;
	uint64_t size;
};

/**
 * struct ht_container - all of one
 * @info: totals
 * @comm: process that made it, empty when unknown
 * @mappings: in order of IOVA; NULL when they were not asked for
 * @nr_mappings: how many
 * @incoherent: in order of IOVA
 * @nr_incoherent: how many
 * @maps_per_second: since the state before this one, else since it was made
 * @unmaps_per_second: likewise
 */
struct ht_container {
	struct ht_info info;
	char comm[HT_COMM];
	struct ht_mapping *mappings;
	size_t nr_mappings;
	struct ht_range *incoherent;
	size_t nr_incoherent;
	double maps_per_second;
	double unmaps_per_second;
};

/** struct ht_snapshot - containers in order of their numbers, and when they were read */
struct ht_snapshot {
	struct ht_container *containers;
	size_t nr;
	uint64_t taken_ms;
};

/**
 * struct ht_totals - sums over containers
 * @containers: how many
 * @audited: of these, with auditing on
 * @sum: sums of all that can be added; slowest_map_* are those of the slowest
 * @slowest_id: container of the slowest map, 0 when none was made
 */
struct ht_totals {
	uint64_t containers;
	uint64_t audited;
	struct ht_info sum;
	uint64_t slowest_id;
};

/** ht_type_name() - "v1" and so on; likewise the other enums */
const char *ht_type_name(enum ht_type type);
const char *ht_state_name(enum ht_state state);
const char *ht_path_name(enum ht_path path);
const char *ht_page_name(enum ht_page page);

/** ht_prot_name() - "rw", "r-", "-w", "--" */
const char *ht_prot_name(const struct ht_mapping *m);

/** ht_add() - a sum that stays at its limit instead of wrapping */
uint64_t ht_add(uint64_t a, uint64_t b);

/** ht_last() - last byte of a range that is not empty */
static inline uint64_t ht_last(uint64_t start, uint64_t size)
{
	return start + size - 1;
}

/**
 * ht_count_failure() - add to the counter of one errno, which is made when it is new
 * @info: where
 * @name: of the errno, cut at HT_ERRNO
 * @count: to add
 *
 * Return: 0 or -ENOMEM.
 */
int ht_count_failure(struct ht_info *info, const char *name, uint64_t count);

/** ht_mapping_at() - the mapping that covers @iova, NULL when none does */
const struct ht_mapping *ht_mapping_at(const struct ht_container *c, uint64_t iova);

/**
 * ht_rates() - fill in maps and unmaps per second
 * @now: a snapshot
 * @before: the one before; NULL, and containers that it does not have: over their lives
 */
void ht_rates(struct ht_snapshot *now, const struct ht_snapshot *before);

/** ht_totals() - add up; 0 or -ENOMEM. ht_totals_free() in both cases */
int ht_totals(struct ht_totals *t, const struct ht_snapshot *s);
void ht_totals_free(struct ht_totals *t);

/** ht_container_free() - what it points to; harmless on a zeroed one */
void ht_container_free(struct ht_container *c);
void ht_snapshot_free(struct ht_snapshot *s);

#endif
