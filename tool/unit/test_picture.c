// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_picture.c - cells, scale, holes, colours, the SVG; and numbers for people.
 */
#include "format.h"
#include "picture.h"
#include "parse.h"
#include "state.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define MAX_MAPPINGS 16

/** A container under construction */
struct sample {
	struct ht_container c;
	struct ht_mapping m[MAX_MAPPINGS];
	struct ht_range r[4];
};

static struct ht_mapping *add(struct sample *s, uint64_t iova, uint64_t size, enum ht_page page)
{
	struct ht_mapping *m = &s->m[s->c.nr_mappings++];

	s->c.mappings = s->m;
	s->c.incoherent = s->r;
	*m = (struct ht_mapping){ .iova = iova, .size = size, .state = HT_LIVE, .path = HT_PAGES,
				  .runs = 1 };
	m->share.bytes[page] = size;
	return m;
}

static void expect_rows(const struct sample *s, unsigned int rows, unsigned int shift, size_t nr,
			const char *const *cells)
{
	struct ht_picture p;

	assert_int_equal(ht_picture(&p, &s->c, rows), 0);
	assert_int_equal(p.shift, shift);
	assert_int_equal(p.nr, nr);
	for (size_t i = 0; i < nr; i++) {
		char line[HT_CELLS + 1] = { 0 };

		for (int k = 0; k < HT_CELLS; k++)
			line[k] = ht_picture_letter(p.rows[i].cells[k]);
		if (strcmp(line, cells[i]))
			fail_msg("row %zu:\n%s, not\n%s", i, line, cells[i]);
	}
	ht_picture_free(&p);
}

#define DOTS8 "........"
#define DOTS56 DOTS8 DOTS8 DOTS8 DOTS8 DOTS8 DOTS8 DOTS8

static void test_kinds(void **state)
{
	static const char *const want[] = { "KMGPUBB!" DOTS56 };
	struct sample s = { 0 };

	(void)state;
	add(&s, 0x0000, 0x1000, HT_4K);
	add(&s, 0x1000, 0x1000, HT_2M);
	add(&s, 0x2000, 0x1000, HT_1G);
	add(&s, 0x3000, 0x1000, HT_4K)->path = HT_PFNMAP;
	add(&s, 0x4000, 0x1000, HT_4K)->path = HT_NONE;
	add(&s, 0x5000, 0x1000, HT_4K)->state = HT_NEW;
	add(&s, 0x6000, 0x1000, HT_4K)->state = HT_DYING;
	add(&s, 0x7000, 0x1000, HT_2M);
	s.r[0] = (struct ht_range){ 0x7000, 0x1000 };
	s.c.nr_incoherent = 1;
	expect_rows(&s, 2, 12, 1, want);
}

/* The scale is the smallest that has rows enough; a part of a cell is a small letter. */
static void test_scale(void **state)
{
	static const char *const fine[] = {
		"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM",
		"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM",
		"K" DOTS56 ".......",
	};
	static const char *const coarse[] = {
		"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM",
		"k" DOTS56 ".......",
	};
	struct sample s = { 0 };

	(void)state;
	add(&s, 0, 512 * KIB, HT_2M);
	add(&s, 512 * KIB, 4 * KIB, HT_4K);
	expect_rows(&s, 3, 12, 3, fine);
	expect_rows(&s, 2, 13, 2, coarse);
}

/* A cell is what most of it is. */
static void test_majority(void **state)
{
	struct sample s = { 0 };

	(void)state;
	add(&s, 0, 4 * KIB, HT_4K);
	add(&s, 4 * KIB, 12 * KIB, HT_2M);
	/* Far enough that cells are 16 KiB. */
	add(&s, 1 * MIB, 4 * KIB, HT_4K);
	add(&s, 2 * MIB - 4 * KIB, 4 * KIB, HT_4K);
	s.c.nr_mappings = 3;
	expect_rows(&s, 2, 12, 2, (const char *const[]){ "KMMM............" DOTS8 DOTS8 DOTS8
		    DOTS8 DOTS8 DOTS8, "K" DOTS56 "......." });
	s.c.nr_mappings = 4;
	expect_rows(&s, 2, 14, 2, (const char *const[]){ "M" DOTS56 ".......",
		    "k" DOTS56 "......k" });
}

