/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coverage: which way did a process take through the module?  See cover.c for the
 * essay.
 *
 * A module that users load is built without, and nothing of all this is in it.
 */
#ifndef HOLDFAST_COVER_H
#define HOLDFAST_COVER_H

#ifdef HOLDFAST_COVERAGE

#include <linux/types.h>

int hf_cover_init(void);
void hf_cover_exit(void);

/* What the compiler calls. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_cmp1(u8 a, u8 b);
void __sanitizer_cov_trace_cmp2(u16 a, u16 b);
void __sanitizer_cov_trace_cmp4(u32 a, u32 b);
void __sanitizer_cov_trace_cmp8(unsigned long a, unsigned long b);
void __sanitizer_cov_trace_const_cmp1(u8 constant, u8 value);
void __sanitizer_cov_trace_const_cmp2(u16 constant, u16 value);
void __sanitizer_cov_trace_const_cmp4(u32 constant, u32 value);
void __sanitizer_cov_trace_const_cmp8(unsigned long constant, unsigned long value);
void __sanitizer_cov_trace_switch(unsigned long value, void *cases);

#else

#define hf_cover_init()		0
#define hf_cover_exit()		do { } while (0)

#endif

#endif
