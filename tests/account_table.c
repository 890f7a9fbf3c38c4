// SPDX-License-Identifier: GPL-2.0-only
/*
 * account_table - what is charged for a page, by kind of memory: the table of docs/accounting.md.
 *
 * Each row is one way to come by a page; the number of pages charged is compared with the
 * row's, for stock by kernel, and printed. Where holdfast charges what stock does not, the row
 * says so, and a user with a limit of just what stock charges meets the difference.
 */
#include <errno.h>
#include <holdfast/proc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "emulated.h"
#include "harness.h"
#include "payer.h"
#include "side.h"

#define IOVA 0x200000000ULL
#define N 1024UL /* pages of a row: two of 2M */
#define LEN (N * T_PAGE)

/* What is charged: all pages, or on a stock that does not charge the zero page, a part. */
enum charged { ALL, NONE_ON_OLD, HALF_ON_OLD };

enum state { TOUCHED, UNTOUCHED, READ_ONCE, HALF };

struct row {
	const char *kind;
	enum state state;
	uint32_t prot;
	enum charged charged;
	bool read_only;	/* memory the CPU may not write to */
};

static bool row_memory(const struct row *r, struct hf_mem *m)
{
	unsigned int flags = r->state == TOUCHED ? HF_MEM_TOUCHED :
			     r->state == READ_ONCE ? HF_MEM_READ_TOUCHED : 0;

	if (!t_alloc(m, r->kind, LEN, 0, flags))
		return false;
	for (size_t i = 0; r->state == HALF && i < N; i += 2)
		((char *)m->addr)[i * T_PAGE] = 1;
	if (r->read_only)
		hf_require(!mprotect(m->addr, LEN, PROT_READ), "mprotect");
	return true;
}

static uint64_t charged_by(const struct t *t, const struct row *r)
{
	const bool old = t->on == T_ON_STOCK && t_kernel_before(6, 2);

	if (r->charged == ALL || !old)
		return LEN;
	return r->charged == NONE_ON_OLD ? 0 : LEN / 2;
}

static uint64_t own(const struct t *t)
{
	struct hf_proc_mem mem;

	hf_must(hf_proc_mem(0, &mem));
	return t->by_user ? mem.vmpin : mem.vmlck;
}

static void kind(struct t *t)
{
	const struct row *r = t->arg;
	const uint64_t want = charged_by(t, r);
	struct hf_mem m;

	if (!row_memory(r, &m))
		return;
	hf_map(t->c, IOVA, m.addr, LEN, r->prot);
	hf_ktap_diag("table: charged %lu of %lu pages", (unsigned long)(own(t) / T_PAGE), N);
	t_expect_own(t, 0, want, "mapped");
	t_expect_user(t, 0, want, "mapped");
	/* The same pages once more, at another IOVA, are charged once more. */
	hf_map(t->c, IOVA + T_1G, m.addr, LEN, r->prot);
	t_expect_own(t, 0, 2 * want, "mapped twice");
	hf_unmap(t->c, IOVA, LEN);
	t_expect_own(t, 0, want, "unmapped once");
	hf_unmap(t->c, IOVA + T_1G, LEN);
	t_expect_own(t, 0, 0, "unmapped");
	hf_mem_free(&m);
}

/* Who has just the limit that stock asks for: with holdfast not enough on old kernels. */
static void tight_child(void *arg)
{
	const struct t *t = arg;
	const struct row *r = t->arg;
	/* Charged less than all of it, the map fits. */
	const int want = charged_by(t, r) < LEN ? 0 : -ENOMEM;
	struct hf_mem m;

	t_unprivileged(LEN - T_PAGE);
	if (!hf_expect(row_memory(r, &m), "memory"))
		return;
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, LEN, r->prot), want,
		     "a limit of all pages but one");
}

static void tight(struct t *t)
{
	t_child(tight_child, t, "user with a tight limit");
	hf_unmap_all(t->c);
}

/* One page of memory under every page of IOVA space. */
static void same_page(struct t *t)
{
	char *p = mmap(NULL, N * T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("page", 0);

	hf_require(p != MAP_FAILED && fd >= 0 && !ftruncate(fd, T_PAGE), "memory");
	for (size_t i = 0; i < N; i++)
		hf_require(mmap(p + i * T_PAGE, T_PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_FIXED, fd, 0) == p + i * T_PAGE, "mmap");
	hf_map(t->c, IOVA, p, LEN, HF_RW);
	t_expect_own(t, 0, LEN, "one page, many times");
	hf_unmap(t->c, IOVA, LEN);
	munmap(p, N * T_PAGE);
	close(fd);
}

/* Drivers of devices without an IOMMU: each page of a mapping that is pinned, once. */
static void driver_pins(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	t_emulated_rig(&r, t, 2, VFIO_TYPE1v2_IOMMU);
	hf_map(&r.c, IOVA, m.addr, LEN, HF_RW);
	t_expect_own(t, 0, 0, "mapped for drivers only");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 100, HF_TESTDEV_READ, NULL), 100, "pin");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + 50 * T_PAGE, 100, HF_TESTDEV_READ, NULL), 100,
		     "pin, half of it again");
	hf_expect_eq(t_pin(&r.dev[1], IOVA + 50 * T_PAGE, 50, HF_TESTDEV_READ, NULL), 50,
		     "pin by another device");
	t_expect_own(t, 0, 150 * T_PAGE, "pinned");
	t_expect_user(t, 0, 150 * T_PAGE, "pinned");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, 100), 0, "unpin");
	t_expect_own(t, 0, 100 * T_PAGE, "some unpinned");
	t_expect_user(t, 0, 100 * T_PAGE, "some unpinned");
	hf_unmap(&r.c, IOVA, LEN);
	t_expect_own(t, 0, 0, "unmapped");
	t_expect_user(t, 0, 0, "unmapped");
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

