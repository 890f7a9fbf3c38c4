// SPDX-License-Identifier: GPL-2.0-only
/*
 * pages.c - follow a mapping page by page, and ask both sides.
 *
 * A page's contents are a pattern (holdfast/pattern.h) of the page's number and a seed, at its
 * begin, in its middle and at its end: writing and comparing whole pages would take most of a
 * test's time and say no more. The device always moves whole pages.
 *
 * Invariant: the model's contents are right for every page that is looked at. What is looked
 * at is settled before the first contents are written.
 */
#include "pages.h"

#include <holdfast/fail.h>
#include <holdfast/iommu.h>
#include <holdfast/ktap.h>
#include <holdfast/pagemap.h>
#include <holdfast/pattern.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* A model of up to this many pages is looked at in full. */
#define SMALL 128

/* Pages between those that are looked at for no other reason; odd. */
#define STRIDE 97

#define SPOT_LEN HF_DMA_MIN_LEN

static const size_t spots[] = { 0, 2048, T_PAGE - SPOT_LEN };

void t_page_fill(char *page, size_t index, uint64_t seed)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(spots); i++) {
		if (seed == T_ZEROES)
			memset(page + spots[i], 0, SPOT_LEN);
		else
			hf_pattern_fill(page + spots[i], SPOT_LEN, index * T_PAGE + spots[i], seed);
	}
}

bool t_page_holds(const char *page, size_t index, uint64_t seed)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(spots); i++) {
		const char *at = page + spots[i];
		const uint64_t base = index * T_PAGE + spots[i];

		if (seed == T_ZEROES ? !hf_pattern_is_byte(at, SPOT_LEN, 0, NULL) :
				       !hf_pattern_check(at, SPOT_LEN, base, seed, NULL))
			return false;
	}
	return true;
}

void t_pages_look(struct t_pages *p, size_t border)
{
	for (size_t i = border ? border - 1 : 0; i <= border + 1 && i < p->n; i++)
		p->page[i].look = true;
}

void t_pages_init(struct t_pages *p, struct t_port *port, void *addr, size_t n)
{
	*p = (struct t_pages){ .port = port, .n = n, .access = T_CPU_WRITES };
	p->page = calloc(n, sizeof(*p->page));
	hf_require(p->page, "memory for a model of %zu pages", n);
	for (size_t i = 0; i < n; i++)
		p->page[i].cpu = (char *)addr + i * T_PAGE;
	if (n <= SMALL) {
		for (size_t i = 0; i < n; i++)
			p->page[i].look = true;
		return;
	}
	/* A page of 1G has too many borders of 2M inside to look at all of them. */
	for (size_t i = 0; i < n; i += n > 16384 ? 100 * 512 : 512)
		t_pages_look(p, i);
	for (size_t i = STRIDE; i < n; i += n > 16384 ? 100 * STRIDE : STRIDE)
		p->page[i].look = true;
	t_pages_look(p, n - 1);
}

void t_pages_free(struct t_pages *p)
{
	free(p->page);
	p->page = NULL;
	p->n = 0;
}

/* The next page from @i on that is looked at, within what is mapped; or p->end. */
static size_t next(const struct t_pages *p, size_t i)
{
	while (i < p->end && !p->page[i].look)
		i++;
	return i;
}

static uint64_t seen(const struct t_page *pg)
{
	return pg->parted ? pg->own : pg->held;
}

void t_pages_write(const struct t_pages *p, uint64_t seed)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->page[i].look && p->page[i].cpu)
			t_page_fill(p->page[i].cpu, i, seed);
}

void t_pages_fill(struct t_pages *p)
{
	const uint64_t seed = t_seed();

	t_pages_write(p, seed);
	for (size_t i = 0; i < p->n; i++) {
		struct t_page *pg = &p->page[i];

		if (!pg->look)
			continue;
		if (pg->cpu && pg->parted)
			pg->own = seed;
		else if (pg->cpu)
			pg->held = seed;
	}
}

