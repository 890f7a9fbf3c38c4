// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit_bar - the auditor and refreshes where memory of a device (a BAR) is mapped for another.
 *
 * A BAR has no pages to pin and is not charged; its entries come with a fault, and go when the
 * device's memory is disabled. So what is absent is taken to be the device's; only what is there
 * can be seen to have changed. A refresh may bring memory where the BAR was, and the BAR where
 * memory was: then the charge follows.
 *
 * Needs a device 1af4:1110 bound to vfio-pci beside the e1000; without one all is skipped.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <holdfast/pci.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auditor.h"
#include "child.h"
#include "harness.h"

#define IOVA 0x6600000000ULL
#define PAGES 1024UL
#define LEN (PAGES * T_PAGE)
#define VENDOR 0x1af4
#define DEVICE 0x1110
#define BAR VFIO_PCI_BAR2_REGION_INDEX

/* The device with the BAR, and a place where it is mapped; all of it is undone at the end. */
struct peer {
	struct hf_group group;
	struct hf_device device;
	struct hf_region region;
	char *area;
	char *addr;
};

static void map_bar(const struct peer *p, char *at, size_t page, size_t pages)
{
	void *bar = mmap(at, pages * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 p->device.fd, (off_t)(p->region.offset + page * T_PAGE));

	hf_require(bar == at, "mmap of the BAR: %s", strerror(errno));
}

