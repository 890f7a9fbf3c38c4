// SPDX-License-Identifier: GPL-2.0-only
/*
 * memlock - RLIMIT_MEMLOCK, what a mapping is charged, and to whom the charge goes back.
 *
 * The limit is met by processes without privilege that inherited an open container: exactly
 * the limit passes, one page more fails and leaves nothing. Whoever unmaps, the refund goes
 * to the process that mapped, also when that one forked, exec'ed, or is gone; a count that
 * becomes too small shows as well as one that stays (it would wrap to something huge).
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"

#define IOVA 0x200000000ULL
#define FAR 0x20000000000ULL /* a terabyte from here is free of reserved regions */

struct limited {
	struct t *t;
	const char *kind;
	size_t pages;
};

static void at_the_limit(void *arg)
{
	const struct limited *l = arg;
	const struct hf_container *c = l->t->c;
	const size_t len = l->pages * T_PAGE;
	const size_t half = l->pages / 2 * T_PAGE;
	struct hf_mem m;
	char *p;

	t_unprivileged(len);
	hf_must(hf_mem_alloc(l->kind, len + T_2M, HF_MEM_TOUCHED, &m));
	p = m.addr;
	t_expect_vmlck(0, 0, "at first");

	hf_expect_eq(hf_try_map(c, IOVA, p, len + T_PAGE, HF_RW), -ENOMEM, "one page over");
	t_expect_vmlck(0, 0, "after the map that was over");
	hf_expect_eq(hf_try_map(c, IOVA, p, len, HF_RW), 0, "exactly the limit");
	t_expect_vmlck(0, len, "at the limit");
	hf_expect_eq(hf_try_map(c, IOVA + len, p, T_PAGE, HF_RW), -ENOMEM, "a page on top");
	t_expect_vmlck(0, len, "at the limit still");
	hf_unmap(c, IOVA, len);
	t_expect_vmlck(0, 0, "after the unmap");

	hf_expect_eq(hf_try_map(c, IOVA, p, half, HF_READ), 0, "half");
	hf_expect_eq(hf_try_map(c, IOVA + half, p + half, len - half + T_PAGE, HF_RW), -ENOMEM,
		     "the other half and a page");
	t_expect_vmlck(0, half, "with one half");
	hf_expect_eq(hf_try_map(c, IOVA + half, p + half, len - half, HF_RW), 0, "the other half");
	t_expect_vmlck(0, len, "with both halves");
	hf_unmap(c, IOVA, half);
	t_expect_vmlck(0, len - half, "without the first half");
	/* The same page again is charged again. */
	hf_expect_eq(hf_try_map(c, IOVA, p + half, half, HF_RW), 0, "the second half, twice");
	t_expect_vmlck(0, len, "with the second half twice");
	hf_expect_eq(hf_unmap_all(c), len, "unmap of all");
	t_expect_vmlck(0, 0, "in the end");
	hf_mem_free(&m);
}

static void limit(struct t *t)
{
	struct limited l = *(const struct limited *)t->arg;

	l.t = t;
	t_child(at_the_limit, &l, l.kind);
}

static void nothing_allowed(void *arg)
{
	const struct t *t = arg;
	struct hf_mem m;

	t_unprivileged(0);
	hf_must(hf_mem_alloc("anon4k", 4 * T_PAGE, 0, &m));
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, T_PAGE, HF_RW), -ENOMEM, "one page");
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, 4 * T_PAGE, HF_READ), -ENOMEM, "four pages");
	t_expect_vmlck(0, 0, "afterwards");
	hf_mem_free(&m);
}

static void limit_zero(struct t *t)
{
	t_child(nothing_allowed, t, "limit of 0");
}

static void limit_odd_child(void *arg)
{
	const struct t *t = arg;
	struct hf_mem m;

	/* The limit is in bytes: a page begun does not count. */
	t_unprivileged(10 * T_PAGE + T_PAGE - 1);
	hf_must(hf_mem_alloc("anon4k", 20 * T_PAGE, 0, &m));
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, 11 * T_PAGE, HF_RW), -ENOMEM, "11 pages");
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, 10 * T_PAGE, HF_RW), 0, "10 pages");
	t_expect_vmlck(0, 10 * T_PAGE, "10 pages");
	hf_unmap(t->c, IOVA, 10 * T_PAGE);
	t_expect_vmlck(0, 0, "afterwards");
	hf_mem_free(&m);
}

