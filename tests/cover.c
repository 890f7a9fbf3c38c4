// SPDX-License-Identifier: GPL-2.0-only
/*
 * cover - the module's coverage, of which fuzzing is guided, is the same for the same requests,
 * another for others, each thread's own, and nobody's who did not ask for it.
 *
 * Where memory lies is chance, and so are some ways through the module. So most runs must be alike,
 * not all, and alike is 95 % of their places. A map that takes longer than all before it takes another
 * way, too; on a busy machine any may. So each case begins with one that no later one is to beat.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/info.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fuzz/cover.h"
#include "../module/cover_abi.h"
#include "child.h"
#include "failpoint.h"
#include "module.h"

#define PLACES HF_COVER_PLACES
#define IOVA T_FAIL_IOVA
#define RUNS 21
#define STEADY_PERCENT 95

/* Never touched before it is mapped, so its faults are part of the map. */
#define LONG_MAP (128UL << 20)

/* Runs' maps, in memory that children share. */
static uint8_t (*map)[PLACES];

static void map_long(const struct t *t)
{
	void *p = mmap(NULL, LONG_MAP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	hf_require(p != MAP_FAILED, "memory");
	madvise(p, LONG_MAP, MADV_NOHUGEPAGE);
	hf_map(t->c, IOVA, p, LONG_MAP, HF_RW);
	hf_unmap(t->c, IOVA, LONG_MAP);
	munmap(p, LONG_MAP);
}

static void setup(struct t *t)
{
	const int ret = fz_cover_open();

	hf_require(!ret, "coverage: %s", strerror(-ret));
	if (!map)
		map = mmap(NULL, (RUNS + 1) * PLACES, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	hf_require(map != MAP_FAILED, "memory for maps");
	memset(map, 0, (RUNS + 1) * PLACES);
	map_long(t);
}

static unsigned int size_of(const uint8_t *m)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < PLACES; i++)
		n += m[i] != 0;
	return n;
}

/* Places of @a that are not in @b. */
static unsigned int without(const uint8_t *a, const uint8_t *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < PLACES; i++)
		n += a[i] && !b[i];
	return n;
}

/*
 * Requests, done in a process or thread of their own
 */

struct job {
	const struct hf_container *c;
	uint64_t iova;
	unsigned int times;
	bool enter;
	bool leave;
};

static void map_and_unmap(const struct job *j)
{
	void *p = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	hf_require(p != MAP_FAILED, "a page");
	for (unsigned int i = 0; i < j->times; i++) {
		hf_map(j->c, j->iova, p, T_PAGE, HF_RW);
		hf_unmap(j->c, j->iova, T_PAGE);
	}
	munmap(p, T_PAGE);
}

static void dirty(const struct job *j)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d) };

	for (unsigned int i = 0; i < j->times; i++) {
		d.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
		hf_must(hf_container_ioctl(j->c, VFIO_IOMMU_DIRTY_PAGES, &d));
		d.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
		hf_must(hf_container_ioctl(j->c, VFIO_IOMMU_DIRTY_PAGES, &d));
	}
}

static void maps(void *arg)
{
	const struct job *j = arg;

	if (j->enter)
		fz_cover_enter();
	if (j->leave)
		fz_cover_leave();
	map_and_unmap(j);
}

static void dirties(void *arg)
{
	const struct job *j = arg;

	if (j->enter)
		fz_cover_enter();
	dirty(j);
}

/* Has nothing to do with maps. */
static void ask(const struct job *j)
{
	struct hf_iommu_info info;

	for (unsigned int i = 0; i < j->times; i++)
		hf_must(hf_container_info(j->c, &info));
}

static void asks(void *arg)
{
	const struct job *j = arg;

	if (j->enter)
		fz_cover_enter();
	ask(j);
}

static unsigned int run(void (*what)(void *arg), const void *j, uint8_t *into)
{
	fz_cover_begin();
	t_child(what, (void *)j, "requests");
	return fz_cover_collect(into, PLACES);
}

/* What every one of some runs marks. */
static void typical(void (*what)(void *arg), const struct job *j, uint8_t *into)
{
	run(what, j, into);
	for (unsigned int k = 0; k < 4; k++) {
		memset(map[RUNS], 0, PLACES);
		run(what, j, map[RUNS]);
		for (unsigned int i = 0; i < PLACES; i++)
			into[i] = map[RUNS][i] ? into[i] : 0;
	}
}

