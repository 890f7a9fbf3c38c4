// SPDX-License-Identifier: GPL-2.0-only
/*
 * holdfast-load - something to observe: what several processes do with two containers.
 *
 *	holdfast-load [CMD [ARG]...]
 *
 * Needs two devices bound to vfio-pci (HOLDFAST_DEVICES names others) and huge pages. It makes
 * standing mappings (of "netd" and its "worker" in one container, of "storaged" in another), then
 * is busy for about LOAD_MS: small maps and unmaps, maps of memory that is not there, maps over
 * the memlock limit ("tenant"), an unmap that waits for a long map, and memory that is given back
 * while the device has it ("storaged", whose container is audited). Then CMD runs while the
 * standing mappings still stand.
 *
 * Exit status: that of CMD; 0 without one; 1 when anything did not go as described.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <holdfast/fail.h>
#include <holdfast/iommu.h>
#include <holdfast/memory.h>
#include <holdfast/pci.h>
#include <holdfast/rig.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KIB 1024UL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define LOAD_MS 4000
#define NOBODY 65534

/* Where things are in the IOVA space of "netd". */
#define SMALL_IOVA 0x10000000UL
#define HUGE_IOVA 0x40000000UL
#define THP_IOVA 0x48000000UL
#define WORKER_IOVA 0x50000000UL
#define GIANT_IOVA 0x80000000UL
#define BUSY_IOVA 0x100000000UL
#define SLOW_IOVA 0x200000000UL

static struct hf_rig netd;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void on_failure(const char *file, int line, const char *message, void *data)
{
	(void)data;
	fprintf(stderr, "holdfast-load: %s:%d: %s\n", file, line, message);
	_exit(1);
}

/* A mapping that stands; a kind of memory that this machine lacks is left out. */
static char *stand(const struct hf_container *c, const char *kind, size_t len, uint64_t iova,
		   uint32_t prot)
{
	struct hf_mem m;
	const int ret = hf_mem_alloc(kind, len, HF_MEM_TOUCHED, &m);

	if (hf_mem_unavailable(ret)) {
		fprintf(stderr, "holdfast-load: no memory of kind %s here\n", kind);
		return NULL;
	}
	hf_must(ret);
	hf_map(c, iova, m.addr, m.len, prot);
	return m.addr;
}

/* A process that does @fn and lives until @tube is closed; it says when it is through. */
static pid_t process(const char *name, void (*fn)(void), int tube[2])
{
	int ready[2];
	pid_t pid;
	char c;

	hf_must(pipe(ready) ? -errno : 0);
	pid = fork();
	hf_must(pid < 0 ? -errno : 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		close(tube[1]);
		close(ready[0]);
		fn();
		hf_must((int)write(ready[1], "", 1));
		_exit(read(tube[0], &c, 1) != 0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		hf_fail(0, "%s did not get ready", name);
	close(ready[0]);
	return pid;
}

static void worker(void)
{
	stand(&netd.container, "hugetlb2m", 16 * MIB, WORKER_IOVA, HF_READ);
}

static void storaged(void)
{
	static struct hf_rig r;
	char bdf[HF_BDF_LEN], *addr;

	hf_must(hf_pci_vfio_device(1, bdf));
	hf_must(hf_rig_open(&r, bdf, 0));
	hf_must(hf_try_audit(&r.container, true, -1));
	for (uint64_t i = 0; i < 24; i++) {
		addr = stand(&r.container, "frag4k", 64 * KIB, 0x1000000 + i * 96 * KIB, HF_RW);
		/* What an allocator does that knows nothing of the device. */
		if (addr && i % 10 == 7)
			hf_must(madvise(addr + 16 * KIB, 8 * KIB, MADV_DONTNEED) ? -errno : 0);
	}
	stand(&r.container, "file-shared", 2 * MIB, 0x40000000, HF_READ);
}

/* Maps in vain: over its limit. */
static void tenant(void)
{
	const struct rlimit limit = { .rlim_cur = 64 * KIB, .rlim_max = 64 * KIB };
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 128 * KIB, 0, &m));
	hf_must(setrlimit(RLIMIT_MEMLOCK, &limit) ? -errno : 0);
	hf_must(setresuid(NOBODY, NOBODY, NOBODY) ? -errno : 0);
	for (int i = 0; i < 3; i++)
		if (hf_try_map(&netd.container, BUSY_IOVA + GIB, m.addr, m.len, HF_RW) != -ENOMEM)
			hf_fail(0, "a map over the limit was not refused");
}

