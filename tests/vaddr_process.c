// SPDX-License-Identifier: GPL-2.0-only
/*
 * vaddr_process - live update: mapped memory goes to another process (VFIO_UPDATE_VADDR).
 *
 * The charge moves to the process that gave the new address, to the byte, whatever happens to
 * the one that paid before: it lives on, has exited, or has become another program (exec). The
 * device sees the same pages all the time, and drivers that come later use the new owner's
 * memory. The requests themselves are vaddr's.
 */
#include <errno.h>
#include <holdfast/pagemap.h>
#include <holdfast/pattern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "differ.h"
#include "emulated.h"
#include "harness.h"
#include "vaddr.h"

#define IOVA 0xb00000000ULL

/* Drivers of emulated devices: the memory is another process's from now on. */
struct taker {
	struct t *t;
	struct t_vm vm;
	struct t_gate *gate;
};

static void take_and_stay(void *arg)
{
	struct taker *k = arg;

	t_vm_map(&k->vm, T_ELSEWHERE);
	hf_expect_eq(t_update(k->t->c, IOVA, T_ELSEWHERE, k->vm.len), 0, "update");
	t_gate_open(k->gate, 1);
	t_gate_wait(k->gate, 2);
}

/* What drivers do with a mapping of which others know the address. */
static void ask_emulated(struct t *t, const struct t_vm *vm, bool owner_gone)
{
	uint64_t pfns[2] = { 0 }, have;
	struct t_emulated e;
	char buf[2 * T_PAGE];
	int ret;

	t_emulated_group(&e, 0);
	hf_must(hf_group_attach(&e.group, t->c));
	hf_must(t_emulated_open(&e));
	hf_pattern_fill(vm->addr, vm->len, 0, t_seed());
	/* A thread without memory of its own can use anybody's. */
	ret = t_dma_rw(&e, IOVA + T_PAGE, buf, sizeof(buf), HF_TESTDEV_RW_KTHREAD);
	if (owner_gone) {
		/* Nobody's memory is there to be used. */
		t_same(t, 0, ret, 0, "copy, its owner gone");
		hf_expect(ret < 0, "copy, its owner gone: %d", ret);
		ret = t_pin(&e, IOVA + T_PAGE, 2, HF_TESTDEV_READ, pfns);
		t_same(t, 1, ret, 0, "pin, its owner gone");
		hf_expect(ret < 0, "pin, its owner gone: %d", ret);
	} else {
		if (hf_expect_eq(ret, 0, "copy"))
			hf_expect(!memcmp(buf, vm->addr + T_PAGE, sizeof(buf)),
				  "bytes of the copy");
		ret = t_pin(&e, IOVA + T_PAGE, 2, HF_TESTDEV_READ | HF_TESTDEV_WRITE, pfns);
		hf_expect_eq(ret, 2, "pin");
		for (int i = 0; i < ret; i++) {
			hf_must(hf_mem_pfn(vm->addr + (1 + i) * T_PAGE, &have));
			hf_expect_eq(pfns[i], have, "PFN %d", i);
		}
		hf_expect_eq(t_unpin(&e, IOVA + T_PAGE, 2), 0, "unpin");
	}
	t_emulated_close(&e);
}

