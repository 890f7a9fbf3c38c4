/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * markup.h - foreign text and finished pictures in HTML and SVG.
 */
#ifndef HOLDFAST_MARKUP_H
#define HOLDFAST_MARKUP_H

#include <stdio.h>

/**
 * hf_markup_text() - write text that must stay text
 * @out: where to
 * @text: anything; UTF-8 passes as it is
 *
 * &, <, > and the double quote become entities, so that the text fits between tags and into an
 * attribute between double quotes, of HTML and of XML. Control characters but newline and tab,
 * which XML does not have, are left out.
 */
void hf_markup_text(FILE *out, const char *text);

/**
 * hf_markup_svg() - put an SVG file into a page
 * @out: where to
 * @path: the file; NULL counts as one that is not there
 *
 * Copies it from its root element on: what stands before, an XML declaration or a document type,
 * has no place in HTML. From there on it is not looked at, so the file must be the caller's own:
 * a script in it becomes one of the page.
 *
 * Return: 0; -ENOENT or another error of opening or reading it; -ENODATA when no line has a root
 * element, and nothing was written.
 */
int hf_markup_svg(FILE *out, const char *path);

#endif
