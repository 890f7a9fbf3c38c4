/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * profile.h - which kernel function executed how many instructions.
 *
 * Joins two text files: what the plugin counted, by address (counter.c), and the symbols of the
 * kernel it counted in, as its /proc/kallsyms had them.
 */
#ifndef HOLDFAST_PROFILE_H
#define HOLDFAST_PROFILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Names that are no function: all of user space, and kernel addresses before any symbol */
#define PROFILE_USER "(user space)"
#define PROFILE_UNKNOWN "(no symbol)"

/**
 * struct profile_symbol - a function of the kernel
 * @address: its first byte
 * @type: letter of /proc/kallsyms
 * @name: its name, owned
 * @module: its module, "" for the kernel itself, owned
 */
struct profile_symbol {
	uint64_t address;
	char type;
	char *name;
	char *module;
};

/**
 * struct profile_symbols - the functions of a kernel, ascending, one for each address
 * @list: the array, owned
 * @count: entries
 */
struct profile_symbols {
	struct profile_symbol *list;
	size_t count;
};

/**
 * struct profile_counts - what the plugin counted in one stretch
 * @total: all instructions
 * @address: where, ascending, owned
 * @executed: how often, owned
 * @count: entries of both
 */
struct profile_counts {
	uint64_t total;
	uint64_t *address;
	uint64_t *executed;
	size_t count;
};

/**
 * struct profile_row - a function in a profile
 * @name: its name, borrowed from the symbols
 * @module: its module, "" for the kernel itself, borrowed
 * @instructions: executed in it
 * @calls: how often its first instruction ran: how often it was entered, unless a loop of its
 *	own leads back there; 0 for what is no function
 */
struct profile_row {
	const char *name;
	const char *module;
	uint64_t instructions;
	uint64_t calls;
};

/**
 * struct profile - the rows, dearest first
 * @rows: the array, owned
 * @count: entries
 */
struct profile {
	struct profile_row *rows;
	size_t count;
};

/**
 * profile_read_symbols() - read a /proc/kallsyms
 * @in: its text; entries that are no code are passed over
 * @symbols: to fill in
 *
 * Of several names for one address one is kept: a global one rather than a local one, a local
 * one rather than a weak one, then the one with fewer underscores in front, then the first by
 * alphabet.
 *
 * Return: 0; -EINVAL a line is none of kallsyms; -ENODATA no code in it, or all addresses are
 * zero (kptr_restrict); -ENOMEM.
 */
int profile_read_symbols(FILE *in, struct profile_symbols *symbols);

/** profile_free_symbols() - harmless on a zeroed one */
void profile_free_symbols(struct profile_symbols *symbols);

/**
 * profile_read_counts() - read a file of the plugin
 * @in: its text
 * @counts: to fill in
 *
 * Return: 0; -EINVAL it is none, or the counts do not add up to its total; -ENOMEM.
 */
int profile_read_counts(FILE *in, struct profile_counts *counts);

/** profile_free_counts() - harmless on a zeroed one */
void profile_free_counts(struct profile_counts *counts);

/**
 * profile_make() - add up by function
 * @counts: what was counted
 * @symbols: functions; must outlive the profile
 * @profile: to fill in
 *
 * An address belongs to the last symbol at or before it. The rows add up to @counts->total.
 *
 * Return: 0 or -ENOMEM.
 */
int profile_make(const struct profile_counts *counts, const struct profile_symbols *symbols,
		 struct profile *profile);

/** profile_free() - harmless on a zeroed one */
void profile_free(struct profile *profile);

#endif
