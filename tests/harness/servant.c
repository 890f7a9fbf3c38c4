// SPDX-License-Identifier: GPL-2.0-only
/*
 * servant.c - orders and answers.
 *
 * Invariant: what belongs to order number n is written before the gate opens to n, by the parent
 * on one gate, by the child on the other.
 */
#include "servant.h"

#include <holdfast/fail.h>
#include <sys/mman.h>

#include "child.h"
#include "harness.h"

struct t_servant_orders {
	struct t_gate asked, done;
	t_servant_fn *fn;
	void *arg;
	int what;
	uint64_t with;
	bool end;
	bool answer;
};

static void serve(void *arg)
{
	struct t_servant_orders *o = arg;

	for (unsigned int n = 1; t_gate_wait(&o->asked, n) && !o->end; n++) {
		o->answer = o->fn(o->arg, o->what, o->with);
		t_gate_open(&o->done, n);
	}
}

void t_servant_start(struct t_servant *s, t_servant_fn *fn, void *arg)
{
	void *page = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	hf_require(page != MAP_FAILED, "a page for orders");
	*s = (struct t_servant){ .orders = page };
	s->orders->fn = fn;
	s->orders->arg = arg;
	s->pid = t_child_start(serve, s->orders);
}

bool t_servant_do(struct t_servant *s, int what, uint64_t with)
{
	struct t_servant_orders *o = s->orders;

	o->what = what;
	o->with = with;
	t_gate_open(&o->asked, ++s->asked);
	return t_gate_wait(&o->done, s->asked) && o->answer;
}

void t_servant_end(struct t_servant *s)
{
	if (!s->pid)
		return;
	s->orders->end = true;
	t_gate_open(&s->orders->asked, ++s->asked);
	t_child_end(s->pid, "the child");
	munmap(s->orders, T_PAGE);
	s->pid = 0;
}
