// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_smoke - two minutes of the fuzzer (docs/fuzzing.md): random sequences of a fixed seed, each answer,
 * each page and each charge predicted. Operations that need something of the guest (swap space, memory
 * cgroups, huge pages, several groups) must have worked.
 */
#include <stdio.h>
#include <unistd.h>

#define PLAY "/holdfast/fuzz/play"

int main(void)
{
	execl(PLAY, "play", "--seed", "20261121", "--seconds", "115", "--must", "swap", "--must",
	      "starved", "--must", "share", "--must", "attach", "--must", "punch", "--must", "refresh",
	      "--must", "killed", "--must", "bar-map", (char *)NULL);
	perror(PLAY);
	return 1;
}
