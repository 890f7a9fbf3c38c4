// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory.c - memory backings by name: the table, allocation, touching.
 *
 * Every allocation lives inside a reservation of its own (PROT_NONE, at least one page of it
 * left on both sides), so a backing never merges with a neighbouring area: what smaps says of
 * the area is about this allocation only, and running over its end faults.
 *
 *	area                base               addr      addr + len      base + size      end
 *	|---- PROT_NONE ----|-- backing, whole natural pages ------------|-- PROT_NONE ---|
 */
#include "memory_make.h"

#include <errno.h>
#include <holdfast/memory.h>
#include <holdfast/pattern.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SZ_2M (2UL << 20)
#define SZ_1G (1UL << 30)

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#define MAP_HUGE_1GB (30 << 26)
#endif

enum { ANON4K, FRAG4K, THP, HUGE2M, HUGE2M_SHARED, HUGE1G, SHMEM4K, SHMEMTHP, FILE_PRIVATE,
       FILE_SHARED, KINDS };

static const struct hf_mem_kind kinds[KINDS + 1] = {
	[ANON4K] = { "anon4k", "private anonymous, 4K pages", HF_PAGE_SIZE, 0 },
	[FRAG4K] = { "frag4k", "private anonymous, 4K pages, no two physically adjacent",
		     HF_PAGE_SIZE, HF_KIND_TOUCHED_ONLY },
	[THP] = { "thp", "private anonymous, 2M transparent huge pages", SZ_2M, HF_KIND_HUGE },
	[HUGE2M] = { "hugetlb2m", "private hugetlb, 2M pages", SZ_2M,
		     HF_KIND_HUGE | HF_KIND_HUGETLB },
	[HUGE2M_SHARED] = { "hugetlb2m-shared", "shared hugetlb memfd, 2M pages", SZ_2M,
			    HF_KIND_HUGE | HF_KIND_HUGETLB | HF_KIND_SHARED | HF_KIND_FILE },
	[HUGE1G] = { "hugetlb1g", "private hugetlb, 1G pages", SZ_1G,
		     HF_KIND_HUGE | HF_KIND_HUGETLB },
	[SHMEM4K] = { "shmem4k", "shared memfd, 4K pages", HF_PAGE_SIZE,
		      HF_KIND_SHARED | HF_KIND_FILE },
	[SHMEMTHP] = { "shmemthp", "shared tmpfs file, 2M transparent huge pages", SZ_2M,
		       HF_KIND_HUGE | HF_KIND_SHARED | HF_KIND_FILE },
	[FILE_PRIVATE] = { "file", "private mapping of a file, 4K pages", HF_PAGE_SIZE,
			   HF_KIND_FILE },
	[FILE_SHARED] = { "file-shared", "shared mapping of a file, 4K pages", HF_PAGE_SIZE,
			  HF_KIND_SHARED | HF_KIND_FILE },
};

const struct hf_mem_kind *hf_mem_kinds(void)
{
	return kinds;
}

const struct hf_mem_kind *hf_mem_kind_find(const char *name)
{
	for (const struct hf_mem_kind *k = kinds; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

bool hf_mem_unavailable(int err)
{
	return err == -ENOMEM || err == -EOPNOTSUPP;
}

static size_t round_up(size_t x, size_t to)
{
	return (x + to - 1) / to * to;
}

void hf_mem_touch(void *addr, size_t len)
{
	/* An atomic that changes nothing: safe against a device writing at the same time. */
	for (size_t at = 0; at < len; at += HF_PAGE_SIZE)
		__atomic_fetch_add((char *)addr + at, 0, __ATOMIC_RELAXED);
}

void hf_mem_touch_read(const void *addr, size_t len)
{
	for (size_t at = 0; at < len; at += HF_PAGE_SIZE)
		(void)*((const volatile char *)addr + at);
}

void hf_mem_fill(const struct hf_mem *m, uint64_t seed)
{
	hf_pattern_fill(m->addr, m->len, 0, seed);
}

/*
 * Bytes that a smaps line counts, if the line is one of those that count huge mappings.
 * The keys exclude one another for one byte of memory.
 */
static size_t smaps_huge(const char *line)
{
	static const char *const keys[] = { "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:",
					    "Shared_Hugetlb:", "Private_Hugetlb:" };
	size_t kb;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const size_t n = strlen(keys[i]);

		if (!strncmp(line, keys[i], n) && sscanf(line + n, "%zu", &kb) == 1)
			return kb * 1024;
	}
	return 0;
}

long hf_mem_huge_bytes(const void *addr, size_t len)
{
	const uintptr_t first = (uintptr_t)addr, end = first + len;
	uintptr_t from, to;
	bool inside = false;
	char line[512];
	size_t sum = 0;
	FILE *f = fopen("/proc/self/smaps", "re");

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		/* Only the first line of an area has this form: field names are not hex-hex. */
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from < end && to > first;
		else if (inside)
			sum += smaps_huge(line);
	}
	fclose(f);
	return (long)sum;
}

