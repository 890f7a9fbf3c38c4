/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h - in one line, how a backend did in a scenario that is known to go wrong.
 *
 * A case finds out without expectations whether the backend was right, and says so here:
 *
 *	# verdict: <scenario> | <backend>: <word> | <why, in few words>
 *
 * scripts/verdicts makes the table of docs/pins.md of these lines. holdfast must be right on
 * every kernel. What stock does is known for some kernels, and a stock that does something
 * else there fails the case: the table would not be true any more. Of a kernel that is not
 * known, stock may do what it did on its neighbours, or be right.
 */
#ifndef TESTS_VERDICT_H
#define TESTS_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "harness.h"

/** The one word that is good */
#define T_RIGHT "right"

/** Device and CPU have parted: one of the two sees old bytes */
#define T_STALE "stale"

/** Kernel series whose stock is known: 6.1, 6.12, 7.2 */
#define T_SERIES 3

/**
 * struct t_stock - what stock is known to do
 * @word: by series, oldest first; NULL where it is not the same every time
 */
struct t_stock {
	const char *word[T_SERIES];
};

/** Right wherever it is known */
#define T_STOCK_RIGHT { { T_RIGHT, T_RIGHT, T_RIGHT } }

/** Stale until GUP unshares for a read-only long-term pin (Linux 6.2) */
#define T_STOCK_STALE_BEFORE_6_2 { { T_STALE, T_RIGHT, T_RIGHT } }

/**
 * t_verdict() - say how the backend did; fails the case if that is not as it must be
 * @t: the case
 * @scenario: its name, the same on both backends; no '|'
 * @stock: what stock is known to do
 * @word: T_RIGHT, or what went wrong
 * @fmt: why, in few words
 */
void t_verdict(struct t *t, const char *scenario, const struct t_stock *stock, const char *word,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/**
 * t_verdict_kernel() - the same of what is not the backend's doing, but another part of the kernel's
 * @known: what the kernel is known to do, whichever backend serves
 *
 * The backend in the line is "kernel".
 */
void t_verdict_kernel(const char *scenario, const struct t_stock *known, const char *word,
		      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * t_may_leak() - may stock be asked for what makes it lose pins for good?
 *
 * Only where nobody counts pins afterwards: with HOLDFAST_VERDICTS=1 in the environment, as
 * scripts/verdicts sets it in a guest that ends then. t_pinned_for_ever() takes note of what is lost.
 */
bool t_may_leak(void);

#endif
