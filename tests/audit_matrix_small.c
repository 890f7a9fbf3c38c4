// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit_matrix_small - the auditor is right about private anonymous memory of small pages, whatever
 * happens to it.
 *
 * See harness/matrix.h. An argument keeps to the cells that have it in their name.
 */
#include "leaf.h"
#include "matrix.h"

int main(int argc, char **argv)
{
	return t_matrix(T_LEAF_ANON4K | T_LEAF_MTHP64K, argc > 1 ? argv[1] : NULL);
}
