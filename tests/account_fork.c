// SPDX-License-Identifier: GPL-2.0-only
/*
 * account_fork - several processes, one container: who is charged, and who gets it back.
 *
 * A mapping is charged when it is made and refunded when it goes, whoever makes it go: the
 * process, its child, its parent, a process that shares its memory, or the last close. Under
 * stock and with accounting=mm the process that mapped shows it (VmLck), and what a process
 * that is gone had been charged is charged to nobody; with accounting=user its user pays until
 * the memory is unpinned, and the process whose memory it is shows it (VmPin).
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "payer.h"

#define IOVA 0x200000000ULL
#define PARENTS IOVA
#define CHILDS (IOVA + T_1G)
#define LEN (300 * T_PAGE)
#define CHILD_LEN (70 * T_PAGE)

struct pair {
	struct t *t;
	struct t_gate *gate;
	bool parent_first;
};

static void map_some(struct t *t, uint64_t iova, size_t len)
{
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", len, HF_MEM_TOUCHED, &m));
	hf_map(t->c, iova, m.addr, len, HF_RW);
}

/* Each unmaps what the other has mapped, in either order. */

static void crossed_child(void *arg)
{
	struct pair *p = arg;

	t_expect_own(p->t, 0, 0, "child, at first");
	map_some(p->t, CHILDS, CHILD_LEN);
	t_expect_own(p->t, 0, CHILD_LEN, "child, mapped");
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
	t_expect_own(p->t, 0, p->parent_first ? 0 : CHILD_LEN, "child, before its unmap");
	hf_unmap(p->t->c, PARENTS, LEN);
	t_expect_own(p->t, 0, p->parent_first ? 0 : CHILD_LEN, "child, after its unmap");
	t_gate_open(p->gate, 3);
	t_gate_wait(p->gate, 4);
	t_expect_own(p->t, 0, 0, "child, all unmapped");
}

static void crossed(struct t *t)
{
	struct pair p = { .t = t, .gate = t_gate_new(), .parent_first = t->arg };
	struct hf_mem m;
	pid_t pid;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	hf_map(t->c, PARENTS, m.addr, LEN, HF_RW);
	pid = t_child_start(crossed_child, &p);
	t_gate_wait(p.gate, 1);
	t_expect_own(t, 0, LEN, "parent, both mapped");
	t_expect_user(t, 0, LEN + CHILD_LEN, "both mapped");
	if (p.parent_first) {
		hf_unmap(t->c, CHILDS, CHILD_LEN);
		t_expect_own(t, 0, LEN, "parent, after its unmap");
		t_expect_user(t, 0, LEN, "the child's unmapped");
	}
	t_gate_open(p.gate, 2);
	t_gate_wait(p.gate, 3);
	t_expect_own(t, 0, 0, "parent, after the child's unmap");
	t_expect_user(t, 0, p.parent_first ? 0 : CHILD_LEN, "the parent's unmapped");
	if (!p.parent_first)
		hf_unmap(t->c, CHILDS, CHILD_LEN);
	t_expect_own(t, 0, 0, "parent, all unmapped");
	t_expect_user(t, 0, 0, "all unmapped");
	t_gate_open(p.gate, 4);
	t_child_end(pid, "child");
	hf_mem_free(&m);
}

/* One request takes mappings of three processes; each gets back its own. */
static void one_of_three(void *arg)
{
	struct pair *p = arg;
	const unsigned int n = p->parent_first;

	map_some(p->t, IOVA + (2 + n) * T_1G, (n + 1) * T_PAGE);
	map_some(p->t, IOVA + (4 + n) * T_1G, (n + 1) * T_PAGE);
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
	t_expect_own(p->t, 0, 0, "child, after the parent's unmap");
}

