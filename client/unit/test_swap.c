// SPDX-License-Identifier: GPL-2.0-only
/*
 * A swap space is what mkswap(8), where there is one, takes for one, too.
 */
#include "unit.h"

#include <errno.h>
#include <holdfast/swap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES (40 * 4096)

static int file(void)
{
	const int fd = memfd_create("swap", 0);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	return fd;
}

static void it_is_known_by_its_name(void **state)
{
	const int fd = file();

	(void)state;
	assert_false(hf_swap_is(fd, "mine"));
	assert_int_equal(hf_swap_make(fd, BYTES, "mine"), 0);
	assert_true(hf_swap_is(fd, "mine"));
	assert_false(hf_swap_is(fd, "min"));
	assert_false(hf_swap_is(fd, "mine too"));
	assert_int_equal(hf_swap_make(fd, BYTES, NULL), 0);
	assert_false(hf_swap_is(fd, "mine"));
	assert_true(hf_swap_is(fd, ""));
	/* Of a longer name the begin is kept. */
	assert_int_equal(hf_swap_make(fd, BYTES, "sixteen bytes it has, and more"), 0);
	assert_true(hf_swap_is(fd, "sixteen bytes it"));
	close(fd);
}

static void lengths_that_are_none(void **state)
{
	const int fd = file();

	(void)state;
	assert_int_equal(hf_swap_make(fd, 0, NULL), -EINVAL);
	assert_int_equal(hf_swap_make(fd, 10 * 4096 - 1, NULL), -EINVAL);
	assert_int_equal(hf_swap_make(fd, 1ULL << 62, NULL), -EINVAL);
	assert_int_equal(hf_swap_make(fd, 10 * 4096, NULL), 0);
	assert_int_equal(hf_swap_make(-1, BYTES, NULL), -EBADF);
	close(fd);
}

/* What mkswap has written, and where it differs from ours: nowhere but in its random UUID. */
static void as_mkswap_has_it(void **state)
{
	unsigned char theirs[4096], ours[4096];
	const int fd = file();
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "mkswap -L mine /proc/%d/fd/%d >/dev/null 2>&1",
		 (int)getpid(), fd);
	if (system(command))
		skip();
	assert_true(hf_swap_is(fd, "mine"));
	assert_int_equal(pread(fd, theirs, sizeof(theirs), 0), sizeof(theirs));
	memset(theirs + 1036, 0, 16);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_int_equal(hf_swap_make(fd, BYTES, "mine"), 0);
	assert_int_equal(pread(fd, ours, sizeof(ours), 0), sizeof(ours));
	assert_memory_equal(ours, theirs, sizeof(ours));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_known_by_its_name),
		cmocka_unit_test(lengths_that_are_none),
		cmocka_unit_test(as_mkswap_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
