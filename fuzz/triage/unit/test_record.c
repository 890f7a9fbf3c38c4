// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_record.c - the recorder and the counts: what a machine leaves behind when it dies at any
 * moment.
 */
#include "unit.h"

#include "counts.h"
#include "record.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/holdfast-record-XXXXXX";

static void empty(off_t size)
{
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, size), 0);
}

/* Content of the input with that number, so that the order can be checked. */
static size_t fill(unsigned int number, uint8_t *out)
{
	memset(out, (int)(number % 251), 40 + number % 100);
	memcpy(out, &number, sizeof(number));
	return 40 + number % 100;
}

struct seen {
	unsigned int last;
	unsigned int count;
};

static void look(const uint8_t *in, size_t len, unsigned int back, void *data)
{
	struct seen *s = data;
	uint8_t want[FZ_RECORD_BYTES];

	assert_int_equal(len, fill(s->last - back, want));
	assert_memory_equal(in, want, len);
	s->count++;
}

static void ring(void **state)
{
	struct fz_recorder *r;
	struct fz_recorded what;
	uint8_t in[FZ_RECORD_BYTES];

	(void)state;
	empty(64 << 10);
	assert_int_equal(fz_recorded(path, &what, NULL, NULL), -ENODATA);
	assert_int_equal(fz_record_open(path, &r), 0);
	for (unsigned int n = 1; n < 1000; n++) {
		struct seen s = { .last = n };

		fz_record(r, in, fill(n, in));
		assert_int_equal(fz_recorded(path, &what, look, &s), 0);
		assert_int_equal(what.number, n);
		assert_true(what.running);
		assert_int_equal(what.count, s.count);
		/* Room is for 64; the one that is overwritten next does not count. */
		assert_true(s.count == n || s.count >= 60);
		fz_record_done(r);
		assert_int_equal(fz_recorded(path, &what, NULL, NULL), 0);
		assert_false(what.running);
		/* The next process goes on. */
		if (n % 100 == 0) {
			fz_record_close(r);
			assert_int_equal(fz_record_open(path, &r), 0);
		}
	}
	fz_record_close(r);
	/* Without a recorder nothing happens. */
	fz_record(NULL, in, 10);
	fz_record_done(NULL);
}

/* A process killed while it records leaves inputs that are whole. */
static void killed(void **state)
{
	struct fz_recorded what;

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		struct seen s = { 0 };
		pid_t pid;

		empty(16 << 10);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			uint8_t in[FZ_RECORD_BYTES];
			struct fz_recorder *r;

			if (fz_record_open(path, &r))
				_exit(1);
			for (unsigned int n = 1;; n++)
				fz_record(r, in, fill(n, in));
		}
		usleep(2000 + i * 300);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		if (fz_recorded(path, &what, NULL, NULL) == -ENODATA)
			continue;
		s.last = (unsigned int)what.number;
		assert_int_equal(fz_recorded(path, &what, look, &s), 0);
		assert_true(s.count >= 12 || s.count == s.last);
	}
}

/* One that was being written: its number is not there, or an older one's. */
static void torn(void **state)
{
	static const uint8_t marker[] = "the second of three";
	uint8_t bytes[16384], *at;
	struct fz_recorded what;
	struct fz_recorder *r;
	FILE *f;

	(void)state;
	empty(sizeof(bytes));
	assert_int_equal(fz_record_open(path, &r), 0);
	fz_record(r, "first", 5);
	fz_record(r, marker, sizeof(marker));
	fz_record(r, "third", 5);
	fz_record_close(r);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), f), sizeof(bytes));
	at = memmem(bytes, sizeof(bytes), marker, sizeof(marker));
	assert_non_null(at);
	/* Before the bytes there are number and length. */
	at -= 12;
	assert_int_equal(*at, 2);
	fseek(f, at - bytes, SEEK_SET);
	fputc(0, f);
	fclose(f);
	assert_int_equal(fz_recorded(path, &what, NULL, NULL), 0);
	assert_int_equal(what.number, 3);
	assert_int_equal(what.count, 2);
}

static void hostile(void **state)
{
	struct fz_recorded what;
	uint8_t in[4 * FZ_RECORD_BYTES] = { 0 };
	struct fz_recorder *r;
	FILE *f;

	(void)state;
	empty(100);
	assert_int_equal(fz_record_open(path, &r), -EINVAL);
	assert_int_equal(fz_record_open("/nonexistent", &r), -ENOENT);
	empty(8192);
	assert_int_equal(fz_record_open(path, &r), 0);
	fz_record(r, in, sizeof(in));
	fz_record_close(r);
	assert_int_equal(fz_recorded(path, &what, NULL, NULL), 0);
	assert_int_equal(what.count, 1);
	/* A dying machine may have written anything. */
	f = fopen(path, "r+");
	assert_non_null(f);
	fseek(f, 8, SEEK_SET);
	for (int i = 8; i < 8192; i++)
		fputc(0xff, f);
	fclose(f);
	assert_int_equal(fz_recorded(path, &what, NULL, NULL), 0);
	assert_int_equal(what.count, 0);
}

/* Two processes, one after the other; the file has the sum. */
static void counts(void **state)
{
	static struct fz_stats s, read;
	struct fz_counts *c;

	(void)state;
	empty(0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fz_counts_open(path, &c), 0);
		memset(&s, 0, sizeof(s));
		s.runs = 5;
		s.answers[FZ_MAP][0] = 1;
		assert_int_equal(fz_counts_save(c, &s), 0);
		s.runs = 10;
		s.answers[FZ_MAP][0] = 3;
		s.answers[FZ_MAP][EINVAL] = 2;
		s.answers[FZ_UNMAP][FZ_ANSWERS - 1] = 7;
		s.skipped[FZ_EXEC] = 4;
		s.checks[FZ_ORACLE_DEVICE] = 100;
		if (i)
			assert_int_equal(fz_counts_save(c, &s), 0);
		else
			assert_int_equal(fz_counts_ended(c, &s), 0);
		fz_counts_close(c);
	}
	/* One process, two sessions. */
	assert_int_equal(fz_counts_open(path, &c), 0);
	memset(&s, 0, sizeof(s));
	s.runs = 1;
	assert_int_equal(fz_counts_ended(c, &s), 0);
	s.runs = 2;
	assert_int_equal(fz_counts_save(c, &s), 0);
	assert_int_equal(fz_counts_save(c, &s), 0);
	fz_counts_close(c);
	assert_int_equal(fz_counts_read(path, &read), 0);
	assert_int_equal(read.runs, 23);
	assert_int_equal(read.answers[FZ_MAP][0], 6);
	assert_int_equal(read.answers[FZ_MAP][EINVAL], 4);
	assert_int_equal(read.answers[FZ_UNMAP][FZ_ANSWERS - 1], 14);
	assert_int_equal(read.skipped[FZ_EXEC], 8);
	assert_int_equal(read.checks[FZ_ORACLE_DEVICE], 200);
	assert_int_equal(read.checks[FZ_ORACLE_CPU], 0);
	assert_int_equal(fz_counts_read("/nonexistent", &read), -ENOENT);
	assert_int_equal(read.runs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring),
		cmocka_unit_test(killed),
		cmocka_unit_test(torn),
		cmocka_unit_test(hostile),
		cmocka_unit_test(counts),
	};
	const int fd = mkstemp(path);
	int failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
