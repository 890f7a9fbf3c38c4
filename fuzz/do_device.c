// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_device.c - what the device does, and its memory.
 *
 * Device memory is mapped in sixteen places of 64 pages each, which stand in another order than in the
 * BAR (fz_bar_page()). The first pages of a place may be mapped into a process, and from there for the
 * device, also across places that are mapped whole. The second half of them, in order, is one area: it
 * is as large as a huge page, and newer kernels give it one entry.
 */
#include <errno.h>
#include <holdfast/dma.h>
#include <holdfast/iommu.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "game.h"

/* Where an engine other than the session's has its own memory: behind the session's bounce buffer. */
#define OTHER_IOVA (HF_DMA_IOVA_DEFAULT + (2UL << 20))

#define PLACE 64U
#define PLACES 16U
/* First place of the area that is mapped as one. */
#define WHOLE 8U

_Static_assert((PLACES - WHOLE) * PLACE == FZ_HUGE, "fz_bar_page() and the huge entry");

int64_t fz_play_device_read(struct fz_session *s, const struct fz_op *op)
{
	fz_check_device(s, fz_op_arg(op, 0), fz_op_arg(op, 1), false);
	return 0;
}

int64_t fz_play_device_write(struct fz_session *s, const struct fz_op *op)
{
	fz_check_device(s, fz_op_arg(op, 0), fz_op_arg(op, 1), true);
	return 0;
}

int64_t fz_play_blocked(struct fz_session *s, const struct fz_op *op)
{
	const struct fz_mapping *map = fz_mapping_next(s->m, 0, fz_op_arg(op, 0));

	if (map && map->iova <= fz_op_arg(op, 0))
		return FZ_SKIPPED;
	fz_check_blocked(s, fz_op_arg(op, 0));
	return 0;
}

/* A busy machine's engine may be late. */
static int wake(struct hf_dma **dma, const struct hf_container *k, const struct hf_device *device)
{
	int ret = -ETIMEDOUT;

	for (unsigned int i = 0; i < 3 && ret == -ETIMEDOUT; i++)
		ret = hf_dma_open(dma, NULL, k, device, OTHER_IOVA);
	return ret;
}

/*
 * The session's device is the one of its container, and alone there. What others that joined it reach, and
 * what is mapped in the other container, only their own engines can tell.
 */
int64_t fz_play_other_device(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int c = fz_op_arg(op, 0), n = s->at[2] == (int)c ? 2 : 1;
	struct hf_container *const k = &s->container[c];
	struct hf_dma *const own = s->dma;
	struct hf_device device;
	int ret;

	/* What waits to fail is meant for a request of a process's. */
	if (s->at[n] != (int)c || s->called || s->armed.on)
		return FZ_SKIPPED;
	s->called = true;
	s->dma = NULL;
	ret = hf_device_open(&device, &s->group[n], s->bdf[n]);
	if (!ret)
		ret = wake(&s->dma, k, &device);
	/* On a host of one's own any device may be there. */
	if (ret == -ENODEV) {
		hf_device_close(&device);
		s->dma = own;
		return FZ_SKIPPED;
	}
	if (!ret && c)
		ret = hf_try_map(k, s->bounce_iova, s->bounce.addr, FZ_BOUNCE, HF_RW);
	if (!ret)
		fz_check_reach(s, c);
	else
		fz_object(s, FZ_ORACLE_DEVICE, "other", "another device cannot do DMA: %s", strerror(-ret));
	if (!ret && c)
		fz_expect(s, hf_try_unmap(k, s->bounce_iova, FZ_BOUNCE, 0, NULL), 0, "unmap of its buffer");
	hf_dma_close(s->dma);
	hf_device_close(&device);
	s->dma = own;
	return ret;
}

static uint64_t place_addr(unsigned int place)
{
	return FZ_BAR + place * PLACE * FZ_PAGE_BYTES;
}

