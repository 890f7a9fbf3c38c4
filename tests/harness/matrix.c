// SPDX-License-Identifier: GPL-2.0-only
/*
 * matrix.c - a matrix of events and backings, and the auditor's word held against the truth.
 */
#include "matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auditor.h"
#include "harness.h"
#include "scene.h"
#include "swap.h"

/* How long the auditor gets to say something, and to say something wrong. */
#define TOLD_MS 12000
#define QUIET_MS 60

/* The ways in which a verdict is come by; the first is the truth. */
enum { TRUTH, TOLD, ASKED, ASKED_OFF, TOUCHED, TOUCHED_OFF, VERDICTS };
static const char *const verdict_names[VERDICTS] = {
	"truth", "told", "asked", "asked, off", "asked, touched", "asked, touched, off",
};

/* What the cells came to. */
static struct {
	unsigned int cells;
	unsigned int parted_cells;
	unsigned long pages;
	unsigned long false_positives;
	unsigned long false_negatives;
	unsigned int latency[2048];
	unsigned int latencies;
} sum;

/*
 * A cell
 */
struct row {
	const struct t_leaf *leaf;
	const struct t_event *event;
	bool read_only; /* the process itself may only read */
};

struct audited {
	struct t_view *v;
	uint64_t iova;
	size_t pages;
	uint64_t *pfn;
	bool *want; /* what the event says */
	bool *verdict[VERDICTS];
};

struct cell {
	struct t_scene s;
	const struct row *row;
	struct t_auditor auditor;
	struct audited a[T_VIEWS];
	uint64_t t0;
	long latency; /* ms until all had been told; -1: was not */
};

static void *array(size_t n, size_t size)
{
	void *p = calloc(n, size);

	hf_require(p, "memory for %zu pages", n);
	return p;
}

static void begin(struct cell *c)
{
	for (unsigned int i = 0; i < c->s.n; i++) {
		struct audited *a = &c->a[i];

		a->v = &c->s.view[i];
		a->iova = a->v->p.iova;
		a->pages = a->v->end - a->v->first;
		a->pfn = array(a->pages, sizeof(*a->pfn));
		a->want = array(a->pages, sizeof(bool));
		for (int k = 0; k < VERDICTS; k++)
			a->verdict[k] = array(a->pages, sizeof(bool));
		t_pfns(a->v->m.addr + a->v->first * T_PAGE, a->pages, a->pfn);
		for (size_t p = 0; p < a->pages; p++)
			if (!hf_expect(a->pfn[p], "page %zu is there when it has been mapped", p))
				break;
	}
}

static void end(struct cell *c)
{
	for (unsigned int i = 0; i < c->s.n; i++) {
		struct audited *a = &c->a[i];

		free(a->pfn);
		free(a->want);
		for (int k = 0; k < VERDICTS; k++)
			free(a->verdict[k]);
	}
}

/* What the models say: a page that is not at its address is none, for whoever looks there. */
static void foretell(struct cell *c)
{
	t_scene_outcome(&c->s);
	for (unsigned int i = 0; i < c->s.n; i++) {
		struct audited *a = &c->a[i];

		for (size_t p = 0; p < a->pages; p++) {
			const size_t at = p + a->v->first;
			const struct t_page *pg = &a->v->p.page[at];

			a->want[p] = pg->parted || pg->cpu != a->v->m.addr + at * T_PAGE;
		}
	}
}

static bool wanted(const struct cell *c)
{
	for (unsigned int i = 0; i < c->s.n; i++)
		if (memchr(c->a[i].want, 1, c->a[i].pages))
			return true;
	return false;
}

static bool told_all(struct cell *c)
{
	bool all = true;

	for (unsigned int i = 0; i < c->s.n; i++) {
		struct audited *a = &c->a[i];

		t_verdict_told(&c->auditor, a->iova, a->pages, a->verdict[TOLD]);
		all = all && !memcmp(a->verdict[TOLD], a->want, a->pages);
	}
	return all;
}

