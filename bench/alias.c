// SPDX-License-Identifier: GPL-2.0-only
/*
 * alias.c - map one hugetlb file many times.
 */
#include "alias.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SZ_2M (2UL << 20)
#define SZ_1G (1UL << 30)
#define HUGE_SHIFT 26 /* of log2(page size) in the flags of memfd_create() */

/* Bytes of the file behind aliases of 2M: fewer areas than pages. */
#define FILE_2M (32 * SZ_2M)

static int fill(struct hf_mem *m, char *base, uint64_t step)
{
	for (uint64_t at = 0; at < m->len; at += step) {
		const uint64_t len = m->len - at < step ? m->len - at : step;

		if (mmap(base + at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, m->fd,
			 0) == MAP_FAILED)
			return -errno;
		for (uint64_t page = 0; page < len; page += m->kind->page_size)
			__atomic_fetch_add(base + at + page, 0, __ATOMIC_RELAXED);
	}
	return 0;
}

int bench_alias_alloc(const char *kind, uint64_t bytes, struct hf_mem *m)
{
	const bool gigantic = !strcmp(kind, BENCH_ALIAS_1G);
	const uint64_t step = gigantic ? SZ_1G : bytes < FILE_2M ? bytes : FILE_2M;
	char *base;
	int ret;

	memset(m, 0, sizeof(*m));
	m->kind = hf_mem_kind_find(gigantic ? "hugetlb1g" : "hugetlb2m-shared");
	m->len = bytes;
	m->fd = memfd_create(kind, MFD_CLOEXEC | MFD_HUGETLB |
				   (gigantic ? 30U : 21U) << HUGE_SHIFT);
	if (m->fd < 0)
		return errno == ENODEV || errno == EINVAL ? -EOPNOTSUPP : -errno;
	m->area_len = bytes + SZ_1G;
	m->area = mmap(NULL, m->area_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	if (m->area == MAP_FAILED) {
		m->area = NULL;
		ret = -errno;
		goto fail;
	}
	base = (char *)(((uintptr_t)m->area + SZ_1G - 1) / SZ_1G * SZ_1G);
	m->addr = base;
	ret = ftruncate(m->fd, (off_t)step) ? -errno : fill(m, base, step);
	if (!ret)
		return 0;
fail:
	hf_mem_free(m);
	return ret;
}
