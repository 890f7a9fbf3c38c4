// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_corpus - the sequences that are kept in fuzz/corpus/, each once, on the module with failure
 * points. Among them are those that the fuzzer's model was once wrong about, which have names.
 */
#include <glob.h>
#include <holdfast/ktap.h>
#include <stdio.h>
#include <string.h>

#include "failpoint.h"
#include "module.h"

#define PLAY "/holdfast/fuzz/play"
#define CORPUS "/holdfast/fuzz/corpus"
/* There are more; a folder that is nearly empty must not look like a success. */
#define LEAST 20U

static void corpus(struct t *t)
{
	unsigned int well = 0;
	char line[512];
	glob_t all;
	FILE *f;

	(void)t;
	/* The player loads a module that would have stock's loaded behind holdfast's, and so preferred. */
	t_fail_unload();
	/* Its settings would have the standard module of holdfast's come along. */
	hf_require(!t_command("modprobe -C /dev/null %s", T_MODULE_STOCK) && !t_fail_load(""),
		   "both modules");
	hf_require(!glob(CORPUS "/*", 0, NULL, &all), CORPUS);
	f = popen(PLAY " " CORPUS "/* 2>&1", "r");
	hf_require(f, PLAY);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strstr(line, ": as predicted"))
			well++;
		else
			hf_ktap_diag("%s", line);
	}
	hf_expect_eq(pclose(f), 0, PLAY);
	hf_ktap_diag("%u sequences as predicted", well);
	hf_expect_eq(well, all.gl_pathc, "sequences of " CORPUS);
	hf_expect(well >= LEAST, "%u sequences in " CORPUS, well);
	globfree(&all);
}

static const struct t_case cases[] = {
	{ "sequences of the corpus", corpus, T_HOLDFAST, NULL },
};

int main(void)
{
	return T_FAIL_RUN(cases);
}
