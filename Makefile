# SPDX-License-Identifier: GPL-2.0-only
#
# The front door.  Recipes are one line each; the work is in scripts/, client/,
# bench/, tests/ and module/, which can all be used without this file.
#
# Everything built goes to build/, everything downloaded to the cache
# (HOLDFAST_CACHE, default ~/.cache/holdfast), nothing anywhere else, except by
# setup (packages) and install.

SHELL := /bin/bash
.DEFAULT_GOAL := help

build := $(or $(HOLDFAST_BUILD),$(CURDIR)/build)
user := $(build)/user

# KDIR: kernel build folder for "module" and "install".
KDIR ?= /lib/modules/$(shell uname -r)/build

# PROFILE and IOMMU (one or more of each), T, V and BOOT choose what "test" runs and how; see help.
# scripts/bench takes PROFILE, MODE, FULL, ONLY, AUDIT, JOBS and RECORD from the environment itself,
# scripts/profile PROFILE, BACKEND, KIND, SIZE, STATE, OP and REPS.
test_flags := $(addprefix --profile ,$(PROFILE)) $(addprefix --iommu ,$(IOMMU)) \
	$(if $(T),--tests '$(T)') $(if $(V),--verbose) $(if $(BOOT),--append '$(BOOT)')

.PHONY: help
help:
	@echo 'holdfast: a drop-in VFIO IOMMU back end'
	@echo
	@echo '  make bench             boot a guest, compare stock and holdfast (about 6 minutes)'
	@echo '  make bench FULL=1      the whole matrix;  more: scripts/bench --help'
	@echo '  make profile           which kernel functions the instructions of one map or unmap are in'
	@echo '                         (PROFILE= BACKEND= KIND= SIZE= STATE= OP=;  more: scripts/profile --help)'
	@echo '  make bench-gate        does every gated case hold its budget? (bench/budgets.json)'
	@echo '  make test              unit tests, and functional tests in guests of two kernels'
	@echo '  make test PROFILE=P    on one kernel: $(shell awk '!/^#/ && NF { printf "%s ", $$1 }' scripts/profiles.conf)'
	@echo '  make test IOMMU=I      with another IOMMU: amd, virtio (default intel; the others in brief)'
	@echo '  make test T=REGEXP     only tests whose name matches;  V=1 shows their output'
	@echo '  make test BOOT=TEXT    with TEXT on the kernel command line of the guests'
	@echo '  make test-all          on every kernel of Debian, with every IOMMU'
	@echo '  make test-debug        on a kernel that checks itself, built here once (docs/debugging.md)'
	@echo '  make unit              only the unit tests'
	@echo '  make fuzz-parsers      AFL++ on everything in user space that reads bytes from outside'
	@echo '                         (SECONDS_EACH= T=TARGET;  more: scripts/fuzz-parsers --help)'
	@echo '  make observe           run every bpftrace one-liner of docs/observability.md in a guest'
	@echo '                         (PROFILE= RECORD=1)'
	@echo '  make conformance       many random operations on stock and holdfast side by side, compared'
	@echo '                         (PROFILE= OPS= SEED= REPLAY= RECORD=;  docs/conformance.md)'
	@echo '  make fuzz              AFL++ for ten minutes in a guest, with a live status (docs/fuzzing.md)'
	@echo '                         (PROFILE= DEBUG=1 MINUTES= JOBS= SEED= STOCK=1 BUG= FRESH=1 FIRST=1'
	@echo '                         FOREIGN=;  more: scripts/fuzz --help)'
	@echo '  make repro F=FINDING   play one finding, its first wrong step marked (PROFILE=)'
	@echo '  make fuzz-report       the newest run of the fuzzer as an HTML page (RUN=)'
	@echo '  make fuzz-host         fuzz for ever, in guests or on this machine (scripts/fuzz-host --help)'
	@echo '  make verdicts          what stock and holdfast do where pins are known to go wrong'
	@echo '                         (PROFILE= RECORD=;  docs/pins.md)'
	@echo
	@echo '  make module            build the module for this machine (KDIR=<kernel headers>)'
	@echo '  make tool              build the holdfast tool'
	@echo '  make install           install it here, loaded behind vfio, and the holdfast tool (as root)'
	@echo '  make uninstall         take it out again (as root)'
	@echo
	@echo '  make setup             install the packages all this needs (the others do it too)'
	@echo '  make update            fetch newer point versions of the kernels in the cache'
	@echo '  make user              client library, benchmark, tool and tests'
	@echo '  make check             style: checkpatch, sparse, cppcheck, shellcheck, where installed'
	@echo '  make clean             remove build/;  distclean: also the download cache'

