// SPDX-License-Identifier: GPL-2.0-only
/*
 * module.c - /sys/module, modprobe and friends.
 */
#include "module.h"

#include <errno.h>
#include <holdfast/ktap.h>
#include <holdfast/proc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool t_module_loaded(const char *module)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return access(path, F_OK) == 0;
}

long t_module_refs(const char *module)
{
	char path[128], text[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	n = hf_proc_read_file(path, text, sizeof(text));
	return n < 0 ? n : strtol(text, NULL, 10);
}

static void param_path(char *path, size_t size, const char *module, const char *name)
{
	snprintf(path, size, "/sys/module/%s/parameters/%s", module, name);
}

int t_module_param(const char *module, const char *name, char *value, size_t size)
{
	char path[160];
	ssize_t n;

	param_path(path, sizeof(path), module, name);
	n = hf_proc_read_file(path, value, size);
	return n < 0 ? (int)n : 0;
}

int t_module_param_set(const char *module, const char *name, const char *value)
{
	char path[160];

	param_path(path, sizeof(path), module, name);
	return hf_proc_write_file(path, value);
}

int t_module_param_mode(const char *module, const char *name)
{
	char path[160];
	struct stat st;

	param_path(path, sizeof(path), module, name);
	return stat(path, &st) ? -errno : (int)(st.st_mode & 07777);
}

int t_command(const char *fmt, ...)
{
	char command[400], whole[512], line[512];
	va_list ap;
	FILE *f;
	int ret;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	snprintf(whole, sizeof(whole), "{ %s; } 2>&1", command);
	f = popen(whole, "r");
	if (!f)
		return 127;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		hf_ktap_diag("%s: %s", command, line);
	}
	ret = pclose(f);
	return WIFEXITED(ret) ? WEXITSTATUS(ret) : 128 + WTERMSIG(ret);
}
