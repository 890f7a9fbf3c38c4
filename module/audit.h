/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the auditor knows of a mapping: do device and CPU still see the same memory?
 * See audit.c for the essay.
 */
#ifndef HOLDFAST_AUDIT_H
#define HOLDFAST_AUDIT_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/types.h>

#include "compare.h"

struct hf_container;
struct hf_mapping;
struct mm_struct;

/* Pages of a block: what is suspected, and verified, as a whole. */
#define HF_AUDIT_BLOCK	512U

/**
 * struct hf_audit - what the auditor knows of one mapping
 * @notifier: on the mapping's memory
 * @c: the container
 * @m: the mapping
 * @pending: in the auditor's pending or todo
 * @watching: in the auditor's watched
 * @next: block at which the worker's run goes on
 * @place: where in the log the last comparison ended
 * @placed: is @place of use?
 * @pages: of the mapping
 * @blocks: of HF_AUDIT_BLOCK pages; the last may be shorter
 * @suspects: bits in @suspect
 * @watches: bits in @watch
 * @nr_parted: bits in @parted
 * @suspect: a bit for each block: to be compared
 * @watch: a bit for each block: has pages that can part without a word
 * @parted: a bit for each page: device and CPU do not share it
 * @bits: room for the first two
 */
struct hf_audit {
	struct mmu_interval_notifier notifier;
	struct hf_container *c;
	struct hf_mapping *m;
	struct list_head pending;
	struct list_head watching;
	unsigned long next;
	struct hf_place place;
	bool placed;
	unsigned long pages;
	unsigned long blocks;
	unsigned long suspects;
	unsigned long watches;
	unsigned long nr_parted;
	unsigned long *suspect;
	unsigned long *watch;
	unsigned long *parted;
	unsigned long bits[];
};

struct hf_audit *hf_audit_create(struct hf_container *c, struct hf_mapping *m,
				 struct mm_struct *mm, unsigned long vaddr);
void hf_audit_destroy(struct hf_audit *a);
int hf_audit_begin(struct hf_container *c, struct hf_mapping *m,
		   struct mm_struct *mm);
void hf_audit_end(struct hf_mapping *m);
void hf_audit_suspect(struct hf_mapping *m, unsigned long first,
		      unsigned long end);
int hf_audit_verify(struct hf_mapping *m, struct hf_compare *cmp,
		    unsigned long first, unsigned long end);
const unsigned long *hf_audit_parted(const struct hf_mapping *m);
unsigned long hf_audit_nr_parted(const struct hf_mapping *m);

/* For the worker (auditor.c). */
void hf_audit_mark(struct hf_audit *a, unsigned long first, unsigned long last);
void hf_audit_orphan(struct hf_audit *a);
void hf_audit_stand(struct hf_audit *a, struct hf_compare *cmp);
void hf_audit_stood(struct hf_audit *a, const struct hf_compare *cmp);
int hf_audit_block(struct hf_audit *a, struct hf_compare *cmp,
		   unsigned long block);

#endif
