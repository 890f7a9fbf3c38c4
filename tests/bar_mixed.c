// SPDX-License-Identifier: GPL-2.0-only
/*
 * bar_mixed - memory of a device (a BAR) and ordinary memory in one mapping, and who pays.
 *
 * Only the ordinary part is pinned and charged, to the page, whatever the limit, and also when
 * the address space changes under the map. A device that joins later reaches both. What a BAR is
 * by itself is bar_maps'.
 *
 * Needs a device 1af4:1110 bound to vfio-pci beside the e1000; without one all is skipped.
 */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bar.h"
#include "child.h"
#include "harness.h"
#include "module.h"
#include "side.h"

#define IOVA 0x200000000ULL

/* @n stretches of @pages, in turn anonymous and a part of the BAR; returns where. */
static char *stripes(const struct t_peer *p, unsigned int n, size_t pages, bool bar_first)
{
	const size_t each = pages * T_PAGE;
	char *room = t_arena_take(n * each);

	for (unsigned int i = 0; i < n; i++) {
		if ((i & 1) ^ bar_first)
			t_bar_mmap(p, room + i * each, i * each, each, PROT_READ | PROT_WRITE);
		else
			t_anon_at(room + i * each, each);
	}
	return room;
}

static const struct mix {
	unsigned int stretches;
	size_t pages;
	bool bar_first;
	uint64_t iova;
} mixes[] = {
	{ 2, 1, false, IOVA },      { 2, 1, true, IOVA },
	{ 3, 7, false, IOVA },      { 40, 3, true, IOVA + T_PAGE },
	{ 5, 600, false, 0x10000 }, { 3, 1300, false, T_1G - 2000 * T_PAGE },
	{ 4, 1000, true, T_1G },
};

static size_t mix_anon(const struct mix *m)
{
	return (m->stretches + !m->bar_first) / 2 * m->pages * T_PAGE;
}

static void mixed(struct t *t)
{
	struct hf_proc_snapshot before;
	struct t_peer p;
	char what[96];

	if (!t_peer_open(&p, t->c))
		return;
	for (size_t i = 0; i < T_ARRAY_SIZE(mixes); i++) {
		const struct mix *m = &mixes[i];
		const size_t len = m->stretches * m->pages * T_PAGE;
		char *addr = stripes(&p, m->stretches, m->pages, m->bar_first);

		snprintf(what, sizeof(what), "%u stretches of %zu pages, %s first", m->stretches,
			 m->pages, m->bar_first ? "BAR" : "RAM");
		hf_must(hf_proc_snapshot(&before));
		hf_map(t->c, m->iova, addr, len, HF_RW);
		hf_expect_eq(t_vmlck(0), before.vmlck + mix_anon(m), "%s: VmLck", what);
		t_dma_check(&t->port, m->iova, addr, len, HF_RW, what);
		hf_unmap(t->c, m->iova, len);

		/* A hole behind it: all is taken back. */
		munmap(addr + len - T_PAGE, T_PAGE);
		hf_expect_eq(hf_try_map(t->c, m->iova, addr, len, HF_RW), -EFAULT, "%s, a hole",
			     what);
		t_leftover(&before, what);
		munmap(addr, len);
	}
	t_peer_close(&p);
}

/*
 * Locked memory
 */
struct limited {
	struct t *t;
	struct t_peer p;
	char *bar;
	const struct mix *mix;
	char *addr;
	size_t memlock;
};

static void no_memlock(void *arg)
{
	const struct limited *l = arg;
	struct hf_mem m;

	t_unprivileged(0);
	/* Its own copy of the mmap, which nobody has touched. */
	hf_must(hf_try_map(l->t->c, IOVA, l->bar, l->p.region.size, HF_RW));
	hf_expect_eq(t_vmlck(0), 0, "VmLck with a BAR");
	t_dma_check(&l->t->port, IOVA, l->bar, l->p.region.size, HF_RW, "BAR, limit of 0");
	hf_must(hf_mem_alloc("anon4k", T_PAGE, 0, &m));
	hf_expect_eq(hf_try_map(l->t->c, IOVA + T_1G, m.addr, T_PAGE, HF_RW), -ENOMEM, "a page");
	hf_unmap(l->t->c, IOVA, l->p.region.size);
	hf_expect_eq(t_vmlck(0), 0, "VmLck afterwards");
	hf_mem_free(&m);
}

