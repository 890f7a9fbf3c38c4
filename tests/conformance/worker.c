// SPDX-License-Identifier: GPL-2.0-only
/*
 * worker.c - the process of a side: its container, its DMA port, and the loop.
 *
 * The port is the device's DMA engine (16 KiB at CF_PORT_ENGINE) and a bounce buffer at
 * CF_PORT_BOUNCE: two mappings like any other, which operations may hit. When an unmap has
 * taken them away they are mapped again as part of that operation, with the limits of the
 * process lifted meanwhile. What DMA is asked of a page:
 *
 *	bytes 0-63    the device reads them; the first word is the page's tag
 *	bytes 64-127  the device writes them; the CPU looks at the first word
 *
 * Invariant: between two requests the worker sleeps in recv(), so that a driver that talks to
 * one side at a time knows that the other is at rest.
 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <holdfast/fail.h>
#include <holdfast/group.h>
#include <holdfast/iommu.h>
#include <holdfast/pci.h>
#include <holdfast/rig.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "perform.h"

/* Effective CAP_IPC_LOCK on or off; it stays permitted, so that it can come back. */
static void ipc_lock(bool on)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	hf_require(!syscall(SYS_capget, &head, data), "capget");
	if (on)
		data[0].effective |= 1u << CAP_IPC_LOCK;
	else
		data[0].effective &= ~(1u << CAP_IPC_LOCK);
	hf_require(!syscall(SYS_capset, &head, data), "capset");
}

int cf_limit(struct cf_worker *w, uint64_t bytes, bool privileged)
{
	const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	ipc_lock(privileged);
	w->privileged = privileged;
	return 0;
}

/* The port */

int cf_port_restore(struct cf_worker *w)
{
	int ret;

	if (!w->rig.dma)
		return 0;
	ipc_lock(true);
	ret = hf_dma_remap(w->rig.dma);
	if (!ret || ret == -EEXIST)
		ret = hf_try_map(&w->rig.container, CF_PORT_BOUNCE, w->bounce, CF_PORT_BOUNCE_LEN,
				 HF_RW);
	ipc_lock(w->privileged);
	return ret == -EEXIST ? 0 : ret;
}

static void copy_one(struct cf_worker *w, uint64_t dst, uint64_t src)
{
	int ret = hf_dma_copy(w->rig.dma, dst, src, HF_DMA_MIN_LEN);

	if (!ret)
		return;
	/* The answers show that nothing arrived; what comes after must work again. */
	fprintf(stderr, "# the engine stopped at a copy from 0x%llx to 0x%llx: %s\n",
		(unsigned long long)src, (unsigned long long)dst, strerror(-ret));
	hf_dma_restart(w->rig.dma);
}

void cf_probe(struct cf_worker *w, const struct cf_probe *p, uint64_t tag, uint64_t fresh,
	      struct cf_seen *seen)
{
	volatile uint64_t *bounce = w->bounce;

	*seen = (struct cf_seen){ 0 };
	if (!w->rig.dma)
		return;
	if (!cf_peek(p->vaddr, &seen->cpu))
		seen->cpu = CF_NO_MEMORY;
	if (p->how & CF_PROBE_READ) {
		/*
		 * What is blocked arrives as the bytes of some frame before: the page must hold
		 * what no frame ever had.
		 */
		if (fresh && !cf_poke(p->vaddr, fresh))
			return;
		*bounce = 0xa5a5a5a5a5a5a5a5ULL;
		copy_one(w, CF_PORT_BOUNCE, p->iova);
		seen->device = fresh ? *bounce == fresh : *bounce;
	}
	if (p->how & CF_PROBE_WRITE) {
		bounce[8] = tag;
		copy_one(w, p->iova + 64, CF_PORT_BOUNCE + 64);
		if (!cf_peek(p->vaddr + 64, &seen->written))
			seen->written = CF_NO_MEMORY;
	}
}

/* Life */

