/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * change.h - small changes of a sequence, with a sense for what matters in it.
 *
 * Each change keeps a sequence within its limits. What is drawn comes from struct fz_random,
 * so the same seed makes the same changes.
 */
#ifndef FUZZ_CHANGE_H
#define FUZZ_CHANGE_H

#include "live.h"
#include "op.h"
#include "random.h"

/**
 * fz_interesting() - a value for an argument that likely makes a difference
 * @r: what to draw from
 * @live: what is mapped there
 * @op: the operation; its other arguments count
 * @i: index of the argument
 *
 * Borders of pages and huge pages, of the arena and the window, and of live ranges: begin, end, one
 * page into them or past them, and what makes this range end there.
 *
 * Return: a value within the argument's limits.
 */
unsigned int fz_interesting(struct fz_random *r, const struct fz_live *live, const struct fz_op *op,
			    unsigned int i);

/** fz_draw_op() - an operation by weight, its arguments drawn for a place with @live mapped */
void fz_draw_op(struct fz_random *r, const struct fz_live *live, struct fz_op *op);

/**
 * fz_change() - change something
 * @r: what to draw from
 * @s: the sequence
 *
 * Return: what was done, a word.
 */
const char *fz_change(struct fz_random *r, struct fz_sequence *s);

/**
 * fz_splice() - put a part of another sequence into this one, or its end behind its begin
 * @r: what to draw from
 * @s: the sequence
 * @other: the other one; nothing is done when it is empty
 */
void fz_splice(struct fz_random *r, struct fz_sequence *s, const struct fz_sequence *other);

/** fz_insert() - @n operations before operation @at; what has no room goes at the end */
void fz_insert(struct fz_sequence *s, unsigned int at, const struct fz_op *op, unsigned int n);

/** fz_delete() - @n operations from operation @at on */
void fz_delete(struct fz_sequence *s, unsigned int at, unsigned int n);

#endif
