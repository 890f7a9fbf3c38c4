// SPDX-License-Identifier: GPL-2.0-only
/*
 * model.c - frames, and who reaches them.
 *
 * Invariants: frame 0 is none. A frame's refs are the page-table entries that name it, in all living
 * processes; its pins the pages of mappings that do. Frames are not used again within a run, so a
 * device that still has one nobody else reaches is told apart from all others.
 */
#include "model.h"

#include <string.h>

void fz_model_begin(struct fz_model *m)
{
	/* Frames and pinned pages are set when they are taken. */
	memset(m, 0, offsetof(struct fz_model, pinned));
	m->frames = 1;
	m->mms = 1;
	m->mm_alive[0] = true;
	m->proc[0].alive = true;
	m->proc[0].ipc_lock = true;
}

bool fz_model_room(const struct fz_model *m, unsigned int pages)
{
	return m->frames + pages < FZ_FRAMES && m->pinned_used + pages < FZ_PINNED;
}

uint64_t fz_tag(struct fz_model *m)
{
	return (++m->tags) * 0x9e3779b97f4a7c15ULL | 1;
}

static uint32_t frame_new(struct fz_model *m, uint64_t tag)
{
	m->frame[m->frames] = (struct fz_frame){ .tag = tag };
	return m->frames++;
}

void fz_clip(unsigned int *page, unsigned int *count)
{
	const unsigned int end = fz_huge(*page) ? FZ_PAGES : FZ_SMALL_PAGES;

	if (*count > end - *page)
		*count = end - *page;
	if (fz_huge(*page)) {
		*count = (*page + *count + FZ_HUGE - 1) / FZ_HUGE * FZ_HUGE;
		*page = *page / FZ_HUGE * FZ_HUGE;
		*count -= *page;
	}
}

static void drop(struct fz_model *m, struct fz_pte *pte)
{
	if (pte->frame)
		m->frame[pte->frame].refs--;
	pte->frame = 0;
}

/* Page of the file that stands behind a page of the arena, if it is mapped at its own place. */
static unsigned int own_offset(unsigned int page)
{
	return (fz_huge(page) ? page - FZ_SMALL_PAGES : page) % FZ_FILE_PAGES;
}

void fz_area_set(struct fz_model *m, unsigned int who, unsigned int page, unsigned int count,
		 enum fz_kind kind, unsigned int prot)
{
	static const uint8_t vma[FZ_KINDS] = { FZ_VMA_ANON, FZ_VMA_SHARED, FZ_VMA_PRIVATE,
					       FZ_VMA_SHARED };
	unsigned int offset = own_offset(page);

	if (kind == FZ_KIND_SHIFTED)
		offset = (offset + (fz_huge(page) ? FZ_HUGE : 7)) % FZ_FILE_PAGES;
	for (unsigned int i = 0; i < count; i++) {
		struct fz_pte *pte = &fz_space(m, who)->pte[page + i];

		drop(m, pte);
		*pte = (struct fz_pte){ .vma = vma[kind], .prot = (uint8_t)prot,
					.offset = (uint16_t)(offset + i) };
	}
}

void fz_area_clear(struct fz_model *m, unsigned int who, unsigned int page, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		drop(m, &fz_space(m, who)->pte[page + i]);
		fz_space(m, who)->pte[page + i] = (struct fz_pte){ 0 };
	}
}

void fz_area_move(struct fz_model *m, unsigned int who, unsigned int page, unsigned int count,
		  unsigned int to, unsigned int new_count)
{
	struct fz_pte *pte = fz_space(m, who)->pte;
	const struct fz_pte first = pte[page];

	fz_area_clear(m, who, to, new_count);
	if (new_count < count)
		fz_area_clear(m, who, page + new_count, count - new_count);
	for (unsigned int i = 0; i < new_count; i++) {
		if (i < count) {
			pte[to + i] = pte[page + i];
			pte[page + i] = (struct fz_pte){ 0 };
			continue;
		}
		pte[to + i] = first;
		pte[to + i].frame = 0;
		pte[to + i].offset = (uint16_t)(first.offset + i);
	}
}

