/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every seeded bug.  To be included with HF_SEEDED() defined; see bug.h.  What each
 * breaks and who should notice is in fuzz/bugs.md.
 */

/* uapi.c */
HF_SEEDED(UNMAP_UNALIGNED),	/* a size that is no whole number of pages */

/* container.c */
HF_SEEDED(OVERLAP_TAIL),		/* only the first IOVA is looked up */
HF_SEEDED(UNMAP_CUTS),		/* a range may end inside of a mapping */
HF_SEEDED(UNMAP_SIZE),		/* the range's size, not the mappings' */
HF_SEEDED(AVAIL_LOST),		/* a failed map keeps its entry */
HF_SEEDED(LOST_WAKEUP),		/* a map that is through wakes nobody */
HF_SEEDED(RELEASE_STALE),		/* the last group leaves moving memory */

/* window.c */
HF_SEEDED(WINDOW_END),		/* only the first IOVA is in a window */

/* vaddr.c */
HF_SEEDED(VADDR_ERRNO),		/* EINVAL where nothing is mapped */
HF_SEEDED(VADDR_PAYER),		/* the old process pays on */

/* mapping.c */
HF_SEEDED(UNCHARGED_PAGE),		/* the last page is not charged */
HF_SEEDED(RLIMIT_RACE),		/* looked at first, charged when pinned */
HF_SEEDED(BAR_CHARGED),		/* a BAR's charge does not go back */
HF_SEEDED(FAILED_MAP_STAYS),	/* in the IOMMU, though unpinned */
HF_SEEDED(KILLED_MAP_PINS),	/* a killed map keeps its pins */
HF_SEEDED(KILLED_MAP_CHARGE),	/* and this one its charge */
HF_SEEDED(UNPIN_FIRST),		/* and then unmapped and flushed */
HF_SEEDED(REPLAY_LAST_RUN),	/* a new domain is not shown it */

/* domain.c */
HF_SEEDED(NO_FLUSH),		/* no flush of the IOTLB */
HF_SEEDED(SECOND_DOMAIN),		/* unmapped from the first domain only */

/* pin.h, pin.c */
HF_SEEDED(STALE_READ_ONLY),	/* before 6.2: GUP-fast for all */
HF_SEEDED(STALE_NOT_LONGTERM),	/* since 6.2: a read needs no long pin */
HF_SEEDED(ZERO_PAGE_LEAK),		/* before 6.2: reserved is not pinned */
HF_SEEDED(DOUBLE_UNPIN),		/* huge pages in a row */
HF_SEEDED(UNPIN_BATCH),		/* the one that finds the batch full */

/* leaf.c */
HF_SEEDED(LEAF_NO_PFN),		/* of this folio are they all */
HF_SEEDED(LEAF_TWO_FOLIOS),	/* the pin of one for the next as well */
HF_SEEDED(LEAF_BORDER),		/* a page more than the leaf has */

/* pfnmap.c, compat/look.h */
HF_SEEDED(BAR_RUN),		/* pages that are not neighbours */
HF_SEEDED(BAR_HUGE_OFFSET),	/* since 6.12: a huge entry's first PFN */

/* extent.c */
HF_SEEDED(LOG_LEAK),		/* a log's last page is not freed */

/* account.c */
HF_SEEDED(REFUND_CURRENT),		/* to who unmaps, not to who paid */
HF_SEEDED(REFUND_GATHERED),	/* of several to the first */
HF_SEEDED(USER_HALF),		/* a user pays for half of it */

/* dirty.c */
HF_SEEDED(DIRTY_WORD),		/* a word's first bits are lost */

/* audit.c, view.c, incoherent.c */
HF_SEEDED(AUDIT_MISSES),		/* munmap() parts nothing */
HF_SEEDED(AUDIT_FORK_REPORTED),	/* told before it is compared */
HF_SEEDED(AUDIT_NO_CACHE),		/* what is absent has parted */
HF_SEEDED(INCOHERENT_LAST),	/* but for the range's last page */

/* refresh.c */
HF_SEEDED(REFRESH_LAST_RUN),	/* the IOMMU keeps the last run */
HF_SEEDED(REFRESH_LEAK),		/* and the process the old pins */
HF_SEEDED(REFRESH_CHARGE),		/* and pays for both */
