/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * environment.h - where a run took place, in enough detail to do it again.
 */
#ifndef HOLDFAST_BENCH_ENVIRONMENT_H
#define HOLDFAST_BENCH_ENVIRONMENT_H

#include <json-c/json.h>

/**
 * bench_environment() - describe this machine
 * @argc: arguments of the program
 * @argv: the program and its arguments
 *
 * Return: a new JSON object: kernel, kernel_version, kernel_cmdline, iommu, cpu, cpus,
 * memory_kb, huge_pages_2m, huge_pages_1g, modules, command. What cannot be found out is left
 * out.
 */
json_object *bench_environment(int argc, char **argv);

#endif
