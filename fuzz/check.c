// SPDX-License-Identifier: GPL-2.0-only
/*
 * check.c - what processes and the device really see, and what is charged, against the model.
 *
 * Before the device writes something anywhere it writes a tag nobody has seen; before it reads into the
 * bounce buffer, that holds what no frame holds. So a transfer that did not happen is never taken for one.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <holdfast/info.h>
#include <holdfast/user.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "game.h"

#define POISON 0xdeaddeaddeaddeadULL
#define WORDS (FZ_TAG_BYTES / 8)
/* Pages at each end of a mapping that the device tries in the end. */
#define EDGE 24U
/* dma_entry_limit's default. */
#define ENTRY_LIMIT 65535U

static void compare(struct fz_session *s, const char *slug, const char *what, unsigned int who,
		    uint64_t bytes, uint64_t pages)
{
	char text[32];

	s->stats.checks[FZ_ORACLE_CHARGE]++;
	if (bytes == pages * FZ_PAGE_BYTES)
		return;
	snprintf(text, sizeof(text), "%s%s", slug, bytes > pages * FZ_PAGE_BYTES ? "more" : "less");
	fz_object(s, FZ_ORACLE_CHARGE, text, "process %u has %llu pages %s, not %llu", who,
		  (unsigned long long)(bytes / FZ_PAGE_BYTES), what, (unsigned long long)pages);
}

void fz_check_charges(struct fz_session *s)
{
	for (unsigned int who = 0; who < FZ_PROCS && !s->wrong; who++) {
		struct hf_proc_mem mem;

		if (!fz_alive(s, who) || hf_proc_mem(fz_slot(s, who)->pid, &mem))
			continue;
		compare(s, "", "locked", who, mem.vmlck, fz_proc_locked(s->m, who));
		/* Where a user pays, the kernel shows whose memory it is as this. */
		compare(s, "pinned-", "pinned", who, mem.vmpin, fz_proc_pinned(s->m, who));
	}
}

/* References of the zero page, if the module that tells is there (tests/emulated); else LONG_MIN. */
static long zero_page_refs(void)
{
	char text[32];

	return hf_proc_read_file("/sys/module/holdfast_testdev/parameters/zero_page_refs", text,
				 sizeof(text)) > 0 ? strtol(text, NULL, 10) : LONG_MIN;
}

void fz_note_zero_page(struct fz_session *s)
{
	s->zero_page_refs = zero_page_refs();
}

void fz_check_zero_page(struct fz_session *s)
{
	const long now = zero_page_refs();

	if (now == LONG_MIN || s->zero_page_refs == LONG_MIN)
		return;
	s->stats.checks[FZ_ORACLE_BALANCE]++;
	if (now != s->zero_page_refs)
		fz_object(s, FZ_ORACLE_BALANCE, "zero-page", "%+ld references of the zero page are left",
			  now - s->zero_page_refs);
}

/* It takes a process and a message, and each of them may fail once. */
static int user_locked(const struct fz_session *s, uint64_t *bytes)
{
	const int patience = 5000 * (int)s->slow;
	const int ret = hf_user_locked(0, patience, bytes);

	return ret && ret != -EOVERFLOW ? hf_user_locked(0, patience, bytes) : ret;
}

bool fz_note_user(struct fz_session *s)
{
	return !user_locked(s, &s->user);
}

uint64_t fz_charged(const struct fz_session *s, unsigned int c, unsigned int who)
{
	/* All processes here are root's. */
	return s->m->container[c].user ? s->user / FZ_PAGE_BYTES + fz_user_locked(s->m) :
					 fz_proc_locked(s->m, who);
}

