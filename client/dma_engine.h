/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma_engine.h - what engine drivers and the common part (dma.c) share; not public.
 *
 * An engine's memory is HF_DMA_FOOTPRINT bytes at e->mem, which the device sees at e->iova:
 *
 *	page 0, 1   the driver's: descriptor rings, queues
 *	page 2      source of the self test
 *	page 3      destination of the self test
 *
 * Invariant: the device touches this memory, and memory named in a transfer, only between
 * start() and the return of stop().
 */
#ifndef HOLDFAST_DMA_ENGINE_H
#define HOLDFAST_DMA_ENGINE_H

#include <holdfast/dma.h>
#include <stdbool.h>

/* Bytes from the start of the engine's memory. */
enum {
	HF_DMA_OFF_RING0 = 0,
	HF_DMA_OFF_RING1 = 4096,
	HF_DMA_OFF_TEST_SRC = 8192,
	HF_DMA_OFF_TEST_DST = 12288,
};

/** Largest hf_dma_ops.batch */
#define HF_DMA_MAX_BATCH 128

/**
 * struct hf_dma - an engine
 * @ops: its driver
 * @container: where its memory is mapped
 * @device: the device it drives
 * @mem: its memory in this process
 * @iova: and as the device sees it
 * @bar: registers, mapped and unmapped by the driver
 * @ring: driver's cursors
 * @broken: a transfer went wrong: nothing is submitted until the next start
 */
struct hf_dma {
	const struct hf_dma_ops *ops;
	const struct hf_container *container;
	const struct hf_device *device;
	char *mem;
	uint64_t iova;
	struct hf_bar bar;
	unsigned int ring[2];
	bool broken;
};

extern const struct hf_dma_ops hf_dma_e1000;

/**
 * hf_dma_next_chunk() - bytes of the next transfer
 * @left: bytes still to copy, at least @min
 * @min: fewest bytes of a transfer
 * @max: most bytes of a transfer, at least 2 * @min
 *
 * What is left after it is 0 or at least @min, so no transfer is ever too short and no byte
 * is written twice.
 */
size_t hf_dma_next_chunk(size_t left, size_t min, size_t max);

/**
 * hf_dma_wait() - poll until a condition holds
 * @done: the condition
 * @arg: handed to @done
 * @timeout_ms: bound, milliseconds of CLOCK_MONOTONIC
 *
 * Return: 0 or -ETIMEDOUT.
 */
int hf_dma_wait(bool (*done)(void *arg), void *arg, unsigned int timeout_ms);

#endif