/* Give the auditor the time to say what there is to say. */
static void listen(struct cell *c)
{
	const uint64_t until = c->t0 + t_patience_ms(TOLD_MS);
	const bool parted = wanted(c);

	c->latency = -1;
	if (!parted)
		t_sleep_ms((unsigned int)t_patience_ms(QUIET_MS));
	do {
		t_auditor_wait(&c->auditor, 5);
		if (told_all(c)) {
			c->latency = (long)(t_now_ms() - c->t0);
			break;
		}
		t_sleep_ms(2);
	} while (t_now_ms() < until);
	if (parted)
		hf_expect(t_auditor_events(&c->auditor) > 0, "the eventfd was signalled");
	else if (!(c->s.event->flags & T_E_COMES_BACK))
		hf_expect_eq(t_auditor_events(&c->auditor), 0, "signals of the eventfd");
}

static void ask(struct cell *c, int verdict)
{
	for (unsigned int i = 0; i < c->s.n; i++) {
		struct audited *a = &c->a[i];

		t_verdict_asked(c->s.t->c, a->iova, a->pages, a->verdict[verdict]);
	}
}

static bool looked_at(void *arg, size_t page)
{
	const struct t_view *v = arg;

	return v->p.page[page + v->first].look;
}

static void try_out(struct cell *c)
{
	for (unsigned int i = 0; i < c->s.n; i++) {
		struct audited *a = &c->a[i];
		const struct t_truth truth = {
			.port = &c->s.t->port,
			.iova = a->iova,
			.addr = a->v->m.addr + a->v->first * T_PAGE,
			.pages = a->pages,
			.prot = a->v->prot,
			.stride = c->s.leaf->bit == T_LEAF_HUGE1G ? 512 : 1,
			.pfn = a->pfn,
		};

		t_truth(&truth, looked_at, a->v, a->verdict[TRUTH], c->s.event->name);
		hf_expect(!memcmp(a->verdict[TRUTH], a->want, a->pages),
			  "view %u: what came true is what the event was to bring", i);
	}
}

static void hold_against_truth(struct cell *c)
{
	unsigned long pages = 0, parted = 0, positives = 0, negatives = 0;

	for (unsigned int i = 0; i < c->s.n; i++) {
		const struct audited *a = &c->a[i];

		for (int k = TRUTH + 1; k < VERDICTS; k++) {
			for (size_t p = 0; p < a->pages; p++) {
				const bool is = a->verdict[TRUTH][p], said = a->verdict[k][p];

				positives += said && !is;
				negatives += is && !said;
				if (is != said && !hf_ktap_failed())
					hf_expect(false, "view %u, page %zu: %s says %s", i, p,
						  verdict_names[k], said ? "parted" : "shared");
			}
		}
		pages += a->pages;
		for (size_t p = 0; p < a->pages; p++)
			parted += a->verdict[TRUTH][p];
	}
	hf_ktap_diag("audit: %s | %s%s | truth %lu of %lu pages parted | auditor %lu too many, %lu too few%s",
		     c->s.event->name, c->s.leaf->name, c->row->read_only ? "-ro" : "", parted,
		     pages, positives, negatives, parted ? "" : ", silent");
	if (parted && c->latency >= 0 && sum.latencies < T_ARRAY_SIZE(sum.latency))
		sum.latency[sum.latencies++] = (unsigned int)c->latency;
	sum.cells++;
	sum.parted_cells += parted > 0;
	sum.pages += pages;
	sum.false_positives += positives;
	sum.false_negatives += negatives;
}

static void play(struct cell *c, bool early)
{
	struct t_scene *s = &c->s;

	if (s->event->prepare)
		s->event->prepare(s);
	if (early)
		t_auditor_on(&c->auditor, s->t->c);
	t_scene_map(s);
	if (!early)
		t_auditor_on(&c->auditor, s->t->c);
	begin(c);
	/* Nothing is suspect any more: from here on only the event can make it so. */
	ask(c, ASKED);
	s->event->happens(s);
	if (hf_ktap_skipped())
		return;
	c->t0 = t_now_ms();
	foretell(c);
	listen(c);
	ask(c, ASKED);
	hf_must(hf_try_audit(s->t->c, false, -1));
	ask(c, ASKED_OFF);
	try_out(c);
	ask(c, TOUCHED_OFF);
	hf_must(hf_try_audit(s->t->c, true, -1));
	ask(c, TOUCHED);
	hold_against_truth(c);
}

