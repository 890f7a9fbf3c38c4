// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma_e1000.c - the Intel 82540EM ("e1000") as a copy engine.
 *
 * The PHY is looped back, so every frame sent is received: a transmit descriptor names the
 * source, a receive descriptor the destination, a frame is any 64 to 4096 bytes. All address
 * filters are off (promiscuous, multicast, broadcast), long frames are allowed, and the
 * checksum that the MAC appends is stripped before the frame is stored (SECRC), so the frame
 * may be arbitrary bytes and the destination receives exactly those. Frames below 60 bytes
 * would be padded, which is why shorter copies do not exist; 64 is the rounder number.
 *
 * Rings: 256 legacy descriptors each, transmit in page 0 and receive in page 1 of the
 * engine's memory. ring[0] and ring[1] are the tails. Between two submits both rings are
 * empty (head == tail), so the n-th receive descriptor always meets the n-th frame.
 *
 * After the receiver is enabled the link may take a while (an emulated 82540EM drops what it
 * receives for a second): start() sends one frame until it arrives.
 *
 * Register and descriptor layout: Intel "PCI/PCI-X Family of Gigabit Ethernet Controllers
 * Software Developer's Manual", chapters 3 and 13.
 */
#include "dma_engine.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define RING_SIZE 256u
#define RING_BYTES 4096u

/* Registers, byte offsets in BAR 0. */
enum {
	CTRL = 0x0000,
	MDIC = 0x0020,
	IMC = 0x00d8,
	RCTL = 0x0100,
	TCTL = 0x0400,
	TIPG = 0x0410,
	RDBAL = 0x2800,
	RDBAH = 0x2804,
	RDLEN = 0x2808,
	RDH = 0x2810,
	RDT = 0x2818,
	RDTR = 0x2820,
	TDBAL = 0x3800,
	TDBAH = 0x3804,
	TDLEN = 0x3808,
	TDH = 0x3810,
	TDT = 0x3818,
};

#define CTRL_FD (1u << 0)
#define CTRL_SLU (1u << 6) /* set link up */
#define CTRL_SPEED_1000 (2u << 8)
#define CTRL_FRCSPD (1u << 11)
#define CTRL_FRCDPX (1u << 12)
#define CTRL_RST (1u << 26)

#define MDIC_REG(n) ((uint32_t)(n) << 16)
#define MDIC_PHY1 (1u << 21)
#define MDIC_WRITE (1u << 26)
#define MDIC_READY (1u << 28)
#define MDIC_ERROR (1u << 30)

#define PHY_CONTROL 0
#define PHY_LOOPBACK_1000_FD 0x4140u

#define RCTL_EN (1u << 1)
#define RCTL_UPE (1u << 3) /* unicast promiscuous */
#define RCTL_MPE (1u << 4) /* multicast promiscuous */
#define RCTL_LPE (1u << 5) /* long packets */
#define RCTL_BAM (1u << 15) /* broadcast */
#define RCTL_4096 (3u << 16 | 1u << 25)
#define RCTL_SECRC (1u << 26)
#define RCTL_ON (RCTL_EN | RCTL_UPE | RCTL_MPE | RCTL_LPE | RCTL_BAM | RCTL_4096 | RCTL_SECRC)

#define TCTL_EN (1u << 1)
#define TCTL_PSP (1u << 3)
#define TCTL_CT (0x0fu << 4)
#define TCTL_COLD (0x40u << 12) /* full duplex */
#define TIPG_IEEE (10u | 8u << 10 | 6u << 20)

#define TX_EOP 0x01u
#define TX_IFCS 0x02u
#define TX_RS 0x08u
#define STATUS_DD 0x01u
#define STATUS_EOP 0x02u

struct tx_desc {
	uint64_t addr;
	uint16_t len;
	uint8_t cso;
	uint8_t cmd;
	uint8_t status;
	uint8_t css;
	uint16_t special;
};

struct rx_desc {
	uint64_t addr;
	uint16_t len;
	uint16_t csum;
	uint8_t status;
	uint8_t errors;
	uint16_t special;
};

