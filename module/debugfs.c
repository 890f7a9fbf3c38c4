// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an operator can read: /sys/kernel/debug/holdfast.
 *
 *	version                  of the format of what follows
 *	containers/ID/info       a line for each number of a container
 *	containers/ID/mappings   a line for each mapping, in IOVA order
 *	containers/ID/incoherent a line for each range that has parted (incoherent.c)
 *
 * Programs read these files: names, their order and units are fixed, and new ones
 * come at the end.  docs/observability.md is the reference.  Nothing here is
 * worked out when memory is mapped; where it takes a walk over a log, the reader
 * walks.
 *
 * A reader must not be able to break anything, or hold anybody up.
 *
 *  - Files know a container by its number and take a reference for one read() at
 *    most, without anything held while text is copied to user space, which may
 *    take for ever.  When the container is released its number finds nothing any
 *    more, and a file that is still open answers ENODEV.
 *  - So no file operation needs debugfs to keep it apart from the removal of the
 *    folder, and they are made without that (..._unsafe()): else release would
 *    wait until every read() in progress is through, the copy included.  An open
 *    file keeps the module loaded.
 *  - A mapping is looked at with c->lock held, one at a time, the next one found by
 *    its IOVA, so it does not matter what comes and goes meanwhile.  Where its log
 *    is long it is held for the walk, and c->lock is not: who wants to unmap just
 *    that mapping waits, everybody else does not.
 *  - Waits are killable, and those for a mapping that somebody else holds bounded:
 *    a second for each read().  What is held for longer (for a dirty bitmap that
 *    is copied to memory which is not there, say) is shown without what only its
 *    log says.
 *
 * One line is true at one point in time; lines of one read() may be of different
 * ones.
 */
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/wait.h>

#include "audit.h"
#include "container.h"
#include "debugfs.h"
#include "domain.h"
#include "external.h"
#include "hold.h"
#include "incoherent.h"
#include "mapping.h"

static struct dentry *hf_debugfs_root;
static struct dentry *hf_debugfs_containers;

/* Entries of a log that are looked at under the container's lock. */
#define HF_WALK_LOCKED	256

/* Entries between two looks at what else there is to do. */
#define HF_WALK_STRETCH	4096

/* How long one read() waits for mappings that others hold. */
#define HF_PATIENCE	HZ

/* The smallest IOMMU page a part of a run could be mapped with. */
enum hf_class { HF_4K, HF_2M, HF_1G, HF_CLASSES };

/*
 * struct hf_row - one mapping as it is shown
 * @paths: bit for each enum hf_path of its extents
 * @bytes: by class
 */
struct hf_row {
	dma_addr_t iova;
	unsigned long vaddr;
	size_t size;
	u8 prot;
	enum hf_mapping_state state;
	struct hf_owner owner;
	unsigned long born;
	unsigned long charged;
	unsigned long pins;
	unsigned long runs;
	unsigned int paths;
	u64 bytes[HF_CLASSES];
	u64 incoherent;
};

/*
 * Bytes of [iova, end) that pages of @page bytes can map, if they begin at
 * @phys; 0 for no such page.
 */
static u64 hf_mappable(u64 iova, u64 end, u64 phys, u64 page)
{
	u64 first, last;

	if (!page || (iova ^ phys) & (page - 1))
		return 0;
	first = ALIGN(iova, page);
	last = ALIGN_DOWN(end, page);
	return first < last ? last - first : 0;
}

/* The smallest page in @sizes from 2M on and below 1G; 0 if there is none. */
static u64 hf_smallest_huge(u64 sizes)
{
	sizes &= SZ_1G - SZ_2M;
	return sizes & -sizes;
}

/* Add a physical run, which does not cross a HF_IOVA_BLOCK, to @row. */
static void hf_row_run(struct hf_row *row, u64 sizes, unsigned long at,
		       unsigned long end, unsigned long pfn)
{
	/* Relative to the block, so that the end of IOVA space is none. */
	u64 block = ALIGN_DOWN(row->iova + ((u64)at << PAGE_SHIFT),
			       HF_IOVA_BLOCK);
	u64 first = row->iova + ((u64)at << PAGE_SHIFT) - block;
	u64 last = first + ((u64)(end - at) << PAGE_SHIFT);
	u64 phys = (u64)pfn << PAGE_SHIFT;
	u64 huge, gigantic;

	/* No run is longer, so no larger page can map it. */
	gigantic = hf_mappable(first, last, phys, sizes & SZ_1G);
	huge = max(gigantic, hf_mappable(first, last, phys,
					 hf_smallest_huge(sizes)));
	row->bytes[HF_1G] += gigantic;
	row->bytes[HF_2M] += huge - gigantic;
	row->bytes[HF_4K] += last - first - huge;
}

