// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faulting memory in with several threads.
 *
 * Most of what a map of never-touched memory costs is the page faults: zeroing
 * pages, one after the other.  With fault_threads=N (N > 1) the first absent
 * page of a large map starts N - 1 helpers, kernel threads that fault in the
 * memory ahead of the walk, block by block, while the caller pins and maps.
 * They only make pages present.  They take no pin and report no error: what
 * they could not or did not do the walk meets as absent and faults in by
 * itself, with the error it would have got alone.
 *
 * Blocks are handed out in address order by one counter.  The walk takes a
 * block that nobody has; where a helper is at work on the block it needs, it
 * faults in another one meanwhile.
 *
 * What a helper must not change is where the pages come from and who pays:
 *  - NUMA: it runs on CPUs that the caller may use, of the node the caller is
 *    on, so "local" means the same.  A memory policy of the VMA goes with the
 *    VMA.  A memory policy of the task, or a cpuset without all memory nodes,
 *    cannot be given to a kernel thread: there are no helpers then.
 *  - Memory cgroup: pages are charged to the mm's by the fault handler, page
 *    tables by way of set_active_memcg().  hugetlb is charged to the task that
 *    faults, so it is left to the caller if that is in a cgroup which counts.
 *  - Privilege: the caller's credentials, which decide about quota and reserves.
 *  - Movable zones: PF_MEMALLOC_PIN, as GUP does for a long-term pin.
 * CPU time is not carried: a helper has the caller's nice value, but runs in no
 * cgroup of the caller's.
 *
 * A helper never waits for user space: not for a userfaultfd (ranges that have
 * one are the caller's), not for a file system (only memory, hugetlb and regular
 * tmpfs files), and never for long: SIGKILL from hf_faultin_stop() ends it after
 * the page it is at.
 *
 * Bounds: fault_threads for a map and one helper for each online CPU in all, so
 * that many maps at once do not fill the machine with threads.
 *
 * Lifetime: hf_faultin_end() waits until no helper touches the mm any more.  The
 * caller has given back its pins by then if it failed, because a helper may wait
 * for that memory, but not its charge: the refund needs the mmap lock.  What is
 * left of a helper then has references to the team and to the module.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/cpuset.h>
#include <linux/cred.h>
#include <linux/hugetlb.h>
#include <linux/hugetlb_cgroup.h>
#include <linux/kref.h>
#include <linux/kthread.h>
#include <linux/magic.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/topology.h>
#include <linux/userfaultfd_k.h>
#include <linux/wait.h>

#include "compat.h"
#include "fail.h"
#include "faultin.h"
#include "params.h"

/* What is handed out at once: the reach of one page-table page. */
#define HF_BLOCK_SHIFT		PMD_SHIFT
#define HF_BLOCK_SIZE		BIT(HF_BLOCK_SHIFT)

/* Starting threads is not worth it for less, pages: 16 MiB. */
#define HF_FAULTIN_MIN		(SZ_16M >> PAGE_SHIFT)

#define HF_HELPERS_MAX		15

/* No block has this number. */
#define HF_NO_BLOCK		(~0UL)

/**
 * struct hf_faultin - a team that faults in the memory of one map
 * @refs: one for the walk, one for each helper
 * @mm: whose memory; a user reference
 * @memcg: to which its page tables are charged; or NULL
 * @cred: the caller's credentials
 * @hugetlb: may helpers fault hugetlb in?
 * @cpus: where helpers may run
 * @start: first address, bytes
 * @end: address behind the last, bytes
 * @next: next block to hand out, in units of HF_BLOCK_SIZE from address 0
 * @stop: nothing more is wanted
 * @running: helpers that may touch @mm's memory
 * @idle: woken whenever a helper is through with a block
 * @nr: helpers
 * @task: each helper; referenced
 * @at: for each helper the block it is at
 */
struct hf_faultin {
	struct kref refs;
	struct mm_struct *mm;
	struct mem_cgroup *memcg;
	const struct cred *cred;
	bool hugetlb;
	cpumask_var_t cpus;
	unsigned long start;
	unsigned long end;
	atomic_long_t next;
	bool stop;
	atomic_t running;
	wait_queue_head_t idle;
	unsigned int nr;
	struct task_struct *task[HF_HELPERS_MAX];
	unsigned long at[HF_HELPERS_MAX];
};

