// SPDX-License-Identifier: GPL-2.0-only
/*
 * fail_sweep - wherever holdfast can fail, it fails without leaving anything behind.
 *
 * Each case is a sequence of requests that passes. It is repeated with one failure at a time,
 * at each point of the module it comes by (harness/failpoint.h): it may then fail, with the
 * errno of that point, and afterwards there must be no pin, charge, IOVA range or memory more
 * than before. At the end every point must have failed somewhere. An argument keeps to the cases
 * that have it in their name.
 *
 * Sequences on the rig's container keep to IOVAs from T_FAIL_IOVA on; what the rig's engine
 * has mapped, and what a case maps elsewhere, stays and must go on working.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <holdfast/info.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emulated.h"
#include "failpoint.h"
#include "module.h"
#include "side.h"

#define IOVA T_FAIL_IOVA
#define SPAN T_FAIL_SPAN
/* Mappings that are there all the time. */
#define LIVE (T_FAIL_IOVA + 2 * T_FAIL_SPAN)

/*
 * A round: the first error ends it, and what it has done is undone
 */

struct round {
	const struct hf_container *c;
	int ret;
	uint64_t mapped; /* bytes, by what the answers say */
	bool unsure;	 /* an unmap failed: before it was done, or after */
};

static bool ok(struct round *r, int ret)
{
	if (ret < 0 && !r->ret)
		r->ret = ret;
	return ret >= 0;
}

static bool nothing_done(struct round *r, int ret, const struct hf_proc_snapshot *before)
{
	struct hf_proc_snapshot now = { 0 };
	bool same;

	if (ret < 0) {
		same = !hf_proc_settle(before, &now, (unsigned int)t_patience_ms(1000));
		hf_expect(same, "a step that failed: pins %+ld, VmLck %+ld",
			  (long)(now.pins_held - before->pins_held),
			  (long)(now.vmlck - before->vmlck));
	}
	return ok(r, ret);
}

/*
 * A step of which a failure must be seen at once: when the container is closed nothing of it
 * would be left in any case.
 */
#define NOW_OR_NEVER(r, call)                                                              \
	({                                                                                 \
		struct hf_proc_snapshot before_;                                           \
											   \
		if (!t_fail_repeating())                                                   \
			hf_must(hf_proc_snapshot(&before_));                               \
		t_fail_repeating() ? ok(r, call) : nothing_done(r, call, &before_);        \
	})

static bool map(struct round *r, uint64_t iova, const void *addr, size_t len, uint32_t flags)
{
	if (!ok(r, hf_try_map(r->c, iova, addr, len, flags)))
		return false;
	r->mapped += len;
	return true;
}

/* @want: bytes that it should say are gone. */
static bool unmap(struct round *r, uint64_t iova, uint64_t len, uint32_t flags, uint64_t want)
{
	uint64_t got = 0;

	if (!ok(r, hf_try_unmap(r->c, iova, len, flags, &got))) {
		r->unsure = true;
		return false;
	}
	hf_expect_eq(got, want, "bytes unmapped at 0x%llx", (unsigned long long)iova);
	r->mapped -= got;
	return true;
}

/* A mapping that failed must not be there; one that did not must. */
static int finish(struct round *r)
{
	uint64_t got = 0;
	int ret;

	/* The failure may be due now. */
	for (int tries = 0; tries < 2; tries++) {
		ret = hf_try_unmap(r->c, IOVA, SPAN, 0, &got);
		if (ok(r, ret))
			break;
		r->unsure = true;
	}
	hf_expect_eq(ret, 0, "unmap of all that is left");
	if (!r->unsure)
		hf_expect_eq(got, r->mapped, "bytes that were left");
	return r->ret;
}

/*
 * Memory of every kind
 */

struct made {
	const char *kind;
	size_t pages;
	unsigned int mem; /* HF_MEM_* */
	uint32_t flags;
};

static struct hf_mem memory;

static bool begin_map(struct t *t)
{
	const struct made *m = t_fail_sequence(t)->arg;

	/* What is touched by the first map is new in each round. */
	return !m->mem || t_alloc(&memory, m->kind, m->pages * T_PAGE, 0, m->mem);
}

