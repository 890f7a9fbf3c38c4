// SPDX-License-Identifier: GPL-2.0-only
/*
 * account_limits - what RLIMIT_MEMLOCK stops, whatever changes between a map and its unmap.
 *
 * The limit is met by threads and processes that race, by several containers, and by memory
 * that was mapped when the limit, the capability to ignore it, or the user was another one. A
 * refund goes to who paid and depends on none of these; a limit that was passed while it could
 * be stops the next map, not the unmap. What may be mapped by several processes of one user is
 * a limit for each, or with accounting=user one for all.
 */
#include <errno.h>
#include <holdfast/proc.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "module.h"
#include "payer.h"
#include "side.h"

#define IOVA 0x200000000ULL
#define PAGES(n) ((n) * T_PAGE)
#define LIMIT PAGES(100)

static void set_limit(pid_t pid, uint64_t soft, uint64_t hard)
{
	const struct rlimit limit = { soft, hard };

	hf_require(!prlimit(pid, RLIMIT_MEMLOCK, &limit, NULL), "prlimit");
}

/* Threads race, with maps of several sizes and unmaps between. */

#define RACERS 4
#define ROUNDS 1000

struct racer {
	const struct t *t;
	char *mem;
	unsigned int number;
	uint64_t got;
	int wrong;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const uint64_t at = IOVA + (r->number * ROUNDS + i) * T_2M;
		const uint64_t len = PAGES(1 + (i * 5 + r->number) % 7);
		int ret = hf_try_map(r->t->c, at, r->mem, len, HF_RW);

		if (ret && ret != -ENOMEM)
			r->wrong = ret;
		if (ret)
			continue;
		/* Few stay, so that there is something to race for, at the limit, most of the time. */
		if (i % 25)
			r->wrong = hf_try_unmap(r->t->c, at, len, 0, NULL) ?: r->wrong;
		else
			r->got += len;
	}
	return NULL;
}

struct watch {
	bool by_user;
	bool stop;
	uint64_t most;
};

/* What is charged is never more than the limit, not even for a moment. */
static void *watch(void *arg)
{
	struct watch *w = arg;
	struct hf_proc_mem mem;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		if (hf_proc_mem(0, &mem))
			continue;
		if (w->most < (w->by_user ? mem.vmpin : mem.vmlck))
			w->most = w->by_user ? mem.vmpin : mem.vmlck;
	}
	return NULL;
}

static void threads_child(void *arg)
{
	const struct t *t = arg;
	struct watch w = { .by_user = t->by_user };
	pthread_t thread[RACERS], watcher;
	struct racer r[RACERS];
	uint64_t got = 0;
	char *mem;

	t_unprivileged(LIMIT);
	mem = t_touched(LIMIT);
	hf_require(!pthread_create(&watcher, NULL, watch, &w), "thread");
	for (unsigned int i = 0; i < RACERS; i++) {
		r[i] = (struct racer){ .t = t, .mem = mem, .number = i };
		hf_require(!pthread_create(&thread[i], NULL, race, &r[i]), "thread");
	}
	for (unsigned int i = 0; i < RACERS; i++) {
		pthread_join(thread[i], NULL);
		hf_expect_eq(r[i].wrong, 0, "errno of thread %u", i);
		got += r[i].got;
	}
	__atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
	pthread_join(watcher, NULL);
	hf_expect(w.most <= LIMIT, "0x%lx bytes were charged at once", (unsigned long)w.most);
	hf_expect(got <= LIMIT, "0x%lx bytes are mapped", (unsigned long)got);
	t_expect_own(t, 0, got, "after the race");
	/* And all of the limit can be used. */
	hf_expect_eq(hf_try_map(t->c, 0, mem, LIMIT - got + T_PAGE, HF_RW), -ENOMEM,
		     "a page more than is left");
	if (got < LIMIT)
		hf_expect_eq(hf_try_map(t->c, 0, mem, LIMIT - got, HF_RW), 0, "what is left");
	t_expect_own(t, 0, LIMIT, "filled up");
	t_expect_user(t, T_NOBODY, LIMIT, "filled up");
	hf_expect_eq(hf_unmap_all(t->c), LIMIT, "unmap of all");
	t_expect_own(t, 0, 0, "in the end");
}