/* Pages from @i on that the CPU has in one piece. */
static size_t piece(const struct t_pages *p, size_t i, size_t end)
{
	size_t n = 0;

	while (i + n < end && p->page[i + n].cpu &&
	       p->page[i + n].cpu == p->page[i].cpu + n * T_PAGE)
		n++;
	return n;
}

static void learn_pfns(struct t_pages *p)
{
	for (size_t i = next(p, p->first); i < p->end; i = next(p, i + 1)) {
		struct t_page *pg = &p->page[i];

		/* Unknown when the page table does not show it now; it may later. */
		if (!pg->cpu || hf_mem_pfn(pg->cpu, &pg->pfn))
			pg->pfn = 0;
	}
}

void t_pages_map(struct t_pages *p, size_t first, size_t end, uint64_t iova, uint32_t prot)
{
	p->first = first;
	p->end = end;
	p->iova = iova;
	p->prot = prot;
	for (size_t i = first, n; i < end; i += n) {
		n = piece(p, i, end);
		if (n) {
			hf_map(p->port->c, iova + (i - first) * T_PAGE, p->page[i].cpu, n * T_PAGE,
			       prot);
		} else {
			p->page[i].look = false;
			n = 1;
		}
	}
	for (size_t i = first; i < end; i++) {
		struct t_page *pg = &p->page[i];

		if (pg->parted)
			pg->held = pg->own;
		pg->parted = false;
	}
	learn_pfns(p);
}

void t_pages_unmap(struct t_pages *p)
{
	uint64_t unmapped;

	hf_must(hf_try_unmap(p->port->c, p->iova, (p->end - p->first) * T_PAGE, 0, &unmapped));
	hf_expect(unmapped && unmapped <= (p->end - p->first) * T_PAGE,
		  "0x%llx bytes unmapped of 0x%zx", (unsigned long long)unmapped,
		  (p->end - p->first) * T_PAGE);
	p->end = p->first;
}

void t_pages_part(struct t_pages *p, size_t from, size_t to, uint64_t own)
{
	for (size_t i = from; i < to; i++) {
		p->page[i].parted = true;
		p->page[i].own = own;
	}
}

void t_pages_mend(struct t_pages *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		struct t_page *pg = &p->page[i];

		if (!pg->parted)
			continue;
		pg->held = pg->own;
		pg->parted = false;
	}
	learn_pfns(p);
}

void t_pages_gone(struct t_pages *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		p->page[i].cpu = NULL;
}

void t_pages_move(struct t_pages *p, size_t from, size_t to, char *addr)
{
	for (size_t i = from; i < to; i++)
		p->page[i].cpu = addr + (i - from) * T_PAGE;
}

void t_pages_changed(struct t_pages *p, size_t from, size_t to, uint64_t held)
{
	for (size_t i = from; i < to; i++)
		p->page[i].held = held;
}

/* Have the device read or write what is looked at, in as few transfers as possible. */

static bool move_out(struct t_pages *p, size_t i, size_t n, const char *what)
{
	struct t_port *port = p->port;
	const uint64_t iova = p->iova + (i - p->first) * T_PAGE;

	memset(port->bounce.addr, 0xa5, n * T_PAGE);
	return hf_expect_eq(hf_dma_copy(port->dma, port->iova, iova, n * T_PAGE), 0,
			    "%s: the device reads %zu pages from page %zu", what, n, i);
}

static bool move_in(struct t_pages *p, size_t i, size_t n, uint64_t seed, const char *what)
{
	struct t_port *port = p->port;
	const uint64_t iova = p->iova + (i - p->first) * T_PAGE;

	for (size_t k = 0; k < n; k++)
		t_page_fill((char *)port->bounce.addr + k * T_PAGE, i + k, seed);
	return hf_expect_eq(hf_dma_copy(port->dma, iova, port->iova, n * T_PAGE), 0,
			    "%s: the device writes %zu pages from page %zu", what, n, i);
}