void fz_check_user(struct fz_session *s, uint64_t pages)
{
	const uint64_t want = s->user + pages * FZ_PAGE_BYTES;
	uint64_t now;
	int ret;

	s->stats.checks[FZ_ORACLE_CHARGE]++;
	ret = user_locked(s, &now);
	if (ret == -EOVERFLOW)
		fz_object(s, FZ_ORACLE_CHARGE, "user-less", "the user's count is below zero");
	else if (ret)
		fz_object(s, FZ_ORACLE_CHARGE, "user-unknown", "what the user has locked cannot be told any more: %s",
			  strerror(-ret));
	else if (now != want)
		fz_object(s, FZ_ORACLE_CHARGE, now > want ? "user-more" : "user-less",
			  "with %llu pages mapped the user has %lld pages more locked than before",
			  (unsigned long long)pages,
			  (long long)(now - s->user) / (long long)FZ_PAGE_BYTES);
}

static const char *looked(unsigned int how)
{
	static const char *const text[] = { "well", "torn", "a fault", "nothing" };

	return text[how % 4];
}

static void check_look(struct fz_session *s, unsigned int who, unsigned int page, unsigned int how,
		       uint64_t tag)
{
	bool lazy;
	uint64_t want;

	s->stats.checks[FZ_ORACLE_CPU]++;
	if (!fz_page_readable(s->m, who, page)) {
		if (how != FZ_LOOKED_FAULT && how != FZ_LOOKED_NOTHING)
			fz_object(s, FZ_ORACLE_CPU, "permission",
				  "process %u can look at page %u, which it must not", who, page);
		return;
	}
	want = fz_page_tag(s->m, who, page, &lazy);
	if (how == FZ_LOOKED_WELL && (tag == want || (lazy && !tag))) {
		fz_page_seen(s->m, who, page, tag);
		return;
	}
	if (how == FZ_LOOKED_WELL)
		fz_object(s, FZ_ORACLE_CPU, "bytes", "process %u reads %llx in page %u, not %llx%s", who,
			  (unsigned long long)tag, page, (unsigned long long)want, lazy ? " or zero" : "");
	else
		fz_object(s, FZ_ORACLE_CPU, looked(how), "process %u reads page %u: %s, not %llx%s", who, page,
			  looked(how), (unsigned long long)want, lazy ? " or zero" : "");
}

void fz_check_cpu(struct fz_session *s, unsigned int who, unsigned int page, unsigned int count)
{
	struct fz_slot *slot = fz_slot(s, who);
	struct fz_look *look = (struct fz_look *)(void *)slot->data;

	slot->what = FZ_DO_LOOK;
	slot->arg[0] = fz_addr(page);
	slot->arg[1] = count;
	if (fz_request(s, who))
		return;
	for (unsigned int i = 0; i < count && !s->wrong; i++)
		check_look(s, who, page + i, look->how[i], look->tag[i]);
	/* Who reads what a huge file lacks has private zeroes from then on (hugetlb_no_page(), Linux 6.1 to 7.2). */
	if (page + count > FZ_SMALL_PAGES)
		fz_settle_private(s, who, page, count);
}

static uint64_t *bounce(struct fz_session *s)
{
	return s->bounce.addr;
}

/* A transfer of one tag; false when the engine does not work any more. */
static bool transfer(struct fz_session *s, uint64_t dst, uint64_t src)
{
	int ret = hf_dma_copy(s->dma, dst, src, FZ_TAG_BYTES);

	if (!ret)
		return true;
	fz_object(s, FZ_ORACLE_DEVICE, "engine", "DMA from 0x%llx to 0x%llx: %s",
		  (unsigned long long)src, (unsigned long long)dst, strerror(-ret));
	s->hung = true;
	return false;
}

static bool device_reads(struct fz_session *s, unsigned int iova, uint64_t *tag, bool *torn)
{
	volatile uint64_t *to = bounce(s);

	for (unsigned int i = 0; i < WORDS; i++)
		to[i] = POISON;
	if (!transfer(s, s->bounce_iova, fz_iova(iova)))
		return false;
	*tag = to[0];
	*torn = false;
	for (unsigned int i = 1; i < WORDS; i++)
		*torn |= to[i] != *tag;
	return true;
}

static bool device_writes(struct fz_session *s, unsigned int iova, uint64_t tag)
{
	volatile uint64_t *from = bounce(s);

	for (unsigned int i = 0; i < WORDS; i++)
		from[i] = tag;
	return transfer(s, fz_iova(iova), s->bounce_iova);
}

