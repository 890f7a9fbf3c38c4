// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coverage for fuzzing, in a module built with HOLDFAST_COVER=y only.
 *
 * Every other file of such a module is compiled with -fsanitize-coverage=trace-pc,
 * trace-cmp: each basic block and each comparison calls a function of this file.  So
 * a fuzzer is guided on kernels that know nothing of it.  The kernel's own KCOV is
 * not used where there is one either: it wants a buffer and a file of its own for
 * each thread, records program counters or comparisons but not both, and records
 * them one by one, so that a map of much memory fills any buffer.  The functions here
 * have the names of KCOV's and take their place when the module is linked.
 *
 * A *session* is an open file.  It marks what threads that entered it do: passing
 * from one point to another marks a place of a map, chosen by both, as AFL++
 * has it in user space.  Where a thread came from is remembered for each thread, so
 * the marks do not depend on how threads took turns.  A comparison with a constant
 * marks a place chosen by the point and by how many of the low bytes are
 * the same: a fuzzer then finds a magic value byte by byte.  Comparisons of two variables
 * mark nothing: they hold addresses and page frame numbers, which are never the same
 * twice, and whether they were equal decides about a branch anyway.
 *
 * How often is not told.  Loops here go over runs of contiguous memory, so how often
 * they turn is chance.  Some points are passed or not by chance, too: the user can
 * mute those (cover_abi.h).
 *
 * Points are numbered from the begin of the module's text, so a map means the same
 * wherever the module was loaded.  Interrupts, kernel threads and workers enter no
 * session; they come when they like.
 *
 * Who is recorded stands in a table, by struct pid.  An entry holds a reference to
 * its pid, so no other thread can look like it, and to its session.  It is taken
 * and given back by its own thread, and taken away by others only when that thread is
 * dead: when it is not found by its pid any more it has closed its files and
 * runs nothing of this module.  So the functions that the compiler calls need no lock,
 * no reference and no barrier: an entry that is theirs stays theirs, and with it the
 * session.  They call nothing, so they may stand anywhere.
 *
 * A run is the time between two BEGIN.  Entries of former runs mark nothing, also if
 * their threads live on.
 *
 * Locking: hf_cover_lock guards the table against other writers, and the references
 * of sessions.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "cover.h"
#include "cover_abi.h"
#include "text.h"

/* The table: a thread's entry is in one row. */
#define HF_COVER_ROW_BITS	6
#define HF_COVER_ROWS		BIT(HF_COVER_ROW_BITS)
#define HF_COVER_ROW		8

/* Sessions at a time: each takes some hundred KiB. */
#define HF_COVER_SESSIONS	64

/* Cases of one switch that are looked at. */
#define HF_COVER_CASES		64

/**
 * struct hf_cover_session - an open file
 * @shown: what is mapped; see cover_abi.h
 * @size: bytes of it
 * @places: in @shown
 * @points: in @shown
 * @run: number of the run
 * @refs: the file, and every entry
 */
struct hf_cover_session {
	void *shown;
	size_t size;
	u8 *places;
	u8 *points;
	u32 run;
	unsigned int refs;
};

/**
 * struct hf_cover_entry - a thread that is recorded
 * @session: where to
 * @run: number of the run it entered
 * @last: where it came from
 */
struct hf_cover_entry {
	struct hf_cover_session *session;
	u32 run;
	u32 last;
};

static DEFINE_MUTEX(hf_cover_lock);
static struct pid *hf_cover_who[HF_COVER_ROWS][HF_COVER_ROW];
static struct hf_cover_entry hf_cover_what[HF_COVER_ROWS][HF_COVER_ROW];
static unsigned int hf_cover_sessions;

static unsigned long hf_cover_text;
static size_t hf_cover_text_size;

/*
 * What the compiler calls, and what that needs.  All of it is inlined.
 */

static __always_inline struct hf_cover_entry *hf_cover_mine(void)
{
	struct pid *me = task_pid(current);
	struct pid **row;
	unsigned int i;
	u32 at;

	/* The last steps of a dead thread have no pid. */
	if (!me || !in_task())
		return NULL;
	at = hash_ptr(me, HF_COVER_ROW_BITS);
	row = hf_cover_who[at];
	for (i = 0; i < HF_COVER_ROW; i++)
		if (READ_ONCE(row[i]) == me)
			break;
	if (i == HF_COVER_ROW)
		return NULL;
	if (hf_cover_what[at][i].run !=
	    READ_ONCE(hf_cover_what[at][i].session->run))
		return NULL;
	return &hf_cover_what[at][i];
}

static __always_inline void hf_cover_mark(struct hf_cover_session *s, u32 place)
{
	WRITE_ONCE(s->places[place % HF_COVER_PLACES], 1);
}

static __always_inline u32 hf_cover_mix(u32 x)
{
	return (x * GOLDEN_RATIO_32) >> 16;
}

