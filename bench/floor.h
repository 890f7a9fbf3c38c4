/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * floor.h - the test module holdfast_floor, seen from the benchmark.
 *
 * It measures inside the kernel what the calls cost that no backend can do without: pinning,
 * mapping in an IOMMU domain, unmapping with one flush, unpinning. It needs root, the module
 * (bench/floor/) and a device bound to vfio-pci, or to nothing, that no backend uses.
 */
#ifndef HOLDFAST_BENCH_FLOOR_H
#define HOLDFAST_BENCH_FLOOR_H

#include "clock.h"
#include "floor/holdfast_floor.h"

#include <stdbool.h>

/**
 * struct bench_floor - the module with a domain to work in
 * @fd: open device, -1 when there is none
 * @loaded: the module was not there before and is taken out again
 */
struct bench_floor {
	int fd;
	bool loaded;
};

/**
 * bench_floor_open() - load the module where it is not, and give it a device
 * @f: to fill in; bench_floor_close() it, also after an error
 * @bdf: PCI address of the device
 *
 * Return: 0; -ENOENT no such module here; -EBUSY or -EPERM the device is in use; -EINVAL @bdf is no
 * address; -errno.
 */
int bench_floor_open(struct bench_floor *f, const char *bdf);

/** bench_floor_close() - give the device back, and unload what was loaded */
void bench_floor_close(struct bench_floor *f);

/**
 * bench_floor_measure() - pin, map, unmap and unpin memory of this process
 * @f: open
 * @mode: clock to use
 * @m: what is asked for, but for .clock; holds the answer then
 *
 * Return: 0 or -errno; nothing stays pinned or mapped either way.
 */
int bench_floor_measure(const struct bench_floor *f, enum bench_mode mode,
			struct hf_floor_measure *m);

#endif
