/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shown.h - what holdfast shows in debugfs, read and parsed strictly.
 *
 * Anything that is not just as docs/observability.md has it (a name that is missing or in
 * another place, a number in another base, two spaces) does not parse. Nothing here makes an
 * expectation unless it says so, so threads may call it.
 */
#ifndef TESTS_SHOWN_H
#define TESTS_SHOWN_H

#include <holdfast/rig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define T_SHOWN "/sys/kernel/debug/holdfast/"

/** Lines of an info file that are kept */
#define T_SHOWN_LINES 64

/**
 * struct t_shown - a container's info
 * @n: lines
 * @line: name and value of each
 */
struct t_shown {
	unsigned int n;
	struct {
		char name[32];
		char value[32];
	} line[T_SHOWN_LINES];
};

/** Classes of IOMMU pages, for the bytes of a row */
enum t_class { T_4K, T_CLASS_2M, T_CLASS_1G, T_CLASSES };

/**
 * struct t_row - a line of a container's table of mappings; names are those of its columns
 */
struct t_row {
	uint64_t iova;
	uint64_t vaddr;
	uint64_t size;
	char prot[3];
	char state[8];
	char path[8];
	int pid;
	uint64_t age_ms;
	uint64_t charged_pages;
	uint64_t pins;
	uint64_t runs;
	uint64_t bytes[T_CLASSES];
	uint64_t incoherent;
	char comm[17];
};

/**
 * struct t_rows - a table
 * @n: rows
 * @row: they; t_rows_free()
 */
struct t_rows {
	unsigned int n;
	struct t_row *row;
};

/**
 * t_shown_ids() - the containers there are
 * @id: to fill in
 * @max: entries
 *
 * Return: how many there are, or a negative errno.
 */
int t_shown_ids(uint64_t *id, unsigned int max);

/** t_shown_id() - the only container there is; must succeed */
uint64_t t_shown_id(void);

/**
 * t_shown_path() - the name of a file
 * @path: to fill in, at least 96 bytes
 * @id: container
 * @file: "info", "mappings", ...
 */
void t_shown_path(char *path, uint64_t id, const char *file);

/**
 * t_shown_read() - all of an open file, from its start
 * @fd: the file
 * @chunk: bytes of each read()
 *
 * Return: the text, to be freed; NULL with errno set.
 */
char *t_shown_read(int fd, size_t chunk);

/**
 * t_shown_parse() - parse the text of an info file
 *
 * Return: NULL, or what is wrong with it.
 */
const char *t_shown_parse(const char *text, struct t_shown *s);

/**
 * t_rows_parse() - parse a table, which must be in IOVA order without overlaps
 *
 * Return: NULL, or what is wrong with it.
 */
const char *t_rows_parse(const char *text, struct t_rows *rows);

/** t_rows_free() - give it back */
void t_rows_free(struct t_rows *rows);

/** t_shown() - a container's info; must succeed */
void t_shown(uint64_t id, struct t_shown *s);

/** t_shown_rows() - a container's table; must succeed */
void t_shown_rows(uint64_t id, struct t_rows *rows);

/** t_shown_text() - a value; NULL if there is none of that name */
const char *t_shown_text(const struct t_shown *s, const char *name);

/** t_shown_value() - a number; ~0 if there is none of that name */
uint64_t t_shown_value(const struct t_shown *s, const char *name);

/** t_shown_expect() - expect a number of a container's info */
void t_shown_expect(const struct t_shown *s, const char *name, uint64_t want);

/** t_shown_fresh() - open a rig that nobody used before; must succeed. Return: its number. */
uint64_t t_shown_fresh(struct hf_rig *r);

/** t_shown_only_row() - expect a table of one row. Return: it; all 0 if it is not so. */
struct t_row t_shown_only_row(uint64_t id);

/** t_expect_text() - expect a text; @got may be NULL, which is none */
void t_expect_text(const char *got, const char *want, const char *what);

#endif
