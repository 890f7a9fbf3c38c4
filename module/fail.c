// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failure points, in a module built with HOLDFAST_FAIL=y only.
 *
 * Every place that can fail asks hf_fail() whether it should.  A test has each
 * one fail in turn, in the middle of what otherwise passes, and sees that nothing
 * is left behind: most of these failures never happen on a machine with memory to
 * spare, and where they do it is too late to find out.
 *
 * Control is the file holdfast_fail in debugfs.  One line a write:
 *
 *	<name> <nth> [<times>] [any]   fail the nth time the place is reached from
 *	                               now on, and that often in a row (default 1;
 *	                               0: from then on always); nth 0: never
 *	count [any]                    never fail anywhere, but count
 *	off                            nothing fails any more; counts stay
 *
 * Without "any" only the writing process and its threads are meant.  Several
 * points may be armed.  Reading lists every point: name, errno (0: the module
 * does without), times reached while it was armed, times failed.  For the places
 * that are reached when the module is loaded there is the parameter fail=<name>.
 *
 * A point stands in front of what can fail and takes its place, so nothing has
 * been done when it fails; but for those that do a part, or all, and report
 * less.  UNMAP is different from all others.  An unmap may not fail: holdfast
 * warns, and what the device still reaches stays pinned for ever.  So it is after
 * that point, though everybody is answered as usual.
 *
 * Locking: hf_fail_lock guards everything here.  Points are in process context,
 * but some with a spinlock or RCU held.
 */
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "fail.h"

/**
 * struct hf_fail_point - one of them
 * @name: as in the list
 * @err: errno it stands for; 0 for none
 * @armed: count, and fail when it is time
 * @anybody: whoever gets there, not only @tgid
 * @tgid: who armed it
 * @nth: which time it fails; 0 for never
 * @times: how often from then on; 0 for always
 * @hits: times it was reached since it was armed
 * @failed: times it failed
 */
struct hf_fail_point {
	const char *name;
	int err;
	bool armed;
	bool anybody;
	pid_t tgid;
	unsigned long nth;
	unsigned long times;
	unsigned long hits;
	unsigned long failed;
};

static struct hf_fail_point hf_fail_points[] = {
#define HF_FAIL_POINT(n, e)	{ .name = #n, .err = (e) }
#include "fail_points.h"
#undef HF_FAIL_POINT
};

static DEFINE_SPINLOCK(hf_fail_lock);
static struct dentry *hf_fail_file;

static char *hf_fail_at_load;
module_param_named(fail, hf_fail_at_load, charp, 0);
MODULE_PARM_DESC(fail, "Failure point that fails once when this module is loaded");

/**
 * hf_fail() - should this place fail now?
 * @point: HF_FAIL_*
 *
 * Context: process, atomic or not.
 */
bool hf_fail(enum hf_fail point)
{
	struct hf_fail_point *p = &hf_fail_points[point];
	bool fail = false;

	spin_lock(&hf_fail_lock);
	if (p->armed && (p->anybody || p->tgid == current->tgid)) {
		p->hits++;
		fail = p->nth && p->hits >= p->nth &&
		       (!p->times || p->hits - p->nth < p->times);
		p->failed += fail;
	}
	spin_unlock(&hf_fail_lock);
	return fail;
}

/**
 * hf_fail_err() - the same, for a place that answers with an errno
 * @point: HF_FAIL_*
 *
 * For "ret = hf_fail_err(HF_FAIL_X) ?: x();".
 *
 * Context: process, atomic or not.
 * Return: 0, or the point's -errno if it is to fail now.
 */
int hf_fail_err(enum hf_fail point)
{
	return hf_fail(point) ? -hf_fail_points[point].err : 0;
}

static void hf_fail_arm(struct hf_fail_point *p, unsigned long nth,
			unsigned long times, bool anybody)
{
	p->armed = true;
	p->anybody = anybody;
	p->tgid = current->tgid;
	p->nth = nth;
	p->times = times;
	p->hits = 0;
	p->failed = 0;
}

static struct hf_fail_point *hf_fail_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < HF_FAIL_NR; i++)
		if (!strcmp(hf_fail_points[i].name, name))
			return &hf_fail_points[i];
	return NULL;
}

/* Carry out one line of control. */
static int hf_fail_control(char *line)
{
	unsigned long nth = 0, times = 1;
	struct hf_fail_point *p = NULL;
	bool anybody = false;
	char *name, *word;
	unsigned int i;

	line = strim(line);
	name = strsep(&line, " ");
	if (strcmp(name, "off") && strcmp(name, "count")) {
		p = hf_fail_find(name);
		word = strsep(&line, " ");
		if (!p || !word || kstrtoul(word, 0, &nth))
			return -EINVAL;
	}
	while ((word = strsep(&line, " "))) {
		if (!strcmp(word, "any"))
			anybody = true;
		else if (!p || kstrtoul(word, 0, &times))
			return -EINVAL;
	}

	spin_lock(&hf_fail_lock);
	if (p)
		hf_fail_arm(p, nth, times, anybody);
	for (i = 0; i < HF_FAIL_NR && !p; i++) {
		if (*name == 'c')
			hf_fail_arm(&hf_fail_points[i], 0, 0, anybody);
		else
			hf_fail_points[i].armed = false;
	}
	spin_unlock(&hf_fail_lock);
	return 0;
}

static ssize_t hf_fail_write(struct file *file, const char __user *buf,
			     size_t len, loff_t *pos)
{
	char line[80];
	int ret;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, len))
		return -EFAULT;
	line[len] = '\0';
	ret = hf_fail_control(line);
	return ret ? ret : len;
}

static int hf_fail_show(struct seq_file *s, void *unused)
{
	struct hf_fail_point now;
	unsigned int i;

	for (i = 0; i < HF_FAIL_NR; i++) {
		spin_lock(&hf_fail_lock);
		now = hf_fail_points[i];
		spin_unlock(&hf_fail_lock);
		seq_printf(s, "%s %d %lu %lu\n", now.name, now.err, now.hits,
			   now.failed);
	}
	return 0;
}

static int hf_fail_open(struct inode *inode, struct file *file)
{
	return single_open(file, hf_fail_show, NULL);
}

static const struct file_operations hf_fail_fops = {
	.owner		= THIS_MODULE,
	.open		= hf_fail_open,
	.read		= seq_read,
	.write		= hf_fail_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/**
 * hf_fail_init() - make the file, and arm what fails when the module is loaded
 *
 * Return: 0; -EINVAL for a parameter that names no point.
 */
int hf_fail_init(void)
{
	struct hf_fail_point *p = NULL;

	if (hf_fail_at_load) {
		p = hf_fail_find(hf_fail_at_load);
		if (!p)
			return -EINVAL;
		hf_fail_arm(p, 1, 1, true);
	}
	/* The name is taken only if another copy of this module is loaded. */
	hf_fail_file = debugfs_create_file("holdfast_fail", 0600, NULL, NULL,
					   &hf_fail_fops);
	return 0;
}

/**
 * hf_fail_exit() - take the file away
 */
void hf_fail_exit(void)
{
	debugfs_remove(hf_fail_file);
}