static void end_map(struct t *t)
{
	(void)t;
	hf_mem_free(&memory);
}

static int map_memory(struct t *t)
{
	const struct made *m = t_fail_sequence(t)->arg;
	struct round r = { .c = t->c };
	struct hf_mem fresh = { 0 };
	const char *addr = memory.addr;

	if (!m->mem) {
		hf_must(hf_mem_alloc(m->kind, m->pages * T_PAGE, 0, &fresh));
		addr = fresh.addr;
	}
	/* One more beside it: a container keeps memory for one. */
	if (map(&r, IOVA, addr, m->pages * T_PAGE, m->flags) &&
	    map(&r, IOVA + SPAN / 2, addr, T_PAGE, m->flags))
		unmap(&r, IOVA, m->pages * T_PAGE, 0, m->pages * T_PAGE);
	finish(&r);
	hf_mem_free(&fresh);
	return r.ret;
}

#define MADE(...)                                                                          \
	&(const struct t_sequence)                                                         \
	{                                                                                  \
		.begin = begin_map, .run = map_memory, .end = end_map, .quick = true,      \
		.arg = &(const struct made){ __VA_ARGS__ }                                 \
	}

/* With memory that is new each time memory cannot be compared. */
#define MADE_NEW(...)                                                                      \
	&(const struct t_sequence)                                                         \
	{                                                                                  \
		.begin = begin_map, .run = map_memory, .end = end_map,                     \
		.arg = &(const struct made){ __VA_ARGS__ }                                 \
	}

/* Several mappings that stay: what a new domain must get, and what nobody may lose. */
static struct hf_mem live[3];

static bool begin_live(struct t *t)
{
	static const struct made made[] = {
		{ "frag4k", 300, HF_MEM_TOUCHED, HF_RW },
		{ "thp", 1024 + 13, HF_MEM_TOUCHED, HF_RW },
		{ "anon4k", 5, HF_MEM_TOUCHED, HF_READ },
	};

	for (size_t i = 0; i < T_ARRAY_SIZE(made); i++) {
		if (!t_alloc(&live[i], made[i].kind, made[i].pages * T_PAGE, 0, made[i].mem))
			return false;
		hf_map(t->c, LIVE + i * T_1G, live[i].addr, live[i].len, made[i].flags);
	}
	return true;
}

static void end_live(struct t *t)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(live); i++) {
		if (i < 2)
			t_dma_check(&t->port, LIVE + i * T_1G, live[i].addr, live[i].len, HF_RW,
				    "a mapping that was there all the time");
		hf_unmap(t->c, LIVE + i * T_1G, live[i].len);
		hf_mem_free(&live[i]);
	}
}

static void domain_per_group(bool on)
{
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", on ? "Y" : "N"));
}

/* The second device: its group is there all the time, with a domain of its own. */
static struct t_side second;

static bool begin_two_domains(struct t *t)
{
	if (!begin_map(t))
		return false;
	domain_per_group(true);
	t_side_attach(&second, 1, t->c);
	domain_per_group(false);
	return true;
}

static void end_two_domains(struct t *t)
{
	t_side_close(&second);
	end_map(t);
}

#define MADE_TWICE(...)                                                                    \
	&(const struct t_sequence)                                                         \
	{                                                                                  \
		.begin = begin_two_domains, .run = map_memory, .end = end_two_domains,     \
		.arg = &(const struct made){ __VA_ARGS__ }                                 \
	}

/* And one that joins and leaves. */
static int join(struct t *t)
{
	const bool own_domain = *(const bool *)t_fail_sequence(t)->arg;
	struct hf_group group = { .fd = -1 };
	struct round r = { .c = t->c };
	char bdf[HF_BDF_LEN];

	domain_per_group(own_domain);
	hf_must(hf_pci_vfio_device(1, bdf));
	if (ok(&r, hf_group_open(&group, bdf)) && ok(&r, hf_group_attach(&group, t->c)))
		map(&r, IOVA, live[0].addr, live[0].len, HF_RW);
	/* With the group there. */
	finish(&r);
	hf_group_close(&group);
	domain_per_group(false);
	return r.ret;
}

