// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_pci.c - addresses of devices in the environment.
 *
 * An input is which one, a byte, and the value of HOLDFAST_DEVICES. An address that is taken can
 * do no harm in a path, and is a word of the value.
 */
#include "target.h"

#include <ctype.h>
#include <errno.h>
#include <holdfast/pci.h>
#include <stdlib.h>
#include <string.h>

/* Without regard to the order of the parts: nothing but what an address is made of. */
static bool harmless(const char *bdf)
{
	unsigned int digits = 0, colons = 0, dots = 0;

	for (; *bdf; bdf++) {
		digits += isxdigit((unsigned char)*bdf) != 0;
		colons += *bdf == ':';
		dots += *bdf == '.';
		if (!isxdigit((unsigned char)*bdf) && *bdf != ':' && *bdf != '.')
			return false;
	}
	return digits >= 9 && colons == 2 && dots == 1;
}

void fz_target(const uint8_t *in, size_t len)
{
	char bdf[HF_BDF_LEN];
	char *value, *word, *save = NULL;
	unsigned int n;
	int ret;

	if (!len)
		return;
	n = *in;
	value = fz_string((struct fz_bytes){ in + 1, len - 1 });
	if (setenv("HOLDFAST_DEVICES", value, 1))
		exit(EXIT_SUCCESS);
	ret = hf_pci_vfio_device(n, bdf);
	unsetenv("HOLDFAST_DEVICES");

	word = strtok_r(value, " ,\t\n", &save);
	for (unsigned int i = 0; word && i < n; i++)
		word = strtok_r(NULL, " ,\t\n", &save);
	FZ_MUST(!ret || ret == -EINVAL || ret == -ENODEV);
	FZ_MUST((ret == -ENODEV) == !word);
	if (!ret) {
		FZ_MUST(memchr(bdf, '\0', sizeof(bdf)) && !strcmp(bdf, word));
		FZ_MUST(harmless(bdf));
	}
	free(value);
}
