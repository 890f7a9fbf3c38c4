// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit_storm - the auditor with much to do: many mappings, large ones, and threads that change
 * memory in every way while others map, unmap, ask and refresh.
 *
 * Nobody may hang, and when the storm is over what is known must be exact: every page is tried
 * out by the device. A process killed in its middle leaves a container that still works.
 */
#include <errno.h>
#include <fcntl.h>
#include <holdfast/coherence.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auditor.h"
#include "child.h"
#include "crowd.h"
#include "harness.h"
#include "module.h"
#include "side.h"

#define IOVA 0x6500000000ULL
#define PAGES 1024UL
#define LEN (PAGES * T_PAGE)
#define STORM_MS 4000

static void many_small(struct t *t)
{
	const size_t n = 10000;
	struct t_auditor a;
	struct holdfast_range *r = calloc(n, sizeof(*r));
	char *p = mmap(NULL, n * T_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t begin;

	hf_require(r && p != MAP_FAILED, "memory");
	t_auditor_on(&a, t->c);
	/* Not one after the other: each is a range of its own. */
	for (size_t i = 0; i < n; i++)
		hf_map(t->c, IOVA + 2 * i * T_PAGE, p + i * T_PAGE, T_PAGE, HF_RW);
	hf_expect_eq(hf_try_incoherent(t->c, 0, UINT64_MAX, r, n, NULL), 0, "before");
	begin = t_now_ms();
	hf_require(!madvise(p, n * T_PAGE, MADV_DONTNEED), "drop");
	while (t_now_ms() - begin < t_patience_ms(20000) && t_auditor_events(&a) < n)
		t_auditor_wait(&a, 100);
	hf_expect_eq(hf_try_incoherent(t->c, 0, UINT64_MAX, r, n, NULL), (long)n, "ranges");
	for (size_t i = 0; i < n; i++)
		if (!hf_expect(r[i].iova == IOVA + 2 * i * T_PAGE && r[i].size == T_PAGE,
			       "range %zu", i))
			break;
	t_auditor_off(&a);
	hf_expect_eq(hf_unmap_all(t->c), n * T_PAGE + T_PORT_BYTES, "unmapped");
	t_port_remap(&t->port);
	munmap(p, n * T_PAGE);
	free(r);
}

/* The same memory again and again, 8 GiB of it; one page of it goes. */
static void large(struct t *t)
{
	const size_t len = 256UL << 20, n = 32;
	struct holdfast_range r[64];
	struct t_auditor a;
	struct hf_mem m;

	if (!t_alloc(&m, "hugetlb2m", len, 0, HF_MEM_TOUCHED))
		return;
	for (size_t i = 0; i < n; i++)
		hf_map(t->c, IOVA + i * len, m.addr, len, HF_RW);
	t_auditor_on(&a, t->c);
	hf_require(!madvise((char *)m.addr + 77 * T_2M, T_2M, MADV_DONTNEED), "drop");
	hf_expect(t_auditor_wait(&a, (unsigned int)t_patience_ms(5000)), "told");
	hf_expect_eq(hf_try_incoherent(t->c, 0, UINT64_MAX, r, 64, NULL), (long)n, "ranges");
	for (size_t i = 0; i < n; i++)
		hf_expect(r[i].iova == IOVA + i * len + 77 * T_2M && r[i].size == T_2M,
			  "range %zu", i);
	t_auditor_off(&a);
	hf_unmap_all(t->c);
	t_port_remap(&t->port);
	hf_mem_free(&m);
}

/*
 * The storm.  One memory is private, one a file's; both are mapped all the time.
 */
struct storm {
	const struct hf_container *c;
	char *anon;
	char *file;
	int fd;
	int eventfd;
	bool stays; /* the auditor is on all the time */
};

static char *somewhere(struct t_worker *w, char *base, size_t *pages)
{
	const size_t first = t_random(w, PAGES);

	*pages = 1 + t_random(w, PAGES - first < 64 ? PAGES - first : 64);
	return base + first * T_PAGE;
}

static int answer(int ret)
{
	return ret ? -errno : 0;
}

static int op_drop(struct t_worker *w)
{
	const struct storm *s = w->data;
	size_t n;
	char *p = somewhere(w, t_random(w, 2) ? s->anon : s->file, &n);

	return answer(madvise(p, n * T_PAGE, MADV_DONTNEED));
}

static int op_free(struct t_worker *w)
{
	const struct storm *s = w->data;
	size_t n;
	char *p = somewhere(w, s->anon, &n);

	return answer(madvise(p, n * T_PAGE, MADV_FREE));
}

static int op_punch(struct t_worker *w)
{
	const struct storm *s = w->data;
	size_t n;
	char *p = somewhere(w, s->file, &n);

	return answer(fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, p - s->file,
				(off_t)(n * T_PAGE)));
}

