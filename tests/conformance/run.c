// SPDX-License-Identifier: GPL-2.0-only
/*
 * run.c - sequences, and making those that fail shorter.
 *
 * A sequence begins with empty containers and untouched places. After it both sides are
 * emptied, and then everything must be back: VmLck at nothing, the pins of the whole system
 * where they were.
 *
 * The sides are started anew only when a sequence needs another setup or the last one went
 * wrong: waking a device up takes longer than a thousand operations.
 */
#include "run.h"

#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

#include "differences.h"
#include "harness.h"
#include "tally.h"

/* Runs that one minimisation may take. */
#define MINIMISE_RUNS 400

bool cf_same_setup(const struct cf_setup *a, const struct cf_setup *b)
{
	return a->v1 == b->v1 && a->dma == b->dma && a->domains == b->domains &&
	       a->entries == b->entries;
}

static bool ready(struct cf_run *run, const struct cf_setup *setup)
{
	if (run->pair.pid[0] && !run->pair.dead && cf_same_setup(&run->pair.setup, setup))
		return true;
	cf_pair_stop(&run->pair);
	cf_totals.starts++;
	return cf_pair_start(&run->pair, setup, run->alike);
}

/* What must not be asked of a side in this state. */
static bool impossible(const struct cf_model *m, const struct cf_op *op)
{
	/* The second group is attached to a container with a type only: no replay otherwise. */
	return op->kind == CF_SECOND && !m->typed;
}

static bool alone(const struct cf_model *m, const struct cf_op *op)
{
	return op->kind == CF_SETIOMMU || op->kind == CF_SECOND || !m->typed;
}

static bool stock_trips(const struct cf_op *op)
{
	return !op->pgsize && (op->kind == CF_DIRTY ||
			       (op->kind == CF_UNMAP &&
				op->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP));
}

static bool ask(struct cf_run *run, struct cf_model *m, const struct cf_op *op,
		struct cf_request *q, struct cf_result *r)
{
	const bool faults = op->kind == CF_BLOCKED;
	bool ok;

	q->what = CF_REQ_OP;
	q->op = *op;
	q->nr = faults || op->kind == CF_SWEEP ? cf_model_probes(m, op, q->probe) : 0;
	if (op->kind == CF_HUGEPAGES)
		cf_parameter("disable_hugepages", op->flags ? "Y" : "N");
	if (faults)
		t_faults_begin("conformance: blocked DMA");
	else if (stock_trips(op))
		t_log("holdfast-expect: stock-ubsan conformance: page size 0");
	ok = cf_pair_ask(&run->pair, q, alone(m, op), r);
	if (faults)
		t_faults_end();
	else if (stock_trips(op))
		t_log("holdfast-expect: none");
	return ok;
}

static void show(const struct cf_sequence *s, unsigned int n)
{
	char line[300];

	hf_ktap_diag("%3u %s", n, cf_op_print(&s->op[n], line, sizeof(line)));
}

/*
 * One operation. Sets *part where the sequence must end: the sides are in states that differ
 * as they should, or the model does not know what is mapped.
 */
static enum cf_verdict step(struct cf_run *run, struct cf_model *m, struct cf_sequence *s,
			    unsigned int n, bool *part)
{
	static struct cf_result r[CF_SIDES];
	static struct cf_request q;
	static struct cf_model before;
	const struct cf_op *op = &s->op[n];
	struct cf_case c = { .op = op, .q = &q, .before = &before, .after = m, .r = r };
	uint32_t wrong;

	/* Stock has all the features that holdfast may lack. */
	if ((!run->alike && cf_feature_off(op)) || impossible(m, op)) {
		if (!run->quiet)
			cf_tally_skipped(op);
		return CF_SAME;
	}
	if (run->verbose && !run->quiet)
		show(s, n);
	before = *m;
	if (!ask(run, m, op, &q, r))
		return CF_BROKEN;
	cf_model_apply(m, op, &r[CF_STOCK]);
	cf_compare(&c);
	if (!run->quiet)
		cf_tally(&c);
	wrong = c.fields && !run->alike ? cf_allowed(&c) : c.fields;
	*part = c.part;
	if (!wrong)
		return CF_SAME;
	if (!run->quiet) {
		hf_ktap_diag("the sides differ:");
		show(s, n);
		cf_describe(&c, wrong);
	}
	return CF_DIFFERENT;
}

/* Bring a container whose group has left back to where a sequence begins. */
static bool rejoin(struct cf_run *run, struct cf_model *m)
{
	static struct cf_result r[CF_SIDES];
	static struct cf_request q;
	struct cf_op op;

	if (!m->attached) {
		cf_op_init(&op, CF_JOIN);
		if (!ask(run, m, &op, &q, r) || r[0].ret || r[1].ret)
			return false;
		m->attached = true;
	}
	if (m->typed && m->type == (m->setup.v1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU))
		return true;
	if (m->typed) {
		cf_op_init(&op, CF_LEAVE);
		if (!ask(run, m, &op, &q, r) || r[0].ret || r[1].ret)
			return false;
		m->attached = m->typed = false;
		return rejoin(run, m);
	}
	cf_op_init(&op, CF_SETIOMMU);
	op.flags = m->setup.v1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU;
	if (!ask(run, m, &op, &q, r) || r[0].ret || r[1].ret)
		return false;
	m->typed = true;
	m->type = op.flags;
	return true;
}

