// SPDX-License-Identifier: GPL-2.0-only
/*
 * holdfast: a VFIO IOMMU driver in place of vfio_iommu_type1.
 *
 * This file registers with the VFIO core, owns the module parameters and turns
 * the core's calls into calls on containers.  The core asks the IOMMU driver
 * that was registered last first and goes on to the next one when open() or
 * the first attach fails, so stock stays behind holdfast as its fallback:
 * with enabled=0 it gets every new container, while containers
 * that holdfast serves keep running.
 *
 * The core gets a container's number, never its address; container.c says why.
 *
 * The notify callback of 6.1 and 6.2 is left out: stock used it to wake those
 * who waited for a new address (vaddr.c), and today's 6.1 lets nobody wait.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/vfio.h>

#include "auditor.h"
#include "compat.h"
#include "container.h"
#include "cover.h"
#include "debugfs.h"
#include "emulated.h"
#include "fail.h"
#include "mapping.h"
#include "params.h"
#include "uapi.h"
#include "vfio_ops.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

bool hf_enabled = true;
module_param_named(enabled, hf_enabled, bool, 0644);
MODULE_PARM_DESC(enabled,
		 "Serve new containers; 0 leaves them to the next IOMMU driver, vfio_iommu_type1 (default 1)");

bool hf_allow_unsafe_interrupts;
module_param_named(allow_unsafe_interrupts, hf_allow_unsafe_interrupts, bool,
		   0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Accept groups whose interrupts the platform cannot isolate (default 0)");

bool hf_disable_hugepages;
module_param_named(disable_hugepages, hf_disable_hugepages, bool, 0644);
MODULE_PARM_DESC(disable_hugepages,
		 "Map every page by itself, so that the IOMMU uses no huge pages (default 0)");

unsigned int hf_dma_entry_limit = U16_MAX;
module_param_named(dma_entry_limit, hf_dma_entry_limit, uint, 0644);
MODULE_PARM_DESC(dma_entry_limit,
		 "Most mappings a container may have, read when it is made (default 65535)");

bool hf_domain_per_group;
module_param_named(domain_per_group, hf_domain_per_group, bool, 0644);
MODULE_PARM_DESC(domain_per_group,
		 "Give every group an IOMMU domain of its own instead of sharing one (default 0)");

unsigned int hf_fault_threads;
module_param_named(fault_threads, hf_fault_threads, uint, 0644);
MODULE_PARM_DESC(fault_threads,
		 "Threads that fault in the absent memory of one large map, the caller included; all but the caller run outside its CPU cgroup (default 0: the caller alone)");

bool hf_audit;
module_param_named(audit, hf_audit, bool, 0644);
MODULE_PARM_DESC(audit,
		 "Audit new containers: find memory that device and CPU do not share any more (default 0)");

/*
 * A word rather than a switch, as there may be a third payer one day.  What is
 * not known is refused: nobody should believe in a limit that does not hold.
 */
bool hf_account_user;

static int hf_accounting_set(const char *text, const struct kernel_param *kp)
{
	bool user = sysfs_streq(text, "user");

	if (!user && !sysfs_streq(text, "mm"))
		return -EINVAL;
	if (user && !HF_USER_PAYS)
		return -EOPNOTSUPP;
	WRITE_ONCE(hf_account_user, user);
	return 0;
}

static int hf_accounting_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s\n", hf_account_user ? "user" : "mm");
}

static const struct kernel_param_ops hf_accounting_ops = {
	.set = hf_accounting_set,
	.get = hf_accounting_get,
};

module_param_cb(accounting, &hf_accounting_ops, NULL, 0644);
MODULE_PARM_DESC(accounting,
		 "Who pays for pinned memory: mm, the process, as under vfio_iommu_type1; or user, all processes of a user together, read when a container is made (default mm)");

/* What the core holds for a container, and back. */
static void *hf_handle(const struct hf_container *c)
{
	return (void *)c->id;
}

static struct hf_container *hf_resolve(void *iommu_data)
{
	return hf_container_get((unsigned long)iommu_data);
}

static void *hf_open(unsigned long type)
{
	struct hf_container *c;

	if (!READ_ONCE(hf_enabled))
		return ERR_PTR(-ENODEV);
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU &&
	    !hf_is_nesting_type(type))
		return ERR_PTR(-EINVAL);
	c = hf_container_create(type != VFIO_TYPE1_IOMMU,
				hf_is_nesting_type(type));
	return IS_ERR(c) ? ERR_CAST(c) : hf_handle(c);
}

static void hf_release(void *iommu_data)
{
	struct hf_container *c = hf_resolve(iommu_data);

	if (WARN_ON_ONCE(!c))
		return;
	hf_container_release(c);
	hf_container_put(c);
}

static long hf_ioctl(void *iommu_data, unsigned int cmd, unsigned long arg)
{
	struct hf_container *c;
	long ret;

	if (!iommu_data) {
		if (cmd != VFIO_CHECK_EXTENSION)
			return -EINVAL;
		return READ_ONCE(hf_enabled) ? hf_uapi_extension(NULL, arg) : 0;
	}
	c = hf_resolve(iommu_data);
	if (!c)
		return -EINVAL;
	ret = hf_uapi_ioctl(c, cmd, arg);
	hf_container_put(c);
	return ret;
}

