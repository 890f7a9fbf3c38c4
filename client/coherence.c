// SPDX-License-Identifier: GPL-2.0-only
/*
 * coherence.c - holdfast's own ioctls.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <holdfast/pagemap.h>
#include <string.h>

/* Ranges asked for with one call. */
#define ROOM 64

/*
 * Is an answer what was promised: ranges in order, within the pages that were asked for, and the
 * place to go on at, if there is one, behind them? Or there would be no end.
 */
static bool ordered(const struct holdfast_incoherent *what, uint64_t first, uint64_t last)
{
	const bool more = what->flags & HOLDFAST_INCOHERENT_MORE;
	const uint64_t asked = first, limit = last;

	if (what->nr > ROOM)
		return false;
	first &= ~(HF_PAGE_SIZE - 1);
	last |= HF_PAGE_SIZE - 1;
	for (size_t i = 0; i < what->nr; i++) {
		const struct holdfast_range *r = &what->ranges[i];

		if (!r->size || r->iova < first || r->iova > last || r->size - 1 > last - r->iova)
			return false;
		/* One that ends where the address space does has nothing behind it. */
		if ((more || i + 1 < what->nr) && r->size - 1 == last - r->iova)
			return false;
		first = r->iova + r->size;
	}
	return !more || (what->first > asked && what->first >= first && what->first <= limit);
}

int hf_try_audit(const struct hf_container *c, bool on, int eventfd)
{
	struct holdfast_audit audit = {
		.argsz = sizeof(audit),
		.flags = on ? HOLDFAST_AUDIT_ON : HOLDFAST_AUDIT_OFF,
		.eventfd = eventfd,
	};
	int ret = hf_container_ioctl(c, HOLDFAST_AUDIT, &audit);

	return ret < 0 ? ret : 0;
}

long hf_try_incoherent(const struct hf_container *c, uint64_t first, uint64_t last,
		       struct holdfast_range *ranges, size_t max, bool *partial)
{
	union {
		struct holdfast_incoherent head;
		char room[sizeof(struct holdfast_incoherent) +
			  ROOM * sizeof(struct holdfast_range)];
	} what;
	size_t nr = 0;
	int ret;

	if (partial)
		*partial = false;
	do {
		memset(&what.head, 0, sizeof(what.head));
		what.head.argsz = sizeof(what);
		what.head.first = first;
		what.head.last = last;
		what.head.nr = ROOM;
		ret = hf_container_ioctl(c, HOLDFAST_INCOHERENT, &what);
		if (ret < 0)
			return ret;
		if (!ordered(&what.head, first, last))
			return -EPROTO;
		for (size_t i = 0; i < what.head.nr; i++, nr++)
			if (nr < max)
				ranges[nr] = what.head.ranges[i];
		if (partial && what.head.flags & HOLDFAST_INCOHERENT_PARTIAL)
			*partial = true;
		first = what.head.first;
	} while (what.head.flags & HOLDFAST_INCOHERENT_MORE);
	return (long)nr;
}

int hf_try_refresh(const struct hf_container *c, uint64_t iova, uint64_t len,
		   uint64_t *refreshed, uint64_t *failed)
{
	struct holdfast_refresh refresh = {
		.argsz = sizeof(refresh),
		.iova = iova,
		.size = len,
	};
	int ret = hf_container_ioctl(c, HOLDFAST_REFRESH, &refresh);

	if (refreshed)
		*refreshed = refresh.refreshed;
	if (failed)
		*failed = refresh.failed;
	return ret < 0 ? ret : 0;
}
