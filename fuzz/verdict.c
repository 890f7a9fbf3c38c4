// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict.c - names of oracles.
 */
#include "verdict.h"

const char *fz_oracle_name(enum fz_oracle oracle)
{
	static const char *const name[FZ_ORACLES] = {
		[FZ_ORACLE_ANSWER] = "answer",	 [FZ_ORACLE_CPU] = "cpu",
		[FZ_ORACLE_DEVICE] = "device",	 [FZ_ORACLE_BLOCKED] = "blocked",
		[FZ_ORACLE_AUDITOR] = "auditor", [FZ_ORACLE_CHARGE] = "charge",
		[FZ_ORACLE_BALANCE] = "balance", [FZ_ORACLE_LOG] = "log",
		[FZ_ORACLE_HANG] = "hang",
	};

	return oracle < FZ_ORACLES ? name[oracle] : "?";
}
