// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress - many threads and processes on one container, and on a second one, that do all they
 * may, at random, for some seconds; and what must be true meanwhile and in the end.
 *
 * In container A:
 *	mappers		map, unmap, with and without a bitmap, ranges of their own, and a window
 *			they contend for; start, stop and read dirty tracking
 *	arena		changes the memory that the window's mappings are made of: DONTNEED,
 *			mremap, munmap, mprotect, PAGEOUT, COLLAPSE
 *	joiner		attaches and detaches a second group
 *	spawner		forks; children write, map and exit, map and exec, are killed in the middle
 *			of a map, run into RLIMIT_MEMLOCK
 *	settings	switches module parameters that may be switched at any time
 * The main thread checks mappings in A through the device all the time. Container B belongs to
 * processes that come and go, with threads inside its requests when they exit, are killed or
 * detach its last group.
 *
 * Meanwhile: every answer is one of the few allowed, the main thread's mappings stay coherent,
 * nobody is stuck. In the end: what was mapped and not unmapped in the window is what a last
 * unmap finds; mappings that were left are right, also for a group that joins late; pins,
 * locked memory, huge pages, references and kernel memory are back where they were.
 *
 * HOLDFAST_STRESS_SECONDS: length of each case (default 5, longer on a slow kernel; give the
 * runner a TEST_TIMEOUT to match).
 * HOLDFAST_STRESS_SEED: another seed than 1; each worker's requests follow from it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "crowd.h"
#include "harness.h"
#include "level.h"
#include "module.h"
#include "pages.h"
#include "side.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1 */
#endif

#define DEFAULT_SECONDS 5

/* IOVAs in A: a terabyte for each purpose. */
#define PURPOSE (1ULL << 40)
#define MAPPER_IOVA (1 * PURPOSE)
#define WINDOW_IOVA (2 * PURPOSE)
#define CHILD_IOVA (3 * PURPOSE)
#define CHECKED_IOVA (4 * PURPOSE)
/* In B. */
#define B_IOVA PURPOSE

#define MAPPERS 4
#define SLOTS 6
#define SLOT_SPAN T_1G
#define WINDOW_PAGES 256
#define ARENA_LEN (2 * T_2M)
#define CHECKED 3

struct slot {
	char *addr; /* NULL: not mapped */
	uint64_t iova;
	size_t len;
	uint32_t prot;
};

#define MAPPER_KINDS 4

struct mapper {
	struct hf_mem mem[MAPPER_KINDS];
	struct slot slot[SLOTS];
};

/* What the workers share. */
struct stress {
	struct t *t;
	struct hf_container a;
	struct t_side side[2];
	char b_bdf[HF_BDF_LEN];
	struct t_pages checked[CHECKED];
	struct hf_mem checked_mem[CHECKED];
	struct mapper mapper[MAPPERS];
	struct hf_mem arena;
	/* Bytes mapped in the window, as the answers say. */
	_Atomic int64_t window;
	struct t_crowd crowd;
};

static struct stress s;

static const uint32_t prots[] = { HF_READ, HF_WRITE, HF_RW, HF_RW };

/* Some leave the others time to do something. */
static void rest(struct t_worker *w, uint64_t most_us)
{
	usleep((useconds_t)t_random(w, most_us));
}

/* Mappers: ranges of their own */

static struct slot *some_slot(struct t_worker *w, struct mapper *m, bool mapped)
{
	const size_t first = t_random(w, SLOTS);

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &m->slot[(first + i) % SLOTS];

		if (!slot->addr == !mapped)
			return slot;
	}
	return NULL;
}

static uint64_t slot_iova(const struct t_worker *w, const struct mapper *m, const struct slot *slot)
{
	return MAPPER_IOVA + (w->number * SLOTS + (uint64_t)(slot - m->slot)) * SLOT_SPAN;
}

