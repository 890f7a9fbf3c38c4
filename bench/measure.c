// SPDX-License-Identifier: GPL-2.0-only
/*
 * measure.c - the experiment.
 *
 * Prefaulted: one allocation serves the whole case. Every lane maps and unmaps it unmeasured
 * first, then repetitions alternate between the lanes, starting with another lane each
 * time. Nothing is mapped by one lane while the other is measured.
 *
 * Never faulted: every repetition gets fresh memory, is measured, and gives it back. Beside it,
 * as much memory is faulted in by a plain loop in user space.
 *
 * The floor is measured on the same memory, as if it were one more lane: on the shared
 * allocation after each repetition, on fresh memory after the touch loop has faulted it in.
 *
 * Churn. A slab of the kernel's that happens to have one free object left makes each allocation
 * from it, and each free to it, several hundred instructions dearer, and stays that way for as
 * long as nobody else allocates: on 6.1 a map of 2M cost 3682 or 4024 depending on what was in
 * the guest's image. Some unmeasured maps before each repetition, each time another number of
 * them, leave no two repetitions with the same slabs.
 *
 * Rest. Freed pages wait in per-CPU lists, last in, first out: memory allocated right after a
 * large free gets them in descending order, where nothing is contiguous, and freeing that turns
 * the order round again. Two lanes in turn would see one order each. The kernel gives the lists
 * back within some idle seconds; idle seconds cost next to nothing where time is counted.
 *
 * Only the ioctl stands between two readings of the clock (and the two dozen instructions of
 * the client library that fill in its argument); errors are looked at afterwards.
 */
#include "measure.h"
#include "alias.h"
#include "cases.h"
#include "counts.h"
#include "format.h"
#include "lane.h"

#include <errno.h>
#include <holdfast/iommu.h>
#include <holdfast/memory.h>
#include <holdfast/pagemap.h>
#include <holdfast/proc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Above 4 GiB, and aligned so that the IOMMU can use its largest pages. */
#define IOVA_BASE (4ULL << 30)

/* Where the maps of churn() go: clear of everything measured, and of the MSI window. */
#define CHURN_BASE (1ULL << 30)
#define CHURN_LEAST 33
#define CHURN_MOST (2ULL << 20)

/* A backend that frees behind our back gets this long, milliseconds. */
#define SETTLE_MS 2000

static volatile sig_atomic_t stop;

/* What one turn on one lane cost. */
struct turn {
	uint64_t cost[BENCH_OPS];
	bool done[BENCH_OPS];
};

void bench_stop(void)
{
	stop = 1;
}

bool bench_stopped(void)
{
	return stop;
}

void bench_rest(enum bench_mode mode)
{
	const struct timespec counted = { .tv_sec = 20 }, timed = { .tv_nsec = 20000000 };

	nanosleep(mode == BENCH_COUNT ? &counted : &timed, NULL);
}

__attribute__((format(printf, 3, 4)))
static int end_case(struct bench_result *r, enum bench_status status, const char *fmt, ...)
{
	va_list ap;

	/* The first reason is the one that matters. */
	if (r->status == BENCH_MEASURED) {
		va_start(ap, fmt);
		vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
		va_end(ap);
		r->status = status;
	}
	return -1;
}

static int fail(struct bench_result *r, const struct bench_lane *lane, const char *what, int err)
{
	return end_case(r, BENCH_FAILED, "%s: %s: %s", bench_backend_name(lane->backend), what,
			strerror(-err));
}

static void keep(struct turn *t, enum bench_op op, uint64_t cost)
{
	t->cost[op] = cost;
	t->done[op] = true;
}

static int turn_null(const struct bench_setup *s, struct bench_lane *lane, struct bench_result *r,
		     struct turn *t)
{
	const uint64_t start = bench_clock_now(&s->clock);
	const int ret = hf_container_null(&lane->container);

	keep(t, BENCH_NULL, bench_clock_since(&s->clock, start));
	return ret < 0 ? fail(r, lane, "null ioctl", ret) : 0;
}

/*
 * Let everybody run who waits for the CPU. khugepaged looks at a process that has just got huge
 * pages; while it queues for the mmap lock, every release of that lock takes 340 instructions
 * longer, on 6.1, for as long as it does not get to run.
 */
