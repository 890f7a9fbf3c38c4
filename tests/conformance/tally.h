/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tally.h - what was done, counted, and the report.
 */
#ifndef CONFORMANCE_TALLY_H
#define CONFORMANCE_TALLY_H

#include "differences.h"

/**
 * struct cf_totals - of a run
 * @seed: of the random sequences
 * @random_ops: operations of random sequences
 * @written_ops: of written ones
 * @random_sequences: how many
 * @written_sequences: how many
 * @differences: sequences in which the sides differed
 * @pages_read: pages that devices read on each side
 * @pages_written: pages that devices wrote on each side
 * @pages_blocked: pages devices tried where nothing must get through
 * @starts: times both sides were started
 * @seconds: wall clock of the guest
 */
struct cf_totals {
	uint64_t seed;
	unsigned long random_ops;
	unsigned long written_ops;
	unsigned long random_sequences;
	unsigned long written_sequences;
	unsigned long differences;
	unsigned long pages_read;
	unsigned long pages_written;
	unsigned long pages_blocked;
	unsigned long starts;
	double seconds;
};

extern struct cf_totals cf_totals;

/** cf_tally() - count an operation by what stock answered */
void cf_tally(const struct cf_case *c);

/** cf_tally_skipped() - count an operation that was not run: its feature is off */
void cf_tally_skipped(const struct cf_op *op);

/** cf_tally_print() - print the report as diagnostics */
void cf_tally_print(void);

/** cf_tally_json() - write the report to a file. Return: 0 or -errno */
int cf_tally_json(const char *file);

#endif
