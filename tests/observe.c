// SPDX-License-Identifier: GPL-2.0-only
/*
 * observe - what an operator reads in debugfs is there, in its form, and true.
 *
 * The text is parsed strictly (harness/shown.h). Numbers are held against what the case did and
 * what the kernel says itself: pins (nr_foll_pin_*), contiguous runs (pagemap), the container's
 * info, clocks. observe_busy has what happens while others are at work.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/info.h>
#include <holdfast/pagemap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "dirty.h"
#include "emulated.h"
#include "harness.h"
#include "shown.h"
#include "side.h"

#define IOVA 0x180000000ULL

static void expect_mode(const char *path, unsigned int want)
{
	struct stat st = { 0 };

	hf_expect(!stat(path, &st), "%s is there", path);
	hf_expect_eq(st.st_mode & 07777, want, "mode of %s", path);
	hf_expect_eq(st.st_uid, 0, "owner of %s", path);
}

static void folder(struct t *t)
{
	char path[96], version[16];
	struct hf_rig r;
	uint64_t id, ids[4];

	(void)t;
	hf_expect_eq(t_shown_ids(ids, 4), 0, "containers before there is one");
	id = t_shown_fresh(&r);
	hf_must((int)hf_proc_read_file(T_SHOWN "version", version, sizeof(version)));
	t_expect_text(version, "1", "version");
	expect_mode(T_SHOWN, 0700);
	expect_mode(T_SHOWN "version", 0400);
	t_shown_path(path, id, "info");
	expect_mode(path, 0400);
	t_shown_path(path, id, "mappings");
	expect_mode(path, 0400);
	hf_rig_close(&r);
	hf_expect_eq(t_shown_ids(ids, 4), 0, "containers afterwards");
	hf_expect(access(path, F_OK) && errno == ENOENT, "its files are gone");
}

static void empty(struct t *t)
{
	static const char *const zero[] = {
		"emulated",	"mappings",   "bytes",	    "charged_pages",
		"pins",		"runs",	      "bytes_4k",   "bytes_2m",
		"bytes_1g",	"maps",	      "unmaps",	    "map_failures",
		"slowest_map_us", "slowest_map_iova", "slowest_map_size", "tracking_dirty",
		"incoherent_bytes", "audit_events", "audit_suspect_blocks",
		"audit_verified_blocks",
	};
	struct hf_iommu_info info;
	struct t_rows rows;
	struct t_shown s;
	struct hf_rig r;
	uint64_t id = t_shown_fresh(&r);

	(void)t;
	hf_must(hf_container_info(&r.container, &info));
	t_shown(id, &s);
	t_shown_expect(&s, "id", id);
	t_expect_text(t_shown_text(&s, "type"), "v2", "type");
	t_shown_expect(&s, "pid", (uint64_t)getpid());
	t_shown_expect(&s, "groups", 1);
	t_shown_expect(&s, "domains", 1);
	t_shown_expect(&s, "page_sizes", info.pgsizes);
	t_shown_expect(&s, "available", info.dma_avail);
	for (size_t i = 0; i < T_ARRAY_SIZE(zero); i++)
		t_shown_expect(&s, zero[i], 0);
	t_shown_rows(id, &rows);
	hf_expect_eq(rows.n, 0, "rows");
	t_rows_free(&rows);
	hf_rig_close(&r);

	hf_must(hf_rig_open(&r, NULL, VFIO_TYPE1_IOMMU));
	id = t_shown_id();
	t_shown(id, &s);
	t_shown_expect(&s, "id", id);
	t_expect_text(t_shown_text(&s, "type"), "v1", "type");
	hf_rig_close(&r);
}

/* One mapping: memory, where it begins, and bytes by the largest page it could be mapped with. */
struct one {
	const char *kind;
	size_t len;
	size_t offset;	/* of the memory from a natural boundary */
	uint64_t at;	/* of the IOVA from IOVA, which is one of 1G */
	uint32_t prot;
	uint64_t bytes[T_CLASSES];
};

