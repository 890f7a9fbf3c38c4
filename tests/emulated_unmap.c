// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_unmap - before an IOVA goes away, whoever may have pinned it is told, with the range
 * of the mapping, and told again until it is pinned no more. Only then does the unmap return.
 *
 * The device notes what it was told and can be slow to let go: at the n-th time, from a work
 * item, or pinning again from inside the call.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "differ.h"
#include "emulated.h"

#define IOVA 0x200000000ULL
#define R HF_TESTDEV_READ
#define RW (HF_TESTDEV_READ | HF_TESTDEV_WRITE)

/* What a device must have been told. */
struct told {
	uint64_t page;
	uint64_t pages;
	unsigned int held;
};

static bool expect_told(const struct t_emulated *e, const struct told *want, unsigned int n,
			const char *what)
{
	struct t_told told;
	bool ok;

	t_told(e, &told);
	ok = hf_expect_eq(told.total, n, "%s: %s was told so often", what, e->name);
	for (unsigned int i = 0; ok && i < n; i++) {
		const struct hf_testdev_event *event = &told.event[i];

		ok &= hf_expect_eq(event->iova, IOVA + want[i].page * T_PAGE, "%s, %u: IOVA", what,
				   i);
		ok &= hf_expect_eq(event->length, want[i].pages * T_PAGE, "%s, %u: length", what, i);
		ok &= hf_expect_eq(event->held, want[i].held, "%s, %u: pins in it", what, i);
		ok &= hf_expect_eq(event->unpinned, want[i].held, "%s, %u: unpinned", what, i);
		ok &= hf_expect(event->seq < told.seq && (!i || event->seq > told.event[i - 1].seq),
				"%s, %u: told before the unmap returned, in order", what, i);
	}
	return ok;
}

#define TOLD(e, what, ...) \
	expect_told(e, (const struct told[]){ __VA_ARGS__ }, \
		    T_ARRAY_SIZE(((const struct told[]){ __VA_ARGS__ })), what)
#define NOT_TOLD(e, what) expect_told(e, NULL, 0, what)

/* Mappings of 8 pages at pages 0, 8, 16, 32. */
static void open_and_map(struct t *t, struct t_emulated_rig *r, unsigned int n, struct hf_mem *m)
{
	static const uint64_t at[] = { 0, 8, 16, 32 };

	hf_must(hf_mem_alloc("anon4k", 32 * T_PAGE, HF_MEM_TOUCHED, m));
	t_emulated_rig(r, t, n, VFIO_TYPE1v2_IOMMU);
	for (size_t i = 0; i < T_ARRAY_SIZE(at); i++)
		hf_map(&r->c, IOVA + at[i] * T_PAGE, (char *)m->addr + i * 8 * T_PAGE, 8 * T_PAGE,
		       HF_RW);
}

static void done(struct t_emulated_rig *r, struct hf_mem *m)
{
	t_emulated_rig_close(r);
	hf_mem_free(m);
}

static void pin(const struct t_emulated *e, uint64_t page, int n)
{
	hf_expect_eq(t_pin(e, IOVA + page * T_PAGE, n, RW, NULL), n, "%d pages at page %lu", n,
		     page);
}

static void one_by_one(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct hf_mem m;

	open_and_map(t, &r, 1, &m);
	pin(e, 1, 1);
	pin(e, 6, 4);
	pin(e, 6, 1);
	pin(e, 32, 8);
	NOT_TOLD(e, "only pins");
	hf_unmap(&r.c, IOVA + 16 * T_PAGE, 8 * T_PAGE);
	NOT_TOLD(e, "unmap of what is not pinned");
	hf_expect_eq(hf_try_unmap(&r.c, IOVA, 4 * T_PAGE, 0, NULL), -EINVAL, "unmap of a part");
	hf_expect_eq(hf_try_unmap(&r.c, IOVA + 4 * T_PAGE, 12 * T_PAGE, 0, NULL), -EINVAL,
		     "unmap of a part and another");
	hf_expect_eq(hf_try_unmap(&r.c, IOVA, 0, 0, NULL), -EINVAL, "unmap of nothing");
	NOT_TOLD(e, "unmaps that are refused");
	hf_expect_eq(t_vmlck(0), locked + 13 * T_PAGE, "VmLck");
	hf_unmap(&r.c, IOVA, 8 * T_PAGE);
	TOLD(e, "the first", { 0, 8, 4 });
	hf_expect_eq(t_vmlck(0), locked + 10 * T_PAGE, "VmLck without the first");
	hf_expect_eq(t_pins_held(), 10, "pins");
	hf_expect_eq(t_pin(e, IOVA + T_PAGE, 1, R, NULL), -EINVAL, "pin of what is gone");
	hf_unmap(&r.c, IOVA + 32 * T_PAGE, 8 * T_PAGE);
	TOLD(e, "the last", { 32, 8, 8 });
	hf_unmap(&r.c, IOVA + 8 * T_PAGE, 8 * T_PAGE);
	TOLD(e, "the second", { 8, 8, 2 });
	hf_expect_eq(t_vmlck(0), locked, "VmLck in the end");
	done(&r, &m);
}

