// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_memory.c - what a process does to its memory.
 *
 * Ranges are cut off where the part of the arena ends and grown to whole huge pages in the huge part
 * (fz_clip()), so that what is asked for is meant. What the kernel answers is predicted from the
 * manual pages; where areas that the model cannot see decide (two areas that were never merged), either
 * answer is right, and what became of the range is looked up (settle()).
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/pagemap.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "game.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* A range an operation is about. */
struct range {
	unsigned int page, count;
};

static struct range range_of(const struct fz_op *op, unsigned int first)
{
	struct range r = { fz_op_arg(op, first), fz_op_arg(op, first + 1) };

	fz_clip(&r.page, &r.count);
	return r;
}

static struct fz_pte *pte_of(struct fz_session *s, unsigned int who, unsigned int page)
{
	return &fz_space(s->m, who)->pte[page];
}

/* Pages from the first one that are in some area. */
static unsigned int mapped_run(struct fz_session *s, unsigned int who, struct range r)
{
	unsigned int n = 0;

	while (n < r.count && pte_of(s, who, r.page + n)->vma)
		n++;
	return n;
}

static int prot_of(unsigned int prot)
{
	return (prot & FZ_PROT_READ ? PROT_READ : 0) | (prot & FZ_PROT_WRITE ? PROT_WRITE : 0);
}

/* Which pages are in no area any more, after an answer that leaves it open. */
static void settle(struct fz_session *s, unsigned int who, struct range r)
{
	for (unsigned int i = 0; i < r.count; i++) {
		uint64_t vec = (uintptr_t)(fz_slot(s, who)->data);

		if (!pte_of(s, who, r.page + i)->vma)
			continue;
		if (fz_call(s, who, SYS_mincore, fz_addr(r.page + i), FZ_PAGE_BYTES, vec, 0, 0) ==
		    -ENOMEM)
			fz_area_clear(s->m, who, r.page + i, 1);
	}
}

void fz_settle_private(struct fz_session *s, unsigned int who, unsigned int page,
		       unsigned int count)
{
	static uint64_t entry[FZ_PAGES];

	/* Only of what is not known yet. */
	while (count && page < FZ_PAGES &&
	       (pte_of(s, who, page)->vma != FZ_VMA_PRIVATE || pte_of(s, who, page)->frame)) {
		page++;
		count--;
	}
	if (!count || page >= FZ_PAGES)
		return;
	count = count < FZ_PAGES - page ? count : FZ_PAGES - page;
	if (!fz_pagemap(s, who, page, count, entry))
		return;
	for (unsigned int i = 0; i < count; i++) {
		const struct fz_pte *pte = pte_of(s, who, page + i);

		if (pte->vma == FZ_VMA_PRIVATE && !pte->frame && !(entry[i] & FZ_FILE) &&
		    (hf_pagemap_present(entry[i]) || entry[i] & FZ_SWAPPED))
			fz_page_own(s->m, who, page + i);
	}
}

int64_t fz_play_mmap(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), kind = fz_op_arg(op, 3), prot = fz_op_arg(op, 4);
	struct range r = range_of(op, 1);
	int flags = MAP_FIXED | MAP_NORESERVE;
	uint64_t offset = 0;
	int fd = -1;
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	/* A huge file would grow with an area that reaches beyond it. */
	if (fz_huge(r.page) && kind == FZ_KIND_SHIFTED)
		r.count = FZ_HUGE;
	fz_area_set(s->m, who, r.page, r.count, kind, prot);
	if (kind == FZ_KIND_ANON) {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS | (fz_huge(r.page) ? MAP_HUGETLB | MAP_HUGE_2MB : 0);
	} else {
		flags |= kind == FZ_KIND_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
		fd = s->file[fz_huge(r.page)];
		offset = pte_of(s, who, r.page)->offset * FZ_PAGE_BYTES;
	}
	/* By hand: there are six arguments. */
	fz_slot(s, who)->what = FZ_DO_CALL;
	fz_slot(s, who)->nr = SYS_mmap;
	fz_slot(s, who)->arg[0] = fz_addr(r.page);
	fz_slot(s, who)->arg[1] = r.count * FZ_PAGE_BYTES;
	fz_slot(s, who)->arg[2] = (uint64_t)prot_of(prot);
	fz_slot(s, who)->arg[3] = (uint64_t)flags;
	fz_slot(s, who)->arg[4] = (uint64_t)fd;
	fz_slot(s, who)->arg[5] = offset;
	ret = fz_request(s, who);
	fz_expect(s, ret, (int64_t)fz_addr(r.page), "mmap");
	return ret < 0 ? ret : 0;
}

