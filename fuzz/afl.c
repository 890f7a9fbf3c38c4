// SPDX-License-Identifier: GPL-2.0-only
/*
 * afl-target - what AFL++ runs: input after input in one process, guided by what each of them
 * did in the module.
 *
 * It is linked with AFL++'s runtime, compiled without any instrumentation: what this program does is
 * of no interest. AFL++ starts it once and has it fork in __afl_manual_init(); the child
 * opens what can not be shared (container, engine, coverage), plays RUNS inputs out of shared
 * memory, and ends. A finding is written down and then is a crash, so AFL++ keeps the input.
 *
 * Without AFL++:
 *	afl-target --learn INPUT...	finds out what differs each time, and writes the file below
 *	afl-target --choose FOLDER	names the inputs in it, one in a line, that together reach what
 *					all reach each time they are played (choose.h)
 *
 * Environment:
 *	HOLDFAST_FUZZ_OUT	folder for what this program writes; default: the current one
 *	HOLDFAST_FUZZ_DEVICE	which of the vfio-pci devices has the engine, by its number
 *	HOLDFAST_FUZZ_STOCK	not empty: the containers are stock's, and there is no coverage
 *	HOLDFAST_FUZZ_RUNS	inputs that one process plays; default 500
 *	HOLDFAST_FUZZ_STEADY	file that says what to leave out of the map (steady.h); default: none.
 *				"afl-target --learn INPUT..." writes it
 *	HOLDFAST_FUZZ_LEARN	inputs at random that --learn plays beside those it is given; default 80
 *	HOLDFAST_FUZZ_LEARN_SECONDS	about how long it may play; default: as long as it takes
 *	HOLDFAST_FUZZ_COUNTS	file in which is counted what was played (triage/counts.h)
 *	HOLDFAST_RECORDER	where the inputs are kept that were played last (triage/record.h)
 *
 * It writes
 *	verdict-PID-N.txt	a finding: step, operation, oracle, signature, text
 *	verdict-PID-N.input	and the input, which is there first
 *	verdict-PID-N.log	what the kernel said, where it is the kernel that objects; before the verdict, too
 *	points.txt		points of the module that were ever passed (scripts/fuzz-points)
 *	broken			why it cannot go on: somebody ends the campaign then (scripts/guest-fuzz)
 *	session			the number of the session that all its processes are in, for scripts/guest-fuzz
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "cover.h"
#include "doubt.h"
#include "log.h"
#include "session.h"
#include "steady.h"
#include "worker.h"
#include "triage/counts.h"
#include "triage/record.h"

/* AFL++'s runtime. */
extern uint8_t *__afl_area_ptr;
extern uint8_t *__afl_fuzz_ptr;
extern uint32_t *__afl_fuzz_len;
extern uint32_t __afl_map_size;
int __afl_persistent_loop(unsigned int runs);
void __afl_manual_init(void);

/* Test cases come in shared memory. */
int __afl_sharedmem_fuzzing = 1;

/* By these afl-fuzz knows what this program can. */
__attribute__((used)) static const char *const can[] = {
	"##SIG_AFL_PERSISTENT##",
	"##SIG_AFL_DEFER_FORKSRV##",
};

/* Places of the map: as many as the module has, so that none is shared. */
#define MAP_SIZE 65536U

#define RUNS 500U

/* Inputs at random that --learn plays beside those it is given. */
#define LEARN_MORE 80U

/* Sessions that may fail one after the other. */
#define FAILURES 3

/* How long it is tried to begin one, at least. */
#define BEGIN_SECONDS 5

static struct {
	const char *out;
	const char *steady;
	struct fz_options options;
	struct fz_session *session;
	struct fz_recorder *recorder;
	struct fz_counts *counts;
	unsigned int runs;
	unsigned int found;
} target = { .out = ".", .runs = RUNS };

static void __attribute__((noreturn)) fail(const char *what, int err)
{
	fprintf(stderr, "afl-target: %s: %s\n", what, strerror(-err));
	_exit(3);
}

/*
 * A process that cannot play must not look like one that found nothing; but to AFL++ any end that is no
 * crash does. Whoever sees the file need not read it: on a full disk it is empty.
 */
static void __attribute__((noreturn)) broken(const char *what, int err)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/broken", target.out);
	f = fopen(path, "we");
	if (f) {
		fprintf(f, "%s: %s\n", what, strerror(-err));
		fclose(f);
	}
	fail(what, err);
}

/* A file of the finding that this process is going to write down. */
static char *verdict_file(char *path, size_t size, const char *ending)
{
	snprintf(path, size, "%s/verdict-%d-%u.%s", target.out, (int)getpid(), target.found, ending);
	return path;
}

static void save_points(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/points.txt", target.out);
	fz_cover_save(path);
}

/*
 * The verdict for whoever collects findings. Whoever sees the verdict sees the whole of it, and the
 * input. Return: 0 or -errno.
 */
