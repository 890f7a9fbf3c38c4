/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * proc.h - what the kernel counts: locked memory, pins, huge pages.
 *
 * The kernel keeps vmstat counters per CPU and folds them later; everything here that reads
 * them asks for a fold first (/proc/sys/vm/stat_refresh, root only), so the numbers are exact.
 * Functions return 0 or a negative errno.
 */
#ifndef HOLDFAST_PROC_H
#define HOLDFAST_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/**
 * struct hf_proc_mem - memory of a process, bytes
 * @vmlck: locked (VmLck): what VFIO charges by default
 * @vmpin: pinned (VmPin): charged by other subsystems
 * @vmrss: resident (VmRSS)
 */
struct hf_proc_mem {
	uint64_t vmlck;
	uint64_t vmpin;
	uint64_t vmrss;
};

/**
 * struct hf_proc_pins - FOLL_PIN references of the whole system, since boot
 * @acquired: pins taken (nr_foll_pin_acquired)
 * @released: pins dropped (nr_foll_pin_released)
 *
 * @acquired - @released is the number of pins held now, by everybody.
 */
struct hf_proc_pins {
	uint64_t acquired;
	uint64_t released;
};

/**
 * struct hf_proc_snapshot - everything that must come back after a test
 * @pins_held: pins held, whole system
 * @vmlck: bytes locked, this process
 * @vmpin: bytes pinned, this process
 * @huge_free_2m: free 2M pages in the pool, 0 without a pool
 * @huge_free_1g: free 1G pages
 */
struct hf_proc_snapshot {
	int64_t pins_held;
	uint64_t vmlck;
	uint64_t vmpin;
	uint64_t huge_free_2m;
	uint64_t huge_free_1g;
};

/**
 * hf_proc_mem() - memory of a process
 * @pid: process, 0 for this one
 * @mem: to fill in
 */
int hf_proc_mem(pid_t pid, struct hf_proc_mem *mem);

/**
 * hf_proc_vmstat() - one line of /proc/vmstat, by name, folded first when we may
 *
 * -ENOENT when this kernel has no such line.
 */
int hf_proc_vmstat(const char *name, uint64_t *value);

/**
 * hf_proc_find() - the number behind a name, as /proc/vmstat and /proc/PID/status have it
 * @f: the file, read from here to the line
 * @key: a whole name at the start of a line, followed by blanks or a colon
 * @value: the number; untouched on error
 *
 * Return: 0; -ENOENT no such line; -EPROTO no number there, or none of 64 bits.
 */
int hf_proc_find(FILE *f, const char *key, uint64_t *value);

/** hf_proc_pins() - the pin counters; -EACCES when they cannot be folded (not root) */
int hf_proc_pins(struct hf_proc_pins *pins);

/** hf_proc_snapshot() - take a snapshot */
int hf_proc_snapshot(struct hf_proc_snapshot *s);

/**
 * hf_proc_settle() - wait until the counters are back where a snapshot found them
 * @before: earlier snapshot of this process
 * @now: what they are in the end; may be NULL
 * @timeout_ms: how long to wait, real milliseconds; 0 looks once
 *
 * Some frees are asynchronous (a killed child's exit, deferred file closes): this polls. It
 * compares pins_held, vmlck, vmpin and the hugetlb pools.
 * Return: 0 when all are equal; -EBUSY when not; -errno.
 */
int hf_proc_settle(const struct hf_proc_snapshot *before, struct hf_proc_snapshot *now,
		   unsigned int timeout_ms);

/**
 * hf_proc_read_file() - read a small text file (sysfs, procfs), without its last newline
 * @path: file
 * @buf: where to; always terminated
 * @size: bytes in @buf
 *
 * Return: length of the text (cut to fit), or a negative errno.
 */
ssize_t hf_proc_read_file(const char *path, char *buf, size_t size);

/** hf_proc_write_file() - write a string to an existing file in one write() */
int hf_proc_write_file(const char *path, const char *text);

#endif
