/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * unit.h - cmocka with the headers it wants included before it, for every unit test.
 */
#ifndef FUZZ_UNIT_H
#define FUZZ_UNIT_H

/* cmocka.h needs these four first, in this order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#endif