static void limit_of_0(struct t *t)
{
	struct limited l = { .t = t };

	if (!t_peer_open(&l.p, t->c))
		return;
	l.bar = t_bar_whole(&l.p);
	t_child(no_memlock, &l, "limit of 0");
	munmap(l.bar, l.p.region.size);
	t_peer_close(&l.p);
}

static void at_the_limit(void *arg)
{
	const struct limited *l = arg;
	const struct mix *m = l->mix;
	const size_t len = m->stretches * m->pages * T_PAGE;
	const bool enough = l->memlock >= mix_anon(m);

	t_unprivileged(l->memlock);
	for (int i = 0; i < 2; i++) {
		if (!hf_expect_eq(hf_try_map(l->t->c, m->iova, l->addr, len, HF_RW),
				  enough ? 0 : -ENOMEM, "limit of 0x%zx bytes", l->memlock) ||
		    !enough)
			break;
		hf_expect_eq(t_vmlck(0), mix_anon(m), "VmLck");
		t_dma_check(&l->t->port, m->iova, l->addr, len, HF_RW, "at the limit");
		hf_unmap(l->t->c, m->iova, len);
	}
	hf_expect_eq(t_vmlck(0), 0, "VmLck afterwards");
}

static void mixed_limit(struct t *t)
{
	struct limited l = { .t = t };

	if (!t_peer_open(&l.p, t->c))
		return;
	for (size_t i = 0; i < T_ARRAY_SIZE(mixes); i++) {
		l.mix = &mixes[i];
		l.addr = stripes(&l.p, l.mix->stretches, l.mix->pages, l.mix->bar_first);
		l.memlock = mix_anon(l.mix);
		t_child(at_the_limit, &l, "just enough");
		l.memlock -= T_PAGE;
		t_child(at_the_limit, &l, "a page too little");
		munmap(l.addr, l.mix->stretches * l.mix->pages * T_PAGE);
	}
	t_peer_close(&l.p);
}

/* A group that joins finds the BAR mapped, alone and in a mixed mapping. */
static void replayed(struct t *t)
{
	const bool separate = *(const bool *)t->arg;
	const struct mix *m = &mixes[4];
	const size_t mix_len = m->stretches * m->pages * T_PAGE;
	struct hf_container c;
	struct t_side s[2];
	struct t_peer p;
	char *bar, *mix;

	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group",
					   separate ? "Y" : "N"));
	hf_must(hf_container_open(&c));
	t_side_attach(&s[0], 0, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	if (!t_peer_open(&p, &c))
		goto out;
	bar = t_bar_whole(&p);
	mix = stripes(&p, m->stretches, m->pages, m->bar_first);
	hf_map(&c, IOVA - 3 * T_PAGE, bar, p.region.size, HF_RW);
	hf_map(&c, m->iova, mix, mix_len, HF_RW);
	t_side_attach(&s[1], 1, &c);
	t_sides_start(s, 2, &c, HF_DMA_IOVA_DEFAULT);
	for (int i = 0; i < 2; i++) {
		t_dma_check(&s[i].port, IOVA - 3 * T_PAGE, bar, p.region.size, HF_RW,
			    i ? "joined late" : "was there");
		t_dma_check(&s[i].port, m->iova, mix, mix_len, HF_RW,
			    i ? "mixed, joined late" : "mixed, was there");
	}
	t_side_stop(&s[0]);
	hf_must(hf_group_detach(&s[0].group));
	t_dma_check(&s[1].port, IOVA - 3 * T_PAGE, bar, p.region.size, HF_RW, "the other left");
	hf_unmap(&c, IOVA - 3 * T_PAGE, p.region.size);
	t_faults_begin("BAR unmapped for a device that joined late");
	t_dma_write_blocked(&s[1].port, IOVA, bar + 3 * T_PAGE, 4 * T_PAGE, "unmapped");
	t_faults_end();
	/* The mixed one is left to the end of the container. */
	t_side_close(&s[1]);
	munmap(bar, p.region.size);
	munmap(mix, mix_len);
	t_peer_close(&p);
out:
	t_side_close(&s[0]);
	hf_container_close(&c);
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
}

