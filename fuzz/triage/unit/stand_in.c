// SPDX-License-Identifier: GPL-2.0-only
/*
 * stand_in.c - a session that needs no guest, with findings planted in it, so that the driver and
 * the minimiser have something to find where there is no module at all.
 *
 *	exec				"answer", with a number in its text that differs each time
 *	mlock, mprotect or madvise, and later munlock, munmap or mremap: "charge"
 *	bar_map, in every second session and where nothing else is found: "device", flaky
 *	pressure, and later killed	the machine dies: a "c" is written to STAND_IN_DIE, which
 *					kills a guest where that is /proc/sysrq-trigger; and
 *					nothing is done any more
 *
 *	pressure, and later share	where STAND_IN_WEAR names a file: "hang"; the file is made, and
 *					there is no session any more while it is there. With
 *					STAND_IN_WEARS_ALWAYS any input does that
 *
 * Where STAND_IN_CALM is set there is nothing to be found; STAND_IN_SLOW is how long an input takes, in us;
 * where STAND_IN_LEAVES is, each session leaves a process that nobody ends.
 */
#include "stand_in.h"

#include "../../log.h"
#include "../../session.h"
#include "../../worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fz_session {
	unsigned int number;
};

/* A process that hangs has the devices for as long as the machine lives. */
static bool worn(void)
{
	const char *path = getenv("STAND_IN_WEAR");

	return path && !access(path, F_OK);
}

static bool wears(bool pressed, uint8_t code)
{
	const char *path = getenv("STAND_IN_WEAR");

	if (!path || (!getenv("STAND_IN_WEARS_ALWAYS") && !(pressed && code == FZ_SHARE)))
		return false;
	close(open(path, O_CREAT | O_WRONLY, 0666));
	return true;
}

/* There is no kernel to complain. */
const char *fz_log_report(void)
{
	return "";
}

/* Nothing here execs. */
void fz_worker_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
}

bool stand_in_reached[FZ_CODES];
static struct fz_stats stats;
static unsigned int sessions;

int fz_session_begin(struct fz_session **s, const struct fz_options *o)
{
	(void)o;
	if (worn())
		return -EBUSY;
	*s = calloc(1, sizeof(**s));
	if (!*s)
		return -ENOMEM;
	(*s)->number = sessions++;
	if (getenv("STAND_IN_LEAVES") && !fork())
		for (;;)
			pause();
	return 0;
}

static int find(struct fz_verdict *v, int step, enum fz_oracle oracle, const char *operation,
		const char *signature)
{
	v->step = step;
	v->oracle = oracle;
	snprintf(v->operation, sizeof(v->operation), "%s", operation);
	snprintf(v->signature, sizeof(v->signature), "%s", signature);
	snprintf(v->text, sizeof(v->text), "planted: %s says %d", operation, (int)getpid());
	return 1;
}

static void die(void)
{
	const char *path = getenv("STAND_IN_DIE");
	const int fd = path ? open(path, O_CREAT | O_WRONLY, 0666) : -1;

	if (fd < 0 || write(fd, "c", 1) != 1)
		return;
	close(fd);
	for (;;)
		pause();
}

int fz_session_run(struct fz_session *s, const uint8_t *in, size_t len, struct fz_verdict *v)
{
	bool locked = false, pressed = false;
	int bar = -1;
	struct fz_sequence q;

	fz_decode(in, len, &q);
	stats.runs++;
	for (unsigned int i = 0; i < q.n; i++)
		stand_in_reached[q.op[i].code] = true;
	if (getenv("STAND_IN_SLOW"))
		usleep((useconds_t)atoi(getenv("STAND_IN_SLOW")));
	for (unsigned int i = 0; i < q.n; i++) {
		if (wears(pressed, q.op[i].code))
			return find(v, (int)i, FZ_ORACLE_HANG, "share", "hang-share");
		pressed |= q.op[i].code == FZ_PRESSURE;
	}
	if (getenv("STAND_IN_CALM"))
		return 0;
	pressed = false;
	for (unsigned int i = 0; i < q.n; i++) {
		const uint8_t code = q.op[i].code;

		stats.answers[code][i % 3 ? 0 : EINVAL]++;
		stats.checks[FZ_ORACLE_CPU]++;
		locked |= code == FZ_MLOCK || code == FZ_MPROTECT || code == FZ_MADVISE;
		pressed |= code == FZ_PRESSURE;
		if (code == FZ_EXEC)
			return find(v, (int)i, FZ_ORACLE_ANSWER, "exec", "");
		if (locked && (code == FZ_MUNLOCK || code == FZ_MUNMAP || code == FZ_MREMAP))
			return find(v, (int)i, FZ_ORACLE_CHARGE, "munlock", "charge-munlock");
		if (code == FZ_BAR_MAP && bar < 0)
			bar = (int)i;
		if (code == FZ_KILLED && pressed)
			die();
	}
	/* What hid the others in every second session would make them flaky, too. */
	if (bar >= 0 && s->number % 2)
		return find(v, bar, FZ_ORACLE_DEVICE, "bar_map", "device-bar-map");
	return 0;
}

int fz_session_end(struct fz_session *s, struct fz_verdict *v)
{
	(void)v;
	free(s);
	return 0;
}

const struct fz_stats *fz_session_stats(const struct fz_session *s)
{
	(void)s;
	return &stats;
}