static int write_verdict(const struct fz_verdict *v, const uint8_t *in, size_t len)
{
	char path[PATH_MAX], whole[PATH_MAX];
	FILE *f;

	errno = EIO;
	f = fopen(verdict_file(path, sizeof(path), "input"), "wbe");
	if (!f || fwrite(in, 1, len, f) != len || fclose(f))
		return -errno;
	if (v->oracle == FZ_ORACLE_LOG) {
		f = fopen(verdict_file(path, sizeof(path), "log"), "we");
		if (!f || fputs(fz_log_report(), f) < 0 || fclose(f))
			return -errno;
	}
	f = fopen(verdict_file(path, sizeof(path), "new"), "we");
	if (!f)
		return -errno;
	fprintf(f, "step: %d\noperation: %s\noracle: %s\nsignature: %s\ntext: %s\n", v->step,
		v->operation, fz_oracle_name(v->oracle), v->signature, v->text);
	if (fclose(f) || rename(path, verdict_file(whole, sizeof(whole), "txt")))
		return -errno;
	target.found++;
	return 0;
}

/* The crash for AFL++: it keeps the input, also when nobody else could. */
static void __attribute__((noreturn)) finding(const struct fz_verdict *v, const uint8_t *in,
					      size_t len)
{
	const int ret = write_verdict(v, in, len);

	if (ret)
		fprintf(stderr, "afl-target: no verdict in %s: %s\n", target.out, strerror(-ret));
	save_points();
	/* Settings, swap space and cgroup as they were. What hangs may keep this from its end. */
	if (v->oracle != FZ_ORACLE_HANG)
		fz_session_end(target.session, NULL);
	abort();
}

/* Who was killed may still be dying, and have the groups; and a busy machine's engine may be late. */
static void begin_session(void)
{
	const char *slow = getenv("HOLDFAST_SLOW");
	const time_t end = time(NULL) + BEGIN_SECONDS * (slow && atoi(slow) > 0 ? atoi(slow) : 1);
	int ret = fz_session_begin(&target.session, &target.options);

	for (int i = 1; ret && (i < FAILURES || time(NULL) < end); i++) {
		usleep(100000);
		ret = fz_session_begin(&target.session, &target.options);
	}
	if (ret)
		broken("no session", ret);
}

/* What was counted, when the session is about to end with its counts. */
static void save_counts(void)
{
	if (target.counts && target.session)
		fz_counts_save(target.counts, fz_session_stats(target.session));
}

/* Play an input. Return: 0 or 1, as fz_session_run(); never an error. */
static int run(const uint8_t *in, size_t len, uint8_t *map, struct fz_verdict *v)
{
	int ret = -EIO;

	for (int i = 0; i < FAILURES && ret < 0; i++) {
		if (!target.session)
			begin_session();
		fz_record(target.recorder, in, len);
		fz_cover_begin();
		ret = fz_session_run(target.session, in, len, v);
		fz_record_done(target.recorder);
		if (ret < 0) {
			fz_session_end(target.session, NULL);
			target.session = NULL;
		}
	}
	if (ret < 0)
		broken("no run", ret);
	fz_cover_collect(map, MAP_SIZE);
	fz_steady_smooth(map, MAP_SIZE);
	return ret;
}

/* As run(); what the input does not reach each time is not in the map. */
static int run_certain(const uint8_t *in, size_t len, uint8_t *map, struct fz_verdict *v)
{
	static uint8_t again[MAP_SIZE] __attribute__((aligned(8))), last[FZ_INPUT_MAX];
	static size_t last_len = SIZE_MAX;
	const bool same = len == last_len && !memcmp(in, last, len);
	int ret = run(in, len, map, v);
	bool new;

	/* AFL++'s own; see play(). */
	map[0] = 0;
	if (ret)
		return ret;
	new = fz_doubt_new(map);
	if (same)
		fz_doubt_mask(map);
	if (same || !new)
		return 0;
	memcpy(last, in, len);
	last_len = len;
	fz_doubt_begin();
	for (unsigned int k = 0; !ret && k < FZ_DOUBT_AGAIN; k++) {
		memset(again, 0, sizeof(again));
		ret = run(in, len, again, v);
		if (!ret)
			fz_doubt_compare(map, again);
	}
	if (!ret)
		fz_doubt_believe(map);
	return ret;
}

static void play(const uint8_t *in, size_t len)
{
	struct fz_verdict v;
	const int ret = run_certain(in, len, __afl_area_ptr, &v);

	/* A map without anything is taken for a program that is not instrumented. */
	__afl_area_ptr[0] = 1;
	if (ret > 0) {
		save_counts();
		finding(&v, in, len);
	}
	if (target.counts)
		fz_counts_tick(target.counts, fz_session_stats(target.session));
}

/* Copied, as the run's processes must not share what AFL++ writes to. */
static size_t next(uint8_t *in, size_t room)
{
	size_t len;

	/* Without AFL++, or with a tool that knows no shared memory. */
	if (!__afl_fuzz_ptr)
		return fread(in, 1, room, stdin);
	len = *__afl_fuzz_len < room ? *__afl_fuzz_len : room;
	memcpy(in, __afl_fuzz_ptr, len);
	return len;
}

