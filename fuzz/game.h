/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * game.h - a session's insides, for the files that play operations and those that check.
 *
 * Each operation has a function that asks a worker, compares the answer with the model's and brings the
 * model up to date. The first thing that is not as predicted is the run's finding
 * (fz_object()); after that nothing more is played.
 */
#ifndef FUZZ_GAME_H
#define FUZZ_GAME_H

#include <holdfast/container.h>
#include <holdfast/device.h>
#include <holdfast/dma.h>
#include <holdfast/group.h>
#include <holdfast/memory.h>
#include <holdfast/proc.h>

#include "log.h"
#include "model.h"
#include "session.h"
#include "worker.h"

/** IOVA of the window's first page */
#define FZ_WINDOW 0x1000000000ULL
/** Bytes of the engine's bounce buffer */
#define FZ_BOUNCE (64UL << 10)
/** Groups: the engine's; the other container's; one that moves about; the BAR's */
#define FZ_GROUPS 4U
/** An answer of an operation that made no sense and was not performed */
#define FZ_SKIPPED INT64_MIN

/**
 * struct fz_armed - a failure point that waits for the next operation
 * @on: it does
 * @who: process that armed it
 * @after: how often it is passed before
 * @err: errno it stands for, or 0
 * @name: its name
 */
struct fz_armed {
	bool on;
	unsigned int who;
	unsigned int after;
	int err;
	char name[32];
};

/** Settings of the module and the kernel that a session changes, and puts back at its end */
#define FZ_SETTINGS 4

/**
 * struct fz_session - everything
 * @o: options
 * @kernel: version, 601 for 6.1
 * @slow: how many times longer than usual things take
 * @container: the session's and the other one
 * @group: open groups; .fd is -1 of those that are not
 * @at: container that group is attached to; -1: none
 * @device: with the engine, and with the BAR
 * @dma: the engine
 * @bounce: what is behind @bounce_iova
 * @bar_pages: pages of the BAR; 0: there is none
 * @file: descriptors of the two files
 * @shared: requests to workers
 * @m: the model
 * @first: pins and huge pages before the session, if @snapped
 * @before: pins and huge pages before each run, if @rested
 * @testdev: the session has loaded the module that knows the zero page's references
 * @zero_page_refs: references of the zero page before the run; LONG_MIN: not known
 * @user: bytes that the user had locked before the run, where a container charges users
 * @was: what the settings were before the session (stage.c); empty: there is no such setting
 * @played: the sequence
 * @step: operation that is being played
 * @v: the verdict
 * @wrong: there is one
 * @hung: a worker did not come back
 * @period: microseconds between signals during the next operation; 0: none
 * @chance: what the next requests meet is a matter of moments: they are not recorded
 * @astray: so is what the run has come to: nothing more of it is recorded
 * @called: another device was called in this run
 * @told: eventfd of the auditor of the session's container
 * @listening: the auditor has been on since the begin of the run
 * @parted: pages had parted at some time since, or may have
 * @thread: the first process has a second thread
 * @played_ahead: operations that were played with the last one
 * @trying: what is wrong now is not a finding, but sets @tried_wrong
 * @kept: the model as it was before a try
 * @together: the device goes on reading during the next operation
 * @armed: what may fail in it
 * @disk: there is a disk to swap to
 * @swap: it is swap space now
 * @swap_could: pages that could have been swapped out, since the session began
 * @swap_left: pages that were
 * @cgroup: there is a memory cgroup
 * @kmem: there is one (FZ_CGROUP) for those of the processes of all runs
 * @kmem_before: bytes of kernel memory charged to it before the first run
 * @stats: counts
 */
