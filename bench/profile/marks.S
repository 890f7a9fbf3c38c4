/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * marks.S - the marks of marks.h: they do nothing, their addresses are what matters.
 *
 * In assembly, so that each has PROFILE_MARK_BYTES at its very address, whatever a compiler
 * would put at the head of a function.
 */
#include "marks.h"

.macro mark name
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	.byte	PROFILE_MARK_BYTES
	ret
	.size	\name, . - \name
.endm

	.text
	mark	profile_ready
	mark	profile_start
	mark	profile_stop

	.section .note.GNU-stack, "", @progbits
