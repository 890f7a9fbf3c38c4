// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory_make.c - the backings that take some persuasion: fragmented, huge, files.
 *
 * Fragmented memory. Two areas of equal size are faulted in turn, page by page; the allocator
 * hands out mostly ascending or descending runs, so each area gets every other page of them.
 * What still came out adjacent is repaired in place: drop the second page of the pair, let a
 * spare page swallow what the allocator just got back, fault the page in anew. The areas stay
 * single VMAs throughout (moving pages with mremap() would make one VMA per page), and the
 * second area and the spares are freed only at the end, so that their pages cannot come back
 * as neighbours.
 */
#include "memory_make.h"

#include <errno.h>
#include <fcntl.h>
#include <holdfast/memory.h>
#include <holdfast/pattern.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1 */
#endif

/* Reserve unbacked private 4K memory; NULL when there is no address space. */
static char *reserve(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

static void touch_page(char *p)
{
	*(volatile char *)p = 0;
}

static bool adjacent(uint64_t a, uint64_t b)
{
	return a + 1 == b || b + 1 == a;
}

/*
 * One pass over the range: give every page that is adjacent to the one before it another PFN.
 * Returns the pairs found, or -errno. *spare moves forward over unbacked memory up to end.
 */
static long repair(char *addr, size_t pages, uint64_t *pfns, char **spare, const char *end)
{
	long pairs = 0;
	int ret = hf_pagemap_read(addr, pages, pfns);

	if (ret)
		return ret;
	for (size_t i = 0; i < pages; i++) {
		char *p = addr + i * HF_PAGE_SIZE;

		pfns[i] = hf_pagemap_pfn(pfns[i]);
		if (!pfns[i])
			return -EOPNOTSUPP;
		if (!i || !adjacent(pfns[i - 1], pfns[i]))
			continue;
		pairs++;
		if (*spare == end)
			return -EOPNOTSUPP;
		if (madvise(p, HF_PAGE_SIZE, MADV_DONTNEED))
			return -errno;
		touch_page(*spare);
		*spare += HF_PAGE_SIZE;
		touch_page(p);
		ret = hf_mem_pfn(p, &pfns[i]);
		if (ret)
			return ret;
	}
	return pairs;
}

int hf_make_frag(char *addr, size_t len)
{
	const size_t pages = len / HF_PAGE_SIZE;
	/* The second area, then spares for repairs: a quarter is far more than ever needed. */
	const size_t spares = (pages / 4 + 64) * HF_PAGE_SIZE;
	char *other = reserve(len + spares);
	uint64_t *pfns = malloc(pages * sizeof(*pfns));
	long pairs = -ENOMEM;
	char *spare;

	if (!other || !pfns)
		goto out;
	spare = other + len;
	for (size_t at = 0; at < len; at += HF_PAGE_SIZE) {
		touch_page(addr + at);
		touch_page(other + at);
	}
	/* A repair can make a new pair with the page after it, which the same pass sees. */
	for (int pass = 0; pass < 16; pass++) {
		pairs = repair(addr, pages, pfns, &spare, other + len + spares);
		if (pairs <= 0)
			break;
	}
	if (pairs > 0 || pairs == -EPERM)
		pairs = -EOPNOTSUPP;
out:
	free(pfns);
	if (other)
		munmap(other, len + spares);
	return (int)pairs;
}

int hf_make_huge(char *addr, size_t len)
{
	const size_t block = 2UL << 20;

	if (hf_mem_huge_bytes(addr, len) == (long)len)
		return 0;
	/* Faults fall back to small pages when memory is fragmented; ask again, firmly. */
	for (size_t at = 0; at < len; at += block)
		madvise(addr + at, block, MADV_COLLAPSE);
	return hf_mem_huge_bytes(addr, len) == (long)len ? 0 : -EOPNOTSUPP;
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int open_unnamed(void)
{
	const char *dirs[] = { getenv("TMPDIR"), "/tmp", "/dev/shm" };
	int err = ENOENT;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		int fd;

		if (!dirs[i] || !*dirs[i])
			continue;
		fd = open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		err = errno;
	}
	return -err;
}

int hf_make_file(size_t len)
{
	const size_t step = 65536;
	int ret = 0, fd = open_unnamed();
	char *buf;

	if (fd < 0)
		return fd;
	buf = malloc(step);
	if (!buf)
		ret = -ENOMEM;
	for (size_t at = 0; !ret && at < len; at += step) {
		const size_t n = len - at < step ? len - at : step;

		hf_pattern_fill(buf, n, at, HF_MEM_FILE_SEED);
		ret = write_all(fd, buf, n);
	}
	free(buf);
	if (ret) {
		close(fd);
		return ret == -ENOSPC ? -ENOMEM : ret;
	}
	return fd;
}

int hf_make_huge_tmpfs(void)
{
	int fd = -1, mnt = -1, fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0)
		return -EOPNOTSUPP;
	/* A mount of our own, never put into the tree, leaves system-wide THP settings alone. */
	if (!fsconfig(fs, FSCONFIG_SET_STRING, "huge", "always", 0) &&
	    !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mnt >= 0) {
		fd = openat(mnt, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		close(mnt);
	}
	close(fs);
	return fd < 0 ? -EOPNOTSUPP : fd;
}
