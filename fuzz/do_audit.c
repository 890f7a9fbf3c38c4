// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_audit.c - the auditor: on and off, being asked, and having it put right.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <string.h>

#include "game.h"

int64_t fz_play_audit(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int c = fz_op_arg(op, 0);
	const bool on = fz_op_arg(op, 1);
	int64_t ret;

	if (s->o.stock || s->container[c].fd < 0)
		return FZ_SKIPPED;
	/* What it finds when it is turned on again is another matter. */
	if (!c)
		s->listening = false;
	ret = hf_try_audit(&s->container[c], on, -1);
	if (fz_expect(s, ret, s->m->container[c].typed ? 0 : -EINVAL, "audit") && !ret)
		s->m->container[c].audited = on;
	return ret;
}

int64_t fz_play_ask(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int c = fz_op_arg(op, 0), iova = fz_op_arg(op, 1);
	unsigned int count = fz_op_arg(op, 2);

	if (s->o.stock || !s->m->container[c].typed)
		return FZ_SKIPPED;
	if (iova + count > FZ_IOVAS)
		count = FZ_IOVAS - iova;
	fz_check_auditor(s, c, iova, count);
	return 0;
}

static bool is_in(const struct fz_mapping *map, uint64_t iova)
{
	return iova >= fz_iova(map->iova) && iova < fz_iova(map->iova + map->pages);
}

/* Can a page that has parted be pinned? Where that is left open it is if @refused is not set. */
static bool replaceable(struct fz_session *s, const struct fz_mapping *map, unsigned int who,
			unsigned int i, bool refused)
{
	const unsigned int page = map->page + i;

	if (page >= FZ_PAGES)
		return false;
	return fz_pinnable(s->m, who, page, map->prot) ||
	       (!refused && fz_pinnable_open(s->m, who, page, map->prot));
}

/*
 * What a refresh of one mapping's pages [first, end) will say, @refused: when it has said that one of this
 * mapping cannot be pinned, and how many it replaces at least.
 */
static int64_t will_refresh(struct fz_session *s, const struct fz_mapping *map, unsigned int who,
			    unsigned int first, unsigned int end, bool refused,
			    unsigned int *parted)
{
	*parted = 0;
	if (map->mm != s->m->proc[who].mm)
		return -EPERM;
	if (map->stale)
		return -EBUSY;
	if (map->bar)
		return 0;
	for (unsigned int i = first; i < end; i++)
		*parted += fz_mapping_parted(s->m, map, i);
	/* What is left open may have been replaced, too, or have failed to be. */
	for (unsigned int i = first; i < end; i++)
		if (fz_mapping_parted(s->m, map, i) && !replaceable(s, map, who, i, refused))
			return -EFAULT;
	return 0;
}

/*
 * Pages that a refresh of [first, end) replaces at most, and has charged for a moment: with each that has
 * parted, or may have, the huge page it is in, wherever in it it is.
 */
static uint64_t most_replaced(const struct fz_session *s, const struct fz_mapping *map, unsigned int first,
			      unsigned int end)
{
	unsigned int to = 0;
	uint64_t pages = 0;

	for (unsigned int i = first; i < end; i++) {
		unsigned int from = i + 1 > FZ_HUGE ? i + 1 - FZ_HUGE : 0;

		if (!map->bar && !fz_mapping_parted(s->m, map, i) && !fz_mapping_open(s->m, map, i))
			continue;
		from = from > to ? from : to;
		to = i + FZ_HUGE < map->pages ? i + FZ_HUGE : map->pages;
		pages += to - from;
	}
	return pages;
}

/* Where huge pages are, a refresh replaces whole ones, beyond the range asked for: ask what it did. */
static void learn(struct fz_session *s, struct fz_mapping *map, unsigned int first, unsigned int end)
{
	static struct holdfast_range range[FZ_PAGES];
	const unsigned int from = first > FZ_HUGE ? first - FZ_HUGE : 0;
	unsigned int to = end + FZ_HUGE;
	long nr;

	to = to < map->pages ? to : map->pages;
	nr = hf_try_incoherent(&s->container[map->container], fz_iova(map->iova),
			       fz_iova(map->iova + map->pages) - 1, range, FZ_PAGES, NULL);
	fz_settle_private(s, fz_proc_of(s->m, map->mm), map->page + from, to - from);
	for (unsigned int i = from; nr >= 0 && i < to; i++) {
		const uint64_t iova = fz_iova(map->iova + i);
		bool parted = false;

		for (long k = 0; k < nr; k++)
			parted |= iova >= range[k].iova && iova < range[k].iova + range[k].size;
		if (!parted && fz_mapping_parted(s->m, map, i))
			fz_mapping_repin(s->m, map, i);
	}
}