int64_t fz_play_munmap(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	struct range r = range_of(op, 1);
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	ret = fz_call(s, who, SYS_munmap, fz_addr(r.page), r.count * FZ_PAGE_BYTES, 0, 0, 0);
	fz_expect(s, ret, 0, "munmap");
	fz_area_clear(s->m, who, r.page, r.count);
	return ret;
}

/* The pages that continue the first one: the same area, as far as can be known. */
static unsigned int alike_run(struct fz_session *s, unsigned int who, struct range r)
{
	const struct fz_pte *first = pte_of(s, who, r.page);
	unsigned int n = 0;

	while (n < r.count) {
		const struct fz_pte *pte = pte_of(s, who, r.page + n);

		if (pte->vma != first->vma || pte->prot != first->prot || pte->flags != first->flags ||
		    (pte->vma != FZ_VMA_ANON && pte->offset != first->offset + n))
			break;
		n++;
	}
	return n;
}

/* Will locked memory be more than the process may have, also without what lies where it goes? */
static bool grows_beyond(struct fz_session *s, unsigned int who, struct range r, struct range to)
{
	uint64_t locked = fz_proc_locked(s->m, who);

	if (!(pte_of(s, who, r.page)->flags & FZ_LOCKED) || s->m->proc[who].ipc_lock || to.count <= r.count)
		return false;
	for (unsigned int i = 0; i < to.count; i++)
		locked -= !!(pte_of(s, who, to.page + i)->flags & FZ_LOCKED);
	return locked + to.count - r.count > s->m->proc[who].limit;
}

int64_t fz_play_mremap(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	struct range r = range_of(op, 1), to = { fz_op_arg(op, 3), fz_op_arg(op, 4) };
	uint64_t locked;
	int64_t ret;
	bool beyond;

	if (!fz_alive(s, who) || !pte_of(s, who, r.page)->vma)
		return FZ_SKIPPED;
	/* Both in one part, and in whole huge pages there. */
	if (fz_huge(r.page) != fz_huge(to.page))
		to.page = fz_huge(r.page) ? FZ_SMALL_PAGES + to.page % FZ_HUGE_PAGES :
					    to.page % FZ_SMALL_PAGES;
	fz_clip(&to.page, &to.count);
	r.count = alike_run(s, who, r);
	if (fz_huge(r.page)) {
		r.count = r.count / FZ_HUGE * FZ_HUGE;
		if (!r.count || to.count > r.count)
			return FZ_SKIPPED;
	}
	if (r.page < to.page + to.count && to.page < r.page + r.count)
		return FZ_SKIPPED;
	locked = fz_proc_locked(s->m, who);
	beyond = grows_beyond(s, who, r, to);
	/* By hand: there are five arguments, and the last is the new address. */
	ret = fz_call(s, who, SYS_mremap, fz_addr(r.page), r.count * FZ_PAGE_BYTES,
		      to.count * FZ_PAGE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, fz_addr(to.page));
	if (ret >= 0) {
		fz_expect(s, ret, beyond ? -EAGAIN : (int64_t)fz_addr(to.page), "mremap");
		fz_area_move(s->m, who, r.page, r.count, to.page, to.count);
		/* By what locked memory has grown is filled at once. */
		if (to.count > r.count && pte_of(s, who, to.page)->flags & FZ_LOCKED)
			fz_settle_private(s, who, to.page + r.count, to.count - r.count);
		return 0;
	}
	/* Areas that were not merged, or a locked one that would grow beyond the limit. */
	if (ret != -EFAULT &&
	    !(ret == -EAGAIN && pte_of(s, who, r.page)->flags & FZ_LOCKED &&
	      locked + to.count > s->m->proc[who].limit))
		fz_expect(s, ret, (int64_t)fz_addr(to.page), "mremap");
	settle(s, who, to);
	settle(s, who, r);
	return ret;
}