/* Memory that the process itself cannot write to. */
static void remap_read_only(struct t_scene *s)
{
	char path[32];

	for t_each_view(s, v) {
		const size_t len = v->m.pages * T_PAGE;
		int fd;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", v->m.fd);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		hf_require(fd >= 0, "open for reading: %s", strerror(errno));
		hf_require(mmap(v->m.addr, len, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
			   v->m.addr, "mmap");
		close(fd);
		v->prot = HF_READ;
		v->p.access = T_CPU_READS;
		hf_mem_touch_read(v->m.addr, len);
	}
}

static void run(struct t *t)
{
	const struct row *row = t->arg;
	struct cell *c = array(1, sizeof(*c));

	c->row = row;
	c->s = (struct t_scene){ .t = t, .leaf = row->leaf, .event = row->event };
	if (t_scene_open(&c->s, T_VIEWS)) {
		if (row->read_only)
			remap_read_only(&c->s);
		play(c, t->index & 1);
		t_auditor_off(&c->auditor);
		t_scene_unmap(&c->s);
	}
	end(c);
	if (c->s.event->flags & T_E_HOLE)
		for t_each_view(&c->s, v)
			t_leaf_hole(t_range_addr(&c->s, v), t_range_len(&c->s, v) / T_PAGE);
	t_scene_close(&c->s);
	free(c);
}

static int by_size(const void *a, const void *b)
{
	const unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

/* The last case: what all cells came to. */
static void sums(struct t *t)
{
	(void)t;
	qsort(sum.latency, sum.latencies, sizeof(*sum.latency), by_size);
	hf_ktap_diag("audit: %u cells, %u with pages that parted; %lu pages, %u verdicts each: %lu false positives, %lu false negatives",
		     sum.cells, sum.parted_cells, sum.pages, VERDICTS - 1, sum.false_positives,
		     sum.false_negatives);
	if (sum.latencies)
		hf_ktap_diag("audit: told after %u / %u / %u ms (min/median/max of %u)",
			     sum.latency[0], sum.latency[sum.latencies / 2],
			     sum.latency[sum.latencies - 1], sum.latencies);
	hf_expect(sum.cells, "cells were played");
	hf_expect_eq(sum.false_positives, 0, "false positives");
	hf_expect_eq(sum.false_negatives, 0, "false negatives");
}

#define MAX_CASES 256

static struct row rows[MAX_CASES];
static struct t_case cases[MAX_CASES + 1];
static char names[MAX_CASES][96];

static size_t add(size_t n, const struct row *row, const char *only)
{
	hf_require(n < MAX_CASES, "room for more cases");
	rows[n] = *row;
	snprintf(names[n], sizeof(names[n]), "%s%s: %s", row->leaf->name,
		 row->read_only ? "-ro" : "", row->event->name);
	cases[n] = (struct t_case){ names[n], run, T_DMA | T_HOLDFAST, &rows[n] };
	return n + (!only || strstr(names[n], only));
}

/*
 * Every case with the one page of 1G clears a gigabyte: without being asked for only those in
 * which it is lost.
 */
static bool worth_it(const struct t_event *e, const struct t_leaf *leaf, const char *only)
{
	return leaf->bit != T_LEAF_HUGE1G || only || (e->gone & leaf->bit);
}

int t_matrix(unsigned int leaves, const char *only)
{
	const struct t_event *const tables[] = { t_events(), t_more_events() };
	size_t n = 0;

	t_swap_on();
	for (const struct t_leaf *leaf = t_leaves(); leaf->name; leaf++) {
		if (!(leaf->bit & leaves))
			continue;
		for (size_t k = 0; k < T_ARRAY_SIZE(tables); k++) {
			for (const struct t_event *e = tables[k]; e->name; e++) {
				struct row row = { leaf, e, false };

				if (!t_event_has(e, leaf) || !e->happens ||
				    !worth_it(e, leaf, only))
					continue;
				n = add(n, &row, only);
				row.read_only = true;
				if (leaf->bit == T_LEAF_FILE_SHARED && !(e->flags & T_E_WRITES))
					n = add(n, &row, only);
			}
		}
	}
	cases[n] = (struct t_case){ "no page was wrongly reported, none was missed", sums,
				    T_HOLDFAST, NULL };
	return t_run(cases, n + 1);
}
