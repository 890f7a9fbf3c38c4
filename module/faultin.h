/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faulting memory in with several threads.  See faultin.c for the essay.
 */
#ifndef HOLDFAST_FAULTIN_H
#define HOLDFAST_FAULTIN_H

#include <linux/types.h>

struct hf_faultin;

struct hf_faultin *hf_faultin_begin(unsigned long vaddr, unsigned long pages);
bool hf_faultin_wait(struct hf_faultin *fi, unsigned long vaddr);
void hf_faultin_stop(struct hf_faultin *fi);
void hf_faultin_end(struct hf_faultin *fi);

#endif
