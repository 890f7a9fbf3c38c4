// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit_args - holdfast's own ioctls and hostile arguments.
 *
 * Every field of HOLDFAST_AUDIT, HOLDFAST_INCOHERENT and HOLDFAST_REFRESH with what it must not
 * hold; memory for the request that is not there, ends too early, or cannot be written to. What
 * is refused leaves everything as it was. Stock knows none of the three.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

#define IOVA 0x6300000000ULL
#define PAGES 64UL

struct answer {
	struct holdfast_incoherent head;
	struct holdfast_range room[PAGES];
};

static int ask(const struct t *t, struct answer *a)
{
	return hf_container_ioctl(t->c, HOLDFAST_INCOHERENT, a);
}

static const struct answer whole = {
	.head = { .argsz = sizeof(struct answer), .last = UINT64_MAX, .nr = PAGES },
};

static void audit(struct t *t)
{
	const int good = eventfd(0, EFD_CLOEXEC), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct holdfast_audit fine = { .argsz = sizeof(fine), .flags = HOLDFAST_AUDIT_ON,
					     .eventfd = -1 };
	const struct {
		const char *what;
		struct holdfast_audit arg;
		int want;
	} rows[] = {
		{ "argsz 0", { 0, HOLDFAST_AUDIT_ON, -1, 0 }, -EINVAL },
		{ "argsz too small", { sizeof(fine) - 1, HOLDFAST_AUDIT_ON, -1, 0 }, -EINVAL },
		{ "argsz larger", { 4096, HOLDFAST_AUDIT_ON, -1, 0 }, 0 },
		{ "argsz huge", { UINT32_MAX, HOLDFAST_AUDIT_ON, -1, 0 }, 0 },
		{ "no flag", { sizeof(fine), 0, -1, 0 }, -EINVAL },
		{ "both flags", { sizeof(fine), 3, -1, 0 }, -EINVAL },
		{ "an unknown flag", { sizeof(fine), 4, -1, 0 }, -EINVAL },
		{ "on and an unknown flag", { sizeof(fine), 1u << 31 | 1, -1, 0 }, -EINVAL },
		{ "reserved", { sizeof(fine), HOLDFAST_AUDIT_ON, -1, 1 }, -EINVAL },
		{ "eventfd -2", { sizeof(fine), HOLDFAST_AUDIT_ON, -2, 0 }, -EBADF },
		{ "eventfd that is not open", { sizeof(fine), HOLDFAST_AUDIT_ON, 99999, 0 }, -EBADF },
		{ "the smallest eventfd", { sizeof(fine), HOLDFAST_AUDIT_ON, INT32_MIN, 0 }, -EBADF },
		{ "a file that is none", { sizeof(fine), HOLDFAST_AUDIT_ON, null, 0 }, -EINVAL },
		{ "an eventfd", { sizeof(fine), HOLDFAST_AUDIT_ON, good, 0 }, 0 },
		{ "none", fine, 0 },
		{ "off, the eventfd is not looked at", { sizeof(fine), HOLDFAST_AUDIT_OFF, 99999, 0 }, 0 },
		{ "off again", { sizeof(fine), HOLDFAST_AUDIT_OFF, -1, 0 }, 0 },
	};
	char *page = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	hf_require(page != MAP_FAILED && good >= 0 && null >= 0, "files and memory");
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		struct holdfast_audit arg = rows[i].arg;

		hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_AUDIT, &arg), rows[i].want, "%s",
			     rows[i].what);
	}
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_AUDIT, NULL), -EFAULT, "NULL");
	munmap(page + T_PAGE, T_PAGE);
	memcpy(page + T_PAGE - sizeof(fine), &fine, sizeof(fine));
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_AUDIT, page + T_PAGE - sizeof(fine)), 0,
		     "at the end of a page");
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_AUDIT, page + T_PAGE - sizeof(fine) + 4),
		     -EFAULT, "over the end of a page");
	mprotect(page, T_PAGE, PROT_READ);
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_AUDIT, page + T_PAGE - sizeof(fine)), 0,
		     "memory that is read-only");
	hf_must(hf_try_audit(t->c, false, -1));
	munmap(page, T_PAGE);
	close(good);
	close(null);
}

