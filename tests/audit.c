// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit - the life of the auditor: on and off, who it tells, and whose memory it watches.
 *
 * Which events it tells apart is the business of audit_matrix_*. Here one page that is dropped
 * stands for all of them, and everything around changes: the auditor is turned on before and
 * after the memory is mapped, by its user or by the operator; containers, eventfds, processes,
 * addresses and domains come and go. Each time exactly what has parted must be known.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auditor.h"
#include "child.h"
#include "harness.h"
#include "module.h"
#include "shown.h"
#include "side.h"

#define IOVA 0x6400000000ULL
#define PAGES 64UL
#define LEN (PAGES * T_PAGE)

static char *memory(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	hf_require(p != MAP_FAILED, "0x%zx bytes", len);
	hf_require(!madvise(p, len, MADV_NOHUGEPAGE), "small pages");
	hf_mem_touch(p, len);
	return p;
}

static void drop(char *p, size_t page, size_t pages)
{
	hf_require(!madvise(p + page * T_PAGE, pages * T_PAGE, MADV_DONTNEED), "drop");
}

/* What is incoherent in a container is one range, or nothing. */
static void expect_known(const struct hf_container *c, uint64_t iova, uint64_t size,
			 const char *what)
{
	struct holdfast_range r[4] = { { 0 } };
	bool partial = false;
	long nr = hf_try_incoherent(c, 0, UINT64_MAX, r, 4, &partial);

	hf_expect(size ? nr == 1 && r[0].iova == iova && r[0].size == size : nr == 0,
		  "%s: 0x%llx+0x%llx is incoherent: %ld ranges, 0x%llx+0x%llx", what,
		  (unsigned long long)iova, (unsigned long long)size, nr, r[0].iova, r[0].size);
	hf_expect(!partial, "%s: the answer is whole", what);
}

static int new_eventfd(void)
{
	const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	hf_require(fd >= 0, "eventfd");
	return fd;
}

/* Is there, within reasonable time, a signal? */
static bool signalled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, (int)t_patience_ms(5000)) == 1 &&
	       read(fd, &count, sizeof(count)) == sizeof(count);
}

static bool silent(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, (int)t_patience_ms(100)) == 0;
}

/*
 * On and off
 */
static void on_and_off(struct t *t)
{
	const int fd = new_eventfd();
	char *p = memory(LEN);

	hf_map(t->c, IOVA, p, LEN, HF_RW);
	for (size_t i = 0; i < 16; i++) {
		/* What was dropped before counts, too. */
		drop(p, i, 1);
		hf_must(hf_try_audit(t->c, true, fd));
		hf_expect(signalled(fd), "round %zu: dropped before", i);
		expect_known(t->c, IOVA, (i + 1) * T_PAGE, "dropped before");
		hf_must(hf_try_audit(t->c, false, -1));
		hf_expect(silent(fd), "round %zu: off", i);
	}
	drop(p, 32, 1);
	hf_expect(silent(fd), "dropped while it is off");
	hf_unmap(t->c, IOVA, LEN);
	munmap(p, LEN);
	close(fd);
}

/* Mapped while it is on: what is reported is taken back with the unmap. */
static void mapped_while_on(struct t *t)
{
	struct t_auditor a;
	bool told[PAGES];
	char *p = memory(LEN);

	t_auditor_on(&a, t->c);
	for (size_t i = 0; i < 10; i++) {
		hf_map(t->c, IOVA + i * LEN, p, LEN, i & 1 ? HF_READ : HF_RW);
		drop(p, 5 * i, 1);
		hf_expect(t_auditor_wait(&a, (unsigned int)t_patience_ms(5000)), "told");
		t_auditor_events(&a);
		expect_known(t->c, IOVA + (i * LEN) + 5 * i * T_PAGE, T_PAGE, "dropped");
		hf_expect_eq(t_verdict_told(&a, IOVA + i * LEN, PAGES, told), i, "other pages");
		hf_expect(told[5 * i] && !memchr(told, 1, 5 * i), "the page");
		hf_unmap(t->c, IOVA + i * LEN, LEN);
		expect_known(t->c, 0, 0, "unmapped");
		hf_mem_touch(p, LEN);
	}
	t_auditor_off(&a);
	munmap(p, LEN);
}

