/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * qemu_plugin_api.h - the part of QEMU's TCG plugin interface that counter.c uses.
 *
 * Declarations of plugin API version 1 as QEMU 7.2 exports it (docs/devel/tcg-plugins.rst in
 * QEMU's source; Debian 12 has QEMU 7.2 and no package with the header). QEMU compares
 * QEMU_PLUGIN_API with the versions it supports and refuses to load a plugin that it cannot
 * serve: 9.0 and later dropped the inline counters of this version.
 *
 * Nothing here is ours: names, types and values are QEMU's, functions are resolved by QEMU when
 * it loads the plugin.
 */
#ifndef HOLDFAST_PROFILE_QEMU_PLUGIN_API_H
#define HOLDFAST_PROFILE_QEMU_PLUGIN_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Version that qemu_plugin_version must hold */
#define QEMU_PLUGIN_API 1

/** Identifies a loaded plugin in calls */
typedef uint64_t qemu_plugin_id_t;

/** struct qemu_info_t - what QEMU says about itself at install */
typedef struct qemu_info_t {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	union {
		struct {
			int smp_vcpus;
			int max_vcpus;
		} system;
	};
} qemu_info_t;

/** A block of guest code while it is translated, and an instruction in it */
struct qemu_plugin_tb;
struct qemu_plugin_insn;

/** What a callback does with guest registers */
enum qemu_plugin_cb_flags {
	QEMU_PLUGIN_CB_NO_REGS,
	QEMU_PLUGIN_CB_R_REGS,
	QEMU_PLUGIN_CB_RW_REGS,
};

/** Operations done without a call */
enum qemu_plugin_op {
	QEMU_PLUGIN_INLINE_ADD_U64,
};

typedef void (*qemu_plugin_simple_cb_t)(qemu_plugin_id_t id);
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu_index, void *userdata);

/* What a plugin exports. */
extern __attribute__((visibility("default"))) int qemu_plugin_version;
__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

/* What QEMU exports. */
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    qemu_plugin_vcpu_udata_cb_t cb,
					    enum qemu_plugin_cb_flags flags, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						enum qemu_plugin_op op, void *ptr, uint64_t imm);
void qemu_plugin_reset(qemu_plugin_id_t id, qemu_plugin_simple_cb_t cb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);

#endif
