// SPDX-License-Identifier: GPL-2.0-only
/*
 * rest.c - wait until nobody pins and unpins.
 */
#include "rest.h"

#include <string.h>
#include <time.h>

/* So many readings in a row that are the same, so many at most, and the time between two. */
#define CALM 6U
#define TRIES 500U
#define NAP_MS 20

int fz_rest(int (*read)(struct hf_proc_snapshot *s), struct hf_proc_snapshot *s)
{
	const struct timespec nap = { .tv_nsec = NAP_MS * 1000000L };
	struct hf_proc_snapshot now = { 0 }, last = { 0 };
	unsigned int same = 0;

	for (unsigned int i = 0; i < TRIES && same < CALM; i++) {
		const int ret = read(&now);

		if (ret)
			return ret;
		same = same && !memcmp(&now, &last, sizeof(now)) ? same + 1 : 1;
		last = now;
		if (!i || now.pins_held < s->pins_held)
			*s = now;
		if (same < CALM)
			nanosleep(&nap, NULL);
	}
	if (same == CALM)
		*s = now;
	return 0;
}