/* A helper's argument. */
struct hf_helper {
	struct hf_faultin *fi;
	unsigned int nr;
};

static atomic_t hf_helpers = ATOMIC_INIT(0);

static void hf_faultin_free(struct kref *refs)
{
	struct hf_faultin *fi = container_of(refs, struct hf_faultin, refs);

	free_cpumask_var(fi->cpus);
	kfree(fi);
}

/* The next block that nobody has, or HF_NO_BLOCK. */
static unsigned long hf_claim_block(struct hf_faultin *fi)
{
	unsigned long block;

	if (READ_ONCE(fi->stop))
		return HF_NO_BLOCK;
	block = atomic_long_fetch_inc(&fi->next);
	return block <= (fi->end - 1) >> HF_BLOCK_SHIFT ? block : HF_NO_BLOCK;
}

/* Let no block below @block be handed out any more. */
static void hf_claim_below(struct hf_faultin *fi, unsigned long block)
{
	long next = atomic_long_read(&fi->next);

	while (next < (long)block &&
	       !atomic_long_try_cmpxchg(&fi->next, &next, block))
		;
}

/*
 * May @vma be faulted in here?  Anonymous memory, shared memory and hugetlb.
 * (A mapped device node has an inode of tmpfs, too, hence S_ISREG.)  A huge page
 * larger than a block is one fault: who has its first block has all of it.
 */
static bool hf_vma_suits(struct hf_faultin *fi, struct vm_area_struct *vma,
			 unsigned long addr)
{
	unsigned long size;

	if (!(vma->vm_flags & VM_WRITE) || userfaultfd_armed(vma))
		return false;
	if (is_vm_hugetlb_page(vma)) {
		if (!fi->hugetlb)
			return false;
		size = vma->vm_ops->pagesize ? vma->vm_ops->pagesize(vma) : 0;
		if (size <= HF_BLOCK_SIZE)
			return true;
		hf_claim_below(fi, ALIGN(addr + 1, size) >> HF_BLOCK_SHIFT);
		return IS_ALIGNED(addr, size) || addr == fi->start;
	}
	return vma_is_anonymous(vma) ||
	       (vma->vm_file && S_ISREG(file_inode(vma->vm_file)->i_mode) &&
		file_inode(vma->vm_file)->i_sb->s_magic == TMPFS_MAGIC);
}

/* Make a block present, as far as that goes. */
static void hf_fault_block(struct hf_faultin *fi, unsigned long block)
{
	unsigned long addr = max(block << HF_BLOCK_SHIFT, fi->start);
	unsigned long end = min((block + 1) << HF_BLOCK_SHIFT, fi->end);
	struct vm_area_struct *vma;
	unsigned int flags;
	long ret = 0;

	if (hf_fail(HF_FAIL_FAULTIN_LOCK) || mmap_read_lock_killable(fi->mm))
		return;
	flags = memalloc_pin_save();
	while (addr < end && !READ_ONCE(fi->stop)) {
		vma = vma_lookup(fi->mm, addr);
		if (!vma || !hf_vma_suits(fi, vma, addr))
			break;
		ret = hf_fail(HF_FAIL_FAULTIN_FAULT) ? -ENOMEM :
		      hf_fault_in_remote(fi->mm, addr,
					 (min(end, vma->vm_end) - addr) >>
					 PAGE_SHIFT, FOLL_WRITE);
		if (ret <= 0)
			break;
		addr += (unsigned long)ret << PAGE_SHIFT;
	}
	memalloc_pin_restore(flags);
	mmap_read_unlock(fi->mm);
	/* Without memory, or beyond what can be faulted in, the walk decides. */
	if (ret < 0)
		WRITE_ONCE(fi->stop, true);
}

