// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_pattern.c - a pattern is a function of logical address and seed, at any alignment, and
 * a single wrong bit is found where it is.
 */
#include "unit.h"

#include <endian.h>
#include <holdfast/pattern.h>
#include <string.h>

static uint8_t buf[4096 + 64];

static void position_independent(void **state)
{
	uint8_t whole[256];

	(void)state;
	hf_pattern_fill(whole, sizeof(whole), 0x1000, 7);
	for (size_t from = 0; from < 32; from++) {
		for (size_t len = 0; len < 64; len++) {
			for (size_t align = 0; align < 8; align++) {
				memset(buf, 0xee, 128);
				hf_pattern_fill(buf + align, len, 0x1000 + from, 7);
				assert_memory_equal(buf + align, whole + from, len);
				assert_true(hf_pattern_is_byte(buf, align, 0xee, NULL));
				assert_int_equal(buf[align + len], 0xee);
				assert_true(hf_pattern_check(buf + align, len, 0x1000 + from, 7,
							     NULL));
			}
		}
	}
}

static void words_are_tags(void **state)
{
	uint64_t word;

	(void)state;
	hf_pattern_fill(buf, 64, 0x7000000000ULL, 3);
	for (size_t i = 0; i < 64; i += 8) {
		memcpy(&word, buf + i, 8);
		assert_int_equal(le64toh(word), hf_pattern_tag(0x7000000000ULL + i, 3));
		assert_int_equal(hf_pattern_tag(i, 3), hf_pattern_tag(i + 7, 3));
	}
	assert_true(hf_pattern_tag(0, 1) != hf_pattern_tag(0, 2));
	assert_true(hf_pattern_tag(0, 1) != hf_pattern_tag(4096, 1));
	assert_true(hf_pattern_tag(8, 0) != hf_pattern_tag(0, 8)); /* no swap of the two */
}

/* Pages apart by any power of two differ in every word: a misplaced page is always seen. */
static void pages_differ(void **state)
{
	(void)state;
	for (unsigned int shift = 12; shift < 64; shift++)
		for (uint64_t at = 0; at < 4096; at += 8)
			assert_true(hf_pattern_tag(at, 5) != hf_pattern_tag(at + (1ULL << shift), 5));
}

static void every_flip_is_found(void **state)
{
	struct hf_mismatch bad;

	(void)state;
	hf_pattern_fill(buf, 77, 3, 9);
	for (size_t i = 0; i < 77; i++) {
		const uint8_t was = buf[i];

		buf[i] ^= (uint8_t)(1u << (i % 8));
		memset(&bad, 0xff, sizeof(bad));
		assert_false(hf_pattern_check(buf, 77, 3, 9, &bad));
		assert_int_equal(bad.offset, i);
		assert_int_equal(bad.bytes, 1);
		assert_int_equal(bad.want, was);
		assert_int_equal(bad.got, buf[i]);
		assert_false(hf_pattern_check(buf, 77, 3, 9, NULL));
		buf[i] = was;
	}
	assert_true(hf_pattern_check(buf, 77, 3, 9, &bad));
}

static void counts_all(void **state)
{
	struct hf_mismatch bad;

	(void)state;
	hf_pattern_fill(buf, 4096, 0, 1);
	for (size_t i = 100; i < 200; i++)
		buf[i] = (uint8_t)~buf[i];
	assert_false(hf_pattern_check(buf, 4096, 0, 1, &bad));
	assert_int_equal(bad.offset, 100);
	assert_int_equal(bad.bytes, 100);
	assert_false(hf_pattern_check(buf, 4096, 0, 2, NULL));
	assert_false(hf_pattern_check(buf, 4096, 4096, 1, NULL));
}

static void bytes(void **state)
{
	struct hf_mismatch bad;

	(void)state;
	memset(buf, 0x5a, 100);
	assert_true(hf_pattern_is_byte(buf, 100, 0x5a, &bad));
	assert_true(hf_pattern_is_byte(buf, 0, 0x00, &bad));
	buf[99] = 1;
	buf[98] = 2;
	assert_false(hf_pattern_is_byte(buf, 100, 0x5a, &bad));
	assert_int_equal(bad.offset, 98);
	assert_int_equal(bad.got, 2);
	assert_int_equal(bad.bytes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(position_independent), cmocka_unit_test(words_are_tags),
		cmocka_unit_test(pages_differ),		cmocka_unit_test(every_flip_is_found),
		cmocka_unit_test(counts_all),		cmocka_unit_test(bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
