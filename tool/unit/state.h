/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * state.h - cmocka, and a state of the module to read: texts, and a folder with them.
 */
#ifndef HOLDFAST_TOOL_UNIT_STATE_H
#define HOLDFAST_TOOL_UNIT_STATE_H

/* cmocka.h needs these four first, in this order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values that are all different, so that one in the wrong place is seen. */
#define INFO_TEXT                                                                          \
	"id: 3\ntype: nesting\npid: 712\nage_ms: 10000\ngroups: 2\nemulated: 5\n"          \
	"domains: 6\npage_sizes: 0x40201000\nmappings: 4\navailable: 65531\n"              \
	"bytes: 1612713984\ncharged_pages: 393729\npins: 300\nruns: 258\n"                 \
	"bytes_4k: 2101248\nbytes_2m: 536870912\nbytes_1g: 1073741824\nmaps: 20\n"         \
	"unmaps: 16\nmap_failures: 7\nslowest_map_us: 1532\nslowest_map_iova: 0x100000\n"  \
	"slowest_map_size: 0x20000000\ntracking_dirty: 1\naudit: on\n"                     \
	"incoherent_bytes: 8192\naudit_events: 11\naudit_suspect_blocks: 12\n"             \
	"audit_verified_blocks: 13\nfailures_EFAULT: 4\nfailures_ENOMEM: 3\n"

#define HEADER_TEXT                                                                        \
	"iova vaddr size prot state path pid age_ms charged_pages pins runs bytes_4k "     \
	"bytes_2m bytes_1g incoherent comm\n"

#define MAPPINGS_TEXT                                                                      \
	HEADER_TEXT                                                                        \
	"0x1000 0x7f0000001000 0x1000 r- live pages 712 9000 1 1 1 4096 0 0 0 testpmd\n"   \
	"0x200000 0x7f0000200000 0x20000000 rw held pages 712 9001 131072 256 255 0 "      \
	"536870912 0 0 testpmd\n"                                                          \
	"0x40000000 0x7f1000000000 0x40000000 -w live mixed 800 9002 262144 1 1 0 0 "      \
	"1073741824 8192 my <&> helper\n"                                                  \
	"0x800000000000 0x7f2000000000 0x200000 rw live pfnmap 712 9003 512 0 1 2097152 "  \
	"0 0 0 testpmd\n"

#define INCOHERENT_TEXT "0x40001000 0x2000\n"

/* A folder of containers, made anew by each of these. */
char *state_make(void);
void state_free(char *root);

/* Put a file into it, NULL takes it out; container 0 is for files beside "containers". */
void state_put(const char *root, unsigned int id, const char *name, const char *text);

/* A whole container with the texts above, for id 3. */
void state_put_container(const char *root);

/* What was written to a stream; to be freed. */
struct written {
	FILE *f;
	char *text;
	size_t size;
};

FILE *written_open(struct written *w);
const char *written_text(struct written *w);
void written_free(struct written *w);

/* The text has this in it, or the test fails showing all of it. */
void assert_has(const char *text, const char *part);

#endif