/*
 * What the log of @m says, @sizes being the page sizes of its container's
 * IOMMUs.  Return: 0; -EINTR when killed.
 */
static int hf_row_walk(struct hf_row *row, const struct hf_mapping *m,
		       u64 sizes)
{
	unsigned long at = 0, start = 0, pfn = 0, nr = 0;
	struct hf_log_iter it;
	struct hf_extent ext;

	/* [start, at) is a run that ends before pfn. */
	hf_log_begin(&it, &m->log);
	while (hf_log_next(&it, &ext)) {
		u64 iova = m->iova + ((u64)at << PAGE_SHIFT);

		if (at > start &&
		    (ext.pfn != pfn || !(iova & (HF_IOVA_BLOCK - 1)))) {
			hf_row_run(row, sizes, start, at, pfn - (at - start));
			start = at;
		}
		at += ext.pages;
		pfn = ext.pfn + ext.pages;
		row->paths |= BIT(ext.path);
		if (++nr % HF_WALK_STRETCH)
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	if (at > start)
		hf_row_run(row, sizes, start, at, pfn - (at - start));
	return 0;
}

/* May nobody but who is at work on it read this mapping's log now? */
static bool hf_row_must_wait(struct hf_container *c, const struct hf_mapping *m)
{
	/* Pairs with the release that publishes a mapping (container.c). */
	switch (smp_load_acquire(&m->state)) {
	case HF_MAPPING_HELD:
		return true;
	case HF_MAPPING_LIVE:
		/* To be held, and nobody may begin that. */
		return c->gate && m->log.nr > HF_WALK_LOCKED;
	default:
		return false;
	}
}

/*
 * Let c->lock go and wait until something has settled, for @patience jiffies at
 * most, of which what is left remains there.  Return: 0 with the lock taken
 * again; -EINTR without it when killed.
 */
static int hf_row_wait(struct hf_container *c, const struct hf_mapping *m,
		       long *patience)
{
	DEFINE_WAIT(wait);

	prepare_to_wait(&c->settled, &wait, TASK_KILLABLE);
	if (!hf_row_must_wait(c, m)) {
		finish_wait(&c->settled, &wait);
		return 0;
	}
	mutex_unlock(&c->lock);
	*patience = schedule_timeout(*patience);
	finish_wait(&c->settled, &wait);
	return fatal_signal_pending(current) ? -EINTR :
	       mutex_lock_killable(&c->lock);
}

/* The first mapping that begins at @from or above, c->lock held; or NULL. */
static struct hf_mapping *hf_row_find(struct hf_container *c, dma_addr_t from)
{
	struct hf_mapping *m = hf_container_find(c, from);

	return m && m->iova < from ? hf_container_next(m) : m;
}

/* What can be read of @m under the container's lock. */
static void hf_row_fill(struct hf_row *row, const struct hf_mapping *m)
{
	/* Pairs with the release that publishes a mapping (container.c). */
	const enum hf_mapping_state state = smp_load_acquire(&m->state);

	*row = (struct hf_row){
		.iova = m->iova,
		.vaddr = m->vaddr,
		.size = m->size,
		.prot = m->prot,
		.state = state,
		.owner = m->owner,
		.born = m->born,
	};
	if (state != HF_MAPPING_LIVE && state != HF_MAPPING_HELD)
		return;
	/* Who holds it may be changing these. */
	row->charged = READ_ONCE(m->charge.pages);
	row->pins = READ_ONCE(m->log.pins) + hf_external_pins(m);
	row->runs = READ_ONCE(m->log.nr);
	row->incoherent = (u64)hf_audit_nr_parted(m) << PAGE_SHIFT;
}

/*
 * Read the first mapping that begins at @from or above; @patience: see
 * hf_row_wait().  Return: 1; 0 if there is none; -EINTR when killed.
 */
static int hf_row_read(struct hf_container *c, dma_addr_t from, long *patience,
		       struct hf_row *row)
{
	struct hf_mapping *m;
	LIST_HEAD(held);
	u64 sizes;
	int ret;

	ret = mutex_lock_killable(&c->lock);
	if (ret)
		return ret;
	for (;;) {
		m = hf_row_find(c, from);
		if (!m || !*patience || !hf_row_must_wait(c, m))
			break;
		ret = hf_row_wait(c, m, patience);
		if (ret)
			return ret;
	}
	if (!m) {
		mutex_unlock(&c->lock);
		return 0;
	}
	hf_row_fill(row, m);
	sizes = c->pgsizes;
	if (row->state == HF_MAPPING_LIVE && !hf_row_must_wait(c, m)) {
		if (m->log.nr > HF_WALK_LOCKED)
			hf_container_hold(c, m->iova, m->iova, &held);
		else
			ret = hf_row_walk(row, m, sizes);
	}
	mutex_unlock(&c->lock);
	if (!list_empty(&held)) {
		ret = hf_row_walk(row, m, sizes);
		hf_container_unhold(c, &held);
	}
	return ret ? ret : 1;
}

/* Where to go on behind @row; false if that is the end of IOVA space. */
static bool hf_row_next(const struct hf_row *row, dma_addr_t *from)
{
	*from = row->iova + row->size;
	return *from;
}

/* Add up all mappings.  Return: 0; -EINTR when killed. */
static int hf_sum_up(struct hf_container *c, struct hf_row *sum)
{
	long patience = HF_PATIENCE;
	dma_addr_t from = 0;
	struct hf_row row;
	unsigned int i;
	int ret;

	*sum = (struct hf_row){};
	do {
		ret = hf_row_read(c, from, &patience, &row);
		if (ret <= 0)
			return ret;
		sum->size += row.size;
		sum->charged += row.charged;
		sum->runs += row.runs;
		for (i = 0; i < HF_CLASSES; i++)
			sum->bytes[i] += row.bytes[i];
		cond_resched();
	} while (hf_row_next(&row, &from));
	return 0;
}

static unsigned int hf_count(const struct list_head *list)
{
	const struct list_head *at;
	unsigned int nr = 0;

	list_for_each(at, list)
		nr++;
	return nr;
}

static u64 hf_age_ms(unsigned long born)
{
	return jiffies64_to_msecs(jiffies - born);
}

/* Errors of a map.  Not every kernel knows their names (SYMBOLIC_ERRNAME). */
#define HF_ERROR(name)	{ -(name), #name }

static const struct {
	int error;
	const char *name;
} hf_errors[] = {
	HF_ERROR(EFAULT), HF_ERROR(ENOMEM), HF_ERROR(EINTR), HF_ERROR(EINVAL),
	HF_ERROR(ENODEV), HF_ERROR(EIO), HF_ERROR(EPERM), HF_ERROR(EAGAIN),
	HF_ERROR(EBUSY), HF_ERROR(EEXIST), HF_ERROR(ERANGE), HF_ERROR(ENOSPC),
	HF_ERROR(EOPNOTSUPP), HF_ERROR(EHWPOISON), HF_ERROR(ENOTRECOVERABLE),
};

/* What an IOMMU driver may have thought of besides is shown by its number. */
static void hf_put_failures(struct seq_file *s, int error, u64 times)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hf_errors); i++)
		if (hf_errors[i].error == error)
			break;
	if (i < ARRAY_SIZE(hf_errors))
		seq_printf(s, "failures_%s: %llu\n", hf_errors[i].name, times);
	else
		seq_printf(s, "failures_E%d: %llu\n", -error, times);
}

