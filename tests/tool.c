// SPDX-License-Identifier: GPL-2.0-only
/*
 * tool - the holdfast tool says what is so: of containers and mappings that the test made itself,
 * as text and as JSON, and with the exit codes that it promises.
 *
 * The program is run as an operator runs it, found by PATH. What a number must be comes from
 * what the test asked for, from the page tables (physical runs) and from the kernel's count of
 * pins, never from the module.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <holdfast/pci.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"

#define DEBUGFS "/sys/kernel/debug"
#define COPY "/tmp/tool-state"

/* Exit codes, as holdfast --help lists them. */
enum { OK, FAILED, USAGE, INCOHERENT, DENIED, NO_MODULE, NO_DEBUGFS, GONE, VERSION, MALFORMED };

#define NOBODY 65534

#define SMALL_IOVA 0x100000000ULL
#define SMALL_PAGES 9
#define HUGE_IOVA 0x140000000ULL
#define HUGE_LEN (2 * T_2M)

/* What it printed last. */
static struct {
	char text[1 << 18];
	size_t len;
} said;

/* Run "holdfast WORDS", as root or somebody else; its exit code. */
static int tool_as(uid_t uid, const char *words)
{
	char line[512];
	int fds[2], status = -1;
	ssize_t got;
	pid_t pid;

	snprintf(line, sizeof(line), "exec holdfast %s 2>&1", words);
	hf_require(!pipe2(fds, O_CLOEXEC), "pipe");
	fflush(NULL);
	pid = fork();
	hf_require(pid >= 0, "fork");
	if (!pid) {
		if (dup2(fds[1], STDOUT_FILENO) < 0 || (uid && setresuid(uid, uid, uid)))
			_exit(98);
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(99);
	}
	close(fds[1]);
	said.len = 0;
	while ((got = read(fds[0], said.text + said.len, sizeof(said.text) - said.len - 1)) > 0)
		said.len += (size_t)got;
	said.text[said.len] = '\0';
	close(fds[0]);
	hf_require(waitpid(pid, &status, 0) == pid, "wait for holdfast %s", words);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int tool(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int tool(const char *fmt, ...)
{
	char words[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return tool_as(0, words);
}

/* What it said has this in it. */
static void expect_said(const char *part)
{
	if (!hf_expect(strstr(said.text, part), "it says \"%s\"", part))
		hf_ktap_diag("%s", said.text);
}

/* Answer of "holdfast WORDS --json", to be put. */
static json_object *ask(const char *words, int code)
{
	json_object *o;

	hf_expect_eq(tool("%s --json", words), code, "%s --json: exit code", words);
	o = json_tokener_parse(said.text);
	hf_require(o, "%s --json is JSON: %s", words, said.text);
	return o;
}

/* A member by path: names, and positions in arrays. */
static json_object *at(json_object *o, const char *path)
{
	char copy[128], *save, *word;

	snprintf(copy, sizeof(copy), "%s", path);
	for (word = strtok_r(copy, ".", &save); word && o; word = strtok_r(NULL, ".", &save))
		o = json_object_is_type(o, json_type_array) ?
			json_object_array_get_idx(o, (size_t)atoi(word)) :
			json_object_object_get(o, word);
	hf_require(o, "there is %s", path);
	return o;
}

static uint64_t number(json_object *o, const char *path)
{
	json_object *value = at(o, path);

	hf_expect(json_object_is_type(value, json_type_int), "%s is a number", path);
	return json_object_get_uint64(value);
}

static void expect_text(json_object *o, const char *path, const char *want)
{
	const char *got = json_object_get_string(at(o, path));

	hf_expect(!strcmp(got, want), "%s: got %s, want %s", path, got, want);
}

static void expect_address(json_object *o, const char *path, uint64_t want)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, want);
	expect_text(o, path, text);
}

#define EXPECT_NUMBER(o, path, want) hf_expect_eq(number((o), (path)), (want), "%s", (path))

static void no_container(struct t *t)
{
	json_object *o;

	(void)t;
	o = ask("stat", OK);
	EXPECT_NUMBER(o, "containers", 0);
	EXPECT_NUMBER(o, "bytes", 0);
	EXPECT_NUMBER(o, "version", 1);
	json_object_put(o);
	o = ask("top", OK);
	hf_expect_eq(json_object_array_length(at(o, "containers")), 0, "containers");
	json_object_put(o);
	hf_expect_eq(tool("stat"), OK, "stat");
	expect_said("containers: 0\n");
	hf_expect_eq(tool("top --once"), OK, "top");
	expect_said("0 containers, 0 mappings: 0 B mapped, 0 pins, 0 B charged\n");
	hf_expect_eq(tool("show"), OK, "show");
	expect_said("no containers\n");
	hf_expect_eq(tool("incoherent"), OK, "incoherent");
	hf_expect_eq(tool("show 1"), GONE, "show of what is not there");
	expect_said("container 1 is gone");
	hf_expect_eq(tool("map 1"), GONE, "map of what is not there");
	hf_expect_eq(tool("incoherent 1"), GONE, "incoherent of what is not there");
}

/** What the test mapped, and what must be said of it */
struct mapped {
	uint64_t id;
	struct hf_mem small, huge;
	long small_runs, huge_runs;
	uint64_t small_pins, huge_pins;
};

static uint64_t pins_taken(void)
{
	struct hf_proc_pins pins;

	hf_must(hf_proc_pins(&pins));
	return pins.acquired;
}

/* The only container there is. */
static uint64_t only_container(void)
{
	json_object *o = ask("top", OK);
	uint64_t id;

	hf_expect_eq(json_object_array_length(at(o, "containers")), 1, "containers");
	id = number(o, "containers.0.id");
	json_object_put(o);
	return id;
}

/* 4K pages apart, for reading only, and 2M pages. */
static bool map_both(struct t *t, struct mapped *m)
{
	uint64_t before;

	m->id = only_container();
	if (!t_alloc(&m->small, "frag4k", SMALL_PAGES * T_PAGE, 0, HF_MEM_TOUCHED) ||
	    !t_alloc(&m->huge, "hugetlb2m", HUGE_LEN, 0, HF_MEM_TOUCHED))
		return false;
	before = pins_taken();
	hf_map(t->c, SMALL_IOVA, m->small.addr, m->small.len, HF_READ);
	m->small_pins = pins_taken() - before;
	hf_map(t->c, HUGE_IOVA, m->huge.addr, m->huge.len, HF_RW);
	m->huge_pins = pins_taken() - before - m->small_pins;
	m->small_runs = hf_must(hf_mem_runs(m->small.addr, m->small.len));
	m->huge_runs = hf_must(hf_mem_runs(m->huge.addr, m->huge.len));
	return true;
}

static void unmap_both(struct t *t, struct mapped *m)
{
	hf_unmap_all(t->c);
	hf_mem_free(&m->small);
	hf_mem_free(&m->huge);
}

static json_object *ask_about(const char *command, uint64_t id, int code)
{
	char words[64];

	snprintf(words, sizeof(words), "%s %" PRIu64, command, id);
	return ask(words, code);
}

static void expect_mapping(json_object *o, uint64_t iova, const struct hf_mem *m, const char *prot,
			   uint64_t pins, long runs, const char *share)
{
	expect_address(o, "iova", iova);
	expect_address(o, "vaddr", (uintptr_t)m->addr);
	EXPECT_NUMBER(o, "size", m->len);
	expect_text(o, "prot", prot);
	expect_text(o, "state", "live");
	expect_text(o, "path", "pages");
	EXPECT_NUMBER(o, "pid", getpid());
	expect_text(o, "command", "tool");
	EXPECT_NUMBER(o, "charged_bytes", m->len);
	EXPECT_NUMBER(o, "pins", pins);
	EXPECT_NUMBER(o, "runs", runs);
	EXPECT_NUMBER(o, "bytes_4k", strcmp(share, "bytes_4k") ? 0 : m->len);
	EXPECT_NUMBER(o, "bytes_2m", strcmp(share, "bytes_2m") ? 0 : m->len);
	EXPECT_NUMBER(o, "bytes_1g", 0);
	EXPECT_NUMBER(o, "incoherent_bytes", 0);
	hf_expect(number(o, "age_ms") < t_patience_ms(60000), "age %" PRIu64 " ms",
		  number(o, "age_ms"));
}

static void show_json(struct t *t)
{
	struct mapped m;
	json_object *o, *c;
	uint64_t maps;

	o = ask("top", OK);
	maps = number(o, "containers.0.maps");
	EXPECT_NUMBER(o, "containers.0.mappings", 0);
	json_object_put(o);
	if (!map_both(t, &m))
		return;
	o = ask_about("show", m.id, OK);
	c = at(o, "containers.0");
	EXPECT_NUMBER(c, "id", m.id);
	EXPECT_NUMBER(c, "pid", getpid());
	expect_text(c, "command", "tool");
	expect_text(c, "type", "v2");
	EXPECT_NUMBER(c, "groups", 1);
	EXPECT_NUMBER(c, "emulated", 0);
	EXPECT_NUMBER(c, "domains", 1);
	EXPECT_NUMBER(c, "mappings", 2);
	EXPECT_NUMBER(c, "bytes", m.small.len + m.huge.len);
	EXPECT_NUMBER(c, "charged_bytes", m.small.len + m.huge.len);
	EXPECT_NUMBER(c, "pins", m.small_pins + m.huge_pins);
	EXPECT_NUMBER(c, "runs", m.small_runs + m.huge_runs);
	EXPECT_NUMBER(c, "bytes_4k", m.small.len);
	EXPECT_NUMBER(c, "bytes_2m", m.huge.len);
	EXPECT_NUMBER(c, "bytes_1g", 0);
	EXPECT_NUMBER(c, "maps", maps + 2);
	hf_expect(number(c, "slowest_map.us") > 0, "the slowest map took no time");
	hf_expect_eq(json_object_array_length(at(c, "mapping_list")), 2, "mappings listed");
	expect_mapping(at(c, "mapping_list.0"), SMALL_IOVA, &m.small, "r-", m.small_pins,
		       m.small_runs, "bytes_4k");
	expect_mapping(at(c, "mapping_list.1"), HUGE_IOVA, &m.huge, "rw", m.huge_pins, m.huge_runs,
		       "bytes_2m");
	json_object_put(o);

	o = ask("stat", OK);
	EXPECT_NUMBER(o, "containers", 1);
	EXPECT_NUMBER(o, "bytes", m.small.len + m.huge.len);
	EXPECT_NUMBER(o, "pins", m.small_pins + m.huge_pins);
	json_object_put(o);

	unmap_both(t, &m);
	o = ask_about("show", m.id, OK);
	c = at(o, "containers.0");
	EXPECT_NUMBER(c, "mappings", 0);
	EXPECT_NUMBER(c, "bytes", 0);
	EXPECT_NUMBER(c, "pins", 0);
	EXPECT_NUMBER(c, "runs", 0);
	EXPECT_NUMBER(c, "charged_bytes", 0);
	EXPECT_NUMBER(c, "maps", maps + 2);
	EXPECT_NUMBER(c, "unmaps", maps + 2);
	hf_expect_eq(json_object_array_length(at(c, "mapping_list")), 0, "mappings listed");
	json_object_put(o);
}

static void show_text(struct t *t)
{
	char line[160];
	struct mapped m;

	if (!map_both(t, &m))
		return;
	hf_expect_eq(tool("show %" PRIu64, m.id), OK, "show");
	snprintf(line, sizeof(line), "container %" PRIu64 ", type v2, made ", m.id);
	expect_said(line);
	snprintf(line, sizeof(line), "ago by tool (pid %d)\n", getpid());
	expect_said(line);
	snprintf(line, sizeof(line), "`- tool (pid %d): 2 mappings, 4 MiB, %" PRIu64 " pins\n",
		 getpid(), m.small_pins + m.huge_pins);
	expect_said(line);
	expect_said("  mapped       4 MiB: 1% as 4K, 99% as 2M, 0% as 1G pages\n");
	snprintf(line, sizeof(line), "   |- 0x%llx      0x%" PRIxPTR "       36 KiB  r-   pages  live",
		 SMALL_IOVA, (uintptr_t)m.small.addr);
	expect_said(line);
	hf_expect_eq(tool("top"), OK, "top without a terminal");
	expect_said("1 container, 2 mappings: 4 MiB mapped, ");
	snprintf(line, sizeof(line), "%4" PRIu64 " %7d tool                 2      4 MiB ", m.id,
		 getpid());
	expect_said(line);
	hf_expect_eq(tool("incoherent %" PRIu64, m.id), OK, "incoherent");
	unmap_both(t, &m);
}

/* Memory that was given back under the device: exit status 3, and where. */
static void incoherent(struct t *t)
{
	const uint64_t from = 3 * T_PAGE, part = 2 * T_PAGE;
	struct mapped m;
	json_object *o;

	if (!map_both(t, &m))
		return;
	hf_must(hf_try_audit(t->c, true, -1));
	hf_expect_eq(tool("incoherent"), OK, "nothing yet");
	hf_require(!madvise((char *)m.small.addr + from, part, MADV_DONTNEED), "give back");
	o = ask_about("incoherent", m.id, INCOHERENT);
	hf_expect(json_object_get_boolean(at(o, "containers.0.audit")), "it is audited");
	EXPECT_NUMBER(o, "containers.0.incoherent_bytes", part);
	hf_expect_eq(json_object_array_length(at(o, "containers.0.incoherent")), 1, "ranges");
	expect_address(o, "containers.0.incoherent.0.iova", SMALL_IOVA + from);
	EXPECT_NUMBER(o, "containers.0.incoherent.0.size", part);
	expect_address(o, "containers.0.incoherent.0.vaddr", (uintptr_t)m.small.addr + from);
	json_object_put(o);
	hf_expect_eq(tool("incoherent"), INCOHERENT, "as text");
	hf_must(hf_try_refresh(t->c, SMALL_IOVA, m.small.len, NULL, NULL));
	hf_expect_eq(tool("incoherent %" PRIu64, m.id), OK, "refreshed");
	hf_must(hf_try_audit(t->c, false, -1));
	unmap_both(t, &m);
}

static void picture(struct t *t)
{
	static const char letters[] = "KKKKKKKKK.";
	struct mapped m;
	struct stat st;
	json_object *o;
	const char *cells;

	if (!map_both(t, &m))
		return;
	/* 4 MiB in cells of 4 KiB are 16 rows, and one more is that of the small pages. */
	hf_expect_eq(tool("map %" PRIu64 " --rows 17 --json", m.id), OK, "map --json");
	o = json_tokener_parse(said.text);
	hf_require(o, "map --json is JSON");
	EXPECT_NUMBER(o, "cell_size", 4096);
	hf_expect_eq(json_object_array_length(at(o, "rows")), 17, "rows");
	expect_address(o, "rows.0.iova", SMALL_IOVA);
	cells = json_object_get_string(at(o, "rows.0.cells"));
	hf_expect(!strncmp(cells, letters, strlen(letters)), "cells of 4K pages: %s", cells);
	expect_address(o, "rows.1.iova", HUGE_IOVA);
	cells = json_object_get_string(at(o, "rows.16.cells"));
	hf_expect_eq(strspn(cells, "M"), 64, "cells of 2M pages: %s", cells);
	EXPECT_NUMBER(o, "fragmentation.runs", m.small_runs + m.huge_runs);
	EXPECT_NUMBER(o, "fragmentation.iommu_entries", SMALL_PAGES + HUGE_LEN / T_2M);
	EXPECT_NUMBER(o, "fragmentation.iommu_entries_4k", SMALL_PAGES + HUGE_LEN / T_PAGE);
	EXPECT_NUMBER(o, "fragmentation.holes", 1);
	EXPECT_NUMBER(o, "fragmentation.largest_hole", HUGE_IOVA - SMALL_IOVA - SMALL_PAGES * T_PAGE);
	json_object_put(o);

	unlink(COPY ".svg");
	hf_expect_eq(tool("map %" PRIu64 " --svg " COPY ".svg", m.id), OK, "map --svg");
	expect_said("       0x140000000 |MM");
	hf_expect(!stat(COPY ".svg", &st) && st.st_size > 1000, "the image was written");
	unmap_both(t, &m);
}

static void failures(struct t *t)
{
	uint64_t before, efault = 0;
	json_object *o, *c, *counter;
	struct hf_mem m;

	o = ask("top", OK);
	c = at(o, "containers.0");
	before = number(c, "map_failures");
	if (json_object_object_get_ex(at(c, "failures"), "EFAULT", &counter))
		efault = json_object_get_uint64(counter);
	json_object_put(o);
	if (!t_alloc(&m, "anon4k", 3 * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	for (int i = 0; i < 3; i++)
		hf_expect_eq(hf_try_map(t->c, SMALL_IOVA, m.addr, m.len + T_2M, HF_RW), -EFAULT,
			     "too long");
	o = ask("top", OK);
	c = at(o, "containers.0");
	EXPECT_NUMBER(c, "map_failures", before + 3);
	EXPECT_NUMBER(c, "failures.EFAULT", efault + 3);
	EXPECT_NUMBER(c, "mappings", 0);
	json_object_put(o);
	hf_expect_eq(tool("show"), OK, "show");
	expect_said("EFAULT ");
	expect_said("memory that is not mapped");
	hf_mem_free(&m);
}

/* A second one, with more mapped: first in the table, part of the sum, and then gone. */
static void two(struct t *t)
{
	const uint64_t first = only_container();
	char bdf[HF_BDF_LEN], words[64];
	struct hf_rig r;
	struct hf_mem m;
	json_object *o;
	uint64_t second;

	hf_must(hf_pci_vfio_device(1, bdf));
	if (!t_alloc(&m, "hugetlb2m", HUGE_LEN, 0, HF_MEM_TOUCHED))
		return;
	hf_must(hf_rig_open(&r, bdf, VFIO_TYPE1_IOMMU));
	hf_map(t->c, SMALL_IOVA, m.addr, T_2M, HF_RW);
	hf_map(&r.container, SMALL_IOVA, m.addr, m.len, HF_READ);
	o = ask("top", OK);
	hf_expect_eq(json_object_array_length(at(o, "containers")), 2, "containers");
	EXPECT_NUMBER(o, "containers.0.bytes", HUGE_LEN);
	EXPECT_NUMBER(o, "containers.1.bytes", T_2M);
	expect_text(o, "containers.0.type", "v1");
	second = number(o, "containers.0.id");
	EXPECT_NUMBER(o, "containers.1.id", first);
	json_object_put(o);
	o = ask("top --sort id", OK);
	EXPECT_NUMBER(o, "containers.0.id", first < second ? first : second);
	json_object_put(o);
	o = ask("stat", OK);
	EXPECT_NUMBER(o, "containers", 2);
	EXPECT_NUMBER(o, "bytes", HUGE_LEN + T_2M);
	EXPECT_NUMBER(o, "charged_bytes", HUGE_LEN + T_2M);
	json_object_put(o);

	hf_rig_close(&r);
	snprintf(words, sizeof(words), "show %" PRIu64, second);
	hf_expect_eq(tool("%s", words), GONE, "%s after it was closed", words);
	hf_expect_eq(only_container(), first, "who is left");
	hf_unmap(t->c, SMALL_IOVA, T_2M);
	hf_mem_free(&m);
}

/* What was copied reads as what is there; a copy that is damaged is refused. */
static void copy(struct t *t)
{
	struct mapped m;
	json_object *o;

	if (!map_both(t, &m))
		return;
	hf_expect_eq(t_command("rm -rf " COPY " && cp -r " DEBUGFS "/holdfast " COPY), 0, "cp -r");
	unmap_both(t, &m);
	o = ask("show --root " COPY, OK);
	EXPECT_NUMBER(o, "containers.0.id", m.id);
	EXPECT_NUMBER(o, "containers.0.mappings", 2);
	EXPECT_NUMBER(o, "containers.0.mapping_list.0.pins", m.small_pins);
	expect_text(o, "containers.0.command", "tool");
	json_object_put(o);
	o = ask("show", OK);
	EXPECT_NUMBER(o, "containers.0.mappings", 0);
	json_object_put(o);
	hf_expect_eq(t_command("echo 99 >" COPY "/version"), 0, "another version");
	hf_expect_eq(tool("stat --root " COPY), VERSION, "another version");
	hf_expect_eq(t_command("echo 1 >" COPY "/version; echo x >" COPY "/containers/%" PRIu64 "/info",
			       m.id), 0, "damage");
	hf_expect_eq(tool("stat --root " COPY), MALFORMED, "no such text");
	hf_expect_eq(t_command("rm -rf " COPY), 0, "rm");
}

static void in_the_way(struct t *t)
{
	(void)t;
	hf_expect_eq(tool_as(NOBODY, "stat"), DENIED, "nobody");
	expect_said("use sudo");
	hf_expect_eq(tool("nonsense"), USAGE, "no such command");
	hf_expect_eq(tool("stat >/dev/full"), FAILED, "a full disk");

	hf_require(!umount(DEBUGFS), "umount debugfs");
	hf_expect_eq(tool("stat"), NO_DEBUGFS, "without debugfs");
	hf_require(!mount("debugfs", DEBUGFS, "debugfs", 0, NULL), "mount debugfs");
	expect_said("mount -t debugfs");

	hf_require(!t_command("rmmod %s", T_MODULE_HOLDFAST), "unload holdfast");
	hf_expect_eq(tool("stat"), NO_MODULE, "without the module");
	expect_said("modprobe vfio_iommu_holdfast");
	hf_expect_eq(tool_as(NOBODY, "top"), NO_MODULE, "without the module, for nobody");
	hf_require(!t_command("modprobe %s", T_MODULE_HOLDFAST), "load holdfast");
	hf_expect_eq(tool("stat"), OK, "all is back");
}

static const struct t_case cases[] = {
	{ "no container", no_container, T_HOLDFAST, NULL },
	{ "mappings, in JSON", show_json, T_RIG | T_HOLDFAST, NULL },
	{ "mappings, as text", show_text, T_RIG | T_HOLDFAST, NULL },
	{ "memory that was given back", incoherent, T_RIG | T_HOLDFAST, NULL },
	{ "the picture", picture, T_RIG | T_HOLDFAST, NULL },
	{ "maps that fail", failures, T_RIG | T_HOLDFAST, NULL },
	{ "two containers", two, T_RIG | T_HOLDFAST, NULL },
	{ "a copy of the state", copy, T_RIG | T_HOLDFAST, NULL },
	{ "what is in the way, by exit code", in_the_way, T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
