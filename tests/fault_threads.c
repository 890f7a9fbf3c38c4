// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_threads - several threads fault in the memory of one map, and nothing else changes.
 *
 * A page fault is counted for the task that takes it, and a map's own faults are those of the
 * task that asked: when it took fewer than the memory has pages, others took the rest. That is
 * how a case sees whether there were helpers, without asking the module. How large their part
 * is depends on when the machine lets them run; the benchmark looks at that.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "module.h"

#define IOVA 0x800000000ULL
#define LEN (64UL << 20)

static void set_threads(const char *count)
{
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "fault_threads", count));
}

static long faults_taken(void)
{
	struct rusage u;

	hf_require(!getrusage(RUSAGE_THREAD, &u), "getrusage");
	return u.ru_minflt + u.ru_majflt;
}

/* Faults that mapping never-touched memory took of this thread, percent of all it needs. */
static long share(struct t *t, struct hf_mem *m, size_t len)
{
	const long all = (long)(len / m->kind->page_size);
	const long before = faults_taken();
	long taken;

	hf_map(t->c, IOVA, m->addr, len, HF_RW);
	taken = faults_taken() - before;
	hf_ktap_diag("%s: %ld of %ld page faults were the caller's", m->kind->name, taken, all);
	return taken * 100 / all;
}

/* Every megabyte, a few pages; ends and huge page borders included. */
static void check_dma(struct t *t, const struct hf_mem *m, size_t len)
{
	for (size_t at = 0; at < len; at += 1UL << 20)
		if (!t_dma_check(&t->port, IOVA + at, (char *)m->addr + at, 4 * T_PAGE, HF_RW,
				 "faulted in by several threads"))
			return;
	t_dma_check(&t->port, IOVA + len - 4 * T_PAGE, (char *)m->addr + len - 4 * T_PAGE,
		    4 * T_PAGE, HF_RW, "the end");
}

static bool one_cpu(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		return false;
	hf_ktap_skip("one CPU only");
	return true;
}