static const char *hf_type(const struct hf_container *c)
{
	return c->nested ? "nesting" : c->v2 ? "v2" : "v1";
}

static void hf_auditor_put(struct seq_file *s, struct hf_auditor *au)
{
	unsigned long suspects, parted;
	u64 events, verified;

	spin_lock(&au->lock);
	suspects = au->suspects;
	parted = au->parted;
	events = au->events;
	verified = au->verified;
	spin_unlock(&au->lock);
	seq_printf(s, "audit: %s\n", READ_ONCE(au->on) ? "on" : "off");
	seq_printf(s, "incoherent_bytes: %llu\n", (u64)parted << PAGE_SHIFT);
	seq_printf(s, "audit_events: %llu\n", events);
	seq_printf(s, "audit_suspect_blocks: %lu\n", suspects);
	seq_printf(s, "audit_verified_blocks: %llu\n", verified);
}

static int hf_info_put(struct seq_file *s, struct hf_container *c)
{
	unsigned int groups = 0, emulated, domains, avail, i;
	struct hf_domain *domain;
	struct hf_stats stats;
	struct hf_row sum;
	bool dirty;
	u64 sizes;
	int ret;

	ret = hf_sum_up(c, &sum);
	if (!ret)
		ret = mutex_lock_killable(&c->lock);
	if (ret)
		return ret;
	list_for_each_entry(domain, &c->domains, link)
		groups += hf_count(&domain->groups);
	emulated = hf_count(&c->emulated);
	domains = hf_count(&c->domains);
	avail = c->avail;
	sizes = c->pgsizes;
	dirty = c->dirty;
	stats = c->stats;
	mutex_unlock(&c->lock);

	seq_printf(s, "id: %lu\n", c->id);
	seq_printf(s, "type: %s\n", hf_type(c));
	seq_printf(s, "pid: %d\n", stats.pid);
	seq_printf(s, "age_ms: %llu\n", hf_age_ms(stats.born));
	seq_printf(s, "groups: %u\n", groups);
	seq_printf(s, "emulated: %u\n", emulated);
	seq_printf(s, "domains: %u\n", domains);
	seq_printf(s, "page_sizes: %#llx\n", sizes);
	seq_printf(s, "mappings: %u\n", stats.limit - avail);
	seq_printf(s, "available: %u\n", avail);
	seq_printf(s, "bytes: %zu\n", sum.size);
	seq_printf(s, "charged_pages: %lu\n", sum.charged);
	seq_printf(s, "pins: %ld\n", atomic_long_read(&c->pins));
	seq_printf(s, "runs: %lu\n", sum.runs);
	seq_printf(s, "bytes_4k: %llu\n", sum.bytes[HF_4K]);
	seq_printf(s, "bytes_2m: %llu\n", sum.bytes[HF_2M]);
	seq_printf(s, "bytes_1g: %llu\n", sum.bytes[HF_1G]);
	seq_printf(s, "maps: %llu\n", stats.unmaps + stats.limit - avail);
	seq_printf(s, "unmaps: %llu\n", stats.unmaps);
	seq_printf(s, "map_failures: %llu\n", stats.failures);
	seq_printf(s, "slowest_map_us: %llu\n",
		   div_u64(stats.slowest_ns, NSEC_PER_USEC));
	seq_printf(s, "slowest_map_iova: %#llx\n", (u64)stats.slowest_iova);
	seq_printf(s, "slowest_map_size: %#llx\n", stats.slowest_size);
	seq_printf(s, "tracking_dirty: %d\n", dirty);
	hf_auditor_put(s, &c->auditor);
	for (i = 0; i < HF_STATS_ERRORS && stats.failed[i].times; i++)
		hf_put_failures(s, stats.failed[i].error,
				stats.failed[i].times);
	return 0;
}

