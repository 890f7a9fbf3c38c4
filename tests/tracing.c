// SPDX-License-Identifier: GPL-2.0-only
/*
 * tracing - every tracepoint fires when its step is done, in order, and tells the truth.
 *
 * Fields are for scripts: those named here have these names, in this order. What a map or unmap
 * says of itself is complete (pages pinned are pages mapped are pages unmapped are pages
 * unpinned), and in batches, not page by page.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "emulated.h"
#include "harness.h"
#include "shown.h"
#include "side.h"
#include "stuck.h"

#define IOVA 0x140000000ULL
#define TRACEFS "/sys/kernel/tracing/"
#define MAX_EVENTS 256

/* What was traced: each event as text from its name on. */
static struct {
	unsigned int n;
	char line[MAX_EVENTS][256];
} traced;

static void trace_on(void)
{
	/* Truncating empties it. */
	const int fd = open(TRACEFS "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	hf_require(fd >= 0, "empty the trace");
	close(fd);
	hf_must(hf_proc_write_file(TRACEFS "events/holdfast/enable", "1"));
}

static void trace_off(void)
{
	char line[512];
	FILE *f;

	hf_must(hf_proc_write_file(TRACEFS "events/holdfast/enable", "0"));
	f = fopen(TRACEFS "trace", "re");
	hf_require(f, "open trace");
	traced.n = 0;
	while (fgets(line, sizeof(line), f)) {
		const char *p = strstr(line, ": hf_");

		if (line[0] == '#' || !p)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (!hf_expect(traced.n < MAX_EVENTS, "no more than %d events", MAX_EVENTS))
			break;
		if (traced.n < 24)
			hf_ktap_diag("%s", p + 2);
		snprintf(traced.line[traced.n++], sizeof(traced.line[0]), "%.255s", p + 2);
	}
	fclose(f);
}

static bool is(const char *line, const char *name)
{
	return !strncmp(line, name, strlen(name)) && line[strlen(name)] == ':';
}

/* The event of that name that is number @nth; a failed expectation and NULL without one. */
static const char *event(const char *name, unsigned int nth)
{
	unsigned int seen = 0;

	for (unsigned int i = 0; i < traced.n; i++)
		if (is(traced.line[i], name) && seen++ == nth)
			return traced.line[i];
	hf_expect(false, "no %s number %u", name, nth);
	return NULL;
}

static unsigned int count(const char *name)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < traced.n; i++)
		n += is(traced.line[i], name);
	return n;
}

static const char *find(const char *line, const char *name)
{
	char key[32];
	const char *p;

	snprintf(key, sizeof(key), " %s=", name);
	p = line ? strstr(line, key) : NULL;
	hf_expect(p, "field %s in: %s", name, line ? line : "nothing");
	return p ? p + strlen(key) : NULL;
}

/* A "name=value"; hexadecimal with 0x, else decimal. */
static int64_t field(const char *line, const char *name)
{
	const char *p = find(line, name);

	return p ? (int64_t)strtoull(p, NULL, 0) : -9999;
}

static void expect_field(const char *line, const char *name, uint64_t want)
{
	hf_expect_eq(field(line, name), want, "%s of: %s", name, line ? line : "nothing");
}

static void expect_word(const char *line, const char *name, const char *want)
{
	const char *p = find(line, name);

	hf_expect(p && !strncmp(p, want, strlen(want)) && strchr(" ", p[strlen(want)]),
		  "%s is %s in: %s", name, want, line ? line : "nothing");
}

/* Events, by name, are just these, in this order. */
static bool expect_events(const char *const *names)
{
	unsigned int i;

	for (i = 0; i < traced.n && names[i]; i++)
		if (!hf_expect(is(traced.line[i], names[i]), "event %u: %s, want %s", i, traced.line[i],
			       names[i]))
			return false;
	return hf_expect(i == traced.n && !names[i], "event %u: %s, want %s", i,
			 i < traced.n ? traced.line[i] : "none", names[i] ? names[i] : "none");
}

/* Sum of a field over all events of a name. */
static uint64_t sum(const char *name, const char *of)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < traced.n; i++)
		if (is(traced.line[i], name))
			total += (uint64_t)field(traced.line[i], of);
	return total;
}

