// SPDX-License-Identifier: GPL-2.0-only
/*
 * fail_sweep - wherever holdfast can fail, it fails without leaving anything behind.
 *
 * Each case is a sequence of requests that passes. It is repeated with one failure at a time,
 * at each point of the module it comes by (harness/failpoint.h): it may then fail, with the
 * errno of that point, and afterwards there must be no pin, charge, IOVA range or memory more
 * than before. At the end every point must have failed somewhere. An argument keeps to the cases
 * that have it in their name.
 *
 * Sequences on the rig's container keep to IOVAs from T_FAIL_IOVA on; what the rig's engine
 * has mapped, and what a case maps elsewhere, stays and must go on working.
 *
 * What is swept is in fail_sweep/, for all cases are one process: it knows which points failed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "emulated.h"
#include "fail_sweep/sequences.h"
#include "module.h"

static void at_load(struct t *t)
{
	static const char *const points[] = { "MODULE_CACHE", "MODULE_REGISTER" };
	char param[64];

	(void)t;
	t_fail_unload();
	hf_expect(t_fail_load("fail=NOT_A_POINT"), "a point that is none");
	for (size_t i = 0; i < T_ARRAY_SIZE(points); i++) {
		snprintf(param, sizeof(param), "fail=%s", points[i]);
		if (hf_expect(t_fail_load(param), "loaded in spite of %s", points[i]))
			t_fail_reached(points[i]);
		hf_expect(!t_module_loaded(T_MODULE_HOLDFAST), "%s: the module is there",
			  points[i]);
		hf_expect(access("/sys/kernel/debug/holdfast_fail", F_OK), "%s: its file is there",
			  points[i]);
	}
	hf_require(!t_fail_load(""), "load it after all");
}

static void every_point(struct t *t)
{
	static const char *const except[] = { "UNMAP", "PIN_SLOW_VMA" };

	(void)t;
	/* UNMAP is fail_unmap's. */
	t_fail_missed(except, t_kernel_before(6, 2) ? 1 : 2);
}

#define MADE(...)                                                                  \
	&(const struct t_sequence)                                                 \
	{                                                                          \
		.begin = fs_begin_map, .run = fs_map_memory, .end = fs_end_map, .quick = true, \
		.arg = &(const struct fs_made){ __VA_ARGS__ }                      \
	}

/* With memory that is new each time memory cannot be compared. */
#define MADE_NEW(...)                                                              \
	&(const struct t_sequence)                                                 \
	{                                                                          \
		.begin = fs_begin_map, .run = fs_map_memory, .end = fs_end_map,    \
		.arg = &(const struct fs_made){ __VA_ARGS__ }                      \
	}

#define MADE_TWICE(...)                                                            \
	&(const struct t_sequence)                                                 \
	{                                                                          \
		.begin = fs_begin_two_domains, .run = fs_map_memory, .end = fs_end_two_domains, \
		.arg = &(const struct fs_made){ __VA_ARGS__ }                      \
	}

#define SWEEP(...) &(const struct t_sequence){ __VA_ARGS__ }
#define ANON .begin = fs_begin_anon, .end = fs_end_map
#define DEVICE .begin = fs_begin_bar, .end = fs_end_bar
#define LIVING .begin = fs_begin_live, .end = fs_end_live

static const bool yes = true, no = false;

