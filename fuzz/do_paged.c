// SPDX-License-Identifier: GPL-2.0-only
/*
 * do_paged.c - a map of memory that is not there yet: it comes by userfaultfd, page by page, while the map
 * waits.
 *
 * So does the memory of a guest that is migrated here and has a device already. The first process maps; its
 * second thread, which is told of each page that the map comes to, supplies it, every other one as the zero
 * page. Where GUP-fast can wait for that (since 6.2) the map is through when the last page has come, and the
 * device has just those pages; before, and with stock, it is refused (docs/abi.md). Who needs no page, for
 * there is another reason to refuse it, waits for none.
 */
#include <errno.h>

#include "game.h"

int64_t fz_play_paged(struct fz_session *s, const struct fz_op *op)
{
	struct fz_op map = { .code = FZ_MAP,
			     .arg = { 0, op->arg[0], op->arg[1], (uint16_t)fz_op_arg(op, 2), op->arg[4] } };
	const unsigned int page = fz_op_arg(op, 1);
	struct fz_slot *mapper = fz_slot(s, 0), *supplier = fz_slot(s, FZ_THREAD);
	const bool waits = !s->o.stock && fz_new_enough(s, 602);
	struct fz_look *look = (struct fz_look *)(void *)supplier->data;
	unsigned int count;
	int64_t fd;

	if (!fz_map_ready(s, &map))
		return FZ_SKIPPED;
	count = map.arg[3];
	if (!fz_fillable(s, 0, page, count) || !fz_have_thread(s))
		return FZ_SKIPPED;
	mapper->what = FZ_DO_WATCH;
	mapper->arg[0] = fz_addr(page);
	mapper->arg[1] = count;
	fd = fz_request(s, 0);
	if (fd < 0) {
		fz_expect(s, fd, 0, "a userfaultfd");
		return fd;
	}
	for (unsigned int i = 0; i < count; i++) {
		fz_page_drop(s->m, 0, page + i);
		look->tag[i] = i % 2 ? 0 : fz_tag(s->m);
	}
	fz_log_paging(&s->log, true);
	fz_send_map(s, &map, 0);
	supplier->what = FZ_DO_SUPPLY;
	supplier->arg[0] = fz_addr(page);
	supplier->arg[1] = count;
	supplier->arg[2] = (uint64_t)fd;
	supplier->arg[3] = fz_op_arg(op, 3);
	supplier->quiet = true;
	fz_worker_ask(supplier);
	s->stats.checks[FZ_ORACLE_HANG]++;
	if (fz_worker_wait(supplier, s->o.timeout_ms) || fz_worker_wait(mapper, s->o.timeout_ms)) {
		s->hung = true;
		fz_object(s, FZ_ORACLE_HANG, "paged", "a map that waits for memory does not come back");
		return -ETIMEDOUT;
	}
	fz_log_paging(&s->log, false);
	for (unsigned int i = 0; i < count; i++)
		if (look->how[i] == FZ_LOOKED_WELL && look->tag[i])
			fz_page_write(s->m, 0, page + i, look->tag[i]);
	if (!waits && (!mapper->ret || mapper->ret == -EFAULT))
		fz_expect(s, mapper->ret, -EFAULT, "map of memory behind a userfaultfd");
	else
		fz_judge_map(s, &map, mapper->ret);
	if (!mapper->ret)
		fz_expect(s, supplier->ret, count, "pages that the map waited for:");
	return mapper->ret;
}
