// SPDX-License-Identifier: GPL-2.0-only
/*
 * race.c - maps side by side.
 *
 *	control        two threads that only compute, against one that does the work of both: what
 *	               this machine can do at best, just now
 *	two-maps       two threads map a range each; how long both take, against one thread that
 *	               maps one after the other
 *	short-map      one thread maps much memory that nobody touched; the slowest of the small
 *	               maps that another thread makes meanwhile, against the long map
 *	fault-threads  a map of memory that nobody touched with two fault threads, against the same
 *	               without (holdfast only)
 *
 * Time moves with whatever else the machine does, so each repetition takes both times one right
 * after the other, backends and repetitions alternate, and the median of the ratios is the
 * result. Each thread has a CPU of its own.
 *
 * Invariant: a race leaves the parameter fault_threads as it found it.
 */
#include "race.h"
#include "format.h"
#include "lane.h"

#include <errno.h>
#include <holdfast/iommu.h>
#include <holdfast/memory.h>
#include <holdfast/proc.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define M(n) ((uint64_t)(n) << 20)

/* Two ranges of the IOVA space, as far apart as anything mapped here is large. */
#define IOVA_FIRST (4ULL << 30)
#define IOVA_SECOND (16ULL << 30)

#define SHORT_MAP M(2)
#define FAULT_THREADS "/sys/module/vfio_iommu_holdfast/parameters/fault_threads"

enum race_kind { CONTROL, TWO_MAPS, SHORT_MAPS, FAULTERS };

static const struct {
	const char *name;
	const char *what;
	enum race_kind race;
	const char *kind;
	uint64_t size;
	double target;
	unsigned int reps;
} races[] = {
	{ "concurrency/control", "two threads computing / one thread, both: can this machine do it?",
	  CONTROL, "-", 0, 0.55, 7 },
	{ "concurrency/two-maps/frag4k/128M", "two threads, a range each / one thread, both",
	  TWO_MAPS, "frag4k", M(128), 0.6, 7 },
	{ "concurrency/two-maps/anon4k/256M", "two threads, a range each / one thread, both",
	  TWO_MAPS, "anon4k", M(256), 0.6, 7 },
	{ "concurrency/short-map/thp/1G", "slowest 2M map during a long map / the long map",
	  SHORT_MAPS, "thp", M(1024), 0.05, 5 },
	{ "concurrency/short-map/anon4k/256M", "slowest 2M map during a long map / the long map",
	  SHORT_MAPS, "anon4k", M(256), 0.05, 3 },
	{ "concurrency/fault-threads/thp/512M", "map with fault_threads=2 / with 0", FAULTERS,
	  "thp", M(512), 0.6, 7 },
};
#define RACES (sizeof(races) / sizeof(*races))

struct bench_race *bench_races(const char *only, size_t *count)
{
	struct bench_race *list = calloc(RACES, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < RACES; i++) {
		struct bench_race *r = &list[*count];

		if (!bench_list_has(only, races[i].name))
			continue;
		snprintf(r->name, sizeof(r->name), "%s", races[i].name);
		snprintf(r->what, sizeof(r->what), "%s", races[i].what);
		r->target = races[i].target;
		r->status = BENCH_SKIPPED;
		strcpy(r->reason, "interrupted");
		++*count;
	}
	return list;
}

__attribute__((format(printf, 3, 4)))
static int end_race(struct bench_race *r, enum bench_status status, const char *fmt, ...)
{
	va_list ap;

	if (r->status == BENCH_MEASURED) {
		va_start(ap, fmt);
		vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
		va_end(ap);
		r->status = status;
	}
	return -1;
}