static void limit_odd(struct t *t)
{
	t_child(limit_odd_child, t, "limit of 10 pages and a bit");
}

/*
 * Both over the limit and not there: stock pins until one of the two stops it, holdfast
 * charges first.
 */
static void over_and_absent_child(void *arg)
{
	const struct t *t = arg;
	const int want = t->on == T_ON_STOCK ? -EFAULT : -ENOMEM;
	struct hf_mem m;

	t_unprivileged(64 * T_PAGE);
	hf_must(hf_mem_alloc("anon4k", 10 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, 65 * T_PAGE, HF_RW), want,
		     "65 pages, 10 there");
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, 64 * T_PAGE, HF_RW), -EFAULT,
		     "64 pages, 10 there");
	hf_expect_eq(hf_try_map(t->c, FAR, m.addr, 1ULL << 40, HF_RW), want, "1T, 10 pages there");
	t_expect_vmlck(0, 0, "afterwards");
	hf_mem_free(&m);
}

static void over_and_absent(struct t *t)
{
	t_child(over_and_absent_child, t, "over the limit and not there");
}

/* mlock() counts on the same account. */
static void with_mlock_child(void *arg)
{
	const struct t *t = arg;
	struct hf_mem m;

	t_unprivileged(16 * T_PAGE);
	hf_must(hf_mem_alloc("anon4k", 32 * T_PAGE, 0, &m));
	hf_require(!mlock(m.addr, 6 * T_PAGE), "mlock");
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, 11 * T_PAGE, HF_RW), -ENOMEM, "6 and 11 of 16");
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, 10 * T_PAGE, HF_RW), 0, "6 and 10 of 16");
	t_expect_vmlck(0, 16 * T_PAGE, "6 locked and 10 mapped");
	hf_expect(mlock((char *)m.addr + 20 * T_PAGE, T_PAGE) && errno == ENOMEM,
		  "mlock of one more");
	hf_unmap(t->c, IOVA, 10 * T_PAGE);
	t_expect_vmlck(0, 6 * T_PAGE, "6 locked");
	hf_mem_free(&m);
}

static void with_mlock(struct t *t)
{
	t_child(with_mlock_child, t, "mlock beside it");
}

/* Root is charged, but not limited. */
static void privileged(struct t *t)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit old;
	const uint64_t before = t_vmlck(0);
	struct hf_mem m;

	if (!t_alloc(&m, t->arg, 700 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_require(!getrlimit(RLIMIT_MEMLOCK, &old) && !setrlimit(RLIMIT_MEMLOCK, &none), "rlimit");
	for (size_t pages = 1; pages <= 700; pages += 233) {
		hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, pages * T_PAGE, HF_RW), 0, "%zu pages",
			     pages);
		t_expect_vmlck(0, before + pages * T_PAGE, "mapped");
		hf_unmap(t->c, IOVA, pages * T_PAGE);
		t_expect_vmlck(0, before, "unmapped");
	}
	hf_require(!setrlimit(RLIMIT_MEMLOCK, &old), "rlimit");
	hf_mem_free(&m);
}

/* Threads that race for the last pages get exactly as many as there are. */
#define RACERS 4
#define EACH 40

struct racer {
	const struct t *t;
	char *mem;
	unsigned int number;
	unsigned int got;
	int wrong;
};

static void *race_for_pages(void *arg)
{
	struct racer *r = arg;

	for (unsigned int i = 0; i < EACH; i++) {
		const uint64_t at = (r->number * EACH + i) * T_PAGE;
		int ret = hf_try_map(r->t->c, IOVA + at, r->mem + at, T_PAGE, HF_RW);

		if (!ret)
			r->got++;
		else if (ret != -ENOMEM)
			r->wrong = ret;
	}
	return NULL;
}