static void *map_and_unmap(void *arg)
{
	const struct t *t = arg;
	char *p = memory(LEN);

	for (size_t i = 0; i < 300; i++) {
		hf_map(t->c, IOVA + T_1G, p, LEN, HF_RW);
		hf_unmap(t->c, IOVA + T_1G, LEN);
	}
	hf_map(t->c, IOVA, p, LEN, HF_RW);
	return p;
}

/* Maps, and turns of the switch, at the same time; at last it is on. */
static void while_turning_on(struct t *t)
{
	const int fd = new_eventfd();
	pthread_t thread;
	void *p;

	hf_require(!pthread_create(&thread, NULL, map_and_unmap, t), "a thread");
	for (size_t i = 0; i < 60; i++) {
		hf_must(hf_try_audit(t->c, true, fd));
		hf_must(hf_try_audit(t->c, false, -1));
	}
	hf_must(hf_try_audit(t->c, true, fd));
	pthread_join(thread, &p);
	drop(p, 7, 3);
	hf_expect(signalled(fd), "told");
	expect_known(t->c, IOVA + 7 * T_PAGE, 3 * T_PAGE, "dropped in the end");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, LEN);
	munmap(p, LEN);
	close(fd);
}

/* The operator's parameter: for containers from now on, and nobody turns it off. */
static void operator_wants_it(struct t *t)
{
	const int fd = new_eventfd();
	char *p = memory(LEN);
	struct hf_rig r;

	(void)t;
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "audit", "Y"));
	hf_must(hf_rig_open(&r, NULL, 0));
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "audit", "N"));
	hf_map(&r.container, IOVA, p, LEN, HF_RW);
	hf_expect_eq(hf_try_audit(&r.container, false, -1), -EPERM, "off");
	hf_expect_eq(hf_try_audit(&r.container, true, fd), 0, "on, with an eventfd");
	drop(p, 60, 4);
	hf_expect(signalled(fd), "told");
	hf_expect_eq(hf_try_audit(&r.container, false, -1), -EPERM, "off");
	expect_known(&r.container, IOVA + 60 * T_PAGE, 4 * T_PAGE, "dropped");
	hf_rig_close(&r);
	hf_must(hf_rig_open(&r, NULL, 0));
	hf_expect_eq(hf_try_audit(&r.container, false, -1), 0, "off, in a container made later");
	hf_rig_close(&r);
	munmap(p, LEN);
	close(fd);
}

/*
 * Who is told
 */
static void eventfds(struct t *t)
{
	const int a = new_eventfd(), b = new_eventfd(), closed = new_eventfd();
	char *p = memory(LEN);

	hf_map(t->c, IOVA, p, LEN, HF_RW);
	hf_must(hf_try_audit(t->c, true, a));
	drop(p, 0, 1);
	hf_expect(signalled(a), "the first");
	hf_must(hf_try_audit(t->c, true, b));
	hf_expect(silent(b), "nothing is new");
	drop(p, 1, 1);
	hf_expect(signalled(b), "the second");
	hf_expect(silent(a), "not the first any more");
	hf_expect_eq(hf_try_audit(t->c, true, 99999), -EBADF, "none at all");
	drop(p, 2, 1);
	hf_expect(signalled(b), "the second still");
	hf_must(hf_try_audit(t->c, true, closed));
	close(closed);
	drop(p, 3, 1);
	hf_expect(silent(a) && silent(b), "one that was closed");
	hf_must(hf_try_audit(t->c, true, -1));
	drop(p, 4, 1);
	hf_expect(silent(a) && silent(b), "nobody");
	expect_known(t->c, IOVA, 5 * T_PAGE, "all that was dropped");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, LEN);
	munmap(p, LEN);
	close(a);
	close(b);
}

