/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lane.h - a container that one backend serves.
 *
 * Two lanes side by side, one for each backend, each with a device group of its own, are what
 * lets repetitions of stock and holdfast alternate over the same pages. No device is opened:
 * mapping needs the group only.
 *
 * Invariant: the kill switch is back where it was when lane_open() returns; only the container
 * remembers who serves it.
 */
#ifndef HOLDFAST_BENCH_LANE_H
#define HOLDFAST_BENCH_LANE_H

#include "result.h"

#include <holdfast/container.h>
#include <holdfast/group.h>

/**
 * struct bench_lane - an open lane
 * @backend: who serves it
 * @container: typed container (type1v2)
 * @group: its only group
 */
struct bench_lane {
	enum bench_backend backend;
	struct hf_container container;
	struct hf_group group;
};

/**
 * bench_lane_open() - open a container and make sure who serves it
 * @lane: to fill in
 * @backend: who is to serve it
 * @bdf: PCI address of a device whose group is free
 *
 * Where the kernel shows module reference counts, the backend's must have risen: a container
 * that silently fell to the other backend is an error, never a measurement.
 *
 * Return: 0; -ENODEV backend not loaded; -EREMCHG served by the other backend; -errno.
 */
int bench_lane_open(struct bench_lane *lane, enum bench_backend backend, const char *bdf);

/** bench_lane_close() - close it, mappings and all; harmless when closed */
void bench_lane_close(struct bench_lane *lane);

#endif
