// SPDX-License-Identifier: GPL-2.0-only
/*
 * place.c - making the places, and touching memory that may not be there.
 *
 * Invariant: a place that no operation used is as it was made, so that a sequence begins in
 * the same address space whatever ran before it. Making is the cost of a sequence (faults and
 * zeroing), so only what was used is made again.
 */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <holdfast/fail.h>
#include <holdfast/proc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif

#define BASE 0x10000000000ULL
#define AT(n) (BASE + (n) * (1ULL << 30))
#define SMALL (64 * CF_PAGE)
#define LARGE (2 * CF_2M)
#define RW (PROT_READ | PROT_WRITE)

#define BOTH (CF_BACKED | CF_WRITES)

const struct cf_place_kind cf_places[CF_PLACES] = {
	[CF_ABS] = { "abs", 0, 0, CF_FIXED, 4 },
	[CF_ARG] = { "arg", AT(1), CF_PAGE, CF_FIXED, 0 },
	[CF_BITS] = { "bits", AT(2), 16 * CF_PAGE, CF_FIXED, 0 },
	[CF_ANON] = { "anon", AT(3), SMALL, BOTH, 16 },
	[CF_FRESH] = { "fresh", AT(4), SMALL, BOTH, 8 },
	[CF_ZERO] = { "zero", AT(5), SMALL, BOTH, 6 },
	[CF_THP] = { "thp", AT(6), LARGE, BOTH, 8 },
	[CF_NEWTHP] = { "newthp", AT(7), LARGE, BOTH, 3 },
	[CF_HUGE] = { "huge", AT(8), LARGE, BOTH | CF_HUGETLB, 6 },
	[CF_HUGEMEM] = { "hugemem", AT(9), LARGE, BOTH | CF_HUGETLB, 4 },
	[CF_SHMEM] = { "shmem", AT(10), SMALL, BOTH, 8 },
	[CF_FILE] = { "file", AT(11), SMALL, BOTH, 8 },
	[CF_SHARED] = { "shared", AT(12), SMALL, BOTH, 4 },
	[CF_READONLY] = { "readonly", AT(13), SMALL, CF_BACKED, 6 },
	[CF_ROFILE] = { "rofile", AT(14), SMALL, CF_BACKED, 3 },
	[CF_NONE] = { "none", AT(15), 16 * CF_PAGE, CF_BACKED, 2 },
	[CF_HOLE] = { "hole", AT(16), SMALL, CF_FIXED, 2 },
	[CF_GAPS] = { "gaps", AT(17), SMALL, BOTH, 6 },
	[CF_EOF] = { "eof", AT(18), 16 * CF_PAGE, BOTH, 3 },
	[CF_MOVED] = { "moved", AT(19), LARGE, BOTH, 4 },
	[CF_STACK] = { "stack", AT(20), 16 * CF_PAGE, BOTH | CF_FIXED, 2 },
	[CF_MIXED] = { "mixed", AT(22), LARGE + 2 * SMALL, BOTH | CF_FIXED, 5 },
	[CF_BAR] = { "bar", AT(23), 0x20000, CF_FIXED, 4 },
	[CF_PORT] = { "port", AT(24), 16 * CF_PAGE, CF_FIXED, 1 },
};

static bool used[CF_PLACES];
static int fds[CF_PLACES]; /* the file behind a place, 0 for none */

int cf_place_find(const char *name, size_t len)
{
	for (int i = 0; i < CF_PLACES; i++)
		if (strlen(cf_places[i].name) == len && !strncmp(cf_places[i].name, name, len))
			return i;
	return -1;
}

/* Guarded access */

static sigjmp_buf back;
static volatile sig_atomic_t guarded;

static void on_fault(int sig)
{
	if (guarded)
		siglongjmp(back, 1);
	signal(sig, SIG_DFL);
	raise(sig);
}

