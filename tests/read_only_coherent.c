// SPDX-License-Identifier: GPL-2.0-only
/*
 * read_only_coherent - what the device may only read stays what the CPU sees, whatever the
 * memory was when it was mapped, and whoever writes to it later.
 *
 * The scenario is Kevin Tian's, "RE: [PATCH] vfio/type1: Unpin zero pages", 2 September 2022:
 * QEMU has the region of the guest's BIOS mapped read-only for the device before it loads the
 * BIOS into it; the device reads zeroes ever after.
 *
 * Memory that was never written is a shared zero page, or a page of the file's, and gets a
 * page of its own at the first write. A mapping must not hold on to the former. Kernels before
 * 6.2 leave that to whoever pins, and their stock is stale. So: every backing in which pages
 * can be replaced or shared, and every way to write to it:
 *
 *	the mapper	the CPU, in the process that mapped it
 *	its child	after a fork: the child gets the copy, device and parent stay together
 *	the parent	after a fork, while the child has its copy
 *	another mapping	of the file, with the backing's pages or without
 *	write(2)	to the file
 *	a device	of another container, mapped for writing there
 *
 * After each, every byte of what the device reads is compared with what the CPU reads. Where the
 * mapper may write, the same is done with a mapping the device may write to, in both directions.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/pattern.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "pages.h"
#include "side.h"
#include "verdict.h"

#define IOVA 0x6000000000ULL

/* Where the port of the second container's device lives, in IOVAs of that container. */
#define OTHER_PORT 0x7000000000ULL

enum writer { MAPPER, CHILD, PARENT, OTHER, CALL, WRITERS };

static const char *const writer_names[WRITERS] = {
	[MAPPER] = "the mapper",     [CHILD] = "its child", [PARENT] = "the parent",
	[OTHER] = "another mapping", [CALL] = "write(2)",
};

#define BIT(n) (1u << (n))
#define BY_CPU (BIT(MAPPER) | BIT(CHILD) | BIT(PARENT))
#define BY_FILE (BIT(OTHER) | BIT(CALL))
#define BY_ALL (BY_CPU | BY_FILE)
#define BY_MMAP (BY_CPU | BIT(OTHER))

struct scene;

/* A backing and its state when it is mapped. */
struct backing {
	const char *name;
	/* A kind of the client library, or how to make it. */
	const char *kind;
	void (*make)(struct scene *s);
	unsigned int flags;
	size_t pages;
	size_t offset;
	unsigned int writers;
	/* PROT_READ when it is mapped, made writable before it is written. */
	bool later;
	struct t_stock stock;
};

struct scene {
	struct t *t;
	const struct backing *b;
	struct hf_mem m;
	char *addr;
	size_t len;
	/* The file behind it, where @addr is in it. */
	int fd;
	off_t at;
	bool shared;
	/* No mprotect() makes it writable. */
	bool never;
	struct t_gate *gate;
	uint64_t seed;
};

static void write_pages(char *addr, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len / T_PAGE; i++)
		t_page_fill(addr + i * T_PAGE, i, seed);
}

static bool holds(const char *addr, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len / T_PAGE; i++)
		if (!t_page_holds(addr + i * T_PAGE, i, seed))
			return false;
	return true;
}

/*
 * Backings that are no kind of the library
 */
static void map_at(char *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	hf_require(mmap(at, len, prot, flags | MAP_FIXED, fd, offset) == at, "mmap: %s",
		   strerror(errno));
}

/* A file that this process may not write to through the mapping. */
static void read_only_file(struct scene *s, int how)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	hf_require(fd >= 0, "open the file once more: %s", strerror(errno));
	map_at(s->addr, s->len, PROT_READ, how, fd, s->at);
	close(fd);
}

static void make_shared_ro(struct scene *s)
{
	read_only_file(s, MAP_SHARED);
	s->never = true;
}

static void make_private_ro(struct scene *s)
{
	read_only_file(s, MAP_PRIVATE);
	s->shared = false;
	hf_require(!mprotect(s->addr, s->len, PROT_READ | PROT_WRITE), "mprotect");
}

