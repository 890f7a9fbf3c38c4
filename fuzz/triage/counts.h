/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counts.h - what was played and looked at, summed over the processes of a run, in a file.
 *
 * A process that fuzzes lives for some hundred runs; the file goes on with the next one. It has
 * one JSON object a line:
 *
 *	{"runs":1200}
 *	{"operation":"map","answer":"EINVAL","count":12}
 *	{"oracle":"device","count":3400}
 *
 * An answer is "0", the name of an error, "other" (a success that is not 0, or an error that has
 * no name) or "skipped". One process at a time writes the file; it is replaced by a rename, so
 * whoever reads it reads a whole one.
 */
#ifndef FUZZ_TRIAGE_COUNTS_H
#define FUZZ_TRIAGE_COUNTS_H

#include "../verdict.h"

struct fz_counts;

/**
 * fz_counts_read() - what a file has
 * @path: the file
 * @s: out: zeros where it is not there; what this version does not know is left out
 *
 * Return: 0, or -errno.
 */
int fz_counts_read(const char *path, struct fz_stats *s);

/** fz_counts_add() - add counts to others */
void fz_counts_add(struct fz_stats *sum, const struct fz_stats *more);

/**
 * fz_counts_open() - go on with a file
 * @path: the file; need not be there
 * @c: out
 *
 * Return: 0, or -errno.
 */
int fz_counts_open(const char *path, struct fz_counts **c);

/**
 * fz_counts_save() - write the sum of what the file had and what this process has
 * @c: the file
 * @mine: what the session has counted since it began
 *
 * Return: 0, or -errno.
 */
int fz_counts_save(struct fz_counts *c, const struct fz_stats *mine);

/** fz_counts_answer() - name of an answer, an index as in struct fz_stats */
const char *fz_counts_answer(unsigned int answer);

/** fz_counts_tick() - the same, but only when it was last done some seconds ago */
void fz_counts_tick(struct fz_counts *c, const struct fz_stats *mine);

/**
 * fz_counts_ended() - a session ends; the next one counts from nothing
 * @c: the file, which is written
 * @mine: what the session has counted
 *
 * Return: 0, or -errno.
 */
int fz_counts_ended(struct fz_counts *c, const struct fz_stats *mine);

void fz_counts_close(struct fz_counts *c);

#endif