static struct job job(const struct t *t)
{
	return (struct job){ .c = t->c, .iova = IOVA, .times = 1, .enter = true };
}

/*
 * Cases
 */

static void the_same_again(struct t *t)
{
	const struct job j = job(t);
	unsigned int always = 0, alike = 0;

	setup(t);
	/* What is done once in a container is done by now. */
	run(maps, &j, map[RUNS]);
	for (unsigned int k = 0; k < RUNS; k++)
		run(maps, &j, map[k]);
	for (unsigned int i = 0; i < PLACES; i++) {
		unsigned int n = 0;

		for (unsigned int k = 0; k < RUNS; k++)
			n += map[k][i] == map[0][i] && map[k][i];
		always += n == RUNS;
	}
	for (unsigned int k = 0; k < RUNS; k++)
		alike += always * 100 >= size_of(map[k]) * STEADY_PERCENT;
	hf_ktap_diag("%u places always the same, %u of %u runs have hardly any other", always, alike,
		     RUNS);
	hf_expect(always > 50, "%u places: a map and an unmap take more steps", always);
	hf_expect(alike >= RUNS * 8 / 10, "%u of %u runs are alike", alike, RUNS);
	fz_cover_close();
}

static void others_elsewhere(struct t *t)
{
	const struct job j = job(t);
	unsigned int maps_only, dirties_only;

	setup(t);
	run(maps, &j, map[0]);
	run(dirties, &j, map[1]);
	maps_only = without(map[0], map[1]);
	dirties_only = without(map[1], map[0]);
	hf_expect(maps_only > 50, "%u places are a map's and an unmap's", maps_only);
	hf_expect(dirties_only > 5, "%u places are dirty tracking's", dirties_only);
	fz_cover_close();
}

static void only_who_entered(struct t *t)
{
	struct job j = job(t);

	setup(t);
	j.enter = false;
	hf_expect_eq(run(maps, &j, map[0]), 0, "places of who did not enter");
	j.enter = true;
	j.leave = true;
	hf_expect_eq(run(maps, &j, map[0]), 0, "places of who left again");
	j.leave = false;
	hf_expect(run(maps, &j, map[0]) > 50, "places of who entered");
	/* The caller himself, with what he did before he entered. */
	fz_cover_begin();
	map_and_unmap(&j);
	hf_expect_eq(fz_cover_collect(map[1], PLACES), 0, "places before the caller enters");
	fz_cover_enter();
	map_and_unmap(&j);
	fz_cover_leave();
	hf_expect(fz_cover_collect(map[1], PLACES) > 50, "places after that");
	fz_cover_close();
}

struct lasting {
	struct job j;
	struct t_gate *gate;
};

static void enter_and_wait(void *arg)
{
	const struct lasting *l = arg;

	fz_cover_enter();
	t_gate_open(l->gate, 1);
	t_gate_wait(l->gate, 2);
	map_and_unmap(&l->j);
}

static void a_run_ends(struct t *t)
{
	struct lasting l = { .j = job(t), .gate = t_gate_new() };
	pid_t pid;

	setup(t);
	fz_cover_begin();
	pid = t_child_start(enter_and_wait, &l);
	t_gate_wait(l.gate, 1);
	fz_cover_begin();
	t_gate_open(l.gate, 2);
	t_child_end(pid, "who outlives his run");
	hf_expect_eq(fz_cover_collect(map[0], PLACES), 0, "places of a run that ended");
	fz_cover_close();
}

static void *maps_thread(void *arg)
{
	maps(arg);
	return NULL;
}

static void *asks_thread(void *arg)
{
	asks(arg);
	return NULL;
}

struct two {
	struct job maps;
	struct job asks;
};

static void two_threads(void *arg)
{
	struct two *both = arg;
	pthread_t one, two;

	hf_require(!pthread_create(&one, NULL, maps_thread, &both->maps) &&
		   !pthread_create(&two, NULL, asks_thread, &both->asks), "threads");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
}

/*
 * If threads were taken for one, the way from one's point to the other's would be new. What is new
 * because they meet in the module is not: so each is recorded beside the other, who is not.
 */
