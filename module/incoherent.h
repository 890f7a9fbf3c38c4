/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which ranges of a container device and CPU do not share.
 * See incoherent.c for the essay.
 */
#ifndef HOLDFAST_INCOHERENT_H
#define HOLDFAST_INCOHERENT_H

#include <linux/fs.h>
#include <linux/types.h>

struct hf_container;
struct holdfast_range;

/**
 * struct hf_ranges - where ranges are gathered
 * @nr: ranges there
 * @max: room
 * @range: the ranges
 */
struct hf_ranges {
	unsigned int nr;
	unsigned int max;
	struct holdfast_range *range;
};

int hf_incoherent_find(struct hf_container *c, dma_addr_t first,
		       dma_addr_t last, struct hf_ranges *ranges,
		       dma_addr_t *next, bool *partial);

/* A container's file "incoherent"; inode->i_private is its number. */
extern const struct file_operations hf_incoherent_fops;

#endif