static int hf_helper_main(void *data)
{
	struct hf_helper helper = *(struct hf_helper *)data;
	struct hf_faultin *fi = helper.fi;
	unsigned long *at = &fi->at[helper.nr];
	const struct cred *old_cred;
	struct mem_cgroup *old_memcg;
	unsigned long block;

	kfree(data);
	allow_kernel_signal(SIGKILL);
	old_cred = override_creds(fi->cred);
	old_memcg = set_active_memcg(fi->memcg);
	/* Only now: starting a kernel thread may set its CPUs once more. */
	if (hf_fail(HF_FAIL_FAULTIN_RUN) ||
	    set_cpus_allowed_ptr(current, fi->cpus))
		goto out;
	while ((block = hf_claim_block(fi)) != HF_NO_BLOCK) {
		WRITE_ONCE(*at, block);
		hf_fault_block(fi, block);
		/* Pairs with the acquire in hf_block_busy(). */
		smp_store_release(at, HF_NO_BLOCK);
		if (wq_has_sleeper(&fi->idle))
			wake_up_all(&fi->idle);
		cond_resched();
	}
out:
	set_active_memcg(old_memcg);
	revert_creds(old_cred);

	atomic_dec_return_release(&fi->running);
	if (wq_has_sleeper(&fi->idle))
		wake_up_all(&fi->idle);
	kref_put(&fi->refs, hf_faultin_free);
	atomic_dec(&hf_helpers);
	module_put_and_kthread_exit(0);
}

/* Start helper @nr; or not, then there is one less. */
static bool hf_helper_start(struct hf_faultin *fi, unsigned int nr)
{
	struct hf_helper *helper;
	struct task_struct *task;

	if (atomic_inc_return(&hf_helpers) > num_online_cpus() ||
	    hf_fail(HF_FAIL_FAULTIN_ROOM))
		goto no_room;
	/* Not if the module is on its way out, after the last container. */
	if (hf_fail(HF_FAIL_FAULTIN_MODULE) || !try_module_get(THIS_MODULE))
		goto no_room;
	helper = hf_fail(HF_FAIL_FAULTIN_HELPER) ? NULL :
		 kmalloc(sizeof(*helper), GFP_KERNEL_ACCOUNT);
	if (!helper)
		goto no_helper;
	helper->fi = fi;
	helper->nr = nr;
	task = hf_fail(HF_FAIL_FAULTIN_THREAD) ? ERR_PTR(-ENOMEM) :
	       kthread_create_on_node(hf_helper_main, helper, numa_node_id(),
				      "holdfast/%d", task_tgid_nr(current));
	if (IS_ERR(task)) {
		kfree(helper);
		goto no_helper;
	}
	fi->task[nr] = get_task_struct(task);
	kref_get(&fi->refs);
	atomic_inc(&fi->running);
	set_user_nice(task, task_nice(current));
	wake_up_process(task);
	return true;

no_helper:
	module_put(THIS_MODULE);
no_room:
	atomic_dec(&hf_helpers);
	return false;
}

/* Can a kernel thread take memory from where the caller would? */
static bool hf_placement_carries(void)
{
#ifdef CONFIG_NUMA
	if (current->mempolicy)
		return false;
#endif
	return nodes_subset(node_states[N_MEMORY], cpuset_current_mems_allowed);
}

/* Is hugetlb memory, too, charged to nobody but those who pay for the mm? */
static bool hf_hugetlb_carries(void)
{
	bool counted = hf_memcg_counts_hugetlb();

#ifdef CONFIG_CGROUP_HUGETLB
	rcu_read_lock();
	if (task_css(current, hugetlb_cgrp_id)->parent)
		counted = true;
	rcu_read_unlock();
#endif
	return !counted;
}

/* Give back all but what a helper at its very end needs. */
static void hf_faultin_put(struct hf_faultin *fi)
{
	unsigned int i;

	for (i = 0; i < fi->nr; i++)
		put_task_struct(fi->task[i]);
	put_cred(fi->cred);
	mem_cgroup_put(fi->memcg);
	mmput(fi->mm);
	kref_put(&fi->refs, hf_faultin_free);
}

/**
 * hf_faultin_begin() - start helpers for the current process's memory
 * @vaddr: first address, bytes, page aligned
 * @pages: length, pages; the range lies in user space
 *
 * Context: may sleep.
 * Return: the team, for hf_faultin_end(); NULL if there is none: helpers are
 * off, the range is too small to gain anything, or see above.
 */
struct hf_faultin *hf_faultin_begin(unsigned long vaddr, unsigned long pages)
{
	unsigned int nr, threads = READ_ONCE(hf_fault_threads);
	struct hf_faultin *fi;