static void threads(struct t *t)
{
	t_child(threads_child, t, "threads");
}

/* Two threads at once want the last page, again and again: each time one gets it. */

#define DUELS 1500

struct duel {
	const struct t *t;
	char *mem;
	unsigned int ready[2];	/* rounds begun */
	unsigned int done[2];	/* and ended */
	int ret[2];
	unsigned int won[3];	/* by none, one, both */
};

static void meet(unsigned int *mine, const unsigned int *other)
{
	const unsigned int round = __atomic_add_fetch(mine, 1, __ATOMIC_ACQ_REL);

	/* Close together where there are two CPUs, and not for ever where there is one. */
	for (unsigned int i = 1; __atomic_load_n(other, __ATOMIC_ACQUIRE) < round; i++)
		if (!(i % 1000))
			sched_yield();
}

static void fight(struct duel *d, unsigned int me)
{
	const uint64_t iova = IOVA + (me + 1) * T_1G;

	for (unsigned int i = 0; i < DUELS; i++) {
		meet(&d->ready[me], &d->ready[!me]);
		d->ret[me] = hf_try_map(d->t->c, iova, d->mem, T_PAGE, HF_RW);
		meet(&d->done[me], &d->done[!me]);
		if (me)
			d->won[!d->ret[0] + !d->ret[1]]++;
		meet(&d->ready[me], &d->ready[!me]);
		if (!d->ret[me])
			hf_try_unmap(d->t->c, iova, T_PAGE, 0, NULL);
		meet(&d->done[me], &d->done[!me]);
	}
}

static void *fight_too(void *arg)
{
	fight(arg, 1);
	return NULL;
}

static void duel_child(void *arg)
{
	struct duel d = { .t = arg };
	pthread_t thread;

	t_unprivileged(LIMIT);
	d.mem = t_touched(LIMIT);
	hf_map(d.t->c, IOVA, d.mem, LIMIT - T_PAGE, HF_RW);
	hf_require(!pthread_create(&thread, NULL, fight_too, &d), "thread");
	fight(&d, 0);
	pthread_join(thread, NULL);
	hf_expect_eq(d.won[2], 0, "both got the last page");
	hf_expect_eq(d.won[0], 0, "nobody got the last page");
	t_expect_own(d.t, 0, LIMIT - T_PAGE, "afterwards");
	hf_unmap_all(d.t->c);
}

static void last_page(struct t *t)
{
	t_child(duel_child, t, "two threads");
}

/* Forks race: each maps single pages until it may no more. */

#define PROCESSES 4

struct forks {
	struct t *t;
	struct t_gate *gate;
	unsigned int number;
	uint64_t *got;	/* shared */
};

static void fork_child(void *arg)
{
	struct forks *f = arg;
	const uint64_t at = IOVA + f->number * T_1G;
	char *mem;

	t_unprivileged(LIMIT);
	mem = t_touched(T_PAGE);
	t_gate_open(f->gate, 1);
	t_gate_wait(f->gate, 2);
	for (unsigned int i = 0; i < 130; i++) {
		int ret = hf_try_map(f->t->c, at + i * T_PAGE, mem, T_PAGE, HF_RW);

		hf_expect(!ret || ret == -ENOMEM, "map: %s", strerror(-ret));
		f->got[f->number] += ret ? 0 : T_PAGE;
	}
	t_expect_own(f->t, 0, f->got[f->number], "mapped");
	t_gate_open(f->gate, 3);
	t_gate_wait(f->gate, 4);
}

