// SPDX-License-Identifier: GPL-2.0-only
/*
 * worker.c - processes that do what they are told.
 *
 * A worker is forked from the session or from another worker, or is this program again after an exec. It
 * waits on its slot's futex, does what is asked, and says what came of it. It dies with
 * the session (and so do those forked from it: the first worker is their subreaper's child).
 *
 * Touching memory under test may raise SIGSEGV or SIGBUS; both are caught and told. Nothing else
 * in a worker lies in the arena, so no operation can take away what it runs on.
 *
 * Some share an address space (CLONE_VM), and with it all variables of this file and errno. Each has a
 * stack of its own; of those who are at work at the same time all but one do a system call, which
 * uses neither.
 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

/* Where requests are, in every process. */
#define SHARED ((struct fz_shared *)0x1f0000000000UL)
/* Its file, after an exec. */
#define SHARED_FD 900
#define MARK "holdfast-fuzz-worker"
#define WORDS (FZ_TAG_BYTES / sizeof(uint64_t))
/* Enough for fork(), exec and a signal. */
#define STACK_BYTES 65536

/* Of workers that run in the address space of another; nobody else has the same number. */
static _Alignas(16) uint8_t stack[FZ_PROCS][STACK_BYTES];
static sigjmp_buf landing;
/* What each of them does first. */
static void (*enter_first)(void);
/* And before what is not to be recorded. */
static void (*leave_before)(void);

static void caught(int number)
{
	siglongjmp(landing, number);
}

static void nothing(int number)
{
	(void)number;
}

static void handlers(void)
{
	struct sigaction jump = { .sa_handler = caught, .sa_flags = SA_NODEFER };
	struct sigaction alarm = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	sigaction(SIGSEGV, &jump, NULL);
	sigaction(SIGBUS, &jump, NULL);
	sigaction(SIGALRM, &alarm, NULL);
	/* Children need no reaping, also after an exec. */
	signal(SIGCHLD, SIG_IGN);
}

/* By hand, because syscall() leaves its errno where another worker may leave its own. */
static int64_t call(int64_t nr, const uint64_t arg[6])
{
	int64_t ret = nr;

	__asm__ volatile("movq %[d], %%r10\n\t"
			 "movq %[e], %%r8\n\t"
			 "movq %[f], %%r9\n\t"
			 "syscall"
			 : "+a"(ret)
			 : "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), [d] "r"(arg[3]), [e] "r"(arg[4]),
			   [f] "r"(arg[5])
			 : "rcx", "r8", "r9", "r10", "r11", "memory");
	return ret;
}

/* Whoever has nothing to do waits here, and is refused if it comes too late. */
static void futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	const uint64_t arg[6] = { (uintptr_t)word, (uint64_t)op, value, (uintptr_t)timeout };

	call(SYS_futex, arg);
}

static enum fz_looked look_at(volatile uint64_t *word, uint64_t *tag)
{
	*tag = word[0];
	for (unsigned int i = 1; i < WORDS; i++)
		if (word[i] != *tag)
			return FZ_LOOKED_TORN;
	return FZ_LOOKED_WELL;
}

static void put_at(volatile uint64_t *word, uint64_t tag)
{
	for (unsigned int i = 0; i < WORDS; i++)
		word[i] = tag;
}

static int64_t touch(struct fz_slot *slot, bool write)
{
	struct fz_look *look = (struct fz_look *)(void *)slot->data;
	volatile unsigned int i = 0;

	for (i = 0; i < slot->arg[1] && i < FZ_LOOK; i++) {
		volatile uint64_t *at = (void *)(slot->arg[0] + i * FZ_PAGE_BYTES);
		const int number = sigsetjmp(landing, 0);

		if (number)
			look->how[i] = number == SIGBUS ? FZ_LOOKED_NOTHING : FZ_LOOKED_FAULT;
		else if (write)
			put_at(at, look->tag[i]), look->how[i] = FZ_LOOKED_WELL;
		else
			look->how[i] = (uint8_t)look_at(at, &look->tag[i]);
	}
	return 0;
}

/* Drop pages, and have a userfaultfd told of who touches them. */
static int64_t watch(const struct fz_slot *slot)
{
	const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct uffdio_register reg = {
		.range = { .start = slot->arg[0], .len = slot->arg[1] * FZ_PAGE_BYTES },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int err;

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg) &&
	    !madvise((void *)slot->arg[0], slot->arg[1] * FZ_PAGE_BYTES, MADV_DONTNEED))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

