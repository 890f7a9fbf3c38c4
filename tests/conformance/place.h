/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * place.h - the address space of a side: named places, each at an address of its own.
 *
 * Both sides make the same places at the same addresses, so that an operation names memory by
 * place and offset and means the same on either. Places are 1 GiB apart or more: what is
 * asked for beyond the end of one is a hole. In each page of a place that has contents the
 * first word is a tag that says which page it is and which operation wrote it last.
 */
#ifndef CONFORMANCE_PLACE_H
#define CONFORMANCE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_PAGE 4096UL
#define CF_2M (2UL << 20)

/** Places; the table with their names is in place.c */
enum cf_place {
	CF_ABS,      /* no place: the offset is the address */
	CF_ARG,      /* where requests are put by default; the page after it is a hole */
	CF_BITS,     /* where dirty bitmaps go */
	CF_ANON,     /* private anonymous, 4K pages, written */
	CF_FRESH,    /* the same, never touched */
	CF_ZERO,     /* the same, only read so far: the zero page */
	CF_THP,      /* private anonymous, huge pages, written */
	CF_NEWTHP,   /* the same, never touched */
	CF_HUGE,     /* private hugetlb, 2M, written */
	CF_HUGEMEM,  /* shared hugetlb, 2M, never touched */
	CF_SHMEM,    /* shared memfd */
	CF_FILE,     /* private mapping of a file */
	CF_SHARED,   /* shared mapping of a file */
	CF_READONLY, /* private anonymous, written, then PROT_READ */
	CF_ROFILE,   /* shared mapping of a file, PROT_READ */
	CF_NONE,     /* PROT_NONE */
	CF_HOLE,     /* nothing */
	CF_GAPS,     /* private anonymous with a hole of two pages after every 14 */
	CF_EOF,      /* shared mapping that goes on after its file's only page */
	CF_MOVED,    /* where mremap moves things to; a hole until then */
	CF_STACK,    /* an area that grows down, written */
	CF_MIXED,    /* anonymous, shared and huge memory side by side */
	CF_BAR,      /* BAR 0 of the side's device, where one is open */
	CF_PORT,     /* the side's own DMA memory */
	CF_PLACES
};

/** Properties of a place */
#define CF_BACKED (1u << 0)  /* is made anew after a sequence that used it */
#define CF_WRITES (1u << 1)  /* a device may write to it */
#define CF_FIXED (1u << 2)   /* no munmap, mmap, mremap in it */
#define CF_HUGETLB (1u << 3)

/**
 * struct cf_place_kind - a place
 * @name: in the text of operations
 * @addr: first byte
 * @len: bytes
 * @props: CF_BACKED, ...
 * @weight: how often the generator maps from it
 */
struct cf_place_kind {
	const char *name;
	uint64_t addr;
	uint64_t len;
	unsigned int props;
	unsigned int weight;
};

extern const struct cf_place_kind cf_places[CF_PLACES];

/** cf_place_find() - place by name; -1 */
int cf_place_find(const char *name, size_t len);

/** cf_places_open() - make every place; must succeed. Only in a side's process. */
void cf_places_open(void);

/** cf_place_used() - note that a place is no longer as it was made */
void cf_place_used(uint64_t addr);

/** cf_places_reset() - make those places anew that were used; must succeed */
void cf_places_reset(void);

/** cf_place_bar() - map a device's BAR 0, or with -1 make it a hole */
void cf_place_bar(int device_fd, uint64_t offset, uint64_t len);

/** cf_place_remap() - mmap() a part of a place again, empty. Return: 0 or -errno */
int cf_place_remap(unsigned int place, uint64_t addr, uint64_t len);

/** cf_tag() - contents of a page: where it is and which write it was */
static inline uint64_t cf_tag(uint64_t addr, uint64_t generation)
{
	uint64_t x = addr / CF_PAGE * 0x9e3779b97f4a7c15ULL + generation * 0xd1b54a32d192ed03ULL;

	x ^= x >> 29;
	return x | 1;
}

/** cf_peek() - read a word that may not be there. Return: it was */
bool cf_peek(uint64_t addr, uint64_t *word);

/** cf_poke() - write a word to where that may not be possible. Return: it was */
bool cf_poke(uint64_t addr, uint64_t word);

/** cf_copy() - copy to or from memory that may not be there. Return: all of it was */
bool cf_copy(void *dst, const void *src, size_t len);

#endif
