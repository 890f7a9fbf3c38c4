/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the text of this module lies, for cover.c only.
 */
#ifndef HOLDFAST_COMPAT_TEXT_H
#define HOLDFAST_COMPAT_TEXT_H

#include <linux/module.h>
#include <linux/version.h>

/**
 * hf_module_text() - the text that stays, without that of initialization
 * @size: out: bytes
 *
 * Return: its first address.
 */
static inline unsigned long hf_module_text(size_t *size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	*size = THIS_MODULE->mem[MOD_TEXT].size;
	return (unsigned long)THIS_MODULE->mem[MOD_TEXT].base;
#else
	*size = THIS_MODULE->core_layout.text_size;
	return (unsigned long)THIS_MODULE->core_layout.base;
#endif
}

#endif