static void all_at_once(struct t *t)
{
	struct pair p[2] = { { .t = t, .gate = t_gate_new() },
			     { .t = t, .gate = t_gate_new(), .parent_first = true } };
	pid_t pid[2];
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, LEN, HF_RW);
	for (int i = 0; i < 2; i++) {
		pid[i] = t_child_start(one_of_three, &p[i]);
		t_gate_wait(p[i].gate, 1);
	}
	t_expect_own(t, 0, LEN, "parent, mapped");
	t_expect_own(t, pid[0], 2 * T_PAGE, "first child, mapped");
	t_expect_own(t, pid[1], 4 * T_PAGE, "second child, mapped");
	t_expect_user(t, 0, LEN + 6 * T_PAGE, "all mapped");
	hf_expect_eq(hf_unmap_all(t->c), LEN + 6 * T_PAGE, "unmap of all");
	t_expect_own(t, 0, 0, "parent, unmapped");
	t_expect_user(t, 0, 0, "all unmapped");
	for (int i = 0; i < 2; i++) {
		t_gate_open(p[i].gate, 2);
		t_child_end(pid[i], "child");
	}
	hf_mem_free(&m);
}

/* The process that mapped is gone; the mapping is not. */

static void map_and_exit(void *arg)
{
	struct t *t = arg;

	map_some(t, IOVA, LEN);
	t_expect_own(t, 0, LEN, "child, mapped");
}

static void gone_then_unmap(struct t *t)
{
	struct hf_proc_snapshot before, with;

	hf_must(hf_proc_snapshot(&before));
	t_child(map_and_exit, t, "child that maps and exits");
	hf_must(hf_proc_snapshot(&with));
	hf_expect_eq(with.pins_held - before.pins_held, LEN / T_PAGE, "pins stay");
	t_expect_own(t, 0, 0, "parent, child gone");
	t_expect_user(t, 0, LEN, "child gone");
	hf_unmap(t->c, IOVA, LEN);
	t_expect_own(t, 0, 0, "parent, after its unmap");
	t_expect_user(t, 0, 0, "unmapped");
}

static void map_and_exit_as_nobody(void *arg)
{
	t_unprivileged(LEN);
	map_and_exit(arg);
}

/* No process of the user is left, and none of the mm: the charge still has somebody. */
static void gone_then_release(struct t *t)
{
	struct hf_rig r;
	struct t own = *t;

	hf_must(hf_rig_open(&r, NULL, 0));
	own.c = &r.container;
	t_child(map_and_exit_as_nobody, &own, "child that maps and exits");
	t_expect_own(t, 0, 0, "parent, child gone");
	t_expect_user(t, T_NOBODY, LEN, "child gone");
	t_expect_user(t, 0, 0, "child gone");
	hf_rig_close(&r);
	t_expect_own(t, 0, 0, "parent, container closed");
	t_expect_user(t, T_NOBODY, 0, "container closed");
	t_expect_user(t, 0, 0, "container closed");
}

static void over_after_exit(void *arg)
{
	struct t *t = arg;
	struct hf_mem m;
	int ret;

	t_unprivileged(LEN);
	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	/* Who pays by process begins with nothing, whoever else there was. */
	ret = hf_try_map(t->c, CHILDS, m.addr, LEN, HF_RW);
	hf_expect_eq(ret, t->by_user ? -ENOMEM : 0, "as much again");
	t_expect_own(t, 0, t->by_user ? 0 : LEN, "second child");
}

/* So a user who maps and exits again and again has as many limits as processes, or one. */
static void gone_and_again(struct t *t)
{
	t_child(map_and_exit_as_nobody, t, "first child");
	t_child(over_after_exit, t, "second child");
	t_expect_user(t, T_NOBODY, LEN, "both gone");
	hf_expect_eq(hf_unmap_all(t->c), t->by_user ? LEN : 2 * LEN, "bytes left by both");
	t_expect_user(t, T_NOBODY, 0, "unmapped");
}

/* Killed while it maps and unmaps. */
static void map_for_ever(void *arg)
{
	struct pair *p = arg;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	t_gate_open(p->gate, 1);
	for (;;) {
		hf_try_map(p->t->c, IOVA, m.addr, LEN, HF_RW);
		hf_try_map(p->t->c, IOVA + LEN, m.addr, T_PAGE, HF_READ);
		hf_try_unmap(p->t->c, IOVA, LEN + T_PAGE, 0, NULL);
	}
}