static void forks(struct t *t)
{
	const uint64_t want = t->by_user ? LIMIT : PROCESSES * LIMIT;
	struct forks f[PROCESSES];
	pid_t pid[PROCESSES];
	uint64_t got = 0;
	uint64_t *each = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);

	hf_require(each != MAP_FAILED, "a shared page");
	for (unsigned int i = 0; i < PROCESSES; i++) {
		f[i] = (struct forks){ .t = t, .gate = t_gate_new(), .number = i, .got = each };
		pid[i] = t_child_start(fork_child, &f[i]);
		t_gate_wait(f[i].gate, 1);
	}
	for (unsigned int i = 0; i < PROCESSES; i++)
		t_gate_open(f[i].gate, 2);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		t_gate_wait(f[i].gate, 3);
		got += each[i];
	}
	hf_expect_eq(got, want, "bytes mapped by all");
	t_expect_user(t, T_NOBODY, LIMIT, "mapped by all");
	hf_ktap_diag("table: %u processes of one user, limit 100 pages: %lu pages", PROCESSES,
		     (unsigned long)(got / T_PAGE));
	for (unsigned int i = 0; i < PROCESSES; i++) {
		t_gate_open(f[i].gate, 4);
		t_child_end(pid[i], "process");
	}
	t_expect_user(t, T_NOBODY, LIMIT, "all gone");
	hf_expect_eq(hf_unmap_all(t->c), got, "unmap of all");
	t_expect_user(t, T_NOBODY, 0, "in the end");
	munmap(each, T_PAGE);
}

/* Several containers of one process: one limit. */

struct containers {
	struct t *t;
	struct hf_container c[2];
};

static void containers_child(void *arg)
{
	const struct containers *w = arg;
	char *mem;

	t_unprivileged(LIMIT);
	mem = t_touched(LIMIT);
	hf_map(&w->c[0], IOVA, mem, PAGES(60), HF_RW);
	hf_expect_eq(hf_try_map(&w->c[1], IOVA, mem, PAGES(41), HF_RW), -ENOMEM, "60 and 41");
	hf_expect_eq(hf_try_map(&w->c[1], IOVA, mem, PAGES(40), HF_RW), 0, "60 and 40");
	t_expect_own(w->t, 0, LIMIT, "both containers");
	t_expect_user(w->t, T_NOBODY, LIMIT, "both containers");
	hf_expect_eq(hf_try_map(&w->c[0], 0, mem, T_PAGE, HF_RW), -ENOMEM, "one more");
	hf_unmap(&w->c[0], IOVA, PAGES(60));
	t_expect_own(w->t, 0, PAGES(40), "one container");
	hf_expect_eq(hf_try_map(&w->c[1], 0, mem, PAGES(60), HF_RW), 0, "the room of the other");
	hf_unmap_all(&w->c[1]);
	t_expect_own(w->t, 0, 0, "none");
}

static void containers(struct t *t)
{
	struct containers w = { .t = t };
	struct t_side side[2];

	for (unsigned int i = 0; i < 2; i++) {
		hf_must(hf_container_open(&w.c[i]));
		t_side_attach(&side[i], i, &w.c[i]);
		hf_must(hf_container_set_type(&w.c[i], VFIO_TYPE1v2_IOMMU));
	}
	t_child(containers_child, &w, "two containers");
	for (unsigned int i = 0; i < 2; i++) {
		t_side_close(&side[i]);
		hf_container_close(&w.c[i]);
	}
}

/* The limit changes while something is mapped. */

struct outside {
	struct t *t;
	struct t_gate *gate;
};

