// SPDX-License-Identifier: GPL-2.0-only
/*
 * parse.c - see parse.h for what is accepted.
 *
 * Both files are tables of named values: "info" has one a line, "mappings" names its columns in
 * its first line. So there is one description of a value (struct field) and one function that
 * converts it (take()). Memory used is bounded by the length of the text.
 */
#include "parse.h"
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { DECIMAL, HEX, CHOICE, SWITCH, PROT, NAME };

/*
 * A named value: where it goes in its struct, a u64 but for the last four kinds; for CHOICE (an
 * enum) and SWITCH (a bool) the words in order of their values.
 */
struct field {
	const char *name;
	enum kind kind;
	size_t offset;
	bool optional;
	const char *words[5];
};

#define AT(type, member) offsetof(struct type, member)
#define SHARE(type, page) AT(type, share) + AT(ht_share, bytes[page])

static const struct field info_fields[] = {
	{ "id", DECIMAL, AT(ht_info, id), false, { 0 } },
	{ "type", CHOICE, AT(ht_info, type), false, { "v1", "v2", "nesting" } },
	{ "pid", DECIMAL, AT(ht_info, pid), false, { 0 } },
	{ "age_ms", DECIMAL, AT(ht_info, age_ms), false, { 0 } },
	{ "groups", DECIMAL, AT(ht_info, groups), false, { 0 } },
	{ "emulated", DECIMAL, AT(ht_info, emulated), false, { 0 } },
	{ "domains", DECIMAL, AT(ht_info, domains), false, { 0 } },
	{ "page_sizes", HEX, AT(ht_info, page_sizes), false, { 0 } },
	{ "mappings", DECIMAL, AT(ht_info, mappings), false, { 0 } },
	{ "available", DECIMAL, AT(ht_info, available), false, { 0 } },
	{ "bytes", DECIMAL, AT(ht_info, bytes), false, { 0 } },
	{ "charged_pages", DECIMAL, AT(ht_info, charged_pages), false, { 0 } },
	{ "pins", DECIMAL, AT(ht_info, pins), false, { 0 } },
	{ "runs", DECIMAL, AT(ht_info, runs), false, { 0 } },
	{ "bytes_4k", DECIMAL, SHARE(ht_info, HT_4K), false, { 0 } },
	{ "bytes_2m", DECIMAL, SHARE(ht_info, HT_2M), false, { 0 } },
	{ "bytes_1g", DECIMAL, SHARE(ht_info, HT_1G), false, { 0 } },
	{ "maps", DECIMAL, AT(ht_info, maps), false, { 0 } },
	{ "unmaps", DECIMAL, AT(ht_info, unmaps), false, { 0 } },
	{ "map_failures", DECIMAL, AT(ht_info, map_failures), false, { 0 } },
	{ "slowest_map_us", DECIMAL, AT(ht_info, slowest_map_us), false, { 0 } },
	{ "slowest_map_iova", HEX, AT(ht_info, slowest_map_iova), false, { 0 } },
	{ "slowest_map_size", HEX, AT(ht_info, slowest_map_size), false, { 0 } },
	{ "tracking_dirty", SWITCH, AT(ht_info, tracking_dirty), false, { "0", "1" } },
	{ "audit", SWITCH, AT(ht_info, audit), true, { "off", "on" } },
	{ "incoherent_bytes", DECIMAL, AT(ht_info, incoherent_bytes), true, { 0 } },
	{ "audit_events", DECIMAL, AT(ht_info, audit_events), true, { 0 } },
	{ "audit_suspect_blocks", DECIMAL, AT(ht_info, audit_suspect_blocks), true, { 0 } },
	{ "audit_verified_blocks", DECIMAL, AT(ht_info, audit_verified_blocks), true, { 0 } },
	{ 0 },
};

