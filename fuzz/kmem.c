// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmem.c - kernel memory that was allocated for the runs' processes has gone when they have.
 *
 * Whatever the module allocates for a user is charged to that user's memory cgroup (docs/accounting.md),
 * and so is what the IOMMU driver and the kernel itself do. All processes of all runs of a session are in
 * one group, those that are starved in another, and both in a third (FZ_CGROUP): what a run leaves behind
 * adds up there, also when the group it was charged to is removed. What the kernel would give back if
 * memory were short (slab_reclaimable) does not count. The kernel counts in batches, and adds the numbers
 * of its CPUs up every two seconds: so it is looked at when a session ends, and a leak that is small shows
 * when many runs had it.
 */
#include <errno.h>
#include <holdfast/proc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "game.h"

#define GROUP FZ_CGROUP "/runs"
/* Bytes; and on each CPU a page or two is counted ahead until somebody else needs some there. */
#define SPARE 65536U
#define SPARE_CPU 8192U

/* Bytes; what cannot be read is none. */
static uint64_t kernel_bytes(void)
{
	uint64_t all = 0, spare = 0;
	FILE *f = fopen(FZ_CGROUP "/memory.stat", "re");

	if (!f)
		return 0;
	hf_proc_find(f, "kernel", &all);
	hf_proc_find(f, "slab_reclaimable", &spare);
	fclose(f);
	return all > spare ? all - spare : 0;
}

static bool made(const char *path)
{
	return !mkdir(path, 0755) || errno == EEXIST;
}

static bool have_groups(void)
{
	return !hf_proc_write_file(FZ_CGROUP_ROOT "/cgroup.subtree_control", "+memory") &&
	       made(FZ_CGROUP) && !hf_proc_write_file(FZ_CGROUP "/cgroup.subtree_control", "+memory") &&
	       made(GROUP);
}

void fz_kmem_begin(struct fz_session *s)
{
	uint64_t there;
	FILE *f;

	f = have_groups() ? fopen(FZ_CGROUP "/memory.stat", "re") : NULL;
	s->kmem = f && !hf_proc_find(f, "kernel", &there);
	if (f)
		fclose(f);
	if (!s->kmem)
		fputs("holdfast: fuzz: the kernel memory of a run is not known\n", stderr);
	/* Of a session that was killed something may be there still. */
	s->kmem_before = kernel_bytes();
}

int fz_kmem_enter(const struct fz_session *s, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return s->kmem ? hf_proc_write_file(GROUP "/cgroup.procs", text) : 0;
}

void fz_kmem_end(struct fz_session *s)
{
	const struct timespec nap = { .tv_nsec = 50000000 };
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const uint64_t most = s->kmem_before + SPARE + (cpus > 0 ? (uint64_t)cpus * SPARE_CPU : 0);
	uint64_t left = 0;

	if (!s->kmem)
		return;
	/* Who ends after a finding has nobody to tell. */
	if (!s->hung && s->v) {
		s->stats.checks[FZ_ORACLE_BALANCE]++;
		for (unsigned int i = 0; i < 200 * s->slow && (left = kernel_bytes()) > most; i++)
			nanosleep(&nap, NULL);
		if (left > most)
			fz_object(s, FZ_ORACLE_BALANCE, "kernel-memory",
				  "%llu bytes of kernel memory are left of %llu runs",
				  (unsigned long long)(left - s->kmem_before),
				  (unsigned long long)s->stats.runs);
	}
	for (unsigned int i = 0; rmdir(GROUP) && i < 200; i++)
		nanosleep(&nap, NULL);
	rmdir(FZ_CGROUP);
	s->kmem = false;
}
