// SPDX-License-Identifier: GPL-2.0-only
/*
 * format.c - sizes, times and rates as short text.
 */
#include "format.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *ht_format_size(char text[HT_TEXT], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	const size_t last = sizeof(units) / sizeof(*units) - 1;
	uint64_t unit = 1, tenths;
	size_t i = 0;

	while (i < last && bytes / 1024 >= unit) {
		unit *= 1024;
		i++;
	}
	/* The remainder is below 2^60, so ten of it fit. */
	tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
	if (tenths >= 10240 && i < last) {
		tenths = 10;
		i++;
	}
	if (tenths % 10)
		snprintf(text, HT_TEXT, "%llu.%llu %s", (unsigned long long)tenths / 10,
			 (unsigned long long)tenths % 10, units[i]);
	else
		snprintf(text, HT_TEXT, "%llu %s", (unsigned long long)tenths / 10, units[i]);
	return text;
}

const char *ht_format_pages(char text[HT_TEXT], uint64_t pages)
{
	return ht_format_size(text, pages > UINT64_MAX / HT_PAGE_BYTES ? UINT64_MAX :
							pages * HT_PAGE_BYTES);
}

const char *ht_format_ms(char text[HT_TEXT], uint64_t ms)
{
	const unsigned long long s = ms / 1000;

	if (s < 1)
		snprintf(text, HT_TEXT, "%llums", (unsigned long long)ms);
	else if (s < 60)
		snprintf(text, HT_TEXT, "%llus", s);
	else if (s < 3600)
		snprintf(text, HT_TEXT, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, HT_TEXT, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(text, HT_TEXT, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return text;
}

const char *ht_format_us(char text[HT_TEXT], uint64_t us)
{
	if (us < 1000)
		snprintf(text, HT_TEXT, "%llu us", (unsigned long long)us);
	else if (us < 1000000)
		snprintf(text, HT_TEXT, "%.3g ms", (double)us / 1e3);
	else
		snprintf(text, HT_TEXT, "%.1f s", (double)us / 1e6);
	return text;
}

const char *ht_format_rate(char text[HT_TEXT], double per_second)
{
	if (per_second <= 0)
		snprintf(text, HT_TEXT, "0");
	else if (per_second < 10)
		snprintf(text, HT_TEXT, "%.2f", per_second);
	else if (per_second < 100)
		snprintf(text, HT_TEXT, "%.1f", per_second);
	else
		snprintf(text, HT_TEXT, "%.0f", per_second);
	return text;
}

unsigned int ht_percent(uint64_t part, uint64_t whole)
{
	unsigned int percent;

	if (!part || !whole)
		return 0;
	if (part >= whole)
		return 100;
	percent = (unsigned int)((double)part * 100.0 / (double)whole + 0.5);
	return percent < 1 ? 1 : percent > 99 ? 99 : percent;
}

const char *ht_errno_hint(const char *name)
{
	static const struct {
		const char *name, *hint;
	} hints[] = {
		{ "EFAULT", "memory that is not mapped, or not with the access asked for" },
		{ "ENOMEM", "over RLIMIT_MEMLOCK (see ulimit -l), or no memory left" },
		{ "EINTR", "the process was killed, or interrupted, while it mapped" },
		{ "EBUSY", "the IOMMU or the memory is taken by somebody else" },
		{ "EINVAL", "the IOMMU driver refuses this address or size" },
		{ "EOPNOTSUPP", "memory that cannot be pinned for long, as file pages of some "
				"file systems" },
		{ "EPERM", "not allowed to lock memory" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		if (!strcmp(name, hints[i].name))
			return hints[i].hint;
	return "";
}