static const struct field mapping_fields[] = {
	{ "iova", HEX, AT(ht_mapping, iova), false, { 0 } },
	{ "vaddr", HEX, AT(ht_mapping, vaddr), false, { 0 } },
	{ "size", HEX, AT(ht_mapping, size), false, { 0 } },
	{ "prot", PROT, 0, false, { 0 } },
	{ "state", CHOICE, AT(ht_mapping, state), false, { "new", "live", "held", "dying" } },
	{ "path", CHOICE, AT(ht_mapping, path), false, { "none", "pages", "pfnmap", "mixed" } },
	{ "pid", DECIMAL, AT(ht_mapping, pid), false, { 0 } },
	{ "age_ms", DECIMAL, AT(ht_mapping, age_ms), false, { 0 } },
	{ "charged_pages", DECIMAL, AT(ht_mapping, charged_pages), false, { 0 } },
	{ "pins", DECIMAL, AT(ht_mapping, pins), false, { 0 } },
	{ "runs", DECIMAL, AT(ht_mapping, runs), false, { 0 } },
	{ "bytes_4k", DECIMAL, SHARE(ht_mapping, HT_4K), false, { 0 } },
	{ "bytes_2m", DECIMAL, SHARE(ht_mapping, HT_2M), false, { 0 } },
	{ "bytes_1g", DECIMAL, SHARE(ht_mapping, HT_1G), false, { 0 } },
	{ "incoherent", DECIMAL, AT(ht_mapping, incoherent), false, { 0 } },
	{ "comm", NAME, AT(ht_mapping, comm), false, { 0 } },
	{ 0 },
};

/* Most fields a table has, and most columns that a line of "mappings" may have. */
#define MAX_FIELDS 64
#define MAX_COLUMNS 64

static int fault_at(struct ht_fault *fault, size_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fault_at(struct ht_fault *fault, size_t line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault->what, sizeof(fault->what), fmt, ap);
	va_end(ap);
	fault->line = line;
	return -EBADMSG;
}

/* What was there instead, fit to be shown. */
static int wrong_value(struct ht_fault *fault, size_t line, const char *name, struct ht_span value)
{
	char shown[40];

	ht_printable(shown, sizeof(shown), value);
	return fault_at(fault, line, "%s is \"%s\"", name, shown);
}

/* Next line; 1, 0 at the end, -EBADMSG when the text was cut off. */
static int next_line(struct ht_lines *l, struct ht_span *line, struct ht_fault *fault)
{
	const int ret = ht_line(l, line);

	return ret < 0 ? fault_at(fault, l->number, "the text was cut off") : ret;
}

static bool take_prot(struct ht_span value, struct ht_mapping *m)
{
	if (value.len != 2 || (value.at[0] != 'r' && value.at[0] != '-') ||
	    (value.at[1] != 'w' && value.at[1] != '-'))
		return false;
	m->read = value.at[0] == 'r';
	m->write = value.at[1] == 'w';
	return true;
}

/* Convert a value and put it where it belongs in @base. */
static bool take(const struct field *f, struct ht_span value, void *base)
{
	char *to = (char *)base + f->offset;
	int word = 0;

	switch (f->kind) {
	case DECIMAL:
		return ht_number(value, HT_DECIMAL, (uint64_t *)to);
	case HEX:
		return ht_number(value, HT_HEX, (uint64_t *)to);
	case CHOICE:
	case SWITCH:
		while (f->words[word] && !ht_is(value, f->words[word]))
			word++;
		if (!f->words[word])
			return false;
		if (f->kind == SWITCH)
			*(bool *)to = word;
		else
			memcpy(to, &word, sizeof(word));
		return true;
	case PROT:
		return take_prot(value, base);
	case NAME:
		ht_printable(to, HT_COMM, value);
		return true;
	}
	return false;
}

_Static_assert(sizeof(info_fields) / sizeof(*info_fields) <= MAX_FIELDS &&
	       sizeof(mapping_fields) / sizeof(*mapping_fields) <= MAX_FIELDS, "seen[] has room");
_Static_assert(sizeof(enum ht_type) == sizeof(int) && sizeof(enum ht_state) == sizeof(int) &&
	       sizeof(enum ht_path) == sizeof(int), "take() writes an enum as an int");

/* Index in a table, -1 when the name is not known. */
static int find(const struct field *table, struct ht_span name)
{
	for (int i = 0; table[i].name; i++)
		if (ht_is(name, table[i].name))
			return i;
	return -1;
}

