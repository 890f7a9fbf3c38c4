/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * harness.h - run every case of a test against both backends, and see that nothing is left.
 *
 * A test is a table of cases. t_run() runs the whole table on stock vfio_iommu_type1 first,
 * which shows that the test itself is right about the ABI, then on holdfast. Around every
 * case it compares pins held (FOLL_PIN, whole system), locked and pinned memory (VmLck,
 * VmPin) and the free huge pages: a case that does not give everything back has failed.
 *
 * A missing holdfast module fails the run: a test that quietly tests nothing is worse than
 * none. Only with HOLDFAST_STOCK_ONLY=1 in the environment its cases are skipped.
 *
 * An asserting library call (hf_must(), hf_map(), ...) that fails in the main thread ends its
 * case, not the program.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <holdfast/backend.h>
#include <holdfast/container.h>
#include <holdfast/fail.h>
#include <holdfast/iommu.h>
#include <holdfast/ktap.h>
#include <holdfast/memory.h>
#include <holdfast/proc.h>
#include <holdfast/rig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"

#define T_PAGE 4096UL
#define T_2M (2UL << 20)
#define T_1G (1UL << 30)

#define T_ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))

/* What a case wants to find; see struct t */
#define T_RIG (1u << 0)      /* an open container with one device: t->rig, t->c */
#define T_DMA (1u << 1)      /* T_RIG and its DMA engine: t->port */
#define T_V1 (1u << 2)       /* the container is of type VFIO_TYPE1_IOMMU, not v2 */
#define T_STOCK (1u << 3)    /* only on stock */
#define T_HOLDFAST (1u << 4) /* only on holdfast */
#define T_USER (1u << 5)     /* once more on holdfast, with accounting=user */

/** Which backend a run is about; index for results kept to be compared */
enum t_backend { T_ON_STOCK, T_ON_HOLDFAST, T_BACKENDS };

/**
 * struct t - what a case gets
 * @on: the backend that serves containers typed during the case
 * @backend: its name
 * @by_user: containers made during the case charge users, not processes
 * @index: number of the case in its table: for what is kept of one run for the next
 * @arg: as in the table of cases
 * @rig: T_RIG, T_DMA: shared by consecutive cases that ask for the same
 * @c: &rig.container
 * @port: T_DMA: the rig's engine with its bounce buffer
 */
struct t {
	enum t_backend on;
	const char *backend;
	bool by_user;
	size_t index;
	const void *arg;
	struct hf_rig rig;
	struct hf_container *c;
	struct t_port port;
};

/**
 * struct t_case - one case
 * @name: what it shows, as a statement
 * @run: does it
 * @flags: T_*
 * @arg: for @run, in struct t
 */
struct t_case {
	const char *name;
	void (*run)(struct t *t);
	unsigned int flags;
	const void *arg;
};

/**
 * t_run() - run every case on every backend
 * @cases: the table
 * @count: entries
 *
 * Return: exit code for main().
 */
int t_run(const struct t_case *cases, size_t count);

/** T_RUN() - t_run() of an array */
#define T_RUN(cases) t_run((cases), T_ARRAY_SIZE(cases))

/**
 * t_leftover() - fail the case when counters are not back where they were
 * @before: snapshot from before
 * @what: which step should have brought them back
 *
 * For the middle of a case; at its end the harness does it. Waits up to a second.
 * Return: true when nothing is left over.
 */
bool t_leftover(const struct hf_proc_snapshot *before, const char *what);

/** t_pinned() - pins that are held now, by anybody (FOLL_PIN, whole system); must succeed */
int64_t t_pinned(void);

/**
 * t_pinned_for_ever() - pins stay, and that is right
 * @pins: how many
 *
 * For what an IOMMU driver failed to unmap. Neither the harness nor run-tests miss them then.
 */
void t_pinned_for_ever(long pins);

/**
 * t_alloc() - allocate memory of a kind or skip the case
 * @m: to fill in
 * @kind: its name
 * @len: bytes
 * @offset: bytes after a natural page boundary
 * @flags: HF_MEM_*
 *
 * Return: true; false when this machine cannot make it (the case is marked as skipped).
 * Fails on any other error.
 */
bool t_alloc(struct hf_mem *m, const char *kind, size_t len, size_t offset, unsigned int flags);

/** t_log() - write a line to the kernel log */
void t_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * t_faults_begin() - announce to the reader of the kernel log that IOMMU faults will follow
 * @why: for people
 */
void t_faults_begin(const char *why);

/** t_faults_end() - faults are a surprise again */
void t_faults_end(void);

/** t_kernel_before() - is the running kernel older than this release? */
bool t_kernel_before(unsigned int major, unsigned int minor);

/** t_sleep_ms() - sleep */
void t_sleep_ms(unsigned int ms);

/** t_now_ms() - monotonic clock, milliseconds */
uint64_t t_now_ms(void);

/**
 * t_patience_ms() - how long to wait on this kernel before something counts as stuck
 * @ms: milliseconds that are ample on an ordinary kernel
 *
 * Environment variable HOLDFAST_SLOW says how many times longer things take here (a debug
 * kernel); scripts/guest sets it.
 *
 * Return: milliseconds
 */
uint64_t t_patience_ms(uint64_t ms);

#endif