static void one_mapping(struct t *t)
{
	const struct one *o = t->arg;
	struct hf_proc_pins before, with;
	struct hf_iommu_info info;
	char comm[17] = "";
	uint64_t bytes[T_CLASSES];
	struct t_shown s;
	struct t_row row;
	struct hf_rig r;
	struct hf_mem m;
	uint64_t id;
	long runs;

	if (!t_alloc(&m, o->kind, o->len, o->offset, HF_MEM_TOUCHED))
		return;
	id = t_shown_fresh(&r);
	hf_must(hf_container_info(&r.container, &info));
	memcpy(bytes, o->bytes, sizeof(bytes));
	if (!(info.pgsizes & T_1G)) {
		bytes[T_CLASS_2M] += bytes[T_CLASS_1G];
		bytes[T_CLASS_1G] = 0;
	}
	hf_must((int)hf_proc_read_file("/proc/self/comm", comm, sizeof(comm)));
	hf_must(hf_proc_pins(&before));
	hf_map(&r.container, IOVA + o->at, m.addr, m.len, o->prot);
	hf_must(hf_proc_pins(&with));
	runs = hf_must(hf_mem_runs(m.addr, m.len));

	row = t_shown_only_row(id);
	hf_expect_eq(row.iova, IOVA + o->at, "iova");
	hf_expect_eq(row.vaddr, (uintptr_t)m.addr, "vaddr");
	hf_expect_eq(row.size, m.len, "size");
	t_expect_text(row.prot,
		    o->prot == HF_RW ? "rw" : o->prot == HF_READ ? "r-" : "-w", "prot");
	t_expect_text(row.state, "live", "state");
	t_expect_text(row.path, "pages", "path");
	hf_expect_eq(row.pid, getpid(), "pid");
	t_expect_text(row.comm, comm, "comm");
	hf_expect_eq(row.charged_pages, m.len / T_PAGE, "charged pages");
	hf_expect_eq(row.pins, with.acquired - before.acquired, "pins");
	hf_expect(row.runs && row.runs <= row.pins, "runs: %llu", (unsigned long long)row.runs);
	/* Whole folios in a row are one run; a part of one is a run by itself. */
	hf_expect(row.runs >= (uint64_t)runs, "runs: %llu, memory has %ld",
		  (unsigned long long)row.runs, runs);
	if (!o->offset && !(o->len % m.kind->page_size) && o->len < T_1G)
		hf_expect_eq(row.runs, runs, "runs");
	for (int i = 0; i < T_CLASSES; i++)
		hf_expect_eq(row.bytes[i], bytes[i], "bytes, class %d", i);
	hf_expect_eq(row.incoherent, 0, "incoherent");

	t_shown(id, &s);
	t_shown_expect(&s, "mappings", 1);
	t_shown_expect(&s, "available", info.dma_avail - 1);
	t_shown_expect(&s, "bytes", m.len);
	t_shown_expect(&s, "charged_pages", m.len / T_PAGE);
	t_shown_expect(&s, "pins", row.pins);
	t_shown_expect(&s, "runs", row.runs);
	t_shown_expect(&s, "bytes_4k", bytes[T_4K]);
	t_shown_expect(&s, "bytes_2m", bytes[T_CLASS_2M]);
	t_shown_expect(&s, "bytes_1g", bytes[T_CLASS_1G]);
	t_shown_expect(&s, "maps", 1);
	t_shown_expect(&s, "unmaps", 0);
	hf_unmap(&r.container, IOVA + o->at, m.len);
	t_shown(id, &s);
	t_shown_expect(&s, "mappings", 0);
	t_shown_expect(&s, "available", info.dma_avail);
	t_shown_expect(&s, "bytes", 0);
	t_shown_expect(&s, "pins", 0);
	t_shown_expect(&s, "maps", 1);
	t_shown_expect(&s, "unmaps", 1);
	hf_rig_close(&r);
	hf_mem_free(&m);
}

#define O(...) &(const struct one){ __VA_ARGS__ }

