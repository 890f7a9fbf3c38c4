// SPDX-License-Identifier: GPL-2.0-only
/*
 * observe_busy - who reads in debugfs neither stops others nor is stopped by them.
 *
 * Readers run beside threads that map and unmap, and every line must parse and be in order
 * (harness/shown.h). A mapping that somebody is at work on, for as long as he likes, is shown as
 * such in bounded time. When the container goes, files that are open end with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulated.h"
#include "harness.h"
#include "shown.h"
#include "stuck.h"

#define IOVA 0x180000000ULL

/* A mapping that somebody holds for as long as he likes is shown as held, in bounded time. */
static void held(struct t *t)
{
	struct t_rows rows;
	struct t_holder h;
	struct hf_rig r;
	struct hf_mem m;
	struct t_shown s;
	uint64_t id, began, took;

	(void)t;
	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	id = t_shown_fresh(&r);
	hf_map(&r.container, IOVA, m.addr, m.len, HF_RW);
	hf_map(&r.container, IOVA + T_2M, m.addr, m.len, HF_RW);
	t_hold(&h, &r.container, IOVA, m.len);

	began = t_now_ms();
	t_shown_rows(id, &rows);
	took = t_now_ms() - began;
	hf_ktap_diag("read in %llu ms", (unsigned long long)took);
	/* A second, and what a slow machine takes for the rest. */
	hf_expect(took < t_patience_ms(5000), "a read in bounded time");
	if (hf_expect_eq(rows.n, 2, "rows")) {
		t_expect_text(rows.row[0].state, "held", "state");
		hf_expect_eq(rows.row[0].pid, getpid(), "pid");
		hf_expect_eq(rows.row[0].size, m.len, "size");
		hf_expect_eq(rows.row[0].charged_pages, 4, "charged pages");
		hf_expect_eq(rows.row[0].pins, 4, "pins");
		t_expect_text(rows.row[1].state, "live", "state of the other");
		hf_expect_eq(rows.row[1].bytes[T_4K], m.len, "bytes of the other");
	}
	t_rows_free(&rows);
	t_shown(id, &s);
	t_shown_expect(&s, "mappings", 2);
	t_shown_expect(&s, "bytes", 2 * m.len);

	hf_expect_eq(t_let_go(&h), 0, "the report");
	t_shown_rows(id, &rows);
	if (hf_expect_eq(rows.n, 2, "rows"))
		t_expect_text(rows.row[0].state, "live", "state, let go");
	t_rows_free(&rows);
	hf_rig_close(&r);
	hf_mem_free(&m);
}

struct asker {
	struct hf_container *c;
	void *addr;
	size_t len;
	int ret;
	pthread_t thread;
};

static void *ask_map(void *arg)
{
	struct asker *a = arg;

	a->ret = hf_try_map(a->c, IOVA, a->addr, a->len, HF_RW);
	return NULL;
}

/* What is being mapped is shown at once, without what nobody may read yet. */
static void new(struct t *t)
{
	struct asker a;
	struct t_stuck k;
	struct hf_rig r;
	struct t_row row;
	struct t_shown s;
	uint64_t id, began, took;

	(void)t;
	if (t_kernel_before(6, 2)) {
		hf_ktap_skip("no map waits for a userfaultfd before 6.2");
		return;
	}
	id = t_shown_fresh(&r);
	t_stuck_make(&k, 4 * T_PAGE);
	a = (struct asker){ .c = &r.container, .addr = k.addr, .len = 4 * T_PAGE };
	t_log("holdfast-expect: uffd-retry under the mmap lock");
	hf_require(!pthread_create(&a.thread, NULL, ask_map, &a), "thread");
	t_stuck_wait(&k);
	began = t_now_ms();
	row = t_shown_only_row(id);
	t_shown(id, &s);
	took = t_now_ms() - began;
	hf_expect(took < t_patience_ms(900), "read in %llu ms", (unsigned long long)took);
	t_expect_text(row.state, "new", "state");
	t_expect_text(row.path, "none", "path");
	hf_expect_eq(row.iova, IOVA, "iova");
	hf_expect_eq(row.size, a.len, "size");
	hf_expect_eq(row.pid, getpid(), "pid");
	hf_expect_eq(row.charged_pages + row.pins + row.runs + row.bytes[T_4K], 0, "numbers");
	t_shown_expect(&s, "mappings", 1);
	t_stuck_end(&k);
	pthread_join(a.thread, NULL);
	t_log("holdfast-expect: none");
	hf_ktap_diag("the map: %d", a.ret);
	if (!a.ret)
		hf_unmap(&r.container, IOVA, a.len);
	t_stuck_free(&k);
	hf_rig_close(&r);
}

/*
 * Readers beside threads that map and unmap.
 */
#define BUSY 3