_Static_assert(sizeof(struct tx_desc) == 16, "the device's layout");
_Static_assert(sizeof(struct rx_desc) == 16, "the device's layout");
_Static_assert(RING_SIZE * sizeof(struct tx_desc) == RING_BYTES, "what the rings take");
_Static_assert(RING_BYTES == HF_DMA_OFF_RING1 - HF_DMA_OFF_RING0, "a ring is a page");
_Static_assert(HF_DMA_MAX_BATCH < RING_SIZE, "a full ring would look empty");

static volatile struct tx_desc *tx_ring(const struct hf_dma *e)
{
	return (volatile struct tx_desc *)(void *)(e->mem + HF_DMA_OFF_RING0);
}

static volatile struct rx_desc *rx_ring(const struct hf_dma *e)
{
	return (volatile struct rx_desc *)(void *)(e->mem + HF_DMA_OFF_RING1);
}

static void put_tx(struct hf_dma *e, unsigned int i, uint64_t src, uint32_t len)
{
	volatile struct tx_desc *t = &tx_ring(e)[i];

	t->addr = src;
	t->len = (uint16_t)len;
	t->cso = 0;
	t->cmd = TX_EOP | TX_IFCS | TX_RS;
	t->status = 0;
	t->css = 0;
	t->special = 0;
}

static void put_rx(struct hf_dma *e, unsigned int i, uint64_t dst)
{
	volatile struct rx_desc *r = &rx_ring(e)[i];

	r->addr = dst;
	r->len = 0;
	r->csum = 0;
	r->status = 0;
	r->errors = 0;
	r->special = 0;
}

static unsigned int advance(unsigned int i, unsigned int n)
{
	return (i + n) % RING_SIZE;
}

/* One status byte of a descriptor that the device sets when it is done with it. */
static bool is_done(void *status)
{
	return *(volatile uint8_t *)status & STATUS_DD;
}

static bool mdic_ready(void *bar)
{
	return hf_bar_read32(bar, MDIC) & MDIC_READY;
}

static int phy_write(struct hf_dma *e, unsigned int reg, uint16_t value)
{
	int ret;

	hf_bar_write32(&e->bar, MDIC, value | MDIC_REG(reg) | MDIC_PHY1 | MDIC_WRITE);
	ret = hf_dma_wait(mdic_ready, &e->bar, 100);
	if (ret)
		return ret;
	return (hf_bar_read32(&e->bar, MDIC) & MDIC_ERROR) ? -EIO : 0;
}

static bool reset_done(void *bar)
{
	return !(hf_bar_read32(bar, CTRL) & CTRL_RST);
}

static void set_ring(struct hf_dma *e, unsigned int base, uint64_t iova)
{
	/* base is RDBAL or TDBAL; both blocks are laid out the same. */
	hf_bar_write32(&e->bar, base, (uint32_t)iova);
	hf_bar_write32(&e->bar, base + (RDBAH - RDBAL), (uint32_t)(iova >> 32));
	hf_bar_write32(&e->bar, base + (RDLEN - RDBAL), RING_BYTES);
	hf_bar_write32(&e->bar, base + (RDH - RDBAL), 0);
	hf_bar_write32(&e->bar, base + (RDT - RDBAL), 0);
}

/* Send a frame into the test page until one comes back: then the receiver is awake. */
static int wake_receiver(struct hf_dma *e)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	volatile struct rx_desc *r = &rx_ring(e)[0];

	put_rx(e, 0, e->iova + HF_DMA_OFF_TEST_DST);
	e->ring[1] = 1;
	hf_bar_write32(&e->bar, RDT, e->ring[1]);

	/* 200 naps of 20 ms: four times what the slowest device known needs. */
	for (int i = 0; i < 200; i++) {
		const unsigned int at = e->ring[0];

		put_tx(e, at, e->iova + HF_DMA_OFF_TEST_SRC, HF_DMA_MIN_LEN);
		e->ring[0] = advance(at, 1);
		hf_bar_write32(&e->bar, TDT, e->ring[0]);
		if (hf_dma_wait(is_done, (void *)&tx_ring(e)[at].status, 100))
			return -ETIMEDOUT;
		if (is_done((void *)&r->status))
			return 0;
		nanosleep(&nap, NULL);
	}
	return -ETIMEDOUT;
}