static int op_protect(struct t_worker *w)
{
	const struct storm *s = w->data;
	size_t n;
	char *p = somewhere(w, t_random(w, 2) ? s->anon : s->file, &n);

	if (mprotect(p, n * T_PAGE, PROT_READ))
		return -errno;
	return answer(mprotect(p, n * T_PAGE, PROT_READ | PROT_WRITE));
}

/* Away, and back: the file's pages are the same again, the others are new. */
static int op_map_over(struct t_worker *w)
{
	const struct storm *s = w->data;
	const bool file = t_random(w, 2);
	size_t n;
	char *p = somewhere(w, file ? s->file : s->anon, &n);
	void *q;

	q = mmap(p, n * T_PAGE, PROT_READ | PROT_WRITE,
		 MAP_FIXED | (file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS), file ? s->fd : -1,
		 file ? p - s->file : 0);
	return q == p ? 0 : -errno;
}

static int op_touch(struct t_worker *w)
{
	const struct storm *s = w->data;
	size_t n;
	char *p = somewhere(w, t_random(w, 2) ? s->anon : s->file, &n);

	/* Where it may not be written to just now, that is all right. */
	return answer(madvise(p, n * T_PAGE, MADV_WILLNEED));
}

static int op_map(struct t_worker *w)
{
	const struct storm *s = w->data;
	const uint64_t iova = IOVA + (4 + w->number) * T_1G;
	size_t n;
	char *p = somewhere(w, t_random(w, 2) ? s->anon : s->file, &n);
	const int ret = hf_try_map(s->c, iova, p, n * T_PAGE, t_random(w, 2) ? HF_RW : HF_READ);

	return ret ? ret : hf_try_unmap(s->c, iova, n * T_PAGE, 0, NULL);
}

static int op_ask(struct t_worker *w)
{
	const struct storm *s = w->data;
	const long nr = hf_try_incoherent(s->c, 0, UINT64_MAX, NULL, 0, NULL);

	return nr < 0 ? (int)nr : 0;
}

static int op_refresh(struct t_worker *w)
{
	const struct storm *s = w->data;
	const uint64_t first = t_random(w, PAGES / 2);

	return hf_try_refresh(s->c, IOVA + t_random(w, 2) * T_1G + first * T_PAGE,
			      PAGES / 2 * T_PAGE, NULL, NULL);
}

static int op_switch(struct t_worker *w)
{
	const struct storm *s = w->data;

	if (s->stays)
		return 0;
	return hf_try_audit(s->c, t_random(w, 3) > 0, s->eventfd);
}

static const struct t_op changes[] = {
	{ "drop", 8, op_drop, { 0 } },	       { "free", 4, op_free, { 0 } },
	{ "punch", 4, op_punch, { 0 } },       { "protect", 4, op_protect, { -EAGAIN } },
	{ "map over", 4, op_map_over, { 0 } }, { "touch", 4, op_touch, { -EAGAIN } },
};

/* What is protected just now cannot be pinned for writing. */
static const struct t_op users[] = {
	{ "map", 6, op_map, { -EFAULT } },
	{ "ask", 4, op_ask, { 0 } },
	{ "refresh", 4, op_refresh, { -EFAULT } },
	{ "switch", 1, op_switch, { 0 } },
};

static void storm_begin(struct storm *s, const struct hf_container *c)
{
	s->c = c;
	s->anon = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s->fd = memfd_create("storm", MFD_CLOEXEC);
	s->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	hf_require(s->fd >= 0 && !ftruncate(s->fd, (off_t)LEN), "memfd");
	s->file = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	hf_require(s->anon != MAP_FAILED && s->file != MAP_FAILED && s->eventfd >= 0, "memory");
	hf_mem_touch(s->anon, LEN);
	hf_mem_touch(s->file, LEN);
	hf_must(hf_try_audit(c, true, s->eventfd));
	hf_map(c, IOVA, s->anon, LEN, HF_RW);
	hf_map(c, IOVA + T_1G, s->file, LEN, HF_RW);
}