/* The places of the area that a place is in: the first, and how many. */
static unsigned int area_of(unsigned int place, unsigned int *places)
{
	*places = place < WHOLE ? 1 : PLACES - WHOLE;
	return place < WHOLE ? place : WHOLE;
}

int64_t fz_play_bar_mmap(struct fz_session *s, const struct fz_op *op)
{
	unsigned int places, count = fz_op_arg(op, 1);
	const unsigned int place = area_of(fz_op_arg(op, 0), &places);
	struct fz_slot *slot = fz_slot(s, 0);
	int64_t ret;

	if ((place + places) * PLACE > s->bar_pages)
		return FZ_SKIPPED;
	if (places > 1)
		count = PLACE;
	slot->what = FZ_DO_CALL;
	slot->nr = SYS_mmap;
	slot->arg[0] = place_addr(place);
	slot->arg[1] = places * count * FZ_PAGE_BYTES;
	slot->arg[2] = PROT_READ | PROT_WRITE;
	slot->arg[3] = MAP_SHARED | MAP_FIXED;
	slot->arg[4] = (uint64_t)s->bar.fd;
	slot->arg[5] = s->bar_region.offset + fz_bar_page(place * PLACE) * FZ_PAGE_BYTES;
	ret = fz_request(s, 0);
	if (!fz_expect(s, ret, (int64_t)place_addr(place), "mmap of a BAR"))
		return ret < 0 ? ret : 0;
	for (unsigned int i = place; i < place + places; i++)
		if (fz_space(s->m, 0)->bar[i] < count)
			fz_space(s->m, 0)->bar[i] = (uint8_t)count;
	return 0;
}

int64_t fz_play_bar_munmap(struct fz_session *s, const struct fz_op *op)
{
	unsigned int places;
	const unsigned int place = area_of(fz_op_arg(op, 0), &places);
	int64_t ret;

	ret = fz_call(s, 0, SYS_munmap, place_addr(place), places * PLACE * FZ_PAGE_BYTES, 0, 0, 0);
	fz_expect(s, ret, 0, "munmap of a BAR");
	memset(&fz_space(s->m, 0)->bar[place], 0, places);
	return ret;
}

/* Pages that are mapped in a row from a place on. */
static unsigned int bar_run(const struct fz_session *s, unsigned int who, unsigned int place)
{
	unsigned int n = 0;

	for (; place < PLACES; place++) {
		n += fz_space(s->m, who)->bar[place];
		if (fz_space(s->m, who)->bar[place] < PLACE)
			break;
	}
	return n;
}

int64_t fz_play_bar_map(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), iova = fz_op_arg(op, 1), place = fz_op_arg(op, 2);
	const unsigned int prot = fz_op_arg(op, 4);
	unsigned int count = fz_op_arg(op, 3);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .vaddr = place_addr(place), .iova = fz_iova(iova),
		.flags = fz_dma_flags(prot),
	};
	int64_t want = 0, ret;

	if (!fz_alive(s, who) || !fz_mapping_room(s->m) || (place + 1) * PLACE > s->bar_pages)
		return FZ_SKIPPED;
	if (iova + count > FZ_IOVAS)
		count = FZ_IOVAS - iova;
	map.size = count * FZ_PAGE_BYTES;
	if (!prot)
		want = -EINVAL;
	else if (fz_mapping_overlaps(s->m, 0, iova, count))
		want = -EEXIST;
	else if (bar_run(s, who, place) < count)
		want = -EFAULT;
	ret = fz_ioctl(s, who, 0, VFIO_IOMMU_MAP_DMA, &map, sizeof(map));
	/* Beyond the limit it is told before what the memory is. */
	if (want == -EFAULT && ret == -ENOMEM && !s->m->proc[who].ipc_lock &&
	    fz_proc_locked(s->m, who) + count > s->m->proc[who].limit)
		want = ret;
	if (fz_expect(s, ret, want, "map of a BAR") && !ret)
		fz_mapping_add_bar(s->m, who, iova, place * PLACE, count, prot);
	return ret;
}
