// SPDX-License-Identifier: GPL-2.0-only
/*
 * tree.c - what a container holds, for whom, since when.
 */
#include "tree.h"
#include "format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static const char *name_of(const char *comm)
{
	return *comm ? comm : "-";
}

static void put_failures(FILE *out, const struct ht_info *info)
{
	for (size_t i = 0; i < info->nr_failures; i++) {
		const struct ht_failure *f = &info->failures[i];
		const char *hint = ht_errno_hint(f->name);

		fprintf(out, "    %-12s %8" PRIu64 "%s%s\n", f->name, f->count, *hint ? "  " : "", hint);
	}
}

static void put_page_sizes(FILE *out, uint64_t sizes)
{
	char text[HT_TEXT];

	for (int bit = 0; bit < 64; bit++)
		if (sizes >> bit & 1)
			fprintf(out, " %s", ht_format_size(text, 1ULL << bit));
	fprintf(out, "%s\n", sizes ? "" : " none");
}

static void put_details(FILE *out, const struct ht_container *c)
{
	const struct ht_info *i = &c->info;
	char a[HT_TEXT], b[HT_TEXT];

	fprintf(out, "container %" PRIu64 ", type %s, made %s ago by %s (pid %" PRIu64 ")\n", i->id,
		ht_type_name(i->type), ht_format_ms(a, i->age_ms), name_of(c->comm), i->pid);
	fprintf(out, "  groups       %" PRIu64 " behind an IOMMU in %" PRIu64 " domain%s, %" PRIu64
		" emulated\n", i->groups, i->domains, plural(i->domains), i->emulated);
	fprintf(out, "  page sizes  ");
	put_page_sizes(out, i->page_sizes);
	fprintf(out, "  mappings     %" PRIu64 ", %" PRIu64 " more may be made\n", i->mappings,
		i->available);
	fprintf(out, "  mapped       %s: %u%% as 4K, %u%% as 2M, %u%% as 1G pages\n",
		ht_format_size(a, i->bytes), ht_percent(i->share.bytes[HT_4K], i->bytes),
		ht_percent(i->share.bytes[HT_2M], i->bytes),
		ht_percent(i->share.bytes[HT_1G], i->bytes));
	fprintf(out, "  pinned       %" PRIu64 " pin%s for %" PRIu64 " run%s\n", i->pins,
		plural(i->pins), i->runs, plural(i->runs));
	fprintf(out, "  charged      %s\n", ht_format_pages(a, i->charged_pages));
	fprintf(out, "  maps         %" PRIu64 " done, %" PRIu64 " taken down, %" PRIu64 " failed\n",
		i->maps, i->unmaps, i->map_failures);
	put_failures(out, i);
	if (i->slowest_map_size)
		fprintf(out, "  slowest map  %s, for %s at 0x%" PRIx64 "\n",
			ht_format_us(a, i->slowest_map_us), ht_format_size(b, i->slowest_map_size),
			i->slowest_map_iova);
	fprintf(out, "  dirty pages  %s\n", i->tracking_dirty ? "tracked" : "not tracked");
	if (!i->audit) {
		fprintf(out, "  audit        off\n");
		return;
	}
	fprintf(out, "  audit        on, %" PRIu64 " event%s, %" PRIu64 " block%s suspect, %" PRIu64
		" verified\n", i->audit_events, plural(i->audit_events), i->audit_suspect_blocks,
		plural(i->audit_suspect_blocks), i->audit_verified_blocks);
	fprintf(out, "  incoherent   %s\n", ht_format_size(a, i->incoherent_bytes));
}

/* By process, then by address. */
static int by_process(const void *a, const void *b)
{
	const struct ht_mapping *left = *(const struct ht_mapping *const *)a;
	const struct ht_mapping *right = *(const struct ht_mapping *const *)b;
	int names;

	if (left->pid != right->pid)
		return left->pid < right->pid ? -1 : 1;
	names = strcmp(left->comm, right->comm);
	return names ? names : (left->iova > right->iova) - (left->iova < right->iova);
}

static bool same_process(const struct ht_mapping *a, const struct ht_mapping *b)
{
	return a->pid == b->pid && !strcmp(a->comm, b->comm);
}

static void put_mapping(FILE *out, const struct ht_mapping *m, const char *branch)
{
	char iova[HT_TEXT], vaddr[HT_TEXT], size[HT_TEXT], age[HT_TEXT], paid[HT_TEXT];
	char bad[HT_TEXT];

	snprintf(iova, sizeof(iova), "0x%" PRIx64, m->iova);
	snprintf(vaddr, sizeof(vaddr), "0x%" PRIx64, m->vaddr);
	fprintf(out, "%s %-16s %-16s %10s  %-4s %-6s %-5s %8" PRIu64 " %8" PRIu64 " %10s %7s%s%s\n",
		branch, iova, vaddr, ht_format_size(size, m->size), ht_prot_name(m),
		ht_path_name(m->path), ht_state_name(m->state), m->runs, m->pins,
		ht_format_pages(paid, m->charged_pages), ht_format_ms(age, m->age_ms),
		m->incoherent ? "  INCOHERENT: " : "",
		m->incoherent ? ht_format_size(bad, m->incoherent) : "");
}

