// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_ops.c - the bytes that the kernel's fuzzer plays as operations.
 *
 * Any bytes are a sequence within its limits; its canonical form is no longer than it has to be,
 * is accepted as one, and is the same sequence; as text it reads as that again.
 */
#include "target.h"

#include "op.h"
#include "text.h"

#include <string.h>

static bool same(const struct fz_sequence *a, const struct fz_sequence *b)
{
	if (a->setup != b->setup || a->n != b->n)
		return false;
	for (unsigned int i = 0; i < a->n; i++) {
		if (a->op[i].code != b->op[i].code)
			return false;
		for (unsigned int k = 0; k < FZ_ARGS; k++)
			if (fz_op_arg(&a->op[i], k) != fz_op_arg(&b->op[i], k))
				return false;
	}
	return true;
}

static void check_op(const struct fz_op *op)
{
	const struct fz_op_desc *d = fz_op_desc(op->code);

	FZ_MUST(d && fz_op_code(d->name) == op->code);
	for (unsigned int k = 0; k < FZ_ARGS; k++) {
		const unsigned int value = fz_op_arg(op, k);

		switch (d->arg[k].type) {
		case FZ_ARG_NONE:
			FZ_MUST(!value);
			break;
		case FZ_ARG_COUNT:
			FZ_MUST(value && value <= d->arg[k].limit);
			break;
		case FZ_ARG_CHILD:
			FZ_MUST(value && value < d->arg[k].limit);
			break;
		default:
			FZ_MUST(value < d->arg[k].limit);
		}
	}
}

static void check_text(const struct fz_sequence *s)
{
	struct fz_sequence again;
	struct fz_text t;
	char error[160];
	FILE *f;

	FZ_MUST(!fz_text_print(fz_text_begin(&t), s));
	fz_text_done(&t);
	FZ_MUST(fz_text_plain(&t));
	f = fz_open((struct fz_bytes){ (const uint8_t *)t.at, t.len });
	FZ_MUST(!fz_text_parse(f, &again, error, sizeof(error)));
	fclose(f);
	FZ_MUST(same(s, &again));
	fz_text_free(&t);
}

void fz_target(const uint8_t *in, size_t len)
{
	uint8_t canonical[FZ_INPUT_MAX], twice[FZ_INPUT_MAX];
	struct fz_sequence s, again;
	size_t size;

	FZ_MUST(fz_decode(in, len, &s) == s.n);
	FZ_MUST(s.n <= FZ_OPS_MAX && !(s.setup & ~FZ_SETUP_ALL));
	for (unsigned int i = 0; i < s.n; i++)
		check_op(&s.op[i]);
	fz_check(in, len);
	size = fz_encode(&s, canonical, sizeof(canonical));
	FZ_MUST(size == FZ_HEADER + s.n * FZ_RECORD);
	FZ_MUST(!fz_encode(&s, canonical, size - 1));
	FZ_MUST(!fz_check(canonical, size));
	fz_decode(canonical, size, &again);
	FZ_MUST(same(&s, &again));
	FZ_MUST(fz_encode(&again, twice, sizeof(twice)) == size &&
		!memcmp(canonical, twice, size));
	check_text(&s);
}
