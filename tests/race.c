// SPDX-License-Identifier: GPL-2.0-only
/*
 * race - threads and processes in each other's way.
 *
 * Every case runs for a bounded time and then asks what must be true whatever the order was:
 * answers out of the few that are allowed, nothing lost, nothing left, and what is mapped in
 * the end is what the device sees.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "module.h"
#include "side.h"

#define IOVA 0xa00000000ULL
#define THREADS 4
#define RUN_MS 1000

/* What the threads of a case share. Expectations are for the main thread only. */
struct shared {
	const struct hf_container *c;
	struct hf_mem mem;
	pthread_barrier_t barrier;
	atomic_bool stop;
	atomic_int wrong;	/* an answer that is never right */
	atomic_uint good;
	atomic_uint refused;
};

struct worker {
	struct shared *s;
	unsigned int number;
	pthread_t thread;
	int ret;
};

static void begin(struct shared *s, struct worker *w, unsigned int n, void *(*fn)(void *))
{
	for (unsigned int i = 0; i < n; i++) {
		w[i] = (struct worker){ .s = s, .number = i };
		hf_require(!pthread_create(&w[i].thread, NULL, fn, &w[i]), "thread");
	}
}

static void finish(struct shared *s, struct worker *w, unsigned int n)
{
	atomic_store(&s->stop, true);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(w[i].thread, NULL);
	hf_expect_eq(atomic_load(&s->wrong), 0, "an answer that is never right");
}

static void check(struct shared *s, int ret, int also)
{
	if (!ret)
		atomic_fetch_add(&s->good, 1);
	else if (ret == also)
		atomic_fetch_add(&s->refused, 1);
	else
		atomic_store(&s->wrong, ret);
}

/* Each thread has a range of its own: nobody may notice the others. */

static void *own_range(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->s;
	const size_t share = s->mem.len / THREADS;
	char *mem = (char *)s->mem.addr + w->number * share;
	unsigned int seed = w->number;

	while (!atomic_load(&s->stop)) {
		const size_t len = (1 + rand_r(&seed) % (share / T_PAGE)) * T_PAGE;
		const uint64_t iova = IOVA + w->number * T_1G +
				      rand_r(&seed) % 1000 * T_PAGE;
		uint64_t unmapped;
		int ret = hf_try_map(s->c, iova, mem, len, rand_r(&seed) & 1 ? HF_RW : HF_READ);

		check(s, ret, 0);
		if (ret)
			continue;
		ret = hf_try_unmap(s->c, iova, len, 0, &unmapped);
		if (ret || unmapped != len)
			atomic_store(&s->wrong, ret ? ret : -ERANGE);
	}
	return NULL;
}

static void disjoint(struct t *t)
{
	struct shared s = { .c = t->c };
	struct worker w[THREADS];

	if (!t_alloc(&s.mem, t->arg, THREADS * T_2M, 0, HF_MEM_TOUCHED))
		return;
	begin(&s, w, THREADS, own_range);
	t_sleep_ms(RUN_MS);
	finish(&s, w, THREADS);
	hf_ktap_diag("%u maps and unmaps", atomic_load(&s.good));
	hf_expect(atomic_load(&s.good) > THREADS, "all got something done");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, THREADS * T_1G, 0, NULL), 0,
		     "nothing is left to unmap");
	hf_mem_free(&s.mem);
}

/* All want the same range: one gets it. */

#define ROUNDS 100

static void *same_range(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->s;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		/* Overlaps with all the others, equal to none. */
		const uint64_t iova = IOVA + w->number * T_PAGE;

		pthread_barrier_wait(&s->barrier);
		w->ret = hf_try_map(s->c, iova, s->mem.addr, s->mem.len, HF_RW);
		check(s, w->ret, -EEXIST);
		pthread_barrier_wait(&s->barrier);
		if (!w->ret && hf_try_unmap(s->c, iova, s->mem.len, 0, NULL))
			atomic_store(&s->wrong, -ENOENT);
	}
	return NULL;
}

