// SPDX-License-Identifier: GPL-2.0-only
/*
 * port.c - transfers between a mapping and a bounce buffer, and what must come of them.
 *
 * Invariant: before every transfer its destination holds something the transfer cannot
 * produce, so a transfer that did not happen is never taken for one that did.
 */
#include "port.h"

#include <holdfast/fail.h>
#include <holdfast/iommu.h>
#include <holdfast/ktap.h>
#include <holdfast/pattern.h>
#include <string.h>

#define BOUNCE_OFFSET (1UL << 20)

uint64_t t_seed(void)
{
	static uint64_t n;

	return __atomic_add_fetch(&n, 1, __ATOMIC_RELAXED) * 0x9e3779b97f4a7c15ULL;
}

void t_port_open(struct t_port *p, const struct hf_container *c, const struct hf_device *d,
		 uint64_t iova)
{
	*p = (struct t_port){ .c = c, .iova = iova + BOUNCE_OFFSET };
	hf_must(hf_mem_alloc("shmem4k", T_BOUNCE_SIZE, HF_MEM_TOUCHED, &p->bounce));
	hf_map(c, p->iova, p->bounce.addr, T_BOUNCE_SIZE, HF_RW);
	hf_must(hf_dma_open(&p->dma, NULL, c, d, iova));
}

void t_port_close(struct t_port *p)
{
	if (!p->bounce.addr)
		return;
	hf_dma_close(p->dma);
	p->dma = NULL;
	/* Gone already when the caller unmapped everything: no error. */
	hf_try_unmap(p->c, p->iova, T_BOUNCE_SIZE, 0, NULL);
	hf_mem_free(&p->bounce);
	p->bounce.addr = NULL;
}

void t_port_remap(struct t_port *p)
{
	hf_must(hf_dma_remap(p->dma));
	hf_map(p->c, p->iova, p->bounce.addr, T_BOUNCE_SIZE, HF_RW);
}

/* The next piece of a transfer; never leaves a tail shorter than the engine can do. */
static size_t piece(size_t left)
{
	if (left <= T_BOUNCE_SIZE)
		return left;
	return left < T_BOUNCE_SIZE + HF_DMA_MIN_LEN ? T_BOUNCE_SIZE / 2 : T_BOUNCE_SIZE;
}

static bool copy(struct t_port *p, uint64_t dst, uint64_t src, size_t len, const char *what)
{
	int ret = hf_dma_copy(p->dma, dst, src, len);

	return hf_expect_eq(ret, 0, "%s: DMA of 0x%zx bytes from IOVA 0x%llx to 0x%llx", what, len,
			    (unsigned long long)src, (unsigned long long)dst);
}

static bool complain(const struct hf_mismatch *bad, uint64_t at, size_t len, const char *what,
		     const char *who)
{
	return hf_expect(false,
			 "%s: %s at +0x%llx: got byte 0x%02x, want 0x%02x; %zu of %zu bytes differ",
			 what, who, (unsigned long long)(at + bad->offset), bad->got, bad->want,
			 bad->bytes, len);
}

bool t_dma_reads(struct t_port *p, uint64_t iova, size_t len, uint64_t base, uint64_t seed,
		 const char *what)
{
	struct hf_mismatch bad;

	for (size_t at = 0, n; at < len; at += n) {
		n = piece(len - at);
		memset(p->bounce.addr, 0xa5, n);
		if (!copy(p, p->iova, iova + at, n, what))
			return false;
		if (!hf_pattern_check(p->bounce.addr, n, base + at, seed, &bad))
			return complain(&bad, at, n, what, "device reads wrong bytes");
	}
	return true;
}

bool t_dma_writes(struct t_port *p, uint64_t iova, size_t len, uint64_t base, uint64_t seed,
		  const char *what)
{
	for (size_t at = 0, n; at < len; at += n) {
		n = piece(len - at);
		hf_pattern_fill(p->bounce.addr, n, base + at, seed);
		if (!copy(p, iova + at, p->iova, n, what))
			return false;
	}
	return true;
}

bool t_dma_check(struct t_port *p, uint64_t iova, void *addr, size_t len, uint32_t flags,
		 const char *what)
{
	const size_t skip = iova ? 0 : HF_DMA_MIN_LEN;
	struct hf_mismatch bad;
	uint64_t seed;

	if (flags & HF_READ) {
		seed = t_seed();
		hf_pattern_fill(addr, len, iova, seed);
		if (!t_dma_reads(p, iova, len, iova, seed, what))
			return false;
	}
	if (flags & HF_WRITE) {
		seed = t_seed();
		/* Something else must be there before: the read above left another pattern. */
		if (!(flags & HF_READ))
			memset(addr, 0x5a, len);
		if (!t_dma_writes(p, iova + skip, len - skip, iova + skip, seed, what))
			return false;
		if (!hf_pattern_check((char *)addr + skip, len - skip, iova + skip, seed, &bad))
			return complain(&bad, skip, len, what, "CPU reads wrong bytes");
	}
	return true;
}

bool t_dma_write_blocked(struct t_port *p, uint64_t iova, void *addr, size_t len,
			 const char *what)
{
	const uint64_t seed = t_seed();
	struct hf_mismatch bad;

	if (addr)
		hf_pattern_fill(addr, len, iova, seed);
	if (!t_dma_writes(p, iova, len, iova, t_seed(), what))
		return false;
	if (addr && !hf_pattern_check(addr, len, iova, seed, &bad))
		return complain(&bad, 0, len, what, "memory changed by a DMA that must be blocked");
	return true;
}

bool t_dma_read_blocked(struct t_port *p, uint64_t iova, void *addr, size_t len, const char *what)
{
	const uint64_t seed = t_seed();
	const uint64_t *got = p->bounce.addr;

	if (addr)
		hf_pattern_fill(addr, len, iova, seed);
	for (size_t at = 0, n; at < len; at += n) {
		n = piece(len - at);
		memset(p->bounce.addr, 0xa5, n);
		if (!copy(p, p->iova, iova + at, n, what))
			return false;
		if (!addr)
			continue;
		for (size_t i = 0; i < n; i += 8)
			if (got[i / 8] == hf_pattern_tag(iova + at + i, seed))
				return hf_expect(false,
						 "%s: device read +0x%zx, which must be blocked",
						 what, at + i);
	}
	return true;
}
