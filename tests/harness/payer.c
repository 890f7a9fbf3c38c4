// SPDX-License-Identifier: GPL-2.0-only
/*
 * payer.c - a process that asks the kernel what a user has locked.
 *
 * Invariant: it is forked before a test opens anything, so that it holds no container open.
 */
#include "payer.h"

#include <errno.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <holdfast/proc.h>
#include <holdfast/user.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define UNKNOWN UINT64_MAX

static struct meter {
	sem_t free;	/* may be asked */
	sem_t asked;
	sem_t answered;
	uid_t uid;
	uint64_t bytes;
	uint64_t root;	/* at the beginning */
	uint64_t nobody;
} *meter;

static void answer(void)
{
	if (hf_user_locked(meter->uid, (int)t_patience_ms(5000), &meter->bytes))
		meter->bytes = UNKNOWN;
}

char *t_touched(size_t len)
{
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", len, HF_MEM_TOUCHED, &m));
	return m.addr;
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
