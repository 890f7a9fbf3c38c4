// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_info.c - the answer to VFIO_IOMMU_GET_INFO and its chain of capabilities.
 *
 * An input is the answer. It is parsed from a block of exactly its size, and is given by a
 * container whose ioctl() was replaced, which writes as much of it as it was offered room for.
 * An answer that is taken must be one that a slower walk takes, too.
 */
#include "target.h"

#include <errno.h>
#include <holdfast/info.h>
#include <stdlib.h>
#include <string.h>

static struct fz_bytes answer;
static unsigned int calls;

int __wrap_hf_container_ioctl(const struct hf_container *c, unsigned long request, void *arg);

/* The kernel's part: never beyond what argsz offers, whatever it says of itself. */
int __wrap_hf_container_ioctl(const struct hf_container *c, unsigned long request, void *arg)
{
	uint32_t argsz;

	(void)c;
	FZ_MUST(request == VFIO_IOMMU_GET_INFO);
	memcpy(&argsz, arg, sizeof(argsz));
	FZ_MUST(argsz >= offsetof(struct vfio_iommu_type1_info, cap_offset));
	/* Each answer may ask for more room than the one before. */
	FZ_MUST(++calls <= 1024);
	memcpy(arg, answer.at, answer.len < argsz ? answer.len : argsz);
	return 0;
}

static bool known(const struct vfio_info_cap_header *h)
{
	return h->version == 1 && (h->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE ||
				   h->id == VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION ||
				   h->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
}

/* Every capability is whole, behind the fixed part, and passed once. */
static void check_chain(const uint8_t *at, size_t len, const struct hf_iommu_info *info)
{
	bool *seen = calloc(len + 1, sizeof(*seen));
	struct vfio_iommu_type1_info head = { 0 };
	struct vfio_info_cap_header cap;
	unsigned int unknown = 0;

	if (!seen)
		exit(EXIT_SUCCESS);
	memcpy(&head, at, len < sizeof(head) ? len : sizeof(head));
	for (size_t next = head.flags & VFIO_IOMMU_INFO_CAPS ? head.cap_offset : 0; next;
	     next = cap.next) {
		FZ_MUST(next >= offsetof(struct vfio_iommu_type1_info, cap_offset) +
				sizeof(head.cap_offset));
		FZ_MUST(next <= len && sizeof(cap) <= len - next && !seen[next]);
		seen[next] = true;
		memcpy(&cap, at + next, sizeof(cap));
		unknown += !known(&cap);
	}
	FZ_MUST(unknown == info->nr_unknown);
	free(seen);
}

static void check(int ret, const struct hf_iommu_info *info)
{
	FZ_MUST(!ret || ret == -EPROTO || ret == -E2BIG);
	if (ret)
		return;
	FZ_MUST(info->nr_ranges <= HF_INFO_MAX_RANGES);
	FZ_MUST(info->has_ranges || !info->nr_ranges);
	for (unsigned int i = 0; i < info->nr_ranges; i++) {
		const struct hf_iova_range *r = &info->ranges[i];

		FZ_MUST(r->start <= r->last);
		FZ_MUST(hf_info_has_range(info, r->start, 1));
		FZ_MUST(hf_info_has_range(info, r->last, 1));
	}
}

void fz_target(const uint8_t *in, size_t len)
{
	const struct hf_container c = { .fd = -1 };
	struct hf_iommu_info info;
	uint8_t *exact;
	int ret;

	answer = (struct fz_bytes){ in, len };
	exact = (uint8_t *)fz_copy(answer);
	ret = hf_info_parse(exact, len, &info);
	check(ret, &info);
	if (!ret)
		check_chain(exact, len, &info);
	free(exact);

	calls = 0;
	check(hf_container_info(&c, &info), &info);
}
