// SPDX-License-Identifier: GPL-2.0-only
/*
 * differ.c - answers of stock, by case and request.
 */
#include "differ.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_CASES 64
#define MAX_WRONG 10

static struct answer {
	int ret;
	uint64_t more;
} *on_stock[MAX_CASES];

bool t_same(struct t *t, size_t n, int ret, uint64_t more, const char *fmt, ...)
{
	static size_t wrong;
	struct answer *a;
	char what[200];
	va_list ap;

	hf_require(n < T_DIFFER_MAX && t->index < MAX_CASES, "more answers than can be kept");
	if (!on_stock[t->index]) {
		hf_require(t->on == T_ON_STOCK, "no answers of stock to compare with");
		on_stock[t->index] = calloc(T_DIFFER_MAX, sizeof(*a));
		hf_require(on_stock[t->index], "memory for answers");
	}
	a = &on_stock[t->index][n];
	if (t->on == T_ON_STOCK) {
		*a = (struct answer){ ret, more };
		return true;
	}
	if (!n)
		wrong = 0;
	if (a->ret == ret && a->more == more)
		return true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	hf_expect(false, "%s: stock answers %d and 0x%llx, holdfast %d and 0x%llx", what, a->ret,
		  (unsigned long long)a->more, ret, (unsigned long long)more);
	return ++wrong < MAX_WRONG;
}

uint64_t t_hash(const void *buf, size_t len)
{
	const unsigned char *p = buf;
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}
