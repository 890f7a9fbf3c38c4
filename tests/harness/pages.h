/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pages.h - a mapping page by page: what the CPU sees, what the device sees, and whether the
 * two are one page.
 *
 * The model follows a mapping through what happens to the memory behind it. A test says what
 * must have become of which pages (t_pages_part(), t_pages_move(), ...), t_pages_check() finds
 * out whether it did: both sides write, both sides look, and every page has contents of its
 * own. Of a long mapping the telling pages are looked at: ends, the borders of what happened
 * to it, the borders of 2M pages, and some between.
 */
#ifndef TESTS_PAGES_H
#define TESTS_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"

/** Contents of a page that nobody wrote to: a seed like any other, but all zeroes */
#define T_ZEROES 0

/**
 * struct t_page - a page of the model
 * @cpu: where the CPU sees a page for it; NULL: nowhere
 * @parted: what the CPU sees is not the device's page
 * @look: is looked at
 * @held: contents of the device's page: a seed, T_ZEROES
 * @own: contents of the CPU's page when @parted
 * @pfn: of the device's page, 0 when not known
 */
struct t_page {
	char *cpu;
	bool parted;
	bool look;
	uint64_t held;
	uint64_t own;
	uint64_t pfn;
};

/** enum t_access - what the CPU may do with its pages at the moment */
enum t_access { T_CPU_NONE, T_CPU_READS, T_CPU_WRITES };

/**
 * struct t_pages - pages in a row, some of them mapped for the device
 * @port: the device
 * @n: pages
 * @first: first page that is mapped
 * @end: behind the last one
 * @iova: of page @first
 * @prot: HF_READ, HF_WRITE: of the mapping
 * @access: of the CPU
 * @page: the pages
 */
struct t_pages {
	struct t_port *port;
	size_t n;
	size_t first;
	size_t end;
	uint64_t iova;
	uint32_t prot;
	enum t_access access;
	struct t_page *page;
};

/**
 * t_pages_init() - model of memory that is not mapped yet
 * @p: to fill in
 * @port: the device it will be mapped for
 * @addr: the memory, in one piece, readable and writable
 * @n: pages
 *
 * t_pages_free() frees it.
 */
void t_pages_init(struct t_pages *p, struct t_port *port, void *addr, size_t n);

/** t_pages_free() - forget the model; memory and mappings stay */
void t_pages_free(struct t_pages *p);

/**
 * t_pages_look() - look at the pages beside a border, too
 *
 * Before the first t_pages_fill(): contents must be known.
 */
void t_pages_look(struct t_pages *p, size_t border);

/** t_pages_fill() - the CPU writes new contents to every page it has and that is looked at */
void t_pages_fill(struct t_pages *p);

/**
 * t_pages_map() - map a part for the device; must succeed
 * @p: pages
 * @first: first page
 * @end: behind the last
 * @iova: of page @first
 * @prot: HF_READ, HF_WRITE
 *
 * From here on CPU and device share each page: parted ones are one again. Where the CPU's
 * pages are not in one piece, each piece is a mapping of its own; a page that the CPU has not
 * is left out and not looked at any more.
 */
void t_pages_map(struct t_pages *p, size_t first, size_t end, uint64_t iova, uint32_t prot);

/** t_pages_unmap() - unmap all that was mapped; fails the case when that is another size */
void t_pages_unmap(struct t_pages *p);

/** t_pages_part() - from here on the CPU has pages of its own in a range, with these contents */
void t_pages_part(struct t_pages *p, size_t from, size_t to, uint64_t own);

/** t_pages_mend() - from here on the device has the CPU's pages in a range */
void t_pages_mend(struct t_pages *p, size_t from, size_t to);

/** t_pages_gone() - the CPU has no pages in a range any more */
void t_pages_gone(struct t_pages *p, size_t from, size_t to);

/** t_pages_move() - the CPU's pages of a range are at @addr now */
void t_pages_move(struct t_pages *p, size_t from, size_t to, char *addr);

/** t_pages_changed() - the pages of a range, shared or not, hold other contents now */
void t_pages_changed(struct t_pages *p, size_t from, size_t to, uint64_t held);

/**
 * t_pages_check() - is everything as the model says?
 * @p: pages
 * @what: for the message when it is not
 *
 * First nobody writes: the device's pages hold what they held, the CPU's pages are at the PFNs
 * they were at if they are the device's, and are not if they have parted. Then the device
 * writes, if it may: the CPU sees it in shared pages only. Then the CPU writes, if it may: the
 * device sees it in shared pages only.
 *
 * Return: true when all held; the first page that did not is reported (hf_expect()).
 */
bool t_pages_check(struct t_pages *p, const char *what);

/** t_pages_write() - the CPU writes contents @seed to the pages looked at; the model is not told */
void t_pages_write(const struct t_pages *p, uint64_t seed);

/**
 * t_pages_hold() - do the CPU's pages hold what the model says?
 *
 * For another process than the one that maps: nothing of the device is touched.
 */
bool t_pages_hold(const struct t_pages *p, const char *what);

/** t_pages_hold_seed() - do all pages looked at hold contents @seed, as the CPU sees them? */
bool t_pages_hold_seed(const struct t_pages *p, uint64_t seed, const char *what);

/** t_page_fill() - write contents to one page: @index tells the pages of one seed apart */
void t_page_fill(char *page, size_t index, uint64_t seed);

/** t_page_holds() - does a page hold these contents? */
bool t_page_holds(const char *page, size_t index, uint64_t seed);

#endif
