// SPDX-License-Identifier: GPL-2.0-only
/*
 * sign.c - signatures.
 */
#include "sign.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 72

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/*
 * A word that is a number, a hexadecimal one, or an address: it has a digit and nothing else. Short ones
 * with letters are words, unless they stand where only a number does (@hex).
 */
static bool is_number(const char *s, size_t len, bool hex)
{
	size_t digits = 0;

	if (len > 2 && s[0] == '0' && s[1] == 'x')
		return true;
	for (size_t i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)s[i]))
			return false;
		digits += isdigit((unsigned char)s[i]) != 0;
	}
	return hex || (digits && (digits == len || len >= 8));
}

struct slug {
	char text[WORDS];
	size_t len;
	uint32_t sum;
};

static void put(struct slug *s, const char *word, size_t len)
{
	/* The sum is of all words, the text of those that fit. */
	for (size_t i = 0; i < len; i++)
		s->sum = (s->sum ^ (unsigned char)word[i]) * 16777619U;
	s->sum = (s->sum ^ '-') * 16777619U;
	if (s->len + len + 1 >= WORDS)
		return;
	if (s->len)
		s->text[s->len++] = '-';
	for (size_t i = 0; i < len; i++)
		s->text[s->len++] = (char)tolower((unsigned char)word[i]);
	s->text[s->len] = '\0';
}

static void words(struct slug *s, const char *text)
{
	bool hex = false;

	while (*text) {
		size_t len = 0;

		/* Where in a function, and how long that is. */
		if (!strncmp(text, "+0x", 3)) {
			text += strspn(text, "+0123456789abcdefx/");
			continue;
		}
		while (is_word(text[len]))
			len++;
		if (!len) {
			text++;
			continue;
		}
		if (is_number(text, len, hex)) {
			put(s, "n", 1);
		} else {
			/* "page17" and "page18" are the same. */
			size_t end = len;

			while (end && isdigit((unsigned char)text[end - 1]))
				end--;
			put(s, text, end ? end : len);
		}
		hex = !strncmp(text, "pfn:", 4);
		text += len;
	}
}

void fz_sign_text(char *out, const char *const *parts, size_t count)
{
	struct slug s = { .sum = 2166136261U };

	for (size_t i = 0; i < count; i++)
		if (parts[i])
			words(&s, parts[i]);
	snprintf(out, FZ_SIGN, "%s-%08x", s.len ? s.text : "nothing", s.sum);
}

void fz_sign_name(char *out, const char *text)
{
	const char *const parts[] = { text };
	const size_t len = strlen(text);

	if (len && len < FZ_SIGN && *text != '.' && *text != '-' &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len)
		snprintf(out, FZ_SIGN, "%s", text);
	else
		fz_sign_text(out, parts, 1);
}

/* The beginnings of reports. What must not be in a log at all is scan-log's matter. */
static const char *const beginnings[] = {
	"BUG: ", "WARNING: ", "kernel BUG at ", "Oops: ", "general protection fault",
	"Kernel panic", "UBSAN: ", "KFENCE: ", "unable to handle", "Unable to handle",
	"divide error", "invalid opcode", "stack segment", "double fault", "INFO: task ",
	"rcu: INFO: ", "detected stalls", "refcount_t: ", "list_add corruption",
	"list_del corruption", "Bad page ", "unreferenced object", "ODEBUG: ",
	"page_table_check", "Detected page leak", "DMAR: [", "AMD-Vi: Event logged",
	"soft lockup", "hard LOCKUP", "suspicious RCU", "Out of memory", "segfault at",
};

