// SPDX-License-Identifier: GPL-2.0-only
/*
 * bar_maps - memory of a device (a BAR), mapped for another device: peer-to-peer DMA.
 *
 * An e1000 does DMA into and out of the BAR of an ivshmem device, which holds what is written
 * to it, and every byte is compared with what the CPU sees there. A BAR is mapped into the
 * process by PFN (VM_PFNMAP): it has no pages to pin and is not charged, its page-table
 * entries come with a fault or may be huge, and they go away when the device's memory is
 * disabled, which the IOMMU does not notice.
 *
 * Needs a device 1af4:1110 bound to vfio-pci beside the e1000; without one all is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/pattern.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bar.h"
#include "child.h"
#include "differ.h"
#include "harness.h"
#include "module.h"
#include "side.h"

#define IOVA 0x200000000ULL
#define TRACEFS "/sys/kernel/tracing/"

/*
 * What the extent log says of a map
 */
struct logged {
	long runs;
	long pins;
};

static int map_logged(const struct t *t, uint64_t iova, const void *addr, size_t len,
		      uint32_t flags, struct logged *l)
{
	char line[512];
	FILE *f;
	int ret;

	*l = (struct logged){ -1, -1 };
	if (t->on == T_ON_STOCK)
		return hf_try_map(t->c, iova, addr, len, flags);
	f = fopen(TRACEFS "trace", "we"); /* this empties it */
	hf_require(f, "empty the trace");
	fclose(f);
	hf_must(hf_proc_write_file(TRACEFS "events/holdfast/enable", "1"));
	ret = hf_try_map(t->c, iova, addr, len, flags);
	hf_must(hf_proc_write_file(TRACEFS "events/holdfast/enable", "0"));
	f = fopen(TRACEFS "trace", "re");
	hf_require(f, "open the trace");
	while (fgets(line, sizeof(line), f)) {
		const char *runs = strstr(line, " runs="), *pins = strstr(line, " pins=");

		if (!strstr(line, ": hf_map: ") || !runs || !pins)
			continue;
		l->runs = atol(runs + 6);
		l->pins = atol(pins + 6);
	}
	fclose(f);
	return ret;
}

/* A map of nothing but a BAR, one physical run. */
static void map_bar(const struct t *t, uint64_t iova, const void *addr, size_t len, uint32_t flags)
{
	const uint64_t vmlck = t_vmlck(0);
	struct hf_proc_pins before, after;
	const long cuts = (long)((iova + len - 1) / T_1G - iova / T_1G);
	struct logged l;

	hf_must(hf_proc_pins(&before));
	hf_must(map_logged(t, iova, addr, len, flags, &l));
	hf_must(hf_proc_pins(&after));
	hf_expect_eq(after.acquired - after.released, before.acquired - before.released,
		     "pins held with a BAR");
	hf_expect_eq(t_vmlck(0), vmlck, "VmLck with a BAR");
	if (t->on == T_ON_HOLDFAST) {
		hf_expect_eq(l.pins, 0, "pins in the log");
		hf_expect_eq(l.runs, 1 + cuts, "runs in the log");
	}
}

/*
 * Where and how much
 */
static void whole(struct t *t)
{
	const bool touched = *(const bool *)t->arg;
	static const uint32_t flags[] = { HF_RW, HF_READ, HF_WRITE };
	struct t_peer p;
	char *bar;

	if (!t_peer_open(&p, t->c))
		return;
	for (size_t i = 0; i < T_ARRAY_SIZE(flags); i++) {
		bar = t_bar_whole(&p);
		if (touched)
			hf_mem_touch_read(bar, p.region.size);
		map_bar(t, IOVA, bar, p.region.size, flags[i]);
		t_dma_check(&t->port, IOVA, bar, p.region.size, flags[i], "whole BAR");
		hf_unmap(t->c, IOVA, p.region.size);
		munmap(bar, p.region.size);
	}
	t_peer_close(&p);
}