/* Drivers that come later use the new address, and the mm it is in. */
static void emulated_later(struct t *t)
{
	struct taker k = { .t = t, .gate = t_gate_new() };
	char *first;
	pid_t pid;

	if (!t_vm_make(&k.vm, "shmem4k", 8 * T_PAGE))
		return;
	hf_map(t->c, IOVA, k.vm.addr, k.vm.len, HF_RW);
	t_expect_invalidated(t->c, IOVA, k.vm.len);
	first = k.vm.addr;
	k.vm.addr = t_vm_map(&k.vm, T_ELSEWHERE + T_1G);
	hf_require(mmap(first, k.vm.len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == first, "other memory");
	hf_expect_eq(t_update(t->c, IOVA, k.vm.addr, k.vm.len), 0, "update");
	ask_emulated(t, &k.vm, false);

	t_expect_invalidated(t->c, IOVA, k.vm.len);
	pid = t_child_start(take_and_stay, &k);
	t_gate_wait(k.gate, 1);
	ask_emulated(t, &k.vm, false);
	t_gate_open(k.gate, 2);
	t_child_end(pid, "who took the memory");
	ask_emulated(t, &k.vm, true);
	hf_unmap(t->c, IOVA, k.vm.len);
	munmap(first, k.vm.len);
	t_vm_free(&k.vm);
}

/* The process pays already: neither the limit nor the charge is looked at. */
static void same_payer_child(void *arg)
{
	const struct t *t = arg;
	const struct rlimit none = { 0, 0 };
	struct hf_mem m;

	t_unprivileged(50 * T_PAGE);
	hf_must(hf_mem_alloc("anon4k", 50 * T_PAGE, HF_MEM_TOUCHED, &m));
	hf_map(t->c, IOVA, m.addr, m.len, HF_RW);
	t_expect_vmlck(0, m.len, "mapped");
	hf_require(!setrlimit(RLIMIT_MEMLOCK, &none), "setrlimit");
	t_expect_invalidated(t->c, IOVA, m.len);
	t_expect_vmlck(0, m.len, "stale");
	hf_expect_eq(t_update(t->c, IOVA, m.addr, m.len), 0, "update at the limit");
	t_expect_vmlck(0, m.len, "updated");
	hf_unmap(t->c, IOVA, m.len);
	t_expect_vmlck(0, 0, "unmapped");
}

static void same_payer(struct t *t)
{
	t_child(same_payer_child, t, "update at the limit");
}

/* Another process */

struct parcel {
	int container;
	int vm;
};

static void send_parcel(int sock, const struct parcel *p)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(*p))];
	} control = { 0 };
	struct iovec iov = { .iov_base = "p", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(*p));
	memcpy(CMSG_DATA(h), p, sizeof(*p));
	hf_require(sendmsg(sock, &msg, 0) == 1, "send the container");
}

static void receive_parcel(int sock, struct parcel *p)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(*p))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	hf_require(recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg), "receive the container");
	memcpy(p, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(*p));
}

/* What a process does with a container it was sent. */
struct heir {
	struct t *t;
	struct t_vm vm;
	struct t_gate *gate;
	int sock[2];
	uint64_t limit;  /* RLIMIT_MEMLOCK, and no privilege; ~0: root */
	bool unmaps;     /* unmaps in the end; else its mappings outlive it */
	uint64_t seed;
};

