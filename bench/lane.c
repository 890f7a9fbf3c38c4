// SPDX-License-Identifier: GPL-2.0-only
/*
 * lane.c - open a container on a chosen backend.
 */
#include "lane.h"

#include <errno.h>
#include <holdfast/backend.h>
#include <holdfast/proc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* References held on a backend's module, -1 when the kernel does not say (built in). */
static long references(enum bench_backend backend)
{
	static const char *const paths[BENCH_BACKENDS] = {
		[BENCH_STOCK] = "/sys/module/vfio_iommu_type1/refcnt",
		[BENCH_HOLDFAST] = "/sys/module/vfio_iommu_holdfast/refcnt",
	};
	char text[32];

	if (hf_proc_read_file(paths[backend], text, sizeof(text)) < 1)
		return -1;
	return strtol(text, NULL, 10);
}

/* Type the container with the kill switch turned to the backend, and turn it back. */
static int set_type_on(struct hf_container *c, enum bench_backend backend)
{
	const char *before = hf_backend_current();
	int ret, back = 0;

	ret = hf_backend_select(bench_backend_name(backend));
	if (ret)
		return ret;
	ret = hf_container_set_type(c, VFIO_TYPE1v2_IOMMU);
	if (before)
		back = hf_backend_select(before);
	return ret ? ret : back;
}

int bench_lane_open(struct bench_lane *lane, enum bench_backend backend, const char *bdf)
{
	const long before = references(backend);
	sigset_t all, old;
	int ret;

	*lane = (struct bench_lane){ .backend = backend, .container.fd = -1, .group.fd = -1 };
	ret = hf_container_open(&lane->container);
	if (!ret)
		ret = hf_group_open(&lane->group, bdf);
	if (!ret)
		ret = hf_group_attach(&lane->group, &lane->container);
	if (!ret) {
		/* Nobody may be interrupted with the switch of the whole machine turned. */
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, &old);
		ret = set_type_on(&lane->container, backend);
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	if (!ret && before >= 0 && references(backend) <= before)
		ret = -EREMCHG;
	if (ret)
		bench_lane_close(lane);
	return ret;
}

void bench_lane_close(struct bench_lane *lane)
{
	hf_group_close(&lane->group);
	hf_container_close(&lane->container);
}