/*
 * What else the rig's container is asked
 */

static int unmap_forms(struct t *t)
{
	struct round r = { .c = t->c };
	const uint64_t at[] = { IOVA, IOVA + 64 * T_PAGE, IOVA + T_2M, IOVA + 3 * T_2M };
	bool all = true;

	for (size_t i = 0; i < T_ARRAY_SIZE(at) && all; i++)
		all = map(&r, at[i], memory.addr, 40 * T_PAGE, HF_RW);
	if (all && unmap(&r, IOVA, T_2M, 0, 80 * T_PAGE) && unmap(&r, IOVA, T_2M, 0, 0))
		unmap(&r, IOVA + T_2M, 40 * T_PAGE, 0, 40 * T_PAGE);
	return finish(&r);
}

static int info(struct t *t)
{
	struct hf_iommu_info i;

	return hf_container_info(t->c, &i);
}

static int dirty(const struct hf_container *c, uint32_t flag)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d), .flags = flag };

	return hf_container_ioctl(c, VFIO_IOMMU_DIRTY_PAGES, &d);
}

static int dirty_get(const struct hf_container *c, uint64_t iova, uint64_t len, void *bits,
		     size_t bytes)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap d;
		struct vfio_iommu_type1_dirty_bitmap_get g;
	} q = {
		.d = { .argsz = sizeof(q), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
		.g = { .iova = iova, .size = len,
		       .bitmap = { .pgsize = T_PAGE, .size = bytes, .data = bits } },
	};

	return hf_container_ioctl(c, VFIO_IOMMU_DIRTY_PAGES, &q);
}

static int dirty_unmap(struct round *r, uint64_t iova, uint64_t len, void *bits, size_t bytes)
{
	struct {
		struct vfio_iommu_type1_dma_unmap u;
		struct vfio_bitmap b;
	} q = {
		.u = { .argsz = sizeof(q), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		       .iova = iova, .size = len },
		.b = { .pgsize = T_PAGE, .size = bytes, .data = bits },
	};
	int ret = hf_container_ioctl(r->c, VFIO_IOMMU_UNMAP_DMA, &q);

	if (ret)
		r->unsure = true;
	else
		r->mapped -= q.u.size;
	return ret;
}

static bool dirty_stop(struct round *r)
{
	/* One failure at most: the second time it works. */
	return ok(r, dirty(r->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)) ||
	       hf_expect_eq(dirty(r->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP), 0, "stop tracking");
}

static int track(struct t *t)
{
	struct round r = { .c = t->c };
	uint64_t bits[16];

	/* Bits that begin and end within words, with whole ones between. */
	if (map(&r, IOVA + 3 * T_PAGE, memory.addr, 20 * T_PAGE, HF_RW) &&
	    ok(&r, dirty(t->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START)) &&
	    map(&r, IOVA + 50 * T_PAGE, memory.addr, 300 * T_PAGE, HF_RW) &&
	    ok(&r, dirty_get(t->c, IOVA, 512 * T_PAGE, bits, sizeof(bits))))
		ok(&r, dirty_unmap(&r, IOVA, 512 * T_PAGE, bits, sizeof(bits)));
	dirty_stop(&r);
	return finish(&r);
}

static bool begin_anon(struct t *t)
{
	(void)t;
	return t_alloc(&memory, "anon4k", 320 * T_PAGE, 0, HF_MEM_TOUCHED);
}

static bool new_address(struct round *r, uint64_t iova, const void *addr, size_t len)
{
	return ok(r, hf_try_map(r->c, iova, addr, len, VFIO_DMA_MAP_FLAG_VADDR));
}

static int vaddr(struct t *t)
{
	struct round r = { .c = t->c };
	const size_t len = 40 * T_PAGE;
	uint64_t said;

	if (map(&r, IOVA, memory.addr, len, HF_RW) &&
	    ok(&r, hf_try_unmap(t->c, IOVA, len, VFIO_DMA_UNMAP_FLAG_VADDR, &said)))
		new_address(&r, IOVA, memory.addr, len);
	return finish(&r);
}