static void each_thread_its_own(struct t *t)
{
	struct two both = { .maps = job(t), .asks = job(t) };
	unsigned int mixed, all, best = PLACES;

	setup(t);
	/* Long enough to overlap. */
	both.maps.times = both.asks.times = 3000;
	for (unsigned int k = 0; k < 6; k++) {
		both.maps.enter = k % 2;
		both.asks.enter = !both.maps.enter;
		run(two_threads, &both, map[0]);
	}
	both.maps.enter = both.asks.enter = true;
	/* Ways by chance do not come each time; if threads were mixed up those ways would. */
	for (unsigned int tries = 0; tries < 3; tries++) {
		memset(map[1], 0, PLACES);
		run(two_threads, &both, map[1]);
		all = size_of(map[1]);
		mixed = without(map[1], map[0]);
		best = mixed < best ? mixed : best;
		hf_expect(all > 50, "%u places of two threads", all);
	}
	hf_ktap_diag("%u of %u places are neither's", best, size_of(map[0]));
	hf_expect(best * 100 <= size_of(map[0]) * (100 - STEADY_PERCENT), "%u places are neither's", best);
	fz_cover_close();
}

/* A session each; in @map[index] what it has collected. */
struct apart {
	struct job j;
	struct t_gate *gate;
	unsigned int index;
};

static void own_session(void *arg)
{
	const struct apart *a = arg;

	hf_require(!fz_cover_open(), "one more session");
	fz_cover_begin();
	fz_cover_enter();
	for (unsigned int i = 0; i < 50; i++)
		a->index ? ask(&a->j) : map_and_unmap(&a->j);
	fz_cover_leave();
	fz_cover_collect(map[a->index], PLACES);
	fz_cover_close();
}

static void several_sessions(struct t *t)
{
	struct apart a[2] = { { .j = job(t), .index = 0 }, { .j = job(t), .index = 1 } };
	pid_t pid[2];

	setup(t);
	typical(maps, &a[0].j, map[2]);
	typical(asks, &a[1].j, map[3]);
	fz_cover_close();
	for (unsigned int i = 0; i < 2; i++)
		pid[i] = t_child_start(own_session, &a[i]);
	for (unsigned int i = 0; i < 2; i++)
		t_child_end(pid[i], "a session of its own");
	hf_expect(!without(map[3], map[1]), "what a question passes is in its session");
	hf_expect(without(map[2], map[0]) * 20 <= size_of(map[2]), "what a map passes is in its session");
	hf_expect(without(map[0], map[1]) > 50, "the sessions differ");
}

static void muted(struct t *t)
{
	const struct job j = job(t);
	unsigned int all, rest = 0;
	uint8_t *bits;
	size_t n;

	setup(t);
	all = run(maps, &j, map[0]);
	bits = fz_cover_bits(&n);
	for (size_t at = 0; at < n; at++)
		if (bits[at] & HF_COVER_PASSED)
			bits[at] |= HF_COVER_MUTE;
	rest = run(maps, &j, map[1]);
	hf_expect(fz_cover_points() > 50, "muted points are passed");
	/* What is compared is counted elsewhere, and by chance some points are new. */
	hf_expect(rest * 4 < all, "%u of %u places are left when all points are mute", rest, all);
	fz_cover_close();
}

/* Killed in the middle of it, with everything open. */
static void use_for_ever(void *arg)
{
	struct lasting *l = arg;
	const pid_t parent = getpid();

	hf_require(!fz_cover_open(), "a session");
	fz_cover_begin();
	fz_cover_enter();
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fz_cover_enter();
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	t_gate_open(l->gate, 1);
	for (;;)
		map_and_unmap(&l->j);
}

static unsigned int sessions_left(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	unsigned int n = 0;
	char line[256];

	if (!f)
		return UINT32_MAX;
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "hf_cover_open") != NULL;
	fclose(f);
	return n;
}

static void killed(struct t *t)
{
	const long refs = t_module_refs(T_MODULE_HOLDFAST);
	struct lasting l = { .j = job(t) };

	setup(t);
	fz_cover_close();
	for (unsigned int i = 0; i < 100; i++) {
		pid_t pid;

		l.gate = t_gate_new();
		pid = t_child_start(use_for_ever, &l);
		t_gate_wait(l.gate, 1);
		t_sleep_ms(i % 10);
		kill(pid, SIGKILL);
		t_child_killed(pid, "who records");
		hf_try_unmap(t->c, IOVA, T_PAGE, 0, NULL);
	}
	for (unsigned int tries = 0; tries < 50 && t_module_refs(T_MODULE_HOLDFAST) > refs; tries++)
		t_sleep_ms(100);
	hf_expect_eq(t_module_refs(T_MODULE_HOLDFAST), refs, "references of the module");
	/* Entries of the dead go with the next call, and some may be dying. */
	for (unsigned int tries = 0; tries < 50; tries++) {
		setup(t);
		fz_cover_close();
		if (!sessions_left())
			break;
		t_sleep_ms(100);
	}
	hf_expect_eq(sessions_left(), 0, "buffers of sessions");
}

