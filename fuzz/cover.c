// SPDX-License-Identifier: GPL-2.0-only
/*
 * cover.c - the user's side of module/cover.c.
 *
 * Invariant: session.fd is -1 or session.base is mapped. The mapping is not inherited by
 * children: they need the file only, and copying it would make each fork slower.
 */
#include "cover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../module/cover_abi.h"

#define MODULE "/sys/module/vfio_iommu_holdfast/"

/* An ELF note: its head, the name "GNU", the id. */
#define NOTE_HEAD 16
#define BUILD_ID 20

/* Where points are. */
static const char *const section[] = { ".text", ".text.unlikely", ".text.hot" };
#define SECTIONS_MAX (sizeof(section) / sizeof(*section))

/*
 * @ever: points that fz_cover_forget() made look as if they had not been passed
 * @begin: of each section, address
 * @build: the module's build id
 */
static struct {
	int fd;
	size_t size;
	uint8_t *base;
	bool *ever;
	uint64_t begin[SECTIONS_MAX];
	char build[2 * BUILD_ID + 1];
} session = { .fd = -1 };

static void find_sections(void);
static void find_build(void);

static const struct hf_cover_head *head(void)
{
	return (const struct hf_cover_head *)session.base;
}

/* How large the mapping is stands at its begin. */
static int map_all(int fd)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct hf_cover_head *first = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	struct hf_cover_head h;
	void *base;

	if (first == MAP_FAILED)
		return -errno;
	h = *first;
	munmap(first, page);
	if (h.version != HF_COVER_VERSION)
		return -EPROTO;
	session.size = (HF_COVER_POINTS + h.text_size + page - 1) & ~(page - 1);
	base = mmap(NULL, session.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	if (madvise(base, session.size, MADV_DONTFORK)) {
		const int err = -errno;

		munmap(base, session.size);
		return err;
	}
	session.ever = calloc(h.text_size, sizeof(*session.ever));
	if (!session.ever) {
		munmap(base, session.size);
		return -ENOMEM;
	}
	session.base = base;
	find_sections();
	find_build();
	return 0;
}

int fz_cover_open(void)
{
	int fd, ret;

	if (session.fd >= 0)
		return -EBUSY;
	fd = open(HF_COVER_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = map_all(fd);
	if (ret) {
		close(fd);
		return ret;
	}
	session.fd = fd;
	return 0;
}

void fz_cover_close(void)
{
	if (session.fd < 0)
		return;
	fz_cover_begin();
	munmap(session.base, session.size);
	free(session.ever);
	close(session.fd);
	session.fd = -1;
}

void fz_cover_begin(void)
{
	if (session.fd < 0)
		return;
	ioctl(session.fd, HF_COVER_BEGIN);
	memset(session.base + HF_COVER_MAP, 0, HF_COVER_PLACES);
}

void fz_cover_enter(void)
{
	if (session.fd >= 0)
		ioctl(session.fd, HF_COVER_ENTER);
}

void fz_cover_leave(void)
{
	if (session.fd >= 0)
		ioctl(session.fd, HF_COVER_LEAVE);
}

unsigned int fz_cover_fold(const uint8_t *places, uint8_t *map, size_t size)
{
	unsigned int n = 0;

	for (size_t at = 0; at < HF_COVER_PLACES; at += sizeof(uint64_t)) {
		if (!*(const volatile uint64_t *)(places + at))
			continue;
		for (size_t i = at; i < at + sizeof(uint64_t); i++) {
			n += places[i] != 0;
			map[i & (size - 1)] |= places[i] != 0;
		}
	}
	return n;
}

unsigned int fz_cover_collect(uint8_t *map, size_t size)
{
	return session.fd < 0 ? 0 : fz_cover_fold(session.base + HF_COVER_MAP, map, size);
}

uint8_t *fz_cover_bits(size_t *n)
{
	*n = session.fd < 0 ? 0 : head()->text_size;
	return session.fd < 0 ? NULL : session.base + HF_COVER_POINTS;
}

void fz_cover_forget(void)
{
	size_t n;
	uint8_t *bits = fz_cover_bits(&n);

	for (size_t at = 0; at < n; at++) {
		if (!(bits[at] & HF_COVER_PASSED))
			continue;
		session.ever[at] = true;
		bits[at] &= (uint8_t)~HF_COVER_PASSED;
	}
}

static bool was_passed(size_t at)
{
	return session.ever[at] || session.base[HF_COVER_POINTS + at] & HF_COVER_PASSED;
}

unsigned int fz_cover_points(void)
{
	unsigned int n = 0;

	for (size_t at = 0; session.fd >= 0 && at < head()->text_size; at++)
		n += was_passed(at);
	return n;
}

/* Where a section of the module begins; 0: there is none. */
static uint64_t section_begin(const char *name)
{
	unsigned long long address = 0;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), MODULE "sections/%s", name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llx", &address) != 1)
		address = 0;
	fclose(f);
	return address;
}

