// SPDX-License-Identifier: GPL-2.0-only
/*
 * load_order - the backend that was loaded last serves, and modprobe's softdep makes that
 * holdfast.
 */
#include <errno.h>

#include "harness.h"
#include "module.h"
#include "side.h"

/* insmod knows no options of the boot's; without this one some IOMMUs serve nobody. */
#define UNSAFE "allow_unsafe_interrupts"
static char unsafe[8] = "N";
#define LOAD_ALONE(m) t_command("insmod \"$(modinfo -n %s)\" " UNSAFE "=%s", m, unsafe)

static void unload(void)
{
	if (t_module_loaded(T_MODULE_HOLDFAST))
		hf_require(!t_command("rmmod %s", T_MODULE_HOLDFAST), "unload holdfast");
	if (t_module_loaded(T_MODULE_STOCK))
		hf_require(!t_command("rmmod %s", T_MODULE_STOCK), "unload stock");
}

static void expect_served(char want, const char *when)
{
	int ret;

	hf_expect_eq(t_who_serves(&ret), want, "%s: served by (%c: holdfast, %c: stock)", when,
		     'h', 's');
	hf_expect_eq(ret, 0, "%s: VFIO_SET_IOMMU", when);
}

static void softdep(struct t *t)
{
	(void)t;
	unload();
	hf_expect_eq(t_command("modprobe vfio_iommu_type1"), 0, "modprobe of stock alone");
	hf_expect(t_module_loaded(T_MODULE_HOLDFAST), "holdfast was loaded with it");
	expect_served('h', "after modprobe vfio_iommu_type1");
}

static void stock_first(struct t *t)
{
	(void)t;
	unload();
	hf_expect_eq(LOAD_ALONE(T_MODULE_STOCK), 0, "insmod of stock");
	hf_expect(!t_module_loaded(T_MODULE_HOLDFAST), "holdfast is not there");
	expect_served('s', "stock alone");
	hf_expect_eq(t_command("modprobe %s", T_MODULE_HOLDFAST), 0, "modprobe of holdfast");
	expect_served('h', "holdfast after stock");
}

/* By hand, past modprobe and its softdeps: stock is the later one then. */
static void holdfast_first(struct t *t)
{
	int ret;

	(void)t;
	unload();
	hf_expect_eq(LOAD_ALONE(T_MODULE_HOLDFAST), 0, "insmod of holdfast");
	hf_expect(!t_module_loaded(T_MODULE_STOCK), "stock is not there");
	expect_served('h', "holdfast alone");
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "N"));
	hf_expect_eq(t_who_serves(&ret), 0, "disabled, without stock");
	hf_expect_eq(ret, -ENODEV, "disabled, without stock: VFIO_SET_IOMMU");
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "enabled", "Y"));
	hf_expect_eq(LOAD_ALONE(T_MODULE_STOCK), 0, "insmod of stock");
	expect_served('s', "stock after holdfast");
	/* What an administrator does then. */
	hf_expect_eq(t_command("rmmod %s && modprobe %s", T_MODULE_HOLDFAST, T_MODULE_HOLDFAST), 0,
		     "reload of holdfast");
	expect_served('h', "holdfast loaded anew");
}

static void holdfast_by_name(struct t *t)
{
	(void)t;
	unload();
	hf_expect_eq(t_command("modprobe %s", T_MODULE_HOLDFAST), 0, "modprobe of holdfast");
	expect_served('h', "after modprobe of holdfast alone");
}

static void nobody(struct t *t)
{
	int ret;

	(void)t;
	unload();
	hf_expect_eq(t_who_serves(&ret), 0, "no backend");
	hf_expect_eq(ret, -ENODEV, "no backend: VFIO_SET_IOMMU");
	hf_expect_eq(t_command("modprobe vfio_iommu_type1"), 0, "modprobe");
	expect_served('h', "loaded again");
}

static const struct t_case cases[] = {
	{ "modprobe of stock brings holdfast behind it", softdep, T_HOLDFAST, NULL },
	{ "stock first", stock_first, T_HOLDFAST, NULL },
	{ "holdfast first, past modprobe", holdfast_first, T_HOLDFAST, NULL },
	{ "modprobe of holdfast", holdfast_by_name, T_HOLDFAST, NULL },
	{ "none, then both", nobody, T_HOLDFAST, NULL },
};

int main(void)
{
	t_module_param(T_MODULE_STOCK, UNSAFE, unsafe, sizeof(unsafe));
	return T_RUN(cases);
}
