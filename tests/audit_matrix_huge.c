// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit_matrix_huge - the auditor is right about private memory of huge pages, whatever
 * happens to it.
 *
 * See harness/matrix.h. An argument keeps to the cells that have it in their name.
 */
#include "leaf.h"
#include "matrix.h"

int main(int argc, char **argv)
{
	return t_matrix(T_LEAF_THP | T_LEAF_THP_PTES | T_LEAF_HUGE2M | T_LEAF_HUGE1G,
			argc > 1 ? argv[1] : NULL);
}
