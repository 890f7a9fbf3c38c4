// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - holdfast: see options.c for the command line.
 */
#include "command.h"

int main(int argc, char **argv)
{
	return ht_main(argc, argv);
}
