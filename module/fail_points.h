/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every failure point: its name, and the errno that the place answers with; 0
 * where the module does without what it did not get.  To be included with
 * HF_FAIL_POINT() defined; see fail.h.
 */

/* main.c, when the module is loaded */
HF_FAIL_POINT(MODULE_CACHE, ENOMEM),		/* the cache of mappings */
HF_FAIL_POINT(MODULE_REGISTER, EBUSY),		/* the VFIO core says no */

/* container.c */
HF_FAIL_POINT(CONTAINER_ALLOC, ENOMEM),		/* memory for a container */
HF_FAIL_POINT(LOCK_RANGE, EINTR),		/* killed before a range */
HF_FAIL_POINT(LOCK_ALL, EINTR),			/* killed behind the gate */
HF_FAIL_POINT(WAIT_RANGE, EINTR),		/* killed in the wait itself */
HF_FAIL_POINT(RESERVE, ENOSPC),			/* no mapping may be added */
HF_FAIL_POINT(RECLAIM, EINTR),			/* killed while drivers unpin */

/* group.c */
HF_FAIL_POINT(GROUP_ALLOC, ENOMEM),		/* memory for a group */
HF_FAIL_POINT(GROUP_FITS, EINVAL),		/* mappings outside its windows */
HF_FAIL_POINT(GROUP_MSI, EPERM),		/* interrupts not isolated */
HF_FAIL_POINT(GROUP_REPLAY, ENOMEM),		/* one mapping, new domain */
HF_FAIL_POINT(EMULATED_ALLOC, ENOMEM),		/* memory for such a group */
HF_FAIL_POINT(EMULATED_LOCK, EINTR),		/* killed before dirty_lock */

/* domain.c */
HF_FAIL_POINT(DOMAIN_ALLOC, ENOMEM),		/* memory for a domain */
HF_FAIL_POINT(DOMAIN_IOMMU, EIO),		/* the IOMMU's domain */
HF_FAIL_POINT(DOMAIN_ATTACH, ENODEV),		/* a group to its own domain */
HF_FAIL_POINT(DOMAIN_COHERENT, 0),		/* coherency not enforced */
HF_FAIL_POINT(JOIN_ATTACH, 0),			/* a group to another's domain */
HF_FAIL_POINT(JOIN_BACK, ENODEV),		/* and then back to its own */
HF_FAIL_POINT(MAP, ENOMEM),			/* iommu_map(): nothing mapped */
HF_FAIL_POINT(MAP_LEFT, ENOMEM),		/* it leaves entries behind */
HF_FAIL_POINT(MAP_SG, ENOMEM),			/* iommu_map_sg(): nothing */
HF_FAIL_POINT(MAP_SG_SHORT, ENOMEM),		/* all but the last run */
HF_FAIL_POINT(UNMAP, 0),			/* nothing unmapped: see fail.c */

/* window.c */
HF_FAIL_POINT(WINDOWS_ALLOC, ENOMEM),		/* memory for the windows */
HF_FAIL_POINT(WINDOWS_RESV, ENOMEM),		/* a group's reserved regions */
HF_FAIL_POINT(WINDOWS_EMPTY, EINVAL),		/* no IOVA is left */

/* mapping.c */
HF_FAIL_POINT(MAPPING_ALLOC, ENOMEM),		/* memory for a mapping */
HF_FAIL_POINT(MAPPING_ACCESS, EFAULT),		/* beyond user space */
HF_FAIL_POINT(MAPPING_SG, 0),			/* a longer queue of runs */
HF_FAIL_POINT(MAPPING_ALONE, ENOLINK),		/* the last domain has left */
HF_FAIL_POINT(BACK_GONE, ENODEV),		/* who mapped it has exited */
HF_FAIL_POINT(BACK_ACCESS, EFAULT),		/* as MAPPING_ACCESS */
HF_FAIL_POINT(PFNMAP_KILLED, EINTR),		/* killed between two looks */