/* In 4K pages. */
static const struct part {
	size_t offset;
	size_t pages;
	uint64_t iova;
} parts[] = {
	{ 0, 1, IOVA },
	{ 1, 1, IOVA + T_PAGE },
	{ 511, 2, IOVA },
	{ 3, 509, IOVA + 3 * T_PAGE },
	{ 7, 1024, IOVA + 7 * T_PAGE },
	{ 512, 512, 0x100000 },
	{ 512, 513, 0x123000 },
	{ 100, 3996, IOVA + 5 * T_PAGE },
	{ 0, 2500, 2 * T_1G - 1000 * T_PAGE },
	{ 9, 2500, 4 * T_1G - 1500 * T_PAGE },
};

/* Without huge pages every page is mapped by itself, with the same result. */
static void page_by_page(struct t *t)
{
	const char *module = t->on == T_ON_STOCK ? T_MODULE_STOCK : T_MODULE_HOLDFAST;
	struct t_peer p;
	char *bar;

	if (!t_peer_open(&p, t->c))
		return;
	bar = t_bar_whole(&p);
	hf_must(t_module_param_set(module, "disable_hugepages", "Y"));
	map_bar(t, IOVA, bar, p.region.size, HF_RW);
	hf_must(t_module_param_set(module, "disable_hugepages", "N"));
	t_dma_check(&t->port, IOVA, bar, p.region.size, HF_RW, "page by page");
	hf_unmap(t->c, IOVA, p.region.size);
	t_peer_close(&p);
}

/* Parts of a mapping of the whole BAR, and mappings of a part. */
static void in_parts(struct t *t)
{
	const bool own = *(const bool *)t->arg;
	char *bar = NULL, *at;
	struct t_peer p;
	char what[96];

	if (!t_peer_open(&p, t->c))
		return;
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++) {
		const size_t offset = parts[i].offset * T_PAGE, len = parts[i].pages * T_PAGE;

		if (own) {
			bar = t_bar_mmap(&p, NULL, offset, len, PROT_READ | PROT_WRITE);
			at = bar;
		} else {
			bar = t_bar_whole(&p);
			at = bar + offset;
		}
		/* Now this, now that: some entries there, some not. */
		if (i & 1)
			hf_mem_touch_read(at, len / 2);
		snprintf(what, sizeof(what), "%zu pages from page %zu at 0x%llx", parts[i].pages,
			 parts[i].offset, (unsigned long long)parts[i].iova);
		map_bar(t, parts[i].iova, at, len, HF_RW);
		t_dma_check(&t->port, parts[i].iova, at, len, HF_RW, what);
		hf_unmap(t->c, parts[i].iova, len);
		munmap(bar, own ? len : p.region.size);
	}
	t_peer_close(&p);
}

/* Neighbours in memory that are none in the BAR: back to front, then all the same page. */
static void shuffled(struct t *t)
{
	const unsigned int n = 20;
	const size_t each = 3 * T_PAGE;
	struct logged l;
	struct t_peer p;
	char *room;

	if (!t_peer_open(&p, t->c))
		return;
	room = t_arena_take(n * each);
	for (unsigned int i = 0; i < n; i++)
		t_bar_mmap(&p, room + i * each, (n - i) * each, each, PROT_READ | PROT_WRITE);
	hf_must(map_logged(t, IOVA, room, n * each, HF_RW, &l));
	if (t->on == T_ON_HOLDFAST)
		hf_expect_eq(l.runs, n, "runs in the log");
	t_dma_check(&t->port, IOVA, room, n * each, HF_RW, "back to front");
	hf_unmap(t->c, IOVA, n * each);

	for (unsigned int i = 0; i < n; i++)
		t_bar_mmap(&p, room + i * T_PAGE, 5 * T_PAGE, T_PAGE, PROT_READ | PROT_WRITE);
	hf_must(map_logged(t, IOVA, room, n * T_PAGE, HF_RW, &l));
	if (t->on == T_ON_HOLDFAST)
		hf_expect_eq(l.runs, n, "runs in the log");
	for (unsigned int i = 0; i < n; i++)
		t_dma_check(&t->port, IOVA + i * T_PAGE, room, T_PAGE, HF_RW, "one page");
	hf_unmap(t->c, IOVA, n * T_PAGE);
	t_peer_close(&p);
}

