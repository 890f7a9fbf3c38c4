// SPDX-License-Identifier: GPL-2.0-only
/*
 * refresh - the device is shown what the CPU sees.
 *
 * The process takes pages away from under a mapping; the device goes on with the old ones.
 * After a refresh both see the same bytes again, in what was asked for and in nothing else,
 * what was pinned before is unpinned, and locked memory is what it was. A refresh that
 * cannot be done changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <holdfast/pattern.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auditor.h"
#include "child.h"
#include "harness.h"
#include "module.h"
#include "scene.h"
#include "side.h"

#define IOVA 0x6200000000ULL

/* What is incoherent, as one range; fails the case if it is not that. */
static void expect_range(struct t *t, uint64_t iova, uint64_t size, const char *what)
{
	struct holdfast_range r[4] = { { 0 } };
	long nr = hf_try_incoherent(t->c, 0, UINT64_MAX, r, 4, NULL);

	if (!size) {
		hf_expect(nr == 0, "%s: nothing is incoherent (%ld ranges, 0x%llx+0x%llx)", what,
			  nr, r[0].iova, r[0].size);
		return;
	}
	hf_expect(nr == 1 && r[0].iova == iova && r[0].size == size,
		  "%s: 0x%llx+0x%llx is incoherent (%ld ranges, 0x%llx+0x%llx)", what,
		  (unsigned long long)iova, (unsigned long long)size, nr, r[0].iova, r[0].size);
}

static void expect_refresh(struct t *t, uint64_t iova, uint64_t len, uint64_t want,
			   const char *what)
{
	uint64_t refreshed = ~0ULL;

	hf_expect_eq(hf_try_refresh(t->c, iova, len, &refreshed, NULL), 0, "%s: refresh", what);
	hf_expect_eq(refreshed, want, "%s: bytes refreshed", what);
}

/* Small pages, dropped, and given other contents by the CPU. */
static void drop(char *addr, size_t from, size_t to)
{
	hf_require(!madvise(addr + from * T_PAGE, (to - from) * T_PAGE, MADV_DONTNEED), "drop");
}

static long pins_held(void)
{
	struct hf_proc_pins pins;

	hf_must(hf_proc_pins(&pins));
	return (long)(pins.acquired - pins.released);
}

/* It may take a moment until every CPU's part of the counters has been added up. */
static void expect_pins(long want, const char *what)
{
	const uint64_t end = t_now_ms() + t_patience_ms(1000);

	while (pins_held() != want && t_now_ms() < end)
		t_sleep_ms(5);
	hf_expect_eq(pins_held(), want, "%s: pins held", what);
}

