/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * minimise.h - the shortest and plainest sequence that still shows a finding.
 */
#ifndef FUZZ_TRIAGE_MINIMISE_H
#define FUZZ_TRIAGE_MINIMISE_H

#include <stdbool.h>

#include "../op.h"

/**
 * fz_minimise() - take away what a finding does not need
 * @s: the sequence; out: the smallest one found
 * @still: does this sequence show the finding? Asked about each candidate
 * @data: for @still
 * @budget: how often @still may be asked
 *
 * Operations go first, in halves, quarters, ... and one by one; then setup bits, then arguments
 * move to 0 (a count to 1), half, or a huge page's border. The result has been asked about,
 * unless nothing could be taken away. It is minimal when the budget was enough: without any
 * one of its operations the finding is gone.
 *
 * Return: how often @still was asked.
 */
unsigned int fz_minimise(struct fz_sequence *s,
			 bool (*still)(const struct fz_sequence *candidate, void *data), void *data,
			 unsigned int budget);

#endif
