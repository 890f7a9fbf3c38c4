/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * command.h - the commands of the tool, with their options parsed.
 */
#ifndef HOLDFAST_TOOL_COMMAND_H
#define HOLDFAST_TOOL_COMMAND_H

#include "source.h"
#include "table.h"

#include <stdio.h>

/**
 * struct ht_options - of all commands; each looks at its own
 * @root: folder to read
 * @json: answer in JSON
 * @id: container, where @has_id
 * @has_id: one was named
 * @once: top: one table, no terminal
 * @order: top: how to sort
 * @interval_ms: top: between refreshes
 * @rows: map: of the picture
 * @svg: map: file for the image, NULL for none
 */
struct ht_options {
	const char *root;
	bool json;
	uint64_t id;
	bool has_id;
	bool once;
	struct ht_order order;
	unsigned int interval_ms;
	unsigned int rows;
	const char *svg;
};

/** ht_command - carry it out: text to @out, exit code, and s->problem when it is one */
typedef enum ht_code (*ht_command)(struct ht_source *s, const struct ht_options *o, FILE *out);

enum ht_code ht_command_top(struct ht_source *s, const struct ht_options *o, FILE *out);
enum ht_code ht_command_show(struct ht_source *s, const struct ht_options *o, FILE *out);
enum ht_code ht_command_map(struct ht_source *s, const struct ht_options *o, FILE *out);
enum ht_code ht_command_incoherent(struct ht_source *s, const struct ht_options *o, FILE *out);
enum ht_code ht_command_stat(struct ht_source *s, const struct ht_options *o, FILE *out);

/**
 * ht_main() - the program
 * @argc: as main() has it
 * @argv: likewise
 *
 * Return: exit code, one of enum ht_code or 128 + signal. Wrong usage and --help do not return.
 */
int ht_main(int argc, char **argv);

#endif