int64_t fz_play_mprotect(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), prot = fz_op_arg(op, 3);
	struct range r = range_of(op, 1);
	unsigned int run;
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	run = mapped_run(s, who, r);
	ret = fz_call(s, who, SYS_mprotect, fz_addr(r.page), r.count * FZ_PAGE_BYTES,
		      (uint64_t)prot_of(prot), 0, 0);
	fz_expect(s, ret, run == r.count ? 0 : -ENOMEM, "mprotect");
	for (unsigned int i = 0; i < run; i++)
		pte_of(s, who, r.page + i)->prot = (uint8_t)prot;
	/* What is locked and may be written to now has been copied (mprotect_fixup(), Linux 6.1 to 7.2). */
	for (unsigned int i = 0, n; prot & FZ_PROT_WRITE && i < run; i += n + 1) {
		n = 0;
		while (i + n < run && pte_of(s, who, r.page + i + n)->flags & FZ_LOCKED)
			n++;
		if (n)
			fz_settle_private(s, who, r.page + i, n);
	}
	return ret;
}

static const int advice_of[FZ_ADVICES] = {
	[FZ_DONTNEED] = MADV_DONTNEED,
	[FZ_FREE] = MADV_FREE,
	[FZ_REMOVE] = MADV_REMOVE,
	[FZ_PAGEOUT] = MADV_PAGEOUT,
	[FZ_COLD] = MADV_COLD,
	[FZ_COLLAPSE] = MADV_COLLAPSE,
	[FZ_HUGEPAGE] = MADV_HUGEPAGE,
	[FZ_NOHUGEPAGE] = MADV_NOHUGEPAGE,
	[FZ_MERGEABLE] = MADV_MERGEABLE,
	[FZ_UNMERGEABLE] = MADV_UNMERGEABLE,
	[FZ_DONTFORK] = MADV_DONTFORK,
	[FZ_DOFORK] = MADV_DOFORK,
	[FZ_WIPEONFORK] = MADV_WIPEONFORK,
	[FZ_KEEPONFORK] = MADV_KEEPONFORK,
	[FZ_WILLNEED] = MADV_WILLNEED,
	[FZ_POPULATE_READ] = MADV_POPULATE_READ,
	[FZ_POPULATE_WRITE] = MADV_POPULATE_WRITE,
};

/* Advice that changes no bytes, no frame and nobody's rights. */
static bool harmless(unsigned int advice)
{
	switch (advice) {
	case FZ_PAGEOUT:
	case FZ_COLD:
	case FZ_COLLAPSE:
	case FZ_HUGEPAGE:
	case FZ_NOHUGEPAGE:
	case FZ_MERGEABLE:
	case FZ_UNMERGEABLE:
	case FZ_WILLNEED:
		return true;
	default:
		return false;
	}
}

