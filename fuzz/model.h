/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h - what memory, mappings and charges must be, predicted from the documentation.
 *
 * The unit is the *frame*: a page of memory that somebody reaches, whoever it is. Its *tag* is what the
 * first FZ_TAG_BYTES of it hold, in each of their 8-byte words. Processes reach frames by their page
 * tables or by a file, the device by what was pinned when a mapping was made. Two that reach the same
 * frame must see the same bytes whatever happens; two that do not must never. That is all there is to
 * coherence, and the reason why the model needs no physical addresses, no huge pages and nothing
 * of what the module does.
 *
 * A frame that a device may reach is never shared by processes through copy-on-write: a map gives the process a
 * frame of its own, a fork gives the child a copy (docs/pins.md). Where documentation leaves open what
 * happens (MADV_FREE may drop the bytes or not), the model has the choice in a flag and learns
 * from the first look.
 *
 * Nothing here makes a system call; who plays an operation applies its effect with these calls when
 * the kernel has said yes.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "op.h"

#define FZ_TAG_BYTES 64U
/** Mappings at a time; an operation that would make more is skipped */
#define FZ_MAPPINGS 64U
/** Address spaces in a run: one for each fork and each exec */
#define FZ_MMS 160U
/** Frames and pinned pages in a run; operations that could need more are skipped */
#define FZ_FRAMES (1U << 18)
#define FZ_PINNED (1U << 18)
/** Pages of the BAR that are used */
#define FZ_BAR_PAGES 1024U

enum fz_vma {
	FZ_VMA_NONE,
	FZ_VMA_ANON,
	FZ_VMA_SHARED,
	FZ_VMA_PRIVATE, /* of a file */
};

/* What a page's area has been told. */
#define FZ_LOCKED 1U
#define FZ_NOFORK 2U
#define FZ_WIPE 4U

/**
 * struct fz_frame - a page of memory
 * @tag: what is in it
 * @refs: page tables it is in, not counting those of shared files
 * @pins: mappings' pages that are it
 * @lazy: its bytes may be gone (MADV_FREE), which is then all zeroes
 * @freed: it was advised to be freed and not written to since: it becomes @lazy with its last pin gone
 */
struct fz_frame {
	uint64_t tag;
	uint32_t refs;
	uint16_t pins;
	bool lazy;
	bool freed;
};

/**
 * struct fz_pte - a page of the arena in a process
 * @frame: its own frame; 0: none yet (and always in a shared area)
 * @offset: page of the file
 * @vma: what it is part of
 * @prot: FZ_PROT_*
 * @flags: FZ_LOCKED ...
 */
struct fz_pte {
	uint32_t frame;
	uint16_t offset;
	uint8_t vma;
	uint8_t prot;
	uint8_t flags;
};

/**
 * struct fz_space - what an address space has in it
 * @bar: pages of each place of the BAR that are mapped
 * @pte: the arena
 */
struct fz_space {
	uint8_t bar[16];
	struct fz_pte pte[FZ_PAGES];
};

/**
 * struct fz_proc - a process
 * @alive: it is there
 * @ipc_lock: it has CAP_IPC_LOCK
 * @mm: number of its address space, which exec changes; processes that share one have the same
 * @space: index of what is in it
 * @limit: RLIMIT_MEMLOCK, pages
 */
struct fz_proc {
	bool alive;
	bool ipc_lock;
	unsigned int mm;
	unsigned int space;
	uint64_t limit;
};

/**
 * struct fz_mapping - a DMA mapping
 * @used: it is there
 * @container: in which
 * @stale: its address is not valid (VFIO_DMA_UNMAP_FLAG_VADDR)
 * @bar: of device memory; @page is counted from where that is mapped
 * @prot: what the device may do
 * @mm: address space that mapped it, or took it over
 * @iova: first page of the window
 * @page: first page of the arena
 * @pages: size
 * @pinned: index of its first page in fz_model.pinned
 */
struct fz_mapping {
	bool used;
	uint8_t container;
	bool stale;
	bool bar;
	uint8_t prot;
	unsigned int mm;
	uint32_t iova;
	uint32_t page;
	uint32_t pages;
	uint32_t pinned;
};

/**
 * struct fz_container - a container
 * @typed: it has a group and a type
 * @v1: version 1
 * @user: charges the user, not the process
 * @audited: the auditor is on
 * @dirty: dirty pages are tracked
 */
struct fz_container {
	bool typed;
	bool v1;
	bool user;
	bool audited;
	bool dirty;
};

