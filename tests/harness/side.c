// SPDX-License-Identifier: GPL-2.0-only
/*
 * side.c - devices of a test with more than one.
 *
 * Invariant: what is not open has fd -1, so that t_side_close() fits any state.
 */
#include "side.h"

#include <holdfast/fail.h>
#include <pthread.h>

#include "module.h"

#define MAX_SIDES 4

void t_side_attach(struct t_side *s, unsigned int n, const struct hf_container *c)
{
	*s = (struct t_side){ .group.fd = -1, .device.fd = -1 };
	hf_must(hf_pci_vfio_device(n, s->bdf));
	hf_must(hf_group_open(&s->group, s->bdf));
	hf_must(hf_group_attach(&s->group, c));
}

void t_side_start(struct t_side *s, const struct hf_container *c, uint64_t iova)
{
	hf_must(hf_device_open(&s->device, &s->group, s->bdf));
	t_port_open(&s->port, c, &s->device, iova);
}

struct starting {
	struct t_side *s;
	const struct hf_container *c;
	uint64_t iova;
};

static void *start(void *arg)
{
	struct starting *a = arg;

	t_side_start(a->s, a->c, a->iova);
	return NULL;
}

void t_sides_start(struct t_side *s, unsigned int n, const struct hf_container *c, uint64_t iova)
{
	struct starting a[MAX_SIDES];
	pthread_t thread[MAX_SIDES];

	hf_require(n <= MAX_SIDES, "%u devices at once", n);
	for (unsigned int i = 0; i < n; i++) {
		a[i] = (struct starting){ &s[i], c, iova + i * T_PORT_SPAN };
		hf_require(!pthread_create(&thread[i], NULL, start, &a[i]), "thread");
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
}

void t_side_stop(struct t_side *s)
{
	t_port_close(&s->port);
	hf_device_close(&s->device);
}

void t_side_close(struct t_side *s)
{
	t_side_stop(s);
	hf_group_close(&s->group);
}

char t_who_serves(int *ret)
{
	struct hf_container c;
	struct t_side s;
	char who = 0;

	hf_must(hf_container_open(&c));
	t_side_attach(&s, 0, &c);
	*ret = hf_container_set_type(&c, VFIO_TYPE1v2_IOMMU);
	if (!*ret)
		who = t_module_refs(T_MODULE_HOLDFAST) == 1 ? 'h' :
		      t_module_refs(T_MODULE_STOCK) == 1    ? 's' : '?';
	t_side_close(&s);
	hf_container_close(&c);
	return who;
}
