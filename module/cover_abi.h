/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What cover.c and who reads it agree on: /dev/holdfast_cover of a module built with
 * HOLDFAST_COVER=y.  It never leaves this source tree: the two sides are built together.
 *
 * An open file is a session.  Mapped from offset 0 it shows a struct hf_cover_head,
 * at HF_COVER_MAP one byte for each place in the map of edges, 1 when it was passed, and at
 * HF_COVER_POINTS one byte for each byte of the module's text, where points are: bits
 * that say and decide what becomes of a point.
 */
#ifndef HOLDFAST_COVER_ABI_H
#define HOLDFAST_COVER_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HF_COVER_DEVICE		"/dev/holdfast_cover"
#define HF_COVER_VERSION	2

/* Places in the map of edges: a power of two, and no more than a u16 counts. */
#define HF_COVER_PLACES		65536

/* Offsets in the mapping, bytes. */
#define HF_COVER_MAP		4096
#define HF_COVER_POINTS		(HF_COVER_MAP + HF_COVER_PLACES)

/*
 * Bits of a point.  PASSED: it was, since the user took the bit away.  MUTE, set by
 * the user: nothing is marked there, as if the point were not in the code.
 */
#define HF_COVER_PASSED		1
#define HF_COVER_MUTE		2

/**
 * struct hf_cover_head - begin of the mapping
 * @version: HF_COVER_VERSION
 * @text_size: bytes of the module's text, and so behind HF_COVER_POINTS
 * @text: where the text begins, to be held against /sys/module/.../sections
 */
struct hf_cover_head {
	__u32 version;
	__u32 text_size;
	__u64 text;
};

/*
 * BEGIN: a new run; who entered before is not recorded any more.  The map is not
 *	touched: it is the user's to clear.
 * ENTER: the calling thread is recorded in this session, for this run.  ENOSPC:
 *	too many are.
 * LEAVE: the calling thread is not recorded any more, in whatever session.
 */
#define HF_COVER_BEGIN		_IO('H', 0xc0)
#define HF_COVER_ENTER		_IO('H', 0xc1)
#define HF_COVER_LEAVE		_IO('H', 0xc2)

#endif
