/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h - containers as rows, the same for "top" on a terminal and in a file.
 */
#ifndef HOLDFAST_TOOL_TABLE_H
#define HOLDFAST_TOOL_TABLE_H

#include "model.h"

#include <stdio.h>

/** Room for a line, with the NUL */
#define HT_ROW 192

/** struct ht_order - by which column, and whether turned round */
struct ht_order {
	int column;
	bool reverse;
};

/** ht_table_columns() - how many there are */
int ht_table_columns(void);

/** ht_table_key() - name of a column, for --sort */
const char *ht_table_key(int column);

/** ht_table_find() - column by its key, -1 when there is none */
int ht_table_find(const char *key);

/**
 * ht_table_sort() - put a snapshot's containers in order
 * @s: the snapshot
 * @order: amounts come largest first, numbers and names smallest first, unless reversed;
 *         equal ones in order of container number
 */
void ht_table_sort(struct ht_snapshot *s, struct ht_order order);

/** ht_table_header() - the titles */
void ht_table_header(char line[HT_ROW]);

/** ht_table_row() - a container */
void ht_table_row(char line[HT_ROW], const struct ht_container *c);

/** ht_table_summary() - one line about all of them */
void ht_table_summary(char line[HT_ROW], const struct ht_snapshot *s);

/** ht_table_print() - summary, titles, rows */
void ht_table_print(FILE *out, const struct ht_snapshot *s);

#endif
