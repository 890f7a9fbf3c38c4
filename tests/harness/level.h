/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * level.h - how much memory the kernel has, and has allocated for itself.
 */
#ifndef TESTS_LEVEL_H
#define TESTS_LEVEL_H

/**
 * struct t_level - two numbers out of /proc/meminfo, KB
 * @free: MemFree
 * @slab: SUnreclaim: what the kernel allocated for itself and cannot drop
 */
struct t_level {
	long free;
	long slab;
};

/** t_level() - as it is now; must succeed */
struct t_level t_level(void);

/**
 * t_level_settle() - wait until memory is back
 * @before: earlier level
 * @free_kb: less than this much free memory may be lost
 * @slab_kb: less than this much may be allocated in addition
 *
 * Frees that wait for a grace period may gather for some seconds: waits up to twelve.
 *
 * Return: the level then, within these limits or not.
 */
struct t_level t_level_settle(const struct t_level *before, long free_kb, long slab_kb);

#endif
