/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h - the processes of a run.
 *
 * The session does not touch the memory under test: workers do, on request. A request is a system call
 * with its arguments, or one of a few things that are more than a call. Requests and answers are in
 * shared memory that lies at the same address in the session and in all workers, also after an exec,
 * so structs that an ioctl is given are built there by the session.
 */
#ifndef FUZZ_WORKER_H
#define FUZZ_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "op.h"

/** Where the arena is */
#define FZ_ARENA 0x200000000000UL
/** Where device memory is mapped */
#define FZ_BAR 0x210000000000UL
#define FZ_PAGE_BYTES 4096UL
/** Room for a request's structs */
#define FZ_DATA 32768U
/** Pages of one look or write */
#define FZ_LOOK 1024U

enum fz_do {
	FZ_DO_CALL, /* a system call: nr, arg[] */
	FZ_DO_LOOK, /* read tags: arg[0] address, arg[1] pages; struct fz_look */
	FZ_DO_POKE, /* write tags: the same */
	FZ_DO_FORK, /* arg[0]: the child's number */
	FZ_DO_SHARE, /* the same, in one address space; arg[1]: and with one table of files */
	FZ_DO_EXEC,
	FZ_DO_EXIT,
	FZ_DO_THREAD, /* have a thread serve the slot behind those of the processes */
	FZ_DO_FILL, /* drop pages, fill them by userfaultfd with tags: as FZ_DO_POKE */
	FZ_DO_WATCH, /* drop them, and have whoever touches one wait; the userfaultfd */
	FZ_DO_SUPPLY, /* give those what they wait for until slot 0 has done what it was asked, and let the
		       * others go: arg[0], arg[1] as FZ_DO_POKE, but that a tag 0 is the zero page, and a
		       * page nobody waited for is FZ_LOOKED_NOTHING; arg[2] userfaultfd, arg[3] after so many
		       * microseconds each
		       */
};

/** What became of a page that was looked at */
enum fz_looked {
	FZ_LOOKED_WELL,
	FZ_LOOKED_TORN,	  /* the words differ */
	FZ_LOOKED_FAULT,  /* SIGSEGV */
	FZ_LOOKED_NOTHING /* SIGBUS */
};

/**
 * struct fz_look - tags of pages
 * @tag: what is there, or what to write
 * @how: enum fz_looked
 */
struct fz_look {
	uint64_t tag[FZ_LOOK];
	uint8_t how[FZ_LOOK];
};

/**
 * struct fz_slot - requests to one worker
 * @state: FZ_IDLE, FZ_ASKED, FZ_DONE; a futex
 * @what: enum fz_do
 * @quiet: this request is not recorded (fz_options.leave)
 * @period: microseconds between signals while it is at work; 0: none
 * @nr: number of the system call
 * @arg: arguments
 * @ret: result or -errno
 * @pid: of the worker
 * @data: room for structs
 */
struct fz_slot {
	_Atomic uint32_t state;
	uint32_t what;
	uint32_t quiet;
	uint32_t period;
	int32_t pid;
	int64_t nr;
	uint64_t arg[6];
	int64_t ret;
	_Alignas(64) uint8_t data[FZ_DATA];
};

#define FZ_IDLE 0U
#define FZ_ASKED 1U
#define FZ_DONE 2U

/** Slots: one for each process, and one for a second thread of the first */
#define FZ_THREAD FZ_PROCS
#define FZ_SLOTS (FZ_PROCS + 1)

struct fz_shared {
	struct fz_slot slot[FZ_SLOTS];
};

/**
 * fz_worker_main() - be a worker, if this program was started as one by FZ_DO_EXEC
 *
 * To be called first in main(), with its arguments. Does not return in a worker.
 */
void fz_worker_main(int argc, char **argv);

/** fz_shared_open() - make the shared memory; Return: NULL and errno on error */
struct fz_shared *fz_shared_open(void);

void fz_shared_close(struct fz_shared *s);

/**
 * fz_worker_start() - fork the first worker
 * @s: shared memory
 * @limited: without CAP_IPC_LOCK
 * @enter: called first in it, and in those that are forked from it until it becomes another
 *	program; may be NULL
 * @leave: called there around requests that are not to be recorded; may be NULL
 *
 * Return: its pid or -errno.
 */
pid_t fz_worker_start(struct fz_shared *s, bool limited, void (*enter)(void), void (*leave)(void));

/** fz_worker_ask() - send the request that is in a slot */
void fz_worker_ask(struct fz_slot *slot);

/**
 * fz_worker_wait() - wait for the answer
 * @slot: asked before
 * @timeout_ms: no longer than this
 *
 * Return: 0; -ETIMEDOUT; -ESRCH when the worker died.
 */
int fz_worker_wait(struct fz_slot *slot, unsigned int timeout_ms);

/** fz_worker_gone() - wait for a worker's end; Return: 0 or -ETIMEDOUT */
int fz_worker_gone(pid_t pid, unsigned int timeout_ms);

#endif
