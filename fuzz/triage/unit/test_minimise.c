// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_minimise.c - is what is left what is needed, and nothing else?
 */
#include "unit.h"

#include "minimise.h"

#include <stdlib.h>
#include <string.h>

static unsigned int asked;

/* A map of a page at or above 600, and later an unmap, in an audited session. */
static bool planted(const struct fz_sequence *s, void *data)
{
	bool mapped = false;

	(void)data;
	asked++;
	if (!(s->setup & FZ_SETUP_AUDIT))
		return false;
	for (unsigned int i = 0; i < s->n; i++) {
		if (s->op[i].code == FZ_MAP && fz_op_arg(&s->op[i], 2) >= 600)
			mapped = true;
		if (s->op[i].code == FZ_UNMAP && mapped)
			return true;
	}
	return false;
}

static struct fz_sequence mess(unsigned int seed)
{
	struct fz_sequence s = { .setup = FZ_SETUP_ALL, .n = FZ_OPS_MAX };

	srand(seed);
	for (unsigned int i = 0; i < s.n; i++) {
		s.op[i].code = (uint8_t)((unsigned int)rand() % FZ_CODES);
		for (unsigned int a = 0; a < FZ_ARGS; a++)
			s.op[i].arg[a] = (uint16_t)rand();
	}
	s.op[20] = (struct fz_op){ .code = FZ_MAP, .arg = { 3, 70, 700, 9, 3 } };
	s.op[50] = (struct fz_op){ .code = FZ_UNMAP, .arg = { 7, 7, 7, 7, 7 } };
	return s;
}

static void smallest(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed < 20; seed++) {
		struct fz_sequence s = mess(seed);

		assert_true(planted(&s, NULL));
		fz_minimise(&s, planted, NULL, 10000);
		assert_int_equal(s.n, 2);
		assert_int_equal(s.setup, FZ_SETUP_AUDIT);
		assert_int_equal(s.op[0].code, FZ_MAP);
		assert_int_equal(fz_op_arg(&s.op[0], 2), 600);
		assert_int_equal(fz_op_arg(&s.op[0], 1), 0);
		assert_int_equal(s.op[1].code, FZ_UNMAP);
	}
}

/* What it returns with a small budget still shows the finding. */
static void budget(void **state)
{
	(void)state;
	for (unsigned int most = 0; most < 60; most += 7) {
		struct fz_sequence s = mess(most);

		unsigned int said;

		asked = 0;
		said = fz_minimise(&s, planted, NULL, most);
		assert_int_equal(said, asked);
		assert_true(said <= most);
		assert_true(planted(&s, NULL));
	}
}

static bool never(const struct fz_sequence *s, void *data)
{
	(void)s;
	(void)data;
	return false;
}

static bool always(const struct fz_sequence *s, void *data)
{
	(void)s;
	(void)data;
	return true;
}

static void extremes(void **state)
{
	struct fz_sequence s = mess(3), before = s;

	(void)state;
	fz_minimise(&s, never, NULL, 100000);
	assert_memory_equal(&s, &before, sizeof(s));
	fz_minimise(&s, always, NULL, 100000);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.setup, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest),
		cmocka_unit_test(budget),
		cmocka_unit_test(extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