static void check_page(struct fz_session *s, const struct fz_mapping *map, unsigned int iova,
		       bool write)
{
	const unsigned int i = iova - map->iova;
	struct fz_frame *f = map->bar ? &s->m->bar[fz_bar_page(map->page + i)] :
					&s->m->frame[s->m->pinned[map->pinned + i]];
	uint64_t tag;
	bool torn;

	/* Some IOMMUs cannot forbid reading alone, so what is write-only is not tried. */
	if (map->prot & FZ_PROT_READ) {
		s->stats.checks[FZ_ORACLE_DEVICE]++;
		if (!device_reads(s, iova, &tag, &torn))
			return;
		/* Nobody knows what is in a BAR at first. */
		if (map->bar && !f->tag && torn)
			return;
		if (torn || (tag != f->tag && !(f->lazy && !tag) && !(map->bar && !f->tag)))
			fz_object(s, FZ_ORACLE_DEVICE, "reads",
				  "the device reads %llx%s from page %u of the window, not %llx",
				  (unsigned long long)tag, torn ? " (torn)" : "", iova,
				  (unsigned long long)f->tag);
		fz_frame_seen(f, tag);
	}
	if (!write || s->wrong)
		return;
	if (!(map->prot & FZ_PROT_WRITE)) {
		s->stats.checks[FZ_ORACLE_BLOCKED]++;
		if (device_writes(s, iova, fz_tag(s->m)) && device_reads(s, iova, &tag, &torn) &&
		    (torn || tag != f->tag))
			fz_object(s, FZ_ORACLE_BLOCKED, "read-only",
				  "the device has written to page %u of the window, which it may only read",
				  iova);
		return;
	}
	s->stats.checks[FZ_ORACLE_DEVICE]++;
	tag = fz_tag(s->m);
	if (!device_writes(s, iova, tag))
		return;
	fz_frame_write(f, tag);
}

void fz_check_device(struct fz_session *s, unsigned int iova, unsigned int count, bool write)
{
	for (unsigned int i = iova; i < iova + count && i < FZ_IOVAS && !s->wrong; i++) {
		const struct fz_mapping *map = fz_mapping_next(s->m, 0, i);

		if (map && map->iova <= i)
			check_page(s, map, i, write);
	}
}

void fz_check_meanwhile(struct fz_session *s, unsigned int turn)
{
	const struct fz_mapping *map = &s->m->mapping[turn % FZ_MAPPINGS];
	const struct fz_op *op = &s->played.op[s->step];
	const bool cut = op->code == FZ_MADVISE && fz_op_arg(op, 3) == FZ_REMOVE;
	const struct fz_frame *f;
	unsigned int i;
	uint64_t tag;
	bool torn;

	/*
	 * What nothing but the device and its own CPU write to now stays as it is. A part of a huge page that is
	 * cut out of a file is zeroed before its pins are met.
	 */
	if (!map->used || map->container || map->bar || !(map->prot & FZ_PROT_READ))
		return;
	i = turn * 7 % map->pages;
	f = &s->m->frame[s->m->pinned[map->pinned + i]];
	if (f->lazy)
		return;
	s->stats.checks[FZ_ORACLE_DEVICE]++;
	if (device_reads(s, map->iova + i, &tag, &torn) && (torn || tag != f->tag) && !(cut && (torn || !tag)))
		fz_object(s, FZ_ORACLE_DEVICE, "meanwhile",
			  "while a process is at work the device reads %llx from page %u of the window, not %llx",
			  (unsigned long long)tag, map->iova + i, (unsigned long long)f->tag);
}

void fz_check_blocked(struct fz_session *s, unsigned int iova)
{
	uint64_t tag;
	bool torn;

	s->stats.checks[FZ_ORACLE_BLOCKED]++;
	if (device_reads(s, iova, &tag, &torn) && tag && tag != POISON)
		fz_object(s, FZ_ORACLE_BLOCKED, "reads",
			  "the device reads %llx from page %u of the window, which is not mapped",
			  (unsigned long long)tag, iova);
	/* Where it went if it was let through, the other checks find. */
	if (!s->wrong)
		device_writes(s, iova, fz_tag(s->m));
}

