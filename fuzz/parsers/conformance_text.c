// SPDX-License-Identifier: GPL-2.0-only
/*
 * conformance_text.c - sequences of the conformance test as they are written.
 *
 * An input is a text. It is refused, with the line that is wrong, or read to its end; what was
 * read is, written down and read again, the same.
 */
#include "target.h"

#include "conformance/op.h"

#include <stdlib.h>
#include <string.h>

/* More than a sequence of the longest lines. */
#define LINE_MAX_HERE 512

static bool same_at(const struct cf_at *a, const struct cf_at *b)
{
	return a->place == b->place && a->off == b->off;
}

static bool same_op(const struct cf_op *a, const struct cf_op *b)
{
	return a->kind == b->kind && a->argsz == b->argsz && a->flags == b->flags &&
	       a->iova == b->iova && a->size == b->size && same_at(&a->at, &b->at) &&
	       same_at(&a->arg, &b->arg) && a->pgsize == b->pgsize && a->bytes == b->bytes &&
	       a->serial == b->serial;
}

static void check_again(const struct cf_sequence *s)
{
	static struct cf_sequence again;
	char line[LINE_MAX_HERE], error[120];
	struct fz_text t;
	const char *at;

	fz_text_begin(&t);
	fprintf(t.f, "%s\n", cf_setup_print(s, line, sizeof(line)));
	for (unsigned int i = 0; i < s->nr; i++) {
		cf_op_print(&s->op[i], line, sizeof(line));
		FZ_MUST(strlen(line) + 1 < sizeof(line));
		fprintf(t.f, "%s\n", line);
	}
	fz_text_done(&t);
	at = t.at;
	FZ_MUST(cf_sequence_read(&at, &again, error) == 1);
	FZ_MUST(!strcmp(s->name, again.name) && s->nr == again.nr);
	FZ_MUST(s->setup.v1 == again.setup.v1 && s->setup.dma == again.setup.dma &&
		s->setup.domains == again.setup.domains && s->setup.entries == again.setup.entries);
	for (unsigned int i = 0; i < s->nr; i++)
		FZ_MUST(same_op(&s->op[i], &again.op[i]));
	FZ_MUST(cf_sequence_read(&at, &again, error) == 0);
	fz_text_free(&t);
}

void fz_target(const uint8_t *in, size_t len)
{
	char *text = fz_string((struct fz_bytes){ in, len });
	const char *at = text, *before;
	struct cf_sequence *s = malloc(sizeof(*s));
	char error[120] = "";
	int ret;

	if (!s)
		exit(EXIT_SUCCESS);
	do {
		before = at;
		ret = cf_sequence_read(&at, s, error);
		FZ_MUST(ret >= -1 && ret <= 1 && at >= before && at <= text + strlen(text));
		if (ret > 0) {
			FZ_MUST(at > before && s->nr <= CF_SEQUENCE_MAX);
			FZ_MUST(memchr(s->name, '\0', sizeof(s->name)));
			for (unsigned int i = 0; i < s->nr; i++)
				FZ_MUST(s->op[i].kind < CF_KINDS && s->op[i].at.place < CF_PLACES &&
					s->op[i].arg.place < CF_PLACES);
			check_again(s);
		}
	} while (ret > 0);
	FZ_MUST(ret ? *error && memchr(error, '\0', sizeof(error)) : !*at);
	free(s);
	free(text);
}