struct fz_session {
	struct fz_options o;
	unsigned int kernel;
	unsigned int slow;
	struct hf_container container[FZ_CONTAINERS];
	struct hf_group group[FZ_GROUPS];
	char bdf[FZ_GROUPS][HF_BDF_LEN];
	int at[FZ_GROUPS];
	struct hf_device device;
	struct hf_device bar;
	struct hf_region bar_region;
	struct hf_dma *dma;
	struct hf_mem bounce;
	uint64_t bounce_iova;
	unsigned int bar_pages;
	int file[2];
	struct fz_shared *shared;
	struct fz_model *m;
	struct fz_log log;
	struct hf_proc_snapshot first;
	bool snapped;
	struct hf_proc_snapshot before;
	bool rested;
	bool testdev;
	long zero_page_refs;
	uint64_t user;
	char was[FZ_SETTINGS][16];
	struct fz_sequence played;
	int step;
	unsigned int period;
	bool chance;
	bool astray;
	bool called;
	int told;
	bool listening;
	bool parted;
	bool thread;
	unsigned int played_ahead;
	bool trying;
	bool tried_wrong;
	struct fz_model *kept;
	bool together;
	struct fz_armed armed;
	bool disk;
	bool swap;
	unsigned int swap_could;
	unsigned int swap_left;
	bool cgroup;
	bool kmem;
	uint64_t kmem_before;
	struct fz_verdict *v;
	bool wrong;
	bool hung;
	struct fz_stats stats;
};

/**
 * fz_object() - this is not as predicted
 * @s: the session
 * @oracle: who says so
 * @slug: what, in a word or two; part of the signature
 * @fmt: for people
 */
