// SPDX-License-Identifier: GPL-2.0-only
/*
 * requests.c - sequences of what the rig's container may be asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <holdfast/info.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dirty.h"
#include "module.h"
#include "sequences.h"

bool fs_begin_map(struct t *t)
{
	const struct fs_made *m = t_fail_sequence(t)->arg;

	/* What is touched by the first map is new in each round. */
	return !m->mem || t_alloc(&fs_memory, m->kind, m->pages * T_PAGE, 0, m->mem);
}

int fs_map_memory(struct t *t)
{
	const struct fs_made *m = t_fail_sequence(t)->arg;
	struct fs_round r = { .c = t->c };
	struct hf_mem fresh = { 0 };
	const char *addr = fs_memory.addr;

	if (!m->mem) {
		hf_must(hf_mem_alloc(m->kind, m->pages * T_PAGE, 0, &fresh));
		addr = fresh.addr;
	}
	/* One more beside it: a container keeps memory for one. */
	if (fs_map(&r, IOVA, addr, m->pages * T_PAGE, m->flags) &&
	    fs_map(&r, IOVA + SPAN / 2, addr, T_PAGE, m->flags))
		fs_unmap(&r, IOVA, m->pages * T_PAGE, 0, m->pages * T_PAGE);
	fs_finish(&r);
	hf_mem_free(&fresh);
	return r.ret;
}

int fs_unmap_forms(struct t *t)
{
	struct fs_round r = { .c = t->c };
	const uint64_t at[] = { IOVA, IOVA + 64 * T_PAGE, IOVA + T_2M, IOVA + 3 * T_2M };
	bool all = true;

	for (size_t i = 0; i < T_ARRAY_SIZE(at) && all; i++)
		all = fs_map(&r, at[i], fs_memory.addr, 40 * T_PAGE, HF_RW);
	if (all && fs_unmap(&r, IOVA, T_2M, 0, 80 * T_PAGE) && fs_unmap(&r, IOVA, T_2M, 0, 0))
		fs_unmap(&r, IOVA + T_2M, 40 * T_PAGE, 0, 40 * T_PAGE);
	return fs_finish(&r);
}

int fs_info(struct t *t)
{
	struct hf_iommu_info i;

	return hf_container_info(t->c, &i);
}

static int dirty_unmap(struct fs_round *r, uint64_t iova, uint64_t len, void *bits, size_t bytes)
{
	uint64_t got;
	int ret = t_dirty_unmap(r->c, iova, len, bytes, bits, &got);

	if (ret)
		r->unsure = true;
	else
		r->mapped -= got;
	return ret;
}

int fs_track(struct t *t)
{
	struct fs_round r = { .c = t->c };
	uint64_t bits[16];

	/* Bits that begin and end within words, with whole ones between. */
	if (fs_map(&r, IOVA + 3 * T_PAGE, fs_memory.addr, 20 * T_PAGE, HF_RW) &&
	    fs_ok(&r, t_dirty(t->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START)) &&
	    fs_map(&r, IOVA + 50 * T_PAGE, fs_memory.addr, 300 * T_PAGE, HF_RW) &&
	    fs_ok(&r, t_dirty_get(t->c, IOVA, 512 * T_PAGE, T_PAGE, sizeof(bits), bits)))
		fs_ok(&r, dirty_unmap(&r, IOVA, 512 * T_PAGE, bits, sizeof(bits)));
	fs_dirty_stop(&r);
	return fs_finish(&r);
}

static bool new_address(struct fs_round *r, uint64_t iova, const void *addr, size_t len)
{
	return fs_ok(r, hf_try_map(r->c, iova, addr, len, VFIO_DMA_MAP_FLAG_VADDR));
}

int fs_vaddr(struct t *t)
{
	struct fs_round r = { .c = t->c };
	const size_t len = 40 * T_PAGE;
	uint64_t said;

	if (fs_map(&r, IOVA, fs_memory.addr, len, HF_RW) &&
	    fs_ok(&r, hf_try_unmap(t->c, IOVA, len, VFIO_DMA_UNMAP_FLAG_VADDR, &said)))
		new_address(&r, IOVA, fs_memory.addr, len);
	return fs_finish(&r);
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
	return hf_try_map(t->c, IOVA, fs_memory.addr, 40 * T_PAGE, VFIO_DMA_MAP_FLAG_VADDR);
}

