// SPDX-License-Identifier: GPL-2.0-only
/*
 * holdfast_floor - what pinning and mapping memory costs by itself.
 *
 * A backend of VFIO has to call the kernel's GUP and IOMMU code; it can only
 * add to what those calls cost.  This module makes exactly those calls, in the
 * cheapest form there is, on memory of the calling process, and reads the clock
 * around each of them.  What lies between two calls (finding runs, filling in
 * lists) is not measured: that is the work of a backend.
 *
 *	pin	pin_user_pages_fast(), 512 pages a call, or one page for each
 *		huge block
 *	map	iommu_map() of a run, or iommu_map_sg() of up to 512 runs
 *	unmap	iommu_unmap_fast() of up to 1 GiB at a time, one flush
 *	unpin	unpin_user_page_range_dirty_lock() of neighbours,
 *		unpin_user_pages_dirty_lock() of what has none
 *
 * It is a test module for benchmarks: root only, never installed.  The domain
 * belongs to a device that nobody drives, so nothing ever uses a translation.
 *
 * Invariants: a request leaves no pin and no translation behind, whatever
 * happens; a block is taken for huge only after its pin, when its folio is seen
 * to reach that far.
 *
 * Locking: one request at a time on an open file (f->lock).
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "compat.h"
#include "holdfast_floor.h"

#define FLOOR_BATCH	512
#define FLOOR_MAX_PINS	(2UL * 1024 * 1024)

/* An open file. */
struct floor {
	struct mutex lock;
	struct pci_dev *pdev;
	struct iommu_group *group;
	struct iommu_domain *domain;	/* NULL before ATTACH */
};

/* A pin, and how many pages it holds. */
struct floor_pin {
	struct page *page;
	unsigned long pages;
};

/* A request being carried out. */
struct floor_job {
	struct iommu_domain *domain;
	struct hf_floor_measure *m;
	u64 overhead;			/* of reading the clock twice */
	struct floor_pin *pins;
	unsigned long nr_pins;
	u64 mapped;			/* bytes mapped, from m->iova on */
	struct page *batch[FLOOR_BATCH];
	struct scatterlist sg[FLOOR_BATCH];
	unsigned int nents;
	size_t bytes;			/* in sg */
};

static u64 floor_now(const struct floor_job *job)
{
	return job->m->clock == HF_FLOOR_TSC ? rdtsc_ordered() :
					       ktime_get_raw_ns();
}

static void floor_add(const struct floor_job *job, __u64 *sum, u64 start)
{
	u64 spent = floor_now(job) - start;

	*sum += spent > job->overhead ? spent - job->overhead : 0;
}

static void floor_calibrate(struct floor_job *job)
{
	u64 best = U64_MAX;
	int i;

	for (i = 0; i < 64; i++) {
		u64 start = floor_now(job);
		u64 spent = floor_now(job) - start;

		best = min(best, spent);
	}
	job->overhead = best;
}

static bool floor_breathe(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}

static int floor_pin_call(struct floor_job *job, u64 vaddr, int nr)
{
	u64 start;
	int ret;

	start = floor_now(job);
	ret = pin_user_pages_fast(vaddr, nr, FOLL_WRITE | FOLL_LONGTERM,
				  job->batch);
	floor_add(job, &job->m->pin, start);
	if (ret == nr)
		return 0;
	if (ret > 0)
		unpin_user_pages(job->batch, ret);
	return -EFAULT;
}

static int floor_pin_pages(struct floor_job *job, u64 at, u64 end)
{
	while (at < end) {
		int nr = min_t(u64, FLOOR_BATCH, (end - at) >> PAGE_SHIFT);
		int ret, i;

		if (floor_breathe())
			return -EINTR;
		ret = floor_pin_call(job, at, nr);
		if (ret)
			return ret;
		for (i = 0; i < nr; i++) {
			job->pins[job->nr_pins].page = job->batch[i];
			job->pins[job->nr_pins++].pages = 1;
		}
		at += (u64)nr << PAGE_SHIFT;
	}
	return 0;
}

static int floor_pin_leaves(struct floor_job *job, u64 at, u64 end)
{
	while (at < end) {
		u64 stop = min(round_down(at, job->m->leaf) + job->m->leaf, end);
		unsigned long pages = (stop - at) >> PAGE_SHIFT;
		struct folio *folio;
		unsigned long pfn;
		int ret;

		if (floor_breathe())
			return -EINTR;
		ret = floor_pin_call(job, at, 1);
		if (ret)
			return ret;
		job->pins[job->nr_pins].page = job->batch[0];
		job->pins[job->nr_pins++].pages = pages;

		folio = page_folio(job->batch[0]);
		pfn = page_to_pfn(job->batch[0]);
		if (pfn + pages > folio_pfn(folio) + folio_nr_pages(folio))
			return -EFAULT;
		at = stop;
	}
	return 0;
}

