// SPDX-License-Identifier: GPL-2.0-only
/*
 * harness.c - cases × backends, the shared rig, and the look for leftovers.
 *
 * Invariants: the rig that a case gets is served by the backend the case is about (the
 * module's reference count shows it); a case that failed never hands its rig on; holdfast is
 * enabled again when the program ends, however it ends.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "module.h"
#include "payer.h"

/* The runner ends a test after so long, if the environment (TEST_TIMEOUT) does not say longer. */
#define TEST_TIMEOUT_S 180

static const char *const names[T_BACKENDS] = { HF_BACKEND_STOCK, HF_BACKEND_HOLDFAST };
static const char *const modules[T_BACKENDS] = { T_MODULE_STOCK, T_MODULE_HOLDFAST };

static struct {
	pid_t owner;
	pthread_t thread;
	jmp_buf back;
	bool armed;
} abandon;

void t_log(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int fd;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, line, strlen(line)) < 0)
		hf_ktap_diag("cannot write to /dev/kmsg: %s", strerror(errno));
	close(fd);
}

static bool faults_expected;

void t_faults_begin(const char *why)
{
	faults_expected = true;
	t_log("holdfast-expect: iommu-fault %s", why);
}

/*
 * Run for a moment on every CPU in turn: what was pending there has been handled then, however
 * long the machine under this one let that CPU wait.
 */
static void visit_every_cpu(void)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!sched_setaffinity(0, sizeof(one), &one))
			t_sleep_ms(1);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

void t_faults_end(void)
{
	/* The interrupt of the last fault may still be on its way. */
	t_sleep_ms(20);
	visit_every_cpu();
	t_log("holdfast-expect: none");
	faults_expected = false;
}

bool t_kernel_before(unsigned int major, unsigned int minor)
{
	unsigned int have_major, have_minor;
	struct utsname u;

	hf_require(!uname(&u) && sscanf(u.release, "%u.%u", &have_major, &have_minor) == 2,
		   "a kernel release");
	return have_major < major || (have_major == major && have_minor < minor);
}

