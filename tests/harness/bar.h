/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bar.h - a device whose BAR is memory, mapped into the process like any other area.
 *
 * The BAR of an ivshmem device (1af4:1110) holds what is written to it, and the device does no
 * DMA of its own: others do DMA to it. The CPU reaches it through an area that is mapped by PFN
 * (VM_PFNMAP), and not at all while the device's memory is disabled.
 */
#ifndef TESTS_BAR_H
#define TESTS_BAR_H

#include <holdfast/container.h>
#include <holdfast/device.h>
#include <holdfast/group.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct t_peer - the device with the BAR
 * @group: its group
 * @device: the device
 * @region: the BAR, at least 16M
 */
struct t_peer {
	struct hf_group group;
	struct hf_device device;
	struct hf_region region;
};

/** t_peer_open() - put it into a container; false (and the case is skipped) if there is none */
bool t_peer_open(struct t_peer *p, const struct hf_container *c);

/** t_peer_close() - unmap all that was mapped in the arena, close the device */
void t_peer_close(struct t_peer *p);

/**
 * t_arena_take() - addresses in the arena, on a 2M boundary
 *
 * All BARs are mapped in the arena, which t_peer_open() and t_peer_close() empty: so a case that
 * was abandoned leaves none behind, which would keep the device in use.
 */
char *t_arena_take(size_t len);

/** t_bar_mmap() - mmap() a part of the BAR, at @at, or in the arena when that is NULL */
char *t_bar_mmap(const struct t_peer *p, void *at, uint64_t offset, size_t len, int prot);

/** t_bar_whole() - mmap() all of it, to be read and written */
char *t_bar_whole(const struct t_peer *p);

/** t_anon_at() - private anonymous memory at an address, whatever was there */
void *t_anon_at(void *at, size_t len);

/** t_peer_memory() - have the device decode its BARs, or not */
void t_peer_memory(const struct t_peer *p, bool on);

/** t_cpu_reaches() - can this process read from an address? No signal if it cannot. */
bool t_cpu_reaches(const char *p);

#endif
