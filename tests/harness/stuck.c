// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "stuck.h"

void t_stuck_make(struct t_stuck *s, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	s->len = len;
	s->addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(s->addr != MAP_FAILED, "memory");
	hf_require(!madvise(s->addr, len, MADV_NOHUGEPAGE), "small pages");
	s->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	hf_require(s->fd >= 0, "userfaultfd: %s", strerror(errno));
	reg.range.start = (uintptr_t)s->addr;
	reg.range.len = len;
	hf_require(!ioctl(s->fd, UFFDIO_API, &api) && !ioctl(s->fd, UFFDIO_REGISTER, &reg),
		   "userfaultfd: %s", strerror(errno));
}

void t_stuck_wait(const struct t_stuck *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	hf_require(poll(&p, 1, (int)t_patience_ms(20000)) == 1, "somebody gets stuck");
}

void t_stuck_end(struct t_stuck *s)
{
	close(s->fd);
}

void t_stuck_free(struct t_stuck *s)
{
	munmap(s->addr, s->len);
}

static void *report(void *arg)
{
	struct t_holder *h = arg;
	struct {
		struct vfio_iommu_type1_dirty_bitmap d;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} q = {
		.d = { .argsz = sizeof(q), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
		.get = { .iova = h->iova, .size = h->len,
			 .bitmap = { .pgsize = T_PAGE, .size = T_PAGE,
				     .data = (void *)h->bitmap.addr } },
	};

	h->ret = hf_container_ioctl(h->c, VFIO_IOMMU_DIRTY_PAGES, &q);
	return NULL;
}

void t_hold(struct t_holder *h, const struct hf_container *c, uint64_t iova, uint64_t len)
{
	struct vfio_iommu_type1_dirty_bitmap d = {
		.argsz = sizeof(d), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};

	hf_must(hf_container_ioctl(c, VFIO_IOMMU_DIRTY_PAGES, &d));
	h->c = c;
	h->iova = iova;
	h->len = len;
	t_stuck_make(&h->bitmap, T_PAGE);
	hf_require(!pthread_create(&h->thread, NULL, report, h), "thread");
	t_stuck_wait(&h->bitmap);
}

int t_let_go(struct t_holder *h)
{
	t_stuck_end(&h->bitmap);
	pthread_join(h->thread, NULL);
	t_stuck_free(&h->bitmap);
	return h->ret;
}
