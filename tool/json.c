// SPDX-License-Identifier: GPL-2.0-only
/*
 * json.c - objects from the model.
 *
 * Every object is filled through set(), which notes when json-c had no memory: half an answer
 * would be a wrong one.
 */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Set when something could not be allocated; of the answer being made. */
static bool broken;

static void set(json_object *o, const char *name, json_object *value)
{
	if (!value || !o || json_object_object_add(o, name, value)) {
		json_object_put(value);
		broken = true;
	}
}

static void append(json_object *array, json_object *value)
{
	if (!value || !array || json_object_array_add(array, value)) {
		json_object_put(value);
		broken = true;
	}
}

static void set_number(json_object *o, const char *name, uint64_t value)
{
	set(o, name, json_object_new_uint64(value));
}

static void set_text(json_object *o, const char *name, const char *value)
{
	set(o, name, json_object_new_string(value));
}

static void set_flag(json_object *o, const char *name, bool value)
{
	set(o, name, json_object_new_boolean(value));
}

static void set_address(json_object *o, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	set_text(o, name, text);
}

static json_object *begin(const char *command)
{
	json_object *o = json_object_new_object();
	char schema[32];

	broken = false;
	snprintf(schema, sizeof(schema), "holdfast-%s", command);
	set_text(o, "schema", schema);
	set_number(o, "version", HT_JSON_VERSION);
	return o;
}

static json_object *end(json_object *o)
{
	if (!broken)
		return o;
	json_object_put(o);
	return NULL;
}

static void set_share(json_object *o, const struct ht_share *share)
{
	set_number(o, "bytes_4k", share->bytes[HT_4K]);
	set_number(o, "bytes_2m", share->bytes[HT_2M]);
	set_number(o, "bytes_1g", share->bytes[HT_1G]);
}

/* What a container and the sum of all have alike. */
static void set_counts(json_object *o, const struct ht_info *i)
{
	json_object *failures = json_object_new_object();

	set_number(o, "groups", i->groups);
	set_number(o, "emulated", i->emulated);
	set_number(o, "domains", i->domains);
	set_number(o, "mappings", i->mappings);
	set_number(o, "bytes", i->bytes);
	set_number(o, "charged_bytes", i->charged_pages > UINT64_MAX / 4096 ? UINT64_MAX :
							i->charged_pages * 4096);
	set_number(o, "pins", i->pins);
	set_number(o, "runs", i->runs);
	set_share(o, &i->share);
	set_number(o, "maps", i->maps);
	set_number(o, "unmaps", i->unmaps);
	set_number(o, "map_failures", i->map_failures);
	for (size_t f = 0; f < i->nr_failures; f++)
		set_number(failures, i->failures[f].name, i->failures[f].count);
	set(o, "failures", failures);
	set_number(o, "incoherent_bytes", i->incoherent_bytes);
	set_number(o, "audit_events", i->audit_events);
	set_number(o, "audit_suspect_blocks", i->audit_suspect_blocks);
	set_number(o, "audit_verified_blocks", i->audit_verified_blocks);
}

/* Absent when there was no map yet. */
static void set_slowest(json_object *o, const struct ht_info *i, uint64_t container)
{
	json_object *map;

	if (!i->slowest_map_size)
		return;
	map = json_object_new_object();
	if (container)
		set_number(map, "container", container);
	set_number(map, "us", i->slowest_map_us);
	set_address(map, "iova", i->slowest_map_iova);
	set_number(map, "size", i->slowest_map_size);
	set(o, "slowest_map", map);
}

static json_object *mapping(const struct ht_mapping *m)
{
	json_object *o = json_object_new_object();

	set_address(o, "iova", m->iova);
	set_address(o, "vaddr", m->vaddr);
	set_number(o, "size", m->size);
	set_text(o, "prot", ht_prot_name(m));
	set_text(o, "state", ht_state_name(m->state));
	set_text(o, "path", ht_path_name(m->path));
	set_number(o, "pid", m->pid);
	set_text(o, "command", m->comm);
	set_number(o, "age_ms", m->age_ms);
	set_number(o, "charged_bytes", m->charged_pages > UINT64_MAX / 4096 ? UINT64_MAX :
							m->charged_pages * 4096);
	set_number(o, "pins", m->pins);
	set_number(o, "runs", m->runs);
	set_share(o, &m->share);
	set_number(o, "incoherent_bytes", m->incoherent);
	return o;
}

