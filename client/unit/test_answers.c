// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_answers.c - answers of ioctls that contradict themselves, or would have no end.
 *
 * The ioctl is replaced: this program's hf_container_ioctl() is taken instead of the library's.
 */
#include "unit.h"

#include <errno.h>
#include <holdfast/coherence.h>
#include <holdfast/info.h>
#include <string.h>

/* What the next calls answer; the last one again and again. */
static struct {
	struct holdfast_incoherent head;
	struct holdfast_range ranges[2];
} answers[3];
static unsigned int nr_answers, calls;
static uint32_t argsz;

int hf_container_ioctl(const struct hf_container *c, unsigned long request, void *arg)
{
	const unsigned int n = calls < nr_answers ? calls : nr_answers - 1;

	(void)c;
	assert_true(++calls < 100);
	if (request == VFIO_IOMMU_GET_INFO)
		((struct vfio_iommu_type1_info *)arg)->argsz = argsz * calls;
	else
		memcpy(arg, &answers[n], sizeof(answers[n]));
	return 0;
}

static const struct hf_container none = { .fd = -1 };

static void answer(uint64_t next, uint32_t flags, uint32_t nr, uint64_t iova, uint64_t size)
{
	const unsigned int n = nr_answers++;

	memset(&answers[n], 0, sizeof(answers[n]));
	answers[n].head.first = next;
	answers[n].head.last = UINT64_MAX;
	answers[n].head.flags = flags;
	answers[n].head.nr = nr;
	answers[n].ranges[0] = (struct holdfast_range){ iova, size };
}

static long ask(uint64_t first, uint64_t last)
{
	struct holdfast_range ranges[1] = { { 0 } };
	bool partial;

	calls = 0;
	return hf_try_incoherent(&none, first, last, ranges, 1, &partial);
}

static void goes_on(void **state)
{
	(void)state;
	nr_answers = 0;
	answer(0x2000, HOLDFAST_INCOHERENT_MORE, 1, 0x1000, 0x1000);
	answer(0, 0, 1, 0x5000, 0x1000);
	assert_int_equal(ask(0, 0xffff), 2);
	assert_int_equal(calls, 2);
}

static void has_an_end(void **state)
{
	(void)state;
	nr_answers = 0;
	answer(0, HOLDFAST_INCOHERENT_MORE, 0, 0, 0);
	assert_int_equal(ask(0, 0xffff), -EPROTO);
	nr_answers = 0;
	answer(0x10000, HOLDFAST_INCOHERENT_MORE, 0, 0, 0);
	assert_int_equal(ask(0, 0xffff), -EPROTO);
	/* Within a range that was told already. */
	nr_answers = 0;
	answer(0x4000, HOLDFAST_INCOHERENT_MORE, 1, 0x3000, 0x2000);
	assert_int_equal(ask(0, 0xffff), -EPROTO);
	/* Nothing is behind the last byte. */
	nr_answers = 0;
	answer(0, HOLDFAST_INCOHERENT_MORE, 1, UINT64_MAX - 0xfff, 0x1000);
	assert_int_equal(ask(0, UINT64_MAX), -EPROTO);
}

static void stays_within(void **state)
{
	static const struct {
		uint64_t iova, size;
		uint32_t nr;
	} wrong[] = {
		{ 0x1000, 0x1000, 65 },	      /* more than there was room for */
		{ 0x1000, 0x1000, UINT32_MAX },
		{ 0x1000, 0, 1 },	      /* empty */
		{ 0, 0x1000, 1 },	      /* below what was asked for */
		{ 0x8000, 0x1000, 1 },	      /* above it */
		{ 0x7000, 0x1001, 1 },
		{ 0x7000, UINT64_MAX, 1 },
		{ 0x7000, 0x1000, 2 },	      /* one more behind the last byte */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		nr_answers = 0;
		answer(0, 0, wrong[i].nr, wrong[i].iova, wrong[i].size);
		assert_int_equal(ask(0x1000, 0x7fff), -EPROTO);
	}
}

static void ascends(void **state)
{
	(void)state;
	nr_answers = 0;
	answer(0, 0, 2, 0x4000, 0x1000);
	answers[0].ranges[1] = (struct holdfast_range){ 0x4fff, 1 };
	assert_int_equal(ask(0, 0xffff), -EPROTO);
	answers[0].ranges[1] = (struct holdfast_range){ 0x5000, 1 };
	assert_int_equal(ask(0, 0xffff), 2);
	/* Pages are told whole. */
	assert_int_equal(ask(0x4800, 0x5000), 2);
	assert_int_equal(ask(0x5000, 0x5fff), -EPROTO);
}

/* An answer that wants ever more room. */
static void ever_larger(void **state)
{
	struct hf_iommu_info info;

	(void)state;
	argsz = 1 << 19;
	calls = 0;
	assert_int_equal(hf_container_info(&none, &info), -E2BIG);
	argsz = UINT32_MAX;
	calls = 0;
	assert_int_equal(hf_container_info(&none, &info), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on),	cmocka_unit_test(has_an_end),
		cmocka_unit_test(stays_within), cmocka_unit_test(ascends),
		cmocka_unit_test(ever_larger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