static void map_memory(char *at, size_t pages)
{
	hf_require(mmap(at, pages * T_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at, "memory");
	hf_require(!madvise(at, pages * T_PAGE, MADV_NOHUGEPAGE), "small pages");
	hf_mem_touch(at, pages * T_PAGE);
}

static void touch_bar(const volatile char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		(void)p[i * T_PAGE];
}

static bool peer_open(struct peer *p, const struct hf_container *c)
{
	uint16_t vendor, device;
	char bdf[HF_BDF_LEN];

	*p = (struct peer){ .group.fd = -1, .device.fd = -1 };
	for (unsigned int n = 0; !hf_pci_vfio_device(n, bdf); n++) {
		hf_must(hf_pci_id(bdf, &vendor, &device));
		if (vendor != VENDOR || device != DEVICE)
			continue;
		hf_must(hf_group_open(&p->group, bdf));
		hf_must(hf_group_attach(&p->group, c));
		hf_must(hf_device_open(&p->device, &p->group, bdf));
		hf_must(hf_device_region(&p->device, BAR, &p->region));
		hf_require(p->region.size >= 2 * LEN, "a BAR of 8M");
		p->area = mmap(NULL, LEN + T_2M, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		hf_require(p->area != MAP_FAILED, "addresses");
		p->addr = p->area + (-(uintptr_t)p->area & (T_2M - 1));
		return true;
	}
	hf_ktap_skip("no device with memory in a BAR");
	return false;
}

static void peer_close(struct peer *p)
{
	munmap(p->area, LEN + T_2M);
	hf_device_close(&p->device);
	hf_group_close(&p->group);
}

/* What is incoherent is pages [from, to), or nothing. */
static void expect_known(const struct t *t, size_t from, size_t to, const char *what)
{
	struct holdfast_range r[4] = { { 0 } };
	const long nr = hf_try_incoherent(t->c, 0, UINT64_MAX, r, 4, NULL);

	hf_expect(to > from ? nr == 1 && r[0].iova == IOVA + from * T_PAGE &&
				      r[0].size == (to - from) * T_PAGE :
			      nr == 0,
		  "%s: pages %zu to %zu are incoherent: %ld ranges, 0x%llx+0x%llx", what, from, to,
		  nr, r[0].iova, r[0].size);
}

static void expect_told(const struct t_auditor *a, size_t from, size_t to, const char *what)
{
	const uint64_t end = t_now_ms() + t_patience_ms(5000);
	static bool told[PAGES], want[PAGES];

	memset(want, 0, sizeof(want));
	memset(want + from, 1, to - from);
	do {
		t_auditor_wait(a, 50);
		t_verdict_told(a, IOVA, PAGES, told);
	} while (memcmp(told, want, PAGES) && t_now_ms() < end);
	hf_expect(!memcmp(told, want, PAGES), "%s: told of pages %zu to %zu", what, from, to);
	t_auditor_events(a);
}

static void set_memory(const struct peer *p, bool on)
{
	struct hf_region config;
	uint16_t command;

	hf_must(hf_device_region(&p->device, VFIO_PCI_CONFIG_REGION_INDEX, &config));
	hf_require(pread(p->device.fd, &command, 2, (off_t)config.offset + PCI_COMMAND) == 2,
		   "read the command register");
	command = on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY;
	hf_require(pwrite(p->device.fd, &command, 2, (off_t)config.offset + PCI_COMMAND) == 2,
		   "write the command register");
}

static void touches_and_unmaps(void *arg)
{
	char *addr = arg;

	touch_bar(addr, PAGES);
	munmap(addr, LEN);
}

/* What happens to the memory of a BAR. */
static void events(struct t *t)
{
	struct t_auditor a;
	struct peer p;

	if (!peer_open(&p, t->c))
		return;
	map_bar(&p, p.addr, 0, PAGES);
	t_auditor_on(&a, t->c);
	hf_map(t->c, IOVA, p.addr, LEN, HF_RW);
	expect_known(t, 0, 0, "mapped");

	t_child(touches_and_unmaps, p.addr, "a child that unmaps its copy");
	hf_require(!mprotect(p.addr, LEN, PROT_READ), "mprotect");
	hf_require(!mprotect(p.addr, LEN, PROT_NONE), "mprotect");
	hf_require(!mprotect(p.addr, LEN, PROT_READ | PROT_WRITE), "mprotect");
	set_memory(&p, false);
	expect_known(t, 0, 0, "its memory disabled");
	set_memory(&p, true);
	expect_known(t, 0, 0, "and enabled");
	touch_bar(p.addr, PAGES);
	expect_known(t, 0, 0, "and touched");
	t_sleep_ms((unsigned int)t_patience_ms(60));
	expect_told(&a, 0, 0, "so far");
	t_dma_check(&t->port, IOVA, p.addr, LEN, HF_RW, "so far");

	hf_require(!munmap(p.addr + 100 * T_PAGE, 500 * T_PAGE), "munmap");
	expect_told(&a, 100, 600, "unmapped in part");
	expect_known(t, 100, 600, "unmapped in part");
	map_bar(&p, p.addr + 100 * T_PAGE, 100, 500);
	touch_bar(p.addr, PAGES);
	expect_known(t, 0, 0, "mapped back");

	/* Absent, it is taken for what it was; once it is there it is not. */
	map_bar(&p, p.addr + 200 * T_PAGE, 201, 300);
	touch_bar(p.addr, PAGES);
	expect_known(t, 200, 500, "another place of the BAR");
	map_memory(p.addr + 200 * T_PAGE, 300);
	expect_known(t, 200, 500, "memory in its place");
	hf_must(hf_try_audit(t->c, false, -1));
	expect_known(t, 200, 500, "memory in its place, off");
	t_auditor_off(&a);
	hf_unmap(t->c, IOVA, LEN);
	peer_close(&p);
}

/* Memory where the BAR was, the BAR where memory was. */
static void refreshed(struct t *t)
{
	const bool audited = t->arg;
	const uint64_t vmlck = t_vmlck(0);
	uint64_t bytes, failed;
	struct peer p;

	if (!peer_open(&p, t->c))
		return;
	hf_must(hf_try_audit(t->c, audited, -1));
	map_bar(&p, p.addr, 0, PAGES);
	hf_map(t->c, IOVA, p.addr, LEN, HF_RW);
	hf_expect_eq(t_vmlck(0), vmlck, "a BAR is not charged");

	map_memory(p.addr + 100 * T_PAGE, 300);
	hf_expect_eq(hf_try_refresh(t->c, IOVA, LEN, &bytes, &failed), 0, "memory");
	hf_expect_eq(bytes, 300 * T_PAGE, "bytes of memory");
	hf_expect_eq(t_vmlck(0), vmlck + 300 * T_PAGE, "VmLck with memory");
	t_dma_check(&t->port, IOVA, p.addr, LEN, HF_RW, "memory in a BAR");
	expect_known(t, 0, 0, "memory in a BAR");

	/* Part of it the BAR again, at another place. */
	map_bar(&p, p.addr + 250 * T_PAGE, 1024, 100);
	hf_expect_eq(hf_try_refresh(t->c, IOVA, LEN, &bytes, &failed), 0, "the BAR");
	hf_expect_eq(bytes, 100 * T_PAGE, "bytes of the BAR");
	hf_expect_eq(t_vmlck(0), vmlck + 200 * T_PAGE, "VmLck with less memory");
	t_dma_check(&t->port, IOVA, p.addr, LEN, HF_RW, "the BAR in memory in a BAR");
	expect_known(t, 0, 0, "the BAR in memory in a BAR");

	/* What is not there changes nothing. */
	hf_require(!munmap(p.addr + 260 * T_PAGE, 10 * T_PAGE), "munmap");
	hf_expect_eq(hf_try_refresh(t->c, IOVA, LEN, &bytes, &failed), -EFAULT, "nothing there");
	hf_expect_eq(failed, IOVA + 260 * T_PAGE, "where nothing is");
	hf_expect_eq(t_vmlck(0), vmlck + 200 * T_PAGE, "VmLck as before");
	map_bar(&p, p.addr + 100 * T_PAGE, 100, 300);
	/* What a BAR maps is known once it is there. */
	touch_bar(p.addr, PAGES);
	hf_expect_eq(hf_try_refresh(t->c, IOVA, LEN, &bytes, &failed), 0, "all the BAR's");
	hf_expect_eq(t_vmlck(0), vmlck, "VmLck with the BAR alone");
	t_dma_check(&t->port, IOVA, p.addr, LEN, HF_RW, "the BAR alone");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, LEN);
	peer_close(&p);
}

static const struct t_case cases[] = {
	{ "what happens to a BAR", events, T_DMA | T_HOLDFAST, NULL },
	{ "refreshed: memory in a BAR, a BAR in memory", refreshed, T_DMA | T_HOLDFAST, NULL },
	{ "the same, audited", refreshed, T_DMA | T_HOLDFAST, "on" },
};

int main(void)
{
	return T_RUN(cases);
}
