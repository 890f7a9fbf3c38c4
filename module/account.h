/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Locked-memory accounting: who paid for a mapping's pages, and the refund.
 * See account.c for the essay.
 */
#ifndef HOLDFAST_ACCOUNT_H
#define HOLDFAST_ACCOUNT_H

#include <linux/types.h>

struct mm_struct;
struct user_struct;

/**
 * struct hf_charge - locked memory somebody pays for
 * @mm: whose memory it is, held by mmgrab(); NULL while nobody's: empty
 * @user: the payer, held by get_uid(); NULL where @mm pays
 * @pages: pages charged
 * @unlimited: had the payer CAP_IPC_LOCK when it became one?
 */
struct hf_charge {
	struct mm_struct *mm;
	struct user_struct *user;
	unsigned long pages;
	bool unlimited;
};

int hf_charge_take(struct hf_charge *charge, unsigned long pages, bool by_user);
int hf_charge_open(struct hf_charge *charge, bool by_user);
int hf_charge_more(struct hf_charge *charge, unsigned long pages);
void hf_charge_less(struct hf_charge *charge, unsigned long pages);
void hf_charge_set(struct hf_charge *charge, unsigned long pages);
int hf_charge_hand_over(struct hf_charge *charge);
void hf_charge_refund(struct hf_charge *charge);
void hf_charge_move(struct hf_charge *to, struct hf_charge *from);

#endif
