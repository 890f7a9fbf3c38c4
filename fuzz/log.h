/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.h - the kernel log, read for what must not be in it.
 *
 * The rules are those of scripts/scan-log, from which the Makefile takes them (log_rules.h).
 */
#ifndef FUZZ_LOG_H
#define FUZZ_LOG_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct fz_log - a reader
 * @fd: /dev/kmsg, not blocking; -1 when closed
 * @rules: what is a surprise
 * @starved: since what was read last a process may have met a memory cgroup's limit
 * @paged: or waited for memory that comes by userfaultfd
 * @reporting: in the middle of the kernel's report of a full cgroup
 * @retry: records that may belong to its report of a fault that could not wait
 */
struct fz_log {
	int fd;
	regex_t rules;
	bool starved;
	bool paged;
	bool reporting;
	unsigned int retry;
};

/**
 * fz_log_open() - read from here on
 *
 * IOMMU faults are announced as expected, for who scans the log afterwards.
 * Return: 0 or -errno.
 */
int fz_log_open(struct fz_log *log);

/** fz_log_close() - take the announcement back, and close */
void fz_log_close(struct fz_log *log);

/**
 * fz_log_starving() - from here on a process may meet the limit of its memory cgroup, or no more
 *
 * What the kernel reports of that is no surprise.
 */
void fz_log_starving(struct fz_log *log, bool on);

/**
 * fz_log_paging() - from here on a map may wait for a userfaultfd, or no more
 *
 * A kernel that checks itself (CONFIG_DEBUG_VM) says so where it cannot wait: holdfast asks under the mmap
 * lock first, where it cannot, as stock does.
 */
void fz_log_paging(struct fz_log *log, bool on);

/**
 * fz_log_surprise() - read what is new
 * @log: the reader
 * @line: out: the first surprise, without time and level
 * @size: room there
 *
 * Return: there was one.
 */
bool fz_log_surprise(struct fz_log *log, char *line, size_t size);

/**
 * fz_log_report() - what the kernel said then, and shortly before, as lines of a kernel log
 *
 * Return: text, as long as it is until the next fz_log_surprise(); empty where nothing was.
 */
const char *fz_log_report(void);

#endif
