// SPDX-License-Identifier: GPL-2.0-only
/*
 * account_exec - a program that has mapped becomes another program.
 *
 * exec gives the process a new mm, whose count of locked memory begins at 0, while pins and
 * mappings stay with whoever holds the container. Under stock and with accounting=mm nobody is
 * charged for them any more: VmLck is 0, the limit is there to be used once more, and the
 * unmap, by whomever, must not make it less than 0. With accounting=user the user is charged
 * all along. Moving memory to the new program (VFIO_UPDATE_VADDR) charges it again: to the new
 * mm, or to nobody new if the same user pays.
 *
 * What the new program is to do is a word of its command line; what it finds it says by the
 * same expectations, and its exit status.
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
#include "payer.h"

#define IOVA 0x200000000ULL
#define MORE 0x300000000ULL
#define LEN (150 * T_PAGE)
#define ROOM (20 * T_PAGE) /* of the limit, beside LEN */
#define VADDR_MAP VFIO_DMA_MAP_FLAG_VADDR
#define VADDR_UNMAP VFIO_DMA_UNMAP_FLAG_VADDR

/*
 * What a program that has mapped hands to the one it becomes. @does: what that one does:
 * 'u' unmap, 'c' close by its exit, 'l' map up to the limit and unmap all, 'e' exec once more
 * and unmap, 'v' move the memory to its own mm and unmap, 'k' move it and leave it mapped.
 */
struct plan {
	struct t *t;
	const char *does;
	bool nobody;	/* without privilege, with a limit of LEN + ROOM */
	bool late;	/* the addresses become invalid in the new program */
	bool thread;	/* a thread that is not the first one calls exec */
	uid_t uid;	/* other than 0: a program that is somebody else */
	int memory;	/* memfd of LEN bytes */
	int gate_fd;
	struct t_gate *gate;
};

static struct t_gate *gate_of(int fd)
{
	void *p = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	hf_require(p != MAP_FAILED, "map the gate");
	return p;
}

static void *memory_of(int fd)
{
	void *p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	hf_require(p != MAP_FAILED, "map the memory");
	return p;
}

static void become(const struct plan *p, int container, const char *does)
{
	char text[6][16];

	snprintf(text[0], sizeof(text[0]), "%d", container);
	snprintf(text[1], sizeof(text[1]), "%d", p->memory);
	snprintf(text[2], sizeof(text[2]), "%d", p->gate_fd);
	snprintf(text[3], sizeof(text[3]), "%d", p->t->by_user);
	snprintf(text[4], sizeof(text[4]), "%d", p->nobody);
	snprintf(text[5], sizeof(text[5]), "%d", p->late);
	execl("/proc/self/exe", "account_exec", "after-exec", does, text[0], text[1], text[2],
	      text[3], text[4], text[5], NULL);
	hf_expect(false, "exec: %s", strerror(errno));
}

static void *become_in_thread(void *arg)
{
	const struct plan *p = arg;

	become(p, dup(p->t->c->fd), p->does);
	return NULL;
}

static void map_and_exec(void *arg)
{
	struct plan *p = arg;
	pthread_t thread;

	if (p->nobody)
		t_unprivileged(LEN + ROOM);
	hf_map(p->t->c, IOVA, memory_of(p->memory), LEN, HF_RW);
	t_expect_own(p->t, 0, LEN, "before the exec");
	if (strpbrk(p->does, "vk") && !p->late)
		hf_must(hf_try_unmap(p->t->c, IOVA, LEN, VADDR_UNMAP, NULL));
	if (p->uid)
		hf_require(!setresuid(p->uid, p->uid, p->uid), "setresuid");
	if (hf_ktap_child_exit())
		return;
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
	if (!p->thread)
		become_in_thread(p);
	else if (hf_expect(!pthread_create(&thread, NULL, become_in_thread, p), "thread"))
		pthread_join(thread, NULL);
}

/* The new program */

