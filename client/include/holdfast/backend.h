/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backend.h - which kernel module serves new containers: "stock" or "holdfast".
 *
 * The holdfast module is asked first once loaded; its parameter "enabled" is the kill
 * switch: while it is N, new containers fall through to the stock vfio_iommu_type1. The
 * choice is made at hf_container_set_type() and stays with that container for its life.
 */
#ifndef HOLDFAST_BACKEND_H
#define HOLDFAST_BACKEND_H

#include <stdbool.h>

/** Names of the two backends */
#define HF_BACKEND_STOCK "stock"
#define HF_BACKEND_HOLDFAST "holdfast"

/**
 * hf_backend_select() - choose the backend of containers typed from now on
 * @name: "stock" or "holdfast"
 *
 * Selecting "stock" where holdfast is not loaded succeeds: nothing is to be done.
 *
 * Return: 0; -EINVAL for another name; -ENODEV when that backend's module is not loaded;
 * -EACCES, … when the kill switch cannot be written.
 */
int hf_backend_select(const char *name);

/**
 * hf_backend_current() - who would serve a container typed now
 *
 * Return: "holdfast", "stock", or NULL when neither is loaded.
 */
const char *hf_backend_current(void);

/** hf_backend_available() - true when hf_backend_select() of that name can work */
bool hf_backend_available(const char *name);

#endif
