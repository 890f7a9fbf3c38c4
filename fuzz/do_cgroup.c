// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_cgroup.c - a process maps in a memory cgroup whose limit it meets, or just does not.
 *
 * The child is forked outside, so it is charged for what it gets from then on: a page for each page that
 * the map faults in or copies, and what the module and the IOMMU driver allocate for it. At the limit the
 * kernel kills it, or if it must not be killed, its faults fail. Which of its pages that meets, and
 * whether the map is through before, is known only where the limit is far from what is needed: in
 * between both are right (cgroup-v2.rst says when the killer comes, not how exactly pages are counted,
 * which is in batches for each CPU). Whatever happens, all of the mapping is there or nothing.
 */
#include <errno.h>
#include <holdfast/pagemap.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "game.h"

#define GROUP FZ_CGROUP "/starved"
/* Pages that are counted ahead, on all CPUs, and that the kernel takes for itself. */
#define UNSURE 512U

static bool have_group(struct fz_session *s)
{
	if (s->cgroup)
		return true;
	if (!s->kmem || (mkdir(GROUP, 0755) && errno != EEXIST))
		return false;
	/* What is there already would be swapped out to make room. No kernel without swap has the file. */
	hf_proc_write_file(GROUP "/memory.swap.max", "0");
	/* Of a session that was killed the limit may be left, and be met before there is to be one. */
	hf_proc_write_file(GROUP "/memory.max", "max");
	s->cgroup = true;
	return true;
}

/* A number in one of the group's files; with @key, in the line of that name. */
static int64_t group_number(const char *file, const char *key)
{
	char path[128], text[8192], *at = text;
	long long n = -1;

	snprintf(path, sizeof(path), GROUP "/%s", file);
	if (hf_proc_read_file(path, text, sizeof(text)) <= 0)
		return -1;
	if (key)
		at = strstr(text, key);
	return at && sscanf(at + (key ? strlen(key) : 0), "%lld", &n) == 1 ? n : -1;
}

/*
 * Pages that are charged to the group go with the last pin. Only at a session's end, since the kernel may
 * take two seconds to add the numbers of its CPUs up.
 */
static void check_empty(struct fz_session *s)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	int64_t anon = 0;

	s->stats.checks[FZ_ORACLE_BALANCE]++;
	for (unsigned int i = 0; i < 300 * s->slow; i++) {
		anon = group_number("memory.stat", "anon ");
		if (anon <= 0)
			return;
		nanosleep(&nap, NULL);
	}
	fz_object(s, FZ_ORACLE_BALANCE, "cgroup",
		  "%lld bytes of processes that are gone are still charged to their memory cgroup",
		  (long long)anon);
}

void fz_cgroup_end(struct fz_session *s)
{
	const struct timespec nap = { .tv_nsec = 10000000 };

	if (s->cgroup && !s->hung)
		check_empty(s);
	for (unsigned int i = 0; s->cgroup && rmdir(GROUP) && i < 200; i++)
		nanosleep(&nap, NULL);
	s->cgroup = false;
}

/* Put a process into the group, with room for so many pages more. */
static int enter(struct fz_session *s, unsigned int who, unsigned int room, bool spared)
{
	char path[64], text[32];
	int64_t now;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", fz_slot(s, who)->pid);
	ret = hf_proc_write_file(path, spared ? "-1000" : "0");
	snprintf(text, sizeof(text), "%d", fz_slot(s, who)->pid);
	if (!ret)
		ret = hf_proc_write_file(GROUP "/cgroup.procs", text);
	/* It gets what it needs for itself, and for a request's struct, before there is a limit. */
	if (!ret)
		fz_call(s, who, SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (uintptr_t)fz_slot(s, who)->data, 0);
	now = group_number("memory.current", NULL);
	if (!ret && now < 0)
		ret = -EIO;
	snprintf(text, sizeof(text), "%lld", (long long)(now + room * (int64_t)FZ_PAGE_BYTES));
	return ret ?: hf_proc_write_file(GROUP "/memory.max", text);
}

/*
 * Pages that the map cannot do without: fresh ones, and copies of what is the parent's, too. Of a huge
 * page of which a device has a part the fork has copied all, and was charged elsewhere.
 */
static unsigned int needed(struct fz_session *s, unsigned int who, unsigned int page,
			   unsigned int count)
{
	static uint64_t entry[FZ_SMALL_PAGES];
	unsigned int n = 0;

	if (page >= FZ_SMALL_PAGES)
		return 0;
	fz_clip(&page, &count);
	if (!fz_pagemap(s, who, page, count, entry))
		return 0;
	for (unsigned int i = 0; i < count; i++) {
		const struct fz_pte *pte = fz_pte(s->m, who, page + i);

		n += pte->vma == FZ_VMA_ANON && (!pte->frame || s->m->frame[pte->frame].refs > 1) &&
		     !(hf_pagemap_present(entry[i]) && entry[i] & FZ_EXCLUSIVE);
	}
	return n;
}

/*
 * Has the range a huge page of a file that nobody has touched? The file takes it in with memory that is
 * charged to whoever faults, and where there is none the fault ends as if the page were not there.
 */