/* Each with its own auditor, of the same memory. */
static void two_containers(struct t *t)
{
	struct t_side side[2] = { { .group.fd = -1, .device.fd = -1 },
				  { .group.fd = -1, .device.fd = -1 } };
	struct hf_container c[2];
	int fd[2];
	char *p = memory(LEN);

	(void)t;
	for (unsigned int i = 0; i < 2; i++) {
		hf_must(hf_container_open(&c[i]));
		t_side_attach(&side[i], i, &c[i]);
		hf_must(hf_container_set_type(&c[i], VFIO_TYPE1v2_IOMMU));
		hf_map(&c[i], IOVA + i * T_1G, p, LEN, HF_RW);
		fd[i] = new_eventfd();
		hf_must(hf_try_audit(&c[i], true, fd[i]));
	}
	drop(p, 8, 8);
	for (unsigned int i = 0; i < 2; i++) {
		hf_expect(signalled(fd[i]), "container %u is told", i);
		expect_known(&c[i], IOVA + i * T_1G + 8 * T_PAGE, 8 * T_PAGE, "both");
	}
	hf_must(hf_try_audit(&c[0], false, -1));
	drop(p, 16, 8);
	hf_expect(signalled(fd[1]), "the one that is on is told");
	hf_expect(silent(fd[0]), "the one that is off is not");
	for (unsigned int i = 0; i < 2; i++) {
		expect_known(&c[i], IOVA + i * T_1G + 8 * T_PAGE, 16 * T_PAGE, "both know");
		t_side_close(&side[i]);
		hf_container_close(&c[i]);
		close(fd[i]);
	}
	munmap(p, LEN);
}

/* A group that joins in a domain of its own changes nothing for the auditor. */
static void second_domain(struct t *t)
{
	struct t_side side[2] = { { .group.fd = -1, .device.fd = -1 },
				  { .group.fd = -1, .device.fd = -1 } };
	const int fd = new_eventfd();
	struct hf_container c;
	char *p = memory(LEN);

	(void)t;
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "Y"));
	hf_must(hf_container_open(&c));
	t_side_attach(&side[0], 0, &c);
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	hf_must(hf_try_audit(&c, true, fd));
	hf_map(&c, IOVA, p, LEN, HF_RW);
	drop(p, 0, 4);
	hf_expect(signalled(fd), "with one domain");
	t_side_attach(&side[1], 1, &c);
	expect_known(&c, IOVA, 4 * T_PAGE, "another one joined");
	drop(p, 4, 4);
	hf_expect(signalled(fd), "with two domains");
	t_side_close(&side[0]);
	drop(p, 8, 4);
	hf_expect(signalled(fd), "with one again");
	expect_known(&c, IOVA, 12 * T_PAGE, "in the end");
	t_side_close(&side[1]);
	hf_container_close(&c);
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
	munmap(p, LEN);
	close(fd);
}

/*
 * Whose memory
 */
struct shared {
	struct t *t;
	char *p;
	struct t_gate *gate;
	bool exec;
};

static void child_drops(void *arg)
{
	const struct shared *s = arg;

	hf_mem_touch(s->p, LEN);
	drop(s->p, 0, PAGES);
	hf_require(!munmap(s->p, LEN), "munmap");
}

/* A child may do with its copy what it wants. */
static void forked(struct t *t)
{
	struct shared s = { .t = t, .p = memory(LEN) };
	const int fd = new_eventfd();

	hf_must(hf_try_audit(t->c, true, fd));
	hf_map(t->c, IOVA, s.p, LEN, HF_RW);
	t_child(child_drops, &s, "a child that drops its copy");
	hf_mem_touch(s.p, LEN);
	hf_expect(silent(fd), "the child's memory is not the parent's");
	expect_known(t->c, 0, 0, "after the fork");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, LEN);
	munmap(s.p, LEN);
	close(fd);
}

static void maps_and_waits(void *arg)
{
	const struct shared *s = arg;
	char *p = memory(LEN);

	hf_map(s->t->c, IOVA, p, LEN, HF_RW);
	drop(p, 10, 10);
	t_gate_open(s->gate, 1);
	t_gate_wait(s->gate, 2);
	if (s->exec)
		execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
}

/* Its process exits, or becomes another program; the container lives on. */
static void mapper_goes(struct t *t)
{
	struct shared s = { .t = t, .gate = t_gate_new(), .exec = t->arg };
	const int fd = new_eventfd();
	struct holdfast_range r;
	bool partial = false;
	pid_t pid;

	hf_must(hf_try_audit(t->c, true, fd));
	pid = t_child_start(maps_and_waits, &s);
	t_gate_wait(s.gate, 1);
	hf_expect(signalled(fd), "told of a child's memory");
	expect_known(t->c, IOVA + 10 * T_PAGE, 10 * T_PAGE, "a child's memory");
	t_gate_open(s.gate, 2);
	t_child_end(pid, "who mapped");
	for (int on = 1; on >= 0; on--) {
		hf_expect_eq(hf_try_incoherent(t->c, 0, UINT64_MAX, &r, 1, &partial), 0,
			     "ranges of a process that is gone");
		hf_expect(partial, "the answer is partial");
		hf_must(hf_try_audit(t->c, false, -1));
	}
	hf_must(hf_try_audit(t->c, true, -1));
	hf_unmap(t->c, IOVA, LEN);
	expect_known(t->c, 0, 0, "unmapped");
	hf_must(hf_try_audit(t->c, false, -1));
	close(fd);
}

