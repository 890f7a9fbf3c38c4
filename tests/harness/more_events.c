// SPDX-License-Identifier: GPL-2.0-only
/*
 * more_events.c - more that can happen to mapped memory: what only matters to who watches the
 * page table.
 *
 * Most of it leaves the pages where they are, and takes entries out of the page table or changes
 * them on its way; some takes pages away where no entry says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "scene.h"

#define SHARED T_LEAF_SHARED
#define ANON T_LEAF_ANON
#define HUGETLB T_LEAF_HUGETLB
#define GIANT T_LEAF_HUGE1G
#define SWAPPABLE (T_LEAF_ALL & ~HUGETLB)

static void advise(struct t_scene *s, int advice, const char *name)
{
	for t_each_view(s, v)
		hf_require(!madvise(t_range_addr(s, v), t_range_len(s, v), advice), "%s: %s", name,
			   strerror(errno));
}

static void cold(struct t_scene *s)
{
	advise(s, MADV_COLD, "MADV_COLD");
}

static void removed(struct t_scene *s)
{
	advise(s, MADV_REMOVE, "MADV_REMOVE");
}

static void lock_and_unlock(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(!mlock(t_range_addr(s, v), t_range_len(s, v)) &&
			   !munlock(t_range_addr(s, v), t_range_len(s, v)), "mlock: %s",
			   strerror(errno));
}

static void clear_refs(struct t_scene *s)
{
	(void)s;
	hf_must(hf_proc_write_file("/proc/self/clear_refs", "1"));
	/* Soft-dirty bits. */
	hf_must(hf_proc_write_file("/proc/self/clear_refs", "4"));
}

static void idle(struct t_scene *s)
{
	const int fd = open("/sys/kernel/mm/page_idle/bitmap", O_WRONLY | O_CLOEXEC);
	const uint64_t all = ~0ULL;
	uint64_t pfn;

	if (fd < 0) {
		hf_ktap_skip("this kernel does not track idle pages");
		return;
	}
	for t_each_view(s, v)
		for (size_t i = 0; i < v->m.pages; i += 8)
			if (!hf_mem_pfn(v->m.addr + i * T_PAGE, &pfn))
				hf_require(pwrite(fd, &all, sizeof(all),
						  (off_t)(pfn / 64 * sizeof(all))) == sizeof(all),
					   "page_idle");
	close(fd);
}

static void drop_caches(struct t_scene *s)
{
	(void)s;
	hf_must(hf_proc_write_file("/proc/sys/vm/drop_caches", "3"));
}

static void second_mapping(struct t_scene *s)
{
	for t_each_view(s, v) {
		char *p = mmap(NULL, v->m.pages * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			       v->m.fd, 0);

		hf_require(p != MAP_FAILED, "mmap");
		hf_mem_touch(p, v->m.pages * T_PAGE);
		munmap(p, v->m.pages * T_PAGE);
	}
}

static void written_to(struct t_scene *s)
{
	char page[T_PAGE];

	memset(page, 0x77, sizeof(page));
	for t_each_view(s, v) {
		for (size_t i = 0; i < v->m.pages; i++)
			hf_require(pwrite(v->m.fd, page, T_PAGE, (off_t)(i * T_PAGE)) ==
				   (ssize_t)T_PAGE, "write: %s", strerror(errno));
		hf_require(!fsync(v->m.fd), "fsync");
	}
}

static int uffd_register(struct t_scene *s, uint64_t features, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	hf_require(fd >= 0, "userfaultfd: %s", strerror(errno));
	hf_require(!ioctl(fd, UFFDIO_API, &api), "UFFDIO_API: %s", strerror(errno));
	for t_each_view(s, v) {
		struct uffdio_register reg = { .mode = mode };

		reg.range.start = (uintptr_t)v->m.addr;
		reg.range.len = v->m.pages * T_PAGE;
		hf_require(!ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER: %s",
			   strerror(errno));
	}
	return fd;
}

/* Written to while it is protected, and after: nobody may have been given another page. */
static void write_protected(struct t_scene *s)
{
	const int fd = uffd_register(s, UFFD_FEATURE_PAGEFAULT_FLAG_WP,
				     UFFDIO_REGISTER_MODE_WP);

	for (int on = 1; on >= 0; on--) {
		for t_each_view(s, v) {
			struct uffdio_writeprotect wp = { .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP :
								       0 };

			wp.range.start = (uintptr_t)t_range_addr(s, v);
			wp.range.len = t_range_len(s, v);
			hf_require(!ioctl(fd, UFFDIO_WRITEPROTECT, &wp), "UFFDIO_WRITEPROTECT: %s",
				   strerror(errno));
		}
	}
	close(fd);
}

