// SPDX-License-Identifier: GPL-2.0-only
/*
 * stage.c - what is there for some hundred runs: container, groups, devices, engine, files, model.
 *
 * Invariant: at any point fz_session_end() can undo what is there, so everything is in its closed state
 * before the first step.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <holdfast/iommu.h>
#include <holdfast/pci.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "game.h"
#include "rest.h"

#define TIMEOUT_MS 20000U

int fz_port_restore(struct fz_session *s)
{
	int ret = hf_dma_remap(s->dma);

	if (!ret)
		ret = hf_try_map(&s->container[0], s->bounce_iova, s->bounce.addr, FZ_BOUNCE, HF_RW);
	return ret;
}

static int missing(const char *what, int ret)
{
	fprintf(stderr, "holdfast: fuzz: %s: %s\n", what, strerror(-ret));
	return ret;
}

static int open_groups(struct fz_session *s)
{
	int ret;

	for (unsigned int i = 0; i < FZ_GROUPS; i++) {
		s->at[i] = -1;
		ret = hf_pci_vfio_device(s->o.device + i, s->bdf[i]);
		if (!ret)
			ret = hf_group_open(&s->group[i], s->bdf[i]);
		if (ret)
			return missing("four devices bound to vfio-pci, each alone in its group", ret);
	}
	return 0;
}

/* A program that a worker becomes has them, too. */
void fz_keep_over_exec(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

static int open_bar(struct fz_session *s)
{
	int ret = hf_device_open(&s->bar, &s->group[3], s->bdf[3]);

	/* ivshmem: its memory is BAR 2. */
	if (!ret)
		ret = hf_device_region(&s->bar, 2, &s->bar_region);
	if (ret)
		return missing("device with a BAR", ret);
	fz_keep_over_exec(s->bar.fd);
	s->bar_pages = (unsigned int)(s->bar_region.size / FZ_PAGE_BYTES);
	return 0;
}

static int open_engine(struct fz_session *s)
{
	int ret = hf_device_open(&s->device, &s->group[0], s->bdf[0]);

	if (!ret)
		ret = hf_dma_open(&s->dma, NULL, &s->container[0], &s->device, HF_DMA_IOVA_DEFAULT);
	if (!ret)
		ret = hf_mem_alloc("shmem4k", FZ_BOUNCE, HF_MEM_TOUCHED, &s->bounce);
	if (ret)
		return missing("DMA engine", ret);
	s->bounce_iova = HF_DMA_IOVA_DEFAULT + (1UL << 20);
	ret = hf_try_map(&s->container[0], s->bounce_iova, s->bounce.addr, FZ_BOUNCE, HF_RW);
	return ret ? missing("bounce buffer", ret) : 0;
}

static int open_container(struct fz_session *s)
{
	int ret = hf_container_open(&s->container[0]);

	if (!ret)
		ret = hf_group_attach(&s->group[0], &s->container[0]);
	if (!ret)
		ret = hf_container_set_type(&s->container[0], VFIO_TYPE1v2_IOMMU);
	if (!ret)
		ret = hf_group_attach(&s->group[3], &s->container[0]);
	if (ret)
		return missing("container", ret);
	fz_keep_over_exec(s->container[0].fd);
	s->at[0] = s->at[3] = 0;
	ret = hf_container_check_extension(&s->container[0], HOLDFAST_AUDIT_EXT) == 1;
	if (ret == s->o.stock)
		return missing(s->o.stock ? "a container of stock's" : "a container of holdfast's",
			       -ENODEV);
	return 0;
}

static unsigned int kernel_version(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major * 100 + minor;
}

static struct fz_model *new_model(void)
{
	struct fz_model *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return NULL;
	/* Workers have no use for it, and it would make each fork longer. */
	madvise(m, sizeof(*m), MADV_DONTFORK);
	return m;
}

/* What a session sets, or its runs do; stock has none of the module's. */
static const struct {
	const char *path;
	const char *to;
} settings[FZ_SETTINGS] = {
	/* Since 6.8 anonymous memory may have folios of other sizes than a page and a huge one. */
	{ "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "madvise" },
	{ FZ_PARAMETERS "domain_per_group", "N" },
	{ FZ_PARAMETERS "accounting", "mm" },
	{ FZ_PARAMETERS "enabled", "1" },
};

static void change_settings(struct fz_session *s)
{
	char now[128];

	for (unsigned int i = 0; i < FZ_SETTINGS; i++) {
		const char *chosen;

		if (hf_proc_read_file(settings[i].path, now, sizeof(now)) < 0)
			continue;
		/* A value, or "always inherit [madvise] never". */
		chosen = strchr(now, '[');
		if (!chosen || sscanf(chosen, "[%15[a-z]", s->was[i]) != 1)
			snprintf(s->was[i], sizeof(s->was[i]), "%.15s", now);
		hf_proc_write_file(settings[i].path, settings[i].to);
	}
	if (s->o.stock)
		hf_proc_write_file(FZ_PARAMETERS "enabled", "0");
}

static void restore_settings(const struct fz_session *s)
{
	for (unsigned int i = 0; i < FZ_SETTINGS; i++)
		if (s->was[i][0])
			hf_proc_write_file(settings[i].path, s->was[i]);
}

int fz_session_begin(struct fz_session **out, const struct fz_options *o)
{
	const char *slow = getenv("HOLDFAST_SLOW");
	struct fz_session *s = calloc(1, sizeof(*s));
	int ret = -ENOMEM;

	*out = NULL;
	if (!s)
		return ret;
	if (fz_unplayable()) {
		fprintf(stderr, "holdfast: fuzz: operation %s has no function in the table of fuzz/session.c\n",
			fz_unplayable());
		free(s);
		return -ENOSYS;
	}
	s->o = *o;
	s->kernel = kernel_version();
	s->slow = slow && atoi(slow) > 0 ? (unsigned int)atoi(slow) : 1;
	if (!s->o.timeout_ms)
		s->o.timeout_ms = TIMEOUT_MS * s->slow;
	s->told = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s->log.fd = s->file[0] = s->file[1] = -1;
	s->device.fd = s->bar.fd = -1;
	for (unsigned int i = 0; i < FZ_CONTAINERS; i++)
		s->container[i].fd = -1;
	for (unsigned int i = 0; i < FZ_GROUPS; i++)
		s->group[i].fd = -1;
	s->m = new_model();
	s->kept = new_model();
	s->shared = s->m && s->kept ? fz_shared_open() : NULL;
	s->file[0] = memfd_create("fuzz-memory", 0);
	s->file[1] = memfd_create("fuzz-huge", MFD_HUGETLB | MFD_HUGE_2MB);
	if (!s->shared || s->file[0] < 0 || s->file[1] < 0 ||
	    ftruncate(s->file[0], FZ_FILE_PAGES * FZ_PAGE_BYTES) ||
	    ftruncate(s->file[1], FZ_FILE_PAGES * FZ_PAGE_BYTES))
		ret = missing("memory", -errno);
	else
		ret = fz_log_open(&s->log);
	/*
	 * It knows the zero page's references. Not everywhere is it there, and nothing else needs it. It may
	 * bring holdfast along, whose settings are changed then.
	 */
	if (access("/sys/module/holdfast_testdev", F_OK)) {
		s->testdev = !system("modprobe -q holdfast_testdev");
		if (!s->testdev)
			fputs("holdfast: fuzz: the references of the zero page are not known\n", stderr);
	}
	change_settings(s);
	if (!ret)
		ret = fz_rest(hf_proc_snapshot, &s->first);
	s->snapped = !ret;
	fz_kmem_begin(s);
	if (!ret)
		ret = open_groups(s);
	if (!ret)
		ret = open_container(s);
	if (!ret)
		ret = open_bar(s);
	if (!ret)
		ret = open_engine(s);
	if (ret) {
		fz_session_end(s, NULL);
		return ret;
	}
	*out = s;
	return 0;
}

int fz_session_end(struct fz_session *s, struct fz_verdict *v)
{
	struct hf_proc_snapshot now;
	char line[256];
	int wrong;

	if (!s)
		return 0;
	if (v)
		memset(v, 0, sizeof(*v));
	s->v = v;
	s->wrong = false;
	s->step = -1;
	hf_dma_close(s->dma);
	if (s->bounce.addr) {
		hf_try_unmap(&s->container[0], s->bounce_iova, FZ_BOUNCE, 0, NULL);
		hf_mem_free(&s->bounce);
	}
	hf_device_close(&s->device);
	hf_device_close(&s->bar);
	for (unsigned int i = 0; i < FZ_GROUPS; i++)
		hf_group_close(&s->group[i]);
	for (unsigned int i = 0; i < FZ_CONTAINERS; i++)
		hf_container_close(&s->container[i]);
	for (unsigned int i = 0; i < 2; i++)
		if (s->file[i] >= 0)
			close(s->file[i]);
	fz_swap_end(s);
	fz_cgroup_end(s);
	fz_kmem_end(s);
	if (s->told >= 0)
		close(s->told);
	restore_settings(s);
	if (s->testdev && system("rmmod holdfast_testdev"))
		fputs("holdfast: fuzz: holdfast_testdev stays\n", stderr);
	if (s->shared)
		fz_shared_close(s->shared);
	if (s->m)
		munmap(s->m, sizeof(*s->m));
	if (s->kept)
		munmap(s->kept, sizeof(*s->kept));
	/* The container is gone, and every pin with it. */
	if (v && s->snapped && !s->hung && hf_proc_settle(&s->first, &now, 10000 * s->slow))
		fz_object(s, FZ_ORACLE_BALANCE, "release",
			  "after the container's release %+lld pins and %+lld huge pages are left",
			  (long long)(now.pins_held - s->first.pins_held),
			  (long long)(s->first.huge_free_2m - now.huge_free_2m));
	if (v && s->log.fd >= 0 && fz_log_surprise(&s->log, line, sizeof(line)))
		fz_object(s, FZ_ORACLE_LOG, "release", "%s", line);
	fz_log_close(&s->log);
	wrong = s->wrong;
	free(s);
	return wrong;
}
