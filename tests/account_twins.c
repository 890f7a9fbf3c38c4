// SPDX-License-Identifier: GPL-2.0-only
/*
 * account_twins - two processes that share an mm (CLONE_VM), each with a limit of its own.
 *
 * What is mapped has one count, that of the mm; or of the user. Who maps is held to his own limit.
 * What replaces mapped memory is another matter (HOLDFAST_REFRESH): as with a driver's pin of
 * memory that is mapped already, it is the process the mm belongs to whose limit counts, whoever
 * asks.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "child.h"
#include "harness.h"
#include "payer.h"

#define IOVA 0x200000000ULL
#define PAGES(n) ((n) * T_PAGE)
#define LIMIT PAGES(100)

static int limit(uint64_t pages)
{
	const struct rlimit mine = { PAGES(pages), LIMIT };

	return prlimit(0, RLIMIT_MEMLOCK, &mine, NULL);
}

struct twin {
	const struct t *t;
	char *mem;
	int over;
	int within;
	unsigned int pages;	/* the twin's limit for a refresh, and what is answered */
	int answer;
};

/* Have another process of this mm run @fn, to its end. */
static void with_twin(int (*fn)(void *arg), struct twin *w)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status = -1;
	pid_t pid = clone(fn, stack + sizeof(stack), CLONE_VM | SIGCHLD, w);

	hf_require(pid > 0, "clone");
	hf_expect(waitpid(pid, &status, 0) == pid && !status, "twin's end");
}

static int map_two(void *arg)
{
	struct twin *w = arg;

	if (limit(30))
		return 1;
	w->over = hf_try_map(w->t->c, IOVA + T_1G, w->mem, PAGES(21), HF_RW);
	w->within = hf_try_map(w->t->c, IOVA + T_1G, w->mem, PAGES(20), HF_RW);
	return 0;
}

static void maps_child(void *arg)
{
	struct twin w = { .t = arg };

	t_unprivileged(LIMIT);
	w.mem = t_touched(LIMIT);
	hf_map(w.t->c, IOVA, w.mem, PAGES(10), HF_RW);
	with_twin(map_two, &w);
	hf_expect_eq(w.over, -ENOMEM, "twin: 10 and 21 of 30");
	hf_expect_eq(w.within, 0, "twin: 10 and 20 of 30");
	t_expect_own(w.t, 0, PAGES(30), "mapped by both");
	hf_expect_eq(hf_try_map(w.t->c, 0, w.mem, PAGES(70), HF_RW), 0, "30 and 70 of 100");
	hf_unmap_all(w.t->c);
	t_expect_own(w.t, 0, 0, "unmapped");
}

static void maps(struct t *t)
{
	t_child(maps_child, t, "two processes, one mm");
}

/* The first pages are not those any more that the device sees. */
static void part(const struct twin *w, unsigned int pages)
{
	hf_require(!madvise(w->mem, PAGES(pages), MADV_DONTNEED), "madvise");
	for (unsigned int i = 0; i < pages; i++)
		w->mem[PAGES(i)] = 1;
}

static int refresh(void *arg)
{
	struct twin *w = arg;

	if (limit(w->pages))
		return 1;
	w->answer = hf_try_refresh(w->t->c, IOVA, PAGES(10), NULL, NULL);
	return 0;
}

static void refreshes_child(void *arg)
{
	struct twin w = { .t = arg };

	t_unprivileged(LIMIT);
	w.mem = t_touched(LIMIT);
	hf_map(w.t->c, IOVA, w.mem, PAGES(10), HF_RW);
	part(&w, 3);
	w.pages = 10;
	with_twin(refresh, &w);
	hf_expect_eq(w.answer, 0, "10 mapped, 3 for a moment: twin may 10, who the mm belongs to 100");
	t_expect_own(w.t, 0, PAGES(10), "refreshed");
	part(&w, 3);
	hf_require(!limit(12), "prlimit");
	w.pages = 100;
	with_twin(refresh, &w);
	hf_expect_eq(w.answer, -ENOMEM, "twin may 100, who the mm belongs to 12");
	t_expect_own(w.t, 0, PAGES(10), "not refreshed");
	hf_require(!limit(13), "prlimit");
	hf_expect_eq(hf_try_refresh(w.t->c, IOVA, PAGES(10), NULL, NULL), 0, "he may 13, and refreshes");
	t_expect_own(w.t, 0, PAGES(10), "refreshed by himself");
	hf_unmap_all(w.t->c);
	t_expect_own(w.t, 0, 0, "unmapped");
}

static void refreshes(struct t *t)
{
	t_child(refreshes_child, t, "two processes, one mm");
}

static const struct t_case cases[] = {
	{ "who maps is held to his own limit", maps, T_RIG | T_USER, NULL },
	{ "a refresh is held to the limit of who the mm belongs to", refreshes,
	  T_RIG | T_HOLDFAST | T_USER, NULL },
};

int main(void)
{
	t_payer_start();
	return T_RUN(cases);
}