struct fz_model {
	struct fz_proc proc[FZ_PROCS];
	struct fz_space space[FZ_PROCS];
	struct fz_container container[FZ_CONTAINERS];
	struct fz_mapping mapping[FZ_MAPPINGS];
	uint32_t file[2][FZ_FILE_PAGES];
	bool mm_alive[FZ_MMS];
	uint8_t mm_owner[FZ_MMS];
	unsigned int mms;
	uint32_t frames;
	uint32_t pinned_used;
	uint64_t tags;
	struct fz_frame bar[FZ_BAR_PAGES];
	uint32_t pinned[FZ_PINNED];
	struct fz_frame frame[FZ_FRAMES];
};

/** fz_model_begin() - nothing is there, but a first process with an empty arena */
void fz_model_begin(struct fz_model *m);

/** fz_space() - what a process has in its address space */
static inline struct fz_space *fz_space(struct fz_model *m, unsigned int who)
{
	return &m->space[m->proc[who].space];
}

/** fz_pte() - a page of the arena in a process */
static inline const struct fz_pte *fz_pte(const struct fz_model *m, unsigned int who,
					  unsigned int page)
{
	return &m->space[m->proc[who].space].pte[page];
}

/** fz_model_room() - can @pages more frames and pins be had? */
bool fz_model_room(const struct fz_model *m, unsigned int pages);

/** fz_tag() - a tag that was not used before in this run */
uint64_t fz_tag(struct fz_model *m);

/** fz_frame_write() - the frame holds @tag now */
static inline void fz_frame_write(struct fz_frame *f, uint64_t tag)
{
	f->tag = tag;
	f->lazy = f->freed = false;
}

/** fz_frame_seen() - whoever looked has seen @tag in it, where there may have been a choice */
static inline void fz_frame_seen(struct fz_frame *f, uint64_t tag)
{
	f->tag = tag;
	f->lazy = false;
}

/* The arena. */

/** fz_huge() - is it a page of the part that is hugetlb? */
static inline bool fz_huge(unsigned int page)
{
	return page >= FZ_SMALL_PAGES;
}

/**
 * fz_clip() - make a range one that operations can have
 * @page: first page
 * @count: pages; cut off at the end of the part @page is in
 *
 * In the huge part the range grows to whole huge pages.
 */
void fz_clip(unsigned int *page, unsigned int *count);

/** fz_area_set() - pages become a new area (mmap) */
void fz_area_set(struct fz_model *m, unsigned int who, unsigned int page, unsigned int count,
		 enum fz_kind kind, unsigned int prot);

/** fz_area_clear() - pages are unmapped (munmap) */
void fz_area_clear(struct fz_model *m, unsigned int who, unsigned int page, unsigned int count);

/** fz_area_move() - pages go elsewhere; both ranges were made free of overlap (mremap) */
void fz_area_move(struct fz_model *m, unsigned int who, unsigned int page, unsigned int count,
		  unsigned int to, unsigned int new_count);

/** fz_page_drop() - what the process has of its own there is gone (MADV_DONTNEED) */
void fz_page_drop(struct fz_model *m, unsigned int who, unsigned int page);

/** fz_page_free() - its bytes may go (MADV_FREE), at the earliest when no device has it */
void fz_page_free(struct fz_model *m, unsigned int who, unsigned int page);

/** fz_page_own() - the process gets a frame of its own, or the file's where it is shared */
uint32_t fz_page_own(struct fz_model *m, unsigned int who, unsigned int page);

/** fz_page_frame() - what the process sees: its own frame or the file's; 0: nothing yet */
uint32_t fz_page_frame(const struct fz_model *m, unsigned int who, unsigned int page);

/** fz_page_beyond() - is it behind the end of its file? */
bool fz_page_beyond(const struct fz_model *m, unsigned int who, unsigned int page);

/** fz_page_readable() - may the process look there? */
bool fz_page_readable(const struct fz_model *m, unsigned int who, unsigned int page);

/** fz_page_writable() - may the process write there? */
bool fz_page_writable(const struct fz_model *m, unsigned int who, unsigned int page);

/** fz_page_write() - the process writes @tag to a page it may write to */
void fz_page_write(struct fz_model *m, unsigned int who, unsigned int page, uint64_t tag);

/** fz_page_tag() - what the process sees; @lazy: zero would be right, too */
uint64_t fz_page_tag(const struct fz_model *m, unsigned int who, unsigned int page, bool *lazy);

/** fz_page_seen() - it has seen @tag where there was a choice */
void fz_page_seen(struct fz_model *m, unsigned int who, unsigned int page, uint64_t tag);

/** fz_file_pinned() - has a device that page of a file? */
bool fz_file_pinned(const struct fz_model *m, unsigned int file, unsigned int offset);