static int failed(struct bench_race *r, enum bench_backend b, const char *what, int err)
{
	return end_race(r, BENCH_FAILED, "%s: %s: %s", bench_backend_name(b), what, strerror(-err));
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* Where that is forbidden the scheduler does what it can. */
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* Turns of the loop that the control race computes with. */
#define CONTROL_TURNS 100000000UL

/* One thread's work: a map, or a loop where there is no memory; and when it began and ended. */
struct runner {
	const struct bench_setup *setup;
	const struct bench_lane *lane;
	const struct hf_mem *mem;
	uint64_t iova;
	int cpu;
	pthread_barrier_t *gun;
	uint64_t began;
	uint64_t ended;
	atomic_int *done; /* set when the map is over; may be NULL */
	int ret;
};

static void *run_map(void *data)
{
	struct runner *r = data;

	run_on(r->cpu);
	if (r->gun)
		pthread_barrier_wait(r->gun);
	r->began = bench_clock_now(&r->setup->clock);
	if (r->mem)
		r->ret = hf_try_map(&r->lane->container, r->iova, r->mem->addr, r->mem->len, HF_RW);
	else
		for (unsigned long turn = 0; turn < CONTROL_TURNS; turn++)
			__asm__ volatile("" : "+r"(turn));
	r->ended = bench_clock_now(&r->setup->clock);
	if (r->done)
		atomic_store(r->done, 1);
	return NULL;
}

static int unmap(const struct bench_lane *lane, uint64_t iova, const struct hf_mem *m)
{
	uint64_t unmapped;
	int ret;

	if (!m)
		return 0;
	ret = hf_try_unmap(&lane->container, iova, m->len, 0, &unmapped);

	return ret ? ret : unmapped == m->len ? 0 : -EPROTO;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Both at once; the time from the first start to the last end. 0 or -errno. */
static int side_by_side(struct runner *a, struct runner *b, uint64_t *took)
{
	pthread_barrier_t gun;
	pthread_t other;
	int ret;

	pthread_barrier_init(&gun, NULL, 2);
	a->gun = &gun;
	b->gun = &gun;
	ret = -pthread_create(&other, NULL, run_map, b);
	if (!ret) {
		run_map(a);
		pthread_join(other, NULL);
		*took = later(a->ended, b->ended) - earlier(a->began, b->began);
		ret = a->ret ? a->ret : b->ret;
	}
	pthread_barrier_destroy(&gun);
	a->gun = NULL;
	b->gun = NULL;
	return ret;
}

static int two_maps(const struct bench_setup *s, struct bench_race *r,
		    const struct bench_lane *lane, const struct hf_mem *first,
		    const struct hf_mem *second, bool measured)
{
	struct runner a = { .setup = s, .lane = lane, .mem = first, .iova = IOVA_FIRST, .cpu = 0 };
	struct runner b = { .setup = s, .lane = lane, .mem = second, .iova = IOVA_SECOND, .cpu = 1 };
	uint64_t both = 0, serial = 0;
	int ret = side_by_side(&a, &b, &both);

	if (!ret)
		ret = unmap(lane, a.iova, a.mem);
	if (!ret)
		ret = unmap(lane, b.iova, b.mem);
	if (!ret) {
		run_map(&a);
		b.cpu = 0;
		run_map(&b);
		serial = b.ended - a.began;
		ret = a.ret ? a.ret : b.ret;
	}
	if (!ret)
		ret = unmap(lane, a.iova, a.mem);
	if (!ret)
		ret = unmap(lane, b.iova, b.mem);
	if (ret)
		return failed(r, lane->backend, "map or unmap", ret);
	if (measured) {
		bench_series_add(&r->part[lane->backend], both);
		bench_series_add(&r->whole[lane->backend], serial);
	}
	return 0;
}

static int short_maps(const struct bench_setup *s, struct bench_race *r,
		      const struct bench_lane *lane, const struct hf_mem *little,
		      const struct hf_mem *lot, bool measured)
{
	pthread_barrier_t gun;
	atomic_int done = 0;
	struct runner longer = { .setup = s, .lane = lane, .mem = lot, .iova = IOVA_FIRST, .cpu = 1,
				 .gun = &gun, .done = &done };
	uint64_t worst = 0;
	pthread_t thread;
	int ret;

	pthread_barrier_init(&gun, NULL, 2);
	run_on(0);
	ret = -pthread_create(&thread, NULL, run_map, &longer);
	if (ret) {
		pthread_barrier_destroy(&gun);
		return failed(r, lane->backend, "thread", ret);
	}
	pthread_barrier_wait(&gun);
	while (!ret && !atomic_load(&done)) {
		const uint64_t start = bench_clock_now(&s->clock);

		ret = hf_try_map(&lane->container, IOVA_SECOND, little->addr, little->len, HF_RW);
		worst = later(worst, bench_clock_since(&s->clock, start));
		if (!ret)
			ret = unmap(lane, IOVA_SECOND, little);
	}
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&gun);
	if (!ret)
		ret = longer.ret;
	if (!ret)
		ret = unmap(lane, longer.iova, lot);
	if (ret)
		return failed(r, lane->backend, "map or unmap", ret);
	if (measured) {
		bench_series_add(&r->part[lane->backend], worst);
		bench_series_add(&r->whole[lane->backend], longer.ended - longer.began);
	}
	return 0;
}

static int alloc(struct bench_race *r, const char *kind, uint64_t size, unsigned int flags,
		 struct hf_mem *m)
{
	const int ret = hf_mem_alloc(kind, size, flags, m);

	if (ret)
		return end_race(r, hf_mem_unavailable(ret) ? BENCH_SKIPPED : BENCH_FAILED,
				"cannot allocate: %s", strerror(-ret));
	return 0;
}

/* Map fresh memory with so many fault threads; the time it took. */
static int faulted_map(const struct bench_setup *s, struct bench_race *r,
		       const struct bench_lane *lane, const char *kind, uint64_t size,
		       const char *threads, uint64_t *took)
{
	struct hf_mem m;
	struct runner a = { .setup = s, .lane = lane, .mem = &m, .iova = IOVA_FIRST, .cpu = 0 };
	int ret;

	bench_rest(s->clock.mode);
	if (alloc(r, kind, size, 0, &m))
		return -1;
	ret = hf_proc_write_file(FAULT_THREADS, threads);
	if (!ret) {
		a.began = bench_clock_now(&s->clock);
		a.ret = hf_try_map(&lane->container, a.iova, m.addr, m.len, HF_RW);
		a.ended = bench_clock_now(&s->clock);
		ret = a.ret;
	}
	if (!ret)
		ret = unmap(lane, a.iova, &m);
	hf_mem_free(&m);
	*took = a.ended - a.began;
	return ret ? failed(r, lane->backend, "fault_threads or map", ret) : 0;
}

static int faulters(const struct bench_setup *s, struct bench_race *r,
		    const struct bench_lane *lane, const char *kind, uint64_t size, bool measured)
{
	uint64_t two, none;
	char before[32];
	int ret;

	if (hf_proc_read_file(FAULT_THREADS, before, sizeof(before)) < 1)
		return end_race(r, BENCH_SKIPPED, "the module has no parameter fault_threads");
	ret = faulted_map(s, r, lane, kind, size, "2", &two);
	if (!ret)
		ret = faulted_map(s, r, lane, kind, size, "0", &none);
	hf_proc_write_file(FAULT_THREADS, before);
	if (!ret && measured) {
		bench_series_add(&r->part[lane->backend], two);
		bench_series_add(&r->whole[lane->backend], none);
	}
	return ret;
}

static int one_turn(const struct bench_setup *s, struct bench_race *r, size_t which,
		    const struct bench_lane *lane, const struct hf_mem kept[2], bool measured)
{
	struct hf_mem lot;
	int ret;

	switch (races[which].race) {
	case CONTROL:
		return two_maps(s, r, lane, NULL, NULL, measured);
	case TWO_MAPS:
		return two_maps(s, r, lane, &kept[0], &kept[1], measured);
	case SHORT_MAPS:
		bench_rest(s->clock.mode);
		if (alloc(r, races[which].kind, races[which].size, 0, &lot))
			return -1;
		ret = short_maps(s, r, lane, &kept[0], &lot, measured);
		hf_mem_free(&lot);
		return ret;
	default:
		return lane->backend == BENCH_STOCK ? 0 : faulters(s, r, lane, races[which].kind,
								   races[which].size, measured);
	}
}

static int open_lanes(const struct bench_setup *s, struct bench_race *r, struct bench_lane *lanes)
{
	for (unsigned int i = 0; i < s->nr_backends; i++) {
		const int ret = bench_lane_open(&lanes[i], s->backends[i], s->bdfs[i]);

		if (ret)
			return failed(r, s->backends[i], "cannot open a container", ret);
	}
	return 0;
}

static int repeat(const struct bench_setup *s, struct bench_race *r, size_t which,
		  const struct bench_lane *lanes, const struct hf_mem kept[2])
{
	const unsigned int reps = s->reps ? s->reps : races[which].reps;

	/* The first turn is a warm-up. */
	for (unsigned int rep = 0; rep <= reps; rep++) {
		for (unsigned int i = 0; i < s->nr_backends; i++) {
			if (bench_stopped())
				return end_race(r, BENCH_SKIPPED, "interrupted");
			if (one_turn(s, r, which, &lanes[(rep + i) % s->nr_backends], kept, rep))
				return -1;
		}
	}
	return 0;
}

static int keep_memory(struct bench_race *r, size_t which, struct hf_mem kept[2])
{
	if (races[which].race == TWO_MAPS) {
		if (alloc(r, races[which].kind, races[which].size, HF_MEM_TOUCHED, &kept[0]))
			return -1;
		return alloc(r, races[which].kind, races[which].size, HF_MEM_TOUCHED, &kept[1]);
	}
	if (races[which].race == SHORT_MAPS)
		return alloc(r, "thp", SHORT_MAP, HF_MEM_TOUCHED, &kept[0]);
	return 0;
}

void bench_race_run(const struct bench_setup *s, struct bench_race *race)
{
	struct bench_lane lanes[BENCH_BACKENDS];
	struct hf_mem kept[2] = { { .fd = -1 }, { .fd = -1 } };
	struct hf_proc_snapshot before;
	size_t which = 0;
	cpu_set_t all;
	int ret;

	while (strcmp(races[which].name, race->name))
		which++;
	race->status = BENCH_MEASURED;
	*race->reason = '\0';
	for (unsigned int i = 0; i < BENCH_BACKENDS; i++)
		lanes[i] = (struct bench_lane){ .container.fd = -1, .group.fd = -1 };
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		end_race(race, BENCH_SKIPPED, "needs two CPUs");
		return;
	}

	ret = hf_proc_snapshot(&before);
	if (ret) {
		end_race(race, BENCH_FAILED, "cannot read the pin counters: %s", strerror(-ret));
		return;
	}
	pthread_getaffinity_np(pthread_self(), sizeof(all), &all);
	if (!keep_memory(race, which, kept) && !open_lanes(s, race, lanes))
		repeat(s, race, which, lanes, kept);
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	for (unsigned int i = 0; i < BENCH_BACKENDS; i++)
		bench_lane_close(&lanes[i]);
	hf_mem_free(&kept[0]);
	hf_mem_free(&kept[1]);
	if (hf_proc_settle(&before, NULL, 2000) == -EBUSY)
		end_race(race, BENCH_FAILED, "pins or locked memory are left behind");
}
