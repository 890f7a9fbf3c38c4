/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parse.h - the module's debugfs text, format version 1, into the model.
 *
 * Names that are not known are passed over: newer modules say more. Names that are known must
 * be there once (but for those of the auditor, and failures) and have values of their type.
 */
#ifndef HOLDFAST_TOOL_PARSE_H
#define HOLDFAST_TOOL_PARSE_H

#include "model.h"

/**
 * struct ht_fault - why a text was refused
 * @line: number from 1; the one behind the last when something is missing
 * @what: the reason
 */
struct ht_fault {
	size_t line;
	char what[128];
};

/**
 * ht_parse_version() - file "version"
 * @text: any bytes; NULL when @len is 0
 * @len: how many
 * @version: the version
 * @fault: the reason when it is refused
 *
 * Return: 0; -EBADMSG with @fault filled in.
 */
int ht_parse_version(const char *text, size_t len, uint64_t *version, struct ht_fault *fault);

/**
 * ht_parse_info() - file "info"
 * @text: any bytes
 * @len: how many
 * @c: zeroed; its info, and its comm where the text has one, are filled in. To be freed with
 *     ht_container_free() whatever this returns; likewise the next two
 * @fault: the reason when it is refused
 *
 * Return: 0; -EBADMSG; -ENOMEM.
 */
int ht_parse_info(const char *text, size_t len, struct ht_container *c, struct ht_fault *fault);

/** ht_parse_mappings() - file "mappings" into @c->mappings, in order of IOVA */
int ht_parse_mappings(const char *text, size_t len, struct ht_container *c,
		      struct ht_fault *fault);

/** ht_parse_incoherent() - file "incoherent" into @c->incoherent, in order of IOVA */
int ht_parse_incoherent(const char *text, size_t len, struct ht_container *c,
			struct ht_fault *fault);

#endif
