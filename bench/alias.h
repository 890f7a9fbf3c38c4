/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * alias.h - much address space over little memory.
 *
 * A few huge pages, mapped again and again, one behind the other, make a contiguous range of any
 * size. Every part of it is as real to VFIO as memory can be: it is pinned, charged and mapped.
 */
#ifndef HOLDFAST_BENCH_ALIAS_H
#define HOLDFAST_BENCH_ALIAS_H

#include <holdfast/memory.h>
#include <stdint.h>

/** Kinds of a struct bench_case that are made here */
#define BENCH_ALIAS_2M "hugetlb2m-alias"
#define BENCH_ALIAS_1G "hugetlb1g-alias"

/**
 * bench_alias_alloc() - make such a range, every page of it present
 * @kind: BENCH_ALIAS_2M (32 pages are behind it) or BENCH_ALIAS_1G (one)
 * @bytes: size, a multiple of the page size
 * @m: to fill in; hf_mem_free() gives it back
 *
 * Return: 0; -ENOMEM without such huge pages; -EOPNOTSUPP where the kernel has none of that
 * size; -errno.
 */
int bench_alias_alloc(const char *kind, uint64_t bytes, struct hf_mem *m);

#endif
