// SPDX-License-Identifier: GPL-2.0-only
/*
 * op.c - operations and sequences as text.
 *
 *	# a comment
 *	sequence "name" [v1] [dma] [domains] [entries=N]
 *	map iova=0x1000 size=0x1000 at=anon+0x2000 flags=0x3
 *	sweep
 *
 * Invariant: what cf_op_print() writes cf_sequence_read() reads back to the same operation.
 */
#include "op.h"

#include <ctype.h>
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAP_SIZE sizeof(struct vfio_iommu_type1_dma_map)
#define UNMAP_SIZE sizeof(struct vfio_iommu_type1_dma_unmap)

/* What a line that begins a sequence begins with */
#define SEQUENCE "sequence"

static const struct {
	const char *name;
	struct cf_op usual;
} kinds[CF_KINDS] = {
	[CF_MAP] = { "map", { .argsz = MAP_SIZE, .flags = 3, .at.place = CF_ANON } },
	[CF_UNMAP] = { "unmap", { .argsz = UNMAP_SIZE, .at.place = CF_BITS, .pgsize = CF_PAGE } },
	[CF_INFO] = { "info", { .argsz = 256 } },
	[CF_EXTENSION] = { "extension", { .argsz = 0 } },
	[CF_DIRTY] = { "dirty", { .argsz = sizeof(struct vfio_iommu_type1_dirty_bitmap) +
					   sizeof(struct vfio_iommu_type1_dirty_bitmap_get),
				  .at.place = CF_BITS, .pgsize = CF_PAGE } },
	[CF_IOCTL] = { "ioctl", { .argsz = 64 } },
	[CF_SETIOMMU] = { "set-iommu", { .flags = VFIO_TYPE1v2_IOMMU } },
	[CF_SECOND] = { "second", { .argsz = 0 } },
	[CF_LEAVE] = { "leave", { .argsz = 0 } },
	[CF_JOIN] = { "join", { .argsz = 0 } },
	[CF_HUGEPAGES] = { "disable-hugepages", { .flags = 1 } },
	[CF_SWEEP] = { "sweep", { .argsz = 0 } },
	[CF_BLOCKED] = { "blocked", { .argsz = 0 } },
	[CF_MUNMAP] = { "munmap", { .at.place = CF_ANON } },
	[CF_MMAP] = { "mmap", { .at.place = CF_ANON } },
	[CF_MPROTECT] = { "mprotect", { .flags = PROT_READ | PROT_WRITE, .at.place = CF_ANON } },
	[CF_MADVISE] = { "madvise", { .flags = MADV_DONTNEED, .at.place = CF_ANON } },
	[CF_MREMAP] = { "mremap", { .at.place = CF_ANON } },
	[CF_WRITE] = { "write", { .at.place = CF_ANON } },
	[CF_READ] = { "read", { .at.place = CF_ANON } },
	[CF_FORK] = { "fork", { .at.place = CF_ANON } },
	[CF_LIMIT] = { "limit", { .argsz = 0 } },
};

const char *cf_kind_name(uint32_t kind)
{
	return kind < CF_KINDS ? kinds[kind].name : "?";
}

void cf_op_init(struct cf_op *op, uint32_t kind)
{
	*op = kinds[kind].usual;
	op->kind = kind;
	if (!op->arg.place)
		op->arg.place = CF_ARG;
}

/* Fields */

static const struct field {
	const char *name;
	size_t offset;
	enum { U32, U64, PLACE } type;
} fields[] = {
	{ "argsz", offsetof(struct cf_op, argsz), U32 },
	{ "flags", offsetof(struct cf_op, flags), U32 },
	{ "iova", offsetof(struct cf_op, iova), U64 },
	{ "size", offsetof(struct cf_op, size), U64 },
	{ "at", offsetof(struct cf_op, at), PLACE },
	{ "arg", offsetof(struct cf_op, arg), PLACE },
	{ "pgsize", offsetof(struct cf_op, pgsize), U64 },
	{ "bytes", offsetof(struct cf_op, bytes), U64 },
};

#define FIELDS (sizeof(fields) / sizeof(*fields))

static uint64_t get(const struct cf_op *op, const struct field *f)
{
	const void *p = (const char *)op + f->offset;

	return f->type == U32 ? *(const uint32_t *)p : *(const uint64_t *)p;
}

char *cf_op_print(const struct cf_op *op, char *buf, size_t size)
{
	struct cf_op usual;
	size_t n;

	cf_op_init(&usual, op->kind);
	n = (size_t)snprintf(buf, size, "%s", cf_kind_name(op->kind));
	for (size_t i = 0; i < FIELDS && n < size; i++) {
		const struct field *f = &fields[i];

		if (f->type == PLACE) {
			const struct cf_at *at = (const void *)((const char *)op + f->offset);
			const struct cf_at *was = (const void *)((const char *)&usual + f->offset);

			if (at->place != was->place || at->off != was->off)
				n += (size_t)snprintf(buf + n, size - n, " %s=%s+0x%llx", f->name,
						      cf_places[at->place].name,
						      (unsigned long long)at->off);
		} else if (get(op, f) != get(&usual, f)) {
			n += (size_t)snprintf(buf + n, size - n, " %s=0x%llx", f->name,
					      (unsigned long long)get(op, f));
		}
	}
	return buf;
}

