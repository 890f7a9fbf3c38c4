/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * op.h - the operations a fuzzed process performs, and the bytes they are written in.
 *
 * An input is a header of four bytes ('H', 'F', the version, setup bits) and records of twelve
 * bytes: the operation's code, a byte that is zero, and five arguments of 16 bits, least
 * significant byte first. Decoding is total: a code is taken modulo the number of operations, an
 * argument modulo its limit, a record that is cut off is left out, bytes beyond FZ_OPS_MAX records
 * are ignored, and the first three bytes are not looked at. So every mutation of an input
 * is an input, and fz_check() is for who wants to know whether a file was meant as one.
 *
 * The version changes when a code or an argument changes its meaning; what is added behind the
 * last operation shifts what other codes are taken for, but no code that fz_encode() writes.
 */
#ifndef FUZZ_OP_H
#define FUZZ_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FZ_VERSION 1U
#define FZ_HEADER 4U
#define FZ_RECORD 12U
#define FZ_OPS_MAX 64U
#define FZ_ARGS 5U
/** Bytes of the longest sequence */
#define FZ_INPUT_MAX (FZ_HEADER + FZ_OPS_MAX * FZ_RECORD)

/** Pages of the arena, the memory a sequence works on; the last ones are huge (hugetlb) */
#define FZ_SMALL_PAGES 2048U
#define FZ_HUGE_PAGES 1024U
#define FZ_PAGES (FZ_SMALL_PAGES + FZ_HUGE_PAGES)
/** 4K pages of a huge page */
#define FZ_HUGE 512U
/** Pages of the window of IOVAs that sequences use */
#define FZ_IOVAS 4096U
/** Pages of the two files: shared memory, and hugetlb */
#define FZ_FILE_PAGES 1024U
/** Processes: the player is 0, others are forked from it */
#define FZ_PROCS 4U
/** Containers: the session's, which has the DMA engine, and one more */
#define FZ_CONTAINERS 2U

/** Setup bits */
enum fz_setup {
	FZ_SETUP_LIMITED = 1,  /* the player has no CAP_IPC_LOCK */
	FZ_SETUP_AUDIT = 2,    /* the session's container is audited from the start */
	FZ_SETUP_V1 = 4,       /* the other container is one of version 1 */
	FZ_SETUP_THP = 8,      /* anonymous memory may be huge */
	FZ_SETUP_DOMAINS = 16, /* a domain for each group (parameter domain_per_group) */
	FZ_SETUP_USER = 32,    /* the other container charges users (accounting=user) */
	FZ_SETUP_ALL = 63,
};

enum fz_code {
	/* The process and its memory. */
	FZ_MMAP,
	FZ_MUNMAP,
	FZ_MREMAP,
	FZ_MPROTECT,
	FZ_MADVISE,
	FZ_PMADVISE,
	FZ_MLOCK,
	FZ_MUNLOCK,
	FZ_WRITE,
	FZ_READ,
	FZ_PUNCH,
	FZ_TRUNCATE,
	FZ_FILL,
	FZ_FORK,
	FZ_EXIT,
	FZ_KILL,
	FZ_EXEC,
	FZ_RLIMIT,
	FZ_PRESSURE,
	/* VFIO. */
	FZ_MAP,
	FZ_UNMAP,
	FZ_UNMAP_ALL,
	FZ_HOSTILE,
	FZ_VADDR_GONE,
	FZ_VADDR_NEW,
	FZ_DIRTY,
	FZ_ATTACH,
	FZ_DETACH,
	FZ_SWITCH,
	/* The device. */
	FZ_DEVICE_READ,
	FZ_DEVICE_WRITE,
	FZ_BLOCKED,
	FZ_BAR_MMAP,
	FZ_BAR_MUNMAP,
	FZ_BAR_MAP,
	/* The auditor. */
	FZ_AUDIT,
	FZ_ASK,
	FZ_REFRESH,
	/* How the next operations run. */
	FZ_FAIL,
	FZ_TOGETHER,
	FZ_SIGNALS,
	FZ_KILLED,
	/* Came later, and stand here so that others keep their codes. */
	FZ_SHARE,
	FZ_SWAP,
	FZ_STARVED,
	FZ_PAGED,
	FZ_OTHER_DEVICE,
	FZ_CODES
};

