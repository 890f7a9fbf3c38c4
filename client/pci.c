// SPDX-License-Identifier: GPL-2.0-only
/*
 * pci.c - look PCI functions up in sysfs.
 *
 * An address is only put into a path after bdf_ok(), so nothing else of sysfs can be named.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <holdfast/pci.h>
#include <holdfast/proc.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a char, whatever its sign. */
static bool is_hex(char c)
{
	return isxdigit((unsigned char)c);
}

/* dddd:bb:dd.f, hexadecimal, four or more digits of domain. */
static bool bdf_ok(const char *bdf)
{
	const size_t domain = strspn(bdf, "0123456789abcdefABCDEF");
	const char *p = bdf + domain;

	return domain >= 4 && strlen(bdf) < HF_BDF_LEN && p[0] == ':' && is_hex(p[1]) &&
	       is_hex(p[2]) && p[3] == ':' && is_hex(p[4]) && is_hex(p[5]) && p[6] == '.' &&
	       p[7] >= '0' && p[7] <= '7' && !p[8];
}

static int from_environment(const char *list, unsigned int n, char bdf[HF_BDF_LEN])
{
	const char *blank = " ,\t\n";

	for (list += strspn(list, blank); *list; list += strspn(list, blank)) {
		const size_t len = strcspn(list, blank);

		if (!n--) {
			if (len >= HF_BDF_LEN)
				return -EINVAL;
			memcpy(bdf, list, len);
			bdf[len] = '\0';
			return bdf_ok(bdf) ? 0 : -EINVAL;
		}
		list += len;
	}
	return -ENODEV;
}

static int is_address(const struct dirent *e)
{
	return bdf_ok(e->d_name);
}

int hf_pci_vfio_device(unsigned int n, char bdf[HF_BDF_LEN])
{
	const char *list = getenv("HOLDFAST_DEVICES");
	struct dirent **names;
	int count, ret = -ENODEV;

	if (list)
		return from_environment(list, n, bdf);

	count = scandir("/sys/bus/pci/drivers/vfio-pci", &names, is_address, alphasort);
	if (count < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	if (n < (unsigned int)count) {
		snprintf(bdf, HF_BDF_LEN, "%.*s", HF_BDF_LEN - 1, names[n]->d_name);
		ret = 0;
	}
	while (count--)
		free(names[count]);
	free(names);
	return ret;
}

static int read_id(const char *bdf, const char *attribute, uint16_t *id)
{
	char path[128], text[16];
	unsigned long value;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, attribute);
	len = hf_proc_read_file(path, text, sizeof(text));
	if (len < 0)
		return (int)len;
	value = strtoul(text, NULL, 16);
	if (value > UINT16_MAX)
		return -EPROTO;
	*id = (uint16_t)value;
	return 0;
}

int hf_pci_id(const char *bdf, uint16_t *vendor, uint16_t *device)
{
	int ret;

	if (!bdf_ok(bdf))
		return -EINVAL;
	ret = read_id(bdf, "vendor", vendor);
	return ret ? ret : read_id(bdf, "device", device);
}

int hf_pci_group(const char *bdf)
{
	char path[128], target[PATH_MAX];
	const char *slash;
	unsigned long number;
	char *end;
	ssize_t len;

	if (!bdf_ok(bdf))
		return -EINVAL;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';

	slash = strrchr(target, '/');
	number = strtoul(slash ? slash + 1 : target, &end, 10);
	if (*end || number > INT_MAX)
		return -EPROTO;
	return (int)number;
}