static void killed(struct t *t)
{
	struct hf_proc_snapshot before;

	hf_must(hf_proc_snapshot(&before));
	for (unsigned int i = 0; i < 12; i++) {
		struct pair p = { .t = t, .gate = t_gate_new() };
		pid_t pid = t_child_start(map_for_ever, &p);
		uint64_t left;

		t_gate_wait(p.gate, 1);
		t_sleep_ms(1 + i * 3);
		kill(pid, SIGKILL);
		t_child_killed(pid, "child");
		t_expect_own(t, 0, 0, "parent, child killed");
		left = hf_unmap_all(t->c);
		hf_expect(left <= LEN + T_PAGE, "0x%lx bytes were left", (unsigned long)left);
		t_leftover(&before, "unmapped");
		t_expect_user(t, 0, 0, "unmapped");
	}
}

/* Two processes, one mm. */

struct twin {
	struct t *t;
	char *mem;
	int ret;
	volatile int map;	/* else unmap */
};

/*
 * Here errno and stdio are the parent's, which waits meanwhile: nothing but the request.
 */
static int twin(void *arg)
{
	struct twin *w = arg;

	w->ret = w->map ? hf_try_map(w->t->c, IOVA, w->mem, LEN, HF_RW) :
			  hf_try_unmap(w->t->c, IOVA, LEN, 0, NULL);
	return 0;
}

static void run_twin(struct twin *w, int flags)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(twin, stack + sizeof(stack), flags | SIGCHLD, w);
	int status = -1;

	hf_require(pid > 0, "clone: %s", strerror(errno));
	hf_expect(waitpid(pid, &status, 0) == pid && !status, "twin's end");
	hf_expect_eq(w->ret, 0, "twin's %s", w->map ? "map" : "unmap");
}

/* CLONE_VM, with CLONE_VFORK as vfork() does: the child maps and ends, the charge stays. */
static void shared_mm(struct t *t)
{
	const int flags = CLONE_VM | (t->arg ? CLONE_VFORK : 0);
	struct twin w = { .t = t };
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	w.mem = m.addr;
	w.map = 1;
	run_twin(&w, flags);
	t_expect_own(t, 0, LEN, "the child has mapped and is gone");
	t_expect_user(t, 0, LEN, "the child has mapped and is gone");
	w.map = 0;
	run_twin(&w, flags);
	t_expect_own(t, 0, 0, "another child has unmapped");
	t_expect_user(t, 0, 0, "another child has unmapped");
	w.map = 1;
	run_twin(&w, flags);
	hf_unmap(t->c, IOVA, LEN);
	t_expect_own(t, 0, 0, "mapped by a child, unmapped here");
	hf_map(t->c, IOVA, m.addr, LEN, HF_RW);
	w.map = 0;
	run_twin(&w, flags);
	t_expect_own(t, 0, 0, "mapped here, unmapped by a child");
	t_expect_user(t, 0, 0, "mapped here, unmapped by a child");
	hf_mem_free(&m);
}

/* The one that mapped is a process of its own, and the first to go of those with its mm. */
static void leader_leaves(void *arg)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct twin *w = arg;

	map_some(w->t, IOVA, LEN);
	w->map = 0;
	hf_require(clone(twin, stack + sizeof(stack), CLONE_VM | CLONE_PARENT | SIGCHLD, w) > 0,
		   "clone: %s", strerror(errno));
}

static void leader_goes(struct t *t)
{
	struct twin *w = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
	int status = -1;

	hf_require(w != MAP_FAILED, "a shared page");
	w->t = t;
	w->ret = 1;
	t_child(leader_leaves, w, "process that maps and leaves its mm to another");
	hf_expect(wait(&status) > 0 && !status, "the other one's end");
	hf_expect_eq(w->ret, 0, "the other one's unmap");
	t_expect_user(t, 0, 0, "unmapped");
	munmap(w, T_PAGE);
}

/* Forks race. */

#define CROWD 5
#define AREAS 40
#define AREA_IOVA(child, area) (IOVA + (child) * T_1G + (area) * T_2M)
#define AREA_LEN(area) ((1 + (area) % 7) * T_PAGE)

struct crowd {
	struct t *t;
	struct t_gate *gate[CROWD];
	unsigned int n;
};

