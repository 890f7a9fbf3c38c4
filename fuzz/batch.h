/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * batch.h - many inputs played for another reason than to find something.
 */
#ifndef FUZZ_BATCH_H
#define FUZZ_BATCH_H

#include <stddef.h>
#include <stdint.h>

/**
 * typedef fz_batch_run - play an input
 * @in: the input
 * @len: its bytes
 * @map: 65536 places, where those are set that it reached; in: empty
 *
 * Return: 0; or not 0: it is a finding, which is written down, and @map means nothing.
 */
typedef int fz_batch_run(const uint8_t *in, size_t len, uint8_t *map);

/**
 * fz_batch_learn() - find out what differs each time, and say on stdout how much (steady.h)
 * @run: plays one
 * @files: inputs; some at random are played beside them
 * @n: how many
 * @more: how many at random
 * @seconds: about so long; what there is no time for is not learned from. 0: as long as it takes
 *
 * Every few seconds it says on stderr that it is at work.
 * Return: 0 or -errno.
 */
int fz_batch_learn(fz_batch_run *run, char **files, unsigned int n, unsigned int more,
		   unsigned int seconds);

/**
 * fz_batch_choose() - name on stdout the inputs that together reach what all reach (choose.h)
 * @run: plays one; what it does not reach each time does not count
 * @dir: folder of inputs; findings are left out. Those whose names begin with "keep-" are there
 *	anyway, so they cost next to nothing
 *
 * Return: 0 or -errno.
 */
int fz_batch_choose(fz_batch_run *run, const char *dir);

#endif