static void up_to_the_limit(const struct t *t)
{
	/* What the old program has mapped counts, or it does not. */
	const uint64_t room = t->by_user ? ROOM : LEN + ROOM;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN + ROOM + T_PAGE, HF_MEM_TOUCHED, &m));
	hf_expect_eq(hf_try_map(t->c, MORE, m.addr, room + T_PAGE, HF_RW), -ENOMEM,
		     "a page more than there is room for");
	t_expect_own(t, 0, 0, "after the map that was over");
	hf_expect_eq(hf_try_map(t->c, MORE, m.addr, room, HF_RW), 0, "as much as there is room");
	t_expect_own(t, 0, room, "at the limit");
	hf_expect_eq(hf_try_map(t->c, MORE + T_1G, m.addr, T_PAGE, HF_RW), -ENOMEM, "a page more");
	/* The old program's go first: what the new one has must not go with it. */
	hf_unmap(t->c, IOVA, LEN);
	t_expect_own(t, 0, room, "the old program's unmapped");
	hf_expect_eq(hf_try_map(t->c, MORE + T_1G, m.addr, t->by_user ? LEN : T_PAGE, HF_RW),
		     t->by_user ? 0 : -ENOMEM, "what that made room for");
	hf_unmap_all(t->c);
	t_expect_own(t, 0, 0, "all unmapped");
}

static void move(const struct t *t, char *memory, bool limited, bool late)
{
	const struct rlimit less = { LEN - T_PAGE, LEN + ROOM }, enough = { LEN, LEN + ROOM };

	if (late)
		hf_must(hf_try_unmap(t->c, IOVA, LEN, VADDR_UNMAP, NULL));
	if (limited) {
		/* A user who pays already pays no more than before. */
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &less), "setrlimit");
		hf_expect_eq(hf_try_map(t->c, IOVA, memory, LEN, VADDR_MAP),
			     t->by_user ? 0 : -ENOMEM, "the new address, over the limit");
		t_expect_own(t, 0, t->by_user ? LEN : 0, "over the limit");
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &enough), "setrlimit");
	}
	if (!limited || !t->by_user)
		hf_expect_eq(hf_try_map(t->c, IOVA, memory, LEN, VADDR_MAP), 0, "the new address");
	t_expect_own(t, 0, LEN, "moved");
}

static void give_up(const char *file, int line, const char *message, void *data)
{
	(void)data;
	hf_ktap_diag("%s:%d: %s", file, line, message);
	_exit(HF_EXIT_FAIL);
}

static int after_exec(char **arg)
{
	struct hf_container c = { .fd = atoi(arg[1]), .type = VFIO_TYPE1v2_IOMMU };
	struct t_gate *gate = gate_of(atoi(arg[3]));
	const bool limited = atoi(arg[5]), late = atoi(arg[6]);
	struct t t = { .c = &c, .by_user = atoi(arg[4]) };
	struct plan again = { .t = &t, .memory = atoi(arg[2]), .gate_fd = atoi(arg[3]) };
	char *memory = memory_of(atoi(arg[2]));

	/* The parent prints the results. */
	hf_fail_set_handler(give_up, NULL);
	t_expect_own(&t, 0, 0, "the new program, at first");
	if (gate->step < 3)
		t_gate_open(gate, 3);
	t_gate_wait(gate, 4);
	switch (arg[0][0]) {
	case 'u':
		hf_unmap(&c, IOVA, LEN);
		t_expect_own(&t, 0, 0, "the new program, after its unmap");
		break;
	case 'l':
		up_to_the_limit(&t);
		break;
	case 'e':
		become(&again, dup(c.fd), "u");
		break;
	case 'v':
		move(&t, memory, limited, late);
		hf_unmap(&c, IOVA, LEN);
		t_expect_own(&t, 0, 0, "moved and unmapped");
		break;
	case 'k':
		move(&t, memory, limited, late);
		t_gate_open(gate, 5);
		t_gate_wait(gate, 6);
		break;
	case 'c':
		break;
	}
	/* Nobody's child as far as it knows: it has not printed the plan. */
	return hf_ktap_failed();
}

/* The parent, and how it goes */

static void begin(struct plan *p, struct t *t)
{
	*p = *(const struct plan *)t->arg;
	p->t = t;
	p->memory = memfd_create("memory", 0);
	p->gate_fd = memfd_create("gate", 0);
	hf_require(p->memory >= 0 && !ftruncate(p->memory, LEN), "memfd");
	hf_require(p->gate_fd >= 0 && !ftruncate(p->gate_fd, T_PAGE), "memfd");
	p->gate = gate_of(p->gate_fd);
	memset(memory_of(p->memory), 1, LEN);
}

static void end(struct plan *p)
{
	munmap(p->gate, T_PAGE);
	close(p->memory);
	close(p->gate_fd);
}