static char *some_parted(const struct t *t)
{
	char *p = mmap(NULL, PAGES * T_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	hf_require(p != MAP_FAILED, "memory");
	hf_map(t->c, IOVA, p, PAGES * T_PAGE, HF_RW);
	/* Every other page. */
	for (size_t i = 0; i < PAGES; i += 2)
		hf_require(!madvise(p + i * T_PAGE, T_PAGE, MADV_DONTNEED), "drop");
	return p;
}

static void incoherent_refused(struct t *t)
{
	struct answer a;
	char *p = some_parted(t), *page;

#define REFUSED(what, want, ...)                                                           \
	do {                                                                               \
		a = whole;                                                                 \
		__VA_ARGS__;                                                               \
		hf_expect_eq(ask(t, &a), want, what);                                      \
	} while (0)
	REFUSED("argsz 0", -EINVAL, a.head.argsz = 0);
	REFUSED("argsz too small", -EINVAL, a.head.argsz = sizeof(a.head) - 1);
	REFUSED("no room for the ranges", -EINVAL, a.head.argsz = sizeof(a.head));
	REFUSED("a byte too little", -EINVAL, a.head.argsz--);
	REFUSED("room for one less", -EINVAL, a.head.nr++);
	REFUSED("nr 0", -EINVAL, a.head.nr = 0);
	REFUSED("nr huge", -EINVAL, a.head.nr = UINT32_MAX);
	REFUSED("nr huge, argsz huge", -EINVAL, a.head.nr = UINT32_MAX; a.head.argsz = UINT32_MAX);
	/* Times the size of a range, nr would be small. */
	REFUSED("nr that wraps", -EINVAL, a.head.nr = 0x10000001);
	REFUSED("a flag", -EINVAL, a.head.flags = 1);
	REFUSED("another flag", -EINVAL, a.head.flags = 1u << 31);
	REFUSED("reserved", -EINVAL, a.head.reserved = 1);
	REFUSED("last below first", -EINVAL, a.head.first = 2; a.head.last = 1);
	REFUSED("last at first", 0, a.head.first = 1; a.head.last = 1);
	REFUSED("everything", 0, );
	hf_expect_eq(a.head.nr, PAGES / 2, "ranges");
#undef REFUSED
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_INCOHERENT, NULL), -EFAULT, "NULL");

	/* As much room as one can claim: what is behind must not be touched. */
	page = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(page != MAP_FAILED, "memory");
	a = whole;
	a.head.argsz = UINT32_MAX;
	a.head.nr = (UINT32_MAX - sizeof(a.head)) / sizeof(struct holdfast_range);
	memcpy(page, &a, sizeof(a));
	munmap(page + T_PAGE, T_PAGE);
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_INCOHERENT, page), 0, "all the room");
	hf_expect_eq(((struct answer *)page)->head.nr, PAGES / 2, "ranges");
	/* The request is there, the room for the answer is not. */
	a.head.nr = PAGES;
	a.head.argsz = sizeof(a);
	memcpy(page + T_PAGE - sizeof(a.head), &a.head, sizeof(a.head));
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_INCOHERENT,
					page + T_PAGE - sizeof(a.head)), -EFAULT,
		     "no memory for the answer");
	memcpy(page, &whole, sizeof(a));
	mprotect(page, T_PAGE, PROT_READ);
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_INCOHERENT, page), -EFAULT,
		     "read-only memory for the answer");
	munmap(page, T_PAGE);
	hf_unmap(t->c, IOVA, PAGES * T_PAGE);
	munmap(p, PAGES * T_PAGE);
}

/* A few at a time, and parts of what there is. */
static void incoherent_in_parts(struct t *t)
{
	const bool audited = t->arg;
	struct answer a;
	char *p;

	hf_must(hf_try_audit(t->c, audited, -1));
	p = some_parted(t);
	for (unsigned int nr = 1; nr <= PAGES; nr++) {
		uint64_t at = 0, found = 0, calls = 0;

		do {
			a = whole;
			a.head.first = at;
			a.head.nr = nr;
			if (!hf_expect_eq(ask(t, &a), 0, "%u at a time", nr))
				break;
			for (unsigned int i = 0; i < a.head.nr; i++, found++)
				hf_expect(a.head.ranges[i].iova == IOVA + 2 * found * T_PAGE &&
						  a.head.ranges[i].size == T_PAGE,
					  "%u at a time: range %u", nr, i);
			hf_expect(a.head.first > at || !(a.head.flags & HOLDFAST_INCOHERENT_MORE),
				  "%u at a time: it goes on", nr);
			at = a.head.first;
		} while (a.head.flags & HOLDFAST_INCOHERENT_MORE && ++calls <= PAGES);
		hf_expect_eq(found, PAGES / 2, "%u at a time: ranges", nr);
		hf_expect(!(a.head.flags & HOLDFAST_INCOHERENT_PARTIAL), "it is not partial");
	}
	/* Pages 3 to 5, with one parted among them; then before, behind and beside all. */
	a = whole;
	a.head.first = IOVA + 3 * T_PAGE;
	a.head.last = IOVA + 6 * T_PAGE - 1;
	hf_expect(!ask(t, &a) && a.head.nr == 1 && a.head.ranges[0].iova == IOVA + 4 * T_PAGE,
		  "three pages of it");
	a = whole;
	a.head.last = IOVA - 1;
	hf_expect(!ask(t, &a) && !a.head.nr, "what is below");
	a = whole;
	a.head.first = IOVA + PAGES * T_PAGE;
	hf_expect(!ask(t, &a) && !a.head.nr, "what is above");
	a = whole;
	a.head.first = UINT64_MAX;
	hf_expect(!ask(t, &a) && !a.head.nr, "the last byte");
	hf_unmap(t->c, IOVA, PAGES * T_PAGE);
	a = whole;
	hf_expect(!ask(t, &a) && !a.head.nr, "nothing is mapped");
	munmap(p, PAGES * T_PAGE);
	hf_must(hf_try_audit(t->c, false, -1));
}

