// SPDX-License-Identifier: GPL-2.0-only
/*
 * ops - inputs of the fuzzer to text and back.
 *
 *	ops decode INPUT...		print as text
 *	ops encode TEXT INPUT		write as bytes
 *	ops list			every operation with its arguments
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "op.h"
#include "text.h"

static int fail(const char *file, const char *what)
{
	fprintf(stderr, "ops: %s: %s\n", file, what);
	return 2;
}

static int decode(const char *file)
{
	uint8_t in[FZ_INPUT_MAX + 1];
	struct fz_sequence s;
	FILE *f = fopen(file, "rb");
	const char *odd;
	size_t len;

	if (!f)
		return fail(file, strerror(errno));
	len = fread(in, 1, sizeof(in), f);
	fclose(f);
	odd = fz_check(in, len);
	if (odd)
		fprintf(stderr, "ops: %s: %s; decoded all the same\n", file, odd);
	fz_decode(in, len, &s);
	return fz_text_print(stdout, &s) ? fail("standard output", "cannot be written") : 0;
}

static int encode(const char *from, const char *to)
{
	uint8_t out[FZ_INPUT_MAX];
	struct fz_sequence s;
	char error[160];
	FILE *f = fopen(from, "r");
	size_t len;
	int ret;

	if (!f)
		return fail(from, strerror(errno));
	ret = fz_text_parse(f, &s, error, sizeof(error));
	fclose(f);
	if (ret)
		return fail(from, error);
	len = fz_encode(&s, out, sizeof(out));
	f = fopen(to, "wb");
	if (!f)
		return fail(to, strerror(errno));
	ret = fwrite(out, 1, len, f) == len ? 0 : fail(to, strerror(errno));
	if (fclose(f) && !ret)
		ret = fail(to, strerror(errno));
	return ret;
}

static void print_words(const struct fz_arg_desc *a, char between)
{
	putchar('(');
	for (unsigned int i = 0; a->words[i]; i++)
		printf("%s%.*s", a->words[i], a->words[i + 1] ? 1 : 0, &between);
	putchar(')');
}

static int list(void)
{
	const struct fz_op_desc *d;

	for (unsigned int code = 0; (d = fz_op_desc(code)); code++) {
		printf("%2u %s", code, d->name);
		for (unsigned int i = 0; i < FZ_ARGS && d->arg[i].type; i++) {
			const struct fz_arg_desc *a = &d->arg[i];

			printf(" %s=", a->name);
			if (a->words)
				print_words(a, a->type == FZ_ARG_BITS ? '+' : '|');
			else
				printf("%u..%u", a->type == FZ_ARG_COUNT || a->type == FZ_ARG_CHILD,
				       a->type == FZ_ARG_COUNT ? a->limit : a->limit - 1);
		}
		putchar('\n');
	}
	return 0;
}

/* What is left of the command line. */
struct words {
	int n;
	char **word;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct words *w = state->input;

	(void)arg;
	if (key == ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (key != ARGP_KEY_ARGS)
		return key == ARGP_KEY_END || key == ARGP_KEY_INIT ? 0 : ARGP_ERR_UNKNOWN;
	w->n = state->argc - state->next;
	w->word = state->argv + state->next;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "decode INPUT...\nencode TEXT INPUT\nlist",
		.doc = "Inputs of the fuzzer to text and back, and what operations there are.",
	};
	struct words w = { 0 };
	int ret = 0;

	for (unsigned int code = 0; fz_op_desc(code); code++) {
		if (!fz_op_desc(code)->name) {
			fprintf(stderr, "ops: operation %u has no line in the table of fuzz/op.c\n", code);
			return 1;
		}
	}
	argp_err_exit_status = 2;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &w))
		return 2;
	if (w.n > 1 && !strcmp(w.word[0], "decode")) {
		for (int i = 1; i < w.n && !ret; i++)
			ret = decode(w.word[i]);
		return ret;
	}
	if (w.n == 3 && !strcmp(w.word[0], "encode"))
		return encode(w.word[1], w.word[2]);
	if (w.n == 1 && !strcmp(w.word[0], "list"))
		return list();
	fprintf(stderr, "usage: ops decode INPUT... | encode TEXT INPUT | list; see ops --help\n");
	return 2;
}