/**
 * fz_file_drop() - pages of a file are gone
 * @copies: what processes copied of them, too
 * @kept: by their number those that are not gone, but zeroes; NULL: none
 */
void fz_file_drop(struct fz_model *m, unsigned int file, unsigned int offset, unsigned int count,
		  bool copies, const bool *kept);

/* Processes. */

/** fz_proc_fork() - @child is a copy of @who */
void fz_proc_fork(struct fz_model *m, unsigned int who, unsigned int child);

/** fz_proc_share() - @child is a new process in the address space of @who (CLONE_VM) */
void fz_proc_share(struct fz_model *m, unsigned int who, unsigned int child);

/** fz_proc_exit() - it is gone, and its memory with it, if no other process shares that */
void fz_proc_exit(struct fz_model *m, unsigned int who);

/** fz_proc_exec() - the same, but that it has new memory */
void fz_proc_exec(struct fz_model *m, unsigned int who);

/** fz_proc_of() - who has this address space, the first of them; FZ_PROCS: nobody */
unsigned int fz_proc_of(const struct fz_model *m, unsigned int mm);

/** fz_mm_owned() - is the process there that the address space was made for? */
bool fz_mm_owned(const struct fz_model *m, unsigned int mm);

/**
 * fz_mm_limit() - the limit in pages that a refresh of an address space's memory is held to
 *
 * It is that of the process it was made for, as long as that is there; then it may be that of any that
 * shares it, and this is the lowest.
 */
uint64_t fz_mm_limit(const struct fz_model *m, unsigned int mm);

/** fz_proc_locked() - pages that count against the process's limit (VmLck) */
uint64_t fz_proc_locked(const struct fz_model *m, unsigned int who);

/** fz_proc_pinned() - pages of the process that are charged to its user (VmPin) */
uint64_t fz_proc_pinned(const struct fz_model *m, unsigned int who);

/** fz_user_locked() - pages that are charged to the user */
uint64_t fz_user_locked(const struct fz_model *m);

/* Mappings. */

/** fz_mapping_next() - the mapping with the lowest IOVA of at least @iova or around it; NULL */
struct fz_mapping *fz_mapping_next(struct fz_model *m, unsigned int container, uint32_t iova);

/** fz_mapping_room() - can one more be made? */
bool fz_mapping_room(const struct fz_model *m);

/** fz_mapping_overlaps() - is any page of the range mapped? */
bool fz_mapping_overlaps(struct fz_model *m, unsigned int container, uint32_t iova, uint32_t pages);

/** fz_mapping_add() - map; the pages can be pinned, and there is room (fz_mapping_room()) */
void fz_mapping_add(struct fz_model *m, unsigned int container, unsigned int who, uint32_t iova,
		    unsigned int page, unsigned int pages, unsigned int prot);

/** fz_mapping_add_bar() - map device memory, from @page of where it is mapped on */
void fz_mapping_add_bar(struct fz_model *m, unsigned int who, uint32_t iova, unsigned int page,
			unsigned int pages, unsigned int prot);

/**
 * fz_bar_page() - page of the BAR behind a page of where it is mapped
 *
 * In the first half places of 64 pages stand in another order there, so that neighbours are none in
 * the BAR.
 */
static inline unsigned int fz_bar_page(unsigned int page)
{
	return page < FZ_HUGE ? page ^ 64 : page;
}

/** fz_mapping_remove() - unmap */
void fz_mapping_remove(struct fz_model *m, struct fz_mapping *map);

/** fz_mapping_repin() - the device gets the process's page instead of the one it has (refresh) */
void fz_mapping_repin(struct fz_model *m, struct fz_mapping *map, unsigned int i);

/** fz_mapping_parted() - do the mapper and the device reach different frames there? */
bool fz_mapping_parted(const struct fz_model *m, const struct fz_mapping *map, unsigned int i);

/**
 * fz_mapping_open() - is it left open whether they do?
 *
 * A private area of a file shows the file's page until it is written to. If the device has that page,
 * from a shared mapping of the same file, both answers are right.
 */
bool fz_mapping_open(const struct fz_model *m, const struct fz_mapping *map, unsigned int i);

/** fz_pinnable() - can the page be pinned for that? */
bool fz_pinnable(const struct fz_model *m, unsigned int who, unsigned int page, unsigned int prot);

/**
 * fz_pinnable_open() - is it left open whether it can?
 *
 * Read-only of what may be written to only: the CPU cannot forbid it, and the fast paths do not.
 */
bool fz_pinnable_open(const struct fz_model *m, unsigned int who, unsigned int page,
		      unsigned int prot);

#endif
