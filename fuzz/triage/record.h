/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record.h - the inputs played last, kept where they outlive the machine that played them.
 *
 * A guest that dies takes with it what it was doing. The recorder is memory that does not die: the
 * BAR of an emulated device whose memory is a file of the host (scripts/guest --recorder). Before
 * an input is played it is copied there, which costs as much as the copy; after a death the
 * host reads the file, and finds the input that ran and those that ran before it.
 *
 * There is one writer at a time.
 */
#ifndef FUZZ_RECORD_H
#define FUZZ_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of an input that are kept; longer ones are cut off */
#define FZ_RECORD_BYTES 1000U

struct fz_recorder;

/**
 * fz_record_open() - begin to write, behind what is there
 * @path: the file, or the BAR
 * @r: out
 *
 * Return: 0; -EINVAL: there is no room for an input; or -errno.
 */
int fz_record_open(const char *path, struct fz_recorder **r);

/**
 * fz_record() - an input is going to be played
 * @r: the recorder; NULL: nothing is recorded
 * @in: the input
 * @len: its bytes
 */
void fz_record(struct fz_recorder *r, const void *in, size_t len);

/** fz_record_done() - the input recorded last has been played to its end */
void fz_record_done(struct fz_recorder *r);

void fz_record_close(struct fz_recorder *r);

/**
 * struct fz_recorded - what a file holds
 * @count: inputs that are there, the last ones
 * @running: the last one was not played to its end
 * @number: how many were ever recorded
 */
struct fz_recorded {
	unsigned int count;
	bool running;
	uint64_t number;
};

/**
 * fz_recorded() - look at a file
 * @path: the file
 * @what: out
 * @each: called for each input, the oldest first, with @data; may be NULL. @back counts down to 0,
 *	which is the last one
 * @data: for @each
 *
 * What is there was written by a machine that died, at any instruction: an input that was being
 * written is left out.
 *
 * Return: 0; -ENODATA: nothing was ever recorded there; -EINVAL; or -errno.
 */
int fz_recorded(const char *path, struct fz_recorded *what,
		void (*each)(const uint8_t *in, size_t len, unsigned int back, void *data),
		void *data);

#endif
