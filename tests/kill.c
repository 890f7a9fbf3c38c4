// SPDX-License-Identifier: GPL-2.0-only
/*
 * kill - SIGKILL in the middle of a long map ends it, and it leaves nothing.
 *
 * A gigabyte that was never touched takes seconds to map: every page is faulted in on the
 * way. The victim is killed when it has pinned a part of it; it must be gone long before the
 * map could have been finished, with every pin given back, and the container, when somebody
 * else holds it, works on.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "child.h"
#include "harness.h"

#define IOVA 0x800000000ULL
#define LONG_MAP T_1G
#define SMALL (64 * T_PAGE)
/* A part that shows the map has begun, far from all of it. */
#define BEGUN (4096L)

struct victim {
	struct t *t; /* NULL: the victim opens a container of its own */
	struct t_gate *gate;
	uint32_t prot;
};

static void long_map(void *arg)
{
	struct victim *v = arg;
	struct hf_rig own;
	const struct hf_container *c = v->t ? v->t->c : &own.container;
	void *p;

	if (!v->t)
		hf_must(hf_rig_open(&own, NULL, 0));
	p = mmap(NULL, LONG_MAP, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	hf_require(p != MAP_FAILED, "1G of addresses");
	madvise(p, LONG_MAP, MADV_NOHUGEPAGE);
	t_gate_open(v->gate, 1);
	hf_try_map(c, IOVA, p, LONG_MAP, v->prot);
	/* Not reached when all is well. */
	t_gate_open(v->gate, 2);
}

static int64_t pins_held(void)
{
	struct hf_proc_pins p;

	hf_must(hf_proc_pins(&p));
	return (int64_t)(p.acquired - p.released);
}

/* Start a victim and kill it when its map is well under way. */
static void strike(struct victim *v)
{
	const int64_t before = pins_held();
	uint64_t began = t_now_ms();
	pid_t pid = t_child_start(long_map, v);
	uint64_t killed;

	t_gate_wait(v->gate, 1);
	while (pins_held() < before + BEGUN) {
		if (!hf_expect(t_now_ms() - began < t_patience_ms(20000), "the map does not get going"))
			break;
		t_sleep_ms(5);
	}
	hf_expect_eq(v->gate->step, 1, "the map is not through yet");
	killed = t_now_ms();
	kill(pid, SIGKILL);
	t_child_killed(pid, "the victim");
	hf_expect_eq(v->gate->step, 1, "the map was never finished");
	hf_ktap_diag("killed after %llu ms, gone %llu ms later",
		     (unsigned long long)(killed - began),
		     (unsigned long long)(t_now_ms() - killed));
	v->gate->step = 0;
}

static void shared_container(struct t *t)
{
	struct victim v = { .t = t, .gate = t_gate_new(), .prot = *(const uint32_t *)t->arg };
	struct hf_proc_snapshot before;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", SMALL, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA - SMALL, m.addr, SMALL, HF_RW);
	hf_must(hf_proc_snapshot(&before));
	for (int round = 0; round < 2; round++) {
		strike(&v);
		t_leftover(&before, "victim gone");
		/* The range is free, the device reaches nothing of the victim's. */
		hf_map(t->c, IOVA, m.addr, SMALL, HF_RW);
		t_dma_check(&t->port, IOVA, m.addr, SMALL, HF_RW, "mapped over the dead one");
		t_faults_begin("the rest of a range whose map was killed");
		t_dma_write_blocked(&t->port, IOVA + SMALL, m.addr, SMALL,
				    "rest of the killed map");
		t_faults_end();
		t_dma_check(&t->port, IOVA - SMALL, m.addr, SMALL, HF_RW, "mapped before");
		hf_unmap(t->c, IOVA, SMALL);
	}
	hf_unmap(t->c, IOVA - SMALL, SMALL);
	hf_mem_free(&m);
}

static void own_container(struct t *t)
{
	struct victim v = { .gate = t_gate_new(), .prot = HF_RW };
	struct hf_proc_snapshot before;
	struct hf_rig r;

	(void)t;
	hf_must(hf_proc_snapshot(&before));
	strike(&v);
	t_leftover(&before, "victim gone with its container");
	hf_must(hf_rig_open(&r, NULL, 0));
	hf_rig_close(&r);
}

static const uint32_t rw = HF_RW, ro = HF_READ;

static const struct t_case cases[] = {
	{ "others hold the container, read-write", shared_container, T_DMA, &rw },
	/* Stock of older kernels pins the zero page over and over here, and is through at once. */
	{ "others hold the container, read-only", shared_container, T_DMA | T_HOLDFAST, &ro },
	{ "the victim was the only one", own_container, 0, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
