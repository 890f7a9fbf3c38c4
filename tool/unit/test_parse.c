// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_parse.c - the module's text: good, newer, truncated, wrong, random.
 */
#include "parse.h"
#include "state.h"
#include "text.h"

#include <errno.h>

static int info(const char *text, struct ht_container *c, struct ht_fault *fault)
{
	memset(c, 0, sizeof(*c));
	memset(fault, 0, sizeof(*fault));
	return ht_parse_info(text, strlen(text), c, fault);
}

static int mappings(const char *text, struct ht_container *c, struct ht_fault *fault)
{
	memset(c, 0, sizeof(*c));
	memset(fault, 0, sizeof(*fault));
	return ht_parse_mappings(text, strlen(text), c, fault);
}

static void test_info(void **state)
{
	struct ht_container c;
	struct ht_fault fault;
	const struct ht_info *i = &c.info;

	(void)state;
	assert_int_equal(info(INFO_TEXT, &c, &fault), 0);
	assert_int_equal(i->id, 3);
	assert_int_equal(i->type, HT_NESTING);
	assert_int_equal(i->pid, 712);
	assert_int_equal(i->age_ms, 10000);
	assert_int_equal(i->groups, 2);
	assert_int_equal(i->emulated, 5);
	assert_int_equal(i->domains, 6);
	assert_int_equal(i->page_sizes, 0x40201000);
	assert_int_equal(i->mappings, 4);
	assert_int_equal(i->available, 65531);
	assert_int_equal(i->bytes, 1612713984);
	assert_int_equal(i->charged_pages, 393729);
	assert_int_equal(i->pins, 300);
	assert_int_equal(i->runs, 258);
	assert_int_equal(i->share.bytes[HT_4K], 2101248);
	assert_int_equal(i->share.bytes[HT_2M], 536870912);
	assert_int_equal(i->share.bytes[HT_1G], 1073741824);
	assert_int_equal(i->maps, 20);
	assert_int_equal(i->unmaps, 16);
	assert_int_equal(i->map_failures, 7);
	assert_int_equal(i->slowest_map_us, 1532);
	assert_int_equal(i->slowest_map_iova, 0x100000);
	assert_int_equal(i->slowest_map_size, 0x20000000);
	assert_true(i->tracking_dirty);
	assert_true(i->audit);
	assert_int_equal(i->incoherent_bytes, 8192);
	assert_int_equal(i->audit_events, 11);
	assert_int_equal(i->audit_suspect_blocks, 12);
	assert_int_equal(i->audit_verified_blocks, 13);
	assert_int_equal(i->nr_failures, 2);
	assert_string_equal(i->failures[0].name, "EFAULT");
	assert_int_equal(i->failures[0].count, 4);
	assert_string_equal(i->failures[1].name, "ENOMEM");
	assert_int_equal(i->failures[1].count, 3);
	ht_container_free(&c);
}

static void test_mappings(void **state)
{
	struct ht_container c;
	struct ht_fault fault;
	const struct ht_mapping *m;

	(void)state;
	assert_int_equal(mappings(MAPPINGS_TEXT, &c, &fault), 0);
	assert_int_equal(c.nr_mappings, 4);
	m = &c.mappings[2];
	assert_int_equal(m->iova, 0x40000000);
	assert_int_equal(m->vaddr, 0x7f1000000000);
	assert_int_equal(m->size, 0x40000000);
	assert_false(m->read);
	assert_true(m->write);
	assert_int_equal(m->state, HT_LIVE);
	assert_int_equal(m->path, HT_MIXED);
	assert_int_equal(m->pid, 800);
	assert_int_equal(m->age_ms, 9002);
	assert_int_equal(m->charged_pages, 262144);
	assert_int_equal(m->pins, 1);
	assert_int_equal(m->runs, 1);
	assert_int_equal(m->share.bytes[HT_4K], 0);
	assert_int_equal(m->share.bytes[HT_2M], 0);
	assert_int_equal(m->share.bytes[HT_1G], 1073741824);
	assert_int_equal(m->incoherent, 8192);
	assert_string_equal(m->comm, "my <&> helper");
	m = &c.mappings[1];
	assert_int_equal(m->state, HT_HELD);
	assert_int_equal(m->pins, 256);
	assert_int_equal(m->runs, 255);
	assert_true(m->read && m->write);
	assert_int_equal(c.mappings[0].share.bytes[HT_4K], 4096);
	assert_true(c.mappings[0].read && !c.mappings[0].write);
	assert_int_equal(c.mappings[3].path, HT_PFNMAP);

	assert_ptr_equal(ht_mapping_at(&c, 0x1fff), &c.mappings[0]);
	assert_null(ht_mapping_at(&c, 0x2000));
	assert_null(ht_mapping_at(&c, 0));
	assert_ptr_equal(ht_mapping_at(&c, 0x8000001fffff), &c.mappings[3]);
	assert_null(ht_mapping_at(&c, 0x800000200000));
	ht_container_free(&c);
}

