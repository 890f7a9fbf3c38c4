/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: events/holdfast in tracefs.  Field names and meanings are for
 * users' scripts to rely on; fields may be added at the end.
 *
 * Everywhere: container is its number, as in debugfs; iova, last (an IOVA too),
 * vaddr and size are bytes; pages are of PAGE_SIZE; pid is a tgid in the initial
 * pid namespace; result is 0 or -errno.  Steps of a map or unmap are one event
 * for each batch or chunk, never for each page, and what an event says is worked
 * out when somebody listens.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM holdfast

#if !defined(HOLDFAST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HOLDFAST_TRACE_H

#include <linux/iommu.h>
#include <linux/tracepoint.h>

#include "compat.h"
#include "container.h"
#include "mapping.h"
#include "pin.h"

/*
 * What happened to a mapping.  iova, vaddr, size in bytes; runs: entries of the
 * extent log; pins: page pins held; result: 0 or -errno; pid: its owner.
 */
DECLARE_EVENT_CLASS(hf_mapping_class,
	TP_PROTO(unsigned long container, const struct hf_mapping *m, int result),
	TP_ARGS(container, m, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, vaddr)
		__field(u64, size)
		__field(u32, prot)
		__field(u64, runs)
		__field(u64, pins)
		__field(int, result)
		__field(int, pid)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = m->iova;
		__entry->vaddr = m->vaddr;
		__entry->size = m->size;
		__entry->prot = m->prot;
		__entry->runs = m->log.nr;
		__entry->pins = m->log.pins;
		__entry->result = result;
		__entry->pid = m->owner.pid;
	),
	TP_printk("container=%llu iova=%#llx vaddr=%#llx size=%#llx prot=%s%s runs=%llu pins=%llu result=%d pid=%d",
		  __entry->container, __entry->iova, __entry->vaddr,
		  __entry->size, __entry->prot & IOMMU_READ ? "r" : "-",
		  __entry->prot & IOMMU_WRITE ? "w" : "-", __entry->runs,
		  __entry->pins, __entry->result, __entry->pid)
);

/*
 * A MAP_DMA that had reserved its range is through; runs and pins are 0 when
 * it failed.
 */
DEFINE_EVENT(hf_mapping_class, hf_map,
	TP_PROTO(unsigned long container, const struct hf_mapping *m, int result),
	TP_ARGS(container, m, result)
);

/*
 * A mapping is about to be unmapped, unpinned and refunded, by UNMAP_DMA or
 * because its container ends.  That cannot fail: result is 0.
 */
DEFINE_EVENT(hf_mapping_class, hf_unmap,
	TP_PROTO(unsigned long container, const struct hf_mapping *m, int result),
	TP_ARGS(container, m, result)
);

/*
 * A container was made, or is released: its devices are about to be detached
 * and its mappings taken down.  type: 1 v1, 2 v2, 3 v2 with nesting; pid: who
 * made it; mappings: what it has; pins: pins it holds.
 */
DECLARE_EVENT_CLASS(hf_container_class,
	TP_PROTO(const struct hf_container *c),
	TP_ARGS(c),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u32, type)
		__field(int, pid)
		__field(u64, mappings)
		__field(u64, pins)
	),
	TP_fast_assign(
		__entry->container = c->id;
		__entry->type = c->nested ? 3 : c->v2 ? 2 : 1;
		__entry->pid = c->stats.pid;
		__entry->mappings = c->stats.limit - c->avail;
		__entry->pins = atomic_long_read(&c->pins);
	),
	TP_printk("container=%llu type=%u pid=%d mappings=%llu pins=%llu",
		  __entry->container, __entry->type, __entry->pid,
		  __entry->mappings, __entry->pins)
);

DEFINE_EVENT(hf_container_class, hf_container_create,
	TP_PROTO(const struct hf_container *c),
	TP_ARGS(c)
);

DEFINE_EVENT(hf_container_class, hf_container_release,
	TP_PROTO(const struct hf_container *c),
	TP_ARGS(c)
);

/*
 * A group wanted to join a container, or left it, which cannot fail.  group: its
 * number; emulated: it has no IOMMU.
 */
