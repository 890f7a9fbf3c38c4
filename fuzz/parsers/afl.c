// SPDX-License-Identifier: GPL-2.0-only
/*
 * afl.c - a target as AFL++ runs it: many inputs in one process, each in shared memory.
 */
#include "target.h"

#include <unistd.h>

__AFL_FUZZ_INIT();

int main(void)
{
	const unsigned char *in;

	__AFL_INIT();
	in = __AFL_FUZZ_TESTCASE_BUF;
	while (__AFL_LOOP(10000))
		fz_target(in, (size_t)__AFL_FUZZ_TESTCASE_LEN);
	return 0;
}
