// SPDX-License-Identifier: GPL-2.0-only
/*
 * markup.c - text escaped, pictures copied.
 *
 * All reports of this project go through here: what they show (names of processes, what a kernel
 * or a fuzzed program said) may have been chosen by anybody.
 */
#include <errno.h>
#include <holdfast/markup.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void hf_markup_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		switch (c) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			if (c >= ' ' || c == '\n' || c == '\t')
				fputc(c, out);
		}
	}
}

int hf_markup_svg(FILE *out, const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	bool started = false;
	char *line = NULL;
	size_t room = 0;
	int ret;

	if (!f)
		return path ? -errno : -ENOENT;
	errno = 0;
	while (getline(&line, &room, f) >= 0) {
		const char *from = started ? line : strstr(line, "<svg");

		if (from) {
			fputs(from, out);
			started = true;
		}
	}
	ret = feof(f) ? 0 : -errno;
	free(line);
	fclose(f);
	return ret ? ret : started ? 0 : -ENODATA;
}