static void breathe(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

/* Bytes behind a line of /proc/vmstat that counts pages. */
static int64_t pages_of(const char *name)
{
	uint64_t pages;

	return hf_proc_vmstat(name, &pages) ? -1 : (int64_t)(pages * BENCH_PAGE);
}

/* Free memory, what waits in per-CPU lists included; -1 when the kernel does not say. */
static int64_t free_memory(void)
{
	char line[256];
	long long pages, sum = -1;
	FILE *f = fopen("/proc/zoneinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " pages free %lld", &pages) == 1 ||
		    sscanf(line, " count: %lld", &pages) == 1)
			sum = (sum < 0 ? 0 : sum) + pages;
	if (f)
		fclose(f);
	return sum < 0 ? -1 : sum * (int64_t)BENCH_PAGE;
}

static struct bench_memory in_use(const struct bench_result *r)
{
	struct bench_memory now = { 0 };
	int64_t free_now, reclaimable, other;

	if (!r->what.scale)
		return now;
	/* First, because it folds the counters of the CPUs. */
	reclaimable = pages_of("nr_slab_reclaimable");
	other = pages_of("nr_slab_unreclaimable");
	free_now = free_memory();
	now.known = free_now >= 0 && reclaimable >= 0 && other >= 0;
	now.slab = reclaimable + other;
	now.all = -free_now;
	return now;
}

/* So many mappings are needed before the memory of one can be told. */
#define MEMORY_MAPS 10000

/* With everything mapped: what is in use now that was not in use before. */
static void keep_memory(struct bench_result *r, const struct bench_lane *lane,
			const struct bench_memory *before)
{
	const struct bench_memory now = in_use(r);

	/* Fewer would find room in slabs that others left. */
	if (r->what.maps >= MEMORY_MAPS && before->known && now.known)
		r->memory[lane->backend] = (struct bench_memory){
			.known = true,
			.slab = now.slab - before->slab,
			.all = now.all - before->all,
		};
}

static int turn_single(const struct bench_setup *s, struct bench_lane *lane,
		       struct bench_result *r, const struct hf_mem *m, struct turn *t)
{
	const struct bench_memory before = in_use(r);
	uint64_t start, unmapped;
	int ret;

	breathe();
	start = bench_clock_now(&s->clock);
	ret = hf_try_map(&lane->container, IOVA_BASE, m->addr, m->len, HF_RW);
	keep(t, BENCH_MAP, bench_clock_since(&s->clock, start));
	if (ret)
		return fail(r, lane, "map", ret);
	keep_memory(r, lane, &before);

	breathe();
	start = bench_clock_now(&s->clock);
	ret = hf_try_unmap(&lane->container, IOVA_BASE, m->len, 0, &unmapped);
	keep(t, BENCH_UNMAP, bench_clock_since(&s->clock, start));
	if (!ret && unmapped != m->len)
		ret = -EPROTO;
	return ret ? fail(r, lane, "unmap", ret) : 0;
}

/* One map for each piece of the memory, at the same offset of the IOVA space. */
static int map_pieces(struct bench_lane *lane, struct bench_result *r, const struct hf_mem *m)
{
	const uint64_t piece = r->what.size;

	for (uint64_t at = 0; at < m->len; at += piece) {
		const int ret = hf_try_map(&lane->container, IOVA_BASE + at, (char *)m->addr + at,
					   piece, HF_RW);

		if (ret)
			return fail(r, lane, "map", ret);
	}
	return 0;
}

static int turn_separate(const struct bench_setup *s, struct bench_lane *lane,
			 struct bench_result *r, const struct hf_mem *m, struct turn *t)
{
	const struct bench_memory before = in_use(r);
	uint64_t start, unmapped;
	int ret;

	breathe();
	start = bench_clock_now(&s->clock);
	ret = map_pieces(lane, r, m);
	keep(t, BENCH_MAP, bench_clock_since(&s->clock, start));
	if (ret)
		return ret;
	keep_memory(r, lane, &before);

	breathe();
	start = bench_clock_now(&s->clock);
	for (uint64_t at = 0; !ret && at < m->len; at += r->what.size)
		ret = hf_try_unmap(&lane->container, IOVA_BASE + at, r->what.size, 0, &unmapped);
	keep(t, BENCH_UNMAP, bench_clock_since(&s->clock, start));
	if (ret)
		return fail(r, lane, "unmap", ret);

	ret = map_pieces(lane, r, m);
	if (ret)
		return ret;
	breathe();
	start = bench_clock_now(&s->clock);
	ret = hf_try_unmap(&lane->container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped);
	keep(t, BENCH_UNMAP_ALL, bench_clock_since(&s->clock, start));
	if (!ret && unmapped != m->len)
		ret = -EPROTO;
	return ret ? fail(r, lane, "unmap all", ret) : 0;
}

static int allocate(struct bench_result *r, unsigned int flags, struct hf_mem *m)
{
	const uint64_t bytes = r->what.size * r->what.maps;
	const int ret = r->what.scale ? bench_alias_alloc(r->what.kind, bytes, m)
				      : hf_mem_alloc(r->what.kind, bytes, flags, m);

	if (ret)
		return end_case(r, hf_mem_unavailable(ret) ? BENCH_SKIPPED : BENCH_FAILED,
				"cannot allocate: %s", strerror(-ret));
	return 0;
}

/* Null ioctls to take the median of: the shortest thing measured, hit hardest by a timer. */
#define FLOOR_NULLS 15

/* What the operations on memory that is there cost without a backend. */
static void floor_turn(const struct bench_setup *s, const struct bench_lane *lane,
		       struct bench_result *r, const struct hf_mem *m)
{
	struct hf_floor_measure f = {
		.vaddr = (uintptr_t)m->addr,
		.size = m->len,
		.iova = IOVA_BASE,
		.piece = r->what.size,
		.unmap_piece = r->what.size,
		.leaf = m->kind->page_size,
	};
	struct hf_floor_measure whole = f;
	struct bench_series nulls = { 0 };
	int ret;

	if (!s->floor || *r->floor_reason)
		return;
	ret = bench_floor_measure(s->floor, s->clock.mode, &f);
	whole.unmap_piece = m->len;
	if (!ret && r->what.maps > 1)
		ret = bench_floor_measure(s->floor, s->clock.mode, &whole);
	for (int i = 0; !ret && i < FLOOR_NULLS; i++) {
		const uint64_t start = bench_clock_now(&s->clock);

		ret = hf_container_null(&lane->container) < 0 ? -EIO : 0;
		bench_series_add(&nulls, bench_clock_since(&s->clock, start));
	}
	if (ret) {
		snprintf(r->floor_reason, sizeof(r->floor_reason), "the floor module answers: %s",
			 strerror(-ret));
		memset(r->parts, 0, sizeof(r->parts));
		return;
	}
	bench_series_add(&r->parts[BENCH_PART_NULL], bench_series_median(&nulls));
	bench_series_add(&r->parts[BENCH_PART_PIN], f.pin);
	bench_series_add(&r->parts[BENCH_PART_MAP], f.map);
	bench_series_add(&r->parts[BENCH_PART_UNMAP], f.unmap);
	bench_series_add(&r->parts[BENCH_PART_UNPIN], f.unpin);
	if (r->what.maps > 1)
		bench_series_add(&r->parts[BENCH_PART_UNMAP_WHOLE], whole.unmap);
}

/* Fault fresh memory in as a program would, without any VFIO. */
static int touch_turn(const struct bench_setup *s, const struct bench_lane *lane,
		      struct bench_result *r)
{
	struct hf_mem m;
	uint64_t start;

	if (allocate(r, 0, &m))
		return -1;
	start = bench_clock_now(&s->clock);
	for (size_t at = 0; at < m.len; at += BENCH_PAGE)
		*((volatile char *)m.addr + at) = 1;
	bench_series_add(&r->touch, bench_clock_since(&s->clock, start));
	floor_turn(s, lane, r, &m);
	hf_mem_free(&m);
	return 0;
}

/* Each repetition has memory of its own: holdfast's is told, or that of the only backend. */
static bool counts_runs(const struct bench_setup *s, const struct bench_lane *lane)
{
	return lane->backend == BENCH_HOLDFAST || s->nr_backends == 1;
}

static int turn_fresh(const struct bench_setup *s, struct bench_lane *lane,
		      struct bench_result *r, struct turn *t)
{
	struct hf_mem m;
	long runs;
	int ret = allocate(r, 0, &m);

	if (!ret)
		ret = turn_single(s, lane, r, &m, t);
	/* The fewest pieces: those of the cheapest repetition. */
	runs = ret || !counts_runs(s, lane) ? 0 : hf_mem_runs(m.addr, m.len);
	if (runs > 0 && (!r->runs || (uint64_t)runs < r->runs))
		r->runs = (uint64_t)runs;
	hf_mem_free(&m);
	return ret;
}

/*
 * Map something small some dozen times and unmap it again: see the top of the file. A part of
 * the memory itself where there is some, because each path of a backend has its own allocations;
 * but never many small pages, which would take longer than what is measured.
 */
static int churn(struct bench_lane *lane, struct bench_result *r, const struct hf_mem *m,
		 unsigned int rep)
{
	static char page[BENCH_PAGE] __attribute__((aligned(BENCH_PAGE)));
	const unsigned int maps = CHURN_LEAST + 3 * rep;
	const void *from = m->addr ? m->addr : page;
	uint64_t piece = BENCH_PAGE;
	int ret = 0;

	if (m->addr && m->kind->props & HF_KIND_HUGE)
		piece = m->len < CHURN_MOST ? m->len : CHURN_MOST;
	for (unsigned int i = 0; i < maps && !ret; i++)
		ret = hf_try_map(&lane->container, CHURN_BASE + i * piece, from, piece, HF_RW);
	if (ret)
		return fail(r, lane, "map before the measurement", ret);
	for (unsigned int i = 0; i < maps && !ret; i++)
		ret = hf_try_unmap(&lane->container, CHURN_BASE + i * piece, piece, 0, NULL);
	return ret ? fail(r, lane, "unmap before the measurement", ret) : 0;
}

static int one_turn(const struct bench_setup *s, struct bench_lane *lane, struct bench_result *r,
		    const struct hf_mem *shared, struct turn *t)
{
	int ret;

	memset(t, 0, sizeof(*t));
	if (r->what.state == BENCH_NO_MEMORY)
		return turn_null(s, lane, r, t);
	if (r->what.state == BENCH_NEVER_FAULTED) {
		bench_rest(s->clock.mode);
		ret = touch_turn(s, lane, r);
		bench_rest(s->clock.mode);
		return ret ? ret : turn_fresh(s, lane, r, t);
	}
	if (r->what.maps > 1)
		return turn_separate(s, lane, r, shared, t);
	return turn_single(s, lane, r, shared, t);
}

static int check_balance(struct bench_result *r, const struct bench_lane *lane,
			 const struct hf_proc_snapshot *before)
{
	struct hf_proc_snapshot now = { 0 };
	const int ret = hf_proc_settle(before, &now, SETTLE_MS);

	if (ret == -EBUSY)
		return end_case(r, BENCH_FAILED,
				"%s leaks: %lld pins, %lld bytes of VmLck, %lld huge pages",
				lane ? bench_backend_name(lane->backend) : "a backend",
				(long long)(now.pins_held - before->pins_held),
				(long long)(now.vmlck - before->vmlck),
				(long long)(before->huge_free_2m - now.huge_free_2m +
					    before->huge_free_1g - now.huge_free_1g));
	if (ret)
		return end_case(r, BENCH_FAILED, "cannot read the pin counters: %s",
				strerror(-ret));
	return 0;
}

static bool left_out(const struct bench_result *r, const struct bench_lane *lane)
{
	return r->what.holdfast_only && lane->backend != BENCH_HOLDFAST;
}

/*
 * Two rounds unmeasured on every lane: the kernel moves a page along its LRU lists when it is
 * pinned for the first and the second time, and not every way of pinning does; where fresh
 * memory comes from changes during the first turns, too. A leak shows here already, with its
 * culprit.
 */
static int warm_up(const struct bench_setup *s, struct bench_lane *lanes, struct bench_result *r,
		   const struct hf_mem *m, const struct hf_proc_snapshot *before)
{
	const unsigned int rounds = r->what.scale ? 1 : 2;
	struct turn ignored;

	for (unsigned int round = 0; round < rounds; round++) {
		for (unsigned int i = 0; i < s->nr_backends; i++) {
			if (left_out(r, &lanes[i]))
				continue;
			if (one_turn(s, &lanes[i], r, m, &ignored) ||
			    check_balance(r, &lanes[i], before))
				return -1;
		}
		if (r->what.state == BENCH_PREFAULTED)
			floor_turn(s, &lanes[0], r, m);
	}
	r->touch.count = 0;
	if (r->what.state == BENCH_NEVER_FAULTED)
		r->runs = 0;
	memset(r->parts, 0, sizeof(r->parts));
	return 0;
}

static int repeat(const struct bench_setup *s, struct bench_lane *lanes, struct bench_result *r,
		  const struct hf_mem *m)
{
	const unsigned int reps =
		s->reps ? s->reps : bench_case_reps(&r->what, s->clock.mode, s->full);
	struct turn t;

	for (unsigned int rep = 0; rep < reps; rep++) {
		for (unsigned int i = 0; i < s->nr_backends; i++) {
			struct bench_lane *lane = &lanes[(rep + i) % s->nr_backends];

			if (stop)
				return end_case(r, BENCH_SKIPPED, "interrupted");
			if (left_out(r, lane))
				continue;
			if (r->what.state != BENCH_NO_MEMORY && churn(lane, r, m, rep))
				return -1;
			if (one_turn(s, lane, r, m, &t))
				return -1;
			for (int op = 0; op < BENCH_OPS; op++)
				if (t.done[op])
					bench_series_add(&r->ops[op][lane->backend], t.cost[op]);
		}
		if (r->what.state == BENCH_PREFAULTED)
			floor_turn(s, &lanes[0], r, m);
	}
	return 0;
}

static void close_lanes(struct bench_lane *lanes)
{
	for (unsigned int i = 0; i < BENCH_BACKENDS; i++)
		bench_lane_close(&lanes[i]);
}

static int open_lanes(const struct bench_setup *s, struct bench_lane *lanes,
		      struct bench_result *r)
{
	for (unsigned int i = 0; i < s->nr_backends; i++) {
		const int ret = bench_lane_open(&lanes[i], s->backends[i], s->bdfs[i]);

		if (ret == -EREMCHG)
			return end_case(r, BENCH_FAILED, "%s did not serve the container",
					bench_backend_name(s->backends[i]));
		if (ret)
			return end_case(r, BENCH_FAILED, "%s: cannot open a container for %s: %s",
					bench_backend_name(s->backends[i]), s->bdfs[i],
					strerror(-ret));
	}
	return 0;
}

/* Free memory, bytes; "as much as wanted" when the kernel does not say. */
static uint64_t available(void)
{
	char line[256];
	unsigned long long kb;
	uint64_t bytes = UINT64_MAX;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1)
			bytes = (uint64_t)kb << 10;
	if (f)
		fclose(f);
	return bytes;
}