static void inherit(void *arg)
{
	struct heir *h = arg;
	const size_t half = h->vm.len / 2;
	const struct rlimit most = { h->limit, h->limit };
	struct rlimit less = { 0, h->limit };
	struct hf_container c = { 0 };
	struct parcel p;

	/* Nothing but what comes through the socket. */
	close(h->t->c->fd);
	close(h->vm.fd);
	munmap(h->vm.addr, h->vm.len);
	receive_parcel(h->sock[1], &p);
	c.fd = p.container;
	h->vm.fd = p.vm;
	if (h->limit != ~0ULL)
		t_unprivileged(h->limit);
	h->vm.addr = t_vm_map(&h->vm, T_ELSEWHERE);
	t_expect_vmlck(0, 0, "heir, at first");

	if (h->limit != ~0ULL) {
		less.rlim_cur = half - T_PAGE;
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &less), "setrlimit");
		hf_expect_eq(t_update(&c, IOVA, h->vm.addr, half), -ENOMEM, "a page over the limit");
		t_expect_stale(&c, IOVA, half, "over the limit");
		t_expect_vmlck(0, 0, "heir, over the limit");
		t_gate_open(h->gate, 1);
		t_gate_wait(h->gate, 2);
		less.rlim_cur = half;
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &less), "setrlimit");
	} else {
		t_gate_open(h->gate, 1);
		t_gate_wait(h->gate, 2);
	}
	hf_expect_eq(t_update(&c, IOVA, h->vm.addr, half), 0, "update of one half");
	t_expect_vmlck(0, half, "heir, one half");
	if (h->limit != ~0ULL) {
		hf_expect_eq(t_update(&c, IOVA + half, h->vm.addr + half, half), -ENOMEM,
			     "the other half is over the limit");
		t_expect_stale(&c, IOVA + half, half, "other half, over the limit");
		t_expect_valid(&c, IOVA, half, "one half");
		t_expect_vmlck(0, half, "heir, one half still");
	}
	t_gate_open(h->gate, 3);
	t_gate_wait(h->gate, 4);
	if (h->limit != ~0ULL)
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &most), "setrlimit");
	hf_expect_eq(t_update(&c, IOVA + half, h->vm.addr + half, half), 0, "update of the other");
	t_expect_vmlck(0, h->vm.len, "heir, both halves");
	hf_pattern_fill(h->vm.addr, h->vm.len, 0, h->seed);
	t_gate_open(h->gate, 5);
	t_gate_wait(h->gate, 6);
	hf_expect(hf_pattern_check(h->vm.addr, h->vm.len, 0, h->seed + 1, NULL),
		  "the heir sees what the device wrote");
	if (h->unmaps) {
		hf_unmap(&c, IOVA, half);
		t_expect_vmlck(0, half, "heir, one half unmapped");
		hf_unmap(&c, IOVA + half, half);
		t_expect_vmlck(0, 0, "heir, all unmapped");
	}
	t_gate_open(h->gate, 7);
	t_gate_wait(h->gate, 8);
	/* Whoever unmapped. */
	t_expect_vmlck(0, 0, "heir, in the end");
}

struct legacy {
	const char *kind;
	enum { HEIR_UNMAPS, OWNER_UNMAPS } end;
	bool limited;
};

static void to_another_process(struct t *t)
{
	const struct legacy *l = t->arg;
	const uint64_t locked = t_vmlck(0);
	struct heir h = { .t = t, .gate = t_gate_new(), .unmaps = l->end == HEIR_UNMAPS };
	struct parcel p;
	size_t half;
	pid_t pid;

	if (!t_vm_make(&h.vm, l->kind, 2 * T_2M))
		return;
	half = h.vm.len / 2;
	h.limit = l->limited ? h.vm.len : ~0ULL;
	h.seed = t_seed();
	t_seed();
	hf_require(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, h.sock), "socketpair");
	hf_map(t->c, IOVA, h.vm.addr, half, HF_RW);
	hf_map(t->c, IOVA + half, h.vm.addr + half, half, HF_RW);
	t_expect_vmlck(0, locked + h.vm.len, "owner, mapped");
	t_expect_invalidated(t->c, IOVA, h.vm.len);
	pid = t_child_start(inherit, &h);
	p = (struct parcel){ .container = t->c->fd, .vm = h.vm.fd };
	send_parcel(h.sock[0], &p);

	t_gate_wait(h.gate, 1);
	t_expect_vmlck(0, locked + h.vm.len, "owner, nothing updated");
	t_expect_join(t->c, -EBUSY, "nothing updated");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "nothing updated");
	t_gate_open(h.gate, 2);
	t_gate_wait(h.gate, 3);
	t_expect_vmlck(0, locked + half, "owner, one half updated");
	t_expect_vmlck(pid, half, "heir, one half updated");
	t_expect_join(t->c, -EBUSY, "one half updated");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "one half updated");
	t_gate_open(h.gate, 4);
	t_gate_wait(h.gate, 5);
	t_expect_vmlck(0, locked, "owner, all updated");
	t_expect_vmlck(pid, h.vm.len, "heir, all updated");
	t_expect_join(t->c, 0, "all updated");
	t_dma_reads(&t->port, IOVA, h.vm.len, 0, h.seed, "what the heir wrote");
	t_dma_writes(&t->port, IOVA, h.vm.len, 0, h.seed + 1, "for the heir");
	t_gate_open(h.gate, 6);
	t_gate_wait(h.gate, 7);
	if (l->end == OWNER_UNMAPS)
		hf_expect_eq(hf_try_unmap(t->c, IOVA, h.vm.len, 0, NULL), 0, "owner unmaps");
	t_expect_vmlck(0, locked, "owner, unmapped");
	t_expect_vmlck(pid, 0, "heir, unmapped");
	t_gate_open(h.gate, 8);
	t_child_end(pid, "heir");
	close(h.sock[0]);
	close(h.sock[1]);
	t_vm_free(&h.vm);
}

