// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulated_audit - the auditor where mappings are backed and not backed in turn.
 *
 * Beside emulated devices alone nothing of a mapping is pinned, so nothing can part; from when a
 * device behind an IOMMU joins the mapping is compared, and not any more when that has left. What
 * an emulated driver has pinned it keeps, whatever is refreshed meanwhile.
 */
#include <errno.h>
#include <holdfast/coherence.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "emulated.h"
#include "side.h"

#define IOVA 0x200000000ULL
#define PORT 0x400000000ULL
#define PAGES 700UL
#define RW (HF_TESTDEV_READ | HF_TESTDEV_WRITE)

static void drop(const struct hf_mem *m, size_t from, size_t to)
{
	hf_require(!madvise((char *)m->addr + from * T_PAGE, (to - from) * T_PAGE, MADV_DONTNEED),
		   "drop");
}

static void expect_known(const struct hf_container *c, size_t from, size_t to, const char *what)
{
	struct holdfast_range r[4] = { { 0 } };
	const long nr = hf_try_incoherent(c, 0, UINT64_MAX, r, 4, NULL);

	hf_expect(to > from ? nr == 1 && r[0].iova == IOVA + from * T_PAGE &&
				      r[0].size == (to - from) * T_PAGE :
			      nr == 0,
		  "%s: pages %zu to %zu are incoherent: %ld ranges, 0x%llx+0x%llx", what, from, to,
		  nr, r[0].iova, r[0].size);
}

static bool signalled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, (int)t_patience_ms(5000)) == 1 &&
	       read(fd, &count, sizeof(count)) == sizeof(count);
}

static void joins_and_leaves(struct t *t)
{
	const bool audited = t->arg;
	const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const uint64_t vmlck = t_vmlck(0);
	uint64_t refreshed, failed;
	char here[T_PAGE], there[T_PAGE];
	struct t_emulated_rig r;
	struct t_side side;
	struct hf_mem m;

	if (!t_alloc(&m, "anon4k", PAGES * T_PAGE, 0, HF_MEM_TOUCHED))
		return;
	t_emulated_rig(&r, t, 1, VFIO_TYPE1v2_IOMMU);
	if (audited)
		hf_must(hf_try_audit(&r.c, true, fd));
	for (int round = 0; round < 2; round++) {
		hf_mem_fill(&m, t_seed());
		hf_map(&r.c, IOVA, m.addr, m.len, HF_RW);
		hf_expect_eq(t_pin(&r.dev[0], IOVA + 50 * T_PAGE, 1, RW, NULL), 1, "pin");
		drop(&m, 40, 60);
		expect_known(&r.c, 0, 0, "not backed");
		hf_expect_eq(hf_try_refresh(&r.c, IOVA, m.len, &refreshed, &failed), 0, "refresh");
		hf_expect_eq(refreshed, 0, "nothing to refresh");
		hf_expect_eq(t_vmlck(0), vmlck + T_PAGE, "VmLck, not backed");

		t_side_attach(&side, 0, &r.c);
		t_side_start(&side, &r.c, PORT);
		expect_known(&r.c, 0, 0, "backed by what is there now");
		hf_mem_fill(&m, t_seed());
		drop(&m, 510, 515);
		if (audited)
			hf_expect(signalled(fd), "told");
		expect_known(&r.c, 510, 515, "dropped when backed");
		hf_expect_eq(t_pin(&r.dev[0], IOVA + 512 * T_PAGE, 1, RW, NULL), 1, "pin");
		hf_must(hf_try_refresh(&r.c, IOVA, m.len, &refreshed, &failed));
		hf_expect_eq(refreshed, 5 * T_PAGE, "refreshed");
		expect_known(&r.c, 0, 0, "refreshed");
		t_dma_check(&side.port, IOVA, m.addr, m.len, HF_RW, "refreshed");
		hf_expect_eq(t_vmlck(0), vmlck + m.len + T_PORT_BYTES, "VmLck, backed");
		/* What the driver pinned is readable still; a page it pins now is the new one. */
		hf_must(t_page_read(&r.dev[0], IOVA + 512 * T_PAGE, 0, there, T_PAGE));
		hf_expect_eq(t_pin(&r.dev[0], IOVA + 514 * T_PAGE, 1, RW, NULL), 1, "pin");
		hf_must(t_page_read(&r.dev[0], IOVA + 514 * T_PAGE, 0, there, T_PAGE));
		memcpy(here, (char *)m.addr + 514 * T_PAGE, T_PAGE);
		hf_expect(!memcmp(here, there, T_PAGE), "a page pinned after the refresh");
		hf_expect_eq(t_unpin(&r.dev[0], IOVA + 512 * T_PAGE, 1), 0, "unpin");
		hf_expect_eq(t_unpin(&r.dev[0], IOVA + 514 * T_PAGE, 1), 0, "unpin");
		drop(&m, 100, 101);
		expect_known(&r.c, 100, 101, "parted when the IOMMU leaves");
		t_side_close(&side);
		expect_known(&r.c, 0, 0, "not backed any more");
		hf_unmap_all(&r.c);
		hf_expect_eq(t_vmlck(0), vmlck, "VmLck, unmapped");
	}
	t_emulated_rig_close(&r);
	hf_mem_free(&m);
	close(fd);
}

static const struct t_case cases[] = {
	{ "an IOMMU joins and leaves", joins_and_leaves, T_HOLDFAST, NULL },
	{ "the same, audited", joins_and_leaves, T_HOLDFAST, "on" },
};

int main(void)
{
	return T_EMULATED_RUN(cases);
}