/*
 * Would the case push the machine into reclaim or worse? Some kinds need more than they give:
 * fragmented memory is every other page of twice as much, private files have page cache.
 */
static int check_memory(struct bench_result *r)
{
	const struct hf_mem_kind *k = hf_mem_kind_find(r->what.kind);
	const uint64_t bytes = r->what.size * r->what.maps;
	uint64_t need;

	if (!k || k->props & HF_KIND_HUGETLB)
		return 0;
	need = bytes + bytes / 16;
	if (!strcmp(k->name, "frag4k") || !strcmp(k->name, "file"))
		need += bytes + bytes / 4;
	if (available() < need + (64ULL << 20))
		return end_case(r, BENCH_SKIPPED, "needs %llu MiB of free memory",
				(unsigned long long)(need >> 20));
	return 0;
}

static void run_case(const struct bench_setup *s, struct bench_lane *lanes, struct bench_result *r)
{
	struct hf_proc_snapshot before;
	struct hf_mem shared = { .fd = -1 };
	long runs;
	int ret;

	if (r->what.state == BENCH_PREFAULTED) {
		if (allocate(r, HF_MEM_TOUCHED, &shared))
			return;
		/* To read the page table of a terabyte takes longer than to map it. */
		runs = r->what.scale ? 0 : hf_mem_runs(shared.addr, shared.len);
		r->runs = runs > 0 ? (uint64_t)runs : 0;
	}
	ret = hf_proc_snapshot(&before);
	if (ret)
		end_case(r, BENCH_FAILED, "cannot read the pin counters: %s", strerror(-ret));
	else if (!warm_up(s, lanes, r, &shared, &before) && !repeat(s, lanes, r, &shared))
		check_balance(r, NULL, &before);

	/* What a failed turn left mapped must not outlive the case, nor count as a leak. */
	close_lanes(lanes);
	if (!ret && r->status != BENCH_FAILED)
		check_balance(r, NULL, &before);
	hf_mem_free(&shared);
}

