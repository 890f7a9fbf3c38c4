/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * coherence.h - memory that device and process do not share any more: find it, hear of it,
 * mend it.
 *
 * Only holdfast has these calls (module/uapi/vfio_holdfast.h); stock answers -ENOTTY. IOVAs and
 * lengths are bytes.
 */
#ifndef HOLDFAST_COHERENCE_H
#define HOLDFAST_COHERENCE_H

#include <holdfast/container.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vfio_holdfast.h>

/**
 * hf_try_audit() - HOLDFAST_AUDIT: turn the auditor on or off
 * @c: container with a type
 * @on: on, or off
 * @eventfd: to be signalled when memory becomes incoherent; -1: none
 *
 * Return: 0 or -errno.
 */
int hf_try_audit(const struct hf_container *c, bool on, int eventfd);

/**
 * hf_try_incoherent() - HOLDFAST_INCOHERENT, as often as it takes: what is incoherent now
 * @c: container with a type
 * @first: first IOVA
 * @last: last IOVA, included
 * @ranges: out: the ranges, ascending
 * @max: room for so many; 0: only count
 * @partial: out: some memory could not be compared; may be NULL
 *
 * Return: ranges there are, maybe more than @max, or -errno; -EPROTO: the answer is not what
 * the interface promises.
 */
long hf_try_incoherent(const struct hf_container *c, uint64_t first, uint64_t last,
		       struct holdfast_range *ranges, size_t max, bool *partial);

/**
 * hf_try_refresh() - HOLDFAST_REFRESH: have the device see what the CPU sees
 * @c: container with a type
 * @iova: first IOVA
 * @len: bytes
 * @refreshed: out: bytes that were replaced, also on error; may be NULL
 * @failed: out: IOVA of what could not be pinned, on -EFAULT; may be NULL
 *
 * Return: 0 or -errno.
 */
int hf_try_refresh(const struct hf_container *c, uint64_t iova, uint64_t len,
		   uint64_t *refreshed, uint64_t *failed);

#endif
