// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invariant: what is parsed is printed again and must be the same text, so that no looseness of
 * scanf() gets past.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shown.h"

int t_shown_ids(uint64_t *id, unsigned int max)
{
	DIR *d = opendir(T_SHOWN "containers");
	struct dirent *e;
	unsigned int n = 0;

	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (n < max)
			id[n] = strtoull(e->d_name, NULL, 10);
		n++;
	}
	closedir(d);
	return (int)n;
}

uint64_t t_shown_id(void)
{
	uint64_t id;

	hf_require(t_shown_ids(&id, 1) == 1, "one container, and it is shown");
	return id;
}

void t_shown_path(char *path, uint64_t id, const char *file)
{
	sprintf(path, T_SHOWN "containers/%" PRIu64 "/%.32s", id, file);
}

char *t_shown_read(int fd, size_t chunk)
{
	size_t size = 1 << 16, n = 0;
	char *text = malloc(size);

	if (!text || lseek(fd, 0, SEEK_SET))
		goto err;
	for (;;) {
		ssize_t got;

		if (size - n <= chunk) {
			char *more = realloc(text, size *= 2);

			if (!more)
				goto err;
			text = more;
			continue;
		}
		got = read(fd, text + n, chunk);
		if (got < 0)
			goto err;
		if (!got)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	if (strlen(text) == n)
		return text;
	errno = EPROTO;
err:
	free(text);
	return NULL;
}

/* Kinds of values: decimal, hexadecimal, one of some words. */
static const struct {
	const char *name;
	const char *kind; /* "d", "x", or the words with a space behind each */
} names[] = {
	{ "id", "d" },
	{ "type", "v1 v2 nesting " },
	{ "pid", "d" },
	{ "age_ms", "d" },
	{ "groups", "d" },
	{ "emulated", "d" },
	{ "domains", "d" },
	{ "page_sizes", "x" },
	{ "mappings", "d" },
	{ "available", "d" },
	{ "bytes", "d" },
	{ "charged_pages", "d" },
	{ "pins", "d" },
	{ "runs", "d" },
	{ "bytes_4k", "d" },
	{ "bytes_2m", "d" },
	{ "bytes_1g", "d" },
	{ "maps", "d" },
	{ "unmaps", "d" },
	{ "map_failures", "d" },
	{ "slowest_map_us", "d" },
	{ "slowest_map_iova", "x" },
	{ "slowest_map_size", "x" },
	{ "tracking_dirty", "d" },
	{ "audit", "off on " },
	{ "incoherent_bytes", "d" },
	{ "audit_events", "d" },
	{ "audit_suspect_blocks", "d" },
	{ "audit_verified_blocks", "d" },
};

#define NAMES (sizeof(names) / sizeof(*names))

static bool value_is(const char *value, const char *kind)
{
	char again[40], word[40];

	if (!strcmp(kind, "d"))
		snprintf(again, sizeof(again), "%llu", strtoull(value, NULL, 10));
	else if (!strcmp(kind, "x"))
		snprintf(again, sizeof(again), "0x%llx", strtoull(value, NULL, 16));
	else
		return snprintf(word, sizeof(word), "%s ", value) > 1 && strstr(kind, word);
	return !strcmp(again, value);
}

const char *t_shown_parse(const char *text, struct t_shown *s)
{
	s->n = 0;
	while (*text) {
		const char *end = strchr(text, '\n');
		const char *colon = strstr(text, ": ");
		char *name, *value;

		if (!end || !colon || colon > end || s->n == T_SHOWN_LINES)
			return "a line that is no line";
		if (colon - text > 31 || end - colon > 33)
			return "a line that is too long";
		name = s->line[s->n].name;
		value = s->line[s->n].value;
		sprintf(name, "%.*s", (int)(colon - text), text);
		sprintf(value, "%.*s", (int)(end - colon - 2), colon + 2);
		if (s->n < NAMES) {
			if (strcmp(name, names[s->n].name))
				return names[s->n].name;
			if (!value_is(value, names[s->n].kind))
				return "a value of another kind";
		} else if (strncmp(name, "failures_E", 10) || !value_is(value, "d")) {
			return "something else than failures at the end";
		}
		s->n++;
		text = end + 1;
	}
	return s->n < NAMES ? "lines are missing" : NULL;
}

#define HEADER                                                                                 \
	"iova vaddr size prot state path pid age_ms charged_pages pins runs bytes_4k bytes_2m " \
	"bytes_1g incoherent comm\n"

/* One line; end is where its newline is. */
static const char *row_parse(const char *line, const char *end, struct t_row *r)
{
	char again[512];
	int at = 0, n;

	*r = (struct t_row){ 0 };
	if (sscanf(line,
		   "%" SCNx64 " %" SCNx64 " %" SCNx64 " %2s %7s %7s %d %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n",
		   &r->iova, &r->vaddr, &r->size, r->prot, r->state, r->path, &r->pid, &r->age_ms,
		   &r->charged_pages, &r->pins, &r->runs, &r->bytes[T_4K], &r->bytes[T_CLASS_2M],
		   &r->bytes[T_CLASS_1G], &r->incoherent, &at) != 15)
		return "a column that is none";
	if (line + at >= end || line[at] != ' ' || end - (line + at) > 16)
		return "comm is too long, or missing";
	sprintf(r->comm, "%.*s", (int)(end - (line + at) - 1), line + at + 1);
	n = snprintf(again, sizeof(again),
		     "0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " %s %s %s %d %" PRIu64 " %" PRIu64
		     " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s",
		     r->iova, r->vaddr, r->size, r->prot, r->state, r->path, r->pid, r->age_ms,
		     r->charged_pages, r->pins, r->runs, r->bytes[T_4K], r->bytes[T_CLASS_2M],
		     r->bytes[T_CLASS_1G], r->incoherent, r->comm);
	if (n != end - line || memcmp(again, line, (size_t)n))
		return "a line that reads differently when it is printed again";
	if (!strstr("r- -w rw ", r->prot) || strlen(r->prot) != 2)
		return "prot";
	if (!strstr("new live held dying ", r->state))
		return "state";
	if (!strstr("none pages pfnmap mixed ", r->path))
		return "path";
	if (!r->size)
		return "a mapping of nothing";
	return NULL;
}

const char *t_rows_parse(const char *text, struct t_rows *rows)
{
	const char *wrong;
	unsigned int room = 0;

	rows->n = 0;
	rows->row = NULL;
	if (strncmp(text, HEADER, strlen(HEADER)))
		return "the header";
	for (text += strlen(HEADER); *text; rows->n++) {
		const char *end = strchr(text, '\n');
		struct t_row *r;

		if (!end)
			return "a line without an end";
		if (rows->n == room) {
			room = 2 * room + 64;
			r = realloc(rows->row, room * sizeof(*r));
			if (!r)
				return "memory";
			rows->row = r;
		}
		r = &rows->row[rows->n];
		wrong = row_parse(text, end, r);
		if (wrong)
			return wrong;
		if (rows->n && r->iova - r[-1].iova < r[-1].size)
			return "an overlap";
		if (rows->n && r->iova < r[-1].iova)
			return "the order";
		text = end + 1;
	}
	return NULL;
}

void t_rows_free(struct t_rows *rows)
{
	free(rows->row);
	rows->row = NULL;
	rows->n = 0;
}

static char *read_file(uint64_t id, const char *file)
{
	char path[96], *text;
	int fd;

	t_shown_path(path, id, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	hf_require(fd >= 0, "open %s: %s", path, strerror(errno));
	text = t_shown_read(fd, 4096);
	hf_require(text, "read %s: %s", path, strerror(errno));
	close(fd);
	return text;
}

void t_shown(uint64_t id, struct t_shown *s)
{
	char *text = read_file(id, "info");
	const char *wrong = t_shown_parse(text, s);

	hf_require(!wrong, "info: %s:\n%s", wrong, text);
	free(text);
}

void t_shown_rows(uint64_t id, struct t_rows *rows)
{
	char *text = read_file(id, "mappings");
	const char *wrong = t_rows_parse(text, rows);

	hf_require(!wrong, "mappings: %s:\n%s", wrong, text);
	free(text);
}

const char *t_shown_text(const struct t_shown *s, const char *name)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (!strcmp(s->line[i].name, name))
			return s->line[i].value;
	return NULL;
}

uint64_t t_shown_value(const struct t_shown *s, const char *name)
{
	const char *value = t_shown_text(s, name);

	return value ? strtoull(value, NULL, 0) : ~0ULL;
}

void t_shown_expect(const struct t_shown *s, const char *name, uint64_t want)
{
	hf_expect_eq(t_shown_value(s, name), want, "%s", name);
}

uint64_t t_shown_fresh(struct hf_rig *r)
{
	hf_must(hf_rig_open(r, NULL, 0));
	return t_shown_id();
}

struct t_row t_shown_only_row(uint64_t id)
{
	struct t_row row = { 0 };
	struct t_rows rows;

	t_shown_rows(id, &rows);
	if (hf_expect_eq(rows.n, 1, "rows"))
		row = rows.row[0];
	t_rows_free(&rows);
	return row;
}

void t_expect_text(const char *got, const char *want, const char *what)
{
	hf_expect(got && !strcmp(got, want), "%s: got '%s', want '%s'", what, got ? got : "nothing",
		  want);
}