/* The heap's end comes down. */
static void brk_shrinks(struct t *t)
{
	const int fd = new_eventfd();
	char *p = sbrk(0);

	p += -(uintptr_t)p & (T_PAGE - 1);
	hf_require(!brk(p + LEN), "brk");
	hf_mem_touch(p, LEN);
	hf_must(hf_try_audit(t->c, true, fd));
	hf_map(t->c, IOVA, p, LEN, HF_RW);
	hf_require(!brk(p + 23 * T_PAGE), "brk");
	hf_expect(signalled(fd), "told");
	expect_known(t->c, IOVA + 23 * T_PAGE, LEN - 23 * T_PAGE, "above the end");
	hf_require(!brk(p), "brk");
	expect_known(t->c, IOVA, LEN, "all");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, LEN);
	close(fd);
}

static void told_of_poison(int sig)
{
	(void)sig;
}

/*
 * A page that is poisoned is taken from the process, not from the device. In a child: it may be
 * sent a signal for that.
 */
static void poison(void *arg)
{
	const struct shared *s = arg;
	char *p = memory(LEN);

	signal(SIGBUS, told_of_poison);
	hf_map(s->t->c, IOVA, p, LEN, HF_RW);
	if (madvise(p + 5 * T_PAGE, T_PAGE, MADV_HWPOISON)) {
		hf_require(errno == EINVAL, "MADV_HWPOISON: %s", strerror(errno));
		hf_unmap(s->t->c, IOVA, LEN);
		return;
	}
	t_gate_open(s->gate, 1);
	/* The page was there, and is not for the CPU. */
	hf_expect_eq(t_touch(p + 5 * T_PAGE), T_NOT_THERE, "the poisoned page");
	expect_known(s->t->c, IOVA + 5 * T_PAGE, T_PAGE, "poisoned");
	hf_unmap(s->t->c, IOVA, LEN);
}

static void poisoned(struct t *t)
{
	struct shared s = { .t = t, .gate = t_gate_new() };

	hf_must(hf_try_audit(t->c, true, -1));
	t_child(poison, &s, "whose page is poisoned");
	if (!s.gate->step)
		hf_ktap_skip("this kernel does not poison pages");
	hf_must(hf_try_audit(t->c, false, -1));
}

/*
 * Whose kernel memory
 */
#define CGROUP "/tmp/audit-cgroup"
#define MANY 128

static long cgroup_bytes(void)
{
	char text[32];

	hf_must((int)hf_proc_read_file(CGROUP "/a/memory.current", text, sizeof(text)));
	return strtol(text, NULL, 10);
}

static void pays(void *arg)
{
	const struct shared *s = arg;
	const size_t len = 256UL << 20;
	const long bits = MANY * (long)(len / T_PAGE / 8);
	long before, after;

	hf_must(hf_proc_write_file(CGROUP "/a/cgroup.procs", "0"));
	for (size_t i = 0; i < MANY; i++)
		hf_map(s->t->c, IOVA + i * len, s->p, len, HF_RW);
	before = cgroup_bytes();
	hf_must(hf_try_audit(s->t->c, true, -1));
	after = cgroup_bytes();
	hf_ktap_diag("auditing %zu GiB charges %ld bytes; bits for the pages take %ld",
		     MANY * len >> 30, after - before, bits);
	/* What is charged in advance for each CPU makes the number inexact. */
	hf_expect(after - before > bits / 2, "the bookkeeping is charged");
	hf_must(hf_try_audit(s->t->c, false, -1));
	hf_unmap_all(s->t->c);
	hf_expect(cgroup_bytes() - before < bits / 2, "and given back");
}

