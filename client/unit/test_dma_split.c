// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_dma_split.c - how a copy is cut into transfers: never too short, never too long, no
 * byte twice, none left out; and a whole hf_dma_copy() on an engine without a device.
 */
#include "unit.h"

#include "dma_engine.h"

#include <errno.h>
#include <holdfast/pattern.h>
#include <string.h>

static void check_split(size_t len, size_t min, size_t max)
{
	size_t left = len, chunks = 0;

	while (left) {
		const size_t n = hf_dma_next_chunk(left, min, max);

		assert_true(n >= min);
		assert_true(n <= max);
		assert_true(n <= left);
		left -= n;
		chunks++;
	}
	/* As few as can be: rounding up is enough, whatever the tail. */
	assert_int_equal(chunks, (len + max - 1) / max);
}

static void every_length(void **state)
{
	(void)state;
	for (size_t len = 64; len < 20000; len++)
		check_split(len, 64, 4096);
	for (size_t len = 64; len < 2000; len++)
		check_split(len, 64, 128);
	for (size_t len = 1; len < 200; len++)
		check_split(len, 1, 2);
}

static void huge_lengths(void **state)
{
	(void)state;
	check_split((1UL << 30) + 1, 64, 4096);
	check_split((1UL << 30) - 1, 64, 4096);
	assert_int_equal(hf_dma_next_chunk(SIZE_MAX, 64, 4096), 4096);
}

/* An engine whose IOVAs are offsets in a buffer. */
static uint8_t memory[1 << 20];
static unsigned int submits, transfers;
static int answer;

static int fake_submit(struct hf_dma *e, const struct hf_dma_xfer *x, unsigned int count)
{
	(void)e;
	if (answer)
		return answer;
	assert_true(count >= 1 && count <= 4);
	submits++;
	for (unsigned int i = 0; i < count; i++) {
		assert_true(x[i].len >= 64 && x[i].len <= 256);
		memcpy(memory + x[i].dst, memory + x[i].src, x[i].len);
		transfers++;
	}
	return 0;
}

static const struct hf_dma_ops fake_ops = {
	.name = "fake",
	.max_chunk = 256,
	.min_chunk = 64,
	.batch = 4,
	.submit = fake_submit,
};

static void copies_exactly(void **state)
{
	struct hf_dma e = { .ops = &fake_ops };
	const size_t half = sizeof(memory) / 2;

	(void)state;
	answer = 0;
	for (size_t len = 64; len < 3000; len += 7) {
		memset(memory, 0xa5, sizeof(memory));
		hf_pattern_fill(memory + 3, len, 3, len);
		assert_int_equal(hf_dma_copy(&e, half + 5, 3, len), 0);
		assert_true(hf_pattern_check(memory + half + 5, len, 3, len, NULL));
		assert_true(hf_pattern_is_byte(memory + half, 5, 0xa5, NULL));
		assert_true(hf_pattern_is_byte(memory + half + 5 + len, half - 5 - len, 0xa5, NULL));
	}
}

static void batches(void **state)
{
	struct hf_dma e = { .ops = &fake_ops };

	(void)state;
	answer = 0;
	submits = transfers = 0;
	assert_int_equal(hf_dma_copy(&e, 65536, 0, 256 * 9), 0);
	assert_int_equal(transfers, 9);
	assert_int_equal(submits, 3);
}

static void refuses(void **state)
{
	struct hf_dma e = { .ops = &fake_ops };

	(void)state;
	answer = 0;
	assert_int_equal(hf_dma_copy(&e, 0, 4096, 63), -EINVAL);
	assert_int_equal(hf_dma_copy(&e, 0, 4096, 0), -EINVAL);
	assert_int_equal(hf_dma_copy(&e, UINT64_MAX - 63, 0, 65), -EINVAL);
	assert_int_equal(hf_dma_copy(&e, 0, UINT64_MAX - 63, 65), -EINVAL);
	assert_false(e.broken);
}

static void broken_until_restart(void **state)
{
	struct hf_dma e = { .ops = &fake_ops };

	(void)state;
	answer = -EINVAL; /* the driver refuses: nothing was started */
	assert_int_equal(hf_dma_copy(&e, 0, 4096, 64), -EINVAL);
	assert_false(e.broken);
	answer = -ETIMEDOUT;
	assert_int_equal(hf_dma_copy(&e, 0, 4096, 64), -ETIMEDOUT);
	answer = 0;
	assert_int_equal(hf_dma_copy(&e, 0, 4096, 64), -EIO);
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static bool third_time(void *arg)
{
	int *calls = arg;

	return ++*calls == 3;
}

static void waits(void **state)
{
	int calls = 0;

	(void)state;
	assert_int_equal(hf_dma_wait(third_time, &calls, 1000), 0);
	assert_int_equal(calls, 3);
	assert_int_equal(hf_dma_wait(never, NULL, 5), -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),	  cmocka_unit_test(huge_lengths),
		cmocka_unit_test(copies_exactly), cmocka_unit_test(batches),
		cmocka_unit_test(refuses),	  cmocka_unit_test(broken_until_restart),
		cmocka_unit_test(waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
