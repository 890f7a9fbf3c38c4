/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h - lines, words and numbers of a text of known length that need not end with a NUL.
 */
#ifndef HOLDFAST_TOOL_TEXT_H
#define HOLDFAST_TOOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct ht_span - part of a text */
struct ht_span {
	const char *at;
	size_t len;
};

/** struct ht_lines - a text being read; @number: of the line read last, from 1 */
struct ht_lines {
	const char *at;
	const char *end;
	size_t number;
};

/** Ways a number is written; a hexadecimal one may be a plain 0 */
enum ht_base { HT_DECIMAL, HT_HEX };

/**
 * ht_line() - take the next line
 * @l: the text
 * @line: the line, without its newline
 *
 * Return: 1; 0 at the end; -1 when the last line has no newline: the text was cut off.
 */
int ht_line(struct ht_lines *l, struct ht_span *line);

/**
 * ht_word() - take what stands before the next space
 * @rest: the line; afterwards, what stands behind that space; @rest->at is NULL when there was
 *        none
 *
 * Two spaces in a row have an empty word between them.
 */
struct ht_span ht_word(struct ht_span *rest);

/** ht_is() - is it exactly this? */
bool ht_is(struct ht_span s, const char *text);

/**
 * ht_number() - a whole span as a number
 * @s: digits, after 0x for HT_HEX; nothing else, no sign, no space
 * @base: how it must be written
 * @value: where it goes
 *
 * Return: false when it is none, or does not fit into 64 bits.
 */
bool ht_number(struct ht_span s, enum ht_base base, uint64_t *value);

/**
 * ht_printable() - copy for people's terminals
 * @to: at least one byte
 * @size: of @to; what does not fit is cut
 * @s: what to copy; all but printable ASCII becomes '?'
 */
void ht_printable(char *to, size_t size, struct ht_span s);

#endif
