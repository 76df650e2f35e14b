/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of one vCPU and the posted-interrupt descriptor. No exit policy: functions say
 * what is due; the platform connects them with the VMCS and the hypervisor.
 *
 * Registers are 256-bit vectors as in SDM 3A 11.8.4; priority class = vector >> 4. The descriptor
 * is 64 bytes in host-physical memory (SDM 3C table 30-1): PIR 255:0, ON 256, SN 257, NV 279:272,
 * NDST 319:288.
 */
#ifndef VIRTSIM_APIC_H
#define VIRTSIM_APIC_H

#include "virtsim/fact.h"
#include "virtsim/phys.h"
#include "virtsim/port/irq.h"
#include "virtsim/port/mem.h"

#define VS_DEF_NAME apic
#define VS_DEF_FILE "apic/apic.def"
#include "virtsim/def_types.h"

#define VS_APIC_NONE 0 /* vectors 0-15 cannot be raised: 0 is "none" */

enum { VS_APIC_X2APIC, VS_APIC_XAPIC }; /* interrupt.apic */

struct vs_apic {
    struct vs_apic_config cfg;
    uint16_t account;
    uint64_t message_ps, accept_ps, eoi_ps, evaluate_ps, pi_ps, icr_ps, xapic_ps, doorbell_ps;
    uint64_t irr[4], isr[4];
    uint8_t tpr;
    uint32_t id, svr, divide, lvt[7]; /* CMCI, then 832H to 837H */
    uint64_t icr;
    uint64_t raised_ps[256]; /* when each pending vector was raised */
    struct vs_phys *phys;
    vs_hpa pi; /* posted-interrupt descriptor */
    uint64_t count[VS_CNT_apic_N];
};

void vs_apic_init(struct vs_apic *a, const struct vs_apic_config *cfg, struct vs_ledger *ledger,
                  struct vs_clock clock, struct vs_phys *phys, vs_hpa pi,
                  uint8_t notification_vector);
/* The message arrives at `at` (message time included by whoever sent it). Vectors below 16 are
 * ignored, as hardware refuses them. True when the vector was not pending before. */
bool vs_apic_raise(struct vs_apic *a, uint8_t vector, vs_ps at);
/* Highest vector requested and highest in service: RVI and SVI of the guest interrupt status. */
uint8_t vs_apic_rvi(const struct vs_apic *a);
uint8_t vs_apic_svi(const struct vs_apic *a);
/* Processor priority: TPR, or the class of what is in service where that is higher. */
uint8_t vs_apic_ppr(const struct vs_apic *a);
/* Highest vector that may be delivered now: of a higher class than PPR. */
uint8_t vs_apic_pending(const struct vs_apic *a);
/* Takes it: IRR to ISR. Accepting and evaluating charge the account of that name; an injected one
 * was paid by the VM entry that carried it. */
void vs_apic_deliver(struct vs_apic *a, struct vs_txn *t, uint8_t vector, enum vs_irq_how how);
/* Ends the highest in service; returns its vector. Charges the register write, unless the write
 * exits: always without virtual-interrupt delivery, else for vectors of the EOI-exit bitmap, which
 * the VMCS decides. */
uint8_t vs_apic_eoi(struct vs_apic *a, struct vs_txn *t, bool exits);

/* Sets the vector's PIR bit and ON. True: a notification is to be sent (ON and SN were clear). */
bool vs_pi_post(struct vs_apic *a, uint8_t vector, vs_ps at);
/* ON clear, PIR into IRR; the descriptor's line goes through `mem`. Returns how many vectors moved,
 * those pending already included. */
unsigned vs_pi_sync(struct vs_apic *a, struct vs_txn *t, const struct vs_mem_port *mem);
/* SN: set while the vCPU does not run. When clearing it finds requests that were posted silently,
 * ON is set and true returned: a notification is due. */
bool vs_pi_suppress(struct vs_apic *a, bool on);
/* Who is told, and with which vector: the notification vector while the vCPU runs, a wake-up vector
 * of the host while it sleeps. */
void vs_pi_notify(struct vs_apic *a, uint8_t vector, uint32_t apic_id);
bool vs_pi_outstanding(const struct vs_apic *a);

/* What such a controller has. */
void vs_apic_facts(const void *config, const struct vs_facts *to);
/* All of this behind the port that every interrupt controller has. */
struct vs_irq_port vs_apic_port(struct vs_apic *a);
/* The same of a vCPU with AVIC: the page that was given for the descriptor is the backing page,
 * whose requests others set; a doorbell tells its processor. */
struct vs_irq_port vs_apic_avic_port(struct vs_apic *a);

#endif
