// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfaultfd - memory whose page faults a thread of the process serves.
 *
 * Never-touched memory behind a userfaultfd cannot be pinned under the mmap lock, and stock
 * refuses it. Where the kernel's GUP-fast can wait for the handler, holdfast does: the map is
 * through when the handler has filled the memory in, the device sees what it put there, and
 * a waiter can be killed. Write-protected memory is present; a read-only mapping of it must
 * not go stale, so it is refused where copy-on-write cannot be broken for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/pattern.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "emulated.h"
#include "harness.h"

#define IOVA 0x6100000000ULL
#define PAGES 24UL

/* A part of memory, and who serves its faults. */
struct served {
	char *addr;
	size_t len;
	uint64_t seed;
	int fd;
	unsigned int faults;
	pthread_t thread;
};

static void watch(struct served *s, uint64_t features, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = { .mode = mode };

	s->len = PAGES * T_PAGE;
	s->seed = t_seed();
	s->faults = 0;
	s->addr = mmap(NULL, s->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(s->addr != MAP_FAILED, "memory");
	hf_require(!madvise(s->addr, s->len, MADV_NOHUGEPAGE), "small pages");
	s->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	hf_require(s->fd >= 0, "userfaultfd: %s", strerror(errno));
	hf_require(!ioctl(s->fd, UFFDIO_API, &api), "UFFDIO_API: %s", strerror(errno));
	reg.range.start = (uintptr_t)s->addr;
	reg.range.len = s->len;
	hf_require(!ioctl(s->fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER: %s", strerror(errno));
}

static void unwatch(struct served *s)
{
	close(s->fd);
	munmap(s->addr, s->len);
}

/* Fill in one page a fault, with the pattern the device is to see. */
static void *serve(void *arg)
{
	struct served *s = arg;
	char page[T_PAGE];

	for (;;) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		struct uffd_msg msg;
		struct uffdio_copy copy = { .len = T_PAGE, .src = (uintptr_t)page };
		size_t at;

		poll(&p, 1, -1);
		if (read(s->fd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		at = (msg.arg.pagefault.address & ~(uint64_t)(T_PAGE - 1)) - (uintptr_t)s->addr;
		hf_pattern_fill(page, T_PAGE, at, s->seed);
		copy.dst = (uintptr_t)s->addr + at;
		s->faults++;
		if (ioctl(s->fd, UFFDIO_COPY, &copy) && errno != EEXIST)
			return NULL;
	}
}

static void serve_end(struct served *s)
{
	pthread_cancel(s->thread);
	pthread_join(s->thread, NULL);
}

static void missing(struct t *t)
{
	const uint32_t prots[] = { HF_RW, HF_READ };

	for (int i = 0; i < 2; i++) {
		struct served s;
		int ret;

		watch(&s, 0, UFFDIO_REGISTER_MODE_MISSING);
		hf_require(!pthread_create(&s.thread, NULL, serve, &s), "handler");
		t_log("holdfast-expect: uffd-retry under the mmap lock");
		ret = hf_try_map(t->c, IOVA, s.addr, s.len, prots[i]);
		t_log("holdfast-expect: none");
		hf_ktap_diag("%s map of memory nobody touched: %d, %u faults served",
			     prots[i] == HF_RW ? "read-write" : "read-only", ret, s.faults);
		if (t->on == T_ON_STOCK)
			hf_expect_eq(ret, -EFAULT, "stock refuses");
		else
			hf_expect_eq(ret, t_kernel_before(6, 2) ? -EFAULT : 0,
				     "refused before 6.2, mapped since");
		if (!ret) {
			hf_expect_eq(s.faults, PAGES, "the handler filled it in");
			hf_expect(hf_pattern_check(s.addr, s.len, 0, s.seed, NULL),
				  "the CPU sees what the handler put there");
			t_dma_check(&t->port, IOVA, s.addr, s.len, prots[i], "served by a handler");
			hf_unmap(t->c, IOVA, s.len);
		}
		serve_end(&s);
		unwatch(&s);
	}
}

struct victim {
	struct t *t;
	struct t_gate *gate;
};

/* A map that nobody will ever serve. */
static void wait_for_ever(void *arg)
{
	struct victim *v = arg;
	struct served s;

	watch(&s, 0, UFFDIO_REGISTER_MODE_MISSING);
	t_gate_open(v->gate, 1);
	if (hf_try_map(v->t->c, IOVA, s.addr, s.len, HF_RW) == -EFAULT)
		t_gate_open(v->gate, 2);
	pause();
}

static void killed(struct t *t)
{
	struct victim v = { .t = t, .gate = t_gate_new() };
	struct hf_proc_snapshot before;
	struct hf_mem m;
	pid_t pid;

	if (!t_alloc(&m, "anon4k", PAGES * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(hf_proc_snapshot(&before));
	t_log("holdfast-expect: uffd-retry under the mmap lock");
	pid = t_child_start(wait_for_ever, &v);
	t_gate_wait(v.gate, 1);
	t_sleep_ms(300);
	t_log("holdfast-expect: none");
	hf_ktap_diag("a map nobody serves %s", v.gate->step == 2 ? "is refused" : "waits");
	/* Others are not in its way. */
	hf_map(t->c, IOVA + T_1G, m.addr, m.len, HF_RW);
	t_dma_check(&t->port, IOVA + T_1G, m.addr, m.len, HF_RW, "beside a map that waits");
	hf_unmap(t->c, IOVA + T_1G, m.len);
	kill(pid, SIGKILL);
	t_child_killed(pid, "who waited");
	t_leftover(&before, "who waited is gone");
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

static void write_protected(struct t *t)
{
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	struct served s;
	uint64_t seed;
	int ret;

	watch(&s, UFFD_FEATURE_PAGEFAULT_FLAG_WP, UFFDIO_REGISTER_MODE_WP);
	hf_pattern_fill(s.addr, s.len, 0, s.seed);
	wp.range.start = (uintptr_t)s.addr;
	wp.range.len = s.len;
	hf_require(!ioctl(s.fd, UFFDIO_WRITEPROTECT, &wp), "UFFDIO_WRITEPROTECT");
	ret = hf_try_map(t->c, IOVA, s.addr, s.len, HF_READ);
	hf_ktap_diag("read-only map of write-protected memory: %d", ret);
	wp.mode = 0;
	hf_require(!ioctl(s.fd, UFFDIO_WRITEPROTECT, &wp), "unprotect");
	if (ret) {
		hf_expect(t->on == T_ON_HOLDFAST && t_kernel_before(6, 2),
			  "refused by holdfast, before 6.2 only");
		hf_expect_eq(ret, -EFAULT, "refused");
	} else {
		char *bounce = t->port.bounce.addr;

		seed = t_seed();
		hf_pattern_fill(s.addr, s.len, 0, seed);
		hf_must(hf_dma_copy(t->port.dma, t->port.iova, IOVA, s.len));
		if (t->on == T_ON_HOLDFAST)
			hf_expect(hf_pattern_check(bounce, s.len, 0, seed, NULL),
				  "the device reads what was written later");
		else if (!hf_pattern_check(bounce, s.len, 0, seed, NULL))
			hf_ktap_diag("stale on this kernel's stock");
		hf_unmap(t->c, IOVA, s.len);
	}
	unwatch(&s);
}

static const struct t_case cases[] = {
	{ "never touched, served by a thread", missing, T_DMA, NULL },
	{ "never touched, never served, killed", killed, T_DMA, NULL },
	{ "write-protected, read-only for the device", write_protected, T_DMA, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
