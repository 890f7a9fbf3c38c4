// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - holdfast-triage: what scripts/fuzz and its relatives ask about runs and findings.
 *
 *	holdfast-triage add STORE kind=KIND [verdict=FILE] [log=FILE] [title=TEXT] [input=FILE]
 *		[KEY=VALUE]...
 *		file a sighting; prints "new" or "known", the signature, how often it was seen, which oracle,
 *		and "-"
 *	holdfast-triage sweep RUN STORE AGE [KEY=VALUE]...
 *		file what guests have left (sweep.h); a line for each, as "add" prints it, but that the last
 *		word is the guest's folder of verdicts
 *	holdfast-triage result FINDING REPLAYS SAME [MINIMISED]
 *		what replaying it gave
 *	holdfast-triage list STORE		findings as a table
 *	holdfast-triage field FINDING KEY	a member of finding.json
 *	holdfast-triage last FILE FOLDER [COUNT]
 *		take the inputs played last out of a recorder: FOLDER/input, the one that ran, and
 *		FOLDER/history/1 ..., those before it; prints how many were played in all
 *	holdfast-triage sign-log FILE [TITLE]	signature and title of the first report
 *	holdfast-triage input FILE OUT	an input, or the text of one, as an input
 *	holdfast-triage text FILE [STEP]	an input as text, that step marked
 *	holdfast-triage status RUN STORE [RATE [FINDINGS]]	one line for the terminal; RATE, executions
 *		a second lately, if the caller knows better than AFL++, and FINDINGS, if not all count
 *	holdfast-triage values RUN		the same for programs, one "name value" a line
 *	holdfast-triage plot RUN edges|rate SVG	a script for gnuplot
 *	holdfast-triage html RUN STORE		the report
 *	holdfast-triage json RUN STORE		the run in short
 *
 * Exit status: 0; 1: there is no such thing (nothing recorded, no report in the log, nothing to
 * draw); 2: wrong usage; 3: something could not be read or written.
 */
#include "record.h"
#include "run.h"
#include "store.h"
#include "sweep.h"

#include "../text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int fail(const char *what, int err)
{
	fprintf(stderr, "holdfast-triage: %s: %s\n", what, strerror(-err));
	return err == -ENODATA ? 1 : 3;
}

/* Times and counts are numbers; the name of a profile only looks like one. */
static json_object *value(const char *key, const char *text)
{
	if (!strcmp(key, "seconds") || !strcmp(key, "execs"))
		return json_object_new_int64(strtoll(text, NULL, 10));
	return json_object_new_string(text);
}

static void said(const char *signature, unsigned int count, const char *oracle, const char *from)
{
	printf("%s %s %u %s %s\n", count == 1 ? "new" : "known", signature, count,
	       *oracle ? oracle : "-", *from ? from : "-");
}

static int add(int argc, char **argv)
{
	json_object *about = json_object_new_object();
	struct fz_sighting s = { .about = about };
	char signature[FZ_SIGN], oracle[32];
	unsigned int count;
	int err;

	for (int i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals)
			return 2;
		*equals++ = '\0';
		if (!strcmp(argv[i], "kind"))
			s.kind = equals;
		else if (!strcmp(argv[i], "verdict"))
			s.verdict = equals;
		else if (!strcmp(argv[i], "log"))
			s.log = equals;
		else if (!strcmp(argv[i], "title"))
			s.title = *equals ? equals : NULL;
		else if (!strcmp(argv[i], "input"))
			s.input = equals;
		else
			json_object_object_add(about, argv[i], value(argv[i], equals));
	}
	if (!s.kind)
		return 2;
	err = fz_store_add(argv[0], &s, signature, &count, oracle);
	json_object_put(about);
	if (err)
		return fail(argv[0], err);
	said(signature, count, oracle, "");
	return 0;
}

static int sweep(int argc, char **argv)
{
	json_object *about = json_object_new_object();
	int err;

	for (int i = 3; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals)
			return 2;
		*equals++ = '\0';
		json_object_object_add(about, argv[i], value(argv[i], equals));
	}
	err = fz_sweep(argv[0], argv[1], (unsigned int)strtoul(argv[2], NULL, 10), about, said);
	json_object_put(about);
	return err ? fail(argv[1], err) : 0;
}