/* account.c */
HF_FAIL_POINT(CHARGE_LIMIT, ENOMEM),		/* over RLIMIT_MEMLOCK */
HF_FAIL_POINT(CHARGE_KILLED, EINTR),		/* before the mmap lock */
HF_FAIL_POINT(CHARGE_NO_MM, ENODEV),		/* a task without memory */
HF_FAIL_POINT(CHARGE_MORE_LIMIT, ENOMEM),	/* the same, for one who pays */
HF_FAIL_POINT(CHARGE_MORE_KILLED, EINTR),	/* already */
HF_FAIL_POINT(CHARGE_USER_LIMIT, ENOMEM),	/* the same, where a user pays */

/* extent.c */
HF_FAIL_POINT(LOG_GROW, ENOMEM),		/* a page for the log */

/* pin.c */
HF_FAIL_POINT(PIN_BUFFER, 0),			/* a buffer for large batches */
HF_FAIL_POINT(PIN_KILLED, EINTR),		/* before a batch */
HF_FAIL_POINT(PIN_FAULT, EFAULT),		/* nothing can be pinned */
HF_FAIL_POINT(PIN_SHORT, 0),			/* half a batch only */
HF_FAIL_POINT(PIN_FAST, ENOMEM),		/* GUP-fast */
HF_FAIL_POINT(PIN_FAST_FAULT, EFAULT),		/* GUP-fast; the lock helps */
HF_FAIL_POINT(PIN_SLOW, ENOMEM),		/* GUP under the mmap lock */
HF_FAIL_POINT(PIN_SLOW_KILLED, EINTR),		/* before that lock */
HF_FAIL_POINT(PIN_SLOW_VMA, EFAULT),		/* no area; before 6.2 only */
HF_FAIL_POINT(ROW_FAULT, 0),			/* a call for two huge pages */
HF_FAIL_POINT(ROW_SHORT, 0),			/* one of the two */
HF_FAIL_POINT(ROW_PROOF, 0),			/* the last is not proven */
HF_FAIL_POINT(LEAF_PROOF, 0),			/* a pin holds one page only */

/* pfnmap.c */
HF_FAIL_POINT(PFNMAP_LOCK, EINTR),		/* killed before the mmap lock */
HF_FAIL_POINT(PFNMAP_FAULT, EFAULT),		/* cannot be faulted in */
HF_FAIL_POINT(PFNMAP_RAM, EFAULT),		/* is ordinary memory */
HF_FAIL_POINT(PFNMAP_COUNT, EINTR),		/* killed before the mmap lock */

/* faultin.c: without helpers the caller does it all */
HF_FAIL_POINT(FAULTIN_ALLOC, 0),		/* memory for a team */
HF_FAIL_POINT(FAULTIN_CPUS, 0),			/* its CPU mask */
HF_FAIL_POINT(FAULTIN_ROOM, 0),			/* enough helpers run already */
HF_FAIL_POINT(FAULTIN_MODULE, 0),		/* the module is on its way out */
HF_FAIL_POINT(FAULTIN_HELPER, 0),		/* a helper's argument */
HF_FAIL_POINT(FAULTIN_THREAD, 0),		/* its thread */
HF_FAIL_POINT(FAULTIN_RUN, 0),			/* it may not run there */
HF_FAIL_POINT(FAULTIN_LOCK, 0),			/* killed before the mmap lock */
HF_FAIL_POINT(FAULTIN_FAULT, 0),		/* a block cannot be had */

/* external.c */
HF_FAIL_POINT(EXTERNAL_ALLOC, ENOMEM),		/* what drivers have pinned */
HF_FAIL_POINT(EXTERNAL_PFN, EFAULT),		/* a PFN too large to note */
HF_FAIL_POINT(EXTERNAL_STORE, ENOMEM),		/* the note of a pin */
HF_FAIL_POINT(EXTERNAL_TIMES, EOVERFLOW),	/* pinned too often */
HF_FAIL_POINT(EXTERNAL_GONE, ENODEV),		/* who mapped it has exited */
HF_FAIL_POINT(EXTERNAL_BITMAP, ENOMEM),		/* a bitmap of dirty pages */