static void expect_mapping(const char *line, uint64_t iova, const void *vaddr, uint64_t size,
			   int result)
{
	expect_field(line, "iova", iova);
	expect_field(line, "vaddr", (uintptr_t)vaddr);
	expect_field(line, "size", size);
	expect_field(line, "result", (uint64_t)result);
	expect_field(line, "pid", (uint64_t)getpid());
}

static void formats(struct t *t)
{
	static const char *const events[][2] = {
		{ "hf_map", "container iova vaddr size prot runs pins result pid" },
		{ "hf_unmap", "container iova vaddr size prot runs pins result pid" },
		{ "hf_container_create", "container type pid mappings pins" },
		{ "hf_container_release", "container type pid mappings pins" },
		{ "hf_group_attach", "container group emulated result" },
		{ "hf_group_detach", "container group" },
		{ "hf_range_reserve", "container iova vaddr size prot pid result" },
		{ "hf_range_wait", "container iova last waited_ns result" },
		{ "hf_charge_take", "pid pages result" },
		{ "hf_charge_refund", "pid pages result" },
		{ "hf_pages_pin", "container vaddr pages how result" },
		{ "hf_runs_map", "container iova pages runs result" },
		{ "hf_range_unmap", "container iova pages result" },
		{ "hf_pages_unpin", "container iova pages" },
		{ "hf_dirty_start", "container result" },
		{ "hf_dirty_stop", "container result" },
		{ "hf_dirty_report", "container iova last result" },
		{ "hf_vaddr_invalidate", "container iova last result" },
		{ "hf_vaddr_update", "container iova vaddr size pid result" },
		{ "hf_emulated_pin", "container iova pages prot pinned result" },
		{ "hf_emulated_unpin", "container iova pages unpinned" },
		{ "hf_emulated_notify", "container iova size" },
	};

	(void)t;
	for (size_t i = 0; i < T_ARRAY_SIZE(events); i++) {
		char path[128], text[8192], fields[256] = "";
		const char *line;

		snprintf(path, sizeof(path), TRACEFS "events/holdfast/%s/format", events[i][0]);
		hf_must((int)hf_proc_read_file(path, text, sizeof(text)));
		/* "field:u64 iova;": those that all events have come before an empty line. */
		line = strstr(text, "\n\n");
		hf_require(line, "%s: %s", path, text);
		while ((line = strstr(line, "field:"))) {
			const char *end = strchr(line, ';');
			const char *name = end;

			while (name[-1] != ' ')
				name--;
			snprintf(fields + strlen(fields), sizeof(fields) - strlen(fields), "%s%.*s",
				 *fields ? " " : "", (int)(end - name), name);
			line = end;
		}
		hf_expect(!strncmp(fields, events[i][1], strlen(events[i][1])),
			  "%s has fields %s, want %s", events[i][0], fields, events[i][1]);
	}
}

/* Memory that comes as one batch: every step once. */
struct batch {
	const char *kind;
	const char *how;
	size_t len;
	bool untouched;
};

static void steps(struct t *t)
{
	static const char *const names[] = {
		"hf_range_reserve", "hf_charge_take", "hf_pages_pin",	"hf_runs_map", "hf_map",
		"hf_unmap",	    "hf_range_unmap", "hf_pages_unpin", "hf_charge_refund", NULL
	};
	const struct batch *b = t->arg;
	const size_t pages = b->len / T_PAGE;
	struct hf_proc_pins before, with;
	struct t_rows rows;
	struct hf_mem m;
	uint64_t id;
	long runs;

	if (!t_alloc(&m, b->kind, b->len, 0, b->untouched ? 0 : HF_MEM_TOUCHED))
		return;
	id = t_shown_id();
	hf_must(hf_proc_pins(&before));
	trace_on();
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_must(hf_proc_pins(&with));
	t_shown_rows(id, &rows);
	hf_unmap(t->c, IOVA, m.len);
	trace_off();
	runs = hf_must(hf_mem_runs(m.addr, m.len));
	if (!expect_events(names))
		goto out;
	for (int i = 0; i < 9; i++)
		if (i != 1 && i != 8)
			expect_field(traced.line[i], "container", id);
	expect_mapping(traced.line[0], IOVA, m.addr, m.len, 0);
	expect_word(traced.line[0], "prot", "rw");
	expect_field(traced.line[1], "pid", (uint64_t)getpid());
	expect_field(traced.line[1], "pages", pages);
	expect_field(traced.line[1], "result", 0);
	expect_field(traced.line[2], "vaddr", (uintptr_t)m.addr);
	expect_field(traced.line[2], "pages", pages);
	expect_word(traced.line[2], "how", b->how);
	expect_field(traced.line[2], "result", 0);
	expect_field(traced.line[3], "iova", IOVA);
	expect_field(traced.line[3], "pages", pages);
	expect_field(traced.line[3], "runs", (uint64_t)runs);
	expect_field(traced.line[3], "result", 0);
	for (int i = 4; i <= 5; i++) {
		expect_mapping(traced.line[i], IOVA, m.addr, m.len, 0);
		expect_field(traced.line[i], "runs", rows.row[0].runs);
		expect_field(traced.line[i], "pins", with.acquired - before.acquired);
	}
	expect_field(traced.line[6], "iova", IOVA);
	expect_field(traced.line[6], "pages", pages);
	expect_field(traced.line[6], "result", 0);
	expect_field(traced.line[7], "iova", IOVA);
	expect_field(traced.line[7], "pages", pages);
	expect_field(traced.line[8], "pid", (uint64_t)getpid());
	expect_field(traced.line[8], "pages", pages);
out:
	t_rows_free(&rows);
	hf_mem_free(&m);
}

