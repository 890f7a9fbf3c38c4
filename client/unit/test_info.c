// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_info.c - the capability chain of VFIO_IOMMU_GET_INFO, honest and hostile.
 *
 * Answers are put together in a buffer, handed to the parser in an exactly sized heap block
 * (so that a read past the end is seen by a sanitizer or valgrind), at odd addresses too.
 */
#include "unit.h"

#include <errno.h>
#include <holdfast/info.h>
#include <stdlib.h>
#include <string.h>

struct builder {
	uint8_t bytes[8192];
	size_t len;
	size_t last; /* offset of the last capability, 0: none */
};

static void start(struct builder *b)
{
	const struct vfio_iommu_type1_info head = {
		.argsz = sizeof(head),
		.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS,
		.iova_pgsizes = 0x40201000,
	};

	memset(b, 0, sizeof(*b));
	memcpy(b->bytes, &head, sizeof(head));
	b->len = sizeof(head);
}

static void set_next(struct builder *b, size_t cap, uint32_t next)
{
	if (cap)
		memcpy(b->bytes + cap + offsetof(struct vfio_info_cap_header, next), &next, 4);
	else
		memcpy(b->bytes + offsetof(struct vfio_iommu_type1_info, cap_offset), &next, 4);
}

static size_t add(struct builder *b, const void *cap, size_t len)
{
	const size_t at = b->len;

	memcpy(b->bytes + at, cap, len);
	set_next(b, b->last, (uint32_t)at);
	b->last = at;
	b->len += len;
	return at;
}

static size_t add_ranges(struct builder *b, uint32_t claimed, uint32_t real)
{
	const struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1 },
		.nr_iovas = claimed,
	};
	const size_t at = add(b, &cap, sizeof(cap));

	for (uint32_t i = 0; i < real; i++) {
		const struct vfio_iova_range r = { .start = i * 0x100000ULL,
						   .end = i * 0x100000ULL + 0xffff };

		memcpy(b->bytes + b->len, &r, sizeof(r));
		b->len += sizeof(r);
	}
	return at;
}

static void add_migration(struct builder *b)
{
	const struct vfio_iommu_type1_info_cap_migration cap = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, .version = 1 },
		.flags = 7,
		.pgsize_bitmap = 4096,
		.max_dirty_bitmap_size = 1 << 28,
	};

	add(b, &cap, sizeof(cap));
}

static void add_avail(struct builder *b)
{
	const struct vfio_iommu_type1_info_dma_avail cap = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, .version = 1 },
		.avail = 65535,
	};

	add(b, &cap, sizeof(cap));
}

static int parse_len(const struct builder *b, size_t len, struct hf_iommu_info *info)
{
	int ret = 0;

	for (size_t shift = 0; shift < 2; shift++) {
		const size_t size = len + shift;
		uint8_t *exact = malloc(size ? size : 1);

		assert_non_null(exact);
		memcpy(exact + shift, b->bytes, len);
		ret = hf_info_parse(exact + shift, len, info);
		free(exact);
	}
	return ret;
}

static int parse(const struct builder *b, struct hf_iommu_info *info)
{
	return parse_len(b, b->len, info);
}

static void honest(void **state)
{
	struct hf_iommu_info info;
	struct builder b;

	(void)state;
	start(&b);
	add_migration(&b);
	add_avail(&b);
	add_ranges(&b, 3, 3);
	assert_int_equal(parse(&b, &info), 0);
	assert_int_equal(info.pgsizes, 0x40201000);
	assert_true(info.has_migration);
	assert_int_equal(info.migration_flags, 7);
	assert_int_equal(info.migration_pgsizes, 4096);
	assert_int_equal(info.migration_max_bitmap, 1 << 28);
	assert_true(info.has_dma_avail);
	assert_int_equal(info.dma_avail, 65535);
	assert_true(info.has_ranges);
	assert_int_equal(info.nr_ranges, 3);
	assert_int_equal(info.ranges[2].start, 0x200000);
	assert_int_equal(info.ranges[2].last, 0x20ffff);
	assert_int_equal(info.nr_unknown, 0);
}

static void without_caps(void **state)
{
	struct vfio_iommu_type1_info head = { .flags = 0, .iova_pgsizes = 4096 };
	struct hf_iommu_info info;

	(void)state;
	/* The oldest form: no cap_offset, and page sizes that are not claimed. */
	assert_int_equal(hf_info_parse(&head, 16, &info), 0);
	assert_int_equal(info.pgsizes, 0);
	assert_false(info.has_ranges);
	/* The flag set, the chain empty: what a kernel says when the answer did not fit. */
	head.flags = VFIO_IOMMU_INFO_CAPS;
	assert_int_equal(hf_info_parse(&head, sizeof(head), &info), 0);
	assert_false(info.has_ranges);
}

static void unknown_is_skipped(void **state)
{
	const struct vfio_info_cap_header other = { .id = 999, .version = 1 };
	const struct vfio_info_cap_header newer = { .id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
						    .version = 2 };
	struct hf_iommu_info info;
	struct builder b;

	(void)state;
	start(&b);
	add(&b, &other, sizeof(other));
	add(&b, &newer, sizeof(newer));
	add_avail(&b);
	assert_int_equal(parse(&b, &info), 0);
	assert_int_equal(info.nr_unknown, 2);
	assert_false(info.has_migration);
	assert_true(info.has_dma_avail);
}