/* Dropped, and filled in by the handler of a userfaultfd. */
static void filled_in(struct t_scene *s)
{
	const int fd = uffd_register(s, 0, UFFDIO_REGISTER_MODE_MISSING);
	static char page[T_PAGE];

	advise(s, MADV_DONTNEED, "MADV_DONTNEED");
	for t_each_view(s, v) {
		for (size_t at = 0; at < t_range_len(s, v); at += T_PAGE) {
			struct uffdio_copy copy = { .len = T_PAGE, .src = (uintptr_t)page };

			copy.dst = (uintptr_t)t_range_addr(s, v) + at;
			hf_require(!ioctl(fd, UFFDIO_COPY, &copy), "UFFDIO_COPY: %s",
				   strerror(errno));
		}
	}
	close(fd);
}

/* Where debuggers may write, but the process may not. */
static void protect_for_good(struct t_scene *s)
{
	for t_each_view(s, v) {
		hf_require(!mprotect(v->m.addr, v->m.pages * T_PAGE, PROT_READ), "mprotect");
		v->p.access = T_CPU_READS;
	}
}

/* As a debugger: many kernels let nobody else write where the process itself may not. */
static void poke_parent(void *arg)
{
	struct t_scene *s = arg;
	const pid_t pid = getppid();
	char path[32];
	int fd;

	hf_require(!ptrace(PTRACE_ATTACH, pid, NULL, NULL), "ptrace: %s", strerror(errno));
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	for t_each_view(s, v)
		for (size_t i = 0; i < v->m.pages; i++)
			if (!hf_expect(pwrite(fd, &i, sizeof(i),
					      (off_t)(uintptr_t)(v->m.addr + i * T_PAGE)) ==
					       sizeof(i),
				       "a write to read-only memory: %s", strerror(errno)))
				break;
	close(fd);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static void poked(struct t_scene *s)
{
	t_child(poke_parent, s, "a debugger");
}

struct advice {
	struct t_scene *s;
	int fd;
};

static void advise_parent(void *arg)
{
	static const int advices[] = { MADV_COLD, MADV_PAGEOUT };
	const struct advice *a = arg;

	for t_each_view(a->s, v) {
		struct iovec iov = { .iov_base = v->m.addr, .iov_len = v->m.pages * T_PAGE };

		for (size_t i = 0; i < T_ARRAY_SIZE(advices); i++)
			hf_expect(syscall(SYS_process_madvise, a->fd, &iov, 1UL, advices[i], 0) ==
				  (long)iov.iov_len, "process_madvise: %s", strerror(errno));
	}
}

static void advised_by_another(struct t_scene *s)
{
	struct advice a = { .s = s, .fd = (int)syscall(SYS_pidfd_open, getpid(), 0) };

	hf_require(a.fd >= 0, "pidfd_open");
	t_child(advise_parent, &a, "who advises");
	close(a.fd);
}

#define KHUGEPAGED "/sys/kernel/mm/transparent_hugepage/khugepaged/"

static long khugepaged_scans(void)
{
	char text[32];

	hf_must(hf_proc_read_file(KHUGEPAGED "full_scans", text, sizeof(text)));
	return strtol(text, NULL, 10);
}

/* Have it hurry, also when it has found no huge page to give; or as it was. */
static void khugepaged_hurry(bool hurry)
{
	static const char *const knobs[] = { "scan_sleep_millisecs", "alloc_sleep_millisecs" };
	static char before[T_ARRAY_SIZE(knobs)][32];

	for (size_t i = 0; i < T_ARRAY_SIZE(knobs); i++) {
		char path[96];

		snprintf(path, sizeof(path), KHUGEPAGED "%s", knobs[i]);
		if (hurry)
			hf_must((int)hf_proc_read_file(path, before[i], sizeof(before[i])));
		hf_must(hf_proc_write_file(path, hurry ? "1" : before[i]));
	}
}

/* Huge pages are wanted where the pins are in the way. */
static void khugepaged(struct t_scene *s)
{
	const uint64_t end = t_now_ms() + t_patience_ms(3000);
	long scans;

	for t_each_view(s, v)
		madvise(v->m.addr, v->m.pages * T_PAGE, MADV_HUGEPAGE);
	khugepaged_hurry(true);
	scans = khugepaged_scans();
	while (khugepaged_scans() < scans + 2 && t_now_ms() < end)
		t_sleep_ms(5);
	/* It does not where this memory cannot be huge by the settings. */
	if (khugepaged_scans() < scans + 2)
		hf_ktap_skip("khugepaged does not come by");
	khugepaged_hurry(false);
}

/* Single pages where leaves and mappings begin and end; the others stay as they are. */
static void single_pages(struct t_scene *s)
{
	const size_t folio = s->leaf->folio > 1 ? s->leaf->folio : 16;

	for t_each_view(s, v) {
		const size_t last = v->m.pages - 1;
		const size_t at[] = { 0, v->first, folio - 1, folio, v->end - 1, last };

		for (size_t i = 0; i < T_ARRAY_SIZE(at); i++) {
			hf_require(!madvise(v->m.addr + at[i] * T_PAGE, T_PAGE, MADV_DONTNEED),
				   "MADV_DONTNEED");
			t_pages_part(&v->p, at[i], at[i] + 1, T_ZEROES);
		}
	}
}

/* Two pages on both sides of where leaves meet, and of where 512 pages of a mapping end. */
static void across_borders(struct t_scene *s)
{
	const size_t folio = s->leaf->folio > 1 ? s->leaf->folio : 16;

	for t_each_view(s, v) {
		const size_t at[] = { folio, v->first + 512 };

		for (size_t i = 0; i < T_ARRAY_SIZE(at) && at[i] < v->end; i++) {
			hf_require(!madvise(v->m.addr + (at[i] - 1) * T_PAGE, 2 * T_PAGE,
					    MADV_DONTNEED), "MADV_DONTNEED");
			t_pages_part(&v->p, at[i] - 1, at[i] + 1, T_ZEROES);
		}
	}
}

/* The process may not look any more; the pages are where they were. */
static void protect_none(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(!mprotect(t_range_addr(s, v), t_range_len(s, v), PROT_NONE),
			   "mprotect");
}

/* No area at all is left at these addresses; t_leaf_free() wants one. */
static void leave_a_hole(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(!munmap(t_range_addr(s, v), t_range_len(s, v)), "munmap");
}

static void shrink(struct t_scene *s)
{
	for t_each_view(s, v)
		hf_require(mremap(v->m.addr, v->m.pages * T_PAGE, t_range_from(s) * T_PAGE, 0) ==
			   v->m.addr, "mremap to less: %s", strerror(errno));
}

/* There is no room to grow where it is. */
static void grow(struct t_scene *s)
{
	for t_each_view(s, v) {
		const size_t len = v->m.pages * T_PAGE;
		char *to = mremap(v->m.addr, len, 2 * len, MREMAP_MAYMOVE);

		hf_require(to != MAP_FAILED && to != v->m.addr, "mremap to more: %s",
			   strerror(errno));
		v->elsewhere = to;
		v->elsewhere_len = 2 * len;
		hf_require(mmap(v->m.addr, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				-1, 0) == v->m.addr, "the addresses it left");
		t_pages_move(&v->p, 0, v->m.pages, to);
	}
}

/* Other memory is moved to where it was. */
static void moved_over(struct t_scene *s)
{
	for t_each_view(s, v) {
		const size_t len = t_range_len(s, v);
		char *from = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

		hf_require(from != MAP_FAILED, "memory");
		hf_mem_touch(from, len / 2);
		hf_require(mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
				  t_range_addr(s, v)) == t_range_addr(s, v), "mremap: %s",
			   strerror(errno));
	}
}