static bool has_backend(const struct bench_setup *s, enum bench_backend backend)
{
	for (unsigned int i = 0; i < s->nr_backends; i++)
		if (s->backends[i] == backend)
			return true;
	return false;
}

void bench_measure(const struct bench_setup *setup, struct bench_result *result)
{
	struct bench_lane lanes[BENCH_BACKENDS];

	for (unsigned int i = 0; i < BENCH_BACKENDS; i++)
		lanes[i] = (struct bench_lane){ .container.fd = -1, .group.fd = -1 };
	result->status = BENCH_MEASURED;
	if (result->what.holdfast_only && !has_backend(setup, BENCH_HOLDFAST)) {
		end_case(result, BENCH_SKIPPED, "only holdfast is measured, and it is not here");
		return;
	}
	if (!check_memory(result) && !open_lanes(setup, lanes, result))
		run_case(setup, lanes, result);
	close_lanes(lanes);
}

/* Calls between two readings. */
static void keep_calls(struct bench_result *r, const struct bench_lane *lane, enum bench_op op,
		       const uint64_t before[BENCH_CALLS])
{
	struct bench_calls *c = &r->calls[op][lane->backend];
	uint64_t now[BENCH_CALLS];

	if (bench_counts_read(now))
		return;
	c->known = true;
	for (int call = 0; call < BENCH_CALLS; call++)
		c->count[call] = now[call] - before[call];
}

