// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_proc.c - the small file helpers, /proc parsing, and PCI names.
 */
#include "unit.h"

#include <errno.h>
#include <holdfast/backend.h>
#include <holdfast/pci.h>
#include <holdfast/proc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static char path[] = "/tmp/hf-unit-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int drop_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void files(void **state)
{
	char buf[16], tiny[4];

	(void)state;
	assert_int_equal(hf_proc_read_file(path, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	assert_int_equal(hf_proc_write_file(path, "hello\n"), 0);
	assert_int_equal(hf_proc_read_file(path, buf, sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(hf_proc_read_file(path, tiny, sizeof(tiny)), 3);
	assert_string_equal(tiny, "hel");
	assert_int_equal(hf_proc_read_file("/nonexistent", buf, sizeof(buf)), -ENOENT);
	assert_string_equal(buf, "");
	assert_int_equal(hf_proc_write_file("/nonexistent", "x"), -ENOENT);
}

static void memory(void **state)
{
	struct hf_proc_mem before, after, other;
	void *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(hf_proc_mem(0, &before), 0);
	assert_true(before.vmrss > 0);
	/* The system call itself: sanitizers make mlock() do nothing. */
	if (!syscall(SYS_mlock, p, 16384)) {
		assert_int_equal(hf_proc_mem(0, &after), 0);
		assert_int_equal(after.vmlck - before.vmlck, 16384);
	}
	munmap(p, 16384);
	assert_int_equal(hf_proc_mem(getpid(), &other), 0);
	assert_int_equal(other.vmlck, before.vmlck);
	assert_int_equal(hf_proc_mem(0x7fffffff, &other), -ENOENT);
}

static void vmstat(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(hf_proc_vmstat("pgfault", &v), 0);
	assert_true(v > 0);
	/* A name is a whole word: "pgfaul" is not "pgfault". */
	assert_int_equal(hf_proc_vmstat("pgfaul", &v), -ENOENT);
	assert_int_equal(hf_proc_vmstat("", &v), -ENOENT);
}

static int find_in(const char *text, size_t len, const char *key, uint64_t *value)
{
	FILE *f = fmemopen((void *)text, len, "r");
	int ret;

	assert_non_null(f);
	ret = hf_proc_find(f, key, value);
	fclose(f);
	return ret;
}

static int find(const char *text, const char *key, uint64_t *value)
{
	return find_in(text, strlen(text), key, value);
}

static void lines(void **state)
{
	uint64_t v = 7;
	char wide[600];

	(void)state;
	assert_int_equal(find("VmLck:\t      64 kB\nVmPin:\t 3 kB\n", "VmPin", &v), 0);
	assert_int_equal(v, 3);
	assert_int_equal(find("a 1\nb 18446744073709551615", "b", &v), 0);
	assert_true(v == UINT64_MAX);
	v = 7;
	assert_int_equal(find("ab 1\n", "a", &v), -ENOENT);
	/* A name that the text ends with has no number. */
	assert_int_equal(find("a 1\nb", "b", &v), -ENOENT);
	assert_int_equal(find("b\n", "b", &v), -ENOENT);
	assert_int_equal(find("b \n1\n", "b", &v), -EPROTO);
	assert_int_equal(find("b: -1\n", "b", &v), -EPROTO);
	assert_int_equal(find("b: x\n", "b", &v), -EPROTO);
	assert_int_equal(find("b: 1x\n", "b", &v), -EPROTO);
	assert_int_equal(find("b 18446744073709551616\n", "b", &v), -EPROTO);
	assert_int_equal(find_in("b: 1\0\nb: 2\n", 13, "b", &v), -EPROTO);
	/* What stands far behind in a line does not begin one. */
	memset(wide, 'x', sizeof(wide));
	memcpy(wide + 255, "b 1\nb 2", 8);
	assert_int_equal(find(wide, "b", &v), 0);
	assert_int_equal(v, 2);
}

static void device_list(void **state)
{
	char bdf[HF_BDF_LEN];

	(void)state;
	setenv("HOLDFAST_DEVICES", " 0000:00:07.0,0000:00:08.0\n10000:ff:1f.7 ", 1);
	assert_int_equal(hf_pci_vfio_device(0, bdf), 0);
	assert_string_equal(bdf, "0000:00:07.0");
	assert_int_equal(hf_pci_vfio_device(2, bdf), 0);
	assert_string_equal(bdf, "10000:ff:1f.7");
	assert_int_equal(hf_pci_vfio_device(3, bdf), -ENODEV);
	setenv("HOLDFAST_DEVICES", "0000:\xe0\xe1:07.0", 1);
	assert_int_equal(hf_pci_vfio_device(0, bdf), -EINVAL);
	setenv("HOLDFAST_DEVICES", "../../../etc/passwd", 1);
	assert_int_equal(hf_pci_vfio_device(0, bdf), -EINVAL);
	setenv("HOLDFAST_DEVICES", "", 1);
	assert_int_equal(hf_pci_vfio_device(0, bdf), -ENODEV);
	unsetenv("HOLDFAST_DEVICES");
}

static void addresses(void **state)
{
	static const char *const bad[] = { "", "00:07.0", "0000:00:07", "0000:00:07.8",
					   "0000:00:07.0x", "0000:0g:07.0", "000000000000000000:00:07.0",
					   "0000:00:07.0/../x" };
	uint16_t vendor, device;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(hf_pci_group(bad[i]), -EINVAL);
		assert_int_equal(hf_pci_id(bad[i], &vendor, &device), -EINVAL);
	}
	assert_int_equal(hf_pci_group("fffe:fe:1e.7"), -ENOENT);
	assert_int_equal(hf_pci_id("fffe:fe:1e.7", &vendor, &device), -ENOENT);
}

static void backend_names(void **state)
{
	(void)state;
	assert_int_equal(hf_backend_select("other"), -EINVAL);
	assert_false(hf_backend_available("other"));
	if (!hf_backend_available(HF_BACKEND_HOLDFAST))
		assert_int_equal(hf_backend_select(HF_BACKEND_HOLDFAST), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),     cmocka_unit_test(memory),
		cmocka_unit_test(vmstat),    cmocka_unit_test(lines),
		cmocka_unit_test(device_list),
		cmocka_unit_test(addresses), cmocka_unit_test(backend_names),
	};

	return cmocka_run_group_tests(tests, make_file, drop_file);
}