static int result(int argc, char **argv)
{
	const int err = fz_store_result(argv[0], (unsigned int)strtoul(argv[1], NULL, 10),
					(unsigned int)strtoul(argv[2], NULL, 10),
					argc > 3 ? argv[3] : NULL);

	return err ? fail(argv[0], err) : 0;
}

static int list(int argc, char **argv)
{
	json_object *all = fz_store_load(argv[0]);

	(void)argc;
	printf("%-6s %-12s %-9s %s\n", "seen", "state", "profile", "signature: what");
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		json_object *f = json_object_array_get_idx(all, i);

		printf("%-6.0f %-12s %-9s %s: %s\n", fz_number(f, "count"), fz_text(f, "state"),
		       fz_text(f, "profile"), fz_text(f, "signature"), fz_text(f, "text"));
	}
	json_object_put(all);
	return 0;
}

static int field(int argc, char **argv)
{
	char path[PATH_MAX];
	json_object *o, *v;
	int rc = 1;

	(void)argc;
	if ((size_t)snprintf(path, sizeof(path), "%s/finding.json", argv[0]) >= sizeof(path))
		return 2;
	o = json_object_from_file(path);
	if (json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, argv[1], &v)) {
		puts(json_object_get_string(v));
		rc = 0;
	}
	json_object_put(o);
	return rc;
}

struct taken {
	const char *folder;
	unsigned long count;
	int err;
};

static void take(const uint8_t *in, size_t len, unsigned int back, void *data)
{
	struct taken *t = data;
	char path[PATH_MAX];
	FILE *f;

	if (t->err || back > t->count)
		return;
	if (back)
		snprintf(path, sizeof(path), "%s/history/%u", t->folder, back);
	else
		snprintf(path, sizeof(path), "%s/input", t->folder);
	f = fopen(path, "we");
	if (!f || fwrite(in, 1, len, f) != len)
		t->err = -EIO;
	if (f && fclose(f))
		t->err = -EIO;
}

static int last(int argc, char **argv)
{
	struct taken t = { .folder = argv[1], .count = argc > 2 ? strtoul(argv[2], NULL, 10) : 64 };
	struct fz_recorded what;
	char path[PATH_MAX];
	int err;

	if ((size_t)snprintf(path, sizeof(path), "%s/history", t.folder) >= sizeof(path) - 16)
		return 2;
	if ((mkdir(t.folder, 0777) && errno != EEXIST) || (mkdir(path, 0777) && errno != EEXIST))
		return fail(path, -errno);
	err = fz_recorded(argv[0], &what, take, &t);
	if (!err)
		err = t.err;
	if (err)
		return fail(argv[0], err);
	printf("%llu %s\n", (unsigned long long)what.number, what.running ? "running" : "idle");
	return 0;
}

static int sign_log(int argc, char **argv)
{
	struct fz_report r;
	FILE *f = fopen(argv[0], "re");
	bool found;

	if (!f)
		return fail(argv[0], -errno);
	found = fz_sign_log(f, argc > 1 ? argv[1] : NULL, &r);
	fclose(f);
	if (!found)
		return 1;
	printf("%s\t%s\n", r.signature, r.title);
	return 0;
}

static int read_input(const char *path, struct fz_sequence *s)
{
	uint8_t data[FZ_INPUT_MAX + 1];
	FILE *f = fopen(path, "re");
	char error[256];
	size_t len;
	int rc = 0;

	if (!f)
		return fail(path, -errno);
	len = fread(data, 1, sizeof(data), f);
	/* Text begins with a word, "HF" and a version is none. */
	if (len >= FZ_HEADER && !memcmp(data, "HF", 2) && data[2] < ' ') {
		fz_decode(data, len, s);
	} else {
		rewind(f);
		if (fz_text_parse(f, s, error, sizeof(error))) {
			fprintf(stderr, "%s: %s\n", path, error);
			rc = 1;
		}
	}
	fclose(f);
	return rc;
}

static int input(int argc, char **argv)
{
	uint8_t data[FZ_INPUT_MAX];
	struct fz_sequence s;
	int rc = read_input(argv[0], &s);
	size_t len;
	FILE *f;

	(void)argc;
	if (rc)
		return rc;
	len = fz_encode(&s, data, sizeof(data));
	f = fopen(argv[1], "we");
	if (!f || fwrite(data, 1, len, f) != len)
		rc = 3;
	if (f && fclose(f))
		rc = 3;
	return rc;
}