/* Pages from @i on that are looked at, one after the other, as many as fit the bounce buffer. */
static size_t looked(const struct t_pages *p, size_t i)
{
	size_t n = 0;

	while (i + n < p->end && p->page[i + n].look && n < T_BOUNCE_SIZE / T_PAGE)
		n++;
	return n;
}

static bool device_sees(struct t_pages *p, const char *what, const char *when)
{
	for (size_t i = next(p, p->first), n; i < p->end; i = next(p, i + n)) {
		n = looked(p, i);
		if (!move_out(p, i, n, what))
			return false;
		for (size_t k = 0; k < n; k++) {
			const char *got = (char *)p->port->bounce.addr + k * T_PAGE;
			const struct t_page *pg = &p->page[i + k];

			if (!hf_expect(t_page_holds(got, i + k, pg->held),
				       "%s: %s the device sees other contents in page %zu (%s)",
				       what, when, i + k,
				       pg->parted || !pg->cpu ? "the old one" : "the CPU's too"))
				return false;
		}
	}
	return true;
}

/* Pages that are not mapped have no pin: what happens to them is not foretold. */
static bool cpu_sees(const struct t_pages *p, const char *what, const char *when)
{
	const bool mapped = p->end > p->first;

	for (size_t i = mapped ? p->first : 0; i < (mapped ? p->end : p->n); i++) {
		const struct t_page *pg = &p->page[i];

		if (!pg->look || !pg->cpu)
			continue;
		if (!hf_expect(t_page_holds(pg->cpu, i, seen(pg)),
			       "%s: %s the CPU sees other contents in page %zu (%s)", what, when, i,
			       pg->parted ? "its own" : "the device's too"))
			return false;
	}
	return true;
}

bool t_pages_hold(const struct t_pages *p, const char *what)
{
	return cpu_sees(p, what, "before anybody wrote");
}

bool t_pages_hold_seed(const struct t_pages *p, uint64_t seed, const char *what)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->page[i].look && p->page[i].cpu &&
		    !hf_expect(t_page_holds(p->page[i].cpu, i, seed),
			       "%s: page %zu has other contents", what, i))
			return false;
	return true;
}

/* The CPU has just looked at its pages, so they are in the page table. */
static bool pfns_are_right(struct t_pages *p, const char *what)
{
	for (size_t i = next(p, p->first); i < p->end; i = next(p, i + 1)) {
		struct t_page *pg = &p->page[i];
		uint64_t pfn;

		if (!pg->cpu || !pg->pfn || hf_mem_pfn(pg->cpu, &pfn))
			continue;
		if (!hf_expect((pfn == pg->pfn) == !pg->parted,
			       "%s: page %zu %s: PFN 0x%llx when it was mapped, now 0x%llx", what,
			       i, pg->parted ? "must be another one" : "must be the same",
			       (unsigned long long)pg->pfn, (unsigned long long)pfn))
			return false;
	}
	return true;
}

static bool device_writes(struct t_pages *p, const char *what)
{
	const uint64_t seed = t_seed();

	for (size_t i = next(p, p->first), n; i < p->end; i = next(p, i + n)) {
		n = looked(p, i);
		if (!move_in(p, i, n, seed, what))
			return false;
	}
	t_pages_changed(p, p->first, p->end, seed);
	return true;
}

bool t_pages_check(struct t_pages *p, const char *what)
{
	if (!device_sees(p, what, "before anybody wrote"))
		return false;
	if (p->access != T_CPU_NONE &&
	    (!cpu_sees(p, what, "before anybody wrote") || !pfns_are_right(p, what)))
		return false;
	if (p->prot & HF_WRITE && p->end > p->first) {
		if (!device_writes(p, what))
			return false;
		if (p->access != T_CPU_NONE && !cpu_sees(p, what, "after the device wrote"))
			return false;
	}
	if (p->access == T_CPU_WRITES) {
		t_pages_fill(p);
		if (!device_sees(p, what, "after the CPU wrote"))
			return false;
	}
	return true;
}
