// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_text.c - operations of the kernel's fuzzer as people write them.
 *
 * Any text is refused with the number of the line that is wrong, or is a sequence that reads the
 * same when it is printed.
 */
#include "target.h"

#include "op.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t lines_of(const uint8_t *in, size_t len)
{
	size_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += in[i] == '\n';
	return lines;
}

static bool same(const struct fz_sequence *a, const struct fz_sequence *b)
{
	uint8_t left[FZ_INPUT_MAX], right[FZ_INPUT_MAX];
	const size_t size = fz_encode(a, left, sizeof(left));

	return size && fz_encode(b, right, sizeof(right)) == size && !memcmp(left, right, size);
}

void fz_target(const uint8_t *in, size_t len)
{
	FILE *f = fz_open((struct fz_bytes){ in, len });
	struct fz_sequence s, again;
	char error[160] = "";
	struct fz_text t;
	int ret;

	ret = fz_text_parse(f, &s, error, sizeof(error));
	fclose(f);
	FZ_MUST(!ret || ret == -EINVAL);
	if (ret) {
		unsigned long line = 0;

		FZ_MUST(memchr(error, '\0', sizeof(error)));
		FZ_MUST(sscanf(error, "line %lu: ", &line) == 1);
		FZ_MUST(line >= 1 && line <= lines_of(in, len));
		return;
	}
	FZ_MUST(s.n <= FZ_OPS_MAX && !(s.setup & ~FZ_SETUP_ALL));
	FZ_MUST(!fz_text_print(fz_text_begin(&t), &s));
	fz_text_done(&t);
	f = fz_open((struct fz_bytes){ (const uint8_t *)t.at, t.len });
	FZ_MUST(!fz_text_parse(f, &again, error, sizeof(error)));
	fclose(f);
	FZ_MUST(same(&s, &again));
	fz_text_free(&t);
}