static bool supply_page(int fd, uint64_t addr, uint64_t tag)
{
	static uint64_t page[FZ_PAGE_BYTES / 8];
	struct uffdio_copy copy = { .dst = addr, .src = (uintptr_t)page, .len = FZ_PAGE_BYTES };
	struct uffdio_zeropage zero = { .range = { .start = addr, .len = FZ_PAGE_BYTES } };

	put_at(page, tag);
	return tag ? !ioctl(fd, UFFDIO_COPY, &copy) : !ioctl(fd, UFFDIO_ZEROPAGE, &zero);
}

/* As a live migration's target does it that has all pages already. */
static int64_t fill(struct fz_slot *slot)
{
	const struct fz_look *look = (const struct fz_look *)(void *)slot->data;
	const int fd = (int)watch(slot);
	int64_t done = 0;

	if (fd < 0)
		return fd;
	while (done < (int64_t)slot->arg[1] &&
	       supply_page(fd, slot->arg[0] + (uint64_t)done * FZ_PAGE_BYTES, look->tag[done]))
		done++;
	close(fd);
	return done;
}

/* As one does it that gets them when they are needed. */
static int64_t supply(struct fz_slot *slot)
{
	const struct timespec lead = { .tv_nsec = 1000L * (long)slot->arg[3] };
	struct fz_look *look = (struct fz_look *)(void *)slot->data;
	const int fd = (int)slot->arg[2];
	int64_t done = 0;

	memset(look->how, FZ_LOOKED_NOTHING, slot->arg[1]);
	while (atomic_load(&SHARED->slot[0].state) != FZ_DONE) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct uffd_msg msg;
		uint64_t i;

		if (poll(&p, 1, 1) <= 0 || read(fd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		i = (msg.arg.pagefault.address - slot->arg[0]) / FZ_PAGE_BYTES;
		if (msg.event != UFFD_EVENT_PAGEFAULT || i >= slot->arg[1])
			continue;
		nanosleep(&lead, NULL);
		if (supply_page(fd, slot->arg[0] + i * FZ_PAGE_BYTES, look->tag[i])) {
			look->how[i] = FZ_LOOKED_WELL;
			done++;
		}
	}
	close(fd);
	return done;
}

static void serve(unsigned int number) __attribute__((noreturn));

static int64_t become_two(struct fz_slot *slot)
{
	const unsigned int child = (unsigned int)slot->arg[0] % FZ_PROCS;
	const pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (enter_first)
			enter_first();
		serve(child);
	}
	SHARED->slot[child].pid = pid;
	return pid;
}

static int begin_shared(void *number)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (enter_first)
		enter_first();
	serve((unsigned int)(uintptr_t)number);
}

/* As vfork() does it, but that the parent goes on. */
static int64_t share(struct fz_slot *slot)
{
	const unsigned int child = (unsigned int)slot->arg[0] % FZ_PROCS;
	const pid_t pid = clone(begin_shared, stack[child] + STACK_BYTES,
				CLONE_VM | (slot->arg[1] ? CLONE_FILES : 0) | SIGCHLD,
				(void *)(uintptr_t)child);

	if (pid < 0)
		return -errno;
	SHARED->slot[child].pid = pid;
	return pid;
}

static int64_t become_other(unsigned int number)
{
	char text[8] = { (char)('0' + number), '\0' };
	char *const argv[] = { MARK, text, NULL };
	char *const envp[] = { NULL };

	execve("/proc/self/exe", argv, envp);
	return -errno;
}

static void *second(void *arg)
{
	(void)arg;
	if (enter_first)
		enter_first();
	serve(FZ_THREAD);
}

static int64_t start_second(void)
{
	pthread_t thread;

	SHARED->slot[FZ_THREAD].pid = SHARED->slot[0].pid;
	return -pthread_create(&thread, NULL, second, NULL);
}

static int64_t perform(struct fz_slot *slot, unsigned int number)
{
	switch (slot->what) {
	case FZ_DO_CALL:
		return call(slot->nr, slot->arg);
	case FZ_DO_LOOK:
		return touch(slot, false);
	case FZ_DO_POKE:
		return touch(slot, true);
	case FZ_DO_FORK:
		return become_two(slot);
	case FZ_DO_SHARE:
		return share(slot);
	case FZ_DO_EXEC:
		return become_other(number);
	case FZ_DO_FILL:
		return fill(slot);
	case FZ_DO_WATCH:
		return watch(slot);
	case FZ_DO_SUPPLY:
		return supply(slot);
	case FZ_DO_THREAD:
		return start_second();
	default:
		_exit(0);
	}
}

