/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * marks.h - the functions between which instructions are counted.
 *
 * Shared by the guest program that calls them (one.c) and the QEMU plugin that waits for them
 * (counter.c). A mark begins with one long no-op whose operand nobody else writes, so that an
 * address alone is never taken for a mark.
 */
#ifndef HOLDFAST_PROFILE_MARKS_H
#define HOLDFAST_PROFILE_MARKS_H

/** nopl 0x686f6c64(%rax,%rax,1) */
#define PROFILE_MARK_BYTES 0x0f, 0x1f, 0x84, 0x00, 0x64, 0x6c, 0x6f, 0x68

#ifndef __ASSEMBLER__

/** profile_ready() - counting is wanted soon; do something else for a moment before the start */
void profile_ready(void);

/** profile_start() - counting begins here */
void profile_start(void);

/** profile_stop() - counting ends here */
void profile_stop(void);

#endif /* __ASSEMBLER__ */

#endif
