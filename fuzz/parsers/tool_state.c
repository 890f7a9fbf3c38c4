// SPDX-License-Identifier: GPL-2.0-only
/*
 * tool_state.c - the tool's reading of the module's text, and everything it makes of it.
 *
 * An input is a state: parts "==version", "==info", "==mappings", "==incoherent"; each "==info"
 * begins a container. What is refused is refused with a line of the text; what is taken is
 * in order, adds up, is drawn where it is, and reads the same when it is written down again.
 */
#include "json_again.h"
#include "target.h"

#include "json.h"
#include "parse.h"
#include "picture.h"
#include "table.h"
#include "tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINERS 4

typedef int (*parser)(const char *text, size_t len, struct ht_container *c,
		      struct ht_fault *fault);

static size_t count_lines(struct fz_bytes text)
{
	size_t lines = 0;

	for (size_t i = 0; i < text.len; i++)
		lines += text.at[i] == '\n';
	return lines + (text.len && text.at[text.len - 1] != '\n');
}

/* A fault names a line that is there, or the one behind the last, and fits a terminal. */
static void check_fault(const struct ht_fault *fault, struct fz_bytes text)
{
	FZ_MUST(fault->line >= 1 && fault->line <= count_lines(text) + 1);
	FZ_MUST(memchr(fault->what, '\0', sizeof(fault->what)) && *fault->what);
	for (const char *at = fault->what; *at; at++)
		FZ_MUST(*at >= ' ' && *at <= '~');
}

static int parse(parser p, struct fz_bytes text, struct ht_container *c)
{
	struct ht_fault fault = { 0 };
	char *exact = fz_copy(text);
	const int ret = p(exact, text.len, c, &fault);

	free(exact);
	FZ_MUST(!ret || ret == -EBADMSG || ret == -ENOMEM);
	if (ret == -EBADMSG)
		check_fault(&fault, text);
	return ret;
}

static void parse_version(struct fz_bytes text)
{
	struct ht_fault fault = { 0 };
	char *exact = fz_copy(text);
	uint64_t version = 0;

	if (ht_parse_version(exact, text.len, &version, &fault) == -EBADMSG)
		check_fault(&fault, text);
	free(exact);
}

static bool overlapping(const struct ht_container *c)
{
	for (size_t i = 1; i < c->nr_mappings; i++) {
		const struct ht_mapping *before = &c->mappings[i - 1];

		if (ht_last(before->iova, before->size) >= c->mappings[i].iova)
			return true;
	}
	return false;
}

static void check_order(const struct ht_container *c)
{
	const bool overlap = overlapping(c);

	for (size_t i = 0; i < c->nr_mappings; i++) {
		const struct ht_mapping *m = &c->mappings[i], *found;

		FZ_MUST(m->size && ht_last(m->iova, m->size) >= m->iova);
		FZ_MUST(!i || c->mappings[i - 1].iova <= m->iova);
		FZ_MUST(strnlen(m->comm, HT_COMM) < HT_COMM);
		found = ht_mapping_at(c, ht_last(m->iova, m->size));
		FZ_MUST(overlap || found == m);
	}
	for (size_t i = 0; i < c->nr_incoherent; i++) {
		const struct ht_range *r = &c->incoherent[i];
		const struct ht_mapping *found = ht_mapping_at(c, r->iova);

		FZ_MUST(r->size && ht_last(r->iova, r->size) >= r->iova);
		FZ_MUST(!i || c->incoherent[i - 1].iova <= r->iova);
		FZ_MUST(!found || (found->iova <= r->iova &&
				   r->iova <= ht_last(found->iova, found->size)));
	}
}

/* The text that the module would have written. */
static void write_mappings(FILE *f, const struct ht_container *c)
{
	fprintf(f, "iova vaddr size prot state path pid age_ms charged_pages pins runs bytes_4k "
		   "bytes_2m bytes_1g incoherent comm\n");
	for (size_t i = 0; i < c->nr_mappings; i++) {
		const struct ht_mapping *m = &c->mappings[i];

		fprintf(f, "%#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %s %s %s %" PRIu64 " %" PRIu64
			" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			" %" PRIu64 " %s\n", m->iova, m->vaddr, m->size, ht_prot_name(m),
			ht_state_name(m->state), ht_path_name(m->path), m->pid, m->age_ms,
			m->charged_pages, m->pins, m->runs, m->share.bytes[HT_4K],
			m->share.bytes[HT_2M], m->share.bytes[HT_1G], m->incoherent, m->comm);
	}
}

