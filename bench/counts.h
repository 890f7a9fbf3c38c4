/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counts.h - how often the kernel calls the IOMMU, and flushes it.
 *
 * What an instruction count cannot show: a flush waits for hardware. kprobe events count the
 * calls (/sys/kernel/tracing/kprobe_profile). They slow down what they count, so nothing may be
 * measured while they are there.
 */
#ifndef HOLDFAST_BENCH_COUNTS_H
#define HOLDFAST_BENCH_COUNTS_H

#include "result.h"

/**
 * bench_counts_open() - start counting
 * @iommu: "intel" or "amd": whose flush function is meant
 * @run: .calls_reason says why something cannot be counted; .flush_symbol what counts as a flush
 *
 * Root only. Where a function cannot be probed its counts stay 0 and the reason says so.
 *
 * Return: 0; -ENOENT where nothing can be counted; -errno.
 */
int bench_counts_open(const char *iommu, struct bench_run *run);

/** bench_counts_read() - calls since bench_counts_open(), by enum bench_call; 0 or -errno */
int bench_counts_read(uint64_t calls[BENCH_CALLS]);

/** bench_counts_close() - take the probes out again */
void bench_counts_close(void);

#endif