bool fz_page_beyond(const struct fz_model *m, unsigned int who, unsigned int page)
{
	const struct fz_pte *pte = fz_pte(m, who, page);

	return (pte->vma == FZ_VMA_SHARED || pte->vma == FZ_VMA_PRIVATE) &&
	       pte->offset >= FZ_FILE_PAGES;
}

static uint32_t file_frame(const struct fz_model *m, unsigned int page, const struct fz_pte *pte)
{
	return pte->vma && pte->offset < FZ_FILE_PAGES ? m->file[fz_huge(page)][pte->offset] : 0;
}

void fz_page_drop(struct fz_model *m, unsigned int who, unsigned int page)
{
	drop(m, &fz_space(m, who)->pte[page]);
}

void fz_page_free(struct fz_model *m, unsigned int who, unsigned int page)
{
	struct fz_frame *f = &m->frame[fz_pte(m, who, page)->frame];

	if (!fz_pte(m, who, page)->frame)
		return;
	f->freed = true;
	f->lazy |= !f->pins;
}

/* For one page of an area that is not shared. */
static uint32_t own(struct fz_model *m, unsigned int page, struct fz_pte *pte)
{
	struct fz_frame *f = &m->frame[pte->frame];
	const uint32_t below = pte->vma == FZ_VMA_PRIVATE ? file_frame(m, page, pte) : 0;

	if (!pte->frame) {
		pte->frame = frame_new(m, below ? m->frame[below].tag : 0);
	} else if (f->refs > 1) {
		f->refs--;
		pte->frame = frame_new(m, f->tag);
		/* The kernel may have made a copy long ago, of which it was said that it may go. */
		m->frame[pte->frame].lazy = f->lazy;
		m->frame[pte->frame].freed = f->freed;
	} else {
		return pte->frame;
	}
	m->frame[pte->frame].refs = 1;
	return pte->frame;
}

uint32_t fz_page_own(struct fz_model *m, unsigned int who, unsigned int page)
{
	struct fz_pte *pte = &fz_space(m, who)->pte[page];

	if (pte->vma == FZ_VMA_SHARED) {
		uint32_t *slot = &m->file[fz_huge(page)][pte->offset];

		if (!*slot)
			*slot = frame_new(m, 0);
		return *slot;
	}
	/* A huge page of a private file is copied as a whole. */
	if (fz_huge(page) && pte->vma == FZ_VMA_PRIVATE) {
		const unsigned int first = page / FZ_HUGE * FZ_HUGE;

		for (unsigned int i = first; i < first + FZ_HUGE; i++)
			own(m, i, &fz_space(m, who)->pte[i]);
		return pte->frame;
	}
	return own(m, page, pte);
}

uint32_t fz_page_frame(const struct fz_model *m, unsigned int who, unsigned int page)
{
	const struct fz_pte *pte = fz_pte(m, who, page);

	if (pte->vma == FZ_VMA_ANON || (pte->vma == FZ_VMA_PRIVATE && pte->frame))
		return pte->frame;
	return file_frame(m, page, pte);
}

bool fz_page_readable(const struct fz_model *m, unsigned int who, unsigned int page)
{
	const struct fz_pte *pte = fz_pte(m, who, page);

	/* The CPU cannot forbid reading what may be written. */
	return pte->vma && pte->prot && !fz_page_beyond(m, who, page);
}

bool fz_page_writable(const struct fz_model *m, unsigned int who, unsigned int page)
{
	const struct fz_pte *pte = fz_pte(m, who, page);

	return pte->vma && pte->prot & FZ_PROT_WRITE && !fz_page_beyond(m, who, page);
}