static int map_slot(struct t_worker *w)
{
	struct mapper *m = w->data;
	const struct hf_mem *mem = &m->mem[t_random(w, MAPPER_KINDS)];
	const size_t pages = mem->len / T_PAGE, first = t_random(w, pages);
	const size_t n = 1 + t_random(w, pages - first);
	const uint64_t skip = t_random(w, 1000) * T_PAGE;
	const uint32_t prot = prots[t_random(w, T_ARRAY_SIZE(prots))];
	struct slot *slot = some_slot(w, m, false);
	int ret;

	if (!slot)
		return 0;
	*slot = (struct slot){ .iova = slot_iova(w, m, slot) + skip, .len = n * T_PAGE,
			       .prot = prot };
	ret = hf_try_map(&s.a, slot->iova, (char *)mem->addr + first * T_PAGE, slot->len, prot);
	if (!ret)
		slot->addr = (char *)mem->addr + first * T_PAGE;
	return ret;
}

static int unmapped_is(struct t_worker *w, struct slot *slot, uint64_t unmapped)
{
	const size_t len = slot->len;

	slot->addr = NULL;
	return unmapped == len ? 0 :
				 t_wrong(w, "0x%llx bytes unmapped of 0x%zx",
					 (unsigned long long)unmapped, len);
}

static int unmap_slot(struct t_worker *w)
{
	struct mapper *m = w->data;
	struct slot *slot = some_slot(w, m, true);
	const bool wide = t_random(w, 2);
	uint64_t unmapped;
	int ret;

	if (!slot)
		return 0;
	if (wide)
		ret = hf_try_unmap(&s.a, slot_iova(w, m, slot), SLOT_SPAN, 0, &unmapped);
	else
		ret = hf_try_unmap(&s.a, slot->iova, slot->len, 0, &unmapped);
	return ret ? ret : unmapped_is(w, slot, unmapped);
}

/* A bit for each page of a slot's mapping. */
struct bits {
	uint64_t word[1024];
};

static struct vfio_bitmap bitmap_of(struct bits *bits)
{
	memset(bits, 0, sizeof(*bits));
	return (struct vfio_bitmap){ .pgsize = T_PAGE, .size = sizeof(bits->word),
				     .data = (void *)bits->word };
}

static bool all_dirty(const struct bits *bits, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (!(bits->word[i / 64] >> i % 64 & 1))
			return false;
	return true;
}

static int unmap_with_bitmap(struct t_worker *w)
{
	struct {
		struct vfio_iommu_type1_dma_unmap u;
		struct vfio_bitmap b;
	} q;
	struct mapper *m = w->data;
	struct slot *slot = some_slot(w, m, true);
	struct bits bits;
	int ret;

	if (!slot)
		return 0;
	q.u = (struct vfio_iommu_type1_dma_unmap){ .argsz = sizeof(q), .iova = slot->iova,
						   .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
						   .size = slot->len };
	q.b = bitmap_of(&bits);
	ret = hf_raw_unmap(&s.a, &q.u);
	if (ret)
		return ret;
	if (!all_dirty(&bits, slot->len / T_PAGE))
		return t_wrong(w, "a mapped page is not dirty");
	return unmapped_is(w, slot, q.u.size);
}

