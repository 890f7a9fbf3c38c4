/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emulated.h - devices without an IOMMU, as drivers of mediated devices make them.
 *
 * They belong to the kernel module holdfast_testdev (tests/emulated/): a test asks a device to
 * do what such a driver does in the kernel, and looks at what came of it. Two groups of one
 * device each; T_EMULATED_RUN() in place of T_RUN() loads the module and takes it out again,
 * which also shows that nobody holds a device or a pin.
 *
 * Invariant: what is not open has fd -1, so that closing fits any state.
 */
#ifndef TESTS_EMULATED_H
#define TESTS_EMULATED_H

#include "../emulated/testdev.h"
#include "harness.h"

/** Devices there are */
#define T_EMULATED_MAX 2

/**
 * struct t_emulated - a device and its group
 * @name: the device's
 * @group: its group; not attached unless somebody did
 * @fd: the device's file
 */
struct t_emulated {
	char name[32];
	struct hf_group group;
	int fd;
};

/**
 * struct t_emulated_rig - a container with such devices, opened
 * @c: the container
 * @dev: @n of them
 * @n: how many
 */
struct t_emulated_rig {
	struct hf_container c;
	struct t_emulated dev[T_EMULATED_MAX];
	unsigned int n;
};

/** t_emulated_run() - t_run() with the module loaded; exit code for main() */
int t_emulated_run(const struct t_case *cases, size_t count);

/** T_EMULATED_RUN() - t_emulated_run() of an array */
#define T_EMULATED_RUN(cases) t_emulated_run((cases), T_ARRAY_SIZE(cases))

/** t_emulated_group() - open the group of device number @n; must succeed */
void t_emulated_group(struct t_emulated *e, unsigned int n);

/** t_emulated_open() - open the device of an attached group; 0 or a negative errno */
int t_emulated_open(struct t_emulated *e);

/** t_emulated_close_device() - close the device; the group stays as it is */
void t_emulated_close_device(struct t_emulated *e);

/** t_emulated_close() - close whatever is open */
void t_emulated_close(struct t_emulated *e);

/**
 * t_emulated_rig() - a container with @n devices and nothing else; must succeed
 * @r: to fill in
 * @t: the case: the backend that serves the container must be the one it is about
 * @n: 1 or 2
 * @type: VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU
 */
void t_emulated_rig(struct t_emulated_rig *r, const struct t *t, unsigned int n, int type);

/** t_emulated_rig_close() - devices, groups, container */
void t_emulated_rig_close(struct t_emulated_rig *r);

/**
 * t_served_by() - which backend serves containers: reference counts now and before
 *
 * t_served_before() notes the counts, t_served_by() requires that since then the module of
 * @t->on, and no other, got one more user.
 *
 * Stock unpins, under the lock of its list of devices, with a lock that elsewhere is taken
 * before that one: two unmaps of pinned mappings at once, or an unmap and a device that opens
 * or closes, can hang for ever. So tests ask that of holdfast only. lockdep sees it in any
 * unmap of what is pinned; for its sake t_served_by() sets the module's parameter "indirect".
 */
struct t_served {
	long refs[T_BACKENDS];
};
void t_served_before(struct t_served *s);
void t_served_by(const struct t_served *s, const struct t *t);

/* What a device is asked; see testdev.h. All return what it answered, errors negative. */

/** t_pin() - pin pages; @pfns may be NULL */
int t_pin(const struct t_emulated *e, uint64_t iova, int npage, uint32_t prot, uint64_t *pfns);

/** t_unpin() - drop a pin of each page */
int t_unpin(const struct t_emulated *e, uint64_t iova, int npage);

/** t_unpin_strange() - the same, of pages the device has not pinned */
int t_unpin_strange(const struct t_emulated *e, uint64_t iova, int npage);

/** t_dma_rw() - copy; @flags are HF_TESTDEV_RW_* */
int t_dma_rw(const struct t_emulated *e, uint64_t iova, void *buf, size_t count, uint32_t flags);

/** t_page_read() - bytes of a pinned page, as the kernel sees them */
int t_page_read(const struct t_emulated *e, uint64_t iova, uint32_t offset, void *buf,
		uint32_t count);

/** t_page_write() - the opposite */
int t_page_write(const struct t_emulated *e, uint64_t iova, uint32_t offset, const void *buf,
		 uint32_t count);

/** t_policy() - what to do when told of an unmap; must succeed */
void t_policy(const struct t_emulated *e, enum hf_testdev_mode mode, unsigned int times,
	      unsigned int delay_ms, uint64_t iova);

/**
 * struct t_told - what a device was told since it was asked last
 * @seq: number of now; those of events before are smaller
 * @total: events
 * @held: pins the device holds
 * @event: the first HF_TESTDEV_EVENTS of them
 */
struct t_told {
	uint64_t seq;
	unsigned int total;
	unsigned int held;
	struct hf_testdev_event event[HF_TESTDEV_EVENTS];
};

/** t_told() - ask; must succeed */
void t_told(const struct t_emulated *e, struct t_told *told);

/** t_pins_held() - pins of all devices, by the module's count; must succeed */
long t_pins_held(void);

#endif