/* Many mappings: more than a buffer's worth of text, holes, and the first and last page there is. */
#define MANY 300

static void many(struct t *t)
{
	static const size_t chunks[] = { 1, 7, 100, 4096, 1 << 20 };
	struct hf_iommu_info info;
	struct t_rows rows;
	struct t_shown s;
	struct hf_rig r;
	struct hf_mem m;
	uint64_t id, begin, end;
	char path[96];
	int fd;

	(void)t;
	if (!t_alloc(&m, "anon4k", 2 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	id = t_shown_fresh(&r);
	hf_must(hf_container_info(&r.container, &info));
	begin = info.ranges[0].start;
	end = info.ranges[info.nr_ranges - 1].last - (T_PAGE - 1);
	/* From both ends to the middle; every third touches its neighbour. */
	for (uint64_t i = 0; i < MANY; i++) {
		const uint64_t n = i % 2 ? MANY - 1 - i / 2 : i / 2;

		hf_map(&r.container, IOVA + (n + n / 3) * 2 * T_PAGE, m.addr, 2 * T_PAGE, HF_RW);
	}
	hf_map(&r.container, begin, m.addr, T_PAGE, HF_READ);
	hf_map(&r.container, end, m.addr, T_PAGE, HF_READ);
	t_shown_path(path, id, "mappings");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	hf_require(fd >= 0, "open");
	for (size_t i = 0; i < T_ARRAY_SIZE(chunks); i++) {
		char *text = t_shown_read(fd, chunks[i]);
		const char *wrong;

		hf_require(text, "read: %s", strerror(errno));
		wrong = t_rows_parse(text, &rows);
		hf_expect(!wrong, "in pieces of %zu bytes: %s", chunks[i], wrong);
		free(text);
		if (!hf_expect_eq(rows.n, MANY + 2, "rows, in pieces of %zu", chunks[i]))
			continue;
		hf_expect_eq(rows.row[0].iova, begin, "the first page of IOVA space");
		for (uint64_t n = 0; n < MANY; n++)
			if (rows.row[n + 1].iova != IOVA + (n + n / 3) * 2 * T_PAGE)
				hf_expect_eq(rows.row[n + 1].iova,
					     IOVA + (n + n / 3) * 2 * T_PAGE, "row %llu",
					     (unsigned long long)n + 1);
		hf_expect_eq(rows.row[MANY + 1].iova, end, "the last page of IOVA space");
		t_rows_free(&rows);
	}
	close(fd);
	t_shown(id, &s);
	t_shown_expect(&s, "mappings", MANY + 2);
	t_shown_expect(&s, "bytes", (2 * MANY + 2) * T_PAGE);
	t_shown_expect(&s, "charged_pages", 2 * MANY + 2);
	t_shown_expect(&s, "maps", MANY + 2);
	hf_unmap(&r.container, IOVA, 2 * T_PAGE);
	hf_unmap_all(&r.container);
	t_shown(id, &s);
	t_shown_expect(&s, "maps", MANY + 2);
	t_shown_expect(&s, "unmaps", MANY + 2);
	t_shown_expect(&s, "bytes", 0);
	hf_rig_close(&r);
	hf_mem_free(&m);
}

static void over_the_limit(void *arg)
{
	struct hf_rig *r = arg;
	struct hf_mem m;

	hf_must(hf_mem_alloc("anon4k", 16 * T_PAGE, HF_MEM_TOUCHED, &m));
	t_unprivileged(4 * T_PAGE);
	hf_expect_eq(hf_try_map(&r->container, IOVA, m.addr, m.len, HF_RW), -ENOMEM,
		     "over the limit");
}

static void failures(struct t *t)
{
	struct t_shown s;
	struct hf_rig r;
	struct hf_mem m;
	uint64_t id;

	(void)t;
	if (!t_alloc(&m, "anon4k", 3 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	id = t_shown_fresh(&r);
	hf_map(&r.container, IOVA, m.addr, m.len, HF_RW);
	/* Refused before it has a range: none. */
	hf_expect_eq(hf_try_map(&r.container, IOVA, m.addr, m.len, HF_RW), -EEXIST, "twice");
	hf_expect_eq(hf_try_map(&r.container, IOVA + 1, m.addr, m.len, HF_RW), -EINVAL, "misaligned");
	t_shown(id, &s);
	t_shown_expect(&s, "map_failures", 0);
	hf_expect(!t_shown_text(&s, "failures_EEXIST"), "no failures_EEXIST");
	for (int i = 1; i <= 3; i++) {
		hf_expect_eq(hf_try_map(&r.container, IOVA + T_2M, m.addr, m.len + T_2M, HF_RW),
			     -EFAULT, "too long");
		t_shown(id, &s);
		t_shown_expect(&s, "map_failures", (uint64_t)i);
		t_shown_expect(&s, "failures_EFAULT", (uint64_t)i);
	}
	hf_unmap(&r.container, IOVA, m.len);
	t_child(over_the_limit, &r, "somebody with a limit");
	t_shown(id, &s);
	t_shown_expect(&s, "map_failures", 4);
	t_shown_expect(&s, "failures_EFAULT", 3);
	t_shown_expect(&s, "failures_ENOMEM", 1);
	t_shown_expect(&s, "maps", 1);
	t_shown_expect(&s, "unmaps", 1);
	t_shown_expect(&s, "mappings", 0);
	hf_rig_close(&r);
	hf_mem_free(&m);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* The slowest map, and how long ago things were. */
static void times(struct t *t)
{
	const size_t len = 32 * T_2M;
	uint64_t id, began, took, least, us, age;
	struct hf_mem slow, quick;
	struct t_shown s;
	struct t_row row;
	struct hf_rig r;

	(void)t;
	if (!t_alloc(&quick, "anon4k", T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	if (!t_alloc(&slow, "anon4k", len, 0, 0)) {
		hf_mem_free(&quick);
		return;
	}
	id = t_shown_fresh(&r);
	t_sleep_ms(300);
	hf_map(&r.container, IOVA + T_1G, quick.addr, quick.len, HF_RW);
	t_shown(id, &s);
	t_shown_expect(&s, "slowest_map_iova", IOVA + T_1G);
	t_shown_expect(&s, "slowest_map_size", T_PAGE);
	began = now_us();
	hf_map(&r.container, IOVA, slow.addr, slow.len, HF_RW);
	took = now_us() - began;
	hf_unmap(&r.container, IOVA + T_1G, quick.len);
	hf_map(&r.container, IOVA + T_1G, quick.addr, quick.len, HF_RW);
	t_shown(id, &s);
	t_shown_expect(&s, "slowest_map_iova", IOVA);
	t_shown_expect(&s, "slowest_map_size", len);
	us = t_shown_value(&s, "slowest_map_us");
	/* Two ticks of 100 a second. */
	least = took * 3 / 4 > 20000 ? took * 3 / 4 - 20000 : 0;
	hf_ktap_diag("the map took %llu us at most, shown: %llu", (unsigned long long)took,
		     (unsigned long long)us);
	hf_expect(us <= took + 20000 && us >= least && us, "time of the slowest map");

	row = (struct t_row){ 0 };
	hf_unmap(&r.container, IOVA + T_1G, quick.len);
	age = t_shown_value(&s, "age_ms");
	began = now_us();
	row = t_shown_only_row(id);
	t_sleep_ms(400);
	us = t_shown_only_row(id).age_ms - row.age_ms;
	took = (now_us() - began) / 1000;
	hf_expect(us >= 380 && us <= took + 20, "%llu ms older after %llu ms",
		  (unsigned long long)us, (unsigned long long)took);
	t_shown(id, &s);
	us = t_shown_value(&s, "age_ms");
	hf_expect(us >= age + 380, "the container is %llu ms old, was %llu",
		  (unsigned long long)us, (unsigned long long)age);
	hf_expect(us >= t_shown_only_row(id).age_ms + 280, "and older than the mapping");
	hf_rig_close(&r);
	hf_mem_free(&slow);
	hf_mem_free(&quick);
}

/*
 * Whose it is: not the thread that maps, the process. It may be gone; its name may be anything.
 */
struct owner {
	struct hf_rig rig;
	struct hf_mem mem;
	uint64_t id;
	pid_t pid;
};

#define STRANGE "a  b\t\x1b[7mc"
#define STRANGE_SHOWN "a  b??[7mc"

static void *map_in_thread(void *arg)
{
	struct owner *o = arg;

	prctl(PR_SET_NAME, "a thread");
	hf_map(&o->rig.container, IOVA, o->mem.addr, o->mem.len, HF_RW);
	return NULL;
}

static void map_strangely(void *arg)
{
	struct owner *o = arg;
	pthread_t thread;

	prctl(PR_SET_NAME, STRANGE);
	hf_require(!pthread_create(&thread, NULL, map_in_thread, o), "thread");
	pthread_join(thread, NULL);
	prctl(PR_SET_NAME, "renamed");
}

static void move_here(void *arg)
{
	struct owner *o = arg;

	prctl(PR_SET_NAME, "heir");
	hf_expect_eq(hf_try_map(&o->rig.container, IOVA, o->mem.addr, o->mem.len,
				VFIO_DMA_MAP_FLAG_VADDR),
		     0, "new address");
}

static void owners(struct t *t)
{
	struct owner o;
	struct t_shown s;
	struct t_row row;
	pid_t pid;

	(void)t;
	if (!t_alloc(&o.mem, "shmem4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	o.id = t_shown_fresh(&o.rig);
	pid = t_child_start(map_strangely, &o);
	t_child_end(pid, "who maps");
	row = t_shown_only_row(o.id);
	hf_expect_eq(row.pid, pid, "pid of who mapped it and is gone");
	t_expect_text(row.comm, STRANGE_SHOWN, "comm of its process");
	t_shown(o.id, &s);
	t_shown_expect(&s, "pid", (uint64_t)getpid());

	hf_must(hf_try_unmap(&o.rig.container, IOVA, o.mem.len, VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
	row = t_shown_only_row(o.id);
	hf_expect_eq(row.pid, pid, "pid without an address");
	pid = t_child_start(move_here, &o);
	t_child_end(pid, "heir");
	row = t_shown_only_row(o.id);
	hf_expect_eq(row.pid, pid, "pid of who gave it an address");
	t_expect_text(row.comm, "heir", "comm of who gave it an address");
	hf_rig_close(&o.rig);
	hf_mem_free(&o.mem);
}

static void groups(struct t *t)
{
	struct t_side side;
	struct t_shown s;
	struct hf_rig r;
	uint64_t id, domains;

	(void)t;
	id = t_shown_fresh(&r);
	t_side_attach(&side, 1, &r.container);
	t_shown(id, &s);
	t_shown_expect(&s, "groups", 2);
	domains = t_shown_value(&s, "domains");
	hf_expect(domains == 1 || domains == 2, "domains: %llu", (unsigned long long)domains);
	t_side_close(&side);
	t_shown(id, &s);
	t_shown_expect(&s, "groups", 1);
	t_shown_expect(&s, "domains", 1);
	hf_rig_close(&r);
}

static void dirty(struct t *t)
{
	struct t_shown s;
	struct hf_rig r;
	uint64_t id;

	(void)t;
	id = t_shown_fresh(&r);
	hf_must(t_dirty(&r.container, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	t_shown(id, &s);
	t_shown_expect(&s, "tracking_dirty", 1);
	hf_must(t_dirty(&r.container, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
	t_shown(id, &s);
	t_shown_expect(&s, "tracking_dirty", 0);
	hf_rig_close(&r);
}

/* A container without an IOMMU: nothing is pinned but what a driver asks for. */
static void emulated(struct t *t)
{
	struct t_emulated_rig r;
	struct t_shown s;
	struct t_row row;
	struct hf_mem m;
	uint64_t id;

	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	id = t_shown_id();
	hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
	t_shown(id, &s);
	t_shown_expect(&s, "groups", 0);
	t_shown_expect(&s, "emulated", 1);
	t_shown_expect(&s, "domains", 0);
	t_shown_expect(&s, "pins", 0);
	hf_expect_eq(t_pin(&r.dev[0], IOVA + T_PAGE, 3, HF_READ, NULL), 3, "pin");
	row = t_shown_only_row(id);
	t_expect_text(row.path, "none", "path");
	hf_expect_eq(row.runs, 0, "runs");
	hf_expect_eq(row.pins, 3, "pins");
	hf_expect_eq(row.charged_pages, 3, "charged pages");
	hf_expect_eq(row.bytes[T_4K] + row.bytes[T_CLASS_2M] + row.bytes[T_CLASS_1G], 0,
		     "bytes an IOMMU maps");
	t_shown(id, &s);
	t_shown_expect(&s, "pins", 3);
	t_shown_expect(&s, "charged_pages", 3);
	hf_expect_eq(t_unpin(&r.dev[0], IOVA + T_PAGE, 3), 0, "unpin");
	t_shown_expect(&s, "bytes", m.len);
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "folder", folder, T_HOLDFAST, NULL },
	{ "an empty container", empty, T_HOLDFAST, NULL },
	{ "a page", one_mapping, T_HOLDFAST,
	  O("anon4k", T_PAGE, 0, 0, HF_RW, { T_PAGE }) },
	{ "scattered pages", one_mapping, T_HOLDFAST,
	  O("frag4k", 77 * T_PAGE, 0, T_PAGE, HF_READ, { 77 * T_PAGE }) },
	{ "a long log", one_mapping, T_HOLDFAST,
	  O("frag4k", 8 * T_2M, 0, 0, HF_RW, { 8 * T_2M }) },
	{ "huge pages", one_mapping, T_HOLDFAST,
	  O("thp", 6 * T_2M, 0, T_2M, HF_RW, { 0, 6 * T_2M }) },
	{ "huge pages at an odd IOVA", one_mapping, T_HOLDFAST,
	  O("thp", 2 * T_2M, 0, T_PAGE, HF_RW, { 2 * T_2M }) },
	{ "huge pages and parts", one_mapping, T_HOLDFAST,
	  O("thp", 2 * T_2M, T_PAGE, T_PAGE, HF_RW, { T_2M, T_2M }) },
	{ "a huge page and a bit", one_mapping, T_HOLDFAST,
	  O("thp", T_2M + 3 * T_PAGE, 0, T_2M, HF_RW, { 3 * T_PAGE, T_2M }) },
	{ "hugetlb", one_mapping, T_HOLDFAST,
	  O("hugetlb2m", 8 * T_2M, 0, 0, HF_READ, { 0, 8 * T_2M }) },
	{ "a huge page of a gigabyte", one_mapping, T_HOLDFAST,
	  O("hugetlb1g", T_1G, 0, T_1G / 2, HF_RW, { 0, T_1G }) },
	{ "a huge page of a gigabyte at an odd IOVA", one_mapping, T_HOLDFAST,
	  O("hugetlb1g", T_1G, 0, T_PAGE, HF_RW, { T_1G }) },
	{ "a huge page of a gigabyte that fits", one_mapping, T_HOLDFAST,
	  O("hugetlb1g", T_1G, 0, T_1G * 2, HF_RW, { 0, 0, T_1G }) },
	{ "many mappings", many, T_HOLDFAST, NULL },
	{ "maps that fail", failures, T_HOLDFAST, NULL },
	{ "times", times, T_HOLDFAST, NULL },
	{ "owners", owners, T_HOLDFAST, NULL },
	{ "groups", groups, T_HOLDFAST, NULL },
	{ "dirty pages", dirty, T_HOLDFAST, NULL },
	{ "an emulated device", emulated, T_HOLDFAST, NULL },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