static void limit_child(void *arg)
{
	const struct outside *o = arg;
	const struct hf_container *c = o->t->c;
	char *mem;

	t_unprivileged(2 * LIMIT);
	mem = t_touched(2 * LIMIT);
	hf_map(c, IOVA, mem, LIMIT, HF_RW);
	set_limit(0, LIMIT / 2, 2 * LIMIT);
	t_expect_own(o->t, 0, LIMIT, "lowered");
	hf_expect_eq(hf_try_map(c, 0, mem, T_PAGE, HF_RW), -ENOMEM, "a page, over the new limit");
	hf_unmap(c, IOVA, LIMIT);
	t_expect_own(o->t, 0, 0, "unmapped under the new limit");
	hf_expect_eq(hf_try_map(c, IOVA, mem, LIMIT / 2 + T_PAGE, HF_RW), -ENOMEM, "51 of 50");
	hf_expect_eq(hf_try_map(c, IOVA, mem, LIMIT / 2, HF_RW), 0, "50 of 50");

	t_gate_open(o->gate, 1);
	t_gate_wait(o->gate, 2);
	hf_expect_eq(hf_try_map(c, IOVA + T_1G, mem, LIMIT + T_PAGE, HF_RW), -ENOMEM,
		     "50 and 101 of 150, raised from outside");
	hf_expect_eq(hf_try_map(c, IOVA + T_1G, mem, LIMIT, HF_RW), 0,
		     "50 and 100 of 150, raised from outside");
	t_expect_own(o->t, 0, LIMIT + LIMIT / 2, "raised from outside");
	t_gate_open(o->gate, 3);
	t_gate_wait(o->gate, 4);
	hf_expect_eq(hf_try_map(c, 0, mem, T_PAGE, HF_RW), -ENOMEM, "a page of none");
	hf_unmap(c, IOVA, LIMIT / 2);
	t_expect_own(o->t, 0, LIMIT, "unmapped with a limit of 0");
	hf_expect_eq(hf_unmap_all(c), LIMIT, "unmap of all");
	t_expect_own(o->t, 0, 0, "all unmapped with a limit of 0");
}

static void limit_changes(struct t *t)
{
	struct outside o = { .t = t, .gate = t_gate_new() };
	pid_t pid = t_child_start(limit_child, &o);

	t_gate_wait(o.gate, 1);
	set_limit(pid, LIMIT + LIMIT / 2, 2 * LIMIT);
	t_gate_open(o.gate, 2);
	t_gate_wait(o.gate, 3);
	t_expect_user(t, T_NOBODY, LIMIT + LIMIT / 2, "raised from outside");
	set_limit(pid, 0, 2 * LIMIT);
	t_gate_open(o.gate, 4);
	t_child_end(pid, "limited process");
}

/* So does the capability. */

static void may_ignore_limits(bool may)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct cap[2];

	hf_require(!syscall(SYS_capget, &header, cap), "capget");
	if (may)
		cap[0].effective |= 1u << CAP_IPC_LOCK;
	else
		cap[0].effective &= ~(1u << CAP_IPC_LOCK);
	hf_require(!syscall(SYS_capset, &header, cap), "capset");
}

static void capability_child(void *arg)
{
	const struct t *t = arg;
	const uint64_t others = t->by_user ? t_user_locked(0) : 0;
	char *mem = t_touched(2 * LIMIT);

	/* Root may have locked something that is none of ours. */
	set_limit(0, LIMIT + others, LIMIT + others);
	hf_map(t->c, IOVA, mem, LIMIT + PAGES(50), HF_RW);
	t_expect_own(t, 0, LIMIT + PAGES(50), "with the capability");
	t_expect_user(t, 0, LIMIT + PAGES(50), "with the capability");
	may_ignore_limits(false);
	hf_expect_eq(hf_try_map(t->c, 0, mem, T_PAGE, HF_RW), -ENOMEM, "dropped, over the limit");
	t_expect_own(t, 0, LIMIT + PAGES(50), "dropped");
	hf_unmap(t->c, IOVA, LIMIT + PAGES(50));
	t_expect_own(t, 0, 0, "dropped, unmapped");
	hf_expect_eq(hf_try_map(t->c, IOVA, mem, LIMIT + T_PAGE, HF_RW), -ENOMEM, "dropped, 101");
	hf_expect_eq(hf_try_map(t->c, IOVA, mem, LIMIT, HF_RW), 0, "dropped, 100");
	may_ignore_limits(true);
	hf_expect_eq(hf_try_map(t->c, IOVA + T_1G, mem, 2 * LIMIT, HF_RW), 0, "gained, 200 more");
	t_expect_own(t, 0, 3 * LIMIT, "gained");
	may_ignore_limits(false);
	hf_unmap(t->c, IOVA, LIMIT);
	t_expect_own(t, 0, 2 * LIMIT, "what was in the limit unmapped");
	hf_expect_eq(hf_try_map(t->c, 0, mem, T_PAGE, HF_RW), -ENOMEM, "still over the limit");
	hf_unmap(t->c, IOVA + T_1G, 2 * LIMIT);
	t_expect_own(t, 0, 0, "all unmapped");
	t_expect_user(t, 0, 0, "all unmapped");
}

