/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * failpoint.h - make each place of the module that can fail do so, one after the other.
 *
 * The names of the places and how they are armed: module/fail.c. They are in a module of their
 * own, which T_FAIL_RUN() loads in place of the standard one and of stock, so that nobody else
 * serves a container that holdfast refuses.
 */
#ifndef TESTS_FAILPOINT_H
#define TESTS_FAILPOINT_H

#include "harness.h"

/** Most points there may be */
#define T_POINTS_MAX 160

/** Where sequences map: below it and above it is what must stay as it is */
#define T_FAIL_IOVA 0x200000000ULL
#define T_FAIL_SPAN 0x400000000ULL

/**
 * struct t_points - the failure points as the module shows them
 * @name: of each
 * @err: errno of the failure; 0 where the module does without
 * @hits: times it was reached while it was armed
 * @failed: times it failed
 */
struct t_points {
	unsigned int nr;
	char name[T_POINTS_MAX][32];
	int err[T_POINTS_MAX];
	unsigned long hits[T_POINTS_MAX];
	unsigned long failed[T_POINTS_MAX];
};

/**
 * struct t_sequence - what passes, and is then swept
 * @begin: set up what all rounds use; false when the case is skipped or failed. May be NULL
 * @run: one round. Must leave everything as it was, whatever failed. 0, or the first errno,
 *	negative
 * @end: undo @begin; may be NULL
 * @arg: for the sequence
 * @with: a point that fails in every round, the first time; NULL: none
 * @any: points count for every process, not only this one
 * @quick: a round is short enough for a hundred more of each kind
 */
struct t_sequence {
	bool (*begin)(struct t *t);
	int (*run)(struct t *t);
	void (*end)(struct t *t);
	const void *arg;
	const char *with;
	bool any;
	bool quick;
};

/** t_fail_sequence() - the sequence of the running case (its argument) */
const struct t_sequence *t_fail_sequence(const struct t *t);

/** t_fail_sweep() - a case: sweep its argument, a struct t_sequence, over all its points */
void t_fail_sweep(struct t *t);

/** t_fail_order() - write a line to the module's control file; must succeed */
void t_fail_order(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** t_fail_points() - read the control file; must succeed */
void t_fail_points(struct t_points *p);

/** t_fail_find() - number of a point; must be there */
unsigned int t_fail_find(const struct t_points *p, const char *name);

/** t_fail_reached() - note that a point failed as it should, outside of a sweep */
void t_fail_reached(const char *name);

/** t_fail_repeating() - is this round one of very many, all alike? */
bool t_fail_repeating(void);

/** t_fail_missed() - fails the case for every point that never failed so far */
void t_fail_missed(const char *const *except, size_t count);

/**
 * t_fail_load() - load the module with failure points, nothing else being loaded
 * @param: more arguments of insmod
 *
 * Return: exit status of insmod; 0: loaded.
 */
int t_fail_load(const char *param);

/** t_fail_with_cover() - from now on t_fail_load() takes the module that has coverage, too */
void t_fail_with_cover(void);

/** t_fail_unload() - unload whatever backend is there; must succeed */
void t_fail_unload(void);

/**
 * t_fail_run() - t_run() with that module
 *
 * In a child, so that the standard modules are back when this returns, however the child
 * ended. Return: exit code for main().
 */
int t_fail_run(const struct t_case *cases, size_t count);

/** T_FAIL_RUN() - t_fail_run() of an array */
#define T_FAIL_RUN(cases) t_fail_run((cases), T_ARRAY_SIZE(cases))

#endif