static void exec_case(struct t *t)
{
	struct hf_proc_snapshot before, with;
	uid_t payer, other;
	struct plan p;
	pid_t pid;

	begin(&p, t);
	payer = p.nobody ? T_NOBODY : 0;
	/* Who pays when the memory has moved to a program of another user. */
	other = p.uid ? p.uid : payer;
	hf_must(hf_proc_snapshot(&before));
	pid = t_child_start(map_and_exec, &p);
	t_gate_wait(p.gate, 1);
	hf_must(hf_proc_snapshot(&with));
	hf_expect_eq(with.pins_held - before.pins_held, LEN / T_PAGE, "pins, before the exec");
	t_expect_own(t, pid, LEN, "before the exec");
	t_expect_user(t, payer, LEN, "before the exec");
	t_gate_open(p.gate, 2);
	t_gate_wait(p.gate, 3);
	hf_must(hf_proc_snapshot(&with));
	hf_expect_eq(with.pins_held - before.pins_held, LEN / T_PAGE, "pins, after the exec");
	t_expect_own(t, pid, 0, "after the exec");
	t_expect_user(t, payer, LEN, "after the exec");
	t_gate_open(p.gate, 4);
	if (p.does[0] == 'k') {
		t_gate_wait(p.gate, 5);
		t_expect_own(t, pid, LEN, "moved");
		t_expect_user(t, other, LEN, "moved");
		if (other != payer)
			t_expect_user(t, payer, 0, "moved to another");
		t_gate_open(p.gate, 6);
	}
	t_child_end(pid, "program after the exec");
	if (strpbrk(p.does, "ck")) {
		t_expect_user(t, other, LEN, "the program is gone");
		hf_unmap(t->c, IOVA, LEN);
	}
	t_expect_own(t, 0, 0, "parent, in the end");
	t_expect_user(t, other, 0, "in the end");
	t_expect_user(t, payer, 0, "in the end");
	end(&p);
}

/* The program that maps is the last that holds the container, and becomes another one. */
static void own_container(void *arg)
{
	struct plan *p = arg;
	struct hf_rig r;
	struct t own = *p->t;

	hf_must(hf_rig_open(&r, NULL, 0));
	own.c = &r.container;
	p->t = &own;
	/* Group and device must outlive the exec as the container does. */
	hf_require(dup(r.group.fd) >= 0 && dup(r.device.fd) >= 0, "dup");
	map_and_exec(p);
}

static void exec_and_close(struct t *t)
{
	struct plan p;
	pid_t pid;

	begin(&p, t);
	pid = t_child_start(own_container, &p);
	t_gate_wait(p.gate, 1);
	t_gate_open(p.gate, 2);
	t_gate_wait(p.gate, 3);
	t_expect_own(t, pid, 0, "after the exec");
	t_expect_user(t, p.nobody ? T_NOBODY : 0, LEN, "after the exec");
	t_gate_open(p.gate, 4);
	t_child_end(pid, "program after the exec");
	t_expect_user(t, 0, 0, "closed by its exit");
	end(&p);
}

/* The parent maps, and a program that its child becomes unmaps. */
static void only_exec(void *arg)
{
	become_in_thread(arg);
}

static void fork_and_exec(struct t *t)
{
	struct plan p;
	pid_t pid;

	begin(&p, t);
	hf_map(t->c, IOVA, memory_of(p.memory), LEN, HF_RW);
	pid = t_child_start(only_exec, &p);
	t_gate_wait(p.gate, 3);
	t_expect_own(t, 0, LEN, "parent, before");
	t_expect_user(t, 0, LEN, "before");
	t_gate_open(p.gate, 4);
	t_child_end(pid, "program that unmaps");
	t_expect_own(t, 0, 0, "parent, after");
	t_expect_user(t, 0, 0, "after");
	end(&p);
}

/* A program is given the memory of a process of another user, or finds its limit too low. */
static void take_over(void *arg)
{
	const struct plan *p = arg;
	char *memory = memory_of(p->memory);

	t_unprivileged(LEN - T_PAGE);
	hf_expect_eq(hf_try_map(p->t->c, IOVA, memory, LEN, VADDR_MAP), -ENOMEM, "over its limit");
	t_expect_own(p->t, 0, 0, "over its limit");
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
	hf_expect_eq(hf_try_map(p->t->c, IOVA, memory, LEN, VADDR_MAP), 0, "within its limit");
	t_expect_own(p->t, 0, LEN, "within its limit");
	t_gate_open(p->gate, 3);
	t_gate_wait(p->gate, 4);
	t_expect_own(p->t, 0, 0, "unmapped by the other");
}

