// SPDX-License-Identifier: GPL-2.0-only
/*
 * text.c - sequences to text and back, by the table of operations.
 *
 * Invariant: what fz_text_print() writes, fz_text_parse() reads as the same sequence.
 */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const setups[] = { "limited", "audit", "v1", "thp", "domains", "user", NULL };

/* Text that grows in a buffer and stops at its end. */
struct line {
	char *buf;
	size_t size;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->len, l->size - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len = l->len + (size_t)n < l->size ? l->len + (size_t)n : l->size - 1;
}

static void add_bits(struct line *l, unsigned int value, const char *const *words)
{
	const char *between = "";

	if (!value)
		add(l, "none");
	for (unsigned int i = 0; words[i]; i++) {
		if (!(value & 1U << i))
			continue;
		add(l, "%s%s", between, words[i]);
		between = "+";
	}
}

char *fz_text_op(const struct fz_op *op, char *buf, size_t size)
{
	const struct fz_op_desc *d = fz_op_desc(op->code % FZ_CODES);
	struct line l = { .buf = buf, .size = size };

	add(&l, "%s", d->name);
	for (unsigned int i = 0; i < FZ_ARGS && d->arg[i].type; i++) {
		const unsigned int value = fz_op_arg(op, i);

		add(&l, " %s=", d->arg[i].name);
		if (d->arg[i].type == FZ_ARG_CHOICE)
			add(&l, "%s", d->arg[i].words[value]);
		else if (d->arg[i].type == FZ_ARG_BITS)
			add_bits(&l, value, d->arg[i].words);
		else
			add(&l, "%u", value);
	}
	return buf;
}

char *fz_text_setup(uint8_t setup, char *buf, size_t size)
{
	struct line l = { .buf = buf, .size = size };

	add(&l, "setup");
	for (unsigned int i = 0; setups[i]; i++)
		if (setup & 1U << i)
			add(&l, " %s", setups[i]);
	return buf;
}

int fz_text_print(FILE *f, const struct fz_sequence *s)
{
	char buf[160];

	fprintf(f, "# version %u\n%s\n", FZ_VERSION, fz_text_setup(s->setup, buf, sizeof(buf)));
	for (unsigned int i = 0; i < s->n; i++)
		fprintf(f, "%s\n", fz_text_op(&s->op[i], buf, sizeof(buf)));
	return ferror(f) ? -EIO : 0;
}

/* Index of a word that ends at @end; -1 when it is none of them. */
static int word(const char *const *words, const char *at, const char *end)
{
	for (int i = 0; words[i]; i++)
		if (strlen(words[i]) == (size_t)(end - at) && !memcmp(words[i], at, (size_t)(end - at)))
			return i;
	return -1;
}

static bool read_bits(const char *text, const char *const *words, unsigned int *value)
{
	const char *end;
	int i;

	*value = 0;
	if (!strcmp(text, "none"))
		return true;
	for (;; text = end + 1) {
		end = strchrnul(text, '+');
		i = word(words, text, end);
		if (i < 0)
			return false;
		*value |= 1U << i;
		if (!*end)
			return true;
	}
}

static bool read_number(const char *text, unsigned int *value)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoul(text, &end, 0);
	*value = (unsigned int)n;
	return !*end && !errno && n <= UINT16_MAX;
}

/* "name=value" of an operation. NULL, or what is wrong with it. */
static const char *read_arg(const struct fz_op_desc *d, struct fz_op *op, char *token)
{
	char *equals = strchr(token, '=');
	unsigned int value = 0, i = 0;
	int n;

	if (!equals)
		return "not of the form name=value";
	*equals++ = '\0';
	while (i < FZ_ARGS && d->arg[i].type && strcmp(d->arg[i].name, token))
		i++;
	if (i == FZ_ARGS || !d->arg[i].type)
		return "this operation has no such argument";
	switch (d->arg[i].type) {
	case FZ_ARG_CHOICE:
		n = word(d->arg[i].words, equals, equals + strlen(equals));
		if (n < 0)
			return "none of this argument's words";
		value = (unsigned int)n;
		break;
	case FZ_ARG_BITS:
		if (!read_bits(equals, d->arg[i].words, &value))
			return "not made of this argument's words and '+'";
		break;
	default:
		if (!read_number(equals, &value))
			return "not a number of 16 bits";
	}
	op->arg[i] = (uint16_t)value;
	if (fz_op_arg(op, i) != value)
		return "not within this argument's limits";
	return NULL;
}

static const char *read_op(struct fz_op *op, const char *name, char **rest)
{
	const struct fz_op_desc *d;
	const char *wrong;
	char *token;

	*op = (struct fz_op){ .code = (uint8_t)fz_op_code(name) };
	d = fz_op_desc(op->code);
	if (!d)
		return "no such operation";
	for (unsigned int i = 0; i < FZ_ARGS; i++)
		op->arg[i] = d->arg[i].type == FZ_ARG_COUNT || d->arg[i].type == FZ_ARG_CHILD;
	while ((token = strtok_r(NULL, " \t\n", rest))) {
		wrong = read_arg(d, op, token);
		if (wrong)
			return wrong;
	}
	return NULL;
}

static const char *read_line(struct fz_sequence *s, char *line)
{
	char *rest, *token;

	line[strcspn(line, "#")] = '\0';
	token = strtok_r(line, " \t\n", &rest);
	if (!token)
		return NULL;
	if (strcmp(token, "setup")) {
		if (s->n == FZ_OPS_MAX)
			return "too many operations";
		return read_op(&s->op[s->n++], token, &rest);
	}
	if (s->n)
		return "setup comes before the operations";
	while ((token = strtok_r(NULL, " \t\n", &rest))) {
		const int bit = word(setups, token, token + strlen(token));

		if (bit < 0)
			return "no such setup";
		s->setup |= (uint8_t)(1U << bit);
	}
	return NULL;
}

int fz_text_parse(FILE *f, struct fz_sequence *s, char *error, size_t size)
{
	unsigned int number = 0;
	const char *wrong = NULL;
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	memset(s, 0, sizeof(*s));
	while (!wrong && getline(&line, &room, f) >= 0) {
		number++;
		wrong = read_line(s, line);
	}
	if (wrong) {
		snprintf(error, size, "line %u: %s", number, wrong);
		ret = -EINVAL;
	} else if (ferror(f)) {
		snprintf(error, size, "cannot be read");
		ret = -EIO;
	}
	free(line);
	return ret;
}
