/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stand_in.h - what the session that needs no guest tells the module that is none.
 */
#ifndef FUZZ_TRIAGE_STAND_IN_H
#define FUZZ_TRIAGE_STAND_IN_H

#include <stdbool.h>

#include "../../op.h"

/** Operations played since the last fz_cover_begin() */
extern bool stand_in_reached[FZ_CODES];

#endif
