// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma.c - DMA engines, the part that is the same for all: memory, mapping, splitting, test.
 *
 * Invariants: the engine's memory stays mapped in the container from before start() until
 * after stop(); e->broken is set by the first transfer that fails and cleared only by a start
 * whose self test was right.
 *
 * Engine memory and struct hf_dma are one shared mapping: shared memory is never copied on
 * write, so a fork leaves the rings with the device, and parent and child see the same
 * cursors. The struct's page is behind the footprint, where the device cannot reach it.
 */
#include "dma_engine.h"

#include <errno.h>
#include <holdfast/iommu.h>
#include <holdfast/pagemap.h>
#include <holdfast/pattern.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define AREA_LEN (HF_DMA_FOOTPRINT + HF_PAGE_SIZE)

_Static_assert(sizeof(struct hf_dma) <= HF_PAGE_SIZE, "the engine's own page");

static const struct hf_dma_ops *const drivers[] = { &hf_dma_e1000 };

static const struct hf_dma_ops *find_driver(const char *name, const struct hf_device *d)
{
	uint16_t vendor, device;

	if (!name && hf_pci_id(d->bdf, &vendor, &device))
		return NULL;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++) {
		const struct hf_dma_ops *ops = drivers[i];

		if (name ? !strcmp(name, ops->name) :
			   ops->vendor == vendor && ops->device == device)
			return ops;
	}
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int hf_dma_wait(bool (*done)(void *arg), void *arg, unsigned int timeout_ms)
{
	const struct timespec nap = { .tv_nsec = 100000 };
	uint64_t start;

	/* Most devices are done before we look: do not even ask for the time then. */
	for (int i = 0; i < 1000; i++)
		if (done(arg))
			return 0;
	start = now_ms();
	while (!done(arg)) {
		if (now_ms() - start >= timeout_ms)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
	return 0;
}

size_t hf_dma_next_chunk(size_t left, size_t min, size_t max)
{
	if (left <= max)
		return left;
	/* A full chunk must not leave a tail that is too short to be sent. */
	return left - max >= min ? max : left - min;
}

static bool wraps(uint64_t iova, size_t len)
{
	return iova + (len - 1) < iova;
}

int hf_dma_copy(struct hf_dma *e, uint64_t dst, uint64_t src, size_t len)
{
	const struct hf_dma_ops *ops = e->ops;
	struct hf_dma_xfer x[HF_DMA_MAX_BATCH];
	int ret;

	if (len < HF_DMA_MIN_LEN || wraps(dst, len) || wraps(src, len))
		return -EINVAL;
	if (e->broken)
		return -EIO;

	while (len) {
		unsigned int n = 0;

		for (; len && n < ops->batch; n++) {
			const size_t chunk = hf_dma_next_chunk(len, ops->min_chunk, ops->max_chunk);

			x[n] = (struct hf_dma_xfer){ .dst = dst, .src = src,
						     .len = (uint32_t)chunk };
			dst += chunk;
			src += chunk;
			len -= chunk;
		}
		ret = ops->submit(e, x, n);
		if (ret) {
			/* -EINVAL is refused before the device was asked for anything. */
			e->broken = ret != -EINVAL;
			return ret;
		}
	}
	return 0;
}

/* Copy a page inside the engine's memory and look at every byte. */
static int self_test(struct hf_dma *e)
{
	const uint64_t seed = 0x73656c6674657374ULL;
	char *src = e->mem + HF_DMA_OFF_TEST_SRC;
	char *dst = e->mem + HF_DMA_OFF_TEST_DST;
	int ret;

	hf_pattern_fill(src, HF_PAGE_SIZE, 0, seed);
	memset(dst, 0, HF_PAGE_SIZE);
	ret = hf_dma_copy(e, e->iova + HF_DMA_OFF_TEST_DST, e->iova + HF_DMA_OFF_TEST_SRC,
			  HF_PAGE_SIZE);
	if (!ret && !hf_pattern_check(dst, HF_PAGE_SIZE, 0, seed, NULL))
		ret = -EIO;
	return ret;
}

int hf_dma_restart(struct hf_dma *e)
{
	int ret;

	e->ops->stop(e);
	e->broken = false;
	ret = hf_device_bus_master(e->device, true);
	if (!ret)
		ret = e->ops->start(e);
	if (!ret)
		ret = self_test(e);
	if (ret)
		e->broken = true;
	return ret;
}

int hf_dma_remap(struct hf_dma *e)
{
	return hf_try_map(e->container, e->iova, e->mem, HF_DMA_FOOTPRINT, HF_RW);
}

int hf_dma_open(struct hf_dma **out, const char *name, const struct hf_container *c,
		const struct hf_device *d, uint64_t iova)
{
	const struct hf_dma_ops *ops = find_driver(name, d);
	struct hf_dma *e;
	char *mem;
	int ret;

	*out = NULL;
	if (!ops)
		return -ENODEV;
	mem = mmap(NULL, AREA_LEN, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED)
		return -errno;
	e = (struct hf_dma *)(void *)(mem + HF_DMA_FOOTPRINT);
	*e = (struct hf_dma){ .ops = ops, .container = c, .device = d, .mem = mem, .iova = iova };

	ret = hf_dma_remap(e);
	if (ret)
		goto free_mem;
	ret = hf_dma_restart(e);
	if (ret)
		goto stop;
	*out = e;
	return 0;

stop:
	e->ops->stop(e);
	hf_try_unmap(c, iova, HF_DMA_FOOTPRINT, 0, NULL);
free_mem:
	munmap(mem, AREA_LEN);
	return ret;
}

void hf_dma_close(struct hf_dma *e)
{
	if (!e)
		return;
	e->ops->stop(e);
	/* After an UNMAP_ALL there is nothing left to unmap, which is not an error. */
	hf_try_unmap(e->container, e->iova, HF_DMA_FOOTPRINT, 0, NULL);
	munmap(e->mem, AREA_LEN);
}

const char *hf_dma_name(const struct hf_dma *e)
{
	return e->ops->name;
}

uint64_t hf_dma_iova(const struct hf_dma *e)
{
	return e->iova;
}