static __always_inline void hf_cover_pass(unsigned long ip)
{
	struct hf_cover_entry *e = hf_cover_mine();
	unsigned long at = ip - hf_cover_text;
	u32 here;
	u8 point;

	if (!e || at >= hf_cover_text_size)
		return;
	point = READ_ONCE(e->session->points[at]);
	if (!(point & HF_COVER_PASSED))
		WRITE_ONCE(e->session->points[at], point | HF_COVER_PASSED);
	if (point & HF_COVER_MUTE)
		return;
	here = hf_cover_mix(at);
	hf_cover_mark(e->session, here ^ e->last);
	/* Shifted, so that from A to B is not from B to A. */
	e->last = here >> 1;
}

/* @same: low bytes that are the same. */
static __always_inline void hf_cover_likeness(struct hf_cover_entry *e,
					      unsigned long at, u32 which,
					      u32 same)
{
	hf_cover_mark(e->session,
		      hf_cover_mix(at + 0x1000000 * (8 * which + same)));
}

static __always_inline u32 hf_cover_same(u64 a, u64 b)
{
	return a == b ? 8 : __builtin_ctzll(a ^ b) / 8;
}

static __always_inline void hf_cover_compare(u64 constant, u64 value, u32 bytes,
					     unsigned long ip)
{
	unsigned long at = ip - hf_cover_text;
	struct hf_cover_entry *e;
	u32 same;

	/* All or nothing is what the branch tells. */
	same = hf_cover_same(constant, value);
	if (!same || same >= bytes)
		return;
	e = hf_cover_mine();
	if (e && at < hf_cover_text_size)
		hf_cover_likeness(e, at, 0, same);
}

void notrace __sanitizer_cov_trace_pc(void)
{
	hf_cover_pass(_RET_IP_);
}

void notrace __sanitizer_cov_trace_cmp1(u8 a, u8 b)
{
}

void notrace __sanitizer_cov_trace_cmp2(u16 a, u16 b)
{
}

void notrace __sanitizer_cov_trace_cmp4(u32 a, u32 b)
{
}

void notrace __sanitizer_cov_trace_cmp8(unsigned long a, unsigned long b)
{
}

void notrace __sanitizer_cov_trace_const_cmp1(u8 constant, u8 value)
{
}

void notrace __sanitizer_cov_trace_const_cmp2(u16 constant, u16 value)
{
	hf_cover_compare(constant, value, 2, _RET_IP_);
}

void notrace __sanitizer_cov_trace_const_cmp4(u32 constant, u32 value)
{
	hf_cover_compare(constant, value, 4, _RET_IP_);
}

void notrace __sanitizer_cov_trace_const_cmp8(unsigned long constant, unsigned long value)
{
	hf_cover_compare(constant, value, 8, _RET_IP_);
}

/* @cases: how many, bits of each, and their values. */
void notrace __sanitizer_cov_trace_switch(unsigned long value, void *cases)
{
	unsigned long at = _RET_IP_ - hf_cover_text;
	struct hf_cover_entry *e = hf_cover_mine();
	const u64 *of = cases;
	u32 i, same;

	if (!e || at >= hf_cover_text_size)
		return;
	for (i = 0; i < min_t(u64, of[0], HF_COVER_CASES); i++) {
		same = hf_cover_same(of[2 + i], value);
		if (same && same < of[1] / 8)
			hf_cover_likeness(e, at, i, same);
	}
}

/*
 * Sessions and who enters them
 */

/* Called with hf_cover_lock held. */
static void hf_cover_put(struct hf_cover_session *s)
{
	lockdep_assert_held(&hf_cover_lock);
	if (--s->refs)
		return;
	vfree(s->shown);
	kfree(s);
	hf_cover_sessions--;
}

/* Called with hf_cover_lock held, by the entry's own thread or after its death. */
static void hf_cover_clear(unsigned int at, unsigned int i)
{
	put_pid(hf_cover_who[at][i]);
	WRITE_ONCE(hf_cover_who[at][i], NULL);
	hf_cover_put(hf_cover_what[at][i].session);
	hf_cover_what[at][i].session = NULL;
}

static bool hf_cover_dead(struct pid *pid)
{
	bool dead;

	rcu_read_lock();
	dead = !pid_task(pid, PIDTYPE_PID);
	rcu_read_unlock();
	return dead;
}

/* Take away the entries of the dead.  Called with hf_cover_lock held. */
static void hf_cover_reap(void)
{
	unsigned int at, i;

	lockdep_assert_held(&hf_cover_lock);
	for (at = 0; at < HF_COVER_ROWS; at++)
		for (i = 0; i < HF_COVER_ROW; i++)
			if (hf_cover_who[at][i] &&
			    hf_cover_dead(hf_cover_who[at][i]))
				hf_cover_clear(at, i);
}

