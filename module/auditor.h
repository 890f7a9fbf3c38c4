/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The coherence auditor of a container.  See auditor.c for the essay.
 */
#ifndef HOLDFAST_AUDITOR_H
#define HOLDFAST_AUDITOR_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct eventfd_ctx;
struct hf_container;

/**
 * struct hf_auditor - the auditor of one container
 * @on: mappings are audited; changes with the container's lock held
 * @operator: the module's parameter says so; users cannot turn it off
 * @stopped: the container ends: the worker holds no mapping any more; as @on
 * @switching: serialises turning it on and off
 * @work: verifies what is pending
 * @lock: guards what follows, and what invalidations change of each mapping's
 *	struct hf_audit
 * @pending: struct hf_audit with suspect blocks
 * @todo: those of them that the run of @work under way will look at
 * @watched: struct hf_audit with blocks to be looked at now and then
 * @eventfd: signalled when memory has become incoherent; or NULL
 * @soon: @work was made to run soon, and has not begun
 * @pause: jiffies until @work looks again where it has to look again
 * @watched_at: when what is watched was compared last, in jiffies
 * @watch_took: how long that took, jiffies
 * @took: how long the last run of @work took, jiffies
 * @events: invalidations seen that can part pages
 * @verified: blocks verified
 * @suspects: blocks suspect now
 * @parted: pages known to be incoherent now
 */
struct hf_auditor {
	bool on;
	bool operator;
	bool stopped;
	struct mutex switching;
	struct delayed_work work;

	spinlock_t lock;
	struct list_head pending;
	struct list_head todo;
	struct list_head watched;
	struct eventfd_ctx *eventfd;
	bool soon;
	unsigned long pause;
	unsigned long watched_at;
	unsigned long watch_took;
	unsigned long took;
	u64 events;
	u64 verified;
	unsigned long suspects;
	unsigned long parted;
};

int hf_auditors_init(void);
void hf_auditors_exit(void);

void hf_auditor_init(struct hf_container *c, bool on);
void hf_auditor_stop(struct hf_container *c);
void hf_auditor_end(struct hf_container *c);
int hf_auditor_turn_on(struct hf_container *c, struct eventfd_ctx *eventfd);
int hf_auditor_turn_off(struct hf_container *c);
void hf_auditor_soon(struct hf_auditor *au);

#endif