/* A header alone is a container without mappings; no text at all is not. */
static void test_empty(void **state)
{
	struct ht_container c;
	struct ht_fault fault;

	(void)state;
	assert_int_equal(mappings(HEADER_TEXT, &c, &fault), 0);
	assert_int_equal(c.nr_mappings, 0);
	ht_container_free(&c);
	assert_int_equal(mappings("", &c, &fault), -EBADMSG);
	ht_container_free(&c);
	assert_int_equal(ht_parse_incoherent("", 0, &c, &fault), 0);
	assert_int_equal(c.nr_incoherent, 0);
	ht_container_free(&c);
	assert_int_equal(info("", &c, &fault), -EBADMSG);
	assert_string_equal(fault.what, "id is missing");
	ht_container_free(&c);
}

/* More than this version has is passed over, also columns in other places. */
static void test_newer(void **state)
{
	struct ht_container c;
	struct ht_fault fault;

	(void)state;
	assert_int_equal(info("news: 1 2 3\n" INFO_TEXT "failures_: 1\nfailures_x: y\nempty: \n"
			      "failures_EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE: 1\n", &c,
			      &fault), 0);
	assert_int_equal(c.info.nr_failures, 2);
	ht_container_free(&c);
	assert_int_equal(mappings("node prot vaddr iova size state path pid age_ms charged_pages "
				  "pins runs bytes_4k bytes_2m bytes_1g incoherent comm\n"
				  "x y rw 0x2000 0x1000 0x3000 live none 1 2 3 4 5 6 7 8 9 a b\n",
				  &c, &fault), -EBADMSG);
	ht_container_free(&c);
	assert_int_equal(mappings("node prot vaddr iova size state path pid age_ms charged_pages "
				  "pins runs bytes_4k bytes_2m bytes_1g incoherent comm\n"
				  "? rw 0x2000 0x1000 0x3000 live none 1 2 3 4 5 6 7 8 9 a b\n",
				  &c, &fault), 0);
	assert_int_equal(c.mappings[0].iova, 0x1000);
	assert_int_equal(c.mappings[0].vaddr, 0x2000);
	assert_string_equal(c.mappings[0].comm, "a b");
	ht_container_free(&c);
	/* Without an auditor. */
	assert_int_equal(info("id: 3\ntype: v1\npid: 1\nage_ms: 1\ngroups: 1\nemulated: 0\n"
			      "domains: 1\npage_sizes: 0\nmappings: 0\navailable: 1\nbytes: 0\n"
			      "charged_pages: 0\npins: 0\nruns: 0\nbytes_4k: 0\nbytes_2m: 0\n"
			      "bytes_1g: 0\nmaps: 0\nunmaps: 0\nmap_failures: 0\nslowest_map_us: 0\n"
			      "slowest_map_iova: 0x0\nslowest_map_size: 0x0\ntracking_dirty: 0\n",
			      &c, &fault), 0);
	assert_false(c.info.audit);
	ht_container_free(&c);
}

