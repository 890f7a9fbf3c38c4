// SPDX-License-Identifier: GPL-2.0-only
/*
 * format.c - numbers and sizes as text.
 */
#include "format.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

void bench_format_size(char buf[BENCH_TEXT], uint64_t bytes)
{
	static const char suffix[] = { 'G', 'M', 'K' };

	for (unsigned int i = 0; i < sizeof(suffix); i++) {
		const unsigned int shift = 30 - 10 * i;

		if (bytes >> shift && !(bytes & ((1ULL << shift) - 1))) {
			snprintf(buf, BENCH_TEXT, "%llu%c", (unsigned long long)(bytes >> shift),
				 suffix[i]);
			return;
		}
	}
	snprintf(buf, BENCH_TEXT, "%llu", (unsigned long long)bytes);
}

/* Group the digits of a whole number by threes, from the right. */
static void thousands(char buf[BENCH_TEXT], unsigned long long n)
{
	char digits[BENCH_TEXT];
	const int len = snprintf(digits, sizeof(digits), "%llu", n);
	int out = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[out++] = ' ';
		buf[out++] = digits[i];
	}
	buf[out] = '\0';
}

void bench_format_value(char buf[BENCH_TEXT], double value)
{
	/* The limits are where the next format would round up to a digit more. */
	if (value < 0.9995)
		snprintf(buf, BENCH_TEXT, "%.3f", value);
	else if (value < 9.995)
		snprintf(buf, BENCH_TEXT, "%.2f", value);
	else if (value < 99.95)
		snprintf(buf, BENCH_TEXT, "%.1f", value);
	else if (value < 1e18)
		thousands(buf, (unsigned long long)(value + 0.5));
	else
		snprintf(buf, BENCH_TEXT, "%.3g", value);
}

void bench_format_ratio(char buf[BENCH_TEXT], double ratio)
{
	char number[BENCH_TEXT];

	/* Just below one must not read as one. */
	if (ratio < 0.9995)
		snprintf(number, sizeof(number), ratio < 0.995 ? "%.2f" : "%.3f", ratio);
	else
		bench_format_value(number, ratio);
	snprintf(buf, BENCH_TEXT, "%.*sx", BENCH_TEXT - 2, number);
}

bool bench_list_has(const char *list, const char *word)
{
	char pattern[128];

	if (!list)
		return true;
	for (;;) {
		const size_t len = strcspn(list, ",");

		if (len && len < sizeof(pattern)) {
			memcpy(pattern, list, len);
			pattern[len] = '\0';
			if (!fnmatch(pattern, word, 0))
				return true;
		}
		if (!list[len])
			return false;
		list += len + 1;
	}
}
