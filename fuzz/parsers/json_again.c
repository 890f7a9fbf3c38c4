// SPDX-License-Identifier: GPL-2.0-only
/*
 * json_again.c - edit; write, read, write, compare.
 */
#include "json_again.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)

json_object *fz_json(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	json_object *o = NULL;

	if (tokener && len <= INT_MAX)
		o = json_tokener_parse_ex(tokener, text, (int)len);
	json_tokener_free(tokener);
	return o;
}

json_object *fz_json_of(struct fz_bytes part)
{
	char *exact = fz_copy(part);
	json_object *o = fz_json(exact, part.len);

	free(exact);
	return o;
}

/* What a value becomes; NULL is JSON's null. */
static json_object *other_value(unsigned int what)
{
	static const char longer[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789012345678901234567890123456789";
	static const char *const texts[] = { "", "-", "map", "thp/2M/prefaulted", "6.1", "x\ny",
					     "`x`", "<x>&\"'$\\", longer };
	static const uint64_t numbers[] = { 0, 1, 2, 4096, UINT32_MAX, 1ULL << 32, INT64_MAX,
					    UINT64_MAX };
	static const double doubles[] = { 0.5, -1.0, 1e-300, 1e19, 1e300, NAN, INFINITY };
	const unsigned int nr_texts = sizeof(texts) / sizeof(*texts);
	const unsigned int nr_numbers = sizeof(numbers) / sizeof(*numbers);
	const unsigned int nr_doubles = sizeof(doubles) / sizeof(*doubles);

	if (what < nr_texts)
		return json_object_new_string(texts[what]);
	what -= nr_texts;
	if (what < nr_numbers)
		return json_object_new_uint64(numbers[what]);
	what -= nr_numbers;
	if (what < nr_doubles)
		return json_object_new_double(doubles[what]);
	switch (what - nr_doubles) {
	case 0:
		return json_object_new_int64(-1);
	case 1:
		return json_object_new_boolean(true);
	case 2:
		return json_object_new_object();
	case 3:
		return json_object_new_array();
	default:
		return NULL;
	}
}

#define REMOVE 64  /* the value itself */
#define TWICE 65   /* an array's member once more, at the end */
#define ACTIONS 66

static void edit_member(json_object *o, const char *key, unsigned int action)
{
	if (action == REMOVE)
		json_object_object_del(o, key);
	else
		json_object_object_add(o, key, other_value(action));
}

static void edit_element(json_object *array, size_t i, unsigned int action)
{
	if (action == REMOVE)
		json_object_array_del_idx(array, i, 1);
	else if (action == TWICE)
		json_object_array_add(array, json_object_get(json_object_array_get_idx(array, i)));
	else
		json_object_array_put_idx(array, i, other_value(action));
}

/* Edit the value *nr after this one, depth first; false when there are not so many: *nr is less. */
static bool edit(json_object *o, size_t *nr, unsigned int action)
{
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value) {
			if (!(*nr)--) {
				edit_member(o, key, action);
				return true;
			}
			if (edit(value, nr, action))
				return true;
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++) {
			if (!(*nr)--) {
				edit_element(o, i, action);
				return true;
			}
			if (edit(json_object_array_get_idx(o, i), nr, action))
				return true;
		}
	}
	return false;
}

void fz_json_edit(json_object *o, struct fz_bytes edits)
{
	for (; edits.len >= 3; edits.at += 3, edits.len -= 3) {
		size_t all = SIZE_MAX, nr;

		/* As many as there are less than there could be. */
		edit(o, &all, REMOVE);
		all = SIZE_MAX - all;
		if (!all)
			break;
		nr = (edits.at[0] | (size_t)edits.at[1] << 8) % all;
		edit(o, &nr, edits.at[2] % ACTIONS);
	}
}

void fz_json_again(json_object *o, bool strict)
{
	struct json_tokener *tokener = json_tokener_new();
	const char *written;
	json_object *again;
	char *first;

	FZ_MUST(o);
	if (!tokener)
		exit(EXIT_SUCCESS);
	written = json_object_to_json_string_ext(o, FLAGS);
	FZ_MUST(written);
	first = strdup(written);
	if (!first)
		exit(EXIT_SUCCESS);
	/* Other programs are stricter than json-c is by default. */
	if (strict)
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	again = json_tokener_parse_ex(tokener, first, (int)strlen(first) + 1);
	FZ_MUST(again && json_tokener_get_error(tokener) == json_tokener_success);
	FZ_MUST(!strcmp(json_object_to_json_string_ext(again, FLAGS), first));
	json_object_put(again);
	json_tokener_free(tokener);
	free(first);
}
