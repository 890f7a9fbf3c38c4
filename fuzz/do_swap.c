// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_swap.c - memory goes to a disk and comes back; what a device has stays.
 *
 * Swap space is a RAM disk. It is on in runs that use it and in no other, so that those do not depend on
 * which pages the kernel chose. What leaves is what MADV_PAGEOUT is given; it is advice, so a page that
 * could go may stay (madvise(2)), but not all of them always.
 *
 * Invariant: a RAM disk that is somebody else's is not touched. One that is there already is ours only
 * if it has our name in it: a session that was killed has left it.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/pagemap.h>
#include <holdfast/swap.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "game.h"

#define DISK "/dev/ram0"
/* More than all small pages of the arena. */
#define DISK_KB 16384
/* Of so many pages that could have gone one must have. */
#define ENOUGH 4096U

#define NAME "holdfast-fuzz"

static bool is_ours(void)
{
	const int fd = open(DISK, O_RDONLY | O_CLOEXEC);
	const bool ours = fd >= 0 && hf_swap_is(fd, NAME);

	if (fd >= 0)
		close(fd);
	return ours;
}

/* The disk stays until the session's end: it is the loading that takes time. */
static int make_disk(struct fz_session *s)
{
	char command[96];
	int ret, fd;

	if (!access("/sys/module/brd", F_OK)) {
		if (!is_ours())
			return -EBUSY;
		swapoff(DISK);
	}
	snprintf(command, sizeof(command), "modprobe -q brd rd_nr=1 rd_size=%d 2>/dev/null", DISK_KB);
	if (system(command))
		return -ENODEV;
	s->disk = true;
	fd = open(DISK, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = hf_swap_make(fd, DISK_KB * 1024, NAME);
	close(fd);
	return ret;
}

void fz_swap_on(struct fz_session *s)
{
	if (!s->disk && make_disk(s))
		return;
	s->swap = !swapon(DISK, 0);
}

void fz_swap_off(struct fz_session *s)
{
	if (s->swap && swapoff(DISK))
		fz_object(s, FZ_ORACLE_BALANCE, "swap", "swap space cannot be emptied: %s",
			  strerror(errno));
	s->swap = false;
}

void fz_swap_end(struct fz_session *s)
{
	fz_swap_off(s);
	if (s->disk && system("modprobe -q -r brd 2>/dev/null"))
		fprintf(stderr, "holdfast: fuzz: the RAM disk stays\n");
	s->disk = false;
}

bool fz_pagemap(struct fz_session *s, unsigned int who, unsigned int page, unsigned int count,
		uint64_t *entry)
{
	const size_t size = count * sizeof(*entry);
	char path[64];
	bool all;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", fz_slot(s, who)->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	all = pread(fd, entry, size, (off_t)(fz_addr(page) / FZ_PAGE_BYTES * sizeof(*entry))) ==
	      (ssize_t)size;
	close(fd);
	return all;
}

/* Of a large folio no page goes while anybody holds one. @flags: /proc/kpageflags */
static bool is_small(int flags, uint64_t entry)
{
	const off_t at = (off_t)(hf_pagemap_pfn(entry) * sizeof(uint64_t));
	uint64_t bits;

	return pread(flags, &bits, sizeof(bits), at) == (ssize_t)sizeof(bits) &&
	       !(bits & (1ULL << KPF_COMPOUND_HEAD | 1ULL << KPF_COMPOUND_TAIL));
}

/* Could go: nobody else has it, and nothing holds it. */
static bool could_go(const struct fz_session *s, const struct fz_pte *pte, uint64_t entry)
{
	const struct fz_frame *f = &s->m->frame[pte->frame];

	return pte->vma == FZ_VMA_ANON && pte->frame && f->refs == 1 && !f->pins && !f->lazy &&
	       !(pte->flags & FZ_LOCKED) && hf_pagemap_present(entry);
}

/* What a device has stays where it is; of the rest, count. Return: pages that have left. */
static unsigned int check_gone(struct fz_session *s, unsigned int who, unsigned int page,
			       unsigned int count, const uint64_t *before, const uint64_t *after)
{
	/* When some have left how many could have does not matter any more. */
	const int flags = s->swap_left ? -1 : open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	unsigned int left = 0;

	for (unsigned int i = 0; i < count && !s->wrong; i++) {
		const struct fz_pte *pte = fz_pte(s->m, who, page + i);

		if (pte->frame && s->m->frame[pte->frame].pins) {
			s->stats.checks[FZ_ORACLE_DEVICE]++;
			if (!hf_pagemap_present(after[i]) ||
			    hf_pagemap_pfn(before[i]) != hf_pagemap_pfn(after[i]))
				fz_object(s, FZ_ORACLE_DEVICE, "moved",
					  "page %u of process %u, which a device has, was %llx in its page table, and is %llx",
					  page + i, who, (unsigned long long)before[i],
					  (unsigned long long)after[i]);
			continue;
		}
		left += hf_pagemap_present(before[i]) && after[i] & FZ_SWAPPED;
		s->swap_could += flags >= 0 && could_go(s, pte, before[i]) && is_small(flags, before[i]);
	}
	if (flags >= 0)
		close(flags);
	s->swap_left += left;
	return left;
}

int64_t fz_play_swap(struct fz_session *s, const struct fz_op *op)
{
	static uint64_t before[FZ_PAGES], after[FZ_PAGES];
	const unsigned int who = fz_op_arg(op, 0);
	unsigned int page = fz_op_arg(op, 1), count = fz_op_arg(op, 2), left;
	int64_t want = 0, ret;

	if (!s->swap || !fz_alive(s, who))
		return FZ_SKIPPED;
	fz_clip(&page, &count);
	for (unsigned int i = 0; i < count && want != -EINVAL; i++) {
		const struct fz_pte *pte = fz_pte(s->m, who, page + i);

		if (!pte->vma)
			want = -ENOMEM;
		else if (pte->flags & FZ_LOCKED || fz_huge(page))
			want = -EINVAL;
	}
	if (!fz_pagemap(s, who, page, count, before))
		return FZ_SKIPPED;
	ret = fz_call(s, who, SYS_madvise, fz_addr(page), count * FZ_PAGE_BYTES, MADV_PAGEOUT, 0, 0);
	if (!fz_expect(s, ret, want, "paging out") || !fz_pagemap(s, who, page, count, after))
		return ret;
	left = check_gone(s, who, page, count, before, after);
	if (s->swap_could >= ENOUGH && !s->swap_left)
		fz_object(s, FZ_ORACLE_ANSWER, "all-stay", "of %u pages that could be swapped out none was",
			  s->swap_could);
	return left ? (int64_t)left : ret;
}