static void overlapping(struct t *t)
{
	struct shared s = { .c = t->c };
	struct worker w[THREADS];

	if (!t_alloc(&s.mem, "anon4k", 80 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	pthread_barrier_init(&s.barrier, NULL, THREADS);
	begin(&s, w, THREADS, same_range);
	finish(&s, w, THREADS);
	hf_expect_eq(atomic_load(&s.good), ROUNDS, "maps that got the range");
	hf_expect_eq(atomic_load(&s.refused), ROUNDS * (THREADS - 1), "maps refused with EEXIST");
	hf_mem_free(&s.mem);
}

/* A range is unmapped while it is being mapped: all of it or nothing. */

static void *map_once(void *arg)
{
	struct worker *w = arg;

	pthread_barrier_wait(&w->s->barrier);
	w->ret = hf_try_map(w->s->c, IOVA, w->s->mem.addr, w->s->mem.len, HF_RW);
	return NULL;
}

static void unmap_meets_map(struct t *t)
{
	const uint32_t flags = *(const uint32_t *)t->arg;
	const bool all = flags & VFIO_DMA_UNMAP_FLAG_ALL;
	struct shared s = { .c = t->c };
	struct hf_proc_snapshot before;
	unsigned int early = 0;
	struct worker w;

	pthread_barrier_init(&s.barrier, NULL, 2);
	for (unsigned int delay = 0; delay < 12; delay++) {
		uint64_t unmapped = 0, sum = 0;

		hf_must(hf_proc_snapshot(&before));
		if (!t_alloc(&s.mem, "anon4k", 16UL << 20, 0, 0))
			return;
		begin(&s, &w, 1, map_once);
		pthread_barrier_wait(&s.barrier);
		usleep(delay * 700);
		for (uint64_t end = t_now_ms() + t_patience_ms(20000); !sum && t_now_ms() < end;) {
			int ret = hf_try_unmap(t->c, all ? 0 : IOVA, all ? 0 : s.mem.len, flags,
					       &unmapped);

			hf_expect_eq(ret, 0, "unmap in round %u", delay);
			sum += unmapped;
			early += !unmapped;
		}
		pthread_join(w.thread, NULL);
		hf_expect_eq(w.ret, 0, "map in round %u", delay);
		hf_expect_eq(sum, s.mem.len, "bytes unmapped in round %u", delay);
		hf_mem_free(&s.mem);
		t_leftover(&before, "a round");
	}
	hf_ktap_diag("%u unmaps came too early", early);
}

/* An unmap of another range does not wait for a long map; nor does a map. */

static void long_map_child(void *arg)
{
	struct t *t = arg;
	void *p = mmap(NULL, T_1G, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	hf_require(p != MAP_FAILED, "1G of addresses");
	madvise(p, T_1G, MADV_NOHUGEPAGE);
	hf_try_map(t->c, IOVA, p, T_1G, HF_RW);
}

static void beside_a_long_map(struct t *t)
{
	struct hf_proc_pins pins, start;
	uint64_t longest = 0;
	struct hf_mem m;
	int status;
	pid_t pid;

	if (!t_alloc(&m, "anon4k", 16 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(hf_proc_pins(&start));
	pid = t_child_start(long_map_child, t);
	do {
		t_sleep_ms(2);
		hf_must(hf_proc_pins(&pins));
	} while (pins.acquired < start.acquired + 2048);
	for (int i = 0; i < 50; i++) {
		const uint64_t began = t_now_ms();

		hf_map(t->c, IOVA - T_1G, m.addr, m.len, HF_RW);
		hf_unmap(t->c, IOVA - T_1G, m.len);
		if (t_now_ms() - began > longest)
			longest = t_now_ms() - began;
	}
	hf_expect_eq(waitpid(pid, &status, WNOHANG), 0, "the long map still runs");
	hf_ktap_diag("longest map and unmap beside it: %llu ms", (unsigned long long)longest);
	kill(pid, SIGKILL);
	t_child_killed(pid, "the long map");
	hf_mem_free(&m);
}

/* Signals that do not kill do not disturb. */

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	(void)sig;
	signals++;
}

static void many_signals(struct t *t)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction act = { .sa_handler = count_signal }, old;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 32UL << 20, 0, 0))
		return;
	signals = 0;
	/* In time this process uses: real time goes on while the machine is held up. */
	sigaction(SIGPROF, &act, &old);
	setitimer(ITIMER_PROF, &often, NULL);
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, m.len, HF_RW), 0, "map under signals");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, m.len, 0, NULL), 0, "unmap under signals");
	setitimer(ITIMER_PROF, &never, NULL);
	sigaction(SIGPROF, &old, NULL);
	hf_ktap_diag("%d signals", (int)signals);
	hf_expect(signals, "at least one signal came");
	hf_mem_free(&m);
}

/* The memory is taken away and put back while it is being mapped. */

