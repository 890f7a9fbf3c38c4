// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress - many threads and processes on one container, and on a second one, that do all they
 * may, at random, for some seconds; and what must be true meanwhile and in the end.
 *
 * In container A:
 *	mappers		map, unmap, with and without a bitmap, ranges of their own, and a window
 *			they contend for; start, stop and read dirty tracking
 *	arena		changes the memory that the window's mappings are made of: DONTNEED,
 *			mremap, munmap, mprotect, PAGEOUT, COLLAPSE
 *	joiner		attaches and detaches a second group
 *	spawner		forks; children write, map and exit, map and exec, are killed in the middle
 *			of a map, run into RLIMIT_MEMLOCK
 *	settings	switches module parameters that may be switched at any time
 * The main thread checks mappings in A through the device all the time. Container B belongs to
 * processes that come and go, with threads inside its requests when they exit, are killed or
 * detach its last group.
 *
 * Meanwhile: every answer is one of the few allowed, the main thread's mappings stay coherent,
 * nobody is stuck. In the end: what was mapped and not unmapped in the window is what a last
 * unmap finds; mappings that were left are right, also for a group that joins late; pins,
 * locked memory, huge pages, references and kernel memory are back where they were.
 *
 * HOLDFAST_STRESS_SECONDS: length of each case (default 5, longer on a slow kernel; give the
 * runner a TEST_TIMEOUT to match).
 * HOLDFAST_STRESS_SEED: another seed than 1; each worker's requests follow from it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "level.h"
#include "module.h"
#include "stress/stress.h"

#define DEFAULT_SECONDS 5

struct stress st;

/* The second group */

static int join_and_leave(struct t_worker *w)
{
	int ret;

	st_rest(w, 10000);
	ret = hf_group_attach(&st.side[1].group, &st.a);
	if (ret)
		return ret;
	st_rest(w, 3000);
	return hf_group_detach(&st.side[1].group);
}

static const struct t_op joiner_ops[] = { { "join and leave", 1, join_and_leave, { 0 } } };

/* Settings */

static const struct {
	const char *name;
	const char *value[2];
} settings[] = {
	{ "disable_hugepages", { "N", "Y" } },
	{ "fault_threads", { "0", "2" } },
};

static int set(size_t i, unsigned int value)
{
	const int ret = t_module_param_set(T_MODULE_HOLDFAST, settings[i].name,
					   settings[i].value[value]);

	/* A module that has no such parameter has nothing to switch. */
	return ret == -ENOENT ? 0 : ret;
}

static int switch_setting(struct t_worker *w)
{
	const size_t i = t_random(w, T_ARRAY_SIZE(settings));
	/* Most often the first: page by page everything takes long. */
	const unsigned int value = !t_random(w, 4);

	st_rest(w, 50000);
	return set(i, value);
}

static const struct t_op settings_ops[] = { { "set a parameter", 1, switch_setting, { 0 } } };

/* The case */

static uint64_t number_from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	char *end;
	uint64_t n;

	if (!text || !*text)
		return otherwise;
	n = strtoull(text, &end, 0);
	hf_require(!*end && n, "%s is '%s': give it a number above 0", name, text);
	return n;
}

static void have_memory(void)
{
	static const char *const kinds[MAPPER_KINDS] = { "thp", "hugetlb2m", "frag4k", "anon4k" };
	static const size_t lens[MAPPER_KINDS] = { T_2M, 2 * T_2M, 100 * T_PAGE, 150 * T_PAGE };
	static const char *const checked[CHECKED] = { "thp", "hugetlb2m", "frag4k" };
	static const size_t pages[CHECKED] = { 512, 512, 100 };

	for (size_t m = 0; m < MAPPERS; m++) {
		for (size_t k = 0; k < MAPPER_KINDS; k++) {
			struct hf_mem *mem = &st.mapper[m].mem[k];

			hf_must(hf_mem_alloc(kinds[k], lens[k], HF_MEM_TOUCHED, mem));
			/* A fork copies what is pinned: all of it would take too long. */
			if (m)
				madvise(mem->area, mem->area_len, MADV_DONTFORK);
		}
	}
	for (size_t i = 0; i < CHECKED; i++)
		hf_must(hf_mem_alloc(checked[i], pages[i] * T_PAGE, HF_MEM_TOUCHED,
				     &st.checked_mem[i]));
	hf_must(hf_mem_alloc("anon4k", ARENA_LEN, HF_MEM_TOUCHED, &st.arena));
}

static void open_all(void)
{
	hf_must(hf_container_open(&st.a));
	t_side_attach(&st.side[0], 0, &st.a);
	hf_must(hf_container_set_type(&st.a, VFIO_TYPE1v2_IOMMU));
	t_side_start(&st.side[0], &st.a, HF_DMA_IOVA_DEFAULT);
	/* Opened once: children hold copies of the descriptor, and a group opens only once. */
	t_side_attach(&st.side[1], 1, &st.a);
	hf_must(hf_group_detach(&st.side[1].group));
	hf_must(hf_pci_vfio_device(2, st.b_bdf));
	have_memory();
	for (size_t i = 0; i < CHECKED; i++) {
		struct t_pages *p = &st.checked[i];
		const size_t n = st.checked_mem[i].len / T_PAGE;

		t_pages_init(p, &st.side[0].port, st.checked_mem[i].addr, n);
		t_pages_look(p, 37);
		t_pages_fill(p);
		t_pages_map(p, 37, n, CHECKED_IOVA + i * T_1G, HF_RW);
	}
}

