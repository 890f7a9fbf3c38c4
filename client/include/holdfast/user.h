/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * user.h - what a user has locked, all processes together.
 *
 * It (user_struct.locked_vm) is shown nowhere, but a socket that sends without copying
 * (MSG_ZEROCOPY) uses the same count against the same limit: the smallest RLIMIT_MEMLOCK under
 * which one may send says how much is locked already, to the page, and that is a witness which owes
 * nothing to the module under test.
 */
#ifndef HOLDFAST_USER_H
#define HOLDFAST_USER_H

#include <stdint.h>
#include <sys/types.h>

/**
 * hf_user_locked() - what is charged to a user
 * @uid: the user; this process must be root, or that user
 * @patience_ms: how long a message may take on this machine
 * @bytes: out
 *
 * Return: 0; -EOVERFLOW when not even 4 TiB are enough, as with a count below zero; -ENODATA when
 * sockets do not answer the question; or another -errno.
 */
int hf_user_locked(uid_t uid, int patience_ms, uint64_t *bytes);

#endif