static void other_user(struct t *t)
{
	const struct rlimit enough = { LEN, LEN };
	struct plan p;
	pid_t pid;

	begin(&p, t);
	hf_map(t->c, IOVA, memory_of(p.memory), LEN, HF_RW);
	hf_must(hf_try_unmap(t->c, IOVA, LEN, VADDR_UNMAP, NULL));
	pid = t_child_start(take_over, &p);
	t_gate_wait(p.gate, 1);
	t_expect_own(t, 0, LEN, "parent, the child is over its limit");
	t_expect_user(t, 0, LEN, "the child is over its limit");
	t_expect_user(t, T_NOBODY, 0, "the child is over its limit");
	hf_require(!prlimit(pid, RLIMIT_MEMLOCK, &enough, NULL), "prlimit");
	t_gate_open(p.gate, 2);
	t_gate_wait(p.gate, 3);
	t_expect_own(t, 0, 0, "parent, the child has taken over");
	t_expect_user(t, 0, 0, "the child has taken over");
	t_expect_user(t, T_NOBODY, LEN, "the child has taken over");
	hf_unmap(t->c, IOVA, LEN);
	t_expect_user(t, T_NOBODY, 0, "unmapped");
	t_gate_open(p.gate, 4);
	t_child_end(pid, "process that takes over");
	end(&p);
}

/* The memory moves between two living processes of one user: one stops showing it. */
static void take_over_as_same(void *arg)
{
	const struct plan *p = arg;

	hf_expect_eq(hf_try_map(p->t->c, IOVA, memory_of(p->memory), LEN, VADDR_MAP), 0,
		     "the new address");
	t_expect_own(p->t, 0, LEN, "child, taken over");
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
	t_expect_own(p->t, 0, 0, "child, unmapped by the other");
}

static void same_user(struct t *t)
{
	struct plan p;
	pid_t pid;

	begin(&p, t);
	hf_map(t->c, IOVA, memory_of(p.memory), LEN, HF_RW);
	hf_must(hf_try_unmap(t->c, IOVA, LEN, VADDR_UNMAP, NULL));
	t_expect_own(t, 0, LEN, "parent, mapped");
	pid = t_child_start(take_over_as_same, &p);
	t_gate_wait(p.gate, 1);
	t_expect_own(t, 0, 0, "parent, the child has taken over");
	t_expect_user(t, 0, LEN, "the child has taken over");
	hf_unmap(t->c, IOVA, LEN);
	t_expect_user(t, 0, 0, "unmapped");
	t_gate_open(p.gate, 2);
	t_child_end(pid, "process that takes over");
	end(&p);
}

#define P(...) &(const struct plan){ __VA_ARGS__ }

static const struct t_case cases[] = {
	{ "exec, unmap", exec_case, T_RIG | T_USER, P(.does = "u") },
	{ "exec, unmap, by a limited user", exec_case, T_RIG | T_USER,
	  P(.does = "u", .nobody = true) },
	{ "exec by a thread, unmap", exec_case, T_RIG | T_USER, P(.does = "u", .thread = true) },
	{ "exec twice, unmap", exec_case, T_RIG | T_USER, P(.does = "e") },
	{ "exec, exit, another unmaps", exec_case, T_RIG | T_USER, P(.does = "c") },
	{ "exec, map up to the limit", exec_case, T_RIG | T_USER, P(.does = "l", .nobody = true) },
	{ "exec and setuid, unmap", exec_case, T_RIG | T_USER, P(.does = "u", .uid = T_NOBODY) },
	{ "exec, exit is the last close", exec_and_close, T_USER, P(.does = "c") },
	{ "fork and exec, the child's program unmaps", fork_and_exec, T_RIG | T_USER,
	  P(.does = "u") },
	{ "exec, the memory moves along", exec_case, T_RIG | T_USER, P(.does = "v") },
	{ "exec, the memory moves along, at the limit", exec_case, T_RIG | T_USER,
	  P(.does = "v", .nobody = true) },
	{ "exec, the memory moves along, told by the new program", exec_case, T_RIG | T_USER,
	  P(.does = "v", .nobody = true, .late = true) },
	{ "exec, the memory moves along and stays", exec_case, T_RIG | T_USER, P(.does = "k") },
	{ "exec and setuid, the memory moves along and stays", exec_case, T_RIG | T_USER,
	  P(.does = "k", .uid = T_NOBODY) },
	{ "the memory moves to another process of the user", same_user, T_RIG | T_USER,
	  P(.does = "") },
	{ "the memory moves to another user's process", other_user, T_RIG | T_USER,
	  P(.does = "") },
};

int main(int argc, char **argv)
{
	if (argc == 9 && !strcmp(argv[1], "after-exec"))
		return after_exec(argv + 2);
	t_payer_start();
	return T_RUN(cases);
}