/* A part in another process; its answer is the first error there. */
static int elsewhere(struct t *t, int (*part)(struct t *t))
{
	pid_t pid = fork();
	int status;

	hf_require(pid >= 0, "fork");
	if (!pid)
		_exit(-part(t));
	hf_require(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "the child exits");
	return -WEXITSTATUS(status);
}

static int take_over(struct t *t)
{
	return hf_try_map(t->c, IOVA, memory.addr, 40 * T_PAGE, VFIO_DMA_MAP_FLAG_VADDR);
}

/* Memory is handed to a child, which pays for it from then on, and exits. */
static int hand_over(struct t *t)
{
	struct round r = { .c = t->c };
	const size_t len = 40 * T_PAGE;
	uint64_t said;

	if (map(&r, IOVA, memory.addr, len, HF_RW) &&
	    ok(&r, hf_try_unmap(t->c, IOVA, len, VFIO_DMA_UNMAP_FLAG_VADDR, &said)))
		ok(&r, elsewhere(t, take_over));
	return finish(&r);
}

static int map_here(struct t *t)
{
	*(volatile char *)memory.addr = 1;
	return hf_try_map(t->c, IOVA, memory.addr, 300 * T_PAGE, HF_RW);
}

/* A child maps and exits; the parent, which shares its pages, unmaps. */
static int fork_map(struct t *t)
{
	struct round r = { .c = t->c };

	if (ok(&r, elsewhere(t, map_here)))
		r.mapped += 300 * T_PAGE;
	else
		r.unsure = true;
	return finish(&r);
}

/*
 * A range that somebody is at work on: its dirty bitmap goes to memory that is not there yet
 */

struct slow {
	const struct hf_container *c;
	char *bits;
	int uffd;
	int ret;
	bool done;
	bool faulted;
};

static void *get_slowly(void *arg)
{
	struct slow *s = arg;

	s->ret = dirty_get(s->c, IOVA, 64 * T_PAGE, s->bits, 8);
	__atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *serve_slowly(void *arg)
{
	struct slow *s = arg;
	struct uffdio_zeropage zero = { .range = { (uintptr_t)s->bits, T_PAGE } };
	struct pollfd p = { .fd = s->uffd, .events = POLLIN };
	struct uffd_msg msg;

	while (poll(&p, 1, 5) <= 0)
		if (__atomic_load_n(&s->done, __ATOMIC_ACQUIRE))
			return NULL;
	__atomic_store_n(&s->faulted, true, __ATOMIC_RELEASE);
	t_sleep_ms(20);
	if (read(s->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero))
		s->ret = -errno;
	return NULL;
}

static int wait_for_range(struct t *t)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	struct round r = { .c = t->c };
	struct slow s = { .c = t->c };
	pthread_t getter, server;

	s.bits = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	reg.range.start = (uintptr_t)s.bits;
	reg.range.len = T_PAGE;
	hf_require(s.bits != MAP_FAILED && s.uffd >= 0 && !ioctl(s.uffd, UFFDIO_API, &api) &&
			   !ioctl(s.uffd, UFFDIO_REGISTER, &reg),
		   "userfaultfd: %s", strerror(errno));

	if (map(&r, IOVA, memory.addr, 64 * T_PAGE, HF_RW) &&
	    ok(&r, dirty(t->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START))) {
		hf_require(!pthread_create(&server, NULL, serve_slowly, &s) &&
				   !pthread_create(&getter, NULL, get_slowly, &s),
			   "threads");
		while (!__atomic_load_n(&s.faulted, __ATOMIC_ACQUIRE) &&
		       !__atomic_load_n(&s.done, __ATOMIC_ACQUIRE))
			t_sleep_ms(1);
		unmap(&r, IOVA, 64 * T_PAGE, 0, 64 * T_PAGE);
		pthread_join(getter, NULL);
		pthread_join(server, NULL);
		ok(&r, s.ret);
	}
	dirty_stop(&r);
	finish(&r);
	close(s.uffd);
	munmap(s.bits, T_PAGE);
	return r.ret;
}