/* What lies before and behind the part is out of the device's reach. */
static void no_more(struct t *t)
{
	const size_t len = 5 * T_PAGE;
	struct t_peer p;
	char *bar;

	if (!t_peer_open(&p, t->c))
		return;
	bar = t_bar_whole(&p);
	map_bar(t, IOVA, bar + 3 * T_PAGE, len, HF_READ);
	t_faults_begin("around a part of a BAR, and read-only");
	t_dma_write_blocked(&t->port, IOVA - T_PAGE, bar + 2 * T_PAGE, T_PAGE, "before");
	t_dma_write_blocked(&t->port, IOVA + len, bar + 8 * T_PAGE, T_PAGE, "behind");
	t_dma_read_blocked(&t->port, IOVA + len, bar + 8 * T_PAGE, T_PAGE, "behind");
	t_dma_write_blocked(&t->port, IOVA, bar + 3 * T_PAGE, len, "read-only");
	hf_unmap(t->c, IOVA, len);
	t_dma_write_blocked(&t->port, IOVA, bar + 3 * T_PAGE, len, "unmapped");
	t_dma_read_blocked(&t->port, IOVA, bar + 3 * T_PAGE, len, "unmapped");
	t_faults_end();
	munmap(bar, p.region.size);
	t_peer_close(&p);
}

/*
 * Permissions
 */
static void read_only(struct t *t)
{
	const uint64_t seed = t_seed();
	struct t_peer p;
	char *bar, *ro;

	if (!t_peer_open(&p, t->c))
		return;
	bar = t_bar_whole(&p);
	hf_pattern_fill(bar, p.region.size, 0, seed);
	ro = t_bar_mmap(&p, NULL, 0, p.region.size, PROT_READ);
	hf_expect_eq(hf_try_map(t->c, IOVA, ro, p.region.size, HF_RW), -EFAULT,
		     "read-write, untouched");
	hf_mem_touch_read(ro, p.region.size);
	hf_expect_eq(hf_try_map(t->c, IOVA, ro, p.region.size, HF_RW), -EFAULT,
		     "read-write, touched");
	hf_expect_eq(hf_try_map(t->c, IOVA, ro, p.region.size, HF_WRITE), -EFAULT, "write");
	map_bar(t, IOVA, ro, p.region.size, HF_READ);
	t_dma_reads(&t->port, IOVA, p.region.size, 0, seed, "read-only mmap");
	hf_unmap(t->c, IOVA, p.region.size);

	/* Writable but for one page. */
	hf_require(!mprotect(bar + 700 * T_PAGE, T_PAGE, PROT_READ), "mprotect");
	hf_expect_eq(hf_try_map(t->c, IOVA, bar, p.region.size, HF_RW), -EFAULT,
		     "a page is not writable");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, T_PAGE, 0, NULL), 0, "nothing is there");
	map_bar(t, IOVA, bar, p.region.size, HF_READ);
	t_dma_reads(&t->port, IOVA, p.region.size, 0, seed, "three areas of a BAR");
	hf_unmap(t->c, IOVA, p.region.size);

	/* Not even readable: what is answered depends on what had been touched. */
	hf_require(!mprotect(ro, p.region.size, PROT_NONE), "mprotect");
	t_same(t, 0, hf_try_map(t->c, IOVA, ro, p.region.size, HF_READ), 0, "PROT_NONE, touched");
	hf_try_unmap(t->c, IOVA, p.region.size, 0, NULL);
	munmap(ro, p.region.size);
	ro = t_bar_mmap(&p, NULL, 0, p.region.size, PROT_NONE);
	t_same(t, 1, hf_try_map(t->c, IOVA, ro, p.region.size, HF_READ), 0, "PROT_NONE, untouched");
	hf_try_unmap(t->c, IOVA, p.region.size, 0, NULL);
	munmap(ro, p.region.size);
	munmap(bar, p.region.size);
	t_peer_close(&p);
}