void fz_page_write(struct fz_model *m, unsigned int who, unsigned int page, uint64_t tag)
{
	fz_frame_write(&m->frame[fz_page_own(m, who, page)], tag);
}

uint64_t fz_page_tag(const struct fz_model *m, unsigned int who, unsigned int page, bool *lazy)
{
	const uint32_t frame = fz_page_frame(m, who, page);

	*lazy = frame && m->frame[frame].lazy;
	return frame ? m->frame[frame].tag : 0;
}

void fz_page_seen(struct fz_model *m, unsigned int who, unsigned int page, uint64_t tag)
{
	struct fz_pte *pte = &fz_space(m, who)->pte[page];
	struct fz_frame *f = &m->frame[pte->frame];

	if (!pte->frame || !f->lazy)
		return;
	/* What a device has, or is the copy of another, is this one, whatever is in it; and it stays. */
	if (f->pins || !f->freed)
		fz_frame_seen(f, tag);
	else if (tag != f->tag)
		drop(m, pte);
}

bool fz_file_pinned(const struct fz_model *m, unsigned int file, unsigned int offset)
{
	return m->file[file][offset] && m->frame[m->file[file][offset]].pins;
}

void fz_file_drop(struct fz_model *m, unsigned int file, unsigned int offset, unsigned int count,
		  bool copies, const bool *kept)
{
	const unsigned int first = file ? FZ_SMALL_PAGES : 0;
	const unsigned int end = file ? FZ_PAGES : FZ_SMALL_PAGES;

	for (unsigned int i = offset; i < offset + count && i < FZ_FILE_PAGES; i++) {
		if (kept && kept[i])
			fz_frame_write(&m->frame[m->file[file][i]], 0);
		else
			m->file[file][i] = 0;
	}
	for (unsigned int who = 0; copies && who < FZ_PROCS; who++) {
		for (unsigned int page = first; m->proc[who].alive && page < end; page++) {
			struct fz_pte *pte = &fz_space(m, who)->pte[page];

			if (pte->vma == FZ_VMA_PRIVATE && pte->offset - offset < count)
				drop(m, pte);
		}
	}
}

/* One that no process has; there is one, as there is for each process. */
static unsigned int free_space(const struct fz_model *m)
{
	bool used[FZ_PROCS] = { false };
	unsigned int space = 0;

	for (unsigned int who = 0; who < FZ_PROCS; who++)
		used[m->proc[who].space] |= m->proc[who].alive;
	while (used[space])
		space++;
	return space;
}

static void new_mm(struct fz_model *m, struct fz_proc *p)
{
	p->mm = m->mms++;
	m->mm_alive[p->mm] = true;
	m->mm_owner[p->mm] = (uint8_t)(p - m->proc);
}

void fz_proc_fork(struct fz_model *m, unsigned int who, unsigned int child)
{
	struct fz_proc *to = &m->proc[child];
	const unsigned int space = free_space(m);

	*to = m->proc[who];
	to->space = space;
	m->space[space] = *fz_space(m, who);
	new_mm(m, to);
	for (unsigned int page = 0; page < FZ_PAGES; page++) {
		struct fz_pte *pte = &m->space[space].pte[page];

		if (pte->flags & FZ_NOFORK) {
			*pte = (struct fz_pte){ 0 };
			continue;
		}
		pte->flags &= (uint8_t)~FZ_LOCKED;
		if (!pte->frame)
			continue;
		if (pte->flags & FZ_WIPE) {
			pte->frame = 0;
		} else if (m->frame[pte->frame].pins) {
			const struct fz_frame *f = &m->frame[pte->frame];

			pte->frame = frame_new(m, f->tag);
			m->frame[pte->frame].refs = 1;
			m->frame[pte->frame].lazy = f->lazy;
		} else {
			m->frame[pte->frame].refs++;
		}
	}
}

void fz_proc_share(struct fz_model *m, unsigned int who, unsigned int child)
{
	m->proc[child] = m->proc[who];
}