struct busy {
	struct hf_container *c;
	struct hf_mem mem;
	uint64_t iova;
	atomic_bool *stop;
	uint64_t rounds;
	int ret;
	pthread_t thread;
};

static void *map_and_unmap(void *arg)
{
	struct busy *b = arg;

	for (; !b->ret && !atomic_load(b->stop); b->rounds++) {
		/* The place moves, so that a cursor meets it from both sides. */
		const uint64_t at = b->iova + b->rounds % 5 * 16 * T_PAGE;

		b->ret = hf_try_map(b->c, at, b->mem.addr, b->mem.len, HF_RW);
		if (!b->ret)
			b->ret = hf_try_unmap(b->c, at, b->mem.len, 0, NULL);
	}
	return NULL;
}

struct reader {
	char path[96];
	bool table;
	size_t chunk;
	atomic_bool *stop;
	uint64_t rounds;
	char wrong[128];
	pthread_t thread;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	const int fd = open(r->path, O_RDONLY | O_CLOEXEC);

	for (; fd >= 0 && !*r->wrong && !atomic_load(r->stop); r->rounds++) {
		char *text = t_shown_read(fd, r->chunk);
		const char *wrong = NULL;
		struct t_shown s;
		struct t_rows rows;

		if (!text) {
			snprintf(r->wrong, sizeof(r->wrong), "read: %s", strerror(errno));
			break;
		}
		if (r->table) {
			wrong = t_rows_parse(text, &rows);
			t_rows_free(&rows);
		} else {
			wrong = t_shown_parse(text, &s);
		}
		if (wrong)
			snprintf(r->wrong, sizeof(r->wrong), "%s", wrong);
		free(text);
	}
	if (fd < 0)
		snprintf(r->wrong, sizeof(r->wrong), "open: %s", strerror(errno));
	else
		close(fd);
	return NULL;
}

static void beside(struct t *t)
{
	/* The second is long enough to be held for the walk. */
	static const struct {
		const char *kind;
		size_t len;
	} memory[BUSY] = {
		{ "anon4k", T_PAGE },
		{ "frag4k", 4 * T_2M },
		{ "anon4k", 24 * T_PAGE },
	};
	struct reader reader[] = { { .chunk = 4096 }, { .table = true, .chunk = 4096 },
				   { .table = true, .chunk = 333 } };
	struct busy busy[BUSY] = { 0 };
	struct hf_mem m;
	atomic_bool stop = false;
	struct t_shown s;
	struct hf_rig r;
	uint64_t id, rounds = 0;

	(void)t;
	if (!t_alloc(&m, "frag4k", 2 * T_2M, 0, HF_MEM_TOUCHED))
		return;
	id = t_shown_fresh(&r);
	/* Some that stay, with a log long enough to be held for the walk. */
	for (uint64_t i = 0; i < 4; i++)
		hf_map(&r.container, IOVA + i * 2 * T_1G, m.addr, m.len, HF_RW);
	for (int i = 0; i < BUSY; i++) {
		busy[i] = (struct busy){ .c = &r.container,
					 .iova = IOVA + T_1G + (uint64_t)i * 2 * T_1G,
					 .stop = &stop };
		hf_must(hf_mem_alloc(memory[i].kind, memory[i].len, HF_MEM_TOUCHED, &busy[i].mem));
		hf_require(!pthread_create(&busy[i].thread, NULL, map_and_unmap, &busy[i]), "thread");
	}
	for (size_t i = 0; i < T_ARRAY_SIZE(reader); i++) {
		reader[i].stop = &stop;
		t_shown_path(reader[i].path, id, reader[i].table ? "mappings" : "info");
		hf_require(!pthread_create(&reader[i].thread, NULL, read_on, &reader[i]), "thread");
	}
	t_sleep_ms(3000);
	atomic_store(&stop, true);
	for (size_t i = 0; i < T_ARRAY_SIZE(reader); i++) {
		pthread_join(reader[i].thread, NULL);
		hf_ktap_diag("reader %zu: %llu rounds", i, (unsigned long long)reader[i].rounds);
		hf_expect(!*reader[i].wrong, "reader %zu: %s", i, reader[i].wrong);
		hf_expect(reader[i].rounds > 1, "reader %zu got to read", i);
	}
	for (int i = 0; i < BUSY; i++) {
		pthread_join(busy[i].thread, NULL);
		hf_ktap_diag("thread %d: %llu rounds", i, (unsigned long long)busy[i].rounds);
		hf_expect_eq(busy[i].ret, 0, "thread %d", i);
		hf_expect(busy[i].rounds > 1, "thread %d got to map", i);
		rounds += busy[i].rounds;
		hf_mem_free(&busy[i].mem);
	}
	t_shown(id, &s);
	t_shown_expect(&s, "maps", rounds + 4);
	t_shown_expect(&s, "unmaps", rounds);
	t_shown_expect(&s, "mappings", 4);
	hf_rig_close(&r);
	hf_mem_free(&m);
}