static void threads_child(void *arg)
{
	const struct t *t = arg;
	struct racer r[RACERS] = { 0 };
	pthread_t thread[RACERS];
	unsigned int got = 0;
	struct hf_mem m;

	t_unprivileged(100 * T_PAGE);
	hf_must(hf_mem_alloc("anon4k", RACERS * EACH * T_PAGE, HF_MEM_TOUCHED, &m));
	for (unsigned int i = 0; i < RACERS; i++) {
		r[i] = (struct racer){ .t = t, .mem = m.addr, .number = i };
		hf_require(!pthread_create(&thread[i], NULL, race_for_pages, &r[i]), "thread");
	}
	for (unsigned int i = 0; i < RACERS; i++) {
		pthread_join(thread[i], NULL);
		hf_expect_eq(r[i].wrong, 0, "errno of thread %u", i);
		got += r[i].got;
	}
	hf_expect_eq(got, 100, "pages mapped by all");
	t_expect_vmlck(0, 100 * T_PAGE, "mapped by all");
	hf_expect_eq(hf_unmap_all(t->c), 100 * T_PAGE, "unmapped");
	t_expect_vmlck(0, 0, "in the end");
}

static void threads(struct t *t)
{
	t_child(threads_child, t, "threads");
}

/* Who pays, who gets back. */

static void child_unmaps(void *arg)
{
	const struct t *t = arg;

	t_expect_vmlck(0, 0, "child, at first");
	hf_unmap(t->c, IOVA, 300 * T_PAGE);
	t_expect_vmlck(0, 0, "child, after its unmap");
}

static void parent_paid(struct t *t)
{
	const uint64_t before = t_vmlck(0);
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 300 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	t_expect_vmlck(0, before + m.len, "parent, mapped");
	t_child(child_unmaps, t, "child unmaps");
	t_expect_vmlck(0, before, "parent, after the child's unmap");
	hf_mem_free(&m);
}

struct pair {
	struct t *t;
	struct t_gate *gate;
};

static void child_maps(void *arg)
{
	struct pair *p = arg;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 200 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(p->t->c, IOVA, m.addr, m.len, HF_RW);
	t_expect_vmlck(0, m.len, "child, mapped");
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
	t_expect_vmlck(0, 0, "child, after the parent's unmap");
}

static void child_paid(struct t *t)
{
	struct pair p = { .t = t, .gate = t_gate_new() };
	const uint64_t before = t_vmlck(0);
	pid_t pid = t_child_start(child_maps, &p);

	t_gate_wait(p.gate, 1);
	t_expect_vmlck(0, before, "parent, child mapped");
	hf_unmap(t->c, IOVA, 200 * T_PAGE);
	t_expect_vmlck(0, before, "parent, after its unmap");
	t_gate_open(p.gate, 2);
	t_child_end(pid, "child maps, parent unmaps");
}