/* Memory that nobody touched: the map faults it in, for as long as that takes. */
static int map_fresh(struct t_worker *w)
{
	const size_t len = (1 + t_random(w, 512)) * T_PAGE;
	const bool huge = t_random(w, 2);
	const uint64_t iova = MAPPER_IOVA + (MAPPERS * SLOTS + w->number) * SLOT_SPAN;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t unmapped = len;
	int ret;

	if (p == MAP_FAILED)
		return -errno;
	madvise(p, len, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	ret = hf_try_map(&s.a, iova, p, len, HF_RW);
	/* One way or the other. */
	if (t_random(w, 2)) {
		munmap(p, len);
		p = NULL;
	}
	if (!ret)
		ret = hf_try_unmap(&s.a, iova, len, 0, &unmapped);
	if (p)
		munmap(p, len);
	if (ret)
		return ret;
	return unmapped == len ? 0 : t_wrong(w, "fresh memory was not unmapped whole");
}

/* Mappers: the window */

static int map_in_window(struct t_worker *w)
{
	const size_t at = t_random(w, WINDOW_PAGES);
	const size_t most = WINDOW_PAGES - at < 64 ? WINDOW_PAGES - at : 64;
	const size_t len = (1 + t_random(w, most)) * T_PAGE;
	const size_t from = t_random(w, (ARENA_LEN - len) / T_PAGE) * T_PAGE;
	int ret = hf_try_map(&s.a, WINDOW_IOVA + at * T_PAGE, (char *)s.arena.addr + from, len,
			     prots[t_random(w, T_ARRAY_SIZE(prots))]);

	if (!ret)
		atomic_fetch_add(&s.window, (int64_t)len);
	return ret;
}

static int unmap_in_window(struct t_worker *w)
{
	const bool all = !t_random(w, 4);
	const size_t at = all ? 0 : t_random(w, WINDOW_PAGES);
	const size_t len = (all ? WINDOW_PAGES : 1 + t_random(w, WINDOW_PAGES - at)) * T_PAGE;
	uint64_t unmapped;
	int ret = hf_try_unmap(&s.a, WINDOW_IOVA + at * T_PAGE, len, 0, &unmapped);

	if (!ret && unmapped > len)
		return t_wrong(w, "more unmapped than asked for");
	atomic_fetch_sub(&s.window, (int64_t)unmapped);
	return ret;
}

/* Mappers: the container */

static int get_info(struct t_worker *w)
{
	struct {
		struct vfio_iommu_type1_info i;
		char rest[256];
	} q = { .i = { .argsz = sizeof(q) } };

	(void)w;
	return hf_container_ioctl(&s.a, VFIO_IOMMU_GET_INFO, &q);
}

static int dirty(uint32_t flags)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d), .flags = flags };

	return hf_container_ioctl(&s.a, VFIO_IOMMU_DIRTY_PAGES, &d);
}

static int dirty_switch(struct t_worker *w)
{
	return dirty(t_random(w, 2) ? VFIO_IOMMU_DIRTY_PAGES_FLAG_START :
				      VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static int dirty_get(struct t_worker *w)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap d;
		struct vfio_iommu_type1_dirty_bitmap_get g;
	} q;
	struct mapper *m = w->data;
	struct slot *slot = some_slot(w, m, true);
	struct bits bits;
	int ret;

	if (!slot)
		return 0;
	q.d = (struct vfio_iommu_type1_dirty_bitmap){
		.argsz = sizeof(q), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP };
	q.g = (struct vfio_iommu_type1_dirty_bitmap_get){
		.iova = slot->iova, .size = slot->len, .bitmap = bitmap_of(&bits) };
	ret = hf_container_ioctl(&s.a, VFIO_IOMMU_DIRTY_PAGES, &q);
	if (ret)
		return ret;
	return all_dirty(&bits, slot->len / T_PAGE) ? 0 : t_wrong(w, "a mapped page is not dirty");
}

static const struct t_op mapper_ops[] = {
	{ "map", 30, map_slot, { 0 } },
	{ "unmap", 20, unmap_slot, { 0 } },
	/* Refused while dirty pages are not tracked. */
	{ "unmap with bitmap", 8, unmap_with_bitmap, { -EINVAL } },
	{ "map and unmap fresh memory", 10, map_fresh, { 0 } },
	/* Taken by another, or the memory is not there at the moment. */
	{ "map in the window", 25, map_in_window, { -EEXIST, -EFAULT } },
	/* Would cut a mapping. */
	{ "unmap in the window", 25, unmap_in_window, { -EINVAL } },
	{ "info", 5, get_info, { 0 } },
	{ "dirty start or stop", 4, dirty_switch, { 0 } },
	{ "dirty bitmap", 4, dirty_get, { -EINVAL } },
};

/* The arena: memory that changes under the window's mappings */

static char *arena_part(struct t_worker *w, size_t *len)
{
	const size_t pages = ARENA_LEN / T_PAGE, at = t_random(w, pages - 1);

	*len = (1 + t_random(w, t_random(w, 4) ? 16 : pages - at)) * T_PAGE;
	if (*len > (pages - at) * T_PAGE)
		*len = (pages - at) * T_PAGE;
	return (char *)s.arena.addr + at * T_PAGE;
}