static void map_file(struct t_scene *s, const struct t_view *v, size_t page)
{
	char *at = t_range_addr(s, v);

	hf_require(mmap(at, t_range_len(s, v), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			v->m.fd, (off_t)(page * T_PAGE)) == at, "mmap: %s", strerror(errno));
}

static void other_offset(struct t_scene *s)
{
	const size_t shift = s->leaf->bit & HUGETLB ? s->leaf->folio : 1;

	for t_each_view(s, v)
		map_file(s, v, t_range_from(s) - shift);
}

static void same_offset(struct t_scene *s)
{
	for t_each_view(s, v)
		map_file(s, v, t_range_from(s));
}

/* The addresses are not the file's for a while. */
static void mapped_back(struct t_scene *s)
{
	for t_each_view(s, v)
		t_leaf_hole(t_range_addr(s, v), t_range_len(s, v) / T_PAGE);
	t_sleep_ms(50);
	same_offset(s);
}

/* No invalidation says that a page was cut out of its file which no page table has. */
static void hole_while_absent(struct t_scene *s)
{
	advise(s, MADV_DONTNEED, "MADV_DONTNEED");
	/* The auditor has seen it absent, and must look again by itself. */
	t_sleep_ms((unsigned int)t_patience_ms(100));
	for t_each_view(s, v)
		hf_require(!fallocate(v->m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      (off_t)(t_range_from(s) * T_PAGE), (off_t)t_range_len(s, v)),
			   "punch a hole: %s", strerror(errno));
}

