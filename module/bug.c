// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seeded bugs, in a module built with HOLDFAST_BUGS=y only.
 *
 * Who wants to know whether a test or the fuzzer would find a mistake has to make
 * one.  Here is one mistake of each kind that this module could have: each is a
 * line or two at the place where it would be made, and asks hf_bug() whether
 * it is switched on.  What each breaks, where it shows and who should see it is
 * in fuzz/bugs.md.
 *
 * Control is the module parameter bug: the name of the one that is on, or nothing.
 * It may be written at any time; what a bug has done stays done, so that one that
 * loses pins or charges is best followed by a fresh start.
 *
 * Each is a static key, so that a place that is right costs nothing, and shows to
 * who measures coverage as if the question were not there.
 *
 * Locking: who writes a parameter holds the lock of all parameters.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "bug.h"

static const char *const hf_bug_names[] = {
	"",
#define HF_SEEDED(name)	#name
#include "bug_list.h"
#undef HF_SEEDED
};

struct static_key_false hf_bug_keys[HF_BUG_NR] = {
	[0 ... HF_BUG_NR - 1] = STATIC_KEY_FALSE_INIT,
};

/* The one that is on. */
static unsigned int hf_bug_on = HF_BUG_NONE;

static int hf_bug_set(const char *text, const struct kernel_param *kp)
{
	unsigned int i;

	for (i = 0; i < HF_BUG_NR; i++)
		if (sysfs_streq(text, hf_bug_names[i]))
			break;
	if (i == HF_BUG_NR)
		return -EINVAL;
	static_branch_disable(&hf_bug_keys[hf_bug_on]);
	static_branch_enable(&hf_bug_keys[i]);
	hf_bug_on = i;
	return 0;
}

static int hf_bug_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s\n", hf_bug_names[hf_bug_on]);
}

static const struct kernel_param_ops hf_bug_ops = {
	.set = hf_bug_set,
	.get = hf_bug_get,
};

module_param_cb(bug, &hf_bug_ops, NULL, 0644);
MODULE_PARM_DESC(bug, "Seeded bug that is switched on, for tests only (default none)");
