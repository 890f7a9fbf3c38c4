// SPDX-License-Identifier: GPL-2.0-only
/*
 * params - the parameters stock has are there, with its modes and defaults, and work.
 */
#include <errno.h>
#include <holdfast/proc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "module.h"
#include "side.h"

#define IOVA 0x100000000ULL
#define UNSAFE "allow_unsafe_interrupts"

static const char *module_of(const struct t *t)
{
	return t->on == T_ON_STOCK ? T_MODULE_STOCK : T_MODULE_HOLDFAST;
}

static void expect_param(const char *module, const char *name, const char *value)
{
	char text[32] = "";

	hf_expect_eq(t_module_param_mode(module, name), 0644, "%s: mode of %s", module, name);
	hf_expect_eq(t_module_param(module, name, text, sizeof(text)), 0, "%s: read %s", module,
		     name);
	hf_expect(!strcmp(text, value), "%s: default of %s: got \"%s\", want \"%s\"", module, name,
		  text, value);
}

/* Some IOMMUs need it from the start: the boot then sets it, and the default is not seen. */
static const char *unsafe_at_boot(const char *module)
{
	char line[4096], option[96];

	hf_require(hf_proc_read_file("/proc/cmdline", line, sizeof(line)) > 0, "/proc/cmdline");
	snprintf(option, sizeof(option), "%s." UNSAFE "=1", module);
	return strstr(line, option) ? "Y" : "N";
}

static void of_stock(struct t *t)
{
	expect_param(module_of(t), UNSAFE, unsafe_at_boot(module_of(t)));
	expect_param(module_of(t), "disable_hugepages", "N");
	expect_param(module_of(t), "dma_entry_limit", "65535");
}

static void own(struct t *t)
{
	(void)t;
	expect_param(T_MODULE_HOLDFAST, "enabled", "Y");
	expect_param(T_MODULE_HOLDFAST, "domain_per_group", "N");
}

static void small_pages(struct t *t)
{
	const char *kind = t->arg;
	const size_t len = T_2M + 300 * T_PAGE;
	struct hf_mem m;

	if (!t_alloc(&m, kind, len, 0, HF_MEM_TOUCHED))
		return;
	hf_must(t_module_param_set(module_of(t), "disable_hugepages", "Y"));
	hf_map(t->c, IOVA, m.addr, len, HF_RW);
	t_dma_check(&t->port, IOVA, m.addr, len, HF_RW, "mapped in small pages");
	/* The switch is turned while such a mapping lives. */
	hf_must(t_module_param_set(module_of(t), "disable_hugepages", "N"));
	hf_map(t->c, IOVA + T_1G, m.addr, len, HF_RW);
	t_dma_check(&t->port, IOVA, m.addr, len, HF_RW, "still mapped in small pages");
	t_dma_check(&t->port, IOVA + T_1G, m.addr, len, HF_RW, "mapped in large pages");
	t_faults_begin("unmapped");
	hf_unmap(t->c, IOVA, len);
	t_dma_write_blocked(&t->port, IOVA + len - 8 * T_PAGE, (char *)m.addr + len - 8 * T_PAGE,
			    8 * T_PAGE, "unmapped");
	t_faults_end();
	hf_unmap(t->c, IOVA + T_1G, len);
	hf_mem_free(&m);
}

static void set_unsafe(bool stock, bool holdfast)
{
	hf_must(t_module_param_set(T_MODULE_STOCK, UNSAFE, stock ? "Y" : "N"));
	if (t_module_loaded(T_MODULE_HOLDFAST))
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, UNSAFE, holdfast ? "Y" : "N"));
}

static void expect_served(char want, int error, const char *when)
{
	int ret;

	hf_expect_eq(t_who_serves(&ret), want, "%s: served by (%c: holdfast, %c: stock)", when,
		     'h', 's');
	hf_expect_eq(ret, error, "%s: VFIO_SET_IOMMU", when);
}

/*
 * Whether the IOMMU keeps a device from sending interrupts that are not its own: what stock
 * says without the parameter. Of those that scripts/guest knows, only virtio's cannot.
 */
static void unsafe_interrupts(struct t *t)
{
	const char *iommu = getenv("HOLDFAST_IOMMU");
	static bool isolated;
	int ret;

	if (t->on == T_ON_STOCK) {
		set_unsafe(false, false);
		isolated = t_who_serves(&ret) == 's';
		hf_expect_eq(ret, isolated ? 0 : -EPERM, "not allowed: VFIO_SET_IOMMU");
		if (iommu)
			hf_expect_eq(isolated, strcmp(iommu, "virtio") != 0,
				     "%s IOMMU isolates interrupts", iommu);
		set_unsafe(true, false);
		expect_served('s', 0, "allowed");
	} else {
		set_unsafe(false, false);
		expect_served(isolated ? 'h' : 0, isolated ? 0 : -EPERM, "allowed in neither");
		set_unsafe(false, true);
		expect_served('h', 0, "allowed in holdfast");
		/* VFIO asks the next backend when one refuses. */
		set_unsafe(true, false);
		expect_served(isolated ? 'h' : 's', 0, "allowed in stock only");
	}
	hf_must(t_module_param_set(T_MODULE_STOCK, UNSAFE, unsafe_at_boot(T_MODULE_STOCK)));
	if (t_module_loaded(T_MODULE_HOLDFAST))
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, UNSAFE,
					   unsafe_at_boot(T_MODULE_HOLDFAST)));
}

static const struct t_case cases[] = {
	{ "stock's parameters", of_stock, 0, NULL },
	{ "holdfast's own", own, T_HOLDFAST, NULL },
	{ "allow_unsafe_interrupts", unsafe_interrupts, 0, NULL },
	{ "disable_hugepages: THP", small_pages, T_DMA, "thp" },
	{ "disable_hugepages: hugetlb", small_pages, T_DMA, "hugetlb2m" },
	{ "disable_hugepages: 4K", small_pages, T_DMA, "anon4k" },
};

int main(void)
{
	return T_RUN(cases);
}