static void *slow_map(void *arg)
{
	const struct hf_mem *m = arg;

	prctl(PR_SET_NAME, "slow");
	hf_try_map(&netd.container, SLOW_IOVA, m->addr, m->len, HF_RW);
	return NULL;
}

/* An unmap of a range that is still being mapped. */
static void wait_for_map(void)
{
	struct hf_mem m;
	pthread_t thread;
	uint64_t unmapped = 0;

	hf_must(hf_mem_alloc("anon4k", 64 * MIB, 0, &m));
	hf_must(-pthread_create(&thread, NULL, slow_map, &m));
	/* Until its range is reserved there is nothing to unmap. */
	while (!unmapped)
		hf_must(hf_try_unmap(&netd.container, SLOW_IOVA, m.len, 0, &unmapped));
	pthread_join(thread, NULL);
	hf_mem_free(&m);
}

static void fail_to_map(void)
{
	void *nothing = mmap(NULL, 64 * KIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (hf_try_map(&netd.container, BUSY_IOVA, nothing, 64 * KIB, HF_RW) != -EFAULT)
		hf_fail(0, "a map of nothing did not fail");
	munmap(nothing, 64 * KIB);
}

static void be_busy(void)
{
	static const size_t lengths[] = { 4 * KIB, 64 * KIB, 2 * MIB };
	struct hf_mem m;
	uint64_t until;

	hf_must(hf_mem_alloc("anon4k", 2 * MIB, HF_MEM_TOUCHED, &m));
	wait_for_map();
	fail_to_map();
	until = now_ms() + LOAD_MS;
	for (unsigned int i = 0; now_ms() < until; i++) {
		hf_map(&netd.container, BUSY_IOVA, m.addr, lengths[i % 3], HF_RW);
		hf_unmap(&netd.container, BUSY_IOVA, lengths[i % 3]);
	}
	hf_mem_free(&m);
}

int main(int argc, char **argv)
{
	int tube[2], status = 0, ended;
	pid_t pids[3], pid;

	(void)argc;
	hf_fail_set_handler(on_failure, NULL);
	prctl(PR_SET_NAME, "netd");
	hf_must(pipe2(tube, O_CLOEXEC) ? -errno : 0);
	hf_must(hf_rig_open(&netd, NULL, 0));
	/* Before anything is pinned here: a fork would have to copy it. */
	pids[0] = process("worker", worker, tube);
	pids[1] = process("storaged", storaged, tube);
	pids[2] = process("tenant", tenant, tube);
	stand(&netd.container, "frag4k", 3 * MIB, SMALL_IOVA, HF_RW);
	stand(&netd.container, "anon4k", 64 * KIB, SMALL_IOVA + 8 * MIB, HF_READ);
	stand(&netd.container, "hugetlb2m", 96 * MIB, HUGE_IOVA, HF_RW);
	stand(&netd.container, "thp", 32 * MIB, THP_IOVA, HF_RW);
	stand(&netd.container, "hugetlb1g", GIB, GIANT_IOVA, HF_RW);
	be_busy();

	if (argv[1]) {
		hf_must(-posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ));
		hf_must(waitpid(pid, &status, 0));
		status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	close(tube[1]);
	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++)
		if (waitpid(pids[i], &ended, 0) != pids[i] || ended)
			status = 1;
	hf_rig_close(&netd);
	return status;
}
