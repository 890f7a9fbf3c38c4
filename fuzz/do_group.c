// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_group.c - groups come and go, and the kill switch.
 */
#include <holdfast/coherence.h>
#include <errno.h>

#include "game.h"

/* Group 2 moves between the containers; group 1 is the other container's own. */
int64_t fz_play_attach(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int c = fz_op_arg(op, 0);
	struct fz_container *k = &s->m->container[c];
	int64_t ret, want = 0;
	unsigned int n = 2;

	if (s->container[c].fd < 0 || (k->typed && s->at[2] >= 0) || (!k->typed && s->at[1] >= 0))
		return FZ_SKIPPED;
	if (!k->typed) {
		n = 1;
		ret = hf_group_attach(&s->group[1], &s->container[1]);
		if (!ret)
			ret = hf_container_set_type(&s->container[1],
						    k->v1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU);
		if (fz_expect(s, ret, 0, "attaching the first group")) {
			k->typed = true;
			s->at[1] = 1;
		}
		return ret;
	}
	for (unsigned int i = 0; i < FZ_MAPPINGS; i++)
		if (s->m->mapping[i].used && s->m->mapping[i].container == c && s->m->mapping[i].stale)
			want = -EBUSY;
	ret = hf_group_attach(&s->group[n], &s->container[c]);
	if (fz_expect(s, ret, want, "attaching a group") && !ret)
		s->at[n] = (int)c;
	return ret;
}

int64_t fz_play_detach(struct fz_session *s, const struct fz_op *op)
{
	const unsigned int c = fz_op_arg(op, 0);
	int64_t ret;

	if (s->at[2] == (int)c) {
		ret = hf_group_detach(&s->group[2]);
		s->at[2] = -1;
		fz_expect(s, ret, 0, "detaching a group");
		return ret;
	}
	if (!c || s->at[1] < 0)
		return FZ_SKIPPED;
	/* The last one takes the type and every mapping with it. */
	ret = hf_group_detach(&s->group[1]);
	fz_expect(s, ret, 0, "detaching the last group");
	fz_apply_unmap(s, 1, 0, FZ_IOVAS);
	s->at[1] = -1;
	s->m->container[1].typed = s->m->container[1].dirty = s->m->container[1].audited = false;
	return ret;
}

/* The kill switch: a new container is stock's, those that are there stay. */
int64_t fz_play_switch(struct fz_session *s, const struct fz_op *op)
{
	static const char path[] = FZ_PARAMETERS "enabled";
	const bool on = fz_op_arg(op, 0);
	struct hf_container c;
	int64_t ret;

	if (s->o.stock || s->at[2] >= 0)
		return FZ_SKIPPED;
	hf_proc_write_file(path, on ? "1" : "0");
	ret = hf_container_open(&c);
	if (!ret)
		ret = hf_group_attach(&s->group[2], &c);
	if (!ret) {
		ret = hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU);
		if (!ret)
			fz_expect(s, hf_container_check_extension(&c, HOLDFAST_AUDIT_EXT), on,
				  "the extension, when switched,");
		hf_group_detach(&s->group[2]);
	}
	fz_expect(s, ret, 0, "a container, when switched,");
	hf_container_close(&c);
	hf_proc_write_file(path, "1");
	return ret;
}
