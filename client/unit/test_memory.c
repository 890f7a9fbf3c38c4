// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_memory.c - what can be said of the backings without a guest: the table, arguments,
 * layout, contents, and freeing. Kinds that this machine cannot make are skipped here; the
 * guest tests make them all.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <holdfast/memory.h>
#include <holdfast/pattern.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void table(void **state)
{
	unsigned int n = 0;

	(void)state;
	for (const struct hf_mem_kind *k = hf_mem_kinds(); k->name; k++, n++) {
		assert_ptr_equal(hf_mem_kind_find(k->name), k);
		assert_non_null(k->description);
		assert_true(k->page_size >= HF_PAGE_SIZE);
		assert_int_equal(k->page_size & (k->page_size - 1), 0);
		assert_int_equal(!!(k->props & HF_KIND_HUGE), k->page_size > HF_PAGE_SIZE);
	}
	assert_int_equal(n, 10);
	assert_null(hf_mem_kind_find("anon"));
	assert_null(hf_mem_kind_find(""));
}

static void arguments(void **state)
{
	struct hf_mem m;

	(void)state;
	assert_int_equal(hf_mem_alloc("nonsense", 4096, 0, &m), -ENOENT);
	assert_int_equal(hf_mem_alloc("anon4k", 0, 0, &m), -EINVAL);
	assert_int_equal(hf_mem_alloc("anon4k", SIZE_MAX, 0, &m), -EINVAL);
	assert_int_equal(hf_mem_alloc("anon4k", 4096, 1u << 31, &m), -EINVAL);
	assert_int_equal(hf_mem_alloc_offset("thp", 4096, 100, 0, &m), -EINVAL);
	assert_int_equal(hf_mem_alloc_offset("thp", 4096, 2UL << 20, 0, &m), -EINVAL);
	assert_int_equal(hf_mem_alloc_offset("anon4k", 4096, 4096, 0, &m), -EINVAL);
	assert_int_equal(hf_mem_alloc("frag4k", 4096, 0, &m), -EOPNOTSUPP);
	assert_int_equal(hf_mem_alloc("anon4k", 1UL << 60, 0, &m), -ENOMEM);
	/* A failed one can be freed, and twice. */
	hf_mem_free(&m);
	hf_mem_free(&m);
	assert_true(hf_mem_unavailable(-ENOMEM));
	assert_true(hf_mem_unavailable(-EOPNOTSUPP));
	assert_false(hf_mem_unavailable(-EINVAL));
	assert_false(hf_mem_unavailable(0));
}

static void zeroed_is_freeable(void **state)
{
	const int before = fcntl(0, F_GETFD);
	struct hf_mem m = { 0 };

	(void)state;
	hf_mem_free(&m); /* must not close descriptor 0 */
	assert_int_equal(fcntl(0, F_GETFD), before);
}

/* True when every page of a page-aligned range is mapped, false when one is not. */
static bool mapped(const void *p, size_t len)
{
	return msync((void *)p, len, MS_ASYNC) == 0;
}

static void every_kind(void **state)
{
	static const unsigned int touch[] = { 0, HF_MEM_TOUCHED, HF_MEM_READ_TOUCHED,
					      HF_MEM_TOUCHED | HF_MEM_READONLY };

	(void)state;
	for (const struct hf_mem_kind *k = hf_mem_kinds(); k->name; k++) {
		for (size_t i = 0; i < sizeof(touch) / sizeof(*touch); i++) {
			const size_t offset = k->page_size > HF_PAGE_SIZE ? 12288 : 0;
			struct hf_mem m;
			void *area;
			size_t area_len;
			int ret = hf_mem_alloc_offset(k->name, 70000, offset, touch[i], &m);

			if (hf_mem_unavailable(ret)) {
				print_message("skip %s 0x%x: %s\n", k->name, touch[i],
					      strerror(-ret));
				continue;
			}
			assert_int_equal(ret, 0);
			assert_int_equal(((uintptr_t)m.addr - offset) % k->page_size, 0);
			assert_int_equal(m.len, 70000);
			if (!touch[i])
				assert_int_equal(hf_mem_present(m.addr, m.len), 0);
			if (touch[i] & HF_MEM_TOUCHED)
				assert_int_equal(hf_mem_present(m.addr, m.len), 18);
			if (!strncmp(k->name, "file", 4))
				assert_true(hf_pattern_check(m.addr, m.len, 0, HF_MEM_FILE_SEED,
							     NULL));
			else
				assert_true(hf_pattern_is_byte(m.addr, m.len, 0, NULL));
			if (!(touch[i] & HF_MEM_READONLY)) {
				hf_mem_fill(&m, 1);
				hf_mem_touch(m.addr, m.len);
				assert_true(hf_pattern_check(m.addr, m.len, 0, 1, NULL));
			}
			area = m.area;
			area_len = m.area_len;
			assert_true(mapped(area, area_len));
			hf_mem_free(&m);
			assert_null(m.addr);
			assert_false(mapped(area, area_len));
		}
	}
}

static void shared_is_shared(void **state)
{
	struct hf_mem m;
	uint64_t word = 0;

	(void)state;
	assert_int_equal(hf_mem_alloc("shmem4k", 8192, 0, &m), 0);
	hf_mem_fill(&m, 2);
	assert_int_equal(pread(m.fd, &word, 8, (char *)m.addr - (char *)m.file_addr), 8);
	assert_memory_equal(&word, m.addr, 8);
	hf_mem_free(&m);

	assert_int_equal(hf_mem_alloc("file", 8192, HF_MEM_TOUCHED, &m), 0);
	hf_mem_fill(&m, 2);
	assert_int_equal(pread(m.fd, &word, 8, 0), 8);
	assert_true(memcmp(&word, m.addr, 8) != 0);
	hf_mem_free(&m);
}

static void frag_if_root(void **state)
{
	struct hf_mem m;
	int ret = hf_mem_alloc("frag4k", 8UL << 20, HF_MEM_TOUCHED, &m);

	(void)state;
	if (hf_mem_unavailable(ret))
		skip();
	assert_int_equal(ret, 0);
	assert_int_equal(hf_mem_runs(m.addr, m.len), m.len / HF_PAGE_SIZE);
	hf_mem_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),	    cmocka_unit_test(arguments),
		cmocka_unit_test(zeroed_is_freeable), cmocka_unit_test(every_kind),
		cmocka_unit_test(shared_is_shared), cmocka_unit_test(frag_if_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
