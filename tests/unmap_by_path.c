// SPDX-License-Identifier: GPL-2.0-only
/*
 * unmap_by_path - an unmap gives back exactly what the map took: pins where it took pins, nothing
 * where the memory was a BAR, whatever is at those addresses by then and whatever has become of
 * the pages.
 *
 * The scenario is Jason Gunthorpe's, "Re: [GIT PULL] VFIO fix for v6.0-rc5", 9 September 2022:
 * a driver that guesses at unmap time from the look of a page ("reserved") how it was obtained
 * guesses wrong sooner or later, as it did for the zero page. The path must be recorded when it
 * is taken. (zero_page is about the zero page itself.)
 *
 * A range is mapped that is RAM and a BAR by turns. Then something happens to it: the one is
 * mapped over the other, parts are replaced or unmapped, the BAR is disabled, its device closed,
 * a page is poisoned, the file behind it cut off. Then it is unmapped. Pins, locked memory and
 * huge page pools must be where they were, and whatever came in place of the old memory is
 * untouched.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast/pattern.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "child.h"
#include "harness.h"
#include "verdict.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#define IOVA 0x200000000ULL
#define STRETCHES 6

enum ram { SMALL, HUGE, HUGETLB, SHARED, MAKES };

static const char *const make_names[MAKES] = { "4K pages", "THP", "hugetlb", "shared memory" };

/* Stretches of the range, RAM first and then by turns. */
struct range {
	struct t *t;
	struct t_peer p;
	char *addr;
	size_t each;
	enum ram make;
	int fd;
	/* What was put in place of the old memory, to be found again. */
	uint64_t seed;
	bool fresh[STRETCHES];
	const char *word;
	char why[140];
};

struct happening {
	const char *name;
	void (*happens)(struct range *r);
	/* Bits of enum ram it applies to. */
	unsigned int makes;
};

#define len_of(r) (STRETCHES * (r)->each)

static char *stretch(const struct range *r, int i)
{
	return r->addr + (size_t)i * r->each;
}

static bool is_bar(int i)
{
	return i & 1;
}

static void wrong(struct range *r, const char *word, const char *fmt, const char *what)
{
	if (r->word)
		return;
	r->word = word;
	snprintf(r->why, sizeof(r->why), fmt, what);
}

static void ram_at(struct range *r, int i)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	char *at = stretch(r, i);

	if (r->make == HUGETLB)
		flags |= MAP_HUGETLB;
	if (r->make == SHARED)
		flags = MAP_SHARED | MAP_FIXED;
	hf_require(mmap(at, r->each, PROT_READ | PROT_WRITE, flags, r->fd,
			(off_t)((size_t)i * r->each)) == at,
		   "memory: %s", strerror(errno));
	if (r->make == SMALL)
		madvise(at, r->each, MADV_NOHUGEPAGE);
	hf_mem_touch(at, r->each);
}

static void bar_at(struct range *r, int i)
{
	t_bar_mmap(&r->p, stretch(r, i), (size_t)i * r->each, r->each, PROT_READ | PROT_WRITE);
}

static bool range_open(struct range *r, struct t *t, enum ram make)
{
	*r = (struct range){ .t = t, .make = make, .fd = -1, .seed = t_seed() };
	r->each = make == SMALL || make == SHARED ? 37 * T_PAGE : T_2M;
	if (!t_peer_open(&r->p, t->c))
		return false;
	if (make == SHARED) {
		r->fd = memfd_create("range", MFD_CLOEXEC);
		hf_require(r->fd >= 0 && !ftruncate(r->fd, (off_t)len_of(r)), "memfd");
	}
	r->addr = t_arena_take(len_of(r));
	for (int i = 0; i < STRETCHES; i++) {
		if (is_bar(i))
			bar_at(r, i);
		else
			ram_at(r, i);
	}
	return true;
}

/*
 * What happens to the range while it is mapped
 */
static void fresh(struct range *r, int i)
{
	hf_pattern_fill(stretch(r, i), r->each, (uint64_t)i * T_1G, r->seed);
	r->fresh[i] = true;
}