static int arena_advise(struct t_worker *w)
{
	static const int advice[] = { MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_PAGEOUT,
				      MADV_COLLAPSE, MADV_HUGEPAGE, MADV_NOHUGEPAGE };
	size_t len;
	char *p = arena_part(w, &len);

	/* Holes and pins make some of it fail, which is no matter. */
	madvise(p, len, advice[t_random(w, T_ARRAY_SIZE(advice))]);
	return 0;
}

static int arena_protect(struct t_worker *w)
{
	static const int prot[] = { PROT_NONE, PROT_READ };
	size_t len;
	char *p = arena_part(w, &len);

	mprotect(p, len, prot[t_random(w, T_ARRAY_SIZE(prot))]);
	rest(w, 200);
	mprotect(s.arena.addr, ARENA_LEN, PROT_READ | PROT_WRITE);
	return 0;
}

static int map_over(char *p, size_t len, int prot)
{
	return mmap(p, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p ? 0 : -errno;
}

/* Gone for a moment, and other memory then; never a hole, which could become somebody else's. */
static int arena_replace(struct t_worker *w)
{
	size_t len;
	char *p = arena_part(w, &len);

	if (t_random(w, 2)) {
		map_over(p, len, PROT_NONE);
		rest(w, 200);
	}
	return map_over(p, len, PROT_READ | PROT_WRITE);
}

/*
 * Pages go away and come back. What lies in several areas may refuse to, and then leaves a hole
 * where it was to go: at an address that the kernel gives to nobody by itself.
 */
#define AWAY ((char *)0x100000000000UL)

static int arena_move(struct t_worker *w)
{
	const int how = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	size_t len;
	char *p = arena_part(w, &len);

	if (mremap(p, len, len, how, AWAY) == AWAY) {
		rest(w, 200);
		mremap(AWAY, len, len, how, p);
	}
	munmap(AWAY, len);
	return 0;
}

static int arena_renew(struct t_worker *w)
{
	(void)w;
	/* Only this worker takes memory away, so all of it can be made whole and touched. */
	if (map_over(s.arena.addr, ARENA_LEN, PROT_READ | PROT_WRITE))
		return -errno;
	hf_mem_touch(s.arena.addr, ARENA_LEN);
	return 0;
}

static const struct t_op arena_ops[] = {
	{ "madvise", 10, arena_advise, { 0 } }, { "mprotect and back", 5, arena_protect, { 0 } },
	{ "mmap over it", 5, arena_replace, { 0 } }, { "mremap and back", 5, arena_move, { 0 } },
	{ "new pages", 1, arena_renew, { 0 } },
};

/* The second group */

static int join_and_leave(struct t_worker *w)
{
	int ret;

	rest(w, 10000);
	ret = hf_group_attach(&s.side[1].group, &s.a);
	if (ret)
		return ret;
	rest(w, 3000);
	return hf_group_detach(&s.side[1].group);
}

static const struct t_op joiner_ops[] = { { "join and leave", 1, join_and_leave, { 0 } } };

/* Processes */

static uint64_t child_iova(const struct t_worker *w)
{
	return CHILD_IOVA + w->number * SLOT_SPAN;
}

/* Fork; the child gets the worker. */
static pid_t spawn(struct t_worker *w, void (*fn)(void *))
{
	rest(w, 40000);
	return t_child_start(fn, w);
}

/* The child's exit status, or 128 + signal. */
static int wait_child(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int child_wrong(struct t_worker *w, int status)
{
	return status ? t_wrong(w, "a child ended with %d", status) : 0;
}

static void write_all_over(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < CHECKED; i++)
		memset(s.checked_mem[i].addr, 0xee, s.checked_mem[i].len);
	_exit(0);
}

static int child_writes(struct t_worker *w)
{
	return child_wrong(w, wait_child(spawn(w, write_all_over)));
}

/* Maps memory of its own and leaves it mapped: then its mm is gone, its pages are not. */

#define CHILD_LEN (96 * T_PAGE)

static void *fresh(size_t len, int advice)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p != MAP_FAILED)
		madvise(p, len, advice);
	return p;
}