/* @text with the first @from replaced by @to; to be freed. */
static char *with(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *changed;

	assert_non_null(at);
	assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, to,
			     at + strlen(from)) >= 0);
	return changed;
}

/* One change to a good text, the line it is found in, and what is said. */
struct wrong {
	const char *from;
	const char *to;
	size_t line;
	const char *says;
};

static void refuse(int (*parse)(const char *, struct ht_container *, struct ht_fault *),
		   const char *text, const struct wrong *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		char *changed = with(text, rows[i].from, rows[i].to);
		struct ht_container c;
		struct ht_fault fault;

		if (parse(changed, &c, &fault) != -EBADMSG)
			fail_msg("was accepted: %s instead of %s", rows[i].to, rows[i].from);
		if (fault.line != rows[i].line || !strstr(fault.what, rows[i].says))
			fail_msg("%s instead of %s: line %zu, \"%s\"", rows[i].to, rows[i].from,
				 fault.line, fault.what);
		ht_container_free(&c);
		free(changed);
	}
}

static void test_wrong_info(void **state)
{
	static const struct wrong rows[] = {
		{ "id: 3\n", "", 31, "id is missing" },
		{ "id: 3\n", "id: 3\nid: 3\n", 2, "id is there twice" },
		{ "id: 3", "id: ", 1, "id is \"\"" },
		{ "id: 3", "id: -3", 1, "id is \"-3\"" },
		{ "id: 3", "id: +3", 1, "id is" },
		{ "id: 3", "id:  3", 1, "id is" },
		{ "id: 3", "id: 3 ", 1, "id is" },
		{ "id: 3", "id: 0x3", 1, "id is" },
		{ "id: 3", "id: 3a", 1, "id is" },
		{ "id: 3", "id: 18446744073709551616", 1, "id is" },
		{ "id: 3", "id: 99999999999999999999999999", 1, "id is" },
		{ "id: 3", "id 3", 1, "the line" },
		{ "id: 3", "id:3", 1, "the line" },
		{ "id: 3", "id:", 1, "the line" },
		{ "id: 3", "", 1, "the line" },
		{ "type: nesting", "type: v3", 2, "type is \"v3\"" },
		{ "type: nesting", "type: nestin", 2, "type is" },
		{ "type: nesting", "type: \x1b[31m", 2, "type is \"?[31m\"" },
		{ "0x40201000", "1075843072", 8, "page_sizes is" },
		{ "0x40201000", "0x", 8, "page_sizes is" },
		{ "0x40201000", "1", 8, "page_sizes is" },
		{ "0x40201000", "0x4020100G", 8, "page_sizes is" },
		{ "0x40201000", "0x10000000000000000", 8, "page_sizes is" },
		{ "tracking_dirty: 1", "tracking_dirty: 2", 24, "tracking_dirty is" },
		{ "audit: on", "audit: 1", 25, "audit is" },
		{ "failures_EFAULT: 4", "failures_EFAULT: x", 30, "EFAULT is" },
		{ "failures_ENOMEM: 3", "failures_EFAULT: 3", 31, "twice" },
		{ "ENOMEM: 3\n", "ENOMEM: 3", 31, "cut off" },
	};

	(void)state;
	refuse(info, INFO_TEXT, rows, sizeof(rows) / sizeof(*rows));
}

