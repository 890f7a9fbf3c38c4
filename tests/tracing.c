// SPDX-License-Identifier: GPL-2.0-only
/*
 * tracing - tracepoints hf_map and hf_unmap fire once for each mapping and tell the truth.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define IOVA 0x140000000ULL
#define TRACEFS "/sys/kernel/tracing/"
#define MAX_EVENTS 32

struct event {
	char name[32];
	uint64_t iova;
	uint64_t vaddr;
	uint64_t size;
	uint64_t runs;
	uint64_t pins;
	int64_t result;
};

static void trace_on(void)
{
	/* Truncating empties it. */
	const int fd = open(TRACEFS "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	hf_require(fd >= 0, "empty the trace");
	close(fd);
	hf_must(hf_proc_write_file(TRACEFS "events/holdfast/enable", "1"));
}

/* A "name=value" of a trace line; hexadecimal with 0x, else decimal. */
static uint64_t field(const char *line, const char *name)
{
	char key[32];
	const char *p;

	snprintf(key, sizeof(key), " %s=", name);
	p = strstr(line, key);
	if (!hf_expect(p, "no field %s in: %s", name, line))
		return ~0ULL;
	return (uint64_t)strtoll(p + strlen(key), NULL, 0);
}

/* Stop, and parse what was written for this process. */
static unsigned int trace_off(struct event *e)
{
	unsigned int n = 0;
	char line[512];
	FILE *f;

	hf_must(hf_proc_write_file(TRACEFS "events/holdfast/enable", "0"));
	f = fopen(TRACEFS "trace", "re");
	hf_require(f, "open trace");
	while (fgets(line, sizeof(line), f) && n < MAX_EVENTS) {
		const char *p = strstr(line, ": hf_");

		if (line[0] == '#' || !p)
			continue;
		line[strcspn(line, "\n")] = '\0';
		hf_ktap_diag("%s", p + 2);
		sscanf(p + 2, "%31[^:]", e[n].name);
		e[n].iova = field(p, "iova");
		e[n].vaddr = field(p, "vaddr");
		e[n].size = field(p, "size");
		e[n].runs = field(p, "runs");
		e[n].pins = field(p, "pins");
		e[n].result = (int64_t)field(p, "result");
		n++;
	}
	fclose(f);
	return n;
}

static void expect_event(const struct event *e, const char *name, uint64_t iova, const void *vaddr,
			 uint64_t size, int result)
{
	hf_expect(!strcmp(e->name, name), "event: got %s, want %s", e->name, name);
	hf_expect_eq(e->iova, iova, "%s: iova", name);
	hf_expect_eq(e->vaddr, (uintptr_t)vaddr, "%s: vaddr", name);
	hf_expect_eq(e->size, size, "%s: size", name);
	hf_expect_eq(e->result, result, "%s: result", name);
}

static void formats(struct t *t)
{
	static const char *const events[] = { "hf_map", "hf_unmap" };
	static const char *const fields[] = { "iova", "vaddr", "size", "runs", "pins", "result" };

	(void)t;
	for (size_t i = 0; i < T_ARRAY_SIZE(events); i++) {
		char path[128], text[4096];

		snprintf(path, sizeof(path), TRACEFS "events/holdfast/%s/format", events[i]);
		hf_must((int)hf_proc_read_file(path, text, sizeof(text)));
		for (size_t f = 0; f < T_ARRAY_SIZE(fields); f++) {
			char want[32];

			snprintf(want, sizeof(want), " %s;", fields[f]);
			hf_expect(strstr(text, want), "%s has field %s", events[i], fields[f]);
		}
	}
}

static void map_unmap(struct t *t)
{
	struct event e[MAX_EVENTS] = { 0 };
	struct hf_proc_pins before, with;
	struct hf_mem m;
	long runs;

	if (!t_alloc(&m, t->arg, 9 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(hf_proc_pins(&before));
	trace_on();
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_must(hf_proc_pins(&with));
	hf_unmap(t->c, IOVA, m.len);
	if (!hf_expect_eq(trace_off(e), 2, "events"))
		return;
	expect_event(&e[0], "hf_map", IOVA, m.addr, m.len, 0);
	expect_event(&e[1], "hf_unmap", IOVA, m.addr, m.len, 0);
	runs = hf_must(hf_mem_runs(m.addr, m.len));
	for (int i = 0; i < 2; i++) {
		hf_expect_eq(e[i].runs, runs, "%s: runs", e[i].name);
		hf_expect_eq(e[i].pins, with.acquired - before.acquired, "%s: pins", e[i].name);
	}
	hf_mem_free(&m);
}

static void failed(struct t *t)
{
	struct event e[MAX_EVENTS] = { 0 };
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 3 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	trace_on();
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, m.len + T_2M, HF_RW), -EFAULT, "too long");
	if (!hf_expect_eq(trace_off(e), 1, "events"))
		return;
	expect_event(&e[0], "hf_map", IOVA, m.addr, m.len + T_2M, -EFAULT);
	hf_expect_eq(e[0].pins, 0, "pins of a failed map");
	hf_expect_eq(e[0].runs, 0, "runs of a failed map");
	hf_mem_free(&m);
}

/* Release of a container is a series of unmaps. */
static void at_release(struct t *t)
{
	struct event e[MAX_EVENTS] = { 0 };
	struct hf_rig r;
	struct hf_mem m;

	(void)t;
	if (!t_alloc(&m, "anon4k", 5 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_must(hf_rig_open(&r, NULL, 0));
	for (uint64_t i = 0; i < 5; i++)
		hf_map(&r.container, IOVA + i * T_2M, m.addr, m.len, HF_READ);
	trace_on();
	hf_rig_close(&r);
	if (!hf_expect_eq(trace_off(e), 5, "events"))
		return;
	for (uint64_t i = 0; i < 5; i++)
		expect_event(&e[i], "hf_unmap", IOVA + i * T_2M, m.addr, m.len, 0);
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "fields", formats, T_HOLDFAST, NULL },
	{ "map and unmap, pages apart", map_unmap, T_RIG | T_HOLDFAST, "frag4k" },
	{ "map and unmap, pages in a row", map_unmap, T_RIG | T_HOLDFAST, "thp" },
	{ "a map that fails", failed, T_RIG | T_HOLDFAST, NULL },
	{ "release", at_release, T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
