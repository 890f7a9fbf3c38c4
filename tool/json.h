/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json.h - the answers of the commands as JSON, for programs; docs/observability.md has the
 * schema.
 *
 * Sizes are bytes, addresses strings in hexadecimal (JSON readers often keep 53 bits of a
 * number). A member that changes its meaning or goes raises HT_JSON_VERSION; new ones do not.
 */
#ifndef HOLDFAST_TOOL_JSON_H
#define HOLDFAST_TOOL_JSON_H

#include "model.h"
#include "picture.h"

#include <json-c/json.h>

#define HT_JSON_VERSION 1

/**
 * ht_json_containers() - "top", "show" and "incoherent"
 * @command: which; "show" has mappings, "show" and "incoherent" have ranges
 * @s: the containers
 *
 * Return: an object to be put; NULL without memory. Likewise the next two.
 */
json_object *ht_json_containers(const char *command, const struct ht_snapshot *s);

/** ht_json_stat() - "stat" */
json_object *ht_json_stat(const struct ht_totals *t);

/** ht_json_map() - "map" */
json_object *ht_json_map(const struct ht_picture *p, const struct ht_container *c);

#endif
