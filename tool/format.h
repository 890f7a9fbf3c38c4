/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * format.h - numbers for people.
 */
#ifndef HOLDFAST_TOOL_FORMAT_H
#define HOLDFAST_TOOL_FORMAT_H

#include <stdint.h>

/** Room for any of the texts below */
#define HT_TEXT 32

/** Bytes of what the module counts in pages: pins and charges */
#define HT_PAGE_BYTES 4096

/** ht_format_size() - bytes: "4 KiB", "1.5 MiB"; one decimal where it is not whole */
const char *ht_format_size(char text[HT_TEXT], uint64_t bytes);

/** ht_format_pages() - pages of 4 KiB as a size */
const char *ht_format_pages(char text[HT_TEXT], uint64_t pages);

/** ht_format_ms() - how long ago, two units at most: "850ms", "12s", "3m05s", "2d04h" */
const char *ht_format_ms(char text[HT_TEXT], uint64_t ms);

/** ht_format_us() - how long something took: "153 us", "1.53 ms", "2.1 s" */
const char *ht_format_us(char text[HT_TEXT], uint64_t us);

/** ht_format_rate() - events a second: "0", "0.25", "12.5", "1840" */
const char *ht_format_rate(char text[HT_TEXT], double per_second);

/** ht_percent() - part of a whole, rounded, but never to 0 or 100 when it is neither */
unsigned int ht_percent(uint64_t part, uint64_t whole);

/** ht_errno_hint() - what makes a MAP_DMA fail with that; "" where nothing helpful is known */
const char *ht_errno_hint(const char *name);

#endif