/* What an area says to advice; 0, or the errno it ends with. */
static int advised(struct fz_session *s, unsigned int who, unsigned int page, unsigned int advice)
{
	const struct fz_pte *pte = pte_of(s, who, page);
	const bool shared = pte->vma == FZ_VMA_SHARED, anon = pte->vma == FZ_VMA_ANON;

	switch (advice) {
	case FZ_DONTNEED:
		return pte->flags & FZ_LOCKED ? -EINVAL : 0;
	case FZ_FREE:
		return pte->flags & FZ_LOCKED || !anon || fz_huge(page) ? -EINVAL : 0;
	case FZ_REMOVE:
		if (pte->flags & FZ_LOCKED || anon)
			/* Anonymous huge pages are a file's, too, but a private one. */
			return anon && fz_huge(page) ? -EACCES : -EINVAL;
		/* Whether it may be written to now does not matter: the file may. */
		return shared ? 0 : -EACCES;
	case FZ_WIPEONFORK:
		return anon && !fz_huge(page) ? 0 : -EINVAL;
	default:
		return 0;
	}
}

/*
 * Pages of a file are gone. Of a huge page of it that a device has a part cannot go: it has zeroes there
 * from now on, whoever looks (docs/coherence.md), and the file has data there and no hole.
 */
static void file_gone(struct fz_session *s, unsigned int file, unsigned int offset, unsigned int count,
		      bool copies)
{
	bool kept[FZ_FILE_PAGES] = { false };

	for (unsigned int i = offset; !file && i < offset + count && i < FZ_FILE_PAGES; i++) {
		const off_t at = (off_t)(i * FZ_PAGE_BYTES);

		kept[i] = fz_file_pinned(s->m, file, i) && lseek(s->file[file], at, SEEK_DATA) == at;
	}
	fz_file_drop(s->m, file, offset, count, copies, kept);
}

static void apply_advice(struct fz_session *s, unsigned int who, unsigned int page,
			 unsigned int advice)
{
	struct fz_pte *pte = pte_of(s, who, page);

	switch (advice) {
	case FZ_DONTNEED:
		if (pte->vma != FZ_VMA_SHARED)
			fz_page_drop(s->m, who, page);
		break;
	case FZ_FREE:
		fz_page_free(s->m, who, page);
		break;
	case FZ_REMOVE:
		if (!fz_page_beyond(s->m, who, page))
			file_gone(s, fz_huge(page), pte->offset, 1, fz_huge(page));
		break;
	case FZ_DONTFORK:
		pte->flags |= FZ_NOFORK;
		break;
	case FZ_DOFORK:
		pte->flags &= (uint8_t)~FZ_NOFORK;
		break;
	case FZ_WIPEONFORK:
		pte->flags |= FZ_WIPE;
		break;
	case FZ_KEEPONFORK:
		pte->flags &= (uint8_t)~FZ_WIPE;
		break;
	}
}

int64_t fz_play_madvise(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), advice = fz_op_arg(op, 3);
	struct range r = range_of(op, 1);
	bool hole = false;
	int want = 0;
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	ret = fz_call(s, who, SYS_madvise, fz_addr(r.page), r.count * FZ_PAGE_BYTES,
		      (uint64_t)advice_of[advice], 0, 0);
	if (advice == FZ_POPULATE_WRITE || advice == FZ_POPULATE_READ) {
		fz_settle_private(s, who, r.page, r.count);
		return ret;
	}
	if (harmless(advice))
		return ret;
	for (unsigned int i = 0; i < r.count && !want; i++) {
		const unsigned int page = r.page + i;

		if (!pte_of(s, who, page)->vma) {
			hole = true;
			continue;
		}
		want = advised(s, who, page, advice);
		/* Kernels differ in whether huge pages may be told that forks copy them. */
		if (advice == FZ_DOFORK && fz_huge(page) && ret == -EINVAL)
			want = ret;
		if (!want)
			apply_advice(s, who, page, advice);
	}
	fz_expect(s, ret, want ? want : hole ? -ENOMEM : 0, "madvise");
	return ret;
}