static void capability_changes(struct t *t)
{
	t_child(capability_child, t, "process that drops and gains CAP_IPC_LOCK");
}

/* So does the user. */

static void be(uid_t uid)
{
	/* Root stays the way back. */
	hf_require(!setresuid(uid, uid, 0), "setresuid");
	/* Its own /proc files are root's otherwise. */
	prctl(PR_SET_DUMPABLE, 1);
}

static void user_child(void *arg)
{
	const struct t *t = arg;
	char *mem = t_touched(LIMIT);

	hf_map(t->c, IOVA, mem, PAGES(10), HF_RW);
	be(T_NOBODY);
	hf_map(t->c, IOVA + T_1G, mem, PAGES(20), HF_RW);
	t_expect_own(t, 0, PAGES(30), "mapped by two");
	t_expect_user(t, 0, PAGES(10), "mapped by two");
	t_expect_user(t, T_NOBODY, PAGES(20), "mapped by two");
	hf_unmap(t->c, IOVA, PAGES(10));
	t_expect_own(t, 0, PAGES(20), "root's unmapped by nobody");
	t_expect_user(t, 0, 0, "root's unmapped by nobody");
	t_expect_user(t, T_NOBODY, PAGES(20), "root's unmapped by nobody");
	be(0);
	hf_unmap(t->c, IOVA + T_1G, PAGES(20));
	t_expect_own(t, 0, 0, "nobody's unmapped by root");
	t_expect_user(t, T_NOBODY, 0, "nobody's unmapped by root");

	/* One request, neighbours of two payers. */
	for (unsigned int i = 0; i < 8; i++) {
		be(i % 3 ? T_NOBODY : 0);
		hf_map(t->c, IOVA + i * PAGES(9), mem, PAGES(i + 1), HF_RW);
	}
	t_expect_own(t, 0, PAGES(36), "mapped by turns");
	t_expect_user(t, 0, PAGES(1 + 4 + 7), "mapped by turns");
	t_expect_user(t, T_NOBODY, PAGES(2 + 3 + 5 + 6 + 8), "mapped by turns");
	hf_expect_eq(hf_unmap_all(t->c), PAGES(36), "unmap of all");
	t_expect_own(t, 0, 0, "all unmapped");
	t_expect_user(t, 0, 0, "all unmapped");
	t_expect_user(t, T_NOBODY, 0, "all unmapped");
}

static void user_changes(struct t *t)
{
	t_child(user_child, t, "process that changes its user");
}

/* Users come and go; what the kernel keeps of each must go with the last charge. */

#define USERS 1000
#define FIRST_USER 100000

static long user_structs(void)
{
	char text[256];

	/* With what shares its slabs. */
	if (hf_proc_read_file("/sys/kernel/slab/uid_cache/objects", text, sizeof(text)) < 0)
		return -1;
	return strtol(text, NULL, 10);
}

/* The kernel may take a moment to let go. */
static long users_above(long most)
{
	long now = user_structs();

	for (unsigned int i = 0; now > most && i < 150; i++) {
		t_sleep_ms(20);
		now = user_structs();
	}
	return now > most ? now : 0;
}

struct many {
	struct t *t;
	uid_t first;
	bool only_be;
};

static void many_users_child(void *arg)
{
	const struct many *many = arg;
	const struct t *t = many->t;
	char *mem = t_touched(T_PAGE);

	for (uid_t uid = many->first; uid < many->first + USERS; uid++) {
		be(uid);
		if (many->only_be) {
			be(0);
			continue;
		}
		hf_map(t->c, IOVA, mem, T_PAGE, HF_RW);
		/* And what is moved from one charge to another, and what is refused. */
		hf_map(t->c, IOVA + T_PAGE, mem, T_PAGE, HF_RW);
		be(0);
		hf_expect_eq(hf_unmap_all(t->c), 2 * T_PAGE, "unmap");
	}
	if (many->only_be)
		return;
	be(many->first + USERS);
	set_limit(0, 0, 0);
	for (unsigned int i = 0; i < USERS; i++)
		hf_expect_eq(hf_try_map(t->c, IOVA, mem, T_PAGE, HF_RW), -ENOMEM, "over");
}

