/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * target.h - something that reads bytes from outside, to be given any bytes.
 *
 * A target is a program: one file with fz_target(), target.c, and either afl.c (AFL++ chooses the
 * bytes) or replay.c (they come from files). It hands the bytes to the code it is about, and
 * checks what must hold whatever they are: answers that contradict each other are a finding as
 * much as a crash is. Nothing outlives a call, so that an input does the same wherever it is
 * played.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** fz_target() - one input; returns when all is as it must be, aborts otherwise */
void fz_target(const uint8_t *in, size_t len);

/** FZ_MUST() - a condition that holds for every input */
#define FZ_MUST(condition)                                                                 \
	do {                                                                               \
		if (!(condition))                                                          \
			fz_broken(__FILE__, __LINE__, #condition);                         \
	} while (0)

/** fz_broken() - say which condition does not hold, and abort */
void fz_broken(const char *file, int line, const char *condition) __attribute__((noreturn));

/** struct fz_bytes - part of an input */
struct fz_bytes {
	const uint8_t *at;
	size_t len;
};

/**
 * fz_next_part() - take the next part of an input of several texts
 * @rest: the input; moved on
 * @name: out: what stands behind "==" in the line above the part
 * @room: bytes in @name
 * @part: out: the part, to the next such line
 *
 * What stands above the first such line is no part. Return: false at the end.
 */
bool fz_next_part(struct fz_bytes *rest, char *name, size_t room, struct fz_bytes *part);

/**
 * fz_copy() - a copy to free(), of exactly this size
 *
 * So that a sanitizer sees a read beyond the end.
 */
char *fz_copy(struct fz_bytes bytes);

/** fz_string() - likewise, up to the first NUL, with one at the end */
char *fz_string(struct fz_bytes bytes);

/** fz_open() - a stream to read the bytes from; they must stay */
FILE *fz_open(struct fz_bytes bytes);

/**
 * struct fz_text - a stream that keeps what is written to it
 * @f: the stream
 * @at: the text, once fz_text_done() was called
 * @len: its bytes
 */
struct fz_text {
	FILE *f;
	char *at;
	size_t len;
};

/** fz_text_begin() - open it */
FILE *fz_text_begin(struct fz_text *t);

/** fz_text_done() - close it; the text is to be freed with fz_text_free() */
void fz_text_done(struct fz_text *t);
void fz_text_free(struct fz_text *t);

/** fz_text_plain() - nothing but printable ASCII and newlines, the last line ended */
bool fz_text_plain(const struct fz_text *t);

/** fz_text_lines() - newlines in it */
size_t fz_text_lines(const struct fz_text *t);

#endif
