// SPDX-License-Identifier: GPL-2.0-only
/*
 * bar.c - the device with memory in a BAR.
 *
 * Invariant: BARs are mapped in the arena only, one stretch of addresses that is reserved once
 * and emptied by mapping nothing over it.
 */
#include "bar.h"

#include <errno.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <holdfast/pci.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

#define IVSHMEM_VENDOR 0x1af4
#define IVSHMEM_DEVICE 0x1110
#define MEMORY_BAR VFIO_PCI_BAR2_REGION_INDEX

#define ARENA_SIZE (256UL << 20)

static struct {
	char *start;
	size_t used;
} arena;

static void arena_clear(void)
{
	void *p = mmap(arena.start, ARENA_SIZE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (arena.start ? MAP_FIXED : 0),
		       -1, 0);

	hf_require(p != MAP_FAILED, "address space");
	arena.start = p;
	arena.used = 0;
}

char *t_arena_take(size_t len)
{
	const uintptr_t at = (uintptr_t)arena.start + arena.used;
	const size_t skip = -at & (T_2M - 1);

	hf_require(arena.used + skip + len <= ARENA_SIZE, "room in the arena");
	arena.used += skip + len;
	return (char *)at + skip;
}

bool t_peer_open(struct t_peer *p, const struct hf_container *c)
{
	uint16_t vendor, device;
	char bdf[HF_BDF_LEN];

	arena_clear();
	*p = (struct t_peer){ .group.fd = -1, .device.fd = -1 };
	for (unsigned int n = 0; !hf_pci_vfio_device(n, bdf); n++) {
		hf_must(hf_pci_id(bdf, &vendor, &device));
		if (vendor != IVSHMEM_VENDOR || device != IVSHMEM_DEVICE)
			continue;
		hf_must(hf_group_open(&p->group, bdf));
		hf_must(hf_group_attach(&p->group, c));
		hf_must(hf_device_open(&p->device, &p->group, bdf));
		hf_must(hf_device_region(&p->device, MEMORY_BAR, &p->region));
		hf_require(p->region.size >= 8 * T_2M, "a BAR of 16M");
		return true;
	}
	hf_ktap_skip("no device with memory in a BAR");
	return false;
}

void t_peer_close(struct t_peer *p)
{
	arena_clear();
	hf_device_close(&p->device);
	hf_group_close(&p->group);
}

char *t_bar_mmap(const struct t_peer *p, void *at, uint64_t offset, size_t len, int prot)
{
	void *bar = mmap(at ? at : t_arena_take(len), len, prot, MAP_SHARED | MAP_FIXED,
			 p->device.fd, (off_t)(p->region.offset + offset));

	hf_require(bar != MAP_FAILED, "mmap of the BAR: %s", strerror(errno));
	return bar;
}

char *t_bar_whole(const struct t_peer *p)
{
	return t_bar_mmap(p, NULL, 0, p->region.size, PROT_READ | PROT_WRITE);
}

void *t_anon_at(void *at, size_t len)
{
	void *p = mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		       0);

	hf_require(p != MAP_FAILED, "anonymous memory");
	return p;
}

void t_peer_memory(const struct t_peer *p, bool on)
{
	uint16_t command;

	hf_must(hf_device_read(&p->device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command,
			       sizeof(command)));
	if (on)
		command |= PCI_COMMAND_MEMORY;
	else
		command &= (uint16_t)~PCI_COMMAND_MEMORY;
	hf_must(hf_device_write(&p->device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command,
				sizeof(command)));
}

bool t_cpu_reaches(const char *p)
{
	int fd[2];
	bool ok;

	hf_require(!pipe(fd), "pipe");
	ok = write(fd[1], p, 1) == 1;
	close(fd[0]);
	close(fd[1]);
	return ok;
}
