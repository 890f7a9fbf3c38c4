/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * module.h - kernel modules: who holds them, their parameters, loading and unloading.
 */
#ifndef TESTS_MODULE_H
#define TESTS_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#define T_MODULE_STOCK "vfio_iommu_type1"
#define T_MODULE_HOLDFAST "vfio_iommu_holdfast"

/** t_module_loaded() - is a module loaded (or built in with parameters)? */
bool t_module_loaded(const char *module);

/**
 * t_module_refs() - its reference count: one for every container it serves
 *
 * Return: the count, or a negative errno (-ENOENT: not loaded, or built in).
 */
long t_module_refs(const char *module);

/** t_module_param() - read a parameter into @value; 0 or a negative errno */
int t_module_param(const char *module, const char *name, char *value, size_t size);

/** t_module_param_set() - write a parameter; 0 or a negative errno */
int t_module_param_set(const char *module, const char *name, const char *value);

/** t_module_param_mode() - permission bits of a parameter's file, or a negative errno */
int t_module_param_mode(const char *module, const char *name);

/**
 * t_command() - run a shell command, its output as KTAP diagnostics
 *
 * Return: exit status, 0-255; 128 + signal.
 */
int t_command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
