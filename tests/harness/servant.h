/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * servant.h - a child that does what it is told, step by step.
 *
 * For cases in which parent and child take turns: the parent asks, waits, and gets an answer.
 */
#ifndef TESTS_SERVANT_H
#define TESTS_SERVANT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct t_servant_orders;

/**
 * typedef t_servant_fn - what a servant does when it is asked
 * @arg: its memory, a copy of the parent's as of the fork
 * @what: what to do
 * @with: a number that goes with it
 *
 * Return: the answer.
 */
typedef bool t_servant_fn(void *arg, int what, uint64_t with);

/**
 * struct t_servant - a child, or none
 * @pid: the child, 0 when there is none
 * @orders: in memory that both share
 * @asked: how many orders it was given
 */
struct t_servant {
	pid_t pid;
	struct t_servant_orders *orders;
	unsigned int asked;
};

/** t_servant_start() - fork one; @arg may be memory that both then have a copy of */
void t_servant_start(struct t_servant *s, t_servant_fn *fn, void *arg);

/** t_servant_do() - have it do something, wait, and return its answer; false when it hangs */
bool t_servant_do(struct t_servant *s, int what, uint64_t with);

/** t_servant_end() - have it exit; fails the case if an expectation of it failed. Harmless when
 *  there is none. */
void t_servant_end(struct t_servant *s);

#endif