/* Map what is in the list, which is empty then. */
static int floor_map_list(struct floor_job *job)
{
	u64 iova = job->m->iova + job->mapped;
	int prot = IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE;
	ssize_t done;
	u64 start;

	if (!job->nents)
		return 0;
	sg_mark_end(&job->sg[job->nents - 1]);
	start = floor_now(job);
	if (job->nents == 1)
		done = floor_iommu_map(job->domain, iova, sg_phys(job->sg),
				       job->bytes, prot);
	else
		done = floor_iommu_map_sg(job->domain, iova, job->sg,
					  job->nents, prot);
	floor_add(job, &job->m->map, start);
	if (job->nents == 1 && !done)
		done = job->bytes;
	if (done != job->bytes)
		return done < 0 ? done : -ENOMEM;
	sg_unmark_end(&job->sg[job->nents - 1]);
	job->mapped += job->bytes;
	job->nents = 0;
	job->bytes = 0;
	return floor_breathe() ? -EINTR : 0;
}

static int floor_put_run(struct floor_job *job, struct page *page,
			 unsigned long pages)
{
	size_t bytes = pages << PAGE_SHIFT;

	sg_set_page(&job->sg[job->nents++], page, bytes, 0);
	job->bytes += bytes;
	job->m->runs++;
	return job->nents == FLOOR_BATCH ? floor_map_list(job) : 0;
}

/* Map the pins from @first on as the runs they form; nothing is open after. */
static int floor_map_pins(struct floor_job *job, unsigned long first)
{
	u64 iova = job->m->iova + job->mapped;
	unsigned long i, pages = 0;
	struct page *run = NULL;
	int ret;

	for (i = first; i < job->nr_pins; i++) {
		struct floor_pin *pin = &job->pins[i];

		if (run && (page_to_pfn(pin->page) != page_to_pfn(run) + pages ||
			    !(iova & (SZ_1G - 1)))) {
			ret = floor_put_run(job, run, pages);
			if (ret)
				return ret;
			run = NULL;
		}
		if (!run) {
			run = pin->page;
			pages = 0;
		}
		pages += pin->pages;
		iova += (u64)pin->pages << PAGE_SHIFT;
	}
	if (run) {
		ret = floor_put_run(job, run, pages);
		if (ret)
			return ret;
	}
	return floor_map_list(job);
}

static int floor_take(struct floor_job *job)
{
	const struct hf_floor_measure *m = job->m;
	u64 at;

	for (at = 0; at < m->size; at += m->piece) {
		u64 from = m->vaddr + at;
		unsigned long first = job->nr_pins;
		int ret;

		if (m->leaf == PAGE_SIZE)
			ret = floor_pin_pages(job, from, from + m->piece);
		else
			ret = floor_pin_leaves(job, from, from + m->piece);
		if (!ret)
			ret = floor_map_pins(job, first);
		if (ret)
			return ret;
	}
	return 0;
}

static int floor_unmap(struct floor_job *job)
{
	struct hf_floor_measure *m = job->m;
	u64 end = m->iova + job->mapped;
	u64 at = m->iova;

	while (at < end) {
		u64 stop = min(at + m->unmap_piece, end);
		struct iommu_iotlb_gather gather;
		u64 start;

		iommu_iotlb_gather_init(&gather);
		while (at < stop) {
			u64 to = min(round_down(at, SZ_1G) + SZ_1G, stop);
			size_t done;

			start = floor_now(job);
			done = iommu_unmap_fast(job->domain, at, to - at,
						&gather);
			floor_add(job, &m->unmap, start);
			/* Nothing uses the domain: what stays is freed with it. */
			if (WARN_ON_ONCE(!done))
				return -EIO;
			at += done;
			cond_resched();
		}
		start = floor_now(job);
		iommu_iotlb_sync(job->domain, &gather);
		floor_add(job, &m->unmap, start);
	}
	return 0;
}

/* How many pins from @i on are neighbours, at most a batch. */
static unsigned long floor_neighbours(const struct floor_job *job,
				      unsigned long i)
{
	unsigned long n = 1;

	while (n < FLOOR_BATCH && i + n < job->nr_pins &&
	       page_to_pfn(job->pins[i + n].page) ==
	       page_to_pfn(job->pins[i].page) + n)
		n++;
	return n;
}

static void floor_unpin(struct floor_job *job)
{
	unsigned long i = 0;

	while (i < job->nr_pins) {
		unsigned long n = floor_neighbours(job, i);
		unsigned int single = 0;
		u64 start;

		if (n > 1) {
			start = floor_now(job);
			unpin_user_page_range_dirty_lock(job->pins[i].page, n,
							 true);
			floor_add(job, &job->m->unpin, start);
			i += n;
			cond_resched();
			continue;
		}
		while (i < job->nr_pins && single < FLOOR_BATCH &&
		       floor_neighbours(job, i) == 1)
			job->batch[single++] = job->pins[i++].page;
		start = floor_now(job);
		unpin_user_pages_dirty_lock(job->batch, single, true);
		floor_add(job, &job->m->unpin, start);
		cond_resched();
	}
}

