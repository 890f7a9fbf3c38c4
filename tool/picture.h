/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * picture.h - the IOVA space of a container as rows of cells.
 *
 * A cell is a range of one size for the whole picture, a power of two from 4 KiB up; a row is
 * HT_CELLS of them, beginning at a multiple of its size. Rows in which nothing is mapped are
 * left out: an IOVA space is mostly empty. The cell is as small as the number of rows allows.
 */
#ifndef HOLDFAST_TOOL_PICTURE_H
#define HOLDFAST_TOOL_PICTURE_H

#include "model.h"

#include <stdio.h>

#define HT_CELLS 64

/** Rows of a picture */
#define HT_ROWS_DEFAULT 24
#define HT_ROWS_MIN 2
#define HT_ROWS_MAX 1000

/** What most of a cell is, of what is mapped there; incoherent: any of it */
enum ht_kind {
	HT_UNMAPPED,
	HT_IS_1G,
	HT_IS_2M,
	HT_IS_4K,
	HT_IS_PFNMAP,   /* a device's memory */
	HT_IS_UNPINNED, /* of emulated devices: nothing is pinned until they ask */
	HT_IS_BUSY,     /* being made or taken down */
	HT_IS_INCOHERENT,
	HT_KINDS,
};

/**
 * struct ht_cell - a range
 * @kind: what it is
 * @full: all of it is mapped
 */
struct ht_cell {
	enum ht_kind kind;
	bool full;
};

/**
 * struct ht_row - HT_CELLS ranges in a row
 * @start: IOVA of the first byte
 * @skipped: bytes between this row and the one before that are not shown
 * @cells: from @start on
 */
struct ht_row {
	uint64_t start;
	uint64_t skipped;
	struct ht_cell cells[HT_CELLS];
};

/**
 * struct ht_fragments - in how many pieces the memory is
 * @bytes: mapped
 * @runs: physically contiguous pieces
 * @entries: IOMMU page table entries, at the least
 * @entries_4k: the same if every one were of 4 KiB
 * @holes: unmapped ranges between mappings
 * @largest_hole: bytes
 */
struct ht_fragments {
	uint64_t bytes;
	uint64_t runs;
	uint64_t entries;
	uint64_t entries_4k;
	uint64_t holes;
	uint64_t largest_hole;
};

/** struct ht_picture - rows from low to high, cells of 1 << @shift bytes */
struct ht_picture {
	unsigned int shift;
	struct ht_row *rows;
	size_t nr;
	struct ht_fragments fragments;
};

/**
 * ht_picture() - draw
 * @p: to fill in; ht_picture_free() whatever this returns
 * @c: container with its mappings and incoherent ranges
 * @rows: as many at most, HT_ROWS_MIN to HT_ROWS_MAX
 *
 * Return: 0 or -ENOMEM.
 */
int ht_picture(struct ht_picture *p, const struct ht_container *c, unsigned int rows);

/** ht_picture_free() - harmless on a zeroed one */
void ht_picture_free(struct ht_picture *p);

/** ht_picture_letter() - character of a cell; small where only a part is mapped */
char ht_picture_letter(struct ht_cell cell);

/** ht_kind_name() - what a kind stands for */
const char *ht_kind_name(enum ht_kind kind);

/** ht_picture_title() - one line about the container and the scale */
void ht_picture_title(char *line, size_t size, const struct ht_picture *p,
		      const struct ht_container *c);

/** ht_picture_totals() - one line about fragmentation */
void ht_picture_totals(char *line, size_t size, const struct ht_picture *p);

/**
 * ht_picture_print() - for a terminal
 * @out: where to
 * @p: the picture
 * @c: what it is of
 * @colour: with ANSI colours
 */
void ht_picture_print(FILE *out, const struct ht_picture *p, const struct ht_container *c,
		      bool colour);

/** ht_svg() - the same as an SVG image */
void ht_svg(FILE *out, const struct ht_picture *p, const struct ht_container *c);

#endif