static int hf_info_show(struct seq_file *s, void *unused)
{
	struct hf_container *c = hf_container_get((unsigned long)s->private);
	int ret;

	if (!c)
		return -ENODEV;
	ret = hf_info_put(s, c);
	hf_container_put(c);
	return ret;
}
DEFINE_SHOW_ATTRIBUTE(hf_info);

/*
 * struct hf_table - an open table of mappings
 * @id: the container's number
 * @c: the container, during a read()
 * @patience: what is left of it in this read()
 * @next: the index behind the row shown last; 0 for the end
 */
struct hf_table {
	unsigned long id;
	struct hf_container *c;
	long patience;
	loff_t next;
};

/*
 * The index of a row is 0 for the header, else 1 plus the page of IOVA space from
 * which on it is looked for.
 */
static loff_t hf_table_index(dma_addr_t from)
{
	return (from >> PAGE_SHIFT) + 1;
}

#define HF_TABLE_END	((loff_t)1 << (64 - PAGE_SHIFT) | 1)

static void *hf_table_start(struct seq_file *s, loff_t *index)
{
	struct hf_table *t = s->private;

	if (*index < 0 || *index >= HF_TABLE_END)
		return NULL;
	t->c = hf_container_get(t->id);
	if (!t->c)
		return ERR_PTR(-ENODEV);
	t->patience = HF_PATIENCE;
	t->next = *index;
	return t;
}

static void hf_table_stop(struct seq_file *s, void *v)
{
	struct hf_table *t = s->private;

	if (t->c)
		hf_container_put(t->c);
	t->c = NULL;
}

static void *hf_table_next(struct seq_file *s, void *v, loff_t *index)
{
	struct hf_table *t = s->private;

	/* Behind the last row nothing is found, whatever is mapped meanwhile. */
	*index = t->next ? t->next : HF_TABLE_END;
	return t->next ? t : NULL;
}

static const char *hf_path_name(unsigned int paths)
{
	const unsigned int pages = BIT(HF_PATH_PAGES) | BIT(HF_PATH_PART);

	if (!paths)
		return "none";
	if (!(paths & ~pages))
		return "pages";
	return paths & pages ? "mixed" : "pfnmap";
}

