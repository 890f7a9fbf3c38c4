// SPDX-License-Identifier: GPL-2.0-only
/*
 * picture.c - from mappings to cells, and cells as characters.
 *
 * The module says of a mapping how many of its bytes allow which IOMMU page, not where they
 * are: all cells of a mapping are drawn as what most of it is.
 *
 * Mappings may overlap, if they were made and taken down while the text was read: what an
 * earlier one covers is not drawn again. So the work is bounded by mappings plus cells.
 */
#include "picture.h"
#include "format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CELL_BITS 6 /* 1 << CELL_BITS is HT_CELLS */
#define SHIFT_MIN 12
/* Beyond it a row would be longer than the address space. */
#define SHIFT_MAX (63 - CELL_BITS)

_Static_assert(1 << CELL_BITS == HT_CELLS, "cells of a row");

static const struct {
	char letter;
	const char *name;
	const char *colour;
} kinds[HT_KINDS] = {
	[HT_UNMAPPED] = { '.', "not mapped", "\033[2m" },
	[HT_IS_1G] = { 'G', "1G pages", "\033[32m" },
	[HT_IS_2M] = { 'M', "2M pages", "\033[36m" },
	[HT_IS_4K] = { 'K', "4K pages", "\033[33m" },
	[HT_IS_PFNMAP] = { 'P', "memory of a device", "\033[35m" },
	[HT_IS_UNPINNED] = { 'U', "nothing pinned", "\033[34m" },
	[HT_IS_BUSY] = { 'B', "being made or taken down", "\033[37m" },
	[HT_IS_INCOHERENT] = { '!', "incoherent", "\033[1;31m" },
};

#define PLAIN "\033[0m"

char ht_picture_letter(struct ht_cell cell)
{
	const char letter = kinds[cell.kind].letter;

	return cell.full || letter < 'A' ? letter : (char)(letter - 'A' + 'a');
}

const char *ht_kind_name(enum ht_kind kind)
{
	return kinds[kind].name;
}

static enum ht_kind kind_of(const struct ht_mapping *m)
{
	const uint64_t *bytes = m->share.bytes;

	if (m->state == HT_NEW || m->state == HT_DYING)
		return HT_IS_BUSY;
	if (m->path == HT_PFNMAP)
		return HT_IS_PFNMAP;
	if (m->path == HT_NONE)
		return HT_IS_UNPINNED;
	if (bytes[HT_1G] >= bytes[HT_2M] && bytes[HT_1G] >= bytes[HT_4K] && bytes[HT_1G])
		return HT_IS_1G;
	return bytes[HT_2M] >= bytes[HT_4K] && bytes[HT_2M] ? HT_IS_2M : HT_IS_4K;
}

/*
 * Walks mappings from low to high, each without what those before it cover: first and last byte
 * of the next one. False at the end.
 */
struct walk {
	const struct ht_container *c;
	size_t next;
	bool covered;
	uint64_t last;
};

static const struct ht_mapping *step(struct walk *w, uint64_t *first, uint64_t *last)
{
	while (w->next < w->c->nr_mappings) {
		const struct ht_mapping *m = &w->c->mappings[w->next++];

		*first = m->iova;
		*last = ht_last(m->iova, m->size);
		if (w->covered && *last <= w->last)
			continue;
		if (w->covered && *first <= w->last)
			*first = w->last + 1;
		w->covered = true;
		w->last = *last;
		return m;
	}
	return NULL;
}

/* Rows with something in them, for cells of 1 << shift. */
static uint64_t count_rows(const struct ht_container *c, unsigned int shift)
{
	const unsigned int row = shift + CELL_BITS;
	struct walk w = { .c = c };
	uint64_t first, last, rows = 0, seen = 0;

	while (step(&w, &first, &last)) {
		first >>= row;
		last >>= row;
		/* The first row may be the last of the one before. */
		if (rows && first == seen)
			rows--;
		rows = ht_add(rows, last - first + 1);
		seen = last;
	}
	return rows;
}

static void make_rows(struct ht_picture *p, const struct ht_container *c)
{
	const unsigned int row = p->shift + CELL_BITS;
	struct walk w = { .c = c };
	uint64_t first, last;

	while (step(&w, &first, &last)) {
		for (uint64_t r = first >> row; r <= last >> row; r++) {
			struct ht_row *before = p->nr ? &p->rows[p->nr - 1] : NULL;

			if (before && before->start == r << row)
				continue;
			if (before)
				p->rows[p->nr].skipped = (r << row) - before->start - (1ULL << row);
			p->rows[p->nr++].start = r << row;
		}
	}
}

