/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pair.h - the two sides, seen from the driver.
 */
#ifndef CONFORMANCE_PAIR_H
#define CONFORMANCE_PAIR_H

#include <sys/types.h>

#include "model.h"

/**
 * struct cf_pair - two sides that run
 * @setup: how they were opened
 * @fd: sockets
 * @pid: processes
 * @pins: pins held by the system when both are at rest
 * @alike: both are on stock: shows what this test itself would call a difference
 * @dead: a side is gone or does not answer
 */
struct cf_pair {
	struct cf_setup setup;
	int fd[CF_SIDES];
	pid_t pid[CF_SIDES];
	int64_t pins;
	bool alike;
	bool dead;
};

/** cf_pair_start() - start two sides. Return: true; false and a diagnostic when one failed */
bool cf_pair_start(struct cf_pair *p, const struct cf_setup *setup, bool alike);

/** cf_pair_stop() - end them; harmless when they do not run */
void cf_pair_stop(struct cf_pair *p);

/**
 * cf_pair_ask() - the same request to both
 * @p: the sides
 * @q: the request
 * @one_by_one: each with the kill switch set for it, never both at once
 * @r: their answers
 *
 * Return: true; false when one has died (@p->dead).
 */
bool cf_pair_ask(struct cf_pair *p, const struct cf_request *q, bool one_by_one,
		 struct cf_result r[CF_SIDES]);

/** cf_pins() - pins held by the system */
int64_t cf_pins(void);

/** cf_parameter() - set a parameter of stock and holdfast both, where they have it */
void cf_parameter(const char *name, const char *value);

#endif