int64_t fz_play_pmadvise(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), whose = fz_op_arg(op, 1);
	const unsigned int advice = fz_op_arg(op, 4);
	struct range r = range_of(op, 2);
	struct fz_slot *slot = fz_slot(s, who);
	uint64_t *iov = (uint64_t *)(void *)slot->data;
	int64_t fd, ret;

	/* The others are refused, or are advice a process can give itself alone. */
	if (!fz_alive(s, who) || !fz_alive(s, whose) ||
	    (advice != FZ_PAGEOUT && advice != FZ_COLD && advice != FZ_WILLNEED &&
	     advice != FZ_COLLAPSE))
		return FZ_SKIPPED;
	fd = fz_call(s, who, SYS_pidfd_open, (uint64_t)fz_slot(s, whose)->pid, 0, 0, 0, 0);
	if (fd < 0)
		return fd;
	iov[0] = fz_addr(r.page);
	iov[1] = r.count * FZ_PAGE_BYTES;
	ret = fz_call(s, who, SYS_process_madvise, (uint64_t)fd, (uintptr_t)iov, 1,
		      (uint64_t)advice_of[advice], 0);
	fz_call(s, who, SYS_close, (uint64_t)fd, 0, 0, 0, 0);
	return ret < 0 ? ret : 0;
}

int64_t fz_play_mlock(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	struct range r = range_of(op, 1);
	struct fz_proc *p = &s->m->proc[who];
	uint64_t more = 0;
	unsigned int run;
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	run = mapped_run(s, who, r);
	for (unsigned int i = 0; i < r.count; i++)
		more += !(pte_of(s, who, r.page + i)->flags & FZ_LOCKED);
	ret = fz_call(s, who, SYS_mlock, fz_addr(r.page), r.count * FZ_PAGE_BYTES, 0, 0, 0);
	if (!p->ipc_lock && fz_proc_locked(s->m, who) + more > p->limit) {
		/* Who may lock nothing at all is not even asked how much. */
		fz_expect(s, ret, p->limit ? -ENOMEM : -EPERM, "mlock beyond the limit");
		return ret;
	}
	/* No permission to touch, or behind the end of a file: locked, but not there. */
	if (run == r.count && ret != -ENOMEM && ret != -EAGAIN)
		fz_expect(s, ret, 0, "mlock");
	else if (run != r.count)
		fz_expect(s, ret, -ENOMEM, "mlock of a hole");
	/* Huge pages cannot be swapped anyway and are not counted. */
	for (unsigned int i = 0; i < run && !fz_huge(r.page); i++)
		pte_of(s, who, r.page + i)->flags |= FZ_LOCKED;
	fz_settle_private(s, who, r.page, r.count);
	return ret;
}

int64_t fz_play_munlock(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	struct range r = range_of(op, 1);
	unsigned int run;
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	run = mapped_run(s, who, r);
	ret = fz_call(s, who, SYS_munlock, fz_addr(r.page), r.count * FZ_PAGE_BYTES, 0, 0, 0);
	fz_expect(s, ret, run == r.count ? 0 : -ENOMEM, "munlock");
	for (unsigned int i = 0; i < run; i++)
		pte_of(s, who, r.page + i)->flags &= (uint8_t)~FZ_LOCKED;
	return ret;
}

/* Have new tags put into pages, in one of two ways. */
static int64_t put_tags(struct fz_session *s, unsigned int who, enum fz_do how, unsigned int page,
			unsigned int count)
{
	struct fz_slot *slot = fz_slot(s, who);
	struct fz_look *look = (struct fz_look *)(void *)slot->data;

	slot->what = how;
	slot->arg[0] = fz_addr(page);
	slot->arg[1] = count;
	for (unsigned int i = 0; i < count; i++)
		look->tag[i] = fz_tag(s->m);
	return fz_request(s, who);
}

