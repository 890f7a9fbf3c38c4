// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model by itself: who reaches which frame after what.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "model.h"

#define RW (FZ_PROT_READ | FZ_PROT_WRITE)

static int set_up(void **state)
{
	struct fz_model *m = malloc(sizeof(*m));

	assert_non_null(m);
	fz_model_begin(m);
	m->container[0].typed = true;
	fz_area_set(m, 0, 0, 64, FZ_KIND_ANON, RW);
	fz_area_set(m, 0, 64, 64, FZ_KIND_SHARED, RW);
	fz_area_set(m, 0, 128, 64, FZ_KIND_PRIVATE, RW);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static uint64_t sees(const struct fz_model *m, unsigned int who, unsigned int page)
{
	bool lazy;

	return fz_page_tag(m, who, page, &lazy);
}

static struct fz_mapping *only_mapping(struct fz_model *m)
{
	return fz_mapping_next(m, 0, 0);
}

static void copy_on_write(void **state)
{
	struct fz_model *m = *state;

	fz_page_write(m, 0, 3, 11);
	fz_proc_fork(m, 0, 1);
	assert_int_equal(fz_page_frame(m, 0, 3), fz_page_frame(m, 1, 3));
	fz_page_write(m, 1, 3, 22);
	assert_int_equal(sees(m, 0, 3), 11);
	assert_int_equal(sees(m, 1, 3), 22);
}

static void what_is_pinned_is_copied_for_the_child(void **state)
{
	struct fz_model *m = *state;

	fz_page_write(m, 0, 3, 11);
	fz_mapping_add(m, 0, 0, 100, 3, 1, RW);
	fz_proc_fork(m, 0, 1);
	assert_int_not_equal(fz_page_frame(m, 0, 3), fz_page_frame(m, 1, 3));
	assert_int_equal(sees(m, 1, 3), 11);
	fz_page_write(m, 0, 3, 33);
	assert_false(fz_mapping_parted(m, only_mapping(m), 0));
	assert_int_equal(sees(m, 1, 3), 11);
}

static void who_maps_after_a_fork_gets_a_frame_of_its_own(void **state)
{
	struct fz_model *m = *state;

	fz_page_write(m, 0, 3, 11);
	fz_proc_fork(m, 0, 1);
	fz_mapping_add(m, 0, 0, 100, 3, 1, FZ_PROT_READ);
	fz_page_write(m, 1, 3, 22);
	fz_page_write(m, 0, 3, 33);
	assert_false(fz_mapping_parted(m, only_mapping(m), 0));
}

static void a_file_is_shared(void **state)
{
	struct fz_model *m = *state;

	fz_proc_fork(m, 0, 1);
	fz_page_write(m, 1, 64 + 5, 44);
	assert_int_equal(sees(m, 0, 64 + 5), 44);
	/* The same page of the file, privately. */
	fz_area_set(m, 0, 64 + 5, 1, FZ_KIND_PRIVATE, RW);
	assert_int_equal(sees(m, 0, 64 + 5), 44);
	fz_page_write(m, 0, 64 + 5, 55);
	assert_int_equal(sees(m, 1, 64 + 5), 44);
}

static void memory_given_back_parts(void **state)
{
	struct fz_model *m = *state;

	fz_page_write(m, 0, 3, 11);
	fz_mapping_add(m, 0, 0, 100, 2, 3, RW);
	fz_page_drop(m, 0, 3);
	assert_false(fz_mapping_parted(m, only_mapping(m), 0));
	assert_true(fz_mapping_parted(m, only_mapping(m), 1));
	assert_int_equal(sees(m, 0, 3), 0);
	/* The device has the old one yet. */
	assert_int_equal(m->frame[m->pinned[only_mapping(m)->pinned + 1]].tag, 11);
	fz_mapping_repin(m, only_mapping(m), 1);
	assert_false(fz_mapping_parted(m, only_mapping(m), 1));
}

static void a_hole_parts_the_shared_and_spares_copies(void **state)
{
	struct fz_model *m = *state;

	fz_page_write(m, 0, 64, 11);
	fz_area_set(m, 0, 10, 1, FZ_KIND_PRIVATE, RW);
	fz_page_write(m, 0, 10, 22);
	fz_mapping_add(m, 0, 0, 100, 64, 1, RW);
	fz_file_drop(m, 0, 0, FZ_FILE_PAGES, false, NULL);
	assert_true(fz_mapping_parted(m, only_mapping(m), 0));
	assert_int_equal(sees(m, 0, 10), 22);
	fz_file_drop(m, 0, 0, UINT16_MAX, true, NULL);
	assert_int_equal(sees(m, 0, 10), 0);
}

static void what_a_hole_leaves_is_shared_zeroes(void **state)
{
	struct fz_model *m = *state;
	const unsigned int at = fz_pte(m, 0, 64)->offset;
	bool kept[FZ_FILE_PAGES] = { false };

	fz_page_write(m, 0, 64, 11);
	fz_page_write(m, 0, 65, 12);
	fz_mapping_add(m, 0, 0, 100, 64, 2, RW);
	assert_true(fz_file_pinned(m, 0, at));
	assert_false(fz_file_pinned(m, 0, at + 2));
	kept[at] = true;
	fz_file_drop(m, 0, at, 2, false, kept);
	assert_false(fz_mapping_parted(m, only_mapping(m), 0));
	assert_int_equal(sees(m, 0, 64), 0);
	assert_true(fz_mapping_parted(m, only_mapping(m), 1));
	fz_page_write(m, 0, 64, 13);
	assert_int_equal(m->frame[m->pinned[only_mapping(m)->pinned]].tag, 13);
}

static void moved_memory_takes_its_frames_along(void **state)
{
	struct fz_model *m = *state;

	fz_page_write(m, 0, 3, 11);
	fz_mapping_add(m, 0, 0, 100, 3, 1, RW);
	fz_area_move(m, 0, 3, 1, 40, 2);
	assert_true(fz_mapping_parted(m, only_mapping(m), 0));
	assert_int_equal(sees(m, 0, 40), 11);
	assert_int_equal(sees(m, 0, 41), 0);
	assert_false(fz_page_readable(m, 0, 3));
	fz_area_move(m, 0, 40, 1, 3, 1);
	assert_false(fz_mapping_parted(m, only_mapping(m), 0));
}

static void lazily_freed_memory_is_there_or_not(void **state)
{
	struct fz_model *m = *state;
	bool lazy;

	fz_page_write(m, 0, 3, 11);
	fz_page_free(m, 0, 3);
	assert_int_equal(fz_page_tag(m, 0, 3, &lazy), 11);
	assert_true(lazy);
	fz_page_seen(m, 0, 3, 0);
	assert_int_equal(fz_page_tag(m, 0, 3, &lazy), 0);
	assert_false(lazy);
}

static void what_a_device_has_is_freed_when_it_has_it_no_more(void **state)
{
	struct fz_model *m = *state;
	bool lazy;

	for (unsigned int page = 3; page < 6; page++)
		fz_page_write(m, 0, page, 11);
	fz_mapping_add(m, 0, 0, 100, 3, 3, FZ_PROT_READ);
	for (unsigned int page = 3; page < 6; page++)
		fz_page_free(m, 0, page);
	assert_int_equal(fz_page_tag(m, 0, 3, &lazy), 11);
	assert_false(lazy);
	/* A child has copies, which nobody has advised to be freed. */
	fz_proc_fork(m, 0, 1);
	fz_page_write(m, 0, 4, 22);
	fz_frame_write(&m->frame[fz_page_frame(m, 0, 5)], 33);
	fz_mapping_remove(m, only_mapping(m));
	fz_page_tag(m, 0, 3, &lazy);
	assert_true(lazy);
	assert_int_equal(fz_page_tag(m, 1, 3, &lazy), 11);
	assert_false(lazy);
	/* What was written since stays, by the process or by the device. */
	assert_int_equal(fz_page_tag(m, 0, 4, &lazy), 22);
	assert_false(lazy);
	assert_int_equal(fz_page_tag(m, 0, 5, &lazy), 33);
	assert_false(lazy);
}

static void what_was_freed_may_go_after_a_device_has_seen_it(void **state)
{
	struct fz_model *m = *state;
	bool lazy;

	fz_page_write(m, 0, 3, 11);
	fz_page_free(m, 0, 3);
	fz_mapping_add(m, 0, 0, 100, 3, 1, FZ_PROT_READ);
	fz_page_tag(m, 0, 3, &lazy);
	assert_true(lazy);
	fz_frame_seen(&m->frame[fz_page_frame(m, 0, 3)], 11);
	fz_page_tag(m, 0, 3, &lazy);
	assert_false(lazy);
	fz_mapping_remove(m, only_mapping(m));
	assert_int_equal(fz_page_tag(m, 0, 3, &lazy), 11);
	assert_true(lazy);
}

static void the_copy_of_what_may_go_may_go(void **state)
{
	struct fz_model *m = *state;
	bool lazy;

	fz_page_write(m, 0, 3, 11);
	fz_page_free(m, 0, 3);
	fz_proc_fork(m, 0, 1);
	fz_page_own(m, 1, 3);
	fz_page_tag(m, 1, 3, &lazy);
	assert_true(lazy);
	fz_page_seen(m, 1, 3, 0);
	assert_int_equal(fz_page_tag(m, 1, 3, &lazy), 0);
	assert_false(lazy);
	assert_int_equal(fz_page_tag(m, 0, 3, &lazy), 11);
	assert_true(lazy);
	fz_page_seen(m, 0, 3, 11);
	fz_page_tag(m, 0, 3, &lazy);
	assert_true(lazy);
	fz_page_write(m, 0, 3, 12);
	fz_page_tag(m, 0, 3, &lazy);
	assert_false(lazy);
}

static void charges_follow_the_process(void **state)
{
	struct fz_model *m = *state;

	fz_mapping_add(m, 0, 0, 100, 3, 5, RW);
	fz_proc_fork(m, 0, 1);
	assert_int_equal(fz_proc_locked(m, 0), 5);
	assert_int_equal(fz_proc_locked(m, 1), 0);
	fz_proc_exec(m, 0);
	assert_int_equal(fz_proc_locked(m, 0), 0);
	assert_false(fz_mapping_parted(m, only_mapping(m), 0));
	fz_mapping_remove(m, only_mapping(m));
	assert_null(only_mapping(m));
}

static void a_user_pays_for_all_its_processes(void **state)
{
	struct fz_model *m = *state;

	m->container[1].user = true;
	fz_mapping_add(m, 0, 0, 100, 3, 5, RW);
	fz_mapping_add(m, 1, 0, 100, 3, 7, RW);
	fz_proc_fork(m, 0, 1);
	fz_mapping_add(m, 1, 1, 200, 3, 11, RW);
	assert_int_equal(fz_proc_locked(m, 0), 5);
	assert_int_equal(fz_proc_pinned(m, 0), 7);
	assert_int_equal(fz_proc_pinned(m, 1), 11);
	assert_int_equal(fz_user_locked(m), 18);
	fz_proc_exec(m, 0);
	assert_int_equal(fz_proc_pinned(m, 0), 0);
	assert_int_equal(fz_user_locked(m), 18);
}

static void who_shares_an_address_space_shares_all_of_it(void **state)
{
	struct fz_model *m = *state;

	fz_page_write(m, 0, 3, 11);
	fz_proc_share(m, 0, 1);
	fz_page_write(m, 1, 3, 22);
	fz_area_clear(m, 1, 4, 1);
	assert_int_equal(sees(m, 0, 3), 22);
	assert_false(fz_page_readable(m, 0, 4));
	fz_mapping_add(m, 0, 1, 100, 3, 1, RW);
	assert_int_equal(fz_proc_locked(m, 0), 1);
	assert_int_equal(fz_proc_locked(m, 1), 1);
	fz_page_write(m, 0, 3, 33);
	assert_false(fz_mapping_parted(m, only_mapping(m), 0));
	/* A fork has its own. */
	fz_proc_fork(m, 0, 2);
	fz_page_write(m, 2, 3, 44);
	assert_int_equal(sees(m, 1, 3), 33);
	assert_int_equal(fz_proc_locked(m, 2), 0);
}

static void the_last_one_takes_the_address_space_along(void **state)
{
	struct fz_model *m = *state;
	unsigned int mm;

	fz_page_write(m, 0, 3, 11);
	fz_proc_share(m, 0, 1);
	fz_proc_share(m, 0, 2);
	mm = m->proc[0].mm;
	fz_mapping_add(m, 0, 1, 100, 3, 2, RW);
	/* The one that mapped goes; what it mapped is the others' as before. */
	fz_proc_exit(m, 1);
	assert_true(m->mm_alive[mm]);
	assert_int_equal(fz_proc_locked(m, 0), 2);
	assert_int_equal(sees(m, 2, 3), 11);
	/* The next becomes another program: it alone has new memory. */
	fz_proc_exec(m, 0);
	assert_int_not_equal(m->proc[0].mm, mm);
	assert_int_equal(fz_proc_locked(m, 0), 0);
	assert_false(fz_page_readable(m, 0, 3));
	assert_int_equal(fz_proc_locked(m, 2), 2);
	assert_int_equal(sees(m, 2, 3), 11);
	fz_page_drop(m, 2, 3);
	assert_true(fz_mapping_parted(m, only_mapping(m), 0));
	fz_proc_exit(m, 2);
	assert_false(m->mm_alive[mm]);
	assert_false(fz_mapping_parted(m, only_mapping(m), 0));
}

static void a_refresh_is_held_to_the_first_one_s_limit(void **state)
{
	struct fz_model *m = *state;
	unsigned int mm = m->proc[0].mm;

	m->proc[0].limit = 100;
	fz_proc_share(m, 0, 1);
	m->proc[1].limit = 10;
	assert_int_equal(fz_mm_limit(m, mm), 100);
	fz_proc_exec(m, 0);
	assert_int_equal(fz_mm_limit(m, mm), 10);
	assert_int_equal(fz_mm_limit(m, m->proc[0].mm), 100);
}

static void ranges_are_clipped(void **state)
{
	unsigned int page = FZ_SMALL_PAGES - 2, count = 100;

	(void)state;
	fz_clip(&page, &count);
	assert_int_equal(count, 2);
	page = FZ_SMALL_PAGES + 3;
	count = FZ_HUGE;
	fz_clip(&page, &count);
	assert_int_equal(page, FZ_SMALL_PAGES);
	assert_int_equal(count, 2 * FZ_HUGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copy_on_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_pinned_is_copied_for_the_child, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(who_maps_after_a_fork_gets_a_frame_of_its_own,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_is_shared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_given_back_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_hole_parts_the_shared_and_spares_copies, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_a_hole_leaves_is_shared_zeroes, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(moved_memory_takes_its_frames_along, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(lazily_freed_memory_is_there_or_not, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_a_device_has_is_freed_when_it_has_it_no_more,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_freed_may_go_after_a_device_has_seen_it,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_copy_of_what_may_go_may_go, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(charges_follow_the_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_user_pays_for_all_its_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_shares_an_address_space_shares_all_of_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_last_one_takes_the_address_space_along, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_refresh_is_held_to_the_first_one_s_limit, set_up,
						tear_down),
		cmocka_unit_test(ranges_are_clipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
