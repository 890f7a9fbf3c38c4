/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * side.h - one of several devices of a test: its group, the device, its port.
 */
#ifndef TESTS_SIDE_H
#define TESTS_SIDE_H

#include <holdfast/container.h>
#include <holdfast/device.h>
#include <holdfast/group.h>
#include <holdfast/pci.h>

#include "port.h"

/**
 * struct t_side - a device and all that belongs to it
 * @bdf: PCI address
 * @group: its group
 * @device: the device
 * @port: its port; has no engine until t_side_start()
 */
struct t_side {
	char bdf[HF_BDF_LEN];
	struct hf_group group;
	struct hf_device device;
	struct t_port port;
};

/** t_side_attach() - open the group of device number @n and attach it; must succeed */
void t_side_attach(struct t_side *s, unsigned int n, const struct hf_container *c);

/** t_side_start() - open the device and start its port at IOVA @iova; must succeed */
void t_side_start(struct t_side *s, const struct hf_container *c, uint64_t iova);

/**
 * t_sides_start() - t_side_start() of several at once: a device takes a second to wake up
 * @s: the first of @n
 * @iova: of the first port; each one T_PORT_SPAN after the one before
 */
void t_sides_start(struct t_side *s, unsigned int n, const struct hf_container *c, uint64_t iova);

/**
 * t_who_serves() - who serves a new container with the first device?
 * @ret: out: what VFIO_SET_IOMMU answered
 *
 * No other container may be open.
 * Return: 'h' holdfast, 's' stock, 0 when nobody will.
 */
char t_who_serves(int *ret);

/** t_side_stop() - close port and device; the group stays attached */
void t_side_stop(struct t_side *s);

/** t_side_close() - close whatever is open */
void t_side_close(struct t_side *s);

#endif
