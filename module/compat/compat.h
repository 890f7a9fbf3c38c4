/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel-version differences, all of them.
 *
 * Everything holdfast calls whose name, arguments or semantics changed between
 * Linux 6.1 and 7.2 is wrapped here under one name with one meaning, so that
 * no other file of the module tests a kernel version.  A wrapper documents the
 * meaning the rest of the module relies on, not the history of the function
 * behind it.
 *
 * Answers to user space that differ between kernels (an errno, the number of
 * bytes copied out) are also here: holdfast answers as the stock
 * vfio_iommu_type1 of the running kernel does.
 */
#ifndef HOLDFAST_COMPAT_H
#define HOLDFAST_COMPAT_H

#include <linux/cgroup.h>
#include <linux/errno.h>
#include <linux/eventfd.h>
#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/user.h>
#include <linux/version.h>
#include <linux/vfio.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(7, 4, 0)
#error "holdfast supports Linux 6.1 to 7.3; build it for such a kernel"
#endif

#ifndef CONFIG_64BIT
#error "holdfast needs a 64-bit kernel"
#endif

#if defined(CONFIG_SPARSEMEM) && !defined(CONFIG_SPARSEMEM_VMEMMAP)
#error "holdfast needs CONFIG_SPARSEMEM_VMEMMAP: struct pages of a run must be contiguous"
#endif

#ifndef CONFIG_MMU_NOTIFIER
#error "holdfast needs CONFIG_MMU_NOTIFIER: the auditor listens to what happens to pinned memory"
#endif

/**
 * HF_EWRAP - errno for a range that wraps the address space
 *
 * Stock type1 answers EOVERFLOW since it handles ranges up to the last
 * addressable byte (6.18), EINVAL before.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define HF_EWRAP	EOVERFLOW
#else
#define HF_EWRAP	EINVAL
#endif

/**
 * HF_GUP_UNSHARES - does a read-only FOLL_LONGTERM pin break copy-on-write?
 *
 * True since 6.2: such a pin faults with FAULT_FLAG_UNSHARE and never returns
 * the zero page or a page that a later CPU write would replace.  Where it is
 * false the pin engine asks for a write pin instead (pin.c).
 */
#define HF_GUP_UNSHARES	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0))

/**
 * HF_GATHERS_TABLES - may one gather span entries of several sizes?
 *
 * True where an IOMMU driver's unmap keeps the page tables it frees until the
 * range they stood for is flushed, whatever else the gather holds (the generic
 * page table of 7.0).  Before, intel-iommu put them on the gather's list
 * ahead of a flush of the earlier range only, which freed them too soon.
 */
#define HF_GATHERS_TABLES	(LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0))

/**
 * hf_iommu_map() - map one physical run
 * @domain: an IOMMU domain
 * @iova: first IOVA, bytes
 * @paddr: first physical address, bytes
 * @size: bytes
 * @prot: IOMMU_* bits
 *
 * Page-table memory is charged to the caller's memory cgroup where the IOMMU
 * API can carry the request (since 6.3).
 *
 * Context: may sleep.
 * Return: 0, or -errno.  Some drivers then leave a part of the run mapped:
 * hf_domain_map() cleans up.
 */
static inline int hf_iommu_map(struct iommu_domain *domain, dma_addr_t iova,
			       phys_addr_t paddr, size_t size, int prot)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return iommu_map(domain, iova, paddr, size, prot, GFP_KERNEL_ACCOUNT);
#else
	return iommu_map(domain, iova, paddr, size, prot);
#endif
}

/**
 * hf_iommu_map_sg() - map physical runs to consecutive IOVAs
 * @domain: an IOMMU domain
 * @iova: first IOVA, bytes
 * @sg: the runs
 * @nents: how many
 * @prot: IOMMU_* bits
 *
 * Context: may sleep.
 * Return: bytes mapped, or -errno as hf_iommu_map().
 */
static inline ssize_t hf_iommu_map_sg(struct iommu_domain *domain,
				      dma_addr_t iova, struct scatterlist *sg,
				      unsigned int nents, int prot)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return iommu_map_sg(domain, iova, sg, nents, prot, GFP_KERNEL_ACCOUNT);
#else
	return iommu_map_sg(domain, iova, sg, nents, prot);
#endif
}

/**
 * hf_pin_user_pages_remote() - pin pages of any mm, mmap lock held for reading
 * @mm: whose pages
 * @start: first address, bytes
 * @nr: pages
 * @gup_flags: FOLL_* without FOLL_PIN
 * @pages: out, @nr pointers
 *
 * The mmap lock is not dropped in between.
 *
 * Return: pages pinned, or -errno.
 */
static inline long hf_pin_user_pages_remote(struct mm_struct *mm,
					    unsigned long start,
					    unsigned long nr,
					    unsigned int gup_flags,
					    struct page **pages)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return pin_user_pages_remote(mm, start, nr, gup_flags, pages, NULL);
#else
	return pin_user_pages_remote(mm, start, nr, gup_flags, pages, NULL,
				     NULL);
#endif
}

/**
 * hf_fault_in_remote() - fault pages of any mm in, mmap lock held for reading
 * @mm: whose pages
 * @start: first address, bytes
 * @nr: pages
 * @gup_flags: FOLL_WRITE or 0
 *
 * No page is referenced, and the mmap lock is not dropped in between.
 *
 * Return: pages that were present for a moment, or -errno.
 */
