// SPDX-License-Identifier: GPL-2.0-only
/*
 * The extent log.
 *
 * Every run of pages a mapping pins is recorded here in the moment it is
 * taken: first PFN, length, the path it came by and how many pages one pin
 * holds.  Unmap, replay into a new domain and everything that shows mappings
 * read the log; the IOMMU page table is never asked what was pinned, and
 * nothing about a PFN ("is it reserved?") is guessed later.
 *
 * The log is append-only and sorted by construction: extents lie in the order
 * of the IOVAs they stand for, without holes, so an extent needs no IOVA of
 * its own.  One extent is one u64:
 *
 *	bits  0..39  first PFN (52-bit physical addresses)
 *	bits 40..55  length - 1, in pins (HF_PATH_PAGES) or else in pages
 *	bits 56..60  order (HF_PATH_PAGES), else the upper bits of the length
 *	bits 61..63  path
 *
 * What only appending needs is in the writer, not in the log: there may be tens
 * of thousands of logs, and few of them grow.
 *
 * The first HF_LOG_INLINE extents live in the mapping; the rest in a list of
 * single pages, so a log never needs a large or a movable allocation and is
 * charged to the caller's memory cgroup.
 *
 * Locking: appended to by the one thread that builds the mapping, while it
 * holds its container's domains_sem for reading; read under domains_sem held
 * for writing, or by the one thread that takes the mapping down.
 */
#include <linux/bitfield.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "bug.h"
#include "extent.h"
#include "fail.h"

/**
 * hf_log_grow() - make room for more extents
 * @w: writer of a log that is full
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int hf_log_grow(struct hf_log_writer *w)
{
	struct hf_log_chunk *chunk;

	BUILD_BUG_ON(sizeof(struct hf_log_chunk) > PAGE_SIZE);

	chunk = hf_fail(HF_FAIL_LOG_GROW) ? NULL :
		(struct hf_log_chunk *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return -ENOMEM;
	chunk->next = NULL;
	if (w->last)
		w->last->next = chunk;
	else
		w->log->first = chunk;
	w->last = chunk;
	w->free = chunk->slot;
	w->room = HF_CHUNK_SLOTS;
	return 0;
}

/**
 * hf_log_free_chunks() - free what the log has allocated
 * @log: the log; to be made empty by the caller
 */
void hf_log_free_chunks(struct hf_log *log)
{
	struct hf_log_chunk *chunk = log->first;

	while (chunk) {
		struct hf_log_chunk *next = chunk->next;

		if (!next && hf_bug(HF_BUG_LOG_LEAK))
			break;
		free_page((unsigned long)chunk);
		chunk = next;
		cond_resched();
	}
	log->first = NULL;
}