static void count_turn(struct bench_lane *lane, struct bench_result *r, const struct hf_mem *m)
{
	uint64_t before[BENCH_CALLS];
	int ret = 0;

	if (bench_counts_read(before) || map_pieces(lane, r, m))
		return;
	keep_calls(r, lane, BENCH_MAP, before);

	bench_counts_read(before);
	for (uint64_t at = 0; !ret && at < m->len; at += r->what.size)
		ret = hf_try_unmap(&lane->container, IOVA_BASE + at, r->what.size, 0, NULL);
	if (!ret)
		keep_calls(r, lane, BENCH_UNMAP, before);
	if (ret || r->what.maps == 1 || map_pieces(lane, r, m))
		return;

	bench_counts_read(before);
	if (!hf_try_unmap(&lane->container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL))
		keep_calls(r, lane, BENCH_UNMAP_ALL, before);
}

void bench_count_calls(const struct bench_setup *s, struct bench_result *result)
{
	struct bench_lane lanes[BENCH_BACKENDS];
	struct bench_result copy = *result;
	struct hf_mem m = { .fd = -1 };

	for (unsigned int i = 0; i < BENCH_BACKENDS; i++)
		lanes[i] = (struct bench_lane){ .container.fd = -1, .group.fd = -1 };
	if (!copy.what.size || copy.status != BENCH_MEASURED || open_lanes(s, lanes, &copy))
		goto out;
	for (unsigned int i = 0; i < s->nr_backends; i++) {
		const bool fresh = copy.what.state == BENCH_NEVER_FAULTED;

		if (stop || left_out(&copy, &lanes[i]))
			continue;
		if (fresh || !m.addr) {
			hf_mem_free(&m);
			if (allocate(&copy, fresh ? 0 : HF_MEM_TOUCHED, &m))
				break;
		}
		count_turn(&lanes[i], &copy, &m);
	}
	memcpy(result->calls, copy.calls, sizeof(copy.calls));
out:
	close_lanes(lanes);
	hf_mem_free(&m);
}
