// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor.c - load and call the test module holdfast_floor.
 */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run modprobe quietly; was it content? */
static bool modprobe(const char *option)
{
	int status;
	const pid_t pid = fork();

	if (pid < 0)
		return false;
	if (!pid) {
		const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(nowhere, STDOUT_FILENO);
		dup2(nowhere, STDERR_FILENO);
		execlp("modprobe", "modprobe", option, "holdfast_floor", (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static int attach(const struct bench_floor *f, const char *bdf)
{
	unsigned int domain, bus, device, function;
	struct hf_floor_attach a = { 0 };
	char end;

	if (sscanf(bdf, "%x:%x:%x.%x%c", &domain, &bus, &device, &function, &end) != 4 ||
	    device > 31 || function > 7)
		return -EINVAL;
	a.domain = domain;
	a.bus = bus;
	a.devfn = device << 3 | function;
	return ioctl(f->fd, HF_FLOOR_ATTACH, &a) ? -errno : 0;
}

int bench_floor_open(struct bench_floor *f, const char *bdf)
{
	*f = (struct bench_floor){ .fd = open(HF_FLOOR_DEVICE, O_RDWR | O_CLOEXEC) };
	if (f->fd < 0 && errno == ENOENT && modprobe("-q")) {
		f->loaded = true;
		f->fd = open(HF_FLOOR_DEVICE, O_RDWR | O_CLOEXEC);
	}
	return f->fd < 0 ? -errno : attach(f, bdf);
}

void bench_floor_close(struct bench_floor *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	if (f->loaded)
		modprobe("-r");
	f->loaded = false;
}

int bench_floor_measure(const struct bench_floor *f, enum bench_mode mode,
			struct hf_floor_measure *m)
{
	m->clock = mode == BENCH_COUNT ? HF_FLOOR_TSC : HF_FLOOR_RAW;
	return ioctl(f->fd, HF_FLOOR_MEASURE, m) ? -errno : 0;
}
