/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * swap.h - what makes a disk or a file a swap space: its first page, as mkswap(8) writes it.
 *
 * A guest has no mkswap. The format is the kernel's, union swap_header in include/linux/swap.h: at 1024 a
 * version and the number of the last page, at 1052 a name of up to 16 bytes, at the page's end ten
 * bytes that say what it is.
 */
#ifndef HOLDFAST_SWAP_H
#define HOLDFAST_SWAP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * hf_swap_make() - make a swap space
 * @fd: of a disk, or a file without holes
 * @bytes: its length; what is more than whole pages is not used
 * @name: 16 bytes of it at most; or NULL
 *
 * Return: 0; -EINVAL: less than ten pages, which the kernel takes for none; or -errno.
 */
int hf_swap_make(int fd, uint64_t bytes, const char *name);

/** hf_swap_is() - is that a swap space of this name? */
bool hf_swap_is(int fd, const char *name);

#endif
