// SPDX-License-Identifier: GPL-2.0-only
/*
 * pair.c - starting, asking and ending the two sides.
 *
 * Who serves a container is decided when it gets its type, by the kill switch, which is one for
 * the whole system: sides get their types one after the other, with the switch set for each.
 * At rest holdfast is enabled.
 */
#include "pair.h"

#include <errno.h>
#include <holdfast/backend.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <holdfast/proc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"

/* Longer than anything a side is asked for takes, on a machine that has more to do. */
#define ANSWER_MS 120000

int64_t cf_pins(void)
{
	struct hf_proc_pins pins;

	hf_must(hf_proc_pins(&pins));
	return (int64_t)(pins.acquired - pins.released);
}

void cf_parameter(const char *name, const char *value)
{
	t_module_param_set(T_MODULE_STOCK, name, value);
	t_module_param_set(T_MODULE_HOLDFAST, name, value);
}

static void serve_by(const struct cf_pair *p, int side)
{
	const bool stock = p->alike || side == CF_STOCK;

	hf_must(hf_backend_select(stock ? HF_BACKEND_STOCK : HF_BACKEND_HOLDFAST));
}

static const char *name_of(const struct cf_pair *p, int side)
{
	return p->alike || side == CF_STOCK ? HF_BACKEND_STOCK : HF_BACKEND_HOLDFAST;
}

static bool receive(struct cf_pair *p, int side, struct cf_result *r)
{
	const ssize_t least = (ssize_t)offsetof(struct cf_result, seen);
	struct pollfd poll_fd = { .fd = p->fd[side], .events = POLLIN };
	int ready;

	do
		ready = poll(&poll_fd, 1, (int)t_patience_ms(ANSWER_MS));
	while (ready < 0 && errno == EINTR);
	if (ready > 0 && recv(p->fd[side], r, sizeof(*r), 0) >= least)
		return true;
	hf_ktap_diag("%s: the side %s", name_of(p, side), ready ? "died" : "hangs");
	p->dead = true;
	return false;
}

static void start(struct cf_pair *p, int side)
{
	int pair[2];

	hf_require(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "socketpair");
	fflush(NULL);
	p->pid[side] = fork();
	hf_require(p->pid[side] >= 0, "fork");
	if (!p->pid[side]) {
		/* The same descriptors in both, so that what they open gets the same numbers. */
		dup2(pair[1], 100);
		close_range(3, 99, 0);
		close_range(101, ~0U, 0);
		cf_worker(100, &p->setup, (unsigned int)side, CF_SIDES);
	}
	close(pair[1]);
	p->fd[side] = pair[0];
}

bool cf_pair_start(struct cf_pair *p, const struct cf_setup *setup, bool alike)
{
	static const char *const modules[CF_SIDES] = { T_MODULE_STOCK, T_MODULE_HOLDFAST };
	static struct cf_result r;
	char entries[16];
	bool ok = true;

	*p = (struct cf_pair){ .setup = *setup, .fd = { -1, -1 }, .alike = alike };
	snprintf(entries, sizeof(entries), "%u", setup->entries ? setup->entries : 65535);
	cf_parameter("dma_entry_limit", entries);
	t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", setup->domains ? "Y" : "N");

	for (int side = 0; side < CF_SIDES && ok; side++) {
		const char *module = modules[alike ? CF_STOCK : side];
		long refs = t_module_refs(module);

		serve_by(p, side);
		start(p, side);
		ok = receive(p, side, &r);
		if (ok && refs >= 0 && t_module_refs(module) != refs + 1) {
			hf_ktap_diag("a container meant for %s is served by another module",
				     name_of(p, side));
			ok = false;
		}
	}
	for (int side = 0; side < CF_SIDES && ok; side++)
		ok = receive(p, side, &r);
	serve_by(p, CF_HOLDFAST);
	p->pins = cf_pins();
	if (!ok)
		cf_pair_stop(p);
	return ok;
}

void cf_pair_stop(struct cf_pair *p)
{
	const uint64_t end = t_now_ms() + t_patience_ms(20000);

	for (int side = 0; side < CF_SIDES; side++) {
		if (p->fd[side] >= 0)
			close(p->fd[side]);
		p->fd[side] = -1;
	}
	for (int side = 0; side < CF_SIDES; side++) {
		if (p->pid[side] <= 0)
			continue;
		while (!waitpid(p->pid[side], NULL, WNOHANG) && t_now_ms() < end)
			t_sleep_ms(2);
		if (t_now_ms() >= end) {
			hf_ktap_diag("%s: the side does not end", name_of(p, side));
			kill(p->pid[side], SIGKILL);
		}
		waitpid(p->pid[side], NULL, 0);
		p->pid[side] = 0;
	}
}

bool cf_pair_ask(struct cf_pair *p, const struct cf_request *q, bool one_by_one,
		 struct cf_result r[CF_SIDES])
{
	const size_t len = offsetof(struct cf_request, probe) + q->nr * sizeof(*q->probe);

	for (int side = 0; side < CF_SIDES; side++) {
		if (one_by_one)
			serve_by(p, side);
		if (send(p->fd[side], q, len, MSG_NOSIGNAL) < 0) {
			hf_ktap_diag("%s: the side died", name_of(p, side));
			p->dead = true;
			return false;
		}
		if (one_by_one && !receive(p, side, &r[side]))
			return false;
	}
	for (int side = 0; side < CF_SIDES && !one_by_one; side++)
		if (!receive(p, side, &r[side]))
			return false;
	if (one_by_one)
		serve_by(p, CF_HOLDFAST);
	return true;
}
