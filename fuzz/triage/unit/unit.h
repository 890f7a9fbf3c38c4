/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * unit.h - what every unit test here includes.
 */
#ifndef FUZZ_TRIAGE_UNIT_H
#define FUZZ_TRIAGE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first. */
#include <cmocka.h>

#endif
