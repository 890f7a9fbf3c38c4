// SPDX-License-Identifier: GPL-2.0-only
/*
 * child.c - forked helpers of a case.
 */
#include "child.h"

#include <grp.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <holdfast/proc.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

pid_t t_child_start(void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	hf_require(pid >= 0, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fn(arg);
	_exit(hf_ktap_child_exit());
}

static int wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

bool t_child_end(pid_t pid, const char *what)
{
	int status = wait_for(pid);

	if (WIFSIGNALED(status))
		return hf_expect(false, "%s: child died of signal %d", what, WTERMSIG(status));
	return hf_expect_eq(WEXITSTATUS(status), 0, "%s: child's exit status", what);
}

bool t_child_killed(pid_t pid, const char *what)
{
	int status = wait_for(pid);

	return hf_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
			 "%s: child was to be killed, wait status 0x%x", what, status);
}

bool t_child(void (*fn)(void *arg), void *arg, const char *what)
{
	return t_child_end(t_child_start(fn, arg), what);
}

void t_unprivileged(uint64_t memlock)
{
	const struct rlimit limit = { .rlim_cur = memlock, .rlim_max = memlock };

	hf_require(!setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
	hf_require(!setgroups(0, NULL), "setgroups");
	hf_require(!setresgid(65534, 65534, 65534), "setresgid");
	hf_require(!setresuid(65534, 65534, 65534), "setresuid");
	/* Losing root clears both: the child must still die with its parent and show itself. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

struct t_gate *t_gate_new(void)
{
	void *p = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	hf_require(p != MAP_FAILED, "a page for a gate");
	return p;
}

void t_gate_open(struct t_gate *g, unsigned int step)
{
	__atomic_store_n(&g->step, step, __ATOMIC_RELEASE);
}

bool t_gate_wait(struct t_gate *g, unsigned int step)
{
	const uint64_t end = t_now_ms() + t_patience_ms(20000);

	while (__atomic_load_n(&g->step, __ATOMIC_ACQUIRE) < step) {
		if (t_now_ms() > end)
			return hf_expect(false, "gate stays at step %u, waiting for %u",
					 __atomic_load_n(&g->step, __ATOMIC_ACQUIRE), step);
		t_sleep_ms(1);
	}
	return true;
}

uint64_t t_vmlck(pid_t pid)
{
	struct hf_proc_mem mem;

	hf_must(hf_proc_mem(pid, &mem));
	return mem.vmlck;
}

void t_expect_vmlck(pid_t pid, uint64_t want, const char *what)
{
	hf_expect_eq(t_vmlck(pid), want, "%s: VmLck", what);
}
