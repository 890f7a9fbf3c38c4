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
 * Rest. Freed pages wait in per-CPU lists, last in, first out: memory allocated right after a
 * large free gets them in descending order, where nothing is contiguous, and freeing that turns
 * the order round again. Two lanes in turn would see one order each. The kernel gives the lists
 * back within some idle seconds; idle seconds cost next to nothing where time is counted.
 *
 * Only the ioctl stands between two readings of the clock (and the two dozen instructions of
 * the client library that fill in its argument); errors are looked at afterwards.
 */
#include "measure.h"
#include "cases.h"
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

static int turn_single(const struct bench_setup *s, struct bench_lane *lane,
		       struct bench_result *r, const struct hf_mem *m, struct turn *t)
{
	uint64_t start, unmapped;
	int ret;

	start = bench_clock_now(&s->clock);
	ret = hf_try_map(&lane->container, IOVA_BASE, m->addr, m->len, HF_RW);
	keep(t, BENCH_MAP, bench_clock_since(&s->clock, start));
	if (ret)
		return fail(r, lane, "map", ret);

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
	uint64_t start, unmapped;
	int ret;

	start = bench_clock_now(&s->clock);
	ret = map_pieces(lane, r, m);
	keep(t, BENCH_MAP, bench_clock_since(&s->clock, start));
	if (ret)
		return ret;

	start = bench_clock_now(&s->clock);
	for (uint64_t at = 0; !ret && at < m->len; at += r->what.size)
		ret = hf_try_unmap(&lane->container, IOVA_BASE + at, r->what.size, 0, &unmapped);
	keep(t, BENCH_UNMAP, bench_clock_since(&s->clock, start));
	if (ret)
		return fail(r, lane, "unmap", ret);

	ret = map_pieces(lane, r, m);
	if (ret)
		return ret;
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
	const int ret = hf_mem_alloc(r->what.kind, bytes, flags, m);

	if (ret)
		return end_case(r, hf_mem_unavailable(ret) ? BENCH_SKIPPED : BENCH_FAILED,
				"cannot allocate: %s", strerror(-ret));
	return 0;
}

/* Fault fresh memory in as a program would, without any VFIO. */
static int touch_turn(const struct bench_setup *s, struct bench_result *r)
{
	struct hf_mem m;
	uint64_t start;

	if (allocate(r, 0, &m))
		return -1;
	start = bench_clock_now(&s->clock);
	for (size_t at = 0; at < m.len; at += BENCH_PAGE)
		*((volatile char *)m.addr + at) = 1;
	bench_series_add(&r->touch, bench_clock_since(&s->clock, start));
	hf_mem_free(&m);
	return 0;
}

static int turn_fresh(const struct bench_setup *s, struct bench_lane *lane,
		      struct bench_result *r, struct turn *t)
{
	struct hf_mem m;
	int ret = allocate(r, 0, &m);

	if (!ret)
		ret = turn_single(s, lane, r, &m, t);
	hf_mem_free(&m);
	return ret;
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
		ret = touch_turn(s, r);
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

/*
 * Two rounds unmeasured on every lane: the kernel moves a page along its LRU lists when it is
 * pinned for the first and the second time, and not every way of pinning does; where fresh
 * memory comes from changes during the first turns, too. A leak shows here already, with its
 * culprit.
 */
static int warm_up(const struct bench_setup *s, struct bench_lane *lanes, struct bench_result *r,
		   const struct hf_mem *m, const struct hf_proc_snapshot *before)
{
	struct turn ignored;

	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < s->nr_backends; i++) {
			if (one_turn(s, &lanes[i], r, m, &ignored) ||
			    check_balance(r, &lanes[i], before))
				return -1;
		}
	}
	r->touch.count = 0;
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
			if (one_turn(s, lane, r, m, &t))
				return -1;
			for (int op = 0; op < BENCH_OPS; op++)
				if (t.done[op])
					bench_series_add(&r->ops[op][lane->backend], t.cost[op]);
		}
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
		runs = hf_mem_runs(shared.addr, shared.len);
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

void bench_measure(const struct bench_setup *setup, struct bench_result *result)
{
	struct bench_lane lanes[BENCH_BACKENDS];

	for (unsigned int i = 0; i < BENCH_BACKENDS; i++)
		lanes[i] = (struct bench_lane){ .container.fd = -1, .group.fd = -1 };
	result->status = BENCH_MEASURED;
	if (!check_memory(result) && !open_lanes(setup, lanes, result))
		run_case(setup, lanes, result);
	close_lanes(lanes);
}
