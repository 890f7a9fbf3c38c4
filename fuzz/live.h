/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live.h - what is mapped for the device at a point of a sequence, as far as the list says.
 *
 * A guess, for who makes sequences: whether a map fails is the model's business (model.h).
 */
#ifndef FUZZ_LIVE_H
#define FUZZ_LIVE_H

#include "op.h"

/**
 * struct fz_range - a mapping
 * @iova: first page of the IOVA window
 * @page: first page of the arena
 * @count: pages
 */
struct fz_range {
	unsigned int iova;
	unsigned int page;
	unsigned int count;
};

struct fz_live {
	unsigned int n;
	struct fz_range range[FZ_OPS_MAX];
};

/**
 * fz_live_before() - what is mapped before an operation
 * @s: the sequence
 * @k: index of the operation; @s->n for the end
 * @live: out
 */
void fz_live_before(const struct fz_sequence *s, unsigned int k, struct fz_live *live);

#endif
