/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * top.h - the table of containers, live on a terminal.
 */
#ifndef HOLDFAST_TOOL_TOP_H
#define HOLDFAST_TOOL_TOP_H

#include "source.h"
#include "table.h"

/**
 * ht_top() - show the table until somebody quits
 * @s: open source
 * @order: how to sort at first
 * @interval_ms: from one refresh to the next
 * @code: what the program is to end with: HT_OK, or that of s->problem
 *
 * The terminal is as before when this returns, by whatever way.
 *
 * Return: 0, or the signal that ended it.
 */
int ht_top(struct ht_source *s, struct ht_order order, unsigned int interval_ms,
	   enum ht_code *code);

#endif
