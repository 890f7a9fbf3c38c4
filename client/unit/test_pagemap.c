// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_pagemap.c - pagemap entries, run counting, and what can be read of ourselves.
 */
#include "unit.h"

#include <errno.h>
#include <holdfast/pagemap.h>
#include <sys/mman.h>

#define PRESENT (1ULL << 63)
#define SWAPPED (1ULL << 62)
#define SOFT_DIRTY (1ULL << 55)
#define EXCLUSIVE (1ULL << 56)

static void entries(void **state)
{
	(void)state;
	assert_true(hf_pagemap_present(PRESENT));
	assert_false(hf_pagemap_present(SWAPPED | 5));
	assert_int_equal(hf_pagemap_pfn(PRESENT | SOFT_DIRTY | EXCLUSIVE | 0x1234), 0x1234);
	assert_int_equal(hf_pagemap_pfn(PRESENT | ((1ULL << 55) - 1)), (1ULL << 55) - 1);
	assert_int_equal(hf_pagemap_pfn(SWAPPED | 0x1234), 0); /* a swap offset is no PFN */
}

#define RUNS(...)                                                                          \
	({                                                                                 \
		const uint64_t e_[] = { __VA_ARGS__ };                                     \
		hf_pagemap_runs(e_, sizeof(e_) / sizeof(*e_));                             \
	})
#define P(pfn) (PRESENT | (pfn))

static void runs(void **state)
{
	(void)state;
	assert_int_equal(hf_pagemap_runs(NULL, 0), 0);
	assert_int_equal(RUNS(0), 0);
	assert_int_equal(RUNS(P(5)), 1);
	assert_int_equal(RUNS(P(5), P(6), P(7)), 1);
	assert_int_equal(RUNS(P(7), P(6), P(5)), 3); /* descending is not contiguous */
	assert_int_equal(RUNS(P(5), P(5)), 2);	     /* the zero page twice */
	assert_int_equal(RUNS(P(5), P(7), P(8)), 2);
	/* A hole ends a run, also when the PFNs around it would fit. */
	assert_int_equal(RUNS(P(5), 0, P(6)), 2);
	assert_int_equal(RUNS(0, P(1), P(2), 0), 1);
	assert_int_equal(RUNS(P(5), SWAPPED | 6, P(7)), 2);
	/* Flags do not matter. */
	assert_int_equal(RUNS(P(5) | SOFT_DIRTY, P(6) | EXCLUSIVE), 1);
}

static void ourselves(void **state)
{
	const size_t len = 1025 * HF_PAGE_SIZE; /* more than two batches */
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t pfn;
	long r;
	int ret;

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	madvise(p, len, MADV_NOHUGEPAGE);
	assert_int_equal(hf_mem_present(p, len), 0);
	assert_int_equal(hf_mem_runs(p, len), 0);
	assert_int_equal(hf_mem_pfn(p, &pfn), -ENXIO);
	for (size_t i = 0; i < 1025; i += 2)
		p[i * HF_PAGE_SIZE] = 1;
	assert_int_equal(hf_mem_present(p, len), 513);

	/* With privilege every page is a run of its own; without it, we are told. */
	r = hf_mem_runs(p, len);
	assert_true(r == 513 || r == -EPERM);
	ret = hf_mem_pfn(p, &pfn);
	assert_true(ret == (r == -EPERM ? -EPERM : 0));
	munmap(p, len);
}

static void past_the_end(void **state)
{
	uint64_t e;

	(void)state;
	assert_true(hf_pagemap_read((void *)(UINTPTR_MAX - 4095), 1, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries),
		cmocka_unit_test(runs),
		cmocka_unit_test(ourselves),
		cmocka_unit_test(past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
