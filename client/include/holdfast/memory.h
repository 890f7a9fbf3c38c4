/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory.h - memory backings by name.
 *
 * What a page is made of decides which path of a VFIO backend it takes; a kind is one such
 * make. Names are stable: they appear in tests, bench tables and recorded results.
 *
 *	anon4k            private anonymous, 4K pages, THP off
 *	frag4k            the same, no page physically following the one before it
 *	thp               private anonymous, 2M transparent huge pages
 *	hugetlb2m         private anonymous hugetlb, 2M
 *	hugetlb2m-shared  shared hugetlb (memfd), 2M
 *	hugetlb1g         private anonymous hugetlb, 1G
 *	shmem4k           shared memfd, 4K pages
 *	shmemthp          shared tmpfs file, 2M transparent huge pages
 *	file              private mapping of a file (tmpfs or whatever the directory is on)
 *	file-shared       shared mapping of a file
 *
 * What an allocation promises is verified before it is handed out: a touched "thp" buffer is
 * really mapped huge, a "frag4k" buffer really has no two adjacent pages physically adjacent.
 */
#ifndef HOLDFAST_MEMORY_H
#define HOLDFAST_MEMORY_H

#include <holdfast/pagemap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Flags of an allocation */
#define HF_MEM_TOUCHED (1u << 0)      /* every page faulted in for writing; else none is */
#define HF_MEM_READ_TOUCHED (1u << 1) /* every page faulted in by a read only */
#define HF_MEM_READONLY (1u << 2)     /* PROT_READ, set after touching */

/** Properties of a kind */
#define HF_KIND_HUGE (1u << 0)         /* made of pages larger than 4K */
#define HF_KIND_HUGETLB (1u << 1)      /* out of a hugetlb pool, not charged as RSS */
#define HF_KIND_SHARED (1u << 2)       /* MAP_SHARED: writes reach the file, no COW */
#define HF_KIND_FILE (1u << 3)         /* struct hf_mem.fd is the file behind it */
#define HF_KIND_TOUCHED_ONLY (1u << 4) /* has no never-faulted form */

/**
 * struct hf_mem_kind - a make of memory
 * @name: stable name
 * @description: one line for people
 * @page_size: natural page size and alignment, bytes
 * @props: HF_KIND_*
 */
struct hf_mem_kind {
	const char *name;
	const char *description;
	size_t page_size;
	unsigned int props;
};

/**
 * struct hf_mem - an allocation
 * @addr: first byte
 * @len: bytes asked for; the backing may be larger (whole natural pages)
 * @kind: what it is made of
 * @flags: HF_MEM_* it was made with
 * @fd: file behind it (HF_KIND_FILE), else -1; offset 0 of the file is at @file_addr
 * @file_addr: where the file is mapped from, NULL without a file
 * @area: whole reservation, for hf_mem_free()
 * @area_len: its bytes
 */
struct hf_mem {
	void *addr;
	size_t len;
	const struct hf_mem_kind *kind;
	unsigned int flags;
	int fd;
	void *file_addr;
	void *area;
	size_t area_len;
};

/** Seed of the pattern (pattern.h) in the files of HF_KIND_FILE kinds "file", "file-shared":
 *  logical address = file offset. Memory of every other kind starts as zeroes. */
#define HF_MEM_FILE_SEED 0x66696c6573656564ULL

/**
 * hf_mem_kinds() - every kind, in the order of the table above
 *
 * Return: array that ends with an entry whose name is NULL.
 */
const struct hf_mem_kind *hf_mem_kinds(void);

/** hf_mem_kind_find() - kind by name, NULL when there is none */
const struct hf_mem_kind *hf_mem_kind_find(const char *name);

/**
 * hf_mem_alloc() - allocate memory of a kind, aligned to its natural page size
 * @kind: name of the kind
 * @len: bytes, > 0, any number (rounded up to 4K inside)
 * @flags: HF_MEM_*
 * @m: to fill in; hf_mem_free() gives it back
 *
 * The backing is whole natural pages: a @len below that is the first part of one. Files are
 * made in the directory named by TMPDIR, or /tmp, or /dev/shm, and have no name.
 *
 * Return: 0; -ENOENT unknown kind; -EINVAL; -ENOMEM, also for an empty hugetlb pool;
 * -EOPNOTSUPP when this kernel or this user cannot make it (no privilege to see PFNs or to
 * make a huge tmpfs, no THP to be had, no never-faulted form); -errno.
 */
int hf_mem_alloc(const char *kind, size_t len, unsigned int flags, struct hf_mem *m);

/**
 * hf_mem_alloc_offset() - the same, starting @offset bytes into a natural page
 * @kind: name of the kind
 * @len: bytes
 * @offset: multiple of 4K, below the natural page size
 * @flags: HF_MEM_*
 * @m: to fill in
 *
 * The backing is whole natural pages also at its ends: a buffer of a huge kind then begins
 * (and may end) in the middle of a huge page.
 *
 * Return: as hf_mem_alloc().
 */
int hf_mem_alloc_offset(const char *kind, size_t len, size_t offset, unsigned int flags,
			struct hf_mem *m);

/** hf_mem_free() - unmap and forget; harmless on a zeroed or freed one */
void hf_mem_free(struct hf_mem *m);

/**
 * hf_mem_unavailable() - was it the environment (skip) or a real failure?
 * @err: negative errno from hf_mem_alloc()
 *
 * Return: true for -ENOMEM and -EOPNOTSUPP.
 */
bool hf_mem_unavailable(int err);

/**
 * hf_mem_huge_bytes() - bytes of a range that are mapped by huge entries right now
 * @addr: start
 * @len: bytes
 *
 * From /proc/self/smaps: counts whole areas, so it is exact only when the range is all of its
 * areas. Return: bytes or a negative errno.
 */
long hf_mem_huge_bytes(const void *addr, size_t len);

/** hf_mem_touch() - fault every page in for writing, contents unchanged */
void hf_mem_touch(void *addr, size_t len);

/** hf_mem_touch_read() - fault every page in by reading */
void hf_mem_touch_read(const void *addr, size_t len);

/** hf_mem_fill() - hf_pattern_fill() of the whole buffer, logical address = offset in it */
void hf_mem_fill(const struct hf_mem *m, uint64_t seed);

#endif
