// SPDX-License-Identifier: GPL-2.0-only
/*
 * environment.c - the running machine as JSON.
 */
#include "environment.h"

#include <dirent.h>
#include <holdfast/proc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void put_text(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void put_file(json_object *o, const char *key, const char *path)
{
	char text[4096];

	if (hf_proc_read_file(path, text, sizeof(text)) > 0)
		put_text(o, key, text);
}

/* First "name<blanks>:<blanks>value" line of a file, as text. */
static void put_line(json_object *o, const char *key, const char *path, const char *name)
{
	const size_t len = strlen(name);
	char line[1024];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		const char *p = line + len;

		if (strncmp(line, name, len))
			continue;
		p += strspn(p, " \t:");
		line[strcspn(line, "\n")] = '\0';
		put_text(o, key, p);
		break;
	}
	if (f)
		fclose(f);
}

static void put_number(json_object *o, const char *key, const char *path, const char *name)
{
	json_object *text;

	put_line(o, key, path, name);
	if (json_object_object_get_ex(o, key, &text))
		json_object_object_add(o, key,
				       json_object_new_int64(atoll(json_object_get_string(text))));
}

static void put_huge_pages(json_object *o, const char *key, const char *size)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages", size);
	if (hf_proc_read_file(path, text, sizeof(text)) > 0)
		json_object_object_add(o, key, json_object_new_int64(atoll(text)));
}

/* Which IOMMU driver has units: its units are named dmarN (Intel) or ivhdN (AMD). */
static void put_iommu(json_object *o)
{
	const char *name = "none";
	DIR *d = opendir("/sys/class/iommu");
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!strncmp(e->d_name, "dmar", 4))
			name = "intel";
		else if (!strncmp(e->d_name, "ivhd", 4))
			name = "amd";
		else if (*e->d_name != '.')
			name = e->d_name;
	}
	put_text(o, "iommu", name);
	if (d)
		closedir(d);
}

static void put_module(json_object *modules, const char *name)
{
	json_object *o;
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (access(path, F_OK))
		return;
	o = json_object_new_object();
	snprintf(path, sizeof(path), "/sys/module/%s/version", name);
	put_file(o, "version", path);
	snprintf(path, sizeof(path), "/sys/module/%s/srcversion", name);
	put_file(o, "srcversion", path);
	json_object_object_add(modules, name, o);
}

static void put_command(json_object *o, int argc, char **argv)
{
	char text[4096] = "";
	size_t len = 0;

	for (int i = 0; i < argc && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
					argv[i]);
	put_text(o, "command", text);
}

json_object *bench_environment(int argc, char **argv)
{
	json_object *o = json_object_new_object(), *modules = json_object_new_object();
	struct utsname uts;

	if (!uname(&uts)) {
		put_text(o, "kernel", uts.release);
		put_text(o, "kernel_version", uts.version);
		put_text(o, "machine", uts.machine);
	}
	put_file(o, "kernel_cmdline", "/proc/cmdline");
	put_iommu(o);
	put_line(o, "cpu", "/proc/cpuinfo", "model name");
	json_object_object_add(o, "cpus", json_object_new_int64(sysconf(_SC_NPROCESSORS_ONLN)));
	put_number(o, "memory_kb", "/proc/meminfo", "MemTotal");
	put_huge_pages(o, "huge_pages_2m", "2048kB");
	put_huge_pages(o, "huge_pages_1g", "1048576kB");
	put_module(modules, "vfio_iommu_type1");
	put_module(modules, "vfio_iommu_holdfast");
	json_object_object_add(o, "modules", modules);
	put_command(o, argc, argv);
	return o;
}
