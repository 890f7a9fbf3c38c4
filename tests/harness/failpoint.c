// SPDX-License-Identifier: GPL-2.0-only
/*
 * failpoint.c - the control file of the module with failure points, and the sweep.
 *
 * A sweep runs its sequence once to count how often it reaches each point, then once for each
 * point and each of those times, with that one failure. A round may succeed, or fail with the
 * errno of the point. Either way the same must hold afterwards: see settled().
 *
 * What a failure loses of the kernel's own memory is too little to be seen once. So each kind
 * of failure is repeated, in the first sequence that meets it, until a page or an object lost
 * each time would show in /proc/meminfo; on a debug kernel kmemleak sees objects at once.
 */
#include "failpoint.h"

#include <errno.h>
#include <holdfast/info.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "level.h"
#include "module.h"

#define CONTROL "/sys/kernel/debug/holdfast_fail"
#define MODULES "/holdfast/modules/"
#define FILE_NAME "/vfio_iommu_holdfast.ko"
#define UNSAFE "allow_unsafe_interrupts"

/* Rounds of each kind of failure for the look at memory. */
#define REPEATS 200

/* What went wrong in one round would go wrong in all. */
#define ENOUGH 3

/* The module that t_fail_load() loads. */
static const char *module = MODULES "fail" FILE_NAME;

/* Points that failed so far, in any case. */
static struct {
	unsigned int nr;
	char name[T_POINTS_MAX][32];
} reached;

static bool repeating;

bool t_fail_repeating(void)
{
	return repeating;
}

static bool was_reached(const char *name)
{
	for (unsigned int i = 0; i < reached.nr; i++)
		if (!strcmp(reached.name[i], name))
			return true;
	return false;
}

void t_fail_reached(const char *name)
{
	if (!was_reached(name))
		snprintf(reached.name[reached.nr++], sizeof(reached.name[0]), "%s", name);
}

void t_fail_order(const char *fmt, ...)
{
	char line[80];
	va_list ap;
	int ret;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ret = hf_proc_write_file(CONTROL, line);
	hf_require(!ret, "%s: %s: %s", CONTROL, line, strerror(-ret));
}

void t_fail_points(struct t_points *p)
{
	FILE *f = fopen(CONTROL, "re");
	char line[128];

	hf_require(f, "%s: %s", CONTROL, strerror(errno));
	for (p->nr = 0; fgets(line, sizeof(line), f); p->nr++) {
		hf_require(p->nr < T_POINTS_MAX, "room for all points");
		hf_require(sscanf(line, "%31s %d %lu %lu", p->name[p->nr], &p->err[p->nr],
				  &p->hits[p->nr], &p->failed[p->nr]) == 4,
			   "%s: %s", CONTROL, line);
	}
	fclose(f);
	hf_require(p->nr, "points");
}

unsigned int t_fail_find(const struct t_points *p, const char *name)
{
	for (unsigned int i = 0; i < p->nr; i++)
		if (!strcmp(p->name[i], name))
			return i;
	hf_fail(0, "no failure point %s", name);
}

void t_fail_missed(const char *const *except, size_t count)
{
	struct t_points p;

	t_fail_points(&p);
	for (unsigned int i = 0; i < p.nr; i++) {
		bool may = false;

		for (size_t e = 0; e < count; e++)
			may |= !strcmp(p.name[i], except[e]);
		hf_expect(may || was_reached(p.name[i]), "%s: no sequence made it fail", p.name[i]);
	}
	hf_ktap_diag("%u of %u points failed", reached.nr, p.nr);
}

/*
 * The sweep
 */

const struct t_sequence *t_fail_sequence(const struct t *t)
{
	return t->arg;
}

/* What must be as it was after a round. */
struct before {
	struct hf_proc_snapshot proc;
	long refs;
	uint32_t avail;
	struct hf_mem page;
};

static uint32_t available(const struct t *t)
{
	struct hf_iommu_info info;

	hf_must(hf_container_info(t->c, &info));
	hf_require(info.has_dma_avail, "DMA_AVAIL");
	return info.dma_avail;
}

static bool begin(struct t *t, struct before *b)
{
	const struct t_sequence *s = t->arg;

	if (!t_alloc(&b->page, "anon4k", T_PAGE, 0, HF_MEM_TOUCHED))
		return false;
	if (s->begin && !s->begin(t)) {
		hf_mem_free(&b->page);
		return false;
	}
	return true;
}

static void end(struct t *t, struct before *b)
{
	const struct t_sequence *s = t->arg;

	if (s->end)
		s->end(t);
	hf_mem_free(&b->page);
}

