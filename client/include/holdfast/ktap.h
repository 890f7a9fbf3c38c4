/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ktap.h - a small KTAP version 1 writer for tests.
 *
 * A test program prints a plan, then runs cases one after the other:
 *
 *	hf_ktap_plan(2);
 *
 *	hf_ktap_begin("maps 2M");
 *	hf_expect_eq(hf_try_map(&c, 0, p, len, HF_RW), 0, "map of 2M");
 *	hf_ktap_end();
 *
 *	hf_ktap_begin("hugetlb");
 *	if (no_pool)
 *		hf_ktap_skip("no huge pages");
 *	...
 *	hf_ktap_end();
 *
 *	return hf_ktap_exit();
 *
 * A case is ok when no expectation failed between begin and end. A skipped case prints
 * "ok N name # SKIP reason". Output goes to stdout, flushed line by line, so that a fork in
 * the middle of a case does not print anything twice. Nothing here is thread-safe: make
 * expectations in one thread. In a forked child expectations only print diagnostics and
 * remember the failure: let the child end with _exit(hf_ktap_child_exit()) and expect 0 of
 * its exit status in the parent.
 */
#ifndef HOLDFAST_KTAP_H
#define HOLDFAST_KTAP_H

#include <stdbool.h>

/** Exit codes of a test program */
enum {
	HF_EXIT_OK = 0,   /* every case passed; some, not all, may be skipped */
	HF_EXIT_FAIL = 1, /* at least one case failed, or the plan was not met */
	HF_EXIT_SKIP = 4, /* every case was skipped */
};

/**
 * hf_ktap_plan() - print the version line and the plan; call once, before the first case
 * @cases: number of cases; 0 when unknown: the plan is then printed by hf_ktap_exit()
 *
 * Leaving hf_ktap_plan() out is the same as hf_ktap_plan(0).
 */
void hf_ktap_plan(unsigned int cases);

/**
 * hf_ktap_skip_all() - the whole program cannot run here: "1..0 # SKIP reason", exit(4)
 * @fmt: the reason, printf style
 *
 * Only before the first case.
 */
_Noreturn void hf_ktap_skip_all(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * hf_ktap_begin() - start a case; a case still open is ended first
 * @fmt: its name, printf style, at most 255 bytes; '#' is replaced
 */
void hf_ktap_begin(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * hf_ktap_skip() - mark the running case as skipped; hf_ktap_end() is still needed
 * @fmt: the reason, printf style
 *
 * A case that already failed stays failed.
 */
void hf_ktap_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * hf_ktap_end() - print the result line of the running case
 *
 * Return: true when it passed or was skipped.
 */
bool hf_ktap_end(void);

/** hf_ktap_diag() - print "# …" (one line for each line in the text) */
void hf_ktap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** hf_ktap_failed() - true when the running case has failed already */
bool hf_ktap_failed(void);

/** hf_ktap_skipped() - true when the running case has been marked as skipped */
bool hf_ktap_skipped(void);

/**
 * hf_ktap_exit() - end an open case, print the totals, give the exit code for main()
 *
 * Return: HF_EXIT_OK, HF_EXIT_FAIL (also when fewer or more cases ran than planned) or
 * HF_EXIT_SKIP.
 */
int hf_ktap_exit(void);

/**
 * hf_ktap_child_exit() - exit status for a forked child: 1 if an expectation failed in it
 */
int hf_ktap_child_exit(void);

/* Behind the macros. Print a diagnostic and mark the case failed unless ok; return ok. */
bool hf_ktap_expect_at(const char *file, int line, bool ok, const char *expr, const char *fmt,
		       ...) __attribute__((format(printf, 5, 6)));
bool hf_ktap_expect_eq_at(const char *file, int line, long long got, long long want,
			  const char *expr, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* Behind the default failure handler: end the open case as "not ok", bail out. */
void hf_ktap_bail(const char *message);

/**
 * hf_expect() - the running case fails unless a condition holds; goes on either way
 * @cond: the condition
 *
 * More arguments: a printf-style explanation. Return: the condition, so that
 * ``if (!hf_expect(p, "memory")) return;`` works.
 */
#define hf_expect(cond, ...)                                                               \
	hf_ktap_expect_at(__FILE__, __LINE__, !!(cond), #cond, __VA_ARGS__)

/**
 * hf_expect_eq() - like hf_expect(), for two integers; prints both when they differ
 * @got: what happened
 * @want: what should have
 *
 * Both are compared as long long: fine for -errno, sizes and 64-bit patterns alike.
 */
#define hf_expect_eq(got, want, ...)                                                       \
	hf_ktap_expect_eq_at(__FILE__, __LINE__, (long long)(got), (long long)(want),      \
			     #got " == " #want, __VA_ARGS__)

#endif
