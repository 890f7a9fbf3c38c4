/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fail.h - one place where "this cannot go on" ends up.
 *
 * Library calls come in two kinds. Those named try, open, alloc, … return 0 (or a
 * non-negative result) or a negative errno and print nothing. Those that assert (hf_map(),
 * hf_must(), hf_require(), …) never return on failure: they print a KTAP diagnostic
 * "# file:line: what: strerror" on stdout and call the failure handler. The default handler
 * ends the running KTAP case with a "not ok" line (in the process that started the KTAP
 * output; a forked child only prints diagnostics), prints "Bail out!" and exits with 1.
 */
#ifndef HOLDFAST_FAIL_H
#define HOLDFAST_FAIL_H

/**
 * typedef hf_fail_fn - a failure handler
 * @file: source file of the failing call
 * @line: its line
 * @message: what failed, one line, no newline at the end
 * @data: as given to hf_fail_set_handler()
 *
 * May leave by exit(), _exit() or longjmp(). When it returns, the process exits with 1.
 */
typedef void hf_fail_fn(const char *file, int line, const char *message, void *data);

/**
 * hf_fail_set_handler() - replace the failure handler of this process
 * @fn: the handler; NULL goes back to the default
 * @data: handed to @fn
 *
 * Forked children inherit it. Not synchronised: set it before starting threads.
 */
void hf_fail_set_handler(hf_fail_fn *fn, void *data);

/**
 * hf_fail_at() - report a failure and do not come back
 * @file: source file to blame
 * @line: line to blame
 * @err: errno value, of either sign, added as ": strerror"; 0 adds nothing
 * @fmt: what failed, printf style, without newline
 *
 * Messages longer than 511 bytes are cut.
 */
_Noreturn void hf_fail_at(const char *file, int line, int err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** hf_fail() - hf_fail_at() for the line it stands on */
#define hf_fail(err, ...) hf_fail_at(__FILE__, __LINE__, (err), __VA_ARGS__)

/**
 * hf_must() - evaluate an expression that returns a negative errno on failure
 * @expr: integer expression, evaluated once
 *
 * Return: the value of @expr, never negative; fails (see hf_fail_at()) otherwise. Write
 * ``hf_must(hf_container_open(&c));``.
 */
#define hf_must(expr)                                                                      \
	({                                                                                 \
		__auto_type hf_must_ret_ = (expr);                                         \
		if (hf_must_ret_ < 0)                                                      \
			hf_fail_at(__FILE__, __LINE__, (int)-hf_must_ret_, "%s", #expr);   \
		hf_must_ret_;                                                              \
	})

/**
 * hf_require() - fail unless a condition holds; needs a printf-style explanation
 *
 * For preconditions of a test. What the test is about goes to hf_expect() in ktap.h, which
 * goes on.
 */
#define hf_require(cond, ...)                                                              \
	do {                                                                               \
		if (!(cond))                                                               \
			hf_fail_at(__FILE__, __LINE__, 0, __VA_ARGS__);                    \
	} while (0)

#endif