static void hf_cover_leave(void)
{
	struct pid *me = task_pid(current);
	unsigned int at = hash_ptr(me, HF_COVER_ROW_BITS), i;

	lockdep_assert_held(&hf_cover_lock);
	for (i = 0; i < HF_COVER_ROW; i++)
		if (hf_cover_who[at][i] == me)
			hf_cover_clear(at, i);
}

static int hf_cover_enter(struct hf_cover_session *s)
{
	struct pid *me = task_pid(current);
	unsigned int at = hash_ptr(me, HF_COVER_ROW_BITS), i;

	lockdep_assert_held(&hf_cover_lock);
	hf_cover_leave();
	for (i = 0; i < HF_COVER_ROW; i++)
		if (!hf_cover_who[at][i])
			break;
	if (i == HF_COVER_ROW)
		return -ENOSPC;
	s->refs++;
	hf_cover_what[at][i] = (struct hf_cover_entry){
		.session = s,
		.run = s->run,
	};
	/* Only this thread will find it: no barrier. */
	WRITE_ONCE(hf_cover_who[at][i], get_task_pid(current, PIDTYPE_PID));
	return 0;
}

static long hf_cover_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct hf_cover_session *s = file->private_data;
	int ret = 0;

	if (mutex_lock_killable(&hf_cover_lock))
		return -EINTR;
	switch (cmd) {
	case HF_COVER_BEGIN:
		hf_cover_reap();
		WRITE_ONCE(s->run, s->run + 1);
		break;
	case HF_COVER_ENTER:
		ret = hf_cover_enter(s);
		if (ret) {
			hf_cover_reap();
			ret = hf_cover_enter(s);
		}
		break;
	case HF_COVER_LEAVE:
		hf_cover_leave();
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&hf_cover_lock);
	return ret;
}

static int hf_cover_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct hf_cover_session *s = file->private_data;
	unsigned long size = vma->vm_end - vma->vm_start, at;
	int ret;

	/* A private one would want pages that are copied when written. */
	if (vma->vm_pgoff || size > s->size || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	for (at = 0; at < size; at += PAGE_SIZE) {
		ret = vm_insert_page(vma, vma->vm_start + at,
				     vmalloc_to_page(s->shown + at));
		if (ret)
			return ret;
	}
	return 0;
}

static int hf_cover_open(struct inode *inode, struct file *file)
{
	struct hf_cover_session *s;
	struct hf_cover_head *head;
	int ret = -ENOMEM;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return -ENOMEM;
	s->size = PAGE_ALIGN(HF_COVER_POINTS + hf_cover_text_size);
	s->shown = __vmalloc(s->size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!s->shown)
		goto free;
	s->places = s->shown + HF_COVER_MAP;
	s->points = s->shown + HF_COVER_POINTS;
	s->refs = 1;
	head = s->shown;
	head->version = HF_COVER_VERSION;
	head->text_size = hf_cover_text_size;
	head->text = hf_cover_text;

	mutex_lock(&hf_cover_lock);
	hf_cover_reap();
	ret = hf_cover_sessions < HF_COVER_SESSIONS ? 0 : -EMFILE;
	if (!ret)
		hf_cover_sessions++;
	mutex_unlock(&hf_cover_lock);
	if (ret)
		goto free;
	file->private_data = s;
	return 0;

free:
	vfree(s->shown);
	kfree(s);
	return ret;
}

static int hf_cover_release(struct inode *inode, struct file *file)
{
	mutex_lock(&hf_cover_lock);
	hf_cover_put(file->private_data);
	hf_cover_reap();
	mutex_unlock(&hf_cover_lock);
	return 0;
}

static const struct file_operations hf_cover_fops = {
	.owner		= THIS_MODULE,
	.open		= hf_cover_open,
	.release	= hf_cover_release,
	.unlocked_ioctl	= hf_cover_ioctl,
	.mmap		= hf_cover_mmap,
	.llseek		= noop_llseek,
};

static struct miscdevice hf_cover_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "holdfast_cover",
	.fops	= &hf_cover_fops,
	.mode	= 0600,
};

/**
 * hf_cover_init() - make the device
 *
 * Return: 0 or -errno.
 */
int hf_cover_init(void)
{
	hf_cover_text = hf_module_text(&hf_cover_text_size);
	return misc_register(&hf_cover_misc);
}

/**
 * hf_cover_exit() - take the device away, and forget who is recorded
 *
 * An open file holds the module, so nothing of it runs now but this.
 */
void hf_cover_exit(void)
{
	unsigned int at, i;

	misc_deregister(&hf_cover_misc);
	mutex_lock(&hf_cover_lock);
	for (at = 0; at < HF_COVER_ROWS; at++)
		for (i = 0; i < HF_COVER_ROW; i++)
			if (hf_cover_who[at][i])
				hf_cover_clear(at, i);
	mutex_unlock(&hf_cover_lock);
}
