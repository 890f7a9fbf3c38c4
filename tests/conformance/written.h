/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * written.h - the written sequences (sequences/ *.txt), put into the program when it is built.
 */
#ifndef CONFORMANCE_WRITTEN_H
#define CONFORMANCE_WRITTEN_H

/** All of them, one text */
extern const char cf_written[];

#endif
