// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_pagemap.c - runs in entries of /proc/self/pagemap.
 *
 * An input is entries. There are as many runs as there are present pages that do not continue
 * the page before.
 */
#include "target.h"

#include <holdfast/pagemap.h>
#include <stdlib.h>
#include <string.h>

static bool continues(uint64_t before, uint64_t entry)
{
	const uint64_t pfn = (1ULL << 55) - 1;

	return before >> 63 && (entry & pfn) == (before & pfn) + 1;
}

void fz_target(const uint8_t *in, size_t len)
{
	const size_t pages = len / sizeof(uint64_t);
	uint64_t *entries = (uint64_t *)fz_copy((struct fz_bytes){ in, pages * sizeof(*entries) });
	size_t runs = 0, present = 0;

	for (size_t i = 0; i < pages; i++) {
		present += entries[i] >> 63;
		if (entries[i] >> 63 && !(i && continues(entries[i - 1], entries[i])))
			runs++;
		FZ_MUST(hf_pagemap_pfn(entries[i]) < 1ULL << 55);
		FZ_MUST(hf_pagemap_present(entries[i]) || !hf_pagemap_pfn(entries[i]));
	}
	FZ_MUST(hf_pagemap_runs(entries, pages) == runs && runs <= present);
	free(entries);
}