/* The file behind a kind, of the right size; -1 without one, or another negative errno. */
static int make_fd(const struct hf_mem_kind *k, size_t size)
{
	int ret, fd;

	switch (k - kinds) {
	case HUGE2M_SHARED:
		fd = memfd_create(k->name, MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
		break;
	case SHMEM4K:
		fd = memfd_create(k->name, MFD_CLOEXEC);
		break;
	case SHMEMTHP:
		fd = hf_make_huge_tmpfs();
		if (fd < 0)
			return fd;
		break;
	default:
		return hf_make_file(size);
	}
	if (fd < 0)
		return errno == ENODEV ? -EOPNOTSUPP : -errno;
	if (ftruncate(fd, (off_t)size)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static int map_flags(const struct hf_mem_kind *k)
{
	int flags = MAP_FIXED;

	flags |= (k->props & HF_KIND_SHARED) ? MAP_SHARED : MAP_PRIVATE;
	if (!(k->props & HF_KIND_FILE))
		flags |= MAP_ANONYMOUS;
	if (k == &kinds[HUGE2M])
		flags |= MAP_HUGETLB | MAP_HUGE_2MB;
	if (k == &kinds[HUGE1G])
		flags |= MAP_HUGETLB | MAP_HUGE_1GB;
	return flags;
}

/* Fault the backing in as the flags ask, and see that it became what the kind promises. */
static int populate(const struct hf_mem_kind *k, char *base, size_t size, unsigned int flags)
{
	if (k == &kinds[FRAG4K])
		return hf_make_frag(base, size);
	if (flags & HF_MEM_TOUCHED)
		hf_mem_touch(base, size);
	else if (flags & HF_MEM_READ_TOUCHED)
		hf_mem_touch_read(base, size);

	/* A read of untouched anonymous memory shows a zero page, which is nobody's. */
	if (flags & HF_MEM_TOUCHED && (k == &kinds[THP] || k == &kinds[SHMEMTHP]))
		return hf_make_huge(base, size);
	return 0;
}

static int check_request(const struct hf_mem_kind *k, size_t len, size_t offset,
			 unsigned int flags)
{
	if (!k)
		return -ENOENT;
	/* The sums below then stay far from wrapping. */
	if (!len || len > SIZE_MAX / 4)
		return -EINVAL;
	if (offset % HF_PAGE_SIZE || (offset && offset >= k->page_size))
		return -EINVAL;
	if (flags & ~(HF_MEM_TOUCHED | HF_MEM_READ_TOUCHED | HF_MEM_READONLY))
		return -EINVAL;
	if (k->props & HF_KIND_TOUCHED_ONLY && !(flags & HF_MEM_TOUCHED))
		return -EOPNOTSUPP;
	return 0;
}

int hf_mem_alloc_offset(const char *kind, size_t len, size_t offset, unsigned int flags,
			struct hf_mem *m)
{
	const struct hf_mem_kind *k = hf_mem_kind_find(kind);
	size_t size;
	char *base;
	int ret;

	memset(m, 0, sizeof(*m));
	m->fd = -1;
	ret = check_request(k, len, offset, flags);
	if (ret)
		return ret;

	size = round_up(offset + len, k->page_size);
	m->kind = k;
	m->flags = flags;
	m->len = len;
	if (k->props & HF_KIND_FILE) {
		ret = make_fd(k, size);
		if (ret < 0)
			return ret;
		m->fd = ret;
	}

	m->area_len = HF_PAGE_SIZE + k->page_size + size + HF_PAGE_SIZE;
	m->area = mmap(NULL, m->area_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	if (m->area == MAP_FAILED) {
		m->area = NULL;
		ret = -errno;
		goto fail;
	}
	base = (char *)round_up((uintptr_t)m->area + HF_PAGE_SIZE, k->page_size);
	if (mmap(base, size, PROT_READ | PROT_WRITE, map_flags(k), m->fd, 0) == MAP_FAILED) {
		ret = errno == EINVAL ? -EOPNOTSUPP : -errno;
		goto fail;
	}
	m->addr = base + offset;
	if (k->props & HF_KIND_FILE)
		m->file_addr = base;

	/* Kernels without THP do not know these; hf_make_huge() finds out where it matters. */
	if (k == &kinds[THP] || k == &kinds[SHMEMTHP])
		madvise(base, size, MADV_HUGEPAGE);
	else if (!(k->props & HF_KIND_HUGETLB))
		madvise(base, size, MADV_NOHUGEPAGE);

	ret = populate(k, base, size, flags);
	if (!ret && flags & HF_MEM_READONLY && mprotect(base, size, PROT_READ))
		ret = -errno;
	if (!ret)
		return 0;
fail:
	hf_mem_free(m);
	return ret;
}

int hf_mem_alloc(const char *kind, size_t len, unsigned int flags, struct hf_mem *m)
{
	return hf_mem_alloc_offset(kind, len, 0, flags, m);
}

void hf_mem_free(struct hf_mem *m)
{
	if (m->area)
		munmap(m->area, m->area_len);
	/* fd is -1 or ours when kind is set; a zeroed struct must not close descriptor 0. */
	if (m->kind && m->fd >= 0)
		close(m->fd);
	memset(m, 0, sizeof(*m));
	m->fd = -1;
}