static void storm_blow(struct storm *s, unsigned int ms)
{
	static struct t_crowd crowd;
	const uint64_t end = t_now_ms() + ms;

	t_crowd_init(&crowd, t_seed());
	for (int i = 0; i < 2; i++) {
		t_crowd_add(&crowd, "change", changes, T_ARRAY_SIZE(changes), s);
		t_crowd_add(&crowd, "use", users, T_ARRAY_SIZE(users), s);
	}
	t_crowd_start(&crowd);
	while (t_now_ms() < end && !t_crowd_stopped(&crowd)) {
		t_crowd_watch(&crowd);
		t_sleep_ms(20);
	}
	t_crowd_stop(&crowd);
}

static void storm_end(struct storm *s)
{
	hf_must(hf_try_audit(s->c, false, -1));
	munmap(s->anon, LEN);
	munmap(s->file, LEN);
	close(s->fd);
	close(s->eventfd);
}

/* Is a page shared? Ask CPU and device. */
static bool one_page(struct t_port *port, uint64_t iova, char *p)
{
	const uint64_t stamp = t_seed();
	uint64_t *bounce = port->bounce.addr;

	*(volatile uint64_t *)p = stamp;
	*bounce = 0;
	hf_must(hf_dma_copy(port->dma, port->iova, iova, HF_DMA_MIN_LEN));
	return *bounce == stamp;
}

static void exact(struct t *t, const char *p, uint64_t iova, bool *parted)
{
	t_verdict_asked(t->c, iova, PAGES, parted);
	for (size_t i = 0; i < PAGES; i++)
		if (!hf_expect_eq(parted[i], !one_page(&t->port, iova + i * T_PAGE,
						       (char *)p + i * T_PAGE),
				  "page %zu has parted", i))
			break;
}

static void storm(struct t *t)
{
	bool *parted = calloc(PAGES, sizeof(*parted));
	const uint64_t vmlck = t_vmlck(0);
	struct storm s;

	hf_require(parted, "memory");
	/* Turned on again it would suspect everything, whatever it has missed. */
	s.stays = *(const bool *)t->arg;
	storm_begin(&s, t->c);
	storm_blow(&s, (unsigned int)t_patience_ms(STORM_MS) / 2);
	if (!s.stays)
		hf_must(hf_try_audit(t->c, true, -1));
	exact(t, s.anon, IOVA, parted);
	exact(t, s.file, IOVA + T_1G, parted);
	hf_must(hf_try_audit(t->c, false, -1));
	exact(t, s.anon, IOVA, parted);
	exact(t, s.file, IOVA + T_1G, parted);
	hf_expect_eq(t_vmlck(0), vmlck + 2 * LEN, "VmLck");
	hf_must(hf_try_refresh(t->c, IOVA, LEN, NULL, NULL));
	hf_must(hf_try_refresh(t->c, IOVA + T_1G, LEN, NULL, NULL));
	t_dma_check(&t->port, IOVA, s.anon, LEN, HF_RW, "refreshed, private");
	t_dma_check(&t->port, IOVA + T_1G, s.file, LEN, HF_RW, "refreshed, shared");
	hf_unmap(t->c, IOVA, LEN);
	hf_unmap(t->c, IOVA + T_1G, LEN);
	storm_end(&s);
	free(parted);
}

struct joiner {
	struct hf_container c;
	atomic_bool stop;
};

/* A second group comes and goes, with a domain of its own. */
static void *join_and_leave(void *arg)
{
	struct joiner *j = arg;
	struct t_side side = { .group.fd = -1, .device.fd = -1 };

	while (!atomic_load(&j->stop)) {
		t_side_attach(&side, 1, &j->c);
		t_side_close(&side);
	}
	return NULL;
}

