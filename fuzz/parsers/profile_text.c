// SPDX-License-Identifier: GPL-2.0-only
/*
 * profile_text.c - the two texts of a profile: /proc/kallsyms and what the plugin counted.
 *
 * An input is the parts "==symbols" and "==counts". Symbols are in order, one for each address;
 * the rows of the profile add up to the total of the counts.
 */
#include "target.h"

#include "profile/profile.h"

#include <errno.h>
#include <string.h>

static void check_symbols(const struct profile_symbols *s)
{
	for (size_t i = 0; i < s->count; i++) {
		FZ_MUST(s->list[i].address && *s->list[i].name && s->list[i].module);
		FZ_MUST(!i || s->list[i - 1].address < s->list[i].address);
	}
}

static void check_profile(const struct profile_counts *counts,
			  const struct profile_symbols *symbols)
{
	struct profile p;
	uint64_t sum = 0;

	if (profile_make(counts, symbols, &p))
		return;
	for (size_t i = 0; i < p.count; i++) {
		sum += p.rows[i].instructions;
		FZ_MUST(!i || p.rows[i - 1].instructions >= p.rows[i].instructions);
		FZ_MUST(p.rows[i].calls <= p.rows[i].instructions);
	}
	FZ_MUST(sum == counts->total);
	profile_free(&p);
}

void fz_target(const uint8_t *in, size_t len)
{
	struct fz_bytes rest = { in, len }, part;
	struct profile_symbols symbols = { 0 };
	struct profile_counts counts = { 0 };
	char name[16];
	int ret = 0;

	while (!ret && fz_next_part(&rest, name, sizeof(name), &part)) {
		FILE *f = fz_open(part);

		if (!strcmp(name, "symbols") && !symbols.list) {
			ret = profile_read_symbols(f, &symbols);
			FZ_MUST(!ret || ret == -EINVAL || ret == -ENODATA || ret == -ENOMEM);
			check_symbols(&symbols);
		} else if (!strcmp(name, "counts") && !counts.address) {
			ret = profile_read_counts(f, &counts);
			FZ_MUST(!ret || ret == -EINVAL || ret == -ENOMEM);
		}
		fclose(f);
	}
	if (!ret)
		check_profile(&counts, &symbols);
	profile_free_counts(&counts);
	profile_free_symbols(&symbols);
}
