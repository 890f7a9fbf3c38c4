// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a container counts, for an operator to read (debugfs.c).
 *
 * Whatever can be found out when somebody reads is: a map and an unmap only leave
 * what would be lost otherwise.  So there is no count of maps: it is what was
 * unmapped and what is there.
 *
 * How long a map takes is measured for every one of them, with the CPU's cycle
 * counter, since a clock of the kernel costs more than the rest of what is noted
 * here.  Only what took longer than every map before is converted, by the
 * counter's rate since the container was made, and then held against jiffies: what
 * is recorded never differs by more than a tick from what those say, whatever a
 * counter does that runs unevenly, differs between CPUs, or begins anew when the
 * machine wakes up.
 *
 * Locking: counters change with the container's lock held.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "container.h"
#include "mapping.h"
#include "stats.h"

/**
 * hf_stats_init() - begin to count
 * @s: zeroed
 * @limit: mappings the container may have
 */
void hf_stats_init(struct hf_stats *s, unsigned int limit)
{
	s->pid = current->tgid;
	s->limit = limit;
	s->born = jiffies;
	s->born_ns = ktime_get_ns();
	s->born_cycles = hf_stats_clock();
}

/**
 * hf_stats_failed() - count a map that failed
 * @s: counters of its container, whose lock is held
 * @error: -errno
 */
void hf_stats_failed(struct hf_stats *s, int error)
{
	unsigned int i;

	s->failures++;
	for (i = 0; i < HF_STATS_ERRORS; i++) {
		if (!s->failed[i].times)
			s->failed[i].error = error;
		if (s->failed[i].error == error) {
			s->failed[i].times++;
			return;
		}
	}
}

/* @cycles in ns; a rate that makes no sense gives no sensible time either. */
static u64 hf_stats_ns(const struct hf_stats *s, u64 cycles)
{
	u64 us = div_u64(ktime_get_ns() - s->born_ns, NSEC_PER_USEC) + 1;
	u64 ran = hf_stats_clock() - s->born_cycles;
	u64 per_ms, ms, rest;

	if (ran > U64_MAX / 1000)
		return 0;
	per_ms = div64_u64(ran * 1000, us);
	if (!per_ms)
		return 0;
	ms = div64_u64_rem(cycles, per_ms, &rest);
	if (ms > U32_MAX || rest > U64_MAX / NSEC_PER_MSEC)
		return U64_MAX;
	return ms * NSEC_PER_MSEC + div64_u64(rest * NSEC_PER_MSEC, per_ms);
}

/**
 * hf_stats_slow() - a map took longer than all before, it seems
 * @c: the container
 * @m: the mapping, not published yet
 * @cycles: what it took
 *
 * Context: may sleep; no lock of holdfast's may be held.
 */
void hf_stats_slow(struct hf_container *c, const struct hf_mapping *m,
		   u64 cycles)
{
	const u64 ticks = jiffies - m->born;
	const u64 least = ticks ? (ticks - 1) * TICK_NSEC : 0;
	struct hf_stats *s = &c->stats;
	u64 measured, ns;

	mutex_lock(&c->lock);
	measured = hf_stats_ns(s, cycles);
	ns = clamp(measured, least, (ticks + 1) * TICK_NSEC);
	/* Else every later map would have to be longer than what was none. */
	if (ns == measured && cycles > s->slowest_cycles)
		WRITE_ONCE(s->slowest_cycles, cycles);
	if (ns > s->slowest_ns) {
		s->slowest_ns = ns;
		s->slowest_iova = m->iova;
		s->slowest_size = m->size;
	}
	mutex_unlock(&c->lock);
}