void t_sleep_ms(unsigned int ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

uint64_t t_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t t_patience_ms(uint64_t ms)
{
	const char *text = getenv("HOLDFAST_SLOW");
	const unsigned long slow = text ? strtoul(text, NULL, 10) : 1;

	return ms * (slow ? slow : 1);
}

bool t_alloc(struct hf_mem *m, const char *kind, size_t len, size_t offset, unsigned int flags)
{
	int ret = hf_mem_alloc_offset(kind, len, offset, flags, m);

	if (hf_mem_unavailable(ret)) {
		hf_ktap_skip("no %s of 0x%zx bytes: %s", kind, len, strerror(-ret));
		return false;
	}
	hf_require(!ret, "allocate %s of 0x%zx bytes: %s", kind, len, strerror(-ret));
	return true;
}

/* What the running case, and the backend's whole run, are compared with. */
static struct hf_proc_snapshot of_run, of_case;

void t_pinned_for_ever(long pins)
{
	of_run.pins_held += pins;
	of_case.pins_held += pins;
	hf_ktap_diag("pinned for ever: %ld", pins);
}

int64_t t_pinned(void)
{
	struct hf_proc_pins p;

	hf_must(hf_proc_pins(&p));
	return (int64_t)(p.acquired - p.released);
}

bool t_leftover(const struct hf_proc_snapshot *before, const char *what)
{
	struct hf_proc_snapshot now = { 0 };

	if (!hf_proc_settle(before, &now, (unsigned int)t_patience_ms(1000)))
		return true;
	hf_expect_eq(now.pins_held, before->pins_held, "%s: pins held", what);
	hf_expect_eq(now.vmlck, before->vmlck, "%s: VmLck, bytes", what);
	hf_expect_eq(now.vmpin, before->vmpin, "%s: VmPin, bytes", what);
	hf_expect_eq(now.huge_free_2m, before->huge_free_2m, "%s: free 2M huge pages", what);
	hf_expect_eq(now.huge_free_1g, before->huge_free_1g, "%s: free 1G huge pages", what);
	return hf_expect(false, "%s: something is left over", what);
}

/* The shared rig */

static bool rig_open(const struct t *t)
{
	return t->rig.container.fd >= 0;
}

static void close_rig(struct t *t)
{
	if (!rig_open(t))
		return;
	t_port_close(&t->port);
	hf_rig_close(&t->rig);
}

static bool rig_fits(const struct t *t, unsigned int flags)
{
	const int type = flags & T_V1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU;

	return flags & (T_RIG | T_DMA) && rig_open(t) && t->rig.container.type == type &&
	       !(flags & T_DMA) == !t->port.dma;
}

static void open_rig(struct t *t, unsigned int flags)
{
	long refs[T_BACKENDS];

	for (int i = 0; i < T_BACKENDS; i++)
		refs[i] = t_module_refs(modules[i]);
	hf_must(hf_rig_open(&t->rig, NULL, flags & T_V1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU));
	for (int i = 0; i < T_BACKENDS; i++)
		if (refs[i] >= 0)
			hf_require(t_module_refs(modules[i]) == refs[i] + ((int)t->on == i),
				   "container meant for %s is served by another module",
				   t->backend);
	if (flags & T_DMA)
		t_port_open(&t->port, t->c, &t->rig.device, HF_DMA_IOVA_DEFAULT);
}

/* Cases */

static void on_failure(const char *file, int line, const char *message, void *data)
{
	(void)file;
	(void)line;
	(void)data;
	if (abandon.owner == getpid() && abandon.armed &&
	    pthread_equal(abandon.thread, pthread_self()))
		longjmp(abandon.back, 1);
	if (abandon.owner != getpid())
		_exit(HF_EXIT_FAIL);
	hf_ktap_bail(message);
	exit(HF_EXIT_FAIL);
}

/* What a case left running or open when it was abandoned would fail those after it. */
static void clean_up(void)
{
	pid_t pid;

	if (faults_expected)
		t_faults_end();
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		;
	close_range(STDERR_FILENO + 1, ~0U, 0);
}

/* The parameter "accounting" may have been set: it is to be put back. */
static bool charged_users;

static const char *how(const struct t *t)
{
	return t->by_user ? ", by user" : "";
}

static void run_case(struct t *t, const struct t_case *tc)
{
	hf_ktap_begin("%s%s: %s", t->backend, how(t), tc->name);
	t_log("holdfast-test: %s: %s%s: %s", program_invocation_short_name, t->backend, how(t),
	      tc->name);
	t->arg = tc->arg;
	if (!setjmp(abandon.back)) {
		abandon.armed = true;
		if (!rig_fits(t, tc->flags))
			close_rig(t);
		if (tc->flags & (T_RIG | T_DMA) && !rig_open(t))
			open_rig(t, tc->flags);
		hf_must(hf_proc_snapshot(&of_case));
		tc->run(t);
		t_leftover(&of_case, "after the case");
		t_users_even("after the case");
	} else {
		hf_expect(false, "case abandoned");
	}
	abandon.armed = false;
	if (hf_ktap_failed()) {
		close_rig(t);
		clean_up();
	}
	hf_ktap_end();
}

/* A run of the table: by whom, and who pays. */
struct pass {
	enum t_backend on;
	bool by_user;
};

static const struct pass passes[] = {
	{ T_ON_STOCK, false },
	{ T_ON_HOLDFAST, false },
	{ T_ON_HOLDFAST, true },
};

static bool wanted(const struct t_case *tc, enum t_backend on, bool by_user)
{
	const unsigned int only = tc->flags & (T_STOCK | T_HOLDFAST);

	if (by_user)
		return tc->flags & T_USER;
	return !only || only & (on == T_ON_STOCK ? T_STOCK : T_HOLDFAST);
}

static void run_backend(const struct pass *pass, const struct t_case *cases, size_t count)
{
	const enum t_backend on = pass->on;
	struct t t = { .on = on, .backend = names[on], .by_user = pass->by_user };
	const char *only = getenv("HOLDFAST_STOCK_ONLY");
	const bool may_skip = on == T_ON_HOLDFAST && only && !strcmp(only, "1");
	bool there = hf_backend_select(t.backend) == 0;

	t.rig = (struct hf_rig){ .container.fd = -1, .group.fd = -1, .device.fd = -1 };
	t.c = &t.rig.container;
	charged_users |= pass->by_user;
	if (there && pass->by_user)
		hf_must(t_module_param_set(T_MODULE_HOLDFAST, "accounting", "user"));
	hf_must(hf_proc_snapshot(&of_run));
	for (size_t i = 0; i < count; i++) {
		if (!wanted(&cases[i], on, pass->by_user))
			continue;
		t.index = i;
		if (there) {
			run_case(&t, &cases[i]);
			continue;
		}
		hf_ktap_begin("%s%s: %s", t.backend, how(&t), cases[i].name);
		if (may_skip)
			hf_ktap_skip("module not loaded");
		else
			hf_expect(there, "%s cannot serve a container", t.backend);
		hf_ktap_end();
	}
	if (!there)
		return;
	hf_ktap_begin("%s%s: nothing is left when the container is closed", t.backend, how(&t));
	close_rig(&t);
	t_leftover(&of_run, "after closing the container");
	t_users_even("after closing the container");
	hf_ktap_end();
}

static void enable_holdfast(void)
{
	if (abandon.owner != getpid())
		return;
	hf_backend_select(HF_BACKEND_HOLDFAST);
	if (charged_users)
		t_module_param_set(T_MODULE_HOLDFAST, "accounting", "mm");
}

/* Entries of the table that a pass runs. */
static unsigned int wanted_of(const struct pass *pass, const struct t_case *cases, size_t count)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += wanted(&cases[i], pass->on, pass->by_user);
	return sum;
}

static void on_alarm(int sig)
{
	static const char text[] = "Bail out! the test hangs\n";

	(void)sig;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(HF_EXIT_FAIL);
	_exit(HF_EXIT_FAIL);
}

/* A test that takes so long has hung; it should say so a little before the runner ends it. */
static unsigned int test_seconds(void)
{
	const char *text = getenv("TEST_TIMEOUT");
	const unsigned long limit = text ? strtoul(text, NULL, 10) : 0;

	return (unsigned int)(t_patience_ms((limit ? limit : TEST_TIMEOUT_S) * 1000) / 18 * 17 /
			      1000);
}

int t_run(const struct t_case *cases, size_t count)
{
	unsigned int plan = 0;

	/* A kernel that answers strangely must not take the result lines with it. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	abandon.owner = getpid();
	abandon.thread = pthread_self();
	hf_fail_set_handler(on_failure, NULL);
	atexit(enable_holdfast);
	signal(SIGALRM, on_alarm);
	alarm(test_seconds());

	for (size_t p = 0; p < T_ARRAY_SIZE(passes); p++) {
		const unsigned int sum = wanted_of(&passes[p], cases, count);

		plan += sum;
		if (sum || !passes[p].by_user)
			plan += hf_backend_available(names[passes[p].on]);
	}
	hf_ktap_plan(plan);
	for (size_t p = 0; p < T_ARRAY_SIZE(passes); p++)
		if (!passes[p].by_user || wanted_of(&passes[p], cases, count))
			run_backend(&passes[p], cases, count);
	return hf_ktap_exit();
}