/* Memory is handed to a child, which pays for it from then on, and exits. */
int fs_hand_over(struct t *t)
{
	struct fs_round r = { .c = t->c };
	const size_t len = 40 * T_PAGE;
	uint64_t said;

	if (fs_map(&r, IOVA, fs_memory.addr, len, HF_RW) &&
	    fs_ok(&r, hf_try_unmap(t->c, IOVA, len, VFIO_DMA_UNMAP_FLAG_VADDR, &said)))
		fs_ok(&r, elsewhere(t, take_over));
	return fs_finish(&r);
}

static int map_here(struct t *t)
{
	*(volatile char *)fs_memory.addr = 1;
	return hf_try_map(t->c, IOVA, fs_memory.addr, 300 * T_PAGE, HF_RW);
}

/* A child maps and exits; the parent, which shares its pages, unmaps. */
int fs_fork_map(struct t *t)
{
	struct fs_round r = { .c = t->c };

	if (fs_ok(&r, elsewhere(t, map_here)))
		r.mapped += 300 * T_PAGE;
	else
		r.unsure = true;
	return fs_finish(&r);
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

	s->ret = t_dirty_get(s->c, IOVA, 64 * T_PAGE, T_PAGE, 8, s->bits);
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

int fs_wait_for_range(struct t *t)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	struct fs_round r = { .c = t->c };
	struct slow s = { .c = t->c };
	pthread_t getter, server;

	s.bits = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	reg.range.start = (uintptr_t)s.bits;
	reg.range.len = T_PAGE;
	hf_require(s.bits != MAP_FAILED && s.uffd >= 0 && !ioctl(s.uffd, UFFDIO_API, &api) &&
			   !ioctl(s.uffd, UFFDIO_REGISTER, &reg),
		   "userfaultfd: %s", strerror(errno));

	if (fs_map(&r, IOVA, fs_memory.addr, 64 * T_PAGE, HF_RW) &&
	    fs_ok(&r, t_dirty(t->c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START))) {
		hf_require(!pthread_create(&server, NULL, serve_slowly, &s) &&
				   !pthread_create(&getter, NULL, get_slowly, &s),
			   "threads");
		while (!__atomic_load_n(&s.faulted, __ATOMIC_ACQUIRE) &&
		       !__atomic_load_n(&s.done, __ATOMIC_ACQUIRE))
			t_sleep_ms(1);
		fs_unmap(&r, IOVA, 64 * T_PAGE, 0, 64 * T_PAGE);
		pthread_join(getter, NULL);
		pthread_join(server, NULL);
		fs_ok(&r, s.ret);
	}
	fs_dirty_stop(&r);
	fs_finish(&r);
	close(s.uffd);
	munmap(s.bits, T_PAGE);
	return r.ret;
}

/*
 * Helpers that fault memory in
 */

bool fs_begin_threads(struct t *t)
{
	(void)t;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		hf_ktap_skip("one CPU only");
		return false;
	}
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "fault_threads", "2"));
	return true;
}

void fs_end_threads(struct t *t)
{
	(void)t;
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "fault_threads", "0"));
}

/*
 * What device and CPU do not share
 */

/* Turn the auditor off for certain: the failure may be due now. */
static void audit_off(struct fs_round *r)
{
	for (int tries = 0; tries < 2; tries++)
		if (fs_ok(r, hf_try_audit(r->c, false, -1)))
			return;
	hf_expect(false, "the auditor cannot be turned off");
}

int fs_part_and_refresh(struct t *t)
{
	const bool audit = *(const bool *)t_fail_sequence(t)->arg;
	const size_t len = 320 * T_PAGE, from = 40 * T_PAGE, part = 100 * T_PAGE;
	struct fs_round r = { .c = t->c };
	struct holdfast_range range;
	char *addr = fs_memory.addr;
	uint64_t refreshed;
	long nr;

	if (audit && !fs_ok(&r, hf_try_audit(t->c, true, -1)))
		return r.ret;
	if (fs_map(&r, IOVA, addr, len, HF_RW) && fs_map(&r, IOVA + T_2M, addr, T_PAGE, HF_READ)) {
		hf_require(!madvise(addr + from, part, MADV_DONTNEED), "drop a part");
		memset(addr + from, 1, part);
		nr = hf_try_incoherent(t->c, 0, UINT64_MAX, &range, 1, NULL);
		if (fs_ok(&r, (int)nr))
			hf_expect(nr == 1 && range.iova == IOVA + from && range.size == part,
				  "what was dropped: %ld ranges, 0x%llx+0x%llx", nr, range.iova,
				  range.size);
		if (fs_ok(&r, hf_try_refresh(t->c, IOVA, len, &refreshed, NULL)))
			hf_expect_eq(refreshed, part, "refreshed");
	}
	fs_finish(&r);
	if (audit)
		audit_off(&r);
	return r.ret;
}
