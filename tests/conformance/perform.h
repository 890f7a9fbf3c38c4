/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perform.h - one operation, carried out; for worker.c.
 */
#ifndef CONFORMANCE_PERFORM_H
#define CONFORMANCE_PERFORM_H

#include <holdfast/rig.h>

#include "worker.h"

/**
 * struct cf_worker - a side's state
 * @setup: how it was opened
 * @device: number of its device
 * @second: number of the other device
 * @bdf: address of the first
 * @second_bdf: and of the second
 * @rig: container, group, device, engine
 * @bounce: memory at CF_PORT_BOUNCE
 * @status: /proc/self/status, open
 * @privileged: CAP_IPC_LOCK is effective
 */
struct cf_worker {
	struct cf_setup setup;
	unsigned int device;
	unsigned int second;
	char bdf[HF_BDF_LEN];
	char second_bdf[HF_BDF_LEN];
	struct hf_rig rig;
	void *bounce;
	int status;
	bool privileged;
};

/** cf_perform() - carry an operation out */
void cf_perform(struct cf_worker *w, const struct cf_request *q, struct cf_result *r);

/** cf_locked() - VmLck and VmPin of this process, bytes */
void cf_locked(struct cf_worker *w, uint64_t *vmlck, uint64_t *vmpin);

/** cf_limit() - set RLIMIT_MEMLOCK, and whether CAP_IPC_LOCK overrides it. Return: 0, -errno */
int cf_limit(struct cf_worker *w, uint64_t bytes, bool privileged);

/** cf_port_restore() - map the port again where it is not mapped. Return: 0 or -errno */
int cf_port_restore(struct cf_worker *w);

/**
 * cf_probe() - have the device look at a page
 * @w: the side
 * @p: the page, and how
 * @tag: what the device writes
 * @fresh: not 0: what is read is to be blocked; the page gets this tag before, and the answer
 *	is whether the device got at it
 * @seen: the answer
 */
void cf_probe(struct cf_worker *w, const struct cf_probe *p, uint64_t tag, uint64_t fresh,
	      struct cf_seen *seen);

#endif
