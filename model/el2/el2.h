/* SPDX-License-Identifier: MIT */
/*
 * Arm's world switch as KVM does it on a host that runs at EL2 (VHE): the processor only latches
 * syndrome, return address and state; registers are saved and restored by software in the vCPU
 * structure, whose lines go through the core's caches. EL1's own registers stay loaded.
 *
 * Time: every function takes the transaction it serves; NULL means untimed. Nothing can fail.
 */
#ifndef VIRTSIM_EL2_H
#define VIRTSIM_EL2_H

#include "virtsim/phys.h"
#include "virtsim/port.h"

#define VS_DEF_NAME el2
#define VS_DEF_FILE "el2/el2.def"
#include "virtsim/def_types.h"

/* Exception classes, ESR_EL2.EC (Arm ARM, D17.2.37); an interrupt has no syndrome. */
enum vs_el2_class {
    VS_EL2_WFX = 0x01,
    VS_EL2_HVC64 = 0x16,
    VS_EL2_SYS64 = 0x18,
    VS_EL2_IABT_LOW = 0x20,
    VS_EL2_DABT_LOW = 0x24,
    VS_EL2_IRQ = 0x100
};

/* HCR_EL2 (Arm ARM, D17.2.48). */
#define VS_HCR_VM (1ull << 0)
#define VS_HCR_IMO (1ull << 4)
#define VS_HCR_FB (1ull << 9)
#define VS_HCR_TWI (1ull << 13)
#define VS_HCR_TID3 (1ull << 18)
#define VS_HCR_TTLB (1ull << 25)
#define VS_HCR_E2H (1ull << 34)

struct vs_el2_wiring {
    struct vs_ledger *ledger;
    struct vs_clock clock;
    struct vs_phys *phys;
    struct vs_mem_port mem;
    uint16_t guest_actor;
};

struct vs_el2 {
    struct vs_el2_config config;
    struct vs_el2_wiring wire;
    struct vs_vmcs_port values; /* see vs_el2_port */
    uint64_t count[VS_CNT_el2_N];
    uint16_t base;
    vs_hpa vcpu; /* the vCPU structure: 4 KiB, first the guest's, then the host's registers */
    uint64_t hcr, esr, hpfar;
};

void vs_el2_init(struct vs_el2 *e, const struct vs_el2_config *config,
                 const struct vs_el2_wiring *wiring, vs_hpa vcpu);
/* Does HCR_EL2 send this to EL2? `identification`: a system register of the ID group. */
bool vs_el2_traps(struct vs_el2 *e, uint32_t class, bool identification);
/* The same of a TLBI at EL1. */
bool vs_el2_traps_tlbi(struct vs_el2 *e);
void vs_el2_exit(struct vs_el2 *e, struct vs_txn *t, uint32_t class, uint64_t guest_physical);
/* The guest's actor runs afterwards. */
void vs_el2_enter(struct vs_el2 *e, struct vs_txn *t);
/* What handlers ask for by the encodings used here (VMX's): loads and stores of the vCPU
 * structure; the value is `values`'s. */
struct vs_vmcs_port vs_el2_port(struct vs_el2 *e, const struct vs_vmcs_port *values);

#endif
