/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source.h - where the state is read from: the module's debugfs, or a copy of it.
 */
#ifndef HOLDFAST_TOOL_SOURCE_H
#define HOLDFAST_TOOL_SOURCE_H

#include "model.h"
#include "problem.h"

/** Where the module shows its state */
#define HT_ROOT "/sys/kernel/debug/holdfast"

/** What to read beside "info" */
#define HT_READ_MAPPINGS (1u << 0)
#define HT_READ_INCOHERENT (1u << 1)

/**
 * struct ht_source - an open one
 * @root: its folder
 * @fd: the same, open
 * @live: it is the module's own, so its processes are this machine's
 * @problem: what went wrong last
 */
struct ht_source {
	const char *root;
	int fd;
	bool live;
	struct ht_problem problem;
};

/** struct ht_signs - what tells apart why HT_ROOT cannot be opened */
struct ht_signs {
	int err;      /* errno of the attempt */
	bool module;  /* /sys/module has the module */
	bool debugfs; /* debugfs is mounted above HT_ROOT */
};

/**
 * ht_source_open() - find the state, check its version
 * @s: to fill in; ht_source_close() whatever this returns
 * @root: HT_ROOT or a copy; must stay
 *
 * Return: HT_OK, or what s->problem has.
 */
enum ht_code ht_source_open(struct ht_source *s, const char *root);

/** ht_source_close() - harmless on a zeroed one */
void ht_source_close(struct ht_source *s);

/**
 * ht_source_one() - read one container
 * @s: open
 * @id: its number
 * @what: HT_READ_*
 * @snap: to fill in, ht_snapshot_free() whatever this returns
 *
 * Return: HT_OK; HT_GONE; HT_MALFORMED; HT_FAILED.
 */
enum ht_code ht_source_one(struct ht_source *s, uint64_t id, unsigned int what,
			   struct ht_snapshot *snap);

/** ht_source_all() - read all; one that goes away meanwhile is left out. As ht_source_one() */
enum ht_code ht_source_all(struct ht_source *s, unsigned int what, struct ht_snapshot *snap);

/**
 * ht_source_diagnose() - say why there is no state at HT_ROOT
 * @p: to fill in
 * @signs: what is known
 *
 * Return: the code.
 */
enum ht_code ht_source_diagnose(struct ht_problem *p, const struct ht_signs *signs);

#endif
