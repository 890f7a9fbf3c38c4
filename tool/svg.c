// SPDX-License-Identifier: GPL-2.0-only
/*
 * svg.c - the picture as an image: one rectangle for each stretch of equal cells, with a
 * tooltip that says what it is. Fonts and colours are in the file itself.
 */
#include "format.h"
#include "picture.h"

#include <holdfast/markup.h>
#include <inttypes.h>

#define CELL 11 /* pixels */
#define ROW 15
#define LEFT 150
#define TOP 48
#define WIDTH (LEFT + HT_CELLS * CELL + 20)

static const char *const fills[HT_KINDS] = {
	[HT_UNMAPPED] = "#f0f0f0",
	[HT_IS_1G] = "#1b7837",
	[HT_IS_2M] = "#2c7fb8",
	[HT_IS_4K] = "#e6a532",
	[HT_IS_PFNMAP] = "#8856a7",
	[HT_IS_UNPINNED] = "#9ecae1",
	[HT_IS_BUSY] = "#969696",
	[HT_IS_INCOHERENT] = "#d7191c",
};

/* A name of a process may have characters that mean something in XML. */
static void label(FILE *out, int x, int y, const char *more, const char *text)
{
	fprintf(out, "<text x=\"%d\" y=\"%d\"%s>", x, y, more);
	hf_markup_text(out, text);
	fputs("</text>\n", out);
}

static bool same(struct ht_cell a, struct ht_cell b)
{
	return a.kind == b.kind && a.full == b.full;
}

static void put_row(FILE *out, const struct ht_picture *p, const struct ht_row *row, int y)
{
	for (int i = 0, n; i < HT_CELLS; i += n) {
		const struct ht_cell cell = row->cells[i];
		const uint64_t first = row->start + ((uint64_t)i << p->shift);

		for (n = 1; i + n < HT_CELLS && same(cell, row->cells[i + n]);)
			n++;
		fprintf(out,
			"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"%s><title>0x%"
			PRIx64 " - 0x%" PRIx64 ": %s%s</title></rect>\n",
			LEFT + i * CELL, y, n * CELL, ROW - 3, fills[cell.kind],
			cell.full || cell.kind == HT_UNMAPPED ? "" : " fill-opacity=\"0.55\"", first,
			first + (((uint64_t)n << p->shift) - 1), ht_kind_name(cell.kind),
			cell.full || cell.kind == HT_UNMAPPED ? "" : ", in part");
	}
}

static int put_rows(FILE *out, const struct ht_picture *p, int y)
{
	char text[HT_TEXT], line[64];

	for (size_t i = 0; i < p->nr; i++) {
		const struct ht_row *row = &p->rows[i];

		if (row->skipped) {
			snprintf(line, sizeof(line), "%s not mapped",
				 ht_format_size(text, row->skipped));
			label(out, LEFT, y + ROW - 5, " fill=\"#777777\"", line);
			y += ROW;
		}
		snprintf(line, sizeof(line), "0x%" PRIx64, row->start);
		label(out, LEFT - 8, y + ROW - 5, " text-anchor=\"end\"", line);
		put_row(out, p, row, y);
		y += ROW;
	}
	return y;
}

static int put_legend(FILE *out, int y)
{
	for (int k = 0; k < HT_KINDS; k++) {
		const int x = LEFT + k % 4 * 180;

		fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x, y,
			CELL, ROW - 3, fills[k]);
		label(out, x + CELL + 6, y + ROW - 5, "", ht_kind_name(k));
		if (k % 4 == 3)
			y += ROW + 3;
	}
	return y;
}

/* Height of all, known before anything is written. */
static int height(const struct ht_picture *p)
{
	size_t lines = p->nr;

	for (size_t i = 0; i < p->nr; i++)
		lines += p->rows[i].skipped != 0;
	return TOP + (int)lines * ROW + (HT_KINDS + 3) / 4 * (ROW + 3) + 60;
}

void ht_svg(FILE *out, const struct ht_picture *p, const struct ht_container *c)
{
	const int tall = height(p);
	char line[256];
	int y;

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
		"%d\" font-family=\"monospace\" font-size=\"11\">\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", WIDTH, tall, WIDTH, tall,
		WIDTH, tall);
	ht_picture_title(line, sizeof(line), p, c);
	label(out, 14, 26, " font-weight=\"bold\"", line);
	y = put_rows(out, p, TOP);
	y = put_legend(out, y + 14);
	ht_picture_totals(line, sizeof(line), p);
	label(out, 14, y + 20, "", line);
	fputs("</svg>\n", out);
}