/* In the order of IOVA where that is one; qsort() keeps no other. */
static void check_again(const struct ht_container *c)
{
	struct ht_container again = { 0 };
	struct ht_fault fault;
	struct fz_text t;

	for (size_t i = 1; i < c->nr_mappings; i++)
		if (c->mappings[i - 1].iova == c->mappings[i].iova)
			return;
	write_mappings(fz_text_begin(&t), c);
	fz_text_done(&t);
	FZ_MUST(!ht_parse_mappings(t.at, t.len, &again, &fault));
	FZ_MUST(again.nr_mappings == c->nr_mappings);
	for (size_t i = 0; i < c->nr_mappings; i++)
		FZ_MUST(!memcmp(&again.mappings[i], &c->mappings[i], sizeof(*c->mappings)));
	ht_container_free(&again);
	fz_text_free(&t);
}

/* Bytes of a range that mappings cover. */
static uint64_t covered(const struct ht_container *c, uint64_t first, uint64_t last)
{
	uint64_t next = first, sum = 0;

	for (size_t i = 0; i < c->nr_mappings; i++) {
		const struct ht_mapping *m = &c->mappings[i];
		const uint64_t end = ht_last(m->iova, m->size) < last ?
				     ht_last(m->iova, m->size) : last;
		const uint64_t from = m->iova > next ? m->iova : next;

		if (m->iova > last)
			break;
		if (from > end)
			continue;
		sum += end - from + 1;
		if (end == last)
			break;
		next = end + 1;
	}
	return sum;
}

static bool marked(const struct ht_container *c, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < c->nr_incoherent; i++)
		if (c->incoherent[i].iova <= last &&
		    ht_last(c->incoherent[i].iova, c->incoherent[i].size) >= first)
			return true;
	return false;
}

static void check_row(const struct ht_picture *p, const struct ht_container *c, size_t r)
{
	const uint64_t cell = 1ULL << p->shift, row = cell * HT_CELLS;

	FZ_MUST(!(p->rows[r].start & (row - 1)));
	if (r) {
		FZ_MUST(p->rows[r].start > p->rows[r - 1].start);
		FZ_MUST(p->rows[r].start - p->rows[r - 1].start == row + p->rows[r].skipped);
	} else {
		FZ_MUST(!p->rows[r].skipped);
	}
	for (uint64_t i = 0; i < HT_CELLS; i++) {
		const uint64_t first = p->rows[r].start + i * cell, last = first + (cell - 1);
		const struct ht_cell *drawn = &p->rows[r].cells[i];
		const uint64_t bytes = covered(c, first, last);

		FZ_MUST(drawn->kind < HT_KINDS);
		FZ_MUST((drawn->kind == HT_IS_INCOHERENT) == marked(c, first, last));
		FZ_MUST(drawn->kind == HT_IS_INCOHERENT || (drawn->kind == HT_UNMAPPED) == !bytes);
		FZ_MUST(drawn->full == (bytes == cell));
	}
}

static void check_svg(const struct ht_picture *p, const struct ht_container *c)
{
	struct fz_text t;
	size_t open = 0;

	ht_svg(fz_text_begin(&t), p, c);
	fz_text_done(&t);
	FZ_MUST(fz_text_plain(&t));
	for (size_t i = 0; i < t.len; i++) {
		/* Tags do not nest in tags, and what is outside them is escaped. */
		FZ_MUST(t.at[i] != '<' || !open++);
		FZ_MUST(t.at[i] != '>' || open--);
		FZ_MUST(t.at[i] != '&' || !strncmp(&t.at[i], "&lt;", 4) ||
			!strncmp(&t.at[i], "&gt;", 4) || !strncmp(&t.at[i], "&amp;", 5) ||
			!strncmp(&t.at[i], "&quot;", 6));
	}
	FZ_MUST(!open);
	fz_text_free(&t);
}

static void check_picture(const struct ht_container *c, unsigned int rows)
{
	struct ht_picture p;
	struct fz_text t;
	json_object *o;

	if (ht_picture(&p, c, rows))
		return;
	FZ_MUST(p.nr <= rows && !p.nr == !c->nr_mappings);
	for (size_t r = 0; r < p.nr; r++)
		check_row(&p, c, r);
	for (size_t i = 0; i < c->nr_mappings; i++) {
		bool there = false;

		for (size_t r = 0; r < p.nr; r++)
			there = there || c->mappings[i].iova - p.rows[r].start <
						 HT_CELLS * (1ULL << p.shift);
		FZ_MUST(there);
	}
	FZ_MUST(p.fragments.holes < (c->nr_mappings ? c->nr_mappings : 1));
	ht_picture_print(fz_text_begin(&t), &p, c, false);
	fz_text_done(&t);
	FZ_MUST(fz_text_plain(&t));
	fz_text_free(&t);
	ht_picture_print(fz_text_begin(&t), &p, c, true);
	fz_text_done(&t);
	fz_text_free(&t);
	check_svg(&p, c);
	o = ht_json_map(&p, c);
	fz_json_again(o, true);
	json_object_put(o);
	ht_picture_free(&p);
}

