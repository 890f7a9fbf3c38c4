// SPDX-License-Identifier: GPL-2.0-only
/*
 * problem.c - one line and one exit code for whatever is in the way.
 */
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>

enum ht_code ht_problem(struct ht_problem *p, enum ht_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	p->code = code;
	return code;
}

enum ht_code ht_problem_memory(struct ht_problem *p)
{
	return ht_problem(p, HT_FAILED, "out of memory");
}
