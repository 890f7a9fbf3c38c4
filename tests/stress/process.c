// SPDX-License-Identifier: GPL-2.0-only
/*
 * process.c - workers that fork: children that use container A, and processes that have B.
 *
 * A child's mappings outlive it where it does not unmap them, and are all there then; of a map that
 * was killed all or nothing is. Container B has threads in its requests when its process ends.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "stress.h"

/* In A */

static uint64_t child_iova(const struct t_worker *w)
{
	return CHILD_IOVA + w->number * SLOT_SPAN;
}

/* Fork; the child gets the worker. */
static pid_t spawn(struct t_worker *w, void (*fn)(void *))
{
	st_rest(w, 40000);
	return t_child_start(fn, w);
}

/* The child's exit status, or 128 + signal. */
static int wait_child(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int child_wrong(struct t_worker *w, int status)
{
	return status ? t_wrong(w, "a child ended with %d", status) : 0;
}

static void write_all_over(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < CHECKED; i++)
		memset(st.checked_mem[i].addr, 0xee, st.checked_mem[i].len);
	_exit(0);
}

static int child_writes(struct t_worker *w)
{
	return child_wrong(w, wait_child(spawn(w, write_all_over)));
}

/* Maps memory of its own and leaves it mapped: then its mm is gone, its pages are not. */

#define CHILD_LEN (96 * T_PAGE)

static void *fresh(size_t len, int advice)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p != MAP_FAILED)
		madvise(p, len, advice);
	return p;
}

static void map_and_exit(void *arg)
{
	void *p = fresh(CHILD_LEN, MADV_NOHUGEPAGE);

	_exit(hf_try_map(&st.a, child_iova(arg), p, CHILD_LEN, HF_RW) ? 1 : 0);
}

static void map_and_exec(void *arg)
{
	void *p = fresh(CHILD_LEN, MADV_NOHUGEPAGE);

	if (hf_try_map(&st.a, child_iova(arg), p, CHILD_LEN, HF_RW))
		_exit(1);
	execl("/proc/self/exe", "stress", "nothing", NULL);
	_exit(2);
}

static int child_leaves_mapping(struct t_worker *w)
{
	void (*how)(void *) = t_random(w, 2) ? map_and_exit : map_and_exec;
	const int ret = child_wrong(w, wait_child(spawn(w, how)));
	uint64_t unmapped;

	if (ret)
		return ret;
	if (hf_try_unmap(&st.a, child_iova(w), CHILD_LEN, 0, &unmapped) || unmapped != CHILD_LEN)
		return t_wrong(w, "what a child left mapped was not there");
	return 0;
}

#define VICTIM_LEN (64UL << 20)

static void map_a_lot(void *arg)
{
	struct t_worker *w = arg;
	void *p = fresh(VICTIM_LEN, t_random(w, 2) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);

	hf_try_map(&st.a, child_iova(w), p, VICTIM_LEN, t_random(w, 3) ? HF_RW : HF_READ);
	_exit(0);
}

/* All or nothing is left of it. */
static int child_killed(struct t_worker *w)
{
	const useconds_t delay = (useconds_t)t_random(w, 40000);
	const pid_t pid = spawn(w, map_a_lot);
	uint64_t unmapped;
	int ret;

	usleep(delay);
	kill(pid, SIGKILL);
	ret = wait_child(pid);
	if (ret && ret != 128 + SIGKILL)
		return t_wrong(w, "a child to be killed ended with %d", ret);
	ret = hf_try_unmap(&st.a, child_iova(w), VICTIM_LEN, 0, &unmapped);
	if (ret)
		return ret;
	if (unmapped && unmapped != VICTIM_LEN)
		return t_wrong(w, "0x%llx bytes are left of a killed map",
			       (unsigned long long)unmapped);
	return 0;
}

#define LIMIT (64 * T_PAGE)