/* Parts of a mapping, one behind the other, that are all of it. */
static void expect_parts(const char *name, const char *where, uint64_t from, uint64_t len,
			 unsigned int most)
{
	uint64_t at = from;
	unsigned int n = count(name);

	for (unsigned int i = 0; i < n; i++) {
		const char *line = event(name, i);

		expect_field(line, where, at);
		at += (uint64_t)field(line, "pages") * T_PAGE;
	}
	hf_expect_eq(at - from, len, "bytes of all %s", name);
	hf_expect(n <= most, "%u %s, may be %u", n, name, most);
}

static void batches(struct t *t)
{
	struct hf_mem m;

	if (!t_alloc(&m, "frag4k", 6 * T_2M, 0, HF_MEM_TOUCHED))
		return;
	trace_on();
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	hf_unmap(t->c, IOVA, m.len);
	trace_off();
	expect_parts("hf_pages_pin", "vaddr", (uintptr_t)m.addr, m.len, 14);
	/* A queue of 128 runs at least. */
	expect_parts("hf_runs_map", "iova", IOVA, m.len, 26);
	hf_expect_eq(sum("hf_runs_map", "runs"), m.len / T_PAGE, "runs");
	expect_parts("hf_range_unmap", "iova", IOVA, m.len, 2);
	expect_parts("hf_pages_unpin", "iova", IOVA, m.len, 2);
	hf_mem_free(&m);
}

static void failed(struct t *t)
{
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 3 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	trace_on();
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, m.len + T_2M, HF_RW), -EFAULT, "too long");
	trace_off();
	expect_mapping(event("hf_range_reserve", 0), IOVA, m.addr, m.len + T_2M, 0);
	expect_mapping(event("hf_map", 0), IOVA, m.addr, m.len + T_2M, -EFAULT);
	expect_field(event("hf_map", 0), "pins", 0);
	expect_field(event("hf_map", 0), "runs", 0);
	hf_expect_eq(sum("hf_pages_pin", "pages"), 3, "pages pinned");
	expect_field(event("hf_pages_pin", count("hf_pages_pin") - 1), "result", (uint64_t)-EFAULT);
	hf_expect_eq(sum("hf_pages_unpin", "pages"), 3, "pages unpinned");
	hf_expect_eq(sum("hf_range_unmap", "pages"), 3, "pages unmapped, or never mapped");
	hf_expect_eq(sum("hf_charge_take", "pages"), 3 + T_2M / T_PAGE, "charged");
	hf_expect_eq(sum("hf_charge_refund", "pages"), 3 + T_2M / T_PAGE, "refunded");
	hf_expect_eq(count("hf_unmap"), 0, "unmaps");

	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	trace_on();
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, m.len, HF_READ), -EEXIST, "twice");
	trace_off();
	if (hf_expect_eq(traced.n, 1, "events of a map that is refused")) {
		expect_mapping(event("hf_range_reserve", 0), IOVA, m.addr, m.len, -EEXIST);
		expect_word(event("hf_range_reserve", 0), "prot", "r-");
	}
	hf_unmap(t->c, IOVA, m.len);
	hf_mem_free(&m);
}