static void cut_off_while_absent(struct t_scene *s)
{
	advise(s, MADV_DONTNEED, "MADV_DONTNEED");
	for t_each_view(s, v)
		hf_require(!ftruncate(v->m.fd, (off_t)(t_range_from(s) * T_PAGE)), "ftruncate: %s",
			   strerror(errno));
}

static const struct t_event events[] = {
	{ "MADV_COLD", NULL, cold, NULL, T_WHOLE, .same = SWAPPABLE },
	{ "COLD and PAGEOUT by another process", NULL, advised_by_another, NULL, T_WHOLE,
	  .same = SWAPPABLE, .flags = T_E_SWAP },
	{ "mlock and munlock", NULL, lock_and_unlock, NULL, T_PART, .same = T_LEAF_ALL & ~GIANT },
	{ "soft-dirty and referenced bits cleared", NULL, clear_refs, NULL, T_WHOLE,
	  .same = T_LEAF_ALL },
	{ "marked as idle", NULL, idle, NULL, T_WHOLE, .same = T_LEAF_ALL & ~GIANT },
	{ "caches dropped", NULL, drop_caches, NULL, T_WHOLE, .same = T_LEAF_ALL & ~GIANT },
	{ "second mapping of the file", NULL, second_mapping, NULL, T_WHOLE, .same = SHARED },
	{ "write() to the file, fsync()", NULL, written_to, NULL, T_WHOLE,
	  .same = (SHARED | T_LEAF_FILE) & ~HUGETLB },
	{ "userfaultfd: write-protected and back", NULL, write_protected, NULL, T_PART,
	  .same = ANON, .flags = T_E_WRITES },
	{ "written to by a debugger", protect_for_good, poked, NULL, T_WHOLE,
	  .same = T_LEAF_PRIVATE & ~HUGETLB, .flags = T_E_READS },
	{ "khugepaged", NULL, khugepaged, NULL, T_WHOLE, .same = ANON | T_LEAF_SHMEM4K,
	  .flags = T_E_HUGE },
	{ "MADV_DONTNEED of single pages", NULL, single_pages, NULL, T_WHOLE,
	  .same = ANON | T_LEAF_FILE },
	{ "MADV_DONTNEED across borders", NULL, across_borders, NULL, T_WHOLE,
	  .same = ANON | T_LEAF_FILE },
	/* Of shmem's huge pages nothing is left in the page table by which to know them. */
	{ "mprotect to PROT_NONE", NULL, protect_none, NULL, T_PART,
	  .same = T_LEAF_ALL & ~(GIANT | T_LEAF_SHMEMTHP), .flags = T_E_WRITES },
	{ "munmap, nothing there afterwards", NULL, leave_a_hole, NULL, T_PART,
	  .gone = T_LEAF_ALL & ~GIANT, .flags = T_E_HOLE },
	{ "mremap to less", NULL, shrink, NULL, T_BEHIND_CUT, .gone = T_LEAF_ALL & ~GIANT, .flags = T_E_HOLE },
	{ "mremap to more", NULL, grow, NULL, T_WHOLE, .gone = T_LEAF_ALL & ~HUGETLB },
	{ "mremap over it", NULL, moved_over, NULL, T_PART, .fresh = T_LEAF_ALL & ~HUGETLB },
	{ "mmap over it, another place of the file", NULL, other_offset, NULL, T_PART,
	  .fresh = SHARED | T_LEAF_FILE },
	{ "mmap over it, the same place of the file", NULL, same_offset, NULL, T_PART,
	  .same = SHARED, .fresh = T_LEAF_FILE },
	{ "munmap, and the file is mapped back", NULL, mapped_back, NULL, T_PART,
	  .same = SHARED, .fresh = T_LEAF_FILE, .flags = T_E_COMES_BACK },
	{ "MADV_REMOVE", NULL, removed, NULL, T_PART,
	  .fresh = SHARED & ~(T_LEAF_SHMEMTHP | T_LEAF_SHMEMTHP_PTES), .flags = T_E_WRITES },
	{ "hole in the file while absent", NULL, hole_while_absent, NULL, T_PART,
	  .fresh = SHARED & ~(T_LEAF_SHMEMTHP | T_LEAF_SHMEMTHP_PTES) },
	{ "file cut off while absent", NULL, cut_off_while_absent, NULL, T_BEHIND_CUT,
	  .gone = SHARED },
	{ "MADV_DONTNEED, filled in by userfaultfd", NULL, filled_in, NULL, T_PART,
	  .fresh = ANON, .flags = T_E_WRITES },
	{ 0 },
};

const struct t_event *t_more_events(void)
{
	return events;
}
