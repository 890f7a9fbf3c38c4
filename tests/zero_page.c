// SPDX-License-Identifier: GPL-2.0-only
/*
 * zero_page - after millions of pages mapped and unmapped, no page has a reference more than
 * before, the zero page above all.
 *
 * Memory that nobody has written to is one page of zeroes, many times. Pinning it was once
 * answered with "reserved, so not ours", and each map left a reference on it until the count
 * ran over. Nothing in /proc shows that count: the module holdfast_testdev reports it, and that
 * of any page. Each case maps a large range again and again, and makes its pages zero ones
 * again every now and then. Pins of the whole system are counted as well (by the harness).
 *
 * What is a zero page is up to the CPU; whether the device is given one depends on the kernel:
 * 6.1's stock maps it read-only, every other combination gets a page that stays. The number of
 * pages charged says which: the zero page is charged to nobody.
 */
#include <errno.h>
#include <holdfast/proc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "emulated.h"
#include "harness.h"
#include "module.h"

#define IOVA 0x400000000ULL
#define LEN (256UL << 20)
#define PARTS 4
#define AFRESH 16 /* maps between two times that the pages become zero ones again */
#define MILLION 1000000UL

/* How the pages are before a map. */
enum state { UNTOUCHED, READ, EVERY_OTHER };

struct plan {
	const char *kind;
	enum state state;
	uint32_t prot;
	unsigned long pages;	/* to be mapped in all */
};

static long zero_page_refs(void)
{
	char text[32];

	hf_must(t_module_param(HF_TESTDEV_MODULE, "zero_page_refs", text, sizeof(text)));
	return strtol(text, NULL, 10);
}

static long refs_now(const void *addr, size_t pages)
{
	char text[64];

	snprintf(text, sizeof(text), "%lx %zu", (unsigned long)addr, pages);
	hf_must(t_module_param_set(HF_TESTDEV_MODULE, "refs", text));
	hf_must(t_module_param(HF_TESTDEV_MODULE, "refs", text, sizeof(text)));
	return strtol(text, NULL, 10);
}

/*
 * References of all pages of a range that is present. Pages on their way to a list of the
 * kernel's have one more for that, for a while: the least that is ever seen counts.
 */
static long refs(const void *addr, size_t pages)
{
	long least = LONG_MAX, now;

	for (unsigned int i = 0; i < 5; i++) {
		hf_must(hf_proc_write_file("/proc/sys/vm/drop_caches", "1"));
		now = refs_now(addr, pages);
		least = now < least ? now : least;
		t_sleep_ms(5);
	}
	return least;
}

static void make_zero(const struct plan *p, char *mem)
{
	hf_require(!madvise(mem, LEN, MADV_DONTNEED), "MADV_DONTNEED");
	if (p->state == READ)
		hf_mem_touch_read(mem, LEN);
	for (size_t at = 0; p->state == EVERY_OTHER && at < LEN; at += 2 * T_PAGE)
		mem[at] = 1;
}

static uint64_t map_all(const struct t *t, const struct plan *p, char *mem)
{
	uint64_t charged;

	for (size_t i = 0; i < PARTS; i++)
		hf_map(t->c, IOVA + i * LEN / PARTS, mem + i * LEN / PARTS, LEN / PARTS, p->prot);
	charged = t_vmlck(0);
	hf_expect_eq(hf_unmap_all(t->c), LEN, "unmap of all");
	return charged;
}

/* Again and again, for as many pages as were asked for. */
static void million(struct t *t)
{
	const struct plan *p = t->arg;
	const unsigned long want = p->pages / t_patience_ms(1);
	const long before = zero_page_refs();
	unsigned long mapped = 0;
	uint64_t charged = 0;
	struct hf_mem m, witness;
	long shared, first = 0, last;
	unsigned int round;

	if (!t_alloc(&m, p->kind, LEN, 0, 0))
		return;
	/* Never mapped for the device, it shows what is shared by all untouched memory. */
	hf_must(hf_mem_alloc(p->kind, T_2M, 0, &witness));
	hf_mem_touch_read(witness.addr, T_2M);
	shared = refs(witness.addr, 1);
	for (round = 0; mapped < want && !hf_ktap_failed(); round++) {
		if (!(round % AFRESH))
			make_zero(p, m.addr);
		charged += map_all(t, p, m.addr);
		mapped += LEN / T_PAGE;
		/* The first map may put other pages in place; they are there from then on. */
		if (!(round % AFRESH))
			first = refs(m.addr, LEN / T_PAGE);
	}
	last = refs(m.addr, LEN / T_PAGE);
	/* Less is what was on its way somewhere at first. */
	hf_expect(last <= first, "references of the pages mapped last: %ld, %ld before", last,
		  first);
	hf_expect_eq(zero_page_refs(), before, "references of the zero page, %lu pages mapped",
		     mapped);
	/* The huge one, where the memory is huge. */
	hf_expect_eq(refs(witness.addr, 1), shared, "references of what untouched memory shows");
	hf_mem_free(&witness);
	hf_mem_free(&m);
	hf_ktap_diag("table: %s: %lu pages mapped, %lu charged, zero page references %ld to %ld",
		     t->backend, mapped, (unsigned long)(charged / T_PAGE), before,
		     zero_page_refs());
}