/* Are all there that must be? */
static int complete(const struct field *table, const bool seen[MAX_FIELDS], size_t line,
		    struct ht_fault *fault)
{
	for (int i = 0; table[i].name; i++)
		if (!seen[i] && !table[i].optional)
			return fault_at(fault, line, "%s is missing", table[i].name);
	return 0;
}

int ht_parse_version(const char *text, size_t len, uint64_t *version, struct ht_fault *fault)
{
	struct ht_lines l = { text, text + len, 0 };
	struct ht_span line;
	int ret = next_line(&l, &line, fault);

	if (ret < 0)
		return ret;
	if (!ret)
		return fault_at(fault, 1, "it is empty");
	if (!ht_number(line, HT_DECIMAL, version))
		return wrong_value(fault, 1, "the version", line);
	return 0;
}

/* "failures_EFAULT", with the letters and digits an errno may have. */
static bool is_failure(struct ht_span name, char errno_name[HT_ERRNO])
{
	static const char prefix[] = "failures_";
	const size_t skip = sizeof(prefix) - 1;

	if (name.len <= skip || name.len - skip >= HT_ERRNO || memcmp(name.at, prefix, skip))
		return false;
	for (size_t i = skip; i < name.len; i++)
		if (!(name.at[i] >= 'A' && name.at[i] <= 'Z') &&
		    !(name.at[i] >= '0' && name.at[i] <= '9'))
			return false;
	memcpy(errno_name, name.at + skip, name.len - skip);
	errno_name[name.len - skip] = '\0';
	return true;
}

static int take_failure(const char *errno_name, struct ht_span value, struct ht_info *info,
			size_t line, struct ht_fault *fault)
{
	uint64_t count;

	if (!ht_number(value, HT_DECIMAL, &count))
		return wrong_value(fault, line, errno_name, value);
	for (size_t i = 0; i < info->nr_failures; i++)
		if (!strcmp(info->failures[i].name, errno_name))
			return fault_at(fault, line, "failures_%s is there twice", errno_name);
	/* Each is compared with all before it. */
	if (info->nr_failures == HT_FAILURES)
		return fault_at(fault, line, "there are more errors than there can be");
	return ht_count_failure(info, errno_name, count);
}

/* One "name: value". */
static int take_info(struct ht_span line, size_t number, struct ht_container *c,
		     bool seen[MAX_FIELDS], struct ht_fault *fault)
{
	const char *colon = memchr(line.at, ':', line.len);
	char errno_name[HT_ERRNO];
	struct ht_span name, value;
	int i;

	if (!colon || (size_t)(colon - line.at) + 2 > line.len || colon[1] != ' ')
		return wrong_value(fault, number, "instead of \"name: value\" the line", line);
	name = (struct ht_span){ line.at, (size_t)(colon - line.at) };
	value = (struct ht_span){ colon + 2, line.len - name.len - 2 };
	if (is_failure(name, errno_name))
		return take_failure(errno_name, value, &c->info, number, fault);
	if (ht_is(name, "comm"))
		ht_printable(c->comm, sizeof(c->comm), value);
	i = find(info_fields, name);
	if (i < 0)
		return 0;
	if (seen[i])
		return fault_at(fault, number, "%s is there twice", info_fields[i].name);
	seen[i] = true;
	if (!take(&info_fields[i], value, &c->info))
		return wrong_value(fault, number, info_fields[i].name, value);
	return 0;
}

int ht_parse_info(const char *text, size_t len, struct ht_container *c, struct ht_fault *fault)
{
	struct ht_lines l = { text, text + len, 0 };
	bool seen[MAX_FIELDS] = { false };
	struct ht_span line;
	int ret;

	while ((ret = next_line(&l, &line, fault)) > 0) {
		ret = take_info(line, l.number, c, seen, fault);
		if (ret)
			return ret;
	}
	return ret ? ret : complete(info_fields, seen, l.number + 1, fault);
}

/* Which column is which field; -1 for what is not known. */
struct columns {
	int field[MAX_COLUMNS];
	size_t nr;
};

