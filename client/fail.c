// SPDX-License-Identifier: GPL-2.0-only
/*
 * fail.c - the failure path of asserting calls: diagnose, hand over to the handler, end.
 *
 * Invariant: hf_fail_at() does not return, whatever the handler does.
 */
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void default_handler(const char *file, int line, const char *message, void *data)
{
	(void)file;
	(void)line;
	(void)data;
	hf_ktap_bail(message);
	exit(HF_EXIT_FAIL);
}

static hf_fail_fn *handler = default_handler;
static void *handler_data;

void hf_fail_set_handler(hf_fail_fn *fn, void *data)
{
	handler = fn ? fn : default_handler;
	handler_data = data;
}

void hf_fail_at(const char *file, int line, int err, const char *fmt, ...)
{
	char message[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (err && n >= 0 && (size_t)n < sizeof(message))
		snprintf(message + n, sizeof(message) - (size_t)n, ": %s", strerror(abs(err)));

	hf_ktap_diag("%s:%d: %s", file, line, message);
	handler(file, line, message, handler_data);
	exit(HF_EXIT_FAIL);
}
