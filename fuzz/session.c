// SPDX-License-Identifier: GPL-2.0-only
/*
 * session.c - a run, from its first operation to its last page, and clearing away.
 *
 * A run: the model and the files are emptied, the other container is opened if the sequence uses it, the
 * first worker is forked and gets an arena; operations are played until one is not as predicted;
 * everything is checked; the workers end, what they have mapped is unmapped, and pins, huge
 * pages and locked memory must be what they were.
 *
 * Invariant: between runs the session's container has the engine's mappings and no others, the
 * auditor is off, dirty pages are not tracked, and only groups 0 and 3 are attached.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <holdfast/iommu.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "game.h"
#include "rest.h"
#include "text.h"

static fz_play *const plays[FZ_CODES] = {
	[FZ_MMAP] = fz_play_mmap,
	[FZ_MUNMAP] = fz_play_munmap,
	[FZ_MREMAP] = fz_play_mremap,
	[FZ_MPROTECT] = fz_play_mprotect,
	[FZ_MADVISE] = fz_play_madvise,
	[FZ_PMADVISE] = fz_play_pmadvise,
	[FZ_MLOCK] = fz_play_mlock,
	[FZ_MUNLOCK] = fz_play_munlock,
	[FZ_WRITE] = fz_play_write,
	[FZ_READ] = fz_play_read,
	[FZ_PUNCH] = fz_play_punch,
	[FZ_TRUNCATE] = fz_play_truncate,
	[FZ_FILL] = fz_play_fill,
	[FZ_FORK] = fz_play_fork,
	[FZ_EXIT] = fz_play_exit,
	[FZ_KILL] = fz_play_kill,
	[FZ_EXEC] = fz_play_exec,
	[FZ_RLIMIT] = fz_play_rlimit,
	[FZ_PRESSURE] = fz_play_pressure,
	[FZ_MAP] = fz_play_map,
	[FZ_UNMAP] = fz_play_unmap,
	[FZ_UNMAP_ALL] = fz_play_unmap_all,
	[FZ_HOSTILE] = fz_play_hostile,
	[FZ_VADDR_GONE] = fz_play_vaddr_gone,
	[FZ_VADDR_NEW] = fz_play_vaddr_new,
	[FZ_DIRTY] = fz_play_dirty,
	[FZ_ATTACH] = fz_play_attach,
	[FZ_DETACH] = fz_play_detach,
	[FZ_SWITCH] = fz_play_switch,
	[FZ_DEVICE_READ] = fz_play_device_read,
	[FZ_DEVICE_WRITE] = fz_play_device_write,
	[FZ_BLOCKED] = fz_play_blocked,
	[FZ_BAR_MMAP] = fz_play_bar_mmap,
	[FZ_BAR_MUNMAP] = fz_play_bar_munmap,
	[FZ_BAR_MAP] = fz_play_bar_map,
	[FZ_AUDIT] = fz_play_audit,
	[FZ_ASK] = fz_play_ask,
	[FZ_REFRESH] = fz_play_refresh,
	[FZ_FAIL] = fz_play_fail,
	[FZ_TOGETHER] = fz_play_together,
	[FZ_SIGNALS] = fz_play_signals,
	[FZ_KILLED] = fz_play_killed,
	[FZ_SHARE] = fz_play_share,
	[FZ_SWAP] = fz_play_swap,
	[FZ_STARVED] = fz_play_starved,
	[FZ_PAGED] = fz_play_paged,
	[FZ_OTHER_DEVICE] = fz_play_other_device,
};

void fz_say(const struct fz_session *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->o.verbose)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

void fz_object(struct fz_session *s, enum fz_oracle oracle, const char *slug, const char *fmt, ...)
{
	struct fz_verdict *v = s->v;
	va_list ap;

	if (s->trying) {
		s->tried_wrong = true;
		return;
	}
	if (s->wrong || !v)
		return;
	s->wrong = true;
	v->step = s->step;
	v->oracle = oracle;
	snprintf(v->operation, sizeof(v->operation), "%s",
		 s->step >= 0 ? fz_op_desc(s->played.op[s->step].code)->name : "end");
	snprintf(v->signature, sizeof(v->signature), "%s-%s-%s", fz_oracle_name(oracle),
		 v->operation, slug);
	va_start(ap, fmt);
	vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}

static void copy_model(struct fz_model *to, const struct fz_model *from)
{
	memcpy(to, from, offsetof(struct fz_model, pinned));
	memcpy(to->pinned, from->pinned, from->pinned_used * sizeof(*from->pinned));
	memcpy(to->frame, from->frame, from->frames * sizeof(*from->frame));
}

void fz_try_begin(struct fz_session *s)
{
	copy_model(s->kept, s->m);
	s->trying = true;
	s->tried_wrong = false;
}

bool fz_try_end(struct fz_session *s)
{
	s->trying = false;
	if (s->tried_wrong)
		copy_model(s->m, s->kept);
	return !s->tried_wrong;
}

bool fz_expect(struct fz_session *s, int64_t got, int64_t want, const char *what)
{
	s->stats.checks[FZ_ORACLE_ANSWER]++;
	if (got == want)
		return true;
	/* What was made to fail fails, but for what never does; who is killed need not even wait for that. */
	if (s->armed.on && got == fz_armed_answer(s) &&
	    (s->played.op[s->step].code != FZ_UNMAP || got == -EINTR) && fz_armed_failed(s))
		return true;
	fz_object(s, FZ_ORACLE_ANSWER, got < 0 ? strerrorname_np((int)-got) ?: "odd" : "success",
		  "%s answers %lld (%s), not %lld (%s)", what, (long long)got,
		  got < 0 ? strerror((int)-got) : "success", (long long)want,
		  want < 0 ? strerror((int)-want) : "success");
	return false;
}