static bool misses_huge_file(struct fz_session *s, unsigned int who, unsigned int page,
			     unsigned int count)
{
	bool there;

	for (unsigned int i = page; i < page + count && i < FZ_PAGES; i++) {
		const unsigned int first = i / FZ_HUGE * FZ_HUGE;

		if (!fz_huge(i) || fz_pte(s->m, who, i)->vma != FZ_VMA_SHARED)
			continue;
		/* One page of it that was touched brought all of it. */
		there = false;
		for (unsigned int k = first; k < first + FZ_HUGE && !there; k++)
			there = fz_page_frame(s->m, who, k) != 0;
		if (!there)
			return true;
		i = first + FZ_HUGE - 1;
	}
	return false;
}

/* May a map that has not enough room answer that? It has changed nothing then. */
static bool may_answer(struct fz_session *s, const struct fz_op *map, int64_t answer)
{
	return answer == -ENOMEM ||
	       (answer == -EFAULT && misses_huge_file(s, map->arg[0], map->arg[2], map->arg[3]));
}

/* Map, with the limit in force; 1: the process was killed. */
static int64_t map_starved(struct fz_session *s, unsigned int who, const struct fz_op *map)
{
	struct fz_slot *slot = fz_slot(s, who);
	int ret;

	fz_send_map(s, map, who);
	ret = fz_worker_wait(slot, 3000 * s->slow);
	/* One that may not be killed waits for ever for a page of its own, behind the answer. */
	hf_proc_write_file(GROUP "/memory.max", "max");
	if (ret == -ETIMEDOUT)
		ret = fz_worker_wait(slot, s->o.timeout_ms);
	if (ret != -ETIMEDOUT)
		return ret ? 1 : slot->ret;
	s->hung = true;
	fz_object(s, FZ_ORACLE_HANG, "starved", "a map in a memory cgroup does not come back");
	return ret;
}

int64_t fz_play_starved(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int iova = fz_op_arg(op, 0), page = fz_op_arg(op, 1);
	const unsigned int room = fz_op_arg(op, 3), who = FZ_PROCS - 1;
	const bool spared = fz_op_arg(op, 4);
	unsigned int count = fz_op_arg(op, 2), least, few;
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = fz_iova(iova) };
	const struct fz_op fork = { .code = FZ_FORK, .arg = { (uint16_t)who } };
	const struct fz_op end = { .code = FZ_KILL, .arg = { (uint16_t)who } };
	struct fz_op map = { .code = FZ_MAP, .arg = { (uint16_t)who, (uint16_t)iova, (uint16_t)page, 0,
						      FZ_PROT_READ | FZ_PROT_WRITE } };
	int64_t ret, answer;

	if (iova + count > FZ_IOVAS)
		count = FZ_IOVAS - iova;
	map.arg[3] = (uint16_t)count;
	if (fz_alive(s, who) || fz_mapping_overlaps(s->m, 0, iova, count) || !fz_mapping_room(s->m) ||
	    !fz_model_room(s->m, 3 * FZ_PAGES) || !have_group(s))
		return FZ_SKIPPED;
	ret = fz_play_fork(s, &fork);
	if (ret)
		return ret;
	fz_log_starving(&s->log, true);
	ret = enter(s, who, room, spared);
	fz_expect(s, ret, 0, "a memory cgroup");
	least = needed(s, who, page, count);
	answer = ret ? ret : map_starved(s, who, &map);
	fz_log_starving(&s->log, false);
	if (s->hung || s->wrong)
		return answer;
	s->stats.checks[FZ_ORACLE_ANSWER]++;
	if (answer == 1 && (spared || room >= count + 2 * FZ_HUGE + UNSURE))
		fz_object(s, FZ_ORACLE_ANSWER, "killed", "a process was killed in a memory cgroup %s",
			  spared ? "though it must not be" : "with room for all it maps");
	else if (answer == 0 && least > room + UNSURE)
		fz_object(s, FZ_ORACLE_ANSWER, "beyond", "%u pages were mapped in a memory cgroup with room for %u",
			  least, room);
	/* A map for which there is no memory says so (docs/abi.md). */
	else if (answer != 1 && !(spared && room < count + 2 * FZ_HUGE + UNSURE &&
				  may_answer(s, &map, answer)))
		fz_judge_map(s, &map, answer);
	if (answer != 1 && !s->wrong) {
		fz_check_charges(s);
		few = count < 16 ? count : 16;
		fz_check_cpu(s, who, page, page + few > FZ_PAGES ? FZ_PAGES - page : few);
	}
	if (s->wrong)
		return answer;
	ret = fz_play_kill(s, &end);
	if (ret)
		return ret;
	if (answer == 0)
		fz_apply_unmap(s, 0, iova, count);
	unmap.size = count * FZ_PAGE_BYTES;
	s->chance = true;
	ret = fz_ioctl(s, 0, 0, VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
	s->chance = false;
	fz_expect(s, ret, 0, "unmap of what a starved process mapped");
	/* Who was killed may have been through with it; who was told of an error has nothing mapped. */
	if (answer != 1 || unmap.size)
		fz_expect(s, (int64_t)unmap.size, answer < 0 ? 0 : (int64_t)(count * FZ_PAGE_BYTES),
			  "bytes unmapped:");
	if (!s->wrong)
		fz_check_blocked(s, iova);
	return answer == 1 ? -ESRCH : answer;
}