/* Most pins that a request can take; 0 for one that makes no sense. */
static u64 floor_most_pins(const struct hf_floor_measure *m)
{
	if (!m->size || !m->piece || !m->unmap_piece || m->reserved ||
	    m->clock > HF_FLOOR_RAW || m->size > SZ_1G * 4096ULL ||
	    (m->leaf != PAGE_SIZE && m->leaf != SZ_2M && m->leaf != SZ_1G))
		return 0;
	if ((m->vaddr | m->size | m->iova | m->piece | m->unmap_piece) &
	    ~PAGE_MASK)
		return 0;
	if (m->size % m->piece || m->size % m->unmap_piece ||
	    m->vaddr + m->size < m->vaddr || m->iova + m->size < m->iova)
		return 0;
	if (m->leaf == PAGE_SIZE)
		return m->size / PAGE_SIZE;
	return m->size / m->piece * (m->piece / m->leaf + 2);
}

static long floor_measure(struct floor *f, struct hf_floor_measure *m)
{
	u64 most = floor_most_pins(m);
	struct floor_job *job;
	int ret, gone;

	if (!f->domain)
		return -ENXIO;
	if (!most)
		return -EINVAL;
	if (most > FLOOR_MAX_PINS)
		return -E2BIG;

	job = kvzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);
	if (!job)
		return -ENOMEM;
	ret = -ENOMEM;
	job->pins = kvmalloc_array(most, sizeof(*job->pins),
				   GFP_KERNEL_ACCOUNT);
	if (!job->pins)
		goto out;
	job->domain = f->domain;
	job->m = m;
	sg_init_table(job->sg, FLOOR_BATCH);
	sg_unmark_end(&job->sg[FLOOR_BATCH - 1]);
	floor_calibrate(job);
	m->pin = 0;
	m->map = 0;
	m->unmap = 0;
	m->unpin = 0;
	m->runs = 0;

	ret = floor_take(job);
	m->pins = job->nr_pins;
	gone = floor_unmap(job);
	floor_unpin(job);
	ret = ret ?: gone;
out:
	kvfree(job->pins);
	kvfree(job);
	return ret;
}

static long floor_attach(struct floor *f, const struct hf_floor_attach *a)
{
	struct iommu_domain *domain;
	int ret;

	if (f->domain)
		return -EALREADY;
	if (a->reserved || a->bus > 255 || a->devfn > 255 || a->domain > INT_MAX)
		return -EINVAL;
	f->pdev = pci_get_domain_bus_and_slot(a->domain, a->bus, a->devfn);
	if (!f->pdev)
		return -ENODEV;
	ret = -ENODEV;
	f->group = iommu_group_get(&f->pdev->dev);
	if (!f->group)
		goto put_device;
	/* Fails while a driver of the kernel's own has a device of the group. */
	ret = iommu_group_claim_dma_owner(f->group, f);
	if (ret)
		goto put_group;
	domain = floor_domain_alloc(&f->pdev->dev);
	if (IS_ERR(domain)) {
		ret = PTR_ERR(domain);
		goto release;
	}
	ret = iommu_attach_group(domain, f->group);
	if (ret)
		goto free_domain;
	f->domain = domain;
	return 0;

free_domain:
	iommu_domain_free(domain);
release:
	iommu_group_release_dma_owner(f->group);
put_group:
	iommu_group_put(f->group);
put_device:
	pci_dev_put(f->pdev);
	return ret;
}

static int floor_open(struct inode *inode, struct file *file)
{
	struct floor *f;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	file->private_data = f;
	return 0;
}

static int floor_release(struct inode *inode, struct file *file)
{
	struct floor *f = file->private_data;

	if (f->domain) {
		iommu_detach_group(f->domain, f->group);
		iommu_domain_free(f->domain);
		iommu_group_release_dma_owner(f->group);
		iommu_group_put(f->group);
		pci_dev_put(f->pdev);
	}
	mutex_destroy(&f->lock);
	kfree(f);
	return 0;
}

static long floor_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct floor *f = file->private_data;
	struct hf_floor_measure m;
	struct hf_floor_attach a;
	long ret;

	if (mutex_lock_killable(&f->lock))
		return -EINTR;
	switch (cmd) {
	case HF_FLOOR_ATTACH:
		ret = -EFAULT;
		if (!copy_from_user(&a, (void __user *)arg, sizeof(a)))
			ret = floor_attach(f, &a);
		break;
	case HF_FLOOR_MEASURE:
		ret = -EFAULT;
		if (copy_from_user(&m, (void __user *)arg, sizeof(m)))
			break;
		ret = floor_measure(f, &m);
		if (!ret && copy_to_user((void __user *)arg, &m, sizeof(m)))
			ret = -EFAULT;
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&f->lock);
	return ret;
}

static const struct file_operations floor_fops = {
	.owner = THIS_MODULE,
	.open = floor_open,
	.release = floor_release,
	.unlocked_ioctl = floor_ioctl,
};

static struct miscdevice floor_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "holdfast-floor",
	.fops = &floor_fops,
	.mode = 0600,
};
module_misc_device(floor_device);

MODULE_DESCRIPTION("What pinning and mapping memory costs by itself");
MODULE_LICENSE("GPL");