int64_t fz_request(struct fz_session *s, unsigned int who)
{
	struct fz_slot *slot = fz_slot(s, who);
	int ret;

	if (s->hung)
		return -ESRCH;
	/* What is a matter of moments takes another way each time: no coverage of that. */
	slot->quiet = s->period || s->together || s->chance || s->astray;
	/* A new program has no handler yet. */
	slot->period = slot->what == FZ_DO_CALL ? s->period : 0;
	s->stats.checks[FZ_ORACLE_HANG]++;
	fz_worker_ask(slot);
	for (unsigned int turn = 0; s->together && !s->wrong && turn < 64; turn++) {
		if (atomic_load(&slot->state) == FZ_DONE)
			break;
		fz_check_meanwhile(s, turn);
	}
	ret = fz_worker_wait(slot, s->o.timeout_ms);
	slot->period = 0;
	if (ret == -ETIMEDOUT) {
		s->hung = true;
		fz_object(s, FZ_ORACLE_HANG, "no-end", "process %u (pid %d) does not come back",
			  who, slot->pid);
	} else if (ret) {
		fz_object(s, FZ_ORACLE_HANG, "died", "process %u (pid %d) died", who, slot->pid);
	}
	return ret ? ret : slot->ret;
}

int64_t fz_call(struct fz_session *s, unsigned int who, long nr, uint64_t a, uint64_t b, uint64_t c,
		uint64_t d, uint64_t e)
{
	struct fz_slot *slot = fz_slot(s, who);

	slot->what = FZ_DO_CALL;
	slot->nr = nr;
	slot->arg[0] = a;
	slot->arg[1] = b;
	slot->arg[2] = c;
	slot->arg[3] = d;
	slot->arg[4] = e;
	slot->arg[5] = 0;
	return fz_request(s, who);
}

int64_t fz_ioctl(struct fz_session *s, unsigned int who, unsigned int container,
		 unsigned long request, void *arg, size_t size)
{
	struct fz_slot *slot = fz_slot(s, who);
	int64_t ret;

	memcpy(slot->data, arg, size);
	ret = fz_call(s, who, SYS_ioctl, (uint64_t)s->container[container].fd, request,
		      (uintptr_t)slot->data, 0, 0);
	memcpy(arg, slot->data, size);
	return ret;
}

