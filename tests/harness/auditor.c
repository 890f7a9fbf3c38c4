// SPDX-License-Identifier: GPL-2.0-only
/*
 * auditor.c - listen to the auditor, ask it, and try out whether it is right.
 *
 * The CPU's accesses may find nothing: they are made with handlers for SIGSEGV and SIGBUS that
 * jump back. No other thread may do that meanwhile. The tracepoint stays on until the program ends.
 */
#include "auditor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"

#define TRACEFS "/sys/kernel/tracing/"
#define EVENT TRACEFS "events/holdfast/hf_audit/enable"

static pid_t listener;

static void listen_no_more(void)
{
	if (getpid() == listener)
		hf_proc_write_file(EVENT, "0");
}

/*
 * Once for the whole program: each change patches the kernel's code, which an emulated machine of
 * several CPUs does not bear too often.
 */
static void listen_to_it(void)
{
	if (getpid() == listener)
		return;
	hf_must(hf_proc_write_file(EVENT, "1"));
	listener = getpid();
	atexit(listen_no_more);
}

static void empty_trace(void)
{
	const int fd = open(TRACEFS "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	hf_require(fd >= 0, "empty the trace");
	close(fd);
}

void t_auditor_on(struct t_auditor *a, const struct hf_container *c)
{
	a->c = c;
	a->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	hf_require(a->eventfd >= 0, "eventfd");
	empty_trace();
	listen_to_it();
	hf_must(hf_try_audit(c, true, a->eventfd));
}

void t_auditor_off(struct t_auditor *a)
{
	if (!a->c)
		return;
	hf_must(hf_try_audit(a->c, false, -1));
	close(a->eventfd);
	a->c = NULL;
}

uint64_t t_auditor_events(const struct t_auditor *a)
{
	uint64_t count = 0;

	if (read(a->eventfd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

bool t_auditor_wait(const struct t_auditor *a, unsigned int ms)
{
	struct pollfd p = { .fd = a->eventfd, .events = POLLIN };

	return poll(&p, 1, (int)ms) == 1;
}

/* A "name=value" of a line of the trace. */
static uint64_t field(const char *line, const char *name)
{
	const char *p = strstr(line, name);

	hf_require(p, "%s in: %s", name, line);
	return strtoull(p + strlen(name), NULL, 0);
}

/* Write @value for what of [@at, @at + @len) lies in the mapping. Return: pages that do. */
static size_t paint(uint64_t iova, size_t pages, bool *parted, uint64_t at, uint64_t len,
		    bool value)
{
	size_t n = 0;

	for (uint64_t end = at + len; at < end; at += T_PAGE) {
		if (at < iova || at >= iova + pages * T_PAGE)
			continue;
		parted[(at - iova) / T_PAGE] = value;
		n++;
	}
	return n;
}

unsigned int t_verdict_told(const struct t_auditor *a, uint64_t iova, size_t pages, bool *parted)
{
	unsigned int others = 0;
	char line[512];
	FILE *f;

	(void)a;
	memset(parted, 0, pages * sizeof(*parted));
	f = fopen(TRACEFS "trace", "re");
	hf_require(f, "the trace");
	while (fgets(line, sizeof(line), f)) {
		const char *p = strstr(line, ": hf_audit: ");

		if (line[0] == '#' || !p)
			continue;
		others += !paint(iova, pages, parted, field(p, " iova="), field(p, " size="),
				 !field(p, " coherent="));
	}
	fclose(f);
	return others;
}

void t_verdict_asked(const struct hf_container *c, uint64_t iova, size_t pages, bool *parted)
{
	const size_t max = pages / 2 + 1;
	struct holdfast_range *r = calloc(max, sizeof(*r));
	bool partial = false;
	long nr;

	hf_require(r, "memory for %zu ranges", max);
	memset(parted, 0, pages * sizeof(*parted));
	nr = hf_try_incoherent(c, iova, iova + pages * T_PAGE - 1, r, max, &partial);
	hf_expect(nr >= 0 && (size_t)nr <= max, "HOLDFAST_INCOHERENT answers %ld", nr);
	hf_expect(!partial, "HOLDFAST_INCOHERENT is partial");
	for (long i = 0; i < nr && (size_t)i < max; i++) {
		hf_expect(r[i].size && paint(iova, pages, parted, r[i].iova, r[i].size, true) ==
					       r[i].size / T_PAGE,
			  "range 0x%llx+0x%llx is in what was asked for",
			  (unsigned long long)r[i].iova, (unsigned long long)r[i].size);
		hf_expect(!i || r[i].iova > r[i - 1].iova + r[i - 1].size,
			  "ranges ascend and do not touch");
	}
	free(r);
}

void t_pfns(const void *addr, size_t pages, uint64_t *pfn)
{
	hf_must(hf_pagemap_read(addr, pages, pfn));
	for (size_t i = 0; i < pages; i++)
		pfn[i] = hf_pagemap_pfn(pfn[i]);
}

static sigjmp_buf back;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static const int fault_signals[] = { SIGSEGV, SIGBUS };

static void catch_faults(struct sigaction *old)
{
	const struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	for (size_t i = 0; i < T_ARRAY_SIZE(fault_signals); i++)
		sigaction(fault_signals[i], &sa, &old[i]);
}

static void catch_no_faults(const struct sigaction *old)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(fault_signals); i++)
		sigaction(fault_signals[i], &old[i], NULL);
}

static enum t_touched touch(volatile char *addr)
{
	char byte;

	if (sigsetjmp(back, 0))
		return T_NOT_THERE;
	byte = *addr;
	if (sigsetjmp(back, 0))
		return T_READABLE;
	*addr = byte;
	return T_WRITABLE;
}

enum t_touched t_touch(char *addr)
{
	struct sigaction old[T_ARRAY_SIZE(fault_signals)];
	enum t_touched ret;

	catch_faults(old);
	ret = touch(addr);
	catch_no_faults(old);
	return ret;
}

/* Does the device see what the CPU has at a page? */
static bool device_reads(const struct t_truth *t, size_t i, char *page, enum t_touched how)
{
	const uint64_t seed = t_seed();
	char *bounce = t->port->bounce.addr;

	if (how == T_WRITABLE)
		t_page_fill(page, i, seed);
	memset(bounce, 0xa5, T_PAGE);
	hf_expect_eq(hf_dma_copy(t->port->dma, t->port->iova, t->iova + i * T_PAGE, T_PAGE), 0,
		     "the device reads page %zu", i);
	return how == T_WRITABLE ? t_page_holds(bounce, i, seed) : !memcmp(bounce, page, T_PAGE);
}

/* Does the CPU see what the device writes to a page? */
static bool device_writes(const struct t_truth *t, size_t i, const char *page)
{
	const uint64_t seed = t_seed();

	t_page_fill(t->port->bounce.addr, i, seed);
	hf_expect_eq(hf_dma_copy(t->port->dma, t->iova + i * T_PAGE, t->port->iova, T_PAGE), 0,
		     "the device writes page %zu", i);
	return t_page_holds(page, i, seed);
}

static void try_dma(const struct t_truth *t, size_t i, bool parted, const char *what)
{
	char *page = t->addr + i * T_PAGE;
	const enum t_touched how = t_touch(page);

	if (how == T_NOT_THERE)
		return;
	if (t->prot & HF_READ)
		hf_expect_eq(device_reads(t, i, page, how), !parted,
			     "%s: page %zu: the device sees what the CPU wrote", what, i);
	if (t->prot & HF_WRITE)
		hf_expect_eq(device_writes(t, i, page), !parted,
			     "%s: page %zu: the CPU sees what the device wrote", what, i);
}

void t_truth(const struct t_truth *t, bool (*dma)(void *arg, size_t page), void *arg, bool *parted,
	     const char *what)
{
	uint64_t *now = calloc(t->pages, sizeof(*now));
	struct sigaction old[T_ARRAY_SIZE(fault_signals)];

	hf_require(now, "memory for %zu PFNs", t->pages);
	catch_faults(old);
	for (size_t i = 0; i < t->pages; i += t->stride)
		touch(t->addr + i * T_PAGE);
	catch_no_faults(old);
	t_pfns(t->addr, t->pages, now);
	for (size_t i = 0; i < t->pages; i++)
		parted[i] = now[i] != t->pfn[i];
	free(now);
	for (size_t i = 0; i < t->pages && !hf_ktap_failed(); i++)
		if (dma(arg, i))
			try_dma(t, i, parted[i], what);
}
