// SPDX-License-Identifier: GPL-2.0-only
/*
 * allow.c - the differences that are meant: one rule for each row of docs/abi.md that shows
 * here, why the other rows do not, and the features holdfast does not have.
 *
 * A rule looks at one operation with both answers and says which of the fields that differ it
 * explains; what no rule explains is a failure. A rule is to be as narrow as the row it stands
 * for. Where the sides hold different mappings afterwards it says so (cf_case.part), and the
 * sequence ends there.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

#include "differences.h"

#ifndef VFIO_UPDATE_VADDR
#define VFIO_UPDATE_VADDR 10
#endif

/* Features */

enum feature { PFNMAP, VADDR, NESTING, NO_FEATURE };

/*
 * What holdfast does not do; operations that need it are not run. Empty: it does all. To switch
 * one of the three off, give it a line here and a row in docs/abi.md: { VADDR, "the row" }.
 */
static const struct {
	enum feature feature;
	const char *row;
} off[] = {
	{ NO_FEATURE, NULL },
};

static bool needs(const struct cf_op *op, enum feature feature)
{
	switch (feature) {
	case PFNMAP:
		return op->kind == CF_MAP && op->at.place == CF_BAR;
	case VADDR:
		return (op->kind == CF_MAP && op->flags & VFIO_DMA_MAP_FLAG_VADDR) ||
		       (op->kind == CF_UNMAP && op->flags & VFIO_DMA_UNMAP_FLAG_VADDR) ||
		       (op->kind == CF_EXTENSION && op->iova == VFIO_UPDATE_VADDR);
	case NESTING:
		return (op->kind == CF_EXTENSION && op->iova == VFIO_TYPE1_NESTING_IOMMU) ||
		       (op->kind == CF_SETIOMMU && op->flags == VFIO_TYPE1_NESTING_IOMMU);
	default:
		return false;
	}
}

const char *cf_feature_off(const struct cf_op *op)
{
	for (unsigned int i = 0; off[i].row; i++)
		if (needs(op, off[i].feature))
			return off[i].row;
	return NULL;
}

const char *cf_features_off(unsigned int n)
{
	for (unsigned int i = 0; off[i].row; i++)
		if (!n--)
			return off[i].row;
	return NULL;
}

/* Rules */

static bool is_map(const struct cf_case *c, int64_t stock, int64_t holdfast)
{
	return c->op->kind == CF_MAP && c->r[CF_STOCK].ret == stock &&
	       c->r[CF_HOLDFAST].ret == holdfast;
}

/* Kernels whose stock maps what the next CPU write replaces. */
static bool stale_kernel(void)
{
	return cf_kernel() < 602;
}

static uint32_t over_limit_and_hole(struct cf_case *c)
{
	return c->before->limited && is_map(c, -EFAULT, -ENOMEM) ? CF_D_RET : 0;
}

static uint32_t read_only_charge(struct cf_case *c)
{
	struct cf_mapping *map;

	if (!stale_kernel() || c->op->kind != CF_MAP)
		return 0;
	if (c->op->flags == VFIO_DMA_MAP_FLAG_READ && is_map(c, 0, 0) && c->extra > 0 &&
	    (uint64_t)c->extra <= c->op->size) {
		map = cf_model_at(c->after, c->op->iova);
		if (!map)
			return 0;
		map->more = c->extra;
		return CF_D_LOCKED;
	}
	/* So what is charged more meets the limit earlier. */
	if (c->before->limited && is_map(c, 0, -ENOMEM) &&
	    (c->op->flags == VFIO_DMA_MAP_FLAG_READ || cf_model_more(c->before) > 0)) {
		c->part = true;
		return CF_D_RET | CF_D_LOCKED;
	}
	return 0;
}

static uint32_t read_only_contents(struct cf_case *c)
{
	if (!stale_kernel() || c->op->kind != CF_SWEEP)
		return 0;
	for (uint32_t i = 0; i < c->r[0].nr; i++) {
		const struct cf_seen *a = &c->r[CF_STOCK].seen[i], *b = &c->r[CF_HOLDFAST].seen[i];
		const struct cf_mapping *map = cf_model_at(c->before, c->q->probe[i].iova);

		if (a->device == b->device)
			continue;
		if (!map || map->flags != VFIO_DMA_MAP_FLAG_READ)
			return 0;
		/* holdfast's device sees what the CPU sees, as long as they share the page. */
		if (b->device != b->cpu && !map->disturbed)
			return 0;
	}
	return CF_D_DEVICE;
}

static bool endless_kernel(void)
{
	return cf_kernel() < 702;
}

static uint32_t to_the_end(struct cf_case *c)
{
	if (!endless_kernel() || !c->op->size || c->op->iova + c->op->size)
		return 0;
	if (c->op->kind == CF_DIRTY && c->r[CF_STOCK].ret == -EINVAL && !c->r[CF_HOLDFAST].ret)
		return CF_D_RET | CF_D_BITS;
	if (c->op->kind != CF_UNMAP || c->r[CF_STOCK].ret || c->r[CF_HOLDFAST].ret)
		return 0;
	c->part = true;
	return CF_D_OUT | CF_D_LOCKED;
}

/*
 * In which bits stock may report what no mapping has: those after the end of a mapping up to
 * the end of the word, if the mapping's bitmap was shifted before.
 */
static bool spill(const struct cf_case *c, uint64_t bit)
{
	const uint64_t iova = c->op->iova + bit * CF_PAGE;

	for (unsigned int i = 0; i < c->before->nr; i++) {
		const struct cf_mapping *map = &c->before->map[i];
		const uint64_t end = map->iova + map->size;
		const uint64_t base = c->op->iova;

		if (map->shifted && iova >= end && (end - base) / CF_PAGE % 64 &&
		    bit / 64 == (end - base) / CF_PAGE / 64)
			return true;
	}
	return false;
}