const struct fz_stats *fz_session_stats(const struct fz_session *s)
{
	return &s->stats;
}

/* A run. */

static bool uses_other(const struct fz_sequence *q)
{
	for (unsigned int i = 0; i < q->n; i++) {
		const struct fz_op_desc *d = fz_op_desc(q->op[i].code);

		if ((q->op[i].code == FZ_MAP || q->op[i].code == FZ_PAGED) &&
		    fz_op_arg(&q->op[i], 4) & FZ_HOW_OTHER)
			return true;
		if (q->op[i].code == FZ_KILLED && fz_op_arg(&q->op[i], 4) & FZ_KILLED_OTHER)
			return true;
		for (unsigned int k = 0; k < FZ_ARGS; k++)
			if (d->arg[k].type == FZ_ARG_CONTAINER && fz_op_arg(&q->op[i], k))
				return true;
	}
	return false;
}

static bool uses(const struct fz_sequence *q, enum fz_code code)
{
	for (unsigned int i = 0; i < q->n; i++)
		if (q->op[i].code == code)
			return true;
	return false;
}

/* The other container; its group stays attached until it is detached or closed. */
static int open_other(struct fz_session *s)
{
	const uint8_t setup = s->played.setup;
	const bool user = !s->o.stock && setup & FZ_SETUP_USER && fz_note_user(s);
	struct hf_container *c = &s->container[1];
	int ret;

	hf_proc_write_file(FZ_PARAMETERS "accounting", user ? "user" : "mm");
	ret = hf_container_open(c);
	if (!ret)
		ret = hf_group_attach(&s->group[1], c);
	if (!ret)
		ret = hf_container_set_type(c, setup & FZ_SETUP_V1 ? VFIO_TYPE1_IOMMU :
								      VFIO_TYPE1v2_IOMMU);
	if (ret)
		return ret;
	fz_keep_over_exec(c->fd);
	s->at[1] = 1;
	s->m->container[1].typed = true;
	s->m->container[1].v1 = setup & FZ_SETUP_V1;
	s->m->container[1].user = user;
	return 0;
}

/* Memory of all kinds, so that short sequences have something to work on. */
static int furnish(struct fz_session *s)
{
	static const struct {
		uint16_t page, pages;
		uint8_t kind;
	} area[] = {
		{ 0, 1024, FZ_KIND_ANON },
		{ 1024, 512, FZ_KIND_SHARED },
		{ 1536, 512, FZ_KIND_PRIVATE },
		{ FZ_SMALL_PAGES, 512, FZ_KIND_ANON },
		{ FZ_SMALL_PAGES + 512, 512, FZ_KIND_SHARED },
	};
	const bool thp = s->played.setup & FZ_SETUP_THP;

	for (unsigned int i = 0; i < sizeof(area) / sizeof(*area); i++) {
		struct fz_op op = { .code = FZ_MMAP };

		op.arg[1] = area[i].page;
		op.arg[2] = area[i].pages;
		op.arg[3] = area[i].kind;
		op.arg[4] = FZ_PROT_READ | FZ_PROT_WRITE;
		if (fz_play_mmap(s, &op))
			return -ENOMEM;
	}
	fz_call(s, 0, SYS_madvise, FZ_ARENA, 1024 * FZ_PAGE_BYTES,
		thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE, 0, 0);
	return 0;
}

/* Whatever is in the files goes. */
static int empty_files(struct fz_session *s)
{
	for (unsigned int i = 0; i < 2; i++)
		if (ftruncate(s->file[i], 0) || ftruncate(s->file[i], FZ_FILE_PAGES * FZ_PAGE_BYTES))
			return -errno;
	return 0;
}

