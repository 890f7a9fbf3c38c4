// SPDX-License-Identifier: GPL-2.0-only
/*
 * profile.c - the join of counts and symbols.
 *
 * Both lists ascend by address, so one pass over the counts with a finger in the symbols gives
 * a row for each function that executed anything; sorting the rows by cost comes last.
 */
#include "profile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Where the kernel's half of the address space begins. */
#define KERNEL_HALF (1ULL << 63)

/* Room for one more in a growing array; NULL without memory (the old one stays). */
static void *grow(void *list, size_t count, size_t size)
{
	/* Doubled whenever the count is a power of two. */
	if (count & (count - 1))
		return list;
	return reallocarray(list, count ? 2 * count : 1, size);
}

/* Smaller is better, see profile_read_symbols(). */
static int rank(const struct profile_symbol *s)
{
	const int kind = s->type == 'T' ? 0 : s->type == 't' ? 1 : 2;

	return kind * 1000 + (int)strspn(s->name, "_");
}

static int by_address_and_rank(const void *a, const void *b)
{
	const struct profile_symbol *l = a, *r = b;

	if (l->address != r->address)
		return l->address < r->address ? -1 : 1;
	return rank(l) != rank(r) ? rank(l) - rank(r) : strcmp(l->name, r->name);
}

static void free_symbol(struct profile_symbol *s)
{
	free(s->name);
	free(s->module);
}

void profile_free_symbols(struct profile_symbols *symbols)
{
	for (size_t i = 0; i < symbols->count; i++)
		free_symbol(&symbols->list[i]);
	free(symbols->list);
	*symbols = (struct profile_symbols){ 0 };
}

static int add_symbol(struct profile_symbols *symbols, uint64_t address, char type,
		      const char *name, const char *module)
{
	struct profile_symbol *list = grow(symbols->list, symbols->count, sizeof(*list));
	struct profile_symbol *s;

	if (!list)
		return -ENOMEM;
	symbols->list = list;
	s = &list[symbols->count];
	*s = (struct profile_symbol){ .address = address, .type = type };
	s->name = strdup(name);
	s->module = strdup(module);
	if (!s->name || !s->module) {
		free_symbol(s);
		return -ENOMEM;
	}
	symbols->count++;
	return 0;
}

/* "ffffffffc0a01000 t vfio_pin	[vfio_iommu_type1]" */
static int parse_symbol(const char *line, struct profile_symbols *symbols)
{
	char name[512], module[64] = "", type;
	uint64_t address;

	if (sscanf(line, "%" SCNx64 " %c %511s [%63[^]]]", &address, &type, name, module) < 3)
		return -EINVAL;
	if (!strchr("tTwW", type) || !address)
		return 0;
	return add_symbol(symbols, address, type, name, module);
}

/* Sorted, and one name for each address. */
static void sort_symbols(struct profile_symbols *symbols)
{
	struct profile_symbol *list = symbols->list;
	size_t kept = 0;

	qsort(list, symbols->count, sizeof(*list), by_address_and_rank);
	for (size_t i = 0; i < symbols->count; i++) {
		if (kept && list[kept - 1].address == list[i].address)
			free_symbol(&list[i]);
		else
			list[kept++] = list[i];
	}
	symbols->count = kept;
}

int profile_read_symbols(FILE *in, struct profile_symbols *symbols)
{
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	*symbols = (struct profile_symbols){ 0 };
	while (!ret && getline(&line, &room, in) >= 0)
		ret = parse_symbol(line, symbols);
	free(line);
	if (!ret && !symbols->count)
		ret = -ENODATA;
	if (ret)
		profile_free_symbols(symbols);
	else
		sort_symbols(symbols);
	return ret;
}

void profile_free_counts(struct profile_counts *counts)
{
	free(counts->address);
	free(counts->executed);
	*counts = (struct profile_counts){ 0 };
}

static int add_count(struct profile_counts *counts, uint64_t address, uint64_t executed)
{
	uint64_t *list = grow(counts->address, counts->count, sizeof(*list));

	if (!list)
		return -ENOMEM;
	counts->address = list;
	list = grow(counts->executed, counts->count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	counts->executed = list;
	counts->address[counts->count] = address;
	counts->executed[counts->count] = executed;
	counts->count++;
	return 0;
}

int profile_read_counts(FILE *in, struct profile_counts *counts)
{
	uint64_t address, executed, sum = 0;
	int version, got, ret = 0;

	*counts = (struct profile_counts){ 0 };
	if (fscanf(in, "holdfast-count %d %" SCNu64, &version, &counts->total) != 2 || version != 1)
		return -EINVAL;
	while ((got = fscanf(in, "%" SCNx64 " %" SCNu64, &address, &executed)) == 2) {
		if (counts->count && counts->address[counts->count - 1] >= address)
			ret = -EINVAL;
		if (!ret)
			ret = add_count(counts, address, executed);
		if (ret)
			break;
		sum += executed;
	}
	if (!ret && (got != EOF || sum != counts->total))
		ret = -EINVAL;
	if (ret)
		profile_free_counts(counts);
	return ret;
}

static int dearest_first(const void *a, const void *b)
{
	const struct profile_row *l = a, *r = b;

	if (l->instructions != r->instructions)
		return l->instructions > r->instructions ? -1 : 1;
	return strcmp(l->name, r->name);
}

/* The row that an address belongs to: a new one, unless it is the last one's. */
static struct profile_row *row_for(struct profile *profile, const char *name, const char *module)
{
	struct profile_row *rows = profile->rows, *last;

	if (profile->count) {
		last = &rows[profile->count - 1];
		/* Names are borrowed: the same pointer is the same function. */
		if (last->name == name)
			return last;
	}
	rows = grow(rows, profile->count, sizeof(*rows));
	if (!rows)
		return NULL;
	profile->rows = rows;
	last = &rows[profile->count++];
	*last = (struct profile_row){ .name = name, .module = module };
	return last;
}

int profile_make(const struct profile_counts *counts, const struct profile_symbols *symbols,
		 struct profile *profile)
{
	static const char user[] = PROFILE_USER, unknown[] = PROFILE_UNKNOWN, none[] = "";
	size_t next = 0; /* first symbol after the address */

	*profile = (struct profile){ 0 };
	for (size_t i = 0; i < counts->count; i++) {
		const uint64_t address = counts->address[i];
		const struct profile_symbol *s = NULL;
		struct profile_row *row;

		while (next < symbols->count && symbols->list[next].address <= address)
			next++;
		if (next)
			s = &symbols->list[next - 1];
		if (address < KERNEL_HALF)
			row = row_for(profile, user, none);
		else
			row = s ? row_for(profile, s->name, s->module) :
				  row_for(profile, unknown, none);
		if (!row) {
			profile_free(profile);
			return -ENOMEM;
		}
		row->instructions += counts->executed[i];
		if (s && address == s->address)
			row->calls += counts->executed[i];
	}
	if (profile->count)
		qsort(profile->rows, profile->count, sizeof(*profile->rows), dearest_first);
	return 0;
}

void profile_free(struct profile *profile)
{
	free(profile->rows);
	*profile = (struct profile){ 0 };
}