static void find_sections(void)
{
	for (unsigned int i = 0; i < SECTIONS_MAX; i++)
		session.begin[i] = section_begin(section[i]);
}

static void find_build(void)
{
	unsigned char note[NOTE_HEAD + BUILD_ID];
	FILE *f = fopen(MODULE "notes/.note.gnu.build-id", "rbe");

	session.build[0] = '\0';
	if (!f)
		return;
	if (fread(note, sizeof(note), 1, f) == 1)
		for (size_t i = 0; i < BUILD_ID; i++)
			sprintf(session.build + 2 * i, "%02x", note[NOTE_HEAD + i]);
	fclose(f);
}

const char *fz_cover_build(void)
{
	return session.fd < 0 ? "" : session.build;
}

const char *fz_cover_place(size_t at, uint64_t *offset)
{
	const uint64_t address = head()->text + at;
	const char *in = NULL;
	uint64_t begin = 0;

	for (unsigned int i = 0; i < SECTIONS_MAX; i++) {
		if (session.begin[i] <= begin || session.begin[i] > address)
			continue;
		begin = session.begin[i];
		in = section[i];
	}
	*offset = address - begin;
	return in;
}

size_t fz_cover_find(const char *name, uint64_t offset)
{
	for (unsigned int i = 0; i < SECTIONS_MAX; i++) {
		const uint64_t at = session.begin[i] + offset - head()->text;

		if (!strcmp(name, section[i]) && session.begin[i] && at < head()->text_size)
			return at;
	}
	return SIZE_MAX;
}

/* What others have passed before counts as passed. */
static void unite(const char *path)
{
	unsigned long long offset;
	FILE *f = fopen(path, "re");
	char build[sizeof(session.build)] = "", name[32];

	if (!f)
		return;
	/* 40: hexadecimal digits of a build id. */
	if (fscanf(f, "module %40s", build) == 1 && !strcmp(build, session.build)) {
		while (fscanf(f, "%31s %llx", name, &offset) == 2) {
			const size_t at = fz_cover_find(name, offset);

			if (at != SIZE_MAX)
				session.ever[at] = true;
		}
	}
	fclose(f);
}

int fz_cover_save(const char *path)
{
	char whole[PATH_MAX];
	int ret = 0;
	FILE *f;

	if (session.fd < 0)
		return 0;
	unite(path);
	snprintf(whole, sizeof(whole), "%s.%d", path, (int)getpid());
	f = fopen(whole, "we");
	if (!f)
		return -errno;
	fprintf(f, "module %s\n", session.build);
	for (size_t at = 0; at < head()->text_size; at++) {
		const char *in;
		uint64_t offset;

		if (!was_passed(at))
			continue;
		in = fz_cover_place(at, &offset);
		if (in)
			fprintf(f, "%s %llx\n", in, (unsigned long long)offset);
	}
	if (ferror(f))
		ret = -EIO;
	if (fclose(f) && !ret)
		ret = -errno;
	if (!ret && rename(whole, path))
		ret = -errno;
	if (ret)
		unlink(whole);
	return ret;
}
