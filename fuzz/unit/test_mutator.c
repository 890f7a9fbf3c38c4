// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_mutator.c - what AFL++ gets from the mutator is always an input in canonical form, the
 * changes are those that were meant, and trimming takes out what is not needed and nothing else.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "change.h"

void *afl_custom_init(void *afl, unsigned int seed);
void afl_custom_deinit(void *data);
size_t afl_custom_fuzz(void *data, uint8_t *in, size_t len, uint8_t **out, uint8_t *add,
		       size_t add_len, size_t max);
const char *afl_custom_describe(void *data, size_t max);
int afl_custom_init_trim(void *data, uint8_t *in, size_t len);
size_t afl_custom_trim(void *data, uint8_t **out);
int afl_custom_post_trim(void *data, int success);

static void *mutator;

static int init(void **state)
{
	(void)state;
	mutator = afl_custom_init(NULL, 1);
	return !mutator;
}

static int deinit(void **state)
{
	(void)state;
	afl_custom_deinit(mutator);
	return 0;
}

static void assert_canonical(const uint8_t *in, size_t len)
{
	uint8_t again[FZ_INPUT_MAX];
	struct fz_sequence s;

	assert_null(fz_check(in, len));
	fz_decode(in, len, &s);
	assert_int_equal(fz_encode(&s, again, sizeof(again)), len);
	assert_memory_equal(in, again, len);
}

static void any_bytes_become_an_input(void **state)
{
	uint8_t in[1200], add[1200], *out;
	struct fz_random r;

	(void)state;
	fz_random_seed(&r, 5);
	for (unsigned int round = 0; round < 20000; round++) {
		const size_t len = fz_random_below(&r, sizeof(in)), more = fz_random_below(&r, sizeof(add));
		const size_t max = round % 3 ? FZ_INPUT_MAX : FZ_HEADER + fz_random_below(&r, 200);

		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)fz_random_below(&r, 256);
		for (size_t i = 0; i < more; i++)
			add[i] = (uint8_t)fz_random_below(&r, 256);
		const size_t got = afl_custom_fuzz(mutator, in, len, &out, round % 2 ? add : NULL, more, max);

		assert_in_range(got, FZ_HEADER, max);
		assert_canonical(out, got);
		assert_true(strlen(afl_custom_describe(mutator, 20)) < 20);
	}
}

static void the_same_seed_does_the_same(void **state)
{
	void *a = afl_custom_init(NULL, 7), *b = afl_custom_init(NULL, 7);
	uint8_t in[FZ_HEADER] = { 'H', 'F', 1, 0 }, keep[FZ_INPUT_MAX], *out;

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		const size_t len = afl_custom_fuzz(a, in, sizeof(in), &out, NULL, 0, FZ_INPUT_MAX);

		memcpy(keep, out, len);
		assert_int_equal(afl_custom_fuzz(b, in, sizeof(in), &out, NULL, 0, FZ_INPUT_MAX), len);
		assert_memory_equal(keep, out, len);
	}
	afl_custom_deinit(a);
	afl_custom_deinit(b);
}

/* map [iova, iova + count) of pages from @page on. */
static struct fz_op map_op(unsigned int iova, unsigned int page, unsigned int count)
{
	return (struct fz_op){ FZ_MAP, { 0, (uint16_t)iova, (uint16_t)page, (uint16_t)count, 3 } };
}

static void live_ranges_are_followed(void **state)
{
	struct fz_sequence s = { .n = 6 };
	struct fz_live live;

	(void)state;
	s.op[0] = map_op(100, 10, 20);
	s.op[1] = map_op(110, 50, 5); /* overlaps: fails */
	s.op[2] = map_op(120, 60, 30);
	s.op[3] = (struct fz_op){ FZ_UNMAP, { 0, 0, 100, 30 } }; /* the first whole, the second in part */
	s.op[4] = (struct fz_op){ FZ_UNMAP_ALL, { 0, 0 } };
	s.op[5] = map_op(1, 2, 3);
	fz_live_before(&s, 0, &live);
	assert_int_equal(live.n, 0);
	fz_live_before(&s, 3, &live);
	assert_int_equal(live.n, 2);
	assert_int_equal(live.range[1].iova, 120);
	assert_int_equal(live.range[1].page, 60);
	fz_live_before(&s, 4, &live);
	assert_int_equal(live.n, 1);
	assert_int_equal(live.range[0].count, 30);
	fz_live_before(&s, 5, &live);
	assert_int_equal(live.n, 0);
	fz_live_before(&s, 6, &live);
	assert_int_equal(live.n, 1);
}

/* Among values for an unmap's IOVA must be those that touch a live range's borders. */
static void values_touch_live_ranges(void **state)
{
	const struct fz_live live = { 1, { { 1000, 300, 77 } } };
	const struct fz_op op = { FZ_UNMAP, { 0, 0, 0, 5 } };
	const unsigned int want[] = { 999, 1000, 1001, 1076, 1077, 995, 996, 1072, 511, 512, 513, 4095 };
	bool seen[FZ_IOVAS] = { false };
	struct fz_random r;

	(void)state;
	fz_random_seed(&r, 3);
	for (unsigned int i = 0; i < 5000; i++)
		seen[fz_interesting(&r, &live, &op, 2)] = true;
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		assert_true(seen[want[i]]);
}

