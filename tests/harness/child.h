/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * child.h - parts of a case that run in another process.
 *
 * A child shares the case's open files, so also its container. Expectations that fail in it
 * fail the case: t_child_end() looks at its exit status.
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * t_child_start() - fork; the child runs a function and exits
 * @fn: what it does
 * @arg: for it
 *
 * The child dies with its parent. Return: its pid.
 */
pid_t t_child_start(void (*fn)(void *arg), void *arg);

/** t_child_end() - wait for a child; the case fails unless it succeeded. Return: it did. */
bool t_child_end(pid_t pid, const char *what);

/** t_child_killed() - wait for a child that was sent SIGKILL; fails when it ended otherwise */
bool t_child_killed(pid_t pid, const char *what);

/** t_child() - start and wait */
bool t_child(void (*fn)(void *arg), void *arg, const char *what);

/**
 * t_unprivileged() - become nobody, without any capability, under a memlock limit
 * @memlock: RLIMIT_MEMLOCK, bytes
 *
 * Only in a child: there is no way back.
 */
void t_unprivileged(uint64_t memlock);

/**
 * struct t_gate - lets processes wait for each other; in memory they share
 * @step: counts up
 */
struct t_gate {
	unsigned int step;
};

/** t_gate_new() - a gate at step 0 in shared memory, never freed (a page) */
struct t_gate *t_gate_new(void);

/** t_gate_open() - go to a step */
void t_gate_open(struct t_gate *g, unsigned int step);

/**
 * t_gate_wait() - wait until a step is reached
 *
 * Return: true; false (and the case fails) when that took more than 20 seconds
 * (see t_patience_ms()).
 */
bool t_gate_wait(struct t_gate *g, unsigned int step);

/** t_vmlck() - bytes locked by a process, 0 for this one; must succeed */
uint64_t t_vmlck(pid_t pid);

/** t_expect_vmlck() - expect that a process, 0: this one, has @want bytes locked */
void t_expect_vmlck(pid_t pid, uint64_t want, const char *what);

#endif
