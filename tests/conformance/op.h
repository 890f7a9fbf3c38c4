/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * op.h - an operation, as data: what is generated, sent to both sides, written down, replayed.
 *
 * One struct for all kinds; a kind uses the fields it needs. As text an operation is a line,
 * "map iova=0x1000 size=0x2000 at=anon+0x1000 flags=0x3": what is not given has the kind's
 * usual value. op.c has the table of kinds and of fields.
 */
#ifndef CONFORMANCE_OP_H
#define CONFORMANCE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "place.h"

/** Kinds of operations */
enum cf_kind {
	/* Requests to the container */
	CF_MAP,       /* VFIO_IOMMU_MAP_DMA: argsz flags at iova size arg */
	CF_UNMAP,     /* VFIO_IOMMU_UNMAP_DMA: argsz flags iova size arg; bitmap: at pgsize bytes */
	CF_INFO,      /* VFIO_IOMMU_GET_INFO: argsz arg */
	CF_EXTENSION, /* VFIO_CHECK_EXTENSION: iova is its number */
	CF_DIRTY,     /* VFIO_IOMMU_DIRTY_PAGES: argsz flags arg; iova size at pgsize bytes */
	CF_IOCTL,     /* any: iova is its number, arg its argument */
	/* The container itself */
	CF_SETIOMMU,  /* VFIO_SET_IOMMU: flags is the type */
	CF_SECOND,    /* attach a second group, look, detach it: nothing is left */
	CF_LEAVE,     /* detach the only group */
	CF_JOIN,      /* attach it again */
	CF_HUGEPAGES, /* parameter disable_hugepages: flags */
	/* What devices reach */
	CF_SWEEP,     /* DMA from and to pages of every live mapping */
	CF_BLOCKED,   /* DMA where it must not get through: faults */
	/* The process */
	CF_MUNMAP,    /* at size */
	CF_MMAP,      /* at size: anew, empty */
	CF_MPROTECT,  /* at size, flags is the protection */
	CF_MADVISE,   /* at size, flags is the advice */
	CF_MREMAP,    /* at size: to the place "moved", where it has the offset iova */
	CF_WRITE,     /* at size: a new tag into each page */
	CF_READ,      /* at size: touch each page */
	CF_FORK,      /* a child that writes at size, and ends */
	CF_LIMIT,     /* RLIMIT_MEMLOCK to size, CAP_IPC_LOCK kept if flags */
	CF_KINDS
};

/**
 * struct cf_at - an address
 * @place: enum cf_place
 * @off: bytes from its start; for CF_ABS the address
 */
struct cf_at {
	uint32_t place;
	uint64_t off;
};

/**
 * struct cf_op - an operation
 * @kind: enum cf_kind
 * @argsz: as in the request
 * @flags: as in the request
 * @iova: as in the request
 * @size: as in the request, or bytes
 * @at: memory: vaddr of a map, where a bitmap goes, ...
 * @arg: where the request itself is
 * @pgsize: page size of a bitmap
 * @bytes: size of a bitmap
 * @serial: number in its sequence; what a write or a DMA leaves in memory
 */
struct cf_op {
	uint32_t kind;
	uint32_t argsz;
	uint32_t flags;
	uint64_t iova;
	uint64_t size;
	struct cf_at at;
	struct cf_at arg;
	uint64_t pgsize;
	uint64_t bytes;
	uint32_t serial;
};

/** Most operations of one sequence */
#define CF_SEQUENCE_MAX 128

/**
 * struct cf_setup - what a sequence runs in
 * @v1: container of VFIO_TYPE1_IOMMU
 * @dma: the sides' devices are open and do DMA
 * @domains: parameter domain_per_group of holdfast is on
 * @entries: parameter dma_entry_limit, 0 for the default
 */
struct cf_setup {
	bool v1;
	bool dma;
	bool domains;
	uint32_t entries;
};

/**
 * struct cf_sequence - operations to run in a row
 * @name: of a written one
 * @setup: the setup
 * @nr: operations
 * @op: they
 */
struct cf_sequence {
	char name[64];
	struct cf_setup setup;
	unsigned int nr;
	struct cf_op op[CF_SEQUENCE_MAX];
};

/** cf_kind_name() - name of a kind */
const char *cf_kind_name(uint32_t kind);

/** cf_op_init() - an operation of a kind with its usual values */
void cf_op_init(struct cf_op *op, uint32_t kind);

/** cf_op_print() - an operation as text; returns @buf */
char *cf_op_print(const struct cf_op *op, char *buf, size_t size);

/** cf_setup_print() - the line that begins a sequence; returns @buf */
char *cf_setup_print(const struct cf_sequence *s, char *buf, size_t size);

/**
 * cf_sequence_read() - read the next sequence of a text
 * @text: the text; moved on
 * @s: to fill in
 * @error: says what is wrong, 120 bytes
 *
 * Return: 1; 0 at the end; -1 when the text is wrong.
 */
int cf_sequence_read(const char **text, struct cf_sequence *s, char *error);

/** cf_addr() - the address an operation means */
static inline uint64_t cf_addr(const struct cf_at *at)
{
	return cf_places[at->place].addr + at->off;
}

#endif
