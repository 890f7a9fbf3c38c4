// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_race - drivers pin, copy and let go, while processes map, unmap, open, close and die.
 *
 * Threads draw at random for a while. IOVAs always lead to the same memory, so whoever gets a
 * page knows whether it is the right one; in the end nothing is pinned or charged any more.
 *
 * Stock can hang when two unmaps have pins to let go of, or one has and a device opens or
 * closes (emulated.h), and gives up with a BUG when a mapping is pinned again each time it
 * has been let go. So stock gets one thread that unmaps and a device that holds pins back
 * for a moment; holdfast gets neither.
 */
#include <errno.h>
#include <holdfast/info.h>
#include <holdfast/pagemap.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "crowd.h"
#include "dirty.h"
#include "emulated.h"
#include "module.h"

#define IOVA 0x300000000ULL
#define SLOTS 4
#define SLOT 32 /* pages of a mapping */
#define PAGES (SLOTS * SLOT)
#define RUN_MS 1500
#define R HF_TESTDEV_READ
#define RW (HF_TESTDEV_READ | HF_TESTDEV_WRITE)

struct world {
	struct t_emulated_rig r;
	struct hf_mem m;
	uint64_t pfn[PAGES];
	atomic_int dev1; /* file of a device that opens and closes */
};

static void calm(const char *ms)
{
	hf_must(t_module_param_set(HF_TESTDEV_MODULE, "calm_ms", ms));
}

static bool world_open(struct t *t, struct world *w)
{
	memset(w, 0, sizeof(*w));
	/* Memory that nothing moves: what a page is stays so. */
	if (!t_alloc(&w->m, "hugetlb2m", PAGES * T_PAGE, 0, HF_MEM_TOUCHED))
		return false;
	for (unsigned int i = 0; i < PAGES; i++)
		hf_must(hf_mem_pfn((char *)w->m.addr + i * T_PAGE, &w->pfn[i]));
	t_emulated_rig(&w->r, t, 2, VFIO_TYPE1v2_IOMMU);
	calm(t->on == T_ON_STOCK ? "5" : "0");
	atomic_store(&w->dev1, w->r.dev[1].fd);
	return true;
}

static void world_close(struct world *w)
{
	t_policy(&w->r.dev[0], HF_TESTDEV_UNPIN, 1, 0, 0);
	hf_unmap_all(&w->r.c);
	hf_expect_eq(t_pins_held(), 0, "pins when nothing is mapped");
	calm("5");
	t_emulated_rig_close(&w->r);
	hf_mem_free(&w->m);
}

/* The device a worker drives: even ones the first, odd ones the second. */
static struct t_emulated device(struct t_worker *w)
{
	struct world *o = w->data;
	struct t_emulated e = o->r.dev[w->number & 1];

	if (w->number & 1)
		e.fd = atomic_load(&o->dev1);
	return e;
}

static int op_pin(struct t_worker *w)
{
	struct world *o = w->data;
	const unsigned int page = (unsigned int)t_random(w, PAGES);
	const int n = (int)t_random(w, 16) + 1;
	const struct t_emulated e = device(w);
	uint64_t pfns[16];
	int ret = t_pin(&e, IOVA + page * T_PAGE, n, t_random(w, 2) ? R : RW, pfns);

	if (ret < 0)
		return ret;
	if (ret != n)
		return t_wrong(w, "pin of %d pages answers %d", n, ret);
	for (int i = 0; i < n; i++)
		if (pfns[i] != o->pfn[page + i])
			return t_wrong(w, "page %u is 0x%lx, not 0x%lx", page + i, pfns[i],
				       o->pfn[page + i]);
	return 0;
}

static int op_unpin(struct t_worker *w)
{
	const struct t_emulated e = device(w);

	return t_unpin(&e, IOVA + t_random(w, PAGES) * T_PAGE, (int)t_random(w, 4) + 1);
}

/* Words of memory are their own number: nobody may ever read or leave anything else. */
static int op_copy(struct t_worker *w)
{
	const size_t at = t_random(w, PAGES * 512), words = t_random(w, 1500) + 1;
	const uint32_t how = (t_random(w, 2) ? HF_TESTDEV_RW_KTHREAD : 0) |
			     (t_random(w, 2) ? HF_TESTDEV_RW_WRITE : 0);
	const struct t_emulated e = device(w);
	uint64_t buf[1500];
	int ret;

	for (size_t i = 0; i < words; i++)
		buf[i] = how & HF_TESTDEV_RW_WRITE ? at + i : ~0ULL;
	ret = t_dma_rw(&e, IOVA + at * 8, buf, words * 8, how);
	for (size_t i = 0; !ret && i < words; i++)
		if (buf[i] != at + i)
			return t_wrong(w, "word %zu is 0x%lx", at + i, buf[i]);
	return ret;
}