/* The owner maps, invalidates and exits; who comes after him updates and pays. */
static void map_invalidate_exit(void *arg)
{
	struct heir *h = arg;

	hf_map(h->t->c, IOVA, h->vm.addr, h->vm.len, HF_RW);
	t_expect_invalidated(h->t->c, IOVA, h->vm.len);
	t_expect_vmlck(0, h->vm.len, "owner");
}

static void owner_exits_first(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct hf_proc_snapshot before, now;
	struct heir h = { .t = t };

	if (!t_vm_make(&h.vm, "shmem4k", T_2M + 5 * T_PAGE))
		return;
	hf_must(hf_proc_snapshot(&before));
	t_child(map_invalidate_exit, &h, "owner");
	hf_must(hf_proc_snapshot(&now));
	hf_expect(now.pins_held > before.pins_held, "the pins outlive the owner");
	t_expect_vmlck(0, locked, "nobody pays");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "owner gone, stale");
	hf_expect_eq(t_update(t->c, IOVA, h.vm.addr, h.vm.len), 0, "update");
	t_expect_vmlck(0, locked + h.vm.len, "updated");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "owner gone, updated");
	hf_unmap(t->c, IOVA, h.vm.len);
	t_expect_vmlck(0, locked, "unmapped");
	t_vm_free(&h.vm);
}

/* The heir exits with the mappings: nobody gets his charge, this process must not be refunded. */
static void update_exit(void *arg)
{
	struct heir *h = arg;

	hf_expect_eq(t_update(h->t->c, IOVA, h->vm.addr, h->vm.len), 0, "update");
	t_expect_vmlck(0, h->vm.len, "heir");
}

static void heir_exits(struct t *t)
{
	const uint64_t locked = t_vmlck(0);
	struct heir h = { .t = t };

	if (!t_vm_make(&h.vm, "shmem4k", 100 * T_PAGE))
		return;
	hf_map(t->c, IOVA, h.vm.addr, h.vm.len, HF_RW);
	t_expect_invalidated(t->c, IOVA, h.vm.len);
	t_expect_vmlck(0, locked + h.vm.len, "mapped");
	t_child(update_exit, &h, "heir");
	t_expect_vmlck(0, locked, "updated by a heir that is gone");
	/* And back. */
	t_expect_invalidated(t->c, IOVA, h.vm.len);
	t_expect_vmlck(0, locked, "stale again");
	hf_expect_eq(t_update(t->c, IOVA, h.vm.addr, h.vm.len), 0, "update");
	t_expect_vmlck(0, locked + h.vm.len, "taken back");
	t_expect_invalidated(t->c, IOVA, h.vm.len);
	t_child(update_exit, &h, "a second heir");
	t_dma_check(&t->port, IOVA, h.vm.addr, h.vm.len, HF_RW, "heir gone");
	hf_unmap(t->c, IOVA, h.vm.len);
	t_expect_vmlck(0, locked, "unmapped");
	t_vm_free(&h.vm);
}

/* exec: the same process as another program, with what it kept open. */

struct exec {
	struct t *t;
	struct t_vm vm;
	int gate_fd;
	struct t_gate *gate;
	uint64_t seed;
	/* of the case */
	bool invalidate_late;	/* not before the exec, but after it */
	bool limited;
	bool unmaps;
};

static struct t_gate *gate_of(int fd)
{
	void *p = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	hf_require(p != MAP_FAILED, "a gate");
	return p;
}