/** What an argument is; the mutator knows values of interest for each */
enum fz_arg_type {
	FZ_ARG_NONE,
	FZ_ARG_WHO,	  /* process */
	FZ_ARG_CHILD,	  /* process, not the player */
	FZ_ARG_PAGE,	  /* page of the arena */
	FZ_ARG_COUNT,	  /* pages, at least one */
	FZ_ARG_IOVA,	  /* page of the IOVA window */
	FZ_ARG_OFFSET,	  /* page of a file */
	FZ_ARG_CHOICE,	  /* one of a list of names */
	FZ_ARG_BITS,	  /* any of a list of names */
	FZ_ARG_CONTAINER, /* container */
	FZ_ARG_NUMBER,	  /* anything below the limit */
};

/**
 * struct fz_arg_desc - an argument
 * @type: what it is; FZ_ARG_NONE after the last one
 * @name: in text
 * @limit: values are below it
 * @words: of FZ_ARG_CHOICE and FZ_ARG_BITS, @limit (or its logarithm) names
 */
struct fz_arg_desc {
	enum fz_arg_type type;
	const char *name;
	unsigned int limit;
	const char *const *words;
};

/**
 * struct fz_op_desc - an operation
 * @name: in text
 * @weight: how often it is drawn at random; 0: only by idioms
 * @arg: its arguments
 */
struct fz_op_desc {
	const char *name;
	unsigned int weight;
	struct fz_arg_desc arg[FZ_ARGS];
};

struct fz_op {
	uint8_t code;
	uint16_t arg[FZ_ARGS];
};

struct fz_sequence {
	uint8_t setup;
	unsigned int n;
	struct fz_op op[FZ_OPS_MAX];
};

/* Words of FZ_ARG_CHOICE arguments. */
enum fz_kind {
	FZ_KIND_ANON,
	FZ_KIND_SHARED,	 /* of the file, at the page's own offset */
	FZ_KIND_PRIVATE, /* the same, MAP_PRIVATE */
	FZ_KIND_SHIFTED, /* of the file, seven pages (one huge page) further */
	FZ_KINDS
};

enum fz_advice {
	FZ_DONTNEED,
	FZ_FREE,
	FZ_REMOVE,
	FZ_PAGEOUT,
	FZ_COLD,
	FZ_COLLAPSE,
	FZ_HUGEPAGE,
	FZ_NOHUGEPAGE,
	FZ_MERGEABLE,
	FZ_UNMERGEABLE,
	FZ_DONTFORK,
	FZ_DOFORK,
	FZ_WIPEONFORK,
	FZ_KEEPONFORK,
	FZ_WILLNEED,
	FZ_POPULATE_READ,
	FZ_POPULATE_WRITE,
	FZ_ADVICES
};

enum fz_dirty {
	FZ_DIRTY_START,
	FZ_DIRTY_STOP,
	FZ_DIRTY_GET,
	FZ_DIRTY_UNMAP,
	FZ_DIRTIES
};

enum fz_pressure {
	FZ_PRESSURE_RECLAIM,
	FZ_PRESSURE_COMPACT,
	FZ_PRESSURE_CACHES,
	FZ_PRESSURES
};

/** Protection: of memory (PROT_*) and of DMA mappings */
#define FZ_PROT_READ 1U
#define FZ_PROT_WRITE 2U
/** In FZ_MAP's "how", beside the protection: in the other container */
#define FZ_HOW_OTHER 4U
/** Bits of FZ_KILLED's "how": in container 1, by one that shares the first's address space */
#define FZ_KILLED_OTHER 1U
#define FZ_KILLED_SHARED 2U

/** fz_op_desc() - an operation by its code; NULL for FZ_CODES and more */
const struct fz_op_desc *fz_op_desc(unsigned int code);

/** fz_op_code() - code of a name; FZ_CODES when there is none */
unsigned int fz_op_code(const char *name);

/**
 * fz_decode() - read a sequence
 * @in: bytes, any
 * @len: how many
 * @s: out
 *
 * Return: the number of operations.
 */
unsigned int fz_decode(const uint8_t *in, size_t len, struct fz_sequence *s);

/**
 * fz_encode() - write a sequence in its canonical form
 * @s: the sequence; what is beyond its limits is reduced as fz_decode() does
 * @out: where to
 * @room: bytes there
 *
 * Return: bytes written; 0 if there was no room for all.
 */
size_t fz_encode(const struct fz_sequence *s, uint8_t *out, size_t room);

/** fz_check() - was this meant as an input? NULL, or what is wrong */
const char *fz_check(const uint8_t *in, size_t len);

/**
 * fz_op_arg() - value of an argument by its index, reduced to its limits
 *
 * A count is 1 or more: 0 stands for its limit.
 */
unsigned int fz_op_arg(const struct fz_op *op, unsigned int i);

#endif