static void test_wrong_mappings(void **state)
{
	static const struct wrong rows[] = {
		{ "iova ", "", 1, "iova is missing" },
		{ "iova ", "size ", 1, "size is there twice" },
		{ "iova ", " iova ", 1, "not readable" },
		{ " comm\n", " comm \n", 1, "not readable" },
		{ "0x1000 ", "4096 ", 2, "iova is" },
		{ "0x1000 ", "0x1000  ", 2, "vaddr is \"\"" },
		{ " r- ", " r ", 2, "prot is" },
		{ " r- ", " wr ", 2, "prot is" },
		{ " r- ", " r-w ", 2, "prot is" },
		{ " live ", " dead ", 2, "state is" },
		{ " pages ", " page ", 2, "path is" },
		{ " 712 ", " ", 2, "" },
		{ "0x1000 0x7f0000001000 0x1000", "0x1000 0x7f0000001000 0x0", 2, "no range" },
		{ "0x1000 0x7f0000001000 0x1000", "0x0 0x7f0000001000 0x0", 2, "no range" },
		{ "0x1000 0x7f0000001000 0x1000", "0xfffffffffffff000 0x1 0x1001", 2, "no range" },
		{ " 0 0 0 testpmd", "", 2, "it has 12 columns, not 16" },
		{ " 1 1 1 4096 0 0 0 testpmd\n", "\n", 2, "it has 8 columns, not 16" },
		{ "0 0 0 testpmd\n0x200000", "0 0 0 testpmd\n\n0x200000", 3, "iova is \"\"" },
	};

	(void)state;
	refuse(mappings, MAPPINGS_TEXT, rows, sizeof(rows) / sizeof(*rows));
}

/* Every word of every enum is its own value. */
static void test_words(void **state)
{
	static const char *const types[] = { "v1", "v2", "nesting" };
	static const char *const states[] = { "new", "live", "held", "dying" };
	static const char *const paths[] = { "none", "pages", "pfnmap", "mixed" };
	struct ht_container c;
	struct ht_fault fault;
	char word[32], *text;

	(void)state;
	for (int i = 0; i < HT_TYPES; i++) {
		snprintf(word, sizeof(word), "type: %s\n", types[i]);
		text = with(INFO_TEXT, "type: nesting\n", word);
		assert_int_equal(info(text, &c, &fault), 0);
		assert_int_equal(c.info.type, i);
		assert_string_equal(ht_type_name(c.info.type), types[i]);
		ht_container_free(&c);
		free(text);
	}
	for (int i = 0; i < HT_STATES; i++) {
		snprintf(word, sizeof(word), " %s %s ", states[i], paths[i]);
		text = with(MAPPINGS_TEXT, " live pages ", word);
		assert_int_equal(mappings(text, &c, &fault), 0);
		assert_int_equal(c.mappings[0].state, i);
		assert_int_equal(c.mappings[0].path, i);
		assert_string_equal(ht_state_name(c.mappings[0].state), states[i]);
		assert_string_equal(ht_path_name(c.mappings[0].path), paths[i]);
		ht_container_free(&c);
		free(text);
	}
}

/* As many columns as nobody has. */
static void test_columns(void **state)
{
	struct ht_container c;
	struct ht_fault fault;
	struct written w;
	FILE *f = written_open(&w);

	(void)state;
	for (int i = 0; i < 5000; i++)
		fprintf(f, "more%d ", i);
	fputs(HEADER_TEXT, f);
	assert_int_equal(mappings(written_text(&w), &c, &fault), -EBADMSG);
	assert_has(fault.what, "not readable");
	ht_container_free(&c);
	written_free(&w);
}

/* As many errors as there are none of: each is compared with all before it. */
static void test_failures(void **state)
{
	struct ht_container c;
	struct ht_fault fault;
	struct written w;
	FILE *f = written_open(&w);

	(void)state;
	fputs(INFO_TEXT, f);
	for (int i = 2; i < HT_FAILURES; i++)
		fprintf(f, "failures_E%d: 1\n", i);
	assert_int_equal(info(written_text(&w), &c, &fault), 0);
	assert_int_equal(c.info.nr_failures, HT_FAILURES);
	ht_container_free(&c);
	fputs("failures_E1: 1\n", f);
	assert_int_equal(info(written_text(&w), &c, &fault), -EBADMSG);
	assert_has(fault.what, "more errors than");
	ht_container_free(&c);
	written_free(&w);
}

