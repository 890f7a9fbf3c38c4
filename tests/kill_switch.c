// SPDX-License-Identifier: GPL-2.0-only
/*
 * kill_switch - parameter "enabled" moves new containers to stock and back; those that run
 * stay where they are. The module can be taken out when it serves nobody, and only then.
 *
 * Who serves a container shows in the modules' reference counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"
#include "side.h"

#define IOVA 0x100000000ULL

static void expect_refs(long stock, long holdfast, const char *when)
{
	hf_expect_eq(t_module_refs(T_MODULE_STOCK), stock, "%s: containers of stock", when);
	hf_expect_eq(t_module_refs(T_MODULE_HOLDFAST), holdfast, "%s: containers of holdfast",
		     when);
}

static void open_one(struct hf_container *c, struct t_side *s, unsigned int n)
{
	hf_must(hf_container_open(c));
	t_side_attach(s, n, c);
	hf_must(hf_container_set_type(c, VFIO_TYPE1v2_IOMMU));
}

static void try_map(struct hf_container *c, struct hf_mem *m, const char *what)
{
	hf_expect_eq(hf_try_map(c, IOVA, m->addr, m->len, HF_RW), 0, "%s: map", what);
	hf_expect_eq(hf_try_unmap(c, IOVA, m->len, 0, NULL), 0, "%s: unmap", what);
}

static void turn(struct t *t)
{
	struct hf_container c[3];
	struct t_side s[3];
	struct hf_mem m;

	(void)t;
	if (!t_alloc(&m, "anon4k", 20 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	expect_refs(0, 0, "at first");
	open_one(&c[0], &s[0], 0);
	t_side_start(&s[0], &c[0], HF_DMA_IOVA_DEFAULT);
	expect_refs(0, 1, "enabled");

	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "N"));
	hf_expect(hf_backend_current() && *hf_backend_current() == 's', "the next one is stock's");
	open_one(&c[1], &s[1], 1);
	expect_refs(1, 1, "disabled");
	try_map(&c[1], &m, "container of stock");
	hf_map(&c[0], IOVA, m.addr, m.len, HF_RW);
	t_dma_check(&s[0].port, IOVA, m.addr, m.len, HF_RW, "old container while disabled");

	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "Y"));
	open_one(&c[2], &s[2], 2);
	expect_refs(1, 2, "enabled again");
	try_map(&c[1], &m, "container of stock");
	try_map(&c[2], &m, "new container of holdfast");
	t_dma_check(&s[0].port, IOVA, m.addr, m.len, HF_RW, "old container, enabled again");

	for (int i = 0; i < 3; i++) {
		t_side_close(&s[i]);
		hf_container_close(&c[i]);
	}
	expect_refs(0, 0, "all closed");
	hf_mem_free(&m);
}

/* A container keeps its file when its last group leaves; what it is served by then is new. */
static void move_over(struct t *t)
{
	struct hf_container c;
	struct t_side s;
	struct hf_mem m;

	(void)t;
	if (!t_alloc(&m, "anon4k", 20 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	open_one(&c, &s, 0);
	expect_refs(0, 1, "enabled");
	hf_map(&c, IOVA, m.addr, m.len, HF_RW);
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "N"));
	hf_must(hf_group_detach(&s.group));
	expect_refs(0, 0, "no group");
	hf_must(hf_group_attach(&s.group, &c));
	hf_must(hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU));
	expect_refs(1, 0, "disabled");
	hf_expect_eq(hf_unmap_all(&c), 0, "nothing came along");
	try_map(&c, &m, "now of stock");
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "Y"));
	t_side_close(&s);
	hf_container_close(&c);
	hf_mem_free(&m);
}

static atomic_bool stop;

static void *flip(void *arg)
{
	for (int i = 0; !atomic_load(&stop); i++)
		if (t_module_param_set(T_MODULE_HOLDFAST, "enabled", i & 1 ? "N" : "Y"))
			*(int *)arg = 1;
	return NULL;
}

/* Whenever it is turned, a new container is served by one of the two. */
static void turn_often(struct t *t)
{
	unsigned int by_holdfast = 0, rounds = 0;
	pthread_t thread;
	int wrong = 0;
	struct hf_mem m;

	(void)t;
	if (!t_alloc(&m, "anon4k", 4 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	atomic_store(&stop, false);
	hf_require(!pthread_create(&thread, NULL, flip, &wrong), "thread");
	for (uint64_t end = t_now_ms() + 500; t_now_ms() < end; rounds++) {
		struct hf_container c;
		struct t_side s;
		long refs;

		open_one(&c, &s, 0);
		refs = t_module_refs(T_MODULE_HOLDFAST);
		hf_expect_eq(refs + t_module_refs(T_MODULE_STOCK), 1, "served by one of them");
		by_holdfast += refs == 1;
		try_map(&c, &m, "whoever serves it");
		t_side_close(&s);
		hf_container_close(&c);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	hf_expect_eq(wrong, 0, "writes of the parameter that failed");
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "Y"));
	hf_ktap_diag("%u containers, %u of them holdfast's", rounds, by_holdfast);
	hf_mem_free(&m);
}

static int remove_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static void take_out(struct t *t)
{
	struct hf_container c;
	struct t_side s;

	(void)t;
	open_one(&c, &s, 0);
	hf_expect_eq(remove_module(T_MODULE_HOLDFAST), -EWOULDBLOCK, "removal while it serves");
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "N"));
	hf_expect_eq(remove_module(T_MODULE_HOLDFAST), -EWOULDBLOCK, "removal while disabled");
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "Y"));
	t_side_close(&s);
	hf_container_close(&c);

	for (int round = 0; round < 5; round++) {
		hf_expect_eq(remove_module(T_MODULE_HOLDFAST), 0, "removal when idle");
		hf_expect(!t_module_loaded(T_MODULE_HOLDFAST), "it is gone");
		open_one(&c, &s, 0);
		hf_expect_eq(t_module_refs(T_MODULE_STOCK), 1, "without it: containers of stock");
		hf_expect_eq(t_command("modprobe vfio_iommu_holdfast"), 0, "modprobe");
		expect_refs(1, 0, "loaded beside a container of stock");
		t_side_close(&s);
		hf_container_close(&c);
		open_one(&c, &s, 0);
		expect_refs(0, 1, "loaded again");
		t_side_close(&s);
		hf_container_close(&c);
	}
}

static const struct t_case cases[] = {
	{ "new containers go to stock, and back", turn, T_HOLDFAST, NULL },
	{ "a container without groups moves over", move_over, T_HOLDFAST, NULL },
	{ "turned again and again", turn_often, T_HOLDFAST, NULL },
	{ "the module goes when it serves nobody", take_out, T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