/* Every shorter answer is either still consistent or -EPROTO, and is never read past. */
static void truncated(void **state)
{
	struct hf_iommu_info info;
	struct builder b;

	(void)state;
	start(&b);
	add_migration(&b);
	add_avail(&b);
	add_ranges(&b, 3, 3);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(parse_len(&b, len, &info), len == 16 ? 0 : -EPROTO);
}

static void loops(void **state)
{
	struct hf_iommu_info info;
	struct builder b;

	(void)state;
	start(&b);
	add_avail(&b);
	set_next(&b, b.last, (uint32_t)b.last); /* to itself */
	assert_int_equal(parse(&b, &info), -EPROTO);

	start(&b);
	add_avail(&b);
	add_migration(&b);
	set_next(&b, b.last, sizeof(struct vfio_iommu_type1_info)); /* back to the first */
	assert_int_equal(parse(&b, &info), -EPROTO);
}

static void bad_offsets(void **state)
{
	static const uint32_t offsets[] = { 1, 4, 15, 16, 17, 18, 19, 8000, 0x7fffffff, 0xffffffff,
					    0xfffffff8 };
	struct hf_iommu_info info;
	struct builder b;

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		start(&b);
		set_next(&b, 0, offsets[i]);
		assert_int_equal(parse(&b, &info), -EPROTO);
		start(&b);
		add_avail(&b);
		set_next(&b, b.last, offsets[i]);
		assert_int_equal(parse(&b, &info), -EPROTO);
	}
}

static void bad_counts(void **state)
{
	static const uint32_t counts[] = { 4, 0x10000000, 0xffffffff };
	struct hf_iommu_info info;
	struct builder b;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		start(&b);
		add_ranges(&b, counts[i], 3);
		assert_int_equal(parse(&b, &info), -EPROTO);
	}
	start(&b);
	add_ranges(&b, HF_INFO_MAX_RANGES, HF_INFO_MAX_RANGES);
	assert_int_equal(parse(&b, &info), 0);
	start(&b);
	add_ranges(&b, HF_INFO_MAX_RANGES + 1, HF_INFO_MAX_RANGES + 1);
	assert_int_equal(parse(&b, &info), -E2BIG);
}

static void backward_range(void **state)
{
	const struct vfio_iova_range r = { .start = 0x2000, .end = 0x1fff };
	struct hf_iommu_info info;
	struct builder b;
	size_t at;

	(void)state;
	start(&b);
	at = add_ranges(&b, 1, 1);
	memcpy(b.bytes + at + sizeof(struct vfio_iommu_type1_info_cap_iova_range), &r, sizeof(r));
	assert_int_equal(parse(&b, &info), -EPROTO);
}

/* Any bytes: an answer or -EPROTO or -E2BIG, and it ends. */
static void noise(void **state)
{
	struct hf_iommu_info info;
	struct builder b;
	uint64_t x = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		start(&b);
		add_migration(&b);
		add_avail(&b);
		add_ranges(&b, 3, 3);
		for (int i = 0; i < 4; i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			b.bytes[(x >> 33) % b.len] = (uint8_t)(x >> 20);
		}
		int ret = parse(&b, &info);

		assert_true(ret == 0 || ret == -EPROTO || ret == -E2BIG);
		assert_true(ret || info.nr_ranges <= HF_INFO_MAX_RANGES);
	}
}

static void has_range(void **state)
{
	struct hf_iommu_info info = { 0 };

	(void)state;
	assert_true(hf_info_has_range(&info, 0, 4096));
	assert_false(hf_info_has_range(&info, 0, 0));
	assert_false(hf_info_has_range(&info, UINT64_MAX, 2));
	assert_true(hf_info_has_range(&info, UINT64_MAX, 1));
	info.has_ranges = true;
	assert_false(hf_info_has_range(&info, 0, 4096));
	info.nr_ranges = 2;
	info.ranges[0] = (struct hf_iova_range){ 0, 0xfff };
	info.ranges[1] = (struct hf_iova_range){ 0x2000, UINT64_MAX };
	assert_true(hf_info_has_range(&info, 0, 0x1000));
	assert_false(hf_info_has_range(&info, 0, 0x1001));
	assert_false(hf_info_has_range(&info, 0x1000, 1));
	assert_false(hf_info_has_range(&info, 0x1fff, 2));
	assert_true(hf_info_has_range(&info, 0x2000, UINT64_MAX - 0x2000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest),	  cmocka_unit_test(without_caps),
		cmocka_unit_test(unknown_is_skipped), cmocka_unit_test(truncated),
		cmocka_unit_test(loops),	  cmocka_unit_test(bad_offsets),
		cmocka_unit_test(bad_counts),	  cmocka_unit_test(backward_range),
		cmocka_unit_test(noise),	  cmocka_unit_test(has_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
