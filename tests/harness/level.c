// SPDX-License-Identifier: GPL-2.0-only
/*
 * level.c - /proc/meminfo, before and after.
 *
 * A KASAN kernel keeps what was freed in a quarantine, by the megabyte, until a cache is asked
 * to shrink. So every cache is asked before each look, on any kernel; half-empty slabs go back
 * on the way.
 */
#include "level.h"

#include <glob.h>
#include <holdfast/fail.h>
#include <holdfast/proc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static long meminfo(const char *name)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "re");

	hf_require(f, "open meminfo");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			kb = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	hf_require(kb >= 0, "no %s in meminfo", name);
	return kb;
}

static void shrink_caches(void)
{
	glob_t caches;

	if (!glob("/sys/kernel/slab/*/shrink", GLOB_NOSORT, NULL, &caches))
		for (size_t i = 0; i < caches.gl_pathc; i++)
			hf_proc_write_file(caches.gl_pathv[i], "1");
	globfree(&caches);
}

struct t_level t_level(void)
{
	shrink_caches();
	return (struct t_level){ .free = meminfo("MemFree"), .slab = meminfo("SUnreclaim") };
}

struct t_level t_level_settle(const struct t_level *before, long free_kb, long slab_kb)
{
	const uint64_t end = t_now_ms() + t_patience_ms(12000);
	struct t_level l;

	do {
		t_sleep_ms(100);
		l = t_level();
	} while ((before->free - l.free >= free_kb || l.slab - before->slab >= slab_kb) &&
		 t_now_ms() < end);
	return l;
}
