// SPDX-License-Identifier: GPL-2.0-only
/*
 * release - with mappings in place, whatever order things are closed in, all comes back.
 *
 * The last of device, group and container to go takes the mappings with it: pins, charges and
 * huge pages are compared by the harness, and the group must be free for the next user.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"

#define IOVA 0x180000000ULL

static const struct {
	const char *kind;
	size_t len;
} parts[] = {
	{ "anon4k", T_PAGE },	   { "anon4k", 37 * T_PAGE }, { "frag4k", 700 * T_PAGE },
	{ "thp", 2 * T_2M },	   { "hugetlb2m", T_2M },     { "shmem4k", 600 * T_PAGE },
	{ "file", 5 * T_PAGE },
};

/* A bit of everything; where it cannot be had, not. Memory is given back by the caller. */
static void map_parts(const struct hf_container *c, struct hf_mem *m)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++) {
		int ret = hf_mem_alloc(parts[i].kind, parts[i].len, HF_MEM_TOUCHED, &m[i]);

		if (hf_mem_unavailable(ret)) {
			memset(&m[i], 0, sizeof(m[i]));
			continue;
		}
		hf_must(ret);
		hf_map(c, IOVA + i * T_1G, m[i].addr, m[i].len, i & 1 ? HF_READ : HF_RW);
	}
}

static void free_parts(struct hf_mem *m)
{
	for (size_t i = 0; i < T_ARRAY_SIZE(parts); i++)
		if (m[i].addr)
			hf_mem_free(&m[i]);
}

static void close_one(struct hf_rig *r, char which)
{
	switch (which) {
	case 'd':
		hf_device_close(&r->device);
		break;
	case 'g':
		hf_group_close(&r->group);
		break;
	case 'c':
		hf_container_close(&r->container);
		break;
	}
}

static void order(struct t *t)
{
	const char *letters = t->arg;
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct hf_proc_snapshot before, with;
	struct hf_rig r;

	hf_must(hf_proc_snapshot(&before));
	hf_must(hf_rig_open(&r, NULL, 0));
	map_parts(&r.container, m);
	hf_must(hf_proc_snapshot(&with));
	hf_expect(with.pins_held > before.pins_held, "pins are held");
	for (const char *l = letters; *l; l++)
		close_one(&r, *l);
	/* Before the memory goes: it must be the close that gave the pins back. */
	free_parts(m);
	t_leftover(&before, "all closed");
	hf_must(hf_rig_open(&r, NULL, 0));
	hf_rig_close(&r);
}

/* The user's memory goes before the mappings do. */
static void memory_first(struct t *t)
{
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct hf_rig r;

	(void)t;
	hf_must(hf_rig_open(&r, NULL, 0));
	map_parts(&r.container, m);
	free_parts(m);
	hf_rig_close(&r);
}

/* The last group is detached; the container stays open, without a type and without mappings. */
static void detach(struct t *t)
{
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct hf_proc_snapshot before;
	struct hf_rig r;

	(void)t;
	hf_must(hf_rig_open(&r, NULL, 0));
	hf_must(hf_proc_snapshot(&before));
	for (int round = 0; round < 3; round++) {
		map_parts(&r.container, m);
		if (!round)
			hf_expect_eq(hf_group_detach(&r.group), -EBUSY,
				     "detach with the device open");
		hf_device_close(&r.device);
		hf_must(hf_group_detach(&r.group));
		free_parts(m);
		t_leftover(&before, "last group detached");
		hf_expect_eq(hf_try_unmap(&r.container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL),
			     -EINVAL, "unmap without a type");
		hf_must(hf_group_attach(&r.group, &r.container));
		hf_must(hf_container_set_type(&r.container, VFIO_TYPE1v2_IOMMU));
		hf_expect_eq(hf_unmap_all(&r.container), 0, "the container starts empty");
	}
	hf_rig_close(&r);
}

static void open_map_exit(void *arg)
{
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct hf_rig r;

	hf_must(hf_rig_open(&r, NULL, 0));
	if (arg)
		hf_must(hf_rig_dma(&r));
	map_parts(&r.container, m);
}

static void at_exit(struct t *t)
{
	t_child(open_map_exit, NULL, "exit with everything open");
	t_child(open_map_exit, t, "exit with a running DMA engine and its BAR mapped");
}

/* A second process holds on to what the first one closes. */
static void hold(void *arg)
{
	struct t_gate *g = arg;

	t_gate_open(g, 1);
	t_gate_wait(g, 2);
}

static void held_by_child(struct t *t)
{
	struct t_gate *g = t_gate_new();
	struct hf_mem m[T_ARRAY_SIZE(parts)];
	struct hf_proc_snapshot with, now;
	struct hf_rig r;
	pid_t pid;

	(void)t;
	hf_must(hf_rig_open(&r, NULL, 0));
	map_parts(&r.container, m);
	hf_must(hf_proc_snapshot(&with));
	pid = t_child_start(hold, g);
	t_gate_wait(g, 1);
	hf_rig_close(&r);
	hf_must(hf_proc_snapshot(&now));
	hf_expect_eq(now.pins_held, with.pins_held, "the child still holds them: pins");
	hf_expect_eq(hf_rig_open(&r, NULL, 0), -EBUSY, "the group is in use");
	t_gate_open(g, 2);
	t_child_end(pid, "child that holds the container");
	free_parts(m);
}

static const struct t_case cases[] = {
	{ "device, group, container", order, 0, "dgc" },
	{ "device, container, group", order, 0, "dcg" },
	{ "group, device, container", order, 0, "gdc" },
	{ "group, container, device", order, 0, "gcd" },
	{ "container, device, group", order, 0, "cdg" },
	{ "container, group, device", order, 0, "cgd" },
	{ "the memory before the mappings", memory_first, 0, NULL },
	{ "the last group is detached", detach, 0, NULL },
	{ "exit", at_exit, 0, NULL },
	{ "a child holds on", held_by_child, 0, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