/* A group with an IOMMU joins drivers that have pinned, and leaves them again. */
static void driver_and_iommu(struct t *t)
{
	struct t_emulated_rig r;
	struct t_side side;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_map(&r.c, IOVA, m.addr, LEN, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 100, HF_TESTDEV_READ, NULL), 100, "pin");
	t_side_attach(&side, 0, &r.c);
	t_expect_own(t, 0, LEN, "a group with an IOMMU joins");
	t_expect_user(t, 0, LEN, "a group with an IOMMU joins");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + 200 * T_PAGE, 100, HF_TESTDEV_READ, NULL), 100, "pin");
	t_expect_own(t, 0, LEN, "pinned what is mapped");
	t_side_close(&side);
	t_expect_own(t, 0, 200 * T_PAGE, "it has left");
	t_expect_user(t, 0, 200 * T_PAGE, "it has left");
	t_emulated_rig_close(&r);
	t_expect_own(t, 0, 0, "closed");
	t_expect_user(t, 0, 0, "closed");
	hf_mem_free(&m);
}

/*
 * The limit is that of the process that mapped, whoever has the driver pin. When that process is
 * gone its limit and its memory are, too; its user's charge is not.
 */
struct driver {
	struct t *t;
	struct t_emulated_rig *r;
	struct t_gate *gate;
};

static void map_for_driver(void *arg)
{
	const struct driver *d = arg;
	struct hf_mem m;

	t_unprivileged(100 * T_PAGE);
	hf_must(hf_mem_alloc("anon4k", LEN, HF_MEM_TOUCHED, &m));
	hf_map(&d->r->c, IOVA, m.addr, LEN, HF_RW);
	hf_expect_eq(t_pin(&d->r->dev[0], IOVA, 101, HF_TESTDEV_READ, NULL), -ENOMEM,
		     "a page over the limit");
	t_expect_own(d->t, 0, 0, "over the limit");
	hf_expect_eq(t_pin(&d->r->dev[0], IOVA, 60, HF_TESTDEV_READ, NULL), 60, "60 of 100");
	t_gate_open(d->gate, 1);
	t_gate_wait(d->gate, 2);
	t_expect_own(d->t, 0, 100 * T_PAGE, "at the limit");
}

static void driver_limit(struct t *t)
{
	struct t_emulated_rig r;
	struct driver d = { t, &r, t_gate_new() };
	pid_t pid;

	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	pid = t_child_start(map_for_driver, &d);
	t_gate_wait(d.gate, 1);
	hf_expect_eq(t_pin(&r.dev[0], IOVA + T_2M, 41, HF_TESTDEV_READ, NULL), -ENOMEM,
		     "60 and 41 of 100, by another process");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + T_2M, 40, HF_TESTDEV_READ, NULL), 40,
		     "60 and 40 of 100, by another process");
	t_expect_user(t, T_NOBODY, 100 * T_PAGE, "at the limit");
	t_expect_own(t, 0, 0, "the other process");
	t_gate_open(d.gate, 2);
	t_child_end(pid, "process that maps for a driver and exits");
	t_expect_user(t, T_NOBODY, 100 * T_PAGE, "it is gone, the pins are not");
	t_expect_own(t, 0, 0, "it is gone");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA, 40), 0, "unpin");
	t_expect_user(t, T_NOBODY, 60 * T_PAGE, "some unpinned");
	hf_unmap(&r.c, IOVA, LEN);
	t_expect_user(t, T_NOBODY, 0, "unmapped");
	t_emulated_rig_close(&r);
}

/* What the module allocates is charged to the memory cgroup. */

#define GROUP "/sys/fs/cgroup/holdfast-account"
#define MAPS 4000

static long group_kernel_bytes(void)
{
	char text[4096], *at;

	hf_require(hf_proc_read_file(GROUP "/memory.stat", text, sizeof(text)) > 0, "memory.stat");
	at = strstr(text, "\nkernel ");
	hf_require(at, "kernel memory in memory.stat");
	return strtol(at + 8, NULL, 10);
}

