/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pattern.h - memory contents that say where they belong.
 *
 * Every aligned 64-bit word of a pattern is a tag mixed from its own logical address and a
 * seed, so a page, or a byte, that ends up in the wrong place is seen. The logical address is
 * the caller's choice (an IOVA, a file offset, …); the byte at logical address A does not
 * depend on where a buffer begins or ends, so any part of a pattern can be filled or checked
 * at any alignment.
 */
#ifndef HOLDFAST_PATTERN_H
#define HOLDFAST_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct hf_mismatch - the first byte that is not as it should be
 * @offset: bytes from the start of the checked buffer
 * @got: the byte found
 * @want: the byte expected
 * @bytes: how many bytes of the buffer differ in all
 */
struct hf_mismatch {
	size_t offset;
	uint8_t got;
	uint8_t want;
	size_t bytes;
};

/** hf_pattern_tag() - the 64-bit word at logical address @addr (rounded down to 8) */
uint64_t hf_pattern_tag(uint64_t addr, uint64_t seed);

/**
 * hf_pattern_fill() - fill a buffer
 * @buf: any alignment
 * @len: bytes, any number
 * @base: logical address of the first byte
 * @seed: which pattern
 */
void hf_pattern_fill(void *buf, size_t len, uint64_t base, uint64_t seed);

/**
 * hf_pattern_check() - compare a buffer with a pattern
 * @buf: any alignment
 * @len: bytes
 * @base: logical address of the first byte
 * @seed: which pattern
 * @bad: where it differs, if it does; may be NULL
 *
 * Return: true when every byte is right.
 */
bool hf_pattern_check(const void *buf, size_t len, uint64_t base, uint64_t seed,
		      struct hf_mismatch *bad);

/**
 * hf_pattern_is_byte() - is every byte of a buffer this one?
 *
 * For guard areas set with memset(). Return and @bad as for hf_pattern_check().
 */
bool hf_pattern_is_byte(const void *buf, size_t len, uint8_t byte, struct hf_mismatch *bad);

#endif
