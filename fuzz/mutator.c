// SPDX-License-Identifier: GPL-2.0-only
/*
 * mutator.c - libhf_mutator.so, AFL++'s way to change.c.
 *
 * To be used alone (AFL_CUSTOM_MUTATOR_LIBRARY and AFL_CUSTOM_MUTATOR_ONLY=1): bytes at random
 * would change an operation's code as often as its arguments, and seldom to anything that
 * relates to the rest. Whatever AFL++ hands in is decoded, and what comes out is in canonical
 * form. Trimming is by whole operations; AFL++ keeps what leaves the map as it is.
 *
 * There is no splice opt-out: the second input that AFL++ hands in is what fz_splice() is for.
 */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "generate.h"

/* How often a sequence has nothing of what AFL++ handed in. */
#define NEW_ONE_IN 3U

/* What AFL++ calls. */
void *afl_custom_init(void *afl, unsigned int seed);
void afl_custom_deinit(void *data);
size_t afl_custom_fuzz(void *data, uint8_t *in, size_t len, uint8_t **out, uint8_t *add,
		       size_t add_len, size_t max);
const char *afl_custom_describe(void *data, size_t max);
int afl_custom_init_trim(void *data, uint8_t *in, size_t len);
size_t afl_custom_trim(void *data, uint8_t **out);
int afl_custom_post_trim(void *data, int success);

/**
 * struct mutator - one of them
 * @random: what it draws from
 * @out: what it hands out
 * @did: what it did last, words
 * @trim: the sequence that is trimmed
 * @tried: it, without what is tried now
 * @at: first operation that is taken out now
 * @block: how many
 */
struct mutator {
	struct fz_random random;
	uint8_t out[FZ_INPUT_MAX];
	char did[64];
	struct fz_sequence trim, tried;
	unsigned int at;
	unsigned int block;
};

void *afl_custom_init(void *afl, unsigned int seed)
{
	struct mutator *m = calloc(1, sizeof(*m));

	(void)afl;
	if (m)
		fz_random_seed(&m->random, seed);
	return m;
}

void afl_custom_deinit(void *data)
{
	free(data);
}

/* What AFL++ takes at most may be less than a whole sequence. */
static size_t hand_out(struct mutator *m, struct fz_sequence *s, size_t max, uint8_t **out)
{
	if (max < FZ_HEADER)
		return 0;
	if (s->n > (max - FZ_HEADER) / FZ_RECORD)
		s->n = (unsigned int)((max - FZ_HEADER) / FZ_RECORD);
	*out = m->out;
	return fz_encode(s, m->out, sizeof(m->out));
}

static void note(struct mutator *m, const char *what)
{
	const size_t used = strlen(m->did), more = strlen(what);

	if (used + 1 + more >= sizeof(m->did))
		return;
	if (used)
		m->did[used] = '-';
	memcpy(m->did + used + (used != 0), what, more + 1);
}

size_t afl_custom_fuzz(void *data, uint8_t *in, size_t len, uint8_t **out, uint8_t *add,
		       size_t add_len, size_t max)
{
	struct mutator *m = data;
	struct fz_sequence s, other;
	unsigned int changes;

	m->did[0] = '\0';
	/* What AFL++ keeps leads away from what it threw away: begin anew, now and then. */
	if (fz_random_one_in(&m->random, NEW_ONE_IN)) {
		fz_generate(&m->random, &s);
		note(m, "new");
		return hand_out(m, &s, max, out);
	}
	fz_decode(in, len, &s);
	/* One change, half of the time; seldom many. */
	changes = 1U << fz_random_below(&m->random, fz_random_below(&m->random, 5) + 1);
	if (add && !fz_random_below(&m->random, 4) && fz_decode(add, add_len, &other)) {
		fz_splice(&m->random, &s, &other);
		note(m, "splice");
		changes--;
	}
	while (changes--)
		note(m, fz_change(&m->random, &s));
	return hand_out(m, &s, max, out);
}

/* Part of the name of the file that AFL++ keeps it in. */
const char *afl_custom_describe(void *data, size_t max)
{
	struct mutator *m = data;

	if (max <= strlen(m->did))
		m->did[max ? max - 1 : 0] = '\0';
	return m->did;
}

/*
 * Trimming: halves, quarters, ..., single operations, each from the last to the first
 */

/* Steps so far, of steps at most: an index, for AFL++. */
static int step(const struct mutator *m)
{
	return m->block ? 0 : 1;
}

static void next_block(struct mutator *m)
{
	m->block /= 2;
	m->at = m->trim.n;
}

/* Behind the last block of a size comes the next size. */
static void settle(struct mutator *m)
{
	while (m->block && !m->at)
		next_block(m);
}

int afl_custom_init_trim(void *data, uint8_t *in, size_t len)
{
	struct mutator *m = data;

	fz_decode(in, len, &m->trim);
	m->block = m->trim.n / 2 ? m->trim.n / 2 : m->trim.n;
	m->at = m->trim.n;
	settle(m);
	return m->block ? 1 : 0;
}

size_t afl_custom_trim(void *data, uint8_t **out)
{
	struct mutator *m = data;

	m->at -= m->at < m->block ? m->at : m->block;
	m->tried = m->trim;
	fz_delete(&m->tried, m->at, m->block);
	return hand_out(m, &m->tried, sizeof(m->out), out);
}

int afl_custom_post_trim(void *data, int success)
{
	struct mutator *m = data;

	if (success) {
		m->trim = m->tried;
		m->at = m->at < m->trim.n ? m->at : m->trim.n;
	}
	settle(m);
	return step(m);
}
