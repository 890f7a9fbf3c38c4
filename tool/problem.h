/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * problem.h - what can be in the way of an answer, with exit code, reason and remedy.
 *
 * The codes are an interface: scripts tell by them what to do. holdfast --help and
 * docs/observability.md list them.
 */
#ifndef HOLDFAST_TOOL_PROBLEM_H
#define HOLDFAST_TOOL_PROBLEM_H

/** Exit codes of every command */
enum ht_code {
	HT_OK = 0,
	HT_FAILED = 1,     /* no memory, cannot read or write a file */
	HT_USAGE = 2,      /* wrong options or arguments */
	HT_INCOHERENT = 3, /* "incoherent" found ranges; no problem of the tool's */
	HT_DENIED = 4,     /* the state is readable by root only */
	HT_NO_MODULE = 5,  /* the module is not loaded, or --root is no state of it */
	HT_NO_DEBUGFS = 6, /* the module is loaded, its debugfs cannot be seen */
	HT_GONE = 7,       /* there is no container of that number, or no more */
	HT_VERSION = 8,    /* another format version than this tool's */
	HT_MALFORMED = 9,  /* the text is not what the format says */
};

/**
 * struct ht_problem - one of them
 * @code: HT_OK while there is none
 * @text: one line: what is missing, and the remedy
 */
struct ht_problem {
	enum ht_code code;
	char text[512];
};

/**
 * ht_problem() - set it
 * @p: where
 * @code: its code
 * @fmt: the line, printf style, without newline; is cut when it is too long
 *
 * Return: @code.
 */
enum ht_code ht_problem(struct ht_problem *p, enum ht_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** ht_problem_memory() - HT_FAILED for want of memory */
enum ht_code ht_problem_memory(struct ht_problem *p);

#endif