static void dropped(struct t *t)
{
	const size_t len = 64 * T_PAGE;
	const uint32_t prot = t->arg ? HF_READ : HF_RW;
	const uint64_t vmlck = t_vmlck(0);
	struct hf_mem m;
	long pins;

	if (!t_alloc(&m, "anon4k", len, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, len, prot);
	pins = pins_held();
	expect_range(t, 0, 0, "after the map");
	expect_refresh(t, IOVA, len, 0, "nothing to do");
	drop(m.addr, 8, 12);
	expect_range(t, IOVA + 8 * T_PAGE, 4 * T_PAGE, "dropped");
	memset((char *)m.addr + 8 * T_PAGE, 1, 4 * T_PAGE);
	expect_range(t, IOVA + 8 * T_PAGE, 4 * T_PAGE, "touched again");
	/* Only what is asked for. */
	expect_refresh(t, IOVA + 10 * T_PAGE, T_PAGE, T_PAGE, "one of four");
	expect_refresh(t, IOVA + 20 * T_PAGE, 44 * T_PAGE, 0, "none of four");
	expect_refresh(t, IOVA, len, 3 * T_PAGE, "the others");
	expect_range(t, 0, 0, "refreshed");
	expect_pins(pins, "refreshed");
	hf_expect_eq(t_vmlck(0), vmlck + len, "VmLck");
	t_dma_check(&t->port, IOVA, m.addr, len, prot, "refreshed");
	/* Absent ones are faulted in. */
	drop(m.addr, 0, 64);
	expect_refresh(t, IOVA, len, len, "all of it, absent");
	expect_pins(pins, "all of it");
	t_dma_check(&t->port, IOVA, m.addr, len, prot, "all of it");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

static void audited(struct t *t)
{
	hf_expect_eq(hf_try_audit(t->c, true, -1), 0, "auditor on");
	dropped(t);
	hf_expect_eq(hf_try_audit(t->c, false, -1), 0, "auditor off");
}

/*
 * Every kind of leaf: what was taken away from inside of one
 */
static void dontneed(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(!madvise(t_range_addr(s, v), t_range_len(s, v), MADV_DONTNEED), "drop");
}

static void punch(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(!fallocate(v->m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      (off_t)(t_range_from(s) * T_PAGE), (off_t)t_range_len(s, v)),
			   "punch a hole: %s", strerror(errno));
}

static void map_over(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(mmap(t_range_addr(s, v), t_range_len(s, v), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED,
			   "mmap");
}

static const struct t_event losses[] = {
	{ "dropped in part", NULL, dontneed, NULL, T_PART,
	  .fresh = T_LEAF_PRIVATE & ~T_LEAF_HUGE1G, .flags = T_E_CLEAN },
	{ "a hole in the file", NULL, punch, NULL, T_PART,
	  .fresh = T_LEAF_SHARED & ~(T_LEAF_SHMEMTHP | T_LEAF_SHMEMTHP_PTES) },
	{ "other memory in a part", NULL, map_over, NULL, T_PART,
	  .fresh = T_LEAF_ALL & ~T_LEAF_HUGE1G },
};

struct row {
	const struct t_leaf *leaf;
	const struct t_event *event;
};

/* Bytes that have to be replaced at least, and at most: whole folios. */
static void expect_amount(const struct t_scene *s, const struct t_view *v, uint64_t refreshed)
{
	const size_t from = t_range_from(s), to = t_range_to(s, v), folio = s->leaf->folio;
	size_t low = from / folio * folio, high = (to + folio - 1) / folio * folio;

	low = low < v->first ? v->first : low;
	high = high > v->end ? v->end : high;
	hf_expect(refreshed >= (to - from) * T_PAGE && refreshed <= (high - low) * T_PAGE,
		  "0x%llx bytes replaced, of 0x%zx that had parted and 0x%zx of their folios",
		  (unsigned long long)refreshed, (to - from) * T_PAGE, (high - low) * T_PAGE);
}

static void leaf_kind(struct t *t)
{
	const struct row *row = t->arg;
	struct t_scene s = { .t = t, .leaf = row->leaf, .event = row->event };
	const uint64_t vmlck = t_vmlck(0);
	uint64_t refreshed, mapped = 0;

	if (!t_scene_open(&s, T_VIEWS)) {
		t_scene_close(&s);
		return;
	}
	if (t->index & 1)
		hf_must(hf_try_audit(t->c, true, -1));
	t_scene_map(&s);
	s.event->happens(&s);
	t_scene_outcome(&s);
	t_scene_check(&s, "before the refresh");
	for t_each_view(&s, v) {
		const size_t len = (v->end - v->first) * T_PAGE;

		hf_expect_eq(hf_try_refresh(t->c, v->p.iova, len, &refreshed, NULL), 0, "refresh");
		expect_amount(&s, v, refreshed);
		t_pages_mend(&v->p, v->first, v->end);
		mapped += len;
	}
	expect_range(t, 0, 0, "refreshed");
	t_scene_check(&s, "refreshed");
	hf_expect_eq(t_vmlck(0), vmlck + mapped, "VmLck");
	hf_must(hf_try_audit(t->c, false, -1));
	t_scene_unmap(&s);
	t_scene_close(&s);
}

static void no_huge_pages(struct t *t)
{
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "disable_hugepages", "Y"));
	leaf_kind(t);
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "disable_hugepages", "N"));
}

/*
 * Which mappings
 */
