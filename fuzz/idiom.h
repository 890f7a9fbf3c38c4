/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * idiom.h - what programs do in a row, with one range: hardly ever drawn one by one.
 */
#ifndef FUZZ_IDIOM_H
#define FUZZ_IDIOM_H

#include "live.h"
#include "op.h"
#include "random.h"

/** Operations of the longest idiom */
#define FZ_IDIOM_MAX 9U

/**
 * fz_idiom() - put one behind a sequence
 * @r: what to draw from
 * @live: what is mapped there: an idiom is often about that, or about what lies beside it
 * @s: the sequence; what has no room is left out. Setup bits may be added without which
 *	the idiom would show nothing
 */
void fz_idiom(struct fz_random *r, const struct fz_live *live, struct fz_sequence *s);

#endif