void fz_object(struct fz_session *s, enum fz_oracle oracle, const char *slug, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** fz_unplayable() - name of an operation that nobody has written a function for; NULL */
const char *fz_unplayable(void);

/** fz_say() - a line about the operation, if somebody listens */
void fz_say(const struct fz_session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Asking workers. */

/** fz_call() - a system call in a process; Return: result or -errno; -ESRCH: it is gone */
int64_t fz_call(struct fz_session *s, unsigned int who, long nr, uint64_t a, uint64_t b, uint64_t c,
		uint64_t d, uint64_t e);

/**
 * fz_ioctl() - an ioctl of a container in a process
 * @s: the session
 * @who: process
 * @container: which
 * @request: number
 * @arg: struct; copied there and back
 * @size: its bytes
 *
 * Return: result or -errno.
 */
int64_t fz_ioctl(struct fz_session *s, unsigned int who, unsigned int container,
		 unsigned long request, void *arg, size_t size);

/** fz_request() - any request; the slot was filled in; Return: its answer */
int64_t fz_request(struct fz_session *s, unsigned int who);

/** fz_slot() - of a process */
static inline struct fz_slot *fz_slot(struct fz_session *s, unsigned int who)
{
	return &s->shared->slot[who];
}

/** fz_alive() - is there such a process? */
static inline bool fz_alive(const struct fz_session *s, unsigned int who)
{
	return s->m->proc[who].alive;
}

/** fz_addr() - address of a page of the arena */
static inline uint64_t fz_addr(unsigned int page)
{
	return FZ_ARENA + page * FZ_PAGE_BYTES;
}

/** fz_iova() - of a page of the window */
static inline uint64_t fz_iova(unsigned int page)
{
	return FZ_WINDOW + page * FZ_PAGE_BYTES;
}

/** fz_new_enough() - for what came with Linux major.minor, as 618 */
static inline bool fz_new_enough(const struct fz_session *s, unsigned int version)
{
	return s->kernel >= version;
}

/** fz_expect() - compare an answer; Return: it is as predicted */
bool fz_expect(struct fz_session *s, int64_t got, int64_t want, const char *what);

/* Playing: one function for an operation; Return: the answer or FZ_SKIPPED. */
typedef int64_t fz_play(struct fz_session *s, const struct fz_op *op);

fz_play fz_play_mmap, fz_play_munmap, fz_play_mremap, fz_play_mprotect, fz_play_madvise,
	fz_play_pmadvise, fz_play_mlock, fz_play_munlock, fz_play_write, fz_play_read,
	fz_play_punch, fz_play_truncate, fz_play_fill, fz_play_fork, fz_play_exit, fz_play_kill,
	fz_play_exec, fz_play_rlimit, fz_play_pressure, fz_play_map, fz_play_unmap,
	fz_play_unmap_all, fz_play_hostile, fz_play_vaddr_gone, fz_play_vaddr_new, fz_play_dirty,
	fz_play_attach, fz_play_detach, fz_play_switch, fz_play_other_device, fz_play_device_read,
	fz_play_device_write, fz_play_blocked, fz_play_bar_mmap, fz_play_bar_munmap,
	fz_play_bar_map, fz_play_audit, fz_play_ask, fz_play_refresh, fz_play_fail,
	fz_play_together, fz_play_signals, fz_play_killed, fz_play_share, fz_play_swap,
	fz_play_starved, fz_play_paged;

/**
 * fz_settle_private() - look up which private pages of a file a process has copies of by now
 *
 * After calls that may have copied them or not: a copy is anonymous in the page table.
 */
void fz_settle_private(struct fz_session *s, unsigned int who, unsigned int page,
		       unsigned int count);

/** fz_dma_flags() - VFIO_DMA_MAP_FLAG_* of FZ_PROT_* */
uint32_t fz_dma_flags(unsigned int prot);

/** fz_will_unmap() - what an unmap of a range takes: bytes, or -errno */
int64_t fz_will_unmap(struct fz_session *s, unsigned int c, unsigned int iova, unsigned int count);

/** fz_apply_unmap() - everything that begins in or reaches into the range is gone */
void fz_apply_unmap(struct fz_session *s, unsigned int c, unsigned int iova, unsigned int count);

/* Bits of a pagemap's entry, beside those of holdfast/pagemap.h: swapped out; a file's; nobody else's. */
#define FZ_SWAPPED (1ULL << 62)
#define FZ_FILE (1ULL << 61)
#define FZ_EXCLUSIVE (1ULL << 56)

/** fz_pagemap() - what proc(5) tells of pages of the arena; Return: false: nothing of some of them */
bool fz_pagemap(struct fz_session *s, unsigned int who, unsigned int page, unsigned int count,
		uint64_t *entry);

/** fz_swap_on() - have swap space, if this kernel can; fz_session.swap says so */
void fz_swap_on(struct fz_session *s);

/** fz_swap_off() - have none any more, when no process of the run is left */
void fz_swap_off(struct fz_session *s);

/** fz_swap_end() - nor the disk */
void fz_swap_end(struct fz_session *s);

/* The memory cgroup that has those of all processes of a session's runs in it, and the root of cgroups. */
#define FZ_CGROUP_ROOT "/sys/fs/cgroup"
#define FZ_CGROUP FZ_CGROUP_ROOT "/holdfast-fuzz"

/** fz_kmem_begin() - count the kernel memory of the runs' processes from now on, if the kernel can */
void fz_kmem_begin(struct fz_session *s);

/** fz_kmem_enter() - so also that of a process and its children; Return: 0 or -errno */
int fz_kmem_enter(const struct fz_session *s, pid_t pid);

/** fz_kmem_end() - none of it is left */
void fz_kmem_end(struct fz_session *s);

/** fz_cgroup_end() - remove the memory cgroup, which has no process any more */
void fz_cgroup_end(struct fz_session *s);

/** fz_fillable() - is all of it memory that may be dropped, and filled in by userfaultfd? */
bool fz_fillable(const struct fz_session *s, unsigned int who, unsigned int page, unsigned int count);

/**
 * fz_map_ready() - does an FZ_MAP make sense now?
 * @op: its pages are made as many as there are to the end of the window
 */
bool fz_map_ready(struct fz_session *s, struct fz_op *op);

/** fz_send_map() - ask a process for an FZ_MAP that is ready, and do not wait */
void fz_send_map(struct fz_session *s, const struct fz_op *op, unsigned int slot);

/** fz_judge_map() - was that the right answer to it? */
void fz_judge_map(struct fz_session *s, const struct fz_op *op, int64_t answer);

/**
 * fz_unmapped() - judge the answer to an unmap
 * @ret: what the request returned
 * @size: bytes it says it has unmapped
 * @want: bytes that lie there, or the -errno it must fail with
 * @what: name of the request, for an objection
 *
 * Return: the mappings there have gone. They have, too, when a failure point kept only the answer back.
 */
bool fz_unmapped(struct fz_session *s, int64_t ret, uint64_t size, int64_t want, const char *what);

/** fz_have_thread() - see that the first process has a second thread; Return: it has */
bool fz_have_thread(struct fz_session *s);

/** fz_play_two() - two requests at once; @lead: microseconds between them */
int64_t fz_play_two(struct fz_session *s, const struct fz_op *op, unsigned int lead);

/** fz_try_begin() - from here on objections are only noted, and the model can be had back */
void fz_try_begin(struct fz_session *s);

/** fz_try_end() - Return: there were none; else the model is again as it was */
bool fz_try_end(struct fz_session *s);

/** fz_armed_answer() - -errno of the failure point that is armed; 1: it answers nothing */
int64_t fz_armed_answer(const struct fz_session *s);

/** fz_armed_failed() - has it failed since it was armed? */
bool fz_armed_failed(const struct fz_session *s);

/** fz_disarm() - no failure point waits any more */
void fz_disarm(struct fz_session *s);

/* Checking; each objects by itself. */

/** fz_check_meanwhile() - one look of the device while a process is at work */
void fz_check_meanwhile(struct fz_session *s, unsigned int turn);

/** fz_note_zero_page() - how many references the zero page has before the run */
void fz_note_zero_page(struct fz_session *s);

/** fz_check_zero_page() - it has as many again, when all is unmapped */
void fz_check_zero_page(struct fz_session *s);

/** fz_note_user() - what the user has locked before the run; Return: false: it cannot be told */
bool fz_note_user(struct fz_session *s);

/** fz_check_user() - it is that and @pages more, those that are mapped now */
void fz_check_user(struct fz_session *s, uint64_t pages);

/** fz_charged() - pages that count against the limit of a process which maps into container @c */
uint64_t fz_charged(const struct fz_session *s, unsigned int c, unsigned int who);

/** fz_check_charges() - VmLck of every process */
void fz_check_charges(struct fz_session *s);

/** fz_check_cpu() - what a process sees in pages that it may look at */
void fz_check_cpu(struct fz_session *s, unsigned int who, unsigned int page, unsigned int count);

/** fz_check_device() - what the device reads, and where it writes, in pages of the window */
void fz_check_device(struct fz_session *s, unsigned int iova, unsigned int count, bool write);

/** fz_check_reach() - the engine at work reaches what is mapped in its container @c, as it may, and no more */
void fz_check_reach(struct fz_session *s, unsigned int c);

/** fz_check_blocked() - the device must not get at a page that is not mapped */
void fz_check_blocked(struct fz_session *s, unsigned int iova);

/** fz_check_auditor() - what is incoherent in a range of a container */
void fz_check_auditor(struct fz_session *s, unsigned int container, unsigned int iova,
		      unsigned int count);

/** fz_check_parted() - remember whether anything the auditor listens to has parted */
void fz_check_parted(struct fz_session *s);

/** fz_check_all() - everything, at the end of a sequence */
void fz_check_all(struct fz_session *s);

/** Where the module's parameters are */
#define FZ_PARAMETERS "/sys/module/vfio_iommu_holdfast/parameters/"

/** fz_keep_over_exec() - a program that a worker becomes has the file, too */
void fz_keep_over_exec(int fd);

/** fz_port_restore() - map engine and bounce buffer, after an unmap of everything; 0 or -errno */
int fz_port_restore(struct fz_session *s);

/** fz_port_bytes() - what they take */
#define FZ_PORT_BYTES (HF_DMA_FOOTPRINT + FZ_BOUNCE)
#define FZ_PORT_MAPPINGS 2U

#endif