/*
 * Helpers that fault memory in
 */

static bool begin_threads(struct t *t)
{
	(void)t;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		hf_ktap_skip("one CPU only");
		return false;
	}
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "fault_threads", "2"));
	return true;
}

static void end_threads(struct t *t)
{
	(void)t;
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "fault_threads", "0"));
}

/*
 * Memory of a device, with ordinary memory before and behind it
 */

#define BAR VFIO_PCI_BAR2_REGION_INDEX
#define BAR_PAGES 700UL
#define BESIDE 20UL

static struct {
	struct hf_group group;
	struct hf_device device;
	struct hf_region region;
} peer;

static bool begin_bar(struct t *t)
{
	uint16_t vendor, device;
	char bdf[HF_BDF_LEN];

	for (unsigned int n = 0; !hf_pci_vfio_device(n, bdf); n++) {
		hf_must(hf_pci_id(bdf, &vendor, &device));
		if (vendor != 0x1af4 || device != 0x1110)
			continue;
		hf_must(hf_group_open(&peer.group, bdf));
		hf_must(hf_group_attach(&peer.group, t->c));
		hf_must(hf_device_open(&peer.device, &peer.group, bdf));
		hf_must(hf_device_region(&peer.device, BAR, &peer.region));
		return true;
	}
	hf_ktap_skip("no device with memory in a BAR");
	return false;
}

static void end_bar(struct t *t)
{
	(void)t;
	hf_device_close(&peer.device);
	hf_group_close(&peer.group);
}

static int map_bar(struct t *t)
{
	const size_t len = (BAR_PAGES + 2 * BESIDE) * T_PAGE;
	struct round r = { .c = t->c };
	char *area;

	/* Not faulted in: that is part of it. */
	area = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(area != MAP_FAILED, "memory");
	memset(area, 1, BESIDE * T_PAGE);
	hf_require(mmap(area + BESIDE * T_PAGE, BAR_PAGES * T_PAGE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, peer.device.fd,
			(off_t)peer.region.offset) != MAP_FAILED,
		   "mmap of the BAR: %s", strerror(errno));
	map(&r, IOVA, area, len, HF_RW);
	finish(&r);
	munmap(area, len);
	return r.ret;
}

/*
 * Containers from the first ioctl to the last close
 */

static int open_close(struct t *t)
{
	struct hf_container c = { .fd = -1 };
	struct hf_group group = { .fd = -1 };
	struct round r = { .c = &c };
	struct hf_iommu_info i;
	char bdf[HF_BDF_LEN];

	(void)t;
	hf_must(hf_pci_vfio_device(1, bdf));
	if (ok(&r, hf_container_open(&c)) && ok(&r, hf_group_open(&group, bdf)) &&
	    ok(&r, hf_group_attach(&group, &c)) &&
	    ok(&r, hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU)) &&
	    ok(&r, hf_container_info(&c, &i)) &&
	    map(&r, IOVA, memory.addr, 20 * T_PAGE, HF_RW) &&
	    map(&r, IOVA + T_2M, memory.addr, 300 * T_PAGE, HF_READ) &&
	    unmap(&r, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, 320 * T_PAGE))
		/* The last close takes it down. */
		map(&r, IOVA, memory.addr, 30 * T_PAGE, HF_RW);
	hf_group_close(&group);
	hf_container_close(&c);
	return r.ret;
}

/* The same, and a user pays. */
static bool begin_by_user(struct t *t)
{
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "accounting", "user"));
	return begin_anon(t);
}

static void end_by_user(struct t *t)
{
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "accounting", "mm"));
	end_map(t);
}

/*
 * What device and CPU do not share
 */

/* Turn the auditor off for certain: the failure may be due now. */
static void audit_off(struct round *r)
{
	for (int tries = 0; tries < 2; tries++)
		if (ok(r, hf_try_audit(r->c, false, -1)))
			return;
	hf_expect(false, "the auditor cannot be turned off");
}

