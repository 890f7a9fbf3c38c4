// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_store.c - what is filed says what happened.
 */
#include "unit.h"

#include "store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char top[] = "/tmp/hf-store-XXXXXX";
static char signature[FZ_SIGN], oracle[32], text[256];

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static void add(const char *kind, const char *title, const char *log)
{
	char path[PATH_MAX], store[64];
	struct fz_sighting s = { .kind = kind, .log = path, .title = title };
	unsigned int count;
	json_object *o;
	FILE *f;

	snprintf(store, sizeof(store), "%s/findings", top);
	snprintf(path, sizeof(path), "%s/log", top);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(log, f);
	fclose(f);
	assert_int_equal(fz_store_add(store, &s, signature, &count, oracle), 0);
	snprintf(path, sizeof(path), "%s/%s/finding.json", store, signature);
	o = json_object_from_file(path);
	assert_non_null(o);
	snprintf(text, sizeof(text), "%s", fz_text(o, "text"));
	json_object_put(o);
}

/* The kernel was asked by an NMI, and panics of that. */
#define ASKED \
	"[  148.323624] Kernel panic - not syncing: NMI: Not continuing\n" \
	"[  148.323850] CPU: 0 PID: 113 Comm: sh Tainted: G           OE      6.1.0-56-amd64 #1\n" \
	"[  148.324216] Call Trace:\n" \
	"[  148.324806]  <NMI>\n" \
	"[  148.325175]  dump_stack_lvl+0x44/0x5c\n" \
	"[  148.325861]  panic+0x118/0x2f4\n" \
	"[  148.325943]  nmi_panic.cold+0xc/0xc\n" \
	"[  148.325954]  unknown_nmi_error.cold+0x3b/0x49\n" \
	"[  148.325977]  exc_nmi+0x11e/0x150\n" \
	"[  148.326123]  end_repeat_nmi+0x16/0x67\n"

static void hang_is_no_panic(void **state)
{
	(void)state;
	add("hang", "Kernel panic - not syncing: NMI: Not continuing", ASKED
	    "[  148.326488] RIP: 0010:hf_walk+0x10/0x40 [vfio_iommu_holdfast]\n"
	    "[  148.326710]  </NMI>\n"
	    "[  148.326712]  <TASK>\n"
	    "[  148.327050]  hf_walk+0x10/0x40 [vfio_iommu_holdfast]\n"
	    "[  148.327064]  hf_unmap+0x22/0x80 [vfio_iommu_holdfast]\n"
	    "[  148.327147]  </TASK>\n");
	assert_string_equal(oracle, "hang");
	assert_non_null(strstr(signature, "hang-hf_walk-hf_unmap-"));
	assert_null(strstr(text, "panic"));
	/* An idle CPU, and one in a user program, say nothing. */
	add("hang", NULL, ASKED
	    "[  148.326488] RIP: 0010:default_idle+0x13/0x20\n"
	    "[  148.327050]  default_idle+0x13/0x20\n"
	    "[  148.327064]  do_idle+0x20c/0x2b0\n"
	    "[  148.327147]  </TASK>\n");
	assert_string_equal(signature, "hang");
}

static void stuck_process(void **state)
{
	(void)state;
	add("hang", "BUG: a process that fuzzes cannot be killed",
	    "[  600.100000] BUG: a process that fuzzes cannot be killed\n"
	    "[  600.200000] sysrq: Show Blocked State\n"
	    "[  600.300000] task:afl-target      state:D stack:0     pid:123   ppid:1      flags:0x00004002\n"
	    "[  600.300001] Call Trace:\n"
	    "[  600.300002]  <TASK>\n"
	    "[  600.300003]  __schedule+0x34d/0x9e0\n"
	    "[  600.300004]  schedule+0x5a/0xd0\n"
	    "[  600.300005]  rwsem_down_write_slowpath+0x311/0x6d0\n"
	    "[  600.300006]  hf_unmap+0x22/0x80 [vfio_iommu_holdfast]\n"
	    "[  600.300007]  </TASK>\n");
	assert_string_equal(oracle, "hang");
	assert_non_null(strstr(signature, "hang-rwsem_down_write_slowpath-hf_unmap-"));
	assert_string_equal(text, "a process could not be killed");
}

/* What it said before it was asked is another matter, and so is a death. */
static void said_unasked(void **state)
{
	(void)state;
	add("hang", "watchdog: BUG: soft lockup",
	    "[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 134s! [afl-target:99]\n" ASKED);
	assert_string_equal(oracle, "log");
	assert_non_null(strstr(signature, "log-watchdog-bug-soft-lockup"));
	add("death", NULL, ASKED);
	assert_string_equal(oracle, "log");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hang_is_no_panic),
		cmocka_unit_test(stuck_process),
		cmocka_unit_test(said_unasked),
	};

	return cmocka_run_group_tests_name("fuzz store", tests, set_up, tear_down);
}
