/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dice.h - random numbers, and choices near what exists; for the generator's files.
 */
#ifndef CONFORMANCE_DICE_H
#define CONFORMANCE_DICE_H

#include "generate.h"

/** cf_mix() - the next number of a sequence's source */
static inline uint64_t cf_mix(struct cf_random *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/** cf_below() - a number below @n, 0 for @n 0 */
static inline uint64_t cf_below(struct cf_random *g, uint64_t n)
{
	return n ? cf_mix(g) % n : 0;
}

/** cf_chance() - true in so many of a hundred cases */
static inline bool cf_chance(struct cf_random *g, unsigned int percent)
{
	return cf_below(g, 100) < percent;
}

/** CF_ONE_OF() - an element of an array */
#define CF_ONE_OF(g, list) ((list)[cf_below((g), sizeof(list) / sizeof(*(list)))])

/** cf_some_mapping() - a live mapping, NULL when there is none */
const struct cf_mapping *cf_some_mapping(struct cf_random *g, const struct cf_model *m);

/** cf_some_place() - a place, by weight */
uint32_t cf_some_place(struct cf_random *g);

/** cf_some_pages() - a number of pages, 1 to @most */
uint64_t cf_some_pages(struct cf_random *g, uint64_t most);

/** cf_at_addr() - an address as place and offset */
struct cf_at cf_at_addr(uint64_t addr);

/** cf_generate_request() - fill in a request to the container; @op->kind is given */
void cf_generate_request(struct cf_random *g, struct cf_model *m, struct cf_op *op);

/** cf_generate_process() - fill in an operation on the process; may change @op->kind */
void cf_generate_process(struct cf_random *g, const struct cf_model *m, struct cf_op *op);

#endif