static int hf_attach_group(void *iommu_data, struct iommu_group *group,
			   enum vfio_group_type type)
{
	struct hf_container *c;
	int ret;

	if (type == VFIO_NO_IOMMU)
		return -EOPNOTSUPP;
	c = hf_resolve(iommu_data);
	if (!c)
		return -EINVAL;
	ret = type == VFIO_EMULATED_IOMMU ?
	      hf_container_attach_emulated(c, group) :
	      hf_container_attach(c, group);
	trace_hf_group_attach(c->id, group, type == VFIO_EMULATED_IOMMU, ret);
	hf_container_put(c);
	return ret;
}

static void hf_detach_group(void *iommu_data, struct iommu_group *group)
{
	struct hf_container *c = hf_resolve(iommu_data);

	if (!c)
		return;
	hf_container_detach(c, group);
	trace_hf_group_detach(c->id, group);
	hf_container_put(c);
}

static struct iommu_domain *hf_group_iommu_domain(void *iommu_data,
						  struct iommu_group *group)
{
	struct hf_container *c = hf_resolve(iommu_data);
	struct iommu_domain *domain;

	if (!c)
		return ERR_PTR(-ENODEV);
	domain = hf_container_domain_of(c, group);
	hf_container_put(c);
	return domain;
}

static int hf_pin_pages(void *iommu_data, struct iommu_group *group,
			dma_addr_t iova, int npage, int prot,
			struct page **pages)
{
	struct hf_container *c = hf_resolve(iommu_data);
	int ret;

	if (!c)
		return -EINVAL;
	ret = hf_emulated_pin(c, iova, npage, prot, pages);
	hf_container_put(c);
	return ret;
}

static void hf_unpin_pages(void *iommu_data, dma_addr_t iova, int npage)
{
	struct hf_container *c = hf_resolve(iommu_data);

	if (!c)
		return;
	hf_emulated_unpin(c, iova, npage);
	hf_container_put(c);
}

static void hf_register_device(void *iommu_data, struct vfio_device *device)
{
	struct hf_container *c = hf_resolve(iommu_data);

	if (WARN_ON_ONCE(!c))
		return;
	hf_emulated_register(c, device);
	hf_container_put(c);
}

static void hf_unregister_device(void *iommu_data, struct vfio_device *device)
{
	struct hf_container *c = hf_resolve(iommu_data);

	if (WARN_ON_ONCE(!c))
		return;
	hf_emulated_unregister(c, device);
	hf_container_put(c);
}

static int hf_dma_rw(void *iommu_data, dma_addr_t iova, void *data,
		     size_t count, bool write)
{
	struct hf_container *c = hf_resolve(iommu_data);
	int ret;

	if (!c)
		return -EINVAL;
	ret = hf_emulated_rw(c, iova, data, count, write);
	hf_container_put(c);
	return ret;
}

static const struct vfio_iommu_driver_ops hf_ops = {
	.name			= "vfio-iommu-holdfast",
	.owner			= THIS_MODULE,
	.open			= hf_open,
	.release		= hf_release,
	.ioctl			= hf_ioctl,
	.attach_group		= hf_attach_group,
	.detach_group		= hf_detach_group,
	.pin_pages		= hf_pin_pages,
	.unpin_pages		= hf_unpin_pages,
	.register_device	= hf_register_device,
	.unregister_device	= hf_unregister_device,
	.dma_rw			= hf_dma_rw,
	.group_iommu_domain	= hf_group_iommu_domain,
};

static int __init hf_module_init(void)
{
	int ret;

	ret = hf_cover_init();
	if (ret)
		return ret;
	ret = hf_fail_init();
	if (ret)
		goto cover;
	ret = hf_mapping_init();
	if (ret)
		goto fail;
	ret = hf_auditors_init();
	if (ret)
		goto mapping;
	hf_debugfs_init();
	ret = hf_fail_err(HF_FAIL_MODULE_REGISTER) ?:
	      vfio_register_iommu_driver(&hf_ops);
	if (ret)
		goto debugfs;
	return 0;

debugfs:
	hf_debugfs_exit();
	hf_auditors_exit();
mapping:
	hf_mapping_exit();
fail:
	hf_fail_exit();
cover:
	hf_cover_exit();
	return ret;
}

static void __exit hf_module_exit(void)
{
	vfio_unregister_iommu_driver(&hf_ops);
	hf_container_drain();
	hf_debugfs_exit();
	hf_auditors_exit();
	hf_mapping_exit();
	hf_fail_exit();
	hf_cover_exit();
}

module_init(hf_module_init);
module_exit(hf_module_exit);

MODULE_DESCRIPTION("VFIO IOMMU driver with batched, huge-page-aware pinning");
MODULE_AUTHOR("The holdfast authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