static void test_majority_small(void **state)
{
	struct sample s = { 0 };
	struct ht_picture p;

	(void)state;
	add(&s, 0, 4 * KIB, HT_2M);
	add(&s, 4 * KIB, 12 * KIB, HT_4K);
	add(&s, 1 * MIB, 4 * KIB, HT_4K);
	add(&s, 2 * MIB - 4 * KIB, 4 * KIB, HT_4K);
	expect_rows(&s, 2, 14, 2, (const char *const[]){ "K" DOTS56 ".......",
		    "k" DOTS56 "......k" });
	/* What stands side by side has no hole between. */
	assert_int_equal(ht_picture(&p, &s.c, 2), 0);
	assert_int_equal(p.fragments.holes, 2);
	assert_int_equal(p.fragments.largest_hole, 1 * MIB - 8 * KIB);
	ht_picture_free(&p);
}

/* Rows in which there is nothing are left out, and said so. */
static void test_holes(void **state)
{
	struct sample s = { 0 };
	struct ht_picture p;
	struct written w;

	(void)state;
	add(&s, 0, 4 * KIB, HT_4K);
	add(&s, 1ULL << 47, 2 * MIB, HT_2M);
	assert_int_equal(ht_picture(&p, &s.c, 24), 0);
	assert_int_equal(p.nr, 9);
	assert_int_equal(p.rows[0].skipped, 0);
	assert_int_equal(p.rows[1].start, 1ULL << 47);
	assert_true(p.rows[1].skipped == (1ULL << 47) - 256 * KIB);
	assert_int_equal(p.rows[2].skipped, 0);
	assert_int_equal(p.fragments.holes, 1);
	assert_true(p.fragments.largest_hole == (1ULL << 47) - 4 * KIB);
	ht_picture_print(written_open(&w), &p, &s.c, false);
	assert_has(written_text(&w), "...  (128 TiB not mapped)\n    0x800000000000 |MMM");
	assert_has(w.text, "1 hole, the largest 128 TiB\n");
	assert_null(strchr(w.text, '\033'));
	written_free(&w);
	ht_picture_print(written_open(&w), &p, &s.c, true);
	assert_has(written_text(&w), "\033[36mMMM");
	written_free(&w);
	ht_picture_free(&p);
}

static void test_fragments(void **state)
{
	struct ht_container c = { 0 };
	struct ht_picture p;
	struct ht_fault fault;
	struct written w;

	(void)state;
	assert_int_equal(ht_parse_mappings(MAPPINGS_TEXT, strlen(MAPPINGS_TEXT), &c, &fault), 0);
	assert_int_equal(ht_picture(&p, &c, 24), 0);
	assert_int_equal(p.fragments.bytes, 4096 + 512 * MIB + GIB + 2 * MIB);
	assert_int_equal(p.fragments.runs, 258);
	assert_int_equal(p.fragments.entries, 1 + 256 + 1 + 512);
	assert_int_equal(p.fragments.entries_4k, 1 + 131072 + 262144 + 512);
	assert_int_equal(p.fragments.holes, 3);
	ht_picture_print(written_open(&w), &p, &c, false);
	assert_has(written_text(&w), "258 runs, 6 MiB on average; 770 IOMMU entries at the least "
				     "(393729 of 4K); 3 holes, the largest 128 TiB");
	written_free(&w);
	ht_picture_free(&p);
	ht_container_free(&c);
}

/* The ends of the address space, all of it, and mappings over each other. */
static void test_limits(void **state)
{
	struct sample s = { 0 };
	struct ht_picture p;

	(void)state;
	assert_int_equal(ht_picture(&p, &s.c, 24), 0);
	assert_int_equal(p.nr, 0);
	ht_picture_free(&p);

	add(&s, 0, UINT64_MAX, HT_1G);
	expect_rows(&s, 2, 57, 2, (const char *const[]){
		    "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG",
		    "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGg" });
	s.c.nr_mappings = 0;
	add(&s, UINT64_MAX - 0xfff, 0x1000, HT_4K);
	expect_rows(&s, 2, 12, 1, (const char *const[]){ DOTS56 ".......K" });
	s.c.nr_mappings = 0;
	for (int i = 0; i < MAX_MAPPINGS; i++)
		add(&s, 0x1000ULL * (uint64_t)i / 2, 0x2000, i ? HT_2M : HT_4K);
	expect_rows(&s, 24, 12, 1, (const char *const[]){ "KKMMMMMMMm......" DOTS8 DOTS8 DOTS8 DOTS8
							  DOTS8 DOTS8 });
	s.r[0] = (struct ht_range){ 0x1000, UINT64_MAX - 0x1000 };
	s.r[1] = (struct ht_range){ 0x2000, 0x1000 };
	s.c.nr_incoherent = 2;
	expect_rows(&s, 24, 12, 1, (const char *const[]){
		    "K!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!" });
}

