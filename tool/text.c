// SPDX-License-Identifier: GPL-2.0-only
/*
 * text.c - reading text that may be anything.
 *
 * Nothing here looks beyond the end of a span, and no libc function that wants a NUL is used.
 */
#include "text.h"

#include <string.h>

int ht_line(struct ht_lines *l, struct ht_span *line)
{
	const char *newline;

	if (l->at == l->end)
		return 0;
	l->number++;
	newline = memchr(l->at, '\n', (size_t)(l->end - l->at));
	if (!newline)
		return -1;
	*line = (struct ht_span){ l->at, (size_t)(newline - l->at) };
	l->at = newline + 1;
	return 1;
}

struct ht_span ht_word(struct ht_span *rest)
{
	const char *space = rest->len ? memchr(rest->at, ' ', rest->len) : NULL;
	struct ht_span word = *rest;

	if (!space) {
		*rest = (struct ht_span){ NULL, 0 };
		return word;
	}
	word.len = (size_t)(space - word.at);
	rest->at = space + 1;
	rest->len -= word.len + 1;
	return word;
}

bool ht_is(struct ht_span s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.at, text, s.len);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

bool ht_number(struct ht_span s, enum ht_base base, uint64_t *value)
{
	unsigned int radix = 10;
	uint64_t sum = 0;

	if (base == HT_HEX && !ht_is(s, "0")) {
		if (s.len < 3 || memcmp(s.at, "0x", 2))
			return false;
		s.at += 2;
		s.len -= 2;
		radix = 16;
	}
	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const int d = digit(s.at[i]);

		if (d >= (int)radix || __builtin_mul_overflow(sum, (uint64_t)radix, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)d, &sum))
			return false;
	}
	*value = sum;
	return true;
}

void ht_printable(char *to, size_t size, struct ht_span s)
{
	size_t n = 0;

	for (; n < s.len && n + 1 < size; n++)
		to[n] = s.at[n] >= ' ' && s.at[n] <= '~' ? s.at[n] : '?';
	to[n] = '\0';
}
