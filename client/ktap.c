// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktap.c - KTAP version 1 on stdout.
 *
 * One static state: a test program has one output. The process that printed the plan (or the
 * first case) owns the output; in any other process, a forked child, only diagnostics are
 * printed, so a child can never produce a result line of its own.
 */
#include <holdfast/ktap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	pid_t owner;          /* 0 before the first line */
	unsigned int planned; /* 0: not known beforehand */
	unsigned int run;
	unsigned int failed;
	unsigned int skipped;
	bool open;       /* between begin and end */
	bool case_fail;  /* an expectation failed in this case */
	bool child_fail; /* … in a forked child */
	bool case_skip;
	char name[256];
	char reason[256];
} ktap;

static bool owner(void)
{
	return ktap.owner == getpid();
}

static void start(void)
{
	if (ktap.owner)
		return;
	ktap.owner = getpid();
	printf("KTAP version 1\n");
	fflush(stdout);
}

void hf_ktap_plan(unsigned int cases)
{
	start();
	if (!cases || !owner())
		return;
	ktap.planned = cases;
	printf("1..%u\n", cases);
	fflush(stdout);
}

void hf_ktap_skip_all(const char *fmt, ...)
{
	va_list ap;

	start();
	printf("1..0 # SKIP ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	exit(HF_EXIT_SKIP);
}

void hf_ktap_begin(const char *fmt, ...)
{
	va_list ap;

	start();
	hf_ktap_end();
	va_start(ap, fmt);
	vsnprintf(ktap.name, sizeof(ktap.name), fmt, ap);
	va_end(ap);
	/* A '#' starts a directive, a newline a new line: neither belongs into a name. */
	for (char *p = ktap.name; *p; p++)
		if (*p == '#' || *p == '\n')
			*p = '_';
	ktap.open = true;
	ktap.case_fail = false;
	ktap.case_skip = false;
}

void hf_ktap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ktap.reason, sizeof(ktap.reason), fmt, ap);
	va_end(ap);
	for (char *p = ktap.reason; *p; p++)
		if (*p == '\n')
			*p = ' ';
	ktap.case_skip = true;
}

bool hf_ktap_end(void)
{
	bool skip = ktap.case_skip && !ktap.case_fail;

	if (!ktap.open || !owner())
		return !ktap.case_fail;

	ktap.open = false;
	ktap.run++;
	ktap.failed += ktap.case_fail;
	ktap.skipped += skip;
	printf("%s %u %s%s%s\n", ktap.case_fail ? "not ok" : "ok", ktap.run, ktap.name,
	       skip ? " # SKIP " : "", skip ? ktap.reason : "");
	fflush(stdout);
	return !ktap.case_fail;
}

static void vdiag(const char *fmt, va_list ap)
{
	char text[1024];
	char *save = NULL;

	vsnprintf(text, sizeof(text), fmt, ap);
	for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save))
		printf("# %s\n", s);
	fflush(stdout);
}

void hf_ktap_diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdiag(fmt, ap);
	va_end(ap);
}

bool hf_ktap_failed(void)
{
	return ktap.case_fail;
}

bool hf_ktap_skipped(void)
{
	return ktap.case_skip;
}

int hf_ktap_exit(void)
{
	hf_ktap_end();
	start();
	if (!owner())
		return hf_ktap_child_exit();
	if (!ktap.planned)
		printf("1..%u\n", ktap.run);
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n",
	       ktap.run - ktap.failed - ktap.skipped, ktap.failed, ktap.skipped);
	fflush(stdout);
	if (ktap.planned && ktap.planned != ktap.run) {
		hf_ktap_diag("planned %u cases, ran %u", ktap.planned, ktap.run);
		return HF_EXIT_FAIL;
	}
	if (ktap.failed)
		return HF_EXIT_FAIL;
	return ktap.skipped == ktap.run ? HF_EXIT_SKIP : HF_EXIT_OK;
}

int hf_ktap_child_exit(void)
{
	return ktap.child_fail ? HF_EXIT_FAIL : HF_EXIT_OK;
}

static void failed(const char *file, int line, const char *expr, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	hf_ktap_diag("%s:%d: %s: expected %s", file, line, text, expr);
	ktap.case_fail = true;
	if (ktap.owner && !owner())
		ktap.child_fail = true;
}

bool hf_ktap_expect_at(const char *file, int line, bool ok, const char *expr, const char *fmt, ...)
{
	va_list ap;

	if (ok)
		return true;
	va_start(ap, fmt);
	failed(file, line, expr, fmt, ap);
	va_end(ap);
	return false;
}

bool hf_ktap_expect_eq_at(const char *file, int line, long long got, long long want,
			  const char *expr, const char *fmt, ...)
{
	va_list ap;

	if (got == want)
		return true;
	va_start(ap, fmt);
	failed(file, line, expr, fmt, ap);
	va_end(ap);
	hf_ktap_diag("  got %lld (0x%llx), want %lld (0x%llx)", got, (unsigned long long)got, want,
		     (unsigned long long)want);
	return false;
}

void hf_ktap_bail(const char *message)
{
	if (ktap.owner && !owner())
		return;
	start();
	ktap.case_fail = true;
	hf_ktap_end();
	printf("Bail out! %s\n", message);
	fflush(stdout);
}