static int part_and_refresh(struct t *t)
{
	const bool audit = *(const bool *)t_fail_sequence(t)->arg;
	const size_t len = 320 * T_PAGE, from = 40 * T_PAGE, part = 100 * T_PAGE;
	struct round r = { .c = t->c };
	struct holdfast_range range;
	char *addr = memory.addr;
	uint64_t refreshed;
	long nr;

	if (audit && !ok(&r, hf_try_audit(t->c, true, -1)))
		return r.ret;
	if (map(&r, IOVA, addr, len, HF_RW) && map(&r, IOVA + T_2M, addr, T_PAGE, HF_READ)) {
		hf_require(!madvise(addr + from, part, MADV_DONTNEED), "drop a part");
		memset(addr + from, 1, part);
		nr = hf_try_incoherent(t->c, 0, UINT64_MAX, &range, 1, NULL);
		if (ok(&r, (int)nr))
			hf_expect(nr == 1 && range.iova == IOVA + from && range.size == part,
				  "what was dropped: %ld ranges, 0x%llx+0x%llx", nr, range.iova,
				  range.size);
		if (ok(&r, hf_try_refresh(t->c, IOVA, len, &refreshed, NULL)))
			hf_expect_eq(refreshed, part, "refreshed");
	}
	finish(&r);
	if (audit)
		audit_off(&r);
	return r.ret;
}

/*
 * Devices without an IOMMU
 */

#define RW (HF_TESTDEV_READ | HF_TESTDEV_WRITE)

static int emulated(struct t *t)
{
	struct hf_container c = { .fd = -1 };
	struct t_emulated e = { .group.fd = -1, .fd = -1 };
	struct round r = { .c = &c };
	char bytes[64] = "written";
	uint64_t bits[16];

	(void)t;
	t_emulated_group(&e, 0);
	if (ok(&r, hf_container_open(&c)) && ok(&r, hf_group_attach(&e.group, &c)) &&
	    ok(&r, hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU)) && ok(&r, t_emulated_open(&e)) &&
	    map(&r, IOVA, memory.addr, 100 * T_PAGE, HF_RW) &&
	    map(&r, IOVA + 100 * T_PAGE, memory.addr, 200 * T_PAGE, HF_RW) &&
	    NOW_OR_NEVER(&r, t_pin(&e, IOVA + 98 * T_PAGE, 5, RW, NULL)) &&
	    NOW_OR_NEVER(&r, t_pin(&e, IOVA + 99 * T_PAGE, 2, RW, NULL)) &&
	    ok(&r, t_dma_rw(&e, IOVA + T_PAGE, bytes, sizeof(bytes), HF_TESTDEV_RW_WRITE)) &&
	    ok(&r, t_dma_rw(&e, IOVA + T_PAGE, bytes, sizeof(bytes), HF_TESTDEV_RW_KTHREAD)) &&
	    ok(&r, dirty(&c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START)) &&
	    map(&r, IOVA + 300 * T_PAGE, memory.addr, 10 * T_PAGE, HF_RW) &&
	    ok(&r, dirty_get(&c, IOVA, 512 * T_PAGE, bits, sizeof(bits))) &&
	    unmap(&r, IOVA, 100 * T_PAGE, 0, 100 * T_PAGE) && dirty_stop(&r) &&
	    ok(&r, t_unpin(&e, IOVA + 101 * T_PAGE, 1)))
		unmap(&r, IOVA, 512 * T_PAGE, 0, 210 * T_PAGE);
	t_emulated_close(&e);
	hf_container_close(&c);
	return r.ret;
}

