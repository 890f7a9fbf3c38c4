// SPDX-License-Identifier: GPL-2.0-only
/*
 * pagemap.c - PFNs of this process' pages.
 *
 * The files are opened for each call: a descriptor of /proc/self/pagemap kept over a fork
 * would go on showing the parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/pagemap.h>
#include <linux/kernel-page-flags.h>
#include <unistd.h>

#define BATCH 512

/* How many of the pages still to read go into one read. */
static size_t batch(size_t pages)
{
	return pages < BATCH ? pages : BATCH;
}

/* Entries [first, first + count) of a file of 64-bit entries. */
static int read_entries(const char *path, uint64_t first, size_t count, uint64_t *entries)
{
	const size_t bytes = count * sizeof(*entries);
	size_t done = 0;
	int ret = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (done < bytes) {
		ssize_t n = pread(fd, (char *)entries + done, bytes - done,
				  (off_t)(first * sizeof(*entries) + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ret = n ? -errno : -EIO;
			break;
		}
		done += (size_t)n;
	}
	close(fd);
	return ret;
}

int hf_pagemap_read(const void *addr, size_t pages, uint64_t *entries)
{
	return read_entries("/proc/self/pagemap", (uintptr_t)addr / HF_PAGE_SIZE, pages, entries);
}

/* Runs that begin in these entries, after an entry *last; *last becomes the last of them. */
static size_t runs_after(uint64_t *last, const uint64_t *entries, size_t pages)
{
	size_t runs = 0;

	for (size_t i = 0; i < pages; i++) {
		const uint64_t pfn = hf_pagemap_pfn(entries[i]);

		if (hf_pagemap_present(entries[i]) &&
		    !(hf_pagemap_present(*last) && pfn == hf_pagemap_pfn(*last) + 1))
			runs++;
		*last = entries[i];
	}
	return runs;
}

size_t hf_pagemap_runs(const uint64_t *entries, size_t pages)
{
	uint64_t last = 0;

	return runs_after(&last, entries, pages);
}

int hf_mem_pfn(const void *addr, uint64_t *pfn)
{
	uint64_t entry = 0;
	int ret = hf_pagemap_read(addr, 1, &entry);

	if (ret)
		return ret;
	if (!hf_pagemap_present(entry))
		return -ENXIO;
	/* The kernel shows PFN 0 to those who may not know; no user page has it. */
	*pfn = hf_pagemap_pfn(entry);
	return *pfn ? 0 : -EPERM;
}

long hf_mem_runs(const void *addr, size_t len)
{
	size_t pages = (len + HF_PAGE_SIZE - 1) / HF_PAGE_SIZE;
	uint64_t entries[BATCH], last = 0;
	const char *p = addr;
	size_t runs = 0;

	while (pages) {
		const size_t n = batch(pages);
		int ret = hf_pagemap_read(p, n, entries);

		if (ret)
			return ret;
		for (size_t i = 0; i < n; i++)
			if (hf_pagemap_present(entries[i]) && !hf_pagemap_pfn(entries[i]))
				return -EPERM;
		runs += runs_after(&last, entries, n);
		p += n * HF_PAGE_SIZE;
		pages -= n;
	}
	return (long)runs;
}

long hf_mem_present(const void *addr, size_t len)
{
	size_t pages = (len + HF_PAGE_SIZE - 1) / HF_PAGE_SIZE;
	uint64_t entries[BATCH];
	const char *p = addr;
	long present = 0;

	while (pages) {
		const size_t n = batch(pages);
		int ret = hf_pagemap_read(p, n, entries);

		if (ret)
			return ret;
		for (size_t i = 0; i < n; i++)
			present += hf_pagemap_present(entries[i]);
		p += n * HF_PAGE_SIZE;
		pages -= n;
	}
	return present;
}

int hf_mem_page_flags(const void *addr, uint64_t *flags)
{
	uint64_t pfn = 0;
	int ret = hf_mem_pfn(addr, &pfn);

	return ret ? ret : read_entries("/proc/kpageflags", pfn, 1, flags);
}

int hf_mem_is_zero_page(const void *addr)
{
	uint64_t flags = 0;
	int ret = hf_mem_page_flags(addr, &flags);

	return ret ? ret : !!(flags & (1ULL << KPF_ZERO_PAGE));
}
