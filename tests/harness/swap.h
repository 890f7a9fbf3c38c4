/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * swap.h - somewhere to page out to: a RAM disk.
 */
#ifndef TESTS_SWAP_H
#define TESTS_SWAP_H

/**
 * t_swap_on() - make 64 MiB of swap space of a RAM disk
 *
 * Off again when the program exits; asked again, the answer is the same. Needs the module brd.
 *
 * Return: 0, or a negative errno: -ENODEV without a RAM disk.
 */
int t_swap_on(void);

#endif
