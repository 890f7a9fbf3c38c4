/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * leaf.h - memory by what the page table maps it with: the leaf kinds.
 *
 * A memory kind of the client library (holdfast/memory.h) says what pages are; a leaf kind says
 * also by what entries they are mapped, and in what piece sizes something can happen to them.
 */
#ifndef TESTS_LEAF_H
#define TESTS_LEAF_H

#include <holdfast/memory.h>
#include <stdbool.h>
#include <stddef.h>

/** Leaf kinds as bits: a set of them is an unsigned int */
#define T_LEAF_ANON4K (1u << 0)	       /* anonymous, 4K */
#define T_LEAF_MTHP64K (1u << 1)       /* anonymous, folios of 64K */
#define T_LEAF_THP (1u << 2)	       /* anonymous, 2M, mapped by one entry */
#define T_LEAF_THP_PTES (1u << 3)      /* anonymous, 2M, mapped by 512 entries */
#define T_LEAF_HUGE2M (1u << 4)	       /* hugetlb, private, 2M */
#define T_LEAF_HUGE2M_SHARED (1u << 5) /* hugetlb, shared, 2M */
#define T_LEAF_HUGE1G (1u << 6)	       /* hugetlb, private, 1G */
#define T_LEAF_SHMEM4K (1u << 7)       /* shmem, 4K */
#define T_LEAF_SHMEMTHP (1u << 8)      /* shmem, 2M, mapped by one entry */
#define T_LEAF_SHMEMTHP_PTES (1u << 9) /* shmem, 2M, mapped by 512 entries */
#define T_LEAF_FILE (1u << 10)	       /* private mapping of a file, written to */
#define T_LEAF_FILE_SHARED (1u << 11)  /* shared mapping of a file */

#define T_LEAF_SHARED                                                                      \
	(T_LEAF_HUGE2M_SHARED | T_LEAF_SHMEM4K | T_LEAF_SHMEMTHP | T_LEAF_SHMEMTHP_PTES |  \
	 T_LEAF_FILE_SHARED)
#define T_LEAF_HUGETLB (T_LEAF_HUGE2M | T_LEAF_HUGE2M_SHARED | T_LEAF_HUGE1G)
#define T_LEAF_ANON (T_LEAF_ANON4K | T_LEAF_MTHP64K | T_LEAF_THP | T_LEAF_THP_PTES)
#define T_LEAF_PRIVATE (T_LEAF_ANON | T_LEAF_HUGE2M | T_LEAF_HUGE1G | T_LEAF_FILE)
#define T_LEAF_ALL (T_LEAF_SHARED | T_LEAF_PRIVATE)

/**
 * struct t_leaf - a leaf kind; sizes and places in 4K pages
 * @bit: T_LEAF_*
 * @name: of the kind
 * @memory: memory kind it is made of
 * @folio: pages that belong together
 * @pages: a good size for a test: more than one folio
 * @from: a part in the middle of @pages, which something can happen to: first page
 * @to: behind its last page
 * @cut: a place where a file of @pages can be cut off
 */
struct t_leaf {
	unsigned int bit;
	const char *name;
	const char *memory;
	size_t folio;
	size_t pages;
	size_t from;
	size_t to;
	size_t cut;
};

/** t_leaves() - every leaf kind; ends with one whose name is NULL */
const struct t_leaf *t_leaves(void);

/**
 * struct t_leaf_mem - memory of a leaf kind, every page there, on a 2M boundary where it can be
 * @addr: first byte
 * @pages: length
 * @fd: file behind it from its first byte on, or -1
 * @mem: underlying allocation
 * @area: reservation of addresses, when @addr is not in @mem
 * @area_len: its bytes
 */
struct t_leaf_mem {
	char *addr;
	size_t pages;
	int fd;
	struct hf_mem mem;
	char *area;
	size_t area_len;
};

/**
 * t_leaf_alloc() - allocate memory of a leaf kind or skip the case
 * @m: to fill in; t_leaf_free() frees it
 * @leaf: kind
 * @pages: length, at least @leaf->pages; whole folios
 *
 * That it is what the kind says was looked at. Return: false when this kernel cannot make it.
 */
bool t_leaf_alloc(struct t_leaf_mem *m, const struct t_leaf *leaf, size_t pages);

/**
 * t_leaf_free() - free it, whatever has become of the addresses
 *
 * Nothing else may have been mapped into holes made in it: fill them (t_leaf_hole()).
 */
void t_leaf_free(struct t_leaf_mem *m);

/** t_leaf_hole() - munmap() a part and keep others from being mapped there */
void t_leaf_hole(char *addr, size_t pages);

/** t_leaf_reserve() - addresses that nobody else gets, from a 2M boundary on; must succeed */
char *t_leaf_reserve(size_t len, char **area, size_t *area_len);

/** t_leaf_in_folio() - does the page at an address belong to a folio larger than 4K? */
bool t_leaf_in_folio(const char *addr);

#endif
