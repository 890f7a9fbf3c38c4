/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stuck.h - keep somebody waiting in the kernel, for as long as a case likes.
 *
 * Memory that is not there, behind a userfaultfd that nobody serves: whoever touches it waits
 * until t_stuck_end().
 */
#ifndef TESTS_STUCK_H
#define TESTS_STUCK_H

#include <holdfast/container.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct t_stuck - such memory, small pages
 * @addr: where
 * @len: bytes
 * @fd: the userfaultfd
 */
struct t_stuck {
	char *addr;
	size_t len;
	int fd;
};

/** t_stuck_make() - make @len bytes; must succeed */
void t_stuck_make(struct t_stuck *s, size_t len);

/** t_stuck_wait() - wait until somebody waits there; must succeed */
void t_stuck_wait(const struct t_stuck *s);

/** t_stuck_end() - let them go on: it is ordinary memory now */
void t_stuck_end(struct t_stuck *s);

/** t_stuck_free() - give it back */
void t_stuck_free(struct t_stuck *s);

/**
 * struct t_holder - somebody who is at work on mappings: their dirty pages are reported into
 * memory that is not there
 */
struct t_holder {
	struct t_stuck bitmap;
	const struct hf_container *c;
	uint64_t iova;
	uint64_t len;
	int ret;
	pthread_t thread;
};

/** t_hold() - turn tracking on and hold the mappings of a range (at most 128 MiB) */
void t_hold(struct t_holder *h, const struct hf_container *c, uint64_t iova, uint64_t len);

/** t_let_go() - end it. Return: what the report answered. */
int t_let_go(struct t_holder *h);

#endif