static void many_mappings(struct t *t)
{
	const size_t each = 16 * T_PAGE;
	uint64_t refreshed, failed;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 4 * each, 0, HF_MEM_TOUCHED))
		return;
	/* With a hole between the second and the third. */
	for (uint64_t i = 0; i < 4; i++)
		hf_map(t->c, IOVA + (i + i / 2) * each, (char *)m.addr + i * each, each, HF_RW);
	drop(m.addr, 0, 64);
	expect_refresh(t, IOVA + 8 * T_PAGE, 4 * each, 48 * T_PAGE, "from one's middle to one's");
	expect_refresh(t, IOVA, 6 * each, 16 * T_PAGE, "what is left at both ends");
	expect_range(t, 0, 0, "all");
	hf_expect_eq(hf_try_refresh(t->c, IOVA + 2 * each, each, &refreshed, &failed), -ENOENT,
		     "the hole");
	hf_unmap_all(t->c);
	t_port_remap(&t->port);
	hf_mem_free(&m);
}

/* The first of three is done, the second cannot be, the third is not tried. */
static void not_there(struct t *t)
{
	const size_t each = 32 * T_PAGE;
	uint64_t refreshed, failed;
	const uint64_t seed = t_seed();
	struct hf_mem m;
	char *second;
	long pins;

	if (!t_alloc(&m, "anon4k", 3 * each, 0, HF_MEM_TOUCHED))
		return;
	second = (char *)m.addr + each;
	hf_mem_fill(&m, seed);
	for (uint64_t i = 0; i < 3; i++)
		hf_map(t->c, IOVA + i * each, (char *)m.addr + i * each, each, HF_RW);
	pins = pins_held();
	for (size_t i = 0; i < 3; i++)
		drop((char *)m.addr + i * each, 4, 20);
	t_leaf_hole(second + 13 * T_PAGE, 1);
	for (int again = 0; again < 2; again++) {
		hf_expect_eq(hf_try_refresh(t->c, IOVA, 3 * each, &refreshed, &failed), -EFAULT,
			     "a page that is not there");
		hf_expect_eq(refreshed, again ? 0 : 16 * T_PAGE, "what was refreshed before it");
		hf_expect_eq(failed, IOVA + each + 13 * T_PAGE, "which page");
		expect_pins(pins, "failed");
		hf_expect_eq(t_vmlck(0), 3 * each + T_PORT_BYTES, "VmLck");
		/* The device still has all of the second and the third. */
		t_dma_reads(&t->port, IOVA + each, 2 * each, each, seed, "nothing has changed");
	}
	expect_refresh(t, IOVA + each, 13 * T_PAGE, 9 * T_PAGE, "what is before it");
	expect_refresh(t, IOVA + each + 14 * T_PAGE, 2 * each, 6 * T_PAGE + 16 * T_PAGE,
		       "what is behind it");
	expect_range(t, IOVA + each + 13 * T_PAGE, T_PAGE, "the page that is not there");
	hf_unmap_all(t->c);
	t_port_remap(&t->port);
	hf_mem_free(&m);
}

