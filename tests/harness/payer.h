/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * payer.h - who is charged for locked memory: a process, or a user.
 *
 * What a process has locked is in /proc. What a user has (user_struct.locked_vm, shared by all
 * of the user's processes) is shown nowhere; see holdfast/user.h.
 */
#ifndef TESTS_PAYER_H
#define TESTS_PAYER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness.h"

/** The user that t_unprivileged() becomes */
#define T_NOBODY 65534

/**
 * t_payer_start() - start a process that can tell what a user has locked; before t_run()
 *
 * It must be started before anything is open, and answers whoever asks: also processes that
 * have lost the privilege to look. At the end of each case what root and nobody have locked
 * must be what it was.
 */
void t_payer_start(void);

/** t_touched() - small pages of a process that ends before the case does; must succeed */
char *t_touched(size_t len);

/** t_user_locked() - bytes charged to a user; 0 without t_payer_start(); must succeed */
uint64_t t_user_locked(uid_t uid);

/** t_users_even() - fail the case when a user is charged more or less than at the beginning */
void t_users_even(const char *what);

/**
 * t_expect_own() - what a process shows as charged for its memory
 * @t: the case: VmLck, or with accounting=user VmPin; the other one is to be 0
 * @pid: the process, 0 for this one
 * @want: bytes
 * @what: when
 */
void t_expect_own(const struct t *t, pid_t pid, uint64_t want, const char *what);

/**
 * t_expect_user() - what a user is charged
 * @t: the case: unless it is by user, the user is to be charged nothing
 * @uid: the user
 * @want: bytes, more than before the first case
 * @what: when
 */
void t_expect_user(const struct t *t, uid_t uid, uint64_t want, const char *what);

#endif