/* Read up to the end of a line, and nothing ahead. */
static void read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	do
		hf_require(n + 1 < size && read(fd, line + n, 1) == 1, "read a byte");
	while (line[n++] != '\n');
	line[n] = '\0';
}

/* A reader that stands behind a row, where now a mapping lies that begins before it. */
static void overtaken(struct t *t)
{
	char path[96], line[512];
	struct hf_rig r;
	struct hf_mem m;
	uint64_t id;
	int fd;

	(void)t;
	if (!t_alloc(&m, "anon4k", 8 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	id = t_shown_fresh(&r);
	hf_map(&r.container, IOVA, m.addr, 2 * T_PAGE, HF_RW);
	hf_map(&r.container, IOVA + T_2M, m.addr, T_PAGE, HF_RW);
	t_shown_path(path, id, "mappings");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	hf_require(fd >= 0, "open");
	read_line(fd, line, sizeof(line));
	/* Not to its end: then the next row is fetched. */
	hf_require(read(fd, line, 12) == 12, "read");
	line[12] = '\0';
	hf_expect_eq(strtoull(line, NULL, 16), IOVA, "the first row");
	hf_unmap(&r.container, IOVA, 2 * T_PAGE);
	hf_map(&r.container, IOVA - 2 * T_PAGE, m.addr, m.len, HF_RW);
	read_line(fd, line, sizeof(line));
	read_line(fd, line, sizeof(line));
	hf_expect_eq(strtoull(line, NULL, 16), IOVA + T_2M, "the next row");
	hf_expect_eq(read(fd, line, sizeof(line)), 0, "the end");
	/* The end stays the end. */
	hf_map(&r.container, IOVA + 2 * T_2M, m.addr, T_PAGE, HF_RW);
	hf_expect_eq(read(fd, line, sizeof(line)), 0, "the end, once more");
	close(fd);
	hf_rig_close(&r);
	hf_mem_free(&m);
}

/* Files that are open, and being read, when the container goes. */
static void closed(struct t *t)
{
	static const char *const files[] = { "info", "mappings" };
	struct reader reader = { .table = true, .chunk = 100 };
	struct hf_proc_snapshot before;
	atomic_bool stop = false;
	char path[96], text[64];
	struct hf_rig r;
	struct hf_mem m;
	uint64_t id;
	int fd[4];

	(void)t;
	if (!t_alloc(&m, "frag4k", 2 * T_2M, 0, HF_MEM_TOUCHED))
		return;
	hf_must(hf_proc_snapshot(&before));
	id = t_shown_fresh(&r);
	for (uint64_t i = 0; i < 40; i++)
		hf_map(&r.container, IOVA + i * 4 * T_2M, m.addr, m.len, HF_RW);
	/* One at its start, one in the middle of a line. */
	for (int i = 0; i < 4; i++) {
		t_shown_path(path, id, files[i % 2]);
		fd[i] = open(path, O_RDONLY | O_CLOEXEC);
		hf_require(fd[i] >= 0, "open");
		if (i > 1)
			hf_expect_eq(read(fd[i], text, sizeof(text)), sizeof(text), "first bytes");
	}
	reader.stop = &stop;
	t_shown_path(reader.path, id, "mappings");
	hf_require(!pthread_create(&reader.thread, NULL, read_on, &reader), "thread");
	t_sleep_ms(200);
	hf_rig_close(&r);
	pthread_join(reader.thread, NULL);
	hf_ktap_diag("the reader was stopped after %llu rounds: %s",
		     (unsigned long long)reader.rounds, reader.wrong);
	t_expect_text(reader.wrong, "read: No such device", "the reader");
	hf_expect(access(path, F_OK) && errno == ENOENT, "its files are gone");
	for (int i = 0; i < 4; i++) {
		char line[4096];
		ssize_t got = read(fd[i], line, sizeof(line));

		/* The rest of what was there already, which is all of an info. */
		if (i > 1 && got > 0)
			got = read(fd[i], line, sizeof(line));
		if (i == 2)
			hf_expect_eq(got, 0, "the end of an info");
		else
			hf_expect(got < 0 && errno == ENODEV, "file %d: %zd, %s", i, got,
				  strerror(errno));
		close(fd[i]);
	}
	t_leftover(&before, "the container closed under a reader");
	hf_mem_free(&m);
}

static const struct t_case cases[] = {
	{ "held", held, T_HOLDFAST, NULL },
	{ "new", new, T_HOLDFAST, NULL },
	{ "readers beside maps and unmaps", beside, T_HOLDFAST, NULL },
	{ "overtaken by a mapping", overtaken, T_HOLDFAST, NULL },
	{ "closed while it is read", closed, T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
