/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h - what a run found, and what it counted.
 */
#ifndef FUZZ_VERDICT_H
#define FUZZ_VERDICT_H

#include <stdint.h>

#include "op.h"

/** Who can object */
enum fz_oracle {
	FZ_ORACLE_ANSWER,  /* an ioctl or system call answers something else */
	FZ_ORACLE_CPU,	   /* a process sees other bytes */
	FZ_ORACLE_DEVICE,  /* the device reaches other bytes */
	FZ_ORACLE_BLOCKED, /* the device reaches what it must not */
	FZ_ORACLE_AUDITOR, /* incoherent ranges are other ones */
	FZ_ORACLE_CHARGE,  /* locked memory of a process is another */
	FZ_ORACLE_BALANCE, /* something is left behind: pins, huge pages, locked memory */
	FZ_ORACLE_LOG,	   /* the kernel complains */
	FZ_ORACLE_HANG,	   /* a run does not end */
	FZ_ORACLES
};

/** Results of operations that are counted apart: 0, other success, each errno below, others */
#define FZ_ANSWERS 136U

/**
 * struct fz_verdict - a finding
 * @step: index of the operation; -1: none in particular
 * @oracle: who objects
 * @operation: name of the operation, or "end"
 * @signature: the same for findings that are likely the same
 * @text: for people
 */
struct fz_verdict {
	int step;
	enum fz_oracle oracle;
	char operation[24];
	char signature[96];
	char text[512];
};

/**
 * struct fz_stats - counts
 * @runs: sequences played
 * @answers: how often each operation was answered what: [0] 0, [e] -e, [FZ_ANSWERS - 1] others
 * @skipped: operations that made no sense where they stood
 * @checks: how often each oracle was asked
 */
struct fz_stats {
	uint64_t runs;
	uint64_t answers[FZ_CODES][FZ_ANSWERS];
	uint64_t skipped[FZ_CODES];
	uint64_t checks[FZ_ORACLES];
};

/** fz_oracle_name() - in text */
const char *fz_oracle_name(enum fz_oracle oracle);

#endif