int64_t fz_play_write(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	unsigned int page = fz_op_arg(op, 1), count = fz_op_arg(op, 2);
	const struct fz_look *look = (const struct fz_look *)(void *)fz_slot(s, who)->data;
	int64_t ret;

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	if (page + count > FZ_PAGES)
		count = FZ_PAGES - page;
	ret = put_tags(s, who, FZ_DO_POKE, page, count);
	for (unsigned int i = 0; !ret && i < count; i++) {
		const bool can = fz_page_writable(s->m, who, page + i);

		if (can)
			fz_page_write(s->m, who, page + i, look->tag[i]);
		s->stats.checks[FZ_ORACLE_CPU]++;
		if (can != (look->how[i] == FZ_LOOKED_WELL))
			fz_object(s, FZ_ORACLE_CPU, "write", "process %u %s write to page %u", who,
				  can ? "cannot" : "can", page + i);
	}
	return ret;
}

int64_t fz_play_read(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	unsigned int page = fz_op_arg(op, 1), count = fz_op_arg(op, 2);

	if (!fz_alive(s, who))
		return FZ_SKIPPED;
	if (page + count > FZ_PAGES)
		count = FZ_PAGES - page;
	fz_check_cpu(s, who, page, count);
	return 0;
}

int64_t fz_play_punch(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int file = fz_op_arg(op, 0);
	unsigned int page = fz_op_arg(op, 1) + (file ? FZ_SMALL_PAGES : 0), count = fz_op_arg(op, 2);
	int64_t ret;

	if (page + count > (file ? FZ_PAGES : FZ_FILE_PAGES))
		count = (file ? FZ_PAGES : FZ_FILE_PAGES) - page;
	fz_clip(&page, &count);
	page -= file ? FZ_SMALL_PAGES : 0;
	ret = fallocate(s->file[file], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)(page * FZ_PAGE_BYTES), (off_t)(count * FZ_PAGE_BYTES)) ? -errno : 0;
	fz_expect(s, ret, 0, "punching a hole");
	/* Of huge files the copies go, too (hugetlbfs_punch_hole(), Linux 6.1 to 7.2). */
	file_gone(s, file, page, count, file);
	return ret;
}

int64_t fz_play_truncate(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int file = fz_op_arg(op, 0);
	unsigned int page = fz_op_arg(op, 1);
	int64_t ret = 0;

	if (file)
		page = page / FZ_HUGE * FZ_HUGE;
	if (ftruncate(s->file[file], (off_t)(page * FZ_PAGE_BYTES)) ||
	    ftruncate(s->file[file], FZ_FILE_PAGES * FZ_PAGE_BYTES))
		ret = -errno;
	fz_expect(s, ret, 0, "cutting off and extending a file");
	file_gone(s, file, page, UINT16_MAX, true);
	return ret;
}

bool fz_fillable(const struct fz_session *s, unsigned int who, unsigned int page, unsigned int count)
{
	/* Of anonymous memory that may be dropped; the rest is userfaultfd's own business. */
	for (unsigned int i = 0; i < count; i++) {
		const struct fz_pte *pte = fz_pte(s->m, who, page + i);

		if (page + i >= FZ_SMALL_PAGES || pte->vma != FZ_VMA_ANON || pte->flags & FZ_LOCKED ||
		    !(pte->prot & FZ_PROT_WRITE))
			return false;
	}
	return true;
}

int64_t fz_play_fill(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0);
	unsigned int page = fz_op_arg(op, 1), count = fz_op_arg(op, 2);
	const struct fz_look *look = (const struct fz_look *)(void *)fz_slot(s, who)->data;
	int64_t ret;

	if (!fz_alive(s, who) || !fz_fillable(s, who, page, count))
		return FZ_SKIPPED;
	ret = put_tags(s, who, FZ_DO_FILL, page, count);
	fz_expect(s, ret, count, "filling by userfaultfd");
	for (int64_t i = 0; i < ret; i++) {
		fz_page_drop(s->m, who, page + (unsigned int)i);
		fz_page_write(s->m, who, page + (unsigned int)i, look->tag[i]);
	}
	return ret < 0 ? ret : 0;
}
