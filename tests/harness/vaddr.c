// SPDX-License-Identifier: GPL-2.0-only
/*
 * vaddr.c - requests that take addresses and give them, and memory to be given.
 */
#include "vaddr.h"

#include <errno.h>
#include <holdfast/group.h>
#include <holdfast/iommu.h>
#include <holdfast/pci.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

int t_invalidate(const struct hf_container *c, uint64_t iova, uint64_t len, uint64_t *bytes)
{
	return hf_try_unmap(c, iova, len, T_VADDR_UNMAP, bytes);
}

int t_update(const struct hf_container *c, uint64_t iova, const void *vaddr, uint64_t len)
{
	return hf_try_map(c, iova, vaddr, len, T_VADDR_MAP);
}

void t_expect_invalidated(const struct hf_container *c, uint64_t iova, uint64_t len)
{
	uint64_t bytes;

	hf_expect_eq(t_invalidate(c, iova, len, &bytes), 0, "invalidate");
	hf_expect_eq(bytes, len, "bytes invalidated");
}

void t_expect_stale(const struct hf_container *c, uint64_t iova, uint64_t len, const char *what)
{
	hf_expect_eq(t_invalidate(c, iova, len, NULL), -EINVAL, "%s: invalidate a stale address",
		     what);
}

void t_expect_valid(const struct hf_container *c, uint64_t iova, uint64_t len, const char *what)
{
	hf_expect_eq(t_update(c, iova, T_ELSEWHERE, len), -EINVAL, "%s: update a valid address",
		     what);
}

void t_expect_join(const struct hf_container *c, int want, const char *what)
{
	struct hf_group g;
	char bdf[HF_BDF_LEN];
	int ret;

	hf_must(hf_pci_vfio_device(1, bdf));
	hf_must(hf_group_open(&g, bdf));
	ret = hf_group_attach(&g, c);
	hf_expect_eq(ret, want, "%s: a second group joins", what);
	if (!ret)
		hf_must(hf_group_detach(&g));
	hf_group_close(&g);
}

void *t_vm_map(const struct t_vm *vm, char *at)
{
	void *p = mmap(at, vm->len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0), vm->fd, 0);

	hf_require(p != MAP_FAILED, "map the memory: %s", strerror(errno));
	return p;
}

bool t_vm_make(struct t_vm *vm, const char *kind, size_t len)
{
	const bool huge = !strcmp(kind, "hugetlb2m");

	vm->len = len;
	vm->fd = memfd_create("vm", huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
	hf_require(vm->fd >= 0 && !ftruncate(vm->fd, (off_t)len), "memfd");
	vm->addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, vm->fd, 0);
	if (huge && vm->addr == MAP_FAILED) {
		hf_ktap_skip("no huge pages");
		close(vm->fd);
		return false;
	}
	hf_require(vm->addr != MAP_FAILED, "mmap");
	hf_mem_touch(vm->addr, len);
	return true;
}

void t_vm_free(struct t_vm *vm)
{
	munmap(vm->addr, vm->len);
	close(vm->fd);
}