struct payer {
	struct t *t;
	struct t_gate *gate;
};

static void over_the_limit(void *arg)
{
	struct payer *p = arg;
	struct t *t = p->t;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 16 * T_PAGE, HF_MEM_TOUCHED, &m));
	t_unprivileged(4 * T_PAGE);
	hf_expect_eq(hf_try_map(t->c, IOVA, m.addr, m.len, HF_RW), -ENOMEM, "over the limit");
	hf_map(t->c, IOVA, m.addr, 2 * T_PAGE, HF_RW);
	hf_map(t->c, IOVA + T_2M, m.addr, T_PAGE, HF_RW);
	t_gate_open(p->gate, 1);
	t_gate_wait(p->gate, 2);
}

static void charges(struct t *t)
{
	struct payer p = { .t = t, .gate = t_gate_new() };
	pid_t pid;

	trace_on();
	pid = t_child_start(over_the_limit, &p);
	t_gate_wait(p.gate, 1);
	hf_unmap(t->c, IOVA, 2 * T_PAGE);
	t_gate_open(p.gate, 2);
	t_child_end(pid, "somebody with a limit");
	hf_unmap(t->c, IOVA + T_2M, T_PAGE);
	trace_off();
	hf_expect_eq(count("hf_charge_take"), 3, "charges");
	expect_field(event("hf_charge_take", 0), "pid", (uint64_t)pid);
	expect_field(event("hf_charge_take", 0), "pages", 16);
	expect_field(event("hf_charge_take", 0), "result", (uint64_t)-ENOMEM);
	expect_field(event("hf_charge_take", 1), "pid", (uint64_t)pid);
	expect_field(event("hf_charge_take", 1), "pages", 2);
	expect_field(event("hf_charge_take", 1), "result", 0);
	/* Not who unmaps; and when who paid is gone, nobody gets anything back. */
	hf_expect_eq(count("hf_charge_refund"), 1, "refunds");
	expect_field(event("hf_charge_refund", 0), "pid", (uint64_t)pid);
	expect_field(event("hf_charge_refund", 0), "pages", 2);
	hf_expect_eq(field(event("hf_unmap", 0), "pid"), pid, "pid of who mapped it");
}

