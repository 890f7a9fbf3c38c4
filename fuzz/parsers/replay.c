// SPDX-License-Identifier: GPL-2.0-only
/*
 * replay.c - a target as a test: plays files, each in a process of its own, and prints KTAP.
 *
 *	TARGET                  the corpus and what was found before, as this was built with
 *	TARGET FILE|FOLDER...   these
 *
 * A process of its own, because an input may crash it, hang it or leave something behind for
 * the leak checker; all three fail that input and no other.
 *
 * Exit status: 0 all passed; 1 some did not; 2 nothing to play.
 */
#include "target.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Real seconds; a sanitizer on a busy machine takes some for what is nothing. */
#define SECONDS 20

/* More than any input of the corpus, or that AFL++ makes. */
#define INPUT_MAX (1U << 20)

/** struct list - the files to play */
struct list {
	char **path;
	size_t nr;
};

static void *have(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return p;
}

static void add(struct list *l, const char *path)
{
	struct dirent **names;
	struct stat st;
	int count;

	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		l->path = have(reallocarray(l->path, l->nr + 1, sizeof(*l->path)));
		l->path[l->nr++] = have(strdup(path));
		return;
	}
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char *inner;

		if (names[i]->d_name[0] != '.') {
			if (asprintf(&inner, "%s/%s", path, names[i]->d_name) < 0)
				inner = NULL;
			add(l, have(inner));
			free(inner);
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

/* In the child: nothing but the input may end it. */
static void play(const char *path)
{
	char *bytes = have(malloc(INPUT_MAX));
	FILE *f = fopen(path, "re");
	uint8_t *exact;
	size_t len;

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	len = fread(bytes, 1, INPUT_MAX, f);
	fclose(f);
	exact = (uint8_t *)fz_copy((struct fz_bytes){ (const uint8_t *)bytes, len });
	free(bytes);
	alarm(SECONDS);
	fz_target(exact, len);
	alarm(0);
	free(exact);
	exit(EXIT_SUCCESS);
}

/* What became of it in words, NULL when all is well. */
static const char *played(const char *path)
{
	static char why[64];
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return "cannot fork";
	if (!pid)
		play(path);
	if (waitpid(pid, &status, 0) != pid)
		return "cannot wait";
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return NULL;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(why, sizeof(why), "no end after %d s", SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "signal %d", WTERMSIG(status));
	else
		snprintf(why, sizeof(why), "exit status %d", WEXITSTATUS(status));
	return why;
}

int main(int argc, char **argv)
{
	struct list list = { 0 };
	size_t failed = 0;

	for (int i = 1; i < argc; i++)
		add(&list, argv[i]);
	if (argc < 2) {
		add(&list, CORPUS);
		if (!access(PAST, F_OK))
			add(&list, PAST);
	}
	/* Only the name of a corpus that is not there would be played: that is no test. */
	if (!list.nr)
		return 2;
	printf("KTAP version 1\n1..%zu\n", list.nr);
	for (size_t i = 0; i < list.nr; i++) {
		const char *why = played(list.path[i]);

		failed += why != NULL;
		printf("%sok %zu %s%s%s\n", why ? "not " : "", i + 1, list.path[i],
		       why ? " # " : "", why ? why : "");
	}
	printf("# Totals: pass:%zu fail:%zu xfail:0 xpass:0 skip:0 error:0\n", list.nr - failed,
	       failed);
	for (size_t i = 0; i < list.nr; i++)
		free(list.path[i]);
	free(list.path);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
