// SPDX-License-Identifier: GPL-2.0-only
/*
 * vaddr_race - live update beside all else that may happen to a container: addresses are taken
 * away and given anew (VFIO_UPDATE_VADDR) while others map, unmap, track dirty pages, take the same
 * memory, or detach the last group.
 *
 * Every answer is one of the few allowed. What is paid for in the end is what is mapped, by whoever
 * has it, and nothing stays.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "child.h"
#include "dirty.h"
#include "harness.h"
#include "side.h"
#include "vaddr.h"

#define IOVA 0xb00000000ULL
#define ALL VFIO_DMA_UNMAP_FLAG_ALL

/* Expectations are for the main thread; others note the first wrong answer. */

#define RUN_MS 800
#define THREADS 4
#define LEN (24 * T_PAGE)

struct race {
	const struct hf_container *c;
	char *mem;
	atomic_bool stop;
	atomic_int wrong;
	atomic_uint good;
};

struct racer {
	struct race *r;
	unsigned int number;
	pthread_t thread;
};

/* Is an answer one of those allowed? 0 always is; @a and @b may be too. */
static int allow(struct race *r, int ret, int a, int b)
{
	if (!ret)
		atomic_fetch_add(&r->good, 1);
	else if (ret != a && ret != b)
		atomic_store(&r->wrong, ret);
	return ret;
}

static void run_race(struct race *r, void *(*const fn[THREADS])(void *),
		     void (*meanwhile_fn)(void *), void *arg)
{
	const uint64_t end = t_now_ms() + RUN_MS;
	struct racer w[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct racer){ .r = r, .number = i };
		hf_require(!pthread_create(&w[i].thread, NULL, fn[i], &w[i]), "thread");
	}
	while (t_now_ms() < end && !hf_ktap_failed()) {
		if (meanwhile_fn)
			meanwhile_fn(arg);
		else
			t_sleep_ms(20);
	}
	atomic_store(&r->stop, true);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	hf_expect_eq(atomic_load(&r->wrong), 0, "an answer that is never right");
	hf_expect(atomic_load(&r->good) > 20, "%u requests went through", atomic_load(&r->good));
	hf_ktap_diag("%u requests went through", atomic_load(&r->good));
}

static uint64_t own_iova(const struct racer *w)
{
	return IOVA + w->number * T_1G;
}

/* A mapping of its own: every answer is known. */
static void *update_own(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;
	uint64_t bytes;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, t_invalidate(r->c, own_iova(w), LEN, &bytes), 0, 0);
		if (bytes != LEN)
			atomic_store(&r->wrong, -EIO);
		allow(r, t_update(r->c, own_iova(w), r->mem, LEN), 0, 0);
	}
	return NULL;
}

static void *map_own(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, hf_try_map(r->c, own_iova(w), r->mem, LEN, HF_RW), 0, 0);
		allow(r, hf_try_unmap(r->c, own_iova(w), LEN, 0, NULL), 0, 0);
	}
	return NULL;
}

static void *ask_dirty(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		__u64 bits = 0;

		allow(r, t_dirty(r->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START), 0, 0);
		allow(r, t_dirty_get(r->c, IOVA, LEN, T_PAGE, 8, &bits), 0, 0);
		if (bits != (1u << LEN / T_PAGE) - 1)
			atomic_store(&r->wrong, -EIO);
		allow(r, t_dirty(r->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP), 0, 0);
	}
	return NULL;
}

struct look {
	struct t *t;
	char *mem;
};

static void look(void *arg)
{
	struct look *l = arg;

	t_dma_check(&l->t->port, IOVA, l->mem, LEN, HF_RW, "while others are at work");
}

static void beside_maps(struct t *t)
{
	void *(*const fn[THREADS])(void *) = { update_own, update_own, map_own, ask_dirty };
	struct race r = { .c = t->c };
	struct look l = { .t = t };
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	r.mem = l.mem = m.addr;
	hf_map(t->c, IOVA, m.addr, LEN, HF_RW);
	hf_map(t->c, IOVA + T_1G, m.addr, LEN, HF_RW);
	run_race(&r, fn, look, &l);
	t_expect_join(t->c, 0, "all updated");
	t_expect_valid(t->c, IOVA, LEN, "in the end");
	t_expect_valid(t->c, IOVA + T_1G, LEN, "in the end");
	hf_unmap(t->c, IOVA, LEN);
	hf_unmap(t->c, IOVA + T_1G, LEN);
	hf_mem_free(&m);
}

/* Two of these on the same mapping, which may go at any time. */
static void *update_any(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, hf_try_map(r->c, IOVA, r->mem, LEN, HF_RW), -EEXIST, 0);
		allow(r, t_invalidate(r->c, IOVA, LEN, NULL), -EINVAL, 0);
		allow(r, t_update(r->c, IOVA, r->mem, LEN), -EINVAL, -ENOENT);
	}
	return NULL;
}

static void *invalidate_all(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, hf_try_map(r->c, own_iova(w), r->mem, LEN, HF_READ), -EEXIST, 0);
		allow(r, hf_try_unmap(r->c, 0, 0, T_VADDR_UNMAP | ALL, NULL), -EINVAL, 0);
	}
	return NULL;
}

static void *unmap_everything(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, hf_try_unmap(r->c, 0, 0, ALL, NULL), 0, 0);
		t_sleep_ms(1);
	}
	return NULL;
}