static int op_page(struct t_worker *w)
{
	const uint64_t page = t_random(w, PAGES);
	const struct t_emulated e = device(w);
	uint64_t seen = 0;
	int ret = t_page_read(&e, IOVA + page * T_PAGE, 8, &seen, 8);

	if (!ret && seen != page * 512 + 1)
		return t_wrong(w, "page %lu has 0x%lx", page, seen);
	return ret;
}

static int op_map(struct t_worker *w)
{
	struct world *o = w->data;
	const uint64_t at = t_random(w, SLOTS) * SLOT * T_PAGE;

	return hf_try_map(&o->r.c, IOVA + at, (char *)o->m.addr + at, SLOT * T_PAGE, HF_RW);
}

static int op_unmap(struct t_worker *w)
{
	struct world *o = w->data;
	const uint64_t at = t_random(w, SLOTS) * SLOT * T_PAGE;
	uint64_t unmapped = 0;
	int ret = hf_try_unmap(&o->r.c, IOVA + at, SLOT * T_PAGE, 0, &unmapped);

	if (!ret && unmapped && unmapped != SLOT * T_PAGE)
		return t_wrong(w, "0x%lx bytes unmapped", unmapped);
	return ret;
}

static int op_unmap_all(struct t_worker *w)
{
	struct world *o = w->data;

	return hf_try_unmap(&o->r.c, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL);
}

static int op_info(struct t_worker *w)
{
	struct world *o = w->data;
	struct hf_iommu_info i;
	int ret = hf_container_info(&o->r.c, &i);

	/* One more for each unmap that is under way. */
	if (!ret && i.dma_avail + SLOTS < 65535)
		return t_wrong(w, "dma_avail is %u", i.dma_avail);
	return ret;
}