static void map_and_exit(void *arg)
{
	void *p = fresh(CHILD_LEN, MADV_NOHUGEPAGE);

	_exit(hf_try_map(&s.a, child_iova(arg), p, CHILD_LEN, HF_RW) ? 1 : 0);
}

static void map_and_exec(void *arg)
{
	void *p = fresh(CHILD_LEN, MADV_NOHUGEPAGE);

	if (hf_try_map(&s.a, child_iova(arg), p, CHILD_LEN, HF_RW))
		_exit(1);
	execl("/proc/self/exe", "stress", "nothing", NULL);
	_exit(2);
}

static int child_leaves_mapping(struct t_worker *w)
{
	void (*how)(void *) = t_random(w, 2) ? map_and_exit : map_and_exec;
	const int ret = child_wrong(w, wait_child(spawn(w, how)));
	uint64_t unmapped;

	if (ret)
		return ret;
	if (hf_try_unmap(&s.a, child_iova(w), CHILD_LEN, 0, &unmapped) || unmapped != CHILD_LEN)
		return t_wrong(w, "what a child left mapped was not there");
	return 0;
}

#define VICTIM_LEN (64UL << 20)

static void map_a_lot(void *arg)
{
	struct t_worker *w = arg;
	void *p = fresh(VICTIM_LEN, t_random(w, 2) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);

	hf_try_map(&s.a, child_iova(w), p, VICTIM_LEN, t_random(w, 3) ? HF_RW : HF_READ);
	_exit(0);
}

/* All or nothing is left of it. */
static int child_killed(struct t_worker *w)
{
	const useconds_t delay = (useconds_t)t_random(w, 40000);
	const pid_t pid = spawn(w, map_a_lot);
	uint64_t unmapped;
	int ret;

	usleep(delay);
	kill(pid, SIGKILL);
	ret = wait_child(pid);
	if (ret && ret != 128 + SIGKILL)
		return t_wrong(w, "a child to be killed ended with %d", ret);
	ret = hf_try_unmap(&s.a, child_iova(w), VICTIM_LEN, 0, &unmapped);
	if (ret)
		return ret;
	if (unmapped && unmapped != VICTIM_LEN)
		return t_wrong(w, "0x%llx bytes are left of a killed map",
			       (unsigned long long)unmapped);
	return 0;
}

#define LIMIT (64 * T_PAGE)

static void map_under_limit(void *arg)
{
	const uint64_t iova = child_iova(arg);
	void *p = fresh(2 * LIMIT, MADV_NOHUGEPAGE);

	t_unprivileged(LIMIT);
	if (hf_try_map(&s.a, iova, p, 2 * LIMIT, HF_RW) != -ENOMEM)
		_exit(1);
	if (hf_try_map(&s.a, iova, p, LIMIT, HF_RW))
		_exit(2);
	if (hf_try_map(&s.a, iova + LIMIT, p, T_PAGE, HF_RW) != -ENOMEM)
		_exit(3);
	_exit(hf_try_unmap(&s.a, iova, LIMIT, 0, NULL) ? 4 : 0);
}

static int child_limited(struct t_worker *w)
{
	return child_wrong(w, wait_child(spawn(w, map_under_limit)));
}

static const struct t_op spawner_ops[] = {
	{ "child writes to its copies", 3, child_writes, { 0 } },
	{ "child maps and is gone", 3, child_leaves_mapping, { 0 } },
	{ "child is killed in a map", 3, child_killed, { 0 } },
	{ "child meets its limit", 2, child_limited, { 0 } },
};

/* Container B */

#define B_LEN (60 * T_PAGE)

struct b_thread {
	const struct hf_container *c;
	char *mem;
	unsigned int number;
	uint64_t turn;
};

