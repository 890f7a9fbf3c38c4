// SPDX-License-Identifier: GPL-2.0-only
/*
 * swap.c - the first page of a swap space.
 */
#include <errno.h>
#include <holdfast/swap.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096U
#define LEAST_PAGES 10U

static const char magic[] = "SWAPSPACE2";

struct header {
	char boot[1024];
	uint32_t version;
	uint32_t last_page;
	uint32_t bad_pages;
	uint8_t uuid[16];
	char name[16];
	char rest[PAGE - 1068 - (sizeof(magic) - 1)];
	char magic[sizeof(magic) - 1];
};

_Static_assert(sizeof(struct header) == PAGE && offsetof(struct header, name) == 1052,
	       "as the kernel has it");

static void put_name(struct header *h, const char *name)
{
	memcpy(h->name, name, strnlen(name, sizeof(h->name)));
}

int hf_swap_make(int fd, uint64_t bytes, const char *name)
{
	const uint64_t pages = bytes / PAGE;
	struct header h = { .version = 1, .last_page = (uint32_t)(pages - 1) };
	ssize_t n;

	if (pages < LEAST_PAGES || pages > UINT32_MAX)
		return -EINVAL;
	if (name)
		put_name(&h, name);
	memcpy(h.magic, magic, sizeof(h.magic));
	n = pwrite(fd, &h, sizeof(h), 0);
	return n == (ssize_t)sizeof(h) ? 0 : n < 0 ? -errno : -EIO;
}

bool hf_swap_is(int fd, const char *name)
{
	struct header want = { 0 }, h;

	put_name(&want, name);
	return pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	       !memcmp(h.magic, magic, sizeof(h.magic)) && !memcmp(h.name, want.name, sizeof(h.name));
}