static void charged(struct t *t)
{
	struct shared s = { .t = t };
	struct hf_mem m;

	mkdir(CGROUP, 0700);
	if (mount("none", CGROUP, "cgroup2", 0, NULL)) {
		hf_ktap_skip("no cgroup2: %s", strerror(errno));
		return;
	}
	if (hf_proc_write_file(CGROUP "/cgroup.subtree_control", "+memory")) {
		hf_ktap_skip("no memory controller");
	} else if (t_alloc(&m, "hugetlb2m", 256UL << 20, 0, HF_MEM_TOUCHED)) {
		s.p = m.addr;
		hf_require(!mkdir(CGROUP "/a", 0700), "a cgroup");
		t_child(pays, &s, "who pays");
		rmdir(CGROUP "/a");
		hf_mem_free(&m);
	}
	umount(CGROUP);
	rmdir(CGROUP);
}

/*
 * Pages that only the file has, and moved memory
 */
static int file_memory(char **p)
{
	const int fd = memfd_create("audit", MFD_CLOEXEC);

	hf_require(fd >= 0 && !ftruncate(fd, (off_t)LEN), "memfd");
	*p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	hf_require(*p != MAP_FAILED, "mmap");
	hf_mem_touch(*p, LEN);
	return fd;
}

static void punch(int file, size_t page, size_t pages)
{
	hf_require(!fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)(page * T_PAGE), (off_t)(pages * T_PAGE)), "punch");
}

/* After a long time in which nothing happened, so that the auditor seldom looks. */
static void watched(struct t *t)
{
	const int fd = new_eventfd();
	uint64_t begin;
	char *p;
	int file = file_memory(&p);

	hf_must(hf_try_audit(t->c, true, fd));
	hf_map(t->c, IOVA, p, LEN, HF_RW);
	drop(p, 0, PAGES);
	hf_expect(silent(fd), "absent, and its file's still");
	t_sleep_ms(4000);
	punch(file, 11, 2);
	expect_known(t->c, IOVA + 11 * T_PAGE, 2 * T_PAGE, "asked at once");
	hf_expect(signalled(fd), "who asks has it announced");
	t_sleep_ms(4000);
	begin = t_now_ms();
	punch(file, 13, 2);
	hf_expect(signalled(fd) || signalled(fd), "told without being asked");
	hf_ktap_diag("told of a hole in absent memory after %lu ms",
		     (unsigned long)(t_now_ms() - begin));
	expect_known(t->c, IOVA + 11 * T_PAGE, 4 * T_PAGE, "both holes");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, LEN);
	munmap(p, LEN);
	close(file);
	close(fd);
}

/*
 * A hole so large that the auditor looks before it is made: what it was told of is gone from the
 * page table, and still in the page cache.
 */
static void long_hole(struct t *t)
{
	const size_t len = 256UL << 20;
	const uint64_t end = t_now_ms() + t_patience_ms(60000), id = t_shown_id();
	const int fd = memfd_create("hole", MFD_CLOEXEC);
	struct t_shown info;
	uint64_t gone;
	char *p;

	hf_require(fd >= 0 && !ftruncate(fd, (off_t)len), "memfd");
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	hf_require(p != MAP_FAILED, "memory");
	hf_mem_touch(p, len);
	hf_must(hf_try_audit(t->c, true, -1));
	hf_map(t->c, IOVA, p, len, HF_RW);
	hf_require(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)len),
		   "a hole");
	/* Nobody asks: the file of the container's numbers says what the auditor found. */
	do {
		t_sleep_ms(50);
		t_shown(id, &info);
		gone = t_shown_value(&info, "incoherent_bytes");
	} while (gone != len && t_now_ms() < end);
	hf_expect_eq(gone, len, "found by itself");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, len);
	munmap(p, len);
	close(fd);
}

static int move_to(const struct hf_container *c, const void *p, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map), .flags = flags,
						.vaddr = (uintptr_t)p, .iova = IOVA, .size = LEN };
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap),
						    .flags = VFIO_DMA_UNMAP_FLAG_VADDR,
						    .iova = IOVA, .size = LEN };

	return p ? hf_raw_map(c, &map) : hf_raw_unmap(c, &unmap);
}

