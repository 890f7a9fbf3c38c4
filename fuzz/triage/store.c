// SPDX-License-Identifier: GPL-2.0-only
/*
 * store.c - findings on disk.
 */
#include "store.h"
#include "../op.h"
#include "../text.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Lines of the kernel log before the report, and all that are kept. */
#define LOG_BEFORE 40
#define LOG_LINES 400

const char *fz_text(json_object *o, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

double fz_number(json_object *o, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_double(value) : 0;
}

static int join(char *out, const char *folder, const char *name)
{
	return (size_t)snprintf(out, PATH_MAX, "%s/%s", folder, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int make_folder(const char *path)
{
	return mkdir(path, 0777) && errno != EEXIST ? -errno : 0;
}

/* A file of at most @room bytes; the length, or -errno. */
static ssize_t slurp(const char *path, uint8_t *out, size_t room)
{
	FILE *f = fopen(path, "re");
	ssize_t n;

	if (!f)
		return -errno;
	n = (ssize_t)fread(out, 1, room, f);
	if (ferror(f))
		n = -EIO;
	fclose(f);
	return n;
}

static int spill(const char *path, const uint8_t *data, size_t len)
{
	FILE *f = fopen(path, "we");
	int err = 0;

	if (!f)
		return -errno;
	if (fwrite(data, 1, len, f) != len)
		err = -EIO;
	if (fclose(f) && !err)
		err = -errno;
	/* Half of it would be taken for another input. */
	if (err)
		unlink(path);
	return err;
}

/* An input with its text beside it, which is there first: an input that is there is kept. */
static int keep_input(const char *folder, const char *name, const uint8_t *data, size_t len)
{
	struct fz_sequence s;
	char path[PATH_MAX];
	FILE *f;
	int err = join(path, folder, name);

	if (err || strlen(path) + 5 > sizeof(path))
		return err ? err : -ENAMETOOLONG;
	strcat(path, ".txt");
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fz_decode(data, len, &s);
	err = fz_text_print(f, &s);
	if (fclose(f) && !err)
		err = -errno;
	path[strlen(path) - 4] = '\0';
	return err ? err : spill(path, data, len);
}

/* Keep an input under the first free name, unless it is there already. */
static int keep_another(const char *folder, const char *from)
{
	static uint8_t data[1 << 16], other[1 << 16];
	const ssize_t len = slurp(from, data, sizeof(data));
	char name[16], path[PATH_MAX];

	if (len < 0)
		return (int)len;
	for (int i = 1; i <= FZ_STORE_INPUTS; i++) {
		ssize_t there;
		int err;

		snprintf(name, sizeof(name), i > 1 ? "input-%d" : "input", i);
		err = join(path, folder, name);
		if (err)
			return err;
		there = slurp(path, other, sizeof(other));
		if (there == -ENOENT)
			return keep_input(folder, name, data, (size_t)len);
		if (there == len && !memcmp(data, other, (size_t)len))
			return 0;
	}
	return 0;
}

static int keep_log(const char *folder, const char *from, unsigned int line)
{
	char path[PATH_MAX], text[1024];
	unsigned int n = 0;
	FILE *in, *out;
	int err = join(path, folder, "kernel.log");

	if (err)
		return err;
	in = fopen(from, "re");
	if (!in)
		return -errno;
	out = fopen(path, "we");
	if (!out) {
		err = -errno;
		fclose(in);
		return err;
	}
	while (fgets(text, sizeof(text), in) && n < line + LOG_LINES)
		if (++n + LOG_BEFORE > line)
			fputs(text, out);
	if (fclose(out))
		err = -errno;
	fclose(in);
	return err;
}

/* json-c says only that it failed. */
static int save_json(const char *path, json_object *o)
{
	errno = 0;
	if (!json_object_to_file_ext(path, o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE))
		return 0;
	return errno ? -errno : -EIO;
}

static int write_json(const char *folder, json_object *o)
{
	char path[PATH_MAX], new[PATH_MAX];
	int err = join(path, folder, "finding.json");

	if (!err)
		err = join(new, folder, "finding.json.new");
	if (!err)
		err = save_json(new, o);
	if (!err && rename(new, path))
		err = -errno;
	return err;
}

static json_object *read_json(const char *folder)
{
	char path[PATH_MAX];
	json_object *o;

	if (join(path, folder, "finding.json") || access(path, R_OK))
		return NULL;
	o = json_object_from_file(path);
	if (o && !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

static void set(json_object *o, const char *key, json_object *value)
{
	json_object_object_add(o, key, value);
}

static void set_now(json_object *o, const char *key)
{
	const time_t now = time(NULL);
	char text[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	set(o, key, json_object_new_string(text));
}

/* A verdict: JSON, as play writes it, or "member: value" lines, as the target does. */
static json_object *read_verdict(const char *path)
{
	json_object *o = json_object_from_file(path);
	char line[1024];
	FILE *f;

	if (json_object_is_type(o, json_type_object))
		return o;
	json_object_put(o);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	o = json_object_new_object();
	while (fgets(line, sizeof(line), f)) {
		char *colon = strstr(line, ": ");

		line[strcspn(line, "\n")] = '\0';
		if (!colon)
			continue;
		*colon = '\0';
		set(o, line, !strcmp(line, "step") ?
			     json_object_new_int(atoi(colon + 2)) :
			     json_object_new_string(colon + 2));
	}
	fclose(f);
	return o;
}

/* What the kernel of something that hung says because it was asked to: it is not what happened. */
static bool was_asked(const struct fz_sighting *s, const struct fz_report *r)
{
	return !strcmp(s->kind, "hang") &&
	       (strstr(r->title, "NMI: Not continuing") ||
		strstr(r->title, "a process that fuzzes cannot be killed"));
}

static void describe_hang(const struct fz_report *r, json_object *o, char *signature)
{
	const char *parts[FZ_SIGN_FUNCTIONS + 1] = { "hang" };

	for (unsigned int i = 0; i < r->count; i++)
		parts[i + 1] = r->functions[i];
	if (r->count)
		fz_sign_text(signature, parts, r->count + 1);
	else
		snprintf(signature, FZ_SIGN, "hang");
	set(o, "oracle", json_object_new_string("hang"));
	set(o, "text", json_object_new_string(strstr(r->title, "NMI") ?
						      "it did not end; an NMI has asked where it was" :
						      "a process could not be killed"));
}

static void add_functions(const struct fz_report *r, json_object *o, char *signature)
{
	json_object *functions = json_object_new_array();

	for (unsigned int i = 0; i < r->count; i++)
		json_object_array_add(functions, json_object_new_string(r->functions[i]));
	set(o, "functions", functions);
	snprintf(signature, FZ_SIGN, "%s", r->signature);
}

/* What was found, as members, and the signature. */
static int describe(const struct fz_sighting *s, json_object *o, char *signature,
		    unsigned int *line)
{
	struct fz_report report = { 0 };
	FILE *log = s->log ? fopen(s->log, "re") : NULL;
	json_object *v = s->verdict ? read_verdict(s->verdict) : NULL;
	const bool complains = v && !strcmp(fz_text(v, "oracle"), "log");
	const bool reported = log && fz_sign_log(log, s->title ? s->title :
							complains ? fz_text(v, "text") : NULL, &report);
	int err = 0;

	if (log)
		fclose(log);
	*line = report.line;
	set(o, "kind", json_object_new_string(s->kind));
	if (v && json_object_object_length(v)) {
		static const char *const keep[] = { "oracle", "operation", "step", "text" };
		const char *parts[] = { fz_text(v, "oracle"), fz_text(v, "operation"),
					fz_text(v, "text") };
		json_object *value;

		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			if (json_object_object_get_ex(v, keep[i], &value))
				set(o, keep[i], json_object_get(value));
		/* As the same report has it in a guest's log: "end-surprise" could be anything. */
		if (complains && reported)
			add_functions(&report, o, signature);
		else if (*fz_text(v, "signature"))
			fz_sign_name(signature, fz_text(v, "signature"));
		else
			fz_sign_text(signature, parts, 3);
	} else if (reported) {
		add_functions(&report, o, signature);
		if (was_asked(s, &report)) {
			describe_hang(&report, o, signature);
		} else {
			set(o, "oracle", json_object_new_string("log"));
			set(o, "text", json_object_new_string(report.title));
		}
	} else if (!strcmp(s->kind, "death") || !strcmp(s->kind, "hang") ||
		   !strcmp(s->kind, "crash")) {
		set(o, "oracle", json_object_new_string(s->kind));
		set(o, "text", json_object_new_string("nobody said why"));
		snprintf(signature, FZ_SIGN, "%s", s->kind);
	} else {
		err = -ENODATA;
	}
	json_object_put(v);
	return err;
}

static int keep_verdict(const char *folder, const char *from)
{
	json_object *v = read_verdict(from);
	char path[PATH_MAX];
	int err = join(path, folder, "verdict.json");

	if (!err)
		err = save_json(path, v);
	json_object_put(v);
	return err;
}

static int begin(const char *folder, const struct fz_sighting *s, json_object *o,
		 const char *signature, unsigned int line)
{
	int err = make_folder(folder);

	set(o, "signature", json_object_new_string(signature));
	set(o, "state", json_object_new_string("new"));
	set_now(o, "first");
	if (s->about) {
		json_object_object_foreach(s->about, key, value) {
			set(o, key, json_object_get(value));
		}
	}
	if (!err && s->verdict)
		err = keep_verdict(folder, s->verdict);
	if (!err && s->log)
		err = keep_log(folder, s->log, line);
	return err;
}

int fz_store_add(const char *store, const struct fz_sighting *s, char *signature,
		 unsigned int *count, char *oracle)
{
	json_object *now = json_object_new_object(), *known;
	char folder[PATH_MAX];
	unsigned int line;
	int err = describe(s, now, signature, &line);

	if (!err)
		err = make_folder(store);
	if (!err)
		err = join(folder, store, signature);
	if (err) {
		json_object_put(now);
		return err;
	}
	known = read_json(folder);
	if (known) {
		json_object_put(now);
		now = known;
	} else {
		err = begin(folder, s, now, signature, line);
	}
	*count = (unsigned int)fz_number(now, "count") + 1;
	snprintf(oracle, 32, "%s", fz_text(now, "oracle"));
	set(now, "count", json_object_new_int64(*count));
	set_now(now, "last");
	if (!err && s->input)
		err = keep_another(folder, s->input);
	if (!err)
		err = write_json(folder, now);
	json_object_put(now);
	return err;
}

int fz_store_result(const char *finding, unsigned int replays, unsigned int same,
		    const char *minimised)
{
	static uint8_t data[1 << 16];
	json_object *o = read_json(finding);
	char path[PATH_MAX];
	struct fz_sequence s;
	ssize_t len;
	int err = 0;

	if (!o)
		return -ENOENT;
	set(o, "replays", json_object_new_int64(replays));
	set(o, "same", json_object_new_int64(same));
	set(o, "state", json_object_new_string(!same ? "unreproduced" :
					       same < replays ? "flaky" : "confirmed"));
	if (minimised) {
		len = slurp(minimised, data, sizeof(data));
		err = len < 0 ? (int)len : keep_input(finding, "minimised", data, (size_t)len);
		if (!err)
			set(o, "operations_minimised",
			    json_object_new_int64(fz_decode(data, (size_t)len, &s)));
	}
	if (!join(path, finding, "input")) {
		len = slurp(path, data, sizeof(data));
		if (len >= 0)
			set(o, "operations", json_object_new_int64(fz_decode(data, (size_t)len, &s)));
	}
	if (!err)
		err = write_json(finding, o);
	json_object_put(o);
	return err;
}

static int by_signature(const void *a, const void *b)
{
	return strcmp(fz_text(*(json_object *const *)a, "signature"),
		      fz_text(*(json_object *const *)b, "signature"));
}

json_object *fz_store_load(const char *store)
{
	json_object *all = json_object_new_array();
	DIR *dir = opendir(store);
	struct dirent *entry;
	char folder[PATH_MAX];

	if (!dir)
		return all;
	while ((entry = readdir(dir))) {
		json_object *o = NULL;

		if (*entry->d_name != '.' && !join(folder, store, entry->d_name))
			o = read_json(folder);
		if (o)
			json_object_array_add(all, o);
	}
	closedir(dir);
	json_object_array_sort(all, by_signature);
	return all;
}
