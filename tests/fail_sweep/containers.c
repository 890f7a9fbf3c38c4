// SPDX-License-Identifier: GPL-2.0-only
/*
 * containers.c - sequences in which groups and devices come and go.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <string.h>
#include <sys/mman.h>

#include "dirty.h"
#include "emulated.h"
#include "module.h"
#include "sequences.h"
#include "side.h"

/* Several mappings that stay: what a new domain must get, and what nobody may lose. */
static struct hf_mem live[3];

bool fs_begin_live(struct t *t)
{
	static const struct fs_made made[] = {
		{ "frag4k", 300, HF_MEM_TOUCHED, HF_RW },
		{ "thp", 1024 + 13, HF_MEM_TOUCHED, HF_RW },
		{ "anon4k", 5, HF_MEM_TOUCHED, HF_READ },
	};

	for (size_t i = 0; i < T_ARRAY_SIZE(made); i++) {
		if (!t_alloc(&live[i], made[i].kind, made[i].pages * T_PAGE, 0, made[i].mem))
			return false;
		hf_map(t->c, LIVE + i * T_1G, live[i].addr, live[i].len, made[i].flags);
	}
	return true;
}

void fs_end_live(struct t *t)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(live); i++) {
		if (i < 2)
			t_dma_check(&t->port, LIVE + i * T_1G, live[i].addr, live[i].len, HF_RW,
				    "a mapping that was there all the time");
		hf_unmap(t->c, LIVE + i * T_1G, live[i].len);
		hf_mem_free(&live[i]);
	}
}

static void domain_per_group(bool on)
{
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", on ? "Y" : "N"));
}

/* The second device: its group is there all the time, with a domain of its own. */
static struct t_side second;

bool fs_begin_two_domains(struct t *t)
{
	if (!fs_begin_map(t))
		return false;
	domain_per_group(true);
	t_side_attach(&second, 1, t->c);
	domain_per_group(false);
	return true;
}

void fs_end_two_domains(struct t *t)
{
	t_side_close(&second);
	fs_end_map(t);
}

/* And one that joins and leaves. */
int fs_join(struct t *t)
{
	const bool own_domain = *(const bool *)t_fail_sequence(t)->arg;
	struct hf_group group = { .fd = -1 };
	struct fs_round r = { .c = t->c };
	char bdf[HF_BDF_LEN];

	domain_per_group(own_domain);
	hf_must(hf_pci_vfio_device(1, bdf));
	if (fs_ok(&r, hf_group_open(&group, bdf)) && fs_ok(&r, hf_group_attach(&group, t->c)))
		fs_map(&r, IOVA, live[0].addr, live[0].len, HF_RW);
	/* With the group there. */
	fs_finish(&r);
	hf_group_close(&group);
	domain_per_group(false);
	return r.ret;
}

/*
 * Memory of a device, with ordinary memory before and behind it
 */

#define BAR VFIO_PCI_BAR2_REGION_INDEX
#define BAR_PAGES 700UL
#define BESIDE 20UL

static struct {
	struct hf_group group;
	struct hf_device device;
	struct hf_region region;
} peer;

bool fs_begin_bar(struct t *t)
{
	uint16_t vendor, device;
	char bdf[HF_BDF_LEN];

	for (unsigned int n = 0; !hf_pci_vfio_device(n, bdf); n++) {
		hf_must(hf_pci_id(bdf, &vendor, &device));
		if (vendor != 0x1af4 || device != 0x1110)
			continue;
		hf_must(hf_group_open(&peer.group, bdf));
		hf_must(hf_group_attach(&peer.group, t->c));
		hf_must(hf_device_open(&peer.device, &peer.group, bdf));
		hf_must(hf_device_region(&peer.device, BAR, &peer.region));
		return true;
	}
	hf_ktap_skip("no device with memory in a BAR");
	return false;
}

void fs_end_bar(struct t *t)
{
	(void)t;
	hf_device_close(&peer.device);
	hf_group_close(&peer.group);
}

int fs_map_bar(struct t *t)
{
	const size_t len = (BAR_PAGES + 2 * BESIDE) * T_PAGE;
	struct fs_round r = { .c = t->c };
	char *area;

	/* Not faulted in: that is part of it. */
	area = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(area != MAP_FAILED, "memory");
	memset(area, 1, BESIDE * T_PAGE);
	hf_require(mmap(area + BESIDE * T_PAGE, BAR_PAGES * T_PAGE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, peer.device.fd,
			(off_t)peer.region.offset) != MAP_FAILED,
		   "mmap of the BAR: %s", strerror(errno));
	fs_map(&r, IOVA, area, len, HF_RW);
	fs_finish(&r);
	munmap(area, len);
	return r.ret;
}

/*
 * Containers from the first ioctl to the last close
 */

int fs_open_close(struct t *t)
{
	struct hf_container c = { .fd = -1 };
	struct hf_group group = { .fd = -1 };
	struct fs_round r = { .c = &c };
	struct hf_iommu_info i;
	char bdf[HF_BDF_LEN];

	(void)t;
	hf_must(hf_pci_vfio_device(1, bdf));
	if (fs_ok(&r, hf_container_open(&c)) && fs_ok(&r, hf_group_open(&group, bdf)) &&
	    fs_ok(&r, hf_group_attach(&group, &c)) &&
	    fs_ok(&r, hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU)) &&
	    fs_ok(&r, hf_container_info(&c, &i)) &&
	    fs_map(&r, IOVA, fs_memory.addr, 20 * T_PAGE, HF_RW) &&
	    fs_map(&r, IOVA + T_2M, fs_memory.addr, 300 * T_PAGE, HF_READ) &&
	    fs_unmap(&r, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, 320 * T_PAGE))
		/* The last close takes it down. */
		fs_map(&r, IOVA, fs_memory.addr, 30 * T_PAGE, HF_RW);
	hf_group_close(&group);
	hf_container_close(&c);
	return r.ret;
}

