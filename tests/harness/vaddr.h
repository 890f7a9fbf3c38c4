/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vaddr.h - addresses of mappings taken away and given anew (VFIO_UPDATE_VADDR).
 *
 * UNMAP_DMA with the VADDR flag makes the addresses of mappings stale, MAP_DMA with the flag
 * gives new ones. Whether an address is stale is asked with a request that is refused either way;
 * whether the container counts right is seen by a second group, which may join only while no
 * address is stale.
 */
#ifndef TESTS_VADDR_H
#define TESTS_VADDR_H

#include <holdfast/container.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define T_VADDR_MAP VFIO_DMA_MAP_FLAG_VADDR
#define T_VADDR_UNMAP VFIO_DMA_UNMAP_FLAG_VADDR

/** Where memory is mapped a second time: no mmap() of its own choice goes there */
#define T_ELSEWHERE ((char *)0x300000000000)

/** t_invalidate() - make addresses stale; the answer. @bytes, out, may be NULL */
int t_invalidate(const struct hf_container *c, uint64_t iova, uint64_t len, uint64_t *bytes);

/** t_update() - give a mapping a new address; the answer */
int t_update(const struct hf_container *c, uint64_t iova, const void *vaddr, uint64_t len);

/** t_expect_invalidated() - make addresses stale; expect that it is done, for all @len bytes */
void t_expect_invalidated(const struct hf_container *c, uint64_t iova, uint64_t len);

/** t_expect_stale() - expect that a mapping's address is stale */
void t_expect_stale(const struct hf_container *c, uint64_t iova, uint64_t len, const char *what);

/** t_expect_valid() - expect that a mapping's address is valid */
void t_expect_valid(const struct hf_container *c, uint64_t iova, uint64_t len, const char *what);

/**
 * t_expect_join() - have a second group join, and leave again
 * @c: the container, with the first device in it
 * @want: the expected answer: -EBUSY while an address is stale, else 0
 * @what: for people
 */
void t_expect_join(const struct hf_container *c, int want, const char *what);

/**
 * struct t_vm - memory that can be mapped twice, and survives an exec
 * @fd: its file
 * @addr: where it is mapped
 * @len: bytes
 */
struct t_vm {
	int fd;
	char *addr;
	size_t len;
};

/**
 * t_vm_make() - make such memory, and touch it
 * @vm: to fill in
 * @kind: "hugetlb2m"; anything else: pages of 4K
 * @len: bytes
 *
 * Return: true; false when there are no huge pages (the case is marked as skipped). Fails on any
 * other error.
 */
bool t_vm_make(struct t_vm *vm, const char *kind, size_t len);

/** t_vm_map() - map it once more, at @at if that is not NULL; must succeed */
void *t_vm_map(const struct t_vm *vm, char *at);

/** t_vm_free() - unmap it from @addr and close it */
void t_vm_free(struct t_vm *vm);

#endif
