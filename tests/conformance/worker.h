/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h - a side: a process with a container of its own that carries operations out.
 *
 * The driver forks one for stock and one for holdfast; both come from the same image at the
 * same point, so their address spaces are alike. They speak over a SOCK_SEQPACKET pair: a
 * struct cf_request in, a struct cf_result out.
 */
#ifndef CONFORMANCE_WORKER_H
#define CONFORMANCE_WORKER_H

#include "op.h"

/** Pages one sweep may look at */
#define CF_PROBES 64

/** Bytes of the request's memory that are compared */
#define CF_OUT 512

/** Bytes of a bitmap that come back as they are; the rest as a hash */
#define CF_BITMAP 2048

/** IOVAs of a side's own DMA memory, see worker.c */
#define CF_PORT_ENGINE 0x7000000000ULL
#define CF_PORT_BOUNCE (CF_PORT_ENGINE + 0x100000)
#define CF_PORT_BOUNCE_LEN (16 * CF_PAGE)

/** Requests */
enum { CF_REQ_OP, CF_REQ_RESET };

/** Directions of a probe */
#define CF_PROBE_READ 1u
#define CF_PROBE_WRITE 2u

/**
 * struct cf_probe - a page to be looked at by the device
 * @iova: of the page
 * @vaddr: where the process had it when it was mapped
 * @how: CF_PROBE_*
 */
struct cf_probe {
	uint64_t iova;
	uint64_t vaddr;
	uint32_t how;
};

/**
 * struct cf_request - what the driver sends
 * @what: CF_REQ_*
 * @op: the operation
 * @nr: probes
 * @probe: for CF_SWEEP and CF_BLOCKED
 */
struct cf_request {
	uint32_t what;
	struct cf_op op;
	uint32_t nr;
	struct cf_probe probe[CF_PROBES];
};

/**
 * struct cf_seen - what came of a probe
 * @device: the tag the device read, 0 when it was not to read
 * @cpu: the tag the CPU reads at the page's address, CF_NO_MEMORY when there is none
 * @written: what the CPU reads there after the device wrote
 */
struct cf_seen {
	uint64_t device;
	uint64_t cpu;
	uint64_t written;
};

#define CF_NO_MEMORY 0xdeadULL

/** cf_window() - which part of the bitmap's memory comes back as it is: its first byte */
static inline uint64_t cf_window(const struct cf_op *op)
{
	const uint64_t last = cf_places[CF_BITS].len - CF_BITMAP, at = op->at.off & ~7ULL;

	if (op->at.place != CF_BITS)
		return 0;
	return at < last ? at : last;
}

/**
 * struct cf_result - what the side answers
 * @ret: result of the call, -errno when it failed
 * @port: 0, or why the side's own DMA memory could not be mapped again
 * @vmlck: VmLck afterwards, bytes
 * @vmpin: VmPin afterwards, bytes
 * @idle_vmlck: CF_REQ_RESET: VmLck with nothing mapped
 * @rest: hash of the bitmap's memory outside of @bits
 * @out: the request's memory afterwards
 * @bits: the bitmap's memory afterwards, from cf_window() on
 * @nr: probes answered
 * @seen: the answers
 */
struct cf_result {
	int64_t ret;
	int32_t port;
	uint64_t vmlck;
	uint64_t vmpin;
	uint64_t idle_vmlck;
	uint64_t rest;
	uint8_t out[CF_OUT];
	uint8_t bits[CF_BITMAP];
	uint32_t nr;
	struct cf_seen seen[CF_PROBES];
};

/**
 * cf_worker() - be a side until the driver hangs up; does not return
 * @fd: the socket
 * @setup: what to open
 * @device: number of its device
 * @second: number of the device whose group is attached for a moment
 */
_Noreturn void cf_worker(int fd, const struct cf_setup *setup, unsigned int device,
			 unsigned int second);

#endif