/* A number is not looked for beyond its span, whatever stands there. */
static void test_span(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_false(ht_number((struct ht_span){ "0x1f", 2 }, HT_HEX, &value));
	assert_false(ht_number((struct ht_span){ "0x1f", 0 }, HT_HEX, &value));
	assert_true(ht_number((struct ht_span){ "0x1f", 3 }, HT_HEX, &value));
	assert_int_equal(value, 1);
	assert_true(ht_number((struct ht_span){ "1234", 2 }, HT_DECIMAL, &value));
	assert_int_equal(value, 12);
	assert_false(ht_is((struct ht_span){ "live", 3 }, "live"));
}

/* The last byte of the address space may be mapped. */
static void test_limits(void **state)
{
	struct ht_container c;
	struct ht_fault fault;
	char *text = with(MAPPINGS_TEXT, "0x800000000000 0x7f2000000000 0x200000",
			  "0xffffffffffe00000 0xffffffffffffffff 0x200000");

	(void)state;
	assert_int_equal(mappings(text, &c, &fault), 0);
	assert_ptr_equal(ht_mapping_at(&c, UINT64_MAX), &c.mappings[3]);
	ht_container_free(&c);
	free(text);
	text = with(INFO_TEXT, "pins: 300", "pins: 18446744073709551615");
	assert_int_equal(info(text, &c, &fault), 0);
	assert_true(c.info.pins == UINT64_MAX);
	ht_container_free(&c);
	free(text);
}

/* What is shown later must not drive the terminal, whatever a process calls itself. */
static void test_names(void **state)
{
	struct ht_container c;
	struct ht_fault fault;
	char *text = with(MAPPINGS_TEXT, "testpmd", "\x1b]0;x\x07\t\x7f\x9b"
			  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

	(void)state;
	assert_int_equal(mappings(text, &c, &fault), 0);
	assert_int_equal(strlen(c.mappings[0].comm), HT_COMM - 1);
	assert_true(!strncmp(c.mappings[0].comm, "?]0;x????aaa", 12));
	ht_container_free(&c);
	free(text);
	/* The last column may be empty. */
	text = with(MAPPINGS_TEXT, "testpmd", "");
	assert_int_equal(mappings(text, &c, &fault), 0);
	assert_string_equal(c.mappings[0].comm, "");
	ht_container_free(&c);
	free(text);
}

static void test_incoherent(void **state)
{
	static const char *const bad[] = {
		"0x1000\n", "0x1000 \n", "0x1000 0x0\n", "0x0 0x0\n", "0x1000 0x1000 \n", "0x1000 0x1000 x\n",
		"0x1000 4096\n", "1000 0x1000\n", "\n", "0xfffffffffffff000 0x2000\n",
		"0x1000 0x1000", "0x1000  0x1000\n",
	};
	struct ht_container c = { 0 };
	struct ht_fault fault;

	(void)state;
	assert_int_equal(ht_parse_incoherent("0x5000 0x1000\n0x1000 0x2000\n", 28, &c, &fault), 0);
	assert_int_equal(c.nr_incoherent, 2);
	assert_int_equal(c.incoherent[0].iova, 0x1000);
	assert_int_equal(c.incoherent[0].size, 0x2000);
	assert_int_equal(c.incoherent[1].iova, 0x5000);
	ht_container_free(&c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (ht_parse_incoherent(bad[i], strlen(bad[i]), &c, &fault) != -EBADMSG)
			fail_msg("was accepted: %s", bad[i]);
		ht_container_free(&c);
	}
}

static void test_version(void **state)
{
	static const char *const bad[] = { "", "1", "\n", "v1\n", "1 \n", "-1\n" };
	struct ht_fault fault;
	uint64_t version = 0;

	(void)state;
	assert_int_equal(ht_parse_version("1\n", 2, &version, &fault), 0);
	assert_int_equal(version, 1);
	assert_int_equal(ht_parse_version("27\nmore\n", 8, &version, &fault), 0);
	assert_int_equal(version, 27);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (ht_parse_version(bad[i], strlen(bad[i]), &version, &fault) != -EBADMSG)
			fail_msg("was accepted: %s", bad[i]);
}

/* Order of the text does not matter, the number of lines neither. */
static void test_many(void **state)
{
	const unsigned int nr = 5000;
	struct ht_container c;
	struct ht_fault fault;
	struct written w;
	FILE *f = written_open(&w);

	(void)state;
	fputs(HEADER_TEXT, f);
	for (unsigned int i = nr; i--;)
		fprintf(f, "0x%x 0x1000 0x1000 rw live pages 1 2 1 1 1 4096 0 0 0 x\n", i * 0x2000);
	assert_int_equal(mappings(written_text(&w), &c, &fault), 0);
	assert_int_equal(c.nr_mappings, nr);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(c.mappings[i].iova, i * 0x2000);
	ht_container_free(&c);
	written_free(&w);
}

/* A text cut anywhere is refused, but for the cuts that leave whole lines. */
static void test_cut(void **state)
{
	const size_t len = strlen(MAPPINGS_TEXT);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		/* Of just that size, so that a checker of memory sees one byte too many read. */
		char *part = malloc(cut ? cut : 1);
		struct ht_container c = { 0 };
		struct ht_fault fault;

		assert_non_null(part);
		memcpy(part, MAPPINGS_TEXT, cut);
		assert_int_equal(ht_parse_mappings(part, cut, &c, &fault),
				 cut && part[cut - 1] == '\n' ? 0 : -EBADMSG);
		ht_container_free(&c);
		free(part);
	}
}

