/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h - sequences as text, for people: one operation a line.
 *
 *	setup limited audit
 *	map who=0 iova=16 page=5 count=3 how=3
 *
 * '#' begins a comment. Arguments may stand in any order; one that is missing is 0 (a count: 1).
 * Numbers may be written in any base of C.
 */
#ifndef FUZZ_TEXT_H
#define FUZZ_TEXT_H

#include <stdio.h>

#include "op.h"

/** fz_text_op() - an operation as text, without newline; Return: @buf */
char *fz_text_op(const struct fz_op *op, char *buf, size_t size);

/** fz_text_setup() - the first line, without newline; Return: @buf */
char *fz_text_setup(uint8_t setup, char *buf, size_t size);

/** fz_text_print() - a whole sequence; Return: 0, or -EIO */
int fz_text_print(FILE *f, const struct fz_sequence *s);

/**
 * fz_text_parse() - read a sequence
 * @f: to the end of which
 * @s: out
 * @error: out: what is wrong, with the line's number
 * @size: room there
 *
 * Return: 0; -EINVAL, and @error says why; -EIO.
 */
int fz_text_parse(FILE *f, struct fz_sequence *s, char *error, size_t size);

#endif