/* Registers are mapped as well as memory: not used, as reading some has effects. */
static void registers(struct t *t)
{
	struct hf_bar bar;

	hf_must(hf_bar_map(&t->rig.device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	map_bar(t, IOVA, (void *)bar.addr, bar.len, HF_RW);
	hf_unmap(t->c, IOVA, bar.len);
	(void)hf_bar_read32(&bar, 0);
	map_bar(t, IOVA, (void *)bar.addr, bar.len, HF_RW);
	hf_unmap(t->c, IOVA, bar.len);
	hf_bar_unmap(&bar);
}

/*
 * PFN-mapped, but with struct pages behind it: the BIOS, which is reserved, is mapped, RAM is
 * not (stock would have nothing that holds it in place either).
 */
static void with_pages(struct t *t)
{
	const size_t len = 16 * T_PAGE;
	const int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	char *bios;

	if (fd < 0)
		return hf_ktap_skip("no /dev/mem on this kernel");
	bios = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0xf0000);
	close(fd);
	if (bios == MAP_FAILED)
		return hf_ktap_skip("no mmap of /dev/mem: %s", strerror(errno));
	hf_expect_eq(hf_try_map(t->c, IOVA, bios, len, HF_RW), -EFAULT, "BIOS, read-write");
	map_bar(t, IOVA, bios, len, HF_READ);
	if (!hf_expect_eq(hf_dma_copy(t->port.dma, t->port.iova, IOVA, len), 0, "DMA"))
		return;
	hf_expect(!memcmp(t->port.bounce.addr, bios, len), "the device reads the BIOS");
	hf_unmap(t->c, IOVA, len);
	munmap(bios, len);
}

static void ram(struct t *t)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
					.config = PERF_COUNT_SW_DUMMY };
	struct io_uring_params ring = { 0 };
	struct hf_proc_snapshot before;
	/* Of a CPU, not of a task: that would have the kernel patch its own scheduler. */
	const int perf = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0UL);
	const int uring = (int)syscall(SYS_io_uring_setup, 8, &ring);
	const int fd[] = { perf, uring };
	const size_t len[] = { 3 * T_PAGE, T_PAGE };
	void *p;

	/* How these are mapped is each kernel's affair: some by PFN, some not. */
	for (size_t i = 0; i < T_ARRAY_SIZE(fd); i++) {
		if (fd[i] < 0)
			continue;
		p = mmap(NULL, len[i], PROT_READ | PROT_WRITE, MAP_SHARED, fd[i], 0);
		if (p == MAP_FAILED)
			continue;
		memset(&before, 0, sizeof(before));
		hf_must(hf_proc_snapshot(&before));
		for (uint32_t flags = HF_READ; flags <= HF_RW; flags++) {
			int ret = hf_try_map(t->c, IOVA, p, len[i], flags);

			hf_ktap_diag("%s, flags %u: %d", i ? "io_uring" : "perf", flags, ret);
			t_same(t, i * 4 + flags, ret, 0, "%s, flags %u", i ? "io_uring" : "perf",
			       flags);
			hf_try_unmap(t->c, IOVA, len[i], 0, NULL);
			t_leftover(&before, "RAM by PFN");
		}
		munmap(p, len[i]);
	}
	close(perf);
	close(uring);
}

/*
 * Together with other memory
 */

/* @n stretches of @pages, in turn anonymous and a part of the BAR; returns where. */
static char *stripes(const struct t_peer *p, unsigned int n, size_t pages, bool bar_first)
{
	const size_t each = pages * T_PAGE;
	char *room = t_arena_take(n * each);

	for (unsigned int i = 0; i < n; i++) {
		if ((i & 1) ^ bar_first)
			t_bar_mmap(p, room + i * each, i * each, each, PROT_READ | PROT_WRITE);
		else
			t_anon_at(room + i * each, each);
	}
	return room;
}

static const struct mix {
	unsigned int stretches;
	size_t pages;
	bool bar_first;
	uint64_t iova;
} mixes[] = {
	{ 2, 1, false, IOVA },      { 2, 1, true, IOVA },
	{ 3, 7, false, IOVA },      { 40, 3, true, IOVA + T_PAGE },
	{ 5, 600, false, 0x10000 }, { 3, 1300, false, T_1G - 2000 * T_PAGE },
	{ 4, 1000, true, T_1G },
};

