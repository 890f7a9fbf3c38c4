/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * auditor.h - what holdfast says of device and CPU (holdfast/coherence.h), and what is true.
 *
 * A verdict is an array with an element for each page of a mapping: true where the two do not
 * share the page. It comes from the auditor's own word (tracepoint hf_audit, eventfd), from asking
 * (HOLDFAST_INCOHERENT), or from trying it out (t_truth()).
 */
#ifndef TESTS_AUDITOR_H
#define TESTS_AUDITOR_H

#include <holdfast/coherence.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"

/**
 * struct t_auditor - the auditor of a container, turned on by a test
 * @c: the container
 * @eventfd: it signals
 */
struct t_auditor {
	const struct hf_container *c;
	int eventfd;
};

/** t_auditor_on() - turn it on with an eventfd, and begin to listen; must succeed */
void t_auditor_on(struct t_auditor *a, const struct hf_container *c);

/** t_auditor_off() - turn it off; harmless when it is off */
void t_auditor_off(struct t_auditor *a);

/** t_auditor_events() - what the eventfd counted since it was asked last */
uint64_t t_auditor_events(const struct t_auditor *a);

/** t_auditor_wait() - wait for the eventfd, at most @ms. Return: it was signalled. */
bool t_auditor_wait(const struct t_auditor *a, unsigned int ms);

/**
 * t_verdict_told() - what the tracepoint has said since t_auditor_on()
 * @a: auditor
 * @iova: of the first page
 * @pages: elements of @parted
 * @parted: out
 *
 * Return: lines of the trace about other pages.
 */
unsigned int t_verdict_told(const struct t_auditor *a, uint64_t iova, size_t pages, bool *parted);

/**
 * t_verdict_asked() - what HOLDFAST_INCOHERENT says; must succeed
 * @c: container
 * @iova: of the first page
 * @pages: elements of @parted
 * @parted: out
 */
void t_verdict_asked(const struct hf_container *c, uint64_t iova, size_t pages, bool *parted);

/**
 * t_pfns() - PFNs of the pages of a range as the page table has them; 0: none
 *
 * Nothing is faulted in. Must succeed.
 */
void t_pfns(const void *addr, size_t pages, uint64_t *pfn);

/** enum t_touched - how an access of the CPU went */
enum t_touched { T_NOT_THERE, T_READABLE, T_WRITABLE };

/** t_touch() - write a byte as it is, else read it; the memory need not be there */
enum t_touched t_touch(char *addr);

/**
 * struct t_truth - a mapping that is to be tried out
 * @port: device it is mapped for
 * @iova: of its first page
 * @addr: memory it was made of, whatever is there now
 * @pages: length
 * @prot: HF_READ, HF_WRITE
 * @stride: pages that are touched together at least; 1 to touch every one
 * @pfn: @pages PFNs when it was mapped
 */
struct t_truth {
	struct t_port *port;
	uint64_t iova;
	char *addr;
	size_t pages;
	uint32_t prot;
	size_t stride;
	const uint64_t *pfn;
};

/**
 * t_truth() - do device and CPU share the pages?
 * @t: mapping
 * @dma: whether a page is to be tried by DMA, too
 * @arg: for @dma
 * @parted: out
 * @what: for messages
 *
 * The CPU touches every page, so what is absent comes back. A page is shared if it is at the PFN
 * it was mapped at. Then, for @dma, the CPU writes what the device must, or must not, see, and
 * the other way round: that must say the same (else the case fails). Contents are lost.
 */
void t_truth(const struct t_truth *t, bool (*dma)(void *arg, size_t page), void *arg, bool *parted,
	     const char *what);

#endif