int64_t fz_play_refresh(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int who = fz_op_arg(op, 0), c = fz_op_arg(op, 1), iova = fz_op_arg(op, 2);
	unsigned int count = fz_op_arg(op, 3), parted, replaced = 0;
	struct fz_mapping *map, *failed = NULL;
	struct holdfast_refresh refresh = { .argsz = sizeof(refresh), .iova = fz_iova(iova) };
	int64_t want = -ENOENT, ret;
	uint64_t more;

	if (s->o.stock || !fz_alive(s, who) || !fz_model_room(s->m, 2 * FZ_PAGES))
		return FZ_SKIPPED;
	if (iova + count > FZ_IOVAS)
		count = FZ_IOVAS - iova;
	refresh.size = count * FZ_PAGE_BYTES;
	if (!s->m->container[c].typed)
		want = -EINVAL;
	/* How much is left to compare depends on how far the auditor's worker is. */
	s->chance = s->m->container[c].audited;
	ret = fz_ioctl(s, who, c, HOLDFAST_REFRESH, &refresh, sizeof(refresh));
	s->chance = false;
	map = s->m->container[c].typed ? fz_mapping_next(s->m, c, iova) : NULL;
	for (; map && map->iova < iova + count; map = fz_mapping_next(s->m, c, map->iova + map->pages)) {
		const unsigned int first = iova > map->iova ? iova - map->iova : 0;
		const unsigned int end = iova + count < map->iova + map->pages ?
						 iova + count - map->iova :
						 map->pages;

		want = will_refresh(s, map, who, first, end,
				    ret == -EFAULT && is_in(map, refresh.failed), &parted);
		/* Old and new pages are charged for a moment. */
		more = most_replaced(s, map, first, end);
		if (ret == -ENOMEM && (want == 0 || want == -EFAULT) && more && !s->m->proc[who].ipc_lock &&
		    fz_charged(s, c, who) + more > fz_mm_limit(s->m, map->mm))
			want = ret;
		if (!ret && !want && !map->bar && parted && !s->m->proc[who].ipc_lock &&
		    fz_mm_owned(s->m, map->mm) &&
		    fz_charged(s, c, who) + parted > fz_mm_limit(s->m, map->mm))
			want = -ENOMEM;
		/* A huge page that is replaced must be pinnable as a whole. */
		for (unsigned int i = first; i < end; i++)
			parted += fz_mapping_open(s->m, map, i);
		if (ret == -EFAULT && want == 0 && parted && is_in(map, refresh.failed))
			want = ret;
		if (want) {
			failed = map;
			if (!map->bar && fz_proc_of(s->m, map->mm) < FZ_PROCS)
				fz_settle_private(s, fz_proc_of(s->m, map->mm), map->page, map->pages);
			break;
		}
		for (unsigned int i = first; i < end; i++) {
			if (!map->bar && fz_mapping_parted(s->m, map, i)) {
				fz_mapping_repin(s->m, map, i);
				replaced++;
			}
		}
		if (!map->bar)
			learn(s, map, first, end);
	}
	if (!fz_expect(s, ret, want, "refresh"))
		return ret;
	if (ret == -EFAULT && failed && !is_in(failed, refresh.failed))
		fz_object(s, FZ_ORACLE_ANSWER, "failed-where", "refresh failed at 0x%llx, in no mapping that can",
			  (unsigned long long)refresh.failed);
	if (ret == 0 && refresh.refreshed < replaced * FZ_PAGE_BYTES)
		fz_object(s, FZ_ORACLE_ANSWER, "too-few", "%llu bytes refreshed, of %llu that had parted",
			  (unsigned long long)refresh.refreshed,
			  (unsigned long long)replaced * FZ_PAGE_BYTES);
	return ret;
}
