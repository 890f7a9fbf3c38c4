/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * store.h - findings on disk, a folder each, named by its signature:
 *
 *	finding.json	what it is, how often it was seen, what replaying it gave
 *	input		the first input that showed it; input-2, input-3: others
 *	input.txt	the same as text
 *	minimised, minimised.txt	the smallest input that still shows it
 *	verdict.json	what the oracle said
 *	kernel.log	what the kernel said, from shortly before its first complaint
 *	history/	the inputs played before the one that killed a guest, newest first
 *
 * finding.json is replaced by a rename. One process at a time changes a store.
 */
#ifndef FUZZ_TRIAGE_STORE_H
#define FUZZ_TRIAGE_STORE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "sign.h"

/** Inputs kept of one signature */
#define FZ_STORE_INPUTS 3

/**
 * struct fz_sighting - something was found
 * @kind: "verdict": an oracle objected; "death": the guest died; "hang": it hung; "log": its kernel
 *	log has what must not be there; "crash": the target ended without a verdict
 * @verdict: file with the verdict, JSON; or NULL
 * @log: file with the kernel log; or NULL
 * @title: part of the line of @log that matters; NULL: the first report
 * @input: file with the input; or NULL
 * @about: more members for finding.json, those of the first sighting stay; or NULL
 */
struct fz_sighting {
	const char *kind;
	const char *verdict;
	const char *log;
	const char *title;
	const char *input;
	json_object *about;
};

/**
 * fz_store_add() - file a sighting
 * @store: the folder of all findings; made where it is not there
 * @s: what was found
 * @signature: out, FZ_SIGN bytes
 * @count: out: how often that signature was seen, this one included
 * @oracle: out, 32 bytes: who objected
 *
 * Return: 0; -ENODATA: the sighting has neither verdict nor log, nor any other kind that speaks for
 * itself; or -errno.
 */
int fz_store_add(const char *store, const struct fz_sighting *s, char *signature,
		 unsigned int *count, char *oracle);

/**
 * fz_store_result() - what replaying a finding gave
 * @finding: its folder
 * @replays: how often it was played
 * @same: how often it showed the same signature
 * @minimised: file with the smaller input; or NULL
 *
 * State of the finding: "confirmed" when every replay was the same, "flaky" when some were,
 * "unreproduced" when none was.
 *
 * Return: 0 or -errno.
 */
int fz_store_result(const char *finding, unsigned int replays, unsigned int same,
		    const char *minimised);

/**
 * fz_store_load() - all findings
 * @store: the folder
 *
 * Return: a new array of the contents of all finding.json, by signature; empty where there is none.
 */
json_object *fz_store_load(const char *store);

/** fz_text(), fz_number() - a member of an object; "" and 0 where it is not there */
const char *fz_text(json_object *o, const char *key);
double fz_number(json_object *o, const char *key);

#endif