/* The cell of an address, NULL where there is no row. */
static struct ht_cell *cell_at(const struct ht_picture *p, uint64_t iova)
{
	const uint64_t start = iova >> (p->shift + CELL_BITS) << (p->shift + CELL_BITS);
	size_t low = 0, high = p->nr;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (p->rows[middle].start == start)
			return &p->rows[middle].cells[(iova - start) >> p->shift];
		if (p->rows[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What has been seen of the cell that is being filled. */
struct tally {
	struct ht_cell *cell;
	uint64_t bytes[HT_KINDS];
};

static void settle(const struct ht_picture *p, const struct tally *t)
{
	uint64_t sum = 0;

	if (!t->cell)
		return;
	for (int k = HT_UNMAPPED + 1; k < HT_KINDS; k++) {
		sum += t->bytes[k];
		if (t->bytes[k] && (t->cell->kind == HT_UNMAPPED ||
				    t->bytes[k] > t->bytes[t->cell->kind]))
			t->cell->kind = k;
	}
	t->cell->full = sum == 1ULL << p->shift;
}

static void fill(struct ht_picture *p, const struct ht_container *c)
{
	struct walk w = { .c = c };
	struct tally tally = { 0 };
	const struct ht_mapping *m;
	uint64_t first, last;

	while ((m = step(&w, &first, &last))) {
		const uint64_t mask = (1ULL << p->shift) - 1;

		for (;;) {
			const uint64_t end = first | mask;
			const uint64_t until = end < last ? end : last;
			struct ht_cell *cell = cell_at(p, first);

			if (cell != tally.cell) {
				settle(p, &tally);
				tally = (struct tally){ .cell = cell };
			}
			tally.bytes[kind_of(m)] += until - first + 1;
			if (until == last)
				break;
			first = until + 1;
		}
	}
	settle(p, &tally);
}

/* The first row that does not end before an address. */
static size_t row_from(const struct ht_picture *p, uint64_t iova)
{
	const uint64_t row = iova >> (p->shift + CELL_BITS);
	size_t low = 0, high = p->nr;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (p->rows[middle].start >> (p->shift + CELL_BITS) < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void mark_range(struct ht_picture *p, uint64_t first, uint64_t last)
{
	const uint64_t row = (1ULL << (p->shift + CELL_BITS)) - 1;

	for (size_t r = row_from(p, first); r < p->nr && p->rows[r].start <= last; r++) {
		const uint64_t start = p->rows[r].start;
		uint64_t from = ((first > start ? first : start) - start) >> p->shift;
		const uint64_t to = ((last < start + row ? last : start + row) - start) >> p->shift;

		for (; from <= to; from++)
			p->rows[r].cells[from].kind = HT_IS_INCOHERENT;
	}
}

/* Any of it is worth a mark, whatever else is in the cell. */
static void mark_incoherent(struct ht_picture *p, const struct ht_container *c)
{
	uint64_t marked = 0;

	for (size_t i = 0; i < c->nr_incoherent; i++) {
		uint64_t first = c->incoherent[i].iova;
		const uint64_t last = ht_last(first, c->incoherent[i].size);

		if (i && last <= marked)
			continue;
		if (i && first <= marked)
			first = marked + 1;
		marked = last;
		mark_range(p, first, last);
	}
}

static void count_fragments(struct ht_fragments *f, const struct ht_container *c)
{
	static const unsigned int page_bits[HT_PAGE_SIZES] = { 12, 21, 30 };
	struct walk w = { .c = c };
	uint64_t first, last, end = 0;
	bool begun = false;

	for (size_t i = 0; i < c->nr_mappings; i++) {
		const struct ht_mapping *m = &c->mappings[i];

		f->bytes = ht_add(f->bytes, m->size);
		f->runs = ht_add(f->runs, m->runs);
		for (int page = 0; page < HT_PAGE_SIZES; page++) {
			f->entries = ht_add(f->entries, m->share.bytes[page] >> page_bits[page]);
			f->entries_4k = ht_add(f->entries_4k, m->share.bytes[page] >> 12);
		}
	}
	while (step(&w, &first, &last)) {
		if (begun && first - end > 1) {
			f->holes++;
			if (first - end - 1 > f->largest_hole)
				f->largest_hole = first - end - 1;
		}
		begun = true;
		end = last;
	}
}

int ht_picture(struct ht_picture *p, const struct ht_container *c, unsigned int rows)
{
	uint64_t needed;

	memset(p, 0, sizeof(*p));
	p->shift = SHIFT_MIN;
	needed = count_rows(c, p->shift);
	while (needed > rows && p->shift < SHIFT_MAX)
		needed = count_rows(c, ++p->shift);
	count_fragments(&p->fragments, c);
	if (!needed)
		return 0;
	p->rows = calloc(needed, sizeof(*p->rows));
	if (!p->rows)
		return -ENOMEM;
	make_rows(p, c);
	fill(p, c);
	mark_incoherent(p, c);
	return 0;
}

void ht_picture_free(struct ht_picture *p)
{
	free(p->rows);
	memset(p, 0, sizeof(*p));
}

void ht_picture_title(char *line, size_t size, const struct ht_picture *p,
		      const struct ht_container *c)
{
	char mapped[HT_TEXT], cell[HT_TEXT], row[HT_TEXT];

	snprintf(line, size,
		 "container %" PRIu64 ", %s (pid %" PRIu64 "): %s in %zu mapping%s; a cell is %s, a "
		 "row %s", c->info.id, *c->comm ? c->comm : "-", c->info.pid,
		 ht_format_size(mapped, p->fragments.bytes), c->nr_mappings,
		 c->nr_mappings == 1 ? "" : "s", ht_format_size(cell, 1ULL << p->shift),
		 ht_format_size(row, 1ULL << (p->shift + CELL_BITS)));
}

void ht_picture_totals(char *line, size_t size, const struct ht_picture *p)
{
	const struct ht_fragments *f = &p->fragments;
	char run[HT_TEXT], hole[HT_TEXT];

	snprintf(line, size,
		 "%" PRIu64 " run%s, %s on average; %" PRIu64 " IOMMU entr%s at the least (%" PRIu64
		 " of 4K); %" PRIu64 " hole%s%s%s", f->runs, f->runs == 1 ? "" : "s",
		 ht_format_size(run, f->runs ? f->bytes / f->runs : 0), f->entries,
		 f->entries == 1 ? "y" : "ies", f->entries_4k, f->holes, f->holes == 1 ? "" : "s",
		 f->holes ? ", the largest " : "",
		 f->holes ? ht_format_size(hole, f->largest_hole) : "");
}

static void put_row(FILE *out, const struct ht_row *row, bool colour)
{
	enum ht_kind now = HT_KINDS;
	char text[HT_TEXT];

	if (row->skipped)
		fprintf(out, "%18s  (%s not mapped)\n", "...", ht_format_size(text, row->skipped));
	snprintf(text, sizeof(text), "0x%" PRIx64, row->start);
	fprintf(out, "%18s |", text);
	for (int i = 0; i < HT_CELLS; i++) {
		if (colour && row->cells[i].kind != now)
			fprintf(out, "%s%s", PLAIN, kinds[row->cells[i].kind].colour);
		now = row->cells[i].kind;
		fputc(ht_picture_letter(row->cells[i]), out);
	}
	fprintf(out, "%s|\n", colour ? PLAIN : "");
}

void ht_picture_print(FILE *out, const struct ht_picture *p, const struct ht_container *c,
		      bool colour)
{
	char line[256];

	ht_picture_title(line, sizeof(line), p, c);
	fprintf(out, "%s\n\n", line);
	for (size_t i = 0; i < p->nr; i++)
		put_row(out, &p->rows[i], colour);
	fprintf(out, "%s%18s ", p->nr ? "\n" : "", "");
	for (int k = 0; k < HT_KINDS; k++)
		fprintf(out, "%s%s%c%s %s", k == 4 ? ",\n                   " : k ? ", " : "",
			colour ? kinds[k].colour : "", kinds[k].letter, colour ? PLAIN : "",
			kinds[k].name);
	fprintf(out, ";\n%18s small letters: only a part of the cell\n\n", "");
	ht_picture_totals(line, sizeof(line), p);
	fprintf(out, "%s\n", line);
}
