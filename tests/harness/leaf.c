// SPDX-License-Identifier: GPL-2.0-only
/*
 * leaf.c - make memory that is mapped in a certain way.
 *
 * Entries for the 512 pages of one 2M page come about in two ways: anonymous memory has its
 * entry split by an mprotect() of one page, and back; shared memory is mapped at an address
 * where a huge entry cannot be. Both leave the 2M page itself whole.
 */
#include "leaf.h"

#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <holdfast/pagemap.h>
#include <linux/kernel-page-flags.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "harness.h"

#define HUGE (T_2M / T_PAGE)
#define GIANT (T_1G / T_PAGE)

/* Pages behind a 2M boundary: no huge entry can map a huge page there. */
#define OFF_BOUNDARY 7

/* What can only happen to whole hugetlb pages happens to the second of three. */
static const struct t_leaf leaves[] = {
	{ T_LEAF_ANON4K, "anon4k", "anon4k", 1, 64, 20, 41, 30 },
	{ T_LEAF_MTHP64K, "mthp64k", "anon4k", 16, 96, 20, 59, 32 },
	{ T_LEAF_THP, "thp", "thp", HUGE, 2 * HUGE, 300, 700, HUGE },
	{ T_LEAF_THP_PTES, "thp-ptes", "thp", HUGE, 2 * HUGE, 300, 700, HUGE },
	{ T_LEAF_HUGE2M, "hugetlb2m", "hugetlb2m", HUGE, 3 * HUGE, HUGE, 2 * HUGE, HUGE },
	{ T_LEAF_HUGE2M_SHARED, "hugetlb2m-shared", "hugetlb2m-shared", HUGE, 3 * HUGE, HUGE,
	  2 * HUGE, HUGE },
	{ T_LEAF_HUGE1G, "hugetlb1g", "hugetlb1g", GIANT, GIANT, 0, GIANT, 0 },
	{ T_LEAF_SHMEM4K, "shmem4k", "shmem4k", 1, 64, 20, 41, 30 },
	{ T_LEAF_SHMEMTHP, "shmemthp", "shmemthp", HUGE, 2 * HUGE, 300, 700, HUGE },
	{ T_LEAF_SHMEMTHP_PTES, "shmemthp-ptes", "shmemthp", HUGE, 2 * HUGE, 300, 700, HUGE },
	{ T_LEAF_FILE, "file", "file", 1, 64, 20, 41, 30 },
	{ T_LEAF_FILE_SHARED, "file-shared", "file-shared", 1, 64, 20, 41, 30 },
	{ 0 },
};

const struct t_leaf *t_leaves(void)
{
	return leaves;
}

static char *map_fixed(char *addr, size_t len, int prot, int flags, int fd)
{
	char *p = mmap(addr, len, prot, flags | MAP_FIXED, fd, 0);

	hf_require(p == addr, "mmap of 0x%zx bytes at %p", len, (void *)addr);
	return p;
}

char *t_leaf_reserve(size_t len, char **area, size_t *area_len)
{
	*area_len = len + 2 * T_2M;
	*area = mmap(NULL, *area_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		     0);
	hf_require(*area != MAP_FAILED, "0x%zx bytes of addresses", *area_len);
	return (char *)(((uintptr_t)*area + T_2M) & ~(T_2M - 1));
}