/* Well-formed as far as a few rules show it: every tag closed, nothing of a name left raw. */
static void test_svg(void **state)
{
	struct ht_container c = { 0 };
	struct ht_picture p;
	struct ht_fault fault;
	struct written w;
	int open = 0;

	(void)state;
	strcpy(c.comm, "a<b>&\"c");
	assert_int_equal(ht_parse_mappings(MAPPINGS_TEXT, strlen(MAPPINGS_TEXT), &c, &fault), 0);
	assert_int_equal(ht_parse_incoherent(INCOHERENT_TEXT, strlen(INCOHERENT_TEXT), &c, &fault),
			 0);
	assert_int_equal(ht_picture(&p, &c, 24), 0);
	ht_svg(written_open(&w), &p, &c);
	assert_has(written_text(&w), "a&lt;b&gt;&amp;&quot;c");
	assert_has(w.text, "<title>0x40000000 - 0x401fffff: incoherent");
	assert_has(w.text, "<title>0x200000 - 0x7ffffff: 2M pages</title>");
	assert_has(w.text, "<title>0x0 - 0x1fffff: 4K pages, in part</title>");
	assert_has(w.text, "258 runs");
	for (const char *t = strchr(w.text, '<'); t; t = strchr(t + 1, '<')) {
		const char *close = strchr(t, '>');

		assert_non_null(close);
		if (t[1] == '/')
			open--;
		else if (close[-1] != '/')
			open++;
		assert_true(open >= 0);
	}
	assert_int_equal(open, 0);
	written_free(&w);
	ht_picture_free(&p);
	ht_container_free(&c);
}

static void test_numbers(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 1023, "1023 B" }, { 1024, "1 KiB" },
		{ 1536, "1.5 KiB" }, { 1048575, "1 MiB" }, { 1048576, "1 MiB" },
		{ 1047552, "1023 KiB" }, { 512 * MIB, "512 MiB" }, { 5 * GIB / 2, "2.5 GiB" },
		{ UINT64_MAX, "16 EiB" }, { 1ULL << 60, "1 EiB" },
	};
	char t[HT_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_string_equal(ht_format_size(t, sizes[i].bytes), sizes[i].text);
	assert_string_equal(ht_format_pages(t, 3), "12 KiB");
	assert_string_equal(ht_format_pages(t, UINT64_MAX), "16 EiB");
	assert_string_equal(ht_format_ms(t, 850), "850ms");
	assert_string_equal(ht_format_ms(t, 59999), "59s");
	assert_string_equal(ht_format_ms(t, 185000), "3m05s");
	assert_string_equal(ht_format_ms(t, 7380000), "2h03m");
	assert_string_equal(ht_format_ms(t, 187200000), "2d04h");
	assert_string_equal(ht_format_us(t, 153), "153 us");
	assert_string_equal(ht_format_us(t, 1532), "1.53 ms");
	assert_string_equal(ht_format_us(t, 2100000), "2.1 s");
	assert_string_equal(ht_format_rate(t, 0), "0");
	assert_string_equal(ht_format_rate(t, 0.25), "0.25");
	assert_string_equal(ht_format_rate(t, 12.54), "12.5");
	assert_string_equal(ht_format_rate(t, 1840.2), "1840");
	assert_int_equal(ht_percent(1, 1000000), 1);
	assert_int_equal(ht_percent(999999, 1000000), 99);
	assert_int_equal(ht_percent(1, 3), 33);
	assert_int_equal(ht_percent(0, 0), 0);
	assert_int_equal(ht_percent(5, 5), 100);
	assert_true(*ht_errno_hint("ENOMEM"));
	assert_string_equal(ht_errno_hint("EXDEV"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_majority),
		cmocka_unit_test(test_majority_small),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_svg),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
