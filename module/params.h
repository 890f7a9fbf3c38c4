/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Module parameters, defined and described in main.c.  All are writable while
 * the module runs: read each once per decision, with READ_ONCE().
 */
#ifndef HOLDFAST_PARAMS_H
#define HOLDFAST_PARAMS_H

#include <linux/types.h>

extern bool hf_enabled;
extern bool hf_allow_unsafe_interrupts;
extern bool hf_disable_hugepages;
extern bool hf_domain_per_group;
extern bool hf_account_user;
extern unsigned int hf_dma_entry_limit;
extern unsigned int hf_fault_threads;
extern bool hf_audit;

#endif