/* Unpinned again before: nobody is told. */
static void unpinned_before(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	open_and_map(t, &r, 2, &m);
	pin(&r.dev[0], 0, 16);
	pin(&r.dev[1], 4, 1);
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, 16), 0, "unpin");
	hf_expect_eq(t_unpin(&r.dev[1], IOVA + 4 * T_PAGE, 1), 0, "unpin");
	hf_unmap_all(&r.c);
	NOT_TOLD(&r.dev[0], "unpinned before");
	NOT_TOLD(&r.dev[1], "unpinned before");
	done(&r, &m);
}

/* Nobody knows whose pin it is: all devices are told, of each mapping that has pins. */
static void several(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	open_and_map(t, &r, 2, &m);
	pin(&r.dev[0], 2, 3);
	pin(&r.dev[0], 18, 2);
	pin(&r.dev[1], 3, 1);
	pin(&r.dev[1], 33, 1);
	if (t->arg) {
		hf_expect_eq(hf_unmap_all(&r.c), 32 * T_PAGE, "unmapped");
	} else {
		uint64_t unmapped = 0;

		hf_must(hf_try_unmap(&r.c, IOVA, 40 * T_PAGE, 0, &unmapped));
		hf_expect_eq(unmapped, 32 * T_PAGE, "unmapped");
	}
	TOLD(&r.dev[0], "all at once", { 0, 8, 3 }, { 16, 8, 2 }, { 32, 8, 0 });
	TOLD(&r.dev[1], "all at once", { 0, 8, 1 }, { 16, 8, 0 }, { 32, 8, 1 });
	hf_expect_eq(t_pins_held(), 0, "pins");
	done(&r, &m);
}

/* Slow to let go, up to the last time that stock allows for. */
static void told_again(struct t *t)
{
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 2, VFIO_TYPE1v2_IOMMU);
	for (unsigned int times = 1; times <= HF_TESTDEV_TIMES_MAX; times++) {
		struct t_told told;

		hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
		t_policy(e, HF_TESTDEV_NTH, times, 0, 0);
		pin(e, 0, 8);
		pin(&r.dev[1], 4, 2);
		hf_unmap(&r.c, IOVA, m.len);
		t_told(e, &told);
		hf_expect_eq(told.total, times, "told so often");
		for (unsigned int i = 0; i < told.total && i < times; i++) {
			hf_expect_eq(told.event[i].iova, IOVA, "time %u: IOVA", i);
			hf_expect_eq(told.event[i].length, m.len, "time %u: length", i);
			hf_expect_eq(told.event[i].held, 8, "time %u: pins", i);
			hf_expect_eq(told.event[i].row, i + 1, "time %u: in a row", i);
			hf_expect_eq(told.event[i].unpinned, i + 1 < times ? 0 : 8,
				     "time %u: unpinned", i);
		}
		/* The other one held two of the pages, and is told as often. */
		t_told(&r.dev[1], &told);
		hf_expect_eq(told.total, times, "the other is told so often");
		hf_expect_eq(told.event[0].held, 2, "the other's pins");
		hf_expect_eq(hf_try_map(&r.c, IOVA, m.addr, T_PAGE, HF_RW), 0, "map there");
		hf_unmap(&r.c, IOVA, T_PAGE);
		NOT_TOLD(e, "not pinned");
		t_told(&r.dev[1], &told);
	}
	done(&r, &m);
}

/* The pins go while nobody is being told: from another thread of the kernel. */
static void from_elsewhere(struct t *t)
{
	static const unsigned int delays[] = { 0, 5, 50 };
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct hf_mem m;

	open_and_map(t, &r, 1, &m);
	for (size_t i = 0; i < T_ARRAY_SIZE(delays); i++) {
		const uint64_t began = t_now_ms();
		struct t_told told;

		t_policy(e, HF_TESTDEV_WORK, 1, delays[i], 0);
		pin(e, i * 8, 8);
		hf_unmap(&r.c, IOVA + i * 8 * T_PAGE, 8 * T_PAGE);
		hf_expect(t_now_ms() - began >= delays[i], "the unmap waited %u ms", delays[i]);
		t_told(e, &told);
		hf_expect(told.total >= 1 && told.total <= HF_TESTDEV_TIMES_MAX, "told %u times",
			  told.total);
		hf_expect_eq(told.held, 0, "pins");
		hf_expect_eq(t_vmlck(0), locked, "VmLck");
	}
	done(&r, &m);
}

