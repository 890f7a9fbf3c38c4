// SPDX-License-Identifier: GPL-2.0-only
/*
 * proc.c - counters out of /proc and /sys.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast/proc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

ssize_t hf_proc_read_file(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;
	int fd;

	buf[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return (ssize_t)len;
}

int hf_proc_write_file(const char *path, const char *text)
{
	const size_t len = strlen(text);
	int ret = 0;
	ssize_t n;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		ret = -errno;
	else if ((size_t)n != len)
		ret = -EIO;
	close(fd);
	return ret;
}

/* A decimal number, and nothing right behind it, in a line that ends at @stop. */
static int number_of(const char *text, const char *stop, uint64_t *value)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EPROTO;
	errno = 0;
	number = strtoull(text, &end, 10);
	/* A NUL in the line ends no number. */
	if (errno || (end != stop && (!*end || !strchr(" \t\n", *end))))
		return -EPROTO;
	*value = number;
	return 0;
}

int hf_proc_find(FILE *f, const char *key, uint64_t *value)
{
	const size_t len = strlen(key);
	char *line = NULL;
	int ret = -ENOENT;
	size_t room = 0;
	ssize_t got;

	while (ret == -ENOENT && (got = getline(&line, &room, f)) >= 0)
		if (!strncmp(line, key, len) && line[len] && strchr(" \t:", line[len]))
			ret = number_of(line + len + strspn(line + len, " \t:"), line + got, value);
	free(line);
	return ret;
}

static int find_line(const char *path, const char *key, uint64_t *value)
{
	FILE *f = fopen(path, "re");
	int ret;

	if (!f)
		return -errno;
	ret = hf_proc_find(f, key, value);
	fclose(f);
	return ret;
}

static int next_bytes(FILE *status, const char *key, uint64_t *bytes)
{
	int ret = hf_proc_find(status, key, bytes);

	if (!ret && __builtin_mul_overflow(*bytes, 1024U, bytes))
		ret = -EPROTO;
	return ret;
}

int hf_proc_mem(pid_t pid, struct hf_proc_mem *mem)
{
	char path[64] = "/proc/self/status";
	FILE *f;
	int ret;

	memset(mem, 0, sizeof(*mem));
	if (pid)
		snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	/* In the order of the file, which is made anew whenever it is read from its start. */
	ret = next_bytes(f, "VmLck", &mem->vmlck);
	if (!ret)
		ret = next_bytes(f, "VmPin", &mem->vmpin);
	if (!ret)
		ret = next_bytes(f, "VmRSS", &mem->vmrss);
	fclose(f);
	return ret;
}

static int fold_vmstat(void)
{
	return hf_proc_write_file("/proc/sys/vm/stat_refresh", "1");
}

int hf_proc_vmstat(const char *name, uint64_t *value)
{
	fold_vmstat();
	return find_line("/proc/vmstat", name, value);
}

int hf_proc_pins(struct hf_proc_pins *pins)
{
	/* The counters are taken anew for each read(): both lines have to come with one. */
	char buffer[BUFSIZ];
	int ret = fold_vmstat();
	FILE *f;

	if (ret)
		return ret;
	f = fopen("/proc/vmstat", "re");
	if (!f)
		return -errno;
	setvbuf(f, buffer, _IOFBF, sizeof(buffer));
	ret = hf_proc_find(f, "nr_foll_pin_acquired", &pins->acquired);
	if (!ret)
		ret = hf_proc_find(f, "nr_foll_pin_released", &pins->released);
	fclose(f);
	return ret;
}

static uint64_t huge_free(const char *size)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%s/free_hugepages", size);
	if (hf_proc_read_file(path, text, sizeof(text)) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

int hf_proc_snapshot(struct hf_proc_snapshot *s)
{
	struct hf_proc_pins pins = { 0 };
	struct hf_proc_mem mem = { 0 };
	int ret;

	ret = hf_proc_pins(&pins);
	if (!ret)
		ret = hf_proc_mem(0, &mem);
	if (ret)
		return ret;
	s->pins_held = (int64_t)(pins.acquired - pins.released);
	s->vmlck = mem.vmlck;
	s->vmpin = mem.vmpin;
	s->huge_free_2m = huge_free("2048kB");
	s->huge_free_1g = huge_free("1048576kB");
	return 0;
}

int hf_proc_settle(const struct hf_proc_snapshot *before, struct hf_proc_snapshot *now,
		   unsigned int timeout_ms)
{
	const unsigned int step_ms = 10;
	const struct timespec step = { .tv_nsec = step_ms * 1000000L };
	struct hf_proc_snapshot s;
	int ret;

	for (unsigned int waited = 0;; waited += step_ms) {
		ret = hf_proc_snapshot(&s);
		if (ret)
			return ret;
		if (s.pins_held == before->pins_held && s.vmlck == before->vmlck &&
		    s.vmpin == before->vmpin && s.huge_free_2m == before->huge_free_2m &&
		    s.huge_free_1g == before->huge_free_1g)
			break;
		if (waited >= timeout_ms) {
			ret = -EBUSY;
			break;
		}
		nanosleep(&step, NULL);
	}
	if (now)
		*now = s;
	return ret;
}
