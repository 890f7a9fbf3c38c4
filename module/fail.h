/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failure points: a name for each place of the module that can fail, so that a
 * test can make each fail in turn.  See fail.c for the essay.
 *
 * A module that users load is built without: hf_fail() is constant false then,
 * and nothing of all this is in it.
 */
#ifndef HOLDFAST_FAIL_H
#define HOLDFAST_FAIL_H

#include <linux/types.h>

#ifdef HOLDFAST_FAIL_POINTS

/* HF_FAIL_<name> for each in the list. */
enum hf_fail {
#define HF_FAIL_POINT(name, err)	HF_FAIL_##name
#include "fail_points.h"
#undef HF_FAIL_POINT
	HF_FAIL_NR
};

bool hf_fail(enum hf_fail point);
int hf_fail_err(enum hf_fail point);
int hf_fail_init(void);
void hf_fail_exit(void);

#else

/* Macros, so that not even debug information has any of it. */
#define hf_fail(point)		false
#define hf_fail_err(point)	0
#define hf_fail_init()		0
#define hf_fail_exit()		do { } while (0)

#endif

#endif