/*
 * The address space changes under the map: BAR, RAM or nothing, by turns. Whatever a map
 * answers, it is charged neither too much nor too little in the end, and never over the limit.
 */
#define RACE_STRETCHES 6
#define RACE_PAGES 40
#define RACE_MS 1500

struct race {
	const struct limited *l;
	char *room;
	bool stop;
};

static void *change(void *arg)
{
	struct race *r = arg;
	uint32_t dice = 12345;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		const size_t each = RACE_PAGES * T_PAGE;
		char *at;

		dice = dice * 1664525 + 1013904223;
		at = r->room + (dice >> 16) % RACE_STRETCHES * each;
		if ((dice >> 24) % 8 == 0)
			munmap(at, each);
		else if ((dice >> 24) & 1)
			t_anon_at(at, each);
		else
			t_bar_mmap(&r->l->p, at, each, each, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* Be limited, and still root: who counts pins must be. */
static void without_ipc_lock(size_t memlock)
{
	const struct rlimit limit = { .rlim_cur = memlock, .rlim_max = memlock };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	hf_require(!setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
	hf_require(!syscall(SYS_capget, &header, data), "capget");
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	data[0].permitted &= ~(1U << CAP_IPC_LOCK);
	hf_require(!syscall(SYS_capset, &header, data), "capset");
}

static void race_child(void *arg)
{
	const struct limited *l = arg;
	struct race r = { .l = l, .room = l->addr };
	const size_t len = (size_t)RACE_STRETCHES * RACE_PAGES * T_PAGE;
	const uint64_t end = t_now_ms() + RACE_MS;
	const uint64_t late = t_now_ms() + t_patience_ms(20000);
	/* Pages of RAM that devices can reach, small ones only: each has a pin. */
	const int64_t before = t_pinned();
	unsigned int good = 0, refused = 0;
	pthread_t thread;
	int ret;

	without_ipc_lock(l->memlock);
	hf_require(!pthread_create(&thread, NULL, change, &r), "thread");
	/* On a slow machine few maps are through in time. */
	while (t_now_ms() < end || (!(good && refused) && t_now_ms() < late)) {
		ret = hf_try_map(l->t->c, IOVA, r.room, len, HF_RW);
		if (!ret) {
			good++;
			hf_expect(t_vmlck(0) <= l->memlock, "VmLck is over the limit");
			/* Paid for is what is pinned, nothing else. */
			if (!hf_expect_eq(t_vmlck(0), (uint64_t)(t_pinned() - before) * T_PAGE,
					  "VmLck and pins"))
				break;
			hf_unmap(l->t->c, IOVA, len);
		} else {
			refused++;
			hf_expect(ret == -EFAULT || ret == -ENOMEM || ret == -EINVAL,
				  "map answers %d", ret);
		}
		if (!hf_expect_eq(t_vmlck(0), 0, "VmLck with nothing mapped"))
			break;
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	hf_ktap_diag("%u maps, %u refused", good, refused);
	hf_expect(good && refused, "%u maps, %u refused: both must occur", good, refused);
}

static void race(struct t *t)
{
	struct limited l = { .t = t, .memlock = (size_t)*(const int *)t->arg * T_PAGE };

	if (!t_peer_open(&l.p, t->c))
		return;
	l.addr = stripes(&l.p, RACE_STRETCHES, RACE_PAGES, false);
	t_child(race_child, &l, "race");
	munmap(l.addr, (size_t)RACE_STRETCHES * RACE_PAGES * T_PAGE);
	t_peer_close(&l.p);
}

static const bool no = false, yes = true;
static const int tight = RACE_STRETCHES / 2 * RACE_PAGES, ample = 10000;

static const struct t_case cases[] = {
	{ "BAR and RAM in one mapping", mixed, T_DMA, NULL },
	{ "limit of 0", limit_of_0, T_DMA, NULL },
	{ "BAR and RAM at the limit", mixed_limit, T_DMA, NULL },
	{ "mappings change meanwhile, enough allowed", race, T_DMA, &ample },
	{ "mappings change meanwhile, little allowed", race, T_DMA, &tight },
	{ "a group that joins, one domain", replayed, 0, &no },
	{ "a group that joins, a domain each", replayed, T_HOLDFAST, &yes },
};

int main(void)
{
	return T_RUN(cases);
}
