#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-ops.sh OBJTREE RELEASE [VFIO_KO] - is compat/vfio_ops.h this kernel's?
#
# The table that vfio_register_iommu_driver() takes is private to the kernel,
# so a header package cannot tell its layout, and a wrong one is a call through
# the wrong pointer.  Two witnesses are asked, whichever can speak:
#
#   BTF   vfio.ko (or, with vfio built in, vmlinux) describes the struct;
#         needs pahole, OBJTREE/vmlinux and vfio.ko
#   CRC   Module.symvers has a checksum of the function's type, struct
#         included; compat/ops.crc lists those that were compared by hand
#
# Prints nothing when the layout is known to be right, else one line that says
# what is wrong and what to do.  The exit code is always 0: Kbuild looks at the
# text.
set -u
objtree=$1
release=$2
vfio_ko=${3:-}
here=$(dirname "$0")

# First member to last, as in compat/vfio_ops.h; 6.1 and 6.2 have notify behind them.
members="name owner open release ioctl attach_group detach_group pin_pages"
members="$members unpin_pages register_device unregister_device dma_rw"
members="$members group_iommu_domain"
case $release in
6.1.* | 6.2.*) members="$members notify" ;;
esac

scratch=
trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT

if [ -z "$vfio_ko" ]; then
	for ko in "/lib/modules/$release/kernel/drivers/vfio/vfio.ko"*; do
		[ -e "$ko" ] && vfio_ko=$ko
	done
fi
case $vfio_ko in
*.xz | *.zst | *.gz)
	scratch=$(mktemp -d) || exit 0
	case $vfio_ko in
	*.xz) xz -dc "$vfio_ko" ;;
	*.zst) zstd -qdc "$vfio_ko" ;;
	*.gz) gzip -dc "$vfio_ko" ;;
	esac >"$scratch/vfio.ko" && vfio_ko=$scratch/vfio.ko
	;;
esac

btf() {
	command -v pahole >/dev/null 2>&1 && [ -e "$objtree/vmlinux" ] || return
	if [ -n "$vfio_ko" ]; then
		pahole --btf_base "$objtree/vmlinux" -C vfio_iommu_driver_ops \
			"$vfio_ko"
	else
		pahole -C vfio_iommu_driver_ops "$objtree/vmlinux"
	fi 2>/dev/null
}

# One pointer a member, in order: "name@0 owner@8 ...".
said=$(btf | sed -nE \
	-e 's|^.*\(\*([a-z_]+)\)\(.*/\* *([0-9]+) +8 \*/.*|\1@\2|p' \
	-e 's|^.*[ *]([a-z_]+); +/\* *([0-9]+) +8 \*/.*|\1@\2|p' | tr '\n' ' ')
if [ -n "$said" ]; then
	want=
	at=0
	for m in $members; do
		want="$want$m@$at "
		at=$((at + 8))
	done
	[ "$said" = "$want" ] ||
		echo "struct vfio_iommu_driver_ops of Linux $release is not what holdfast knows (kernel: $said- holdfast: $want): this kernel needs a new compat/vfio_ops.h"
	exit 0
fi

crc=$(sed -nE 's/^(0x[0-9a-f]+)\tvfio_register_iommu_driver\t.*/\1/p' \
	"$objtree/Module.symvers" 2>/dev/null)
case $crc in
"" | 0x00000000)
	echo "cannot check struct vfio_iommu_driver_ops of Linux $release: install pahole (package dwarves) and the kernel's image, or name its vfio.ko with HOLDFAST_VFIO_KO=, or compare compat/vfio_ops.h yourself and build with HOLDFAST_CHECK_OPS=n"
	;;
*)
	grep -q "^$crc " "$here/ops.crc" ||
		echo "vfio_register_iommu_driver of Linux $release has the unknown CRC $crc: compare compat/vfio_ops.h with that kernel's drivers/vfio/vfio.h, then add the CRC to compat/ops.crc or build with HOLDFAST_CHECK_OPS=n"
	;;
esac
exit 0
