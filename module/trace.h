/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: events/holdfast in tracefs.  Field names and meanings are for
 * users' scripts to rely on; fields may be added at the end.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM holdfast

#if !defined(HOLDFAST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HOLDFAST_TRACE_H

#include <linux/iommu.h>
#include <linux/tracepoint.h>

#include "mapping.h"

/*
 * What happened to a mapping.  iova, vaddr, size in bytes; runs: entries of the
 * extent log; pins: page pins held; result: 0 or -errno.
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
	),
	TP_printk("container=%llu iova=%#llx vaddr=%#llx size=%#llx prot=%s%s runs=%llu pins=%llu result=%d",
		  __entry->container, __entry->iova, __entry->vaddr,
		  __entry->size, __entry->prot & IOMMU_READ ? "r" : "-",
		  __entry->prot & IOMMU_WRITE ? "w" : "-", __entry->runs,
		  __entry->pins, __entry->result)
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
