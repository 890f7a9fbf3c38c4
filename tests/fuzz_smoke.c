// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_smoke - two minutes of the fuzzer (docs/fuzzing.md): random sequences of a fixed seed, each answer,
 * each page and each charge predicted.
 */
#include <stdio.h>
#include <unistd.h>

#define PLAY "/holdfast/fuzz/play"

int main(void)
{
	execl(PLAY, "play", "--seed", "20261121", "--seconds", "115", (char *)NULL);
	perror(PLAY);
	return 1;
}