static void values_keep_their_limits(void **state)
{
	struct fz_random r;

	(void)state;
	fz_random_seed(&r, 9);
	for (unsigned int round = 0; round < 200; round++) {
		struct fz_live live = { .n = round % 5 };

		for (unsigned int i = 0; i < live.n; i++)
			live.range[i] = (struct fz_range){ fz_random_below(&r, FZ_IOVAS),
							   fz_random_below(&r, FZ_PAGES),
							   1 + fz_random_below(&r, FZ_PAGES) };
		for (unsigned int code = 0; fz_op_desc(code); code++) {
			struct fz_op op = { .code = (uint8_t)code };

			for (unsigned int i = 0; i < FZ_ARGS && fz_op_desc(code)->arg[i].type; i++) {
				op.arg[i] = (uint16_t)fz_interesting(&r, &live, &op, i);
				assert_int_equal(op.arg[i], fz_op_arg(&op, i));
			}
		}
	}
}

static void every_operation_is_drawn(void **state)
{
	bool seen[FZ_CODES] = { false };
	const struct fz_live live = { .n = 0 };
	struct fz_random r;
	struct fz_op op;

	(void)state;
	fz_random_seed(&r, 0);
	for (unsigned int i = 0; i < 20000; i++) {
		fz_draw_op(&r, &live, &op);
		assert_in_range(op.code, 0, FZ_CODES - 1);
		seen[op.code] = true;
	}
	for (unsigned int code = 0; code < FZ_CODES; code++)
		assert_int_equal(seen[code], fz_op_desc(code)->weight != 0);
}

static void lists_keep_their_limits(void **state)
{
	struct fz_sequence s = { .n = 60 };
	struct fz_op op[10];

	(void)state;
	for (unsigned int i = 0; i < s.n; i++)
		s.op[i] = map_op(i, 0, 1);
	for (unsigned int i = 0; i < 10; i++)
		op[i] = map_op(1000 + i, 0, 1);
	fz_insert(&s, 58, op, 10);
	assert_int_equal(s.n, FZ_OPS_MAX);
	assert_int_equal(s.op[57].arg[1], 57);
	assert_int_equal(s.op[58].arg[1], 1000);
	assert_int_equal(s.op[63].arg[1], 1005);
	fz_delete(&s, 2, 56);
	assert_int_equal(s.n, 8);
	assert_int_equal(s.op[1].arg[1], 1);
	assert_int_equal(s.op[2].arg[1], 1000);
	fz_insert(&s, 1, op, 2);
	assert_int_equal(s.n, 10);
	assert_int_equal(s.op[0].arg[1], 0);
	assert_int_equal(s.op[2].arg[1], 1001);
	assert_int_equal(s.op[3].arg[1], 1);
	fz_delete(&s, 9, 100);
	assert_int_equal(s.n, 9);
}

/*
 * Trimming, as AFL++ does it: what still has the operations that matter is kept
 */

static unsigned int trim(struct fz_sequence *s, bool (*same)(const struct fz_sequence *s))
{
	uint8_t in[FZ_INPUT_MAX], *out;
	size_t len = fz_encode(s, in, sizeof(in));
	unsigned int rounds = 0;
	int max = afl_custom_init_trim(mutator, in, len);

	for (int step = 0; step < max;) {
		struct fz_sequence tried;
		size_t got = afl_custom_trim(mutator, &out);

		assert_in_range(got, FZ_HEADER, len);
		assert_canonical(out, got);
		assert_true(++rounds < 1000);
		fz_decode(out, got, &tried);
		if (same(&tried)) {
			*s = tried;
			len = got;
		}
		step = afl_custom_post_trim(mutator, same(&tried));
	}
	return rounds;
}

static bool has_both(const struct fz_sequence *s)
{
	unsigned int first = 0, second = 0;

	for (unsigned int i = 0; i < s->n; i++) {
		first += s->op[i].arg[1] == 17;
		second += s->op[i].arg[1] == 40 && first;
	}
	return first && second;
}

static bool never(const struct fz_sequence *s)
{
	(void)s;
	return false;
}

static bool always(const struct fz_sequence *s)
{
	(void)s;
	return true;
}

static void fill(struct fz_sequence *s, unsigned int n)
{
	*s = (struct fz_sequence){ .setup = 5, .n = n };
	for (unsigned int i = 0; i < n; i++)
		s->op[i] = map_op(i, i, 1);
}

static void trimming_keeps_what_matters(void **state)
{
	struct fz_sequence s;

	(void)state;
	fill(&s, 64);
	trim(&s, has_both);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.op[0].arg[1], 17);
	assert_int_equal(s.op[1].arg[1], 40);
	assert_int_equal(s.setup, 5);
	fill(&s, 64);
	trim(&s, never);
	assert_int_equal(s.n, 64);
	fill(&s, 64);
	trim(&s, always);
	assert_int_equal(s.n, 0);
	fill(&s, 1);
	trim(&s, never);
	assert_int_equal(s.n, 1);
	fill(&s, 0);
	assert_int_equal(trim(&s, always), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_bytes_become_an_input, init, deinit),
		cmocka_unit_test(the_same_seed_does_the_same),
		cmocka_unit_test(live_ranges_are_followed),
		cmocka_unit_test(values_touch_live_ranges),
		cmocka_unit_test(values_keep_their_limits),
		cmocka_unit_test(every_operation_is_drawn),
		cmocka_unit_test(lists_keep_their_limits),
		cmocka_unit_test_setup_teardown(trimming_keeps_what_matters, init, deinit),
	};

	return cmocka_run_group_tests_name("fuzz mutator", tests, NULL, NULL);
}