/* Functions that make reports, by their beginnings; the culprit is below them. */
static const char *const reporters[] = {
	"dump_stack", "show_stack", "print_", "kasan_", "__kasan", "__asan", "check_region",
	"check_noncircular", "check_prev_add", "check_prevs_add", "report_", "__report", "__warn",
	"warn_", "handle_bug", "exc_", "asm_", "die", "__die", "oops_", "page_fault_oops", "bad_area",
	"__bad_area", "do_user_addr_fault", "kernelmode_fixup", "panic", "ubsan_", "__ubsan",
	"handle_shift", "val_to_string", "lockdep_", "__lock_acquire", "lock_acquire", "mark_lock",
	"validate_chain", "debug_check", "refcount_warn", "__list_add_valid", "__list_del_entry",
	"list_", "ret_from_fork", "entry_SYSCALL", "do_syscall", "syscall_exit", "__might_",
	"nmi_", "unknown_nmi", "end_repeat_nmi", "watchdog", "sched_show", "__schedule", "schedule", "kthread",
	/* Nor does an idle CPU say anything. */
	"native_halt", "native_safe_halt", "pv_native", "default_idle", "arch_cpu_idle", "cpuidle",
	"do_idle", "cpu_startup_entry", "start_secondary", "secondary_startup", "rest_init",
	"start_kernel", "x86_64_start",
};

static bool any(const char *text, const char *const *list, size_t count, bool at_start)
{
	for (size_t i = 0; i < count; i++) {
		if (at_start ? !strncmp(text, list[i], strlen(list[i])) :
			       strstr(text, list[i]) != NULL)
			return true;
	}
	return false;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A line without the time and the caller in brackets. */
static const char *message(char *line)
{
	line[strcspn(line, "\r\n")] = '\0';
	while (*line == '[') {
		char *end = strchr(line, ']');

		if (!end || strspn(line + 1, " .0123456789TCtc") < (size_t)(end - line - 1))
			break;
		line = end + 1;
		line += strspn(line, " ");
	}
	return line;
}

bool fz_sign_reports(const char *line)
{
	return any(line, beginnings, COUNT(beginnings), false);
}

/* "func.isra.0+0x12/0x34 [module]" as "func"; false: no such thing. */
static bool function(const char *text, char *out, size_t size)
{
	const char *plus = strstr(text, "+0x");
	size_t len;

	text += strspn(text, " ");
	if (!plus || plus <= text || *text == '?')
		return false;
	len = (size_t)(plus - text);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			len = i;
			break;
		}
		if (!is_word(text[i]))
			return false;
	}
	if (!len || len >= size)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* What a title has that differs from time to time, beside numbers. */
static void cut_title(char *title)
{
	static const char *const from[] = { " by task ", " by swapper", " Comm: " };
	char *p, *end;

	for (size_t i = 0; i < COUNT(from); i++) {
		p = strstr(title, from[i]);
		if (p)
			*p = '\0';
	}
	p = strstr(title, "CPU: ");
	end = p ? strstr(p, " at ") : NULL;
	if (end)
		memmove(p, end + 1, strlen(end));
	/* "INFO: task NAME:PID blocked for more than ..." */
	p = strstr(title, "INFO: task ");
	end = p ? strstr(p, " blocked") : NULL;
	if (end)
		memmove(p + strlen("INFO: task"), end, strlen(end) + 1);
}

bool fz_sign_log(FILE *log, const char *title, struct fz_report *r)
{
	const char *parts[FZ_SIGN_FUNCTIONS + 2] = { "log", r->title };
	unsigned int number = 0;
	bool trace = false;
	char line[1024];

	memset(r, 0, sizeof(*r));
	while (fgets(line, sizeof(line), log)) {
		const char *text = message(line);

		number++;
		if (!r->line) {
			if (title ? !strstr(text, title) : !fz_sign_reports(text))
				continue;
			snprintf(r->title, sizeof(r->title), "%.*s", (int)sizeof(r->title) - 1, text);
			r->line = number;
			continue;
		}
		if (strstr(text, "Call Trace:")) {
			trace = true;
			continue;
		}
		/* One report's worth. */
		if (number > r->line + 80 || r->count == FZ_SIGN_FUNCTIONS ||
		    (trace && (strstr(text, "</TASK>") || strstr(text, "end trace"))))
			break;
		if (trace && function(text, r->functions[r->count], sizeof(r->functions[0])) &&
		    !any(r->functions[r->count], reporters, COUNT(reporters), true))
			r->count++;
	}
	if (!r->line)
		return false;
	cut_title(r->title);
	for (unsigned int i = 0; i < r->count; i++)
		parts[i + 2] = r->functions[i];
	fz_sign_text(r->signature, parts, r->count + 2);
	return true;
}