/* The same, and a user pays. */
bool fs_begin_by_user(struct t *t)
{
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "accounting", "user"));
	return fs_begin_anon(t);
}

void fs_end_by_user(struct t *t)
{
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "accounting", "mm"));
	fs_end_map(t);
}

/*
 * Devices without an IOMMU
 */

#define RW (HF_TESTDEV_READ | HF_TESTDEV_WRITE)

int fs_emulated(struct t *t)
{
	struct hf_container c = { .fd = -1 };
	struct t_emulated e = { .group.fd = -1, .fd = -1 };
	struct fs_round r = { .c = &c };
	char bytes[64] = "written";
	uint64_t bits[16];

	(void)t;
	t_emulated_group(&e, 0);
	if (fs_ok(&r, hf_container_open(&c)) && fs_ok(&r, hf_group_attach(&e.group, &c)) &&
	    fs_ok(&r, hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU)) &&
	    fs_ok(&r, t_emulated_open(&e)) &&
	    fs_map(&r, IOVA, fs_memory.addr, 100 * T_PAGE, HF_RW) &&
	    fs_map(&r, IOVA + 100 * T_PAGE, fs_memory.addr, 200 * T_PAGE, HF_RW) &&
	    FS_NOW_OR_NEVER(&r, t_pin(&e, IOVA + 98 * T_PAGE, 5, RW, NULL)) &&
	    FS_NOW_OR_NEVER(&r, t_pin(&e, IOVA + 99 * T_PAGE, 2, RW, NULL)) &&
	    fs_ok(&r, t_dma_rw(&e, IOVA + T_PAGE, bytes, sizeof(bytes), HF_TESTDEV_RW_WRITE)) &&
	    fs_ok(&r, t_dma_rw(&e, IOVA + T_PAGE, bytes, sizeof(bytes), HF_TESTDEV_RW_KTHREAD)) &&
	    fs_ok(&r, t_dirty(&c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START)) &&
	    fs_map(&r, IOVA + 300 * T_PAGE, fs_memory.addr, 10 * T_PAGE, HF_RW) &&
	    fs_ok(&r, t_dirty_get(&c, IOVA, 512 * T_PAGE, T_PAGE, sizeof(bits), bits)) &&
	    fs_unmap(&r, IOVA, 100 * T_PAGE, 0, 100 * T_PAGE) && fs_dirty_stop(&r) &&
	    fs_ok(&r, t_unpin(&e, IOVA + 101 * T_PAGE, 1)))
		fs_unmap(&r, IOVA, 512 * T_PAGE, 0, 210 * T_PAGE);
	t_emulated_close(&e);
	hf_container_close(&c);
	return r.ret;
}

/* One behind an IOMMU comes to such mappings, and leaves. */
int fs_back(struct t *t)
{
	struct hf_container c = { .fd = -1 };
	struct t_emulated e = { .group.fd = -1, .fd = -1 };
	struct hf_group group = { .fd = -1 };
	struct fs_round r = { .c = &c };
	char bdf[HF_BDF_LEN];

	(void)t;
	hf_must(hf_pci_vfio_device(1, bdf));
	t_emulated_group(&e, 0);
	if (fs_ok(&r, hf_container_open(&c)) && fs_ok(&r, hf_group_attach(&e.group, &c)) &&
	    fs_ok(&r, hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU)) &&
	    fs_ok(&r, t_emulated_open(&e)) &&
	    fs_map(&r, IOVA, fs_memory.addr, 100 * T_PAGE, HF_RW) &&
	    fs_map(&r, IOVA + T_2M, fs_memory.addr, 30 * T_PAGE, HF_READ) &&
	    fs_ok(&r, t_pin(&e, IOVA + 8 * T_PAGE, 5, RW, NULL)) &&
	    fs_ok(&r, hf_group_open(&group, bdf)) &&
	    FS_NOW_OR_NEVER(&r, hf_group_attach(&group, &c)))
		fs_ok(&r, hf_group_detach(&group));
	hf_group_close(&group);
	t_emulated_close(&e);
	hf_container_close(&c);
	return r.ret;
}

/* The other way round: bitmaps for what is mapped already. */
int fs_second_emulated(struct t *t)
{
	struct hf_container c = { .fd = -1 };
	struct t_emulated e = { .group.fd = -1, .fd = -1 };
	struct hf_group group = { .fd = -1 };
	struct fs_round r = { .c = &c };
	char bdf[HF_BDF_LEN];

	(void)t;
	hf_must(hf_pci_vfio_device(1, bdf));
	t_emulated_group(&e, 0);
	if (fs_ok(&r, hf_container_open(&c)) && fs_ok(&r, hf_group_open(&group, bdf)) &&
	    fs_ok(&r, hf_group_attach(&group, &c)) &&
	    fs_ok(&r, hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU)) &&
	    fs_map(&r, IOVA, fs_memory.addr, 100 * T_PAGE, HF_RW) &&
	    fs_map(&r, IOVA + T_2M, fs_memory.addr, 30 * T_PAGE, HF_READ) &&
	    fs_ok(&r, t_dirty(&c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START)) &&
	    FS_NOW_OR_NEVER(&r, hf_group_attach(&e.group, &c)) && fs_ok(&r, t_emulated_open(&e)))
		FS_NOW_OR_NEVER(&r, t_pin(&e, IOVA + 8 * T_PAGE, 5, RW, NULL));
	t_emulated_close(&e);
	hf_group_close(&group);
	hf_container_close(&c);
	return r.ret;
}
