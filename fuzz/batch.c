// SPDX-License-Identifier: GPL-2.0-only
/*
 * batch.c - learn from inputs, and choose among them.
 */
#include "batch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "choose.h"
#include "generate.h"
#include "op.h"
#include "steady.h"

/* Times that each input is played to see what differs; steady.c does that thrice. */
#define TIMES 4U

#define SAY_SECONDS 5

static uint8_t map[FZ_CHOICE_PLACES];

/**
 * struct inputs - inputs to play
 * @run: plays one
 * @in: their bytes
 * @len: how many of each
 * @played: how often one was
 * @began: when the first one was, in seconds
 * @said: when it was said last that they are
 * @seconds: how long all may take; 0: as long as it takes
 */
struct inputs {
	fz_batch_run *run;
	uint8_t (*in)[FZ_INPUT_MAX];
	size_t *len;
	unsigned int played;
	time_t began, said;
	unsigned int seconds;
};

/* Return: 0 or -errno. */
static int read_input(const char *path, uint8_t *in, size_t *len)
{
	FILE *f = fopen(path, "rbe");
	int ret = 0;

	if (!f)
		return -errno;
	*len = fread(in, 1, FZ_INPUT_MAX, f);
	if (ferror(f))
		ret = -EIO;
	fclose(f);
	return ret;
}

static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void play_one(void *data, unsigned int i)
{
	struct inputs *inputs = data;
	const time_t now = seconds_now();

	if (now - inputs->said >= SAY_SECONDS) {
		inputs->said = now;
		fprintf(stderr, "played %u times in %ld s\n", inputs->played, (long)(now - inputs->began));
	}
	inputs->run(inputs->in[i], inputs->len[i], map);
	inputs->played++;
}

/* Of the first of three rounds. */
static bool enough(void *data)
{
	const struct inputs *inputs = data;

	return inputs->seconds && seconds_now() - inputs->began >= (time_t)(inputs->seconds / 3);
}

int fz_batch_learn(fz_batch_run *run, char **files, unsigned int n, unsigned int more,
		   unsigned int seconds)
{
	const unsigned int all = n + more;
	struct inputs inputs = {
		.run = run, .in = calloc(all, sizeof(*inputs.in)), .len = calloc(all, sizeof(*inputs.len)),
		.began = seconds_now(), .said = seconds_now(), .seconds = seconds,
	};
	const struct fz_play p = { play_one, enough, &inputs, all };
	struct fz_steady known;
	int ret = inputs.in && inputs.len ? 0 : -ENOMEM;

	for (unsigned int i = 0; !ret && i < n; i++)
		ret = read_input(files[i], inputs.in[i], &inputs.len[i]);
	for (unsigned int i = n; !ret && i < all; i++) {
		struct fz_sequence s;
		struct fz_random r;

		fz_random_seed(&r, i);
		fz_generate(&r, &s);
		inputs.len[i] = fz_encode(&s, inputs.in[i], FZ_INPUT_MAX);
	}
	ret = ret ? ret : fz_steady_learn(&p, TIMES);
	if (!ret) {
		known = fz_steady_known();
		printf("%u of %u inputs, %u of them too different each time: %u points muted, %u places dropped\n",
		       known.inputs, all, known.skipped, known.muted, known.dropped);
	}
	free(inputs.in);
	free(inputs.len);
	return ret;
}

/* What an input reaches each time. Return: false: it is a finding. */
static bool look_at(fz_batch_run *run, const uint8_t *in, size_t len, struct fz_choice *c)
{
	for (unsigned int i = 0; i < TIMES; i++) {
		memset(map, 0, sizeof(map));
		if (run(in, len, map)) {
			memset(c->reached, 0, sizeof(c->reached));
			return false;
		}
		if (i)
			fz_choice_keep(c, map);
		else
			fz_choice_add(c, map);
	}
	return true;
}

int fz_batch_choose(fz_batch_run *run, const char *dir)
{
	struct dirent **names = NULL;
	const int n = scandir(dir, &names, NULL, alphasort);
	struct fz_choice *c = n < 0 ? NULL : calloc((size_t)n, sizeof(*c));
	int ret = c ? 0 : -errno;

	/* Behind all others in the alphabet, those to be kept are the last to be found superfluous. */
	for (int i = 0; !ret && i < n; i++) {
		static uint8_t in[FZ_INPUT_MAX];
		char path[PATH_MAX];
		size_t len = 0;

		if (names[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		ret = read_input(path, in, &len);
		c[i].cost = strncmp(names[i]->d_name, "keep-", 5) ? len + 2 : 1;
		if (!ret && !look_at(run, in, len, &c[i]))
			fprintf(stderr, "%s is a finding, and left out\n", names[i]->d_name);
		if (i % 50 == 49)
			fprintf(stderr, "%d of %d inputs played\n", i + 1, n);
	}
	if (!ret)
		fz_choose(c, (size_t)n);
	for (int i = 0; i < n; i++) {
		if (!ret && c[i].chosen)
			printf("%s\n", names[i]->d_name);
		free(names[i]);
	}
	free(names);
	free(c);
	return ret;
}
