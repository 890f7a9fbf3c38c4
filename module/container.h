/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The container: what one VFIO_SET_IOMMU creates and the last detached group
 * ends.  See container.c for the essay.
 */
#ifndef HOLDFAST_CONTAINER_H
#define HOLDFAST_CONTAINER_H

#include <linux/atomic.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "auditor.h"

#include "stats.h"

struct dentry;
struct hf_mapping;
struct hf_windows;
struct iommu_group;
struct vfio_bitmap;

/**
 * struct hf_container - mappings and the domains that translate them
 * @id: what the VFIO core holds in place of a pointer
 * @hash: in the table of containers, by @id
 * @refs: one for the core until release, one for each call in flight
 * @rcu: frees it after the last lookup that may have seen it
 * @v2: VFIO_TYPE1v2_IOMMU semantics of unmap
 * @nested: VFIO_TYPE1_NESTING_IOMMU: domains are prepared for nesting
 * @by_user: users pay for what is pinned, not mms (account.c)
 * @lock: guards @mappings, @avail, @dirty, @bitmaps, @closed, @windows,
 *	@pgsizes, @domains, @emulated, @nr_stale, @gate
 * @mappings: tree of struct hf_mapping, by IOVA, disjoint
 * @avail: mappings that may still be made
 * @dirty: dirty page tracking is on
 * @bitmaps: new mappings need a bitmap for it (dirty.c)
 * @closed: the last group left; nothing new is mapped
 * @windows: where mappings may lie; NULL before the first group
 * @pgsizes: page sizes all domains know, one bit each, bytes
 * @busy: mappings that are being made or taken down
 * @gate: nobody may begin to work on a mapping; counted in @busy
 * @settled: woken when a mapping became live or is gone
 * @spare: a mapping that is not used, for the next map; or NULL
 * @domains_sem: held for reading to map, unmap and extend logs; for writing
 *	to change @domains
 * @domains: list of struct hf_domain
 * @emulated: groups without an IOMMU, struct hf_group
 * @nr_stale: mappings whose address is not valid (vaddr.c)
 * @dirty_lock: serialises what turns tracking on and off, or gives out bitmaps
 * @devices_lock: guards @devices, and is held over their callbacks
 * @devices: open devices that want to know of unmaps, struct vfio_device
 * @pins: pins held by all mappings, and by drivers in them
 * @auditor: says where device and CPU do not see the same memory (audit.c)
 * @stats: what is counted (stats.c)
 * @debugfs: its folder there, or an error pointer (debugfs.c)
 */
struct hf_container {
	unsigned long id;
	struct hlist_node hash;
	refcount_t refs;
	struct rcu_head rcu;
	bool v2;
	bool nested;
	bool by_user;

	struct mutex lock;
	struct rb_root mappings;
	unsigned int avail;
	bool dirty;
	bool bitmaps;
	bool closed;
	struct hf_windows *windows;
	u64 pgsizes;
	atomic_t busy;
	bool gate;
	wait_queue_head_t settled;
	struct hf_mapping *spare;

	struct rw_semaphore domains_sem;
	struct list_head domains;

	struct list_head emulated;
	unsigned int nr_stale;
	struct mutex dirty_lock;
	struct mutex devices_lock;
	struct list_head devices;

	atomic_long_t pins;

	struct hf_auditor auditor;
	struct hf_stats stats;
	struct dentry *debugfs;
};

/**
 * hf_container_page() - the smallest page all domains can map, bytes
 * @c: the container
 *
 * Context: any; a group that joins or leaves may change it.
 * Return: bytes, a power of two.
 */
static inline u64 hf_container_page(const struct hf_container *c)
{
	u64 sizes = READ_ONCE(c->pgsizes);

	return sizes & -sizes;
}

struct hf_container *hf_container_create(bool v2, bool nested);
void hf_container_release(struct hf_container *c);
void hf_container_free(struct hf_container *c);

#define HF_CONTAINERS_BITS	6
extern struct hlist_head hf_containers[1 << HF_CONTAINERS_BITS];

/**
 * hf_container_get() - find a container and take a reference
 * @id: its number
 *
 * Return: the container, or NULL if it was released.
 */
static inline struct hf_container *hf_container_get(unsigned long id)
{
	struct hf_container *c;

	rcu_read_lock();
	hash_for_each_possible_rcu(hf_containers, c, hash, id) {
		if (c->id != id)
			continue;
		if (unlikely(!refcount_inc_not_zero(&c->refs)))
			break;
		rcu_read_unlock();
		return c;
	}
	rcu_read_unlock();
	return NULL;
}

/**
 * hf_container_put() - drop a reference
 * @c: the container
 *
 * Context: may sleep.
 */
static inline void hf_container_put(struct hf_container *c)
{
	if (refcount_dec_and_test(&c->refs))
		hf_container_free(c);
}

struct hf_mapping *hf_container_find(struct hf_container *c, dma_addr_t iova);
struct hf_mapping *hf_container_first(struct hf_container *c);
struct hf_mapping *hf_container_next(struct hf_mapping *m);
bool hf_container_bisects(struct hf_container *c, dma_addr_t first,
			  dma_addr_t last);

int hf_container_attach(struct hf_container *c, struct iommu_group *group);
int hf_container_attach_emulated(struct hf_container *c,
				 struct iommu_group *group);
void hf_container_detach(struct hf_container *c, struct iommu_group *group);
void hf_container_detach_all(struct hf_container *c);
struct iommu_domain *hf_container_domain_of(struct hf_container *c,
					    struct iommu_group *group);
bool hf_container_coherent(struct hf_container *c);

int hf_container_map(struct hf_container *c, dma_addr_t iova,
		     unsigned long vaddr, size_t size, int prot);
bool hf_container_unmap_exact(struct hf_container *c, dma_addr_t first,
			      dma_addr_t last);
int hf_container_unmap_range(struct hf_container *c, dma_addr_t first,
			     dma_addr_t last, bool all,
			     const struct vfio_bitmap *dirty, u64 *unmapped);

/**
 * hf_container_unmap() - unmap a range
 * @c: the container
 * @first: first IOVA, bytes
 * @last: last IOVA, bytes
 * @all: VFIO_DMA_UNMAP_FLAG_ALL: the range is everything
 * @dirty: where to report dirty pages, bit 0 for @first; or NULL
 * @unmapped: out: bytes of the mappings that are gone
 *
 * Drivers of emulated devices that have pages of the range pinned are told
 * first, until they have none.  When this returns no device reaches the pages of
 * the range's mappings and nothing of them is pinned or charged.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for a v2 range that cuts a mapping, or for @dirty without
 * tracking or with another page size than the smallest; -EFAULT if @dirty
 * cannot be written: mappings from there on stay; -EINTR when killed while
 * another thread was still at work on a mapping of the range, or a driver did
 * not unpin its pages.
 */
static inline int hf_container_unmap(struct hf_container *c, dma_addr_t first,
				     dma_addr_t last, bool all,
				     const struct vfio_bitmap *dirty,
				     u64 *unmapped)
{
	if (!dirty && hf_container_unmap_exact(c, first, last)) {
		*unmapped = last - first + 1;
		return 0;
	}
	return hf_container_unmap_range(c, first, last, all, dirty, unmapped);
}

void hf_container_unmap_all(struct hf_container *c);

void hf_container_drain(void);

#endif
