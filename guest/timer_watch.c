// SPDX-License-Identifier: GPL-2.0-only
/*
 * timer_watch.c - start an emulated CPU's timer again when its interrupt was lost.
 *
 * Linux programs the timer of each CPU's local APIC for the next thing that CPU has to do, once. If
 * that one interrupt does not come, nothing does on that CPU that waits for time: the next timer is
 * later, so it is not programmed, and a CPU that is idle sleeps for ever. That comes of a store to the
 * APIC that QEMU took for another device's (scripts/qemu): the one that starts the timer, or the one that
 * ends the interrupt before, without which the APIC has no other of its class come.
 *
 * One thread on each CPU beats once a second, and looks at the others. One that has missed five beats of
 * this one, while its CPU did hardly anything (what a CPU that is busy in the kernel misses is a matter for
 * its watchdogs), is woken, which takes no timer, ends what its CPU's APIC has for served still, and has
 * the timer fire at once; the kernel then sees what is due and goes on. It says so in the kernel log.
 *
 * Only for a guest whose CPUs are emulated and have no x2APIC (that is no memory), booted with
 * iomem=relaxed, so that /dev/mem shows the APIC. A CPU's APIC is at the same address for each CPU: who
 * reads there must be on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CPUS 64
#define MISSED 5

/* Of the local APIC (Intel's manual, volume 3, "Local APIC Register Address Map"). */
#define APIC 0xfee00000
#define APIC_END_OF_INTERRUPT 0xb0
#define APIC_IN_SERVICE 0x100
#define APIC_REQUESTED 0x200
#define APIC_LVT_TIMER 0x320
#define APIC_COUNT_FIRST 0x380
#define APIC_COUNT_NOW 0x390
/* Ticks of the timer, some microseconds. */
#define SOON 1000

static struct cpu {
	_Atomic uint32_t beats;
	_Atomic uint32_t call;
	pthread_t thread;
} cpu[CPUS];

static long cpus;
static volatile uint32_t *apic;

static volatile uint32_t *reg(unsigned int at)
{
	return &apic[at / sizeof(*apic)];
}

/* The highest of the 256 vectors that has its bit in registers from @at on, or -1. */
static int highest(unsigned int at)
{
	for (int i = 7; i >= 0; i--) {
		const uint32_t bits = *reg(at + 16 * (unsigned int)i);

		if (bits)
			return 32 * i + 31 - __builtin_clz(bits);
	}
	return -1;
}

/* On the CPU itself, in user mode: no interrupt is being served. */
static void start_again(long self)
{
	const int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	const uint32_t lvt = *reg(APIC_LVT_TIMER), now = *reg(APIC_COUNT_NOW), first = *reg(APIC_COUNT_FIRST);
	const int requested = highest(APIC_REQUESTED), served = highest(APIC_IN_SERVICE);
	char text[192];
	int len;

	for (int i = 0; i < 16 && highest(APIC_IN_SERVICE) >= 0; i++)
		*reg(APIC_END_OF_INTERRUPT) = 0;
	*reg(APIC_COUNT_FIRST) = SOON;
	/* At level "warning", and in one write(): that is one line. */
	len = snprintf(text, sizeof(text),
		       "<4>holdfast: timer-watch: CPU %ld has had no timer interrupt; it gets one (LVT %x, count %u of %u, requested %d, in service %d)\n",
		       self, lvt, now, first, requested, served);
	if (log < 0 || write(log, text, (size_t)len) != len)
		perror("timer-watch: /dev/kmsg");
	if (log >= 0)
		close(log);
}

/*
 * How long a CPU has been at work since boot, in ticks of USER_HZ. How long it was idle the kernel does not
 * always know of one that is idle still.
 */
static unsigned long long busy_of(long of)
{
	unsigned long long user = 0, nice = 0, system = 0, irq = 0, softirq = 0;
	char line[256], name[32];
	FILE *f = fopen("/proc/stat", "re");

	snprintf(name, sizeof(name), "cpu%ld ", of);
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			sscanf(line + strlen(name), "%llu %llu %llu %*u %*u %llu %llu", &user, &nice,
			       &system, &irq, &softirq);
	if (f)
		fclose(f);
	return user + nice + system + irq + softirq;
}

/* What a thread knows of another CPU. */
struct other {
	uint32_t beats;
	unsigned int missed;
	unsigned long long busy;
};

static void look_at(long of, struct other *o)
{
	const uint32_t beats = atomic_load(&cpu[of].beats);

	if (beats != o->beats) {
		o->beats = beats;
		o->missed = 0;
		return;
	}
	if (++o->missed == 1)
		o->busy = busy_of(of);
	if (o->missed < MISSED)
		return;
	/* At work for less than one of the seconds since. */
	if (busy_of(of) - o->busy < (unsigned long long)sysconf(_SC_CLK_TCK)) {
		atomic_store(&cpu[of].call, 1);
		syscall(SYS_futex, &cpu[of].call, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	}
	o->missed = 0;
}

static void *beat(void *arg)
{
	const struct timespec second = { .tv_sec = 1 };
	const long self = (struct cpu *)arg - cpu;
	struct other other[CPUS] = { 0 };

	for (;;) {
		syscall(SYS_futex, &cpu[self].call, FUTEX_WAIT_PRIVATE, 0, &second, NULL, 0);
		if (atomic_exchange(&cpu[self].call, 0))
			start_again(self);
		atomic_fetch_add(&cpu[self].beats, 1);
		for (long i = 0; i < cpus; i++)
			if (i != self)
				look_at(i, &other[i]);
	}
	return NULL;
}

static int start(long on)
{
	const struct sched_param first = { .sched_priority = 1 };
	pthread_attr_t attr;
	cpu_set_t here;
	int ret;

	CPU_ZERO(&here);
	CPU_SET((unsigned int)on, &here);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(here), &here);
	/* Whoever keeps a CPU busy must not look like a lost interrupt. */
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &first);
	ret = pthread_create(&cpu[on].thread, &attr, beat, &cpu[on]);
	pthread_attr_destroy(&attr);
	return ret;
}

int main(void)
{
	const int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	void *at = MAP_FAILED;
	int ret;

	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 2 || cpus > CPUS)
		return 0;
	if (fd >= 0)
		at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, APIC);
	if (at == MAP_FAILED) {
		fprintf(stderr, "timer-watch: the APIC is not to be had: %s\n", strerror(errno));
		return 1;
	}
	apic = at;
	for (long i = 0; i < cpus; i++) {
		ret = start(i);
		if (ret) {
			fprintf(stderr, "timer-watch: no thread on CPU %ld: %s\n", i, strerror(ret));
			return 1;
		}
	}
	pthread_join(cpu[0].thread, NULL);
	return 0;
}