TRACE_EVENT(hf_group_attach,
	TP_PROTO(unsigned long container, struct iommu_group *group,
		 bool emulated, int result),
	TP_ARGS(container, group, emulated, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(int, group)
		__field(u32, emulated)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->group = iommu_group_id(group);
		__entry->emulated = emulated;
		__entry->result = result;
	),
	TP_printk("container=%llu group=%d emulated=%u result=%d",
		  __entry->container, __entry->group, __entry->emulated,
		  __entry->result)
);

TRACE_EVENT(hf_group_detach,
	TP_PROTO(unsigned long container, struct iommu_group *group),
	TP_ARGS(container, group),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(int, group)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->group = iommu_group_id(group);
	),
	TP_printk("container=%llu group=%d", __entry->container,
		  __entry->group)
);

/*
 * A MAP_DMA has reserved its range, and what follows belongs to it; or it was
 * refused before it had.
 */
TRACE_EVENT(hf_range_reserve,
	TP_PROTO(const struct hf_container *c, const struct hf_mapping *m, int result),
	TP_ARGS(c, m, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, vaddr)
		__field(u64, size)
		__field(u32, prot)
		__field(int, pid)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = c->id;
		__entry->iova = m->iova;
		__entry->vaddr = m->vaddr;
		__entry->size = m->size;
		__entry->prot = m->prot;
		__entry->pid = m->owner.pid;
		__entry->result = result;
	),
	TP_printk("container=%llu iova=%#llx vaddr=%#llx size=%#llx prot=%s%s pid=%d result=%d",
		  __entry->container, __entry->iova, __entry->vaddr,
		  __entry->size, __entry->prot & IOMMU_READ ? "r" : "-",
		  __entry->prot & IOMMU_WRITE ? "w" : "-", __entry->pid,
		  __entry->result)
);

/*
 * Somebody waited until nobody was at work on the mappings of a range (or, for
 * a group that joins, on any).  waited_ns: for how long; result: -EINTR when
 * killed.
 */
TRACE_EVENT(hf_range_wait,
	TP_PROTO(unsigned long container, dma_addr_t first, dma_addr_t last,
		 u64 waited, int result),
	TP_ARGS(container, first, last, waited, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, last)
		__field(u64, waited_ns)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = first;
		__entry->last = last;
		__entry->waited_ns = waited;
		__entry->result = result;
	),
	TP_printk("container=%llu iova=%#llx last=%#llx waited_ns=%llu result=%d",
		  __entry->container, __entry->iova, __entry->last,
		  __entry->waited_ns, __entry->result)
);

/*
 * Locked memory was charged, or could not be (-ENOMEM: over the limit), or was
 * given back.  pid: of the process that pays; 0 if it is gone.
 */
DECLARE_EVENT_CLASS(hf_charge_class,
	TP_PROTO(struct mm_struct *mm, unsigned long pages, int result),
	TP_ARGS(mm, pages, result),
	TP_STRUCT__entry(
		__field(int, pid)
		__field(u64, pages)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->pid = hf_mm_pid(mm);
		__entry->pages = pages;
		__entry->result = result;
	),
	TP_printk("pid=%d pages=%llu result=%d", __entry->pid, __entry->pages,
		  __entry->result)
);

DEFINE_EVENT(hf_charge_class, hf_charge_take,
	TP_PROTO(struct mm_struct *mm, unsigned long pages, int result),
	TP_ARGS(mm, pages, result)
);

DEFINE_EVENT(hf_charge_class, hf_charge_refund,
	TP_PROTO(struct mm_struct *mm, unsigned long pages, int result),
	TP_ARGS(mm, pages, result)
);

/*
 * A map has pinned the next batch of pages, or could not: then pages is 0, and
 * -EFAULT may only mean that memory without struct pages follows, which is not
 * pinned.  how: 0 one huge page or large folio with one pin, 1 several huge
 * pages in a row, 2 page by page, 3 page by page through the mmap lock.
 */
TRACE_EVENT(hf_pages_pin,
	TP_PROTO(const struct hf_container *c, const struct hf_pin *pin, int result),
	TP_ARGS(c, pin, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, vaddr)
		__field(u64, pages)
		__field(u32, how)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = c->id;
		__entry->pages = result ? 0 : hf_pin_pages_held(pin);
		__entry->vaddr = pin->vaddr - (__entry->pages << PAGE_SHIFT);
		__entry->how = pin->leaves ? pin->nr > 1 : 2 + pin->slow;
		__entry->result = result;
	),
	TP_printk("container=%llu vaddr=%#llx pages=%llu how=%s result=%d",
		  __entry->container, __entry->vaddr, __entry->pages,
		  __print_symbolic(__entry->how, { 0, "leaf" }, { 1, "row" },
				   { 2, "batch" }, { 3, "slow" }),
		  __entry->result)
);

