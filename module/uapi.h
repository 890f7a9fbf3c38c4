/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The type1 ioctls.  See uapi.c for the essay.
 */
#ifndef HOLDFAST_UAPI_H
#define HOLDFAST_UAPI_H

struct hf_container;

long hf_uapi_extension(struct hf_container *c, unsigned long extension);
long hf_uapi_ioctl(struct hf_container *c, unsigned int cmd,
		   unsigned long arg);

#endif