/* One behind an IOMMU comes to such mappings, and leaves. */
static int back(struct t *t)
{
	struct hf_container c = { .fd = -1 };
	struct t_emulated e = { .group.fd = -1, .fd = -1 };
	struct hf_group group = { .fd = -1 };
	struct round r = { .c = &c };
	char bdf[HF_BDF_LEN];

	(void)t;
	hf_must(hf_pci_vfio_device(1, bdf));
	t_emulated_group(&e, 0);
	if (ok(&r, hf_container_open(&c)) && ok(&r, hf_group_attach(&e.group, &c)) &&
	    ok(&r, hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU)) && ok(&r, t_emulated_open(&e)) &&
	    map(&r, IOVA, memory.addr, 100 * T_PAGE, HF_RW) &&
	    map(&r, IOVA + T_2M, memory.addr, 30 * T_PAGE, HF_READ) &&
	    ok(&r, t_pin(&e, IOVA + 8 * T_PAGE, 5, RW, NULL)) &&
	    ok(&r, hf_group_open(&group, bdf)) &&
	    NOW_OR_NEVER(&r, hf_group_attach(&group, &c)))
		ok(&r, hf_group_detach(&group));
	hf_group_close(&group);
	t_emulated_close(&e);
	hf_container_close(&c);
	return r.ret;
}

/* The other way round: bitmaps for what is mapped already. */
static int second_emulated(struct t *t)
{
	struct hf_container c = { .fd = -1 };
	struct t_emulated e = { .group.fd = -1, .fd = -1 };
	struct hf_group group = { .fd = -1 };
	struct round r = { .c = &c };
	char bdf[HF_BDF_LEN];

	(void)t;
	hf_must(hf_pci_vfio_device(1, bdf));
	t_emulated_group(&e, 0);
	if (ok(&r, hf_container_open(&c)) && ok(&r, hf_group_open(&group, bdf)) &&
	    ok(&r, hf_group_attach(&group, &c)) &&
	    ok(&r, hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU)) &&
	    map(&r, IOVA, memory.addr, 100 * T_PAGE, HF_RW) &&
	    map(&r, IOVA + T_2M, memory.addr, 30 * T_PAGE, HF_READ) &&
	    ok(&r, dirty(&c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START)) &&
	    NOW_OR_NEVER(&r, hf_group_attach(&e.group, &c)) && ok(&r, t_emulated_open(&e)))
		NOW_OR_NEVER(&r, t_pin(&e, IOVA + 8 * T_PAGE, 5, RW, NULL));
	t_emulated_close(&e);
	hf_group_close(&group);
	hf_container_close(&c);
	return r.ret;
}

/*
 * The module itself
 */

static void at_load(struct t *t)
{
	static const char *const points[] = { "MODULE_CACHE", "MODULE_REGISTER" };
	char param[64];

	(void)t;
	t_fail_unload();
	hf_expect(t_fail_load("fail=NOT_A_POINT"), "a point that is none");
	for (size_t i = 0; i < T_ARRAY_SIZE(points); i++) {
		snprintf(param, sizeof(param), "fail=%s", points[i]);
		if (hf_expect(t_fail_load(param), "loaded in spite of %s", points[i]))
			t_fail_reached(points[i]);
		hf_expect(!t_module_loaded(T_MODULE_HOLDFAST), "%s: the module is there",
			  points[i]);
		hf_expect(access("/sys/kernel/debug/holdfast_fail", F_OK), "%s: its file is there",
			  points[i]);
	}
	hf_require(!t_fail_load(""), "load it after all");
}

static void every_point(struct t *t)
{
	static const char *const except[] = { "UNMAP", "PIN_SLOW_VMA" };

	(void)t;
	/* UNMAP is fail_unmap's. */
	t_fail_missed(except, t_kernel_before(6, 2) ? 1 : 2);
}

#define SWEEP(...) &(const struct t_sequence){ __VA_ARGS__ }
#define ANON .begin = begin_anon, .end = end_map
#define DEVICE .begin = begin_bar, .end = end_bar
#define LIVING .begin = begin_live, .end = end_live

static const bool yes = true, no = false;

