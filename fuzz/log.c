// SPDX-License-Identifier: GPL-2.0-only
/*
 * log.c - /dev/kmsg, a record at a time.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log_rules.h"

/* Room for reports, and how much of what was said before them is kept. */
#define REPORT_MAX 32768
#define BEFORE 2048

/* As many as scripts/scan-log allows. */
#define RETRY_RECORDS 12U
#define BLOCKED "iommu-fault the fuzzer tries what must be blocked"

static struct {
	char text[REPORT_MAX];
	size_t len;
} report;

/* A record as a line of a kernel log, "PRIORITY,NUMBER,MICROSECONDS,...;TEXT" as it is. */
static void keep(const char *record, const char *text, bool found)
{
	unsigned long long us = 0;
	char line[1024];
	size_t len;

	if (sscanf(record, "%*u,%*u,%llu", &us) != 1)
		us = 0;
	len = (size_t)snprintf(line, sizeof(line) - 1, "[%5llu.%06llu] %s", us / 1000000, us % 1000000,
			       text);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (!found && report.len + len > BEFORE)
		report.len = 0;
	if (report.len + len >= sizeof(report.text))
		return;
	memcpy(report.text + report.len, line, len);
	report.len += len;
	report.text[report.len] = '\0';
}

const char *fz_log_report(void)
{
	return report.text;
}

static void announce(const char *what)
{
	char line[128];
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	ssize_t done;

	if (fd < 0)
		return;
	snprintf(line, sizeof(line), "holdfast-expect: %s\n", what);
	done = write(fd, line, strlen(line));
	(void)done;
	close(fd);
}

int fz_log_open(struct fz_log *log)
{
	log->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log->fd < 0)
		return -errno;
	if (regcomp(&log->rules, FZ_LOG_RULES, REG_EXTENDED | REG_NOSUB)) {
		close(log->fd);
		log->fd = -1;
		return -EINVAL;
	}
	lseek(log->fd, 0, SEEK_END);
	log->starved = log->paged = log->reporting = false;
	log->retry = 0;
	announce(BLOCKED);
	return 0;
}

void fz_log_close(struct fz_log *log)
{
	if (log->fd < 0)
		return;
	announce("none");
	close(log->fd);
	log->fd = -1;
	regfree(&log->rules);
}

void fz_log_starving(struct fz_log *log, bool on)
{
	announce(on ? "memcg-oom, " BLOCKED : BLOCKED);
	log->starved = true;
}

void fz_log_paging(struct fz_log *log, bool on)
{
	announce(on ? "uffd-retry, " BLOCKED : BLOCKED);
	log->paged = true;
}

/* That a fault could not wait, and where that was; as scripts/scan-log has it. */
static bool is_paging(struct fz_log *log, const char *text)
{
	if (!log->paged)
		return false;
	if (strstr(text, "FAULT_FLAG_ALLOW_RETRY missing")) {
		log->retry = RETRY_RECORDS;
		return true;
	}
	if (!log->retry)
		return false;
	log->retry--;
	if (!strstr(text, "Call Trace:"))
		return false;
	log->retry = 0;
	return true;
}

/* A part of the report of a memory cgroup that is full; as scripts/scan-log has it. */
static bool is_starving(struct fz_log *log, const char *text)
{
	if (!log->starved)
		return false;
	if (strstr(text, " invoked oom-killer: ")) {
		log->reporting = true;
		return true;
	}
	if (strstr(text, "oom-kill:constraint=CONSTRAINT_MEMCG") ||
	    (log->reporting && strstr(text, "Out of memory and no killable processes"))) {
		log->reporting = false;
		return true;
	}
	return log->reporting && strstr(text, "Call Trace:");
}

bool fz_log_surprise(struct fz_log *log, char *line, size_t size)
{
	char record[8192];
	bool found = false;
	ssize_t len;

	report.len = 0;
	/* A record that was overwritten before it was read: EPIPE, and the next one follows. */
	while ((len = read(log->fd, record, sizeof(record) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		char *text;

		if (len < 0)
			continue;
		record[len] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text++;
		text[strcspn(text, "\n")] = '\0';
		keep(record, text, found);
		if (found || is_paging(log, text) || is_starving(log, text) ||
		    regexec(&log->rules, text, 0, NULL, 0))
			continue;
		snprintf(line, size, "%s", text);
		found = true;
	}
	if (!found)
		report.len = 0;
	report.text[report.len] = '\0';
	log->starved = log->paged = log->reporting = false;
	log->retry = 0;
	return found;
}