/* Release of a container is a series of unmaps. */
static void lifetime(struct t *t)
{
	struct hf_rig r;
	struct hf_mem m;
	uint64_t id;

	(void)t;
	if (!t_alloc(&m, "anon4k", 5 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	trace_on();
	hf_must(hf_rig_open(&r, NULL, 0));
	id = t_shown_id();
	trace_off();
	expect_field(event("hf_container_create", 0), "container", id);
	expect_field(event("hf_container_create", 0), "type", 2);
	expect_field(event("hf_container_create", 0), "pid", (uint64_t)getpid());
	expect_field(event("hf_group_attach", 0), "container", id);
	expect_field(event("hf_group_attach", 0), "group", (uint64_t)r.group.number);
	expect_field(event("hf_group_attach", 0), "emulated", 0);
	expect_field(event("hf_group_attach", 0), "result", 0);

	for (uint64_t i = 0; i < 5; i++)
		hf_map(&r.container, IOVA + i * T_2M, m.addr, m.len, HF_READ);
	trace_on();
	hf_rig_close(&r);
	trace_off();
	hf_expect_eq(count("hf_unmap"), 5, "unmaps");
	for (unsigned int i = 0; i < 5; i++)
		expect_mapping(event("hf_unmap", i), IOVA + i * T_2M, m.addr, m.len, 0);
	hf_expect_eq(sum("hf_pages_unpin", "pages"), 25, "pages unpinned");
	hf_expect_eq(sum("hf_charge_refund", "pages"), 25, "pages refunded");
	hf_expect_eq(count("hf_group_detach"), 1, "groups detached");
	expect_field(event("hf_group_detach", 0), "container", id);
	expect_field(event("hf_group_detach", 0), "group", (uint64_t)r.group.number);
	expect_field(event("hf_container_release", 0), "container", id);
	expect_field(event("hf_container_release", 0), "pins", 0);
	hf_mem_free(&m);
}

struct late {
	struct t *t;
	uint64_t len;
	int ret;
};

static void *unmap_late(void *arg)
{
	struct late *l = arg;

	l->ret = hf_try_unmap(l->t->c, IOVA, l->len, 0, NULL);
	return NULL;
}

static void waits(struct t *t)
{
	struct late l = { .t = t };
	struct t_holder h;
	pthread_t thread;
	struct hf_mem m;
	uint64_t began, took;
	int64_t waited;

	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	l.len = m.len;
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	t_hold(&h, t->c, IOVA, m.len);
	trace_on();
	began = t_now_ms();
	hf_require(!pthread_create(&thread, NULL, unmap_late, &l), "thread");
	t_sleep_ms(700);
	hf_expect_eq(t_let_go(&h), 0, "the report");
	pthread_join(thread, NULL);
	took = t_now_ms() - began;
	trace_off();
	hf_expect_eq(l.ret, 0, "unmap");
	hf_expect_eq(count("hf_range_wait"), 1, "waits");
	expect_field(event("hf_range_wait", 0), "iova", IOVA);
	expect_field(event("hf_range_wait", 0), "last", IOVA + m.len - 1);
	expect_field(event("hf_range_wait", 0), "result", 0);
	waited = field(event("hf_range_wait", 0), "waited_ns") / 1000000;
	hf_expect(waited >= 300 && waited <= (int64_t)took + 1, "waited %lld ms of %llu",
		  (long long)waited, (unsigned long long)took);
	expect_field(event("hf_dirty_report", 0), "iova", IOVA);
	expect_field(event("hf_dirty_report", 0), "last", IOVA + m.len - 1);
	expect_field(event("hf_dirty_report", 0), "result", 0);
	hf_mem_free(&m);
}

static void dirty(struct t *t)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d) };
	struct {
		struct vfio_iommu_type1_dma_unmap u;
		struct vfio_bitmap bitmap;
	} q = {
		.u = { .argsz = sizeof(q), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		       .iova = IOVA, .size = 4 * T_PAGE },
		.bitmap = { .pgsize = T_PAGE, .size = 8, .data = (void *)16 },
	};
	__u64 bits = 0;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	trace_on();
	d.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
	hf_must(hf_container_ioctl(t->c, VFIO_IOMMU_DIRTY_PAGES, &d));
	hf_expect_eq(hf_container_ioctl(t->c, VFIO_IOMMU_UNMAP_DMA, &q), -EFAULT, "bad address");
	q.bitmap.data = &bits;
	hf_expect_eq(hf_container_ioctl(t->c, VFIO_IOMMU_UNMAP_DMA, &q), 0, "unmap");
	d.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
	hf_must(hf_container_ioctl(t->c, VFIO_IOMMU_DIRTY_PAGES, &d));
	trace_off();
	expect_field(event("hf_dirty_start", 0), "result", 0);
	hf_expect_eq(count("hf_dirty_report"), 2, "reports");
	expect_field(event("hf_dirty_report", 0), "result", (uint64_t)-EFAULT);
	expect_field(event("hf_dirty_report", 1), "iova", IOVA);
	expect_field(event("hf_dirty_report", 1), "last", IOVA + m.len - 1);
	expect_field(event("hf_dirty_report", 1), "result", 0);
	expect_field(event("hf_dirty_stop", 0), "result", 0);
	hf_mem_free(&m);
}

