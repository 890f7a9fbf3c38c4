// SPDX-License-Identifier: GPL-2.0-only
/*
 * state.c - folders like the module's, under /tmp.
 */
#include "state.h"

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_folder(const char *path)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		fail_msg("mkdir %s: %s", path, strerror(errno));
}

char *state_make(void)
{
	char *root = strdup("/tmp/holdfast-unit-XXXXXX"), path[256];

	assert_non_null(root);
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/containers", root);
	make_folder(path);
	state_put(root, 0, "version", "1\n");
	return root;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void state_free(char *root)
{
	assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(root);
}

void state_put(const char *root, unsigned int id, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/containers/%u", root, id);
	if (id)
		make_folder(path);
	else
		snprintf(path, sizeof(path), "%s", root);
	strncat(path, "/", sizeof(path) - strlen(path) - 1);
	strncat(path, name, sizeof(path) - strlen(path) - 1);
	if (!text) {
		assert_int_equal(unlink(path), 0);
		return;
	}
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

void state_put_container(const char *root)
{
	state_put(root, 3, "info", INFO_TEXT);
	state_put(root, 3, "mappings", MAPPINGS_TEXT);
	state_put(root, 3, "incoherent", INCOHERENT_TEXT);
}

FILE *written_open(struct written *w)
{
	memset(w, 0, sizeof(*w));
	w->f = open_memstream(&w->text, &w->size);
	assert_non_null(w->f);
	return w->f;
}

const char *written_text(struct written *w)
{
	assert_int_equal(fflush(w->f), 0);
	return w->text;
}

void written_free(struct written *w)
{
	fclose(w->f);
	free(w->text);
}

void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}