static void small_maps(void *arg)
{
	const struct t *t = arg;
	struct hf_mem m;
	long before;

	hf_must(hf_mem_alloc("anon4k", T_PAGE, HF_MEM_TOUCHED, &m));
	hf_must(hf_proc_write_file(GROUP "/cgroup.procs", "0"));
	/* Page tables of the IOMMU are there afterwards, as is what is kept in caches. */
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < MAPS; i++)
			hf_map(t->c, IOVA + i * T_PAGE, m.addr, T_PAGE, HF_RW);
		if (!round)
			hf_unmap_all(t->c);
		if (!round)
			before = group_kernel_bytes();
	}
	before = (group_kernel_bytes() - before) / MAPS;
	hf_ktap_diag("table: %ld bytes of kernel memory for a mapping", before);
	if (t->on == T_ON_HOLDFAST)
		hf_expect(before >= 100, "a mapping is charged to the memory cgroup");
	hf_unmap_all(t->c);
}

static void cgroup(struct t *t)
{
	if (hf_proc_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory") ||
	    (mkdir(GROUP, 0755) && errno != EEXIST)) {
		hf_ktap_skip("no memory cgroup");
		return;
	}
	t_child(small_maps, t, "process in a memory cgroup");
	for (unsigned int i = 0; rmdir(GROUP) && i < 100; i++)
		t_sleep_ms(10);
}

#define ROW(k, s, p, c) &(const struct row){ .kind = k, .state = s, .prot = p, .charged = c }
#define ROW_RO(k, s, c) \
	&(const struct row){ .kind = k, .state = s, .prot = HF_READ, .charged = c, .read_only = true }
#define KIND (T_RIG | T_USER)

static const struct t_case cases[] = {
	{ "anon, rw", kind, KIND, ROW("anon4k", TOUCHED, HF_RW, ALL) },
	{ "anon, untouched, rw", kind, KIND, ROW("anon4k", UNTOUCHED, HF_RW, ALL) },
	{ "anon, read once, rw", kind, KIND, ROW("anon4k", READ_ONCE, HF_RW, ALL) },
	{ "anon, ro", kind, KIND, ROW("anon4k", TOUCHED, HF_READ, ALL) },
	{ "anon, untouched, ro", kind, KIND, ROW("anon4k", UNTOUCHED, HF_READ, NONE_ON_OLD) },
	{ "anon, read once, ro", kind, KIND, ROW("anon4k", READ_ONCE, HF_READ, NONE_ON_OLD) },
	{ "anon, half written, ro", kind, KIND, ROW("anon4k", HALF, HF_READ, HALF_ON_OLD) },
	{ "anon for reading only, ro", kind, KIND, ROW_RO("anon4k", READ_ONCE, NONE_ON_OLD) },
	{ "thp, rw", kind, KIND, ROW("thp", TOUCHED, HF_RW, ALL) },
	{ "thp, untouched, ro", kind, KIND, ROW("thp", UNTOUCHED, HF_READ, ALL) },
	{ "thp, read once, ro", kind, KIND, ROW("thp", READ_ONCE, HF_READ, ALL) },
	{ "hugetlb, rw", kind, KIND, ROW("hugetlb2m", TOUCHED, HF_RW, ALL) },
	{ "hugetlb, untouched, ro", kind, KIND, ROW("hugetlb2m", UNTOUCHED, HF_READ, ALL) },
	{ "hugetlb, shared, rw", kind, KIND, ROW("hugetlb2m-shared", TOUCHED, HF_RW, ALL) },
	{ "shmem, rw", kind, KIND, ROW("shmem4k", TOUCHED, HF_RW, ALL) },
	{ "shmem, untouched, ro", kind, KIND, ROW("shmem4k", UNTOUCHED, HF_READ, ALL) },
	{ "file, private, ro", kind, KIND, ROW("file", TOUCHED, HF_READ, ALL) },
	{ "file, private, read once, ro", kind, KIND, ROW("file", READ_ONCE, HF_READ, ALL) },
	{ "file, shared, rw", kind, KIND, ROW("file-shared", TOUCHED, HF_RW, ALL) },
	{ "one page, many times", same_page, KIND, NULL },
	{ "tight limit: anon, ro", tight, KIND, ROW("anon4k", TOUCHED, HF_READ, ALL) },
	{ "tight limit: anon, untouched, ro", tight, KIND,
	  ROW("anon4k", UNTOUCHED, HF_READ, NONE_ON_OLD) },
	{ "tight limit: anon, half written, ro", tight, KIND,
	  ROW("anon4k", HALF, HF_READ, HALF_ON_OLD) },
	{ "driver pins", driver_pins, T_USER, NULL },
	{ "driver pins, and a group with an IOMMU", driver_and_iommu, T_USER, NULL },
	{ "driver pins, the limit, and who mapped is gone", driver_limit, T_USER, NULL },
	{ "the memory cgroup", cgroup, T_RIG, NULL },
};

int main(void)
{
	t_payer_start();
	return T_EMULATED_RUN(cases);
}
