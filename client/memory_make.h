/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory_make.h - parts of hf_mem_alloc() that live in files of their own; not public.
 */
#ifndef HOLDFAST_MEMORY_MAKE_H
#define HOLDFAST_MEMORY_MAKE_H

#include <stddef.h>

/**
 * hf_make_frag() - fault a range in so that no two neighbours are physical neighbours
 * @addr: private anonymous area, 4K pages only (MADV_NOHUGEPAGE), nothing faulted in
 * @len: bytes, whole pages
 *
 * Needs as much free memory again while it works. The range stays one area.
 * Return: 0; -ENOMEM; -EOPNOTSUPP when PFNs are hidden or the allocator kept handing out
 * neighbours.
 */
int hf_make_frag(char *addr, size_t len);

/**
 * hf_make_huge() - see that a range of 2M blocks is mapped huge, collapse it if it is not
 * @addr: 2M-aligned area of its own, faulted in
 * @len: bytes, whole 2M blocks
 *
 * Return: 0; -EOPNOTSUPP when the kernel would not.
 */
int hf_make_huge(char *addr, size_t len);

/** hf_make_file() - unnamed file of @len bytes of pattern HF_MEM_FILE_SEED; fd or -errno */
int hf_make_file(size_t len);

/** hf_make_huge_tmpfs() - unnamed empty file on a private tmpfs that uses huge pages */
int hf_make_huge_tmpfs(void);

#endif