static const struct t_case cases[] = {
	{ "load the module", at_load, T_HOLDFAST, NULL },
#define CASE(name, seq) { name, t_fail_sweep, T_HOLDFAST | T_DMA, seq }
	CASE("map a page", MADE("anon4k", 1, HF_MEM_TOUCHED, HF_RW)),
	CASE("map 1300 pages", MADE("anon4k", 1300, HF_MEM_TOUCHED, HF_RW)),
	CASE("map 700 scattered pages", MADE("frag4k", 700, HF_MEM_TOUCHED, HF_RW)),
	CASE("map thp", MADE("thp", 5 * 512 + 13, HF_MEM_TOUCHED, HF_RW)),
	CASE("map hugetlb", MADE("hugetlb2m", 4 * 512, HF_MEM_TOUCHED, HF_RW)),
	CASE("map shared memory", MADE("shmem4k", 77, HF_MEM_TOUCHED, HF_RW)),
	CASE("map a file for reading", MADE("file", 33, HF_MEM_READ_TOUCHED, HF_READ)),
	CASE("map untouched memory", MADE_NEW("anon4k", 600, 0, HF_RW)),
	CASE("map untouched memory for reading", MADE_NEW("anon4k", 40, 0, HF_READ)),
	CASE("unmap several", SWEEP(ANON, .run = unmap_forms, .quick = true)),
	CASE("info", SWEEP(.run = info, .quick = true)),
	CASE("dirty pages", SWEEP(ANON, .run = track, .quick = true)),
	CASE("new addresses", SWEEP(ANON, .run = vaddr, .quick = true)),
	CASE("hand memory to a child", SWEEP(ANON, .run = hand_over, .any = true)),
	CASE("a child maps", SWEEP(ANON, .run = fork_map, .any = true)),
	CASE("wait for a range", SWEEP(ANON, .run = wait_for_range)),
	CASE("fault in with threads",
	     SWEEP(.begin = begin_threads, .run = map_memory, .end = end_threads, .any = true,
		   .arg = &(const struct made){ "thp", 16 * 512, 0, HF_RW })),
	CASE("map the memory of a device", SWEEP(DEVICE, .run = map_bar)),
	CASE("the same over the limit", SWEEP(DEVICE, .run = map_bar, .with = "CHARGE_LIMIT")),
	CASE("map into two domains", MADE_TWICE("frag4k", 300, HF_MEM_TOUCHED, HF_RW)),
	CASE("map thp into two domains", MADE_TWICE("thp", 4 * 512, HF_MEM_TOUCHED, HF_RW)),
	CASE("a group joins the domain", SWEEP(LIVING, .run = join, .arg = &no, .quick = true)),
	CASE("a group joins with its own", SWEEP(LIVING, .run = join, .arg = &yes, .quick = true)),
	CASE("a group that the domain refuses",
	     SWEEP(LIVING, .run = join, .arg = &no, .with = "JOIN_ATTACH", .quick = true)),
	CASE("open, map, close", SWEEP(ANON, .run = open_close, .quick = true)),
	CASE("a user pays", SWEEP(.begin = begin_by_user, .run = open_close, .end = end_by_user,
				  .quick = true)),
	CASE("compare and refresh", SWEEP(ANON, .run = part_and_refresh, .arg = &no)),
	CASE("audit and refresh", SWEEP(ANON, .run = part_and_refresh, .arg = &yes)),
	CASE("a device without IOMMU", SWEEP(ANON, .run = emulated, .quick = true)),
	CASE("an IOMMU comes and goes", SWEEP(ANON, .run = back, .quick = true)),
	CASE("a device without IOMMU comes", SWEEP(ANON, .run = second_emulated, .quick = true)),
	{ "every point failed", every_point, T_HOLDFAST, NULL },
};

int main(int argc, char **argv)
{
	struct t_case some[T_ARRAY_SIZE(cases)];
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < T_ARRAY_SIZE(cases); i++)
		if (argc < 2 || strstr(cases[i].name, argv[1]))
			some[n++] = cases[i];
	if (t_command("modprobe %s", HF_TESTDEV_MODULE))
		return HF_EXIT_FAIL;
	ret = t_fail_run(some, n);
	if (t_command("rmmod %s", HF_TESTDEV_MODULE))
		return HF_EXIT_FAIL;
	return ret;
}
