/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * steady.h - what the same input does differently each time, so that nobody is guided by it.
 *
 * Which way holdfast takes depends in some places on luck: whether two pages are neighbours
 * in memory. AFL++ would take each such way for something new. So before a campaign some inputs are
 * played several times over; points that are not passed each time are muted (module/cover.c), and
 * places of the map that still differ are dropped. The result is kept in a file of lines
 *
 *	module BUILD		the build of the module for which the rest holds
 *	mute SECTION OFFSET	a point, in hex
 *	drop PLACE		a place of the map, in hex
 */
#ifndef FUZZ_STEADY_H
#define FUZZ_STEADY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct fz_steady - what was learned
 * @muted: points
 * @dropped: places
 * @inputs: from how many inputs
 * @skipped: those of them that did too much differently to be trusted
 */
struct fz_steady {
	unsigned int inputs;
	unsigned int muted;
	unsigned int dropped;
	unsigned int skipped;
};

/**
 * struct fz_play - something to play: @run(@data, @i) for each @i below @n
 * @run: play it
 * @enough: asked after each in the first of three rounds, which take about as long: are these all
 *	there is time for? NULL: no
 * @data: for both
 * @n: how many
 */
struct fz_play {
	void (*run)(void *data, unsigned int i);
	bool (*enough)(void *data);
	void *data;
	unsigned int n;
};

/**
 * fz_steady_learn() - play inputs, each some times over, and learn
 * @p: the inputs; fz_cover_begin() is called before each
 * @times: how often
 *
 * Context: fz_cover_open() was called. What was learned before is kept.
 * Return: 0; -ENOMEM; -ENODEV: there is no coverage.
 */
int fz_steady_learn(const struct fz_play *p, unsigned int times);

/** fz_steady_smooth() - take what is dropped out of a map that was collected */
void fz_steady_smooth(uint8_t *map, size_t size);

/** fz_steady_known() - how much is known */
struct fz_steady fz_steady_known(void);

/** fz_steady_save() - write a file; 0 or -errno */
int fz_steady_save(const char *path);

/**
 * fz_steady_load() - read one, and mute
 *
 * Return: 0; -ESTALE: it is another build's, and nothing was done; -EINVAL: it is no such file; or
 * -errno.
 */
int fz_steady_load(const char *path);

#endif