static size_t mix_anon(const struct mix *m)
{
	return (m->stretches + !m->bar_first) / 2 * m->pages * T_PAGE;
}

static void mixed(struct t *t)
{
	struct hf_proc_snapshot before;
	struct t_peer p;
	char what[96];

	if (!t_peer_open(&p, t->c))
		return;
	for (size_t i = 0; i < T_ARRAY_SIZE(mixes); i++) {
		const struct mix *m = &mixes[i];
		const size_t len = m->stretches * m->pages * T_PAGE;
		char *addr = stripes(&p, m->stretches, m->pages, m->bar_first);

		snprintf(what, sizeof(what), "%u stretches of %zu pages, %s first", m->stretches,
			 m->pages, m->bar_first ? "BAR" : "RAM");
		hf_must(hf_proc_snapshot(&before));
		hf_map(t->c, m->iova, addr, len, HF_RW);
		hf_expect_eq(t_vmlck(0), before.vmlck + mix_anon(m), "%s: VmLck", what);
		t_dma_check(&t->port, m->iova, addr, len, HF_RW, what);
		hf_unmap(t->c, m->iova, len);

		/* A hole behind it: all is taken back. */
		munmap(addr + len - T_PAGE, T_PAGE);
		hf_expect_eq(hf_try_map(t->c, m->iova, addr, len, HF_RW), -EFAULT, "%s, a hole",
			     what);
		t_leftover(&before, what);
		munmap(addr, len);
	}
	t_peer_close(&p);
}

/*
 * Locked memory
 */
struct limited {
	struct t *t;
	struct t_peer p;
	char *bar;
	const struct mix *mix;
	char *addr;
	size_t memlock;
};

static void no_memlock(void *arg)
{
	const struct limited *l = arg;
	struct hf_mem m;

	t_unprivileged(0);
	/* Its own copy of the mmap, which nobody has touched. */
	hf_must(hf_try_map(l->t->c, IOVA, l->bar, l->p.region.size, HF_RW));
	hf_expect_eq(t_vmlck(0), 0, "VmLck with a BAR");
	t_dma_check(&l->t->port, IOVA, l->bar, l->p.region.size, HF_RW, "BAR, limit of 0");
	hf_must(hf_mem_alloc("anon4k", T_PAGE, 0, &m));
	hf_expect_eq(hf_try_map(l->t->c, IOVA + T_1G, m.addr, T_PAGE, HF_RW), -ENOMEM, "a page");
	hf_unmap(l->t->c, IOVA, l->p.region.size);
	hf_expect_eq(t_vmlck(0), 0, "VmLck afterwards");
	hf_mem_free(&m);
}

static void limit_of_0(struct t *t)
{
	struct limited l = { .t = t };

	if (!t_peer_open(&l.p, t->c))
		return;
	l.bar = t_bar_whole(&l.p);
	t_child(no_memlock, &l, "limit of 0");
	munmap(l.bar, l.p.region.size);
	t_peer_close(&l.p);
}

static void at_the_limit(void *arg)
{
	const struct limited *l = arg;
	const struct mix *m = l->mix;
	const size_t len = m->stretches * m->pages * T_PAGE;
	const bool enough = l->memlock >= mix_anon(m);

	t_unprivileged(l->memlock);
	for (int i = 0; i < 2; i++) {
		if (!hf_expect_eq(hf_try_map(l->t->c, m->iova, l->addr, len, HF_RW),
				  enough ? 0 : -ENOMEM, "limit of 0x%zx bytes", l->memlock) ||
		    !enough)
			break;
		hf_expect_eq(t_vmlck(0), mix_anon(m), "VmLck");
		t_dma_check(&l->t->port, m->iova, l->addr, len, HF_RW, "at the limit");
		hf_unmap(l->t->c, m->iova, len);
	}
	hf_expect_eq(t_vmlck(0), 0, "VmLck afterwards");
}

