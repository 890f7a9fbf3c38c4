// SPDX-License-Identifier: GPL-2.0-only
/*
 * minimise_main.c - the minimiser, for a guest: does an input still show its finding, and what is
 * the smallest one that does?
 *
 *	minimise [--replays N] [--budget N] [--seconds N] [--signature TEXT] INPUT [OUTPUT]
 *
 * The input is played N times (default 5), each time in a session of its own. The first finding
 * says which signature counts, unless one is given. Where any replay showed it, the input
 * is minimised with at most so many runs (default 400), all in one session, and the smallest one,
 * played once more in a new session, is written to OUTPUT.
 *
 * What hangs takes long each time. So nothing new is begun when the seconds (default 480) are over,
 * and no replay but the first when a half of them is: what is known by then is the result.
 *
 * One line of JSON on stdout: {"replays":5,"same":5,"minimised":true,"step":..,"oracle":"..",
 * "operation":"..","signature":"..","text":".."}; without a finding the last five are not there.
 *
 * Exit status: 0: it shows the finding; 1: it does not; 2: wrong usage; 3: no session.
 */
#include "minimise.h"
#include "sign.h"

#include "../log.h"
#include "../session.h"
#include "../worker.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct player {
	struct fz_session *session;
	struct fz_options options;
	bool known;	/* the finding: its signature, and the last verdict that had it */
	char signature[sizeof(((struct fz_verdict *)0)->signature)];
	struct fz_verdict verdict;
	time_t end;	/* no candidate is played after that */
};

/* Of what the kernel says the verdict has only the first line. */
static void name(const struct fz_verdict *v, char *signature, size_t size)
{
	const char *said = v->oracle == FZ_ORACLE_LOG ? fz_log_report() : "";
	FILE *log = *said ? fmemopen((void *)said, strlen(said), "r") : NULL;
	struct fz_report r;

	if (log && fz_sign_log(log, v->text, &r))
		snprintf(signature, size, "%s", r.signature);
	else
		snprintf(signature, size, "%s", v->signature);
	if (log)
		fclose(log);
}

/*
 * Is that the finding? The first one is. One without a signature is known by who found it and where, as
 * those are in the store (store.c) but for the text: numbers in it differ.
 */
static bool this_one(struct player *p, const struct fz_verdict *v)
{
	char signature[sizeof(p->signature)];

	name(v, signature, sizeof(signature));
	if (!p->known)
		memcpy(p->signature, signature, sizeof(signature));
	else if (strcmp(p->signature, signature))
		return false;
	else if (!*signature &&
		 (v->oracle != p->verdict.oracle || strcmp(v->operation, p->verdict.operation)))
		return false;
	p->known = true;
	p->verdict = *v;
	return true;
}

/* Play once. 1: this finding; 0: another one or none; negative: there is no session. */
static int play(struct player *p, const uint8_t *in, size_t len)
{
	struct fz_verdict v;
	int ret = -EIO;

	for (int i = 0; i < 3 && ret < 0; i++) {
		if (!p->session) {
			ret = fz_session_begin(&p->session, &p->options);
			if (ret)
				return ret;
		}
		memset(&v, 0, sizeof(v));
		ret = fz_session_run(p->session, in, len, &v);
		if (ret) {
			/* What a finding has left behind is not for the next run. */
			if (fz_session_end(p->session, ret < 0 ? &v : NULL) && ret < 0)
				ret = 1;
			p->session = NULL;
		}
	}
	return ret <= 0 ? ret : this_one(p, &v);
}

static int play_alone(struct player *p, const uint8_t *in, size_t len)
{
	struct fz_verdict v = { 0 };
	int ret = play(p, in, len);

	/* What shows only when the container is closed is this input's too. */
	if (p->session && fz_session_end(p->session, &v) && !ret)
		ret = this_one(p, &v);
	p->session = NULL;
	return ret;
}

static bool still(const struct fz_sequence *s, void *data)
{
	const struct player *p = data;
	uint8_t bytes[FZ_INPUT_MAX];

	if (time(NULL) >= p->end)
		return false;
	return play(data, bytes, fz_encode(s, bytes, sizeof(bytes))) > 0;
}

static int save(const char *path, const uint8_t *data, size_t len)
{
	FILE *f = fopen(path, "we");
	int err = 0;

	if (!f)
		return -errno;
	if (fwrite(data, 1, len, f) != len)
		err = -EIO;
	return fclose(f) && !err ? -errno : err;
}

static void report(const struct player *p, unsigned int replays, unsigned int same,
		   bool minimised)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "replays", json_object_new_int64(replays));
	json_object_object_add(o, "same", json_object_new_int64(same));
	json_object_object_add(o, "minimised", json_object_new_boolean(minimised));
	if (same) {
		const struct fz_verdict *v = &p->verdict;

		json_object_object_add(o, "step", json_object_new_int(v->step));
		json_object_object_add(o, "oracle", json_object_new_string(fz_oracle_name(v->oracle)));
		json_object_object_add(o, "operation", json_object_new_string(v->operation));
		json_object_object_add(o, "signature", json_object_new_string(p->signature));
		json_object_object_add(o, "text", json_object_new_string(v->text));
	}
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static bool minimise(struct player *p, const uint8_t *in, size_t len, unsigned int budget,
		     const char *out)
{
	uint8_t bytes[FZ_INPUT_MAX];
	struct fz_sequence s;

	fz_decode(in, len, &s);
	fz_minimise(&s, still, p, budget);
	if (p->session)
		fz_session_end(p->session, NULL);
	p->session = NULL;
	len = fz_encode(&s, bytes, sizeof(bytes));
	/* It may have needed what the runs before it had left behind. */
	return play_alone(p, bytes, len) > 0 && !save(out, bytes, len);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "replays", required_argument, NULL, 'r' },
		{ "budget", required_argument, NULL, 'b' },
		{ "seconds", required_argument, NULL, 't' },
		{ "signature", required_argument, NULL, 's' },
		{ 0 },
	};
	unsigned int replays = 5, budget = 400, seconds = 480, same = 0, i;
	const char *stock = getenv("HOLDFAST_FUZZ_STOCK");
	static uint8_t input[FZ_INPUT_MAX];
	struct player p = { 0 };
	bool minimised = false;
	time_t half;
	size_t len;
	FILE *f;
	int c;

	/* A player that execs is this program again. */
	fz_worker_main(argc, argv);
	p.options.stock = stock && *stock;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			replays = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'b':
			budget = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 't':
			seconds = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 's':
			snprintf(p.signature, sizeof(p.signature), "%s", optarg);
			p.known = true;
			break;
		default:
			return 2;
		}
	}
	if (optind >= argc || argc - optind > 2 || !replays) {
		fputs("usage: minimise [--replays N] [--budget N] [--seconds N] [--signature TEXT] INPUT [OUTPUT]\n",
		      stderr);
		return 2;
	}
	f = fopen(argv[optind], "re");
	if (!f) {
		perror(argv[optind]);
		return 2;
	}
	len = fread(input, 1, sizeof(input), f);
	fclose(f);

	half = time(NULL) + seconds / 2;
	p.end = time(NULL) + seconds;
	for (i = 0; i < replays && (!i || time(NULL) < half); i++) {
		const int ret = play_alone(&p, input, len);

		if (ret < 0) {
			fprintf(stderr, "minimise: no session: %s\n", strerror(-ret));
			return 3;
		}
		same += ret > 0;
	}
	if (same && argc - optind == 2)
		minimised = minimise(&p, input, len, budget, argv[optind + 1]);
	report(&p, i, same, minimised);
	return same ? 0 : 1;
}