static int text(int argc, char **argv)
{
	const long step = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
	struct fz_sequence s;
	char line[256];
	const int rc = read_input(argv[0], &s);

	if (rc)
		return rc;
	printf("      %s\n", fz_text_setup(s.setup, line, sizeof(line)));
	for (unsigned int i = 0; i < s.n; i++)
		printf("%c %3u %s\n", (long)i == step ? '>' : ' ', i,
		       fz_text_op(&s.op[i], line, sizeof(line)));
	return 0;
}

/* 12345678 as "12.3M". */
static const char *brief(char *out, size_t size, double v)
{
	if (v < 100000)
		snprintf(out, size, "%.0f", v);
	else if (v < 1e7)
		snprintf(out, size, "%.0fk", v / 1e3);
	else
		snprintf(out, size, "%.1fM", v / 1e6);
	return out;
}

static int status(int argc, char **argv)
{
	static struct fz_run r;
	json_object *all = fz_store_load(argv[1]);
	const size_t findings = argc > 3 ? strtoul(argv[3], NULL, 10) : json_object_array_length(all);
	char execs[32], checks[32];

	fz_run_read(argv[0], &r);
	printf("execs %s (%.0f/s)  ", brief(execs, sizeof(execs), r.execs),
	       argc > 2 ? strtod(argv[2], NULL) : r.rate);
	printf(r.edges ? "edges %.0f" : "edges -", r.edges);
	printf("  corpus %.0f  findings %zu  checks %s  ", r.corpus, findings,
	       brief(checks, sizeof(checks), (double)r.checks));
	printf(r.stability ? "stability %.1f%%\n" : "stability -\n", r.stability);
	json_object_put(all);
	return 0;
}

static int values(int argc, char **argv)
{
	static struct fz_run r;

	(void)argc;
	fz_run_read(argv[0], &r);
	printf("execs %.0f\nrate %.1f\nedges %.0f\ncorpus %.0f\nstability %.2f\nchecks %llu\n"
	       "runs %llu\n", r.execs, r.rate, r.edges, r.corpus, r.stability,
	       (unsigned long long)r.checks, (unsigned long long)r.counts.runs);
	return 0;
}

static int plot(int argc, char **argv)
{
	const int err = fz_run_plot(stdout, argv[0], argv[1], argv[2]);

	(void)argc;
	return err == -EINVAL ? 2 : err ? 1 : 0;
}

static int html(int argc, char **argv)
{
	static struct fz_run r;
	json_object *all = fz_store_load(argv[1]);

	(void)argc;
	fz_run_read(argv[0], &r);
	fz_run_html(stdout, argv[0], &r, argv[1], all);
	json_object_put(all);
	return fflush(stdout) ? 3 : 0;
}

static int json(int argc, char **argv)
{
	static struct fz_run r;
	json_object *all = fz_store_load(argv[1]), *short_one;

	(void)argc;
	fz_run_read(argv[0], &r);
	short_one = fz_run_json(argv[0], &r, all);
	puts(json_object_to_json_string_ext(short_one, JSON_C_TO_STRING_PRETTY |
							       JSON_C_TO_STRING_SPACED));
	json_object_put(short_one);
	json_object_put(all);
	return fflush(stdout) ? 3 : 0;
}

static const struct {
	const char *name;
	int least;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "add", 2, add },	     { "sweep", 3, sweep },   { "result", 3, result }, { "list", 1, list },
	{ "field", 2, field },	     { "last", 2, last },     { "sign-log", 1, sign_log },
	{ "status", 2, status },     { "values", 1, values }, { "plot", 3, plot },
	{ "html", 2, html },	     { "json", 2, json },     { "input", 2, input },
	{ "text", 1, text },
};

int main(int argc, char **argv)
{
	int rc = 2;

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name) && argc - 2 >= commands[i].least)
			rc = commands[i].run(argc - 2, argv + 2);
	if (rc == 2)
		fputs("usage: holdfast-triage add|sweep|result|list|field|last|sign-log|status|values|"
		      "plot|html|json|input|text ...: see fuzz/triage/main.c\n", stderr);
	return rc;
}
