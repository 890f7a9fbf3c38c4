// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_how.c - what makes the next operation run otherwise than alone and in peace.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "game.h"

#define CONTROL "/sys/kernel/debug/holdfast_fail"

int64_t fz_play_signals(struct fz_session *s, const struct fz_op *op)
{
	/* Not so many that nothing else runs. */
	s->period = 100 * s->slow + fz_op_arg(op, 0);
	return 0;
}

bool fz_have_thread(struct fz_session *s)
{
	fz_slot(s, 0)->what = FZ_DO_THREAD;
	if (!s->thread)
		s->thread = !fz_request(s, 0);
	return s->thread;
}

/*
 * Two requests of the next two operations at once; or, where these are none, the device goes on
 * reading while a process changes its memory.
 */
int64_t fz_play_together(struct fz_session *s, const struct fz_op *op)
{
	const int next = s->step + 1;
	int64_t ret;

	if (next + 1 < (int)s->played.n && s->played.op[next].code >= FZ_MAP) {
		ret = fz_play_two(s, &s->played.op[next], fz_op_arg(op, 0));
		if (ret != FZ_SKIPPED)
			s->played_ahead = 2;
		return ret;
	}
	if (next >= (int)s->played.n || s->played.op[next].code >= FZ_MAP ||
	    s->played.op[next].code == FZ_WRITE || s->played.op[next].code == FZ_FILL)
		return FZ_SKIPPED;
	s->together = true;
	return 0;
}

/* The @n-th failure point; false when there is none. */
static bool find_point(unsigned int n, struct fz_armed *point)
{
	FILE *f = fopen(CONTROL, "re");
	unsigned int i = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %d", point->name, &point->err) == 2 && i++ == n)
			break;
	if (f)
		fclose(f);
	return f && i == n + 1;
}

/* After these the mapping is not as before, on purpose: see module/fail.c. */
static bool lasting(const char *name)
{
	return !strcmp(name, "UNMAP") || !strncmp(name, "MODULE_", 7);
}

/* Of these a failure is told, and has no other effect. */
static bool can_fail(uint8_t code)
{
	return code == FZ_MAP || code == FZ_UNMAP || code == FZ_VADDR_NEW || code == FZ_VADDR_GONE;
}

static int64_t order(struct fz_session *s, unsigned int who, const char *text)
{
	char *data = (char *)fz_slot(s, who)->data;
	int64_t fd, ret;

	strcpy(data, CONTROL);
	fd = fz_call(s, who, SYS_openat, (uint64_t)AT_FDCWD, (uintptr_t)data, O_WRONLY, 0, 0);
	if (fd < 0)
		return fd;
	strcpy(data, text);
	ret = fz_call(s, who, SYS_write, (uint64_t)fd, (uintptr_t)data, strlen(text), 0, 0);
	fz_call(s, who, SYS_close, (uint64_t)fd, 0, 0, 0, 0);
	return ret < 0 ? ret : 0;
}

int64_t fz_play_fail(struct fz_session *s, const struct fz_op *op)
{
	const int next = s->step + 1;
	char text[64];
	unsigned int who;
	int64_t ret;

	if (next >= (int)s->played.n || !can_fail(s->played.op[next].code))
		return FZ_SKIPPED;
	who = fz_op_arg(&s->played.op[next], 0);
	if (!fz_alive(s, who) || !find_point(fz_op_arg(op, 0) % 112, &s->armed) ||
	    lasting(s->armed.name))
		return FZ_SKIPPED;
	snprintf(text, sizeof(text), "%s %u\n", s->armed.name, fz_op_arg(op, 1) + 1);
	ret = order(s, who, text);
	s->armed.who = who;
	s->armed.after = fz_op_arg(op, 1);
	s->armed.on = !ret;
	return ret;
}

bool fz_armed_failed(const struct fz_session *s)
{
	FILE *f = fopen(CONTROL, "re");
	unsigned long failed = 0;
	char line[128], name[32];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %*d %*u %lu", name, &failed) == 2 && !strcmp(name, s->armed.name))
			break;
	if (f)
		fclose(f);
	return failed;
}

int64_t fz_armed_answer(const struct fz_session *s)
{
	/* What the module itself calls the departure of the last group, the caller knows as this. */
	if (s->armed.err == ENOLINK)
		return -EINVAL;
	return s->armed.err ? -s->armed.err : 1;
}

void fz_disarm(struct fz_session *s)
{
	if (s->armed.on && fz_alive(s, s->armed.who))
		order(s, s->armed.who, "off\n");
	s->armed.on = false;
}
