/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * matrix.h - whatever happens to mapped memory of whatever kind, the auditor says exactly which
 * pages device and CPU do not share any more, and says nothing of pages they share.
 *
 * A cell is an event (events.c, more_events.c) and a backing (leaf.h). Its memory is mapped
 * whole, in part, and in part for reading only. What is true is found by trying: every page is
 * touched and its PFN compared with the one that was mapped, and at all borders the device reads
 * what the CPU writes and the other way round (auditor.h). The same, page by page, must have been
 * said
 *
 *	told	by the auditor of its own accord, in the tracepoint and by the eventfd
 *	asked	by HOLDFAST_INCOHERENT with the auditor on, and off, while what was taken away is
 *		absent, and again when it has been touched
 *
 * Each cell and the sums are printed as diagnostics: cells, pages wrongly reported (false
 * positives), pages missed (false negatives), how long it took to be told.
 */
#ifndef TESTS_MATRIX_H
#define TESTS_MATRIX_H

/**
 * t_matrix() - play all cells of some backings, on holdfast
 * @leaves: T_LEAF_*
 * @only: only cells that have this in their name; or NULL
 *
 * Return: exit code for main().
 */
int t_matrix(unsigned int leaves, const char *only);

#endif
