/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pagemap.h - which physical pages are behind this process' memory.
 *
 * Reads /proc/self/pagemap and /proc/kpageflags; both need CAP_SYS_ADMIN to show PFNs. A PFN
 * is in units of 4 KiB pages.
 */
#ifndef HOLDFAST_PAGEMAP_H
#define HOLDFAST_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes per pagemap entry's page on every supported machine */
#define HF_PAGE_SIZE 4096UL

/** hf_pagemap_present() - a page is mapped (the entry's bit 63) */
static inline bool hf_pagemap_present(uint64_t entry)
{
	return entry >> 63;
}

/** hf_pagemap_pfn() - its PFN (bits 0-54), 0 when hidden or not present */
static inline uint64_t hf_pagemap_pfn(uint64_t entry)
{
	return hf_pagemap_present(entry) ? entry & ((1ULL << 55) - 1) : 0;
}

/**
 * hf_pagemap_read() - read raw entries
 * @addr: any address in the first page
 * @pages: number of entries
 * @entries: where to
 *
 * Does not fault anything in. Return: 0 or a negative errno (-EIO: past the address space).
 */
int hf_pagemap_read(const void *addr, size_t pages, uint64_t *entries);

/**
 * hf_pagemap_runs() - count runs of ascending, adjacent PFNs in entries already read
 * @entries: raw entries
 * @pages: how many
 *
 * A page that is not present ends a run and belongs to none. Return: number of runs.
 */
size_t hf_pagemap_runs(const uint64_t *entries, size_t pages);

/**
 * hf_mem_pfn() - PFN of the page behind an address
 * @addr: any address
 * @pfn: its PFN
 *
 * Return: 0; -ENXIO when no page is there; -EPERM when PFNs are hidden from us; -errno.
 */
int hf_mem_pfn(const void *addr, uint64_t *pfn);

/**
 * hf_mem_runs() - count physically contiguous runs behind a buffer
 * @addr: start, page aligned
 * @len: bytes
 *
 * Return: number of runs (0: nothing present); -EPERM when PFNs are hidden; -errno.
 */
long hf_mem_runs(const void *addr, size_t len);

/**
 * hf_mem_present() - count the pages of a buffer that are present
 * @addr: start, page aligned
 * @len: bytes
 *
 * Return: number of 4K pages, or a negative errno. Needs no privilege.
 */
long hf_mem_present(const void *addr, size_t len);

/**
 * hf_mem_page_flags() - /proc/kpageflags of the page behind an address
 * @addr: any address
 * @flags: bits as in <linux/kernel-page-flags.h>
 *
 * Return: 0 or a negative errno as hf_mem_pfn().
 */
int hf_mem_page_flags(const void *addr, uint64_t *flags);

/**
 * hf_mem_is_zero_page() - does an address read the kernel's shared zero page?
 *
 * Return: 1 for the zero page or the huge zero page, 0 for any other page, negative errno as
 * hf_mem_pfn().
 */
int hf_mem_is_zero_page(const void *addr);

#endif