static enum cf_verdict empty(struct cf_run *run, struct cf_model *m, bool part)
{
	static struct cf_result r[CF_SIDES];
	const struct cf_request q = { .what = CF_REQ_RESET };
	const uint64_t end = t_now_ms() + t_patience_ms(1000);
	bool wrong = false;
	int64_t pins;

	cf_parameter("disable_hugepages", "N");
	if (!rejoin(run, m)) {
		hf_ktap_diag("the group cannot be brought back");
		run->pair.dead = true;
		return CF_BROKEN;
	}
	if (!cf_pair_ask(&run->pair, &q, false, r))
		return CF_BROKEN;
	for (int side = 0; side < CF_SIDES; side++) {
		if (!r[side].idle_vmlck && !r[side].ret && !r[side].port)
			continue;
		wrong = true;
		if (!run->quiet)
			hf_ktap_diag("left over on %s: unmap of all %lld, VmLck %llu KiB, port %d",
				     side ? "holdfast" : "stock", (long long)r[side].ret,
				     (unsigned long long)r[side].idle_vmlck >> 10, r[side].port);
	}
	if (!part && memcmp(r[0].out, r[1].out, 8)) {
		wrong = true;
		if (!run->quiet)
			hf_ktap_diag("the last unmap of all: stock 0x%llx bytes, holdfast 0x%llx",
				     *(unsigned long long *)r[0].out,
				     *(unsigned long long *)r[1].out);
	}
	while ((pins = cf_pins()) != run->pair.pins && t_now_ms() < end)
		t_sleep_ms(5);
	if (pins != run->pair.pins) {
		wrong = true;
		if (!run->quiet)
			hf_ktap_diag("pins held by the system: %lld, before the sequence %lld",
				     (long long)pins, (long long)run->pair.pins);
	}
	if (wrong)
		run->pair.dead = true;
	return wrong ? CF_DIFFERENT : CF_SAME;
}

enum cf_verdict cf_run_sequence(struct cf_run *run, struct cf_sequence *s, cf_next_fn *next,
				void *data)
{
	static struct cf_model m;
	enum cf_verdict verdict = CF_SAME, end;
	bool part = false;
	unsigned int n = 0;

	if (!ready(run, &s->setup))
		return CF_BROKEN;
	cf_model_begin(&m, &s->setup);
	for (; verdict == CF_SAME && !part && !m.unsure; n++) {
		if (next && !next(&m, s, data))
			break;
		if (n >= s->nr)
			break;
		verdict = step(run, &m, s, n, &part);
	}
	if (verdict == CF_BROKEN)
		return verdict;
	run->failed_at = verdict == CF_DIFFERENT ? n - 1 : s->nr;
	end = empty(run, &m, part || verdict != CF_SAME);
	return verdict == CF_SAME ? end : verdict;
}

/* Does a part of a sequence fail? */
static bool fails(struct cf_run *run, const struct cf_sequence *s, const bool *keep)
{
	static struct cf_sequence part;

	part = *s;
	part.nr = 0;
	for (unsigned int i = 0; i < s->nr; i++)
		if (keep[i])
			part.op[part.nr++] = s->op[i];
	return cf_run_sequence(run, &part, NULL, NULL) != CF_SAME;
}

void cf_minimise(struct cf_run *run, struct cf_sequence *s)
{
	bool keep[CF_SEQUENCE_MAX];
	unsigned int runs = 0, kept = 0;

	run->quiet = true;
	if (run->failed_at < s->nr)
		s->nr = run->failed_at + 1;
	memset(keep, true, sizeof(keep));
	if (!fails(run, s, keep))
		goto out; /* not again: hand it on as it is */
	/* Without devices it is quicker, and says more. */
	if (s->setup.dma) {
		s->setup.dma = false;
		if (!fails(run, s, keep))
			s->setup.dma = true;
	}
	/* Take out pieces, halving their length, as long as what is left still fails. */
	for (unsigned int len = (s->nr + 1) / 2; len && runs < MINIMISE_RUNS; len /= 2) {
		for (unsigned int at = 0; at < s->nr && runs < MINIMISE_RUNS; at += len) {
			bool try[CF_SEQUENCE_MAX];
			bool less = false;

			memcpy(try, keep, sizeof(try));
			for (unsigned int i = at; i < at + len && i < s->nr; i++) {
				less |= try[i];
				try[i] = false;
			}
			runs += less;
			if (less && fails(run, s, try))
				memcpy(keep, try, sizeof(keep));
		}
	}
	for (unsigned int i = 0; i < s->nr; i++)
		if (keep[i])
			s->op[kept++] = s->op[i];
	s->nr = kept;
out:
	run->quiet = false;
}