/* Pins, huge pages and locked memory are what they were, whoever pins a page for a moment meanwhile. */
static int check_rest(struct fz_session *s, bool between)
{
	const char *const when = between ? "since the last run" : "after the run";
	struct hf_proc_snapshot now;
	int ret;

	s->stats.checks[FZ_ORACLE_BALANCE]++;
	ret = hf_proc_settle(&s->before, &now, 10000 * s->slow);
	if (ret != -EBUSY)
		return ret;
	if (now.pins_held != s->before.pins_held)
		fz_object(s, FZ_ORACLE_BALANCE, between ? "pins-between" : "pins", "%+lld pins are left %s",
			  (long long)(now.pins_held - s->before.pins_held), when);
	else if (now.huge_free_2m != s->before.huge_free_2m)
		fz_object(s, FZ_ORACLE_BALANCE, between ? "huge-between" : "huge-pages",
			  "%lld huge pages are missing %s",
			  (long long)(s->before.huge_free_2m - now.huge_free_2m), when);
	else
		fz_object(s, FZ_ORACLE_BALANCE, between ? "locked-between" : "locked",
			  "VmLck %llu, VmPin %llu %s; before: %llu, %llu",
			  (unsigned long long)now.vmlck, (unsigned long long)now.vmpin, when,
			  (unsigned long long)s->before.vmlck, (unsigned long long)s->before.vmpin);
	return 0;
}

static int begin(struct fz_session *s)
{
	pid_t pid;
	int ret = 0;

	fz_model_begin(s->m);
	s->m->container[0].typed = true;
	s->m->proc[0].ipc_lock = !(s->played.setup & FZ_SETUP_LIMITED);
	fz_note_zero_page(s);
	ret = empty_files(s);
	if (!ret)
		ret = s->rested ? check_rest(s, true) : fz_rest(hf_proc_snapshot, &s->before);
	if (ret)
		return ret;
	s->rested = true;
	/* Any container may get a second group. */
	hf_proc_write_file(FZ_PARAMETERS "domain_per_group",
			   s->played.setup & FZ_SETUP_DOMAINS ? "Y" : "N");
	if (uses(&s->played, FZ_SWAP))
		fz_swap_on(s);
	if (uses_other(&s->played))
		ret = open_other(s);
	if (!ret && s->played.setup & FZ_SETUP_AUDIT && !s->o.stock) {
		ret = hf_try_audit(&s->container[0], true, s->told);
		s->m->container[0].audited = s->listening = !ret;
	}
	if (ret)
		return ret;
	pid = fz_worker_start(s->shared, s->played.setup & FZ_SETUP_LIMITED, s->o.enter,
			      s->o.leave);
	ret = pid < 0 ? pid : fz_kmem_enter(s, pid);
	if (ret)
		return ret;
	s->m->proc[0].limit = UINT64_MAX;
	ret = furnish(s);
	if (!ret) {
		struct fz_op op = { .code = FZ_RLIMIT };

		/* Enough for most, little enough to be met. */
		op.arg[1] = 6000;
		fz_play_rlimit(s, &op);
	}
	return ret;
}

const char *fz_unplayable(void)
{
	for (unsigned int code = 0; code < FZ_CODES; code++)
		if (!plays[code])
			return fz_op_desc(code)->name;
	return NULL;
}

static void play(struct fz_session *s)
{
	char text[160];

	for (s->step = 0; s->step < (int)s->played.n && !s->wrong; s->step++) {
		const struct fz_op *op = &s->played.op[s->step];
		int64_t ret;

		if (s->played_ahead) {
			s->played_ahead--;
			fz_say(s, "  %3d %-60s (together)\n", s->step,
			       fz_text_op(op, text, sizeof(text)));
			continue;
		}
		ret = plays[op->code](s, op);
		if (op->code != FZ_SIGNALS && op->code != FZ_FAIL && op->code != FZ_TOGETHER) {
			s->period = 0;
			s->together = false;
			fz_disarm(s);
		}
		fz_say(s, "%c %3d %-60s ", s->wrong ? '>' : ' ', s->step,
		       fz_text_op(op, text, sizeof(text)));
		if (ret == FZ_SKIPPED) {
			s->stats.skipped[op->code]++;
			fz_say(s, "-\n");
			continue;
		}
		s->stats.answers[op->code][ret == 0 ? 0 :
					   ret < 0 && -ret < (int)FZ_ANSWERS - 1 ? -ret :
										 FZ_ANSWERS - 1]++;
		fz_say(s, "%s%lld\n", ret < 0 ? strerrorname_np((int)-ret) ?: "?" : "",
		       (long long)ret);
		if (!s->wrong)
			fz_check_charges(s);
		if (s->listening)
			fz_check_parted(s);
	}
	if (s->wrong)
		s->step--;
	else
		s->step = -1;
}