static void check_ranges(struct fz_session *s, unsigned int c, unsigned int iova,
			 unsigned int count, const struct holdfast_range *range, long nr)
{
	long k = 0;

	for (unsigned int i = iova; i < iova + count && !s->wrong; i++) {
		const struct fz_mapping *map = fz_mapping_next(s->m, c, i);
		bool got, want;

		while (k < nr && range[k].iova + range[k].size <= fz_iova(i))
			k++;
		got = k < nr && range[k].iova <= fz_iova(i);
		want = map && map->iova <= i && fz_mapping_parted(s->m, map, i - map->iova);
		/* What an area of device memory that maps nothing shows next is left open. */
		if (map && map->iova <= i && fz_mapping_open(s->m, map, i - map->iova))
			continue;
		if (got != want)
			fz_object(s, FZ_ORACLE_AUDITOR, want ? "missed" : "false-alarm",
				  "page %u of the window (page %u of the arena) is told to be %s", i,
				  map ? map->page + (i - map->iova) : 0,
				  got ? "incoherent" : "coherent");
	}
}

/* Does the range hold what cannot be compared; @dead: because its process is gone? */
static bool partial_there(struct fz_session *s, unsigned int c, unsigned int iova,
			  unsigned int count, bool *dead)
{
	const struct fz_mapping *map = fz_mapping_next(s->m, c, iova);
	bool found = false;

	*dead = false;
	for (; map && map->iova < iova + count;
	     map = fz_mapping_next(s->m, c, map->iova + map->pages)) {
		found |= map->stale || !s->m->mm_alive[map->mm];
		*dead |= !s->m->mm_alive[map->mm];
	}
	return found;
}

void fz_check_auditor(struct fz_session *s, unsigned int c, unsigned int iova, unsigned int count)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	static struct holdfast_range range[FZ_IOVAS];
	bool partial, want, dead;
	long nr;

	want = partial_there(s, c, iova, count, &dead);
	for (unsigned int tries = 0;; tries++) {
		nr = hf_try_incoherent(&s->container[c], fz_iova(iova), fz_iova(iova + count) - 1,
				       range, FZ_IOVAS, &partial);
		/* Memory may outlive its process while the auditor is at work there. */
		if (!dead || tries == 1000 * s->slow || (nr >= 0 && partial))
			break;
		nanosleep(&nap, NULL);
	}
	s->stats.checks[FZ_ORACLE_AUDITOR]++;
	if (nr < 0) {
		fz_object(s, FZ_ORACLE_AUDITOR, "answer", "asking what is incoherent: %s",
			  strerror((int)-nr));
		return;
	}
	if (partial != want)
		fz_object(s, FZ_ORACLE_AUDITOR, "partial", "all memory could %sbe compared",
			  partial ? "not " : "");
	check_ranges(s, c, iova, count, range, nr);
}

/* Any page of the session's container that has parted, or may have. */
static bool any_parted(const struct fz_session *s, bool certain)
{
	for (unsigned int k = 0; k < FZ_MAPPINGS; k++) {
		const struct fz_mapping *map = &s->m->mapping[k];

		for (unsigned int i = 0; map->used && !map->container && i < map->pages; i++)
			if ((fz_mapping_parted(s->m, map, i) && !fz_mapping_open(s->m, map, i)) ||
			    (!certain && fz_mapping_open(s->m, map, i)))
				return true;
	}
	return false;
}

void fz_check_parted(struct fz_session *s)
{
	if (!s->parted)
		s->parted = any_parted(s, false);
}

/* Who listens is told when memory parts, and of nothing else. */
static void check_told(struct fz_session *s)
{
	struct pollfd p = { .fd = s->told, .events = POLLIN };
	const bool must = any_parted(s, true);
	int n;

	s->stats.checks[FZ_ORACLE_AUDITOR]++;
	/* Holes in memory that is absent are looked for every 8 s at the latest (docs/coherence.md). */
	n = poll(&p, 1, must ? 12000 * (int)s->slow : 0);
	if (must && !n)
		fz_object(s, FZ_ORACLE_AUDITOR, "not-told", "memory has parted, and nobody was told");
	if (!s->parted && n > 0)
		fz_object(s, FZ_ORACLE_AUDITOR, "told", "told of memory that parted, and none had");
}

