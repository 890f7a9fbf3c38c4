// SPDX-License-Identifier: GPL-2.0-only
/*
 * compare.c - what differs between two answers.
 *
 * Everything a side answers is compared; nothing is taken for unimportant. VmLck alone is
 * compared with what is known to differ already (a rule has let a mapping be charged more).
 */
#include <errno.h>
#include <holdfast/ktap.h>
#include <stdio.h>
#include <string.h>

#include "differences.h"

static uint32_t compare_seen(const struct cf_result *r)
{
	uint32_t fields = r[0].nr != r[1].nr ? CF_D_DEVICE : 0;

	for (uint32_t i = 0; !fields && i < r[0].nr; i++) {
		const struct cf_seen *a = &r[0].seen[i], *b = &r[1].seen[i];

		if (a->device != b->device)
			fields |= CF_D_DEVICE;
		if (a->cpu != b->cpu || a->written != b->written)
			fields |= CF_D_CPU;
	}
	return fields;
}

void cf_compare(struct cf_case *c)
{
	const struct cf_result *a = &c->r[CF_STOCK], *b = &c->r[CF_HOLDFAST];

	c->fields = compare_seen(c->r);
	c->extra = (int64_t)(b->vmlck - a->vmlck) - cf_model_more(c->after);
	/* Some mappings are gone, and it is not known which: then any part of what they cost. */
	if (c->after->unsure && c->extra < 0 && b->vmlck >= a->vmlck)
		c->extra = 0;
	if (a->ret != b->ret)
		c->fields |= CF_D_RET;
	if (memcmp(a->out, b->out, sizeof(a->out)))
		c->fields |= CF_D_OUT;
	if (memcmp(a->bits, b->bits, sizeof(a->bits)) || a->rest != b->rest)
		c->fields |= CF_D_BITS;
	if (c->extra)
		c->fields |= CF_D_LOCKED;
	if (a->vmpin != b->vmpin)
		c->fields |= CF_D_PINNED;
	if (a->port || b->port)
		c->fields |= CF_D_LEFT;
}

static void show_bytes(const char *what, const uint8_t *a, const uint8_t *b, size_t len)
{
	unsigned int shown = 0;

	for (size_t i = 0; i + 8 <= len && shown < 6; i += 8) {
		uint64_t x, y;

		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x == y)
			continue;
		hf_ktap_diag("  %s at byte %zu: stock %016llx, holdfast %016llx", what, i,
			     (unsigned long long)x, (unsigned long long)y);
		shown++;
	}
}

static void show_view(const char *side, const struct cf_seen *s)
{
	hf_ktap_diag("    %s: device reads %llx, CPU %llx, after the device's write %llx", side,
		     (unsigned long long)s->device, (unsigned long long)s->cpu,
		     (unsigned long long)s->written);
}

static void show_seen(const struct cf_case *c)
{
	const struct cf_result *r = c->r;
	unsigned int shown = 0;

	for (uint32_t i = 0; i < r[0].nr && i < r[1].nr && shown < 6; i++) {
		const struct cf_seen *a = &r[0].seen[i], *b = &r[1].seen[i];

		if (!memcmp(a, b, sizeof(*a)))
			continue;
		hf_ktap_diag("  IOVA 0x%llx, mapped from 0x%llx:",
			     (unsigned long long)c->q->probe[i].iova,
			     (unsigned long long)c->q->probe[i].vaddr);
		show_view("stock", a);
		show_view("holdfast", b);
		shown++;
	}
}

void cf_describe(const struct cf_case *c, uint32_t fields)
{
	const struct cf_result *a = &c->r[CF_STOCK], *b = &c->r[CF_HOLDFAST];

	if (fields & CF_D_RET)
		hf_ktap_diag("  stock answers %lld%s%s, holdfast %lld%s%s", (long long)a->ret,
			     a->ret < 0 ? " " : "", a->ret < 0 ? strerrorname_np((int)-a->ret) : "",
			     (long long)b->ret, b->ret < 0 ? " " : "",
			     b->ret < 0 ? strerrorname_np((int)-b->ret) : "");
	if (fields & CF_D_OUT)
		show_bytes("the request", a->out, b->out, sizeof(a->out));
	if (fields & CF_D_BITS) {
		show_bytes("the bitmap", a->bits, b->bits, sizeof(a->bits));
		if (a->rest != b->rest)
			hf_ktap_diag("  the bitmap differs after byte %d", CF_BITMAP);
	}
	if (fields & CF_D_LOCKED)
		hf_ktap_diag("  VmLck: stock %llu KiB, holdfast %llu KiB, known before: %lld KiB",
			     (unsigned long long)a->vmlck >> 10,
			     (unsigned long long)b->vmlck >> 10,
			     (long long)cf_model_more(c->after) / 1024);
	if (fields & CF_D_PINNED)
		hf_ktap_diag("  VmPin: stock %llu KiB, holdfast %llu KiB",
			     (unsigned long long)a->vmpin >> 10,
			     (unsigned long long)b->vmpin >> 10);
	if (fields & (CF_D_DEVICE | CF_D_CPU))
		show_seen(c);
	if (fields & CF_D_LEFT)
		hf_ktap_diag("  its own DMA memory cannot be mapped again: stock %d, holdfast %d",
			     a->port, b->port);
}
