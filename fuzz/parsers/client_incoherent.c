// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_incoherent.c - the answers to HOLDFAST_INCOHERENT.
 *
 * An input is the first and last IOVA that are asked for, the room for ranges, and what the
 * replaced ioctl() leaves in the request, call after call; the last answer is given again and
 * again. However it answers, the caller comes to an end, and stays within what is there.
 */
#include "target.h"

#include <errno.h>
#include <holdfast/coherence.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 80

/** struct ask - the first bytes of an input */
struct ask {
	uint64_t first;
	uint64_t last;
	uint8_t max;
	uint8_t partial;
} __attribute__((packed));

static struct fz_bytes rest;
static unsigned int given;

int __wrap_hf_container_ioctl(const struct hf_container *c, unsigned long request, void *arg);

/* One byte says how many eights of the next are the answer; none: an error. */
int __wrap_hf_container_ioctl(const struct hf_container *c, unsigned long request, void *arg)
{
	struct holdfast_incoherent head;
	struct fz_bytes answer = { rest.at, 0 };

	(void)c;
	FZ_MUST(request == HOLDFAST_INCOHERENT);
	memcpy(&head, arg, sizeof(head));
	FZ_MUST(head.nr && head.argsz >= sizeof(head) + head.nr * sizeof(struct holdfast_range));
	FZ_MUST(!head.flags && head.first <= head.last);
	FZ_MUST(++given <= 4096);
	if (!rest.len)
		return -EINTR;
	answer = (struct fz_bytes){ rest.at + 1, rest.len - 1 };
	if (answer.len > (size_t)*rest.at * 8)
		answer.len = (size_t)*rest.at * 8;
	if (!answer.len)
		return -EFAULT;
	if (answer.len > head.argsz)
		answer.len = head.argsz;
	memcpy(arg, answer.at, answer.len);
	/* What an answer claims and does not have is the same each time. */
	memset((char *)arg + answer.len, 0, head.argsz - answer.len);
	if (rest.len > answer.len + 1)
		rest = (struct fz_bytes){ rest.at + answer.len + 1, rest.len - answer.len - 1 };
	return 0;
}

void fz_target(const uint8_t *in, size_t len)
{
	const struct hf_container c = { .fd = -1 };
	struct holdfast_range *ranges;
	bool partial = true;
	uint64_t low, high;
	struct ask ask;
	long nr;

	if (len < sizeof(ask))
		return;
	memcpy(&ask, in, sizeof(ask));
	rest = (struct fz_bytes){ in + sizeof(ask), len - sizeof(ask) };
	given = 0;
	if (ask.first > ask.last)
		return;
	ask.max %= ROOM;
	ranges = malloc(ask.max * sizeof(*ranges));
	if (!ranges)
		exit(EXIT_SUCCESS);
	nr = hf_try_incoherent(&c, ask.first, ask.last, ranges, ask.max,
			       ask.partial & 1 ? &partial : NULL);
	FZ_MUST(nr == -EFAULT || nr == -EINTR || nr == -EPROTO || nr >= 0);
	FZ_MUST(nr <= 64 * (long)given);
	/* Whole pages. */
	low = ask.first & ~4095ULL;
	high = ask.last | 4095;
	for (long i = 0; i < nr && i < ask.max; i++)
		FZ_MUST(ranges[i].size && ranges[i].iova >= low && ranges[i].iova <= high &&
			ranges[i].size - 1 <= high - ranges[i].iova &&
			(!i || ranges[i].iova > ranges[i - 1].iova + (ranges[i - 1].size - 1)));
	free(ranges);
}