static void map_under_limit(void *arg)
{
	const uint64_t iova = child_iova(arg);
	void *p = fresh(2 * LIMIT, MADV_NOHUGEPAGE);

	t_unprivileged(LIMIT);
	if (hf_try_map(&st.a, iova, p, 2 * LIMIT, HF_RW) != -ENOMEM)
		_exit(1);
	if (hf_try_map(&st.a, iova, p, LIMIT, HF_RW))
		_exit(2);
	if (hf_try_map(&st.a, iova + LIMIT, p, T_PAGE, HF_RW) != -ENOMEM)
		_exit(3);
	_exit(hf_try_unmap(&st.a, iova, LIMIT, 0, NULL) ? 4 : 0);
}

static int child_limited(struct t_worker *w)
{
	return child_wrong(w, wait_child(spawn(w, map_under_limit)));
}

static const struct t_op spawner_ops[] = {
	{ "child writes to its copies", 3, child_writes, { 0 } },
	{ "child maps and is gone", 3, child_leaves_mapping, { 0 } },
	{ "child is killed in a map", 3, child_killed, { 0 } },
	{ "child meets its limit", 2, child_limited, { 0 } },
};

/* In B */

#define B_LEN (60 * T_PAGE)

struct b_thread {
	const struct hf_container *c;
	char *mem;
	unsigned int number;
	uint64_t turn;
};

/* Runs until the process ends; what is answered while the container goes away is anything. */
static void *b_work(void *arg)
{
	struct b_thread *b = arg;
	const uint64_t iova = B_IOVA + b->number * SLOT_SPAN;

	for (;; b->turn++) {
		hf_try_map(b->c, iova, b->mem, B_LEN, HF_RW);
		if (b->turn % 3)
			hf_try_unmap(b->c, iova, B_LEN, 0, NULL);
		else
			hf_try_unmap(b->c, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL);
	}
	return NULL;
}

/* How such a process ends. */
enum b_end { B_EXIT, B_KILL, B_CLOSE, B_DETACH, B_ENDS };

struct b_life {
	enum b_end end;
	useconds_t time;
};

static void b_process(void *arg)
{
	const struct b_life *life = arg;
	static struct b_thread b[3];
	pthread_t thread;
	struct hf_rig r;

	if (hf_rig_open(&r, st.b_bdf, 0))
		_exit(1);
	hf_device_close(&r.device);
	for (unsigned int i = 0; i < T_ARRAY_SIZE(b); i++) {
		b[i] = (struct b_thread){ .c = &r.container, .number = i,
					  .mem = fresh(B_LEN, MADV_NOHUGEPAGE) };
		if (pthread_create(&thread, NULL, b_work, &b[i]))
			_exit(2);
	}
	usleep(life->time);
	switch (life->end) {
	case B_KILL:
		kill(getpid(), SIGKILL);
		break;
	case B_CLOSE:
		/* Descriptors go, one after the other, under the threads that use them. */
		close(r.group.fd);
		close(r.container.fd);
		usleep(1000);
		break;
	case B_DETACH:
		for (int i = 0; i < 5; i++) {
			if (hf_group_detach(&r.group) || hf_group_attach(&r.group, &r.container) ||
			    hf_container_set_type(&r.container, VFIO_TYPE1v2_IOMMU))
				_exit(3);
			usleep(life->time / 10);
		}
		break;
	default:
		break;
	}
	_exit(0);
}

static int b_lives(struct t_worker *w)
{
	/* Under requests, stock does not survive that its last group leaves. */
	const bool safe = st.t->on == T_ON_STOCK;
	struct b_life life = { .end = (enum b_end)t_random(w, safe ? B_CLOSE : B_ENDS),
			       .time = (useconds_t)t_random(w, 30000) };
	const int ret = wait_child(t_child_start(b_process, &life));

	return life.end == B_KILL && ret == 128 + SIGKILL ? 0 : child_wrong(w, ret);
}

static const struct t_op b_ops[] = { { "a process with its own container", 1, b_lives, { 0 } } };

void st_add_processes(struct t_crowd *c)
{
	t_crowd_add(c, "spawner", spawner_ops, T_ARRAY_SIZE(spawner_ops), NULL);
	t_crowd_add(c, "container B", b_ops, T_ARRAY_SIZE(b_ops), NULL);
}