/* One process with its @nr mappings. */
static void put_process(FILE *out, const struct ht_mapping **m, size_t nr, bool last)
{
	uint64_t bytes = 0, pins = 0;
	char size[HT_TEXT];

	for (size_t i = 0; i < nr; i++) {
		bytes = ht_add(bytes, m[i]->size);
		pins = ht_add(pins, m[i]->pins);
	}
	fprintf(out, "%s %s (pid %" PRIu64 "): %zu mapping%s, %s, %" PRIu64 " pin%s\n",
		last ? "`-" : "|-", name_of(m[0]->comm), m[0]->pid, nr, plural(nr),
		ht_format_size(size, bytes), pins, plural(pins));
	for (size_t i = 0; i < nr; i++)
		put_mapping(out, m[i], i + 1 == nr ? (last ? "   `-" : "|  `-") :
						     (last ? "   |-" : "|  |-"));
}

static int put_tree(FILE *out, const struct ht_container *c)
{
	const struct ht_mapping **order;

	if (!c->nr_mappings) {
		fprintf(out, "no mappings\n");
		return 0;
	}
	order = calloc(c->nr_mappings, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < c->nr_mappings; i++)
		order[i] = &c->mappings[i];
	qsort(order, c->nr_mappings, sizeof(*order), by_process);

	fprintf(out, "container %" PRIu64 "\n", c->info.id);
	fprintf(out, "      %-16s %-16s %10s  %-4s %-6s %-5s %8s %8s %10s %7s\n", "IOVA", "VADDR",
		"SIZE", "PROT", "PATH", "STATE", "RUNS", "PINS", "CHARGED", "AGE");
	for (size_t i = 0, nr; i < c->nr_mappings; i += nr) {
		for (nr = 1; i + nr < c->nr_mappings && same_process(order[i], order[i + nr]);)
			nr++;
		put_process(out, &order[i], nr, i + nr == c->nr_mappings);
	}
	free(order);
	return 0;
}

int ht_show(FILE *out, const struct ht_container *c)
{
	put_details(out, c);
	fputc('\n', out);
	return put_tree(out, c);
}

static void put_bytes(FILE *out, const char *name, uint64_t bytes)
{
	char text[HT_TEXT];

	fprintf(out, "%s: %" PRIu64 " (%s)\n", name, bytes, ht_format_size(text, bytes));
}

static void put_number(FILE *out, const char *name, uint64_t number)
{
	fprintf(out, "%s: %" PRIu64 "\n", name, number);
}

void ht_stat(FILE *out, const struct ht_totals *t)
{
	const struct ht_info *sum = &t->sum;
	char text[HT_TEXT];

	put_number(out, "containers", t->containers);
	put_number(out, "groups", sum->groups);
	put_number(out, "emulated", sum->emulated);
	put_number(out, "domains", sum->domains);
	put_number(out, "mappings", sum->mappings);
	put_bytes(out, "bytes", sum->bytes);
	put_bytes(out, "bytes_4k", sum->share.bytes[HT_4K]);
	put_bytes(out, "bytes_2m", sum->share.bytes[HT_2M]);
	put_bytes(out, "bytes_1g", sum->share.bytes[HT_1G]);
	fprintf(out, "charged_pages: %" PRIu64 " (%s)\n", sum->charged_pages,
		ht_format_pages(text, sum->charged_pages));
	put_number(out, "pins", sum->pins);
	put_number(out, "runs", sum->runs);
	put_number(out, "maps", sum->maps);
	put_number(out, "unmaps", sum->unmaps);
	put_number(out, "map_failures", sum->map_failures);
	for (size_t i = 0; i < sum->nr_failures; i++)
		fprintf(out, "failures_%s: %" PRIu64 "\n", sum->failures[i].name,
			sum->failures[i].count);
	fprintf(out, "slowest_map_us: %" PRIu64 " (%s)\n", sum->slowest_map_us,
		ht_format_us(text, sum->slowest_map_us));
	put_bytes(out, "slowest_map_size", sum->slowest_map_size);
	put_number(out, "slowest_map_container", t->slowest_id);
	put_number(out, "audited_containers", t->audited);
	put_bytes(out, "incoherent_bytes", sum->incoherent_bytes);
}

size_t ht_incoherent(FILE *out, const struct ht_snapshot *s)
{
	size_t found = 0;

	for (size_t i = 0; i < s->nr; i++) {
		const struct ht_container *c = &s->containers[i];

		for (size_t r = 0; r < c->nr_incoherent; r++) {
			const struct ht_range *range = &c->incoherent[r];
			const struct ht_mapping *m = ht_mapping_at(c, range->iova);
			char iova[HT_TEXT], vaddr[HT_TEXT] = "-", size[HT_TEXT];

			if (!found++)
				fprintf(out, "%9s %-18s %10s %-18s %7s COMMAND\n", "CONTAINER",
					"IOVA", "SIZE", "VADDR", "PID");
			snprintf(iova, sizeof(iova), "0x%" PRIx64, range->iova);
			if (m)
				snprintf(vaddr, sizeof(vaddr), "0x%" PRIx64,
					 m->vaddr + (range->iova - m->iova));
			fprintf(out, "%9" PRIu64 " %-18s %10s %-18s %7" PRIu64 " %s\n", c->info.id, iova,
				ht_format_size(size, range->size), vaddr,
				m ? m->pid : c->info.pid, name_of(m ? m->comm : c->comm));
		}
		if (!c->info.audit)
			fprintf(out, "container %" PRIu64 ": nothing is known, its audit is off\n",
				c->info.id);
	}
	if (!found)
		fprintf(out, "no incoherent ranges are known\n");
	return found;
}