static void mixed_limit(struct t *t)
{
	struct limited l = { .t = t };

	if (!t_peer_open(&l.p, t->c))
		return;
	for (size_t i = 0; i < T_ARRAY_SIZE(mixes); i++) {
		l.mix = &mixes[i];
		l.addr = stripes(&l.p, l.mix->stretches, l.mix->pages, l.mix->bar_first);
		l.memlock = mix_anon(l.mix);
		t_child(at_the_limit, &l, "just enough");
		l.memlock -= T_PAGE;
		t_child(at_the_limit, &l, "a page too little");
		munmap(l.addr, l.mix->stretches * l.mix->pages * T_PAGE);
	}
	t_peer_close(&l.p);
}

/*
 * Other processes, other devices, other times
 */
static void child_of_mapper(void *arg)
{
	const struct limited *l = arg;
	const size_t half = l->p.region.size / 2;
	uint64_t seed = t_seed();
	struct hf_mismatch bad;

	/* What the device writes, the child sees, and the other way round. */
	t_dma_writes(&l->t->port, IOVA, half, 0, seed, "written for the child");
	hf_expect(hf_pattern_check(l->bar, half, 0, seed, &bad), "child reads, at +0x%zx",
		  bad.offset);
	seed = t_seed();
	hf_pattern_fill(l->bar + half, half, half, seed);
	t_dma_reads(&l->t->port, IOVA + half, half, half, seed, "written by the child");
	/* A mapping of the child's own, with its copy of the mmap. */
	map_bar(l->t, IOVA + T_1G, l->bar, l->p.region.size, HF_RW);
	t_dma_check(&l->t->port, IOVA + T_1G, l->bar, l->p.region.size, HF_RW, "child's");
	munmap(l->bar, l->p.region.size);
}

static void forked(struct t *t)
{
	struct limited l = { .t = t };

	if (!t_peer_open(&l.p, t->c))
		return;
	l.bar = t_bar_whole(&l.p);
	map_bar(t, IOVA, l.bar, l.p.region.size, HF_RW);
	t_child(child_of_mapper, &l, "child of the mapper");
	t_dma_check(&t->port, IOVA, l.bar, l.p.region.size, HF_RW, "parent's, child gone");
	t_dma_check(&t->port, IOVA + T_1G, l.bar, l.p.region.size, HF_RW, "child's, child gone");
	hf_unmap(t->c, IOVA + T_1G, l.p.region.size);
	hf_unmap(t->c, IOVA, l.p.region.size);
	munmap(l.bar, l.p.region.size);
	t_peer_close(&l.p);
}

/* The process lets go of the BAR; the device keeps it. */
static void unmapped_by_cpu(struct t *t)
{
	const uint64_t seed = t_seed();
	struct hf_mismatch bad;
	struct t_peer p;
	size_t len;
	char *bar;

	if (!t_peer_open(&p, t->c))
		return;
	len = p.region.size;
	bar = t_bar_whole(&p);
	map_bar(t, IOVA, bar, len, HF_RW);
	munmap(bar, len);
	t_dma_writes(&t->port, IOVA, len, 0, seed, "munmap");
	t_dma_reads(&t->port, IOVA, len, 0, seed, "munmap");
	bar = t_bar_whole(&p);
	hf_expect(hf_pattern_check(bar, len, 0, seed, &bad), "CPU reads, at +0x%zx", bad.offset);
	hf_unmap(t->c, IOVA, len);
	munmap(bar, len);
	t_peer_close(&p);
}

/* A BAR that is disabled cannot be mapped; what was mapped works again when it is back. */
static void disabled(struct t *t)
{
	const uint64_t seed = t_seed();
	struct t_peer p;
	size_t len;
	char *bar;

	if (!t_peer_open(&p, t->c))
		return;
	len = p.region.size;
	bar = t_bar_whole(&p);
	map_bar(t, IOVA, bar, len, HF_RW);
	hf_pattern_fill(bar, len, 0, seed);
	t_peer_memory(&p, false);
	hf_expect(!t_cpu_reaches(bar), "a disabled BAR is out of the CPU's reach");
	hf_expect_eq(hf_try_map(t->c, IOVA + T_1G, bar, len, HF_RW), -EFAULT, "disabled");
	hf_expect_eq(hf_try_map(t->c, IOVA + T_1G, bar, T_PAGE, HF_READ), -EFAULT,
		     "disabled, a page, read-only");
	t_peer_memory(&p, true);
	hf_expect(t_cpu_reaches(bar), "an enabled BAR is in the CPU's reach");
	t_dma_reads(&t->port, IOVA, len, 0, seed, "mapped before it was disabled");
	t_dma_check(&t->port, IOVA, bar, len, HF_RW, "mapped before it was disabled");
	map_bar(t, IOVA + T_1G, bar, len, HF_RW);
	t_dma_check(&t->port, IOVA + T_1G, bar, len, HF_RW, "mapped after");
	hf_unmap(t->c, IOVA + T_1G, len);
	hf_unmap(t->c, IOVA, len);
	munmap(bar, len);
	t_peer_close(&p);
}