/* Runs until the process ends; what is answered while the container goes away is anything. */
static void *b_work(void *arg)
{
	struct b_thread *b = arg;
	const uint64_t iova = B_IOVA + b->number * SLOT_SPAN;

	for (;; b->turn++) {
		hf_try_map(b->c, iova, b->mem, B_LEN, HF_RW);
		if (b->turn % 3)
			hf_try_unmap(b->c, iova, B_LEN, 0, NULL);
		else
			hf_try_unmap(b->c, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL);
	}
	return NULL;
}

/* How such a process ends. */
enum b_end { B_EXIT, B_KILL, B_CLOSE, B_DETACH, B_ENDS };

struct b_life {
	enum b_end end;
	useconds_t time;
};

static void b_process(void *arg)
{
	const struct b_life *life = arg;
	static struct b_thread b[3];
	pthread_t thread;
	struct hf_rig r;

	if (hf_rig_open(&r, s.b_bdf, 0))
		_exit(1);
	hf_device_close(&r.device);
	for (unsigned int i = 0; i < T_ARRAY_SIZE(b); i++) {
		b[i] = (struct b_thread){ .c = &r.container, .number = i,
					  .mem = fresh(B_LEN, MADV_NOHUGEPAGE) };
		if (pthread_create(&thread, NULL, b_work, &b[i]))
			_exit(2);
	}
	usleep(life->time);
	switch (life->end) {
	case B_KILL:
		kill(getpid(), SIGKILL);
		break;
	case B_CLOSE:
		/* Descriptors go, one after the other, under the threads that use them. */
		close(r.group.fd);
		close(r.container.fd);
		usleep(1000);
		break;
	case B_DETACH:
		for (int i = 0; i < 5; i++) {
			if (hf_group_detach(&r.group) || hf_group_attach(&r.group, &r.container) ||
			    hf_container_set_type(&r.container, VFIO_TYPE1v2_IOMMU))
				_exit(3);
			usleep(life->time / 10);
		}
		break;
	default:
		break;
	}
	_exit(0);
}

static int b_lives(struct t_worker *w)
{
	/* Under requests, stock does not survive that its last group leaves. */
	const bool safe = s.t->on == T_ON_STOCK;
	struct b_life life = { .end = (enum b_end)t_random(w, safe ? B_CLOSE : B_ENDS),
			       .time = (useconds_t)t_random(w, 30000) };
	const int ret = wait_child(t_child_start(b_process, &life));

	return life.end == B_KILL && ret == 128 + SIGKILL ? 0 : child_wrong(w, ret);
}

static const struct t_op b_ops[] = { { "a process with its own container", 1, b_lives, { 0 } } };

/* Settings */

static const struct {
	const char *name;
	const char *value[2];
} settings[] = {
	{ "disable_hugepages", { "N", "Y" } },
	{ "fault_threads", { "0", "2" } },
};

static int set(size_t i, unsigned int value)
{
	const int ret = t_module_param_set(T_MODULE_HOLDFAST, settings[i].name,
					   settings[i].value[value]);

	/* A module that has no such parameter has nothing to switch. */
	return ret == -ENOENT ? 0 : ret;
}

static int switch_setting(struct t_worker *w)
{
	const size_t i = t_random(w, T_ARRAY_SIZE(settings));
	/* Most often the first: page by page everything takes long. */
	const unsigned int value = !t_random(w, 4);

	rest(w, 50000);
	return set(i, value);
}

static const struct t_op settings_ops[] = { { "set a parameter", 1, switch_setting, { 0 } } };

/* The case */

static uint64_t number_from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	char *end;
	uint64_t n;

	if (!text || !*text)
		return otherwise;
	n = strtoull(text, &end, 0);
	hf_require(!*end && n, "%s is '%s': give it a number above 0", name, text);
	return n;
}

