/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One mapping: an IOVA range and the user memory behind it.
 * See mapping.c for the essay.
 */
#ifndef HOLDFAST_MAPPING_H
#define HOLDFAST_MAPPING_H

#include <asm/barrier.h>
#include <linux/bug.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#include "account.h"
#include "domain.h"
#include "extent.h"
#include "stats.h"

struct hf_audit;
struct hf_container;
struct hf_external;

/**
 * enum hf_mapping_state - where a mapping stands in its life
 * @HF_MAPPING_NEW: its range is reserved; one thread pins and maps it
 * @HF_MAPPING_LIVE: whole; nobody works on it
 * @HF_MAPPING_HELD: whole; one thread keeps everybody else off for a while
 * @HF_MAPPING_DYING: one thread unmaps and unpins it
 */
enum hf_mapping_state {
	HF_MAPPING_NEW,
	HF_MAPPING_LIVE,
	HF_MAPPING_HELD,
	HF_MAPPING_DYING,
};

/**
 * struct hf_mapping - one MAP_DMA
 * @node: in the container's tree, by IOVA
 * @link: in a list of mappings being taken down, or held
 * @iova: first IOVA, bytes
 * @size: bytes
 * @vaddr: first user address, bytes, untagged, in the mm of @charge
 * @prot: IOMMU_READ, IOMMU_WRITE
 * @state: enum hf_mapping_state
 * @stuck: an IOMMU driver failed to take back what it had mapped before an
 *	error: nothing is unpinned
 * @stale: its memory is moving to another address or process (vaddr.c);
 *	changes with the container's lock held
 * @charge: what is paid for it, and whose memory it is
 * @external: what is there for devices without an IOMMU (external.c); NULL
 *	while nothing is
 * @audit: what the auditor knows of it (audit.c); NULL while it is not audited
 * @mapped: pages from the start of @log that were mapped into every domain
 * @gone: pages from the start of @log that were unmapped again
 * @log: what is pinned
 * @born: jiffies when it was asked for
 * @owner: the process whose memory it is: who mapped it, or gave it another
 *	address; changes with the container's lock held
 */
struct hf_mapping {
	struct rb_node node;
	struct list_head link;
	dma_addr_t iova;
	size_t size;
	unsigned long vaddr;
	enum hf_mapping_state state;
	u8 prot;
	bool stuck;
	bool stale;
	struct hf_charge charge;
	struct hf_external *external;
	struct hf_audit *audit;
	unsigned long mapped;
	unsigned long gone;
	struct hf_log log;
	unsigned long born;
	struct hf_owner owner;
};

/**
 * hf_mapping_last() - last IOVA of a mapping, bytes
 * @m: the mapping
 */
static inline dma_addr_t hf_mapping_last(const struct hf_mapping *m)
{
	return m->iova + m->size - 1;
}

/**
 * hf_iova_of() - IOVA of a page, bytes
 * @m: the mapping
 * @page: its number in the mapping
 */
static inline dma_addr_t hf_iova_of(const struct hf_mapping *m,
				    unsigned long page)
{
	return m->iova + ((dma_addr_t)page << PAGE_SHIFT);
}

/**
 * hf_at_block() - does a page begin a block of HF_IOVA_BLOCK?
 * @m: the mapping
 * @page: its number in the mapping
 */
static inline bool hf_at_block(const struct hf_mapping *m, unsigned long page)
{
	return !(hf_iova_of(m, page) & (HF_IOVA_BLOCK - 1));
}

/**
 * hf_pages_to_block() - pages from one to the next multiple of HF_IOVA_BLOCK
 * @m: the mapping
 * @page: its number in the mapping
 */
static inline unsigned long hf_pages_to_block(const struct hf_mapping *m,
					      unsigned long page)
{
	const unsigned long block = HF_IOVA_BLOCK >> PAGE_SHIFT;

	return block - ((hf_iova_of(m, page) >> PAGE_SHIFT) & (block - 1));
}

/**
 * hf_mapping_at_rest() - is nobody at work on a mapping?
 * @m: the mapping, in the tree; the answer stays while the container's lock is
 *	held
 */
static inline bool hf_mapping_at_rest(const struct hf_mapping *m)
{
	/* Pairs with the release of who was: the log is complete. */
	return smp_load_acquire(&m->state) == HF_MAPPING_LIVE;
}

/**
 * hf_mapping_backed() - is a mapping pinned, in every domain of its container?
 * @m: the mapping, at rest or the caller's
 *
 * Without a domain no mapping is, but for a moment (hf_container_unback()): a
 * device without an IOMMU has its driver pin single pages.
 */
static inline bool hf_mapping_backed(const struct hf_mapping *m)
{
	return m->log.nr;
}

/**
 * hf_mapping_special() - is there more to a mapping than its log and its charge?
 * @m: the mapping, at rest, its container's lock held
 *
 * One test for all: it is made for every unmap.
 */
static inline bool hf_mapping_special(const struct hf_mapping *m)
{
	return (unsigned long)m->external | (unsigned long)m->audit | m->stale;
}

/**
 * hf_mapping_check() - say so if a mapping that is done with holds something
 * @m: the mapping
 */
static inline void hf_mapping_check(const struct hf_mapping *m)
{
	WARN_ON_ONCE(m->charge.mm || m->log.nr);
}

/**
 * hf_mapping_setup() - make a mapping that nobody knows yet
 * @m: memory for it
 * @iova: first IOVA, bytes
 * @vaddr: first user address, bytes
 * @size: bytes; the three are page aligned and do not wrap
 * @prot: IOMMU_READ, IOMMU_WRITE
 *
 * Its state is HF_MAPPING_NEW, its owner the current process.
 */
static __always_inline void hf_mapping_setup(struct hf_mapping *m,
					     dma_addr_t iova,
					     unsigned long vaddr, size_t size,
					     int prot)
{
	m->iova = iova;
	m->vaddr = vaddr;
	m->size = size;
	m->prot = prot;
	m->state = HF_MAPPING_NEW;
	m->stuck = false;
	m->stale = false;
	m->external = NULL;
	m->audit = NULL;
	m->charge.mm = NULL;
	m->charge.user = NULL;
	m->charge.pages = 0;
	m->mapped = 0;
	m->gone = 0;
	hf_log_init(&m->log);
	m->born = jiffies;
	hf_owner_set(&m->owner);
}

struct hf_mapping *hf_mapping_alloc(void);
void hf_mapping_free(struct hf_mapping *m);
int hf_mapping_populate(struct hf_container *c, struct hf_mapping *m);
int hf_mapping_back(struct hf_container *c, struct hf_mapping *m);
void hf_mapping_unback(struct hf_container *c, struct hf_mapping *m);
void hf_mapping_depopulate(struct hf_container *c, struct hf_mapping *m);
int hf_mapping_replay(const struct hf_mapping *m, struct hf_domain *domain);
void hf_mapping_unreplay(const struct hf_mapping *m, struct hf_domain *domain);

int hf_mapping_init(void);
void hf_mapping_exit(void);

#endif