/* A group that joins finds the BAR mapped, alone and in a mixed mapping. */
static void replayed(struct t *t)
{
	const bool separate = *(const bool *)t->arg;
	const struct mix *m = &mixes[4];
	const size_t mix_len = m->stretches * m->pages * T_PAGE;
	struct hf_container c;
	struct t_side s[2];
	struct t_peer p;
	char *bar, *mix;

	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group",
					   separate ? "Y" : "N"));
	hf_must(hf_container_open(&c));
	t_side_attach(&s[0], 0, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	if (!t_peer_open(&p, &c))
		goto out;
	bar = t_bar_whole(&p);
	mix = stripes(&p, m->stretches, m->pages, m->bar_first);
	hf_map(&c, IOVA - 3 * T_PAGE, bar, p.region.size, HF_RW);
	hf_map(&c, m->iova, mix, mix_len, HF_RW);
	t_side_attach(&s[1], 1, &c);
	t_sides_start(s, 2, &c, HF_DMA_IOVA_DEFAULT);
	for (int i = 0; i < 2; i++) {
		t_dma_check(&s[i].port, IOVA - 3 * T_PAGE, bar, p.region.size, HF_RW,
			    i ? "joined late" : "was there");
		t_dma_check(&s[i].port, m->iova, mix, mix_len, HF_RW,
			    i ? "mixed, joined late" : "mixed, was there");
	}
	t_side_stop(&s[0]);
	hf_must(hf_group_detach(&s[0].group));
	t_dma_check(&s[1].port, IOVA - 3 * T_PAGE, bar, p.region.size, HF_RW, "the other left");
	hf_unmap(&c, IOVA - 3 * T_PAGE, p.region.size);
	t_faults_begin("BAR unmapped for a device that joined late");
	t_dma_write_blocked(&s[1].port, IOVA, bar + 3 * T_PAGE, 4 * T_PAGE, "unmapped");
	t_faults_end();
	/* The mixed one is left to the end of the container. */
	t_side_close(&s[1]);
	munmap(bar, p.region.size);
	munmap(mix, mix_len);
	t_peer_close(&p);
out:
	t_side_close(&s[0]);
	hf_container_close(&c);
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
}

/*
 * The address space changes under the map: BAR, RAM or nothing, by turns. Whatever a map
 * answers, it is charged neither too much nor too little in the end, and never over the limit.
 */
#define RACE_STRETCHES 6
#define RACE_PAGES 40
#define RACE_MS 1500

struct race {
	const struct limited *l;
	char *room;
	bool stop;
};