static void map_and_exec(void *arg)
{
	struct exec *x = arg;
	const size_t half = x->vm.len / 2;
	char text[8][24];

	if (x->limited)
		t_unprivileged(x->vm.len);
	hf_map(x->t->c, IOVA, x->vm.addr, half, HF_RW);
	hf_map(x->t->c, IOVA + half, x->vm.addr + half, half, HF_RW);
	if (!x->invalidate_late)
		t_expect_invalidated(x->t->c, IOVA, x->vm.len);
	t_expect_vmlck(0, x->vm.len, "before the exec");
	if (hf_ktap_child_exit())
		return;
	/* A copy of the container's descriptor is not closed by the exec. */
	snprintf(text[0], sizeof(text[0]), "%d", dup(x->t->c->fd));
	snprintf(text[1], sizeof(text[1]), "%d", x->vm.fd);
	snprintf(text[2], sizeof(text[2]), "%zu", x->vm.len);
	snprintf(text[3], sizeof(text[3]), "%d", x->gate_fd);
	snprintf(text[4], sizeof(text[4]), "%llu", (unsigned long long)x->seed);
	snprintf(text[5], sizeof(text[5]), "%d", x->invalidate_late);
	snprintf(text[6], sizeof(text[6]), "%d", x->limited);
	snprintf(text[7], sizeof(text[7]), "%d", x->unmaps);
	execl("/proc/self/exe", "vaddr_process", "after-exec", text[0], text[1], text[2], text[3],
	      text[4], text[5], text[6], text[7], NULL);
	hf_expect(false, "exec: %s", strerror(errno));
}

static int after_exec(char **arg)
{
	const struct hf_container c = { .fd = atoi(arg[0]) };
	struct t_vm vm = { .fd = atoi(arg[1]), .len = strtoul(arg[2], NULL, 10) };
	struct t_gate *gate = gate_of(atoi(arg[3]));
	const uint64_t seed = strtoull(arg[4], NULL, 10);
	const bool late = atoi(arg[5]), limited = atoi(arg[6]), unmaps = atoi(arg[7]);
	const size_t half = vm.len / 2;
	const struct rlimit most = { vm.len, vm.len };
	const struct rlimit less = { vm.len - T_PAGE, vm.len };

	/* The parent prints the results. */
	vm.addr = t_vm_map(&vm, T_ELSEWHERE);
	t_expect_vmlck(0, 0, "after the exec");
	if (late) {
		t_expect_valid(&c, IOVA, half, "after the exec");
		t_expect_invalidated(&c, IOVA, vm.len);
	}
	t_gate_open(gate, 1);
	t_gate_wait(gate, 2);
	t_expect_vmlck(0, 0, "after the exec, stale");
	if (limited)
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &less), "setrlimit");
	hf_expect_eq(t_update(&c, IOVA, vm.addr, half), 0, "after the exec, update");
	t_expect_vmlck(0, half, "after the exec, one half");
	if (limited) {
		hf_expect_eq(t_update(&c, IOVA + half, vm.addr + half, half), -ENOMEM,
			     "after the exec, over the limit");
		t_expect_stale(&c, IOVA + half, half, "after the exec, over the limit");
		t_expect_vmlck(0, half, "after the exec, over the limit");
		hf_require(!setrlimit(RLIMIT_MEMLOCK, &most), "setrlimit");
	}
	hf_expect_eq(t_update(&c, IOVA + half, vm.addr + half, half), 0, "after the exec, update");
	t_expect_vmlck(0, vm.len, "after the exec, both halves");
	hf_pattern_fill(vm.addr, vm.len, 0, seed);
	t_gate_open(gate, 3);
	t_gate_wait(gate, 4);
	hf_expect(hf_pattern_check(vm.addr, vm.len, 0, seed + 1, NULL),
		  "after the exec: what the device wrote");
	if (unmaps) {
		uint64_t bytes = 0;

		hf_expect_eq(hf_try_unmap(&c, IOVA, vm.len, 0, &bytes), 0, "after the exec, unmap");
		hf_expect_eq(bytes, vm.len, "after the exec, bytes unmapped");
		t_expect_vmlck(0, 0, "after the exec, unmapped");
	}
	/* It has printed no plan, so it is nobody's child: all its failures are its own. */
	return hf_ktap_failed();
}