static int end_workers(struct fz_session *s)
{
	int ret = 0;

	for (unsigned int who = FZ_PROCS; who--;) {
		const pid_t pid = s->shared->slot[who].pid;

		if (pid <= 0)
			continue;
		kill(pid, SIGKILL);
		if (fz_worker_gone(pid, s->o.timeout_ms)) {
			s->hung = true;
			fz_object(s, FZ_ORACLE_HANG, "unkillable", "pid %d does not die", pid);
			ret = -ETIMEDOUT;
		} else if (!who) {
			waitpid(pid, NULL, 0);
		}
		s->shared->slot[who].pid = 0;
	}
	return ret;
}

/* Take the run's mappings away; what they were is known. */
static int clear_containers(struct fz_session *s)
{
	uint64_t bytes = FZ_PORT_BYTES, got = 0;
	struct vfio_iommu_type1_dirty_bitmap stop = {
		.argsz = sizeof(stop), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
	};
	int ret;

	if (s->at[2] >= 0)
		hf_group_detach(&s->group[2]);
	s->at[2] = -1;
	hf_container_close(&s->container[1]);
	if (s->at[1] >= 0)
		hf_group_detach(&s->group[1]);
	s->at[1] = -1;
	for (unsigned int i = 0; i < FZ_MAPPINGS; i++)
		if (s->m->mapping[i].used && !s->m->mapping[i].container)
			bytes += (uint64_t)s->m->mapping[i].pages * FZ_PAGE_BYTES;
	hf_container_ioctl(&s->container[0], VFIO_IOMMU_DIRTY_PAGES, &stop);
	if (!s->o.stock)
		hf_try_audit(&s->container[0], false, -1);
	ret = hf_try_unmap(&s->container[0], 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &got);
	if (ret)
		return ret;
	if (got != bytes)
		fz_object(s, FZ_ORACLE_ANSWER, "left", "%llu bytes were mapped at the end, not %llu",
			  (unsigned long long)got, (unsigned long long)bytes);
	ret = empty_files(s);
	return ret ?: fz_port_restore(s);
}

static int balance(struct fz_session *s)
{
	if (s->m->container[1].user)
		fz_check_user(s, 0);
	fz_check_zero_page(s);
	return check_rest(s, false);
}

int fz_session_run(struct fz_session *s, const uint8_t *in, size_t len, struct fz_verdict *v)
{
	char text[160], line[256];
	uint64_t told;
	int ret;

	memset(v, 0, sizeof(*v));
	fz_decode(in, len, &s->played);
	s->v = v;
	s->wrong = s->hung = s->astray = false;
	s->step = -1;
	s->period = 0;
	s->listening = s->parted = s->called = false;
	while (read(s->told, &told, sizeof(told)) > 0)
		;
	s->together = s->armed.on = s->thread = s->trying = false;
	s->played_ahead = 0;
	s->stats.runs++;
	fz_say(s, "      %s\n", fz_text_setup(s->played.setup, text, sizeof(text)));
	ret = begin(s);
	if (!ret) {
		play(s);
		if (!s->wrong)
			fz_check_all(s);
		if (!s->wrong && s->m->container[1].user)
			fz_check_user(s, fz_user_locked(s->m));
	}
	if (end_workers(s) || s->hung)
		return 1;
	if (!ret)
		ret = clear_containers(s);
	fz_swap_off(s);
	if (ret)
		return ret;
	ret = balance(s);
	if (ret)
		return ret;
	s->stats.checks[FZ_ORACLE_LOG]++;
	if (fz_log_surprise(&s->log, line, sizeof(line)))
		fz_object(s, FZ_ORACLE_LOG, "surprise", "%s", line);
	if (s->wrong)
		fz_say(s, "> %s: %s\n", v->signature, v->text);
	return s->wrong;
}