static int take_header(struct ht_span line, struct columns *columns, struct ht_fault *fault)
{
	bool seen[MAX_FIELDS] = { false };

	columns->nr = 0;
	while (line.at) {
		const struct ht_span name = ht_word(&line);
		const int i = find(mapping_fields, name);

		if (!name.len || columns->nr == MAX_COLUMNS)
			return fault_at(fault, 1, "the names of the columns are not readable");
		if (i >= 0 && seen[i])
			return fault_at(fault, 1, "column %s is there twice",
					mapping_fields[i].name);
		if (i >= 0)
			seen[i] = true;
		columns->field[columns->nr++] = i;
	}
	return complete(mapping_fields, seen, 1, fault);
}

/* Every column holds one word, but for the last, which is the rest of the line. */
static int take_mapping(struct ht_span line, size_t number, const struct columns *columns,
			struct ht_mapping *m, struct ht_fault *fault)
{
	for (size_t i = 0; i < columns->nr; i++) {
		const struct field *f = columns->field[i] < 0 ? NULL :
				&mapping_fields[columns->field[i]];
		struct ht_span value;

		if (!line.at)
			return fault_at(fault, number, "it has %zu columns, not %zu", i,
					columns->nr);
		value = i + 1 < columns->nr ? ht_word(&line) : line;
		if (f && !take(f, value, m))
			return wrong_value(fault, number, f->name, value);
	}
	if (!m->size || ht_last(m->iova, m->size) < m->iova)
		return fault_at(fault, number, "iova and size are no range");
	return 0;
}

/* Room for one more element; arrays grow by doubling. */
static void *grow(void *array, size_t nr, size_t size)
{
	if (nr & (nr - 1))
		return array;
	return reallocarray(array, nr ? 2 * nr : 1, size);
}

static int by_iova(const void *a, const void *b)
{
	const struct ht_mapping *left = a, *right = b;

	return (left->iova > right->iova) - (left->iova < right->iova);
}

int ht_parse_mappings(const char *text, size_t len, struct ht_container *c,
		      struct ht_fault *fault)
{
	struct ht_lines l = { text, text + len, 0 };
	struct columns columns;
	struct ht_span line;
	int ret;

	ret = next_line(&l, &line, fault);
	if (!ret)
		return fault_at(fault, 1, "the names of the columns are missing");
	if (ret > 0)
		ret = take_header(line, &columns, fault);
	if (ret)
		return ret;
	while ((ret = next_line(&l, &line, fault)) > 0) {
		struct ht_mapping *room = grow(c->mappings, c->nr_mappings, sizeof(*room));

		if (!room)
			return -ENOMEM;
		c->mappings = room;
		memset(&room[c->nr_mappings], 0, sizeof(*room));
		ret = take_mapping(line, l.number, &columns, &room[c->nr_mappings], fault);
		if (ret)
			return ret;
		c->nr_mappings++;
	}
	if (c->nr_mappings)
		qsort(c->mappings, c->nr_mappings, sizeof(*c->mappings), by_iova);
	return ret;
}

static int range_by_iova(const void *a, const void *b)
{
	const struct ht_range *left = a, *right = b;

	return (left->iova > right->iova) - (left->iova < right->iova);
}

int ht_parse_incoherent(const char *text, size_t len, struct ht_container *c,
			struct ht_fault *fault)
{
	struct ht_lines l = { text, text + len, 0 };
	struct ht_span line;
	int ret;

	while ((ret = next_line(&l, &line, fault)) > 0) {
		struct ht_range *room = grow(c->incoherent, c->nr_incoherent, sizeof(*room)), r;
		const struct ht_span whole = line, iova = ht_word(&line);

		if (!room)
			return -ENOMEM;
		c->incoherent = room;
		if (!line.at || !ht_number(iova, HT_HEX, &r.iova) ||
		    !ht_number(ht_word(&line), HT_HEX, &r.size) || line.at || !r.size ||
		    ht_last(r.iova, r.size) < r.iova)
			return wrong_value(fault, l.number, "instead of a range the line", whole);
		room[c->nr_incoherent++] = r;
	}
	if (c->nr_incoherent)
		qsort(c->incoherent, c->nr_incoherent, sizeof(*c->incoherent), range_by_iova);
	return ret;
}