bool cf_copy(void *dst, const void *src, size_t len)
{
	if (sigsetjmp(back, 0)) {
		guarded = 0;
		return false;
	}
	guarded = 1;
	memcpy(dst, src, len);
	guarded = 0;
	return true;
}

bool cf_peek(uint64_t addr, uint64_t *word)
{
	return cf_copy(word, (const void *)addr, sizeof(*word));
}

bool cf_poke(uint64_t addr, uint64_t word)
{
	return cf_copy((void *)addr, &word, sizeof(word));
}

static void guard_init(void)
{
	/* No signal mask to restore: the handler is left by a jump, nodefer keeps it able. */
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* Making places */

static void map_at(uint64_t addr, uint64_t len, int prot, int flags, int fd)
{
	void *want = (void *)addr;

	hf_require(mmap(want, len, prot, flags | MAP_FIXED, fd, 0) == want,
		   "a place at 0x%llx", (unsigned long long)addr);
}

static void anonymous(uint64_t addr, uint64_t len, int advice)
{
	map_at(addr, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	madvise((void *)addr, len, advice);
}

static void tags(uint64_t addr, uint64_t len)
{
	for (uint64_t at = addr; at < addr + len; at += CF_PAGE)
		*(volatile uint64_t *)at = cf_tag(at, 0);
}

static void look(uint64_t addr, uint64_t len)
{
	for (uint64_t at = addr; at < addr + len; at += CF_PAGE)
		(void)*(volatile uint64_t *)at;
}

static int memory_file(unsigned int flags, uint64_t len)
{
	int fd = memfd_create("place", MFD_CLOEXEC | flags);

	hf_require(fd >= 0 && !ftruncate(fd, (off_t)len), "a memfd");
	return fd;
}

static int disk_file(uint64_t addr, uint64_t len)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	hf_require(fd >= 0 && !ftruncate(fd, (off_t)len), "a file");
	for (uint64_t at = 0; at < len; at += CF_PAGE) {
		const uint64_t tag = cf_tag(addr + at, 0);

		hf_require(pwrite(fd, &tag, sizeof(tag), (off_t)at) == sizeof(tag), "a file");
	}
	return fd;
}

static void backed_by(unsigned int i, int fd, int prot, int how)
{
	fds[i] = fd;
	map_at(cf_places[i].addr, cf_places[i].len, prot, how, fd);
	if (!(cf_places[i].props & CF_HUGETLB))
		madvise((void *)cf_places[i].addr, cf_places[i].len, MADV_NOHUGEPAGE);
}

static void mixed(uint64_t addr)
{
	fds[CF_MIXED] = memory_file(0, SMALL);
	anonymous(addr, SMALL, MADV_NOHUGEPAGE);
	map_at(addr + SMALL, SMALL, RW, MAP_SHARED, fds[CF_MIXED]);
	tags(addr, 2 * SMALL);
	/* Not at a 2M boundary on purpose: huge pages begin somewhere inside. */
	anonymous(addr + 2 * SMALL, LARGE, MADV_HUGEPAGE);
	tags(addr + 2 * SMALL, LARGE / 2);
}

/* Both sides' huge pages, and some to spare; else the places for them are holes. */
static bool pool(void)
{
	static const char file[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
	char text[32];

	return hf_proc_read_file(file, text, sizeof(text)) > 0 && atoi(text) >= 64;
}

static void make(unsigned int i)
{
	const uint64_t addr = cf_places[i].addr, len = cf_places[i].len;

	switch (i) {
	case CF_ANON:
	case CF_GAPS:
	case CF_READONLY:
		anonymous(addr, len, MADV_NOHUGEPAGE);
		tags(addr, len);
		if (i == CF_READONLY)
			mprotect((void *)addr, len, PROT_READ);
		for (uint64_t at = 14; i == CF_GAPS && at < len / CF_PAGE; at += 16)
			munmap((void *)(addr + at * CF_PAGE), 2 * CF_PAGE);
		break;
	case CF_FRESH:
	case CF_ZERO:
		anonymous(addr, len, MADV_NOHUGEPAGE);
		if (i == CF_ZERO)
			look(addr, len);
		break;
	case CF_THP:
	case CF_NEWTHP:
		anonymous(addr, len, MADV_HUGEPAGE);
		if (i == CF_THP)
			tags(addr, len);
		break;
	case CF_HUGE:
		if (!pool())
			break;
		map_at(addr, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1);
		tags(addr, len);
		break;
	case CF_HUGEMEM:
		if (!pool())
			break;
		backed_by(i, memory_file(MFD_HUGETLB | MFD_HUGE_2MB, len), RW, MAP_SHARED);
		break;
	case CF_SHMEM:
		backed_by(i, memory_file(0, len), RW, MAP_SHARED);
		tags(addr, len);
		break;
	case CF_FILE:
		backed_by(i, disk_file(addr, len), RW, MAP_PRIVATE);
		break;
	case CF_SHARED:
		backed_by(i, disk_file(addr, len), RW, MAP_SHARED);
		break;
	case CF_ROFILE:
		backed_by(i, disk_file(addr, len), PROT_READ, MAP_SHARED);
		break;
	case CF_NONE:
		map_at(addr, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		break;
	case CF_EOF:
		backed_by(i, memory_file(0, CF_PAGE), RW, MAP_SHARED);
		tags(addr, CF_PAGE);
		break;
	case CF_STACK:
		map_at(addr, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1);
		tags(addr, len);
		break;
	case CF_MIXED:
		mixed(addr);
		break;
	default:
		break;
	}
}

void cf_places_open(void)
{
	guard_init();
	anonymous(cf_places[CF_ARG].addr, CF_PAGE, MADV_NOHUGEPAGE);
	anonymous(cf_places[CF_BITS].addr, cf_places[CF_BITS].len, MADV_NOHUGEPAGE);
	for (unsigned int i = 0; i < CF_PLACES; i++)
		if (cf_places[i].props & CF_BACKED)
			make(i);
}

void cf_place_used(uint64_t addr)
{
	const uint64_t n = (addr - BASE) >> 30;

	if (addr < BASE)
		return;
	for (unsigned int i = 0; i < CF_PLACES; i++)
		if (cf_places[i].addr == AT(n))
			used[i] = true;
}

void cf_places_reset(void)
{
	for (unsigned int i = 0; i < CF_PLACES; i++) {
		if (!used[i] || !(cf_places[i].props & CF_BACKED))
			continue;
		used[i] = false;
		/* More than the place: an operation may have put something behind it. */
		munmap((void *)cf_places[i].addr, 64 * CF_2M);
		if (fds[i])
			close(fds[i]);
		fds[i] = 0;
		make(i);
	}
}

int cf_place_remap(unsigned int place, uint64_t addr, uint64_t len)
{
	int flags = MAP_FIXED, fd = fds[place];
	off_t offset = 0;

	if (fd) {
		flags |= place == CF_FILE ? MAP_PRIVATE : MAP_SHARED;
		offset = (off_t)(addr - cf_places[place].addr);
	} else {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
		if (cf_places[place].props & CF_HUGETLB)
			flags |= MAP_HUGETLB | MAP_HUGE_2MB;
	}
	if (mmap((void *)addr, len, RW, flags, fd ? fd : -1, offset) == MAP_FAILED)
		return -errno;
	if (!(cf_places[place].props & CF_HUGETLB))
		madvise((void *)addr, len, MADV_NOHUGEPAGE);
	return 0;
}

void cf_place_bar(int device_fd, uint64_t offset, uint64_t len)
{
	const struct cf_place_kind *k = &cf_places[CF_BAR];

	munmap((void *)k->addr, k->len);
	if (device_fd < 0)
		return;
	hf_require(len <= k->len && mmap((void *)k->addr, len, RW, MAP_SHARED | MAP_FIXED,
					 device_fd, (off_t)offset) != MAP_FAILED, "a BAR");
}