static void have_memory(void)
{
	static const char *const kinds[MAPPER_KINDS] = { "thp", "hugetlb2m", "frag4k", "anon4k" };
	static const size_t lens[MAPPER_KINDS] = { T_2M, 2 * T_2M, 100 * T_PAGE, 150 * T_PAGE };
	static const char *const checked[CHECKED] = { "thp", "hugetlb2m", "frag4k" };
	static const size_t pages[CHECKED] = { 512, 512, 100 };

	for (size_t m = 0; m < MAPPERS; m++) {
		for (size_t k = 0; k < MAPPER_KINDS; k++) {
			struct hf_mem *mem = &s.mapper[m].mem[k];

			hf_must(hf_mem_alloc(kinds[k], lens[k], HF_MEM_TOUCHED, mem));
			/* A fork copies what is pinned: all of it would take too long. */
			if (m)
				madvise(mem->area, mem->area_len, MADV_DONTFORK);
		}
	}
	for (size_t i = 0; i < CHECKED; i++)
		hf_must(hf_mem_alloc(checked[i], pages[i] * T_PAGE, HF_MEM_TOUCHED,
				     &s.checked_mem[i]));
	hf_must(hf_mem_alloc("anon4k", ARENA_LEN, HF_MEM_TOUCHED, &s.arena));
}

static void open_all(void)
{
	hf_must(hf_container_open(&s.a));
	t_side_attach(&s.side[0], 0, &s.a);
	hf_must(hf_container_set_type(&s.a, VFIO_TYPE1v2_IOMMU));
	t_side_start(&s.side[0], &s.a, HF_DMA_IOVA_DEFAULT);
	/* Opened once: children hold copies of the descriptor, and a group opens only once. */
	t_side_attach(&s.side[1], 1, &s.a);
	hf_must(hf_group_detach(&s.side[1].group));
	hf_must(hf_pci_vfio_device(2, s.b_bdf));
	have_memory();
	for (size_t i = 0; i < CHECKED; i++) {
		struct t_pages *p = &s.checked[i];
		const size_t n = s.checked_mem[i].len / T_PAGE;

		t_pages_init(p, &s.side[0].port, s.checked_mem[i].addr, n);
		t_pages_look(p, 37);
		t_pages_fill(p);
		t_pages_map(p, 37, n, CHECKED_IOVA + i * T_1G, HF_RW);
	}
}

static void add_workers(void)
{
	struct t_crowd *c = &s.crowd;

	for (size_t i = 0; i < MAPPERS; i++)
		t_crowd_add(c, "mapper", mapper_ops, T_ARRAY_SIZE(mapper_ops), &s.mapper[i]);
	t_crowd_add(c, "arena", arena_ops, T_ARRAY_SIZE(arena_ops), NULL);
	t_crowd_add(c, "joiner", joiner_ops, T_ARRAY_SIZE(joiner_ops), NULL);
	t_crowd_add(c, "spawner", spawner_ops, T_ARRAY_SIZE(spawner_ops), NULL);
	t_crowd_add(c, "container B", b_ops, T_ARRAY_SIZE(b_ops), NULL);
	if (s.t->on == T_ON_HOLDFAST)
		t_crowd_add(c, "settings", settings_ops, T_ARRAY_SIZE(settings_ops), NULL);
}

static void run_for(unsigned int ms, uint64_t seed)
{
	const uint64_t end = t_now_ms() + ms;
	unsigned int rounds = 0;

	t_crowd_init(&s.crowd, seed);
	add_workers();
	t_crowd_start(&s.crowd);
	for (; t_now_ms() < end && !t_crowd_stopped(&s.crowd) && !hf_ktap_failed(); rounds++) {
		for (size_t i = 0; i < CHECKED; i++)
			t_pages_check(&s.checked[i], "while everything happens");
		t_crowd_watch(&s.crowd);
		t_sleep_ms(5);
	}
	hf_ktap_diag("seed %llu, %u ms, mappings checked %u times",
		     (unsigned long long)s.crowd.seed, ms, rounds);
	t_crowd_stop(&s.crowd);
	for (size_t i = 0; s.t->on == T_ON_HOLDFAST && i < T_ARRAY_SIZE(settings); i++)
		hf_must(set(i, 0));
}