static void look_around(void)
{
	const char *out = getenv("HOLDFAST_FUZZ_OUT"), *device = getenv("HOLDFAST_FUZZ_DEVICE");
	const char *runs = getenv("HOLDFAST_FUZZ_RUNS"), *stock = getenv("HOLDFAST_FUZZ_STOCK");

	if (out && *out)
		target.out = out;
	if (device)
		target.options.device = (unsigned int)strtoul(device, NULL, 10);
	if (runs && strtoul(runs, NULL, 10))
		target.runs = (unsigned int)strtoul(runs, NULL, 10);
	target.steady = getenv("HOLDFAST_FUZZ_STEADY");
	target.options.stock = stock && *stock;
	target.options.enter = fz_cover_enter;
	target.options.leave = fz_cover_leave;
}

/* By that whoever ends the campaign knows whether anything is left of it. */
static void save_session(void)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/session", target.out);
	f = fopen(path, "we");
	if (!f)
		return;
	fprintf(f, "%d\n", (int)getsid(0));
	fclose(f);
}

static void open_all(void)
{
	const char *recorder = getenv("HOLDFAST_RECORDER"), *counts = getenv("HOLDFAST_FUZZ_COUNTS");
	int ret = target.options.stock ? 0 : fz_cover_open();

	if (ret)
		broken("no coverage (is this module built with it?)", ret);
	ret = target.steady && !target.options.stock ? fz_steady_load(target.steady) : 0;
	if (ret == -ESTALE)
		fprintf(stderr, "afl-target: %s is of another module, and not used\n", target.steady);
	else if (ret && ret != -ENOENT)
		broken(target.steady, ret);
	ret = recorder && *recorder ? fz_record_open(recorder, &target.recorder) : 0;
	if (ret)
		broken(recorder, ret);
	ret = counts && *counts ? fz_counts_open(counts, &target.counts) : 0;
	if (ret)
		broken(counts, ret);
}

/* A finding that is no crash, as nobody waits for one: once, however often the input is played. */
static void note(const struct fz_verdict *v, const uint8_t *in, size_t len)
{
	static char signature[sizeof(v->signature)];
	static uint8_t last[FZ_INPUT_MAX];
	static size_t last_len = SIZE_MAX;
	int ret;

	if (len == last_len && !memcmp(in, last, len) && !strcmp(v->signature, signature))
		return;
	memcpy(last, in, len);
	last_len = len;
	snprintf(signature, sizeof(signature), "%s", v->signature);
	ret = write_verdict(v, in, len);
	if (ret)
		fail(target.out, ret);
	fprintf(stderr, "found: %s: %s\n", v->signature, v->text);
}

static int run_alone(const uint8_t *in, size_t len, uint8_t *map)
{
	struct fz_verdict v;
	const int ret = run(in, len, map, &v);

	if (ret <= 0)
		return ret;
	note(&v, in, len);
	if (v.oracle == FZ_ORACLE_HANG)
		broken("what hangs has the devices", -EBUSY);
	/* What a finding leaves behind is not the next one's fault. */
	fz_session_end(target.session, NULL);
	target.session = NULL;
	return ret;
}

/* Return: an exit status. */
static int learn(char **files, unsigned int n)
{
	const char *more = getenv("HOLDFAST_FUZZ_LEARN");
	const char *seconds = getenv("HOLDFAST_FUZZ_LEARN_SECONDS");
	int ret = !target.steady ? -EINVAL :
			fz_batch_learn(run_alone, files, n,
				       more ? (unsigned int)strtoul(more, NULL, 10) : LEARN_MORE,
				       seconds ? (unsigned int)strtoul(seconds, NULL, 10) : 0);

	if (ret)
		fail("nothing learned", ret);
	ret = fz_steady_save(target.steady);
	if (ret)
		fail(target.steady, ret);
	return 0;
}

/* Return: an exit status. */
static int choose(const char *dir)
{
	const int ret = fz_batch_choose(run_alone, dir);

	if (ret)
		fail(dir, ret);
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t input[FZ_INPUT_MAX];
	const bool learning = argc > 2 && !strcmp(argv[1], "--learn");
	const bool choosing = argc == 3 && !strcmp(argv[1], "--choose");
	struct fz_verdict v;
	size_t len = 0;
	int ret;

	fz_worker_main(argc, argv);
	look_around();
	__afl_map_size = MAP_SIZE;
	if (!learning && !choosing) {
		/* Before the first child, so that each goes on from what the last one knew. Without what
		 * is learned first, too much is new. */
		ret = target.options.stock || !target.steady ? 0 : fz_doubt_open();
		if (ret)
			broken("no memory for what is believed", ret);
		save_session();
		__afl_manual_init();
	}
	open_all();
	if (learning || choosing) {
		ret = learning ? learn(argv + 2, (unsigned int)argc - 2) : choose(argv[2]);
		fz_session_end(target.session, NULL);
		return ret;
	}
	while (__afl_persistent_loop(target.runs)) {
		len = next(input, sizeof(input));
		play(input, len);
	}
	save_points();
	save_counts();
	ret = fz_session_end(target.session, &v);
	target.session = NULL;
	if (ret)
		finding(&v, input, len);
	fz_cover_close();
	return 0;
}