static void many_users(struct t *t)
{
	/* Users that no other run has had. */
	struct many many = { .t = t, .first = FIRST_USER + (uid_t)getpid() * 8 * USERS };
	long before, now;

	/* Without a map, to see what the kernel itself keeps; others each time. */
	many.only_be = true;
	for (unsigned int i = 0; i < 2; i++, many.first += 2 * USERS) {
		before = user_structs();
		t_child(many_users_child, &many, "process of many users that maps nothing");
	}
	if (before < 0) {
		hf_ktap_skip("nobody says how many users the kernel knows");
		return;
	}
	if (users_above(before + USERS / 2)) {
		hf_ktap_skip("this kernel keeps what it has freed (KASAN)");
		return;
	}
	before = user_structs();
	many.only_be = false;
	t_child(many_users_child, &many, "process of many users");
	now = users_above(before + USERS / 2);
	hf_expect(!now, "users and what is beside them: %ld before, %ld now", before, now);
	if (t->by_user)
		hf_expect_eq(t_user_locked(many.first + USERS), 0, "of one that was refused");
}

/* Root in a user namespace is nobody outside, and limited. */

struct spaced {
	struct t *t;
	int *error;
};

static void namespace_child(void *arg)
{
	const struct spaced *s = arg;
	char *mem;

	t_unprivileged(LIMIT);
	mem = t_touched(2 * LIMIT);
	if (unshare(CLONE_NEWUSER)) {
		*s->error = errno;
		return;
	}
	hf_expect_eq(hf_try_map(s->t->c, IOVA, mem, LIMIT + T_PAGE, HF_RW), -ENOMEM, "101 of 100");
	hf_expect_eq(hf_try_map(s->t->c, IOVA, mem, LIMIT, HF_RW), 0, "100 of 100");
	t_expect_own(s->t, 0, LIMIT, "at the limit");
	t_expect_user(s->t, T_NOBODY, LIMIT, "at the limit");
	hf_unmap(s->t->c, IOVA, LIMIT);
	t_expect_own(s->t, 0, 0, "unmapped");
}

static void user_namespace(struct t *t)
{
	struct spaced s = { .t = t };

	s.error = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	hf_require(s.error != MAP_FAILED, "a shared page");
	t_child(namespace_child, &s, "process in a user namespace");
	if (*s.error)
		hf_ktap_skip("no user namespace: %s", strerror(*s.error));
	munmap(s.error, T_PAGE);
}

/* mlock() counts for the process only: beside a user's pins it has a limit of its own. */
static void mlock_child(void *arg)
{
	const struct t *t = arg;
	const int want = t->by_user ? 0 : -ENOMEM;
	struct hf_proc_mem have;
	char *mem;

	t_unprivileged(LIMIT);
	mem = t_touched(3 * LIMIT);
	hf_require(!mlock(mem, PAGES(60)), "mlock");
	hf_expect_eq(hf_try_map(t->c, IOVA, mem, PAGES(60), HF_RW), want, "60 beside 60 locked");
	hf_expect_eq(hf_try_map(t->c, IOVA + T_1G, mem, PAGES(40), HF_RW), 0, "40 more");
	hf_must(hf_proc_mem(0, &have));
	hf_expect_eq(have.vmlck, t->by_user ? PAGES(60) : LIMIT, "VmLck");
	hf_expect_eq(have.vmpin, t->by_user ? LIMIT : 0, "VmPin");
	t_expect_user(t, T_NOBODY, LIMIT, "mapped");
	hf_unmap_all(t->c);
	hf_must(hf_proc_mem(0, &have));
	hf_expect_eq(have.vmlck, PAGES(60), "VmLck, unmapped");
	hf_expect_eq(have.vmpin, 0, "VmPin, unmapped");
}