static uint64_t sum_at(const struct ht_snapshot *s, size_t offset)
{
	uint64_t sum = 0, value;

	for (size_t i = 0; i < s->nr; i++) {
		memcpy(&value, (const char *)&s->containers[i].info + offset, sizeof(value));
		if (__builtin_add_overflow(sum, value, &sum))
			return UINT64_MAX;
	}
	return sum;
}

static void check_totals(const struct ht_snapshot *s)
{
	static const size_t some[] = { offsetof(struct ht_info, bytes),
				       offsetof(struct ht_info, mappings),
				       offsetof(struct ht_info, share.bytes[HT_1G]),
				       offsetof(struct ht_info, audit_verified_blocks) };
	uint64_t failures = 0, sum = 0;
	struct ht_totals t;
	struct fz_text text;
	json_object *o;

	if (!ht_totals(&t, s)) {
		FZ_MUST(t.containers == s->nr && t.audited <= s->nr);
		for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
			FZ_MUST(sum_at(s, some[i]) ==
				*(const uint64_t *)((const char *)&t.sum + some[i]));
		for (size_t i = 0; i < s->nr; i++)
			for (size_t f = 0; f < s->containers[i].info.nr_failures; f++)
				failures = ht_add(failures,
						  s->containers[i].info.failures[f].count);
		for (size_t f = 0; f < t.sum.nr_failures; f++)
			sum = ht_add(sum, t.sum.failures[f].count);
		FZ_MUST(sum == failures);
		ht_stat(fz_text_begin(&text), &t);
		fz_text_done(&text);
		FZ_MUST(fz_text_plain(&text));
		fz_text_free(&text);
		o = ht_json_stat(&t);
		fz_json_again(o, true);
		json_object_put(o);
	}
	ht_totals_free(&t);
}

static void check_text(struct ht_snapshot *s, int column)
{
	const struct ht_order order = { column, column & 1 };
	struct fz_text t;
	size_t ranges = 0;

	ht_table_sort(s, order);
	ht_table_print(fz_text_begin(&t), s);
	fz_text_done(&t);
	FZ_MUST(fz_text_plain(&t) && fz_text_lines(&t) == 2 + s->nr);
	fz_text_free(&t);

	fz_text_begin(&t);
	for (size_t i = 0; i < s->nr; i++) {
		FZ_MUST(!ht_show(t.f, &s->containers[i]));
		ranges += s->containers[i].nr_incoherent;
	}
	fz_text_done(&t);
	FZ_MUST(fz_text_plain(&t));
	fz_text_free(&t);

	FZ_MUST(ht_incoherent(fz_text_begin(&t), s) == ranges);
	fz_text_done(&t);
	FZ_MUST(fz_text_plain(&t));
	fz_text_free(&t);
}

static void check_json(const struct ht_snapshot *s)
{
	static const char *const commands[] = { "top", "show", "incoherent" };

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		json_object *o = ht_json_containers(commands[i], s);

		fz_json_again(o, true);
		json_object_put(o);
	}
}

static void check(struct ht_snapshot *s)
{
	static const unsigned int rows[] = { HT_ROWS_MIN, HT_ROWS_DEFAULT, HT_ROWS_MAX };

	ht_rates(s, NULL);
	for (size_t i = 0; i < s->nr; i++) {
		const struct ht_container *c = &s->containers[i];

		check_order(c);
		check_again(c);
		for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++)
			check_picture(c, rows[r]);
	}
	check_totals(s);
	check_json(s);
	check_text(s, s->nr ? (int)(s->containers[0].info.id % (uint64_t)ht_table_columns()) : 0);
}

void fz_target(const uint8_t *in, size_t len)
{
	struct ht_container containers[CONTAINERS] = { { .maps_per_second = 0 } };
	struct ht_snapshot s = { .containers = containers };
	struct fz_bytes rest = { in, len }, part;
	struct ht_container *now = NULL;
	bool wrong = false;
	char name[16];

	while (!wrong && fz_next_part(&rest, name, sizeof(name), &part)) {
		if (!strcmp(name, "version")) {
			parse_version(part);
		} else if (!strcmp(name, "info")) {
			if (s.nr == CONTAINERS)
				break;
			now = &containers[s.nr++];
			wrong = parse(ht_parse_info, part, now);
		} else if (now && !strcmp(name, "mappings") && !now->mappings) {
			wrong = parse(ht_parse_mappings, part, now);
		} else if (now && !strcmp(name, "incoherent") && !now->incoherent) {
			wrong = parse(ht_parse_incoherent, part, now);
		}
	}
	/* As the tool does: a state of which a part is wrong is not shown. */
	if (!wrong)
		check(&s);
	for (size_t i = 0; i < CONTAINERS; i++)
		ht_container_free(&containers[i]);
}