void t_leaf_hole(char *addr, size_t pages)
{
	hf_require(!munmap(addr, pages * T_PAGE), "munmap");
	map_fixed(addr, pages * T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

bool t_leaf_in_folio(const char *addr)
{
	uint64_t flags;

	hf_must(hf_mem_page_flags(addr, &flags));
	return flags & (1ULL << KPF_COMPOUND_HEAD | 1ULL << KPF_COMPOUND_TAIL);
}

#define FOLIOS(size) "/sys/kernel/mm/transparent_hugepage/hugepages-" size "/enabled"

/* Write a THP setting, remember the word that stood there. -errno without such a setting. */
static int thp_setting(const char *path, const char *value, char old[16])
{
	char text[128], *word, *end;
	ssize_t ret = hf_proc_read_file(path, text, sizeof(text));

	if (ret < 0)
		return (int)ret;
	word = strchr(text, '[');
	end = word ? strchr(word, ']') : NULL;
	hf_require(end && end - word < 16, "%s reads %s", path, text);
	*end = '\0';
	strcpy(old, word + 1);
	return hf_proc_write_file(path, value);
}

/* Tell khugepaged to leave small entries small. */
static void keep_entries(char *addr, size_t pages)
{
	hf_require(!madvise(addr, pages * T_PAGE, MADV_NOHUGEPAGE), "MADV_NOHUGEPAGE");
}

/* Touch fresh memory such that it comes in folios of 64K. */
static bool touch_64k(char *addr, size_t pages)
{
	char medium[16], large[16];

	if (thp_setting(FOLIOS("64kB"), "always", medium)) {
		hf_ktap_skip("this kernel has no 64K folios");
		return false;
	}
	hf_must(thp_setting(FOLIOS("2048kB"), "never", large));
	madvise(addr, pages * T_PAGE, MADV_HUGEPAGE);
	hf_mem_touch(addr, pages * T_PAGE);
	keep_entries(addr, pages);
	hf_must(hf_proc_write_file(FOLIOS("2048kB"), large));
	hf_must(hf_proc_write_file(FOLIOS("64kB"), medium));
	return true;
}

static bool place_anon(struct t_leaf_mem *m, const struct t_leaf *leaf, size_t len)
{
	m->addr = t_leaf_reserve(len, &m->area, &m->area_len);
	map_fixed(m->addr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (leaf->bit == T_LEAF_MTHP64K)
		return touch_64k(m->addr, m->pages);
	madvise(m->addr, len, MADV_NOHUGEPAGE);
	hf_mem_touch(m->addr, len);
	return true;
}

/* The file of a memory kind, mapped where we want it. */
static bool place_file(struct t_leaf_mem *m, const struct t_leaf *leaf, size_t len)
{
	const int how = leaf->bit & T_LEAF_SHARED ? MAP_SHARED : MAP_PRIVATE;

	if (!t_alloc(&m->mem, leaf->memory, len, 0, HF_MEM_TOUCHED))
		return false;
	m->fd = m->mem.fd;
	m->addr = t_leaf_reserve(len, &m->area, &m->area_len);
	if (leaf->bit == T_LEAF_SHMEMTHP_PTES)
		m->addr += OFF_BOUNDARY * T_PAGE;
	map_fixed(m->addr, len, PROT_READ | PROT_WRITE, how, m->fd);
	t_leaf_hole(m->mem.file_addr, m->pages);
	hf_mem_touch(m->addr, len);
	return true;
}

static void split_entries(struct t_leaf_mem *m)
{
	keep_entries(m->addr, m->pages);
	for (size_t i = 100; i < m->pages; i += HUGE)
		hf_require(!mprotect(m->addr + i * T_PAGE, T_PAGE, PROT_NONE) &&
			   !mprotect(m->addr + i * T_PAGE, T_PAGE, PROT_READ | PROT_WRITE),
			   "mprotect");
	/* The page that was PROT_NONE stayed; what was beside it, too. */
	hf_mem_touch(m->addr, m->pages * T_PAGE);
}

/* Is it what its kind says? */
static void look_closely(const struct t_leaf_mem *m, const struct t_leaf *leaf)
{
	const size_t len = m->pages * T_PAGE;
	const unsigned int ptes = T_LEAF_MTHP64K | T_LEAF_THP_PTES | T_LEAF_SHMEMTHP_PTES;

	if (leaf->bit & (ptes | T_LEAF_ANON4K))
		hf_require(hf_mem_huge_bytes(m->addr, len) == 0, "%s memory has huge entries",
			   leaf->name);
	if (!(leaf->bit & ptes))
		return;
	for (size_t i = 0; i < m->pages; i += leaf->folio)
		hf_require(hf_mem_runs(m->addr + i * T_PAGE, leaf->folio * T_PAGE) == 1 &&
			   t_leaf_in_folio(m->addr + i * T_PAGE),
			   "%s memory: no folio of %zu pages at page %zu", leaf->name, leaf->folio,
			   i);
}

bool t_leaf_alloc(struct t_leaf_mem *m, const struct t_leaf *leaf, size_t pages)
{
	const size_t len = pages * T_PAGE;
	bool there;

	*m = (struct t_leaf_mem){ .pages = pages, .fd = -1, .mem.fd = -1 };
	if (leaf->bit & (T_LEAF_ANON4K | T_LEAF_MTHP64K)) {
		there = place_anon(m, leaf, len);
	} else if (leaf->bit & (T_LEAF_FILE | T_LEAF_FILE_SHARED | T_LEAF_SHMEM4K |
				T_LEAF_SHMEMTHP_PTES)) {
		there = place_file(m, leaf, len);
	} else {
		there = t_alloc(&m->mem, leaf->memory, len, 0, HF_MEM_TOUCHED);
		m->addr = m->mem.addr;
		m->fd = m->mem.fd;
		if (there && leaf->bit == T_LEAF_THP_PTES)
			split_entries(m);
	}
	if (there)
		look_closely(m, leaf);
	else
		t_leaf_free(m);
	return there;
}

void t_leaf_free(struct t_leaf_mem *m)
{
	if (m->area)
		munmap(m->area, m->area_len);
	m->area = NULL;
	hf_mem_free(&m->mem);
}
