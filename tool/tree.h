/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tree.h - containers in words: details, the tree of their mappings, totals, incoherent ranges.
 */
#ifndef HOLDFAST_TOOL_TREE_H
#define HOLDFAST_TOOL_TREE_H

#include "model.h"

#include <stdio.h>

/** ht_show() - details of a container, then container > process > mapping; 0 or -ENOMEM */
int ht_show(FILE *out, const struct ht_container *c);

/** ht_stat() - totals, one "name: value" a line, exact, with sizes also for people */
void ht_stat(FILE *out, const struct ht_totals *t);

/** ht_incoherent() - the ranges of all containers with whose memory they are; how many */
size_t ht_incoherent(FILE *out, const struct ht_snapshot *s);

#endif