static void vaddr(struct t *t)
{
	struct hf_mem m;
	struct hf_group g;
	char bdf[HF_BDF_LEN];
	char *elsewhere;

	if (!t_alloc(&m, "shmem4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	elsewhere = (char *)m.addr + 4 * T_PAGE;
	hf_map(t->c, IOVA, m.addr, 4 * T_PAGE, HF_RW);
	hf_must(hf_pci_vfio_device(1, bdf));
	hf_must(hf_group_open(&g, bdf));
	trace_on();
	hf_must(hf_try_unmap(t->c, IOVA, 4 * T_PAGE, VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
	hf_expect_eq(hf_group_attach(&g, t->c), -EBUSY, "a group, while an address is stale");
	hf_expect_eq(hf_try_map(t->c, IOVA, elsewhere, T_PAGE, VFIO_DMA_MAP_FLAG_VADDR), -EINVAL,
		     "another size");
	hf_must(hf_try_map(t->c, IOVA, elsewhere, 4 * T_PAGE, VFIO_DMA_MAP_FLAG_VADDR));
	hf_unmap(t->c, IOVA, 4 * T_PAGE);
	trace_off();
	hf_group_close(&g);
	expect_field(event("hf_vaddr_invalidate", 0), "iova", IOVA);
	expect_field(event("hf_vaddr_invalidate", 0), "last", IOVA + 4 * T_PAGE - 1);
	expect_field(event("hf_vaddr_invalidate", 0), "result", 0);
	expect_field(event("hf_group_attach", 0), "result", (uint64_t)-EBUSY);
	expect_field(event("hf_vaddr_update", 0), "result", (uint64_t)-EINVAL);
	expect_mapping(event("hf_vaddr_update", 1), IOVA, elsewhere, 4 * T_PAGE, 0);
	expect_mapping(event("hf_unmap", 0), IOVA, elsewhere, 4 * T_PAGE, 0);
	hf_mem_free(&m);
}

static void emulated(struct t *t)
{
	struct t_emulated_rig r;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	trace_on();
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	hf_expect_eq(t_pin(&r.dev[0], IOVA + T_PAGE, 3, HF_READ, NULL), 3, "pin");
	hf_expect_eq(t_pin(&r.dev[0], IOVA, 3, HF_READ, NULL), 3, "pin, one page anew");
	hf_expect_eq(t_pin(&r.dev[0], IOVA + m.len, 1, HF_READ, NULL), -EINVAL, "not mapped");
	hf_expect_eq(t_unpin(&r.dev[0], IOVA + T_PAGE, 3), 0, "unpin, all but one for once");
	hf_unmap(&r.c, IOVA, m.len);
	t_emulated_rig_close(&r);
	trace_off();
	expect_field(event("hf_group_attach", 0), "emulated", 1);
	expect_field(event("hf_emulated_pin", 0), "iova", IOVA + T_PAGE);
	expect_field(event("hf_emulated_pin", 0), "pages", 3);
	expect_field(event("hf_emulated_pin", 0), "pinned", 3);
	expect_field(event("hf_emulated_pin", 0), "result", 0);
	expect_word(event("hf_emulated_pin", 0), "prot", "r-");
	expect_field(event("hf_emulated_pin", 1), "pinned", 1);
	expect_field(event("hf_emulated_pin", 2), "result", (uint64_t)-EINVAL);
	expect_field(event("hf_emulated_pin", 2), "pinned", 0);
	expect_field(event("hf_emulated_unpin", 0), "iova", IOVA + T_PAGE);
	expect_field(event("hf_emulated_unpin", 0), "pages", 3);
	expect_field(event("hf_emulated_unpin", 0), "unpinned", 1);
	expect_field(event("hf_emulated_notify", 0), "iova", IOVA);
	expect_field(event("hf_emulated_notify", 0), "size", m.len);
	hf_expect_eq(sum("hf_emulated_unpin", "unpinned"), 4, "all that was pinned");
	hf_expect_eq(sum("hf_charge_take", "pages"), 4, "charged for what was pinned");
	hf_expect_eq(sum("hf_charge_refund", "pages"), 4, "refunded");
	hf_mem_free(&m);
}

#define B(...) &(const struct batch){ __VA_ARGS__ }

static const struct t_case cases[] = {
	{ "fields", formats, T_HOLDFAST, NULL },
	{ "one page", steps, T_RIG | T_HOLDFAST, B("anon4k", "batch", T_PAGE, false) },
	{ "pages apart", steps, T_RIG | T_HOLDFAST, B("frag4k", "batch", 9 * T_PAGE, false) },
	{ "a part of a huge page", steps, T_RIG | T_HOLDFAST, B("thp", "leaf", 9 * T_PAGE, false) },
	{ "huge pages", steps, T_RIG | T_HOLDFAST, B("thp", "row", 8 * T_2M, false) },
	{ "pages nobody touched", steps, T_RIG | T_HOLDFAST, B("anon4k", "slow", 16 * T_PAGE, true) },
	{ "batches", batches, T_RIG | T_HOLDFAST, NULL },
	{ "a map that fails", failed, T_RIG | T_HOLDFAST, NULL },
	{ "charges", charges, T_RIG | T_HOLDFAST, NULL },
	{ "waits", waits, T_RIG | T_HOLDFAST, NULL },
	{ "dirty pages", dirty, T_RIG | T_HOLDFAST, NULL },
	{ "another address", vaddr, T_RIG | T_HOLDFAST, NULL },
	{ "a container from its beginning to its end", lifetime, T_HOLDFAST, NULL },
	{ "an emulated device", emulated, T_HOLDFAST, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