/*
 * Physical runs were mapped into all domains with one call, or into none.
 */
TRACE_EVENT(hf_runs_map,
	TP_PROTO(const struct list_head *domains, dma_addr_t iova,
		 unsigned long pages, unsigned int runs, int result),
	TP_ARGS(domains, iova, pages, runs, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, pages)
		__field(u32, runs)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container_of(domains, struct hf_container,
						  domains)->id;
		__entry->iova = iova;
		__entry->pages = pages;
		__entry->runs = runs;
		__entry->result = result;
	),
	TP_printk("container=%llu iova=%#llx pages=%llu runs=%u result=%d",
		  __entry->container, __entry->iova, __entry->pages,
		  __entry->runs, __entry->result)
);

/* mapping.c: a step of an unmap is listened to. */
int hf_trace_steps_reg(void);
void hf_trace_steps_unreg(void);

/*
 * A part of a mapping was unmapped from all domains and their IOTLBs flushed.
 * result: -EIO when an IOMMU driver did not, and the pages stay pinned.
 */
TRACE_EVENT_FN(hf_range_unmap,
	TP_PROTO(unsigned long container, dma_addr_t iova, unsigned long pages,
		 int result),
	TP_ARGS(container, iova, pages, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, pages)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->pages = pages;
		__entry->result = result;
	),
	TP_printk("container=%llu iova=%#llx pages=%llu result=%d",
		  __entry->container, __entry->iova, __entry->pages,
		  __entry->result),
	hf_trace_steps_reg, hf_trace_steps_unreg
);

/*
 * Pages were unpinned that hf_pages_pin or a join had pinned: those of a part
 * that was unmapped, or that a map had pinned and not mapped when it failed.
 * Memory without struct pages is counted though it had no pin.
 */
TRACE_EVENT_FN(hf_pages_unpin,
	TP_PROTO(unsigned long container, dma_addr_t iova, unsigned long pages),
	TP_ARGS(container, iova, pages),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, pages)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->pages = pages;
	),
	TP_printk("container=%llu iova=%#llx pages=%llu",
		  __entry->container, __entry->iova, __entry->pages),
	hf_trace_steps_reg, hf_trace_steps_unreg
);

/* Dirty page tracking was turned on or off. */
DECLARE_EVENT_CLASS(hf_dirty_class,
	TP_PROTO(unsigned long container, int result),
	TP_ARGS(container, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->result = result;
	),
	TP_printk("container=%llu result=%d", __entry->container,
		  __entry->result)
);

DEFINE_EVENT(hf_dirty_class, hf_dirty_start,
	TP_PROTO(unsigned long container, int result),
	TP_ARGS(container, result)
);

DEFINE_EVENT(hf_dirty_class, hf_dirty_stop,
	TP_PROTO(unsigned long container, int result),
	TP_ARGS(container, result)
);

/*
 * Something was done to the mappings of [iova, last].
 */
DECLARE_EVENT_CLASS(hf_span_class,
	TP_PROTO(unsigned long container, dma_addr_t first, dma_addr_t last,
		 int result),
	TP_ARGS(container, first, last, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, last)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = first;
		__entry->last = last;
		__entry->result = result;
	),
	TP_printk("container=%llu iova=%#llx last=%#llx result=%d",
		  __entry->container, __entry->iova, __entry->last,
		  __entry->result)
);

/* Their dirty pages were reported, by request or with an unmap. */
DEFINE_EVENT(hf_span_class, hf_dirty_report,
	TP_PROTO(unsigned long container, dma_addr_t first, dma_addr_t last,
		 int result),
	TP_ARGS(container, first, last, result)
);

/* Their addresses became invalid (VFIO_DMA_UNMAP_FLAG_VADDR). */
DEFINE_EVENT(hf_span_class, hf_vaddr_invalidate,
	TP_PROTO(unsigned long container, dma_addr_t first, dma_addr_t last,
		 int result),
	TP_ARGS(container, first, last, result)
);