static int op_tracking(struct t_worker *w)
{
	struct world *o = w->data;

	return t_dirty(&o->r.c, t_random(w, 2) ? VFIO_IOMMU_DIRTY_PAGES_FLAG_START :
						 VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static int op_bitmap(struct t_worker *w)
{
	struct world *o = w->data;
	uint64_t bits[PAGES / 64 + 1] = { 0 };
	const int ret = t_dirty_get(&o->r.c, IOVA, PAGES * T_PAGE, T_PAGE, PAGES / 8, bits);

	if (bits[PAGES / 64])
		return t_wrong(w, "bits beyond the bitmap: 0x%lx", bits[PAGES / 64]);
	return ret;
}

static int op_policy(struct t_worker *w)
{
	struct world *o = w->data;

	t_policy(&o->r.dev[0], t_random(w, HF_TESTDEV_MODES), (unsigned int)t_random(w, 3) + 1,
		 (unsigned int)t_random(w, 8), IOVA + t_random(w, PAGES) * T_PAGE);
	return 0;
}

/* The second device closes with whatever it has pinned, and comes back. */
static int op_reopen(struct t_worker *w)
{
	struct world *o = w->data;
	struct t_emulated e = o->r.dev[1];
	int ret;

	close(atomic_exchange(&o->dev1, -1));
	t_sleep_ms((unsigned int)t_random(w, 3));
	ret = t_emulated_open(&e);
	if (!ret)
		atomic_store(&o->dev1, e.fd);
	return ret;
}

/* ENOENT: told of an unmap, the device has let go already. EBADF: its file is closed. */
static const struct t_op drive[] = {
	{ "pin", 8, op_pin, { -EINVAL, -EBADF } },
	{ "unpin", 6, op_unpin, { -ENOENT, -EBADF } },
	{ "copy", 3, op_copy, { -EINVAL, -EBADF } },
	{ "look", 3, op_page, { -ENOENT, -EBADF } },
};

static const struct t_op change[] = {
	{ "map", 8, op_map, { -EEXIST } },
	{ "unmap", 5, op_unmap, { 0 } },
	{ "unmap all", 1, op_unmap_all, { 0 } },
};

static const struct t_op ask[] = {
	{ "info", 2, op_info, { 0 } },
	{ "tracking", 2, op_tracking, { 0 } },
	{ "bitmap", 2, op_bitmap, { -EINVAL } },
};

static const struct t_op policy[] = {
	{ "policy", 1, op_policy, { 0 } },
};

static const struct t_op reopen[] = {
	{ "reopen", 1, op_reopen, { 0 } },
};

static void run(struct t_crowd *c)
{
	const uint64_t end = t_now_ms() + RUN_MS;

	t_crowd_start(c);
	while (t_now_ms() < end && !t_crowd_stopped(c)) {
		t_crowd_watch(c);
		t_sleep_ms(10);
	}
	t_crowd_stop(c);
}

static void everything(struct t *t)
{
	const bool more = t->arg;
	struct t_crowd *c = calloc(1, sizeof(*c));
	struct world w;
	uint64_t *words;

	hf_require(c, "a crowd");
	if (!world_open(t, &w))
		return;
	words = w.m.addr;
	for (size_t i = 0; i < PAGES * 512; i++)
		words[i] = i;
	t_crowd_init(c, 0x5bd1e995);
	t_crowd_add(c, "driver", drive, T_ARRAY_SIZE(drive), &w);
	t_crowd_add(c, "driver", drive, T_ARRAY_SIZE(drive), &w);
	t_crowd_add(c, "process", change, T_ARRAY_SIZE(change), &w);
	if (more) {
		t_crowd_add(c, "process", change, T_ARRAY_SIZE(change), &w);
		t_crowd_add(c, "process", change, T_ARRAY_SIZE(change), &w);
		t_crowd_add(c, "opener", reopen, T_ARRAY_SIZE(reopen), &w);
	}
	t_crowd_add(c, "onlooker", ask, T_ARRAY_SIZE(ask), &w);
	t_crowd_add(c, "policy", policy, T_ARRAY_SIZE(policy), &w);
	run(c);
	for (size_t i = 0; i < PAGES * 512; i++)
		if (!hf_expect_eq(words[i], i, "word %zu", i))
			break;
	w.r.dev[1].fd = atomic_load(&w.dev1);
	world_close(&w);
	free(c);
}

/* A file is closed and opened again, over and over, under a thread that pins with it. */
static void closed_while_used(struct t *t)
{
	struct t_crowd *c = calloc(1, sizeof(*c));
	struct world w;

	hf_require(c, "a crowd");
	if (!world_open(t, &w))
		return;
	for (size_t i = 0; i < PAGES * 512; i++)
		((uint64_t *)w.m.addr)[i] = i;
	hf_map(&w.r.c, IOVA, w.m.addr, PAGES * T_PAGE, HF_RW);
	t_crowd_init(c, 0x1b873593);
	for (int i = 0; i < 4; i++)
		t_crowd_add(c, "driver", drive, T_ARRAY_SIZE(drive), &w);
	t_crowd_add(c, "opener", reopen, T_ARRAY_SIZE(reopen), &w);
	run(c);
	w.r.dev[1].fd = atomic_load(&w.dev1);
	world_close(&w);
	free(c);
}

/* Three unmaps that each wait for the same slow device, and another device that opens. */
struct unmapper {
	struct world *o;
	unsigned int slot;
	pthread_t thread;
	int ret;
};

static void *unmap_slot(void *arg)
{
	struct unmapper *u = arg;

	u->ret = hf_try_unmap(&u->o->r.c, IOVA + u->slot * SLOT * T_PAGE, SLOT * T_PAGE, 0, NULL);
	return NULL;
}

static void unmaps_at_once(struct t *t)
{
	struct unmapper u[SLOTS];
	struct world w;

	if (!world_open(t, &w))
		return;
	for (int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < SLOTS; i++)
			hf_map(&w.r.c, IOVA + i * SLOT * T_PAGE,
			       (char *)w.m.addr + i * SLOT * T_PAGE, SLOT * T_PAGE, HF_RW);
		for (unsigned int i = 0; i < 2; i++)
			hf_expect_eq(t_pin(&w.r.dev[i], IOVA, PAGES, RW, NULL), PAGES, "pin");
		t_policy(&w.r.dev[0], round & 1 ? HF_TESTDEV_WORK : HF_TESTDEV_NTH, 3, 10, 0);
		for (unsigned int i = 0; i < SLOTS; i++) {
			u[i] = (struct unmapper){ .o = &w, .slot = i };
			hf_require(!pthread_create(&u[i].thread, NULL, unmap_slot, &u[i]), "thread");
		}
		t_emulated_close_device(&w.r.dev[1]);
		hf_must(t_emulated_open(&w.r.dev[1]));
		for (unsigned int i = 0; i < SLOTS; i++) {
			pthread_join(u[i].thread, NULL);
			hf_expect_eq(u[i].ret, 0, "unmap %u", i);
		}
		hf_expect_eq(t_pins_held(), 0, "pins");
	}
	world_close(&w);
}

/* A process is killed wherever it is; it had everything open that there was. */
struct victim {
	struct t *t;
	unsigned int round;
};

static void live(void *arg)
{
	const struct victim *v = arg;
	struct t_emulated_rig r;
	struct hf_mem m;

	t_emulated_rig(&r, v->t, 2, VFIO_TYPE1v2_IOMMU);
	hf_must(hf_mem_alloc("anon4k", PAGES * T_PAGE, HF_MEM_TOUCHED, &m));
	t_policy(&r.dev[0], v->round & 1 ? HF_TESTDEV_WORK : HF_TESTDEV_NTH, 2, 30, 0);
	for (;;) {
		hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
		for (unsigned int i = 0; i < 2; i++)
			hf_must(t_pin(&r.dev[i], IOVA, PAGES, RW, NULL));
		hf_unmap(&r.c, IOVA, m.len);
	}
}

static void killed(struct t *t)
{
	struct hf_proc_snapshot before;

	hf_must(hf_proc_snapshot(&before));
	for (unsigned int round = 0; round < 12; round++) {
		struct victim v = { t, round };
		const uint64_t end = t_now_ms() + t_patience_ms(20000);
		pid_t pid = t_child_start(live, &v);
		bool pinned = false;

		while (!pinned && t_now_ms() < end) {
			pinned = t_pins_held() > 0;
			if (!pinned)
				t_sleep_ms(1);
		}
		hf_expect(pinned, "it pins");
		t_sleep_ms(round * 4);
		hf_require(!kill(pid, SIGKILL), "kill");
		t_child_killed(pid, "killed");
		while (t_pins_held() && t_now_ms() < end)
			t_sleep_ms(1);
		hf_expect_eq(t_pins_held(), 0, "pins after it was killed");
		t_leftover(&before, "killed");
	}
}

/* Parent and child have the same device; what one pins the other may let go of. */
static void child_drives(void *arg)
{
	struct world *w = arg;

	for (int i = 0; i < 300; i++) {
		const uint64_t iova = IOVA + (uint64_t)(i * 7 % (PAGES - 8)) * T_PAGE;
		int ret = t_pin(&w->r.dev[0], iova, 8, RW, NULL);

		if (!hf_expect(ret == 8 || ret == -EINVAL, "child's pin: %d", ret))
			break;
		ret = t_unpin(&w->r.dev[0], iova, 4);
		if (!hf_expect(!ret || ret == -ENOENT, "child's unpin: %d", ret))
			break;
	}
}

static void shared_with_child(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct world w;
	pid_t pid;

	if (!world_open(t, &w))
		return;
	hf_map(&w.r.c, IOVA, w.m.addr, PAGES * T_PAGE, HF_RW);
	pid = t_child_start(child_drives, &w);
	for (int i = 0; i < 20; i++) {
		hf_unmap(&w.r.c, IOVA, PAGES * T_PAGE);
		hf_map(&w.r.c, IOVA, w.m.addr, PAGES * T_PAGE, HF_RW);
		hf_expect_eq(t_pin(&w.r.dev[0], IOVA, PAGES, R, NULL), PAGES, "parent's pin");
	}
	t_child_end(pid, "child that pins");
	hf_unmap(&w.r.c, IOVA, PAGES * T_PAGE);
	hf_expect_eq(t_vmlck(0), locked, "VmLck");
	world_close(&w);
}

static const struct t_case cases[] = {
	{ "drivers and a process", everything, 0, NULL },
	{ "drivers, processes, devices that come and go", everything, T_HOLDFAST, "more" },
	{ "closed while used", closed_while_used, 0, NULL },
	{ "unmaps at once", unmaps_at_once, T_HOLDFAST, NULL },
	{ "killed", killed, 0, NULL },
	{ "shared with a child", shared_with_child, 0, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