static void beside_unmap_all(struct t *t)
{
	void *(*const fn[THREADS])(void *) = { update_any, update_any, invalidate_all,
					       unmap_everything };
	struct race r = { .c = t->c };
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	r.mem = m.addr;
	run_race(&r, fn, NULL, NULL);
	hf_unmap_all(t->c);
	t_expect_join(t->c, 0, "all unmapped");
	hf_mem_free(&m);
}

/* Two processes take the same memory from each other, a third thread unmaps it. */
static void *take(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	for (unsigned int i = 0; !atomic_load(&r->stop) && !atomic_load(&r->wrong); i++) {
		const uint64_t iova = IOVA + i % 5 * T_1G;

		allow(r, t_invalidate(r->c, iova, LEN, NULL), -EINVAL, 0);
		allow(r, t_update(r->c, iova, r->mem, LEN), -EINVAL, -ENOENT);
	}
	return NULL;
}

static void *replace(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	for (unsigned int i = 0; !atomic_load(&r->stop) && !atomic_load(&r->wrong); i++) {
		const uint64_t iova = IOVA + i % 5 * T_1G;

		allow(r, hf_try_map(r->c, iova, r->mem, LEN, HF_RW), -EEXIST, 0);
		if (i % 3 == 0)
			allow(r, hf_try_unmap(r->c, iova, LEN, 0, NULL), 0, 0);
	}
	return NULL;
}

struct rival {
	struct race r;
	struct t_gate *gate;
};

static void rival(void *arg)
{
	void *(*const fn[THREADS])(void *) = { take, take, take, replace };
	struct rival *v = arg;

	run_race(&v->r, fn, NULL, NULL);
	t_gate_open(v->gate, 1);
	t_gate_wait(v->gate, 2);
	t_expect_vmlck(0, 0, "rival, all unmapped");
	t_gate_open(v->gate, 3);
}

static void rivals(struct t *t)
{
	void *(*const fn[THREADS])(void *) = { take, take, replace, replace };
	const uint64_t locked = t_vmlck(0);
	struct rival v = { .r.c = t->c, .gate = t_gate_new() };
	uint64_t bytes;
	struct hf_mem m;
	pid_t pid;

	hf_must(hf_mem_alloc("shmem4k", LEN, HF_MEM_TOUCHED, &m));
	v.r.mem = m.addr;
	pid = t_child_start(rival, &v);
	run_race(&v.r, fn, NULL, NULL);
	t_gate_wait(v.gate, 1);
	hf_expect_eq((t_vmlck(0) - locked + t_vmlck(pid)) % LEN, 0, "whole mappings are paid for");
	bytes = t_vmlck(0) - locked + t_vmlck(pid);
	hf_expect_eq(hf_unmap_all(t->c), bytes, "what is paid for is what is mapped");
	t_expect_vmlck(0, locked, "all unmapped");
	t_expect_join(t->c, 0, "all unmapped");
	t_gate_open(v.gate, 2);
	t_child_end(pid, "rival");
	hf_mem_free(&m);
}

/*
 * The last group leaves while a thread gives a new address: what it was at work on goes too.
 * (On stock that is a use after free.)
 */
static void *update_whatever(void *arg)
{
	struct racer *w = arg;
	struct race *r = w->r;

	while (!atomic_load(&r->stop) && !atomic_load(&r->wrong)) {
		allow(r, t_invalidate(r->c, IOVA, LEN, NULL), -EINVAL, 0);
		allow(r, t_update(r->c, IOVA, r->mem, LEN), -EINVAL, -ENOENT);
	}
	return NULL;
}

struct going {
	struct hf_container *c;
	struct t_side *one;
	char *mem;
	unsigned int rounds;
};

static void come_and_go(void *arg)
{
	struct going *g = arg;

	hf_must(hf_group_attach(&g->one->group, g->c));
	hf_must(hf_container_set_type(g->c, VFIO_TYPE1v2_IOMMU));
	hf_map(g->c, IOVA, g->mem, LEN, HF_RW);
	t_sleep_ms(g->rounds++ % 8);
	hf_must(hf_group_detach(&g->one->group));
}

static void beside_detach(struct t *t)
{
	void *(*const fn[THREADS])(void *) = { update_whatever, update_whatever, update_whatever,
					       update_whatever };
	struct hf_proc_snapshot before;
	struct hf_container c;
	struct t_side one;
	struct race r = { .c = &c };
	struct going g = { .c = &c, .one = &one };
	struct hf_mem m;

	(void)t;
	hf_must(hf_mem_alloc("shmem4k", LEN, HF_MEM_TOUCHED, &m));
	r.mem = g.mem = m.addr;
	hf_must(hf_proc_snapshot(&before));
	hf_must(hf_container_open(&c));
	t_side_attach(&one, 0, &c);
	hf_must(hf_group_detach(&one.group));
	run_race(&r, fn, come_and_go, &g);
	hf_ktap_diag("%u times", g.rounds);
	t_leftover(&before, "the group left for the last time");
	t_side_close(&one);
	hf_container_close(&c);
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "updates beside an unmap of all", beside_unmap_all, T_RIG, NULL },
	{ "processes that take memory from each other", rivals, T_RIG, NULL },
	{ "updates while the last group leaves", beside_detach, T_HOLDFAST, NULL },
	{ "updates beside maps and dirty tracking", beside_maps, T_DMA, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
