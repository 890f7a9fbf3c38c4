/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * differ.h - the same requests to both backends, the answers compared.
 */
#ifndef TESTS_DIFFER_H
#define TESTS_DIFFER_H

#include "harness.h"

/** Requests one case may make */
#define T_DIFFER_MAX 33000

/**
 * t_same() - on stock keep an answer, on holdfast compare with what was kept
 * @t: the case
 * @n: number of the request in it, from 0 on, the same on both
 * @ret: what was answered
 * @more: anything else that is part of the answer
 * @fmt: names the request when answers differ
 *
 * A difference fails the case. Return: false when there were so many that the case may stop.
 */
bool t_same(struct t *t, size_t n, int ret, uint64_t more, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/** t_hash() - a number that stands for some bytes, to be used as @more */
uint64_t t_hash(const void *buf, size_t len);

#endif
