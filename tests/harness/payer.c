// SPDX-License-Identifier: GPL-2.0-only
/*
 * payer.c - a process that asks the kernel what a user has locked.
 *
 * Invariant: it is forked before a test opens anything, so that it holds no container open.
 */
#include "payer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <holdfast/proc.h>
#include <linux/capability.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNKNOWN UINT64_MAX

/* Pages the kernel charges for a message that is no page long. */
#define MESSAGE_PAGES 2
#define MESSAGE_LEN 64

static struct meter {
	sem_t free;	/* may be asked */
	sem_t asked;
	sem_t answered;
	uid_t uid;
	uint64_t bytes;
	uint64_t root;	/* at the beginning */
	uint64_t nobody;
} *meter;

/* May this process lock so much for a message? -1: something else is wrong. */
static int may_send(uint64_t limit, const char *message)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct rlimit most = { .rlim_cur = limit, .rlim_max = RLIM_INFINITY };
	struct pollfd done = { 0 };
	const int on = 1;
	int ret = -1;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) &&
	    !setrlimit(RLIMIT_MEMLOCK, &most)) {
		if (sendto(fd, message, MESSAGE_LEN, MSG_ZEROCOPY, (const void *)&to,
			   sizeof(to)) == MESSAGE_LEN) {
			/* The error queue says when it is charged no more. */
			done.fd = fd;
			ret = poll(&done, 1, (int)t_patience_ms(5000)) == 1 ? 1 : -1;
		} else if (errno == ENOBUFS) {
			ret = 0;
		}
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

/* What is locked, as this process's user without privilege sees it. */
static uint64_t bisect(void)
{
	static const char message[MESSAGE_LEN];
	uint64_t low = 0, high = MESSAGE_PAGES;	/* pages: too few, enough */
	int may;

	while ((may = may_send(high * T_PAGE, message)) == 0) {
		low = high;
		high *= 2;
		if (high >> 40)
			return UNKNOWN;
	}
	while (may >= 0 && high - low > 1) {
		const uint64_t middle = low + (high - low) / 2;

		may = may_send(middle * T_PAGE, message);
		if (may > 0)
			high = middle;
		else
			low = middle;
	}
	/* None at all: only a count below zero would allow that. */
	return may < 0 || high < MESSAGE_PAGES ? UNKNOWN : (high - MESSAGE_PAGES) * T_PAGE;
}

static bool become(uid_t uid)
{
	const struct rlimit most = { RLIM_INFINITY, RLIM_INFINITY };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return !setrlimit(RLIMIT_MEMLOCK, &most) && !setresuid(uid, uid, uid) &&
	       !syscall(SYS_capset, &header, none);
}

static void answer(void)
{
	pid_t pid = fork();

	if (!pid) {
		meter->bytes = become(meter->uid) ? bisect() : UNKNOWN;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		meter->bytes = UNKNOWN;
}

void t_payer_start(void)
{
	struct meter *m = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);

	hf_require(m != MAP_FAILED, "a page for the meter");
	sem_init(&m->free, 1, 1);
	sem_init(&m->asked, 1, 0);
	sem_init(&m->answered, 1, 0);
	meter = m;
	switch (fork()) {
	case -1:
		hf_fail(errno, "fork");
	case 0:
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			while (sem_wait(&m->asked))
				;
			answer();
			sem_post(&m->answered);
		}
	}
	m->root = t_user_locked(0);
	m->nobody = t_user_locked(T_NOBODY);
}

uint64_t t_user_locked(uid_t uid)
{
	uint64_t bytes;

	if (!meter)
		return 0;
	while (sem_wait(&meter->free))
		;
	meter->uid = uid;
	meter->bytes = UNKNOWN;
	sem_post(&meter->asked);
	while (sem_wait(&meter->answered))
		;
	bytes = meter->bytes;
	sem_post(&meter->free);
	hf_require(bytes != UNKNOWN, "what user %u has locked", uid);
	return bytes;
}

void t_users_even(const char *what)
{
	if (!meter)
		return;
	hf_expect_eq(t_user_locked(0), meter->root, "%s: charged to root", what);
	hf_expect_eq(t_user_locked(T_NOBODY), meter->nobody, "%s: charged to nobody", what);
}

void t_expect_own(const struct t *t, pid_t pid, uint64_t want, const char *what)
{
	struct hf_proc_mem mem;

	hf_must(hf_proc_mem(pid, &mem));
	hf_expect_eq(mem.vmlck, t->by_user ? 0 : want, "%s: VmLck", what);
	hf_expect_eq(mem.vmpin, t->by_user ? want : 0, "%s: VmPin", what);
}

void t_expect_user(const struct t *t, uid_t uid, uint64_t want, const char *what)
{
	const uint64_t base = uid ? meter->nobody : meter->root;

	hf_expect_eq(t_user_locked(uid) - base, t->by_user ? want : 0, "%s: charged to user %u",
		     what, uid);
}