/* The promise is that the new address shows the same pages. */
static void moved(struct t *t)
{
	const int fd = new_eventfd();
	char *p, *other = memory(LEN), *again;
	int file = file_memory(&p);
	struct holdfast_range r;
	bool partial = false;
	uint64_t refreshed, failed;

	hf_must(hf_try_audit(t->c, true, fd));
	hf_map(t->c, IOVA, p, LEN, HF_RW);
	for (int i = 0; i < 3; i++) {
		again = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		hf_require(again != MAP_FAILED, "mmap");
		hf_must(move_to(t->c, NULL, 0));
		munmap(p, LEN);
		hf_expect_eq(hf_try_incoherent(t->c, 0, UINT64_MAX, &r, 1, &partial), 0,
			     "ranges without an address");
		hf_expect(partial, "without an address the answer is partial");
		hf_expect_eq(hf_try_refresh(t->c, IOVA, LEN, &refreshed, &failed), -EBUSY,
			     "refresh without an address");
		hf_must(move_to(t->c, again, VFIO_DMA_MAP_FLAG_VADDR));
		p = again;
		hf_expect(silent(fd), "the promise was kept");
		expect_known(t->c, 0, 0, "the promise was kept");
	}
	/* The old address is of no interest any more, the new one is. */
	drop(p, 0, 1);
	punch(file, 0, 1);
	expect_known(t->c, IOVA, T_PAGE, "at the new address");
	hf_expect(signalled(fd), "told of the new address");
	hf_must(move_to(t->c, NULL, 0));
	hf_must(move_to(t->c, other, VFIO_DMA_MAP_FLAG_VADDR));
	hf_expect(signalled(fd), "the promise was broken");
	expect_known(t->c, IOVA, LEN, "the promise was broken");
	hf_must(hf_try_refresh(t->c, IOVA, LEN, &refreshed, &failed));
	hf_expect_eq(refreshed, LEN, "mended");
	expect_known(t->c, 0, 0, "mended");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, LEN);
	munmap(p, LEN);
	munmap(other, LEN);
	close(file);
	close(fd);
}

/* Turned on while an address is not valid: from its arrival on it is audited. */
static void on_while_moving(struct t *t)
{
	const int fd = new_eventfd();
	char *p;
	int file = file_memory(&p);

	hf_map(t->c, IOVA, p, LEN, HF_RW);
	hf_must(move_to(t->c, NULL, 0));
	hf_must(hf_try_audit(t->c, true, fd));
	hf_must(move_to(t->c, p, VFIO_DMA_MAP_FLAG_VADDR));
	expect_known(t->c, 0, 0, "arrived");
	punch(file, 3, 1);
	hf_expect(signalled(fd), "told");
	expect_known(t->c, IOVA + 3 * T_PAGE, T_PAGE, "a hole");
	hf_must(hf_try_audit(t->c, false, -1));
	hf_unmap(t->c, IOVA, LEN);
	munmap(p, LEN);
	close(file);
	close(fd);
}

static const struct t_case cases[] = {
	{ "on and off around what is mapped", on_and_off, T_RIG | T_HOLDFAST, NULL },
	{ "mapped and unmapped while on", mapped_while_on, T_RIG | T_HOLDFAST, NULL },
	{ "mapped while it is turned on", while_turning_on, T_RIG | T_HOLDFAST, NULL },
	{ "the operator wants it", operator_wants_it, T_HOLDFAST, NULL },
	{ "one eventfd after the other", eventfds, T_RIG | T_HOLDFAST, NULL },
	{ "two containers, the same memory", two_containers, T_HOLDFAST, NULL },
	{ "a second domain", second_domain, T_HOLDFAST, NULL },
	{ "fork", forked, T_RIG | T_HOLDFAST, NULL },
	{ "who mapped exits", mapper_goes, T_RIG | T_HOLDFAST, NULL },
	{ "who mapped becomes another program", mapper_goes, T_RIG | T_HOLDFAST, "exec" },
	{ "brk", brk_shrinks, T_RIG | T_HOLDFAST, NULL },
	{ "a poisoned page", poisoned, T_RIG | T_HOLDFAST, NULL },
	{ "its memory is charged", charged, T_RIG | T_HOLDFAST, NULL },
	{ "a hole in what is absent", watched, T_RIG | T_HOLDFAST, NULL },
	{ "a hole that takes long", long_hole, T_RIG | T_HOLDFAST, NULL },
	{ "a new address", moved, T_RIG | T_HOLDFAST, NULL },
	{ "turned on without an address", on_while_moving, T_RIG | T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
