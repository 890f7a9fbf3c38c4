/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sign.h - what makes two findings the same.
 *
 * A signature is a file name: what happened in a few words, and a sum of all that counts. What
 * differs from run to run (addresses, numbers, process ids, times, lines of a source file) does
 * not count.
 */
#ifndef FUZZ_TRIAGE_SIGN_H
#define FUZZ_TRIAGE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** Room for a signature */
#define FZ_SIGN 96
/** Functions of a report that count */
#define FZ_SIGN_FUNCTIONS 3

/**
 * fz_sign_text() - signature of texts
 * @out: where to, FZ_SIGN bytes
 * @parts: texts, the most telling first; NULL ones are left out
 * @count: how many
 */
void fz_sign_text(char *out, const char *const *parts, size_t count);

/**
 * fz_sign_name() - a text that someone else calls a signature, as a file name
 * @out: where to, FZ_SIGN bytes
 * @text: the text; one that is a file name already and short enough stays as it is
 */
void fz_sign_name(char *out, const char *text);

/**
 * struct fz_report - the first report in a kernel log
 * @title: its first line, without the time
 * @functions: the innermost functions of its backtrace, without those that make reports
 * @count: how many there are
 * @line: number of its first line, from 1
 * @signature: made of these
 */
struct fz_report {
	char title[256];
	char functions[FZ_SIGN_FUNCTIONS][64];
	unsigned int count;
	unsigned int line;
	char signature[FZ_SIGN];
};

/**
 * fz_sign_log() - find the first report in a kernel log
 * @log: to the end of which
 * @title: a part of the report's first line; NULL: the first line that looks like one
 * @r: out
 *
 * Return: true; false: there is none.
 */
bool fz_sign_log(FILE *log, const char *title, struct fz_report *r);

/** fz_sign_reports() - does a line of a kernel log look like the first of a report? */
bool fz_sign_reports(const char *line);

#endif