static void crowd(void *arg)
{
	const struct job *j = arg;
	unsigned int full = 0;
	pid_t pid[700];

	for (unsigned int i = 0; i < T_ARRAY_SIZE(pid); i++) {
		pid[i] = fork();
		if (!pid[i]) {
			fz_cover_enter();
			pause();
			_exit(0);
		}
		full += pid[i] < 0;
	}
	t_sleep_ms(300);
	for (unsigned int i = 0; i < T_ARRAY_SIZE(pid); i++)
		if (pid[i] > 0)
			kill(pid[i], SIGKILL);
	for (unsigned int i = 0; i < T_ARRAY_SIZE(pid); i++)
		if (pid[i] > 0)
			waitpid(pid[i], NULL, 0);
	hf_expect_eq(full, 0, "processes that could not be forked");
	/* There is room again. */
	fz_cover_enter();
	map_and_unmap(j);
}

static void too_many(struct t *t)
{
	const struct job j = job(t);

	setup(t);
	hf_expect(run(crowd, &j, map[0]) > 50, "who enters after a crowd is recorded");
	fz_cover_close();
}

static void unprivileged(void *arg)
{
	(void)arg;
	t_unprivileged(1 << 20);
	hf_expect(open(HF_COVER_DEVICE, O_RDWR) < 0 && errno == EACCES, "nobody opens the device");
}

static void wrong_requests(struct t *t)
{
	const size_t size = HF_COVER_POINTS;
	int fd = open(HF_COVER_DEVICE, O_RDWR | O_CLOEXEC), many[80];
	unsigned int opened = 0;

	(void)t;
	hf_require(fd >= 0, "%s", HF_COVER_DEVICE);
	hf_expect(mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL,
		  "a private mapping");
	hf_expect(mmap(NULL, size, PROT_READ, MAP_SHARED, fd, T_PAGE) == MAP_FAILED && errno == EINVAL,
		  "a mapping from elsewhere");
	hf_expect(mmap(NULL, 1UL << 30, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL,
		  "a mapping of more than there is");
	hf_expect(ioctl(fd, _IO('H', 0xc3)) < 0 && errno == ENOTTY, "an ioctl that is none");
	for (opened = 0; opened < T_ARRAY_SIZE(many); opened++) {
		many[opened] = open(HF_COVER_DEVICE, O_RDWR | O_CLOEXEC);
		if (many[opened] < 0)
			break;
	}
	hf_expect(opened < T_ARRAY_SIZE(many) && errno == EMFILE, "%u sessions at once", opened);
	while (opened--)
		close(many[opened]);
	close(fd);
	t_child(unprivileged, NULL, "nobody");
}

static const struct t_case cases[] = {
	{ "the same requests pass the same points", the_same_again, T_HOLDFAST | T_RIG, NULL },
	{ "others pass others", others_elsewhere, T_HOLDFAST | T_RIG, NULL },
	{ "who has not entered is not recorded", only_who_entered, T_HOLDFAST | T_RIG, NULL },
	{ "a run ends when the next begins", a_run_ends, T_HOLDFAST | T_RIG, NULL },
	{ "threads do not mix", each_thread_its_own, T_HOLDFAST | T_RIG, NULL },
	{ "several sessions at a time", several_sessions, T_HOLDFAST | T_RIG, NULL },
	{ "mute points are not marked", muted, T_HOLDFAST | T_RIG, NULL },
	{ "a killed user leaves nothing", killed, T_HOLDFAST | T_RIG, NULL },
	{ "more threads than there is room for", too_many, T_HOLDFAST | T_RIG, NULL },
	{ "wrong requests are refused", wrong_requests, T_HOLDFAST, NULL },
};

int main(void)
{
	t_fail_with_cover();
	return T_FAIL_RUN(cases);
}
