// SPDX-License-Identifier: GPL-2.0-only
/*
 * swap.c - swap space on a RAM disk.
 *
 * The disk's module is loaded for it and unloaded again, so that neither swap space nor the
 * memory of the disk outlives the test.
 */
#include "swap.h"

#include <errno.h>
#include <fcntl.h>
#include <holdfast/swap.h>
#include <stdlib.h>
#include <sys/swap.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"

#define DISK "/dev/ram0"
#define DISK_KB 65536

static pid_t owner;

static void swap_off(void)
{
	if (getpid() != owner || swapoff(DISK))
		return;
	t_command("modprobe -r brd");
}

static int swap_on(void)
{
	int ret, fd;

	t_command("modprobe brd rd_nr=1 rd_size=%d 2>/dev/null || true", DISK_KB);
	fd = open(DISK, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -ENODEV;
	ret = hf_swap_make(fd, DISK_KB * 1024, NULL);
	close(fd);
	if (!ret && swapon(DISK, 0))
		ret = -errno;
	if (ret)
		return ret;
	owner = getpid();
	atexit(swap_off);
	return 0;
}

int t_swap_on(void)
{
	static int ret = 1;

	if (ret > 0)
		ret = swap_on();
	return ret;
}