.PHONY: setup
setup:
	@scripts/setup && scripts/qemu ensure

# The parts in the order they need each other.
parts := $(patsubst %/Makefile,%,$(wildcard guest/Makefile client/Makefile bench/Makefile \
	bench/profile/Makefile tool/Makefile tests/Makefile fuzz/triage/Makefile fuzz/Makefile \
	fuzz/parsers/Makefile))

.PHONY: user
user:
	@mkdir -p $(user)
	@set -e; for part in $(parts); do $(MAKE) --no-print-directory -C $$part O=$(user); done
	@set -e; for part in $(parts); do \
		if grep -q '^unit:' $$part/Makefile; then \
			$(MAKE) --no-print-directory -C $$part O=$(user) unit; fi; done

.PHONY: unit
unit: setup user
	@set -e; for program in $(user)/unit/*; do \
		[ -x $$program ] && [ -f $$program ] || continue; $$program || [ $$? -eq 4 ]; done

.PHONY: test
test:
	@scripts/test $(test_flags)

.PHONY: test-all
test-all:
	@scripts/test --all $(test_flags)

.PHONY: test-debug
test-debug:
	@scripts/test --debug $(test_flags)

# SECONDS_EACH is read from the environment.
.PHONY: fuzz-parsers
fuzz-parsers:
	@scripts/fuzz-parsers $(T)

.PHONY: conformance
conformance:
	@scripts/conformance

# Options in the environment: see scripts/fuzz --help and its relatives'.
.PHONY: fuzz
fuzz:
	@scripts/fuzz

.PHONY: repro
repro:
	@scripts/fuzz-repro $(if $(PROFILE),--profile '$(PROFILE)') '$(F)'

.PHONY: fuzz-report
fuzz-report:
	@scripts/fuzz-report

.PHONY: fuzz-host
fuzz-host:
	@scripts/fuzz-host

# PROFILE and RECORD: see scripts/verdicts --help.
.PHONY: verdicts
verdicts:
	@scripts/verdicts

# PROFILE and RECORD are read from the environment.
.PHONY: observe
observe:
	@scripts/observe

.PHONY: bench
bench:
	@scripts/bench

.PHONY: profile
profile:
	@scripts/profile

# "make bench-gate SUBSET=1 RECORD=1": see scripts/bench-gate --help.
.PHONY: bench-gate
bench-gate:
	@scripts/bench-gate $(if $(SUBSET),--subset) $(if $(RECORD),--record)

# The operator's tool alone; needs libncurses-dev and libjson-c-dev.
.PHONY: tool
tool:
	@mkdir -p $(user)
	@$(MAKE) --no-print-directory -C tool O=$(user) tool

.PHONY: module
module:
	@scripts/module-build --host $(KDIR)

.PHONY: install
install: module tool
	@scripts/host-install install $(KDIR)

.PHONY: uninstall
uninstall:
	@scripts/host-install uninstall $(KDIR)

.PHONY: update
update: setup
	@scripts/kernel --update

.PHONY: check
check:
	@scripts/check

.PHONY: clean
clean:
	rm -rf $(build)

.PHONY: distclean
distclean: clean
	@scripts/cache-remove