/*
 * Pinned again from inside the call. In the mapping that goes it is told of once more; in one
 * that stays it stays; where nothing is mapped it is refused.
 */
static void pinned_again(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct t_emulated_rig r;
	const struct t_emulated *e = &r.dev[0];
	struct t_told told;
	struct hf_mem m;

	open_and_map(t, &r, 1, &m);

	/* In another mapping. */
	t_policy(e, HF_TESTDEV_REPIN, 2, 0, IOVA + 16 * T_PAGE);
	pin(e, 1, 4);
	hf_unmap(&r.c, IOVA, 8 * T_PAGE);
	t_told(e, &told);
	hf_expect_eq(told.total, 1, "told");
	hf_expect_eq(told.event[0].pinned, 1, "pin from inside");
	hf_expect_eq(told.held, 1, "pins");
	hf_expect_eq(t_vmlck(0), locked + T_PAGE, "VmLck");

	/* Where nothing is any more. */
	t_policy(e, HF_TESTDEV_REPIN, 2, 0, IOVA);
	pin(e, 9, 4);
	hf_unmap(&r.c, IOVA + 8 * T_PAGE, 8 * T_PAGE);
	t_told(e, &told);
	hf_expect_eq(told.total, 1, "told");
	hf_expect_eq(told.event[0].pinned, -EINVAL, "pin of nothing from inside");

	/* In the same mapping: compared with stock, but it must come to an end. */
	t_policy(e, HF_TESTDEV_REPIN, 4, 0, IOVA + 18 * T_PAGE);
	hf_unmap(&r.c, IOVA + 16 * T_PAGE, 8 * T_PAGE);
	t_told(e, &told);
	t_same(t, 0, told.event[0].pinned, told.total, "pin in what is being unmapped");
	hf_expect_eq(told.held, 0, "pins");

	/* In one that the same request will unmap later. */
	hf_map(&r.c, IOVA, m.addr, 8 * T_PAGE, HF_RW);
	t_policy(e, HF_TESTDEV_REPIN, 2, 0, IOVA + 33 * T_PAGE);
	pin(e, 0, 8);
	hf_expect_eq(hf_unmap_all(&r.c), 16 * T_PAGE, "unmapped");
	t_told(e, &told);
	t_same(t, 1, told.event[0].pinned, told.total, "pin in what will be unmapped");
	hf_expect_eq(told.held, 0, "pins");
	hf_expect_eq(t_vmlck(0), locked, "VmLck");
	done(&r, &m);
}

/* Who opens and closes: told while open, and never of what went before. */
static void open_and_close(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	open_and_map(t, &r, 2, &m);
	pin(&r.dev[0], 0, 4);
	pin(&r.dev[1], 0, 4);
	pin(&r.dev[0], 8, 1);
	t_emulated_close_device(&r.dev[1]);
	hf_expect_eq(t_pins_held(), 5, "pins of the one that is open");
	NOT_TOLD(&r.dev[0], "the other closed");
	hf_unmap(&r.c, IOVA, 8 * T_PAGE);
	TOLD(&r.dev[0], "alone", { 0, 8, 4 });
	hf_must(t_emulated_open(&r.dev[1]));
	NOT_TOLD(&r.dev[1], "just opened");
	hf_unmap(&r.c, IOVA + 8 * T_PAGE, 8 * T_PAGE);
	TOLD(&r.dev[0], "both", { 8, 8, 1 });
	TOLD(&r.dev[1], "both", { 8, 8, 0 });
	/* Closed with pins, opened again: what was pinned is not, and can be unmapped. */
	pin(&r.dev[0], 16, 8);
	t_emulated_close_device(&r.dev[0]);
	hf_must(t_emulated_open(&r.dev[0]));
	hf_unmap(&r.c, IOVA + 16 * T_PAGE, 8 * T_PAGE);
	NOT_TOLD(&r.dev[0], "closed in between");
	NOT_TOLD(&r.dev[1], "not pinned any more");
	/* The last device goes, and comes back. */
	pin(&r.dev[1], 32, 2);
	t_emulated_close_device(&r.dev[0]);
	t_emulated_close_device(&r.dev[1]);
	hf_unmap(&r.c, IOVA + 32 * T_PAGE, 8 * T_PAGE);
	done(&r, &m);
}