/* Nothing is left of the round, and what it used can be used again. */
static bool settled(struct t *t, struct before *b, const char *what)
{
	struct hf_proc_snapshot now = { 0 };
	uint64_t unmapped = 0;
	bool ok;

	ok = !hf_proc_settle(&b->proc, &now, (unsigned int)t_patience_ms(1000));
	hf_expect(ok, "%s: pins %+ld, VmLck %+ld, VmPin %+ld, free 2M pages %+ld", what,
		  (long)(now.pins_held - b->proc.pins_held), (long)(now.vmlck - b->proc.vmlck),
		  (long)(now.vmpin - b->proc.vmpin),
		  (long)(now.huge_free_2m - b->proc.huge_free_2m));
	/* What is lost is lost: the next round is not to blame. */
	b->proc = now;
	ok &= hf_expect_eq(t_module_refs(T_MODULE_HOLDFAST), b->refs, "%s: users of the module",
			   what);
	ok &= hf_expect_eq(available(t), b->avail, "%s: DMA_AVAIL", what);
	ok &= hf_expect_eq(hf_try_map(t->c, T_FAIL_IOVA, b->page.addr, T_PAGE, HF_RW), 0,
			   "%s: map where it was", what);
	ok = ok && t_dma_check(&t->port, T_FAIL_IOVA, b->page.addr, T_PAGE, HF_RW, what);
	ok &= hf_expect_eq(hf_try_unmap(t->c, T_FAIL_IOVA, T_PAGE, 0, &unmapped), 0,
			   "%s: unmap it", what);
	return ok;
}

static int round_with(struct t *t, const char *name, unsigned long nth)
{
	const struct t_sequence *s = t->arg;
	int ret;

	if (s->with)
		t_fail_order("%s 1%s", s->with, s->any ? " any" : "");
	if (name)
		t_fail_order("%s %lu%s", name, nth, s->any ? " any" : "");
	ret = s->run(t);
	t_fail_order("off");
	return ret;
}

/* May a round end like this when that point failed? */
static bool allowed(const struct t_points *p, unsigned int i, int ret)
{
	if (!ret || ret == -p->err[i])
		return true;
	/* No domain is another way to map, or nobody to map for. */
	return !strcmp(p->name[i], "MAPPING_ALONE") && ret == -EINVAL;
}

/* The first eight, then further and further apart, and the last. */
static unsigned long after(unsigned long nth, unsigned long hits)
{
	const unsigned long next = nth < 8 ? nth + 1 : 2 * nth;

	return next > hits && nth < hits ? hits : next;
}

static bool sweep_point(struct t *t, struct before *b, const struct t_points *counted,
			unsigned int i, unsigned int *rounds)
{
	const unsigned long hits = counted->hits[i];
	char what[96];
	bool ok = true;

	for (unsigned long nth = 1; ok && nth <= hits; nth = after(nth, hits)) {
		struct t_points p;
		int ret;

		ret = round_with(t, counted->name[i], nth);
		snprintf(what, sizeof(what), "%s, time %lu of %lu, answer %d", counted->name[i],
			 nth, hits, ret);
		ok = hf_expect(allowed(counted, i, ret), "%s", what);
		ok &= settled(t, b, what);
		t_fail_points(&p);
		/* What other threads do may be another number of times. */
		if (p.failed[i])
			(*rounds)++;
		else if (nth == 1)
			hf_ktap_diag("%s: not reached this time", what);
		if (p.failed[i])
			t_fail_reached(counted->name[i]);
	}
	return ok;
}

/* Is memory back after a failure in the middle at each point in @fresh, very often? */
static bool repeat_once(struct t *t, const struct t_points *counted, const bool *fresh)
{
	/* A page each time is 4 KB; free pages that CPUs keep for themselves count as lost. */
	const long pages_kb = REPEATS * 7 / 2, slab_kb = 24;
	const struct t_level old = t_level();
	unsigned int rounds = 0;
	struct t_level now;

	for (unsigned int i = 0; i < counted->nr; i++)
		for (unsigned int n = 0; fresh[i] && n < REPEATS; n++, rounds++)
			round_with(t, counted->name[i], (counted->hits[i] + 1) / 2);
	if (!rounds)
		return true;
	now = t_level_settle(&old, pages_kb, slab_kb);
	hf_ktap_diag("%u rounds: free %+ld KB, unreclaimable slab %+ld KB", rounds,
		     now.free - old.free, now.slab - old.slab);
	return old.free - now.free < pages_kb && now.slab - old.slab < slab_kb;
}

/* What is lost each time is lost in every attempt; what others took meanwhile is not. */
static void repeat(struct t *t, const struct t_points *counted, const bool *fresh)
{
	bool same = false;

	if (!access("/proc/lockdep", F_OK))
		return;
	repeating = true;
	for (int attempt = 0; attempt < 3 && !same; attempt++)
		same = repeat_once(t, counted, fresh);
	repeating = false;
	hf_expect(same, "kernel memory is lost whenever it fails");
}

