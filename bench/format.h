/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * format.h - numbers and sizes as people read them.
 *
 * Pure text. Every function that writes takes the buffer's size and always terminates.
 */
#ifndef HOLDFAST_BENCH_FORMAT_H
#define HOLDFAST_BENCH_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes that are enough for any of the texts below */
#define BENCH_TEXT 32

/** bench_format_size() - bytes → "4K", "512M", "1G"; the largest suffix that divides it */
void bench_format_size(char buf[BENCH_TEXT], uint64_t bytes);

/**
 * bench_format_value() - a cost, with three digits that matter
 *
 * 0.026, 2.45, 27.9, 1 625: at least three significant digits, none after the point from 100
 * on, blanks between thousands. 2.4e+19 where no integer holds it.
 */
void bench_format_value(char buf[BENCH_TEXT], double value);

/** bench_format_ratio() - "0.86x", "1.35x", "38.2x", "512x" */
void bench_format_ratio(char buf[BENCH_TEXT], double ratio);

/**
 * bench_list_has() - is a word in a comma-separated list?
 * @list: words or shell patterns (fnmatch), NULL for "everything"
 * @word: the word
 */
bool bench_list_has(const char *list, const char *word);

#endif