void fz_proc_exit(struct fz_model *m, unsigned int who)
{
	const unsigned int mm = m->proc[who].mm;

	m->proc[who].alive = false;
	m->mm_alive[mm] = fz_proc_of(m, mm) < FZ_PROCS;
	if (!m->mm_alive[mm])
		fz_area_clear(m, who, 0, FZ_PAGES);
}

void fz_proc_exec(struct fz_model *m, unsigned int who)
{
	struct fz_proc *p = &m->proc[who];

	fz_proc_exit(m, who);
	p->space = free_space(m);
	p->alive = true;
	memset(fz_space(m, who), 0, sizeof(*fz_space(m, who)));
	new_mm(m, p);
}

static bool has_mm(const struct fz_model *m, unsigned int who, unsigned int mm)
{
	return m->proc[who].alive && m->proc[who].mm == mm;
}

unsigned int fz_proc_of(const struct fz_model *m, unsigned int mm)
{
	unsigned int who = 0;

	while (who < FZ_PROCS && !has_mm(m, who, mm))
		who++;
	return who;
}

bool fz_mm_owned(const struct fz_model *m, unsigned int mm)
{
	return has_mm(m, m->mm_owner[mm], mm);
}

uint64_t fz_mm_limit(const struct fz_model *m, unsigned int mm)
{
	uint64_t least = UINT64_MAX;

	if (fz_mm_owned(m, mm))
		return m->proc[m->mm_owner[mm]].limit;
	for (unsigned int who = 0; who < FZ_PROCS; who++)
		if (has_mm(m, who, mm) && m->proc[who].limit < least)
			least = m->proc[who].limit;
	return least;
}

/* Pages that are charged to users or to processes, in all address spaces or in one. */
static uint64_t mapped(const struct fz_model *m, bool user, bool all, unsigned int mm)
{
	uint64_t pages = 0;

	for (unsigned int i = 0; i < FZ_MAPPINGS; i++) {
		const struct fz_mapping *map = &m->mapping[i];

		if (map->used && !map->bar && (all || map->mm == mm) &&
		    m->container[map->container].user == user)
			pages += map->pages;
	}
	return pages;
}

uint64_t fz_proc_locked(const struct fz_model *m, unsigned int who)
{
	uint64_t pages = 0;

	for (unsigned int page = 0; page < FZ_PAGES; page++)
		pages += fz_pte(m, who, page)->flags & FZ_LOCKED;
	return pages + mapped(m, false, false, m->proc[who].mm);
}

uint64_t fz_proc_pinned(const struct fz_model *m, unsigned int who)
{
	return mapped(m, true, false, m->proc[who].mm);
}

uint64_t fz_user_locked(const struct fz_model *m)
{
	return mapped(m, true, true, 0);
}

struct fz_mapping *fz_mapping_next(struct fz_model *m, unsigned int container, uint32_t iova)
{
	struct fz_mapping *best = NULL;

	for (unsigned int i = 0; i < FZ_MAPPINGS; i++) {
		struct fz_mapping *map = &m->mapping[i];

		if (map->used && map->container == container && map->iova + map->pages > iova &&
		    (!best || map->iova < best->iova))
			best = map;
	}
	return best;
}

bool fz_mapping_overlaps(struct fz_model *m, unsigned int container, uint32_t iova, uint32_t pages)
{
	const struct fz_mapping *map = fz_mapping_next(m, container, iova);

	return map && map->iova < iova + pages;
}

bool fz_pinnable(const struct fz_model *m, unsigned int who, unsigned int page, unsigned int prot)
{
	const struct fz_pte *pte = fz_pte(m, who, page);

	return pte->vma && !fz_page_beyond(m, who, page) &&
	       pte->prot & (prot & FZ_PROT_WRITE ? FZ_PROT_WRITE : FZ_PROT_READ);
}