/* Both have mapped; one request takes all, each gets back its own. */
static void both_paid(struct t *t)
{
	struct pair p = { .t = t, .gate = t_gate_new() };
	const uint64_t before = t_vmlck(0);
	struct hf_mem m;
	pid_t pid;

	if (!t_alloc(&m, "anon4k", 100 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	pid = t_child_start(child_maps, &p);
	t_gate_wait(p.gate, 1);
	hf_map(t->c, 0, m.addr, m.len, HF_RW);
	hf_map(t->c, IOVA + T_1G, m.addr, m.len, HF_RW);
	t_expect_vmlck(0, before + 2 * m.len, "parent, mapped");
	t_expect_vmlck(pid, 200 * T_PAGE, "child, mapped");
	hf_expect_eq(hf_unmap_all(t->c), 400 * T_PAGE, "unmap of all");
	t_expect_vmlck(0, before, "parent, after the unmap of all");
	t_gate_open(p.gate, 2);
	t_child_end(pid, "child and parent map");
	hf_mem_free(&m);
}

static void map_and_leave(void *arg)
{
	const struct t *t = arg;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 150 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
}

/* The payer is gone, the mapping is not: no one is charged or refunded any more. */
static void payer_gone(struct t *t)
{
	struct hf_proc_snapshot with, without;
	const uint64_t before = t_vmlck(0);

	hf_must(hf_proc_snapshot(&without));
	t_child(map_and_leave, t, "child maps and exits");
	hf_must(hf_proc_snapshot(&with));
	hf_expect(with.pins_held > without.pins_held, "the pins stay");
	t_expect_vmlck(0, before, "other process, payer gone");
	hf_unmap(t->c, IOVA, 150 * T_PAGE);
	t_expect_vmlck(0, before, "other process, after its unmap");
}

static void grandchild(void *arg)
{
	struct pair *p = arg;

	t_gate_wait(p->gate, 2);
	t_expect_vmlck(0, 0, "child, parent gone");
	hf_unmap(p->t->c, IOVA, 150 * T_PAGE);
	t_expect_vmlck(0, 0, "child, after its unmap");
	t_gate_open(p->gate, hf_ktap_child_exit() ? 4 : 3);
}

static void map_fork_exit(void *arg)
{
	struct pair *p = arg;

	map_and_leave(p->t);
	/* Not t_child_start(): this one is to outlive its parent. */
	if (!fork()) {
		grandchild(p);
		_exit(0);
	}
}

static void parent_exits_first(struct t *t)
{
	struct pair p = { .t = t, .gate = t_gate_new() };

	t_child(map_fork_exit, &p, "parent that maps, forks and exits");
	t_gate_open(p.gate, 2);
	t_gate_wait(p.gate, 3);
	hf_expect_eq(p.gate->step, 3, "the child saw what it had to");
}

/* exec gives the process a new mm. */

static void map_and_exec(void *arg)
{
	const struct t *t = arg;
	char fd[16];

	map_and_leave(arg);
	snprintf(fd, sizeof(fd), "%d", dup(t->c->fd));
	execl("/proc/self/exe", "memlock", "after-exec", fd, NULL);
	hf_expect(false, "exec: %s", strerror(errno));
}

static int after_exec(const char *fd)
{
	const struct hf_container c = { .fd = atoi(fd) };
	const uint64_t before = t_vmlck(0);
	uint64_t unmapped = 0;
	int ret = hf_try_unmap(&c, IOVA, 150 * T_PAGE, 0, &unmapped);

	/* No result lines here: the parent reads the exit status. */
	return before ? 2 : ret ? 3 : unmapped != 150 * T_PAGE ? 4 : t_vmlck(0) ? 5 : 0;
}

static void exec_then_unmap(struct t *t)
{
	const uint64_t before = t_vmlck(0);

	t_child(map_and_exec, t,
		"map, exec, unmap (2: charged before, 3: no unmap, 4: size, 5: charged)");
	t_expect_vmlck(0, before, "parent");
}

#define L(k, n) &(const struct limited){ .kind = k, .pages = n }

static const struct t_case cases[] = {
	{ "limit of 64 pages: anon4k", limit, T_RIG, L("anon4k", 64) },
	{ "limit of 2 pages: anon4k", limit, T_RIG, L("anon4k", 2) },
	{ "limit of 1600 pages: anon4k", limit, T_RIG, L("anon4k", 1600) },
	{ "limit of 1024 pages: thp", limit, T_RIG, L("thp", 1024) },
	{ "limit of 700 pages: thp", limit, T_RIG, L("thp", 700) },
	{ "limit of 1024 pages: hugetlb2m", limit, T_RIG, L("hugetlb2m", 1024) },
	{ "limit of 300 pages: shmem4k", limit, T_RIG, L("shmem4k", 300) },
	{ "limit of 0", limit_zero, T_RIG, NULL },
	{ "limit that is no whole number of pages", limit_odd, T_RIG, NULL },
	{ "over the limit and not there", over_and_absent, T_RIG, NULL },
	{ "mlock() beside it", with_mlock, T_RIG, NULL },
	{ "threads at the limit", threads, T_RIG, NULL },
	{ "root is charged, not limited: anon4k", privileged, T_RIG, "anon4k" },
	{ "root is charged, not limited: frag4k", privileged, T_RIG, "frag4k" },
	{ "root is charged, not limited: thp", privileged, T_RIG, "thp" },
	{ "root is charged, not limited: hugetlb2m-shared", privileged, T_RIG, "hugetlb2m-shared" },
	{ "root is charged, not limited: hugetlb1g", privileged, T_RIG, "hugetlb1g" },
	{ "root is charged, not limited: file", privileged, T_RIG, "file" },
	{ "parent maps, child unmaps", parent_paid, T_RIG, NULL },
	{ "child maps, parent unmaps", child_paid, T_RIG, NULL },
	{ "both map, parent unmaps all", both_paid, T_RIG, NULL },
	{ "child maps and exits, parent unmaps", payer_gone, T_RIG, NULL },
	{ "parent maps and exits, child unmaps", parent_exits_first, T_RIG, NULL },
	{ "map, exec, unmap", exec_then_unmap, T_RIG, NULL },
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "after-exec"))
		return after_exec(argv[2]);
	return T_RUN(cases);
}