static void storm_with_groups(struct t *t)
{
	struct t_side side = { .group.fd = -1, .device.fd = -1 };
	struct joiner j = { .stop = false };
	struct storm s = { .stays = false };
	pthread_t thread;

	(void)t;
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "Y"));
	hf_must(hf_container_open(&j.c));
	t_side_attach(&side, 0, &j.c);
	hf_must(hf_container_set_type(&j.c, VFIO_TYPE1v2_IOMMU));
	storm_begin(&s, &j.c);
	hf_require(!pthread_create(&thread, NULL, join_and_leave, &j), "a thread");
	storm_blow(&s, (unsigned int)t_patience_ms(STORM_MS) / 2);
	atomic_store(&j.stop, true);
	pthread_join(thread, NULL);
	hf_must(hf_try_refresh(&j.c, IOVA, LEN, NULL, NULL));
	hf_must(hf_try_refresh(&j.c, IOVA + T_1G, LEN, NULL, NULL));
	hf_expect_eq(hf_try_incoherent(&j.c, 0, UINT64_MAX, NULL, 0, NULL), 0, "in the end");
	t_side_start(&side, &j.c, HF_DMA_IOVA_DEFAULT);
	t_dma_check(&side.port, IOVA, s.anon, LEN, HF_RW, "private");
	t_dma_check(&side.port, IOVA + T_1G, s.file, LEN, HF_RW, "shared");
	storm_end(&s);
	t_side_close(&side);
	hf_container_close(&j.c);
	hf_must(t_module_param_set(T_MODULE_HOLDFAST, "domain_per_group", "N"));
}

static void blow_for_ever(void *arg)
{
	struct storm s = { .stays = false };

	storm_begin(&s, arg);
	storm_blow(&s, 100000);
}

/*
 * Somebody dead sees nothing, so nothing has parted.  Its memory may outlive it for as long as
 * the auditor is at work in it.
 */
static void nobody_is_left(struct t *t)
{
	const uint64_t end = t_now_ms() + t_patience_ms(2000);
	bool partial;
	long nr;

	while ((nr = hf_try_incoherent(t->c, IOVA, UINT64_MAX, NULL, 0, &partial)) > 0 &&
	       t_now_ms() < end)
		t_sleep_ms(5);
	hf_expect_eq(nr, 0, "ranges of who was killed");
	hf_expect(partial, "what could not be compared is told");
}

/* The container belongs to both; one of them is killed. */
static void killed(struct t *t)
{

	for (unsigned int i = 0; i < 3; i++) {
		pid_t pid = t_child_start(blow_for_ever, t->c);

		t_sleep_ms((unsigned int)t_patience_ms(300 + 100 * i));
		kill(pid, SIGKILL);
		t_child_killed(pid, "who changes memory");
		nobody_is_left(t);
		hf_must(hf_try_audit(t->c, false, -1));
		hf_unmap_all(t->c);
	}
}

struct dropper {
	struct storm s;
	atomic_bool stop;
};

static void *keep_dropping(void *arg)
{
	struct dropper *d = arg;

	while (!atomic_load(&d->stop) && !madvise(d->s.anon, LEN, MADV_DONTNEED))
		hf_mem_touch(d->s.anon, LEN / 8);
	return NULL;
}

/* Closed while it is on, with invalidations under way. */
static void closed(struct t *t)
{
	struct dropper d;
	struct hf_rig r;
	pthread_t thread;

	(void)t;
	for (unsigned int i = 0; i < 10; i++) {
		atomic_init(&d.stop, false);
		hf_must(hf_rig_open(&r, NULL, 0));
		storm_begin(&d.s, &r.container);
		hf_require(!pthread_create(&thread, NULL, keep_dropping, &d), "a thread");
		t_sleep_ms(5 * i);
		hf_rig_close(&r);
		atomic_store(&d.stop, true);
		pthread_join(thread, NULL);
		munmap(d.s.anon, LEN);
		munmap(d.s.file, LEN);
		close(d.s.fd);
		close(d.s.eventfd);
	}
}

static const bool yes = true, no = false;

static const struct t_case cases[] = {
	{ "ten thousand mappings", many_small, T_DMA | T_HOLDFAST, NULL },
	{ "mappings of 8 GiB", large, T_DMA | T_HOLDFAST, NULL },
	{ "a storm, and then the truth", storm, T_DMA | T_HOLDFAST, &no },
	{ "a storm under the auditor's eyes", storm, T_DMA | T_HOLDFAST, &yes },
	{ "a storm while groups come and go", storm_with_groups, T_HOLDFAST, NULL },
	{ "killed in a storm", killed, T_RIG | T_HOLDFAST, NULL },
	{ "closed while it is on", closed, T_HOLDFAST, NULL },
};

int main(void)
{
	return T_RUN(cases);
}