static void over_exec(struct t *t)
{
	const struct exec *how = t->arg;
	const uint64_t locked = t_vmlck(0);
	struct hf_proc_mem mem;
	struct exec x = *how;
	uint64_t bytes;
	pid_t pid;

	if (!t_vm_make(&x.vm, "shmem4k", 2 * T_2M + 6 * T_PAGE))
		return;
	x.t = t;
	x.seed = t_seed();
	t_seed();
	x.gate_fd = memfd_create("gate", 0);
	hf_require(x.gate_fd >= 0 && !ftruncate(x.gate_fd, T_PAGE), "memfd");
	x.gate = gate_of(x.gate_fd);
	pid = t_child_start(map_and_exec, &x);
	t_gate_wait(x.gate, 1);
	t_dma_check(&t->port, IOVA, x.vm.addr, x.vm.len, HF_RW, "after the exec, stale");
	t_expect_join(t->c, -EBUSY, "after the exec");
	t_gate_open(x.gate, 2);
	t_gate_wait(x.gate, 3);
	hf_must(hf_proc_mem(pid, &mem));
	hf_expect_eq(mem.vmlck, x.vm.len, "after the exec, updated: VmLck");
	hf_expect_eq(mem.vmpin, 0, "after the exec, updated: VmPin");
	t_expect_join(t->c, 0, "after the exec, updated");
	t_dma_reads(&t->port, IOVA, x.vm.len, 0, x.seed, "what the new program wrote");
	t_dma_writes(&t->port, IOVA, x.vm.len, 0, x.seed + 1, "for the new program");
	t_gate_open(x.gate, 4);
	t_child_end(pid, "process that exec'ed");
	hf_expect_eq(hf_try_unmap(t->c, IOVA, x.vm.len, 0, &bytes), 0, "unmap");
	hf_expect_eq(bytes, x.unmaps ? 0 : x.vm.len, "bytes left by it");
	t_expect_vmlck(0, locked, "this process, all along");
	munmap(x.gate, T_PAGE);
	close(x.gate_fd);
	t_vm_free(&x.vm);
}

#define LEGACY(k, e, l) &(const struct legacy){ .kind = k, .end = e, .limited = l }
#define EXEC(late, limit, un) \
	&(const struct exec){ .invalidate_late = late, .limited = limit, .unmaps = un }

static const struct t_case cases[] = {
	{ "an emulated device that comes later", emulated_later, T_RIG, NULL },
	{ "who pays already is not charged", same_payer, T_RIG, NULL },
	{ "to another process, which unmaps", to_another_process, T_DMA,
	  LEGACY("shmem4k", HEIR_UNMAPS, false) },
	{ "to another process, the old one unmaps", to_another_process, T_DMA,
	  LEGACY("shmem4k", OWNER_UNMAPS, false) },
	{ "to another process, at its limit", to_another_process, T_DMA,
	  LEGACY("shmem4k", HEIR_UNMAPS, true) },
	{ "to another process, at its limit: hugetlb2m", to_another_process, T_DMA,
	  LEGACY("hugetlb2m", OWNER_UNMAPS, true) },
	{ "the old process exits first", owner_exits_first, T_DMA, NULL },
	{ "the new process exits", heir_exits, T_DMA, NULL },
	{ "exec", over_exec, T_DMA, EXEC(false, false, true) },
	{ "exec, invalidated after it", over_exec, T_DMA, EXEC(true, false, true) },
	{ "exec, exit, then unmap", over_exec, T_DMA, EXEC(false, false, false) },
	{ "exec at the limit", over_exec, T_DMA, EXEC(true, true, true) },
};

int main(int argc, char **argv)
{
	if (argc == 10 && !strcmp(argv[1], "after-exec"))
		return after_exec(argv + 2);
	return T_EMULATED_RUN(cases);
}