/* Deterministic; any will do. */
static uint32_t dice(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Change bytes, copy parts over others, cut: nothing but an answer may come of it. */
static void garble(char *text, size_t *len, uint32_t *seed)
{
	for (unsigned int n = dice(seed) % 8; n--;) {
		const size_t at = dice(seed) % *len, from = dice(seed) % *len;
		size_t count = dice(seed) % 16;

		switch (dice(seed) % 4) {
		case 0:
			text[at] = (char)dice(seed);
			break;
		case 1:
			text[at] = " \n:0x9-"[dice(seed) % 7];
			break;
		case 2:
			if (count > *len - at)
				count = *len - at;
			if (count > *len - from)
				count = *len - from;
			memmove(text + at, text + from, count);
			break;
		default:
			*len = at + 1;
		}
	}
}

static void test_garbage(void **state)
{
	static const char *const texts[] = { INFO_TEXT, MAPPINGS_TEXT, INCOHERENT_TEXT, "1\n" };
	unsigned int refused = 0;
	uint32_t seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 40000; i++) {
		const char *text = texts[i % 4];
		size_t len = strlen(text);
		char garbled[4096], *copy;
		struct ht_container c = { 0 };
		struct ht_fault fault = { 0 };
		uint64_t version;
		int ret;

		assert_true(len <= sizeof(garbled));
		memcpy(garbled, text, len);
		garble(garbled, &len, &seed);
		copy = malloc(len);
		assert_non_null(copy);
		memcpy(copy, garbled, len);
		switch (i % 4) {
		case 0:
			ret = ht_parse_info(copy, len, &c, &fault);
			break;
		case 1:
			ret = ht_parse_mappings(copy, len, &c, &fault);
			for (size_t m = 0; !ret && m < c.nr_mappings; m++)
				assert_true(c.mappings[m].size && ht_last(c.mappings[m].iova,
					    c.mappings[m].size) >= c.mappings[m].iova);
			break;
		case 2:
			ret = ht_parse_incoherent(copy, len, &c, &fault);
			break;
		default:
			ret = ht_parse_version(copy, len, &version, &fault);
		}
		assert_true(!ret || (ret == -EBADMSG && fault.line && *fault.what));
		refused += ret != 0;
		ht_container_free(&c);
		free(copy);
	}
	/* Both answers were given often. */
	assert_in_range(refused, 10000, 35000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_wrong_info),
		cmocka_unit_test(test_wrong_mappings),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_span),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_incoherent),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
