// SPDX-License-Identifier: GPL-2.0-only
/*
 * crowd.c - workers, their numbers, and what they have to say in the end.
 *
 * Expectations are for the main thread, so a worker that finds something wrong leaves a
 * complaint, and t_crowd_stop() makes it a failure. A worker's counters are its own until it
 * is done; what it is doing at the moment can be read by anybody.
 */
#include "crowd.h"

#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

/* Longer than any operation takes on a busy machine. */
#define STUCK_MS 30000

/* One step of splitmix64. */
static uint64_t mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t t_random(struct t_worker *w, uint64_t limit)
{
	return mix(&w->state) % limit;
}

int t_wrong(struct t_worker *w, const char *fmt, ...)
{
	struct t_crowd *c = w->crowd;
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&c->lock);
	if (!*c->complaint)
		snprintf(c->complaint, sizeof(c->complaint), "worker %u (%s), step %llu: %s",
			 w->number, w->name, (unsigned long long)w->step, text);
	pthread_mutex_unlock(&c->lock);
	atomic_store(&c->stop, true);
	return T_WRONG;
}

static const struct t_op *draw(struct t_worker *w)
{
	unsigned int sum = 0;
	uint64_t at;

	for (size_t i = 0; i < w->n_ops; i++)
		sum += w->ops[i].weight;
	at = t_random(w, sum);
	for (size_t i = 0;; i++) {
		if (at < w->ops[i].weight)
			return &w->ops[i];
		at -= w->ops[i].weight;
	}
}

static bool allowed(const struct t_op *op, int ret)
{
	for (size_t i = 0; i < T_OP_ERRORS && op->allow[i]; i++)
		if (op->allow[i] == ret)
			return true;
	return false;
}

static void *work(void *arg)
{
	struct t_worker *w = arg;

	while (!t_crowd_stopped(w->crowd)) {
		const struct t_op *op = draw(w);
		int ret;

		atomic_store(&w->since_ms, t_now_ms());
		atomic_store(&w->now, op);
		ret = op->run(w);
		atomic_store(&w->now, NULL);
		w->step++;
		if (!ret)
			w->good[op - w->ops]++;
		else if (allowed(op, ret))
			w->refused[op - w->ops]++;
		else if (ret != T_WRONG)
			t_wrong(w, "%s answers %d (%s)", op->name, ret, strerror(-ret));
	}
	atomic_store(&w->done, true);
	return NULL;
}

void t_crowd_init(struct t_crowd *c, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->seed = seed;
	pthread_mutex_init(&c->lock, NULL);
}

void t_crowd_add(struct t_crowd *c, const char *name, const struct t_op *ops, size_t n_ops,
		 void *data)
{
	struct t_worker *w = &c->worker[c->n];

	hf_require(c->n < T_CROWD_MAX && n_ops <= T_OPS_MAX, "too many workers or operations");
	*w = (struct t_worker){ .crowd = c, .number = c->n, .data = data, .name = name,
				.ops = ops, .n_ops = n_ops };
	/* Far apart, so that no worker repeats another's numbers. */
	w->state = c->seed ^ (c->n + 1) * 0xd1342543de82ef95ULL;
	mix(&w->state);
	c->n++;
}

void t_crowd_start(struct t_crowd *c)
{
	for (unsigned int i = 0; i < c->n; i++)
		hf_require(!pthread_create(&c->worker[i].thread, NULL, work, &c->worker[i]),
			   "thread");
}

bool t_crowd_stopped(const struct t_crowd *c)
{
	return atomic_load_explicit(&c->stop, memory_order_relaxed);
}

void t_crowd_watch(struct t_crowd *c)
{
	for (unsigned int i = 0; i < c->n; i++) {
		struct t_worker *w = &c->worker[i];
		const struct t_op *op = atomic_load(&w->now);
		const uint64_t since = atomic_load(&w->since_ms);
		char text[160];

		if (!op || t_now_ms() < since + t_patience_ms(STUCK_MS))
			continue;
		snprintf(text, sizeof(text), "worker %u (%s) does not come back from: %s",
			 w->number, w->name, op->name);
		hf_ktap_diag("%s", text);
		hf_ktap_bail(text);
		_exit(HF_EXIT_FAIL);
	}
}

void t_crowd_stop(struct t_crowd *c)
{
	atomic_store(&c->stop, true);
	for (unsigned int i = 0; i < c->n; i++) {
		struct t_worker *w = &c->worker[i];

		while (!atomic_load(&w->done)) {
			t_crowd_watch(c);
			t_sleep_ms(2);
		}
		pthread_join(w->thread, NULL);
	}
	/* Workers with the same table one after the other are summed up. */
	for (unsigned int i = 0, n; i < c->n; i += n) {
		const struct t_worker *w = &c->worker[i];

		for (n = 1; i + n < c->n && w[n].ops == w->ops; n++)
			;
		for (size_t k = 0; k < w->n_ops; k++) {
			unsigned long long good = 0, refused = 0;

			for (unsigned int j = 0; j < n; j++) {
				good += w[j].good[k];
				refused += w[j].refused[k];
			}
			hf_ktap_diag("%ux %s: %s: %llu, refused %llu", n, w->name, w->ops[k].name,
				     good, refused);
		}
	}
	hf_expect(!*c->complaint, "%s", c->complaint);
}