static void nothing(struct range *r)
{
	(void)r;
}

static void bar_over_ram(struct range *r)
{
	for (int i = 0; i < STRETCHES; i += 2) {
		bar_at(r, i);
		fresh(r, i);
	}
}

static void ram_over_bar(struct range *r)
{
	for (int i = 1; i < STRETCHES; i += 2) {
		ram_at(r, i);
		fresh(r, i);
	}
}

static void exchanged(struct range *r)
{
	bar_over_ram(r);
	ram_over_bar(r);
}

static void ram_over_ram(struct range *r)
{
	for (int i = 0; i < STRETCHES; i += 2) {
		t_anon_at(stretch(r, i), r->each);
		fresh(r, i);
	}
}

static void bar_over_some(struct range *r)
{
	for (int i = 0; i < STRETCHES; i += 2)
		t_bar_mmap(&r->p, stretch(r, i) + 3 * T_PAGE, 0, 7 * T_PAGE,
			   PROT_READ | PROT_WRITE);
}

static void hole(struct range *r, int from)
{
	for (int i = from; i < STRETCHES; i += 2)
		hf_require(!munmap(stretch(r, i), r->each), "munmap");
}

static void ram_unmapped(struct range *r)
{
	hole(r, 0);
}

static void bar_unmapped(struct range *r)
{
	hole(r, 1);
}

static void all_unmapped(struct range *r)
{
	hole(r, 0);
	hole(r, 1);
}

static void bar_disabled(struct range *r)
{
	t_peer_memory(&r->p, false);
}

static void device_closed(struct range *r)
{
	/* With its BARs; the addresses are the arena's again. */
	t_peer_close(&r->p);
}

