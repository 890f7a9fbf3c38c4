/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * crowd.h - many threads that each do one random thing after the other.
 *
 * A worker draws from a table of operations, with weights. What it draws, and all numbers its
 * operations draw, come from a generator seeded with the crowd's seed and the worker's number:
 * the same seed gives each worker the same requests in the same order, whatever the others do.
 * (How often it gets to draw before time is up is another matter.)
 *
 * An operation answers what the kernel answered. An answer that its entry does not allow, or
 * an operation that does not come back, fails the case.
 */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define T_CROWD_MAX 16
#define T_OPS_MAX 16
#define T_OP_ERRORS 4

struct t_worker;

/**
 * struct t_op - something a worker does
 * @name: for people
 * @weight: how often, against the sum of its table
 * @run: does it; returns 0 or -errno. T_WRONG when something else than the answer was wrong.
 * @allow: errors that are as good as 0; ends with 0
 */
struct t_op {
	const char *name;
	unsigned int weight;
	int (*run)(struct t_worker *w);
	int allow[T_OP_ERRORS];
};

/** What @run returns when it has said itself what is wrong (t_wrong()) */
#define T_WRONG (-9999)

/**
 * struct t_worker - one of a crowd
 * @crowd: it
 * @number: from 0 on
 * @data: of whoever added it
 *
 * The rest is the crowd's own.
 */
struct t_worker {
	struct t_crowd *crowd;
	unsigned int number;
	void *data;

	const char *name;
	const struct t_op *ops;
	size_t n_ops;
	uint64_t state;
	uint64_t step;
	_Atomic(const struct t_op *) now;
	_Atomic uint64_t since_ms;
	atomic_bool done;
	uint64_t good[T_OPS_MAX];
	uint64_t refused[T_OPS_MAX];
	pthread_t thread;
};

/**
 * struct t_crowd - all of them
 * @seed: of the run
 * @stop: they end when this is set: by t_crowd_stop(), or by the first wrong answer
 * @n: workers
 * @worker: they
 * @complaint: the first thing that was wrong, or empty
 */
struct t_crowd {
	uint64_t seed;
	atomic_bool stop;
	unsigned int n;
	struct t_worker worker[T_CROWD_MAX];

	pthread_mutex_t lock;
	char complaint[256];
};

/** t_crowd_init() - an empty crowd */
void t_crowd_init(struct t_crowd *c, uint64_t seed);

/**
 * t_crowd_add() - add a worker; it does not begin yet
 * @c: crowd
 * @name: for people
 * @ops: what it does, at most T_OPS_MAX
 * @n_ops: entries
 * @data: for the operations
 */
void t_crowd_add(struct t_crowd *c, const char *name, const struct t_op *ops, size_t n_ops,
		 void *data);

/** t_crowd_start() - all begin */
void t_crowd_start(struct t_crowd *c);

/** t_crowd_stopped() - is it time to end? For operations that take long, too. */
bool t_crowd_stopped(const struct t_crowd *c);

/**
 * t_crowd_stop() - all end; says what they did, fails the case when something was wrong
 *
 * A worker whose operation does not come back ends the program: nobody can clean up behind a
 * thread that is stuck in the kernel. So does t_crowd_watch(), to be called now and then.
 */
void t_crowd_stop(struct t_crowd *c);

/** t_crowd_watch() - has a worker been in one operation for too long? Does not return then. */
void t_crowd_watch(struct t_crowd *c);

/** t_random() - the worker's next number, below @limit */
uint64_t t_random(struct t_worker *w, uint64_t limit);

/** t_wrong() - complain; the first complaint of a crowd is kept. Return: T_WRONG. */
int t_wrong(struct t_worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
