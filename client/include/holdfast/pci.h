/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pci.h - PCI functions as sysfs shows them.
 *
 * A function is named by its full address, "0000:00:07.0".
 */
#ifndef HOLDFAST_PCI_H
#define HOLDFAST_PCI_H

#include <stdint.h>

/** Bytes for an address and its terminator; domains may have more than four digits */
#define HF_BDF_LEN 24

/**
 * hf_pci_vfio_device() - the n-th device bound to vfio-pci, in address order
 * @n: 0 for the first
 * @bdf: its address
 *
 * If the environment variable HOLDFAST_DEVICES is set (addresses, separated by blanks or
 * commas), its n-th word is taken instead: the way to keep tests off other devices.
 *
 * Return: 0; -ENODEV when there are not that many.
 */
int hf_pci_vfio_device(unsigned int n, char bdf[HF_BDF_LEN]);

/**
 * hf_pci_id() - vendor and device id of a function
 * @bdf: address
 * @vendor: vendor id
 * @device: device id
 *
 * Return: 0 or a negative errno (-ENOENT: no such function; -EINVAL: not an address).
 */
int hf_pci_id(const char *bdf, uint16_t *vendor, uint16_t *device);

/**
 * hf_pci_group() - number of the IOMMU group a function is in
 * @bdf: address
 *
 * Return: the number; -ENOENT when the function does not exist or no IOMMU isolates it;
 * -EINVAL when @bdf is not an address.
 */
int hf_pci_group(const char *bdf);

#endif
