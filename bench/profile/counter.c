// SPDX-License-Identifier: GPL-2.0-only
/*
 * counter.c - QEMU TCG plugin: how often each guest instruction ran between two marks.
 *
 *	-plugin holdfast-count.so,ready=0x…,start=0x…,stop=0x…,out=PREFIX
 *
 * The marks are addresses of functions of a guest program (one.c). When the guest gets to
 * `ready`, counting code is put into everything translated from then on; a boot before that runs
 * at full speed. `start` sets all counters to zero, `stop` writes those that are not to PREFIX.1,
 * PREFIX.2, … one file for each stretch between a start and a stop:
 *
 *	holdfast-count 1
 *	TOTAL
 *	ADDRESS COUNT		in hexadecimal and decimal, ascending, one line each
 *
 * `ready` takes effect some instructions later (QEMU throws translated code away at its next
 * safe point), so the guest has to do something else before `start`; one that starts too early
 * gets no file, never a wrong one.
 *
 * Every address has one counter, in a tree (tsearch), whatever block it was translated in and
 * however often; the translated code adds to it directly, one instruction at a time, so a block
 * that a fault or an interrupt leaves half way is counted half way. An iteration of a string
 * instruction counts as one, as it does in QEMU's own instruction counter (-icount).
 *
 * A mark is the address together with the bytes that one.c begins its marks with: another
 * process may have other code at the same address.
 *
 * Invariant: one virtual CPU, so one thread translates, executes and calls back, and nothing
 * here is locked. Addresses of two processes are not told apart: user space is one sum for the
 * reader of the files.
 */
#include "marks.h"
#include "qemu_plugin_api.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int qemu_plugin_version = QEMU_PLUGIN_API;

/* Executions of the instruction at an address since the last start. */
struct counter {
	uint64_t address;
	uint64_t count;
};

enum mark { MARK_READY, MARK_START, MARK_STOP, MARKS };

static const char *const mark_names[MARKS] = { "ready", "start", "stop" };
static uint64_t mark_address[MARKS];
static const char *prefix;
static qemu_plugin_id_t plugin;

static void *counters;    /* tree of struct counter */
static bool counting;     /* counting code is in place */
static bool started;      /* between start and stop */
static unsigned int dump; /* files written */
static uint64_t total;    /* of the file being written */
static FILE *file;

/* A plugin has nobody to return an error to in the middle of a run. */
__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("holdfast-count: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static int by_address(const void *a, const void *b)
{
	const struct counter *l = a, *r = b;

	return l->address < r->address ? -1 : l->address > r->address;
}

/* The counter of an address, made when it is seen for the first time. */
static struct counter *counter_of(uint64_t address)
{
	const struct counter key = { .address = address };
	struct counter **found = tfind(&key, &counters, by_address), *fresh;

	if (found)
		return *found;
	fresh = malloc(sizeof(*fresh));
	if (!fresh)
		give_up("out of memory");
	*fresh = key;
	if (!tsearch(fresh, &counters, by_address))
		give_up("out of memory");
	return fresh;
}

/* Twice for every inner node: take the visit that is in order. */
static bool in_order(VISIT visit)
{
	return visit == postorder || visit == leaf;
}

static void zero(const void *node, VISIT visit, int depth)
{
	(void)depth;
	if (in_order(visit))
		(*(struct counter *const *)node)->count = 0;
}

static void add_up(const void *node, VISIT visit, int depth)
{
	(void)depth;
	if (in_order(visit))
		total += (*(struct counter *const *)node)->count;
}

static void print(const void *node, VISIT visit, int depth)
{
	const struct counter *c = *(struct counter *const *)node;

	(void)depth;
	if (in_order(visit) && c->count)
		fprintf(file, "%016" PRIx64 " %" PRIu64 "\n", c->address, c->count);
}

static void write_counts(void)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s.%u", prefix, ++dump);
	total = 0;
	twalk(counters, add_up);
	file = fopen(name, "we");
	if (!file)
		give_up("cannot write %s: %s", name, strerror(errno));
	fprintf(file, "holdfast-count 1\n%" PRIu64 "\n", total);
	twalk(counters, print);
	if (fclose(file))
		give_up("cannot write %s: %s", name, strerror(errno));
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

static void begin_counting(qemu_plugin_id_t id)
{
	counting = true;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
}

static void on_mark(unsigned int vcpu, void *which)
{
	(void)vcpu;
	switch ((enum mark)(uintptr_t)which) {
	case MARK_READY:
		if (!counting)
			qemu_plugin_reset(plugin, begin_counting);
		break;
	case MARK_START:
		if (!counting)
			break;
		twalk(counters, zero);
		started = true;
		break;
	case MARK_STOP:
		if (started)
			write_counts();
		started = false;
		break;
	default:
		break;
	}
}

/* Which mark begins with this instruction, MARKS when none does. */
static enum mark mark_at(const struct qemu_plugin_insn *insn, uint64_t address)
{
	static const unsigned char sign[] = { PROFILE_MARK_BYTES };
	enum mark m;

	for (m = 0; m < MARKS; m++) {
		if (address == mark_address[m] && qemu_plugin_insn_size(insn) == sizeof(sign) &&
		    !memcmp(qemu_plugin_insn_data(insn), sign, sizeof(sign)))
			break;
	}
	return m;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint64_t address = qemu_plugin_insn_vaddr(insn);
		const enum mark mark = mark_at(insn, address);

		if (counting)
			qemu_plugin_register_vcpu_insn_exec_inline(
				insn, QEMU_PLUGIN_INLINE_ADD_U64, &counter_of(address)->count, 1);
		if (mark != MARKS)
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, on_mark, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)mark);
	}
}

static int bad_argument(const char *text)
{
	fprintf(stderr, "holdfast-count: '%s': needs ready=, start=, stop= (addresses) and out=\n",
		text);
	return -1;
}

static int parse_argument(char *text)
{
	char *value = strchr(text, '='), *end;
	const size_t name = value ? (size_t)(value - text) : 0;

	if (!value || !*++value)
		return bad_argument(text);
	if (name == 3 && !strncmp(text, "out", 3)) {
		prefix = strdup(value);
		return prefix ? 0 : -1;
	}
	for (enum mark m = 0; m < MARKS; m++) {
		if (strlen(mark_names[m]) == name && !strncmp(text, mark_names[m], name)) {
			mark_address[m] = strtoull(value, &end, 0);
			return *end || !mark_address[m] ? bad_argument(text) : 0;
		}
	}
	return bad_argument(text);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	if (!info->system_emulation || info->system.max_vcpus != 1) {
		fputs("holdfast-count: counts on one virtual CPU only: use -smp 1\n", stderr);
		return -1;
	}
	for (int i = 0; i < argc; i++)
		if (parse_argument(argv[i]))
			return -1;
	for (enum mark m = 0; m < MARKS; m++)
		if (!mark_address[m])
			return bad_argument(mark_names[m]);
	if (!prefix)
		return bad_argument("out");
	plugin = id;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
