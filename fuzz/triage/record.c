// SPDX-License-Identifier: GPL-2.0-only
/*
 * record.c - a ring of inputs in shared memory.
 *
 * A slot is written in an order that makes a half-written one recognisable: its number is taken
 * away, the bytes are written, the number is put there, and the head counts it. Who dies in
 * between leaves a slot with number 0, and the reader takes the ones before it.
 */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x3152455a46464848ULL

struct head {
	uint64_t magic;
	/* Inputs recorded, and inputs played to their end. */
	_Atomic uint64_t begun;
	_Atomic uint64_t ended;
};

struct slot {
	_Atomic uint64_t number;
	uint32_t len;
	uint8_t data[FZ_RECORD_BYTES];
};

struct fz_recorder {
	void *map;
	size_t size;
	struct head *head;
	struct slot *slots;
	uint64_t count;
};

static int map_file(const char *path, bool writable, struct fz_recorder *r)
{
	const int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		err = -errno;
		goto out;
	}
	r->size = st.st_size;
	/* Of a ring of one slot the reader could trust nothing. */
	if (r->size < sizeof(struct head) + 2 * sizeof(struct slot)) {
		err = -EINVAL;
		goto out;
	}
	r->map = mmap(NULL, r->size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (r->map == MAP_FAILED) {
		err = -errno;
		goto out;
	}
	r->head = r->map;
	r->slots = (struct slot *)(r->head + 1);
	r->count = (r->size - sizeof(struct head)) / sizeof(struct slot);
out:
	close(fd);
	return err;
}

int fz_record_open(const char *path, struct fz_recorder **out)
{
	struct fz_recorder *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	err = map_file(path, true, r);
	if (err) {
		free(r);
		return err;
	}
	if (r->head->magic != MAGIC) {
		atomic_store(&r->head->begun, 0);
		atomic_store(&r->head->ended, 0);
		r->head->magic = MAGIC;
	}
	*out = r;
	return 0;
}

void fz_record(struct fz_recorder *r, const void *in, size_t len)
{
	uint64_t number;
	struct slot *s;

	if (!r)
		return;
	number = atomic_load(&r->head->begun) + 1;
	s = &r->slots[number % r->count];
	if (len > FZ_RECORD_BYTES)
		len = FZ_RECORD_BYTES;
	atomic_store(&s->number, 0);
	s->len = len;
	memcpy(s->data, in, len);
	atomic_store(&s->number, number);
	atomic_store(&r->head->begun, number);
}

void fz_record_done(struct fz_recorder *r)
{
	if (r)
		atomic_store(&r->head->ended, atomic_load(&r->head->begun));
}

void fz_record_close(struct fz_recorder *r)
{
	if (!r)
		return;
	munmap(r->map, r->size);
	free(r);
}

int fz_recorded(const char *path, struct fz_recorded *what,
		void (*each)(const uint8_t *in, size_t len, unsigned int back, void *data),
		void *data)
{
	struct fz_recorder r = { .map = MAP_FAILED };
	uint64_t last;
	int err = map_file(path, false, &r);

	if (err)
		return err;
	last = atomic_load(&r.head->begun);
	if (r.head->magic != MAGIC || !last) {
		munmap(r.map, r.size);
		return -ENODATA;
	}
	*what = (struct fz_recorded){
		.number = last,
		.running = atomic_load(&r.head->ended) != last,
	};
	/* The slot behind the last one may be half overwritten. */
	for (uint64_t back = last < r.count ? last : r.count - 1; back--;) {
		const uint64_t n = last - back;
		const struct slot *s = &r.slots[n % r.count];

		if (atomic_load(&s->number) != n || s->len > FZ_RECORD_BYTES)
			continue;
		what->count++;
		if (each)
			each(s->data, s->len, (unsigned int)back, data);
	}
	munmap(r.map, r.size);
	return 0;
}