static void moved(struct range *r)
{
	char *area = mmap(NULL, 2 * T_2M + r->each, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = (char *)(((uintptr_t)area + T_2M) & ~(T_2M - 1));

	hf_require(area != MAP_FAILED && mremap(stretch(r, 2), r->each, r->each,
						MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
		   "mremap: %s", strerror(errno));
	munmap(area, 2 * T_2M + r->each);
}

static void cut_off(struct range *r)
{
	hf_require(!ftruncate(r->fd, 0), "ftruncate");
}

static void dropped(struct range *r)
{
	for (int i = 0; i < STRETCHES; i += 2)
		hf_require(!madvise(stretch(r, i), r->each, MADV_DONTNEED), "MADV_DONTNEED");
}

static void told_of_poison(int sig)
{
	(void)sig;
}

/*
 * A page that the memory controller has given up, and one that it would like to (refused). Since
 * 6.10 the owner is told by a signal even if he does not read it.
 */
static void poisoned(struct range *r)
{
	const struct sigaction told = { .sa_handler = told_of_poison };
	struct sigaction before;
	int ret;

	t_log("holdfast-test: a page is poisoned on purpose");
	hf_require(!sigaction(SIGBUS, &told, &before), "sigaction");
	madvise(stretch(r, 2) + 2 * T_PAGE, T_PAGE, MADV_SOFT_OFFLINE);
	ret = madvise(stretch(r, 0) + 5 * T_PAGE, T_PAGE, MADV_HWPOISON);
	hf_ktap_diag("poison: %s", ret ? strerror(errno) : "done");
	sigaction(SIGBUS, &before, NULL);
}

static void other_owner(void *arg)
{
	struct range *r = arg;

	hf_map(r->t->c, IOVA, r->addr, len_of(r), HF_RW);
}

static const struct happening happenings[] = {
	{ "RAM and BAR in one range", nothing, ~0u },
	{ "RAM and BAR, the BAR mapped over the RAM", bar_over_ram, ~0u },
	{ "RAM and BAR, RAM mapped over the BAR", ram_over_bar, ~0u },
	{ "RAM and BAR, exchanged", exchanged, ~0u },
	{ "RAM and BAR, other RAM mapped over the RAM", ram_over_ram, ~0u },
	{ "RAM and BAR, the BAR over parts of the RAM", bar_over_some, ~(1u << HUGETLB) },
	{ "RAM and BAR, the RAM unmapped", ram_unmapped, ~0u },
	{ "RAM and BAR, the BAR unmapped", bar_unmapped, ~0u },
	{ "RAM and BAR, all unmapped", all_unmapped, ~0u },
	{ "RAM and BAR, the BAR disabled", bar_disabled, ~0u },
	{ "RAM and BAR, the BAR's device closed", device_closed, ~0u },
	{ "RAM and BAR, RAM moved away", moved, ~0u },
	{ "RAM and BAR, MADV_DONTNEED of the RAM", dropped, ~0u },
	{ "RAM and BAR, the file behind the RAM cut off", cut_off, 1u << SHARED },
	{ "RAM and BAR, a page of the RAM poisoned", poisoned, 1u << SMALL },
};

/* Counters are what they were before the map, all that is new is as it was left. */
static void look(struct range *r, const struct hf_proc_snapshot *before)
{
	struct hf_proc_snapshot now = { 0 };

	hf_proc_settle(before, &now, (unsigned int)t_patience_ms(200));
	if (now.pins_held != before->pins_held)
		wrong(r, now.pins_held > before->pins_held ? "leaked" : "dropped",
		      now.pins_held > before->pins_held ? "pins are left of %s"
							: "more pins dropped than taken of %s",
		      make_names[r->make]);
	if (now.vmlck != before->vmlck)
		wrong(r, "charged", "locked memory is another than before with %s",
		      make_names[r->make]);
	for (int i = 0; i < STRETCHES; i++)
		if (r->fresh[i] &&
		    !hf_pattern_check(stretch(r, i), r->each, (uint64_t)i * T_1G, r->seed, NULL))
			wrong(r, "reused", "memory that came later was written to, with %s",
			      make_names[r->make]);
}

/* The device writes to all it can reach: none of it is what is there now. */
static void device_writes(struct range *r)
{
	struct t_port *port = &r->t->port;

	for (int i = 0; i < STRETCHES; i++) {
		if (is_bar(i))
			continue;
		hf_pattern_fill(port->bounce.addr, 4 * T_PAGE, 0, t_seed());
		hf_must(hf_dma_copy(port->dma, IOVA + (size_t)i * r->each + r->each - 4 * T_PAGE,
				    port->iova, 4 * T_PAGE));
	}
}

/* One range of a make of RAM. False when there is no device with a BAR. */
static bool play(struct range *r, const struct happening *h, struct t *t, enum ram make, bool child)
{
	struct hf_proc_snapshot before, first;
	const char *word = r->word;
	char why[sizeof(r->why)];
	uint64_t unmapped;

	strcpy(why, r->why);
	hf_must(hf_proc_snapshot(&first));
	if (!range_open(r, t, make))
		return false;
	r->word = word;
	strcpy(r->why, why);
	hf_must(hf_proc_snapshot(&before));
	if (child)
		t_child(other_owner, r, "the mapper");
	else
		other_owner(r);
	h->happens(r);
	device_writes(r);
	hf_must(hf_try_unmap(t->c, IOVA, len_of(r), 0, &unmapped));
	if (unmapped != len_of(r))
		wrong(r, "refused", "not all of it is unmapped with %s", make_names[make]);
	look(r, &before);
	if (h->happens == bar_disabled)
		t_peer_memory(&r->p, true);
	t_peer_close(&r->p);
	if (r->fd >= 0)
		close(r->fd);
	/* Now the memory itself can go. */
	hf_expect_eq(hf_proc_settle(&first, NULL, (unsigned int)t_patience_ms(200)), 0,
		     "%s: all memory is back", make_names[make]);
	return true;
}

static void happened(struct t *t)
{
	static const struct t_stock right = T_STOCK_RIGHT;
	const struct happening *h = t->arg;
	struct range r = { 0 };

	for (enum ram make = 0; make < MAKES; make++)
		if (h->makes & (1u << make) && !play(&r, h, t, make, false))
			return;
	t_verdict(t, h->name, &right, r.word ? r.word : T_RIGHT, "%s",
		  r.word ? r.why : "what was taken was given back, no more and no less");
}

/* Nobody has the pages in a page table any more, and nobody can be asked. */
static void owner_gone(struct t *t)
{
	static const struct t_stock right = T_STOCK_RIGHT;
	static const struct happening gone = { "RAM and BAR, the process that mapped it gone",
					       nothing, 0 };
	struct range r = { 0 };

	for (enum ram make = 0; make < MAKES; make++)
		if (!play(&r, &gone, t, make, true))
			return;
	t_verdict(t, gone.name, &right, r.word ? r.word : T_RIGHT, "%s",
		  r.word ? r.why : "what was taken was given back, no more and no less");
}

/* PFN-mapped like a BAR, but with struct pages, reserved ones: there was no pin, there is none. */
static void bios(struct t *t)
{
	static const struct t_stock right = T_STOCK_RIGHT;
	const size_t len = 16 * T_PAGE;
	const int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	struct range r = { .t = t };
	struct hf_proc_snapshot before;
	char *at;

	if (fd < 0)
		return hf_ktap_skip("no /dev/mem on this kernel");
	if (!t_peer_open(&r.p, t->c))
		return;
	at = t_arena_take(3 * len);
	t_anon_at(at, len);
	t_anon_at(at + 2 * len, len);
	if (mmap(at + len, len, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0xf0000) == MAP_FAILED) {
		hf_ktap_skip("no mmap of /dev/mem: %s", strerror(errno));
	} else {
		hf_must(hf_proc_snapshot(&before));
		hf_map(t->c, IOVA, at, 3 * len, HF_READ);
		t_bar_mmap(&r.p, at, 0, len, PROT_READ);
		t_anon_at(at + len, len);
		hf_unmap(t->c, IOVA, 3 * len);
		look(&r, &before);
		t_verdict(t, "RAM and the BIOS, which has struct pages but no pin", &right,
			  r.word ? r.word : T_RIGHT, "%s",
			  r.word ? r.why : "given back as it was taken");
	}
	close(fd);
	t_peer_close(&r.p);
}

/*
 * The vDSO: a private mapping of kernel memory, which GUP pins although its pages are reserved.
 * Stock that guesses by that takes them for a BAR's, and keeps the pins for ever.
 */
static void vdso(struct t *t)
{
	static const struct t_stock known = { { "leaked", T_RIGHT, T_RIGHT } };
	char *page = (char *)getauxval(AT_SYSINFO_EHDR);
	struct hf_proc_snapshot before, now;
	int64_t lost;

	if (t->on == T_ON_STOCK && !t_may_leak())
		return hf_ktap_skip("stock may lose the pins for good (make verdicts asks it)");
	hf_require(page && !memcmp(page, ELFMAG, SELFMAG), "the vDSO");
	hf_must(hf_proc_snapshot(&before));
	for (int i = 0; i < 10; i++) {
		hf_map(t->c, IOVA, page, T_PAGE, HF_READ);
		hf_unmap(t->c, IOVA, T_PAGE);
	}
	hf_proc_settle(&before, &now, (unsigned int)t_patience_ms(500));
	lost = now.pins_held - before.pins_held;
	t_pinned_for_ever(lost);
	t_verdict(t, "the vDSO, whose page is reserved and pinned", &known,
		  lost ? "leaked" : T_RIGHT, "%lld of 10 pins are left", (long long)lost);
}

int main(void)
{
	struct t_case cases[T_ARRAY_SIZE(happenings) + 3];
	size_t n = 0;

	for (; n < T_ARRAY_SIZE(happenings); n++)
		cases[n] = (struct t_case){ happenings[n].name, happened, T_DMA, &happenings[n] };
	cases[n++] =
		(struct t_case){ "the process that mapped it is gone", owner_gone, T_DMA, NULL };
	cases[n++] = (struct t_case){ "reserved pages without a pin", bios, T_DMA, NULL };
	cases[n++] = (struct t_case){ "reserved pages with a pin", vdso, T_RIG, NULL };
	return t_run(cases, n);
}