bool fz_pinnable_open(const struct fz_model *m, unsigned int who, unsigned int page,
		      unsigned int prot)
{
	return prot == FZ_PROT_READ && fz_pte(m, who, page)->prot == FZ_PROT_WRITE &&
	       fz_page_writable(m, who, page);
}

/* A free entry; there is one. */
static struct fz_mapping *take(struct fz_model *m)
{
	struct fz_mapping *map = m->mapping;

	while (map->used)
		map++;
	return map;
}

bool fz_mapping_room(const struct fz_model *m)
{
	for (unsigned int i = 0; i < FZ_MAPPINGS; i++)
		if (!m->mapping[i].used)
			return true;
	return false;
}

void fz_mapping_add(struct fz_model *m, unsigned int container, unsigned int who, uint32_t iova,
		    unsigned int page, unsigned int pages, unsigned int prot)
{
	struct fz_mapping *map = take(m);

	*map = (struct fz_mapping){ .used = true, .container = (uint8_t)container,
				    .prot = (uint8_t)prot, .mm = m->proc[who].mm, .iova = iova,
				    .page = page, .pages = pages, .pinned = m->pinned_used };
	m->pinned_used += pages;
	for (unsigned int i = 0; i < pages; i++) {
		m->pinned[map->pinned + i] = fz_page_own(m, who, page + i);
		m->frame[m->pinned[map->pinned + i]].pins++;
	}
}

void fz_mapping_add_bar(struct fz_model *m, unsigned int who, uint32_t iova, unsigned int page,
			unsigned int pages, unsigned int prot)
{
	*take(m) = (struct fz_mapping){ .used = true, .bar = true, .prot = (uint8_t)prot,
					.mm = m->proc[who].mm, .iova = iova, .page = page,
					.pages = pages };
}

/* A mapping has the frame no more. One that may be written to is taken for written, so that it stays. */
static void unpin(struct fz_frame *f, const struct fz_mapping *map)
{
	f->pins--;
	if (map->prot & FZ_PROT_WRITE)
		f->freed = false;
	f->lazy |= !f->pins && f->freed;
}

void fz_mapping_remove(struct fz_model *m, struct fz_mapping *map)
{
	for (unsigned int i = 0; !map->bar && i < map->pages; i++)
		unpin(&m->frame[m->pinned[map->pinned + i]], map);
	map->used = false;
}

void fz_mapping_repin(struct fz_model *m, struct fz_mapping *map, unsigned int i)
{
	uint32_t *pinned = &m->pinned[map->pinned + i];
	const unsigned int who = fz_proc_of(m, map->mm);

	unpin(&m->frame[*pinned], map);
	*pinned = fz_page_own(m, who, map->page + i);
	m->frame[*pinned].pins++;
}

bool fz_mapping_parted(const struct fz_model *m, const struct fz_mapping *map, unsigned int i)
{
	const unsigned int who = fz_proc_of(m, map->mm);
	const unsigned int page = map->page + i;

	if (map->bar || map->stale || who == FZ_PROCS)
		return false;
	/* After VFIO_DMA_MAP_FLAG_VADDR a mapping may reach beyond the arena. */
	if (page >= FZ_PAGES || !fz_pte(m, who, page)->vma)
		return true;
	return fz_page_frame(m, who, page) != m->pinned[map->pinned + i];
}

bool fz_mapping_open(const struct fz_model *m, const struct fz_mapping *map, unsigned int i)
{
	const unsigned int who = fz_proc_of(m, map->mm), page = map->page + i;

	if (map->bar)
		return true;
	if (map->stale || who == FZ_PROCS || page >= FZ_PAGES)
		return false;
	return fz_pte(m, who, page)->vma == FZ_VMA_PRIVATE && !fz_pte(m, who, page)->frame &&
	       file_frame(m, page, fz_pte(m, who, page)) == m->pinned[map->pinned + i];
}