static void shares_the_work(struct t *t)
{
	const char *kind = t->arg;
	const bool huge = hf_mem_kind_find(kind)->props & HF_KIND_HUGE;
	struct hf_mem m;

	if (one_cpu())
		return;
	/* Not a whole number of huge pages, and not from the beginning of one. */
	if (!t_alloc(&m, kind, LEN - 5 * T_PAGE, huge ? 3 * T_PAGE : 0, 0))
		return;
	set_threads("2");
	hf_expect(share(t, &m, m.len) < 98, "a helper takes a part of the faults");
	set_threads("0");
	check_dma(t, &m, m.len);
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

/* The caller alone has to take every fault. */
static void expect_alone(struct t *t, const char *why)
{
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", LEN, 0, 0))
		return;
	hf_expect(share(t, &m, LEN) >= 99, "%s: no helpers", why);
	hf_unmap(t->c, IOVA, LEN);
	hf_mem_free(&m);
}

static void off(struct t *t)
{
	char text[16];

	hf_must(t_module_param(T_MODULE_HOLDFAST, "fault_threads", text, sizeof(text)));
	hf_expect(!strcmp(text, "0"), "default is 0, got %s", text);
	expect_alone(t, "default");
	set_threads("1");
	expect_alone(t, "1");
	set_threads("0");
}

static void with_policy(struct t *t)
{
	unsigned long node0 = 1;

	if (syscall(SYS_set_mempolicy, MPOL_BIND, &node0, 8 * sizeof(node0))) {
		hf_ktap_skip("no memory policies in this kernel");
		return;
	}
	set_threads("2");
	expect_alone(t, "task memory policy");
	set_threads("0");
	syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}

static void on_one_cpu(struct t *t)
{
	cpu_set_t all, one;

	hf_require(!sched_getaffinity(0, sizeof(all), &all), "sched_getaffinity");
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	hf_require(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	set_threads("2");
	expect_alone(t, "bound to one CPU");
	set_threads("0");
	sched_setaffinity(0, sizeof(all), &all);
}

/* Memory that cannot be mapped behind some that can: nothing is left of it, helpers included. */
static void hole(struct t *t)
{
	const int how = *(const int *)t->arg;
	const long refs = t_module_refs(T_MODULE_HOLDFAST);
	struct hf_proc_snapshot before;
	char *p;

	p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	hf_require(p != MAP_FAILED, "addresses");
	if (how == PROT_NONE)
		hf_require(!munmap(p + LEN - T_2M, T_PAGE), "munmap");
	else
		hf_require(!mprotect(p + LEN - T_2M, T_PAGE, how), "mprotect");
	hf_must(hf_proc_snapshot(&before));
	set_threads("4");
	hf_expect_eq(hf_try_map(t->c, IOVA, p, LEN, HF_RW), -EFAULT, "a range with a hole");
	set_threads("0");
	t_leftover(&before, "the map that failed");
	hf_expect_eq(t_module_refs(T_MODULE_HOLDFAST), refs, "no helper is left");
	munmap(p, LEN);
}

#define CGROUPS "/tmp/holdfast-cgroup"
#define CGROUP CGROUPS "/limited"

/*
 * A cgroup that may have most of the huge pages that a map needs, but not all: it would have
 * enough if a helper's share were somebody else's. Its only member is the child in here.
 */
#define CGROUP_LIMIT "54525952"

static void in_limited_cgroup(void *arg)
{
	struct t *t = arg;
	int answer[2];
	char *p;

	hf_must(hf_proc_write_file(CGROUP "/cgroup.procs", "0"));
	for (int i = 0; i < 2; i++) {
		/* NORESERVE: the pages are counted when they are faulted in. */
		p = mmap(NULL, LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);
		hf_require(p != MAP_FAILED, "huge pages");
		set_threads(i ? "2" : "0");
		answer[i] = hf_try_map(t->c, IOVA, p, LEN, HF_RW);
		munmap(p, LEN);
	}
	set_threads("0");
	hf_expect(answer[0] < 0, "over the cgroup's limit without helpers: got %d", answer[0]);
	hf_expect_eq(answer[1], answer[0], "the same with helpers");
}

static void cgroup_limit(struct t *t)
{
	mkdir(CGROUPS, 0755);
	if (mount("none", CGROUPS, "cgroup2", 0, NULL) && errno != EBUSY) {
		hf_ktap_skip("no cgroup2");
		return;
	}
	if (hf_proc_write_file(CGROUPS "/cgroup.subtree_control", "+hugetlb") ||
	    (mkdir(CGROUP, 0755) && errno != EEXIST) ||
	    hf_proc_write_file(CGROUP "/hugetlb.2MB.max", CGROUP_LIMIT))
		hf_ktap_skip("no hugetlb cgroup in this kernel");
	else
		t_child(in_limited_cgroup, t, "a mapper in a cgroup");
	rmdir(CGROUP);
	umount(CGROUPS);
	rmdir(CGROUPS);
}

static void many_at_once_one(void *arg)
{
	struct t *t = ((void **)arg)[0];
	const uint64_t iova = IOVA + (uint64_t)(uintptr_t)((void **)arg)[1];
	char *p;

	p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(p != MAP_FAILED, "memory");
	for (int i = 0; i < 2; i++) {
		hf_map(t->c, iova, p, LEN, HF_RW);
		for (size_t at = 0; at < LEN; at += T_2M)
			p[at] = 1;
		hf_unmap(t->c, iova, LEN);
		madvise(p, LEN, MADV_DONTNEED);
	}
}

static void many_at_once(struct t *t)
{
	const long refs = t_module_refs(T_MODULE_HOLDFAST);
	pid_t pid[4];

	set_threads("16");
	for (unsigned int i = 0; i < T_ARRAY_SIZE(pid); i++) {
		void *arg[] = { t, (void *)(i * 2 * LEN) };

		pid[i] = t_child_start(many_at_once_one, arg);
	}
	for (unsigned int i = 0; i < T_ARRAY_SIZE(pid); i++)
		t_child_end(pid[i], "a mapper");
	set_threads("0");
	hf_expect_eq(t_module_refs(T_MODULE_HOLDFAST), refs, "no helper is left");
}

static void endless_map(void *arg)
{
	void **args = arg;
	struct t *t = args[0];
	/* AMD's IOMMU leaves less than a terabyte in one piece. */
	const size_t len = 1UL << 39;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	hf_require(p != MAP_FAILED, "512G of addresses");
	madvise(p, len, MADV_NOHUGEPAGE);
	t_gate_open(args[1], 1);
	hf_try_map(t->c, IOVA, p, len, HF_RW);
	t_gate_open(args[1], 2);
}

static void killed(struct t *t)
{
	const long refs = t_module_refs(T_MODULE_HOLDFAST);
	struct t_gate *gate = t_gate_new();
	void *args[] = { t, gate };
	struct hf_proc_snapshot before;
	uint64_t began;
	pid_t pid;

	hf_must(hf_proc_snapshot(&before));
	set_threads("4");
	pid = t_child_start(endless_map, args);
	t_gate_wait(gate, 1);
	t_sleep_ms(300);
	hf_expect_eq(gate->step, 1, "the map is not through yet");
	kill(pid, SIGKILL);
	t_child_killed(pid, "the mapper");
	set_threads("0");
	t_leftover(&before, "the killed mapper");
	for (began = t_now_ms(); t_module_refs(T_MODULE_HOLDFAST) != refs;) {
		if (!hf_expect(t_now_ms() - began < t_patience_ms(5000), "helpers go away"))
			break;
		t_sleep_ms(10);
	}
}

static const int unmapped = PROT_NONE, readonly = PROT_READ;

static const struct t_case cases[] = {
	{ "off unless asked for", off, T_DMA | T_HOLDFAST, NULL },
	{ "anon 4K: the work is shared", shares_the_work, T_DMA | T_HOLDFAST, "anon4k" },
	{ "THP: the work is shared", shares_the_work, T_DMA | T_HOLDFAST, "thp" },
	{ "hugetlb 2M: the work is shared", shares_the_work, T_DMA | T_HOLDFAST, "hugetlb2m" },
	{ "shmem 4K: the work is shared", shares_the_work, T_DMA | T_HOLDFAST, "shmem4k" },
	{ "shmem THP: the work is shared", shares_the_work, T_DMA | T_HOLDFAST, "shmemthp" },
	{ "a task's memory policy: the caller alone", with_policy, T_RIG | T_HOLDFAST, NULL },
	{ "a task bound to one CPU: the caller alone", on_one_cpu, T_RIG | T_HOLDFAST, NULL },
	{ "an unmapped page in the range", hole, T_RIG | T_HOLDFAST, &unmapped },
	{ "a read-only page in the range", hole, T_RIG | T_HOLDFAST, &readonly },
	{ "hugetlb in a cgroup with a limit", cgroup_limit, T_RIG | T_HOLDFAST, NULL },
	{ "many maps at once", many_at_once, T_RIG | T_HOLDFAST, NULL },
	{ "the mapper is killed", killed, T_RIG | T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