static const struct t_case cases[] = {
	{ "load the module", at_load, T_HOLDFAST, NULL },
#define CASE(name, seq) { name, t_fail_sweep, T_HOLDFAST | T_DMA, seq }
	CASE("map a page", MADE("anon4k", 1, HF_MEM_TOUCHED, HF_RW)),
	CASE("map 1300 pages", MADE("anon4k", 1300, HF_MEM_TOUCHED, HF_RW)),
	CASE("map 700 scattered pages", MADE("frag4k", 700, HF_MEM_TOUCHED, HF_RW)),
	CASE("map thp", MADE("thp", 5 * 512 + 13, HF_MEM_TOUCHED, HF_RW)),
	CASE("map hugetlb", MADE("hugetlb2m", 4 * 512, HF_MEM_TOUCHED, HF_RW)),
	CASE("map shared memory", MADE("shmem4k", 77, HF_MEM_TOUCHED, HF_RW)),
	CASE("map a file for reading", MADE("file", 33, HF_MEM_READ_TOUCHED, HF_READ)),
	CASE("map untouched memory", MADE_NEW("anon4k", 600, 0, HF_RW)),
	CASE("map untouched memory for reading", MADE_NEW("anon4k", 40, 0, HF_READ)),
	CASE("unmap several", SWEEP(ANON, .run = fs_unmap_forms, .quick = true)),
	CASE("info", SWEEP(.run = fs_info, .quick = true)),
	CASE("dirty pages", SWEEP(ANON, .run = fs_track, .quick = true)),
	CASE("new addresses", SWEEP(ANON, .run = fs_vaddr, .quick = true)),
	CASE("hand memory to a child", SWEEP(ANON, .run = fs_hand_over, .any = true)),
	CASE("a child maps", SWEEP(ANON, .run = fs_fork_map, .any = true)),
	CASE("wait for a range", SWEEP(ANON, .run = fs_wait_for_range)),
	CASE("fault in with threads",
	     SWEEP(.begin = fs_begin_threads, .run = fs_map_memory, .end = fs_end_threads,
		   .any = true, .arg = &(const struct fs_made){ "thp", 16 * 512, 0, HF_RW })),
	CASE("map the memory of a device", SWEEP(DEVICE, .run = fs_map_bar)),
	CASE("the same over the limit", SWEEP(DEVICE, .run = fs_map_bar, .with = "CHARGE_LIMIT")),
	CASE("map into two domains", MADE_TWICE("frag4k", 300, HF_MEM_TOUCHED, HF_RW)),
	CASE("map thp into two domains", MADE_TWICE("thp", 4 * 512, HF_MEM_TOUCHED, HF_RW)),
	CASE("a group joins the domain", SWEEP(LIVING, .run = fs_join, .arg = &no, .quick = true)),
	CASE("a group joins with its own",
	     SWEEP(LIVING, .run = fs_join, .arg = &yes, .quick = true)),
	CASE("a group that the domain refuses",
	     SWEEP(LIVING, .run = fs_join, .arg = &no, .with = "JOIN_ATTACH", .quick = true)),
	CASE("open, map, close", SWEEP(ANON, .run = fs_open_close, .quick = true)),
	CASE("a user pays", SWEEP(.begin = fs_begin_by_user, .run = fs_open_close,
				  .end = fs_end_by_user, .quick = true)),
	CASE("compare and refresh", SWEEP(ANON, .run = fs_part_and_refresh, .arg = &no)),
	CASE("audit and refresh", SWEEP(ANON, .run = fs_part_and_refresh, .arg = &yes)),
	CASE("a device without IOMMU", SWEEP(ANON, .run = fs_emulated, .quick = true)),
	CASE("an IOMMU comes and goes", SWEEP(ANON, .run = fs_back, .quick = true)),
	CASE("a device without IOMMU comes", SWEEP(ANON, .run = fs_second_emulated, .quick = true)),
	{ "every point failed", every_point, T_HOLDFAST, NULL },
};

int main(int argc, char **argv)
{
	struct t_case some[T_ARRAY_SIZE(cases)];
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < T_ARRAY_SIZE(cases); i++)
		if (argc < 2 || strstr(cases[i].name, argv[1]))
			some[n++] = cases[i];
	if (t_command("modprobe %s", HF_TESTDEV_MODULE))
		return HF_EXIT_FAIL;
	ret = t_fail_run(some, n);
	if (t_command("rmmod %s", HF_TESTDEV_MODULE))
		return HF_EXIT_FAIL;
	return ret;
}
