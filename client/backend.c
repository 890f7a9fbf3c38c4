// SPDX-License-Identifier: GPL-2.0-only
/*
 * backend.c - the kill switch of vfio_iommu_holdfast.
 */
#include <errno.h>
#include <holdfast/backend.h>
#include <holdfast/proc.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define SWITCH "/sys/module/vfio_iommu_holdfast/parameters/enabled"

static bool stock_loaded(void)
{
	return access("/sys/module/vfio_iommu_type1", F_OK) == 0;
}

/* 'Y', 'N', or 0 when the module is not there. */
static char switch_state(void)
{
	char text[8];

	if (hf_proc_read_file(SWITCH, text, sizeof(text)) < 1)
		return 0;
	return text[0];
}

int hf_backend_select(const char *name)
{
	const bool holdfast = !strcmp(name, HF_BACKEND_HOLDFAST);
	const char want = holdfast ? 'Y' : 'N';
	const char state = switch_state();
	int ret;

	if (!holdfast && strcmp(name, HF_BACKEND_STOCK) != 0)
		return -EINVAL;
	if (!hf_backend_available(name))
		return -ENODEV;
	if (!state || state == want)
		return 0;
	ret = hf_proc_write_file(SWITCH, holdfast ? "Y" : "N");
	if (ret)
		return ret;
	return switch_state() == want ? 0 : -EIO;
}

const char *hf_backend_current(void)
{
	if (switch_state() == 'Y')
		return HF_BACKEND_HOLDFAST;
	return stock_loaded() ? HF_BACKEND_STOCK : NULL;
}

bool hf_backend_available(const char *name)
{
	if (!strcmp(name, HF_BACKEND_HOLDFAST))
		return switch_state() != 0;
	return !strcmp(name, HF_BACKEND_STOCK) && stock_loaded();
}
