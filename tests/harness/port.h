/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * port.h - look at a mapping through the device's eyes.
 *
 * A port is a DMA engine and a bounce buffer mapped for it. Everything that is checked is
 * checked byte by byte against a pattern that differs in every 8 bytes (holdfast/pattern.h),
 * so a single page that is not where it should be is seen, wherever it is in a mapping.
 *
 * The functions that return bool make the expectation themselves (hf_expect()) and say by
 * their value whether it held.
 */
#ifndef TESTS_PORT_H
#define TESTS_PORT_H

#include <holdfast/container.h>
#include <holdfast/device.h>
#include <holdfast/dma.h>
#include <holdfast/memory.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Size of the bounce buffer */
#define T_BOUNCE_SIZE (1UL << 20)

/** IOVAs that a port takes: engine and bounce buffer, with room to spare */
#define T_PORT_SPAN (16UL << 20)

/**
 * struct t_port - a device's view
 * @dma: engine
 * @c: its container
 * @bounce: memory every transfer goes to or comes from
 * @iova: where @bounce is mapped
 */
struct t_port {
	struct hf_dma *dma;
	const struct hf_container *c;
	struct hf_mem bounce;
	uint64_t iova;
};

/**
 * t_port_open() - start the engine of a device; must succeed
 * @p: to fill in
 * @c: container of the device's group
 * @d: open device
 * @iova: T_PORT_SPAN bytes from here are the port's
 */
void t_port_open(struct t_port *p, const struct hf_container *c, const struct hf_device *d,
		 uint64_t iova);

/** t_port_close() - stop it; harmless when closed already */
void t_port_close(struct t_port *p);

/** t_port_remap() - after an unmap of everything; must succeed */
void t_port_remap(struct t_port *p);

/** t_port_bytes() - bytes a port keeps mapped */
#define T_PORT_BYTES (HF_DMA_FOOTPRINT + T_BOUNCE_SIZE)

/** t_seed() - a pattern seed not used before in this program */
uint64_t t_seed(void);

/**
 * t_dma_reads() - does the device read this pattern?
 * @p: port
 * @iova: first byte
 * @len: bytes, at least HF_DMA_MIN_LEN
 * @base: logical address of the first byte in the pattern
 * @seed: pattern
 * @what: named when it does not
 */
bool t_dma_reads(struct t_port *p, uint64_t iova, size_t len, uint64_t base, uint64_t seed,
		 const char *what);

/** t_dma_writes() - have the device write a pattern; true when the engine worked */
bool t_dma_writes(struct t_port *p, uint64_t iova, size_t len, uint64_t base, uint64_t seed,
		  const char *what);

/**
 * t_dma_check() - both directions, every byte
 * @p: port
 * @iova: where @addr is mapped
 * @addr: the memory, writable by the CPU
 * @len: bytes
 * @flags: HF_READ: the CPU writes, the device reads; HF_WRITE: the other way round
 * @what: named when it fails
 *
 * Contents of @addr are lost. A mapping at IOVA 0 is written from byte HF_DMA_MIN_LEN on:
 * the engine has no name for a destination at 0.
 */
bool t_dma_check(struct t_port *p, uint64_t iova, void *addr, size_t len, uint32_t flags,
		 const char *what);

/**
 * t_dma_write_blocked() - the device writes; memory must not change
 * @p: port
 * @iova: where to
 * @addr: memory that a wrong write would hit; NULL when there is none
 * @len: bytes
 * @what: named when it fails
 *
 * Between t_faults_begin() and t_faults_end().
 */
bool t_dma_write_blocked(struct t_port *p, uint64_t iova, void *addr, size_t len,
			 const char *what);

/**
 * t_dma_read_blocked() - the device reads; not one 8-byte word of the memory may arrive
 *
 * As t_dma_write_blocked(); contents of @addr are lost.
 */
bool t_dma_read_blocked(struct t_port *p, uint64_t iova, void *addr, size_t len,
			const char *what);

#endif