char *cf_setup_print(const struct cf_sequence *s, char *buf, size_t size)
{
	const struct cf_setup *c = &s->setup;
	char entries[24] = "";

	if (c->entries)
		snprintf(entries, sizeof(entries), " entries=%u", c->entries);
	snprintf(buf, size, "sequence \"%s\"%s%s%s%s", s->name, c->v1 ? " v1" : "",
		 c->dma ? " dma" : "", c->domains ? " domains" : "", entries);
	return buf;
}

/* Reading */

static bool is_word(const char *at, size_t len, const char *word)
{
	return strlen(word) == len && !strncmp(at, word, len);
}

/* A whole word as a number in any base of C: no sign, no more than @max. */
static bool read_number(const char *at, size_t len, uint64_t max, uint64_t *value)
{
	char *end;

	if (!len || !isdigit((unsigned char)*at))
		return false;
	errno = 0;
	*value = strtoull(at, &end, 0);
	return end == at + len && !errno && *value <= max;
}

static bool read_value(const struct field *f, struct cf_op *op, const char *at, size_t len)
{
	void *p = (char *)op + f->offset;
	const char *plus = memchr(at, '+', len);
	uint64_t v;

	if (f->type == PLACE) {
		struct cf_at *to = p;
		int place = cf_place_find(at, plus ? (size_t)(plus - at) : len);

		if (place < 0)
			return false;
		to->place = (uint32_t)place;
		to->off = 0;
		return !plus || read_number(plus + 1, (size_t)(at + len - plus - 1), UINT64_MAX,
					    &to->off);
	}
	if (!read_number(at, len, f->type == U32 ? UINT32_MAX : UINT64_MAX, &v))
		return false;
	if (f->type == U32)
		*(uint32_t *)p = (uint32_t)v;
	else
		*(uint64_t *)p = v;
	return true;
}

static bool read_field(struct cf_op *op, const char *at, size_t len)
{
	const char *is = memchr(at, '=', len);

	if (!is)
		return false;
	for (size_t i = 0; i < FIELDS; i++)
		if (is_word(at, (size_t)(is - at), fields[i].name))
			return read_value(&fields[i], op, is + 1, len - (size_t)(is + 1 - at));
	return false;
}

static bool read_op(struct cf_op *op, const char *line, const char *end)
{
	size_t len;

	for (bool first = true; line < end; line += len, first = false) {
		while (line < end && isspace((unsigned char)*line))
			line++;
		for (len = 0; line + len < end && !isspace((unsigned char)line[len]); len++)
			;
		if (!len)
			break;
		if (first) {
			uint32_t kind = 0;

			while (kind < CF_KINDS && !is_word(line, len, kinds[kind].name))
				kind++;
			if (kind == CF_KINDS)
				return false;
			cf_op_init(op, kind);
		} else if (!read_field(op, line, len)) {
			return false;
		}
	}
	return true;
}

static bool read_setup(struct cf_sequence *s, const char *line, const char *end)
{
	const char *quote = memchr(line, '"', (size_t)(end - line));
	const char *close = quote ? memchr(quote + 1, '"', (size_t)(end - quote - 1)) : NULL;
	uint64_t entries;
	size_t len;

	memset(s, 0, sizeof(*s));
	if (!close || (size_t)(close - quote) > sizeof(s->name))
		return false;
	line += sizeof(SEQUENCE) - 1;
	if (!isspace((unsigned char)*line))
		return false;
	while (line < quote)
		if (!isspace((unsigned char)*line++))
			return false;
	snprintf(s->name, sizeof(s->name), "%.*s", (int)(close - quote - 1), quote + 1);
	for (line = close + 1; line < end; line += len) {
		while (line < end && isspace((unsigned char)*line))
			line++;
		for (len = 0; line + len < end && !isspace((unsigned char)line[len]); len++)
			;
		if (!len)
			break;
		if (is_word(line, len, "v1"))
			s->setup.v1 = true;
		else if (is_word(line, len, "dma"))
			s->setup.dma = true;
		else if (is_word(line, len, "domains"))
			s->setup.domains = true;
		else if (len > 8 && !strncmp(line, "entries=", 8) &&
			 read_number(line + 8, len - 8, UINT32_MAX, &entries))
			s->setup.entries = (uint32_t)entries;
		else
			return false;
	}
	return true;
}

int cf_sequence_read(const char **text, struct cf_sequence *s, char *error)
{
	bool begun = false;

	while (**text) {
		const char *line = *text, *end = strchrnul(line, '\n'), *hash;
		const char *next = *end ? end + 1 : end;

		hash = memchr(line, '#', (size_t)(end - line));
		if (hash)
			end = hash;
		while (line < end && isspace((unsigned char)*line))
			line++;
		while (end > line && isspace((unsigned char)end[-1]))
			end--;
		if (line == end) {
			*text = next;
			continue;
		}
		snprintf(error, 120, "%.*s", (int)(end - line), line);
		if (!strncmp(line, SEQUENCE, sizeof(SEQUENCE) - 1)) {
			if (begun)
				break;
			begun = true;
			if (!read_setup(s, line, end))
				return -1;
		} else {
			if (!begun || s->nr == CF_SEQUENCE_MAX ||
			    !read_op(&s->op[s->nr], line, end))
				return -1;
			s->op[s->nr].serial = s->nr + 1;
			s->nr++;
		}
		*text = next;
	}
	return begun;
}
