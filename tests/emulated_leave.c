// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_leave - the last group with an IOMMU leaves in the middle of something.
 *
 * A mapping that somebody works on at that moment (an unmap whose dirty bitmap cannot be
 * written yet) must be unpinned when he lets go of it, or else it would be pinned a second
 * time, over what is recorded, when a group with an IOMMU comes again. And what a mapping is
 * charged for must be right when its memory was exchanged for a device's, or back, between
 * one coming and the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "dirty.h"
#include "emulated.h"
#include "harness.h"
#include "side.h"

#define IOVA 0x700000000ULL
#define PAGES 64UL
#define RW HF_RW

/* A bitmap in memory that is not there until somebody says so. */
struct slow {
	void *bitmap;
	int fd;
};

static void slow_make(struct slow *s)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	s->bitmap = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(s->bitmap != MAP_FAILED, "memory");
	s->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	hf_require(s->fd >= 0 && !ioctl(s->fd, UFFDIO_API, &api), "userfaultfd");
	reg.range.start = (uintptr_t)s->bitmap;
	reg.range.len = T_PAGE;
	hf_require(!ioctl(s->fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
}

/* Wait until somebody stands in the fault. */
static void slow_wait(struct slow *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	struct uffd_msg msg;

	hf_require(poll(&p, 1, (int)t_patience_ms(20000)) == 1, "nobody writes the bitmap");
	hf_require(read(s->fd, &msg, sizeof(msg)) == sizeof(msg), "a fault");
}

/* Let the write fail, or succeed. */
static void slow_end(struct slow *s, bool fail)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)s->bitmap, T_PAGE } };
	struct uffdio_range range = { (uintptr_t)s->bitmap, T_PAGE };

	if (fail) {
		hf_require(!munmap(s->bitmap, T_PAGE), "munmap");
		ioctl(s->fd, UFFDIO_WAKE, &range);
	} else {
		hf_require(!ioctl(s->fd, UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE");
	}
	close(s->fd);
}

struct request {
	const struct hf_container *c;
	const struct slow *s;
	size_t len;
	bool unmap;
	int ret;
};

static void *ask(void *arg)
{
	struct request *q = arg;

	q->ret = q->unmap ? t_dirty_unmap(q->c, IOVA, q->len, PAGES / 8, q->s->bitmap, NULL) :
			    t_dirty_get(q->c, IOVA, q->len, T_PAGE, PAGES / 8, q->s->bitmap);
	return NULL;
}

struct how {
	bool unmap;
	bool fail;
};

/*
 * Stock holds its one lock while it writes the bitmap: the group could not leave before. So
 * this is holdfast's alone.
 */
static void while_reported(struct t *t)
{
	const struct how *how = t->arg;
	const size_t len = PAGES * T_PAGE;
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	const bool stays = !how->unmap || how->fail;
	struct t_emulated_rig r;
	struct hf_group group;
	struct request q;
	char bdf[HF_BDF_LEN];
	pthread_t thread;
	struct slow s;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", len, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_must(hf_pci_vfio_device(0, bdf));
	hf_must(hf_group_open(&group, bdf));
	hf_must(hf_group_attach(&group, &r.c));
	hf_map(&r.c, IOVA, m.addr, len, RW);
	hf_must(t_dirty(&r.c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	slow_make(&s);
	q = (struct request){ .c = &r.c, .s = &s, .len = len, .unmap = how->unmap };
	hf_require(!pthread_create(&thread, NULL, ask, &q), "thread");
	slow_wait(&s);

	hf_must(hf_group_detach(&group));
	slow_end(&s, how->fail);
	pthread_join(thread, NULL);
	hf_expect_eq(q.ret, how->fail ? -EFAULT : 0, "the request");
	hf_expect_eq(t_vmlck(0), locked, "VmLck without an IOMMU");
	hf_expect_eq(t_pinned(), held, "pins without an IOMMU");
	hf_expect_eq(hf_try_map(&r.c, IOVA, m.addr, T_PAGE, RW), stays ? -EEXIST : 0,
		     "is the mapping there?");
	if (!stays)
		hf_unmap(&r.c, IOVA, T_PAGE);

	/* Pinned once when one comes again, and no more when it is over. */
	hf_must(hf_group_attach(&group, &r.c));
	hf_expect_eq(t_vmlck(0), locked + (stays ? len : 0), "VmLck with an IOMMU");
	hf_expect(!stays || t_pinned() > held, "pinned again");
	hf_must(t_dirty(&r.c, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
	hf_must(hf_group_detach(&group));
	hf_expect_eq(t_vmlck(0), locked, "VmLck, gone again");
	hf_expect_eq(t_pinned(), held, "pins, gone again");
	hf_group_close(&group);
	t_emulated_rig_close(&r);
	hf_expect_eq(t_pinned(), held, "pins, closed");
	hf_mem_free(&m);
}

/*
 * Memory with pages is exchanged for a device's, or the other way round, while a driver has
 * pages of it pinned.
 */
static void exchanged(struct t *t)
{
	const bool to_device = *(const bool *)t->arg;
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	struct t_emulated_rig r;
	struct hf_bar bar;
	struct hf_rig other;
	struct hf_group group;
	char bdf[HF_BDF_LEN];
	size_t len = 4 * T_PAGE;
	void *at;

	/* A device of a container of its own lends its BAR. */
	hf_must(hf_rig_open(&other, NULL, 0));
	hf_must(hf_bar_map(&other.device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(at != MAP_FAILED, "memory");
	memset(at, 1, len);

	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_must(hf_pci_vfio_device(1, bdf));
	hf_must(hf_group_open(&group, bdf));
	hf_map(&r.c, IOVA, at, len, RW);
	if (to_device) {
		hf_expect_eq(t_pin(&r.dev[0], IOVA, 4, RW, NULL), 4, "pin");
		hf_expect_eq(t_vmlck(0), locked + len, "VmLck, pinned");
		hf_require(mremap((void *)bar.addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) ==
				   at, "BAR in place of memory: %s", strerror(errno));
		hf_must(hf_group_attach(&group, &r.c));
		hf_must(hf_group_detach(&group));
		hf_expect_eq(t_vmlck(0), locked + len, "VmLck, pinned still");
		hf_expect_eq(t_unpin(&r.dev[0], IOVA, 4), 0, "unpin");
	} else {
		hf_require(mremap((void *)bar.addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) ==
				   at, "BAR in place of memory: %s", strerror(errno));
		hf_must(hf_group_attach(&group, &r.c));
		hf_expect_eq(t_vmlck(0), locked, "a BAR is not charged");
		hf_require(mmap(at, len, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at, "memory");
		hf_expect_eq(t_pin(&r.dev[0], IOVA, 4, RW, NULL), 4, "pin");
		hf_must(hf_group_detach(&group));
		hf_expect_eq(t_vmlck(0), locked + len, "VmLck, pinned alone");
		hf_expect_eq(t_unpin(&r.dev[0], IOVA, 4), 0, "unpin");
	}
	hf_expect_eq(t_vmlck(0), locked, "VmLck, unpinned");
	hf_unmap(&r.c, IOVA, len);
	hf_expect_eq(t_vmlck(0), locked, "VmLck, unmapped");
	hf_group_close(&group);
	t_emulated_rig_close(&r);
	munmap(at, len);
	hf_bar_unmap(&bar);
	hf_rig_close(&other);
	hf_expect_eq(t_pinned(), held, "pins");
}

struct attacher {
	const struct t_emulated_rig *r;
	const struct hf_group *group;
	const struct hf_mem *m;
	int want;
};

/* In a process that has no such memory. */
static void attach_elsewhere(void *arg)
{
	const struct attacher *a = arg;

	hf_require(!munmap(a->m->addr, a->m->len), "munmap");
	hf_expect_eq(hf_group_attach(a->group, &a->r->c), a->want, "attach");
}

/*
 * Who has the group attached need not be who mapped. What is pinned then is the mapper's
 * memory; stock takes what the other has at these addresses.
 */
static void another_attaches(struct t *t)
{
	const size_t len = PAGES * T_PAGE;
	const uint64_t locked = t_vmlck(0);
	const int64_t held = t_pinned();
	struct t_emulated_rig r;
	struct hf_group group;
	char bdf[HF_BDF_LEN];
	struct hf_mem m;
	struct attacher a = { &r, &group, &m, t->on == T_ON_HOLDFAST ? 0 : -EFAULT };

	if (!t_alloc(&m, "anon4k", len, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_must(hf_pci_vfio_device(0, bdf));
	hf_must(hf_group_open(&group, bdf));
	hf_map(&r.c, IOVA, m.addr, len, RW);
	t_child(attach_elsewhere, &a, "child that attaches");
	if (!a.want) {
		hf_expect_eq(t_vmlck(0), locked + len, "VmLck: the mapper pays");
		hf_expect(t_pinned() > held, "pinned");
		hf_must(hf_group_detach(&group));
	}
	hf_expect_eq(t_vmlck(0), locked, "VmLck, gone again");
	hf_expect_eq(t_pinned(), held, "pins, gone again");
	hf_unmap(&r.c, IOVA, len);
	hf_group_close(&group);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

static const struct how unmap_fails = { true, true }, unmap_works = { true, false };
static const struct how get_fails = { false, true }, get_works = { false, false };
static const bool yes = true, no = false;

static const struct t_case cases[] = {
	{ "an unmap's bitmap, which fails", while_reported, T_HOLDFAST, &unmap_fails },
	{ "an unmap's bitmap", while_reported, T_HOLDFAST, &unmap_works },
	{ "a bitmap, which fails", while_reported, T_HOLDFAST, &get_fails },
	{ "a bitmap", while_reported, T_HOLDFAST, &get_works },
	/* Stock charges what a driver pinned twice from then on, and never gives one back. */
	{ "memory becomes a device's", exchanged, T_HOLDFAST, &yes },
	{ "a device's becomes memory", exchanged, 0, &no },
	{ "another process attaches", another_attaches, 0, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
