/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seeded bugs: mistakes that can be switched on, one at a time, to see whether
 * tests and the fuzzer find them.  See bug.c for the essay.
 *
 * A module that users load is built without: hf_bug() is constant false then,
 * and nothing of all this is in it.
 */
#ifndef HOLDFAST_BUG_H
#define HOLDFAST_BUG_H

#ifdef HOLDFAST_BUGS

#include <linux/jump_label.h>

/* HF_BUG_<name> for each in the list. */
enum hf_bug {
	HF_BUG_NONE,
#define HF_SEEDED(name)	HF_BUG_##name
#include "bug_list.h"
#undef HF_SEEDED
	HF_BUG_NR
};

extern struct static_key_false hf_bug_keys[HF_BUG_NR];

/**
 * hf_bug() - is this place to be wrong now?
 * @bug: HF_BUG_*
 *
 * Context: any.
 */
#define hf_bug(bug)	static_branch_unlikely(&hf_bug_keys[bug])

#else

/* A macro, so that not even debug information has any of it. */
#define hf_bug(bug)	false

#endif

#endif
