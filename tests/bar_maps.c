// SPDX-License-Identifier: GPL-2.0-only
/*
 * bar_maps - memory of a device (a BAR), mapped for another device: peer-to-peer DMA.
 *
 * An e1000 does DMA into and out of the BAR of an ivshmem device, which holds what is written
 * to it, and every byte is compared with what the CPU sees there. A BAR is mapped into the
 * process by PFN (VM_PFNMAP): it has no pages to pin and is not charged, its page-table
 * entries come with a fault or may be huge, and they go away when the device's memory is
 * disabled, which the IOMMU does not notice. bar_mixed has what is a BAR in part, and limits.
 *
 * Needs a device 1af4:1110 bound to vfio-pci beside the e1000; without one all is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/pattern.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bar.h"
#include "child.h"
#include "differ.h"
#include "harness.h"
#include "module.h"

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
 * Other processes, other times
 */
struct mapper {
	struct t *t;
	struct t_peer p;
	char *bar;
};

static void child_of_mapper(void *arg)
{
	const struct mapper *m = arg;
	const size_t half = m->p.region.size / 2;
	uint64_t seed = t_seed();
	struct hf_mismatch bad;

	/* What the device writes, the child sees, and the other way round. */
	t_dma_writes(&m->t->port, IOVA, half, 0, seed, "written for the child");
	hf_expect(hf_pattern_check(m->bar, half, 0, seed, &bad), "child reads, at +0x%zx",
		  bad.offset);
	seed = t_seed();
	hf_pattern_fill(m->bar + half, half, half, seed);
	t_dma_reads(&m->t->port, IOVA + half, half, half, seed, "written by the child");
	/* A mapping of the child's own, with its copy of the mmap. */
	map_bar(m->t, IOVA + T_1G, m->bar, m->p.region.size, HF_RW);
	t_dma_check(&m->t->port, IOVA + T_1G, m->bar, m->p.region.size, HF_RW, "child's");
	munmap(m->bar, m->p.region.size);
}

static void forked(struct t *t)
{
	struct mapper m = { .t = t };

	if (!t_peer_open(&m.p, t->c))
		return;
	m.bar = t_bar_whole(&m.p);
	map_bar(t, IOVA, m.bar, m.p.region.size, HF_RW);
	t_child(child_of_mapper, &m, "child of the mapper");
	t_dma_check(&t->port, IOVA, m.bar, m.p.region.size, HF_RW, "parent's, child gone");
	t_dma_check(&t->port, IOVA + T_1G, m.bar, m.p.region.size, HF_RW, "child's, child gone");
	hf_unmap(t->c, IOVA + T_1G, m.p.region.size);
	hf_unmap(t->c, IOVA, m.p.region.size);
	munmap(m.bar, m.p.region.size);
	t_peer_close(&m.p);
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

static const bool no = false, yes = true;

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
	{ "fork", forked, T_DMA, NULL },
	{ "munmap of what the device uses", unmapped_by_cpu, T_DMA, NULL },
	{ "BAR disabled and enabled again", disabled, T_DMA, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