/* All is quiet: what is there must be right, and what the answers said. */
static void take_stock(void)
{
	uint64_t unmapped;

	hf_must(hf_try_unmap(&s.a, WINDOW_IOVA, WINDOW_PAGES * T_PAGE, 0, &unmapped));
	hf_expect_eq(unmapped, atomic_load(&s.window), "bytes left in the window");
	atomic_store(&s.window, 0);
	for (size_t m = 0; m < MAPPERS; m++) {
		for (size_t i = 0; i < SLOTS; i++) {
			struct slot *slot = &s.mapper[m].slot[i];

			if (!slot->addr)
				continue;
			/* Stock of older kernels is stale when a child held the pages. */
			if (slot->prot != HF_READ || s.t->on == T_ON_HOLDFAST)
				t_dma_check(&s.side[0].port, slot->iova, slot->addr, slot->len,
					    slot->prot, "a mapping that was left");
			hf_unmap(&s.a, slot->iova, slot->len);
			slot->addr = NULL;
		}
	}
}

static void late_group(void)
{
	hf_must(hf_group_attach(&s.side[1].group, &s.a));
	t_side_start(&s.side[1], &s.a, HF_DMA_IOVA_DEFAULT + T_PORT_SPAN);
	for (size_t i = 0; i < CHECKED; i++) {
		s.checked[i].port = &s.side[1].port;
		t_pages_check(&s.checked[i], "by the group that joined last");
		t_pages_unmap(&s.checked[i]);
	}
}

static void close_all(void)
{
	for (size_t i = 0; i < CHECKED; i++)
		t_pages_free(&s.checked[i]);
	t_side_close(&s.side[1]);
	t_side_close(&s.side[0]);
	hf_container_close(&s.a);
	for (size_t m = 0; m < MAPPERS; m++)
		for (size_t k = 0; k < MAPPER_KINDS; k++)
			hf_mem_free(&s.mapper[m].mem[k]);
	for (size_t i = 0; i < CHECKED; i++)
		hf_mem_free(&s.checked_mem[i]);
	hf_mem_free(&s.arena);
}

static uint64_t requests(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < s.crowd.n; i++)
		sum += s.crowd.worker[i].step;
	return sum;
}

static void stress(struct t *t)
{
	const char *const module = t->on == T_ON_HOLDFAST ? T_MODULE_HOLDFAST : T_MODULE_STOCK;
	const uint64_t seconds = number_from_env("HOLDFAST_STRESS_SECONDS",
						 t_patience_ms(DEFAULT_SECONDS));
	const uint64_t seed = number_from_env("HOLDFAST_STRESS_SEED", 1);
	const long refs = t_module_refs(module);
	struct t_level before, after;
	long slab_kb;

	alarm((unsigned int)(seconds + t_patience_ms(120000) / 1000));
	memset(&s, 0, sizeof(s));
	s.t = t;
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group",
					   *(const bool *)t->arg ? "Y" : "N"));
	open_all();
	/* The first requests fill caches that stay. */
	run_for(500, ~seed);
	take_stock();
	before = t_level();
	run_for((unsigned int)seconds * 1000, seed);
	take_stock();
	/* Noise of threads and processes, and less than 64 bytes for each request in four. */
	slab_kb = 512 + (long)requests() / 64;
	after = t_level_settle(&before, 64 * 1024, slab_kb);
	/* Debug kernels, which are slow, keep what is freed for a while (KASAN's quarantine). */
	if (t_patience_ms(1) == 1)
		hf_expect(after.slab - before.slab < slab_kb, "slab grew by %ld KB, may by %ld",
			  after.slab - before.slab, slab_kb);
	hf_ktap_diag("slab %+ld KB, free memory %+ld KB", after.slab - before.slab,
		     after.free - before.free);
	late_group();
	close_all();
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
	hf_expect_eq(t_module_refs(module), refs, "references to the module");
}

static const bool one = false, each = true;

static const struct t_case cases[] = {
	{ "everything at once, one domain", stress, 0, &one },
	{ "everything at once, a domain for each group", stress, T_HOLDFAST, &each },
};

int main(int argc, char **argv)
{
	(void)argv;
	/* A child that replaced itself by this program. */
	if (argc > 1)
		return 0;
	return T_RUN(cases);
}
