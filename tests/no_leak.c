// SPDX-License-Identifier: GPL-2.0-only
/*
 * no_leak - whatever is done a thousand times leaves the kernel's memory as it was.
 *
 * Pins and charges are counted after every case of every test; what a backend allocates for
 * itself is not. It is measured here: free memory and unreclaimable slab before and after
 * many rounds, warmed up first. One object or page a round is far above the noise. Slab
 * that grew is looked at again: a leak grows each time, what others took meanwhile does not.
 */
#include <errno.h>
#include <unistd.h>

#include "harness.h"
#include "level.h"
#include "side.h"

#define IOVA 0x100000000ULL

struct job {
	void (*once)(struct t *t, const struct job *j, unsigned int round);
	unsigned int rounds;
	const char *kind;
	size_t pages;
};

static struct hf_mem mem;

#define ATTEMPTS 3

static bool leaves_slab_as_it_was(struct t *t, const struct job *j)
{
	/* Less than the smallest things that can leak: a page a round, 64 bytes a round. */
	const long pages_kb = j->rounds, slab_kb = 24 + j->rounds / 40;
	const struct t_level before = t_level();
	const uint64_t began = t_now_ms();
	struct t_level after;
	uint64_t took;

	for (unsigned int i = 0; i < j->rounds; i++)
		j->once(t, j, i);
	took = t_now_ms() - began;
	after = t_level_settle(&before, pages_kb, slab_kb);
	hf_ktap_diag("%u rounds in %llu ms: free %+ld KB (may lose %ld), unreclaimable slab %+ld KB (may gain %ld)",
		     j->rounds, (unsigned long long)took, after.free - before.free, pages_kb,
		     after.slab - before.slab, slab_kb);
	hf_expect(before.free - after.free < pages_kb, "lost %ld KB, may be %ld",
		  before.free - after.free, pages_kb);
	return after.slab - before.slab < slab_kb;
}

static void repeat(struct t *t)
{
	const struct job *j = t->arg;
	bool same = false;

	if (!access("/proc/lockdep", F_OK)) {
		hf_ktap_skip("a debug kernel keeps backtraces and what was freed: see kmemleak");
		return;
	}
	if (j->kind && !t_alloc(&mem, j->kind, j->pages * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	for (unsigned int i = 0; i < j->rounds / 4; i++)
		j->once(t, j, i);
	t_sleep_ms(300);
	for (unsigned int i = 0; i < ATTEMPTS && !same; i++)
		same = leaves_slab_as_it_was(t, j);
	hf_expect(same, "slab grows whenever it is done");
	if (j->kind)
		hf_mem_free(&mem);
}

static void map_unmap(struct t *t, const struct job *j, unsigned int round)
{
	(void)j;
	hf_map(t->c, IOVA + round % 7 * T_PAGE, mem.addr, mem.len, round & 1 ? HF_RW : HF_READ);
	hf_unmap(t->c, IOVA + round % 7 * T_PAGE, mem.len);
}

static void failed_map(struct t *t, const struct job *j, unsigned int round)
{
	(void)j;
	(void)round;
	/* A reservation ends the memory. */
	if (hf_try_map(t->c, IOVA, mem.addr, mem.len + T_PAGE, HF_RW) != -EFAULT)
		hf_fail(0, "a map past the end of the memory");
}

static void many_and_all(struct t *t, const struct job *j, unsigned int round)
{
	(void)j;
	(void)round;
	for (unsigned int i = 0; i < 8; i++)
		hf_map(t->c, IOVA + i * T_2M, mem.addr, mem.len, HF_RW);
	hf_unmap_all(t->c);
}

static void open_close(struct t *t, const struct job *j, unsigned int round)
{
	struct hf_container c;
	struct t_side s;

	(void)t;
	(void)j;
	hf_must(hf_container_open(&c));
	t_side_attach(&s, 0, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	if (round & 1)
		hf_map(&c, IOVA, mem.addr, mem.len, HF_RW);
	t_side_close(&s);
	hf_container_close(&c);
}

static void join_leave(struct t *t, const struct job *j, unsigned int round)
{
	struct t_side s;

	(void)j;
	(void)round;
	t_side_attach(&s, 1, t->c);
	t_side_close(&s);
}

static void info(struct t *t, const struct job *j, unsigned int round)
{
	struct {
		struct vfio_iommu_type1_info i;
		char rest[256];
	} q = { .i = { .argsz = round % sizeof(q) } };

	(void)j;
	hf_container_ioctl(t->c, VFIO_IOMMU_GET_INFO, &q);
}

#define J(f, n, k, p) &(const struct job){ f, n, k, p }

static const struct t_case cases[] = {
	{ "map and unmap: one page", repeat, T_RIG, J(map_unmap, 4000, "anon4k", 1) },
	{ "map and unmap: 700 scattered pages", repeat, T_RIG, J(map_unmap, 1000, "frag4k", 700) },
	{ "map and unmap: 4M of thp", repeat, T_RIG, J(map_unmap, 1000, "thp", 1024) },
	{ "maps that fail", repeat, T_RIG, J(failed_map, 1000, "frag4k", 700) },
	{ "unmap of everything", repeat, T_RIG, J(many_and_all, 1000, "frag4k", 20) },
	/* Fewer: to attach a group takes milliseconds where the IOMMU is virtio's. */
	{ "open and close", repeat, 0, J(open_close, 2000, "frag4k", 100) },
	{ "a group joins and leaves", repeat, T_RIG, J(join_leave, 2000, NULL, 0) },
	{ "info", repeat, T_RIG, J(info, 4000, NULL, 0) },
};

int main(void)
{
	return T_RUN(cases);
}
