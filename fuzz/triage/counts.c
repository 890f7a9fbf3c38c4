// SPDX-License-Identifier: GPL-2.0-only
/*
 * counts.c - read and write the file of counts.
 */
#include "counts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 3
#define NAME 32
#define OTHERS (FZ_ANSWERS - 1)

struct fz_counts {
	char *path;
	/* What the file had when it was opened, and the sessions that have ended since. */
	struct fz_stats base;
	time_t saved;
};

const char *fz_counts_answer(unsigned int answer)
{
	const char *name;

	if (!answer)
		return "0";
	name = answer < OTHERS ? strerrorname_np((int)answer) : NULL;
	return name ? name : "other";
}

static unsigned int answer_by_name(const char *name)
{
	/* Numbers that are no errors have that name, too. */
	for (unsigned int a = 0; a < OTHERS && strcmp(name, "other"); a++)
		if (!strcmp(fz_counts_answer(a), name))
			return a;
	return OTHERS;
}

int fz_counts_read(const char *path, struct fz_stats *s)
{
	char line[256], name[NAME], answer[NAME];
	FILE *f = fopen(path, "re");
	unsigned long long count;

	memset(s, 0, sizeof(*s));
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "{\"runs\":%llu}", &count) == 1) {
			s->runs += count;
		} else if (sscanf(line, "{\"operation\":\"%31[^\"]\",\"answer\":\"%31[^\"]\",\"count\":%llu}",
				  name, answer, &count) == 3) {
			const unsigned int code = fz_op_code(name);

			if (code >= FZ_CODES)
				continue;
			if (!strcmp(answer, "skipped"))
				s->skipped[code] += count;
			else
				s->answers[code][answer_by_name(answer)] += count;
		} else if (sscanf(line, "{\"oracle\":\"%31[^\"]\",\"count\":%llu}", name,
				  &count) == 2) {
			for (int o = 0; o < FZ_ORACLES; o++)
				if (!strcmp(fz_oracle_name(o), name))
					s->checks[o] += count;
		}
	}
	fclose(f);
	return 0;
}

void fz_counts_add(struct fz_stats *sum, const struct fz_stats *more)
{
	sum->runs += more->runs;
	for (unsigned int code = 0; code < FZ_CODES; code++) {
		for (unsigned int a = 0; a < FZ_ANSWERS; a++)
			sum->answers[code][a] += more->answers[code][a];
		sum->skipped[code] += more->skipped[code];
	}
	for (int o = 0; o < FZ_ORACLES; o++)
		sum->checks[o] += more->checks[o];
}

int fz_counts_open(const char *path, struct fz_counts **out)
{
	struct fz_counts *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->path = strdup(path);
	if (!c->path) {
		free(c);
		return -ENOMEM;
	}
	fz_counts_read(path, &c->base);
	*out = c;
	return 0;
}

static void write_operation(FILE *f, const char *name, const char *answer, uint64_t count)
{
	if (count)
		fprintf(f, "{\"operation\":\"%s\",\"answer\":\"%s\",\"count\":%llu}\n", name,
			answer, (unsigned long long)count);
}

int fz_counts_save(struct fz_counts *c, const struct fz_stats *mine)
{
	char new[4096];
	FILE *f;
	int err = 0;

	c->saved = time(NULL);
	if ((size_t)snprintf(new, sizeof(new), "%s.new", c->path) >= sizeof(new))
		return -ENAMETOOLONG;
	f = fopen(new, "we");
	if (!f)
		return -errno;
	fprintf(f, "{\"runs\":%llu}\n", (unsigned long long)(c->base.runs + mine->runs));
	for (unsigned int code = 0; code < FZ_CODES; code++) {
		const char *name = fz_op_desc(code)->name;

		for (unsigned int a = 0; a < FZ_ANSWERS; a++)
			write_operation(f, name, fz_counts_answer(a),
					c->base.answers[code][a] + mine->answers[code][a]);
		write_operation(f, name, "skipped", c->base.skipped[code] + mine->skipped[code]);
	}
	for (int o = 0; o < FZ_ORACLES; o++)
		fprintf(f, "{\"oracle\":\"%s\",\"count\":%llu}\n", fz_oracle_name(o),
			(unsigned long long)(c->base.checks[o] + mine->checks[o]));
	if (ferror(f))
		err = -EIO;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(new, c->path))
		err = -errno;
	if (err)
		unlink(new);
	return err;
}

void fz_counts_tick(struct fz_counts *c, const struct fz_stats *mine)
{
	if (time(NULL) - c->saved >= SECONDS)
		fz_counts_save(c, mine);
}

int fz_counts_ended(struct fz_counts *c, const struct fz_stats *mine)
{
	static const struct fz_stats nothing;

	fz_counts_add(&c->base, mine);
	return fz_counts_save(c, &nothing);
}

void fz_counts_close(struct fz_counts *c)
{
	if (!c)
		return;
	free(c->path);
	free(c);
}