static void open_device(struct cf_worker *w)
{
	const struct cf_place_kind *k = &cf_places[CF_PORT];
	struct hf_region bar;

	w->bounce = mmap((void *)k->addr, CF_PORT_BOUNCE_LEN, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
	hf_require(w->bounce != MAP_FAILED, "a bounce buffer");
	hf_must(hf_device_open(&w->rig.device, &w->rig.group, w->bdf));
	hf_must(hf_dma_open(&w->rig.dma, NULL, &w->rig.container, &w->rig.device, CF_PORT_ENGINE));
	hf_must(cf_port_restore(w));
	hf_must(hf_device_region(&w->rig.device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	cf_place_bar(w->rig.device.fd, bar.offset, bar.size);
}

static void open_container(struct cf_worker *w)
{
	hf_must(hf_pci_vfio_device(w->device, w->bdf));
	/* Without a third device "second" answers ENODEV. */
	if (hf_pci_vfio_device(w->second, w->second_bdf))
		w->second_bdf[0] = '\0';
	hf_must(hf_container_open(&w->rig.container));
	hf_must(hf_group_open(&w->rig.group, w->bdf));
	hf_must(hf_group_attach(&w->rig.group, &w->rig.container));
	hf_must(hf_container_set_type(&w->rig.container,
				      w->setup.v1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU));
}

/* All that a sequence may have left; what is left after that is a leak. */
static void reset(struct cf_worker *w, struct cf_result *r)
{
	struct vfio_iommu_type1_dirty_bitmap stop = {
		.argsz = sizeof(stop), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
	};
	uint64_t bytes = 0;

	cf_limit(w, 64UL << 20, true);
	r->ret = hf_try_unmap(&w->rig.container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &bytes);
	memcpy(r->out, &bytes, sizeof(bytes));
	hf_container_ioctl(&w->rig.container, VFIO_IOMMU_DIRTY_PAGES, &stop);
	cf_locked(w, &r->idle_vmlck, &r->vmpin);
	r->port = cf_port_restore(w);
	cf_places_reset();
}

static void say(int fd, struct cf_worker *w, struct cf_result *r)
{
	cf_locked(w, &r->vmlck, &r->vmpin);
	hf_require(send(fd, r, offsetof(struct cf_result, seen) + r->nr * sizeof(*r->seen), 0) > 0,
		   "the driver is gone");
}

static void answer(struct cf_worker *w, const struct cf_request *q, struct cf_result *r)
{
	memset(r, 0, offsetof(struct cf_result, seen));
	if (q->what == CF_REQ_RESET)
		reset(w, r);
	else
		cf_perform(w, q, r);
}

static void on_failure(const char *file, int line, const char *message, void *data)
{
	(void)data;
	fprintf(stderr, "# side: %s:%d: %s\n", file, line, message);
	_exit(1);
}

_Noreturn void cf_worker(int fd, const struct cf_setup *setup, unsigned int device,
			 unsigned int second)
{
	static struct cf_worker w;
	static struct cf_request q;
	static struct cf_result r;
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	hf_fail_set_handler(on_failure, NULL);
	w = (struct cf_worker){ .setup = *setup, .device = device, .second = second };
	w.rig = (struct hf_rig){ .container.fd = -1, .group.fd = -1, .device.fd = -1 };
	w.status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	hf_require(w.status >= 0, "/proc/self/status");
	cf_places_open();
	open_container(&w);
	cf_limit(&w, 64UL << 20, true);
	/* Two greetings: the kill switch may change after the first, requests follow the second. */
	say(fd, &w, &r);
	if (w.setup.dma)
		open_device(&w);
	say(fd, &w, &r);
	for (;;) {
		n = recv(fd, &q, sizeof(q), 0);
		if (n <= 0)
			break;
		answer(&w, &q, &r);
		say(fd, &w, &r);
	}
	/* Not exit(): what the driver registered with atexit() is the driver's. */
	hf_rig_close(&w.rig);
	_exit(0);
}