static int e1000_start(struct hf_dma *e)
{
	int ret;

	if (!e->bar.addr) {
		ret = hf_bar_map(e->device, VFIO_PCI_BAR0_REGION_INDEX, &e->bar);
		if (ret)
			return ret;
	}

	hf_bar_write32(&e->bar, IMC, ~0u);
	hf_bar_write32(&e->bar, CTRL, CTRL_RST);
	ret = hf_dma_wait(reset_done, &e->bar, 100);
	if (ret)
		return ret;
	hf_bar_write32(&e->bar, IMC, ~0u);
	/* Not every emulation resets on CTRL_RST: stop both sides before the rings move. */
	hf_bar_write32(&e->bar, RCTL, 0);
	hf_bar_write32(&e->bar, TCTL, 0);

	memset(e->mem + HF_DMA_OFF_RING0, 0, RING_BYTES);
	memset(e->mem + HF_DMA_OFF_RING1, 0, RING_BYTES);
	e->ring[0] = 0;
	e->ring[1] = 0;
	set_ring(e, TDBAL, e->iova + HF_DMA_OFF_RING0);
	set_ring(e, RDBAL, e->iova + HF_DMA_OFF_RING1);
	hf_bar_write32(&e->bar, RDTR, 0);

	hf_bar_write32(&e->bar, CTRL,
		       CTRL_FD | CTRL_SLU | CTRL_SPEED_1000 | CTRL_FRCSPD | CTRL_FRCDPX);
	ret = phy_write(e, PHY_CONTROL, PHY_LOOPBACK_1000_FD);
	if (ret)
		return ret;
	hf_bar_write32(&e->bar, TIPG, TIPG_IEEE);
	hf_bar_write32(&e->bar, TCTL, TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD);
	hf_bar_write32(&e->bar, RCTL, RCTL_ON);
	return wake_receiver(e);
}

static int e1000_submit(struct hf_dma *e, const struct hf_dma_xfer *x, unsigned int count)
{
	const unsigned int timeout_ms = 1000;
	const unsigned int tx = e->ring[0], rx = e->ring[1];
	volatile uint8_t *last;
	int ret;

	for (unsigned int i = 0; i < count; i++)
		if (!x[i].dst) /* a receive buffer at 0 is none: the device would skip it */
			return -EINVAL;

	for (unsigned int i = 0; i < count; i++) {
		put_rx(e, advance(rx, i), x[i].dst);
		put_tx(e, advance(tx, i), x[i].src, x[i].len);
	}
	e->ring[0] = advance(tx, count);
	e->ring[1] = advance(rx, count);
	hf_bar_write32(&e->bar, RDT, e->ring[1]);
	hf_bar_write32(&e->bar, TDT, e->ring[0]);

	last = &tx_ring(e)[advance(tx, count - 1)].status;
	ret = hf_dma_wait(is_done, (void *)last, timeout_ms);
	if (ret)
		return ret;
	last = &rx_ring(e)[advance(rx, count - 1)].status;
	ret = hf_dma_wait(is_done, (void *)last, timeout_ms);
	if (ret)
		return ret;

	for (unsigned int i = 0; i < count; i++) {
		const volatile struct rx_desc *r = &rx_ring(e)[advance(rx, i)];
		const uint8_t want = STATUS_DD | STATUS_EOP;

		if ((r->status & want) != want || r->errors || r->len != x[i].len)
			return -EIO;
	}
	/* The status bytes were read before whatever the caller reads of the data. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return 0;
}

static void e1000_stop(struct hf_dma *e)
{
	if (!e->bar.addr)
		return;
	hf_bar_write32(&e->bar, IMC, ~0u);
	hf_bar_write32(&e->bar, RCTL, 0);
	hf_bar_write32(&e->bar, TCTL, 0);
	/* A read comes back only after the writes before it have reached the device. */
	(void)hf_bar_read32(&e->bar, TCTL);
	hf_bar_unmap(&e->bar);
}

const struct hf_dma_ops hf_dma_e1000 = {
	.name = "e1000",
	.vendor = 0x8086,
	.device = 0x100e,
	.max_chunk = 4096,
	.min_chunk = HF_DMA_MIN_LEN,
	.batch = HF_DMA_MAX_BATCH,
	.start = e1000_start,
	.submit = e1000_submit,
	.stop = e1000_stop,
};
