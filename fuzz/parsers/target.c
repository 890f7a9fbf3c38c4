// SPDX-License-Identifier: GPL-2.0-only
/*
 * target.c - what all targets need: parts of an input, copies of exact size, text written to
 * memory.
 */
#include "target.h"

#include <stdlib.h>
#include <string.h>

void fz_broken(const char *file, int line, const char *condition)
{
	const char *slash = strrchr(file, '/');

	fprintf(stderr, "BROKEN: %s:%d: %s\n", slash ? slash + 1 : file, line, condition);
	abort();
}

/* The next line that begins with "==", or the end. */
static const uint8_t *next_mark(const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		const uint8_t *newline;

		if (end - at >= 2 && at[0] == '=' && at[1] == '=')
			return at;
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
		at = newline + 1;
	}
	return end;
}

bool fz_next_part(struct fz_bytes *rest, char *name, size_t room, struct fz_bytes *part)
{
	const uint8_t *end = rest->at + rest->len, *mark, *newline, *next;
	size_t len;

	mark = next_mark(rest->at, end);
	if (mark == end)
		return false;
	newline = memchr(mark, '\n', (size_t)(end - mark));
	len = (size_t)((newline ? newline : end) - mark) - 2;
	if (len >= room)
		len = room - 1;
	memcpy(name, mark + 2, len);
	name[len] = '\0';
	part->at = newline ? newline + 1 : end;
	next = next_mark(part->at, end);
	part->len = (size_t)(next - part->at);
	*rest = (struct fz_bytes){ next, (size_t)(end - next) };
	return true;
}

/* The fuzzer limits memory no more than the machine does: without any, nothing can be said. */
static char *take_room(size_t size)
{
	char *room = malloc(size);

	if (!room)
		exit(EXIT_SUCCESS);
	return room;
}

char *fz_copy(struct fz_bytes bytes)
{
	char *copy = take_room(bytes.len);

	if (bytes.len)
		memcpy(copy, bytes.at, bytes.len);
	return copy;
}

char *fz_string(struct fz_bytes bytes)
{
	const size_t len = bytes.len ? strnlen((const char *)bytes.at, bytes.len) : 0;
	char *copy = take_room(len + 1);

	if (len)
		memcpy(copy, bytes.at, len);
	copy[len] = '\0';
	return copy;
}

FILE *fz_open(struct fz_bytes bytes)
{
	/* fmemopen() takes no empty buffer everywhere. */
	FILE *f = bytes.len ? fmemopen((void *)bytes.at, bytes.len, "r") : fopen("/dev/null", "re");

	if (!f)
		exit(EXIT_SUCCESS);
	return f;
}

FILE *fz_text_begin(struct fz_text *t)
{
	t->at = NULL;
	t->len = 0;
	t->f = open_memstream(&t->at, &t->len);
	if (!t->f)
		exit(EXIT_SUCCESS);
	return t->f;
}

void fz_text_done(struct fz_text *t)
{
	if (fclose(t->f))
		exit(EXIT_SUCCESS);
}

void fz_text_free(struct fz_text *t)
{
	free(t->at);
}

bool fz_text_plain(const struct fz_text *t)
{
	for (size_t i = 0; i < t->len; i++)
		if (t->at[i] != '\n' && (t->at[i] < ' ' || t->at[i] > '~'))
			return false;
	return !t->len || t->at[t->len - 1] == '\n';
}

size_t fz_text_lines(const struct fz_text *t)
{
	size_t lines = 0;

	for (size_t i = 0; i < t->len; i++)
		lines += t->at[i] == '\n';
	return lines;
}