/* emulated.c */
HF_FAIL_POINT(RW_GONE, EPERM),			/* who mapped it has exited */
HF_FAIL_POINT(RW_COPY, EFAULT),			/* the user's memory */

/* dirty.c */
HF_FAIL_POINT(DIRTY_LOCK, EINTR),		/* killed before dirty_lock */
HF_FAIL_POINT(DIRTY_LARGE, EINVAL),		/* too large for a bitmap */
HF_FAIL_POINT(DIRTY_WORD, EFAULT),		/* the user's first word, in */
HF_FAIL_POINT(DIRTY_ONES, EFAULT),		/* words of ones, out */
HF_FAIL_POINT(DIRTY_BITS, EFAULT),		/* words of bits, out */
HF_FAIL_POINT(DIRTY_HEAD, EFAULT),		/* the first word, out */
HF_FAIL_POINT(DIRTY_TAIL, EFAULT),		/* the last word, out */

/* audit.c, auditor.c */
HF_FAIL_POINT(AUDIT_ALLOC, ENOMEM),		/* what is known of a mapping */
HF_FAIL_POINT(AUDIT_BITMAP, ENOMEM),		/* a bit for each page */
HF_FAIL_POINT(AUDIT_NOTIFIER, ENOMEM),		/* a notifier on its memory */
HF_FAIL_POINT(AUDITOR_LOCK, EINTR),		/* killed before it is turned */

/* compare.c, incoherent.c */
HF_FAIL_POINT(COMPARE_ALLOC, ENOMEM),		/* what comparing needs */
HF_FAIL_POINT(COMPARE_KILLED, EINTR),		/* before a block */

/* refresh.c */
HF_FAIL_POINT(REFRESH_ALLOC, ENOMEM),		/* what refreshing needs */
HF_FAIL_POINT(REFRESH_BITMAP, ENOMEM),		/* a bit for each page */
HF_FAIL_POINT(REFRESH_COUNT, EINTR),		/* killed while counting */
HF_FAIL_POINT(REFRESH_BUILD, EINTR),		/* killed while pinning */

/* uapi.c */
HF_FAIL_POINT(AUDIT_IN, EFAULT),		/* HOLDFAST_AUDIT */
HF_FAIL_POINT(INCOHERENT_IN, EFAULT),		/* HOLDFAST_INCOHERENT */
HF_FAIL_POINT(INCOHERENT_ALLOC, ENOMEM),	/* room for ranges */
HF_FAIL_POINT(INCOHERENT_OUT, EFAULT),		/* the ranges */
HF_FAIL_POINT(REFRESH_IN, EFAULT),		/* HOLDFAST_REFRESH */
HF_FAIL_POINT(REFRESH_OUT, EFAULT),		/* its answer; it is done */
HF_FAIL_POINT(INFO_IN, EFAULT),			/* VFIO_IOMMU_GET_INFO */
HF_FAIL_POINT(INFO_CAP, ENOMEM),		/* a capability */
HF_FAIL_POINT(INFO_CAPS_OUT, EFAULT),		/* all of them */
HF_FAIL_POINT(INFO_OUT, EFAULT),		/* the answer */
HF_FAIL_POINT(MAP_IN, EFAULT),			/* VFIO_IOMMU_MAP_DMA */
HF_FAIL_POINT(UNMAP_IN, EFAULT),		/* VFIO_IOMMU_UNMAP_DMA */
HF_FAIL_POINT(UNMAP_BITMAP_IN, EFAULT),		/* with a bitmap */
HF_FAIL_POINT(UNMAP_OUT, EFAULT),		/* how much; it is done */
HF_FAIL_POINT(DIRTY_IN, EFAULT),		/* VFIO_IOMMU_DIRTY_PAGES */
HF_FAIL_POINT(DIRTY_RANGE_IN, EFAULT),		/* with a range */