static void answer(struct fz_slot *slot)
{
	atomic_store(&slot->state, FZ_DONE);
	futex(&slot->state, FUTEX_WAKE, 1, NULL);
}

static void serve(unsigned int number)
{
	struct fz_slot *slot = &SHARED->slot[number];

	for (;;) {
		struct itimerval timer = { 0 };
		bool quiet;
		uint32_t state = atomic_load(&slot->state);

		if (state != FZ_ASKED) {
			futex(&slot->state, FUTEX_WAIT, state, NULL);
			continue;
		}
		if (slot->period) {
			timer.it_interval.tv_usec = timer.it_value.tv_usec = slot->period;
			setitimer(ITIMER_REAL, &timer, NULL);
		}
		quiet = slot->quiet && leave_before;
		if (quiet)
			leave_before();
		slot->ret = perform(slot, number);
		if (quiet)
			enter_first();
		if (slot->period) {
			timer = (struct itimerval){ 0 };
			setitimer(ITIMER_REAL, &timer, NULL);
		}
		answer(slot);
	}
}

void fz_worker_main(int argc, char **argv)
{
	unsigned int number;

	if (argc != 2 || strcmp(argv[0], MARK))
		return;
	number = (unsigned int)(argv[1][0] - '0') % FZ_PROCS;
	if (mmap(SHARED, sizeof(struct fz_shared), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, SHARED_FD, 0) != SHARED)
		_exit(3);
	handlers();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	SHARED->slot[number].ret = 0;
	answer(&SHARED->slot[number]);
	serve(number);
}

struct fz_shared *fz_shared_open(void)
{
	struct fz_shared *s;
	int fd = memfd_create("fuzz-requests", 0);

	if (fd < 0)
		return NULL;
	if (dup2(fd, SHARED_FD) < 0 || ftruncate(fd, sizeof(*s))) {
		close(fd);
		return NULL;
	}
	close(fd);
	s = mmap(SHARED, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		 SHARED_FD, 0);
	if (s != SHARED) {
		close(SHARED_FD);
		return NULL;
	}
	return s;
}

void fz_shared_close(struct fz_shared *s)
{
	munmap(s, sizeof(*s));
	close(SHARED_FD);
}

/* Without CAP_IPC_LOCK, also after an exec as root. */
static void limit_self(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK);
	if (syscall(SYS_capget, &head, data))
		_exit(3);
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	data[0].permitted &= ~(1U << CAP_IPC_LOCK);
	data[0].inheritable &= ~(1U << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &head, data))
		_exit(3);
}

pid_t fz_worker_start(struct fz_shared *s, bool limited, void (*enter)(void), void (*leave)(void))
{
	pid_t pid;

	for (unsigned int i = 0; i < FZ_SLOTS; i++) {
		atomic_store(&s->slot[i].state, FZ_IDLE);
		s->slot[i].period = 0;
		s->slot[i].pid = 0;
	}
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		s->slot[0].pid = pid;
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (limited)
		limit_self();
	handlers();
	enter_first = enter;
	leave_before = leave;
	if (enter)
		enter();
	serve(0);
}

void fz_worker_ask(struct fz_slot *slot)
{
	atomic_store(&slot->state, FZ_ASKED);
	futex(&slot->state, FUTEX_WAKE, 1, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int fz_worker_wait(struct fz_slot *slot, unsigned int timeout_ms)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	const uint64_t end = now_ms() + timeout_ms;
	uint32_t state;

	while ((state = atomic_load(&slot->state)) != FZ_DONE) {
		futex(&slot->state, FUTEX_WAIT, state, &nap);
		if (atomic_load(&slot->state) == FZ_DONE)
			break;
		/* A worker that was killed answers nothing. */
		if (slot->pid <= 0 || fz_worker_gone(slot->pid, 0) == 0)
			return -ESRCH;
		if (now_ms() >= end)
			return -ETIMEDOUT;
	}
	atomic_store(&slot->state, FZ_IDLE);
	return 0;
}

int fz_worker_gone(pid_t pid, unsigned int timeout_ms)
{
	struct pollfd p = { .events = POLLIN };
	int n;

	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd < 0)
		return 0;
	n = poll(&p, 1, (int)timeout_ms);
	close(p.fd);
	return n > 0 ? 0 : -ETIMEDOUT;
}
