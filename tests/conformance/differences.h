/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * differences.h - comparing two answers, and the differences that are meant.
 */
#ifndef CONFORMANCE_DIFFERENCES_H
#define CONFORMANCE_DIFFERENCES_H

#include "model.h"

/** What can differ */
#define CF_D_RET (1u << 0)     /* result, errno */
#define CF_D_OUT (1u << 1)     /* bytes of the request's memory */
#define CF_D_BITS (1u << 2)    /* bytes of the bitmap's memory */
#define CF_D_LOCKED (1u << 3)  /* VmLck */
#define CF_D_PINNED (1u << 4)  /* VmPin */
#define CF_D_DEVICE (1u << 5)  /* what a device read */
#define CF_D_CPU (1u << 6)     /* what the CPU reads, also after a device wrote */
#define CF_D_LEFT (1u << 7)    /* something is left over after the sequence */

/**
 * struct cf_case - an operation with both answers
 * @op: the operation
 * @q: the request, with its probes
 * @before: the model before it
 * @after: the model after it; a rule may correct what holdfast charges
 * @r: the answers
 * @extra: bytes that holdfast has charged more than stock and the model knows not of
 * @fields: CF_D_* that differ
 * @part: set by a rule: the sides are in different states now
 */
struct cf_case {
	const struct cf_op *op;
	const struct cf_request *q;
	struct cf_model *before;
	struct cf_model *after;
	const struct cf_result *r;
	int64_t extra;
	uint32_t fields;
	bool part;
};

/** cf_compare() - set @extra and @fields */
void cf_compare(struct cf_case *c);

/**
 * cf_allowed() - take from @fields what rules explain
 * @c: the case
 *
 * Return: what no rule explains.
 */
uint32_t cf_allowed(struct cf_case *c);

/** cf_describe() - print as diagnostics how the answers differ in @fields */
void cf_describe(const struct cf_case *c, uint32_t fields);

/** struct cf_rule_count - a rule and how often it explained something */
struct cf_rule_count {
	const char *name;
	const char *row;
	const char *kernels;
	unsigned long fired;
	bool here;
};

/** cf_rule() - the n-th rule; false at the end */
bool cf_rule(unsigned int n, struct cf_rule_count *count);

/** cf_beyond() - the n-th row of docs/abi.md that this test cannot reach, and why; NULL */
const char *cf_beyond(unsigned int n, const char **why);

/** cf_feature_off() - name of the switched-off feature an operation needs; NULL: it may run */
const char *cf_feature_off(const struct cf_op *op);

/** cf_features_off() - the n-th feature that is switched off; NULL */
const char *cf_features_off(unsigned int n);

#endif
