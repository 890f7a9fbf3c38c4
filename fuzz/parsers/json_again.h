/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json_again.h - JSON that is wrong in a way that counts, and JSON that was written.
 *
 * AFL++ cannot look into json-c, so what it makes of the bytes of a JSON text is hardly ever JSON.
 * Therefore an input may have edits: they replace values of the text that precedes them.
 */
#ifndef FUZZ_JSON_AGAIN_H
#define FUZZ_JSON_AGAIN_H

#include "target.h"

#include <json-c/json.h>

/** fz_json() - the value a text begins with, NULL when it is none; to be put */
json_object *fz_json(const char *text, size_t len);

/** fz_json_of() - likewise, of a part of an input */
json_object *fz_json_of(struct fz_bytes part);

/**
 * fz_json_edit() - replace and remove values
 * @o: an object or array
 * @edits: three bytes each: which value, 16 bits, modulo those there are; and what becomes of it
 */
void fz_json_edit(json_object *o, struct fz_bytes edits);

/**
 * fz_json_again() - must be there, be JSON when written, and read and written be the same
 * @strict: as any program reads it; else as json-c does, which knows NaN
 */
void fz_json_again(json_object *o, bool strict);

#endif