static void add_workers(void)
{
	struct t_crowd *c = &st.crowd;

	st_add_mappers(c);
	st_add_arena(c);
	t_crowd_add(c, "joiner", joiner_ops, T_ARRAY_SIZE(joiner_ops), NULL);
	st_add_processes(c);
	if (st.t->on == T_ON_HOLDFAST)
		t_crowd_add(c, "settings", settings_ops, T_ARRAY_SIZE(settings_ops), NULL);
}

static void run_for(unsigned int ms, uint64_t seed)
{
	const uint64_t end = t_now_ms() + ms;
	unsigned int rounds = 0;

	t_crowd_init(&st.crowd, seed);
	add_workers();
	t_crowd_start(&st.crowd);
	for (; t_now_ms() < end && !t_crowd_stopped(&st.crowd) && !hf_ktap_failed(); rounds++) {
		for (size_t i = 0; i < CHECKED; i++)
			t_pages_check(&st.checked[i], "while everything happens");
		t_crowd_watch(&st.crowd);
		t_sleep_ms(5);
	}
	hf_ktap_diag("seed %llu, %u ms, mappings checked %u times",
		     (unsigned long long)st.crowd.seed, ms, rounds);
	t_crowd_stop(&st.crowd);
	for (size_t i = 0; st.t->on == T_ON_HOLDFAST && i < T_ARRAY_SIZE(settings); i++)
		hf_must(set(i, 0));
}

/* All is quiet: what is there must be right, and what the answers said. */
static void take_stock(void)
{
	uint64_t unmapped;

	hf_must(hf_try_unmap(&st.a, WINDOW_IOVA, WINDOW_PAGES * T_PAGE, 0, &unmapped));
	hf_expect_eq(unmapped, atomic_load(&st.window), "bytes left in the window");
	atomic_store(&st.window, 0);
	for (size_t m = 0; m < MAPPERS; m++) {
		for (size_t i = 0; i < SLOTS; i++) {
			struct slot *slot = &st.mapper[m].slot[i];

			if (!slot->addr)
				continue;
			/* Stock of older kernels is stale when a child held the pages. */
			if (slot->prot != HF_READ || st.t->on == T_ON_HOLDFAST)
				t_dma_check(&st.side[0].port, slot->iova, slot->addr, slot->len,
					    slot->prot, "a mapping that was left");
			hf_unmap(&st.a, slot->iova, slot->len);
			slot->addr = NULL;
		}
	}
}

static void late_group(void)
{
	hf_must(hf_group_attach(&st.side[1].group, &st.a));
	t_side_start(&st.side[1], &st.a, HF_DMA_IOVA_DEFAULT + T_PORT_SPAN);
	for (size_t i = 0; i < CHECKED; i++) {
		st.checked[i].port = &st.side[1].port;
		t_pages_check(&st.checked[i], "by the group that joined last");
		t_pages_unmap(&st.checked[i]);
	}
}

static void close_all(void)
{
	for (size_t i = 0; i < CHECKED; i++)
		t_pages_free(&st.checked[i]);
	t_side_close(&st.side[1]);
	t_side_close(&st.side[0]);
	hf_container_close(&st.a);
	for (size_t m = 0; m < MAPPERS; m++)
		for (size_t k = 0; k < MAPPER_KINDS; k++)
			hf_mem_free(&st.mapper[m].mem[k]);
	for (size_t i = 0; i < CHECKED; i++)
		hf_mem_free(&st.checked_mem[i]);
	hf_mem_free(&st.arena);
}

static uint64_t requests(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < st.crowd.n; i++)
		sum += st.crowd.worker[i].step;
	return sum;
}

static void stress(struct t *t)
{
	const char *const module = t->on == T_ON_HOLDFAST ? T_MODULE_HOLDFAST : T_MODULE_STOCK;
	const uint64_t seconds = number_from_env("HOLDFAST_STRESS_SECONDS",
						 t_patience_ms(DEFAULT_SECONDS));
	const uint64_t seed = number_from_env("HOLDFAST_STRESS_SEED", 1);
	const long refs = t_module_refs(module);
	struct t_level before, after;
	long slab_kb;

	alarm((unsigned int)(seconds + t_patience_ms(120000) / 1000));
	memset(&st, 0, sizeof(st));
	st.t = t;
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group",
					   *(const bool *)t->arg ? "Y" : "N"));
	open_all();
	/* The first requests fill caches that stay. */
	run_for(500, ~seed);
	take_stock();
	before = t_level();
	run_for((unsigned int)seconds * 1000, seed);
	take_stock();
	/* Noise of threads and processes, and less than 64 bytes for each request in four. */
	slab_kb = 512 + (long)requests() / 64;
	after = t_level_settle(&before, 64 * 1024, slab_kb);
	/* Debug kernels, which are slow, keep what is freed for a while (KASAN's quarantine). */
	if (t_patience_ms(1) == 1)
		hf_expect(after.slab - before.slab < slab_kb, "slab grew by %ld KB, may by %ld",
			  after.slab - before.slab, slab_kb);
	hf_ktap_diag("slab %+ld KB, free memory %+ld KB", after.slab - before.slab,
		     after.free - before.free);
	late_group();
	close_all();
	if (t->on == T_ON_HOLDFAST)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
	hf_expect_eq(t_module_refs(module), refs, "references to the module");
}

static const bool one = false, each = true;

static const struct t_case cases[] = {
	{ "everything at once, one domain", stress, 0, &one },
	{ "everything at once, a domain for each group", stress, T_HOLDFAST, &each },
};

int main(int argc, char **argv)
{
	(void)argv;
	/* A child that replaced itself by this program. */
	if (argc > 1)
		return 0;
	return T_RUN(cases);
}