/* The references of every page of a mapping, of every kind, to the last one. */

static void every_page(struct t *t)
{
	const char *kind = t->arg;
	const size_t pages = (8UL << 20) / T_PAGE;
	const long zero = zero_page_refs();
	long before, now;
	struct hf_mem m;

	if (!t_alloc(&m, kind, pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	/* The first map may move pages to other places; what counts is the second. */
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_unmap(t->c, IOVA, m.len);
	before = refs(m.addr, pages);
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_expect(refs_now(m.addr, pages) > before, "mapped pages have more references");
	hf_unmap(t->c, IOVA, m.len);
	for (unsigned int i = 0; i < 50; i++) {
		const size_t at = (i * 37 % 512) * T_PAGE, len = (1 + i * 53 % 1500) * T_PAGE;

		hf_map(t->c, IOVA + i * T_1G, (char *)m.addr + at, len, i & 1 ? HF_RW : HF_READ);
		if (i >= 10)
			hf_unmap_all(t->c);
	}
	hf_unmap_all(t->c);
	now = refs(m.addr, pages);
	for (unsigned int i = 0; now > before && i < 20; i++)
		now = refs(m.addr, pages);
	hf_expect(now <= before, "references of %zu pages: %ld, %ld before", pages, now, before);
	hf_expect_eq(zero_page_refs(), zero, "references of the zero page");
	hf_mem_free(&m);
}

/*
 * A page of the kernel's own image, reserved as the zero page is, that every process may read.
 * Only in a child is it mapped: what the map puts in its place is the child's.
 */
static void map_reserved(void *arg)
{
	const struct t *t = arg;
	const void *page = (void *)getauxval(AT_SYSINFO_EHDR);

	for (int i = 0; i < 100; i++) {
		hf_map(t->c, IOVA, page, T_PAGE, HF_READ);
		hf_expect_eq(t_vmlck(0), T_PAGE, "a copy, and charged: VmLck");
		hf_unmap(t->c, IOVA, T_PAGE);
	}
}

static void reserved(struct t *t)
{
	const void *page = (void *)getauxval(AT_SYSINFO_EHDR);
	long before, now;

	if (!page) {
		hf_ktap_skip("no vDSO");
		return;
	}
	if (t->on == T_ON_STOCK && t_kernel_before(6, 2)) {
		hf_ktap_skip("stock leaves a pin with each map here");
		return;
	}
	/* Every process has it mapped, so others that come or go count, too. */
	before = refs(page, 1);
	t_child(map_reserved, t, "process that maps its vDSO");
	now = refs(page, 1);
	hf_expect(labs(now - before) < 50, "references of the vDSO: %ld before, %ld now", before,
		  now);
}

#define P(...) &(const struct plan){ __VA_ARGS__ }

static const struct t_case cases[] = {
	{ "untouched, read-only", million, T_RIG, P("anon4k", UNTOUCHED, HF_READ, 2 * MILLION) },
	{ "read once, read-only", million, T_RIG, P("anon4k", READ, HF_READ, MILLION / 4) },
	{ "every other page written to, read-only", million, T_RIG,
	  P("anon4k", EVERY_OTHER, HF_READ, MILLION / 4) },
	{ "untouched, read-write", million, T_RIG, P("anon4k", UNTOUCHED, HF_RW, MILLION / 4) },
	{ "read once, read-write", million, T_RIG, P("anon4k", READ, HF_RW, MILLION / 4) },
	{ "huge, untouched, read-only", million, T_RIG, P("thp", UNTOUCHED, HF_READ, MILLION) },
	{ "huge, read once, read-only", million, T_RIG, P("thp", READ, HF_READ, MILLION) },
	{ "huge, read once, read-write", million, T_RIG, P("thp", READ, HF_RW, MILLION) },
	{ "a reserved page", reserved, T_RIG, NULL },
	{ "every page: anon4k", every_page, T_RIG, "anon4k" },
	{ "every page: frag4k", every_page, T_RIG, "frag4k" },
	{ "every page: thp", every_page, T_RIG, "thp" },
	{ "every page: hugetlb2m", every_page, T_RIG, "hugetlb2m" },
	{ "every page: shmem4k", every_page, T_RIG, "shmem4k" },
	{ "every page: file", every_page, T_RIG, "file" },
	{ "every page: file-shared", every_page, T_RIG, "file-shared" },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
