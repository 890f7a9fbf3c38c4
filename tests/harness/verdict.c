// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict.c - the line, and what is expected of it.
 */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* major * 1000 + minor, as struct t_stock has them. */
static const int series[T_SERIES] = { 6001, 6012, 7002 };

static int running(char release[65])
{
	struct utsname u;
	int major, minor;

	uname(&u);
	hf_require(sscanf(u.release, "%d.%d", &major, &minor) == 2, "kernel %s", u.release);
	strcpy(release, u.release);
	return major * 1000 + minor;
}

static bool same(const char *known, const char *word)
{
	return !known || !strcmp(known, word);
}

/* Series below and not below the kernel's; the same one at an end of the table. */
static void judge_known(const char *scenario, const char *who, const struct t_stock *known,
			const char *word)
{
	char release[65];
	const int kernel = running(release);
	int above = 0, below;

	while (above < T_SERIES - 1 && series[above] < kernel)
		above++;
	below = series[above] > kernel && above ? above - 1 : above;
	if (series[above] != kernel && (!strcmp(word, T_RIGHT) || same(known->word[below], word)))
		return;
	hf_expect(same(known->word[above], word),
		  "%s: Linux %s, %s: known to be '%s', and now '%s'. If it is not the test that "
		  "changed: look why, correct the table in this test, and record docs/pins.md anew "
		  "(make verdicts RECORD=1)",
		  scenario, release, who, known->word[above], word);
}

void t_verdict(struct t *t, const char *scenario, const struct t_stock *stock, const char *word,
	       const char *fmt, ...)
{
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	hf_ktap_diag("verdict: %s | %s: %s | %s", scenario, t->backend, word, why);
	if (t->on == T_ON_STOCK)
		judge_known(scenario, t->backend, stock, word);
	else
		hf_expect(!strcmp(word, T_RIGHT), "%s: %s: %s", scenario, word, why);
}

void t_verdict_kernel(const char *scenario, const struct t_stock *known, const char *word,
		      const char *fmt, ...)
{
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	hf_ktap_diag("verdict: %s | kernel: %s | %s", scenario, word, why);
	judge_known(scenario, "kernel", known, word);
}

bool t_may_leak(void)
{
	const char *text = getenv("HOLDFAST_VERDICTS");

	return text && !strcmp(text, "1");
}
