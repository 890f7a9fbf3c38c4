/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h - what is mapped, as far as the driver knows.
 *
 * A simple follower of stock's answers: it lets the generator choose what is near something,
 * a sweep find pages, and a rule be exact. It predicts nothing.
 */
#ifndef CONFORMANCE_MODEL_H
#define CONFORMANCE_MODEL_H

#include "worker.h"

/** Sides */
enum { CF_STOCK, CF_HOLDFAST, CF_SIDES };

/**
 * struct cf_mapping - a live mapping
 * @iova: first IOVA
 * @size: bytes
 * @vaddr: address it was made from
 * @flags: of the request
 * @more: bytes that holdfast charges beyond what stock does
 * @disturbed: the memory at @vaddr was changed since (munmap, fork, ...)
 * @shifted: its dirty bitmap was asked for from another base since tracking began
 * @invalid: its vaddr was taken away (VFIO_DMA_UNMAP_FLAG_VADDR)
 * @port: it is a side's own
 */
struct cf_mapping {
	uint64_t iova;
	uint64_t size;
	uint64_t vaddr;
	uint32_t flags;
	int64_t more;
	bool disturbed;
	bool shifted;
	bool invalid;
	bool port;
};

/** Mappings a model can hold */
#define CF_MAPPINGS (CF_SEQUENCE_MAX + 4)

/** Mappings remembered after they are gone */
#define CF_GONE 8

/**
 * struct cf_model - the state of a sequence
 * @nr: live mappings
 * @map: they, in order of IOVA
 * @gone: some that are gone
 * @nr_gone: how many ever went
 * @setup: of the sequence
 * @attached: the group is in the container
 * @typed: the container has a type
 * @type: which
 * @dirty: dirty tracking is on
 * @limited: RLIMIT_MEMLOCK holds
 * @unsure: an answer does not say what is mapped now: the sequence must end
 */
struct cf_model {
	unsigned int nr;
	struct cf_mapping map[CF_MAPPINGS];
	struct cf_mapping gone[CF_GONE];
	unsigned int nr_gone;
	struct cf_setup setup;
	bool attached;
	bool typed;
	uint32_t type;
	bool dirty;
	bool limited;
	bool unsure;
};

/** cf_model_begin() - the state that a sequence begins in */
void cf_model_begin(struct cf_model *m, const struct cf_setup *setup);

/** cf_model_apply() - follow an operation by what stock answered */
void cf_model_apply(struct cf_model *m, const struct cf_op *op, const struct cf_result *stock);

/** cf_model_more() - bytes that holdfast is known to charge beyond stock */
int64_t cf_model_more(const struct cf_model *m);

/** cf_model_at() - mapping that holds an IOVA; NULL */
struct cf_mapping *cf_model_at(struct cf_model *m, uint64_t iova);

/** cf_model_overlap() - first mapping in [iova, iova + size); NULL */
struct cf_mapping *cf_model_overlap(struct cf_model *m, uint64_t iova, uint64_t size);

/** cf_model_invalid() - mappings whose vaddr was taken away */
unsigned int cf_model_invalid(const struct cf_model *m);

/** cf_model_probes() - pages that a sweep looks at, or with @blocked what must not get through */
uint32_t cf_model_probes(struct cf_model *m, const struct cf_op *op, struct cf_probe *p);

/** cf_kernel() - version of the running kernel: 601 for 6.1 */
unsigned int cf_kernel(void);

#endif
