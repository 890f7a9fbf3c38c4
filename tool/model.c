// SPDX-License-Identifier: GPL-2.0-only
/*
 * model.c - names, sums and rates of containers.
 *
 * The numbers came from outside and may be anything: sums stay at their limit, and a counter
 * that went backwards (another module was loaded meanwhile) counts as not moved.
 */
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ht_type_name(enum ht_type type)
{
	static const char *const names[] = { "v1", "v2", "nesting" };

	return names[type];
}

const char *ht_state_name(enum ht_state state)
{
	static const char *const names[] = { "new", "live", "held", "dying" };

	return names[state];
}

const char *ht_path_name(enum ht_path path)
{
	static const char *const names[] = { "none", "pages", "pfnmap", "mixed" };

	return names[path];
}

const char *ht_page_name(enum ht_page page)
{
	static const char *const names[] = { "4K", "2M", "1G" };

	return names[page];
}

const char *ht_prot_name(const struct ht_mapping *m)
{
	static const char *const names[] = { "--", "r-", "-w", "rw" };

	return names[m->read + 2 * m->write];
}

uint64_t ht_add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

int ht_count_failure(struct ht_info *info, const char *name, uint64_t count)
{
	struct ht_failure *f;

	for (size_t i = 0; i < info->nr_failures; i++) {
		f = &info->failures[i];
		if (!strncmp(f->name, name, sizeof(f->name) - 1)) {
			f->count = ht_add(f->count, count);
			return 0;
		}
	}
	f = reallocarray(info->failures, info->nr_failures + 1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	info->failures = f;
	f += info->nr_failures++;
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->count = count;
	return 0;
}

const struct ht_mapping *ht_mapping_at(const struct ht_container *c, uint64_t iova)
{
	size_t low = 0, high = c->nr_mappings;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct ht_mapping *m = &c->mappings[middle];

		if (iova < m->iova)
			high = middle;
		else if (iova > ht_last(m->iova, m->size))
			low = middle + 1;
		else
			return m;
	}
	return NULL;
}

static const struct ht_container *find(const struct ht_snapshot *s, uint64_t id)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->containers[i].info.id == id)
			return &s->containers[i];
	return NULL;
}

static double rate(uint64_t now, uint64_t before, uint64_t ms)
{
	return ms && now > before ? (double)(now - before) * 1000.0 / (double)ms : 0;
}

void ht_rates(struct ht_snapshot *now, const struct ht_snapshot *before)
{
	for (size_t i = 0; i < now->nr; i++) {
		struct ht_container *c = &now->containers[i];
		const struct ht_container *old = find(before, c->info.id);
		const uint64_t ms = old ? now->taken_ms - before->taken_ms : c->info.age_ms;

		c->maps_per_second = rate(c->info.maps, old ? old->info.maps : 0, ms);
		c->unmaps_per_second = rate(c->info.unmaps, old ? old->info.unmaps : 0, ms);
	}
}

/* Everything that adds up. */
static const size_t summed[] = {
	offsetof(struct ht_info, groups),
	offsetof(struct ht_info, emulated),
	offsetof(struct ht_info, domains),
	offsetof(struct ht_info, mappings),
	offsetof(struct ht_info, bytes),
	offsetof(struct ht_info, charged_pages),
	offsetof(struct ht_info, pins),
	offsetof(struct ht_info, runs),
	offsetof(struct ht_info, share.bytes[HT_4K]),
	offsetof(struct ht_info, share.bytes[HT_2M]),
	offsetof(struct ht_info, share.bytes[HT_1G]),
	offsetof(struct ht_info, maps),
	offsetof(struct ht_info, unmaps),
	offsetof(struct ht_info, map_failures),
	offsetof(struct ht_info, incoherent_bytes),
	offsetof(struct ht_info, audit_events),
	offsetof(struct ht_info, audit_suspect_blocks),
	offsetof(struct ht_info, audit_verified_blocks),
};

static int add(struct ht_totals *t, const struct ht_info *info)
{
	for (size_t i = 0; i < sizeof(summed) / sizeof(*summed); i++) {
		uint64_t *sum = (uint64_t *)((char *)&t->sum + summed[i]);

		*sum = ht_add(*sum, *(const uint64_t *)((const char *)info + summed[i]));
	}
	t->containers++;
	t->audited += info->audit;
	if (info->slowest_map_size && (!t->slowest_id ||
				       info->slowest_map_us > t->sum.slowest_map_us)) {
		t->slowest_id = info->id;
		t->sum.slowest_map_us = info->slowest_map_us;
		t->sum.slowest_map_iova = info->slowest_map_iova;
		t->sum.slowest_map_size = info->slowest_map_size;
	}
	for (size_t i = 0; i < info->nr_failures; i++)
		if (ht_count_failure(&t->sum, info->failures[i].name, info->failures[i].count))
			return -ENOMEM;
	return 0;
}

int ht_totals(struct ht_totals *t, const struct ht_snapshot *s)
{
	int ret = 0;

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < s->nr && !ret; i++)
		ret = add(t, &s->containers[i].info);
	return ret;
}

void ht_totals_free(struct ht_totals *t)
{
	free(t->sum.failures);
	memset(t, 0, sizeof(*t));
}

void ht_container_free(struct ht_container *c)
{
	free(c->info.failures);
	free(c->mappings);
	free(c->incoherent);
	memset(c, 0, sizeof(*c));
}

void ht_snapshot_free(struct ht_snapshot *s)
{
	for (size_t i = 0; i < s->nr; i++)
		ht_container_free(&s->containers[i]);
	free(s->containers);
	memset(s, 0, sizeof(*s));
}
