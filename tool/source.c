// SPDX-License-Identifier: GPL-2.0-only
/*
 * source.c - read files of the module's debugfs folder, or of a copy.
 *
 * Containers come and go while they are read. Whatever a read of a container's file answers, it
 * counts as gone when its folder is no longer there afterwards. Only names that are numbers, as
 * the module writes them, are containers.
 */
#include "source.h"
#include "parse.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* Much more than the text of a million mappings; what is longer is no state of the module. */
#define TEXT_MAX ((size_t)256 << 20)

#define MODULE "/sys/module/vfio_iommu_holdfast"
#define DEBUGFS "/sys/kernel/debug"

typedef int (*parser)(const char *text, size_t len, struct ht_container *c,
		      struct ht_fault *fault);

enum ht_code ht_source_diagnose(struct ht_problem *p, const struct ht_signs *signs)
{
	if (!signs->module)
		return ht_problem(p, HT_NO_MODULE,
				  "the module is not loaded: modprobe vfio_iommu_holdfast");
	if (signs->err == EACCES || signs->err == EPERM)
		return ht_problem(p, HT_DENIED, "only root may read %s: use sudo", HT_ROOT);
	if (!signs->debugfs)
		return ht_problem(p, HT_NO_DEBUGFS,
				  "debugfs is not mounted: mount -t debugfs debugfs " DEBUGFS);
	return ht_problem(p, HT_NO_DEBUGFS,
			  "%s: %s; the loaded module does not show its state: is it older than this "
			  "tool, or is debugfs switched off (debugfs= on the kernel command line)?",
			  HT_ROOT, strerror(signs->err));
}

static bool is_debugfs(const struct statfs *fs)
{
	return (unsigned long)fs->f_type == DEBUGFS_MAGIC;
}

static enum ht_code no_root(struct ht_source *s, int err)
{
	struct ht_signs signs = { .err = err, .module = !access(MODULE, F_OK) };
	struct statfs fs;

	if (!strcmp(s->root, HT_ROOT)) {
		signs.debugfs = !statfs(DEBUGFS, &fs) && is_debugfs(&fs);
		return ht_source_diagnose(&s->problem, &signs);
	}
	if (err == EACCES || err == EPERM)
		return ht_problem(&s->problem, HT_DENIED, "%s: %s: use sudo", s->root,
				  strerror(err));
	return ht_problem(&s->problem, HT_NO_MODULE,
			  "%s: %s: --root takes %s or a copy of it (cp -r)", s->root, strerror(err),
			  HT_ROOT);
}

