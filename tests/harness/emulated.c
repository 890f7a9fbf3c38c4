// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated.c - devices of the module holdfast_testdev.
 */
#include "emulated.h"

#include <errno.h>
#include <fcntl.h>
#include <holdfast/group.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "module.h"

static const char *const modules[T_BACKENDS] = { T_MODULE_STOCK, T_MODULE_HOLDFAST };

int t_emulated_run(const struct t_case *cases, size_t count)
{
	const bool was_loaded = t_module_loaded(HF_TESTDEV_MODULE);
	int ret;

	if (!was_loaded && t_command("modprobe %s", HF_TESTDEV_MODULE)) {
		hf_ktap_diag("no module %s: scripts/module-build --emulated builds it",
			     HF_TESTDEV_MODULE);
		return HF_EXIT_FAIL;
	}
	ret = t_run(cases, count);
	if (t_pins_held()) {
		hf_ktap_diag("%s still holds %ld pins", HF_TESTDEV_MODULE, t_pins_held());
		ret = HF_EXIT_FAIL;
	}
	if (!was_loaded && t_command("rmmod %s", HF_TESTDEV_MODULE)) {
		hf_ktap_diag("a device of %s is still open", HF_TESTDEV_MODULE);
		ret = HF_EXIT_FAIL;
	}
	return ret;
}

void t_emulated_group(struct t_emulated *e, unsigned int n)
{
	char path[128], target[256];
	const char *number;
	ssize_t len;

	*e = (struct t_emulated){ .group.fd = -1, .fd = -1 };
	snprintf(e->name, sizeof(e->name), "%s.%u", HF_TESTDEV_NAME, n);
	snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s/iommu_group", e->name);
	len = readlink(path, target, sizeof(target) - 1);
	hf_require(len > 0, "%s: %s", path, strerror(errno));
	target[len] = '\0';
	number = strrchr(target, '/');
	hf_require(number && number[1], "%s: %s", path, target);
	e->group.number = atoi(number + 1);

	snprintf(path, sizeof(path), "/dev/vfio/%d", e->group.number);
	e->group.fd = open(path, O_RDWR | O_CLOEXEC);
	hf_require(e->group.fd >= 0, "%s: %s", path, strerror(errno));
	hf_require(hf_group_viable(&e->group) == 1, "%s is viable", path);
}

int t_emulated_open(struct t_emulated *e)
{
	int fd = ioctl(e->group.fd, VFIO_GROUP_GET_DEVICE_FD, e->name);

	if (fd < 0)
		return -errno;
	e->fd = fd;
	return 0;
}

void t_emulated_close_device(struct t_emulated *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

void t_emulated_close(struct t_emulated *e)
{
	t_emulated_close_device(e);
	hf_group_close(&e->group);
}

void t_served_before(struct t_served *s)
{
	for (int i = 0; i < T_BACKENDS; i++)
		s->refs[i] = t_module_refs(modules[i]);
}

void t_served_by(const struct t_served *s, const struct t *t)
{
	const bool wrong_order = t->on == T_ON_STOCK && !access("/proc/lockdep", F_OK);

	hf_must(t_module_param_set(HF_TESTDEV_MODULE, "indirect", wrong_order ? "Y" : "N"));
	for (int i = 0; i < T_BACKENDS; i++)
		if (s->refs[i] >= 0)
			hf_require(t_module_refs(modules[i]) == s->refs[i] + ((int)t->on == i),
				   "container meant for %s is served by another module",
				   t->backend);
}

void t_emulated_rig(struct t_emulated_rig *r, const struct t *t, unsigned int n, int type)
{
	struct t_served served;

	hf_require(n && n <= T_EMULATED_MAX, "%u devices", n);
	*r = (struct t_emulated_rig){ .c.fd = -1, .n = n };
	t_served_before(&served);
	hf_must(hf_container_open(&r->c));
	for (unsigned int i = 0; i < n; i++) {
		t_emulated_group(&r->dev[i], i);
		hf_must(hf_group_attach(&r->dev[i].group, &r->c));
	}
	hf_must(hf_container_set_type(&r->c, type));
	t_served_by(&served, t);
	for (unsigned int i = 0; i < n; i++)
		hf_must(t_emulated_open(&r->dev[i]));
}

void t_emulated_rig_close(struct t_emulated_rig *r)
{
	for (unsigned int i = 0; i < r->n; i++)
		t_emulated_close(&r->dev[i]);
	hf_container_close(&r->c);
}

static int ask(const struct t_emulated *e, unsigned long request, void *arg)
{
	int ret = ioctl(e->fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int t_pin(const struct t_emulated *e, uint64_t iova, int npage, uint32_t prot, uint64_t *pfns)
{
	struct hf_testdev_pin pin = {
		.iova = iova,
		.npage = npage,
		.prot = prot,
		.pfns = (uintptr_t)pfns,
	};

	return ask(e, HF_TESTDEV_PIN, &pin);
}

int t_unpin(const struct t_emulated *e, uint64_t iova, int npage)
{
	struct hf_testdev_unpin unpin = { .iova = iova, .npage = npage };

	return ask(e, HF_TESTDEV_DROP, &unpin);
}

int t_unpin_strange(const struct t_emulated *e, uint64_t iova, int npage)
{
	struct hf_testdev_unpin unpin = { .iova = iova, .npage = npage,
					  .flags = HF_TESTDEV_STRANGE };

	return ask(e, HF_TESTDEV_DROP, &unpin);
}

int t_dma_rw(const struct t_emulated *e, uint64_t iova, void *buf, size_t count, uint32_t flags)
{
	struct hf_testdev_rw rw = {
		.iova = iova,
		.buf = (uintptr_t)buf,
		.count = count,
		.flags = flags,
	};

	return ask(e, HF_TESTDEV_RW, &rw);
}

static int page(const struct t_emulated *e, uint64_t iova, uint32_t offset, const void *buf,
		uint32_t count, uint32_t write)
{
	struct hf_testdev_page p = {
		.iova = iova,
		.buf = (uintptr_t)buf,
		.offset = offset,
		.count = count,
		.write = write,
	};

	return ask(e, HF_TESTDEV_PAGE, &p);
}

int t_page_read(const struct t_emulated *e, uint64_t iova, uint32_t offset, void *buf,
		uint32_t count)
{
	return page(e, iova, offset, buf, count, 0);
}

int t_page_write(const struct t_emulated *e, uint64_t iova, uint32_t offset, const void *buf,
		 uint32_t count)
{
	return page(e, iova, offset, buf, count, 1);
}

void t_policy(const struct t_emulated *e, enum hf_testdev_mode mode, unsigned int times,
	      unsigned int delay_ms, uint64_t iova)
{
	struct hf_testdev_policy policy = {
		.mode = mode,
		.times = times,
		.delay_ms = delay_ms,
		.iova = iova,
	};

	hf_must(ask(e, HF_TESTDEV_POLICY, &policy));
}

void t_told(const struct t_emulated *e, struct t_told *told)
{
	struct hf_testdev_log log = { 0 };

	memset(told, 0, sizeof(*told));
	log.events = (uintptr_t)told->event;
	hf_must(ask(e, HF_TESTDEV_LOG, &log));
	told->seq = log.seq;
	told->total = log.total;
	told->held = log.held;
}

long t_pins_held(void)
{
	char text[32];

	hf_must(t_module_param(HF_TESTDEV_MODULE, "pins_held", text, sizeof(text)));
	return strtol(text, NULL, 10);
}