/*
 * A mapping has a new address (VFIO_DMA_MAP_FLAG_VADDR), that of another process
 * perhaps: pid, its owner from now on.
 */
TRACE_EVENT(hf_vaddr_update,
	TP_PROTO(unsigned long container, dma_addr_t iova, unsigned long vaddr,
		 size_t size, int result),
	TP_ARGS(container, iova, vaddr, size, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, vaddr)
		__field(u64, size)
		__field(int, pid)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->vaddr = vaddr;
		__entry->size = size;
		__entry->pid = current->tgid;
		__entry->result = result;
	),
	TP_printk("container=%llu iova=%#llx vaddr=%#llx size=%#llx pid=%d result=%d",
		  __entry->container, __entry->iova, __entry->vaddr,
		  __entry->size, __entry->pid, __entry->result)
);

/*
 * The driver of a device without an IOMMU asked for pages.  pinned: those that
 * it had not pinned before, each a pin more.
 */
TRACE_EVENT(hf_emulated_pin,
	TP_PROTO(unsigned long container, dma_addr_t iova, int pages, int prot,
		 unsigned long pinned, int result),
	TP_ARGS(container, iova, pages, prot, pinned, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, pages)
		__field(u32, prot)
		__field(u64, pinned)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->pages = pages;
		__entry->prot = prot;
		__entry->pinned = pinned;
		__entry->result = result;
	),
	TP_printk("container=%llu iova=%#llx pages=%llu prot=%s%s pinned=%llu result=%d",
		  __entry->container, __entry->iova, __entry->pages,
		  __entry->prot & IOMMU_READ ? "r" : "-",
		  __entry->prot & IOMMU_WRITE ? "w" : "-", __entry->pinned,
		  __entry->result)
);

/* And needs them no more.  unpinned: pins that were dropped. */
TRACE_EVENT(hf_emulated_unpin,
	TP_PROTO(unsigned long container, dma_addr_t iova, int pages,
		 unsigned long unpinned),
	TP_ARGS(container, iova, pages, unpinned),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, pages)
		__field(u64, unpinned)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->pages = pages;
		__entry->unpinned = unpinned;
	),
	TP_printk("container=%llu iova=%#llx pages=%llu unpinned=%llu",
		  __entry->container, __entry->iova, __entry->pages,
		  __entry->unpinned)
);

/* The drivers of such devices are about to be told that a mapping goes. */
TRACE_EVENT(hf_emulated_notify,
	TP_PROTO(unsigned long container, dma_addr_t iova, size_t size),
	TP_ARGS(container, iova, size),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, size)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->size = size;
	),
	TP_printk("container=%llu iova=%#llx size=%#llx",
		  __entry->container, __entry->iova, __entry->size)
);

/*
 * A page of user memory was pinned for such a driver, and charged unless its
 * mapping is pinned anyway; or could not be.
 */
TRACE_EVENT(hf_external_pin,
	TP_PROTO(unsigned long container, dma_addr_t iova, unsigned long vaddr,
		 int result),
	TP_ARGS(container, iova, vaddr, result),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, vaddr)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->vaddr = vaddr;
		__entry->result = result;
	),
	TP_printk("container=%llu iova=%#llx vaddr=%#llx result=%d",
		  __entry->container, __entry->iova, __entry->vaddr,
		  __entry->result)
);

/*
 * Device and CPU do not share pages of a mapping any more (coherent=0), or do
 * again (coherent=1).  iova, vaddr, size in bytes.
 */
TRACE_EVENT(hf_audit,
	TP_PROTO(unsigned long container, const struct hf_mapping *m,
		 unsigned long page, unsigned long pages, bool coherent),
	TP_ARGS(container, m, page, pages, coherent),
	TP_STRUCT__entry(
		__field(u64, container)
		__field(u64, iova)
		__field(u64, vaddr)
		__field(u64, size)
		__field(u8, coherent)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = m->iova + (page << PAGE_SHIFT);
		__entry->vaddr = m->vaddr + (page << PAGE_SHIFT);
		__entry->size = pages << PAGE_SHIFT;
		__entry->coherent = coherent;
	),
	TP_printk("container=%llu iova=%#llx vaddr=%#llx size=%#llx coherent=%u",
		  __entry->container, __entry->iova, __entry->vaddr,
		  __entry->size, __entry->coherent)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
