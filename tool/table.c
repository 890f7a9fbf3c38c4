// SPDX-License-Identifier: GPL-2.0-only
/*
 * table.c - one table of columns: key, title, width, value and text of each.
 *
 * A value is a long double: on x86 that holds every 64-bit number exactly.
 */
#include "table.h"
#include "format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct column {
	const char *key;
	const char *title;
	int width; /* negative: text starts at the left */
	bool ascending;
	long double (*value)(const struct ht_container *c);
	const char *(*text)(const struct ht_container *c, char buf[HT_TEXT]);
};

#define VALUE(name, expression)                                                            \
	static long double value_##name(const struct ht_container *c)                      \
	{                                                                                  \
		return (expression);                                                       \
	}

VALUE(id, c->info.id)
VALUE(pid, c->info.pid)
VALUE(mappings, c->info.mappings)
VALUE(bytes, c->info.bytes)
VALUE(pins, c->info.pins)
VALUE(charged, c->info.charged_pages)
VALUE(small, c->info.share.bytes[HT_4K])
VALUE(large, c->info.share.bytes[HT_2M])
VALUE(giant, c->info.share.bytes[HT_1G])
VALUE(maps, c->maps_per_second)
VALUE(unmaps, c->unmaps_per_second)
VALUE(failures, c->info.map_failures)
VALUE(incoherent, c->info.incoherent_bytes)
VALUE(slowest, c->info.slowest_map_us)
VALUE(age, c->info.age_ms)

static const char *number(char buf[HT_TEXT], uint64_t n)
{
	snprintf(buf, HT_TEXT, "%" PRIu64, n);
	return buf;
}

static const char *percent(char buf[HT_TEXT], const struct ht_info *info, enum ht_page page)
{
	snprintf(buf, HT_TEXT, "%u", ht_percent(info->share.bytes[page], info->bytes));
	return buf;
}

#define CELL(name, expression)                                                             \
	static const char *text_##name(const struct ht_container *c, char buf[HT_TEXT])    \
	{                                                                                  \
		return (expression);                                                       \
	}

CELL(id, number(buf, c->info.id))
CELL(pid, number(buf, c->info.pid))
CELL(mappings, number(buf, c->info.mappings))
CELL(bytes, ht_format_size(buf, c->info.bytes))
CELL(pins, number(buf, c->info.pins))
CELL(charged, ht_format_pages(buf, c->info.charged_pages))
CELL(small, percent(buf, &c->info, HT_4K))
CELL(large, percent(buf, &c->info, HT_2M))
CELL(giant, percent(buf, &c->info, HT_1G))
CELL(maps, ht_format_rate(buf, c->maps_per_second))
CELL(unmaps, ht_format_rate(buf, c->unmaps_per_second))
CELL(failures, number(buf, c->info.map_failures))
CELL(slowest, c->info.slowest_map_size ? ht_format_us(buf, c->info.slowest_map_us) : "-")
CELL(age, ht_format_ms(buf, c->info.age_ms))

static const char *text_command(const struct ht_container *c, char buf[HT_TEXT])
{
	(void)buf;
	return *c->comm ? c->comm : "-";
}

/* Where nobody looks, nothing is known. */
static const char *text_incoherent(const struct ht_container *c, char buf[HT_TEXT])
{
	return c->info.audit ? ht_format_size(buf, c->info.incoherent_bytes) : "-";
}

static const struct column columns[] = {
	{ "id", "ID", 4, true, value_id, text_id },
	{ "pid", "PID", 7, true, value_pid, text_pid },
	{ "command", "COMMAND", -15, true, NULL, text_command },
	{ "mappings", "MAPPED", 6, false, value_mappings, text_mappings },
	{ "bytes", "BYTES", 10, false, value_bytes, text_bytes },
	{ "pins", "PINS", 8, false, value_pins, text_pins },
	{ "charged", "CHARGED", 10, false, value_charged, text_charged },
	{ "4k", "4K%", 3, false, value_small, text_small },
	{ "2m", "2M%", 3, false, value_large, text_large },
	{ "1g", "1G%", 3, false, value_giant, text_giant },
	{ "maps", "MAPS/S", 6, false, value_maps, text_maps },
	{ "unmaps", "UNMAPS/S", 8, false, value_unmaps, text_unmaps },
	{ "failures", "FAILED", 6, false, value_failures, text_failures },
	{ "incoherent", "INCOHERENT", 10, false, value_incoherent, text_incoherent },
	{ "slowest", "SLOWEST", 8, false, value_slowest, text_slowest },
	{ "age", "AGE", 6, false, value_age, text_age },
};

