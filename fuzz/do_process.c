// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_process.c - processes come, go, and become other programs; limits, and pressure on memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "game.h"

/*
 * Linux 6.1 to 6.12 (7.2 not) copy a pinned huge page for the child with an entry that may be written to,
 * also where the area may not be: what the child can do there is a mistake of theirs.
 */
static bool would_be_writable(const struct fz_session *s)
{
	for (unsigned int page = FZ_SMALL_PAGES; page < FZ_PAGES && !fz_new_enough(s, 702); page++) {
		const struct fz_pte *pte = fz_pte(s->m, 0, page);

		if (pte->frame && s->m->frame[pte->frame].pins && !(pte->prot & FZ_PROT_WRITE))
			return true;
	}
	return false;
}

int64_t fz_play_fork(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int child = fz_op_arg(op, 0);
	struct fz_slot *slot = fz_slot(s, 0);
	int64_t ret;

	if (fz_alive(s, child) || s->m->mms >= FZ_MMS || !fz_model_room(s->m, FZ_PAGES) ||
	    would_be_writable(s))
		return FZ_SKIPPED;
	/* Older kernels warn by themselves when a fork with a BAR mapped fails or is undone. */
	for (unsigned int place = 0; place < 16 && !fz_new_enough(s, 609); place++)
		if (fz_space(s->m, 0)->bar[place])
			return FZ_SKIPPED;
	atomic_store(&fz_slot(s, child)->state, FZ_IDLE);
	slot->what = FZ_DO_FORK;
	slot->arg[0] = child;
	ret = fz_request(s, 0);
	if (ret > 0)
		fz_proc_fork(s->m, 0, child);
	/* A private huge page that is pinned is copied, for which there must be one. */
	else if (ret != -ENOMEM || s->before.huge_free_2m >= 64)
		fz_expect(s, ret, 0, "fork");
	return ret > 0 ? 0 : ret;
}

int64_t fz_play_share(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int child = fz_op_arg(op, 0);
	struct fz_slot *slot = fz_slot(s, 0);
	int64_t ret;

	if (fz_alive(s, child))
		return FZ_SKIPPED;
	atomic_store(&fz_slot(s, child)->state, FZ_IDLE);
	slot->what = FZ_DO_SHARE;
	slot->arg[0] = child;
	slot->arg[1] = fz_op_arg(op, 1);
	ret = fz_request(s, 0);
	if (ret <= 0) {
		fz_expect(s, ret, 0, "clone with CLONE_VM");
		return ret;
	}
	fz_proc_share(s->m, 0, child);
	return 0;
}

/* Wait until a process is gone. */
static int64_t reap(struct fz_session *s, unsigned int who)
{
	struct fz_slot *slot = fz_slot(s, who);

	if (fz_worker_gone(slot->pid, s->o.timeout_ms)) {
		s->hung = true;
		fz_object(s, FZ_ORACLE_HANG, "exit", "process %u (pid %d) does not end", who,
			  slot->pid);
		return -ETIMEDOUT;
	}
	slot->pid = 0;
	fz_proc_exit(s->m, who);
	return 0;
}

int64_t fz_play_exit(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	fz_slot(s, who)->what = FZ_DO_EXIT;
	fz_worker_ask(fz_slot(s, who));
	return reap(s, who);
}

int64_t fz_play_kill(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	kill(fz_slot(s, who)->pid, SIGKILL);
	return reap(s, who);
}

int64_t fz_play_exec(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	int64_t ret;

	if (!fz_alive(s, who) || s->m->mms >= FZ_MMS)
		return FZ_SKIPPED;
	fz_slot(s, who)->what = FZ_DO_EXEC;
	/* The new program answers. */
	ret = fz_request(s, who);
	fz_expect(s, ret, 0, "exec");
	fz_proc_exec(s->m, who);
	/* A new program has one thread. */
	if (!who)
		s->thread = false;
	return ret;
}

int64_t fz_play_rlimit(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	const uint64_t pages = fz_op_arg(op, 1);
	struct fz_slot *slot = fz_slot(s, who);
	const struct rlimit64 limit = { pages * FZ_PAGE_BYTES, RLIM64_INFINITY };
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	memcpy(slot->data, &limit, sizeof(limit));
	ret = fz_call(s, who, SYS_prlimit64, 0, RLIMIT_MEMLOCK, (uintptr_t)slot->data, 0, 0);
	fz_expect(s, ret, 0, "setrlimit");
	s->m->proc[who].limit = pages;
	return ret;
}

static int64_t poke_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	int64_t ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int64_t fz_play_pressure(struct fz_session *s, const struct fz_op *op)
{
	(void)s;
	switch (fz_op_arg(op, 0)) {
	case FZ_PRESSURE_RECLAIM:
		return poke_file("/sys/fs/cgroup/memory.reclaim", "1M");
	case FZ_PRESSURE_COMPACT:
		return poke_file("/proc/sys/vm/compact_memory", "1");
	default:
		return poke_file("/proc/sys/vm/drop_caches", "1");
	}
}