static inline long hf_fault_in_remote(struct mm_struct *mm,
				      unsigned long start, unsigned long nr,
				      unsigned int gup_flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, start, nr, gup_flags, NULL, NULL);
#else
	return get_user_pages_remote(mm, start, nr, gup_flags, NULL, NULL,
				     NULL);
#endif
}

/**
 * hf_memcg_counts_hugetlb() - are hugetlb pages charged to memory cgroups?
 *
 * Possible since 6.7, as a mount option of cgroup2.
 */
static inline bool hf_memcg_counts_hugetlb(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0) && defined(CONFIG_MEMCG)
	return cgrp_dfl_root.flags & CGRP_ROOT_MEMORY_HUGETLB_ACCOUNTING;
#else
	return false;
#endif
}

/**
 * hf_domain_alloc() - allocate a paging domain fit for a device
 * @dev: the device
 *
 * Return: the domain, or an ERR_PTR.
 */
static inline struct iommu_domain *hf_domain_alloc(struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	return iommu_paging_domain_alloc(dev);
#else
	struct iommu_domain *domain = iommu_domain_alloc(dev->bus);

	return domain ? domain : ERR_PTR(-EIO);
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline int hf_device_remaps_intr(struct device *dev, void *unused)
{
	return device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}
#endif

/**
 * hf_group_isolated_msi() - can devices of the group only raise own interrupts?
 * @group: the IOMMU group
 */
static inline bool hf_group_isolated_msi(struct iommu_group *group)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return iommu_group_has_isolated_msi(group);
#else
	return irq_domain_check_msi_remap() ||
	       iommu_group_for_each_dev(group, NULL, hf_device_remaps_intr);
#endif
}

/**
 * hf_info_copy_size() - bytes of vfio_iommu_type1_info to copy to the user
 * @argsz: what the user said it has room for; at least up to iova_pgsizes
 *
 * Stock copied two sizes only until 6.5, any size since.
 */
static inline size_t hf_info_copy_size(u32 argsz)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return min_t(size_t, argsz, sizeof(struct vfio_iommu_type1_info));
#else
	if (argsz >= offsetofend(struct vfio_iommu_type1_info, cap_offset))
		return offsetofend(struct vfio_iommu_type1_info, cap_offset);
	return offsetofend(struct vfio_iommu_type1_info, iova_pgsizes);
#endif
}

/**
 * hf_eventfd_signal() - add one to an eventfd
 * @ctx: the eventfd
 *
 * Context: any.
 */
static inline void hf_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/**
 * hf_mm_owner() - a process that an mm belongs to, for its limits
 * @mm: an mm that has users
 *
 * A kernel without CONFIG_MEMCG does not know: there it is who asks.
 *
 * Context: under rcu_read_lock(), which keeps what is returned.
 */
static inline struct task_struct *hf_mm_owner(struct mm_struct *mm)
{
	struct task_struct *owner = NULL;

#ifdef CONFIG_MEMCG
	owner = rcu_dereference(mm->owner);
#endif
	return owner ? owner : current;
}

/**
 * hf_mm_pid() - tgid of a process that an mm belongs to, for people to read
 * @mm: the mm; it may have no users any more
 *
 * Return: in the initial pid namespace; 0 if there is none, or if this kernel
 * does not know.
 */
static inline pid_t hf_mm_pid(struct mm_struct *mm)
{
	struct task_struct *owner = NULL;
	pid_t pid;

	if (mm == current->mm)
		return current->tgid;
	rcu_read_lock();
#ifdef CONFIG_MEMCG
	owner = rcu_dereference(mm->owner);
#endif
	pid = owner ? owner->tgid : 0;
	rcu_read_unlock();
	return pid;
}

/**
 * HF_USER_PAYS - do users have a count of locked memory?
 *
 * The kernel leaves it out where nothing that uses it is configured.  Asked
 * for is one of what all supported versions have it for; every kernel with
 * networking has it.
 */
#if defined(CONFIG_NET) || defined(CONFIG_IO_URING) || \
	IS_ENABLED(CONFIG_IOMMUFD) || defined(CONFIG_SECRETMEM)
#define HF_USER_PAYS	1
#else
#define HF_USER_PAYS	0
#endif

/**
 * hf_user_locked_vm() - a user's count of locked memory, pages
 * @user: the user
 *
 * Return: the count; NULL without HF_USER_PAYS, where nobody may ask.
 */
static inline atomic_long_t *hf_user_locked_vm(struct user_struct *user)
{
#if HF_USER_PAYS
	return &user->locked_vm;
#else
	return NULL;
#endif
}

/**
 * hf_is_nesting_type() - is a container type VFIO_TYPE1_NESTING_IOMMU?
 * @type: the type, or an extension's number
 *
 * Until 6.12 that is v2 with domains prepared for a guest's page tables, which
 * nothing ever installed.  Later kernels know no such type.
 */
static inline bool hf_is_nesting_type(unsigned long type)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	return type == VFIO_TYPE1_NESTING_IOMMU;
#else
	return false;
#endif
}

/**
 * hf_domain_nest() - prepare a domain for nesting, before it is attached
 * @domain: the domain
 *
 * Return: 0; -EINVAL where the IOMMU driver cannot.
 */
static inline int hf_domain_nest(struct iommu_domain *domain)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	return iommu_enable_nesting(domain);
#else
	return -EINVAL;
#endif
}

#endif