static void hf_row_put(struct seq_file *s, const struct hf_row *row)
{
	static const char * const state[] = {
		[HF_MAPPING_NEW] = "new",
		[HF_MAPPING_LIVE] = "live",
		[HF_MAPPING_HELD] = "held",
		[HF_MAPPING_DYING] = "dying",
	};
	unsigned int i;

	seq_printf(s, "%#llx %#lx %#zx %c%c %s %s %d %llu", (u64)row->iova,
		   row->vaddr, row->size, row->prot & IOMMU_READ ? 'r' : '-',
		   row->prot & IOMMU_WRITE ? 'w' : '-', state[row->state],
		   hf_path_name(row->paths), row->owner.pid,
		   hf_age_ms(row->born));
	seq_printf(s, " %lu %lu %lu %llu %llu %llu %llu ", row->charged,
		   row->pins, row->runs, row->bytes[HF_4K], row->bytes[HF_2M],
		   row->bytes[HF_1G], row->incoherent);
	for (i = 0; i < TASK_COMM_LEN && row->owner.comm[i]; i++)
		seq_putc(s, iscntrl(row->owner.comm[i]) ?
			    '?' : row->owner.comm[i]);
	seq_putc(s, '\n');
}

static int hf_table_show(struct seq_file *s, void *v)
{
	struct hf_table *t = s->private;
	struct hf_row row;
	dma_addr_t from;
	int ret;

	if (!t->next) {
		seq_puts(s, "iova vaddr size prot state path pid age_ms charged_pages pins runs bytes_4k bytes_2m bytes_1g incoherent comm\n");
		t->next = hf_table_index(0);
		return 0;
	}
	from = (dma_addr_t)(t->next - 1) << PAGE_SHIFT;
	ret = hf_row_read(t->c, from, &t->patience, &row);
	t->next = 0;
	if (ret <= 0)
		return ret ? ret : SEQ_SKIP;
	hf_row_put(s, &row);
	if (hf_row_next(&row, &from))
		t->next = hf_table_index(from);
	return 0;
}

static const struct seq_operations hf_table_ops = {
	.start	= hf_table_start,
	.next	= hf_table_next,
	.stop	= hf_table_stop,
	.show	= hf_table_show,
};

static int hf_table_open(struct inode *inode, struct file *file)
{
	struct hf_table *t;

	t = __seq_open_private(file, &hf_table_ops, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->id = (unsigned long)inode->i_private;
	return 0;
}

static const struct file_operations hf_table_fops = {
	.owner		= THIS_MODULE,
	.open		= hf_table_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= seq_release_private,
};

/* Each container's files; inode->i_private is its number. */
static const struct {
	const char *name;
	const struct file_operations *fops;
} hf_debugfs_files[] = {
	{ "info", &hf_info_fops },
	{ "mappings", &hf_table_fops },
	{ "incoherent", &hf_incoherent_fops },
};

/**
 * hf_debugfs_add() - show a container
 * @c: the container, which can be found by its number already
 *
 * Without debugfs, or memory, it is not shown.
 *
 * Context: may sleep.
 */
void hf_debugfs_add(struct hf_container *c)
{
	char name[24];
	unsigned int i;

	snprintf(name, sizeof(name), "%lu", c->id);
	c->debugfs = debugfs_create_dir(name, hf_debugfs_containers);
	for (i = 0; i < ARRAY_SIZE(hf_debugfs_files); i++)
		debugfs_create_file_unsafe(hf_debugfs_files[i].name, 0400,
					   c->debugfs, (void *)c->id,
					   hf_debugfs_files[i].fops);
}

/**
 * hf_debugfs_remove() - show a container no more
 * @c: the container, which cannot be found by its number any more
 *
 * Files may be open, and be read, on return and later.
 *
 * Context: may sleep.
 */
void hf_debugfs_remove(struct hf_container *c)
{
	debugfs_remove(c->debugfs);
}

/**
 * hf_debugfs_init() - make the folder
 */
void hf_debugfs_init(void)
{
	static u32 version = 1;

	hf_debugfs_root = debugfs_create_dir("holdfast", NULL);
	/* Who may not read about containers need not see how many there are. */
	if (!IS_ERR(hf_debugfs_root))
		d_inode(hf_debugfs_root)->i_mode = S_IFDIR | 0700;
	debugfs_create_u32("version", 0400, hf_debugfs_root, &version);
	hf_debugfs_containers = debugfs_create_dir("containers",
						   hf_debugfs_root);
}

/**
 * hf_debugfs_exit() - and remove it
 *
 * Context: there is no container.  May sleep.
 */
void hf_debugfs_exit(void)
{
	debugfs_remove(hf_debugfs_root);
}