static void refresh(struct t *t)
{
	const struct {
		const char *what;
		struct holdfast_refresh arg;
		int want;
	} rows[] = {
		{ "argsz 0", { 0, 0, IOVA, T_PAGE, 0, 0 }, -EINVAL },
		{ "argsz too small", { sizeof(struct holdfast_refresh) - 1, 0, IOVA, T_PAGE, 0, 0 }, -EINVAL },
		{ "a flag", { 4096, 1, IOVA, T_PAGE, 0, 0 }, -EINVAL },
		{ "size 0", { 4096, 0, IOVA, 0, 0, 0 }, -EINVAL },
		{ "an IOVA inside a page", { 4096, 0, IOVA + 1, T_PAGE, 0, 0 }, -EINVAL },
		{ "half a page", { 4096, 0, IOVA, T_PAGE / 2, 0, 0 }, -EINVAL },
		{ "a page and a half", { 4096, 0, IOVA, T_PAGE * 3 / 2, 0, 0 }, -EINVAL },
		{ "a range that wraps", { 4096, 0, IOVA, -IOVA + T_PAGE, 0, 0 }, -EINVAL },
		{ "the largest size", { 4096, 0, T_PAGE, -T_PAGE, 0, 0 }, 0 },
		{ "up to the last page", { 4096, 0, IOVA, -IOVA, 0, 0 }, 0 },
		{ "the last page", { 4096, 0, -T_PAGE, T_PAGE, 0, 0 }, -ENOENT },
		{ "below", { 4096, 0, IOVA - T_PAGE, T_PAGE, 0, 0 }, -ENOENT },
		{ "above", { 4096, 0, IOVA + PAGES * T_PAGE, T_PAGE, 0, 0 }, -ENOENT },
		{ "out fields are not looked at", { 4096, 0, IOVA, T_PAGE, ~0ULL, ~0ULL }, 0 },
	};
	char *p = some_parted(t), *page;
	struct holdfast_refresh arg;

	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_REFRESH, NULL), -EFAULT, "NULL");
	for (size_t i = 0; i < T_ARRAY_SIZE(rows); i++) {
		arg = rows[i].arg;
		hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_REFRESH, &arg), rows[i].want, "%s",
			     rows[i].what);
		if (!rows[i].want && arg.iova <= T_PAGE)
			hf_expect_eq(arg.refreshed, PAGES / 2 * T_PAGE, "all of it");
	}
	page = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hf_require(page != MAP_FAILED, "memory");
	memcpy(page, &rows[T_ARRAY_SIZE(rows) - 1].arg, sizeof(arg));
	mprotect(page, T_PAGE, PROT_READ);
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_REFRESH, page), -EFAULT,
		     "read-only memory for the answer");
	munmap(page, T_PAGE);
	hf_unmap(t->c, IOVA, PAGES * T_PAGE);
	arg = rows[T_ARRAY_SIZE(rows) - 1].arg;
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_REFRESH, &arg), -ENOENT, "nothing is mapped");
	munmap(p, PAGES * T_PAGE);
}

static void stock(struct t *t)
{
	struct answer a = whole;
	struct holdfast_refresh r = { .argsz = sizeof(r), .iova = IOVA, .size = T_PAGE };

	hf_expect_eq(hf_container_ioctl(t->c, VFIO_CHECK_EXTENSION,
					(void *)(uintptr_t)HOLDFAST_AUDIT_EXT), 0, "the extension");
	hf_expect_eq(hf_try_audit(t->c, true, -1), -ENOTTY, "HOLDFAST_AUDIT");
	hf_expect_eq(ask(t, &a), -ENOTTY, "HOLDFAST_INCOHERENT");
	hf_expect_eq(hf_container_ioctl(t->c, HOLDFAST_REFRESH, &r), -ENOTTY, "HOLDFAST_REFRESH");
}

static void offered(struct t *t)
{
	hf_expect_eq(hf_container_ioctl(t->c, VFIO_CHECK_EXTENSION,
					(void *)(uintptr_t)HOLDFAST_AUDIT_EXT), 1, "the extension");
}

static const struct t_case cases[] = {
	{ "stock knows none of it", stock, T_RIG | T_STOCK, NULL },
	{ "the extension is offered", offered, T_RIG | T_HOLDFAST, NULL },
	{ "HOLDFAST_AUDIT", audit, T_RIG | T_HOLDFAST, NULL },
	{ "HOLDFAST_INCOHERENT", incoherent_refused, T_RIG | T_HOLDFAST, NULL },
	{ "HOLDFAST_INCOHERENT in parts", incoherent_in_parts, T_RIG | T_HOLDFAST, NULL },
	{ "HOLDFAST_INCOHERENT in parts, audited", incoherent_in_parts, T_RIG | T_HOLDFAST, "on" },
	{ "HOLDFAST_REFRESH", refresh, T_RIG | T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
