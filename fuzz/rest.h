/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rest.h - pins, huge pages and locked memory while nobody is at work.
 *
 * They are counted for the whole machine, and who reads or writes a file may pin pages for that: so does
 * direct I/O, and since Linux 6.8 a folder shared by 9p without a cache, whose pins a worker drops after
 * the answer. afl-fuzz writes there between two runs. What is to be compared with later must not have
 * such a pin in it.
 */
#ifndef FUZZ_REST_H
#define FUZZ_REST_H

#include <holdfast/proc.h>

/**
 * fz_rest() - what is counted when it has not changed for a tenth of a second
 * @read: reads it
 * @s: out
 *
 * Where it never stays the same for that long it is the smallest number of pins that was read: those of
 * others come on top.
 * Return: 0; -errno of @read.
 */
int fz_rest(int (*read)(struct hf_proc_snapshot *s), struct hf_proc_snapshot *s);

#endif
