// SPDX-License-Identifier: GPL-2.0-only
/*
 * sweep.c - file what guests have left.
 *
 * Guests write while this reads: a verdict is there, whole, after its input, and AFL++'s own
 * files are looked at only once they are old enough.
 */
#include "sweep.h"
#include "store.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct known {
	FILE *file;
	uint64_t *sums;
	size_t count;
	size_t room;
};

struct sweep {
	const char *run;
	const char *store;
	json_object *about;
	fz_sweep_said *said;
	struct known known;
	int err;
};

static void remember(struct known *k, uint64_t sum)
{
	if (k->count == k->room) {
		uint64_t *more = reallocarray(k->sums, k->room ? 2 * k->room : 256, sizeof(*more));

		if (!more)
			return;
		k->sums = more;
		k->room = k->room ? 2 * k->room : 256;
	}
	k->sums[k->count++] = sum;
}

static bool is_known(const struct known *k, uint64_t sum)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->sums[i] == sum)
			return true;
	return false;
}

static int open_known(struct known *k, const char *run)
{
	char path[PATH_MAX];
	uint64_t sum;

	if ((size_t)snprintf(path, sizeof(path), "%s/known", run) >= sizeof(path))
		return -ENAMETOOLONG;
	k->file = fopen(path, "a+e");
	if (!k->file)
		return -errno;
	rewind(k->file);
	while (fscanf(k->file, "%" SCNx64, &sum) == 1)
		remember(k, sum);
	fseek(k->file, 0, SEEK_END);
	return 0;
}

static bool sum_of(const char *path, uint64_t *sum)
{
	FILE *f = fopen(path, "re");
	int c;

	if (!f)
		return false;
	*sum = 14695981039346656037ULL;
	while ((c = getc(f)) != EOF)
		*sum = (*sum ^ (unsigned char)c) * 1099511628211ULL;
	fclose(f);
	return true;
}

/* That input was seen. */
static void note(struct known *k, uint64_t sum)
{
	if (is_known(k, sum))
		return;
	remember(k, sum);
	fprintf(k->file, "%016" PRIx64 "\n", sum);
}

/* Of the path of a file that a guest has left: which guest, and which of its boots. */
static const char *origin(const struct sweep *w, const char *path, char *out, size_t size)
{
	const bool verdict = !strncmp(path + strlen(w->run), "/share/found/", 13);
	const char *begin = path + strlen(w->run) + (verdict ? 13 : strlen("/share/sync/"));
	size_t len = strcspn(begin, "/");

	if (verdict && begin[len])
		len += 1 + strcspn(begin + len + 1, "/");
	snprintf(out, size, "%.*s", (int)len, begin);
	return out;
}

/* Return: it is filed. What is not must stay where it is, for the next sweep. */
static bool file(struct sweep *w, const struct fz_sighting *s)
{
	char signature[FZ_SIGN], oracle[32], from[NAME_MAX];
	unsigned int count;
	const int err = fz_store_add(w->store, s, signature, &count, oracle);

	if (!err)
		w->said(signature, count, oracle,
			origin(w, s->verdict ? s->verdict : s->input, from, sizeof(from)));
	else if (!w->err)
		w->err = err;
	return !err;
}

static void each(struct sweep *w, const char *pattern,
		 void (*what)(struct sweep *w, const char *path, const struct stat *st))
{
	char path[PATH_MAX];
	struct stat st;
	glob_t found;

	if ((size_t)snprintf(path, sizeof(path), "%s/share/%s", w->run, pattern) >= sizeof(path) ||
	    glob(path, GLOB_NOSORT, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (!stat(found.gl_pathv[i], &st) && S_ISREG(st.st_mode) && st.st_size)
			what(w, found.gl_pathv[i], &st);
	globfree(&found);
}

static void verdict(struct sweep *w, const char *path, const struct stat *st)
{
	struct fz_sighting s = { .kind = "verdict", .verdict = path, .about = w->about };
	const char *dot = strrchr(path, '.');
	char input[PATH_MAX], log[PATH_MAX];
	uint64_t sum;

	(void)st;
	if ((size_t)snprintf(log, sizeof(log), "%.*s.log", (int)(dot - path), path) < sizeof(log) &&
	    !access(log, R_OK))
		s.log = log;
	if ((size_t)snprintf(input, sizeof(input), "%.*s.input", (int)(dot - path), path) <
	    sizeof(input) && !access(input, R_OK)) {
		s.input = input;
		/* AFL++ keeps it, too. */
		if (sum_of(input, &sum))
			note(&w->known, sum);
	}
	if (!file(w, &s))
		return;
	unlink(path);
	if (s.input)
		unlink(input);
	if (s.log)
		unlink(log);
}

static unsigned int least_age;

static void unexplained(struct sweep *w, const char *path, const struct stat *st)
{
	struct fz_sighting s = {
		.kind = strstr(path, "/hangs/id:") ? "hang" : "crash",
		.input = path,
		.about = w->about,
	};
	uint64_t sum;

	if (time(NULL) - st->st_mtime >= (time_t)least_age && sum_of(path, &sum) &&
	    !is_known(&w->known, sum) && file(w, &s))
		note(&w->known, sum);
}

int fz_sweep(const char *run, const char *store, unsigned int age, json_object *about,
	     fz_sweep_said *said)
{
	struct sweep w = { .run = run, .store = store, .about = about, .said = said };

	w.err = open_known(&w.known, run);
	if (w.err)
		return w.err;
	least_age = age;
	each(&w, "found/*/*/verdict-*.txt", verdict);
	each(&w, "found/*/*/verdict-*.json", verdict);
	each(&w, "sync/*/crashes/id:*", unexplained);
	each(&w, "sync/*/hangs/id:*", unexplained);
	if (fclose(w.known.file) && !w.err)
		w.err = -errno;
	free(w.known.sums);
	return w.err;
}