/* The same IOVA, other memory: a pin never gets the old page. */
static void remapped(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 16 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	for (unsigned int i = 0; i < 16; i++) {
		char *p = (char *)m.addr + i * T_PAGE;
		uint64_t seen = 0, mark = t_seed();

		hf_map(&r.c, IOVA, p, T_PAGE, HF_RW);
		memcpy(p, &mark, 8);
		pin(&r.dev[0], 0, 1);
		hf_must(t_page_read(&r.dev[0], IOVA, 0, &seen, 8));
		hf_expect_eq(seen, mark, "memory %u", i);
		hf_unmap(&r.c, IOVA, T_PAGE);
	}
	done(&r, &m);
}

struct shared {
	struct t_emulated_rig r;
	struct hf_mem m;
};

static void child_unmaps(void *arg)
{
	struct shared *s = arg;

	hf_unmap(&s->r.c, IOVA, 8 * T_PAGE);
	hf_expect_eq(t_vmlck(0), 0, "VmLck of the child");
}

static void child_maps(void *arg)
{
	struct shared *s = arg;

	hf_map(&s->r.c, IOVA, s->m.addr, 8 * T_PAGE, HF_RW);
	pin(&s->r.dev[0], 0, 8);
	hf_expect_eq(t_vmlck(0), 8 * T_PAGE, "VmLck of the child");
}

static void other_process(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct shared s;

	open_and_map(t, &s.r, 1, &s.m);
	pin(&s.r.dev[0], 0, 6);
	hf_expect_eq(t_vmlck(0), locked + 6 * T_PAGE, "VmLck");
	t_child(child_unmaps, &s, "another process unmaps");
	TOLD(&s.r.dev[0], "another process unmaps", { 0, 8, 6 });
	hf_expect_eq(t_vmlck(0), locked, "VmLck after another's unmap");
	t_child(child_maps, &s, "another process maps and ends");
	hf_unmap(&s.r.c, IOVA, 8 * T_PAGE);
	TOLD(&s.r.dev[0], "what a dead process had mapped", { 0, 8, 8 });
	hf_expect_eq(t_vmlck(0), locked, "VmLck after the dead one's unmap");
	done(&s.r, &s.m);
}

/* While a device takes its time, the container answers others. */
struct unmapper {
	struct t_emulated_rig *r;
	atomic_bool done;
	int ret;
};

static void *unmap_first(void *arg)
{
	struct unmapper *u = arg;

	u->ret = hf_try_unmap(&u->r->c, IOVA, 8 * T_PAGE, 0, NULL);
	atomic_store(&u->done, true);
	return NULL;
}

static void others_go_on(struct t *t)
{
	unsigned int maps = 0, pins = 0, copies = 0;
	struct t_emulated_rig r;
	struct unmapper u = { .r = &r };
	char bytes[64];
	pthread_t thread;
	struct hf_mem m;

	open_and_map(t, &r, 1, &m);
	t_policy(&r.dev[0], HF_TESTDEV_WORK, 1, HF_TESTDEV_DELAY_MAX, 0);
	pin(&r.dev[0], 0, 8);
	hf_require(!pthread_create(&thread, NULL, unmap_first, &u), "thread");
	while (!atomic_load(&u.done)) {
		hf_expect_eq(hf_try_map(&r.c, IOVA + T_1G, m.addr, T_PAGE, HF_RW), 0, "map");
		maps += !atomic_load(&u.done);
		hf_expect_eq(hf_try_unmap(&r.c, IOVA + T_1G, T_PAGE, 0, NULL), 0, "unmap");
		hf_expect_eq(t_pin(&r.dev[0], IOVA + 8 * T_PAGE, 8, R, NULL), 8, "pin");
		pins += !atomic_load(&u.done);
		hf_expect_eq(t_unpin(&r.dev[0], IOVA + 8 * T_PAGE, 8), 0, "unpin");
		hf_expect_eq(t_dma_rw(&r.dev[0], IOVA + 16 * T_PAGE, bytes, sizeof(bytes), 0), 0,
			     "copy");
		copies += !atomic_load(&u.done);
	}
	pthread_join(thread, NULL);
	hf_expect_eq(u.ret, 0, "the slow unmap");
	hf_expect(maps && pins && copies, "meanwhile %u maps, %u pins, %u copies", maps, pins,
		  copies);
	done(&r, &m);
}

static const struct t_case cases[] = {
	{ "one by one", one_by_one, 0, NULL },
	{ "unpinned before", unpinned_before, 0, NULL },
	{ "several, by range", several, 0, NULL },
	{ "several, all", several, 0, "all" },
	{ "told again", told_again, 0, NULL },
	{ "unpinned from elsewhere", from_elsewhere, 0, NULL },
	{ "pinned from inside", pinned_again, 0, NULL },
	{ "devices open and close", open_and_close, 0, NULL },
	{ "the same IOVA again", remapped, 0, NULL },
	{ "another process", other_process, 0, NULL },
	{ "others go on meanwhile", others_go_on, 0, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
