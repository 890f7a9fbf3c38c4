/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sweep.h - file what guests have left in a run's folder.
 */
#ifndef FUZZ_TRIAGE_SWEEP_H
#define FUZZ_TRIAGE_SWEEP_H

#include <json-c/json.h>

/**
 * typedef fz_sweep_said - something was filed
 * @signature: its signature
 * @count: how often it was seen
 * @oracle: who objected
 * @from: which guest has left it, "g1/BOOT", or "g1" where it is AFL++'s
 */
typedef void fz_sweep_said(const char *signature, unsigned int count, const char *oracle,
			   const char *from);

/**
 * fz_sweep() - file every verdict, and every input that crashes or hangs the target, as AFL++ says,
 *	but has no verdict
 * @run: the run's folder
 * @store: folder of findings
 * @age: seconds an input of AFL++'s must have been there: its verdict may be on its way
 * @about: members for new findings
 * @said: called for each
 *
 * Filed verdicts are removed, and what cannot be filed stays for another time. Inputs that were seen
 * are noted in @run/known, by a sum of bytes.
 *
 * Return: 0, or -errno of the first thing that went wrong; the others are filed nevertheless.
 */
int fz_sweep(const char *run, const char *store, unsigned int age, json_object *about,
	     fz_sweep_said *said);

#endif