/* Of a file, unlike anonymous hugetlb memory, the first read shows a page that is the file's. */
static void make_private_huge_file(struct scene *s)
{
	map_at(s->addr, s->len, PROT_READ | PROT_WRITE, MAP_PRIVATE, s->fd, s->at);
	if (s->b->flags & HF_MEM_READ_TOUCHED)
		hf_mem_touch_read(s->addr, s->len);
	s->shared = false;
}

static void make_shared_anon(struct scene *s)
{
	map_at(s->addr, s->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s->shared = true;
}

/*
 * Areas of five makes in one range: anonymous, private file, shared file, zero pages, shared
 * memory. The file is behind the second and third only, so nobody writes to it.
 */
static void make_mixed(struct scene *s)
{
	const size_t n = s->len / 5 / T_PAGE * T_PAGE;
	char *at = s->addr;

	map_at(at, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map_at(at + n, n, PROT_READ | PROT_WRITE, MAP_PRIVATE, s->fd, (off_t)n);
	map_at(at + 2 * n, n, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, (off_t)(3 * n));
	map_at(at + 3 * n, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_mem_touch_read(at + 3 * n, n);
	map_at(at + 4 * n, s->len - 4 * n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	       0);
	s->fd = -1;
}

static bool scene_open(struct scene *s)
{
	const struct backing *b = s->b;

	if (!t_alloc(&s->m, b->kind, b->pages * T_PAGE, b->offset * T_PAGE, b->flags))
		return false;
	s->addr = s->m.addr;
	s->len = s->m.len;
	s->fd = s->m.fd;
	s->at = s->fd < 0 ? 0 : s->addr - (char *)s->m.file_addr;
	s->shared = s->m.kind->props & HF_KIND_SHARED;
	s->never = false;
	if (b->make)
		b->make(s);
	if (b->later)
		hf_require(!mprotect(s->addr, s->len, PROT_READ), "mprotect");
	return true;
}

/* Does the device read what the CPU reads? No expectation. */
static bool together(const struct scene *s)
{
	struct t_port *port = &s->t->port;

	for (size_t at = 0; at < s->len; at += T_BOUNCE_SIZE) {
		const size_t n = s->len - at < T_BOUNCE_SIZE ? s->len - at : T_BOUNCE_SIZE;

		memset(port->bounce.addr, 0xa5, n);
		hf_must(hf_dma_copy(port->dma, port->iova, IOVA + at, n));
		if (memcmp(port->bounce.addr, s->addr + at, n))
			return false;
	}
	return true;
}

/* The device writes; does the CPU read it? */
static bool device_reaches(const struct scene *s)
{
	struct t_port *port = &s->t->port;
	const uint64_t seed = t_seed();

	for (size_t at = 0; at < s->len; at += T_BOUNCE_SIZE) {
		const size_t n = s->len - at < T_BOUNCE_SIZE ? s->len - at : T_BOUNCE_SIZE;

		hf_pattern_fill(port->bounce.addr, n, at, seed);
		hf_must(hf_dma_copy(port->dma, IOVA + at, port->iova, n));
	}
	return hf_pattern_check(s->addr, s->len, 0, seed, NULL);
}

/*
 * Who writes. Each returns with the contents written, and says what its own view of them is by
 * expectations: those hold on every kernel.
 */
static void child_writes(void *arg)
{
	struct scene *s = arg;

	write_pages(s->addr, s->len, s->seed);
	hf_expect(holds(s->addr, s->len, s->seed), "the child sees what it wrote");
}

static void child_keeps(void *arg)
{
	struct scene *s = arg;
	const uint64_t seed = s->seed;

	/* Its copy is its own from here on. */
	write_pages(s->addr, s->len, seed);
	t_gate_open(s->gate, 1);
	t_gate_wait(s->gate, 2);
	if (!s->shared)
		hf_expect(holds(s->addr, s->len, seed), "the child's copy is still the child's");
}

static void parent_writes(struct scene *s)
{
	pid_t pid;

	s->gate = t_gate_new();
	s->seed = t_seed();
	pid = t_child_start(child_keeps, s);
	t_gate_wait(s->gate, 1);
	s->seed = t_seed();
	write_pages(s->addr, s->len, s->seed);
	t_gate_open(s->gate, 2);
	t_child_end(pid, "the child");
	munmap(s->gate, T_PAGE);
}

static void write_elsewhere(struct scene *s)
{
	char *p = mmap(NULL, s->len, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, s->at);

	hf_require(p != MAP_FAILED, "mmap of the file: %s", strerror(errno));
	write_pages(p, s->len, s->seed);
	munmap(p, s->len);
}

static void write_file(struct scene *s)
{
	char page[T_PAGE];

	for (size_t i = 0; i < s->len / T_PAGE; i++) {
		memset(page, 0, sizeof(page));
		t_page_fill(page, i, s->seed);
		hf_require(pwrite(s->fd, page, T_PAGE, s->at + (off_t)(i * T_PAGE)) ==
				   (ssize_t)T_PAGE,
			   "write: %s", strerror(errno));
	}
}

static void let_write(struct scene *s, enum writer who)
{
	const bool by_cpu = BIT(who) & BY_CPU;
	/* The writer's pages are the mapper's. */
	const bool reaches = who == MAPPER || who == PARENT || s->shared;

	if (by_cpu && s->b->later)
		hf_require(!mprotect(s->addr, s->len, PROT_READ | PROT_WRITE), "mprotect");
	s->seed = t_seed();
	switch (who) {
	case MAPPER:
		write_pages(s->addr, s->len, s->seed);
		break;
	case CHILD:
		t_child(child_writes, s, "the child");
		break;
	case PARENT:
		parent_writes(s);
		break;
	case OTHER:
		write_elsewhere(s);
		break;
	default:
		write_file(s);
		break;
	}
	/* A private mapping of a file may or may not show what is written to the file. */
	if (reaches || by_cpu)
		hf_expect(holds(s->addr, s->len, s->seed) == reaches,
			  "%s writes, and the mapper %s see it", writer_names[who],
			  reaches ? "must" : "must not");
}

/*
 * One backing, one writer. Return: those whose writes device and CPU parted after.
 */
static unsigned int one_writer(struct scene *s, enum writer who, uint32_t prot)
{
	struct t *t = s->t;
	unsigned int stale = 0;

	hf_map(t->c, IOVA, s->addr, s->len, prot);
	hf_expect(together(s), "mapped: device and CPU agree before anybody writes");
	let_write(s, who);
	if (!together(s))
		stale |= BIT(who);
	/* The mapper's first write, or one more: once it has pages of its own they stay. */
	if (!s->never && !(s->b->later && !(BIT(who) & BY_CPU))) {
		write_pages(s->addr, s->len, t_seed());
		if (!together(s))
			stale |= BIT(MAPPER);
	}
	if (prot & HF_WRITE)
		hf_expect(device_reaches(s), "%s wrote: what the device writes, the CPU reads",
			  writer_names[who]);
	hf_unmap(t->c, IOVA, s->len);
	return stale;
}

/* What it held before is there after the map, too. */
static void unchanged(const struct scene *s)
{
	const unsigned int props = s->m.kind->props;

	if (s->b->make || s->b->flags & HF_MEM_TOUCHED)
		return;
	hf_map(s->t->c, IOVA, s->addr, s->len, HF_READ);
	if (!strncmp(s->m.kind->name, "file", 4))
		hf_expect(hf_pattern_check(s->addr, s->len, (uint64_t)s->at, HF_MEM_FILE_SEED,
					   NULL),
			  "the file's bytes are still there");
	else if (!(props & HF_KIND_FILE))
		hf_expect(hf_pattern_is_byte(s->addr, s->len, 0, NULL), "still zeroes");
	hf_unmap(s->t->c, IOVA, s->len);
}

/* Read-only for the device is read-only. */
static void not_written(struct scene *s)
{
	struct t_port *port = &s->t->port;
	const uint64_t seed = t_seed();

	hf_map(s->t->c, IOVA, s->addr, s->len, HF_READ);
	hf_pattern_fill(port->bounce.addr, T_PAGE, 0, seed);
	t_faults_begin("a write to a read-only mapping");
	hf_must(hf_dma_copy(port->dma, IOVA + s->len - T_PAGE, port->iova, T_PAGE));
	t_faults_end();
	hf_expect(!hf_pattern_check(s->addr + s->len - T_PAGE, T_PAGE, 0, seed, NULL),
		  "the device wrote to what it may only read");
	hf_unmap(s->t->c, IOVA, s->len);
}

/* All writers; the device may only read, then also write. */
static bool all_writers(struct scene *s, unsigned int *stale)
{
	const struct backing *b = s->b;
	struct t *t = s->t;

	for (enum writer who = 0; who < WRITERS; who++) {
		if (!(b->writers & BIT(who)))
			continue;
		if (!scene_open(s))
			return false;
		*stale |= one_writer(s, who, HF_READ);
		hf_mem_free(&s->m);

		if (who != MAPPER && who != PARENT && !s->never)
			continue;
		if (!scene_open(s))
			return false;
		if (s->never || b->later)
			hf_expect_eq(hf_try_map(t->c, IOVA, s->addr, s->len, HF_RW), -EFAULT,
				     "mapped for writing");
		else
			hf_expect_eq(one_writer(s, who, HF_RW), 0,
				     "writers that part a mapping for reading and writing");
		hf_mem_free(&s->m);
	}
	return true;
}

static void backing(struct t *t)
{
	const struct backing *b = t->arg;
	struct scene s = { .t = t, .b = b };
	unsigned int stale = 0;
	char who[100] = "";

	if (!all_writers(&s, &stale) || !scene_open(&s))
		return;
	unchanged(&s);
	not_written(&s);
	hf_mem_free(&s.m);
	for (enum writer w = 0; w < WRITERS; w++)
		if (stale & BIT(w))
			snprintf(who + strlen(who), sizeof(who) - strlen(who), "%s%s",
				 *who ? ", " : "", writer_names[w]);
	if (stale)
		t_verdict(t, b->name, &b->stock, T_STALE, "old bytes after a write by %s", who);
	else
		t_verdict(t, b->name, &b->stock, T_RIGHT, "device and CPU agree");
}

/*
 * The device of another container writes, into the pages it got there.
 */
static bool written_by_device(struct scene *s, struct t_side *side,
			      const struct hf_container *other)
{
	const uint64_t seed = t_seed();
	bool good;

	hf_map(s->t->c, IOVA, s->addr, s->len, HF_READ);
	hf_map(other, IOVA, s->addr, s->len, HF_RW);
	t_dma_writes(&side->port, IOVA, s->len, 0, seed, s->b->name);
	good = hf_pattern_check(s->addr, s->len, 0, seed, NULL) && together(s);
	hf_unmap(other, IOVA, s->len);
	hf_unmap(s->t->c, IOVA, s->len);
	return good;
}

/*
 * PROT_NONE stays refused, of whatever make, and also when it is a page among others.
 */
static void prot_none(struct t *t)
{
	static const char *const kinds[] = { "anon4k", "thp",	      "hugetlb2m",
					     "file",   "file-shared", "shmem4k" };
	static const struct t_stock stock = T_STOCK_RIGHT;
	size_t mapped = 0;
	struct hf_mem m;

	for (size_t i = 0; i < T_ARRAY_SIZE(kinds) * 2; i++) {
		const bool huge = !strncmp(kinds[i / 2], "hugetlb", 7);
		const size_t part = huge ? T_2M : T_PAGE;

		if (!t_alloc(&m, kinds[i / 2], 2 * T_2M, 0, i % 2 ? HF_MEM_TOUCHED : 0))
			return;
		hf_require(!mprotect((char *)m.addr + T_2M, part, PROT_NONE), "mprotect");
		for (uint32_t prot = HF_READ; prot <= HF_RW; prot++) {
			mapped += !hf_try_map(t->c, IOVA, m.addr, m.len, prot);
			hf_try_unmap(t->c, IOVA, m.len, 0, NULL);
			mapped += !hf_try_map(t->c, IOVA, (char *)m.addr + T_2M, part, prot);
			hf_try_unmap(t->c, IOVA, part, 0, NULL);
		}
		hf_require(!mprotect((char *)m.addr + T_2M, part, PROT_READ | PROT_WRITE),
			   "mprotect");
		hf_map(t->c, IOVA, m.addr, m.len, HF_READ);
		hf_unmap(t->c, IOVA, m.len);
		hf_mem_free(&m);
	}
	t_verdict(t, "memory that is PROT_NONE", &stock, mapped ? "mapped" : T_RIGHT, "%s",
		  mapped ? "the device reads what the process may not" : "refused");
}

/* No mapping takes a reference to the zero page that it does not give back, nor keeps one. */
static void no_zero_page(struct t *t)
{
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", 16 * T_PAGE, 0, HF_MEM_READ_TOUCHED))
		return;
	hf_expect_eq(hf_mem_is_zero_page(m.addr), 1, "zero page before the map");
	for (int i = 0; i < 50; i++) {
		hf_map(t->c, IOVA, m.addr, m.len, HF_READ);
		for (size_t p = 0; p < 16 && t->on == T_ON_HOLDFAST; p++)
			hf_expect_eq(hf_mem_is_zero_page((char *)m.addr + p * T_PAGE), 0,
				     "page %zu is its own while mapped", p);
		hf_unmap(t->c, IOVA, m.len);
	}
	hf_mem_free(&m);
}

#define READ HF_MEM_READ_TOUCHED
#define WRITTEN HF_MEM_TOUCHED
#define STALE T_STOCK_STALE_BEFORE_6_2
#define RIGHT T_STOCK_RIGHT
#define LATER .later = true
#define B(words, memory, state, n, who, known, ...) \
	{ \
		.name = words, .kind = memory, .flags = state, .pages = n, .writers = who, \
		.stock = known, ##__VA_ARGS__ \
	}

static const struct backing backings[] = {
	B("anonymous, untouched", "anon4k", 0, 700, BY_CPU, STALE),
	B("anonymous, read before (zero page)", "anon4k", READ, 700, BY_CPU, STALE),
	B("anonymous, one page, untouched", "anon4k", 0, 1, BY_CPU, STALE),
	B("anonymous, written before", "anon4k", WRITTEN, 700, BY_CPU, RIGHT),
	B("THP, untouched", "thp", 0, 1100, BY_CPU, STALE),
	B("THP, read before (huge zero page)", "thp", READ, 600, BY_CPU, STALE),
	B("THP, a part, untouched", "thp", 0, 300, BY_CPU, STALE, .offset = 100),
	B("THP, written before", "thp", WRITTEN, 600, BY_CPU, RIGHT),
	B("private file, untouched", "file", 0, 600, BY_ALL, STALE),
	B("private file, read before", "file", READ, 300, BY_ALL, STALE),
	B("private file, written before", "file", WRITTEN, 300, BY_ALL, RIGHT),
	B("private file opened read-only", "file-shared", 0, 60, BY_ALL, STALE,
	  .make = make_private_ro),
	B("private hugetlb, untouched", "hugetlb2m", 0, 1024, BY_CPU, RIGHT),
	B("private hugetlb, read before", "hugetlb2m", READ, 512, BY_CPU, RIGHT),
	B("private hugetlb, written before", "hugetlb2m", WRITTEN, 512, BY_CPU, RIGHT),
	B("private hugetlb file, untouched", "hugetlb2m-shared", 0, 1024, BY_MMAP, RIGHT,
	  .make = make_private_huge_file),
	B("private hugetlb file, read before", "hugetlb2m-shared", READ, 512, BY_MMAP, STALE,
	  .make = make_private_huge_file),
	B("shared hugetlb, untouched", "hugetlb2m-shared", 0, 1024, BY_MMAP, RIGHT),
	B("shared hugetlb, written before", "hugetlb2m-shared", WRITTEN, 512, BY_MMAP, RIGHT),
	B("shared file opened read-only", "file-shared", 0, 600, BY_FILE, RIGHT,
	  .make = make_shared_ro),
	B("shared file opened read-only, read before", "file-shared", READ, 300, BY_FILE, RIGHT,
	  .make = make_shared_ro),
	B("shared file", "file-shared", 0, 600, BY_ALL, RIGHT),
	B("shared memory", "shmem4k", 0, 300, BY_CPU, RIGHT, .make = make_shared_anon),
	B("memfd, untouched", "shmem4k", 0, 600, BY_ALL, RIGHT),
	B("memfd, huge pages", "shmemthp", WRITTEN, 600, BY_ALL, RIGHT),
	B("areas of five makes", "file-shared", 0, 500, BIT(MAPPER), STALE, .make = make_mixed),
	B("anonymous, read before, writable later", "anon4k", READ, 40, BY_CPU, STALE, LATER),
	B("anonymous, written before, writable later", "anon4k", WRITTEN, 40, BY_CPU, RIGHT, LATER),
	B("THP, untouched, writable later", "thp", 0, 600, BY_CPU, STALE, LATER),
	B("private file, writable later", "file", 0, 40, BY_ALL, STALE, LATER),
	B("private hugetlb, untouched, writable later", "hugetlb2m", 0, 512, BY_CPU, RIGHT, LATER),
	B("private hugetlb, written before, writable later", "hugetlb2m", WRITTEN, 512, BY_CPU,
	  RIGHT, LATER),
	B("private hugetlb file, read before, writable later", "hugetlb2m-shared", READ, 512,
	  BY_CPU, STALE, LATER, .make = make_private_huge_file),
	B("private hugetlb file, untouched, writable later", "hugetlb2m-shared", 0, 1024, BY_CPU,
	  RIGHT, LATER, .make = make_private_huge_file),
	B("shared file, writable later", "file-shared", 0, 40, BY_ALL, RIGHT, LATER),
};

#define BACKINGS T_ARRAY_SIZE(backings)

static void another_device(struct t *t)
{
	static const struct t_stock stock = T_STOCK_STALE_BEFORE_6_2;
	struct scene s = { .t = t };
	struct hf_container other;
	struct t_side side;
	size_t bad = 0, done = 0;

	hf_must(hf_container_open(&other));
	t_side_attach(&side, 1, &other);
	hf_must(hf_container_set_type(&other, VFIO_TYPE1v2_IOMMU));
	t_side_start(&side, &other, OTHER_PORT);
	for (s.b = backings; s.b < backings + BACKINGS; s.b++) {
		if (!scene_open(&s))
			break;
		if (!s.b->later && !s.never) {
			const bool good = written_by_device(&s, &side, &other);

			if (!good)
				hf_ktap_diag("%s: stale after the other device wrote", s.b->name);
			bad += !good;
			done++;
		}
		hf_mem_free(&s.m);
	}
	t_side_close(&side);
	hf_container_close(&other);
	t_verdict(t, "any of these, written by a device of another container", &stock,
		  bad ? T_STALE : T_RIGHT, "%zu of %zu backings are stale", bad, done);
}

int main(void)
{
	struct t_case cases[BACKINGS + 3];

	for (size_t i = 0; i < BACKINGS; i++)
		cases[i] = (struct t_case){ backings[i].name, backing, T_DMA, &backings[i] };
	cases[BACKINGS] = (struct t_case){ "another device", another_device, T_DMA, NULL };
	cases[BACKINGS + 1] = (struct t_case){ "PROT_NONE", prot_none, T_DMA, NULL };
	cases[BACKINGS + 2] = (struct t_case){ "the zero page", no_zero_page, T_RIG, NULL };
	return T_RUN(cases);
}
