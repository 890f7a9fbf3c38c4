// SPDX-License-Identifier: GPL-2.0-only
/*
 * counts.c - kprobe events and their hit counts.
 *
 * One event for each function, named after what it counts and the function, in a group of our
 * own. A function that this kernel does not have is left out.
 */
#include "counts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACING "/sys/kernel/tracing/"
#define GROUP "holdfast_bench"

/* What a backend calls, and what an IOMMU driver flushes with; for flushes the first counts. */
static const struct {
	enum bench_call call;
	const char *iommu; /* NULL: whichever */
	const char *symbol;
} probes[] = {
	{ BENCH_CALL_MAP, NULL, "iommu_map" },
	{ BENCH_CALL_MAP, NULL, "iommu_map_sg" },
	{ BENCH_CALL_UNMAP, NULL, "iommu_unmap" },
	{ BENCH_CALL_UNMAP, NULL, "iommu_unmap_fast" },
	{ BENCH_CALL_FLUSH, "intel", "qi_submit_sync" },
	{ BENCH_CALL_FLUSH, "amd", "amd_iommu_domain_flush_pages" },
	{ BENCH_CALL_FLUSH, "amd", "__domain_flush_pages" },
	{ BENCH_CALL_FLUSH, "amd", "domain_flush_pages" },
};
#define PROBES (sizeof(probes) / sizeof(*probes))

static bool placed[PROBES];

/* Append a line to a control file of tracefs. */
static int control(const char *file, const char *line)
{
	const int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, line, strlen(line)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int place(size_t i)
{
	char line[160];
	int ret;

	snprintf(line, sizeof(line), "p:" GROUP "/%s_%zu %s\n", bench_call_name(probes[i].call), i,
		 probes[i].symbol);
	ret = control(TRACING "kprobe_events", line);
	placed[i] = !ret;
	return ret;
}

int bench_counts_open(const char *iommu, struct bench_run *run)
{
	bool any = false;
	int ret;

	if (access(TRACING "kprobe_events", W_OK)) {
		ret = errno == ENOENT ? -ENOENT : -errno;
		snprintf(run->calls_reason, sizeof(run->calls_reason),
			 "no kprobe events in " TRACING ": %s", strerror(-ret));
		return ret;
	}
	for (size_t i = 0; i < PROBES; i++) {
		if (probes[i].iommu && (strcmp(probes[i].iommu, iommu) || *run->flush_symbol))
			continue;
		if (place(i))
			continue;
		any = true;
		if (probes[i].call == BENCH_CALL_FLUSH)
			snprintf(run->flush_symbol, sizeof(run->flush_symbol), "%s",
				 probes[i].symbol);
	}
	if (!*run->flush_symbol)
		snprintf(run->calls_reason, sizeof(run->calls_reason),
			 "flushes are not counted: no known flush function of this IOMMU driver");
	ret = any ? control(TRACING "events/" GROUP "/enable", "1") : -ENOENT;
	if (ret) {
		snprintf(run->calls_reason, sizeof(run->calls_reason),
			 "no calls are counted: kprobe events do not work here: %s", strerror(-ret));
		bench_counts_close();
	}
	return ret;
}

int bench_counts_read(uint64_t calls[BENCH_CALLS])
{
	char line[256], name[128];
	unsigned long long hits;
	FILE *f = fopen(TRACING "kprobe_profile", "re");

	if (!f)
		return -errno;
	memset(calls, 0, BENCH_CALLS * sizeof(*calls));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %127s %llu", name, &hits) != 2)
			continue;
		for (size_t i = 0; i < PROBES; i++) {
			char ours[128];

			snprintf(ours, sizeof(ours), "%s_%zu", bench_call_name(probes[i].call), i);
			if (placed[i] && !strcmp(name, ours))
				calls[probes[i].call] += hits;
		}
	}
	fclose(f);
	return 0;
}

void bench_counts_close(void)
{
	control(TRACING "events/" GROUP "/enable", "0");
	for (size_t i = 0; i < PROBES; i++) {
		char line[160];

		snprintf(line, sizeof(line), "-:" GROUP "/%s_%zu\n", bench_call_name(probes[i].call),
			 i);
		if (placed[i])
			control(TRACING "kprobe_events", line);
		placed[i] = false;
	}
}