void t_fail_sweep(struct t *t)
{
	const struct t_sequence *s = t->arg;
	unsigned int rounds = 0, points = 0, bad = 0;
	bool fresh[T_POINTS_MAX] = { false };
	const uint64_t start = t_now_ms();
	struct t_points counted;
	struct before b;
	int ret;

	if (!begin(t, &b))
		return;
	t_fail_order("off");
	for (int warm = 0; warm < 2; warm++)
		hf_require(!(ret = round_with(t, NULL, 0)), "the sequence fails by itself: %s",
			   strerror(-ret));
	hf_must(hf_proc_snapshot(&b.proc));
	b.refs = t_module_refs(T_MODULE_HOLDFAST);
	b.avail = available(t);

	t_fail_order("count%s", s->any ? " any" : "");
	ret = round_with(t, NULL, 0);
	t_fail_points(&counted);
	hf_require(!ret, "the sequence fails while it is counted: %s", strerror(-ret));
	hf_require(settled(t, &b, "nothing failed"), "a sequence that leaves nothing");
	/* Its consequences are for ever: fail_unmap.c. */
	counted.hits[t_fail_find(&counted, "UNMAP")] = 0;
	if (s->with) {
		counted.hits[t_fail_find(&counted, s->with)] = 0;
		t_fail_reached(s->with);
	}

	for (unsigned int i = 0; i < counted.nr && bad < ENOUGH; i++) {
		if (!counted.hits[i])
			continue;
		points++;
		fresh[i] = !was_reached(counted.name[i]);
		bad += !sweep_point(t, &b, &counted, i, &rounds);
	}
	if (s->quick && !bad)
		repeat(t, &counted, fresh);
	end(t, &b);
	hf_ktap_diag("%u points, %u failures, %llu ms", points, rounds,
		     (unsigned long long)(t_now_ms() - start));
}

/*
 * The module
 */

static char unsafe[8] = "N";

void t_fail_unload(void)
{
	if (t_module_loaded(T_MODULE_HOLDFAST))
		hf_require(!t_command("rmmod %s", T_MODULE_HOLDFAST), "unload holdfast");
	if (t_module_loaded(T_MODULE_STOCK))
		hf_require(!t_command("rmmod %s", T_MODULE_STOCK), "unload stock");
}

void t_fail_with_cover(void)
{
	module = MODULES "with/cover-fail" FILE_NAME;
}

int t_fail_load(const char *param)
{
	return t_command("insmod %s " UNSAFE "=%s %s", module, unsafe, param);
}

static int run_child(const struct t_case *cases, size_t count)
{
	t_fail_unload();
	if (t_fail_load("")) {
		hf_ktap_diag("%s cannot be loaded", module);
		return HF_EXIT_FAIL;
	}
	return t_run(cases, count);
}

static volatile sig_atomic_t told_to_stop;
static pid_t child;

static void on_term(int sig)
{
	(void)sig;
	told_to_stop = 1;
	kill(child, SIGKILL);
}

int t_fail_run(const struct t_case *cases, size_t count)
{
	const struct sigaction term = { .sa_handler = on_term };
	const char *only = getenv("HOLDFAST_STOCK_ONLY");
	int status;

	if (only && !strcmp(only, "1"))
		hf_ktap_skip_all("nothing for stock here");
	if (access(module, R_OK)) {
		hf_ktap_diag("no %s: scripts/prepare builds it and puts it there", module);
		return HF_EXIT_FAIL;
	}
	t_module_param(T_MODULE_STOCK, UNSAFE, unsafe, sizeof(unsafe));
	child = fork();
	if (child < 0)
		return HF_EXIT_FAIL;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(run_child(cases, count));
	}
	sigaction(SIGTERM, &term, NULL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	/* Files of a killed child are closed, but what they held may take a moment. */
	for (int tries = 0; tries < 50 && t_module_refs(T_MODULE_HOLDFAST) > 0; tries++)
		t_sleep_ms(100);
	if (t_command("{ [ ! -e /sys/module/%s ] || rmmod %s; } && modprobe %s && modprobe %s",
		      T_MODULE_HOLDFAST, T_MODULE_HOLDFAST, T_MODULE_STOCK, T_MODULE_HOLDFAST)) {
		hf_ktap_diag("the standard module is not back");
		return HF_EXIT_FAIL;
	}
	return WIFEXITED(status) && !told_to_stop ? WEXITSTATUS(status) : HF_EXIT_FAIL;
}
