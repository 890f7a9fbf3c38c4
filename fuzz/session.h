/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * session.h - runs of sequences, one after the other, with one device.
 *
 * Starting a DMA engine takes a second, so container, group, device and engine stay for
 * some hundred runs. A run forks a player (player.h) that does everything else; when it is gone
 * the session looks whether anything is left.
 */
#ifndef FUZZ_SESSION_H
#define FUZZ_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict.h"

struct fz_session;

/**
 * struct fz_options - how to run
 * @verbose: the player prints each operation with its answer to stdout
 * @stock: the containers are stock's
 * @timeout_ms: a run that takes longer has hung; 0: a default, by the kernel's slowness
 * @device: which of the vfio-pci devices has the engine, by its number; the next two are what
 *	other groups are made of
 * @enter: called in each process and thread that plays, before it does; may be NULL
 * @leave: called there before what happens otherwise each time (two at once, a kill, signals), and
 *	@enter again after it; may be NULL
 */
struct fz_options {
	bool verbose;
	bool stock;
	unsigned int timeout_ms;
	unsigned int device;
	void (*enter)(void);
	void (*leave)(void);
};

/**
 * fz_session_begin() - open container, device and engine
 * @s: out
 * @o: how; copied
 *
 * Return: 0 or -errno; a line on stderr says what is missing.
 */
int fz_session_begin(struct fz_session **s, const struct fz_options *o);

/**
 * fz_session_run() - play an input
 * @s: the session
 * @in: bytes, any
 * @len: how many
 * @v: out: what was found
 *
 * Return: 0: everything was as predicted; 1: a finding, @v says what; -errno: the session is of no
 * use any more: end it and begin another.
 */
int fz_session_run(struct fz_session *s, const uint8_t *in, size_t len, struct fz_verdict *v);

/**
 * fz_session_end() - close everything
 * @s: the session; NULL is none
 * @v: out: what was found when the container was closed; may be NULL
 *
 * Return: 0, or 1: a finding.
 */
int fz_session_end(struct fz_session *s, struct fz_verdict *v);

/** fz_session_stats() - counts since the session began */
const struct fz_stats *fz_session_stats(const struct fz_session *s);

#endif