/* Not writable any more. */
static void not_writable(struct t *t)
{
	const size_t len = 16 * T_PAGE;
	uint64_t refreshed, failed;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", len, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	drop(m.addr, 5, 9);
	hf_require(!mprotect((char *)m.addr + 6 * T_PAGE, T_PAGE, PROT_READ), "mprotect");
	hf_expect_eq(hf_try_refresh(t->c, IOVA, len, &refreshed, &failed), -EFAULT, "read-only");
	hf_expect_eq(failed, IOVA + 6 * T_PAGE, "which page");
	hf_require(!mprotect(m.addr, len, PROT_READ | PROT_WRITE), "mprotect");
	expect_refresh(t, IOVA, len, 4 * T_PAGE, "writable");
	t_dma_check(&t->port, IOVA, m.addr, len, HF_RW, "writable");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

/*
 * Who asks, and who pays
 */
static void at_the_limit(void *arg)
{
	struct t *t = arg;
	const size_t len = 64 * T_PAGE;
	uint64_t refreshed, failed;
	struct hf_mem m;

	t_unprivileged(len + 3 * T_PAGE);
	hf_must(hf_mem_alloc("anon4k", len, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	drop(m.addr, 10, 14);
	memset((char *)m.addr + 10 * T_PAGE, 3, 4 * T_PAGE);
	for (int i = 0; i < 3; i++) {
		hf_expect_eq(hf_try_refresh(t->c, IOVA, len, &refreshed, &failed), -ENOMEM,
			     "four pages more than the limit has");
		hf_expect_eq(refreshed, 0, "what was refreshed");
		hf_expect_eq(t_vmlck(0), len, "VmLck");
		expect_range(t, IOVA + 10 * T_PAGE, 4 * T_PAGE, "nothing has changed");
	}
	expect_refresh(t, IOVA, 13 * T_PAGE, 3 * T_PAGE, "three pages");
	hf_expect_eq(t_vmlck(0), len, "VmLck");
	expect_refresh(t, IOVA, len, T_PAGE, "the fourth");
	hf_unmap(t->c, IOVA, len);
	hf_expect_eq(t_vmlck(0), 0, "VmLck in the end");
}

static void limit(struct t *t)
{
	t_child(at_the_limit, t, "who has a limit");
}

static void asks(void *arg)
{
	struct t *t = arg;

	/* Not the child's to give to a device, though it has a copy and the container. */
	hf_expect_eq(hf_try_refresh(t->c, IOVA, 16 * T_PAGE, NULL, NULL), -EPERM,
		     "asked by a child");
	hf_expect_eq(t_vmlck(0), 0, "the child's VmLck");
}

static void other_process(struct t *t)
{
	const size_t len = 16 * T_PAGE;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", len, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	drop(m.addr, 3, 7);
	t_child(asks, t, "a child that asks");
	expect_range(t, IOVA + 3 * T_PAGE, 4 * T_PAGE, "nothing has changed");
	expect_refresh(t, IOVA, len, 4 * T_PAGE, "asked by who mapped");
	t_dma_check(&t->port, IOVA, m.addr, len, HF_RW, "refreshed");
	expect_range(t, 0, 0, "refreshed");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

static void maps_and_goes(void *arg)
{
	struct t *t = arg;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 16 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	drop(m.addr, 3, 7);
}

static void process_is_gone(struct t *t)
{
	uint64_t refreshed, failed;
	struct holdfast_range r;
	bool partial = false;

	t_child(maps_and_goes, t, "who maps");
	hf_expect_eq(hf_try_incoherent(t->c, IOVA, IOVA + T_2M, &r, 1, &partial), 0, "ranges");
	hf_expect(partial, "the answer is partial");
	hf_expect_eq(hf_try_refresh(t->c, IOVA, 16 * T_PAGE, &refreshed, &failed), -EPERM,
		     "of a process that is gone");
	hf_unmap(t->c, IOVA, 16 * T_PAGE);
}

static int killed_child(void *arg)
{
	struct t *t = arg;

	while (t)
		hf_try_refresh(t->c, IOVA, 4096 * T_PAGE, NULL, NULL);
	return 0;
}

/* A process of its own in the same memory, so that it can be killed by itself. */
static pid_t start_refreshing(struct t *t, char *stack, size_t size)
{
	const pid_t pid = clone(killed_child, stack + size, CLONE_VM | SIGCHLD, t);

	hf_require(pid > 0, "clone");
	return pid;
}

/* One drops pages, another refreshes and is killed in the middle. */
static void killed(struct t *t)
{
	const size_t len = 4096 * T_PAGE;
	static char stack[64 << 10] __attribute__((aligned(16)));
	uint64_t refreshed;
	struct hf_mem m;
	long pins;

	if (!t_alloc(&m, "anon4k", len, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	pins = pins_held();
	for (unsigned int i = 0; i < 10; i++) {
		pid_t pid = start_refreshing(t, stack, sizeof(stack));

		for (unsigned int k = 0; k < 3 + i; k++) {
			drop(m.addr, 100 * k, 4096 - 100 * k);
			t_sleep_ms(i);
		}
		kill(pid, SIGKILL);
		t_child_killed(pid, "who refreshes");
		hf_expect_eq(t_vmlck(0), len + T_PORT_BYTES, "VmLck");
	}
	hf_must(hf_try_refresh(t->c, IOVA, len, &refreshed, NULL));
	expect_range(t, 0, 0, "in the end");
	expect_pins(pins, "in the end");
	t_dma_check(&t->port, IOVA, m.addr, len, HF_RW, "in the end");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

/*
 * Several devices
 */
static void two_domains(struct t *t)
{
	const size_t len = 600 * T_PAGE;
	struct t_side side[2] = { { .group.fd = -1 }, { .group.fd = -1 } };
	struct hf_container c;
	struct hf_mem m;
	uint64_t refreshed;

	(void)t;
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "Y"));
	hf_must(hf_container_open(&c));
	t_side_attach(&side[0], 0, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	t_side_attach(&side[1], 1, &c);
	t_sides_start(side, 2, &c, HF_DMA_IOVA_DEFAULT);
	if (t_alloc(&m, "thp", len, 0, HF_MEM_TOUCHED)) {
		hf_map(&c, IOVA, m.addr, len, HF_RW);
		drop(m.addr, 100, 200);
		drop(m.addr, 510, 520);
		hf_expect_eq(hf_try_refresh(&c, IOVA, len, &refreshed, NULL), 0, "refresh");
		for (int i = 0; i < 2; i++)
			t_dma_check(&side[i].port, IOVA, m.addr, len, HF_RW,
				    i ? "the second device" : "the first device");
		hf_unmap(&c, IOVA, len);
		hf_mem_free(&m);
	}
	for (int i = 0; i < 2; i++)
		t_side_close(&side[i]);
	hf_container_close(&c);
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
}

static int dirty(struct t *t, uint32_t flags)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d), .flags = flags };

	return hf_container_ioctl(t->c, VFIO_IOMMU_DIRTY_PAGES, &d);
}

/* While dirty pages are tracked. */
static void tracked(struct t *t)
{
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	dropped(t);
	hf_must(dirty(t, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
}

struct neighbour {
	struct t_port *port;
	char *page;
	uint64_t iova;
	atomic_bool stop;
	unsigned int came;
	unsigned int refused;
	unsigned int in_part;
	unsigned int wrong;
};

/* Does a page hold contents @was and @is, one up to a cut, the other from there on? */
static bool cut(const char *page, uint64_t was, uint64_t is)
{
	char old[T_PAGE], new[T_PAGE];
	int side = -1, cuts = 0;

	/* A page has its contents in some places only. */
	memcpy(old, page, T_PAGE);
	memcpy(new, page, T_PAGE);
	t_page_fill(old, 0, was);
	t_page_fill(new, 0, is);
	for (size_t i = 0; i < T_PAGE; i++) {
		if (old[i] == new[i] && page[i] == old[i])
			continue;
		if (page[i] != old[i] && page[i] != new[i])
			return false;
		cuts += side >= 0 && side != (page[i] == new[i]);
		side = page[i] == new[i];
	}
	return cuts <= 1;
}

/*
 * Has the device write to a page again and again: it comes there, or nowhere. A page is several
 * writes for the device, so a part may be refused.
 */
static void *writes(void *arg)
{
	struct neighbour *n = arg;
	uint64_t last = t_seed();

	t_page_fill(n->page, 0, last);
	while (!atomic_load(&n->stop)) {
		const uint64_t seed = t_seed();

		t_page_fill(n->port->bounce.addr, 0, seed);
		if (hf_dma_copy(n->port->dma, n->iova, n->port->iova, T_PAGE))
			n->wrong++;
		if (t_page_holds(n->page, 0, seed)) {
			n->came++;
			last = seed;
		} else if (cut(n->page, last, seed)) {
			n->refused++;
			n->in_part += !t_page_holds(n->page, 0, last);
			t_page_fill(n->page, 0, last);
		} else {
			if (!n->wrong++)
				hf_ktap_diag("write %u: the page begins with 0x%016llx, ends with 0x%016llx",
					     n->came + n->refused,
					     *(unsigned long long *)n->page,
					     ((unsigned long long *)n->page)[T_PAGE / 8 - 1]);
			t_page_fill(n->page, 0, last);
		}
	}
	return NULL;
}

/* The pages beside what is replaced are in use all the time. */
static void under_dma(struct t *t)
{
	const uint64_t end = t_now_ms() + t_patience_ms(1500);
	const size_t len = 64 * T_PAGE;
	struct neighbour n = { .port = &t->port };
	unsigned int rounds = 0;
	uint64_t refreshed, pfn, now;
	pthread_t thread;
	struct hf_mem m;

	/* One run: small pages that are one huge page. */
	if (!t_alloc(&m, "thp", T_2M, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	n.page = (char *)m.addr + 9 * T_PAGE;
	n.iova = IOVA + 9 * T_PAGE;
	memset(n.page, 0, T_PAGE);
	t_pfns(n.page, 1, &pfn);
	t_faults_begin("a run is changed over while the device writes to it");
	hf_require(!pthread_create(&thread, NULL, writes, &n), "a thread");
	while (t_now_ms() < end && !hf_ktap_failed()) {
		drop(m.addr, 10, 20);
		memset((char *)m.addr + 10 * T_PAGE, 0x3c, 10 * T_PAGE);
		hf_expect_eq(hf_try_refresh(t->c, IOVA, len, &refreshed, NULL), 0, "refresh");
		hf_expect(hf_pattern_is_byte((char *)m.addr + 10 * T_PAGE, 10 * T_PAGE, 0x3c, NULL),
			  "nobody wrote to the new pages");
		/* What does not come is refused, not written to a page the CPU has left. */
		t_pfns(n.page, 1, &now);
		hf_expect_eq(now, pfn, "the neighbour's PFN");
		rounds++;
	}
	atomic_store(&n.stop, true);
	pthread_join(thread, NULL);
	t_faults_end();
	hf_ktap_diag("%u rounds; %u writes came, %u were refused, %u of them in part", rounds,
		     n.came, n.refused, n.in_part);
	hf_expect_eq(n.wrong, 0, "writes that went wrong");
	hf_expect(n.came && rounds, "both sides got their turn");
	t_dma_check(&t->port, IOVA, m.addr, len, HF_RW, "in the end");
	hf_unmap(t->c, IOVA, len);
	hf_mem_free(&m);
}

static const struct row *row_of(const char *leaf, const struct t_event *event)
{
	static struct row rows[64];
	static size_t n;

	hf_require(n < T_ARRAY_SIZE(rows), "room for more rows");
	for (const struct t_leaf *l = t_leaves(); l->name; l++)
		if (!strcmp(l->name, leaf))
			rows[n] = (struct row){ l, event };
	return &rows[n++];
}

static const struct t_case others[] = {
	{ "small pages that were dropped are shown again", dropped, T_DMA | T_HOLDFAST, NULL },
	{ "the same, for reading only", dropped, T_DMA | T_HOLDFAST, "read" },
	{ "the same with the auditor on", audited, T_DMA | T_HOLDFAST, NULL },
	{ "several mappings, and what is between", many_mappings, T_DMA | T_HOLDFAST, NULL },
	{ "a page that is not there any more", not_there, T_DMA | T_HOLDFAST, NULL },
	{ "a page that is not writable any more", not_writable, T_DMA | T_HOLDFAST, NULL },
	{ "a limit that is too small for old and new", limit, T_RIG | T_HOLDFAST, NULL },
	{ "asked for by another process", other_process, T_DMA | T_HOLDFAST, NULL },
	{ "the process is gone", process_is_gone, T_RIG | T_HOLDFAST, NULL },
	{ "killed in the middle", killed, T_DMA | T_HOLDFAST, NULL },
	{ "while dirty pages are tracked", tracked, T_DMA | T_HOLDFAST, NULL },
	{ "while the device uses the neighbours", under_dma, T_DMA | T_HOLDFAST, NULL },
	{ "two domains", two_domains, T_HOLDFAST, NULL },
};

int main(void)
{
	static struct t_case cases[64];
	static char names[64][80];
	size_t n = T_ARRAY_SIZE(others);

	memcpy(cases, others, sizeof(others));
	for (size_t i = 0; i < T_ARRAY_SIZE(losses); i++) {
		for (const struct t_leaf *leaf = t_leaves(); leaf->name; leaf++) {
			if (!t_event_has(&losses[i], leaf))
				continue;
			snprintf(names[n], sizeof(names[n]), "%s: %s", leaf->name, losses[i].name);
			cases[n] = (struct t_case){ names[n], leaf_kind, T_DMA | T_HOLDFAST,
						    row_of(leaf->name, &losses[i]) };
			n++;
		}
	}
	cases[n++] = (struct t_case){ "without huge pages: thp", no_huge_pages, T_DMA | T_HOLDFAST,
				      row_of("thp", &losses[0]) };
	cases[n++] = (struct t_case){ "without huge pages: anon4k", no_huge_pages,
				      T_DMA | T_HOLDFAST, row_of("anon4k", &losses[0]) };
	return t_run(cases, n);
}