#define NR_COLUMNS ((int)(sizeof(columns) / sizeof(*columns)))

int ht_table_columns(void)
{
	return NR_COLUMNS;
}

const char *ht_table_key(int column)
{
	return columns[column].key;
}

int ht_table_find(const char *key)
{
	for (int i = 0; i < NR_COLUMNS; i++)
		if (!strcmp(key, columns[i].key))
			return i;
	return -1;
}

static int compare(const void *a, const void *b, void *data)
{
	const struct ht_container *left = a, *right = b;
	const struct ht_order *order = data;
	const struct column *column = &columns[order->column];
	int result;

	if (column->value) {
		const long double x = column->value(left), y = column->value(right);

		result = (x > y) - (x < y);
	} else {
		result = strcmp(left->comm, right->comm);
	}
	if (column->ascending == order->reverse)
		result = -result;
	if (result)
		return result;
	return (left->info.id > right->info.id) - (left->info.id < right->info.id);
}

void ht_table_sort(struct ht_snapshot *s, struct ht_order order)
{
	if (s->nr)
		qsort_r(s->containers, s->nr, sizeof(*s->containers), compare, &order);
}

/* Add one cell; a text wider than its column moves the rest of the line to the right. */
static void put(char line[HT_ROW], size_t *used, const struct column *column, const char *text)
{
	int n;

	if (*used + 1 >= HT_ROW)
		return;
	n = snprintf(line + *used, HT_ROW - *used, "%s%*s", *used ? " " : "", column->width, text);
	if (n > 0)
		*used += (size_t)n < HT_ROW - *used ? (size_t)n : HT_ROW - *used - 1;
}

void ht_table_header(char line[HT_ROW])
{
	size_t used = 0;

	for (int i = 0; i < NR_COLUMNS; i++)
		put(line, &used, &columns[i], columns[i].title);
}

void ht_table_row(char line[HT_ROW], const struct ht_container *c)
{
	size_t used = 0;

	for (int i = 0; i < NR_COLUMNS; i++) {
		char buf[HT_TEXT];

		put(line, &used, &columns[i], columns[i].text(c, buf));
	}
}

void ht_table_summary(char line[HT_ROW], const struct ht_snapshot *s)
{
	uint64_t mappings = 0, bytes = 0, pins = 0, charged = 0;
	char mapped[HT_TEXT], paid[HT_TEXT];

	for (size_t i = 0; i < s->nr; i++) {
		const struct ht_info *info = &s->containers[i].info;

		mappings = ht_add(mappings, info->mappings);
		bytes = ht_add(bytes, info->bytes);
		pins = ht_add(pins, info->pins);
		charged = ht_add(charged, info->charged_pages);
	}
	snprintf(line, HT_ROW,
		 "%zu container%s, %" PRIu64 " mapping%s: %s mapped, %" PRIu64 " pins, %s charged",
		 s->nr, s->nr == 1 ? "" : "s", mappings, mappings == 1 ? "" : "s",
		 ht_format_size(mapped, bytes), pins, ht_format_pages(paid, charged));
}

void ht_table_print(FILE *out, const struct ht_snapshot *s)
{
	char line[HT_ROW];

	ht_table_summary(line, s);
	fprintf(out, "%s\n", line);
	ht_table_header(line);
	fprintf(out, "%s\n", line);
	for (size_t i = 0; i < s->nr; i++) {
		ht_table_row(line, &s->containers[i]);
		fprintf(out, "%s\n", line);
	}
}
