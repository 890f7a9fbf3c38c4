// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_proc.c - the value of a line of /proc.
 *
 * An input is the key, one line, and a file as /proc/vmstat or /proc/PID/status. What is found
 * is what a search of the whole text finds.
 */
#include "target.h"

#include <errno.h>
#include <holdfast/proc.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Number at the start of a text; false when it is none, or too large. */
static bool number(const char *at, const char *end, uint64_t *value)
{
	const char *first = at;

	for (*value = 0; at < end && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(*value, 10U, value) ||
		    __builtin_add_overflow(*value, (unsigned int)(*at - '0'), value))
			return false;
	return at > first && (at == end || is_space(*at));
}

static int expected(const char *text, size_t len, const char *key, uint64_t *value)
{
	const size_t key_len = strlen(key);
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end, *at = text + key_len;

		if ((size_t)(stop - text) > key_len && !memcmp(text, key, key_len) &&
		    (is_space(*at) || *at == ':')) {
			while (at < stop && (is_space(*at) || *at == ':'))
				at++;
			return number(at, stop, value) ? 0 : -EPROTO;
		}
		text = stop + 1;
	}
	return -ENOENT;
}

void fz_target(const uint8_t *in, size_t len)
{
	const uint8_t *newline = len ? memchr(in, '\n', len) : NULL;
	uint64_t value = 0, must = 0;
	struct fz_bytes text;
	char *key, *exact;
	int ret;
	FILE *f;

	if (!newline)
		return;
	key = fz_string((struct fz_bytes){ in, (size_t)(newline - in) });
	text = (struct fz_bytes){ newline + 1, len - (size_t)(newline + 1 - in) };
	exact = fz_copy(text);
	f = fz_open(text);
	ret = hf_proc_find(f, key, &value);
	fclose(f);
	FZ_MUST(ret == expected(exact, text.len, key, &must));
	FZ_MUST(ret || value == must);
	free(exact);
	free(key);
}