static void beside_mlock(struct t *t)
{
	t_child(mlock_child, t, "mlock beside it");
}

/* The parameter */

static void words(struct t *t)
{
	static const char *const bad[] = { "MM", "users", "use", "0", "Y", " mm", "mm user",
					   "mm\n\n", "user,mm" };
	static const char *const good[] = { "user", "mm\n", "user\n", "mm" };
	char text[32] = "";

	(void)t;
	hf_expect_eq(t_module_param_mode(T_MODULE_HOLDFAST, "accounting"), 0644, "mode");
	hf_must(t_module_param(T_MODULE_HOLDFAST, "accounting", text, sizeof(text)));
	hf_expect(!strcmp(text, "mm"), "default: \"%s\"", text);
	for (size_t i = 0; i < T_ARRAY_SIZE(good); i++) {
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "accounting", good[i]));
		for (size_t k = 0; k < T_ARRAY_SIZE(bad); k++)
			hf_expect_eq(t_module_param_set(T_MODULE_HOLDFAST, "accounting", bad[k]),
				     -EINVAL, "\"%s\"", bad[k]);
		hf_must(t_module_param(T_MODULE_HOLDFAST, "accounting", text, sizeof(text)));
		hf_expect(text[0] && !strncmp(text, good[i], strlen(text)),
			  "after \"%s\" and wrong words: \"%s\"", good[i], text);
	}
}

/* A container stays as it was made; two of one process may differ. */
static void switched(struct t *t)
{
	char *mem = t_touched(LIMIT);
	struct hf_proc_mem have;
	struct hf_container c;
	struct t_side side;

	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "accounting", "user"));
	hf_must(hf_container_open(&c));
	t_side_attach(&side, 1, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	hf_map(t->c, IOVA, mem, PAGES(3), HF_RW);
	hf_map(&c, IOVA, mem, PAGES(5), HF_RW);
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "accounting", "mm"));
	hf_map(t->c, IOVA + T_1G, mem, PAGES(7), HF_RW);
	hf_map(&c, IOVA + T_1G, mem, PAGES(11), HF_RW);
	hf_must(hf_proc_mem(0, &have));
	hf_expect_eq(have.vmlck, PAGES(10), "VmLck");
	hf_expect_eq(have.vmpin, PAGES(16), "VmPin");
	hf_unmap(t->c, IOVA, PAGES(3));
	hf_unmap(&c, IOVA, PAGES(5));
	hf_must(hf_proc_mem(0, &have));
	hf_expect_eq(have.vmlck, PAGES(7), "VmLck, one of each unmapped");
	hf_expect_eq(have.vmpin, PAGES(11), "VmPin, one of each unmapped");
	hf_expect_eq(hf_unmap_all(t->c), PAGES(7), "unmap of all");
	/* The last close refunds as well. */
	t_side_close(&side);
	hf_container_close(&c);
	munmap(mem, LIMIT);
}

static const struct t_case cases[] = {
	{ "threads race", threads, T_RIG | T_USER, NULL },
	{ "two threads want the last page", last_page, T_RIG | T_USER, NULL },
	{ "forks race", forks, T_RIG | T_USER, NULL },
	{ "two containers", containers, T_USER, NULL },
	{ "the limit changes", limit_changes, T_RIG | T_USER, NULL },
	{ "the capability changes", capability_changes, T_RIG | T_USER, NULL },
	{ "the user changes", user_changes, T_RIG | T_USER, NULL },
	{ "users come and go", many_users, T_RIG | T_USER, NULL },
	{ "a user namespace", user_namespace, T_RIG | T_USER, NULL },
	{ "mlock() beside it", beside_mlock, T_RIG | T_USER, NULL },
	{ "the parameter's words", words, T_HOLDFAST, NULL },
	{ "the parameter is read when a container is made", switched, T_RIG | T_HOLDFAST, NULL },
};

int main(void)
{
	t_payer_start();
	return T_RUN(cases);
}