/* Is there such a word beyond the part of the bitmap that is kept, from byte @from on? */
static bool spill_beyond(const struct cf_case *c, uint64_t from)
{
	for (unsigned int i = 0; i < c->before->nr; i++) {
		const struct cf_mapping *map = &c->before->map[i];
		const uint64_t bit = (map->iova + map->size - c->op->iova) / CF_PAGE;

		if (map->shifted && map->iova >= c->op->iova && bit % 64 &&
		    from + (bit / 64 + 1) * 8 > CF_BITMAP)
			return true;
	}
	return false;
}

static uint32_t shifted_bitmap(struct cf_case *c)
{
	const struct cf_result *a = &c->r[CF_STOCK], *b = &c->r[CF_HOLDFAST];
	const uint64_t from = c->op->at.off - cf_window(c->op);

	if (!(c->fields & CF_D_BITS) || c->op->at.place != CF_BITS ||
	    c->op->at.off >= cf_places[CF_BITS].len ||
	    (a->rest != b->rest && !spill_beyond(c, from)) || a->ret != b->ret ||
	    (c->op->kind != CF_DIRTY && c->op->kind != CF_UNMAP))
		return 0;
	for (uint64_t i = 0; i < CF_BITMAP * 8ULL; i++) {
		const bool x = a->bits[i / 8] >> i % 8 & 1, y = b->bits[i / 8] >> i % 8 & 1;

		if (x != y && (!x || i < from * 8 || !spill(c, i - from * 8)))
			return 0;
	}
	return CF_D_BITS;
}

#define ALL_KERNELS "all"

static struct {
	const char *name;
	const char *row;     /* what the row of docs/abi.md begins with */
	const char *kernels; /* where it can fire, for people */
	bool (*here)(void);  /* and for this program; NULL: everywhere */
	uint32_t (*explains)(struct cf_case *c);
	unsigned long fired;
} rules[] = {
	{ "over-limit-and-hole", "map over RLIMIT_MEMLOCK with a hole", ALL_KERNELS, NULL,
	  over_limit_and_hole, 0 },
	{ "read-only-charge", "read-only map of untouched or private memory on 6.1", "6.1",
	  stale_kernel, read_only_charge, 0 },
	{ "read-only-contents", "read-only map of untouched or private memory on 6.1", "6.1",
	  stale_kernel, read_only_contents, 0 },
	{ "to-the-end", "unmap or dirty bitmap of a range that ends at the last address",
	  "6.1, 6.12", endless_kernel, to_the_end, 0 },
	{ "shifted-bitmap", "dirty bitmap of a mapping asked for again from another base",
	  ALL_KERNELS, NULL, shifted_bitmap, 0 },
};

#define RULES (sizeof(rules) / sizeof(*rules))

static const struct {
	const char *row;
	const char *why;
} beyond[] = {
	{ "map over RLIMIT_MEMLOCK |", "the answer is the same" },
	{ "never-faulted memory behind a userfaultfd", "no operation makes a userfaultfd" },
	{ "read-only map of a userfaultfd", "no operation makes a userfaultfd" },
	{ "the IOMMU driver fails to unmap", "takes a broken IOMMU driver" },
	{ "a part of the range beyond user space", "the answer is the same" },
	{ "dirty bitmap with page size 0", "the answer is the same, once the shift is over" },
	{ "two calls that meet at one IOVA", "one operation at a time" },
	{ "ioctl while the last group", "one operation at a time" },
	{ "device memory (a BAR) while a map", "one operation at a time" },
	{ "RAM that an area shows by PFN", "no operation maps RAM by PFN" },
	{ "mapping beyond the IOMMU's addresses", "no emulated device" },
	{ "a group is attached by another process", "no emulated device" },
	{ "a driver pins a page by two IOVAs", "no emulated device" },
	{ "a driver pins memory that has no page", "no emulated device" },
	{ "a driver asks for one page more than", "no emulated device" },
	{ "a driver pins pages of a device", "no such driver" },
	{ "a driver does not unpin", "no emulated device" },
	{ "two unmaps at once of what drivers", "one operation at a time" },
	{ "memory that a driver has pinned is replaced", "no emulated device" },
	{ "vfio_dma_rw() that fails half-way", "no emulated device" },
	{ "kernel memory that a mapping takes", "no operation looks at a memory cgroup" },
	{ "attach of an emulated group, START", "one operation at a time" },
	{ "ioctls 212 to 214", "no operation asks for them" },
};

uint32_t cf_allowed(struct cf_case *c)
{
	uint32_t left = c->fields;

	for (unsigned int i = 0; i < RULES && left; i++) {
		const uint32_t explained = rules[i].explains(c) & left;

		rules[i].fired += !!explained;
		left &= ~explained;
	}
	return left;
}

bool cf_rule(unsigned int n, struct cf_rule_count *count)
{
	if (n >= RULES)
		return false;
	*count = (struct cf_rule_count){
		.name = rules[n].name,
		.row = rules[n].row,
		.kernels = rules[n].kernels,
		.fired = rules[n].fired,
		.here = !rules[n].here || rules[n].here(),
	};
	return true;
}

const char *cf_beyond(unsigned int n, const char **why)
{
	if (n >= sizeof(beyond) / sizeof(*beyond))
		return NULL;
	*why = beyond[n].why;
	return beyond[n].row;
}
