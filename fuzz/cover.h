/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cover.h - which way did a run take through the module?
 *
 * The module must have been built with coverage (scripts/module-build --with cover); module/cover.c
 * says what is counted. A process has one session at most. Its children inherit that, and record
 * in it what they do in the module once they called fz_cover_enter():
 *
 *	fz_cover_open();
 *	for each run:
 *		fz_cover_begin();
 *		fork, and in each process and thread: fz_cover_enter();
 *		fz_cover_collect(map, size);
 *	fz_cover_close();
 *
 * Where nothing is open, everything but fz_cover_open() does nothing: the same program runs on
 * a module without coverage.
 */
#ifndef FUZZ_COVER_H
#define FUZZ_COVER_H

#include <stddef.h>
#include <stdint.h>

/**
 * fz_cover_open() - begin to record
 *
 * Return: 0; -ENOENT: the module was built without coverage; -EPROTO: or with another version of
 * it; or -errno.
 */
int fz_cover_open(void);

/** fz_cover_close() - end it; who has entered is not recorded any more */
void fz_cover_close(void);

/**
 * fz_cover_begin() - a new run: everything is forgotten that the last one left
 *
 * Whoever entered before does not count any more, also if he lives.
 */
void fz_cover_begin(void);

/**
 * fz_cover_enter() - record what this thread does in the module from now on, in this run
 *
 * It survives exec, and is not inherited by children. Where too many threads are recorded, this
 * one is not.
 */
void fz_cover_enter(void);

/** fz_cover_leave() - do not record this thread any more */
void fz_cover_leave(void);

/**
 * fz_cover_collect() - add the places of this run to a map
 * @map: AFL++'s, a byte for each place, 1 where it was passed
 * @size: places; a power of two, 65536 at most. Of a smaller map several places share one
 *
 * How often does not matter. Those of all threads are put together, and each knows where it came
 * from: how they took turns makes no difference.
 *
 * Return: places of the module's map that were passed.
 */
unsigned int fz_cover_collect(uint8_t *map, size_t size);

/**
 * fz_cover_bits() - what the module knows of each point, HF_COVER_PASSED and HF_COVER_MUTE
 * @n: out: how many bytes; most stand for no point
 *
 * Return: the bytes themselves, NULL where nothing is open.
 */
uint8_t *fz_cover_bits(size_t *n);

/** fz_cover_forget() - take HF_COVER_PASSED away from every point */
void fz_cover_forget(void);

/** fz_cover_points() - points passed since fz_cover_open(), forgotten or not */
unsigned int fz_cover_points(void);

/**
 * fz_cover_place() - name a point so that another load of the same module knows it
 * @at: index of its byte
 * @offset: out: bytes from the begin of the section
 *
 * Return: the section; NULL for what is in none.
 */
const char *fz_cover_place(size_t at, uint64_t *offset);

/** fz_cover_find() - the index of a point by such a name; SIZE_MAX: there is none */
size_t fz_cover_find(const char *section, uint64_t offset);

/**
 * fz_cover_build() - what tells this build of the module from others, in hex
 *
 * Return: "" where nothing is open, or the module has no build id.
 */
const char *fz_cover_build(void);

/**
 * fz_cover_save() - write down the points passed since fz_cover_open(), forgotten or not
 * @path: a file, replaced by a rename. It says "module" and its build in the first line, then a
 *	section of the module and an offset in hex in each: scripts/fuzz-points reads it. What
 *	it said of the same build before stays
 *
 * Return: 0 or -errno.
 */
int fz_cover_save(const char *path);

/**
 * fz_cover_fold() - add places to a map; what fz_cover_collect() does with the module's
 * @places: 65536 of them, aligned to eight bytes
 * @map: where to
 * @size: as there
 *
 * Return: places that were passed.
 */
unsigned int fz_cover_fold(const uint8_t *places, uint8_t *map, size_t size);

#endif