/* Text of a file, to be freed; a negative errno. */
static int read_text(int dir, const char *path, char **text, size_t *len)
{
	const int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t room = 4096;
	ssize_t got = -1;
	int ret = 0;

	*len = 0;
	*text = NULL;
	if (fd < 0)
		return -errno;
	for (;;) {
		char *larger;

		if (!*text || *len == room) {
			room *= 2;
			larger = room > TEXT_MAX ? NULL : realloc(*text, room);
			if (!larger) {
				ret = room > TEXT_MAX ? -EFBIG : -ENOMEM;
				break;
			}
			*text = larger;
		}
		got = read(fd, *text + *len, room - *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		*len += (size_t)got;
	}
	if (!ret && got < 0)
		ret = -errno;
	close(fd);
	if (ret) {
		free(*text);
		*text = NULL;
	}
	return ret;
}

static enum ht_code check_version(struct ht_source *s)
{
	struct ht_fault fault;
	uint64_t version;
	char *text;
	size_t len;
	int ret = read_text(s->fd, "version", &text, &len);

	if (ret)
		return no_root(s, -ret);
	ret = ht_parse_version(text, len, &version, &fault);
	free(text);
	if (ret)
		return ht_problem(&s->problem, HT_MALFORMED, "%s/version, line %zu: %s", s->root,
				  fault.line, fault.what);
	if (version != HT_FORMAT)
		return ht_problem(&s->problem, HT_VERSION,
				  "%s has format version %" PRIu64 ", this tool reads %d: take the "
				  "tool that came with the module", s->root, version, HT_FORMAT);
	return HT_OK;
}

enum ht_code ht_source_open(struct ht_source *s, const char *root)
{
	struct statfs fs;

	memset(s, 0, sizeof(*s));
	s->root = root;
	s->fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return no_root(s, errno);
	s->live = !fstatfs(s->fd, &fs) && is_debugfs(&fs);
	return check_version(s);
}

void ht_source_close(struct ht_source *s)
{
	/* A zeroed source has no root; its fd is not ours. */
	if (s->root && s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* Read one file of a container; its folder is looked for again when that fails. */
static enum ht_code read_file(struct ht_source *s, struct ht_container *c, uint64_t id,
			      const char *name, parser parse)
{
	struct ht_fault fault = { 0 };
	char path[64], *text;
	size_t len;
	int ret;

	snprintf(path, sizeof(path), "containers/%" PRIu64 "/%s", id, name);
	ret = read_text(s->fd, path, &text, &len);
	if (!ret) {
		ret = parse(text, len, c, &fault);
		free(text);
	} else if (ret == -ENOENT && parse == ht_parse_incoherent && !c->info.audit) {
		/* A module that audits nothing need not have it. */
		ret = 0;
	}
	if (!ret)
		return HT_OK;
	*strrchr(path, '/') = '\0';
	/* ENODEV: its number is no longer known, and the folder about to go. */
	if (ret == -ENODEV || faccessat(s->fd, path, F_OK, 0))
		return ht_problem(&s->problem, HT_GONE,
				  "container %" PRIu64 " is gone, or there never was one: holdfast "
				  "top --once lists them", id);
	if (ret == -EBADMSG)
		return ht_problem(&s->problem, HT_MALFORMED, "%s/%s/%s, line %zu: %s", s->root, path,
				  name, fault.line, fault.what);
	if (ret == -EACCES || ret == -EPERM)
		return ht_problem(&s->problem, HT_DENIED, "%s/%s/%s: %s: use sudo", s->root, path,
				  name, strerror(-ret));
	return ht_problem(&s->problem, HT_FAILED, "%s/%s/%s: %s", s->root, path, name,
			  strerror(-ret));
}

/* Name of the process: it may be asked itself, or be found among who mapped. */
static void find_comm(const struct ht_source *s, struct ht_container *c)
{
	char path[64], *text;
	size_t len;

	if (*c->comm)
		return;
	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/comm", c->info.pid);
	if (s->live && !read_text(AT_FDCWD, path, &text, &len)) {
		while (len && text[len - 1] == '\n')
			len--;
		ht_printable(c->comm, sizeof(c->comm), (struct ht_span){ text, len });
		free(text);
		return;
	}
	for (size_t i = 0; i < c->nr_mappings; i++)
		if (c->mappings[i].pid == c->info.pid) {
			memcpy(c->comm, c->mappings[i].comm, sizeof(c->comm));
			return;
		}
}

/* Who reads the ranges has the module compare; after that its sum of them is true. */
static void have_compared(const struct ht_source *s, uint64_t id)
{
	char path[64], *text;
	size_t len;

	snprintf(path, sizeof(path), "containers/%" PRIu64 "/incoherent", id);
	if (!read_text(s->fd, path, &text, &len))
		free(text);
}

static enum ht_code read_container(struct ht_source *s, uint64_t id, unsigned int what,
				   struct ht_container *c)
{
	enum ht_code code;

	if (s->live && (what & HT_READ_INCOHERENT))
		have_compared(s, id);
	code = read_file(s, c, id, "info", ht_parse_info);
	/* In a copy nobody else knows the name. */
	if (!s->live)
		what |= HT_READ_MAPPINGS;
	if (!code && c->info.id != id)
		return ht_problem(&s->problem, HT_MALFORMED,
				  "%s/containers/%" PRIu64 "/info is that of container %" PRIu64,
				  s->root, id, c->info.id);
	if (!code && (what & HT_READ_MAPPINGS))
		code = read_file(s, c, id, "mappings", ht_parse_mappings);
	if (!code && (what & HT_READ_INCOHERENT))
		code = read_file(s, c, id, "incoherent", ht_parse_incoherent);
	if (!code)
		find_comm(s, c);
	return code;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Read one more container into @snap. */
static enum ht_code add_container(struct ht_source *s, uint64_t id, unsigned int what,
				  struct ht_snapshot *snap)
{
	struct ht_container *room = reallocarray(snap->containers, snap->nr + 1, sizeof(*room));
	enum ht_code code;

	if (!room)
		return ht_problem_memory(&s->problem);
	snap->containers = room;
	memset(&room[snap->nr], 0, sizeof(*room));
	code = read_container(s, id, what, &room[snap->nr]);
	if (code)
		ht_container_free(&room[snap->nr]);
	else
		snap->nr++;
	return code;
}

enum ht_code ht_source_one(struct ht_source *s, uint64_t id, unsigned int what,
			   struct ht_snapshot *snap)
{
	memset(snap, 0, sizeof(*snap));
	snap->taken_ms = now_ms();
	return add_container(s, id, what, snap);
}

static int by_number(const void *a, const void *b)
{
	const struct ht_container *left = a, *right = b;

	return (left->info.id > right->info.id) - (left->info.id < right->info.id);
}

static bool is_container(const char *name, uint64_t *id)
{
	return (name[0] != '0' || !name[1]) &&
	       ht_number((struct ht_span){ name, strlen(name) }, HT_DECIMAL, id);
}

enum ht_code ht_source_all(struct ht_source *s, unsigned int what, struct ht_snapshot *snap)
{
	enum ht_code code = HT_OK;
	struct dirent *entry;
	uint64_t id;
	DIR *dir = NULL;
	int fd;

	memset(snap, 0, sizeof(*snap));
	snap->taken_ms = now_ms();
	fd = openat(s->fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir) {
		/* The module may have been unloaded after its version was read. */
		code = no_root(s, errno);
		if (fd >= 0)
			close(fd);
		return code;
	}
	while (!code && (entry = readdir(dir))) {
		if (!is_container(entry->d_name, &id))
			continue;
		code = add_container(s, id, what, snap);
		if (code == HT_GONE)
			code = HT_OK;
	}
	closedir(dir);
	if (snap->nr)
		qsort(snap->containers, snap->nr, sizeof(*snap->containers), by_number);
	return code;
}
