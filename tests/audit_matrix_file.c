// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit_matrix_file - the auditor is right about mappings of files, whatever happens to them.
 *
 * See harness/matrix.h. An argument keeps to the cells that have it in their name.
 */
#include "leaf.h"
#include "matrix.h"

int main(int argc, char **argv)
{
	return t_matrix(T_LEAF_FILE | T_LEAF_FILE_SHARED | T_LEAF_HUGE2M_SHARED,
			argc > 1 ? argv[1] : NULL);
}
