// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_smoke - two minutes of the fuzzer (docs/fuzzing.md): random sequences of a fixed seed, each answer,
 * each page and each charge predicted. Operations that need something of the guest (swap space, memory
 * cgroups, huge pages, several groups) must have worked.
 */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PLAY "/holdfast/fuzz/play"

int main(void)
{
	char *args[] = { "play", "--seed", "20261121", "--seconds", "115", "--must", "swap", "--must",
			 "starved", "--must", "share", "--must", "attach", "--must", "punch", "--must",
			 "refresh", "--must", "killed", "--must", "bar-map", "--must", "other-device",
			 "--must", "paged", NULL };
	const size_t n = sizeof(args) / sizeof(*args);
	unsigned int major = 0, minor = 0;
	struct utsname u;

	/* Before 6.2 no map can wait for memory to come. */
	if (!uname(&u) && sscanf(u.release, "%u.%u", &major, &minor) == 2 && major * 100 + minor < 602)
		args[n - 3] = NULL;
	execv(PLAY, args);
	perror(PLAY);
	return 1;
}