/* Pages that hold something, in stretches. */
static void check_process(struct fz_session *s, unsigned int who)
{
	unsigned int first = FZ_PAGES;

	for (unsigned int page = 0; page <= FZ_PAGES && !s->wrong; page++) {
		const bool known = page < FZ_PAGES && fz_page_frame(s->m, who, page);

		if (known && first == FZ_PAGES)
			first = page;
		if (first < page && (!known || page - first == FZ_LOOK)) {
			fz_check_cpu(s, who, first, page - first);
			first = known ? page : FZ_PAGES;
		}
	}
}

static void check_processes(struct fz_session *s)
{
	for (unsigned int who = 0; who < FZ_PROCS && !s->wrong; who++)
		if (fz_alive(s, who))
			check_process(s, who);
}

/* Ends of mappings, and what has something in it. */
static void check_mappings(struct fz_session *s, unsigned int c, bool write)
{
	for (unsigned int k = 0; k < FZ_MAPPINGS; k++) {
		const struct fz_mapping *map = &s->m->mapping[k];

		if (!map->used || map->container != c)
			continue;
		for (unsigned int i = 0; i < map->pages && !s->wrong; i++)
			if (i < EDGE || i + EDGE >= map->pages ||
			    (!write && !map->bar && s->m->frame[s->m->pinned[map->pinned + i]].tag))
				check_page(s, map, map->iova + i, write && map->prot & FZ_PROT_WRITE);
	}
}

void fz_check_reach(struct fz_session *s, unsigned int c)
{
	check_mappings(s, c, false);
	check_mappings(s, c, true);
	for (unsigned int k = 0; k < FZ_MAPPINGS && !s->wrong; k++) {
		const struct fz_mapping *map = &s->m->mapping[k];
		const unsigned int end = map->iova + map->pages;

		if (!map->used || map->container != c)
			continue;
		if (map->prot == FZ_PROT_READ)
			check_page(s, map, end - 1, true);
		if (!s->wrong && end < FZ_IOVAS && !fz_mapping_overlaps(s->m, c, end, 1))
			fz_check_blocked(s, end);
	}
}

/* Mappings that may still be made (dma_entry_limit, at its default). */
static void check_room(struct fz_session *s, unsigned int c)
{
	unsigned int want = ENTRY_LIMIT - (c ? 0 : FZ_PORT_MAPPINGS);
	struct hf_iommu_info info;

	for (unsigned int i = 0; i < FZ_MAPPINGS; i++)
		want -= s->m->mapping[i].used && s->m->mapping[i].container == c;
	s->stats.checks[FZ_ORACLE_ANSWER]++;
	if (hf_container_info(&s->container[c], &info) || !info.has_dma_avail)
		fz_object(s, FZ_ORACLE_ANSWER, "info", "container %u says nothing of itself", c);
	else if (info.dma_avail != want)
		fz_object(s, FZ_ORACLE_ANSWER, "avail", "%u more mappings may be made, not %u",
			  info.dma_avail, want);
}

void fz_check_all(struct fz_session *s)
{
	s->step = -1;
	if (s->listening)
		check_told(s);
	check_processes(s);
	check_mappings(s, 0, false);
	for (unsigned int c = 0; c < FZ_CONTAINERS && !s->wrong && !s->o.stock; c++)
		if (s->m->container[c].typed)
			fz_check_auditor(s, c, 0, FZ_IOVAS);
	for (unsigned int c = 0; c < FZ_CONTAINERS && !s->wrong; c++)
		if (s->m->container[c].typed)
			check_room(s, c);
	/* The other direction, and who must see it. */
	check_mappings(s, 0, true);
	check_processes(s);
	fz_check_charges(s);
}
