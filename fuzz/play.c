// SPDX-License-Identifier: GPL-2.0-only
/*
 * play - inputs of the fuzzer, played once each, and what comes of them.
 *
 *	play [OPTION]... FILE...
 *	play --seed N --runs N		random sequences instead; KTAP
 *
 * Exit status: 0 everything as predicted; 1 a finding; 2 usage; 3 the environment is broken.
 */
#include <argp.h>
#include <errno.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "generate.h"
#include "session.h"
#include "text.h"
#include "worker.h"

/* Runs with one session: enough to make its start cheap, few enough to see its end. */
#define SESSION_RUNS 500

/* Sequences at random in which every operation has been drawn where it makes sense. */
#define ENOUGH_RUNS 200

static struct {
	bool verbose;
	bool json;
	bool stock;
	unsigned long repeat;
	unsigned long seed;
	unsigned long runs;
	unsigned long seconds;
	unsigned long findings;
	const char *keep;
	bool must[FZ_CODES];
	int files;
	char **file;
} arg = { .repeat = 1, .findings = 10 };

static struct fz_session *session;
static unsigned int session_runs;

/* A session that works; 0 or an errno. */
static int have_session(struct fz_verdict *v, bool *wrong)
{
	const struct fz_options o = { .verbose = arg.verbose, .stock = arg.stock };

	*wrong = false;
	if (session && session_runs >= SESSION_RUNS) {
		*wrong = fz_session_end(session, v);
		session = NULL;
	}
	if (session)
		return 0;
	session_runs = 0;
	return fz_session_begin(&session, &o);
}

/* Play; 0, 1 for a finding, or -errno. */
static int play(const uint8_t *in, size_t len, struct fz_verdict *v)
{
	bool wrong;
	int ret = have_session(v, &wrong);

	if (ret || wrong)
		return ret ?: 1;
	ret = fz_session_run(session, in, len, v);
	session_runs++;
	if (ret) {
		struct fz_verdict end;

		/* What it left behind is not the next one's fault. */
		fz_session_end(session, &end);
		session = NULL;
	}
	return ret;
}

static void print_json(const char *file, int ret, const struct fz_verdict *v)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "file", json_object_new_string(file));
	json_object_object_add(o, "finding", json_object_new_boolean(ret == 1));
	if (ret == 1) {
		json_object_object_add(o, "step", json_object_new_int(v->step));
		json_object_object_add(o, "operation", json_object_new_string(v->operation));
		json_object_object_add(o, "oracle", json_object_new_string(fz_oracle_name(v->oracle)));
		json_object_object_add(o, "signature", json_object_new_string(v->signature));
		json_object_object_add(o, "text", json_object_new_string(v->text));
	}
	printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(o);
}

static int broken(int ret)
{
	fprintf(stderr, "play: the session cannot go on: %s\n", strerror(-ret));
	return 3;
}

static int play_file(const char *file)
{
	uint8_t in[FZ_INPUT_MAX];
	FILE *f = fopen(file, "rb");
	struct fz_verdict v;
	size_t len;
	int ret = 0;

	if (!f) {
		fprintf(stderr, "play: %s: %s\n", file, strerror(errno));
		return 2;
	}
	len = fread(in, 1, sizeof(in), f);
	fclose(f);
	for (unsigned long i = 0; i < arg.repeat && !ret; i++)
		ret = play(in, len, &v);
	if (ret < 0)
		return broken(ret);
	if (arg.json)
		print_json(file, ret, &v);
	else
		printf("%s: %s%s%s\n", file, ret ? v.signature : "as predicted", ret ? ": " : "",
		       ret ? v.text : "");
	return ret;
}

/* A finding of a random run: shown, and kept as a file. */
static void show(const struct fz_sequence *s, const struct fz_verdict *v, unsigned long run)
{
	uint8_t out[FZ_INPUT_MAX];
	const size_t len = fz_encode(s, out, sizeof(out));
	char text[160], path[256];
	FILE *f;

	hf_ktap_diag("run %lu: %s: %s", run, v->signature, v->text);
	hf_ktap_diag("  %s", fz_text_setup(s->setup, text, sizeof(text)));
	for (unsigned int i = 0; i < s->n; i++)
		hf_ktap_diag("%c %3u %s", (int)i == v->step ? '>' : ' ', i,
			     fz_text_op(&s->op[i], text, sizeof(text)));
	if (!arg.keep)
		return;
	snprintf(path, sizeof(path), "%s/seed-%lu-run-%lu", arg.keep, arg.seed, run);
	f = fopen(path, "wb");
	if (!f || fwrite(out, 1, len, f) != len)
		hf_ktap_diag("%s: %s", path, strerror(errno));
	if (f)
		fclose(f);
}

static void print_counts(const struct fz_stats *st)
{
	uint64_t ops = 0;

	for (unsigned int i = 0; i < FZ_CODES; i++)
		for (unsigned int k = 0; k < FZ_ANSWERS; k++)
			ops += st->answers[i][k];
	hf_ktap_diag("%llu runs, %llu operations", (unsigned long long)st->runs,
		     (unsigned long long)ops);
	for (unsigned int i = 0; i < FZ_ORACLES; i++)
		hf_ktap_diag("%s: %llu checks", fz_oracle_name(i), (unsigned long long)st->checks[i]);
	for (unsigned int i = 0; i < FZ_CODES; i++) {
		char line[256] = "";
		size_t n = 0;

		for (unsigned int k = 0; k < FZ_ANSWERS; k++)
			if (st->answers[i][k])
				n += (size_t)snprintf(line + n, sizeof(line) - n, " %s %llu",
						      k ? strerrorname_np((int)k) ?: "other" : "0",
						      (unsigned long long)st->answers[i][k]);
		hf_ktap_diag("%s:%s skipped %llu", fz_op_desc(i)->name, line,
			     (unsigned long long)st->skipped[i]);
	}
}

