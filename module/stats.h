/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is remembered for an operator to read: whose a mapping is, and what a
 * container counts.  See stats.c for the essay.
 */
#ifndef HOLDFAST_STATS_H
#define HOLDFAST_STATS_H

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/timex.h>
#include <linux/types.h>

struct hf_container;
struct hf_mapping;

/**
 * struct hf_owner - a process, as it was when it asked for something
 * @pid: its tgid in the initial pid namespace
 * @comm: its name, that of its first thread; bytes of any value
 */
struct hf_owner {
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/**
 * hf_owner_set() - note the current process
 * @owner: out: the process
 *
 * The name may change meanwhile: then it is in parts the old one.
 */
static __always_inline void hf_owner_set(struct hf_owner *owner)
{
	const struct task_struct *task = current->group_leader;

	owner->pid = task->pid;
	memcpy(owner->comm, task->comm, sizeof(owner->comm));
}

/* Errors that are counted apart; a container hardly ever sees four. */
#define HF_STATS_ERRORS	12

/**
 * struct hf_stats - what a container counts
 * @pid: tgid of the process that made it, in the initial pid namespace
 * @born: jiffies then
 * @born_ns: and ktime_get()
 * @born_cycles: and get_cycles(), which counts from there on
 * @limit: mappings it may have
 * @unmaps: mappings taken down
 * @failures: maps that had reserved their range and failed
 * @failed: how often with which error; what finds no room is in @failures only
 * @slowest_cycles: what a map must take longer than to be looked at; also read
 *	without the lock
 * @slowest_ns: time the slowest map took
 * @slowest_iova: its first IOVA, bytes
 * @slowest_size: its length, bytes
 *
 * Under the container's lock, where it is not said otherwise.
 */
struct hf_stats {
	pid_t pid;
	unsigned int limit;
	unsigned long born;
	u64 born_ns;
	u64 born_cycles;
	u64 unmaps;
	u64 failures;
	struct {
		int error;
		u64 times;
	} failed[HF_STATS_ERRORS];
	u64 slowest_cycles;
	u64 slowest_ns;
	dma_addr_t slowest_iova;
	u64 slowest_size;
};

void hf_stats_init(struct hf_stats *s, unsigned int limit);
void hf_stats_failed(struct hf_stats *s, int error);
void hf_stats_slow(struct hf_container *c, const struct hf_mapping *m,
		   u64 cycles);

/**
 * hf_stats_clock() - the time, for hf_stats_slow()
 *
 * Return: cycles of the CPU's counter; 0 where it has none, and no map takes any
 * time.
 */
static __always_inline u64 hf_stats_clock(void)
{
	return get_cycles();
}

#endif