static void *change(void *arg)
{
	struct race *r = arg;
	uint32_t dice = 12345;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		const size_t each = RACE_PAGES * T_PAGE;
		char *at;

		dice = dice * 1664525 + 1013904223;
		at = r->room + (dice >> 16) % RACE_STRETCHES * each;
		if ((dice >> 24) % 8 == 0)
			munmap(at, each);
		else if ((dice >> 24) & 1)
			t_anon_at(at, each);
		else
			t_bar_mmap(&r->l->p, at, each, each, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* Be limited, and still root: who counts pins must be. */
static void without_ipc_lock(size_t memlock)
{
	const struct rlimit limit = { .rlim_cur = memlock, .rlim_max = memlock };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	hf_require(!setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
	hf_require(!syscall(SYS_capget, &header, data), "capget");
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	data[0].permitted &= ~(1U << CAP_IPC_LOCK);
	hf_require(!syscall(SYS_capset, &header, data), "capset");
}

static void race_child(void *arg)
{
	const struct limited *l = arg;
	struct race r = { .l = l, .room = l->addr };
	const size_t len = (size_t)RACE_STRETCHES * RACE_PAGES * T_PAGE;
	const uint64_t end = t_now_ms() + RACE_MS;
	const uint64_t late = t_now_ms() + t_patience_ms(20000);
	/* Pages of RAM that devices can reach, small ones only: each has a pin. */
	const int64_t before = t_pinned();
	unsigned int good = 0, refused = 0;
	pthread_t thread;
	int ret;

	without_ipc_lock(l->memlock);
	hf_require(!pthread_create(&thread, NULL, change, &r), "thread");
	/* On a slow machine few maps are through in time. */
	while (t_now_ms() < end || (!(good && refused) && t_now_ms() < late)) {
		ret = hf_try_map(l->t->c, IOVA, r.room, len, HF_RW);
		if (!ret) {
			good++;
			hf_expect(t_vmlck(0) <= l->memlock, "VmLck is over the limit");
			/* Paid for is what is pinned, nothing else. */
			if (!hf_expect_eq(t_vmlck(0), (uint64_t)(t_pinned() - before) * T_PAGE,
					  "VmLck and pins"))
				break;
			hf_unmap(l->t->c, IOVA, len);
		} else {
			refused++;
			hf_expect(ret == -EFAULT || ret == -ENOMEM || ret == -EINVAL,
				  "map answers %d", ret);
		}
		if (!hf_expect_eq(t_vmlck(0), 0, "VmLck with nothing mapped"))
			break;
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	hf_ktap_diag("%u maps, %u refused", good, refused);
	hf_expect(good && refused, "%u maps, %u refused: both must occur", good, refused);
}

static void race(struct t *t)
{
	struct limited l = { .t = t, .memlock = (size_t)*(const int *)t->arg * T_PAGE };

	if (!t_peer_open(&l.p, t->c))
		return;
	l.addr = stripes(&l.p, RACE_STRETCHES, RACE_PAGES, false);
	t_child(race_child, &l, "race");
	munmap(l.addr, (size_t)RACE_STRETCHES * RACE_PAGES * T_PAGE);
	t_peer_close(&l.p);
}

static const bool no = false, yes = true;
static const int tight = RACE_STRETCHES / 2 * RACE_PAGES, ample = 10000;

static const struct t_case cases[] = {
	{ "whole BAR, untouched", whole, T_DMA, &no },
	{ "whole BAR, touched", whole, T_DMA, &yes },
	{ "whole BAR, without huge pages", page_by_page, T_DMA, NULL },
	{ "parts of an mmap", in_parts, T_DMA, &no },
	{ "mmaps of a part", in_parts, T_DMA, &yes },
	{ "areas in another order than the BAR", shuffled, T_DMA, NULL },
	{ "not more than was asked for", no_more, T_DMA, NULL },
	{ "permissions of the mmap", read_only, T_DMA, NULL },
	{ "registers", registers, T_DMA, NULL },
	{ "reserved pages by PFN", with_pages, T_DMA, NULL },
	{ "RAM by PFN", ram, T_DMA, NULL },
	{ "BAR and RAM in one mapping", mixed, T_DMA, NULL },
	{ "limit of 0", limit_of_0, T_DMA, NULL },
	{ "BAR and RAM at the limit", mixed_limit, T_DMA, NULL },
	{ "fork", forked, T_DMA, NULL },
	{ "munmap of what the device uses", unmapped_by_cpu, T_DMA, NULL },
	{ "BAR disabled and enabled again", disabled, T_DMA, NULL },
	{ "mappings change meanwhile, enough allowed", race, T_DMA, &ample },
	{ "mappings change meanwhile, little allowed", race, T_DMA, &tight },
	{ "a group that joins, one domain", replayed, 0, &no },
	{ "a group that joins, a domain each", replayed, T_HOLDFAST, &yes },
};

int main(void)
{
	return T_RUN(cases);
}