/* Counts outlive sessions. */
static void add_counts(struct fz_stats *sum, const struct fz_stats *st)
{
	const uint64_t *from = (const uint64_t *)st;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

/* What is always skipped, or always refused, is not tested at all. */
static void check_must(const struct fz_stats *st)
{
	for (unsigned int i = 0; i < FZ_CODES; i++) {
		if (!arg.must[i])
			continue;
		if (st->runs < ENOUGH_RUNS)
			hf_ktap_diag("too few sequences to say whether '%s' works", fz_op_desc(i)->name);
		else
			hf_expect(st->answers[i][0] || st->answers[i][FZ_ANSWERS - 1],
				  "'%s' has worked", fz_op_desc(i)->name);
	}
}

static int play_random(void)
{
	const time_t end = time(NULL) + (time_t)arg.seconds;
	static struct fz_stats sum, seen;
	struct fz_sequence s;
	uint8_t in[FZ_INPUT_MAX];
	unsigned long run = 0, findings = 0;
	struct fz_verdict v;

	hf_ktap_plan(1);
	hf_ktap_begin("random sequences of seed %lu", arg.seed);
	for (; (!arg.runs || run < arg.runs) && (!arg.seconds || time(NULL) < end); run++) {
		struct fz_random r;
		int ret;

		fz_random_seed(&r, (uint64_t)arg.seed << 32 | run);
		fz_generate(&r, &s);
		ret = play(in, fz_encode(&s, in, sizeof(in)), &v);
		if (ret < 0) {
			hf_ktap_bail(strerror(-ret));
			return 3;
		}
		if (ret) {
			show(&s, &v, run);
			findings++;
			if (findings == arg.findings)
				break;
		}
		if (session) {
			const struct fz_stats *now = fz_session_stats(session);

			/* A new session counts from nothing. */
			if (now->runs < seen.runs)
				add_counts(&sum, &seen);
			seen = *now;
		}
	}
	add_counts(&sum, &seen);
	print_counts(&sum);
	hf_expect_eq(findings, 0, "findings");
	check_must(&sum);
	if (session && fz_session_end(session, &v))
		hf_expect(false, "%s: %s", v.signature, v.text);
	hf_ktap_end();
	return hf_ktap_exit();
}

enum { KEY_JSON = 256, KEY_STOCK, KEY_SECONDS, KEY_FINDINGS, KEY_MUST };

static const struct argp_option options[] = {
	{ "verbose", 'v', NULL, 0, "show each operation with its answer", 0 },
	{ "json", KEY_JSON, NULL, 0, "a line of JSON for each file", 0 },
	{ "repeat", 'n', "N", 0, "play each file so often, or until a finding", 0 },
	{ "stock", KEY_STOCK, NULL, 0, "stock's containers instead of holdfast's", 0 },
	{ "seed", 's', "N", 0, "play random sequences of this seed", 0 },
	{ "runs", 'r', "N", 0, "so many of them", 0 },
	{ "seconds", KEY_SECONDS, "N", 0, "for so long", 0 },
	{ "findings", KEY_FINDINGS, "N", 0, "end after so many (default 10)", 0 },
	{ "must", KEY_MUST, "OPERATION", 0,
	  "of random sequences: it has to work at least once; may be given again", 0 },
	{ "keep", 'k', "DIR", 0, "where to keep those that are findings", 0 },
	{ 0 }
};

static unsigned long number(const char *value, struct argp_state *state)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(value, &end, 0);
	if (*value < '0' || *value > '9' || *end || errno)
		argp_error(state, "'%s' is no number: give a whole one, 0 or more", value);
	return n;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	switch (key) {
	case 'v':
		arg.verbose = true;
		return 0;
	case KEY_JSON:
		arg.json = true;
		return 0;
	case KEY_STOCK:
		arg.stock = true;
		return 0;
	case 'n':
		arg.repeat = number(value, state);
		return 0;
	case 's':
		arg.seed = number(value, state);
		return 0;
	case 'r':
		arg.runs = number(value, state);
		return 0;
	case KEY_SECONDS:
		arg.seconds = number(value, state);
		return 0;
	case KEY_FINDINGS:
		arg.findings = number(value, state);
		return 0;
	case KEY_MUST:
		if (fz_op_code(value) == FZ_CODES)
			argp_error(state, "there is no operation '%s': 'ops list' shows them", value);
		else
			arg.must[fz_op_code(value)] = true;
		return 0;
	case 'k':
		arg.keep = value;
		return 0;
	case ARGP_KEY_ARGS:
		arg.files = state->argc - state->next;
		arg.file = state->argv + state->next;
		return 0;
	case ARGP_KEY_END:
		if (!arg.files && !arg.runs && !arg.seconds)
			argp_error(state, "nothing to play: name files, or give --seed with --runs or --seconds");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[FILE...]",
		.doc = "Play inputs of the fuzzer, and say whether everything was as predicted.",
	};
	struct fz_verdict end;
	int worst = 0;

	fz_worker_main(argc, argv);
	argp_err_exit_status = 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!arg.files)
		return play_random();
	for (int i = 0; i < arg.files; i++) {
		const int ret = play_file(arg.file[i]);

		worst = ret > worst ? ret : worst;
	}
	if (fz_session_end(session, &end)) {
		fprintf(stderr, "play: after the last file: %s: %s\n", end.signature, end.text);
		worst = worst > 1 ? worst : 1;
	}
	return worst;
}
