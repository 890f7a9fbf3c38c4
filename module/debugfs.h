/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files for an operator: /sys/kernel/debug/holdfast.  See debugfs.c for the
 * essay.
 */
#ifndef HOLDFAST_DEBUGFS_H
#define HOLDFAST_DEBUGFS_H

struct hf_container;

void hf_debugfs_add(struct hf_container *c);
void hf_debugfs_remove(struct hf_container *c);
void hf_debugfs_init(void);
void hf_debugfs_exit(void);

#endif
