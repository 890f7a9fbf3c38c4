// SPDX-License-Identifier: GPL-2.0-only
/*
 * tsc_khz.c - the rate of this machine's time stamp counter, in kHz, for the guests.
 *
 * An emulated CPU's time stamp counter is that of the machine it is emulated on. A guest's kernel
 * measures its rate against an emulated timer while it boots; on a busy machine, where either may
 * stand still for a while, it can be wrong by any factor, and then every second of the guest has
 * another length: time limits end tests that have hardly begun, and RCU reports stalls. So the
 * rate is measured here, where the clock to compare with is a good one, and given to the kernel
 * (tsc_early_khz=, since Linux 5.10).
 *
 * Each of the two readings of a pair may be torn apart by whoever else wants the CPU; of many
 * pairs the one that was taken fastest counts.
 *
 * Prints one number, or fails (exit status 1) without one where there is no such counter. Whether it runs
 * at one rate, and does not stop when the CPU sleeps, /proc/cpuinfo says (constant_tsc, nonstop_tsc).
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#if defined(__x86_64__)

#define TRIES 200
#define APART_NS 100000000 /* how far apart the two pairs are: an error of 1 us is 10 ppm */

/* A reading of both clocks at, as far as can be told, the same time. */
struct pair {
	uint64_t ticks;
	int64_t ns;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

static struct pair read_pair(void)
{
	struct pair best = { 0 };
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		const uint64_t before = ticks();
		const int64_t ns = now_ns();
		const uint64_t after = ticks();

		if (after - before < shortest) {
			shortest = after - before;
			best = (struct pair){ before + shortest / 2, ns };
		}
	}
	return best;
}

int main(void)
{
	const struct timespec apart = { .tv_nsec = APART_NS };
	struct pair a, b;
	cpu_set_t here;

	/* Counters of different CPUs need not agree. */
	CPU_ZERO(&here);
	CPU_SET((unsigned int)sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
	a = read_pair();
	nanosleep(&apart, NULL);
	b = read_pair();
	if (b.ticks <= a.ticks || b.ns <= a.ns) {
		fprintf(stderr, "tsc-khz: the time stamp counter does not count up\n");
		return 1;
	}
	printf("%.0f\n", (double)(b.ticks - a.ticks) * 1e6 / (double)(b.ns - a.ns));
	return 0;
}

#else

int main(void)
{
	fprintf(stderr, "tsc-khz: this CPU has no time stamp counter\n");
	return 1;
}

#endif