	if (threads < 2 || pages < HF_FAULTIN_MIN || !hf_placement_carries())
		return NULL;

	fi = hf_fail(HF_FAIL_FAULTIN_ALLOC) ? NULL :
	     kzalloc(sizeof(*fi), GFP_KERNEL_ACCOUNT);
	if (!fi)
		return NULL;
	if (hf_fail(HF_FAIL_FAULTIN_CPUS) ||
	    !alloc_cpumask_var(&fi->cpus, GFP_KERNEL_ACCOUNT)) {
		kfree(fi);
		return NULL;
	}
	cpumask_and(fi->cpus, cpumask_of_node(numa_node_id()),
		    current->cpus_ptr);
	cpumask_and(fi->cpus, fi->cpus, cpu_online_mask);

	kref_init(&fi->refs);
	fi->mm = current->mm;
	mmget(fi->mm);
	fi->memcg = get_mem_cgroup_from_mm(fi->mm);
	fi->cred = get_current_cred();
	fi->hugetlb = hf_hugetlb_carries();
	fi->start = untagged_addr(vaddr);
	fi->end = fi->start + (pages << PAGE_SHIFT);
	/* The caller is at the first block. */
	atomic_long_set(&fi->next, (fi->start >> HF_BLOCK_SHIFT) + 1);
	atomic_set(&fi->running, 0);
	init_waitqueue_head(&fi->idle);
	for (nr = 0; nr < HF_HELPERS_MAX; nr++)
		fi->at[nr] = HF_NO_BLOCK;

	threads = min3(threads, cpumask_weight(fi->cpus), HF_HELPERS_MAX + 1U);
	for (nr = 0; nr + 1 < threads; nr++)
		if (!hf_helper_start(fi, nr))
			break;
	fi->nr = nr;
	if (!nr) {
		hf_faultin_put(fi);
		return NULL;
	}
	return fi;
}

static bool hf_block_busy(struct hf_faultin *fi, unsigned long block)
{
	unsigned int i;

	for (i = 0; i < fi->nr; i++) {
		/* Pairs with the release in hf_helper_main(). */
		if (smp_load_acquire(&fi->at[i]) == block)
			return true;
	}
	return false;
}

/**
 * hf_faultin_wait() - do not get in a helper's way
 * @fi: the team
 * @vaddr: an absent address of the caller's range, bytes
 *
 * If a helper is at work there, this faults in other parts of the range until
 * it is through.
 *
 * Context: may sleep and fault, in the process that began @fi.
 * Return: true if a helper had this part, so that it is worth looking again.
 */
bool hf_faultin_wait(struct hf_faultin *fi, unsigned long vaddr)
{
	unsigned long block = untagged_addr(vaddr) >> HF_BLOCK_SHIFT;
	bool busy = false;
	unsigned long other;

	hf_claim_below(fi, block + 1);
	while (hf_block_busy(fi, block)) {
		busy = true;
		other = fatal_signal_pending(current) ? HF_NO_BLOCK :
							hf_claim_block(fi);
		if (other != HF_NO_BLOCK) {
			hf_fault_block(fi, other);
			/* There may be very many with nothing to fault in. */
			cond_resched();
			continue;
		}
		if (wait_event_killable(fi->idle, !hf_block_busy(fi, block)))
			break;
	}
	return busy;
}

/**
 * hf_faultin_stop() - send the helpers away
 * @fi: the team; may be NULL
 *
 * Context: any; does not wait.
 */
void hf_faultin_stop(struct hf_faultin *fi)
{
	unsigned int i;

	if (!fi)
		return;
	WRITE_ONCE(fi->stop, true);
	for (i = 0; i < fi->nr; i++)
		send_sig(SIGKILL, fi->task[i], 1);
}

/**
 * hf_faultin_end() - wait until the helpers are gone
 * @fi: the team, stopped; may be NULL
 *
 * Context: may sleep, for as long as a page fault takes; no pins that are not
 * wanted may be held.
 */
void hf_faultin_end(struct hf_faultin *fi)
{
	if (!fi)
		return;
	/* The acquire pairs with the release at the end of hf_helper_main(). */
	wait_event(fi->idle, !atomic_read_acquire(&fi->running));
	hf_faultin_put(fi);
}