static void crowd_child(void *arg)
{
	const struct crowd *all = arg;
	struct t_gate *gate = all->gate[all->n];
	const unsigned int other = (all->n + 1) % CROWD;
	uint64_t mapped = 0, left = 0;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 8 * T_PAGE, HF_MEM_TOUCHED, &m));
	t_gate_wait(gate, 1);
	for (unsigned int i = 0; i < AREAS; i++) {
		hf_map(all->t->c, AREA_IOVA(all->n, i), m.addr, AREA_LEN(i), HF_RW);
		mapped += AREA_LEN(i);
		left += i % 3 ? AREA_LEN(i) : 0;
	}
	t_expect_own(all->t, 0, mapped, "child, all mapped");
	t_gate_open(gate, 2);
	t_gate_wait(gate, 3);
	/* A third of what another one mapped, while one does the same to this one. */
	for (unsigned int i = 0; i < AREAS; i += 3)
		hf_unmap(all->t->c, AREA_IOVA(other, i), AREA_LEN(i));
	t_gate_open(gate, 4);
	t_gate_wait(gate, 5);
	t_expect_own(all->t, 0, left, "child, a third unmapped");
	t_gate_open(gate, 6);
	/* Some leave the rest to the parent. */
	if (all->n & 1)
		t_gate_wait(gate, 7);
	if (all->n & 1)
		t_expect_own(all->t, 0, 0, "child, all unmapped");
}

static void everybody(const struct crowd *all, unsigned int open, unsigned int wait_for)
{
	for (unsigned int i = 0; i < CROWD; i++)
		t_gate_open(all->gate[i], open);
	for (unsigned int i = 0; i < CROWD; i++)
		t_gate_wait(all->gate[i], wait_for);
}

static void forks_race(struct t *t)
{
	struct crowd all = { .t = t };
	uint64_t each = 0, left = 0;
	pid_t pid[CROWD];

	for (unsigned int i = 0; i < AREAS; i++) {
		each += AREA_LEN(i);
		left += i % 3 ? AREA_LEN(i) : 0;
	}
	for (all.n = 0; all.n < CROWD; all.n++)
		all.gate[all.n] = t_gate_new();
	for (all.n = 0; all.n < CROWD; all.n++)
		pid[all.n] = t_child_start(crowd_child, &all);
	everybody(&all, 1, 2);
	t_expect_user(t, 0, CROWD * each, "all mapped");
	everybody(&all, 3, 4);
	t_expect_user(t, 0, CROWD * left, "a third unmapped");
	everybody(&all, 5, 6);
	for (unsigned int i = 0; i < CROWD; i += 2)
		t_child_end(pid[i], "child that leaves its mappings");
	t_expect_user(t, 0, CROWD * left, "some are gone");
	t_expect_own(t, 0, 0, "parent, some are gone");
	hf_expect_eq(hf_unmap_all(t->c), CROWD * left, "unmap of all");
	for (unsigned int i = 1; i < CROWD; i += 2) {
		t_gate_open(all.gate[i], 7);
		t_child_end(pid[i], "child that stays");
	}
	t_expect_user(t, 0, 0, "all unmapped");
}

static const struct t_case cases[] = {
	{ "each unmaps the other's, the child first", crossed, T_RIG | T_USER, NULL },
	{ "each unmaps the other's, the parent first", crossed, T_RIG | T_USER, "parent" },
	{ "three map, one unmaps all", all_at_once, T_RIG | T_USER, NULL },
	{ "the mapper exits, another unmaps", gone_then_unmap, T_RIG | T_USER, NULL },
	{ "the mapper exits, another closes", gone_then_release, T_USER, NULL },
	{ "the mapper exits, its user maps as much again", gone_and_again, T_RIG | T_USER, NULL },
	{ "killed while it maps", killed, T_RIG | T_USER, NULL },
	{ "vfork", shared_mm, T_RIG | T_USER, "vfork" },
	{ "two processes, one mm", shared_mm, T_RIG | T_USER, NULL },
	{ "two processes, one mm, the mapper goes first", leader_goes, T_RIG | T_USER, NULL },
	{ "forks race", forks_race, T_RIG | T_USER, NULL },
};

int main(void)
{
	t_payer_start();
	return T_RUN(cases);
}
