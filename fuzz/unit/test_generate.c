// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_generate.c - what is drawn is in canonical form, the same again for the same seed, and reaches
 * every operation; idioms are about what is there, or beside it.
 */
#include "unit.h"

#include <string.h>

#include "generate.h"
#include "idiom.h"

static void assert_canonical(const struct fz_sequence *s)
{
	uint8_t one[FZ_INPUT_MAX], two[FZ_INPUT_MAX];
	const size_t len = fz_encode(s, one, sizeof(one));
	struct fz_sequence t;

	assert_null(fz_check(one, len));
	fz_decode(one, len, &t);
	assert_memory_equal(s->op, t.op, s->n * sizeof(s->op[0]));
	assert_int_equal(fz_encode(&t, two, sizeof(two)), len);
	assert_memory_equal(one, two, len);
}

static void generated_sequences_are_canonical(void **state)
{
	unsigned int used[FZ_CODES] = { 0 };
	struct fz_sequence s, t;

	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct fz_random a, b;

		fz_random_seed(&a, seed);
		b = a;
		fz_generate(&a, &s);
		fz_generate(&b, &t);
		assert_memory_equal(&s, &t, sizeof(s));
		assert_canonical(&s);
		for (unsigned int i = 0; i < s.n; i++)
			used[s.op[i].code]++;
	}
	for (unsigned int i = 0; i < FZ_CODES; i++)
		assert_true(used[i] >= 20);
}

static void idioms_are_short_and_end_with_the_room(void **state)
{
	const struct fz_live nothing = { .n = 0 };
	unsigned int longest = 0;
	struct fz_random r;

	(void)state;
	fz_random_seed(&r, 1);
	for (unsigned int i = 0; i < 20000; i++) {
		const unsigned int before = i % (FZ_OPS_MAX + 1);
		struct fz_sequence s = { .n = before };

		for (unsigned int k = 0; k < before; k++)
			s.op[k] = (struct fz_op){ FZ_FORK, { 1 } };
		fz_idiom(&r, &nothing, &s);
		assert_in_range(s.n, before, FZ_OPS_MAX);
		assert_true(before == FZ_OPS_MAX || s.n > before);
		assert_canonical(&s);
		longest = s.n - before > longest ? s.n - before : longest;
	}
	assert_int_equal(longest, FZ_IDIOM_MAX);
}

/* Of idioms behind a mapping many unmap it, and many map right behind it. */
static void idioms_are_about_what_is_there(void **state)
{
	const struct fz_live live = { 1, { { 1000, 300, 77 } } };
	unsigned int same = 0, behind = 0, anew = 0;
	struct fz_random r;

	(void)state;
	fz_random_seed(&r, 2);
	for (unsigned int i = 0; i < 2000; i++) {
		struct fz_sequence s = { .n = 0 };
		bool mapped = false;

		fz_idiom(&r, &live, &s);
		for (unsigned int k = 0; k < s.n; k++) {
			const struct fz_op *op = &s.op[k];

			if (op->code == FZ_MAP) {
				behind += op->arg[1] == 1077;
				anew += op->arg[1] != 1000 && op->arg[1] != 1077;
				mapped |= op->arg[1] == 1000;
			}
			if (op->code == FZ_UNMAP && op->arg[2] == 1000 && op->arg[3] == 77)
				same += !mapped;
		}
	}
	assert_true(same > 50);
	assert_true(behind > 100);
	assert_true(anew > 100);
}

/* Seeds in a row are different rows of numbers, not one row from another place on. */
static void seeds_have_nothing_in_common(void **state)
{
	struct fz_random a, b;
	uint32_t row[64];

	(void)state;
	fz_random_seed(&a, 5);
	fz_random_seed(&b, 6);
	for (unsigned int i = 0; i < 64; i++)
		row[i] = fz_random_below(&a, UINT32_MAX);
	for (unsigned int i = 0; i < 8; i++) {
		const uint32_t n = fz_random_below(&b, UINT32_MAX);

		for (unsigned int k = 0; k < 64; k++)
			assert_int_not_equal(n, row[k]);
	}
}

static void places_and_counts_keep_their_limits(void **state)
{
	bool border = false, few = false;
	struct fz_random r;

	(void)state;
	fz_random_seed(&r, 3);
	for (unsigned int i = 0; i < 20000; i++) {
		const unsigned int limit = 1 + fz_random_below(&r, FZ_IOVAS);
		const unsigned int at = fz_random_place(&r, limit);

		assert_in_range(at, 0, limit - 1);
		assert_in_range(fz_random_count(&r, limit), 1, limit);
		border |= at == FZ_HUGE - 1;
		few |= at == 5;
	}
	assert_true(border && few);
	assert_int_equal(fz_random_below(&r, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_sequences_are_canonical),
		cmocka_unit_test(idioms_are_short_and_end_with_the_room),
		cmocka_unit_test(idioms_are_about_what_is_there),
		cmocka_unit_test(seeds_have_nothing_in_common),
		cmocka_unit_test(places_and_counts_keep_their_limits),
	};

	return cmocka_run_group_tests_name("fuzz generate", tests, NULL, NULL);
}