static void *shuffle_memory(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->s;
	unsigned int seed = 1;

	while (!atomic_load(&s->stop)) {
		const size_t pages = s->mem.len / T_PAGE;
		const size_t at = rand_r(&seed) % pages;
		const size_t n = 1 + rand_r(&seed) % (pages - at);
		char *p = (char *)s->mem.addr + at * T_PAGE;

		switch (rand_r(&seed) % 4) {
		case 0:
			mmap(p, n * T_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		case 1:
			mprotect(p, n * T_PAGE, PROT_NONE);
			break;
		case 2:
			mprotect(s->mem.addr, s->mem.len, PROT_READ | PROT_WRITE);
			break;
		case 3:
			madvise(p, n * T_PAGE, MADV_DONTNEED);
			break;
		}
	}
	return NULL;
}

static void *map_shuffled(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->s;
	const uint64_t iova = IOVA + w->number * T_1G;

	while (!atomic_load(&s->stop)) {
		uint64_t unmapped;
		int ret = hf_try_map(s->c, iova, s->mem.addr, s->mem.len,
				     w->number & 1 ? HF_RW : HF_READ);

		check(s, ret, -EFAULT);
		if (!ret && (hf_try_unmap(s->c, iova, s->mem.len, 0, &unmapped) ||
			     unmapped != s->mem.len))
			atomic_store(&s->wrong, -ERANGE);
	}
	return NULL;
}

static void memory_changes(struct t *t)
{
	struct shared s = { .c = t->c };
	struct worker w[3], shuffler;

	if (!t_alloc(&s.mem, t->arg, 2 * T_2M, 0, HF_MEM_TOUCHED))
		return;
	begin(&s, &shuffler, 1, shuffle_memory);
	begin(&s, w, T_ARRAY_SIZE(w), map_shuffled);
	t_sleep_ms(RUN_MS);
	finish(&s, w, T_ARRAY_SIZE(w));
	finish(&s, &shuffler, 1);
	hf_ktap_diag("%u maps, %u refused with EFAULT", atomic_load(&s.good),
		     atomic_load(&s.refused));
	hf_mem_free(&s.mem);
}

/* fork() while maps run: the parent keeps the pages that the device sees. */

static void touch_all(void *arg)
{
	struct hf_mem *m = arg;

	memset(m->addr, 0xee, m->len);
}

static void fork_during_maps(struct t *t)
{
	struct shared s = { .c = t->c };
	struct worker w[THREADS];
	unsigned int forks = 0;
	struct hf_mem m;

	if (!t_alloc(&s.mem, "anon4k", THREADS * T_2M / 4, 0, HF_MEM_TOUCHED) ||
	    !t_alloc(&m, t->arg, T_2M, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA - T_1G, m.addr, m.len, HF_RW);
	begin(&s, w, THREADS, own_range);
	for (uint64_t end = t_now_ms() + RUN_MS; t_now_ms() < end; forks++)
		t_child(touch_all, &m, "child that writes all over");
	finish(&s, w, THREADS);
	hf_ktap_diag("%u forks, %u maps", forks, atomic_load(&s.good));
	t_dma_check(&t->port, IOVA - T_1G, m.addr, m.len, HF_RW, "mapped through all the forks");
	hf_unmap(t->c, IOVA - T_1G, m.len);
	hf_mem_free(&s.mem);
	hf_mem_free(&m);
}

/*
 * The last group leaves, and with it the backend, while threads are inside its ioctls. The
 * VFIO core does not hold anything for them: on stock this is a use after free.
 */

static void *hammer(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->s;
	const uint64_t iova = IOVA + w->number * T_1G;

	while (!atomic_load(&s->stop)) {
		struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
		int ret;

		switch (w->number % 3) {
		case 0:
			ret = hf_try_map(s->c, iova, s->mem.addr, s->mem.len, HF_RW);
			check(s, ret, -EINVAL);
			if (!ret)
				check(s, hf_try_unmap(s->c, iova, s->mem.len, 0, NULL), -EINVAL);
			break;
		case 1:
			ret = hf_try_map(s->c, iova, s->mem.addr, T_PAGE, HF_READ);
			/* Its own mapping may have survived the last round, or not. */
			check(s, ret == -EEXIST ? 0 : ret, -EINVAL);
			check(s, hf_try_unmap(s->c, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL), -EINVAL);
			break;
		case 2:
			check(s, hf_container_ioctl(s->c, VFIO_IOMMU_GET_INFO, &info), -EINVAL);
			hf_container_check_extension(s->c, VFIO_DMA_CC_IOMMU);
			break;
		}
	}
	return NULL;
}

static void detach_under_them(struct t *t)
{
	struct hf_proc_snapshot before;
	struct shared s = { 0 };
	struct worker w[6];
	unsigned int rounds = 0;
	struct hf_rig r;

	(void)t;
	hf_must(hf_proc_snapshot(&before));
	if (!t_alloc(&s.mem, "anon4k", 200 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(hf_rig_open(&r, NULL, 0));
	hf_device_close(&r.device);
	s.c = &r.container;
	begin(&s, w, T_ARRAY_SIZE(w), hammer);
	for (uint64_t end = t_now_ms() + 2 * RUN_MS; t_now_ms() < end; rounds++) {
		usleep(rounds % 20 * 200);
		hf_must(hf_group_detach(&r.group));
		hf_must(hf_group_attach(&r.group, &r.container));
		hf_must(hf_container_set_type(&r.container, VFIO_TYPE1v2_IOMMU));
	}
	finish(&s, w, T_ARRAY_SIZE(w));
	hf_ktap_diag("%u times; %u requests served, %u refused", rounds, atomic_load(&s.good),
		     atomic_load(&s.refused));
	hf_expect(atomic_load(&s.good) && atomic_load(&s.refused), "both happened");
	hf_rig_close(&r);
	t_leftover(&before, "closed");
	hf_mem_free(&s.mem);
}

/* A group comes and goes while others map; in the end it sees what is mapped. */
static void replay_meets_map(struct t *t)
{
	struct shared s = { 0 };
	struct worker w[THREADS];
	struct hf_container c;
	struct t_side side[2];
	unsigned int rounds = 0;
	struct hf_mem m;

	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group",
					   *(const bool *)t->arg ? "Y" : "N"));
	if (!t_alloc(&s.mem, "frag4k", THREADS * 400 * T_PAGE, 0, HF_MEM_TOUCHED) ||
	    !t_alloc(&m, "frag4k", 700 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(hf_container_open(&c));
	t_side_attach(&side[0], 0, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	hf_map(&c, IOVA - T_1G, m.addr, m.len, HF_RW);
	s.c = &c;
	begin(&s, w, THREADS, own_range);
	for (uint64_t end = t_now_ms() + RUN_MS; t_now_ms() < end; rounds++) {
		t_side_attach(&side[1], 1, &c);
		t_side_close(&side[1]);
	}
	t_side_attach(&side[1], 1, &c);
	t_side_start(&side[1], &c, HF_DMA_IOVA_DEFAULT);
	finish(&s, w, THREADS);
	hf_ktap_diag("joined and left %u times, %u maps", rounds, atomic_load(&s.good));
	t_dma_check(&side[1].port, IOVA - T_1G, m.addr, m.len, HF_RW, "mapped all the time");
	t_side_close(&side[1]);
	t_side_close(&side[0]);
	hf_container_close(&c);
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
	hf_mem_free(&s.mem);
	hf_mem_free(&m);
}

static const uint32_t exact = 0, everything = VFIO_DMA_UNMAP_FLAG_ALL;
static const bool shared = false, separate = true;

static const struct t_case cases[] = {
	{ "threads with ranges of their own, 4K", disjoint, T_RIG, "anon4k" },
	{ "threads with ranges of their own, THP", disjoint, T_RIG, "thp" },
	{ "threads that want the same range", overlapping, T_RIG, NULL },
	{ "unmap of a range that is being mapped", unmap_meets_map, T_RIG, &exact },
	{ "unmap of everything while something is being mapped", unmap_meets_map, T_RIG,
	  &everything },
	{ "other ranges do not wait for a long map", beside_a_long_map, T_RIG | T_HOLDFAST, NULL },
	{ "signals during a map", many_signals, T_RIG, NULL },
	{ "memory that changes while it is mapped, 4K", memory_changes, T_RIG, "anon4k" },
	{ "memory that changes while it is mapped, THP", memory_changes, T_RIG, "thp" },
	{ "fork during maps, 4K", fork_during_maps, T_DMA, "anon4k" },
	{ "fork during maps, THP", fork_during_maps, T_DMA, "thp" },
	{ "the last group leaves under running requests", detach_under_them, T_HOLDFAST, NULL },
	{ "a group joins and leaves while others map, one domain", replay_meets_map, 0, &shared },
	{ "a group joins and leaves while others map, a domain each", replay_meets_map, T_HOLDFAST,
	  &separate },
};

int main(void)
{
	return T_RUN(cases);
}