static json_object *range(const struct ht_container *c, const struct ht_range *r)
{
	const struct ht_mapping *m = ht_mapping_at(c, r->iova);
	json_object *o = json_object_new_object();

	set_address(o, "iova", r->iova);
	set_number(o, "size", r->size);
	if (m) {
		set_address(o, "vaddr", m->vaddr + (r->iova - m->iova));
		set_number(o, "pid", m->pid);
		set_text(o, "command", m->comm);
	}
	return o;
}

static void set_ranges(json_object *o, const struct ht_container *c)
{
	json_object *ranges = json_object_new_array();

	for (size_t i = 0; i < c->nr_incoherent; i++)
		append(ranges, range(c, &c->incoherent[i]));
	set(o, "incoherent", ranges);
}

static json_object *container(const char *command, const struct ht_container *c)
{
	const bool show = !strcmp(command, "show"), top = !strcmp(command, "top");
	json_object *o = json_object_new_object();
	const struct ht_info *i = &c->info;

	set_number(o, "id", i->id);
	set_number(o, "pid", i->pid);
	set_text(o, "command", c->comm);
	set_flag(o, "audit", i->audit);
	if (show || top) {
		set_text(o, "type", ht_type_name(i->type));
		set_number(o, "age_ms", i->age_ms);
		set_address(o, "page_sizes", i->page_sizes);
		set_number(o, "available", i->available);
		set_flag(o, "tracking_dirty", i->tracking_dirty);
		set_counts(o, i);
		set_slowest(o, i, 0);
	} else {
		set_number(o, "incoherent_bytes", i->incoherent_bytes);
	}
	if (top) {
		set(o, "maps_per_second", json_object_new_double(c->maps_per_second));
		set(o, "unmaps_per_second", json_object_new_double(c->unmaps_per_second));
		return o;
	}
	if (show) {
		json_object *mappings = json_object_new_array();

		for (size_t m = 0; m < c->nr_mappings; m++)
			append(mappings, mapping(&c->mappings[m]));
		set(o, "mapping_list", mappings);
	}
	set_ranges(o, c);
	return o;
}

json_object *ht_json_containers(const char *command, const struct ht_snapshot *s)
{
	json_object *o = begin(command), *containers = json_object_new_array();

	for (size_t i = 0; i < s->nr; i++)
		append(containers, container(command, &s->containers[i]));
	set(o, "containers", containers);
	return end(o);
}

json_object *ht_json_stat(const struct ht_totals *t)
{
	json_object *o = begin("stat");

	set_number(o, "containers", t->containers);
	set_number(o, "audited_containers", t->audited);
	set_counts(o, &t->sum);
	set_slowest(o, &t->sum, t->slowest_id);
	return end(o);
}

static json_object *fragments(const struct ht_fragments *f)
{
	json_object *o = json_object_new_object();

	set_number(o, "bytes", f->bytes);
	set_number(o, "runs", f->runs);
	set_number(o, "iommu_entries", f->entries);
	set_number(o, "iommu_entries_4k", f->entries_4k);
	set_number(o, "holes", f->holes);
	set_number(o, "largest_hole", f->largest_hole);
	return o;
}

static json_object *row(const struct ht_row *r)
{
	json_object *o = json_object_new_object();
	char cells[HT_CELLS + 1];

	for (int i = 0; i < HT_CELLS; i++)
		cells[i] = ht_picture_letter(r->cells[i]);
	cells[HT_CELLS] = '\0';
	set_address(o, "iova", r->start);
	set_text(o, "cells", cells);
	return o;
}

json_object *ht_json_map(const struct ht_picture *p, const struct ht_container *c)
{
	json_object *o = begin("map"), *rows = json_object_new_array();
	json_object *legend = json_object_new_object();

	set_number(o, "id", c->info.id);
	set_number(o, "pid", c->info.pid);
	set_text(o, "command", c->comm);
	set_number(o, "cell_size", 1ULL << p->shift);
	set_number(o, "cells_in_row", HT_CELLS);
	for (int k = 0; k < HT_KINDS; k++) {
		const char letter[2] = { ht_picture_letter((struct ht_cell){ k, true }) };

		set_text(legend, letter, ht_kind_name(k));
	}
	set(o, "legend", legend);
	for (size_t i = 0; i < p->nr; i++)
		append(rows, row(&p->rows[i]));
	set(o, "rows", rows);
	set(o, "fragmentation", fragments(&p->fragments));
	return end(o);
}
