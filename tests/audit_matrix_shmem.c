// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit_matrix_shmem - the auditor is right about shared memory, whatever happens to it.
 *
 * See harness/matrix.h. An argument keeps to the cells that have it in their name.
 */
#include "leaf.h"
#include "matrix.h"

int main(int argc, char **argv)
{
	return t_matrix(T_LEAF_SHMEM4K | T_LEAF_SHMEMTHP | T_LEAF_SHMEMTHP_PTES,
			argc > 1 ? argv[1] : NULL);
}
